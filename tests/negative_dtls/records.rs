//! Records: forged, replayed, early, in the clear; and what is delivered before the peer is known.

use antiphon::dtls::{CloseReason, Connection, Event, HandshakeError, Role, SealError};
use antiphon::wire::dtls::alert::AlertDescription;
use antiphon::wire::dtls::handshake::HandshakeType;
use antiphon::wire::dtls::record::{ContentType, Records};

use crate::attack::{
    FATAL, after_client_flight, after_server_flight, drawn, failure, failure_in_time, give,
    with_wrong_fingerprint,
};
use crate::dtls_support::{
    CLIENT, Pair, SERVER, at, certificate, connection, fingerprint, handshake, record, tamper,
};

#[test]
fn an_alert_in_the_clear_is_believed_when_nothing_else_comes() {
    let mut pair = Pair::new();
    pair.draw(CLIENT);
    give(&mut pair, CLIENT, &[record(ContentType::Alert, (0, 0), &FATAL)]);
    assert_eq!(pair.draw(CLIENT), Some(at(1000)));
    let reason = CloseReason::PeerAlert(AlertDescription::HANDSHAKE_FAILURE);
    assert_eq!(failure_in_time(&mut pair, CLIENT), (reason, None));
    // The third expiry; the hello was sent again at those before.
    assert_eq!((pair.now, pair.sent[CLIENT]), (at(7000), 3));
}

// A peer that is closed while its handshake runs has no keys to say it with.
#[test]
fn a_close_in_the_clear_is_believed_when_nothing_else_comes() {
    let close = record(ContentType::Alert, (0, 0), &[1, 0]);
    let mut pair = Pair::new();
    pair.draw(CLIENT);
    give(&mut pair, CLIENT, core::slice::from_ref(&close));
    assert_eq!(pair.draw(CLIENT), Some(at(1000)));
    let reason = CloseReason::PeerAlert(AlertDescription::CLOSE_NOTIFY);
    assert_eq!(failure_in_time(&mut pair, CLIENT), (reason, None));
    assert_eq!(pair.now, at(7000));
    // Anybody could have sent it: a peer that goes on is believed more.
    let (mut pair, flight) = after_server_flight();
    give(&mut pair, CLIENT, &[close, flight]);
    pair.run();
    pair.now = at(5000);
    pair.run();
    assert!(pair.is_connected());
}

// RFC 5246 §6.2.1 and §6.2.3: 2^14 bytes of content, and what protection adds.
#[test]
fn a_record_longer_than_any_is_dropped_before_it_is_opened() {
    let mut pair = Pair::connected();
    let (head, tail) = (8, 16);
    let longest = record(ContentType::ApplicationData, (1, 500), &vec![0; head + (1 << 14) + tail]);
    let longer = record(ContentType::ApplicationData, (1, 501), &vec![0; head + (1 << 14) + 1 + tail]);
    give(&mut pair, SERVER, &[longest, longer]);
    let stats = pair.ends[SERVER].stats();
    assert_eq!((stats.unauthenticated, stats.malformed), (1, 1));
    pair.assert_alive();
    pair.send(CLIENT, &[7; 1 << 14]);
    assert_eq!(pair.ends[SERVER].recv().map(|data| data.len()), Some(1 << 14));
}

#[test]
fn n22_application_data_in_the_clear_is_dropped() {
    let (mut pair, flight) = after_server_flight();
    for end in [CLIENT, SERVER] {
        give(&mut pair, end, &[record(ContentType::ApplicationData, (0, 50), b"data")]);
    }
    give(&mut pair, CLIENT, &[flight]);
    pair.run();
    for end in [CLIENT, SERVER] {
        give(&mut pair, end, &[record(ContentType::ApplicationData, (0, 51), b"data")]);
        assert_eq!(pair.ends[end].recv(), None);
        assert_eq!(pair.ends[end].stats().plaintext, 2);
    }
    pair.assert_alive();
}

