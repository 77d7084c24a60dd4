//! Asking a peer that has no room whether it has any again (RFC 9260 §6.1 A).

use core::time::Duration;

use crate::time::{Instant, Timer};

/// One chunk may leave although the peer has no room for it: a timeout after that was found out, and later each time.
#[derive(Clone, Debug, Default)]
pub(crate) struct WindowProbe {
    /// Runs while the peer has no room and is not yet to be asked.
    timer: Timer,
    /// The next chunk may leave.
    due: bool,
    /// How often it has been asked since it had room.
    asked: u32,
}

impl WindowProbe {
    pub(crate) const fn deadline(&self) -> Option<Instant> {
        self.timer.at()
    }

    pub(crate) const fn is_waiting(&self) -> bool {
        self.timer.is_running()
    }

    pub(crate) const fn is_due(&self) -> bool {
        self.due
    }

    /// How often the time to wait is to be doubled.
    pub(crate) const fn asked(&self) -> u32 {
        self.asked
    }

    /// The peer has no room for what is next: it is asked after `time`.
    pub(crate) fn wait(&mut self, now: Instant, time: Duration) {
        if !self.due && !self.timer.is_running() {
            self.timer.set(now + time);
        }
    }

    /// Time has come to `now`.
    pub(crate) fn on_timer(&mut self, now: Instant) {
        self.due |= self.timer.take_due(now);
    }

    /// Something has left; whether it was what asks.
    pub(crate) const fn left(&mut self) -> bool {
        let asks = core::mem::replace(&mut self.due, false);
        self.asked = self.asked.saturating_add(asks as u32);
        asks
    }

    /// The peer has room.
    pub(crate) fn end(&mut self) {
        *self = Self::default();
    }
}
