//! `PeerConnection`: the public methods, each a few lines over the layers below.

use core::fmt;
use core::time::Duration;
use std::net::SocketAddr;

use super::config::Config;
use super::data_channel::DataChannel;
use super::demux;
use super::error::{ConfigError, Failure, IceCandidateError};
use super::event::{Event, IceCandidate};
use super::jsep::{
    NegotiationError, Negotiator, OfferOptions, Refusal, SessionDescription, Settings, SignalingState,
    TransceiverError, TransceiverId, TransceiverInit,
};
use super::receiver::Receiver;
use super::sender::Sender;
use super::state::ConnectionState;
use super::stats::Stats;
use super::transceiver::Transceiver;
use super::transport::Transport;
use crate::base::limits;
use crate::base::outbox::Outbox;
use crate::codec::MediaKind;
use crate::crypto::Certificate;
use crate::data::{ChannelId, Channels, DataChannelError, DataChannelInit};
use crate::ice::{Agent, CandidateError, IceConnectionState, IceGatheringState, LocalCandidate};
use crate::machine::{Machine, Output};
use crate::net::{Datagram, Path};
use crate::rng::{Rng, Seed};
use crate::sdp::{Candidate, Token};
use crate::time::{Instant, Latest, Timer};

/// Where a connection is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Open,
    /// `close` was called: the goodbye is drawn, then the closing event.
    Closing,
    /// The closing event has been given out.
    Closed,
}

/// Whether the last poll drained everything, and nothing has been called since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Idle {
    No,
    /// It waits for this.
    Until(Option<Instant>),
    /// Media was drawn at this instant, before which no layer had anything else to do.
    Drawing(Instant),
}

/// One connection to one peer: the W3C's `RTCPeerConnection`, synchronous and without sockets.
///
/// Feed it datagrams with [`handle_input`](Self::handle_input) and drain it with [`poll_output`](Self::poll_output) until that
/// returns [`Output::Wait`].
///
/// ```
/// use antiphon::{Config, Instant, LocalCandidate, Output, PeerConnection, Seed};
/// use antiphon::{DataChannelInit, OfferOptions};
/// use core::time::Duration;
///
/// let now = Instant::from_nanos(1_000_000_000);
/// let seed = Seed::from_bytes([7; 32]); // a program asks `Seed::from_os`
/// let mut pc = PeerConnection::new(now, Duration::from_secs(1_790_000_000), seed, &Config::new())?;
/// pc.add_local_candidate(LocalCandidate::udp("192.0.2.1:5000".parse()?))?;
/// pc.create_data_channel("chat", DataChannelInit::default())?;
/// let offer = pc.create_offer(&OfferOptions::default())?;
/// pc.set_local_description(Some(offer))?;
/// assert!(pc.local_description().is_some_and(|offer| offer.to_sdp().contains("webrtc-datachannel")));
/// while let Output::Event(_) = pc.poll_output(now, &mut []) {}
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct PeerConnection {
    pub(super) latest: Latest,
    pub(super) config: Config,
    pub(super) certificate: Certificate,
    pub(super) rng: Rng,
    pub(super) negotiator: Negotiator,
    pub(super) transport: Transport,
    pub(super) events: Outbox<Event>,
    pub(super) connection_state: ConnectionState,
    pub(super) gathering_state: IceGatheringState,
    pub(super) failure: Option<Failure>,
    pub(super) life: Life,
    pub(super) idle: Idle,
    /// Local candidates not reported yet, because no local description says where they belong.
    pub(super) unannounced: Vec<Candidate>,
    /// `NegotiationNeeded` has been reported and no offer has come of it yet.
    pub(super) negotiation_needed: bool,
    /// Something was called that may make an offer due.
    pub(super) check_negotiation: bool,
    pub(super) early_candidates: Vec<IceCandidate>,
    /// The sections that our last answer refuses.
    pub(super) refused_sections: Vec<(usize, Refusal)>,
    /// The longest message the peer takes, 0 without bound; known once offer and answer agree on a data section.
    pub(super) remote_max_message_size: Option<u64>,
    pub(super) peer_closed: bool,
    /// Due when nothing has arrived for a while: buffers are given back.
    pub(super) trim: Timer,
    pub(super) trimmed_at_received: u64,
    unix_time: Duration,
    unix_time_at: Instant,
}

