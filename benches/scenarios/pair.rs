//! Two connections of this process, one signalling between them, and datagrams carried by hand at no latency.

use antiphon::codec::MediaKind;
use antiphon::crypto::Certificate;
use antiphon::data::{ChannelId, DataChannelInit, Message};
use antiphon::peer::{TransceiverId, TransceiverInit};
use antiphon::{Config, Datagram, Event, Instant, LocalCandidate, OfferOptions, Output, PeerConnection};
use bytes::Bytes;
use core::time::Duration;
use std::net::SocketAddr;

/// Enough for every datagram at the default MTU.
const BUFFER: usize = 1500;
/// The most datagrams moved at once.
pub(crate) const BURST: usize = 16;
/// Time on the wall when a pair is made.
pub(crate) const UNIX_TIME: Duration = Duration::from_secs(1_790_000_000);

/// The addresses of the two.
pub(crate) fn addresses() -> [SocketAddr; 2] {
    ["10.0.0.1:5000".parse().unwrap(), "10.0.0.2:5000".parse().unwrap()]
}

/// Certificates made beforehand, of the two sides.
pub(crate) fn certificates() -> [Certificate; 2] {
    [0, 1].map(|side| {
        let certificate = Certificate::generate(&antiphon::sim::seed(99, side), UNIX_TIME).unwrap();
        antiphon::sim::deterministic(certificate)
    })
}

/// A configuration with the certificate of a side.
pub(crate) fn configs() -> [Config; 2] {
    certificates().map(|certificate| Config::new().certificate(certificate))
}

/// A connection with its one candidate.
pub(crate) fn connection(now: Instant, run: u64, side: usize, config: &Config) -> PeerConnection {
    let seed = antiphon::sim::seed(run, side as u64);
    let mut pc = PeerConnection::new(now, UNIX_TIME, seed, config).unwrap();
    pc.add_local_candidate(LocalCandidate::udp(addresses()[side])).unwrap();
    pc
}

/// Exchanges descriptions as text, at no cost of time. Candidates stand in them.
pub(crate) fn signal(offerer: &mut PeerConnection, answerer: &mut PeerConnection) {
    signal_between(offerer, answerer, |_| {});
}

/// The same, with something done at the answerer between offer and answer.
fn signal_between(
    offerer: &mut PeerConnection,
    answerer: &mut PeerConnection,
    between: impl FnOnce(&mut PeerConnection),
) {
    let offer = offerer.create_offer(&OfferOptions::default()).unwrap();
    offerer.set_local_description(Some(offer)).unwrap();
    let offer = travel(offerer.local_description().unwrap());
    answerer.set_remote_description(offer).unwrap();
    between(answerer);
    let answer = answerer.create_answer().unwrap();
    answerer.set_local_description(Some(answer)).unwrap();
    let answer = travel(answerer.local_description().unwrap());
    offerer.set_remote_description(answer).unwrap();
}

/// A description as it arrives: from its text.
fn travel(description: &antiphon::SessionDescription) -> antiphon::SessionDescription {
    antiphon::SessionDescription::parse(description.kind(), &description.to_sdp()).unwrap()
}

/// One of the two ends.
#[derive(Debug)]
pub(crate) struct Side {
    pub pc: PeerConnection,
    /// Channels in the order of their opening.
    pub channels: Vec<ChannelId>,
    /// Events not yet looked at.
    pub events: Vec<Event>,
    pub deadline: Option<Instant>,
}

impl Side {
    fn new(pc: PeerConnection) -> Self {
        Self { pc, channels: Vec::new(), events: Vec::new(), deadline: None }
    }
}

/// Both ends.
#[derive(Debug)]
pub(crate) struct Pair {
    pub now: Instant,
    pub sides: [Side; 2],
    buffers: Vec<[u8; BUFFER]>,
    lens: Vec<(usize, antiphon::Path)>,
}

impl Pair {
    /// Two connections that have exchanged descriptions, `channels` of them announced by the offerer.
    pub(crate) fn signalled(run: u64, configs: &[Config; 2], channels: usize) -> Self {
        let now = Instant::from_nanos(1_000_000_000);
        let mut a = Side::new(connection(now, run, 0, &configs[0]));
        let mut b = Side::new(connection(now, run, 1, &configs[1]));
        for _ in 0..channels {
            a.channels.push(a.pc.create_data_channel("bench", DataChannelInit::default()).unwrap());
        }
        signal(&mut a.pc, &mut b.pc);
        Self::of(now, [a, b])
    }

    fn of(now: Instant, sides: [Side; 2]) -> Self {
        Self { now, sides, buffers: vec![[0; BUFFER]; BURST], lens: Vec::with_capacity(BURST) }
    }

