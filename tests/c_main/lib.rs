//! The Rust half of a program whose `main` is C's, for `tests/c_main.rs` and `tests/guide.rs`. Built as a
//! static library.

mod crossing;
#[path = "../../docs/porting/handover.rs"]
mod handover;

use std::error::Error;
use std::ffi::c_int;
use std::io::{ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::panic;
use std::thread;

use libssl::bio::{Channel, Socket};
use libssl::{Connected, Identity, Ssl, SslContext, TrustAnchors};

/// Shakes hands, lets the peer go, and writes until that fails. 0 says that it failed with EPIPE.
#[unsafe(no_mangle)]
pub extern "C" fn write_to_nobody(over_socket: c_int) -> c_int {
    match panic::catch_unwind(|| connect(over_socket != 0)) {
        Ok(Ok(ErrorKind::BrokenPipe)) => 0,
        Ok(other) => {
            eprintln!("{other:?}");
            3
        }
        Err(_) => 4,
    }
}

fn connect(over_socket: bool) -> Result<ErrorKind, Box<dyn Error>> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let pem = made.cert.pem();
    let identity = Identity::from_pem(pem.as_bytes(), made.signing_key.serialize_pem().as_bytes())?;
    let server = Ssl::new(&SslContext::server(&identity)?.build())?;
    let mut client = Ssl::new(&SslContext::client_trusting(TrustAnchors::Pem(pem.as_bytes()))?.build())?;
    client.set_server_name("localhost")?;

    let (ours, theirs) = UnixStream::pair()?;
    let peer = thread::spawn(move || server.accept(theirs).map(drop).map_err(|error| error.to_string()));
    let gone = move || peer.join().map_err(|_| "the server panicked".to_owned()).and_then(|outcome| outcome);
    if over_socket {
        write(client.connect(Socket::new(ours))?, gone)
    } else {
        write(client.connect(ours)?, gone)
    }
}

fn write<C: Channel>(
    mut connected: Connected<C>,
    peer_is_gone: impl FnOnce() -> Result<(), String>,
) -> Result<ErrorKind, Box<dyn Error>> {
    peer_is_gone()?;
    loop {
        if let Err(error) = connected.write_all(b"is anybody there?") {
            return Ok(error.kind());
        }
    }
}
