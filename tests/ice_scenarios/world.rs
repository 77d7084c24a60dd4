//! Two agents and what runs between them: every datagram takes 25 ms unless a rule drops it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use antiphon::ice::{Agent, Config, Event, LocalCandidate, RemoteParameters, Role};
use antiphon::stun::{
    Attribute, AttributeType, Builder, Class, ErrorCode, IntegrityKey, Message, Method, TransactionId,
};
use antiphon::{Datagram, Instant, Output, Path, Rng, Seed};

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn at(millis: u64) -> Instant {
    Instant::ZERO + ms(millis)
}

pub(crate) fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// The nth address of a side, each on an interface of its own.
pub(crate) fn host(side: usize, n: usize) -> SocketAddr {
    addr(&format!("10.{side}.{n}.1:5000"))
}

pub(crate) fn agent(seed: u8, config: &Config) -> Agent {
    Agent::new(Instant::ZERO, Rng::new(&Seed::from_bytes([seed; 32])), config).unwrap()
}

/// One datagram on its way.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) sent_at: Instant,
    pub(crate) from: usize,
    pub(crate) path: Path,
    pub(crate) data: Vec<u8>,
}

type Rule = Box<dyn FnMut(&Packet) -> bool>;
type Translation = Box<dyn FnMut(&Packet) -> Option<Path>>;
type Jitter = Box<dyn FnMut(&Packet) -> Duration>;

pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) agents: [Agent; 2],
    pub(crate) delay: Duration,
    /// True for packets that are lost.
    pub(crate) lost: Rule,
    /// What a NAT on the way makes of a packet's two addresses: of the sender's and of the receiver's.
    pub(crate) nat: Translation,
    /// A delay of its own for each packet, if there is one.
    pub(crate) jitter: Jitter,
    pub(crate) events: [Vec<(Instant, Event)>; 2],
    pub(crate) sent: Vec<Packet>,
    flying: BTreeMap<(Instant, u64), Packet>,
    serial: u64,
}

impl World {
    pub(crate) fn new(a: &Config, b: &Config) -> Self {
        Self {
            now: Instant::ZERO,
            agents: [agent(1, a), agent(2, b)],
            delay: ms(25),
            lost: Box::new(|_| false),
            nat: Box::new(|packet| Some(packet.path)),
            jitter: Box::new(|_| Duration::ZERO),
            events: [Vec::new(), Vec::new()],
            sent: Vec::new(),
            flying: BTreeMap::new(),
            serial: 0,
        }
    }

    /// Full agents, `a` controlling, with `n` interfaces each.
    pub(crate) fn full(n: usize) -> Self {
        Self::with_hosts(&Config::new(), n)
    }

    pub(crate) fn with_hosts(config: &Config, n: usize) -> Self {
        let mut world =
            Self::new(&config.clone().role(Role::Controlling), &config.clone().role(Role::Controlled));
        for side in 0..2 {
            for n in 0..n {
                world.agents[side].add_local_candidate(LocalCandidate::udp(host(side, n))).unwrap();
            }
        }
        world
    }

    /// What side `from`'s description says.
    pub(crate) fn parameters(&self, from: usize) -> RemoteParameters {
        let agent = &self.agents[from];
        let mut parameters = RemoteParameters::new(agent.local_credentials().clone());
        parameters.lite = agent.is_lite();
        parameters.pacing = agent.local_pacing();
        parameters
    }

    /// Gives `to` the other side's description and candidates.
    pub(crate) fn describe_to(&mut self, to: usize) {
        let from = 1 - to;
        let parameters = self.parameters(from);
        self.agents[to].set_remote(parameters);
        let candidates: Vec<_> = self.agents[from].local_candidates().cloned().collect();
        for candidate in candidates {
            self.agents[to].add_remote_candidate(&candidate).unwrap();
        }
        self.agents[to].end_of_remote_candidates();
    }

    pub(crate) fn describe(&mut self) {
        for side in 0..2 {
            self.agents[side].end_of_local_candidates();
        }
        self.describe_to(0);
        self.describe_to(1);
    }

    fn drain(&mut self, side: usize) -> Option<Instant> {
        let mut buf = [0; 1200];
        loop {
            match self.agents[side].poll_output(self.now, &mut buf) {
                Output::Event(event) => self.events[side].push((self.now, event)),
                Output::Transmit(transmit) => {
                    let data = buf[..transmit.len].to_vec();
                    let packet = Packet { sent_at: self.now, from: side, path: transmit.path, data };
                    self.sent.push(packet.clone());
                    if !(self.lost)(&packet) {
                        self.serial += 1;
                        let arrives = self.now + self.delay + (self.jitter)(&packet);
                        self.flying.insert((arrives, self.serial), packet);
                    }
                }
                Output::Wait(deadline) => {
                    assert!(deadline.is_none_or(|at| at > self.now), "law 4");
                    return deadline;
                }
            }
        }
    }

