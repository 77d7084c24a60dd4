//! What a [`PeerConnection`](super::PeerConnection) reports.

use super::jsep::{SignalingState, TransceiverId};
use super::state::ConnectionState;
use crate::base::bitrate::Bitrate;
use crate::data::{ChannelId, DataChannelFailure};
use crate::ice::{IceConnectionState, IceGatheringState};
use crate::rtp::KeyframeRequest;
use crate::sctp::CloseReason;

/// An ICE candidate as it travels over signalling: the W3C's `RTCIceCandidateInit`.
///
/// ```
/// let candidate = antiphon::IceCandidate {
///     candidate: "candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host".into(),
///     sdp_mid: Some("0".into()),
///     sdp_m_line_index: Some(0),
///     username_fragment: None,
/// };
/// # let _ = candidate;
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "camelCase", default)
)]
pub struct IceCandidate {
    /// The attribute without its `a=`; empty for the end of the candidates.
    pub candidate: String,
    /// The `mid` of the section it belongs to.
    pub sdp_mid: Option<String>,
    /// The index of that section, where it has no `mid`.
    #[cfg_attr(feature = "serde", serde(rename = "sdpMLineIndex"))]
    pub sdp_m_line_index: Option<u16>,
    /// The ICE generation it belongs to.
    pub username_fragment: Option<String>,
}

/// What changed. Events are edges: see the documentation of each.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An offer is due: create one when the signalling state is stable (W3C WebRTC §4.7.3).
    NegotiationNeeded,
    /// The signalling state is now this. Where the peer's offer takes the place of one of ours that crossed it, `Stable` stands between.
    SignalingStateChange(SignalingState),
    /// A local candidate to send to the peer; `None` is the end of them.
    IceCandidate(Option<IceCandidate>),
    /// The gathering state is now this.
    IceGatheringStateChange(IceGatheringState),
    /// The ICE state is now this.
    IceConnectionStateChange(IceConnectionState),
    /// The connection's state is now this. `Closed` is the last output of all.
    ConnectionStateChange(ConnectionState),
    /// The peer opened a data channel.
    DataChannel(ChannelId),
    /// A data channel is open.
    DataChannelOpen(ChannelId),
    /// There is something to `recv`; reported again only after `recv` has returned `None`.
    DataChannelReadable(ChannelId),
    /// The buffered amount fell to the threshold, or a channel that had refused takes messages again.
    DataChannelBufferedAmountLow(ChannelId),
    /// The peer closes the channel; what was queued is still sent.
    DataChannelClosing(ChannelId),
    /// The channel is closed; its id is stale once its last message has been taken.
    DataChannelClose(ChannelId),
    /// The channel failed; `DataChannelClose` follows.
    DataChannelError(ChannelId, DataChannelFailure),
    /// The peer sends on this transceiver now what it did not before (W3C, `track`).
    Track(TransceiverId),
    /// What the peer sends on this transceiver belongs to other streams now: see `Transceiver::remote_streams`.
    TrackStreams(TransceiverId),
    /// The peer does not send on this transceiver any more, or not for now (W3C, `mute`).
    TrackMuted(TransceiverId),
    /// The transceiver is gone: both sides know that it is stopped, or the offer that made it was rolled back (W3C, `ended`).
    TrackEnded(TransceiverId),
    /// There is something to `recv` or `recv_rtp`; reported again only after that has returned `None`.
    MediaReadable(TransceiverId),
    /// The peer wants a key frame of this encoding, named by its rid where there are several. Not more often than one can be made.
    KeyframeRequested(TransceiverId, Option<String>, KeyframeRequest),
    /// The peer's estimate of what may be sent to it, all media together.
    TargetBitrate(Bitrate),
    /// The association under the data channels is over, and not because the peer ended it: it broke the protocol, sent a message that is too
    /// long, or does not answer any more. Each channel has failed; media goes on, and new channels need another connection.
    SctpFailed(CloseReason),
    /// The peer ended the connection: it aborted or shut down the association under the data channels, or closed DTLS. Where it gave an error
    /// as its reason, each channel has failed with that. Call `close`.
    PeerClosed,
}
