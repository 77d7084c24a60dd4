//! Sessions with sound and pictures: cameras that shoot by their host's clock, links that lose and harm, a restart, and numbers that roll over.

use antiphon::peer::TransceiverId;
use antiphon::rtp::Delivery;
use antiphon::sim::{App, Chance, Dice, Fault, Fork, HostId, Link, Network, Peers};
use antiphon::{ConnectionState, Datagram, Event, Instant, Machine, Output, Path, PeerConnection};
use bytes::Bytes;
use core::borrow::{Borrow, BorrowMut};
use core::time::Duration;
use std::collections::BTreeMap;

use super::film::{Camera, Show};
use super::{Config, bad_link, ms};

/// A connection with cameras.
#[derive(Debug)]
pub(crate) struct Filming {
    pc: PeerConnection,
    cameras: Vec<Camera>,
}

impl Borrow<PeerConnection> for Filming {
    fn borrow(&self) -> &PeerConnection {
        &self.pc
    }
}

impl BorrowMut<PeerConnection> for Filming {
    fn borrow_mut(&mut self) -> &mut PeerConnection {
        &mut self.pc
    }
}

impl Fork for Filming {
    fn fork(&self) -> Self {
        Self { pc: self.pc.fork(), cameras: self.cameras.clone() }
    }
}

impl Machine for Filming {
    type Input<'i> = Datagram<'i>;
    type Path = Path;
    type Event = Event;

    fn handle_input(&mut self, now: Instant, input: Datagram<'_>) {
        self.pc.handle_input(now, input);
    }

    fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Output<Path, Event> {
        for camera in &mut self.cameras {
            camera.shoot(now, &mut self.pc);
        }
        let next = self.cameras.iter().filter_map(Camera::next).min();
        match self.pc.poll_output(now, buf) {
            Output::Wait(wait) => Output::Wait(antiphon::time::earliest(wait, next)),
            other => other,
        }
    }
}

/// Keeps what it is shown, and passes requests for key frames to the cameras.
#[derive(Clone, Debug, Default)]
pub(crate) struct Audience {
    shown: BTreeMap<(HostId, TransceiverId), Vec<Bytes>>,
}

impl App<Filming> for Audience {
    fn on_event(&mut self, _: Instant, host: HostId, machine: &mut Filming, event: Event) {
        match event {
            Event::Track(id) => {
                // What comes in layers comes as packets.
                let track = machine.pc.transceiver(id).unwrap();
                let layers = track.remote_streams().first().is_some_and(|name| name.as_str() == "s9");
                if layers {
                    machine.pc.receiver(id).unwrap().set_delivery(Delivery::Packets);
                }
            }
            Event::MediaReadable(id) => {
                let shown = self.shown.entry((host, id)).or_default();
                let Some(mut receiver) = machine.pc.receiver(id) else { return };
                shown.extend(core::iter::from_fn(|| receiver.recv()).map(|frame| frame.data));
                shown.extend(core::iter::from_fn(|| receiver.recv_rtp()).map(|packet| packet.payload));
            }
            Event::KeyframeRequested(id, rid, _) => {
                let camera = machine.cameras.iter_mut().find(|camera| camera.id == id);
                if let Some(camera) = camera {
                    camera.request(rid.as_deref());
                }
            }
            _ => {}
        }
    }
}

type World = (Network<Filming>, Peers<Audience>, [HostId; 2]);

fn pair(network: &mut Network<Filming>, peers: &mut Peers<Audience>, n: u8, films: bool) -> [HostId; 2] {
    let hosts = [1, 2].map(|side| {
        let address = [([10, n, 0, side], 5000).into()];
        let pc = network.peer(&Config::new(), &address).unwrap();
        network.add_host(Filming { pc, cameras: Vec::new() }, &address)
    });
    let shows: &[(usize, usize, Show)] = if films {
        &[
            (0, 0, Show::Sound),
            (0, 1, Show::Pictures),
            (0, 9, Show::Layers),
            (1, 2, Show::Pictures),
            (1, 3, Show::Leaps),
        ]
    } else {
        &[(0, 0, Show::Sound)]
    };
    for (side, stream, show) in shows {
        let machine = network.machine_mut(hosts[*side]);
        let camera = Camera::new(&mut machine.pc, *stream, *show).unwrap();
        machine.cameras.push(camera);
    }
    peers.add_pair(hosts[0], hosts[1]);
    hosts
}

