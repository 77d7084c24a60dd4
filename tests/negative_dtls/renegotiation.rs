//! A peer that has the keys and asks for another handshake.

use antiphon::dtls::Event;
use antiphon::wire::dtls::alert::{Alert, AlertDescription, AlertLevel};
use antiphon::wire::dtls::handshake::{HandshakeType, whole_header};
use antiphon::wire::dtls::record::{ContentType, Records};

use crate::attack::{drawn, give};
use crate::dtls_support::{CLIENT, Pair, SERVER, record};

/// What `end`'s peer would send under its keys: a handshake message in one fragment.
fn sealed(pair: &mut Pair, end: usize, (kind, sequence): (HandshakeType, u16), body: &[u8]) -> Vec<u8> {
    let mut buf = vec![0; 400];
    let content = [&whole_header(kind, sequence, body.len())[..], body].concat();
    let len = pair.ends[1 - end].forge(ContentType::Handshake, &content, &mut buf).unwrap();
    buf.truncate(len);
    buf
}

/// The body of the client's hello.
fn hello_body() -> Vec<u8> {
    let hello = drawn(&mut Pair::new(), CLIENT).remove(0);
    Records::new(&hello).next().unwrap().fragment[12..].to_vec()
}

/// What either end can be asked with: the end, the message, its body.
fn requests() -> [(usize, HandshakeType, Vec<u8>); 2] {
    [(SERVER, HandshakeType::CLIENT_HELLO, hello_body()), (CLIENT, HandshakeType::HELLO_REQUEST, vec![])]
}

// RFC 5246 §7.2.2: "Sent by the client in response to a hello request or by the server in response to a client hello after initial
// handshaking [..]. This message is always a warning."
#[test]
fn n20_n30_an_authentic_request_for_another_handshake_is_declined_and_changes_nothing() {
    for (end, kind, body) in requests() {
        let mut pair = Pair::connected();
        let keys = |pair: &Pair, end: usize| {
            let mut out = [0; 20];
            pair.ends[end].export_keying_material(b"label", None, &mut out).unwrap();
            out
        };
        let before = keys(&pair, end);
        // As the next message, and as the first of a handshake that begins anew.
        for (count, sequence) in [(1, 5), (2, 0)] {
            let request = sealed(&mut pair, end, (kind, sequence), &body);
            give(&mut pair, end, core::slice::from_ref(&request));
            assert_eq!(pair.ends[end].stats().ignored_messages, count);
            let said = drawn(&mut pair, end);
            assert_eq!(said.len(), 1, "one alert for one request");
            let alert = Records::new(&said[0]).next().unwrap();
            assert_eq!((alert.content_type, alert.epoch), (ContentType::Alert, 1));
            // A record that came before asks for nothing.
            give(&mut pair, end, &[request]);
            assert_eq!(drawn(&mut pair, end), Vec::<Vec<u8>>::new());
            let warnings = pair.ends[1 - end].stats().ignored_messages;
            give(&mut pair, 1 - end, &said);
            assert_eq!(pair.ends[1 - end].stats().ignored_messages, warnings + 1, "a warning, and authentic");
        }
        assert_eq!(pair.events, [[Event::Connected], [Event::Connected]]);
        assert_eq!(keys(&pair, end), before);
        pair.assert_alive();
    }
}

#[test]
fn n20_a_flood_of_requests_for_another_handshake_is_answered_so_often_and_no_oftener() {
    for (end, kind, body) in requests() {
        let mut pair = Pair::connected();
        let before = pair.sent[end];
        for sequence in 5..1005 {
            let request = sealed(&mut pair, end, (kind, sequence), &body);
            give(&mut pair, end, &[request]);
            pair.draw(end);
        }
        let said = pair.sent[end] - before;
        assert!((1..=8).contains(&said), "{said}");
        assert_eq!(pair.ends[end].stats().ignored_messages, 1000);
        pair.assert_alive();
    }
}

#[test]
fn n20_requests_that_wait_for_one_poll_are_declined_once_and_pieces_when_they_are_whole() {
    let mut pair = Pair::connected();
    let mut content = [&whole_header(HandshakeType::CLIENT_HELLO, 5, 40)[..], &[7; 20]].concat();
    content[11] = 20;
    let mut buf = [0; 200];
    let len = pair.ends[CLIENT].forge(ContentType::Handshake, &content, &mut buf).unwrap();
    give(&mut pair, SERVER, &[buf[..len].to_vec()]);
    assert_eq!(drawn(&mut pair, SERVER), Vec::<Vec<u8>>::new(), "half of a hello");
    for sequence in [6, 7, 8] {
        let request = sealed(&mut pair, SERVER, (HandshakeType::CLIENT_HELLO, sequence), &[7; 40]);
        give(&mut pair, SERVER, &[request]);
    }
    assert_eq!(drawn(&mut pair, SERVER).len(), 1);
    // Nothing is said any more once the connection is closed.
    let request = sealed(&mut pair, SERVER, (HandshakeType::CLIENT_HELLO, 9), &[7; 40]);
    give(&mut pair, SERVER, &[request]);
    pair.ends[SERVER].close();
    let said = drawn(&mut pair, SERVER);
    assert_eq!((said.len(), pair.events[SERVER].last()), (1, Some(&Event::Closed)));
}

// What has no place in the role, and what nobody sealed, is not answered.
#[test]
fn n30_requests_in_the_clear_or_of_the_wrong_side_are_not_answered() {
    let mut pair = Pair::connected();
    for (end, kind) in [(SERVER, HandshakeType::HELLO_REQUEST), (CLIENT, HandshakeType::CLIENT_HELLO)] {
        let wrong = sealed(&mut pair, end, (kind, 5), &[]);
        let clear = record(ContentType::Handshake, (0, 70), &whole_header(kind, 6, 0));
        give(&mut pair, end, &[wrong, clear]);
        assert_eq!(drawn(&mut pair, end), Vec::<Vec<u8>>::new());
        assert_eq!((pair.ends[end].stats().ignored_messages, pair.ends[end].stats().plaintext), (1, 1));
    }
    pair.assert_alive();
}

#[test]
fn a_warning_that_declines_is_what_the_other_end_reads() {
    let alert = Alert { level: AlertLevel::Warning, description: AlertDescription::NO_RENEGOTIATION };
    let mut pair = Pair::connected();
    let mut buf = [0; 100];
    let len = pair.ends[SERVER].forge(ContentType::Alert, &alert.bytes(), &mut buf).unwrap();
    give(&mut pair, CLIENT, &[buf[..len].to_vec()]);
    assert_eq!(pair.ends[CLIENT].stats().ignored_messages, 1);
    assert_eq!(drawn(&mut pair, CLIENT), Vec::<Vec<u8>>::new());
    pair.assert_alive();
}
