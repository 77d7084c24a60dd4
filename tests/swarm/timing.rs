//! Invariants that need a network of their own: how soon a lack of paths is told (L3), bytes that were changed (S9), polls that are late (T5)
//! and clocks that go back (T7).

use antiphon::codec::MediaKind;
use antiphon::peer::TransceiverInit;
use antiphon::rtp::Frame;
use antiphon::sdp::Direction;
use antiphon::sim::{
    App, Dice, Fault, Filtering, HostId, Link, Manners, Nat, Network, Peers, Polls, Sent, StunServer,
    ignore_events,
};
use antiphon::{
    Config, ConnectionState, DataChannelInit, Event, Instant, Machine, Message, Path, PeerConnection,
};
use core::borrow::BorrowMut;
use core::time::Duration;
use std::net::SocketAddr;

use super::end::{End, Sabotage};
use super::plan::ms;
use super::run::hold_silence;

fn link() -> Link {
    Link::new().delay(ms(25))
}

/// Two public peers with a channel.
fn pair(seed: u64, link: &Link) -> (Network<PeerConnection>, [HostId; 2]) {
    let mut network = Network::new(seed, link.clone());
    let hosts = [1_u8, 2].map(|n| {
        let address: SocketAddr = ([203, 0, 113, n], 5000).into();
        network.add_peer(&Config::new(), &[address]).unwrap()
    });
    network.machine_mut(hosts[0]).create_data_channel("chat", DataChannelInit::default()).unwrap();
    (network, hosts)
}

/// When each end's connection began to connect, and failed.
#[derive(Default)]
struct Ends {
    began: [Option<Instant>; 2],
    failed: [Option<Instant>; 2],
}

impl App<PeerConnection> for Ends {
    fn on_event(&mut self, now: Instant, host: HostId, _: &mut PeerConnection, event: Event) {
        match event {
            Event::ConnectionStateChange(ConnectionState::Connecting) => {
                self.began[host.index()].get_or_insert(now);
            }
            Event::ConnectionStateChange(ConnectionState::Failed) => {
                self.failed[host.index()].get_or_insert(now);
            }
            _ => {}
        }
    }
}

#[test]
fn l3_where_there_is_no_path_failure_is_told_in_time() {
    let closed = || Nat::firewall(Filtering::AddressAndPortDependent).block_udp();
    for doors in [
        [Nat::symmetric(), Nat::symmetric()],
        [Nat::symmetric(), Nat::port_restricted()],
        [closed(), closed()],
        [Nat::full_cone(), closed()],
    ] {
        let mut network = Network::new(3, link());
        let stun = ([203, 0, 113, 9], 3478).into();
        network.add_stun_server(stun, StunServer::new());
        let mut n = 0;
        let hosts = doors.clone().map(|door| {
            n += 1;
            let nat = network.add_nat(door, &[[198, 51, 100, n].into()]);
            network.add_peer_behind(nat, &Config::new(), &[([192, 168, n, 2], 5000).into()]).unwrap()
        });
        network.machine_mut(hosts[0]).create_data_channel("chat", DataChannelInit::default()).unwrap();
        let mut peers = Peers::new(Ends::default()).pair(hosts[0], hosts[1]).stun(stun).without_restarts();
        network.run_for(Duration::from_secs(90), &mut peers);
        for side in 0..2 {
            let (began, failed) = (peers.app.began[side].unwrap(), peers.app.failed[side]);
            hold_silence(failed.map_or(Duration::MAX, |at| at.saturating_duration_since(began)));
        }
    }
}

/// The latest sealed datagram that the first host sent.
#[derive(Clone, Default)]
struct Tap {
    latest: Option<(Path, Vec<u8>)>,
    received: u64,
}

impl<M: Machine<Event = Event> + BorrowMut<PeerConnection>> App<M> for Tap {
    fn on_event(&mut self, now: Instant, host: HostId, machine: &mut M, event: Event) {
        let pc = machine.borrow_mut();
        match event {
            Event::DataChannelOpen(id) if host.index() == 0 => {
                let mut channel = pc.data_channel(id).unwrap();
                (0..100).for_each(|n| channel.send(now, &Message::binary(vec![n; 900])).unwrap());
            }
            Event::DataChannelReadable(id) => {
                while pc.data_channel(id).is_some_and(|mut channel| channel.recv().is_some()) {
                    self.received += 1;
                }
            }
            _ => {}
        }
    }

    fn on_sent(&mut self, _: Instant, host: HostId, _: &M, sent: &Sent<'_>) {
        // What is sealed by DTLS, or by MESSAGE-INTEGRITY: whatever a bit of it is, it is missed.
        if host.index() == 0 && !matches!(sent.data.first(), Some(20 | 22)) {
            self.latest = Some((sent.path, sent.data.to_vec()));
        }
    }
}

