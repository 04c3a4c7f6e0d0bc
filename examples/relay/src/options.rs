//! The arguments.

use std::ffi::{OsStr, OsString};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) const USAGE: &str = "\
usage: relay --listen HOST:PORT --backend HOST:PORT --identity NAME CHAIN KEY [options]

  --listen HOST:PORT         where to accept TLS clients; port 0 takes any free one
  --backend HOST:PORT        where to relay them to, over TLS
  --identity NAME CHAIN KEY  who to be for clients that ask for NAME: two PEM files; the first identity is also for
                             those that ask for nobody (repeatable)
  --alpn LIST                protocols to take, with commas between them; the backend is offered the one taken
  --backend-name NAME        the name that the backend's certificate must bear (the host of --backend)
  --backend-ca FILE          the roots to verify it with, in PEM (the system's)
  --backend-plain            relay without TLS
  --timeout SECONDS          until a connection must be relaying (10)
  --once N                   end after N connections
";

const NO_NAME: &str = "not a name or an address";

/// What the relay is to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to accept clients.
    pub listen: Place,
    /// Where to relay them to.
    pub backend: Place,
    /// Who to be: at least one.
    pub identities: Vec<OwnIdentity>,
    /// The protocols to take, the preferred one first.
    pub alpn: Vec<String>,
    /// What the backend's certificate must bear.
    pub backend_name: String,
    /// The roots to verify it with; `None` for the system's.
    pub backend_ca: Option<PathBuf>,
    /// Relay without TLS.
    pub backend_plain: bool,
    /// How long a connection has until it must be relaying.
    pub timeout: Duration,
    /// How many connections to serve; `None` for no end.
    pub once: Option<u64>,
}

/// HOST:PORT, apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// As it was given.
    pub text: String,
    /// Without the brackets that an address of IPv6 has.
    pub host: String,
    /// 0 for any.
    pub port: u16,
}

/// Who the relay is to the clients that ask for this name.
#[derive(Clone, Debug)]
pub struct OwnIdentity {
    /// The name that clients ask for.
    pub name: String,
    /// A PEM file, the relay's own certificate first.
    pub chain: PathBuf,
    /// A PEM file.
    pub key: PathBuf,
}

impl Options {
    /// Reads the arguments after the program's name. The error is one line.
    pub(crate) fn parse(mut arguments: impl Iterator<Item = OsString>) -> Result<Self, String> {
        let (mut listen, mut backend, mut backend_name) = (None, None, None);
        let mut options = Given::default();
        while let Some(option) = arguments.next() {
            let option = option.to_string_lossy().into_owned();
            let complain = |complaint: &str| format!("{option}: {complaint}");
            let mut value = || arguments.next().ok_or_else(|| complain("unknown, or its value is missing"));
            let place =
                |value: OsString| Place::parse(&text(&value)).ok_or_else(|| complain("not HOST:PORT"));
            let number = |value: OsString| {
                number(&text(&value)).ok_or_else(|| complain("not a number from 1 to 1000000"))
            };
            match option.as_str() {
                "--backend-plain" => options.backend_plain = true,
                "--identity" => {
                    let (name, chain, key) = (value()?, value()?, value()?);
                    options.identities.push(OwnIdentity {
                        name: text(&name),
                        chain: chain.into(),
                        key: key.into(),
                    });
                }
                "--listen" => listen = Some(place(value()?)?),
                "--backend" => backend = Some(place(value()?)?),
                "--alpn" => {
                    let list = text(&value()?);
                    options.alpn = protocols(&list).ok_or_else(|| complain("not a list of protocols"))?;
                }
                "--backend-name" => {
                    let name = text(&value()?);
                    if !is_name(&name) {
                        return Err(complain(NO_NAME));
                    }
                    backend_name = Some(name);
                }
                "--backend-ca" => options.backend_ca = Some(value()?.into()),
                "--timeout" => options.timeout = Some(number(value()?)?),
                "--once" => options.once = Some(number(value()?)?),
                _ => return Err(complain("unknown, or its value is missing")),
            }
        }
        let listen = listen.ok_or("--listen: missing")?;
        let backend = backend.ok_or("--backend: missing")?;
        if options.identities.is_empty() {
            return Err("--identity: missing".into());
        }
        let backend_name = backend_name.unwrap_or_else(|| backend.host.clone());
        if !options.backend_plain && !is_name(&backend_name) {
            return Err(format!("--backend-name: {NO_NAME}"));
        }
        Ok(Self {
            backend_name,
            listen,
            backend,
            identities: options.identities,
            alpn: options.alpn,
            backend_ca: options.backend_ca,
            backend_plain: options.backend_plain,
            timeout: Duration::from_secs(options.timeout.unwrap_or(10)),
            once: options.once,
        })
    }
}

/// What may be left out.
#[derive(Default)]
struct Given {
    identities: Vec<OwnIdentity>,
    alpn: Vec<String>,
    backend_ca: Option<PathBuf>,
    backend_plain: bool,
    timeout: Option<u64>,
    once: Option<u64>,
}

impl Place {
    fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        // An address of IPv6 has colons of its own, and brackets around it for that.
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if host.is_empty() || host.len() > 255 {
            return None;
        }
        let port = if port == "0" { 0 } else { u16::try_from(number(port)?).ok()? };
        Some(Self { text: text.into(), host: host.into(), port })
    }
}

fn text(value: &OsStr) -> String {
    value.to_string_lossy().into_owned()
}

fn number(text: &str) -> Option<u64> {
    // `parse` would take a sign.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && (1..=1_000_000).contains(number))
}

/// A DNS name or an address. OpenSSL takes more: to it no name is no check, and one with a dot before it is each that
/// ends so.
fn is_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(is_letter);
    // What ends in a number is an address to some.
    let ends_in_number =
        || name.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    name.parse::<IpAddr>().is_ok() || name.len() <= 253 && name.split('.').all(is_label) && !ends_in_number()
}

fn protocols(list: &str) -> Option<Vec<String>> {
    let protocols: Vec<_> = list.split(',').map(String::from).collect();
    (list.len() <= 255 && protocols.iter().all(|protocol| !protocol.is_empty())).then_some(protocols)
}
