//! AES in Galois/counter mode (RFC 7714).

use core::fmt;

use super::keys::SessionKeys;
use super::layout::{Cut, RTCP_CLEAR, RTCP_INDEX};
use super::transform::E_BIT;
use crate::crypto::CryptoError;
use crate::crypto::aead::{AeadKey, Algorithm, TAG_LEN};

/// The keys of one protocol in one direction.
#[derive(Clone)]
pub(super) struct Gcm {
    key: AeadKey,
    salt: u128,
}

impl Gcm {
    pub(super) fn new(keys: &SessionKeys, algorithm: Algorithm) -> Result<Self, CryptoError> {
        Ok(Self { key: AeadKey::new(algorithm, keys.key())?, salt: keys.salt })
    }

    /// The nonce of RFC 7714 §8.1 and §9.1, which are alike where an index of RTCP has 31 bits.
    fn nonce(&self, ssrc: u32, index: u64) -> [u8; 12] {
        let nonce = self.salt ^ u128::from(ssrc) << 48 ^ u128::from(index);
        let [_, _, _, _, bytes @ ..] = nonce.to_be_bytes();
        bytes
    }

    /// Encrypts `packet` and fills the room that it has for its tag at the end.
    pub(super) fn seal_rtp(
        &mut self,
        packet: &mut [u8],
        cut: Cut,
        ssrc: u32,
        index: u64,
    ) -> Result<(), CryptoError> {
        let end = packet.len().saturating_sub(TAG_LEN);
        let (whole, tag) = packet.split_at_mut(end);
        cut.gather(whole);
        let sealed = match whole.split_at_mut_checked(cut.clear) {
            Some((clear, body)) => self.key.seal(&self.nonce(ssrc, index), clear, body),
            None => Err(CryptoError::Malformed("packet")),
        };
        cut.scatter(whole);
        tag.copy_from_slice(&sealed?);
        Ok(())
    }

    /// Decrypts into `out`, which is as long as `packet` without its tag; returns which of the indices is the right one.
    pub(super) fn open_rtp(
        &mut self,
        packet: &[u8],
        out: &mut [u8],
        (cut, ssrc): (Cut, u32),
        indices: [Option<u64>; 2],
    ) -> Option<u64> {
        let (whole, tag) = packet.split_at_checked(out.len())?;
        if cut.is_in_order() {
            let (clear, sealed) = whole.split_at_checked(cut.clear)?;
            let (head, body) = out.split_at_mut_checked(cut.clear)?;
            head.copy_from_slice(clear);
            return indices.into_iter().flatten().find(|index| {
                self.key.open_into(&self.nonce(ssrc, *index), clear, (sealed, tag), body).is_ok()
            });
        }
        // A failed attempt leaves nothing of what it decrypted, so each has a copy of its own.
        let index = indices.into_iter().flatten().find(|index| {
            out.copy_from_slice(whole);
            cut.gather(out);
            let nonce = self.nonce(ssrc, *index);
            out.split_at_mut_checked(cut.clear)
                .is_some_and(|(clear, body)| self.key.open(&nonce, clear, body, tag).is_ok())
        })?;
        cut.scatter(out);
        Some(index)
    }

    /// Encrypts the RTCP packet and fills the room behind it: the tag, then the E bit and the index.
    pub(super) fn seal_rtcp(&mut self, packet: &mut [u8], ssrc: u32, word: u32) -> Result<(), CryptoError> {
        let end = packet.len().saturating_sub(TAG_LEN + RTCP_INDEX);
        let (whole, trailer) = packet.split_at_mut(end);
        let Some((clear, body)) = whole.split_first_chunk_mut::<RTCP_CLEAR>() else {
            return Err(CryptoError::Malformed("packet"));
        };
        let mut data = [0; RTCP_CLEAR + RTCP_INDEX];
        let (front, back) = data.split_at_mut(RTCP_CLEAR);
        front.copy_from_slice(clear);
        back.copy_from_slice(&word.to_be_bytes());
        let sealed = self.key.seal(&self.nonce(ssrc, u64::from(word & !E_BIT)), &data, body)?;
        let (tag, index) = trailer.split_at_mut(TAG_LEN);
        tag.copy_from_slice(&sealed);
        index.copy_from_slice(&word.to_be_bytes());
        Ok(())
    }

    /// Decrypts into `out`, which is as long as the RTCP packet; false unless it is authentic.
    pub(super) fn open_rtcp(&mut self, packet: &[u8], out: &mut [u8], ssrc: u32, word: u32) -> bool {
        let Some((whole, trailer)) = packet.split_at_checked(out.len()) else { return false };
        let Some((tag, index)) = trailer.split_at_checked(TAG_LEN) else { return false };
        out.copy_from_slice(whole);
        let nonce = self.nonce(ssrc, u64::from(word & !E_BIT));
        // In the clear, all of it is additional data (RFC 7714 §9.3).
        let clear = if word & E_BIT == 0 { out.len() } else { RTCP_CLEAR };
        let Some((clear, body)) = out.split_at_mut_checked(clear) else { return false };
        self.key.open_parts(&nonce, &[clear, index], body, tag).is_ok()
    }
}

impl fmt::Debug for Gcm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gcm").field("algorithm", &self.key.algorithm()).finish_non_exhaustive()
    }
}
