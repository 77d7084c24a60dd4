//! What a bad peer, or somebody in the middle, gets: nothing, or a failure with its reason. Numbers are those of the
//! list of negative tests.
#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

mod dtls_support;

use antiphon::dtls::{CloseReason, Connection, Event, HandshakeError, Role, SealError};
use antiphon::wire::dtls::alert::{Alert, AlertDescription};
use antiphon::wire::dtls::handshake::HandshakeType;
use antiphon::wire::dtls::record::{ContentType, Records};
use dtls_support::{
    CLIENT, Pair, SERVER, at, certificate, connection, fingerprint, handshake, record, tamper,
};

fn drawn(pair: &mut Pair, end: usize) -> Vec<Vec<u8>> {
    pair.draw(end);
    core::mem::take(&mut pair.wire[1 - end]).into()
}

fn give(pair: &mut Pair, end: usize, datagrams: &[Vec<u8>]) {
    for datagram in datagrams {
        pair.ends[end].handle_input(pair.now, datagram);
    }
}

/// A pair whose client has sent its hello, and the server its flight, which is returned undelivered.
fn after_server_flight() -> (Pair, Vec<u8>) {
    let mut pair = Pair::new();
    pair.draw(CLIENT);
    pair.deliver(SERVER);
    let mut flight = drawn(&mut pair, SERVER);
    assert_eq!(flight.len(), 1);
    (pair, flight.remove(0))
}

/// A pair whose client has sent its last flight, which is returned undelivered.
fn after_client_flight() -> (Pair, Vec<u8>) {
    let (mut pair, flight) = after_server_flight();
    give(&mut pair, CLIENT, &[flight]);
    let mut flight = drawn(&mut pair, CLIENT);
    assert_eq!(flight.len(), 1);
    (pair, flight.remove(0))
}

/// Why the end failed, and the alert it sent.
fn failure(pair: &mut Pair, end: usize) -> (CloseReason, Option<u8>) {
    let datagrams = drawn(pair, end);
    let Some(Event::Failed(reason)) = pair.events[end].last() else { panic!("{:?}", pair.events[end]) };
    let alert = datagrams.last().and_then(|datagram| Records::new(datagram).last());
    let alert = alert.filter(|record| record.content_type == ContentType::Alert && record.epoch == 0);
    (*reason, alert.and_then(|record| Alert::parse(record.fragment)).map(|alert| alert.description.0))
}

/// What the server says to the client's hello as `change` leaves its body.
fn server_on_hello(change: impl Fn(&mut Vec<u8>)) -> (CloseReason, Option<u8>) {
    let mut pair = Pair::new();
    let hello = drawn(&mut pair, CLIENT).remove(0);
    let changed = tamper(&hello, |_, body| {
        change(body);
        true
    });
    give(&mut pair, SERVER, &[changed]);
    failure(&mut pair, SERVER)
}

/// What the client says to the server's flight as `change` leaves the message of that kind.
fn client_on(kind: HandshakeType, change: impl Fn(&mut Vec<u8>)) -> (CloseReason, Option<u8>) {
    let (mut pair, flight) = after_server_flight();
    let changed = tamper(&flight, |other, body| {
        if other == kind {
            change(body);
        }
        true
    });
    give(&mut pair, CLIENT, &[changed]);
    failure(&mut pair, CLIENT)
}

/// What the server says to the client's last flight as `change` leaves it.
fn server_on(change: impl FnMut(HandshakeType, &mut Vec<u8>) -> bool) -> (CloseReason, Option<u8>) {
    let (mut pair, flight) = after_client_flight();
    give(&mut pair, SERVER, &[tamper(&flight, change)]);
    failure(&mut pair, SERVER)
}

/// Appends an extension to a hello whose list of extensions ends it.
fn add_extension(body: &mut Vec<u8>, extension: &[u8]) {
    // Version, random, session id, cookie, suites, compression: the client's, whose ids are empty.
    let suites = usize::from(u16::from_be_bytes([body[36], body[37]]));
    add_extension_at(body, 38 + suites + 2, extension);
}

