//! Two ICE agents and somebody who knows every password: checks, answers and nominations that are authentic and make no sense, at every
//! stage from before the first description to after a restart. Nothing panics, loops or grows, nothing leaves without consent, and two
//! agents that are left alone after a restart find each other.
//!
//! The input is a list of steps: `kind length bytes`.
#![no_main]

mod steps;

use core::time::Duration;
use std::net::SocketAddr;

use antiphon::ice::{
    Agent, Config, Credentials, Event, IceConnectionState, LocalCandidate, RemoteParameters, Role,
};
use antiphon::sdp::candidate::{Candidate, CandidateAddress};
use antiphon::stun::{AttributeType, Builder, Class, IntegrityKey, Message, Method, TransactionId};
use antiphon::{Datagram, Instant, Output, Rng, Seed};
use libfuzzer_sys::fuzz_target;
use steps::steps;

const MTU: usize = 1200;

struct World {
    agents: [Agent; 2],
    /// Credentials each agent has had, the newest last: somebody remembers them all.
    known: [Vec<Credentials>; 2],
    now: Instant,
    /// Datagrams under way, to each agent: on which socket, from where, what.
    wire: [Vec<(SocketAddr, SocketAddr, Vec<u8>)>; 2],
    /// Transactions each agent has asked under.
    asked: [Vec<TransactionId>; 2],
    closed: [bool; 2],
}

fn host(side: usize, n: u8) -> SocketAddr {
    SocketAddr::from(([10, side as u8, 0, n & 3], 5000))
}

/// An address somebody claims: one of either side's, or one of some hundred others.
fn anywhere(byte: u8) -> SocketAddr {
    match byte {
        0..16 => host(usize::from(byte & 1), byte >> 1),
        16..18 => SocketAddr::from(([127, 0, 0, 1], 5000)),
        18 => SocketAddr::from(([224, 0, 0, 1], 5000)),
        19 => SocketAddr::from(([0; 16], 5000)),
        _ => SocketAddr::from(([192, 0, 2, byte], 1000 + u16::from(byte))),
    }
}

impl World {
    fn new(knobs: u8) -> Self {
        let agent = |side: u8| {
            let role = if knobs & (1 << side) == 0 { Role::Controlling } else { Role::Controlled };
            let lite = knobs & 4 != 0 && side == 1;
            let mut config = Config::new().role(role).lite(lite).pacing(Duration::from_millis(20));
            if knobs & 8 != 0 {
                config = config.pair_limit(3).peer_reflexive_limit(2).remote_candidate_limit(3);
            }
            Agent::new(Instant::ZERO, Rng::new(&Seed::from_bytes([side + 1; 32])), &config)
                .expect("a configuration")
        };
        let mut agents = [agent(0), agent(1)];
        for (side, agent) in agents.iter_mut().enumerate() {
            agent.add_local_candidate(LocalCandidate::udp(host(side, 1))).expect("the first");
        }
        let known = [0, 1].map(|side: usize| vec![agents[side].local_credentials().clone()]);
        Self {
            agents,
            known,
            now: Instant::ZERO,
            wire: Default::default(),
            asked: Default::default(),
            closed: [false; 2],
        }
    }

    fn drain(&mut self, side: usize) -> Option<Instant> {
        let mut buf = [0; MTU];
        for _ in 0..10_000 {
            let output = self.agents[side].poll_output(self.now, &mut buf);
            assert!(!self.closed[side] || matches!(output, Output::Wait(None)), "law 10: {output:?}");
            match output {
                Output::Event(event) => self.closed[side] |= event == Event::Closed,
                Output::Transmit(t) => {
                    let sent = Message::parse(&buf[..t.len]).expect("what is sent is STUN");
                    if sent.class() == Class::Request {
                        self.asked[side].push(sent.transaction_id());
                        let excess = self.asked[side].len().saturating_sub(32);
                        self.asked[side].drain(..excess);
                    }
                    assert_ne!(self.agents[side].state(), IceConnectionState::Failed, "sent after failure");
                    let ip = t.path.remote.ip();
                    assert!(!ip.is_multicast() && !ip.is_unspecified() && !ip.is_loopback(), "sent to {ip}");
                    // Each socket reaches each address of the other side.
                    if self.wire[1 - side].len() < 64 {
                        self.wire[1 - side].push((t.path.remote, t.path.local, buf[..t.len].to_vec()));
                    }
                }
                Output::Wait(wait) => {
                    assert!(wait.is_none_or(|at| at > self.now), "law 4");
                    self.check(side);
                    return wait;
                }
            }
        }
        panic!("it never waits");
    }

