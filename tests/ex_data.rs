//! Values in objects of C's: whose they are, who finds them, and when they are dropped.
// A test that fails panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
mod mirror;

use std::ffi::{c_int, c_long, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{client_context, server_builder, server_context};
use libssl::context::ProtocolVersion;
use libssl::error::ErrorStack;
use libssl::ex_data::ExIndex;
use libssl::session::{SslSession, SslSessionRef};
use libssl::{ErrorKind, Ssl, SslContext, SslContextBuilder, SslMethod, SslRef};
use mirror::Two;
use openssl_sys as sys;
use openssl_sys_ext as ext;

/// Counts how many of it there are.
#[derive(Debug)]
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count.clone())
    }
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        Self::new(&self.0)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn alive(count: &Arc<AtomicUsize>) -> usize {
    count.load(Ordering::Relaxed)
}

fn port() -> SslContextBuilder {
    SslContext::builder(SslMethod::tls()).unwrap()
}

/// A session of a TLS 1.2 handshake, and the object that has it.
fn session() -> (Two, SslSession) {
    let two = Two::connected(ProtocolVersion::TLS1_2);
    // SAFETY: the object is live; get1 gives a reference of our own, and nobody changes the session.
    let session = unsafe { SslSession::from_ptr(ext::SSL_get1_session(two.client.as_ptr())) };
    (two, session)
}

#[test]
fn each_kind_of_object_drops_its_value_when_c_frees_it() {
    static IN_SSL: ExIndex<Ssl, Counted> = ExIndex::new();
    static IN_CONTEXT: ExIndex<SslContext, Counted> = ExIndex::new();
    static IN_SESSION: ExIndex<SslSession, Counted> = ExIndex::new();
    let count = Arc::default();

    let mut context = port();
    assert!(context.set_ex_data(&IN_CONTEXT, Counted::new(&count)).unwrap().is_none());
    let context = context.build();
    let mut ssl = Ssl::new(&context).unwrap();
    assert!(ssl.set_ex_data(&IN_SSL, Counted::new(&count)).unwrap().is_none());
    let (two, session) = session();
    // SAFETY: no other thread has the session, and nothing was borrowed from it.
    assert!(unsafe { session.set_ex_data(&IN_SESSION, Counted::new(&count)) }.unwrap().is_none());
    assert_eq!(alive(&count), 3);

    // SAFETY: the reference that `into_ptr` gave.
    unsafe { sys::SSL_free(ssl.into_ptr()) };
    assert_eq!(alive(&count), 2);
    // SAFETY: as above.
    unsafe { sys::SSL_CTX_free(context.into_ptr()) };
    assert_eq!(alive(&count), 1);
    // SAFETY: as above.
    unsafe { sys::SSL_SESSION_free(session.into_ptr()) };
    assert_eq!(alive(&count), 1, "the connection has the session still");
    drop(two);
    assert_eq!(alive(&count), 0);
}

#[test]
fn a_session_is_counted_by_its_clones() {
    let (two, session) = session();
    static INDEX: ExIndex<SslSession, Counted> = ExIndex::new();
    let count = Arc::default();
    // SAFETY: no other thread has the session, and nothing was borrowed from it.
    unsafe { session.set_ex_data(&INDEX, Counted::new(&count)) }.unwrap();
    drop(two);

    let clone = session.clone();
    assert_eq!(clone.as_ptr(), session.as_ptr());
    drop(session);
    let lent: &SslSessionRef = &clone;
    assert!(lent.ex_data(&INDEX).is_some());
    drop(clone);
    assert_eq!(alive(&count), 0);
}

