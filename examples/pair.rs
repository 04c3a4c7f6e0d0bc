//! TLS without I/O: a client and a server in one thread, and every byte between them carried by hand.
//!
//! ```text
//! cargo run --example pair
//! ```

mod fresh;

use std::error::Error;
use std::io::{Read, Write};

use libssl::bio::{Pair, PairMut};
use libssl::context::{Identity, TrustAnchors};
use libssl::{Connected, Handshake, HandshakeError, Ssl, SslContext};

/// Room for one record of the largest kind, with its header and what encryption adds.
const ROOM: usize = 17 * 1024;

/// One side: what it waits with, or its connection.
enum Side {
    Shaking(Handshake<Pair>),
    Connected(Connected<Pair>),
}

fn main() -> Result<(), Box<dyn Error>> {
    let fresh = fresh::identity()?;
    let identity = Identity::from_pem(fresh.chain_pem.as_bytes(), fresh.key_pem.as_bytes())?;
    let server_context = SslContext::server(&identity)?.build();
    let client_context = SslContext::client_trusting(TrustAnchors::Pem(fresh.ca_pem.as_bytes()))?.build();
    let mut ssl = Ssl::new(&client_context)?;
    ssl.set_server_name("localhost")?;

    // Nothing has arrived for either of them: the client says its ClientHello and waits, the server just waits.
    let mut client = Side::of(ssl.connect(Pair::new(ROOM, ROOM)?))?;
    let mut server = Side::of(Ssl::new(&server_context)?.accept(Pair::new(ROOM, ROOM)?))?;
    let (mut client, mut server) = loop {
        carry("client -> server", client.pair(), server.pair());
        server = server.resume()?;
        carry("server -> client", server.pair(), client.pair());
        client = client.resume()?;
        match (client, server) {
            (Side::Connected(client), Side::Connected(server)) => break (client, server),
            (one, other) => (client, server) = (one, other),
        }
    };
    println!("both are connected with {}", client.ssl().version_string());

    client.write_all(b"a question")?;
    carry("client -> server", client.channel_mut(), server.channel_mut());
    let mut buffer = [0; 100];
    let length = server.read(&mut buffer)?;
    println!("the server reads {:?}", String::from_utf8_lossy(&buffer[..length]));

    server.write_all(b"an answer")?;
    server.shutdown()?;
    carry("server -> client", server.channel_mut(), client.channel_mut());
    let length = client.read(&mut buffer)?;
    println!("the client reads {:?}", String::from_utf8_lossy(&buffer[..length]));
    // `Ok(0)` is the server's close_notify, so nobody has cut anything off.
    println!("the client reads {} bytes: the end", client.read(&mut buffer)?);

    client.shutdown()?;
    carry("client -> server", client.channel_mut(), server.channel_mut());
    println!("the server is told the same: {:?}", server.shutdown()?);
    Ok(())
}

impl Side {
    fn of(progress: Result<Connected<Pair>, HandshakeError<Pair>>) -> Result<Self, Box<dyn Error>> {
        match progress {
            Ok(connected) => Ok(Self::Connected(connected)),
            // Every suspension holds the handshake; a failure has none, and ends this program.
            Err(error) => Ok(Self::Shaking(error.into_handshake()?)),
        }
    }

    fn resume(self) -> Result<Self, Box<dyn Error>> {
        match self {
            Self::Shaking(handshake) => Self::of(handshake.resume()),
            connected => Ok(connected),
        }
    }

    fn pair(&mut self) -> PairMut<'_> {
        match self {
            Self::Shaking(handshake) => handshake.channel_mut(),
            Self::Connected(connected) => connected.channel_mut(),
        }
    }
}

/// Carries all that `from` has to say to `to`, and shows the TLS records in it. This is where a program would
/// send the bytes over whatever connects the two.
fn carry(direction: &str, mut from: PairMut<'_>, mut to: PairMut<'_>) {
    let bytes = from.drain_to_vec();
    let fed = to.feed(&bytes);
    println!("{direction}  {fed} of {} bytes", bytes.len());

    // A record begins with its type, a version, and the length of what follows.
    let mut rest = &bytes[..];
    while let [kind, _, _, high, low, after @ ..] = rest {
        let kind = match kind {
            20 => "change_cipher_spec",
            21 => "alert",
            22 => "handshake",
            23 => "application_data",
            _ => "unknown",
        };
        let length = usize::from(*high) << 8 | usize::from(*low);
        let shown: Vec<_> = after.iter().take(length.min(12)).map(|byte| format!("{byte:02x}")).collect();
        println!("    {kind:18} {length:5} bytes: {} ...", shown.join(" "));
        rest = after.get(length..).unwrap_or_default();
    }
}
