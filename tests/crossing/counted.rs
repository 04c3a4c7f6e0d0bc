//! Objects with a reference count: taken over, shared, lent and given back, each counted by the moment at which C destroys
//! the object.

use std::ffi::{c_int, c_long, c_void};
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use libssl::bio::{Bio, Existing};
use libssl::session::{SslSession, SslSessionRef};
use libssl::x509::{PKey, PKeyRef, X509, X509Crl, X509CrlRef, X509Ref, X509Store, X509StoreRef};
use libssl::{
    Connected, ErrorKind, Handshake, Ssl, SslContext, SslContextBuilder, SslContextRef, SslMethod, SslRef,
};
use openssl_sys as sys;
use openssl_sys_ext as ext;

use crate::common::{client_context, client_ssl, duplex, pki};

unsafe extern "C" {
    fn EVP_PKEY_set_ex_data(key: *mut sys::EVP_PKEY, index: c_int, data: *mut c_void) -> c_int;
    fn X509_set_ex_data(certificate: *mut sys::X509, index: c_int, data: *mut c_void) -> c_int;
}

/// A C type whose objects tell when they are destroyed.
trait Probed: Sized {
    const CLASS: c_int;

    unsafe fn set(this: *mut Self, index: c_int, data: *mut c_void) -> c_int;
    unsafe fn up_ref(this: *mut Self);
    unsafe fn free(this: *mut Self);
    /// A new object of C's, with one reference.
    fn made() -> *mut Self;
}

macro_rules! probed {
    ($type:ident, $class:ident, $set:expr, $up_ref:expr, $free:expr, $made:expr) => {
        impl Probed for sys::$type {
            const CLASS: c_int = ext::$class;

            unsafe fn set(this: *mut Self, index: c_int, data: *mut c_void) -> c_int {
                // SAFETY: the object is live.
                unsafe { $set(this, index, data) }
            }

            unsafe fn up_ref(this: *mut Self) {
                // SAFETY: the object is live.
                assert_eq!(unsafe { $up_ref(this) }, 1);
            }

            unsafe fn free(this: *mut Self) {
                // SAFETY: the caller gives a reference up.
                unsafe { $free(this) };
            }

            fn made() -> *mut Self {
                $made
            }
        }
    };
}

probed!(SSL, CRYPTO_EX_INDEX_SSL, sys::SSL_set_ex_data, ext::SSL_up_ref, sys::SSL_free, {
    let context = sys::SSL_CTX::made();
    // SAFETY: the context is live, and the object takes its own reference.
    unsafe {
        let ssl = sys::SSL_new(context);
        sys::SSL_CTX_free(context);
        ssl
    }
});
probed!(
    SSL_CTX,
    CRYPTO_EX_INDEX_SSL_CTX,
    sys::SSL_CTX_set_ex_data,
    sys::SSL_CTX_up_ref,
    sys::SSL_CTX_free,
    {
        // SAFETY: a constant of the library's.
        unsafe { sys::SSL_CTX_new(sys::TLS_method()) }
    }
);
probed!(
    SSL_SESSION,
    CRYPTO_EX_INDEX_SSL_SESSION,
    ext::SSL_SESSION_set_ex_data,
    sys::SSL_SESSION_up_ref,
    sys::SSL_SESSION_free,
    // SAFETY: has no requirements.
    unsafe { ext::SSL_SESSION_new() }
);
probed!(X509, CRYPTO_EX_INDEX_X509, X509_set_ex_data, sys::X509_up_ref, sys::X509_free, {
    X509::from_pem(pki().ca_pem.as_bytes()).unwrap().into_ptr()
});
probed!(
    EVP_PKEY,
    CRYPTO_EX_INDEX_EVP_PKEY,
    EVP_PKEY_set_ex_data,
    sys::EVP_PKEY_up_ref,
    sys::EVP_PKEY_free,
    PKey::from_pem(pki().localhost.key_pem.as_bytes(), None).unwrap().into_ptr()
);
probed!(
    X509_STORE,
    CRYPTO_EX_INDEX_X509_STORE,
    ext::X509_STORE_set_ex_data,
    ext::X509_STORE_up_ref,
    sys::X509_STORE_free,
    // SAFETY: has no requirements.
    unsafe { sys::X509_STORE_new() }
);
probed!(BIO, CRYPTO_EX_INDEX_BIO, ext::BIO_set_ex_data, ext::BIO_up_ref, sys::BIO_free_all, {
    // SAFETY: has no requirements.
    unsafe { sys::BIO_new(sys::BIO_s_mem()) }
});

