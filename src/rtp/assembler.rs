//! Packets in any order to whole frames in order, with a wait that ends.

use core::cmp::Ordering;
use core::time::Duration;
use std::collections::VecDeque;

use bytes::Bytes;

use super::ahead::Ahead;
use super::frame::Frame;
use super::shelf::Shelf;
use crate::base::limits;
use crate::codec::{CodecKind, Depacketizer, MediaKind, PayloadInfo};
use crate::time::Instant;
use crate::wire::rtp::{AbsCaptureTime, AudioLevel, PlayoutDelay, VideoOrientation};

/// A packet of a source, its repetition undone.
#[derive(Clone, Debug)]
pub(super) struct Incoming {
    /// Unwrapped sequence number.
    pub(super) number: u64,
    pub(super) timestamp: u32,
    pub(super) marker: bool,
    pub(super) payload_type: u8,
    /// `None` where the payload type's packets are not put together.
    pub(super) codec: Option<CodecKind>,
    pub(super) payload: Bytes,
    /// The length of the packet it is a part of, all of which stays in memory with it.
    pub(super) pinned: usize,
    pub(super) received_at: Instant,
    pub(super) values: Values,
}

/// What of a packet's extensions goes into its frame.
#[derive(Clone, Debug, Default)]
pub(super) struct Values {
    pub(super) audio_level: Option<AudioLevel>,
    pub(super) video_orientation: Option<VideoOrientation>,
    pub(super) playout_delay: Option<PlayoutDelay>,
    pub(super) abs_capture_time: Option<AbsCaptureTime>,
    pub(super) dependency_descriptor: Option<Bytes>,
}

/// A frame of which the beginning is there.
#[derive(Clone, Debug)]
struct Partial {
    frame: Frame,
    packets: u32,
    /// Its codec has its last packet marked; of H.264 and H.265 one may not rely on that (RFC 6184 §5.1, RFC 7798 §4.1).
    must_mark: bool,
}

/// What is counted on the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) late: u64,
    pub(super) malformed: u64,
    pub(super) frames: u64,
    pub(super) key_frames: u64,
    pub(super) multiple: u64,
    pub(super) dropped: u64,
    pub(super) given_up: u64,
}

/// Puts the frames of one source together.
///
/// ```text
///            packet is the next ─▶ append, then what waits behind it
///   packet ┤ packet is ahead    ─▶ waits
///            packet is behind   ─▶ dropped
///   the next has been missing for too long ─▶ go on behind it; of video, at the next key frame
/// ```
#[derive(Clone, Debug)]
pub(super) struct Assembler {
    kind: MediaKind,
    /// The number of the packet that is appended next; `None` before the first.
    next: Option<u64>,
    /// Packets that wait for the next.
    ahead: Ahead,
    depacketizer: Option<Depacketizer>,
    shelf: Shelf,
    partial: Option<Partial>,
    /// Frames are dropped until a key frame begins.
    needs_keyframe: bool,
    /// Frames were lost since the last one that was handed over.
    broken: bool,
    /// A frame of video ended with a marker: the source marks ends.
    marks: bool,
    /// The timestamp of a frame that is being dropped.
    dropping: Option<u32>,
    pub(super) counts: Counts,
}

impl Assembler {
    pub(super) fn new(kind: MediaKind) -> Self {
        Self {
            kind,
            next: None,
            ahead: Ahead::default(),
            depacketizer: None,
            shelf: Shelf::new(kind),
            partial: None,
            needs_keyframe: kind == MediaKind::Video,
            broken: false,
            marks: false,
            dropping: None,
            counts: Counts::default(),
        }
    }

    /// One before whose first frame something is missing.
    pub(super) fn after_gap(kind: MediaKind) -> Self {
        Self { broken: true, ..Self::new(kind) }
    }

    /// The numbering begins anew with that number.
    pub(super) fn restart(&mut self, number: u64) {
        self.ahead.clear();
        if self.next.is_some() {
            self.abandon();
        }
        self.next = Some(number);
    }

    /// Whether a key frame is wanted so that frames can go on.
    pub(super) const fn needs_keyframe(&self) -> bool {
        self.needs_keyframe
    }

    /// The number below which nothing is waited for.
    pub(super) const fn next(&self) -> Option<u64> {
        self.next
    }

    /// When the missing packet is given up if it is waited for that long.
    pub(super) fn gives_up_at(&self, wait: Duration) -> Option<Instant> {
        self.ahead.first().map(|packet| packet.received_at + wait)
    }

