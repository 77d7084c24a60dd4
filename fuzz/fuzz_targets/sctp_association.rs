//! Two associations, a bad path, and somebody on it who writes packets with the right tags: before the handshake, within it, after it and
//! in the shutdown, while the callers send, reset, read and change their minds. Nothing panics, loops or grows; a message comes out once
//! and in order; and where nobody forged anything, everything reliable arrives.
//!
//! The input is `knobs knobs`, then a list of steps: `kind length bytes`.
#![no_main]

mod forge;
mod stage;
mod steps;

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use antiphon::sctp::{Association, Config, Event, Message, Reliability, SendOptions, State};
use antiphon::{Instant, Output, Rng, Seed};
use bytes::Bytes;
use forge::{Forger, Wishes, pause};
use libfuzzer_sys::fuzz_target;
use stage::{Line, Stage};
use steps::Step;

struct World {
    ends: [Association; 2],
    configs: [Config; 2],
    line: Line,
    forger: Forger,
    /// Somebody has said something that neither end did.
    forged: bool,
    over: [bool; 2],
    /// The greatest MTU of each.
    longest: [usize; 2],
    /// Messages each end has sent: number, stream, and whether it is promised to arrive in order.
    sent: [BTreeMap<u32, (u16, bool, bool)>; 2],
    /// Numbers that came out at each end, and the last of each stream among the ordered.
    received: [BTreeSet<u32>; 2],
    last: [BTreeMap<u16, u32>; 2],
    next: u32,
    /// Bytes that went in from callers and the network, for the bound of work.
    bytes: [u64; 2],
}

fn config(knobs: u8) -> Config {
    let small = knobs & 2 != 0;
    Config {
        mtu: if knobs & 1 == 0 { 1180 } else { 160 },
        receive_window: if small { 6000 } else { 256 << 10 },
        send_limit: if knobs & 4 == 0 { 64 << 10 } else { 2000 },
        max_send_message_size: if small { 5000 } else { 64 << 10 },
        max_receive_message_size: if small { 5000 } else { 64 << 10 },
        streams: if knobs & 8 == 0 { 64 } else { 3 },
        inbound_streams: if knobs & 16 == 0 { 64 } else { 3 },
        partial_reliability: knobs & 32 == 0,
        stream_reset: knobs & 64 == 0,
        max_retransmits: (knobs & 128 != 0).then_some(4),
        max_init_retransmits: (knobs & 128 != 0).then_some(4),
        ..Config::default()
    }
}

impl World {
    fn new(knobs: [u8; 2]) -> Self {
        let now = Instant::from_nanos(1_000_000_000);
        let configs = knobs.map(config);
        let end = |index: usize| {
            let rng = Rng::new(&Seed::from_bytes([index as u8 + 1; 32]));
            Association::new(now, rng, &configs[index]).expect("a configuration")
        };
        let ends = [end(0), end(1)];
        Self {
            ends,
            line: Line::new(now),
            forger: Forger::default(),
            forged: false,
            over: [false; 2],
            longest: configs.each_ref().map(|config| config.mtu),
            sent: Default::default(),
            received: Default::default(),
            last: Default::default(),
            next: 0,
            bytes: [0; 2],
            configs,
        }
    }

    fn send(&mut self, end: usize, wishes: &mut Wishes<'_>) {
        let (shape, stream, len) = (wishes.byte(), u16::from(wishes.byte() & 63), wishes.word());
        let reliability = match shape & 7 {
            0 => Reliability::MaxRetransmits(u16::from(shape >> 4 & 3)),
            1 => Reliability::MaxLifetime(Duration::from_millis(u64::from(shape >> 4) * 50)),
            _ => Reliability::Reliable,
        };
        let options = SendOptions { ordered: shape & 8 == 0, reliability };
        let number = self.next;
        let mut data = number.to_be_bytes().to_vec();
        data.resize(4 + usize::from(len) % 6000, 0xaa);
        let message = Message { stream, ppid: 53, data: data.into() };
        let can = self.ends[end].can_send(stream);
        let before = self.ends[end].buffered_amount(stream);
        match self.ends[end].send(self.line.now, &message, options) {
            Ok(()) => {
                assert!(can, "taken where it cannot be");
                assert_eq!(self.ends[end].buffered_amount(stream), before + message.data.len());
                self.next += 1;
                self.bytes[end] += message.data.len() as u64;
                let reliable = reliability == Reliability::Reliable;
                self.sent[end].insert(number, (stream, reliable, options.ordered));
            }
            Err(error) => drop(error.to_string()),
        }
    }

