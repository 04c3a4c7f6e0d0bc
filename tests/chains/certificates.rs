//! Certificates and revocation lists of every kind, good and bad.

use std::collections::HashMap;
use std::slice;
use std::sync::Mutex;

use super::der::{
    BOOLEAN, IA5_STRING, OCTET_STRING, UTF8_STRING, bits, integer, named_bits, oid, primitive, sequence,
    tagged, time, value,
};
use super::keys::{Digest, Key};

/// From when on certificates and lists are valid, where nothing else is said.
pub const PAST: &str = "20200101000000Z";
/// Until when.
pub const FUTURE: &str = "21200101000000Z";

/// `id-ce-…`, `id-pe-…`: the extensions by their identifiers.
pub const SUBJECT_KEY_IDENTIFIER: &str = "2.5.29.14";
pub const KEY_USAGE: &str = "2.5.29.15";
pub const SUBJECT_ALT_NAME: &str = "2.5.29.17";
pub const BASIC_CONSTRAINTS: &str = "2.5.29.19";
pub const AUTHORITY_KEY_IDENTIFIER: &str = "2.5.29.35";
pub const EXTENDED_KEY_USAGE: &str = "2.5.29.37";

pub const DIGITAL_SIGNATURE: u8 = 0;
pub const KEY_CERT_SIGN: u8 = 5;
pub const CRL_SIGN: u8 = 6;

pub const SERVER_AUTH: &str = "1.3.6.1.5.5.7.3.1";
pub const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";
pub const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";
pub const EMAIL_PROTECTION: &str = "1.3.6.1.5.5.7.3.4";
pub const ANY_USAGE: &str = "2.5.29.37.0";

/// An extension.
#[derive(Clone, Debug)]
pub struct Extension {
    oid: &'static str,
    critical: bool,
    content: Vec<u8>,
}

impl Extension {
    pub fn new(oid: &'static str, content: Vec<u8>) -> Self {
        Self { oid, critical: false, content }
    }

    pub fn critical(mut self) -> Self {
        self.critical = true;
        self
    }

    fn to_der(&self) -> Vec<u8> {
        let critical = if self.critical { value(BOOLEAN, &[0xff]) } else { Vec::new() };
        sequence(&[oid(self.oid), critical, value(OCTET_STRING, &self.content)])
    }
}

/// Basic constraints: whether it is a CA's, and how many CAs may be below.
pub fn constraints(ca: bool, path: Option<u64>) -> Extension {
    let ca = if ca { value(BOOLEAN, &[0xff]) } else { Vec::new() };
    Extension::new(BASIC_CONSTRAINTS, sequence(&[ca, path.map(integer).unwrap_or_default()])).critical()
}

/// Key usage.
pub fn usage(bits: &[u8]) -> Extension {
    Extension::new(KEY_USAGE, named_bits(bits)).critical()
}

/// Extended key usage.
pub fn purposes(purposes: &[&str]) -> Extension {
    let purposes: Vec<_> = purposes.iter().map(|purpose| oid(purpose)).collect();
    Extension::new(EXTENDED_KEY_USAGE, sequence(&purposes))
}

/// The names of a certificate.
pub fn names(names: &[Vec<u8>]) -> Extension {
    Extension::new(SUBJECT_ALT_NAME, sequence(names))
}

/// A DNS name, whatever its bytes.
pub fn dns(name: impl AsRef<[u8]>) -> Vec<u8> {
    primitive(2, name.as_ref())
}

/// An email address.
pub fn email(address: &str) -> Vec<u8> {
    primitive(1, address.as_bytes())
}

/// A URI.
pub fn uri(uri: &str) -> Vec<u8> {
    primitive(6, uri.as_bytes())
}

/// An IP address, or an address and its mask.
pub fn ip(bytes: &[u8]) -> Vec<u8> {
    primitive(7, bytes)
}

/// A directory's name.
pub fn directory(name: &[u8]) -> Vec<u8> {
    tagged(4, name)
}

