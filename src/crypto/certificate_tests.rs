//! Tests of our own certificates.

use openssl::rsa::Rsa;
use openssl::x509::X509;

use super::*;

const NOW: Duration = Duration::from_secs(1_700_000_000);

fn generate(seed: u8) -> Certificate {
    Certificate::generate(&Seed::from_bytes([seed; 32]), NOW).unwrap()
}

#[test]
fn openssl_reads_and_verifies_what_we_wrote() {
    let certificate = generate(1);
    let x509 = X509::from_der(certificate.der()).unwrap();
    assert!(x509.verify(&certificate.inner.key).unwrap());
    assert_eq!(x509.not_before().to_string(), "Nov 13 22:13:20 2023 GMT");
    assert_eq!(x509.not_after().to_string(), "Dec 14 22:13:20 2023 GMT");
    assert_eq!(x509.version(), 2);
    assert_eq!(x509.subject_name().entries().count(), 1);
    assert_eq!(x509.to_der().unwrap(), certificate.der().as_ref());
}

#[test]
fn dates_after_2049_are_written_in_full() {
    let certificate =
        Certificate::generate(&Seed::from_bytes([1; 32]), Duration::from_secs(2_524_608_000)).unwrap();
    let x509 = X509::from_der(certificate.der()).unwrap();
    assert_eq!(x509.not_before().to_string(), "Dec 31 00:00:00 2049 GMT");
    assert_eq!(x509.not_after().to_string(), "Jan 31 00:00:00 2050 GMT");
}

#[test]
fn the_calendar_knows_leap_days() {
    assert_eq!(civil(0), (1970, 1, 1));
    assert_eq!(civil(11_016), (2000, 2, 29));
    assert_eq!(civil(11_017), (2000, 3, 1));
    assert_eq!(civil(47_541), (2100, 3, 1));
    assert_eq!(civil(2_932_896), (9999, 12, 31));
    assert!(Certificate::generate(&Seed::from_bytes([1; 32]), Duration::MAX).is_ok());
    assert!(Certificate::generate(&Seed::from_bytes([1; 32]), Duration::ZERO).is_ok());
}

