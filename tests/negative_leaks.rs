//! What must not be seen from outside: secrets in logs and statistics, private addresses on the wire; negative test 61.
//!
//! A relay-only policy does not exist yet: what exists to hide an address is a candidate that advertises another, and to name none.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[expect(dead_code, reason = "each test uses its part")]
mod dtls_support;
mod pair;

use core::fmt::Debug;
use std::net::SocketAddr;
use std::sync::mpsc;

use antiphon::crypto::srtp_keys::{KeyingMaterial, SrtpProfile};
use antiphon::ice::{self, Credentials};
use antiphon::peer::SdpType;
use antiphon::srtp::{self, Side};
use antiphon::{Certificate, Config, LocalCandidate, OfferOptions, Rng, Router, Seed, dtls};
use pair::{Pair, UNIX, address, ms, secs, value};

/// Every way a program that logs all it has might write `bytes`.
fn spellings(bytes: &[u8]) -> Vec<String> {
    let hex = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    let list = format!("{bytes:?}");
    vec![hex.to_uppercase(), hex, list.trim_matches(['[', ']']).to_owned()]
}

fn assert_hidden(shown: &str, secrets: &[String]) {
    for secret in secrets {
        assert!(!shown.contains(secret.as_str()), "{secret} in {shown}");
    }
}

#[test]
fn n61_no_secret_is_in_what_is_logged_or_counted() {
    #[cfg(feature = "tracing")]
    let lines = listener::listen();
    let seed = [0xa7; 32];
    let certificate = Certificate::generate(&Seed::from_bytes(seed), UNIX).unwrap();
    let (_, key) = certificate.to_pem().unwrap();
    let mut secrets = spellings(&seed);
    secrets.extend(key.lines().filter(|line| !line.starts_with('-')).map(str::to_owned));
    let config = Config::new().certificate(certificate.clone());
    let (mut pair, channels) = Pair::connected_with([&config, &Config::new()]);
    pair.assert_talks(channels, ms(500));
    pair.negotiate_with(0, OfferOptions { ice_restart: true }, |sdp| sdp, |sdp| sdp);
    pair.run_for(secs(20));
    for end in &pair.ends {
        for sdp in [end.pc.local_description(), end.pc.remote_description()] {
            secrets.push(value(&sdp.unwrap().to_sdp(), "a=ice-pwd:").to_owned());
        }
    }
    assert!(secrets.len() >= 3 + 2 + 4);
    let mut shown: Vec<Box<dyn Debug>> =
        vec![Box::new(certificate), Box::new(config), Box::new(Seed::from_bytes(seed))];
    shown.push(Box::new(Rng::new(&Seed::from_bytes(seed))));
    for end in pair.ends {
        let stats = end.pc.stats(pair.now);
        assert_hidden(&serde_json::to_string(&stats).unwrap(), &secrets);
        shown.push(Box::new(stats));
        shown.push(Box::new(end.events));
        let mut router = Router::new();
        router.insert(*end.pc);
        shown.push(Box::new(router));
    }
    for value in shown {
        assert_hidden(&format!("{value:?}"), &secrets);
        assert_hidden(&format!("{value:#?}"), &secrets);
    }
    #[cfg(feature = "tracing")]
    {
        let lines: Vec<String> = lines.try_iter().collect();
        assert!(lines.iter().any(|line| line.contains("dtls connected")), "{lines:?}");
        assert_hidden(&lines.concat(), &secrets);
    }
}

#[test]
fn n61_the_parts_hide_their_secrets_as_well() {
    let password = "asd88fgpdd777uzjYhagZg";
    let credentials = Credentials::new("8hhY", password).unwrap();
    let mut agent =
        ice::Agent::new(antiphon::Instant::ZERO, Rng::new(&Seed::from_bytes([3; 32])), &ice::Config::new())
            .unwrap();
    agent.restart_with(credentials.clone());
    let remote = ice::RemoteParameters::new(credentials.clone());
    agent.set_remote(remote.clone());
    for shown in [format!("{credentials:?}"), format!("{remote:#?}"), format!("{agent:?}")] {
        assert_hidden(&shown, &[password.to_owned()]);
        assert!(shown.contains("8hhY"), "the user fragment is no secret: {shown}");
    }
    let exported: Vec<u8> = (100..156).collect();
    let material = KeyingMaterial::split(SrtpProfile::AeadAes128Gcm, &exported).unwrap();
    let key = material.client_key().to_vec();
    assert_hidden(&format!("{material:?}"), &spellings(&key));
}

