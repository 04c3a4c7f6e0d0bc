//! One server thread, and one handshake with it over each kind of channel.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::thread;

use libssl::bio::{Channel, Existing, Pair, PairMut, ReadAhead, Socket};
use libssl::context::{Identity, TrustAnchors};
use libssl::{Connected, HandshakeError, Ssl, SslContext, poll};

use crate::fresh;

pub(crate) fn run() -> Result<(), Box<dyn Error>> {
    let fresh = fresh::identity()?;
    let identity = Identity::from_pem(fresh.chain_pem.as_bytes(), fresh.key_pem.as_bytes())?;
    let server = SslContext::server(&identity)?.build();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    // The thread ends with the program.
    thread::spawn(move || serve(&listener, &server));

    let context = SslContext::client_trusting(TrustAnchors::Pem(fresh.ca_pem.as_bytes()))?.build();
    let client = || -> Result<Ssl, Box<dyn Error>> {
        let mut ssl = Ssl::new(&context)?;
        ssl.set_server_name("localhost")?;
        Ok(ssl)
    };
    blocking(client()?, address)?;
    nonblocking(client()?, address)?;
    borrowed(client()?, address)?;
    socket(client()?, address)?;
    pair(client()?, address)?;
    read_ahead(client()?, address)?;
    existing(client()?, address)?;
    println!("a finished handshake over each channel");
    Ok(())
}

/// A `TcpStream` that blocks: `connect` returns when the handshake is done.
fn blocking(ssl: Ssl, address: SocketAddr) -> Result<(), Box<dyn Error>> {
    let connected = ssl.connect(TcpStream::connect(address)?)?;
    exchange("blocking TcpStream", connected, |_| Ok(()))?;
    Ok(())
}

/// A `TcpStream` that does not block: `connect` would return with a suspension such as `WantRead`;
/// `connect_and_wait` waits with poll(2) and resumes, to the end or to a deadline.
fn nonblocking(ssl: Ssl, address: SocketAddr) -> Result<(), Box<dyn Error>> {
    let stream = TcpStream::connect(address)?;
    stream.set_nonblocking(true)?;
    let connected = ssl.connect_and_wait(stream, None)?;
    exchange("nonblocking TcpStream", connected, wait)?;
    Ok(())
}

/// A stream that stays the caller's.
fn borrowed(ssl: Ssl, address: SocketAddr) -> Result<(), Box<dyn Error>> {
    let mut stream = TcpStream::connect(address)?;
    // An error holds the stream too, borrowed: what leaves this function is what it says.
    let connected = ssl.connect(&mut stream).map_err(libssl::Error::from)?;
    exchange("borrowed TcpStream", connected, |_| Ok(()))?;
    // The connection is gone, the stream is still here.
    stream.shutdown(std::net::Shutdown::Both)?;
    Ok(())
}

/// OpenSSL's own socket BIO: reads and writes the descriptor without a detour through Rust.
fn socket(ssl: Ssl, address: SocketAddr) -> Result<(), Box<dyn Error>> {
    let socket = Socket::new(TcpStream::connect(address)?);
    // In TLS 1.3 the client speaks last in the handshake, and may speak first after it: Nagle's algorithm would
    // hold that back until an ACK comes.
    socket.set_nodelay(true)?;
    let connected = ssl.connect(socket)?;
    connected.channel().set_nodelay(false)?;
    exchange("Socket", connected, |_| Ok(()))?;
    Ok(())
}

/// No I/O at all: the bytes of the connection are carried to and from the network here.
fn pair(ssl: Ssl, address: SocketAddr) -> Result<(), Box<dyn Error>> {
    let mut stream = TcpStream::connect(address)?;
    let mut progress = ssl.connect(Pair::new(16 * 1024, 16 * 1024)?);
    let connected = loop {
        match progress {
            Ok(connected) => break connected,
            Err(HandshakeError::WantRead(mut handshake) | HandshakeError::WantWrite(mut handshake)) => {
                carry(handshake.channel_mut(), &mut stream)?;
                progress = handshake.resume();
            }
            Err(error) => return Err(error.into()),
        }
    };
    let mut connected = exchange("Pair", connected, |connected| carry(connected.channel_mut(), &mut stream))?;
    // The close_notify waits in the pair.
    carry(connected.channel_mut(), &mut stream)?;
    Ok(())
}

