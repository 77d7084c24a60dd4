//! What descriptions may say and callers may do: errors with a type, or what the laws say; the list of negative tests by number.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod pair;

use core::time::Duration;

use antiphon::codec::MediaKind;
use antiphon::peer::{NegotiationError, RemoteCandidateError, SdpType};
use antiphon::rtp::Frame;
use antiphon::sctp::{self, Association};
use antiphon::sdp::CandidateParseError;
use antiphon::{
    Certificate, Config, ConnectionState, DataChannelError, DataChannelInit, Datagram, Event, IceCandidate,
    IceCandidateError, Instant, LocalCandidate, Output, PeerConnection, Rng, Router, Seed, SendError,
    SessionDescription, SignalingState,
};
use pair::{Pair, UNIX, address, ms, negotiated, replaced, secs, text, value, without};

fn connection(seed: u8) -> PeerConnection {
    let now = Instant::from_nanos(1_000_000_000);
    PeerConnection::new(now, UNIX, Seed::from_bytes([seed; 32]), &Config::new()).unwrap()
}

/// An offer of a data channel, as text.
fn offer() -> String {
    let mut pc = connection(1);
    pc.add_local_candidate(LocalCandidate::udp(address(0))).unwrap();
    pc.create_data_channel("chat", DataChannelInit::default()).unwrap();
    pc.set_local_description(None).unwrap();
    pc.local_description().unwrap().to_sdp()
}

/// The offer with the value of the first line that begins with `prefix` changed.
fn with(offer: &str, prefix: &str, new: &str) -> String {
    let old = value(offer, prefix);
    replaced(offer, &format!("{prefix}{old}\r\n"), &format!("{prefix}{new}\r\n"))
}

/// The bad description is refused, at the parser or at the connection, which works as if it had never come.
fn is_refused(what: &str, bad: &str) {
    let mut pc = connection(2);
    let parsed = SessionDescription::offer(bad);
    if let Ok(description) = parsed {
        let refused = pc.set_remote_description(description);
        assert!(refused.is_err(), "{what} is taken");
        assert_eq!(pc.signaling_state(), SignalingState::Stable, "{what}");
        assert!(pc.remote_description().is_none(), "{what}");
    }
    pc.set_remote_description(SessionDescription::offer(&offer()).unwrap()).unwrap();
    pc.set_local_description(None).unwrap();
    assert_eq!(pc.signaling_state(), SignalingState::Stable, "{what}");
}

#[test]
fn n57_descriptions_too_long_for_anything_are_refused() {
    let good = offer();
    let section = good.split_once("m=").map(|(_, section)| format!("m={section}")).unwrap();
    let candidate = format!("a=candidate:{}\r\n", value(&good, "a=candidate:"));
    is_refused(
        "ten megabytes",
        &(good.clone() + &"a=x:0123456789012345678901234567890123456789\r\n".repeat(250_000)),
    );
    is_refused("ten thousand sections", &(good.clone() + &section.repeat(10_000)));
    is_refused("a hundred thousand candidates", &(good.clone() + &candidate.repeat(100_000)));
    is_refused("a line of 64 KiB", &format!("{good}a=x:{}\r\n", "x".repeat(65_536)));
    is_refused("a million lines", &(good + &"a=\r\n".repeat(1_000_000)));
}

#[test]
fn n57_descriptions_with_bytes_that_may_not_be_there_are_refused() {
    let good = offer();
    is_refused("a NUL", &replaced(&good, "s=-", "s=-\0"));
    is_refused("a NUL in an attribute", &with(&good, "a=mid:", "0\0"));
    is_refused("lines that end in CR alone", &good.replace("\r\n", "\r"));
    is_refused("nothing", "");
    is_refused("no version", &without(&good, &["v="]));
    is_refused("another version", &with(&good, "v=", "1"));
    is_refused("lines out of order", &replaced(&good, "v=0\r\n", "m=application 9 x 0\r\nv=0\r\n"));
}

