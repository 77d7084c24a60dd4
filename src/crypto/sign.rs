//! Signatures: verifying with the key of a peer's certificate, and signing with our own.

use core::fmt;

use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcKey, EcPoint};
use openssl::ecdsa::EcdsaSig;
use openssl::md::{Md, MdRef};
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, PKeyRef, Private, Public};
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::{Padding, Rsa};
use openssl::sign::{RsaPssSaltlen, Signer, Verifier};

use super::der;
use super::digest::{sha256, sha384, sha512};
use super::ecdh;
use super::error::CryptoError;
use crate::base::reader::Reader;

/// A TLS signature scheme (RFC 8446 §4.2.3). The discriminant is its code on the wire.
///
/// In TLS 1.2 the `Ecdsa` schemes name the hash only, and any curve may go with them (RFC 5246 §7.4.1.4.1); TLS 1.3
/// binds the curve: see [`SignatureScheme::fits_tls13`].
///
/// ```
/// use antiphon::crypto::sign::SignatureScheme;
/// assert_eq!(SignatureScheme::from_code(0x0403), Some(SignatureScheme::EcdsaP256Sha256));
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum SignatureScheme {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RsaPkcs1Sha256 = 0x0401,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RsaPkcs1Sha384 = 0x0501,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RsaPkcs1Sha512 = 0x0601,
    /// ECDSA with SHA-256 (on P-256 in TLS 1.3).
    EcdsaP256Sha256 = 0x0403,
    /// ECDSA with SHA-384 (on P-384 in TLS 1.3).
    EcdsaP384Sha384 = 0x0503,
    /// RSASSA-PSS with SHA-256 and a key of the common kind.
    RsaPssSha256 = 0x0804,
    /// RSASSA-PSS with SHA-384 and a key of the common kind.
    RsaPssSha384 = 0x0805,
    /// RSASSA-PSS with SHA-512 and a key of the common kind.
    RsaPssSha512 = 0x0806,
    /// Ed25519.
    Ed25519 = 0x0807,
}

impl SignatureScheme {
    /// Every scheme that can be verified, best first.
    pub const ALL: [Self; 9] = [
        Self::EcdsaP256Sha256,
        Self::Ed25519,
        Self::RsaPssSha256,
        Self::RsaPkcs1Sha256,
        Self::EcdsaP384Sha384,
        Self::RsaPssSha384,
        Self::RsaPkcs1Sha384,
        Self::RsaPssSha512,
        Self::RsaPkcs1Sha512,
    ];

    /// The scheme of a code, if it is one of ours.
    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|scheme| scheme.code() == code)
    }

    /// The code on the wire.
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// Whether a key of this algorithm may sign by this scheme in TLS 1.3: the curve is bound, and PKCS#1 is gone.
    pub const fn fits_tls13(self, key: KeyAlgorithm) -> bool {
        matches!(
            (self, key),
            (Self::EcdsaP256Sha256, KeyAlgorithm::EcdsaP256)
                | (Self::EcdsaP384Sha384, KeyAlgorithm::EcdsaP384)
                | (Self::RsaPssSha256 | Self::RsaPssSha384 | Self::RsaPssSha512, KeyAlgorithm::Rsa)
                | (Self::Ed25519, KeyAlgorithm::Ed25519)
        )
    }

    const fn hash(self) -> SchemeHash {
        match self {
            Self::RsaPkcs1Sha256 | Self::EcdsaP256Sha256 | Self::RsaPssSha256 => SchemeHash::Sha256,
            Self::RsaPkcs1Sha384 | Self::EcdsaP384Sha384 | Self::RsaPssSha384 => SchemeHash::Sha384,
            Self::RsaPkcs1Sha512 | Self::RsaPssSha512 | Self::Ed25519 => SchemeHash::Sha512,
        }
    }

    const fn kind(self) -> Kind {
        match self {
            Self::EcdsaP256Sha256 | Self::EcdsaP384Sha384 => Kind::Ecdsa,
            Self::RsaPkcs1Sha256 | Self::RsaPkcs1Sha384 | Self::RsaPkcs1Sha512 => Kind::RsaPkcs1,
            Self::RsaPssSha256 | Self::RsaPssSha384 | Self::RsaPssSha512 => Kind::RsaPss,
            Self::Ed25519 => Kind::Ed25519,
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Ecdsa,
    RsaPkcs1,
    RsaPss,
    Ed25519,
}

#[derive(Clone, Copy)]
enum SchemeHash {
    Sha256,
    Sha384,
    Sha512,
}

impl SchemeHash {
    /// The digest, of which the first part is meaningful, and its length.
    fn digest(self, message: &[u8]) -> ([u8; 64], usize) {
        fn pad<const N: usize>(digest: [u8; N]) -> ([u8; 64], usize) {
            let mut out = [0; 64];
            for (to, from) in out.iter_mut().zip(digest) {
                *to = from;
            }
            (out, N)
        }
        match self {
            Self::Sha256 => pad(sha256(&[message])),
            Self::Sha384 => pad(sha384(&[message])),
            Self::Sha512 => pad(sha512(&[message])),
        }
    }

    fn md(self) -> &'static MdRef {
        match self {
            Self::Sha256 => Md::sha256(),
            Self::Sha384 => Md::sha384(),
            Self::Sha512 => Md::sha512(),
        }
    }
}

