//! The callback of a BIO.

use std::ffi::{c_char, c_int, c_long};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::{Arc, Mutex};

use libssl::ErrorKind;
use libssl::bio::{Bio, BioOperation, BioRef, BioVerdict};
use openssl_sys as sys;
use openssl_sys_ext as ext;

use crate::Gone;

/// An operation as C numbers it, its result if it is over, the command of a ctrl, and how many bytes it moved.
type Told = (c_int, Option<c_int>, c_int, usize);

fn number(operation: BioOperation) -> (c_int, c_int) {
    match operation {
        BioOperation::Free => (ext::BIO_CB_FREE, 0),
        BioOperation::Read => (ext::BIO_CB_READ, 0),
        BioOperation::Write => (ext::BIO_CB_WRITE, 0),
        BioOperation::Puts => (ext::BIO_CB_PUTS, 0),
        BioOperation::Gets => (ext::BIO_CB_GETS, 0),
        BioOperation::Ctrl { command, .. } => (ext::BIO_CB_CTRL, command),
        other => panic!("{other:?} was not asked for"),
    }
}

/// Writes down what C's callback is told, in the vector that its argument points to.
unsafe extern "C" fn note(
    bio: *mut sys::BIO,
    operation: c_int,
    _: *const c_char,
    _: usize,
    command: c_int,
    _: c_long,
    ret: c_int,
    processed: *mut usize,
) -> c_long {
    // SAFETY: the argument is the vector of the test, which outlives the BIO.
    let told = unsafe { &mut *ext::BIO_get_callback_arg(bio).cast::<Vec<Told>>() };
    let over = operation & ext::BIO_CB_RETURN != 0;
    // SAFETY: NULL, or set after a success.
    let moved = if over && ret > 0 { unsafe { processed.as_ref() }.copied().unwrap_or(0) } else { 0 };
    told.push((operation & !ext::BIO_CB_RETURN, over.then_some(ret), command, moved));
    c_long::from(ret)
}

fn use_it(bio: &mut BioRef) {
    bio.write(b"one\ntwo\n").unwrap();
    bio.puts(c"three").unwrap();
    let mut buf = [0; 32];
    bio.gets(&mut buf).unwrap();
    bio.read(&mut buf).unwrap();
    let _ = bio.read(&mut buf).unwrap_err();
    bio.flush().unwrap();
    assert_eq!(bio.pending(), 0);
}

#[test]
fn a_closure_is_told_what_a_callback_of_c_is_told() {
    let mut expected: Vec<Told> = Vec::new();
    let mut bio = Bio::memory().unwrap();
    // SAFETY: the vector outlives the BIO, and nobody looks into it meanwhile.
    unsafe { bio.set_callback_ptr(Some(note), (&raw mut expected).cast()) };
    assert!(bio.callback_ptr().is_some() && !bio.has_callback());
    assert_eq!(bio.callback_arg(), (&raw mut expected).cast());
    use_it(&mut bio);
    drop(bio);

    let told = Arc::new(Mutex::new(Vec::new()));
    let mut bio = Bio::memory().unwrap();
    let notes = told.clone();
    bio.set_callback(move |event| {
        let (operation, command) = number(event.operation);
        notes.lock().unwrap().push((operation, event.result, command, event.moved));
        BioVerdict::Proceed
    })
    .unwrap();
    assert!(bio.has_callback());
    use_it(&mut bio);
    drop(bio);

    assert_eq!(*told.lock().unwrap(), expected);
    assert_eq!(expected.last().unwrap().0, ext::BIO_CB_FREE);
    assert_eq!(Arc::strong_count(&told), 1);
}

#[test]
fn a_closure_sees_the_bytes() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let mut bio = Bio::memory().unwrap();
    let notes = seen.clone();
    bio.set_callback(move |event| {
        if event.result.is_some() || event.operation != BioOperation::Read {
            notes.lock().unwrap().push((event.operation, event.data.to_vec(), event.room));
        } else {
            assert!(event.data.is_empty());
        }
        BioVerdict::Proceed
    })
    .unwrap();
    bio.write(b"bytes").unwrap();
    bio.puts(c"text").unwrap();
    bio.read(&mut [0; 7]).unwrap();
    bio.remove_callback().unwrap();
    let seen = seen.lock().unwrap();
    let (write, puts) = (BioOperation::Write, BioOperation::Puts);
    assert_eq!(
        *seen,
        [
            (write, b"bytes".to_vec(), 0),
            (write, b"bytes".to_vec(), 0),
            (puts, b"text".to_vec(), 0),
            (puts, b"text".to_vec(), 0),
            (BioOperation::Read, b"byteste".to_vec(), 7),
        ]
    );
}

