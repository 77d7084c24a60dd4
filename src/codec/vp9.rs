//! VP9 (RFC 9628): the payload descriptor with its scalability structure, fragments, rewriting.

use super::error::{PacketizeError, PayloadError};
use super::fragment::Pieces;
use super::info::{FrameInfo, Layer, PayloadInfo, PictureId};
use super::packetize::Emit;
use super::sink::Sink;
use super::vp9_header::FrameHeader;
use crate::base::reader::Reader;
use crate::base::writer::{Full, Writer};

const PICTURE_ID: u8 = 0x80;
const INTER_PICTURE: u8 = 0x40;
const LAYERED: u8 = 0x20;
const FLEXIBLE: u8 = 0x10;
const BEGINS: u8 = 0x08;
const ENDS: u8 = 0x04;
const STRUCTURE: u8 = 0x02;
const NOT_UPPER_REFERENCE: u8 = 0x01;

/// Spatial layers there can be.
const MAX_LAYERS: usize = 8;
/// References one picture can name (RFC 9628 §4.2).
const MAX_REFERENCES: usize = 3;

/// The layer octet (RFC 9628 §4.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LayerIndices {
    /// TID.
    pub temporal: u8,
    /// U: switching up to this temporal layer is possible from here on.
    pub switching_up: bool,
    /// SID.
    pub spatial: u8,
    /// D: refers to the next lower spatial layer of the same picture.
    pub inter_layer: bool,
    /// TL0PICIDX, in non-flexible mode only.
    pub tl0_pic_idx: Option<u8>,
}

/// What is kept of a scalability structure (RFC 9628 §4.2.1): its layers, and how many pictures its group has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Structure {
    /// Spatial layers, 1 to 8.
    pub layers: u8,
    /// Width and height of each layer, if they are said.
    pub resolutions: Option<[(u16, u16); MAX_LAYERS]>,
    /// Pictures of the group, if one is described.
    pub group: Option<u8>,
}

/// What stands before the bytes of the frame in every payload (RFC 9628 §4.2).
///
/// ```
/// use antiphon::codec::PictureId;
/// use antiphon::codec::vp9::Descriptor;
///
/// let (descriptor, body) = Descriptor::parse(&[0xac, 0x85, 0x01, 0x00, 0x11, 0x82])?;
/// assert_eq!(descriptor.picture_id, Some(PictureId::Fifteen(0x501)));
/// assert!(descriptor.begins && descriptor.ends && !descriptor.inter_picture);
/// assert_eq!((descriptor.layer.unwrap().tl0_pic_idx, body), (Some(0x11), &[0x82][..]));
/// # Ok::<(), antiphon::codec::PayloadError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "bits of the wire, each with its own meaning")]
pub struct Descriptor {
    /// Running number of the picture.
    pub picture_id: Option<PictureId>,
    /// P: refers to earlier pictures.
    pub inter_picture: bool,
    /// Layer and what it allows.
    pub layer: Option<LayerIndices>,
    /// F: each picture names its references.
    pub flexible: bool,
    /// B: the first payload of a layer's frame.
    pub begins: bool,
    /// E: the last one.
    pub ends: bool,
    /// Z: no upper spatial layer of this picture refers to it.
    pub not_upper_reference: bool,
    /// References in flexible mode, in pictures back; 0 where there is none.
    pub references: [u8; MAX_REFERENCES],
    /// The structure of the stream.
    pub structure: Option<Structure>,
}

/// Where the fields that are rewritten stand in a payload.
#[derive(Clone, Copy, Debug, Default)]
struct Places {
    picture_id: Option<usize>,
    tl0_pic_idx: Option<usize>,
}

impl Descriptor {
    /// Longest descriptor that [`write`](Self::write) makes: three octets of head and id, two of layers, three references,
    /// and a structure of eight layers with their resolutions and a group.
    const MAX_LEN: usize = 3 + 2 + MAX_REFERENCES + 1 + 4 * MAX_LAYERS + 3;

    /// Reads the descriptor; the rest of the payload, never empty, is of the frame.
    ///
    /// # Errors
    /// [`PayloadError`] if the payload ends before the frame's first byte, or names more references than there can be.
    pub fn parse(payload: &[u8]) -> Result<(Self, &[u8]), PayloadError> {
        Self::locate(payload).map(|(descriptor, _, body)| (descriptor, body))
    }

