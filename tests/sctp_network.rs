//! Throughput and latency over networks, on the bare association: short runs of what the benches `dc_net` and `dc_latency` measure.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod sctp_common;

use antiphon::sctp::{Message, SendOptions};
use bytes::Bytes;
use core::time::Duration;
use sctp_common::*;

/// Kilobits a second of payload that arrive in `seconds`, with `setup` of the link.
fn goodput(seed: u64, seconds: u64, setup: impl Fn(&mut World)) -> u64 {
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
            bytes += message.data.len() as u64;
        }
        world.a.events.clear();
        world.z.events.clear();
    });
    bytes * 8 / 1000 / seconds
}

fn mean(seeds: u64, seconds: u64, setup: impl Fn(&mut World)) -> u64 {
    (1..=seeds).map(|seed| goodput(seed, seconds, &setup)).sum::<u64>() / seeds
}

fn bottleneck(world: &mut World, queue: usize) {
    world.to_z.rate_bps = 100_000_000;
    world.to_z.queue_bytes = queue;
    world.to_z.overhead = 65;
}

#[test]
fn an_unlimited_path_is_filled_to_the_receive_window() {
    let rate = goodput(1, 3, |_| {});
    // The first of three seconds goes to slow start.
    assert!(rate >= 600_000, "{rate} kbit/s");
}

#[test]
fn one_percent_of_loss_leaves_what_the_congestion_control_of_the_standard_can_do() {
    let rate = mean(4, 20, |world| world.to_z.loss_ppm = 10_000);
    assert!(rate >= 2_200, "{rate} kbit/s");
}

#[test]
fn a_bottleneck_is_used_with_a_large_queue_and_with_a_small_one() {
    let bdp = goodput(1, 10, |world| bottleneck(world, 625_000));
    assert!(bdp >= 80_000, "{bdp} kbit/s");
    let small = goodput(1, 10, |world| bottleneck(world, 65_536));
    assert!(small >= 50_000, "{small} kbit/s");
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

#[test]
fn a_steady_trickle_is_late_by_little_under_loss() {
    for (loss, bound) in [(0, 30), (10_000, 130), (50_000, 200)] {
        let mut all: Vec<u64> = (1..=5).flat_map(|seed| latencies(seed, 60, loss)).collect();
        all.sort_unstable();
        let p99 = all[(all.len() - 1) * 99 / 100];
        assert!(p99 <= bound, "{loss} ppm: {p99} ms");
    }
}
