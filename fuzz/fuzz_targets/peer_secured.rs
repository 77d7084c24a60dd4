//! Two connected peers with sound, pictures and data, and somebody on the path who has the keys: DTLS records, SCTP packets, RTP and RTCP of
//! any content, sealed as the other end would. Nothing panics, loops or grows.
//!
//! The input is a list of steps: `kind length bytes`. A pair connects once; every input runs on a fork of it.
#![no_main]

mod forge;
mod stage;
mod steps;

use core::time::Duration;
use std::cell::RefCell;
use std::net::SocketAddr;

use antiphon::base::limits;
use antiphon::codec::MediaKind;
use antiphon::peer::TransceiverInit;
use antiphon::rtp::Frame;
use antiphon::srtp::{self, Side};
use antiphon::wire::dtls::record::ContentType;
use antiphon::{
    Config, ConnectionState, DataChannelInit, Datagram, Event, Instant, LocalCandidate, Message, Output,
    Path, PeerConnection, Seed, dtls,
};
use forge::{Forger, Wishes, pause};
use libfuzzer_sys::fuzz_target;
use stage::{Line, Stage};
use steps::Step;

const MTU: usize = 1200;

struct World {
    ends: [PeerConnection; 2],
    line: Line,
    /// Opens what is sent to each end, as that end does.
    spies: [Option<dtls::Connection>; 2],
    /// Seals as the end opposite to each does.
    sealers: [Option<srtp::Session>; 2],
    forger: Forger,
    /// What an RTP packet to each end has begun with: source and number.
    heard: [Vec<[u8; 12]>; 2],
    over: [bool; 2],
}

fn address(end: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, if end == 0 { 1 } else { 2 }], 5000))
}

impl World {
    fn connected() -> Self {
        let now = Instant::from_nanos(1_000_000_000);
        let new = |end: u8| {
            let seed = Seed::from_bytes([end; 32]);
            let config = Config::new().receive_window(100_000).max_message_size(50_000);
            let mut pc = PeerConnection::new(now, Duration::from_secs(1_790_000_000), seed, &config)
                .expect("the default");
            pc.add_local_candidate(LocalCandidate::udp(address(usize::from(end)))).expect("an address");
            pc
        };
        let mut world = Self {
            ends: [new(0), new(1)],
            line: Line::new(now),
            spies: [None, None],
            sealers: [None, None],
            forger: Forger::default(),
            heard: Default::default(),
            over: [false; 2],
        };
        let [a, b] = &mut world.ends;
        a.create_data_channel("fuzz", DataChannelInit::default()).expect("the first channel");
        for kind in [MediaKind::Audio, MediaKind::Video] {
            a.add_transceiver(kind, TransceiverInit::default()).expect("the first of its kind");
        }
        a.set_local_description(None).expect("an offer");
        b.set_remote_description(a.local_description().expect("an offer").clone()).expect("our own offer");
        for kind in [MediaKind::Audio, MediaKind::Video] {
            b.add_track(kind, Vec::new()).expect("what the offer made");
        }
        b.set_local_description(None).expect("an answer");
        a.set_remote_description(b.local_description().expect("an answer").clone()).expect("our own answer");
        // DTLS ends before SCTP begins: whoever listens from then on hears its handshake.
        for _ in 0..200 {
            world.settle(Duration::from_millis(5));
            for end in 0..2 {
                let dtls = world.ends[end].inside().dtls.filter(|dtls| dtls.is_connected());
                if let Some(dtls) = dtls.filter(|_| world.spies[end].is_none()) {
                    world.spies[end] = Some(dtls.fork());
                }
            }
        }
        for end in 0..2 {
            let dtls = world.ends[1 - end].inside().dtls.expect("it is connected");
            let keys = dtls.srtp_keying_material().expect("media was agreed");
            let side = if dtls.role() == dtls::Role::Client { Side::Client } else { Side::Server };
            world.sealers[end] = Some(srtp::Session::new(&keys, side).expect("keys"));
            assert_eq!(world.ends[end].connection_state(), ConnectionState::Connected);
            world.speak(end, 3);
        }
        world.settle(Duration::from_millis(500));
        assert!(world.heard.iter().all(|heard| !heard.is_empty()));
        world
    }

    fn fork(&self) -> Self {
        Self {
            ends: self.ends.each_ref().map(PeerConnection::fork),
            line: self.line.clone(),
            spies: self.spies.each_ref().map(|spy| spy.as_ref().map(dtls::Connection::fork)),
            sealers: self.sealers.each_ref().map(|sealer| sealer.as_ref().map(srtp::Session::fork)),
            forger: self.forger.clone(),
            heard: self.heard.clone(),
            over: self.over,
        }
    }

