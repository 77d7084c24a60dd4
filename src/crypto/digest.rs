//! SHA-1 and SHA-2, HMAC over them, and comparison in constant time.

use core::fmt;

use openssl::sha::{Sha1, Sha224, Sha256, Sha384, Sha512};

use super::error::CryptoError;
use crate::base::secret::{Secret, wipe};

macro_rules! one_shot {
    ($name:ident, $state:ident, $len:literal, $doc:literal) => {
        #[doc = $doc]
        pub fn $name(parts: &[&[u8]]) -> [u8; $len] {
            let mut state = $state::new();
            for part in parts {
                state.update(part);
            }
            state.finish()
        }
    };
}

one_shot!(sha1, Sha1, 20, "SHA-1 of the concatenated parts.");
one_shot!(sha224, Sha224, 28, "SHA-224 of the concatenated parts.");
one_shot!(sha256, Sha256, 32, "SHA-256 of the concatenated parts.");
one_shot!(sha384, Sha384, 48, "SHA-384 of the concatenated parts.");
one_shot!(sha512, Sha512, 64, "SHA-512 of the concatenated parts.");

/// MD5 of the concatenated parts: STUN's long-term credentials ask for it (RFC 8489 §9.2.2).
///
/// # Errors
/// [`CryptoError::Library`] where OpenSSL was built without it, or forbids it.
pub fn md5(parts: &[&[u8]]) -> Result<[u8; 16], CryptoError> {
    let whole = parts.concat();
    let digest = openssl::hash::hash(openssl::hash::MessageDigest::md5(), &whole)?;
    digest.first_chunk().copied().ok_or(CryptoError::Malformed("digest"))
}

macro_rules! hmac {
    ($name:ident, $state:ident, $one_shot:ident, $block:literal, $len:literal, $doc:literal) => {
        #[doc = $doc]
        ///
        /// Keeps the two states that have absorbed the pads; a message clones them and allocates nothing.
        ///
        /// ```
        #[doc = concat!("use antiphon::crypto::digest::", stringify!($name), ";")]
        ///
        #[doc = concat!("let mac = ", stringify!($name), "::new(b\"key\");")]
        /// assert_eq!(mac.sign(&[b"ab", b"c"]), mac.sign(&[b"abc"]));
        /// ```
        #[derive(Clone)]
        pub struct $name {
            inner: $state,
            outer: $state,
        }

        impl $name {
            /// Length of a code in bytes.
            pub const LEN: usize = $len;

            /// A key of any length (RFC 2104 §2).
            pub fn new(key: &[u8]) -> Self {
                let mut pad = Secret::new([0x36; $block]);
                let hashed;
                let key = if key.len() > pad.len() {
                    hashed = $one_shot(&[key]);
                    &hashed
                } else {
                    key
                };
                for (pad, key) in pad.iter_mut().zip(key) {
                    *pad ^= key;
                }
                let (mut inner, mut outer) = ($state::new(), $state::new());
                inner.update(&pad);
                for pad in pad.iter_mut() {
                    *pad ^= 0x36 ^ 0x5c;
                }
                outer.update(&pad);
                Self { inner, outer }
            }

            /// The code of the concatenated parts.
            pub fn sign(&self, parts: &[&[u8]]) -> [u8; $len] {
                let mut inner = self.inner.clone();
                for part in parts {
                    inner.update(part);
                }
                let mut outer = self.outer.clone();
                outer.update(&inner.finish());
                outer.finish()
            }
        }

        /// States that have absorbed a key are as good as the key.
        impl Drop for $name {
            fn drop(&mut self) {
                (self.inner, self.outer) = ($state::new(), $state::new());
                core::hint::black_box(&*self);
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

hmac!(HmacSha1, Sha1, sha1, 64, 20, "HMAC-SHA-1 (RFC 2104) under one key.");
hmac!(HmacSha256, Sha256, sha256, 64, 32, "HMAC-SHA-256 (RFC 2104) under one key.");
hmac!(HmacSha384, Sha384, sha384, 128, 48, "HMAC-SHA-384 (RFC 2104) under one key.");

impl HmacSha1 {
    /// Absorbs the first parts of a message that may end in more than one way.
    pub fn absorb(&self, parts: &[&[u8]]) -> HmacSha1Prefix<'_> {
        let mut inner = self.inner.clone();
        for part in parts {
            inner.update(part);
        }
        HmacSha1Prefix { inner, outer: &self.outer }
    }
}

/// HMAC-SHA-1 of the beginning of a message: what follows costs no more than its own length.
///
/// ```
/// use antiphon::crypto::digest::HmacSha1;
///
/// let mac = HmacSha1::new(b"key");
/// let prefix = mac.absorb(&[b"a long beginning"]);
/// assert_eq!(prefix.sign(b", an end"), mac.sign(&[b"a long beginning, an end"]));
/// assert_ne!(prefix.sign(b", an end"), prefix.sign(b", another"));
/// ```
#[derive(Clone)]
pub struct HmacSha1Prefix<'a> {
    inner: Sha1,
    outer: &'a Sha1,
}

impl HmacSha1Prefix<'_> {
    /// The code of the beginning and `end`.
    pub fn sign(&self, end: &[u8]) -> [u8; HmacSha1::LEN] {
        let (mut inner, mut outer) = (self.inner.clone(), self.outer.clone());
        inner.update(end);
        outer.update(&inner.finish());
        outer.finish()
    }
}

impl fmt::Debug for HmacSha1Prefix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacSha1Prefix(..)")
    }
}

