//! `dc_latency`: how late small messages arrive on a path that loses, reliable and ordered.

use antiphon::data::{ChannelId, DataChannelInit, Message};
use antiphon::sim::{Chance, HostId, Link, Network};
use antiphon::{Event, Instant, PeerConnection};
use bytes::{BufMut, Bytes, BytesMut};
use core::time::Duration;

use super::measure::print;
use super::pair::{addresses, configs, connection, signal};

const RATE: u64 = 60;
const SECONDS: u64 = 60;
const SEEDS: u64 = 20;
const LEN: usize = 256;

/// Latencies in milliseconds of one run.
fn latencies(seed: u64, loss: u32, pool: &mut Vec<f64>) {
    let configs = configs();
    let link = Link::new().delay(Duration::from_millis(25)).loss(Chance::percent(loss));
    let mut network = Network::new(seed, link);
    let now = network.now();
    let [mut a, mut b] = [0, 1].map(|side| connection(now, seed, side, &configs[side]));
    let channel = a.create_data_channel("positions", DataChannelInit::default()).unwrap();
    signal(&mut a, &mut b);
    let a = network.add_host(a, &addresses()[..1]);
    network.add_host(b, &addresses()[1..]);

    let mut open = false;
    let mut received = 0;
    let mut app = |now: Instant, _: HostId, pc: &mut PeerConnection, event: Event| match event {
        Event::DataChannelOpen(_) => open = true,
        Event::DataChannelReadable(id) => received += read(now, pc, id, pool),
        _ => {}
    };
    let patience = network.now() + Duration::from_secs(60);
    while network.machine_mut(a).data_channel(channel).is_some_and(|mut channel| !ready(&mut channel)) {
        assert!(network.now() < patience, "seed {seed} did not connect");
        network.run_for(Duration::from_millis(1), &mut app);
    }
    let start = network.now();
    for tick in 0..RATE * SECONDS {
        network.run_until(start + Duration::from_nanos(tick * 1_000_000_000 / RATE), &mut app);
        let now = network.now();
        let mut data = BytesMut::with_capacity(LEN);
        data.put_u64(now.as_nanos());
        data.resize(LEN, 0);
        let message = Message { binary: true, data: data.freeze() };
        network.machine_mut(a).data_channel(channel).unwrap().send(now, &message).unwrap();
    }
    network.run_for(Duration::from_secs(30), &mut app);
    assert!(open);
    assert_eq!(received, RATE * SECONDS, "seed {seed}, loss {loss}");
}

fn ready(channel: &mut antiphon::DataChannel<'_>) -> bool {
    channel.ready_state() == antiphon::DataChannelState::Open
}

fn read(now: Instant, pc: &mut PeerConnection, id: ChannelId, pool: &mut Vec<f64>) -> u64 {
    let mut channel = pc.data_channel(id).unwrap();
    let mut count = 0;
    while let Some(message) = channel.recv() {
        pool.push(now.saturating_duration_since(sent_at(&message.data)).as_secs_f64() * 1e3);
        count += 1;
    }
    count
}

fn sent_at(data: &Bytes) -> Instant {
    Instant::from_nanos(u64::from_be_bytes(*data.first_chunk().unwrap()))
}

pub(crate) fn run() {
    for loss in [0, 1, 5, 10] {
        let mut pool = Vec::new();
        (1..=SEEDS).for_each(|seed| latencies(seed, loss, &mut pool));
        pool.sort_by(f64::total_cmp);
        let last = pool.len() - 1;
        print(&format!("dc_latency.loss{loss}_p50_ms"), pool[last / 2], "ms");
        print(&format!("dc_latency.loss{loss}_p99_ms"), pool[last * 99 / 100], "ms");
        print(&format!("dc_latency.loss{loss}_max_ms"), pool[last], "ms");
    }
}
