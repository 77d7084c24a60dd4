//! Who may talk, and as what: fingerprints, certificates, DTLS roles, and datagrams nobody asked for.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod pair;

use antiphon::codec::MediaKind;
use antiphon::crypto::{Certificate, FingerprintHash};
use antiphon::dtls::{self, CloseReason};
use antiphon::peer::{NegotiationError, SdpType, TransceiverInit, WriteError};
use antiphon::rtp::Frame;
use antiphon::stun::{self, Attribute, Builder, Class, IntegrityKey, Method};
use antiphon::{
    Config, ConnectionState, Datagram, Event, Failure, Instant, LocalCandidate, Machine, OfferOptions,
    Output, PeerConnection, Rng, Seed, SessionDescription,
};
use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::x509::{X509, X509NameBuilder};
use pair::{Pair, UNIX, ms, replaced, secs, text, value, without};

/// The fingerprint line of an end, by the given function.
fn fingerprint(end: &pair::End, hash: FingerprintHash) -> String {
    format!("a=fingerprint:{}\r\n", end.pc.certificate().fingerprint(hash))
}

/// The same with its last digit changed.
fn wrong(line: &str) -> String {
    let digits = line.trim_end();
    let last = if digits.ends_with('0') { "1" } else { "0" };
    format!("{}{last}\r\n", digits.strip_suffix(|_: char| true).unwrap())
}

/// A pair whose answerer is told `fingerprints` of the offerer.
fn told_fingerprints(fingerprints: impl FnOnce(&pair::End) -> String) -> Pair {
    let mut pair = Pair::default_pair();
    pair.create_channels();
    let lines = fingerprints(&pair.ends[0]);
    let change = |offer: String| {
        let own = format!("a=fingerprint:{}\r\n", value(&offer, "a=fingerprint:"));
        replaced(&offer, &own, &lines)
    };
    pair.negotiate_with(0, OfferOptions::default(), change, |answer| answer);
    pair.run_for(secs(5));
    pair
}

#[test]
fn any_fingerprint_of_the_strongest_function_will_do() {
    use FingerprintHash::{Sha1, Sha224, Sha256, Sha384, Sha512};
    // RFC 8122 §5.1: of several certificates one is enough; a lower-case one and an unknown function do no harm.
    let good: [fn(&pair::End) -> String; 5] = [
        |end| wrong(&fingerprint(end, Sha256)) + &fingerprint(end, Sha256),
        |end| fingerprint(end, Sha256) + &wrong(&fingerprint(end, Sha256)),
        |end| fingerprint(end, Sha512) + &wrong(&fingerprint(end, Sha1)) + &wrong(&fingerprint(end, Sha224)),
        |end| fingerprint(end, Sha384).replace("sha-384", "SHA-384"),
        |end| format!("a=fingerprint:sha3-256 00:11\r\n{}", fingerprint(end, Sha256)),
    ];
    for lines in good {
        let pair = told_fingerprints(lines);
        assert_eq!(pair.states(), [ConnectionState::Connected; 2]);
    }
}

#[test]
fn a_right_fingerprint_of_a_weaker_function_does_not_save_a_wrong_one() {
    use FingerprintHash::{Sha1, Sha256, Sha512};
    let bad: [fn(&pair::End) -> String; 3] = [
        |end| fingerprint(end, Sha1) + &wrong(&fingerprint(end, Sha256)),
        |end| wrong(&fingerprint(end, Sha512)) + &fingerprint(end, Sha256),
        |end| wrong(&fingerprint(end, Sha256)),
    ];
    for lines in bad {
        let pair = told_fingerprints(lines);
        assert_eq!(pair.states(), [ConnectionState::Failed; 2]);
        let [offerer, answerer] = &pair.ends;
        assert_eq!(answerer.pc.failure(), Some(&Failure::Dtls(CloseReason::FingerprintMismatch)));
        assert!(matches!(offerer.pc.failure(), Some(Failure::Dtls(CloseReason::PeerAlert(_)))));
        for end in &pair.ends {
            assert_eq!(end.count(|event| matches!(event, Event::DataChannelOpen(_))), 0);
            let stats = end.pc.stats(pair.now);
            assert_eq!(stats.sctp.packets_received, 0, "not one byte went up");
        }
    }
}

#[test]
fn an_answerer_with_another_certificate_fails_at_the_offerer() {
    let mut pair = Pair::default_pair();
    pair.create_channels();
    let change = |answer: String| {
        let own = format!("a=fingerprint:{}\r\n", value(&answer, "a=fingerprint:"));
        replaced(&answer, &own, &wrong(&own))
    };
    pair.negotiate_with(0, OfferOptions::default(), |offer| offer, change);
    pair.run_for(secs(5));
    assert_eq!(pair.ends[0].pc.failure(), Some(&Failure::Dtls(CloseReason::FingerprintMismatch)));
    assert_eq!(pair.ends[0].pc.connection_state(), ConnectionState::Failed);
    assert_eq!(pair.ends[0].pc.stats(pair.now).sctp.packets_received, 0);
    // A failed connection still closes in order.
    pair.ends[0].pc.close();
    pair.wake();
    assert!(pair.ends[0].closed);
}

