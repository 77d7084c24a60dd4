//! One outgoing encoding: what is written to it becomes packets, and packets bytes.

use core::time::Duration;

use bytes::Bytes;

use super::clock::{ClockPair, NtpTime};
use super::config::{Payload, SenderConfig};
use super::dependency::{self, Elements, FrameElements};
use super::encode::{Departing, Labels, header_of, split, write};
use super::error::WriteError;
use super::frame::{Frame, RtpPacket};
use super::history::{Extra, History};
use super::picture::PictureSplice;
use super::splice::Splice;
use super::stats::{RemoteInboundStats, SenderStats};
use super::throttle::Throttle;
use crate::base::limits;
use crate::base::serial::Seq16;
use crate::codec::{FrameInfo, PacketizeError, Packetizer, PacketizerOptions};
use crate::rng::Rng;
use crate::time::Instant;
use crate::wire::rtp::{AbsCaptureTime, AudioLevel, ExtensionKind, PlayoutDelay, VideoOrientation};

/// Bytes of the fixed header.
const HEADER_LEN: usize = 12;

/// Which requester asked last under which number (RFC 5104 §4.3.1.2).
#[derive(Clone, Copy, Debug)]
struct FirSeen {
    requester: u32,
    sequence: u8,
}

/// The extensions of one frame or packet, whichever it was.
#[derive(Clone, Copy, Debug, Default)]
struct Values<'a> {
    audio_level: Option<AudioLevel>,
    video_orientation: Option<VideoOrientation>,
    playout_delay: Option<PlayoutDelay>,
    abs_capture_time: Option<AbsCaptureTime>,
    dependency_descriptor: Option<&'a [u8]>,
}

/// One outgoing encoding.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    pub(super) config: SenderConfig,
    pub(super) ssrc: u32,
    pub(super) rtx_ssrc: Option<u32>,
    pub(super) history: History,
    splice: Splice,
    pictures: PictureSplice,
    /// That of the payload type sent last.
    packetizer: Option<(u8, Packetizer)>,
    picture_id: u16,
    rtx_sequence: Seq16,
    /// Whether the peer has reported on the stream, so that it knows its section.
    is_known: bool,
    /// Whether the peer has reported on the repetitions.
    is_rtx_known: bool,
    /// Bytes that extensions other than a packet's own take at most, the block's header included.
    overhead: usize,
    clock: Option<ClockPair>,
    clock_rate: u32,
    pub(super) packets_since_report: u64,
    pub(super) reports_without_packets: u8,
    /// Whether the report that is due is still to be written.
    pub(super) owes_report: bool,
    fir_seen: Vec<FirSeen>,
    pub(super) requests: Throttle,
    pub(super) stats: SenderStats,
    /// Where its source is in use by another participant, whether that was found before (RFC 3550 §8.2).
    pub(super) collisions: u8,
}

impl Sender {
    pub(super) fn new(
        now: Instant,
        rng: &mut Rng,
        config: SenderConfig,
        ssrc: u32,
        rtx_ssrc: Option<u32>,
    ) -> Self {
        // Half the space is left before the first wrap: a receiver that misses the first packets still knows the roll-over count.
        let first = Seq16(u16::try_from(rng.below(1 << 15)).unwrap_or(0));
        let mut sender = Self {
            splice: Splice::new(now, first, rng.u32()),
            pictures: PictureSplice::default(),
            packetizer: None,
            picture_id: u16::try_from(rng.below(1 << 15)).unwrap_or(0),
            rtx_sequence: Seq16(u16::try_from(rng.below(1 << 15)).unwrap_or(0)),
            ssrc,
            rtx_ssrc,
            history: History::default(),
            is_known: false,
            is_rtx_known: false,
            overhead: 0,
            clock: None,
            clock_rate: 1,
            packets_since_report: 0,
            reports_without_packets: 0,
            owes_report: false,
            fir_seen: Vec::new(),
            requests: Throttle::default(),
            stats: SenderStats { ssrc, rtx_ssrc, ..SenderStats::default() },
            collisions: 0,
            config,
        };
        sender.configured();
        sender
    }

    /// What follows from a configuration that is new.
    pub(super) fn configured(&mut self) {
        let text = |value: &Option<String>| value.as_ref().map_or(0, |value| 2 + value.len());
        let map = &self.config.extensions;
        let fixed = usize::from(map.id(ExtensionKind::TransportSequence).is_some()) * 4
            + usize::from(map.id(ExtensionKind::AbsSendTime).is_some()) * 5;
        self.overhead = 4 + fixed + text(&self.config.mid) + text(&self.config.rid) + 3;
        // A receiver may have forgotten a source that was not to be sent for a time.
        if self.config.active && !self.stats.active {
            (self.is_known, self.is_rtx_known) = (false, false);
        }
        self.stats.active = self.config.active;
    }

