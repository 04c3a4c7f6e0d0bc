//! The heap that an idle pair of connections holds, a client and a server over sockets in one process, by mode, beside the
//! same in C. A pair may hold 300 bytes more than in C.
//!
//! `cargo bench --bench memory`, on a system with glibc's `mallinfo2`.
// A bench that cannot go on panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../tests/c_program/mod.rs"]
mod c_program;

use std::process::ExitCode;

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn main() -> ExitCode {
    measured::main()
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn main() -> ExitCode {
    println!("this system does not tell the size of its heap");
    ExitCode::SUCCESS
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod measured {
    use std::ffi::OsString;
    use std::fs;
    use std::io::{ErrorKind, Read, Write};
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;
    use std::path::{Path, PathBuf};
    use std::process::{Command, ExitCode};

    use libssl::bio::{Channel, ReadAhead, Socket};
    use libssl::context::{Identity, SslMode, TrustAnchors};
    use libssl::{Connected, HandshakeError, Ssl, SslContext};
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

    const PAIRS: usize = 200;
    /// Bytes that a pair may hold beside what it holds in C.
    const LIMIT: i64 = 300;
    const MODES: [(&str, &str); 3] = [
        ("default", "as it is"),
        ("release", "SSL_MODE_RELEASE_BUFFERS"),
        ("free", "SSL_free_buffers when idle"),
    ];
    /// Our channels, and whether the limit is theirs: what is read ahead is kept in a buffer.
    const CHANNELS: [(&str, bool); 3] = [("Socket", true), ("stream", true), ("ReadAhead", false)];

    pub fn main() -> ExitCode {
        let args: Vec<_> = std::env::args().skip(1).collect();
        if let [what, mode, channel, certificate, key, ca] =
            args.iter().map(String::as_str).collect::<Vec<_>>()[..]
        {
            if what == "measure" {
                println!("{}", measure(mode, channel, [certificate, key, ca]));
                return ExitCode::SUCCESS;
            }
        }
        let built = |name: &str| Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/memory.c");
        let c = super::c_program::build(&built("memory"), &[&source]);
        let files = files(&built("memory-files"));

        let mut too_much = false;
        println!("{:28} {:10} {:>9} {:>9} {:>7}", "bytes of heap a pair", "channel", "libssl", "C", "more");
        for (mode, name) in MODES {
            let mut args: Vec<OsString> = vec![mode.into()];
            args.extend(files.iter().map(Into::into));
            args.push(PAIRS.to_string().into());
            let in_c = run(Command::new(&c).args(args));
            for (channel, limited) in CHANNELS {
                let this = std::env::current_exe().expect("the path of this program");
                let ours = run(Command::new(this).args(["measure", mode, channel]).args(&files));
                let more = ours - in_c;
                println!("{name:28} {channel:10} {ours:>9} {in_c:>9} {more:>+7}");
                too_much |= limited && more > LIMIT;
            }
        }
        if too_much {
            println!("a pair may hold {LIMIT} bytes more than in C");
            return ExitCode::FAILURE;
        }
        ExitCode::SUCCESS
    }

    /// The number that a program prints.
    fn run(command: &mut Command) -> i64 {
        let output = command.output().expect("it runs");
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number")
    }

    /// A server's certificate, its key and the CA, in files.
    fn files(directory: &Path) -> [PathBuf; 3] {
        fs::create_dir_all(directory).expect("a directory");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "the bench's CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let ca = params.self_signed(&key).expect("a CA").pem();
        let issuer = Issuer::new(params, key);
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &issuer).expect("a certificate").pem();
        let files = ["certificate.pem", "key.pem", "ca.pem"].map(|name| directory.join(name));
        for (file, text) in files.iter().zip([certificate, key.serialize_pem(), ca]) {
            fs::write(file, text).expect("a file");
        }
        files
    }

    fn measure(mode: &str, channel: &str, files: [&str; 3]) -> usize {
        let [certificate, key, ca] = files;
        let identity = Identity::from_pem_files(certificate, key).expect("an identity");
        let mut server = SslContext::server(&identity).expect("a context");
        let mut client = SslContext::client_trusting(TrustAnchors::File(ca.as_ref())).expect("a context");
        if mode == "release" {
            for builder in [&mut client, &mut server] {
                builder.set_mode(SslMode::RELEASE_BUFFERS).expect("a mode");
            }
        }
        let contexts = (client.build(), server.build());
        let free = mode == "free";
        match channel {
            "Socket" => held(&contexts, free, |stream| Socket::new(OwnedFd::from(stream))),
            "stream" => held(&contexts, free, |stream| stream),
            "ReadAhead" => held(&contexts, free, ReadAhead::new),
            _ => panic!("no channel {channel}"),
        }
    }

    fn held<C: Channel>(
        contexts: &(SslContext, SslContext),
        free: bool,
        channel: impl Fn(UnixStream) -> C,
    ) -> usize {
        let mut pairs = Vec::with_capacity(PAIRS);
        // What is made once does not count.
        let first = idle(contexts, free, &channel);
        let before = heap();
        for _ in 0..PAIRS {
            pairs.push(idle(contexts, free, &channel));
        }
        let held = heap() - before;
        drop((first, pairs));
        held / PAIRS
    }

    /// A client and a server after a handshake, an echo and a read that found nothing.
    fn idle<C: Channel>(
        (client, server): &(SslContext, SslContext),
        free: bool,
        channel: impl Fn(UnixStream) -> C,
    ) -> (Connected<C>, Connected<C>) {
        let (ours, theirs) = UnixStream::pair().expect("two sockets");
        for socket in [&ours, &theirs] {
            socket.set_nonblocking(true).expect("a mode");
        }
        let mut ssl = Ssl::new(client).expect("SSL_new");
        ssl.set_server_name("localhost").expect("a name");
        let mut client = ssl.connect(channel(ours));
        let mut server = Ssl::new(server).expect("SSL_new").accept(channel(theirs));
        let (mut client, mut server) = loop {
            (client, server) = match (client, server) {
                (Ok(client), Ok(server)) => break (client, server),
                (client, server) => (resume(client), resume(server)),
            };
        };
        echo(&mut client, &mut server);
        echo(&mut server, &mut client);
        for side in [&mut client, &mut server] {
            let error = side.read(&mut [0]).expect_err("nothing is there");
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            if free {
                side.free_buffers().expect("nothing is in them");
            }
        }
        (client, server)
    }

    fn echo<C: Channel>(from: &mut Connected<C>, to: &mut Connected<C>) {
        from.write_all(b"x").expect("a write");
        to.read_exact(&mut [0]).expect("a byte");
    }

    fn resume<C: Channel>(
        side: Result<Connected<C>, HandshakeError<C>>,
    ) -> Result<Connected<C>, HandshakeError<C>> {
        side.or_else(|error| error.into_handshake().expect("a handshake that goes on").resume())
    }

    fn heap() -> usize {
        // SAFETY: reads the allocator's own counts.
        let info = unsafe { libc::mallinfo2() };
        info.uordblks + info.hblkhd
    }
}
