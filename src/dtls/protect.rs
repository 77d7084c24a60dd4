//! Seals and opens records.

use core::fmt;

use crate::base::secret::Secret;
use crate::base::writer::Writer;
use crate::crypto::CryptoError;
use crate::crypto::aead::{AeadKey, Algorithm, TAG_LEN};
use crate::wire::dtls::record::{ContentType, HEADER_LEN, Record, Version, write_header};

/// Bytes of the nonce that AES-GCM records of DTLS 1.2 carry (RFC 5288 §3).
const EXPLICIT_NONCE_LEN: usize = 8;

/// The keys of one epoch in one direction.
///
/// The nonce is made of epoch and sequence number for every cipher, never of random bytes: they never repeat under
/// one key.
#[derive(Clone)]
pub(super) struct Protection {
    key: AeadKey,
    /// RFC 5288: the salt and eight zeros. RFC 7905: the whole IV. The nonce is this, exclusive-or epoch and number.
    iv: Secret<12>,
    /// Bytes of nonce in each record: 8 for AES-GCM, none for `ChaCha20`.
    explicit: usize,
}

impl Protection {
    /// Length of the IV that the key block holds for `algorithm` in DTLS 1.2.
    pub(super) const fn iv_len(algorithm: Algorithm) -> usize {
        match algorithm {
            Algorithm::Aes128Gcm | Algorithm::Aes256Gcm => 4,
            Algorithm::ChaCha20Poly1305 => 12,
        }
    }

    /// The keys of an epoch of DTLS 1.2.
    pub(super) fn v12(algorithm: Algorithm, key: &[u8], iv: &[u8]) -> Result<Self, CryptoError> {
        let explicit = match algorithm {
            Algorithm::Aes128Gcm | Algorithm::Aes256Gcm => EXPLICIT_NONCE_LEN,
            Algorithm::ChaCha20Poly1305 => 0,
        };
        Ok(Self { key: AeadKey::new(algorithm, key)?, iv: Secret::padded(iv), explicit })
    }

    /// Bytes before the content.
    pub(super) const fn head_len(&self) -> usize {
        HEADER_LEN + self.explicit
    }

    /// Bytes after it.
    #[expect(clippy::unused_self, reason = "every cipher of today has the same tag length")]
    pub(super) const fn tail_len(&self) -> usize {
        TAG_LEN
    }

    fn nonce(&self, counter: [u8; 8]) -> [u8; 12] {
        let mut nonce = *self.iv.array();
        for (byte, count) in nonce.iter_mut().skip(4).zip(counter) {
            *byte ^= count;
        }
        nonce
    }

    /// Seals the content that stands at `buf[head_len..head_len + len]`; the record is then `buf[..returned]`.
    /// `None` if the buffer is too short or the cipher fails.
    pub(super) fn seal(
        &mut self,
        content_type: ContentType,
        (epoch, sequence): (u16, u64),
        buf: &mut [u8],
        len: usize,
    ) -> Result<Option<usize>, CryptoError> {
        let (head, explicit) = (self.head_len(), self.explicit);
        let whole = head + len + TAG_LEN;
        let Some((head_bytes, rest)) =
            buf.get_mut(..whole).and_then(|record| record.split_at_mut_checked(head))
        else {
            return Ok(None);
        };
        let Some((content, tag)) = rest.split_at_mut_checked(len) else { return Ok(None) };
        let counter = counter(epoch, sequence);
        let mut writer = Writer::new(head_bytes);
        let header = write_header(
            &mut writer,
            content_type,
            Version::DTLS_1_2,
            (epoch, sequence),
            explicit + len + TAG_LEN,
        );
        if header.is_err() || writer.bytes(counter.get(..explicit).unwrap_or_default()).is_err() {
            return Ok(None);
        }
        let aad = additional_data(counter, content_type, Version::DTLS_1_2, len);
        tag.copy_from_slice(&self.key.seal(&self.nonce(counter), &aad, content)?);
        Ok(Some(whole))
    }