unsafe extern "C" fn count(
    _parent: *mut c_void,
    data: *mut c_void,
    _all: *mut sys::CRYPTO_EX_DATA,
    _index: c_int,
    _argl: c_long,
    _argp: *mut c_void,
) {
    if !data.is_null() {
        // SAFETY: what `Probe::on` put there, which lives for ever.
        unsafe { &*data.cast::<AtomicUsize>() }.fetch_add(1, Ordering::SeqCst);
    }
}

/// An object of C's, and how often it was destroyed.
struct Probe<C> {
    object: *mut C,
    destroyed: &'static AtomicUsize,
}

impl<C: Probed> Probe<C> {
    fn new() -> Self {
        Self::on(C::made())
    }

    fn on(object: *mut C) -> Self {
        static INDEXES: [OnceLock<c_int>; 20] = [const { OnceLock::new() }; 20];
        assert!(!object.is_null());
        let index = *INDEXES[usize::try_from(C::CLASS).unwrap()].get_or_init(|| {
            // SAFETY: the callback has the type of CRYPTO_EX_free.
            unsafe { sys::CRYPTO_get_ex_new_index(C::CLASS, 0, ptr::null_mut(), None, None, Some(count)) }
        });
        static COUNTS: [AtomicUsize; 1000] = [const { AtomicUsize::new(0) }; 1000];
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let destroyed = &COUNTS[NEXT.fetch_add(1, Ordering::SeqCst)];
        // SAFETY: the object is live and nobody else's.
        assert_eq!(unsafe { C::set(object, index, ptr::from_ref(destroyed).cast_mut().cast()) }, 1);
        Self { object, destroyed }
    }

    fn destroyed(&self) -> usize {
        self.destroyed.load(Ordering::SeqCst)
    }

    #[track_caller]
    fn assert_lives(&self) {
        assert_eq!(self.destroyed(), 0, "it lives");
    }

    /// C gives up the last reference.
    #[track_caller]
    fn free_last(&self) {
        self.assert_lives();
        // SAFETY: the object is live, with a reference of this test's.
        unsafe { C::free(self.object) };
        assert_eq!(self.destroyed(), 1, "that was the last reference");
    }

    /// C gives up a reference that is not the last one.
    #[track_caller]
    fn free_one(&self) {
        // SAFETY: the object is live, with a reference of this test's.
        unsafe { C::free(self.object) };
        self.assert_lives();
    }
}

/// The ways that every type has.
macro_rules! ways {
    ($name:ident, $type:ident, $borrowed:ident, $c:ident) => {
        mod $name {
            use super::*;

            #[test]
            fn what_rust_takes_over_it_frees() {
                let probe = Probe::<sys::$c>::new();
                // SAFETY: the test's reference goes over.
                let ours = unsafe { $type::from_ptr(probe.object) };
                assert_eq!(ours.as_ptr(), probe.object);
                probe.assert_lives();
                drop(ours);
                assert_eq!(probe.destroyed(), 1);
            }

            #[test]
            fn what_both_share_lives_until_the_last_lets_go() {
                for rust_first in [true, false] {
                    let probe = Probe::<sys::$c>::new();
                    // SAFETY: live, and used in turns.
                    let ours = unsafe { $type::share_from_ptr(probe.object) }.unwrap();
                    assert_eq!(ours.as_ptr(), probe.object);
                    if rust_first {
                        drop(ours);
                        probe.free_last();
                    } else {
                        probe.free_one();
                        assert!(!format!("{ours:?}").is_empty(), "it can be read");
                        drop(ours);
                        assert_eq!(probe.destroyed(), 1);
                    }
                }
            }

            #[test]
            fn what_goes_back_is_cs_alone() {
                let probe = Probe::<sys::$c>::new();
                // SAFETY: the test's reference goes over.
                let ours = unsafe { $type::from_ptr(probe.object) };
                assert_eq!(ours.into_ptr(), probe.object);
                probe.free_last();
            }

            #[test]
            fn what_is_lent_counts_nothing() {
                let probe = Probe::<sys::$c>::new();
                // SAFETY: live until the end of the test, and nobody else's.
                let lent = unsafe { $borrowed::from_ptr(probe.object) };
                assert_eq!(lent.as_ptr(), probe.object);
                assert!(!format!("{lent:?}").is_empty());
                probe.free_last();
            }

            #[test]
            fn many_crossings_leave_the_count_as_it_was() {
                let probe = Probe::<sys::$c>::new();
                for _ in 0..100 {
                    // SAFETY: live, and used in turns; the reference that was taken goes back and forth.
                    unsafe {
                        let shared = $type::share_from_ptr(probe.object).unwrap();
                        let back = shared.into_ptr();
                        drop($type::from_ptr(back));
                        <sys::$c as Probed>::up_ref(probe.object);
                        drop($type::from_ptr(probe.object));
                    }
                }
                probe.free_last();
            }
        }
    };
}

