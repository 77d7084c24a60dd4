//! The ICE agent: one machine for gathering, checks, nomination and consent.

use core::time::Duration;
use std::net::SocketAddr;

use bytes::Bytes;

use crate::ice::stats::{Counters, Stats};
use crate::ice::{
    CandidateError, Config, ConfigError, Credentials, Event, IceConnectionState, IceGatheringState,
    LocalCandidate, RemoteParameters, Role,
};
use crate::machine::{Machine, Output};
use crate::net::{Datagram, Path};
use crate::rng::Rng;
use crate::sdp::candidate::{Candidate, CandidateAddress, CandidateKind, Transport};
use crate::time::Instant;

/// An ICE agent. Without its datagrams it does nothing: give it those that are STUN, and send what it draws.
#[derive(Debug)]
pub struct Agent {
    config: Config,
    credentials: Credentials,
    role: Role,
    local: Vec<Candidate>,
    counters: Counters,
}

impl Agent {
    /// An agent with fresh credentials.
    ///
    /// # Errors
    /// [`ConfigError`] names the first setting that cannot be.
    pub fn new(_now: Instant, mut rng: Rng, config: &Config) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self {
            config: config.clone(),
            credentials: Credentials::generate(&mut rng),
            role: config.role,
            local: Vec::new(),
            counters: Counters::default(),
        })
    }

    /// Takes a datagram that is STUN. What is not, or is not authentic, is counted and dropped.
    pub fn handle_input(&mut self, _now: Instant, _datagram: Datagram<'_>) {}

    /// Lets time reach `now` and returns the next thing to do.
    ///
    /// # Panics
    /// If `buf` is neither empty nor as long as the MTU.
    pub fn poll_output(&mut self, _now: Instant, _buf: &mut [u8]) -> Output<Path, Event> {
        Output::Wait(None)
    }

    /// User fragment and password of the current generation.
    pub const fn local_credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The pacing to ask for with `a=ice-pacing`, if one was configured.
    pub const fn local_pacing(&self) -> Option<Duration> {
        self.config.pacing
    }

    /// Whether this is a lite agent.
    pub const fn is_lite(&self) -> bool {
        self.config.lite
    }

    /// Sets the role, as the offer and answer determine it.
    pub const fn set_role(&mut self, role: Role) {
        self.role = role;
    }

    /// The present role; a conflict with the peer may have changed it.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Takes what the peer's description says. Credentials that differ from those before are a restart by the peer, and
    /// make new ones of ours, unless [`Agent::restart`] was called since.
    pub fn set_remote(&mut self, _remote: RemoteParameters) {}

    /// Adds a socket's address, and returns the candidate to tell the peer.
    ///
    /// # Errors
    /// [`CandidateError`] where the address cannot be a candidate.
    pub fn add_local_candidate(&mut self, local: LocalCandidate) -> Result<Candidate, CandidateError> {
        let address = local.advertised.unwrap_or(local.base);
        let candidate = Candidate {
            foundation: "1".into(),
            component: 1,
            transport: Transport::Udp,
            priority: 1,
            address: CandidateAddress::Ip(address.ip()),
            port: address.port(),
            kind: CandidateKind::Host,
            related: None,
            username_fragment: Some(self.credentials.ufrag().into()),
            extensions: Vec::new(),
        };
        self.local.push(candidate.clone());
        Ok(candidate)
    }

    /// Forgets the candidate whose socket is bound to `base`, and every pair of it: the socket is gone.
    pub fn remove_local_candidate(&mut self, _base: SocketAddr) {}

    /// Our candidates, as the peer should know them.
    pub fn local_candidates(&self) -> impl Iterator<Item = &Candidate> {
        self.local.iter()
    }

    /// Takes a candidate of the peer. One that cannot be paired (TCP, an unresolved name) is kept in silence.
    ///
    /// # Errors
    /// [`CandidateError`] where the address must not be sent to.
    pub fn add_remote_candidate(&mut self, _candidate: &Candidate) -> Result<(), CandidateError> {
        Ok(())
    }

    /// Says that no local candidate follows in this generation.
    pub const fn end_of_local_candidates(&mut self) {}

    /// Says that the peer has no more candidates in this generation.
    pub const fn end_of_remote_candidates(&mut self) {}

    /// Restarts: new credentials, checks anew; the path in use carries on until a new one is valid (RFC 8445 §9).
    pub const fn restart(&mut self) {}

    /// Where data goes now: the selected pair, before that the best valid one; `None` without consent.
    pub const fn active_path(&self) -> Option<Path> {
        None
    }

    /// Whether data from this path may be believed: the pair has been validated.
    pub const fn accepts(&self, _path: &Path) -> bool {
        false
    }

    /// The smoothed round trip of the path in use, by its checks.
    pub const fn round_trip(&self) -> Option<Duration> {
        None
    }

    /// The connection state.
    pub const fn state(&self) -> IceConnectionState {
        IceConnectionState::New
    }

    /// The gathering state.
    pub const fn gathering_state(&self) -> IceGatheringState {
        IceGatheringState::New
    }

    /// What has been counted.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Pairs, candidates and counters.
    pub fn stats(&self) -> Stats {
        Stats::default()
    }

    /// Sets the opaque attributes that ride in checks and their answers; the parent knows what they mean.
    pub fn set_attached(&mut self, _attached: Attached) {}

    /// The opaque attributes of the latest authenticated message, once.
    pub const fn take_attached(&mut self) -> Option<Attached> {
        None
    }

    /// Ends the agent: nothing is sent any more, and [`Event::Closed`] is the last output.
    pub const fn close(&mut self) {}

    /// Gives back memory that an idle agent does not need.
    #[expect(dead_code, reason = "the parent machine calls it")]
    pub(crate) const fn trim(&mut self) {}
}

/// Two opaque attributes that a parent may let ride in checks, of types 0xC070 and 0xC071.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attached {
    /// The value of attribute 0xC070.
    pub data: Option<Bytes>,
    /// The value of attribute 0xC071.
    pub acknowledgement: Option<Bytes>,
}

impl Machine for Agent {
    type Input<'i> = Datagram<'i>;
    type Path = Path;
    type Event = Event;

    fn handle_input(&mut self, now: Instant, input: Datagram<'_>) {
        self.handle_input(now, input);
    }

    fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Output<Path, Event> {
        self.poll_output(now, buf)
    }
}
