//! Our own certificate: generated and self-signed, or read from PEM or DER.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use bytes::Bytes;
use openssl::bn::BigNumContext;
use openssl::ec::{EcKey, EcPoint};
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};

use super::der;
use super::ecdh;
use super::error::CryptoError;
use super::fingerprint::{Fingerprint, FingerprintHash};
use super::sign::{self, KeyAlgorithm, PublicKey, SignatureScheme};
use crate::rng::{Rng, Seed};

const DAY: Duration = Duration::from_secs(86_400);
/// How long a generated certificate is valid: W3C's default for WebRTC.
const VALIDITY: Duration = Duration::from_secs(30 * 86_400);

/// `ecdsa-with-SHA256`, as an algorithm identifier.
const ECDSA_WITH_SHA256: &[u8] = &[0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
/// `id-ecPublicKey` on `prime256v1`, as an algorithm identifier.
const EC_P256: &[u8] = &[
    0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07,
];
/// `id-at-commonName`.
const COMMON_NAME: &[u8] = &[0x06, 0x03, 0x55, 0x04, 0x03];
/// Version 3.
const VERSION: &[u8] = &[0xa0, 0x03, 0x02, 0x01, 0x02];

/// A certificate and its private key. Cloning is cheap: the clones share both.
///
/// ```
/// use antiphon::Seed;
/// use antiphon::crypto::{Certificate, FingerprintHash};
///
/// let now = core::time::Duration::from_secs(1_700_000_000); // since 1970
/// let certificate = Certificate::generate(&Seed::from_os()?, now)?;
/// assert!(certificate.fingerprint(FingerprintHash::Sha256).matches(certificate.der()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Certificate {
    inner: Arc<Inner>,
}

struct Inner {
    der: Bytes,
    key: PKey<Private>,
    algorithm: KeyAlgorithm,
    signing: Signing,
}

/// How to sign.
#[derive(Clone, Copy)]
enum Signing {
    /// With a random nonce where the scheme has one.
    Random,
    /// By RFC 6979 with this scalar of P-256.
    #[cfg(feature = "sim")]
    Deterministic([u8; 32]),
}

impl Certificate {
    /// A self-signed ECDSA certificate on P-256 whose names say nothing. `unix_time` is the time since 1970; it is
    /// valid from a day before that to 30 days after.
    ///
    /// The seed decides the key, the serial number and the name, not the signature.
    ///
    /// # Errors
    /// [`CryptoError::Library`] if OpenSSL fails.
    pub fn generate(seed: &Seed, unix_time: Duration) -> Result<Self, CryptoError> {
        Self::generate_until(seed, unix_time, unix_time.saturating_add(VALIDITY))
    }

    /// The same, valid until `expires`, as the time since 1970. One that has expired makes no connection.
    ///
    /// # Errors
    /// [`CryptoError::Library`] if OpenSSL fails.
    pub fn generate_until(seed: &Seed, unix_time: Duration, expires: Duration) -> Result<Self, CryptoError> {
        let mut rng = Rng::new(seed).fork("certificate");
        let pair = ecdh::KeyPair::generate(ecdh::Group::P256, &mut rng)?;
        let key = p256_private(pair.private(), pair.public_key())?;
        let to_be_signed =
            to_be_signed(&mut rng, (unix_time.saturating_sub(DAY), expires), pair.public_key());
        let signature = sign::sign(&key, SignatureScheme::EcdsaP256Sha256, &to_be_signed)?;
        let der = assemble(&to_be_signed, &signature);
        Ok(Self::new(der, key, KeyAlgorithm::EcdsaP256, Signing::Random))
    }

    /// A certificate and its key in PEM: PKCS#8, `EC PRIVATE KEY` or `RSA PRIVATE KEY`, not encrypted. The first
    /// certificate of the text is taken.
    ///
    /// # Errors
    /// [`CryptoError::Malformed`] for texts that are neither; otherwise as [`Certificate::from_der`].
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, CryptoError> {
        let certificate =
            from_pem(certificate, &["CERTIFICATE"]).ok_or(CryptoError::Malformed("certificate in PEM"))?;
        let labels = ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"];
        let key = from_pem(key, &labels).ok_or(CryptoError::Malformed("private key in PEM"))?;
        Self::from_der(&certificate, &key)
    }

