//! What an RTP packet that arrived does.

use bytes::{Buf, Bytes};

use super::assembler::{Assembler, Incoming, Values};
use super::config::{Delivery, Payload, PayloadFormat};
use super::event::{Event, KeyframeRequest, ReceiverId, SourceId};
use super::frame::RtpPacket;
use super::receiver::{Others, Unread};
use super::reception::Arrival;
use super::sender::low;
use super::session::Session;
use super::source::Role;
use crate::base::limits;
use crate::base::reader::Reader;
use crate::base::serial::Seq16;
use crate::base::slots::Key;
use crate::time::Instant;
use crate::wire::rtp::{Header, Packet};

/// A packet without its header, and what the header said.
#[derive(Debug)]
struct Parsed {
    header: Header,
    payload: Bytes,
    /// Bytes of header and padding.
    overhead: usize,
    values: Values,
}

/// Where a packet belongs in its stream.
#[derive(Clone, Copy, Debug)]
struct Placed {
    payload: Payload,
    number: u64,
    repaired: bool,
}

impl Session {
    /// Takes an RTP packet.
    pub(super) fn on_rtp(&mut self, now: Instant, bytes: Bytes) {
        self.stats.rtp_received += 1;
        let Ok(packet) = Packet::parse(&bytes) else {
            self.stats.rtp_malformed += 1;
            return;
        };
        let values = self.config.extensions.read(&packet);
        if let Some(sequence) = values.transport_sequence
            && self.config.transport_feedback
        {
            self.arrivals.on_packet(now, Seq16(sequence), packet.ssrc);
            let at = self.arrivals.due_at();
            self.arm(at);
        }
        let Some(key) = self.route(now, &packet, &values) else { return };
        let kept = Values {
            audio_level: values.audio_level,
            video_orientation: values.video_orientation,
            playout_delay: values.playout_delay,
            abs_capture_time: values.abs_capture_time,
            dependency_descriptor: values.dependency_descriptor.map(|data| bytes.slice_ref(data)),
        };
        let header = packet.header();
        let range = packet.payload_range();
        let overhead = bytes.len() - range.len();
        // Cut only where it stands: a value that was written a moment ago is slow to move.
        let mut parsed = Parsed { header, payload: bytes, overhead, values: kept };
        parsed.payload.truncate(range.end);
        parsed.payload.advance(range.start);
        self.on_packet(now, key, parsed);
    }

    fn on_packet(&mut self, now: Instant, key: Key, packet: Parsed) {
        let payload_type = packet.header.payload_type;
        let Some(source) = self.sources.get_mut(key) else { return };
        let payload = match source.payload {
            Some(payload) if payload.payload_type == payload_type => payload,
            Some(_) | None => {
                let config = self.receivers.get(source.receiver).map(|receiver| &receiver.config);
                let Some(payload) = config.and_then(|config| config.payload(payload_type)).copied() else {
                    self.stats.rtp_unroutable += 1;
                    return;
                };
                source.payload = Some(payload);
                payload
            }
        };
        source.last_at = now;
        source.heard_since_report = true;
        let arrival = source.reception.on_packet(now, packet.header.sequence);
        source.stats.packets_received += 1;
        source.stats.bytes_received += packet.payload.len() as u64;
        source.stats.header_bytes_received += packet.overhead as u64;
        if let Arrival::Next { .. } | Arrival::Restart(_) = arrival {
            source.reception.on_timestamp(now, packet.header.timestamp, payload.clock_rate);
        }
        let at = self.schedule.on_heard(now);
        self.arm(at);
        match payload.format {
            PayloadFormat::Rtx { apt } => self.on_repetition(now, key, apt, packet),
            PayloadFormat::Codec(_) | PayloadFormat::Opaque => {
                self.on_media(now, key, payload, arrival, packet);
            }
        }
    }

    /// A packet of media itself.
    fn on_media(&mut self, now: Instant, key: Key, payload: Payload, arrival: Arrival, packet: Parsed) {
        let Some(source) = self.sources.get_mut(key) else { return };
        source.role = Role::Media;
        let mut overrun = false;
        let number = match arrival {
            Arrival::Restart(number) => {
                source.nack.clear();
                if let Some(assembler) = &mut source.assembler {
                    assembler.restart(number);
                }
                number
            }
            Arrival::Next { number, last } => {
                if payload.feedback.nack {
                    overrun = source.nack.on_gap(now, last, number).is_err();
                }
                number
            }
            Arrival::Late(number) => {
                source.nack.on_received(number);
                number
            }
            Arrival::Unsure | Arrival::Past => {
                source.stats.packets_discarded += 1;
                return;
            }
        };
        if !source.is_announced {
            source.is_announced = true;
            self.events.push(Event::Source(ReceiverId(source.receiver), SourceId(key)));
        }
        if overrun {
            self.ask_keyframe(now, key, KeyframeRequest::Pli);
        }
        self.deliver(now, key, Placed { payload, number, repaired: false }, packet);
    }

