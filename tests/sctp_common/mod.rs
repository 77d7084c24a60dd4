//! Two associations on a virtual clock, joined by links with delay, loss, rate and queue.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(dead_code, reason = "each test file uses its part of this")]
#![allow(clippy::allow_attributes, reason = "not every file leaves something unused")]

pub(crate) mod hand;

use core::time::Duration;
use std::collections::VecDeque;

use antiphon::sctp::{Association, Config, Event, Message, SendOptions, State};
use antiphon::wire::sctp::{Chunk, Packet};
use antiphon::{Instant, Output, Rng, Seed};
use bytes::Bytes;

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn start() -> Instant {
    Instant::ZERO + Duration::from_secs(1)
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Deliver,
    Drop,
    /// Later by this much.
    Delay(Duration),
}

/// One direction.
pub(crate) struct Link {
    pub(crate) delay: Duration,
    /// Packets lost in a million.
    pub(crate) loss_ppm: u64,
    /// Bits per second; 0 is any.
    pub(crate) rate_bps: u64,
    /// Bytes that wait at most.
    pub(crate) queue_bytes: usize,
    /// Bytes each packet has below SCTP.
    pub(crate) overhead: usize,
    free_at: Instant,
    pub(crate) in_flight: VecDeque<(Instant, Bytes)>,
    #[allow(clippy::type_complexity, reason = "said once")]
    pub(crate) fate: Option<Box<dyn FnMut(usize, &[u8]) -> Fate>>,
    /// What arrives in place of a packet.
    pub(crate) rewrite: Option<fn(&[u8]) -> Bytes>,
    pub(crate) carried: usize,
    pub(crate) dropped: usize,
    /// Every packet offered, if wanted.
    pub(crate) log: Option<Vec<(Instant, Bytes)>>,
}

impl Link {
    pub(crate) fn new(delay: Duration) -> Self {
        Self {
            delay,
            loss_ppm: 0,
            rate_bps: 0,
            queue_bytes: usize::MAX,
            overhead: 0,
            free_at: Instant::ZERO,
            in_flight: VecDeque::new(),
            fate: None,
            rewrite: None,
            carried: 0,
            dropped: 0,
            log: None,
        }
    }

    /// Loses the `n`th packet from now on, counted from 0.
    pub(crate) fn lose(&mut self, n: usize) {
        let lost = self.carried + n;
        self.fate = Some(Box::new(move |index, _| if index == lost { Fate::Drop } else { Fate::Deliver }));
    }

    fn arrived(&mut self, now: Instant) -> Option<Bytes> {
        let (at, _) = self.in_flight.front()?;
        if *at > now {
            return None;
        }
        self.in_flight.pop_front().map(|(_, packet)| packet)
    }

    fn offer(&mut self, now: Instant, packet: &[u8], draw: u64) {
        let index = self.carried;
        self.carried += 1;
        if let Some(log) = &mut self.log {
            log.push((now, Bytes::copy_from_slice(packet)));
        }
        let fate = self.fate.as_mut().map_or(Fate::Deliver, |fate| fate(index, packet));
        if fate == Fate::Drop || draw % 1_000_000 < self.loss_ppm {
            self.dropped += 1;
            return;
        }
        let mut at = now;
        if self.rate_bps > 0 {
            let len = packet.len() + self.overhead;
            let waiting = self.free_at.saturating_duration_since(now).as_nanos() * u128::from(self.rate_bps)
                / 8_000_000_000;
            if waiting as usize + len > self.queue_bytes {
                self.dropped += 1;
                return;
            }
            let time = Duration::from_nanos(len as u64 * 8_000_000_000 / self.rate_bps);
            self.free_at = self.free_at.max(now) + time;
            at = self.free_at;
        }
        at += self.delay;
        if let Fate::Delay(more) = fate {
            at += more;
        }
        let place = self.in_flight.partition_point(|(other, _)| *other <= at);
        let packet = self.rewrite.map_or_else(|| Bytes::copy_from_slice(packet), |rewrite| rewrite(packet));
        self.in_flight.insert(place, (at, packet));
    }
}

pub(crate) struct End {
    pub(crate) sctp: Association,
    pub(crate) events: Vec<Event>,
    pub(crate) deadline: Option<Instant>,
}

impl End {
    pub(crate) fn new(seed: u8, config: &Config) -> Self {
        let rng = Rng::new(&Seed::from_bytes([seed; 32]));
        let sctp = Association::new(start(), rng, config).unwrap();
        Self { sctp, events: Vec::new(), deadline: None }
    }

    pub(crate) fn has(&self, event: &Event) -> bool {
        self.events.contains(event)
    }

    pub(crate) fn count(&self, event: &Event) -> usize {
        self.events.iter().filter(|each| *each == event).count()
    }
}

pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) a: End,
    pub(crate) z: End,
    pub(crate) to_z: Link,
    pub(crate) to_a: Link,
    random: u64,
    /// Whether invariants are checked after each step.
    pub(crate) checked: bool,
}

impl World {
    pub(crate) fn new(delay: Duration) -> Self {
        Self::with(delay, &Config::default(), &Config::default())
    }

    pub(crate) fn with(delay: Duration, a: &Config, z: &Config) -> Self {
        Self {
            now: start(),
            a: End::new(1, a),
            z: End::new(2, z),
            to_z: Link::new(delay),
            to_a: Link::new(delay),
            random: 0x9e37_79b9_7f4a_7c15,
            checked: true,
        }
    }

