//! Patience before failure, limits, and candidates that are refused.

use std::net::{Ipv6Addr, SocketAddrV6};

use antiphon::Path;
use antiphon::ice::{CandidateError, Config, IceConnectionState, LocalCandidate, RemoteParameters};
use antiphon::sdp::candidate::CandidateKind;

use crate::world::{Forged, Packet, World, addr, agent, at, host, is_request, ms};

fn failed_at(world: &World, side: usize) -> Option<antiphon::Instant> {
    world.first(side, |e| *e == antiphon::ice::Event::StateChange(IceConnectionState::Failed))
}

#[test]
fn without_a_candidate_failure_comes_after_39_and_a_half_seconds() {
    for ended in [false, true] {
        let mut world = World::full(1);
        let parameters = world.parameters(1);
        world.agents[0].set_remote(parameters);
        if ended {
            world.agents[0].end_of_remote_candidates();
        }
        world.run_until(at(39_499));
        assert_ne!(world.agents[0].state(), IceConnectionState::Failed);
        world.run_until(at(100_000));
        assert_eq!(failed_at(&world, 0), Some(at(39_500)));
    }
}

#[test]
fn a_check_that_comes_late_still_connects() {
    let mut world = World::full(1);
    let parameters = world.parameters(1);
    world.agents[0].set_remote(parameters);
    world.agents[0].end_of_remote_candidates();
    world.run_until(at(39_000));
    world.describe_to(1);
    world.run_until(at(45_000));
    assert!(world.agents[0].active_path().is_some());
    assert_eq!(failed_at(&world, 0), None);
}

#[test]
fn where_nothing_answers_failure_comes_with_the_last_check() {
    let mut world = World::full(2);
    world.lost = Box::new(|_| true);
    world.describe();
    world.run_until(at(100_000));
    // Four checks 50 ms apart, each given up after 39.5 s.
    assert_eq!(failed_at(&world, 0), Some(at(39_650)));
    assert_eq!(world.sent.iter().filter(|p| p.from == 0 && is_request(p)).count(), 4 * 7);
    let last = world.sent.iter().map(|p| p.sent_at).max().unwrap();
    assert!(last <= at(31_650));
    // And then it is quiet for ever.
    assert_eq!(world.agents[0].poll_output(at(100_000), &mut []), antiphon::Output::Wait(None));
}

// RFC 8445 §14.3: the timeout grows with what waits and is under way.
#[test]
fn many_checks_are_repeated_more_slowly() {
    let mut world = World::with_hosts(&Config::new().pacing(ms(50)), 5);
    world.lost = Box::new(|_| true);
    world.describe();
    world.run_until(at(3000));
    let first: Vec<_> = world
        .sent
        .iter()
        .filter(|p| p.from == 0 && p.path.local == host(0, 0) && p.path.remote == host(1, 0))
        .collect();
    assert_eq!(first[1].sent_at, at(25 * 50));
}

// RFC 8445 §6.1.2.5: "an ICE agent MUST limit the total number of connectivity checks [..]. A default limit of 100".
#[test]
fn a_hundred_pairs_are_checked_unless_configured_otherwise() {
    let mut world = World::with_hosts(&Config::new().pacing(ms(5)), 11);
    world.lost = Box::new(|_| true);
    world.describe();
    world.run_until(at(2000));
    let mut paths: Vec<_> = world.sent.iter().filter(|p| p.from == 0).map(|p| p.path).collect();
    paths.sort();
    paths.dedup();
    assert_eq!((paths.len(), world.agents[0].counters().pairs_dropped), (100, 21));
}

// RFC 8445 §6.1.4.2: the triggered-check queue comes first; §7.3.1.3: the candidate's priority is that of the request.
#[test]
fn a_triggered_check_goes_before_the_ordinary_ones() {
    let mut world = World::full(4);
    world.describe();
    world.lost = Box::new(|_| true);
    world.run_until(at(10));
    let check = Forged { priority: Some(1_234_567), ..Forged::check(&world.agents[0]) };
    let source = addr("10.77.0.1:7000");
    world.inject(0, host(0, 3), source, &check.bytes());
    world.run_until(at(60));
    let asked: Vec<_> = world.sent.iter().filter(|p| p.from == 0 && is_request(p)).map(|p| p.path).collect();
    assert_eq!(asked, [Path::udp(host(0, 0), host(1, 0)), Path::udp(host(0, 3), source)]);
    let stats = world.agents[0].stats();
    let learned = stats.remote_candidates.last().unwrap();
    assert_eq!((learned.kind, learned.priority), (CandidateKind::PeerReflexive, 1_234_567));
}

#[test]
fn no_more_pairs_than_the_limit_are_checked() {
    let mut world = World::with_hosts(&Config::new().pacing(ms(5)).pair_limit(30), 10);
    world.lost = Box::new(|_| true);
    world.describe();
    world.run_until(at(2000));
    let mut paths: Vec<_> = world.sent.iter().filter(|p| p.from == 0).map(|p| p.path).collect();
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), 30);
    assert_eq!(world.agents[0].counters().pairs_dropped, 70);
    // The best are kept.
    let stats = world.agents[0].stats();
    assert!(stats.pairs.iter().any(|pair| pair.path.local == host(0, 0) && pair.path.remote == host(1, 0)));
}

