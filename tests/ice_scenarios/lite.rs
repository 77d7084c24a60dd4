//! Lite agents answer, follow, and never ask (RFC 8445 §2.5).

use antiphon::ice::{Config, IceConnectionState, LocalCandidate, Role};

use antiphon::Path;

use crate::world::{Forged, World, at, host, is_request};

fn world(a: &Config, b: &Config, hosts: usize) -> World {
    let mut world = World::new(a, b);
    for side in 0..2 {
        for n in 0..hosts {
            world.agents[side].add_local_candidate(LocalCandidate::udp(host(side, n))).unwrap();
        }
    }
    world
}

#[test]
fn a_full_agent_controls_a_lite_one() {
    let mut world = world(&Config::new().role(Role::Controlled), &Config::new().lite(true), 2);
    world.describe();
    assert_eq!((world.agents[0].role(), world.agents[1].role()), (Role::Controlling, Role::Controlled));
    world.run_until(at(60_000));
    for agent in &world.agents {
        assert_eq!(agent.state(), IceConnectionState::Completed);
        assert!(agent.active_path().is_some());
    }
    assert!(!world.sent.iter().any(|p| p.from == 1 && is_request(p)));
    assert!(world.selected_at(0).unwrap() <= at(100));
}

#[test]
fn a_lite_agent_sends_nothing_before_it_is_told_where() {
    let mut world = world(&Config::new(), &Config::new().lite(true), 1);
    world.describe();
    world.lost = Box::new(crate::world::nominates);
    world.run_until(at(1000));
    assert!(world.agents[0].active_path().is_some());
    assert_eq!(world.agents[1].active_path(), None);
    let path = world.agents[0].active_path().unwrap();
    assert!(world.agents[1].accepts(&Path::udp(path.remote, path.local)));
}

#[test]
fn a_lite_agent_notices_that_its_peer_is_gone() {
    let mut world = world(&Config::new(), &Config::new().lite(true), 1);
    world.describe();
    world.run_until(at(10_000));
    world.lost = Box::new(|_| true);
    world.run_until(at(50_000));
    assert_eq!(world.agents[1].state(), IceConnectionState::Failed);
}

/// A peer of RFC 5245 nominated two pairs, and asks for consent on the one it uses: where the other was of higher priority, what was sent on it
/// never arrived, for nobody answered there.
#[test]
fn a_lite_agent_leaves_a_pair_that_its_peer_has_left() {
    let mut world = world(&Config::new(), &Config::new().lite(true), 1);
    world.describe();
    world.run_until(at(1000));
    let used = world.agents[1].active_path().unwrap();
    world.lost = Box::new(|packet| packet.from == 0);
    let mut check = Forged { nominates: true, priority: Some(9), ..Forged::check(&world.agents[1]) };
    let other = host(0, 7);
    let path_after = |world: &mut World, seconds: u64, check: &mut Forged| {
        world.run_until(at(seconds * 1000));
        check.id[0] += 1;
        world.inject(1, host(1, 0), other, &check.bytes());
        world.agents[1].active_path().unwrap()
    };
    assert_eq!(path_after(&mut world, 2, &mut check), used, "of lower priority");
    assert_eq!(path_after(&mut world, 7, &mut check), used, "it may be asked for yet");
    assert_eq!(path_after(&mut world, 12, &mut check), Path::udp(host(1, 0), other));
    // The peer is back there.
    world.lost = Box::new(|_| false);
    world.run_until(at(20_000));
    assert_eq!(world.agents[1].active_path(), Some(used));
}

/// A peer that roams for hours has another address every minute. What it has left makes room for what it is at.
#[test]
fn a_lite_agent_follows_a_peer_that_roams_for_ever() {
    let mut world = world(&Config::new(), &Config::new().lite(true), 1);
    world.describe();
    world.run_until(at(1000));
    world.lost = Box::new(|_| true);
    let mut check = Forged { nominates: true, ..Forged::check(&world.agents[1]) };
    for n in 0..100_u64 {
        let place = host(0, 1 + usize::try_from(n).unwrap());
        for second in [0, 5, 10, 15] {
            world.run_until(at(2000 + n * 20_000 + second * 1000));
            check.id[..8].copy_from_slice(&(n * 20 + second).to_be_bytes());
            world.inject(1, host(1, 0), place, &check.bytes());
        }
        assert_eq!(world.agents[1].active_path(), Some(Path::udp(host(1, 0), place)), "move {n}");
    }
    let stats = world.agents[1].stats();
    assert_eq!(stats.counters.peer_reflexive_refused, 0);
    assert!(stats.remote_candidates.len() <= 1 + 32 && stats.pairs.len() <= 1 + 32);
}

#[test]
fn two_lite_agents_use_the_best_pair_unasked() {
    let lite = Config::new().lite(true);
    let mut world = world(&lite, &lite, 2);
    world.agents[0].set_role(Role::Controlling);
    world.describe();
    world.run_until(at(100_000));
    for agent in &world.agents {
        assert_eq!(agent.state(), IceConnectionState::Completed);
    }
    assert!(world.sent.is_empty());
    let path = world.agents[0].active_path().unwrap();
    assert_eq!(world.agents[1].active_path(), Some(Path::udp(path.remote, path.local)));
}
