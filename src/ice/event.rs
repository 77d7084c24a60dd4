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
///
/// ```
/// use antiphon::ice::IceConnectionState;
/// assert_eq!(IceConnectionState::default(), IceConnectionState::New);
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

/// How far gathering local candidates has come: the W3C's `RTCIceGatheringState`, of an agent or of a connection.
///
/// ```
/// use antiphon::ice::IceGatheringState;
/// assert_eq!(IceGatheringState::default(), IceGatheringState::New);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
pub enum IceGatheringState {
    /// No candidate has been added, or no local description says yet where they belong.
    #[default]
    New,
    /// More candidates may follow.
    Gathering,
    /// All local candidates have been reported: none is gathered, and none follows unless it is added later.
    Complete,
}

/// What changed in an agent.
///
/// ```
/// use antiphon::ice::{Agent, Config, Event, LocalCandidate};
/// use antiphon::{Instant, Output, Rng, Seed};
///
/// let mut agent = Agent::new(Instant::ZERO, Rng::new(&Seed::from_bytes([1; 32])), &Config::new())?;
/// agent.add_local_candidate(LocalCandidate::udp("192.0.2.1:5000".parse()?))?;
/// let first = agent.poll_output(Instant::ZERO, &mut []);
/// assert!(matches!(first, Output::Event(Event::Candidate(_))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
///
/// ```
/// use antiphon::ice::Attached;
/// let attached = Attached { data: Some(bytes::Bytes::from_static(&[22, 254, 253])), acknowledgement: None };
/// assert!(!attached.is_empty());
/// ```
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