/// Name constraints: below what names must be, and below what they must not be.
pub fn name_constraints(permitted: &[Vec<u8>], excluded: &[Vec<u8>]) -> Extension {
    let trees = |number, bases: &[Vec<u8>]| match bases {
        [] => Vec::new(),
        bases => tagged(
            number,
            &bases.iter().map(|base| sequence(slice::from_ref(base))).collect::<Vec<_>>().concat(),
        ),
    };
    Extension::new("2.5.29.30", sequence(&[trees(0, permitted), trees(1, excluded)])).critical()
}

/// The policies that a certificate was issued under.
pub fn policies(policies: &[&str]) -> Extension {
    let policies: Vec<_> = policies.iter().map(|policy| sequence(&[oid(policy)])).collect();
    Extension::new("2.5.29.32", sequence(&policies))
}

/// A name of one common name.
pub fn named(common_name: &str) -> Vec<u8> {
    subject(&[("2.5.4.3", UTF8_STRING, common_name.as_bytes())])
}

/// A name of several parts: their types, the tags of their strings, and the strings.
pub fn subject(parts: &[(&str, u8, &[u8])]) -> Vec<u8> {
    let parts: Vec<_> = parts
        .iter()
        .map(|(kind, tag, text)| value(0x31, &sequence(&[oid(kind), value(*tag, text)])))
        .collect();
    sequence(&parts)
}

/// A certificate to make.
#[derive(Clone, Debug)]
pub struct Certificate {
    pub subject: Vec<u8>,
    issuer: Vec<u8>,
    pub key: Key,
    signer: Key,
    digest: Digest,
    /// What the signed part says of the signature; the outer part says the truth.
    claimed: Option<Digest>,
    version: u8,
    serial: u64,
    validity: [Vec<u8>; 2],
    extensions: Vec<Extension>,
    spoiled: bool,
    trust: Option<Vec<u8>>,
}

impl Certificate {
    fn new(key: Key, subject: Vec<u8>) -> Self {
        Self {
            issuer: subject.clone(),
            subject,
            key,
            signer: key,
            digest: Digest::Sha256,
            claimed: None,
            version: 3,
            serial: 1000 + key as u64,
            validity: [time(PAST), time(FUTURE)],
            extensions: vec![Extension::new(SUBJECT_KEY_IDENTIFIER, value(OCTET_STRING, &key.identifier()))],
            spoiled: false,
            trust: None,
        }
    }

    /// A CA that signed itself.
    pub fn root(key: Key, name: &str) -> Self {
        Self::new(key, named(name)).with(constraints(true, None)).with(usage(&[KEY_CERT_SIGN, CRL_SIGN]))
    }

    /// A CA below another one.
    pub fn ca(key: Key, name: &str, issuer: &Self) -> Self {
        Self::root(key, name).issued_by(issuer)
    }

    /// A certificate of `www.example.com`, for either side of a connection.
    pub fn leaf(issuer: &Self) -> Self {
        Self::end_entity(Key::Leaf, "www.example.com").issued_by(issuer)
    }

    /// As [`leaf`](Self::leaf), signed by itself.
    pub fn end_entity(key: Key, name: &str) -> Self {
        Self::new(key, named(name))
            .with(constraints(false, None))
            .with(usage(&[DIGITAL_SIGNATURE]))
            .with(purposes(&[SERVER_AUTH, CLIENT_AUTH]))
            .with(names(&[dns(name)]))
    }

    pub fn issued_by(mut self, issuer: &Self) -> Self {
        self.issuer.clone_from(&issuer.subject);
        self.signer = issuer.key;
        let identifier = primitive(0, &issuer.key.identifier());
        self.with(Extension::new(AUTHORITY_KEY_IDENTIFIER, sequence(&[identifier])))
    }

    /// Adds an extension, in place of an earlier one of its kind.
    pub fn with(mut self, extension: Extension) -> Self {
        self = self.without(extension.oid);
        self.extensions.push(extension);
        self
    }

