//! The header extensions we know: which id stands for which, and their values.

use core::str::from_utf8;
use core::time::Duration;

use super::extension::ExtensionForm;
use super::packet::Packet;
use crate::base::reader::Reader;
use crate::time::Instant;

/// Defines the kinds with their URIs, so that both directions and the count come from one list.
macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $uri:literal,)*) => {
        /// An extension whose URI we know.
        ///
        /// ```
        /// use antiphon::wire::rtp::ExtensionKind;
        ///
        /// let kind = ExtensionKind::from_uri("urn:ietf:params:rtp-hdrext:sdes:mid");
        /// assert_eq!(kind, Some(ExtensionKind::Mid));
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum ExtensionKind { $($(#[$doc])* $name,)* }

        impl ExtensionKind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The URI that `a=extmap` names it by.
            pub const fn uri(self) -> &'static str {
                match self { $(Self::$name => $uri,)* }
            }
        }
    };
}

kinds! {
    /// The media section's identification (RFC 9143 §15).
    Mid = "urn:ietf:params:rtp-hdrext:sdes:mid",
    /// The encoding's id (RFC 8852 §3.1).
    Rid = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
    /// The id of the encoding that this stream repairs (RFC 8852 §3.2).
    RepairedRid = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
    /// Loudness (RFC 6464).
    AudioLevel = "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    /// When the packet left, 6.18 fixed point seconds.
    AbsSendTime = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    /// The number of the packet among all of the transport.
    TransportSequence = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
    /// Bounds on the delay a player adds.
    PlayoutDelay = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
    /// How the camera is held (3GPP TS 26.114 §7.4.5).
    VideoOrientation = "urn:3gpp:video-orientation",
    /// What a frame depends on (AV1 RTP specification, appendix A).
    DependencyDescriptor = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension",
    /// When the frame was captured.
    AbsCaptureTime = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
    /// Time between sampling and sending, in timestamp units (RFC 5450).
    TransmissionOffset = "urn:ietf:params:rtp-hdrext:toffset",
    /// Which layers are sent at which rates; opaque.
    VideoLayersAllocation = "http://www.webrtc.org/experiments/rtp-hdrext/video-layers-allocation00",
    /// Camera or screen; opaque.
    VideoContentType = "http://www.webrtc.org/experiments/rtp-hdrext/video-content-type",
    /// Timing of the sender's pipeline; opaque.
    VideoTiming = "http://www.webrtc.org/experiments/rtp-hdrext/video-timing",
    /// Colour primaries and the like; opaque.
    ColorSpace = "http://www.webrtc.org/experiments/rtp-hdrext/color-space",
    /// Levels of the contributing sources (RFC 6465); opaque.
    MixerAudioLevel = "urn:ietf:params:rtp-hdrext:csrc-audio-level",
}

/// How many kinds there are.
const KINDS: usize = ExtensionKind::ALL.len();

impl ExtensionKind {
    /// The kind of that URI.
    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.uri() == uri)
    }

    const fn index(self) -> usize {
        self as usize
    }
}

/// Why an id cannot stand for an extension.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExtensionMapError {
    /// 0 is padding, 15 ends a block with one-byte headers.
    #[error("extension id {id} is reserved")]
    Reserved {
        /// The id.
        id: u8,
    },
    /// The id stands for another extension.
    #[error("extension id {id} stands for another extension")]
    Taken {
        /// The id.
        id: u8,
    },
}

/// Which id stands for which extension, as descriptions agreed (RFC 8285 §5).
///
/// ```
/// use antiphon::wire::rtp::{ExtensionKind, ExtensionMap};
///
/// let mut map = ExtensionMap::new();
/// map.insert(4, ExtensionKind::Mid)?;
/// assert_eq!((map.id(ExtensionKind::Mid), map.kind(4)), (Some(4), Some(ExtensionKind::Mid)));
/// # Ok::<(), antiphon::wire::rtp::ExtensionMapError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtensionMap {
    /// By kind; 0 for none.
    ids: [u8; KINDS],
    /// By id, for those that fit a one-byte header, which nearly all do.
    kinds: [Option<ExtensionKind>; 16],
    /// How many are in use, and how many of them have an id that does not fit a one-byte header.
    used: u8,
    wide: u8,
}

