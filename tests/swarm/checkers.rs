//! The checkers' own test: for each invariant a peer, a network or a figure that is broken on purpose, and is caught.

use antiphon::sim::{Chance, Filtering, Mapping, Nat};
use antiphon::{Config, Instant, PeerConnection, Seed, Stats};
use core::time::Duration;

use super::crowd::{Tamper, grew, has_left, is_empty, were_refused};
use super::end::Sabotage;
use super::losses::within;
use super::plan::{Act, Plan, Promise, Wrong, ms};
use super::run::{Defects, hold_silence, play};
use super::screening::{counted, round_trip};
use super::shrink::{invariant, quietly, shrink, silently};
use super::watch::{
    View, Watch, accepted_once, accounts, means_the_same, one_session, same_keys, same_when_read,
};

const RELIABLE: Promise = Promise { ordered: true, retransmits: None, life_time: None };
const UNORDERED: Promise = Promise { ordered: false, ..RELIABLE };
const PARTIAL: Promise = Promise { retransmits: Some(0), ..UNORDERED };
const TIMED: Promise = Promise { life_time: Some(Duration::from_millis(100)), ..UNORDERED };

/// What is broken.
enum Broken {
    /// One end of an otherwise calm run.
    End(Sabotage),
    /// Both ends of a run in which the first eight datagrams of each are lost.
    UnluckyEnds(Sabotage),
    /// One end of a run in which the two are parted for 50 s.
    PartedEnd(Sabotage),
    /// One end of a calm run with sound and pictures.
    Filming(Sabotage),
    /// The same, parted for 50 s.
    PartedFilming(Sabotage),
    /// Frames on their way from the connection to the screen.
    Frames(Tamper),
    /// Messages on their way from the connection to the model, on channels of this kind.
    Messages(Promise, Tamper),
    /// The same where both send more than there is room for.
    Bulk(Tamper),
    /// The same where three in ten datagrams are lost, and nothing else is wrong.
    Lossy(Promise, Tamper),
    /// A network that lets through what its NATs would not.
    LeakyNats,
    /// What a checker is given.
    Figures(fn()),
}