    /// A pair that may send media of these kinds both ways, and the transceivers of both.
    pub(crate) fn calling(
        run: u64,
        configs: &[Config; 2],
        kinds: &[MediaKind],
    ) -> (Self, Vec<[TransceiverId; 2]>) {
        let now = Instant::from_nanos(1_000_000_000);
        let mut a = Side::new(connection(now, run, 0, &configs[0]));
        let mut b = Side::new(connection(now, run, 1, &configs[1]));
        let init = TransceiverInit::default;
        let ours: Vec<_> = kinds.iter().map(|kind| a.pc.add_transceiver(*kind, init()).unwrap()).collect();
        let mut theirs = Vec::new();
        signal_between(&mut a.pc, &mut b.pc, |answerer| {
            theirs.extend(kinds.iter().map(|kind| answerer.add_track(*kind, Vec::new()).unwrap()));
        });
        let ids: Vec<_> = ours.into_iter().zip(theirs).map(|(a, b)| [a, b]).collect();
        let mut pair = Self::of(now, [a, b]);
        let first = ids[0];
        while !pair.sides.iter_mut().zip(first).all(|(side, id)| side.pc.sender(id).unwrap().can_write()) {
            pair.step();
            pair.sides.iter_mut().for_each(|side| side.events.clear());
        }
        pair.settle(Duration::from_secs(2));
        (pair, ids)
    }

    /// A pair with `channels` open channels, one message echoed on each of them.
    pub(crate) fn connected(run: u64, configs: &[Config; 2], channels: usize) -> Self {
        let mut pair = Self::signalled(run, configs, channels);
        let hello = text(b"hello");
        let mut echoed = 0;
        while echoed < channels {
            pair.step();
            for side in 0..2 {
                for event in core::mem::take(&mut pair.sides[side].events) {
                    let end = &mut pair.sides[side];
                    match event {
                        Event::DataChannelOpen(id) if side == 0 => {
                            end.pc.data_channel(id).unwrap().send(pair.now, &hello).unwrap();
                        }
                        Event::DataChannel(id) => end.channels.push(id),
                        Event::DataChannelReadable(id) => {
                            let mut channel = end.pc.data_channel(id).unwrap();
                            while let Some(message) = channel.recv() {
                                if side == 0 {
                                    echoed += 1;
                                } else {
                                    channel.send(pair.now, &message).unwrap();
                                }
                            }
                        }
                        _ => {}
                    }
                }
            }
        }
        pair.settle(Duration::from_secs(2));
        pair
    }

    /// Moves up to `most` datagrams from one side to the other, which is not polled. Events of the sender are kept.
    pub(crate) fn burst(&mut self, from: usize, most: usize) -> usize {
        self.draw(from, most);
        self.deliver(from);
        self.lens.len()
    }

    /// Draws up to `most` datagrams of one side.
    pub(crate) fn draw(&mut self, from: usize, most: usize) {
        self.lens.clear();
        let sender = &mut self.sides[from];
        while self.lens.len() < most {
            match sender.pc.poll_output(self.now, &mut self.buffers[self.lens.len()]) {
                Output::Event(event) => sender.events.push(event),
                Output::Transmit(transmit) => self.lens.push((transmit.len, transmit.path)),
                Output::Wait(deadline) => {
                    sender.deadline = deadline;
                    break;
                }
            }
        }
    }

    /// Hands what was drawn of one side to the other.
    pub(crate) fn deliver(&mut self, from: usize) {
        let receiver = &mut self.sides[1 - from].pc;
        for (buffer, (len, path)) in self.buffers.iter().zip(&self.lens) {
            receiver.handle_input(self.now, Datagram::udp(path.remote, path.local, &buffer[..*len]));
        }
    }

    /// The datagrams drawn last.
    pub(crate) fn drawn(&self) -> impl Iterator<Item = &[u8]> {
        self.buffers.iter().zip(&self.lens).map(|(buffer, (len, _))| &buffer[..*len])
    }

    /// The earlier deadline of the two.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        antiphon::time::earliest(self.sides[0].deadline, self.sides[1].deadline)
    }

    /// One burst each way; time goes to the next deadline where nothing moved and nobody has anything to look at.
    pub(crate) fn step(&mut self) {
        let moved = self.burst(0, BURST) + self.burst(1, BURST);
        let silent = self.sides.iter().all(|side| side.events.is_empty());
        if moved == 0 && silent {
            self.now = self.deadline().unwrap().max(self.now);
        }
    }

    /// Lets the time pass with nothing to do. Events are forgotten.
    pub(crate) fn settle(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            while self.burst(0, BURST) + self.burst(1, BURST) > 0 {}
            self.sides.iter_mut().for_each(|side| side.events.clear());
            match self.deadline() {
                Some(at) if at < end => self.now = at,
                _ => break,
            }
        }
        self.now = end;
        while self.burst(0, BURST) + self.burst(1, BURST) > 0 {}
    }
}

/// A text message.
pub(crate) fn text(data: &'static [u8]) -> Message {
    Message { binary: false, data: Bytes::from_static(data) }
}

/// A binary message of zeros.
pub(crate) fn binary(len: usize) -> Message {
    Message { binary: true, data: Bytes::from(vec![0; len]) }
}
