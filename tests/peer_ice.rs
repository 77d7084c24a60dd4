//! Finding a path: trickled candidates, names, lite agents, dead interfaces, loopback, patience.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod pair;

use core::time::Duration;
use std::net::SocketAddr;

use antiphon::ice::{CandidateError, IceConnectionState};
use antiphon::peer::{IceCandidateError, RemoteCandidateError, SdpType};
use antiphon::{
    Config, ConnectionState, Event, Failure, IceCandidate, IceGatheringState, LocalCandidate, OfferOptions,
};
use pair::{End, Pair, address, ms, replaced, secs, value, without};

const CANDIDATES: [&str; 2] = ["a=candidate", "a=end-of-candidates"];

/// Both descriptions without candidates.
fn negotiate_bare(pair: &mut Pair) {
    let bare = |sdp: String| without(&sdp, &CANDIDATES);
    pair.negotiate_with(0, OfferOptions::default(), bare, bare);
}

/// Gives a side what the other has told.
fn trickle(pair: &mut Pair, from: usize) {
    for candidate in pair.ends[from].candidates() {
        pair.ends[1 - from].pc.add_ice_candidate(candidate.as_ref()).unwrap();
    }
    pair.wake();
}

fn saw_ice(end: &End, state: IceConnectionState) -> bool {
    end.saw(&Event::IceConnectionStateChange(state))
}

#[test]
fn candidates_are_told_once_with_their_place_and_their_end() {
    let mut pair = Pair::default_pair();
    pair.create_channels();
    pair.wake();
    assert_eq!(pair.ends[0].candidates(), [], "before a description there is no place for one");
    let offer = pair.ends[0].offer();
    pair.wake();
    let candidates = pair.ends[0].candidates();
    let [Some(candidate), None] = &candidates[..] else { panic!("{candidates:?}") };
    assert!(candidate.candidate.starts_with("candidate:"), "{candidate:?}");
    assert_eq!((candidate.sdp_mid.as_deref(), candidate.sdp_m_line_index), (Some("0"), Some(0)));
    assert_eq!(candidate.username_fragment.as_deref(), Some(value(&offer, "a=ice-ufrag:")));
    assert_eq!(pair.ends[0].pc.ice_gathering_state(), IceGatheringState::Complete);
    // One that is found later is told, too.
    let late = SocketAddr::from(([192, 0, 2, 77], 6000));
    pair.ends[0].pc.add_local_candidate(LocalCandidate::udp(late)).unwrap();
    pair.wake();
    let candidates = pair.ends[0].candidates();
    assert_eq!(candidates.len(), 3);
    assert!(candidates[2].as_ref().is_some_and(|candidate| candidate.candidate.contains("192.0.2.77 6000")));
    let sdp = pair.ends[0].pc.local_description().unwrap().to_sdp();
    assert!(sdp.contains("192.0.2.77 6000"), "{sdp}");
}

#[test]
fn candidates_that_come_late_connect() {
    for first in 0..2 {
        let mut pair = Pair::default_pair();
        let channels = pair.create_channels();
        negotiate_bare(&mut pair);
        pair.run_for(secs(10));
        // W3C WebRTC §5.6.4: "new" while remote candidates are waited for.
        assert_eq!(pair.states(), [ConnectionState::New; 2]);
        // The checks of a side that knows the other's address are enough for both.
        trickle(&mut pair, first);
        pair.connect();
        trickle(&mut pair, 1 - first);
        pair.assert_talks(channels, ms(500));
    }
}

#[test]
fn candidates_before_the_description_wait_for_it() {
    let mut pair = Pair::default_pair();
    let channels = pair.create_channels();
    let offer = pair.ends[0].offer();
    pair.wake();
    // They overtook the offer at the answerer, and the answer at the offerer.
    trickle(&mut pair, 0);
    let answer = pair.ends[1].answer(&without(&offer, &CANDIDATES)).unwrap();
    pair.wake();
    trickle(&mut pair, 1);
    pair.ends[0].take(SdpType::Answer, &without(&answer, &CANDIDATES)).unwrap();
    pair.wake();
    pair.connect();
    pair.assert_talks(channels, ms(500));
    for end in &pair.ends {
        assert!(saw_ice(end, IceConnectionState::Completed), "both ends of candidates were heard of");
    }
}

