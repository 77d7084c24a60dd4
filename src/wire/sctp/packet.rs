//! The common header, the checksum and the walk through a packet's chunks (RFC 9260 §3).

use super::control::Causes;
use super::data::{Data, IData};
use super::forward::{ForwardTsn, IForwardTsn};
use super::init::Init;
use super::reconfig::ReConfig;
use super::sack::Sack;
use super::tlv::{Action, Tlvs, padding};
use crate::base::reader::Reader;
use crate::base::serial::Tsn;

/// Bytes of the common header.
pub const COMMON_HEADER_LEN: usize = 12;

/// Chunk types.
pub mod kind {
    /// DATA
    pub const DATA: u8 = 0;
    /// INIT
    pub const INIT: u8 = 1;
    /// INIT ACK
    pub const INIT_ACK: u8 = 2;
    /// SACK
    pub const SACK: u8 = 3;
    /// HEARTBEAT
    pub const HEARTBEAT: u8 = 4;
    /// HEARTBEAT ACK
    pub const HEARTBEAT_ACK: u8 = 5;
    /// ABORT
    pub const ABORT: u8 = 6;
    /// SHUTDOWN
    pub const SHUTDOWN: u8 = 7;
    /// SHUTDOWN ACK
    pub const SHUTDOWN_ACK: u8 = 8;
    /// ERROR
    pub const ERROR: u8 = 9;
    /// COOKIE ECHO
    pub const COOKIE_ECHO: u8 = 10;
    /// COOKIE ACK
    pub const COOKIE_ACK: u8 = 11;
    /// SHUTDOWN COMPLETE
    pub const SHUTDOWN_COMPLETE: u8 = 14;
    /// I-DATA (RFC 8260)
    pub const I_DATA: u8 = 0x40;
    /// RE-CONFIG (RFC 6525)
    pub const RE_CONFIG: u8 = 0x82;
    /// PAD (RFC 4820)
    pub const PAD: u8 = 0x84;
    /// FORWARD TSN (RFC 3758)
    pub const FORWARD_TSN: u8 = 0xc0;
    /// I-FORWARD-TSN (RFC 8260)
    pub const I_FORWARD_TSN: u8 = 0xc2;
}

/// Why a packet, or the rest of one, cannot be read.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Shorter than the common header.
    #[error("{len} bytes are no SCTP packet")]
    TooShort {
        /// Bytes there are.
        len: usize,
    },
    /// The `CRC32c` is wrong.
    #[error("checksum {stated:#010x}, computed {computed:#010x}")]
    Checksum {
        /// What the packet says.
        stated: u32,
        /// What its bytes give.
        computed: u32,
    },
    /// A chunk's length is below four or reaches beyond the packet.
    #[error("chunk of type {kind} states {length} bytes where {left} are left")]
    ChunkLength {
        /// Its type.
        kind: u8,
        /// Its length field.
        length: u16,
        /// Bytes left in the packet, its header included.
        left: usize,
    },
    /// A chunk of a known type whose contents do not have that type's form.
    #[error("malformed chunk of type {kind}")]
    Malformed {
        /// Its type.
        kind: u8,
    },
    /// A parameter's or cause's length is below four or reaches beyond its chunk.
    #[error("parameter of type {kind:#06x} states {length} bytes where {left} are left")]
    ParameterLength {
        /// Its type.
        kind: u16,
        /// Its length field.
        length: u16,
        /// Bytes left in the chunk, its header included.
        left: usize,
    },
    /// A parameter or cause of a known type whose contents do not have that type's form.
    #[error("malformed parameter of type {kind:#06x}")]
    MalformedParameter {
        /// Its type.
        kind: u16,
    },
}