impl Default for ExtensionMap {
    fn default() -> Self {
        Self::new()
    }
}

impl ExtensionMap {
    /// No extension.
    pub const fn new() -> Self {
        Self { ids: [0; KINDS], kinds: [None; 16], used: 0, wide: 0 }
    }

    /// Lets `id` stand for `kind`.
    ///
    /// # Errors
    /// [`ExtensionMapError`] if the id is reserved or stands for another.
    pub fn insert(&mut self, id: u8, kind: ExtensionKind) -> Result<(), ExtensionMapError> {
        if id == 0 || id == 15 {
            return Err(ExtensionMapError::Reserved { id });
        }
        if self.kind(id).is_some_and(|other| other != kind) {
            return Err(ExtensionMapError::Taken { id });
        }
        self.remove(kind);
        if let Some(place) = self.ids.get_mut(kind.index()) {
            *place = id;
            self.used += 1;
            self.wide += u8::from(id > 14);
        }
        if let Some(place) = self.kinds.get_mut(usize::from(id)) {
            *place = Some(kind);
        }
        Ok(())
    }

    /// Takes the extension out of use.
    pub fn remove(&mut self, kind: ExtensionKind) {
        let Some(place) = self.ids.get_mut(kind.index()) else { return };
        let id = core::mem::take(place);
        self.used -= u8::from(id > 0);
        self.wide -= u8::from(id > 14);
        if let Some(place) = self.kinds.get_mut(usize::from(id)) {
            *place = None;
        }
    }

    /// The id that stands for `kind`.
    pub fn id(&self, kind: ExtensionKind) -> Option<u8> {
        self.ids.get(kind.index()).copied().filter(|id| *id != 0)
    }

    /// What `id` stands for.
    pub fn kind(&self, id: u8) -> Option<ExtensionKind> {
        if let Some(kind) = self.kinds.get(usize::from(id)) {
            return *kind;
        }
        let index = self.ids.iter().position(|other| *other == id)?;
        ExtensionKind::ALL.get(index).copied()
    }

    /// The pairs in use.
    pub fn iter(&self) -> impl Iterator<Item = (u8, ExtensionKind)> + '_ {
        self.ids.iter().zip(ExtensionKind::ALL).filter(|(id, _)| **id != 0).map(|(id, kind)| (*id, *kind))
    }

    /// Whether no extension is in use.
    pub const fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// The form in which all extensions in use can be written if none is longer than `longest` bytes.
    pub const fn form(&self, longest: usize) -> ExtensionForm {
        if longest <= 16 && self.wide == 0 { ExtensionForm::OneByte } else { ExtensionForm::TwoByte }
    }

    /// Reads the values of a packet. A value whose length is not that of its kind counts as absent; of two of one kind the first counts.
    pub fn read<'a>(&self, packet: &Packet<'a>) -> Extensions<'a> {
        let mut values = Extensions::default();
        let Some(block) = packet.extension() else { return values };
        for element in block.elements() {
            if let Some(kind) = self.kind(element.id) {
                values.set(kind, element.data);
            }
        }
        values
    }
}

/// Loudness of a packet's audio (RFC 6464 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioLevel {
    /// Whether the sender believes that somebody speaks.
    pub voice: bool,
    /// The level in -dBov: 0 is the loudest, 127 silence.
    pub level: u8,
}

impl AudioLevel {
    const fn parse(data: &[u8]) -> Option<Self> {
        let [byte] = data else { return None };
        Some(Self { voice: *byte & 0x80 != 0, level: *byte & 0x7f })
    }

    /// The value as a byte.
    pub const fn to_byte(self) -> u8 {
        if self.voice { self.level & 0x7f | 0x80 } else { self.level & 0x7f }
    }
}

/// Bounds on the delay between capture and display, in units of 10 ms and at most 4095.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlayoutDelay {
    /// At least so much.
    pub min: u16,
    /// At most so much.
    pub max: u16,
}

