//! BIOs in chains: what hangs behind what, and who owns it.

use std::ffi::{CStr, c_int};
use std::iter;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use crate::bio::handle::{Bio, BioRef};
use crate::error::{self, Error};
use crate::ffi::strings;

/// The type of a BIO: a number, and in it the classes that it belongs to.
///
/// C: [`BIO_find_type(3)`](https://docs.openssl.org/master/man3/BIO_find_type/)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BioType(
    /// The number that C has for it.
    pub c_int,
);

impl BioType {
    /// A method that says nothing about itself.
    pub const NONE: Self = Self(sys::BIO_TYPE_NONE);
    /// Memory, secure memory too.
    pub const MEM: Self = Self(ext::BIO_TYPE_MEM);
    /// A file, through `FILE`.
    pub const FILE: Self = Self(ext::BIO_TYPE_FILE);
    /// A file descriptor.
    pub const FD: Self = Self(ext::BIO_TYPE_FD);
    /// A socket.
    pub const SOCKET: Self = Self(ext::BIO_TYPE_SOCKET);
    /// A socket that connects.
    pub const CONNECT: Self = Self(ext::BIO_TYPE_CONNECT);
    /// A socket that accepts.
    pub const ACCEPT: Self = Self(ext::BIO_TYPE_ACCEPT);
    /// Nothing to read, and what is written vanishes.
    pub const NULL: Self = Self(ext::BIO_TYPE_NULL);
    /// A half of a BIO pair.
    pub const BIO: Self = Self(ext::BIO_TYPE_BIO);
    /// TLS.
    pub const SSL: Self = Self(ext::BIO_TYPE_SSL);
    /// A buffer, for reading only too, and a prefix to lines.
    pub const BUFFER: Self = Self(ext::BIO_TYPE_BUFFER);
    /// A buffer for the line that is being written.
    pub const LINEBUFFER: Self = Self(ext::BIO_TYPE_LINEBUFFER);
    /// Base64.
    pub const BASE64: Self = Self(ext::BIO_TYPE_BASE64);
    /// A filter that does nothing.
    pub const NULL_FILTER: Self = Self(ext::BIO_TYPE_NULL_FILTER);
    /// The class of all that have a descriptor.
    pub const DESCRIPTOR: Self = Self(ext::BIO_TYPE_DESCRIPTOR);
    /// The class of all that pass on what they get.
    pub const FILTER: Self = Self(ext::BIO_TYPE_FILTER);
    /// The class of all that a chain ends with.
    pub const SOURCE_SINK: Self = Self(ext::BIO_TYPE_SOURCE_SINK);

    /// Whether the type belongs to a class.
    pub fn is(self, class: Self) -> bool {
        self.0 & class.0 & !ext::BIO_TYPE_MASK != 0
    }
}

impl Bio {
    /// Hangs `tail`, with all that hangs behind it, behind the last BIO of this chain, which owns it from now on: it is
    /// freed with the chain, and [`pop`](Self::pop) gives it back.
    ///
    /// A BIO that C holds in the middle, such as one of an SSL object, takes it by
    /// [`append`](BioRef::append).
    ///
    /// C: [`BIO_push(3)`](https://docs.openssl.org/master/man3/BIO_push/)
    #[doc(alias = "BIO_push")]
    pub fn push(&mut self, tail: Self) {
        // SAFETY: neither goes to another thread, nor is there another holder of either.
        unsafe { self.append(tail) }
    }

    /// Takes the first BIO, which stays behind alone, from the chain, and returns the rest of it. `None` where it was
    /// alone.
    ///
    /// A buffer does not write out what is in it: [`flush`](BioRef::flush) first.
    ///
    /// C: [`BIO_pop(3)`](https://docs.openssl.org/master/man3/BIO_push/)
    #[doc(alias = "BIO_pop")]
    pub fn pop(&mut self) -> Option<Self> {
        // SAFETY: the BIO is live.
        let next = unsafe { ext::BIO_next(self.as_ptr()) };
        // Made before the call, so that a panic that a callback of the user's leaves behind loses nothing.
        // SAFETY: the chain gives up its reference in the call below, which cannot fail, and has no other holder.
        let rest = (!next.is_null()).then(|| unsafe { Self::from_ptr(next) });
        // SAFETY: the BIO is live and borrowed for writing.
        self.ask(|bio| unsafe { ext::BIO_pop(bio) });
        rest
    }

    /// Frees this BIO only, and returns what hung behind it. Dropping one frees the whole chain.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) or [`ErrorKind::Unspecified`](crate::ErrorKind::Unspecified) if
    /// a callback of C's does not let the BIO go; it is then lost, as in C, and so is the rest.
    ///
    /// C: [`BIO_free(3)`](https://docs.openssl.org/master/man3/BIO_new/)
    #[doc(alias = "BIO_free")]
    #[doc(alias = "BIO_vfree")]
    pub fn free(mut self) -> Result<Option<Self>, Error> {
        let rest = self.pop();
        error::clear();
        // SAFETY: gives up the reference. Nothing points to the BIO from its former chain any more.
        match unsafe { ext::BIO_free(self.into_ptr()) } {
            1 => Ok(rest),
            _ => Err(Error::from_queue("BIO_free")),
        }
    }
}

