//! Flights: how they are packed, repeated, timed and read; what a connection does with a changing MTU.

#[expect(dead_code, reason = "each test uses a part of it")]
mod dtls_support;

use core::time::Duration;

use antiphon::base::writer::Writer;
use antiphon::dtls::{Config, Event, Role};
use antiphon::wire::dtls::handshake::{Fragments, write_header};
use antiphon::wire::dtls::record::{ContentType, Records, Version};
use antiphon::{Output, Rng, Seed};
use dtls_support::{CLIENT, Pair, SERVER, at, certificate, connection, record as record_of};

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
fn a_hello_in_pieces_of_one_byte_in_any_order_is_a_hello() {
    for seed in 0..20 {
        let mut pair = Pair::new();
        let hello = drawn(&mut pair, CLIENT).remove(0);
        let record = Records::new(&hello).next().unwrap();
        let whole = Fragments::new(record.fragment).next().unwrap();
        // Each byte, an empty piece, and some of them twice.
        let mut pieces: Vec<_> = (0..whole.total).map(|at| at..at + 1).collect();
        pieces.extend([0..0, whole.total..whole.total, 3..9, 3..4]);
        let mut rng = Rng::new(&Seed::from_bytes([seed; 32]));
        for left in (1..pieces.len()).rev() {
            pieces.swap(left, usize::try_from(rng.below(left as u64 + 1)).unwrap());
        }
        for (piece, number) in pieces.into_iter().zip(0..) {
            let mut buf = [0; 60];
            let mut writer = Writer::new(&mut buf);
            write_header(&mut writer, (whole.kind, whole.message_seq), whole.total, piece.clone()).unwrap();
            writer.bytes(&whole.data[piece]).unwrap();
            let datagram = record_of(ContentType::Handshake, (0, number), writer.written());
            pair.ends[SERVER].handle_input(at(0), &datagram);
        }
        pair.run();
        assert!(pair.is_connected(), "{seed}");
    }
}

