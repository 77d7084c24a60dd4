//! What does not come from the peer changes nothing (`negative-tests`, 1 to 15).

use antiphon::ice::{IceConnectionState, LocalCandidate, Role};
use antiphon::stun::{Builder, Class, Message, Method, TransactionId};
use antiphon::{Output, Path};

use crate::world::{Forged, World, addr, answer, at, host, is_request, ms};

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
fn n01_a_request_with_wrong_integrity_is_dropped_in_silence() {
    let mut world = lonely();
    let mut forged = Forged::check(&world.agents[0]);
    forged.pwd = Some("another password of some length".into());
    assert_eq!(provoked(&mut world, "10.1.0.1:5000", &forged.bytes()), 0);
    forged.pwd = None;
    assert_eq!(provoked(&mut world, "10.1.0.1:5000", &forged.bytes()), 0);
    assert_eq!(world.agents[0].counters().request_bad_integrity, 2);
    assert_eq!(world.agents[0].state(), IceConnectionState::Checking);
}

#[test]
fn n02_a_username_must_be_ours_and_theirs() {
    let mut world = lonely();
    let good = Forged::check(&world.agents[0]);
    let (ours, theirs) = good.username.split_once(':').unwrap();
    let bad = [
        ours.to_owned(),
        theirs.to_owned(),
        format!("{theirs}:{ours}"),
        format!(":{theirs}"),
        format!("{ours}:"),
        format!("{ours}:{theirs}:x"),
        format!("{ours}:someone"),
    ];
    for username in bad.clone() {
        let forged = Forged { username, ..good.clone() };
        assert_eq!(provoked(&mut world, "10.1.0.1:5000", &forged.bytes()), 0);
    }
    assert_eq!(world.agents[0].counters().request_bad_username, bad.len() as u64);
    assert!(provoked(&mut world, "10.1.0.1:5000", &good.bytes()) > 0);
}

#[test]
fn n03_only_an_authentic_answer_ends_a_check() {
    let mut world = lonely();
    let asked = world.sent.iter().find(|p| p.from == 0 && is_request(p)).unwrap().data.clone();
    let pwd = world.agents[1].local_credentials().pwd().to_owned();
    let (here, there) = (host(0, 0), host(1, 0));
    for wrong in [None, Some("another password of some length")] {
        world.inject(0, here, there, &answer(&asked, Ok(here), wrong));
        world.inject(0, here, there, &answer(&asked, Err(400), wrong));
        world.inject(0, here, addr("10.9.9.9:1"), &answer(&asked, Ok(here), wrong));
    }
    assert_eq!(world.agents[0].counters().response_bad_integrity, 6);
    assert_eq!(world.agents[0].active_path(), None);
    // The peer's own answer still counts.
    world.inject(0, here, there, &answer(&asked, Ok(here), Some(&pwd)));
    assert_eq!(world.agents[0].active_path(), Some(Path::udp(here, there)));
}

#[test]
fn n03_an_authentic_answer_from_elsewhere_fails_the_pair() {
    let mut world = lonely();
    let asked = world.sent.iter().find(|p| p.from == 0 && is_request(p)).unwrap().data.clone();
    let pwd = world.agents[1].local_credentials().pwd().to_owned();
    world.inject(0, host(0, 0), addr("10.9.9.9:1"), &answer(&asked, Ok(host(0, 0)), Some(&pwd)));
    assert_eq!(world.agents[0].counters().response_asymmetric, 1);
    let pairs = world.agents[0].stats().pairs;
    assert_eq!(pairs[0].state, antiphon::ice::CandidatePairState::Failed);
    assert_eq!(world.agents[0].active_path(), None);
}

