//! Many datagrams, and copies of the peer's from elsewhere: what they cost, and what is sent because of them.

use antiphon::Path;
use antiphon::ice::{Config, IceConnectionState, LocalCandidate};
use antiphon::sdp::candidate::{Candidate, CandidateKind};
use antiphon::stun::{Builder, Class, Method, TransactionId};

use crate::world::{self, Forged, World, addr, at, host, is_request, ms};
use crate::{lonely, provoked, tables};

#[test]
fn n05_ten_thousand_forged_addresses_cost_bounded_work_and_leave_the_path_alone() {
    // During the checks, and after them.
    for concluded in [false, true] {
        let mut world = World::full(1);
        world.describe();
        if concluded {
            world.run_until(at(1000));
        } else {
            world.lost = Box::new(|_| true);
            world.run_until(at(10));
        }
        let path = world.agents[0].active_path();
        let mut forged = Forged::check(&world.agents[0]);
        let (before, mut bytes) = (world.agents[0].ops(), 0);
        for n in 0..10_000_u32 {
            forged.id[..4].copy_from_slice(&n.to_be_bytes());
            // Every one asks for the best place in the list.
            forged.priority = Some(u32::MAX - n);
            let source = format!("10.{}.{}.7:{}", 100 + n / 2500, n % 250, 1000 + n / 10);
            let data = forged.bytes();
            bytes += data.len() as u64;
            world.inject(0, host(0, 0), addr(&source), &data);
            if n % 16 == 0 {
                world.run_until(world.now + ms(2));
            }
        }
        let stats = world.agents[0].stats();
        assert!(stats.remote_candidates.len() <= 1 + 32);
        assert!(stats.pairs.len() <= 100);
        assert!(stats.counters.peer_reflexive_refused > 9000, "{:?}", stats.counters);
        let work = world.agents[0].ops() - before;
        assert!(work <= 20 * bytes, "{work} candidates and pairs looked at for {bytes} bytes");
        world.lost = Box::new(|_| false);
        world.run_until(at(120_000));
        if concluded {
            assert_eq!(world.agents[0].active_path(), path);
        }
        assert_eq!(world.agents[0].active_path(), Some(Path::udp(host(0, 0), host(1, 0))));
        assert_eq!(world.agents[0].state(), IceConnectionState::Completed);
    }
}

// The same check again and again, from as many addresses as are learned: each has ours cancelled and begun anew.
#[test]
fn n05_checks_that_are_repeated_from_thirty_two_addresses_are_a_bounded_table() {
    let mut world = World::full(1);
    world.describe();
    world.lost = Box::new(|_| true);
    world.run_until(at(10));
    let check = Forged::check(&world.agents[0]).bytes();
    let (before, mut bytes, mut most) = (world.agents[0].ops(), 0, 0);
    for step in 1..=4000_u64 {
        for n in 0..8 {
            let source = format!("10.66.0.{}:5000", 1 + (step * 8 + n) % 32);
            world.inject(0, host(0, 0), addr(&source), &check);
            bytes += check.len() as u64;
        }
        world.run_until(at(10 + step * 50));
        most = most.max(world.agents[0].checks_held());
    }
    assert!(most <= 1 + 32 + 128, "{most} checks held");
    let out: usize = world.sent.iter().map(|packet| packet.data.len()).sum();
    assert!(out as u64 <= 3 * bytes, "{out} bytes for {bytes}");
    let work = world.agents[0].ops() - before;
    assert!(work <= 20 * bytes, "{work} candidates, pairs and checks looked at for {bytes} bytes");
    world.run_until(at(1_000_000));
    assert_eq!(world.agents[0].checks_held(), 0);
}

// Each replaces one whose pairs have failed, while the table of checks is as full as it gets.
#[test]
fn n05_candidates_that_replace_others_cost_bounded_work() {
    let mut world = World::full(1);
    world.describe();
    let mut forged = Forged::check(&world.agents[0]);
    let mut from = |world: &mut World, n: u32| {
        forged.id[..4].copy_from_slice(&n.to_be_bytes());
        let data = forged.bytes();
        let source = format!("10.{}.{}.7:{}", 100 + n / 2500, n % 250, 1000 + n / 10);
        world.inject(0, host(0, 0), addr(&source), &data);
        world.run_until(world.now);
        data.len() as u64
    };
    world.run_until(at(1000));
    let (before, mut bytes) = (world.agents[0].ops(), 0);
    for n in 0..2500 {
        bytes += from(&mut world, n);
        // The first of them fail after a time.
        world.run_until(at(1000 + u64::from(n) * 100));
    }
    let counters = *world.agents[0].counters();
    assert!(counters.checks_sent > 2 * 32, "no place was taken again: {counters:?}");
    let work = world.agents[0].ops() - before;
    assert!(work <= 20 * bytes, "{work} candidates, pairs and checks looked at for {bytes} bytes");
    assert_eq!(world.agents[0].active_path(), Some(Path::udp(host(0, 0), host(1, 0))));
}

#[test]
fn n12_nothing_is_sent_to_strangers() {
    let mut world = lonely();
    let before = tables(&world.agents[0]);
    let mut forged = Forged::check(&world.agents[0]);
    forged.pwd = Some("another password of some length".into());
    for n in 0..500_u16 {
        forged.unknown = Some(n);
        assert_eq!(provoked(&mut world, "10.77.0.1:5000", &forged.bytes()), 0);
    }
    assert_eq!(world.agents[0].counters().request_bad_integrity, 500);
    assert_eq!(tables(&world.agents[0]), before);
}