ways!(certificate, X509, X509Ref, X509);
ways!(key, PKey, PKeyRef, EVP_PKEY);
ways!(store, X509Store, X509StoreRef, X509_STORE);
ways!(context, SslContext, SslContextRef, SSL_CTX);
ways!(session, SslSession, SslSessionRef, SSL_SESSION);
ways!(object, Ssl, SslRef, SSL);
ways!(bio, Bio, BioView, BIO);

/// [`libssl::bio::BioRef`] under the name that the macro takes.
use libssl::bio::BioRef as BioView;

/// A clone is one more reference, which can go to C.
#[test]
fn a_clone_goes_to_c_and_the_original_stays() {
    macro_rules! check {
        ($type:ident, $borrowed:ident, $c:ident) => {
            let probe = Probe::<sys::$c>::new();
            // SAFETY: the test's reference goes over.
            let ours = unsafe { $type::from_ptr(probe.object) };
            assert_eq!(ours.clone().into_ptr(), probe.object);
            drop(ours);
            // SAFETY: C's reference is live.
            let again = unsafe { $borrowed::from_ptr(probe.object) }.to_owned();
            probe.free_one();
            drop(again);
            assert_eq!(probe.destroyed(), 1);
        };
    }
    check!(X509, X509Ref, X509);
    check!(PKey, PKeyRef, EVP_PKEY);
    check!(X509Store, X509StoreRef, X509_STORE);
    check!(SslContext, SslContextRef, SSL_CTX);
    check!(SslSession, SslSessionRef, SSL_SESSION);
}

/// A list has no ex_data. AddressSanitizer and valgrind count for it.
#[test]
fn a_revocation_list_is_counted_too() {
    let list = || {
        // SAFETY: has no requirements.
        let list = unsafe { sys::X509_CRL_new() };
        assert!(!list.is_null());
        list
    };
    // SAFETY: each list is live and this test's, with as many references as are given up.
    unsafe {
        drop(X509Crl::from_ptr(list()));

        let c = list();
        let shared = X509Crl::share_from_ptr(c).unwrap();
        assert_eq!(shared.as_ptr(), c);
        sys::X509_CRL_free(c);
        assert!(!format!("{shared:?}").is_empty(), "it can be read");
        let clone = shared.clone();
        drop(shared);
        let back = clone.into_ptr();
        assert_eq!(X509CrlRef::from_ptr(back).as_ptr(), c);
        sys::X509_CRL_free(back);
    }
}

#[test]
fn a_builder_takes_over_a_context_and_gives_it_back() {
    let probe = Probe::<sys::SSL_CTX>::new();
    // SAFETY: the only reference goes over, and back.
    let builder = unsafe { SslContextBuilder::from_ptr(probe.object) };
    assert_eq!(builder.into_ptr(), probe.object);
    // SAFETY: as above.
    let context = unsafe { SslContextBuilder::from_ptr(probe.object) }.build();
    probe.assert_lives();
    assert_eq!(context.as_ptr(), probe.object);
    let ssl = Ssl::new(&context).unwrap();
    drop(context);
    probe.assert_lives();
    drop(ssl);
    assert_eq!(probe.destroyed(), 1);
}

