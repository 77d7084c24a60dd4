//! AV1 payloads (AOM's RTP payload format): the aggregation header, OBU elements and their fragments.

use core::ops::Range;

use super::av1_obu::{
    self, Header, LEB128_MAX, Obus, SequenceHeader, is_dropped, kind, leb128, leb128_len, read_leb128,
};
use super::error::{PacketizeError, PayloadError};
use super::info::PayloadInfo;
use super::packetize::Emit;
use super::sink::Sink;
use crate::base::limits;
use crate::base::reader::Reader;

const CONTINUES: u8 = 0x80;
const CONTINUED: u8 = 0x40;
const NEW_SEQUENCE: u8 = 0x08;

/// Elements that a count in the aggregation header can say.
const COUNTED: usize = 3;
/// Most elements in one packet.
const ELEMENTS: usize = 16;

/// An OBU to send.
#[derive(Clone, Debug)]
struct Unit {
    /// Its header, the size field left out.
    header: Header,
    /// Its payload in the temporal unit.
    payload: Range<usize>,
}

impl Unit {
    fn len(&self) -> usize {
        self.header.len() + self.payload.len()
    }
}

/// A part of an OBU in a packet; offsets count from its header.
#[derive(Clone, Debug, Default)]
struct Element {
    unit: usize,
    range: Range<usize>,
}

/// The elements of one packet.
#[derive(Clone, Debug, Default)]
struct Packet {
    elements: [Element; ELEMENTS],
    count: usize,
    /// The first one began in an earlier packet.
    continues: bool,
    /// The last one goes on in the next.
    continued: bool,
    /// Bytes of payload.
    len: usize,
}

impl Packet {
    fn elements(&self) -> &[Element] {
        self.elements.get(..self.count).unwrap_or_default()
    }
}

/// Cuts temporal units into payloads.
#[derive(Clone, Debug, Default)]
pub(super) struct Fragmenter {
    units: Vec<Unit>,
}

impl Fragmenter {
    pub(super) fn packetize(
        &mut self,
        frame: &[u8],
        max: usize,
        emit: Emit<'_>,
    ) -> Result<(), PacketizeError> {
        self.collect(frame)?;
        let room = self.balanced_room(max);
        let new_sequence = av1_obu::is_keyframe(frame);
        let mut start = (0, 0);
        while start.0 < self.units.len() {
            let (packet, end) = self.fill(start, room);
            self.emit(frame, &packet, new_sequence && start == (0, 0), end.0 == self.units.len(), emit);
            start = end;
        }
        Ok(())
    }

    fn collect(&mut self, frame: &[u8]) -> Result<(), PacketizeError> {
        self.units.clear();
        for obu in Obus::new(frame) {
            let obu = obu?;
            if is_dropped(obu.header.kind) {
                continue;
            }
            if self.units.len() == limits::CODEC_UNITS {
                return Err(PacketizeError::TooManyUnits { limit: limits::CODEC_UNITS });
            }
            let header = Header { has_size: false, ..obu.header };
            self.units.push(Unit { header, payload: obu.at..obu.at + obu.payload.len() });
        }
        if self.units.is_empty() { Err(PacketizeError::Empty) } else { Ok(()) }
    }

    /// How long packets may get so that there are no more than need be, and all are about equal.
    fn balanced_room(&self, max: usize) -> usize {
        let (packets, bytes) = self.measure(max);
        let mut room = bytes.div_ceil(packets).min(max);
        while room < max && self.measure(room).0 > packets {
            room += (max - room).div_ceil(2);
        }
        room
    }

    /// Packets and their bytes, if packets are up to `room` long.
    fn measure(&self, room: usize) -> (usize, usize) {
        let (mut packets, mut bytes, mut start) = (0, 0, (0, 0));
        while start.0 < self.units.len() {
            let (packet, end) = self.fill(start, room);
            packets += 1;
            bytes += packet.len;
            start = end;
        }
        (packets, bytes)
    }

