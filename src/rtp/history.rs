//! Packets that wait to be sent and that may be asked for again: one ring for both (RFC 4588 §4).

use core::time::Duration;

use bytes::Bytes;

use crate::base::limits;
use crate::time::Instant;

/// A few bytes in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Inline<const N: usize> {
    len: u8,
    bytes: [u8; N],
}

impl<const N: usize> Default for Inline<N> {
    fn default() -> Self {
        Self { len: 0, bytes: [0; N] }
    }
}

impl<const N: usize> Inline<N> {
    /// Appends all of `bytes`, or nothing and says so.
    pub(super) fn push(&mut self, bytes: &[u8]) -> bool {
        let start = usize::from(self.len);
        let end = start + bytes.len();
        let Some(place) = self.bytes.get_mut(start..end) else { return false };
        place.copy_from_slice(bytes);
        self.len = u8::try_from(end).unwrap_or(u8::MAX);
        true
    }

    pub(super) fn get(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    pub(super) fn get_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..usize::from(self.len)).unwrap_or_default()
    }
}

/// A packet as it is to be sent, short of what is only known when it leaves.
#[derive(Clone, Debug)]
pub(super) struct Record {
    /// Unwrapped sequence number.
    pub(super) number: u64,
    pub(super) timestamp: u32,
    pub(super) payload_type: u8,
    pub(super) marker: bool,
    /// Whether it has been drawn once.
    pub(super) sent: bool,
    pub(super) repeats: u8,
    /// What of the payload is not in `body`, before it.
    pub(super) head: Inline<{ limits::RTP_HEAD }>,
    pub(super) body: Bytes,
    /// Extension elements: id, length, value.
    pub(super) extra: Inline<{ limits::RTP_EXTRA }>,
    /// An element that is too long for that: its id, then its value.
    pub(super) long: Option<Box<[u8]>>,
    /// When it was written, and from the first repetition on when it was repeated last.
    pub(super) at: Instant,
}

impl Record {
    pub(super) fn payload_len(&self) -> usize {
        self.head.get().len() + self.body.len()
    }
}

/// The packet is older than those kept, or its number is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stale;

/// The ring, by sequence number.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    /// A power of two long, or empty.
    ring: Vec<Option<Record>>,
    oldest: u64,
    /// One more than the highest number.
    next: u64,
    bytes: usize,
}

impl History {
    fn index(&self, number: u64) -> usize {
        let mask = self.ring.len().wrapping_sub(1);
        #[expect(clippy::cast_possible_truncation, reason = "the mask keeps the low bits only")]
        let index = number as usize & mask;
        index
    }

    /// How many numbers the ring spans.
    fn span(&self) -> usize {
        usize::try_from(self.next - self.oldest).unwrap_or(usize::MAX)
    }

    /// Adds a packet, for which the oldest may have to go.
    pub(super) fn insert(&mut self, record: Record) -> Result<(), Stale> {
        let number = record.number;
        let limit = limits::RTP_HISTORY_PACKETS as u64;
        if self.oldest == self.next || number >= self.next + limit {
            self.clear();
            (self.oldest, self.next) = (number, number);
        }
        if number < self.oldest {
            if self.next - number > limit {
                return Err(Stale);
            }
            self.oldest = number;
        }
        self.next = self.next.max(number + 1);
        while self.span() > self.ring.len() {
            if self.ring.len() < limits::RTP_HISTORY_PACKETS {
                self.grow();
            } else {
                self.drop_oldest();
            }
        }
        let bytes = record.payload_len();
        let index = self.index(number);
        match self.ring.get_mut(index) {
            Some(place @ None) => *place = Some(record),
            Some(Some(_)) | None => return Err(Stale),
        }
        self.bytes += bytes;
        while self.bytes > limits::RTP_HISTORY_BYTES && self.oldest < number {
            self.drop_oldest();
        }
        Ok(())
    }

    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut Record> {
        let index = self.index(number);
        self.ring.get_mut(index)?.as_mut().filter(|record| record.number == number)
    }

