//! Many connections behind one address.

#![expect(clippy::unwrap_used, clippy::unwrap_in_result, reason = "a test that cannot go on has failed")]

use core::time::Duration;
use std::collections::BTreeMap;
use std::net::SocketAddr;

use antiphon::SessionDescription;
use antiphon::peer::{ConnectionId, Router};
use antiphon::{
    Config, DataChannelInit, Datagram, Event, Instant, LocalCandidate, Message, OfferOptions, Output,
    PeerConnection, Seed,
};

const UNIX: Duration = Duration::from_secs(1_790_000_000);

fn server() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 200], 3478))
}

fn client(index: usize) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 5000 + u16::try_from(index).unwrap()))
}

/// `clients` browsers-to-be and one router, joined by a link of one millisecond.
struct World {
    now: Instant,
    router: Router,
    ids: Vec<ConnectionId>,
    clients: Vec<PeerConnection>,
    wire: BTreeMap<(Instant, u64), (SocketAddr, SocketAddr, Vec<u8>)>,
    serial: u64,
    heard: Vec<(usize, String)>,
}

fn connection(now: Instant, seed: u8, addr: SocketAddr) -> PeerConnection {
    let mut pc = PeerConnection::new(now, UNIX, Seed::from_bytes([seed; 32]), &Config::new()).unwrap();
    pc.add_local_candidate(LocalCandidate::udp(addr)).unwrap();
    pc
}

impl World {
    fn new(clients: usize) -> Self {
        let now = Instant::from_nanos(1_000_000_000);
        let mut world = Self {
            now,
            router: Router::new(),
            ids: Vec::new(),
            clients: Vec::new(),
            wire: BTreeMap::new(),
            serial: 0,
            heard: Vec::new(),
        };
        for index in 0..clients {
            let seed = u8::try_from(index).unwrap();
            let mut browser = connection(now, 2 * seed, client(index));
            let mut pc = connection(now, 2 * seed + 1, server());
            browser.create_data_channel("chat", DataChannelInit::default()).unwrap();
            let offer = browser.create_offer(&OfferOptions::default()).unwrap();
            browser.set_local_description(Some(offer)).unwrap();
            let offer = browser.local_description().unwrap().to_sdp();
            pc.set_remote_description(SessionDescription::offer(&offer).unwrap()).unwrap();
            pc.set_local_description(None).unwrap();
            let answer = pc.local_description().unwrap().to_sdp();
            browser.set_remote_description(SessionDescription::answer(&answer).unwrap()).unwrap();
            world.ids.push(world.router.insert(pc));
            world.clients.push(browser);
        }
        world
    }

    fn post(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        self.serial += 1;
        self.wire.insert((self.now + Duration::from_millis(1), self.serial), (from, to, bytes.to_vec()));
    }

    /// Polls everybody who is due; returns the next deadline.
    fn poll(&mut self) -> Option<Instant> {
        let mut buf = [0; 1500];
        while let Some(id) = self.router.next_due(self.now) {
            match self.router.poll_output(id, self.now, &mut buf).unwrap() {
                Output::Event(Event::DataChannelReadable(channel)) => {
                    let message =
                        self.router.get_mut(id).unwrap().data_channel(channel).unwrap().recv().unwrap();
                    let index = self.ids.iter().position(|known| *known == id).unwrap();
                    self.heard.push((index, String::from_utf8(message.data.to_vec()).unwrap()));
                }
                Output::Event(_) | Output::Wait(_) => {}
                Output::Transmit(t) => self.post(server(), t.path.remote, &buf[..t.len]),
            }
        }
        let mut next = self.router.deadline();
        for index in 0..self.clients.len() {
            loop {
                match self.clients[index].poll_output(self.now, &mut buf) {
                    Output::Event(Event::DataChannelOpen(channel)) => {
                        let now = self.now;
                        let mut channel = self.clients[index].data_channel(channel).unwrap();
                        channel.send(now, &Message::text(format!("I am {index}"))).unwrap();
                    }
                    Output::Event(_) => {}
                    Output::Transmit(t) => self.post(client(index), t.path.remote, &buf[..t.len]),
                    Output::Wait(wait) => {
                        next = antiphon::time::earliest(next, wait);
                        break;
                    }
                }
            }
        }
        next
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let deadline = self.poll();
            let arrival = self.wire.first_key_value().map(|((at, _), _)| *at);
            let Some(next) = antiphon::time::earliest(deadline, arrival).filter(|at| *at <= end) else {
                break;
            };
            self.now = self.now.max(next);
            if arrival == Some(next) {
                let (_, (from, to, bytes)) = self.wire.pop_first().unwrap();
                let datagram = Datagram::udp(to, from, &bytes);
                if to == server() {
                    self.router.handle_input(self.now, datagram);
                } else if let Some(index) = (0..self.clients.len()).find(|index| client(*index) == to) {
                    self.clients[index].handle_input(self.now, datagram);
                }
            }
        }
        self.now = end;
    }
}

#[test]
fn each_client_reaches_its_own_connection() {
    let mut world = World::new(5);
    world.run(Duration::from_secs(3));
    world.heard.sort();
    let expected: Vec<_> = (0..5).map(|index| (index, format!("I am {index}"))).collect();
    assert_eq!(world.heard, expected);
    assert_eq!(world.router.stats().unknown_path + world.router.stats().unknown_stun, 0);
}

#[test]
fn strangers_are_counted_and_given_to_nobody() {
    let mut world = World::new(2);
    world.run(Duration::from_secs(3));
    let stranger = SocketAddr::from(([198, 51, 100, 1], 9));
    for bytes in [&[22, 254, 253, 0, 0][..], &[0, 1, 0, 0], &[128, 0], &[], &[255; 40]] {
        assert_eq!(world.router.handle_input(world.now, Datagram::udp(server(), stranger, bytes)), None);
    }
    assert_eq!(world.router.stats().unknown_path + world.router.stats().unknown_stun, 5);
}

#[test]
fn a_removed_connection_is_found_no_more_and_the_others_go_on() {
    let mut world = World::new(3);
    world.run(Duration::from_secs(3));
    let gone = world.ids[1];
    assert!(world.router.remove(gone).is_some());
    assert!(world.router.get(gone).is_none() && world.router.remove(gone).is_none());
    world.run(Duration::from_secs(20));
    assert_eq!(world.router.len(), 2);
    assert!(
        world.router.stats().unknown_path + world.router.stats().unknown_stun > 0,
        "the client still asks for consent"
    );
    for id in [world.ids[0], world.ids[2]] {
        assert_eq!(world.router.get(id).unwrap().connection_state(), antiphon::ConnectionState::Connected);
    }
}

#[test]
fn an_idle_router_waits_for_the_earliest_of_all_deadlines() {
    let mut world = World::new(3);
    world.run(Duration::from_secs(10));
    let deadline = world.router.deadline().expect("consent is asked for");
    assert!(deadline > world.now);
    assert_eq!(world.router.next_due(world.now), None);
    assert!(world.router.next_due(deadline).is_some());
}
