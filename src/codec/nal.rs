//! NAL units of H.264 and H.265: finding them in a frame, and what their two payload formats have in common.

use core::ops::Range;

use super::error::{PacketizeError, PayloadError};
use super::fragment::Pieces;
use super::packetize::Emit;
use super::sink::Sink;
use crate::base::limits;
use crate::base::reader::Reader;

/// How the units of a frame stand one behind the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum NalFraming {
    /// A start code before each unit, as elementary streams have it; written as `00 00 00 01`.
    #[default]
    AnnexB,
    /// Its length in four bytes before each unit, as MP4 and Matroska have it.
    LengthPrefixed,
}

/// The units of a frame, without start codes, lengths or trailing zeros. Empty ones are passed over.
///
/// ```
/// use antiphon::codec::NalFraming;
/// use antiphon::codec::nal::NalUnits;
///
/// let frame = [0, 0, 0, 1, 0x67, 1, 2, 0, 0, 1, 0x65, 3];
/// let units: Vec<&[u8]> = NalUnits::new(&frame, NalFraming::AnnexB).flatten().collect();
/// assert_eq!(units, [&[0x67, 1, 2][..], &[0x65, 3]]);
/// ```
#[derive(Clone, Debug)]
pub struct NalUnits<'a> {
    frame: &'a [u8],
    position: usize,
    framing: NalFraming,
    ended: bool,
}

impl<'a> NalUnits<'a> {
    /// The units of `frame`.
    pub const fn new(frame: &'a [u8], framing: NalFraming) -> Self {
        Self { frame, position: 0, framing, ended: false }
    }

    /// Where the next unit is.
    fn next_range(&mut self) -> Option<Result<Range<usize>, PacketizeError>> {
        while !self.ended && self.position < self.frame.len() {
            let range = match self.framing {
                NalFraming::AnnexB => self.after_start_code(),
                NalFraming::LengthPrefixed => self.after_length(),
            };
            match range {
                Ok(range) if range.is_empty() => {}
                found => {
                    self.ended = found.is_err();
                    return Some(found);
                }
            }
        }
        None
    }

    fn after_start_code(&mut self) -> Result<Range<usize>, PacketizeError> {
        if self.position == 0 {
            let zeros = self.frame.iter().take_while(|byte| **byte == 0).count();
            if zeros < 2 || self.frame.get(zeros) != Some(&1) {
                return Err(PacketizeError::NoStartCode);
            }
            self.position = zeros + 1;
        }
        let start = self.position;
        let rest = self.frame.get(start..).unwrap_or_default();
        let (len, step) = match start_code(rest) {
            Some(at) => (at, at + 3),
            None => (rest.len(), rest.len()),
        };
        self.position = start + step;
        let unit = rest.get(..len).unwrap_or_default();
        let zeros = unit.iter().rev().take_while(|byte| **byte == 0).count();
        Ok(start..start + len - zeros)
    }

    fn after_length(&mut self) -> Result<Range<usize>, PacketizeError> {
        let at = self.position;
        let mut reader = Reader::new(self.frame.get(at..).unwrap_or_default());
        let len = reader.u32().and_then(|len| usize::try_from(len).ok());
        let len = len.filter(|len| *len <= reader.remaining()).ok_or(PacketizeError::ShortUnit { at })?;
        self.position = at + 4 + len;
        Ok(at + 4..self.position)
    }
}

impl<'a> Iterator for NalUnits<'a> {
    type Item = Result<&'a [u8], PacketizeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let range = self.next_range()?;
        Some(range.map(|range| self.frame.get(range).unwrap_or_default()))
    }
}

/// Where `00 00 01` stands first. Looks at every third byte where it can.
fn start_code(data: &[u8]) -> Option<usize> {
    let mut at = 2;
    loop {
        match *data.get(at)? {
            0 => at += 1,
            1 if data.get(at - 2..at) == Some(&[0, 0]) => return Some(at - 2),
            _ => at += 3,
        }
    }
}

/// What a unit is to a receiver that joins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The first parameter set of a stream: SPS of H.264, VPS or SPS of H.265.
    Sequence,
    /// A parameter set that needs one before it.
    Picture,
    /// A slice of a key picture.
    Key,
    /// Anything else.
    Other,
}

/// What the payload formats of H.264 and H.265 do differently.
pub(super) trait Format {
    /// Bytes of a unit's header, which are as many as an aggregate's.
    const HEADER: usize;

    fn role(unit: &[u8]) -> Role;

