//! The `openssl verify` command, and what it says.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use libssl::VerifyError;

use super::cases::{Case, Role, Verdict, flags};

/// The option of each flag.
const OPTIONS: [(u64, &str); 14] = [
    (flags::CRL_CHECK, "-crl_check"),
    (flags::CRL_CHECK_ALL, "-crl_check_all"),
    (flags::IGNORE_CRITICAL, "-ignore_critical"),
    (flags::X509_STRICT, "-x509_strict"),
    (flags::ALLOW_PROXY_CERTS, "-allow_proxy_certs"),
    (flags::POLICY_CHECK, "-policy_check"),
    (flags::EXPLICIT_POLICY, "-explicit_policy"),
    (flags::INHIBIT_ANY, "-inhibit_any"),
    (flags::EXTENDED_CRL_SUPPORT, "-extended_crl"),
    (flags::USE_DELTAS, "-use_deltas"),
    (flags::CHECK_SS_SIGNATURE, "-check_ss_sig"),
    (flags::SUITEB_128_LOS, "-suiteB_128"),
    (flags::PARTIAL_CHAIN, "-partial_chain"),
    (flags::NO_CHECK_TIME, "-no_check_time"),
];

/// The command, and of which version it is.
pub struct Openssl {
    program: OsString,
    /// As OpenSSL_version_num(3) writes it, without the last digit.
    pub version: u64,
}

impl Openssl {
    /// The one that `OPENSSL` names, or the one of the OpenSSL under test, or the one on the path.
    pub fn find() -> Self {
        let beside = env::var_os("OPENSSL_DIR").map(|directory| PathBuf::from(directory).join("bin/openssl"));
        let program = env::var_os("OPENSSL")
            .or_else(|| beside.filter(|path| path.is_file()).map(PathBuf::into_os_string))
            .unwrap_or_else(|| "openssl".into());
        let output = Command::new(&program).arg("version").output().expect("the openssl command runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        // `OpenSSL 3.0.1 1 Jan 2026 (Library: OpenSSL 3.5.1 1 Jan 2026)`: the library judges.
        let library = text.rsplit("OpenSSL ").next().expect("a name");
        let version = library.split(' ').next().expect("a version");
        let mut parts = version.split(['.', '-']).map(|part| part.parse::<u64>().unwrap_or_default());
        let mut next = || parts.next().unwrap_or_default();
        Self { program, version: next() << 28 | next() << 20 | next() << 4 }
    }

    /// Whether it is of the same version as the library with this number.
    pub fn is_of(&self, library: u64) -> bool {
        self.version >> 4 == library >> 4
    }

    /// Its verdict about a case, without a name: it does not tell which one matched.
    ///
    /// # Errors
    ///
    /// Why it cannot be asked.
    pub fn verify(
        &self,
        directory: &Path,
        number: usize,
        case: &Case,
        role: Role,
    ) -> Result<Verdict, &'static str> {
        let arguments = arguments(case, role)?;
        let file = |name: &str| directory.join(format!("{number}.{name}.pem"));
        let mut command = Command::new(&self.program);
        command.args(["verify", "-no-CApath", "-no-CAstore", "-CAfile"]).arg(file("anchors"));
        // It takes no file without certificates or lists.
        for (option, name) in [("-untrusted", "untrusted"), ("-CRLfile", "crls")] {
            if fs::metadata(file(name)).is_ok_and(|metadata| metadata.len() > 0) {
                command.arg(option).arg(file(name));
            }
        }
        command.args(arguments).arg(file("leaf"));
        let output = command.output().expect("the openssl command runs");
        let (stdout, stderr) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if output.status.success() && stdout.trim_end().ends_with(": OK") {
            return Ok(Verdict::Accepted(None));
        }
        // Of several errors the first is the one that ends a verification.
        let verdict = stderr.lines().find_map(refusal);
        match verdict {
            Some(verdict) => Ok(verdict),
            None if stderr.contains("Could not") || stderr.contains("Unable to load") => {
                Ok(Verdict::Malformed)
            }
            None if !stderr.contains("verification failed") => Ok(Verdict::Unset),
            None => panic!("{}: {command:?} says\n{stdout}{stderr}", case.name),
        }
    }
}

/// `error 10 at 0 depth lookup: certificate has expired`
fn refusal(line: &str) -> Option<Verdict> {
    let (code, rest) = line.strip_prefix("error ")?.split_once(" at ")?;
    let (depth, _) = rest.split_once(" depth lookup")?;
    Some(Verdict::Refused(VerifyError(code.parse().ok()?), depth.parse().ok()?))
}

/// How the command is told of the settings, or why it cannot be.
fn arguments(case: &Case, role: Role) -> Result<Vec<OsString>, &'static str> {
    let params = &case.params;
    if params.host_flags != 0 {
        return Err("no option for flags of host names");
    }
    if params.hosts.len() > 1 {
        return Err("the option for a host name counts once");
    }
    if params.hosts.iter().any(|host| host.contains(&0)) {
        return Err("no argument has a NUL in it");
    }
    if params.flags & (flags::CRL_CHECK | flags::CRL_CHECK_ALL) == flags::CRL_CHECK_ALL {
        return Err("-crl_check_all turns on -crl_check");
    }
    let mut arguments: Vec<OsString> = Vec::new();
    let mut add = |option: &str, value: OsString| arguments.extend([option.into(), value]);
    for host in &params.hosts {
        add("-verify_hostname", OsString::from_vec(host.clone()));
    }
    if let Some(ip) = params.ip {
        add("-verify_ip", ip.into());
    }
    if let Some(email) = params.email {
        add("-verify_email", email.into());
    }
    if let Some(depth) = params.depth {
        add("-verify_depth", depth.to_string().into());
    }
    if let Some(time) = params.time {
        add("-attime", time.to_string().into());
    }
    for policy in &params.policies {
        add("-policy", policy.into());
    }
    add("-auth_level", params.level.to_string().into());
    add("-purpose", case.purpose_for(role).1.into());
    let mut left = params.flags;
    for (flag, option) in OPTIONS {
        if left & flag == flag {
            left &= !flag;
            arguments.push(option.into());
        }
    }
    assert_eq!(left, 0, "{}: no option for a flag", case.name);
    Ok(arguments)
}
