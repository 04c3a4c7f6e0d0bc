//! BIOs whose functions are written in Rust: what C sees of them, in chains and under connections, and that nothing they do
//! gets into C.
// A step that fails is a failed test; the shared modules have items for other tests too.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, unreachable_pub)]

mod common;

use std::collections::VecDeque;
use std::ffi::{CStr, c_int, c_long, c_void};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use libssl::bio::{
    Bio, BioError, BioInfoFn, BioMethod, BioRef, BioRetry, BioType, NextBio, RetryReason, SendBio, SslBio,
    Stop, custom,
};
use libssl::{Error, ErrorKind, Role, Want};
use openssl_sys as sys;
use openssl_sys_ext as ext;

/// A command of the tests' own.
const DOUBLE: c_int = 0x1001;

/// A queue of bytes: what is written is read, and nothing is "not now".
#[derive(Default)]
struct Queue {
    bytes: VecDeque<u8>,
    ended: bool,
    establishes: usize,
    #[allow(dead_code)] // its drop counts
    alive: Option<Alive>,
}

/// Counts itself.
struct Alive(Arc<AtomicUsize>);

impl Queue {
    fn counted(alive: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(1, Ordering::Relaxed);
        Self { alive: Some(Alive(Arc::clone(alive))), ..Self::default() }
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl BioMethod for Queue {
    const NAME: &'static CStr = c"queue";

    fn create() -> Option<Self> {
        Some(Self { bytes: VecDeque::from(*b"made by C"), ..Self::default() })
    }

    fn duplicate(&mut self) -> Option<Self> {
        let copy = Self { bytes: self.bytes.clone(), ..Self::default() };
        Some(copy)
    }

    fn read(&mut self, _: &mut NextBio<'_>, buf: &mut [u8]) -> Result<usize, Stop> {
        if self.bytes.is_empty() {
            return if self.ended { Ok(0) } else { Err(io::ErrorKind::WouldBlock.into_stop()) };
        }
        let read = self.bytes.len().min(buf.len());
        for (to, from) in buf.iter_mut().zip(self.bytes.drain(..read)) {
            *to = from;
        }
        Ok(read)
    }

    fn write(&mut self, _: &mut NextBio<'_>, data: &[u8]) -> Result<usize, Stop> {
        self.bytes.extend(data);
        Ok(data.len())
    }

    fn gets(&mut self, next: &mut NextBio<'_>, buf: &mut [u8]) -> Result<usize, Stop> {
        let line = self.bytes.iter().position(|byte| *byte == b'\n').map_or(self.bytes.len(), |end| end + 1);
        let most = line.min(buf.len());
        self.read(next, &mut buf[..most])
    }

    fn pending(&mut self) -> usize {
        self.bytes.len()
    }

    fn wpending(&mut self) -> usize {
        3
    }

    fn reset(&mut self) -> Result<(), Stop> {
        self.bytes.clear();
        Ok(())
    }

    fn establish(&mut self) -> Option<Result<(), Stop>> {
        self.establishes += 1;
        Some(match self.establishes {
            1 => Err(Stop::Retry(BioRetry::special(RetryReason::CONNECT))),
            _ => Ok(()),
        })
    }

    fn ctrl(&mut self, command: c_int, number: c_long) -> Option<c_long> {
        (command == DOUBLE).then_some(2 * number)
    }

    unsafe fn raw_ctrl(&mut self, command: c_int, _: c_long, pointer: *mut c_void) -> Option<c_long> {
        if command != ext::BIO_C_GET_FD {
            return None;
        }
        // SAFETY: the command passes the place for a number, or NULL.
        if let Some(fd) = unsafe { pointer.cast::<c_int>().as_mut() } {
            *fd = 77;
        }
        Some(77)
    }

    fn set_info_callback(&mut self, callback: Option<BioInfoFn>) -> bool {
        self.ended = callback.is_some();
        true
    }

    fn send(&mut self, _: &mut NextBio<'_>, datagram: &[u8]) -> Result<(), Stop> {
        if self.bytes.len() + datagram.len() > 6 {
            return Err(Stop::Retry(BioRetry::WRITE));
        }
        self.bytes.extend(datagram);
        Ok(())
    }

    fn receive(&mut self, next: &mut NextBio<'_>, buf: &mut [u8]) -> Result<usize, Stop> {
        let most = buf.len().min(2);
        self.read(next, &mut buf[..most])
    }
}

trait IntoStop {
    fn into_stop(self) -> Stop;
}

impl IntoStop for io::ErrorKind {
    fn into_stop(self) -> Stop {
        Stop::Failed(self.into())
    }
}

/// A filter that passes on what it gets, and counts calls.
#[derive(Default)]
struct Through {
    writes: usize,
}

impl BioMethod for Through {
    const CLASS: BioType = BioType::FILTER;

    fn read(&mut self, next: &mut NextBio<'_>, buf: &mut [u8]) -> Result<usize, Stop> {
        next.read(buf)
    }

    fn write(&mut self, next: &mut NextBio<'_>, data: &[u8]) -> Result<usize, Stop> {
        self.writes += 1;
        next.write(data)
    }
}

#[test]
fn each_function_is_there_for_c() {
    let mut bio = Bio::custom(Queue::default()).unwrap();
    assert_eq!(bio.method_name(), c"queue");
    assert_eq!(bio.method_type(), custom::method_type::<Queue>().unwrap());
    assert!(bio.method_type().is(BioType::SOURCE_SINK));
    assert_eq!(bio.write(b"one\ntwo").unwrap(), 7);
    assert_eq!(bio.puts(c" three").unwrap(), 6);
    assert_eq!((bio.pending(), bio.wpending()), (13, 3));
    let mut buf = [0xff; 16];
    assert_eq!(bio.gets(&mut buf).unwrap(), 4);
    assert_eq!(&buf[..5], b"one\n\0");
    assert_eq!(bio.read(&mut buf).unwrap(), 9);
    assert_eq!(&buf[..9], b"two three");
    // SAFETY: commands with numbers; the second one fills the place for a number.
    unsafe {
        assert_eq!(bio.ctrl(DOUBLE, 21, ptr::null_mut()), 42);
        assert_eq!(bio.ctrl(0x1002, 21, ptr::null_mut()), 0);
    }
    assert_eq!(bio.descriptor(), Some(77));
    bio.flush().unwrap();
    bio.write(b"gone").unwrap();
    bio.reset().unwrap();
    assert_eq!(bio.pending(), 0);
    assert!(bio.close_flag());
}

#[test]
fn what_it_waits_for_is_what_c_is_told() {
    let mut bio = Bio::custom(Queue::default()).unwrap();
    let mut buf = [0; 4];
    let retry = bio.read(&mut buf).unwrap_err().retry().unwrap();
    assert!(retry.should_read() && !retry.should_write());
    let retry = bio.do_handshake().unwrap_err().retry().unwrap();
    assert!(retry.should_io_special());
    assert_eq!(retry.reason(), RetryReason::CONNECT);
    bio.do_connect().unwrap();
    assert!(!bio.should_retry());
    // The end is the end, as libssl asks for it.
    bio.custom_mut::<Queue>().unwrap().ended = true;
    assert!(!bio.eof());
    assert!(bio.read(&mut buf).unwrap_err().is_end());
    assert!(bio.eof());
    bio.write(b"x").unwrap();
    assert_eq!(bio.read(&mut buf).unwrap(), 1);
    assert!(!bio.eof());
}

#[test]
fn a_filter_hands_on_what_the_next_bio_waits_for_and_fails_with() {
    let mut bio = Bio::custom(Through::default()).unwrap();
    let mut buf = [0; 4];
    assert!(bio.read(&mut buf).is_err(), "there is nothing behind it");
    assert!(!bio.should_retry());
    bio.push(Bio::custom(Queue::default()).unwrap());
    assert!(bio.read(&mut buf).unwrap_err().retry().unwrap().should_read());
    bio.write(b"abc").unwrap();
    assert_eq!(bio.custom_ref::<Through>().unwrap().writes, 1);
    assert!(bio.custom_ref::<Queue>().is_none());
    assert_eq!(bio.next().unwrap().custom_ref::<Queue>().unwrap().bytes, b"abc");
    assert_eq!(bio.pending(), 3);
    let mut refused = Bio::custom(Through::default()).unwrap();
    refused.push(Bio::new_connect("127.0.0.1:1").unwrap());
    let error = Error::from(refused.write(b"x").unwrap_err());
    assert_eq!((error.kind(), error.errno()), (ErrorKind::Io, libc::ECONNREFUSED));
    assert_eq!(error.stack().root().unwrap().system_error(), Some(libc::ECONNREFUSED));
}

struct Fails(fn() -> Result<usize, Stop>);

impl BioMethod for Fails {
    fn read(&mut self, _: &mut NextBio<'_>, _: &mut [u8]) -> Result<usize, Stop> {
        (self.0)()
    }

    fn write(&mut self, _: &mut NextBio<'_>, _: &[u8]) -> Result<usize, Stop> {
        (self.0)()
    }
}

#[test]
fn a_failure_says_what_it_is_in_the_error_queue() {
    let fails = |with: fn() -> Result<usize, Stop>| {
        let mut bio = Bio::custom(Fails(with)).unwrap();
        (Error::from(bio.read(&mut [0; 8]).unwrap_err()), Error::from(bio.write(b"x").unwrap_err()))
    };
    let (read, write) = fails(|| Err(io::Error::from_raw_os_error(libc::ENETDOWN).into()));
    for error in [read, write] {
        assert_eq!((error.kind(), error.errno()), (ErrorKind::Io, libc::ENETDOWN));
    }
    let (read, write) = fails(|| Err(io::Error::other("my \0own\0 words").into()));
    for error in [read, write] {
        assert!(error.stack().has(ext::ERR_LIB_BIO, ext::BIO_R_TRANSFER_ERROR));
        assert_eq!(error.stack().root().unwrap().data(), "my own words");
    }
    // Lies are found out.
    let (read, write) = fails(|| Ok(9));
    for error in [read, write] {
        assert!(error.stack().has(ext::ERR_LIB_BIO, ext::BIO_R_TRANSFER_ERROR), "{error:?}");
    }
    let (read, write) = fails(|| Ok(0));
    assert_eq!(read.kind(), ErrorKind::UnexpectedEof, "the end of what can be read");
    assert!(write.stack().has(ext::ERR_LIB_BIO, ext::BIO_R_TRANSFER_ERROR));
    let mut bio = Bio::custom(Fails(|| Err(Stop::Unsupported))).unwrap();
    let error = Error::from(bio.gets(&mut [0; 8]).unwrap_err());
    assert!(error.stack().has(ext::ERR_LIB_BIO, ext::BIO_R_UNSUPPORTED_METHOD));
}

/// Panics in the one function that it is told to.
struct Panics(&'static str);

impl Panics {
    fn at(&self, place: &str) {
        if self.0 == place {
            panic!("{place}");
        }
    }
}

impl Drop for Panics {
    fn drop(&mut self) {
        self.at("drop");
    }
}

impl BioMethod for Panics {
    fn create() -> Option<Self> {
        panic!("create")
    }

    fn duplicate(&mut self) -> Option<Self> {
        self.at("duplicate");
        None
    }

    fn read(&mut self, _: &mut NextBio<'_>, _: &mut [u8]) -> Result<usize, Stop> {
        self.at("read");
        Ok(1)
    }

    fn write(&mut self, _: &mut NextBio<'_>, data: &[u8]) -> Result<usize, Stop> {
        self.at("write");
        Ok(data.len())
    }

    fn gets(&mut self, _: &mut NextBio<'_>, _: &mut [u8]) -> Result<usize, Stop> {
        self.at("gets");
        Ok(1)
    }

    fn puts(&mut self, _: &mut NextBio<'_>, _: &CStr) -> Result<usize, Stop> {
        self.at("puts");
        Ok(1)
    }

    fn flush(&mut self, _: &mut NextBio<'_>) -> Result<(), Stop> {
        self.at("flush");
        Ok(())
    }

    fn is_at_end(&mut self) -> Option<bool> {
        self.at("eof");
        None
    }

    fn pending(&mut self) -> usize {
        self.at("pending");
        1
    }

    fn wpending(&mut self) -> usize {
        self.at("wpending");
        1
    }

    fn reset(&mut self) -> Result<(), Stop> {
        self.at("reset");
        Ok(())
    }

    fn establish(&mut self) -> Option<Result<(), Stop>> {
        self.at("establish");
        Some(Ok(()))
    }

    fn ctrl(&mut self, _: c_int, _: c_long) -> Option<c_long> {
        self.at("ctrl");
        None
    }

    fn set_info_callback(&mut self, _: Option<BioInfoFn>) -> bool {
        self.at("callback_ctrl");
        true
    }
}

#[test]
fn a_panic_in_any_function_stays_out_of_c_and_goes_on_in_the_call_that_caused_it() {
    type Use = fn(&mut BioRef);
    let uses: [(&'static str, Use); 11] = [
        ("read", |bio| drop(bio.read(&mut [0; 4]))),
        ("write", |bio| drop(bio.write(b"x"))),
        ("gets", |bio| drop(bio.gets(&mut [0; 4]))),
        ("puts", |bio| drop(bio.puts(c"x"))),
        ("flush", |bio| drop(bio.flush())),
        ("eof", |bio| {
            bio.eof();
        }),
        ("pending", |bio| {
            bio.pending();
        }),
        ("wpending", |bio| {
            bio.wpending();
        }),
        ("reset", |bio| drop(bio.reset())),
        ("establish", |bio| drop(bio.do_handshake())),
        ("ctrl", |bio| {
            // SAFETY: a command of the program's own, without a pointer.
            unsafe { bio.ctrl(DOUBLE, 0, ptr::null_mut()) };
        }),
    ];
    for (place, each) in uses {
        let mut bio = Bio::custom(Panics(place)).unwrap();
        let payload = catch_unwind(AssertUnwindSafe(|| each(&mut bio))).expect_err(place);
        assert_eq!(payload.downcast_ref::<String>().map(String::as_str), Some(place));
        // Nobody knows what state it is in, so nothing reaches it any more.
        assert!(bio.write(b"x").is_err() && bio.read(&mut [0; 4]).is_err(), "{place}");
        assert!(bio.eof(), "{place}");
    }
    drop(Bio::custom(Panics("drop")).unwrap());
}

#[test]
fn a_panic_where_c_called_by_itself_is_a_failure_and_no_more() {
    unsafe extern "C" fn info(_: *mut sys::BIO, _: c_int, ret: c_int) -> c_int {
        ret
    }
    let new = |place| Bio::custom(Panics(place)).unwrap().into_ptr();
    let mut buf = [0_u8; 4];
    // SAFETY: live BIOs, used as C does it, and freed once.
    unsafe {
        let bio = new("read");
        assert_eq!(sys::BIO_read(bio, buf.as_mut_ptr().cast(), 4), -1);
        assert_eq!(sys::BIO_read(bio, buf.as_mut_ptr().cast(), 4), -1);
        assert!(ext::ERR_peek_error() != 0);
        sys::BIO_free_all(bio);
        let bio = new("callback_ctrl");
        assert_eq!(ext::BIO_callback_ctrl(bio, ext::BIO_CTRL_SET_CALLBACK, Some(info)), -1);
        sys::BIO_free_all(bio);
        let bio = new("duplicate");
        assert!(ext::BIO_dup_chain(bio).is_null());
        sys::BIO_free_all(bio);
        assert!(sys::BIO_new(custom::method_ptr::<Panics>().unwrap()).is_null());
        sys::ERR_clear_error();
    }
}

#[test]
fn c_makes_and_copies_bios_of_a_method_and_each_state_is_dropped_once() {
    let alive = Arc::new(AtomicUsize::new(0));
    let bio = Bio::custom(Queue::counted(&alive)).unwrap();
    drop(bio);
    assert_eq!(alive.load(Ordering::Relaxed), 0);
    let bio = Bio::custom(Queue::counted(&alive)).unwrap().into_ptr();
    // SAFETY: live BIOs, used as C does it; each reference is given up once.
    unsafe {
        assert_eq!(ext::BIO_up_ref(bio), 1);
        drop(Bio::from_ptr(bio));
        assert_eq!(alive.load(Ordering::Relaxed), 1, "C has a reference still");
        assert_eq!(sys::BIO_write(bio, b"abc".as_ptr().cast(), 3), 3);
        let copy = Bio::from_ptr(ext::BIO_dup_chain(bio));
        assert_eq!(copy.custom_ref::<Queue>().unwrap().bytes, b"abc");
        assert_eq!(ext::BIO_free(bio), 1);
        assert_eq!(alive.load(Ordering::Relaxed), 0);
        let mut made = Bio::from_ptr(sys::BIO_new(custom::method_ptr::<Queue>().unwrap()));
        let mut buf = [0; 16];
        assert_eq!(made.read(&mut buf).unwrap(), 9);
        assert_eq!(&buf[..9], b"made by C");
        // A method without `create` has nothing to work with.
        let mut empty = Bio::from_ptr(sys::BIO_new(custom::method_ptr::<Through>().unwrap()));
        let error = Error::from(empty.write(b"x").unwrap_err());
        assert!(error.stack().has(ext::ERR_LIB_BIO, ext::BIO_R_UNINITIALIZED));
        assert!(empty.custom_ref::<Through>().is_none());
    }
    assert!(Bio::memory().unwrap().custom_ref::<Queue>().is_none());
}

/// Lines get a prefix by a filter that asks the next BIO to copy itself into the copy of the filter.
#[test]
fn the_state_of_a_method_is_copied_into_bios_of_its_own_type_only() {
    let alive = Arc::new(AtomicUsize::new(0));
    let mut bio = Bio::prefix().unwrap();
    bio.set_prefix(Some(c"> ")).unwrap();
    bio.push(Bio::custom(Queue::counted(&alive)).unwrap());
    // SAFETY: the chain is live, and so is its copy, if there is one, which is nobody else's.
    unsafe {
        let copy = ext::BIO_dup_chain(bio.as_ptr());
        if !copy.is_null() {
            drop(Bio::from_ptr(copy));
        }
    }
    assert_eq!(alive.load(Ordering::Relaxed), 1);
    assert_eq!(bio.write(b"a\n").unwrap(), 2);
    assert_eq!(bio.next().unwrap().custom_ref::<Queue>().unwrap().bytes, b"> a\n");
}

#[test]
fn an_info_callback_of_c_gets_there() {
    unsafe extern "C" fn info(_: *mut sys::BIO, _: c_int, ret: c_int) -> c_int {
        ret
    }
    let mut bio = Bio::custom(Through::default()).unwrap();
    // SAFETY: live BIOs and a callback of the right type.
    unsafe {
        assert_eq!(ext::BIO_callback_ctrl(bio.as_ptr(), ext::BIO_CTRL_SET_CALLBACK, Some(info)), 0);
        bio.push(Bio::custom(Queue::default()).unwrap());
        assert_eq!(ext::BIO_callback_ctrl(bio.as_ptr(), ext::BIO_CTRL_SET_CALLBACK, Some(info)), 1);
    }
    assert!(bio.next().unwrap().custom_ref::<Queue>().unwrap().ended);
}

/// Two ends of a line in memory, as methods.
struct End {
    from: Arc<std::sync::Mutex<VecDeque<u8>>>,
    to: Arc<std::sync::Mutex<VecDeque<u8>>>,
    fails: Option<c_int>,
}

fn line() -> (End, End) {
    let (a, b) = (Arc::default(), Arc::default());
    (End { from: Arc::clone(&a), to: Arc::clone(&b), fails: None }, End { from: b, to: a, fails: None })
}

impl BioMethod for End {
    fn read(&mut self, _: &mut NextBio<'_>, buf: &mut [u8]) -> Result<usize, Stop> {
        if let Some(errno) = self.fails {
            return Err(io::Error::from_raw_os_error(errno).into());
        }
        let mut from = self.from.lock().unwrap();
        if from.is_empty() {
            return Err(Stop::Retry(BioRetry::READ));
        }
        let read = from.len().min(buf.len());
        for (to, from) in buf.iter_mut().zip(from.drain(..read)) {
            *to = from;
        }
        Ok(read)
    }

    fn write(&mut self, _: &mut NextBio<'_>, data: &[u8]) -> Result<usize, Stop> {
        self.to.lock().unwrap().extend(data);
        Ok(data.len())
    }
}

fn pair(client_front: Option<Bio>) -> (SslBio, SslBio) {
    let (left, right) = line();
    let mut client = SslBio::new_ssl(&common::client_context(), Role::Client).unwrap();
    client.push(Bio::custom(left).unwrap()).unwrap();
    client.ssl_mut().unwrap().set_server_name("localhost").unwrap();
    if let Some(front) = client_front {
        client = client.behind(front).unwrap();
    }
    let mut server = SslBio::new_ssl(&common::server_context(), Role::Server).unwrap();
    server.push(Bio::custom(right).unwrap()).unwrap();
    (client, server)
}

fn shake(client: &mut SslBio, server: &mut SslBio) {
    let mut done = [false; 2];
    for _ in 0..100 {
        for (i, side) in [&mut *client, &mut *server].into_iter().enumerate() {
            match side.do_handshake() {
                Ok(()) => done[i] = true,
                Err(error) => assert!(error.want().is_some(), "{error:?}"),
            }
        }
        if done == [true; 2] {
            return;
        }
    }
    panic!("both sides wait");
}

#[test]
fn a_method_carries_a_connection() {
    let (mut client, mut server) = pair(None);
    shake(&mut client, &mut server);
    assert_eq!(client.write(b"hello").unwrap(), 5);
    let mut buf = [0; 8];
    assert_eq!(server.read(&mut buf).unwrap(), 5);
    assert_eq!(server.read(&mut buf).unwrap_err().want(), Some(Want::Read));
    client.transport_mut().unwrap().custom_mut::<End>().unwrap().fails = Some(libc::ENETDOWN);
    let error = Error::from(client.read(&mut buf).unwrap_err());
    assert_eq!((error.kind(), error.errno()), (ErrorKind::Io, libc::ENETDOWN));
    assert_eq!(Error::from(client.write(b"x").unwrap_err()).kind(), ErrorKind::Poisoned);
}

#[test]
fn the_transport_of_a_connection_goes_on_in_the_clear() {
    let (mut client, mut server) = pair(Some(Bio::buffer().unwrap()));
    assert!(client.transport_mut().is_some());
    shake(&mut client, &mut server);
    let mut buf = [0; 8];
    server.write(b"x").unwrap();
    assert_eq!(client.gets(&mut buf).unwrap(), 1);
    let _ = (client.ssl_shutdown().unwrap(), server.ssl_shutdown().unwrap());
    assert!(client.read(&mut buf).unwrap_err().is_zero_return());
    assert!(server.read(&mut buf).unwrap_err().is_zero_return());
    let (mut left, mut right) = (client.take_transport().unwrap(), server.take_transport().unwrap());
    assert!(client.transport().is_none() && client.take_transport().is_none());
    assert_eq!(Error::from(client.flush().unwrap_err()).kind(), ErrorKind::NoTransport);
    assert_eq!(Error::from(client.read(&mut buf).unwrap_err()).kind(), ErrorKind::NoTransport);
    left.write(b"plain").unwrap();
    assert_eq!(right.read(&mut buf).unwrap(), 5);
    drop((client, server));
    left.write(b"plain").unwrap();
    assert_eq!(right.read(&mut buf).unwrap(), 5);
}

/// On each version alike, though they disagree about whose error it is.
#[test]
fn a_connection_tells_what_its_method_said() {
    let mut client = SslBio::new_ssl(&common::client_context(), Role::Client).unwrap();
    client.push(Bio::custom(Fails(|| Err(io::Error::other("the modem is off").into()))).unwrap()).unwrap();
    client.ssl_mut().unwrap().set_server_name("localhost").unwrap();
    let error = Error::from(client.do_handshake().unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("the modem is off"), "{error}");
}

/// What it waits for beside bytes comes up through TLS, as with a BIO_s_connect and a BIO_s_accept.
#[test]
fn a_connection_waits_for_what_its_method_waits_for() {
    struct Waits(Option<RetryReason>);
    impl Waits {
        fn stop(&self, bytes: BioRetry) -> Result<usize, Stop> {
            Err(Stop::Retry(self.0.map_or(bytes, BioRetry::special)))
        }
    }
    impl BioMethod for Waits {
        fn read(&mut self, _: &mut NextBio<'_>, _: &mut [u8]) -> Result<usize, Stop> {
            self.stop(BioRetry::READ)
        }
        fn write(&mut self, _: &mut NextBio<'_>, data: &[u8]) -> Result<usize, Stop> {
            if self.0.is_none() { Ok(data.len()) } else { self.stop(BioRetry::WRITE) }
        }
    }
    for (reason, want) in [
        (Some(RetryReason::CONNECT), Want::Connect),
        (Some(RetryReason::ACCEPT), Want::Accept),
        (None, Want::Read),
    ] {
        let mut client = SslBio::new_ssl(&common::client_context(), Role::Client).unwrap();
        client.push(Bio::custom(Waits(reason)).unwrap()).unwrap();
        client.ssl_mut().unwrap().set_server_name("localhost").unwrap();
        for _ in 0..2 {
            assert_eq!(client.do_handshake().unwrap_err().want(), Some(want));
            assert_eq!(client.do_connect().unwrap_err().want(), Some(want));
        }
    }
}

/// Its object has BIOs to read and write, but C looks for what is behind the BIO.
#[test]
fn a_flush_reaches_no_connection_with_nothing_behind_it() {
    struct Flushes;
    impl BioMethod for Flushes {
        const CLASS: BioType = BioType::FILTER;
        fn read(&mut self, next: &mut NextBio<'_>, buf: &mut [u8]) -> Result<usize, Stop> {
            next.read(buf)
        }
        fn write(&mut self, next: &mut NextBio<'_>, _: &[u8]) -> Result<usize, Stop> {
            next.flush().map(|()| 0)
        }
    }
    let memory = || SendBio::new(Bio::memory().unwrap()).map_err(|(error, _)| error).unwrap();
    let mut bio = SslBio::new_ssl(&common::server_context(), Role::Server).unwrap();
    bio.ssl_mut().unwrap().set0_rbio(memory());
    bio.ssl_mut().unwrap().set0_wbio(memory());
    assert_eq!(Error::from(bio.flush().unwrap_err()).kind(), ErrorKind::NoTransport);
    let mut bio = bio.behind(Bio::custom(Flushes).unwrap()).unwrap();
    assert!(bio.write(b"x").is_err());
}

#[test]
fn a_filter_before_a_connection_moves_nothing_before_the_peer_is_known() {
    /// Writes through whenever it gets to.
    #[derive(Default)]
    struct Eager {
        moved: usize,
    }
    impl BioMethod for Eager {
        const CLASS: BioType = BioType::FILTER;
        fn read(&mut self, next: &mut NextBio<'_>, buf: &mut [u8]) -> Result<usize, Stop> {
            self.moved += next.write(b"secret").is_ok() as usize;
            next.read(buf)
        }
        fn write(&mut self, next: &mut NextBio<'_>, data: &[u8]) -> Result<usize, Stop> {
            self.moved += next.write(b"secret").is_ok() as usize;
            next.write(data)
        }
        fn flush(&mut self, next: &mut NextBio<'_>) -> Result<(), Stop> {
            self.moved += next.write(b"secret").is_ok() as usize;
            next.flush()
        }
    }
    let (mut client, mut server) = pair(Some(Bio::custom(Eager::default()).unwrap()));
    let mut buf = [0; 16];
    for outcome in [
        client.read(&mut buf).map(drop),
        client.write(b"x").map(drop),
        client.puts("x").map(drop),
        client.flush(),
        client.gets(&mut buf).map(drop),
    ] {
        assert_eq!(Error::from(outcome.unwrap_err()).kind(), ErrorKind::NotReady);
    }
    client.pending();
    client.wpending();
    assert!(client.transport_mut().unwrap().custom_ref::<End>().unwrap().to.lock().unwrap().is_empty());
    shake(&mut client, &mut server);
    client.flush().unwrap();
    assert_eq!(server.read(&mut buf).unwrap(), 6);
    // A reset leads back to where the peer is unknown.
    client.reset().unwrap();
    assert_eq!(Error::from(client.flush().unwrap_err()).kind(), ErrorKind::NotReady);
}

#[test]
fn a_panic_under_a_connection_ends_the_connection() {
    struct Broken;
    impl BioMethod for Broken {
        fn read(&mut self, _: &mut NextBio<'_>, _: &mut [u8]) -> Result<usize, Stop> {
            panic!("under TLS")
        }
        fn write(&mut self, _: &mut NextBio<'_>, data: &[u8]) -> Result<usize, Stop> {
            Ok(data.len())
        }
    }
    let mut client = SslBio::new_ssl(&common::client_context(), Role::Client).unwrap();
    client.push(Bio::custom(Broken).unwrap()).unwrap();
    client.ssl_mut().unwrap().set_server_name("localhost").unwrap();
    let payload = catch_unwind(AssertUnwindSafe(|| client.do_handshake())).unwrap_err();
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"under TLS"));
    assert_eq!(Error::from(client.do_handshake().unwrap_err()).kind(), ErrorKind::Poisoned);
}

#[test]
fn what_a_method_owns_may_go_to_another_thread_with_it() {
    let bio = SendBio::new(Bio::custom(Queue::default()).unwrap()).map_err(|(error, _)| error).unwrap();
    let mut bio = bio;
    std::thread::spawn(move || bio.write(b"there").map(drop)).join().unwrap().unwrap();
}

#[cfg(ossl320)]
#[test]
fn many_datagrams_go_one_after_another() {
    let mut data = [*b"abc", *b"def", *b"ghi"];
    let mut messages = data
        .iter_mut()
        .map(|data| sys::BIO_MSG {
            data: data.as_mut_ptr().cast(),
            data_len: 3,
            peer: ptr::null_mut(),
            local: ptr::null_mut(),
            flags: 0,
        })
        .collect::<Vec<_>>();
    let bio = Bio::custom(Queue::default()).unwrap();
    let (bio, stride) = (bio.as_ptr(), size_of::<sys::BIO_MSG>());
    let (list, mut done) = (messages.as_mut_ptr(), 9);
    // SAFETY: a live BIO and three live messages.
    unsafe {
        assert_eq!(sys::BIO_sendmmsg(bio, list, stride, 3, 0, &mut done), 1);
        assert_eq!(done, 2, "the third one has no room");
        assert_eq!(sys::BIO_sendmmsg(bio, list, stride, 3, 0, &mut done), 0);
        assert_eq!((done, sys::BIO_err_is_non_fatal(sys::ERR_get_error() as u32)), (0, 1));
        assert_eq!(sys::BIO_recvmmsg(bio, list, stride, 3, 0, &mut done), 1);
    }
    assert_eq!(done, 3);
    assert_eq!(messages.iter().map(|message| message.data_len).collect::<Vec<_>>(), [2, 2, 2]);
    assert_eq!(data.map(|data| [data[0], data[1]]), [*b"ab", *b"cd", *b"ef"]);
}

#[cfg(ossl320)]
#[test]
fn datagrams_that_a_callback_refuses_do_not_go() {
    use libssl::bio::{BioOperation, BioVerdict};

    for panics in [false, true] {
        let mut data = *b"ab";
        let mut message = sys::BIO_MSG {
            data: data.as_mut_ptr().cast(),
            data_len: 2,
            peer: ptr::null_mut(),
            local: ptr::null_mut(),
            flags: 0,
        };
        let mut bio = Bio::custom(Queue::default()).unwrap();
        bio.set_callback(move |event| match event.operation {
            BioOperation::Sendmmsg | BioOperation::Recvmmsg if panics => panic!("on purpose"),
            BioOperation::Sendmmsg | BioOperation::Recvmmsg => BioVerdict::Refuse(-1),
            _ => BioVerdict::Proceed,
        })
        .unwrap();
        let (list, stride, mut done) = (&raw mut message, size_of::<sys::BIO_MSG>(), 0);
        // SAFETY: a live BIO and one live message.
        unsafe {
            assert_eq!(sys::BIO_sendmmsg(bio.as_ptr(), list, stride, 1, 0, &mut done), 0);
            assert_eq!(sys::BIO_recvmmsg(bio.as_ptr(), list, stride, 1, 0, &mut done), 0);
        }
        assert!(bio.custom_ref::<Queue>().unwrap().bytes.is_empty());
    }
}

/// The type of what a chain answers is in the tests above; this keeps it named.
#[test]
fn the_end_of_a_method_is_the_end_of_its_reader() {
    let mut bio = Bio::custom(Queue { ended: true, ..Queue::default() }).unwrap();
    assert!(matches!(bio.read_ex(&mut [0; 4]), Err(BioError::End)));
}

/// Leaves nothing of OpenSSL's errors where it is dropped.
#[derive(Debug)]
struct Sweeps;

impl std::fmt::Display for Sweeps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("swept")
    }
}