    fn locate(payload: &[u8]) -> Result<(Self, Places, &[u8]), PayloadError> {
        let mut reader = Reader::new(payload);
        let first = reader.u8().ok_or(PayloadError::Empty)?;
        let mut descriptor = Self {
            inter_picture: first & INTER_PICTURE != 0,
            flexible: first & FLEXIBLE != 0,
            begins: first & BEGINS != 0,
            ends: first & ENDS != 0,
            not_upper_reference: first & NOT_UPPER_REFERENCE != 0,
            ..Self::default()
        };
        let mut places = Places::default();
        let read = descriptor.read_fields(first, &mut places, &mut reader);
        if !read.ok_or(PayloadError::Truncated { len: payload.len() })? {
            return Err(PayloadError::Contradiction);
        }
        if reader.is_empty() {
            return Err(PayloadError::Truncated { len: payload.len() });
        }
        Ok((descriptor, places, reader.rest()))
    }

    /// `None` at the end of the payload, `false` if there are too many references.
    fn read_fields(&mut self, first: u8, places: &mut Places, reader: &mut Reader<'_>) -> Option<bool> {
        if first & PICTURE_ID != 0 {
            places.picture_id = Some(reader.position());
            self.picture_id = Some(read_picture_id(reader)?);
        }
        if first & LAYERED != 0 {
            let byte = reader.u8()?;
            let mut layer = LayerIndices {
                temporal: byte >> 5,
                switching_up: byte & 0x10 != 0,
                spatial: byte >> 1 & 7,
                inter_layer: byte & 1 != 0,
                tl0_pic_idx: None,
            };
            if !self.flexible {
                places.tl0_pic_idx = Some(reader.position());
                layer.tl0_pic_idx = Some(reader.u8()?);
            }
            self.layer = Some(layer);
        }
        if self.flexible && self.inter_picture {
            let mut more = true;
            for reference in &mut self.references {
                if more {
                    let byte = reader.u8()?;
                    (*reference, more) = (byte >> 1, byte & 1 != 0);
                }
            }
            if more {
                return Some(false);
            }
        }
        if first & STRUCTURE != 0 {
            self.structure = Some(Structure::read(reader)?);
        }
        Some(true)
    }

    /// Writes the descriptor. Of a structure's group only one picture that refers to the one before it can be written;
    /// a payload whose group says more keeps its own bytes, see [`rewrite`].
    ///
    /// # Errors
    /// [`Full`] if there is no room.
    fn write(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        let flag = |on: bool, bit: u8| if on { bit } else { 0 };
        writer.u8(flag(self.picture_id.is_some(), PICTURE_ID)
            | flag(self.inter_picture, INTER_PICTURE)
            | flag(self.layer.is_some(), LAYERED)
            | flag(self.flexible, FLEXIBLE)
            | flag(self.begins, BEGINS)
            | flag(self.ends, ENDS)
            | flag(self.structure.is_some(), STRUCTURE)
            | flag(self.not_upper_reference, NOT_UPPER_REFERENCE))?;
        if let Some(id) = self.picture_id {
            write_picture_id(id, writer)?;
        }
        if let Some(layer) = self.layer {
            let spatial = layer.spatial & 7;
            writer.u8(layer.temporal << 5
                | flag(layer.switching_up, 0x10)
                | spatial << 1
                | u8::from(layer.inter_layer))?;
            if !self.flexible {
                writer.u8(layer.tl0_pic_idx.unwrap_or(0))?;
            }
        }
        if self.flexible && self.inter_picture {
            let mut named = self.references.iter().filter(|reference| **reference != 0).peekable();
            while let Some(reference) = named.next() {
                writer.u8(reference << 1 | u8::from(named.peek().is_some()))?;
            }
        }
        self.structure.map_or(Ok(()), |structure| structure.write(writer))
    }

    /// Whether this payload can be the first of its picture: it begins a layer's frame that needs no other of the picture.
    pub fn starts_picture(&self) -> bool {
        self.begins && !self.layer.is_some_and(|layer| layer.inter_layer)
    }

    /// Whether it begins a frame that refers to nothing.
    pub fn starts_keyframe(&self) -> bool {
        self.starts_picture() && !self.inter_picture
    }
}

impl Structure {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let head = reader.u8()?;
        let layers = (head >> 5) + 1;
        let resolutions = if head & 0x10 == 0 {
            None
        } else {
            let mut resolutions = [(0, 0); MAX_LAYERS];
            for resolution in resolutions.iter_mut().take(usize::from(layers)) {
                *resolution = (reader.u16()?, reader.u16()?);
            }
            Some(resolutions)
        };
        let group = if head & 0x08 == 0 { None } else { Some(reader.u8()?) };
        for _ in 0..group.unwrap_or(0) {
            // A picture of the group may refer to none: then no distance follows.
            let references = reader.u8()? >> 2 & 3;
            reader.skip(usize::from(references))?;
        }
        Some(Self { layers, resolutions, group })
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        let flag = |on: bool, bit: u8| if on { bit } else { 0 };
        let layers = self.layers.clamp(1, 8);
        writer.u8((layers - 1) << 5
            | flag(self.resolutions.is_some(), 0x10)
            | flag(self.group.is_some(), 0x08))?;
        for (width, height) in self.resolutions.iter().flatten().take(usize::from(layers)) {
            writer.u16(*width)?;
            writer.u16(*height)?;
        }
        if self.group.is_some() {
            // One picture of temporal layer 0 with one reference: the picture before.
            writer.bytes(&[1, 0x04, 1])?;
        }
        Ok(())
    }
}

