//! A [`Link`] in force: its bottleneck, its order and its bad spells.

use core::time::Duration;

use super::chance::draw;
use super::codel::Codel;
use super::link::{EcnTreatment, Link};
use super::seed::Dice;
use crate::base::bitrate::Bitrate;
use crate::net::Ecn;
use crate::time::Instant;

/// Bytes of IPv4 and UDP headers about a datagram.
const HEADERS: u64 = 28;
/// How long a datagram waits at most for later ones to overtake it.
const HELD_AT_MOST: Duration = Duration::from_secs(1);

/// Why a datagram did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// [`Link::loss`], [`Link::bursty_loss`] or [`Link::outages`].
    Loss,
    /// [`Link::drop_first`] or [`Link::drop_exactly`].
    Chosen,
    /// The queue before the bottleneck was full.
    Overflow,
    /// [`Link::codel`].
    Codel,
    /// Longer than [`Link::mtu`].
    TooLong,
    /// Nobody has the address it is for, or its sender has not the one it is from.
    Unroutable,
    /// A NAT or firewall let it not through.
    Nat,
    /// The two hosts were parted.
    Partition,
    /// The receiver's radio was off, or its socket's buffer was full.
    Asleep,
}

/// What is done to a datagram's bytes on the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Harm {
    pub(super) corrupt: bool,
    pub(super) truncate: bool,
    pub(super) extend: bool,
}

/// A datagram that arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Delivery {
    pub(super) at: Instant,
    /// When it arrives once more.
    pub(super) again: Option<Instant>,
    pub(super) ecn: Ecn,
    pub(super) harm: Harm,
    /// It waits until so many have overtaken it, and arrives at `at` if they do not.
    pub(super) held_for: u32,
}

/// What becomes of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Arrives(Delivery),
    Dropped(DropReason),
}

/// A datagram that waits to be overtaken: its place, its serial number and how many are still to come.
#[derive(Clone, Copy, Debug)]
struct Held {
    slot: usize,
    serial: u64,
    left: u32,
}

/// A [`Link`] in force.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    link: Link,
    dice: Dice,
    /// When the bottleneck has sent all that waits.
    free_at: Instant,
    /// The arrival before which no datagram of later sending may come, unless reordered.
    last_arrival: Instant,
    /// Datagrams since the link came into force.
    carried: u64,
    in_bad_spell: bool,
    codel: Codel,
    held: Vec<Held>,
}

impl Wire {
    pub(super) fn new(link: Link, dice: Dice) -> Self {
        Self {
            link,
            dice,
            free_at: Instant::ZERO,
            last_arrival: Instant::ZERO,
            carried: 0,
            in_bad_spell: false,
            codel: Codel::default(),
            held: Vec::new(),
        }
    }

    /// Changes what the link does; datagrams on their way are not touched. Returns what it did before.
    pub(super) fn set(&mut self, link: Link) -> Link {
        self.carried = 0;
        self.in_bad_spell = false;
        core::mem::replace(&mut self.link, link)
    }

    /// Whether too long a datagram is reported to its sender, and the length that is not.
    pub(super) fn reports_mtu(&self) -> Option<usize> {
        self.link.mtu_reported.then_some(self.link.mtu)
    }

    /// One way without a queue.
    pub(super) const fn delay(&self) -> Duration {
        self.link.delay
    }

    /// Decides about a datagram of `len` bytes sent `now`.
    pub(super) fn carry(&mut self, now: Instant, len: usize, ecn: Ecn) -> Fate {
        let position = self.carried;
        self.carried += 1;
        if position < self.link.drop_first || self.link.drop_exactly.binary_search(&position).is_ok() {
            return Fate::Dropped(DropReason::Chosen);
        }
        if len > self.link.mtu {
            return Fate::Dropped(DropReason::TooLong);
        }
        if self.loses(now) {
            return Fate::Dropped(DropReason::Loss);
        }
        let mut ecn = match self.link.ecn {
            EcnTreatment::Pass => ecn,
            EcnTreatment::Bleach => Ecn::NotEct,
        };
        let departure = match self.pass_bottleneck(now, len, &mut ecn) {
            Ok(departure) => departure,
            Err(drop) => return Fate::Dropped(drop),
        };
        if self.link.mark.happens(&mut self.dice) {
            ecn = marked(ecn);
        }
        let arrival = departure + self.link.delay + draw(self.link.jitter, &mut self.dice);
        Fate::Arrives(self.deliver(arrival, ecn))
    }

