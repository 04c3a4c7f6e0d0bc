//! Contexts as what makes connections.

use std::fmt;
use std::marker::PhantomData;

use super::{Handshake, PollIo};
use crate::context::{SslContext, SslContextRef};
use crate::error::Error;
use crate::ssl::{Role, Ssl};

/// Makes connections of clients, all with one context. A clone is one more handle of that.
pub struct TlsConnector<I> {
    context: SslContext,
    io: PhantomData<fn() -> I>,
}

/// Makes connections of servers, all with one context. A clone is one more handle of that.
///
/// To present another certificate from now on, make one with another context: what is under way stays as it is.
pub struct TlsAcceptor<I> {
    context: SslContext,
    io: PhantomData<fn() -> I>,
}

impl<I> TlsConnector<I> {
    /// Makes clients with this context.
    pub fn new(context: SslContext) -> Self {
        Self { context, io: PhantomData }
    }

    /// Shakes hands with `name`: the host's name, or its IP address, is what the certificate must bear, and what the server
    /// is told if it is no address.
    ///
    /// The handshake fails with [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) for what is no name. To set
    /// more, prepare an [`Ssl`], and use [`TlsStream::connect`](super::TlsStream::connect).
    pub fn connect<S>(&self, name: &str, stream: S) -> Handshake<S, I>
    where
        I: PollIo<S>,
    {
        let ssl = Ssl::new(&self.context).and_then(|mut ssl| {
            ssl.set_server_name(name)?;
            Ok(ssl)
        });
        Handshake::new(Role::Client, ssl, stream)
    }

    /// The context.
    pub fn context(&self) -> &SslContextRef {
        &self.context
    }
}

impl<I> TlsAcceptor<I> {
    /// Makes servers with this context.
    pub fn new(context: SslContext) -> Self {
        Self { context, io: PhantomData }
    }

    /// Shakes hands with the client at the other end of `stream`.
    pub fn accept<S>(&self, stream: S) -> Handshake<S, I>
    where
        I: PollIo<S>,
    {
        Handshake::new(Role::Server, self.ssl(), stream)
    }

    /// The context.
    pub fn context(&self) -> &SslContextRef {
        &self.context
    }

    fn ssl(&self) -> Result<Ssl, Error> {
        Ssl::new(&self.context)
    }
}

macro_rules! handles {
    ($($name:ident),*) => {$(
        impl<I> Clone for $name<I> {
            fn clone(&self) -> Self {
                Self::new(self.context.clone())
            }
        }

        impl<I> From<SslContext> for $name<I> {
            fn from(context: SslContext) -> Self {
                Self::new(context)
            }
        }

        impl<I> fmt::Debug for $name<I> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}

handles!(TlsConnector, TlsAcceptor);