    /// Somebody hears what is sent to an end.
    fn hear(&mut self, to: usize, data: &[u8]) {
        match data {
            [20..=63, ..] => {
                let Some(spy) = &mut self.spies[to] else { return };
                spy.handle_input(self.line.now, data);
                while let Some(packet) = spy.recv() {
                    self.forger.saw(to, &packet);
                }
                while let Output::Event(_) = spy.poll_output(self.line.now, &mut []) {}
            }
            [128..=191, 0..192 | 224.., ..] => {
                let Some((head, _)) = data.split_first_chunk::<12>() else { return };
                let known = &mut self.heard[to];
                match known.iter().position(|known| known[8..] == head[8..]) {
                    Some(at) => known[at] = *head,
                    None if known.len() < 16 => known.push(*head),
                    None => {}
                }
            }
            _ => {}
        }
    }

    fn react(&mut self, end: usize, event: &Event) {
        let pc = &mut self.ends[end];
        match event {
            Event::DataChannelReadable(id) => {
                while let Some(message) = pc.data_channel(*id).and_then(|mut channel| channel.recv()) {
                    assert!(message.binary || message.as_text().is_some(), "text that is none");
                }
            }
            Event::MediaReadable(id) => {
                let Some(mut receiver) = pc.receiver(*id) else { return };
                while let Some(frame) = receiver.recv() {
                    assert!(frame.data.len() <= limits::CODEC_FRAME);
                }
            }
            _ => {}
        }
    }

    /// A record under the keys of the end opposite. What that end sends next has the same number and is lost.
    fn give_record(&mut self, end: usize, kind: ContentType, content: &[u8]) {
        let Some(mut dtls) = self.ends[1 - end].inside().dtls.map(dtls::Connection::fork) else { return };
        let mut buf = [0; 1500];
        if let Some(len) = dtls.forge(kind, content, &mut buf) {
            self.give(end, &buf[..len]);
        }
    }

    /// RTP or RTCP, as the bytes have it but for what makes it the one or the other.
    fn give_media(&mut self, end: usize, control: bool, bytes: &[u8]) {
        let Some(sealer) = &mut self.sealers[end] else { return };
        let mut packet = bytes.to_vec();
        if packet.len() < 12 {
            packet.resize(12, 0);
        }
        packet[0] = 0x80 | packet[0] & 0x3f;
        let len = packet.len();
        let sealed = if control {
            packet[1] = 192 | packet[1] & 31;
            packet.resize(len + sealer.rtcp_overhead(), 0);
            sealer.protect_rtcp(&mut packet, len).ok()
        } else {
            if (192..224).contains(&packet[1]) {
                packet[1] -= 96;
            }
            packet.resize(len + sealer.rtp_overhead(), 0);
            sealer.protect_rtp(&mut packet, len).ok()
        };
        if let Some(len) = sealed {
            self.give(end, &packet[..len]);
        }
    }

    /// A packet of a source that is known, or its repetition, with a number close to what is due.
    fn give_known(&mut self, end: usize, bytes: &[u8]) {
        let mut wishes = Wishes(bytes);
        let (which, shape, step) = (wishes.byte(), wishes.byte(), wishes.byte());
        let Some(at) = usize::from(which).checked_rem(self.heard[end].len()) else { return };
        let mut head = self.heard[end][at];
        head[0] = 0x80 | shape & 0x3f;
        if shape & 0x40 != 0 {
            head[1] = wishes.byte();
        }
        let number = u16::from_be_bytes([head[2], head[3]]).wrapping_add(u16::from(step).wrapping_sub(16));
        head[2..4].copy_from_slice(&number.to_be_bytes());
        if shape & 0x80 == 0 {
            let time =
                u32::from_be_bytes([head[4], head[5], head[6], head[7]]).wrapping_add(u32::from(step) * 960);
            head[4..8].copy_from_slice(&time.to_be_bytes());
        }
        let packet = [&head, wishes.0].concat();
        self.give_media(end, false, &packet);
    }

    /// RTCP about sources that are known: each `0xee n` in the bytes stands for one of them.
    fn give_report(&mut self, end: usize, bytes: &[u8]) {
        let mut packet = Vec::new();
        let mut wishes = Wishes(bytes);
        while !wishes.is_empty() {
            let byte = wishes.byte();
            let which = usize::from(wishes.0.first().copied().unwrap_or_default());
            // Of those that the end hears, and of those that it is heard by.
            let known: Vec<[u8; 12]> = self.heard.iter().flatten().copied().collect();
            match which.checked_rem(known.len()) {
                Some(at) if byte == 0xee => {
                    wishes.byte();
                    packet.extend_from_slice(&known[at][8..]);
                }
                _ => packet.push(byte),
            }
        }
        // The length in words, which no mutation gets right by itself.
        if let [_, _, high, low, rest @ ..] = &mut packet[..] {
            [*high, *low] = ((rest.len() / 4) as u16).to_be_bytes();
        }
        packet.truncate(packet.len() & !3);
        self.give_media(end, true, &packet);
    }