#[test]
fn n57_values_outside_of_their_grammar_are_refused_or_of_no_use() {
    let good = offer();
    let short = value(&good, "a=fingerprint:sha-256 ").rsplit_once(':').unwrap().0.to_owned();
    for (what, prefix, bad) in [
        ("a user fragment of three characters", "a=ice-ufrag:", "abc".to_owned()),
        ("a user fragment of 257 characters", "a=ice-ufrag:", "u".repeat(257)),
        ("a user fragment with a colon", "a=ice-ufrag:", "ab:cd".to_owned()),
        ("a password of 21 characters", "a=ice-pwd:", "p".repeat(21)),
        ("a password of 257 characters", "a=ice-pwd:", "p".repeat(257)),
        ("a fingerprint that is too short", "a=fingerprint:sha-256 ", short),
        ("a fingerprint that is no hex", "a=fingerprint:sha-256 ", "GG".to_owned()),
        ("a fingerprint of an unknown function", "a=fingerprint:", "sha-3 00:11:22".to_owned()),
        ("a setup that is none", "a=setup:", "sideways".to_owned()),
        ("a port beyond the last", "a=sctp-port:", "65536".to_owned()),
        ("a bundle of a mid that nobody has", "a=group:", "BUNDLE 0 7".to_owned()),
        ("a bundle that names a mid twice", "a=group:", "BUNDLE 0 0".to_owned()),
        (
            "a section with a port that is none",
            "m=application ",
            "-1 UDP/DTLS/SCTP webrtc-datachannel".to_owned(),
        ),
    ] {
        is_refused(what, &with(&good, prefix, &bad));
    }
    let (session, section) = good.split_once("m=").unwrap();
    is_refused("a mid twice", &format!("{session}m={section}m={section}"));
}

/// A connection that has an offer to answer.
fn pc_with_offer() -> PeerConnection {
    let mut pc = connection(2);
    pc.set_remote_description(SessionDescription::offer(&offer()).unwrap()).unwrap();
    pc
}

#[test]
fn n57_candidates_without_end_are_bounded_when_they_trickle() {
    let mut pc = connection(2);
    pc.add_local_candidate(LocalCandidate::udp(address(1))).unwrap();
    let mut refused = 0;
    let mut trickle = |pc: &mut PeerConnection, from: u32, to: u32| {
        for n in from..to {
            let candidate = IceCandidate {
                candidate: format!(
                    "candidate:1 1 udp 1 10.0.{}.{} {} typ host",
                    n / 250 % 250,
                    n % 250,
                    1000 + n % 60_000
                ),
                sdp_mid: Some("0".into()),
                ..IceCandidate::default()
            };
            refused += u32::from(pc.add_ice_candidate(Some(&candidate)).is_err());
        }
    };
    trickle(&mut pc, 0, 10_000);
    pc.set_remote_description(SessionDescription::offer(&offer()).unwrap()).unwrap();
    trickle(&mut pc, 10_000, 20_000);
    pc.set_local_description(None).unwrap();
    trickle(&mut pc, 20_000, 30_000);
    assert!(refused > 29_000, "{refused}");
    // Longer than any candidate is: refused by its length, whether or not there is a description to put it in.
    for mut pc in [connection(3), pc_with_offer()] {
        for (candidate, mid) in [("x".repeat(1 << 20), "0".to_owned()), (String::new(), "0".repeat(1 << 20))]
        {
            let candidate = if candidate.is_empty() {
                "candidate:1 1 udp 1 10.0.0.9 5000 typ host".to_owned()
            } else {
                format!("candidate:1 1 udp 1 10.0.0.9 5000 typ host name {candidate}")
            };
            let long = IceCandidate { candidate, sdp_mid: Some(mid), ..IceCandidate::default() };
            let refused = pc.add_ice_candidate(Some(&long));
            assert!(
                matches!(
                    refused,
                    Err(IceCandidateError::Syntax(CandidateParseError::TooLong { .. })
                        | IceCandidateError::Place(RemoteCandidateError::UnknownMid))
                ),
                "{refused:?}"
            );
        }
    }
    let stats = pc.stats(Instant::from_nanos(2_000_000_000));
    assert!(stats.ice.remote_candidates.len() <= 100 && stats.ice.pairs.len() <= 100);
    assert!(pc.remote_description().unwrap().to_sdp().len() < 64 * 1024);
}

