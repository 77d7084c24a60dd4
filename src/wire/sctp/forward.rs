//! FORWARD TSN (RFC 3758 §3.2) and I-FORWARD-TSN (RFC 8260 §2.3.1).

use crate::base::serial::{Mid32, Ssn, Tsn};

/// The last ordered message of a stream that is abandoned.
///
/// ```
/// use antiphon::base::serial::Ssn;
/// use antiphon::wire::sctp::Skipped;
///
/// let skipped = Skipped { stream: 1, ssn: Ssn(4) };
/// assert_eq!(skipped.ssn.0, 4);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Skipped {
    /// Stream.
    pub stream: u16,
    /// Sequence number of the message.
    pub ssn: Ssn,
}

/// A FORWARD TSN, borrowed from its packet.
///
/// ```
/// use antiphon::base::serial::{Ssn, Tsn};
/// use antiphon::wire::sctp::{Chunk, Packet, PacketWriter, Skipped};
///
/// let skipped = Skipped { stream: 1, ssn: Ssn(4) };
/// let mut buf = [0; 64];
/// let mut writer = PacketWriter::new(&mut buf, 5000, 5000, 7);
/// writer.forward_tsn(Tsn(9), [skipped])?;
/// let len = writer.finish();
/// let Some(Ok(Chunk::ForwardTsn(forward))) = Packet::parse(&buf[..len])?.chunks().next() else { panic!() };
/// assert_eq!((forward.new_cumulative_tsn, forward.streams().next()), (Tsn(9), Some(skipped)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
///
/// ```
/// use antiphon::base::serial::Mid32;
/// use antiphon::wire::sctp::SkippedMessage;
///
/// let skipped = SkippedMessage { stream: 1, unordered: false, mid: Mid32(4) };
/// assert_eq!(skipped.mid.0, 4);
/// ```
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
///
/// ```
/// use antiphon::base::serial::Mid32;
/// use antiphon::wire::sctp::{Chunk, Packet, SkippedMessage};
///
/// let mut bytes = vec![0; 12];
/// bytes.extend([0xc2, 0, 0, 16, 0, 0, 0, 9, 0, 1, 0, 1, 0, 0, 0, 4]);
/// let packet = Packet::parse_unverified(&bytes)?;
/// let Some(Ok(Chunk::IForwardTsn(forward))) = packet.chunks().next() else { panic!() };
/// let skipped = SkippedMessage { stream: 1, unordered: true, mid: Mid32(4) };
/// assert_eq!((forward.new_cumulative_tsn.0, forward.streams().next()), (9, Some(skipped)));
/// # Ok::<(), antiphon::wire::sctp::ParseError>(())
/// ```
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
