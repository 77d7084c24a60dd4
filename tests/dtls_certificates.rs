//! Certificates out of the ordinary: long ones, and such that nobody signed. What counts is the fingerprint and the key.
#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

#[expect(dead_code, reason = "each test uses a part of it")]
mod dtls_support;

use antiphon::crypto::{Certificate, FingerprintHash};
use antiphon::dtls::{CloseReason, Event, Role};
use antiphon::sim::deterministic;
use dtls_support::{CLIENT, Pair, SERVER, at, certificate, connection};

fn drawn(pair: &mut Pair, end: usize) -> Vec<Vec<u8>> {
    pair.draw(end);
    core::mem::take(&mut pair.wire[1 - end]).into()
}

/// A value of this tag in DER, of less than 64 KiB.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
    let head = match content.len() {
        0..0x80 => vec![tag, low],
        0x80..0x100 => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    [&head, content].concat()
}

/// Content of the value that begins here, and what follows it.
fn split_der(value: &[u8]) -> (&[u8], &[u8]) {
    let (head, len) = match *value {
        [_, 0x81, len, ..] => (3, usize::from(len)),
        [_, 0x82, high, low, ..] => (4, usize::from(u16::from_be_bytes([high, low]))),
        [_, len, ..] => (2, usize::from(len)),
        [_] | [] => panic!("no value"),
    };
    (&value[head..head + len], &value[head + len..])
}

/// The values that stand one after the other in `content`, each with its head.
fn values(mut content: &[u8]) -> Vec<&[u8]> {
    let mut values = Vec::new();
    while !content.is_empty() {
        let (_, rest) = split_der(content);
        let (value, rest) = content.split_at(content.len() - rest.len());
        values.push(value);
        content = rest;
    }
    values
}

/// The certificate of this DER with its key in PEM.
fn own(whole: &[u8], key: &str) -> Certificate {
    let whole = openssl::base64::encode_block(whole);
    let pem = format!("-----BEGIN CERTIFICATE-----\n{whole}\n-----END CERTIFICATE-----\n");
    Certificate::from_pem(pem.as_bytes(), key.as_bytes()).unwrap()
}

/// A certificate with an extension of this many bytes that means nothing.
fn long_certificate(number: u8, len: usize) -> Certificate {
    let (short, key) = (certificate(number), certificate(number).to_pem().unwrap().1);
    let (content, _) = split_der(short.der());
    let (to_be_signed, signature) = split_der(content);
    let extension = der(0x30, &[&der(0x06, &[0x2a, 0x03])[..], &der(0x04, &vec![7; len])].concat());
    let extensions = der(0xa3, &der(0x30, &extension));
    let to_be_signed = der(0x30, &[to_be_signed, &extensions].concat());
    deterministic(own(&der(0x30, &[&to_be_signed[..], signature].concat()), &key))
}

/// A certificate that says of itself that nobody signed it (RFC 9925): `id-alg-unsigned` in both places, an issuer that is none, and a
/// signature of no bits.
fn unsigned_certificate(number: u8) -> Certificate {
    const ALGORITHM: [u8; 8] = [0x2b, 6, 1, 5, 5, 7, 6, 36];
    const NO_ISSUER: [u8; 8] = [0x2b, 6, 1, 5, 5, 7, 25, 1];
    let (signed, key) = (certificate(number), certificate(number).to_pem().unwrap().1);
    let (content, _) = split_der(signed.der());
    let (to_be_signed, _) = split_der(content);
    let algorithm = der(0x30, &der(0x06, &ALGORITHM));
    let attribute = der(0x30, &[der(0x06, &NO_ISSUER), der(0x0c, &[])].concat());
    let issuer = der(0x30, &der(0x31, &attribute));
    // Version, serial number, algorithm, issuer, and the rest as it was.
    let mut fields = values(to_be_signed);
    (fields[2], fields[3]) = (&algorithm, &issuer);
    let to_be_signed = der(0x30, &fields.concat());
    own(&der(0x30, &[&to_be_signed[..], &algorithm, &der(0x03, &[0])].concat()), &key)
}

#[test]
fn certificates_of_16_kib_pass_an_mtu_of_256_in_any_order() {
    let certificates = [long_certificate(0, 16 * 1024), long_certificate(1, 16 * 1024)];
    let end = |number: u8, role| {
        connection(number, role, |config| {
            config.mtu = 256;
            config.certificate = certificates[usize::from(number)].clone();
        })
    };
    let mut pair = Pair::of(end(0, Role::Client), end(1, Role::Server));
    pair.ends[CLIENT].set_remote_fingerprints(vec![certificates[1].fingerprint(FingerprintHash::Sha256)]);
    pair.ends[SERVER].set_remote_fingerprints(vec![certificates[0].fingerprint(FingerprintHash::Sha256)]);
    for _ in 0..6 {
        for from in [CLIENT, SERVER] {
            let flight = drawn(&mut pair, from);
            assert!(flight.iter().all(|datagram| datagram.len() <= 256));
            for datagram in flight.iter().rev() {
                pair.ends[1 - from].handle_input(at(0), datagram);
            }
        }
    }
    assert!(pair.is_connected());
    assert!(pair.sent[CLIENT] > 70 && pair.sent[SERVER] > 70);
    pair.assert_alive();
}

#[test]
fn a_certificate_that_nobody_signed_is_as_good_as_its_fingerprint() {
    for trusts in [true, false] {
        let certificates = [unsigned_certificate(0), unsigned_certificate(1)];
        let end = |number: u8, role| {
            let mine = certificates[usize::from(number)].clone();
            connection(number, role, |config| config.certificate = mine)
        };
        let mut pair = Pair::of(end(0, Role::Client), end(1, Role::Server));
        let of = |number: usize| vec![certificates[number].fingerprint(FingerprintHash::Sha256)];
        pair.ends[CLIENT].set_remote_fingerprints(of(1));
        pair.ends[SERVER].set_remote_fingerprints(if trusts {
            of(0)
        } else {
            // Of the same key in a certificate that is signed.
            vec![certificate(0).fingerprint(FingerprintHash::Sha256)]
        });
        pair.run();
        if trusts {
            assert_eq!(pair.events, [[Event::Connected], [Event::Connected]]);
            assert_eq!(pair.ends[SERVER].peer_certificate(), Some(certificates[0].der()));
            pair.assert_alive();
        } else {
            assert_eq!(pair.events[SERVER], [Event::Failed(CloseReason::FingerprintMismatch)]);
        }
    }
}
