//! `dc_bulk`: how much a core moves through one reliable, ordered channel at no latency.

use antiphon::Event;
use core::time::Duration;

use super::measure::{Line, cpu_of, interleaved};
use super::pair::{BURST, Pair, binary, configs};

/// Virtual time between two exchanges of bursts.
const PACE: Duration = Duration::from_micros(20);

/// Sends `count` messages of `len` bytes from side 0 to side 1 in bursts of `burst` datagrams.
fn transfer(pair: &mut Pair, len: usize, count: usize, burst: usize) {
    let message = binary(len);
    let (from, to) = (pair.sides[0].channels[0], pair.sides[1].channels[0]);
    let (mut sent, mut received) = (0, 0);
    while received < count {
        let now = pair.now;
        let mut channel = pair.sides[0].pc.data_channel(from).unwrap();
        while sent < count && channel.can_send() {
            channel.send(now, &message).unwrap();
            sent += 1;
        }
        let there = pair.burst(0, burst);
        let back = pair.burst(1, burst);
        let readable = pair.sides[1].events.drain(..).any(|event| event == Event::DataChannelReadable(to));
        if readable {
            let mut channel = pair.sides[1].pc.data_channel(to).unwrap();
            while let Some(message) = channel.recv() {
                assert_eq!(message.data.len(), len);
                received += 1;
            }
        }
        pair.sides[0].events.clear();
        pair.now += PACE;
        if there + back == 0 && !readable {
            pair.now = pair.deadline().unwrap().max(pair.now);
        }
    }
}

pub(crate) fn run() {
    let configs = configs();
    let mut lines = Vec::new();
    for (name, unit, len, count) in [
        ("16k_mb", "MB/s", 16 * 1024, 1500),
        ("1200_mb", "MB/s", 1200, 12_000),
        ("64_kmsg", "kmsg/s", 64, 50_000),
    ] {
        for (suffix, burst) in [("", BURST), ("_burst1", 1)] {
            let mut pair = Pair::connected(1, &configs, 1);
            lines.push(Line::new(format!("dc_bulk.{name}_per_cpu_s{suffix}"), unit, move || {
                let cpu = cpu_of(|| transfer(&mut pair, len, count, burst)).as_secs_f64();
                let size = if unit == "MB/s" { (len * count) as f64 / 1e6 } else { count as f64 / 1e3 };
                size / cpu
            }));
        }
    }
    interleaved(lines);
}
