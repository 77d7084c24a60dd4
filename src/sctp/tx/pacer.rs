//! Spreads packets over the round trip.

use core::time::Duration;

use crate::base::limits;
use crate::time::Instant;

/// A virtual schedule: each packet takes its time at the rate, and a packet may leave when the schedule has reached `now`.
///
/// A sender that was not held back may be one burst ahead of the schedule. A caller that comes later than it was told gets the
/// time it missed as credit, up to a limit, so that a coarse clock costs no throughput.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pacer {
    /// When the next packet is due.
    next_at: Instant,
    /// Whether a packet was held back, and until when.
    held_until: Option<Instant>,
}

impl Pacer {
    /// How long `bytes` take at `rate` bytes per second.
    fn time(bytes: usize, rate: u64) -> Duration {
        let nanos = bytes as u128 * 1_000_000_000 / u128::from(rate.max(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Whether a packet may leave; if not, [`Pacer::deadline`] says when.
    pub(crate) fn may_send(&mut self, now: Instant, rate: Option<u64>, burst: usize) -> bool {
        let Some(rate) = rate else {
            self.held_until = None;
            self.next_at = self.next_at.min(now);
            return true;
        };
        let ahead = Self::time(burst, rate);
        let credit = match self.held_until {
            Some(until) if now < until => return false,
            Some(_) => ahead.max(limits::SCTP_PACING_CREDIT),
            None => ahead,
        };
        self.next_at = self.next_at.max(now - credit);
        if self.next_at <= now {
            return true;
        }
        // A few packets together: one wake-up each would cost more than it smooths.
        self.held_until = Some(self.next_at + Self::time(burst / 4, rate));
        false
    }

    /// A packet of `bytes` left.
    pub(crate) fn sent(&mut self, bytes: usize, rate: Option<u64>) {
        self.held_until = None;
        if let Some(rate) = rate {
            self.next_at += Self::time(bytes, rate);
        }
    }

    /// When the packet that was held back may leave.
    pub(crate) const fn deadline(&self) -> Option<Instant> {
        self.held_until
    }

    /// A packet is held back until `at` for another reason than the rate.
    pub(crate) const fn hold(&mut self, at: Instant) {
        self.held_until = Some(at);
    }

    /// Nothing is under way, so there is nothing to spread: the next burst may leave. Were that left to the clock, a sender whose clock has
    /// been set back would wait for as long with every answer in its hands.
    pub(crate) fn rest(&mut self, now: Instant) {
        (self.next_at, self.held_until) = (self.next_at.min(now), None);
    }

    /// There is nothing to hold back.
    pub(crate) const fn release(&mut self) {
        self.held_until = None;
    }
}
