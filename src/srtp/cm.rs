//! AES in counter mode with HMAC-SHA-1 (RFC 3711 §4.1.1, §4.2.1).

use core::fmt;

use super::keys::SessionKeys;
use super::layout::{Cut, RTCP_CLEAR, RTCP_INDEX};
use super::transform::E_BIT;
use crate::crypto::CryptoError;
use crate::crypto::ctr::AesCtr;
use crate::crypto::digest::{HmacSha1, constant_time_eq};

/// The keys of one protocol in one direction.
#[derive(Clone)]
pub(super) struct Cm {
    cipher: AesCtr,
    mac: HmacSha1,
    salt: u128,
    tag_len: usize,
}

impl Cm {
    pub(super) fn new(keys: &SessionKeys, tag_len: usize) -> Result<Self, CryptoError> {
        Ok(Self {
            cipher: AesCtr::new(keys.key())?,
            mac: HmacSha1::new(&keys.auth_key),
            salt: keys.salt,
            tag_len,
        })
    }

    pub(super) const fn tag_len(&self) -> usize {
        self.tag_len
    }

    /// The first counter block.
    fn iv(&self, ssrc: u32, index: u64) -> [u8; 16] {
        (self.salt << 16 ^ u128::from(ssrc) << 64 ^ u128::from(index) << 16).to_be_bytes()
    }

    /// Encryption and decryption of what follows `clear` bytes.
    fn apply(&mut self, buf: &mut [u8], clear: usize, ssrc: u32, index: u64) -> Result<(), CryptoError> {
        let iv = self.iv(ssrc, index);
        self.cipher.apply(&iv, buf.get_mut(clear..).unwrap_or_default())
    }

    /// Encrypts `packet` and fills the room that it has for its tag at the end.
    pub(super) fn seal_rtp(
        &mut self,
        packet: &mut [u8],
        cut: Cut,
        ssrc: u32,
        index: u64,
    ) -> Result<(), CryptoError> {
        let end = packet.len().saturating_sub(self.tag_len);
        let (body, tag) = packet.split_at_mut(end);
        cut.gather(body);
        let applied = self.apply(body, cut.clear, ssrc, index);
        cut.scatter(body);
        applied?;
        self.write_tag(tag, &[body, &rollover(index)]);
        Ok(())
    }

    /// Decrypts into `out`, which is as long as `packet` without its tag; returns which of the indices is the right one.
    ///
    /// The index stands at the end of what is authenticated, so a second one costs little.
    pub(super) fn open_rtp(
        &mut self,
        packet: &[u8],
        out: &mut [u8],
        (cut, ssrc): (Cut, u32),
        indices: [Option<u64>; 2],
    ) -> Option<u64> {
        let (body, tag) = packet.split_at_checked(out.len())?;
        let prefix = self.mac.absorb(&[body]);
        let index = indices
            .into_iter()
            .flatten()
            .find(|index| is_tag(&prefix.sign(&rollover(*index)), tag, self.tag_len))?;
        out.copy_from_slice(body);
        cut.gather(out);
        self.apply(out, cut.clear, ssrc, index).ok()?;
        cut.scatter(out);
        Some(index)
    }

    /// Encrypts the RTCP packet and fills the room behind it: the E bit and the index, then the tag.
    pub(super) fn seal_rtcp(&mut self, packet: &mut [u8], ssrc: u32, word: u32) -> Result<(), CryptoError> {
        let end = packet.len().saturating_sub(self.tag_len);
        let (covered, tag) = packet.split_at_mut(end);
        let (body, trailer) = covered.split_at_mut(covered.len().saturating_sub(RTCP_INDEX));
        self.apply(body, RTCP_CLEAR, ssrc, u64::from(word & !E_BIT))?;
        trailer.copy_from_slice(&word.to_be_bytes());
        self.write_tag(tag, &[covered]);
        Ok(())
    }

    /// Decrypts into `out`, which is as long as the RTCP packet; false unless it is authentic.
    pub(super) fn open_rtcp(&mut self, packet: &[u8], out: &mut [u8], ssrc: u32, word: u32) -> bool {
        let Some((covered, tag)) = packet.split_at_checked(out.len() + RTCP_INDEX) else { return false };
        if !is_tag(&self.mac.sign(&[covered]), tag, self.tag_len) {
            return false;
        }
        let Some(body) = covered.get(..out.len()) else { return false };
        out.copy_from_slice(body);
        let index = u64::from(word & !E_BIT);
        word & E_BIT == 0 || self.apply(out, RTCP_CLEAR, ssrc, index).is_ok()
    }

    fn write_tag(&self, tag: &mut [u8], parts: &[&[u8]]) {
        for (to, from) in tag.iter_mut().zip(self.mac.sign(parts)) {
            *to = from;
        }
    }
}

/// Whether `tag` is what `code` is cut to. A shorter one would be compared over its own length.
fn is_tag(code: &[u8], tag: &[u8], tag_len: usize) -> bool {
    code.get(..tag_len).is_some_and(|code| constant_time_eq(code, tag))
}

/// The roll-over counter of an index, which is authenticated with the packet.
fn rollover(index: u64) -> [u8; 4] {
    let [_, _, a, b, c, d, _, _] = index.to_be_bytes();
    [a, b, c, d]
}

impl fmt::Debug for Cm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cm").field("tag_len", &self.tag_len).finish_non_exhaustive()
    }
}
