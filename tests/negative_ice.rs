//! What does not come from the peer, and what the peer must not do, changes nothing in ICE: the list of negative tests by number. What
//! floods cost in memory is in `negative_memory.rs`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "ice_scenarios/world.rs"]
mod world;

#[path = "negative_ice/floods.rs"]
mod floods;

use antiphon::Path;
use antiphon::ice::{
    Agent, CandidateError, CandidatePairState, Config, Event, IceConnectionState, LocalCandidate, Role,
};
use antiphon::sdp::candidate::{Candidate, CandidateAddress, TcpType, Transport};
use antiphon::stun::{AttributeType, Builder, Class, IntegrityKey, Message, Method, TransactionId};

use crate::world::{Forged, World, addr, answer, at, host, is_request, ms};

/// A world where only `a` speaks: nothing reaches `b`.
fn lonely() -> World {
    let mut world = World::full(1);
    world.describe();
    world.lost = Box::new(|_| true);
    world.run_until(at(10));
    world
}

/// A world where both have settled on the one path there is.
fn connected() -> World {
    let mut world = World::full(1);
    world.describe();
    world.run_until(at(1000));
    assert_eq!(world.agents[0].state(), IceConnectionState::Completed);
    world
}

/// How many datagrams `a` sends at once because of this one.
fn provoked(world: &mut World, source: &str, data: &[u8]) -> usize {
    let before = world.sent.len();
    world.inject(0, host(0, 0), addr(source), data);
    world.run_until(world.now);
    world.sent[before..].iter().filter(|p| p.from == 0).count()
}

/// What there is to grow: candidates of the peer and of ours, pairs, and checks that await an answer.
fn tables(agent: &Agent) -> (usize, usize, usize, usize) {
    let stats = agent.stats();
    (stats.remote_candidates.len(), stats.local_candidates.len(), stats.pairs.len(), agent.checks_held())
}

#[test]
fn n01_wrong_integrity_is_dropped_in_silence() {
    let mut world = lonely();
    let before = tables(&world.agents[0]);
    let mut forged = Forged::check(&world.agents[0]);
    forged.pwd = Some("another password of some length".into());
    assert_eq!(provoked(&mut world, "10.1.0.1:5000", &forged.bytes()), 0);
    forged.pwd = None;
    assert_eq!(provoked(&mut world, "10.1.0.1:5000", &forged.bytes()), 0);
    assert_eq!(world.agents[0].counters().request_bad_integrity, 2);
    assert_eq!(tables(&world.agents[0]), before);
    assert_eq!(world.agents[0].state(), IceConnectionState::Checking);
}

#[test]
fn n02_a_username_must_be_ours_and_theirs() {
    let mut world = lonely();
    let good = Forged::check(&world.agents[0]);
    let (ours, theirs) = good.username.split_once(':').unwrap();
    let bad = [
        ours.to_owned(),
        theirs.to_owned(),
        format!("{theirs}:{ours}"),
        format!(":{theirs}"),
        format!("{ours}:"),
        format!("{ours}:{theirs}:x"),
        format!("{ours}:someone"),
    ];
    let before = tables(&world.agents[0]);
    for username in bad.clone() {
        let forged = Forged { username, ..good.clone() };
        assert_eq!(provoked(&mut world, "10.1.0.1:5000", &forged.bytes()), 0);
    }
    assert_eq!(world.agents[0].counters().request_bad_username, bad.len() as u64);
    assert_eq!(tables(&world.agents[0]), before);
    assert!(provoked(&mut world, "10.1.0.1:5000", &good.bytes()) > 0);
}

