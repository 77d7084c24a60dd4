//! Connections without a network, of which descriptions are asked.

use antiphon::codec::MediaKind;
use antiphon::peer::{TransceiverId, TransceiverInit};
use antiphon::{Config, Event, Instant, Output, PeerConnection, Seed, SessionDescription};

use crate::pair::UNIX;

/// What is asked of it is answered at once.
pub(crate) fn connection(seed: u8) -> PeerConnection {
    let now = Instant::from_nanos(1_000_000_000);
    PeerConnection::new(now, UNIX, Seed::from_bytes([seed; 32]), &Config::new()).unwrap()
}

/// The events since the last call.
pub(crate) fn events(pc: &mut PeerConnection) -> Vec<Event> {
    let now = Instant::from_nanos(2_000_000_000);
    let mut seen = Vec::new();
    while let Output::Event(event) = pc.poll_output(now, &mut []) {
        seen.push(event);
    }
    seen
}

pub(crate) fn add(pc: &mut PeerConnection, kind: MediaKind) -> TransceiverId {
    pc.add_transceiver(kind, TransceiverInit::default()).unwrap()
}

/// Sets what is due and gives it as it travels.
pub(crate) fn describe(pc: &mut PeerConnection) -> SessionDescription {
    pc.set_local_description(None).unwrap();
    let description = pc.local_description().unwrap();
    SessionDescription::parse(description.kind(), &description.to_sdp()).unwrap()
}

pub(crate) fn exchange(offerer: &mut PeerConnection, answerer: &mut PeerConnection) {
    answerer.set_remote_description(describe(offerer)).unwrap();
    offerer.set_remote_description(describe(answerer)).unwrap();
}
