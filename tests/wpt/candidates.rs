//! `RTCIceCandidate` and `addIceCandidate`.

use antiphon::codec::MediaKind;
use antiphon::peer::RemoteCandidateError;
use antiphon::sdp::{Candidate, CandidateAddress, CandidateKind, TcpType, Transport};
use antiphon::{IceCandidate, IceCandidateError, PeerConnection, SessionDescription};

use crate::{add, connection, describe};

const HOST: &str =
    "candidate:1905690388 1 udp 2113937151 192.0.2.7 58041 typ host generation 0 ufrag thC8 network-cost 50";

#[test]
fn an_ice_candidate_is_the_w3c_dictionary() {
    let read = |text: &str| serde_json::from_str::<IceCandidate>(text).unwrap();
    // What is not said has its default.
    assert_eq!(read("{}"), IceCandidate::default());
    assert_eq!(read(r#"{"sdpMid": null, "sdpMLineIndex": null, "candidate": ""}"#), IceCandidate::default());
    let mid = read(r#"{"sdpMid": "audio"}"#);
    assert_eq!(
        (mid.candidate.as_str(), mid.sdp_mid.as_deref(), mid.sdp_m_line_index),
        ("", Some("audio"), None)
    );
    let index = read(r#"{"sdpMLineIndex": 0}"#);
    assert_eq!((index.sdp_mid, index.sdp_m_line_index), (None, Some(0)));
    let both =
        read(r#"{"candidate": "", "sdpMid": "audio", "sdpMLineIndex": 0, "usernameFragment": "test"}"#);
    let expected = IceCandidate {
        candidate: String::new(),
        sdp_mid: Some("audio".into()),
        sdp_m_line_index: Some(0),
        username_fragment: Some("test".into()),
    };
    assert_eq!(both, expected);
    // Names are those of the dictionary, both ways; what it has not is passed over.
    let written = serde_json::to_value(&expected).unwrap();
    let names: Vec<&String> = written.as_object().unwrap().keys().collect();
    assert_eq!(names, ["candidate", "sdpMLineIndex", "sdpMid", "usernameFragment"]);
    let more = r#"{"sdpMid": "audio", "relayProtocol": "tls", "url": "turn:turn.example.net"}"#;
    assert_eq!(read(more), mid);
    // An index is 16 bits, and no text.
    for wrong in [r#"{"sdpMLineIndex": 65536}"#, r#"{"sdpMLineIndex": -1}"#, r#"{"sdpMLineIndex": "x"}"#] {
        assert!(serde_json::from_str::<IceCandidate>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn the_fields_of_a_candidate_are_read_from_its_line() {
    let host: Candidate = HOST.parse().unwrap();
    assert_eq!((host.foundation.as_str(), host.component, host.priority), ("1905690388", 1, 2_113_937_151));
    assert_eq!((host.transport, host.kind, host.port), (Transport::Udp, CandidateKind::Host, 58_041));
    assert_eq!(host.address, CandidateAddress::Ip("192.0.2.7".parse().unwrap()));
    assert_eq!((host.related, host.username_fragment.as_deref()), (None, Some("thC8")));
    let reflexive: Candidate =
        "candidate:3 1 UDP 1845494015 203.0.113.9 61665 typ srflx raddr 192.0.2.7 rport 58041"
            .parse()
            .unwrap();
    assert_eq!(reflexive.kind, CandidateKind::ServerReflexive);
    assert_eq!(reflexive.related, Some(("192.0.2.7".parse().unwrap(), 58_041)));
    for (word, kind) in
        [("active", TcpType::Active), ("passive", TcpType::Passive), ("so", TcpType::SimultaneousOpen)]
    {
        let tcp: Candidate =
            format!("candidate:1 1 tcp 1518280447 192.0.2.7 9 typ host tcptype {word}").parse().unwrap();
        assert_eq!(tcp.transport, Transport::Tcp(kind));
    }
    assert!("(Invalid) candidate string".parse::<Candidate>().is_err());
}

/// A connection that has taken an offer of two sections whose transports are named apart, and the two user fragments.
fn two_fragments() -> (PeerConnection, [String; 2]) {
    let (mut alice, mut bob) = (connection(1), connection(2));
    add(&mut alice, MediaKind::Audio);
    add(&mut alice, MediaKind::Video);
    let offer = describe(&mut alice).to_sdp();
    let own = offer.split("a=ice-ufrag:").nth(1).unwrap().lines().next().unwrap().to_owned();
    let (head, tail) = offer.rsplit_once(&format!("a=ice-ufrag:{own}")).unwrap();
    bob.set_remote_description(SessionDescription::offer(&format!("{head}a=ice-ufrag:other{tail}")).unwrap())
        .unwrap();
    (bob, [own, "other".into()])
}

#[test]
fn a_user_fragment_must_be_one_of_the_section_that_is_named() {
    let (mut bob, [first, second]) = two_fragments();
    let line = "candidate:1 1 udp 2130706431 192.0.2.9 5000 typ host";
    let mut place = |mid: Option<&str>, index, ufrag: &str| {
        let candidate = IceCandidate {
            candidate: line.into(),
            sdp_mid: mid.map(Into::into),
            sdp_m_line_index: index,
            username_fragment: Some(ufrag.into()),
        };
        bob.add_ice_candidate(Some(&candidate))
    };
    let unknown =
        |result| matches!(result, Err(IceCandidateError::Place(RemoteCandidateError::UnknownUfrag)));
    place(Some("0"), None, &first).unwrap();
    place(None, Some(0), &first).unwrap();
    // That of the other section is as wrong as that of nobody.
    assert!(unknown(place(Some("0"), None, &second)));
    assert!(unknown(place(Some("1"), None, &first)));
    assert!(unknown(place(None, Some(1), &first)));
    assert!(unknown(place(Some("1"), None, "nobody")));
    // The mid decides where there are both.
    place(Some("0"), Some(1), &first).unwrap();
    place(Some("1"), Some(0), &second).unwrap();
    let told = bob.remote_description().unwrap().session().media.iter();
    let told: Vec<usize> = told.map(|media| media.attributes.candidates().count()).collect();
    assert_eq!(told, [1, 0], "what is bundled has no use for candidates of its own");
}

#[test]
fn the_end_of_candidates_may_name_its_section_and_generation() {
    let (mut bob, [first, _]) = two_fragments();
    let end = |mid: Option<&str>, index, ufrag: &str| IceCandidate {
        candidate: String::new(),
        sdp_mid: mid.map(Into::into),
        sdp_m_line_index: index,
        username_fragment: Some(ufrag.into()),
    };
    let nobody = bob.add_ice_candidate(Some(&end(None, None, "no such ufrag")));
    assert!(matches!(nobody, Err(IceCandidateError::Place(RemoteCandidateError::UnknownUfrag))));
    let ended = |bob: &PeerConnection| {
        bob.remote_description().unwrap().to_sdp().matches("a=end-of-candidates").count()
    };
    let before = ended(&bob);
    bob.add_ice_candidate(Some(&end(Some("0"), None, &first))).unwrap();
    assert_eq!((before, ended(&bob)), (0, 1));
}

#[test]
fn tcp_candidates_are_taken_and_never_sent_to() {
    let mut pair = crate::pair::Pair::default_pair();
    let channels = pair.create_channels();
    pair.negotiate();
    for port in [8001_u16, 2049] {
        let candidate = IceCandidate {
            candidate: format!("candidate:9 1 tcp 1518280447 192.0.2.77 {port} typ host tcptype passive"),
            sdp_mid: Some("0".into()),
            ..IceCandidate::default()
        };
        pair.ends[0].pc.add_ice_candidate(Some(&candidate)).unwrap();
    }
    pair.connect();
    pair.assert_talks(channels, crate::pair::ms(500));
    let stats = pair.ends[0].pc.stats(pair.now);
    assert_eq!(stats.ice.remote_candidates.iter().filter(|its| its.port == 8001).count(), 1);
    assert!(stats.ice.pairs.iter().all(|its| its.path.remote == crate::pair::address(1)));
}
