//! Values of the program's in a BIO.

use std::ffi::c_void;
use std::ptr;

use libssl::bio::{Bio, BioExIndex, BioRef};
use openssl_sys_ext as ext;

use crate::Gone;

#[test]
fn a_value_is_replaced_and_dropped_with_its_bio() {
    let gone = Gone::default();
    let mut bio = gone.watch(Bio::memory().unwrap());
    assert_eq!(gone.count(), 0);
    bio = gone.watch(bio);
    assert_eq!(gone.count(), 1);
    drop(bio);
    assert_eq!(gone.count(), 2);
}

#[test]
fn values_of_two_indexes_and_two_bios_are_apart() {
    static NUMBER: BioExIndex<u32> = BioExIndex::new();
    static NAME: BioExIndex<String> = BioExIndex::new();
    let (mut one, mut other) = (Bio::memory().unwrap(), Bio::null().unwrap());
    assert_eq!(one.ex_data(&NUMBER), None);
    one.set_ex_data(&NUMBER, 7).unwrap();
    one.set_ex_data(&NAME, "one".into()).unwrap();
    other.set_ex_data(&NUMBER, 8).unwrap();
    assert_eq!((one.ex_data(&NUMBER), other.ex_data(&NUMBER)), (Some(&7), Some(&8)));
    assert_eq!((one.ex_data(&NAME).map(String::as_str), other.ex_data(&NAME)), (Some("one"), None));
}

#[test]
fn a_pointer_of_cs_is_shared_with_rust() {
    let index = BioRef::new_ex_index().unwrap();
    let mut bio = Bio::memory().unwrap();
    let mut mine = 5_u8;
    let pointer: *mut c_void = (&raw mut mine).cast();
    assert!(bio.ex_data_ptr(index).is_null());
    // SAFETY: an index of C's kind, and a pointer that is only compared.
    unsafe { bio.set_ex_data_ptr(index, pointer) }.unwrap();
    // SAFETY: the BIO is live.
    assert_eq!(unsafe { ext::BIO_get_ex_data(bio.as_ptr(), index) }, pointer);
    // SAFETY: as above.
    assert_eq!(unsafe { ext::BIO_set_ex_data(bio.as_ptr(), index, ptr::null_mut()) }, 1);
    assert!(bio.ex_data_ptr(index).is_null());
    assert!(bio.ex_data_ptr(-1).is_null() && bio.ex_data_ptr(i32::MAX).is_null());
}
