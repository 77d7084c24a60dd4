//! Sound and pictures of a run: cameras that write frames whose content follows from their numbers, and screens that hold what comes
//! against it.

use antiphon::base::serial::Seq16;
use antiphon::codec::MediaKind;
use antiphon::peer::{Encoding, TransceiverError, TransceiverId, TransceiverInit, WriteError};
use antiphon::rtp::{Frame, RtpPacket};
use antiphon::sdp::{Direction, Token};
use antiphon::sim::Dice;
use antiphon::{Instant, PeerConnection};
use bytes::{BufMut, Bytes, BytesMut};
use core::time::Duration;

/// What a camera shoots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Show {
    /// Sound, fifty frames a second.
    Sound,
    /// Pictures, twenty-five a second.
    Pictures,
    /// Pictures in two layers, of which the other end forwards one back.
    Layers,
    /// Packets of sound whose numbers leap, so that they roll over.
    Leaps,
}

/// The names of the layers.
pub(crate) const RIDS: [&str; 2] = ["q", "f"];

impl Show {
    pub(crate) const fn kind(self) -> MediaKind {
        match self {
            Self::Sound | Self::Leaps => MediaKind::Audio,
            Self::Pictures | Self::Layers => MediaKind::Video,
        }
    }

    const fn every(self) -> Duration {
        match self.kind() {
            MediaKind::Audio => Duration::from_millis(20),
            MediaKind::Video => Duration::from_millis(40),
        }
    }

    /// How far timestamps are apart.
    const fn ticks(self) -> u32 {
        match self.kind() {
            MediaKind::Audio => 960,
            MediaKind::Video => 3600,
        }
    }

    pub(crate) fn layers(self) -> usize {
        if self == Self::Layers { 2 } else { 1 }
    }
}

/// One frame, as its own bytes say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shot {
    pub(crate) stream: u32,
    pub(crate) layer: u32,
    /// Frames of that layer before it.
    pub(crate) serial: u32,
    /// When it was shot, in frames.
    pub(crate) tick: u32,
    key: u32,
    len: u32,
}

/// Where the numbers begin: behind what makes it a frame of its codec.
const HEAD: usize = 10;

impl Shot {
    fn fields(&self) -> [u32; 6] {
        [self.stream, self.layer, self.serial, self.tick, self.key, self.len]
    }

    /// The frame: a VP8 frame (RFC 6386 §9.1), or of sound one that Opus could be.
    fn bytes(&self, kind: MediaKind) -> Bytes {
        let mut data = BytesMut::with_capacity(HEAD + 48 + self.len as usize);
        match (kind, self.key) {
            (MediaKind::Audio, _) => data.put_slice(&[0xfc; HEAD]),
            (MediaKind::Video, 0) => data.put_slice(&[0x11; HEAD]),
            (MediaKind::Video, _) => data.put_slice(&[0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0x00]),
        }
        for field in self.fields() {
            data.put_slice(format!("{field:08x}").as_bytes());
        }
        let salt = self.serial ^ self.stream;
        data.extend((0..self.len).map(|index| b' ' + u8::try_from((salt.wrapping_add(index)) % 90).unwrap()));
        data.freeze()
    }

