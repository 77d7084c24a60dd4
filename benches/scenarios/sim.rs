//! `sim`: what whole connections cost in the simulator, and how much faster than the clock an idle one runs.

use antiphon::sim::{App, HostId, Link, Network, Peers, deterministic, ignore_events, seed};
use antiphon::{
    Certificate, Config, ConnectionState, DataChannelInit, Event, Instant, Message, PeerConnection,
};
use bytes::Bytes;
use core::time::Duration;
use std::net::SocketAddr;

use super::measure::{Line, cpu_of, interleaved};

const PAIRS: u64 = 60;
const BULK: usize = 64 * 1024;
const HOUR: Duration = Duration::from_secs(3600);

/// A certificate for all, as a program has one.
fn config() -> Config {
    let certificate = Certificate::generate(&seed(1, 1), Duration::from_secs(1_790_000_000)).unwrap();
    Config::new().certificate(deterministic(certificate))
}

/// Two public peers 25 ms apart, of which the first has a channel.
fn pair(run: u64, config: &Config) -> (Network<PeerConnection>, [HostId; 2]) {
    let mut network = Network::new(run, Link::new().delay(Duration::from_millis(25)));
    let addresses: [SocketAddr; 2] = [([203, 0, 113, 1], 5000).into(), ([203, 0, 113, 2], 5000).into()];
    let hosts = addresses.map(|address| network.add_peer(config, &[address]).unwrap());
    network.machine_mut(hosts[0]).create_data_channel("bulk", DataChannelInit::default()).unwrap();
    (network, hosts)
}

/// Sends 64 KiB as soon as there is a channel, and counts what comes.
struct Bulk {
    message: Message,
    received: [usize; 2],
}

impl App<PeerConnection> for Bulk {
    fn on_event(&mut self, now: Instant, host: HostId, pc: &mut PeerConnection, event: Event) {
        if let Event::DataChannel(id) | Event::DataChannelOpen(id) = event {
            pc.data_channel(id).unwrap().send(now, &self.message).unwrap();
        }
        if let Event::DataChannelReadable(id) = event {
            while let Some(message) = pc.data_channel(id).unwrap().recv() {
                self.received[host.index()] += message.data.len();
            }
        }
    }
}

/// Connects, moves 64 KiB each way, closes.
fn life(run: u64, config: &Config, message: &Message) {
    let (mut network, hosts) = pair(run, config);
    let bulk = Bulk { message: message.clone(), received: [0; 2] };
    let mut peers = Peers::new(bulk).pair(hosts[0], hosts[1]);
    while peers.app.received != [BULK; 2] {
        let limit = network.now() + Duration::from_secs(10);
        assert!(network.step(limit, &mut peers), "it stands still");
    }
    for host in &hosts {
        network.machine_mut(*host).close();
    }
    network.run_for(Duration::from_secs(1), &mut peers);
    let closed = |host: &HostId| network.machine(*host).connection_state() == ConnectionState::Closed;
    assert!(hosts.iter().all(closed));
}

pub(crate) fn run() {
    let config = config();
    let message = Message { binary: true, data: Bytes::from(vec![0; BULK]) };
    let mut run = 0;
    interleaved(vec![
        Line::new("sim.connections_per_cpu_s", "1/s", || {
            let cpu = cpu_of(|| {
                for _ in 0..PAIRS {
                    run += 1;
                    life(run, &config, &message);
                }
            });
            PAIRS as f64 / cpu.as_secs_f64()
        }),
        Line::new("sim.idle_speedup", "x", || {
            let (mut network, hosts) = pair(1, &config);
            let mut peers = Peers::new(ignore_events::<PeerConnection>).pair(hosts[0], hosts[1]);
            network.run_for(Duration::from_secs(30), &mut peers);
            let cpu = cpu_of(|| network.run_for(HOUR, &mut peers));
            let connected =
                |host: &HostId| network.machine(*host).connection_state() == ConnectionState::Connected;
            assert!(hosts.iter().all(connected));
            HOUR.as_secs_f64() / cpu.as_secs_f64()
        }),
    ]);
}