impl PeerConnection {
    /// A new connection. `unix_time` is the time since 1970 at `now`; `seed` must not be used twice.
    ///
    /// # Errors
    /// [`ConfigError`] names the first field of `config` that cannot be.
    #[expect(clippy::needless_pass_by_value, reason = "a seed is used up: no second connection may have it")]
    pub fn new(now: Instant, unix_time: Duration, seed: Seed, config: &Config) -> Result<Self, ConfigError> {
        config.validate()?;
        let mut rng = Rng::new(&seed);
        let certificate = if let Some(certificate) = &config.certificate {
            // W3C WebRTC §4.4.1: a certificate that has expired makes no connection.
            if let Some(expired_at) = certificate.expires().filter(|at| *at < unix_time) {
                return Err(ConfigError::CertificateExpired { expired_at });
            }
            certificate.clone()
        } else {
            let seed = Seed::from_bytes(rng.fork("certificate").array());
            Certificate::generate(&seed, unix_time).map_err(ConfigError::Certificate)?
        };
        let ice =
            Agent::new(now, rng.fork("ice"), &super::setup::ice_config(config)).map_err(ConfigError::Ice)?;
        let data = Channels::new(now, rng.fork("data"), &super::setup::data_config(config))
            .map_err(ConfigError::Data)?;
        let settings = Settings {
            max_message_size: config.max_message_size as u64,
            sctp_port: limits::SCTP_PORT,
            answer_active: true,
            media: config.media.clone().unwrap_or_default(),
        };
        let negotiator = Negotiator::new(rng.fork("jsep"), settings);
        Ok(Self {
            latest: Latest::new(now),
            config: config.clone(),
            certificate,
            negotiator,
            transport: Transport::new(ice, data, (config.mtu, config.max_segments)),
            events: Outbox::new(limits::MAX_EVENTS),
            connection_state: ConnectionState::New,
            gathering_state: IceGatheringState::New,
            failure: None,
            life: Life::Open,
            idle: Idle::No,
            unannounced: Vec::new(),
            negotiation_needed: false,
            check_negotiation: false,
            early_candidates: Vec::new(),
            refused_sections: Vec::new(),
            remote_max_message_size: None,
            peer_closed: false,
            trim: Timer::stopped(),
            trimmed_at_received: 0,
            unix_time,
            unix_time_at: now,
            rng,
        })
    }

    /// Takes a datagram that arrived at `now`. What is malformed, unauthenticated or unexpected is counted and dropped.
    pub fn handle_input(&mut self, now: Instant, datagram: Datagram<'_>) {
        let now = self.touch(now);
        if self.life != Life::Open || datagram.data.len() > limits::MAX_DATAGRAM {
            return;
        }
        self.transport.handle_input(now, datagram);
        // Consent and its answers leave nothing worth giving back, and would wake an idle connection twice as often.
        if !self.trim.is_running() && demux::classify(datagram.data) != demux::Protocol::Stun {
            self.trim.set(now + limits::TRIM_AFTER);
        }
    }

    /// Lets time reach `now` and returns the next thing to do. Call again until it returns [`Output::Wait`].
    ///
    /// A `buf` of several MTUs may come back with several datagrams for one path, if [`Config::max_segments`] says so.
    ///
    /// # Panics
    /// If `buf` is neither empty nor as long as the configured MTU.
    pub fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Output<Path, Event> {
        assert!(buf.is_empty() || buf.len() >= self.config.mtu, "the buffer is shorter than the mtu");
        let now = self.latest.advance(now);
        if let Idle::Until(wait) = self.idle
            && wait.is_none_or(|at| now < at)
        {
            return Output::Wait(wait);
        }
        if self.idle == Idle::Drawing(now)
            && let Some(output) = self.draw_on(now, buf)
        {
            return output;
        }
        self.idle = Idle::No;
        self.poll_layers(now, buf)
    }

    /// Adds a local address: that of a socket the caller owns. Loopback is used only once a loopback address has been added.
    ///
    /// # Errors
    /// [`CandidateError`] if the address is a wildcard, known already, or one too many.
    pub fn add_local_candidate(&mut self, candidate: LocalCandidate) -> Result<(), CandidateError> {
        self.idle = Idle::No;
        self.unannounced.push(self.transport.ice.add_local_candidate(candidate)?);
        Ok(())
    }

