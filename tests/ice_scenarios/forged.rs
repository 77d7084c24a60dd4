//! What does not come from the peer, or comes too early, or too often. The numbered attacks are in `negative_ice.rs`.

use antiphon::ice::{IceConnectionState, LocalCandidate};
use antiphon::stun::{Class, Message};
use antiphon::{Output, Path};

use crate::world::{Forged, World, addr, at, host, is_request};

/// A world where only `a` speaks: nothing reaches `b`.
fn lonely() -> World {
    let mut world = World::full(1);
    world.describe();
    world.lost = Box::new(|_| true);
    world.run_until(at(10));
    world
}

/// How many datagrams `a` sends at once because of this one.
fn provoked(world: &mut World, source: &str, data: &[u8]) -> usize {
    let before = world.sent.len();
    world.inject(0, host(0, 0), addr(source), data);
    world.run_until(world.now);
    world.sent[before..].iter().filter(|p| p.from == 0).count()
}

#[test]
fn unknown_attributes_that_must_be_understood_are_answered_with_420() {
    let mut world = lonely();
    let forged = Forged { unknown: Some(0x7abc), ..Forged::check(&world.agents[0]) };
    assert_eq!(provoked(&mut world, "10.1.0.1:5000", &forged.bytes()), 1);
    let answer = Message::parse(&world.sent.last().unwrap().data).unwrap();
    assert_eq!(answer.error_code().unwrap().code, 420);
    assert_eq!(answer.unknown_attributes().unwrap().iter().map(|kind| kind.0).collect::<Vec<_>>(), [0x7abc]);
    let optional = Forged { unknown: Some(0xabcd), ..Forged::check(&world.agents[0]) };
    assert!(provoked(&mut world, "10.1.0.1:5000", &optional.bytes()) > 0);
    let answer = world.sent.iter().rev().find(|p| !is_request(p)).unwrap();
    assert_eq!(Message::parse(&answer.data).unwrap().class(), Class::Success);
}

#[test]
fn checks_come_before_the_description_and_count_when_it_is_there() {
    let mut world = World::full(1);
    world.describe_to(1);
    // B checks at once; A has no description yet. It answers, and B's pair works.
    world.run_until(at(500));
    assert!(world.agents[1].active_path().is_some());
    assert_eq!(world.agents[0].active_path(), None);
    assert_eq!(world.agents[0].state(), IceConnectionState::New);
    // The description comes without candidates: the check that came is enough.
    let parameters = world.parameters(1);
    world.agents[0].set_remote(parameters);
    world.run_until(at(550));
    assert_eq!(world.agents[0].active_path(), Some(Path::udp(host(0, 0), host(1, 0))));
}

#[test]
fn early_checks_are_bounded_and_bound_to_the_peers_user_fragment() {
    let mut world = World::full(1);
    let mut forged = Forged::check(&world.agents[0]);
    for n in 0..1000_u32 {
        forged.id[..4].copy_from_slice(&n.to_be_bytes());
        world.inject(0, host(0, 0), addr(&format!("10.66.0.1:{}", 1000 + n)), &forged.bytes());
    }
    assert_eq!(world.agents[0].counters().early_checks_refused, 1000 - 16);
    let parameters = world.parameters(1);
    world.agents[0].set_remote(parameters);
    assert!(world.agents[0].stats().pairs.is_empty());
}

#[test]
fn a_datagram_for_no_candidate_of_ours_is_dropped() {
    let mut world = lonely();
    let check = Forged::check(&world.agents[0]).bytes();
    world.inject(0, addr("10.0.0.99:5000"), host(1, 0), &check);
    assert_eq!(world.agents[0].counters().unknown_local, 1);
}

#[test]
fn loopback_is_refused_on_the_wire_unless_a_loopback_host_was_added() {
    let mut world = lonely();
    let check = Forged::check(&world.agents[0]).bytes();
    assert_eq!(provoked(&mut world, "127.0.0.1:5000", &check), 0);
    assert_eq!(world.agents[0].counters().refused_remote, 1);
    let local = addr("127.0.0.1:4000");
    world.agents[0].add_local_candidate(LocalCandidate::udp(local)).unwrap();
    let before = world.sent.len();
    world.inject(0, local, addr("127.0.0.1:5000"), &check);
    world.run_until(world.now);
    assert!(world.sent.len() > before);
}

#[test]
fn the_slowest_reader_costs_bounded_memory() {
    let mut world = World::full(1);
    world.describe();
    let mut forged = Forged::check(&world.agents[0]);
    for n in 0..1000_u32 {
        forged.id[..4].copy_from_slice(&n.to_be_bytes());
        world.inject(0, host(0, 0), host(1, 0), &forged.bytes());
    }
    let a = &mut world.agents[0];
    assert_eq!(a.counters().replies_refused, 1000 - 64);
    let (mut buf, mut drawn) = ([0; 1200], 0);
    loop {
        match a.poll_output(at(0), &mut buf) {
            Output::Transmit(_) => drawn += 1,
            Output::Event(_) => {}
            Output::Wait(_) => break,
        }
    }
    assert!(drawn <= 64 + 1);
}