#[test]
fn n61_the_keys_of_a_handshake_are_hidden() {
    let profiles = |config: &mut dtls::Config| config.srtp_profiles = vec![SrtpProfile::Aes128CmSha1_80];
    let mut pair = dtls_support::Pair::with(profiles, profiles);
    pair.run();
    assert!(pair.is_connected());
    let mut exported = [0; 48];
    pair.ends[0].export_keying_material(b"EXPERIMENTAL", None, &mut exported).unwrap();
    let keys = pair.ends[0].srtp_keying_material().unwrap();
    let parts = [keys.client_key(), keys.client_salt(), keys.server_key(), keys.server_salt()];
    let secrets: Vec<String> = parts.into_iter().chain([&exported[..]]).flat_map(spellings).collect();
    let media = [Side::Client, Side::Server].map(|side| srtp::Session::new(&keys, side).unwrap());
    let mut shown = vec![format!("{keys:?}{keys:#?}{media:?}{media:#?}")];
    for end in &pair.ends {
        let stats = end.stats();
        shown.push(format!("{end:?}{end:#?}{stats:?}{}", serde_json::to_string(&stats).unwrap()));
    }
    shown.push(format!("{:?}", pair.events));
    for shown in shown {
        assert_hidden(&shown, &secrets);
    }
}

/// Who takes down every line that is logged, with all its fields.
#[cfg(feature = "tracing")]
mod listener {
    use core::fmt::{Debug, Write};
    use std::sync::mpsc::{self, Receiver, Sender};

    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    struct Listener(Sender<String>);

    struct Line(String);

    impl Visit for Line {
        fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
            write!(self.0, " {field}={value:?}").unwrap();
        }
    }

    impl Subscriber for Listener {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, event: &Event<'_>) {
            let mut line = Line(event.metadata().target().to_owned());
            event.record(&mut line);
            self.0.send(line.0).unwrap_or_default();
        }

        fn enter(&self, _: &Id) {}

        fn exit(&self, _: &Id) {}
    }

    /// Every line from now on, of all threads.
    pub(crate) fn listen() -> Receiver<String> {
        let (sender, lines) = mpsc::channel();
        tracing::subscriber::set_global_default(Listener(sender)).unwrap();
        lines
    }
}

/// Everything that leaves an end as bytes, and all it says of itself.
struct Overheard {
    datagrams: Vec<Vec<u8>>,
    words: String,
}

fn overhear(pair: &mut Pair, ends: usize) -> Overheard {
    let (sender, receiver) = mpsc::channel();
    pair.filter = Box::new(move |from, bytes| {
        if from == ends {
            sender.send(bytes.clone()).unwrap_or_default();
        }
        true
    });
    let channels = pair.create_channels();
    pair.negotiate();
    pair.connect();
    pair.assert_talks(channels, ms(500));
    pair.run_for(secs(30));
    let end = &pair.ends[ends];
    let words = format!("{}{:?}", end.pc.local_description().unwrap().to_sdp(), end.candidates());
    Overheard { datagrams: receiver.try_iter().collect(), words }
}