impl PlayoutDelay {
    fn parse(data: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(data);
        let value = reader.u24().filter(|_| reader.is_empty())?;
        let [_, a, b, c] = value.to_be_bytes();
        let (min, max) = (u16::from_be_bytes([a, b]) >> 4, u16::from_be_bytes([b, c]) & 0x0fff);
        (min <= max).then_some(Self { min, max })
    }

    /// The value as bytes.
    pub const fn to_bytes(self) -> [u8; 3] {
        let [min_high, min_low] = (self.min << 4).to_be_bytes();
        let [max_high, max_low] = (self.max & 0x0fff).to_be_bytes();
        [min_high, min_low | max_high, max_low]
    }

    /// The lower bound.
    pub fn min(self) -> Duration {
        Duration::from_millis(u64::from(self.min) * 10)
    }

    /// The upper bound.
    pub fn max(self) -> Duration {
        Duration::from_millis(u64::from(self.max) * 10)
    }
}

/// By how much a picture is to be turned clockwise before it is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rotation {
    /// Not at all.
    #[default]
    None,
    /// By 90 degrees.
    Clockwise90,
    /// By 180 degrees.
    Clockwise180,
    /// By 270 degrees.
    Clockwise270,
}

/// How the camera is held: `0000 C F R1 R0`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VideoOrientation {
    /// Whether the camera looks away from who holds it.
    pub back_camera: bool,
    /// Whether the picture is to be mirrored.
    pub flip: bool,
    /// How it is to be turned.
    pub rotation: Rotation,
}

impl VideoOrientation {
    const fn parse(data: &[u8]) -> Option<Self> {
        let [byte] = data else { return None };
        let rotation = match *byte & 3 {
            0 => Rotation::None,
            1 => Rotation::Clockwise90,
            2 => Rotation::Clockwise180,
            _ => Rotation::Clockwise270,
        };
        Some(Self { back_camera: *byte & 8 != 0, flip: *byte & 4 != 0, rotation })
    }

    /// The value as a byte.
    pub const fn to_byte(self) -> u8 {
        let rotation = match self.rotation {
            Rotation::None => 0,
            Rotation::Clockwise90 => 1,
            Rotation::Clockwise180 => 2,
            Rotation::Clockwise270 => 3,
        };
        (self.back_camera as u8) << 3 | (self.flip as u8) << 2 | rotation
    }
}

/// When a frame was captured, on the capturer's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbsCaptureTime {
    /// NTP format, 32.32 fixed point seconds since 1900.
    pub ntp: u64,
    /// What the sender thinks its clock is ahead of the capturer's, 32.32 fixed point seconds.
    pub clock_offset: Option<i64>,
}

impl AbsCaptureTime {
    fn parse(data: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(data);
        let ntp = reader.u64()?;
        let clock_offset = if reader.is_empty() { None } else { Some(reader.u64()?.cast_signed()) };
        reader.is_empty().then_some(Self { ntp, clock_offset })
    }
}

/// The abs-send-time of an instant: seconds modulo 64 as 6.18 fixed point, in 24 bits.
pub const fn abs_send_time(now: Instant) -> u32 {
    let micros = now.as_nanos() / 1000 % 64_000_000;
    #[expect(clippy::cast_possible_truncation, reason = "64 seconds in units of 2^-18 are below 2^24")]
    let units = ((micros << 18) / 1_000_000) as u32;
    units
}

/// The values of the known extensions of one packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Extensions<'a> {
    /// The media section, 1 to 16 characters long in practice.
    pub mid: Option<&'a str>,
    /// The encoding.
    pub rid: Option<&'a str>,
    /// The encoding that is repaired.
    pub repaired_rid: Option<&'a str>,
    /// Loudness.
    pub audio_level: Option<AudioLevel>,
    /// 24 bits, 6.18 fixed point seconds.
    pub abs_send_time: Option<u32>,
    /// The number among all packets of the transport.
    pub transport_sequence: Option<u16>,
    /// Bounds on the playing delay.
    pub playout_delay: Option<PlayoutDelay>,
    /// How the camera is held.
    pub video_orientation: Option<VideoOrientation>,
    /// The dependency descriptor, to be read by [`DependencyDescriptor`](super::DependencyDescriptor).
    pub dependency_descriptor: Option<&'a [u8]>,
    /// When the frame was captured.
    pub abs_capture_time: Option<AbsCaptureTime>,
    /// Time between sampling and sending in timestamp units.
    pub transmission_offset: Option<i32>,
}

