//! INIT and INIT ACK with their parameters (RFC 9260 §3.3.2, §3.3.3).

use core::time::Duration;

use super::packet::ParseError;
use super::tlv::{Action, Tlv, Tlvs, U16List, write_tlv};
use crate::base::reader::Reader;
use crate::base::serial::Tsn;
use crate::base::writer::{Full, Writer};

/// Parameter types.
pub mod parameter {
    /// Heartbeat information
    pub const HEARTBEAT_INFO: u16 = 1;
    /// IPv4 address
    pub const IPV4: u16 = 5;
    /// IPv6 address
    pub const IPV6: u16 = 6;
    /// State cookie
    pub const STATE_COOKIE: u16 = 7;
    /// Unrecognised parameter
    pub const UNRECOGNIZED: u16 = 8;
    /// Cookie preservative
    pub const COOKIE_PRESERVATIVE: u16 = 9;
    /// Host name address (deprecated; answered with an ABORT)
    pub const HOST_NAME: u16 = 11;
    /// Supported address types
    pub const SUPPORTED_ADDRESS_TYPES: u16 = 12;
    /// ECN capable
    pub const ECN_CAPABLE: u16 = 0x8000;
    /// Zero checksum acceptable (RFC 9653)
    pub const ZERO_CHECKSUM: u16 = 0x8001;
    /// Padding (RFC 4820)
    pub const PADDING: u16 = 0x8005;
    /// Supported extensions (RFC 5061)
    pub const SUPPORTED_EXTENSIONS: u16 = 0x8008;
    /// FORWARD TSN supported (RFC 3758)
    pub const FORWARD_TSN: u16 = 0xc000;
}

/// An INIT or INIT ACK. To write one, leave `parameters` empty and hand them to the writer.
///
/// ```
/// use antiphon::wire::sctp::{Chunk, Init, Packet, PacketWriter, Parameter};
///
/// let init = Init { initiate_tag: 9, a_rwnd: 1 << 20, outbound_streams: 16, inbound_streams: 16, ..Init::default() };
/// let mut buf = [0; 128];
/// let mut writer = PacketWriter::new(&mut buf, 5000, 5000, 0);
/// writer.init(&init, [Parameter::ForwardTsn])?;
/// let len = writer.finish();
/// let Some(Ok(Chunk::Init(parsed))) = Packet::parse(&buf[..len])?.chunks().next() else { panic!() };
/// assert_eq!(parsed.initiate_tag, 9);
/// assert_eq!(parsed.parameters.iter().next(), Some(Ok(Parameter::ForwardTsn)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Init<'a> {
    /// The tag the sender expects in every packet it is sent; never zero in a valid chunk.
    pub initiate_tag: u32,
    /// The sender's receive window in bytes.
    pub a_rwnd: u32,
    /// Streams the sender wants to send on.
    pub outbound_streams: u16,
    /// Streams the sender can receive on.
    pub inbound_streams: u16,
    /// The TSN the sender starts with.
    pub initial_tsn: Tsn,
    /// What follows the fixed part.
    pub parameters: Parameters<'a>,
}

impl<'a> Init<'a> {
    pub(super) fn parse(value: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(value);
        Some(Self {
            initiate_tag: reader.u32()?,
            a_rwnd: reader.u32()?,
            outbound_streams: reader.u16()?,
            inbound_streams: reader.u16()?,
            initial_tsn: Tsn(reader.u32()?),
            parameters: Parameters { bytes: reader.rest() },
        })
    }

    pub(super) fn write(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.u32(self.initiate_tag)?;
        out.u32(self.a_rwnd)?;
        out.u16(self.outbound_streams)?;
        out.u16(self.inbound_streams)?;
        out.u32(self.initial_tsn.0)
    }
}

/// The parameters of a chunk, not yet looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parameters<'a> {
    bytes: &'a [u8],
}

impl<'a> Parameters<'a> {
    /// The parameters in their order. Ends after the first whose length is wrong.
    pub fn iter(&self) -> impl Iterator<Item = Result<Parameter<'a>, ParseError>> + use<'a> {
        Tlvs::new(self.bytes).map(|tlv| tlv.and_then(|tlv| Parameter::parse(&tlv)))
    }
}