    /// A repetition: what it repeats is put in its place (RFC 4588 §4).
    fn on_repetition(&mut self, now: Instant, key: Key, apt: u8, mut packet: Parsed) {
        let Some(original) = Reader::new(&packet.payload).u16() else {
            // Padding alone, to find out what the path carries.
            return;
        };
        packet.payload.advance(2);
        let media = self.repaired_by(key, original);
        let Some(media) =
            media.filter(|media| self.sources.get(*media).is_some_and(|s| s.reception.is_begun()))
        else {
            self.stats.rtx_unmatched += 1;
            return;
        };
        let Some(source) = self.sources.get_mut(media) else { return };
        let number = source.reception.unwrap(Seq16(original));
        let distant = number > source.reception.highest() + limits::RTP_RTX_AHEAD
            || number + limits::RTP_REORDER as u64 <= source.reception.highest();
        let was_missing = source.nack.on_received(number);
        let config = self.receivers.get(source.receiver).map(|receiver| &receiver.config);
        let Some(payload) = config.and_then(|config| config.payload(apt)).copied() else {
            self.stats.rtx_unmatched += 1;
            return;
        };
        if distant {
            self.stats.rtx_unmatched += 1;
            return;
        }
        source.stats.packets_received += 1;
        source.stats.bytes_received += packet.payload.len() as u64;
        source.stats.retransmitted_packets_received += 1;
        source.stats.retransmitted_bytes_received += packet.payload.len() as u64;
        packet.header.payload_type = apt;
        packet.header.ssrc = source.ssrc;
        packet.header.sequence = Seq16(original);
        // Handed over packet by packet there is nothing that would know it from one that has come already.
        let frames = config.is_some_and(|config| config.delivery == Delivery::Frames);
        if frames || was_missing {
            self.deliver(now, media, Placed { payload, number, repaired: true }, packet);
        } else {
            source.stats.packets_discarded += 1;
        }
    }

    /// Hands a packet over, or to the frames of its source.
    fn deliver(&mut self, now: Instant, key: Key, placed: Placed, packet: Parsed) {
        let Placed { payload, number, repaired } = placed;
        let Some(source) = self.sources.get_mut(key) else { return };
        let Some(receiver) = self.receivers.get_mut(source.receiver) else { return };
        let codec = payload.codec_kind();
        if receiver.config.delivery == Delivery::Packets {
            let info = codec.and_then(|kind| crate::codec::inspect(kind, &packet.payload).ok());
            let info = info.unwrap_or_default();
            if info.keyframe {
                source.requests.served();
            }
            let at = source.nack.next_at();
            let len = packet.overhead + packet.payload.len();
            let read = RtpPacket {
                ssrc: packet.header.ssrc,
                payload_type: packet.header.payload_type,
                sequence: Seq16(low(number)),
                timestamp: packet.header.timestamp,
                marker: packet.header.marker,
                payload: packet.payload,
                audio_level: packet.values.audio_level,
                video_orientation: packet.values.video_orientation,
                playout_delay: packet.values.playout_delay,
                abs_capture_time: packet.values.abs_capture_time,
                dependency_descriptor: packet.values.dependency_descriptor,
                keyframe: info.keyframe,
                temporal: info.temporal,
                spatial: info.spatial,
                switching_up: info.switching_up,
                repaired,
                source: Some(SourceId(key)),
                received_at: Some(now),
            };
            if receiver.on_packet(read, len, &mut self.lost) {
                self.events.push(Event::Readable(ReceiverId(source.receiver)));
            }
            source.charge(&mut self.charged);
            receiver.charge(&mut self.charged);
            self.keep_within(now);
            self.on_lost(now);
            self.arm(at);
            return;
        }
        let kind = receiver.config.kind;
        let assembler = source.assembler.get_or_insert_with(|| Box::new(Assembler::new(kind)));
        let before = assembler.counts.late;
        assembler.on_packet(
            Incoming {
                number,
                timestamp: packet.header.timestamp,
                marker: packet.header.marker,
                payload_type: packet.header.payload_type,
                codec,
                pinned: packet.overhead + packet.payload.len(),
                payload: packet.payload,
                received_at: now,
                values: packet.values,
            },
            &mut self.frames,
        );
        if repaired && assembler.counts.late > before {
            self.stats.rtx_unmatched += 1;
        }
        self.after_assembly(now, key);
    }

    /// Hands over the frames that are ready, asks for a key frame if there is no going on without, and sets the timers.
    pub(super) fn after_assembly(&mut self, now: Instant, key: Key) {
        let Some(source) = self.sources.get_mut(key) else { return };
        let receiver_key = source.receiver;
        let Some(receiver) = self.receivers.get_mut(receiver_key) else { return };
        if !self.frames.is_empty() {
            let mut keyframe = false;
            for frame in &mut self.frames {
                frame.source = Some(SourceId(key));
                keyframe |= frame.keyframe;
            }
            if keyframe {
                source.requests.served();
            }
            if receiver.on_frames(&mut self.frames, &mut self.lost) {
                self.events.push(Event::Readable(ReceiverId(receiver_key)));
            }
            receiver.charge(&mut self.charged);
        }
        source.charge(&mut self.charged);
        let needs_keyframe = source.assembler.as_ref().is_some_and(|assembler| assembler.needs_keyframe());
        let at = source.due_at(self.config.reorder_wait, self.config.repair_wait);
        self.arm(at);
        if needs_keyframe {
            self.want_keyframe(now, key);
        }
        self.keep_within(now);
        self.on_lost(now);
    }

    /// What was dropped unread is counted. Pictures can only go on with a key frame, which is asked for unless one waits to be read.
    fn on_lost(&mut self, now: Instant) {
        while let Some(unread) = self.lost.pop() {
            match unread {
                Unread::Packet(key) => {
                    if let Some(source) = self.sources.get_mut(key) {
                        source.stats.packets_discarded += 1;
                    }
                }
                Unread::Frame { source: key, others } => {
                    let Some(source) = self.sources.get_mut(key) else { continue };
                    source.stats.frames_dropped += 1;
                    if others == Others::None
                        && let Some(assembler) = &mut source.assembler
                    {
                        assembler.interrupt();
                    }
                    if others != Others::KeyFrame {
                        self.want_keyframe(now, key);
                    }
                }
            }
        }
    }
}