impl<'a> Extensions<'a> {
    fn set(&mut self, kind: ExtensionKind, data: &'a [u8]) {
        match kind {
            ExtensionKind::Mid => first(&mut self.mid, || text(data)),
            ExtensionKind::Rid => first(&mut self.rid, || text(data)),
            ExtensionKind::RepairedRid => first(&mut self.repaired_rid, || text(data)),
            ExtensionKind::AudioLevel => first(&mut self.audio_level, || AudioLevel::parse(data)),
            ExtensionKind::AbsSendTime => first(&mut self.abs_send_time, || u24(data)),
            ExtensionKind::TransportSequence => first(&mut self.transport_sequence, || {
                data.first_chunk().filter(|_| data.len() == 2).map(|bytes| u16::from_be_bytes(*bytes))
            }),
            ExtensionKind::PlayoutDelay => first(&mut self.playout_delay, || PlayoutDelay::parse(data)),
            ExtensionKind::VideoOrientation => {
                first(&mut self.video_orientation, || VideoOrientation::parse(data));
            }
            ExtensionKind::DependencyDescriptor => {
                first(&mut self.dependency_descriptor, || (data.len() >= 3).then_some(data));
            }
            ExtensionKind::AbsCaptureTime => {
                first(&mut self.abs_capture_time, || AbsCaptureTime::parse(data));
            }
            ExtensionKind::TransmissionOffset => {
                // 24 bits with a sign: moved up to the sign of 32 and back.
                first(&mut self.transmission_offset, || {
                    u24(data).map(|value| (value << 8).cast_signed() >> 8)
                });
            }
            ExtensionKind::VideoLayersAllocation
            | ExtensionKind::VideoContentType
            | ExtensionKind::VideoTiming
            | ExtensionKind::ColorSpace
            | ExtensionKind::MixerAudioLevel => {}
        }
    }
}

fn first<T>(place: &mut Option<T>, value: impl FnOnce() -> Option<T>) {
    if place.is_none() {
        *place = value();
    }
}

/// SDES text in an extension: not empty. Zero bytes at its end are a sender's padding.
fn text(data: &[u8]) -> Option<&str> {
    let end = data.iter().rposition(|byte| *byte != 0)?;
    from_utf8(data.get(..=end)?).ok()
}