#[test]
fn n02_checks_of_the_generation_before_count_until_the_new_path_is_there() {
    let mut world = connected();
    let old = Forged::check(&world.agents[0]);
    world.agents[0].restart();
    let answered = |world: &mut World| {
        let before = world.agents[0].counters().replies_sent;
        world.inject(0, host(0, 0), host(1, 0), &old.bytes());
        world.run_until(world.now);
        world.agents[0].counters().replies_sent - before
    };
    assert_eq!(answered(&mut world), 1);
    world.describe_to(1);
    world.describe_to(0);
    world.run_until(at(4000));
    let before = tables(&world.agents[0]);
    assert_eq!(answered(&mut world), 0);
    assert_eq!(world.agents[0].counters().request_bad_username, 1);
    assert_eq!(tables(&world.agents[0]), before);
}

#[test]
fn n03_only_an_authentic_answer_ends_a_check() {
    let mut world = lonely();
    let asked = world.sent.iter().find(|p| p.from == 0 && is_request(p)).unwrap().data.clone();
    let pwd = world.agents[1].local_credentials().pwd().to_owned();
    let (here, there) = (host(0, 0), host(1, 0));
    let before = tables(&world.agents[0]);
    for wrong in [None, Some("another password of some length")] {
        world.inject(0, here, there, &answer(&asked, Ok(here), wrong));
        world.inject(0, here, there, &answer(&asked, Err(400), wrong));
        world.inject(0, here, addr("10.9.9.9:1"), &answer(&asked, Ok(here), wrong));
    }
    assert_eq!(world.agents[0].counters().response_bad_integrity, 6);
    assert_eq!(tables(&world.agents[0]), before);
    assert_eq!(world.agents[0].active_path(), None);
    // The peer's own answer still counts.
    world.inject(0, here, there, &answer(&asked, Ok(here), Some(&pwd)));
    assert_eq!(world.agents[0].active_path(), Some(Path::udp(here, there)));
}

#[test]
fn n03_an_authentic_answer_from_elsewhere_fails_the_pair() {
    let mut world = lonely();
    let asked = world.sent.iter().find(|p| p.from == 0 && is_request(p)).unwrap().data.clone();
    let pwd = world.agents[1].local_credentials().pwd().to_owned();
    world.inject(0, host(0, 0), addr("10.9.9.9:1"), &answer(&asked, Ok(host(0, 0)), Some(&pwd)));
    assert_eq!(world.agents[0].counters().response_asymmetric, 1);
    let pairs = world.agents[0].stats().pairs;
    assert_eq!(pairs[0].state, CandidatePairState::Failed);
    assert_eq!(world.agents[0].active_path(), None);
    assert_eq!(tables(&world.agents[0]), (1, 1, 1, 0), "no candidate is made of where the answer came from");
}

#[test]
fn n04_an_unauthenticated_nomination_nominates_nothing() {
    let mut world = World::full(1);
    world.agents[0].set_role(Role::Controlled);
    world.agents[1].set_role(Role::Controlling);
    world.describe();
    world.lost = Box::new(world::nominates);
    world.run_until(at(200));
    assert!(world.agents[0].active_path().is_some());
    let before = tables(&world.agents[0]);
    for (count, pwd) in [(1, None), (2, Some("another password of some length".to_owned()))] {
        let forged = Forged { pwd, nominates: true, ..Forged::check(&world.agents[0]) };
        world.inject(0, host(0, 0), host(1, 0), &forged.bytes());
        world.run_until(at(200 + 5 * count));
        assert_eq!(world.agents[0].counters().request_bad_integrity, count);
        assert_eq!(world.selected_at(0), None);
    }
    assert!(world.agents[0].stats().pairs.iter().all(|pair| !pair.nominated));
    assert_eq!(tables(&world.agents[0]), before);
    let peers = Forged { nominates: true, ..Forged::check(&world.agents[0]) };
    world.inject(0, host(0, 0), host(1, 0), &peers.bytes());
    world.run_until(at(220));
    assert!(world.selected_at(0).is_some());
}