/// Reads more than libssl asks for, so that a record costs one system call instead of two.
fn read_ahead(ssl: Ssl, address: SocketAddr) -> Result<(), Box<dyn Error>> {
    let connected = ssl.connect(ReadAhead::new(TcpStream::connect(address)?))?;
    exchange("ReadAhead<TcpStream>", connected, |_| Ok(()))?;
    Ok(())
}

/// The BIO that C code has set already.
fn existing(mut ssl: Ssl, address: SocketAddr) -> Result<(), Box<dyn Error>> {
    let stream = TcpStream::connect(address)?;
    // SAFETY: the stream stays open until the end of this function, and so longer than the connection.
    unsafe { ssl.set_fd(stream.as_raw_fd())? };
    let connected = ssl.connect(Existing)?;
    exchange("Existing (SSL_set_fd)", connected, |_| Ok(()))?;
    Ok(())
}

/// Sends a line, reads it back, ends the connection, and says so. `wait` is called whenever the connection waits.
fn exchange<C: Channel>(
    channel: &str,
    mut connected: Connected<C>,
    mut wait: impl FnMut(&mut Connected<C>) -> io::Result<()>,
) -> io::Result<Connected<C>> {
    let line = format!("hello over {channel}\n");
    connected.write_all(line.as_bytes())?;
    connected.flush()?;
    let mut echo = vec![0; line.len()];
    let mut length = 0;
    while length < echo.len() {
        match connected.read(&mut echo[length..]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => wait(&mut connected)?,
            Err(error) => return Err(error),
        }
    }
    if echo != line.as_bytes() {
        return Err(io::Error::other("the echo is not what was sent"));
    }
    connected.shutdown()?;
    let ssl = connected.ssl();
    let cipher = ssl.current_cipher().map_or("no cipher", |cipher| cipher.name());
    println!("  {channel:24} {}, {cipher}, echoed {length} bytes", ssl.version_string());
    Ok(connected)
}

/// Waits until the socket of a connection is ready for what the connection waits for.
fn wait(connected: &mut Connected<TcpStream>) -> io::Result<()> {
    match connected.wants() {
        Some(want) => poll::wait(connected, want, None).map(drop),
        None => Ok(()),
    }
}

/// Carries what libssl has to say to the network, and then, if libssl waits for bytes, some back. Both go straight
/// between the socket and the buffers of the pair.
fn carry(mut pair: PairMut<'_>, stream: &mut TcpStream) -> io::Result<()> {
    while pair.drain_with(|bytes| stream.write(bytes))? > 0 {}
    if pair.read_request() > 0 && pair.feed_with(|room| stream.read(room))? == 0 {
        // The network's end is the connection's end: cut, if there was no close_notify before.
        pair.close();
    }
    Ok(())
}

/// Echoes, one connection after the other. What goes wrong with one is no reason to leave the next.
fn serve(listener: &TcpListener, context: &SslContext) {
    for stream in listener.incoming() {
        if let Err(error) = stream.map_err(Into::into).and_then(|stream| echo(context, stream)) {
            eprintln!("server: {error}");
        }
    }
}

fn echo(context: &SslContext, stream: TcpStream) -> Result<(), Box<dyn Error>> {
    let mut connected = Ssl::new(context)?.accept(stream)?;
    let mut buffer = [0; 1024];
    loop {
        match connected.read(&mut buffer)? {
            0 => break,
            length => connected.write_all(&buffer[..length])?,
        }
    }
    connected.shutdown()?;
    Ok(())
}
