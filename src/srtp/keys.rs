//! Key derivation (RFC 3711 §4.3, RFC 7714 §11): session keys out of a master key and a master salt.

use super::profile::{AUTH_KEY_LEN, Usage};
use crate::base::secret::Secret;
use crate::crypto::CryptoError;
use crate::crypto::ctr::AesCtr;

/// The session keys of one protocol in one direction.
pub(super) struct SessionKeys {
    bytes: Secret<32>,
    key_len: usize,
    /// The salt, as the number that its bytes spell.
    pub(super) salt: u128,
    pub(super) auth_key: Secret<AUTH_KEY_LEN>,
}

impl SessionKeys {
    /// Derives them. The key derivation rate is zero, as DTLS-SRTP knows no other: once, at index 0.
    pub(super) fn derive(master_key: &[u8], master_salt: &[u8], usage: Usage) -> Result<Self, CryptoError> {
        let labels = match usage {
            Usage::Rtp => [0, 1, 2],
            Usage::Rtcp => [3, 4, 5],
        };
        let [encryption, authentication, salting] = labels;
        let mut derivation = Derivation::new(master_key, master_salt)?;
        let mut keys = Self {
            bytes: Secret::new([0; 32]),
            key_len: master_key.len(),
            salt: 0,
            auth_key: Secret::new([0; AUTH_KEY_LEN]),
        };
        derivation.fill(encryption, keys.bytes.get_mut(..master_key.len()).unwrap_or_default())?;
        derivation.fill(authentication, &mut keys.auth_key)?;
        let mut salt = Secret::new([0; 14]);
        let salt = salt.get_mut(..master_salt.len()).unwrap_or_default();
        derivation.fill(salting, salt)?;
        keys.salt = number(salt);
        Ok(keys)
    }

    /// Keys of a published case that begins after derivation.
    #[cfg(test)]
    pub(super) fn given(key: &[u8], salt: &[u8]) -> Self {
        let (bytes, auth_key) = (Secret::padded(key), Secret::new([0; AUTH_KEY_LEN]));
        Self { bytes, key_len: key.len(), salt: number(salt), auth_key }
    }

    /// The key of the cipher.
    pub(super) fn key(&self) -> &[u8] {
        self.bytes.get(..self.key_len).unwrap_or_default()
    }
}

/// The number that up to sixteen bytes spell.
fn number(bytes: &[u8]) -> u128 {
    bytes.iter().fold(0, |number, byte| number << 8 | u128::from(*byte))
}

/// The pseudo-random function: AES in counter mode under the master key.
struct Derivation {
    cipher: AesCtr,
    /// The master salt in the place that it has in a counter block.
    salt: u128,
}

impl Derivation {
    fn new(master_key: &[u8], master_salt: &[u8]) -> Result<Self, CryptoError> {
        let mut block = [0; 16];
        let Some(place) = block.get_mut(..master_salt.len()).filter(|place| place.len() <= 14) else {
            return Err(CryptoError::Length { what: "salt", wanted: 14, got: master_salt.len() });
        };
        place.copy_from_slice(master_salt);
        Ok(Self { cipher: AesCtr::new(master_key)?, salt: u128::from_be_bytes(block) })
    }

    /// Fills `out` with the key of `label`.
    fn fill(&mut self, label: u8, out: &mut [u8]) -> Result<(), CryptoError> {
        // The label stands seven bytes from the end of the fourteen of the salt, and these before two of block counter.
        let block = self.salt ^ u128::from(label) << 64;
        out.fill(0);
        self.cipher.apply(&block.to_be_bytes(), out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unhex(text: &str) -> Vec<u8> {
        let pairs = text.as_bytes().chunks(2).map(|pair| core::str::from_utf8(pair).unwrap());
        pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
    }

    const KEY: &str = "e1f97a0d3e018be0d64fa32c06de4139";
    const SALT: &str = "0ec675ad498afeebb6960b3aabe6";

    #[test]
    fn keys_are_those_of_rfc_3711_b3() {
        let keys = SessionKeys::derive(&unhex(KEY), &unhex(SALT), Usage::Rtp).unwrap();
        assert_eq!(keys.key(), unhex("c61e7a93744f39ee10734afe3ff7a087"));
        assert_eq!(keys.salt, number(&unhex("30cbbc08863d8c85d49db34a9ae1")));
        // All of the authentication key that the RFC prints; SHA-1 uses twenty bytes.
        let auth = "cebe321f6ff7716b6fd4ab49af256a156d38baa48f0a0acf3c34e2359e6cdbcee049646c43d9327ad175578ef722709\
                    86371c10c9a369ac2f94a8c5fbcdddc256d6e919a48b610ef17c2041e474035766b68642c59bbfc2f34db60dbdfb2";
        let mut long = [0; 94];
        Derivation::new(&unhex(KEY), &unhex(SALT)).unwrap().fill(1, &mut long).unwrap();
        assert_eq!(long[..], unhex(auth)[..94]);
        assert_eq!(keys.auth_key[..], long[..20]);
    }

    #[test]
    fn rtp_and_rtcp_share_no_key() {
        let media = SessionKeys::derive(&[1; 32], &[2; 12], Usage::Rtp).unwrap();
        let control = SessionKeys::derive(&[1; 32], &[2; 12], Usage::Rtcp).unwrap();
        assert_eq!((media.key().len(), control.key().len()), (32, 32));
        assert_ne!(media.key(), control.key());
        assert_ne!(media.salt, control.salt);
        assert_ne!(media.auth_key, control.auth_key);
    }

    #[test]
    fn lengths_that_are_none_are_refused() {
        assert!(SessionKeys::derive(&[1; 5], &[2; 12], Usage::Rtp).is_err());
        assert!(SessionKeys::derive(&[1; 16], &[2; 15], Usage::Rtp).is_err());
        assert!(SessionKeys::derive(&[1; 16], &[2; 17], Usage::Rtp).is_err());
    }
}