    /// Takes a message out: while nobody forges it is one that was sent, for the first time, and not before an earlier one.
    fn read(&mut self, end: usize, stream: Option<u16>) -> bool {
        let message = match stream {
            Some(stream) => self.ends[end].recv_from(stream),
            None => self.ends[end].recv(),
        };
        let Some(message) = message else { return false };
        assert!(message.data.len() <= self.configs[end].max_receive_message_size);
        assert!(stream.is_none_or(|stream| message.stream == stream));
        if self.forged {
            return true;
        }
        let (number, _) = message.data.split_first_chunk().expect("a number");
        let number = u32::from_be_bytes(*number);
        let Some((sent_on, _, ordered)) = self.sent[1 - end].get(&number) else {
            panic!("{number} was not sent")
        };
        assert_eq!(message.stream, *sent_on);
        assert!(self.received[end].insert(number), "{number} came twice");
        if *ordered {
            let last = self.last[end].insert(message.stream, number);
            assert!(last.is_none_or(|last| last < number), "{number} came after {last:?}");
        }
        true
    }

    fn caller(&mut self, end: usize, bytes: &[u8]) {
        let mut wishes = Wishes(bytes);
        let sctp = &mut self.ends[end];
        match wishes.byte() & 15 {
            0 => {
                sctp.set_mtu(usize::from(wishes.word()) % 1300);
                self.longest[end] = self.longest[end].max(sctp.mtu());
            }
            1 => sctp
                .set_buffered_amount_low_threshold(u16::from(wishes.byte() & 63), usize::from(wishes.word())),
            2 => sctp.set_total_buffered_amount_low_threshold(usize::from(wishes.word())),
            3 => sctp.set_stream_priority(u16::from(wishes.byte() & 63), wishes.word()),
            4 if wishes.byte() == 7 => sctp.shutdown(),
            5 if wishes.byte() == 7 => sctp.abort(),
            6 | 7 => *sctp = sctp.fork(),
            8 => sctp.set_initial_rtt(pause(wishes.byte())),
            9 => {
                assert!(!matches!(sctp.poll_output(self.line.now, &mut []), Output::Transmit(_)));
            }
            10 | 11 => sctp.connect(),
            _ => {
                let streams: Vec<u16> = wishes.0.iter().map(|byte| u16::from(*byte & 63)).collect();
                if let Err(error) = sctp.reset_streams(&streams) {
                    drop(error.to_string());
                }
            }
        }
    }

    /// Nobody forged anything and both are still there: what was promised has arrived.
    fn conclude(&mut self) {
        self.settle(Duration::from_secs(1200));
        if self.forged || self.ends.iter().any(|end| end.state() != State::Established) {
            return;
        }
        for (end, sctp) in self.ends.iter().enumerate() {
            let stats = sctp.stats();
            assert_eq!((stats.queued_bytes, stats.in_flight_bytes), (0, 0), "it is not done");
            for (number, (stream, reliable, _)) in &self.sent[end] {
                let arrived = self.received[1 - end].contains(number);
                // Sent before the peer said how many streams it has.
                let exists = *stream < sctp.streams().0;
                assert!(arrived || !reliable || !exists, "{number} on stream {stream} did not arrive");
            }
        }
    }
}

