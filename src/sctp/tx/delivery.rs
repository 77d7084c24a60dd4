//! How delivery goes: the running counts that each chunk takes a copy of when it leaves.

use super::congestion::Delivery;
use crate::time::Instant;

/// Where delivery stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress {
    /// Payload bytes acknowledged so far.
    pub(crate) delivered: u64,
    delivered_at: Instant,
    first_sent_at: Instant,
    /// Until so much is delivered, the pace is the application's.
    app_limited_until: u64,
}

impl Progress {
    /// A chunk leaves; `first`: nothing else is in flight.
    pub(crate) fn departure(&mut self, now: Instant, first: bool, repeated: bool) -> Delivery {
        if first {
            self.first_sent_at = now;
            self.delivered_at = now;
        }
        Delivery {
            sent_at: now,
            delivered: self.delivered,
            delivered_at: self.delivered_at,
            first_sent_at: self.first_sent_at,
            app_limited: self.app_limited_until > self.delivered,
            repeated,
        }
    }

    /// `bytes` were acknowledged, the newest of them sent at `newest`.
    pub(crate) fn acknowledged(&mut self, now: Instant, bytes: usize, newest: Option<Instant>) {
        if bytes > 0 {
            self.delivered += bytes as u64;
            self.delivered_at = now;
            self.first_sent_at = newest.unwrap_or(self.first_sent_at);
        }
    }

    /// All there is, `bytes`, fits the window: it measures the application, not the path.
    pub(crate) const fn app_limited(&mut self, bytes: usize) {
        self.app_limited_until = self.delivered + bytes as u64;
    }
}