impl std::error::Error for Sweeps {}

impl Drop for Sweeps {
    fn drop(&mut self) {
        drop(Bio::memory());
    }
}

/// Fails with that, or with what another BIO said.
struct FailsSo(Option<Error>);

impl BioMethod for FailsSo {
    fn read(&mut self, _: &mut NextBio<'_>, _: &mut [u8]) -> Result<usize, Stop> {
        Err(self.0.take().map_or_else(|| Stop::Failed(io::Error::other(Sweeps)), Stop::Next))
    }

    fn write(&mut self, _: &mut NextBio<'_>, _: &[u8]) -> Result<usize, Stop> {
        Err(Stop::Unsupported)
    }
}

#[test]
fn an_error_that_uses_openssl_when_it_is_dropped_is_told_all_the_same() {
    let mut bio = Bio::custom(FailsSo(None)).unwrap();
    let error = Error::from(bio.read(&mut [0; 4]).unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("swept"), "{error}");
    let mut bio = Bio::custom(FailsSo(Some(error))).unwrap();
    let error = Error::from(bio.read(&mut [0; 4]).unwrap_err());
    assert!(error.to_string().contains("swept"), "{error}");
}

/// It is a question through shared references, which no method in Rust may notice.
#[test]
fn whether_the_kernel_encrypts_is_asked_of_no_method_in_rust() {
    struct Counts(Arc<AtomicUsize>);
    impl BioMethod for Counts {
        fn read(&mut self, _: &mut NextBio<'_>, _: &mut [u8]) -> Result<usize, Stop> {
            Err(Stop::End)
        }

        fn write(&mut self, _: &mut NextBio<'_>, data: &[u8]) -> Result<usize, Stop> {
            Ok(data.len())
        }

        unsafe fn raw_ctrl(&mut self, _: c_int, _: c_long, _: *mut c_void) -> Option<c_long> {
            self.0.fetch_add(1, Ordering::Relaxed);
            None
        }
    }
    let asked = Arc::new(AtomicUsize::new(0));
    let mut ssl = libssl::Ssl::new(&common::client_context()).unwrap();
    let bio = Bio::custom(Counts(Arc::clone(&asked))).unwrap();
    ssl.set0_wbio(SendBio::new(bio).map_err(|(error, _)| error).unwrap());
    let before = asked.load(Ordering::Relaxed);
    assert!(ssl.ktls_send().is_err());
    assert_eq!(asked.load(Ordering::Relaxed), before);
}
