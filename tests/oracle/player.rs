//! Plays a scenario through the layer that mirrors C, and reports each call as `oracle.c` does.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;
use std::{mem, ptr, thread};

use libssl::bio::Existing;
use libssl::context::{
    CertificateDecision, ClientHelloDecision, ProtocolVersion, SslMethod, SslMode, SslOptions, SslVerifyMode,
    TrustAnchors,
};
use libssl::error::Reason;
use libssl::ssl::ShutdownResult;
use libssl::{Alert, Error, ErrorKind, Handshake, HandshakeError, Ssl, SslContext, SslError, SslRef};
use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::common::{Duplex, Fault, duplex, pki, tcp_pair};
use super::program::identity;
use super::scenario::{Line, Scenario};

/// How the object gets its transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A BIO of C's own.
    Native,
    /// Our BIO over a Rust stream.
    Stream,
    /// As above, and the handshake goes through [`Ssl::connect`] and its like. It is played until it is over; of a
    /// suspension the return value and the code are told.
    Typestates,
}

impl Way {
    /// The ways to use a transport of this name.
    pub fn of(transport: &str) -> &'static [Self] {
        // What the `custom` transport does, a Rust stream does here.
        if transport == "custom" {
            &[Self::Stream, Self::Typestates]
        } else {
            &[Self::Native, Self::Stream, Self::Typestates]
        }
    }
}

/// Plays a scenario and gives a line for each call.
pub fn play(scenario: &Scenario, transport: &str, way: Way) -> Vec<String> {
    let mut player = Player {
        way,
        transport: transport.into(),
        object: None,
        handshake: None,
        peer: None,
        far: Far::None,
        near_fd: None,
        answerer: None,
        buffer: vec![0; 1 << 18],
        lines: Vec::new(),
    };
    for step in &scenario.steps {
        if way == Way::Typestates && step.prints() {
            if !player.shake(step) {
                break;
            }
        } else {
            player.step(step);
        }
    }
    player.finish()
}

struct Player {
    way: Way,
    transport: String,
    object: Option<Ssl>,
    handshake: Option<Handshake<Existing>>,
    peer: Option<Peer>,
    far: Far,
    near_fd: Option<Near>,
    answerer: Option<JoinHandle<()>>,
    buffer: Vec<u8>,
    lines: Vec<String>,
}

/// The object's own socket, where C has only its number.
enum Near {
    Unix(UnixStream),
    Tcp(TcpStream),
}

/// The other end of the object's transport.
enum Far {
    None,
    Unix(UnixStream),
    Tcp(TcpStream),
    Bio(FarBio),
    Queue(Queue, Duplex),
}

/// The other half of a BIO pair; it is used in this thread only.
struct FarBio(*mut sys::BIO);

impl Drop for FarBio {
    fn drop(&mut self) {
        // SAFETY: the half is ours, and freed once.
        unsafe { sys::BIO_free_all(self.0) };
    }
}

/// The object's end of a transport in memory, to which the script holds on.
#[derive(Clone)]
struct Queue(Arc<Mutex<Duplex>>);

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Duplex> {
        self.0.lock().expect("no panic in a transport")
    }
}

impl Read for Queue {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.lock().read(buf)
    }
}

impl Write for Queue {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.lock().write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lock().flush()
    }
}

/// The peer: an object of its own over memory.
struct Peer {
    ssl: Ssl,
    wire: Duplex,
    got: Vec<u8>,
}

impl Peer {
    fn new(line: &Line) -> Self {
        let mut ssl = object(line);
        let (inside, wire) = duplex();
        ssl.set_stream(inside).expect("a stream");
        Self { ssl, wire, got: Vec::new() }
    }

    /// Takes in what came, goes as far as it can, and gives what it answers.
    fn answer(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.wire.push_outgoing(bytes);
        let _ = if self.ssl.is_init_finished() { Ok(()) } else { SslRef::do_handshake(&mut self.ssl) };
        if self.ssl.is_init_finished() {
            let mut buf = [0; 4096];
            while let Ok(len) = self.ssl.read(&mut buf) {
                self.got.extend(&buf[..len]);
            }
        }
        self.wire.take_incoming()
    }

