//! The data channel establishment protocol (RFC 8832) and the payload protocol identifiers of data channels.

use core::str::from_utf8;

use crate::base::reader::Reader;
use crate::base::writer::{Full, Writer};

/// Payload protocol identifiers (RFC 8831 §8).
pub mod ppid {
    /// A message of this protocol.
    pub const DCEP: u32 = 50;
    /// Text.
    pub const STRING: u32 = 51;
    /// A piece of binary data, not the last. Deprecated, never sent.
    pub const BINARY_PARTIAL: u32 = 52;
    /// Binary data.
    pub const BINARY: u32 = 53;
    /// A piece of text, not the last. Deprecated, never sent.
    pub const STRING_PARTIAL: u32 = 54;
    /// An empty text, sent as one zero byte.
    pub const STRING_EMPTY: u32 = 56;
    /// Empty binary data, sent as one zero byte.
    pub const BINARY_EMPTY: u32 = 57;
}

const ACK: u8 = 0x02;
const OPEN: u8 = 0x03;
/// The bit of a channel type that says "unordered".
const UNORDERED: u8 = 0x80;

/// Why a message of this protocol cannot be read.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DcepError {
    /// Neither OPEN nor ACK.
    #[error("unknown message type {kind:?}")]
    MessageType {
        /// The first byte, if there is one.
        kind: Option<u8>,
    },
    /// A channel type RFC 8832 §5.1 does not define.
    #[error("unknown channel type {kind:#04x}")]
    ChannelType {
        /// The byte.
        kind: u8,
    },
    /// The message is longer or shorter than its fields say.
    #[error("message of {len} bytes does not have the length its fields give")]
    Length {
        /// Its length.
        len: usize,
    },
    /// Label or protocol is not UTF-8.
    #[error("label or protocol is not UTF-8")]
    Utf8,
}

/// How hard a channel tries, as OPEN says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OpenReliability {
    /// Until it arrives.
    #[default]
    Reliable,
    /// At most this many retransmissions.
    MaxRetransmits(u32),
    /// For at most this many milliseconds.
    MaxLifetimeMillis(u32),
}

/// A `DATA_CHANNEL_OPEN` message.
///
/// ```
/// use antiphon::wire::dcep::{DcepMessage, Open};
///
/// let open = Open { label: "chat", ..Open::default() };
/// let bytes = open.to_vec();
/// assert_eq!(bytes.len(), 16);
/// assert_eq!(DcepMessage::parse(&bytes), Ok(DcepMessage::Open(open)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open<'a> {
    /// Whether messages stay in order.
    pub ordered: bool,
    /// How hard to try.
    pub reliability: OpenReliability,
    /// 128 is below normal, 256 normal, 512 high, 1024 extra high (RFC 8831 §6.4).
    pub priority: u16,
    /// The channel's name; at most 65535 bytes.
    pub label: &'a str,
    /// A WebSocket subprotocol, or empty; at most 65535 bytes.
    pub protocol: &'a str,
}

impl Default for Open<'_> {
    fn default() -> Self {
        Self { ordered: true, reliability: OpenReliability::Reliable, priority: 256, label: "", protocol: "" }
    }
}

impl<'a> Open<'a> {
    /// Bytes of the fixed part.
    pub const HEADER_LEN: usize = 12;

    /// Bytes of the whole message.
    pub const fn len(&self) -> usize {
        Self::HEADER_LEN + self.label.len() + self.protocol.len()
    }

    /// Never: there is always the fixed part.
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// The message. A label or protocol that is too long is left out.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.len()];
        let written = self.write(&mut Writer::new(&mut bytes));
        bytes.truncate(if written.is_ok() { self.len() } else { 0 });
        bytes
    }

    /// Writes the message.
    ///
    /// # Errors
    /// [`Full`] if it does not fit, or if label or protocol exceed 65535 bytes.
    pub fn write(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let too_long = |len| Full { wanted: len, left: usize::from(u16::MAX) };
        let label = u16::try_from(self.label.len()).map_err(|_| too_long(self.label.len()))?;
        let protocol = u16::try_from(self.protocol.len()).map_err(|_| too_long(self.protocol.len()))?;
        let (kind, parameter) = match self.reliability {
            OpenReliability::Reliable => (0, 0),
            OpenReliability::MaxRetransmits(count) => (1, count),
            OpenReliability::MaxLifetimeMillis(millis) => (2, millis),
        };
        out.u8(OPEN)?;
        out.u8(if self.ordered { kind } else { kind | UNORDERED })?;
        out.u16(self.priority)?;
        out.u32(parameter)?;
        out.u16(label)?;
        out.u16(protocol)?;
        out.bytes(self.label.as_bytes())?;
        out.bytes(self.protocol.as_bytes())
    }

    fn parse(bytes: &'a [u8]) -> Result<Self, DcepError> {
        let length = DcepError::Length { len: bytes.len() };
        let mut reader = Reader::new(bytes);
        reader.skip(1).ok_or(length)?;
        let kind = reader.u8().ok_or(length)?;
        let priority = reader.u16().ok_or(length)?;
        let parameter = reader.u32().ok_or(length)?;
        let reliability = match kind & !UNORDERED {
            0 => OpenReliability::Reliable,
            1 => OpenReliability::MaxRetransmits(parameter),
            2 => OpenReliability::MaxLifetimeMillis(parameter),
            _ => return Err(DcepError::ChannelType { kind }),
        };
        let label = reader.u16().ok_or(length)?;
        let protocol = reader.u16().ok_or(length)?;
        let label = reader.bytes(usize::from(label)).ok_or(length)?;
        let protocol = reader.bytes(usize::from(protocol)).ok_or(length)?;
        if !reader.is_empty() {
            return Err(length);
        }
        Ok(Self {
            ordered: kind & UNORDERED == 0,
            reliability,
            priority,
            label: from_utf8(label).map_err(|_| DcepError::Utf8)?,
            protocol: from_utf8(protocol).map_err(|_| DcepError::Utf8)?,
        })
    }
}

