//! AES in counter mode for SRTP, and the masks of DTLS 1.3 record numbers.

use core::fmt;

use openssl::cipher::{Cipher, CipherRef};
use openssl::cipher_ctx::CipherCtx;

use super::aead::Algorithm;
use super::error::CryptoError;
use crate::base::secret::Secret;

/// AES in counter mode under one key of 16, 24 or 32 bytes.
///
/// ```
/// use antiphon::crypto::ctr::AesCtr;
///
/// let mut cipher = AesCtr::new(&[1; 16])?;
/// let mut buf = *b"media";
/// cipher.apply(&[0; 16], &mut buf)?;
/// cipher.apply(&[0; 16], &mut buf)?;
/// assert_eq!(&buf, b"media");
/// # Ok::<(), antiphon::crypto::CryptoError>(())
/// ```
pub struct AesCtr {
    key: Secret<32>,
    key_len: usize,
    ctx: Option<CipherCtx>,
}

impl AesCtr {
    /// A cipher under this key.
    ///
    /// # Errors
    /// [`CryptoError::Length`] for a key of another length.
    pub fn new(key: &[u8]) -> Result<Self, CryptoError> {
        ctr_cipher(key.len())?;
        Ok(Self { key: Secret::padded(key), key_len: key.len(), ctx: None })
    }

    /// Adds the keystream that starts at the counter block `iv` to `buf`: encryption and decryption are one.
    ///
    /// # Errors
    /// [`CryptoError::Library`] if OpenSSL fails, which its contract does not foresee.
    pub fn apply(&mut self, iv: &[u8; 16], buf: &mut [u8]) -> Result<(), CryptoError> {
        if self.ctx.is_none() {
            let mut ctx = CipherCtx::new()?;
            ctx.encrypt_init(Some(ctr_cipher(self.key_len)?), self.key.get(..self.key_len), None)?;
            self.ctx = Some(ctx);
        }
        let ctx = self.ctx.as_mut().ok_or(CryptoError::UnsupportedKey)?;
        ctx.encrypt_init(None, None, Some(iv))?;
        if !buf.is_empty() {
            let len = buf.len();
            ctx.cipher_update_inplace(buf, len)?;
        }
        Ok(())
    }
}

/// The copy has a context of its own, made again from the key.
impl Clone for AesCtr {
    fn clone(&self) -> Self {
        Self { key: self.key.clone(), key_len: self.key_len, ctx: None }
    }
}

impl fmt::Debug for AesCtr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AesCtr(..)")
    }
}

fn ctr_cipher(key_len: usize) -> Result<&'static CipherRef, CryptoError> {
    match key_len {
        16 => Ok(Cipher::aes_128_ctr()),
        24 => Ok(Cipher::aes_192_ctr()),
        32 => Ok(Cipher::aes_256_ctr()),
        got => Err(CryptoError::Length { what: "key", wanted: 32, got }),
    }
}

/// The key that hides the record numbers of one DTLS 1.3 epoch (RFC 9147 §4.2.3).
///
/// ```
/// use antiphon::crypto::{aead::Algorithm, ctr::RecordNumberKey};
///
/// let mut key = RecordNumberKey::new(Algorithm::Aes128Gcm, &[1; 16])?;
/// assert_eq!(key.mask(&[2; 16])?, key.mask(&[2; 16])?);
/// # Ok::<(), antiphon::crypto::CryptoError>(())
/// ```
pub struct RecordNumberKey {
    algorithm: Algorithm,
    key: Secret<32>,
    ctx: Option<CipherCtx>,
}

impl RecordNumberKey {
    /// A key as long as the algorithm's.
    ///
    /// # Errors
    /// [`CryptoError::Length`] for a key of another length.
    pub fn new(algorithm: Algorithm, key: &[u8]) -> Result<Self, CryptoError> {
        if key.len() != algorithm.key_len() {
            return Err(CryptoError::Length { what: "key", wanted: algorithm.key_len(), got: key.len() });
        }
        Ok(Self { algorithm, key: Secret::padded(key), ctx: None })
    }

    /// The mask for a record whose ciphertext starts with `sample`; its first bytes are added to the record number.
    ///
    /// # Errors
    /// [`CryptoError::Library`] if OpenSSL fails, which its contract does not foresee.
    pub fn mask(&mut self, sample: &[u8; 16]) -> Result<[u8; 16], CryptoError> {
        let key = self.key.get(..self.algorithm.key_len());
        let cipher = match self.algorithm {
            Algorithm::Aes128Gcm => Cipher::aes_128_ecb(),
            Algorithm::Aes256Gcm => Cipher::aes_256_ecb(),
            Algorithm::ChaCha20Poly1305 => Cipher::chacha20(),
        };
        if self.ctx.is_none() {
            let mut ctx = CipherCtx::new()?;
            ctx.encrypt_init(Some(cipher), key, None)?;
            ctx.set_padding(false);
            self.ctx = Some(ctx);
        }
        let ctx = self.ctx.as_mut().ok_or(CryptoError::UnsupportedKey)?;
        // OpenSSL asks for a block more than it fills in ECB.
        let mut out = [0; 32];
        match self.algorithm {
            Algorithm::Aes128Gcm | Algorithm::Aes256Gcm => {
                ctx.cipher_update(sample, Some(&mut out))?;
            }
            Algorithm::ChaCha20Poly1305 => {
                // The sample is the block counter, then the nonce: just what OpenSSL takes as initialisation vector.
                ctx.encrypt_init(None, None, Some(sample))?;
                ctx.cipher_update(&[0; 16], Some(&mut out))?;
            }
        }
        let [mask, _] = *out.as_chunks::<16>().0 else { return Err(CryptoError::UnsupportedKey) };
        Ok(mask)
    }
}

/// The copy has a context of its own, made again from the key.
impl Clone for RecordNumberKey {
    fn clone(&self) -> Self {
        Self { algorithm: self.algorithm, key: self.key.clone(), ctx: None }
    }
}

impl fmt::Debug for RecordNumberKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordNumberKey").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keystream_is_that_of_rfc_3711_b2() {
        let key =
            [0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c];
        let iv = [0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0, 0];
        let mut cipher = AesCtr::new(&key).unwrap();
        for _ in 0..2 {
            let mut stream = [0; 32];
            cipher.apply(&iv, &mut stream).unwrap();
            assert_eq!(stream[..4], [0xe0, 0x3e, 0xad, 0x09]);
            assert_eq!(stream[16..20], [0xd2, 0x35, 0x13, 0x16]);
        }
    }

    #[test]
    fn an_aes_mask_is_one_block_of_fips_197() {
        let key: Vec<u8> = (0..16).collect();
        let mut mask = RecordNumberKey::new(Algorithm::Aes128Gcm, &key).unwrap();
        let sample: [u8; 16] = core::array::from_fn(|index| u8::try_from(index * 0x11).unwrap());
        for _ in 0..2 {
            assert_eq!(mask.mask(&sample).unwrap()[..4], [0x69, 0xc4, 0xe0, 0xd8]);
        }
    }

    #[test]
    fn a_chacha_mask_is_the_keystream_of_rfc_8439() {
        // RFC 8439 §2.3.2: counter 1, nonce 000000090000004a00000000.
        let key: Vec<u8> = (0..32).collect();
        let mut mask = RecordNumberKey::new(Algorithm::ChaCha20Poly1305, &key).unwrap();
        let sample = [1, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0x4a, 0, 0, 0, 0];
        for _ in 0..2 {
            assert_eq!(mask.mask(&sample).unwrap()[..8], [0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15]);
        }
    }
}