/// What kind of key a certificate holds.
///
/// ```
/// use antiphon::crypto::sign::{KeyAlgorithm, SignatureScheme};
/// assert_eq!(KeyAlgorithm::Ed25519.schemes(), [SignatureScheme::Ed25519]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyAlgorithm {
    /// ECDSA on secp256r1.
    EcdsaP256,
    /// ECDSA on secp384r1.
    EcdsaP384,
    /// RSA of 1024 to 8192 bits.
    Rsa,
    /// Ed25519.
    Ed25519,
}

impl KeyAlgorithm {
    /// The schemes a key of this kind may sign by, best first.
    pub const fn schemes(self) -> &'static [SignatureScheme] {
        match self {
            Self::EcdsaP256 => &[SignatureScheme::EcdsaP256Sha256],
            Self::EcdsaP384 => &[SignatureScheme::EcdsaP384Sha384],
            Self::Rsa => &[
                SignatureScheme::RsaPssSha256,
                SignatureScheme::RsaPkcs1Sha256,
                SignatureScheme::RsaPssSha384,
                SignatureScheme::RsaPkcs1Sha384,
            ],
            Self::Ed25519 => &[SignatureScheme::Ed25519],
        }
    }
}

/// Smallest RSA modulus we verify with. Browsers still make 1024-bit certificates when asked to.
const MIN_RSA_BITS: i32 = 1024;
/// Largest one: the work grows with the cube, and the peer chooses.
const MAX_RSA_BITS: i32 = 8192;
/// Largest public exponent, for the same reason.
const MAX_RSA_EXPONENT_BITS: i32 = 64;

const OID_EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const OID_P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const OID_P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const OID_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const OID_ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// The public key of a certificate.
///
/// ```
/// use antiphon::Seed;
/// use antiphon::crypto::{Certificate, sign::PublicKey};
///
/// let certificate = Certificate::generate(&Seed::from_bytes([1; 32]), core::time::Duration::from_secs(1_700_000_000))?;
/// let scheme = certificate.schemes()[0];
/// let signature = certificate.sign(scheme, b"message")?;
/// let key = PublicKey::from_certificate_der(certificate.der())?;
/// key.verify(scheme, b"message", &signature)?;
/// assert!(key.verify(scheme, b"another", &signature).is_err());
/// # Ok::<(), antiphon::crypto::CryptoError>(())
/// ```
#[derive(Clone)]
pub struct PublicKey(PublicState);

#[derive(Clone)]
enum PublicState {
    Ec(KeyAlgorithm, EcKey<Public>),
    Rsa(PKey<Public>),
    Ed25519(PKey<Public>),
}

