//! The value of `a=fingerprint` (RFC 8122 §5): parsed, computed, and compared in constant time.

use core::fmt;
use core::str::FromStr;

use super::digest::{constant_time_eq, sha1, sha224, sha256, sha384, sha512};

/// The hash functions of RFC 8122, weakest first. MD2 and MD5 are forbidden by it and not here.
///
/// ```
/// use antiphon::crypto::FingerprintHash;
/// assert_eq!((FingerprintHash::Sha256.name(), FingerprintHash::Sha256.digest_len()), ("sha-256", 32));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum FingerprintHash {
    /// `sha-1`, which old endpoints still announce.
    Sha1,
    /// `sha-224`.
    Sha224,
    /// `sha-256`: what everybody uses.
    Sha256,
    /// `sha-384`.
    Sha384,
    /// `sha-512`.
    Sha512,
}

impl FingerprintHash {
    const ALL: [Self; 5] = [Self::Sha1, Self::Sha224, Self::Sha256, Self::Sha384, Self::Sha512];

    /// Its name in SDP.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha-1",
            Self::Sha224 => "sha-224",
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
        }
    }

    /// Length of its digest in bytes.
    pub const fn digest_len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha224 => 28,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

/// Why a text is no fingerprint.
///
/// ```
/// use antiphon::crypto::Fingerprint;
/// use antiphon::crypto::fingerprint::FingerprintError;
/// assert_eq!("md5 4A:AD".parse::<Fingerprint>(), Err(FingerprintError::UnknownHash));
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FingerprintError {
    /// The first word is no hash function that RFC 8122 permits.
    #[error("unknown or forbidden hash function")]
    UnknownHash,
    /// The second word is not pairs of hexadecimal digits with colons between.
    #[error("fingerprint is not written in pairs of hexadecimal digits and colons")]
    Syntax,
    /// The digest has another length than its hash function's.
    #[error("fingerprint of {got} bytes where the hash has {wanted}")]
    Length {
        /// The function's length in bytes.
        wanted: usize,
        /// How many bytes are written.
        got: usize,
    },
}

/// A certificate's fingerprint.
///
/// ```
/// use antiphon::crypto::{Fingerprint, FingerprintHash};
///
/// let computed = Fingerprint::of(FingerprintHash::Sha256, b"the DER of a certificate");
/// let parsed: Fingerprint = computed.to_string().to_lowercase().parse()?;
/// assert_eq!(parsed, computed);
/// assert!(parsed.matches(b"the DER of a certificate"));
/// # Ok::<(), antiphon::crypto::fingerprint::FingerprintError>(())
/// ```
#[derive(Clone, Copy)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(into = "String", try_from = "String")
)]
pub struct Fingerprint {
    hash: FingerprintHash,
    digest: [u8; 64],
}

impl Fingerprint {
    /// The fingerprint of a certificate's DER.
    pub fn of(hash: FingerprintHash, der: &[u8]) -> Self {
        let mut digest = [0; 64];
        let mut set = |bytes: &[u8]| {
            for (to, from) in digest.iter_mut().zip(bytes) {
                *to = *from;
            }
        };
        match hash {
            FingerprintHash::Sha1 => set(&sha1(&[der])),
            FingerprintHash::Sha224 => set(&sha224(&[der])),
            FingerprintHash::Sha256 => set(&sha256(&[der])),
            FingerprintHash::Sha384 => set(&sha384(&[der])),
            FingerprintHash::Sha512 => set(&sha512(&[der])),
        }
        Self { hash, digest }
    }

    /// The hash function.
    pub const fn hash(&self) -> FingerprintHash {
        self.hash
    }

    /// The digest.
    pub fn digest(&self) -> &[u8] {
        self.digest.get(..self.hash.digest_len()).unwrap_or_default()
    }

    /// Whether this is the fingerprint of a certificate's DER, in constant time.
    pub fn matches(&self, der: &[u8]) -> bool {
        *self == Self::of(self.hash, der)
    }
}

impl PartialEq for Fingerprint {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && constant_time_eq(self.digest(), other.digest())
    }
}

impl Eq for Fingerprint {}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    /// Reads `sha-256 AB:CD:..` in either case.
    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let (name, value) = text.trim().split_once(' ').ok_or(FingerprintError::Syntax)?;
        let hash = FingerprintHash::ALL.into_iter().find(|hash| hash.name().eq_ignore_ascii_case(name));
        let hash = hash.ok_or(FingerprintError::UnknownHash)?;
        let wanted = hash.digest_len();
        let mut digest = [0; 64];
        let mut got = 0;
        for pair in value.trim_start().as_bytes().split(|byte| *byte == b':') {
            let &[high, low] = pair else { return Err(FingerprintError::Syntax) };
            let byte = nibble(high)? << 4 | nibble(low)?;
            if let Some(place) = digest.get_mut(got) {
                *place = byte;
            }
            got += 1;
        }
        if got != wanted {
            return Err(FingerprintError::Length { wanted, got });
        }
        Ok(Self { hash, digest })
    }
}

fn nibble(digit: u8) -> Result<u8, FingerprintError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        b'A'..=b'F' => Ok(digit - b'A' + 10),
        _ => Err(FingerprintError::Syntax),
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = FingerprintError;

    fn try_from(text: String) -> Result<Self, FingerprintError> {
        text.parse()
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.to_string()
    }
}

/// Writes `sha-256 AB:CD:..`, the name in lower and the digits in upper case.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.hash.name())?;
        let mut separator = ' ';
        for byte in self.digest() {
            write!(f, "{separator}{byte:02X}")?;
            separator = ':';
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA1: &str = "sha-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB";

    #[test]
    fn the_example_of_rfc_8122_is_read_and_written() {
        let lower: Fingerprint = SHA1.to_lowercase().parse().unwrap();
        let shouted: Fingerprint = SHA1.to_uppercase().parse().unwrap();
        assert_eq!(lower, shouted);
        assert_eq!(lower.to_string(), SHA1);
        assert_eq!(lower.digest().len(), 20);
    }

    #[test]
    fn other_texts_are_refused() {
        let parse = |text: &str| text.parse::<Fingerprint>().unwrap_err();
        assert_eq!(parse(""), FingerprintError::Syntax);
        assert_eq!(parse("md5 4A:AD"), FingerprintError::UnknownHash);
        assert_eq!(parse("sha-1 4A:AD"), FingerprintError::Length { wanted: 20, got: 2 });
        assert_eq!(parse("sha-1 4AAD"), FingerprintError::Syntax);
        assert_eq!(parse("sha-1 4A:AG"), FingerprintError::Syntax);
        assert_eq!(parse("sha-1 4A::AD"), FingerprintError::Syntax);
        let long = format!("sha-1 {}00", "00:".repeat(200));
        assert_eq!(parse(&long), FingerprintError::Length { wanted: 20, got: 201 });
    }

    #[test]
    fn a_fingerprint_matches_its_certificate_only() {
        for hash in FingerprintHash::ALL {
            let fingerprint = Fingerprint::of(hash, b"der");
            assert!(fingerprint.to_string().parse::<Fingerprint>().unwrap().matches(b"der"));
            assert!(!fingerprint.matches(b"dex"));
        }
    }
}
