//! What handshakes may cost a server.

use std::sync::Arc;
use std::time::Duration;
use std::{fmt, future, io};

use ::tokio::io::{AsyncRead, AsyncWrite};
use ::tokio::sync::Semaphore;
use ::tokio::time::{Instant, timeout_at};

use super::{Handshake, HandshakeFailure, TlsStream};

/// How long handshakes may take, and how many may be under way at a time. Clones share the places.
///
/// Without limits, peers that connect and say nothing hold what they got for ever, and a flood of half handshakes leaves no
/// time for anybody else.
///
/// ```no_run
/// # async fn serve(stream: libssl::tokio::TlsStream<tokio::net::TcpStream>) {}
/// # async fn f(acceptor: libssl::tokio::TlsAcceptor, listener: tokio::net::TcpListener) -> std::io::Result<()> {
/// use std::time::Duration;
///
/// use libssl::tokio::HandshakeLimits;
///
/// let limits = HandshakeLimits::none().with_deadline(Duration::from_secs(10)).with_places(1000);
/// loop {
///     let (tcp, _) = listener.accept().await?;
///     let (handshake, limits) = (acceptor.accept(tcp), limits.clone());
///     tokio::spawn(async move {
///         match limits.run(handshake).await {
///             Ok(stream) => serve(stream).await,
///             Err(failure) => eprintln!("{failure}"),
///         }
///     });
/// }
/// # }
/// ```
#[derive(Clone, Default)]
pub struct HandshakeLimits {
    deadline: Option<Duration>,
    places: Option<Arc<Semaphore>>,
}

impl HandshakeLimits {
    /// No limits yet.
    pub fn none() -> Self {
        Self::default()
    }

    /// Lets a handshake take so long at most, from the call of [`run`](Self::run), the wait for a place included.
    #[must_use]
    pub fn with_deadline(self, deadline: Duration) -> Self {
        Self { deadline: Some(deadline), ..self }
    }

    /// Lets so many handshakes be under way at a time, and at least one. Others wait in turn, and cost nothing meanwhile but
    /// their stream.
    #[must_use]
    pub fn with_places(self, places: usize) -> Self {
        let places = places.clamp(1, Semaphore::MAX_PERMITS);
        Self { places: Some(Arc::new(Semaphore::new(places))), ..self }
    }

    /// How many handshakes could begin at once now; `None` without a limit.
    pub fn free_places(&self) -> Option<usize> {
        self.places.as_ref().map(|places| places.available_permits())
    }

    /// Makes a handshake within the limits. One that was polled to its end before is never ready again, here as elsewhere.
    ///
    /// # Errors
    ///
    /// As the handshake. If the deadline passes, the kind is [`ErrorKind::Io`](crate::ErrorKind::Io),
    /// and the [`transport`](crate::Error::transport) error [`TimedOut`](io::ErrorKind::TimedOut).
    ///
    /// # Panics
    ///
    /// With a deadline, as everything that waits for a time panics in a runtime of tokio's that has no timer.
    pub async fn run<S>(&self, mut handshake: Handshake<S>) -> Result<TlsStream<S>, HandshakeFailure<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let Some(deadline) = self.deadline.and_then(|deadline| Instant::now().checked_add(deadline)) else {
            let _place = self.place().await;
            return handshake.await;
        };
        let Ok(_place) = timeout_at(deadline, self.place()).await else {
            return give_up(handshake, "no place for the handshake came free in time").await;
        };
        match timeout_at(deadline, &mut handshake).await {
            Ok(outcome) => outcome,
            Err(_) => give_up(handshake, "the handshake took too long").await,
        }
    }

    /// Dropped, it frees the place again. The semaphore is never closed.
    async fn place(&self) -> Option<::tokio::sync::SemaphorePermit<'_>> {
        match &self.places {
            Some(places) => places.acquire().await.ok(),
            None => None,
        }
    }
}

async fn give_up<S>(handshake: Handshake<S>, why: &str) -> Result<TlsStream<S>, HandshakeFailure<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match handshake.give_up(io::Error::new(io::ErrorKind::TimedOut, why)) {
        Some(failure) => Err(failure),
        // It was over before it came here, and is never ready again.
        None => future::pending().await,
    }
}

impl fmt::Debug for HandshakeLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandshakeLimits")
            .field("deadline", &self.deadline)
            .field("free_places", &self.free_places())
            .finish()
    }
}
