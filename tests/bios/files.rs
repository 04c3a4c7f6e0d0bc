//! Files and descriptors.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::ptr::NonNull;

use libssl::ErrorKind;
use libssl::bio::{Bio, BioType, PollDescriptor};

use crate::since;

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("bios-{name}"))
}

#[test]
fn a_file_is_written_and_read() {
    let path = path("file");
    let mut bio = Bio::file(&path, "w").unwrap();
    assert_eq!((bio.method_type(), bio.close_flag()), (BioType::FILE, true));
    bio.puts(c"line one\n").unwrap();
    bio.write(b"two").unwrap();
    bio.flush().unwrap();
    assert_eq!(bio.tell().unwrap(), 12);
    drop(bio);
    assert_eq!(fs::read(&path).unwrap(), b"line one\ntwo");

    let mut bio = Bio::file(&path, "rb").unwrap();
    let mut buf = [0; 20];
    assert_eq!(bio.gets(&mut buf).unwrap(), 9);
    assert_eq!(bio.read(&mut buf).unwrap(), 3);
    assert!(bio.read(&mut buf).unwrap_err().is_end());
    assert!(bio.eof());
    bio.seek(5).unwrap();
    assert_eq!(bio.read(&mut buf[..3]).unwrap(), 3);
    assert_eq!(&buf[..3], b"one");
    bio.reset().unwrap();
    assert_eq!(bio.tell().unwrap(), 0);
    let error = bio.write(b"x").unwrap_err();
    assert!(error.error().is_some(), "{error:?}");
}

#[test]
fn a_file_that_is_not_there_is_an_error_of_the_system() {
    let error = Bio::file("/nowhere/at/all", "r").unwrap_err();
    assert_eq!((error.kind(), error.errno()), (ErrorKind::Io, libc::ENOENT));
    assert!(!error.stack().is_empty());
    for (path, mode) in [("", "r"), ("a\0b", "r"), ("a", ""), ("a", "r\0"), ("a", "r,ccs=UTF-8")] {
        assert_eq!(Bio::file(path, mode).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn a_descriptor_is_closed_with_its_bio() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut bio = Bio::fd(writer).unwrap();
    assert_eq!(bio.method_type(), BioType::FD);
    bio.write(b"down the pipe").unwrap();
    drop(bio);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "down the pipe");
}

#[test]
fn an_error_of_a_descriptor_has_its_errno() {
    let file = File::create(path("write-only")).unwrap();
    let mut bio = Bio::fd(file).unwrap();
    let error = bio.read(&mut [0; 4]).unwrap_err();
    let error = error.error().unwrap();
    assert_eq!((error.kind(), error.errno(), error.ret()), (ErrorKind::Io, libc::EBADF, Some(-1)));
    let (_reader, writer) = std::io::pipe().unwrap();
    let mut bio = Bio::fd(writer).unwrap();
    let error = bio.seek(1).unwrap_err();
    assert_eq!((error.kind(), error.errno()), (ErrorKind::Io, libc::ESPIPE));
    assert_eq!(bio.tell().unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(bio.reset().unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(bio.seek(u64::MAX).unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_file_beyond_what_an_int_counts_is_sought_and_told() {
    let path = path("large");
    let mut bio = Bio::file(&path, "w").unwrap();
    let far = (1 << 33) + 7;
    bio.seek(far).unwrap();
    assert_eq!(bio.tell().unwrap(), far);
    drop(bio);
    fs::remove_file(path).unwrap();
}

#[test]
fn a_file_of_c_stays_cs() {
    let path = path("stdio");
    fs::write(&path, "from C").unwrap();
    let name = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    // SAFETY: two C strings.
    let file = NonNull::new(unsafe { libc::fopen(name.as_ptr(), c"r".as_ptr()) }).unwrap();
    // SAFETY: the file is open, and closed below.
    let mut bio = unsafe { Bio::fp(file, false) }.unwrap();
    let mut buf = [0; 16];
    assert_eq!(bio.read(&mut buf[..4]).unwrap(), 4);
    drop(bio);
    // SAFETY: the file is still open.
    let mut bio = unsafe { Bio::fp(file, true) }.unwrap();
    assert_eq!(bio.read(&mut buf).unwrap(), 2);
}

#[test]
fn a_nonblocking_descriptor_waits() {
    let (left, mut right) = std::os::unix::net::UnixStream::pair().unwrap();
    left.set_nonblocking(true).unwrap();
    let mut bio = Bio::fd(left).unwrap();
    let error = bio.read(&mut [0; 4]).unwrap_err();
    assert!(error.retry().unwrap().should_read());
    assert_eq!(std::io::Error::from(error).kind(), std::io::ErrorKind::WouldBlock);
    right.write_all(b"come").unwrap();
    assert_eq!(bio.read(&mut [0; 4]).unwrap(), 4);
    drop(right);
    assert!(bio.read(&mut [0; 4]).unwrap_err().is_end());
}

#[test]
fn a_socket_is_waited_on_and_memory_is_not() {
    let (left, _right) = std::os::unix::net::UnixStream::pair().unwrap();
    // SAFETY: the descriptor stays open, and the BIO does not close it.
    let mut bio = unsafe {
        let bio = openssl_sys::BIO_new_socket(left.as_raw_fd(), openssl_sys_ext::BIO_NOCLOSE);
        Bio::from_ptr(bio)
    };
    let (read, write) = (bio.rpoll_descriptor(), bio.wpoll_descriptor());
    let memory = Bio::memory().unwrap().rpoll_descriptor().unwrap_err();
    if since(3, 2) && openssl_sys_ext::HEADERS_VERSION >= 0x3020_0000 {
        assert_eq!(read.unwrap(), PollDescriptor::Fd(left.as_raw_fd()));
        assert_eq!(write.unwrap(), PollDescriptor::Fd(left.as_raw_fd()));
        assert_eq!(memory.kind(), ErrorKind::Unspecified);
    } else {
        assert_eq!(read.unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(write.unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(memory.kind(), ErrorKind::Unsupported);
    }
}