    fn act(&mut self, line: &Line, at: usize) {
        match line.word(at) {
            "write" => drop(self.ssl.write(line.word(at + 1).as_bytes()).expect("the peer writes")),
            "shutdown" => drop(self.ssl.shutdown().expect("the peer shuts down")),
            "keyupdate" => {
                // SAFETY: the object is live; 1 is SSL_KEY_UPDATE_REQUESTED.
                assert_eq!(unsafe { ext::SSL_key_update(self.ssl.as_ptr(), 1) }, 1);
                SslRef::do_handshake(&mut self.ssl).expect("the peer updates its key");
            }
            what => panic!("peer {what}"),
        }
    }
}

/// How often a callback still suspends.
struct Countdown(AtomicU32);

impl Countdown {
    fn new(line: &Line, name: &str) -> Self {
        Self(line.listed("suspend", name).into())
    }

    fn tick(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}

/// What a callback does besides suspending: nothing, or it refuses, or panics (past the hook that prints).
fn refuses(line: &Line, name: &str) -> (bool, bool) {
    (line.listed("fail", name) > 0, line.listed("panic", name) > 0)
}

fn context(line: &Line) -> SslContext {
    let method = match line.get("method") {
        Some("client") => SslMethod::tls_client(),
        Some("server") => SslMethod::tls_server(),
        _ => SslMethod::tls(),
    };
    let mut builder = SslContext::builder(method).expect("a context");
    let version = |key| line.get(key).map(|number| ProtocolVersion(number.parse().expect("a number")));
    if let Some(min) = version("min") {
        builder.set_min_proto_version(Some(min)).expect("min");
    }
    if let Some(max) = version("max") {
        builder.set_max_proto_version(Some(max)).expect("max");
    }
    if let Some(list) = line.get("ciphers") {
        builder.set_cipher_list(list).expect("ciphers");
    }
    if let Some(list) = line.get("suites") {
        builder.set_ciphersuites(list).expect("suites");
    }
    if let Some(list) = line.get("groups") {
        builder.set_groups_list(list).expect("groups");
    }
    if let Some(list) = line.get("sigalgs") {
        builder.set_sigalgs_list(list).expect("sigalgs");
    }
    if let Some(name) = line.get("id") {
        let made = identity(name);
        builder.use_identity(&super::common::identity(made)).expect("id");
    }
    if line.get("ca").is_some() {
        builder.trust(TrustAnchors::Pem(pki().ca_pem.as_bytes())).expect("ca");
    }
    if line.get("ignore_eof").is_some() {
        builder.set_options(SslOptions::IGNORE_UNEXPECTED_EOF);
    }
    if line.get("auto_retry").is_some() {
        builder.clear_mode(SslMode::AUTO_RETRY);
    }
    let mode = match line.get("verify") {
        Some("peer") => SslVerifyMode::PEER,
        Some("require") => SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT,
        _ => SslVerifyMode::empty(),
    };

    let suspends = |name| Countdown::new(line, name);
    let busy = |name| line.listed("suspend", name) > 0 || refuses(line, name) != (false, false);
    if busy("cert") {
        let (left, (fails, panics)) = (suspends("cert"), refuses(line, "cert"));
        builder
            .set_cert_cb(move |_| match (left.tick(), fails, panics) {
                (true, ..) => CertificateDecision::Suspend,
                (_, true, _) => CertificateDecision::Refuse,
                (_, _, true) => resume_unwind(Box::new("in the certificate callback")),
                _ => CertificateDecision::Accept,
            })
            .expect("a callback");
    }
    if busy("hello") {
        let (left, (fails, panics)) = (suspends("hello"), refuses(line, "hello"));
        builder
            .set_client_hello_cb(move |_| match (left.tick(), fails, panics) {
                (true, ..) => ClientHelloDecision::Suspend,
                (_, true, _) => ClientHelloDecision::Refuse(Alert::INTERNAL_ERROR),
                (_, _, true) => resume_unwind(Box::new("in the ClientHello callback")),
                _ => ClientHelloDecision::Accept,
            })
            .expect("a callback");
    }
    if busy("verify") {
        let (left, (fails, panics)) = (suspends("verify"), refuses(line, "verify"));
        builder
            .danger_set_verify_callback(mode, move |view| {
                if view.depth() == 0 && left.tick() {
                    view.suspend().expect("a client");
                    return true;
                }
                if panics {
                    resume_unwind(Box::new("in the verify callback"));
                }
                !fails && view.preverified()
            })
            .expect("a callback");
    } else if mode.is_empty() {
        builder.danger_set_verify_none().expect("verify");
    } else {
        builder.set_verify(mode).expect("verify");
    }
    builder.build()
}

fn object(line: &Line) -> Ssl {
    let mut ssl = Ssl::new(&context(line)).expect("SSL_new");
    if let Some(name) = line.get("host") {
        ssl.set_server_name(name).expect("host");
    }
    match line.get("state") {
        Some("connect") => ssl.set_connect_state(),
        Some("accept") => ssl.set_accept_state(),
        _ => (),
    }
    ssl
}

impl Player {
    fn step(&mut self, line: &Line) {
        match line.word(0) {
            "client" | "server" => {
                let mut ssl = object(line);
                if line.get("bio").is_none() {
                    self.open(&mut ssl);
                }
                self.object = Some(ssl);
            }
            "peer" => match &mut self.peer {
                Some(peer) => peer.act(line, 1),
                None => self.peer = Some(Peer::new(line)),
            },
            "pump" => self.pump(line),
            "got" => {
                let got = &self.peer.as_ref().expect("a peer").got;
                self.lines.push(format!("got {}", String::from_utf8_lossy(got)));
            }
            "hex" => {
                let hex = line.word(1).as_bytes().chunks(2);
                let byte =
                    |pair| u8::from_str_radix(std::str::from_utf8(pair).expect("digits"), 16).expect("hex");
                let bytes: Vec<u8> = hex.map(byte).collect();
                self.far_send(&bytes);
            }
            "text" => self.far_send(format!("{}\r\n", line.text()).as_bytes()),
            "close" => self.far.close(),
            "reset" => {
                if let Far::Tcp(far) = &self.far {
                    set_option(far, libc::SO_LINGER, libc::linger { l_onoff: 1, l_linger: 0 });
                }
                self.far.close();
                self.arrived();
            }
            "fault" => self.fault(line),
            "room" => {
                let Far::Queue(near, _) = &self.far else { panic!("room without a queue") };
                match line.word(1) {
                    "all" => near.lock().clear_room(),
                    _ => near.lock().set_room(usize::try_from(line.number(1)).expect("a size")),
                }
            }
            "raise" => {
                let (library, reason) = (line.number(1) as i32, line.number(2) as i32);
                // SAFETY: constant strings, and no format.
                unsafe {
                    sys::ERR_new();
                    sys::ERR_set_debug(c"here.c".as_ptr(), 1, c"somewhere".as_ptr());
                    sys::ERR_set_error(library, reason, ptr::null());
                }
            }
            "clear" => {
                // SAFETY: the object is live and ours.
                let ret = unsafe { ext::SSL_clear(self.object.as_ref().expect("an object").as_ptr()) };
                self.lines.push(format!("clear {ret}"));
            }
            "auto" => self.answer_from_a_thread(line),
            _ => self.call(line),
        }
    }