#[test]
fn remote_candidates_are_bounded() {
    let mut world = World::full(1);
    let mut candidate = world.agents[1].local_candidates().next().unwrap().clone();
    let parameters = world.parameters(1);
    world.agents[0].set_remote(parameters);
    let mut refused = 0;
    for n in 0..1000 {
        candidate.port = 6000 + n;
        if world.agents[0].add_remote_candidate(&candidate).is_err() {
            refused += 1;
        }
    }
    assert_eq!(refused, 900);
    // One foundation for all of them: only the best is not frozen at first, yet no slot is left unused.
    world.lost = Box::new(|_| true);
    world.run_until(at(1000));
    assert_eq!(world.agents[0].counters().checks_sent, 21);
}

#[test]
fn local_addresses_are_checked_too() {
    let mut a = agent(1, &Config::new());
    let mut add = |local: &str| a.add_local_candidate(LocalCandidate::udp(addr(local)));
    assert!(matches!(add("0.0.0.0:5000"), Err(CandidateError::Unspecified(_))));
    assert!(matches!(add("[::]:5000"), Err(CandidateError::Unspecified(_))));
    assert!(matches!(add("10.0.0.1:0"), Err(CandidateError::Port(0))));
    assert!(add("10.0.0.1:5000").is_ok());
    assert!(matches!(add("10.0.0.1:5000"), Err(CandidateError::Duplicate(..))));
    for n in 1..64 {
        assert!(add(&format!("10.0.0.1:{}", 6000 + n)).is_ok());
    }
    assert!(matches!(add("10.0.0.2:5000"), Err(CandidateError::TooMany { limit: 64 })));
    let foundations: std::collections::BTreeSet<_> =
        a.local_candidates().map(|candidate| candidate.foundation.clone()).collect();
    assert_eq!(foundations.len(), 1, "one base address, one foundation");
    let priorities: std::collections::BTreeSet<_> =
        a.local_candidates().map(|candidate| candidate.priority).collect();
    assert_eq!(priorities.len(), 64);
}

#[test]
fn link_local_addresses_meet_only_their_like() {
    let mut world = World::full(0);
    for side in 0..2 {
        for local in [format!("[fe80::{}%0]:5000", side + 1), format!("[2001:db8::{}]:5000", side + 1)] {
            let local = addr(&local.replace("%0", ""));
            world.agents[side].add_local_candidate(LocalCandidate::udp(local)).unwrap();
        }
    }
    world.describe();
    assert_eq!(world.agents[0].stats().remote_candidates.len(), 2);
    world.run_until(at(500));
    let link_local = |a: std::net::SocketAddr| a.to_string().starts_with("[fe80");
    assert!(world.sent.iter().all(|p| link_local(p.path.local) == link_local(p.path.remote)));
    assert!(world.agents[0].active_path().is_some());
}

// A scope says on which interface a link-local address is, which the socket says already: systems report it for some addresses only.
#[test]
fn a_scope_makes_no_other_path_of_a_link_local_address() {
    let scoped = |last: u16| SocketAddrV6::new(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last), 5000, 0, 3);
    for described in [true, false] {
        let mut world = World::full(0);
        world.agents[0].add_local_candidate(LocalCandidate::udp(scoped(1).into())).unwrap();
        if described {
            let parameters = world.parameters(1);
            world.agents[0].set_remote(parameters);
        }
        let check = Forged::check(&world.agents[0]).bytes();
        let path = Path::udp(addr("[fe80::1]:5000"), scoped(2).into());
        world.inject(0, path.local, path.remote, &check);
        assert!(world.agents[0].is_authenticated(&path));
        // What is sent there has the scope of the socket.
        world.run_until(at(10));
        assert!(!world.sent.is_empty());
        assert!(world.sent.iter().all(|packet| packet.path.remote == scoped(2).into()));
    }
}

#[test]
fn loopback_hosts_meet_when_both_sides_want_it() {
    let mut world = World::full(0);
    for (side, port) in [(0, 4001), (1, 4002)] {
        let local = addr(&format!("127.0.0.1:{port}"));
        world.agents[side].add_local_candidate(LocalCandidate::udp(local)).unwrap();
    }
    world.describe();
    world.run_until(at(200));
    assert!(world.agents.iter().all(|a| a.active_path().is_some()));
}

#[test]
fn a_path_we_would_not_have_tried_is_checked_in_turn_once_the_peer_comes_by_it() {
    let mut world = World::full(0);
    for (side, port) in [(0, 4001), (1, 4002)] {
        let local = addr(&format!("127.0.0.1:{port}"));
        world.agents[side].add_local_candidate(LocalCandidate::udp(local)).unwrap();
    }
    world.describe();
    world.run_until(at(200));
    // On one machine a socket of another interface reaches loopback too, and a peer that gets its answer there may move to it.
    let (here, there) = (addr("127.0.0.1:4001"), addr("10.0.0.1:5000"));
    let mut check = Forged::check(&world.agents[0]);
    check.nominates = true;
    world.inject(0, here, there, &check.bytes());
    world.run_until(at(400));
    let asked =
        |packet: &Packet| is_request(packet) && (packet.path.local, packet.path.remote) == (here, there);
    assert!(world.sent.iter().any(asked));
}

#[test]
fn the_same_description_again_changes_nothing() {
    let mut world = World::full(1);
    world.describe();
    world.run_until(at(1000));
    let ufrag = world.agents[0].local_credentials().ufrag().to_owned();
    let parameters: RemoteParameters = world.parameters(1);
    world.agents[0].set_remote(parameters);
    assert_eq!(world.agents[0].local_credentials().ufrag(), ufrag);
    assert_eq!(world.agents[0].state(), IceConnectionState::Completed);
}
