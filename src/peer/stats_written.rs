//! The W3C's words for values that are written otherwise elsewhere.
#![expect(
    clippy::trivially_copy_pass_by_ref,
    clippy::ref_option,
    reason = "serde hands fields over by reference"
)]

use serde::Serializer;

use crate::codec::MediaKind;
use crate::data::ChannelState;
use crate::dtls;
use crate::ice::{CandidatePairState, IceConnectionState, Role};

pub(super) fn role<S: Serializer>(role: &Role, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(match role {
        Role::Controlling => "controlling",
        Role::Controlled => "controlled",
    })
}

pub(super) fn dtls_role<S: Serializer>(role: &Option<dtls::Role>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(match role {
        Some(dtls::Role::Client) => "client",
        Some(dtls::Role::Server) => "server",
        None => "unknown",
    })
}

pub(super) fn media<S: Serializer>(kind: &MediaKind, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(match kind {
        MediaKind::Audio => "audio",
        MediaKind::Video => "video",
    })
}

pub(super) fn channel<S: Serializer>(state: &ChannelState, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(match state {
        ChannelState::Connecting => "connecting",
        ChannelState::Open => "open",
        ChannelState::Closing => "closing",
        ChannelState::Closed => "closed",
    })
}

pub(super) fn ice<S: Serializer>(state: &IceConnectionState, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(match state {
        IceConnectionState::New => "new",
        IceConnectionState::Checking => "checking",
        IceConnectionState::Connected => "connected",
        IceConnectionState::Completed => "completed",
        IceConnectionState::Disconnected => "disconnected",
        IceConnectionState::Failed => "failed",
        IceConnectionState::Closed => "closed",
    })
}

pub(super) fn pair<S: Serializer>(state: &CandidatePairState, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(match state {
        CandidatePairState::Frozen => "frozen",
        CandidatePairState::Waiting => "waiting",
        CandidatePairState::InProgress => "in-progress",
        CandidatePairState::Succeeded => "succeeded",
        CandidatePairState::Failed => "failed",
    })
}
