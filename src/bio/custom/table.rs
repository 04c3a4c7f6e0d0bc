//! One `BIO_METHOD` for each type with functions in Rust, made when its first BIO is.

use std::any::TypeId;
use std::ffi::{c_char, c_int};
use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError};

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::method::BioMethod;
use super::{call, ctrl, datagrams};
use crate::bio::object::BioType;
use crate::error::{self, Error};

/// What is known of a type's method.
#[derive(Clone, Copy)]
pub(super) struct Table {
    id: TypeId,
    pub(super) method: NonNull<sys::BIO_METHOD>,
    pub(super) kind: c_int,
    /// Where the method has its name, which tells its BIOs from all others.
    name: *const c_char,
}

// SAFETY: the method is complete before it is stored; afterwards it is only read, and never freed.
unsafe impl Send for Table {}

static TABLES: Mutex<Vec<Table>> = Mutex::new(Vec::new());

/// The method of a type.
pub(super) fn of<T: BioMethod>() -> Result<Table, Error> {
    let mut tables = TABLES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(table) = tables.iter().find(|table| table.id == TypeId::of::<T>()) {
        return Ok(*table);
    }
    error::clear();
    let table = make::<T>()?;
    tables.push(table);
    Ok(table)
}

/// The type whose method a BIO has, if that is one of these.
///
/// # Safety
///
/// `bio` is live.
pub(super) unsafe fn type_of(bio: *mut sys::BIO) -> Option<TypeId> {
    // SAFETY: by this function's contract; the call only reads the BIO.
    let name = unsafe { ext::BIO_method_name(bio) };
    let tables = TABLES.lock().unwrap_or_else(PoisonError::into_inner);
    tables.iter().find(|table| table.name == name).map(|table| table.id)
}

/// Whether a BIO has functions in Rust, with all that they own being `Send`.
///
/// # Safety
///
/// `bio` is live.
pub(in crate::bio) unsafe fn is_rust(bio: *mut sys::BIO) -> bool {
    // SAFETY: by this function's contract.
    unsafe { type_of(bio) }.is_some()
}

/// A method that is not complete yet.
struct Draft(NonNull<sys::BIO_METHOD>);

impl Drop for Draft {
    fn drop(&mut self) {
        // SAFETY: the method is ours, and no BIO has it.
        unsafe { sys::BIO_meth_free(self.0.as_ptr()) };
    }
}

fn make<T: BioMethod>() -> Result<Table, Error> {
    const CALL: &str = "BIO_meth_new";
    let class = T::CLASS.0 & (BioType::FILTER.0 | BioType::SOURCE_SINK.0);
    // Indexes run out on newer versions, and run into the bits of the classes on older ones.
    // SAFETY: counts up a number of the library's.
    let index = unsafe { ext::BIO_get_new_index() };
    let kind = if (128..=255).contains(&index) { index | class } else { class };
    error::clear();
    // SAFETY: C copies the name.
    let method = unsafe { sys::BIO_meth_new(kind, T::NAME.as_ptr()) };
    let draft = Draft(NonNull::new(method).ok_or_else(|| Error::from_queue(CALL))?);
    // SAFETY: the method is ours and complete for making a BIO, which is freed at once. The name that it has is the
    // method's own.
    let name = unsafe {
        let bio = sys::BIO_new(method);
        let name = if bio.is_null() { std::ptr::null() } else { ext::BIO_method_name(bio) };
        sys::BIO_free_all(bio);
        name
    };
    // SAFETY: the method is ours until it is stored, and the functions have the types that it documents.
    let set = unsafe {
        [
            ext::BIO_meth_set_read_ex(method, Some(call::read::<T>)),
            ext::BIO_meth_set_write_ex(method, Some(call::write::<T>)),
            ext::BIO_meth_set_gets(method, Some(call::gets::<T>)),
            sys::BIO_meth_set_puts__fixed_rust(method, Some(call::puts::<T>)),
            sys::BIO_meth_set_ctrl__fixed_rust(method, Some(ctrl::ctrl::<T>)),
            ext::BIO_meth_set_callback_ctrl(method, Some(ctrl::callback_ctrl::<T>)),
            sys::BIO_meth_set_create__fixed_rust(method, Some(call::create::<T>)),
            sys::BIO_meth_set_destroy__fixed_rust(method, Some(call::destroy::<T>)),
            datagrams::set::<T>(method),
        ]
    };
    if name.is_null() || set.contains(&0) {
        return Err(Error::from_queue(CALL));
    }
    let method = draft.0;
    std::mem::forget(draft);
    Ok(Table { id: TypeId::of::<T>(), method, kind, name })
}
