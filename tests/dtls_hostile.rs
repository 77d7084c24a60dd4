//! A browser's hello, and bytes that nobody meant: a published fuzzing corpus and mutations of real handshakes.
#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

#[expect(dead_code, reason = "each test uses a part of it")]
mod dtls_support;

use std::fs;
use std::path::PathBuf;

use antiphon::dtls::Role;
use antiphon::wire::dtls::extension::{ExtensionType, Extensions};
use antiphon::wire::dtls::handshake::{Fragments, HandshakeType, whole_header};
use antiphon::wire::dtls::hello::{ClientHello, ServerHello};
use antiphon::wire::dtls::record::{ContentType, Records, Version};
use antiphon::{Output, Rng, Seed};
use dtls_support::{CLIENT, Pair, SERVER, at, connection, record};

/// A hello as Chromium and Firefox send it: random values in reserved places, DTLS 1.3 first, a key share of 1216 bytes
/// for X25519MLKEM768, extensions in the order that `shuffle` gives.
fn browser_hello(shuffle: &mut Rng) -> Vec<u8> {
    let mut extensions: Vec<Vec<u8>> = vec![
        vec![0x3a, 0x3a, 0, 0],
        vec![0, 23, 0, 0],
        vec![0xff, 1, 0, 1, 0],
        vec![0, 10, 0, 12, 0, 10, 0x5a, 0x5a, 0x11, 0xec, 0, 29, 0, 23, 0, 24],
        vec![0, 11, 0, 2, 1, 0],
        vec![0, 35, 0, 0],
        vec![0, 5, 0, 5, 1, 0, 0, 0, 0],
        vec![0, 13, 0, 18, 0, 16, 4, 3, 8, 4, 4, 1, 5, 3, 8, 5, 5, 1, 8, 6, 6, 1],
        vec![0, 14, 0, 11, 0, 8, 0, 1, 0, 8, 0, 7, 0, 2, 0],
        vec![0, 43, 0, 7, 6, 0x6a, 0x6a, 0xfe, 0xfc, 0xfe, 0xfd],
        vec![0, 45, 0, 2, 1, 1],
        vec![0x4a, 0x4a, 0, 1, 0],
    ];
    let mut share = vec![0, 51, 4, 234, 4, 232, 0x11, 0xec, 4, 192];
    share.extend_from_slice(&[0x77; 1216]);
    share.extend_from_slice(&[0, 29, 0, 32]);
    share.extend_from_slice(&[9; 32]);
    share[2..4].copy_from_slice(&1258_u16.to_be_bytes());
    share[4..6].copy_from_slice(&1256_u16.to_be_bytes());
    extensions.push(share);
    for index in (1..extensions.len()).rev() {
        let other = usize::try_from(shuffle.below(index as u64 + 1)).unwrap();
        extensions.swap(index, other);
    }
    let mut body = Vec::new();
    let suites =
        [0x2a, 0x2a, 0x13, 1, 0x13, 2, 0x13, 3, 0xc0, 0x2b, 0xc0, 0x2f, 0xcc, 0xa9, 0xc0, 9, 0, 0x9c];
    let hello = ClientHello {
        version: Version::DTLS_1_2,
        random: [5; 32],
        session_id: &[],
        cookie: &[],
        suites: &suites,
        compression: &[0],
        extensions: Extensions::default(),
    };
    hello.write(&mut body, |out| out.extend(extensions.concat()));
    body
}

/// The body in fragments of at most `len` bytes, each a datagram.
fn fragments(body: &[u8], len: usize) -> Vec<Vec<u8>> {
    let whole = whole_header(HandshakeType::CLIENT_HELLO, 0, body.len());
    let cut = body.chunks(len).enumerate().map(|(number, part)| {
        let mut content = whole[..6].to_vec();
        content.extend_from_slice(&u32::try_from(number * len).unwrap().to_be_bytes()[1..]);
        content.extend_from_slice(&u32::try_from(part.len()).unwrap().to_be_bytes()[1..]);
        content.extend_from_slice(part);
        record(ContentType::Handshake, (0, number as u64), &content)
    });
    cut.collect()
}

