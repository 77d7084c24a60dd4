//! MESSAGE-INTEGRITY, MESSAGE-INTEGRITY-SHA256 and FINGERPRINT (RFC 8489 §14.5 to §14.7), hashed where they lie.

use crate::crypto::CryptoError;
use crate::crypto::digest::{HmacSha1, HmacSha256, constant_time_eq, md5, sha256};

use super::header::HEADER_LEN;

/// What the checksum is combined with, so that it differs from one of the payload.
const FINGERPRINT_MASK: u32 = 0x5354_554e;

/// Which attribute protects a message.
///
/// ```
/// use antiphon::stun::{Builder, Class, IntegrityKey, IntegrityKind, Message, Method, TransactionId};
///
/// let (key, mut buf) = (IntegrityKey::short_term("VOkJxbRl1RmTxUk/WvJxBt"), [0; 64]);
/// let mut builder = Builder::new(&mut buf, Class::Request, Method::BINDING, TransactionId([1; 12]))?;
/// builder.integrity_sha256(&key)?;
/// let len = builder.finish();
/// assert_eq!(Message::parse(&buf[..len])?.integrity(), Some(IntegrityKind::Sha256));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntegrityKind {
    /// MESSAGE-INTEGRITY.
    Sha1,
    /// MESSAGE-INTEGRITY-SHA256.
    Sha256,
}

/// Why a message is not believed.
///
/// ```
/// use antiphon::stun::{Builder, Class, IntegrityError, IntegrityKey, Message, Method, TransactionId};
///
/// let mut buf = [0; 20];
/// Builder::new(&mut buf, Class::Request, Method::BINDING, TransactionId([1; 12]))?;
/// let key = IntegrityKey::short_term("VOkJxbRl1RmTxUk/WvJxBt");
/// assert_eq!(Message::parse(&buf)?.verify_integrity(&key), Err(IntegrityError::Missing));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntegrityError {
    /// No such attribute.
    #[error("message carries no integrity attribute")]
    Missing,
    /// The attribute has a length its definition does not permit.
    #[error("integrity value of {0} bytes")]
    Length(usize),
    /// The value is not the message's under this key.
    #[error("integrity value does not match")]
    Mismatch,
}

/// A key that has been absorbed: checking a message costs its own bytes alone.
///
/// ```
/// use antiphon::stun::IntegrityKey;
///
/// let ice = IntegrityKey::short_term("the other side's ice-pwd");
/// let turn = IntegrityKey::long_term("user", "example.org", "password")?;
/// # let _ = (ice, turn);
/// # Ok::<(), antiphon::crypto::CryptoError>(())
/// ```
#[derive(Clone, Debug)]
pub struct IntegrityKey {
    sha1: HmacSha1,
    sha256: HmacSha256,
}

impl IntegrityKey {
    /// A key of these bytes.
    pub fn new(key: &[u8]) -> Self {
        Self { sha1: HmacSha1::new(key), sha256: HmacSha256::new(key) }
    }

    /// The key of short-term credentials (RFC 8489 §9.1.1), ICE's among them. The password is taken as it is: what is
    /// not ASCII must have been through `OpaqueString` already.
    pub fn short_term(password: &str) -> Self {
        Self::new(password.as_bytes())
    }

    /// The key of long-term credentials by MD5 (RFC 8489 §18.5.1.1).
    ///
    /// # Errors
    /// [`CryptoError::Library`] where OpenSSL has no MD5.
    pub fn long_term(username: &str, realm: &str, password: &str) -> Result<Self, CryptoError> {
        let parts = [username.as_bytes(), b":", realm.as_bytes(), b":", password.as_bytes()];
        Ok(Self::new(&md5(&parts)?))
    }

    /// The key of long-term credentials by SHA-256 (RFC 8489 §18.5.1.2).
    pub fn long_term_sha256(username: &str, realm: &str, password: &str) -> Self {
        let parts = [username.as_bytes(), b":", realm.as_bytes(), b":", password.as_bytes()];
        Self::new(&sha256(&parts))
    }

    /// Value of MESSAGE-INTEGRITY at `at` of a message.
    pub(super) fn sha1(&self, message: &[u8], at: usize) -> [u8; 20] {
        let (head, length, rest) = covered(message, at, 4 + 20);
        self.sha1.sign(&[head, &length, rest])
    }

    /// Value of MESSAGE-INTEGRITY-SHA256 at `at` of a message, of which `len` bytes are kept.
    pub(super) fn sha256(&self, message: &[u8], at: usize, len: usize) -> [u8; 32] {
        let (head, length, rest) = covered(message, at, 4 + len);
        self.sha256.sign(&[head, &length, rest])
    }

