//! An authority that answers for the certificates that it issues, in every wrong way too: OCSP responses byte by byte.
// Each test is a crate of its own and uses only a part of this.
#![allow(dead_code)]

use std::time::{Duration, SystemTime};

use libssl::Identity;
use libssl::ocsp::{OcspCertId, OcspHash, OcspResponderId, OcspResponse};
use libssl::x509::{X509, X509Store, X509StoreBuilder};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, RevokedCertParams, SerialNumber, SigningKey,
    date_time_ymd,
};

use crate::common::identities::{named, revoking};

/// A certificate, and the key to it.
pub struct Holder {
    pub certificate: X509,
    pub pem: String,
    pub key: KeyPair,
}

impl Holder {
    fn new(certificate: &rcgen::Certificate, key: KeyPair) -> Self {
        let parsed = X509::from_der(certificate.der()).expect("a certificate");
        Self { certificate: parsed, pem: certificate.pem(), key }
    }

    /// What the crate calls an identity.
    pub fn identity(&self) -> Identity {
        Identity::from_pem(self.pem.as_bytes(), self.key.serialize_pem().as_bytes()).expect("an identity")
    }
}

/// One who issues certificates.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub holder: Holder,
}

/// What a certificate has beside the usual.
#[derive(Clone, Copy, Default)]
pub struct Wishes<'a> {
    /// The TLS feature "must staple".
    pub must_staple: bool,
    /// Where its responder is.
    pub responder: Option<&'a str>,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let (params, key) = (authority(name), key());
        let certificate = params.self_signed(&key).expect("a certificate");
        Self::with_key(params, key, &certificate)
    }

    fn with_key(params: CertificateParams, key: KeyPair, certificate: &rcgen::Certificate) -> Self {
        let again = KeyPair::from_pem(&key.serialize_pem()).expect("the same key");
        Self { issuer: Issuer::new(params, key), holder: Holder::new(certificate, again) }
    }

    /// A server's certificate for `localhost`, with this serial number.
    pub fn server(&self, serial: u64, wishes: Wishes<'_>) -> Holder {
        let mut params = named("localhost", &["localhost", "127.0.0.1"]);
        params.serial_number = Some(SerialNumber::from(serial));
        if wishes.must_staple {
            params.custom_extensions.push(extension(&[1, 3, 6, 1, 5, 5, 7, 1, 24], b"\x30\x03\x02\x01\x05"));
        }
        if let Some(url) = wishes.responder {
            let method = tlv(0x06, &[0x2b, 6, 1, 5, 5, 7, 48, 1]);
            let access = tlv(0x30, &tlv(0x30, &[method, tlv(0x86, url.as_bytes())].concat()));
            params.custom_extensions.push(extension(&[1, 3, 6, 1, 5, 5, 7, 1, 1], &access));
        }
        self.issue(params)
    }

    /// One who issues certificates in this authority's name.
    pub fn subordinate(&self, name: &str, serial: u64) -> Self {
        let mut params = authority(name);
        params.serial_number = Some(SerialNumber::from(serial));
        let key = key();
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Self::with_key(params, key, &certificate)
    }

    /// One who answers in this authority's place, if `may` is true.
    pub fn delegate(&self, may: bool) -> Holder {
        let mut params = named("the delegate", &[]);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        if may {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::OcspSigning];
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        self.issue(params)
    }

    fn issue(&self, params: CertificateParams) -> Holder {
        let key = key();
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Holder::new(&certificate, key)
    }

    /// The certificates of those who trust this authority.
    pub fn store(&self) -> X509Store {
        let mut builder = X509StoreBuilder::new().expect("a store");
        builder.add_cert(&self.holder.certificate).expect("a certificate");
        builder.build().expect("a store")
    }

    /// A response that is right in everything.
    pub fn good(&self, about: &Holder) -> Answer<'_> {
        Answer {
            about: OcspCertId::new(&about.certificate, &self.holder.certificate, &OcspHash::Sha1)
                .expect("an id"),
            status: Status::Good,
            this_update: SystemTime::now() - HOUR,
            next_update: Some(SystemTime::now() + HOUR),
            signer: &self.holder,
            certificates: Vec::new(),
            by_key: false,
            nonce: None,
        }
    }
}

pub const HOUR: Duration = Duration::from_secs(3600);

/// What an answer says.
#[derive(Clone, Copy)]
pub enum Status {
    Good,
    Revoked(Option<u8>),
    Unknown,
}

/// A response to be made.
pub struct Answer<'a> {
    pub about: OcspCertId,
    pub status: Status,
    pub this_update: SystemTime,
    pub next_update: Option<SystemTime>,
    pub signer: &'a Holder,
    pub certificates: Vec<&'a Holder>,
    pub by_key: bool,
    pub nonce: Option<Vec<u8>>,
}

/// The object identifiers of the two hashes, encoded.
const SHA1: &[u8] = &[0x2b, 0x0e, 3, 2, 0x1a];
const SHA256: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
const ECDSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const BASIC: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 48, 1, 1];
const NONCE: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 48, 1, 2];

