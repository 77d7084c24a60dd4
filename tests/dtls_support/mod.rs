//! Two ends in memory for the tests of DTLS, and certificates.
#![expect(dead_code, reason = "each test uses a part of it")]

use core::time::Duration;
use std::collections::VecDeque;
use std::sync::OnceLock;

use antiphon::crypto::{Certificate, Fingerprint, FingerprintHash};
use antiphon::dtls::{Config, Connection, Event, Role};
use antiphon::{Instant, Output, Rng, Seed};

pub const UNIX_TIME: Duration = Duration::from_secs(1_700_000_000);

/// Three certificates; each test of this process has the same ones.
pub fn certificate(number: u8) -> Certificate {
    static CERTIFICATES: [OnceLock<Certificate>; 3] = [OnceLock::new(), OnceLock::new(), OnceLock::new()];
    let generate = || Certificate::generate(&Seed::from_bytes([number; 32]), UNIX_TIME).unwrap();
    CERTIFICATES[usize::from(number)].get_or_init(generate).clone()
}

pub fn fingerprint(number: u8) -> Fingerprint {
    certificate(number).fingerprint(FingerprintHash::Sha256)
}

pub fn at(millis: u64) -> Instant {
    Instant::from_nanos(millis * 1_000_000)
}

/// A connection with certificate `number` that trusts nobody yet.
pub fn connection(number: u8, role: Role, change: impl FnOnce(&mut Config)) -> Connection {
    let mut config = Config::new(certificate(number));
    change(&mut config);
    Connection::new(at(0), Rng::new(&Seed::from_bytes([number + 10; 32])), &config, role).unwrap()
}

/// Both ends and the datagrams between them. Index 0 is the client.
pub struct Pair {
    pub ends: [Connection; 2],
    pub events: [Vec<Event>; 2],
    /// Datagrams on their way to each end.
    pub wire: [VecDeque<Vec<u8>>; 2],
    pub now: Instant,
    /// Datagrams each end has sent.
    pub sent: [usize; 2],
}

pub const CLIENT: usize = 0;
pub const SERVER: usize = 1;

impl Pair {
    /// Two ends that trust each other; the client has begun.
    pub fn new() -> Self {
        Self::with(|_| {}, |_| {})
    }

    pub fn with(client: impl FnOnce(&mut Config), server: impl FnOnce(&mut Config)) -> Self {
        let mut pair = Self::of(connection(0, Role::Client, client), connection(1, Role::Server, server));
        pair.ends[CLIENT].set_remote_fingerprints(vec![fingerprint(1)]);
        pair.ends[SERVER].set_remote_fingerprints(vec![fingerprint(0)]);
        pair
    }

    pub fn of(mut client: Connection, server: Connection) -> Self {
        client.start();
        Self { ends: [client, server], events: [vec![], vec![]], wire: Default::default(), now: at(0), sent: [0; 2] }
    }

    pub fn connected() -> Self {
        let mut pair = Self::new();
        pair.run();
        assert!(pair.is_connected());
        pair
    }

    pub fn is_connected(&self) -> bool {
        self.ends.iter().all(Connection::is_connected)
    }

    /// Draws what an end has to say, to the wire; its deadline.
    pub fn draw(&mut self, end: usize) -> Option<Instant> {
        let mut buf = [0; 2000];
        loop {
            match self.ends[end].poll_output(self.now, &mut buf) {
                Output::Transmit(t) => {
                    self.sent[end] += 1;
                    self.wire[1 - end].push_back(buf[..t.len].to_vec());
                }
                Output::Event(event) => self.events[end].push(event),
                Output::Wait(deadline) => {
                    assert!(deadline.is_none_or(|at| at > self.now), "law 4");
                    return deadline;
                }
            }
        }
    }

    /// Delivers what is on its way to an end.
    pub fn deliver(&mut self, end: usize) {
        while let Some(datagram) = self.wire[end].pop_front() {
            self.ends[end].handle_input(self.now, &datagram);
        }
    }

    /// Moves everything that moves without time passing.
    pub fn run(&mut self) {
        for _ in 0..100 {
            let before = self.sent;
            for end in [CLIENT, SERVER] {
                self.draw(end);
                self.deliver(1 - end);
            }
            if self.sent == before {
                break;
            }
        }
        self.draw(CLIENT);
    }

    /// The sooner of both deadlines.
    pub fn deadline(&self) -> Option<Instant> {
        self.ends.iter().filter_map(Connection::deadline).min()
    }

    /// Lets one end send `data`.
    pub fn send(&mut self, end: usize, data: &[u8]) -> Vec<u8> {
        let mut buf = vec![0; data.len() + 64];
        let len = self.ends[end].seal(data, &mut buf).unwrap();
        buf.truncate(len);
        self.ends[1 - end].handle_input(self.now, &buf);
        buf
    }

    /// Both ends still send and receive.
    pub fn assert_alive(&mut self) {
        for end in [CLIENT, SERVER] {
            self.send(end, b"still here");
            assert_eq!(self.ends[1 - end].recv().as_deref(), Some(&b"still here"[..]), "to {}", 1 - end);
        }
    }
}