#[test]
fn an_rsa_certificate_is_as_good_as_ours() {
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "rsa").unwrap();
    let name = name.build();
    let mut x509 = X509::builder().unwrap();
    x509.set_version(2).unwrap();
    x509.set_subject_name(&name).unwrap();
    x509.set_issuer_name(&name).unwrap();
    x509.set_pubkey(&key).unwrap();
    x509.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    x509.set_not_after(&Asn1Time::days_from_now(30).unwrap()).unwrap();
    x509.sign(&key, MessageDigest::sha256()).unwrap();
    let pem = (x509.build().to_pem().unwrap(), key.private_key_to_pem_pkcs8().unwrap());
    let rsa = Config::new().certificate(Certificate::from_pem(&pem.0, &pem.1).unwrap());
    let ours = Config::new();
    for configs in [[&rsa, &ours], [&ours, &rsa], [&rsa, &rsa]] {
        let (mut pair, channels) = Pair::connected_with(configs);
        pair.assert_talks(channels, ms(500));
    }
}

#[test]
fn one_certificate_serves_many_connections() {
    let certificate = Certificate::generate(&Seed::from_bytes([9; 32]), UNIX).unwrap();
    let config = Config::new().certificate(certificate.clone());
    let (mut pair, channels) = Pair::connected_with([&config, &config]);
    let line = value(&pair.ends[0].pc.local_description().unwrap().to_sdp(), "a=fingerprint:").to_owned();
    assert_eq!(line, certificate.fingerprint(FingerprintHash::Sha256).to_string());
    pair.assert_talks(channels, ms(500));
}

/// Offers `offered`, which the answerer sees, and changes its answer to `answered`, if any.
fn with_setup(offered: &str, answered: Option<&str>) -> Result<Pair, NegotiationError> {
    let mut pair = Pair::default_pair();
    pair.create_channels();
    let offer = replaced(&pair.ends[0].offer(), "a=setup:actpass", offered);
    let mut answer = pair.ends[1].answer(&offer)?;
    if let Some(answered) = answered {
        answer = replaced(&answer, &format!("a=setup:{}", value(&answer, "a=setup:")), answered);
    }
    pair.ends[0].take(SdpType::Answer, &answer)?;
    pair.wake();
    Ok(pair)
}

#[test]
fn every_legal_setup_connects() {
    // RFC 8842 §5.3: the answer to actpass may be either; we answer active. `passive` from a peer makes the offerer the client.
    for (offered, expected) in [
        ("a=setup:actpass", "active"),
        ("a=setup:active", "passive"),
        ("a=setup:passive", "active"),
        // RFC 4145 §4: absent means active in an offer.
    ] {
        let mut pair = with_setup(offered, None).unwrap();
        let answer = pair.ends[1].pc.local_description().unwrap().to_sdp();
        assert_eq!(value(&answer, "a=setup:"), expected, "to {offered}");
        pair.connect();
    }
}

#[test]
fn a_setup_that_cannot_be_is_a_typed_error() {
    let holdconn = with_setup("a=setup:holdconn", None).map(|_| ());
    assert!(matches!(holdconn, Err(NegotiationError::BadSetup { section: 0, .. })), "{holdconn:?}");
    for answered in ["a=setup:actpass", "a=setup:holdconn"] {
        let refused = with_setup("a=setup:actpass", Some(answered)).map(|_| ());
        assert!(matches!(refused, Err(NegotiationError::BadSetup { section: 0, .. })), "{refused:?}");
    }
}

#[test]
fn roles_that_would_change_later_are_a_typed_error_and_change_nothing() {
    // Both would be active, or both passive.
    for offerer in 0..2 {
        let (mut pair, channels) = Pair::connected();
        let answerer = 1 - offerer;
        let clash = if answerer == 1 { "a=setup:active" } else { "a=setup:passive" };
        let offer = pair.ends[offerer].offer();
        let refused = pair.ends[answerer].answer(&replaced(&offer, "a=setup:actpass", clash));
        assert!(matches!(refused, Err(NegotiationError::RoleConflict { section: 0, .. })), "{refused:?}");
        let answer = pair.ends[answerer].answer(&offer).unwrap();
        let (own, other) = if answerer == 1 {
            ("a=setup:active", "a=setup:passive")
        } else {
            ("a=setup:passive", "a=setup:active")
        };
        let refused = pair.ends[offerer].take(SdpType::Answer, &replaced(&answer, own, other));
        assert!(matches!(refused, Err(NegotiationError::RoleConflict { section: 0, .. })), "{refused:?}");
        pair.ends[offerer].take(SdpType::Answer, &answer).unwrap();
        pair.wake();
        pair.assert_talks(channels, ms(500));
        assert_eq!(pair.states(), [ConnectionState::Connected; 2]);
    }
}

