//! A DTLS connection with damaged, repeated, reordered and invented datagrams, handshake messages changed to the letter, and records that
//! somebody sealed who has the keys: nothing panics, loops or grows, and no application data is delivered that the other end did not
//! seal as such.
//!
//! The input is `knobs`, then a list of steps: `kind length bytes`.
#![no_main]

use core::time::Duration;
use std::sync::LazyLock;

use antiphon::crypto::srtp_keys::SrtpProfile;
use antiphon::crypto::{Certificate, FingerprintHash};
use antiphon::dtls::{Config, Connection, Event, Role};
use antiphon::wire::dtls::handshake::{Fragments, HandshakeType, whole_header};
use antiphon::wire::dtls::record::{ContentType, Records};
use antiphon::{Instant, Output, Rng, Seed};
use libfuzzer_sys::fuzz_target;

static CERTIFICATES: LazyLock<[Certificate; 2]> = LazyLock::new(|| {
    [1, 2].map(|seed| {
        let unix_time = Duration::from_secs(1_790_000_000);
        Certificate::generate(&Seed::from_bytes([seed; 32]), unix_time).expect("a certificate")
    })
});

struct Pair {
    ends: [Connection; 2],
    now: Instant,
    /// Datagrams under way, to each end.
    wire: [Vec<Vec<u8>>; 2],
    over: [bool; 2],
    /// Each end expects the other's certificate, not another one.
    trusted: [bool; 2],
}

impl Pair {
    fn new(knobs: u8) -> Self {
        let now = Instant::from_nanos(1_000_000_000);
        let trusted = [knobs & 2 == 0, knobs & 4 == 0];
        let end = |index: usize, role| {
            let mut config = Config::new(CERTIFICATES[index].clone());
            config.cookie = knobs & 1 == 1;
            config.mtu = if knobs & 8 == 0 { 1200 } else { 256 };
            config.client_certificate_required = knobs & 16 == 0;
            config.extended_master_secret_required = knobs & 32 == 0;
            config.srtp_profiles = vec![SrtpProfile::AeadAes128Gcm, SrtpProfile::Aes128CmSha1_80];
            let rng = Rng::new(&Seed::from_bytes([index as u8 + 7; 32]));
            let mut end = Connection::new(now, rng, &config, role).expect("a configuration");
            let theirs = CERTIFICATES[if trusted[index] { 1 - index } else { index }]
                .fingerprint(FingerprintHash::Sha256);
            end.set_remote_fingerprints(vec![theirs]);
            end.start();
            end
        };
        let ends = [end(0, Role::Client), end(1, Role::Server)];
        Self { ends, now, wire: Default::default(), over: [false; 2], trusted }
    }

    fn drain(&mut self) {
        let mut buf = [0; 1500];
        for end in 0..2 {
            for count in 0.. {
                assert!(count < 10_000, "it never waits");
                let output = self.ends[end].poll_output(self.now, &mut buf);
                assert!(!self.over[end] || matches!(output, Output::Wait(None)), "law 10: {output:?}");
                match output {
                    Output::Event(Event::Connected) => assert!(self.trusted[end], "connected to a stranger"),
                    Output::Event(event) => {
                        self.over[end] |= matches!(event, Event::Failed(_) | Event::Closed);
                    }
                    Output::Transmit(t) => self.wire[1 - end].push(buf[..t.len].to_vec()),
                    Output::Wait(wait) => {
                        assert!(wait.is_none_or(|at| at > self.now), "law 4");
                        break;
                    }
                }
            }
            while let Some(data) = self.ends[end].recv() {
                assert_eq!(&data[..], b"sealed", "delivered what nobody sealed");
            }
            self.wire[end].truncate(64);
        }
    }

