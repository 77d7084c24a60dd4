//! The transports of a connection as they stand: the W3C's `RTCIceTransport`, `RTCDtlsTransport` and `RTCSctpTransport`. There is one of
//! each, because everything is bundled, and what is handed out is a value: events say when to look again.

use bytes::Bytes;

use super::connection::{Life, PeerConnection};
use super::jsep::TransceiverId;
use super::state::DtlsState;
use super::stats_entries::DtlsTransportState;
use crate::dtls;
use crate::ice::{Credentials, IceConnectionState, IceGatheringState, Role};
use crate::sctp::State;
use crate::sdp::Candidate;

/// ICE as it stands: the W3C's `RTCIceTransport`.
///
/// ```
/// use antiphon::{Config, Instant, LocalCandidate, PeerConnection, Seed};
/// use core::time::Duration;
///
/// let (now, seed) = (Instant::from_nanos(1), Seed::from_bytes([7; 32]));
/// let mut pc = PeerConnection::new(now, Duration::from_secs(1_790_000_000), seed, &Config::new())?;
/// pc.add_local_candidate(LocalCandidate::udp("192.0.2.1:5000".parse()?))?;
/// let ice = pc.ice_transport();
/// assert_eq!(ice.local_candidates.len(), 1);
/// assert!(ice.selected_pair.is_none() && ice.remote_parameters.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IceTransport {
    /// Who nominates; `None` before offer and answer have settled it.
    pub role: Option<Role>,
    /// The state of the checks.
    pub state: IceConnectionState,
    /// How far gathering has come.
    pub gathering_state: IceGatheringState,
    /// Our candidates of this generation.
    pub local_candidates: Vec<Candidate>,
    /// The peer's of this generation, those that were learnt from its checks included.
    pub remote_candidates: Vec<Candidate>,
    /// The pair that is in use, ours first; `None` while there is none, and once the connection is closed.
    pub selected_pair: Option<(Candidate, Candidate)>,
    /// Our user fragment and password.
    pub local_parameters: Credentials,
    /// The peer's, once offer and answer are there.
    pub remote_parameters: Option<Credentials>,
}

/// DTLS as it stands: the W3C's `RTCDtlsTransport`.
///
/// ```
/// use antiphon::{Config, DataChannelInit, Instant, PeerConnection, Seed};
/// use core::time::Duration;
///
/// let (now, seed) = (Instant::from_nanos(1), Seed::from_bytes([7; 32]));
/// let mut pc = PeerConnection::new(now, Duration::from_secs(1_790_000_000), seed, &Config::new())?;
/// pc.create_data_channel("chat", DataChannelInit::default())?;
/// assert!(pc.dtls_transport().is_none());
/// pc.set_local_description(None)?;
/// assert!(pc.dtls_transport().is_some_and(|dtls| dtls.remote_certificates.is_empty()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DtlsTransport {
    /// How far the handshake has come.
    pub state: DtlsTransportState,
    /// Who speaks first; `None` before offer and answer have settled it.
    pub role: Option<dtls::Role>,
    /// What the peer has proved to be, in DER; empty before that.
    pub remote_certificates: Vec<Bytes>,
}

/// The association under the data channels as it stands: the W3C's `RTCSctpTransport`.
///
/// ```
/// fn longest(pc: &antiphon::PeerConnection) -> Option<usize> {
///     pc.sctp_transport().map(|sctp| sctp.max_message_size)
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SctpTransport {
    /// How far it has come.
    pub state: SctpTransportState,
    /// The longest message that may be sent, in bytes: what the peer takes, and no more than the buffer holds.
    pub max_message_size: usize,
    /// How many channels there may be, by the streams both sides have; `None` before the association is up.
    pub max_channels: Option<u16>,
}

/// `RTCSctpTransportState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SctpTransportState {
    /// It is agreed and not up yet.
    Connecting,
    /// Channels open.
    Connected,
    /// It is over.
    Closed,
}

impl PeerConnection {
    /// ICE as it stands.
    pub fn ice_transport(&self) -> IceTransport {
        let ice = &self.transport.ice;
        let stats = ice.stats();
        let selected = stats.selected.and_then(|at| stats.pairs.get(at)).filter(|_| self.life == Life::Open);
        let selected_pair = selected.and_then(|pair| {
            let both = stats.local_candidates.get(pair.local).zip(stats.remote_candidates.get(pair.remote));
            both.map(|(local, remote)| (local.clone(), remote.clone()))
        });
        let remote = ice.remote_parameters();
        IceTransport {
            role: remote.map(|_| ice.role()),
            state: self.ice_connection_state(),
            gathering_state: self.gathering_state,
            local_candidates: stats.local_candidates,
            remote_candidates: stats.remote_candidates,
            selected_pair,
            local_parameters: ice.local_credentials().clone(),
            remote_parameters: remote.map(|remote| remote.credentials.clone()),
        }
    }

    /// DTLS as it stands; `None` before there is a local description with something in it, and again once that is rolled back.
    pub fn dtls_transport(&self) -> Option<DtlsTransport> {
        if self.transport.dtls.is_none() && !self.negotiator.describes_transport() {
            return None;
        }
        let dtls = self.transport.dtls.as_deref();
        let proved = dtls.filter(|_| self.transport.dtls_state == DtlsState::Connected);
        let certificate = proved.and_then(dtls::Connection::peer_certificate);
        Some(DtlsTransport {
            state: self.dtls_transport_state(),
            role: dtls.map(dtls::Connection::role),
            remote_certificates: certificate.cloned().into_iter().collect(),
        })
    }

    /// The association under the data channels as it stands; `None` before offer and answer agree on one (W3C, `sctp`).
    pub fn sctp_transport(&self) -> Option<SctpTransport> {
        self.remote_max_message_size?;
        let association = self.transport.data.association();
        let up = association.state() == State::Established;
        let over = self.life != Life::Open
            || self.peer_closed
            || self.transport.dtls_state == DtlsState::Failed
            || self.transport.data.is_over();
        let state = if over {
            SctpTransportState::Closed
        } else if up {
            SctpTransportState::Connected
        } else {
            SctpTransportState::Connecting
        };
        let (out, into) = association.streams();
        Some(SctpTransport {
            state,
            max_message_size: self.transport.data.max_message_size(),
            max_channels: up.then_some(out.min(into)),
        })
    }

    /// The transport of a transceiver: there is one once a description of ours has its section (W3C, `RTCRtpSender.transport`).
    pub(super) fn transport_of(&self, id: TransceiverId) -> Option<DtlsTransport> {
        self.dtls_transport().filter(|_| self.negotiator.has_transport(id))
    }

    pub(super) fn dtls_transport_state(&self) -> DtlsTransportState {
        if self.life != Life::Open {
            return DtlsTransportState::Closed;
        }
        match self.transport.dtls_state {
            DtlsState::New => DtlsTransportState::New,
            DtlsState::Connecting => DtlsTransportState::Connecting,
            DtlsState::Connected
                if self.transport.dtls.as_ref().is_some_and(|dtls| dtls.is_closed_by_peer()) =>
            {
                DtlsTransportState::Closed
            }
            DtlsState::Connected => DtlsTransportState::Connected,
            DtlsState::Failed => DtlsTransportState::Failed,
        }
    }
}