    /// A certificate and its key in DER: PKCS#8, or the older form of an EC or RSA key.
    ///
    /// # Errors
    /// [`CryptoError::Malformed`] for bytes that are neither, [`CryptoError::UnsupportedKey`] for a key of a kind that
    /// is none of ours, [`CryptoError::KeyMismatch`] if the two do not belong together.
    pub fn from_der(certificate: &[u8], key: &[u8]) -> Result<Self, CryptoError> {
        let public = PublicKey::from_certificate_der(certificate)?;
        let key = PKey::private_key_from_der(key).map_err(|_| CryptoError::Malformed("private key"))?;
        if !public.belongs_to(&key) {
            return Err(CryptoError::KeyMismatch);
        }
        Ok(Self::new(certificate.to_vec(), key, public.algorithm(), Signing::Random))
    }

    fn new(der: Vec<u8>, key: PKey<Private>, algorithm: KeyAlgorithm, signing: Signing) -> Self {
        Self { inner: Arc::new(Inner { der: Bytes::from(der), key, algorithm, signing }) }
    }

    /// The certificate and the PKCS#8 key in PEM.
    ///
    /// # Errors
    /// [`CryptoError::Library`] if OpenSSL cannot write the key.
    pub fn to_pem(&self) -> Result<(String, String), CryptoError> {
        let key = self.inner.key.private_key_to_pkcs8()?;
        Ok((to_pem("CERTIFICATE", &self.inner.der), to_pem("PRIVATE KEY", &key)))
    }

    /// The certificate in DER.
    pub fn der(&self) -> &Bytes {
        &self.inner.der
    }

    /// The certificate's fingerprint.
    pub fn fingerprint(&self, hash: FingerprintHash) -> Fingerprint {
        Fingerprint::of(hash, &self.inner.der)
    }

    /// When it expires, as the time since 1970; `None` if its date cannot be read.
    pub fn expires(&self) -> Option<Duration> {
        let mut validity = der::certificate(&self.inner.der).ok()?.validity;
        der::next(&mut validity)?;
        let (tag, until) = der::next(&mut validity)?;
        read_time(tag, until.rest())
    }

    /// What kind of key it holds.
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.inner.algorithm
    }

    /// The schemes it can sign by, best first. Never empty.
    pub fn schemes(&self) -> &[SignatureScheme] {
        self.inner.algorithm.schemes()
    }

    /// The signature of `message`.
    ///
    /// # Errors
    /// [`CryptoError::WrongScheme`] for a scheme of keys of another kind.
    pub fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        match self.inner.signing {
            #[cfg(feature = "sim")]
            Signing::Deterministic(private) if scheme == SignatureScheme::EcdsaP256Sha256 => {
                super::deterministic::sign_p256(&private, message)
            }
            #[cfg(feature = "sim")]
            Signing::Deterministic(_) => sign::sign(&self.inner.key, scheme, message),
            Signing::Random => sign::sign(&self.inner.key, scheme, message),
        }
    }

    /// The same certificate, signing by RFC 6979 from now on and signed so itself: the same seed then gives the same
    /// bytes. A certificate on another curve than P-256 is returned as it is.
    #[cfg(feature = "sim")]
    #[must_use]
    pub fn into_deterministic(self) -> Self {
        self.deterministic().unwrap_or(self)
    }

    #[cfg(feature = "sim")]
    fn deterministic(&self) -> Option<Self> {
        if self.inner.algorithm != KeyAlgorithm::EcdsaP256 {
            return None;
        }
        let private = self.inner.key.ec_key().ok()?.private_key().to_vec_padded(32).ok()?;
        let private = *private.first_chunk::<32>()?;
        let parts = der::certificate(&self.inner.der).ok()?;
        let signature = super::deterministic::sign_p256(&private, parts.to_be_signed).ok()?;
        let der = assemble(parts.to_be_signed, &signature);
        let signing = Signing::Deterministic(private);
        Some(Self::new(der, self.inner.key.clone(), KeyAlgorithm::EcdsaP256, signing))
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fingerprint = self.fingerprint(FingerprintHash::Sha256);
        f.debug_struct("Certificate").field("fingerprint", &fingerprint).finish_non_exhaustive()
    }
}

fn p256_private(private: &[u8], public: &[u8]) -> Result<PKey<Private>, CryptoError> {
    let curve = ecdh::curve(Nid::X9_62_PRIME256V1)?;
    let mut ctx = BigNumContext::new()?;
    let scalar = ecdh::scalar(curve, private, &mut ctx)?.ok_or(CryptoError::Malformed("private key"))?;
    let point = EcPoint::from_bytes(curve, public, &mut ctx)?;
    Ok(PKey::from_ec_key(EcKey::from_private_components(curve, &scalar, &point)?)?)
}