#[test]
fn n61_an_address_that_is_not_advertised_is_not_told() {
    // A server in a cloud: one address inside, another outside, and a static NAT between.
    let (inside, outside) =
        (SocketAddr::from(([10, 77, 88, 99], 5000)), SocketAddr::from(([203, 0, 113, 7], 6000)));
    let mut pair = Pair::with_addresses([&Config::new(), &Config::new()], [&[], &[address(1)]]);
    pair.ends[0].pc.add_local_candidate(LocalCandidate::udp(inside).advertised(outside)).unwrap();
    pair.ends[0].outside = Some(outside);
    pair.ends[0].addrs = vec![inside];
    let Overheard { datagrams, words } = overhear(&mut pair, 0);
    assert!(words.contains("203.0.113.7 6000") && !words.contains("10.77.88.99"), "{words}");
    assert!(words.contains("203.0.113.7") && !words.contains("raddr 10."), "{words}");
    // On the wire neither as it is nor as STUN covers it (RFC 8489 §14.2).
    let plain = [10_u8, 77, 88, 99];
    let cookie = 0x2112_a442_u32.to_be_bytes();
    let covered: Vec<u8> = plain.iter().zip(cookie).map(|(byte, cookie)| byte ^ cookie).collect();
    assert!(datagrams.len() > 10);
    for datagram in datagrams.iter().filter(|datagram| datagram.first().is_some_and(|first| *first < 64)) {
        for address in [&plain[..], &covered] {
            assert!(!datagram.windows(4).any(|window| window == address), "{datagram:?}");
        }
    }
}

#[test]
fn n61_an_address_that_is_gone_before_the_description_is_not_told() {
    let mut pair = Pair::default_pair();
    pair.create_channels();
    let [gone, other] = [7, 8].map(|last| SocketAddr::from(([10, 77, 88, last], 5000)));
    let pc = &mut pair.ends[0].pc;
    // Again and again, as an interface comes and goes: what waits to be told does not grow.
    for _ in 0..2000 {
        for local in [gone, other] {
            pc.add_local_candidate(LocalCandidate::udp(local)).unwrap();
            pc.remove_local_candidate(local);
        }
    }
    // One that came back is told once, as it is now.
    pc.add_local_candidate(LocalCandidate::udp(other)).unwrap();
    let offer = pair.ends[0].offer();
    pair.wake();
    let told = pair.ends[0].candidates();
    let words = format!("{offer}{}{told:?}", pair.local_sdp(0));
    assert!(!words.contains("10.77.88.7"), "{words}");
    assert_eq!(told.iter().flatten().count(), 2, "{told:?}");
    let lines = |sdp: &str| sdp.lines().filter(|line| line.starts_with("a=candidate:")).count();
    assert_eq!(lines(&pair.local_sdp(0)), 2);
    assert_eq!(told.last(), Some(&None), "and the end of them");
}

// Where there was no other address, there is nothing to tell: candidates are not at their end.
#[test]
fn n61_the_only_address_that_is_gone_leaves_nothing_to_tell() {
    let mut pair = Pair::default_pair();
    pair.create_channels();
    let pc = &mut pair.ends[0].pc;
    pc.remove_local_candidate(address(0));
    let offer = pair.ends[0].offer();
    pair.wake();
    assert_eq!(pair.ends[0].candidates(), []);
    assert!(!offer.contains("a=candidate") && !pair.local_sdp(0).contains("192.0.2.1"), "{offer}");
    // The next one is told, and the connection is made.
    pair.ends[0].pc.add_local_candidate(LocalCandidate::udp(address(0))).unwrap();
    pair.wake();
    let answer = pair.ends[1].answer(&pair.local_sdp(0)).unwrap();
    pair.ends[0].take(SdpType::Answer, &answer).unwrap();
    pair.wake();
    pair.connect();
}

#[test]
fn n61_a_description_names_no_address_before_one_was_added() {
    let mut pair = Pair::with_addresses([&Config::new(), &Config::new()], [&[], &[]]);
    pair.create_channels();
    let offer = pair.ends[0].offer();
    assert_eq!(value(&offer, "c="), "IN IP4 0.0.0.0");
    assert!(value(&offer, "o=").ends_with("IN IP4 0.0.0.0"), "not the host's: RFC 9429 §5.2.1");
    assert!(!offer.contains("a=candidate"), "{offer}");
}
