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

    /// Becomes like the other, which mostly has nothing in it.
    pub(super) const fn copy(&mut self, other: &Self) {
        self.len = other.len;
        if other.len > 0 {
            self.bytes = other.bytes;
        }
    }

    pub(super) fn get(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    pub(super) fn get_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..usize::from(self.len)).unwrap_or_default()
    }
}

/// Extension elements of a packet's own, which few packets have.
#[derive(Clone, Debug, Default)]
pub(super) struct Extra {
    /// Id, length and value of each.
    pub(super) short: Inline<{ limits::RTP_EXTRA }>,
    /// An element that is too long for that: its id, then its value.
    pub(super) long: Option<Box<[u8]>>,
}

impl Extra {
    /// Bytes that they take at most in a packet.
    pub(super) fn len(&self) -> usize {
        self.short.get().len() + self.long.as_ref().map_or(0, |long| long.len() + 2)
    }
}

/// A packet as it is to be sent, short of what is only known when it leaves. One line of a processor's cache: a second of a stream has
/// thousands, each of which is touched when it is written, when it is drawn and when it is forgotten.
#[derive(Clone, Debug, Default)]
#[repr(align(64))]
pub(super) struct Record {
    /// Whether there is one in this place of the ring.
    is_taken: bool,
    has_extra: bool,
    pub(super) marker: bool,
    /// Whether it has been drawn once.
    pub(super) sent: bool,
    pub(super) repeats: u8,
    pub(super) payload_type: u8,
    pub(super) timestamp: u32,
    /// When it was written, and from the first repetition on when it was repeated last.
    pub(super) at: Instant,
    /// What of the payload is not in `body`, before it.
    pub(super) head: Inline<{ limits::RTP_HEAD }>,
    pub(super) body: Bytes,
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
    /// A power of two long, or empty; never shorter than what lies between the next two.
    ring: Vec<Record>,
    /// By the same places; empty until a packet has some.
    extras: Vec<Extra>,
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

    /// Adds a packet, for which the oldest may have to go. It is filled in in its place, for there is much to move.
    pub(super) fn insert(
        &mut self,
        number: u64,
        (head, body): (Inline<{ limits::RTP_HEAD }>, Bytes),
        extra: Option<Extra>,
    ) -> Result<&mut Record, Stale> {
        self.make_room(number)?;
        let index = self.index(number);
        if self.ring.get(index).is_none_or(|record| record.is_taken) {
            return Err(Stale);
        }
        self.bytes += head.get().len() + body.len();
        while self.bytes > limits::RTP_HISTORY_BYTES && self.oldest < number {
            self.drop_oldest();
        }
        let has_extra = extra.is_some();
        if let Some(extra) = extra {
            self.extras.resize_with(self.ring.len(), Extra::default);
            if let Some(place) = self.extras.get_mut(index) {
                *place = extra;
            }
        }
        let record = self.ring.get_mut(index).ok_or(Stale)?;
        (record.is_taken, record.has_extra) = (true, has_extra);
        (record.sent, record.repeats) = (false, 0);
        record.head.copy(&head);
        record.body = body;
        Ok(record)
    }

    /// Lets the ring span `number` too.
    fn make_room(&mut self, number: u64) -> Result<(), Stale> {
        let limit = limits::RTP_HISTORY_PACKETS as u64;
        if self.oldest == self.next || number >= self.next + limit {
            self.clear();
            (self.oldest, self.next) = (number, number);
        }
        if number < self.oldest && self.next - number > limit {
            return Err(Stale);
        }
        let next = self.next.max(number + 1);
        while next - self.oldest.min(number) > self.ring.len() as u64 {
            if self.ring.len() < limits::RTP_HISTORY_PACKETS {
                self.grow();
            } else {
                self.drop_oldest();
            }
        }
        (self.oldest, self.next) = (self.oldest.min(number), next);
        Ok(())
    }

    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut Record> {
        self.packet(number).map(|(record, _)| record)
    }

    /// A packet and what extensions it has of its own.
    pub(super) fn packet(&mut self, number: u64) -> Option<(&mut Record, Option<&Extra>)> {
        if number < self.oldest || number >= self.next {
            return None;
        }
        let index = self.index(number);
        let record = self.ring.get_mut(index).filter(|record| record.is_taken)?;
        let extra = if record.has_extra { self.extras.get(index) } else { None };
        Some((record, extra))
    }

