//! What arrives in one media section and waits to be read.

use std::collections::VecDeque;

use super::config::{Delivery, ReceiverConfig};
use super::frame::{Frame, RtpPacket};
use crate::base::limits;
use crate::base::slots::Key;

/// One media section's incoming side.
#[derive(Clone, Debug)]
pub(super) struct Receiver {
    pub(super) config: ReceiverConfig,
    pub(super) frames: VecDeque<Frame>,
    frame_bytes: usize,
    packets: VecDeque<RtpPacket>,
    /// Whether the application knows that there is something to read.
    is_told: bool,
}

/// What was dropped because nobody read it, and of which source.
pub(super) type Dropped = Option<Key>;

impl Receiver {
    pub(super) fn new(config: ReceiverConfig) -> Self {
        Self { config, frames: VecDeque::new(), frame_bytes: 0, packets: VecDeque::new(), is_told: false }
    }

    /// Takes frames of one source; the oldest go if too many wait. Returns whether the application is to be told.
    pub(super) fn on_frames(&mut self, frames: &mut VecDeque<Frame>, lost: &mut Vec<Key>) -> bool {
        for frame in frames.drain(..) {
            self.frame_bytes += frame.data.len();
            self.frames.push_back(frame);
        }
        while self.frames.len() > limits::RTP_FRAMES || self.frame_bytes > limits::RTP_FRAME_BYTES {
            let Some(oldest) = self.frames.pop_front() else { break };
            self.frame_bytes -= oldest.data.len();
            lost.extend(oldest.source.map(|source| source.0));
            // What follows in the same source does not go on from what was read.
            if let Some(next) = self.frames.iter_mut().find(|frame| frame.source == oldest.source) {
                next.contiguous = false;
            }
        }
        self.tell()
    }

    /// Takes a packet; the oldest goes if too many wait. Returns whether the application is to be told.
    pub(super) fn on_packet(&mut self, packet: RtpPacket) -> (bool, Dropped) {
        self.packets.push_back(packet);
        let mut dropped = None;
        if self.packets.len() > limits::RTP_PACKETS {
            dropped = self.packets.pop_front().and_then(|packet| packet.source).map(|source| source.0);
        }
        (self.tell(), dropped)
    }

    fn tell(&mut self) -> bool {
        !core::mem::replace(&mut self.is_told, true)
    }

    pub(super) fn pop_frame(&mut self) -> Option<Frame> {
        let frame = self.frames.pop_front();
        match &frame {
            Some(frame) => self.frame_bytes -= frame.data.len(),
            None => self.is_told = false,
        }
        frame
    }

    pub(super) fn pop_packet(&mut self) -> Option<RtpPacket> {
        let packet = self.packets.pop_front();
        if packet.is_none() {
            self.is_told = false;
        }
        packet
    }

    /// Changes how what arrives is handed over; what waits in the other form is dropped.
    pub(super) fn set_delivery(&mut self, delivery: Delivery) {
        if self.config.delivery != delivery {
            self.config.delivery = delivery;
            self.frames.clear();
            self.packets.clear();
            self.frame_bytes = 0;
            self.is_told = false;
        }
    }

    /// Gives memory back.
    pub(super) fn trim(&mut self) {
        self.frames.shrink_to_fit();
        self.packets.shrink_to_fit();
    }
}
