//! The handshake as a value: [`Ssl::connect`] and [`Ssl::accept`] give a [`Connected`], a [`Handshake`] that waits for
//! something, or a [`HandshakeFailure`] that says why.

mod crossing;

use std::{fmt, io};

use openssl_sys_ext as ext;

use crate::bio::Channel;
use crate::connected::Connected;
use crate::error::{Error, ErrorCode, ErrorKind, SslError, Want};
use crate::ssl::{Role, Ssl, SslRef};

/// An SSL object over its channel, in a handshake or after it.
///
/// The object comes first: it is freed while its channel is still there.
pub(crate) struct Link<C: Channel> {
    pub(crate) ssl: Ssl,
    pub(crate) held: C::Held,
}

/// A handshake that is under way and waits for something. [`resume`](Self::resume) goes on with it.
#[must_use = "dropping a handshake ends it"]
pub struct Handshake<C: Channel> {
    link: Link<C>,
    call: Call,
}

/// Why [`Ssl::connect`], [`Ssl::accept`] or [`Handshake::resume`] did not end with a connection.
///
/// Every `Want…` variant holds the handshake to go on with; only `Failed` is the end.
#[must_use = "dropping a handshake ends it"]
#[non_exhaustive]
pub enum HandshakeError<C: Channel> {
    /// `SSL_ERROR_WANT_READ`: wait until the channel is readable, then resume.
    #[doc(alias = "SSL_ERROR_WANT_READ")]
    WantRead(Handshake<C>),
    /// `SSL_ERROR_WANT_WRITE`: wait until the channel is writable, then resume.
    #[doc(alias = "SSL_ERROR_WANT_WRITE")]
    WantWrite(Handshake<C>),
    /// `SSL_ERROR_WANT_CONNECT`: the connect BIO is still connecting.
    #[doc(alias = "SSL_ERROR_WANT_CONNECT")]
    WantConnect(Handshake<C>),
    /// `SSL_ERROR_WANT_ACCEPT`: the accept BIO still waits for a connection.
    #[doc(alias = "SSL_ERROR_WANT_ACCEPT")]
    WantAccept(Handshake<C>),
    /// `SSL_ERROR_WANT_X509_LOOKUP`: the certificate callback asked for time; resuming calls it again.
    #[doc(alias = "SSL_ERROR_WANT_X509_LOOKUP")]
    WantX509Lookup(Handshake<C>),
    /// `SSL_ERROR_WANT_CLIENT_HELLO_CB`: the ClientHello callback asked for time; resuming calls it again.
    #[doc(alias = "SSL_ERROR_WANT_CLIENT_HELLO_CB")]
    WantClientHello(Handshake<C>),
    /// `SSL_ERROR_WANT_RETRY_VERIFY`: the verify callback asked for time; resuming verifies again.
    #[doc(alias = "SSL_ERROR_WANT_RETRY_VERIFY")]
    WantRetryVerify(Handshake<C>),
    /// `SSL_ERROR_WANT_ASYNC`: an asynchronous engine is at work.
    #[doc(alias = "SSL_ERROR_WANT_ASYNC")]
    WantAsync(Handshake<C>),
    /// `SSL_ERROR_WANT_ASYNC_JOB`: no asynchronous job is free.
    #[doc(alias = "SSL_ERROR_WANT_ASYNC_JOB")]
    WantAsyncJob(Handshake<C>),
    /// It failed. The failure says why, and gives the `Ssl` and the channel back.
    Failed(HandshakeFailure<C>),
}

/// A handshake that failed: why, and what it was made of.
pub struct HandshakeFailure<C: Channel> {
    error: Error,
    ssl: Ssl,
    channel: C,
}

/// The C call that begins a handshake and goes on with it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Connect,
    Accept,
    DoHandshake,
}

