//! Encoded frames from a file, written to a sender at the pace they were made for.

use core::time::Duration;
use std::path::Path;

use antiphon::peer::{Sender, TransceiverId};
use antiphon::rtp::Frame;
use antiphon::{Instant, PeerConnection};
use bytes::Bytes;

use super::endpoint::Fallible;

/// Frames that repeat: each is its length, its duration in ticks and its bytes, the numbers as 32 bits in network order.
#[derive(Clone)]
pub(crate) struct Reel {
    codec: &'static str,
    frames: Vec<(u32, Bytes)>,
    clock_rate: u32,
}

impl Reel {
    pub(crate) fn read(path: &Path, codec: &'static str, clock_rate: u32) -> Fallible<Self> {
        let mut rest = Bytes::from(std::fs::read(path)?);
        let mut frames = Vec::new();
        while rest.len() >= 8 {
            let head = rest.split_to(8);
            let number =
                |at: usize| head.iter().skip(at).take(4).fold(0, |all, byte| all << 8 | u32::from(*byte));
            let len = usize::try_from(number(0))?.min(rest.len());
            frames.push((number(4), rest.split_to(len)));
        }
        if frames.is_empty() { Err("no frames".into()) } else { Ok(Self { codec, frames, clock_rate }) }
    }
}

/// A reel that plays on a transceiver.
pub(crate) struct Playing {
    pub(crate) id: TransceiverId,
    reel: Reel,
    next: usize,
    timestamp: u32,
    pub(crate) due: Instant,
}

impl Playing {
    pub(crate) fn new(id: TransceiverId, reel: Reel, now: Instant) -> Self {
        Self { id, reel, next: 0, timestamp: 0, due: now }
    }

    /// Begins again with the first frame, which can be decoded without others.
    pub(crate) fn rewind(&mut self) {
        self.next = 0;
    }

    /// Writes what is due, where the codec of the reel was agreed.
    pub(crate) fn play(&mut self, now: Instant, pc: &mut PeerConnection) -> Fallible<()> {
        let sender = pc.sender(self.id).filter(Sender::can_write);
        let agreed = sender.and_then(|its| {
            let codec = its.codecs().iter().find(|its| its.codec.is(self.reel.codec))?;
            Some((codec.payload_type, its))
        });
        let Some((payload_type, mut sender)) = agreed else {
            self.due = now + Duration::from_millis(20);
            return Ok(());
        };
        while self.due <= now {
            let Some((ticks, data)) = self.reel.frames.get(self.next) else {
                self.next = 0;
                continue;
            };
            let frame = Frame::new(data.clone(), self.timestamp);
            sender.write(now, &Frame { payload_type: Some(payload_type), ..frame })?;
            self.next += 1;
            self.timestamp = self.timestamp.wrapping_add(*ticks);
            self.due +=
                Duration::from_nanos(u64::from(*ticks) * 1_000_000_000 / u64::from(self.reel.clock_rate));
            // After a pause the reel goes on from now.
            if self.due + Duration::from_secs(1) < now {
                self.due = now;
            }
        }
        Ok(())
    }
}

/// Takes the frames that arrived, and sends them back where `back` says so: what the peer then decodes went through this side's
/// formats both ways.
pub(crate) fn take(id: TransceiverId, back: bool, now: Instant, pc: &mut PeerConnection) -> Fallible<()> {
    while let Some(frame) = pc.receiver(id).and_then(|mut its| its.recv()) {
        let sender = pc.sender(id).filter(|its| back && its.can_write());
        let agreed =
            |its: &Sender<'_>| its.codecs().iter().any(|its| Some(its.payload_type) == frame.payload_type);
        if let Some(mut sender) = sender.filter(agreed) {
            sender.write(now, &frame)?;
        }
    }
    Ok(())
}
