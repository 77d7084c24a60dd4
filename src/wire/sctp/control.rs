//! The causes that ABORT and ERROR carry (RFC 9260 §3.3.10).

use super::packet::ParseError;
use super::tlv::{Tlv, Tlvs, U16List, write_tlv};
use crate::base::reader::Reader;
use crate::base::serial::Tsn;
use crate::base::writer::{Full, Writer};

/// Cause codes.
pub mod cause {
    /// Invalid stream identifier
    pub const INVALID_STREAM: u16 = 1;
    /// Missing mandatory parameter
    pub const MISSING_PARAMETER: u16 = 2;
    /// Stale cookie
    pub const STALE_COOKIE: u16 = 3;
    /// Out of resource
    pub const OUT_OF_RESOURCE: u16 = 4;
    /// Unresolvable address
    pub const UNRESOLVABLE_ADDRESS: u16 = 5;
    /// Unrecognised chunk type
    pub const UNRECOGNIZED_CHUNK: u16 = 6;
    /// Invalid mandatory parameter
    pub const INVALID_MANDATORY_PARAMETER: u16 = 7;
    /// Unrecognised parameters
    pub const UNRECOGNIZED_PARAMETERS: u16 = 8;
    /// No user data
    pub const NO_USER_DATA: u16 = 9;
    /// Cookie received while shutting down
    pub const COOKIE_WHILE_SHUTTING_DOWN: u16 = 10;
    /// Restart of an association with new addresses
    pub const RESTART_WITH_NEW_ADDRESSES: u16 = 11;
    /// User-initiated abort
    pub const USER_INITIATED_ABORT: u16 = 12;
    /// Protocol violation
    pub const PROTOCOL_VIOLATION: u16 = 13;
}

/// The causes of an ABORT or ERROR, not yet looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Causes<'a> {
    bytes: &'a [u8],
}

impl<'a> Causes<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The causes in their order. Ends after the first whose length is wrong.
    pub fn iter(&self) -> impl Iterator<Item = Result<Cause<'a>, ParseError>> + use<'a> {
        Tlvs::new(self.bytes).map(|tlv| tlv.and_then(|tlv| Cause::parse(&tlv)))
    }
}

/// One error cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause<'a> {
    /// DATA came on a stream that does not exist.
    InvalidStream(u16),
    /// These parameter types were wanted.
    MissingParameters(U16List<'a>),
    /// The cookie came this many microseconds too late.
    StaleCookie(u32),
    /// The peer has no room for an association.
    OutOfResource,
    /// This address parameter could not be resolved.
    UnresolvableAddress(&'a [u8]),
    /// This chunk is not known.
    UnrecognizedChunk(&'a [u8]),
    /// A parameter had an invalid value.
    InvalidMandatoryParameter,
    /// These parameters are not known.
    UnrecognizedParameters(&'a [u8]),
    /// This DATA was empty.
    NoUserData(Tsn),
    /// COOKIE ECHO came during a shutdown.
    CookieWhileShuttingDown,
    /// INIT came from new addresses.
    RestartWithNewAddresses(&'a [u8]),
    /// The user of the peer wanted it.
    UserInitiatedAbort(&'a [u8]),
    /// The peer saw a violation of the protocol.
    ProtocolViolation(&'a [u8]),
    /// A code we do not know.
    Unknown {
        /// Its code.
        code: u16,
        /// Its value.
        value: &'a [u8],
    },
}

impl<'a> Cause<'a> {
    fn parse(tlv: &Tlv<'a>) -> Result<Self, ParseError> {
        Self::read(tlv).ok_or(ParseError::MalformedParameter { kind: tlv.kind })
    }

    fn read(tlv: &Tlv<'a>) -> Option<Self> {
        let value = tlv.value;
        let mut reader = Reader::new(value);
        Some(match tlv.kind {
            cause::INVALID_STREAM => Self::InvalidStream(reader.u16()?),
            cause::MISSING_PARAMETER => {
                let count = usize::try_from(reader.u32()?).ok()?;
                Self::MissingParameters(U16List::from_wire(reader.bytes(count.checked_mul(2)?)?))
            }
            cause::STALE_COOKIE => Self::StaleCookie(reader.u32()?),
            cause::OUT_OF_RESOURCE => Self::OutOfResource,
            cause::UNRESOLVABLE_ADDRESS => Self::UnresolvableAddress(value),
            cause::UNRECOGNIZED_CHUNK => Self::UnrecognizedChunk(value),
            cause::INVALID_MANDATORY_PARAMETER => Self::InvalidMandatoryParameter,
            cause::UNRECOGNIZED_PARAMETERS => Self::UnrecognizedParameters(value),
            cause::NO_USER_DATA => Self::NoUserData(Tsn(reader.u32()?)),
            cause::COOKIE_WHILE_SHUTTING_DOWN => Self::CookieWhileShuttingDown,
            cause::RESTART_WITH_NEW_ADDRESSES => Self::RestartWithNewAddresses(value),
            cause::USER_INITIATED_ABORT => Self::UserInitiatedAbort(value),
            cause::PROTOCOL_VIOLATION => Self::ProtocolViolation(value),
            code => Self::Unknown { code, value },
        })
    }

    /// Its code.
    pub const fn code(&self) -> u16 {
        match self {
            Self::InvalidStream(_) => cause::INVALID_STREAM,
            Self::MissingParameters(_) => cause::MISSING_PARAMETER,
            Self::StaleCookie(_) => cause::STALE_COOKIE,
            Self::OutOfResource => cause::OUT_OF_RESOURCE,
            Self::UnresolvableAddress(_) => cause::UNRESOLVABLE_ADDRESS,
            Self::UnrecognizedChunk(_) => cause::UNRECOGNIZED_CHUNK,
            Self::InvalidMandatoryParameter => cause::INVALID_MANDATORY_PARAMETER,
            Self::UnrecognizedParameters(_) => cause::UNRECOGNIZED_PARAMETERS,
            Self::NoUserData(_) => cause::NO_USER_DATA,
            Self::CookieWhileShuttingDown => cause::COOKIE_WHILE_SHUTTING_DOWN,
            Self::RestartWithNewAddresses(_) => cause::RESTART_WITH_NEW_ADDRESSES,
            Self::UserInitiatedAbort(_) => cause::USER_INITIATED_ABORT,
            Self::ProtocolViolation(_) => cause::PROTOCOL_VIOLATION,
            Self::Unknown { code, .. } => *code,
        }
    }

    pub(super) fn write(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        write_tlv(out, self.code(), |out| match *self {
            Self::InvalidStream(stream) => {
                out.u16(stream)?;
                out.u16(0)
            }
            Self::MissingParameters(kinds) => {
                out.u32(u32::try_from(kinds.len()).unwrap_or(u32::MAX))?;
                kinds.write(out)
            }
            Self::StaleCookie(micros) => out.u32(micros),
            Self::OutOfResource | Self::InvalidMandatoryParameter | Self::CookieWhileShuttingDown => Ok(()),
            Self::NoUserData(tsn) => out.u32(tsn.0),
            Self::UnresolvableAddress(value)
            | Self::UnrecognizedChunk(value)
            | Self::UnrecognizedParameters(value)
            | Self::RestartWithNewAddresses(value)
            | Self::UserInitiatedAbort(value)
            | Self::ProtocolViolation(value)
            | Self::Unknown { value, .. } => out.bytes(value),
        })
    }
}
