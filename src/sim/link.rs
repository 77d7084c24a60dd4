//! What one direction of a link does to datagrams, as a plain value.

use core::time::Duration;

use super::chance::Chance;
use crate::base::bitrate::Bitrate;

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
    pub(super) delay: Duration,
    pub(super) jitter: Duration,
    pub(super) loss: Chance,
    pub(super) bursts: Option<Bursts>,
    pub(super) outages: Option<Outages>,
    pub(super) drop_first: u64,
    /// Sorted positions of the datagrams to drop.
    pub(super) drop_exactly: Vec<u64>,
    pub(super) duplicate: Chance,
    pub(super) duplicate_within: Duration,
    pub(super) reorder: Chance,
    pub(super) reorder_by: Duration,
    pub(super) overtake: (Chance, u32),
    pub(super) corrupt: Chance,
    pub(super) truncate: Chance,
    pub(super) extend: Chance,
    /// The bottleneck and the bytes that may wait before it.
    pub(super) rate: Option<(Bitrate, u64)>,
    pub(super) codel: Option<CodelTarget>,
    pub(super) mtu: usize,
    pub(super) mtu_reported: bool,
    pub(super) mark: Chance,
    pub(super) ecn: EcnTreatment,
}

/// The two states of Gilbert and Elliott: good, in which nothing is lost, and bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bursts {
    pub(super) enter: Chance,
    pub(super) leave: Chance,
    pub(super) loss: Chance,
}

/// Silence that comes again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outages {
    pub(super) every: Duration,
    pub(super) lasting: Duration,
}

/// The two values of RFC 8289.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CodelTarget {
    pub(super) target: Duration,
    pub(super) interval: Duration,
}

/// What happens to the ECN field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EcnTreatment {
    /// It is left as it is, except where the link marks.
    Pass,
    /// Cleared: a router of the old school.
    Bleach,
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
            bursts: None,
            outages: None,
            drop_first: 0,
            drop_exactly: Vec::new(),
            duplicate: Chance::NEVER,
            duplicate_within: DUPLICATE_WITHIN,
            reorder: Chance::NEVER,
            reorder_by: Duration::ZERO,
            overtake: (Chance::NEVER, 0),
            corrupt: Chance::NEVER,
            truncate: Chance::NEVER,
            extend: Chance::NEVER,
            rate: None,
            codel: None,
            mtu: usize::MAX,
            mtu_reported: false,
            mark: Chance::NEVER,
            ecn: EcnTreatment::Pass,
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

    /// Loses datagrams in bursts (Gilbert and Elliott): with each datagram a bad spell begins with chance `enter` and ends
    /// with chance `leave`; while it lasts, datagrams are lost with chance `loss`.
    #[must_use]
    pub const fn bursty_loss(mut self, enter: Chance, leave: Chance, loss: Chance) -> Self {
        self.bursts = Some(Bursts { enter, leave, loss });
        self
    }

    /// Loses everything for `lasting` at the beginning of every `every`: the scan of a radio.
    #[must_use]
    pub const fn outages(mut self, every: Duration, lasting: Duration) -> Self {
        self.outages = Some(Outages { every, lasting });
        self
    }

    /// Drops the first so many datagrams, counted from when the link came into force.
    #[must_use]
    pub const fn drop_first(mut self, datagrams: u64) -> Self {
        self.drop_first = datagrams;
        self
    }

    /// Drops the datagrams at these positions and no others, counted from 0 when the link came into force.
    #[must_use]
    pub fn drop_exactly(mut self, positions: &[u64]) -> Self {
        self.drop_exactly = positions.to_vec();
        self.drop_exactly.sort_unstable();
        self
    }

    /// Delivers a second copy, up to 10 ms after the first.
    #[must_use]
    pub const fn duplicate(mut self, duplicate: Chance) -> Self {
        self.duplicate = duplicate;
        self
    }

    /// How long after its original a duplicate may come.
    #[must_use]
    pub const fn duplicate_within(mut self, time: Duration) -> Self {
        self.duplicate_within = time;
        self
    }

    /// Holds a datagram back by up to `by`, so that later ones overtake it.
    #[must_use]
    pub const fn reorder(mut self, reorder: Chance, by: Duration) -> Self {
        self.reorder = reorder;
        self.reorder_by = by;
        self
    }

    /// Holds a datagram back until so many later ones have overtaken it; for a second at most, where there are none.
    #[must_use]
    pub const fn overtake(mut self, chance: Chance, datagrams: u32) -> Self {
        self.overtake = (chance, datagrams);
        self
    }

    /// Flips one to three bits.
    #[must_use]
    pub const fn corrupt(mut self, corrupt: Chance) -> Self {
        self.corrupt = corrupt;
        self
    }

    /// Cuts a datagram off at a random length.
    #[must_use]
    pub const fn truncate(mut self, truncate: Chance) -> Self {
        self.truncate = truncate;
        self
    }

    /// Appends up to 64 random bytes to a datagram.
    #[must_use]
    pub const fn extend(mut self, extend: Chance) -> Self {
        self.extend = extend;
        self
    }

    /// A bottleneck that lets `rate` through, before which `queue` bytes may wait; more are dropped at the tail.
    /// A datagram counts with 28 bytes of IPv4 and UDP headers.
    #[must_use]
    pub const fn rate(mut self, rate: Bitrate, queue: u64) -> Self {
        self.rate = Some((rate, queue));
        self
    }

    /// Manages the queue before the bottleneck by `CoDel` (RFC 8289): what has waited longer than `target` for all of
    /// `interval` is dropped, or marked where it is ECN-capable. 5 ms and 100 ms are usual.
    #[must_use]
    pub const fn codel(mut self, target: Duration, interval: Duration) -> Self {
        self.codel = Some(CodelTarget { target, interval });
        self
    }

    /// Drops datagrams of more than `mtu` bytes (UDP payload) without a word.
    #[must_use]
    pub const fn mtu(mut self, mtu: usize) -> Self {
        self.mtu = mtu;
        self.mtu_reported = false;
        self
    }

    /// Drops datagrams of more than `mtu` bytes and tells their sender so, as ICMP does: see
    /// [`Notice::TooBig`](super::Notice::TooBig).
    #[must_use]
    pub const fn mtu_reported(mut self, mtu: usize) -> Self {
        self.mtu = mtu;
        self.mtu_reported = true;
        self
    }

    /// Marks ECN-capable datagrams as having met congestion.
    #[must_use]
    pub const fn mark(mut self, mark: Chance) -> Self {
        self.mark = mark;
        self
    }

    /// Clears the ECN field.
    #[must_use]
    pub const fn bleach(mut self) -> Self {
        self.ecn = EcnTreatment::Bleach;
        self
    }
}

/// How long a duplicate trails its original at most, unless said otherwise.
const DUPLICATE_WITHIN: Duration = Duration::from_millis(10);
