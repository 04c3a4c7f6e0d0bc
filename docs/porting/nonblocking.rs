use std::error::Error;
use std::io::{self, Read, Write};
use std::net::TcpStream;

use libssl::connected::ShutdownProgress;
use libssl::poll::wait;
use libssl::{Connected, HandshakeError, Ssl, SslContext, Want};

/// As before, over a socket that does not block.
pub fn fetch(
    context: &SslContext,
    tcp: TcpStream,
    host: &str,
    request: &[u8],
) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut ssl = Ssl::new(context)?;
    ssl.set_server_name(host)?;
    let mut progress = ssl.connect(tcp);
    let mut connected = loop {
        progress = match progress {
            Ok(connected) => break connected,
            Err(HandshakeError::WantRead(handshake)) => {
                wait(&handshake, Want::Read, None)?;
                handshake.resume()
            }
            Err(HandshakeError::WantWrite(handshake)) => {
                wait(&handshake, Want::Write, None)?;
                handshake.resume()
            }
            Err(other) => return Err(other.into()),
        };
    };
    let mut rest = request;
    while !rest.is_empty() {
        let length = patiently(&mut connected, |connected| connected.write(rest))?;
        rest = &rest[length..];
    }
    // What `write` took may still be on its way: the connection keeps it, and the buffer is free.
    patiently(&mut connected, Connected::flush)?;
    let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match patiently(&mut connected, |connected| connected.read(&mut buffer))? {
            0 => break, // close_notify: the answer is whole
            length => answer.extend_from_slice(&buffer[..length]),
        }
    }
    // The answer is whole, whatever becomes of our end.
    while let Ok(ShutdownProgress::Wants(want)) = connected.shutdown() {
        wait(&connected, want, None)?;
    }
    Ok(answer)
}

/// Does something until it is done, and waits in between for what it waits for.
fn patiently<T>(
    connected: &mut Connected<TcpStream>,
    mut act: impl FnMut(&mut Connected<TcpStream>) -> io::Result<T>,
) -> io::Result<T> {
    loop {
        match (act(connected), connected.wants()) {
            (Err(_), Some(want)) => wait(connected, want, None)?,
            (outcome, _) => return outcome,
        };
    }
}