/// For each invariant what its checker must catch. T1, T2, T3 and T5 are held by the network itself and tested beside it
/// (`src/sim/run_tests.rs`), S9 in `timing.rs`, T4 and D1 to D4 in `tests/determinism.rs`, R1 to R4 in `tests/sim_memory.rs`: each has
/// something broken beside it too.
const TABLE: &[(&str, Broken)] = &[
    ("L1", Broken::End(Sabotage::Mute)),
    ("L1", Broken::UnluckyEnds(Sabotage::ForgetsToWake)),
    ("L3", Broken::LeakyNats),
    ("L3", Broken::Figures(|| hold_silence(ms(39_000)))),
    ("L3", Broken::Figures(|| hold_silence(Duration::MAX))),
    ("L4", Broken::Frames(Tamper::Swallow)),
    ("L4", Broken::Filming(Sabotage::MakesNoKeyFrame)),
    ("L5", Broken::Messages(RELIABLE, Tamper::Swallow)),
    ("L5", Broken::Messages(UNORDERED, Tamper::Drop)),
    ("L5", Broken::Messages(PARTIAL, Tamper::Swallow)),
    ("L5", Broken::Bulk(Tamper::ForgetLow)),
    ("L5", Broken::End(Sabotage::Leaves)),
    ("L5", Broken::Figures(|| has_left(0, false))),
    ("L5", Broken::Figures(|| were_refused(0, 2, 1))),
    ("L6", Broken::End(Sabotage::Babbles)),
    ("L8", Broken::Figures(|| within("L8", ms(1501), ms(1500), &[1, 2, 3]))),
    ("S1", Broken::Messages(RELIABLE, Tamper::Duplicate)),
    ("S1", Broken::Messages(RELIABLE, Tamper::Swap)),
    ("S1", Broken::Messages(RELIABLE, Tamper::Drop)),
    ("S1", Broken::Messages(RELIABLE, Tamper::Change)),
    ("S2", Broken::Messages(UNORDERED, Tamper::Duplicate)),
    ("S2", Broken::Messages(UNORDERED, Tamper::Change)),
    ("S3", Broken::Messages(PARTIAL, Tamper::Duplicate)),
    ("S3", Broken::Messages(PARTIAL, Tamper::Change)),
    ("S3", Broken::Messages(TIMED, Tamper::Delay)),
    ("S3", Broken::Lossy(TIMED, Tamper::Linger)),
    ("S3", Broken::Frames(Tamper::Duplicate)),
    ("S3", Broken::Frames(Tamper::Change)),
    ("S3", Broken::Frames(Tamper::Drop)),
    ("S4", Broken::Figures(|| Watch::default().delivers(0, &fresh()))),
    ("S5", Broken::PartedEnd(Sabotage::SpeaksWithoutConsent)),
    ("S5", Broken::PartedFilming(Sabotage::FilmsWithoutConsent)),
    ("S6", Broken::End(Sabotage::SpeaksAfterTheEnd)),
    ("S6", Broken::Filming(Sabotage::FilmsAfterTheEnd)),
    ("S7", Broken::End(Sabotage::ReusesNonce)),
    ("S7", Broken::Filming(Sabotage::ReusesIndex)),
    ("S8", Broken::Figures(|| accepted_once(&with_packets(5, 0), &with_packets(0, 4), 9))),
    ("S8", Broken::Figures(|| accepted_once(&with_packets(5, 0), &with_packets(0, 9), 4))),
    ("S8", Broken::Figures(|| accepted_once(&with_media(5), &with_media(4), 9))),
    ("S10", Broken::Figures(|| Watch::agreement([&fresh(), &fresh()], View::Same))),
    (
        "S10",
        Broken::Figures(|| {
            super::run::with_connected(|ends| Watch::agreement([ends[0]; 2], View::Contested));
        }),
    ),
    (
        "S10",
        Broken::Figures(|| {
            super::run::with_connected(|ends| Watch::agreement([ends[0]; 2], View::Same));
        }),
    ),
    (
        "S11",
        Broken::Figures(|| {
            super::run::with_connected(|ends| Watch::agreement([ends[0]; 2], View::Translated));
        }),
    ),
    ("S12", Broken::End(Sabotage::GreetsAsWell)),
    (
        "S13",
        Broken::Figures(|| {
            super::run::with_connected(|a| super::run::with_another(|b| same_keys([a[0], b[1]])));
        }),
    ),
    ("S14", Broken::Filming(Sabotage::TurnsBackTime)),
    ("S14", Broken::Frames(Tamper::Delay)),
    (
        "S15",
        Broken::Figures(|| same_when_read("a=b\r\nc=d\r\n", |text| text.lines().next().map(str::to_owned))),
    ),
    (
        "S15",
        Broken::Figures(|| {
            super::run::with_connected(|ends| {
                let description = ends[0].local_description().unwrap();
                means_the_same(description, &description.to_sdp().replace("a=mid:0", "a=mid:1"));
            });
        }),
    ),
    ("S15", Broken::Figures(|| super::run::with_connected(|ends| one_session([ends[0], &fresh()])))),
    ("S16", Broken::End(Sabotage::MixesGenerations)),
    ("T6", Broken::End(Sabotage::WakesAllTheTime)),
    ("T7", Broken::Figures(|| super::timing::turn_back(Some(Sabotage::WaitsForItsClock)))),
    ("A1", Broken::Figures(|| accounts(10, 1, 9, 1, 0))),
    ("A2", Broken::Figures(|| grew(100, 10, 111))),
    ("A2", Broken::Figures(|| is_empty(0, 1))),
    ("A3", Broken::End(Sabotage::LosesInput)),
    (
        "A3",
        Broken::Figures(|| {
            let mut watch = Watch::default();
            watch.stats(0, with_packets(2, 0));
            watch.stats(0, with_packets(1, 0));
        }),
    ),
    ("A3", Broken::Figures(|| counted("sent", 0, 5, 6))),
    ("A3", Broken::Figures(|| round_trip(0, Some(ms(400))))),
    ("A4", Broken::Filming(Sabotage::LiesInFeedback)),
    (
        "A5",
        Broken::Figures(|| {
            let mut stats = with_packets(0, 0);
            stats.sctp.in_flight_bytes = stats.sctp.cwnd_bytes + 100_000;
            Watch::default().window(0, &stats.sctp);
        }),
    ),
    (
        "A5",
        Broken::Figures(|| {
            // The window was wide once, and is not any more.
            let mut watch = Watch::default();
            let mut stats = with_packets(0, 0);
            (stats.sctp.cwnd_bytes, stats.sctp.in_flight_bytes) = (100_000, 50_000);
            watch.window(0, &stats.sctp);
            (stats.sctp.cwnd_bytes, stats.sctp.in_flight_bytes) = (10_000, 60_000);
            watch.window(0, &stats.sctp);
        }),
    ),
];

