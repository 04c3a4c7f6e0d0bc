//! Memory BIOs.

use std::io::{BufRead, BufReader, Read, Write};
use std::ptr::NonNull;

use libssl::ErrorKind;
use libssl::bio::{Bio, BioFlags, MemEof, SendBio, SliceBio};
use openssl_sys_ext as ext;

#[test]
fn what_is_written_is_lent_until_it_is_read() {
    for mut bio in [Bio::memory().unwrap(), Bio::secure_memory().unwrap()] {
        assert_eq!(bio.mem_data(), Some(&[][..]));
        assert_eq!(bio.mem_buf(), Some(&[][..]));
        bio.write(b"some bytes").unwrap();
        assert_eq!(bio.mem_data(), Some(&b"some bytes"[..]));
        bio.read(&mut [0; 5]).unwrap();
        assert_eq!(bio.mem_data(), Some(&b"bytes"[..]));
        assert_eq!(bio.mem_buf(), Some(&b"bytes"[..]));
        bio.reset().unwrap();
        assert_eq!(bio.mem_data(), Some(&[][..]));
        assert_eq!(bio.pending(), 0);
    }
}

#[test]
fn borrowed_bytes_are_read_where_they_are_and_never_written() {
    let text = b"borrowed".to_vec();
    let mut bio = SliceBio::new(&text).unwrap();
    assert_eq!(bio.mem_data().unwrap().as_ptr(), text.as_ptr());
    bio.read(&mut [0; 3]).unwrap();
    assert_eq!(bio.mem_data(), Some(&text[3..]));
    assert_eq!(bio.mem_buf(), Some(&text[3..]));
    let error = bio.write(b"x").unwrap_err();
    assert_eq!(error.error().unwrap().kind(), ErrorKind::Refused);
    assert_eq!(bio.set_mem_buf(b"x").unwrap_err().kind(), ErrorKind::InvalidInput);
    assert!(bio.flags().contains(BioFlags::MEM_RDONLY));
    assert_eq!(bio.clear_flags(BioFlags::MEM_RDONLY).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(
        bio.set_flags(BioFlags::from_bits_retain(1 << 20)).unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
    bio.reset().unwrap();
    assert_eq!(bio.mem_data(), Some(&text[..]));
    drop(bio);
    assert_eq!(text, b"borrowed");
}

#[test]
fn borrowed_bytes_are_read_through_filters() {
    let bio = SliceBio::new(b"aGVsbG8gdGhlcmU=").unwrap();
    let filter = Bio::base64().unwrap();
    let mut bio = bio.behind(filter).unwrap();
    bio.set_flags(BioFlags::BASE64_NO_NL).unwrap();
    let mut text = String::new();
    bio.read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello there");
}

/// What is no filter, such as an accept BIO, could give them away.
#[test]
fn borrowed_bytes_hang_behind_filters_only() {
    let mut chain = Bio::buffer().unwrap();
    chain.push(Bio::acceptor().unwrap());
    for bio in [Bio::acceptor().unwrap(), Bio::memory().unwrap(), chain] {
        let error = SliceBio::new(b"borrowed").unwrap().behind(bio).map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn constant_bytes_make_a_bio_without_a_lifetime() {
    let mut bio = Bio::from(SliceBio::new(b"static").unwrap());
    let mut all = Vec::new();
    bio.read_to_end(&mut all).unwrap();
    assert_eq!(all, b"static");
    let text = b"longer".to_vec();
    // SAFETY: the bytes outlive the BIO.
    let mut bio = unsafe { SliceBio::new(&text).unwrap().into_bio() };
    assert_eq!(bio.read(&mut [0; 3]).unwrap(), 3);
}

#[test]
fn the_contents_can_be_replaced() {
    let mut bio = Bio::memory().unwrap();
    bio.write(b"before").unwrap();
    for data in [&b"after"[..], b"", &[3; 100_000]] {
        bio.set_mem_buf(data).unwrap();
        assert_eq!(bio.mem_data(), Some(data));
    }
    bio.write(b"more").unwrap();
    assert_eq!(bio.pending(), 100_004);
    for (mut bio, secure) in [(bio, 0), (Bio::secure_memory().unwrap(), 1)] {
        bio.set_mem_buf(b"secret").unwrap();
        // SAFETY: get0: live as long as the BIO.
        assert_eq!(unsafe { bio.mem_ptr().unwrap().as_ref() }.flags & 1, secure);
    }
    assert_eq!(Bio::null().unwrap().set_mem_buf(b"x").unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_buffer_of_c_is_used_and_left_to_c() {
    // SAFETY: has no requirements.
    let buffer = NonNull::new(unsafe { ext::BUF_MEM_new() }).unwrap();
    let mut bio = Bio::memory().unwrap();
    // SAFETY: the buffer is live, and outlives the BIO.
    assert!(unsafe { bio.set_mem_ptr(buffer, false) });
    assert!(!bio.close_flag());
    bio.write(b"for C").unwrap();
    assert_eq!(bio.mem_ptr(), Some(buffer));
    // The buffer is not the BIO's to free.
    assert_eq!(bio.set_mem_buf(b"other").unwrap_err().kind(), ErrorKind::InvalidInput);
    drop(bio);
    // SAFETY: the buffer is live, and ours to free.
    unsafe {
        let (data, length) = ((*buffer.as_ptr()).data, (*buffer.as_ptr()).length);
        let text = std::slice::from_raw_parts(data.cast::<u8>(), length).to_vec();
        ext::BUF_MEM_free(buffer.as_ptr());
        assert_eq!(text, b"for C");
    }
    // SAFETY: as above, and the BIO owns it.
    let (mut bio, buffer) = unsafe { (Bio::memory().unwrap(), NonNull::new(ext::BUF_MEM_new()).unwrap()) };
    // SAFETY: as above.
    assert!(unsafe { bio.set_mem_ptr(buffer, true) });
    assert!(bio.close_flag());
}

#[test]
fn the_close_flag_leaves_the_buffer_to_who_has_it() {
    let mut bio = Bio::memory().unwrap();
    bio.write(b"kept").unwrap();
    let buffer = bio.mem_ptr().unwrap();
    // SAFETY: the buffer is ours from here.
    unsafe { bio.set_close(false) };
    drop(bio);
    // SAFETY: nobody else frees it.
    unsafe {
        assert_eq!((*buffer.as_ptr()).length, 4);
        ext::BUF_MEM_free(buffer.as_ptr());
    }
}

#[test]
fn empty_memory_waits_or_ends_as_it_is_told() {
    let mut bio = Bio::memory().unwrap();
    assert!(bio.read(&mut [0; 1]).unwrap_err().retry().is_some());
    bio.set_mem_eof_return(MemEof::End).unwrap();
    assert!(bio.read(&mut [0; 1]).unwrap_err().is_end());
    assert!(bio.eof());
    bio.set_mem_eof_return(MemEof::Retry).unwrap();
    assert!(bio.read(&mut [0; 1]).unwrap_err().retry().unwrap().should_read());
    let error = Bio::null().unwrap().set_mem_eof_return(MemEof::End).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_line_that_breaks_off_goes_on_where_it_was() {
    let (mut far, mut bio) = Bio::new_bio_pair(0, 0).unwrap();
    let mut line = Vec::new();
    far.write(b"half a ").unwrap();
    assert!(bio.get_line(&mut line, 100).unwrap_err().retry().unwrap().should_read());
    assert_eq!(line, b"half a ");
    far.write(b"line\nand").unwrap();
    assert_eq!(bio.get_line(&mut line, 100).unwrap(), 5);
    assert_eq!(line, b"half a line\n");
    line.clear();
    assert_eq!(bio.get_line(&mut line, 2).unwrap(), 2);
    assert_eq!((bio.get_line(&mut line, 0).unwrap(), line.as_slice()), (0, &b"an"[..]));
}

#[test]
fn a_line_may_hold_nul_bytes() {
    let mut bio = SliceBio::new(b"a\0b\nc").unwrap();
    let mut line = Vec::new();
    bio.get_line(&mut line, 10).unwrap();
    assert_eq!(line, b"a\0b\n");
    let mut buf = [1; 10];
    assert_eq!(bio.gets(&mut buf).unwrap(), 1);
    assert_eq!(&buf[..2], b"c\0");
    for mut none in [vec![], vec![1]] {
        let error = bio.gets(&mut none).unwrap_err();
        assert_eq!(error.error().unwrap().kind(), ErrorKind::InvalidInput);
        assert!(none.iter().all(|byte| *byte == 1));
    }
}

#[test]
fn nothing_is_read_and_written_without_a_call() {
    let mut bio = Bio::memory().unwrap();
    assert_eq!((bio.read(&mut []).unwrap(), bio.write(b"").unwrap(), bio.puts(c"").unwrap()), (0, 0, 0));
    assert_eq!((bio.read_ex(&mut []).unwrap(), bio.write_ex(b"").unwrap()), (0, 0));
    assert!(!bio.should_retry());
}

#[test]
fn a_bio_is_a_stream_of_rusts() {
    let mut bio = Bio::memory().unwrap();
    writeln!(bio, "first {}", 2).unwrap();
    bio.flush().unwrap();
    let error = BufReader::new(&mut *bio).read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    writeln!(bio, "first").unwrap();
    bio.set_mem_eof_return(MemEof::End).unwrap();
    let lines: Vec<_> = BufReader::new(bio).lines().map(Result::unwrap).collect();
    assert_eq!(lines, ["first"]);
}

#[test]
fn memory_goes_to_another_thread_and_back() {
    let mut bio = SendBio::new(Bio::memory().unwrap()).unwrap();
    bio.write(b"to and ").unwrap();
    let bio = std::thread::spawn(move || {
        bio.write(b"fro").unwrap();
        bio
    })
    .join()
    .unwrap();
    assert_eq!(bio.into_bio().mem_data(), Some(&b"to and fro"[..]));
}

#[test]
fn what_shares_with_another_bio_stays_on_its_thread() {
    let mut noted = Bio::memory().unwrap();
    // SAFETY: the callback does nothing.
    unsafe { noted.set_callback_ptr(Some(nothing), std::ptr::null_mut()) };
    assert!(SendBio::new(noted).is_err());
    let (half, _other) = Bio::new_bio_pair(0, 0).unwrap();
    let mut chain = Bio::buffer().unwrap();
    chain.push(half);
    let (error, chain) = SendBio::new(chain).unwrap_err();
    assert_eq!((error.kind(), chain.links().count()), (ErrorKind::InvalidInput, 2));
}

#[test]
fn a_reset_that_forgets_nothing_reads_anew() {
    let mut bio = Bio::memory().unwrap();
    bio.write(b"again").unwrap();
    bio.set_flags(BioFlags::NONCLEAR_RST).unwrap();
    assert_eq!(bio.test_flags(BioFlags::NONCLEAR_RST | BioFlags::READ), BioFlags::NONCLEAR_RST);
    bio.read(&mut [0; 5]).unwrap();
    bio.reset().unwrap();
    assert_eq!(bio.mem_data(), Some(&b"again"[..]));
    bio.clear_flags(BioFlags::NONCLEAR_RST).unwrap();
    bio.reset().unwrap();
    assert_eq!(bio.mem_data(), Some(&[][..]));
}

#[test]
fn retry_flags_are_set_tested_and_cleared() {
    let mut bio = Bio::memory().unwrap();
    bio.set_retry_read();
    assert!(bio.should_retry() && bio.should_read() && !bio.should_write());
    bio.set_retry_write();
    bio.set_retry_special();
    assert_eq!(bio.retry_type(), BioFlags::READ | BioFlags::WRITE | BioFlags::IO_SPECIAL);
    assert_eq!(bio.retry_flags(), bio.retry_type() | BioFlags::SHOULD_RETRY);
    bio.clear_retry_flags();
    assert_eq!(bio.retry_flags(), BioFlags::empty());
    bio.set_flags(BioFlags::WRITE | BioFlags::SHOULD_RETRY).unwrap();
    assert!(bio.should_write());
}

unsafe extern "C" fn nothing(
    _: *mut openssl_sys::BIO,
    _: i32,
    _: *const std::ffi::c_char,
    _: usize,
    _: i32,
    _: std::ffi::c_long,
    ret: i32,
    _: *mut usize,
) -> std::ffi::c_long {
    ret.into()
}

#[test]
fn a_line_needs_the_memory_that_it_has_whatever_the_limit() {
    let mut memory = Bio::memory().unwrap();
    let long = [vec![b'x'; 10_000], b"\n".to_vec()].concat();
    memory.write(&long).unwrap();
    memory.write(&[b'y'; 4096]).unwrap();
    let mut line = Vec::new();
    assert_eq!(memory.get_line(&mut line, 9000).unwrap(), 9000);
    assert_eq!(memory.get_line(&mut line, usize::MAX).unwrap(), 1001);
    assert!(line == long);
    // A line without its end, of as many bytes as are read at once.
    line.clear();
    memory.set_mem_eof_return(MemEof::End).unwrap();
    assert_eq!(memory.get_line(&mut line, usize::MAX).unwrap(), 4096);
    assert!(memory.get_line(&mut line, usize::MAX).unwrap_err().is_end());
    assert!(line == [b'y'; 4096]);
    assert!(line.capacity() < 1 << 16);
}
