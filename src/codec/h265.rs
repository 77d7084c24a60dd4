//! H.265 payloads (RFC 7798) without decoding order numbers: single units, AP, FU, and PACI, which is looked through.

use super::error::PayloadError;
use super::h265_nal::{Header, Sps, kind};
use super::info::PayloadInfo;
use super::nal::{self, Format, Fragment, Role};
use super::sink::Sink;
use crate::base::reader::Reader;

/// Packet types of RFC 7798 §4.4 beyond those of units.
const AGGREGATION: u8 = 48;
const FRAGMENT: u8 = 49;
const PACI: u8 = 50;

/// H.265 to the code that H.264 shares.
#[derive(Clone, Copy, Debug)]
pub(super) struct H265;

impl Format for H265 {
    const HEADER: usize = 2;

    fn role(unit: &[u8]) -> Role {
        match Header::of(unit).map(|header| header.kind) {
            Some(kind::VPS | kind::SPS) => Role::Sequence,
            Some(kind::PPS) => Role::Picture,
            Some(16..=23) => Role::Key,
            _ => Role::Other,
        }
    }

    fn aggregate<'a>(units: impl Iterator<Item = &'a [u8]>) -> [u8; 2] {
        // F is set if it is in any; layer and temporal id are the lowest (RFC 7798 §4.4.2).
        let lowest = Header { forbidden: false, kind: AGGREGATION, layer: 63, temporal_plus_1: 7 };
        let header = units.filter_map(Header::of).fold(lowest, |sum, header| Header {
            forbidden: sum.forbidden | header.forbidden,
            layer: sum.layer.min(header.layer),
            temporal_plus_1: sum.temporal_plus_1.min(header.temporal_plus_1),
            ..sum
        });
        header.to_bytes()
    }

    fn fragment(unit: &[u8], first: bool, last: bool) -> [u8; 3] {
        let Some(header) = Header::of(unit) else { return [0; 3] };
        let [high, low] = Header { kind: FRAGMENT, ..header }.to_bytes();
        [high, low, u8::from(first) << 7 | u8::from(last) << 6 | header.kind]
    }
}

/// One payload, taken apart. Units within a PACI lack their header's bytes, so headers stand apart from bodies.
enum Packet<'a> {
    Single { header: Header, body: &'a [u8] },
    Aggregate { header: Header, units: Aggregate<'a> },
    Fragment { header: Header, first: bool, last: bool, body: &'a [u8] },
}

impl<'a> Packet<'a> {
    fn parse(payload: &'a [u8]) -> Result<Self, PayloadError> {
        if payload.is_empty() {
            return Err(PayloadError::Empty);
        }
        let truncated = PayloadError::Truncated { len: payload.len() };
        let mut reader = Reader::new(payload);
        let mut header = reader.array().map(Header::from_bytes).ok_or(truncated)?;
        if header.kind == PACI {
            // RFC 7798 §4.4.4: A and cType stand for what the payload header would have said.
            let fields = reader.u16().ok_or(truncated)?;
            reader.skip(usize::from(fields >> 4 & 0x1f)).ok_or(truncated)?;
            let [high, _] = fields.to_be_bytes();
            header = Header { forbidden: high & 0x80 != 0, kind: high >> 1 & 0x3f, ..header };
        }
        header.check()?;
        match header.kind {
            // An end of sequence is a header alone.
            0..=47 => Ok(Self::Single { header, body: reader.rest() }),
            AGGREGATION => {
                let units = Aggregate::parse(reader, payload.len())?;
                Ok(Self::Aggregate { header, units })
            }
            FRAGMENT => {
                let flags = reader.u8().ok_or(truncated)?;
                let kind = flags & 0x3f;
                if kind >= AGGREGATION {
                    return Err(PayloadError::Reserved { kind });
                }
                if reader.is_empty() {
                    return Err(truncated);
                }
                let (first, last) = (flags & 0x80 != 0, flags & 0x40 != 0);
                Ok(Self::Fragment { header: Header { kind, ..header }, first, last, body: reader.rest() })
            }
            kind => Err(PayloadError::Reserved { kind }),
        }
    }
}

/// The units of an AP, each found to be within it.
#[derive(Clone)]
struct Aggregate<'a>(Reader<'a>);

impl<'a> Aggregate<'a> {
    fn parse(body: Reader<'a>, len: usize) -> Result<Self, PayloadError> {
        let mut reader = body;
        let truncated = PayloadError::Truncated { len };
        if reader.is_empty() {
            return Err(truncated);
        }
        while !reader.is_empty() {
            let unit = reader.vec16().ok_or(truncated)?;
            let header = Header::of(unit).ok_or(truncated)?;
            header.check()?;
            // Aggregates hold no aggregates, no fragments and no PACI (RFC 7798 §4.4.2, §4.4.4.1).
            if header.kind >= AGGREGATION {
                return Err(PayloadError::Reserved { kind: header.kind });
            }
        }
        Ok(Self(body))
    }
}

impl<'a> Iterator for Aggregate<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.0.vec16()
    }
}