    /// The applications speak: a message, a sound and a picture.
    fn speak(&mut self, end: usize, count: u32) {
        let now = self.line.now;
        let pc = &mut self.ends[end];
        if let Some(id) = pc.data_channels().first().copied()
            && let Some(mut channel) = pc.data_channel(id)
        {
            drop(channel.send(now, &Message::binary(vec![b'!'; 300])));
        }
        for id in pc.transceivers() {
            for n in 0..count {
                let mut data = vec![0x55; 2000];
                data[..10].copy_from_slice(&[0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0x00]);
                let time = (now.as_nanos() / 100_000) as u32 + n * 3000;
                if let Some(mut sender) = pc.sender(id) {
                    data.truncate(if sender.codecs().first().is_some_and(|codec| codec.codec.is("opus")) {
                        60
                    } else {
                        2000
                    });
                    let _ = sender.write(now, &Frame::new(data, time));
                }
            }
        }
    }
}

impl Stage for World {
    type Path = Path;
    type Event = Event;
    const OUTPUTS: usize = 50_000;
    const BUFFER: usize = MTU;
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
        self.over[end] |= event == Event::ConnectionStateChange(ConnectionState::Closed);
        self.react(end, &event);
    }

    fn on_packet(&mut self, end: usize, packet: &[u8]) {
        self.hear(1 - end, packet);
    }

    fn check(&self, end: usize) {
        let association = self.ends[end].inside().data.association();
        association.check();
        let held = association.stats().held_bytes;
        assert!(held <= 200_000 + limits::DATA_HELD, "{held} bytes held");
    }

    /// It reads as it is told that there is something.
    fn read_all(&mut self, _end: usize) {}

    fn give(&mut self, end: usize, data: &[u8]) {
        self.ends[end].handle_input(self.line.now, Datagram::udp(address(end), address(1 - end), data));
    }

    fn step(&mut self, step: &Step<'_>) {
        let &Step { end, kind, bytes, .. } = step;
        let first = bytes.first().copied().unwrap_or_default();
        match kind {
            0..=2 => {
                let packet = self.forger.write(end, bytes);
                self.give_record(end, ContentType::ApplicationData, &packet);
            }
            3 => {
                let kinds = [
                    ContentType::Handshake,
                    ContentType::ApplicationData,
                    ContentType::ChangeCipherSpec,
                    ContentType::Alert,
                ];
                let rest = bytes.get(1..).unwrap_or_default();
                self.give_record(end, kinds[usize::from(first & 3)], rest);
            }
            4 => self.give_media(end, false, bytes),
            5 => self.give_media(end, true, bytes),
            6 | 7 => self.give_known(end, bytes),
            8 | 9 => self.give_report(end, bytes),
            10 => self.speak(end, u32::from(first & 3)),
            11 => self.line.now = self.line.now + pause(first & 0x7f),
            12 => self.settle(pause(first)),
            13 => self.deliver(end, usize::MAX),
            14 => self.line.wire[end].clear(),
            _ => match first & 7 {
                0 => {
                    if let Some(id) = self.ends[end].data_channels().last().copied()
                        && let Some(mut channel) = self.ends[end].data_channel(id)
                    {
                        channel.close();
                    }
                }
                1 => drop(self.ends[end].create_data_channel("more", DataChannelInit::default())),
                2 | 3 => self.ends[end] = self.ends[end].fork(),
                4 if first == 0x84 => self.ends[end].close(),
                5 => {
                    // Whatever has been told, it can be said.
                    let stats = self.ends[end].stats(self.line.now);
                    assert!(stats.datagrams.received > 0);
                }
                _ => assert!(!matches!(
                    self.ends[end].poll_output(self.line.now, &mut []),
                    Output::Transmit(_)
                )),
            },
        }
    }
}

thread_local! {
    static CONNECTED: RefCell<Option<World>> = const { RefCell::new(None) };
}

fuzz_target!(|input: &[u8]| {
    let mut world =
        CONNECTED.with_borrow_mut(|connected| connected.get_or_insert_with(World::connected).fork());
    world.play(input);
    world.settle(Duration::from_secs(60));
});
