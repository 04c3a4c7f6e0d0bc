//! A safe binding over the system's OpenSSL (3.0 to 4.x), with nothing lost.
//!
//! The heart is [`Ssl::connect`]: SSL_connect(3)'s return value, SSL_get_error(3), `errno` and the error queue become a
//! `Result<Connected, HandshakeError>`.
//!
//! ```no_run
//! use std::io::Write;
//! use std::net::TcpStream;
//!
//! use libssl::{HandshakeError, Ssl, SslContext};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let context = SslContext::client()?.build(); // verifies the peer against the system's roots
//! let mut ssl = Ssl::new(&context)?;
//! ssl.set_server_name("example.org")?; // SNI, and the name that the certificate must bear
//! match ssl.connect(TcpStream::connect("example.org:443")?) {
//!     Ok(mut connected) => connected.write_all(b"GET / HTTP/1.0\r\n\r\n")?, // only here are read and write
//!     Err(HandshakeError::WantRead(handshake)) => drop(handshake), // wait until readable, then handshake.resume()
//!     Err(HandshakeError::Failed(failure)) => return Err(failure.into_error().into()), // why, and the parts
//!     Err(other) => return Err(other.into()),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Two layers over one object
//!
//! - **The typestates**, for new code. [`SslContext`] is frozen once built; [`Ssl::connect`], [`Ssl::accept`] and
//!   [`Handshake::resume`] lead to [`Connected`], which reads, writes and shuts down. What an object cannot do in its
//!   state is not there to call, and a call never does another thing than its name says.
//! - **The layer that mirrors C**, for ports: the methods of [`SslRef`], on owned and on borrowed objects, are named after
//!   the C functions and have C's semantics and defaults. They answer [`SslError`], SSL_get_error(3) without loss.
//!   Where an owned object has a method of the same name, the layer that mirrors C is `SslRef::connect(&mut ssl)`.
//!
//! # Where things are
//!
//! | module | what it has |
//! |---|---|
//! | [`context`] | [`SslContext`], its builder, and what callbacks are given |
//! | [`ssl`] | [`Ssl`] and [`SslRef`] |
//! | [`conf`] | `SSL_CONF`: settings in the language of `openssl.cnf` |
//! | [`session`] | what a connection leaves for others to resume |
//! | [`bio`] | the channels a connection runs over |
//! | [`handshake`], [`connected`] | the typestates |
//! | [`early`] | early data (0-RTT), apart from what is confirmed |
//! | [`poll`] | waiting for what does not block |
//! | `tokio`, `futures_io`, `hyper` | by the features of these names: connections that are polled, and an HTTP client's |
//! | [`error`] | [`Error`], [`SslError`], the error stack |
//! | [`x509`] | certificates, keys, revocation lists and stores, as far as TLS needs them |
//! | [`ocsp`] | asking whether a certificate is revoked, and judging the answer |
//! | [`library`](mod@library) | the OpenSSL that runs, and library contexts |
//! | [`ex_data`] | data of the application in C's objects |
//! | [`callback`] | what a Rust function needs that C registered as an OpenSSL callback |
//! | [`ffi`] | the raw types, and how objects pass between C and Rust |
//! | [`guide`] | for programs that come from C: what replaces each call |
//!
//! # Versions
//!
//! The interface is the same on every OpenSSL. What the one that runs lacks answers [`ErrorKind::Unsupported`], and names
//! the version or build option that has it. A program runs on every later version of the same major version than the
//! one it was built with.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod bio;
pub mod callback;
pub mod conf;
pub mod connected;
pub mod context;
pub mod early;
pub mod error;
pub mod ex_data;
pub mod ffi;
#[cfg(feature = "futures-io")]
pub mod futures_io;
pub mod guide;
pub mod handshake;
#[cfg(feature = "hyper")]
pub mod hyper;
#[cfg(feature = "openssl")]
mod interop;
pub mod library;
pub mod ocsp;
pub mod poll;
pub mod session;
pub mod ssl;
#[cfg(any(feature = "tokio", feature = "futures-io"))]
pub mod task;
#[cfg(feature = "tokio")]
pub mod tokio;
pub mod x509;

pub use bio::Channel;
pub use connected::{Connected, ShutdownProgress};
pub use context::{
    AlpnDecision, Identity, ProtocolVersion, SslContext, SslContextBuilder, SslContextBuilderRef,
    SslContextRef, SslMethod, TrustAnchors,
};
pub use early::{EarlyClient, EarlyServer};
pub use error::{Alert, Error, ErrorCode, ErrorKind, SslError, VerifyError, Want};
pub use handshake::{Handshake, HandshakeError, HandshakeFailure};
pub use library::{LibContext, Library, library};
pub use ssl::{Role, Ssl, SslRef};

/// The README's programs are compiled with the documentation's.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