    /// Checks the value of MESSAGE-INTEGRITY that stands at `at`.
    pub(super) fn verify_sha1(&self, message: &[u8], at: usize, value: &[u8]) -> Result<(), IntegrityError> {
        if value.len() != 20 {
            return Err(IntegrityError::Length(value.len()));
        }
        equal(&self.sha1(message, at), value)
    }

    /// Checks the value of MESSAGE-INTEGRITY-SHA256 that stands at `at`, which may be as short as `least` bytes.
    pub(super) fn verify_sha256(
        &self,
        message: &[u8],
        at: usize,
        value: &[u8],
        least: usize,
    ) -> Result<(), IntegrityError> {
        let len = value.len();
        // RFC 8489 §14.6: never below 16, and a multiple of 4.
        if !(least.max(16)..=32).contains(&len) || !len.is_multiple_of(4) {
            return Err(IntegrityError::Length(len));
        }
        let computed = self.sha256(message, at, len);
        equal(computed.get(..len).unwrap_or_default(), value)
    }
}

fn equal(computed: &[u8], value: &[u8]) -> Result<(), IntegrityError> {
    if constant_time_eq(computed, value) { Ok(()) } else { Err(IntegrityError::Mismatch) }
}

/// The message up to `at` in three parts: what stands before the length, the length as if the message ended `more`
/// bytes after `at`, and the rest.
fn covered(message: &[u8], at: usize, more: usize) -> (&[u8], [u8; 2], &[u8]) {
    let length = u16::try_from((at + more).saturating_sub(HEADER_LEN)).unwrap_or(u16::MAX);
    let head = message.get(..2).unwrap_or_default();
    (head, length.to_be_bytes(), message.get(4..at).unwrap_or_default())
}

/// Value of FINGERPRINT at `at` of a message.
pub(super) fn fingerprint(message: &[u8], at: usize) -> u32 {
    let (head, length, rest) = covered(message, at, 8);
    // As a rule the attribute is the last, and the length on the wire is the right one already.
    let crc = if message.get(2..4) == Some(&length) {
        crc32fast::hash(message.get(..at).unwrap_or_default())
    } else {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(head);
        hasher.update(&length);
        hasher.update(rest);
        hasher.finalize()
    };
    crc ^ FINGERPRINT_MASK
}

/// Prefix of nonces whose next four characters say which security features the server has (RFC 8489 §9.2).
const NONCE_COOKIE: &str = "obMatJos2";

/// Security features that a server declares in its nonce (RFC 8489 §18.1).
///
/// ```
/// use antiphon::stun::integrity::SecurityFeatures;
///
/// let features = SecurityFeatures::of_nonce("obMatJos2gAAAsome-nonce").expect("has the cookie");
/// assert!(features.password_algorithms());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecurityFeatures(pub u32);

impl SecurityFeatures {
    /// The features of a nonce; `None` if it does not start with the cookie and four characters of base64.
    pub fn of_nonce(nonce: &str) -> Option<Self> {
        let rest = nonce.strip_prefix(NONCE_COOKIE)?;
        let digits = rest.as_bytes().first_chunk::<4>()?;
        let mut bits = 0;
        for digit in digits {
            let value = match digit {
                b'A'..=b'Z' => digit - b'A',
                b'a'..=b'z' => digit - b'a' + 26,
                b'0'..=b'9' => digit - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(value);
        }
        Some(Self(bits))
    }

    /// Bit 0, the leftmost of 24: the server sends PASSWORD-ALGORITHMS, and whoever removed it is attacking.
    pub const fn password_algorithms(self) -> bool {
        self.0 & 0x80_0000 != 0
    }

    /// Bit 1: the server takes USERHASH for USERNAME.
    pub const fn username_anonymity(self) -> bool {
        self.0 & 0x40_0000 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_counted_from_the_left() {
        assert_eq!(SecurityFeatures::of_nonce("obMatJos2AAACf//499k"), Some(SecurityFeatures(2)));
        let both = SecurityFeatures::of_nonce("obMatJos2wAAA").unwrap();
        assert!(both.password_algorithms() && both.username_anonymity());
        assert_eq!(SecurityFeatures::of_nonce("f//499k954d6OL34oL9FSTvy64sA"), None);
        assert_eq!(SecurityFeatures::of_nonce("obMatJos2AA"), None);
        assert_eq!(SecurityFeatures::of_nonce("obMatJos2AA\u{e9}A"), None);
    }
}
