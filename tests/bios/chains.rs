//! Chains: who owns what hangs where.

use libssl::ErrorKind;
use libssl::bio::{Bio, BioRef, BioType, RetryReason};
use openssl_sys as sys;
use openssl_sys_ext as ext;

use crate::Gone;

fn kinds(bio: &BioRef) -> Vec<BioType> {
    bio.links().map(BioRef::method_type).collect()
}

fn three(gone: &Gone) -> Bio {
    let mut chain = gone.watch(Bio::buffer().unwrap());
    chain.push(gone.watch(Bio::base64().unwrap()));
    chain.push(gone.watch(Bio::memory().unwrap()));
    chain
}

#[test]
fn a_chain_is_freed_as_a_whole() {
    let gone = Gone::default();
    let chain = three(&gone);
    assert_eq!(kinds(&chain), [BioType::BUFFER, BioType::BASE64, BioType::MEM]);
    drop(chain);
    assert_eq!(gone.count(), 3);
}

#[test]
fn pop_gives_the_rest_back_and_keeps_the_first() {
    let gone = Gone::default();
    let mut first = three(&gone);
    let mut rest = first.pop().unwrap();
    assert_eq!((kinds(&first), kinds(&rest)), (vec![BioType::BUFFER], vec![BioType::BASE64, BioType::MEM]));
    assert!(first.pop().is_none());
    drop(first);
    assert_eq!(gone.count(), 1);

    let memory = rest.pop().unwrap();
    drop(rest);
    assert_eq!(gone.count(), 2);
    let mut other = gone.watch(Bio::null_filter().unwrap());
    other.push(memory);
    assert_eq!(kinds(&other), [BioType::NULL_FILTER, BioType::MEM]);
    drop(other);
    assert_eq!(gone.count(), 4);
}

#[test]
fn free_frees_the_first_only() {
    let gone = Gone::default();
    let rest = three(&gone).free().unwrap().unwrap();
    assert_eq!((gone.count(), kinds(&rest)), (1, vec![BioType::BASE64, BioType::MEM]));
    let rest = rest.free().unwrap().unwrap();
    assert_eq!(gone.count(), 2);
    assert!(rest.free().unwrap().is_none());
    assert_eq!(gone.count(), 3);
}

#[test]
fn a_chain_is_searched_by_type_and_by_class() {
    let mut chain = three(&Gone::default());
    let memory = chain.find_type(BioType::MEM).unwrap();
    assert_eq!((memory.method_type(), memory.method_name()), (BioType::MEM, c"memory buffer"));
    assert_eq!(chain.find_type(BioType::FILTER).unwrap().as_ptr(), chain.as_ptr());
    assert_eq!(chain.find_type(BioType::SOURCE_SINK).unwrap().method_type(), BioType::MEM);
    assert!(chain.find_type(BioType::SSL).is_none());
    assert!(chain.find_type_mut(BioType::DESCRIPTOR).is_none());
    assert!(BioType::MEM.is(BioType::SOURCE_SINK) && !BioType::MEM.is(BioType::FILTER));
    // SAFETY: the BIO is live.
    let next = unsafe { ext::BIO_next(chain.as_ptr()) };
    assert_eq!(chain.next_mut().unwrap().as_ptr(), next);
    assert!(chain.find_type(BioType::MEM).unwrap().next().is_none());
}

#[test]
fn what_is_pushed_carries_what_passes() {
    let mut chain = Bio::null_filter().unwrap();
    assert!(chain.write(b"nowhere").is_err());
    chain.push(Bio::memory().unwrap());
    assert_eq!(chain.write(b"there").unwrap(), 5);
    assert_eq!(chain.pop().unwrap().mem_data(), Some(&b"there"[..]));
}

#[test]
fn a_second_reference_keeps_the_chain() {
    let gone = Gone::default();
    let mut chain = three(&gone);
    // SAFETY: one is used after the other.
    let second = unsafe { chain.up_ref() }.unwrap();
    chain.write(b"one").unwrap();
    drop(chain);
    assert_eq!(gone.count(), 0);
    let mut second = second;
    second.flush().unwrap();
    assert_eq!(second.mem_data(), Some(&b"b25l\n"[..]));
    drop(second);
    assert_eq!(gone.count(), 3);
}

#[test]
fn a_borrowed_chain_of_c_takes_a_tail_that_c_frees() {
    let gone = Gone::default();
    // SAFETY: a constructor of the library.
    let raw = unsafe { sys::BIO_new(ext::BIO_f_buffer()) };
    // SAFETY: the BIO is live, and used through this alone; it stays on this thread.
    unsafe {
        let bio = BioRef::from_ptr_mut(raw);
        bio.append(gone.watch(Bio::memory().unwrap()));
        assert_eq!(bio.next().unwrap().method_type(), BioType::MEM);
    }
    // SAFETY: C frees what is C's.
    unsafe { sys::BIO_free_all(raw) };
    assert_eq!(gone.count(), 1);
}

#[test]
fn into_ptr_gives_c_the_only_reference() {
    let gone = Gone::default();
    let raw = three(&gone).into_ptr();
    assert_eq!(gone.count(), 0);
    // SAFETY: the reference is C's now.
    unsafe { sys::BIO_free_all(raw) };
    assert_eq!(gone.count(), 3);
}

#[test]
fn the_bio_to_wait_for_is_found_in_the_chain() {
    let mut chain = Bio::null_filter().unwrap();
    chain.push(Bio::memory().unwrap());
    assert_eq!(chain.retry_bio().0.as_ptr(), chain.as_ptr());
    assert!(chain.retry().is_none());

    let error = chain.read(&mut [0; 4]).unwrap_err();

    let retry = error.retry().unwrap();
    assert!(retry.should_read() && !retry.should_write() && !retry.should_io_special());
    assert_eq!(retry.reason(), RetryReason::NONE);
    let (waits, reason) = chain.retry_bio();
    assert_eq!((waits.method_type(), reason), (BioType::MEM, RetryReason::NONE));
    chain.next_mut().unwrap().set_retry_reason(RetryReason::ACCEPT);
    assert_eq!(chain.retry().unwrap().reason(), RetryReason::ACCEPT);
    assert_eq!(chain.next().unwrap().retry_reason(), RetryReason::ACCEPT);
}

#[test]
fn the_next_ones_retry_is_copied_and_nothing_without_a_next_one() {
    let mut alone = Bio::memory().unwrap();
    alone.copy_next_retry();
    assert!(!alone.should_retry());

    let mut chain = Bio::null_filter().unwrap();
    chain.push(Bio::memory().unwrap());
    let next = chain.next_mut().unwrap();
    next.set_retry_special();
    next.set_retry_reason(RetryReason::CONNECT);
    chain.copy_next_retry();
    assert!(chain.should_retry() && chain.should_io_special());
    assert_eq!(chain.retry_reason(), RetryReason::CONNECT);
}

#[test]
fn a_method_of_null_makes_no_bio() {
    // SAFETY: NULL is refused.
    let error = unsafe { Bio::new(std::ptr::null()) }.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let lib = libssl::LibContext::default();
    // SAFETY: a method of the library, and the process's own context.
    let mut bio = unsafe { Bio::new_ex(&lib, sys::BIO_s_mem()) }.unwrap();
    assert_eq!(bio.write(b"x").unwrap(), 1);
    // SAFETY: NULL is refused.
    assert!(unsafe { Bio::new_ex(&lib, std::ptr::null()) }.is_err());
}
