//! The readable `s_client`.

use std::error::Error;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use libssl::connected::ShutdownProgress;
use libssl::context::TrustAnchors;
use libssl::x509::VerifyFlags;
use libssl::{Connected, Ssl, SslContext, SslRef, Want};

use crate::Options;

pub(crate) fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let context = context(options)?;
    let mut ssl = Ssl::new(&context)?;
    // The name that the certificate must bear, which also goes to the server as SNI. A client that forgot this
    // would fail in `connect`, before a byte went out.
    ssl.set_server_name(options.name.as_deref().unwrap_or(options.host()))?;
    if let Some(name) = &options.sni {
        ssl.set_sni(Some(name))?;
    }

    let stream =
        TcpStream::connect(&options.target).map_err(|error| format!("{}: {error}", options.target))?;
    let address = stream.peer_addr()?;
    stream.set_nonblocking(options.nonblocking)?;
    let connected = shake_hands(ssl, stream)?;

    println!("connected to {} ({address})", options.target);
    report(connected.ssl())?;
    let request = options.get.as_ref().map(|path| {
        format!("GET {path} HTTP/1.0\r\nHost: {}\r\nConnection: close\r\n\r\n", options.host()).into_bytes()
    });
    relay(connected, request)?;
    Ok(())
}

/// A context with safe defaults, changed only where the command line says so.
fn context(options: &Options) -> Result<SslContext, Box<dyn Error>> {
    let mut builder = match &options.ca {
        Some(file) => SslContext::client_trusting(TrustAnchors::File(file.as_ref()))?,
        None => SslContext::client()?,
    };
    if let Some(file) = &options.crl {
        builder.load_verify_file(file)?;
        builder.verify_param_mut().set_flags(VerifyFlags::CRL_CHECK)?;
    }
    if let Some(level) = options.security_level {
        builder.raise_security_level(level);
    }
    // Without `--min` the builder's own lower bound stays: TLS 1.2, or what the system's openssl.cnf demands.
    if options.min.is_some() {
        builder.set_min_proto_version(options.min)?;
    }
    if options.max.is_some() {
        builder.set_max_proto_version(options.max)?;
    }
    if let Some(list) = &options.ciphers {
        builder.set_cipher_list(list)?;
    }
    if let Some(list) = &options.ciphersuites {
        builder.set_ciphersuites(list)?;
    }
    if let Some(list) = &options.groups {
        builder.set_groups_list(list)?;
    }
    if !options.alpn.is_empty() {
        builder.set_alpn_protos(&options.alpn)?;
    }
    Ok(builder.build())
}

/// The handshake, step by step. Over a stream that blocks there is only one step; over one that does not,
/// `Ssl::connect_and_wait` does all of this in one call, but would not tell.
fn shake_hands(ssl: Ssl, stream: TcpStream) -> Result<Connected<TcpStream>, Box<dyn Error>> {
    let mut progress = ssl.connect(stream);
    loop {
        let (want, handshake) = match progress {
            Ok(connected) => return Ok(connected),
            // A failure has no handshake to go on with: `?` takes it out.
            Err(error) => (error.want(), error.into_handshake()?),
        };
        if let Some(want) = want {
            println!("suspended: the handshake waits for {want}");
            poll(&mut [entry(handshake.as_fd(), events_of(want))])?;
        }
        progress = handshake.resume();
    }
}

/// What was negotiated, and whom we talk to.
fn report(ssl: &SslRef) -> Result<(), Box<dyn Error>> {
    println!("  protocol   {}", ssl.version_string());
    if let Some(cipher) = ssl.current_cipher() {
        println!("  cipher     {}, {} bits", cipher.name(), cipher.bits().secret);
    }
    println!("  group      {}", ssl.group_name().unwrap_or("none"));
    let protocol = ssl.alpn_selected().map(String::from_utf8_lossy);
    println!("  ALPN       {}", protocol.as_deref().unwrap_or("none"));
    println!("  verified   {}", ssl.verify_result());
    for (depth, certificate) in ssl.peer_cert_chain().iter().enumerate() {
        println!("  chain {depth}    subject {}", certificate.subject_name());
        println!("             issuer  {}", certificate.issuer_name());
        println!("             valid   {} to {}", certificate.not_before(), certificate.not_after());
    }
    println!();
    Ok(())
}

