use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use libssl::{Ssl, SslContext, TrustAnchors};

/// Sends a message, and reads what comes back to its end.
pub fn ask(tcp: TcpStream, name: &str, ca: &Path, message: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut builder = SslContext::client_trusting(TrustAnchors::File(ca))?; // these, and no others
    builder.set_alpn_protos(["echo"])?;
    let context = builder.build();

    let mut ssl = Ssl::new(&context)?;
    ssl.set_server_name(name)?; // without it, `connect` refuses
    let mut stream = ssl.connect(tcp)?;
    assert_eq!(stream.ssl().alpn_selected(), Some(&b"echo"[..]));
    stream.write_all(message)?;
    stream.shutdown()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}
