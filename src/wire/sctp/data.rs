//! DATA (RFC 9260 §3.3.1, RFC 7053) and I-DATA (RFC 8260 §2.1).

use core::ops::Range;

use super::packet::kind;
use crate::base::reader::Reader;
use crate::base::serial::{Mid32, Ssn, Tsn};
use crate::base::writer::{Full, Writer};

/// The flags of DATA and I-DATA.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "four bits of the wire, each with its own meaning")]
pub struct DataFlags {
    /// I: acknowledge at once (RFC 7053).
    pub immediate: bool,
    /// U: deliver without regard to order.
    pub unordered: bool,
    /// B: first fragment of a message.
    pub beginning: bool,
    /// E: last fragment of a message.
    pub ending: bool,
}

impl DataFlags {
    /// The I bit.
    pub(super) const IMMEDIATE: u8 = 8;

    const fn from_wire(bits: u8) -> Self {
        Self {
            immediate: bits & 8 != 0,
            unordered: bits & 4 != 0,
            beginning: bits & 2 != 0,
            ending: bits & 1 != 0,
        }
    }

    pub(super) fn to_wire(self) -> u8 {
        u8::from(self.immediate) << 3
            | u8::from(self.unordered) << 2
            | u8::from(self.beginning) << 1
            | u8::from(self.ending)
    }
}

/// A DATA chunk. An empty payload is well-formed here: the receiver answers it with "no user data" (RFC 9260 §3.3.10.9).
///
/// ```
/// use antiphon::wire::sctp::{Chunk, Data, DataFlags, Packet, PacketWriter};
///
/// let mut buf = [0; 64];
/// let mut writer = PacketWriter::new(&mut buf, 5000, 5000, 7);
/// writer.data(&Data { flags: DataFlags::default(), ppid: 51, payload: b"hello", ..Data::default() })?;
/// let len = writer.finish();
/// let Some(Ok(Chunk::Data(data))) = Packet::parse(&buf[..len])?.chunks().next() else { panic!() };
/// assert_eq!(&buf[data.range()], b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq)]
pub struct Data<'a> {
    /// I, U, B and E.
    pub flags: DataFlags,
    /// Transmission sequence number.
    pub tsn: Tsn,
    /// Stream.
    pub stream: u16,
    /// Sequence number within the stream; without meaning if unordered.
    pub ssn: Ssn,
    /// Payload protocol identifier.
    pub ppid: u32,
    /// The bytes of this fragment.
    pub payload: &'a [u8],
    /// Where the payload stands in its packet; not written, and no part of equality.
    pub offset: usize,
}

impl PartialEq for Data<'_> {
    fn eq(&self, other: &Self) -> bool {
        (self.flags, self.tsn, self.stream, self.ssn, self.ppid, self.payload)
            == (other.flags, other.tsn, other.stream, other.ssn, other.ppid, other.payload)
    }
}

impl<'a> Data<'a> {
    /// Bytes before the payload.
    pub const HEADER_LEN: usize = 16;

    /// Where the payload stands in its packet, for `Bytes::slice`.
    pub const fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.payload.len()
    }

    pub(super) fn parse(flags: u8, value: &'a [u8], at: usize) -> Option<Self> {
        let (tsn, rest) = value.split_first_chunk()?;
        let (stream, rest) = rest.split_first_chunk()?;
        let (ssn, rest) = rest.split_first_chunk()?;
        let (ppid, payload) = rest.split_first_chunk()?;
        Some(Self {
            flags: DataFlags::from_wire(flags),
            tsn: Tsn(u32::from_be_bytes(*tsn)),
            stream: u16::from_be_bytes(*stream),
            ssn: Ssn(u16::from_be_bytes(*ssn)),
            ppid: u32::from_be_bytes(*ppid),
            payload,
            offset: at + Self::HEADER_LEN,
        })
    }

    /// Everything before the payload, of a chunk of `length` bytes.
    pub(super) fn header(&self, length: u16) -> [u8; 16] {
        let first = u32::from(kind::DATA) << 24 | u32::from(self.flags.to_wire()) << 16 | u32::from(length);
        let third = u32::from(self.stream) << 16 | u32::from(self.ssn.0);
        let words = [first, self.tsn.0, third, self.ppid];
        words.into_iter().fold(0, |header, word| header << 32 | u128::from(word)).to_be_bytes()
    }
}

/// An I-DATA chunk.
#[derive(Clone, Copy, Debug, Default, Eq)]
pub struct IData<'a> {
    /// I, U, B and E.
    pub flags: DataFlags,
    /// Transmission sequence number.
    pub tsn: Tsn,
    /// Stream.
    pub stream: u16,
    /// Message identifier.
    pub mid: Mid32,
    /// The payload protocol identifier in a first fragment, else the fragment's sequence number (FSN).
    pub ppid_or_fsn: u32,
    /// The bytes of this fragment.
    pub payload: &'a [u8],
    /// Where the payload stands in its packet; not written, and no part of equality.
    pub offset: usize,
}

impl PartialEq for IData<'_> {
    fn eq(&self, other: &Self) -> bool {
        (self.flags, self.tsn, self.stream, self.mid, self.ppid_or_fsn, self.payload)
            == (other.flags, other.tsn, other.stream, other.mid, other.ppid_or_fsn, other.payload)
    }
}

impl<'a> IData<'a> {
    /// Bytes before the payload.
    pub const HEADER_LEN: usize = 20;

    /// Where the payload stands in its packet, for `Bytes::slice`.
    pub const fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.payload.len()
    }

    pub(super) fn parse(flags: u8, value: &'a [u8], at: usize) -> Option<Self> {
        let mut reader = Reader::new(value);
        Some(Self {
            flags: DataFlags::from_wire(flags),
            tsn: Tsn(reader.u32()?),
            stream: reader.u16()?,
            mid: {
                reader.skip(2)?;
                Mid32(reader.u32()?)
            },
            ppid_or_fsn: reader.u32()?,
            payload: reader.rest(),
            offset: at + Self::HEADER_LEN,
        })
    }

    pub(super) fn write(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.u32(self.tsn.0)?;
        out.u16(self.stream)?;
        out.u16(0)?;
        out.u32(self.mid.0)?;
        out.u32(self.ppid_or_fsn)?;
        out.bytes(self.payload)
    }
}
