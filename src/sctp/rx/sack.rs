//! When to acknowledge (RFC 9260 §6.2, RFC 7053).

use core::time::Duration;

use crate::time::{Instant, Timer};

/// When the next SACK leaves.
#[derive(Clone, Debug)]
pub(crate) struct AckPolicy {
    delay: Duration,
    /// Packets with DATA since the last SACK.
    packets: u32,
    due: bool,
    timer: Timer,
    /// The first DATA of the association has been acknowledged.
    begun: bool,
}

impl AckPolicy {
    pub(crate) const fn new(delay: Duration) -> Self {
        Self { delay, packets: 0, due: false, timer: Timer::stopped(), begun: false }
    }

    /// A packet with DATA has been read. `at_once`: it fills or leaves a gap, repeats something, has the I bit or is beyond the
    /// window.
    pub(crate) fn on_packet(&mut self, now: Instant, at_once: bool) {
        self.packets += 1;
        if at_once || self.packets >= 2 || !self.begun || self.delay.is_zero() {
            self.begun = true;
            self.due = true;
            self.timer.stop();
        } else if !self.due && !self.timer.is_running() {
            self.timer.set(now + self.delay);
        }
    }

    /// A SACK leaves with the next poll.
    pub(crate) fn hurry(&mut self) {
        self.due = true;
        self.timer.stop();
    }

    pub(crate) fn on_timer(&mut self, now: Instant) -> bool {
        let due = self.timer.take_due(now);
        self.due |= due;
        due
    }

    /// Whether a SACK must leave now.
    pub(crate) const fn is_due(&self) -> bool {
        self.due
    }

    /// Whether one would leave with the next packet that does.
    pub(crate) const fn is_pending(&self) -> bool {
        self.due || self.packets > 0
    }

    /// A SACK has been drawn.
    pub(crate) fn sent(&mut self) {
        self.packets = 0;
        self.due = false;
        self.timer.stop();
    }

    /// Another association begins.
    pub(crate) fn restart(&mut self) {
        *self = Self::new(self.delay);
    }

    pub(crate) const fn deadline(&self) -> Option<Instant> {
        self.timer.at()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELAY: Duration = Duration::from_millis(200);

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    #[test]
    fn the_first_packet_and_then_every_second_is_acknowledged_at_once() {
        let mut acks = AckPolicy::new(DELAY);
        acks.on_packet(at(0), false);
        assert!(acks.is_due());
        acks.sent();
        acks.on_packet(at(10), false);
        assert!(!acks.is_due() && acks.is_pending());
        assert_eq!(acks.deadline(), Some(at(210)));
        acks.on_packet(at(20), false);
        assert!(acks.is_due());
        assert_eq!(acks.deadline(), None);
    }

    #[test]
    fn a_single_packet_is_acknowledged_after_the_delay() {
        let mut acks = AckPolicy::new(DELAY);
        acks.on_packet(at(0), false);
        acks.sent();
        acks.on_packet(at(10), false);
        assert!(!acks.on_timer(at(209)));
        assert!(acks.on_timer(at(210)) && acks.is_due());
    }

    #[test]
    fn what_is_urgent_does_not_wait() {
        let mut acks = AckPolicy::new(DELAY);
        acks.on_packet(at(0), false);
        acks.sent();
        acks.on_packet(at(10), true);
        assert!(acks.is_due());
    }

    #[test]
    fn time_alone_acknowledges_nothing() {
        let mut acks = AckPolicy::new(DELAY);
        assert!(!acks.on_timer(at(10_000)) && !acks.is_pending() && acks.deadline().is_none());
    }
}
