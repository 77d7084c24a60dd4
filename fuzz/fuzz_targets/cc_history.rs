//! Transport-wide feedback of any content about packets that have left: only what was sent is told of, each arrival once, and what is in
//! flight adds up.
//!
//! The input is a list of steps: `kind length bytes`.
#![no_main]

use core::time::Duration;
use std::collections::BTreeMap;

use antiphon::Instant;
use antiphon::base::limits;
use antiphon::cc::History;
use antiphon::wire::rtcp::{Compound, Packet};
use libfuzzer_sys::fuzz_target;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    Missing,
    Arrived,
}

struct World {
    history: History,
    now: Instant,
    /// What has left, by number: when, how long, and what has been told of it.
    sent: BTreeMap<u64, (Instant, usize, Told)>,
}

impl World {
    fn send(&mut self, len: usize) {
        let before = self.history.next_sequence();
        let departure = self.history.on_sent(self.now, len);
        assert_eq!(before.0, departure.number as u16);
        assert_eq!(self.history.next_sequence().0, before.0.wrapping_add(1));
        self.sent.insert(departure.number, (self.now, len.min(limits::MAX_DATAGRAM), Told::Nothing));
    }

    fn tell(&mut self, bytes: &[u8]) {
        for packet in Compound::new(bytes) {
            let Ok(Packet::TransportFeedback(told)) = packet else { continue };
            let Some(feedback) = self.history.on_feedback(self.now, &told) else { continue };
            assert!(!feedback.results.is_empty());
            assert!(feedback.results.is_sorted_by(|a, b| a.number < b.number), "not in order");
            for result in feedback.results {
                let known = self.sent.get_mut(&result.number).expect("it was sent");
                assert_eq!((result.sent_at, result.len), (known.0, known.1));
                let arrived = result.arrived_after.is_some();
                assert!(known.2 != Told::Arrived, "told after it had arrived");
                assert!(arrived || known.2 == Told::Nothing, "told twice that it is missing");
                known.2 = if arrived { Told::Arrived } else { Told::Missing };
            }
        }
    }

    fn check(&self) {
        let untold = self.sent.values().filter(|(.., told)| *told == Told::Nothing);
        // Of what is forgotten nothing is in flight.
        assert!(self.history.in_flight() <= untold.map(|(_, len, _)| len).sum());
    }
}

fuzz_target!(|input: &[u8]| {
    let mut world =
        World { history: History::new(), now: Instant::from_nanos(1_000_000_000), sent: BTreeMap::new() };
    let mut rest = input;
    while let [kind, len, tail @ ..] = rest {
        let (bytes, tail) = tail.split_at(tail.len().min(usize::from(*len)));
        rest = tail;
        match kind & 7 {
            0 | 1 => (0..*len).for_each(|n| world.send(usize::from(n) * 8)),
            2 => bytes.iter().for_each(|len| world.send(usize::from(*len) << 9)),
            3 => world.now = world.now + Duration::from_millis(u64::from(*len) * 10),
            4 if *len == 200 => world.history.trim(world.now),
            5 => {
                // A header that fits, of which the rest is the bytes'.
                let mut packet = vec![0x8f, 205, 0, 0];
                packet.extend_from_slice(bytes);
                packet.resize(packet.len().next_multiple_of(4), 0);
                let words = (packet.len() / 4 - 1) as u16;
                packet[2..4].copy_from_slice(&words.to_be_bytes());
                world.tell(&packet);
            }
            _ => world.tell(bytes),
        }
        if world.sent.len() > 20_000 {
            break;
        }
    }
    world.check();
});