#[test]
fn n07_two_agents_of_one_tie_breaker_and_one_role_agree_and_connect() {
    for role in [Role::Controlling, Role::Controlled] {
        let config = Config::new().role(role);
        let mut world = World::new(&config, &config);
        // The same agent twice, then with credentials of its own: the tie-breaker is still the same, what is drawn later is not.
        world.agents[1] = world.agents[0].fork();
        world.agents[1].restart();
        for side in 0..2 {
            world.agents[side].add_local_candidate(LocalCandidate::udp(host(side, 0))).unwrap();
        }
        world.describe();
        world.run_until(at(60));
        let claims: Vec<_> = world.sent.iter().filter(|p| is_request(p)).take(2).map(tie_breaker).collect();
        assert_eq!(claims[0], claims[1]);
        world.run_until(at(3000));
        assert_ne!(world.agents[0].role(), world.agents[1].role());
        let counters = world.agents.each_ref().map(|agent| *agent.counters());
        let refused: u64 = counters.iter().map(|its| its.role_conflicts_refused).sum();
        let yielded: u64 = counters.iter().map(|its| its.role_conflicts_yielded).sum();
        // Both speak at once: of two that control each refuses the other, and of two that do not each takes over; then both claim the other
        // role, with tie-breakers drawn anew or the same, until one is told first.
        assert!((1..=4).contains(&refused), "{counters:?}");
        assert!((1..=4).contains(&yielded), "{counters:?}");
        for agent in &world.agents {
            assert_eq!(agent.state(), IceConnectionState::Completed);
            assert_eq!(tables(agent), (1, 1, 1, 0));
        }
    }
}

/// What a check claims with which number.
fn tie_breaker(packet: &world::Packet) -> Option<u64> {
    let message = Message::parse(&packet.data).unwrap();
    message.ice_controlling().or(message.ice_controlled())
}

#[test]
fn n07_a_peer_that_never_gives_way_does_not_make_us_loop() {
    // The peer claims our role with the largest tie-breaker, and answers each check of ours with 487.
    let mut world = World::full(1);
    world.describe();
    world.lost = Box::new(|_| true);
    let pwd = world.agents[1].local_credentials().pwd().to_owned();
    let mut seen = 0;
    for step in 1..2000_u64 {
        world.run_until(at(step * 10));
        let fresh: Vec<_> =
            world.sent[seen..].iter().filter(|p| p.from == 0 && is_request(p)).cloned().collect();
        seen = world.sent.len();
        for packet in fresh {
            let claim = Forged {
                role: world.agents[0].role(),
                tie_breaker: u64::MAX,
                ..Forged::check(&world.agents[0])
            };
            world.inject(0, host(0, 0), host(1, 0), &claim.bytes());
            world.inject(0, host(0, 0), host(1, 0), &answer(&packet.data, Err(487), Some(&pwd)));
        }
    }
    let checks = world.sent.iter().filter(|p| p.from == 0 && is_request(p)).count();
    assert!(checks < 200, "{checks}");
    let counters = world.agents[0].counters();
    // It claims to control as well: we give way. It claims to be controlled as well, and has the larger number: it is to control.
    assert!(counters.role_conflicts_yielded > 0 && counters.role_conflicts_refused > 0, "{counters:?}");
    assert!(tables(&world.agents[0]) <= (1, 1, 1, 2), "{:?}", tables(&world.agents[0]));
}

#[test]
fn n08_a_flood_of_unauthenticated_487_flips_no_role() {
    let mut world = lonely();
    let asked = world.sent.iter().find(|p| p.from == 0 && is_request(p)).unwrap().data.clone();
    let flood = answer(&asked, Err(487), None);
    let before = tables(&world.agents[0]);
    for _ in 0..1000 {
        world.inject(0, host(0, 0), host(1, 0), &flood);
    }
    assert_eq!(world.agents[0].role(), Role::Controlling);
    let counters = world.agents[0].counters();
    assert_eq!(counters.response_bad_integrity, 1000);
    assert_eq!((counters.role_conflicts_yielded, counters.role_conflicts_refused), (0, 0));
    assert_eq!(tables(&world.agents[0]), before);
}