    /// A world whose ends are connected, with nothing in flight.
    pub(crate) fn connected(delay: Duration) -> Self {
        Self::connected_with(delay, &Config::default(), &Config::default())
    }

    pub(crate) fn connected_with(delay: Duration, a: &Config, z: &Config) -> Self {
        let mut world = Self::with(delay, a, z);
        world.a.sctp.connect();
        world.z.sctp.connect();
        world.run(delay * 6 + ms(10));
        assert_eq!(world.a.sctp.state(), State::Established);
        assert_eq!(world.z.sctp.state(), State::Established);
        world.a.events.clear();
        world.z.events.clear();
        world
    }

    pub(crate) fn seed(&mut self, seed: u64) {
        self.random = seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ 0x9e37_79b9_7f4a_7c15;
    }

    pub(crate) fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn drain(&mut self) {
        let mut buf = [0; 2000];
        for side in 0..2 {
            loop {
                let draw = self.draw();
                let (end, link) =
                    if side == 0 { (&mut self.a, &mut self.to_z) } else { (&mut self.z, &mut self.to_a) };
                match end.sctp.poll_output(self.now, &mut buf) {
                    Output::Event(event) => end.events.push(event),
                    Output::Transmit(t) => link.offer(self.now, &buf[..t.len], draw),
                    Output::Wait(at) => {
                        assert!(at.is_none_or(|at| at > self.now), "a deadline that has passed");
                        end.deadline = at;
                        break;
                    }
                }
            }
            if self.checked {
                self.a.sctp.check();
                self.z.sctp.check();
            }
        }
    }

    /// When something happens next.
    pub(crate) fn next(&self) -> Option<Instant> {
        let arrivals = [self.to_z.in_flight.front(), self.to_a.in_flight.front()];
        let arrivals = arrivals.into_iter().flatten().map(|(at, _)| *at);
        arrivals.chain(self.a.deadline).chain(self.z.deadline).min()
    }

    pub(crate) fn deliver(&mut self) {
        while let Some(packet) = self.to_z.arrived(self.now) {
            self.z.sctp.handle_input(self.now, packet);
        }
        while let Some(packet) = self.to_a.arrived(self.now) {
            self.a.sctp.handle_input(self.now, packet);
        }
    }

    pub(crate) fn run(&mut self, time: Duration) {
        self.run_with(time, |_| {});
    }

    /// Runs for `time`; `app` is called at every instant at which something happens.
    pub(crate) fn run_with(&mut self, time: Duration, mut app: impl FnMut(&mut Self)) {
        let end = self.now + time;
        loop {
            self.drain();
            app(self);
            self.drain();
            match self.next() {
                Some(at) if at <= end => {
                    self.now = at.max(self.now);
                    self.deliver();
                }
                _ => break,
            }
        }
        self.now = end;
    }

    pub(crate) fn send(&mut self, stream: u16, data: impl Into<Bytes>) {
        self.send_with(stream, data, SendOptions::default());
    }

    pub(crate) fn send_with(&mut self, stream: u16, data: impl Into<Bytes>, options: SendOptions) {
        let message = Message { stream, ppid: 53, data: data.into() };
        self.a.sctp.send(self.now, &message, options).unwrap();
    }

    /// What arrived on a stream of Z.
    pub(crate) fn received(&mut self, stream: u16) -> Vec<Bytes> {
        core::iter::from_fn(|| self.z.sctp.recv_from(stream)).map(|message| message.data).collect()
    }
}

/// Names of the chunks of a packet.
pub(crate) fn chunks(packet: &[u8]) -> Vec<&'static str> {
    let packet = Packet::parse(packet).unwrap();
    packet.chunks().map(|chunk| name(&chunk.unwrap())).collect()
}

pub(crate) fn name(chunk: &Chunk<'_>) -> &'static str {
    match chunk {
        Chunk::Data(_) => "DATA",
        Chunk::Init(_) => "INIT",
        Chunk::InitAck(_) => "INIT_ACK",
        Chunk::Sack(_) => "SACK",
        Chunk::Heartbeat(_) => "HEARTBEAT",
        Chunk::HeartbeatAck(_) => "HEARTBEAT_ACK",
        Chunk::Abort { .. } => "ABORT",
        Chunk::Error(_) => "ERROR",
        Chunk::Shutdown { .. } => "SHUTDOWN",
        Chunk::ShutdownAck => "SHUTDOWN_ACK",
        Chunk::ShutdownComplete { .. } => "SHUTDOWN_COMPLETE",
        Chunk::CookieEcho(_) => "COOKIE_ECHO",
        Chunk::CookieAck => "COOKIE_ACK",
        Chunk::ForwardTsn(_) => "FORWARD_TSN",
        Chunk::ReConfig(_) => "RE_CONFIG",
        Chunk::IData(_) => "I_DATA",
        Chunk::IForwardTsn(_) => "I_FORWARD_TSN",
        Chunk::Pad => "PAD",
        Chunk::Unknown(_) => "UNKNOWN",
    }
}

/// Whether a packet has a chunk of this name.
pub(crate) fn holds(packet: &[u8], wanted: &str) -> bool {
    chunks(packet).contains(&wanted)
}
