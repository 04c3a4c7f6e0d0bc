//! OCSP: asking whether a certificate is revoked, and judging the answer.
//!
//! A server staples: it asks the responder of its own certificate now and then, over its own HTTP, and hands the answer
//! to its clients ([`Staple`]). A client demands and judges the stapled answer
//! ([`verify_stapled_responses`](crate::SslContextBuilderRef::verify_stapled_responses)).
//!
//! ```no_run
//! use libssl::ocsp::{OcspCheck, OcspRequest, OcspResponse, Staple};
//! use libssl::x509::{X509, X509StoreRef};
//!
//! # fn post(content_type: &str, body: &[u8]) -> Result<Vec<u8>, libssl::Error> { Ok(body.to_vec()) }
//! # fn refresh(staple: &Staple, certificate: &X509, issuer: &X509, store: &X509StoreRef) -> Result<(), libssl::Error> {
//! let request = OcspRequest::for_certificate(certificate, issuer)?;
//! let answer = post(OcspRequest::CONTENT_TYPE, request.as_der())?; // to the URL in the certificate
//! let response = OcspResponse::from_der(&answer)?;
//! response.verify_for(certificate, issuer, store, &OcspCheck::new())?; // good, of now, and signed by the right one
//! staple.set(response); // the next handshakes have it
//! # Ok(())
//! # }
//! ```
//!
//! All objects here are immutable, and hold what they were parsed from: no object of C's is shared between threads.

mod c;
mod cert_id;
mod check;
mod policy;
mod request;
mod responder_id;
mod response;
mod staple;

pub use cert_id::{OcspCertId, OcspHash};
pub use check::{OcspCheck, OcspDangerousFlags, OcspVerifyFlags};
pub use policy::StaplePolicy;
pub use request::{OcspRequest, OcspRequestBuilder};
pub use responder_id::OcspResponderId;
pub use response::{OcspBasicResponse, OcspCertStatus, OcspResponse, OcspSingleResponse};
pub use staple::Staple;

pub use crate::error::{CrlReason, OcspRefusal, OcspResponseStatus};

pub(crate) use c::encode;
pub(crate) use policy::{Refused, judge};
pub(crate) use responder_id::Stack as ResponderIdStack;
pub(crate) use response::{der_of, into_c};
