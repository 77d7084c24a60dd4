//! Keys and sequence numbers of each epoch, in each direction.

use super::error::SealError;
use super::protect::Protection;
use crate::base::window::ReplayWindow;
use crate::base::writer::Writer;
use crate::wire::dtls::record::{
    ContentType, HEADER_LEN, MAX_PLAINTEXT, MAX_SEQUENCE, Version, write_header,
};

/// An epoch we send in.
#[derive(Clone, Debug)]
pub(super) struct WriteEpoch {
    number: u16,
    /// The next record's sequence number.
    next: u64,
    /// `None`: in the clear.
    protection: Option<Protection>,
    /// What records in the clear say. Before the version is settled that is 1.0: old servers refuse anything else
    /// (RFC 6347 §4.2.1).
    version: Version,
}

impl WriteEpoch {
    const fn new(number: u16, protection: Option<Protection>) -> Self {
        Self { number, next: 0, protection, version: Version::DTLS_1_0 }
    }

    /// Bytes before a record's content.
    pub(super) fn head_len(&self) -> usize {
        self.protection.as_ref().map_or(HEADER_LEN, Protection::head_len)
    }

    /// Bytes after it.
    pub(super) fn tail_len(&self) -> usize {
        self.protection.as_ref().map_or(0, Protection::tail_len)
    }

    /// Whether a record was sent.
    pub(super) const fn is_used(&self) -> bool {
        self.next > 0
    }

    /// Makes a record of the content at `buf[head_len..head_len + len]`; it is then `buf[..returned]`.
    pub(super) fn seal(
        &mut self,
        content_type: ContentType,
        buf: &mut [u8],
        len: usize,
    ) -> Result<usize, SealError> {
        if self.next > MAX_SEQUENCE {
            return Err(SealError::SequenceExhausted { epoch: self.number });
        }
        if len > MAX_PLAINTEXT {
            return Err(SealError::TooLong { len, max: MAX_PLAINTEXT });
        }
        let place = (self.number, self.next);
        let sealed = match &mut self.protection {
            Some(protection) => protection.seal(content_type, place, buf, len).map_err(SealError::Cipher)?,
            None => seal_plain(content_type, self.version, place, buf, len),
        };
        let wanted = self.head_len() + len + self.tail_len();
        let sealed = sealed.ok_or(SealError::BufferTooShort { len: buf.len(), wanted })?;
        self.next += 1;
        Ok(sealed)
    }
}

fn seal_plain(
    content_type: ContentType,
    version: Version,
    place: (u16, u64),
    buf: &mut [u8],
    len: usize,
) -> Option<usize> {
    let record = buf.get_mut(..HEADER_LEN + len)?;
    write_header(&mut Writer::new(record), content_type, version, place, len).ok()?;
    Some(HEADER_LEN + len)
}

/// An epoch we receive in.
#[derive(Clone, Debug)]
pub(super) struct ReadEpoch {
    pub(super) number: u16,
    pub(super) window: ReplayWindow,
    pub(super) protection: Protection,
}

/// Every epoch of a connection; few at a time.
#[derive(Clone, Debug)]
pub(super) struct Epochs {
    /// In ascending order; the last is the present one.
    writes: Vec<WriteEpoch>,
    reads: Vec<ReadEpoch>,
}

impl Epochs {
    /// Epoch 0, in the clear, to send in.
    pub(super) fn new() -> Self {
        Self { writes: vec![WriteEpoch::new(0, None)], reads: Vec::new() }
    }

    /// The epoch we send in now.
    pub(super) fn current(&mut self) -> Option<&mut WriteEpoch> {
        self.writes.last_mut()
    }

    /// The epoch of this number to send in.
    pub(super) fn write(&mut self, number: u16) -> Option<&mut WriteEpoch> {
        self.writes.iter_mut().rev().find(|epoch| epoch.number == number)
    }

    /// What a record costs in the epoch of this number: bytes before and after its content.
    pub(super) fn overhead(&self, number: u16) -> (usize, usize) {
        let epoch = self.writes.iter().rev().find(|epoch| epoch.number == number);
        epoch.map_or((HEADER_LEN, 0), |epoch| (epoch.head_len(), epoch.tail_len()))
    }