#[test]
fn n09_nothing_leaves_thirty_seconds_after_the_last_answer() {
    let mut world = connected();
    world.run_until(at(20_000));
    // The peer falls silent as to answers; its own checks keep coming.
    world.lost = Box::new(|p| p.from == 1 && !is_request(p));
    world.run_until(at(120_000));
    let last_answer = world
        .sent
        .iter()
        .filter(|p| p.from == 1 && !is_request(p) && p.sent_at < at(20_000))
        .map(|p| p.sent_at + ms(25))
        .max()
        .unwrap();
    let last_sent = world.sent.iter().filter(|p| p.from == 0).map(|p| p.sent_at).max().unwrap();
    assert!(last_sent <= last_answer + ms(30_000));
    let state = |wanted| world.first(0, |event| *event == Event::StateChange(wanted));
    let (gone, failed) = (state(IceConnectionState::Disconnected), state(IceConnectionState::Failed));
    assert!(gone.unwrap() > last_answer + ms(10_000) && gone < failed);
    assert_eq!(failed, Some(last_answer + ms(30_000)));
    assert_eq!(world.agents[0].active_path(), None);
    assert_eq!(world.first(0, |event| *event == Event::ActivePath(None)), failed);
    // The peer's requests went on for a while, and were not answered any more.
    assert!(world.agents[0].counters().late > 0);
}

#[test]
fn n09_a_nomination_under_way_stops_with_consent() {
    // Nominations never arrive, so one is being repeated when the peer falls silent.
    let mut world = World::full(1);
    world.lost = Box::new(world::nominates);
    world.describe();
    world.run_until(at(1000));
    world.lost = Box::new(|_| true);
    world.run_until(at(120_000));
    let last_answer = at(50);
    let last_sent = world.sent.iter().filter(|p| p.from == 0).map(|p| p.sent_at).max().unwrap();
    assert!(last_sent < last_answer + ms(30_000), "{last_sent:?}");
    assert_eq!(world.agents[0].active_path(), None);
    assert_eq!(world.agents[0].state(), IceConnectionState::Failed);
}

#[test]
fn n10_an_answer_under_an_old_id_renews_nothing() {
    let mut world = connected();
    world.run_until(at(20_000));
    let old: Vec<_> = world.sent.iter().filter(|p| p.from == 1 && !is_request(p)).cloned().collect();
    world.lost = Box::new(|_| true);
    let before = (tables(&world.agents[0]), *world.agents[0].counters());
    for step in 21..=50 {
        world.run_until(at(step * 1000));
        for packet in &old {
            world.inject(0, host(0, 0), host(1, 0), &packet.data);
        }
        if step <= 45 {
            assert_eq!(tables(&world.agents[0]), before.0);
        }
    }
    let counters = world.agents[0].counters();
    let dropped = counters.response_unknown - before.1.response_unknown + counters.late - before.1.late;
    assert_eq!((dropped, counters.consent_received), (30 * old.len() as u64, before.1.consent_received));
    assert_eq!(world.agents[0].state(), IceConnectionState::Failed);
    assert!(tables(&world.agents[0]) <= (1, 1, 0, 0), "{:?}", tables(&world.agents[0]));
}

