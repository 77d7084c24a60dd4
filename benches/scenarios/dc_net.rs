//! `dc_net`: what a bulk sender with default settings gets from paths of 50 ms round-trip time.

use antiphon::base::bitrate::Bitrate;
use antiphon::data::Message;
use antiphon::sim::{Chance, HostId, Link, Network};
use antiphon::{Event, Instant, PeerConnection};
use core::time::Duration;

use super::measure::print;
use super::pair::{addresses, binary, configs, connection, signal};

const RTT: Duration = Duration::from_millis(50);
const TIME: Duration = Duration::from_secs(20);
const SEEDS: u64 = 10;

/// Fills the channel of host 0, counts at host 1.
struct Bulk {
    message: Message,
    started: Option<Instant>,
    received: u64,
}

impl Bulk {
    fn on_event(&mut self, now: Instant, host: HostId, pc: &mut PeerConnection, event: &Event) {
        match (host.index(), event) {
            (0, Event::DataChannelOpen(id) | Event::DataChannelBufferedAmountLow(id)) => {
                self.started.get_or_insert(now);
                let mut channel = pc.data_channel(*id).unwrap();
                while channel.can_send() {
                    channel.send(now, &self.message).unwrap();
                }
                // A refused message makes certain that the next event comes at half the limit.
                assert!(channel.send(now, &self.message).is_err());
            }
            (1, Event::DataChannelReadable(id)) => {
                let mut channel = pc.data_channel(*id).unwrap();
                while let Some(message) = channel.recv() {
                    self.received += message.data.len() as u64;
                }
            }
            _ => {}
        }
    }
}

/// Payload bits a second of one run.
fn throughput(seed: u64, link: &Link) -> f64 {
    let configs = configs();
    let mut network = Network::new(seed, link.clone());
    network.set_burst(16);
    let now = network.now();
    let [mut a, mut b] = [0, 1].map(|side| connection(now, seed, side, &configs[side]));
    a.create_data_channel("bulk", antiphon::data::DataChannelInit::default()).unwrap();
    signal(&mut a, &mut b);
    network.add_host(a, &addresses()[..1]);
    network.add_host(b, &addresses()[1..]);
    let mut bulk = Bulk { message: binary(16 * 1024), started: None, received: 0 };
    let limit = network.now() + Duration::from_secs(30);
    // Twenty seconds from the first message's sending.
    loop {
        let end = bulk.started.map_or(limit, |at| at + TIME);
        let mut app = |now: Instant, host: HostId, pc: &mut PeerConnection, event: Event| {
            bulk.on_event(now, host, pc, &event);
        };
        if !network.step(end, &mut app) && bulk.started.is_none_or(|at| end == at + TIME) {
            break;
        }
    }
    assert!(bulk.started.is_some(), "seed {seed} did not connect");
    bulk.received as f64 * 8.0 / TIME.as_secs_f64() / 1e6
}

pub(crate) fn run() {
    let path = Link::new().delay(RTT / 2);
    let slow = Bitrate::from_bps(100_000_000);
    let bdp = 100_000_000 / 8 / 20; // bytes of 50 ms
    for (name, link) in [
        ("unlimited_loss0", path.clone()),
        ("unlimited_loss1", path.clone().loss(Chance::percent(1))),
        ("100m_bdp_loss0", path.clone().rate(slow, bdp)),
        ("100m_64k_loss0", path.rate(slow, 64 * 1024)),
    ] {
        let sum: f64 = (1..=SEEDS).map(|seed| throughput(seed, &link)).sum();
        print(&format!("dc_net.{name}_mbps"), sum / SEEDS as f64, "Mbit/s");
    }
}
