//! RFC 7675: consent is asked for, and nothing leaves without it.

use antiphon::ice::{Config, Event, IceConnectionState, Role};
use antiphon::stun::{Class, Message};
use antiphon::{Instant, Output};

use crate::world::{Forged, Packet, World, answer, at, host, is_request, ms, nominates};

fn connected() -> World {
    let mut world = World::full(1);
    world.describe();
    world.run_until(at(1000));
    assert_eq!(world.agents[0].state(), IceConnectionState::Completed);
    world
}

/// Requests that `side` sent from then on.
fn requests(world: &World, side: usize, since: Instant) -> Vec<&Packet> {
    world.sent.iter().filter(|p| p.from == side && p.sent_at >= since && is_request(p)).collect()
}

#[test]
fn consent_is_asked_for_every_four_to_six_seconds_under_new_ids_and_never_twice() {
    let mut world = connected();
    world.run_until(at(300_000));
    let asked = requests(&world, 0, at(1000));
    assert!((50..=75).contains(&asked.len()), "{}", asked.len());
    let mut gaps: Vec<_> =
        asked.windows(2).map(|w| w[1].sent_at.saturating_duration_since(w[0].sent_at)).collect();
    assert!(gaps.iter().all(|gap| (ms(4000)..=ms(6000)).contains(gap)));
    gaps.sort();
    gaps.dedup();
    assert!(gaps.len() > 40, "the intervals are random");
    let mut ids: Vec<_> = asked.iter().map(|p| Message::parse(&p.data).unwrap().transaction_id()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), asked.len());
    assert_eq!(world.agents[0].state(), IceConnectionState::Completed);
}

#[test]
fn an_answer_without_integrity_or_from_elsewhere_renews_nothing() {
    for elsewhere in [false, true] {
        let mut world = connected();
        world.lost = Box::new(|_| true);
        for step in 1..40_u64 {
            world.run_until(at(1000 + step * 1000));
            let Some(asked) = requests(&world, 0, at(step * 1000)).last().map(|p| p.data.clone()) else {
                continue;
            };
            let pwd = world.agents[1].local_credentials().pwd().to_owned();
            let forged = answer(&asked, Ok(host(0, 0)), elsewhere.then_some(pwd.as_str()));
            let source = if elsewhere { host(1, 7) } else { host(1, 0) };
            world.inject(0, host(0, 0), source, &forged);
        }
        assert_eq!(world.agents[0].state(), IceConnectionState::Failed);
        let counters = world.agents[0].counters();
        assert!(if elsewhere { counters.response_asymmetric } else { counters.response_bad_integrity } > 0);
    }
}

#[test]
fn an_authentic_403_ends_consent_at_once() {
    let mut world = connected();
    world.lost = Box::new(|_| true);
    let asked = loop {
        world.run_until(world.now + ms(100));
        if let Some(packet) = requests(&world, 0, at(1000)).last() {
            break packet.data.clone();
        }
    };
    let pwd = world.agents[1].local_credentials().pwd().to_owned();
    world.inject(0, host(0, 0), host(1, 0), &answer(&asked, Err(403), None));
    assert!(world.agents[0].active_path().is_some());
    world.inject(0, host(0, 0), host(1, 0), &answer(&asked, Err(403), Some(&pwd)));
    assert_eq!(world.agents[0].active_path(), None);
}

// RFC 7675 §5.1: once consent has ended transmission on the five-tuple ceases, of what was queued before as well.
#[test]
fn an_answer_that_waited_for_a_buffer_does_not_outlive_consent() {
    let mut world = World::with_hosts(&Config::new().pacing(ms(5)), 2);
    world.describe();
    world.run_until(at(1000));
    world.lost = Box::new(|_| true);
    world.run_until(at(7000));
    let path = world.agents[0].active_path().unwrap();
    let asked = requests(&world, 0, at(1000)).last().unwrap().data.clone();
    let pwd = world.agents[1].local_credentials().pwd().to_owned();
    let check = Forged::check(&world.agents[0]).bytes();
    world.inject(0, path.local, path.remote, &check);
    world.inject(0, path.local, path.remote, &answer(&asked, Err(403), Some(&pwd)));
    let sent = world.sent.len();
    world.run_until(at(20_000));
    // Another pair is there, and goes on.
    assert!(world.agents[0].active_path().is_some_and(|other| other != path));
    assert!(world.sent[sent..].iter().any(|p| p.from == 0));
    assert!(world.sent[sent..].iter().all(|p| p.from != 0 || p.path != path));
}

// RFC 8445 §7.2.5.1 speaks of the role the request claimed: two answers to two requests make one change.
#[test]
fn late_answers_of_conflict_to_several_consent_checks_change_the_role_once() {
    let mut world = connected();
    world.lost = Box::new(|_| true);
    world.run_until(at(13_000));
    let asked: Vec<_> = requests(&world, 0, at(1000)).iter().map(|p| p.data.clone()).collect();
    assert!(asked.len() >= 2);
    let pwd = world.agents[1].local_credentials().pwd().to_owned();
    for data in &asked {
        world.inject(0, host(0, 0), host(1, 0), &answer(data, Err(487), Some(&pwd)));
    }
    assert_eq!(world.agents[0].role(), Role::Controlled);
    // The next one claims the new role.
    world.run_until(at(20_000));
    let last = requests(&world, 0, at(13_000)).last().unwrap().data.clone();
    assert!(Message::parse(&last).unwrap().ice_controlled().is_some());
}

