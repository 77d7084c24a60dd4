//! Whole connections over bad networks, seed by seed.

use antiphon::ice::{Config, Event, IceConnectionState};
use antiphon::{Path, Rng};

use crate::world::{World, at, host, ms};

const HOSTS: usize = 3;

/// A world in which `seed` decides what is lost, how late things are, and which pairs can work at all.
fn world(seed: u64) -> World {
    let mut rng = Rng::new(&antiphon::sim::seed(seed, 0));
    let pacing = [5, 20, 50][usize::try_from(rng.below(3)).unwrap()];
    let mut world = World::with_hosts(&Config::new().pacing(ms(pacing)), HOSTS);
    let works: Vec<bool> = (0..HOSTS * HOSTS).map(|_| rng.below(3) == 0).collect();
    let sure = usize::try_from(rng.below(9)).unwrap();
    let (mut dice, loss) = (rng.fork("loss"), rng.below(20));
    world.lost = Box::new(move |packet| {
        let octets = |address: std::net::SocketAddr| match address {
            std::net::SocketAddr::V4(v4) => usize::from(v4.ip().octets()[2]),
            std::net::SocketAddr::V6(_) => 0,
        };
        let (ours, theirs) = (octets(packet.path.local), octets(packet.path.remote));
        let pair = if packet.from == 0 { ours * HOSTS + theirs } else { theirs * HOSTS + ours };
        let reachable = pair == sure || works[pair];
        !reachable || dice.below(100) < loss
    });
    let mut late = rng.fork("jitter");
    let most = rng.below(200);
    world.jitter = Box::new(move |_| ms(late.below(most + 1)));
    world
}

#[test]
fn agents_find_a_path_that_exists_and_agree_on_it() {
    let mut agreed = 0;
    for seed in 0..300 {
        let mut world = world(seed);
        if seed % 2 == 0 {
            world.describe();
        } else {
            for side in 0..2 {
                world.agents[side].end_of_local_candidates();
            }
            world.describe_to(1);
            world.run_until(at(seed * 7));
            world.describe_to(0);
        }
        world.run_until(at(30_000));
        for side in 0..2 {
            let completed = Event::StateChange(IceConnectionState::Completed);
            assert!(world.first(side, |event| *event == completed).is_some(), "seed {seed}");
        }
        // Three consent checks lost in a row make a path look dead, and each side looks elsewhere by itself.
        if world.agents.iter().any(|agent| agent.state() != IceConnectionState::Completed) {
            continue;
        }
        let [a, b] = [0, 1].map(|side| world.agents[side].active_path().unwrap());
        agreed += usize::from(Path::udp(a.remote, a.local) == b);
        assert!(
            world.agents[0].stats().pairs.iter().filter(|pair| pair.nominated).count() == 1,
            "seed {seed}"
        );
    }
    assert!(agreed > 280, "{agreed}");
}

#[test]
fn a_restart_on_a_bad_network_finds_a_path_again_and_data_never_stops() {
    for seed in 0..100 {
        let mut world = world(seed);
        world.describe();
        world.run_until(at(30_000));
        let before = [world.events[0].len(), world.events[1].len()];
        world.agents[0].restart();
        world.run_until(at(30_300));
        world.describe_to(1);
        world.run_until(at(30_600));
        world.describe_to(0);
        world.run_until(at(60_000));
        for (side, before) in before.into_iter().enumerate() {
            assert_eq!(world.agents[side].state(), IceConnectionState::Completed, "seed {seed}");
            let since = &world.events[side][before..];
            assert!(since.iter().all(|(_, e)| *e != Event::ActivePath(None)), "seed {seed}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = || {
        let mut world = world(4);
        world.describe();
        world.run_until(at(60_000));
        world.sent.iter().map(|p| (p.sent_at, p.path, p.data.clone())).collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
    assert!(host(0, 0).is_ipv4());
}