    /// Removes a local address, whose interface or socket has gone: its pairs fail at once.
    pub fn remove_local_candidate(&mut self, local: SocketAddr) {
        self.idle = Idle::No;
        self.transport.ice.remove_local_candidate(local);
        // What nobody has been told of is told to nobody any more.
        let ice = &self.transport.ice;
        let same = |a: &Candidate, b: &Candidate| {
            (&a.address, a.port, a.priority) == (&b.address, b.port, b.priority)
        };
        self.unannounced.retain(|waits| ice.local_candidates().any(|lives| same(lives, waits)));
    }

    /// Adds a candidate of the peer's, or says that it has no more. One that comes before the remote description waits for it.
    ///
    /// # Errors
    /// [`IceCandidateError`]; the connection goes on without the candidate.
    pub fn add_ice_candidate(&mut self, candidate: Option<&IceCandidate>) -> Result<(), IceCandidateError> {
        self.idle = Idle::No;
        self.take_remote_candidate(candidate)
    }

    /// Asks for an ICE restart with the next offer; `NegotiationNeeded` follows.
    pub fn restart_ice(&mut self) {
        self.idle = Idle::No;
        self.negotiator.need_restart();
        self.check_negotiation = true;
    }

    /// Corrects the wall clock: `unix_time` is the time since 1970 at `now`.
    pub fn set_unix_time(&mut self, now: Instant, unix_time: Duration) {
        self.unix_time_at = self.touch(now);
        self.unix_time = unix_time;
        if let Some(media) = &mut self.transport.media {
            media.rtp.set_unix_time(now, unix_time);
        }
    }

    /// The wall clock at `now`, as the time since 1970.
    pub fn unix_time(&self, now: Instant) -> Duration {
        self.unix_time.saturating_add(now.saturating_duration_since(self.unix_time_at))
    }

    /// Tells the largest datagram a path carries, in bytes of UDP payload; 256 at least, the configured MTU at most. Ignored unless
    /// data goes over that path.
    pub fn set_path_mtu(&mut self, path: Path, bytes: usize) {
        self.idle = Idle::No;
        if self.transport.ice.active_path() == Some(path) {
            self.transport.mtu = bytes.clamp(limits::MIN_MTU, self.config.mtu);
            self.apply_mtu();
        }
    }

    /// Creates an offer (RFC 9429 §5.2). Nothing changes until it is given to `set_local_description`.
    ///
    /// # Errors
    /// [`NegotiationError`] says which state forbids it.
    pub fn create_offer(&mut self, options: &OfferOptions) -> Result<SessionDescription, NegotiationError> {
        self.idle = Idle::No;
        self.offer(*options)
    }

    /// Creates an answer to the pending remote offer (RFC 9429 §5.3).
    ///
    /// # Errors
    /// [`NegotiationError`] says which state forbids it.
    pub fn create_answer(&mut self) -> Result<SessionDescription, NegotiationError> {
        self.idle = Idle::No;
        self.answer()
    }

    /// Applies a local description; `None` creates the one that is due and applies it.
    ///
    /// # Errors
    /// [`NegotiationError`]; nothing has changed then.
    pub fn set_local_description(
        &mut self,
        description: Option<SessionDescription>,
    ) -> Result<(), NegotiationError> {
        self.idle = Idle::No;
        self.apply_local(description)
    }

    /// Applies the peer's description.
    ///
    /// # Errors
    /// [`NegotiationError`]; nothing has changed then.
    pub fn set_remote_description(
        &mut self,
        description: SessionDescription,
    ) -> Result<(), NegotiationError> {
        self.idle = Idle::No;
        self.apply_remote(description)
    }

    /// The pending local description or else the current one, with the candidates known so far.
    pub fn local_description(&self) -> Option<&SessionDescription> {
        self.negotiator.local_description()
    }

    /// The negotiated local description, with the candidates known so far.
    pub const fn current_local_description(&self) -> Option<&SessionDescription> {
        self.negotiator.current_local_description()
    }

    /// The local description under negotiation, with the candidates known so far.
    pub const fn pending_local_description(&self) -> Option<&SessionDescription> {
        self.negotiator.pending_local_description()
    }

    /// The pending remote description or else the current one.
    pub fn remote_description(&self) -> Option<&SessionDescription> {
        self.negotiator.remote_description()
    }

    /// The negotiated remote description.
    pub const fn current_remote_description(&self) -> Option<&SessionDescription> {
        self.negotiator.current_remote_description()
    }

