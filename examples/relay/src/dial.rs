//! The way to the backend: a socket that connects without blocking, and the TLS client over it.

use std::io;
use std::net::{SocketAddr, TcpStream};

use libssl::{Error, Ssl, SslContextRef};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::net::{AddressFamily, SocketType, connect, socket, sockopt};

/// Begins to connect. [`is_connected`] tells when it is done.
pub(crate) fn begin(address: SocketAddr) -> io::Result<TcpStream> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket(family, SocketType::STREAM, None)?;
    fcntl_setfd(&socket, FdFlags::CLOEXEC)?;
    let stream = TcpStream::from(socket);
    stream.set_nonblocking(true)?;
    // A relay waits for nobody to collect small pieces: they come as their sender meant them.
    let _ = stream.set_nodelay(true);
    match connect(&stream, &address) {
        Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => Ok(stream),
        Err(error) => Err(error.into()),
    }
}

/// Whether the socket has connected, or why it cannot. No error yet does not mean that it is done.
pub(crate) fn is_connected(stream: &TcpStream) -> io::Result<bool> {
    if poll(&mut [PollFd::new(stream, PollFlags::OUT)], 0)? == 0 {
        return Ok(false);
    }
    sockopt::get_socket_error(stream)??;
    Ok(true)
}

/// The object of one connection, which demands the backend's `name`, and offers the `protocol` that the client chose.
pub(crate) fn object(context: &SslContextRef, name: &str, protocol: Option<&[u8]>) -> Result<Ssl, Error> {
    let mut ssl = Ssl::new(context)?;
    ssl.set_server_name(name)?;
    ssl.set_alpn_protos(protocol)?;
    Ok(ssl)
}
