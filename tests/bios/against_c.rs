//! C as the oracle: a script of calls through C's functions, and through ours, on two BIOs that were made alike.

use std::ffi::{CStr, CString, c_int};
use std::ptr;

use libssl::ErrorKind;
use libssl::bio::{Bio, BioError, BioRef, BioType, MemEof, SliceBio};
use openssl_sys as sys;
use openssl_sys_ext as ext;

#[derive(Clone, Copy, Debug)]
enum Call {
    Read(usize),
    ReadEx(usize),
    Write(&'static [u8]),
    WriteEx(&'static [u8]),
    Gets(usize),
    Line(usize),
    Puts(&'static CStr),
    Flush,
    Reset,
    Seek(u64),
    Tell,
    Pending,
    Wpending,
    Eof,
    Handshake,
}
use Call::*;

#[derive(Debug, PartialEq)]
enum Outcome {
    Moved(usize, Vec<u8>),
    End,
    Retry { read: bool, write: bool, special: bool, reason: c_int },
    Failed(Vec<std::ffi::c_ulong>),
    Answer(u64),
}

/// What is seen of a BIO after a call.
#[derive(Debug, PartialEq)]
struct Seen {
    outcome: Outcome,
    read: u64,
    written: u64,
}

fn queue() -> Vec<std::ffi::c_ulong> {
    let mut codes = Vec::new();
    loop {
        // SAFETY: takes from this thread's queue.
        match unsafe { sys::ERR_get_error() } {
            0 => return codes,
            code => codes.push(code),
        }
    }
}

/// The BIOs of a chain.
///
/// # Safety
///
/// `bio` is live.
unsafe fn links(bio: *mut sys::BIO) -> impl Iterator<Item = *mut sys::BIO> {
    std::iter::successors(Some(bio), |bio| {
        // SAFETY: a live BIO of the chain.
        Some(unsafe { ext::BIO_next(*bio) }).filter(|next| !next.is_null())
    })
}

/// The BIO that knows whether a call is to be tried again: some filters of C's do not take it over.
///
/// # Safety
///
/// `bio` is live.
unsafe fn who_waits(bio: *mut sys::BIO) -> *mut sys::BIO {
    let silent = [ext::BIO_TYPE_BUFFER, ext::BIO_TYPE_LINEBUFFER, ext::BIO_TYPE_NULL_FILTER];
    // SAFETY: live BIOs of the chain.
    unsafe {
        links(bio)
            .find(|link| ext::BIO_should_retry(*link) != 0 || !silent.contains(&ext::BIO_method_type(*link)))
            .unwrap_or(bio)
    }
}

/// As a C program judges a return value.
///
/// # Safety
///
/// `bio` is live.
unsafe fn judge(bio: *mut sys::BIO, ret: c_int, data: &[u8], reads: bool) -> Outcome {
    let codes = queue();
    // SAFETY: by this function's contract.
    unsafe {
        let bio = who_waits(bio);
        if ret > 0 {
            return Outcome::Moved(ret as usize, data[..data.len().min(ret as usize)].to_vec());
        }
        if ret != -2 && ext::BIO_should_retry(bio) != 0 {
            let mut reason = 0;
            ext::BIO_get_retry_BIO(bio, &raw mut reason);
            return Outcome::Retry {
                read: ext::BIO_should_read(bio) != 0,
                write: ext::BIO_should_write(bio) != 0,
                special: ext::BIO_should_io_special(bio) != 0,
                reason,
            };
        }
    }
    if reads && ret == 0 && codes.is_empty() { Outcome::End } else { Outcome::Failed(codes) }
}

/// # Safety
///
/// `bio` is live.
unsafe fn through_c(bio: *mut sys::BIO, call: Call) -> Seen {
    queue();
    if !matches!(call, Reset | Seek(_) | Tell | Pending | Wpending | Eof) {
        // What an earlier call left would be taken for this one's, where this one does not reach the method.
        // SAFETY: by this function's contract.
        unsafe { links(bio).for_each(|link| sys::BIO_clear_retry_flags(link)) };
    }
    let mut buf = vec![0_u8; 4096];
    let out = buf.as_mut_ptr();
    let mut moved = 0;
    // SAFETY: by this function's contract; buffers are as long as C is told.
    let outcome = unsafe {
        match call {
            Read(len) => judge(bio, sys::BIO_read(bio, out.cast(), len as c_int), &buf, true),
            ReadEx(len) => {
                let ret = match ext::BIO_read_ex(bio, out.cast(), len, &raw mut moved) {
                    1 => moved as c_int,
                    _ if ext::BIO_should_retry(who_waits(bio)) == 0 && ext::BIO_eof(bio) > 0 => 0,
                    _ => -1,
                };
                judge(bio, ret, &buf, true)
            }
            Write(data) => {
                let ret = sys::BIO_write(bio, data.as_ptr().cast(), data.len() as c_int);
                judge(bio, ret, &[], false)
            }
            WriteEx(data) => {
                let ret = ext::BIO_write_ex(bio, data.as_ptr().cast(), data.len(), &raw mut moved);
                judge(bio, if ret == 1 { moved as c_int } else { 0 }, &[], false)
            }
            Gets(len) => {
                let ret = ext::BIO_gets(bio, out.cast(), len as c_int);
                let last = links(bio).last().unwrap();
                if ret == 0 && ext::BIO_method_type(last) == ext::BIO_TYPE_MEM && ext::BIO_pending(last) == 0
                {
                    // An empty memory says only in a read whether more may come.
                    sys::BIO_read(last, out.cast(), 1);
                }
                judge(bio, ret, &buf, true)
            }
            Line(len) => judge(bio, ext::BIO_get_line(bio, out.cast(), len as c_int + 1), &buf, true),
            Puts(text) => judge(bio, ext::BIO_puts(bio, text.as_ptr()), &[], false),
            Flush => judge(bio, ext::BIO_flush(bio), &[], false),
            Handshake => judge(bio, ext::BIO_do_handshake(bio) as c_int, &[], false),
            Reset => {
                let last = links(bio).last().unwrap();
                let is_file = [ext::BIO_TYPE_FILE, ext::BIO_TYPE_FD].contains(&ext::BIO_method_type(last));
                Outcome::Answer(u64::from(ext::BIO_reset(bio) >= c_int::from(!is_file)))
            }
            Seek(offset) => Outcome::Answer(u64::from(ext::BIO_seek(bio, offset as _) >= 0)),
            Tell => Outcome::Answer(u64::try_from(ext::BIO_tell(bio)).unwrap_or(u64::MAX)),
            Pending => Outcome::Answer(ext::BIO_ctrl_pending(bio) as u64),
            Wpending => Outcome::Answer(ext::BIO_ctrl_wpending(bio) as u64),
            Eof => Outcome::Answer(u64::from(ext::BIO_eof(bio) > 0)),
        }
    };
    queue();
    // SAFETY: as above.
    let (read, written) = unsafe { (ext::BIO_number_read(bio), ext::BIO_number_written(bio)) };
    Seen { outcome, read, written }
}

fn through_ours(bio: &mut BioRef, call: Call) -> Seen {
    let judge = |result: Result<usize, BioError>, data: &[u8]| match result {
        Ok(moved) => Outcome::Moved(moved, data[..data.len().min(moved)].to_vec()),
        Err(BioError::End) => Outcome::End,
        Err(BioError::Retry(retry)) => Outcome::Retry {
            read: retry.should_read(),
            write: retry.should_write(),
            special: retry.should_io_special(),
            reason: retry.reason().0,
        },
        Err(BioError::Failed(error)) => {
            Outcome::Failed(error.stack().iter().map(libssl::error::Reason::code).collect())
        }
    };
    let mut buf = vec![0_u8; 4096];
    let outcome = match call {
        Read(len) => judge(bio.read(&mut buf[..len]), &buf),
        ReadEx(len) => judge(bio.read_ex(&mut buf[..len]), &buf),
        Write(data) => judge(bio.write(data), &[]),
        WriteEx(data) => judge(bio.write_ex(data), &[]),
        Gets(len) => judge(bio.gets(&mut buf[..len]), &buf),
        Line(len) => {
            let mut line = Vec::new();
            let result = bio.get_line(&mut line, len);
            judge(result, &line)
        }
        Puts(text) => judge(bio.puts(text), &[]),
        Flush => judge(bio.flush().map(|()| 1), &[]),
        Handshake => judge(bio.do_handshake().map(|()| 1), &[]),
        Reset => Outcome::Answer(u64::from(bio.reset().is_ok())),
        Seek(offset) => Outcome::Answer(u64::from(bio.seek(offset).is_ok())),
        Tell => Outcome::Answer(bio.tell().unwrap_or(u64::MAX)),
        Pending => Outcome::Answer(bio.pending() as u64),
        Wpending => Outcome::Answer(bio.wpending() as u64),
        Eof => Outcome::Answer(u64::from(bio.eof())),
    };
    // SAFETY: reads this thread's queue.
    assert_eq!(unsafe { ext::ERR_peek_error() }, 0, "{call:?} left an error behind");
    Seen { outcome, read: bio.number_read(), written: bio.number_written() }
}

/// All calls, with room and without, over and over.
const SCRIPT: &[Call] = &[
    Pending,
    Eof,
    Read(4),
    Gets(10),
    Line(10),
    Flush,
    Tell,
    Write(b"one\ntwo\nthree"),
    Pending,
    Wpending,
    Eof,
    Tell,
    Read(2),
    Gets(10),
    Gets(3),
    Line(2),
    Line(30),
    ReadEx(1),
    Pending,
    ReadEx(100),
    Read(10),
    ReadEx(10),
    Eof,
    Tell,
    Puts(c"four\nfive\n"),
    WriteEx(b"six"),
    Flush,
    Gets(64),
    Seek(0),
    Tell,
    Read(3),
    Seek(2),
    Read(1),
    Seek(100_000),
    Tell,
    Reset,
    Read(16),
    Eof,
    Handshake,
    Write(&[7; 3000]),
    Write(&[8; 3000]),
    Write(&[9; 20_000]),
    Wpending,
    Flush,
    Read(4000),
    Read(4000),
    Pending,
    Reset,
    Pending,
    Tell,
    Puts(c"last"),
    Flush,
    ReadEx(3),
    Read(3),
    Read(3),
    Eof,
];

/// Plays the script on two BIOs that were made alike.
fn play(name: &str, c: Bio, mut ours: impl AsMut<BioRef>) {
    let ours = ours.as_mut();
    let crashes = ours.links().last().unwrap().method_type() == BioType::BUFFER;
    for (at, call) in SCRIPT.iter().enumerate() {
        if crashes && matches!(call, Gets(_)) {
            let error = ours.gets(&mut [0; 4]).unwrap_err();
            assert_eq!(error.error().unwrap().kind(), ErrorKind::NoTransport);
            continue;
        }
        // SAFETY: the BIO is live.
        let expected = unsafe { through_c(c.as_ptr(), *call) };
        let seen = through_ours(ours, *call);
        assert_eq!(seen, expected, "{name}: call {at}, {call:?}");
    }
}

struct Ours<T>(T);

impl AsMut<BioRef> for Ours<Bio> {
    fn as_mut(&mut self) -> &mut BioRef {
        &mut self.0
    }
}

impl AsMut<BioRef> for Ours<SliceBio<'_>> {
    fn as_mut(&mut self) -> &mut BioRef {
        &mut self.0
    }
}

/// Plays the script on what C's constructor makes, and on what ours does.
fn compare(name: &str, c: *mut sys::BIO, ours: Bio) {
    // SAFETY: a new BIO, of which the reference is ours.
    play(name, unsafe { Bio::from_ptr(c) }, Ours(ours));
}

#[test]
fn memory_comes_to_the_same_as_in_c() {
    // SAFETY: constructors of the library, and a BIO that is ours.
    unsafe {
        compare("memory", sys::BIO_new(sys::BIO_s_mem()), Bio::memory().unwrap());
        compare("secure memory", sys::BIO_new(ext::BIO_s_secmem()), Bio::secure_memory().unwrap());
        let c = sys::BIO_new(sys::BIO_s_mem());
        ext::BIO_set_mem_eof_return(c, 0);
        let mut ours = Bio::memory().unwrap();
        ours.set_mem_eof_return(MemEof::End).unwrap();
        compare("memory that ends", c, ours);
        compare("null", sys::BIO_new(ext::BIO_s_null()), Bio::null().unwrap());
    }
}

#[test]
fn borrowed_bytes_come_to_the_same_as_in_c() {
    let text = b"a first line\nand a second one\nand no end";
    // SAFETY: a constructor of the library, over bytes that live as long; the reference is ours.
    let c = |data: &'static [u8]| unsafe {
        Bio::from_ptr(sys::BIO_new_mem_buf(data.as_ptr().cast(), data.len() as c_int))
    };
    play("slice", c(text), Ours(SliceBio::new(text).unwrap()));
    play("empty slice", c(b""), Ours(SliceBio::new(b"").unwrap()));
    let mut ours = SliceBio::new(text).unwrap();
    ours.set_mem_eof_return(MemEof::Retry).unwrap();
    let with_retry = c(text);
    // SAFETY: the BIO is live.
    unsafe { ext::BIO_set_mem_eof_return(with_retry.as_ptr(), -1) };
    play("slice that waits", with_retry, Ours(ours));
}

#[test]
fn files_come_to_the_same_as_in_c() {
    let path = |name: &str| std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    for mode in ["w+", "w", "r", "a+"] {
        let (one, other) = (path("bios-c"), path("bios-ours"));
        if mode == "r" {
            for path in [&one, &other] {
                std::fs::write(path, "some\nlines\nof text").unwrap();
            }
        }
        let name = CString::new(one.to_str().unwrap()).unwrap();
        let how = CString::new(mode).unwrap();
        // SAFETY: two C strings.
        let c = unsafe { ext::BIO_new_file(name.as_ptr(), how.as_ptr()) };
        compare(mode, c, Bio::file(&other, mode).unwrap());
    }
    let open = |name: &str| {
        let mut options = std::fs::File::options();
        options.read(true).write(true).create(true).truncate(true).open(path(name)).unwrap()
    };
    let fd = std::os::fd::IntoRawFd::into_raw_fd(open("bios-c"));
    // SAFETY: the descriptor is open, and the BIO's.
    let c = unsafe { ext::BIO_new_fd(fd, ext::BIO_CLOSE) };
    compare("fd", c, Bio::fd(open("bios-ours")).unwrap());
}

type Make = unsafe extern "C" fn() -> *const sys::BIO_METHOD;
type Ctor = fn() -> Result<Bio, libssl::Error>;

// SAFETY: little is read through it.
const FILTERS: [(&str, Make, Ctor); 6] = [
    ("buffer", ext::BIO_f_buffer, Bio::buffer),
    ("read buffer", ext::BIO_f_readbuffer, || unsafe { Bio::read_buffer() }),
    ("line buffer", ext::BIO_f_linebuffer, Bio::line_buffer),
    ("base64", ext::BIO_f_base64, Bio::base64),
    ("prefix", ext::BIO_f_prefix, Bio::prefix),
    ("null filter", ext::BIO_f_null, Bio::null_filter),
];

#[test]
fn filters_come_to_the_same_as_in_c() {
    for (name, method, ours) in FILTERS {
        // SAFETY: constructors of the library; BIO_push gives the second to the first.
        unsafe {
            let c = ext::BIO_push(sys::BIO_new(method()), sys::BIO_new(sys::BIO_s_mem()));
            let mut chain = ours().unwrap();
            chain.push(Bio::memory().unwrap());
            compare(name, c, chain);
        }
    }
}

#[test]
fn a_filter_with_nothing_behind_it_comes_to_the_same_as_in_c() {
    for (name, method, ours) in FILTERS {
        // SAFETY: a constructor of the library.
        compare(name, unsafe { sys::BIO_new(method()) }, ours().unwrap());
    }
}

#[test]
fn halves_of_a_pair_come_to_the_same_as_in_c() {
    let (mut one, mut other) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: two places for two new BIOs, whose references are ours.
    let (one, other) = unsafe {
        assert_eq!(ext::BIO_new_bio_pair(&raw mut one, 2000, &raw mut other, 7), 1);
        (Bio::from_ptr(one), Bio::from_ptr(other))
    };
    let (mut left, mut right) = Bio::new_bio_pair(2000, 7).unwrap();
    for round in 0..2 {
        for (at, call) in SCRIPT.iter().enumerate() {
            let (c, ours) = if at % 3 == round { (&other, &mut right) } else { (&one, &mut left) };
            // SAFETY: the BIO is live.
            let expected = unsafe { through_c(c.as_ptr(), *call) };
            assert_eq!(through_ours(ours, *call), expected, "round {round}, call {at}, {call:?}");
        }
    }
    // SAFETY: the BIO is live.
    unsafe { ext::BIO_shutdown_wr(one.as_ptr()) };
    left.shutdown_wr();
    for call in [Read(4000), Read(1), Eof, Write(b"x")] {
        // SAFETY: the BIO is live.
        assert_eq!(through_ours(&mut right, call), unsafe { through_c(other.as_ptr(), call) }, "{call:?}");
        // SAFETY: as above.
        assert_eq!(through_ours(&mut left, call), unsafe { through_c(one.as_ptr(), call) }, "{call:?}");
    }
    // SAFETY: as above.
    let alone = unsafe { sys::BIO_new(ext::BIO_s_bio()) };
    compare("half alone", alone, Bio::half().unwrap());
}