impl Ssl {
    /// Shakes hands as a client over `channel`.
    ///
    /// Both are taken by value: what is not connected cannot be read, and what shakes hands cannot be used for
    /// something else. To call SSL_connect as C does, use [`SslRef::connect`].
    ///
    /// # Errors
    ///
    /// [`HandshakeError`]: a suspension, with the handshake to [`resume`](Handshake::resume), or a failure. Besides all
    /// that can go wrong in a handshake, the failure's kind is [`ErrorKind::NotReady`] if this object already shook
    /// hands (one that C began to use goes on with [`Handshake::adopt`]), [`ErrorKind::WrongRole`] if it was made a server,
    /// and [`ErrorKind::NoServerName`] if the context demands a verified name and none was set; then no byte has gone out.
    ///
    /// The error holds the channel. Where that is borrowed, `?` needs `.map_err(Error::from)` to let it go:
    ///
    /// ```
    /// # fn f(ssl: libssl::Ssl, stream: &mut std::net::TcpStream) -> Result<(), Box<dyn std::error::Error>> {
    /// let connected = ssl.connect(stream).map_err(libssl::Error::from)?;
    /// # drop(connected);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// C: [`SSL_connect(3)`](https://docs.openssl.org/master/man3/SSL_connect/)
    #[doc(alias = "SSL_connect")]
    #[doc(alias = "SSL_get_error")]
    pub fn connect<C: Channel>(self, channel: C) -> Result<Connected<C>, HandshakeError<C>> {
        self.begin(channel, Call::Connect)
    }

    /// Shakes hands as a server over `channel`.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    ///
    /// C: [`SSL_accept(3)`](https://docs.openssl.org/master/man3/SSL_accept/)
    #[doc(alias = "SSL_accept")]
    pub fn accept<C: Channel>(self, channel: C) -> Result<Connected<C>, HandshakeError<C>> {
        self.begin(channel, Call::Accept)
    }

    /// Shakes hands in the role that was set, wherever the object is: before a handshake, in one that C began, or
    /// after one, which gives the connection at once.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect), and [`ErrorKind::NotReady`] where no role was set.
    ///
    /// C: [`SSL_do_handshake(3)`](https://docs.openssl.org/master/man3/SSL_do_handshake/)
    #[doc(alias = "SSL_do_handshake")]
    pub fn do_handshake<C: Channel>(self, channel: C) -> Result<Connected<C>, HandshakeError<C>> {
        self.begin(channel, Call::DoHandshake)
    }

    fn begin<C: Channel>(mut self, channel: C, call: Call) -> Result<Connected<C>, HandshakeError<C>> {
        if let Err(error) = self.prepare(call) {
            return Err(HandshakeError::Failed(HandshakeFailure { error, ssl: self, channel }));
        }
        // SAFETY: object and channel become one `Link<C>`, which detaches them, or drops the object first.
        match unsafe { channel.attach(&mut self) } {
            Ok(held) => Handshake { link: Link { ssl: self, held }, call }.resume(),
            Err((error, channel)) => {
                Err(HandshakeError::Failed(HandshakeFailure { error, ssl: self, channel }))
            }
        }
    }

    /// Only an object that never shook hands begins as a client or as a server.
    pub(crate) fn prepare(&mut self, call: Call) -> Result<(), Error> {
        let (name, role) = match call {
            // libssl holds what it was given: other data would vanish in its place.
            Call::DoHandshake if self.is_writing() => {
                return Err(
                    Error::new(ErrorKind::NotReady, call.name()).with_detail("a write is not finished")
                );
            }
            Call::DoHandshake => return Ok(()),
            Call::Connect => (call.name(), Role::Client),
            Call::Accept => (call.name(), Role::Server),
        };
        // SAFETY: the object is live.
        if unsafe { ext::SSL_in_before(self.as_ptr()) } == 0 {
            return Err(self.poison_story(name).unwrap_or_else(|| {
                Error::new(ErrorKind::NotReady, name).with_detail("the object has begun a handshake before")
            }));
        }
        match self.chosen_role() {
            Some(chosen) if chosen != role => {
                Err(Error::new(ErrorKind::WrongRole, name)
                    .with_detail("the object was put into the other state"))
            }
            Some(_) => Ok(()),
            None => {
                // What C set before is unknown, and SSL_connect on an object in accept state would serve.
                match role {
                    Role::Client => self.set_connect_state(),
                    Role::Server => self.set_accept_state(),
                }
                Ok(())
            }
        }
    }
}

