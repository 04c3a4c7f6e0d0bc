//! Connects, and says what came of it.
//!
//! Without arguments it starts a server of its own and shakes hands with it over each kind of channel:
//!
//! ```text
//! cargo run --example connect
//! ```
//!
//! With an address it is a small, readable `openssl s_client`:
//!
//! ```text
//! cargo run --example connect -- example.org:443 --get /
//! ```
//!
//! It ends with 0 if all went well; with 1 and one line on stderr that says what failed; with 2 if it did not
//! understand its arguments.

mod client;
#[path = "../fresh/mod.rs"]
mod fresh;
mod tour;

use std::env;
use std::process::ExitCode;

use libssl::context::ProtocolVersion;

const USAGE: &str = "\
usage: connect                        shakes hands with itself over each kind of channel
       connect HOST:PORT [options]    shakes hands with HOST, then copies stdin to it and what it says to stdout

  --ca FILE            trust the CAs in this PEM file instead of the system's
  --crl FILE           look the certificate up in the revocation lists of this PEM file
  --sec-level N        the least security level, 0 to 5: weaker keys and hashes are refused
  --name NAME          the name or IP address that the certificate must bear, instead of HOST
  --sni NAME           the name to ask the server for, instead of the one to verify
  --alpn A,B           application protocols to offer, the preferred one first
  --min 1.2            lowest and highest version of TLS: 1.0, 1.1, 1.2 or 1.3
  --max 1.3
  --ciphers LIST       cipher suites of TLS 1.2 and below, such as ECDHE+AESGCM
  --ciphersuites LIST  cipher suites of TLS 1.3, such as TLS_AES_128_GCM_SHA256
  --groups LIST        key exchange groups, such as X25519:P-256
  --nonblocking        over a socket that does not block: shows where the handshake pauses
  --get PATH           send one HTTP request instead of stdin";

/// What the command line said.
#[derive(Default)]
pub(crate) struct Options {
    target: String,
    ca: Option<String>,
    crl: Option<String>,
    security_level: Option<u32>,
    name: Option<String>,
    sni: Option<String>,
    alpn: Vec<String>,
    min: Option<ProtocolVersion>,
    max: Option<ProtocolVersion>,
    ciphers: Option<String>,
    ciphersuites: Option<String>,
    groups: Option<String>,
    nonblocking: bool,
    get: Option<String>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let outcome = if arguments.is_empty() {
        tour::run()
    } else {
        match Options::parse(arguments) {
            Ok(options) => client::run(&options),
            Err(complaint) => {
                eprintln!("connect: {complaint}\n{USAGE}");
                return ExitCode::from(2);
            }
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // An error's text is one line that says what failed and why; what lies behind it is its `source`.
        Err(error) => {
            eprintln!("connect: {error}");
            ExitCode::FAILURE
        }
    }
}

impl Options {
    fn parse(arguments: Vec<String>) -> Result<Self, String> {
        let mut options = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            if argument == "--nonblocking" {
                options.nonblocking = true;
            } else if !argument.starts_with("--") {
                options.target = argument;
            } else {
                let value =
                    arguments.next().ok_or(format!("{argument}: unknown, or its value is missing"))?;
                match argument.as_str() {
                    "--ca" => options.ca = Some(value),
                    "--crl" => options.crl = Some(value),
                    "--sec-level" => {
                        let level = value.parse().map_err(|_| format!("{value}: not a level, 0 to 5"))?;
                        options.security_level = Some(level);
                    }
                    "--name" => options.name = Some(value),
                    "--sni" => options.sni = Some(value),
                    "--alpn" => options.alpn = value.split(',').map(String::from).collect(),
                    "--min" => options.min = Some(version(&value)?),
                    "--max" => options.max = Some(version(&value)?),
                    "--ciphers" => options.ciphers = Some(value),
                    "--ciphersuites" => options.ciphersuites = Some(value),
                    "--groups" => options.groups = Some(value),
                    "--get" => options.get = Some(value),
                    _ => return Err(format!("{argument}: unknown option")),
                }
            }
        }
        if options.target.contains(':') { Ok(options) } else { Err("HOST:PORT is missing".into()) }
    }

    /// The host of `HOST:PORT`, where an IPv6 address stands in brackets.
    fn host(&self) -> &str {
        let host = self.target.rsplit_once(':').map_or(self.target.as_str(), |(host, _)| host);
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
    }
}

fn version(text: &str) -> Result<ProtocolVersion, String> {
    Ok(match text {
        "1.0" => ProtocolVersion::TLS1,
        "1.1" => ProtocolVersion::TLS1_1,
        "1.2" => ProtocolVersion::TLS1_2,
        "1.3" => ProtocolVersion::TLS1_3,
        _ => return Err(format!("{text}: not one of 1.0, 1.1, 1.2, 1.3")),
    })
}
