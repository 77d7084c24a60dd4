//! Many connections behind one address.

#![expect(clippy::unwrap_used, clippy::unwrap_in_result, reason = "a test that cannot go on has failed")]

use core::time::Duration;
use std::collections::BTreeMap;
use std::net::SocketAddr;

use antiphon::SessionDescription;
use antiphon::peer::{ConnectionId, Router};
use antiphon::stun::{Attribute, Builder, Class, IntegrityKey, Method, TransactionId};
use antiphon::{
    Config, ConnectionState, DataChannelInit, Datagram, Event, Instant, LocalCandidate, Message, Output,
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
    /// Which address each of them has; of two at one address the later.
    places: Vec<usize>,
    wire: BTreeMap<(Instant, u64), (SocketAddr, SocketAddr, Vec<u8>)>,
    serial: u64,
    heard: Vec<(usize, String)>,
}

fn connection(now: Instant, seed: usize, addr: SocketAddr) -> PeerConnection {
    let mut bytes = [1; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    let mut pc = PeerConnection::new(now, UNIX, Seed::from_bytes(bytes), &Config::new()).unwrap();
    pc.add_local_candidate(LocalCandidate::udp(addr)).unwrap();
    pc
}

/// Offer and answer, from the first to the second.
fn exchange(browser: &mut PeerConnection, pc: &mut PeerConnection) {
    browser.set_local_description(None).unwrap();
    let offer = browser.local_description().unwrap().to_sdp();
    pc.set_remote_description(SessionDescription::offer(&offer).unwrap()).unwrap();
    pc.set_local_description(None).unwrap();
    let answer = pc.local_description().unwrap().to_sdp();
    browser.set_remote_description(SessionDescription::answer(&answer).unwrap()).unwrap();
}

/// The user fragment of a description.
fn ufrag(description: Option<&SessionDescription>) -> String {
    let sdp = description.unwrap().to_sdp();
    sdp.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).unwrap().to_owned()
}

/// A Binding request in the name of whoever knows these two fragments, signed with a password.
fn request(username: &str, password: &str) -> Vec<u8> {
    message(Class::Request, username, password)
}

fn message(class: Class, username: &str, password: &str) -> Vec<u8> {
    let mut buf = [0; 256];
    let id = TransactionId(*b"forged twice");
    let mut builder = Builder::new(&mut buf, class, Method::BINDING, id).unwrap();
    builder.add(&Attribute::Username(username)).unwrap();
    builder.add(&Attribute::Priority(1)).unwrap();
    builder.add(&Attribute::IceControlling(1)).unwrap();
    builder.integrity(&IntegrityKey::short_term(password)).unwrap().fingerprint().unwrap();
    let len = builder.finish();
    buf[..len].to_vec()
}

impl World {
    fn new(clients: usize) -> Self {
        let now = Instant::from_nanos(1_000_000_000);
        let mut world = Self {
            now,
            router: Router::new(),
            ids: Vec::new(),
            clients: Vec::new(),
            places: Vec::new(),
            wire: BTreeMap::new(),
            serial: 0,
            heard: Vec::new(),
        };
        for index in 0..clients {
            world.connect(index, client(index));
        }
        world
    }