impl Call {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Connect => "SSL_connect",
            Self::Accept => "SSL_accept",
            Self::DoHandshake => "SSL_do_handshake",
        }
    }

    fn make(self, ssl: &mut SslRef) -> Result<(), SslError> {
        match self {
            Self::Connect => ssl.connect(),
            Self::Accept => ssl.accept(),
            Self::DoHandshake => ssl.do_handshake(),
        }
    }
}

impl<C: Channel> Handshake<C> {
    /// Goes on with the handshake, as far as the channel and the callbacks allow.
    ///
    /// # Errors
    ///
    /// As [`Ssl::connect`].
    pub fn resume(mut self) -> Result<Connected<C>, HandshakeError<C>> {
        let error = match self.call.make(&mut self.link.ssl) {
            Ok(()) => return Ok(Connected::new(self.link)),
            Err(error) => error,
        };
        Err(match error.code() {
            ErrorCode::Want(want)
                if error.error().is_none_or(|error| error.kind() == ErrorKind::NotReady) =>
            {
                HandshakeError::suspended(want, self)
            }
            _ => HandshakeError::Failed(self.fail(error)),
        })
    }

    /// The object, for asking it about the handshake so far.
    pub fn ssl(&self) -> &SslRef {
        &self.link.ssl
    }

    /// The channel.
    pub fn channel(&self) -> &C {
        C::lend(&self.link.held)
    }

    /// The channel, as far as it may be changed while a connection runs over it.
    pub fn channel_mut(&mut self) -> C::Lent<'_> {
        C::lend_mut(&mut self.link.held)
    }

    /// Gives up: the object, which is in the middle of a handshake and good for nothing else, and the channel.
    pub fn into_parts(self) -> (Ssl, C) {
        let Link { mut ssl, held } = self.link;
        let (mut channel, read_ahead) = C::detach(held, &mut ssl);
        channel.put_back(read_ahead);
        (ssl, channel)
    }

    pub(crate) fn fail_in_poll(self, error: io::Error) -> HandshakeFailure<C> {
        let error = Error::new(ErrorKind::Io, "poll").with_transport(Some(error));
        let (ssl, channel) = self.into_parts();
        HandshakeFailure { error, ssl, channel }
    }

    /// The error of a handshake that nothing will ever wake.
    #[cfg(any(feature = "tokio", feature = "futures-io"))]
    pub(crate) fn waits_in_vain(&self, want: Option<Want>) -> Error {
        let call = self.call.name();
        match (crate::bio::take_suspension(self.ssl()), want) {
            (Some(error), Some(Want::Read | Want::Write)) => {
                Error::new(ErrorKind::Io, call).with_transport(Some(error))
            }
            (_, Some(want)) => SslError::new(ErrorCode::Want(want), -1, 0, None).into_error(call),
            (_, None) => Error::new(ErrorKind::Unspecified, call),
        }
    }

    fn fail(self, error: SslError) -> HandshakeFailure<C> {
        let error = error.into_error(self.call.name());
        let (ssl, channel) = self.into_parts();
        HandshakeFailure { error, ssl, channel }
    }
}

impl<C: Channel> HandshakeError<C> {
    pub(crate) fn suspended(want: Want, handshake: Handshake<C>) -> Self {
        match want {
            Want::Read => Self::WantRead(handshake),
            Want::Write => Self::WantWrite(handshake),
            Want::Connect => Self::WantConnect(handshake),
            Want::Accept => Self::WantAccept(handshake),
            Want::X509Lookup => Self::WantX509Lookup(handshake),
            Want::ClientHello => Self::WantClientHello(handshake),
            Want::RetryVerify => Self::WantRetryVerify(handshake),
            Want::Async => Self::WantAsync(handshake),
            Want::AsyncJob => Self::WantAsyncJob(handshake),
        }
    }

    /// What the handshake waits for, or `None` if it failed.
    pub fn want(&self) -> Option<Want> {
        Some(match self {
            Self::WantRead(_) => Want::Read,
            Self::WantWrite(_) => Want::Write,
            Self::WantConnect(_) => Want::Connect,
            Self::WantAccept(_) => Want::Accept,
            Self::WantX509Lookup(_) => Want::X509Lookup,
            Self::WantClientHello(_) => Want::ClientHello,
            Self::WantRetryVerify(_) => Want::RetryVerify,
            Self::WantAsync(_) => Want::Async,
            Self::WantAsyncJob(_) => Want::AsyncJob,
            Self::Failed(_) => return None,
        })
    }