    /// Drops what was written, or repeated, longer ago than `keep`; what was never drawn, longer ago than `wait`.
    pub(super) fn expire(&mut self, now: Instant, keep: Duration, wait: Duration) {
        while self.oldest < self.next {
            let index = self.index(self.oldest);
            if let Some(record) = self.ring.get(index).filter(|record| record.is_taken) {
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
        if let Some(record) = self.ring.get_mut(index).filter(|record| record.is_taken) {
            self.bytes -= record.payload_len();
            record.is_taken = false;
            record.body = Bytes::new();
            if record.has_extra
                && let Some(extra) = self.extras.get_mut(index)
            {
                extra.long = None;
            }
        }
        self.oldest += 1;
    }

    /// Doubles the ring; packets find their places by their numbers.
    fn grow(&mut self) {
        let len = (self.ring.len() * 2).max(16);
        let mut grown = Self::default();
        grown.ring.resize_with(len, Record::default);
        if !self.extras.is_empty() {
            grown.extras.resize_with(len, Extra::default);
        }
        for number in self.oldest..self.next {
            let (from, to) = (self.index(number), grown.index(number));
            if let (Some(from), Some(to)) = (self.ring.get_mut(from), grown.ring.get_mut(to)) {
                core::mem::swap(from, to);
            }
            if let (Some(from), Some(to)) = (self.extras.get_mut(from), grown.extras.get_mut(to)) {
                core::mem::swap(from, to);
            }
        }
        (self.ring, self.extras) = (grown.ring, grown.extras);
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.oldest == self.next
    }

    /// Forgets everything.
    fn clear(&mut self) {
        while !self.is_empty() {
            self.drop_oldest();
        }
        self.oldest = self.next;
    }

    /// Gives memory back, if nothing is kept.
    pub(super) fn trim(&mut self) {
        if self.is_empty() {
            (self.ring, self.extras) = (Vec::new(), Vec::new());
        }
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

    /// Adds a packet of that length.
    fn insert(history: &mut History, number: u64, len: usize, now: Instant) -> Result<(), Stale> {
        let record = history.insert(number, (Inline::default(), Bytes::from(vec![0; len])), None)?;
        (record.at, record.sent) = (now, true);
        Ok(())
    }

    #[test]
    fn a_number_is_taken_once_and_late_ones_find_their_place() {
        let mut history = History::default();
        for number in [100, 103, 101] {
            insert(&mut history, number, 10, at(0)).unwrap();
        }
        assert_eq!(insert(&mut history, 103, 10, at(0)), Err(Stale));
        assert!(history.get_mut(101).is_some() && history.get_mut(102).is_none());
        insert(&mut history, 99, 10, at(0)).unwrap();
        assert!(history.get_mut(99).is_some());
    }

    #[test]
    fn bytes_and_age_are_limits() {
        let mut history = History::default();
        let len = limits::RTP_HISTORY_BYTES / 4;
        for number in 0..6 {
            insert(&mut history, number, len, at(number)).unwrap();
        }
        assert!(history.get_mut(1).is_none() && history.get_mut(2).is_some());
        history.expire(at(104), Duration::from_millis(100), Duration::ZERO);
        assert!(history.get_mut(3).is_none() && history.get_mut(4).is_some());
        assert_eq!(history.bytes, 2 * len);
    }

    #[test]
    fn what_was_never_drawn_is_kept_longer() {
        let mut history = History::default();
        insert(&mut history, 1, 1, at(0)).unwrap();
        history.get_mut(1).unwrap().sent = false;
        history.expire(at(1500), Duration::from_secs(1), Duration::from_secs(2));
        assert!(history.get_mut(1).is_some());
        history.expire(at(2001), Duration::from_secs(1), Duration::from_secs(2));
        assert!(history.is_empty());
    }

    #[test]
    fn a_packet_is_one_line_of_the_cache() {
        assert_eq!(size_of::<Record>(), 64);
    }

    #[test]
    fn each_packet_keeps_its_own_extensions() {
        let mut history = History::default();
        let of = |number: u64| {
            let long = number.is_multiple_of(3).then(|| vec![u8::try_from(number).unwrap(); 20].into());
            let mut extra = Extra { long, ..Extra::default() };
            number.is_multiple_of(2).then(|| {
                assert!(extra.short.push(&number.to_be_bytes()));
                extra
            })
        };
        // The ring grows on the way.
        for number in 0..100 {
            history.insert(number, (Inline::default(), Bytes::new()), of(number)).unwrap();
        }
        for number in 0..100 {
            let (_, extra) = history.packet(number).unwrap();
            let told = extra.map(|extra| (extra.short.get().to_vec(), extra.long.clone()));
            assert_eq!(told, of(number).map(|extra| (extra.short.get().to_vec(), extra.long)), "{number}");
        }
    }

    #[test]
    fn memory_is_given_back_when_nothing_is_kept() {
        let mut history = History::default();
        insert(&mut history, 7, 10, at(0)).unwrap();
        history.trim();
        assert!(history.get_mut(7).is_some());
        history.expire(at(1), Duration::ZERO, Duration::ZERO);
        history.trim();
        assert_eq!((history.ring.capacity(), history.bytes), (0, 0));
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
                let taken = insert(&mut history, number, 1, at(0)).is_ok();
                let stamp = u32::try_from(number).unwrap();
                if taken {
                    history.get_mut(number).unwrap().timestamp = stamp;
                }
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
            for number in 1..6000 {
                let kept = history.get_mut(number).map(|record| u64::from(record.timestamp));
                prop_assert_eq!(kept, model.get(&number).copied());
            }
        }
    }
}