    /// Drops what was written, or repeated, longer ago than `keep`; what was never drawn, longer ago than `wait`.
    pub(super) fn expire(&mut self, now: Instant, keep: Duration, wait: Duration) {
        while self.oldest < self.next {
            let index = self.index(self.oldest);
            if let Some(Some(record)) = self.ring.get(index) {
                let limit = if record.sent { keep } else { wait.max(keep) };
                if now.saturating_duration_since(record.at) <= limit {
                    return;
                }
            }
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        let index = self.index(self.oldest);
        if let Some(record) = self.ring.get_mut(index).and_then(Option::take) {
            self.bytes -= record.payload_len();
        }
        self.oldest += 1;
    }

    /// Doubles the ring; records find their places by their numbers.
    fn grow(&mut self) {
        let len = (self.ring.len() * 2).max(16);
        let old = core::mem::take(&mut self.ring);
        self.ring.resize_with(len, || None);
        for record in old.into_iter().flatten() {
            let index = self.index(record.number);
            if let Some(place) = self.ring.get_mut(index) {
                *place = Some(record);
            }
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.oldest == self.next
    }

    /// Forgets everything and gives the memory back.
    pub(super) fn clear(&mut self) {
        if self.is_empty() {
            self.ring = Vec::new();
            return;
        }
        self.ring.iter_mut().for_each(|place| *place = None);
        self.oldest = self.next;
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    fn record(number: u64, len: usize, now: Instant) -> Record {
        Record {
            number,
            timestamp: 0,
            payload_type: 96,
            marker: false,
            sent: true,
            repeats: 0,
            head: Inline::default(),
            body: Bytes::from(vec![0; len]),
            extra: Inline::default(),
            long: None,
            at: now,
        }
    }

    #[test]
    fn a_number_is_taken_once_and_late_ones_find_their_place() {
        let mut history = History::default();
        for number in [100, 103, 101] {
            history.insert(record(number, 10, at(0))).unwrap();
        }
        assert_eq!(history.insert(record(103, 10, at(0))), Err(Stale));
        assert!(history.get_mut(101).is_some() && history.get_mut(102).is_none());
        history.insert(record(99, 10, at(0))).unwrap();
        assert!(history.get_mut(99).is_some());
    }

    #[test]
    fn bytes_and_age_are_limits() {
        let mut history = History::default();
        let len = limits::RTP_HISTORY_BYTES / 4;
        for number in 0..6 {
            history.insert(record(number, len, at(number))).unwrap();
        }
        assert!(history.get_mut(1).is_none() && history.get_mut(2).is_some());
        history.expire(at(104), Duration::from_millis(100), Duration::ZERO);
        assert!(history.get_mut(3).is_none() && history.get_mut(4).is_some());
        assert_eq!(history.bytes, 2 * len);
    }

    #[test]
    fn what_was_never_drawn_is_kept_longer() {
        let mut history = History::default();
        history.insert(Record { sent: false, ..record(1, 1, at(0)) }).unwrap();
        history.expire(at(1500), Duration::from_secs(1), Duration::from_secs(2));
        assert!(history.get_mut(1).is_some());
        history.expire(at(2001), Duration::from_secs(1), Duration::from_secs(2));
        assert!(history.is_empty());
    }

    #[test]
    fn a_few_bytes_stay_in_place_or_are_refused() {
        let mut inline = Inline::<4>::default();
        assert!(inline.push(&[1, 2, 3]) && !inline.push(&[4, 5]) && inline.push(&[6]));
        assert_eq!(inline.get(), [1, 2, 3, 6]);
    }

    proptest! {
        #[test]
        fn agrees_with_a_map(numbers in prop::collection::vec(1_u64..6000, 0..300)) {
            let (mut history, mut model) = (History::default(), BTreeSet::new());
            for number in numbers {
                let highest = model.last().copied().unwrap_or(number);
                let taken = history.insert(record(number, 1, at(0))).is_ok();
                if taken {
                    if number >= highest + 1 + limits::RTP_HISTORY_PACKETS as u64 {
                        model.clear();
                    }
                    model.insert(number);
                    let highest = highest.max(number);
                    model.retain(|number| highest - number < limits::RTP_HISTORY_PACKETS as u64);
                } else {
                    prop_assert!(model.contains(&number) || highest - number >= limits::RTP_HISTORY_PACKETS as u64);
                }
                prop_assert_eq!(history.bytes, model.len());
            }
            prop_assert!((1..6000).all(|number| history.get_mut(number).is_some() == model.contains(&number)));
        }
    }
}