    /// The remote description under negotiation.
    pub const fn pending_remote_description(&self) -> Option<&SessionDescription> {
        self.negotiator.pending_remote_description()
    }

    /// Whether the peer takes candidates after its description; `None` before there is one.
    pub fn can_trickle_ice_candidates(&self) -> Option<bool> {
        self.negotiator.can_trickle()
    }

    /// The sections of the peer's offer that our last answer refuses, counted from 0, and why.
    pub fn refused_sections(&self) -> &[(usize, Refusal)] {
        &self.refused_sections
    }

    /// Where offer and answer stand.
    pub fn signaling_state(&self) -> SignalingState {
        self.negotiator.signaling_state()
    }

    /// Creates a data channel; it opens once the connection is up.
    ///
    /// # Errors
    /// [`DataChannelError`] says which value cannot be.
    pub fn create_data_channel(
        &mut self,
        label: &str,
        init: DataChannelInit,
    ) -> Result<ChannelId, DataChannelError> {
        self.idle = Idle::No;
        if self.life != Life::Open {
            return Err(DataChannelError::Closed);
        }
        let id = self.transport.data.create(label, init)?;
        self.negotiator.need_data_channel();
        self.check_negotiation = true;
        Ok(id)
    }

    /// The channel of an id an event named; `None` if it is gone.
    pub fn data_channel(&mut self, id: ChannelId) -> Option<DataChannel<'_>> {
        self.idle = Idle::No;
        self.transport.data.state(id).is_some().then_some(DataChannel { pc: self, id })
    }

    /// The ids of all data channels there are.
    pub fn data_channels(&self) -> Vec<ChannelId> {
        self.transport.data.ids().collect()
    }

    /// Makes a transceiver: a section of the next offer (W3C, `addTransceiver`).
    ///
    /// # Errors
    /// [`TransceiverError`] says which value cannot be.
    pub fn add_transceiver(
        &mut self,
        kind: MediaKind,
        init: TransceiverInit,
    ) -> Result<TransceiverId, TransceiverError> {
        self.change(|negotiator| negotiator.add_transceiver(kind, init))
    }

    /// Says that there is something of that kind to send, in these streams (W3C, `addTrack`): in a transceiver that has never sent, such
    /// as one the peer's offer made, or in a new one.
    ///
    /// # Errors
    /// [`TransceiverError`] if a stream's name cannot be, or there are too many transceivers.
    pub fn add_track(
        &mut self,
        kind: MediaKind,
        streams: Vec<Token>,
    ) -> Result<TransceiverId, TransceiverError> {
        self.change(|negotiator| negotiator.add_track(kind, streams))
    }

    /// Says that there is nothing to send any more (W3C, `removeTrack`). Twice is once.
    ///
    /// # Errors
    /// [`TransceiverError`] if there is no such transceiver, or it is stopped.
    pub fn remove_track(&mut self, id: TransceiverId) -> Result<(), TransceiverError> {
        self.change(|negotiator| negotiator.remove_track(id))
    }

    /// The ids of all transceivers, in the order they were made.
    pub fn transceivers(&self) -> Vec<TransceiverId> {
        self.negotiator.transceivers().map(super::jsep::Transceiver::id).collect()
    }

    /// The transceiver of an id; `None` if it is gone.
    pub fn transceiver(&mut self, id: TransceiverId) -> Option<Transceiver<'_>> {
        self.idle = Idle::No;
        self.negotiator.transceiver(id).is_some().then_some(Transceiver { pc: self, id })
    }

    /// What a transceiver sends; `None` if it is gone.
    pub fn sender(&mut self, id: TransceiverId) -> Option<Sender<'_>> {
        self.idle = Idle::No;
        self.negotiator.transceiver(id).is_some().then_some(Sender { pc: self, id })
    }

    /// What a transceiver receives; `None` if it is gone.
    pub fn receiver(&mut self, id: TransceiverId) -> Option<Receiver<'_>> {
        self.idle = Idle::No;
        self.negotiator.transceiver(id).is_some().then_some(Receiver { pc: self, id })
    }

    /// The state of ICE and DTLS together.
    pub const fn connection_state(&self) -> ConnectionState {
        self.connection_state
    }

    /// The state of ICE.
    pub fn ice_connection_state(&self) -> IceConnectionState {
        if self.life == Life::Open { self.transport.ice.state() } else { IceConnectionState::Closed }
    }

    /// The state of gathering.
    pub const fn ice_gathering_state(&self) -> IceGatheringState {
        self.gathering_state
    }

    /// Why the connection is `Failed`.
    pub const fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// The certificate of this end: its fingerprint is what the peer is told, by SDP or by signalling that carries it apart.
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Where data goes at present.
    pub fn active_path(&self) -> Option<Path> {
        self.transport.ice.active_path()
    }

    /// A snapshot of every layer's counters.
    pub fn stats(&self, now: Instant) -> Stats {
        Stats {
            at_nanos: now.max(self.latest.now()).as_nanos(),
            connection_state: self.connection_state,
            ice_gathering_state: self.gathering_state,
            datagrams: self.transport.datagrams,
            clock_jumps: self.latest.jumps(),
            events_refused: self.events.refused(),
            ice: self.transport.ice.stats(),
            dtls: self.transport.dtls.as_ref().map(|dtls| *dtls.stats()),
            data: *self.transport.data.stats(),
            sctp: self.transport.data.association().stats(),
            media: self.transport.media.as_ref().map(|media| media.stats).unwrap_or_default(),
            srtp_profile: self.transport.media.as_ref().and_then(|media| media.profile()),
            srtp: self.transport.media.as_ref().and_then(|media| media.srtp_stats()),
            rtp: self.transport.media.as_ref().map(|media| media.rtp.stats()),
            outbound_rtp: self.transport.outbound_rtp(),
            inbound_rtp: self.transport.inbound_rtp(),
        }
    }

    /// Ends the connection at once: ABORT and `close_notify` are drawn by the next poll, then `Closed` is reported. What is still queued is
    /// lost; a channel's own `close` sends it first.
    pub fn close(&mut self) {
        self.idle = Idle::No;
        if self.life == Life::Open {
            self.begin_close();
        }
    }

    /// The same connection again (law 11): given the same calls it does the same.
    #[cfg(feature = "sim")]
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            latest: self.latest.clone(),
            config: self.config.clone(),
            certificate: self.certificate.clone(),
            rng: self.rng.duplicate(),
            negotiator: self.negotiator.fork(),
            transport: self.transport.fork(),
            events: self.events.clone(),
            connection_state: self.connection_state,
            gathering_state: self.gathering_state,
            failure: self.failure.clone(),
            life: self.life,
            idle: self.idle,
            unannounced: self.unannounced.clone(),
            negotiation_needed: self.negotiation_needed,
            check_negotiation: self.check_negotiation,
            early_candidates: self.early_candidates.clone(),
            refused_sections: self.refused_sections.clone(),
            remote_max_message_size: self.remote_max_message_size,
            peer_closed: self.peer_closed,
            trim: self.trim.clone(),
            trimmed_at_received: self.trimmed_at_received,
            unix_time: self.unix_time,
            unix_time_at: self.unix_time_at,
        }
    }

    /// The user fragment of the present ICE generation.
    pub(super) fn local_username_fragment(&self) -> &str {
        self.transport.ice.local_credentials().ufrag()
    }

    /// Whether the peer has answered a check of ours over this path.
    pub(super) fn has_validated(&self, path: &Path) -> bool {
        self.transport.ice.accepts(path)
    }

    /// Whether authenticated STUN has come over this path.
    pub(super) fn has_authenticated(&self, path: &Path) -> bool {
        self.transport.ice.is_authenticated(path)
    }

    pub(super) fn touch(&mut self, now: Instant) -> Instant {
        self.idle = Idle::No;
        self.latest.advance(now)
    }

    pub(super) const fn channels(&self) -> &Channels {
        &self.transport.data
    }

    pub(super) const fn channels_mut(&mut self) -> &mut Channels {
        &mut self.transport.data
    }
}

impl Machine for PeerConnection {
    type Input<'i> = Datagram<'i>;
    type Path = Path;
    type Event = Event;

    fn handle_input(&mut self, now: Instant, input: Datagram<'_>) {
        Self::handle_input(self, now, input);
    }

    fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Output<Path, Event> {
        Self::poll_output(self, now, buf)
    }
}

impl fmt::Debug for PeerConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerConnection")
            .field("connection_state", &self.connection_state)
            .field("signaling_state", &self.signaling_state())
            .finish_non_exhaustive()
    }
}