impl PublicKey {
    /// The key of a certificate. Its names, dates and signature are not looked at.
    ///
    /// # Errors
    /// [`CryptoError::Malformed`] for bytes that are no certificate, [`CryptoError::UnsupportedKey`] for a key of a
    /// kind or size that is none of ours, [`CryptoError::BadPublicKey`] for a point off its curve.
    pub fn from_certificate_der(certificate: &[u8]) -> Result<Self, CryptoError> {
        let parts = der::certificate(certificate)?;
        Self::from_parts(parts.key_algorithm, parts.key)
    }

    /// The key of a `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    /// As [`PublicKey::from_certificate_der`].
    pub fn from_spki_der(spki: &[u8]) -> Result<Self, CryptoError> {
        let malformed = CryptoError::Malformed("public key");
        let mut outer = Reader::new(spki);
        let mut info = der::expect(&mut outer, der::SEQUENCE).ok_or(malformed)?;
        let algorithm = der::expect(&mut info, der::SEQUENCE).ok_or(malformed)?;
        let mut key = der::expect(&mut info, der::BIT_STRING).ok_or(malformed)?;
        if key.u8() != Some(0) || !info.is_empty() || !outer.is_empty() {
            return Err(malformed);
        }
        Self::from_parts(algorithm, key.rest())
    }

    fn from_parts(mut algorithm: Reader<'_>, key: &[u8]) -> Result<Self, CryptoError> {
        let oid = der::expect(&mut algorithm, der::OID).ok_or(CryptoError::Malformed("key algorithm"))?;
        match oid.rest() {
            OID_EC => {
                let curve = der::expect(&mut algorithm, der::OID).ok_or(CryptoError::UnsupportedKey)?;
                match curve.rest() {
                    OID_P256 => Self::ec(KeyAlgorithm::EcdsaP256, Nid::X9_62_PRIME256V1, key),
                    OID_P384 => Self::ec(KeyAlgorithm::EcdsaP384, Nid::SECP384R1, key),
                    _ => Err(CryptoError::UnsupportedKey),
                }
            }
            OID_RSA => Self::rsa(key),
            OID_ED25519 => {
                let key = PKey::public_key_from_raw_bytes(key, Id::ED25519);
                Ok(Self(PublicState::Ed25519(key.map_err(|_| CryptoError::BadPublicKey)?)))
            }
            _ => Err(CryptoError::UnsupportedKey),
        }
    }

    fn ec(algorithm: KeyAlgorithm, nid: Nid, point: &[u8]) -> Result<Self, CryptoError> {
        let group = ecdh::curve(nid)?;
        let mut ctx = BigNumContext::new()?;
        let point = EcPoint::from_bytes(group, point, &mut ctx).map_err(|_| CryptoError::BadPublicKey)?;
        if point.is_infinity(group) {
            return Err(CryptoError::BadPublicKey);
        }
        Ok(Self(PublicState::Ec(algorithm, EcKey::from_public_key(group, &point)?)))
    }

    fn rsa(key: &[u8]) -> Result<Self, CryptoError> {
        let malformed = CryptoError::Malformed("public key");
        let mut outer = Reader::new(key);
        let mut content = der::expect(&mut outer, der::SEQUENCE).ok_or(malformed)?;
        let modulus = der::expect(&mut content, der::INTEGER).ok_or(malformed)?;
        let exponent = der::expect(&mut content, der::INTEGER).ok_or(malformed)?;
        if !content.is_empty() || !outer.is_empty() {
            return Err(malformed);
        }
        let modulus = BigNum::from_slice(modulus.rest())?;
        let exponent = BigNum::from_slice(exponent.rest())?;
        let sized = (MIN_RSA_BITS..=MAX_RSA_BITS).contains(&modulus.num_bits())
            && (2..=MAX_RSA_EXPONENT_BITS).contains(&exponent.num_bits());
        if !sized || !modulus.is_bit_set(0) || !exponent.is_bit_set(0) {
            return Err(CryptoError::UnsupportedKey);
        }
        Ok(Self(PublicState::Rsa(PKey::from_rsa(Rsa::from_public_components(modulus, exponent)?)?)))
    }

    /// What kind of key this is.
    pub const fn algorithm(&self) -> KeyAlgorithm {
        match &self.0 {
            PublicState::Ec(algorithm, _) => *algorithm,
            PublicState::Rsa(_) => KeyAlgorithm::Rsa,
            PublicState::Ed25519(_) => KeyAlgorithm::Ed25519,
        }
    }

