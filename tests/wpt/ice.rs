//! `RTCIceTransport` by itself: `ice::Agent`.

use antiphon::ice::{
    Agent, CandidateError, Config, Credentials, CredentialsError, Event, IceConnectionState,
    IceGatheringState, LocalCandidate, RemoteParameters, Role,
};
use antiphon::sdp::Candidate;
use antiphon::{Datagram, Instant, Output, Rng, Seed};

use crate::pair::{address, ms, secs};

/// An agent without candidates.
fn agent(seed: u8, role: Role) -> Agent {
    let rng = Rng::new(&Seed::from_bytes([seed; 32]));
    Agent::new(Instant::ZERO, rng, &Config::new().role(role)).unwrap()
}

fn events(agent: &mut Agent, now: Instant) -> Vec<Event> {
    let mut seen = Vec::new();
    while let Output::Event(event) = agent.poll_output(now, &mut []) {
        seen.push(event);
    }
    seen
}

fn parameters(seed: u8) -> RemoteParameters {
    RemoteParameters::new(agent(seed, Role::Controlled).local_credentials().clone())
}

fn candidate() -> Candidate {
    "candidate:1 1 udp 2130706431 192.0.2.9 5000 typ host".parse().unwrap()
}

/// Lets both run until `end`; datagrams take no time. What each told of.
fn run(agents: &mut [Agent; 2], end: Instant) -> [Vec<Event>; 2] {
    let (mut now, mut seen, mut buf) = (Instant::ZERO, [Vec::new(), Vec::new()], [0; 1200]);
    loop {
        let (mut next, mut quiet) = (None, false);
        while !quiet {
            (next, quiet) = (None, true);
            for side in 0..2 {
                match agents[side].poll_output(now, &mut buf) {
                    Output::Transmit(t) => {
                        let datagram = Datagram::udp(t.path.remote, t.path.local, &buf[..t.len]);
                        agents[1 - side].handle_input(now, datagram);
                        quiet = false;
                    }
                    Output::Event(event) => {
                        seen[side].push(event);
                        quiet = false;
                    }
                    Output::Wait(at) => next = antiphon::time::earliest(next, at),
                }
            }
        }
        let Some(at) = next.filter(|at| *at <= end) else { return seen };
        now = at;
    }
}

/// Two agents that know of each other.
fn acquainted(roles: [Role; 2]) -> [Agent; 2] {
    let mut agents = [agent(1, roles[0]), agent(2, roles[1])];
    for (index, agent) in (0..).zip(&mut agents) {
        agent.add_local_candidate(LocalCandidate::udp(address(index))).unwrap();
        agent.end_of_local_candidates();
    }
    for (from, to) in [(0, 1), (1, 0)] {
        let candidate = agents[from].local_candidates().next().unwrap().clone();
        let remote = RemoteParameters::new(agents[from].local_credentials().clone());
        agents[to].set_remote(remote);
        agents[to].add_remote_candidate(&candidate).unwrap();
        agents[to].end_of_remote_candidates();
    }
    agents
}

#[test]
fn a_new_agent_is_new_and_knows_nobody() {
    let agent = agent(1, Role::Controlling);
    assert_eq!((agent.state(), agent.gathering_state()), (IceConnectionState::New, IceGatheringState::New));
    assert_eq!(agent.local_candidates().count(), 0);
    assert!(agent.remote_parameters().is_none() && agent.active_path().is_none());
    assert!(agent.stats().selected.is_none() && agent.stats().remote_candidates.is_empty());
    // Its own parameters are there from the beginning.
    let own = agent.local_credentials();
    assert_eq!(Credentials::new(own.ufrag(), own.pwd()).as_ref(), Ok(own));
}