    /// A browser at this address offers to a new connection of the router's.
    fn connect(&mut self, index: usize, addr: SocketAddr) {
        let seed = self.clients.len();
        let mut browser = connection(self.now, 2 * seed, addr);
        let mut pc = connection(self.now, 2 * seed + 1, server());
        browser.create_data_channel("chat", DataChannelInit::default()).unwrap();
        exchange(&mut browser, &mut pc);
        self.ids.push(self.router.insert(pc));
        self.clients.push(browser);
        self.places.push(index);
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
                    Output::Transmit(t) => self.post(t.path.local, t.path.remote, &buf[..t.len]),
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
                } else if let Some(at) = self.places.iter().rposition(|place| client(*place) == to) {
                    self.clients[at].handle_input(self.now, datagram);
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
        assert_eq!(world.router.get(id).unwrap().connection_state(), ConnectionState::Connected);
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

#[test]
fn three_hundred_connections_share_one_address() {
    let mut world = World::new(300);
    world.run(Duration::from_secs(3));
    assert_eq!(world.heard.len(), 300);
    for (index, words) in &world.heard {
        assert_eq!(*words, format!("I am {index}"));
    }
    assert_eq!(world.router.stats().unknown_path + world.router.stats().unknown_stun, 0);
    // Every one of them keeps its consent, though nobody polls but by the router's deadline.
    world.run(Duration::from_secs(120));
    for id in &world.ids {
        assert_eq!(world.router.get(*id).unwrap().connection_state(), ConnectionState::Connected);
    }
    for browser in &world.clients {
        assert_eq!(browser.connection_state(), ConnectionState::Connected);
    }
    assert_eq!(world.router.len(), 300);
}

#[test]
fn no_connection_waits_for_less_than_the_router_does() {
    let mut world = World::new(8);
    let mut buf = [0; 1500];
    for _ in 0..200 {
        world.run(Duration::from_millis(70));
        let deadline = world.router.deadline().unwrap();
        assert!(deadline > world.now);
        let now = world.now;
        let waits: Vec<_> = world
            .ids
            .iter()
            .map(|id| match world.router.poll_output(*id, now, &mut buf) {
                Some(Output::Wait(wait)) => wait,
                output => panic!("{output:?}: not drained"),
            })
            .collect();
        assert_eq!(waits.into_iter().flatten().min(), Some(deadline));
    }
}

#[test]
fn an_address_that_is_used_again_goes_to_the_new_connection() {
    let mut world = World::new(2);
    world.run(Duration::from_secs(3));
    // The browser at address 1 crashed and came back on the same port; nobody told the old connection.
    world.clients[1].close();
    let old = world.ids[1];
    let mut buf = [0; 1500];
    // Its goodbye is lost.
    while !matches!(world.clients[1].poll_output(world.now, &mut buf), Output::Wait(_)) {}
    world.connect(1, client(1));
    world.run(Duration::from_secs(3));
    let new = world.ids[2];
    assert_eq!(world.router.get(new).unwrap().connection_state(), ConnectionState::Connected);
    assert!(world.heard.contains(&(2, "I am 2".into())), "{:?}", world.heard);
    world.run(Duration::from_secs(60));
    assert_eq!(world.router.get(old).unwrap().connection_state(), ConnectionState::Failed);
    assert_eq!(world.router.get(new).unwrap().connection_state(), ConnectionState::Connected);
    // When the old one is taken out at last, the path stays with the new one.
    world.router.remove(old).unwrap();
    let unknown = world.router.stats().unknown_path;
    world.run(Duration::from_secs(60));
    assert_eq!(world.router.get(new).unwrap().connection_state(), ConnectionState::Connected);
    assert_eq!(world.router.stats().unknown_path, unknown);
    assert_eq!(world.router.get(world.ids[0]).unwrap().connection_state(), ConnectionState::Connected);
}

#[test]
fn a_forged_check_takes_nobodys_path() {
    let mut world = World::new(2);
    world.run(Duration::from_secs(3));
    let pc = world.router.get(world.ids[0]).unwrap();
    let username = format!("{}:{}", ufrag(pc.local_description()), ufrag(pc.remote_description()));
    let forged = request(&username, "not the password of anybody");
    let stranger = SocketAddr::from(([198, 51, 100, 1], 9));
    // From a stranger, and from the address of another connection: it goes to whose name it bears, who drops it.
    for from in [stranger, client(1)] {
        let before = world.router.get(world.ids[0]).unwrap().stats(world.now).ice.counters;
        let to = world.router.handle_input(world.now, Datagram::udp(server(), from, &forged));
        assert_eq!(to, Some(world.ids[0]));
        let after = world.router.get(world.ids[0]).unwrap().stats(world.now).ice.counters;
        assert_eq!(after.request_bad_integrity, before.request_bad_integrity + 1);
    }
    let record =
        [23, 254, 253, 0, 1, 0, 0, 0, 0, 0, 77, 0, 16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
    let mut whose = |from| world.router.handle_input(world.now, Datagram::udp(server(), from, &record));
    assert_eq!(whose(stranger), None);
    assert_eq!(whose(client(1)), Some(world.ids[1]));
    assert_eq!(whose(client(0)), Some(world.ids[0]));
    world.run(Duration::from_secs(40));
    for id in &world.ids {
        assert_eq!(world.router.get(*id).unwrap().connection_state(), ConnectionState::Connected);
    }
}

// Whoever may connect has the password of a connection; its checks from an address that is another's prove nothing about that address.
#[test]
fn an_authentic_check_with_a_forged_source_takes_nobodys_path() {
    let mut world = World::new(2);
    world.run(Duration::from_secs(3));
    let pc = world.router.get(world.ids[1]).unwrap();
    let (ours, theirs) = (pc.local_description().unwrap(), pc.remote_description());
    let pwd =
        ours.to_sdp().lines().find_map(|line| Some(line.strip_prefix("a=ice-pwd:")?.to_owned())).unwrap();
    let forged = request(&format!("{}:{}", ufrag(Some(ours)), ufrag(theirs)), &pwd);
    let record =
        [23, 254, 253, 0, 1, 0, 0, 0, 0, 0, 77, 0, 16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6];
    let to = world.router.handle_input(world.now, Datagram::udp(server(), client(0), &forged));
    assert_eq!(to, Some(world.ids[1]));
    let whose = world.router.handle_input(world.now, Datagram::udp(server(), client(0), &record));
    assert_eq!(whose, Some(world.ids[0]));
    // An address of nobody's is bound to the connection whose check came from there.
    let stranger = SocketAddr::from(([198, 51, 100, 1], 9));
    assert_eq!(world.router.handle_input(world.now, Datagram::udp(server(), stranger, &record)), None);
    world.router.handle_input(world.now, Datagram::udp(server(), stranger, &forged));
    let whose = world.router.handle_input(world.now, Datagram::udp(server(), stranger, &record));
    assert_eq!(whose, Some(world.ids[1]));
    world.run(Duration::from_secs(40));
    for id in &world.ids {
        assert_eq!(world.router.get(*id).unwrap().connection_state(), ConnectionState::Connected);
    }
}

#[test]
fn checks_from_ever_new_addresses_do_not_cost_the_path_in_use() {
    let mut world = World::new(1);
    world.run(Duration::from_secs(3));
    let pc = world.router.get(world.ids[0]).unwrap();
    let ours = pc.local_description().unwrap();
    let pwd =
        ours.to_sdp().lines().find_map(|line| Some(line.strip_prefix("a=ice-pwd:")?.to_owned())).unwrap();
    let check = request(&format!("{}:{}", ufrag(Some(ours)), ufrag(pc.remote_description())), &pwd);
    let record =
        [23, 254, 253, 0, 1, 0, 0, 0, 0, 0, 77, 0, 16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6];
    for port in 1000..1100 {
        let from = SocketAddr::from(([198, 51, 100, 1], port));
        world.router.handle_input(world.now, Datagram::udp(server(), from, &check));
        let whose = world.router.handle_input(world.now, Datagram::udp(server(), client(0), &record));
        assert_eq!(whose, Some(world.ids[0]), "{port}");
    }
}

#[test]
fn stun_that_nobody_asked_for_is_counted() {
    let mut world = World::new(1);
    world.run(Duration::from_secs(3));
    let stranger = SocketAddr::from(([198, 51, 100, 1], 9));
    let response = message(Class::Success, "a:b", "password");
    let unknown = request("nobody:knows", "password");
    let before = *world.router.stats();
    for (from, datagram, to) in [
        (stranger, &unknown, None),
        (client(0), &unknown, None),
        (stranger, &response, None),
        // From a known path: its connection may say what it thinks of it.
        (client(0), &response, Some(world.ids[0])),
    ] {
        assert_eq!(world.router.handle_input(world.now, Datagram::udp(server(), from, datagram)), to);
    }
    let after = *world.router.stats();
    assert_eq!((after.unknown_stun - before.unknown_stun, after.routed - before.routed), (3, 1));
    let counters = world.router.get(world.ids[0]).unwrap().stats(world.now).ice.counters;
    assert_eq!(counters.response_unknown, 1);
}

#[test]
fn a_restart_is_followed_by_its_new_fragment() {
    let mut world = World::new(3);
    world.run(Duration::from_secs(3));
    for round in 0..4 {
        let id = world.ids[1];
        world.clients[1].restart_ice();
        let before = ufrag(world.router.get(id).unwrap().local_description());
        exchange(&mut world.clients[1], world.router.get_mut(id).unwrap());
        assert_ne!(ufrag(world.router.get(id).unwrap().local_description()), before);
        world.run(Duration::from_secs(40));
        assert_eq!(
            world.router.get(id).unwrap().connection_state(),
            ConnectionState::Connected,
            "round {round}"
        );
    }
    assert_eq!(world.router.stats().unknown_stun, 0);
}

// Two connections of one seed, which a caller must not make: they have the same user fragment, password and transactions. Their peers differ, and
// so each check and each answer finds whose it is.
#[test]
fn n60_two_connections_of_one_user_fragment_get_each_their_own_checks() {
    let mut world = World::new(0);
    for index in 0..2 {
        let mut browser = connection(world.now, 100 + index, client(index));
        let mut pc = connection(world.now, 9, server());
        browser.create_data_channel("chat", DataChannelInit::default()).unwrap();
        exchange(&mut browser, &mut pc);
        world.ids.push(world.router.insert(pc));
        world.clients.push(browser);
        world.places.push(index);
    }
    let names: Vec<_> =
        world.ids.iter().map(|id| ufrag(world.router.get(*id).unwrap().local_description())).collect();
    assert_eq!(names[0], names[1]);
    world.run(Duration::from_secs(5));
    world.heard.sort();
    assert_eq!(world.heard, [(0, "I am 0".into()), (1, "I am 1".into())]);
    let counters = |world: &World| {
        let of = |id: &ConnectionId| world.router.get(*id).unwrap().stats(world.now).ice.counters;
        [of(&world.ids[0]), of(&world.ids[1])]
    };
    for its in counters(&world) {
        assert_eq!((its.request_bad_username, its.request_bad_integrity), (0, 0), "{its:?}");
        assert_eq!((its.response_unknown, its.response_bad_integrity), (0, 0), "{its:?}");
    }
    assert_eq!((world.router.stats().unknown_stun, world.router.stats().unknown_path), (0, 0));
    // What is neither peer's goes to the first, who counts it.
    let before = counters(&world);
    let forged = request(&format!("{}:{}", names[0], names[0]), "not the password of anybody");
    let to = world.router.handle_input(world.now, Datagram::udp(server(), client(1), &forged));
    assert_eq!(to, Some(world.ids[0]));
    let after = counters(&world);
    assert_eq!(after[0].request_bad_username, before[0].request_bad_username + 1);
    assert_eq!(after[1], before[1]);
    // Consent is kept on both, and when one is gone the other is still found.
    world.run(Duration::from_secs(60));
    for id in &world.ids {
        assert_eq!(world.router.get(*id).unwrap().connection_state(), ConnectionState::Connected);
    }
    world.router.remove(world.ids[0]).unwrap();
    world.run(Duration::from_secs(60));
    assert_eq!(world.router.get(world.ids[1]).unwrap().connection_state(), ConnectionState::Connected);
    world.router.remove(world.ids[1]).unwrap();
    assert_eq!(world.router.handle_input(world.now, Datagram::udp(server(), client(1), &forged)), None);
}

#[test]
fn stale_ids_name_nobody() {
    let mut world = World::new(2);
    let gone = world.ids[0];
    world.router.remove(gone).unwrap();
    // Its slot is used again.
    world.connect(2, client(2));
    let new = *world.ids.last().unwrap();
    assert_eq!(new.index(), gone.index());
    let mut buf = [0; 1500];
    assert!(world.router.poll_output(gone, world.now, &mut buf).is_none());
    assert!(world.router.get_mut(gone).is_none() && world.router.remove(gone).is_none());
    assert!(world.router.get(new).is_some());
    assert_eq!(world.router.ids().len(), 2);
}

#[test]
fn a_connection_polled_without_a_buffer_stays_due() {
    let mut world = World::new(1);
    let (id, now) = (world.ids[0], world.now);
    while !matches!(world.router.poll_output(id, now, &mut []), Some(Output::Wait(_))) {}
    assert_eq!(world.router.next_due(now), Some(id), "its first check waits for a buffer");
    world.run(Duration::from_secs(3));
    assert_eq!(world.heard.len(), 1);
}

#[test]
fn a_closed_connection_wants_nothing_more() {
    let mut world = World::new(2);
    world.run(Duration::from_secs(3));
    world.router.get_mut(world.ids[0]).unwrap().close();
    world.run(Duration::from_secs(1));
    world.router.get_mut(world.ids[1]).unwrap().close();
    world.run(Duration::from_secs(1));
    assert_eq!(world.router.deadline(), None, "closed connections have no deadline");
    assert_eq!(world.router.len(), 2, "who closes them takes them out");
}