#[test]
fn n58_sections_that_are_not_encrypted_by_dtls_are_rejected() {
    let good = offer();
    let data = format!("m={}", good.split_once("m=").unwrap().1);
    for protocol in ["RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF", "UDP/TLS/RTP/SAVP", "TCP/RTP/AVP", "udp"]
    {
        let sdes = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj\r\n";
        let media = format!("m=audio 9 {protocol} 0\r\nc=IN IP4 0.0.0.0\r\na=mid:a\r\n{sdes}");
        let mut pc = connection(2);
        pc.set_remote_description(SessionDescription::offer(&format!("{good}{media}")).unwrap()).unwrap();
        pc.set_local_description(None).unwrap();
        let answer = pc.local_description().unwrap().to_sdp();
        assert!(answer.contains(&format!("m=audio 0 {protocol} ")), "{protocol}: {answer}");
        assert!(!answer.contains("a=crypto"), "{protocol}");
        assert!(value(&answer, "a=group:BUNDLE ") == "0", "the rejected section is in no bundle");
    }
    // Data over anything but DTLS.
    for protocol in ["SCTP", "UDP/SCTP", "TCP/TLS", "UDP/DTLS"] {
        let bad = replaced(&data, "UDP/DTLS/SCTP", protocol);
        let session = good.split_once("m=").unwrap().0;
        let mut pc = connection(2);
        let taken =
            SessionDescription::offer(&format!("{session}{bad}")).map_err(drop).and_then(|description| {
                pc.set_remote_description(description).map_err(drop)?;
                pc.set_local_description(None).map_err(drop)
            });
        if taken.is_ok() {
            let answer = pc.local_description().unwrap().to_sdp();
            assert!(answer.contains("m=application 0 "), "{protocol}: {answer}");
        }
    }
}

#[test]
fn n59_nothing_a_caller_or_a_peer_says_becomes_a_line_of_a_description() {
    let evil = "x\r\na=evil:1\r\nm=audio 9 RTP/AVP 0\r\n";
    let mut pc = connection(2);
    pc.add_local_candidate(LocalCandidate::udp(address(1))).unwrap();
    let init = DataChannelInit { protocol: evil.into(), ..DataChannelInit::default() };
    pc.create_data_channel(evil, init).unwrap();
    pc.set_remote_description(SessionDescription::offer(&offer()).unwrap()).unwrap();
    for candidate in [
        IceCandidate { candidate: evil.into(), sdp_mid: Some("0".into()), ..IceCandidate::default() },
        IceCandidate {
            candidate: format!("candidate:1 1 udp 1 10.0.0.9 5000 typ host foo {evil}"),
            sdp_mid: Some("0".into()),
            ..IceCandidate::default()
        },
        IceCandidate {
            candidate: format!("candidate:{evil} 1 udp 1 10.0.0.9 5000 typ host"),
            sdp_mid: Some("0".into()),
            ..IceCandidate::default()
        },
        IceCandidate {
            candidate: "candidate:1 1 udp 1 10.0.0.9 5000 typ host".into(),
            sdp_mid: Some(evil.into()),
            username_fragment: Some(evil.into()),
            ..IceCandidate::default()
        },
    ] {
        let refused = pc.add_ice_candidate(Some(&candidate));
        assert!(
            matches!(refused, Err(IceCandidateError::Syntax(_) | IceCandidateError::Place(_))),
            "{candidate:?}: {refused:?}"
        );
    }
    pc.set_local_description(None).unwrap();
    for description in [pc.local_description(), pc.remote_description()] {
        let sdp = description.unwrap().to_sdp();
        assert!(!sdp.contains("evil") && !sdp.contains("m=audio"), "{sdp}");
    }
}

