//! `SSL_CONF`: what commands do, against C, and what they do not take away.
// A test that fails panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

mod commands;
mod common;

use std::ffi::{CString, OsStr, c_char, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::ptr;

use commands::Files;
use common::{client_builder, identity, pki, server_builder};
use libssl::conf::{ConfFlags, ConfOutcome, ConfValueType, SslConf, add_ssl_module};
use libssl::context::{
    CertificateFlags, ProtocolVersion, SslContextBuilderRef, SslMethod, SslOptions, SslVerifyMode,
};
use libssl::error::ErrorStack;
use libssl::x509::{PKey, X509Store, X509StoreBuilder};
use libssl::{Error, ErrorKind, Ssl, SslContext, SslContextBuilder, SslRef};
use openssl_sys as sys;
use openssl_sys_ext as ext;

const ANY: ConfFlags = ConfFlags::CLIENT.union(ConfFlags::SERVER).union(ConfFlags::CERTIFICATE);

fn port() -> SslContextBuilder {
    SslContext::builder(SslMethod::tls()).unwrap()
}

/// A value for [`SslConf::cmd`].
fn some(value: &(impl AsRef<OsStr> + ?Sized)) -> Option<&OsStr> {
    Some(value.as_ref())
}

/// One command, as in a file.
fn command(context: &mut SslContextBuilderRef, name: &str, value: &OsStr) -> Result<ConfOutcome, Error> {
    let mut conf = SslConf::for_context(context)?;
    conf.set_flags(ConfFlags::FILE | ANY);
    let outcome = conf.cmd(name, Some(value))?;
    conf.finish()?;
    Ok(outcome)
}

fn assert_queue_is_empty() {
    assert!(ErrorStack::drain().is_empty());
}

/// Commands as in a file and as on a command line, with and without a value.
const COMMANDS: [(&str, &str, Option<&str>); 37] = [
    ("MinProtocol", "-min_protocol", Some("TLSv1.3")),
    ("MinProtocol", "-min_protocol", Some("None")),
    ("minprotocol", "-Min_Protocol", Some("TLSv1.2")),
    ("MinProtocol", "-min_protocol", Some("DTLSv1.2")),
    ("MinProtocol", "-min_protocol", Some("SSLv9")),
    ("MinProtocol", "-min_protocol", None),
    ("MaxProtocol", "-max_protocol", Some("TLSv1.2")),
    ("Protocol", "-protocol", Some("ALL, -TLSv1, -TLSv1.1")),
    ("Options", "-options", Some("-SessionTicket, ServerPreference, NoRenegotiation")),
    ("Options", "-options", Some("SessionTicket, Colour")),
    ("Options", "-options", Some("StrictCertCheck")),
    ("Options", "-options", Some("")),
    ("Options", "-options", None),
    ("VerifyMode", "-verify", Some("Peer")),
    ("VerifyMode", "-verify", Some("Require, Once")),
    ("VerifyMode", "-verify", Some("-Peer")),
    ("CipherString", "-cipher", Some("ECDHE-ECDSA-AES128-GCM-SHA256:@SECLEVEL=0")),
    ("CipherString", "-cipher", Some("NONE-SUCH")),
    ("Ciphersuites", "-ciphersuites", Some("TLS_AES_256_GCM_SHA384")),
    ("Ciphersuites", "-ciphersuites", Some("NONE_SUCH")),
    ("Groups", "-groups", Some("P-384")),
    ("Groups", "-groups", Some("none-such")),
    ("Curves", "-curves", Some("P-256")),
    ("SignatureAlgorithms", "-sigalgs", Some("ECDSA+SHA256")),
    ("SignatureAlgorithms", "-sigalgs", Some("none")),
    ("ClientSignatureAlgorithms", "-client_sigalgs", Some("ECDSA+SHA256")),
    ("NumTickets", "-num_tickets", Some("5")),
    ("NumTickets", "-num_tickets", Some("-5")),
    ("RecordPadding", "-record_padding", Some("64")),
    ("Certificate", "-cert", Some("/none/such")),
    ("VerifyCAFile", "-verifyCAfile", Some("/none/such")),
    ("", "-bugs", None),
    ("", "-no_ticket", Some("value")),
    ("", "-strict", None),
    ("", "-no_tls1_2", None),
    ("Colour", "-colour", Some("blue")),
    ("-", "-", None),
];

/// What commands change, as far as it can be read.
fn context_settings(context: &SslContextBuilderRef) -> impl PartialEq + std::fmt::Debug + use<> {
    // SAFETY: the context is live; clearing nothing tells what there is.
    let flags = unsafe { ext::SSL_CTX_clear_cert_flags(context.as_ptr(), 0) };
    (
        (context.options(), context.min_proto_version(), context.max_proto_version()),
        (context.verify_mode(), context.security_level(), flags, context.ciphers()),
        context.client_ca_list().len(),
    )
}

fn ssl_settings(ssl: &SslRef) -> impl PartialEq + std::fmt::Debug + use<> {
    // SAFETY: the object is live; clearing nothing tells what there is.
    let flags = unsafe { ext::SSL_clear_cert_flags(ssl.as_ptr(), 0) };
    let ciphers = ssl.ciphers().to_vec().iter().map(|cipher| cipher.name()).collect::<Vec<_>>();
    (ssl.options(), ssl.min_proto_version(), ssl.max_proto_version(), ssl.verify_mode(), flags, ciphers)
}

/// An `SSL_CONF_CTX` that is used as C uses it.
struct Raw(*mut ext::SSL_CONF_CTX);

impl Raw {
    fn new(flags: ConfFlags) -> Self {
        // SAFETY: has no requirements; live when flags are set.
        unsafe {
            let conf = ext::SSL_CONF_CTX_new();
            assert!(!conf.is_null());
            ext::SSL_CONF_CTX_set_flags(conf, flags.bits());
            Self(conf)
        }
    }

    fn cmd(&self, name: &str, value: Option<&str>) -> c_int {
        let name = CString::new(name).unwrap();
        let value = value.map(|value| CString::new(value).unwrap());
        let value = value.as_ref().map_or(ptr::null(), |value| value.as_ptr());
        // SAFETY: live, and the strings outlive the call.
        let ret = unsafe { ext::SSL_CONF_cmd(self.0, name.as_ptr(), value) };
        ErrorStack::drain();
        ret
    }

    fn cmd_argv(&self, args: &[&str]) -> c_int {
        let args: Vec<_> = args.iter().map(|arg| CString::new(*arg).unwrap()).collect();
        let mut pointers: Vec<*mut c_char> = args.iter().map(|arg| arg.as_ptr().cast_mut()).collect();
        pointers.push(ptr::null_mut());
        let (mut count, mut first) = (args.len() as c_int, pointers.as_mut_ptr());
        // SAFETY: live, and the strings outlive the call.
        let ret = unsafe { ext::SSL_CONF_cmd_argv(self.0, &raw mut count, &raw mut first) };
        ErrorStack::drain();
        ret
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // SAFETY: ours.
        unsafe { ext::SSL_CONF_CTX_free(self.0) };
    }
}

/// What C would have returned.
fn code(outcome: Result<ConfOutcome, Error>) -> c_int {
    match outcome {
        Ok(ConfOutcome::UsedValue) => 2,
        Ok(ConfOutcome::UsedName) => 1,
        Ok(ConfOutcome::Unknown) => -2,
        Err(error) if error.kind() == ErrorKind::Refused => 0,
        Err(error) if error.kind() == ErrorKind::InvalidInput => -3,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn commands_do_what_they_do_in_c() {
    for (flags, in_file) in [(ConfFlags::FILE, true), (ConfFlags::CMDLINE, false)] {
        for flags in [flags, flags | ConfFlags::SHOW_ERRORS, flags | ANY, flags | ConfFlags::SERVER] {
            let (mut ours, theirs) = (port(), port());
            let raw = Raw::new(flags);
            // SAFETY: both are live, and the context outlives its use.
            unsafe { ext::SSL_CONF_CTX_set_ssl_ctx(raw.0, theirs.as_ptr()) };
            for (name, switch, value) in COMMANDS {
                let name = if in_file { name } else { switch };
                let mut conf = SslConf::for_context(&mut ours).unwrap();
                conf.set_flags(flags);
                let outcome = code(conf.danger_cmd(name, value.map(OsStr::new)));
                drop(conf);
                assert_eq!(outcome, raw.cmd(name, value), "{flags:?} {name} {value:?}");
                assert_eq!(context_settings(&ours), context_settings(&theirs), "{flags:?} {name} {value:?}");
                assert_queue_is_empty();
            }
        }
    }
}

#[test]
fn commands_on_an_object_do_what_they_do_in_c() {
    let context = port().build();
    let (mut ours, theirs) = (Ssl::new(&context).unwrap(), Ssl::new(&context).unwrap());
    let raw = Raw::new(ConfFlags::FILE | ANY);
    // SAFETY: both are live, and the object outlives its use.
    unsafe { ext::SSL_CONF_CTX_set_ssl(raw.0, theirs.as_ptr()) };
    for (name, _, value) in COMMANDS {
        let mut conf = SslConf::for_ssl(&mut ours).unwrap();
        conf.set_flags(ConfFlags::FILE | ANY);
        let outcome = code(conf.danger_cmd(name, value.map(OsStr::new)));
        drop(conf);
        assert_eq!(outcome, raw.cmd(name, value), "{name} {value:?}");
        assert_eq!(ssl_settings(&ours), ssl_settings(&theirs), "{name} {value:?}");
    }
}

#[test]
fn arguments_are_used_as_in_c() {
    let (mut ours, theirs) = (port(), port());
    let raw = Raw::new(ANY | ConfFlags::FILE);
    // SAFETY: both are live, and the context outlives its use.
    unsafe { ext::SSL_CONF_CTX_set_ssl_ctx(raw.0, theirs.as_ptr()) };
    let mut conf = SslConf::for_context(&mut ours).unwrap();
    conf.set_flags(ANY | ConfFlags::FILE);
    let lines: [&[&str]; 9] = [
        &[],
        &["-min_protocol", "TLSv1.2", "-no_ticket"],
        &["-no_ticket", "-min_protocol"],
        &["-no_ticket"],
        &["-min_protocol"],
        &["-min_protocol", "SSLv9"],
        &["-colour", "blue"],
        &["file"],
        &["MinProtocol", "TLSv1.3"],
    ];
    for line in lines {
        let used = match conf.cmd_argv(line) {
            Ok(used) => c_int::try_from(used).unwrap(),
            Err(error) if error.kind() == ErrorKind::Refused => -1,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
                -3
            }
        };
        assert_eq!(used, raw.cmd_argv(line), "{line:?}");
    }
    assert_eq!(conf.cmd_argv(&["-min\0"]).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(conf.danger_cmd_argv(&["-bugs"]).unwrap(), 1);
    assert_eq!(raw.cmd_argv(&["-bugs"]), 1);
    drop(conf);
    assert_eq!(context_settings(&ours), context_settings(&theirs));
}

#[test]
fn flags_and_types_of_values_are_cs() {
    let mut ours = port();
    let raw = Raw::new(ConfFlags::empty());
    let mut conf = SslConf::for_context(&mut ours).unwrap();
    let steps = [
        (ConfFlags::FILE | ConfFlags::CLIENT, ConfFlags::empty()),
        (ConfFlags::CMDLINE, ConfFlags::CLIENT),
        (ConfFlags::CMDLINE, ConfFlags::FILE),
        (ConfFlags::CMDLINE | ANY, ConfFlags::SERVER),
        (ConfFlags::FILE, ConfFlags::CMDLINE),
        (ConfFlags::FILE | ANY, ConfFlags::empty()),
        (ConfFlags::from_bits_retain(1 << 20), ConfFlags::empty()),
    ];
    for (set, clear) in steps {
        // SAFETY: live.
        unsafe {
            assert_eq!(conf.set_flags(set).bits(), ext::SSL_CONF_CTX_set_flags(raw.0, set.bits()));
            assert_eq!(conf.clear_flags(clear).bits(), ext::SSL_CONF_CTX_clear_flags(raw.0, clear.bits()));
        }
        for name in COMMANDS.into_iter().flat_map(|(name, switch, _)| [name, switch]).chain([
            "ChainCAPath",
            "VerifyCAStore",
            "-key",
            "DHParameters",
        ]) {
            let text = CString::new(name).unwrap();
            // SAFETY: live, and the string outlives the call.
            let number = unsafe { ext::SSL_CONF_cmd_value_type(raw.0, text.as_ptr()) };
            let expected = [
                ConfValueType::Unknown,
                ConfValueType::String,
                ConfValueType::File,
                ConfValueType::Dir,
                ConfValueType::None,
                ConfValueType::Store,
            ];
            assert_eq!(conf.cmd_value_type(name).unwrap(), expected[number as usize], "{name}");
        }
    }
    assert_eq!(conf.cmd_value_type("a\0b").unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_prefix_is_looked_for() {
    let mut context = port();
    let mut conf = SslConf::for_context(&mut context).unwrap();
    conf.set_flags(ConfFlags::FILE);
    conf.set_prefix(Some("tls-")).unwrap();
    assert_eq!(conf.cmd("MinProtocol", some("TLSv1.3")).unwrap(), ConfOutcome::Unknown);
    assert_eq!(conf.cmd("TLS-MinProtocol", some("TLSv1.3")).unwrap(), ConfOutcome::UsedValue);
    conf.set_prefix(None).unwrap();
    assert_eq!(conf.cmd("MaxProtocol", some("TLSv1.3")).unwrap(), ConfOutcome::UsedValue);
    assert_eq!(conf.set_prefix(Some("a\0")).unwrap_err().kind(), ErrorKind::InvalidInput);
    drop(conf);
    assert_eq!(context.min_proto_version(), Some(ProtocolVersion::TLS1_3));
    assert_eq!(context.max_proto_version(), Some(ProtocolVersion::TLS1_3));
}

#[test]
fn an_error_says_what_is_wrong_with_which_command() {
    let mut context = port();
    let mut conf = SslConf::for_context(&mut context).unwrap();
    conf.set_flags(ConfFlags::FILE | ANY);
    let error = conf.cmd("MinProtocol", some("SSLv9")).unwrap_err();
    assert_eq!((error.kind(), error.call()), (ErrorKind::Refused, "SSL_CONF_cmd"));
    assert!(error.to_string().contains("MinProtocol: SSLv9"), "{error}");
    assert!(error.stack().is_empty());

    conf.set_flags(ConfFlags::SHOW_ERRORS);
    let error = conf.cmd("MinProtocol", some("SSLv9")).unwrap_err();
    assert!(error.stack().root().unwrap().data().contains("MinProtocol"), "{error}");
    let error = conf.cmd("Certificate", some("/none/such")).unwrap_err();
    assert_eq!(error.stack().root().unwrap().system_error(), Some(libc::ENOENT), "{error:?}");
    let error = conf.cmd("MinProtocol", None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("MinProtocol: no value"), "{error}");
    assert_eq!(conf.cmd("Min\0", None).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(conf.cmd("MinProtocol", some("T\0")).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(conf.cmd("Colour", some("blue")).unwrap(), ConfOutcome::Unknown);
    assert_queue_is_empty();
}

#[test]
fn one_configuration_goes_on_with_another_target() {
    let mut first = port();
    let mut second = port();
    let context = port().build();
    let mut ssl = Ssl::new(&context).unwrap();
    let mut conf = SslConf::for_context(&mut first).unwrap();
    conf.set_flags(ConfFlags::FILE);
    conf.set_ssl_ctx(&mut second);
    assert_eq!(conf.cmd("MinProtocol", some("TLSv1.3")).unwrap(), ConfOutcome::UsedValue);
    conf.set_ssl(&mut ssl);
    assert_eq!(conf.cmd("MaxProtocol", some("TLSv1.2")).unwrap(), ConfOutcome::UsedValue);
    drop(conf);
    assert_ne!(first.min_proto_version(), Some(ProtocolVersion::TLS1_3));
    assert_eq!(second.min_proto_version(), Some(ProtocolVersion::TLS1_3));
    assert_ne!(second.max_proto_version(), Some(ProtocolVersion::TLS1_2));
    assert_eq!(ssl.max_proto_version(), Some(ProtocolVersion::TLS1_2));
}

// What is not taken away.

#[test]
fn a_client_stays_one_that_verifies() {
    for value in ["-Peer", "-Peer,-Request"] {
        let mut client = client_builder();
        let error = command(&mut client, "VerifyMode", value.as_ref()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert_eq!(client.verify_mode(), SslVerifyMode::PEER);
        assert!(client.has_verify_callback());

        let context = client.build();
        let mut ssl = Ssl::new(&context).unwrap();
        let mut conf = SslConf::for_ssl(&mut ssl).unwrap();
        conf.set_flags(ConfFlags::FILE | ANY);
        assert_eq!(conf.cmd("VerifyMode", some(value)).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(conf.danger_cmd("VerifyMode", some(value)).unwrap(), ConfOutcome::UsedValue);
        drop(conf);
        assert_eq!(ssl.verify_mode(), SslVerifyMode::empty());
    }
    let mut client = client_builder();
    let mut conf = SslConf::for_context(&mut client).unwrap();
    conf.set_flags(ConfFlags::FILE | ANY);
    assert_eq!(conf.danger_cmd("VerifyMode", some("-Peer")).unwrap(), ConfOutcome::UsedValue);
    drop(conf);
    assert_eq!(client.verify_mode(), SslVerifyMode::empty());
}

#[test]
fn a_server_goes_on_to_demand_certificates() {
    let required = SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT;
    for value in ["-Require", "-Require,Request", "RequestPostHandshake", "-Request"] {
        let mut server = server_builder();
        server.set_verify(required).unwrap();
        let error = command(&mut server, "VerifyMode", value.as_ref()).unwrap_err();
        assert_eq!((error.kind(), server.verify_mode()), (ErrorKind::InvalidInput, required), "{value}");
    }
    let mut server = server_builder();
    assert_eq!(command(&mut server, "VerifyMode", "Require".as_ref()).unwrap(), ConfOutcome::UsedValue);
    assert_eq!(server.verify_mode(), required);
    assert!(server.has_verify_callback(), "so that errors tell which certificate was refused");
    let (_, accepted) = common::shake(&client_builder().build(), &server.build());
    assert!(accepted.is_err());
}

#[test]
fn security_level_and_strict_choice_stay() {
    let mut context = port();
    context.raise_security_level(2);
    context.set_cert_flags(CertificateFlags::TLS_STRICT);
    let error = command(&mut context, "CipherString", "DEFAULT:@SECLEVEL=0".as_ref()).unwrap_err();
    assert_eq!((error.kind(), context.security_level()), (ErrorKind::InvalidInput, 2), "{error}");
    // Older versions have a switch that sets it, and nothing that takes it away.
    let known = command(&mut port(), "Options", "StrictCertCheck".as_ref()).is_ok();
    if known {
        let error = command(&mut context, "Options", "-StrictCertCheck".as_ref()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    }
    // SAFETY: the context is live; clearing nothing tells what there is.
    assert_eq!(unsafe { ext::SSL_CTX_clear_cert_flags(context.as_ptr(), 0) } & 1, 1);
    assert_eq!(
        command(&mut context, "CipherString", "DEFAULT:@SECLEVEL=3".as_ref()).unwrap(),
        ConfOutcome::UsedValue
    );
    assert_eq!(context.security_level(), 3);

    let mut conf = SslConf::for_context(&mut context).unwrap();
    conf.set_flags(ConfFlags::FILE | ANY);
    assert_eq!(conf.danger_cmd("CipherString", some("DEFAULT:@SECLEVEL=1")).unwrap(), ConfOutcome::UsedValue);
    if known {
        assert_eq!(conf.danger_cmd("Options", some("-StrictCertCheck")).unwrap(), ConfOutcome::UsedValue);
    }
    drop(conf);
    // SAFETY: as above.
    let flags = unsafe { ext::SSL_CTX_clear_cert_flags(context.as_ptr(), 0) };
    assert_eq!((context.security_level(), flags & 1 == 0), (1, known));
}

// Files.

/// The identity of `localhost`, once with its key encrypted.
fn files() -> Files {
    let made = &pki().localhost;
    let key = PKey::from_pem(made.key_pem.as_bytes(), None).unwrap();
    let encrypted = key.to_encrypted_pkcs8_pem("AES-128-CBC", b"secret").unwrap();
    let both = [made.chain_pem.as_str(), &made.key_pem].concat();
    Files::new(&[
        ("chain.pem", &made.chain_pem),
        ("key.pem", &made.key_pem),
        ("encrypted.pem", &encrypted),
        ("both.pem", &both),
        ("ca.pem", &pki().ca_pem),
        ("other.pem", &common::identities::Ca::new("another").pem),
        ("odd.pem", "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n"),
    ])
}

#[test]
fn an_identity_comes_from_files() {
    let files = files();
    let mut server = port();
    for (name, file) in [("Certificate", "chain.pem"), ("PrivateKey", "key.pem")] {
        assert_eq!(command(&mut server, name, files.path(file).as_ref()).unwrap(), ConfOutcome::UsedValue);
    }
    common::connected(&client_builder().build(), &server.build());

    let context = port().build();
    let mut ssl = Ssl::new(&context).unwrap();
    let mut conf = SslConf::for_ssl(&mut ssl).unwrap();
    conf.set_flags(ConfFlags::FILE | ANY | ConfFlags::REQUIRE_PRIVATE);
    assert_eq!(conf.cmd("Certificate", some(&files.path("both.pem"))).unwrap(), ConfOutcome::UsedValue);
    conf.finish().unwrap();
    drop(conf);
    let (left, right) = common::duplex();
    let client = common::client_ssl(&client_builder().build());
    let (client, server) = common::shake_over(client, left, ssl, right);
    assert!(client.is_ok() && server.is_ok());
}

#[test]
fn a_key_that_is_demanded_and_not_there_is_told_at_the_end() {
    let files = files();
    let mut server = port();
    let mut conf = SslConf::for_context(&mut server).unwrap();
    conf.set_flags(ConfFlags::FILE | ANY | ConfFlags::REQUIRE_PRIVATE);
    assert_eq!(conf.cmd("Certificate", some(&files.path("chain.pem"))).unwrap(), ConfOutcome::UsedValue);
    let error = conf.finish().unwrap_err();
    assert_eq!((error.kind(), error.call()), (ErrorKind::Refused, "SSL_CONF_CTX_finish"));
    assert_queue_is_empty();
}

#[test]
fn nobody_is_asked_for_a_passphrase_at_the_terminal() {
    let files = files();
    let mut server = port();
    assert_eq!(
        command(&mut server, "Certificate", files.path("chain.pem").as_ref()).unwrap(),
        ConfOutcome::UsedValue
    );
    let key = files.path("encrypted.pem");
    let error = command(&mut server, "PrivateKey", key.as_ref()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(server.has_default_passwd_cb());
    server.set_default_passwd_cb(|| Some(b"secret".to_vec())).unwrap();
    assert_eq!(command(&mut server, "PrivateKey", key.as_ref()).unwrap(), ConfOutcome::UsedValue);

    let context = port().build();
    let mut ssl = Ssl::new(&context).unwrap();
    let mut conf = SslConf::for_ssl(&mut ssl).unwrap();
    conf.set_flags(ConfFlags::FILE | ANY);
    assert_eq!(conf.cmd("PrivateKey", some(&key)).unwrap_err().kind(), ErrorKind::Refused);
    for name in ["RequestCAFile", "ClientCAFile"] {
        let error = conf.cmd(name, some(&files.path("odd.pem"))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    }
    let directory = files.path("");
    assert_eq!(conf.cmd("ClientCAPath", some(&directory)).unwrap_err().kind(), ErrorKind::Refused);
    let error = conf.cmd("RequestCAFile", some("/dev/null")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "what is no regular file could wait for ever");
    drop(conf);
    assert!(ssl.has_default_passwd_cb());
}

#[test]
fn a_callback_that_panics_leaves_all_in_order() {
    let files = files();
    let mut server = port();
    server.set_default_passwd_cb(|| panic!("no passphrase")).unwrap();
    let key = files.path("encrypted.pem");
    let panic =
        catch_unwind(AssertUnwindSafe(|| command(&mut server, "PrivateKey", key.as_ref()))).unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"no passphrase"));
    assert_queue_is_empty();

    let mut client = client_builder();
    client.raise_security_level(2);
    client.set_security_callback(|_| panic!("no answer")).unwrap();
    let list = "AES128-SHA:@SECLEVEL=0";
    let outcome = catch_unwind(AssertUnwindSafe(|| command(&mut client, "CipherString", list.as_ref())));
    assert!(outcome.is_err() || outcome.unwrap().is_err());
    assert_eq!(client.security_level(), 2);
}

#[test]
fn names_of_cas_are_set_at_the_end() {
    let files = files();
    let mut server = port();
    let mut conf = SslConf::for_context(&mut server).unwrap();
    conf.set_flags(ConfFlags::FILE | ANY);
    assert_eq!(conf.cmd("RequestCAFile", some(&files.path("ca.pem"))).unwrap(), ConfOutcome::UsedValue);
    assert_eq!(conf.cmd("ClientCAFile", some(&files.path("other.pem"))).unwrap(), ConfOutcome::UsedValue);
    conf.finish().unwrap();
    drop(conf);
    assert_eq!(server.ca_list().len(), 2);
}

#[test]
fn names_of_cas_that_were_never_set_are_not_leaked() {
    let files = files();
    let mut server = port();
    let mut conf = SslConf::for_context(&mut server).unwrap();
    conf.set_flags(ConfFlags::FILE | ANY);
    assert_eq!(conf.cmd("RequestCAFile", some(&files.path("ca.pem"))).unwrap(), ConfOutcome::UsedValue);
    drop(conf);
    assert_eq!(server.ca_list().len(), 0);
}

// Stores.

/// A store with one certificate.
fn store() -> X509Store {
    let mut builder = X509StoreBuilder::new().unwrap();
    builder.add_pem(pki().ca_pem.as_bytes()).unwrap();
    builder.build().unwrap()
}

fn holds(store: Option<X509Store>) -> usize {
    store.unwrap().certificates().unwrap().len()
}

#[test]
fn a_store_that_others_hold_is_not_added_to() {
    let files = files();
    let shared = store();
    let mut context = port();
    context.set_verify_cert_store(&shared).unwrap();
    context.set_chain_cert_store(&shared).unwrap();
    for (name, which) in [("VerifyCAFile", 0), ("ChainCAFile", 1)] {
        let mut conf = SslConf::for_context(&mut context).unwrap();
        conf.set_flags(ConfFlags::FILE | ANY);
        // Twice: the second time it has a store of its own.
        for file in ["other.pem", "ca.pem"] {
            assert_eq!(conf.cmd(name, some(&files.path(file))).unwrap(), ConfOutcome::UsedValue);
        }
        drop(conf);
        let now = if which == 0 { context.verify_cert_store() } else { context.chain_cert_store() };
        assert_eq!((holds(now), shared.certificates().unwrap().len()), (2, 1), "{name}");
    }
}

#[test]
fn one_configuration_adds_to_the_store_that_it_made() {
    let files = files();
    let mut context = port();
    let mut conf = SslConf::for_context(&mut context).unwrap();
    conf.set_flags(ConfFlags::FILE | ANY);
    for name in ["VerifyCAFile", "ChainCAFile"] {
        for file in ["other.pem", "ca.pem"] {
            assert_eq!(conf.cmd(name, some(&files.path(file))).unwrap(), ConfOutcome::UsedValue);
        }
    }
    drop(conf);
    assert_eq!((holds(context.verify_cert_store()), holds(context.chain_cert_store())), (2, 2));
}

#[test]
fn an_object_does_not_add_to_its_contexts_store() {
    let files = files();
    let mut context = port();
    context.set_verify_cert_store(&store()).unwrap();
    let context = context.build();
    let mut ssl = Ssl::new(&context).unwrap();
    let mut conf = SslConf::for_ssl(&mut ssl).unwrap();
    conf.set_flags(ConfFlags::FILE | ANY);
    assert_eq!(conf.cmd("VerifyCAFile", some(&files.path("other.pem"))).unwrap(), ConfOutcome::UsedValue);
    drop(conf);
    assert_eq!((holds(ssl.verify_cert_store()), holds(context.verify_cert_store())), (2, 1));
}

#[test]
fn a_store_that_nothing_is_known_of_is_not_added_to() {
    let files = files();
    let mut context = port();
    // C makes it, and what it looks up is not known.
    assert_eq!(
        command(&mut context, "VerifyCAFile", files.path("ca.pem").as_ref()).unwrap(),
        ConfOutcome::UsedValue
    );
    let held = context.verify_cert_store();
    let error = command(&mut context, "VerifyCAFile", files.path("other.pem").as_ref()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert_eq!(
        context.verify_cert_store().map(|store| store.as_ptr()),
        held.as_ref().map(|store| store.as_ptr())
    );
    assert_eq!(holds(held), 1);
    context.put_verify_cert_store(None).unwrap();
    assert_eq!(
        command(&mut context, "VerifyCAFile", files.path("other.pem").as_ref()).unwrap(),
        ConfOutcome::UsedValue
    );
}

#[test]
fn peers_are_verified_with_the_store_that_was_loaded() {
    let files = files();
    for (file, good) in [("ca.pem", true), ("other.pem", false)] {
        let mut client = port();
        for (name, value) in
            [("VerifyMode", "Peer".into()), ("VerifyCAFile", files.path(file).into_os_string())]
        {
            assert_eq!(command(&mut client, name, &value).unwrap(), ConfOutcome::UsedValue);
        }
        let (connected, _) = common::shake(&client.build(), &server_builder().build());
        assert_eq!(connected.is_ok(), good);
        if let Err(error) = connected {
            assert!(error.verify_failure().unwrap().certificate.is_some(), "{error}");
        }
    }
}

// Sections of the configuration file.

const CHILD: &str = "LIBSSL_TEST_CHILD";

/// Runs a test in a process of its own, whose configuration file has this section, named `mine`.
fn under(test: &str, lines: &str, inner: impl FnOnce()) {
    if std::env::var_os(CHILD).is_some() {
        return inner();
    }
    let config =
        format!("openssl_conf = init\n[init]\nssl_conf = ssl\n[ssl]\nmine = section\n[section]\n{lines}\n");
    let files = Files::new(&[("openssl.cnf", &config)]);
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(CHILD, "1");
    let output = command.env("OPENSSL_CONF", files.path("openssl.cnf")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "the test ran in the child");
}

#[test]
fn a_section_is_carried_out_as_in_c() {
    let lines = "MinProtocol = TLSv1.3\nOptions = -SessionTicket\nVerifyMode = Peer";
    under("a_section_is_carried_out_as_in_c", lines, || {
        add_ssl_module();
        let (mut ours, theirs) = (port(), port());
        ours.config("mine").unwrap();
        // SAFETY: the context is live, and the string outlives the call.
        assert_eq!(unsafe { ext::SSL_CTX_config(theirs.as_ptr(), c"mine".as_ptr()) }, 1);
        assert_eq!(context_settings(&ours), context_settings(&theirs));
        assert!(ours.options().contains(SslOptions::NO_TICKET));
        assert!(ours.has_verify_callback());

        let context = port().build();
        let mut ssl = Ssl::new(&context).unwrap();
        ssl.config("mine").unwrap();
        assert_eq!(ssl.min_proto_version(), Some(ProtocolVersion::TLS1_3));
        assert_eq!(ssl.verify_mode(), SslVerifyMode::PEER);

        for error in [ours.config("none").unwrap_err(), ssl.config("none").unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::Refused);
            assert!(error.to_string().contains("none"), "{error}");
        }
        assert_eq!(ours.config("a\0b").unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_queue_is_empty();
    });
}

#[test]
fn a_section_does_not_stop_a_client_verifying() {
    under("a_section_does_not_stop_a_client_verifying", "VerifyMode = -Peer", || {
        let mut client = client_builder();
        assert_eq!(client.config("mine").unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(client.verify_mode(), SslVerifyMode::PEER);
        client.danger_config("mine").unwrap();
        assert_eq!(client.verify_mode(), SslVerifyMode::empty());

        let mut ssl = Ssl::new(&client_builder().build()).unwrap();
        assert_eq!(ssl.config("mine").unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(ssl.verify_mode(), SslVerifyMode::PEER);
        ssl.danger_config("mine").unwrap();
        assert_eq!(ssl.verify_mode(), SslVerifyMode::empty());
    });
}

#[test]
fn a_section_that_is_wrong_is_told() {
    under("a_section_that_is_wrong_is_told", "MinProtocol = SSLv9\nMaxProtocol = TLSv1.2", || {
        let mut context = port();
        let error = context.config("mine").unwrap_err();
        assert_eq!((error.kind(), error.call()), (ErrorKind::Refused, "SSL_CTX_config"));
        assert_queue_is_empty();
    });
}

#[test]
fn a_section_that_panics_leaves_the_store_where_it_was() {
    let files = files();
    let [chain, key] = ["chain.pem", "encrypted.pem"].map(|name| files.path(name));
    let lines = format!("Certificate = {}\nPrivateKey = {}", chain.display(), key.display());
    under("a_section_that_panics_leaves_the_store_where_it_was", &lines, || {
        let mut context = port();
        // C makes it: it is out of the way of the section.
        let file = files.path("ca.pem");
        assert_eq!(command(&mut context, "VerifyCAFile", file.as_ref()).unwrap(), ConfOutcome::UsedValue);
        context.set_default_passwd_cb(|| panic!("no passphrase")).unwrap();
        let panic = catch_unwind(AssertUnwindSafe(|| context.config("mine"))).unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"no passphrase"));
        assert_eq!(holds(context.verify_cert_store()), 1);
        assert_queue_is_empty();
    });
}

#[test]
fn a_section_adds_to_no_store_that_others_hold() {
    let files = files();
    let lines = format!("VerifyCAFile = {}", files.path("other.pem").display());
    under("a_section_adds_to_no_store_that_others_hold", &lines, || {
        let shared = store();
        let mut context = port();
        context.set_verify_cert_store(&shared).unwrap();
        context.config("mine").unwrap();
        assert_eq!((holds(context.verify_cert_store()), holds(Some(shared))), (2, 1));
        // Now it is one that C may have added to.
        assert_eq!(context.config("mine").unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(holds(context.verify_cert_store()), 2);
    });
}

#[test]
fn an_identity_is_kept_with_a_context_of_cs() {
    // SAFETY: gives a constant of the library; the context is ours, and nobody else uses it.
    let raw = unsafe { SslContext::from_ptr(sys::SSL_CTX_new(sys::TLS_method())) }.into_ptr();
    // SAFETY: live, and nobody else uses it.
    let context = unsafe { SslContextBuilderRef::from_ptr_mut(raw) };
    assert_eq!(command(context, "MinProtocol", "TLSv1.3".as_ref()).unwrap(), ConfOutcome::UsedValue);
    context.use_identity(&identity(&pki().localhost)).unwrap();
    // SAFETY: ours, and not borrowed any more.
    let server = unsafe { SslContext::from_ptr(raw) };
    common::connected(&client_builder().build(), &server);
}

/// C waits for ever for the end of what it cannot read.
#[test]
fn parameters_that_are_no_file_are_refused() {
    let mut context = port();
    let error = command(&mut context, "DHParameters", OsStr::new("/")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert_queue_is_empty();
}
