//! Two sets of data channels, and somebody who writes SCTP packets with the right tags: openings, messages and resets that make no sense,
//! between channels that are opened, used and closed. Nothing panics, loops or grows, no stream has two channels, and where nobody forged
//! anything both ends agree.
//!
//! The input is `knobs`, then a list of steps: `kind length bytes`.
#![no_main]

mod forge;
mod stage;
mod steps;

use core::time::Duration;
use std::collections::BTreeSet;

use antiphon::base::limits;
use antiphon::data::{ChannelId, ChannelState, Channels, Config, DataChannelInit, Event, Message, Role};
use antiphon::{Instant, Output, Rng, Seed, sctp};
use bytes::Bytes;
use forge::{Forger, Wishes, pause};
use libfuzzer_sys::fuzz_target;
use stage::{Line, Stage};
use steps::Step;

const CHANNELS: usize = 24;

struct World {
    ends: [Channels; 2],
    line: Line,
    forger: Forger,
    /// Somebody has said something that neither end did.
    forged: bool,
    over: [bool; 2],
    /// Some channel failed by itself, or its closing cannot be told (RFC 6525 is not known).
    failed: bool,
}

impl World {
    fn new(knobs: u8) -> Self {
        let now = Instant::from_nanos(1_000_000_000);
        let small = knobs & 1 != 0;
        let association = sctp::Config {
            mtu: if knobs & 2 == 0 { 1180 } else { 300 },
            receive_window: if small { 70_000 } else { 1 << 20 },
            max_receive_message_size: 64 << 10,
            send_limit: if small { 3000 } else { 64 << 10 },
            stream_reset: knobs & 4 == 0,
            streams: if knobs & 8 == 0 { 1024 } else { 6 },
            inbound_streams: if knobs & 16 == 0 { 1024 } else { 6 },
            ..sctp::Config::default()
        };
        let config = Config { sctp: association, max_channels: CHANNELS };
        let end = |seed, role| {
            let rng = Rng::new(&Seed::from_bytes([seed; 32]));
            let mut end = Channels::new(now, rng, &config).expect("a configuration");
            if knobs & 32 == 0 {
                end.create("early", DataChannelInit::default()).expect("the first");
            }
            end.connect(role, Some(20_000), None);
            end
        };
        let ends = [end(1, Role::Client), end(2, Role::Server)];
        Self {
            ends,
            line: Line::new(now),
            forger: Forger::default(),
            forged: false,
            over: [false; 2],
            failed: knobs & 4 != 0,
        }
    }

    fn pick(&self, end: usize, which: u8) -> Option<ChannelId> {
        let ids: Vec<ChannelId> = self.ends[end].ids().collect();
        ids.get(usize::from(which).checked_rem(ids.len())?).copied()
    }

    fn create(&mut self, end: usize, wishes: &mut Wishes<'_>) {
        let (shape, number) = (wishes.byte(), wishes.byte());
        let init = DataChannelInit {
            ordered: shape & 1 == 0,
            max_retransmits: (shape & 2 != 0).then_some(u16::from(number & 3)),
            max_packet_life_time: (shape & 4 != 0).then_some(pause(number)),
            protocol: "p".repeat(usize::from(shape >> 4)),
            negotiated: (shape & 8 != 0).then_some(u16::from(number & 15)),
            priority: u16::from(number) << 2,
        };
        let label = String::from_utf8_lossy(wishes.bytes());
        if let Err(error) = self.ends[end].create(&label, init) {
            drop(error.to_string());
        }
    }

    fn read(&mut self, end: usize, id: ChannelId) {
        while let Some(message) = self.ends[end].recv(id) {
            assert!(message.binary || message.as_text().is_some(), "text that is none");
            assert!(
                self.forged || message.data.iter().all(|byte| *byte == b'm'),
                "something else was delivered"
            );
        }
    }

