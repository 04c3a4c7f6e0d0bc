//! Whom the process obeys.

/// Whether this is a set-user-ID program or the like, whose user must not steer it through the environment.
pub(crate) fn has_more_rights_than_its_user() -> bool {
    // SAFETY: these have no requirements.
    unsafe { libc::getuid() != libc::geteuid() || libc::getgid() != libc::getegid() }
}