pub(super) fn read_picture_id(reader: &mut Reader<'_>) -> Option<PictureId> {
    let high = reader.u8()?;
    if high & 0x80 == 0 {
        return Some(PictureId::Seven(high));
    }
    Some(PictureId::Fifteen(u16::from_be_bytes([high & 0x7f, reader.u8()?])))
}

pub(super) fn write_picture_id(id: PictureId, writer: &mut Writer<'_>) -> Result<(), Full> {
    match id {
        PictureId::Seven(id) => writer.u8(id & 0x7f),
        PictureId::Fifteen(id) => writer.u16(id | 0x8000),
    }
}

pub(super) fn overwrite_picture_id(payload: &mut [u8], place: usize, id: PictureId) {
    if let Some(rest) = payload.get_mut(place..) {
        // It fits: an id of the same width was read from there.
        if write_picture_id(id, &mut Writer::new(rest)).is_err() {
            debug_assert!(false, "an id was there");
        }
    }
}

/// What a forwarding server writes over a payload's descriptor, so that a stream spliced from several goes on counting.
///
/// ```
/// use antiphon::codec::vp9::{Rewrite, rewrite};
///
/// let mut payload = [0xac, 0x85, 0x01, 0x00, 0x11, 0x82];
/// rewrite(&mut payload, Rewrite { picture_id: Some(0x502), tl0_pic_idx: Some(0x12) })?;
/// assert_eq!(payload, [0xac, 0x85, 0x02, 0x00, 0x12, 0x82]);
/// # Ok::<(), antiphon::codec::PayloadError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rewrite {
    /// Picture id.
    pub picture_id: Option<u16>,
    /// TL0PICIDX.
    pub tl0_pic_idx: Option<u8>,
}

/// Writes over the fields of a payload in place; fields that it does not have stay away. A picture id of seven bits stays
/// seven bits wide and takes the low ones.
///
/// # Errors
/// [`PayloadError`] if the descriptor cannot be read; the payload is then as it was.
pub fn rewrite(payload: &mut [u8], new: Rewrite) -> Result<(), PayloadError> {
    let (descriptor, places, _) = Descriptor::locate(payload)?;
    if let (Some(place), Some(old), Some(id)) = (places.picture_id, descriptor.picture_id, new.picture_id) {
        overwrite_picture_id(payload, place, old.with(id));
    }
    let place = places.tl0_pic_idx.and_then(|place| payload.get_mut(place));
    if let (Some(byte), Some(index)) = (place, new.tl0_pic_idx) {
        *byte = index;
    }
    Ok(())
}

/// What one payload says about its picture. `ends_frame` speaks of the layer's frame; the marker bit ends the picture.
///
/// # Errors
/// [`PayloadError`] if the descriptor cannot be read.
pub fn inspect(payload: &[u8]) -> Result<PayloadInfo, PayloadError> {
    let (descriptor, body) = Descriptor::parse(payload)?;
    let layer = descriptor.layer;
    let header = if descriptor.begins { FrameHeader::parse(body) } else { None };
    let said = descriptor.structure.and_then(|structure| {
        let spatial = usize::from(layer.map_or(0, |layer| layer.spatial));
        let (width, height) = structure.resolutions.and_then(|all| all.get(spatial).copied())?;
        (width > 0 && height > 0).then_some((u32::from(width), u32::from(height)))
    });
    Ok(PayloadInfo {
        starts_frame: descriptor.starts_picture(),
        start_certain: descriptor.begins && layer.is_none_or(|layer| layer.spatial == 0),
        ends_frame: descriptor.ends,
        keyframe: descriptor.starts_keyframe(),
        precedes_picture: false,
        temporal: layer.map(|layer| layer.temporal),
        spatial: layer.map(|layer| layer.spatial),
        picture_id: descriptor.picture_id,
        tl0_pic_idx: layer.and_then(|layer| layer.tl0_pic_idx),
        switching_up: layer.is_some_and(|layer| layer.switching_up),
        discardable: false,
        resolution: said.or_else(|| header.and_then(|header| header.resolution)),
    })
}

/// Numbers and cuts frames.
///
/// Without layers the mode is non-flexible and the layer octet left out, with which TL0PICIDX would have to come: receivers
/// then take each picture to depend on the one before. With layers the mode is flexible, where each picture names its
/// references and any structure can be said; non-flexible mode would need the structure's group in advance.
#[derive(Clone, Debug)]
pub(super) struct Fragmenter {
    picture_id: PictureId,
    layers: bool,
    spatial_layers: u8,
}

