//! What this crate says of a chain without a connection.

use std::collections::BTreeSet;
use std::time::{Duration, UNIX_EPOCH};

use libssl::x509::{
    HostFlags, VerifyFlags, X509, X509Crl, X509Purpose, X509Store, X509StoreBuilder, X509VerifyParam,
    X509VerifyParamRef,
};
use libssl::{Error, ErrorKind};
use openssl_sys as sys;

use super::cases::{Case, Params, Role, Verdict};

/// Where this crate takes less than C, on purpose, and what shows it.
#[derive(Debug, Default)]
pub struct Deviations {
    /// A name with an outer dot, a wildcard, an address or letters beyond ASCII: it is no host name, and C compares it
    /// by rules of its own. It is then set as C does it, so that the verdict can be compared all the same.
    pub no_host_names: BTreeSet<Vec<u8>>,
}

/// The store: anchors, and lists if they are wanted in it.
pub fn store(case: &Case, with_lists: bool) -> X509Store {
    let mut builder = X509StoreBuilder::new().expect("a store");
    for anchor in &case.anchors {
        builder.add_pem(anchor.to_pem().as_bytes()).expect("an anchor");
    }
    if with_lists {
        for crl in lists(case) {
            builder.add_crl(&crl).expect("a list");
        }
    }
    builder.build().expect("a store with anchors")
}

/// The chain, unless it cannot be parsed.
pub fn chain(case: &Case) -> Option<Vec<X509>> {
    case.chain.iter().map(|certificate| X509::from_der(&certificate.to_der()).ok()).collect()
}

fn lists(case: &Case) -> Vec<X509Crl> {
    case.crls.iter().map(|crl| X509Crl::from_pem(crl.to_pem().as_bytes()).expect("a list")).collect()
}

/// Sets what a case says, but the security level, and answers whether it was taken.
pub fn configure(param: &mut X509VerifyParamRef, params: &Params, deviations: &mut Deviations) -> bool {
    for (at, host) in params.hosts.iter().enumerate() {
        let set = |param: &mut X509VerifyParamRef, host: &str| {
            if at == 0 { param.set_host(host) } else { param.add_host(host) }
        };
        let text = std::str::from_utf8(host).expect("the table's names are UTF-8");
        if let Err(error) = set(param, text) {
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error:?}");
            if !set_as_c_does(param, host) {
                return false;
            }
            deviations.no_host_names.insert(host.clone());
        }
    }
    let wanted = HostFlags::from_bits_retain(params.host_flags);
    if param.set_host_flags(wanted).is_err() {
        param.danger_set_host_flags(wanted);
    }
    if let Some(ip) = params.ip {
        let Ok(address) = ip.parse() else { return false };
        param.set_ip(address).expect("an address");
    }
    if let Some(email) = params.email {
        param.set_email(email).expect("a mail address");
    }
    let wanted = VerifyFlags::from_bits_retain(params.flags);
    if param.set_flags(wanted).is_err() {
        param.danger_set_flags(wanted);
    }
    if params.depth.is_some() {
        param.set_depth(params.depth);
    }
    if let Some(time) = params.time {
        let after = Duration::from_secs(u64::try_from(time).expect("after 1970"));
        param.danger_set_time(UNIX_EPOCH + after).expect("a time");
    }
    for policy in &params.policies {
        param.add_policy(policy).expect("a policy");
    }
    if let Some(purpose) = params.purpose {
        param.danger_set_purpose(Some(X509Purpose(purpose.0))).expect("a purpose");
    }
    true
}

fn set_as_c_does(param: &mut X509VerifyParamRef, host: &[u8]) -> bool {
    // SAFETY: the settings are live and borrowed for writing; the name has the length that C is told, which is not 0.
    let done = unsafe { sys::X509_VERIFY_PARAM_set1_host(param.as_ptr(), host.as_ptr().cast(), host.len()) };
    // SAFETY: has no requirements.
    unsafe { sys::ERR_clear_error() };
    done == 1
}

/// The verdict.
pub fn judge(case: &Case, role: Role, deviations: &mut Deviations) -> Verdict {
    let Some(chain) = chain(case) else { return Verdict::Malformed };
    let lists = lists(case);
    let mut param = X509VerifyParam::new().expect("settings");
    if !configure(&mut param, &case.params, deviations) {
        return Verdict::Unset;
    }
    param.danger_set_auth_level(Some(case.params.level));
    let store = store(case, false);
    let purpose = X509Purpose(case.purpose_for(role).0);
    let any = purpose == X509Purpose::ANY;
    if any {
        param.danger_set_purpose(Some(purpose)).expect("a purpose");
    }
    let verifier = store
        .verify_chain(&chain[0])
        .untrusted(&chain[1..])
        .crls(&lists)
        .param(&param)
        .danger_purpose_of_settings();
    let verifier = if any { verifier } else { verifier.purpose(purpose) };
    match verifier.verify() {
        Ok(verified) => Verdict::Accepted(verified.peer_name().map(<[u8]>::to_vec)),
        Err(error) => refusal(&error),
    }
}

/// The verdict that an error tells.
pub fn refusal(error: &Error) -> Verdict {
    let ErrorKind::Verification(code) = error.kind() else { panic!("no verdict: {error:?}") };
    let failure = error.verify_failure().unwrap_or_else(|| panic!("nothing says what failed: {error:?}"));
    assert_eq!(failure.error, code, "two codes: {error:?}");
    Verdict::Refused(code, failure.depth.unwrap_or_else(|| panic!("no place: {error:?}")))
}
