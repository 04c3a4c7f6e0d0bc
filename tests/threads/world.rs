//! What the threads share, fresh from its encoding, so that all that OpenSSL works out later is still to do.

use std::cell::UnsafeCell;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use libssl::context::{Identity, ProtocolVersion, ServerNameDecision, SslMethod, SslOptions, SslVerifyMode};
use libssl::x509::{PKey, VerifyFlags, X509, X509Crl, X509Store, X509StoreBuilder};
use libssl::{SslContext, SslContextBuilder};
use openssl_sys as sys;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, RevocationReason, RevokedCertParams, SerialNumber, date_time_ymd,
};

use crate::common::identities::revoking;

/// The name whose context the server switches to.
pub const SWITCHED: &str = "switched.example";

/// The encodings, made once a process.
pub struct Pki {
    ca: Vec<u8>,
    others: Vec<Vec<u8>>,
    server: (Vec<u8>, String),
    client: (Vec<u8>, String),
    crl: Vec<u8>,
}

impl Pki {
    pub fn new() -> Self {
        let (ca, issuer) = authority("the threads' CA");
        let mut server =
            CertificateParams::new(["localhost", SWITCHED].map(String::from)).expect("good names");
        server.distinguished_name.push(DnType::CommonName, "localhost");
        server.distinguished_name.push(DnType::OrganizationName, "Threads & Söhne");
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        server.use_authority_key_identifier_extension = true;
        let mut client = CertificateParams::default();
        client.distinguished_name.push(DnType::CommonName, "client");
        client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        Self {
            others: (0..3).map(|i| authority(&format!("another CA, {i}")).0).collect(),
            server: issue(&server, &issuer),
            client: issue(&client, &issuer),
            crl: revocations(&issuer),
            ca,
        }
    }
}

impl Pki {
    /// The root that all is signed by.
    pub fn root(&self) -> X509 {
        X509::from_der(&self.ca).expect("a certificate")
    }

    /// The server's certificate and its key.
    pub fn server_identity(&self) -> Identity {
        identity(&self.server)
    }
}

fn identity((der, key): &(Vec<u8>, String)) -> Identity {
    let key = PKey::from_pem(key.as_bytes(), None).expect("a key");
    Identity::new([X509::from_der(der).expect("a certificate")], key).expect("an identity")
}

fn authority(name: &str) -> (Vec<u8>, Issuer<'static, KeyPair>) {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate().expect("a key");
    let der = params.self_signed(&key).expect("a CA").der().to_vec();
    (der, Issuer::new(params, key))
}

fn issue(params: &CertificateParams, issuer: &Issuer<'static, KeyPair>) -> (Vec<u8>, String) {
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, issuer).expect("a certificate");
    (certificate.der().to_vec(), key.serialize_pem())
}

/// Some are revoked, in no order, so that C sorts the list when it is first asked.
fn revocations(issuer: &Issuer<'static, KeyPair>) -> Vec<u8> {
    let revoked = |serial: u64| RevokedCertParams {
        serial_number: SerialNumber::from(serial),
        revocation_time: date_time_ymd(2020, 1, 1),
        reason_code: Some(RevocationReason::KeyCompromise),
        invalidity_date: None,
    };
    let list = revoking([900_u64, 100, 800, 300, 200].map(revoked).to_vec());
    list.signed_by(issuer).expect("a list").der().to_vec()
}

/// All that the threads share.
pub struct World {
    pub store: X509Store,
    /// Its roots are in a directory, and are read when they are first needed.
    pub directory: X509Store,
    pub ca: X509,
    pub leaf: X509,
    pub crl: X509Crl,
    pub key: PKey,
    /// What the clients and servers of the threads are made from; one thread replaces them.
    pub contexts: Seen<(SslContext, SslContext)>,
    /// Sessions of handshakes before, by name and version.
    pub sessions: Seen<HashMap<(&'static str, ProtocolVersion), Session>>,
    /// Held while the system's store changes hands.
    pub system: Seen<()>,
    /// How often verify callbacks were asked.
    pub verified: Arc<AtomicUsize>,
    server: Identity,
    client: Identity,
    _roots: Scratch,
}

impl World {
    pub fn new(pki: &Pki) -> Self {
        let x509 = |der: &[u8]| X509::from_der(der).expect("a certificate");
        let mut builder = X509StoreBuilder::new().expect("a store");
        builder.add_cert(&x509(&pki.ca)).expect("room");
        for other in &pki.others {
            builder.add_cert(&x509(other)).expect("room");
        }
        builder.add_crl(&X509Crl::from_der(&pki.crl).expect("a list")).expect("room");
        builder.set_flags(VerifyFlags::CRL_CHECK).expect("a flag");
        let store = builder.build().expect("a store");
        let roots = Scratch::new(pki);
        let mut builder = X509StoreBuilder::new().expect("a store");
        builder.load_dir(&roots.0).expect("a directory");
        let (server, client) = (identity(&pki.server), identity(&pki.client));
        let verified = Arc::new(AtomicUsize::new(0));
        let contexts = contexts(&store, &server, &client, &verified);
        Self {
            directory: builder.build().expect("a store"),
            ca: x509(&pki.ca),
            leaf: x509(&pki.server.0),
            crl: X509Crl::from_der(&pki.crl).expect("a list"),
            key: PKey::from_pem(pki.server.1.as_bytes(), None).expect("a key"),
            contexts: Seen::new(contexts),
            sessions: Seen::new(HashMap::new()),
            system: Seen::new(()),
            store,
            verified,
            server,
            client,
            _roots: roots,
        }
    }