#[test]
fn gathering_goes_to_complete_and_the_end_is_told_before_it() {
    let mut agent = agent(1, Role::Controlling);
    agent.add_local_candidate(LocalCandidate::udp(address(0))).unwrap();
    assert_eq!(agent.gathering_state(), IceGatheringState::Gathering);
    let told = events(&mut agent, Instant::ZERO);
    assert!(told.contains(&Event::GatheringStateChange(IceGatheringState::Gathering)), "{told:?}");
    let host =
        told.iter().find_map(|event| if let Event::Candidate(host) = event { Some(host) } else { None });
    assert_eq!(host.unwrap().kind, antiphon::sdp::CandidateKind::Host);
    agent.end_of_local_candidates();
    let told = events(&mut agent, Instant::ZERO);
    assert_eq!(told, [Event::EndOfCandidates, Event::GatheringStateChange(IceGatheringState::Complete)]);
    assert_eq!(agent.gathering_state(), IceGatheringState::Complete);
    // Twice is once.
    agent.end_of_local_candidates();
    assert_eq!(events(&mut agent, Instant::ZERO), []);
}

#[test]
fn a_closed_agent_takes_nothing() {
    let mut agent = agent(1, Role::Controlling);
    agent.close();
    assert_eq!(agent.add_local_candidate(LocalCandidate::udp(address(0))), Err(CandidateError::Closed));
    agent.set_remote(parameters(2));
    assert!(agent.remote_parameters().is_none());
    assert_eq!(agent.add_remote_candidate(&candidate()), Err(CandidateError::Closed));
    assert_eq!(agent.state(), IceConnectionState::Closed);
}

#[test]
fn parameters_are_checked_when_they_are_made() {
    // RFC 8839 §5.4: 4 to 256 and 22 to 256 ice-chars.
    let pwd = "p".repeat(22);
    assert!(Credentials::new("user", &pwd).is_ok());
    assert_eq!(Credentials::new("", &pwd), Err(CredentialsError::UfragLength { len: 0 }));
    assert_eq!(Credentials::new("use", &pwd), Err(CredentialsError::UfragLength { len: 3 }));
    assert_eq!(Credentials::new(&"u".repeat(257), &pwd), Err(CredentialsError::UfragLength { len: 257 }));
    assert_eq!(Credentials::new("123\n", &pwd), Err(CredentialsError::Character { character: '\n' }));
    assert_eq!(Credentials::new("user", ""), Err(CredentialsError::PasswordLength { len: 0 }));
    assert_eq!(Credentials::new("user", &"p".repeat(21)), Err(CredentialsError::PasswordLength { len: 21 }));
    assert_eq!(
        Credentials::new("user", &"p".repeat(257)),
        Err(CredentialsError::PasswordLength { len: 257 })
    );
    let spaced = format!("{} ", "p".repeat(22));
    assert_eq!(Credentials::new("user", &spaced), Err(CredentialsError::Character { character: ' ' }));
}

#[test]
fn checking_begins_with_the_peer_and_a_candidate_in_either_order() {
    for candidate_first in [false, true] {
        let mut agent = agent(1, Role::Controlling);
        agent.add_local_candidate(LocalCandidate::udp(address(0))).unwrap();
        let mut steps: [&dyn Fn(&mut Agent); 2] = [&|agent| agent.set_remote(parameters(2)), &|agent| {
            agent.add_remote_candidate(&candidate()).unwrap();
        }];
        if candidate_first {
            steps.reverse();
        }
        steps[0](&mut agent);
        events(&mut agent, Instant::ZERO);
        assert_eq!(agent.state(), IceConnectionState::New);
        steps[1](&mut agent);
        let told = events(&mut agent, Instant::ZERO);
        assert!(told.contains(&Event::StateChange(IceConnectionState::Checking)), "{told:?}");
        assert_eq!(agent.state(), IceConnectionState::Checking);
    }
}

#[test]
fn candidates_that_cannot_be_are_refused() {
    let mut agent = agent(1, Role::Controlling);
    assert!("(Invalid) candidate".parse::<Candidate>().is_err());
    let second: Candidate = "candidate:1 2 udp 2130706431 192.0.2.9 5000 typ host".parse().unwrap();
    assert_eq!(agent.add_remote_candidate(&second), Err(CandidateError::Component(2)));
    agent.set_remote(parameters(2));
    let other: Candidate = format!("{} ufrag nobody", candidate()).parse().unwrap();
    assert_eq!(agent.add_remote_candidate(&other), Err(CandidateError::Generation));
}