    /// The shot that a frame says it is.
    fn read(data: &[u8]) -> Option<Self> {
        let mut fields = [0; 6];
        for (index, field) in fields.iter_mut().enumerate() {
            let digits = data.get(HEAD + index * 8..HEAD + index * 8 + 8)?;
            *field = u32::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        let [stream, layer, serial, tick, key, len] = fields;
        Some(Self { stream, layer, serial, tick, key, len })
    }
}

/// What one end sends on a transceiver, at its own pace.
#[derive(Clone, Debug)]
pub(crate) struct Camera {
    pub(crate) stream: usize,
    pub(crate) show: Show,
    pub(crate) id: TransceiverId,
    pub(crate) rolls: bool,
    /// Its application does nothing where a key frame is asked for.
    pub(crate) heedless: bool,
    next: Option<Instant>,
    tick: u32,
    /// Frames of each layer that were taken.
    pub(crate) serials: [u32; 2],
    wants_key: [bool; 2],
    /// The number of the next packet, where those are written.
    sequence: Seq16,
    /// The first frame after numbers last leapt.
    leapt_at: u32,
}

/// The name of a stream: one that is shot, or sent back.
pub(crate) fn name(stream: usize, mirrored: bool) -> Token {
    Token::new(format!("{}{stream}", if mirrored { "m" } else { "s" })).unwrap()
}

impl Camera {
    /// Adds a transceiver that sends.
    pub(crate) fn new(pc: &mut PeerConnection, stream: usize, show: Show) -> Result<Self, TransceiverError> {
        let layers = RIDS.iter().take(if show.layers() == 1 { 0 } else { 2 });
        let init = TransceiverInit {
            direction: Direction::SendOnly,
            streams: vec![name(stream, false)],
            send_encodings: layers.map(|rid| Encoding::named(rid).unwrap()).collect(),
            ..TransceiverInit::default()
        };
        let id = pc.add_transceiver(show.kind(), init)?;
        let (next, sequence) = (None, Seq16(60_000));
        let (tick, serials, wants_key) = (0, [0; 2], [true; 2]);
        let (rolls, heedless, leapt_at) = (true, false, 0);
        Ok(Self { stream, show, id, rolls, heedless, next, tick, serials, wants_key, sequence, leapt_at })
    }

    /// The peer wants a key frame of the layer of that name, or of the only one.
    pub(crate) fn request(&mut self, rid: Option<&str>) {
        let layer = RIDS.iter().position(|name| Some(*name) == rid).unwrap_or(0);
        self.wants_key[layer] |= !self.heedless;
    }

    /// Lets numbers leap, unless nothing has been written since they last did: two leaps at once could look like a step back.
    pub(crate) fn leap(&mut self, by: u16) {
        if self.serials[0] > self.leapt_at {
            self.sequence = self.sequence.plus(by);
            self.leapt_at = self.serials[0];
        }
    }

    /// Whether the other end has all up to now, if this is what it saw last, and something from after the latest leap.
    pub(crate) fn may_leap(&self, seen: &Shot) -> bool {
        seen.serial >= self.leapt_at && seen.serial + 8 > self.serials[0]
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.next.filter(|_| self.rolls)
    }

    /// Shoots what is due; what was due long ago is passed over.
    pub(crate) fn shoot(&mut self, now: Instant, pc: &mut PeerConnection) {
        let next = *self.next.get_or_insert(now);
        if !self.rolls || now < next {
            return;
        }
        let every = self.show.every();
        let late = now.saturating_duration_since(next).as_nanos() / every.as_nanos();
        let late = u32::try_from(late).unwrap_or(u32::MAX >> 8);
        self.tick = self.tick.wrapping_add(late + 1);
        self.next = Some(next + every * (late + 1));
        for layer in 0..self.show.layers() {
            self.write(now, pc, layer);
        }
    }