#[test]
fn n22_application_data_before_the_finished_waits_for_it() {
    let (mut pair, flight) = after_client_flight();
    give(&mut pair, SERVER, &[flight]);
    let finished = drawn(&mut pair, SERVER);
    pair.send(SERVER, b"early");
    assert_eq!(pair.ends[CLIENT].recv(), None);
    give(&mut pair, CLIENT, &finished);
    assert_eq!(pair.ends[CLIENT].recv().as_deref(), Some(&b"early"[..]));
}

// The client has the keys before it has proved that its certificate is its own: what it seals then waits for the proof.
#[test]
fn n22_data_of_a_client_that_has_proved_nothing_reaches_nobody() {
    for proves in [true, false] {
        let (mut pair, flight) = after_client_flight();
        let forged = |pair: &mut Pair| {
            let mut buf = [0; 1200];
            let len = pair.ends[CLIENT].forge(ContentType::ApplicationData, b"unproved", &mut buf).unwrap();
            give(pair, SERVER, &[buf[..len].to_vec()]);
        };
        // Before the keys are there, and after the key exchange.
        (0..100).for_each(|_| forged(&mut pair));
        assert_eq!(pair.ends[SERVER].stats().overflow, 92);
        let exchange = tamper(&flight, |kind, _| kind != HandshakeType::CERTIFICATE_VERIFY);
        let clear = Records::new(&exchange).filter(|record| record.epoch == 0);
        let clear: Vec<_> = clear.map(|record| record.whole.to_vec()).collect();
        give(&mut pair, SERVER, &clear);
        (0..1000).for_each(|_| forged(&mut pair));
        let server = &mut pair.ends[SERVER];
        assert_eq!((server.recv(), server.is_connected()), (None, false));
        let stats = server.stats();
        assert_eq!((stats.records_received, stats.overflow, stats.unauthenticated), (32, 92 + 976, 0));
        assert_eq!(server.seal(b"data", &mut [0; 100]), Err(SealError::NotConnected));
        assert!(server.export_keying_material(b"label", None, &mut [0; 8]).is_err());
        if proves {
            // What was sent first is behind the window of records by now; the flight comes again.
            pair.now = at(1000);
            pair.run();
            assert_eq!(core::iter::from_fn(|| pair.ends[SERVER].recv()).count(), 32);
            continue;
        }
        // A proof by another key than the certificate's.
        let lie = tamper(&flight, |kind, body| {
            if kind == HandshakeType::CERTIFICATE_VERIFY {
                *body.last_mut().unwrap() ^= 1;
            }
            true
        });
        give(&mut pair, SERVER, &[lie]);
        assert_eq!(pair.ends[SERVER].recv(), None);
        let reason = CloseReason::Handshake(HandshakeError::BadSignature);
        assert_eq!(failure(&mut pair, SERVER).0, reason);
        assert_eq!(pair.ends[SERVER].recv(), None);
    }
}

#[test]
fn n22_change_cipher_spec_twice_late_or_never_is_all_the_same() {
    let (mut pair, flight) = after_client_flight();
    let change = record(ContentType::ChangeCipherSpec, (0, 60), &[1]);
    let (clear, finished): (Vec<_>, Vec<_>) = Records::new(&flight).partition(|record| record.epoch == 0);
    // Finished first, then everything else without the ChangeCipherSpec, then that twice.
    give(&mut pair, SERVER, &[finished[0].whole.to_vec()]);
    for record in clear.iter().filter(|record| record.content_type == ContentType::Handshake) {
        give(&mut pair, SERVER, &[record.whole.to_vec()]);
    }
    give(&mut pair, SERVER, &[change.clone(), change]);
    pair.run();
    assert!(pair.is_connected());
    pair.assert_alive();
}

