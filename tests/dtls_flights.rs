//! Flights: how they are packed, repeated, timed and read; what a connection does with a changing MTU.

#[expect(dead_code, reason = "each test uses a part of it")]
mod dtls_support;

use core::time::Duration;

use antiphon::Output;
use antiphon::dtls::{Config, Event, Role};
use antiphon::wire::dtls::record::Records;
use dtls_support::{CLIENT, Pair, SERVER, at, connection};

fn drawn(pair: &mut Pair, end: usize) -> Vec<Vec<u8>> {
    pair.draw(end);
    core::mem::take(&mut pair.wire[1 - end]).into()
}

#[test]
fn each_flight_is_one_datagram_where_the_mtu_allows() {
    let mut pair = Pair::connected();
    assert_eq!(pair.sent, [2, 2]);
    pair.assert_alive();
}

#[test]
fn flights_are_cut_to_a_small_mtu_in_few_datagrams() {
    let mut pair = Pair::with(|config| config.mtu = 256, |config| config.mtu = 256);
    let mut sizes = [Vec::new(), Vec::new()];
    for _ in 0..4 {
        for end in [CLIENT, SERVER] {
            let datagrams = drawn(&mut pair, end);
            sizes[end].extend(datagrams.iter().map(Vec::len));
            for datagram in &datagrams {
                pair.ends[1 - end].handle_input(pair.now, datagram);
            }
        }
    }
    assert!(pair.is_connected());
    assert!(sizes.iter().flatten().all(|len| *len <= 256), "{sizes:?}");
    // 700 and 690 bytes of messages, and one hello that fits: the last of each flight may be short, no other.
    assert!(sizes[CLIENT].len() <= 4 && sizes[SERVER].len() <= 5, "{sizes:?}");
}

#[test]
fn a_new_mtu_holds_from_the_next_repeat() {
    let mut pair = Pair::new();
    pair.draw(CLIENT);
    pair.deliver(SERVER);
    assert_eq!(drawn(&mut pair, SERVER).len(), 1);
    pair.ends[SERVER].set_mtu(256);
    pair.now = at(1000);
    let repeated = drawn(&mut pair, SERVER);
    assert!(repeated.len() > 2 && repeated.iter().all(|datagram| datagram.len() <= 256));
    for datagram in &repeated {
        pair.ends[CLIENT].handle_input(pair.now, datagram);
    }
    pair.run();
    assert!(pair.is_connected());
}

#[test]
fn the_mtu_may_change_while_a_flight_is_drawn() {
    let mut pair = Pair::with(|_| {}, |config| config.mtu = 300);
    pair.draw(CLIENT);
    pair.deliver(SERVER);
    let mut buf = [0; 1500];
    let mut sizes = Vec::new();
    while let Output::Transmit(t) = pair.ends[SERVER].poll_output(pair.now, &mut buf) {
        sizes.push(t.len);
        pair.ends[SERVER].set_mtu(1200);
        pair.ends[CLIENT].handle_input(pair.now, &buf[..t.len]);
    }
    assert_eq!(sizes.len(), 2, "{sizes:?}");
    pair.run();
    assert!(pair.is_connected());
}

#[test]
fn the_timer_doubles_and_fires_once_after_a_long_sleep() {
    let mut client =
        connection(0, Role::Client, |config| config.initial_timeout = Duration::from_millis(400));
    client.start();
    let mut buf = [0; 1500];
    let mut sent = Vec::new();
    for now in [0, 400, 1200, 2800, 50_000] {
        while let Output::Transmit(_) = client.poll_output(at(now), &mut buf) {
            sent.push(now);
        }
    }
    assert_eq!(sent, [0, 400, 1200, 2800, 50_000]);
    assert_eq!(client.deadline(), Some(at(50_000 + 400 * 16)));
}