#[test]
fn c_finds_the_value_by_the_number() {
    static IN_SSL: ExIndex<Ssl, u32> = ExIndex::new();
    static IN_CONTEXT: ExIndex<SslContext, u32> = ExIndex::new();
    static IN_SESSION: ExIndex<SslSession, u32> = ExIndex::new();
    let mut context = port();
    context.set_ex_data(&IN_CONTEXT, 5).unwrap();
    let context = context.build();
    let mut ssl = Ssl::new(&context).unwrap();
    ssl.set_ex_data(&IN_SSL, 6).unwrap();
    let (_two, session) = session();
    // SAFETY: no other thread has the session, and nothing was borrowed from it.
    unsafe { session.set_ex_data(&IN_SESSION, 7) }.unwrap();

    // SAFETY: the objects are live, and have a `u32` at these indices.
    let found = unsafe {
        [
            *sys::SSL_CTX_get_ex_data(context.as_ptr(), IN_CONTEXT.number().unwrap()).cast::<u32>(),
            *sys::SSL_get_ex_data(ssl.as_ptr(), IN_SSL.number().unwrap()).cast::<u32>(),
            *ext::SSL_SESSION_get_ex_data(session.as_ptr(), IN_SESSION.number().unwrap()).cast::<u32>(),
        ]
    };
    assert_eq!(found, [5, 6, 7]);
    // SAFETY: another object of the same kind.
    let other = unsafe { SslRef::from_ptr(ssl.as_ptr()) };
    assert_eq!((context.ex_data(&IN_CONTEXT), other.ex_data(&IN_SSL)), (Some(&5), Some(&6)));
    assert_eq!(session.ex_data(&IN_SESSION), Some(&7));
}

#[test]
fn what_c_has_at_its_own_index_and_as_app_data_is_reached() {
    let mut mark = 0_u8;
    let mark: *mut c_void = ptr::from_mut(&mut mark).cast();
    // SAFETY: no callbacks, no user data.
    let (for_ssl, for_context, for_session) = unsafe {
        (
            ext::SSL_get_ex_new_index(0, ptr::null_mut(), None, None, None),
            ext::SSL_CTX_get_ex_new_index(0, ptr::null_mut(), None, None, None),
            ext::SSL_SESSION_get_ex_new_index(0, ptr::null_mut(), None, None, None),
        )
    };
    let mut context = port();
    let mut ssl = Ssl::new(&client_context()).unwrap();
    let (_two, session) = session();
    for index in [for_ssl, for_context, for_session, -1, c_int::MAX] {
        assert!(ssl.ex_data_ptr(index).is_null() && context.ex_data_ptr(index).is_null());
        assert!(session.ex_data_ptr(index).is_null());
    }
    assert!(ssl.app_data().is_null() && context.app_data().is_null() && session.app_data().is_null());

    // SAFETY: the indices are C's and mean nothing to it; no other thread has the objects.
    unsafe {
        ssl.set_ex_data_ptr(for_ssl, mark).unwrap();
        context.set_ex_data_ptr(for_context, mark).unwrap();
        session.set_ex_data_ptr(for_session, mark).unwrap();
        assert_eq!(sys::SSL_get_ex_data(ssl.as_ptr(), for_ssl), mark);
        assert_eq!(sys::SSL_CTX_get_ex_data(context.as_ptr(), for_context), mark);
        assert_eq!(ext::SSL_SESSION_get_ex_data(session.as_ptr(), for_session), mark);
        ssl.set_app_data(mark).unwrap();
        context.set_app_data(mark).unwrap();
        session.set_app_data(mark).unwrap();
        assert_eq!(ext::SSL_get_app_data(ssl.as_ptr()), mark);
        assert_eq!(ext::SSL_CTX_get_app_data(context.as_ptr()), mark);
        assert_eq!(ext::SSL_SESSION_get_app_data(session.as_ptr()), mark);
    }
    assert_eq!([ssl.ex_data_ptr(for_ssl), ssl.app_data()], [mark, mark]);
    assert_eq!([context.ex_data_ptr(for_context), context.app_data()], [mark, mark]);
    assert_eq!([session.ex_data_ptr(for_session), session.app_data()], [mark, mark]);
    // SAFETY: nobody reads it any more.
    unsafe { ssl.set_app_data(ptr::null_mut()) }.unwrap();
    assert!(ssl.app_data().is_null());
}