/// The `tbsCertificate` (RFC 5280 §4.1.2).
fn to_be_signed(rng: &mut Rng, (from, to): (Duration, Duration), public: &[u8]) -> Vec<u8> {
    let mut serial = rng.array::<8>();
    // Positive, and in the shortest form whatever the other bits are.
    serial[0] = serial[0] & 0x7f | 0x40;
    let name = der::value(der::UTF8_STRING, &[format!("{:016x}", rng.u64()).as_bytes()]);
    let name = der::value(
        der::SEQUENCE,
        &[&der::value(der::SET, &[&der::value(der::SEQUENCE, &[COMMON_NAME, &name])])],
    );
    let validity = der::value(der::SEQUENCE, &[&time(from), &time(to)]);
    let key = der::value(der::SEQUENCE, &[EC_P256, &der::value(der::BIT_STRING, &[&[0], public])]);
    let serial = der::value(der::INTEGER, &[&serial]);
    der::value(der::SEQUENCE, &[VERSION, &serial, ECDSA_WITH_SHA256, &name, &validity, &name, &key])
}

fn assemble(to_be_signed: &[u8], signature: &[u8]) -> Vec<u8> {
    let signature = der::value(der::BIT_STRING, &[&[0], signature]);
    der::value(der::SEQUENCE, &[to_be_signed, ECDSA_WITH_SHA256, &signature])
}

/// `UTCTime` up to 2049, `GeneralizedTime` after (RFC 5280 §4.1.2.5).
fn time(since_1970: Duration) -> Vec<u8> {
    // The calendar of years with four digits ends here.
    let seconds = since_1970.as_secs().min(253_402_300_799);
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let rest = format!("{month:02}{day:02}{hour:02}{minute:02}{second:02}Z");
    if year < 2050 {
        der::value(der::UTC_TIME, &[format!("{:02}{rest}", year % 100).as_bytes()])
    } else {
        der::value(der::GENERALIZED_TIME, &[format!("{year:04}{rest}").as_bytes()])
    }
}

/// A `UTCTime` or `GeneralizedTime` in the one form RFC 5280 §4.1.2.5 has of each, as the time since 1970.
fn read_time(tag: u8, text: &[u8]) -> Option<Duration> {
    let digits = text.strip_suffix(b"Z").filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
    let (year, rest) = match (tag, digits.len()) {
        (der::UTC_TIME, 12) => {
            let (year, rest) = digits.split_at_checked(2)?;
            let year = number(year);
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        (der::GENERALIZED_TIME, 14) => {
            let (year, rest) = digits.split_at_checked(4)?;
            (number(year), rest)
        }
        _ => return None,
    };
    let (pairs, _) = rest.as_chunks::<2>();
    let [month, day, hour, minute, second] = *pairs.first_chunk::<5>()?;
    let days = days(year, number(&month), number(&day))?;
    let seconds = days * 86_400 + number(&hour) * 3600 + number(&minute) * 60 + number(&second);
    Some(Duration::from_secs(seconds))
}

fn number(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |value, digit| value * 10 + u64::from(digit - b'0'))
}

/// Days since 1970-01-01 in the Gregorian calendar, as [`civil`] takes them apart; `None` before that day.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let year = if month <= 2 { year.checked_sub(1)? } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day.checked_sub(1)?;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era).checked_sub(719_468)
}

/// Year, month and day of a count of days since 1970-01-01 in the Gregorian calendar.
const fn civil(days: u64) -> (u64, u64, u64) {
    // Years that begin in March end with the leap day, so that months have regular lengths: 153 days in five.
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year_of_era + if month <= 2 { 1 } else { 0 }, month, day)
}

/// Bytes as one line of base64 (RFC 4648 §4).
pub(crate) fn base64(bytes: &[u8]) -> String {
    openssl::base64::encode_block(bytes)
}

fn to_pem(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in base64(der).as_bytes().chunks(64) {
        text.extend(line.iter().map(|byte| char::from(*byte)));
        text.push('\n');
    }
    text + "-----END " + label + "-----\n"
}

/// The content of the first block with one of these labels.
fn from_pem(text: &[u8], labels: &[&str]) -> Option<Vec<u8>> {
    let text = core::str::from_utf8(text).ok()?;
    let mut rest = text;
    loop {
        let (_, after) = rest.split_once("-----BEGIN ")?;
        let (label, after) = after.split_once("-----")?;
        let (body, after) = after.split_once("-----END ")?;
        if labels.contains(&label) {
            let body: String = body.split_ascii_whitespace().collect();
            return openssl::base64::decode_block(&body).ok();
        }
        rest = after;
    }
}

#[cfg(test)]
#[path = "certificate_tests.rs"]
mod tests;