    /// The datagram gets through: when, how often and how whole.
    fn deliver(&mut self, arrival: Instant, ecn: Ecn) -> Delivery {
        let dice = &mut self.dice;
        let (chance, overtaken) = self.link.overtake;
        let held_for = if chance.happens(dice) { overtaken } else { 0 };
        let at = if held_for > 0 {
            arrival + HELD_AT_MOST
        } else if self.link.reorder.happens(dice) {
            arrival + draw(self.link.reorder_by, dice)
        } else {
            self.last_arrival = self.last_arrival.max(arrival);
            self.last_arrival
        };
        let again =
            self.link.duplicate.happens(dice).then(|| arrival + draw(self.link.duplicate_within, dice));
        let harm = Harm {
            corrupt: self.link.corrupt.happens(dice),
            truncate: self.link.truncate.happens(dice),
            extend: self.link.extend.happens(dice),
        };
        Delivery { at, again, ecn, harm, held_for }
    }

    fn loses(&mut self, now: Instant) -> bool {
        if let Some(outages) = self.link.outages {
            let phase = u128::from(now.as_nanos()) % outages.every.as_nanos().max(1);
            if phase < outages.lasting.as_nanos() {
                return true;
            }
        }
        if let Some(bursts) = self.link.bursts {
            let turn = if self.in_bad_spell { bursts.leave } else { bursts.enter };
            self.in_bad_spell ^= turn.happens(&mut self.dice);
            if self.in_bad_spell && bursts.loss.happens(&mut self.dice) {
                return true;
            }
        }
        self.link.loss.happens(&mut self.dice)
    }

    /// When the datagram has left the queue and the bottleneck behind.
    fn pass_bottleneck(&mut self, now: Instant, len: usize, ecn: &mut Ecn) -> Result<Instant, DropReason> {
        let Some((rate, queue)) = self.link.rate else { return Ok(now) };
        let size = u64::try_from(len).unwrap_or(u64::MAX).saturating_add(HEADERS);
        let wait = self.free_at.saturating_duration_since(now);
        if bytes_in(wait, rate).saturating_add(size) > queue {
            return Err(DropReason::Overflow);
        }
        let leaves = self.free_at.max(now);
        if let Some(conf) = self.link.codel
            && self.codel.drops(conf, leaves, wait)
        {
            if *ecn == Ecn::NotEct {
                return Err(DropReason::Codel);
            }
            *ecn = Ecn::Ce;
        }
        self.free_at = leaves + rate.time_for(size);
        Ok(self.free_at)
    }

    /// Remembers a datagram that waits to be overtaken.
    pub(super) fn hold(&mut self, slot: usize, serial: u64, overtaken: u32) {
        self.held.push(Held { slot, serial, left: overtaken });
    }

    /// Another datagram arrives; tells those that have waited for it.
    pub(super) fn overtake(&mut self, mut release: impl FnMut(usize, u64)) {
        if self.held.is_empty() {
            return;
        }
        self.held.iter_mut().for_each(|held| held.left = held.left.saturating_sub(1));
        self.held.retain(|held| {
            if held.left == 0 {
                release(held.slot, held.serial);
            }
            held.left > 0
        });
    }

    /// Does to the bytes what was decided. Returns their new length.
    pub(super) fn harm(&mut self, harm: Harm, bytes: &mut Vec<u8>, len: usize) -> usize {
        let mut len = len;
        if harm.truncate {
            len = self.index(len);
        }
        if harm.extend {
            for _ in 0..=self.index(64) {
                let byte = self.dice.draw().to_le_bytes()[0];
                if len < bytes.len() {
                    bytes[len] = byte;
                } else {
                    bytes.push(byte);
                }
                len += 1;
            }
        }
        if harm.corrupt && len > 0 {
            for _ in 0..=self.index(3) {
                let (at, bit) = (self.index(len), self.index(8));
                bytes[at] ^= 1 << bit;
            }
        }
        len
    }

    fn index(&mut self, bound: usize) -> usize {
        usize::try_from(self.dice.below(bound as u64)).unwrap_or(0)
    }
}

/// What a marking makes of the ECN field: only what is capable can be marked (RFC 3168 §5).
const fn marked(ecn: Ecn) -> Ecn {
    match ecn {
        Ecn::NotEct => Ecn::NotEct,
        Ecn::Ect0 | Ecn::Ect1 | Ecn::Ce => Ecn::Ce,
    }
}

/// How many bytes pass in `time` at `rate`.
fn bytes_in(time: Duration, rate: Bitrate) -> u64 {
    u64::try_from(time.as_nanos().saturating_mul(u128::from(rate.as_bps())) / 8_000_000_000)
        .unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