#[test]
fn a_browser_that_offers_more_is_answered_with_1_2() {
    use antiphon::crypto::srtp_keys::SrtpProfile::{AeadAes128Gcm, Aes128CmSha1_80};
    let mut rng = Rng::new(&Seed::from_bytes([8; 32]));
    for round in 0..50 {
        let body = browser_hello(&mut rng);
        let mut server =
            connection(1, Role::Server, |config| config.srtp_profiles = vec![AeadAes128Gcm, Aes128CmSha1_80]);
        let mut datagrams = fragments(&body, if round == 0 { 1180 } else { 100 });
        if round % 2 == 1 {
            datagrams.reverse();
        }
        for datagram in &datagrams {
            assert!(matches!(server.poll_output(at(0), &mut [0; 1500]), Output::Wait(None)));
            server.handle_input(at(0), datagram);
        }
        let mut buf = [0; 1500];
        let Output::Transmit(t) = server.poll_output(at(0), &mut buf) else {
            panic!("no answer: {server:?}")
        };
        let flight = Records::new(&buf[..t.len]).next().unwrap();
        let message = Fragments::new(flight.fragment).next().unwrap();
        let hello = ServerHello::parse(message.data).unwrap();
        assert_eq!((hello.version, hello.suite, hello.session_id), (Version::DTLS_1_2, 0xc02b, &[][..]));
        // Answers to what was offered and concerns 1.2, and to nothing else.
        let mut answered: Vec<_> = hello.extensions.iter().map(|(number, _)| number.0).collect();
        answered.sort_unstable();
        assert_eq!(answered, [11, 14, 23, 0xff01]);
        assert_eq!(hello.extensions.get(ExtensionType::USE_SRTP), Some(&[0, 2, 0, 7, 0][..]));
    }
}

/// Feeds the bytes to both sides at every stage of a handshake; nothing panics, and what is held stays bounded.
fn feed(data: &[u8]) {
    let mut server = connection(1, Role::Server, |_| {});
    server.handle_input(at(0), data);
    let mut pair = Pair::new();
    pair.draw(CLIENT);
    pair.ends[CLIENT].handle_input(at(0), data);
    pair.run();
    for part in data.chunks(1400) {
        pair.ends[CLIENT].handle_input(at(0), part);
        pair.ends[SERVER].handle_input(at(0), part);
    }
    pair.run();
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that skips says so")]
fn a_published_fuzzing_corpus_does_nothing() {
    #[expect(clippy::disallowed_methods, reason = "a test may ask where its vectors are")]
    let Ok(shared) = std::env::var("ANTIPHON_SHARED").map(PathBuf::from) else {
        eprintln!("skipped: ANTIPHON_SHARED is not set");
        return;
    };
    let mut count = 0;
    for side in ["client", "server"] {
        for entry in fs::read_dir(shared.join("vectors/dtls/openssl-fuzz").join(side)).unwrap() {
            let bytes = fs::read(entry.unwrap().path()).unwrap();
            feed(&bytes);
            // A file holds several datagrams, one after the other, some with their length before them.
            for start in [0, 2, 4] {
                feed(bytes.get(start..).unwrap_or_default());
            }
            count += 1;
        }
    }
    assert!(count > 100, "{count}");
}

#[test]
fn mutations_of_real_handshakes_end_in_a_state_with_a_name() {
    let mut rng = Rng::new(&Seed::from_bytes([4; 32]));
    for round in 0..600_u64 {
        let mut pair = Pair::with(|config| config.mtu = 400, |config| config.mtu = 400);
        for _ in 0..6 {
            for end in [CLIENT, SERVER] {
                pair.draw(end);
                for mut datagram in core::mem::take(&mut pair.wire[1 - end]) {
                    for _ in 0..rng.below(3) {
                        let place = usize::try_from(rng.below(datagram.len() as u64)).unwrap();
                        match rng.below(4) {
                            0 => datagram[place] = rng.array::<1>()[0],
                            1 => datagram[place] ^= 1 << (rng.below(8)),
                            2 => datagram.truncate(place.max(1)),
                            _ => datagram.insert(place, 0),
                        }
                    }
                    pair.ends[1 - end].handle_input(pair.now, &datagram);
                }
            }
            pair.now = at(pair.now.as_nanos() / 1_000_000 + 1000);
        }
        for end in [CLIENT, SERVER] {
            assert!(pair.events[end].len() <= 2, "{round}: {:?}", pair.events[end]);
        }
    }
}
