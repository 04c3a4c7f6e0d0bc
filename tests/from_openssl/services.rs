//! The service of the page: each client against each server.

use std::error::Error;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;

use super::commands::Files;
use super::common::pki;

#[path = "../../docs/from-openssl/client_after.rs"]
mod client_after;
#[path = "../../docs/from-openssl/client_before.rs"]
mod client_before;
#[path = "../../docs/from-openssl/server_after.rs"]
mod server_after;
#[path = "../../docs/from-openssl/server_before.rs"]
mod server_before;

type Serve = fn(&TcpListener, usize, &Path, &Path) -> Result<(), Box<dyn Error>>;
type Ask = fn(TcpStream, &str, &Path, &[u8]) -> Result<Vec<u8>, Box<dyn Error>>;

const CLIENTS: [(&str, Ask); 2] = [("before", client_before::ask), ("after", client_after::ask)];
const SERVERS: [(&str, Serve); 2] = [("before", server_before::serve), ("after", server_after::serve)];

/// More than one record.
fn message() -> Vec<u8> {
    (0..40_000_u32).map(|byte| byte as u8).collect()
}

#[test]
fn each_client_of_the_page_is_served_by_each_server() {
    let made = &pki().localhost;
    let (ca, chain, key) = (&pki().ca_pem, &made.chain_pem, &made.key_pem);
    let files = Files::new(&[("ca.pem", ca), ("chain.pem", chain), ("key.pem", key)]);
    for (server, serve) in SERVERS {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (chain, key) = (files.path("chain.pem"), files.path("key.pem"));
        // The refused one is a client too.
        let clients = 2 * CLIENTS.len();
        let thread =
            thread::spawn(move || serve(&listener, clients, &chain, &key).map_err(|error| error.to_string()));
        for (client, ask) in CLIENTS {
            let tcp = || TcpStream::connect(address).unwrap();
            let answer = ask(tcp(), "localhost", &files.path("ca.pem"), &message());
            assert_eq!(answer.unwrap(), message(), "client {client}, server {server}");
            let refused = ask(tcp(), "another.example", &files.path("ca.pem"), &message());
            assert!(refused.is_err(), "client {client}, server {server}: another name");
        }
        assert_eq!(thread.join().unwrap(), Ok(()));
    }
}
