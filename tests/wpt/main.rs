//! What the web platform's tests ask of WebRTC and the other files do not show; `docs/wpt.md` says which title is shown where.
#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on has failed, and picks the events it wants"
)]

#[path = "../pair/mod.rs"]
mod pair;

mod candidates;
mod handover;
mod ice;
mod media;
mod negotiation;
mod simulcast;
mod transports;

use antiphon::codec::MediaKind;
use antiphon::peer::{Codec, MediaCapabilities, TransceiverId, TransceiverInit};
use antiphon::{Config, Event, Instant, Output, PeerConnection, Seed, SessionDescription};
use pair::UNIX;

/// A connection without a network: what is asked of it is answered at once.
fn connection(seed: u8) -> PeerConnection {
    let now = Instant::from_nanos(1_000_000_000);
    PeerConnection::new(now, UNIX, Seed::from_bytes([seed; 32]), &Config::new()).unwrap()
}

/// The events since the last call.
fn events(pc: &mut PeerConnection) -> Vec<Event> {
    let now = Instant::from_nanos(2_000_000_000);
    let mut seen = Vec::new();
    while let Output::Event(event) = pc.poll_output(now, &mut []) {
        seen.push(event);
    }
    seen
}

fn add(pc: &mut PeerConnection, kind: MediaKind) -> TransceiverId {
    pc.add_transceiver(kind, TransceiverInit::default()).unwrap()
}

/// Sets what is due and gives it as it travels.
fn describe(pc: &mut PeerConnection) -> SessionDescription {
    pc.set_local_description(None).unwrap();
    let description = pc.local_description().unwrap();
    SessionDescription::parse(description.kind(), &description.to_sdp()).unwrap()
}

fn exchange(offerer: &mut PeerConnection, answerer: &mut PeerConnection) {
    answerer.set_remote_description(describe(offerer)).unwrap();
    offerer.set_remote_description(describe(answerer)).unwrap();
}

/// One of our codecs by its name.
fn codec(kind: MediaKind, name: &str) -> Codec {
    MediaCapabilities::new().of(kind).codecs.iter().find(|codec| codec.is(name)).unwrap().clone()
}