    /// New contexts of the same store and identities.
    pub fn new_contexts(&self) -> (SslContext, SslContext) {
        contexts(&self.store, &self.server, &self.client, &self.verified)
    }
}

fn contexts(
    store: &X509Store,
    server: &Identity,
    client: &Identity,
    verified: &Arc<AtomicUsize>,
) -> (SslContext, SslContext) {
    let mode = SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT;
    let judge = |builder: &mut SslContextBuilder| {
        let verified = Arc::clone(verified);
        builder.set_cert_store(store).expect("a store");
        builder
            .set_verify_callback(mode, move |view| {
                verified.fetch_add(1, Ordering::Relaxed);
                view.preverified()
            })
            .expect("a callback");
    };
    let mut clients = SslContext::builder(SslMethod::tls_client()).expect("a context");
    judge(&mut clients);
    clients.use_identity(client).expect("an identity");
    let serve = || {
        let mut builder = SslContext::server(server).expect("a context");
        judge(&mut builder);
        // Sessions of TLS 1.2 are in the context's cache then, which all threads share.
        builder.set_options(SslOptions::NO_TICKET);
        builder
    };
    let other = serve().build();
    let mut servers = serve();
    servers
        .set_tlsext_servername_callback(move |view| {
            if view.requested_name() == Some(SWITCHED.as_bytes()) {
                view.set_context(&other).expect("a switch");
            }
            ServerNameDecision::Ack
        })
        .expect("a callback");
    (clients.build(), servers.build())
}

/// A directory of roots, as `openssl rehash` leaves it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(pki: &Pki) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("libssl-threads-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory");
        for der in pki.others.iter().chain([&pki.ca]) {
            let root = X509::from_der(der).expect("a certificate");
            // SAFETY: the certificate is live.
            let hash = unsafe { sys::X509_subject_name_hash(root.as_ptr()) };
            let file = path.join(format!("{hash:08x}.0"));
            std::fs::write(file, root.to_pem().expect("PEM")).expect("a file");
        }
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A session, and one reference to it.
pub struct Session(*mut sys::SSL_SESSION);

// SAFETY: OpenSSL counts a session's references atomically, and nobody changes one that was established.
unsafe impl Send for Session {}

impl Session {
    /// # Safety
    ///
    /// The reference is the caller's to give.
    pub unsafe fn from_ptr(session: *mut sys::SSL_SESSION) -> Self {
        Self(session)
    }

    pub fn as_ptr(&self) -> *mut sys::SSL_SESSION {
        self.0
    }
}

impl Clone for Session {
    fn clone(&self) -> Self {
        // SAFETY: the session is live.
        unsafe { sys::SSL_SESSION_up_ref(self.0) };
        Self(self.0)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: the reference is ours, and freed once.
        unsafe { sys::SSL_SESSION_free(self.0) };
    }
}

/// A value behind a lock that helgrind sees, which Rust's own (a futex) is not.
pub struct Seen<T> {
    mutex: Box<UnsafeCell<libc::pthread_mutex_t>>,
    value: UnsafeCell<T>,
}

// SAFETY: the lock gives the value to one thread at a time.
unsafe impl<T: Send> Sync for Seen<T> {}

impl<T> Seen<T> {
    pub fn new(value: T) -> Self {
        Self {
            mutex: Box::new(UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER)),
            value: UnsafeCell::new(value),
        }
    }

    pub fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        struct Unlock(*mut libc::pthread_mutex_t);
        impl Drop for Unlock {
            fn drop(&mut self) {
                // SAFETY: this thread holds the lock.
                unsafe { libc::pthread_mutex_unlock(self.0) };
            }
        }
        // SAFETY: the mutex is initialized, and stays where it is.
        assert_eq!(unsafe { libc::pthread_mutex_lock(self.mutex.get()) }, 0);
        let _unlock = Unlock(self.mutex.get());
        // SAFETY: the lock is held, so nobody else has the value.
        work(unsafe { &mut *self.value.get() })
    }
}

impl<T> Drop for Seen<T> {
    fn drop(&mut self) {
        // SAFETY: nobody holds the lock, and it is not used again. Without this helgrind would take whatever lock comes to
        // the same place for this one.
        unsafe { libc::pthread_mutex_destroy(self.mutex.get()) };
    }
}
