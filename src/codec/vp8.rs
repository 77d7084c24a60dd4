//! VP8 (RFC 7741): the payload descriptor, fragments, and rewriting for forwarding servers.

use super::error::{PacketizeError, PayloadError};
use super::fragment::Pieces;
use super::info::{FrameInfo, PayloadInfo, PictureId};
use super::packetize::Emit;
use super::sink::Sink;
use crate::base::reader::Reader;
use crate::base::writer::{Full, Writer};

/// What stands before the bytes of the frame in every payload (RFC 7741 §4.2).
///
/// ```
/// use antiphon::codec::PictureId;
/// use antiphon::codec::vp8::Descriptor;
///
/// let (descriptor, body) = Descriptor::parse(&[0x90, 0x80, 0x92, 0x34, 0x01, 0, 0])?;
/// assert!(descriptor.start && descriptor.partition == 0);
/// assert_eq!(descriptor.picture_id, Some(PictureId::Fifteen(0x1234)));
/// assert_eq!(body, [0x01, 0, 0]);
/// # Ok::<(), antiphon::codec::PayloadError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Descriptor {
    /// N: no other frame refers to this one.
    pub discardable: bool,
    /// S: a partition begins here.
    pub start: bool,
    /// Index of the partition, 0 to 7.
    pub partition: u8,
    /// Running number of the frame.
    pub picture_id: Option<PictureId>,
    /// Running number of base-layer frames.
    pub tl0_pic_idx: Option<u8>,
    /// Temporal layer, 0 to 3.
    pub temporal: Option<u8>,
    /// Y: the frame depends on the base layer only. Without meaning unless `temporal` or `key_idx` is there.
    pub layer_sync: bool,
    /// Running number of key frames, 0 to 31.
    pub key_idx: Option<u8>,
}

const EXTENDED: u8 = 0x80;
const NON_REFERENCE: u8 = 0x20;
const START: u8 = 0x10;
const PICTURE_ID: u8 = 0x80;
const TL0_PIC_IDX: u8 = 0x40;
const TEMPORAL: u8 = 0x20;
const KEY_IDX: u8 = 0x10;
const LAYER_SYNC: u8 = 0x20;

/// Where the fields that are rewritten stand in a payload.
#[derive(Clone, Copy, Debug, Default)]
struct Places {
    picture_id: Option<usize>,
    tl0_pic_idx: Option<usize>,
    key_idx: Option<usize>,
}

impl Descriptor {
    /// Longest descriptor.
    pub const MAX_LEN: usize = 6;

    /// Reads the descriptor; the rest of the payload, never empty, is of the frame. TL0PICIDX without a temporal layer is
    /// accepted, though RFC 7741 forbids it.
    ///
    /// # Errors
    /// [`PayloadError`] if the payload ends before the frame's first byte.
    pub fn parse(payload: &[u8]) -> Result<(Self, &[u8]), PayloadError> {
        Self::locate(payload).map(|(descriptor, _, body)| (descriptor, body))
    }

    fn locate(payload: &[u8]) -> Result<(Self, Places, &[u8]), PayloadError> {
        let mut reader = Reader::new(payload);
        let first = reader.u8().ok_or(PayloadError::Empty)?;
        let mut descriptor = Self {
            discardable: first & NON_REFERENCE != 0,
            start: first & START != 0,
            partition: first & 7,
            ..Self::default()
        };
        let mut places = Places::default();
        if first & EXTENDED != 0 {
            let extended = Self::read_extensions(&mut descriptor, &mut places, &mut reader);
            extended.ok_or(PayloadError::Truncated { len: payload.len() })?;
        }
        if reader.is_empty() {
            return Err(PayloadError::Truncated { len: payload.len() });
        }
        Ok((descriptor, places, reader.rest()))
    }

    fn read_extensions(&mut self, places: &mut Places, reader: &mut Reader<'_>) -> Option<()> {
        let extensions = reader.u8()?;
        if extensions & PICTURE_ID != 0 {
            places.picture_id = Some(reader.position());
            self.picture_id = Some(super::vp9::read_picture_id(reader)?);
        }
        if extensions & TL0_PIC_IDX != 0 {
            places.tl0_pic_idx = Some(reader.position());
            self.tl0_pic_idx = Some(reader.u8()?);
        }
        if extensions & (TEMPORAL | KEY_IDX) != 0 {
            let place = reader.position();
            let byte = reader.u8()?;
            self.layer_sync = byte & LAYER_SYNC != 0;
            self.temporal = (extensions & TEMPORAL != 0).then_some(byte >> 6);
            self.key_idx = (extensions & KEY_IDX != 0).then_some(byte & 0x1f);
            places.key_idx = self.key_idx.map(|_| place);
        }
        Some(())
    }

