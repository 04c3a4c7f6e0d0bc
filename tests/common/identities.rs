//! Certificates, made when the tests run: nothing here expires in the repository.

use std::sync::OnceLock;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_ED25519,
    RevokedCertParams, SerialNumber, SignatureAlgorithm, date_time_ymd,
};

/// A certificate and its key.
#[derive(Debug)]
pub struct Made {
    /// The certificate, and above it nothing: the CA is for the other side to know.
    pub chain_pem: String,
    /// The certificate alone.
    pub der: Vec<u8>,
    /// The key as PKCS #8.
    pub key_pem: String,
    /// The key as PKCS #8.
    pub key_der: Vec<u8>,
}

/// All identities of the tests. What is not said otherwise is signed by [`ca_pem`](Pki::ca_pem), valid today, has
/// an ECDSA P-256 key, and bears `localhost`, 127.0.0.1 and ::1.
#[derive(Debug)]
pub struct Pki {
    /// The CA that the tests' clients and servers trust.
    pub ca_pem: String,
    /// The same, encoded in DER.
    pub ca_der: Vec<u8>,
    /// A good server.
    pub localhost: Made,
    /// A good server with an Ed25519 key.
    pub ed25519: Made,
    /// A good certificate of `other.example`.
    pub other_name: Made,
    /// It expired in 2001.
    pub expired: Made,
    /// It becomes valid in 4000.
    pub not_yet: Made,
    /// Signed by a CA that nobody knows.
    pub unknown_issuer: Made,
    /// Signed by nobody but itself.
    pub self_signed: Made,
    /// A client, `CN=client`.
    pub client: Made,
}

/// The parameters of the group ffdhe2048, as old servers have them in a file.
pub const FFDHE2048_PEM: &str = "-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
";

/// The identities, made once a process.
pub fn pki() -> &'static Pki {
    static PKI: OnceLock<Pki> = OnceLock::new();
    PKI.get_or_init(|| {
        let known = Ca::new("test CA");
        let unknown = Ca::new("unknown CA");
        Pki {
            localhost: known.issue(&leaf("localhost"), &PKCS_ECDSA_P256_SHA256),
            ed25519: known.issue(&leaf("localhost"), &PKCS_ED25519),
            other_name: known.issue(&named("other.example", &["other.example"]), &PKCS_ECDSA_P256_SHA256),
            expired: known.issue(&valid(leaf("localhost"), 2000, 2001), &PKCS_ECDSA_P256_SHA256),
            not_yet: known.issue(&valid(leaf("localhost"), 4000, 4001), &PKCS_ECDSA_P256_SHA256),
            unknown_issuer: unknown.issue(&leaf("localhost"), &PKCS_ECDSA_P256_SHA256),
            self_signed: self_signed(&leaf("localhost")),
            client: known.issue(&client("client"), &PKCS_ECDSA_P256_SHA256),
            ca_pem: known.pem,
            ca_der: known.der,
        }
    })
}

/// An issuer of certificates.
pub struct Ca {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate.
    pub pem: String,
    /// Its own certificate.
    pub der: Vec<u8>,
}

impl Ca {
    /// A CA of this common name.
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
        let certificate = params.self_signed(&key).expect("a CA");
        Self { pem: certificate.pem(), der: certificate.der().to_vec(), issuer: Issuer::new(params, key) }
    }

    /// A list of revoked certificates, without any.
    pub fn revocation_list(&self) -> String {
        revoking(Vec::new()).signed_by(&self.issuer).and_then(|list| list.pem()).expect("a list")
    }

    /// A certificate with a new key.
    pub fn issue(&self, params: &CertificateParams, algorithm: &'static SignatureAlgorithm) -> Made {
        self.issue_for(params, &generate(algorithm))
    }

    /// A certificate of a key that there is already.
    pub fn issue_for(&self, params: &CertificateParams, key: &KeyPair) -> Made {
        let certificate = params.signed_by(key, &self.issuer).expect("a certificate");
        made(&certificate, key)
    }
}

/// A list of these revoked certificates, which is valid today.
pub fn revoking(revoked_certs: Vec<RevokedCertParams>) -> CertificateRevocationListParams {
    CertificateRevocationListParams {
        this_update: date_time_ymd(2000, 1, 1),
        next_update: date_time_ymd(4000, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs,
        key_identifier_method: KeyIdMethod::Sha256,
    }
}

/// Ed25519 keys come in PKCS #8 version 2, which OpenSSL reads from 3.5 on: the secret alone is version 1.
fn generate(algorithm: &'static SignatureAlgorithm) -> KeyPair {
    let key = KeyPair::generate_for(algorithm).expect("a key");
    if algorithm != &PKCS_ED25519 {
        return key;
    }
    let mut der = key.serialize_der()[..48].to_vec();
    (der[1], der[4]) = (46, 0);
    KeyPair::from_pkcs8_der_and_sign_algo(&der.into(), algorithm).expect("the same key")
}

fn self_signed(params: &CertificateParams) -> Made {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
    made(&params.self_signed(&key).expect("a certificate"), &key)
}

fn made(certificate: &rcgen::Certificate, key: &KeyPair) -> Made {
    let (key_pem, key_der) = key_of(key);
    Made { chain_pem: certificate.pem(), der: certificate.der().to_vec(), key_pem, key_der }
}

/// The key in the two encodings of PKCS #8. `ring` adds the public key to Ed25519 keys, which OpenSSL does not read:
/// they are encoded anew, without it.
fn key_of(key: &KeyPair) -> (String, Vec<u8>) {
    const ED25519: [u8; 16] = *b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
    if !key.is_compatible(&PKCS_ED25519) {
        return (key.serialize_pem(), key.serialize_der());
    }
    let der = [&ED25519, &key.serialize_der()[16..48]].concat();
    let base64 = base64(&der);
    (format!("-----BEGIN PRIVATE KEY-----\n{base64}\n-----END PRIVATE KEY-----\n"), der)
}

/// Base64 of a text that fits one line of PEM.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |bits: u32| char::from(DIGITS[(bits & 63) as usize]);
    bytes
        .chunks(3)
        .flat_map(|chunk| {
            let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or_default());
            let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
            let digits = [digit(bits >> 18), digit(bits >> 12), digit(bits >> 6), digit(bits)];
            let given = chunk.len() + 1;
            (0..4).map(move |i| if i < given { digits[i] } else { '=' })
        })
        .collect()
}

/// A server's certificate on this machine.
pub fn leaf(name: &str) -> CertificateParams {
    named(name, &["localhost", "127.0.0.1", "::1"])
}

/// A server's certificate with these alternative names, DNS or IP.
pub fn named(name: &str, alternatives: &[&str]) -> CertificateParams {
    let alternatives: Vec<_> = alternatives.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(alternatives).expect("good names");
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params
}

fn client(name: &str) -> CertificateParams {
    let mut params = named(name, &[]);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

fn valid(mut params: CertificateParams, from: i32, until: i32) -> CertificateParams {
    (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(until, 1, 1));
    params
}