    fn open(&mut self, ssl: &mut Ssl) {
        match (self.transport.as_str(), self.way) {
            ("pair", Way::Native | Way::Typestates) => {
                let (mut near, mut far) = (ptr::null_mut(), ptr::null_mut());
                // SAFETY: both out-pointers point to locals; the object takes the near half, `FarBio` the far one.
                unsafe {
                    assert_eq!(ext::BIO_new_bio_pair(&raw mut near, 0, &raw mut far, 0), 1);
                    ssl.set_bio(near, near);
                }
                self.far = Far::Bio(FarBio(far));
            }
            ("pair" | "custom", _) => {
                let (near, far) = duplex();
                let near = Queue(Arc::new(Mutex::new(near)));
                ssl.set_stream(near.clone()).expect("a stream");
                self.far = Far::Queue(near, far);
            }
            ("tcp", _) => {
                let (near, far) = tcp_pair();
                near.set_nonblocking(true).expect("O_NONBLOCK");
                self.lend(ssl, Near::Tcp(near));
                self.far = Far::Tcp(far);
            }
            (kind, _) => {
                let (near, far) = UnixStream::pair().expect("sockets");
                match kind {
                    "timeout" => near.set_read_timeout(Some(Duration::from_millis(5))).expect("SO_RCVTIMEO"),
                    "blocking" => (),
                    _ => near.set_nonblocking(true).expect("O_NONBLOCK"),
                }
                self.lend(ssl, Near::Unix(near));
                self.far = Far::Unix(far);
            }
        }
    }