    /// Nobody forged anything: each channel is open at both ends, or at neither.
    fn conclude(&mut self) {
        self.settle(Duration::from_secs(1200));
        if self.forged || self.failed || self.over != [false; 2] {
            return;
        }
        let open = self.ends.each_ref().map(|end| {
            let ids = end.ids().filter(|id| end.negotiated(*id) == Some(false));
            let open = ids.filter(|id| end.state(*id) == Some(ChannelState::Open));
            open.filter_map(|id| end.stream_id(id)).collect::<BTreeSet<u16>>()
        });
        // One that a side has made by agreement is in the way of the other's.
        let agreed = self.ends.iter().any(|end| end.ids().any(|id| end.negotiated(id) == Some(true)));
        assert!(agreed || open[0] == open[1], "channels are open on streams {open:?}");
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
        match event {
            Event::Closed(_) => self.over[end] = true,
            Event::Error(..) => self.failed = true,
            // One that has been closed since is gone.
            Event::Channel(id) => assert!(self.ends[end].label(id).is_none_or(|label| label.len() <= 0xffff)),
            _ => {}
        }
    }

    fn on_packet(&mut self, end: usize, packet: &[u8]) {
        self.forger.saw(1 - end, packet);
    }

    fn check(&self, end: usize) {
        let end = &self.ends[end];
        end.association().check();
        let live = |id: &ChannelId| end.state(*id).is_some_and(|state| state != ChannelState::Closed);
        let streams: Vec<u16> = end.ids().filter(live).filter_map(|id| end.stream_id(id)).collect();
        let different: BTreeSet<u16> = streams.iter().copied().collect();
        assert_eq!(streams.len(), different.len(), "a stream has two channels");
        // Those that are closed go when their closing has been read.
        assert!(streams.len() <= CHANNELS, "{} channels", streams.len());
        let held = end.association().stats().held_bytes;
        assert!(held <= (2 << 20) + limits::DATA_HELD, "{held} bytes held");
    }

    fn read_all(&mut self, end: usize) {
        let ids: Vec<ChannelId> = self.ends[end].ids().collect();
        ids.into_iter().for_each(|id| self.read(end, id));
    }

    fn give(&mut self, end: usize, packet: &[u8]) {
        self.ends[end].handle_input(self.line.now, Bytes::copy_from_slice(packet));
    }

    fn step(&mut self, step: &Step<'_>) {
        let &Step { end, kind, bytes, .. } = step;
        let first = bytes.first().copied().unwrap_or_default();
        let mut wishes = Wishes(bytes);
        match kind {
            0 | 1 => self.deliver(end, usize::from(first & 31) + 1),
            2..=5 => {
                self.forged = true;
                let packet = self.forger.write(end, bytes);
                self.give(end, &packet);
            }
            6 => self.line.now = self.line.now + pause(first),
            7 => self.create(end, &mut wishes),
            8 | 9 => {
                let (which, len, text) = (wishes.byte(), wishes.word(), wishes.byte() & 1 == 0);
                let Some(id) = self.pick(end, which) else { return };
                let data = vec![b'm'; usize::from(len) % 20_001];
                let can = self.ends[end].can_send(id);
                match self.ends[end].send(self.line.now, id, &Message { binary: !text, data: data.into() }) {
                    Ok(()) => assert!(can, "taken where it cannot be"),
                    Err(error) => assert!(!can, "refused where it can be taken: {error}"),
                }
            }
            10 => {
                if let Some(id) = self.pick(end, first) {
                    self.ends[end].close_channel(id);
                }
            }
            11 => {
                if let Some(id) = self.pick(end, first) {
                    self.read(end, id);
                }
            }
            12 => match first & 7 {
                0 | 1 => self.ends[end] = self.ends[end].fork(),
                2 => self.ends[end].set_mtu(usize::from(wishes.word()) % 1300),
                3 if wishes.word() == 0x0307 => self.ends[end].close(),
                4 => assert!(!matches!(
                    self.ends[end].poll_output(self.line.now, &mut []),
                    Output::Transmit(_)
                )),
                _ => {
                    if let Some(id) = self.pick(end, wishes.byte()) {
                        self.ends[end].set_buffered_amount_low_threshold(id, usize::from(wishes.word()));
                    }
                }
            },
            13 => drop(self.line.wire[end].pop_front()),
            14 => self.line.wire[end].rotate_left(usize::from(first).min(self.line.wire[end].len())),
            _ => self.settle(pause(first)),
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let [knobs, rest @ ..] = input else { return };
    let mut world = World::new(*knobs);
    if knobs & 64 == 0 {
        world.settle(Duration::from_millis(500));
    }
    world.play(rest);
    world.conclude();
});
