//! The few keys that all chains share, and what is signed with them.

use std::sync::OnceLock;

use openssl::ec::{Asn1Flag, EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Signer;

use super::der::{oid, sequence, value};

/// Whose key. It is made once a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Root,
    OtherRoot,
    Intermediate,
    OtherIntermediate,
    Leaf,
    OtherLeaf,
    Rsa2048,
    Rsa1024,
    Rsa512,
    Rsa1024Ca,
    P384,
    Ed25519,
    /// P-256 with its parameters written out, as RFC 5480 forbids.
    Explicit,
}

/// What is signed: the digest of it, or for Ed25519 the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digest {
    Sha256,
    Sha1,
    Md5,
}

impl Key {
    /// The key pair.
    pub fn pair(self) -> &'static PKey<Private> {
        static KEYS: [OnceLock<PKey<Private>>; 13] = [const { OnceLock::new() }; 13];
        KEYS[self as usize].get_or_init(|| match self {
            Self::Rsa2048 => rsa(2048),
            Self::Rsa1024 | Self::Rsa1024Ca => rsa(1024),
            Self::Rsa512 => rsa(512),
            Self::P384 => elliptic(Nid::SECP384R1, Asn1Flag::NAMED_CURVE),
            Self::Ed25519 => PKey::generate_ed25519().expect("a key"),
            Self::Explicit => elliptic(Nid::X9_62_PRIME256V1, Asn1Flag::EXPLICIT_CURVE),
            _ => elliptic(Nid::X9_62_PRIME256V1, Asn1Flag::NAMED_CURVE),
        })
    }

    /// The private key as PKCS #8 in DER.
    pub fn pkcs8(self) -> Vec<u8> {
        self.pair().private_key_to_pkcs8().expect("its encoding")
    }

    /// The SubjectPublicKeyInfo in DER.
    pub fn public(self) -> Vec<u8> {
        self.pair().public_key_to_der().expect("its encoding")
    }

    /// What names the key in certificates: nothing demands that it be a hash.
    pub fn identifier(self) -> Vec<u8> {
        format!("key of {self:?}").into_bytes()
    }

    /// The AlgorithmIdentifier of a signature.
    pub fn algorithm(self, digest: Digest) -> Vec<u8> {
        let rsa = |last: u8| sequence(&[oid(&format!("1.2.840.113549.1.1.{last}")), value(0x05, &[])]);
        match (self, digest) {
            (Self::Ed25519, _) => sequence(&[oid("1.3.101.112")]),
            (Self::Rsa2048 | Self::Rsa1024 | Self::Rsa512 | Self::Rsa1024Ca, digest) => match digest {
                Digest::Sha256 => rsa(11),
                Digest::Sha1 => rsa(5),
                Digest::Md5 => rsa(4),
            },
            (_, Digest::Sha256) => sequence(&[oid("1.2.840.10045.4.3.2")]),
            (_, Digest::Sha1) => sequence(&[oid("1.2.840.10045.4.1")]),
            (_, Digest::Md5) => panic!("no identifier says ECDSA with MD5"),
        }
    }

    /// Signs.
    pub fn sign(self, digest: Digest, message: &[u8]) -> Vec<u8> {
        let signer = match (self, digest) {
            (Self::Ed25519, _) => Signer::new_without_digest(self.pair()),
            (_, Digest::Sha256) => Signer::new(MessageDigest::sha256(), self.pair()),
            (_, Digest::Sha1) => Signer::new(MessageDigest::sha1(), self.pair()),
            (_, Digest::Md5) => Signer::new(MessageDigest::md5(), self.pair()),
        };
        signer.and_then(|mut signer| signer.sign_oneshot_to_vec(message)).expect("a signature")
    }
}

fn rsa(bits: u32) -> PKey<Private> {
    Rsa::generate(bits).and_then(PKey::from_rsa).expect("a key")
}

fn elliptic(curve: Nid, flag: Asn1Flag) -> PKey<Private> {
    let mut group = EcGroup::from_curve_name(curve).expect("a curve");
    group.set_asn1_flag(flag);
    EcKey::generate(&group).and_then(PKey::from_ec_key).expect("a key")
}