#[test]
fn n23_a_wrong_fingerprint_delivers_nothing_and_says_why() {
    for end in [CLIENT, SERVER] {
        let mut pair = with_wrong_fingerprint(end);
        pair.run();
        // A client says so in the clear, which is doubted for a while.
        while let Some(deadline) = pair.deadline() {
            pair.now = deadline;
            pair.run();
        }
        assert!(pair.now <= at(7000));
        assert_eq!(pair.events[end], [Event::Failed(CloseReason::FingerprintMismatch)]);
        assert_eq!(pair.ends[end].recv(), None);
        assert_eq!(pair.ends[end].seal(b"data", &mut [0; 100]), Err(SealError::NotConnected));
        let told = CloseReason::PeerAlert(AlertDescription::BAD_CERTIFICATE);
        assert_eq!(pair.events[1 - end].last(), Some(&Event::Failed(told)), "{end}");
    }
}

#[test]
fn n24_a_late_fingerprint_holds_data_back() {
    for (number, connects) in [(0, true), (2, false)] {
        let (client, server) = (connection(0, Role::Client, |_| {}), connection(1, Role::Server, |_| {}));
        let mut pair = Pair::of(client, server);
        pair.ends[CLIENT].set_remote_fingerprints(vec![fingerprint(1)]);
        pair.run();
        assert_eq!(pair.events, [vec![Event::Connected], vec![]]);
        for _ in 0..1000 {
            pair.send(CLIENT, b"early");
        }
        assert_eq!(pair.ends[SERVER].recv(), None);
        assert!(pair.ends[SERVER].export_keying_material(b"label", None, &mut [0; 8]).is_err());
        pair.ends[SERVER].set_remote_fingerprints(vec![fingerprint(number)]);
        pair.run();
        let event = if connects { Event::Connected } else { Event::Failed(CloseReason::FingerprintMismatch) };
        assert_eq!(pair.events[SERVER], [event]);
        let held = core::iter::from_fn(|| pair.ends[SERVER].recv()).count();
        assert_eq!(held, if connects { 32 } else { 0 });
        if !connects {
            let told = CloseReason::PeerAlert(AlertDescription::BAD_CERTIFICATE);
            assert_eq!(pair.events[CLIENT][1..], [Event::Failed(told)]);
        }
    }
}

#[test]
fn n29_replays_are_dropped_whatever_their_age() {
    let mut pair = Pair::connected();
    let first = pair.send(CLIENT, b"first");
    for _ in 0..200 {
        let last = pair.send(CLIENT, b"more");
        give(&mut pair, SERVER, &[last]);
    }
    give(&mut pair, SERVER, &[first]);
    let delivered = core::iter::from_fn(|| pair.ends[SERVER].recv()).count();
    assert_eq!((delivered, pair.ends[SERVER].stats().replayed), (201, 201));
    pair.assert_alive();
}

#[test]
fn n29_a_forged_number_does_not_move_the_window() {
    let mut pair = Pair::connected();
    let highest = record(ContentType::ApplicationData, (1, (1 << 48) - 1), &[0; 40]);
    let short = record(ContentType::ApplicationData, (1, 20), &[0; 23]);
    give(&mut pair, SERVER, &[highest, short, record(ContentType::ApplicationData, (2, 0), &[0; 40])]);
    assert_eq!((pair.ends[SERVER].stats().unauthenticated, pair.ends[SERVER].stats().unknown_epoch), (2, 1));
    pair.assert_alive();
}

#[test]
fn bad_records_are_dropped_and_nothing_else_happens() {
    let mut pair = Pair::connected();
    let mut buf = [0; 100];
    let len = pair.ends[CLIENT].seal(b"hello", &mut buf).unwrap();
    for at in 13..len {
        let mut changed = buf[..len].to_vec();
        changed[at] ^= 0x10;
        give(&mut pair, SERVER, &[changed]);
    }
    assert_eq!(pair.ends[SERVER].stats().unauthenticated, u64::try_from(len - 13).unwrap());
    assert_eq!(pair.ends[SERVER].recv(), None);
    give(&mut pair, SERVER, &[buf[..len].to_vec()]);
    assert_eq!(pair.ends[SERVER].recv().as_deref(), Some(&b"hello"[..]));
}