    /// What a record costs in the present epoch.
    pub(super) fn current_overhead(&self) -> (usize, usize) {
        self.writes.last().map_or((HEADER_LEN, 0), |epoch| (epoch.head_len(), epoch.tail_len()))
    }

    /// The epoch of this number to receive in.
    pub(super) fn read(&mut self, number: u16) -> Option<&mut ReadEpoch> {
        self.reads.iter_mut().rev().find(|epoch| epoch.number == number)
    }

    /// Whether anything was sent in any epoch.
    pub(super) fn is_used(&self) -> bool {
        self.writes.iter().any(WriteEpoch::is_used)
    }

    /// The highest epoch to receive in; 0 while nothing is protected.
    pub(super) fn last_read(&self) -> u16 {
        self.reads.last().map_or(0, |epoch| epoch.number)
    }

    /// From now on records are sent in this epoch.
    pub(super) fn start_write(&mut self, number: u16, protection: Protection) {
        self.writes.push(WriteEpoch::new(number, Some(protection)));
    }

    /// From now on records of this epoch are taken.
    pub(super) fn start_read(&mut self, number: u16, protection: Protection) {
        self.reads.push(ReadEpoch { number, window: ReplayWindow::default(), protection });
    }

    /// The next record in the clear has at least this number: what answers a hello before there is state repeats the hello's
    /// (RFC 6347 §4.2.1). A number in the upper half is not followed, or whoever sent it could use up ours.
    pub(super) fn follow(&mut self, sequence: u64) {
        if let Some(epoch) = self.write(0).filter(|_| sequence <= MAX_SEQUENCE / 2) {
            epoch.next = epoch.next.max(sequence);
        }
    }

    /// The version is settled: records in the clear say it from now on.
    pub(super) fn settle_version(&mut self, version: Version) {
        self.writes.iter_mut().for_each(|epoch| epoch.version = version);
    }

    /// Forgets the epochs before the present one: nothing of them is repeated any more.
    pub(super) fn forget_old_writes(&mut self) {
        let old = self.writes.len().saturating_sub(1);
        self.writes.drain(..old);
        self.writes.shrink_to_fit();
        self.reads.shrink_to_fit();
    }

    /// Sets the present epoch's next sequence number: a test reaches the end without sending 2^48 records.
    #[cfg(test)]
    pub(super) fn skip_to(&mut self, sequence: u64) {
        if let Some(epoch) = self.writes.last_mut() {
            epoch.next = sequence;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n29_the_last_sequence_number_is_used_once() {
        let mut epochs = Epochs::new();
        epochs.skip_to(MAX_SEQUENCE);
        let mut buf = [0; 20];
        let epoch = epochs.current().unwrap();
        assert_eq!(epoch.seal(ContentType::Alert, &mut buf, 2), Ok(15));
        assert_eq!(&buf[5..11], &[0xff; 6]);
        assert_eq!(
            epoch.seal(ContentType::Alert, &mut buf, 2),
            Err(SealError::SequenceExhausted { epoch: 0 })
        );
    }

    #[test]
    fn numbers_follow_a_hello_forwards_and_not_to_their_end() {
        let mut epochs = Epochs::new();
        let number = |epochs: &mut Epochs| {
            let mut buf = [0; 20];
            epochs.current().unwrap().seal(ContentType::Alert, &mut buf, 2).unwrap();
            u64::from_be_bytes([0, 0, buf[5], buf[6], buf[7], buf[8], buf[9], buf[10]])
        };
        epochs.follow(7);
        assert_eq!((number(&mut epochs), number(&mut epochs)), (7, 8));
        epochs.follow(3);
        epochs.follow(MAX_SEQUENCE);
        assert_eq!(number(&mut epochs), 9);
    }

    #[test]
    fn a_short_buffer_uses_no_number() {
        let mut epochs = Epochs::new();
        let epoch = epochs.current().unwrap();
        let short = SealError::BufferTooShort { len: 14, wanted: 15 };
        assert_eq!(epoch.seal(ContentType::Alert, &mut [0; 14], 2), Err(short));
        assert!(!epoch.is_used());
    }
}