    /// The header of a packet that holds several units.
    fn aggregate<'a>(units: impl Iterator<Item = &'a [u8]>) -> [u8; 2];

    /// What stands before a fragment of `unit`: [`Self::HEADER`] bytes and one more.
    fn fragment(unit: &[u8], first: bool, last: bool) -> [u8; 3];
}

/// A unit to send: of the frame, or a parameter set of an earlier one.
#[derive(Clone, Debug)]
struct Unit {
    repeated: bool,
    range: Range<usize>,
}

/// Most units in one packet.
const AGGREGATED: usize = 16;

/// Cuts access units into payloads.
#[derive(Clone, Debug, Default)]
pub(super) struct Fragmenter {
    framing: NalFraming,
    /// Whether units may be joined and cut.
    single: bool,
    /// Whether parameter sets are sent again with a key frame that lacks them.
    repeat: bool,
    units: Vec<Unit>,
    /// The parameter sets seen last, one after the other.
    sets: Vec<u8>,
    set_ranges: Vec<Range<usize>>,
}

impl Fragmenter {
    pub(super) fn new(framing: NalFraming, single: bool, repeat: bool) -> Self {
        Self { framing, single, repeat, ..Self::default() }
    }

    /// Cuts one access unit. Nothing is emitted if it is refused.
    pub(super) fn packetize<F: Format>(
        &mut self,
        frame: &[u8],
        max: usize,
        emit: Emit<'_>,
    ) -> Result<(), PacketizeError> {
        self.collect::<F>(frame, max)?;
        let units = self.units.len();
        let mut index = 0;
        while index < units {
            let end = self.fits_with::<F>(frame, index, max);
            let last = end == units;
            let unit = self.unit(frame, index);
            if end - index > 1 {
                self.emit_aggregate::<F>(frame, index..end, last, emit);
            } else if unit.len() <= max {
                emit(&[unit], last);
            } else {
                emit_fragments::<F>(unit, max, last, emit);
            }
            index = end;
        }
        Ok(())
    }

    fn unit<'a>(&'a self, frame: &'a [u8], index: usize) -> &'a [u8] {
        let Some(unit) = self.units.get(index) else { return &[] };
        let source = if unit.repeated { &self.sets } else { frame };
        source.get(unit.range.clone()).unwrap_or_default()
    }

    /// Lists the units of the frame, parameter sets of earlier ones first where they are missing.
    fn collect<F: Format>(&mut self, frame: &[u8], max: usize) -> Result<(), PacketizeError> {
        self.units.clear();
        let (mut sequence, mut key) = (false, false);
        let mut found = NalUnits::new(frame, self.framing);
        while let Some(range) = found.next_range() {
            let range = range?;
            let unit = frame.get(range.clone()).unwrap_or_default();
            if unit.len() < F::HEADER {
                return Err(PacketizeError::ShortUnit { at: range.start });
            }
            if self.single && unit.len() > max {
                return Err(PacketizeError::TooLong { len: unit.len(), max });
            }
            if self.units.len() == limits::CODEC_UNITS {
                return Err(PacketizeError::TooManyUnits { limit: limits::CODEC_UNITS });
            }
            let role = F::role(unit);
            sequence |= role == Role::Sequence;
            key |= role == Role::Key;
            self.units.push(Unit { repeated: false, range });
        }
        if self.units.is_empty() {
            return Err(PacketizeError::Empty);
        }
        if self.repeat {
            self.keep::<F>(frame, sequence);
            if key && !sequence {
                let known = self.set_ranges.iter().cloned();
                self.units.splice(0..0, known.map(|range| Unit { repeated: true, range }));
            }
        }
        Ok(())
    }

    /// Keeps the parameter sets of this frame: with a new sequence the old ones go.
    fn keep<F: Format>(&mut self, frame: &[u8], sequence: bool) {
        if sequence {
            self.sets.clear();
            self.set_ranges.clear();
        }
        for unit in &self.units {
            let bytes = frame.get(unit.range.clone()).unwrap_or_default();
            let is_set = matches!(F::role(bytes), Role::Sequence | Role::Picture);
            let known = self.set_ranges.iter().any(|range| self.sets.get(range.clone()) == Some(bytes));
            if !is_set || known || self.sets.len() + bytes.len() > limits::CODEC_PARAMETER_SETS {
                continue;
            }
            let start = self.sets.len();
            self.sets.extend_from_slice(bytes);
            self.set_ranges.push(start..self.sets.len());
        }
    }