#[test]
fn a_refusal_keeps_the_operation_from_being_done() {
    let mut bio = Bio::memory().unwrap();
    bio.write(b"before").unwrap();
    bio.set_callback(|event| match event.operation {
        BioOperation::Write => BioVerdict::Refuse(-1),
        BioOperation::Read => BioVerdict::Refuse(0),
        // There is no such success.
        BioOperation::Puts => BioVerdict::Refuse(1000),
        _ => BioVerdict::Proceed,
    })
    .unwrap();
    let error = bio.write(b"more").unwrap_err();
    assert_eq!(error.error().unwrap().kind(), ErrorKind::Unspecified);
    assert!(bio.read(&mut [0; 4]).unwrap_err().is_end());
    assert!(bio.puts(c"more").is_err());
    assert!(bio.remove_callback().unwrap());
    assert!(!bio.remove_callback().unwrap());
    assert_eq!(bio.mem_data(), Some(&b"before"[..]));
}

#[test]
fn a_refusal_after_the_operation_changes_its_result() {
    let mut bio = Bio::memory().unwrap();
    bio.set_callback(|event| match (event.operation, event.result) {
        (BioOperation::Write, Some(_)) => BioVerdict::Refuse(-1),
        _ => BioVerdict::Proceed,
    })
    .unwrap();
    assert!(bio.write(b"written all the same").is_err());
    assert_eq!(bio.pending(), 20);
}

#[test]
fn a_refusal_of_what_asks_for_memory_gives_none() {
    let mut bio = Bio::memory().unwrap();
    bio.write(b"there").unwrap();
    for after in [false, true] {
        bio.set_callback(move |event| match event.operation {
            BioOperation::Ctrl { .. } if event.result.is_some() == after => BioVerdict::Refuse(-1),
            _ => BioVerdict::Proceed,
        })
        .unwrap();
        assert_eq!(bio.mem_data(), Some(&[][..]));
        assert_eq!((bio.mem_ptr(), bio.mem_buf()), (None, None));
        assert!(bio.set_mem_buf(b"other").is_err());
    }
}

#[test]
fn a_callback_that_hides_a_new_buffer_breaks_nothing() {
    // Each command is refused, before it is done or after.
    for after in [false, true] {
        for refused in [ext::BIO_C_SET_BUF_MEM, ext::BIO_C_GET_BUF_MEM_PTR] {
            let mut bio = Bio::memory().unwrap();
            bio.write(b"earlier").unwrap();
            bio.set_callback(move |event| match event.operation {
                BioOperation::Ctrl { command, .. }
                    if command == refused && event.result.is_some() == after =>
                {
                    BioVerdict::Refuse(0)
                }
                _ => BioVerdict::Proceed,
            })
            .unwrap();
            let outcome = bio.set_mem_buf(b"new");
            bio.remove_callback().unwrap();
            let taken = after || refused == ext::BIO_C_GET_BUF_MEM_PTR;
            assert_eq!(bio.mem_data(), Some(if taken { &b"new"[..] } else { b"earlier" }));
            assert_eq!(outcome.is_ok(), after);
        }
    }
}

#[test]
fn a_line_whose_last_byte_was_refused_is_what_was_read() {
    let mut bio = Bio::memory().unwrap();
    bio.write(b"a\0bc").unwrap();
    let mut reads = 0;
    bio.set_callback(move |event| {
        reads += i32::from(event.operation == BioOperation::Read && event.result.is_some());
        if reads == 4 { BioVerdict::Refuse(-1) } else { BioVerdict::Proceed }
    })
    .unwrap();
    let mut line = Vec::new();
    let _ = bio.get_line(&mut line, 10);
    assert_eq!(line, b"a\0b");
}

#[test]
fn a_panic_goes_on_in_the_call_that_caused_it() {
    let gone = Gone::default();
    let mut bio = gone.watch(Bio::memory().unwrap());
    bio.set_callback(|event| match event.operation {
        BioOperation::Write | BioOperation::Free => panic!("the callback says so"),
        _ => BioVerdict::Proceed,
    })
    .unwrap();
    let payload = catch_unwind(AssertUnwindSafe(|| bio.write(b"x").map(|_| ()).is_ok())).unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&"the callback says so"));
    assert_eq!(bio.pending(), 0);
    // What the callback does while the BIO is freed is contained.
    drop(bio);
    assert_eq!(gone.count(), 1);
}

