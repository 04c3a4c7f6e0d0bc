use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;

use libssl::{Ssl, SslContext};

/// Sends a request over a connected socket, and reads the answer to its end.
pub fn fetch(
    context: &SslContext,
    tcp: TcpStream,
    host: &str,
    request: &[u8],
) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut ssl = Ssl::new(context)?;
    ssl.set_server_name(host)?; // SNI, and the name that the certificate must bear
    let mut connected = ssl.connect(tcp)?;
    connected.write_all(request)?;
    let mut answer = Vec::new();
    connected.read_to_end(&mut answer)?; // a cut connection is an error, not a short answer
    let _ = connected.shutdown(); // the answer is whole, whatever becomes of our end
    Ok(answer)
}