#[test]
fn n60_an_earlier_instant_counts_as_the_latest_seen() {
    let (mut pair, channels) = Pair::connected();
    pair.run_for(secs(3));
    let (then, now) = (Instant::from_nanos(5), pair.now);
    let pc = &mut pair.ends[0].pc;
    let waits =
        |output: Output<_, _>| if let Output::Wait(wait) = output { wait } else { panic!("{output:?}") };
    let at_rest = waits(pc.poll_output(now, &mut [0; 1200]));
    assert!(at_rest.is_some_and(|at| at > now));
    assert_eq!(waits(pc.poll_output(then, &mut [0; 1200])), at_rest);
    pc.handle_input(then, Datagram::udp(address(0), address(1), &[0; 40]));
    pc.data_channel(channels[0]).unwrap().send(then, &text("from the past")).unwrap();
    assert_eq!(pc.stats(then).at(), now, "statistics are of the latest instant seen");
    pair.wake();
    pair.run_for(secs(1));
    assert_eq!(pair.received(1, channels[1]), ["from the past"]);
    pair.assert_talks(channels, secs(1));
}

#[test]
fn n60_a_leap_of_time_fires_each_timer_once() {
    for leap in
        [secs(31), secs(3600), Duration::from_secs(86_400 * 29), Duration::from_secs(86_400 * 365 * 100)]
    {
        let (mut pair, _) = Pair::connected();
        pair.run_for(secs(3));
        let sent = pair.ends[0].sent;
        pair.suspend(leap);
        pair.wake();
        assert!(pair.ends[0].sent - sent <= 4, "{leap:?}: {} datagrams", pair.ends[0].sent - sent);
        pair.run_for(secs(60));
        // Consent is long over: both know it, and nothing leaves.
        assert_eq!(pair.states(), [ConnectionState::Failed; 2], "{leap:?}");
        let jumps = pair.ends[0].pc.stats(pair.now).clock_jumps;
        assert_eq!(jumps > 0, leap > Duration::from_secs(86_400 * 30), "{leap:?}: {jumps}");
    }
}

#[test]
fn n60_after_close_every_call_is_refused_by_type_or_does_nothing() {
    let (mut pair, channels) = Pair::connected();
    pair.ends[0].pc.close();
    pair.wake();
    let now = pair.now;
    let pc = &mut pair.ends[0].pc;
    let mut buf = [0; 1200];
    for later in [now, now + secs(1), now + secs(1_000_000), Instant::ZERO] {
        assert!(matches!(pc.poll_output(later, &mut buf), Output::Wait(None)));
        pc.handle_input(later, Datagram::udp(address(0), address(1), &[22; 100]));
        assert!(matches!(pc.poll_output(later, &mut []), Output::Wait(None)));
    }
    if let Some(mut channel) = pc.data_channel(channels[0]) {
        assert_eq!(channel.send(now, &text("too late")), Err(SendError::NotOpen));
        assert!(!channel.can_send());
        channel.close();
    }
    assert_eq!(pc.create_data_channel("x", DataChannelInit::default()), Err(DataChannelError::Closed));
    assert_eq!(pc.set_local_description(None), Err(NegotiationError::Closed));
    let offer = SessionDescription::offer(&offer()).unwrap();
    assert_eq!(pc.set_remote_description(offer), Err(NegotiationError::Closed));
    assert!(matches!(pc.add_ice_candidate(None), Err(IceCandidateError::Place(_))));
    assert!(pc.add_local_candidate(LocalCandidate::udp("10.9.9.9:1".parse().unwrap())).is_err());
    pc.restart_ice();
    pc.close();
    pc.remove_local_candidate(address(0));
    assert!(matches!(pc.poll_output(now, &mut buf), Output::Wait(None)));
}

#[test]
fn n60_a_channel_that_is_closed_takes_nothing() {
    let (mut pair, channels) = Pair::connected();
    let now = pair.now;
    let mut channel = pair.ends[0].pc.data_channel(channels[0]).unwrap();
    channel.close();
    assert_eq!(channel.send(now, &text("closing")), Err(SendError::NotOpen));
    pair.wake();
    assert!(pair.run_until(secs(3), |pair| pair.ends[0].saw(&Event::DataChannelClose(channels[0]))));
    if let Some(mut channel) = pair.ends[0].pc.data_channel(channels[0]) {
        assert_eq!(channel.send(now, &text("closed")), Err(SendError::NotOpen));
    }
    // Its stream may serve again.
    let again = pair.ends[0].pc.create_data_channel("again", negotiated(0));
    assert!(again.is_ok(), "{again:?}");
}

