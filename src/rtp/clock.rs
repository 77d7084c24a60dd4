//! Wall clocks and media clocks: NTP time, and what a sender report tells of their relation (RFC 3550 §6.4.1).

use core::time::Duration;

use crate::time::Instant;

/// Seconds from 1900 to 1970.
const NTP_TO_UNIX: u64 = 2_208_988_800;

/// A time of a wall clock: 32.32 fixed point seconds since 1900 (RFC 5905 §6).
///
/// ```
/// use antiphon::rtp::NtpTime;
/// use core::time::Duration;
///
/// let time = NtpTime::from_unix(Duration::from_millis(1500));
/// assert_eq!(time.to_unix(), Duration::from_millis(1500));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NtpTime(pub u64);

impl NtpTime {
    /// The time that long after the beginning of 1970.
    pub fn from_unix(since_1970: Duration) -> Self {
        let seconds = since_1970.as_secs().wrapping_add(NTP_TO_UNIX) & 0xffff_ffff;
        // Half a unit more, so that whole milliseconds survive the way back.
        let nanos = u64::from(since_1970.subsec_nanos());
        let fraction = ((nanos << 32) + 500_000_000) / 1_000_000_000;
        Self((seconds << 32).wrapping_add(fraction))
    }

    /// The time since the beginning of 1970; zero before that.
    pub fn to_unix(self) -> Duration {
        let seconds = (self.0 >> 32).saturating_sub(NTP_TO_UNIX);
        Duration::from_secs(seconds) + fraction_to_duration(self.0 & 0xffff_ffff)
    }

    /// The middle 32 bits, units of 2^-16 seconds.
    pub const fn middle(self) -> u32 {
        #[expect(clippy::cast_possible_truncation, reason = "the middle is what is asked for")]
        let middle = (self.0 >> 16) as u32;
        middle
    }

    /// The time `ticks` of a clock later, or earlier if negative.
    #[must_use]
    pub fn plus_ticks(self, ticks: i64, clock_rate: u32) -> Self {
        let units = (i128::from(ticks) << 32) / i128::from(clock_rate.max(1));
        let units = i64::try_from(units).unwrap_or(if ticks < 0 { i64::MIN } else { i64::MAX });
        Self(self.0.wrapping_add_signed(units))
    }

    /// Ticks of a clock from `earlier` to this time, negative if it is later.
    pub fn ticks_since(self, earlier: Self, clock_rate: u32) -> i64 {
        let units = self.0.wrapping_sub(earlier.0).cast_signed();
        let ticks = (i128::from(units) * i128::from(clock_rate)) >> 32;
        i64::try_from(ticks).unwrap_or_default()
    }
}

/// A fraction of 2^-32 seconds.
fn fraction_to_duration(fraction: u64) -> Duration {
    Duration::from_nanos((fraction * 1_000_000_000 + (1 << 31)) >> 32)
}

/// A time of 2^-16 seconds, as reports tell delays, as a duration.
pub(super) fn from_short(units: u32) -> Duration {
    Duration::from_nanos((u64::from(units) * 1_000_000_000) >> 16)
}

/// A duration in units of 2^-16 seconds, cut at what 32 bits hold.
pub(super) fn to_short(duration: Duration) -> u32 {
    u32::try_from((duration.as_nanos() << 16) / 1_000_000_000).unwrap_or(u32::MAX)
}

/// Ticks of a media clock in a duration, modulo 2^32.
pub(super) fn ticks(duration: Duration, clock_rate: u32) -> u32 {
    let seconds = duration.as_secs().wrapping_mul(u64::from(clock_rate));
    let part = u64::from(duration.subsec_nanos()) * u64::from(clock_rate) / 1_000_000_000;
    #[expect(clippy::cast_possible_truncation, reason = "timestamps wrap")]
    let ticks = seconds.wrapping_add(part) as u32;
    ticks
}

/// What the caller said the wall clock is, continued.
#[derive(Clone, Debug)]
pub(super) struct WallClock {
    at: Instant,
    unix_time: Duration,
    /// What was asked last, and what it was: packets of a frame are written at one time.
    last: Option<(Instant, NtpTime)>,
}

impl WallClock {
    pub(super) const fn new(at: Instant, unix_time: Duration) -> Self {
        Self { at, unix_time, last: None }
    }

    pub(super) fn ntp(&self, now: Instant) -> NtpTime {
        NtpTime::from_unix(self.unix_time.saturating_add(now.saturating_duration_since(self.at)))
    }

    /// The same, remembered.
    pub(super) fn ntp_again(&mut self, now: Instant) -> NtpTime {
        if let Some((at, ntp)) = self.last
            && at == now
        {
            return ntp;
        }
        let ntp = self.ntp(now);
        self.last = Some((now, ntp));
        ntp
    }
}

/// A wall clock and a media clock at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClockPair {
    pub(super) ntp: NtpTime,
    pub(super) timestamp: u32,
}

impl ClockPair {
    /// The wall clock when the media clock showed `timestamp`, within 2^31 ticks of this pair.
    pub(super) fn ntp_at(self, timestamp: u32, clock_rate: u32) -> NtpTime {
        let ticks = timestamp.wrapping_sub(self.timestamp).cast_signed();
        self.ntp.plus_ticks(i64::from(ticks), clock_rate)
    }

    /// What the media clock shows at `ntp`.
    pub(super) fn timestamp_at(self, ntp: NtpTime, clock_rate: u32) -> u32 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "timestamps wrap")]
        let ticks = ntp.ticks_since(self.ntp, clock_rate) as u32;
        self.timestamp.wrapping_add(ticks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ntp_counts_from_1900() {
        assert_eq!(NtpTime::from_unix(Duration::ZERO).0 >> 32, NTP_TO_UNIX);
        assert_eq!(NtpTime(5).to_unix(), Duration::from_nanos(1));
    }

    #[test]
    fn a_pair_maps_both_ways_across_the_wrap() {
        let pair = ClockPair { ntp: NtpTime(1000 << 32), timestamp: u32::MAX - 8_999 };
        assert_eq!(pair.ntp_at(36_000, 90_000), NtpTime((1000 << 32) + (1 << 31)));
        assert_eq!(pair.timestamp_at(NtpTime((1000 << 32) + (1 << 31)), 90_000), 36_000);
        assert_eq!(pair.ntp_at(pair.timestamp.wrapping_sub(90_000), 90_000), NtpTime(999 << 32));
    }

    #[test]
    fn ticks_of_a_duration() {
        assert_eq!(ticks(Duration::from_millis(20), 48_000), 960);
        // 9 000 000 000 less two wraps of 2^32.
        assert_eq!(ticks(Duration::from_secs(100_000), 90_000), 410_065_408);
        assert_eq!(
            (to_short(Duration::from_millis(500)), from_short(1 << 15)),
            (1 << 15, Duration::from_millis(500))
        );
    }

    proptest! {
        #[test]
        fn milliseconds_survive_ntp(millis in 0_u64..2_000_000_000_000) {
            let unix = Duration::from_millis(millis);
            let back = NtpTime::from_unix(unix).to_unix();
            prop_assert!(back.abs_diff(unix) <= Duration::from_nanos(1));
        }
    }
}