impl Answer<'_> {
    /// The response in DER.
    pub fn der(&self) -> Vec<u8> {
        assemble(&self.single(), self)
    }

    /// The response as the crate parses it.
    pub fn response(&self) -> OcspResponse {
        OcspResponse::from_der(&self.der()).expect("a response")
    }

    /// What it says about its certificate.
    pub fn single(&self) -> Vec<u8> {
        let hash = if *self.about.hash() == OcspHash::Sha1 { SHA1 } else { SHA256 };
        let algorithm = tlv(0x30, &[tlv(0x06, hash), tlv(0x05, b"")].concat());
        let id = [
            algorithm,
            tlv(0x04, self.about.issuer_name_hash()),
            tlv(0x04, self.about.issuer_key_hash()),
            tlv(0x02, &number(self.about.serial())),
        ];
        let status = match self.status {
            Status::Good => tlv(0x80, b""),
            Status::Unknown => tlv(0x82, b""),
            Status::Revoked(reason) => {
                let reason = reason.map(|reason| tlv(0xa0, &tlv(0x0a, &[reason]))).unwrap_or_default();
                tlv(0xa1, &[time(SystemTime::now() - 2 * HOUR), reason].concat())
            }
        };
        let next = self.next_update.map(|next| tlv(0xa0, &time(next))).unwrap_or_default();
        tlv(0x30, &[tlv(0x30, &id.concat()), status, time(self.this_update), next].concat())
    }
}

/// A signed response of single responses.
pub fn assemble(singles: &[u8], answer: &Answer<'_>) -> Vec<u8> {
    let certificate = &answer.signer.certificate;
    let id = if answer.by_key {
        OcspResponderId::by_key(certificate)
    } else {
        OcspResponderId::by_name(certificate)
    };
    let id = match id.expect("an id") {
        OcspResponderId::Name(name) => tlv(0xa1, &name),
        OcspResponderId::KeyHash(hash) => tlv(0xa2, &tlv(0x04, &hash)),
        other => panic!("{other:?}"),
    };
    let extensions = answer.nonce.as_ref().map(|nonce| {
        let nonce = tlv(0x30, &[tlv(0x06, NONCE), tlv(0x04, &tlv(0x04, nonce))].concat());
        tlv(0xa1, &tlv(0x30, &nonce))
    });
    let data = [id, time(SystemTime::now()), tlv(0x30, singles), extensions.unwrap_or_default()].concat();
    let data = tlv(0x30, &data);
    let mut signature = vec![0];
    signature.extend(answer.signer.key.sign(&data).expect("a signature"));
    let certificates: Vec<u8> =
        answer.certificates.iter().flat_map(|holder| holder.certificate.to_der().expect("DER")).collect();
    let certificates =
        if certificates.is_empty() { Vec::new() } else { tlv(0xa0, &tlv(0x30, &certificates)) };
    let basic =
        [data, tlv(0x30, &tlv(0x06, ECDSA_WITH_SHA256)), tlv(0x03, &signature), certificates].concat();
    let bytes = tlv(0x30, &[tlv(0x06, BASIC), tlv(0x04, &tlv(0x30, &basic))].concat());
    tlv(0x30, &[tlv(0x0a, &[0]), tlv(0xa0, &bytes)].concat())
}

/// A response that is no answer.
pub fn unsuccessful(status: u8) -> Vec<u8> {
    tlv(0x30, &tlv(0x0a, &[status]))
}

/// A value in DER.
pub fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
    let mut der = vec![tag];
    match contents.len() {
        len @ 0..=0x7f => der.push(len as u8),
        len @ 0x80..=0xff => der.extend([0x81, len as u8]),
        len => der.extend([0x82, (len >> 8) as u8, len as u8]),
    }
    der.extend(contents);
    der
}

fn number(magnitude: &[u8]) -> Vec<u8> {
    let sign = magnitude.first().is_some_and(|first| *first >= 0x80).then_some(0);
    sign.into_iter().chain(magnitude.iter().copied()).collect()
}

/// A GeneralizedTime.
fn time(moment: SystemTime) -> Vec<u8> {
    let seconds = moment.duration_since(SystemTime::UNIX_EPOCH).expect("a time after 1970").as_secs();
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // The calendar that begins with March, so that the leap day is a year's last.
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = (era * 400 + year + month / 10, if month < 10 { month + 3 } else { month - 9 });
    let text =
        format!("{year:04}{month:02}{day:02}{:02}{:02}{:02}Z", second / 3600, second / 60 % 60, second % 60);
    tlv(0x18, text.as_bytes())
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages =
        vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    params
}

fn extension(oid: &[u64], contents: &[u8]) -> CustomExtension {
    CustomExtension::from_oid_content(oid, contents.to_vec())
}

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key")
}

impl Authority {
    /// A list of these serial numbers, in PEM.
    pub fn crl(&self, serials: &[Vec<u8>]) -> String {
        let revoked = |serial: &Vec<u8>| RevokedCertParams {
            serial_number: SerialNumber::from_slice(serial),
            revocation_time: date_time_ymd(2001, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = revoking(serials.iter().map(revoked).collect());
        list.signed_by(&self.issuer).and_then(|list| list.pem()).expect("a list")
    }
}