// Whoever has the password may say where he is, and be wrong: what goes there stays in proportion.
#[test]
fn n12_an_authenticated_address_is_answered_once_and_checked_seven_times() {
    let mut world = lonely();
    let victim = "10.66.0.1:5000";
    let check = Forged::check(&world.agents[0]).bytes();
    let since = world.sent.len();
    world.inject(0, host(0, 0), addr(victim), &check);
    world.run_until(at(100_000));
    let there: Vec<_> = world.sent[since..].iter().filter(|p| p.path.remote == addr(victim)).collect();
    let checks = there.iter().filter(|p| is_request(p)).count();
    let answers: Vec<_> = there.iter().filter(|p| !is_request(p)).collect();
    assert_eq!((checks, answers.len()), (7, 1), "RFC 8489 §6.2.1: Rc");
    assert!(there.iter().all(|p| p.data.len() <= check.len() + 24));
    assert!(answers[0].data.len() <= check.len());
}

// A lite agent believes checks, and so a copy of one from anywhere: it is answered there, and what else is sent stays with the peer, whatever
// the description said of its address.
#[test]
fn n12_a_copied_nomination_does_not_move_what_a_lite_agent_sends() {
    let kinds =
        [(CandidateKind::Host, 126), (CandidateKind::ServerReflexive, 100), (CandidateKind::Relayed, 0)];
    for signalled in [None, Some(kinds[0]), Some(kinds[1]), Some(kinds[2])] {
        let mut world = World::new(&Config::new(), &Config::new().lite(true));
        for side in 0..2 {
            world.agents[side].add_local_candidate(LocalCandidate::udp(host(side, 0))).unwrap();
        }
        world.describe_to(0);
        let parameters = world.parameters(0);
        world.agents[1].set_remote(parameters);
        if let Some((kind, preference)) = signalled {
            let ours = world.agents[0].local_candidates().next().unwrap().clone();
            let priority = (ours.priority & 0x00ff_ffff) | (preference << 24);
            world.agents[1].add_remote_candidate(&Candidate { kind, priority, ..ours }).unwrap();
        }
        world.run_until(at(2000));
        let path = Some(Path::udp(host(1, 0), host(0, 0)));
        assert_eq!(world.agents[1].active_path(), path, "{signalled:?}");
        let victim = addr("10.66.0.1:5000");
        let (mut said, first) = (0, world.sent.iter().find(|p| world::nominates(p)).unwrap().data.clone());
        for second in 3..100 {
            world.run_until(at(second * 1000));
            // All that the peer has ever asked; what has just left comes from there before it comes from the peer.
            let copies: Vec<_> =
                world.sent.iter().filter(|p| p.from == 0 && is_request(p)).map(|p| p.data.clone()).collect();
            for copy in copies {
                world.inject(1, host(1, 0), victim, &copy);
                said += copy.len();
                assert_eq!(world.agents[1].active_path(), path, "{signalled:?}");
            }
        }
        // One that is so old that nobody remembers it.
        world.run_until(at(600_000));
        world.inject(1, host(1, 0), victim, &first);
        world.run_until(at(601_000));
        assert_eq!(world.agents[1].active_path(), path, "{signalled:?}");
        assert!(world.agents[1].counters().request_repeated > 1000);
        let there: usize = world.sent.iter().filter(|p| p.path.remote == victim).map(|p| p.data.len()).sum();
        assert!(there <= said, "{there} bytes for {said}");
        assert!(world.agents[1].stats().remote_candidates.len() <= 2);
    }
}

// Nor when the peer is silent for a while: copies of what it said do not stand for it.
#[test]
fn n12_copies_do_not_keep_what_a_lite_agent_sends() {
    let mut world = World::new(&Config::new(), &Config::new().lite(true));
    for side in 0..2 {
        world.agents[side].add_local_candidate(LocalCandidate::udp(host(side, 0))).unwrap();
    }
    world.describe();
    world.run_until(at(20_000));
    let copies: Vec<_> =
        world.sent.iter().filter(|p| p.from == 0 && is_request(p)).map(|p| p.data.clone()).collect();
    world.lost = Box::new(|_| true);
    let victim = addr("10.66.0.1:5000");
    for second in 21..60 {
        world.run_until(at(second * 1000));
        for copy in &copies {
            world.inject(1, host(1, 0), victim, copy);
            world.inject(1, host(1, 0), host(0, 0), copy);
        }
        assert_ne!(world.agents[1].active_path().map(|path| path.remote), Some(victim));
    }
    assert_eq!(world.agents[1].active_path(), None);
    assert_eq!(world.agents[1].state(), IceConnectionState::Failed);
}

#[test]
fn n13_a_storm_of_indications_asks_for_nothing() {
    let mut world = lonely();
    let before = tables(&world.agents[0]);
    let mut buf = [0; 100];
    let message = Builder::new(&mut buf, Class::Indication, Method::BINDING, TransactionId([1; 12])).unwrap();
    let len = message.finish();
    let ops = world.agents[0].ops();
    for n in 0..1000 {
        assert_eq!(provoked(&mut world, &format!("10.77.0.1:{}", 5000 + n), &buf[..len]), 0);
    }
    assert_eq!(world.agents[0].counters().indications, 1000);
    assert_eq!(tables(&world.agents[0]), before);
    assert_eq!(world.agents[0].ops(), ops);
    assert_eq!(world.agents[0].state(), IceConnectionState::Checking);
}
