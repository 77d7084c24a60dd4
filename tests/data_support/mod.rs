//! Two machines and a wire between them, in virtual time.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(dead_code, reason = "each test program uses its own part")]

use std::collections::BTreeMap;
use std::time::Duration;

use antiphon::data::{Channels, Config, Event, Message, Role};
use antiphon::sctp::{self, Association};
use antiphon::wire::sctp::{Chunk, Packet, PacketWriter, ReConfigParameter};
use antiphon::{Instant, Output, Rng, Seed};
use bytes::Bytes;

/// What both kinds of ends have in common.
pub(crate) trait End {
    type Event;
    fn input(&mut self, now: Instant, packet: Bytes);
    fn poll(&mut self, now: Instant, buf: &mut [u8]) -> Output<(), Self::Event>;
}

impl End for Channels {
    type Event = Event;
    fn input(&mut self, now: Instant, packet: Bytes) {
        self.handle_input(now, packet);
    }
    fn poll(&mut self, now: Instant, buf: &mut [u8]) -> Output<(), Event> {
        self.poll_output(now, buf)
    }
}

impl End for Association {
    type Event = sctp::Event;
    fn input(&mut self, now: Instant, packet: Bytes) {
        self.handle_input(now, packet);
    }
    fn poll(&mut self, now: Instant, buf: &mut [u8]) -> Output<(), sctp::Event> {
        self.poll_output(now, buf)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum To {
    A,
    B,
}

/// What an end does about an event.
pub(crate) type Reaction<A> = Box<dyn FnMut(&mut A, Instant, &<A as End>::Event)>;

/// Two ends and what is between them.
pub(crate) struct Wire<A: End, B: End> {
    pub(crate) a: A,
    pub(crate) b: B,
    pub(crate) now: Instant,
    pub(crate) a_events: Vec<(Instant, A::Event)>,
    pub(crate) b_events: Vec<(Instant, B::Event)>,
    /// One way.
    pub(crate) delay: Duration,
    /// Lost packets of a thousand.
    pub(crate) loss: u64,
    /// Every packet that was sent, and by when.
    pub(crate) sent: Vec<(Instant, To, Vec<u8>)>,
    pub(crate) record: bool,
    /// Answers to B's stream resets are cut out of the packets to it.
    pub(crate) loss_to_b_of_responses: bool,
    /// What A does about an event before it polls again.
    pub(crate) a_reacts: Option<Reaction<A>>,
    flying: BTreeMap<(Instant, u64), (To, Bytes)>,
    serial: u64,
    rng: Rng,
    a_due: Option<Instant>,
    b_due: Option<Instant>,
}

impl<A: End, B: End> Wire<A, B> {
    pub(crate) fn new(a: A, b: B, seed: u8) -> Self {
        Self {
            a,
            b,
            now: START,
            a_events: Vec::new(),
            b_events: Vec::new(),
            delay: Duration::from_millis(25),
            loss: 0,
            sent: Vec::new(),
            record: false,
            loss_to_b_of_responses: false,
            a_reacts: None,
            flying: BTreeMap::new(),
            serial: 0,
            rng: rng(seed).fork("wire"),
            a_due: None,
            b_due: None,
        }
    }

    fn put(&mut self, to: To, packet: &[u8]) {
        if self.record {
            self.sent.push((self.now, to, packet.to_vec()));
        }
        let cut;
        let mut packet = packet;
        if self.loss_to_b_of_responses && to == To::B {
            cut = without_responses(packet);
            packet = &cut;
        }
        if self.rng.below(1000) >= self.loss {
            self.serial += 1;
            self.flying.insert((self.now + self.delay, self.serial), (to, Bytes::copy_from_slice(packet)));
        }
    }

    /// Polls both ends until they wait.
    pub(crate) fn settle(&mut self) {
        let mut buf = [0; 1500];
        loop {
            match self.a.poll(self.now, &mut buf) {
                Output::Event(event) => {
                    if let Some(react) = &mut self.a_reacts {
                        react(&mut self.a, self.now, &event);
                    }
                    self.a_events.push((self.now, event));
                }
                Output::Transmit(transmit) => self.put(To::B, &buf[..transmit.len]),
                Output::Wait(due) => {
                    self.a_due = due;
                    break;
                }
            }
        }
        loop {
            match self.b.poll(self.now, &mut buf) {
                Output::Event(event) => self.b_events.push((self.now, event)),
                Output::Transmit(transmit) => self.put(To::A, &buf[..transmit.len]),
                Output::Wait(due) => {
                    self.b_due = due;
                    break;
                }
            }
        }
        for due in [self.a_due, self.b_due].into_iter().flatten() {
            assert!(due > self.now, "law 4: {due:?} at {:?}", self.now);
        }
    }

    /// Goes on to the next instant at which something happens, or to `end`; false once there.
    pub(crate) fn step(&mut self, end: Instant) -> bool {
        self.settle();
        let arrival = self.flying.first_key_value().map(|((at, _), _)| *at);
        let next = [arrival, self.a_due, self.b_due].into_iter().flatten().min();
        let Some(next) = next.filter(|next| *next <= end) else {
            self.now = end;
            self.settle();
            return false;
        };
        self.now = next;
        while let Some(entry) = self.flying.first_entry()
            && entry.key().0 <= next
        {
            match entry.remove() {
                (To::A, packet) => self.a.input(next, packet),
                (To::B, packet) => self.b.input(next, packet),
            }
        }
        self.settle();
        true
    }

    /// Lets time pass.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.step(end) {}
    }

    /// Lets time pass until something is the case, at most a minute.
    pub(crate) fn until(&mut self, mut done: impl FnMut(&mut Self) -> bool) {
        let end = self.now + Duration::from_secs(60);
        self.settle();
        while !done(self) {
            assert!(self.step(end), "not within a minute");
        }
    }

    pub(crate) fn a_took(&mut self) -> Vec<A::Event> {
        self.a_events.drain(..).map(|(_, event)| event).collect()
    }

    pub(crate) fn b_took(&mut self) -> Vec<B::Event> {
        self.b_events.drain(..).map(|(_, event)| event).collect()
    }
}

/// The packet without answers to stream resets; of the rest it knows what stands beside them.
fn without_responses(packet: &[u8]) -> Vec<u8> {
    let parsed = Packet::parse(packet).unwrap();
    let mut buf = vec![0; packet.len()];
    let (from, to) = (parsed.source_port, parsed.destination_port);
    let mut writer = PacketWriter::new(&mut buf, from, to, parsed.verification_tag);
    for chunk in parsed.chunks() {
        match chunk.unwrap() {
            Chunk::Data(data) => writer.data(&data).unwrap(),
            Chunk::Sack(sack) => {
                writer.sack(sack.cumulative_tsn, sack.a_rwnd, sack.gap_blocks(), sack.duplicates()).unwrap();
            }
            Chunk::ReConfig(reset) => {
                let is_response = |each: &_| matches!(each, Ok(ReConfigParameter::Response { .. }));
                if !reset.parameters().all(|each| is_response(&each)) {
                    writer.re_config(reset.parameters().map(Result::unwrap)).unwrap();
                }
            }
            other @ (Chunk::IData(_)
            | Chunk::Init(_)
            | Chunk::InitAck(_)
            | Chunk::Heartbeat(_)
            | Chunk::HeartbeatAck(_)
            | Chunk::Abort { .. }
            | Chunk::Error(_)
            | Chunk::Shutdown { .. }
            | Chunk::ShutdownAck
            | Chunk::ShutdownComplete { .. }
            | Chunk::CookieEcho(_)
            | Chunk::CookieAck
            | Chunk::ForwardTsn(_)
            | Chunk::IForwardTsn(_)
            | Chunk::Pad
            | Chunk::Unknown(_)) => panic!("{other:?}"),
        }
    }
    let len = writer.finish();
    buf.truncate(len);
    buf
}

pub(crate) const START: Instant = Instant::from_nanos(1_000_000_000);

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn rng(seed: u8) -> Rng {
    Rng::new(&Seed::from_bytes([seed; 32]))
}

pub(crate) fn channels(seed: u8, config: &Config) -> Channels {
    Channels::new(START, rng(seed).fork("channels"), config).unwrap()
}

/// Two sets of channels that have not begun to connect. A is the DTLS client.
pub(crate) fn pair(config: &Config) -> Wire<Channels, Channels> {
    Wire::new(channels(1, config), channels(2, config), 3)
}

pub(crate) fn connect(wire: &mut Wire<Channels, Channels>) {
    wire.a.connect(Role::Client, Some(256 * 1024), None);
    wire.b.connect(Role::Server, Some(256 * 1024), None);
}

/// Two connected sets of channels, without any.
pub(crate) fn connected() -> Wire<Channels, Channels> {
    let mut wire = pair(&Config::default());
    connect(&mut wire);
    wire.run(ms(500));
    assert_eq!(wire.a_took(), [Event::Connected]);
    assert_eq!(wire.b_took(), [Event::Connected]);
    wire
}

/// Channels as DTLS client against a bare association, connected.
pub(crate) fn against_association() -> Wire<Channels, Association> {
    let config = Config::default();
    let peer = Association::new(START, rng(2).fork("peer"), &config.sctp).unwrap();
    let mut wire = Wire::new(channels(1, &config), peer, 3);
    wire.a.connect(Role::Client, None, None);
    wire.b.connect();
    wire.run(ms(500));
    assert_eq!(wire.a_took(), [Event::Connected]);
    wire.b_took();
    wire
}

/// All that can be read on a channel.
pub(crate) fn read(channels: &mut Channels, id: antiphon::data::ChannelId) -> Vec<Message> {
    core::iter::from_fn(|| channels.recv(id)).collect()
}

/// The only channel that the peer opened.
pub(crate) fn opened(events: &[Event]) -> antiphon::data::ChannelId {
    let found: Vec<_> = events
        .iter()
        .filter_map(|event| if let Event::Channel(id) = event { Some(*id) } else { None })
        .collect();
    assert_eq!(found.len(), 1, "{events:?}");
    found[0]
}