/// A packet whose checksum was right.
///
/// ```
/// use antiphon::wire::sctp::{Chunk, Packet, PacketWriter};
///
/// let mut buf = [0; 64];
/// let mut writer = PacketWriter::new(&mut buf, 5000, 5000, 7);
/// writer.cookie_ack()?;
/// let len = writer.finish();
/// let packet = Packet::parse(&buf[..len])?;
/// assert_eq!(packet.verification_tag, 7);
/// assert_eq!(packet.chunks().next(), Some(Ok(Chunk::CookieAck)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Sender's port.
    pub source_port: u16,
    /// Receiver's port.
    pub destination_port: u16,
    /// The tag the receiver chose; zero only with INIT.
    pub verification_tag: u32,
    bytes: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads the common header and verifies the `CRC32c`.
    ///
    /// # Errors
    /// [`ParseError::TooShort`] and [`ParseError::Checksum`]; what is wrong with a chunk, [`Packet::chunks`] says.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let packet = Self::parse_unverified(bytes)?;
        let stated = stated_checksum(bytes);
        let computed = checksum(bytes);
        // A fuzzer cannot guess checksums.
        if stated != computed && !cfg!(fuzzing) {
            return Err(ParseError::Checksum { stated, computed });
        }
        Ok(packet)
    }

    /// Reads the common header and ignores the checksum.
    ///
    /// # Errors
    /// [`ParseError::TooShort`].
    pub fn parse_unverified(bytes: &'a [u8]) -> Result<Self, ParseError> {
        if bytes.len() < COMMON_HEADER_LEN {
            return Err(ParseError::TooShort { len: bytes.len() });
        }
        let mut reader = Reader::new(bytes);
        let mut ports = || reader.u16().unwrap_or_default();
        let (source_port, destination_port) = (ports(), ports());
        let verification_tag = reader.u32().unwrap_or_default();
        Ok(Self { source_port, destination_port, verification_tag, bytes })
    }

    /// The chunks in their order. Ends after the first error.
    pub const fn chunks(&self) -> Chunks<'a> {
        Chunks { bytes: self.bytes, position: COMMON_HEADER_LEN, raw: &[] }
    }

    /// Whether the checksum field is zero, as RFC 9653 has it.
    pub fn has_zero_checksum(&self) -> bool {
        stated_checksum(self.bytes) == 0
    }
}

/// The checksum field, which stands in the byte order of the CRC's polynomial (RFC 9260 appendix A).
fn stated_checksum(bytes: &[u8]) -> u32 {
    bytes.get(8..).and_then(<[u8]>::first_chunk).map_or(0, |field| u32::from_le_bytes(*field))
}

/// `CRC32c` over a packet as if its checksum field were zero.
fn checksum(bytes: &[u8]) -> u32 {
    let Some((header, rest)) = bytes.split_first_chunk::<COMMON_HEADER_LEN>() else { return 0 };
    let mut header = *header;
    if let Some(field) = header.last_chunk_mut::<4>() {
        *field = [0; 4];
    }
    crc32c::crc32c_append(crc32c::crc32c(&header), rest)
}

/// A chunk of a type this crate does not know, kept as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownChunk<'a> {
    /// Its type.
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// The whole chunk without its padding, as an ERROR reports it.
    pub raw: &'a [u8],
}

impl UnknownChunk<'_> {
    /// What its type asks for.
    pub const fn action(&self) -> Action {
        Action::of_chunk(self.kind)
    }
}