    /// Fills a packet from the OBU and offset `start` on; returns where the next one starts.
    fn fill(&self, start: (usize, usize), room: usize) -> (Packet, (usize, usize)) {
        let mut packet = Packet { continues: start.1 > 0, len: 1, ..Packet::default() };
        let (mut at, mut offset) = start;
        let mut layer = None;
        // Lengths of elements before the one that is added.
        let mut lengths = 0;
        while packet.count < ELEMENTS
            && let Some(unit) = self.units.get(at)
        {
            // Layers do not share packets.
            let own = unit.header.layer();
            if own.is_some() && layer.is_some() && own != layer {
                break;
            }
            layer = layer.or(own);
            let left = unit.len() - offset;
            let free = room.saturating_sub(packet.len + lengths);
            let take = if packet.count < COUNTED { left.min(free) } else { with_length(left, free) };
            if take == 0 {
                break;
            }
            if let Some(element) = packet.elements.get_mut(packet.count) {
                *element = Element { unit: at, range: offset..offset + take };
            }
            packet.count += 1;
            packet.len += take;
            lengths += leb128_len(take);
            if take < left {
                packet.continued = true;
                offset += take;
                break;
            }
            (at, offset) = (at + 1, 0);
        }
        let last = packet.elements().last().map_or(0, |element| leb128_len(element.range.len()));
        packet.len += if packet.count > COUNTED { lengths } else { lengths - last };
        (packet, (at, offset))
    }

    fn emit(&self, frame: &[u8], packet: &Packet, new_sequence: bool, last: bool, emit: Emit<'_>) {
        let count = if packet.count > COUNTED { 0 } else { packet.count };
        let flag = |on: bool, bit: u8| if on { bit } else { 0 };
        let [count_bits, ..] = count.to_le_bytes();
        let head = [flag(packet.continues, CONTINUES)
            | flag(packet.continued, CONTINUED)
            | count_bits << 4
            | flag(new_sequence, NEW_SEQUENCE)];
        // Before each element: its length, unless it is the last of a counted packet, and what it has of its header.
        let mut prefixes = [([0; LEB128_MAX + 2], 0); ELEMENTS];
        for (index, (element, (bytes, len))) in packet.elements().iter().zip(&mut prefixes).enumerate() {
            let Some(unit) = self.units.get(element.unit) else { continue };
            if count == 0 || index + 1 < count {
                let (length, length_len) = leb128(element.range.len());
                put(bytes, len, length.get(..length_len));
            }
            let header_end = element.range.end.min(unit.header.len());
            put(bytes, len, unit.header.to_bytes().get(element.range.start..header_end));
        }
        let mut slices: [&[u8]; 1 + 2 * ELEMENTS] = [&[]; 1 + 2 * ELEMENTS];
        let (first, pairs) = slices.split_at_mut(1);
        first.fill(&head);
        for ((pair, element), (bytes, len)) in pairs.chunks_exact_mut(2).zip(packet.elements()).zip(&prefixes)
        {
            let body = self.units.get(element.unit).map_or(0..0, |unit| {
                let skip = |offset: usize| unit.payload.start + offset.saturating_sub(unit.header.len());
                skip(element.range.start)..skip(element.range.end)
            });
            pair.copy_from_slice(&[
                bytes.get(..*len).unwrap_or_default(),
                frame.get(body).unwrap_or_default(),
            ]);
        }
        emit(slices.get(..1 + 2 * packet.count).unwrap_or_default(), last);
    }
}

/// Appends to a buffer that is long enough.
fn put(bytes: &mut [u8], len: &mut usize, more: Option<&[u8]>) {
    let more = more.unwrap_or_default();
    if let Some(place) = bytes.get_mut(*len..*len + more.len()) {
        place.copy_from_slice(more);
        *len += more.len();
    }
}

/// How much of `left` bytes fits into `free` together with its length.
const fn with_length(left: usize, free: usize) -> usize {
    if left + leb128_len(left) <= free {
        return left;
    }
    let mut take = free.saturating_sub(1);
    while take > 0 && take + leb128_len(take) > free {
        take -= 1;
    }
    take
}

