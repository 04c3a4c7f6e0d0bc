//! Objects without a reference count: C's own is taken over or copied, and a copy is given back.

use libssl::bio::Channel;
use libssl::ocsp::{OcspRequest, OcspResponse, OcspResponseStatus};
use libssl::x509::{Pkcs12, Pkcs12Ref, X509, X509Name, X509NameRef, X509VerifyParam, X509VerifyParamRef};
use libssl::{ErrorKind, Handshake};
use openssl_sys as sys;

use crate::common::pki;

fn certificate() -> X509 {
    X509::from_pem(pki().localhost.chain_pem.as_bytes()).unwrap()
}

fn ca() -> X509 {
    X509::from_pem(pki().ca_pem.as_bytes()).unwrap()
}

#[test]
fn a_name_is_copied_lent_and_given_back() {
    let certificate = ca();
    // SAFETY: the certificate is live, and lends its name (get0), which has been encoded; the copy is this test's.
    unsafe {
        let lent = sys::X509_get_subject_name(certificate.as_ptr());
        let copy = X509Name::copy_from_ptr(lent).unwrap();
        assert_ne!(copy.as_ptr(), lent);
        assert_eq!(X509NameRef::from_ptr(lent).to_string(), copy.to_string());
        drop(certificate);
        assert!(!copy.to_string().is_empty(), "the copy outlives it");
        let back = copy.into_ptr();
        drop(X509Name::from_ptr(back));
    }
}

#[test]
fn verify_parameters_are_copied_lent_and_given_back() {
    // SAFETY: the parameters are this test's.
    unsafe {
        let c = sys::X509_VERIFY_PARAM_new();
        assert_eq!(sys::X509_VERIFY_PARAM_set1_host(c, c"example.org".as_ptr(), 0), 1);
        let mut copy = X509VerifyParam::copy_from_ptr(c).unwrap();
        assert_eq!(copy.hosts(), [c"example.org"]);
        copy.set_host("example.com").unwrap();
        assert_eq!(X509VerifyParamRef::from_ptr(c).hosts(), [c"example.org"], "C's is C's");
        X509VerifyParamRef::from_ptr_mut(c).add_host("example.net").unwrap();

        let ours = X509VerifyParam::from_ptr(c);
        assert_eq!(ours.hosts(), [c"example.org", c"example.net"]);
        let back = ours.into_ptr();
        assert_eq!(back, c);
        sys::X509_VERIFY_PARAM_free(back);
    }
}

#[test]
fn a_pkcs_12_file_is_copied_lent_and_given_back() {
    let (key, certificate) = {
        let key = libssl::x509::PKey::from_pem(pki().localhost.key_pem.as_bytes(), None).unwrap();
        (key, certificate())
    };
    // Without encryption and MAC, for which FIPS 140 has no algorithm.
    // SAFETY: the key and the certificate are live, and C takes references of its own; the file is this test's.
    unsafe {
        let c = sys::PKCS12_create(
            c"secret".as_ptr(),
            c"name".as_ptr(),
            key.as_ptr(),
            certificate.as_ptr(),
            std::ptr::null_mut(),
            -1,
            -1,
            0,
            -1,
            0,
        );
        assert!(!c.is_null());
        let copy = Pkcs12::copy_from_ptr(c).unwrap();
        assert_eq!(Pkcs12Ref::from_ptr(c).to_der().unwrap(), copy.to_der().unwrap());
        let ours = Pkcs12::from_ptr(c);
        drop(ours);
        let back = copy.into_ptr();
        assert!(!Pkcs12Ref::from_ptr(back).has_mac());
        sys::PKCS12_free(back);
    }
}

/// Skips where OpenSSL was built without OCSP.
fn has_ocsp<T>(result: Result<T, libssl::Error>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) if error.kind() == ErrorKind::Unsupported => None,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn an_ocsp_request_goes_to_c_and_back() {
    let Some(request) = has_ocsp(OcspRequest::for_certificate(&certificate(), &ca())) else { return };
    let c = request.clone().into_ptr().unwrap();
    // SAFETY: the request is live and this test's.
    unsafe {
        assert_eq!(OcspRequest::copy_from_ptr(c).unwrap(), request);
        assert_eq!(OcspRequest::copy_from_ptr(c).unwrap(), request, "it is still C's");
        assert_eq!(OcspRequest::from_ptr(c).unwrap(), request);
    }
}

