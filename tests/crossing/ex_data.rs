//! What C keeps in objects of its own: left alone by Rust, which has values there too, and reachable.

use std::ffi::c_void;
use std::ptr;

use libssl::ex_data::ExIndex;
use libssl::{Ssl, SslContext, SslContextBuilderRef, SslContextRef, SslRef};
use openssl_sys as sys;
use openssl_sys_ext as ext;

static WORD: ExIndex<Ssl, String> = ExIndex::new();
static NUMBER: ExIndex<SslContext, u32> = ExIndex::new();

fn pointer(n: usize) -> *mut c_void {
    ptr::without_provenance_mut(n)
}

#[test]
fn what_c_keeps_in_an_object_is_left_alone_and_reachable() {
    // SAFETY: the objects are new; the indexes are of such objects, and nobody reads what the pointers point to.
    unsafe {
        let index = ext::SSL_get_ex_new_index(0, ptr::null_mut(), None, None, None);
        let context_index = ext::SSL_CTX_get_ex_new_index(0, ptr::null_mut(), None, None, None);
        let context = sys::SSL_CTX_new(sys::TLS_method());
        ext::SSL_CTX_set_app_data(context, pointer(1));
        sys::SSL_CTX_set_ex_data(context, context_index, pointer(2));
        let ssl = sys::SSL_new(context);
        ext::SSL_set_app_data(ssl, pointer(3));
        sys::SSL_set_ex_data(ssl, index, pointer(4));

        // Rust adds what it needs, and what it likes.
        let builder = SslContextBuilderRef::from_ptr_mut(context);
        builder.set_info_callback(|_, _| ()).unwrap();
        builder.set_ex_data(&NUMBER, 7).unwrap();
        assert_eq!((builder.app_data(), builder.ex_data_ptr(context_index)), (pointer(1), pointer(2)));
        let borrowed = SslRef::from_ptr_mut(ssl);
        borrowed.set_info_callback(|_, _| ()).unwrap();
        borrowed.set_ex_data(&WORD, "mine".to_owned()).unwrap();
        assert_eq!((borrowed.app_data(), borrowed.ex_data_ptr(index)), (pointer(3), pointer(4)));
        assert_eq!(borrowed.ex_data(&WORD).map(String::as_str), Some("mine"));

        // Rust may set C's, too.
        borrowed.set_app_data(pointer(5)).unwrap();
        borrowed.set_ex_data_ptr(index, pointer(6)).unwrap();
        assert_eq!((ext::SSL_get_app_data(ssl), sys::SSL_get_ex_data(ssl, index)), (pointer(5), pointer(6)));
        // And C reads Rust's.
        let seen = sys::SSL_get_ex_data(ssl, WORD.number().unwrap()).cast::<String>();
        assert_eq!(&*seen, "mine");
        assert_eq!(SslContextRef::from_ptr(context).ex_data(&NUMBER), Some(&7));
        sys::SSL_free(ssl);
        sys::SSL_CTX_free(context);
    }
}
