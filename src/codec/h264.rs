//! H.264 payloads (RFC 6184): single units, STAP-A and FU-A, which are packetization modes 0 and 1.

use super::error::PayloadError;
use super::h264_nal::{self, Sps, kind};
use super::info::PayloadInfo;
use super::nal::{self, Format, Fragment, Role};
use super::sink::Sink;
use crate::base::reader::Reader;

/// Which packets may be sent (RFC 6184 §5.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum PacketizationMode {
    /// `packetization-mode=0`: a unit a packet, none longer than a packet.
    SingleNal,
    /// `packetization-mode=1`: units joined and cut, in decoding order.
    #[default]
    NonInterleaved,
}

/// Packet types of RFC 6184 §5.2 beyond those of units.
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

const FORBIDDEN: u8 = 0x80;
const NRI: u8 = 0x60;

/// H.264 to the code that H.265 shares.
#[derive(Clone, Copy, Debug)]
pub(super) struct H264;

impl Format for H264 {
    const HEADER: usize = 1;

    fn role(unit: &[u8]) -> Role {
        match unit.first().map(|header| header & 0x1f) {
            Some(kind::SPS) => Role::Sequence,
            Some(kind::PPS) => Role::Picture,
            Some(kind::IDR) => Role::Key,
            _ => Role::Other,
        }
    }

    fn aggregate<'a>(units: impl Iterator<Item = &'a [u8]>) -> [u8; 2] {
        // F is set if it is in any, NRI is the greatest of all (RFC 6184 §5.7.1).
        let header = units
            .filter_map(<[u8]>::first)
            .fold(STAP_A, |sum, header| sum & !NRI | header & FORBIDDEN | (sum & NRI).max(header & NRI));
        [header, 0]
    }

    fn fragment(unit: &[u8], first: bool, last: bool) -> [u8; 3] {
        let header = unit.first().copied().unwrap_or_default();
        let flags = u8::from(first) << 7 | u8::from(last) << 6;
        [header & (FORBIDDEN | NRI) | FU_A, flags | header & 0x1f, 0]
    }
}

/// One payload, taken apart.
enum Packet<'a> {
    Single(&'a [u8]),
    Aggregate(Aggregate<'a>),
    Fragment { header: [u8; 1], first: bool, last: bool, body: &'a [u8] },
}

impl<'a> Packet<'a> {
    fn parse(payload: &'a [u8]) -> Result<Self, PayloadError> {
        let mut reader = Reader::new(payload);
        let header = reader.u8().ok_or(PayloadError::Empty)?;
        if header & FORBIDDEN != 0 {
            return Err(PayloadError::Forbidden);
        }
        match header & 0x1f {
            1..=23 => Ok(Self::Single(payload)),
            STAP_A => Aggregate::parse(reader.rest()).map(Self::Aggregate),
            FU_A => {
                let flags = reader.u8().ok_or(PayloadError::Truncated { len: payload.len() })?;
                let kind = flags & 0x1f;
                if !(1..=23).contains(&kind) {
                    return Err(PayloadError::Reserved { kind });
                }
                let (first, last) = (flags & 0x80 != 0, flags & 0x40 != 0);
                Ok(Self::Fragment { header: [header & NRI | kind], first, last, body: reader.rest() })
            }
            kind @ (25..=27 | 29) => Err(PayloadError::Unsupported { kind }),
            kind => Err(PayloadError::Reserved { kind }),
        }
    }
}

/// The units of a STAP-A, each found to be within it.
#[derive(Clone)]
struct Aggregate<'a>(Reader<'a>);

impl<'a> Aggregate<'a> {
    fn parse(body: &'a [u8]) -> Result<Self, PayloadError> {
        let mut reader = Reader::new(body);
        let truncated = PayloadError::Truncated { len: body.len() + 1 };
        if reader.is_empty() {
            return Err(truncated);
        }
        while !reader.is_empty() {
            let unit = reader.vec16().ok_or(truncated)?;
            let header = *unit.first().ok_or(PayloadError::Empty)?;
            if header & FORBIDDEN != 0 {
                return Err(PayloadError::Forbidden);
            }
            // Aggregates hold no aggregates and no fragments (RFC 6184 §5.7).
            if !(1..=23).contains(&(header & 0x1f)) {
                return Err(PayloadError::Reserved { kind: header & 0x1f });
            }
        }
        Ok(Self(Reader::new(body)))
    }
}

impl<'a> Iterator for Aggregate<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.0.vec16()
    }
}

/// What one payload says about its frame.
///
/// # Errors
/// [`PayloadError`] if it is malformed or of a packet type that is never negotiated.
pub fn inspect(payload: &[u8]) -> Result<PayloadInfo, PayloadError> {
    match Packet::parse(payload)? {
        Packet::Single(unit) => Ok(describe(unit)),
        Packet::Aggregate(mut units) => {
            let first = units.next().map(describe).unwrap_or_default();
            Ok(units.map(describe).fold(first, |sum, unit| PayloadInfo {
                keyframe: sum.keyframe | unit.keyframe,
                precedes_picture: sum.precedes_picture & unit.precedes_picture,
                discardable: sum.discardable & unit.discardable,
                resolution: sum.resolution.or(unit.resolution),
                ..sum
            }))
        }
        Packet::Fragment { header: [header], first, last, body } => {
            let whole = describe_parts(header, body);
            Ok(PayloadInfo {
                starts_frame: first && whole.starts_frame,
                start_certain: first && whole.start_certain,
                ends_frame: last,
                keyframe: first && whole.keyframe,
                resolution: None,
                ..whole
            })
        }
    }
}

fn describe(unit: &[u8]) -> PayloadInfo {
    let mut reader = Reader::new(unit);
    let header = reader.u8().unwrap_or_default();
    describe_parts(header, reader.rest())
}

fn describe_parts(header: u8, body: &[u8]) -> PayloadInfo {
    let unit = header & 0x1f;
    // first_mb_in_slice is an Exp-Golomb code: 0 is a single set bit.
    let first_slice = body.first().is_some_and(|byte| byte & 0x80 != 0);
    let starts_frame = match unit {
        kind::SLICE | kind::PARTITION_A | kind::IDR => first_slice,
        kind::PARTITION_B
        | kind::PARTITION_C
        | kind::END_OF_SEQUENCE
        | kind::END_OF_STREAM
        | kind::FILLER => false,
        _ => true,
    };
    PayloadInfo {
        starts_frame,
        start_certain: unit == kind::DELIMITER,
        ends_frame: true,
        keyframe: unit == kind::SPS || unit == kind::IDR && first_slice,
        precedes_picture: matches!(unit, kind::SEI..=kind::DELIMITER | 13..=18),
        discardable: header & NRI == 0,
        resolution: if unit == kind::SPS { Sps::parse_body(body).map(|sps| sps.resolution) } else { None },
        ..PayloadInfo::default()
    }
}

/// Appends the units of one payload.
pub(super) fn append(
    assembler: &mut nal::Assembler,
    payload: &[u8],
    sink: &mut Sink<'_>,
) -> Result<(), PayloadError> {
    match Packet::parse(payload)? {
        Packet::Single(unit) => assembler.unit(&[], unit, sink),
        Packet::Aggregate(mut units) => units.try_for_each(|unit| assembler.unit(&[], unit, sink)),
        Packet::Fragment { header, first, last, body } => {
            let kind = h264_nal::kind_of(header);
            assembler.fragment(&Fragment { kind, header: &header, first, last, body }, sink)
        }
    }
}

#[cfg(test)]
#[path = "h264_tests.rs"]
mod tests;