impl Stage for World {
    type Path = ();
    type Event = Event;
    const OUTPUTS: usize = 20_000;
    const BUFFER: usize = 1500;
    fn line(&mut self) -> &mut Line {
        &mut self.line
    }

    fn poll(&mut self, end: usize, buf: &mut [u8]) -> Output<Self::Path, Self::Event> {
        self.ends[end].poll_output(self.line.now, buf)
    }

    fn is_over(&self, end: usize) -> bool {
        self.over[end]
    }

    fn on_event(&mut self, end: usize, event: Event) {
        self.over[end] |= matches!(event, Event::Closed(_));
        // A peer that began anew counts from the beginning.
        self.forged |= event == Event::Restarted;
    }

    fn on_packet(&mut self, end: usize, packet: &[u8]) {
        // A chunk that has left under a greater MTU stays as long as it was.
        let longest = self.longest[end].max(self.ends[end].mtu());
        assert!(packet.len() <= longest, "{} bytes", packet.len());
        self.forger.saw(1 - end, packet);
    }

    fn check(&self, end: usize) {
        let sctp = &self.ends[end];
        sctp.check();
        let (stats, config) = (sctp.stats(), &self.configs[end]);
        // Holes are filled up to twice the window.
        assert!(stats.held_bytes <= 2 * config.receive_window, "{} bytes held", stats.held_bytes);
        let most = 64 * (config.send_limit + config.max_send_message_size);
        assert!(stats.queued_bytes <= most, "{} bytes queued", stats.queued_bytes);
        let allowed = 1_000_000 + 64 * self.bytes[end];
        assert!(sctp.ops() <= allowed, "{} steps of work for {} bytes", sctp.ops(), self.bytes[end]);
    }

    fn read_all(&mut self, end: usize) {
        while self.read(end, None) {}
    }

    fn give(&mut self, end: usize, packet: &[u8]) {
        self.bytes[end] += packet.len() as u64;
        self.ends[end].handle_input(self.line.now, Bytes::copy_from_slice(packet));
    }

    fn step(&mut self, step: &Step<'_>) {
        let &Step { end, kind, bytes, .. } = step;
        let first = bytes.first().copied().unwrap_or_default();
        match kind {
            0 | 1 => self.deliver(end, usize::from(first & 31) + 1),
            2..=4 => {
                self.forged = true;
                let packet = self.forger.write(end, bytes);
                self.give(end, &packet);
            }
            5 => {
                self.forged = true;
                self.give(end, bytes);
            }
            6 => self.line.now = self.line.now + pause(first),
            7 => {
                let mut wishes = Wishes(bytes);
                while !wishes.is_empty() {
                    self.send(end, &mut wishes);
                }
            }
            8 => {
                let stream = (first & 64 != 0).then_some(u16::from(first & 63));
                for _ in 0..=first & 15 {
                    self.read(end, stream);
                }
            }
            9 | 10 => self.caller(end, bytes),
            // Lost, doubled, or later than what came after it.
            11 => drop(self.line.wire[end].pop_front()),
            12 => self.line.wire[end].extend(self.line.wire[end].front().cloned()),
            13 => self.line.wire[end].rotate_left(usize::from(first).min(self.line.wire[end].len())),
            14 => self.settle(pause(first)),
            _ => {
                let Some(mut packet) = self.line.wire[end].pop_front() else { return };
                self.forged = true;
                let at = usize::from(first) % packet.len();
                packet.iter_mut().skip(at).zip(bytes).for_each(|(byte, patch)| *byte ^= patch);
                self.give(end, &packet);
            }
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let [a, b, start, rest @ ..] = input else { return };
    let mut world = World::new([*a, *b]);
    // Both begin, one does, or it is left to the steps.
    (0..2).filter(|end| start & (1 << end) == 0).for_each(|end| world.ends[end].connect());
    if start & 4 == 0 {
        world.settle(Duration::from_millis(500));
    }
    world.play(rest);
    world.conclude();
});
