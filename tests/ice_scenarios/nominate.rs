//! Which pair is chosen, and by whom.

use antiphon::Path;
use antiphon::ice::{CandidatePairState, Config, Event, IceConnectionState, LocalCandidate, Role};

use crate::world::{Forged, World, addr, at, host, is_request, ms, nominates};

#[test]
fn data_goes_on_the_best_valid_pair_before_any_nomination() {
    let mut world = World::full(2);
    world.lost = Box::new(nominates);
    world.describe();
    world.run_until(at(50));
    assert_eq!(world.agents[0].active_path(), Some(Path::udp(host(0, 0), host(1, 0))));
    assert_eq!(world.agents[1].active_path(), Some(Path::udp(host(1, 0), host(0, 0))));
    assert_eq!(world.selected_at(0), None);
}

#[test]
fn nomination_waits_two_round_trips_for_a_better_pair_and_no_longer() {
    let mut world = World::with_hosts(&Config::new().pacing(ms(5)), 2);
    let best = [host(0, 0), host(1, 0)];
    world.lost = Box::new(move |p| best.contains(&p.path.local) && best.contains(&p.path.remote));
    world.describe();
    world.run_until(at(1000));
    let nominated = world.sent.iter().find(|p| nominates(p)).unwrap();
    // The first pair becomes valid at 55 ms; the better one has been away since 0 ms.
    assert!(nominated.sent_at >= at(100) && nominated.sent_at <= at(155), "{:?}", nominated.sent_at);
    assert_ne!(world.agents[0].active_path(), Some(Path::udp(host(0, 0), host(1, 0))));
    assert_eq!(world.agents[0].state(), IceConnectionState::Completed);
}

#[test]
fn only_one_pair_is_ever_nominated() {
    let mut world = World::full(4);
    world.describe();
    world.run_until(at(60_000));
    let mut paths: Vec<_> = world.sent.iter().filter(|p| nominates(p)).map(|p| p.path).collect();
    paths.dedup();
    assert_eq!(paths.len(), 1);
    assert_eq!(world.sent.iter().filter(|p| nominates(p)).count(), 1);
    assert_eq!(world.agents[0].stats().pairs.iter().filter(|pair| pair.nominated).count(), 1);
}

// RFC 5245 §8.1.1.2: the peer nominates with every check, and the best pair wins in the end.
#[test]
fn a_controlled_agent_follows_an_aggressive_nominator() {
    let mut world = World::with_hosts(&Config::new().pacing(ms(5)), 2);
    world.describe();
    world.lost = Box::new(nominates);
    world.run_until(at(500));
    let check = Forged { nominates: true, ..Forged::check(&world.agents[1]) };
    // First the worst pair is nominated: it is selected as soon as our own check of it has worked.
    world.inject(1, host(1, 1), host(0, 1), &check.bytes());
    world.run_until(at(600));
    assert_eq!(world.agents[1].active_path(), Some(Path::udp(host(1, 1), host(0, 1))));
    // Then a better one; the old one stays valid.
    let better = Forged { id: [8; 12], ..check.clone() };
    world.inject(1, host(1, 0), host(0, 0), &better.bytes());
    world.run_until(at(700));
    assert_eq!(world.agents[1].active_path(), Some(Path::udp(host(1, 0), host(0, 0))));
    assert!(world.agents[1].accepts(&Path::udp(host(1, 1), host(0, 1))));
    // Then the worst again: the better one is kept.
    world.inject(1, host(1, 1), host(0, 1), &check.bytes());
    world.run_until(at(800));
    assert_eq!(world.agents[1].active_path(), Some(Path::udp(host(1, 0), host(0, 0))));
}

// RFC 8445 §12.2: a peer may have chosen another pair, as one of RFC 5245 does whose every check nominates, where the check that
// would have shown it to us was given up with the end of our checks. It says so by asking for consent there.
#[test]
fn data_is_believed_where_the_peer_still_checks_after_the_end_of_ours() {
    let mut world = World::with_hosts(&Config::new().pacing(ms(5)), 2);
    let best = [host(0, 0), host(1, 0)];
    world.lost = Box::new(move |p| best.contains(&p.path.local) && best.contains(&p.path.remote));
    world.describe();
    world.run_until(at(1000));
    let theirs = Path::udp(host(0, 0), host(1, 0));
    assert_eq!(world.agents[0].state(), IceConnectionState::Completed);
    assert!(!world.agents[0].accepts(&theirs));
    // Not on the word of somebody who does not know the password.
    let check = Forged::check(&world.agents[0]);
    let stranger = Forged { pwd: Some("x".repeat(24)), id: [5; 12], ..check.clone() };
    world.inject(0, host(0, 0), host(1, 0), &stranger.bytes());
    world.run_until(at(1100));
    assert!(!world.agents[0].accepts(&theirs));
    let used = world.agents[0].active_path();
    world.inject(0, host(0, 0), host(1, 0), &check.bytes());
    world.run_until(at(1200));
    assert!(world.agents[0].accepts(&theirs));
    assert_eq!(world.agents[0].active_path(), used);
    // Until a restart has an answer the old paths carry data.
    world.agents[0].restart();
    world.run_until(at(1300));
    assert!(world.agents[0].accepts(&theirs));
    world.agents[0].close();
    assert!(!world.agents[0].accepts(&theirs));
}

