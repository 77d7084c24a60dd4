//! A restart: new credentials, the old path until a new one works (RFC 8445 §9).

use antiphon::ice::{Agent, IceConnectionState, LocalCandidate};
use antiphon::{Path, stun::Message};

use crate::world::{Forged, World, at, host, is_request};

fn connected() -> World {
    let mut world = World::full(1);
    world.describe();
    world.run_until(at(1000));
    world
}

#[test]
fn the_old_path_carries_data_until_the_new_one_is_valid() {
    let mut world = connected();
    let old = world.agents[0].active_path().unwrap();
    let ufrag = world.agents[0].local_credentials().ufrag().to_owned();
    world.agents[0].restart();
    assert_ne!(world.agents[0].local_credentials().ufrag(), ufrag);
    assert_eq!(world.agents[0].active_path(), Some(old));
    // The peer takes the offer: it restarts as well, and keeps its path.
    world.describe_to(1);
    assert_eq!(world.agents[1].active_path(), Some(Path::udp(old.remote, old.local)));
    world.run_until(at(1030));
    world.describe_to(0);
    let selected = world.events[0].len();
    world.run_until(at(1500));
    assert!(world.events[0][selected..].iter().any(|(_, e)| matches!(e, antiphon::ice::Event::Selected(_))));
    for agent in &world.agents {
        assert_eq!(agent.state(), IceConnectionState::Completed);
        assert!(agent.accepts(&agent.active_path().unwrap()));
    }
    assert!(world.events.iter().flatten().all(|(_, e)| *e != antiphon::ice::Event::ActivePath(None)));
}

#[test]
fn consent_for_the_old_path_is_kept_while_the_restart_has_no_answer() {
    let mut world = connected();
    let path = world.agents[0].active_path();
    world.agents[0].restart();
    world.run_until(at(120_000));
    assert_eq!(world.agents[0].active_path(), path);
    let consent = world.agents[0].counters().consent_received;
    assert!(consent >= 18, "{consent}");
    // And when the peer goes, so does the path; the restart itself may still succeed.
    world.lost = Box::new(|_| true);
    world.run_until(at(160_000));
    assert_eq!(world.agents[0].active_path(), None);
    assert_ne!(world.agents[0].state(), IceConnectionState::Failed);
    world.lost = Box::new(|_| false);
    world.describe_to(1);
    world.describe_to(0);
    world.run_until(at(161_000));
    assert_eq!(world.agents[0].state(), IceConnectionState::Completed);
}

#[test]
fn a_failed_agent_works_again_after_a_restart() {
    let mut world = connected();
    world.lost = Box::new(|_| true);
    world.run_until(at(60_000));
    assert_eq!(world.agents[0].state(), IceConnectionState::Failed);
    world.lost = Box::new(|_| false);
    world.agents[0].restart();
    world.describe_to(1);
    world.describe_to(0);
    world.run_until(at(60_200));
    for agent in &world.agents {
        assert_eq!(agent.state(), IceConnectionState::Completed);
    }
}

#[test]
fn a_restart_moves_to_another_interface() {
    let mut world = connected();
    world.agents[0].add_local_candidate(LocalCandidate::udp(host(0, 3)).preference(65535)).unwrap();
    world.agents[0].restart();
    world.describe_to(1);
    world.describe_to(0);
    world.run_until(at(1500));
    assert_eq!(world.agents[0].active_path().unwrap().local, host(0, 3));
    // The socket of the old path goes: nobody minds.
    world.agents[0].remove_local_candidate(host(0, 0));
    world.run_until(at(40_000));
    assert_eq!(world.agents[0].state(), IceConnectionState::Completed);
    let late = world.sent.iter().filter(|p| p.sent_at > at(3000) && p.from == 0);
    assert!(late.clone().count() > 0 && late.clone().all(|p| p.path.local == host(0, 3)));
}

#[test]
fn a_lost_socket_is_a_lost_path() {
    let mut world = connected();
    world.agents[0].remove_local_candidate(host(0, 0));
    assert_eq!(world.agents[0].active_path(), None);
    let before = world.sent.iter().filter(|p| p.from == 0).count();
    world.run_until(at(50_000));
    assert_eq!(world.sent.iter().filter(|p| p.from == 0).count(), before);
    assert_eq!(world.agents[0].state(), IceConnectionState::Failed);
}

