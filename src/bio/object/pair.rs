//! C's BIO pair, as two BIOs: what is written to one is read from the other.
//!
//! The halves share memory without a lock. Neither is `Send`, so both stay on one thread; each forgets the other when
//! that is freed.

use std::ffi::{c_char, c_int, c_long};
use std::mem::MaybeUninit;
use std::ptr;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::io::int;
use super::{BioError, BioType};
use crate::bio::handle::{Bio, BioRef};
use crate::error::{self, Error, ErrorKind};
use crate::ffi::bytes;

impl Bio {
    /// Two BIOs, each of which reads what is written to the other. The buffers hold so many bytes of what is written to
    /// the first and to the second; 0 stands for OpenSSL's own 17 KiB.
    ///
    /// [`Pair`](crate::bio::Pair) is the same as a channel of a connection.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if there is no memory for them.
    ///
    /// C: [`BIO_new_bio_pair(3)`](https://docs.openssl.org/master/man3/BIO_s_bio/)
    #[doc(alias = "BIO_new_bio_pair")]
    pub fn new_bio_pair(first: usize, second: usize) -> Result<(Self, Self), Error> {
        const CALL: &str = "BIO_new_bio_pair";
        error::clear();
        let (mut one, mut other) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: two places for two new BIOs.
        if unsafe { ext::BIO_new_bio_pair(&raw mut one, first, &raw mut other, second) } != 1 {
            // Not every version says so itself.
            let detail = format!("there is no memory for buffers of {first} and {second} bytes");
            return Err(Error::from_queue(CALL).with_kind(ErrorKind::Refused).with_detail(detail));
        }
        // SAFETY: both references are ours.
        unsafe { Ok((Self::from_new(CALL, one)?, Self::from_new(CALL, other)?)) }
    }

    /// A half of a pair without the other: [`make_bio_pair`](Self::make_bio_pair) joins two. Until then nothing can be
    /// read or written.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] or [`ErrorKind::Unspecified`] if there is no memory.
    ///
    /// C: [`BIO_s_bio(3)`](https://docs.openssl.org/master/man3/BIO_s_bio/)
    #[doc(alias = "BIO_s_bio")]
    pub fn half() -> Result<Self, Error> {
        // SAFETY: the method is a constant of the library.
        unsafe { Self::new(ext::BIO_s_bio()) }
    }

    /// Joins two halves: the first half of either chain.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] if one of the chains has no half, and [`ErrorKind::Refused`] if one is joined already,
    /// or there is no memory.
    ///
    /// C: [`BIO_make_bio_pair(3)`](https://docs.openssl.org/master/man3/BIO_s_bio/)
    #[doc(alias = "BIO_make_bio_pair")]
    pub fn make_bio_pair(&mut self, other: &mut Self) -> Result<(), Error> {
        const CALL: &str = "BIO_make_bio_pair";
        let other = other.half_mut(CALL)?.as_ptr();
        let half = self.half_mut(CALL)?;
        // SAFETY: both are live, borrowed for writing, and halves of OpenSSL's. They may be joined: as owned BIOs of this
        // thread they both stay here.
        match half.enter(|bio| unsafe { ext::BIO_make_bio_pair(bio, other) }) {
            (1, _) => Ok(()),
            (ret, errno) => Err(half.failed(CALL, ret, errno).with_kind(ErrorKind::Refused)),
        }
    }
}

/// Of the first half of a pair in the chain.
impl BioRef {
    /// Parts the halves. What is in the buffers is lost.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] if the chain has no half.
    ///
    /// C: [`BIO_destroy_bio_pair(3)`](https://docs.openssl.org/master/man3/BIO_s_bio/)
    #[doc(alias = "BIO_destroy_bio_pair")]
    pub fn destroy_bio_pair(&mut self) -> Result<(), Error> {
        // SAFETY: the BIO is live and borrowed for writing; so below.
        self.half_mut("BIO_destroy_bio_pair")?.ask(|bio| unsafe { ext::BIO_destroy_bio_pair(bio) });
        Ok(())
    }