    fn check(&self, side: usize) {
        let agent = &self.agents[side];
        let stats = agent.stats();
        assert!(stats.pairs.len() <= 2 * 100 + 64, "{} pairs", stats.pairs.len());
        assert!(stats.remote_candidates.len() <= 132, "{} candidates", stats.remote_candidates.len());
        if let Some(path) = agent.active_path() {
            assert!(agent.accepts(&path), "data may go where it may not come from");
            assert!(!matches!(agent.state(), IceConnectionState::Failed | IceConnectionState::Closed));
        }
    }

    fn give(&mut self, side: usize, socket: SocketAddr, from: SocketAddr, data: &[u8]) {
        self.agents[side].handle_input(self.now, Datagram::udp(socket, from, data));
    }

    /// Delivers what is under way, up to `count`.
    fn deliver(&mut self, side: usize, count: usize) {
        let count = count.min(self.wire[side].len());
        for (socket, from, data) in self.wire[side].drain(..count).collect::<Vec<_>>() {
            self.give(side, socket, from, &data);
        }
    }

    fn describe_to(&mut self, side: usize) {
        let other = &self.agents[1 - side];
        let mut parameters = RemoteParameters::new(other.local_credentials().clone());
        parameters.lite = other.is_lite();
        parameters.pacing = other.local_pacing();
        let candidates: Vec<Candidate> = other.local_candidates().cloned().collect();
        self.agents[side].set_remote(parameters);
        for candidate in candidates {
            // Too many, perhaps.
            self.agents[side].add_remote_candidate(&candidate).unwrap_or_default();
        }
        self.remember();
    }

    fn remember(&mut self) {
        for (side, known) in self.known.iter_mut().enumerate() {
            let now = self.agents[side].local_credentials();
            if known.last() != Some(now) {
                known.push(now.clone());
            }
        }
    }

    /// An authentic message for `side`, as the bytes want it.
    fn forge(&mut self, side: usize, bytes: &[u8]) {
        let [shape, from, generation, id, rest @ ..] = bytes else { return };
        let pick =
            |known: &[Credentials]| known[known.len() - 1 - usize::from(*generation) % known.len()].clone();
        let (ours, theirs) = (pick(&self.known[side]), pick(&self.known[1 - side]));
        let class = [Class::Request, Class::Success, Class::Error, Class::Indication][usize::from(shape & 3)];
        let id = match self.asked[side].get(usize::from(*id)) {
            Some(asked) => *asked,
            None => TransactionId([*id; 12]),
        };
        let mut buf = [0; 1400];
        let written = (|| {
            let mut message = Builder::new(&mut buf, class, Method::BINDING, id).ok()?;
            if class == Class::Request {
                let username = [ours.ufrag().as_bytes(), b":", theirs.ufrag().as_bytes()];
                message.raw(AttributeType::USERNAME, &username).ok()?;
            }
            // Whatever the bytes say, attribute by attribute: `type length value`, or one of the usual ones.
            let mut rest = rest;
            while let [kind, len, tail @ ..] = rest {
                let (value, tail) = tail.split_at(tail.len().min(usize::from(len & 63)));
                rest = tail;
                let number = u64::from(*len);
                match kind {
                    0 => message.raw(AttributeType::PRIORITY, &[&(number as u32).to_be_bytes()]).ok()?,
                    1 => message.raw(AttributeType::ICE_CONTROLLING, &[&number.to_be_bytes()]).ok()?,
                    2 => message.raw(AttributeType::ICE_CONTROLLED, &[&u64::MAX.to_be_bytes()]).ok()?,
                    3 => message.raw(AttributeType::USE_CANDIDATE, &[]).ok()?,
                    4 => {
                        let code = [0, 0, 3 + (len & 3), *len % 100];
                        message.raw(AttributeType::ERROR_CODE, &[&code]).ok()?
                    }
                    5 => message.raw(AttributeType::ERROR_CODE, &[&[0, 0, 4, 87]]).ok()?,
                    6 => message.raw(AttributeType::ERROR_CODE, &[&[0, 0, 4, 3]]).ok()?,
                    7 => {
                        let SocketAddr::V4(mapped) = anywhere(*len) else { continue };
                        message.add(&antiphon::stun::Attribute::XorMappedAddress(mapped.into())).ok()?
                    }
                    8 => message.raw(AttributeType::META_DTLS, &[value]).ok()?,
                    9 => message.raw(AttributeType::META_DTLS_ACK, &[value]).ok()?,
                    _ => {
                        message.raw(AttributeType(u16::from(*kind) << 8 | u16::from(*len)), &[value]).ok()?
                    }
                };
            }
            // Requests by the receiver's password, answers by the sender's.
            let pwd = if class == Class::Request { ours.pwd() } else { theirs.pwd() };
            if shape & 0x80 == 0 {
                message.integrity(&IntegrityKey::short_term(pwd)).ok()?;
            }
            message.fingerprint().ok()?;
            Some(message.finish())
        })();
        if let Some(len) = written {
            let socket = host(side, 1 + (shape >> 4 & 1));
            self.give(side, socket, anywhere(*from), &buf[..len]);
        }
    }