#[test]
fn early_candidates_are_bounded() {
    let mut pair = Pair::default_pair();
    let candidate = IceCandidate {
        candidate: "candidate:1 1 udp 2130706431 192.0.2.9 5000 typ host".into(),
        sdp_m_line_index: Some(0),
        ..IceCandidate::default()
    };
    let results: Vec<_> =
        (0..200).map(|_| pair.ends[0].pc.add_ice_candidate(Some(&candidate)).is_ok()).collect();
    assert_eq!(results.iter().filter(|taken| **taken).count(), 100);
    assert!(matches!(
        pair.ends[0].pc.add_ice_candidate(Some(&candidate)),
        Err(IceCandidateError::TooManyEarly { held: 100 })
    ));
}

#[test]
fn repeated_and_reordered_candidates_do_no_harm() {
    let addrs: Vec<SocketAddr> = (0..4).map(|n| SocketAddr::from(([192, 0, 2, 10 + n], 5000))).collect();
    let mut pair = Pair::with_addresses([&Config::new(), &Config::new()], [&addrs, &[address(1)]]);
    let channels = pair.create_channels();
    negotiate_bare(&mut pair);
    let told: Vec<_> = pair.ends[0].candidates().into_iter().flatten().collect();
    assert_eq!(told.len(), 4);
    // The end of the candidates first, then each of them twice, the last first.
    pair.ends[1].pc.add_ice_candidate(None).unwrap();
    for candidate in told.iter().rev().chain(&told) {
        pair.ends[1].pc.add_ice_candidate(Some(candidate)).unwrap();
    }
    pair.wake();
    pair.connect();
    pair.assert_talks(channels, ms(500));
    assert!(pair.ends[1].pc.stats(pair.now).ice.remote_candidates.len() <= 4);
}

#[test]
fn a_candidate_without_a_place_is_a_typed_error() {
    use IceCandidateError::{Place, Refused, Syntax};
    use RemoteCandidateError as R;
    let (mut pair, channels) = Pair::connected();
    let good = pair.ends[0].candidates().into_iter().flatten().next().unwrap();
    let mut refuse = |change: &dyn Fn(&mut IceCandidate)| {
        let mut candidate = good.clone();
        change(&mut candidate);
        pair.ends[1].pc.add_ice_candidate(Some(&candidate)).unwrap_err()
    };
    assert!(matches!(refuse(&|c| c.sdp_mid = Some("nobody".into())), Place(R::UnknownMid)));
    assert!(matches!(
        refuse(&|c| (c.sdp_mid, c.sdp_m_line_index) = (None, Some(7))),
        Place(R::UnknownIndex { index: 7, count: 1 })
    ));
    assert!(matches!(refuse(&|c| (c.sdp_mid, c.sdp_m_line_index) = (None, None)), Place(R::NoSection)));
    assert!(matches!(refuse(&|c| c.username_fragment = Some("stale".into())), Place(R::UnknownUfrag)));
    assert!(matches!(refuse(&|c| c.candidate = "candidate:1 1 udp".into()), Syntax(_)));
    for (address, wanted) in [
        ("0.0.0.0", CandidateError::Unspecified("0.0.0.0".parse().unwrap())),
        ("127.0.0.1", CandidateError::Loopback("127.0.0.1".parse().unwrap())),
        ("::1", CandidateError::Loopback("::1".parse().unwrap())),
        ("224.0.0.251", CandidateError::Multicast("224.0.0.251".parse().unwrap())),
        ("255.255.255.255", CandidateError::Broadcast("255.255.255.255".parse().unwrap())),
    ] {
        let error =
            refuse(&|c| c.candidate = format!("candidate:1 1 udp 2130706431 {address} 5000 typ host"));
        assert!(matches!(&error, Refused(refused) if *refused == wanted), "{address}: {error:?}");
    }
    let error = refuse(&|c| c.candidate = "candidate:1 2 udp 2130706430 192.0.2.9 5001 typ host".into());
    assert!(matches!(error, Refused(CandidateError::Component(2))), "{error:?}");
    // What we do not speak is taken in silence: a TCP candidate, a transport of the future, a kind of it.
    for candidate in [
        "candidate:1 1 tcp 1518280447 192.0.2.9 9 typ host tcptype active",
        "candidate:1 1 sctp 1518280447 192.0.2.9 9 typ host",
        "candidate:1 1 udp 1518280447 192.0.2.9 9 typ quantum",
    ] {
        let candidate = IceCandidate { candidate: candidate.into(), ..good.clone() };
        pair.ends[1].pc.add_ice_candidate(Some(&candidate)).unwrap();
    }
    pair.wake();
    pair.assert_talks(channels, ms(500));
}

