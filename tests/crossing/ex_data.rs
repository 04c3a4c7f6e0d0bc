//! Data of the application's in C's objects: C's own, which is left alone, and Rust's, which C can read.

use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::Arc;

use libssl::ex_data::ExIndex;
use libssl::{Ssl, SslContext, SslContextBuilderRef, SslContextRef, SslMethod, SslRef};
use openssl_sys as sys;
use openssl_sys_ext as ext;

use crate::common::{client_context, client_ssl, server_context, shake};

static WORD: ExIndex<Ssl, Arc<str>> = ExIndex::new();
static NUMBER: ExIndex<SslContext, Arc<u32>> = ExIndex::new();

fn pointer(n: usize) -> *mut c_void {
    ptr::without_provenance_mut(n)
}

#[test]
fn what_c_keeps_in_an_object_is_left_alone_and_reachable() {
    // SAFETY: the context is new; the indexes are of such objects, and nobody reads what the pointers point to.
    unsafe {
        let index = ext::SSL_get_ex_new_index(0, ptr::null_mut(), None, None, None);
        let context_index = ext::SSL_CTX_get_ex_new_index(0, ptr::null_mut(), None, None, None);
        let context = sys::SSL_CTX_new(sys::TLS_method());
        ext::SSL_CTX_set_app_data(context, pointer(1));
        sys::SSL_CTX_set_ex_data(context, context_index, pointer(2));
        let ssl = sys::SSL_new(context);
        ext::SSL_set_app_data(ssl, pointer(3));
        sys::SSL_set_ex_data(ssl, index, pointer(4));

        // Rust adds what it needs.
        let builder = SslContextBuilderRef::from_ptr_mut(context);
        builder.set_info_callback(|_, _| ()).unwrap();
        builder.set_ex_data(&NUMBER, Arc::new(7)).unwrap();
        assert_eq!((builder.app_data(), builder.ex_data_ptr(context_index)), (pointer(1), pointer(2)));
        let borrowed = SslRef::from_ptr_mut(ssl);
        borrowed.set_info_callback(|_, _| ()).unwrap();
        borrowed.set_ex_data(&WORD, "mine".into()).unwrap();
        assert_eq!((borrowed.app_data(), borrowed.ex_data_ptr(index)), (pointer(3), pointer(4)));
        assert_eq!(borrowed.ex_data(&WORD).map(|word| &**word), Some("mine"));

        // Rust may set C's, too.
        borrowed.set_app_data(pointer(5)).unwrap();
        borrowed.set_ex_data_ptr(index, pointer(6)).unwrap();
        builder.set_app_data(pointer(8)).unwrap();
        builder.set_ex_data_ptr(context_index, pointer(9)).unwrap();
        assert_eq!((ext::SSL_get_app_data(ssl), sys::SSL_get_ex_data(ssl, index)), (pointer(5), pointer(6)));
        assert_eq!(ext::SSL_CTX_get_app_data(context), pointer(8));
        assert_eq!(sys::SSL_CTX_get_ex_data(context, context_index), pointer(9));
        let lent = SslContextRef::from_ptr(context);
        assert_eq!(lent.ex_data(&NUMBER).map(|number| **number), Some(7));
        sys::SSL_free(ssl);
        sys::SSL_CTX_free(context);
    }
}

#[test]
fn c_reads_what_rust_keeps_under_the_index_of_its_place() {
    let mut ssl = client_ssl(&client_context());
    let index = WORD.number().unwrap();
    assert_eq!(ssl.ex_data_ptr(index), ptr::null_mut());
    ssl.set_ex_data(&WORD, "for C".into()).unwrap();
    // SAFETY: the object is live, and what it has there is a value of the place's type.
    let seen = unsafe { &*sys::SSL_get_ex_data(ssl.as_ptr(), index).cast::<Arc<str>>() };
    assert_eq!(&**seen, "for C");
}

#[test]
fn values_are_dropped_when_replaced_and_with_their_object() {
    let (one, two) = (Arc::<str>::from("one"), Arc::<str>::from("two"));
    let mut ssl = client_ssl(&client_context());
    ssl.set_ex_data(&WORD, Arc::clone(&one)).unwrap();
    ssl.set_ex_data(&WORD, Arc::clone(&two)).unwrap();
    assert_eq!((Arc::strong_count(&one), Arc::strong_count(&two)), (1, 2));
    // In C's hands, too.
    let c = ssl.into_ptr();
    assert_eq!(Arc::strong_count(&two), 2);
    // SAFETY: C's reference, which is the only one.
    unsafe { sys::SSL_free(c) };
    assert_eq!(Arc::strong_count(&two), 1);

    let number = Arc::new(1);
    let mut builder = SslContext::builder(SslMethod::tls()).unwrap();
    builder.set_ex_data(&NUMBER, Arc::clone(&number)).unwrap();
    let context = builder.build();
    let ssl = Ssl::new(&context).unwrap();
    drop(context);
    assert_eq!(Arc::strong_count(&number), 2, "the object has its context");
    drop(ssl);
    assert_eq!(Arc::strong_count(&number), 1);
}

/// SSL_dup would copy the pointer, and both would free it.
#[test]
fn a_copy_by_c_has_no_value() {
    let mut ssl = client_ssl(&client_context());
    ssl.set_ex_data(&WORD, "one".into()).unwrap();
    // SAFETY: the object is live; the copy's one reference goes to `Ssl`.
    let copy = unsafe { Ssl::from_ptr(ext::SSL_dup(ssl.as_ptr())) };
    assert!(copy.ex_data(&WORD).is_none());
    assert!(ssl.ex_data(&WORD).is_some());
}

#[test]
fn callbacks_see_the_values_of_their_object() {
    static SEEN: ExIndex<Ssl, std::sync::Mutex<Vec<c_int>>> = ExIndex::new();
    let (client, server) = shake(&client_context(), &server_context());
    drop((client.unwrap(), server.unwrap()));
    let mut builder = crate::common::client_builder();
    builder
        .set_info_callback(|ssl, event| {
            if let Some(seen) = ssl.ex_data(&SEEN) {
                seen.lock().unwrap().push(event.place);
            }
        })
        .unwrap();
    let mut ssl = client_ssl(&builder.build());
    ssl.set_ex_data(&SEEN, Default::default()).unwrap();
    let (left, right) = crate::common::duplex();
    let (client, _) = crate::common::shake_over(ssl, left, Ssl::new(&server_context()).unwrap(), right);
    let client = client.unwrap();
    let seen = client.ssl().ex_data(&SEEN).unwrap().lock().unwrap();
    assert!(seen.contains(&libssl::context::InfoEvent::HANDSHAKE_DONE), "{seen:?}");
}

#[test]
fn what_is_no_index_has_nothing() {
    let ssl = client_ssl(&client_context());
    for index in [-1, c_int::MAX, c_int::MIN] {
        assert!(ssl.ex_data_ptr(index).is_null());
    }
}
