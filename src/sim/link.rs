//! One direction between two hosts: delay, jitter, loss, reordering, duplication, a rate and a drop-tail queue.

use core::time::Duration;

use super::seed::Dice;
use crate::base::bitrate::Bitrate;
use crate::time::Instant;

/// A probability in parts of a million.
///
/// ```
/// use antiphon::sim::Chance;
/// assert_eq!(Chance::percent(1), Chance::ppm(10_000));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Chance(u32);

impl Chance {
    /// It does not happen.
    pub const NEVER: Self = Self(0);
    /// It always happens.
    pub const ALWAYS: Self = Self(1_000_000);

    /// So many times of a hundred.
    pub const fn percent(percent: u32) -> Self {
        Self(percent.saturating_mul(10_000))
    }

    /// So many times of a million.
    pub const fn ppm(ppm: u32) -> Self {
        Self(ppm)
    }

    /// Throws the dice; nothing is drawn for what never happens.
    fn happens(self, dice: &mut Dice) -> bool {
        self.0 > 0 && dice.below(1_000_000) < u64::from(self.0)
    }
}

/// What a link does to datagrams. A plain value; one is in force for each direction between two hosts.
///
/// ```
/// use antiphon::base::bitrate::Bitrate;
/// use antiphon::sim::{Chance, Link};
/// use core::time::Duration;
///
/// let dsl = Link::new()
///     .delay(Duration::from_millis(20))
///     .jitter(Duration::from_millis(3))
///     .loss(Chance::percent(1))
///     .rate(Bitrate::from_bps(16_000_000), 128 * 1024);
/// assert_ne!(dsl, Link::new());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    delay: Duration,
    jitter: Duration,
    loss: Chance,
    duplicate: Chance,
    reorder: Chance,
    reorder_by: Duration,
    /// The bottleneck and the bytes that may wait before it.
    rate: Option<(Bitrate, u64)>,
    mtu: usize,
}

impl Default for Link {
    fn default() -> Self {
        Self::new()
    }
}

impl Link {
    /// A perfect link: no delay, no loss, no limit.
    pub const fn new() -> Self {
        Self {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            loss: Chance::NEVER,
            duplicate: Chance::NEVER,
            reorder: Chance::NEVER,
            reorder_by: Duration::ZERO,
            rate: None,
            mtu: usize::MAX,
        }
    }

    /// A link that carries nothing.
    pub const fn blocked() -> Self {
        Self::new().loss(Chance::ALWAYS)
    }

    /// The time a datagram is on its way, one way.
    #[must_use]
    pub const fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Adds up to this much to the delay, drawn anew for each datagram. Order is kept.
    #[must_use]
    pub const fn jitter(mut self, jitter: Duration) -> Self {
        self.jitter = jitter;
        self
    }

    /// Loses datagrams, each by itself.
    #[must_use]
    pub const fn loss(mut self, loss: Chance) -> Self {
        self.loss = loss;
        self
    }

    /// Delivers a second copy, up to 10 ms after the first.
    #[must_use]
    pub const fn duplicate(mut self, duplicate: Chance) -> Self {
        self.duplicate = duplicate;
        self
    }

    /// Holds a datagram back by up to `by`, so that later ones overtake it.
    #[must_use]
    pub const fn reorder(mut self, reorder: Chance, by: Duration) -> Self {
        self.reorder = reorder;
        self.reorder_by = by;
        self
    }

    /// A bottleneck that lets `rate` through, before which `queue` bytes may wait; more are dropped at the tail.
    /// A datagram counts with 28 bytes of IPv4 and UDP headers.
    #[must_use]
    pub const fn rate(mut self, rate: Bitrate, queue: u64) -> Self {
        self.rate = Some((rate, queue));
        self
    }

    /// Drops datagrams of more than `mtu` bytes (UDP payload) without a word.
    #[must_use]
    pub const fn mtu(mut self, mtu: usize) -> Self {
        self.mtu = mtu;
        self
    }
}

/// Bytes of IPv4 and UDP headers about a datagram.
const HEADERS: u64 = 28;
/// How long a duplicate trails its original at most, in nanoseconds.
const DUPLICATE_TRAIL: u64 = 10_000_000;

/// What became of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It arrives at the instant, and once more at the second.
    Arrives(Instant, Option<Instant>),
    /// Lost at random, or larger than the MTU.
    Lost,
    /// The queue before the bottleneck was full.
    Overflow,
}

