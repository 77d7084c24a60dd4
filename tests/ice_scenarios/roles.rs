//! Who controls when both think they do, or neither (RFC 8445 §7.3.1.1).

use antiphon::ice::{Config, IceConnectionState, LocalCandidate, Role};

use crate::world::{Forged, World, answer, at, host, is_request};

fn both(role: Role) -> World {
    let config = Config::new().role(role);
    let mut world = World::new(&config, &config);
    for side in 0..2 {
        world.agents[side].add_local_candidate(LocalCandidate::udp(host(side, 0))).unwrap();
    }
    world
}

#[test]
fn two_of_one_role_agree_and_connect() {
    for role in [Role::Controlling, Role::Controlled] {
        let mut world = both(role);
        world.describe();
        world.run_until(at(1000));
        assert_ne!(world.agents[0].role(), world.agents[1].role());
        for agent in &world.agents {
            assert_eq!(agent.state(), IceConnectionState::Completed);
        }
        assert!(world.sent.len() < 30);
    }
}

/// RFC 8445 §6.1.2.3, where `g` is the controlling side's priority and `d` the controlled one's.
fn pair_priority(g: u64, d: u64) -> u64 {
    (g.min(d) << 32) + 2 * g.max(d) + u64::from(g > d)
}

// RFC 8445 §7.2.5.1: "A role switch requires an agent to recompute pair priorities".
#[test]
fn a_change_of_role_by_either_side_changes_the_priorities_of_pairs() {
    for by_answer in [true, false] {
        let mut world = both(Role::Controlling);
        let (ours, theirs) = (
            u64::from(world.agents[0].local_candidates().next().unwrap().priority),
            u64::from(world.agents[1].local_candidates().next().unwrap().priority) - 256,
        );
        let mut candidate = world.agents[1].local_candidates().next().unwrap().clone();
        candidate.priority -= 256;
        let parameters = world.parameters(1);
        world.agents[0].set_remote(parameters);
        world.agents[0].add_remote_candidate(&candidate).unwrap();
        world.lost = Box::new(|_| true);
        world.run_until(at(10));
        assert_eq!(world.agents[0].stats().pairs[0].priority, pair_priority(ours, theirs));
        if by_answer {
            let asked = world.sent.iter().find(|p| p.from == 0 && is_request(p)).unwrap().data.clone();
            let pwd = world.agents[1].local_credentials().pwd().to_owned();
            world.inject(0, host(0, 0), host(1, 0), &answer(&asked, Err(487), Some(&pwd)));
        } else {
            let mut check = Forged::check(&world.agents[0]);
            (check.role, check.tie_breaker) = (Role::Controlling, u64::MAX);
            world.inject(0, host(0, 0), host(1, 0), &check.bytes());
        }
        assert_eq!(world.agents[0].role(), Role::Controlled);
        assert_eq!(world.agents[0].stats().pairs[0].priority, pair_priority(theirs, ours));
    }
}

#[test]
fn an_authentic_487_makes_us_give_way_once() {
    let mut world = World::full(1);
    world.describe();
    world.lost = Box::new(|_| true);
    world.run_until(at(10));
    let asked = world.sent.iter().find(|p| p.from == 0 && is_request(p)).unwrap().data.clone();
    let pwd = world.agents[1].local_credentials().pwd().to_owned();
    for _ in 0..3 {
        world.inject(0, host(0, 0), host(1, 0), &answer(&asked, Err(487), Some(&pwd)));
    }
    assert_eq!(world.agents[0].role(), Role::Controlled);
    // The check is made again in the new role.
    world.run_until(at(60));
    let again = world.sent.iter().rfind(|p| p.from == 0 && is_request(p)).unwrap();
    assert!(antiphon::stun::Message::parse(&again.data).unwrap().ice_controlled().is_some());
}
