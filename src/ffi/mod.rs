//! The raw types that a port needs beside this crate, by name, and how objects pass between C and Rust.
//!
//! # Passing objects
//!
//! The same four ways for every type, each with its contract:
//!
//! | way | function | references |
//! |---|---|---|
//! | borrow for a call | `XRef::from_ptr`, `XRef::from_ptr_mut` | none |
//! | take over | `X::from_ptr` | C's becomes Rust's |
//! | share | `X::share_from_ptr` | one more, which is Rust's |
//! | give back | `X::into_ptr`, or `x.clone().into_ptr()` to share | Rust's becomes C's |
//!
//! | type | C's | to share it |
//! |---|---|---|
//! | [`Ssl`](crate::Ssl), [`SslRef`](crate::SslRef) | [`SSL`] | `share_from_ptr`; in place of `Clone`, [`up_ref`](crate::SslRef::up_ref) |
//! | [`SslContext`](crate::SslContext), [`SslContextRef`](crate::SslContextRef) | [`SSL_CTX`] | `share_from_ptr` |
//! | [`SslContextBuilder`](crate::SslContextBuilder), [`SslContextBuilderRef`](crate::SslContextBuilderRef) | [`SSL_CTX`] | it has one owner; a live context is borrowed |
//! | [`Bio`](crate::bio::Bio), [`BioRef`](crate::bio::BioRef) | [`BIO`] | `share_from_ptr`; it has no `Clone` |
//! | [`X509`](crate::x509::X509), [`X509Ref`](crate::x509::X509Ref) | [`X509`] | `share_from_ptr` |
//! | [`SslSession`](crate::session::SslSession), [`SslSessionRef`](crate::session::SslSessionRef) | [`SSL_SESSION`] | `share_from_ptr` |
//! | [`X509Crl`](crate::x509::X509Crl), [`X509CrlRef`](crate::x509::X509CrlRef) | [`X509_CRL`] | `share_from_ptr` |
//! | [`PKey`](crate::x509::PKey), [`PKeyRef`](crate::x509::PKeyRef) | [`EVP_PKEY`] | `share_from_ptr` |
//! | [`X509Store`](crate::x509::X509Store), [`X509StoreRef`](crate::x509::X509StoreRef) | [`X509_STORE`] | `share_from_ptr` |
//! | [`X509VerifyParam`](crate::x509::X509VerifyParam), [`X509VerifyParamRef`](crate::x509::X509VerifyParamRef) | [`X509_VERIFY_PARAM`] | no reference count: `copy_from_ptr` |
//! | [`X509Name`](crate::x509::X509Name), [`X509NameRef`](crate::x509::X509NameRef) | [`X509_NAME`] | no reference count: `copy_from_ptr` |
//! | [`Pkcs12`](crate::x509::Pkcs12), [`Pkcs12Ref`](crate::x509::Pkcs12Ref) | [`PKCS12`] | no reference count: `copy_from_ptr` |
//! | [`OcspResponse`](crate::ocsp::OcspResponse), [`OcspRequest`](crate::ocsp::OcspRequest) | [`OCSP_RESPONSE`], [`OCSP_REQUEST`] | held as bytes: `copy_from_ptr` |
//! | [`OcspCertId`](crate::ocsp::OcspCertId), [`OcspResponderId`](crate::ocsp::OcspResponderId), [`OcspBasicResponse`](crate::ocsp::OcspBasicResponse) | [`OCSP_CERTID`], [`OCSP_RESPID`], [`OCSP_BASICRESP`] | held as values: `copy_from_ptr` |
//! | [`SslCipher`](crate::ssl::SslCipher), [`SslMethod`](crate::SslMethod) | [`SSL_CIPHER`], [`SSL_METHOD`] | constants of the library |
//! | [`LibContext`](crate::LibContext) | [`OSSL_LIB_CTX`] | it lives until the process ends |
//!
//! An `SSL` crosses in any state:
//!
//! | state | from C | to C |
//! |---|---|---|
//! | before its handshake | [`Ssl::from_ptr`](crate::Ssl::from_ptr), then `connect` or `accept` over [`Existing`](crate::bio::Existing) or a channel of Rust's | [`Ssl::into_ptr`](crate::Ssl::into_ptr) |
//! | in the middle of one | [`Handshake::adopt`](crate::Handshake::adopt) | [`Handshake::into_ssl`](crate::Handshake::into_ssl), [`into_ptrs`](crate::Handshake::into_ptrs) |
//! | connected, or half shut down | [`Connected::adopt`](crate::Connected::adopt), [`adopt_writing`](crate::Connected::adopt_writing) | [`Connected::into_ssl`](crate::Connected::into_ssl), [`into_ptrs`](crate::Connected::into_ptrs) |
//! | dead | [`mark_failed`](crate::SslRef::mark_failed), where only C saw it | [`HandshakeFailure::into_parts`](crate::HandshakeFailure::into_parts), [`Connected::into_parts`](crate::Connected::into_parts) |
//!
//! Where calls go back and forth on an object that stays C's, [`SslRef::from_ptr_mut`](crate::SslRef::from_ptr_mut) is all that
//! is needed: what this crate knows about an object is kept in the object.
//!
//! C's own callbacks, its ex_data and its app_data stay as they are. A callback that Rust sets takes the place of C's of the same
//! kind, for OpenSSL has one of each.
//!
//! # The error queue
//!
//! Every call of this crate empties the thread's error queue. C code that wants what it left there puts
//! [`keep_queue`](crate::error::keep_queue) around Rust's; C code that wants to find Rust's failure there has
//! [`Error::put`](crate::Error::put).

pub(crate) mod bytes;
pub(crate) mod compat;
pub(crate) mod crossing;
pub(crate) mod errno;
pub(crate) mod ex_data;
pub(crate) mod panics;
pub(crate) mod rights;
pub(crate) mod strings;

pub use openssl_sys::{
    BIO, EVP_PKEY, OCSP_BASICRESP, OCSP_CERTID, OCSP_REQUEST, OCSP_RESPONSE, OSSL_LIB_CTX, PKCS12, SSL,
    SSL_CIPHER, SSL_CTX, SSL_METHOD, SSL_SESSION, X509, X509_CRL, X509_NAME, X509_STORE, X509_STORE_CTX,
    X509_VERIFY_PARAM,
};
pub use openssl_sys_ext::{OCSP_RESPID, lhash_st_SSL_SESSION};
