//! What the web platform's tests ask of WebRTC and the other files do not show; `docs/wpt.md` says which title is shown where.
#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on has failed, and picks the events it wants"
)]

#[path = "../jsep_support/mod.rs"]
mod jsep_support;
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
use antiphon::peer::{Codec, MediaCapabilities};
use jsep_support::{add, connection, describe, events, exchange};

/// One of our codecs by its name.
fn codec(kind: MediaKind, name: &str) -> Codec {
    MediaCapabilities::new().of(kind).codecs.iter().find(|codec| codec.is(name)).unwrap().clone()
}