    fn write(&mut self, now: Instant, pc: &mut PeerConnection, layer: usize) {
        let Some(mut sender) = pc.sender(self.id).filter(antiphon::Sender::can_write) else { return };
        let kind = self.show.kind();
        let serial = self.serials[layer];
        let key = kind == MediaKind::Video && (serial == 0 || self.wants_key[layer]);
        let mut dice = Dice::new(u64::from(serial) << 8 ^ self.stream as u64);
        let most = match (kind, key) {
            (MediaKind::Audio, _) => 120,
            (MediaKind::Video, false) => 2500,
            (MediaKind::Video, true) => 9000,
        };
        let shot = Shot {
            stream: u32::try_from(self.stream).unwrap(),
            layer: u32::try_from(layer).unwrap(),
            serial,
            tick: self.tick,
            key: key.into(),
            len: u32::try_from(dice.below(most)).unwrap(),
        };
        let timestamp = self.tick.wrapping_mul(self.show.ticks());
        let taken = if self.show == Show::Leaps {
            let payload_type = sender.codecs().first().map_or(0, |codec| codec.payload_type);
            let packet = RtpPacket { ssrc: 7, timestamp, ..RtpPacket::new(payload_type, shot.bytes(kind)) };
            self.sequence = self.sequence.next();
            sender.write_rtp(now, &RtpPacket { sequence: self.sequence, ..packet })
        } else {
            let rid = (self.show == Show::Layers).then(|| RIDS[layer]);
            sender.write_layer(now, rid, &Frame::new(shot.bytes(kind), timestamp))
        };
        match taken {
            Ok(()) => {
                self.serials[layer] += 1;
                self.wants_key[layer] &= !key;
            }
            // Its queue is full, or the connection is not up (again).
            Err(WriteError::Refused(_) | WriteError::NotConnected | WriteError::NotNegotiated) => {}
            Err(error) => panic!("S3: a frame of stream {} is refused: {error}", self.stream),
        }
    }
}

/// What the other end sees of a stream. S3, S14.
#[derive(Clone, Debug)]
pub(crate) struct Screen {
    show: Show,
    stream: u32,
    /// It comes over a forwarder, which has timestamps of its own.
    mirrored: bool,
    pub(crate) last: Option<Shot>,
    seen: [Option<u32>; 2],
    timestamp: Option<u32>,
    /// What the sender adds to timestamps.
    offset: Option<u32>,
    pub(crate) frames: u64,
    pub(crate) keys: u64,
    /// Frames before which something was missing.
    pub(crate) breaks: u64,
    /// The direction has changed since: what comes is a new beginning.
    pub(crate) anew: bool,
}

impl Screen {
    pub(crate) fn new(show: Show, stream: usize, mirrored: bool) -> Self {
        Self {
            show,
            stream: u32::try_from(stream).unwrap(),
            mirrored,
            last: None,
            seen: [None; 2],
            timestamp: None,
            offset: None,
            frames: 0,
            keys: 0,
            breaks: 0,
            anew: false,
        }
    }

    /// A frame was read.
    pub(crate) fn show(&mut self, frame: &Frame) {
        let stream = self.stream;
        let Some(shot) = Shot::read(&frame.data) else { panic!("S3: a frame that nobody shot: {frame:?}") };
        let kind = self.show.kind();
        assert!(shot.bytes(kind) == frame.data, "S3: a frame of stream {stream} has changed: {shot:?}");
        assert!(shot.stream == stream, "S3: a frame of stream {} on stream {stream}", shot.stream);
        let layer = usize::try_from(shot.layer).unwrap();
        let seen = self.seen[layer];
        assert!(
            seen.is_none_or(|last| shot.serial > last),
            "S3: frame {} of stream {stream} comes after {seen:?}",
            shot.serial
        );
        let video = kind == MediaKind::Video;
        assert!(!video || frame.keyframe == (shot.key == 1), "S3: {shot:?} is no key frame, or is one");
        let follows =
            self.last.is_some_and(|last| last.layer != shot.layer || last.serial + 1 == shot.serial);
        assert!(
            frame.keyframe || !video || (follows && frame.contiguous),
            "S3: {shot:?} cannot be decoded after {:?}",
            self.last
        );
        let same = self.last.is_some_and(|last| last.layer == shot.layer);
        if same && frame.contiguous && !self.anew {
            assert!(follows, "S3: {shot:?} is called the next after {:?}", self.last);
        }
        self.clock(frame, &shot);
        self.seen[layer] = Some(shot.serial);
        self.last = Some(shot);
        self.anew = false;
        self.frames += 1;
        self.keys += u64::from(frame.keyframe);
        self.breaks += u64::from(!frame.contiguous);
    }

    /// S14: timestamps go on as the frames were shot.
    fn clock(&mut self, frame: &Frame, shot: &Shot) {
        let later = self.timestamp.is_none_or(|last| frame.timestamp.wrapping_sub(last).cast_signed() > 0);
        assert!(
            later,
            "S14: timestamp {} after {:?} of stream {}",
            frame.timestamp, self.timestamp, self.stream
        );
        self.timestamp = Some(frame.timestamp);
        let offset = frame.timestamp.wrapping_sub(shot.tick.wrapping_mul(self.show.ticks()));
        assert!(
            self.mirrored || self.offset.is_none_or(|before| before == offset),
            "S14: the timestamps of stream {} jumped to {}",
            self.stream,
            frame.timestamp
        );
        self.offset = Some(offset);
    }
}
