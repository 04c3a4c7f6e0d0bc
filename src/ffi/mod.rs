//! The raw declarations that a port needs beside this crate, by name; and, inside the crate, each hazard of the
//! C boundary solved once.

pub(crate) mod bytes;
pub(crate) mod compat;
pub(crate) mod errno;
pub(crate) mod ex_data;
pub(crate) mod panics;
pub(crate) mod rights;
pub(crate) mod strings;

pub use openssl_sys::{
    BIO, EVP_PKEY, SSL, SSL_CIPHER, SSL_CTX, SSL_METHOD, SSL_SESSION, X509, X509_STORE, X509_STORE_CTX,
};