/// RFC 8445 §5.1.2: no two candidates have one priority, those of a socket that is gone and of the one in its place neither. Who took the
/// last nomination of two that were equal to it disagreed with its peer for ever.
#[test]
fn a_socket_in_the_place_of_another_has_a_priority_of_its_own() {
    let mut world = connected();
    let agent = &mut world.agents[0];
    let priority_of = |agent: &mut Agent, address| {
        agent.remove_local_candidate(address);
        agent.add_local_candidate(LocalCandidate::udp(address)).unwrap().priority
    };
    let first = agent.local_candidates().next().unwrap().priority;
    agent.remove_local_candidate(host(0, 0));
    let second = priority_of(agent, host(0, 5));
    assert!(second < first);
    assert_eq!(priority_of(agent, host(0, 0)), first);
    assert_eq!(priority_of(agent, host(0, 5)), second);
    // In another generation nobody knows who had it.
    agent.remove_local_candidate(host(0, 0));
    agent.restart();
    assert_eq!(priority_of(agent, host(0, 6)), first);
}

/// However often sockets come and go, there is room for another, and little is kept.
#[test]
fn sockets_may_come_and_go_without_end() {
    let mut world = connected();
    for n in 0..200 {
        world.agents[0].add_local_candidate(LocalCandidate::udp(host(0, 10 + n))).unwrap();
        world.agents[0].remove_local_candidate(host(0, 10 + n));
    }
    assert_eq!(world.agents[0].local_candidates().count(), 1);
}

#[test]
fn candidates_of_another_generation_are_dropped() {
    let mut world = connected();
    let old = world.agents[0].local_candidates().next().unwrap().clone();
    world.agents[0].restart();
    world.describe_to(1);
    assert_eq!(world.agents[1].add_remote_candidate(&old), Err(antiphon::ice::CandidateError::Generation));
    // One that comes before its description waits for it, and is dropped if it is of another.
    world.agents[1].restart();
    world.agents[1].add_remote_candidate(&old).unwrap();
    let parameters = world.parameters(0);
    world.agents[1].set_remote(parameters);
    assert!(world.agents[1].stats().remote_candidates.is_empty());
}

#[test]
fn two_restarts_in_a_row_keep_the_path_that_works() {
    let mut world = connected();
    let path = world.agents[0].active_path();
    world.agents[0].restart();
    world.agents[0].restart();
    assert_eq!(world.agents[0].active_path(), path);
    world.run_until(at(20_000));
    assert_eq!(world.agents[0].active_path(), path);
    let ours = world.agents[1].local_credentials().ufrag();
    let asked = world.sent.iter().rfind(|p| p.from == 0 && is_request(p)).unwrap();
    assert!(Message::parse(&asked.data).unwrap().username().unwrap().starts_with(ours));
}

#[test]
fn a_restart_that_is_taken_back_never_was() {
    for connected_before in [true, false] {
        let mut world = World::full(2);
        world.describe();
        world.lost = Box::new(move |_| !connected_before);
        world.run_until(at(2000));
        let (path, credentials) =
            (world.agents[0].active_path(), world.agents[0].local_credentials().clone());
        let pairs = world.agents[0].stats().pairs.len();
        world.agents[0].restart();
        world.run_until(at(3000));
        assert!(world.agents[0].stats().pairs.is_empty());
        assert!(world.agents[0].restart_with(credentials.clone()));
        assert_eq!(world.agents[0].local_credentials(), &credentials);
        assert_eq!(world.agents[0].active_path(), path);
        assert_eq!(world.agents[0].stats().pairs.len(), pairs);
        world.lost = Box::new(|_| false);
        world.run_until(at(60_000));
        for agent in &world.agents {
            assert_eq!(agent.state(), IceConnectionState::Completed);
        }
        // Once the peer has answered it is too late.
        world.agents[0].restart();
        world.describe_to(1);
        world.describe_to(0);
        assert!(!world.agents[0].restart_with(credentials));
    }
}

// RFC 9429 §5.7: a restart that is taken back has not happened, and a failed agent says nothing.
#[test]
fn an_answer_owed_by_a_generation_that_is_taken_back_is_not_sent() {
    let mut world = connected();
    let before = world.agents[0].local_credentials().clone();
    world.lost = Box::new(|_| true);
    world.run_until(at(60_000));
    assert_eq!(world.agents[0].state(), IceConnectionState::Failed);
    world.agents[0].restart();
    let check = Forged::check(&world.agents[0]);
    world.inject(0, host(0, 0), host(1, 0), &check.bytes());
    let sent = world.sent.len();
    assert!(world.agents[0].restart_with(before), "it is taken back");
    world.run_until(at(61_000));
    assert_eq!(world.agents[0].state(), IceConnectionState::Failed);
    assert_eq!(world.sent.len(), sent);
}