    /// Checks a signature of the message under a scheme.
    ///
    /// # Errors
    /// [`CryptoError::WrongScheme`] if the scheme is for keys of another kind, [`CryptoError::BadSignature`] if the
    /// signature is not well-formed or does not fit.
    pub fn verify(
        &self,
        scheme: SignatureScheme,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        let verified = match (&self.0, scheme.kind()) {
            (PublicState::Ec(_, key), Kind::Ecdsa) => {
                let parsed = EcdsaSig::from_der(signature).map_err(|_| CryptoError::BadSignature)?;
                // OpenSSL stops at the end of the sequence; we do not.
                if parsed.to_der()? != signature {
                    return Err(CryptoError::BadSignature);
                }
                let (digest, len) = scheme.hash().digest(message);
                parsed.verify(digest.get(..len).unwrap_or_default(), key)
            }
            (PublicState::Rsa(key), Kind::RsaPkcs1 | Kind::RsaPss) => {
                let mut ctx = PkeyCtx::new(key)?;
                ctx.verify_init()?;
                set_padding(&mut ctx, scheme)?;
                let (digest, len) = scheme.hash().digest(message);
                ctx.verify(digest.get(..len).unwrap_or_default(), signature)
            }
            (PublicState::Ed25519(key), Kind::Ed25519) => {
                Verifier::new_without_digest(key)?.verify_oneshot(signature, message)
            }
            _ => return Err(CryptoError::WrongScheme),
        };
        match verified {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(CryptoError::BadSignature),
        }
    }

    /// Whether `private` is the other half of this key.
    pub(super) fn belongs_to(&self, private: &PKeyRef<Private>) -> bool {
        match &self.0 {
            PublicState::Ec(_, key) => {
                PKey::from_ec_key(key.clone()).is_ok_and(|key| private.public_eq(&key))
            }
            PublicState::Rsa(key) | PublicState::Ed25519(key) => private.public_eq(key),
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PublicKey").field(&self.algorithm()).finish()
    }
}

fn set_padding<T>(ctx: &mut PkeyCtx<T>, scheme: SignatureScheme) -> Result<(), CryptoError> {
    if matches!(scheme.kind(), Kind::RsaPss) {
        ctx.set_rsa_padding(Padding::PKCS1_PSS)?;
        ctx.set_signature_md(scheme.hash().md())?;
        // RFC 8446 §4.2.3: the salt is as long as the digest.
        ctx.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)?;
        ctx.set_rsa_mgf1_md(scheme.hash().md())?;
    } else {
        ctx.set_rsa_padding(Padding::PKCS1)?;
        ctx.set_signature_md(scheme.hash().md())?;
    }
    Ok(())
}

/// Signs with a private key that [`PublicKey::belongs_to`] has checked.
pub(super) fn sign(
    key: &PKeyRef<Private>,
    scheme: SignatureScheme,
    message: &[u8],
) -> Result<Vec<u8>, CryptoError> {
    let (digest, len) = scheme.hash().digest(message);
    let digest = digest.get(..len).unwrap_or_default();
    match scheme.kind() {
        Kind::Ecdsa => {
            let key = key.ec_key().map_err(|_| CryptoError::WrongScheme)?;
            Ok(EcdsaSig::sign(digest, &key)?.to_der()?)
        }
        Kind::RsaPkcs1 | Kind::RsaPss => {
            if key.id() != Id::RSA {
                return Err(CryptoError::WrongScheme);
            }
            let mut ctx = PkeyCtx::new(key)?;
            ctx.sign_init()?;
            set_padding(&mut ctx, scheme)?;
            let mut signature = Vec::new();
            ctx.sign_to_vec(digest, &mut signature)?;
            Ok(signature)
        }
        Kind::Ed25519 => {
            if key.id() != Id::ED25519 {
                return Err(CryptoError::WrongScheme);
            }
            Ok(Signer::new_without_digest(key)?.sign_oneshot_to_vec(message)?)
        }
    }
}
