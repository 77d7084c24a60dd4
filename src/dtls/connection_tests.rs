//! Tests of the connection that look at its inside: sequence numbers, memory, phases.

use std::sync::OnceLock;

use super::*;
use crate::crypto::{Certificate, FingerprintHash};
use crate::dtls::negotiate::CipherSuite;
use crate::rng::Seed;
use crate::wire::dtls::record::MAX_SEQUENCE;

const UNIX_TIME: Duration = Duration::from_secs(1_700_000_000);

/// Two certificates; each test of this process has the same ones.
fn certificate(number: u8) -> Certificate {
    static CERTIFICATES: [OnceLock<Certificate>; 2] = [OnceLock::new(), OnceLock::new()];
    let generate = || Certificate::generate(&Seed::from_bytes([number; 32]), UNIX_TIME).unwrap();
    CERTIFICATES[usize::from(number - 1)].get_or_init(generate).clone()
}

fn connection(seed: u8, role: Role, change: impl FnOnce(&mut Config)) -> Connection {
    let mut config = Config::new(certificate(seed));
    change(&mut config);
    Connection::new(Instant::ZERO, Rng::new(&Seed::from_bytes([seed; 32])), &config, role).unwrap()
}

fn pair() -> (Connection, Connection) {
    let (mut client, mut server) = (connection(1, Role::Client, |_| {}), connection(2, Role::Server, |_| {}));
    client.set_remote_fingerprints(vec![certificate(2).fingerprint(FingerprintHash::Sha256)]);
    server.set_remote_fingerprints(vec![certificate(1).fingerprint(FingerprintHash::Sha256)]);
    (client, server)
}

/// Moves everything there is; what was reported.
fn exchange(a: &mut Connection, b: &mut Connection) -> (Vec<Event>, Vec<Event>) {
    let mut events = (Vec::new(), Vec::new());
    let mut buf = [0; 1500];
    loop {
        let mut moved = false;
        for turn in [true, false] {
            let (from, to, log) =
                if turn { (&mut *a, &mut *b, &mut events.0) } else { (&mut *b, &mut *a, &mut events.1) };
            loop {
                match from.poll_output(Instant::ZERO, &mut buf) {
                    Output::Transmit(t) => to.handle_input(Instant::ZERO, &buf[..t.len]),
                    Output::Event(event) => log.push(event),
                    Output::Wait(_) => break,
                }
                moved = true;
            }
        }
        if !moved {
            return events;
        }
    }
}

#[test]
fn both_sides_connect_and_exchange_data() {
    let (mut client, mut server) = pair();
    client.start();
    assert_eq!(exchange(&mut client, &mut server), (vec![Event::Connected], vec![Event::Connected]));
    let mut buf = [0; 100];
    let len = client.seal(b"ping", &mut buf).unwrap();
    server.handle_input(Instant::ZERO, &buf[..len]);
    assert_eq!(server.recv().as_deref(), Some(&b"ping"[..]));
    let len = server.seal(b"pong", &mut buf).unwrap();
    client.handle_input(Instant::ZERO, &buf[..len]);
    assert_eq!(client.recv().as_deref(), Some(&b"pong"[..]));
    assert_eq!((client.stats().datagrams_sent, server.stats().datagrams_sent), (2, 2));
}

#[test]
fn n29_the_end_of_the_sequence_numbers_is_an_error_not_a_repeat() {
    let (mut client, mut server) = pair();
    client.start();
    exchange(&mut client, &mut server);
    client.epochs.skip_to(MAX_SEQUENCE);
    let mut buf = [0; 100];
    let len = client.seal(b"last", &mut buf).unwrap();
    server.handle_input(Instant::ZERO, &buf[..len]);
    assert_eq!(server.recv().as_deref(), Some(&b"last"[..]));
    assert_eq!(client.seal(b"more", &mut buf), Err(SealError::SequenceExhausted { epoch: 1 }));
}

#[test]
fn every_suite_works() {
    for suite in CipherSuite::ALL.into_iter().filter(|suite| suite.fits(certificate(1).algorithm())) {
        let mut client = connection(1, Role::Client, |config| config.suites = vec![suite]);
        let (_, mut server) = pair();
        client.set_remote_fingerprints(vec![certificate(2).fingerprint(FingerprintHash::Sha512)]);
        client.start();
        exchange(&mut client, &mut server);
        assert!(client.is_connected() && server.is_connected(), "{suite:?}");
        let mut buf = [0; 100];
        let len = client.seal(b"ping", &mut buf).unwrap();
        assert_eq!(len, client.seal_head() + 4 + client.seal_tail());
        server.handle_input(Instant::ZERO, &buf[..len]);
        assert!(server.recv().is_some());
    }
}

#[test]
fn the_handshake_leaves_nothing_behind() {
    let (mut client, mut server) = pair();
    client.start();
    exchange(&mut client, &mut server);
    assert!(client.handshake.is_none() && client.flight.is_none());
    assert!(server.handshake.is_none() && server.flight.is_some());
    let mut buf = [0; 100];
    let len = client.seal(b"ping", &mut buf).unwrap();
    server.handle_input(Instant::ZERO, &buf[..len]);
    assert!(server.flight.is_none() && server.deadline().is_none());
    drop(server.recv());
    server.trim();
    assert_eq!((server.arena.pinned(), server.inbox.capacity()), (0, 0));
}
