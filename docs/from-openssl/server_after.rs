use std::error::Error;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use libssl::{AlpnDecision, Identity, Ssl, SslContext};

/// Echoes what so many clients send, one after the other.
pub fn serve(listener: &TcpListener, clients: usize, chain: &Path, key: &Path) -> Result<(), Box<dyn Error>> {
    let identity = Identity::from_pem_files(chain, key)?; // the key is checked against the certificate
    let mut builder = SslContext::server(&identity)?;
    builder.set_alpn_select_cb(|_, offered| match offered.first_of(["echo"]) {
        Some(protocol) => AlpnDecision::Select(protocol),
        None => AlpnDecision::Ignore,
    })?;
    let context = builder.build();
    for _ in 0..clients {
        let (tcp, _) = listener.accept()?;
        if let Err(error) = echo(&context, tcp) {
            eprintln!("{error}");
        }
    }
    Ok(())
}

fn echo(context: &SslContext, tcp: TcpStream) -> Result<(), Box<dyn Error>> {
    let mut stream = Ssl::new(context)?.accept(tcp)?;
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer)? {
            0 => break, // close_notify: nothing was cut off
            length => stream.write_all(&buffer[..length])?,
        }
    }
    stream.shutdown()?;
    Ok(())
}
