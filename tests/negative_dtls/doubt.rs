//! What anybody could have said: an alert in the clear. It is doubted, and believed in the end if the peer says nothing else.

use antiphon::dtls::{CloseReason, Event};
use antiphon::wire::dtls::alert::AlertDescription;
use antiphon::wire::dtls::record::ContentType;

use crate::attack::{FATAL, after_server_flight, drawn, failure_in_time, give};
use crate::dtls_support::{CLIENT, Pair, SERVER, at, record};

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
