//! The short way to a server that verifies its clients.

use super::{CaNames, SslContextBuilderRef, SslVerifyMode, TrustAnchors};
use crate::error::Error;
use crate::library::LibContext;
use crate::x509::{X509, read_file, read_uri};

/// When a server asks its clients for certificates, and what happens without one. A certificate that cannot be verified
/// ends the connection in each case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientVerification {
    /// In the handshake. A client may show none: see [`peer_certificate`](crate::SslRef::peer_certificate).
    Request,
    /// In the handshake, which a client without one fails.
    Require,
    /// Not in the handshake, but when [`verify_client_post_handshake`](crate::Connected::verify_client_post_handshake) asks;
    /// a client without one then fails, and until then nobody knows who the client is. TLS 1.2 cannot do that: there it is
    /// as [`Require`](Self::Require).
    RequireWhenAsked,
}

impl ClientVerification {
    fn mode(self) -> SslVerifyMode {
        match self {
            Self::Request => SslVerifyMode::PEER,
            Self::Require => SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT,
            Self::RequireWhenAsked => {
                SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT | SslVerifyMode::POST_HANDSHAKE
            }
        }
    }
}

impl SslContextBuilderRef {
    /// Makes a server verify its clients: it trusts these CAs, beside those it trusts already, asks for certificates, and
    /// tells clients the names of the CAs, so that they know which certificate to show.
    ///
    /// The names are those of a file, a text, a list, a URI or a store. Of a directory and of the system's roots no names
    /// are told. Whoever trusts the system's roots here lets everybody in whom any of them certified.
    ///
    /// # Errors
    ///
    /// As [`trust`](Self::trust) and [`CaNames`].
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use libssl::SslContext;
    /// use libssl::context::{ClientVerification, Identity, TrustAnchors};
    ///
    /// let identity = Identity::from_pem_files("server.pem", "server.key")?;
    /// let mut server = SslContext::server(&identity)?;
    /// server.verify_clients(ClientVerification::Require, TrustAnchors::File("clients-ca.pem".as_ref()))?;
    /// let server = server.build();
    /// # Ok(())
    /// # }
    /// ```
    pub fn verify_clients(
        &mut self,
        verification: ClientVerification,
        anchors: TrustAnchors<'_>,
    ) -> Result<(), Error> {
        // What comes out of a pipe comes once.
        let text;
        let certificates;
        let anchors = match anchors {
            TrustAnchors::File(path) if !path.is_file() => {
                text = read_file("SSL_CTX_load_verify_file", path)?;
                TrustAnchors::Pem(&text)
            }
            TrustAnchors::Uri(uri) => {
                let crls;
                (certificates, crls) = read_uri(self.lib_context(), uri)?;
                self.change_store(|store| crls.iter().try_for_each(|crl| store.add_crl(crl)))?;
                TrustAnchors::Certificates(&certificates)
            }
            other => other,
        };
        self.trust(anchors)?;
        let names = names_of(anchors)?;
        self.set_verify(verification.mode())?;
        if let Some(names) = names {
            self.set_client_ca_list(names);
        }
        Ok(())
    }
}

/// What clients are told of these CAs.
fn names_of(anchors: TrustAnchors<'_>) -> Result<Option<CaNames>, Error> {
    let subjects = |certificates: &[X509]| {
        let mut names = CaNames::new()?;
        names.add_subjects(certificates)?;
        Ok(Some(names))
    };
    match anchors {
        TrustAnchors::System | TrustAnchors::Directory(_) => Ok(None),
        TrustAnchors::File(path) => CaNames::from_file(path).map(Some),
        TrustAnchors::Pem(pem) => subjects(&X509::stack_from_pem(pem)?),
        TrustAnchors::Certificates(certificates) => subjects(certificates),
        TrustAnchors::Store(store) => subjects(&store.certificates()?),
        TrustAnchors::Uri(uri) => subjects(&read_uri(LibContext::default(), uri)?.0),
    }
}