#[test]
fn a_new_first_timeout_rescales_the_running_timer() {
    let mut client = connection(0, Role::Client, |_| {});
    client.start();
    let mut buf = [0; 1500];
    assert!(matches!(client.poll_output(at(0), &mut buf), Output::Transmit(_)));
    assert_eq!(client.poll_output(at(0), &mut buf), Output::Wait(Some(at(1000))));
    client.set_initial_timeout(Duration::from_millis(150));
    assert_eq!(client.poll_output(at(100), &mut buf), Output::Wait(Some(at(150))));
    client.set_initial_timeout(Duration::from_millis(50));
    assert!(matches!(client.poll_output(at(100), &mut buf), Output::Transmit(_)));
    assert_eq!(client.poll_output(at(100), &mut buf), Output::Wait(Some(at(200))));
}

#[test]
fn an_empty_buffer_lets_timers_run_and_draws_nothing() {
    let mut client = connection(0, Role::Client, |_| {});
    client.start();
    assert_eq!(client.poll_output(at(0), &mut []), Output::Wait(Some(at(1000))));
    let mut buf = [0; 1500];
    assert!(matches!(client.poll_output(at(1), &mut buf), Output::Transmit(_)));
    assert!(matches!(client.poll_output(at(1), &mut buf), Output::Wait(_)));
    assert!(matches!(client.poll_output(at(1000), &mut []), Output::Wait(_)));
    assert!(matches!(client.poll_output(at(1000), &mut buf), Output::Transmit(_)));
}

#[test]
#[should_panic(expected = "mtu 1200")]
fn a_buffer_shorter_than_the_mtu_panics() {
    let _output = connection(0, Role::Client, |_| {}).poll_output(at(0), &mut [0; 1199]);
}

#[test]
fn a_flight_can_be_read_as_records_beside_what_is_drawn() {
    let mut pair = Pair::with(|_| {}, |config| config.mtu = 256);
    pair.draw(CLIENT);
    pair.deliver(SERVER);
    assert!(pair.ends[SERVER].poll_output(pair.now, &mut []) == Output::Wait(Some(at(1000))));
    pair.ends[SERVER].suspend_retransmission(true);
    assert_eq!(pair.ends[SERVER].deadline(), None);
    let count = pair.ends[SERVER].flight_len();
    assert!(count > 2);
    let mut buf = [0; 256];
    for index in (0..count).rev() {
        let len = pair.ends[SERVER].flight_record(index, &mut buf).unwrap();
        assert_eq!(Records::new(&buf[..len]).count(), 1);
        pair.ends[CLIENT].handle_input(pair.now, &buf[..len]);
    }
    assert_eq!(pair.ends[SERVER].flight_record(count, &mut buf), None);
    pair.draw(CLIENT);
    pair.deliver(SERVER);
    pair.run();
    assert!(pair.is_connected());
    pair.assert_alive();
}

#[test]
fn the_last_flight_is_kept_until_the_peer_sends_under_the_new_keys() {
    let mut pair = Pair::connected();
    assert_eq!(pair.ends[SERVER].deadline(), None);
    assert_eq!((pair.ends[SERVER].flight_len(), pair.ends[CLIENT].flight_len()), (2, 0));
    // RFC 6347 §4.2.4 asks for twice the longest life of a segment, four minutes; a host may sleep for longer.
    pair.now = at(600_000);
    assert_eq!(pair.draw(SERVER), None);
    assert_eq!(pair.ends[SERVER].flight_len(), 2);
    pair.assert_alive();
    assert_eq!(pair.ends[SERVER].flight_len(), 0);
}

#[test]
fn a_repeated_flight_of_the_peer_is_answered_once() {
    let mut pair = Pair::with(|config| config.mtu = 256, |config| config.mtu = 256);
    let hello = drawn(&mut pair, CLIENT);
    for datagram in &hello {
        pair.ends[SERVER].handle_input(at(0), datagram);
    }
    let flight = drawn(&mut pair, SERVER);
    for datagram in &flight {
        pair.ends[CLIENT].handle_input(at(0), datagram);
    }
    let answer = drawn(&mut pair, CLIENT).len();
    for datagram in &flight {
        pair.ends[CLIENT].handle_input(at(0), datagram);
    }
    assert_eq!(drawn(&mut pair, CLIENT).len(), answer);
    assert_eq!(pair.ends[CLIENT].stats().repeats, 1);
}

