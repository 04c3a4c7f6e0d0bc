use std::error::Error;
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use libssl::context::{ServerNameDecision, SessionCacheMode};
use libssl::{Identity, Ssl, SslContext, SslContextBuilder};

fn host(identity: &Identity) -> Result<SslContextBuilder, libssl::Error> {
    let mut builder = SslContext::server(identity)?; // TLS 1.2 and later; the key is checked against the certificate
    builder.set_session_id_context(b"guide")?;
    builder.set_session_cache_mode(SessionCacheMode::SERVER)?;
    builder.set_session_cache_size(1000)?;
    builder.set_session_timeout(Duration::from_secs(600))?;
    Ok(builder)
}

/// Greets so many clients, one after the other. How many of them resumed a session.
pub fn serve(
    listener: &TcpListener,
    clients: usize,
    identity: &Identity,
    other: &Identity,
) -> Result<usize, Box<dyn Error>> {
    let other = host(other)?.build();
    let mut front = host(identity)?;
    front.set_tlsext_servername_callback(move |client| {
        if client.requested_name().is_some_and(|name| name.eq_ignore_ascii_case(b"other.example")) {
            if let Err(error) = client.set_context(&other) {
                tell(&error); // a connection that stays with the first context is no harm here
            }
        }
        ServerNameDecision::Ack
    })?;
    let front = front.build();
    let mut resumed = 0;
    for _ in 0..clients {
        match listener.accept().map_err(Into::into).and_then(|(tcp, _)| greet(&front, tcp)) {
            Ok(session_reused) => resumed += usize::from(session_reused),
            Err(error) => tell(&*error),
        }
    }
    Ok(resumed)
}

/// As `eprintln!`, which panics where stderr takes nothing.
fn tell(error: &dyn Error) {
    let _ = writeln!(io::stderr(), "{error}");
}

fn greet(context: &SslContext, tcp: TcpStream) -> Result<bool, Box<dyn Error>> {
    let mut connected = Ssl::new(context)?.accept(tcp)?;
    connected.write_all(b"hello\n")?;
    let _ = connected.shutdown(); // it is greeted, whatever becomes of our end
    Ok(connected.ssl().session_reused())
}
