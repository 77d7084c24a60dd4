//! What arrives in one media section and waits to be read.

use core::mem::size_of;
use std::collections::VecDeque;

use super::config::{Delivery, ReceiverConfig};
use super::event::SourceId;
use super::frame::{Frame, RtpPacket};
use crate::base::limits;
use crate::base::slots::Key;

/// One media section's incoming side.
#[derive(Clone, Debug)]
pub(super) struct Receiver {
    pub(super) config: ReceiverConfig,
    pub(super) frames: VecDeque<Frame>,
    frame_bytes: usize,
    /// Each with the length of what came, all of which stays in memory with it.
    packets: VecDeque<(RtpPacket, usize)>,
    packet_bytes: usize,
    /// Whether the application knows that there is something to read.
    is_told: bool,
    /// What the session counts for it.
    pub(super) charged: usize,
}

/// Something that was dropped because nobody read it, and its source.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unread {
    Packet(Key),
    /// A frame, and whether others of its source wait.
    Frame {
        source: Key,
        others: Others,
    },
}

/// Which frames of a source wait to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Others {
    None,
    /// None that can be decoded without what was dropped.
    Some,
    /// A key frame among them.
    KeyFrame,
}

impl Receiver {
    pub(super) fn new(config: ReceiverConfig) -> Self {
        Self {
            config,
            frames: VecDeque::new(),
            frame_bytes: 0,
            packets: VecDeque::new(),
            packet_bytes: 0,
            is_told: false,
            charged: 0,
        }
    }

    /// Takes frames of one source; the oldest go if too many wait. Returns whether the application is to be told.
    pub(super) fn on_frames(&mut self, frames: &mut VecDeque<Frame>, lost: &mut Vec<Unread>) -> bool {
        for frame in frames.drain(..) {
            self.frame_bytes += len_of(&frame);
            self.frames.push_back(frame);
        }
        while self.frames.len() > limits::RTP_FRAMES || self.frame_bytes > limits::RTP_FRAME_BYTES {
            if !self.drop_frame(lost) {
                break;
            }
        }
        self.tell()
    }

    /// Takes a packet of something that long; the oldest goes if too many wait. Returns whether the application is to be told.
    pub(super) fn on_packet(&mut self, packet: RtpPacket, len: usize, lost: &mut Vec<Unread>) -> bool {
        self.packets.push_back((packet, len));
        self.packet_bytes += len;
        if self.packets.len() > limits::RTP_PACKETS {
            self.drop_packet(lost);
        }
        self.tell()
    }

    fn tell(&mut self) -> bool {
        !core::mem::replace(&mut self.is_told, true)
    }

    /// Drops the oldest of what waits, or the room for it if nothing does.
    pub(super) fn drop_oldest(&mut self, lost: &mut Vec<Unread>) {
        if !self.drop_frame(lost) && !self.drop_packet(lost) {
            self.trim();
        }
    }

    fn drop_frame(&mut self, lost: &mut Vec<Unread>) -> bool {
        let Some(oldest) = self.frames.pop_front() else { return false };
        self.frame_bytes -= len_of(&oldest);
        let mut others = Others::None;
        for frame in self.frames.iter_mut().filter(|frame| frame.source == oldest.source) {
            if others == Others::None {
                // It does not go on from what was read.
                frame.contiguous = false;
                others = Others::Some;
            }
            if frame.keyframe {
                others = Others::KeyFrame;
                break;
            }
        }
        lost.extend(oldest.source.map(|SourceId(source)| Unread::Frame { source, others }));
        true
    }

    fn drop_packet(&mut self, lost: &mut Vec<Unread>) -> bool {
        let Some((oldest, len)) = self.packets.pop_front() else { return false };
        self.packet_bytes -= len;
        lost.extend(oldest.source.map(|SourceId(source)| Unread::Packet(source)));
        true
    }

    pub(super) fn pop_frame(&mut self) -> Option<Frame> {
        let frame = self.frames.pop_front();
        match &frame {
            Some(frame) => self.frame_bytes -= len_of(frame),
            None => self.is_told = false,
        }
        frame
    }

    pub(super) fn pop_packet(&mut self) -> Option<RtpPacket> {
        let Some((packet, len)) = self.packets.pop_front() else {
            self.is_told = false;
            return None;
        };
        self.packet_bytes -= len;
        Some(packet)
    }

    /// Changes how what arrives is handed over; what waits in the other form is dropped.
    pub(super) fn set_delivery(&mut self, delivery: Delivery) {
        if self.config.delivery != delivery {
            self.config.delivery = delivery;
            self.frames.clear();
            self.packets.clear();
            (self.frame_bytes, self.packet_bytes) = (0, 0);
            self.is_told = false;
        }
    }

    /// Counts what it holds now in the sum of its session.
    pub(super) fn charge(&mut self, sum: &mut usize) {
        let pinned = self.pinned();
        *sum = *sum - core::mem::replace(&mut self.charged, pinned) + pinned;
    }

    /// Bytes of memory that are held.
    pub(super) fn pinned(&self) -> usize {
        let frames = self.frames.capacity() * size_of::<Frame>() + self.frame_bytes;
        frames + self.packets.capacity() * size_of::<(RtpPacket, usize)>() + self.packet_bytes
    }

    /// Gives memory back.
    pub(super) fn trim(&mut self) {
        self.frames.shrink_to_fit();
        self.packets.shrink_to_fit();
    }
}

/// The bytes that a frame keeps in memory.
fn len_of(frame: &Frame) -> usize {
    frame.data.len() + frame.dependency_descriptor.as_ref().map_or(0, bytes::Bytes::len)
}
