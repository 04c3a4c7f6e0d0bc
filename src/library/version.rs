//! Which version the crate was built against, which one runs, and whether the two fit.

use std::cmp::Ordering;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use openssl_sys_ext as ext;

use crate::error::{Error, ErrorKind};
use crate::ffi::{compat, strings};

/// The version of an OpenSSL. Versions are ordered by their numbers, and a release comes after its pre-releases.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Version {
    /// A change of it breaks the interface.
    pub major: u32,
    /// A change of it adds to the interface.
    pub minor: u32,
    /// A change of it only mends.
    pub patch: u32,
    /// What a version that is not released yet adds, such as `alpha1` or `dev`; empty for a release.
    pub pre_release: String,
    /// What whoever built it added to the version; mostly empty.
    pub build_metadata: String,
}

impl Version {
    fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch, pre_release: String::new(), build_metadata: String::new() }
    }

    /// The version of the headers this crate was compiled with, which do not tell anything beyond the three numbers.
    pub(super) fn of_headers() -> Self {
        let number = |number: i32| u32::try_from(number).unwrap_or_default();
        Self::new(
            number(ext::OPENSSL_VERSION_MAJOR),
            number(ext::OPENSSL_VERSION_MINOR),
            number(ext::OPENSSL_VERSION_PATCH),
        )
    }

    /// The version of the library that runs.
    pub(super) fn running() -> Self {
        // SAFETY: both give constants of the library.
        let (pre_release, build_metadata) = unsafe {
            (
                strings::constant(ext::OPENSSL_version_pre_release()),
                strings::constant(ext::OPENSSL_version_build_metadata()),
            )
        };
        Self {
            pre_release: pre_release.trim_start_matches('-').into(),
            build_metadata: build_metadata.trim_start_matches('+').into(),
            ..Self::of_number(compat::running_version())
        }
    }

    /// Takes `0xMNN00PPS` apart. It is the one number that every OpenSSL from 1.1 on answers, whatever else it lacks.
    fn of_number(number: u64) -> Self {
        let bits = |from: u32, mask: u64| u32::try_from(number >> from & mask).unwrap_or_default();
        Self::new(bits(28, 0xf), bits(20, 0xff), bits(4, 0xff))
    }

    fn numbers(&self) -> (u32, u32, u32) {
        (self.major, self.minor, self.patch)
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        // A release comes after what came before it; the text of a pre-release is compared as such.
        let released = |version: &Self| (version.pre_release.is_empty(), version.pre_release.clone());
        self.numbers()
            .cmp(&other.numbers())
            .then_with(|| released(self).cmp(&released(other)))
            .then_with(|| self.build_metadata.cmp(&other.build_metadata))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if !self.pre_release.is_empty() {
            write!(f, "-{}", self.pre_release)?;
        }
        if !self.build_metadata.is_empty() {
            write!(f, "+{}", self.build_metadata)?;
        }
        Ok(())
    }
}

/// How the library that runs compares with the headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    /// As new as the headers, or newer within the major version.
    Good,
    /// The same interface, with fewer mends.
    OlderPatch,
    /// It may lack what the program calls.
    OlderMinor,
    OtherMajor,
}

fn fit(headers: (u32, u32, u32), running: (u32, u32, u32)) -> Fit {
    match running.0.cmp(&headers.0) {
        Ordering::Equal if running >= headers => Fit::Good,
        Ordering::Equal if running.1 == headers.1 => Fit::OlderPatch,
        Ordering::Equal => Fit::OlderMinor,
        _ => Fit::OtherMajor,
    }
}

static OLDER_PATCH_ACCEPTED: AtomicBool = AtomicBool::new(false);

/// Lets this program run on an OpenSSL that is older than its headers by patch releases only, such as 3.5.4 under a
/// program that was built against 3.5.7. Its interface is the same, but what the releases between have mended is not,
/// which is why it is refused otherwise.
///
/// It holds for the whole process, and is to be called before anything else of this crate.
pub fn danger_accept_older_patch() {
    OLDER_PATCH_ACCEPTED.store(true, Relaxed);
}

/// Whether the library that runs is one that this program was built for. Every constructor that others build on asks.
pub(crate) fn check(call: &'static str) -> Result<(), Error> {
    // A number that is kept and three constants: nothing here is worth keeping besides.
    let (headers, running) = (Version::of_headers(), Version::of_number(compat::running_version()));
    judge(call, &headers, &running, OLDER_PATCH_ACCEPTED.load(Relaxed))
}

fn judge(
    call: &'static str,
    headers: &Version,
    running: &Version,
    older_patch_accepted: bool,
) -> Result<(), Error> {
    let why = match fit(headers.numbers(), running.numbers()) {
        Fit::Good => return Ok(()),
        Fit::OlderPatch if older_patch_accepted => return Ok(()),
        Fit::OlderPatch | Fit::OlderMinor => "which is older",
        Fit::OtherMajor => "which is another major version",
    };
    let detail = format!("built against OpenSSL {headers}, running on OpenSSL {running}, {why}");
    Err(Error::new(ErrorKind::VersionMismatch, call).with_detail(detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_runtime_of_the_same_major_fits() {
        for (headers, running) in [((3, 0, 0), (3, 0, 0)), ((3, 0, 19), (3, 5, 1)), ((3, 5, 1), (3, 5, 2))] {
            assert_eq!(fit(headers, running), Fit::Good);
        }
    }

    #[test]
    fn an_older_or_another_runtime_is_refused_with_both_versions() {
        for (headers, running, expected) in [
            ((3, 5, 7), (3, 5, 6), Fit::OlderPatch),
            ((3, 5, 0), (3, 0, 19), Fit::OlderMinor),
            ((3, 5, 7), (4, 0, 0), Fit::OtherMajor),
            ((4, 0, 0), (3, 6, 9), Fit::OtherMajor),
            ((3, 0, 0), (1, 1, 23), Fit::OtherMajor),
        ] {
            assert_eq!(fit(headers, running), expected);
            let version = |(major, minor, patch)| Version::new(major, minor, patch);
            let (headers, running) = (version(headers), version(running));
            let error = judge("SSL_CTX_new_ex", &headers, &running, false).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::VersionMismatch);
            let text = error.to_string();
            assert!(text.contains(&headers.to_string()) && text.contains(&running.to_string()), "{text}");
            assert_eq!(
                judge("SSL_CTX_new_ex", &headers, &running, true).is_ok(),
                expected == Fit::OlderPatch
            );
        }
    }

    #[test]
    fn the_number_is_taken_apart() {
        assert_eq!(Version::of_number(0x3050_0070).to_string(), "3.5.7");
        assert_eq!(Version::of_number(0x3000_0130).to_string(), "3.0.19");
        assert_eq!(Version::of_number(0x4000_0000).to_string(), "4.0.0");
    }

    #[test]
    fn a_release_is_newer_than_what_came_before_it() {
        let release = Version::new(4, 0, 0);
        let early = Version { pre_release: "beta1".into(), ..release.clone() };
        assert!(early < release && Version::new(3, 6, 1) < early);
        assert_eq!(early.to_string(), "4.0.0-beta1");
    }

    #[test]
    fn the_library_under_test_fits() {
        check("SSL_CTX_new_ex").unwrap();
    }
}