fn world(seed: u64, link: Link) -> World {
    let mut network = Network::new(seed, link);
    let mut peers = Peers::new(Audience::default());
    let hosts = pair(&mut network, &mut peers, 1, true);
    network.start_trace();
    (network, peers, hosts)
}

/// Eight seconds in which packets are lost and harmed, ICE restarts, and the numbers of a stream roll over.
pub(crate) fn session(seed: u64) -> u64 {
    let (mut network, mut peers, hosts) = world(seed, bad_link());
    network.after(
        ms(1500),
        Fault::link(hosts[0], hosts[1], bad_link().corrupt(Chance::percent(3))).lasting(ms(800)),
    );
    network.run_for(ms(2000), &mut peers);
    network.machine_mut(hosts[1]).pc.restart_ice();
    for _ in 0..6 {
        network.run_for(ms(1000), &mut peers);
        network.machine_mut(hosts[1]).cameras.iter_mut().for_each(|camera| camera.leap(16_000));
    }
    // A recording of one of the streams: the hash of what was delivered says nothing about what was made of it.
    assert!(peers.app.shown.values().filter(|frames| frames.len() > 50).count() >= 5, "seed {seed}");
    network.trace_hash().unwrap()
}

/// D2, law 11, of media: a fork of the whole world, taken anywhere, has the same future.
#[test]
fn d2_a_fork_with_sound_and_pictures_does_what_its_original_does() {
    let mut dice = Dice::new(0xf11e);
    for seed in 0..6 {
        let (mut network, mut peers, hosts) = world(seed, bad_link());
        network.run_for(Duration::from_micros(500_000 + dice.below(2_000_000)), &mut peers);
        let mut fork = (network.fork(), peers.clone());
        let ends = [(&mut network, &mut peers), (&mut fork.0, &mut fork.1)].map(|(network, peers)| {
            network.run_for(ms(400), peers);
            network.machine_mut(hosts[1]).pc.restart_ice();
            network.run_for(Duration::from_secs(2), peers);
            (network.trace_hash(), peers.app.shown.clone())
        });
        assert!(ends[0] == ends[1], "law 11: seed {seed}");
        assert!(ends[0].1.len() == 5, "seed {seed} got nowhere");
    }
}

/// D4, of media.
#[test]
fn d4_a_call_is_the_same_beside_a_hundred_others() {
    let run = |others: u8| {
        let mut network = Network::new(12, bad_link());
        let mut peers = Peers::new(Audience::default());
        for n in 1..=others / 2 {
            pair(&mut network, &mut peers, n, false);
        }
        let watched = pair(&mut network, &mut peers, 200, true);
        for n in others / 2 + 1..=others {
            pair(&mut network, &mut peers, n, false);
        }
        network.start_trace();
        network.run_for(Duration::from_secs(2), &mut peers);
        assert_eq!(network.machine(watched[1]).pc.connection_state(), ConnectionState::Connected);
        watched.map(|host| network.host_trace_hash(host).unwrap())
    };
    assert_eq!(run(0), run(100));
}

/// T4, law 12, of media: packets that arrive together may be fed together.
#[test]
fn t4_packets_fed_together_show_what_they_show_one_by_one() {
    for seed in 0..6 {
        let run = |burst: usize| {
            let (mut network, mut peers, hosts) = world(seed, Link::new().delay(ms(20)));
            network.set_burst(burst);
            network.run_for(ms(500), &mut peers);
            let mut dice = Dice::new(seed);
            for _ in 0..30 {
                let (from, to) = if dice.below(2) == 0 { (0, 1) } else { (1, 0) };
                network.inject(Fault::clog(hosts[from], hosts[to]).lasting(ms(1 + dice.below(60))));
                network.run_for(ms(80), &mut peers);
            }
            for host in hosts {
                network.machine_mut(host).cameras.iter_mut().for_each(|camera| camera.rolls = false);
            }
            network.run_for(Duration::from_secs(2), &mut peers);
            peers.app.shown
        };
        let (singles, batches) = (run(1), run(64));
        assert!(singles.values().all(|frames| frames.len() > 40), "seed {seed}");
        assert!(singles == batches, "law 12: seed {seed}");
    }
}
