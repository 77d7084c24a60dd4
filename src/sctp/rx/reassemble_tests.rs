//! Messages cut and put together again in every order.

use super::*;
use proptest::prelude::*;

/// Messages of these many fragments, one after the other in TSNs from 1000 on. The payload of a fragment names message and place.
fn cut(counts: &[usize]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (message, count) in (0_u16..).zip(counts) {
        for place in 0..*count {
            let tsn = 1000 + pieces.len() as u64;
            pieces.push(Piece {
                tsn,
                stream: message % 3,
                ssn: message,
                ppid: u32::from(message),
                unordered: message % 2 == 0,
                beginning: place == 0,
                ending: place + 1 == *count,
                data: Bytes::from(vec![message.to_be_bytes()[1], u8::try_from(place).unwrap()]),
            });
        }
    }
    pieces
}

fn whole(message: usize, count: usize) -> Vec<u8> {
    (0..count).flat_map(|place| [u8::try_from(message).unwrap(), u8::try_from(place).unwrap()]).collect()
}

proptest! {
    #[test]
    fn any_order_gives_every_message_once(
        counts in proptest::collection::vec(2_usize..9, 1..20),
        shuffled in any::<proptest::sample::Selector>(),
    ) {
        let mut rest = cut(&counts);
        let mut reassembler = Reassembler::default();
        let mut got = vec![0; counts.len()];
        while !rest.is_empty() {
            let indices: Vec<usize> = (0..rest.len()).collect();
            let piece = rest.swap_remove(shuffled.select(indices));
            if let Some(message) = reassembler.insert(piece, 1000).unwrap() {
                let number = usize::from(message.ssn);
                prop_assert_eq!(&message.data[..], &whole(number, counts[number])[..]);
                prop_assert_eq!((message.stream, message.ppid), (message.ssn % 3, u32::from(message.ssn)));
                got[number] += 1;
            }
            reassembler.check();
        }
        prop_assert!(got.iter().all(|count| *count == 1));
        prop_assert_eq!(reassembler.charged(), 0);
    }

    #[test]
    fn what_is_skipped_is_forgotten_with_its_charge(
        counts in proptest::collection::vec(2_usize..6, 1..20),
        missing in proptest::collection::vec(any::<bool>(), 120),
        skip in 0_u64..120,
    ) {
        let mut reassembler = Reassembler::default();
        for (piece, missing) in cut(&counts).into_iter().zip(missing) {
            if !missing {
                reassembler.insert(piece, 1000).unwrap();
            }
        }
        reassembler.forward(1000 + skip);
        reassembler.check();
        reassembler.forward(1000 + 120);
        prop_assert_eq!(reassembler.charged(), 0);
    }
}

#[test]
fn every_permutation_of_five_fragments() {
    fn permutations(items: &[usize]) -> Vec<Vec<usize>> {
        if items.is_empty() {
            return vec![vec![]];
        }
        let without = |at: usize| -> Vec<usize> {
            items.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, item)| *item).collect()
        };
        (0..items.len())
            .flat_map(|at| {
                permutations(&without(at)).into_iter().map(move |mut rest| {
                    rest.insert(0, items[at]);
                    rest
                })
            })
            .collect()
    }
    for order in permutations(&[0, 1, 2, 3, 4]) {
        let pieces = cut(&[5]);
        let mut reassembler = Reassembler::default();
        let done: Vec<_> =
            order.iter().filter_map(|n| reassembler.insert(pieces[*n].clone(), 100).unwrap()).collect();
        assert_eq!(done.len(), 1, "{order:?}");
        assert_eq!(done[0].data, whole(0, 5));
        assert_eq!(reassembler.charged(), 0);
    }
}

#[test]
fn a_message_is_too_long_as_soon_as_its_pieces_are() {
    let pieces = cut(&[8]);
    let mut reassembler = Reassembler::default();
    for piece in pieces.iter().take(5) {
        assert_eq!(reassembler.insert(piece.clone(), 10), Ok(None));
    }
    assert_eq!(reassembler.insert(pieces[5].clone(), 10), Err(TooLong));
    // Also by the piece that joins two runs.
    let mut reassembler = Reassembler::default();
    for n in [0, 1, 3, 4] {
        assert_eq!(reassembler.insert(pieces[n].clone(), 9), Ok(None));
    }
    assert_eq!(reassembler.insert(pieces[2].clone(), 9), Err(TooLong));
}
