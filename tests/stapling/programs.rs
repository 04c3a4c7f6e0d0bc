//! The `openssl` commands as responder, as server and as client, and the example `staple` between them.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use libssl::ocsp::{
    CrlReason, OcspCertStatus, OcspCheck, OcspHash, OcspRefusal, OcspRequest, OcspRequestBuilder,
    OcspResponse, OcspResponseStatus, StaplePolicy,
};
use libssl::{Error, Ssl};

use super::super::commands::{Ended, Files, Running, example, openssl, run, s_server};
use super::super::responder::{Authority, Holder, Wishes};
use super::super::support::VERSIONS;
use super::super::{Cases, refusal};
use super::{connect, judging, server};

/// `openssl ocsp`, answering for an authority: serial number 1 is good, 2 is revoked for its key, all others are unknown.
struct Responder {
    _program: Running,
    port: u16,
    files: Files,
}

const INDEX: &str = "V\t400101000000Z\t\t01\tunknown\t/CN=localhost\n\
                     R\t400101000000Z\t200101000000Z,keyCompromise\t02\tunknown\t/CN=localhost\n";

impl Responder {
    fn start(ca: &Authority, answers: u32, extra: &[&str]) -> Self {
        let key = ca.holder.key.serialize_pem();
        let files = Files::new(&[("index.txt", INDEX), ("ca.pem", &ca.holder.pem), ("ca.key", &key)]);
        let mut command = openssl();
        command.args(["ocsp", "-port", "0", "-nrequest", &answers.to_string(), "-index"]);
        command.arg(files.path("index.txt")).arg("-CA").arg(files.path("ca.pem"));
        command.arg("-rsigner").arg(files.path("ca.pem")).arg("-rkey").arg(files.path("ca.key")).args(extra);
        let mut program = Running::start(&mut command);
        let line = program.line_with("ACCEPT ");
        let address = line.split_whitespace().nth(1).unwrap_or_default();
        let port = address.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        Self { _program: program, port, files }
    }

    /// Asks over HTTP, as a server would.
    fn ask(&self, request: &OcspRequest) -> Result<OcspResponse, Error> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("a connection");
        let mut head = String::from("POST / HTTP/1.0\r\n");
        let _ = write!(head, "Content-Type: {}\r\n", OcspRequest::CONTENT_TYPE);
        let _ = write!(head, "Content-Length: {}\r\n\r\n", request.as_der().len());
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(request.as_der())).expect("a write");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        let end = answer.windows(4).position(|end| end == b"\r\n\r\n").expect("a head") + 4;
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        assert!(head.contains("200 OK"), "{head}");
        assert!(head.contains(OcspResponse::CONTENT_TYPE), "{head}");
        OcspResponse::from_der(&answer[end..])
    }
}

#[test]
fn the_command_answers_our_requests_and_we_understand_it() {
    let ca = Authority::new("the CA");
    let servers = [1, 2, 3].map(|serial| ca.server(serial, Wishes::default()));
    let issuer = &ca.holder.certificate;
    let responder = Responder::start(&ca, 5, &["-ndays", "1"]);
    for hash in [OcspHash::Sha1, OcspHash::Sha256] {
        let all = servers.iter().fold(OcspRequestBuilder::new().hash(hash).nonce(), |request, server| {
            request.add(&server.certificate, issuer)
        });
        let request = all.build().expect("a request");
        let response = responder.ask(&request).expect("a response");
        let check = OcspCheck::new().answers(&request);
        let verdicts = servers
            .each_ref()
            .map(|server| response.verify_for(&server.certificate, issuer, &ca.store(), &check));
        let [good, revoked, unknown] = verdicts;
        let good = good.expect("good");
        assert_eq!(good.status(), OcspCertStatus::Good);
        assert!(good.next_update().is_some());
        let OcspRefusal::Revoked { reason, .. } = refusal(revoked) else { panic!("{response:?}") };
        assert_eq!(reason, Some(CrlReason::KeyCompromise));
        assert_eq!(refusal(unknown), OcspRefusal::Unknown);
    }
    // What it says about certificates of another authority counts for nothing.
    let other = Authority::new("another CA");
    let stranger = other.server(1, Wishes::default());
    let request = OcspRequest::for_certificate(&stranger.certificate, &other.holder.certificate);
    let response = responder.ask(&request.expect("a request")).expect("a response");
    assert_eq!(response.status(), OcspResponseStatus::Successful);
    let verdict =
        response.verify_for(&stranger.certificate, &other.holder.certificate, &ca.store(), &OcspCheck::new());
    assert_eq!(refusal(verdict), OcspRefusal::UnauthorizedSigner);
}