#[test]
fn a_client_hello_that_is_ahead_of_our_own_check_is_not_asked_for_again() {
    let mut pair = Pair::default_pair();
    let channels = pair.create_channels();
    // Whatever the answerer answers to the offerer's checks is lost for a while; its own checks and its DTLS arrive.
    let mut answers = 0;
    pair.filter = Box::new(move |from, bytes| {
        let is_answer = bytes.starts_with(&[1, 1]) && from == 1;
        answers += u32::from(is_answer);
        !is_answer || answers > 2
    });
    pair.negotiate();
    pair.connect();
    pair.assert_talks(channels, ms(500));
    for end in &pair.ends {
        let dtls = end.pc.stats(pair.now).dtls.unwrap();
        assert_eq!(dtls.timeouts, 0, "no flight was sent twice: {dtls:?}");
    }
}

#[test]
fn a_handshake_from_a_stranger_is_not_even_looked_at() {
    let mut pair = Pair::default_pair();
    let channels = pair.create_channels();
    let mut hello = None;
    // What a real client says, replayed from elsewhere.
    let (sender, receiver) = std::sync::mpsc::channel();
    pair.filter = Box::new(move |from, bytes| {
        if from == 1 && bytes.first() == Some(&22) {
            sender.send(bytes.clone()).unwrap();
        }
        true
    });
    pair.negotiate();
    while hello.is_none() {
        pair.step();
        hello = receiver.try_recv().ok();
    }
    let before = pair.ends[0].pc.stats(pair.now);
    let sent = pair.ends[0].sent;
    for port in 1..=100 {
        pair.inject(0, format!("198.51.100.7:{port}").parse().unwrap(), hello.as_ref().unwrap());
    }
    let after = pair.ends[0].pc.stats(pair.now);
    assert_eq!(after.datagrams.unvalidated_path, before.datagrams.unvalidated_path + 100);
    assert_eq!(after.dtls.unwrap().datagrams_received, before.dtls.unwrap().datagrams_received);
    assert_eq!(pair.ends[0].sent, sent, "nothing is sent to a stranger");
    pair.connect();
    pair.assert_talks(channels, ms(500));
}

#[test]
fn a_description_without_encryption_is_refused() {
    let mut pair = Pair::default_pair();
    pair.create_channels();
    let offer = pair.ends[0].offer();
    let bare = pair.ends[1].answer(&without(&offer, &["a=fingerprint"]));
    assert!(matches!(bare, Err(NegotiationError::MissingFingerprint(0))), "{bare:?}");
    let md5 = without(&offer, &["a=fingerprint"])
        + "a=fingerprint:md5 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n";
    let md5 = pair.ends[1].answer(&md5);
    assert!(matches!(md5, Err(NegotiationError::MissingFingerprint(0))), "{md5:?}");
    assert_eq!(pair.ends[1].pc.connection_state(), ConnectionState::New);
}