    pub fn without(mut self, oid: &str) -> Self {
        self.extensions.retain(|extension| extension.oid != oid);
        self
    }

    /// Adds an extension beside an earlier one of its kind.
    pub fn with_another(mut self, extension: Extension) -> Self {
        self.extensions.push(extension);
        self
    }

    pub fn named(mut self, subject: Vec<u8>) -> Self {
        self.subject = subject;
        self
    }

    pub fn with_key(mut self, key: Key) -> Self {
        self.key = key;
        self.with(Extension::new(SUBJECT_KEY_IDENTIFIER, value(OCTET_STRING, &key.identifier())))
    }

    /// Says that it is signed by its issuer, but it is signed with this key.
    pub fn signed_with(mut self, key: Key) -> Self {
        self.signer = key;
        self
    }

    pub fn digest(mut self, digest: Digest) -> Self {
        self.digest = digest;
        self
    }

    pub fn claiming(mut self, digest: Digest) -> Self {
        self.claimed = Some(digest);
        self
    }

    pub fn valid(self, from: &str, until: &str) -> Self {
        self.valid_raw(time(from), time(until))
    }

    pub fn valid_raw(mut self, from: Vec<u8>, until: Vec<u8>) -> Self {
        self.validity = [from, until];
        self
    }

    /// Version 1, which has no extensions.
    pub fn version_1(mut self) -> Self {
        self.version = 1;
        self.extensions.clear();
        self
    }

    /// Says another version, and keeps the extensions.
    pub fn claiming_version(mut self, version: u8) -> Self {
        self.version = version;
        self
    }

    pub fn serial(mut self, serial: u64) -> Self {
        self.serial = serial;
        self
    }

    /// One bit of the signature is wrong.
    pub fn spoiled(mut self) -> Self {
        self.spoiled = true;
        self
    }

    /// As an anchor, it is trusted for these purposes and rejected for those (OpenSSL's `TRUSTED CERTIFICATE`).
    pub fn trusted_for(mut self, trusted: &[&str], rejected: &[&str]) -> Self {
        let list = |purposes: &[&str]| purposes.iter().map(|purpose| oid(purpose)).collect::<Vec<_>>();
        let trusted = match trusted {
            [] => Vec::new(),
            purposes => sequence(&list(purposes)),
        };
        let rejected = match rejected {
            [] => Vec::new(),
            purposes => tagged(0, &list(purposes).concat()),
        };
        self.trust = Some(sequence(&[trusted, rejected]));
        self
    }

    pub fn to_der(&self) -> Vec<u8> {
        let version =
            if self.version == 1 { Vec::new() } else { tagged(0, &integer(u64::from(self.version) - 1)) };
        let extensions: Vec<_> = self.extensions.iter().map(Extension::to_der).collect();
        let signed = sequence(&[
            version,
            integer(self.serial),
            self.signer.algorithm(self.claimed.unwrap_or(self.digest)),
            self.issuer.clone(),
            sequence(&self.validity),
            self.subject.clone(),
            self.key.public(),
            if extensions.is_empty() { Vec::new() } else { tagged(3, &sequence(&extensions)) },
        ]);
        finish(signed, self.signer, self.digest, self.spoiled)
    }

    pub fn to_pem(&self) -> String {
        match &self.trust {
            Some(trust) => super::der::pem("TRUSTED CERTIFICATE", &[self.to_der(), trust.clone()].concat()),
            None => super::der::pem("CERTIFICATE", &self.to_der()),
        }
    }
}

/// A revocation list to make.
#[derive(Clone, Debug)]
pub struct Crl {
    issuer: Vec<u8>,
    signer: Key,
    digest: Digest,
    this_update: Vec<u8>,
    next_update: Option<Vec<u8>>,
    revoked: Vec<Vec<u8>>,
    extensions: Vec<Extension>,
    spoiled: bool,
}