#[test]
fn a_flood_of_repeats_is_not_amplified() {
    let mut pair = Pair::new();
    let hello = drawn(&mut pair, CLIENT);
    for _ in 0..1000 {
        for datagram in &hello {
            pair.ends[SERVER].handle_input(at(0), datagram);
        }
        pair.draw(SERVER);
    }
    assert!(pair.sent[SERVER] < 12, "{}", pair.sent[SERVER]);
}

#[test]
fn a_client_sends_its_hello_again_with_the_cookie() {
    let mut pair = Pair::with(|_| {}, |config| config.cookie = true);
    pair.run();
    assert!(pair.is_connected());
    assert_eq!(pair.sent, [3, 3]);
    pair.assert_alive();
}

#[test]
fn a_lost_cookie_is_asked_for_again() {
    let mut pair = Pair::with(|_| {}, |config| config.cookie = true);
    pair.draw(CLIENT);
    pair.deliver(SERVER);
    assert_eq!(drawn(&mut pair, SERVER).len(), 1);
    assert_eq!(pair.draw(SERVER), None, "a request for a cookie has no timer");
    pair.now = at(1000);
    pair.run();
    assert!(pair.is_connected());
}

#[test]
fn closing_says_so_and_is_final() {
    let mut pair = Pair::connected();
    pair.ends[CLIENT].close();
    assert_eq!(pair.ends[CLIENT].poll_output(at(0), &mut []), Output::Wait(None));
    pair.run();
    assert_eq!(
        pair.events,
        [vec![Event::Connected, Event::Closed], vec![Event::Connected, Event::PeerClosed]]
    );
    pair.ends[SERVER].close();
    pair.run();
    assert_eq!(pair.events[SERVER][1..], [Event::PeerClosed, Event::Closed]);
    assert_eq!(pair.draw(CLIENT), None);
    assert!(pair.ends[CLIENT].seal(b"late", &mut [0; 100]).is_err());
}

#[test]
fn closing_before_the_first_hello_says_nothing() {
    let mut client = connection(0, Role::Client, |_| {});
    client.close();
    assert_eq!(client.poll_output(at(0), &mut [0; 1500]), Output::Event(Event::Closed));
    assert_eq!(client.poll_output(at(0), &mut [0; 1500]), Output::Wait(None));
}

#[test]
fn what_cannot_work_is_refused() {
    let refused = |change: fn(&mut Config)| {
        let mut config = Config::new(dtls_support::certificate(0));
        change(&mut config);
        let rng = antiphon::Rng::new(&antiphon::Seed::from_bytes([1; 32]));
        antiphon::dtls::Connection::new(at(0), rng, &config, Role::Client).is_err()
    };
    assert!(refused(|config| config.mtu = 255));
    assert!(refused(|config| config.suites.clear()));
    assert!(refused(|config| config.initial_timeout = Duration::ZERO));
    assert!(!refused(|config| config.mtu = 256));
}

// Law 11: a fork given the same calls does the same.
#[test]
fn a_fork_in_the_middle_of_the_handshake_does_the_same() {
    let mut pair = Pair::new();
    pair.draw(CLIENT);
    pair.deliver(SERVER);
    let flight = drawn(&mut pair, SERVER);
    let mut fork = pair.ends[CLIENT].fork();
    let mut outputs = Vec::new();
    for client in [&mut pair.ends[CLIENT], &mut fork] {
        for datagram in &flight {
            client.handle_input(at(5), datagram);
        }
        let mut buf = [0; 1500];
        let Output::Transmit(t) = client.poll_output(at(5), &mut buf) else { panic!("a flight") };
        outputs.push(buf[..t.len].to_vec());
    }
    assert_eq!(outputs[0], outputs[1]);
    assert_eq!(fork.deadline(), pair.ends[CLIENT].deadline());
}