#[test]
fn a_panic_while_a_chain_is_taken_apart_loses_nothing() {
    let gone = Gone::default();
    let mut filter = gone.watch(Bio::null_filter().unwrap());
    filter.push(gone.watch(Bio::memory().unwrap()));
    filter
        .set_callback(|event| match event.operation {
            BioOperation::Ctrl { .. } => panic!("the callback says so"),
            _ => BioVerdict::Proceed,
        })
        .unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| drop(filter.pop()))).is_err());
    assert_eq!(gone.count(), 1);
    let tail = gone.watch(Bio::memory().unwrap());
    assert!(catch_unwind(AssertUnwindSafe(|| filter.push(tail))).is_err());
    assert_eq!(filter.links().count(), 2);
    drop(filter);
    assert_eq!(gone.count(), 3);
}

#[test]
fn a_callback_of_cs_is_left_alone() {
    let mut told: Vec<Told> = Vec::new();
    let mut bio = Bio::memory().unwrap();
    // SAFETY: the vector outlives the BIO.
    unsafe { bio.set_callback_ptr(Some(note), (&raw mut told).cast()) };
    let error = bio.set_callback(|_| BioVerdict::Proceed).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(!bio.remove_callback().unwrap());
    bio.write(b"x").unwrap();
    // SAFETY: no callback at all.
    unsafe { bio.set_callback_ptr(None, ptr::null_mut()) };
    assert_eq!(told.len(), 2);
    bio.set_callback(|_| BioVerdict::Proceed).unwrap();
    assert!(bio.has_callback());
}

#[test]
fn a_replaced_closure_is_dropped() {
    struct Noted(Gone);
    impl Drop for Noted {
        fn drop(&mut self) {
            self.0.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }
    let gone = Gone::default();
    let mut bio = Bio::memory().unwrap();
    for _ in 0..3 {
        let noted = Noted(gone.clone());
        bio.set_callback(move |_| {
            let _ = &noted;
            BioVerdict::Proceed
        })
        .unwrap();
    }
    assert_eq!(gone.count(), 2);
    drop(bio);
    assert_eq!(gone.count(), 3);
}

#[test]
fn what_a_closure_does_with_openssl_leaves_no_trace() {
    let mut bio = Bio::memory().unwrap();
    bio.set_callback(|_| {
        let mut other = Bio::memory().unwrap();
        let _ = other.read(&mut [0; 1]);
        // SAFETY: pushes an entry of its own.
        unsafe {
            sys::ERR_new();
            sys::ERR_set_error(128, 7, ptr::null());
        }
        BioVerdict::Proceed
    })
    .unwrap();
    let error = bio.read(&mut [0; 1]).unwrap_err();
    assert!(error.retry().is_some(), "{error:?}");
    bio.set_mem_eof_return(libssl::bio::MemEof::End).unwrap();
    assert!(bio.read(&mut [0; 1]).unwrap_err().is_end());
}

#[test]
fn a_chain_that_c_duplicates_has_a_closure_once() {
    let gone = Gone::default();
    let counted = Arc::new(Mutex::new(0));
    let mut bio = gone.watch(Bio::memory().unwrap());
    let count = counted.clone();
    bio.set_callback(move |_| {
        *count.lock().unwrap() += 1;
        BioVerdict::Proceed
    })
    .unwrap();
    // SAFETY: the chain is live; the reference to the copy is ours.
    let mut copy = unsafe { Bio::from_ptr(BIO_dup_chain(bio.as_ptr())) };
    *counted.lock().unwrap() = 0;
    copy.write(b"not told").unwrap();
    assert_eq!(*counted.lock().unwrap(), 0);
    drop(copy);
    assert_eq!((gone.count(), Arc::strong_count(&counted)), (0, 2));
    bio.write(b"told").unwrap();
    assert_eq!(*counted.lock().unwrap(), 2);
    drop(bio);
    assert_eq!((gone.count(), Arc::strong_count(&counted)), (1, 1));
}

unsafe extern "C" {
    fn BIO_dup_chain(bio: *mut sys::BIO) -> *mut sys::BIO;
}