fn add_extension_at(body: &mut Vec<u8>, list: usize, extension: &[u8]) {
    let len = u16::try_from(body.len() - list - 2 + extension.len()).unwrap();
    body[list..list + 2].copy_from_slice(&len.to_be_bytes());
    body.extend_from_slice(extension);
}

const FATAL: [u8; 2] = [2, 40];

#[test]
fn n19_a_forged_hello_or_alert_does_not_end_a_handshake() {
    let (mut pair, flight) = after_server_flight();
    let forged = handshake(HandshakeType::CLIENT_HELLO, 1, &[0xfe; 50]);
    let alert = record(ContentType::Alert, (0, 99), &FATAL);
    for end in [CLIENT, SERVER] {
        give(&mut pair, end, core::slice::from_ref(&alert));
    }
    give(&mut pair, SERVER, &[forged.clone(), forged]);
    give(&mut pair, CLIENT, &[flight]);
    pair.run();
    assert!(pair.is_connected());
    assert_eq!(
        (pair.ends[SERVER].stats().plaintext_alerts, pair.ends[SERVER].stats().ignored_messages),
        (1, 2)
    );
    pair.assert_alive();
}

#[test]
fn an_alert_in_the_clear_is_believed_when_nothing_else_comes() {
    let mut pair = Pair::new();
    pair.draw(CLIENT);
    give(&mut pair, CLIENT, &[record(ContentType::Alert, (0, 0), &FATAL)]);
    assert_eq!(pair.draw(CLIENT), Some(at(1000)));
    pair.now = at(1000);
    let reason = CloseReason::PeerAlert(AlertDescription::HANDSHAKE_FAILURE);
    assert_eq!(failure(&mut pair, CLIENT), (reason, None));
}

#[test]
fn n20_a_second_hello_after_the_handshake_changes_nothing() {
    let mut pair = Pair::new();
    let hello = drawn(&mut pair, CLIENT);
    give(&mut pair, SERVER, &hello);
    pair.run();
    for sequence in [0, 1, 5, 6] {
        give(&mut pair, SERVER, &[handshake(HandshakeType::CLIENT_HELLO, sequence, &[0xfe; 60])]);
    }
    give(&mut pair, SERVER, &hello);
    assert_eq!(pair.ends[SERVER].stats().plaintext, 5);
    pair.assert_alive();
    assert_eq!(pair.events, [[Event::Connected], [Event::Connected]]);
}

