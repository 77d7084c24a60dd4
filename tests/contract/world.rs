//! Two machines, what travels between them, and scripts of calls.

use antiphon::sim::{FromDatagram, Route};
use antiphon::{Datagram, Ecn, Instant, Machine, Output, Path};
use core::fmt::Debug;
use core::time::Duration;
use proptest::prelude::*;
use std::net::SocketAddr;

/// The buffer of a poll.
const BUFFER: usize = 2048;
/// More outputs than this without a `Wait` is no draining.
const DRAIN_MAX: usize = 20_000;

/// When every world begins.
pub(crate) const START: Instant = Instant::from_nanos(100 * 24 * 3600 * 1_000_000_000);

/// How a machine is made, called and read.
pub(crate) trait Subject: Sized {
    type M: Machine;
    /// Two ends that know of each other and have been told to begin.
    fn pair(seed: u8, now: Instant) -> [Self::M; 2];
    fn fork(machine: &Self::M) -> Self::M;
    /// One of the calls an application makes, chosen by `what`; maybe it gives a datagram to send.
    fn act(machine: &mut Self::M, now: Instant, what: u8) -> Option<Vec<u8>>;
    /// Every message that can be taken, as bytes.
    fn take(machine: &mut Self::M) -> Vec<Vec<u8>>;
    fn close(machine: &mut Self::M);
    fn is_connected(machine: &Self::M) -> bool;
    fn is_closing_event(event: &<Self::M as Machine>::Event) -> bool;
}

/// One call, or one thing that happens to the datagrams on their way.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Drain(bool),
    /// Up to so many polls, and no more even if there is more.
    Poll(bool, u8),
    PollEmpty(bool),
    Deliver(bool, u8),
    DeliverAll(bool),
    Drop(bool, u8),
    Duplicate(bool, u8),
    Mutate(bool, u8, u16, u8),
    Junk(bool, Vec<u8>),
    Act(bool, u8),
    Take(bool),
    Advance(u16),
    ToDeadline,
    /// The next call comes with a `now` so many milliseconds too early.
    Backward(u16),
    Leap,
}

impl Op {
    /// What a bad network does, and what a good caller does.
    pub(crate) fn network() -> impl Strategy<Value = Self> {
        let side = any::<bool>;
        prop_oneof![
            6 => side().prop_map(Self::Drain),
            4 => (side(), any::<u8>()).prop_map(|(s, i)| Self::Deliver(s, i)),
            3 => side().prop_map(Self::DeliverAll),
            2 => (side(), any::<u8>()).prop_map(|(s, i)| Self::Drop(s, i)),
            1 => (side(), any::<u8>()).prop_map(|(s, i)| Self::Duplicate(s, i)),
            1 => (side(), prop::collection::vec(any::<u8>(), 0..64)).prop_map(|(s, b)| Self::Junk(s, b)),
            1 => (side(), 0..8u8).prop_map(|(s, w)| Self::Act(s, w)),
            2 => (0..400u16).prop_map(Self::Advance),
            2 => Just(Self::ToDeadline),
        ]
    }

    /// Anything at all.
    fn any() -> impl Strategy<Value = Self> {
        let side = any::<bool>;
        prop_oneof![
            12 => Self::network(),
            2 => (side(), 0..4u8).prop_map(|(s, n)| Self::Poll(s, n)),
            2 => side().prop_map(Self::PollEmpty),
            1 => side().prop_map(Self::Take),
            1 => (side(), any::<u8>(), any::<u16>(), any::<u8>()).prop_map(|(s, i, at, to)| Self::Mutate(s, i, at, to)),
            1 => (1..5000u16).prop_map(Self::Backward),
            1 => Just(Self::Leap),
        ]
    }
}

/// Calls in any order.
pub(crate) fn script() -> impl Strategy<Value = Vec<Op>> {
    prop::collection::vec(Op::any(), 0..120)
}

/// The two addresses.
pub(crate) fn addresses() -> [SocketAddr; 2] {
    ["10.0.0.1:5000".parse().unwrap(), "10.0.0.2:5000".parse().unwrap()]
}

/// What was observed, in order: events, datagrams, waits, messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Event(usize, String),
    Datagram(usize, Path, Vec<u8>),
    Wait(usize, Option<Instant>),
    Message(usize, Vec<u8>),
}

/// Whether an event is one that drawing a datagram brings about: it cannot come before that.
fn drawn(event: &str) -> bool {
    event.contains("BufferedAmountLow(")
        || event.contains("Close(")
        || event == "ConnectionStateChange(Failed)"
}

pub(crate) struct World<S: Subject> {
    pub ends: [S::M; 2],
    pub now: Instant,
    /// Datagrams on their way to each side, as it will see them.
    pub wire: [Vec<(Path, Vec<u8>)>; 2],
    pub seen: Vec<Seen>,
    pub closed: [bool; 2],
    pub deadline: [Option<Instant>; 2],
    /// Whether `Op::Backward` is heeded.
    pub backward: bool,
    skew: Duration,
}

