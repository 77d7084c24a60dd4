//! What an agent reports, and the states it reports about.

use bytes::Bytes;

use crate::net::Path;
use crate::sdp::candidate::Candidate;

/// The W3C's `RTCIceConnectionState`.
///
/// ```text
///  New ──▶ Checking ──▶ Connected ⇄ Completed
///             │            ▲ │          │
///             ▼            │ ▼          ▼
///           Failed ◀── Disconnected ◀───┘        any ──▶ Closed
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum IceConnectionState {
    /// The peer's parameters are not known yet.
    #[default]
    New,
    /// Checks run and no pair has been validated.
    Checking,
    /// A pair is valid; checks may go on.
    Connected,
    /// A pair is selected, and both sides have said that no candidates follow.
    Completed,
    /// The peer no longer answers on the path in use; consent has not expired yet.
    Disconnected,
    /// No pair works, or consent has expired. Only a restart helps.
    Failed,
    /// Closed by the caller.
    Closed,
}

/// The W3C's `RTCIceGatheringState`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum IceGatheringState {
    /// No candidate has been added.
    #[default]
    New,
    /// More candidates may follow.
    Gathering,
    /// The caller has ended the local candidates, and no gathering is pending.
    Complete,
}

/// What changed in an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The connection state changed.
    StateChange(IceConnectionState),
    /// The gathering state changed.
    GatheringStateChange(IceGatheringState),
    /// A local candidate to tell the peer.
    Candidate(Candidate),
    /// No local candidate of this generation follows.
    EndOfCandidates,
    /// Data goes on this path from now on; `None`: on none.
    ActivePath(Option<Path>),
    /// This pair has been selected by nomination.
    Selected(Path),
    /// The peer's claim changed our role.
    RoleChange(crate::ice::Role),
    /// The agent is closed. The last output.
    Closed,
}

/// Two opaque attributes that a parent may let ride in checks and their answers, of types 0xC070 and 0xC071.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attached {
    /// The value of attribute 0xC070.
    pub data: Option<Bytes>,
    /// The value of attribute 0xC071.
    pub acknowledgement: Option<Bytes>,
}

impl Attached {
    /// Whether there is neither.
    pub const fn is_empty(&self) -> bool {
        self.data.is_none() && self.acknowledgement.is_none()
    }
}