impl Fragmenter {
    pub(super) const fn new(picture_id: u16, layers: bool, spatial_layers: u8) -> Self {
        Self { picture_id: PictureId::Fifteen(picture_id & 0x7fff), layers, spatial_layers }
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
        let header = FrameHeader::parse(frame);
        let mut descriptor = self.describe(header, info)?;
        let structure = self.structure(&descriptor, header);
        let mut head = [0; Descriptor::MAX_LEN];
        let plain = written(&descriptor, &mut head).len();
        descriptor.structure = structure;
        let first = written(&descriptor, &mut head).len();
        for piece in Pieces::new(frame.len(), max - first, max - plain) {
            (descriptor.begins, descriptor.ends) = (piece.first, piece.last);
            descriptor.structure = structure.filter(|_| piece.first);
            let body = frame.get(piece.range).unwrap_or_default();
            emit(&[written(&descriptor, &mut head), body], piece.last);
        }
        if info.layer.ends_picture || !self.layers {
            self.picture_id = self.picture_id.next();
        }
        Ok(())
    }

    fn describe(
        &self,
        header: Option<FrameHeader>,
        info: &FrameInfo<'_>,
    ) -> Result<Descriptor, PacketizeError> {
        let picture_id = Some(self.picture_id);
        let key = header.is_some_and(|header| header.key);
        if !self.layers {
            return Ok(Descriptor { picture_id, inter_picture: !key, ..Descriptor::default() });
        }
        let Layer { temporal, spatial, switching_up, inter_layer, not_inter_layer_reference, .. } =
            info.layer;
        // The first picture's upper layers are no key frames to VP9, yet refer to no other picture.
        let inter_picture = !(key || inter_layer && info.references.is_empty());
        let mut references = [0; MAX_REFERENCES];
        if inter_picture {
            let count = info.references.len();
            if count > MAX_REFERENCES || info.references.iter().any(|back| !(1..=127).contains(back)) {
                return Err(PacketizeError::References { count });
            }
            let named = if info.references.is_empty() { &[1] } else { info.references };
            for (place, back) in references.iter_mut().zip(named) {
                *place = *back;
            }
        }
        let layer = LayerIndices {
            temporal: temporal & 7,
            switching_up,
            spatial: spatial & 7,
            inter_layer,
            tl0_pic_idx: None,
        };
        let not_upper_reference = not_inter_layer_reference;
        let (layer, flexible) = (Some(layer), true);
        let plain =
            Descriptor { picture_id, inter_picture, layer, flexible, references, ..Descriptor::default() };
        Ok(Descriptor { not_upper_reference, ..plain })
    }

    /// What a key picture says about the stream, in the first payload of its lowest layer.
    fn structure(&self, descriptor: &Descriptor, header: Option<FrameHeader>) -> Option<Structure> {
        let key = header.filter(|header| header.key)?;
        if descriptor.layer.is_some_and(|layer| layer.spatial > 0) {
            return None;
        }
        let layers = if self.layers { self.spatial_layers.clamp(1, 8) } else { 1 };
        let size = key.resolution.and_then(|(width, height)| {
            Some((u16::try_from(width).ok()?, u16::try_from(height).ok()?)).filter(|_| layers == 1)
        });
        let resolutions = size.map(|size| {
            let mut all = [(0, 0); MAX_LAYERS];
            all[0] = size;
            all
        });
        Some(Structure { layers, resolutions, group: (!self.layers).then_some(1) })
    }
}

/// The descriptor's bytes, in a buffer that holds the longest.
fn written<'a>(descriptor: &Descriptor, head: &'a mut [u8; Descriptor::MAX_LEN]) -> &'a [u8] {
    let mut writer = Writer::new(head);
    let fits = descriptor.write(&mut writer).is_ok();
    debug_assert!(fits, "the buffer holds the longest descriptor");
    let len = writer.position();
    head.get(..len).unwrap_or_default()
}

/// Puts the payloads of a picture together: the frames of its layers, one after the other.
#[derive(Clone, Debug, Default)]
pub(super) struct Assembler {
    /// Within a layer's frame.
    open: bool,
}

impl Assembler {
    pub(super) fn append(&mut self, payload: &[u8], sink: &mut Sink<'_>) -> Result<(), PayloadError> {
        let (descriptor, body) = Descriptor::parse(payload)?;
        match (self.open, descriptor.begins) {
            (false, false) => Err(PayloadError::MissingStart),
            (true, true) => Err(PayloadError::Unfinished),
            (false, true) | (true, false) => {
                self.open = !descriptor.ends;
                sink.put(body)
            }
        }
    }

    pub(super) const fn is_open(&self) -> bool {
        self.open
    }
}

#[cfg(test)]
#[path = "vp9_tests.rs"]
mod tests;