    /// Writes the descriptor: what a forwarding server puts in place of one whose picture id is too narrow.
    ///
    /// # Errors
    /// [`Full`] if there is no room; [`Self::MAX_LEN`] bytes always suffice.
    pub fn write(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        let layered = self.temporal.is_some() || self.key_idx.is_some();
        let extended = self.picture_id.is_some() || self.tl0_pic_idx.is_some() || layered;
        let flag = |on: bool, bit: u8| if on { bit } else { 0 };
        writer.u8(flag(extended, EXTENDED)
            | flag(self.discardable, NON_REFERENCE)
            | flag(self.start, START)
            | self.partition & 7)?;
        if !extended {
            return Ok(());
        }
        writer.u8(flag(self.picture_id.is_some(), PICTURE_ID)
            | flag(self.tl0_pic_idx.is_some(), TL0_PIC_IDX)
            | flag(self.temporal.is_some(), TEMPORAL)
            | flag(self.key_idx.is_some(), KEY_IDX))?;
        if let Some(id) = self.picture_id {
            super::vp9::write_picture_id(id, writer)?;
        }
        if let Some(index) = self.tl0_pic_idx {
            writer.u8(index)?;
        }
        if layered {
            let temporal = self.temporal.unwrap_or(0) & 3;
            let key_idx = self.key_idx.unwrap_or(0) & 0x1f;
            writer.u8(temporal << 6 | flag(self.layer_sync, LAYER_SYNC) | key_idx)?;
        }
        Ok(())
    }

    /// Whether this payload is the first of its frame.
    pub const fn starts_frame(&self) -> bool {
        self.start && self.partition == 0
    }
}

/// What a forwarding server writes over a payload's descriptor, so that a stream spliced from several goes on counting
/// (RFC 7741 §4.2).
///
/// ```
/// use antiphon::codec::vp8::{Rewrite, rewrite};
///
/// let mut payload = [0x90, 0xe0, 0x80, 0x07, 0x11, 0x40, 0x01, 0, 0];
/// rewrite(&mut payload, Rewrite { picture_id: Some(300), tl0_pic_idx: Some(9), key_idx: None })?;
/// assert_eq!(payload, [0x90, 0xe0, 0x81, 0x2c, 0x09, 0x40, 0x01, 0, 0]);
/// # Ok::<(), antiphon::codec::PayloadError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rewrite {
    /// Picture id.
    pub picture_id: Option<u16>,
    /// TL0PICIDX.
    pub tl0_pic_idx: Option<u8>,
    /// KEYIDX.
    pub key_idx: Option<u8>,
}

/// Writes over the fields of a payload in place; fields that it does not have stay away. A picture id of seven bits stays
/// seven bits wide and takes the low ones: where the stream it is spliced into counts in fifteen, parse the
/// [`Descriptor`], widen its id and write it anew.
///
/// # Errors
/// [`PayloadError`] if the descriptor cannot be read; the payload is then as it was.
pub fn rewrite(payload: &mut [u8], new: Rewrite) -> Result<(), PayloadError> {
    let (descriptor, places, _) = Descriptor::locate(payload)?;
    if let (Some(place), Some(old), Some(id)) = (places.picture_id, descriptor.picture_id, new.picture_id) {
        super::vp9::overwrite_picture_id(payload, place, old.with(id));
    }
    let byte_at = |payload: &mut [u8], place: Option<usize>, value: u8, keep: u8| {
        if let Some(byte) = place.and_then(|place| payload.get_mut(place)) {
            *byte = *byte & keep | value & !keep;
        }
    };
    if let Some(index) = new.tl0_pic_idx {
        byte_at(payload, places.tl0_pic_idx, index, 0);
    }
    if let Some(index) = new.key_idx {
        byte_at(payload, places.key_idx, index, 0xe0);
    }
    Ok(())
}

/// The beginning of a frame (RFC 6386 §9.1).
///
/// ```
/// use antiphon::codec::vp8::FrameHeader;
///
/// let header = FrameHeader::parse(&[0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0x00]).unwrap();
/// assert_eq!((header.key, header.resolution), (true, Some((320, 240))));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// A key frame.
    pub key: bool,
    /// Width and height, of a key frame that is long enough to say them.
    pub resolution: Option<(u32, u32)>,
}