/// A run in which copies of the first host's datagrams, those of sound among them where it sends some, reach the second with a bit changed;
/// what the second sends, as a hash.
fn harmed(sounds: bool, copies: bool, bits: bool) -> (u64, u64) {
    let (mut network, hosts) = pair(9, &link());
    let init = TransceiverInit { direction: Direction::SendOnly, ..TransceiverInit::default() };
    let sound =
        sounds.then(|| network.machine_mut(hosts[0]).add_transceiver(MediaKind::Audio, init).unwrap());
    network.start_trace();
    let mut peers = Peers::new(Tap::default()).pair(hosts[0], hosts[1]);
    let mut dice = Dice::new(5);
    for step in 0..200 {
        network.run_for(ms(10), &mut peers);
        let now = network.host_now(hosts[0]);
        let speaker = sound.and_then(|id| network.machine_mut(hosts[0]).sender(id));
        if let Some(mut speaker) = speaker.filter(antiphon::Sender::can_write) {
            speaker.write(now, &Frame::new(vec![0xfc; 80], step * 480)).unwrap();
        }
        let (which, bit) = (dice.draw(), dice.below(8));
        if let Some((path, mut data)) = peers.app.latest.clone().filter(|_| copies) {
            let at = usize::try_from(which % data.len() as u64).unwrap();
            data[at] ^= u8::from(bits) << bit;
            network.send(hosts[0], path, &data);
        }
    }
    network.run_for(Duration::from_secs(5), &mut peers);
    (network.host_trace_hash(hosts[0]).unwrap(), peers.app.received)
}

#[test]
fn s9_a_changed_bit_changes_a_counter_and_nothing_else() {
    for sounds in [false, true] {
        let clean = harmed(sounds, false, false);
        assert_eq!(clean.1, 100);
        assert_eq!(harmed(sounds, true, true), clean, "S9: what the other end says has changed");
        // The comparison sees what it should: a check that comes twice unchanged is answered twice.
        assert_ne!(harmed(sounds, true, false), clean);
    }
}

#[test]
fn t5_a_poll_that_is_late_costs_no_more_than_it_is_late() {
    let took = |polls: Polls| {
        let (mut network, hosts) = pair(8, &link());
        // The first check of each is lost: both wait for a timer.
        for (from, to) in [(0, 1), (1, 0)] {
            network.set_link(hosts[from], hosts[to], link().drop_first(1));
            network.set_polls(hosts[from], polls);
        }
        let mut peers = Peers::new(ignore_events::<PeerConnection>).pair(hosts[0], hosts[1]);
        let start = network.now();
        let limit = start + Duration::from_secs(10);
        let connecting = |network: &mut Network<PeerConnection>| {
            hosts.iter().any(|host| network.machine(*host).connection_state() != ConnectionState::Connected)
        };
        assert!(network.run_while(limit, &mut peers, connecting));
        network.now().saturating_duration_since(start)
    };
    let prompt = took(Polls::prompt());
    let late = took(Polls::prompt().late(ms(40)));
    assert!(late > prompt && late <= prompt + ms(40), "T5: {late:?} against {prompt:?}");
    assert_eq!(took(Polls::prompt().early()), prompt, "T5: polls that are early");
}

/// T7: a clock that goes back stops timers and nothing else.
pub(crate) fn turn_back(sabotage: Option<Sabotage>) {
    let mut network = Network::new(8, link());
    let hosts = [1_u8, 2].map(|n| {
        let addresses: [SocketAddr; 1] = [([203, 0, 113, n], 5000).into()];
        let pc = network.peer(&Config::new(), &addresses).unwrap();
        network.add_host(End::new(pc, Manners::default(), sabotage), &addresses)
    });
    let first = network.machine_mut(hosts[0]).pc();
    first.create_data_channel("chat", DataChannelInit::default()).unwrap();
    network.set_clock_ahead(hosts[0], Duration::from_secs(1000));
    // The connection was made for another clock than it is polled with: it takes the leap as one.
    let mut peers = Peers::new(Tap::default()).pair(hosts[0], hosts[1]);
    while peers.app.received == 0 {
        network.run_for(ms(10), &mut peers);
    }
    assert!(peers.app.received < 50, "there is more to come");
    network.inject(Fault::clock_back(hosts[0], Duration::from_secs(20)));
    network.run_for(Duration::from_secs(15), &mut peers);
    assert!(
        peers.app.received == 100,
        "T7: {} messages came: what arrivals drive goes on",
        peers.app.received
    );
    network.run_for(Duration::from_secs(15), &mut peers);
    for host in hosts {
        let state = network.machine(host).view().connection_state();
        assert!(state == ConnectionState::Connected, "T7: {host} is {state:?}");
    }
}

#[test]
fn t7_a_clock_that_goes_back_stops_timers_and_nothing_else() {
    turn_back(None);
}
