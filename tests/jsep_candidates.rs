//! Candidate lines of the peer's: what we do not know is passed over (RFC 8839 §5.1), what is malformed is refused.
#![expect(
    clippy::unwrap_used,
    clippy::format_collect,
    reason = "a test fails where it stands; a few lines are put together"
)]

use core::time::Duration;

use antiphon::peer::{IceCandidateError, RemoteCandidateError};
use antiphon::sdp::CandidateParseError;
use antiphon::{Config, DataChannelInit, IceCandidate, Instant, PeerConnection, Seed, SessionDescription};

/// A connection that has answered an offer of data.
fn answerer(extra: &str) -> PeerConnection {
    let seed = |byte| Seed::from_bytes([byte; 32]);
    let new = |byte| {
        let unix_time = Duration::from_secs(1_790_000_000);
        PeerConnection::new(Instant::from_nanos(0), unix_time, seed(byte), &Config::new()).unwrap()
    };
    let mut alice = new(1);
    alice.create_data_channel("x", DataChannelInit::default()).unwrap();
    alice.set_local_description(None).unwrap();
    let offer = alice.local_description().unwrap().to_sdp() + extra;
    let mut bob = new(2);
    bob.set_remote_description(SessionDescription::offer(&offer).unwrap()).unwrap();
    bob
}

fn add(pc: &mut PeerConnection, candidate: &str, mid: &str) -> Result<(), IceCandidateError> {
    pc.add_ice_candidate(Some(&IceCandidate {
        candidate: candidate.into(),
        sdp_mid: Some(mid.into()),
        sdp_m_line_index: None,
        username_fragment: None,
    }))
}

const UNKNOWN: [&str; 4] = [
    "candidate:1 1 dccp 1 192.0.2.1 5000 typ host",
    "candidate:1 1 tcp 1 192.0.2.1 5000 typ host tcptype sideways",
    "candidate:1 1 udp 1 192.0.2.1 5000 typ teleport",
    "candidate:1 1 UDP 1 192.0.2.1 5000 typ HOSTILE raddr 0.0.0.0 rport 0",
];

#[test]
fn a_candidate_of_unknown_transport_or_type_is_passed_over() {
    let mut bob = answerer("");
    let before = bob.remote_description().unwrap().clone();
    for candidate in UNKNOWN {
        add(&mut bob, candidate, "0").unwrap_or_else(|error| panic!("{candidate}: {error}"));
    }
    assert_eq!(bob.remote_description(), Some(&before));
    // Its place must be one, as for any other.
    let error = add(&mut bob, UNKNOWN[0], "7").unwrap_err();
    assert!(matches!(error, IceCandidateError::Place(RemoteCandidateError::UnknownMid)), "{error}");
}

#[test]
fn it_is_passed_over_in_a_description_too() {
    let extra: String = UNKNOWN.iter().map(|line| format!("a={line}\r\n")).collect();
    let bob = answerer(&extra);
    let media = &bob.remote_description().unwrap().session().media[0];
    assert_eq!(media.attributes.candidates().count(), 0);
}

#[test]
fn a_malformed_candidate_is_refused() {
    let mut bob = answerer("");
    for (candidate, error) in [
        ("candidate:1 1 dccp x 192.0.2.1 5000 typ host", CandidateParseError::Priority),
        ("candidate:1 1 udp 1 192.0.2.1 70000 typ teleport", CandidateParseError::Port),
        ("candidate:1 1 udp 1 192.0.2.1", CandidateParseError::Incomplete),
    ] {
        let refused = add(&mut bob, candidate, "0").unwrap_err();
        assert!(matches!(refused, IceCandidateError::Syntax(its) if its == error), "{candidate}: {refused}");
    }
    add(&mut bob, "candidate:1 1 udp 1 192.0.2.1 5000 typ host", "0").unwrap();
}
