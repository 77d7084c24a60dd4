//! The application around a `PeerConnection`: offers, answers and candidates over signalling, interfaces that come and
//! go, and a question to a STUN server.

use core::borrow::BorrowMut;
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use super::host::{App, Notice, Sent, Signal};
use super::network::{HostId, NatId, Network};
use super::seed::{deterministic, label, seed};
use crate::crypto::{Certificate, CryptoError};
use crate::ice::LocalCandidate;
use crate::machine::Machine;
use crate::net::{Datagram, Path};
use crate::peer::{
    Config, ConfigError, ConnectionState, Event, IceCandidate, PeerConnection, SdpType, SessionDescription,
    SignalingState,
};
use crate::sdp::{Candidate, CandidateAddress, CandidateKind};
use crate::stun::{self, Attribute, Builder, Class, Method, TransactionId};
use crate::time::Instant;

/// The wall clock when a simulated connection begins.
const UNIX_TIME: Duration = Duration::from_secs(1_790_000_000);

/// Why [`Network::add_peer`] made no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError {
    /// The certificate could not be made.
    #[error("making a certificate failed")]
    Certificate(#[source] CryptoError),
    /// The connection refused its configuration.
    #[error("configuration")]
    Config(#[source] ConfigError),
    /// An address cannot be a candidate.
    #[error("address")]
    Candidate(#[source] crate::ice::CandidateError),
}

impl Network<PeerConnection> {
    /// Adds a connection with public addresses. Its seed and its certificate, unless `config` has one, follow from the network's seed and
    /// its first address; it signs deterministically.
    ///
    /// # Errors
    /// [`PeerError`] where a connection refuses the configuration or an address.
    pub fn add_peer(&mut self, config: &Config, addresses: &[SocketAddr]) -> Result<HostId, PeerError> {
        let machine = self.make_peer(config, None, addresses)?;
        Ok(self.add_host(machine, addresses))
    }

    /// [`Network::add_peer`] with addresses behind a NAT.
    ///
    /// # Errors
    /// [`PeerError`] where a connection refuses the configuration or an address.
    pub fn add_peer_behind(
        &mut self,
        nat: NatId,
        config: &Config,
        addresses: &[SocketAddr],
    ) -> Result<HostId, PeerError> {
        let machine = self.make_peer(config, Some(nat), addresses)?;
        Ok(self.add_host_behind(nat, machine, addresses))
    }
}

impl<M> Network<M> {
    /// The connection that [`Network::add_peer`] would add, for a host whose machine has it inside.
    ///
    /// # Errors
    /// [`PeerError`] where a connection refuses the configuration or an address.
    pub fn peer(&self, config: &Config, addresses: &[SocketAddr]) -> Result<PeerConnection, PeerError> {
        self.make_peer(config, None, addresses)
    }

    /// The connection that [`Network::add_peer_behind`] would add.
    ///
    /// # Errors
    /// [`PeerError`] where a connection refuses the configuration or an address.
    pub fn peer_behind(
        &self,
        nat: NatId,
        config: &Config,
        addresses: &[SocketAddr],
    ) -> Result<PeerConnection, PeerError> {
        self.make_peer(config, Some(nat), addresses)
    }

    fn make_peer(
        &self,
        config: &Config,
        nat: Option<NatId>,
        addresses: &[SocketAddr],
    ) -> Result<PeerConnection, PeerError> {
        let door = nat.map_or(0, |nat| self.world.topology.gate_label(nat.index()));
        let own = addresses.first().map_or(0, |address| label(*address)) ^ door.rotate_left(17);
        let run = self.world.seed ^ own;
        let config = if config.certificate.is_some() {
            config.clone()
        } else {
            let certificate =
                Certificate::generate(&seed(run, 1), UNIX_TIME).map_err(PeerError::Certificate)?;
            config.clone().certificate(deterministic(certificate))
        };
        let mut pc =
            PeerConnection::new(self.now(), UNIX_TIME, seed(run, 0), &config).map_err(PeerError::Config)?;
        for address in addresses {
            pc.add_local_candidate(LocalCandidate::udp(*address)).map_err(PeerError::Candidate)?;
        }
        Ok(pc)
    }
}

/// What [`Peers`] remembers of one host.
#[derive(Clone, Debug, Default)]
struct Side {
    partner: Option<HostId>,
    /// Of two offers that cross, this side's gives way.
    polite: bool,
    /// Descriptions sent so far.
    sent: u64,
    /// Descriptions taken so far.
    taken: u64,
    /// Descriptions that came before their turn.
    early: BTreeMap<u64, Letter>,
    /// The host candidate of each address, as it was last told.
    told: BTreeMap<SocketAddr, IceCandidate>,
    /// What a STUN server said of each address.
    mapped: BTreeMap<SocketAddr, SocketAddr>,
    letters: VecDeque<String>,
    questions: VecDeque<SocketAddr>,
    /// Descriptions and candidates that the connection refused.
    refused: u64,
}

/// A description as it travels.
#[derive(Clone, Debug)]
struct Letter {
    kind: SdpType,
    /// The number of the offer that an answer is to.
    answers: Option<u64>,
    sdp: String,
}

/// The application of pairs of [`PeerConnection`]s, around one of your own that sees every event after it.
///
/// It negotiates as the W3C's "perfect negotiation" does, so that offers may cross; it puts descriptions in order that signalling has not,
/// drops repeated old ones, and lets an answer say which offer it is to, as any application must whose signalling may repeat what it
/// carries (candidates go through as they come). It follows interfaces: one that is gone is taken from
/// the connection, one that comes is added, and ICE restarts; so it does, from the first host of the pair, when the connection is lost.
///
/// ```
/// use antiphon::sim::{Link, Network, Peers, ignore_events};
/// use antiphon::{Config, ConnectionState, DataChannelInit, PeerConnection};
/// use core::time::Duration;
///
/// let mut network = Network::new(7, Link::new().delay(Duration::from_millis(25)));
/// let a = network.add_peer(&Config::new(), &["203.0.113.1:5000".parse()?])?;
/// let b = network.add_peer(&Config::new(), &["203.0.113.2:5000".parse()?])?;
/// network.machine_mut(a).create_data_channel("chat", DataChannelInit::default())?;
/// let mut peers = Peers::new(ignore_events::<PeerConnection>).pair(a, b);
/// network.run_for(Duration::from_secs(1), &mut peers);
/// assert_eq!(network.machine(b).connection_state(), ConnectionState::Connected);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Peers<A> {
    /// The application around which this one is.
    pub app: A,
    sides: BTreeMap<HostId, Side>,
    stun: Option<SocketAddr>,
    restarts: bool,
}

impl<A> Peers<A> {
    /// Nobody yet, around `app`.
    pub const fn new(app: A) -> Self {
        Self { app, sides: BTreeMap::new(), stun: None, restarts: true }
    }

    /// Makes two hosts each other's peers. The offer of the first wins where two cross.
    #[must_use]
    pub fn pair(mut self, a: HostId, b: HostId) -> Self {
        self.add_pair(a, b);
        self
    }

    /// [`Peers::pair`] while the network runs.
    pub fn add_pair(&mut self, a: HostId, b: HostId) {
        let side = |partner, polite| Side { partner: Some(partner), polite, ..Side::default() };
        self.sides.insert(a, side(b, false));
        self.sides.insert(b, side(a, true));
    }

    /// Asks a server about every address, and tells the peer what it says as a server-reflexive candidate.
    #[must_use]
    pub const fn stun(mut self, server: SocketAddr) -> Self {
        self.stun = Some(server);
        self
    }

    /// Leaves a connection that is lost alone.
    #[must_use]
    pub const fn without_restarts(mut self) -> Self {
        self.restarts = false;
        self
    }

    /// How many descriptions and candidates of the peer the connection of a host refused.
    pub fn refused(&self, host: HostId) -> u64 {
        self.sides.get(&host).map_or(0, |side| side.refused)
    }

    fn send_description(&mut self, host: HostId, pc: &PeerConnection) {
        let (Some(side), Some(description)) = (self.sides.get_mut(&host), pc.local_description()) else {
            return;
        };
        side.sent += 1;
        let head = if description.kind() == SdpType::Offer {
            format!("offer {}", side.sent)
        } else {
            format!("answer {} {}", side.sent, side.taken)
        };
        side.letters.push_back(format!("{head}\n{}", description.to_sdp()));
    }

    fn offer(&mut self, host: HostId, pc: &mut PeerConnection) {
        if pc.signaling_state() == SignalingState::Stable && pc.set_local_description(None).is_ok() {
            self.send_description(host, pc);
        }
    }

    fn tell_candidate(&mut self, host: HostId, candidate: &IceCandidate) {
        let Some(side) = self.sides.get_mut(&host) else { return };
        side.letters.push_back(written(candidate));
        let Ok(parsed) = candidate.candidate.parse::<Candidate>() else { return };
        let CandidateAddress::Ip(ip) = parsed.address else { return };
        let address = SocketAddr::new(ip, parsed.port);
        side.told.insert(address, candidate.clone());
        // Asked anew for every generation: a NAT may have forgotten what it said.
        if self.stun.is_some_and(|server| server.is_ipv4() == address.is_ipv4()) {
            side.questions.push_back(address);
        }
    }

    /// A description that is the next in its turn, or waits for it.
    fn on_description(&mut self, host: HostId, pc: &mut PeerConnection, number: u64, description: Letter) {
        let Some(side) = self.sides.get_mut(&host) else { return };
        if number < side.taken {
            return;
        }
        if number == side.taken {
            // One that repeats the latest goes through once more, for the connection must bear it; not where it would undo an offer of
            // this side, which the other may have taken.
            if pc.signaling_state() == SignalingState::Stable {
                self.take_description(host, pc, &description);
            }
            return;
        }
        side.early.insert(number, description);
        loop {
            let Some(side) = self.sides.get_mut(&host) else { return };
            let Some(next) = side.early.remove(&(side.taken + 1)) else { return };
            side.taken += 1;
            self.take_description(host, pc, &next);
        }
    }

    fn take_description(&mut self, host: HostId, pc: &mut PeerConnection, letter: &Letter) {
        let Some(side) = self.sides.get_mut(&host) else { return };
        let is_offer = letter.kind == SdpType::Offer;
        if is_offer && !side.polite && pc.signaling_state() != SignalingState::Stable {
            return;
        }
        // An answer to an earlier offer, which came twice and was answered twice, says nothing about the latest.
        if letter.answers.is_some_and(|offer| offer != side.sent) {
            return;
        }
        let taken = SessionDescription::parse(letter.kind, &letter.sdp)
            .ok()
            .and_then(|description| pc.set_remote_description(description).ok());
        if taken.is_none() {
            side.refused += 1;
        } else if is_offer && pc.set_local_description(None).is_ok() {
            self.send_description(host, pc);
        }
    }

    fn on_letter(&mut self, host: HostId, pc: &mut PeerConnection, body: &str) -> Option<()> {
        let (head, rest) = body.split_once('\n')?;
        let (word, number) = head.split_once(' ')?;
        let (kind, number, answers) = match word {
            "offer" => (SdpType::Offer, number, None),
            "answer" => {
                let (number, offer) = number.split_once(' ')?;
                (SdpType::Answer, number, Some(offer.parse().ok()?))
            }
            "candidate" => {
                let candidate = read(number, rest)?;
                if pc.add_ice_candidate(Some(&candidate)).is_err() {
                    self.sides.get_mut(&host)?.refused += 1;
                }
                return Some(());
            }
            _ => return None,
        };
        self.on_description(host, pc, number.parse().ok()?, Letter { kind, answers, sdp: rest.to_owned() });
        Some(())
    }

    fn on_interface(&mut self, host: HostId, pc: &mut PeerConnection, notice: Notice) {
        match notice {
            Notice::InterfaceDown(address) => {
                pc.remove_local_candidate(address);
                if let Some(side) = self.sides.get_mut(&host) {
                    side.told.remove(&address);
                    side.mapped.remove(&address);
                    if !side.told.is_empty() {
                        pc.restart_ice();
                    }
                }
            }
            Notice::InterfaceUp(address) => {
                // One that is refused is there already.
                if pc.add_local_candidate(LocalCandidate::udp(address)).is_ok() {
                    pc.restart_ice();
                }
            }
            Notice::Resumed(_) => {}
            Notice::TooBig(path, mtu) => pc.set_path_mtu(path, mtu),
        }
    }
}

/// A candidate as it travels: mid, index and user fragment, then its line.
fn written(candidate: &IceCandidate) -> String {
    let index = candidate.sdp_m_line_index.map(|index| index.to_string());
    format!(
        "candidate {}/{}/{}\n{}",
        candidate.sdp_mid.as_deref().unwrap_or_default(),
        index.as_deref().unwrap_or_default(),
        candidate.username_fragment.as_deref().unwrap_or_default(),
        candidate.candidate
    )
}

fn read(head: &str, line: &str) -> Option<IceCandidate> {
    // A user fragment may have a slash in it (RFC 8839 §5.4); a mid of ours has none.
    let mut parts = head.splitn(3, '/');
    let mut part = || parts.next().map(str::to_owned);
    Some(IceCandidate {
        sdp_mid: part()?.into(),
        sdp_m_line_index: part()?.parse().ok(),
        username_fragment: part().filter(|ufrag| !ufrag.is_empty()),
        candidate: line.to_owned(),
    })
}

/// Tells the peer the address that a server saw.
fn tell_reflexive(side: &mut Side, address: SocketAddr) -> Option<()> {
    let (told, mapped) = (side.told.get(&address)?, side.mapped.get(&address)?);
    if address == *mapped {
        return None;
    }
    let mut candidate: Candidate = told.candidate.parse().ok()?;
    // The type preference of RFC 8445 §5.1.2.2 in the place of that of a host.
    candidate.priority = (100 << 24) | (candidate.priority & 0x00ff_ffff);
    candidate.foundation = format!("s{}", candidate.foundation);
    candidate.kind = CandidateKind::ServerReflexive;
    candidate.related = Some((address.ip(), address.port()));
    candidate.address = CandidateAddress::Ip(mapped.ip());
    candidate.port = mapped.port();
    let reflexive = IceCandidate { candidate: candidate.to_string(), ..told.clone() };
    side.letters.push_back(written(&reflexive));
    Some(())
}

/// The transaction ids of these questions begin so: those of ICE are random.
const QUESTION: [u8; 8] = *b"sim stun";

fn question() -> Option<Vec<u8>> {
    let mut buf = [0; 64];
    let mut id = [0; 12];
    id.iter_mut().zip(QUESTION).for_each(|(to, from)| *to = from);
    let mut builder = Builder::new(&mut buf, Class::Request, Method::BINDING, TransactionId(id)).ok()?;
    builder.add(&Attribute::Software("sim")).ok()?.fingerprint().ok()?;
    let len = builder.finish();
    buf.get(..len).map(<[u8]>::to_vec)
}

impl<M, A> App<M> for Peers<A>
where
    M: Machine<Event = Event> + BorrowMut<PeerConnection>,
    A: App<M>,
{
    fn on_event(&mut self, now: Instant, host: HostId, machine: &mut M, event: Event) {
        let pc = machine.borrow_mut();
        if event == Event::NegotiationNeeded {
            self.offer(host, pc);
        } else if let Event::IceCandidate(Some(candidate)) = &event {
            self.tell_candidate(host, candidate);
        } else if let Event::ConnectionStateChange(ConnectionState::Disconnected | ConnectionState::Failed) =
            event
            && self.restarts
            && self.sides.get(&host).is_some_and(|side| !side.polite)
        {
            pc.restart_ice();
        }
        self.app.on_event(now, host, machine, event);
    }

    fn on_signal(&mut self, now: Instant, host: HostId, machine: &mut M, signal: Signal<'_>) {
        if self.on_letter(host, machine.borrow_mut(), signal.body).is_none() {
            self.app.on_signal(now, host, machine, signal);
        }
    }

    fn on_notice(&mut self, now: Instant, host: HostId, machine: &mut M, notice: Notice) {
        self.on_interface(host, machine.borrow_mut(), notice);
        self.app.on_notice(now, host, machine, notice);
    }

    fn on_datagram(&mut self, now: Instant, host: HostId, machine: &mut M, datagram: &Datagram<'_>) -> bool {
        if self.stun == Some(datagram.path.remote)
            && let Ok(message) = stun::Message::parse(datagram.data)
            && message.transaction_id().0.starts_with(&QUESTION)
            && let Some(side) = self.sides.get_mut(&host)
        {
            if let Some(mapped) = message.xor_mapped_address() {
                side.mapped.insert(datagram.path.local, mapped);
                tell_reflexive(side, datagram.path.local);
            }
            return true;
        }
        self.app.on_datagram(now, host, machine, datagram)
    }

    fn on_sent(&mut self, now: Instant, host: HostId, machine: &M, sent: &Sent<'_>) {
        self.app.on_sent(now, host, machine, sent);
    }

    fn poll_signal(&mut self, host: HostId) -> Option<(HostId, String)> {
        if let Some(side) = self.sides.get_mut(&host)
            && let (Some(partner), Some(body)) = (side.partner, side.letters.pop_front())
        {
            return Some((partner, body));
        }
        self.app.poll_signal(host)
    }

    fn poll_datagram(&mut self, host: HostId) -> Option<(Path, Vec<u8>)> {
        if let (Some(server), Some(side)) = (self.stun, self.sides.get_mut(&host))
            && let Some(address) = side.questions.pop_front()
            && let Some(question) = question()
        {
            return Some((Path::udp(address, server), question));
        }
        self.app.poll_datagram(host)
    }
}

#[cfg(test)]
#[path = "peers_tests.rs"]
mod tests;
