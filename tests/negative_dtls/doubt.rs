//! What anybody could have said: a hello before the real one, an alert in the clear. It is doubted, and believed in the end if the peer
//! says nothing else.

use antiphon::dtls::{CloseReason, Event, HandshakeError};
use antiphon::wire::dtls::alert::AlertDescription;
use antiphon::wire::dtls::handshake::HandshakeType;
use antiphon::wire::dtls::record::{ContentType, Records};

use crate::attack::{FATAL, add_extension, after_server_flight, drawn, failure_in_time, give};
use crate::dtls_support::{CLIENT, Pair, SERVER, at, handshake, record, tamper};

/// Hellos that no server could answer, made of a real one: what is wrong with each, and why a server would fail.
fn unsuitable(hello: &[u8]) -> Vec<(Vec<u8>, HandshakeError)> {
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        tamper(hello, |_, body| {
            change(body);
            true
        })
    };
    let no_suite = changed(&|body| {
        let suites = usize::from(u16::from_be_bytes([body[36], body[37]]));
        body[38..38 + suites].fill(0);
    });
    vec![
        (no_suite, HandshakeError::CipherSuite),
        (changed(&|body| body.push(0)), HandshakeError::Malformed(1)),
        (changed(&|body| body[1] = 0xff), HandshakeError::Version(0xfeff)),
        (changed(&|body| add_extension(body, &[0, 23, 0, 0])), HandshakeError::DuplicateExtension(23)),
        (handshake(HandshakeType::CLIENT_HELLO, 0, &[0xfe; 50]), HandshakeError::Malformed(1)),
        (handshake(HandshakeType::CERTIFICATE, 0, &[0, 0, 0]), HandshakeError::Unexpected(11)),
    ]
}

// RFC 6347 §4.1.2.7: over UDP, to answer what anybody could have sent with an alert "is NOT RECOMMENDED": it would end the handshake of the
// client whose address was forged.
#[test]
fn n19_an_unsuitable_hello_before_the_real_one_is_passed_over() {
    let count = unsuitable(&drawn(&mut Pair::new(), CLIENT)[0]).len();
    for which in 0..count {
        for cookie in [false, true] {
            let mut pair = Pair::with(|_| {}, |config| config.cookie = cookie);
            let hello = drawn(&mut pair, CLIENT).remove(0);
            let (forged, fault) = unsuitable(&hello).remove(which);
            for _ in 0..3 {
                give(&mut pair, SERVER, core::slice::from_ref(&forged));
            }
            let answers = drawn(&mut pair, SERVER);
            let mut said = answers.iter().flat_map(|datagram| Records::new(datagram));
            assert!(said.all(|record| record.content_type == ContentType::Handshake), "{fault}: an alert");
            assert_eq!(pair.events[SERVER], [], "{fault}");
            give(&mut pair, SERVER, &[hello]);
            // Where a forged hello was asked for its cookie, the client is asked once more.
            for _ in 0..3 {
                pair.run();
                pair.now = pair.deadline().filter(|_| !pair.is_connected()).unwrap_or(pair.now);
            }
            assert_eq!(pair.events, [[Event::Connected], [Event::Connected]], "{fault}");
            pair.assert_alive();
        }
    }
}

#[test]
fn n19_a_forged_piece_of_the_first_hello_does_not_end_the_handshake() {
    let mut pair = Pair::new();
    let hello = drawn(&mut pair, CLIENT).remove(0);
    let total = Records::new(&hello).next().unwrap().fragment.len() - 12;
    // Its version as 1.0: the real hello fills the rest, since what came first stays.
    let mut content = vec![1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0xfe, 0xff];
    content[2..4].copy_from_slice(&u16::try_from(total).unwrap().to_be_bytes());
    give(&mut pair, SERVER, &[record(ContentType::Handshake, (0, 0), &content), hello]);
    pair.run();
    assert!(!pair.is_connected());
    pair.now = at(1000);
    pair.run();
    assert!(pair.is_connected());
}

#[test]
fn n33_a_hello_that_stays_the_only_one_is_named_in_the_end() {
    let mut pair = Pair::new();
    let hello = drawn(&mut pair, CLIENT).remove(0);
    for (forged, fault) in unsuitable(&hello) {
        for repeats in [1, 4] {
            let mut pair = Pair::new();
            // A client repeats its hello; that says nothing new.
            for number in 0..repeats {
                pair.now = at(1000 * number);
                give(&mut pair, SERVER, core::slice::from_ref(&forged));
                assert_eq!(drawn(&mut pair, SERVER), Vec::<Vec<u8>>::new());
            }
            let told = (CloseReason::Handshake(fault), Some(fault.alert().0));
            assert_eq!(failure_in_time(&mut pair, SERVER), told);
            // The third expiry of a timer of 1 s.
            assert_eq!(pair.now, at(7000));
        }
    }
}

#[test]
fn n19_an_alert_in_the_clear_and_lost_flights_do_not_end_a_handshake() {
    let close = [1, 0];
    for content in [FATAL, close] {
        for end in [CLIENT, SERVER] {
            for lost in 0..=1 {
                let (mut pair, flight) = after_server_flight();
                let alert = record(ContentType::Alert, (0, 99), &content);
                give(&mut pair, end, core::slice::from_ref(&alert));
                // Everything else is lost, until the first expiry or the second.
                drop(flight);
                for _ in 0..lost {
                    pair.now = pair.deadline().unwrap();
                    let _lost = (drawn(&mut pair, CLIENT), drawn(&mut pair, SERVER));
                    assert_eq!(pair.events, [vec![], vec![]], "{content:?} {end} {lost}");
                }
                pair.now = pair.deadline().unwrap();
                pair.run();
                assert_eq!(pair.events, [[Event::Connected], [Event::Connected]], "{content:?} {end} {lost}");
                pair.assert_alive();
            }
        }
    }
}

#[test]
fn n19_an_alert_before_any_hello_says_nothing() {
    let alert = record(ContentType::Alert, (0, 0), &FATAL);
    let mut pair = Pair::new();
    for end in [CLIENT, SERVER] {
        pair.ends[end].start();
    }
    let hello = drawn(&mut pair, CLIENT);
    give(&mut pair, SERVER, &[alert]);
    while pair.now < at(100_000) {
        pair.now = pair.ends[SERVER].deadline().unwrap_or(at(100_000));
        pair.draw(SERVER);
    }
    assert_eq!(pair.events[SERVER], []);
    give(&mut pair, SERVER, &hello);
    pair.run();
    assert!(pair.is_connected());
}

#[test]
fn an_alert_is_the_reason_when_the_timer_gives_up() {
    let mut pair = Pair::with(|config| config.max_expiries = 2, |_| {});
    pair.draw(CLIENT);
    give(&mut pair, CLIENT, &[record(ContentType::Alert, (0, 0), &[2, 70])]);
    let reason = CloseReason::PeerAlert(AlertDescription::PROTOCOL_VERSION);
    assert_eq!(failure_in_time(&mut pair, CLIENT), (reason, None));
    assert_eq!(pair.now, at(3000));
}