impl FrameHeader {
    /// Reads the beginning of a frame; `None` if there is none.
    pub fn parse(frame: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(frame);
        let key = reader.u8()? & 1 == 0;
        let resolution = if key { Self::resolution(reader) } else { None };
        Some(Self { key, resolution })
    }

    fn resolution(mut reader: Reader<'_>) -> Option<(u32, u32)> {
        reader.skip(2)?;
        if reader.u24()? != 0x9d_012a {
            return None;
        }
        // Little-endian, the two high bits are a scale.
        let mut size = || reader.u16().map(|size| u32::from(size.swap_bytes() & 0x3fff));
        Some((size()?, size()?))
    }
}

/// What one payload says about its frame.
///
/// # Errors
/// [`PayloadError`] if the descriptor cannot be read.
pub fn inspect(payload: &[u8]) -> Result<PayloadInfo, PayloadError> {
    let (descriptor, body) = Descriptor::parse(payload)?;
    let starts = descriptor.starts_frame();
    let header = if starts { FrameHeader::parse(body) } else { None };
    Ok(PayloadInfo {
        starts_frame: starts,
        start_certain: starts,
        ends_frame: true,
        keyframe: header.is_some_and(|header| header.key),
        precedes_picture: false,
        temporal: descriptor.temporal,
        spatial: None,
        picture_id: descriptor.picture_id,
        tl0_pic_idx: descriptor.tl0_pic_idx,
        switching_up: descriptor.temporal.is_some() && descriptor.layer_sync,
        discardable: descriptor.discardable,
        resolution: header.and_then(|header| header.resolution),
    })
}

/// Numbers and cuts frames.
#[derive(Clone, Debug)]
pub(super) struct Fragmenter {
    picture_id: PictureId,
    tl0_pic_idx: u8,
    layers: bool,
}

impl Fragmenter {
    pub(super) const fn new(picture_id: u16, tl0_pic_idx: u8, layers: bool) -> Self {
        Self { picture_id: PictureId::Fifteen(picture_id & 0x7fff), tl0_pic_idx, layers }
    }

    pub(super) fn packetize(
        &mut self,
        frame: &[u8],
        info: &FrameInfo<'_>,
        max: usize,
        emit: Emit<'_>,
    ) -> Result<(), PacketizeError> {
        if frame.is_empty() {
            return Err(PacketizeError::Empty);
        }
        let mut descriptor = Descriptor {
            discardable: info.discardable,
            picture_id: Some(self.picture_id),
            ..Descriptor::default()
        };
        if self.layers {
            if info.layer.temporal == 0 {
                self.tl0_pic_idx = self.tl0_pic_idx.wrapping_add(1);
            }
            descriptor.tl0_pic_idx = Some(self.tl0_pic_idx);
            descriptor.temporal = Some(info.layer.temporal);
            descriptor.layer_sync = info.layer.switching_up;
        }
        self.picture_id = self.picture_id.next();
        let room = max - if self.layers { Descriptor::MAX_LEN } else { 4 };
        for piece in Pieces::new(frame.len(), room, room) {
            descriptor.start = piece.first;
            let mut head = [0; Descriptor::MAX_LEN];
            let mut writer = Writer::new(&mut head);
            // The descriptor fits: it is as long as the longest.
            if descriptor.write(&mut writer).is_ok() {
                let body = frame.get(piece.range).unwrap_or_default();
                emit(&[writer.written(), body], piece.last);
            }
        }
        Ok(())
    }
}

/// Puts the payloads of a frame together.
#[derive(Clone, Debug, Default)]
pub(super) struct Assembler {
    begun: bool,
}

impl Assembler {
    pub(super) fn append(&mut self, payload: &[u8], sink: &mut Sink<'_>) -> Result<(), PayloadError> {
        let (descriptor, body) = Descriptor::parse(payload)?;
        match (self.begun, descriptor.starts_frame()) {
            (false, false) => Err(PayloadError::MissingStart),
            (true, true) => Err(PayloadError::Unfinished),
            (false, true) | (true, false) => {
                self.begun = true;
                sink.put(body)
            }
        }
    }
}

#[cfg(test)]
#[path = "vp8_tests.rs"]
mod tests;