    /// Another source, because the one we had is in use.
    pub(super) fn change_ssrc(&mut self, ssrc: u32) {
        self.ssrc = ssrc;
        self.stats.ssrc = ssrc;
        self.is_known = false;
        self.stats.remote = None;
    }

    /// The first payload type with a codec, or the one asked for.
    fn payload(&self, payload_type: Option<u8>) -> Result<Payload, WriteError> {
        let wanted = |payload: &&Payload| match payload_type {
            Some(payload_type) => payload.payload_type == payload_type,
            None => payload.codec_kind().is_some(),
        };
        let found = self.config.payloads.iter().find(wanted);
        found.copied().ok_or(WriteError::PayloadType { payload_type })
    }

    /// The payload type of repetitions of `payload_type`.
    fn rtx_payload_type(&self, payload_type: u8) -> Option<u8> {
        let repeats = self.config.payloads.iter().find(|payload| payload.apt() == Some(payload_type));
        repeats.map(|payload| payload.payload_type)
    }

    /// Whether what was lost can be sent again.
    pub(super) const fn can_repeat(&self) -> bool {
        self.rtx_ssrc.is_some()
    }

    /// Cuts a frame into packets; returns the range of their numbers.
    pub(super) fn write_frame(
        &mut self,
        now: Instant,
        capture: NtpTime,
        mtu: usize,
        frame: &Frame,
    ) -> Result<core::ops::Range<u64>, WriteError> {
        let payload = self.payload(frame.payload_type)?;
        let kind = payload.codec_kind();
        let kind = kind.ok_or(WriteError::PayloadType { payload_type: frame.payload_type })?;
        let mut packetizer = match self.packetizer.take() {
            Some((payload_type, packetizer)) if payload_type == payload.payload_type => packetizer,
            Some(_) | None => {
                let options = PacketizerOptions {
                    h264_mode: payload.h264_mode,
                    picture_id: self.picture_id,
                    ..self.config.packetizer.clone()
                };
                Packetizer::new(kind, &options)
            }
        };
        let values = Values {
            audio_level: frame.audio_level,
            video_orientation: frame.video_orientation,
            playout_delay: frame.playout_delay,
            abs_capture_time: frame.abs_capture_time,
            dependency_descriptor: frame.dependency_descriptor.as_deref(),
        };
        let mut elements = self.frame_elements(values);
        let taken = self.overhead + elements.len();
        // Two bytes more for the number that a repetition begins with.
        let max_payload = mtu.saturating_sub(HEADER_LEN + taken + 2);
        let first = self.splice.next();
        let timestamp = self.splice.frame(now, frame.timestamp, payload.clock_rate);
        let is_audio = kind.media() == crate::codec::MediaKind::Audio;
        let info = FrameInfo { layer: frame.layer, ..FrameInfo::default() };
        let (splice, history) = (&mut self.splice, &mut self.history);
        let result = packetizer.packetize_with(&frame.data, &info, max_payload, &mut |slices, last| {
            let (short, long) = elements.next(last);
            let extra = Some(Extra { short, long }).filter(|extra| extra.len() > 0);
            // Numbers rise by one: no place is taken.
            let inserted = history.insert(splice.take_number(), split(&frame.data, slices), extra);
            debug_assert!(inserted.is_ok());
            if let Ok(record) = inserted {
                record.marker = if is_audio { frame.marker } else { last };
                record.payload_type = payload.payload_type;
                record.timestamp = timestamp;
                record.at = now;
            }
        });
        self.packetizer = Some((payload.payload_type, packetizer));
        result.map_err(|error| {
            let PacketizeError::TooLong { len, max } = error else { return WriteError::Packetize(error) };
            WriteError::TooLong { len, max }
        })?;
        self.on_written(capture, timestamp, payload);
        self.stats.frames_sent += 1;
        Ok(first..self.splice.next())
    }

