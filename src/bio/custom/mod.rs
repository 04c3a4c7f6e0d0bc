//! BIOs whose functions are written in Rust.

mod call;
mod ctrl;
mod datagrams;
mod method;
mod next;
mod table;

pub use method::{BioInfoFn, BioMethod};
pub use next::{NextBio, Stop};

pub(super) use table::is_rust;

use openssl_sys as sys;

use super::handle::{Bio, BioRef};
use super::object::BioType;
use crate::error::Error;
use call::State;

impl Bio {
    /// A BIO whose functions are those of `method`, which it owns.
    ///
    /// It can be given to C, hang in a chain, and carry a connection. A panic in one of its functions stays out of C: the
    /// operation fails, so does each one after it, and the panic goes on in the call of this crate that caused it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) or [`ErrorKind::Unspecified`](crate::ErrorKind::Unspecified) if
    /// OpenSSL cannot allocate it.
    ///
    /// C: [`BIO_meth_new(3)`](https://docs.openssl.org/master/man3/BIO_meth_new/)
    #[doc(alias = "BIO_meth_new")]
    #[doc(alias = "BIO_set_data")]
    #[doc(alias = "BIO_set_init")]
    pub fn custom<T: BioMethod>(method: T) -> Result<Self, Error> {
        call::new_bio(method)
    }
}

impl BioRef {
    /// What a BIO of [`Bio::custom`] owns, if it is a `T`; of this BIO, not of those behind it.
    ///
    /// C: [`BIO_get_data(3)`](https://docs.openssl.org/master/man3/BIO_get_data/)
    #[doc(alias = "BIO_get_data")]
    pub fn custom_ref<T: BioMethod>(&self) -> Option<&T> {
        // SAFETY: the BIO is live. What enters its functions borrows it for writing.
        unsafe { State::<T>::found(self.as_ptr()).map(|state| &(*state).method) }
    }

    /// As [`custom_ref`](Self::custom_ref), for changing it.
    #[doc(alias = "BIO_get_data")]
    pub fn custom_mut<T: BioMethod>(&mut self) -> Option<&mut T> {
        // SAFETY: the BIO is live and borrowed for writing.
        unsafe { State::<T>::found(self.as_ptr()).map(|state| &mut (*state).method) }
    }
}

/// The type of the BIOs of a method, to [find](BioRef::find_type) them by. Where OpenSSL has no numbers left, that is the
/// class alone.
///
/// # Errors
///
/// As [`Bio::custom`].
///
/// C: [`BIO_get_new_index(3)`](https://docs.openssl.org/master/man3/BIO_meth_new/)
#[doc(alias = "BIO_get_new_index")]
pub fn method_type<T: BioMethod>() -> Result<BioType, Error> {
    table::of::<T>().map(|table| BioType(table.kind))
}

/// The method as C has it, for C to make BIOs with: each gets what [`BioMethod::create`] returns. It lives as long as the
/// process.
///
/// # Errors
///
/// As [`Bio::custom`].
///
/// C: [`BIO_meth_new(3)`](https://docs.openssl.org/master/man3/BIO_meth_new/)
#[doc(alias = "BIO_METHOD")]
pub fn method_ptr<T: BioMethod>() -> Result<*const sys::BIO_METHOD, Error> {
    table::of::<T>().map(|table| table.method.as_ptr().cast_const())
}
