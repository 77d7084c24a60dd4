//! An association and a peer whose every packet the test writes.

use core::time::Duration;
use std::collections::VecDeque;

use antiphon::base::serial::{Ssn, Tsn};
use antiphon::sctp::{Association, Config, Event, Message, SendOptions, State};
use antiphon::wire::sctp::{Chunk, Data, DataFlags, GapBlock, Init, Packet, PacketWriter, Parameter};
use antiphon::{Instant, Output, Rng, Seed};
use bytes::Bytes;

use super::{chunks, start};

/// The tag and the first TSN of the peer made by hand.
pub(crate) const HAND_TAG: u32 = 0x4a4a_4a4a;
pub(crate) const HAND_TSN: u32 = u32::MAX - 5;

/// First and last fragment at once.
pub(crate) const WHOLE: DataFlags =
    DataFlags { immediate: false, unordered: false, beginning: true, ending: true };
pub(crate) const UNORDERED: DataFlags = DataFlags { unordered: true, ..WHOLE };
pub(crate) const FIRST: DataFlags = DataFlags { ending: false, ..WHOLE };
pub(crate) const MIDDLE: DataFlags = DataFlags { beginning: false, ..FIRST };
pub(crate) const LAST: DataFlags = DataFlags { beginning: false, ..WHOLE };

/// The association, and what the test knows of it.
pub(crate) struct Hand {
    pub(crate) now: Instant,
    pub(crate) sctp: Association,
    pub(crate) events: Vec<Event>,
    pub(crate) deadline: Option<Instant>,
    /// Packets it has sent that no test has looked at.
    pub(crate) sent: VecDeque<(Instant, Vec<u8>)>,
    /// Its tag and its first TSN.
    pub(crate) tag: u32,
    pub(crate) tsn: u32,
    /// Whether invariants are checked after each step.
    pub(crate) checked: bool,
}

impl Hand {
    pub(crate) fn new(config: &Config) -> Self {
        let rng = Rng::new(&Seed::from_bytes([3; 32]));
        let sctp = Association::new(start(), rng, config).unwrap();
        let (events, sent) = (Vec::new(), VecDeque::new());
        Self { now: start(), sctp, events, deadline: None, sent, tag: 0, tsn: 0, checked: true }
    }

