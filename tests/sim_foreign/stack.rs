//! A peer put together from the crate's machines by other hands: ICE, DTLS and channels, with a look at every SCTP packet.

use antiphon::crypto::FingerprintHash;
use antiphon::data::{self, Channels};
use antiphon::dtls::{self, Connection};
use antiphon::ice::{Agent, Credentials, LocalCandidate, RemoteParameters, Role};
use antiphon::sim::{HostId, Link, Network, deterministic, seed};
use antiphon::time::earliest;
use antiphon::wire::sctp::{Chunk, Packet};
use antiphon::{
    Certificate, Config, Datagram, Event, Fingerprint, Instant, Machine, OfferOptions, Output, Path,
    PeerConnection, Rng, SessionDescription, Transmit,
};
use core::time::Duration;
use std::net::SocketAddr;

const ADDRESSES: [&str; 2] = ["203.0.113.1:5000", "203.0.113.2:5000"];

/// The peer. It answers offers by hand and is the DTLS client.
pub(crate) struct Stack {
    ice: Agent,
    dtls: Connection,
    data: Channels,
    certificate: Certificate,
    address: SocketAddr,
    /// Aborts at the first FORWARD-TSN.
    touchy: bool,
    aborted: bool,
    connected: bool,
    messages: usize,
}

impl Stack {
    fn new(now: Instant, address: SocketAddr, touchy: bool) -> Self {
        let rng = |index| Rng::new(&seed(77, index));
        let certificate =
            deterministic(Certificate::generate(&seed(77, 9), Duration::from_secs(1_790_000_000)).unwrap());
        let config = antiphon::ice::Config::new().role(Role::Controlled);
        let mut ice = Agent::new(now, rng(1), &config).unwrap();
        ice.add_local_candidate(LocalCandidate::udp(address)).unwrap();
        ice.end_of_local_candidates();
        let dtls = Connection::new(now, rng(2), &dtls::Config::new(certificate.clone()), dtls::Role::Client)
            .unwrap();
        let data = Channels::new(now, rng(3), &data::Config::default()).unwrap();
        Self { ice, dtls, data, certificate, address, touchy, aborted: false, connected: false, messages: 0 }
    }

    /// The answer to an offer, written without our negotiator.
    fn answer(&mut self, offer: &str) -> String {
        let value = |name: &str| {
            let line = offer.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("no {name}")).trim().to_owned()
        };
        let credentials = Credentials::new(&value("a=ice-ufrag:"), &value("a=ice-pwd:")).unwrap();
        self.ice.set_remote(RemoteParameters::new(credentials));
        for line in offer.lines().filter_map(|line| line.strip_prefix("a=")) {
            if line.starts_with("candidate:") {
                self.ice.add_remote_candidate(&line.trim().parse().unwrap()).unwrap();
            }
        }
        self.ice.end_of_remote_candidates();
        let fingerprint: Fingerprint = value("a=fingerprint:").parse().unwrap();
        self.dtls.set_remote_fingerprints(vec![fingerprint]);
        let own = self.ice.local_credentials();
        let candidates: Vec<String> =
            self.ice.local_candidates().map(|candidate| format!("a={candidate}\r\n")).collect();
        format!(
            "v=0\r\no=- 5 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {mid}\r\n\
             m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\n\
             a=ice-ufrag:{}\r\na=ice-pwd:{}\r\na=fingerprint:{}\r\na=setup:active\r\na=sctp-port:5000\r\n{}",
            own.ufrag(),
            own.pwd(),
            self.certificate.fingerprint(FingerprintHash::Sha256),
            candidates.concat(),
            mid = value("a=mid:"),
        )
    }

    /// What DTLS has opened goes to SCTP, unless it is what this peer cannot bear.
    fn feed(&mut self, now: Instant) {
        while let Some(packet) = self.dtls.recv() {
            let is_forward = |chunk| matches!(chunk, Ok(Chunk::ForwardTsn(_)));
            let forward = Packet::parse(&packet).is_ok_and(|packet| packet.chunks().any(is_forward));
            if forward && self.touchy && !self.aborted {
                self.aborted = true;
                self.data.close();
            }
            self.data.handle_input(now, packet);
        }
    }

    fn on_dtls(&mut self, event: dtls::Event) {
        if event == dtls::Event::Connected {
            self.connected = true;
            self.data.set_mtu(1200 - self.dtls.seal_head() - self.dtls.seal_tail());
            self.data.connect(data::Role::Client, Some(0), None);
        }
    }

    fn on_data(&mut self, event: &data::Event) {
        if let data::Event::Readable(id) = event {
            while self.data.recv(*id).is_some() {
                self.messages += 1;
            }
        }
    }

    fn poll(&mut self, now: Instant, buf: &mut [u8]) -> Output<Path, Event> {
        let ice = loop {
            match self.ice.poll_output(now, buf) {
                Output::Event(_) => {}
                Output::Transmit(transmit) => return Output::Transmit(transmit),
                Output::Wait(wait) => break wait,
            }
        };
        let Some(path) = self.ice.active_path() else { return Output::Wait(ice) };
        self.dtls.start();
        let dtls = loop {
            match self.dtls.poll_output(now, buf) {
                Output::Event(event) => self.on_dtls(event),
                Output::Transmit(transmit) => {
                    return Output::Transmit(Transmit::new(path, transmit.len));
                }
                Output::Wait(wait) => break wait,
            }
        };
        if !self.connected {
            return Output::Wait(earliest(ice, dtls));
        }
        let (head, end) = (self.dtls.seal_head(), 1200 - self.dtls.seal_tail());
        loop {
            match self.data.poll_output(now, &mut buf[head..end]) {
                Output::Event(event) => self.on_data(&event),
                Output::Transmit(transmit) => {
                    let len = self.dtls.seal_in_place(buf, transmit.len).unwrap();
                    return Output::Transmit(Transmit::new(path, len));
                }
                Output::Wait(wait) => return Output::Wait(earliest(wait, earliest(ice, dtls))),
            }
        }
    }
}