#[test]
fn a_refused_nomination_falls_to_the_next_pair() {
    let mut world = World::full(1);
    world.lost = Box::new(nominates);
    world.describe();
    world.run_until(at(60));
    let asked = world.sent.iter().find(|p| nominates(p)).unwrap().data.clone();
    let pwd = world.agents[1].local_credentials().pwd().to_owned();
    let refusal = crate::world::answer(&asked, Err(400), Some(&pwd));
    world.inject(0, host(0, 0), host(1, 0), &refusal);
    let pair = &world.agents[0].stats().pairs[0];
    assert_eq!((pair.state, pair.nominated), (CandidatePairState::Failed, false));
}

#[test]
fn a_peer_behind_a_name_is_reached_by_its_own_checks() {
    let mut world = World::full(1);
    let mut hidden = world.agents[1].local_candidates().next().unwrap().clone();
    hidden.address =
        antiphon::sdp::candidate::CandidateAddress::Name("1f4712db-ea17-4bcf-a596-105139dfd8bf.local".into());
    let parameters = world.parameters(1);
    world.agents[0].set_remote(parameters);
    world.agents[0].add_remote_candidate(&hidden).unwrap();
    assert_eq!(world.agents[0].counters().candidates_unpaired, 1);
    world.describe_to(1);
    world.run_until(at(1000));
    assert_eq!(world.agents[0].active_path(), Some(Path::udp(host(0, 0), host(1, 0))));
    let stats = world.agents[0].stats();
    assert_eq!(
        stats.remote_candidates.last().unwrap().kind,
        antiphon::sdp::candidate::CandidateKind::PeerReflexive
    );
    // When the name is resolved after all, the candidate takes its place.
    let open = world.agents[1].local_candidates().next().unwrap().clone();
    world.agents[0].add_remote_candidate(&open).unwrap();
    let stats = world.agents[0].stats();
    assert_eq!(stats.remote_candidates.len(), 2);
    assert_eq!(stats.remote_candidates[1].kind, antiphon::sdp::candidate::CandidateKind::Host);
    assert_eq!(stats.pairs.len(), 1);
}

#[test]
fn trickled_candidates_connect_as_they_come() {
    let mut world = World::full(0);
    world.describe_to(0);
    world.describe_to(1);
    world.run_until(at(5000));
    for side in 0..2 {
        let candidate = world.agents[side].add_local_candidate(LocalCandidate::udp(host(side, 0))).unwrap();
        world.agents[1 - side].add_remote_candidate(&candidate).unwrap();
    }
    world.run_until(at(5100));
    assert_eq!(world.selected_at(0), Some(at(5100)));
    assert_eq!(world.agents[0].state(), IceConnectionState::Connected);
    for side in 0..2 {
        world.agents[side].end_of_local_candidates();
    }
    world.run_until(at(5101));
    assert_eq!(world.agents[0].state(), IceConnectionState::Completed);
}

#[test]
fn pacing_is_the_slower_sides() {
    for (a, b, expected) in [(5, 20, 20), (20, 5, 20), (5, 5, 5)] {
        let mut world =
            World::new(&Config::new().pacing(ms(a)), &Config::new().role(Role::Controlled).pacing(ms(b)));
        for side in 0..2 {
            for n in 0..4 {
                world.agents[side].add_local_candidate(LocalCandidate::udp(host(side, n))).unwrap();
            }
        }
        world.lost = Box::new(|_| true);
        world.describe();
        world.run_until(at(400));
        let sent: Vec<_> =
            world.sent.iter().filter(|p| p.from == 0 && is_request(p)).map(|p| p.sent_at).collect();
        assert_eq!(sent[0], at(0));
        assert!(sent.windows(2).all(|w| w[1].saturating_duration_since(w[0]) == ms(expected)));
        assert_eq!(sent.len(), 16);
    }
    // Where one side is silent about it, that side means 50 ms.
    let mut world = World::new(&Config::new().pacing(ms(5)), &Config::new());
    let parameters = world.parameters(1);
    world.agents[0].set_remote(parameters);
    assert_eq!(world.agents[0].pacing(), ms(50));
    assert!(world.sent.is_empty());
}

#[test]
fn a_broken_family_costs_one_slot_for_each_of_the_other() {
    let mut world = World::with_hosts(&Config::new().pacing(ms(5)), 0);
    for side in 0..2 {
        for n in 1..4 {
            let six = addr(&format!("[2001:db8:{side}::{n}]:5000"));
            world.agents[side].add_local_candidate(LocalCandidate::udp(six)).unwrap();
        }
        world.agents[side].add_local_candidate(LocalCandidate::udp(host(side, 0))).unwrap();
    }
    world.lost = Box::new(|p| p.path.local.is_ipv6());
    world.describe();
    world.run_until(at(5000));
    let first_v4 = world.sent.iter().find(|p| p.path.local.is_ipv4()).unwrap();
    assert_eq!(first_v4.sent_at, at(5), "second in the order");
    assert!(world.agents[0].active_path().unwrap().local.is_ipv4());
    assert!(world.selected_at(0).unwrap() <= at(205));
}

#[test]
fn an_advertised_address_is_told_and_the_socket_is_used() {
    let mut world = World::full(0);
    let public = addr("203.0.113.9:5000");
    let candidate =
        world.agents[0].add_local_candidate(LocalCandidate::udp(host(0, 0)).advertised(public)).unwrap();
    assert_eq!(candidate.port, 5000);
    world.agents[1].add_local_candidate(LocalCandidate::udp(host(1, 0))).unwrap();
    world.describe();
    world.run_until(at(10));
    assert_eq!(world.sent.iter().find(|p| p.from == 0).unwrap().path.local, host(0, 0));
    assert_eq!(world.sent.iter().find(|p| p.from == 1).unwrap().path.remote, public);
    let event = Event::Candidate(candidate);
    assert!(world.first(0, |told| *told == event).is_some());
}
