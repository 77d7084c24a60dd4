//! `connect`: what a connection costs, and how many round trips it takes to the first message.

use antiphon::data::DataChannelInit;
use antiphon::sim::{HostId, Link, Network};
use antiphon::{Config, Event, Instant, PeerConnection};
use core::time::Duration;

use super::measure::{Line, cpu_of, interleaved, print};
use super::pair::{Pair, addresses, configs, connection, signal, text};

const PAIRS: u64 = 100;
const ONE_WAY: Duration = Duration::from_millis(50);

/// From two configurations to the arrival of the offerer's first message.
fn connect(run: u64, configs: &[Config; 2]) {
    let mut pair = Pair::signalled(run, configs, 1);
    let hello = text(b"hello");
    loop {
        pair.step();
        for event in core::mem::take(&mut pair.sides[0].events) {
            if let Event::DataChannelOpen(id) = event {
                pair.sides[0].pc.data_channel(id).unwrap().send(pair.now, &hello).unwrap();
            }
        }
        for event in core::mem::take(&mut pair.sides[1].events) {
            if let Event::DataChannelReadable(id) = event {
                assert_eq!(pair.sides[1].pc.data_channel(id).unwrap().recv().unwrap(), hello);
                return;
            }
        }
    }
}

/// Round trips until the message of the offerer, and of the answerer, has arrived at the other side.
fn round_trips(configs: &[Config; 2]) -> [f64; 2] {
    let mut network = Network::new(1, Link::new().delay(ONE_WAY));
    let now = network.now();
    let [mut a, mut b] = [0, 1].map(|side| connection(now, 1, side, &configs[side]));
    a.create_data_channel("bench", DataChannelInit::default()).unwrap();
    signal(&mut a, &mut b);
    network.add_host(a, &addresses()[..1]);
    network.add_host(b, &addresses()[1..]);
    let hello = text(b"hello");
    let mut arrivals = [None; 2];
    let mut app = |at: Instant, host: HostId, pc: &mut PeerConnection, event: Event| match event {
        Event::DataChannelOpen(id) if host.index() == 0 => {
            pc.data_channel(id).unwrap().send(at, &hello).unwrap();
        }
        Event::DataChannel(id) => pc.data_channel(id).unwrap().send(at, &hello).unwrap(),
        Event::DataChannelReadable(id) => {
            while pc.data_channel(id).unwrap().recv().is_some() {
                arrivals[1 - host.index()].get_or_insert(at.saturating_duration_since(now));
            }
        }
        _ => {}
    };
    network.run_for(Duration::from_secs(20), &mut app);
    arrivals.map(|arrival| arrival.unwrap_or(Duration::MAX).as_secs_f64() / (2.0 * ONE_WAY.as_secs_f64()))
}

pub(crate) fn run() {
    let configs = configs();
    let mut run = 0;
    interleaved(vec![Line::new("connect.pairs_per_cpu_s", "1/s", || {
        let cpu = cpu_of(|| {
            for _ in 0..PAIRS {
                run += 1;
                connect(run, &configs);
            }
        });
        PAIRS as f64 / cpu.as_secs_f64()
    })]);
    let [offerer, answerer] = round_trips(&configs);
    print("connect.round_trips_offerer", offerer, "RTT");
    print("connect.round_trips_answerer", answerer, "RTT");
}