// RFC 8863 §4: "While the timer is still running, the ICE agent MUST NOT update a checklist state from Running to Failed".
#[test]
fn consent_that_expires_before_any_nomination_leaves_the_patience_to_its_end() {
    let mut world = World::full(1);
    world.describe();
    world.lost = Box::new(nominates);
    world.run_until(at(1000));
    assert!(world.agents[1].active_path().is_some());
    assert_eq!(world.selected_at(1), None);
    world.lost = Box::new(|_| true);
    world.run_until(at(39_499));
    assert_eq!(world.agents[1].active_path(), None);
    assert_ne!(world.agents[1].state(), IceConnectionState::Failed);
    let sent = world.sent.len();
    world.run_until(at(60_000));
    let failed = Event::StateChange(IceConnectionState::Failed);
    assert_eq!(world.first(1, |event| *event == failed), Some(at(39_500)));
    assert!(world.sent[sent..].iter().all(|p| p.from != 1));
}

#[test]
fn when_the_path_falls_silent_another_valid_one_is_used() {
    // Both interfaces of A become valid: the better path loses the first check's answer.
    let mut world = World::with_hosts(&Config::new().pacing(ms(5)), 2);
    let best = (host(0, 0), host(1, 0));
    world.lost = Box::new(move |p| {
        p.sent_at < at(400)
            && ((p.path.local, p.path.remote) == best || (p.path.remote, p.path.local) == best)
    });
    world.describe();
    world.run_until(at(3000));
    let first = world.agents[0].active_path().unwrap();
    // The peer's valid pairs as it sees them include the one in use.
    assert!(world.agents[1].accepts(&antiphon::Path::udp(first.remote, first.local)));
    let others: Vec<_> = world.agents[0].stats().pairs.iter().map(|pair| pair.path).collect();
    let cut = (first.local, first.remote);
    world.lost =
        Box::new(move |p| (p.path.local, p.path.remote) == cut || (p.path.remote, p.path.local) == cut);
    world.run_until(at(60_000));
    if others.len() > 1 {
        let second = world.agents[0].active_path().unwrap();
        assert_ne!(second, first);
        assert_ne!(world.agents[0].state(), IceConnectionState::Failed);
    } else {
        assert_eq!(world.agents[0].state(), IceConnectionState::Failed);
    }
}

// Law 3: events come before datagrams, that of the fourth check without an answer before the check.
#[test]
fn disconnection_is_told_before_the_check_that_shows_it_leaves() {
    let mut world = connected();
    let agent = &mut world.agents[0];
    let (mut now, mut buf, mut checks, mut transmitted) = (world.now, [0; 1200], 0, false);
    loop {
        match agent.poll_output(now, &mut buf) {
            Output::Transmit(_) => (checks, transmitted) = (checks + 1, true),
            Output::Event(event) => {
                assert!(!transmitted, "{event:?} after a datagram");
                if event == Event::StateChange(IceConnectionState::Disconnected) {
                    break;
                }
            }
            Output::Wait(wait) => (now, transmitted) = (wait.unwrap(), false),
        }
    }
    assert_eq!(checks, 3, "the fourth is due");
    assert!(matches!(agent.poll_output(now, &mut buf), Output::Transmit(_)));
}

// RFC 7675 §5.1 lets no consent check leave within four seconds of another, nor twice; connectivity checks are repeated.
#[test]
fn consent_that_is_nearly_over_upon_waking_does_not_hang_on_one_datagram() {
    let mut world = connected();
    let path = world.agents[0].active_path();
    world.now = at(28_500);
    world.lost = Box::new(|p| p.sent_at < at(29_200));
    world.run_until(at(60_000));
    for side in 0..2 {
        assert!(world.first(side, |event| matches!(event, Event::ActivePath(None))).is_none());
        assert_eq!(world.agents[side].state(), IceConnectionState::Completed);
        let sent = requests(&world, side, at(28_500));
        let in_a_second = sent.iter().filter(|p| p.sent_at < at(29_500)).count();
        assert!((2..=4).contains(&in_a_second), "{in_a_second} requests");
    }
    assert_eq!(world.agents[0].active_path(), path);
}

#[test]
fn a_suspended_agent_wakes_without_consent() {
    let mut world = connected();
    let sent = world.sent.len();
    world.now = at(600_000);
    world.run_until(at(600_000));
    assert_eq!(world.agents[0].active_path(), None);
    let class = |p: &Packet| Message::parse(&p.data).unwrap().class();
    assert!(world.sent[sent..].iter().all(|p| class(p) != Class::Request));
}