/// The hash functions of TLS cipher suites.
///
/// ```
/// use antiphon::crypto::digest::Hash;
///
/// assert_eq!(Hash::Sha384.digest(&[b"abc"]).as_ref().len(), Hash::Sha384.len());
/// ```
#[expect(clippy::len_without_is_empty, reason = "the length of a digest is never 0")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
}

impl Hash {
    /// Length of a digest in bytes.
    pub const fn len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }

    /// The digest of the concatenated parts.
    pub fn digest(self, parts: &[&[u8]]) -> Digest {
        match self {
            Self::Sha256 => Digest::new(&sha256(parts)),
            Self::Sha384 => Digest::new(&sha384(parts)),
        }
    }
}

/// A digest or code of one of the [`Hash`](enum@Hash) functions. Compared in constant time.
///
/// ```
/// use antiphon::crypto::digest::Hash;
///
/// let digest = Hash::Sha384.digest(&[b"a", b"bc"]);
/// assert_eq!(digest.len(), 48);
/// assert!(digest == Hash::Sha384.digest(&[b"abc"]));
/// ```
#[derive(Clone, Copy)]
pub struct Digest {
    bytes: [u8; 48],
    len: u8,
}

impl Digest {
    fn new(digest: &[u8]) -> Self {
        let mut bytes = [0; 48];
        for (to, from) in bytes.iter_mut().zip(digest) {
            *to = *from;
        }
        Self { bytes, len: u8::try_from(digest.len().min(48)).unwrap_or(0) }
    }

    /// Overwrites it: what is derived by a hash is often a secret.
    pub(super) fn wipe(&mut self) {
        wipe(&mut self.bytes);
    }
}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl core::ops::Deref for Digest {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_ref()
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        constant_time_eq(self.as_ref(), other.as_ref())
    }
}

impl Eq for Digest {}

/// Shows the length alone: what is derived by a hash is often a secret.
impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({} bytes)", self.len)
    }
}

/// HMAC with one of the [`Hash`](enum@Hash) functions under one key.
///
/// ```
/// use antiphon::crypto::digest::{Hash, Hmac, HmacSha256};
///
/// let mac = Hmac::new(Hash::Sha256, b"key").sign(&[b"message"]);
/// assert_eq!(mac.as_ref(), HmacSha256::new(b"key").sign(&[b"message"]));
/// ```
#[derive(Clone, Debug)]
pub struct Hmac(HmacState);

#[expect(
    clippy::large_enum_variant,
    reason = "lives on the stack while keys are derived; a box would allocate"
)]
#[derive(Clone, Debug)]
enum HmacState {
    Sha256(HmacSha256),
    Sha384(HmacSha384),
}

