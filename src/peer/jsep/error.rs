//! What can be wrong with a description at its moment, and with a candidate.

use core::fmt;

use thiserror::Error;

use crate::peer::jsep::description::SdpType;
use crate::peer::jsep::state::SignalingState;
use crate::sdp::Setup;

/// Whose description it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Ours.
    Local,
    /// The peer's.
    Remote,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local => "local",
            Self::Remote => "remote",
        })
    }
}

/// Why a description was not made or not taken. Nothing has changed then. Sections count from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NegotiationError {
    /// The connection is closed.
    #[error("the connection is closed")]
    Closed,
    /// A description that may not come now.
    #[error("a {side} {kind} may not come in {state:?}")]
    InvalidState {
        /// The state.
        state: SignalingState,
        /// Whose description.
        side: Side,
        /// What it is.
        kind: SdpType,
    },
    /// No offer waits for an answer.
    #[error("no remote offer to answer in {0:?}")]
    NoRemoteOffer(SignalingState),
    /// A local description that is not the last one made (RFC 9429 §5.4).
    #[error("the local description is not the one that was created last")]
    Modified,
    /// Another number of sections than the exchange before, or the offer, has.
    #[error("{got} media sections where {expected} are due")]
    SectionCount {
        /// How many there are.
        got: usize,
        /// How many there must be; at least, in an offer.
        expected: usize,
    },
    /// A section that is not the one that must stand there: its kind, protocol or mid differs.
    #[error("media section {0} is not the one that stood there before")]
    SectionMismatch(usize),
    /// A section that was rejected in the offer is accepted.
    #[error("media section {0} was not offered")]
    NotOffered(usize),
    /// Two sections with the same mid.
    #[error("the mid of media section {0} is used before")]
    DuplicateMid(usize),
    /// A BUNDLE group that names a mid twice, or one that no section has.
    #[error("the BUNDLE group names a mid that no section has, or one twice")]
    BadBundle,
    /// A payload type that means two things.
    #[error("payload type {payload_type} of media section {section} means two things")]
    DuplicatePayloadType {
        /// Which section.
        section: usize,
        /// Which payload type.
        payload_type: u8,
    },
    /// An identifier of a header extension that means two things.
    #[error("extension {id} of media section {section} means two things")]
    DuplicateExtension {
        /// Which section.
        section: usize,
        /// Which identifier.
        id: u16,
    },
    /// Two `rid` of one name, or a `simulcast` of a rid that is not there.
    #[error("a rid of media section {0} is there twice, or not at all")]
    BadRid(usize),
    /// A payload type that RTCP's packet types would be taken for (RFC 5761 §4).
    #[error("payload type {payload_type} of media section {section} is taken for RTCP")]
    PayloadTypeRange {
        /// Which section.
        section: usize,
        /// Which payload type.
        payload_type: u8,
    },
    /// The same `msid` twice (RFC 8830 §2).
    #[error("an msid of media section {0} is there twice")]
    DuplicateMsid(usize),
    /// An answer that accepts a section outside of the bundle: there is one transport.
    #[error("media section {0} is accepted outside of the bundle")]
    NotBundled(usize),
    /// An answer that accepts media with RTCP on a port of its own.
    #[error("media section {0} is accepted without rtcp-mux")]
    NoRtcpMux(usize),
    /// Data channels without `ice-ufrag` and `ice-pwd`.
    #[error("media section {0} has no ICE credentials")]
    MissingCredentials(usize),
    /// Data channels without a `fingerprint` of a known hash function: not encrypted.
    #[error("media section {0} has no fingerprint")]
    MissingFingerprint(usize),
    /// More fingerprints than are looked at.
    #[error("media section {section} has more than {limit} fingerprints")]
    TooManyFingerprints {
        /// Which section.
        section: usize,
        /// How many there may be.
        limit: usize,
    },
    /// Data channels without an `sctp-port` (RFC 8841 §5).
    #[error("media section {0} has no SCTP port")]
    MissingSctpPort(usize),
    /// A `setup` that cannot stand in such a description.
    #[error("setup:{setup} in media section {section} of the {kind}")]
    BadSetup {
        /// Which section.
        section: usize,
        /// What it says.
        setup: Setup,
        /// In what.
        kind: SdpType,
    },
    /// A `setup` that would change the roles of a DTLS association that carries on (RFC 8842 §5.5).
    #[error("setup:{setup} in media section {section} would change the DTLS roles in use")]
    RoleConflict {
        /// Which section.
        section: usize,
        /// What it says.
        setup: Setup,
    },
    /// Another fingerprint or `tls-id` without an ICE restart (RFC 9429 §5.11).
    #[error("media section {0} asks for a new DTLS association without an ICE restart")]
    AssociationWithoutRestart(usize),
    /// An answer with other ICE credentials where no restart was offered (RFC 9429 §5.10).
    #[error("media section {0} restarts ICE in answer to an offer that did not")]
    UnaskedRestart(usize),
    /// An answer with the same ICE credentials where a restart was offered (RFC 9429 §5.10).
    #[error("media section {0} does not take part in the ICE restart")]
    RestartIgnored(usize),
}

/// Why a remote candidate has no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RemoteCandidateError {
    /// The connection is closed.
    #[error("the connection is closed")]
    Closed,
    /// There is no remote description yet.
    #[error("a candidate before the remote description")]
    NoRemoteDescription,
    /// Neither mid nor index.
    #[error("neither sdpMid nor sdpMLineIndex")]
    NoSection,
    /// No section has that mid.
    #[error("no media section has this mid")]
    UnknownMid,
    /// There is no such section.
    #[error("media section {index} of {count}")]
    UnknownIndex {
        /// Which was asked for.
        index: u16,
        /// How many there are.
        count: usize,
    },
    /// The user fragment is no current one: the candidate is of an older generation, or of none (RFC 8838 §11).
    #[error("no current description has this user fragment")]
    UnknownUfrag,
    /// As many as are kept.
    #[error("more than {limit} candidates")]
    TooMany {
        /// How many.
        limit: usize,
    },
}
