//! A safe binding over the system's OpenSSL 3 and 4.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod bio;
pub mod connected;
pub mod context;
pub mod error;
pub mod ffi;
pub mod handshake;
pub mod poll;
pub mod ssl;
pub mod x509;

pub use connected::Connected;
pub use context::{SslContext, SslContextBuilder, SslContextBuilderRef, SslContextRef};
pub use error::{Alert, Error, ErrorCode, ErrorKind, SslError, VerifyError, Want};
pub use handshake::{Handshake, HandshakeError, HandshakeFailure};
pub use ssl::{Role, Ssl, SslRef};