#[test]
fn n30_nothing_in_the_clear_counts_after_the_handshake() {
    let mut pair = Pair::connected();
    for end in [CLIENT, SERVER] {
        give(
            &mut pair,
            end,
            &[
                record(ContentType::Alert, (0, 80), &FATAL),
                record(ContentType::Alert, (0, 81), &[1, 0]),
                handshake(HandshakeType::HELLO_REQUEST, 0, &[]),
                handshake(HandshakeType::FINISHED, 5, &[0; 12]),
                record(ContentType::ChangeCipherSpec, (0, 82), &[1]),
            ],
        );
        assert_eq!(pair.ends[end].stats().plaintext, 5);
    }
    pair.assert_alive();
    assert_eq!(pair.events, [[Event::Connected], [Event::Connected]]);
}

#[test]
fn n30_a_hello_request_during_the_handshake_says_nothing() {
    let (mut pair, flight) = after_server_flight();
    give(&mut pair, CLIENT, &[handshake(HandshakeType::HELLO_REQUEST, 0, &[]), flight]);
    pair.run();
    assert!(pair.is_connected());
}

#[test]
fn a_verified_peer_that_leaves_is_reported_once_and_data_before_it_stays() {
    let mut pair = Pair::connected();
    pair.send(CLIENT, b"bye");
    pair.ends[CLIENT].close();
    let goodbye = drawn(&mut pair, CLIENT);
    give(&mut pair, SERVER, &goodbye);
    give(&mut pair, SERVER, &goodbye);
    pair.run();
    assert_eq!(pair.events[SERVER], [Event::Connected, Event::PeerClosed]);
    assert_eq!(pair.ends[SERVER].recv().as_deref(), Some(&b"bye"[..]));
}

#[test]
fn a_protected_fatal_alert_ends_the_connection() {
    let mut pair = Pair::connected();
    pair.ends[CLIENT].set_remote_fingerprints(vec![fingerprint(2)]);
    assert!(pair.ends[CLIENT].is_connected(), "what was verified stays verified");
    let other: &Connection = &pair.ends[SERVER];
    assert_eq!(other.peer_certificate().map(|der| &der[..]), Some(&certificate(0).der()[..]));
}

#[test]
fn n29_a_record_older_than_the_window_is_dropped_though_it_is_authentic() {
    let mut pair = Pair::connected();
    let mut held = Vec::new();
    for _ in 0..400 {
        let mut buf = vec![0; 64];
        let len = pair.ends[CLIENT].seal(b"data", &mut buf).unwrap();
        held.push(buf[..len].to_vec());
    }
    let newest = held.pop().unwrap();
    give(&mut pair, SERVER, &[newest]);
    // RFC 6347 §4.1.2.6: what is behind the window, 64 at the least, might have come before.
    for record in &held {
        give(&mut pair, SERVER, core::slice::from_ref(record));
    }
    let delivered = core::iter::from_fn(|| pair.ends[SERVER].recv()).count();
    assert!((64..400).contains(&delivered), "{delivered}");
    assert_eq!(pair.ends[SERVER].stats().replayed, 400 - delivered as u64);
    pair.assert_alive();
}

#[test]
fn n30_acknowledgements_heartbeats_and_other_types_are_passed_over() {
    // 24 is Heartbeat (RFC 6520), 25 a record with a connection id (RFC 9146), 26 an ACK (RFC 9147).
    for kind in [0, 19, 24, 25, 26, 27, 63, 255] {
        for after in [false, true] {
            let mut pair = if after { Pair::connected() } else { after_server_flight().0 };
            for end in [CLIENT, SERVER] {
                let before = (*pair.ends[end].stats(), pair.sent[end]);
                let mut forged = record(ContentType::Alert, (0, 90), &[1, 0, 0, 0, 0, 0, 0, 0]);
                forged[0] = kind;
                give(&mut pair, end, &[forged]);
                assert_eq!(drawn(&mut pair, end), Vec::<Vec<u8>>::new(), "{kind}");
                assert_eq!(pair.ends[end].stats().malformed, before.0.malformed + 1, "{kind}");
                assert_eq!(pair.sent[end], before.1);
            }
            if after {
                pair.assert_alive();
            }
        }
    }
}
