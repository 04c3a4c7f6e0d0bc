//! What a side of a connection says of the chain that the other one presents.

use std::io::Read;

use libssl::context::{Identity, ProtocolVersion, SslMethod, SslVerifyMode, TrustAnchors};
use libssl::error::Alert;
use libssl::x509::{PKey, X509, X509VerifyParamRef};
use libssl::{Error, ErrorKind, Ssl, SslContext, SslContextBuilder, VerifyError as V};
use openssl_sys as sys;

use super::super::common::{self, Duplex, Side, duplex, shake_over};
use super::cases::{Case, Role, Verdict};
use super::ours::{self, Deviations};

/// Lets the two sides shake hands: the verdict of the one that judges, and what the other one learns of it.
///
/// # Errors
///
/// What else went wrong.
pub fn judge(
    case: &Case,
    role: Role,
    version: ProtocolVersion,
    deviations: &mut Deviations,
) -> Result<(Verdict, Option<Alert>), String> {
    let Some(chain) = ours::chain(case) else { return Ok((Verdict::Malformed, None)) };
    let presenter = presenter(case, chain, role, version);
    let judge = judging(case, role, version);
    let (mut judging, mut presenting) = (Ssl::new(&judge).unwrap(), Ssl::new(&presenter).unwrap());
    if role == Role::Server {
        judging.danger_accept_any_name().unwrap();
    } else {
        presenting.danger_accept_any_name().unwrap();
    }
    // SAFETY: the object is live and ours alone, and lends its settings (get0) for as long as it is.
    let param = unsafe { X509VerifyParamRef::from_ptr_mut(sys::SSL_get0_param(judging.as_ptr())) };
    if !ours::configure(param, &case.params, deviations) {
        return Ok((Verdict::Unset, None));
    }
    let (left, right) = duplex();
    let (judged, presented) = match role {
        Role::Server => shake_over(judging, left, presenting, right),
        Role::Client => {
            let (presented, judged) = shake_over(presenting, left, judging, right);
            (judged, presented)
        }
    };
    match (judged, presented) {
        (Ok(connected), Ok(_)) => {
            let verdict = Verdict::Accepted(connected.ssl().peer_name().map(<[u8]>::to_vec));
            Ok((verdict, None))
        }
        (Err(error), presented) if matches!(error.kind(), ErrorKind::Verification(_)) => {
            Ok((ours::refusal(&error), Some(alert(presented)?)))
        }
        (judged, presented) => Err(format!("{judged:?}, and the other side: {presented:?}")),
    }
}

/// The alert that the presenting side got. On TLS 1.3 a client is connected before the server has judged it.
fn alert(presented: Side<Duplex>) -> Result<Alert, String> {
    let error = match presented {
        Err(error) => error,
        Ok(mut connected) => {
            let error = connected.read(&mut [0]).expect_err("the other side is gone");
            *error
                .into_inner()
                .and_then(|inner| inner.downcast::<Error>().ok())
                .expect("an error of this crate")
        }
    };
    match error.kind() {
        ErrorKind::Alert(alert) => Ok(alert),
        _ => Err(format!("no alert but {error:?}")),
    }
}

/// Loads the chain as a server's identity, at this security level.
///
/// # Errors
///
/// Why it is not presented.
pub fn load(case: &Case, level: u32) -> Result<(), Error> {
    let mut builder = SslContext::builder(SslMethod::tls_server()).unwrap();
    settle(&mut builder, ProtocolVersion::TLS1_2, level);
    builder.use_identity(&identity(case, ours::chain(case).unwrap()))
}

fn identity(case: &Case, chain: Vec<X509>) -> Identity {
    let key = PKey::from_der(&case.chain[0].key.pkcs8()).unwrap();
    Identity::new(chain, key).unwrap()
}

fn presenter(case: &Case, chain: Vec<X509>, role: Role, version: ProtocolVersion) -> SslContext {
    let method = if role == Role::Server { SslMethod::tls_server() } else { SslMethod::tls_client() };
    let mut builder = SslContext::builder(method).unwrap();
    // What is presented is not for this side to judge.
    settle(&mut builder, version, 0);
    builder.use_identity(&identity(case, chain)).unwrap();
    if role == Role::Client {
        builder.danger_set_verify_none().unwrap();
    }
    builder.build()
}

fn judging(case: &Case, role: Role, version: ProtocolVersion) -> SslContext {
    let mut builder = match role {
        Role::Server => {
            SslContext::client_trusting(TrustAnchors::Pem(common::pki().ca_pem.as_bytes())).unwrap()
        }
        Role::Client => {
            let identity = common::identity(&common::pki().localhost);
            let mut builder = SslContext::server(&identity).unwrap();
            builder.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT).unwrap();
            builder
        }
    };
    settle(&mut builder, version, case.params.level);
    builder.set_cert_store(&ours::store(case, true)).unwrap();
    builder.build()
}

fn settle(builder: &mut SslContextBuilder, version: ProtocolVersion, level: u32) {
    builder.set_min_proto_version(Some(version)).unwrap();
    builder.set_max_proto_version(Some(version)).unwrap();
    builder.set_cipher_list(&format!("ALL:!aNULL:@SECLEVEL={level}")).unwrap();
}

/// The alert that a refusal sends, as libssl has it.
pub fn expected_alert(error: V) -> Alert {
    match error {
        V::CERT_HAS_EXPIRED | V::CRL_HAS_EXPIRED => Alert::CERTIFICATE_EXPIRED,
        V::CERT_REVOKED => Alert::CERTIFICATE_REVOKED,
        V::CERT_SIGNATURE_FAILURE | V::CRL_SIGNATURE_FAILURE => Alert::DECRYPT_ERROR,
        V::INVALID_PURPOSE => Alert::UNSUPPORTED_CERTIFICATE,
        V::CERT_CHAIN_TOO_LONG
        | V::DEPTH_ZERO_SELF_SIGNED_CERT
        | V::INVALID_CA
        | V::PATH_LENGTH_EXCEEDED
        | V::SELF_SIGNED_CERT_IN_CHAIN
        | V::UNABLE_TO_GET_CRL
        | V::UNABLE_TO_GET_ISSUER_CERT
        | V::UNABLE_TO_GET_ISSUER_CERT_LOCALLY => Alert::UNKNOWN_CA,
        V::CA_KEY_TOO_SMALL
        | V::CA_MD_TOO_WEAK
        | V::CERT_NOT_YET_VALID
        | V::CERT_REJECTED
        | V::CRL_NOT_YET_VALID
        | V::EC_KEY_EXPLICIT_PARAMS
        | V::EE_KEY_TOO_SMALL
        | V::EMAIL_MISMATCH
        | V::ERROR_IN_CERT_NOT_AFTER_FIELD
        | V::ERROR_IN_CERT_NOT_BEFORE_FIELD
        | V::HOSTNAME_MISMATCH
        | V::IP_ADDRESS_MISMATCH => Alert::BAD_CERTIFICATE,
        _ => Alert::CERTIFICATE_UNKNOWN,
    }
}
