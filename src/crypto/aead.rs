//! AES-GCM and ChaCha20-Poly1305, in place, one initialised cipher context per key and direction.

use core::fmt;

use openssl::cipher::{Cipher, CipherRef};
use openssl::cipher_ctx::CipherCtx;

use super::error::CryptoError;
use crate::base::secret::Secret;

/// Length of every algorithm's nonce in bytes.
pub const NONCE_LEN: usize = 12;
/// Length of every algorithm's tag in bytes.
pub const TAG_LEN: usize = 16;

/// Which cipher.
///
/// ```
/// use antiphon::crypto::aead::Algorithm;
/// assert_eq!(Algorithm::Aes256Gcm.key_len(), 32);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// AES-128 in Galois/counter mode.
    Aes128Gcm,
    /// AES-256 in Galois/counter mode.
    Aes256Gcm,
    /// `ChaCha20` with Poly1305 (RFC 8439).
    ChaCha20Poly1305,
}

impl Algorithm {
    /// Length of a key in bytes.
    pub const fn key_len(self) -> usize {
        match self {
            Self::Aes128Gcm => 16,
            Self::Aes256Gcm | Self::ChaCha20Poly1305 => 32,
        }
    }

    fn cipher(self) -> &'static CipherRef {
        match self {
            Self::Aes128Gcm => Cipher::aes_128_gcm(),
            Self::Aes256Gcm => Cipher::aes_256_gcm(),
            Self::ChaCha20Poly1305 => Cipher::chacha20_poly1305(),
        }
    }
}

/// One key, with a context for each direction it is used in.
///
/// ```
/// use antiphon::crypto::aead::{AeadKey, Algorithm};
///
/// let mut key = AeadKey::new(Algorithm::Aes128Gcm, &[1; 16])?;
/// let mut buf = *b"hello";
/// let tag = key.seal(&[0; 12], b"header", &mut buf)?;
/// key.open(&[0; 12], b"header", &mut buf, &tag)?;
/// assert_eq!(&buf, b"hello");
/// # Ok::<(), antiphon::crypto::CryptoError>(())
/// ```
pub struct AeadKey {
    algorithm: Algorithm,
    key: Secret<32>,
    /// Caches, made at first use: most keys serve one direction.
    seal: Option<CipherCtx>,
    open: Option<CipherCtx>,
}

impl AeadKey {
    /// A key of exactly [`Algorithm::key_len`] bytes.
    ///
    /// # Errors
    /// [`CryptoError::Length`] for a key of another length.
    pub fn new(algorithm: Algorithm, key: &[u8]) -> Result<Self, CryptoError> {
        if key.len() != algorithm.key_len() {
            return Err(CryptoError::Length { what: "key", wanted: algorithm.key_len(), got: key.len() });
        }
        Ok(Self { algorithm, key: Secret::padded(key), seal: None, open: None })
    }

    /// Which cipher this key is for.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Encrypts `buf` in place and returns the tag.
    ///
    /// # Errors
    /// [`CryptoError::Library`] if OpenSSL fails, which its contract does not foresee.
    pub fn seal(
        &mut self,
        nonce: &[u8; 12],
        aad: &[u8],
        buf: &mut [u8],
    ) -> Result<[u8; TAG_LEN], CryptoError> {
        if self.seal.is_none() {
            let mut ctx = CipherCtx::new()?;
            ctx.encrypt_init(Some(self.algorithm.cipher()), self.key.get(..self.algorithm.key_len()), None)?;
            self.seal = Some(ctx);
        }
        let ctx = self.seal.as_mut().ok_or(CryptoError::UnsupportedKey)?;
        ctx.encrypt_init(None, None, Some(nonce))?;
        if !aad.is_empty() {
            ctx.cipher_update(aad, None)?;
        }
        if !buf.is_empty() {
            let len = buf.len();
            ctx.cipher_update_inplace(buf, len)?;
        }
        ctx.cipher_final(&mut [])?;
        let mut tag = [0; TAG_LEN];
        ctx.tag(&mut tag)?;
        Ok(tag)
    }

    /// Decrypts `buf` in place. On an error `buf` is zeroed: what was decrypted before the tag was seen to be wrong
    /// must not be believed by anybody.
    ///
    /// # Errors
    /// [`CryptoError::BadTag`] unless key, nonce, additional data, ciphertext and tag fit; [`CryptoError::Length`] for
    /// a tag of another length than 16.
    pub fn open(
        &mut self,
        nonce: &[u8; 12],
        aad: &[u8],
        buf: &mut [u8],
        tag: &[u8],
    ) -> Result<(), CryptoError> {
        self.open_parts(nonce, &[aad], buf, tag)
    }