    /// Hands `side` a datagram now.
    pub(crate) fn inject(&mut self, side: usize, local: SocketAddr, remote: SocketAddr, data: &[u8]) {
        self.agents[side].handle_input(self.now, Datagram::udp(local, remote, data));
    }

    /// Runs until `end`.
    pub(crate) fn run_until(&mut self, end: Instant) {
        loop {
            let deadlines = [self.drain(0), self.drain(1)];
            let arrival = self.flying.first_key_value().map(|((at, _), _)| *at);
            let next = deadlines.into_iter().flatten().chain(arrival).min();
            let Some(next) = next.filter(|at| *at <= end) else {
                self.now = self.now.max(end);
                return;
            };
            self.now = self.now.max(next);
            while let Some(entry) = self.flying.first_entry().filter(|entry| entry.key().0 <= self.now) {
                let packet = entry.remove();
                let to = 1 - packet.from;
                if let Some(path) = (self.nat)(&packet) {
                    self.inject(to, path.remote, path.local, &packet.data);
                }
            }
        }
    }

    /// When `side` first reported something that `wanted` accepts.
    pub(crate) fn first(&self, side: usize, wanted: impl Fn(&Event) -> bool) -> Option<Instant> {
        self.events[side].iter().find(|(_, event)| wanted(event)).map(|(at, _)| *at)
    }

    pub(crate) fn selected_at(&self, side: usize) -> Option<Instant> {
        self.first(side, |event| matches!(event, Event::Selected(_)))
    }
}

/// A check as somebody would forge it who knows what is in it.
#[derive(Clone)]
pub(crate) struct Forged {
    pub(crate) username: String,
    pub(crate) pwd: Option<String>,
    pub(crate) priority: Option<u32>,
    pub(crate) role: Role,
    pub(crate) tie_breaker: u64,
    pub(crate) nominates: bool,
    pub(crate) unknown: Option<u16>,
    pub(crate) id: [u8; 12],
}

impl Forged {
    /// A flawless check for `agent` by the peer it was told of, or by one of user fragment `peer`.
    pub(crate) fn check(agent: &Agent) -> Self {
        let theirs = agent.remote_parameters().map_or("peer", |remote| remote.credentials.ufrag());
        Self {
            username: format!("{}:{theirs}", agent.local_credentials().ufrag()),
            pwd: Some(agent.local_credentials().pwd().into()),
            priority: Some(1_845_501_695),
            role: agent.role().other(),
            tie_breaker: 7,
            nominates: false,
            unknown: None,
            id: [9; 12],
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut buf = [0; 600];
        let mut message =
            Builder::new(&mut buf, Class::Request, Method::BINDING, TransactionId(self.id)).unwrap();
        message.add(&Attribute::Username(&self.username)).unwrap();
        if let Some(priority) = self.priority {
            message.add(&Attribute::Priority(priority)).unwrap();
        }
        let role = match self.role {
            Role::Controlling => Attribute::IceControlling(self.tie_breaker),
            Role::Controlled => Attribute::IceControlled(self.tie_breaker),
        };
        message.add(&role).unwrap();
        if self.nominates {
            message.add(&Attribute::UseCandidate).unwrap();
        }
        if let Some(kind) = self.unknown {
            message.raw(AttributeType(kind), &[b"what"]).unwrap();
        }
        if let Some(pwd) = &self.pwd {
            message.integrity(&IntegrityKey::short_term(pwd)).unwrap();
        }
        message.fingerprint().unwrap();
        let len = message.finish();
        buf[..len].to_vec()
    }
}

/// An answer to the request `data`: success with this mapped address, or an error.
pub(crate) fn answer(data: &[u8], said: Result<SocketAddr, u16>, pwd: Option<&str>) -> Vec<u8> {
    let id = Message::parse(data).unwrap().transaction_id();
    let mut buf = [0; 200];
    let class = if said.is_ok() { Class::Success } else { Class::Error };
    let mut message = Builder::new(&mut buf, class, Method::BINDING, id).unwrap();
    match said {
        Ok(mapped) => message.add(&Attribute::XorMappedAddress(mapped)).unwrap(),
        Err(code) => message.add(&Attribute::ErrorCode(ErrorCode::new(code))).unwrap(),
    };
    if let Some(pwd) = pwd {
        message.integrity(&IntegrityKey::short_term(pwd)).unwrap();
    }
    message.fingerprint().unwrap();
    let len = message.finish();
    buf[..len].to_vec()
}

pub(crate) fn is_request(packet: &Packet) -> bool {
    Message::parse(&packet.data).unwrap().class() == Class::Request
}

pub(crate) fn nominates(packet: &Packet) -> bool {
    Message::parse(&packet.data).unwrap().use_candidate()
}
