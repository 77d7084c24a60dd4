//! Throughput and latency over networks, on the bare association: the figures of the bench's `dc_net` and `dc_latency`. The full
//! lengths run with `--ignored`; a build with optimisation is wanted.

mod sctp_common;

use antiphon::sctp::{Config, Message, SendOptions};
use bytes::Bytes;
use core::time::Duration;
use sctp_common::*;

/// Mbit/s of payload that arrive in `seconds`, with `setup` of the link.
fn goodput(seed: u64, seconds: u64, setup: impl Fn(&mut World)) -> f64 {
    let mut world = World::connected(ms(25));
    world.checked = false;
    world.seed(seed);
    setup(&mut world);
    let data = Bytes::from(vec![1; 16_384]);
    let mut bytes = 0;
    world.run_with(Duration::from_secs(seconds), |world| {
        let message = Message { stream: 1, ppid: 53, data: data.clone() };
        while world.a.sctp.can_send(1) {
            world.a.sctp.send(world.now, &message, SendOptions::default()).unwrap();
        }
        while let Some(message) = world.z.sctp.recv_from(1) {
            bytes += message.data.len();
        }
        world.a.events.clear();
        world.z.events.clear();
    });
    let stats = world.a.sctp.stats();
    if std::io::IsTerminal::is_terminal(&std::io::stdin()) || seed < 3 {
        eprintln!("{stats:?}");
    }
    bytes as f64 * 8.0 / 1e6 / seconds as f64
}

fn mean(seeds: u64, seconds: u64, setup: impl Fn(&mut World)) -> f64 {
    (1..=seeds).map(|seed| goodput(seed, seconds, &setup)).sum::<f64>() / seeds as f64
}

fn bottleneck(world: &mut World, queue: usize) {
    world.to_z.rate_bps = 100_000_000;
    world.to_z.queue_bytes = queue;
    world.to_z.overhead = 65;
}

#[test]
#[ignore = "long: for a build with optimisation"]
fn net_unlimited() {
    let rate = mean(2, 20, |_| {});
    eprintln!("unlimited_loss0 {rate:.1}");
    assert!(rate >= 750.0);
}

#[test]
#[ignore = "long: for a build with optimisation"]
fn net_one_percent() {
    let rate = mean(10, 20, |world| world.to_z.loss_ppm = 10_000);
    let both = mean(10, 20, |world| {
        world.to_z.loss_ppm = 10_000;
        world.to_a.loss_ppm = 10_000;
    });
    eprintln!("unlimited_loss1 {rate:.2} both ways {both:.2}");
    assert!(rate >= 2.2);
}

#[test]
#[ignore = "long: for a build with optimisation"]
fn net_bottleneck() {
    let bdp = mean(3, 20, |world| bottleneck(world, 625_000));
    eprintln!("100m_bdp {bdp:.1}");
    let small = mean(3, 20, |world| bottleneck(world, 65_536));
    eprintln!("100m_64k {small:.1}");
    assert!(bdp >= 85.0 && small >= 55.0);
}

/// One-way latencies in ms of 60 messages a second of 256 bytes.
fn latencies(seed: u64, seconds: u64, loss_ppm: u64) -> Vec<u64> {
    let mut world = World::connected(ms(25));
    world.checked = false;
    world.seed(seed);
    world.to_z.loss_ppm = loss_ppm;
    world.to_a.loss_ppm = loss_ppm;
    let mut all = Vec::new();
    for tick in 0..seconds * 60 {
        let mut data = vec![0; 256];
        data[..8].copy_from_slice(&world.now.as_nanos().to_be_bytes());
        world.send(1, data);
        let next = start() + Duration::from_secs(10) + Duration::from_nanos(tick * 16_666_667);
        let gap = next.saturating_duration_since(world.now);
        let mut take = |world: &mut World| {
            while let Some(message) = world.z.sctp.recv_from(1) {
                let sent = u64::from_be_bytes(message.data[..8].try_into().unwrap());
                all.push((world.now.as_nanos() - sent) / 1_000_000);
            }
        };
        world.run_with(gap, &mut take);
        if tick == seconds * 60 - 1 {
            world.run_with(ms(5000), &mut take);
        }
    }
    all
}

fn percentile(all: &mut [u64], percent: usize) -> u64 {
    all.sort_unstable();
    all[(all.len() - 1) * percent / 100]
}

#[test]
#[ignore = "long: for a build with optimisation"]
fn latency_under_loss() {
    for (loss, bound) in [(0, 30), (10_000, 130), (50_000, 200), (100_000, 1000)] {
        let mut all: Vec<u64> = (1..=20).flat_map(|seed| latencies(seed, 60, loss)).collect();
        let (p50, p99, max) = (percentile(&mut all, 50), percentile(&mut all, 99), all[all.len() - 1]);
        eprintln!("loss {loss} ppm: n {} p50 {p50} p99 {p99} max {max}", all.len());
        assert!(p99 <= bound);
    }
}
