//! An agent at rest: what it allocates, what it holds, and what a poll costs it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stderr, reason = "the figure it measured")]

mod steady_support;

use std::alloc::System;
use std::time::Duration;

use antiphon::ice::{Agent, Config, IceConnectionState, LocalCandidate, RemoteParameters, Role};
use antiphon::{Datagram, Instant, Output, Rng, Seed};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const HOSTS: [&str; 2] = ["10.0.0.1:5000", "10.0.0.2:5000"];

fn agents(seed: u8) -> [Agent; 2] {
    let mut agents = [(0, Role::Controlling), (1, Role::Controlled)].map(|(side, role): (usize, Role)| {
        let rng = Rng::new(&Seed::from_bytes([seed.wrapping_add(u8::try_from(side).unwrap()); 32]));
        let mut agent = Agent::new(Instant::ZERO, rng, &Config::new().role(role)).unwrap();
        agent.add_local_candidate(LocalCandidate::udp(HOSTS[side].parse().unwrap())).unwrap();
        agent.end_of_local_candidates();
        agent
    });
    for (from, to) in [(0, 1), (1, 0)] {
        let candidate = agents[from].local_candidates().next().unwrap().clone();
        let remote = RemoteParameters::new(agents[from].local_credentials().clone());
        agents[to].set_remote(remote);
        agents[to].add_remote_candidate(&candidate).unwrap();
        agents[to].end_of_remote_candidates();
    }
    agents
}

/// Runs both until `end`; datagrams take no time.
fn run(agents: &mut [Agent; 2], now: &mut Instant, end: Instant) {
    let mut buf = [0; 1200];
    loop {
        let mut next = None;
        let mut quiet = false;
        while !quiet {
            quiet = true;
            next = None;
            for side in 0..2 {
                match agents[side].poll_output(*now, &mut buf) {
                    Output::Transmit(t) => {
                        let datagram = Datagram::udp(t.path.remote, t.path.local, &buf[..t.len]);
                        agents[1 - side].handle_input(*now, datagram);
                        quiet = false;
                    }
                    Output::Event(_) => quiet = false,
                    Output::Wait(at) => next = antiphon::time::earliest(next, at),
                }
            }
        }
        let Some(at) = next.filter(|at| *at <= end) else {
            *now = end;
            return;
        };
        *now = at;
    }
}

// One test, so that no other thread allocates meanwhile.
#[test]
fn an_agent_at_rest_allocates_nothing_and_holds_little() {
    steady_support::alone(GLOBAL);
    let second = |n: u64| Instant::ZERO + Duration::from_secs(n);
    let mut now = Instant::ZERO;
    let region = Region::new(GLOBAL);
    let mut pairs: Vec<_> = (0..100).map(agents).collect();
    for pair in &mut pairs {
        now = Instant::ZERO;
        run(pair, &mut now, second(60));
        assert!(pair.iter().all(|agent| agent.state() == IceConnectionState::Completed));
    }
    let change = region.change();
    let held = (change.bytes_allocated - change.bytes_deallocated) / 200;
    eprintln!("{held} bytes");
    assert!(held < 8 * 1024, "{held} bytes an agent");

    // Five minutes of consent: the first round may still grow a table.
    let pair = &mut pairs[0];
    run(pair, &mut now, second(120));
    let region = Region::new(GLOBAL);
    run(pair, &mut now, second(420));
    assert_eq!(region.change().allocations, 0);

    let region = Region::new(GLOBAL);
    for n in 0..1000 {
        let waits = pair[0].poll_output(now + Duration::from_nanos(n), &mut []);
        assert!(matches!(waits, Output::Wait(Some(_))));
    }
    assert_eq!(region.change().allocations, 0);
}