/// A message of this protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DcepMessage<'a> {
    /// Opens a channel.
    Open(Open<'a>),
    /// Accepts it.
    Ack,
}

impl<'a> DcepMessage<'a> {
    /// `DATA_CHANNEL_ACK` as bytes.
    pub const ACK: [u8; 1] = [ACK];

    /// Reads a message.
    ///
    /// # Errors
    /// [`DcepError`] says what is wrong with it.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DcepError> {
        match bytes {
            [ACK] => Ok(Self::Ack),
            [ACK, ..] => Err(DcepError::Length { len: bytes.len() }),
            [OPEN, ..] => Open::parse(bytes).map(Self::Open),
            _ => Err(DcepError::MessageType { kind: bytes.first().copied() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_open_message_reads_as_rfc_8832_draws_it() {
        let bytes = [&[3, 0x82, 1, 0, 0, 0, 0x01, 0xf4, 0, 2, 0, 1][..], "äx".as_bytes()].concat();
        let open = Open {
            ordered: false,
            reliability: OpenReliability::MaxLifetimeMillis(500),
            priority: 256,
            label: "ä",
            protocol: "x",
        };
        assert_eq!(DcepMessage::parse(&bytes), Ok(DcepMessage::Open(open)));
        assert_eq!(open.to_vec(), bytes);
    }

    #[test]
    fn n54_malformed_messages_are_told_apart() {
        let good = Open { label: "ab", protocol: "c", ..Open::default() }.to_vec();
        let changed = |at: usize, to: u8| {
            let mut bytes = good.clone();
            bytes[at] = to;
            bytes
        };
        let kind = |bytes: &[u8]| DcepMessage::parse(bytes).unwrap_err();
        assert_eq!(kind(&[]), DcepError::MessageType { kind: None });
        assert_eq!(kind(&changed(0, 4)), DcepError::MessageType { kind: Some(4) });
        assert_eq!(kind(&changed(1, 3)), DcepError::ChannelType { kind: 3 });
        assert_eq!(kind(&changed(1, 0x7f)), DcepError::ChannelType { kind: 0x7f });
        assert_eq!(kind(&changed(9, 3)), DcepError::Length { len: 15 });
        assert_eq!(kind(&changed(8, 0xff)), DcepError::Length { len: 15 });
        assert_eq!(kind(&changed(9, 1)), DcepError::Length { len: 15 });
        assert_eq!(kind(&changed(12, 0xff)), DcepError::Utf8);
        assert_eq!(kind(&good[..11]), DcepError::Length { len: 11 });
        assert_eq!(kind(&[2, 0]), DcepError::Length { len: 2 });
        assert_eq!(DcepMessage::parse(&DcepMessage::ACK), Ok(DcepMessage::Ack));
    }

    #[test]
    fn a_label_that_cannot_be_stated_is_not_written() {
        let long = "x".repeat(65_536);
        assert!(Open { label: &long, ..Open::default() }.to_vec().is_empty());
    }

    proptest! {
        #[test]
        fn open_survives_the_wire(ordered: bool, which in 0..3, parameter: u32, priority: u16, label: String, protocol: String) {
            let reliability = match which {
                0 => OpenReliability::Reliable,
                1 => OpenReliability::MaxRetransmits(parameter),
                _ => OpenReliability::MaxLifetimeMillis(parameter),
            };
            let open = Open { ordered, reliability, priority, label: &label, protocol: &protocol };
            let bytes = open.to_vec();
            prop_assert_eq!(DcepMessage::parse(&bytes), Ok(DcepMessage::Open(open)));
        }

        #[test]
        fn no_bytes_are_too_strange(bytes: Vec<u8>) {
            let parsed = DcepMessage::parse(&bytes);
            prop_assert!(parsed.is_err() || !bytes.is_empty());
        }
    }
}
