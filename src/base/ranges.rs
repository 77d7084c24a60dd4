//! A sorted set of integer ranges: gap blocks, reassembly, received record numbers.

use core::ops::RangeInclusive;
use std::collections::BTreeMap;

/// A set of `u64` kept as disjoint, non-adjacent ranges; every change costs O(log n) in the number of ranges.
///
/// ```
/// use antiphon::base::ranges::RangeSet;
///
/// let mut set = RangeSet::new();
/// set.insert(5..=6);
/// set.insert(8..=9);
/// set.insert(7..=7);
/// assert_eq!(set.iter().collect::<Vec<_>>(), [5..=9]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeSet {
    /// First number of a range to its last.
    ranges: BTreeMap<u64, u64>,
}

impl RangeSet {
    /// The empty set.
    pub const fn new() -> Self {
        Self { ranges: BTreeMap::new() }
    }

    /// Adds all numbers of `range`; false if they all were there already. An empty range adds nothing.
    pub fn insert(&mut self, range: RangeInclusive<u64>) -> bool {
        let (mut start, mut end) = range.into_inner();
        if start > end {
            return false;
        }
        if let Some((&before, &until)) = self.ranges.range(..=start).next_back()
            && until.saturating_add(1) >= start
        {
            if until >= end {
                return false;
            }
            start = before;
        }
        while let Some((&next, &until)) = self.ranges.range(start..=end.saturating_add(1)).next_back() {
            self.ranges.remove(&next);
            end = end.max(until);
            if next == start {
                break;
            }
        }
        self.ranges.insert(start, end);
        true
    }

    /// Removes every number up to and including `end`.
    pub fn remove_to(&mut self, end: u64) {
        while let Some((&first, &last)) = self.ranges.first_key_value() {
            if first > end {
                return;
            }
            self.ranges.remove(&first);
            if last > end {
                self.ranges.insert(end + 1, last);
            }
        }
    }

    /// Whether `number` is in the set.
    pub fn contains(&self, number: u64) -> bool {
        self.ranges.range(..=number).next_back().is_some_and(|(_, last)| *last >= number)
    }

    /// The range with the smallest numbers.
    pub fn first(&self) -> Option<RangeInclusive<u64>> {
        self.ranges.first_key_value().map(|(first, last)| *first..=*last)
    }

    /// The range with the largest numbers.
    pub fn last(&self) -> Option<RangeInclusive<u64>> {
        self.ranges.last_key_value().map(|(first, last)| *first..=*last)
    }

    /// The ranges in ascending order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = RangeInclusive<u64>> {
        self.ranges.iter().map(|(first, last)| *first..=*last)
    }

    /// How many ranges there are.
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.ranges.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn agrees_with_a_set_of_numbers(
            inserts in proptest::collection::vec((0_u64..60, 0_u64..8), 0..40),
            cut in 0_u64..70,
        ) {
            let (mut ranges, mut model) = (RangeSet::new(), BTreeSet::new());
            for (start, len) in inserts {
                let before = model.len();
                model.extend(start..=start + len);
                prop_assert_eq!(ranges.insert(start..=start + len), model.len() != before);
            }
            ranges.remove_to(cut);
            model.retain(|number| *number > cut);
            prop_assert_eq!(ranges.iter().flatten().collect::<Vec<_>>(), model.iter().copied().collect::<Vec<_>>());
            let list: Vec<_> = ranges.iter().collect();
            let apart = |(left, right): (&RangeInclusive<u64>, &RangeInclusive<u64>)| left.end() + 1 < *right.start();
            prop_assert!(list.iter().zip(list.iter().skip(1)).all(apart));
            prop_assert!((0..80).all(|number| ranges.contains(number) == model.contains(&number)));
        }
    }
}