    /// The datagram with its handshake messages in the clear as the bytes leave them: `which where patch`.
    fn tamper(datagram: &[u8], bytes: &[u8]) -> Vec<u8> {
        let [which, high, low, patch @ ..] = bytes else { return datagram.to_vec() };
        let (mut out, mut number) = (Vec::new(), 0);
        for record in Records::new(datagram) {
            if record.epoch > 0 || record.content_type != ContentType::Handshake {
                out.extend_from_slice(record.whole);
                continue;
            }
            let mut content = Vec::new();
            for fragment in Fragments::new(record.fragment) {
                let mut body = fragment.data.to_vec();
                let chosen = number == which & 7;
                number += 1;
                // Fragments are left as they are: a whole message can change its length.
                if chosen && body.len() == fragment.total {
                    let at = (usize::from(*high) << 4 | usize::from(*low) & 15).min(body.len());
                    match which >> 4 & 3 {
                        0 => body.iter_mut().skip(at).zip(patch).for_each(|(byte, patch)| *byte ^= patch),
                        1 => drop(body.splice(at..at, patch.iter().copied())),
                        2 => body.truncate(at),
                        _ => drop(body.drain(at..(at + patch.len()).min(body.len()))),
                    }
                    let kind = if which & 0x80 == 0 { fragment.kind } else { HandshakeType(*low) };
                    content.extend_from_slice(&whole_header(kind, fragment.message_seq, body.len()));
                    content.extend_from_slice(&body);
                } else {
                    let head = whole_header(fragment.kind, fragment.message_seq, fragment.total);
                    content.extend_from_slice(&head[..6]);
                    content.extend_from_slice(&(fragment.offset as u32).to_be_bytes()[1..]);
                    content.extend_from_slice(&(body.len() as u32).to_be_bytes()[1..]);
                    content.extend_from_slice(&body);
                }
            }
            out.extend_from_slice(&record.whole[..11]);
            out.extend_from_slice(&(content.len() as u16).to_be_bytes());
            out.extend_from_slice(&content);
        }
        out
    }

    /// A record under the keys of the end opposite, of any type and content, in the place of what that end would send.
    fn forge(&mut self, end: usize, bytes: &[u8]) {
        let [kind, content @ ..] = bytes else { return };
        let kinds = [
            ContentType::Alert,
            ContentType::Handshake,
            ContentType::ChangeCipherSpec,
            ContentType::ApplicationData,
        ];
        let kind = kinds[usize::from(kind & 3)];
        let content =
            if kind == ContentType::ApplicationData && !content.is_empty() { b"sealed" } else { content };
        let mut buf = [0; 1500];
        // From a copy as well: the numbers repeat.
        let mut other = self.ends[1 - end].fork();
        let forger = if bytes[0] & 0x10 == 0 { &mut self.ends[1 - end] } else { &mut other };
        if let Some(len) = forger.forge(kind, content, &mut buf) {
            self.ends[end].handle_input(self.now, &buf[..len]);
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let mut pair = Pair::new(input.first().copied().unwrap_or_default());
    let mut rest = input.get(1..).unwrap_or_default();
    for _ in 0..48 {
        pair.drain();
        let [kind, len, tail @ ..] = rest else { break };
        let (bytes, tail) = tail.split_at(tail.len().min(usize::from(*len)));
        rest = tail;
        let end = usize::from(kind >> 7);
        let now = pair.now;
        let first = (!pair.wire[end].is_empty()).then(|| pair.wire[end].remove(0));
        match (kind & 15, first) {
            // As it is; twice; later; never.
            (0 | 1, Some(data)) => pair.ends[end].handle_input(now, &data),
            (2, Some(data)) => (0..2).for_each(|_| pair.ends[end].handle_input(now, &data)),
            (3, Some(data)) => pair.wire[end].push(data),
            (4, Some(mut data)) => {
                if let [high, low, patch @ ..] = bytes {
                    let place = data.iter_mut().skip(usize::from(*high) << 4 | usize::from(*low) & 15);
                    place.zip(patch).for_each(|(byte, patch)| *byte ^= patch);
                }
                pair.ends[end].handle_input(now, &data);
            }
            (8 | 9, Some(data)) => {
                let data = Pair::tamper(&data, bytes);
                pair.ends[end].handle_input(now, &data);
            }
            (10 | 11, first) => {
                // What was under way stays so.
                pair.wire[end].splice(0..0, first);
                pair.forge(end, bytes);
            }
            (12, first) => {
                pair.wire[end].splice(0..0, first);
                pair.ends[end] = pair.ends[end].fork();
                if bytes.len() > 40 {
                    pair.ends[end].close();
                }
            }
            (5, first) => {
                pair.wire[end].splice(0..0, first);
                pair.now = pair.now + Duration::from_millis(u64::from(*len) * 40);
            }
            (6, first) => {
                pair.wire[end].splice(0..0, first);
                let mut buf = [0; 256];
                if let Ok(len) = pair.ends[1 - end].seal(b"sealed", &mut buf) {
                    pair.wire[end].push(buf[..len].to_vec());
                }
            }
            (_, first) => {
                pair.wire[end].splice(0..0, first);
                pair.ends[end].handle_input(now, bytes);
            }
        }
    }
    pair.drain();
});
