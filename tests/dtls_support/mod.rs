//! Two ends in memory for the tests of DTLS, and certificates.
#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use core::time::Duration;
use std::collections::VecDeque;
use std::sync::OnceLock;

use antiphon::crypto::{Certificate, Fingerprint, FingerprintHash};
use antiphon::dtls::{Config, Connection, Event, Role};
use antiphon::sim::deterministic;
use antiphon::wire::dtls::handshake::{Fragments, HandshakeType, whole_header};
use antiphon::wire::dtls::record::{ContentType, Records, Version, write_header};
use antiphon::{Instant, Output, Rng, Seed};

pub(crate) const UNIX_TIME: Duration = Duration::from_secs(1_700_000_000);

/// Three certificates that sign the same bytes in the same way, so that sizes are the same in every run.
pub(crate) fn certificate(number: u8) -> Certificate {
    static CERTIFICATES: [OnceLock<Certificate>; 3] = [OnceLock::new(), OnceLock::new(), OnceLock::new()];
    let generate =
        || deterministic(Certificate::generate(&Seed::from_bytes([number; 32]), UNIX_TIME).unwrap());
    CERTIFICATES[usize::from(number)].get_or_init(generate).clone()
}

pub(crate) fn fingerprint(number: u8) -> Fingerprint {
    certificate(number).fingerprint(FingerprintHash::Sha256)
}

pub(crate) fn at(millis: u64) -> Instant {
    Instant::from_nanos(millis * 1_000_000)
}

/// A connection with certificate `number` that trusts nobody yet.
pub(crate) fn connection(number: u8, role: Role, change: impl FnOnce(&mut Config)) -> Connection {
    let mut config = Config::new(certificate(number));
    change(&mut config);
    Connection::new(at(0), Rng::new(&Seed::from_bytes([number + 10; 32])), &config, role).unwrap()
}

/// Both ends and the datagrams between them. Index 0 is the client.
pub(crate) struct Pair {
    pub(crate) ends: [Connection; 2],
    pub(crate) events: [Vec<Event>; 2],
    /// Datagrams on their way to each end.
    pub(crate) wire: [VecDeque<Vec<u8>>; 2],
    pub(crate) now: Instant,
    /// Datagrams each end has sent.
    pub(crate) sent: [usize; 2],
}

pub(crate) const CLIENT: usize = 0;
pub(crate) const SERVER: usize = 1;

impl Pair {
    /// Two ends that trust each other; the client has begun.
    pub(crate) fn new() -> Self {
        Self::with(|_| {}, |_| {})
    }

    pub(crate) fn with(client: impl FnOnce(&mut Config), server: impl FnOnce(&mut Config)) -> Self {
        let mut pair = Self::of(connection(0, Role::Client, client), connection(1, Role::Server, server));
        pair.ends[CLIENT].set_remote_fingerprints(vec![fingerprint(1)]);
        pair.ends[SERVER].set_remote_fingerprints(vec![fingerprint(0)]);
        pair
    }

    pub(crate) fn of(mut client: Connection, server: Connection) -> Self {
        client.start();
        Self {
            ends: [client, server],
            events: [vec![], vec![]],
            wire: Default::default(),
            now: at(0),
            sent: [0; 2],
        }
    }

    pub(crate) fn connected() -> Self {
        let mut pair = Self::new();
        pair.run();
        assert!(pair.is_connected());
        pair
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.ends.iter().all(Connection::is_connected)
    }

    /// Draws what an end has to say, to the wire; its deadline.
    pub(crate) fn draw(&mut self, end: usize) -> Option<Instant> {
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
    pub(crate) fn deliver(&mut self, end: usize) {
        while let Some(datagram) = self.wire[end].pop_front() {
            self.ends[end].handle_input(self.now, &datagram);
        }
    }

    /// Moves everything that moves without time passing.
    pub(crate) fn run(&mut self) {
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
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.ends.iter().filter_map(Connection::deadline).min()
    }

    /// Lets one end send `data`.
    pub(crate) fn send(&mut self, end: usize, data: &[u8]) -> Vec<u8> {
        let mut buf = vec![0; data.len() + 64];
        let len = self.ends[end].seal(data, &mut buf).unwrap();
        buf.truncate(len);
        self.ends[1 - end].handle_input(self.now, &buf);
        buf
    }

    /// Both ends still send and receive.
    pub(crate) fn assert_alive(&mut self) {
        for end in [CLIENT, SERVER] {
            self.send(end, b"still here");
            assert_eq!(self.ends[1 - end].recv().as_deref(), Some(&b"still here"[..]), "to {}", 1 - end);
        }
    }
}

/// A record in the clear, or one that claims to be of another epoch.
pub(crate) fn record(content_type: ContentType, (epoch, sequence): (u16, u64), content: &[u8]) -> Vec<u8> {
    let mut head = [0; 13];
    let mut writer = antiphon::base::writer::Writer::new(&mut head);
    write_header(&mut writer, content_type, Version::DTLS_1_2, (epoch, sequence), content.len()).unwrap();
    [&head, content].concat()
}

/// A handshake message in one fragment and one record in the clear.
pub(crate) fn handshake(kind: HandshakeType, sequence: u16, body: &[u8]) -> Vec<u8> {
    let content = [&whole_header(kind, sequence, body.len())[..], body].concat();
    record(ContentType::Handshake, (0, 7000), &content)
}

/// Somebody in the middle: the datagram with the bodies of its handshake messages in the clear as `change` leaves
/// them; a message for which it returns false is taken out.
pub(crate) fn tamper(
    datagram: &[u8],
    mut change: impl FnMut(HandshakeType, &mut Vec<u8>) -> bool,
) -> Vec<u8> {
    let mut out = Vec::new();
    for whole in Records::new(datagram) {
        if whole.epoch > 0 || whole.content_type != ContentType::Handshake {
            out.extend_from_slice(whole.whole);
            continue;
        }
        let mut content = Vec::new();
        for fragment in Fragments::new(whole.fragment) {
            assert_eq!(fragment.data.len(), fragment.total, "whole messages only");
            let mut body = fragment.data.to_vec();
            if change(fragment.kind, &mut body) {
                content.extend_from_slice(&whole_header(fragment.kind, fragment.message_seq, body.len()));
                content.extend_from_slice(&body);
            }
        }
        out.extend(record(whole.content_type, (0, whole.sequence), &content));
    }
    out
}