impl Hmac {
    /// A key of any length.
    pub fn new(hash: Hash, key: &[u8]) -> Self {
        Self(match hash {
            Hash::Sha256 => HmacState::Sha256(HmacSha256::new(key)),
            Hash::Sha384 => HmacState::Sha384(HmacSha384::new(key)),
        })
    }

    /// The code of the concatenated parts.
    pub fn sign(&self, parts: &[&[u8]]) -> Digest {
        match &self.0 {
            HmacState::Sha256(mac) => Digest::new(&mac.sign(parts)),
            HmacState::Sha384(mac) => Digest::new(&mac.sign(parts)),
        }
    }
}

/// A running hash: a transcript is one of these, cloned where its value is wanted in between.
///
/// ```
/// use antiphon::crypto::digest::{Hash, Hasher};
///
/// let mut hasher = Hasher::new(Hash::Sha256);
/// hasher.update(b"ab");
/// hasher.update(b"c");
/// assert_eq!(hasher.finish(), Hash::Sha256.digest(&[b"abc"]));
/// ```
#[derive(Clone)]
pub struct Hasher(HasherState);

#[derive(Clone)]
enum HasherState {
    Sha256(Sha256),
    Sha384(Sha384),
}

impl Hasher {
    /// A hash of nothing yet.
    pub fn new(hash: Hash) -> Self {
        Self(match hash {
            Hash::Sha256 => HasherState::Sha256(Sha256::new()),
            Hash::Sha384 => HasherState::Sha384(Sha384::new()),
        })
    }

    /// Which function this is.
    pub const fn hash(&self) -> Hash {
        match self.0 {
            HasherState::Sha256(_) => Hash::Sha256,
            HasherState::Sha384(_) => Hash::Sha384,
        }
    }

    /// Absorbs `bytes`.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            HasherState::Sha256(state) => state.update(bytes),
            HasherState::Sha384(state) => state.update(bytes),
        }
    }

    /// The digest of all that was absorbed.
    pub fn finish(self) -> Digest {
        match self.0 {
            HasherState::Sha256(state) => Digest::new(&state.finish()),
            HasherState::Sha384(state) => Digest::new(&state.finish()),
        }
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Hasher").field(&self.hash()).finish()
    }
}

/// Whether the two are equal, in time that depends on their lengths alone.
pub fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && openssl::memcmp::eq(a, b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    }

    #[test]
    fn digests_of_abc_are_those_of_fips_180() {
        assert_eq!(hex(&sha1(&[b"a", b"bc"])), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(
            hex(&sha256(&[b"abc"])),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        let sha384 = "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7";
        assert_eq!(hex(&Hash::Sha384.digest(&[b"abc"])), sha384);
        assert_eq!(hex(&sha224(&[b"abc"])), "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7");
        assert!(hex(&sha512(&[b"abc"])).starts_with("ddaf35a193617abacc417349ae204131"));
    }

    #[test]
    fn hmac_agrees_with_rfc_2202_and_rfc_4231() {
        let what = b"what do ya want for nothing?";
        assert_eq!(hex(&HmacSha1::new(b"Jefe").sign(&[what])), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
        let sha256 = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hex(&HmacSha256::new(b"Jefe").sign(&[&what[..4], &what[4..]])), sha256);
        let sha384 = "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649";
        assert_eq!(hex(&Hmac::new(Hash::Sha384, b"Jefe").sign(&[what])), sha384);
    }

    #[test]
    fn a_key_longer_than_a_block_is_hashed_first() {
        let mac =
            HmacSha1::new(&[0xaa; 80]).sign(&[b"Test Using Larger Than Block-Size Key - Hash Key First"]);
        assert_eq!(hex(&mac), "aa4ae5e15272d00e95705637ce8a3b55ed402112");
    }

    #[test]
    fn slices_of_other_lengths_are_unequal() {
        assert!(constant_time_eq(b"ab", b"ab"));
        assert!(!constant_time_eq(b"ab", b"ac"));
        assert!(!constant_time_eq(b"ab", b"abc"));
        assert!(constant_time_eq(b"", b""));
    }
}