#[test]
fn an_ocsp_response_goes_to_c_and_back() {
    // `OCSPResponse` with the status tryLater, and nothing else.
    let Some(response) = has_ocsp(OcspResponse::from_der(&[0x30, 3, 0x0a, 1, 3])) else { return };
    let c = response.clone().into_ptr().unwrap();
    // SAFETY: the response is live and this test's.
    unsafe {
        let copy = OcspResponse::copy_from_ptr(c).unwrap();
        assert_eq!((&copy, copy.status()), (&response, OcspResponseStatus::TryLater));
        assert_eq!(OcspResponse::from_ptr(c).unwrap(), response);
    }
}

// Where OpenSSL was built with OCSP.
#[cfg(not(absent = "OCSP_resp_count"))]
mod stapled {
    use libssl::ocsp::{OcspBasicResponse, OcspCertId, OcspHash, OcspResponderId};
    use openssl_sys_ext as ext;

    use super::*;

    #[test]
    fn an_ocsp_name_and_a_responder_of_cs_are_copied() {
        let Some(id) = has_ocsp(OcspCertId::new(&certificate(), &ca(), &OcspHash::Sha1)) else { return };
        let (certificate, ca) = (certificate(), ca());
        // SAFETY: the certificates are live; what C makes of them is this test's, and freed once.
        unsafe {
            let c = sys::OCSP_cert_to_id(std::ptr::null(), certificate.as_ptr(), ca.as_ptr());
            assert_eq!(OcspCertId::copy_from_ptr(c).unwrap(), id);
            sys::OCSP_CERTID_free(c);
        }
        let responder = OcspResponderId::by_key(&ca).unwrap();
        let c = responder.clone().into_ptr().unwrap();
        // SAFETY: the responder is this test's.
        unsafe {
            assert_eq!(OcspResponderId::copy_from_ptr(c).unwrap(), responder);
            ext::OCSP_RESPID_free(c);
        }
    }

    /// One that says nothing of any certificate, but is one.
    #[test]
    fn what_a_response_of_cs_says_is_copied() {
        unsafe extern "C" {
            fn OCSP_basic_sign(
                basic: *mut sys::OCSP_BASICRESP,
                signer: *mut sys::X509,
                key: *mut sys::EVP_PKEY,
                digest: *const sys::EVP_MD,
                certificates: *mut sys::stack_st_X509,
                flags: std::ffi::c_ulong,
            ) -> std::ffi::c_int;
        }
        let key = libssl::x509::PKey::from_pem(pki().localhost.key_pem.as_bytes(), None).unwrap();
        let certificate = certificate();
        // SAFETY: the objects are live, and C takes references of its own or copies; the response is this test's.
        let copy = unsafe {
            let basic = sys::OCSP_BASICRESP_new();
            let signed = OCSP_basic_sign(
                basic,
                certificate.as_ptr(),
                key.as_ptr(),
                sys::EVP_sha256(),
                std::ptr::null_mut(),
                0,
            );
            assert_eq!(signed, 1);
            let copy = OcspBasicResponse::copy_from_ptr(basic).unwrap();
            sys::OCSP_BASICRESP_free(basic);
            copy
        };
        assert!(copy.responses().is_empty());
        assert_eq!(copy.certificates().len(), 1);
        assert_eq!(copy.certificates()[0].to_der().unwrap(), certificate.to_der().unwrap());
    }
}

/// What a handshake over any channel lends is no obstacle to its crossing.
#[test]
fn the_channels_that_go_to_c_are_those_that_a_bio_can_own() {
    fn crosses<C: libssl::bio::BioOwned>() {}
    fn runs<C: Channel>() -> usize {
        size_of::<Handshake<C>>()
    }
    crosses::<std::net::TcpStream>();
    crosses::<libssl::bio::ReadAhead<std::net::TcpStream>>();
    crosses::<libssl::bio::Socket<'static>>();
    crosses::<libssl::bio::Existing>();
    assert!(runs::<libssl::bio::Pair>() > 0);
}