#[test]
fn a_peer_with_only_names_is_reached_by_its_own_checks() {
    for hidden in 0..2 {
        let mut pair = Pair::default_pair();
        let channels = pair.create_channels();
        let addr = format!(" {} ", address(u8::try_from(hidden).unwrap()).ip());
        let name = " 5c0ffee0-1dea-4bad-8bad-c0ffeec0ffee.local ";
        let hide = |sdp: String, end: usize| {
            if end == hidden {
                replaced(&sdp, &format!("udp 2130706175{addr}"), &format!("udp 2130706175{name}"))
            } else {
                sdp
            }
        };
        pair.negotiate_with(0, OfferOptions::default(), |sdp| hide(sdp, 0), |sdp| hide(sdp, 1));
        pair.connect();
        pair.assert_talks(channels, ms(500));
        let stats = pair.ends[1 - hidden].pc.stats(pair.now).ice;
        assert!(stats.counters.candidates_unpaired >= 1, "{:?}", stats.counters);
        let pair_in_use = &stats.pairs[stats.selected.unwrap()];
        let remote = &stats.remote_candidates[pair_in_use.remote];
        assert_eq!(remote.kind, antiphon::sdp::CandidateKind::PeerReflexive);
    }
}

#[test]
fn two_peers_with_only_names_fail_in_the_end() {
    let mut pair = Pair::default_pair();
    pair.create_channels();
    let hide = |sdp: String| {
        let line = format!("a=candidate:{}\r\n", value(&sdp, "a=candidate:"));
        replaced(&sdp, &line, "a=candidate:1 1 udp 2130706431 5c0ffee0.local 5000 typ host\r\n")
    };
    pair.negotiate_with(0, OfferOptions::default(), hide, hide);
    pair.run_for(secs(120));
    assert_eq!(pair.states(), [ConnectionState::Failed; 2]);
    assert_eq!(pair.ends[0].pc.failure(), Some(&Failure::Ice));
}

#[test]
fn failure_waits_for_the_patience_of_rfc_8863() {
    // Neither a peer without candidates nor one whose candidates are dead is given up before 39.5 s: it may check us.
    let dead: fn(String) -> String = |sdp| replaced(&sdp, "192.0.2.2 5000", "192.0.2.99 5000");
    let none: fn(String) -> String = |sdp| without(&sdp, &["a=candidate"]);
    for change in [dead, none] {
        let mut pair = Pair::default_pair();
        pair.create_channels();
        // The offerer alone speaks, if at all: nothing of the answerer's arrives.
        pair.filter = Box::new(|from, _| from == 0);
        pair.negotiate_with(0, OfferOptions::default(), |offer| offer, change);
        let start = pair.now;
        let failed = |pair: &mut Pair| pair.ends[0].pc.connection_state() == ConnectionState::Failed;
        assert!(pair.run_until(secs(120), failed));
        let took = pair.now.saturating_duration_since(start);
        assert!(took >= Duration::from_millis(39_500), "RFC 8863 §4: {took:?}");
        assert!(took <= secs(60), "{took:?}");
        assert_eq!(pair.ends[0].pc.failure(), Some(&Failure::Ice));
    }
}

#[test]
fn a_peer_that_comes_after_all_is_not_too_late_for_our_patience() {
    let mut pair = Pair::default_pair();
    let channels = pair.create_channels();
    // The answerer's host moves and nobody is told; it starts to check after half a minute.
    negotiate_bare(&mut pair);
    pair.ends[0].pc.add_ice_candidate(None).unwrap();
    pair.wake();
    pair.run_for(secs(30));
    assert_ne!(pair.ends[0].pc.connection_state(), ConnectionState::Failed);
    trickle(&mut pair, 0);
    pair.connect();
    pair.assert_talks(channels, ms(500));
}

#[test]
fn a_lite_agent_is_controlled_in_either_part() {
    let (lite, full) = (Config::new().ice_lite(true), Config::new());
    for which in 0..2 {
        let configs = if which == 0 { [&lite, &full] } else { [&full, &lite] };
        for offerer in 0..2 {
            let mut pair = Pair::new(configs);
            let channels = pair.create_channels();
            pair.negotiate_from(offerer);
            let sdp = pair.ends[which].pc.local_description().unwrap().to_sdp();
            assert!(sdp.contains("a=ice-lite\r\n"), "{sdp}");
            pair.connect();
            pair.assert_talks(channels, ms(500));
            pair.run_for(secs(120));
            assert_eq!(pair.states(), [ConnectionState::Connected; 2]);
            let stats = [0, 1].map(|end: usize| pair.ends[end].pc.stats(pair.now).ice);
            assert!(stats.iter().all(|stats| stats.selected.is_some()), "nominated by the full side");
            assert_eq!(stats[which].counters.checks_sent, 0, "RFC 8445 §6.2: a lite agent checks nothing");
            pair.assert_talks(channels, ms(500));
        }
    }
}

