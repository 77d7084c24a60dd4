//! ICE restarts and changes of address, under data and under loss.

use antiphon::{ConnectionState, Event, IceConnectionState, Rng, Seed};
use std::net::SocketAddr;

use crate::pair::ms;
use crate::talk::Talk;

fn lossy(talk: &mut Talk, seed: u8, percent: u64) {
    let mut dice = Rng::new(&Seed::from_bytes([seed; 32]));
    talk.pair.filter = Box::new(move |_, _| dice.below(100) >= percent);
}

#[test]
fn a_restart_by_either_side_loses_no_message_and_no_time() {
    for side in 0..2 {
        let mut talk = Talk::talking(ms(10));
        let before = talk.pair.ends[side].pc.stats(talk.pair.now).ice.selected_changes;
        talk.pair.ends[side].pc.restart_ice();
        talk.pair.wake();
        talk.run_for(ms(2000));
        assert!(talk.is_stable());
        assert!(talk.is_connected());
        let after = talk.pair.ends[side].pc.stats(talk.pair.now).ice;
        assert!(after.selected_changes > before, "a pair of the new generation is selected");
        assert_eq!(talk.pair.ends[side].pc.ice_connection_state(), IceConnectionState::Completed);
        talk.assert_all_heard(ms(1000));
        for end in 0..2 {
            assert!(talk.apps[end].gap < ms(100), "silent for {:?}", talk.apps[end].gap);
            let left = |event: &Event| matches!(event, Event::ConnectionStateChange(now) if *now != ConnectionState::Connected);
            assert_eq!(talk.pair.ends[end].count(left), 1, "only Connecting, at the beginning");
        }
    }
}

#[test]
fn restarts_in_the_midst_of_loss_succeed_and_everything_arrives() {
    for seed in 0..40_u8 {
        let mut talk = Talk::talking(ms(25));
        lossy(&mut talk, seed, 20);
        for round in 0..3 {
            talk.pair.ends[usize::from(seed + round) % 2].pc.restart_ice();
            talk.pair.wake();
            talk.run_for(ms(3000));
        }
        talk.pair.filter = Box::new(|_, _| true);
        talk.run_for(ms(2000));
        assert!(talk.is_stable() && talk.is_connected(), "seed {seed}: {:?}", talk.states());
        talk.assert_all_heard(ms(20_000));
    }
}

#[test]
fn a_restart_whose_answer_is_late_goes_on_over_the_old_path() {
    let mut talk = Talk::talking(ms(10));
    talk.latency = (ms(45_000), 0);
    talk.pair.ends[0].pc.restart_ice();
    talk.pair.wake();
    talk.run_for(ms(120_000));
    assert!(talk.is_stable() && talk.is_connected());
    talk.assert_all_heard(ms(1000));
    assert!(talk.apps.iter().all(|app| app.gap < ms(100)));
}

#[test]
fn after_failure_a_restart_brings_everything_back() {
    for side in 0..2 {
        let mut talk = Talk::talking(ms(100));
        talk.pair.filter = Box::new(|_, _| false);
        talk.run_for(ms(45_000));
        assert_eq!(talk.states(), [ConnectionState::Failed; 2]);
        assert_eq!(talk.pair.ends[side].pc.failure(), Some(&antiphon::Failure::Ice));
        talk.pair.filter = Box::new(|_, _| true);
        talk.pair.ends[side].pc.restart_ice();
        talk.pair.wake();
        assert!(talk.run_until(ms(2000), Talk::is_connected), "{:?}", talk.states());
        assert_eq!(talk.pair.ends[side].pc.failure(), None);
        talk.assert_all_heard(ms(70_000));
    }
}

#[test]
fn a_phone_that_changes_networks_goes_on_after_a_restart() {
    for side in 0..2 {
        let mut talk = Talk::talking(ms(20));
        for hop in 1..5_u8 {
            let address = SocketAddr::from(([198, 51, 100, hop], 6000));
            talk.pair.roam(side, address);
            talk.pair.wake();
            talk.run_for(ms(u64::from(hop) * 300));
            talk.pair.ends[side].pc.restart_ice();
            talk.pair.wake();
            assert!(talk.run_until(ms(3000), |talk| talk.is_stable() && talk.is_connected()));
            talk.run_for(ms(1000));
            assert_eq!(talk.pair.ends[side].pc.active_path().map(|path| path.local), Some(address));
            assert_eq!(talk.pair.ends[1 - side].pc.active_path().map(|path| path.remote), Some(address));
        }
        talk.assert_all_heard(ms(5000));
    }
}

#[test]
fn a_second_interface_takes_over_without_a_restart_when_it_is_told_in_time() {
    let mut talk = Talk::new();
    talk.agree();
    let second = SocketAddr::from(([198, 51, 100, 1], 6000));
    talk.pair.ends[0].pc.add_local_candidate(antiphon::LocalCandidate::udp(second)).unwrap();
    talk.pair.ends[0].addrs.push(second);
    talk.connect();
    for end in 0..2 {
        talk.talk(end, ms(20));
    }
    talk.run_for(ms(1000));
    let used = talk.pair.ends[0].pc.active_path().unwrap().local;
    assert_eq!(used, talk.pair.ends[0].addr);
    // The nominated pair alone is kept (RFC 8445 §8.1.2), so its loss is the end of the generation: a restart is due.
    talk.pair.ends[0].addrs.retain(|socket| *socket != used);
    talk.pair.ends[0].pc.remove_local_candidate(used);
    talk.pair.wake();
    talk.run_for(ms(200));
    talk.pair.ends[0].pc.restart_ice();
    talk.pair.wake();
    assert!(talk.run_until(ms(3000), |talk| talk.is_stable() && talk.is_connected()));
    talk.assert_all_heard(ms(5000));
    assert_eq!(talk.pair.ends[0].pc.active_path().unwrap().local, second);
}

#[test]
fn a_nat_that_forgets_is_survived_without_a_word_of_signalling() {
    for side in 0..2 {
        let mut talk = Talk::new();
        talk.agree();
        talk.pair.ends[side].outside = Some("203.0.113.1:7000".parse().unwrap());
        talk.connect();
        for end in 0..2 {
            talk.talk(end, ms(100));
        }
        talk.run_for(ms(3000));
        talk.signals = false;
        // From here on another address is seen, and the old one leads nowhere.
        let fresh: SocketAddr = "203.0.113.1:7001".parse().unwrap();
        talk.pair.ends[side].outside = Some(fresh);
        talk.run_for(ms(25_000));
        assert!(talk.is_connected(), "{:?}", talk.states());
        assert_eq!(talk.pair.ends[1 - side].pc.active_path().map(|path| path.remote), Some(fresh));
        talk.assert_all_heard(ms(20_000));
    }
}