/// A [`Link`] in force: its bottleneck's and its order's state.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    link: Link,
    /// When the bottleneck has sent all that waits.
    free_at: Instant,
    /// The arrival before which no datagram of later sending may come, unless reordered.
    last_arrival: Instant,
}

impl Wire {
    pub(super) const fn new(link: Link) -> Self {
        Self { link, free_at: Instant::ZERO, last_arrival: Instant::ZERO }
    }

    /// Changes what the link does; datagrams on their way are not touched.
    pub(super) fn set(&mut self, link: Link) {
        self.link = link;
    }

    /// Decides about a datagram of `len` bytes sent `now`.
    pub(super) fn carry(&mut self, now: Instant, len: usize, dice: &mut Dice) -> Fate {
        if len > self.link.mtu || self.link.loss.happens(dice) {
            return Fate::Lost;
        }
        let mut departure = now;
        if let Some((rate, queue)) = self.link.rate {
            let size = u64::try_from(len).unwrap_or(u64::MAX).saturating_add(HEADERS);
            if bytes_in(self.free_at.saturating_duration_since(now), rate).saturating_add(size) > queue {
                return Fate::Overflow;
            }
            self.free_at = self.free_at.max(now) + rate.time_for(size);
            departure = self.free_at;
        }
        let arrival = departure + self.link.delay + draw(self.link.jitter, dice);
        let arrival = if self.link.reorder.happens(dice) {
            arrival + draw(self.link.reorder_by, dice)
        } else {
            self.last_arrival = self.last_arrival.max(arrival);
            self.last_arrival
        };
        let duplicate = self.link.duplicate.happens(dice);
        Fate::Arrives(arrival, duplicate.then(|| arrival + Duration::from_nanos(dice.below(DUPLICATE_TRAIL))))
    }
}

/// A part of `most`, drawn; nothing is drawn where there is nothing to choose.
fn draw(most: Duration, dice: &mut Dice) -> Duration {
    if most.is_zero() {
        return Duration::ZERO;
    }
    Duration::from_nanos(dice.below(u64::try_from(most.as_nanos()).unwrap_or(u64::MAX)))
}

/// How many bytes pass in `time` at `rate`.
fn bytes_in(time: Duration, rate: Bitrate) -> u64 {
    u64::try_from(time.as_nanos().saturating_mul(u128::from(rate.as_bps())) / 8_000_000_000)
        .unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_nanos(ms * 1_000_000)
    }

    #[test]
    fn a_bottleneck_spaces_datagrams_and_drops_at_the_tail() {
        // 8 Mbit/s is a byte in a microsecond; three datagrams of 972 + 28 bytes fit into 3000 bytes.
        let mut wire =
            Wire::new(Link::new().delay(Duration::from_millis(10)).rate(Bitrate::from_bps(8_000_000), 3000));
        let mut dice = Dice::new(1);
        let fates: Vec<Fate> = (0..4).map(|_| wire.carry(at(0), 972, &mut dice)).collect();
        assert_eq!(fates[0], Fate::Arrives(at(11), None));
        assert_eq!(fates[1], Fate::Arrives(at(12), None));
        assert_eq!(fates[2], Fate::Arrives(at(13), None));
        assert_eq!(fates[3], Fate::Overflow);
        assert_eq!(wire.carry(at(1), 972, &mut dice), Fate::Arrives(at(14), None));
    }

    #[test]
    fn jitter_keeps_the_order_and_reordering_does_not() {
        let mut dice = Dice::new(2);
        let mut arrivals = |link: Link| -> Vec<Instant> {
            let mut wire = Wire::new(link);
            (0..200)
                .filter_map(|ms| match wire.carry(at(ms), 100, &mut dice) {
                    Fate::Arrives(at, _) => Some(at),
                    Fate::Lost | Fate::Overflow => None,
                })
                .collect()
        };
        assert!(arrivals(Link::new().jitter(Duration::from_millis(20))).is_sorted());
        let reordered = arrivals(Link::new().reorder(Chance::percent(20), Duration::from_millis(20)));
        assert_eq!(reordered.len(), 200);
        assert!(!reordered.is_sorted());
    }

    #[test]
    fn loss_is_as_likely_as_it_says() {
        let mut wire = Wire::new(Link::new().loss(Chance::percent(10)));
        let mut dice = Dice::new(3);
        let lost = (0..10_000).filter(|_| wire.carry(at(0), 1, &mut dice) == Fate::Lost).count();
        assert!((900..1100).contains(&lost), "{lost} of 10000 lost");
    }
}