    /// Gives the object a socket, of which a duplicate stays here to watch.
    fn lend(&mut self, ssl: &mut Ssl, near: Near) {
        match (&near, self.way) {
            (Near::Unix(near), Way::Stream) => {
                ssl.set_stream(near.try_clone().expect("dup")).expect("a stream")
            }
            (Near::Tcp(near), Way::Stream) => {
                ssl.set_stream(near.try_clone().expect("dup")).expect("a stream")
            }
            // SAFETY: the socket is open until `finish` has freed the object.
            (Near::Unix(near), _) => unsafe { ssl.set_fd(near.as_raw_fd()) }.expect("SSL_set_fd"),
            // SAFETY: as above.
            (Near::Tcp(near), _) => unsafe { ssl.set_fd(near.as_raw_fd()) }.expect("SSL_set_fd"),
        }
        self.near_fd = Some(near);
    }

    /// Waits until what the far end did has reached the object's socket.
    fn arrived(&self) {
        if let Some(Near::Tcp(near)) = &self.near_fd {
            wait_readable(near, -1);
        }
    }

    fn far_send(&mut self, bytes: &[u8]) {
        self.far.send(bytes);
        if !bytes.is_empty() {
            self.arrived();
        }
    }

    fn pump(&mut self, line: &Line) {
        if let Some(Near::Tcp(near)) = &self.near_fd {
            wait_sent(near);
        }
        let sent = self.far.take();
        let mut answer = self.peer.as_mut().expect("a peer").answer(&sent);
        if !line.word(1).is_empty() {
            let cut = line.number(1);
            let from_end = answer.len().saturating_sub(usize::try_from(-cut).unwrap_or_default());
            answer.truncate(usize::try_from(cut).unwrap_or(from_end));
        }
        self.far_send(&answer);
    }

    fn fault(&mut self, line: &Line) {
        let Far::Queue(near, _) = &self.far else { panic!("a fault without a queue") };
        let fault = match line.word(2) {
            "errno" => Fault::Os(line.number(3) as i32),
            "eof" => Fault::Lie(0),
            _ => Fault::Fail(io::ErrorKind::WouldBlock),
        };
        let mut near = near.lock();
        if matches!(fault, Fault::Lie(_)) {
            near.cut_read = Some(0);
        }
        match line.word(1) {
            "read" => near.on_read.push_back(fault),
            "write" => near.on_write.push_back(fault),
            _ => near.on_flush.push_back(fault),
        }
    }

    fn answer_from_a_thread(&mut self, line: &Line) {
        let Far::Unix(mut far) = mem::replace(&mut self.far, Far::None) else {
            panic!("auto without a socket")
        };
        let (mut peer, line) = (self.peer.take().expect("a peer"), line.clone());
        self.answerer = Some(thread::spawn(move || {
            let (mut buf, mut len, mut flight) = (vec![0; 1 << 18], 0, 0);
            loop {
                // A client speaks first.
                let mut answer = peer.answer(&buf[..len]);
                if !answer.is_empty() {
                    if flight == line.number(1) {
                        match line.word(2) {
                            "close" => return,
                            "cut" => {
                                let cut = usize::try_from(line.number(3)).expect("a size");
                                return far.write_all(&answer[..cut.min(answer.len())]).expect("a write");
                            }
                            _ => peer.act(&line, 2),
                        }
                        answer.extend(peer.wire.take_incoming());
                    }
                    flight += 1;
                }
                // The object may have hung up.
                let _ = far.write_all(&answer);
                len = far.read(&mut buf).unwrap_or_default();
                if len == 0 {
                    return;
                }
            }
        }));
    }

