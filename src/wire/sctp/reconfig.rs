//! RE-CONFIG and its parameters (RFC 6525 §3, §4).

use super::packet::ParseError;
use super::tlv::{Tlv, Tlvs, U16List, write_tlv};
use crate::base::reader::Reader;
use crate::base::serial::Tsn;
use crate::base::writer::{Full, Writer};

/// A RE-CONFIG chunk: one parameter or two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReConfig<'a> {
    bytes: &'a [u8],
}

/// The parameters of a [`ReConfig`].
#[derive(Clone, Debug)]
pub struct ReConfigParameters<'a>(Tlvs<'a>);

impl<'a> ReConfig<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The parameters in their order. Ends after the first whose length is wrong.
    pub const fn parameters(&self) -> ReConfigParameters<'a> {
        ReConfigParameters(Tlvs::new(self.bytes))
    }
}

impl<'a> Iterator for ReConfigParameters<'a> {
    type Item = Result<ReConfigParameter<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.0.next()?.and_then(|tlv| ReConfigParameter::parse(&tlv)))
    }
}

/// How a request went (RFC 6525 §4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReConfigResult {
    /// 0: success, nothing to do.
    NothingToDo,
    /// 1: success, performed.
    Performed,
    /// 2: denied.
    Denied,
    /// 3: wrong stream number.
    WrongSsn,
    /// 4: a request is already in progress.
    RequestInProgress,
    /// 5: bad sequence number.
    BadSequenceNumber,
    /// 6: in progress.
    InProgress,
    /// Anything else.
    Other(u32),
}

impl ReConfigResult {
    const fn from_wire(code: u32) -> Self {
        match code {
            0 => Self::NothingToDo,
            1 => Self::Performed,
            2 => Self::Denied,
            3 => Self::WrongSsn,
            4 => Self::RequestInProgress,
            5 => Self::BadSequenceNumber,
            6 => Self::InProgress,
            other => Self::Other(other),
        }
    }

    const fn to_wire(self) -> u32 {
        match self {
            Self::NothingToDo => 0,
            Self::Performed => 1,
            Self::Denied => 2,
            Self::WrongSsn => 3,
            Self::RequestInProgress => 4,
            Self::BadSequenceNumber => 5,
            Self::InProgress => 6,
            Self::Other(code) => code,
        }
    }
}

/// One parameter of RE-CONFIG. An empty list of streams means all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReConfigParameter<'a> {
    /// The sender resets its outgoing streams (§4.1).
    OutgoingReset {
        /// This request's number.
        request: u32,
        /// The number of the peer's request this answers, or the one before the next expected.
        response: u32,
        /// The last TSN the sender assigned before the reset.
        last_tsn: Tsn,
        /// Which streams.
        streams: U16List<'a>,
    },
    /// The sender asks for a reset of the peer's outgoing streams (§4.2).
    IncomingReset {
        /// This request's number.
        request: u32,
        /// Which streams.
        streams: U16List<'a>,
    },
    /// Resets all streams and the TSNs (§4.3).
    SsnTsnReset {
        /// This request's number.
        request: u32,
    },
    /// Answers a request (§4.4).
    Response {
        /// The request's number.
        request: u32,
        /// How it went.
        result: ReConfigResult,
        /// After an SSN/TSN reset: the sender's next TSN and the one it expects.
        tsns: Option<(Tsn, Tsn)>,
    },
    /// The sender adds outgoing streams (§4.5).
    AddOutgoing {
        /// This request's number.
        request: u32,
        /// How many more.
        count: u16,
    },
    /// The sender asks the peer to add outgoing streams (§4.6).
    AddIncoming {
        /// This request's number.
        request: u32,
        /// How many more.
        count: u16,
    },
    /// A type we do not know.
    Unknown {
        /// Its type.
        kind: u16,
        /// The whole parameter without its padding.
        raw: &'a [u8],
    },
}

const OUTGOING_RESET: u16 = 13;
const INCOMING_RESET: u16 = 14;
const SSN_TSN_RESET: u16 = 15;
const RESPONSE: u16 = 16;
const ADD_OUTGOING: u16 = 17;
const ADD_INCOMING: u16 = 18;

impl<'a> ReConfigParameter<'a> {
    fn parse(tlv: &Tlv<'a>) -> Result<Self, ParseError> {
        Self::read(tlv).ok_or(ParseError::MalformedParameter { kind: tlv.kind })
    }

    fn read(tlv: &Tlv<'a>) -> Option<Self> {
        let mut reader = Reader::new(tlv.value);
        let parsed = match tlv.kind {
            OUTGOING_RESET => Self::OutgoingReset {
                request: reader.u32()?,
                response: reader.u32()?,
                last_tsn: Tsn(reader.u32()?),
                streams: streams(&mut reader)?,
            },
            INCOMING_RESET => Self::IncomingReset { request: reader.u32()?, streams: streams(&mut reader)? },
            SSN_TSN_RESET => Self::SsnTsnReset { request: reader.u32()? },
            RESPONSE => Self::Response {
                request: reader.u32()?,
                result: ReConfigResult::from_wire(reader.u32()?),
                tsns: if reader.is_empty() { None } else { Some((Tsn(reader.u32()?), Tsn(reader.u32()?))) },
            },
            ADD_OUTGOING => Self::AddOutgoing { request: reader.u32()?, count: added(&mut reader)? },
            ADD_INCOMING => Self::AddIncoming { request: reader.u32()?, count: added(&mut reader)? },
            kind => return Some(Self::Unknown { kind, raw: tlv.raw }),
        };
        reader.is_empty().then_some(parsed)
    }

    pub(super) fn write(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        match *self {
            Self::OutgoingReset { request, response, last_tsn, streams } => {
                write_tlv(out, OUTGOING_RESET, |out| {
                    out.u32(request)?;
                    out.u32(response)?;
                    out.u32(last_tsn.0)?;
                    streams.write(out)
                })
            }
            Self::IncomingReset { request, streams } => write_tlv(out, INCOMING_RESET, |out| {
                out.u32(request)?;
                streams.write(out)
            }),
            Self::SsnTsnReset { request } => write_tlv(out, SSN_TSN_RESET, |out| out.u32(request)),
            Self::Response { request, result, tsns } => write_tlv(out, RESPONSE, |out| {
                out.u32(request)?;
                out.u32(result.to_wire())?;
                let Some((sender, receiver)) = tsns else { return Ok(()) };
                out.u32(sender.0)?;
                out.u32(receiver.0)
            }),
            Self::AddOutgoing { request, count } => write_added(out, ADD_OUTGOING, request, count),
            Self::AddIncoming { request, count } => write_added(out, ADD_INCOMING, request, count),
            Self::Unknown { raw, .. } => out.bytes(raw),
        }
    }
}

/// The rest of a parameter as stream numbers.
fn streams<'a>(reader: &mut Reader<'a>) -> Option<U16List<'a>> {
    let rest = reader.bytes(reader.remaining())?;
    rest.len().is_multiple_of(2).then(|| U16List::from_wire(rest))
}

/// A number of streams and two reserved bytes.
fn added(reader: &mut Reader<'_>) -> Option<u16> {
    let count = reader.u16()?;
    reader.skip(2)?;
    Some(count)
}

fn write_added(out: &mut Writer<'_>, kind: u16, request: u32, count: u16) -> Result<(), Full> {
    write_tlv(out, kind, |out| {
        out.u32(request)?;
        out.u16(count)?;
        out.u16(0)
    })
}
