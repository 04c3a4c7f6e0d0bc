//! Another `openssl.cnf` than this crate's defaults: clients and servers keep what is stricter, and nothing else.
// A test that fails panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::{ErrorKind, Read};
use std::path::PathBuf;
use std::process::Command;

use common::{client_builder, pki, server_builder};
use libssl::context::{ProtocolVersion, SslContext, SslMethod, SslOptions};
use libssl::library;

const CHILD: &str = "LIBSSL_TEST_CHILD";

/// Runs a test in a process of its own, under a configuration whose `system_default` section has these lines.
fn under(test: &str, lines: &str, inner: impl FnOnce()) {
    if std::env::var_os(CHILD).is_some() {
        return inner();
    }
    let path: PathBuf = std::env::temp_dir().join(format!("libssl-{}-{test}.cnf", std::process::id()));
    let config = format!(
        "openssl_conf = init\n[init]\nssl_conf = ssl\n[ssl]\nsystem_default = defaults\n[defaults]\n{lines}\n"
    );
    std::fs::write(&path, config).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, "1")
        .env("OPENSSL_CONF", &path)
        .output()
        .unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "the test ran in the child");
}

#[test]
fn a_higher_minimum_stays() {
    under("a_higher_minimum_stays", "MinProtocol = TLSv1.3", || {
        let (client, server) = (client_builder(), server_builder());
        assert_eq!(client.min_proto_version(), Some(ProtocolVersion::TLS1_3));
        assert_eq!(server.min_proto_version(), Some(ProtocolVersion::TLS1_3));
        let (client, server) = (client.build(), server.build());
        common::connected(&client, &server);
        // A port gets what C gets, and may lower it, as C may.
        let mut port = SslContext::builder(SslMethod::tls_server()).unwrap();
        assert_eq!(port.min_proto_version(), Some(ProtocolVersion::TLS1_3));
        port.set_min_proto_version(Some(ProtocolVersion::TLS1_2)).unwrap();
        port.set_max_proto_version(Some(ProtocolVersion::TLS1_2)).unwrap();
        port.use_identity(&common::identity(&pki().localhost)).unwrap();
        let (refused, _) = common::shake(&client, &port.build());
        assert!(refused.is_err(), "the client speaks TLS 1.3 only");
    });
}

#[test]
fn a_lower_minimum_is_raised() {
    under("a_lower_minimum_is_raised", "MinProtocol = TLSv1", || {
        assert_eq!(client_builder().min_proto_version(), Some(ProtocolVersion::TLS1_2));
        assert_eq!(server_builder().min_proto_version(), Some(ProtocolVersion::TLS1_2));
        let port = SslContext::builder(SslMethod::tls()).unwrap();
        assert_eq!(port.min_proto_version(), Some(ProtocolVersion::TLS1));
    });
}

#[test]
fn a_cut_is_not_taken_for_an_end() {
    under("a_cut_is_not_taken_for_an_end", "Options = IgnoreUnexpectedEOF", || {
        let port = SslContext::builder(SslMethod::tls()).unwrap();
        let is_set = port.options().contains(SslOptions::IGNORE_UNEXPECTED_EOF);
        // 3.0 does not know the name.
        assert!(is_set || (library().running().major, library().running().minor) < (3, 5));
        let (mut client, mut server) =
            common::connected(&client_builder().build(), &server_builder().build());
        client.channel_mut().close();
        server.channel_mut().close();
        for side in [&mut client, &mut server] {
            assert_eq!(side.read(&mut [0]).unwrap_err().kind(), ErrorKind::UnexpectedEof);
        }
    });
}

#[test]
fn ciphers_groups_options_and_security_level_stay() {
    let lines = "CipherString = ECDHE-ECDSA-AES256-GCM-SHA384:@SECLEVEL=3\n\
                 Ciphersuites = TLS_AES_256_GCM_SHA384\n\
                 Groups = P-384\n\
                 Options = -SessionTicket\n\
                 MaxProtocol = TLSv1.3";
    under("ciphers_groups_options_and_security_level_stay", lines, || {
        for builder in [client_builder(), server_builder()] {
            assert_eq!(builder.ciphers(), ["TLS_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"]);
            assert!(builder.options().contains(SslOptions::NO_TICKET));
            assert_eq!(builder.max_proto_version(), Some(ProtocolVersion::TLS1_3));
            // SAFETY: the context is live.
            assert_eq!(unsafe { openssl_sys::SSL_CTX_get_security_level(builder.as_ptr()) }, 3);
        }
        let (client, _server) = common::connected(&client_builder().build(), &server_builder().build());
        const NID_SECP384R1: i32 = 715;
        // SAFETY: the object is live and has shaken hands.
        let group = unsafe { openssl_sys_ext::SSL_get_negotiated_group(client.ssl().as_ptr()) };
        assert_eq!(group, NID_SECP384R1);
    });
}
