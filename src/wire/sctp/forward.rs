//! FORWARD TSN (RFC 3758 §3.2) and I-FORWARD-TSN (RFC 8260 §2.3.1).

use crate::base::serial::{Mid32, Ssn, Tsn};

/// The last ordered message of a stream that is abandoned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Skipped {
    /// Stream.
    pub stream: u16,
    /// Sequence number of the message.
    pub ssn: Ssn,
}

/// A FORWARD TSN, borrowed from its packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForwardTsn<'a> {
    /// Everything up to this counts as received.
    pub new_cumulative_tsn: Tsn,
    streams: &'a [[u8; 4]],
}

impl<'a> ForwardTsn<'a> {
    /// Bytes of one without streams, its header included; each stream takes four more.
    pub const HEADER_LEN: usize = 8;

    pub(super) fn parse(value: &'a [u8]) -> Option<Self> {
        let (tsn, rest) = value.split_first_chunk::<4>()?;
        let (streams, odd) = rest.as_chunks();
        odd.is_empty().then_some(Self { new_cumulative_tsn: Tsn(u32::from_be_bytes(*tsn)), streams })
    }

    /// Streams with ordered messages among what is skipped.
    pub fn streams(&self) -> impl ExactSizeIterator<Item = Skipped> + use<'a> {
        self.streams.iter().map(|[a, b, c, d]| Skipped {
            stream: u16::from_be_bytes([*a, *b]),
            ssn: Ssn(u16::from_be_bytes([*c, *d])),
        })
    }
}

/// The last message of a stream that is abandoned, with I-DATA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SkippedMessage {
    /// Stream.
    pub stream: u16,
    /// Whether unordered messages are meant.
    pub unordered: bool,
    /// Identifier of the message.
    pub mid: Mid32,
}

/// An I-FORWARD-TSN, borrowed from its packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IForwardTsn<'a> {
    /// Everything up to this counts as received.
    pub new_cumulative_tsn: Tsn,
    streams: &'a [[u8; 8]],
}

impl<'a> IForwardTsn<'a> {
    pub(super) fn parse(value: &'a [u8]) -> Option<Self> {
        let (tsn, rest) = value.split_first_chunk::<4>()?;
        let (streams, odd) = rest.as_chunks();
        odd.is_empty().then_some(Self { new_cumulative_tsn: Tsn(u32::from_be_bytes(*tsn)), streams })
    }

    /// Streams with messages among what is skipped.
    pub fn streams(&self) -> impl ExactSizeIterator<Item = SkippedMessage> + use<'a> {
        self.streams.iter().map(|[a, b, _, flags, c, d, e, f]| SkippedMessage {
            stream: u16::from_be_bytes([*a, *b]),
            unordered: flags & 1 != 0,
            mid: Mid32(u32::from_be_bytes([*c, *d, *e, *f])),
        })
    }
}