/// One chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunk<'a> {
    /// A piece of a message.
    Data(Data<'a>),
    /// A piece of a message, interleaved (RFC 8260).
    IData(IData<'a>),
    /// Opens an association.
    Init(Init<'a>),
    /// Answers INIT.
    InitAck(Init<'a>),
    /// What has arrived.
    Sack(Sack<'a>),
    /// Is the peer there? Carries the information to be sent back.
    Heartbeat(&'a [u8]),
    /// Carries the information of the HEARTBEAT.
    HeartbeatAck(&'a [u8]),
    /// Ends the association at once.
    Abort {
        /// The T bit: the verification tag is the receiver's peer's (RFC 9260 §8.5.1).
        reflected: bool,
        /// Why.
        causes: Causes<'a>,
    },
    /// Reports errors that end nothing.
    Error(Causes<'a>),
    /// Ends the association gracefully.
    Shutdown {
        /// The last TSN received in sequence.
        cumulative_tsn: Tsn,
    },
    /// Answers SHUTDOWN.
    ShutdownAck,
    /// Answers SHUTDOWN ACK.
    ShutdownComplete {
        /// The T bit: the verification tag is the receiver's peer's.
        reflected: bool,
    },
    /// The state cookie returns.
    CookieEcho(&'a [u8]),
    /// The association stands.
    CookieAck,
    /// What the peer shall wait for no longer.
    ForwardTsn(ForwardTsn<'a>),
    /// The same, for I-DATA.
    IForwardTsn(IForwardTsn<'a>),
    /// Resets streams or adds them.
    ReConfig(ReConfig<'a>),
    /// Nothing (RFC 4820).
    Pad,
    /// A type we do not know.
    Unknown(UnknownChunk<'a>),
}

impl<'a> Chunk<'a> {
    /// Reads one chunk whose length has been checked; `at` is where it starts in its packet.
    fn parse(raw: &'a [u8], at: usize) -> Result<Self, ParseError> {
        let Some((&[kind, flags, _, _], value)) = raw.split_first_chunk::<4>() else {
            return Err(ParseError::TooShort { len: raw.len() });
        };
        let parsed = match kind {
            kind::DATA => Data::parse(flags, value, at).map(Self::Data),
            kind::I_DATA => IData::parse(flags, value, at).map(Self::IData),
            kind::SACK => Sack::parse(value).map(Self::Sack),
            kind::INIT => Init::parse(value).map(Self::Init),
            kind::INIT_ACK => Init::parse(value).map(Self::InitAck),
            kind::HEARTBEAT => heartbeat(value).map(Self::Heartbeat),
            kind::HEARTBEAT_ACK => heartbeat(value).map(Self::HeartbeatAck),
            kind::ABORT => Some(Self::Abort { reflected: flags & 1 != 0, causes: Causes::new(value) }),
            kind::ERROR => Some(Self::Error(Causes::new(value))),
            kind::SHUTDOWN => Reader::new(value).u32().map(|tsn| Self::Shutdown { cumulative_tsn: Tsn(tsn) }),
            kind::SHUTDOWN_ACK => Some(Self::ShutdownAck),
            kind::SHUTDOWN_COMPLETE => Some(Self::ShutdownComplete { reflected: flags & 1 != 0 }),
            kind::COOKIE_ECHO => Some(Self::CookieEcho(value)),
            kind::COOKIE_ACK => Some(Self::CookieAck),
            kind::FORWARD_TSN => ForwardTsn::parse(value).map(Self::ForwardTsn),
            kind::I_FORWARD_TSN => IForwardTsn::parse(value).map(Self::IForwardTsn),
            kind::RE_CONFIG => Some(Self::ReConfig(ReConfig::new(value))),
            kind::PAD => Some(Self::Pad),
            _ => Some(Self::Unknown(UnknownChunk { kind, flags, raw })),
        };
        parsed.ok_or(ParseError::Malformed { kind })
    }
}

/// The heartbeat information parameter's value (RFC 9260 §3.3.5).
fn heartbeat(value: &[u8]) -> Option<&[u8]> {
    let info = Tlvs::new(value).next()?.ok()?;
    (info.kind == super::init::parameter::HEARTBEAT_INFO).then_some(info.value)
}

/// Walks through the chunks of a packet; work is proportional to its length. Ends after the first error.
#[derive(Clone, Debug)]
pub struct Chunks<'a> {
    bytes: &'a [u8],
    position: usize,
    raw: &'a [u8],
}

impl<'a> Chunks<'a> {
    /// The chunk that came last as it stands in the packet, without its padding.
    pub const fn raw(&self) -> &'a [u8] {
        self.raw
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Result<Chunk<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.position;
        let rest = self.bytes.get(at..).filter(|rest| !rest.is_empty())?;
        let (kind, length) = match rest {
            [kind, _, high, low, ..] => (*kind, u16::from_be_bytes([*high, *low])),
            _ => (rest.first().copied().unwrap_or_default(), 0),
        };
        let len = usize::from(length);
        self.raw = rest.get(..len).unwrap_or_default();
        let parsed = match rest.get(..len) {
            Some(raw) if len >= 4 => Chunk::parse(raw, at),
            _ => Err(ParseError::ChunkLength { kind, length, left: rest.len() }),
        };
        self.position = match parsed {
            // The last chunk may come without its padding.
            Ok(_) => at + len + padding(len),
            Err(_) => self.bytes.len(),
        };
        Some(parsed)
    }
}

#[cfg(test)]
#[path = "packet_tests.rs"]
mod tests;