    /// The parameters of a peer that can do everything.
    pub(crate) fn init() -> Init<'static> {
        Init {
            initiate_tag: HAND_TAG,
            a_rwnd: 1 << 20,
            outbound_streams: 100,
            inbound_streams: 100,
            initial_tsn: Tsn(HAND_TSN),
            ..Init::default()
        }
    }

    /// Connected, by the peer's INIT.
    pub(crate) fn established(config: &Config) -> Self {
        let mut hand = Self::new(config);
        let cookie = hand.call(&Self::init());
        hand.give(|packet| packet.cookie_echo(&cookie).unwrap());
        assert_eq!(hand.names(), [["COOKIE_ACK"]]);
        assert_eq!(hand.sctp.state(), State::Established);
        assert_eq!(core::mem::take(&mut hand.events), [Event::Connected]);
        hand
    }

    /// Sends INIT and takes the INIT ACK: the cookie.
    pub(crate) fn call(&mut self, init: &Init<'_>) -> Vec<u8> {
        let parameters = [Parameter::ForwardTsn, Parameter::SupportedExtensions(&[0x82, 0xc0])];
        self.give_tagged(0, |packet| packet.init(init, parameters).unwrap());
        let (_, answer) = self.sent.pop_front().unwrap();
        self.learn(&answer).unwrap()
    }

    /// Learns tag and TSN from INIT or INIT ACK; the cookie.
    pub(crate) fn learn(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        let packet = Packet::parse(packet).unwrap();
        let Some(Ok(Chunk::Init(init) | Chunk::InitAck(init))) = packet.chunks().next() else {
            panic!("{packet:?}")
        };
        (self.tag, self.tsn) = (init.initiate_tag, init.initial_tsn.0);
        init.parameters.iter().find_map(|parameter| {
            if let Ok(Parameter::StateCookie(cookie)) = parameter { Some(cookie.to_vec()) } else { None }
        })
    }

    /// The peer sends a packet.
    pub(crate) fn give(&mut self, write: impl FnOnce(&mut PacketWriter<'_>)) {
        self.give_tagged(self.tag, write);
    }

    pub(crate) fn give_tagged(&mut self, tag: u32, write: impl FnOnce(&mut PacketWriter<'_>)) {
        let packet = written(tag, write);
        self.give_bytes(&packet);
    }

    pub(crate) fn give_bytes(&mut self, packet: &[u8]) {
        self.sctp.handle_input(self.now, Bytes::copy_from_slice(packet));
        self.poll();
    }

    /// The peer sends a message in one chunk; `n` counts its chunks from 0.
    pub(crate) fn give_data(&mut self, n: u32, stream: u16, ssn: u16, flags: DataFlags, payload: &[u8]) {
        self.give(|packet| packet.data(&data(n, stream, ssn, flags, payload)).unwrap());
    }

    /// The peer acknowledges the first `count` chunks, and by gap blocks what is counted from there.
    pub(crate) fn give_sack(&mut self, count: u32, gaps: &[(u16, u16)], a_rwnd: u32) {
        let cumulative = Tsn(self.tsn).plus(count).minus(1);
        let gaps: Vec<_> = gaps.iter().map(|(start, end)| GapBlock { start: *start, end: *end }).collect();
        self.give(|packet| packet.sack(cumulative, a_rwnd, gaps, []).unwrap());
    }

    pub(crate) fn poll(&mut self) {
        let mut buf = [0; 2000];
        loop {
            match self.sctp.poll_output(self.now, &mut buf) {
                Output::Event(event) => self.events.push(event),
                Output::Transmit(transmit) => self.sent.push_back((self.now, buf[..transmit.len].to_vec())),
                Output::Wait(due) => {
                    assert!(due.is_none_or(|due| due > self.now), "a deadline that has passed");
                    self.deadline = due;
                    break;
                }
            }
        }
        if self.checked {
            self.sctp.check();
        }
    }

    /// Lets time pass.
    pub(crate) fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        self.poll();
        while let Some(due) = self.deadline.filter(|due| *due <= end) {
            self.now = due;
            self.poll();
        }
        self.now = end;
        self.poll();
    }

    /// Lets time pass until it sends something.
    pub(crate) fn wait_for_packet(&mut self) {
        self.poll();
        while self.sent.is_empty() {
            self.now = self.deadline.unwrap();
            self.poll();
        }
    }

    /// Packets sent since the last look.
    pub(crate) fn took(&mut self) -> Vec<Vec<u8>> {
        self.poll();
        self.sent.drain(..).map(|(_, packet)| packet).collect()
    }

    /// Their chunks by name.
    pub(crate) fn names(&mut self) -> Vec<Vec<&'static str>> {
        self.took().iter().map(|packet| chunks(packet)).collect()
    }

    /// The DATA sent since the last look: which chunk, counted from 0.
    pub(crate) fn took_data(&mut self) -> Vec<u32> {
        let base = self.tsn;
        let packets = self.took();
        let numbers = packets.iter().flat_map(|packet| {
            let chunks: Vec<_> = Packet::parse(packet).unwrap().chunks().map(Result::unwrap).collect();
            chunks.into_iter().filter_map(move |chunk| {
                if let Chunk::Data(data) = chunk { Some(data.tsn.0.wrapping_sub(base)) } else { None }
            })
        });
        numbers.collect()
    }

    /// The last SACK sent since the last look: chunks acknowledged, gap blocks, TSNs reported twice, window.
    pub(crate) fn took_sack(&mut self) -> Option<Report> {
        let packets = self.took();
        let mut found = None;
        for packet in &packets {
            for chunk in Packet::parse(packet).unwrap().chunks().map(Result::unwrap) {
                if let Chunk::Sack(sack) = chunk {
                    let count = |tsn: Tsn| tsn.0.wrapping_sub(HAND_TSN);
                    found = Some(Report {
                        acknowledged: count(sack.cumulative_tsn).wrapping_add(1),
                        gaps: sack.gap_blocks().map(|gap| (gap.start, gap.end)).collect(),
                        duplicates: sack.duplicates().map(count).collect(),
                        a_rwnd: sack.a_rwnd,
                    });
                }
            }
        }
        found
    }

    pub(crate) fn send(&mut self, stream: u16, len: usize) {
        self.send_with(stream, len, SendOptions::default());
    }

    pub(crate) fn send_with(&mut self, stream: u16, len: usize, options: SendOptions) {
        let message = Message { stream, ppid: 53, data: vec![9; len].into() };
        self.sctp.send(self.now, &message, options).unwrap();
        self.poll();
    }

    /// All there is to read.
    pub(crate) fn read(&mut self) -> Vec<Bytes> {
        let read = core::iter::from_fn(|| self.sctp.recv()).map(|message| message.data).collect();
        self.poll();
        read
    }
}

/// What a SACK said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) acknowledged: u32,
    pub(crate) gaps: Vec<(u16, u16)>,
    pub(crate) duplicates: Vec<u32>,
    pub(crate) a_rwnd: u32,
}

/// A DATA chunk of the peer's.
pub(crate) fn data(n: u32, stream: u16, ssn: u16, flags: DataFlags, payload: &[u8]) -> Data<'_> {
    Data { flags, tsn: Tsn(HAND_TSN).plus(n), stream, ssn: Ssn(ssn), ppid: 53, payload, offset: 0 }
}

/// A packet between the usual ports.
pub(crate) fn written(tag: u32, write: impl FnOnce(&mut PacketWriter<'_>)) -> Vec<u8> {
    let mut buf = vec![0; 70_000];
    let mut writer = PacketWriter::new(&mut buf, 5000, 5000, tag);
    write(&mut writer);
    let len = writer.finish();
    buf.truncate(len);
    buf.shrink_to_fit();
    buf
}

/// A packet with chunks as they stand, and a checksum that fits.
pub(crate) fn raw(tag: u32, chunks: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    packet.extend(5000_u16.to_be_bytes());
    packet.extend(5000_u16.to_be_bytes());
    packet.extend(tag.to_be_bytes());
    packet.extend([0; 4]);
    packet.extend(chunks);
    let sum = crc32c::crc32c(&packet);
    packet[8..12].copy_from_slice(&sum.to_le_bytes());
    packet
}
