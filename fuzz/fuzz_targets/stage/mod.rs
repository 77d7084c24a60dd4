//! What targets with two ends have in common: packets are under way, and time passes.

use core::fmt::Debug;
use core::time::Duration;
use std::collections::VecDeque;

use antiphon::{Instant, Output};

use crate::steps::{Step, steps};

/// Packets under way to one end at most; what comes then is lost.
const UNDER_WAY: usize = 96;

/// What is between two ends.
#[derive(Clone)]
pub struct Line {
    pub now: Instant,
    /// What each end waits for.
    pub waits: [Option<Instant>; 2],
    /// Packets under way, to each end.
    pub wire: [VecDeque<Vec<u8>>; 2],
}

impl Line {
    pub fn new(now: Instant) -> Self {
        Self { now, waits: [None; 2], wire: Default::default() }
    }

    pub fn carry(&mut self, to: usize, packet: &[u8]) {
        if self.wire[to].len() < UNDER_WAY {
            self.wire[to].push_back(packet.to_vec());
        }
    }
}

/// Two ends on a line.
pub trait Stage {
    type Path: Debug + PartialEq;
    type Event: Debug + PartialEq;
    /// Outputs of one end between two waits at most.
    const OUTPUTS: usize;
    /// Bytes an end may write a packet into.
    const BUFFER: usize;

    fn line(&mut self) -> &mut Line;
    fn poll(&mut self, end: usize, buf: &mut [u8]) -> Output<Self::Path, Self::Event>;
    /// Whether an end has told its last event.
    fn is_over(&self, end: usize) -> bool;
    fn on_event(&mut self, end: usize, event: Self::Event);
    /// Somebody sees a packet of an end, before it is under way.
    fn on_packet(&mut self, end: usize, packet: &[u8]);
    /// What must hold of an end that waits.
    fn check(&self, end: usize);
    /// Takes out all that an end has received.
    fn read_all(&mut self, end: usize);
    fn give(&mut self, end: usize, packet: &[u8]);
    fn step(&mut self, step: &Step<'_>);

    /// Draws all that an end has to say.
    fn drain(&mut self, end: usize) {
        let mut buf = vec![0; Self::BUFFER];
        for count in 0.. {
            assert!(count < Self::OUTPUTS, "it never waits");
            let output = self.poll(end, &mut buf);
            assert!(!self.is_over(end) || matches!(output, Output::Wait(None)), "law 10: {output:?}");
            match output {
                Output::Event(event) => self.on_event(end, event),
                Output::Transmit(transmit) => {
                    self.on_packet(end, &buf[..transmit.len]);
                    self.line().carry(1 - end, &buf[..transmit.len]);
                }
                Output::Wait(wait) => {
                    assert!(wait.is_none_or(|at| at > self.line().now), "law 4");
                    assert_eq!(self.poll(end, &mut buf), Output::Wait(wait), "law 4");
                    self.line().waits[end] = wait;
                    break;
                }
            }
        }
        self.check(end);
    }

    fn deliver(&mut self, end: usize, count: usize) {
        for _ in 0..count {
            let Some(packet) = self.line().wire[end].pop_front() else { break };
            self.give(end, &packet);
        }
    }

    /// Time passes, everything under way arrives and is read.
    fn settle(&mut self, time: Duration) {
        let until = self.line().now + time;
        for count in 0.. {
            assert!(count < 40_000, "no peace in {time:?}");
            for end in 0..2 {
                self.drain(end);
                self.read_all(end);
                self.drain(end);
            }
            if self.line().wire.iter().any(|wire| !wire.is_empty()) {
                (0..2).for_each(|end| self.deliver(end, UNDER_WAY));
                continue;
            }
            match self.line().waits.into_iter().flatten().min().filter(|at| *at < until) {
                Some(at) => self.line().now = at,
                None => break,
            }
        }
        self.line().now = until;
    }

    /// Takes every step of an input.
    fn play(&mut self, input: &[u8]) {
        for step in steps(input) {
            self.step(&step);
            if step.drains {
                (0..2).for_each(|end| self.drain(end));
            }
        }
        (0..2).for_each(|end| self.drain(end));
    }
}
