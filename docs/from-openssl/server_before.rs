use std::error::Error;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use openssl::ssl::{AlpnError, SslAcceptor, SslFiletype, SslMethod, select_next_proto};

/// Echoes what so many clients send, one after the other.
pub fn serve(listener: &TcpListener, clients: usize, chain: &Path, key: &Path) -> Result<(), Box<dyn Error>> {
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls())?;
    builder.set_certificate_chain_file(chain)?;
    builder.set_private_key_file(key, SslFiletype::PEM)?;
    builder.check_private_key()?;
    builder.set_alpn_select_callback(|_, offered| {
        select_next_proto(b"\x04echo", offered).ok_or(AlpnError::NOACK)
    });
    let acceptor = builder.build();
    for _ in 0..clients {
        let (tcp, _) = listener.accept()?;
        if let Err(error) = echo(&acceptor, tcp) {
            eprintln!("{error}");
        }
    }
    Ok(())
}

fn echo(acceptor: &SslAcceptor, tcp: TcpStream) -> Result<(), Box<dyn Error>> {
    let mut stream = acceptor.accept(tcp)?;
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer)? {
            0 => break, // the end, or a connection that was cut
            length => stream.write_all(&buffer[..length])?,
        }
    }
    stream.shutdown()?;
    Ok(())
}