#[test]
fn n14_candidates_that_must_not_be_sent_to_are_refused() {
    let mut world = World::full(1);
    let good = world.agents[1].local_candidates().next().unwrap().clone();
    let parameters = world.parameters(1);
    let a = &mut world.agents[0];
    a.set_remote(parameters);
    for bad in
        ["0.0.0.0", "::", "224.0.0.5", "255.255.255.255", "127.0.0.1", "::1", "::ffff:10.0.0.1", "ff02::1"]
    {
        let candidate = Candidate { address: CandidateAddress::Ip(bad.parse().unwrap()), ..good.clone() };
        assert!(a.add_remote_candidate(&candidate).is_err(), "{bad}");
    }
    assert!(a.add_remote_candidate(&Candidate { port: 0, ..good.clone() }).is_err());
    assert!(a.add_remote_candidate(&Candidate { component: 2, ..good.clone() }).is_err());
    let named = |name: &str| Candidate { address: CandidateAddress::Name(name.into()), ..good.clone() };
    assert_eq!(a.add_remote_candidate(&named("host.example.org")), Err(CandidateError::Name));
    let tcp = Candidate { transport: Transport::Tcp(TcpType::Active), port: 9, ..good.clone() };
    assert_eq!(a.add_remote_candidate(&tcp), Ok(()));
    world.run_until(at(1000));
    assert!(world.sent.is_empty());
    assert_eq!(world.agents[0].counters().candidates_unpaired, 1, "the one that is kept");
    // Nor does a check from such an address make one, were it authentic.
    let check = Forged::check(&world.agents[0]).bytes();
    let sources = ["0.0.0.0:5000", "224.0.0.5:5000", "255.255.255.255:5000", "127.0.0.1:5000", "10.9.9.9:0"];
    for source in sources {
        assert_eq!(provoked(&mut world, source, &check), 0, "{source}");
    }
    assert_eq!(world.agents[0].counters().refused_remote, sources.len() as u64);
    assert_eq!(tables(&world.agents[0]), (1, 1, 0, 0));
}

#[test]
fn n06_broken_messages_are_counted() {
    let mut world = lonely();
    let before = tables(&world.agents[0]);
    let good = Forged::check(&world.agents[0]).bytes();
    // Lengths beyond the end, of 65535, that is no multiple of four; a header cut short; nothing.
    let with = |at: usize, bytes: &[u8]| {
        let mut bad = good.clone();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        bad
    };
    let unpadded = {
        // USERNAME said to be as long as all that is left, and one byte of padding missing.
        let mut bad = good[..24].to_vec();
        bad.extend_from_slice(&[b'u'; 5]);
        bad[2..4].copy_from_slice(&9_u16.to_be_bytes());
        bad[22..24].copy_from_slice(&5_u16.to_be_bytes());
        bad
    };
    let bad = [
        good[..19].to_vec(),
        good[..good.len() - 1].to_vec(),
        good[..good.len() - 4].to_vec(),
        with(22, &[0xff, 0xff]),
        with(2, &[0xff, 0xff]),
        with(2, &[0, 1]),
        with(4, &[0; 4]),
        unpadded,
        Vec::new(),
        vec![0; 20],
    ];
    for bad in &bad {
        assert_eq!(provoked(&mut world, "10.1.0.1:5000", bad), 0, "{bad:?}");
    }
    assert_eq!(world.agents[0].counters().malformed, bad.len() as u64);
    let damaged = with(good.len() - 1, &[good.last().unwrap() ^ 1]);
    assert_eq!(provoked(&mut world, "10.1.0.1:5000", &damaged), 0);
    assert_eq!(world.agents[0].counters().bad_fingerprint, 1);
    assert_eq!(tables(&world.agents[0]), before);
}

