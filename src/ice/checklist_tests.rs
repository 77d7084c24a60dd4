//! States and order of pairs.

use super::*;
use crate::ice::pair::Tally;
use crate::net::Path;

fn pair(n: u16, priority: u64, foundation: (u16, u16)) -> Pair {
    let address = |host: u16| std::net::SocketAddr::from(([10, 0, 0, 1], 1000 + host));
    Pair {
        local: n,
        remote: n,
        foundation,
        local_priority: 1,
        priority,
        carried: None,
        state: State::Frozen,
        path: Path::udp(address(n), address(n)),
        queued: false,
        nominating: false,
        nominated: false,
        stale: false,
        revoked: false,
        transaction: None,
        checked_at: None,
        confirmed_at: None,
        smoothed_rtt: None,
        guessed_rtt: None,
        tally: Tally::default(),
    }
}

fn states(list: &Checklist) -> Vec<State> {
    list.by_priority().map(|(_, pair)| pair.state).collect()
}

// RFC 8445 §6.1.2.6.
#[test]
fn of_each_foundation_the_best_pair_waits_and_the_rest_is_frozen() {
    let mut list = Checklist::new(100);
    for (n, priority, foundation) in [(0, 10, (1, 1)), (1, 30, (1, 1)), (2, 20, (2, 1)), (3, 5, (2, 1))] {
        list.insert(pair(n, priority, foundation));
    }
    list.settle();
    assert_eq!(states(&list), [State::Waiting, State::Waiting, State::Frozen, State::Frozen]);
    assert_eq!(list.pending(), 2);
}

// RFC 8445 §7.2.5.3.3.
#[test]
fn a_success_thaws_its_foundation_alone() {
    let mut list = Checklist::new(100);
    let keys = [(0, 10, (1, 1)), (1, 30, (1, 1)), (2, 20, (2, 1)), (3, 5, (2, 1))]
        .map(|(n, priority, foundation)| list.insert(pair(n, priority, foundation)).0);
    list.settle();
    list.set_state(keys[1], State::Succeeded);
    list.thaw((1, 1));
    assert_eq!(states(&list), [State::Succeeded, State::Waiting, State::Waiting, State::Frozen]);
    // RFC 8838 §12: one that joins a foundation that works waits at once.
    list.insert(pair(4, 1, (1, 1)));
    list.settle();
    assert_eq!(states(&list).last(), Some(&State::Waiting));
}

#[test]
fn checks_go_from_the_best_pair_down_to_the_floor() {
    let mut list = Checklist::new(100);
    for n in 0..5_u16 {
        list.insert(pair(n, u64::from(n) * 10, (n, n)));
    }
    list.settle();
    let mut order = Vec::new();
    while let Some(key) = list.next_ordinary(15) {
        order.push(list.get(key).unwrap().priority);
        list.set_state(key, State::InProgress);
    }
    assert_eq!(order, [40, 30, 20]);
}

#[test]
fn no_slot_is_left_unused_while_a_frozen_pair_is_there() {
    let mut list = Checklist::new(100);
    let best = list.insert(pair(0, 20, (1, 1))).0;
    let other = list.insert(pair(1, 10, (1, 1))).0;
    list.settle();
    assert_eq!(list.next_ordinary(0), Some(best));
    list.set_state(best, State::InProgress);
    assert_eq!(list.next_ordinary(0), Some(other));
}

#[test]
fn triggered_checks_come_in_their_order_and_once() {
    let mut list = Checklist::new(100);
    let keys = [0, 1, 2].map(|n| list.insert(pair(n, 10, (n, n))).0);
    list.settle();
    list.trigger(keys[2], false);
    list.trigger(keys[1], false);
    list.trigger(keys[2], false);
    list.trigger(keys[0], true);
    list.calm(keys[1]);
    assert_eq!([list.pop_triggered(), list.pop_triggered()], [Some(keys[0]), Some(keys[2])]);
    assert!(!list.has_triggered());
}

#[test]
fn the_limit_costs_the_lowest_pairs_and_failed_ones_first() {
    let mut list = Checklist::new(3);
    let keys = [0, 1, 2].map(|n| list.insert(pair(n, 10 - u64::from(n), (n, n))).0);
    list.settle();
    list.set_state(keys[0], State::Failed);
    list.insert(pair(3, 1, (3, 3)));
    assert_eq!(list.settle(), 1);
    assert!(list.get(keys[0]).is_none());
    // Then the lowest that waits; never one that is under way or works.
    list.set_state(keys[2], State::InProgress);
    list.insert(pair(4, 5, (4, 4)));
    assert_eq!(list.settle(), 1);
    assert_eq!(list.by_priority().map(|(_, pair)| pair.local).collect::<Vec<_>>(), [1, 2, 4]);
    assert!(list.is_live());
}

#[test]
fn a_flood_of_pairs_is_cut_before_it_is_settled() {
    let mut list = Checklist::new(10);
    let mut dropped = 0;
    for n in 0..1000_u16 {
        dropped += list.insert(pair(n, u64::from(n), (n, n))).1;
        assert!(list.iter().count() <= 84);
    }
    dropped += list.settle();
    assert_eq!(dropped, 990);
    assert_eq!(list.by_priority().next().unwrap().1.priority, 999);
}

#[test]
fn compacting_keeps_pairs_and_says_where_they_went() {
    let mut list = Checklist::new(100);
    let keys = [0, 1, 2].map(|n| list.insert(pair(n, u64::from(n), (n, n))).0);
    list.retain(|pair| pair.local == 1);
    let moved = list.compact();
    assert_eq!(moved.len(), 1);
    assert_eq!(moved[0].0, keys[1]);
    assert_eq!(list.get(moved[0].1).unwrap().local, 1);
}
