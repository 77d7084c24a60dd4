//! Address translation between the two: reflexive candidates on both sides, and peers that move.

use antiphon::Path;
use antiphon::ice::IceConnectionState;
use antiphon::sdp::candidate::{CandidateAddress, CandidateKind};

use crate::world::{World, addr, at, host};

/// `a` is behind a NAT that shows it as `public`.
fn behind_nat(world: &mut World, public: &'static str) {
    let public = addr(public);
    world.nat = Box::new(move |packet| {
        let mut path = packet.path;
        if packet.from == 0 {
            path.local = public;
        } else if path.remote == public {
            path.remote = host(0, 0);
        } else {
            return None;
        }
        Some(path)
    });
}

#[test]
fn a_peer_behind_a_nat_is_learned_from_its_checks() {
    let mut world = World::full(1);
    behind_nat(&mut world, "203.0.113.1:61000");
    world.describe();
    world.run_until(at(2000));
    assert_eq!(world.agents[0].active_path(), Some(Path::udp(host(0, 0), host(1, 0))));
    assert_eq!(world.agents[1].active_path(), Some(Path::udp(host(1, 0), addr("203.0.113.1:61000"))));
    assert!(world.agents.iter().all(|a| a.state() == IceConnectionState::Completed));
    let stats = world.agents[0].stats();
    let reflexive = &stats.local_candidates[1];
    assert_eq!(reflexive.kind, CandidateKind::PeerReflexive);
    assert_eq!(reflexive.address, CandidateAddress::Ip("203.0.113.1".parse().unwrap()));
    assert_eq!(reflexive.related, Some((host(0, 0).ip(), 5000)));
    let learned = &world.agents[1].stats().remote_candidates[1];
    assert_eq!(learned.kind, CandidateKind::PeerReflexive);
    assert_eq!(learned.priority, reflexive.priority, "the priority the check carried");
}

#[test]
fn a_nat_that_forgets_is_followed_when_the_peer_nominates_again() {
    // The NAT's mapping changes in the middle of a session: the controlling side behind it keeps asking for consent
    // from a new address, and the old one falls silent.
    let mut world = World::full(1);
    behind_nat(&mut world, "203.0.113.1:61000");
    world.describe();
    world.run_until(at(20_000));
    behind_nat(&mut world, "203.0.113.1:62000");
    world.run_until(at(80_000));
    // A notices nothing: its checks are answered where they come from.
    assert_eq!(world.agents[0].state(), IceConnectionState::Completed);
    // B checks the address it sees in turn, and moves there before consent for the old one ends.
    assert_eq!(world.agents[1].active_path(), Some(Path::udp(host(1, 0), addr("203.0.113.1:62000"))));
    assert!(world.events[1].iter().all(|(_, e)| *e != antiphon::ice::Event::ActivePath(None)));
}

#[test]
fn a_peer_that_is_met_at_another_address_is_followed_within_a_consent_interval() {
    let mut world = World::full(1);
    behind_nat(&mut world, "203.0.113.1:61000");
    world.describe();
    world.run_until(at(20_000));
    behind_nat(&mut world, "203.0.113.1:62000");
    // The next consent check of A comes from there within six seconds; B's own check of it takes a round trip, and the
    // old path has half a second to show that it lives.
    world.run_until(at(20_000 + 6000 + 50 + 500 + 50));
    assert_eq!(world.agents[1].active_path(), Some(Path::udp(host(1, 0), addr("203.0.113.1:62000"))));
    assert!(world.events[1].iter().all(|(_, e)| !matches!(
        e,
        antiphon::ice::Event::ActivePath(None)
            | antiphon::ice::Event::StateChange(IceConnectionState::Disconnected)
    )));
}

#[test]
fn a_path_that_answers_is_kept_whoever_else_is_met() {
    let mut world = World::full(1);
    behind_nat(&mut world, "203.0.113.1:61000");
    world.describe();
    world.run_until(at(20_000));
    let path = world.agents[1].active_path();
    // Every tenth datagram of A takes another way out, and both ways lead back.
    let (one, other) = (addr("203.0.113.1:61000"), addr("203.0.113.1:62000"));
    let mut count = 0;
    world.nat = Box::new(move |packet| {
        let mut path = packet.path;
        count += 1;
        if packet.from == 0 {
            path.local = if count % 10 == 0 { other } else { one };
        } else if path.remote == one || path.remote == other {
            path.remote = host(0, 0);
        }
        Some(path)
    });
    world.run_until(at(120_000));
    assert_eq!(world.agents[1].active_path(), path);
    assert!(world.agents.iter().all(|a| a.state() == IceConnectionState::Completed));
}