    fn call(&mut self, line: &Line) {
        let name = line.word(0);
        let result = catch_unwind(AssertUnwindSafe(|| self.make_call(line)));
        self.lines.push(match result {
            Err(_) => format!("{name} panicked"),
            Ok(Ok(detail)) => format!("{name} {detail}"),
            Ok(Err(error)) => format!("{name} {}", describe(&error)),
        });
    }

    fn make_call(&mut self, line: &Line) -> Result<String, SslError> {
        let ssl: &mut SslRef = self.object.as_mut().expect("an object");
        let size = usize::try_from(line.number(1)).expect("a size");
        let text = |bytes: &[u8]| format!("1 0 {}", String::from_utf8_lossy(bytes));
        match line.word(0) {
            "connect" => ssl.connect().map(|()| text(b"")),
            "accept" => ssl.accept().map(|()| text(b"")),
            "do_handshake" => ssl.do_handshake().map(|()| text(b"")),
            "shutdown" => ssl.shutdown().map(|result| match result {
                ShutdownResult::Sent => "0 sent".into(),
                ShutdownResult::Complete => text(b""),
            }),
            "read" => ssl.read(&mut self.buffer[..size]).map(|len| text(&self.buffer[..len])),
            "peek" => ssl.peek(&mut self.buffer[..size]).map(|len| text(&self.buffer[..len])),
            "write" => {
                // A number is that many bytes, a text itself; always from the same place, as C demands.
                let word = line.word(1);
                let len = if size == 0 && word != "0" { word.len() } else { size };
                self.buffer[..len].fill(b'x');
                if len != size {
                    self.buffer[..len].copy_from_slice(word.as_bytes());
                }
                ssl.write(&self.buffer[..len]).map(|len| format!("1 0 {len}"))
            }
            call => panic!("no call {call}"),
        }
    }

    /// Makes a handshake call through the typestates, and says whether the handshake goes on.
    fn shake(&mut self, line: &Line) -> bool {
        let name = line.word(0);
        if !["connect", "accept", "do_handshake"].contains(&name) {
            return false;
        }
        let (object, handshake) = (self.object.take(), self.handshake.take());
        let result = catch_unwind(AssertUnwindSafe(|| match (object, handshake) {
            (_, Some(handshake)) => handshake.resume(),
            (Some(ssl), _) if name == "connect" => ssl.connect(Existing),
            (Some(ssl), _) if name == "accept" => ssl.accept(Existing),
            (Some(ssl), _) => ssl.do_handshake(Existing),
            (None, None) => panic!("a handshake without an object"),
        }));
        let (over, detail) = match result {
            Err(_) => (true, "panicked".into()),
            Ok(Ok(_)) => (true, "1 0 ".into()),
            Ok(Err(HandshakeError::Failed(failure))) => (true, describe_error(failure.error())),
            Ok(Err(error)) => {
                let want = error.want().map_or(0, |want| libssl::ErrorCode::Want(want).as_raw());
                self.handshake = error.into_handshake().ok();
                (false, format!("-1 {want}"))
            }
        };
        self.lines.push(format!("{name} {detail}"));
        !over
    }