impl BioRef {
    /// One more reference to the BIO and so to the chain behind it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unspecified`](crate::ErrorKind::Unspecified) if C cannot count any further.
    ///
    /// C: [`BIO_up_ref(3)`](https://docs.openssl.org/master/man3/BIO_new/)
    ///
    /// # Safety
    ///
    /// Of all references only one is used at a time, also by C: what one lends is over before another one is used, and
    /// none is used on one thread while another is on another. No chain is pushed onto itself, and while
    /// there is more than one reference, the BIO stays where it is in its chain.
    #[doc(alias = "BIO_up_ref")]
    pub unsafe fn up_ref(&self) -> Result<Bio, Error> {
        error::clear();
        // SAFETY: the BIO is live.
        unsafe { Bio::share(self.as_ptr()) }
    }

    /// As [`Bio::push`], for a BIO that somebody else owns.
    ///
    /// C: [`BIO_push(3)`](https://docs.openssl.org/master/man3/BIO_push/)
    ///
    /// # Safety
    ///
    /// Whoever owns the chain owns `tail` too from now on, and goes with it only where `tail` may go: to another thread
    /// only if all of `tail` may be used there.
    #[doc(alias = "BIO_push")]
    pub unsafe fn append(&mut self, tail: Bio) {
        let tail = tail.into_ptr();
        // SAFETY: both are live; the chain takes the reference to `tail`, which nobody else uses.
        self.ask(|bio| unsafe { ext::BIO_push(bio, tail) });
    }

    /// The BIO behind this one.
    ///
    /// C: [`BIO_next(3)`](https://docs.openssl.org/master/man3/BIO_find_type/)
    #[doc(alias = "BIO_next")]
    pub fn next(&self) -> Option<&Self> {
        // SAFETY: the BIO is live, and the call only reads it.
        unsafe { self.lend(ext::BIO_next(self.as_ptr())) }
    }

    /// As [`next`](Self::next), for using it.
    #[doc(alias = "BIO_next")]
    pub fn next_mut(&mut self) -> Option<&mut Self> {
        // SAFETY: as in `next`.
        unsafe { self.lend_mut(ext::BIO_next(self.as_ptr())) }
    }

    /// This BIO, and all that hang behind it.
    pub fn links(&self) -> impl Iterator<Item = &Self> {
        iter::successors(Some(self), |bio| bio.next())
    }

    /// The first BIO of a type in the chain, or of a class if `wanted` is only that.
    ///
    /// C: [`BIO_find_type(3)`](https://docs.openssl.org/master/man3/BIO_find_type/)
    #[doc(alias = "BIO_find_type")]
    pub fn find_type(&self, wanted: BioType) -> Option<&Self> {
        // SAFETY: the chain is live, and the call only reads it.
        unsafe { self.lend(ext::BIO_find_type(self.as_ptr(), wanted.0)) }
    }

    /// As [`find_type`](Self::find_type), for using it.
    #[doc(alias = "BIO_find_type")]
    pub fn find_type_mut(&mut self, wanted: BioType) -> Option<&mut Self> {
        // SAFETY: as in `find_type`.
        unsafe { self.lend_mut(ext::BIO_find_type(self.as_ptr(), wanted.0)) }
    }

    /// The type of this BIO.
    ///
    /// C: [`BIO_method_type(3)`](https://docs.openssl.org/master/man3/BIO_find_type/)
    #[doc(alias = "BIO_method_type")]
    pub fn method_type(&self) -> BioType {
        // SAFETY: the BIO is live, and the call only reads it.
        BioType(unsafe { ext::BIO_method_type(self.as_ptr()) })
    }

    /// What the method calls itself, such as `memory buffer`.
    ///
    /// C: `BIO_method_name`
    #[doc(alias = "BIO_method_name")]
    pub fn method_name(&self) -> &CStr {
        // SAFETY: the BIO is live; its method, and so the name, lives as long.
        unsafe { strings::lend(ext::BIO_method_name(self.as_ptr())) }.unwrap_or_default()
    }

    /// # Safety
    ///
    /// `bio` is NULL or a BIO of this chain.
    unsafe fn lend(&self, bio: *mut sys::BIO) -> Option<&Self> {
        // SAFETY: get0: live as long as the chain, which is borrowed.
        (!bio.is_null()).then(|| unsafe { Self::from_ptr(bio) })
    }

    /// # Safety
    ///
    /// As [`lend`](Self::lend).
    unsafe fn lend_mut(&mut self, bio: *mut sys::BIO) -> Option<&mut Self> {
        // SAFETY: get0: live as long as the chain, which is borrowed for writing. What is lent cannot be taken out of it.
        (!bio.is_null()).then(|| unsafe { Self::from_ptr_mut(bio) })
    }
}