/// Sends the request, or else stdin as it comes, and copies what the peer sends to stdout until the peer ends.
///
/// Both directions run at once, so the socket must not block: a read that waits for a whole record would keep
/// stdin waiting too.
fn relay(mut connected: Connected<TcpStream>, request: Option<Vec<u8>>) -> io::Result<()> {
    connected.channel().set_nonblocking(true)?;
    // Not `io::stdin`, which reads ahead into a buffer that poll(2) does not know of.
    let mut stdin = match request {
        Some(_) => None,
        None => Some(File::from(io::stdin().as_fd().try_clone_to_owned()?)),
    };
    let mut outgoing = request.unwrap_or_default();
    let mut closing = false;
    let mut buffer = [0; 16 * 1024];
    loop {
        let mut events = 0;
        while !outgoing.is_empty() {
            match connected.write(&outgoing) {
                Ok(taken) => drop(outgoing.drain(..taken)),
                Err(error) => {
                    events |= suspension(&connected, error)?;
                    break;
                }
            }
        }
        // What `write` took may still be on its way.
        if let Err(error) = connected.flush() {
            events |= suspension(&connected, error)?;
        }
        if closing {
            match connected.shutdown()? {
                ShutdownProgress::Wants(Want::Write) => events |= libc::POLLOUT,
                _ => closing = false,
            }
        }
        loop {
            match connected.read(&mut buffer) {
                // The peer's close_notify; a cut connection would be an error.
                Ok(0) => return end(connected),
                Ok(length) => io::stdout().write_all(&buffer[..length])?,
                Err(error) => {
                    events |= suspension(&connected, error)?;
                    break;
                }
            }
        }
        io::stdout().flush()?;

        let mut entries = vec![entry(connected.as_fd(), events)];
        if let Some(stdin) = stdin.as_ref().filter(|_| outgoing.is_empty()) {
            entries.push(entry(stdin.as_fd(), libc::POLLIN));
        }
        poll(&mut entries)?;
        if entries.get(1).is_some_and(|stdin| stdin.revents != 0) {
            let length = stdin.as_mut().map_or(Ok(0), |stdin| stdin.read(&mut buffer))?;
            outgoing.extend_from_slice(&buffer[..length]);
            if length == 0 {
                // We have no more to say, but go on listening.
                stdin = None;
                closing = true;
            }
        }
    }
}

/// What to poll for after a call that did not go through, or the error that it is.
fn suspension(connected: &Connected<TcpStream>, error: io::Error) -> io::Result<libc::c_short> {
    match connected.wants() {
        Some(want) => Ok(events_of(want)),
        None => Err(error),
    }
}

fn end(mut connected: Connected<TcpStream>) -> io::Result<()> {
    io::stdout().flush()?;
    connected.shutdown()?;
    Ok(())
}

fn events_of(want: Want) -> libc::c_short {
    // Over a socket a call waits for one of these two; the other suspensions are for callbacks to ask for.
    if want == Want::Write { libc::POLLOUT } else { libc::POLLIN }
}

fn entry(fd: BorrowedFd<'_>, events: libc::c_short) -> libc::pollfd {
    libc::pollfd { fd: fd.as_raw_fd(), events, revents: 0 }
}

fn poll(entries: &mut [libc::pollfd]) -> io::Result<()> {
    // SAFETY: the pointer and the length are those of one slice, which outlives the call.
    let ready = unsafe { libc::poll(entries.as_mut_ptr(), entries.len() as libc::nfds_t, -1) };
    match io::Error::last_os_error() {
        error if ready < 0 && error.kind() != io::ErrorKind::Interrupted => Err(error),
        _ => Ok(()),
    }
}
