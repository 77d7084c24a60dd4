//! The tracker against a plain set of numbers.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

const FIRST: u64 = 1 << 33;

/// What the gap blocks say, as numbers beyond the cumulative TSN.
fn reported(tracker: &Tracker) -> Vec<u64> {
    tracker
        .gap_blocks()
        .flat_map(|block| block.start..=block.end)
        .map(|offset| tracker.cumulative() + u64::from(offset))
        .collect()
}

proptest! {
    #[test]
    fn agrees_with_a_set(steps in proptest::collection::vec((0_u64..200, 0_u8..10), 0..300)) {
        let mut tracker = Tracker::new(FIRST);
        let mut seen: BTreeSet<u64> = BTreeSet::new();
        let mut floor = FIRST;
        for (offset, what) in steps {
            let tsn = FIRST + offset;
            if what == 0 {
                // The peer skips.
                let ahead = tsn > tracker.cumulative();
                prop_assert_eq!(tracker.forward(tsn), ahead);
                floor = floor.max(tsn + 1);
            } else {
                let known = tsn < floor || seen.contains(&tsn);
                let expected = if known { Arrival::Duplicate } else { Arrival::New };
                prop_assert_eq!(tracker.classify(tsn), expected);
                if !known {
                    tracker.insert(tsn);
                    seen.insert(tsn);
                }
            }
            while seen.contains(&floor) {
                floor += 1;
            }
            prop_assert_eq!(tracker.cumulative() + 1, floor);
            let beyond: Vec<u64> = seen.range(floor..).copied().collect();
            prop_assert_eq!(reported(&tracker), beyond);
            prop_assert_eq!(tracker.has_gaps(), !reported(&tracker).is_empty());
            prop_assert!(tracker.duplicates().count() <= limits::SCTP_MAX_DUPLICATES);
        }
    }
}

#[test]
fn blocks_are_sorted_merged_and_no_wider_than_their_field() {
    let mut tracker = Tracker::new(FIRST);
    for offset in [9, 5, 65_534, 7, 6, 3] {
        assert_eq!(tracker.classify(FIRST + offset), Arrival::New);
        tracker.insert(FIRST + offset);
    }
    let blocks: Vec<_> = tracker.gap_blocks().map(|block| (block.start, block.end)).collect();
    assert_eq!(blocks, [(4, 4), (6, 8), (10, 10), (65_535, 65_535)]);
    assert_eq!(tracker.classify(FIRST + 65_535), Arrival::TooFar);
    assert_eq!(tracker.highest(), FIRST + 65_534);
}

#[test]
fn numbers_are_unwrapped_around_the_cumulative_one() {
    let tracker = Tracker::new((1 << 32) + 5);
    assert_eq!(tracker.unwrap(Tsn(5)), (1 << 32) + 5);
    assert_eq!(tracker.unwrap(Tsn(u32::MAX)), (1 << 32) - 1);
    assert!(tracker.is_fresh());
}
