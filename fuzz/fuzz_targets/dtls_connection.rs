//! A DTLS handshake with damaged, repeated, reordered and invented datagrams: nothing panics or loops, and no application data is
//! delivered that the other end did not seal.
//!
//! The input is a list of steps: `kind length bytes`.
#![no_main]

use core::time::Duration;
use std::sync::LazyLock;

use antiphon::crypto::{Certificate, FingerprintHash};
use antiphon::dtls::{Config, Connection, Role};
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
}

impl Pair {
    fn new(cookie: bool) -> Self {
        let now = Instant::from_nanos(1_000_000_000);
        let end = |index: usize, role| {
            let mut config = Config::new(CERTIFICATES[index].clone());
            config.cookie = cookie;
            let rng = Rng::new(&Seed::from_bytes([index as u8 + 7; 32]));
            let mut end = Connection::new(now, rng, &config, role).expect("a configuration");
            end.set_remote_fingerprints(vec![CERTIFICATES[1 - index].fingerprint(FingerprintHash::Sha256)]);
            end.start();
            end
        };
        Self { ends: [end(0, Role::Client), end(1, Role::Server)], now, wire: Default::default() }
    }

    fn drain(&mut self) {
        let mut buf = [0; 1500];
        for end in 0..2 {
            for count in 0.. {
                assert!(count < 10_000, "it never waits");
                match self.ends[end].poll_output(self.now, &mut buf) {
                    Output::Event(_) => {}
                    Output::Transmit(t) => self.wire[1 - end].push(buf[..t.len].to_vec()),
                    Output::Wait(_) => break,
                }
            }
            while let Some(data) = self.ends[end].recv() {
                assert_eq!(&data[..], b"sealed", "delivered what nobody sealed");
            }
            self.wire[end].truncate(64);
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let mut pair = Pair::new(input.first().is_some_and(|byte| byte & 1 == 1));
    let mut rest = input.get(1..).unwrap_or_default();
    for _ in 0..48 {
        pair.drain();
        let [kind, len, tail @ ..] = rest else { break };
        let (bytes, tail) = tail.split_at(tail.len().min(usize::from(*len)));
        rest = tail;
        let end = usize::from(kind >> 7);
        let now = pair.now;
        let first = (!pair.wire[end].is_empty()).then(|| pair.wire[end].remove(0));
        match (kind & 7, first) {
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
            (5, _) => pair.now = pair.now + Duration::from_millis(u64::from(*len) * 40),
            (6, _) => {
                let mut buf = [0; 256];
                if let Ok(len) = pair.ends[1 - end].seal(b"sealed", &mut buf) {
                    pair.wire[end].push(buf[..len].to_vec());
                }
            }
            _ => pair.ends[end].handle_input(now, bytes),
        }
    }
    pair.drain();
});