#[test]
fn a_value_is_replaced_changed_and_taken_out() {
    static INDEX: ExIndex<Ssl, Counted> = ExIndex::new();
    static NUMBER: ExIndex<SslContext, usize> = ExIndex::new();
    let count = Arc::default();
    let mut ssl = Ssl::new(&client_context()).unwrap();
    assert!(ssl.take_ex_data(&INDEX).unwrap().is_none() && ssl.ex_data(&INDEX).is_none());

    for round in 0..10_000 {
        let earlier = ssl.set_ex_data(&INDEX, Counted::new(&count)).unwrap();
        assert_eq!(earlier.is_some(), round > 0);
    }
    assert_eq!(alive(&count), 1);
    let taken = ssl.take_ex_data(&INDEX).unwrap().unwrap();
    assert!(ssl.ex_data(&INDEX).is_none() && ssl.ex_data_mut(&INDEX).is_none());
    assert_eq!(alive(&taken.0), 1);

    let mut context = port();
    context.set_ex_data(&NUMBER, 1).unwrap();
    *context.ex_data_mut(&NUMBER).unwrap() += 4;
    assert_eq!(context.ex_data(&NUMBER), Some(&5));
    assert_eq!(context.take_ex_data(&NUMBER).unwrap(), Some(5));
    assert_eq!(context.build().ex_data(&NUMBER), None);

    static IN_SESSION: ExIndex<SslSession, usize> = ExIndex::new();
    let (_two, session) = session();
    // SAFETY: no other thread has the session, and nothing was borrowed from it.
    unsafe {
        assert_eq!(session.set_ex_data(&IN_SESSION, 1).unwrap(), None);
        assert_eq!(session.set_ex_data(&IN_SESSION, 2).unwrap(), Some(1));
        assert_eq!(session.take_ex_data(&IN_SESSION).unwrap(), Some(2));
    }
}

#[test]
fn callbacks_and_threads_find_the_value() {
    static SEEN: ExIndex<Ssl, AtomicUsize> = ExIndex::new();
    static SHARED: ExIndex<SslContext, AtomicUsize> = ExIndex::new();
    let mut server = server_builder();
    server.set_ex_data(&SHARED, AtomicUsize::new(0)).unwrap();
    server
        .set_info_callback(|ssl, _| {
            ssl.ex_data(&SEEN).unwrap().fetch_add(1, Ordering::Relaxed);
        })
        .unwrap();
    let server = server.build();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| server.clone().ex_data(&SHARED).unwrap().fetch_add(1, Ordering::Relaxed));
        }
    });
    assert_eq!(server.ex_data(&SHARED).unwrap().load(Ordering::Relaxed), 4);

    let mut two = Two::new(&client_context(), &server);
    two.server.set_ex_data(&SEEN, AtomicUsize::new(0)).unwrap();
    two.shake();
    assert!(two.server.ex_data(&SEEN).unwrap().load(Ordering::Relaxed) > 2);
}

#[test]
fn a_copy_has_a_clone_or_nothing() {
    static STAYS: ExIndex<Ssl, Counted> = ExIndex::new();
    static GOES_ALONG: ExIndex<Ssl, Counted> = ExIndex::cloning();
    static NOTHING: ExIndex<Ssl, Counted> = ExIndex::cloning();
    let count = Arc::default();
    NOTHING.number().unwrap();
    let mut ssl = Ssl::new(&client_context()).unwrap();
    ssl.set_ex_data(&STAYS, Counted::new(&count)).unwrap();
    ssl.set_ex_data(&GOES_ALONG, Counted::new(&count)).unwrap();

    let copy = ssl.dup().unwrap();
    assert_eq!(alive(&count), 3);
    assert!(copy.ex_data(&STAYS).is_none() && copy.ex_data(&NOTHING).is_none());
    assert!(copy.ex_data(&GOES_ALONG).is_some() && ssl.ex_data(&GOES_ALONG).is_some());
    drop(ssl);
    assert_eq!(alive(&count), 1);

    // SAFETY: the object is live, and has nothing of C's that a copy may not have.
    let of_c = unsafe { ext::SSL_dup(copy.as_ptr()) };
    assert_eq!(alive(&count), 2, "C's own call clones too");
    drop(copy);
    // SAFETY: ours.
    unsafe { sys::SSL_free(of_c) };
    assert_eq!(alive(&count), 0);
}

#[test]
fn libssl_copies_sessions_with_their_values() {
    static STAYS: ExIndex<SslSession, Counted> = ExIndex::new();
    static GOES_ALONG: ExIndex<SslSession, Counted> = ExIndex::cloning();
    let count = Arc::default();
    let (_two, session) = session();
    // SAFETY: no other thread has the session, and nothing was borrowed from it. The copy is ours.
    let copy = unsafe {
        session.set_ex_data(&STAYS, Counted::new(&count)).unwrap();
        session.set_ex_data(&GOES_ALONG, Counted::new(&count)).unwrap();
        SslSession::from_ptr(ext::SSL_SESSION_dup(session.as_ptr()))
    };

    assert_ne!(copy.as_ptr(), session.as_ptr());
    assert!(copy.ex_data(&STAYS).is_none() && copy.ex_data(&GOES_ALONG).is_some());
    assert_eq!(alive(&count), 3);
}