    /// The handshake to go on with.
    ///
    /// # Errors
    ///
    /// The failure, if there is none.
    pub fn into_handshake(self) -> Result<Handshake<C>, HandshakeFailure<C>> {
        match self {
            Self::WantRead(handshake)
            | Self::WantWrite(handshake)
            | Self::WantConnect(handshake)
            | Self::WantAccept(handshake)
            | Self::WantX509Lookup(handshake)
            | Self::WantClientHello(handshake)
            | Self::WantRetryVerify(handshake)
            | Self::WantAsync(handshake)
            | Self::WantAsyncJob(handshake) => Ok(handshake),
            Self::Failed(failure) => Err(failure),
        }
    }
}

impl<C: Channel> HandshakeFailure<C> {
    pub(crate) fn new(error: Error, ssl: Ssl, channel: C) -> Self {
        Self { error, ssl, channel }
    }

    /// What went wrong.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.error.kind()
    }

    /// The object, for asking it how far it came.
    pub fn ssl(&self) -> &SslRef {
        &self.ssl
    }

    /// The error, the object and the channel. The object is dead unless the handshake never began.
    pub fn into_parts(self) -> (Error, Ssl, C) {
        (self.error, self.ssl, self.channel)
    }

    /// The error alone.
    pub fn into_error(self) -> Error {
        self.error
    }
}

impl<C: Channel> fmt::Debug for Handshake<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake").field("ssl", self.ssl()).finish_non_exhaustive()
    }
}

impl<C: Channel> fmt::Debug for HandshakeError<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.want(), self) {
            (None, Self::Failed(failure)) => f.debug_tuple("Failed").field(failure).finish(),
            (want, _) => write!(f, "Want{:?}", want.unwrap_or(Want::Read)),
        }
    }
}

impl<C: Channel> fmt::Debug for HandshakeFailure<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandshakeFailure").field("error", &self.error).finish_non_exhaustive()
    }
}

impl<C: Channel> fmt::Display for HandshakeError<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, self.want()) {
            (Self::Failed(failure), _) => failure.fmt(f),
            (_, Some(want)) => write!(f, "the handshake waits for {want}"),
            (_, None) => Ok(()),
        }
    }
}

impl<C: Channel> fmt::Display for HandshakeFailure<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<C: Channel> std::error::Error for HandshakeError<C> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Failed(failure) => std::error::Error::source(&failure.error),
            _ => None,
        }
    }
}

impl<C: Channel> std::error::Error for HandshakeFailure<C> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.error)
    }
}

impl<C: Channel> From<HandshakeFailure<C>> for Error {
    fn from(failure: HandshakeFailure<C>) -> Self {
        failure.error
    }
}

impl<C: Channel> From<HandshakeError<C>> for Error {
    /// A suspension ends the handshake here, and is an error of the kind [`ErrorKind::NotReady`].
    fn from(error: HandshakeError<C>) -> Self {
        let want = error.want();
        match (error, want) {
            (HandshakeError::Failed(failure), _) => failure.error,
            (other, Some(want)) => {
                let call =
                    other.into_handshake().map_or("SSL_do_handshake", |handshake| handshake.call.name());
                SslError::new(ErrorCode::Want(want), -1, 0, None).into_error(call)
            }
            (_, None) => Error::new(ErrorKind::Unspecified, "SSL_do_handshake"),
        }
    }
}

impl<C: Channel> From<HandshakeFailure<C>> for io::Error {
    fn from(failure: HandshakeFailure<C>) -> Self {
        failure.error.into()
    }
}

impl<C: Channel> From<HandshakeError<C>> for io::Error {
    /// A suspension ends the handshake here, and is `WouldBlock`.
    fn from(error: HandshakeError<C>) -> Self {
        let suspended = error.want().is_some();
        let error = Error::from(error);
        if suspended { Self::new(io::ErrorKind::WouldBlock, error) } else { error.into() }
    }
}