/// One parameter of INIT or INIT ACK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter<'a> {
    /// What COOKIE ECHO is to carry.
    StateCookie(&'a [u8]),
    /// A parameter of our INIT that the peer did not know, with its header.
    Unrecognized(&'a [u8]),
    /// How much longer the cookie should live.
    CookiePreservative(Duration),
    /// A host name: RFC 9260 §3.3.2.1.5 has it answered with an ABORT.
    HostName(&'a [u8]),
    /// An address of the sender; one association over DTLS has none (RFC 8261 §5).
    Address(&'a [u8]),
    /// Address types the sender supports.
    SupportedAddressTypes(U16List<'a>),
    /// The sender knows ECN.
    EcnCapable,
    /// Packets without checksum are welcome, given this alternate error detection method (1 is DTLS; RFC 9653).
    ZeroChecksum(u32),
    /// Chunk types beyond RFC 9260 that the sender supports.
    SupportedExtensions(&'a [u8]),
    /// The sender supports FORWARD TSN.
    ForwardTsn,
    /// Nothing.
    Padding(usize),
    /// A type we do not know.
    Unknown {
        /// Its type.
        kind: u16,
        /// The whole parameter without its padding, as INIT ACK or ERROR reports it.
        raw: &'a [u8],
    },
}

impl<'a> Parameter<'a> {
    fn parse(tlv: &Tlv<'a>) -> Result<Self, ParseError> {
        let value = tlv.value;
        let malformed = ParseError::MalformedParameter { kind: tlv.kind };
        Ok(match tlv.kind {
            parameter::STATE_COOKIE => Self::StateCookie(value),
            parameter::UNRECOGNIZED => Self::Unrecognized(value),
            parameter::COOKIE_PRESERVATIVE => {
                let millis = Reader::new(value).u32().ok_or(malformed)?;
                Self::CookiePreservative(Duration::from_millis(u64::from(millis)))
            }
            parameter::HOST_NAME => Self::HostName(value),
            parameter::IPV4 if value.len() == 4 => Self::Address(value),
            parameter::IPV6 if value.len() == 16 => Self::Address(value),
            parameter::IPV4 | parameter::IPV6 => return Err(malformed),
            parameter::SUPPORTED_ADDRESS_TYPES => Self::SupportedAddressTypes(U16List::from_wire(value)),
            parameter::ECN_CAPABLE => Self::EcnCapable,
            parameter::ZERO_CHECKSUM => Self::ZeroChecksum(Reader::new(value).u32().ok_or(malformed)?),
            parameter::SUPPORTED_EXTENSIONS => Self::SupportedExtensions(value),
            parameter::FORWARD_TSN => Self::ForwardTsn,
            parameter::PADDING => Self::Padding(value.len()),
            kind => Self::Unknown { kind, raw: tlv.raw },
        })
    }

    /// What an unknown parameter asks for; `None` for those we know.
    pub const fn action(&self) -> Option<Action> {
        if let Self::Unknown { kind, .. } = self { Some(Action::of_parameter(*kind)) } else { None }
    }

    pub(super) fn write(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        match *self {
            Self::StateCookie(cookie) => write_tlv(out, parameter::STATE_COOKIE, |out| out.bytes(cookie)),
            Self::Unrecognized(raw) => write_tlv(out, parameter::UNRECOGNIZED, |out| out.bytes(raw)),
            Self::CookiePreservative(more) => write_tlv(out, parameter::COOKIE_PRESERVATIVE, |out| {
                out.u32(u32::try_from(more.as_millis()).unwrap_or(u32::MAX))
            }),
            Self::HostName(name) => write_tlv(out, parameter::HOST_NAME, |out| out.bytes(name)),
            Self::Address(address) => {
                let kind = if address.len() == 4 { parameter::IPV4 } else { parameter::IPV6 };
                write_tlv(out, kind, |out| out.bytes(address))
            }
            Self::SupportedAddressTypes(types) => {
                write_tlv(out, parameter::SUPPORTED_ADDRESS_TYPES, |out| types.write(out))
            }
            Self::EcnCapable => write_tlv(out, parameter::ECN_CAPABLE, |_| Ok(())),
            Self::ZeroChecksum(method) => write_tlv(out, parameter::ZERO_CHECKSUM, |out| out.u32(method)),
            Self::SupportedExtensions(kinds) => {
                write_tlv(out, parameter::SUPPORTED_EXTENSIONS, |out| out.bytes(kinds))
            }
            Self::ForwardTsn => write_tlv(out, parameter::FORWARD_TSN, |_| Ok(())),
            Self::Padding(len) => write_tlv(out, parameter::PADDING, |out| out.zeros(len)),
            Self::Unknown { raw, .. } => out.bytes(raw),
        }
    }
}
