//! Handshakes over a network that loses, reorders and repeats datagrams, in virtual time.

#[expect(dead_code, reason = "each test uses a part of it")]
mod dtls_support;

use antiphon::dtls::{Config, Event};
use antiphon::{Rng, Seed};
use dtls_support::{CLIENT, Pair, SERVER, at};

/// Runs the handshake; `fate` says of every datagram, by its number, how often it arrives. Connected at what time.
fn run_with_fate(pair: &mut Pair, mut fate: impl FnMut(usize) -> usize, limit: u64) -> Option<u64> {
    let mut number = 0;
    while pair.now <= at(limit) {
        loop {
            let before = number;
            for end in [CLIENT, SERVER] {
                pair.draw(end);
                for datagram in core::mem::take(&mut pair.wire[1 - end]) {
                    for _ in 0..fate(number) {
                        pair.ends[1 - end].handle_input(pair.now, &datagram);
                    }
                    number += 1;
                }
            }
            if number == before {
                break;
            }
        }
        if pair.is_connected() {
            return Some(pair.now.as_nanos() / 1_000_000);
        }
        pair.now = pair.deadline()?;
    }
    None
}

fn small(config: &mut Config) {
    config.mtu = 256;
}

// Each flight is one datagram here; the timers of both ends expire at 1 s, 3 s, 7 s.
#[test]
fn one_lost_datagram_costs_one_timeout() {
    for lost in 0..3 {
        let mut pair = Pair::new();
        assert_eq!(
            run_with_fate(&mut pair, |number| usize::from(number != lost), 9000),
            Some(1000),
            "{lost}"
        );
        pair.assert_alive();
    }
}

#[test]
fn any_two_of_the_first_datagrams_may_be_lost() {
    for (change, count) in [((|_| {}) as fn(&mut Config), 10), (small, 24)] {
        for first in 0..count {
            for second in first + 1..count {
                let mut pair = Pair::with(change, change);
                let connected = run_with_fate(
                    &mut pair,
                    |number| usize::from(number != first && number != second),
                    10_000,
                );
                // Two expiries at most, one after the other: 1 s and 2 s.
                assert!(connected.is_some_and(|millis| millis <= 3000), "{first} {second}: {connected:?}");
                assert_eq!(pair.events, [[Event::Connected], [Event::Connected]]);
                pair.assert_alive();
            }
        }
    }
}

#[test]
fn the_lost_last_flight_is_repeated_when_the_client_asks() {
    let mut pair = Pair::new();
    assert_eq!(run_with_fate(&mut pair, |number| usize::from(number != 3), 9000), Some(1000));
    assert_eq!((pair.ends[SERVER].stats().repeats, pair.ends[CLIENT].stats().timeouts), (1, 1));
    pair.assert_alive();
}

#[test]
fn every_datagram_twice_connects_without_a_storm() {
    for change in [(|_| {}) as fn(&mut Config), small] {
        let mut pair = Pair::with(change, change);
        assert_eq!(run_with_fate(&mut pair, |_| 2, 1000), Some(0));
        assert!(pair.sent[CLIENT] + pair.sent[SERVER] < 40, "{:?}", pair.sent);
        pair.assert_alive();
    }
}

#[test]
fn reordering_costs_no_timeout() {
    for seed in 0..100 {
        let mut rng = Rng::new(&Seed::from_bytes([seed; 32]));
        let mut pair = Pair::with(small, small);
        for _ in 0..20 {
            for end in [CLIENT, SERVER] {
                pair.draw(end);
                let mut batch: Vec<_> = core::mem::take(&mut pair.wire[1 - end]).into();
                for index in (1..batch.len()).rev() {
                    let other = usize::try_from(rng.below(index as u64 + 1)).unwrap();
                    batch.swap(index, other);
                }
                for datagram in batch {
                    pair.ends[1 - end].handle_input(pair.now, &datagram);
                }
            }
        }
        assert!(pair.is_connected(), "{seed}");
        assert_eq!([pair.ends[0].stats().timeouts, pair.ends[1].stats().timeouts], [0, 0]);
        pair.assert_alive();
    }
}

#[test]
fn heavy_random_loss_and_repeats_still_connect() {
    for seed in 0..100 {
        let mut rng = Rng::new(&Seed::from_bytes([seed; 32]));
        let mut pair = Pair::with(small, small);
        let fate = |_| match rng.below(10) {
            0..3 => 0,
            3 => 2,
            _ => 1,
        };
        assert!(run_with_fate(&mut pair, fate, 600_000).is_some(), "{seed}");
        pair.assert_alive();
    }
}

#[test]
fn a_peer_that_never_answers_is_given_up_at_the_thirteenth_expiry() {
    let mut pair = Pair::new();
    assert_eq!(run_with_fate(&mut pair, |_| 0, 10_000_000), None);
    assert!(matches!(pair.events[CLIENT][..], [Event::Failed(antiphon::dtls::CloseReason::Timeout)]));
    assert_eq!(pair.sent, [13, 0]);
    // 1 + 2 + 4 + 8 + 16 + 32 s and seven times 60 s.
    assert_eq!(pair.now, at(483_000));
}

// A nonce is epoch and number: no pair of them may leave an end twice, however often flights are repeated.
#[test]
fn n34_no_nonce_is_used_twice() {
    use std::collections::BTreeSet;

    use antiphon::wire::dtls::record::Records;
    for seed in 0..20 {
        let mut rng = Rng::new(&Seed::from_bytes([seed; 32]));
        let mut pair = Pair::with(small, small);
        let mut seen = [BTreeSet::new(), BTreeSet::new()];
        for step in 0..400 {
            for end in [CLIENT, SERVER] {
                pair.draw(end);
                if step % 7 == 0 {
                    let mut buf = [0; 256];
                    for index in 0..pair.ends[end].flight_len() {
                        let len = pair.ends[end].flight_record(index, &mut buf).unwrap();
                        pair.wire[1 - end].push_back(buf[..len].to_vec());
                    }
                }
                for datagram in core::mem::take(&mut pair.wire[1 - end]) {
                    for record in Records::new(&datagram) {
                        assert!(seen[end].insert((record.epoch, record.sequence)), "{:?}", record.epoch);
                    }
                    if rng.below(2) == 0 {
                        pair.ends[1 - end].handle_input(pair.now, &datagram);
                    }
                }
            }
            let Some(next) = pair.deadline() else { break };
            pair.now = next;
        }
        assert!(seen.iter().all(|seen| seen.iter().any(|(epoch, _)| *epoch == 1)));
    }
}
