//! Two connections joined by a perfect link with a delay, in virtual time.
#![allow(dead_code, clippy::allow_attributes, reason = "each test file uses its part")]
#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on has failed"
)]

use core::time::Duration;
use std::collections::BTreeMap;
use std::net::SocketAddr;

use antiphon::SessionDescription;
use antiphon::{
    Config, DataChannelId, Datagram, Event, Instant, LocalCandidate, OfferOptions, Output, Path,
    PeerConnection, Seed,
};

/// The wall clock at the start of every test.
pub(crate) const UNIX: Duration = Duration::from_secs(1_790_000_000);

/// Nanoseconds of milliseconds.
pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) struct End {
    pub(crate) pc: PeerConnection,
    pub(crate) addr: SocketAddr,
    pub(crate) events: Vec<(Instant, Event)>,
    pub(crate) wait: Option<Instant>,
    pub(crate) sent: u64,
}

impl End {
    pub(crate) fn saw(&self, wanted: &Event) -> bool {
        self.events.iter().any(|(_, event)| event == wanted)
    }

    pub(crate) fn count(&self, wanted: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|(_, event)| wanted(event)).count()
    }

    /// The channel the peer opened, or the first that opened.
    pub(crate) fn channel(&self) -> Option<DataChannelId> {
        self.events.iter().find_map(|(_, event)| match event {
            Event::DataChannel(id) | Event::DataChannelOpen(id) => Some(*id),
            _ => None,
        })
    }
}

/// What the application does about an event, before the next datagram is drawn.
pub(crate) type React = Box<dyn FnMut(usize, Instant, &mut PeerConnection, &Event)>;

/// What the link does with a datagram: its bytes may be changed; `false` drops it.
pub(crate) type Filter = Box<dyn FnMut(usize, &mut Vec<u8>) -> bool>;

pub(crate) struct Pair {
    pub(crate) now: Instant,
    pub(crate) ends: [End; 2],
    pub(crate) delay: Duration,
    wire: BTreeMap<(Instant, u64), (usize, Path, Vec<u8>)>,
    serial: u64,
    pub(crate) filter: Filter,
    pub(crate) react: React,
}

impl Pair {
    pub(crate) fn new(configs: [&Config; 2]) -> Self {
        let now = Instant::from_nanos(1_000_000_000);
        let end = |index: u8, config: &Config| {
            let addr = SocketAddr::from(([192, 0, 2, 1 + index], 5000));
            let mut pc = PeerConnection::new(now, UNIX, Seed::from_bytes([index + 1; 32]), config).unwrap();
            pc.add_local_candidate(LocalCandidate::udp(addr)).unwrap();
            End { pc, addr, events: Vec::new(), wait: Some(now), sent: 0 }
        };
        Self {
            now,
            ends: [end(0, configs[0]), end(1, configs[1])],
            delay: ms(50),
            wire: BTreeMap::new(),
            serial: 0,
            filter: Box::new(|_, _| true),
            react: Box::new(|_, _, _, _| {}),
        }
    }

    pub(crate) fn default_pair() -> Self {
        Self::new([&Config::new(), &Config::new()])
    }

    /// A full exchange of descriptions as text, candidates inside; end 0 offers.
    pub(crate) fn negotiate(&mut self) {
        self.negotiate_from(0);
    }

    pub(crate) fn negotiate_from(&mut self, offerer: usize) {
        let answerer = 1 - offerer;
        let offer = self.ends[offerer].pc.create_offer(&OfferOptions::default()).unwrap();
        self.ends[offerer].pc.set_local_description(Some(offer)).unwrap();
        let offer = self.ends[offerer].pc.local_description().unwrap().to_sdp();
        self.ends[answerer].pc.set_remote_description(SessionDescription::offer(&offer).unwrap()).unwrap();
        let answer = self.ends[answerer].pc.create_answer().unwrap();
        self.ends[answerer].pc.set_local_description(Some(answer)).unwrap();
        let answer = self.ends[answerer].pc.local_description().unwrap().to_sdp();
        self.ends[offerer].pc.set_remote_description(SessionDescription::answer(&answer).unwrap()).unwrap();
        self.wake();
    }

    /// Polls both ends at the present instant, as a caller does after any call.
    pub(crate) fn wake(&mut self) {
        for index in 0..2 {
            self.drain(index);
        }
    }

    pub(crate) fn drain(&mut self, index: usize) {
        let mut buf = [0; 1500];
        loop {
            match self.ends[index].pc.poll_output(self.now, &mut buf) {
                Output::Event(event) => {
                    (self.react)(index, self.now, &mut self.ends[index].pc, &event);
                    self.ends[index].events.push((self.now, event));
                }
                Output::Transmit(transmit) => {
                    let mut bytes = buf[..transmit.len].to_vec();
                    self.ends[index].sent += 1;
                    if (self.filter)(index, &mut bytes) {
                        self.serial += 1;
                        let arrival = self.now + self.delay;
                        self.wire.insert((arrival, self.serial), (1 - index, transmit.path, bytes));
                    }
                }
                Output::Wait(wait) => {
                    assert!(
                        wait.is_none_or(|at| at > self.now),
                        "law 4: {wait:?} is not after {:?}",
                        self.now
                    );
                    self.ends[index].wait = wait;
                    return;
                }
            }
        }
    }

    /// The next thing that happens; false when nothing ever will.
    pub(crate) fn step(&mut self) -> bool {
        let arrival = self.wire.first_key_value().map(|((at, _), _)| *at);
        let waits = self.ends.iter().filter_map(|end| end.wait).min();
        let Some(next) = arrival.into_iter().chain(waits).min() else { return false };
        self.now = self.now.max(next);
        if arrival == Some(next) {
            let (_, (to, path, bytes)) = self.wire.pop_first().unwrap();
            if path.remote == self.ends[to].addr {
                self.ends[to].pc.handle_input(self.now, Datagram::udp(path.remote, path.local, &bytes));
            }
            self.drain(to);
        } else {
            for index in 0..2 {
                if self.ends[index].wait.is_some_and(|at| at <= self.now) {
                    self.drain(index);
                }
            }
        }
        true
    }

    /// Runs until `done` or for `limit`; says whether `done`.
    pub(crate) fn run_until(&mut self, limit: Duration, mut done: impl FnMut(&mut Self) -> bool) -> bool {
        let end = self.now + limit;
        loop {
            if done(self) {
                return true;
            }
            let next = self.wire.first_key_value().map(|((at, _), _)| *at);
            let waits = self.ends.iter().filter_map(|end| end.wait).min();
            let due = next.into_iter().chain(waits).min();
            if due.is_none_or(|at| at > end) {
                self.now = end;
                return done(self);
            }
            self.step();
        }
    }

    pub(crate) fn run_for(&mut self, time: Duration) {
        self.run_until(time, |_| false);
    }

    /// Puts a datagram before one end, as from `from`.
    pub(crate) fn inject(&mut self, to: usize, from: SocketAddr, bytes: &[u8]) {
        let local = self.ends[to].addr;
        self.ends[to].pc.handle_input(self.now, Datagram::udp(local, from, bytes));
        self.drain(to);
    }
}