    /// Length of the content of a record that has `len` bytes after its header; `None` if it is too short.
    pub(super) const fn content_len(&self, len: usize) -> Option<usize> {
        len.checked_sub(self.explicit + TAG_LEN)
    }

    /// Opens `record` into `out`, which is exactly as long as the content; false, and zeros, unless it is authentic.
    pub(super) fn open(&mut self, record: &Record<'_>, out: &mut [u8]) -> bool {
        let counter_bytes = counter(record.epoch, record.sequence);
        let Some((explicit, rest)) = record.fragment.split_at_checked(self.explicit) else { return false };
        let Some((ciphertext, tag)) = rest.split_at_checked(out.len()) else { return false };
        out.copy_from_slice(ciphertext);
        let aad = additional_data(counter_bytes, record.content_type, record.version, out.len());
        // The peer's nonce is the peer's choice (RFC 5288 §3).
        let nonce = self.nonce(explicit.first_chunk().copied().unwrap_or(counter_bytes));
        self.key.open(&nonce, &aad, out, tag).is_ok()
    }
}

/// Epoch and sequence number in eight bytes.
const fn counter(epoch: u16, sequence: u64) -> [u8; 8] {
    ((epoch as u64) << 48 | sequence).to_be_bytes()
}

/// What is authenticated beside the content (RFC 6347 §4.1.2.1).
fn additional_data(
    counter: [u8; 8],
    content_type: ContentType,
    version: Version,
    len: usize,
) -> [u8; HEADER_LEN] {
    let mut data = [0; HEADER_LEN];
    let (front, back) = data.split_at_mut(8);
    front.copy_from_slice(&counter);
    let [high, low] = version.0.to_be_bytes();
    // Contents are at most 2^14 bytes when sent, and less than 2^16 by their header when received.
    let [long, short] = u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
    back.copy_from_slice(&[content_type.number(), high, low, long, short]);
    data
}

impl fmt::Debug for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Protection").field("algorithm", &self.key.algorithm()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::dtls::record::Records;

    fn sealed(protection: &mut Protection, sequence: u64) -> Vec<u8> {
        let head = protection.head_len();
        let mut buf = vec![0; head + 5 + TAG_LEN];
        buf[head..head + 5].copy_from_slice(b"hello");
        let len = protection.seal(ContentType::ApplicationData, (1, sequence), &mut buf, 5).unwrap();
        assert_eq!(len, Some(buf.len()));
        buf
    }

    #[test]
    fn what_is_sealed_opens_and_what_is_changed_does_not() {
        for (algorithm, key) in [
            (Algorithm::Aes128Gcm, &[1; 16][..]),
            (Algorithm::Aes256Gcm, &[2; 32]),
            (Algorithm::ChaCha20Poly1305, &[3; 32]),
        ] {
            let mut protection =
                Protection::v12(algorithm, key, &[4; 12][..Protection::iv_len(algorithm)]).unwrap();
            let datagram = sealed(&mut protection, 9);
            let mut out = [0; 5];
            let record = Records::new(&datagram).next().unwrap();
            assert_eq!(protection.content_len(record.fragment.len()), Some(5));
            assert!(protection.open(&record, &mut out));
            assert_eq!(&out, b"hello");
            // The type, the version and every later byte are authenticated; a change of the length cuts the record.
            for at in (0..datagram.len()).filter(|at| ![11, 12].contains(at)) {
                let mut changed = datagram.clone();
                changed[at] ^= 1;
                if let Some(record) = Records::new(&changed).next() {
                    assert!(!protection.open(&record, &mut out), "{algorithm:?} byte {at}");
                }
            }
        }
    }

    #[test]
    fn the_explicit_nonce_is_epoch_and_number() {
        let mut protection = Protection::v12(Algorithm::Aes128Gcm, &[1; 16], &[4; 4]).unwrap();
        assert_eq!(&sealed(&mut protection, 7)[13..21], &[0, 1, 0, 0, 0, 0, 0, 7]);
    }
}