impl Crl {
    /// A list of this CA, with nothing in it.
    pub fn of(issuer: &Certificate) -> Self {
        let identifier = sequence(&[primitive(0, &issuer.key.identifier())]);
        Self {
            issuer: issuer.subject.clone(),
            signer: issuer.key,
            digest: Digest::Sha256,
            this_update: time(PAST),
            next_update: Some(time(FUTURE)),
            revoked: Vec::new(),
            extensions: vec![
                Extension::new("2.5.29.20", integer(1)),
                Extension::new(AUTHORITY_KEY_IDENTIFIER, identifier),
            ],
            spoiled: false,
        }
    }

    pub fn revoking(self, certificate: &Certificate) -> Self {
        self.revoking_with(certificate, &[])
    }

    /// With extensions of the entry.
    pub fn revoking_with(mut self, certificate: &Certificate, extensions: &[Extension]) -> Self {
        let extensions: Vec<_> = extensions.iter().map(Extension::to_der).collect();
        let extensions = if extensions.is_empty() { Vec::new() } else { sequence(&extensions) };
        self.revoked.push(sequence(&[integer(certificate.serial), time("20210101000000Z"), extensions]));
        self
    }

    pub fn updated(mut self, this: &str, next: Option<&str>) -> Self {
        self.this_update = time(this);
        self.next_update = next.map(time);
        self
    }

    pub fn signed_with(mut self, key: Key) -> Self {
        self.signer = key;
        self
    }

    /// In place of 1.
    pub fn numbered(mut self, number: u64) -> Self {
        self.extensions[0] = Extension::new("2.5.29.20", integer(number));
        self
    }

    pub fn with(mut self, extension: Extension) -> Self {
        self.extensions.push(extension);
        self
    }

    pub fn spoiled(mut self) -> Self {
        self.spoiled = true;
        self
    }

    pub fn to_der(&self) -> Vec<u8> {
        let extensions: Vec<_> = self.extensions.iter().map(Extension::to_der).collect();
        let signed = sequence(&[
            integer(1),
            self.signer.algorithm(self.digest),
            self.issuer.clone(),
            self.this_update.clone(),
            self.next_update.clone().unwrap_or_default(),
            if self.revoked.is_empty() { Vec::new() } else { sequence(&self.revoked) },
            tagged(0, &sequence(&extensions)),
        ]);
        finish(signed, self.signer, self.digest, self.spoiled)
    }

    pub fn to_pem(&self) -> String {
        super::der::pem("X509 CRL", &self.to_der())
    }
}

/// A reason for a revocation (CRLReason).
pub fn reason(code: u8) -> Extension {
    Extension::new("2.5.29.21", value(0x0a, &[code]))
}

/// An extension that nobody knows.
pub fn unknown() -> Extension {
    Extension::new("1.3.6.1.4.1.99999.1", value(IA5_STRING, b"?"))
}

/// Signs, but never the same twice: ECDSA's signatures are random, and a certificate that is in a chain and among the
/// anchors must be one.
fn finish(signed: Vec<u8>, signer: Key, digest: Digest, spoiled: bool) -> Vec<u8> {
    type Finished = HashMap<(Vec<u8>, usize, usize, bool), Vec<u8>>;
    static FINISHED: Mutex<Option<Finished>> = Mutex::new(None);
    let mut finished = FINISHED.lock().expect("no panic under it");
    let finished = finished.get_or_insert_default();
    let algorithm = signer.algorithm(digest);
    let key = (signed.clone(), signer as usize, digest as usize, spoiled);
    let done = finished.entry(key).or_insert_with(|| {
        let mut signature = signer.sign(digest, &signed);
        if spoiled {
            // In the middle of a number, so that it stays a signature by its form.
            let middle = signature.len() * 3 / 4;
            signature[middle] ^= 1;
        }
        sequence(&[signed, algorithm, bits(&signature)])
    });
    done.clone()
}
