//! An identity made on the spot, so that the examples need no files and nothing in the repository expires.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, Error, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};

/// A server's certificate, its key, and the CA that vouches for it.
pub(crate) struct Fresh {
    /// What a client trusts.
    pub(crate) ca_pem: String,
    /// What a server shows.
    pub(crate) chain_pem: String,
    /// What a server keeps to itself.
    pub(crate) key_pem: String,
}

/// A new CA, and a certificate of it for `localhost`, 127.0.0.1 and ::1.
pub(crate) fn identity() -> Result<Fresh, Error> {
    let mut ca = CertificateParams::default();
    ca.distinguished_name.push(DnType::CommonName, "fresh CA");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate()?)?;

    let names = ["localhost", "127.0.0.1", "::1"].map(String::from);
    let mut server = CertificateParams::new(names)?;
    server.distinguished_name.push(DnType::CommonName, "localhost");
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let chain_pem = server.signed_by(&key, &ca)?.pem();
    Ok(Fresh { ca_pem: ca.pem(), chain_pem, key_pem: key.serialize_pem() })
}