#[test]
fn two_lite_agents_use_what_they_were_told() {
    let lite = Config::new().ice_lite(true);
    let (mut pair, channels) = Pair::connected_with([&lite, &lite]);
    pair.run_for(secs(120));
    pair.assert_talks(channels, ms(500));
    for end in &pair.ends {
        assert_eq!(end.pc.stats(pair.now).ice.counters.checks_sent, 0);
    }
}

#[test]
fn silence_ends_a_connection_with_a_lite_agent_on_both_sides() {
    let (lite, full) = (Config::new().ice_lite(true), Config::new());
    for silent in 0..2 {
        let (mut pair, _) = Pair::connected_with([&full, &lite]);
        pair.run_for(secs(2));
        pair.filter = Box::new(move |from, _| from != silent);
        pair.run_for(secs(60));
        assert_eq!(pair.states()[1 - silent], ConnectionState::Failed, "{silent} is silent");
        let sent = pair.ends[1 - silent].sent;
        pair.run_for(secs(60));
        assert_eq!(pair.ends[1 - silent].sent, sent);
    }
}

#[test]
fn the_slower_pacing_of_both_is_kept() {
    for (paces, expected) in
        [([Some(5), Some(20)], 20), ([Some(5), Some(5)], 5), ([Some(5), None], 50), ([Some(80), None], 80)]
    {
        let configs =
            paces.map(|pace| pace.map_or_else(Config::new, |pace| Config::new().ice_pacing(ms(pace))));
        let addrs: Vec<SocketAddr> = (0..8).map(|n| SocketAddr::from(([192, 0, 2, 10 + n], 5000))).collect();
        let mut pair = Pair::with_addresses([&configs[0], &configs[1]], [&addrs, &[address(1)]]);
        pair.create_channels();
        let (sender, receiver) = std::sync::mpsc::channel();
        // Nothing arrives, so that every check is a first one of its pair.
        pair.filter = Box::new(move |from, bytes| {
            if from == 0 && bytes.starts_with(&[0, 1]) {
                sender.send(()).unwrap();
            }
            false
        });
        pair.negotiate();
        let mut times = Vec::new();
        pair.run_until(ms(450), |pair| {
            times.extend(receiver.try_iter().map(|()| pair.now));
            false
        });
        times.truncate(6);
        assert!(times.len() > 4, "{times:?}");
        for pair in times.windows(2) {
            let gap = pair[1].saturating_duration_since(pair[0]);
            assert_eq!(gap, ms(expected), "RFC 8445 §14.2, {paces:?}");
        }
    }
}

#[test]
fn dead_interfaces_are_passed_over() {
    let dead: Vec<SocketAddr> =
        ["10.1.1.1:1", "10.2.2.2:2", "[2001:db8::dead]:3"].map(|addr| addr.parse().unwrap()).into();
    let mut sides = [dead.clone(), dead];
    sides[0].push(address(0));
    sides[1].push(address(1));
    let mut pair = Pair::with_addresses([&Config::new(), &Config::new()], [&sides[0], &sides[1]]);
    for index in 0..2_u8 {
        pair.ends[usize::from(index)].addrs = vec![address(index)];
    }
    let channels = pair.create_channels();
    pair.negotiate();
    pair.connect();
    pair.assert_talks(channels, ms(500));
    assert_eq!(
        pair.ends[0].pc.active_path().map(|path| (path.local, path.remote)),
        Some((address(0), address(1)))
    );
}

#[test]
fn wildcards_and_other_nonsense_are_typed_errors() {
    let mut pair = Pair::default_pair();
    let pc = &mut pair.ends[0].pc;
    let mut add = |addr: &str| pc.add_local_candidate(LocalCandidate::udp(addr.parse().unwrap()));
    for addr in ["0.0.0.0:5000", "[::]:5000"] {
        assert!(matches!(add(addr), Err(CandidateError::Unspecified(_))), "{addr}");
    }
    assert!(matches!(add("192.0.2.50:0"), Err(CandidateError::Port(0))));
    assert!(matches!(add("224.0.0.1:5000"), Err(CandidateError::Multicast(_))));
    assert!(matches!(add("255.255.255.255:5000"), Err(CandidateError::Broadcast(_))));
    assert!(matches!(add("[::ffff:192.0.2.50]:5000"), Err(CandidateError::Deprecated(_))));
    assert!(matches!(add("192.0.2.1:5000"), Err(CandidateError::Duplicate(_, 5000))));
    assert!(matches!(
        (0..100).map(|n| add(&format!("192.0.2.60:{}", 1000 + n))).find_map(Result::err),
        Some(CandidateError::TooMany { limit: 64 })
    ));
}