    fn step(&mut self, side: usize, kind: u8, bytes: &[u8]) {
        let first = bytes.first().copied().unwrap_or_default();
        match kind {
            0 => self.deliver(side, usize::from(first & 7) + 1),
            1..=4 => self.forge(side, bytes),
            5 => self.now = self.now + Duration::from_millis(u64::from(first) * 8),
            6 => self.now = self.now + Duration::from_millis(u64::from(first) * 500),
            7 => self.give(side, host(side, 1), anywhere(first), bytes),
            8 => self.describe_to(side),
            9 => self.agents[side].restart(),
            10 => {
                let credentials = self.known[side][usize::from(first) % self.known[side].len()].clone();
                self.agents[side].restart_with(credentials);
            }
            11 => {
                let known = &self.known[1 - side];
                let credentials = known[usize::from(first) % known.len()].clone();
                self.agents[side].set_remote(RemoteParameters::new(credentials));
            }
            12 => {
                let candidate = self.agents[0].local_candidates().next().cloned();
                if let Some(mut candidate) = candidate {
                    let address = anywhere(first);
                    candidate.address = CandidateAddress::Ip(address.ip());
                    (candidate.port, candidate.username_fragment) = (address.port(), None);
                    candidate.foundation = (first & 3).to_string();
                    candidate.priority = u32::from(bytes.get(1).copied().unwrap_or(1)) << 23;
                    self.agents[side].add_remote_candidate(&candidate).unwrap_or_default();
                }
            }
            13 => self.agents[side].remove_local_candidate(host(side, first)),
            14 => {
                // There already, or closed.
                drop(self.agents[side].add_local_candidate(LocalCandidate::udp(host(side, first))));
            }
            _ => match first & 7 {
                0 => self.agents[side].set_role(Role::Controlling),
                1 => self.agents[side].set_role(Role::Controlled),
                2 => self.agents[side].end_of_local_candidates(),
                3 => self.agents[side].end_of_remote_candidates(),
                4 if first == 0x84 => self.agents[side].close(),
                5 => self.wire[side].clear(),
                6 => self.agents[side] = self.agents[side].fork(),
                _ => assert!(matches!(
                    self.agents[side].poll_output(self.now, &mut []),
                    Output::Event(_) | Output::Wait(_)
                )),
            },
        }
        self.remember();
    }

    /// Left alone after a restart, the two meet.
    fn assert_they_meet(&mut self) {
        if self.closed != [false; 2]
            || self.agents.iter().any(|agent| agent.state() == IceConnectionState::Closed)
        {
            return;
        }
        for side in 0..2 {
            self.wire[side].clear();
            // There already.
            drop(self.agents[side].add_local_candidate(LocalCandidate::udp(host(side, 1))));
        }
        self.agents[0].restart();
        self.describe_to(1);
        self.describe_to(0);
        let until = self.now + Duration::from_secs(20);
        for _ in 0..20_000 {
            let waits = [self.drain(0), self.drain(1)];
            if self.wire.iter().any(|wire| !wire.is_empty()) {
                (0..2).for_each(|side| self.deliver(side, 64));
                continue;
            }
            match waits.into_iter().flatten().min().filter(|at| *at < until) {
                Some(at) => self.now = at,
                None => break,
            }
        }
        for agent in &self.agents {
            assert!(agent.active_path().is_some(), "{:?}: they do not meet", agent.state());
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let [knobs, rest @ ..] = input else { return };
    let mut world = World::new(*knobs);
    for step in steps(rest) {
        world.step(step.end, step.kind, step.bytes);
        if step.drains {
            let _ = [world.drain(0), world.drain(1)];
        }
    }
    let _ = [world.drain(0), world.drain(1)];
    world.assert_they_meet();
});