    /// The unit behind the last that fits into one packet with the one at `index`.
    fn fits_with<F: Format>(&self, frame: &[u8], index: usize, max: usize) -> usize {
        let mut end = index + 1;
        if self.single {
            return end;
        }
        let mut len = F::HEADER + 2 + self.unit(frame, index).len();
        while end < self.units.len() && end - index < AGGREGATED {
            len += 2 + self.unit(frame, end).len();
            if len > max.min(usize::from(u16::MAX)) {
                break;
            }
            end += 1;
        }
        end
    }

    fn emit_aggregate<F: Format>(&self, frame: &[u8], units: Range<usize>, last: bool, emit: Emit<'_>) {
        let header = F::aggregate(units.clone().map(|index| self.unit(frame, index)));
        let mut lengths = [[0; 2]; AGGREGATED];
        for (length, index) in lengths.iter_mut().zip(units.clone()) {
            // An aggregate is no longer than 65535 bytes.
            *length = u16::try_from(self.unit(frame, index).len()).unwrap_or(u16::MAX).to_be_bytes();
        }
        let mut slices: [&[u8]; 1 + 2 * AGGREGATED] = [&[]; 1 + 2 * AGGREGATED];
        let (head, pairs) = slices.split_at_mut(1);
        head.fill(header.get(..F::HEADER).unwrap_or_default());
        for ((pair, length), index) in pairs.chunks_exact_mut(2).zip(&lengths).zip(units.clone()) {
            pair.copy_from_slice(&[length, self.unit(frame, index)]);
        }
        emit(slices.get(..1 + 2 * units.len()).unwrap_or_default(), last);
    }
}

fn emit_fragments<F: Format>(unit: &[u8], max: usize, last: bool, emit: Emit<'_>) {
    let body = unit.get(F::HEADER..).unwrap_or_default();
    let room = max - F::HEADER - 1;
    for piece in Pieces::new(body.len(), room, room) {
        let header = F::fragment(unit, piece.first, piece.last);
        let header = header.get(..=F::HEADER).unwrap_or_default();
        emit(&[header, body.get(piece.range).unwrap_or_default()], last && piece.last);
    }
}

/// Puts units together to a frame.
#[derive(Clone, Debug, Default)]
pub(super) struct Assembler {
    framing: NalFraming,
    /// The unit that is being put together: its type, and where in the frame it begins.
    open: Option<(u8, usize)>,
}

impl Assembler {
    pub(super) const fn new(framing: NalFraming) -> Self {
        Self { framing, open: None }
    }

    pub(super) const fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// A whole unit; its header may stand apart.
    pub(super) fn unit(&self, header: &[u8], rest: &[u8], sink: &mut Sink<'_>) -> Result<(), PayloadError> {
        if self.open.is_some() {
            return Err(PayloadError::Unfinished);
        }
        self.begin(header.len() + rest.len(), sink)?;
        sink.put(header)?;
        sink.put(rest)
    }

    fn begin(&self, len: usize, sink: &mut Sink<'_>) -> Result<(), PayloadError> {
        match self.framing {
            NalFraming::AnnexB => sink.put(&[0, 0, 0, 1]),
            NalFraming::LengthPrefixed => sink.put(&u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes()),
        }
    }

    /// A fragment of a unit of this type.
    pub(super) fn fragment(
        &mut self,
        fragment: &Fragment<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<(), PayloadError> {
        match (fragment.first, self.open) {
            (true, Some(_)) => return Err(PayloadError::Unfinished),
            (true, None) => {
                self.open = Some((fragment.kind, sink.written()));
                self.begin(0, sink)?;
                sink.put(fragment.header)?;
            }
            (false, Some((kind, _))) if kind == fragment.kind => {}
            (false, _) => return Err(PayloadError::MissingStart),
        }
        sink.put(fragment.body)?;
        if fragment.last
            && let Some((_, start)) = self.open.take()
            && self.framing == NalFraming::LengthPrefixed
        {
            let len = u32::try_from(sink.written() - start - 4).unwrap_or(u32::MAX);
            let place = sink.frame().get_mut(start..).and_then(|unit| unit.first_chunk_mut());
            *place.ok_or(PayloadError::MissingStart)? = len.to_be_bytes();
        }
        Ok(())
    }
}

/// What a fragmentation unit says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fragment<'a> {
    /// Type of the fragmented unit.
    pub(super) kind: u8,
    /// Its header, as it was before it was cut.
    pub(super) header: &'a [u8],
    pub(super) first: bool,
    pub(super) last: bool,
    pub(super) body: &'a [u8],
}

#[cfg(test)]
#[path = "nal_tests.rs"]
mod tests;