/// Nothing but loss, over a way of 20 ms: what is too old on its arrival was too old when it left.
const PUNCTUAL: Defects = Defects {
    punctual: Some(ms(22)),
    sabotage: [None, None],
    tamper: None,
    tamper_frames: None,
    leaky_nats: false,
    loud: false,
};

fn lossy(promise: Promise) -> Plan {
    let mut plan = Plan::calm(promise);
    plan.links = plan.links.map(|link| link.loss(Chance::percent(30)));
    // Long after the channel is open.
    plan.acts.iter_mut().skip(2).for_each(|(at, _)| *at = *at * 2 + ms(9000));
    plan.faulty = ms(20_000);
    plan
}

fn fresh() -> PeerConnection {
    let seed = Seed::from_bytes([1; 32]);
    PeerConnection::new(Instant::ZERO, Duration::from_secs(1_790_000_000), seed, &Config::new()).unwrap()
}

fn with_packets(received: u64, sent: u64) -> Stats {
    let mut stats = fresh().stats(Instant::ZERO);
    stats.sctp.packets_received = received;
    stats.sctp.packets_sent = sent;
    stats
}

fn with_media(packets: u64) -> Stats {
    let mut stats = with_packets(0, 0);
    let mut srtp = antiphon::srtp::Stats::default();
    (srtp.rtp_protected, srtp.rtp_unprotected) = (packets, packets);
    stats.srtp = Some(srtp);
    stats
}

/// What the checker said of it; `None`: it kept silent.
fn caught(broken: &Broken) -> Option<String> {
    let sabotage = |end: Sabotage| Defects { sabotage: [Some(end), None], ..Defects::default() };
    let run = |plan: &Plan, defects| quietly(plan, defects).err();
    match *broken {
        Broken::End(end) => run(&Plan::calm(RELIABLE), sabotage(end)),
        Broken::UnluckyEnds(end) => {
            let mut plan = Plan::calm(RELIABLE);
            plan.links = plan.links.map(|link| link.drop_first(8));
            run(&plan, Defects { sabotage: [Some(end); 2], ..Defects::default() })
        }
        Broken::PartedEnd(end) => {
            let mut plan = Plan::calm(RELIABLE);
            plan.wrongs.push((ms(3000), Wrong::Partition(ms(50_000))));
            run(&plan, sabotage(end))
        }
        Broken::Filming(end) => run(&Plan::premiere(), sabotage(end)),
        Broken::PartedFilming(end) => {
            let mut plan = Plan::premiere();
            plan.wrongs.push((ms(3000), Wrong::Partition(ms(50_000))));
            run(&plan, sabotage(end))
        }
        Broken::Frames(tamper) => {
            run(&Plan::premiere(), Defects { tamper_frames: Some(tamper), ..Defects::default() })
        }
        Broken::Messages(promise, tamper) => {
            run(&Plan::calm(promise), Defects { tamper: Some(tamper), ..Defects::default() })
        }
        Broken::Bulk(tamper) => {
            let mut plan = Plan::calm(RELIABLE);
            let bulk = |side| Act::Bulk { side, channel: 0, bytes: 3_000_000 };
            plan.acts.extend((0..2).map(|side| (ms(4400), bulk(side))));
            run(&plan, Defects { tamper: Some(tamper), ..Defects::default() })
        }
        Broken::Lossy(promise, tamper) => run(&lossy(promise), Defects { tamper: Some(tamper), ..PUNCTUAL }),
        Broken::LeakyNats => {
            let mut plan = Plan::calm(RELIABLE);
            plan.site.doors = [Some(Nat::symmetric()), Some(Nat::symmetric())];
            run(&plan, Defects { leaky_nats: true, ..Defects::default() })
        }
        Broken::Figures(figures) => silently(figures).err(),
    }
}