/// A check by hand: `first` before MESSAGE-INTEGRITY, `second` after it.
fn composed(
    world: &World,
    first: impl FnOnce(&mut Builder<'_>, &IntegrityKey),
    second: impl FnOnce(&mut Builder<'_>, &IntegrityKey),
) -> Vec<u8> {
    let forged = Forged::check(&world.agents[0]);
    let key = IntegrityKey::short_term(world.agents[0].local_credentials().pwd());
    let mut buf = [0; 600];
    let id = TransactionId([5; 12]);
    let mut message = Builder::new(&mut buf, Class::Request, Method::BINDING, id).unwrap();
    message.raw(AttributeType::USERNAME, &[forged.username.as_bytes()]).unwrap();
    message.raw(AttributeType::PRIORITY, &[&[0x6e, 0, 0, 1]]).unwrap();
    message.raw(AttributeType::ICE_CONTROLLED, &[&[7; 8]]).unwrap();
    first(&mut message, &key);
    message.integrity(&key).unwrap();
    second(&mut message, &key);
    let len = message.finish();
    buf[..len].to_vec()
}

#[test]
fn n06_what_stands_behind_the_integrity_is_not_believed() {
    // A nomination after MESSAGE-INTEGRITY, and one after FINGERPRINT: RFC 8489 §14.5 and §14.7.
    let mut world = World::full(1);
    world.agents[0].set_role(Role::Controlled);
    world.agents[1].set_role(Role::Controlling);
    world.describe();
    world.lost = Box::new(world::nominates);
    world.run_until(at(200));
    assert!(world.agents[0].active_path().is_some());
    let late = [AttributeType::ICE_CONTROLLING, AttributeType::USE_CANDIDATE];
    let nominate = |message: &mut Builder<'_>, _: &IntegrityKey| {
        message.raw(late[1], &[]).unwrap();
        message.fingerprint().unwrap();
    };
    let after_fingerprint = |message: &mut Builder<'_>, _: &IntegrityKey| {
        message.fingerprint().unwrap();
        message.raw(late[1], &[]).unwrap();
    };
    for data in [composed(&world, |_, _| {}, nominate), composed(&world, |_, _| {}, after_fingerprint)] {
        world.inject(0, host(0, 0), host(1, 0), &data);
        world.run_until(world.now);
        assert_eq!(world.selected_at(0), None);
    }
    // Two integrities: the first is the one that is checked, and the second does not make a wrong one right.
    let wrong = IntegrityKey::short_term("another password of some length");
    let refused = world.agents[0].counters().request_bad_integrity;
    let twice = composed(
        &world,
        |message, _| {
            message.integrity(&wrong).unwrap();
        },
        |message, _| {
            message.fingerprint().unwrap();
        },
    );
    assert_eq!(provoked(&mut world, "10.1.0.1:5000", &twice), 0);
    assert_eq!(world.agents[0].counters().request_bad_integrity, refused + 1);
}

#[test]
fn n14_loopback_is_the_callers_to_allow() {
    let mut world = World::full(1);
    let here = Candidate {
        address: CandidateAddress::Ip([127, 0, 0, 1].into()),
        ..world.agents[1].local_candidates().next().unwrap().clone()
    };
    let parameters = world.parameters(1);
    let a = &mut world.agents[0];
    a.set_remote(parameters);
    assert!(matches!(a.add_remote_candidate(&here), Err(CandidateError::Loopback(_))));
    a.add_local_candidate(LocalCandidate::udp(addr("127.0.0.1:4000"))).unwrap();
    assert_eq!(a.add_remote_candidate(&here), Ok(()));
    world.run_until(at(500));
    assert!(!world.sent.is_empty());
    assert!(world.sent.iter().all(|p| p.path == Path::udp(addr("127.0.0.1:4000"), addr("127.0.0.1:5000"))));
}

#[test]
fn n15_names_that_are_no_mdns_names_are_refused() {
    let mut world = World::full(1);
    let good = world.agents[1].local_candidates().next().unwrap().clone();
    let parameters = world.parameters(1);
    let a = &mut world.agents[0];
    a.set_remote(parameters);
    let mut add = |name: &str| {
        a.add_remote_candidate(&Candidate { address: CandidateAddress::Name(name.into()), ..good.clone() })
    };
    let uuid = "1f4712db-ea17-4bcf-a596-105139dfd8bf";
    for bad in [
        "printer.local",
        &format!("{uuid}.local.evil"),
        &format!("{uuid}.evil.local"),
        &format!("{uuid}local"),
        "gf4712db-ea17-4bcf-a596-105139dfd8bf.local",
        &("a.".repeat(300) + "local"),
        ".local",
        "local",
        "",
        uuid,
    ] {
        assert_eq!(add(bad), Err(CandidateError::Name), "{bad}");
    }
    assert_eq!(add(&format!("{uuid}.local")), Ok(()));
    assert_eq!(world.agents[0].stats().remote_candidates.len(), 1);
    assert_eq!(world.agents[0].counters().candidates_unpaired, 1);
    world.run_until(at(1000));
    assert!(world.sent.is_empty());
}