    /// Takes one packet; returns its number.
    pub(super) fn write_packet(
        &mut self,
        now: Instant,
        capture: NtpTime,
        mtu: usize,
        packet: &RtpPacket,
    ) -> Result<u64, WriteError> {
        let payload = self.payload(Some(packet.payload_type))?;
        if payload.apt().is_some() {
            return Err(WriteError::PayloadType { payload_type: Some(packet.payload_type) });
        }
        let values = Values {
            audio_level: packet.audio_level,
            video_orientation: packet.video_orientation,
            playout_delay: packet.playout_delay,
            abs_capture_time: packet.abs_capture_time,
            dependency_descriptor: packet.dependency_descriptor.as_deref(),
        };
        let extra = self.extra(&values);
        let taken = self.overhead + extra.as_ref().map_or(0, Extra::len);
        let len = HEADER_LEN + taken + packet.payload.len();
        if len > mtu {
            return Err(WriteError::TooLong { len, max: mtu });
        }
        let stale = WriteError::Stale { sequence: packet.sequence.0 };
        let from = (packet.ssrc, packet.sequence);
        let mapped = self.splice.packet(now, from, packet.timestamp, payload.clock_rate);
        let (number, timestamp, switched) = mapped.map_err(|_| stale)?;
        let data = self.pictures.rewrite(payload.codec_kind(), &packet.payload, switched);
        let record = self.history.insert(number, data, extra).map_err(|_| stale)?;
        record.marker = packet.marker;
        record.payload_type = payload.payload_type;
        record.timestamp = timestamp;
        record.at = now;
        if !packet.payload.is_empty() {
            self.on_written(capture, timestamp, payload);
        }
        if packet.marker {
            self.stats.frames_sent += 1;
        }
        Ok(number)
    }

    /// Leaves a packet out. Where that comes too late, an empty one takes its place, whose number is returned: the receiver must not
    /// wait for it.
    pub(super) fn skip_packet(
        &mut self,
        now: Instant,
        packet: &RtpPacket,
    ) -> Result<Option<u64>, WriteError> {
        let payload = self.payload(Some(packet.payload_type))?;
        self.pictures.skip(payload.codec_kind(), &packet.payload);
        if self.splice.skip(packet.ssrc, packet.sequence).is_ok() {
            return Ok(None);
        }
        let empty =
            RtpPacket { payload: Bytes::new(), marker: false, dependency_descriptor: None, ..packet.clone() };
        let capture = self.clock.map_or(NtpTime(0), |clock| clock.ntp);
        let frames = self.stats.frames_sent;
        let number = self.write_packet(now, capture, limits::MAX_DATAGRAM, &empty)?;
        self.stats.frames_sent = frames;
        Ok(Some(number))
    }

    fn on_written(&mut self, capture: NtpTime, timestamp: u32, payload: Payload) {
        self.clock = Some(ClockPair { ntp: capture, timestamp });
        self.clock_rate = payload.clock_rate;
        self.stats.payload_type = Some(payload.payload_type);
    }

    /// The extension elements of a frame's packets.
    fn frame_elements(&self, values: Values<'_>) -> FrameElements {
        let first = self.elements(&values);
        let id = self.config.extensions.id(ExtensionKind::DependencyDescriptor);
        let Some((id, descriptor)) = id.zip(values.dependency_descriptor) else {
            return FrameElements::same(first);
        };
        let dependency_descriptor = Some(dependency::continued(descriptor));
        FrameElements::marked(id, first, self.elements(&Values { dependency_descriptor, ..values }))
    }

    /// The elements of one packet.
    fn elements(&self, values: &Values<'_>) -> Elements {
        let Extra { short, long } = self.extra(values).unwrap_or_default();
        (short, long)
    }

    /// A packet's own extension elements, if it has any.
    fn extra(&self, values: &Values<'_>) -> Option<Extra> {
        let Values { audio_level, video_orientation, playout_delay, abs_capture_time, .. } = *values;
        let timed = playout_delay.is_some() || abs_capture_time.is_some();
        let seen = video_orientation.is_some() || values.dependency_descriptor.is_some();
        if audio_level.is_none() && !timed && !seen {
            return None;
        }
        let mut extra = Extra::default();
        let map = &self.config.extensions;
        let mut put = |kind: ExtensionKind, value: &[u8]| {
            let Some(id) = map.id(kind) else { return };
            let Ok(len) = u8::try_from(value.len()) else { return };
            let mut short = extra.short;
            if len <= 16 && short.push(&[id, len]) && short.push(value) {
                extra.short = short;
            } else {
                extra.long = Some([&[id], value].concat().into_boxed_slice());
            }
        };
        if let Some(level) = audio_level {
            put(ExtensionKind::AudioLevel, &[level.to_byte()]);
        }
        if let Some(orientation) = video_orientation {
            put(ExtensionKind::VideoOrientation, &[orientation.to_byte()]);
        }
        if let Some(delay) = playout_delay {
            put(ExtensionKind::PlayoutDelay, &delay.to_bytes());
        }
        if let Some(captured) = abs_capture_time {
            put(ExtensionKind::AbsCaptureTime, &captured.ntp.to_be_bytes());
        }
        if let Some(descriptor) = values.dependency_descriptor {
            put(ExtensionKind::DependencyDescriptor, descriptor);
        }
        Some(extra)
    }