#[test]
fn n60_two_sessions_with_one_user_fragment_do_not_harm_anybody() {
    // The same seed twice, which a caller must not do: same credentials, same tie-breaker, same everything.
    let now = Instant::from_nanos(1_000_000_000);
    let mut router = Router::new();
    let ids = [0, 1].map(|_| {
        let mut pc = connection(9);
        pc.add_local_candidate(LocalCandidate::udp(address(0))).unwrap();
        router.insert(pc)
    });
    let mut buf = [0; 1200];
    while let Some(id) = router.next_due(now) {
        while !matches!(router.poll_output(id, now, &mut buf), Some(Output::Wait(_))) {}
    }
    assert!(router.remove(ids[0]).is_some());
    assert!(router.get(ids[1]).is_some());
    assert!(router.remove(ids[1]).is_some());
    assert!(router.is_empty() && router.deadline().is_none());

    // And two of them that talk to each other: one seed for both ends.
    let mut pair = Pair::default_pair();
    let start = pair.now;
    for (index, end) in pair.ends.iter_mut().enumerate() {
        let seed = Seed::from_bytes([9; 32]);
        *end.pc = PeerConnection::new(start, UNIX, seed, &Config::new()).unwrap();
        let addr = address(u8::try_from(index).unwrap());
        end.pc.add_local_candidate(LocalCandidate::udp(addr)).unwrap();
    }
    let channels = pair.create_channels();
    pair.negotiate();
    pair.run_for(secs(5));
    if pair.is_connected() {
        pair.assert_talks(channels, secs(1));
    }
    let sent = pair.ends[0].sent + pair.ends[1].sent;
    assert!(sent < 300, "{sent} datagrams in five seconds");
}

/// The value of an RTP or RTCP packet that names who sent it.
fn source(packet: &[u8]) -> u32 {
    let at = if matches!(packet[1], 192..=223) { 4 } else { 8 };
    u32::from_be_bytes(packet[at..at + 4].try_into().unwrap())
}

/// What a connection draws at random and shows: user fragment, password, session, fingerprint, first transaction, names and sources of
/// media.
fn shown(seed: u8) -> Vec<String> {
    let mut pair = Pair::seeded([&Config::new(), &Config::new()], [&[address(0)], &[address(1)]], seed);
    let (sender, receiver) = std::sync::mpsc::channel();
    pair.filter = Box::new(move |from, bytes| {
        // Transaction ids of STUN requests and randoms of ClientHello and ServerHello.
        if bytes.starts_with(&[0, 1]) {
            sender.send(format!("{from} {:?}", &bytes[8..20])).unwrap_or_default();
        } else if bytes.first() == Some(&22) && matches!(bytes[13], 1 | 2) && bytes.len() > 59 {
            sender.send(format!("{from} {:?}", &bytes[27..59])).unwrap_or_default();
        } else if bytes.first().is_some_and(|first| matches!(first, 128..=191)) {
            sender.send(format!("{from} source {}", source(bytes))).unwrap_or_default();
        }
        true
    });
    pair.create_channels();
    let tracks = pair.ends.each_mut().map(|end| end.pc.add_track(MediaKind::Audio, Vec::new()).unwrap());
    pair.negotiate();
    pair.run_for(secs(2));
    for (end, track) in tracks.into_iter().enumerate() {
        let now = pair.now;
        let frame = Frame::new(vec![0x5a; 80], 0);
        pair.ends[end].pc.sender(track).unwrap().write(now, &frame).unwrap();
        pair.drain(end);
    }
    pair.run_for(secs(6));
    let mut shown: Vec<String> = receiver.try_iter().collect();
    for end in 0..2 {
        let sdp = pair.local_sdp(end);
        for prefix in ["a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:", "o="] {
            shown.push(format!("{end} {}", value(&sdp, prefix)));
        }
        let (described, name) = value(&sdp, "a=ssrc:").split_once(" cname:").unwrap();
        let track = value(&sdp, "a=msid:").split_once(' ').unwrap().1;
        shown.extend([format!("{end} {name}"), format!("{end} {track}")]);
        // What is described is what comes, and nothing else does.
        let sent: std::collections::BTreeSet<_> =
            shown.iter().filter(|value| value.starts_with(&format!("{end} source "))).cloned().collect();
        assert_eq!(sent.into_iter().collect::<Vec<_>>(), [format!("{end} source {described}")]);
    }
    shown
}

