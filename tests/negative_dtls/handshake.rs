//! Messages that lie, come twice, at the wrong time or from nobody.

use antiphon::dtls::{CloseReason, Event, HandshakeError, Role};
use antiphon::wire::dtls::alert::AlertDescription;
use antiphon::wire::dtls::handshake::{HandshakeType, whole_header};
use antiphon::wire::dtls::record::{ContentType, Records};

use crate::attack::{
    FATAL, add_extension, add_extension_at, after_client_flight, after_server_flight, client_on, drawn,
    failure, failure_in_time, give, replace_extension, server_on, server_on_hello,
};
use crate::dtls_support::{CLIENT, Pair, SERVER, at, certificate, connection, handshake, record, tamper};

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
fn n22_a_message_out_of_order_is_unexpected() {
    let mut pair = Pair::new();
    give(&mut pair, SERVER, &[handshake(HandshakeType::CERTIFICATE, 0, &[0, 0, 0])]);
    assert_eq!(
        failure_in_time(&mut pair, SERVER),
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

/// Gives `end` a handshake message that its peer sends under the keys of the handshake.
fn give_protected(pair: &mut Pair, end: usize, kind: HandshakeType, sequence: u16) {
    let mut buf = [0; 200];
    let content = whole_header(kind, sequence, 0);
    let len = pair.ends[1 - end].forge(ContentType::Handshake, &content, &mut buf).unwrap();
    give(pair, end, &[buf[..len].to_vec()]);
}

// Under keys it is the peer itself that breaks the rule (RFC 5246 §7.4): unexpected_message.
#[test]
fn n22_another_message_than_finished_under_keys_ends_the_handshake() {
    let unexpected = |kind: HandshakeType| CloseReason::Handshake(HandshakeError::Unexpected(kind.0));
    let (mut pair, flight) = after_client_flight();
    let clear: Vec<_> =
        Records::new(&flight).filter(|r| r.epoch == 0).map(|record| record.whole.to_vec()).collect();
    give(&mut pair, SERVER, &clear);
    give_protected(&mut pair, SERVER, HandshakeType::CLIENT_HELLO, 4);
    // Its own keys are not in force before its Finished.
    assert_eq!(failure(&mut pair, SERVER), (unexpected(HandshakeType::CLIENT_HELLO), Some(10)));

    let (mut pair, flight) = after_client_flight();
    give(&mut pair, SERVER, &[flight]);
    let _finished = drawn(&mut pair, SERVER);
    // A request to begin again says nothing while the handshake runs.
    give_protected(&mut pair, CLIENT, HandshakeType::HELLO_REQUEST, 5);
    assert!(drawn(&mut pair, CLIENT).is_empty());
    give_protected(&mut pair, CLIENT, HandshakeType::CERTIFICATE, 5);
    let alerts = drawn(&mut pair, CLIENT);
    let alert = Records::new(&alerts[0]).next().unwrap();
    assert_eq!((alert.content_type, alert.epoch), (ContentType::Alert, 1));
    assert_eq!(pair.events[CLIENT], [Event::Failed(unexpected(HandshakeType::CERTIFICATE))]);
    give(&mut pair, SERVER, &alerts);
    pair.draw(SERVER);
    let told = CloseReason::PeerAlert(AlertDescription::UNEXPECTED_MESSAGE);
    assert_eq!(pair.events[SERVER].last(), Some(&Event::Failed(told)));
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

// RFC 5246 §7.4.3: the scheme goes with the certificate's key; one that cannot is an illegal parameter, whatever was signed.
#[test]
fn a_signature_scheme_of_another_kind_of_key_is_refused() {
    let rsa = |body: &mut Vec<u8>, at: usize| body[at..at + 2].copy_from_slice(&[0x04, 0x01]);
    let illegal =
        |kind: HandshakeType| (CloseReason::Handshake(HandshakeError::IllegalParameter(kind.0)), Some(47));
    let kind = HandshakeType::SERVER_KEY_EXCHANGE;
    // Curve type, group, the length of the point, the point.
    assert_eq!(client_on(kind, |body| rsa(body, 4 + usize::from(body[3]))), illegal(kind));
    let verify = HandshakeType::CERTIFICATE_VERIFY;
    let changed = |kind, body: &mut Vec<u8>| {
        if kind == verify {
            rsa(body, 0);
        }
        true
    };
    assert_eq!(server_on(changed), illegal(verify));
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
fn n19_a_hello_with_ciphers_nobody_has_does_not_end_the_handshake_under_way() {
    let (mut pair, flight) = after_server_flight();
    let mut body = vec![0xfe, 0xfd];
    body.extend_from_slice(&[7; 32]);
    // No session, no cookie, TLS_NULL_WITH_NULL_NULL and one nobody knows, no compression, no extensions.
    body.extend_from_slice(&[0, 0, 0, 4, 0, 0, 0xee, 0xee, 1, 0]);
    for sequence in [0, 1] {
        give(&mut pair, SERVER, &[handshake(HandshakeType::CLIENT_HELLO, sequence, &body)]);
    }
    // It looks like the first hello sent again, and is answered as that: with the same flight, and with no alert.
    let said = drawn(&mut pair, SERVER);
    assert!(said.len() <= 1, "{} datagrams", said.len());
    let alerts = said.iter().flat_map(|datagram| Records::new(datagram));
    assert!(alerts.into_iter().all(|record| record.content_type == ContentType::Handshake));
    give(&mut pair, CLIENT, &[flight]);
    pair.run();
    assert!(pair.is_connected());
    pair.assert_alive();
}

#[test]
fn n20_a_second_hello_in_the_midst_of_the_handshake_begins_nothing() {
    let mut pair = Pair::new();
    let hello = drawn(&mut pair, CLIENT).remove(0);
    give(&mut pair, SERVER, core::slice::from_ref(&hello));
    let flight = drawn(&mut pair, SERVER);
    // The same hello with another random value: as a retransmission, and as the next message.
    let other = tamper(&hello, |_, body| {
        body[10] ^= 1;
        true
    });
    let (body, mut next) = (Records::new(&other).next().unwrap().fragment[12..].to_vec(), Vec::new());
    next.push(other);
    next.push(handshake(HandshakeType::CLIENT_HELLO, 1, &body));
    let sent = pair.sent[SERVER];
    give(&mut pair, SERVER, &next);
    let repeated = drawn(&mut pair, SERVER);
    assert!(pair.sent[SERVER] - sent <= 1 && repeated.len() <= 1, "at most the same flight again");
    give(&mut pair, CLIENT, &flight);
    pair.run();
    assert!(pair.is_connected());
    assert_eq!(pair.events, [[Event::Connected], [Event::Connected]]);
    pair.assert_alive();
}

// Nobody speaks: each gives up when a client would whose hellos have no answer.
#[test]
fn n26_two_servers_fail_with_a_reason() {
    let mut pair = Pair::of(connection(0, Role::Server, |_| {}), connection(1, Role::Server, |_| {}));
    assert_eq!((pair.draw(CLIENT), pair.draw(SERVER)), (Some(at(1000)), None), "one is not started yet");
    pair.now = at(1000);
    pair.ends[SERVER].start();
    let failed = Event::Failed(CloseReason::Timeout);
    for (end, over) in [(CLIENT, 483_000), (SERVER, 484_000)] {
        while let Some(deadline) = pair.draw(end) {
            pair.now = deadline;
        }
        assert_eq!((pair.now, &pair.events[end]), (at(over), &vec![failed]));
        pair.now = at(1000);
    }
    assert_eq!(pair.sent, [0, 0]);
}

#[test]
fn n26_a_client_that_comes_late_is_waited_for() {
    for cookie in [false, true] {
        let mut pair = Pair::with(|_| {}, |config| config.cookie = cookie);
        pair.ends[SERVER].start();
        while pair.now < at(400_000) {
            pair.draw(SERVER);
            pair.now = pair.ends[SERVER].deadline().unwrap();
        }
        assert_eq!(pair.sent[SERVER], 0);
        pair.run();
        assert_eq!(pair.events, [[Event::Connected], [Event::Connected]], "{cookie}");
        assert_eq!((pair.ends[SERVER].stats().timeouts, pair.deadline()), (0, None));
        pair.assert_alive();
    }
}

// What asks for a cookie is not repeated by itself (RFC 6347 §4.2.1), and a client that never brings it is not waited for beyond that.
#[test]
fn n26_a_client_that_never_brings_its_cookie_is_given_up() {
    let mut pair = Pair::with(|_| {}, |config| config.cookie = true);
    pair.ends[SERVER].start();
    let hello = drawn(&mut pair, CLIENT);
    give(&mut pair, SERVER, &hello);
    while let Some(deadline) = pair.draw(SERVER) {
        pair.now = deadline;
    }
    assert_eq!((pair.sent[SERVER], pair.now), (1, at(483_000)));
    assert_eq!(pair.events[SERVER], [Event::Failed(CloseReason::Timeout)]);
}

#[test]
fn n28_an_answer_with_two_profiles_another_one_or_a_key_identifier_is_refused() {
    use antiphon::crypto::srtp_keys::SrtpProfile::{AeadAes128Gcm, Aes128CmSha1_80};
    let both =
        |config: &mut antiphon::dtls::Config| config.srtp_profiles = vec![Aes128CmSha1_80, AeadAes128Gcm];
    for (content, connects) in [
        (&[0, 2, 0, 7, 0][..], true),
        (&[0, 4, 0, 7, 0, 1, 0], false),
        (&[0, 2, 0, 8, 0], false),
        (&[0, 2, 0, 2, 0], false),
        (&[0, 2, 0, 7, 1, 0x55], false),
    ] {
        let mut pair = Pair::with(both, both);
        pair.draw(CLIENT);
        pair.deliver(SERVER);
        let flight = drawn(&mut pair, SERVER).remove(0);
        let changed = tamper(&flight, |kind, body| {
            if kind == HandshakeType::SERVER_HELLO {
                replace_extension(body, 38, 14, content);
            }
            true
        });
        give(&mut pair, CLIENT, &[changed]);
        if connects {
            // The change is seen by the signature, later; not by the hello.
            assert_eq!(pair.events[CLIENT], []);
            continue;
        }
        let (reason, alert) = failure(&mut pair, CLIENT);
        assert_eq!(reason, CloseReason::Handshake(HandshakeError::SrtpProfile), "{content:?}");
        assert_eq!(alert, Some(47));
        assert_eq!(pair.ends[CLIENT].srtp_profile(), None);
        assert!(pair.ends[CLIENT].srtp_keying_material().is_none());
    }
}

#[test]
fn n28_key_identifiers_and_unknown_profiles_in_an_offer_are_passed_over() {
    use antiphon::crypto::srtp_keys::SrtpProfile::AeadAes128Gcm;
    for (content, chosen) in
        [(&[0, 4, 0, 5, 0, 7, 2, 1, 2][..], Some(AeadAes128Gcm)), (&[0, 4, 0, 5, 0, 6, 0], None)]
    {
        let mut server = connection(1, Role::Server, |config| config.srtp_profiles = vec![AeadAes128Gcm]);
        let mut pair = Pair::with(|config| config.srtp_profiles = vec![AeadAes128Gcm], |_| {});
        let hello = drawn(&mut pair, CLIENT).remove(0);
        let changed = tamper(&hello, |_, body| {
            let suites = usize::from(u16::from_be_bytes([body[36], body[37]]));
            replace_extension(body, 38 + suites + 2, 14, content);
            true
        });
        server.handle_input(pair.now, &changed);
        let mut buf = [0; 1500];
        let antiphon::Output::Transmit(t) = server.poll_output(pair.now, &mut buf) else {
            panic!("{server:?}")
        };
        let answered = buf[..t.len].windows(4).any(|window| window == [0, 14, 0, 5]);
        assert_eq!(answered, chosen.is_some(), "{content:?}");
    }
}