    /// How many bytes the buffer for what is written here holds, before the half is joined.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for 0 or more than C can count, or if the chain has no half, and
    /// [`ErrorKind::Refused`] if the half is joined.
    ///
    /// C: [`BIO_set_write_buf_size(3)`](https://docs.openssl.org/master/man3/BIO_s_bio/)
    #[doc(alias = "BIO_set_write_buf_size")]
    pub fn set_write_buf_size(&mut self, size: usize) -> Result<(), Error> {
        const CALL: &str = "BIO_set_write_buf_size";
        let half = self.half_mut(CALL)?;
        let Ok(size @ 1..) = c_long::try_from(size) else {
            let detail = format!("{size} is no size of a buffer");
            return Err(Error::new(ErrorKind::InvalidInput, CALL).with_detail(detail));
        };
        // SAFETY: see above.
        match half.enter(|bio| unsafe { ext::BIO_set_write_buf_size(bio, size) }) {
            (1, _) => Ok(()),
            (ret, errno) => Err(half.failed(CALL, ret, errno)),
        }
    }

    /// How many bytes the buffer for what is written here holds.
    ///
    /// C: [`BIO_get_write_buf_size(3)`](https://docs.openssl.org/master/man3/BIO_s_bio/)
    #[doc(alias = "BIO_get_write_buf_size")]
    pub fn write_buf_size(&mut self) -> usize {
        // SAFETY: see above.
        self.asks(|bio| unsafe { ext::BIO_get_write_buf_size(bio, 0) })
    }

    /// How many bytes a write takes now.
    ///
    /// C: [`BIO_get_write_guarantee(3)`](https://docs.openssl.org/master/man3/BIO_s_bio/)
    #[doc(alias = "BIO_get_write_guarantee")]
    #[doc(alias = "BIO_ctrl_get_write_guarantee")]
    pub fn write_guarantee(&mut self) -> usize {
        let Ok(half) = self.half_mut("BIO_get_write_guarantee") else { return 0 };
        half.count(
            // SAFETY: see above.
            |bio| unsafe { ext::BIO_get_write_guarantee(bio) },
            // SAFETY: see above.
            |bio| unsafe { ext::BIO_ctrl_get_write_guarantee(bio) },
        )
    }

    /// How many bytes the other half asked for when it last found nothing to read; 0 if it has not, or was written to
    /// since.
    ///
    /// C: [`BIO_get_read_request(3)`](https://docs.openssl.org/master/man3/BIO_s_bio/)
    #[doc(alias = "BIO_get_read_request")]
    #[doc(alias = "BIO_ctrl_get_read_request")]
    pub fn read_request(&mut self) -> usize {
        let Ok(half) = self.half_mut("BIO_get_read_request") else { return 0 };
        half.count(
            // SAFETY: see above.
            |bio| unsafe { ext::BIO_get_read_request(bio) },
            // SAFETY: see above.
            |bio| unsafe { ext::BIO_ctrl_get_read_request(bio) },
        )
    }

    /// Forgets the other half's [`read_request`](Self::read_request).
    ///
    /// C: [`BIO_ctrl_reset_read_request(3)`](https://docs.openssl.org/master/man3/BIO_s_bio/)
    #[doc(alias = "BIO_ctrl_reset_read_request")]
    pub fn reset_read_request(&mut self) {
        // SAFETY: see above.
        self.asks(|bio| unsafe { ext::BIO_ctrl_reset_read_request(bio) });
    }

    /// Says that nothing more is written here: the other half comes to its end once it has read what there is.
    ///
    /// C: [`BIO_shutdown_wr(3)`](https://docs.openssl.org/master/man3/BIO_s_bio/)
    #[doc(alias = "BIO_shutdown_wr")]
    pub fn shutdown_wr(&mut self) {
        // SAFETY: see above.
        self.asks(|bio| unsafe { ext::BIO_shutdown_wr(bio) });
    }

    /// Lends what can be read in one piece, and leaves it there.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read), and [`ErrorKind::InvalidInput`] if the chain has no half.
    ///
    /// C: [`BIO_nread0(3)`](https://docs.openssl.org/master/man3/BIO_s_bio/)
    ///
    /// # Safety
    ///
    /// The bytes are the other half's: it is neither written to nor freed while they are lent.
    #[doc(alias = "BIO_nread0")]
    pub unsafe fn nread0(&mut self) -> Result<&[u8], BioError> {
        // SAFETY: see above.
        let (data, len) = self.lent("BIO_nread0", |bio, data| unsafe { ext::BIO_nread0(bio, data) })?;
        // SAFETY: get0: `len` bytes of the pair's, which stay as they are by this function's contract.
        Ok(unsafe { bytes::lend(data.cast(), len) }.unwrap_or_default())
    }