impl<S: Subject> World<S>
where
    <S::M as Machine>::Path: Route + Debug + PartialEq,
    <S::M as Machine>::Event: Debug,
    for<'i> <S::M as Machine>::Input<'i>: FromDatagram<'i>,
{
    pub(crate) fn new(seed: u8) -> Self {
        Self {
            ends: S::pair(seed, START),
            now: START,
            wire: [Vec::new(), Vec::new()],
            seen: Vec::new(),
            closed: [false; 2],
            deadline: [None; 2],
            backward: false,
            skew: Duration::ZERO,
        }
    }

    /// A world whose two ends have connected.
    pub(crate) fn connected(seed: u8) -> Self {
        let mut world = Self::new(seed);
        world.connect();
        world
    }

    /// Lets a good network work until both are connected.
    pub(crate) fn connect(&mut self) {
        let patience = self.now + Duration::from_secs(300);
        while !self.ends.iter().all(S::is_connected) {
            assert!(self.now < patience, "not connected within 300 s");
            self.exchange();
        }
        self.quiet();
    }

    pub(crate) fn fork(&self) -> Self {
        Self {
            ends: [S::fork(&self.ends[0]), S::fork(&self.ends[1])],
            now: self.now,
            wire: self.wire.clone(),
            seen: Vec::new(),
            closed: self.closed,
            deadline: self.deadline,
            backward: self.backward,
            skew: self.skew,
        }
    }

    /// Delivers all there is both ways; where nothing moves, time goes to the next deadline.
    pub(crate) fn exchange(&mut self) {
        let mut moved = 0;
        for side in 0..2 {
            moved += self.wire[side].len();
            self.deliver_all(side);
            self.drain(side, true, DRAIN_MAX);
        }
        if moved == 0 && self.wire.iter().all(Vec::is_empty) {
            let next = self.next_deadline().unwrap_or(self.now).min(self.now + Duration::from_secs(1));
            self.now = next.max(self.now + Duration::from_millis(1));
        }
    }

    /// Exchanges until nothing is on its way.
    pub(crate) fn quiet(&mut self) {
        for _ in 0..10_000 {
            for side in 0..2 {
                self.deliver_all(side);
                self.drain(side, true, DRAIN_MAX);
            }
            if self.wire.iter().all(Vec::is_empty) {
                return;
            }
        }
        panic!("two machines never stop answering each other");
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        antiphon::time::earliest(self.deadline[0], self.deadline[1])
    }

    /// The `now` of the next call.
    fn call_now(&mut self) -> Instant {
        self.now - core::mem::take(&mut self.skew)
    }

    pub(crate) fn input(&mut self, side: usize, path: Path, data: &[u8]) {
        let now = self.call_now();
        let datagram = Datagram { path, ecn: Ecn::NotEct, data };
        self.ends[side].handle_input(now, <S::M as Machine>::Input::from_datagram(datagram));
    }

    pub(crate) fn act(&mut self, side: usize, what: u8) {
        let now = self.call_now();
        if let Some(data) = S::act(&mut self.ends[side], now, what) {
            self.seen.push(Seen::Datagram(side, Self::path(side), data.clone()));
            self.wire[1 - side].push((Self::path(1 - side), data));
        }
    }

    pub(crate) fn deliver_all(&mut self, side: usize) {
        for (path, data) in core::mem::take(&mut self.wire[side]) {
            self.input(side, path, &data);
        }
    }

    /// The path on which a side sees the other.
    pub(crate) fn path(side: usize) -> Path {
        Path::udp(addresses()[side], addresses()[1 - side])
    }

    /// Up to `most` polls, until `Wait`; holds the laws that one run can show.
    pub(crate) fn drain(&mut self, side: usize, full: bool, most: usize) {
        let now = self.call_now();
        let mut buf = vec![0; if full { BUFFER } else { 0 }];
        let mut transmitted = false;
        for _ in 0..most {
            let output = self.ends[side].poll_output(now, &mut buf);
            if self.closed[side] {
                assert!(matches!(output, Output::Wait(None)), "law 10: an output after the closing event");
            }
            match output {
                Output::Event(event) => {
                    let closing = S::is_closing_event(&event);
                    let text = format!("{event:?}");
                    assert!(closing || !transmitted || drawn(&text), "law 3: {text} after a datagram");
                    self.closed[side] |= closing;
                    self.seen.push(Seen::Event(side, text));
                }
                Output::Transmit(transmit) => {
                    assert!(full, "a datagram was drawn without a buffer");
                    assert!(transmit.len <= BUFFER && transmit.len > 0);
                    transmitted = true;
                    let path = transmit.path.path(Some(Self::path(side))).unwrap();
                    let data = buf[..transmit.len].to_vec();
                    self.seen.push(Seen::Datagram(side, path, data.clone()));
                    if let Some(to) = addresses().iter().position(|address| *address == path.remote) {
                        self.wire[to].push((Path::udp(path.remote, path.local), data));
                    }
                }
                Output::Wait(deadline) => {
                    self.wait(side, now, &mut buf, deadline);
                    return;
                }
            }
        }
        let last: Vec<_> = self.seen.iter().rev().take(6).collect();
        assert!(most < DRAIN_MAX, "draining does not end: {last:?}");
    }

    /// Law 4: later than now, and the same when asked again.
    fn wait(&mut self, side: usize, now: Instant, buf: &mut [u8], deadline: Option<Instant>) {
        assert!(deadline.is_none_or(|at| at > now), "law 4: Wait({deadline:?}) at {now:?}");
        match self.ends[side].poll_output(now, buf) {
            Output::Wait(again) => assert_eq!(again, deadline, "law 4: another Wait at the same instant"),
            Output::Event(event) => panic!("law 4: {event:?} after Wait"),
            Output::Transmit(_) => panic!("law 4: a datagram after Wait"),
        }
        if !buf.is_empty() {
            self.deadline[side] = deadline;
        }
        self.seen.push(Seen::Wait(side, deadline));
    }

    pub(crate) fn take(&mut self, side: usize) {
        for message in S::take(&mut self.ends[side]) {
            self.seen.push(Seen::Message(side, message));
        }
    }

    fn pick(&self, side: usize, index: u8) -> Option<usize> {
        let len = self.wire[side].len();
        (len > 0).then(|| usize::from(index) % len)
    }

    pub(crate) fn run(&mut self, ops: &[Op]) {
        for op in ops {
            self.step(op);
        }
    }

    fn step(&mut self, op: &Op) {
        if matches!(op, Op::Advance(_) | Op::ToDeadline | Op::Leap) {
            self.skew = Duration::ZERO;
        }
        match *op {
            Op::Drain(side) => self.drain(usize::from(side), true, DRAIN_MAX),
            Op::Poll(side, most) => self.drain(usize::from(side), true, usize::from(most)),
            Op::PollEmpty(side) => self.drain(usize::from(side), false, DRAIN_MAX),
            Op::DeliverAll(side) => self.deliver_all(usize::from(side)),
            Op::Take(side) => self.take(usize::from(side)),
            Op::Act(side, what) => self.act(usize::from(side), what),
            Op::Junk(side, ref bytes) => self.input(usize::from(side), Self::path(usize::from(side)), bytes),
            Op::Advance(ms) => self.now += Duration::from_millis(u64::from(ms)),
            Op::ToDeadline => self.now = self.next_deadline().unwrap_or(self.now).max(self.now),
            Op::Leap => {
                // One leap, not several before anybody looks: what is beyond 30 days would be cut.
                self.drain(0, false, DRAIN_MAX);
                self.drain(1, false, DRAIN_MAX);
                self.now += Duration::from_secs(29 * 24 * 3600);
            }
            Op::Backward(ms) => {
                // Both have seen the present, so that what comes now is earlier than that.
                self.drain(0, false, DRAIN_MAX);
                self.drain(1, false, DRAIN_MAX);
                if self.backward {
                    self.skew = Duration::from_millis(u64::from(ms));
                }
            }
            Op::Deliver(side, index) => self.deliver(usize::from(side), index, None),
            Op::Mutate(side, index, at, to) => self.deliver(usize::from(side), index, Some((at, to))),
            Op::Drop(side, index) => {
                if let Some(index) = self.pick(usize::from(side), index) {
                    self.wire[usize::from(side)].remove(index);
                }
            }
            Op::Duplicate(side, index) => {
                if let Some(index) = self.pick(usize::from(side), index) {
                    let copy = self.wire[usize::from(side)][index].clone();
                    self.wire[usize::from(side)].push(copy);
                }
            }
        }
    }

    fn deliver(&mut self, side: usize, index: u8, mutation: Option<(u16, u8)>) {
        let Some(index) = self.pick(side, index) else { return };
        let (path, mut data) = self.wire[side].remove(index);
        if let Some((at, to)) = mutation {
            let at = usize::from(at) % data.len();
            data[at] = to;
        }
        self.input(side, path, &data);
    }

    /// Messages that have been taken, those of each side in their order.
    pub(crate) fn messages(&self) -> [Vec<&[u8]>; 2] {
        [0, 1].map(|side| {
            self.seen
                .iter()
                .filter_map(|seen| match seen {
                    Seen::Message(at, data) if *at == side => Some(data.as_slice()),
                    _ => None,
                })
                .collect()
        })
    }
}
