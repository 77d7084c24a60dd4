//! One error per fallible call, and the reason a connection failed.

use core::time::Duration;

use super::jsep::RemoteCandidateError;
use crate::base::limits;
use crate::crypto::CryptoError;
use crate::sdp::candidate::CandidateParseError;
use crate::{dtls, ice, rtp};

/// Why [`PeerConnection::new`](super::PeerConnection::new) refused a configuration: the first field that cannot be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// `mtu`.
    #[error("mtu {bytes} is not within {} to {} bytes", limits::MIN_MTU, limits::MAX_DATAGRAM)]
    Mtu {
        /// The value given.
        bytes: usize,
    },
    /// `max_segments`.
    #[error("max_segments {datagrams} is not within 1 to {} datagrams", limits::MAX_SEGMENTS)]
    MaxSegments {
        /// The value given.
        datagrams: usize,
    },
    /// `ice_pacing`.
    #[error(
        "ice_pacing {interval:?} is not within {:?} to {:?}",
        ice::Config::MIN_PACING,
        ice::Config::MAX_PACING
    )]
    IcePacing {
        /// The value given.
        interval: Duration,
    },
    /// `max_candidate_pairs`.
    #[error("max_candidate_pairs {pairs} is not within 1 to {}", limits::MAX_ICE_PAIRS)]
    MaxCandidatePairs {
        /// The value given.
        pairs: usize,
    },
    /// `max_message_size`.
    #[error("max_message_size is 0, which would refuse every message")]
    MaxMessageSize,
    /// `max_buffered_amount`.
    #[error("max_buffered_amount is 0, which would refuse every message")]
    MaxBufferedAmount,
    /// `receive_window`.
    #[error(
        "receive_window {bytes} is not within {} to {} bytes",
        limits::MIN_RECEIVE_WINDOW,
        limits::MAX_RECEIVE_WINDOW
    )]
    ReceiveWindow {
        /// The value given.
        bytes: usize,
    },
    /// `max_data_channels`.
    #[error("max_data_channels {channels} is not within 1 to {}", limits::MAX_DATA_CHANNELS)]
    MaxDataChannels {
        /// The value given.
        channels: usize,
    },
    /// The certificate could not be made.
    #[error("making a certificate failed")]
    Certificate(#[source] CryptoError),
    /// `certificate`: its time is over.
    #[error("the certificate expired {expired_at:?} after 1970")]
    CertificateExpired {
        /// When, since 1970.
        expired_at: Duration,
    },
    /// ICE refused its part.
    #[error("ice configuration")]
    Ice(#[source] ice::ConfigError),
    /// DTLS refused its part.
    #[error("dtls configuration")]
    Dtls(#[source] dtls::ConfigError),
    /// The data channels refused their part.
    #[error("data channel configuration")]
    Data(#[source] crate::sctp::ConfigError),
}

/// Why [`PeerConnection::add_ice_candidate`](super::PeerConnection::add_ice_candidate) refused a candidate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IceCandidateError {
    /// It belongs to no section of the remote description.
    #[error("the candidate has no place")]
    Place(#[source] RemoteCandidateError),
    /// It is not a candidate attribute.
    #[error("the candidate cannot be read")]
    Syntax(#[source] CandidateParseError),
    /// ICE does not want it.
    #[error("the candidate is refused")]
    Refused(#[source] ice::CandidateError),
    /// Too many arrived before the remote description.
    #[error("{held} candidates wait for the remote description already")]
    TooManyEarly {
        /// How many are held.
        held: usize,
    },
}

/// Why a frame or packet was not taken by [`Sender`](super::Sender).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// No section that sends is agreed for the transceiver: offer and answer first, with a direction that sends.
    #[error("the transceiver may not send: nothing is negotiated for it")]
    NotNegotiated,
    /// There are no keys yet: wait until the connection is connected.
    #[error("the connection is not up")]
    NotConnected,
    /// The connection is up, and the peer agreed to media without agreeing on keys for it (`use_srtp`, RFC 5764 §4.1.1): nothing can be sent
    /// over this one. Stop the transceiver, or connect anew.
    #[error("the peer's dtls has no keys for media")]
    NoSrtp,
    /// No encoding has that rid.
    #[error("no encoding of that rid")]
    UnknownRid,
    /// The RTP session refused it.
    #[error("not taken")]
    Refused(#[source] rtp::WriteError),
}

/// Why a connection is [`Failed`](super::ConnectionState::Failed).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// No candidate pair works, or consent expired on the one that did.
    #[error("no network path to the peer")]
    Ice,
    /// The DTLS handshake or connection failed.
    #[error("dtls failed")]
    Dtls(#[source] dtls::CloseReason),
    /// The DTLS connection could not be set up.
    #[error("dtls could not be set up")]
    DtlsSetup,
}