    /// Takes a packet.
    pub(super) fn on_packet(&mut self, packet: Incoming, out: &mut VecDeque<Frame>) {
        let next = *self.next.get_or_insert(packet.number);
        match packet.number.cmp(&next) {
            Ordering::Equal => {
                self.next = Some(next + 1);
                self.consume(packet, out);
                self.advance(out);
            }
            Ordering::Less => self.counts.late += 1,
            Ordering::Greater => self.hold(next, packet, out),
        }
    }

    /// Gives up what is missing if it has been for that long; whether it did.
    pub(super) fn give_up(&mut self, now: Instant, wait: Duration, out: &mut VecDeque<Frame>) -> bool {
        let mut gave_up = false;
        while self.gives_up_at(wait).is_some_and(|at| at <= now) {
            self.skip(out);
            gave_up = true;
        }
        gave_up
    }

    /// Goes on with the first packet that is there.
    fn skip(&mut self, out: &mut VecDeque<Frame>) {
        self.counts.given_up += 1;
        self.abandon();
        self.next = self.ahead.first().map(|packet| packet.number).or(self.next);
        self.advance(out);
    }

    /// Appends what waits, up to the next that is missing.
    fn advance(&mut self, out: &mut VecDeque<Frame>) {
        while let Some(next) = self.next
            && let Some(packet) = self.ahead.take(next)
        {
            self.next = Some(next + 1);
            self.consume(packet, out);
        }
    }

    fn hold(&mut self, next: u64, packet: Incoming, out: &mut VecDeque<Frame>) {
        let number = packet.number;
        let limit = limits::RTP_REORDER as u64;
        if number - next >= limit {
            // So much came after it that the missing one is not worth waiting for.
            while !self.ahead.is_empty() && self.next.is_some_and(|next| number - next >= limit) {
                self.skip(out);
            }
            if self.next.is_some_and(|next| number - next >= limit) {
                self.counts.given_up += 1;
                self.abandon();
                self.next = Some(number);
            }
            return self.on_packet(packet, out);
        }
        if !self.ahead.insert(packet) {
            self.counts.late += 1;
        }
    }

    /// Appends the next packet to its frame.
    fn consume(&mut self, packet: Incoming, out: &mut VecDeque<Frame>) {
        if let Some(partial) = &self.partial
            && partial.frame.timestamp != packet.timestamp
        {
            if self.marks && partial.must_mark {
                // A forwarder went over to another source in the middle of it.
                self.drop_frame(partial.frame.timestamp);
            } else {
                // The frame before had no marker at its end; nothing of it is missing, so that was all of it.
                self.finish(out);
            }
        }
        let Some(codec) = packet.codec.filter(|_| !packet.payload.is_empty()) else { return };
        if self.dropping == Some(packet.timestamp) && self.kind == MediaKind::Video {
            return;
        }
        let info = crate::codec::inspect(codec, &packet.payload);
        let Ok(info) = info else {
            self.counts.malformed += 1;
            return self.drop_frame(packet.timestamp);
        };
        if self.partial.is_none() && !self.begin(&packet, codec, &info) {
            return;
        }
        // A frame that begins with a delimiter says later whether it is a key frame.
        if info.keyframe {
            self.needs_keyframe = false;
        } else if self.needs_keyframe && !info.precedes_picture {
            return self.drop_frame(packet.timestamp);
        }
        let Some(partial) = &mut self.partial else { return };
        let Some(depacketizer) = &mut self.depacketizer else { return };
        if self.shelf.write(|frame| depacketizer.append(&packet.payload, frame)).is_err() {
            self.counts.malformed += 1;
            return self.drop_frame(packet.timestamp);
        }
        partial.packets += 1;
        partial.frame.keyframe |= info.keyframe;
        partial.frame.received_at = Some(packet.received_at);
        let Values { audio_level, video_orientation, playout_delay, abs_capture_time, dependency_descriptor } =
            packet.values;
        let frame = &mut partial.frame;
        frame.audio_level = frame.audio_level.or(audio_level);
        frame.video_orientation = video_orientation.or(frame.video_orientation);
        frame.playout_delay = frame.playout_delay.or(playout_delay);
        frame.abs_capture_time = frame.abs_capture_time.or(abs_capture_time);
        if frame.dependency_descriptor.is_none() {
            // The first packet had none, which is rare. A slice would keep its whole packet.
            frame.dependency_descriptor = dependency_descriptor.as_deref().map(Bytes::copy_from_slice);
        }
        if packet.marker || codec.media() == MediaKind::Audio {
            frame.marker = packet.marker;
            self.marks |= packet.marker;
            self.finish(out);
        }
    }

