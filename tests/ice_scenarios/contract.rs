//! The laws of the contract, as far as they speak of an agent.

use antiphon::ice::{Config, Event, IceConnectionState, IceGatheringState, LocalCandidate};
use antiphon::{Instant, Output};

use crate::world::{Forged, World, agent, at, host, ms};

#[test]
fn closed_is_final() {
    let mut world = World::full(1);
    world.describe();
    world.run_until(at(1000));
    let a = &mut world.agents[0];
    a.close();
    let mut buf = [0; 1200];
    assert_eq!(a.poll_output(at(1000), &mut buf), Output::Event(Event::Closed));
    assert_eq!(a.state(), IceConnectionState::Closed);
    let check = Forged::check(a).bytes();
    for second in 1..100 {
        world.now = at(second * 1000);
        world.inject(0, host(0, 0), host(1, 0), &check);
        let a = &mut world.agents[0];
        a.restart();
        a.set_role(a.role().other());
        a.end_of_local_candidates();
        assert!(a.add_local_candidate(LocalCandidate::udp(host(0, 5))).is_err());
        a.remove_local_candidate(host(0, 0));
        a.close();
        assert_eq!(a.poll_output(world.now, &mut buf), Output::Wait(None));
        assert_eq!(a.active_path(), None);
    }
}

#[test]
fn an_empty_buffer_draws_events_and_deadlines_but_no_datagram() {
    let mut world = World::full(2);
    world.describe();
    let (mut buf, a) = ([0; 1200], &mut world.agents[0]);
    let mut waits = None;
    for step in 0..50 {
        let now = at(step * 100);
        loop {
            match a.poll_output(now, &mut []) {
                Output::Event(_) => {}
                Output::Transmit(_) => panic!("there is nothing to write into"),
                Output::Wait(at) => {
                    assert!(at.is_some_and(|at| at > now));
                    waits = at;
                    assert_eq!(a.poll_output(now, &mut []), Output::Wait(at));
                    break;
                }
            }
        }
    }
    // Failure comes in time although nothing could be sent.
    assert!(waits.is_some_and(|waits| waits <= at(39_500)));
    assert!(matches!(a.poll_output(at(5000), &mut buf), Output::Transmit(_)));
}

#[test]
fn time_does_not_run_backwards() {
    let mut world = World::full(1);
    world.describe();
    world.run_until(at(30_000));
    let mut buf = [0; 1200];
    let a = &mut world.agents[0];
    let deadline = a.poll_output(at(30_000), &mut buf);
    assert_eq!(a.poll_output(Instant::ZERO, &mut buf), deadline);
}

#[test]
fn a_fork_does_what_the_original_does() {
    let mut world = World::full(3);
    world.describe();
    world.run_until(at(60));
    let mut fork = world.agents[0].fork();
    let (mut one, mut two) = ([0; 1200], [0; 1200]);
    for step in 60..5000 {
        let now = at(step);
        loop {
            let (a, b) = (world.agents[0].poll_output(now, &mut one), fork.poll_output(now, &mut two));
            assert_eq!(a, b);
            assert_eq!(one, two);
            if let Output::Wait(_) = a {
                break;
            }
        }
    }
}

#[test]
fn gathering_is_told_as_it_goes() {
    let mut a = agent(1, &Config::new());
    assert_eq!(a.gathering_state(), IceGatheringState::New);
    let candidate = a.add_local_candidate(LocalCandidate::udp(host(0, 0))).unwrap();
    a.end_of_local_candidates();
    a.end_of_local_candidates();
    assert_eq!(a.gathering_state(), IceGatheringState::Complete);
    let mut told = Vec::new();
    while let Output::Event(event) = a.poll_output(at(0), &mut []) {
        told.push(event);
    }
    let complete = Event::GatheringStateChange(IceGatheringState::Complete);
    assert_eq!(told, [Event::Candidate(candidate), Event::EndOfCandidates, complete]);
}

#[test]
fn statistics_tell_of_pairs_and_candidates() {
    let mut world = World::full(2);
    world.describe();
    world.run_until(at(20_000));
    let stats = world.agents[0].stats();
    assert_eq!((stats.local_candidates.len(), stats.remote_candidates.len()), (2, 2));
    let selected = &stats.pairs[stats.selected.unwrap()];
    assert!(selected.nominated && selected.consent_requests_sent >= 2);
    assert_eq!(selected.current_round_trip, Some(ms(50)));
    assert_eq!(selected.responses_received, selected.requests_sent);
    assert_eq!(stats.selected_changes, 1);
}

#[test]
#[should_panic(expected = "too short")]
fn a_short_buffer_is_the_callers_mistake() {
    drop(agent(1, &Config::new()).poll_output(at(0), &mut [0; 100]));
}
