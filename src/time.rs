//! Instants on the caller's timeline, deadlines and the one clock the crate offers.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "StdClock, which callers start, lives here"
)]

use core::fmt;
use core::ops::{Add, AddAssign, Sub};
use core::time::Duration;

/// A point on the caller's monotonic timeline, in nanoseconds since an epoch the caller chose.
///
/// ```
/// use antiphon::Instant;
/// use core::time::Duration;
///
/// let start = Instant::ZERO;
/// let later = start + Duration::from_millis(20);
/// assert_eq!(later.saturating_duration_since(start), Duration::from_millis(20));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(u64);

impl Instant {
    /// The epoch.
    pub const ZERO: Self = Self(0);
    /// The last instant there is.
    pub const MAX: Self = Self(u64::MAX);

    /// The instant `nanos` nanoseconds after the epoch.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the epoch.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time since `earlier`, or zero if that is later.
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}s", self.0 / 1_000_000_000, self.0 % 1_000_000_000)
    }
}

/// A duration in whole nanoseconds, cut at `u64::MAX` (584 years).
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Saturates.
impl Add<Duration> for Instant {
    type Output = Self;
    fn add(self, after: Duration) -> Self {
        Self(self.0.saturating_add(nanos(after)))
    }
}

/// Saturates.
impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, after: Duration) {
        *self = *self + after;
    }
}

/// Saturates at [`Instant::ZERO`].
impl Sub<Duration> for Instant {
    type Output = Self;
    fn sub(self, before: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(before)))
    }
}

/// The sooner of two deadlines, where `None` is never. (`Option::min` gets this wrong: it prefers `None`.)
pub fn earliest(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, None) | (None, one) => one,
    }
}

/// A deadline one machine owns. Not `Copy`, so it cannot be set on a copy by mistake.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timer {
    at: Option<Instant>,
}

impl Timer {
    /// A timer that is not running.
    pub const fn stopped() -> Self {
        Self { at: None }
    }

    /// Starts the timer, or moves it.
    pub fn set(&mut self, at: Instant) {
        self.at = Some(at);
    }

    /// Stops the timer.
    pub fn stop(&mut self) {
        self.at = None;
    }

    /// When it is due, if it runs.
    pub const fn at(&self) -> Option<Instant> {
        self.at
    }

    /// Whether it runs.
    pub const fn is_running(&self) -> bool {
        self.at.is_some()
    }

    /// True once when due; the timer is then stopped.
    pub fn take_due(&mut self, now: Instant) -> bool {
        let due = self.at.is_some_and(|at| at <= now);
        if due {
            self.at = None;
        }
        due
    }
}

/// The latest `now` a machine has seen: law 1 in one place.
#[derive(Clone, Debug)]
pub struct Latest {
    now: Instant,
    jumps: u64,
}

impl Latest {
    /// The largest step forward that is believed.
    pub const MAX_STEP: Duration = Duration::from_secs(30 * 24 * 3600);

    /// Starts at `now`.
    pub const fn new(now: Instant) -> Self {
        Self { now, jumps: 0 }
    }

    /// Takes a caller's `now` and returns the one to use: never earlier than before, never more than
    /// [`Latest::MAX_STEP`] later.
    pub fn advance(&mut self, now: Instant) -> Instant {
        let limit = self.now + Self::MAX_STEP;
        if now > limit {
            self.jumps += 1;
            self.now = limit;
        } else if now > self.now {
            self.now = now;
        }
        self.now
    }

    /// The latest instant seen.
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// How many steps forward were cut.
    pub const fn jumps(&self) -> u64 {
        self.jumps
    }
}

/// The system's monotonic clock as [`Instant`]s. For callers: the crate itself never reads it.
///
/// ```
/// let clock = antiphon::StdClock::start();
/// let now = clock.now();
/// assert!(clock.until(Some(now)).is_some_and(|wait| !wait.is_zero()));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct StdClock {
    start: std::time::Instant,
}

impl StdClock {
    /// A clock whose epoch is one second before this call, so that early instants can be subtracted from.
    pub fn start() -> Self {
        Self { start: std::time::Instant::now() }
    }

    /// The present instant.
    pub fn now(&self) -> Instant {
        Instant::from_nanos(nanos(self.start.elapsed()).saturating_add(1_000_000_000))
    }

    /// How long to sleep until `deadline`: `None` for ever, never zero (which `set_read_timeout` refuses).
    pub fn until(&self, deadline: Option<Instant>) -> Option<Duration> {
        deadline.map(|at| at.saturating_duration_since(self.now()).max(Duration::from_micros(1)))
    }

    /// The wall clock, as the time since 1970.
    pub fn unix_time() -> Duration {
        std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_is_later_than_any_deadline() {
        let at = Some(Instant::from_nanos(5));
        assert_eq!(earliest(at, None), at);
        assert_eq!(earliest(None, at), at);
        assert_eq!(earliest(at, Some(Instant::from_nanos(4))), Some(Instant::from_nanos(4)));
    }

    #[test]
    fn a_due_timer_is_taken_once() {
        let mut timer = Timer::stopped();
        timer.set(Instant::from_nanos(5));
        assert!(!timer.take_due(Instant::from_nanos(4)));
        assert!(timer.take_due(Instant::from_nanos(5)));
        assert!(!timer.take_due(Instant::from_nanos(6)));
    }

    #[test]
    fn time_neither_goes_back_nor_leaps() {
        let mut latest = Latest::new(Instant::from_nanos(10));
        assert_eq!(latest.advance(Instant::from_nanos(5)), Instant::from_nanos(10));
        assert_eq!(latest.jumps(), 0);
        assert_eq!(latest.advance(Instant::MAX), Instant::from_nanos(10) + Latest::MAX_STEP);
        assert_eq!(latest.jumps(), 1);
    }
}