/// What one payload says about its frame. Whether a frame may be dropped H.265 says only together with which sub-layers
/// are wanted, so `discardable` is never set.
///
/// # Errors
/// [`PayloadError`] if it is malformed.
pub fn inspect(payload: &[u8]) -> Result<PayloadInfo, PayloadError> {
    match Packet::parse(payload)? {
        Packet::Single { header, body } => Ok(describe(header, body)),
        Packet::Aggregate { header, units } => {
            let mut all = units.filter_map(|unit| {
                let mut reader = Reader::new(unit);
                let header = Header::from_bytes(reader.array()?);
                Some(describe(header, reader.rest()))
            });
            let first = all.next().unwrap_or_default();
            let sum = all.fold(first, |sum, unit| PayloadInfo {
                keyframe: sum.keyframe | unit.keyframe,
                precedes_picture: sum.precedes_picture & unit.precedes_picture,
                switching_up: sum.switching_up | unit.switching_up,
                resolution: sum.resolution.or(unit.resolution),
                ..sum
            });
            Ok(PayloadInfo { temporal: Some(header.temporal_plus_1 - 1), ..sum })
        }
        Packet::Fragment { header, first, last, body } => {
            let whole = describe(header, body);
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

/// `body` is what follows the unit's header.
fn describe(header: Header, body: &[u8]) -> PayloadInfo {
    let key_picture = (16..=23).contains(&header.kind);
    // first_slice_segment_in_pic_flag
    let first_slice = body.first().is_some_and(|byte| byte & 0x80 != 0);
    let precedes_picture = matches!(header.kind, kind::VPS..=kind::DELIMITER | kind::PREFIX_SEI | 41..=44);
    let starts_frame = precedes_picture || header.kind < kind::VPS && first_slice;
    let sequence = matches!(header.kind, kind::VPS | kind::SPS);
    PayloadInfo {
        starts_frame,
        start_certain: header.kind == kind::DELIMITER,
        ends_frame: true,
        keyframe: sequence || key_picture && first_slice,
        precedes_picture,
        temporal: Some(header.temporal_plus_1 - 1),
        // TSA, STSA and key pictures (ITU-T H.265 §7.4.2.2).
        switching_up: key_picture || (2..=5).contains(&header.kind),
        resolution: if header.kind == kind::SPS {
            Sps::parse_body(body).map(|sps| sps.resolution)
        } else {
            None
        },
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
        Packet::Single { header, body } => assembler.unit(&header.to_bytes(), body, sink),
        Packet::Aggregate { mut units, .. } => units.try_for_each(|unit| assembler.unit(&[], unit, sink)),
        Packet::Fragment { header, first, last, body } => {
            let kind = header.kind;
            assembler.fragment(&Fragment { kind, header: &header.to_bytes(), first, last, body }, sink)
        }
    }
}

#[cfg(test)]
#[path = "h265_tests.rs"]
mod tests;