#[test]
fn loopback_is_refused_both_ways_unless_it_was_added() {
    let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
    // One that nobody invited: its candidate is refused, its checks are dropped and counted.
    let mut pair = Pair::with_addresses([&Config::new(), &Config::new()], [&[loopback(1)], &[address(1)]]);
    pair.create_channels();
    pair.negotiate();
    assert_eq!(pair.ends[1].pc.stats(pair.now).ice.remote_candidates.len(), 0);
    let offer = pair.ends[0].pc.local_description().unwrap().to_sdp();
    assert!(offer.contains("127.0.0.1 1 typ host"), "whoever adds it means it: {offer}");
    pair.run_for(secs(5));
    assert_eq!(pair.ends[1].sent, 0, "nothing goes to 127.0.0.1");
    // A check with the right password, as somebody on the same machine might send it.
    let (mut pair, channels) = Pair::connected();
    let (sender, receiver) = std::sync::mpsc::channel();
    pair.filter = Box::new(move |from, bytes| {
        if from == 1 && bytes.starts_with(&[0, 1]) {
            sender.send(bytes.clone()).unwrap();
        }
        true
    });
    pair.run_for(secs(10));
    let check = receiver.recv().unwrap();
    let before = pair.ends[0].pc.stats(pair.now).ice.counters;
    for from in [loopback(9), "[::1]:9".parse().unwrap(), "127.8.8.8:1".parse().unwrap()] {
        pair.inject(0, from, &check);
    }
    let after = pair.ends[0].pc.stats(pair.now).ice.counters;
    assert_eq!(after.refused_remote, before.refused_remote + 3);
    assert_eq!(after.replies_sent, before.replies_sent);
    pair.assert_talks(channels, ms(500));
    // One that both want.
    let sides = [[loopback(1)], [loopback(2)]];
    let mut pair = Pair::with_addresses([&Config::new(), &Config::new()], [&sides[0], &sides[1]]);
    let channels = pair.create_channels();
    pair.negotiate();
    pair.connect();
    pair.assert_talks(channels, ms(500));
}

#[test]
fn checks_before_the_answer_are_remembered() {
    // The answerer's checks arrive while its answer is still on its way (RFC 8445 §7.3).
    let mut pair = Pair::default_pair();
    let channels = pair.create_channels();
    let offer = pair.ends[0].offer();
    pair.wake();
    let answer = pair.ends[1].answer(&offer).unwrap();
    pair.wake();
    pair.run_for(secs(3));
    // A lost answer of seconds: the offerer knows no password yet, so it has answered and no more.
    assert_eq!(pair.ends[0].pc.stats(pair.now).ice.counters.checks_sent, 0);
    pair.ends[0].take(SdpType::Answer, &without(&answer, &CANDIDATES)).unwrap();
    pair.wake();
    pair.connect();
    pair.assert_talks(channels, ms(500));
}

#[test]
fn stun_junk_on_every_path_is_counted_and_changes_nothing() {
    let (mut pair, channels) = Pair::connected();
    let (sender, receiver) = std::sync::mpsc::channel();
    pair.filter = Box::new(move |from, bytes| {
        if from == 1 && bytes.first().is_some_and(|first| *first < 4) {
            sender.send(bytes.clone()).unwrap();
        }
        true
    });
    pair.run_for(secs(12));
    let real: Vec<_> = receiver.try_iter().collect();
    assert!(real.len() >= 2, "consent is asked for and answered");
    let path = pair.ends[0].pc.active_path();
    let peer = pair.ends[1].addr;
    let stranger = SocketAddr::from(([198, 51, 100, 3], 3));
    let before = pair.ends[0].pc.stats(pair.now).ice.counters;
    let mut injected = 0;
    for message in &real {
        for at in 0..message.len() {
            for from in [peer, stranger] {
                let mut changed = message.clone();
                changed[at] ^= 0x41;
                pair.inject(0, from, &changed);
                injected += 1;
            }
        }
    }
    assert!(injected > 300);
    let after = pair.ends[0].pc.stats(pair.now).ice.counters;
    assert_eq!(after.replies_sent, before.replies_sent, "nothing forged was answered");
    assert_eq!(pair.ends[0].pc.active_path(), path);
    assert_eq!(pair.states(), [ConnectionState::Connected; 2]);
    assert_eq!(pair.ends[0].pc.stats(pair.now).ice.remote_candidates.len(), 1, "no candidate was learned");
    pair.assert_talks(channels, ms(500));
}