/// What fails gives the object back, with the reference that it had.
#[test]
fn what_fails_neither_loses_nor_gains_a_reference() {
    // Nothing of it is adopted: it has no BIOs, and has not begun.
    for way in 0..4 {
        let probe = Probe::<sys::SSL>::new();
        // SAFETY: the test's reference goes over.
        let ssl = unsafe { Ssl::from_ptr(probe.object) };
        let failure = match way {
            0 => Handshake::adopt(ssl).expect_err("it has not begun"),
            1 => Connected::adopt(ssl).expect_err("it is not connected"),
            2 => Connected::adopt_writing(ssl, b"data").expect_err("it is not connected"),
            _ => ssl
                .connect(Existing)
                .expect_err("it has no BIOs")
                .into_handshake()
                .expect_err("it does not wait"),
        };
        probe.assert_lives();
        let (_, ssl, _) = failure.into_parts();
        probe.assert_lives();
        assert_eq!(ssl.into_ptr(), probe.object);
        probe.free_last();
    }

    // One that is dropped with its failure.
    let probe = Probe::<sys::SSL>::new();
    // SAFETY: the test's reference goes over.
    let failure = Handshake::adopt(unsafe { Ssl::from_ptr(probe.object) }).expect_err("it has not begun");
    drop(failure);
    assert_eq!(probe.destroyed(), 1);
}

#[test]
fn a_handshake_that_fails_frees_what_it_had_once() {
    let probe = Probe::<sys::SSL>::new();
    // SAFETY: the test's reference goes over.
    let ssl = unsafe { Ssl::from_ptr(probe.object) };
    let (left, mut right) = duplex();
    std::io::Write::write_all(&mut right, b"220 mail ESMTP\r\n").unwrap();
    let failure = ssl.connect(left).expect_err("that is no TLS").into_handshake().expect_err("it failed");
    assert_eq!(failure.kind(), ErrorKind::Protocol);
    probe.assert_lives();
    drop(failure);
    assert_eq!(probe.destroyed(), 1);
}

/// The object has one reference to its BIO for both directions, as C gave it, however often it crosses.
#[test]
fn the_bios_of_an_object_are_freed_with_it() {
    for adopt in [false, true] {
        let (mut inner, mut outer) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: two places for two new BIOs.
        assert_eq!(unsafe { ext::BIO_new_bio_pair(&raw mut inner, 0, &raw mut outer, 0) }, 1);
        let bio = Probe::<sys::BIO>::on(inner);
        let probe = Probe::<sys::SSL>::on(client_ssl(&client_context()).into_ptr());
        // SAFETY: the objects are live and this test's; SSL_set_bio takes the BIO's reference.
        unsafe {
            sys::SSL_set_bio(probe.object, bio.object, bio.object);
            sys::SSL_set_connect_state(probe.object);
            assert_eq!(sys::SSL_do_handshake(probe.object), -1);
        }
        // SAFETY: the test's reference goes over.
        let ssl = unsafe { Ssl::from_ptr(probe.object) };
        if adopt {
            let handshake = Handshake::adopt(ssl).expect("C began it");
            let ssl = handshake.into_ssl().into_ptr();
            bio.assert_lives();
            // SAFETY: the reference that came back.
            drop(Handshake::adopt(unsafe { Ssl::from_ptr(ssl) }).expect("C began it"));
        } else {
            drop(ssl);
        }
        assert_eq!((probe.destroyed(), bio.destroyed()), (1, 1));
        // SAFETY: the test's reference.
        unsafe { sys::BIO_free_all(outer) };
    }
}

/// A context made here lives as long as an object that C made from it.
#[test]
fn a_context_that_went_to_c_lives_with_its_objects() {
    let context = SslContext::builder(SslMethod::tls()).unwrap().build();
    let probe = Probe::<sys::SSL_CTX>::on(context.into_ptr());
    // SAFETY: the context is live; the object takes its own reference.
    let ssl = unsafe { sys::SSL_new(probe.object) };
    probe.free_one();
    // SAFETY: the test's reference goes over.
    drop(unsafe { Ssl::from_ptr(ssl) });
    assert_eq!(probe.destroyed(), 1);
}