#[test]
fn n62_different_seeds_share_no_random_value_and_equal_ones_all() {
    // Seeds that differ by two, as an end has its pair's and the next.
    let runs: Vec<Vec<String>> = (0..20).map(|n| shown(10 + 2 * n)).collect();
    let mut all = std::collections::BTreeSet::new();
    for run in &runs {
        assert!(run.len() > 12, "{run:?}");
        let own: std::collections::BTreeSet<_> = run.iter().collect();
        for value in own {
            let value = value.split_once(' ').unwrap().1;
            assert!(all.insert(value.to_owned()), "{value} comes in two sessions");
        }
    }
    // Only the certificate differs, whose signature OpenSSL draws a nonce for.
    let reproducible = |values: &[String]| -> Vec<String> {
        values.iter().filter(|value| !value.contains("sha-256")).cloned().collect()
    };
    assert_eq!(reproducible(&shown(10)), reproducible(&runs[0]));
}

#[test]
fn n62_tags_and_first_numbers_of_associations_differ() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..100 {
        let now = Instant::from_nanos(1_000_000_000);
        let rng = Rng::new(&Seed::from_bytes([seed; 32]));
        let mut association = Association::new(now, rng, &sctp::Config::default()).unwrap();
        association.connect();
        let mut buf = [0; 1500];
        let Output::Transmit(t) = association.poll_output(now, &mut buf) else { panic!("{association:?}") };
        assert!(t.len >= 32);
        // RFC 9260 §3.3.2: the initiate tag, and the initial TSN twelve bytes on.
        for field in [&buf[16..20], &buf[28..32]] {
            assert_ne!(field, [0; 4], "a tag is not zero");
            assert!(seen.insert(field.to_vec()));
        }
    }
}

#[test]
fn n62_a_certificate_of_its_own_for_each_connection_unless_one_is_given() {
    let print = |seed: u8, config: &Config| {
        let now = Instant::from_nanos(1_000_000_000);
        let pc = PeerConnection::new(now, UNIX, Seed::from_bytes([seed; 32]), config).unwrap();
        pc.certificate().fingerprint(antiphon::crypto::FingerprintHash::Sha256)
    };
    assert_ne!(print(1, &Config::new()), print(2, &Config::new()));
    let shared = Config::new().certificate(Certificate::generate(&Seed::from_bytes([3; 32]), UNIX).unwrap());
    assert_eq!(print(1, &shared), print(2, &shared));
}

#[test]
fn n63_after_close_nothing_leaves_but_the_goodbye() {
    for closer in 0..2 {
        let (mut pair, channels) = Pair::connected();
        // Plenty is under way and waiting.
        for _ in 0..4 {
            pair.send(closer, channels[closer], &text(&"x".repeat(100_000)));
            pair.send(1 - closer, channels[1 - closer], &text(&"y".repeat(100_000)));
        }
        pair.run_for(ms(120));
        let before = pair.ends[closer].sent;
        let (sender, receiver) = std::sync::mpsc::channel();
        pair.filter = Box::new(move |from, bytes| {
            if from == closer {
                sender.send(bytes[0]).unwrap_or_default();
            }
            true
        });
        pair.ends[closer].pc.close();
        pair.wake();
        // The ABORT, as application data; the close_notify, as an alert.
        assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [23, 21]);
        assert!(pair.ends[closer].closed);
        pair.run_for(secs(120));
        assert_eq!(pair.ends[closer].sent - before, 2, "whatever still comes");
        assert_eq!(pair.ends[closer].wait, None);
        assert_eq!(pair.ends[1 - closer].count(|event| *event == Event::PeerClosed), 1);
        assert!(
            pair.ends[closer]
                .pc
                .set_remote_description(SessionDescription::parse(SdpType::Rollback, "").unwrap())
                .is_err()
        );
    }
}