/// The aggregation header and the elements behind it.
#[derive(Clone, Debug)]
struct Elements<'a> {
    reader: Reader<'a>,
    /// Elements to come, if they are counted.
    counted: Option<u8>,
    len: usize,
}

/// The aggregation header.
#[derive(Clone, Copy, Debug)]
struct Aggregation {
    continues: bool,
    continued: bool,
    new_sequence: bool,
}

impl<'a> Elements<'a> {
    fn parse(payload: &'a [u8]) -> Result<(Aggregation, Self), PayloadError> {
        let mut reader = Reader::new(payload);
        let head = reader.u8().ok_or(PayloadError::Empty)?;
        let header = Aggregation {
            continues: head & CONTINUES != 0,
            continued: head & CONTINUED != 0,
            new_sequence: head & NEW_SEQUENCE != 0,
        };
        if header.continues && header.new_sequence {
            return Err(PayloadError::Contradiction);
        }
        if reader.is_empty() {
            return Err(PayloadError::Truncated { len: payload.len() });
        }
        let count = head >> 4 & 3;
        Ok((header, Self { reader, counted: (count > 0).then_some(count), len: payload.len() }))
    }

    /// The next element, and whether it is the last.
    fn next(&mut self) -> Option<Result<(&'a [u8], bool), PayloadError>> {
        match &mut self.counted {
            Some(0) => return None,
            Some(1) => {
                self.counted = Some(0);
                let rest = self.reader.rest();
                return Some(Ok((rest, true)));
            }
            Some(more) => *more -= 1,
            None if self.reader.is_empty() => return None,
            None => {}
        }
        let len = read_leb128(&mut self.reader).and_then(|len| usize::try_from(len).ok());
        let Some(element) = len.and_then(|len| self.reader.bytes(len)) else {
            self.counted = Some(0);
            return Some(Err(PayloadError::Truncated { len: self.len }));
        };
        Some(Ok((element, self.counted.is_none() && self.reader.is_empty())))
    }
}

/// An OBU that stands alone, taken apart.
fn split(obu: &[u8]) -> Result<(Header, &[u8]), PayloadError> {
    let truncated = PayloadError::Truncated { len: obu.len() };
    let mut reader = Reader::new(obu);
    let header = Header::read(&mut reader).ok_or(truncated)?;
    check(obu)?;
    if header.has_size {
        // The element's length counts; a size that reaches beyond it says that something is missing.
        let size = read_leb128(&mut reader).and_then(|size| usize::try_from(size).ok()).ok_or(truncated)?;
        if size > reader.remaining() {
            return Err(truncated);
        }
    }
    Ok((header, reader.rest()))
}

/// The beginning of an OBU may not say that it is damaged.
fn check(obu: &[u8]) -> Result<(), PayloadError> {
    if obu.first().is_some_and(|first| first & 0x80 != 0) { Err(PayloadError::Forbidden) } else { Ok(()) }
}

/// What one payload says about its temporal unit. Layers are those of its first OBU; what depends on what only the
/// dependency descriptor says, a header extension.
///
/// # Errors
/// [`PayloadError`] if it is malformed.
pub fn inspect(payload: &[u8]) -> Result<PayloadInfo, PayloadError> {
    let (header, mut elements) = Elements::parse(payload)?;
    let mut info = PayloadInfo {
        starts_frame: !header.continues,
        start_certain: header.new_sequence,
        ends_frame: !header.continued,
        keyframe: header.new_sequence,
        ..PayloadInfo::default()
    };
    let mut begins = !header.continues;
    while let Some(element) = elements.next() {
        let (element, last) = element?;
        if element.is_empty() {
            continue;
        }
        if begins {
            let whole = !(last && header.continued);
            describe(element, whole, &mut info)?;
        }
        begins = true;
    }
    Ok(info)
}

