//! Which packets of a publisher a viewer gets: one source at a time, and of it the layers that fit (RFC 7667 §3.7).

use super::event::SourceId;
use super::frame::RtpPacket;

/// What is to be done with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Write it: [`Session::write_rtp`](super::Session::write_rtp).
    Forward,
    /// Leave it out, so that those behind close up: [`Session::skip_rtp`](super::Session::skip_rtp).
    Skip,
    /// It is of a source that is not forwarded: nothing.
    Ignore,
}

/// Chooses for one viewer among the sources of one publisher. Switches happen at key frames, and temporal layers are taken in where the
/// stream allows it, so that the viewer's decoder never misses anything.
///
/// ```
/// use antiphon::rtp::{Forwarder, RtpPacket, Verdict};
///
/// let mut forwarder = Forwarder::new();
/// // Nothing is chosen: nothing is forwarded.
/// assert_eq!(forwarder.decide(&RtpPacket::new(96, &b"payload"[..])), Verdict::Ignore);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forwarder {
    wanted: Option<SourceId>,
    current: Option<SourceId>,
    /// The highest temporal layer that is wanted; `None` for all.
    most: Option<u8>,
    /// The highest that is forwarded now.
    taken: u8,
}

impl Forwarder {
    /// Nothing is chosen.
    pub fn new() -> Self {
        Self::default()
    }

    /// Chooses a source: it is forwarded from its next key frame on, and until then the one before. `None` stops at once.
    pub fn select(&mut self, source: Option<SourceId>) {
        self.wanted = source;
        if source.is_none() {
            self.current = None;
        }
    }

    /// Forwards temporal layers up to this one; `None` for all. What is higher is left out at once, what is to be added waits for a
    /// picture at which it may be.
    pub fn limit_temporal(&mut self, most: Option<u8>) {
        self.most = most;
        self.taken = self.taken.min(most.unwrap_or(u8::MAX));
    }

    /// The source that is forwarded.
    pub const fn current(&self) -> Option<SourceId> {
        self.current
    }

    /// The source of which a key frame is needed for the switch to it, while there is one: ask for it once, and again if it does not come.
    pub fn wants_keyframe(&self) -> Option<SourceId> {
        self.wanted.filter(|_| self.wanted != self.current)
    }

    /// What to do with a packet of any of the sources, in the order in which they arrive.
    pub fn decide(&mut self, packet: &RtpPacket) -> Verdict {
        if packet.source.is_none() {
            return Verdict::Ignore;
        }
        if packet.source == self.wanted && self.wanted != self.current && packet.keyframe {
            self.current = self.wanted;
            self.taken = 0;
        }
        if packet.source != self.current {
            return Verdict::Ignore;
        }
        let Some(temporal) = packet.temporal else { return Verdict::Forward };
        if self.most.is_some_and(|most| temporal > most) {
            return Verdict::Skip;
        }
        if temporal > self.taken && packet.switching_up {
            self.taken = temporal;
        }
        if temporal <= self.taken { Verdict::Forward } else { Verdict::Skip }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::slots::Slots;

    fn sources() -> [SourceId; 2] {
        let mut slots = Slots::new();
        [(); 2].map(|()| SourceId(slots.insert(())))
    }

    fn packet(source: SourceId, keyframe: bool, temporal: u8, switching_up: bool) -> RtpPacket {
        RtpPacket {
            source: Some(source),
            keyframe,
            temporal: Some(temporal),
            switching_up,
            ..RtpPacket::new(96, &b"x"[..])
        }
    }

    #[test]
    fn a_switch_waits_for_a_key_frame() {
        let [low, high] = sources();
        let mut forwarder = Forwarder::new();
        forwarder.select(Some(low));
        assert_eq!(forwarder.wants_keyframe(), Some(low));
        assert_eq!(forwarder.decide(&packet(low, false, 0, false)), Verdict::Ignore);
        assert_eq!(forwarder.decide(&packet(low, true, 0, false)), Verdict::Forward);
        forwarder.select(Some(high));
        assert_eq!(forwarder.decide(&packet(high, false, 0, false)), Verdict::Ignore);
        assert_eq!(forwarder.decide(&packet(low, false, 0, false)), Verdict::Forward);
        assert_eq!((forwarder.wants_keyframe(), forwarder.current()), (Some(high), Some(low)));
        assert_eq!(forwarder.decide(&packet(high, true, 0, false)), Verdict::Forward);
        assert_eq!(forwarder.decide(&packet(low, true, 0, false)), Verdict::Ignore);
        assert_eq!((forwarder.wants_keyframe(), forwarder.current()), (None, Some(high)));
        forwarder.select(None);
        assert_eq!(forwarder.decide(&packet(high, true, 0, false)), Verdict::Ignore);
    }

    #[test]
    fn temporal_layers_are_left_out_at_once_and_taken_in_where_they_may_be() {
        let [source, _] = sources();
        let mut forwarder = Forwarder::new();
        forwarder.select(Some(source));
        forwarder.decide(&packet(source, true, 0, false));
        assert_eq!(forwarder.decide(&packet(source, false, 1, false)), Verdict::Skip);
        assert_eq!(forwarder.decide(&packet(source, false, 1, true)), Verdict::Forward);
        assert_eq!(forwarder.decide(&packet(source, false, 1, false)), Verdict::Forward);
        forwarder.limit_temporal(Some(0));
        assert_eq!(forwarder.decide(&packet(source, false, 1, true)), Verdict::Skip);
        forwarder.limit_temporal(None);
        assert_eq!(forwarder.decide(&packet(source, false, 1, false)), Verdict::Skip);
        assert_eq!(forwarder.decide(&packet(source, false, 1, true)), Verdict::Forward);
    }
}
