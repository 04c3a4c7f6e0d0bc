use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use openssl::ssl::{SslConnector, SslMethod};

/// Sends a message, and reads what comes back to its end.
pub fn ask(tcp: TcpStream, name: &str, ca: &Path, message: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut builder = SslConnector::builder(SslMethod::tls())?; // reads the system's roots
    builder.set_ca_file(ca)?; // and trusts these beside them
    builder.set_alpn_protos(b"\x04echo")?;
    let connector = builder.build();

    let mut stream = connector.connect(name, tcp)?;
    assert_eq!(stream.ssl().selected_alpn_protocol(), Some(&b"echo"[..]));
    stream.write_all(message)?;
    stream.shutdown()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}