    /// As [`open`](Self::open), where the additional data stands in several places.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub fn open_parts(
        &mut self,
        nonce: &[u8; 12],
        aad: &[&[u8]],
        buf: &mut [u8],
        tag: &[u8],
    ) -> Result<(), CryptoError> {
        let opened = self.decrypt(nonce, aad, buf, tag);
        if opened.is_err() {
            buf.fill(0);
        }
        opened
    }

    /// Decrypts `sealed` into `out`, which is as long. On an error `out` is zeroed, as by [`open`](Self::open).
    ///
    /// # Errors
    /// Those of [`open`](Self::open); [`CryptoError::Length`] for an `out` of another length too.
    pub fn open_into(
        &mut self,
        nonce: &[u8; 12],
        aad: &[u8],
        (sealed, tag): (&[u8], &[u8]),
        out: &mut [u8],
    ) -> Result<(), CryptoError> {
        if sealed.len() != out.len() {
            return Err(CryptoError::Length { what: "out", wanted: sealed.len(), got: out.len() });
        }
        let opened = self.begin_open(nonce, &[aad], tag).and_then(|ctx| {
            if !sealed.is_empty() {
                ctx.cipher_update(sealed, Some(&mut *out))?;
            }
            ctx.cipher_final(&mut []).map_err(|_| CryptoError::BadTag)?;
            Ok(())
        });
        if opened.is_err() {
            out.fill(0);
        }
        opened
    }

    fn decrypt(
        &mut self,
        nonce: &[u8; 12],
        aad: &[&[u8]],
        buf: &mut [u8],
        tag: &[u8],
    ) -> Result<(), CryptoError> {
        let ctx = self.begin_open(nonce, aad, tag)?;
        if !buf.is_empty() {
            let len = buf.len();
            ctx.cipher_update_inplace(buf, len)?;
        }
        ctx.cipher_final(&mut []).map_err(|_| CryptoError::BadTag)?;
        Ok(())
    }

    /// A context that is ready for what is to be decrypted.
    fn begin_open(
        &mut self,
        nonce: &[u8; 12],
        aad: &[&[u8]],
        tag: &[u8],
    ) -> Result<&mut CipherCtx, CryptoError> {
        // A shorter tag would be compared over its own length.
        if tag.len() != TAG_LEN {
            return Err(CryptoError::Length { what: "tag", wanted: TAG_LEN, got: tag.len() });
        }
        if self.open.is_none() {
            let mut ctx = CipherCtx::new()?;
            ctx.decrypt_init(Some(self.algorithm.cipher()), self.key.get(..self.algorithm.key_len()), None)?;
            self.open = Some(ctx);
        }
        let ctx = self.open.as_mut().ok_or(CryptoError::UnsupportedKey)?;
        ctx.decrypt_init(None, None, Some(nonce))?;
        ctx.set_tag(tag)?;
        for part in aad.iter().filter(|part| !part.is_empty()) {
            ctx.cipher_update(part, None)?;
        }
        Ok(ctx)
    }
}

/// The copy has contexts of its own, made again from the key.
impl Clone for AeadKey {
    fn clone(&self) -> Self {
        Self { algorithm: self.algorithm, key: self.key.clone(), seal: None, open: None }
    }
}

impl fmt::Debug for AeadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AeadKey").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Algorithm; 3] = [Algorithm::Aes128Gcm, Algorithm::Aes256Gcm, Algorithm::ChaCha20Poly1305];

    #[test]
    fn a_reused_context_seals_as_a_fresh_one() {
        for algorithm in ALL {
            let mut key = AeadKey::new(algorithm, &[7; 32][..algorithm.key_len()]).unwrap();
            for round in 0..3 {
                let (mut a, mut b) = ([round; 100], [round; 100]);
                let nonce = [round; 12];
                let tag = key.seal(&nonce, b"aad", &mut a).unwrap();
                assert_eq!(tag, key.clone().seal(&nonce, b"aad", &mut b).unwrap());
                assert_eq!(a, b);
                key.open(&nonce, b"aad", &mut a, &tag).unwrap();
                assert_eq!(a, [round; 100]);
                let mut out = [0xff; 100];
                key.open_into(&nonce, b"aad", (&b, &tag), &mut out).unwrap();
                assert_eq!(out, [round; 100]);
                key.open_parts(&nonce, &[b"a", b"", b"ad"], &mut b, &tag).unwrap();
                assert_eq!(b, [round; 100]);
            }
        }
    }

    #[test]
    fn a_bad_tag_leaves_no_plaintext_and_the_key_usable() {
        for algorithm in ALL {
            let mut key = AeadKey::new(algorithm, &[7; 32][..algorithm.key_len()]).unwrap();
            let mut buf = [1; 64];
            let tag = key.seal(&[0; 12], b"", &mut buf).unwrap();
            let mut forged = buf;
            forged[63] ^= 1;
            assert_eq!(key.open(&[0; 12], b"", &mut forged, &tag), Err(CryptoError::BadTag));
            assert_eq!(forged, [0; 64]);
            assert!(key.open(&[0; 12], b"", &mut buf.clone(), &tag[..4]).is_err());
            assert!(key.open(&[0; 12], b"", &mut buf.clone(), &[]).is_err());
            let (mut out, mut other) = ([0xff; 64], buf);
            other[0] ^= 1;
            assert_eq!(key.open_into(&[0; 12], b"", (&other, &tag), &mut out), Err(CryptoError::BadTag));
            assert_eq!(out, [0; 64]);
            assert!(key.open_into(&[0; 12], b"", (&buf, &tag), &mut [0; 63]).is_err());
            assert!(key.open_into(&[0; 12], b"", (&buf, &tag[..4]), &mut out).is_err());
            key.open(&[0; 12], b"", &mut buf, &tag).unwrap();
            assert_eq!(buf, [1; 64]);
        }
    }

    #[test]
    fn an_empty_message_has_a_tag() {
        let mut key = AeadKey::new(Algorithm::Aes128Gcm, &[0; 16]).unwrap();
        let tag = key.seal(&[0; 12], b"", &mut []).unwrap();
        // The first case of the specification of GCM.
        assert_eq!(tag[..4], [0x58, 0xe2, 0xfc, 0xce]);
        key.open(&[0; 12], b"", &mut [], &tag).unwrap();
    }
}