fn describe(element: &[u8], whole: bool, info: &mut PayloadInfo) -> Result<(), PayloadError> {
    let (obu, body) = if whole {
        split(element)?
    } else {
        check(element)?;
        // The header itself may go on in the next packet.
        let Some(header) = Header::read(&mut Reader::new(element)) else { return Ok(()) };
        (header, &[][..])
    };
    if let Some((temporal, spatial)) = obu.layer()
        && info.temporal.is_none()
    {
        (info.temporal, info.spatial) = (Some(temporal), Some(spatial));
    }
    if obu.kind == kind::SEQUENCE_HEADER && info.resolution.is_none() {
        info.resolution = SequenceHeader::parse(body).map(|sequence| sequence.resolution);
    }
    Ok(())
}

/// Puts OBUs together to a temporal unit.
#[derive(Clone, Debug, Default)]
pub(super) struct Assembler {
    /// Where in the frame the OBU begins that goes on in the next packet.
    open: Option<usize>,
}

impl Assembler {
    pub(super) const fn is_open(&self) -> bool {
        self.open.is_some()
    }

    pub(super) fn append(&mut self, payload: &[u8], sink: &mut Sink<'_>) -> Result<(), PayloadError> {
        let (header, mut elements) = Elements::parse(payload)?;
        match (header.continues, self.open) {
            (true, None) => return Err(PayloadError::MissingStart),
            (false, Some(_)) => return Err(PayloadError::Unfinished),
            (true, Some(_)) | (false, None) => {}
        }
        while let Some(element) = elements.next() {
            let (element, last) = element?;
            let goes_on = last && header.continued;
            match self.open {
                Some(start) => {
                    sink.put(element)?;
                    if !goes_on {
                        self.open = None;
                        close(start, sink)?;
                    }
                }
                None if goes_on => {
                    check(element)?;
                    self.open = Some(sink.written());
                    sink.put(element)?;
                }
                None if element.is_empty() => {}
                None => put_obu(element, sink)?,
            }
        }
        Ok(())
    }
}

/// Appends a whole OBU with its size.
fn put_obu(obu: &[u8], sink: &mut Sink<'_>) -> Result<(), PayloadError> {
    let (header, body) = split(obu)?;
    if is_dropped(header.kind) {
        return Ok(());
    }
    let (prefix, len) = prefix(header, body.len());
    sink.put(prefix.get(..len).unwrap_or_default())?;
    sink.put(body)
}

/// The header of an OBU with the size of its body.
fn prefix(header: Header, body: usize) -> ([u8; 2 + LEB128_MAX], usize) {
    let header = Header { has_size: true, ..header };
    let (mut bytes, mut len) = ([0; 2 + LEB128_MAX], 0);
    put(&mut bytes, &mut len, header.to_bytes().get(..header.len()));
    let (size, size_len) = leb128(body);
    put(&mut bytes, &mut len, size.get(..size_len));
    (bytes, len)
}

/// Gives the OBU that was put together from `start` on its size, for which its body moves.
fn close(start: usize, sink: &mut Sink<'_>) -> Result<(), PayloadError> {
    let end = sink.written();
    let frame = sink.frame();
    let (header, body) = split(frame.get(start..).unwrap_or_default())?;
    if is_dropped(header.kind) {
        sink.truncate(start);
        return Ok(());
    }
    let body = end - body.len()..end;
    let (prefix, len) = prefix(header, body.len());
    let moved = start + len + body.len();
    if moved > end {
        let zeros = [0; 2 + LEB128_MAX];
        sink.put(zeros.get(..moved - end).unwrap_or_default())?;
    }
    let frame = sink.frame();
    if frame.len() >= moved.max(end) {
        frame.copy_within(body, start + len);
    }
    if let Some(place) = frame.get_mut(start..start + len) {
        place.copy_from_slice(prefix.get(..len).unwrap_or_default());
    }
    sink.truncate(moved);
    Ok(())
}

#[cfg(test)]
#[path = "av1_tests.rs"]
mod tests;