#[test]
fn the_role_is_the_callers_until_the_peer_objects() {
    assert_eq!(agent(1, Role::Controlled).role(), Role::Controlled);
    assert_eq!(agent(1, Role::Controlling).role(), Role::Controlling);
    let mut agent = agent(1, Role::Controlling);
    agent.set_remote(parameters(2));
    agent.set_role(Role::Controlled);
    assert_eq!(agent.role(), Role::Controlled);
}

#[test]
fn another_peer_means_another_generation_without_the_candidates_before() {
    let mut agent = agent(1, Role::Controlling);
    agent.add_local_candidate(LocalCandidate::udp(address(0))).unwrap();
    agent.set_remote(parameters(2));
    agent.add_remote_candidate(&candidate()).unwrap();
    events(&mut agent, Instant::ZERO);
    assert_eq!(agent.state(), IceConnectionState::Checking);
    let before = agent.local_credentials().clone();
    // The same again is the same.
    agent.set_remote(parameters(2));
    assert_eq!((agent.stats().remote_candidates.len(), agent.local_credentials()), (1, &before));
    agent.set_remote(parameters(3));
    events(&mut agent, Instant::ZERO);
    assert!(agent.stats().remote_candidates.is_empty());
    assert_ne!(agent.local_credentials(), &before);
    assert_eq!(agent.remote_parameters(), Some(&parameters(3)));
}

#[test]
fn two_agents_connect_and_select_one_pair() {
    let mut agents = acquainted([Role::Controlling, Role::Controlled]);
    assert!(agents.iter().all(|agent| agent.stats().selected.is_none()));
    let seen = run(&mut agents, Instant::ZERO + secs(10));
    for (side, (agent, seen)) in agents.iter().zip(&seen).enumerate() {
        assert_eq!(agent.state(), IceConnectionState::Completed);
        let states: Vec<_> = seen
            .iter()
            .filter_map(|event| if let Event::StateChange(state) = event { Some(*state) } else { None })
            .collect();
        assert_eq!(states.first(), Some(&IceConnectionState::Checking));
        assert!(
            states.contains(&IceConnectionState::Connected)
                || states.contains(&IceConnectionState::Completed)
        );
        let (own, other) = (address(u8::try_from(side).unwrap()), address(u8::try_from(1 - side).unwrap()));
        let chosen: Vec<_> = seen
            .iter()
            .filter_map(|event| {
                if let Event::Selected(path) = event { Some((path.local, path.remote)) } else { None }
            })
            .collect();
        assert_eq!(chosen, [(own, other)], "chosen once");
        let figures = agent.stats();
        let pair = &figures.pairs[figures.selected.unwrap()];
        assert!(pair.nominated && (pair.path.local, pair.path.remote) == (own, other));
    }
    agents[0].close();
    assert!(agents[0].stats().selected.is_none() && agents[0].active_path().is_none());
}

#[test]
fn two_agents_of_one_role_settle_it() {
    for role in [Role::Controlling, Role::Controlled] {
        let mut agents = acquainted([role, role]);
        let seen = run(&mut agents, Instant::ZERO + secs(20));
        assert!(agents.iter().all(|agent| agent.state() == IceConnectionState::Completed), "{role:?}");
        assert_ne!(agents[0].role(), agents[1].role());
        let changes = seen.iter().flatten().filter(|event| matches!(event, Event::RoleChange(_))).count();
        assert_eq!(changes, 1, "{role:?}");
    }
}

#[test]
fn an_agent_alone_waits() {
    let mut agent = agent(1, Role::Controlling);
    agent.add_local_candidate(LocalCandidate::udp(address(0))).unwrap();
    agent.set_remote(parameters(2));
    for at in [ms(0), ms(500), secs(5)] {
        events(&mut agent, Instant::ZERO + at);
        assert_eq!(agent.state(), IceConnectionState::New, "nobody to check with yet");
    }
}
