//! What is missing, and when to ask for it again (RFC 4585 §6.2.1).

use core::mem::size_of;
use core::time::Duration;
use std::collections::VecDeque;

use crate::base::limits;
use crate::base::serial::Seq16;
use crate::time::{Instant, earliest};

/// A packet that has not come.
#[derive(Clone, Debug)]
struct Missing {
    number: u64,
    attempts: u8,
    next_at: Instant,
}

/// The missing packets of one source, the lowest number first.
#[derive(Clone, Debug, Default)]
pub(super) struct NackList {
    missing: VecDeque<Missing>,
    /// No packet is to be asked for before this.
    next_at: Option<Instant>,
}

/// There are more missing packets than are asked for: only a key frame helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMany;

impl NackList {
    /// Adds the packets between two that arrived one after the other.
    pub(super) fn on_gap(&mut self, now: Instant, last: u64, number: u64) -> Result<(), TooMany> {
        let gap = number.saturating_sub(last).saturating_sub(1);
        if gap == 0 {
            return Ok(());
        }
        let room = limits::RTP_NACK_MISSING.saturating_sub(self.missing.len());
        if usize::try_from(gap).map_or(true, |gap| gap > room) {
            self.clear();
            return Err(TooMany);
        }
        let next_at = now + limits::RTP_NACK_DELAY;
        self.missing.extend((last + 1..number).map(|number| Missing { number, attempts: 0, next_at }));
        self.next_at = earliest(self.next_at, Some(next_at));
        Ok(())
    }

    /// A packet arrived; whether it was missing.
    pub(super) fn on_received(&mut self, number: u64) -> bool {
        let found = self.missing.binary_search_by_key(&number, |missing| missing.number);
        let Ok(index) = found else { return false };
        self.missing.remove(index);
        if self.missing.is_empty() {
            self.next_at = None;
        }
        true
    }

    /// Forgets what is below `number`.
    pub(super) fn forget_below(&mut self, number: u64) {
        while self.missing.front().is_some_and(|missing| missing.number < number) {
            self.missing.pop_front();
        }
        if self.missing.is_empty() {
            self.next_at = None;
        }
    }

    pub(super) fn clear(&mut self) {
        self.missing.clear();
        self.next_at = None;
    }

    /// When there is next something to ask for.
    pub(super) const fn next_at(&self) -> Option<Instant> {
        self.next_at
    }

    /// Whether the packet is missing and may still be asked for.
    pub(super) fn is_missing(&self, number: u64) -> bool {
        self.missing.binary_search_by_key(&number, |missing| missing.number).is_ok()
    }

    /// Whether something is to be asked for at `now`.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.next_at.is_some_and(|at| at <= now)
    }

    /// Finds anew when the next is due, where the packets to ask for were not all taken.
    pub(super) fn settle(&mut self) {
        self.next_at = self.missing.iter().map(|missing| missing.next_at).min();
    }

    /// The packets to ask for now, in order. Each is due again a round trip later, then a quarter later each time; after the last attempt
    /// it is forgotten.
    pub(super) fn take_due(
        &mut self,
        now: Instant,
        round_trip: Duration,
    ) -> impl Iterator<Item = Seq16> + '_ {
        let mut index = 0;
        let mut next_at: Option<Instant> = None;
        core::iter::from_fn(move || {
            loop {
                let Some(missing) = self.missing.get_mut(index) else {
                    self.next_at = next_at;
                    return None;
                };
                if missing.next_at > now {
                    next_at = earliest(next_at, Some(missing.next_at));
                    index += 1;
                    continue;
                }
                let number = missing.number;
                if missing.attempts >= limits::RTP_NACK_ATTEMPTS {
                    self.missing.remove(index);
                    continue;
                }
                missing.next_at = now + pause(round_trip, missing.attempts);
                missing.attempts += 1;
                next_at = earliest(next_at, Some(missing.next_at));
                index += 1;
                #[expect(clippy::cast_possible_truncation, reason = "the low quarter is the sequence number")]
                let sequence = Seq16(number as u16);
                return Some(sequence);
            }
        })
    }

    /// Bytes of memory that are held.
    pub(super) fn pinned(&self) -> usize {
        self.missing.capacity() * size_of::<Missing>()
    }

    /// Gives memory back.
    pub(super) fn trim(&mut self) {
        self.missing.shrink_to_fit();
    }
}

/// How long to wait for an answer to that attempt.
fn pause(round_trip: Duration, attempt: u8) -> Duration {
    let first = round_trip.max(limits::RTP_NACK_MIN_INTERVAL);
    (0..attempt).fold(first, |pause, _| pause.saturating_add(pause / 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    const RTT: Duration = Duration::from_millis(100);

    fn due(list: &mut NackList, now: Instant) -> Vec<u16> {
        list.take_due(now, RTT).map(|sequence| sequence.0).collect()
    }

    #[test]
    fn a_gap_is_asked_for_after_a_short_delay_and_then_each_round_trip() {
        let mut list = NackList::default();
        list.on_gap(at(0), 65_534, 65_537).unwrap();
        assert_eq!(list.next_at(), Some(at(0) + limits::RTP_NACK_DELAY));
        assert_eq!(due(&mut list, at(1)), []);
        assert_eq!(due(&mut list, at(20)), [65_535, 0]);
        assert_eq!(list.next_at(), Some(at(120)));
        assert!(list.on_received(65_535));
        assert_eq!(due(&mut list, at(120)), [0]);
        assert_eq!(list.next_at(), Some(at(245)));
        assert!(list.on_received(65_536) && !list.on_received(65_536));
        assert_eq!(list.next_at(), None);
    }

    #[test]
    fn attempts_end() {
        let mut list = NackList::default();
        list.on_gap(at(0), 1, 3).unwrap();
        let mut attempts = 0;
        let mut now = at(0);
        while let Some(next) = list.next_at() {
            now = next;
            attempts += due(&mut list, next).len();
        }
        assert_eq!(attempts, usize::from(limits::RTP_NACK_ATTEMPTS));
        assert!(now < at(10_000));
    }

    #[test]
    fn too_many_are_not_asked_for_at_all() {
        let mut list = NackList::default();
        let limit = u64::try_from(limits::RTP_NACK_MISSING).unwrap();
        list.on_gap(at(0), 0, limit + 1).unwrap();
        assert_eq!(list.on_gap(at(0), limit + 1, limit + 3), Err(TooMany));
        assert_eq!(list.next_at(), None);
        assert_eq!(list.on_gap(at(0), 0, u64::MAX), Err(TooMany));
    }

    #[test]
    fn what_is_given_up_is_not_asked_for() {
        let mut list = NackList::default();
        list.on_gap(at(0), 0, 10).unwrap();
        list.forget_below(9);
        assert_eq!(due(&mut list, at(50)), [9]);
        list.forget_below(10);
        assert_eq!(list.next_at(), None);
    }
}
