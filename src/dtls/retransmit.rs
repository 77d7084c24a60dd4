//! When to repeat a flight (RFC 6347 §4.2.4).
//!
//! Where the round trip has been measured, as ICE has by then, the timeout stays what it is for a while before it doubles: a handshake is a few
//! datagrams on a path whose checks have just been answered, and with three in ten of them lost the plain doubling leaves one handshake in a
//! hundred waiting for more than ten seconds.

use core::time::Duration;

use crate::base::limits::DTLS_HELD_EXPIRIES;
use crate::time::{Instant, Timer};

/// The retransmission timer of the present flight.
#[derive(Clone, Debug)]
pub(super) struct Retransmit {
    initial: Duration,
    max: Duration,
    max_expiries: u32,
    /// The first timeout is of a measured round trip.
    measured: bool,
    /// Expiries of this flight.
    expiries: u32,
    started_at: Instant,
    timer: Timer,
    suspended: bool,
}

/// What an expiry means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expiry {
    /// The flight is to be repeated.
    Repeat,
    /// It was repeated often enough.
    GiveUp,
}

impl Retransmit {
    pub(super) const fn new(initial: Duration, max: Duration, max_expiries: u32) -> Self {
        let timer = Timer::stopped();
        let started_at = Instant::ZERO;
        Self { initial, max, max_expiries, measured: false, expiries: 0, started_at, timer, suspended: false }
    }

    /// Expiries at which the timeout does not double.
    const fn held(&self) -> u32 {
        if self.measured { DTLS_HELD_EXPIRIES } else { 0 }
    }

    /// How often the timeout has doubled.
    const fn doublings(&self) -> u32 {
        self.expiries.saturating_sub(self.held())
    }

    /// The timeout in force.
    fn timeout(&self) -> Duration {
        let factor = 1_u32.checked_shl(self.doublings()).unwrap_or(u32::MAX);
        self.initial.saturating_mul(factor).min(self.max)
    }

    /// How often the present flight's timer has expired.
    pub(super) const fn expiries(&self) -> u32 {
        self.expiries
    }

    /// A new flight begins: nothing has expired, and the timeout is the first one again.
    pub(super) fn begin(&mut self, now: Instant) {
        self.expiries = 0;
        self.rearm(now);
    }

    /// The flight was repeated: the timeout counts from now.
    pub(super) fn rearm(&mut self, now: Instant) {
        self.started_at = now;
        self.timer.set(now + self.timeout());
    }

    pub(super) const fn is_running(&self) -> bool {
        self.timer.is_running()
    }

    pub(super) fn stop(&mut self) {
        self.timer.stop();
    }

    /// Changes the first timeout to one of a measured round trip. A running timer counts from where it began, and may be due at once.
    pub(super) fn set_initial(&mut self, initial: Duration) {
        self.initial = initial.max(Duration::from_millis(1));
        self.measured = true;
        if self.timer.is_running() {
            self.timer.set(self.started_at + self.timeout());
        }
    }

    /// While suspended the timer neither fires nor is waited for.
    pub(super) fn suspend(&mut self, suspended: bool) {
        self.suspended = suspended;
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        if self.suspended { None } else { self.timer.at() }
    }

    /// What is due, once.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Expiry> {
        if self.suspended || !self.timer.take_due(now) {
            return None;
        }
        self.expiries += 1;
        if self.expiries >= self.max_expiries.saturating_add(self.held()) {
            return Some(Expiry::GiveUp);
        }
        self.rearm(now);
        Some(Expiry::Repeat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    fn started(initial: u64) -> Retransmit {
        let mut retransmit = Retransmit::new(Duration::from_millis(initial), Duration::from_secs(60), 13);
        retransmit.begin(at(0));
        retransmit
    }

    #[test]
    fn the_timeout_doubles_to_a_minute_and_the_thirteenth_expiry_gives_up() {
        let mut retransmit = started(400);
        let mut now = 0;
        for expiry in 1..=13_u32 {
            now += (400 << (expiry - 1)).min(60_000);
            assert_eq!(retransmit.deadline(), Some(at(now)));
            let wanted = if expiry == 13 { Expiry::GiveUp } else { Expiry::Repeat };
            assert_eq!(retransmit.take_due(at(now)), Some(wanted));
        }
        assert_eq!(retransmit.deadline(), None);
    }

    #[test]
    fn a_measured_round_trip_holds_the_timeout_back_for_a_while() {
        let mut retransmit = started(1000);
        retransmit.set_initial(Duration::from_millis(150));
        let mut now = 0;
        for _ in 0..DTLS_HELD_EXPIRIES {
            now += 150;
            assert_eq!(retransmit.deadline(), Some(at(now)));
            assert_eq!(retransmit.take_due(at(now)), Some(Expiry::Repeat));
        }
        for expiry in 1..=13_u32 {
            now += (150 << (expiry - 1)).min(60_000);
            assert_eq!(retransmit.deadline(), Some(at(now)));
            let wanted = if expiry == 13 { Expiry::GiveUp } else { Expiry::Repeat };
            assert_eq!(retransmit.take_due(at(now)), Some(wanted));
        }
        assert_eq!(retransmit.deadline(), None);
    }

    #[test]
    fn a_timer_long_overdue_fires_once_and_counts_from_now() {
        let mut retransmit = started(1000);
        assert_eq!(retransmit.take_due(at(100_000)), Some(Expiry::Repeat));
        assert_eq!(retransmit.take_due(at(100_000)), None);
        assert_eq!(retransmit.deadline(), Some(at(102_000)));
    }

    #[test]
    fn a_new_first_timeout_counts_from_where_the_running_one_began() {
        let mut retransmit = started(1000);
        assert_eq!(retransmit.take_due(at(1000)), Some(Expiry::Repeat));
        retransmit.set_initial(Duration::from_millis(100));
        assert_eq!(retransmit.deadline(), Some(at(1100)));
        retransmit.begin(at(2000));
        assert_eq!(retransmit.deadline(), Some(at(2100)));
    }

    #[test]
    fn a_suspended_timer_is_not_waited_for() {
        let mut retransmit = started(1000);
        retransmit.suspend(true);
        assert_eq!((retransmit.deadline(), retransmit.take_due(at(5000))), (None, None));
        retransmit.suspend(false);
        assert_eq!(retransmit.take_due(at(5000)), Some(Expiry::Repeat));
    }
}
