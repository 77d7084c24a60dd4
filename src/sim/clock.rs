//! The clocks of hosts: ahead or behind, fast or slow, and moved while they run.

use core::time::Duration;

use crate::time::Instant;

/// A host's clock, as a value: how far it is from the network's and how fast it runs.
///
/// ```
/// use antiphon::sim::Clock;
/// use core::time::Duration;
///
/// let phone = Clock::new().ahead(Duration::from_secs(3600)).skew_ppm(-200);
/// assert_ne!(phone, Clock::new());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    ahead: Duration,
    behind: Duration,
    skew_ppm: i32,
}

impl Clock {
    /// The network's own.
    pub const fn new() -> Self {
        Self { ahead: Duration::ZERO, behind: Duration::ZERO, skew_ppm: 0 }
    }

    /// Starts ahead by so much.
    #[must_use]
    pub const fn ahead(mut self, by: Duration) -> Self {
        self.ahead = by;
        self
    }

    /// Starts behind by so much; no clock is before its epoch, which is a second before the network's start.
    #[must_use]
    pub const fn behind(mut self, by: Duration) -> Self {
        self.behind = by;
        self
    }

    /// Runs fast by so many parts of a million, or slow where negative. Quartz keeps to ±100, bad ones to ±500.
    ///
    /// # Panics
    /// Beyond ±100 000: that is no clock.
    #[must_use]
    pub const fn skew_ppm(mut self, ppm: i32) -> Self {
        assert!(ppm.abs() <= 100_000, "a clock's skew is at most a tenth");
        self.skew_ppm = ppm;
        self
    }
}

/// A [`Clock`] that runs: a line through one point of both timelines.
#[derive(Clone, Copy, Debug)]
pub(super) struct LocalClock {
    network: Instant,
    host: Instant,
    skew_ppm: i32,
}

const MILLION: i128 = 1_000_000;

impl LocalClock {
    pub(super) fn new(now: Instant, clock: Clock) -> Self {
        Self { network: now, host: now + clock.ahead - clock.behind, skew_ppm: clock.skew_ppm }
    }

    /// What it shows when the network's clock shows `network`.
    pub(super) fn at(&self, network: Instant) -> Instant {
        let passed = network.saturating_duration_since(self.network);
        if self.skew_ppm == 0 {
            return self.host + passed;
        }
        self.host + self.stretched(passed)
    }

    fn stretched(&self, passed: Duration) -> Duration {
        let nanos = i128::try_from(passed.as_nanos()).unwrap_or(i128::MAX / MILLION / 2);
        nanoseconds(nanos + nanos * i128::from(self.skew_ppm) / MILLION)
    }

    /// The first instant of the network at which it shows `host` or later.
    pub(super) fn when(&self, host: Instant) -> Instant {
        let wanted = host.saturating_duration_since(self.host);
        if self.skew_ppm == 0 {
            return self.network + wanted;
        }
        let nanos = i128::try_from(wanted.as_nanos()).unwrap_or(i128::MAX / MILLION / 2);
        let mut passed = nanos * MILLION / (MILLION + i128::from(self.skew_ppm));
        // Rounding leaves it a few nanoseconds off.
        while passed > 0 && self.stretched(nanoseconds(passed - 1)) >= wanted {
            passed -= 1;
        }
        while self.stretched(nanoseconds(passed)) < wanted {
            passed += 1;
        }
        self.network + nanoseconds(passed)
    }

    /// Moves the hands.
    pub(super) fn jump(&mut self, now: Instant, forward: bool, by: Duration) {
        let shows = self.at(now);
        self.network = now;
        self.host = if forward { shows + by } else { shows - by };
    }

    /// Lets it stand still for so long.
    pub(super) fn stop(&mut self, now: Instant, time: Duration) {
        let shows = self.at(now);
        self.network = now + time;
        self.host = shows;
    }
}

fn nanoseconds(nanos: i128) -> Duration {
    Duration::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn a_fast_clock_gains_and_a_slow_one_loses() {
        let clock = |ppm| LocalClock::new(at(1), Clock::new().skew_ppm(ppm));
        assert_eq!(clock(500).at(at(2001)), at(2002));
        assert_eq!(clock(-500).at(at(2001)), at(2000));
    }

    #[test]
    fn when_is_the_first_instant_that_shows_it() {
        for ppm in [-500, -3, 1, 77, 500, 100_000, -100_000] {
            let clock = LocalClock::new(at(1), Clock::new().ahead(Duration::from_secs(9)).skew_ppm(ppm));
            for nanos in [0, 1, 2, 999, 1_000_001, 123_456_789_012, 86_400_000_000_001] {
                let wanted = at(10) + Duration::from_nanos(nanos);
                let when = clock.when(wanted);
                assert!(clock.at(when) >= wanted, "{ppm} ppm, {nanos} ns");
                let before = when - Duration::from_nanos(1);
                assert!(when == at(1) || clock.at(before) < wanted, "{ppm} ppm, {nanos} ns");
            }
        }
    }

    #[test]
    fn a_jump_moves_the_hands_and_no_deadline_with_them() {
        let mut clock = LocalClock::new(at(1), Clock::new());
        clock.jump(at(5), true, Duration::from_secs(100));
        assert_eq!((clock.at(at(5)), clock.at(at(6))), (at(105), at(106)));
        assert_eq!(clock.when(at(50)), at(5), "what lies behind is due");
        clock.jump(at(6), false, Duration::from_secs(6));
        assert_eq!(clock.at(at(6)), at(100));
    }
}