#[test]
fn n21_fragments_that_make_no_sense_hold_nothing_up() {
    let mut pair = Pair::new();
    let hello = drawn(&mut pair, CLIENT);
    // Total, sequence, offset and length of fragments with that many bytes.
    for (total, sequence, offset, len) in
        [(10, 0, 0, 0), (10, 3, 8, 5), (1 << 20, 0, 0, 9), (10, 9999, 0, 9), (10, 2, 0, 9), (12, 2, 0, 9)]
    {
        let mut content = vec![1];
        content.extend_from_slice(&u32::to_be_bytes(total)[1..]);
        content.extend_from_slice(&u16::to_be_bytes(sequence));
        content.extend_from_slice(&u32::to_be_bytes(offset)[1..]);
        content.extend_from_slice(&u32::to_be_bytes(len)[1..]);
        content.resize(content.len() + len as usize, 7);
        give(&mut pair, SERVER, &[record(ContentType::Handshake, (0, 0), &content)]);
    }
    for sequence in 100..10_100 {
        give(&mut pair, SERVER, &[handshake(HandshakeType::CLIENT_HELLO, sequence, &[0; 40])]);
    }
    let stats = pair.ends[SERVER].stats();
    assert_eq!((stats.refused_fragments, stats.malformed_content), (10_003, 1));
    // The first of them pretended to be a part of the hello. The hello is refused until it came three times.
    give(&mut pair, SERVER, &hello);
    for _ in 0..8 {
        pair.run();
        pair.now = if pair.is_connected() { pair.now } else { pair.deadline().unwrap() };
    }
    assert!(pair.is_connected());
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
fn n22_a_message_out_of_order_is_unexpected() {
    let mut pair = Pair::new();
    give(&mut pair, SERVER, &[handshake(HandshakeType::CERTIFICATE, 0, &[0, 0, 0])]);
    assert_eq!(
        failure(&mut pair, SERVER),
        (CloseReason::Handshake(HandshakeError::Unexpected(11)), Some(10))
    );
    let mut pair = Pair::new();
    pair.draw(CLIENT);
    give(&mut pair, CLIENT, &[handshake(HandshakeType::SERVER_HELLO_DONE, 0, &[])]);
    assert_eq!(
        failure(&mut pair, CLIENT),
        (CloseReason::Handshake(HandshakeError::Unexpected(14)), Some(10))
    );
}

#[test]
fn n22_a_client_without_a_certificate_is_refused() {
    let empty = |kind, body: &mut Vec<u8>| {
        if kind == HandshakeType::CERTIFICATE {
            *body = vec![0, 0, 0];
        }
        true
    };
    assert_eq!(server_on(empty), (CloseReason::Handshake(HandshakeError::NoCertificate), Some(40)));
}

#[test]
fn n22_a_certificate_that_is_not_proved_never_connects() {
    let (mut pair, flight) = after_client_flight();
    let without = tamper(&flight, |kind, _| kind != HandshakeType::CERTIFICATE_VERIFY);
    for _ in 0..3 {
        give(&mut pair, SERVER, core::slice::from_ref(&without));
    }
    assert!(!pair.ends[SERVER].is_connected());
    assert_eq!(pair.ends[SERVER].recv(), None);
    give(&mut pair, SERVER, &[handshake(HandshakeType::CLIENT_KEY_EXCHANGE, 3, &[1, 1])]);
    assert_eq!(failure(&mut pair, SERVER).0, CloseReason::Handshake(HandshakeError::Unexpected(16)));
}

#[test]
fn n22_a_signature_of_another_key_is_refused() {
    let forged = |kind, body: &mut Vec<u8>| {
        if kind == HandshakeType::CERTIFICATE_VERIFY {
            let signature = certificate(2).sign(certificate(2).schemes()[0], b"not the handshake").unwrap();
            body.truncate(2);
            body.extend_from_slice(&u16::try_from(signature.len()).unwrap().to_be_bytes());
            body.extend_from_slice(&signature);
        }
        true
    };
    assert_eq!(server_on(forged), (CloseReason::Handshake(HandshakeError::BadSignature), Some(51)));
    let own_certificate = |kind, body: &mut Vec<u8>| {
        if kind == HandshakeType::CERTIFICATE {
            let der = certificate(2).der().clone();
            let mut len = u32::try_from(der.len() + 3).unwrap().to_be_bytes()[1..].to_vec();
            len.extend_from_slice(&u32::try_from(der.len()).unwrap().to_be_bytes()[1..]);
            *body = [&len, &der[..]].concat();
        }
        true
    };
    assert_eq!(server_on(own_certificate), (CloseReason::FingerprintMismatch, Some(42)));
    let reason = client_on(HandshakeType::SERVER_KEY_EXCHANGE, |body| *body.last_mut().unwrap() ^= 1).0;
    assert_eq!(reason, CloseReason::Handshake(HandshakeError::BadSignature));
}

#[test]
fn a_handshake_changed_on_its_way_fails_at_the_finished() {
    let (mut pair, flight) = after_server_flight();
    // Another list of signature schemes in the CertificateRequest: harmless, and not what the server sent.
    let changed = tamper(&flight, |kind, body| {
        if kind == HandshakeType::CERTIFICATE_REQUEST {
            let last = body.len() - 3;
            body[last] ^= 1;
        }
        true
    });
    give(&mut pair, CLIENT, &[changed]);
    let answer = drawn(&mut pair, CLIENT);
    give(&mut pair, SERVER, &answer);
    // The client's own signature covers the handshake too, and comes first.
    assert_eq!(failure(&mut pair, SERVER).0, CloseReason::Handshake(HandshakeError::BadSignature));
}

/// A pair where `end` expects another certificate than the peer has.
fn with_wrong_fingerprint(end: usize) -> Pair {
    let mut pair = Pair::new();
    pair.ends[end].set_remote_fingerprints(vec![fingerprint(2)]);
    pair
}

#[test]
fn n23_a_wrong_fingerprint_delivers_nothing_and_says_why() {
    for end in [CLIENT, SERVER] {
        let mut pair = with_wrong_fingerprint(end);
        pair.run();
        pair.now = at(1000);
        pair.run();
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
fn the_strongest_hash_among_several_fingerprints_counts() {
    use antiphon::crypto::FingerprintHash::{Sha256, Sha384, Sha512};
    let of = |number: u8, hash| certificate(number).fingerprint(hash);
    for (fingerprints, connects) in [
        (vec![of(1, Sha256), of(2, Sha256)], true),
        (vec![of(2, Sha512), of(1, Sha512), of(2, Sha256)], true),
        (vec![of(1, Sha256), of(2, Sha384)], false),
        (vec![], false),
    ] {
        let mut pair = Pair::new();
        pair.ends[CLIENT].set_remote_fingerprints(fingerprints);
        pair.run();
        assert_eq!(pair.ends[CLIENT].is_connected(), connects);
    }
}

#[test]
fn n26_two_clients_fail_with_a_reason() {
    let mut pair = Pair::of(connection(0, Role::Client, |_| {}), connection(1, Role::Client, |_| {}));
    pair.ends[SERVER].start();
    pair.run();
    let unexpected = Event::Failed(CloseReason::Handshake(HandshakeError::Unexpected(1)));
    assert!(pair.events.iter().any(|events| events.contains(&unexpected)));
}

#[test]
fn n28_srtp_profiles() {
    use antiphon::crypto::srtp_keys::SrtpProfile::{AeadAes128Gcm, Aes128CmSha1_80};
    let both =
        |config: &mut antiphon::dtls::Config| config.srtp_profiles = vec![Aes128CmSha1_80, AeadAes128Gcm];
    let mut pair = Pair::with(both, |config| config.srtp_profiles = vec![AeadAes128Gcm]);
    pair.run();
    assert_eq!([pair.ends[0].srtp_profile(), pair.ends[1].srtp_profile()], [Some(AeadAes128Gcm); 2]);
    assert!(pair.ends[0].srtp_keying_material() == pair.ends[1].srtp_keying_material());
    let mut absent = Pair::with(both, |_| {});
    absent.run();
    assert!(absent.is_connected());
    assert_eq!(absent.ends[CLIENT].srtp_profile(), None);
    // An answer to what was not offered.
    let (reason, alert) = client_on(HandshakeType::SERVER_HELLO, |body| {
        add_extension_at(body, 38, &[0, 14, 0, 5, 0, 2, 0, 1, 0]);
    });
    assert_eq!(
        (reason, alert),
        (CloseReason::Handshake(HandshakeError::UnsolicitedExtension(14)), Some(110))
    );
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
fn n31_public_values_that_are_none_are_refused() {
    for point in
        [vec![1, 4], vec![33; 34], [&[65, 4][..], &[0; 64]].concat(), [&[65, 4][..], &[7; 64]].concat()]
    {
        let (reason, alert) = server_on(|kind, body| {
            if kind == HandshakeType::CLIENT_KEY_EXCHANGE {
                *body = point.clone();
            }
            true
        });
        let bad = [HandshakeError::BadPublicKey, HandshakeError::Malformed(16)].map(CloseReason::Handshake);
        assert!(bad.contains(&reason), "{reason:?}");
        assert!(alert == Some(47) || alert == Some(50));
    }
}

#[test]
fn n33_hellos_that_break_a_rule_are_refused_with_the_right_alert() {
    let failed = |error, alert| (CloseReason::Handshake(error), Some(alert));
    let add = |extension: &'static [u8]| move |body: &mut Vec<u8>| add_extension(body, extension);
    assert_eq!(server_on_hello(|body| body.push(0)), failed(HandshakeError::Malformed(1), 50));
    assert_eq!(server_on_hello(|body| body.truncate(40)), failed(HandshakeError::Malformed(1), 50));
    assert_eq!(server_on_hello(add(&[0, 23, 0, 0])), failed(HandshakeError::DuplicateExtension(23), 47));
    let grease_twice = add(&[0x0a, 0x0a, 0, 0, 0x0a, 0x0a, 0, 0]);
    assert_eq!(server_on_hello(grease_twice), failed(HandshakeError::DuplicateExtension(0x0a0a), 47));
    assert_eq!(server_on_hello(|body| body[1] = 0xff), failed(HandshakeError::Version(0xfeff), 70));
    let only_1_3 = add(&[0, 43, 0, 3, 2, 0xfe, 0xfc]);
    assert_eq!(server_on_hello(only_1_3), failed(HandshakeError::Version(0xfefd), 70));
    let many = |body: &mut Vec<u8>| (0..200_u8).for_each(|number| add_extension(body, &[0x77, number, 0, 0]));
    assert_eq!(server_on_hello(many), failed(HandshakeError::Malformed(1), 50));
    let no_suite = |body: &mut Vec<u8>| {
        let suites = usize::from(u16::from_be_bytes([body[36], body[37]]));
        body[38..38 + suites].fill(0);
    };
    assert_eq!(server_on_hello(no_suite), failed(HandshakeError::CipherSuite, 40));
}

#[test]
fn n33_a_server_that_breaks_a_rule_is_refused() {
    let failed = |error, alert| (CloseReason::Handshake(error), Some(alert));
    let hello = |change: fn(&mut Vec<u8>)| client_on(HandshakeType::SERVER_HELLO, change);
    assert_eq!(hello(|body| body.push(0)), failed(HandshakeError::Malformed(2), 50));
    assert_eq!(hello(|body| body[1] = 0xff), failed(HandshakeError::Version(0xfeff), 70));
    assert_eq!(hello(|body| body[36] ^= 0x40), failed(HandshakeError::CipherSuite, 40));
    assert_eq!(hello(|body| body[37] = 1), failed(HandshakeError::IllegalParameter(2), 47));
    assert_eq!(hello(|body| body.truncate(38)), failed(HandshakeError::NoExtendedMasterSecret, 40));
    let unsolicited = |body: &mut Vec<u8>| add_extension_at(body, 38, &[0, 35, 0, 0]);
    assert_eq!(hello(unsolicited), failed(HandshakeError::UnsolicitedExtension(35), 110));
    let gigabyte = client_on(HandshakeType::CERTIFICATE, |body| body[0] = 0x7f);
    assert_eq!(gigabyte, failed(HandshakeError::Malformed(11), 50));
    let group = client_on(HandshakeType::SERVER_KEY_EXCHANGE, |body| body[2] = 0x77);
    assert_eq!(group, failed(HandshakeError::IllegalParameter(12), 47));
}

#[test]
fn a_peer_without_extended_master_secret_may_be_allowed() {
    let strip = |body: &mut Vec<u8>| {
        let at = body.windows(4).position(|window| window == [0, 23, 0, 0]).unwrap();
        body[at..at + 2].copy_from_slice(&[0x1a, 0x1a]);
    };
    let refused = (CloseReason::Handshake(HandshakeError::NoExtendedMasterSecret), Some(40));
    assert_eq!(server_on_hello(strip), refused);
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