    /// Begins a frame with its first packet; false if that is not one, or it is not the one waited for.
    fn begin(&mut self, packet: &Incoming, codec: CodecKind, info: &PayloadInfo) -> bool {
        if !info.starts_frame {
            // Its beginning was given up, or never sent.
            self.drop_frame(packet.timestamp);
            return false;
        }
        if self.needs_keyframe && !info.keyframe && !info.precedes_picture {
            self.counts.dropped += u64::from(self.dropping != Some(packet.timestamp));
            self.dropping = Some(packet.timestamp);
            return false;
        }
        self.dropping = None;
        if self.depacketizer.as_ref().is_none_or(|depacketizer| depacketizer.kind() != codec) {
            self.depacketizer = Some(Depacketizer::new(codec));
        }
        let mut frame = Frame::new(Bytes::new(), packet.timestamp);
        frame.payload_type = Some(packet.payload_type);
        frame.contiguous = !self.broken;
        self.shelf.make_room();
        frame.dependency_descriptor =
            packet.values.dependency_descriptor.as_deref().map(|descriptor| self.shelf.keep(descriptor));
        let must_mark = matches!(codec, CodecKind::Vp8 | CodecKind::Vp9 | CodecKind::Av1);
        self.partial = Some(Partial { frame, packets: 0, must_mark });
        true
    }

    /// Ends the frame that was begun.
    fn finish(&mut self, out: &mut VecDeque<Frame>) {
        let (Some(partial), Some(depacketizer)) = (self.partial.take(), &mut self.depacketizer) else {
            return;
        };
        let malformed = depacketizer.finish().is_err();
        if malformed || self.needs_keyframe {
            self.counts.malformed += u64::from(malformed);
            self.partial = Some(partial);
            let timestamp = self.partial.as_ref().map_or(0, |partial| partial.frame.timestamp);
            return self.drop_frame(timestamp);
        }
        self.counts.frames += 1;
        self.counts.key_frames += u64::from(partial.frame.keyframe);
        self.counts.multiple += u64::from(partial.packets > 1);
        self.broken = false;
        out.push_back(Frame { data: self.shelf.take(), ..partial.frame });
    }

    /// Drops the frame of that timestamp, of which something cannot be used.
    fn drop_frame(&mut self, timestamp: u32) {
        self.counts.dropped += u64::from(self.partial.is_none() && self.dropping != Some(timestamp));
        self.abandon();
        self.dropping = Some(timestamp);
    }

    /// What comes next does not follow on what was before.
    fn abandon(&mut self) {
        self.counts.dropped += u64::from(self.partial.take().is_some());
        self.shelf.clear();
        if let Some(depacketizer) = &mut self.depacketizer {
            depacketizer.reset();
        }
        self.broken = true;
        self.needs_keyframe = self.kind == MediaKind::Video;
    }

    /// Gives up what waits and the frame that was begun, and goes on behind them.
    pub(super) fn let_go(&mut self) {
        if let Some(last) = self.ahead.last_number() {
            self.counts.given_up += 1;
            self.next = Some(last + 1);
            self.ahead.clear();
            self.abandon();
        } else if self.partial.is_some() {
            self.abandon();
        }
        self.trim();
    }

    /// Frames were handed over that nobody will read: the next does not go on from what was read.
    pub(super) const fn interrupt(&mut self) {
        self.broken = true;
        if let Some(partial) = &mut self.partial {
            partial.frame.contiguous = false;
        }
    }

    /// Bytes of memory that are held.
    pub(super) fn pinned(&self) -> usize {
        self.ahead.pinned() + self.shelf.pinned()
    }

    /// Gives memory back that an idle stream does not need.
    pub(super) fn trim(&mut self) {
        self.ahead.trim();
        if self.partial.is_none() {
            self.shelf.trim();
        }
    }

    /// Gives memory back that has not been needed since the last call.
    pub(super) fn rest(&mut self) {
        self.ahead.rest();
    }
}

#[cfg(test)]
#[path = "assembler_tests.rs"]
mod tests;