    /// As [`nread0`](Self::nread0), of at most so many bytes, which are read with that.
    ///
    /// # Errors
    ///
    /// As [`nread0`](Self::nread0).
    ///
    /// C: [`BIO_nread(3)`](https://docs.openssl.org/master/man3/BIO_s_bio/)
    ///
    /// # Safety
    ///
    /// As [`nread0`](Self::nread0).
    #[doc(alias = "BIO_nread")]
    pub unsafe fn nread(&mut self, most: usize) -> Result<&[u8], BioError> {
        // SAFETY: see above.
        let (data, len) =
            self.lent("BIO_nread", |bio, data| unsafe { ext::BIO_nread(bio, data, int(most)) })?;
        // SAFETY: as in `nread0`.
        Ok(unsafe { bytes::lend(data.cast(), len.min(most)) }.unwrap_or_default())
    }

    /// Lends the room there is in one piece for what [`nwrite`](Self::nwrite) then says was written.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write), and [`ErrorKind::InvalidInput`] if the chain has no half.
    ///
    /// C: [`BIO_nwrite0(3)`](https://docs.openssl.org/master/man3/BIO_s_bio/)
    ///
    /// # Safety
    ///
    /// The pair is neither used through the other half nor parted while the room is lent.
    #[doc(alias = "BIO_nwrite0")]
    pub unsafe fn nwrite0(&mut self) -> Result<&mut [MaybeUninit<u8>], BioError> {
        // SAFETY: see above.
        let (room, len) = self.lent("BIO_nwrite0", |bio, room| unsafe { ext::BIO_nwrite0(bio, room) })?;
        // SAFETY: `len` bytes of the pair's, which nobody else uses by this function's contract.
        Ok(unsafe { room_of(room, len) })
    }

    /// As [`nwrite0`](Self::nwrite0), of at most so many bytes, which count as written with that.
    ///
    /// # Errors
    ///
    /// As [`nwrite0`](Self::nwrite0).
    ///
    /// C: [`BIO_nwrite(3)`](https://docs.openssl.org/master/man3/BIO_s_bio/)
    ///
    /// # Safety
    ///
    /// As [`nwrite0`](Self::nwrite0), and all of the room is written before anybody reads from the other half.
    #[doc(alias = "BIO_nwrite")]
    pub unsafe fn nwrite(&mut self, most: usize) -> Result<&mut [MaybeUninit<u8>], BioError> {
        // SAFETY: see above.
        let (room, len) =
            self.lent("BIO_nwrite", |bio, room| unsafe { ext::BIO_nwrite(bio, room, int(most)) })?;
        // SAFETY: as in `nwrite0`.
        Ok(unsafe { room_of(room, len.min(most)) })
    }

    /// One of the four calls that lend memory. They do not reach through filters.
    fn lent(
        &mut self,
        call: &'static str,
        lend: impl FnOnce(*mut sys::BIO, *mut *mut c_char) -> c_int,
    ) -> Result<(*mut c_char, usize), BioError> {
        let half = self.half_mut(call)?;
        let mut data = ptr::null_mut();
        let (ret, errno) = half.operate(call, |bio| lend(bio, &raw mut data))?;
        half.taken(call, ret, errno).map(|len| (data, len))
    }

    fn half_mut(&mut self, call: &'static str) -> Result<&mut Self, Error> {
        self.find_type_mut(BioType::BIO).ok_or_else(|| {
            Error::new(ErrorKind::InvalidInput, call).with_detail("the chain has no half of a pair")
        })
    }

    /// A question to the half; the default without one.
    fn asks<T: Default>(&mut self, call: impl FnOnce(*mut sys::BIO) -> T) -> T {
        self.find_type_mut(BioType::BIO).map(|half| half.ask(call)).unwrap_or_default()
    }
}

/// # Safety
///
/// `room` is NULL, or `len` bytes that are nobody else's for `'a`.
#[allow(clippy::disallowed_methods)] // `bytes::lend_mut` is for bytes that are initialised
unsafe fn room_of<'a>(room: *mut c_char, len: usize) -> &'a mut [MaybeUninit<u8>] {
    if room.is_null() || len == 0 {
        return &mut [];
    }
    // SAFETY: not NULL, and `len` bytes by this function's contract.
    unsafe { std::slice::from_raw_parts_mut(room.cast(), len) }
}