/// A host: ours, or the foreign one.
pub(crate) enum Node {
    Ours(Box<PeerConnection>),
    Foreign(Box<Stack>),
}

impl Node {
    pub(crate) fn pc(&mut self) -> &mut PeerConnection {
        match self {
            Self::Ours(pc) => pc,
            Self::Foreign(_) => panic!("the foreign peer is no PeerConnection"),
        }
    }

    fn stack(&self) -> &Stack {
        match self {
            Self::Foreign(stack) => stack,
            Self::Ours(_) => panic!("ours is no stack"),
        }
    }

    pub(crate) fn aborted(&self) -> bool {
        self.stack().aborted
    }

    pub(crate) fn messages(&self) -> usize {
        self.stack().messages
    }
}

impl Machine for Node {
    type Input<'i> = Datagram<'i>;
    type Path = Path;
    type Event = Event;

    fn handle_input(&mut self, now: Instant, input: Datagram<'_>) {
        match self {
            Self::Ours(pc) => pc.handle_input(now, input),
            Self::Foreign(stack) if input.data.first().is_some_and(|first| *first < 4) => {
                stack.ice.handle_input(now, input);
            }
            Self::Foreign(stack) => {
                stack.dtls.handle_input(now, input.data);
                stack.feed(now);
            }
        }
    }

    fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Output<Path, Event> {
        match self {
            Self::Ours(pc) => pc.poll_output(now, buf),
            Self::Foreign(stack) => stack.poll(now, buf),
        }
    }
}

/// Ours, which will offer, and the foreign one.
pub(crate) fn world(link: &Link, touchy: bool) -> (Network<Node>, [HostId; 2]) {
    let mut network = Network::new(5, link.clone());
    let addresses: [SocketAddr; 2] = ADDRESSES.map(|address| address.parse().unwrap());
    let ours = network.peer(&Config::new(), &addresses[..1]).unwrap();
    let foreign = Stack::new(network.now(), addresses[1], touchy);
    assert_eq!(foreign.address, addresses[1]);
    let ours = network.add_host(Node::Ours(Box::new(ours)), &addresses[..1]);
    let foreign = network.add_host(Node::Foreign(Box::new(foreign)), &addresses[1..]);
    let hosts = [ours, foreign];
    (network, hosts)
}

/// Carries the offer and its answer.
pub(crate) fn negotiate(network: &mut Network<Node>, [ours, foreign]: [HostId; 2]) {
    let pc = network.machine_mut(ours).pc();
    let offer = pc.create_offer(&OfferOptions::default()).unwrap();
    pc.set_local_description(Some(offer)).unwrap();
    let offer = pc.local_description().unwrap().to_sdp();
    let Node::Foreign(stack) = network.machine_mut(foreign) else { panic!("the foreign one") };
    let answer = SessionDescription::answer(&stack.answer(&offer)).unwrap();
    network.machine_mut(ours).pc().set_remote_description(answer).unwrap();
}