    /// Draws the packet of that number for the first time; `None` if it has been given up.
    pub(super) fn draw(&mut self, number: u64, departing: &Departing, buf: &mut [u8]) -> Option<usize> {
        let (record, extra) = self.history.packet(number).filter(|(record, _)| !record.sent)?;
        record.sent = true;
        let (waited, written_at) = (departing.now.saturating_duration_since(record.at), record.at);
        debug_assert!(written_at <= departing.now);
        let header = header_of(record, record.payload_type, self.ssrc, Seq16(low(number)));
        let labels = Labels { config: &self.config, kind: ExtensionKind::Rid, is_known: self.is_known };
        let len = write(buf, &header, labels, departing, (record, extra, &[])).ok()?;
        let payload = record.payload_len();
        self.stats.total_packet_send_delay += waited;
        self.on_sent(len, payload);
        Some(len)
    }

    /// Draws a repetition of the packet of that number (RFC 4588 §4); `None` if it is not kept or there is no way to repeat it.
    pub(super) fn draw_repeat(
        &mut self,
        number: u64,
        departing: &Departing,
        buf: &mut [u8],
    ) -> Option<usize> {
        let rtx_ssrc = self.rtx_ssrc?;
        let payload_type = self.history.get_mut(number)?.payload_type;
        let rtx_payload_type = self.rtx_payload_type(payload_type)?;
        let (record, extra) = self.history.packet(number)?;
        let header = header_of(record, rtx_payload_type, rtx_ssrc, self.rtx_sequence);
        let (config, kind) = (&self.config, ExtensionKind::RepairedRid);
        let labels = Labels { config, kind, is_known: self.is_rtx_known };
        let original = low(number).to_be_bytes();
        let len = write(buf, &header, labels, departing, (record, extra, &original)).ok()?;
        let payload = record.payload_len() + original.len();
        self.rtx_sequence = self.rtx_sequence.next();
        self.stats.retransmitted_packets_sent += 1;
        self.stats.retransmitted_bytes_sent += payload as u64;
        self.on_sent(len, payload);
        Some(len)
    }

    fn on_sent(&mut self, len: usize, payload: usize) {
        self.stats.packets_sent += 1;
        self.stats.bytes_sent += payload as u64;
        self.stats.header_bytes_sent += (len - payload) as u64;
        self.packets_since_report += 1;
    }

    /// Whether the packet may be repeated now; if so it counts as repeated.
    pub(super) fn may_repeat(&mut self, now: Instant, sequence: Seq16, pause: Duration) -> Option<u64> {
        let number = sequence.unwrap_near(self.splice.next());
        let can = self.can_repeat();
        let record = self.history.get_mut(number).filter(|record| can && record.sent)?;
        if record.repeats >= limits::RTP_RTX_REPEATS {
            return None;
        }
        if record.repeats > 0 && now.saturating_duration_since(record.at) < pause {
            return None;
        }
        record.repeats += 1;
        record.at = now;
        Some(number)
    }

    /// Takes a FIR; whether it is a new one.
    pub(super) fn on_fir(&mut self, requester: u32, sequence: u8) -> bool {
        if let Some(seen) = self.fir_seen.iter_mut().find(|seen| seen.requester == requester) {
            return core::mem::replace(&mut seen.sequence, sequence) != sequence;
        }
        if self.fir_seen.len() >= limits::RTP_FIR_REQUESTERS {
            self.fir_seen.remove(0);
        }
        self.fir_seen.push(FirSeen { requester, sequence });
        true
    }

    /// The peer reported on one of our two sources.
    pub(super) fn on_reported(&mut self, ssrc: u32) -> Option<&mut RemoteInboundStats> {
        if self.rtx_ssrc == Some(ssrc) {
            self.is_rtx_known = true;
            return None;
        }
        self.is_known = true;
        Some(self.stats.remote.get_or_insert_default())
    }

    pub(super) const fn clock_rate(&self) -> u32 {
        self.clock_rate
    }

    /// The timestamp at that time, once something has been written.
    pub(super) fn timestamp_at(&self, ntp: NtpTime) -> Option<u32> {
        self.clock.map(|clock| clock.timestamp_at(ntp, self.clock_rate))
    }

    /// How many packets of media have been sent, and how many bytes: repetitions have a source of their own.
    pub(super) const fn media_sent(&self) -> (u64, u64) {
        let stats = &self.stats;
        (
            stats.packets_sent - stats.retransmitted_packets_sent,
            stats.bytes_sent - stats.retransmitted_bytes_sent,
        )
    }
}

/// The low quarter of an unwrapped number, which is the sequence number.
pub(super) const fn low(number: u64) -> u16 {
    #[expect(clippy::cast_possible_truncation, reason = "the low quarter is what is wanted")]
    let low = number as u16;
    low
}