#[test]
fn each_checker_catches_what_is_broken_for_it() {
    for (index, (id, broken)) in TABLE.iter().enumerate() {
        let caught = caught(broken).unwrap_or_else(|| panic!("line {index}: {id} caught nothing"));
        assert_eq!(invariant(&caught), *id, "line {index}: {caught}");
    }
}

#[test]
fn a_calm_run_breaks_nothing() {
    for promise in [RELIABLE, UNORDERED, PARTIAL, TIMED] {
        assert_eq!(play(&Plan::calm(promise), Defects::default()).ended, "whole");
    }
}

#[test]
fn s3_where_packets_are_lost_no_message_outlives_its_time() {
    let outcome = play(&lossy(TIMED), PUNCTUAL);
    assert_eq!(outcome.ended, "whole");
    // Some came, and some did not.
    let lanes = &outcome.crowd.channels[&0].lanes;
    let (sent, received) = lanes
        .iter()
        .fold((0, 0), |(sent, received), lane| (sent + lane.sent_count(), received + lane.received_count()));
    assert!(received > sent / 10 && received < sent, "{received} of {sent}");
}

#[test]
fn a_clock_set_back_before_the_first_datagram_is_no_old_consent() {
    // The connection has been polled at a later instant, which stays the latest until its clock is set right again.
    let mut plan = Plan::calm(RELIABLE);
    plan.wrongs.push((ms(1), Wrong::Clock { side: 1, forward: false, by: ms(98_400) }));
    assert_eq!(play(&plan, Defects::default()).ended, "whole");
}

#[test]
fn a_calm_run_with_sound_and_pictures_breaks_nothing() {
    let outcome = play(&Plan::premiere(), Defects::default());
    assert_eq!(outcome.ended, "whole");
    let studio = &outcome.crowd.studio;
    assert_eq!(studio.screens.len(), 4, "{:?}", studio.screens.keys());
    for ((stream, _), screen) in &studio.screens {
        assert!(screen.frames > 100, "stream {stream}: {} frames", screen.frames);
    }
    assert!(outcome.crowd.watch.tape.feedback > 20);
}

#[test]
fn a_failure_is_shrunk_to_what_it_needs() {
    // A plan full of faults, in which one end uses a nonce twice: nothing of it is needed but a channel's opening.
    let defects = Defects { sabotage: [Some(Sabotage::ReusesNonce), None], ..Defects::default() };
    let plan = (1..10_000).map(Plan::draw).find(|plan| {
        plan.wrongs.len() > 3
            && plan.acts.len() > 30
            && quietly(plan, defects).is_err_and(|words| invariant(&words) == "S7")
    });
    let plan = plan.unwrap();
    let small = shrink(&plan, defects, "S7: again");
    assert!(small.wrongs.is_empty(), "{:?}", small.wrongs);
    assert!(small.acts.len() <= 2, "{:?}", small.acts);
    assert!(quietly(&small, defects).is_err_and(|words| invariant(&words) == "S7"));
}

/// The oracle against what is known of pairs of NATs.
#[test]
fn the_oracle_agrees_with_the_known_matrix() {
    let Ok(shared) = std::env::var("ANTIPHON_SHARED") else {
        println!("ANTIPHON_SHARED is not set: the matrix of NATs is not read");
        return;
    };
    let text = std::fs::read_to_string(format!("{shared}/vectors/nat/ice_matrix.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let nat = |name: &serde_json::Value| match name.as_str().unwrap() {
        "none" => None,
        "full" => Some(Nat::full_cone()),
        "restricted" => Some(Nat::restricted()),
        "port" => Some(Nat::port_restricted()),
        "symmetric" => Some(Nat::new(Mapping::AddressAndPortDependent, Filtering::AddressAndPortDependent)),
        other => panic!("an unknown kind of NAT: {other}"),
    };
    let pairs = json["matrix"].as_array().unwrap();
    assert_eq!(pairs.len(), 25);
    for pair in pairs {
        let found = antiphon::sim::finds_direct_path(nat(&pair["a"]).as_ref(), nat(&pair["b"]).as_ref());
        assert_eq!(found, pair["direct"].as_bool().unwrap(), "{pair}");
    }
}