// RFC 6347 §4.1.1.1: where repeated transmissions have no response, they "SHOULD back off to a smaller record size".
#[test]
fn a_path_that_loses_long_datagrams_is_passed_in_short_ones() {
    let mut pair = Pair::new();
    let mut longest = 0;
    while !pair.is_connected() {
        assert!(pair.now <= at(10_000), "never");
        for _ in 0..4 {
            for end in [CLIENT, SERVER] {
                for datagram in drawn(&mut pair, end) {
                    longest = longest.max(datagram.len());
                    if datagram.len() <= 548 {
                        pair.ends[1 - end].handle_input(pair.now, &datagram);
                    }
                }
            }
        }
        pair.now = pair.deadline().unwrap_or(pair.now);
    }
    assert!(longest > 548, "{longest}: there was something to cut");
    pair.assert_alive();
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
fn a_new_first_timeout_counts_from_where_the_running_one_began() {
    let mut client = connection(0, Role::Client, |_| {});
    client.start();
    let mut buf = [0; 1500];
    assert!(matches!(client.poll_output(at(0), &mut buf), Output::Transmit(_)));
    assert_eq!(client.poll_output(at(0), &mut buf), Output::Wait(Some(at(1000))));
    client.set_initial_timeout(Duration::from_millis(150));
    assert_eq!(client.poll_output(at(100), &mut buf), Output::Wait(Some(at(150))));
    client.set_initial_timeout(Duration::from_millis(50));
    assert!(matches!(client.poll_output(at(100), &mut buf), Output::Transmit(_)));
    assert_eq!(client.poll_output(at(100), &mut buf), Output::Wait(Some(at(150))));
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

// RFC 6347 §4.2.4: the side that speaks last repeats its flight whenever the peer repeats its own.
#[test]
fn the_last_flight_is_repeated_as_often_as_it_is_asked_for() {
    let mut pair = Pair::new();
    pair.draw(CLIENT);
    pair.deliver(SERVER);
    pair.draw(SERVER);
    pair.deliver(CLIENT);
    pair.draw(CLIENT);
    pair.deliver(SERVER);
    // All of its answers are lost, up to the client's last attempt but one.
    for _ in 0..12 {
        assert_eq!(drawn(&mut pair, SERVER).len(), 1);
        pair.now = pair.ends[CLIENT].deadline().unwrap();
        pair.draw(CLIENT);
        pair.deliver(SERVER);
    }
    pair.draw(SERVER);
    pair.deliver(CLIENT);
    assert!(pair.is_connected());
    assert_eq!(pair.ends[SERVER].stats().repeats, 12);
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

/// Numbers of a datagram's records, all in the clear.
fn record_numbers(datagram: &[u8]) -> Vec<u64> {
    Records::new(datagram).filter(|record| record.epoch == 0).map(|record| record.sequence).collect()
}

/// The datagram with the number of its only record changed, which nothing protects.
fn renumbered(mut datagram: Vec<u8>, number: u64) -> Vec<u8> {
    datagram[5..11].copy_from_slice(&number.to_be_bytes()[2..]);
    datagram
}

// RFC 6347 §4.2.1: "the server MUST use the record sequence number in the ClientHello as the record sequence number in" both
// its HelloVerifyRequest and its initial ServerHello.
#[test]
fn an_answer_to_a_hello_with_a_cookie_has_its_record_number() {
    let mut pair = Pair::with(|_| {}, |config| config.cookie = true);
    let hello = drawn(&mut pair, CLIENT).remove(0);
    pair.ends[SERVER].handle_input(at(0), &renumbered(hello.clone(), 41));
    let request = drawn(&mut pair, SERVER).remove(0);
    assert_eq!(record_numbers(&request), [41]);
    // The hello comes again, and then one whose number is meant to use ours up.
    pair.ends[SERVER].handle_input(at(0), &renumbered(hello.clone(), 57));
    assert_eq!(record_numbers(&drawn(&mut pair, SERVER).remove(0)), [57]);
    pair.ends[SERVER].handle_input(at(0), &renumbered(hello, (1 << 48) - 1));
    assert_eq!(record_numbers(&drawn(&mut pair, SERVER).remove(0)), [58]);
    pair.ends[CLIENT].handle_input(at(0), &request);
    let hello = drawn(&mut pair, CLIENT).remove(0);
    pair.ends[SERVER].handle_input(at(0), &renumbered(hello, 90));
    let flight = drawn(&mut pair, SERVER);
    assert_eq!(record_numbers(&flight[0])[0], 90);
    pair.ends[CLIENT].handle_input(at(0), &flight[0]);
    pair.run();
    assert!(pair.is_connected());
}

// RFC 6347 §4.2.1 and RFC 5246 appendix E.1: 1.0 in records until the version is settled, and then what was settled.
#[test]
fn records_say_1_0_until_the_version_is_settled_and_1_2_from_then_on() {
    let mut pair = Pair::with(|_| {}, |config| config.cookie = true);
    let mut versions = [vec![], vec![]];
    while !pair.is_connected() {
        for end in [CLIENT, SERVER] {
            let flight = drawn(&mut pair, end);
            versions[end]
                .extend(flight.iter().map(|datagram| Records::new(datagram).next().unwrap().version.0));
            for datagram in &flight {
                assert!(Records::new(datagram).all(|r| r.epoch == 0 || r.version == Version::DTLS_1_2));
                pair.ends[1 - end].handle_input(at(0), datagram);
            }
        }
    }
    // Hello, hello with the cookie, the rest; the request for the cookie, two flights.
    assert_eq!(versions, [[0xfeff, 0xfeff, 0xfefd], [0xfeff, 0xfefd, 0xfefd]]);
}

#[test]
fn a_hello_in_a_record_of_any_dtls_version_is_taken() {
    for minor in [0xff, 0xfd, 0xfc, 0x00] {
        let mut pair = Pair::new();
        let mut hello = drawn(&mut pair, CLIENT).remove(0);
        hello[2] = minor;
        pair.ends[SERVER].handle_input(at(0), &hello);
        pair.run();
        assert!(pair.is_connected(), "{minor:x}");
    }
}

#[test]
fn without_a_cookie_numbers_count_from_zero() {
    let mut pair = Pair::new();
    let hello = drawn(&mut pair, CLIENT).remove(0);
    pair.ends[SERVER].handle_input(at(0), &renumbered(hello, 41));
    assert_eq!(record_numbers(&drawn(&mut pair, SERVER).remove(0))[0], 0);
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
        let mut config = Config::new(certificate(0));
        change(&mut config);
        let rng = Rng::new(&Seed::from_bytes([1; 32]));
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