#[test]
fn the_end_of_validity_is_read_as_it_was_written() {
    let seed = Seed::from_bytes([1; 32]);
    // Both forms of dates, leap days, the turn of a century, and the day itself.
    for expires in [0, 951_782_399, 951_868_800, 1_709_164_800, 2_524_607_999, 2_524_608_000, 4_107_542_400] {
        let expires = Duration::from_secs(expires);
        let certificate = Certificate::generate_until(&seed, NOW, expires).unwrap();
        assert_eq!(certificate.expires(), Some(expires));
    }
    // W3C WebRTC §4.10.2: thirty days where nothing is asked for.
    assert_eq!(generate(1).expires(), Some(NOW + Duration::from_secs(30 * 86_400)));
    for (tag, text) in [
        (der::UTC_TIME, &b"250101000000"[..]),
        (der::UTC_TIME, b"2501010000Z"),
        (der::UTC_TIME, b"20250101000000Z"),
        (der::UTC_TIME, b"25-101000000Z"),
        (der::GENERALIZED_TIME, b"250101000000Z"),
        (der::UTF8_STRING, b"250101000000Z"),
        (der::GENERALIZED_TIME, b"19691231235959Z"),
    ] {
        assert_eq!(read_time(tag, text), None, "{text:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_key_and_another_seed_another() {
    let spki = |certificate: &Certificate| der::certificate(certificate.der()).unwrap().key.to_vec();
    assert_eq!(spki(&generate(1)), spki(&generate(1)));
    assert_ne!(spki(&generate(1)), spki(&generate(2)));
}

#[cfg(feature = "sim")]
#[test]
fn a_deterministic_certificate_is_the_same_to_the_byte() {
    let (a, b) = (generate(1).into_deterministic(), generate(1).into_deterministic());
    assert_eq!(a.der(), b.der());
    let scheme = SignatureScheme::EcdsaP256Sha256;
    assert_eq!(a.sign(scheme, b"message").unwrap(), b.sign(scheme, b"message").unwrap());
    let key = PublicKey::from_certificate_der(a.der()).unwrap();
    key.verify(scheme, b"message", &a.sign(scheme, b"message").unwrap()).unwrap();
    assert!(X509::from_der(a.der()).unwrap().verify(&a.inner.key).unwrap());
}

#[test]
fn pem_survives_a_round_trip() {
    let certificate = generate(3);
    let (cert, key) = certificate.to_pem().unwrap();
    assert_eq!(X509::from_pem(cert.as_bytes()).unwrap().to_der().unwrap(), certificate.der().as_ref());
    let read = Certificate::from_pem(cert.as_bytes(), key.as_bytes()).unwrap();
    assert_eq!(read.der(), certificate.der());
    assert_eq!(read.schemes(), [SignatureScheme::EcdsaP256Sha256]);
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let (cert, _) = generate(3).to_pem().unwrap();
    let (_, key) = generate(4).to_pem().unwrap();
    assert_eq!(Certificate::from_pem(cert.as_bytes(), key.as_bytes()).unwrap_err(), CryptoError::KeyMismatch);
    assert!(Certificate::from_pem(b"", b"").is_err());
    assert!(Certificate::from_pem(cert.as_bytes(), cert.as_bytes()).is_err());
}

/// A certificate that OpenSSL made for `key`.
fn foreign(key: &PKey<Private>, ed25519: bool) -> Vec<u8> {
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.set_not_before(&openssl::asn1::Asn1Time::from_unix(0).unwrap()).unwrap();
    builder.set_not_after(&openssl::asn1::Asn1Time::from_unix(1 << 32).unwrap()).unwrap();
    let digest =
        if ed25519 { openssl::hash::MessageDigest::null() } else { openssl::hash::MessageDigest::sha256() };
    builder.sign(key, digest).unwrap();
    builder.build().to_der().unwrap()
}

#[test]
fn every_kind_of_key_signs_by_each_of_its_schemes() {
    let p384 = EcKey::generate(ecdh::curve(Nid::SECP384R1).unwrap()).unwrap();
    let keys = [
        (PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap(), KeyAlgorithm::Rsa),
        (PKey::from_ec_key(p384).unwrap(), KeyAlgorithm::EcdsaP384),
        (PKey::generate_ed25519().unwrap(), KeyAlgorithm::Ed25519),
    ];
    for (key, algorithm) in keys {
        let der = foreign(&key, algorithm == KeyAlgorithm::Ed25519);
        let certificate = Certificate::from_der(&der, &key.private_key_to_pkcs8().unwrap()).unwrap();
        assert_eq!(certificate.algorithm(), algorithm);
        let public = PublicKey::from_certificate_der(&der).unwrap();
        for scheme in SignatureScheme::ALL {
            if certificate.schemes().contains(&scheme) {
                let signature = certificate.sign(scheme, b"message").unwrap();
                public.verify(scheme, b"message", &signature).unwrap();
                assert_eq!(public.verify(scheme, b"massage", &signature), Err(CryptoError::BadSignature));
                assert!(public.verify(scheme, b"message", &[]).is_err());
            }
        }
        let foreign = if algorithm == KeyAlgorithm::Rsa {
            SignatureScheme::Ed25519
        } else {
            SignatureScheme::RsaPssSha256
        };
        assert_eq!(certificate.sign(foreign, b"message"), Err(CryptoError::WrongScheme));
        assert_eq!(public.verify(foreign, b"message", b"signature"), Err(CryptoError::WrongScheme));
    }
}

#[test]
fn a_signature_with_bytes_after_it_is_refused() {
    let certificate = generate(1);
    let scheme = SignatureScheme::EcdsaP256Sha256;
    let mut signature = certificate.sign(scheme, b"message").unwrap();
    signature.push(0);
    let key = PublicKey::from_certificate_der(certificate.der()).unwrap();
    assert_eq!(key.verify(scheme, b"message", &signature), Err(CryptoError::BadSignature));
}

#[test]
fn no_truncation_or_changed_byte_of_a_certificate_panics() {
    let certificate = generate(1);
    for len in 0..certificate.der().len() {
        assert!(PublicKey::from_certificate_der(&certificate.der()[..len]).is_err());
    }
    for at in 0..certificate.der().len() {
        for value in [0, 0x30, 0x7f, 0x80, 0x84, 0xff] {
            let mut der = certificate.der().to_vec();
            der[at] = value;
            let _unchecked = PublicKey::from_certificate_der(&der).map(|key| key.algorithm());
        }
    }
}