/// It can be cloned no more than it can be dropped.
struct Blast {
    armed: bool,
    count: Counted,
}

impl Clone for Blast {
    fn clone(&self) -> Self {
        assert!(!self.armed, "no clone");
        Self { armed: false, count: self.count.clone() }
    }
}

#[test]
fn a_clone_that_panics_makes_no_copy_and_goes_on() {
    static FIRST: ExIndex<Ssl, Counted> = ExIndex::cloning();
    static INDEX: ExIndex<Ssl, Blast> = ExIndex::cloning();
    let count = Arc::default();
    // The other value is cloned before.
    FIRST.number().unwrap();
    let mut ssl = Ssl::new(&client_context()).unwrap();
    ssl.set_ex_data(&FIRST, Counted::new(&count)).unwrap();
    ssl.set_ex_data(&INDEX, Blast { armed: true, count: Counted::new(&count) }).unwrap();

    let panic = catch_unwind(AssertUnwindSafe(|| ssl.dup())).unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"no clone"));
    assert_eq!(alive(&count), 2, "nothing is left of the copy");
    assert!(ErrorStack::drain().is_empty());

    ssl.ex_data_mut(&INDEX).unwrap().armed = false;
    let copy = ssl.dup().unwrap();
    assert!(!copy.ex_data(&INDEX).unwrap().armed);
    drop((ssl, copy));
    assert_eq!(alive(&count), 0);
}

/// Its destructor panics, and leaves something in the error queue and in `errno`.
struct Untidy;

impl Drop for Untidy {
    fn drop(&mut self) {
        leave_an_error(5);
        // SAFETY: C's place of this thread's `errno`.
        unsafe { *libc::__errno_location() = libc::EIO };
        panic!("in a destructor");
    }
}

fn leave_an_error(reason: c_int) {
    // SAFETY: no file, no function, no format.
    unsafe {
        sys::ERR_new();
        sys::ERR_set_error(ext::ERR_LIB_SSL, reason, ptr::null());
    }
}

#[test]
fn a_destructor_under_c_leaves_no_trace() {
    static INDEX: ExIndex<Ssl, Untidy> = ExIndex::new();
    let mut ssl = Ssl::new(&client_context()).unwrap();
    ssl.set_ex_data(&INDEX, Untidy).unwrap();
    let ssl = ssl.into_ptr();

    leave_an_error(7);
    // SAFETY: ours; `errno` is this thread's.
    let errno = unsafe {
        *libc::__errno_location() = libc::EAGAIN;
        sys::SSL_free(ssl);
        *libc::__errno_location()
    };
    assert_eq!(errno, libc::EAGAIN);
    let reasons: Vec<_> = ErrorStack::drain().iter().map(|reason| reason.reason_code()).collect();
    assert_eq!(reasons, [7]);
}

#[test]
fn an_index_of_cs_with_callbacks_keeps_them() {
    static FREED: AtomicUsize = AtomicUsize::new(0);

    unsafe extern "C" fn free(
        _: *mut c_void,
        data: *mut c_void,
        _: *mut sys::CRYPTO_EX_DATA,
        _: c_int,
        _: c_long,
        _: *mut c_void,
    ) {
        if !data.is_null() {
            FREED.fetch_add(1, Ordering::Relaxed);
        }
    }

    // SAFETY: the callback fits, and takes any pointer.
    let index = unsafe { ext::SSL_get_ex_new_index(0, ptr::null_mut(), None, None, Some(free)) };
    let mut ssl = Ssl::new(&server_context()).unwrap();
    // SAFETY: the index is ours, and its callback takes any pointer.
    unsafe { ssl.set_ex_data_ptr(index, ptr::without_provenance_mut(8)) }.unwrap();
    drop(ssl);
    assert_eq!(FREED.load(Ordering::Relaxed), 1);
}

#[test]
fn nothing_is_set_where_c_refuses() {
    let mut ssl = Ssl::new(&client_context()).unwrap();
    // SAFETY: no object has anything at an index below 0.
    let error = unsafe { ssl.set_ex_data_ptr(-1, ptr::without_provenance_mut(8)) }.unwrap_err();
    assert_eq!((error.kind(), error.call()), (ErrorKind::Refused, "SSL_set_ex_data"));
}
