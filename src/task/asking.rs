//! Callbacks that take their time: a callback asks a question, the handshake is suspended, and the task that drives it waits
//! for the answer.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::context::{
    CertificateDecision, CertificateView, ClientHello, ClientHelloDecision, PeerChainView,
    SslContextBuilderRef,
};
use crate::error::{Alert, Error};
use crate::ssl::SslRef;
use crate::ssl::state::State;

/// What an object's callbacks have asked, in its state. A handshake asks one question at a time.
#[derive(Default)]
pub(crate) enum Asking {
    #[default]
    Nothing,
    Asked(Of, Question),
    /// The question is being looked at.
    Polled,
    Answered(Of, Answer),
}

/// Which handshake a question is about: the client's random bytes. C may have begun another one on the object.
type Of = [u8; 32];

fn handshake_of(ssl: &SslRef) -> Of {
    let mut random = [0; 32];
    // SAFETY: the object is live; C writes so many bytes at most.
    unsafe { openssl_sys::SSL_get_client_random(ssl.as_ptr(), random.as_mut_ptr(), random.len()) };
    random
}

type Question = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// What is to be done when the callback is called again.
pub(crate) enum Answer {
    Certificate(Box<dyn FnOnce(&mut CertificateView<'_>) -> CertificateDecision + Send>),
    ClientHello(Box<dyn FnOnce(&mut ClientHello<'_>) -> ClientHelloDecision + Send>),
    Chain(bool),
}

/// Goes on with the question of a suspended handshake. `None` if none was asked, or in a way that nobody here knows.
pub(super) fn poll_answer(ssl: &SslRef, task: &mut Context<'_>) -> Option<Poll<()>> {
    // SAFETY: the object is live.
    let state = unsafe { State::of(ssl.as_ptr()) }?;
    let asking = mem::replace(&mut *state.asking(), Asking::Polled);
    let (of, mut question) = match asking {
        Asking::Asked(of, question) => (of, question),
        other => {
            let answered = matches!(other, Asking::Answered(..));
            *state.asking() = other;
            return answered.then_some(Poll::Ready(()));
        }
    };
    // Not under the lock: it is the user's code.
    let (asking, poll) = match question.as_mut().poll(task) {
        Poll::Pending => (Asking::Asked(of, question), Poll::Pending),
        Poll::Ready(answer) => (Asking::Answered(of, answer), Poll::Ready(())),
    };
    *state.asking() = asking;
    Some(poll)
}

/// What a callback does: `Ok` is the answer that has come; `Err` says whether there is a question to wait for.
fn ask(ssl: &SslRef, of: Of, question: impl FnOnce() -> Question) -> Result<Answer, Asked> {
    // SAFETY: the object is live, for its callback is running.
    let Some(state) = (unsafe { State::of(ssl.as_ptr()) }) else { return Err(Asked::Nowhere) };
    let asking = mem::take(&mut *state.asking());
    match asking {
        Asking::Answered(about, answer) if about == of => Ok(answer),
        Asking::Asked(about, question) if about == of => {
            *state.asking() = Asking::Asked(about, question);
            Err(Asked::Waits)
        }
        Asking::Polled => {
            *state.asking() = Asking::Polled;
            Err(Asked::Waits)
        }
        // What was asked in an earlier handshake goes away, without the lock.
        Asking::Nothing | Asking::Answered(..) | Asking::Asked(..) => {
            let question = question();
            *state.asking() = Asking::Asked(of, question);
            Err(Asked::Waits)
        }
    }
}

enum Asked {
    Waits,
    /// The object is C's, and has nothing to keep a question in.
    Nowhere,
}

/// Callbacks that are asynchronous, for connections made by a [`Handshake`](super::Handshake). Each is given the view that its
/// blocking sister has, for reading, and returns a future of what it decides. The future holds nothing of the view: take
/// along what it needs. It is polled by the task that shakes hands, and dropped with the object.
///
/// In a handshake of [`Ssl::connect`](crate::Ssl::connect) and its like they suspend for ever: nobody polls there.
impl SslContextBuilderRef {
    /// Lets a future find what a connection presents, in place of [`set_cert_cb`](Self::set_cert_cb). The future returns a
    /// function that sets it and decides.
    ///
    /// ```no_run
    /// # async fn fetch(name: Option<Vec<u8>>) -> Option<libssl::context::Identity> { None }
    /// # fn f(server: &mut libssl::SslContextBuilder) -> Result<(), libssl::Error> {
    /// use libssl::context::{CertificateDecision, CertificateView};
    ///
    /// server.set_async_cert_cb(|view| {
    ///     let name = view.sni().map(<[u8]>::to_vec);
    ///     async move {
    ///         let identity = fetch(name).await;
    ///         move |view: &mut CertificateView<'_>| match identity {
    ///             Some(identity) if view.use_identity(&identity).is_ok() => CertificateDecision::Accept,
    ///             _ => CertificateDecision::Refuse,
    ///         }
    ///     }
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`set_cert_cb`](Self::set_cert_cb).
    pub fn set_async_cert_cb<F, Fut, A>(&mut self, callback: F) -> Result<(), Error>
    where
        F: Fn(&CertificateView<'_>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = A> + Send + 'static,
        A: FnOnce(&mut CertificateView<'_>) -> CertificateDecision + Send + 'static,
    {
        self.set_cert_cb(move |view| {
            let question = || -> Question {
                let future = callback(view);
                Box::pin(async move { Answer::Certificate(Box::new(future.await)) })
            };
            match ask(view, handshake_of(view), question) {
                Ok(Answer::Certificate(decide)) => decide(view),
                Err(Asked::Waits) => CertificateDecision::Suspend,
                Ok(_) | Err(Asked::Nowhere) => CertificateDecision::Refuse,
            }
        })
    }

    /// Lets a future decide about each ClientHello, in place of [`set_client_hello_cb`](Self::set_client_hello_cb). The
    /// future returns a function that decides, and may give the connection another context.
    ///
    /// # Errors
    ///
    /// As [`set_client_hello_cb`](Self::set_client_hello_cb).
    pub fn set_async_client_hello_cb<F, Fut, A>(&mut self, callback: F) -> Result<(), Error>
    where
        F: Fn(&ClientHello<'_>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = A> + Send + 'static,
        A: FnOnce(&mut ClientHello<'_>) -> ClientHelloDecision + Send + 'static,
    {
        self.set_client_hello_cb(move |hello| {
            let question = || -> Question {
                let future = callback(hello);
                Box::pin(async move { Answer::ClientHello(Box::new(future.await)) })
            };
            // The object has these bytes only after this.
            let of = hello.random().try_into().unwrap_or_default();
            match ask(hello, of, question) {
                Ok(Answer::ClientHello(decide)) => decide(hello),
                Err(Asked::Waits) => ClientHelloDecision::Suspend,
                Ok(_) | Err(Asked::Nowhere) => ClientHelloDecision::Refuse(Alert::INTERNAL_ERROR),
            }
        })
    }

    /// Lets a future judge each chain that OpenSSL accepts, in place of
    /// [`set_cert_verify_callback`](Self::set_cert_verify_callback): `false` refuses it. OpenSSL verifies the chain anew
    /// before the answer counts.
    ///
    /// For clients: a server has no such pause, and refuses each client whose chain it is asked about.
    ///
    /// # Errors
    ///
    /// As [`set_cert_verify_callback`](Self::set_cert_verify_callback).
    pub fn set_async_cert_verify_callback<F, Fut>(&mut self, callback: F) -> Result<(), Error>
    where
        F: Fn(&PeerChainView<'_>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = bool> + Send + 'static,
    {
        self.set_cert_verify_callback(move |view| {
            let question = || -> Question {
                let future = callback(view);
                Box::pin(async move { Answer::Chain(future.await) })
            };
            match ask(view.ssl(), handshake_of(view.ssl()), question) {
                Ok(Answer::Chain(accepted)) => accepted,
                // On a server, where a pause would accept, it is refused.
                Err(Asked::Waits) => view.suspend().is_ok(),
                Ok(_) | Err(Asked::Nowhere) => false,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::context::{SslContext, SslMethod};
    use crate::ssl::Ssl;

    #[test]
    fn an_answer_about_an_earlier_handshake_is_none() {
        let context = SslContext::builder(SslMethod::tls_client()).unwrap().build();
        let ssl = Ssl::new(&context).unwrap();
        // SAFETY: the object is live.
        let state = unsafe { State::of(ssl.as_ptr()) }.unwrap();
        let question = || -> Question { Box::pin(std::future::ready(Answer::Chain(true))) };
        let (earlier, now) = ([1; 32], [2; 32]);

        *state.asking() = Asking::Answered(earlier, Answer::Chain(true));
        assert!(matches!(ask(&ssl, now, question), Err(Asked::Waits)));
        assert!(matches!(*state.asking(), Asking::Asked(of, _) if of == now));

        let mut task = Context::from_waker(std::task::Waker::noop());
        assert_eq!(poll_answer(&ssl, &mut task), Some(Poll::Ready(())));
        assert!(matches!(ask(&ssl, now, question), Ok(Answer::Chain(true))));
        // It counts once.
        assert!(matches!(ask(&ssl, now, question), Err(Asked::Waits)));
    }
}