#[test]
fn alerts_and_records_forged_on_the_right_path_change_nothing() {
    let (mut pair, channels) = Pair::connected();
    for (to, from) in [(0, pair.ends[1].addr), (1, pair.ends[0].addr)] {
        let before = pair.ends[to].pc.stats(pair.now).dtls.unwrap();
        // A fatal alert and a close_notify in the clear, of both epochs; application data that nobody sealed.
        for (kind, epoch, body) in [
            (21_u8, 0_u8, &[2, 40][..]),
            (21, 0, &[1, 0]),
            (21, 1, &[2, 40]),
            (23, 1, &[0; 40]),
            (23, 0, b"hello"),
            (22, 0, &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            (20, 0, &[1]),
        ] {
            let len = u8::try_from(body.len()).unwrap();
            let mut record = vec![kind, 254, 253, 0, epoch, 0, 0, 0, 0, 99, kind, 0, len];
            record.extend_from_slice(body);
            pair.inject(to, from, &record);
        }
        let after = pair.ends[to].pc.stats(pair.now).dtls.unwrap();
        assert!(after.plaintext_alerts >= before.plaintext_alerts + 2, "{after:?}");
        assert!(after.unauthenticated >= before.unauthenticated + 2, "{after:?}");
        assert_eq!(after.records_received, before.records_received);
    }
    pair.assert_talks(channels, ms(500));
    assert_eq!(pair.states(), [ConnectionState::Connected; 2]);
}

/// A peer whose description agrees to sound and whose DTLS has no `use_srtp`: the connection is up, and who writes is told why nothing
/// leaves (RFC 5764 §4.1).
#[test]
fn a_peer_without_keys_for_media_is_named() {
    let certificate = Certificate::generate(&Seed::from_bytes([9; 32]), UNIX).unwrap();
    let (ours, theirs) = (pair::address(0), pair::address(1));
    let mut now = Instant::from_nanos(1);
    let make = |seed, config: &Config, address| {
        let mut pc = PeerConnection::new(now, UNIX, Seed::from_bytes([seed; 32]), config).unwrap();
        pc.add_local_candidate(LocalCandidate::udp(address)).unwrap();
        pc
    };
    let mut pc = make(1, &Config::new(), ours);
    // This one only describes the peer, whose ICE and DTLS are below.
    let mut figure = make(2, &Config::new().certificate(certificate.clone()).ice_lite(true), theirs);
    let sound = pc.add_transceiver(MediaKind::Audio, TransceiverInit::default()).unwrap();
    pc.set_local_description(None).unwrap();
    let described = |pc: &PeerConnection| pc.local_description().unwrap().to_sdp();
    figure.set_remote_description(SessionDescription::offer(&described(&pc)).unwrap()).unwrap();
    figure.set_local_description(None).unwrap();
    let answer = described(&figure);
    pc.set_remote_description(SessionDescription::answer(&answer).unwrap()).unwrap();
    let key = IntegrityKey::short_term(figure.ice_transport().local_parameters.pwd());
    let role = if answer.contains("a=setup:active") { dtls::Role::Client } else { dtls::Role::Server };
    let rng = Rng::new(&Seed::from_bytes([3; 32]));
    let mut peer = dtls::Connection::new(now, rng, &dtls::Config::new(certificate), role).unwrap();
    let mut speaks = false;
    let mut buf = [0; 2048];
    for _ in 0..200 {
        while let Output::Transmit(sent) = drained(&mut pc, now, &mut buf) {
            let data = &buf[..sent.len];
            if let Ok(check) = stun::Message::parse(data) {
                let mut answer = [0; 200];
                let id = check.transaction_id();
                let mut builder = Builder::new(&mut answer, Class::Success, Method::BINDING, id).unwrap();
                builder.add(&Attribute::XorMappedAddress(ours)).unwrap().integrity(&key).unwrap();
                builder.fingerprint().unwrap();
                let len = builder.finish();
                pc.handle_input(now, Datagram::udp(ours, theirs, &answer[..len]));
                if !core::mem::replace(&mut speaks, true) {
                    peer.start();
                }
            } else {
                peer.handle_input(now, data);
            }
        }
        while speaks && let Output::Transmit(sent) = drained(&mut peer, now, &mut buf) {
            let data = buf[..sent.len].to_vec();
            pc.handle_input(now, Datagram::udp(ours, theirs, &data));
        }
        now += ms(10);
    }
    assert_eq!(pc.connection_state(), ConnectionState::Connected);
    let mut sender = pc.sender(sound).unwrap();
    assert!(!sender.can_write());
    assert_eq!(sender.write(now, &Frame::new(&[0xfc, 1, 2][..], 0)), Err(WriteError::NoSrtp));
}

/// What a machine says next that is no event.
fn drained<M: Machine>(machine: &mut M, now: Instant, buf: &mut [u8]) -> Output<M::Path, M::Event> {
    loop {
        match machine.poll_output(now, buf) {
            Output::Event(_) => {}
            output @ (Output::Transmit(_) | Output::Wait(_)) => return output,
        }
    }
}

#[test]
fn a_replayed_datagram_is_delivered_once() {
    let (mut pair, channels) = Pair::connected();
    let (sender, receiver) = std::sync::mpsc::channel();
    pair.filter = Box::new(move |from, bytes| {
        if from == 0 && bytes.first() == Some(&23) {
            sender.send(bytes.clone()).unwrap();
        }
        true
    });
    pair.send(0, channels[0], &text("once"));
    pair.run_for(ms(200));
    assert_eq!(pair.received(1, channels[1]), ["once"]);
    let before = pair.ends[1].pc.stats(pair.now).dtls.unwrap().replayed;
    let peer = pair.ends[0].addr;
    let taken: Vec<_> = receiver.try_iter().collect();
    for datagram in &taken {
        pair.inject(1, peer, datagram);
    }
    assert_eq!(pair.ends[1].pc.stats(pair.now).dtls.unwrap().replayed - before, taken.len() as u64);
    pair.run_for(secs(1));
    assert_eq!(pair.received(1, channels[1]), Vec::<String>::new());
}
