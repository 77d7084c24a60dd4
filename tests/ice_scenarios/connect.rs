//! Checks, nomination and how long they take.

use antiphon::ice::{Attached, Config, IceConnectionState};

use crate::world::{World, at, host, ms};

#[test]
fn two_hosts_connect_in_one_round_trip_and_conclude_in_two() {
    let mut world = World::full(1);
    world.describe();
    world.run_until(at(49));
    assert_eq!(world.agents[0].active_path(), None);
    world.run_until(at(50));
    assert_eq!(world.agents[0].active_path().unwrap().remote, host(1, 0));
    assert_eq!(world.agents[1].active_path().unwrap().remote, host(0, 0));
    world.run_until(at(500));
    assert_eq!(world.selected_at(0), Some(at(100)));
    assert_eq!(world.selected_at(1), Some(at(75)));
    for agent in &world.agents {
        assert_eq!(agent.state(), IceConnectionState::Completed);
        assert_eq!(agent.round_trip(), Some(ms(50)));
    }
}

fn bench_config(pacing: u64) -> Config {
    Config::new().pair_limit(400).pacing(ms(pacing))
}

#[test]
fn of_400_working_pairs_the_best_is_selected_after_two_round_trips() {
    for pacing in [5, 50] {
        let mut world = World::with_hosts(&bench_config(pacing), 20);
        world.describe();
        world.run_until(at(1000));
        assert_eq!(world.selected_at(0), Some(at(100)));
        assert_eq!(world.selected_at(1), Some(at(75)));
        assert!(world.sent.len() <= 200, "{}", world.sent.len());
    }
}

#[test]
fn of_400_pairs_the_last_is_found_at_the_pace_of_the_checks() {
    let mut world = World::with_hosts(&bench_config(5), 20);
    let last = (host(0, 19), host(1, 19));
    world.lost = Box::new(move |p| {
        let ends = (p.path.local, p.path.remote);
        ends != last && ends != (last.1, last.0)
    });
    world.describe();
    world.run_until(at(5000));
    assert!(world.selected_at(0).is_some_and(|t| t <= at(2200)));
    assert!(world.selected_at(1).is_some_and(|t| t <= at(2200)));
}

#[test]
fn opaque_attributes_ride_in_checks_and_answers_and_come_out_of_authentic_ones() {
    let mut world = World::full(1);
    let hello =
        |text: &'static [u8]| Attached { data: Some(bytes::Bytes::from_static(text)), acknowledgement: None };
    world.agents[0].set_attached(hello(b"client hello"));
    world.describe();
    world.run_until(at(25));
    assert_eq!(world.agents[1].take_attached(), Some(hello(b"client hello")));
    assert_eq!(world.agents[1].take_attached(), None);
    assert_eq!(world.agents[0].take_attached(), None);
    world.agents[1]
        .set_attached(Attached { acknowledgement: Some(bytes::Bytes::from_static(b"1234")), data: None });
    world.run_until(at(200));
    let taken = world.agents[0].take_attached().unwrap();
    assert_eq!(taken.acknowledgement.as_deref(), Some(&b"1234"[..]));
    // One that leaves no room for the rest of the check stays behind; the check goes.
    let mut world = World::full(1);
    world.agents[0].set_attached(Attached { data: Some(vec![22; 1150].into()), acknowledgement: None });
    world.describe();
    world.run_until(at(500));
    assert_eq!(world.agents[0].state(), IceConnectionState::Completed);
    assert_eq!(world.agents[1].take_attached(), None);
}
