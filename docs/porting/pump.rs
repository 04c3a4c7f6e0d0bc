use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

use libssl::bio::{Pair, PairMut};
use libssl::{HandshakeError, Ssl, SslContext};

/// As before, with all I/O of our own: libssl sees a BIO pair, and not the socket.
pub fn fetch(
    context: &SslContext,
    tcp: TcpStream,
    host: &str,
    request: &[u8],
) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut ssl = Ssl::new(context)?;
    ssl.set_server_name(host)?;
    let mut progress = ssl.connect(Pair::new(17 * 1024, 17 * 1024)?);
    let mut connected = loop {
        progress = match progress {
            Ok(connected) => break connected,
            Err(HandshakeError::WantRead(mut handshake)) => {
                pump(handshake.channel_mut(), &tcp)?;
                handshake.resume()
            }
            Err(other) => return Err(other.into()),
        };
    };
    let mut rest = request;
    while !rest.is_empty() {
        match connected.write(rest) {
            Ok(length) => rest = &rest[length..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        pump_out(&mut connected.channel_mut(), &tcp)?;
    }
    let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match connected.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => answer.extend_from_slice(&buffer[..length]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => pump(connected.channel_mut(), &tcp)?,
            Err(error) => return Err(error.into()),
        }
    }
    // The answer is whole, whatever becomes of our end.
    let _ = connected.shutdown();
    let _ = pump_out(&mut connected.channel_mut(), &tcp);
    Ok(answer)
}

/// Carries what libssl wrote to the socket, and what the socket has to libssl, without a copy in between.
fn pump(mut pair: PairMut<'_>, mut tcp: &TcpStream) -> io::Result<()> {
    pump_out(&mut pair, tcp)?;
    if pair.feed_with(|room| uninterrupted(|| tcp.read(room)))? == 0 {
        pair.close(); // the end of the socket: libssl says what that means
    }
    Ok(())
}

fn pump_out(pair: &mut PairMut<'_>, mut tcp: &TcpStream) -> io::Result<()> {
    while pair.drain_with(|bytes| uninterrupted(|| tcp.write(bytes)))? > 0 {}
    Ok(())
}

/// Does again what a signal interrupted.
fn uninterrupted(mut act: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match act() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}