#[test]
fn our_client_judges_what_s_server_staples() {
    let cases = Cases::new(Wishes { must_staple: true, ..Wishes::default() });
    let files =
        Files::new(&[("server.pem", &cases.server.pem), ("server.key", &cases.server.key.serialize_pem())]);
    let good = cases.ca.good(&cases.server).der();
    std::fs::write(files.path("good.der"), &good).expect("a file");
    let path = files.path("good.der");
    let path = path.to_str().expect("UTF-8");
    for version in VERSIONS {
        let context = judging(version, &cases.ca, StaplePolicy::MustStaple);
        for staples in [true, false] {
            let extra: &[&str] = if staples { &["-status_file", path] } else { &[] };
            let (_server, port) = s_server(&files, ("server.pem", "server.key"), 1, extra);
            let stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
            match connect(&context, stream) {
                Ok(connected) => {
                    assert!(staples);
                    assert_eq!(connected.ssl().tlsext_status_ocsp_resp().as_ref(), Some(&good));
                }
                Err(error) => {
                    assert!(!staples, "{error}");
                    assert_eq!(refusal(Err::<(), _>(error)), OcspRefusal::Missing);
                }
            }
        }
    }
}

#[test]
fn s_client_shows_what_our_server_staples() {
    let cases = Cases::new(Wishes::default());
    let files = Files::new(&[("ca.pem", &cases.ca.holder.pem)]);
    for (version, flag) in VERSIONS.into_iter().zip(["-tls1_2", "-tls1_3"]) {
        for staples in [true, false] {
            let mut builder = server(version, &cases.server);
            let staple = libssl::ocsp::Staple::new();
            builder.set_staple(&staple).expect("a staple");
            if staples {
                staple.set(cases.ca.good(&cases.server).response());
            }
            let context = builder.build();
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let address = listener.local_addr().expect("an address").to_string();
            let mut command = openssl();
            command.args(["s_client", "-connect", &address, "-servername", "localhost", "-status", flag]);
            command.arg("-CAfile").arg(files.path("ca.pem"));
            let client = Running::start(&mut command);
            let (stream, _) = listener.accept().expect("a connection");
            let mut ours = Ssl::new(&context).expect("SSL_new").accept(stream).expect("a handshake");
            let asked = std::thread::spawn(move || {
                let _ = ours.read_to_end(&mut Vec::new());
            });
            let Ended { stdout, .. } = client.finish();
            asked.join().expect("its thread");
            if staples {
                assert!(stdout.contains("OCSP Response Status: successful"), "{stdout}");
                assert!(stdout.contains("Cert Status: good"), "{stdout}");
            } else {
                assert!(stdout.contains("OCSP response: no response sent"), "{stdout}");
            }
        }
    }
}

/// The example as server with this certificate, and its port.
fn example_server(responder: &Responder, holder: &Holder, extra: &[&str]) -> (Running, u16) {
    let files = &responder.files;
    std::fs::write(files.path("server.pem"), &holder.pem).expect("a file");
    std::fs::write(files.path("server.key"), holder.key.serialize_pem()).expect("a file");
    let mut command = example("staple");
    command.args(["serve", "--port", "0", "--cert"]).arg(files.path("server.pem"));
    command.arg("--key").arg(files.path("server.key")).arg("--ca").arg(files.path("ca.pem")).args(extra);
    let mut program = Running::start(&mut command);
    let line = program.line_with("listening on");
    let port = line.trim().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    (program, port)
}

fn example_client(responder: &Responder, port: u16, extra: &[&str]) -> Ended {
    let mut command = example("staple");
    command.arg("connect").arg(format!("localhost:{port}")).arg("--ca").arg(responder.files.path("ca.pem"));
    run(command.args(extra))
}

#[test]
fn the_example_fetches_its_staple_and_its_client_demands_it() {
    let ca = Authority::new("the CA");
    let responder = Responder::start(&ca, 1, &["-ndays", "1"]);
    let url = format!("http://127.0.0.1:{}/", responder.port);
    let holder = ca.server(1, Wishes { must_staple: true, responder: Some(&url) });
    let (_server, port) = example_server(&responder, &holder, &[]);
    let ended = example_client(&responder, port, &["--always"]);
    assert!(ended.status.success(), "{ended:?}");
    assert!(ended.stdout.contains("Good, known") && ended.stdout.contains("hello"), "{ended:?}");
}

#[test]
fn the_example_staples_no_bad_news_and_its_client_then_goes_away() {
    let ca = Authority::new("the CA");
    let responder = Responder::start(&ca, 1, &["-ndays", "1"]);
    let url = format!("http://127.0.0.1:{}/", responder.port);
    let holder = ca.server(2, Wishes { must_staple: true, responder: None });
    let (mut server, port) = example_server(&responder, &holder, &["--responder", &url]);
    let ended = example_client(&responder, port, &[]);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.stderr.contains("there is no OCSP response"), "{ended:?}");
    let complaint = server.line_with("a visitor");
    assert!(complaint.contains("bad_certificate_status_response"), "{complaint}");
    server.kill();
}