fn u24(data: &[u8]) -> Option<u32> {
    let mut reader = Reader::new(data);
    reader.u24().filter(|_| reader.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::packet::{Header, PacketWriter};
    use super::*;
    use proptest::prelude::*;

    /// What a map reads from a packet with one element of that kind.
    fn read<T>(kind: ExtensionKind, data: &[u8], pick: impl FnOnce(&Extensions<'_>) -> T) -> T {
        let mut map = ExtensionMap::new();
        map.insert(5, kind).unwrap();
        let mut buf = [0; 400];
        let mut writer = PacketWriter::new(&mut buf, &Header::default()).unwrap();
        writer.extension(ExtensionForm::TwoByte, 5, data).unwrap();
        let len = writer.finish().unwrap();
        pick(&map.read(&Packet::parse(&buf[..len]).unwrap()))
    }

    #[test]
    fn a_map_is_one_to_one() {
        let mut map = ExtensionMap::new();
        map.insert(3, ExtensionKind::Mid).unwrap();
        assert_eq!(map.insert(3, ExtensionKind::Rid), Err(ExtensionMapError::Taken { id: 3 }));
        assert_eq!(map.insert(0, ExtensionKind::Rid), Err(ExtensionMapError::Reserved { id: 0 }));
        assert_eq!(map.insert(15, ExtensionKind::Rid), Err(ExtensionMapError::Reserved { id: 15 }));
        map.insert(200, ExtensionKind::Mid).unwrap();
        assert_eq!((map.kind(3), map.kind(200)), (None, Some(ExtensionKind::Mid)));
        assert_eq!(map.form(2), ExtensionForm::TwoByte);
        assert_eq!(map.iter().collect::<Vec<_>>(), [(200, ExtensionKind::Mid)]);
    }

    #[test]
    fn uris_are_found_again() {
        for kind in ExtensionKind::ALL {
            assert_eq!(ExtensionKind::from_uri(kind.uri()), Some(*kind));
        }
        assert_eq!(ExtensionKind::from_uri("urn:example"), None);
    }

    #[test]
    fn values_of_another_length_are_absent() {
        assert_eq!(read(ExtensionKind::TransportSequence, &[0, 2], |e| e.transport_sequence), Some(2));
        assert_eq!(read(ExtensionKind::TransportSequence, &[0, 2, 0], |e| e.transport_sequence), None);
        assert_eq!(read(ExtensionKind::AbsSendTime, &[1, 2, 3], |e| e.abs_send_time), Some(0x01_0203));
        assert_eq!(read(ExtensionKind::AbsSendTime, &[1, 2], |e| e.abs_send_time), None);
        assert_eq!(read(ExtensionKind::AudioLevel, &[], |e| e.audio_level), None);
        assert_eq!(read(ExtensionKind::Mid, &[], |e| e.mid.map(str::to_owned)), None);
        assert_eq!(read(ExtensionKind::Mid, &[0xff], |e| e.mid.map(str::to_owned)), None);
        assert_eq!(read(ExtensionKind::Rid, b"hi\0\0", |e| e.rid.map(str::to_owned)).as_deref(), Some("hi"));
        assert_eq!(read(ExtensionKind::AbsCaptureTime, &[0; 12], |e| e.abs_capture_time), None);
    }

    #[test]
    fn values_are_read_as_they_are_defined() {
        let level = read(ExtensionKind::AudioLevel, &[0x85], |e| e.audio_level).unwrap();
        assert_eq!((level, level.to_byte()), (AudioLevel { voice: true, level: 5 }, 0x85));
        let delay = read(ExtensionKind::PlayoutDelay, &[0x01, 0x01, 0x00], |e| e.playout_delay).unwrap();
        assert_eq!((delay.min, delay.max, delay.to_bytes()), (0x010, 0x100, [0x01, 0x01, 0x00]));
        assert_eq!(read(ExtensionKind::TransmissionOffset, &[0xff; 3], |e| e.transmission_offset), Some(-1));
        let held = read(ExtensionKind::VideoOrientation, &[0x0d], |e| e.video_orientation).unwrap();
        assert!(held.back_camera && held.flip && held.rotation == Rotation::Clockwise90);
        let mut captured = [0; 16];
        captured[7] = 9;
        captured[8..].fill(0xff);
        let captured = read(ExtensionKind::AbsCaptureTime, &captured, |e| e.abs_capture_time);
        assert_eq!(captured, Some(AbsCaptureTime { ntp: 9, clock_offset: Some(-1) }));
    }

    #[test]
    fn send_time_wraps_after_64_seconds() {
        assert_eq!(abs_send_time(Instant::from_nanos(1_000_000_000)), 1 << 18);
        assert_eq!(abs_send_time(Instant::from_nanos(64_500_000_000)), 1 << 17);
    }

    proptest! {
        #[test]
        fn orientation_and_delay_survive_their_bytes(byte in 0_u8..16, min in 0_u16..4096, more in 0_u16..4096) {
            prop_assert_eq!(VideoOrientation::parse(&[byte]).unwrap().to_byte(), byte);
            let delay = PlayoutDelay { min, max: min.saturating_add(more).min(4095) };
            prop_assert_eq!(PlayoutDelay::parse(&delay.to_bytes()), Some(delay));
        }
    }
}
