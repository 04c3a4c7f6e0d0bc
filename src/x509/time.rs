//! Points in time, as certificates and revocation lists have them.

use std::ffi::c_int;
use std::ptr;
use std::time::{Duration, SystemTime};

use openssl_sys as sys;

use super::mem::print;
use crate::error::{self, Error, ErrorKind};

const DAY: i64 = 24 * 60 * 60;

/// The time that C holds, to the second.
///
/// # Safety
///
/// `time` is NULL, or live.
pub(crate) unsafe fn system_time(
    call: &'static str,
    time: *const sys::ASN1_TIME,
) -> Result<SystemTime, Error> {
    if time.is_null() {
        return Err(Error::new(ErrorKind::Refused, call).with_detail("there is no time"));
    }
    error::clear();
    // SAFETY: has no requirements; the epoch is ours.
    let epoch = unsafe { sys::ASN1_TIME_set(ptr::null_mut(), 0) };
    if epoch.is_null() {
        return Err(Error::from_queue("ASN1_TIME_set"));
    }
    let (mut days, mut seconds): (c_int, c_int) = (0, 0);
    // SAFETY: both times are live, and the out-pointers are locals of the type C writes. The epoch is freed once.
    let done = unsafe {
        let done = sys::ASN1_TIME_diff(&raw mut days, &raw mut seconds, epoch, time);
        sys::ASN1_TIME_free(epoch);
        done
    };
    if done != 1 {
        let error = Error::from_queue("ASN1_TIME_diff").with_kind(ErrorKind::Refused);
        return Err(error.with_detail("what stands for a time is none"));
    }
    error::clear();
    // Years have four digits, so this is far from the ends of an `i64`.
    since_epoch(i64::from(days) * DAY + i64::from(seconds))
        .ok_or_else(|| Error::new(ErrorKind::Refused, call).with_detail("the system has no such time"))
}

fn since_epoch(seconds: i64) -> Option<SystemTime> {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    match seconds {
        0.. => SystemTime::UNIX_EPOCH.checked_add(distance),
        _ => SystemTime::UNIX_EPOCH.checked_sub(distance),
    }
}

/// The time in words, for display; what C cannot print is `Bad time value`.
///
/// # Safety
///
/// `time` is NULL, or live.
pub(crate) unsafe fn display(time: *const sys::ASN1_TIME) -> String {
    if time.is_null() {
        return String::new();
    }
    // SAFETY: the BIO and the time are live.
    print(|bio| unsafe { sys::ASN1_TIME_print(bio, time) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::strings;

    fn parse(text: &str) -> Result<SystemTime, Error> {
        let text = strings::c_string("test", "the time", text).unwrap();
        // SAFETY: the time is ours, and freed once.
        unsafe {
            let time = sys::ASN1_TIME_new();
            assert_eq!(sys::ASN1_TIME_set_string(time, text.as_ptr()), 1, "{text:?}");
            let result = system_time("test", time);
            sys::ASN1_TIME_free(time);
            result
        }
    }

    #[test]
    fn times_are_exact_before_1970_and_far_ahead() {
        for (text, seconds) in [
            ("700101000000Z", 0),
            ("700101000001Z", 1),
            ("691231235959Z", -1),
            ("500101000000Z", -631_152_000),
            ("19000101000000Z", -2_208_988_800),
            ("00010101000000Z", -62_135_596_800),
            ("20380119031408Z", 2_147_483_648),
            ("99991231235959Z", 253_402_300_799),
        ] {
            assert_eq!(parse(text).unwrap(), since_epoch(seconds).unwrap(), "{text}");
        }
    }

    #[test]
    fn a_time_that_was_never_set_is_an_error() {
        // SAFETY: the time is ours, and freed once; NULL is allowed.
        unsafe {
            let time = sys::ASN1_TIME_new();
            assert_eq!(system_time("test", time).unwrap_err().kind(), ErrorKind::Refused);
            sys::ASN1_TIME_free(time);
            assert_eq!(system_time("test", ptr::null()).unwrap_err().kind(), ErrorKind::Refused);
        }
        assert!(error::is_empty());
    }
}
