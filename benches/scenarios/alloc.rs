//! `alloc`: allocations of a pair in its steady state, both ends together.

use antiphon::Event;
use antiphon::data::Message;
use core::time::Duration;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region};

use super::measure::print;
use super::pair::{BURST, Pair, binary, configs};

const WARM_UP: usize = 3000;
const MESSAGES: usize = 3000;

/// Sends one message and reads the one before it: `held` is what the application still looks at.
fn exchange(pair: &mut Pair, message: &Message, held: &mut Option<Message>) {
    let (from, to) = (pair.sides[0].channels[0], pair.sides[1].channels[0]);
    let now = pair.now;
    pair.sides[0].pc.data_channel(from).unwrap().send(now, message).unwrap();
    let mut got = false;
    while !got {
        let moved = pair.burst(0, BURST) + pair.burst(1, BURST);
        for index in 0..pair.sides[1].events.len() {
            if pair.sides[1].events[index] == Event::DataChannelReadable(to) {
                let mut channel = pair.sides[1].pc.data_channel(to).unwrap();
                while let Some(message) = channel.recv() {
                    *held = Some(message);
                    got = true;
                }
            }
        }
        pair.sides[1].events.clear();
        pair.sides[0].events.clear();
        pair.now += Duration::from_micros(100);
        if moved == 0 && !got {
            pair.now = pair.deadline().unwrap().max(pair.now);
        }
    }
}

fn per_message(pair: &mut Pair, len: usize) -> f64 {
    let message = binary(len);
    let mut held = None;
    (0..WARM_UP).for_each(|_| exchange(pair, &message, &mut held));
    let region = Region::new(&INSTRUMENTED_SYSTEM);
    (0..MESSAGES).for_each(|_| exchange(pair, &message, &mut held));
    let change = region.change();
    (change.allocations + change.reallocations) as f64 / MESSAGES as f64
}

pub(crate) fn run() {
    let configs = configs();
    let mut pair = Pair::connected(1, &configs, 1);
    print("alloc.per_1000b_message", per_message(&mut pair, 1000), "allocations");
    let mut pair = Pair::connected(2, &configs, 1);
    print("alloc.per_16k_message", per_message(&mut pair, 16 * 1024), "allocations");
    pair.settle(Duration::from_millis(10));
    let mut buf = [0; 1500];
    let polls = 10_000;
    let region = Region::new(&INSTRUMENTED_SYSTEM);
    for _ in 0..polls {
        drop(pair.sides[0].pc.poll_output(pair.now, &mut buf));
    }
    let change = region.change();
    print(
        "alloc.per_idle_poll",
        (change.allocations + change.reallocations) as f64 / f64::from(polls),
        "allocations",
    );
}
