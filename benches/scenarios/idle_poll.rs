//! `idle_poll` and `busy_poll`: what a poll costs, with one channel and with two hundred.

use antiphon::{Datagram, Output};
use core::time::Duration;
use std::hint::black_box;

use super::measure::{Line, interleaved, ns_each};
use super::pair::{BURST, Pair, configs, text};

const POLLS: u32 = 200_000;
const BUSY: u32 = 2000;

/// A poll of a connection that has nothing to do.
fn idle(pair: &mut Pair) -> f64 {
    let mut buf = [0; 1500];
    let side = &mut pair.sides[0];
    let now = pair.now;
    drop(side.pc.poll_output(now, &mut buf));
    ns_each(POLLS, || {
        drop(black_box(side.pc.poll_output(black_box(now), &mut buf)));
    })
}

/// The polls, until there is nothing left, after one datagram for the middle channel.
fn busy(pair: &mut Pair) -> f64 {
    let mut buf = [0; 1500];
    let message = text(b"0123456789012345");
    let clock_cost = clock_cost();
    let middle = pair.sides[0].channels.len() / 2;
    let (from, to) = (pair.sides[0].channels[middle], pair.sides[1].channels[middle]);
    let mut samples = Vec::with_capacity(BUSY as usize);
    for _ in 0..BUSY {
        let now = pair.now;
        pair.sides[0].pc.data_channel(from).unwrap().send(now, &message).unwrap();
        let transmit = loop {
            match pair.sides[0].pc.poll_output(now, &mut buf) {
                Output::Event(_) => {}
                Output::Transmit(transmit) => break transmit,
                Output::Wait(_) => panic!("nothing was sent"),
            }
        };
        let datagram = Datagram::udp(transmit.path.remote, transmit.path.local, &buf[..transmit.len]);
        let receiver = &mut pair.sides[1].pc;
        receiver.handle_input(now, datagram);
        let mut out = [0; 1500];
        let start = std::time::Instant::now();
        let output = black_box(receiver.poll_output(now, &mut out));
        let took = start.elapsed();
        drop(output);
        samples.push((took.as_nanos() as f64 - clock_cost).max(0.0));
        let mut channel = receiver.data_channel(to).unwrap();
        while channel.recv().is_some() {}
        while pair.burst(1, BURST) + pair.burst(0, BURST) > 0 {}
        pair.now += Duration::from_millis(1);
        pair.sides.iter_mut().for_each(|side| side.events.clear());
    }
    super::measure::median(&mut samples)
}

/// What reading the clock twice adds to a measurement.
fn clock_cost() -> f64 {
    let mut samples: Vec<f64> =
        (0..1001).map(|_| std::time::Instant::now().elapsed().as_nanos() as f64).collect();
    super::measure::median(&mut samples)
}

pub(crate) fn run() {
    let configs = configs();
    let mut lines = Vec::new();
    for channels in [1, 200] {
        let mut pair = Pair::connected(1, &configs, channels);
        lines.push(Line::new(format!("idle_poll.channels{channels}_ns"), "ns", move || idle(&mut pair)));
    }
    for channels in [1, 200] {
        let mut pair = Pair::connected(1, &configs, channels);
        lines.push(Line::new(format!("busy_poll.channels{channels}_ns"), "ns", move || busy(&mut pair)));
    }
    interleaved(lines);
}