#[test]
fn n04_an_unauthenticated_nomination_nominates_nothing() {
    let mut world = World::full(1);
    world.agents[0].set_role(Role::Controlled);
    world.agents[1].set_role(Role::Controlling);
    world.describe();
    world.lost = Box::new(crate::world::nominates);
    world.run_until(at(200));
    assert!(world.agents[0].active_path().is_some());
    let forged = Forged { pwd: None, nominates: true, ..Forged::check(&world.agents[0]) };
    world.inject(0, host(0, 0), host(1, 0), &forged.bytes());
    world.run_until(at(210));
    assert_eq!(world.selected_at(0), None);
    let peers = Forged { nominates: true, ..Forged::check(&world.agents[0]) };
    world.inject(0, host(0, 0), host(1, 0), &peers.bytes());
    world.run_until(at(220));
    assert!(world.selected_at(0).is_some());
}

#[test]
fn n05_ten_thousand_forged_addresses_do_not_grow_the_table() {
    let mut world = World::full(1);
    world.describe();
    world.run_until(at(1000));
    let path = world.agents[0].active_path();
    let mut forged = Forged::check(&world.agents[0]);
    for n in 0..10_000_u32 {
        forged.id[..4].copy_from_slice(&n.to_be_bytes());
        let source = format!("10.{}.{}.7:{}", 100 + n / 2500, n % 250, 1000 + n / 10);
        world.inject(0, host(0, 0), addr(&source), &forged.bytes());
        if n % 100 == 0 {
            world.run_until(world.now + ms(10));
        }
    }
    let stats = world.agents[0].stats();
    assert!(stats.remote_candidates.len() <= 1 + 32);
    assert!(stats.pairs.len() <= 100);
    assert!(stats.counters.peer_reflexive_refused > 9000);
    world.run_until(at(60_000));
    assert_eq!(world.agents[0].active_path(), path);
    assert_eq!(world.agents[0].state(), IceConnectionState::Completed);
}

#[test]
fn n06_broken_messages_are_counted() {
    let mut world = lonely();
    let good = Forged::check(&world.agents[0]).bytes();
    let mut long = good.clone();
    long[22..24].copy_from_slice(&[0xff, 0xff]);
    let mut damaged = good.clone();
    *damaged.last_mut().unwrap() ^= 1;
    for bad in [&good[..19], &good[..good.len() - 1], &long, &[], &[0; 20]] {
        assert_eq!(provoked(&mut world, "10.1.0.1:5000", bad), 0);
    }
    assert_eq!(world.agents[0].counters().malformed, 5);
    assert_eq!(provoked(&mut world, "10.1.0.1:5000", &damaged), 0);
    assert_eq!(world.agents[0].counters().bad_fingerprint, 1);
}

#[test]
fn n08_a_flood_of_unauthenticated_487_flips_no_role() {
    let mut world = lonely();
    let asked = world.sent.iter().find(|p| p.from == 0 && is_request(p)).unwrap().data.clone();
    let flood = answer(&asked, Err(487), None);
    for _ in 0..1000 {
        world.inject(0, host(0, 0), host(1, 0), &flood);
    }
    assert_eq!(world.agents[0].role(), Role::Controlling);
    assert_eq!(world.agents[0].counters().response_bad_integrity, 1000);
}

#[test]
fn n12_nothing_is_sent_to_strangers() {
    let mut world = lonely();
    let mut forged = Forged::check(&world.agents[0]);
    forged.pwd = Some("another password of some length".into());
    for n in 0..500_u16 {
        forged.unknown = Some(n);
        assert_eq!(provoked(&mut world, "10.77.0.1:5000", &forged.bytes()), 0);
    }
}

#[test]
fn n13_indications_ask_for_nothing() {
    let mut world = lonely();
    let mut buf = [0; 100];
    let message = Builder::new(&mut buf, Class::Indication, Method::BINDING, TransactionId([1; 12])).unwrap();
    let len = message.finish();
    for _ in 0..100 {
        assert_eq!(provoked(&mut world, "10.77.0.1:5000", &buf[..len]), 0);
    }
    assert_eq!(world.agents[0].counters().indications, 100);
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