    fn finish(mut self) -> Vec<String> {
        // The object goes first: its socket is still open.
        self.object = None;
        self.handshake = None;
        self.near_fd = None;
        self.far = Far::None;
        if let Some(answerer) = self.answerer {
            answerer.join().expect("the peer's thread");
        }
        self.lines
    }
}

impl Far {
    fn send(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        // The object may have hung up.
        match self {
            Self::None => (),
            Self::Unix(far) => drop(far.write_all(bytes)),
            Self::Tcp(far) => drop(far.write_all(bytes)),
            Self::Queue(_, far) => far.push_outgoing(bytes),
            Self::Bio(far) => {
                let len = i32::try_from(bytes.len()).expect("a flight is short");
                // SAFETY: the half is live; C reads `len` bytes.
                let sent = unsafe { sys::BIO_write(far.0, bytes.as_ptr().cast(), len) };
                assert_eq!(sent, len, "no room in the pair");
            }
        }
    }

    fn take(&mut self) -> Vec<u8> {
        let mut buf = vec![0; 1 << 18];
        let mut len = 0;
        match self {
            Self::None => (),
            Self::Queue(_, far) => return far.take_incoming(),
            Self::Unix(far) => {
                far.set_nonblocking(true).expect("O_NONBLOCK");
                while let Ok(more @ 1..) = far.read(&mut buf[len..]) {
                    len += more;
                }
                far.set_nonblocking(false).expect("O_NONBLOCK");
            }
            Self::Tcp(far) => {
                far.set_nonblocking(true).expect("O_NONBLOCK");
                while let Ok(more @ 1..) = far.read(&mut buf[len..]) {
                    len += more;
                }
                far.set_nonblocking(false).expect("O_NONBLOCK");
            }
            Self::Bio(far) => loop {
                let room = i32::try_from(buf.len() - len).expect("a short buffer");
                // SAFETY: the half is live; C writes at most `room` bytes behind the first `len`.
                match usize::try_from(unsafe { sys::BIO_read(far.0, buf[len..].as_mut_ptr().cast(), room) }) {
                    Ok(more @ 1..) => len += more,
                    _ => break,
                }
            },
        }
        buf.truncate(len);
        buf
    }

    fn close(&mut self) {
        match self {
            Self::Bio(far) => {
                // SAFETY: the half is live.
                unsafe { ext::BIO_shutdown_wr(far.0) };
            }
            Self::Queue(_, far) => far.close(),
            _ => *self = Self::None,
        }
    }
}

/// `RET CODE ERRNO [LIB:REASON,...]`, or which rule of ours refused the call before C saw it.
fn describe(error: &SslError) -> String {
    match error.error() {
        Some(error) => describe_error(error),
        None => format!("{} {} {} []", error.ret(), error.code().as_raw(), error.errno()),
    }
}

fn describe_error(error: &Error) -> String {
    let (Some(ret), Some(code)) = (error.ret(), error.code()) else {
        return match error.kind() {
            ErrorKind::Poisoned => "poisoned".into(),
            ErrorKind::NoTransport => "no transport".into(),
            ErrorKind::WrongRole => "wrong role".into(),
            _ => error.to_string(),
        };
    };
    if error.kind() == ErrorKind::Poisoned {
        return "poisoned".into();
    }
    let entry = |reason: &Reason| format!("{}:{}", reason.library_code(), reason.reason_code());
    let stack: Vec<_> = error.stack().iter().map(entry).collect();
    format!("{ret} {} {} [{}]", code.as_raw(), error.errno(), stack.join(","))
}

fn set_option<T>(socket: &impl AsRawFd, option: i32, value: T) {
    let len = libc::socklen_t::try_from(size_of::<T>()).expect("a short value");
    // SAFETY: the socket is open, and C reads `len` bytes of the value.
    let ret = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, option, (&raw const value).cast(), len)
    };
    assert_eq!(ret, 0);
}

fn wait_readable(socket: &impl AsRawFd, timeout: i32) {
    let mut poll = libc::pollfd { fd: socket.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one entry, which is a local.
    unsafe { libc::poll(&raw mut poll, 1, timeout) };
}

/// Waits until the other end has all that was written.
fn wait_sent(socket: &impl AsRawFd) {
    let mut unsent: libc::c_int = 1;
    while unsent > 0 {
        // SAFETY: the socket is open, and C writes one int.
        let ret = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut unsent) };
        assert_eq!(ret, 0);
        thread::yield_now();
    }
}
