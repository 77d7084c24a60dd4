//! Units as types.

use core::fmt;
use core::time::Duration;

/// Bits per second.
///
/// ```
/// use antiphon::base::bitrate::Bitrate;
/// use core::time::Duration;
///
/// let rate = Bitrate::from_bps(8_000_000);
/// assert_eq!(rate.time_for(1_000), Duration::from_millis(1));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Bitrate(u64);

impl Bitrate {
    /// A rate of `bps` bits per second.
    pub const fn from_bps(bps: u64) -> Self {
        Self(bps)
    }

    /// The rate at which `bytes` take `interval`; the largest there is where that is zero.
    pub fn from_bytes_per(bytes: u64, interval: Duration) -> Self {
        let nanos = interval.as_nanos();
        if nanos == 0 {
            return Self(u64::MAX);
        }
        Self(u64::try_from(u128::from(bytes) * 8_000_000_000 / nanos).unwrap_or(u64::MAX))
    }

    /// Bits per second.
    pub const fn as_bps(self) -> u64 {
        self.0
    }

    /// How long `bytes` take at this rate; `Duration::MAX` at a rate of zero.
    pub fn time_for(self, bytes: u64) -> Duration {
        if self.0 == 0 {
            return Duration::MAX;
        }
        let nanos = u128::from(bytes) * 8_000_000_000 / u128::from(self.0);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl fmt::Debug for Bitrate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bit/s", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_and_time_are_inverse() {
        let rate = Bitrate::from_bytes_per(125_000, Duration::from_millis(10));
        assert_eq!(rate, Bitrate::from_bps(100_000_000));
        assert_eq!(rate.time_for(125_000), Duration::from_millis(10));
        assert_eq!(Bitrate::from_bytes_per(1, Duration::ZERO).as_bps(), u64::MAX);
        assert_eq!(Bitrate::default().time_for(1), Duration::MAX);
    }
}
