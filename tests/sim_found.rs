//! What the simulator found, each as the run that shows it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::wildcard_enum_match_arm, reason = "most events are of no matter to an application")]

use antiphon::codec::MediaKind;
use antiphon::peer::{Encoding, TransceiverInit};
use antiphon::rtp::Frame;
use antiphon::sdp::Direction;
use antiphon::sim::{
    Chance, Fault, Filtering, HostId, Link, Mapping, Nat, Network, Peers, StunServer, ignore_events,
};
use antiphon::srtp::{self, KeyingMaterial, Side, SrtpProfile};
use antiphon::{Config, ConnectionState, DataChannelInit, Event, PeerConnection};
use core::time::Duration;

/// Two public peers with a channel, 25 ms apart.
fn pair(seed: u64) -> (Network<PeerConnection>, [HostId; 2]) {
    let mut network = Network::new(seed, Link::new().delay(Duration::from_millis(25)));
    let hosts = ["203.0.113.1:5000", "203.0.113.2:5000"]
        .map(|address| network.add_peer(&Config::new(), &[address.parse().unwrap()]).unwrap());
    network.machine_mut(hosts[0]).create_data_channel("chat", DataChannelInit::default()).unwrap();
    (network, hosts)
}

/// The offerer's checks are lost three times over, and its answers arrive: the peer's ClientHello shows that the way works,
/// and waiting for the check's own timeout (500 ms, then 1 s) cost more than all of DTLS.
#[test]
fn a_check_that_was_lost_is_repeated_when_data_shows_that_the_way_works() {
    let (mut network, hosts) = pair(8);
    let lossy = Link::new().delay(Duration::from_millis(25)).drop_exactly(&[0, 2, 3]);
    network.set_link(hosts[0], hosts[1], lossy);
    let mut peers = Peers::new(ignore_events::<PeerConnection>).pair(hosts[0], hosts[1]);
    network.run_for(Duration::from_millis(900), &mut peers);
    for host in hosts {
        assert_eq!(network.machine(host).connection_state(), ConnectionState::Connected, "{host}");
    }
    let checks = network.machine(hosts[0]).stats(network.now()).ice.counters.checks_sent;
    assert!(checks <= 6, "{checks} checks: one for each sign of life at the most");
}

/// A connection at rest was woken two seconds after each consent check, to give back buffers it had not grown.
#[test]
fn an_idle_connection_wakes_for_consent_and_little_else() {
    let (mut network, hosts) = pair(2);
    let mut peers = Peers::new(ignore_events::<PeerConnection>).pair(hosts[0], hosts[1]);
    network.run_for(Duration::from_secs(30), &mut peers);
    let before = network.counters(hosts[0]).alarms;
    network.run_for(Duration::from_secs(600), &mut peers);
    let wakes = network.counters(hosts[0]).alarms - before;
    assert!(wakes < 600 * 2 / 5, "T6: {wakes} wakes in ten minutes, one in 2.5 s allowed");
}

/// The server's last flight was lost and then given up after four minutes of its own clock: a client whose server had slept for longer
/// repeated its last flight to somebody who had forgotten his.
#[test]
fn the_last_flight_is_repeated_after_a_sleep_of_minutes() {
    let (mut network, hosts) = pair(4);
    let mut peers = Peers::new(ignore_events::<PeerConnection>).pair(hosts[0], hosts[1]).without_restarts();
    let connected = |network: &Network<PeerConnection>, host: HostId| {
        network.machine(host).connection_state() == ConnectionState::Connected
    };
    // The offerer is the DTLS server. As soon as it is done, nothing of it arrives any more, and its clock passes seven minutes.
    let limit = network.now() + Duration::from_secs(5);
    assert!(network.run_while(limit, &mut peers, |network| !connected(network, hosts[0])));
    assert!(!connected(&network, hosts[1]), "the client waits for the last flight");
    network.set_link(hosts[0], hosts[1], Link::blocked());
    network.inject(Fault::clock_forward(hosts[0], Duration::from_secs(423)));
    network.run_for(Duration::from_secs(1), &mut peers);
    network.set_link(hosts[0], hosts[1], Link::new().delay(Duration::from_millis(25)));
    network.machine_mut(hosts[0]).restart_ice();
    network.run_for(Duration::from_secs(10), &mut peers);
    assert!(connected(&network, hosts[0]) && connected(&network, hosts[1]));
}

/// L4. A NAT that gives a peer another port was noticed after fifteen to twenty seconds of silence; now the next check of that peer shows it,
/// six seconds after the last at the most, and the old path has half a second to prove otherwise.
#[test]
fn l4_a_rebound_nat_is_followed_within_a_consent_interval() {
    for seed in 0..10 {
        let mut network = Network::new(seed, Link::new().delay(Duration::from_millis(25)));
        let stun = "203.0.113.9:3478".parse().unwrap();
        network.add_stun_server(stun, StunServer::new());
        let nat = network.add_nat(Nat::port_restricted(), &[[198, 51, 100, 1].into()]);
        let home = network.add_peer_behind(nat, &Config::new(), &[([192, 168, 0, 2], 5000).into()]).unwrap();
        let public = network.add_peer(&Config::new(), &[([203, 0, 113, 2], 5000).into()]).unwrap();
        let offerer = if seed % 2 == 0 { home } else { public };
        network.machine_mut(offerer).create_data_channel("chat", DataChannelInit::default()).unwrap();
        let mut peers = Peers::new(ignore_events::<PeerConnection>).pair(home, public).stun(stun);
        network.run_for(Duration::from_secs(20), &mut peers);
        let before = network.machine(public).active_path().unwrap();
        network.inject(Fault::rebind(nat));
        let limit = network.now() + Duration::from_millis(6000 + 500 + 2 * 50 + 2 * 50);
        let moved = network
            .run_while(limit, &mut peers, |network| network.machine(public).active_path() == Some(before));
        assert!(moved, "seed {seed}: still at {before:?}");
        network.run_for(Duration::from_secs(60), &mut peers);
        for host in [home, public] {
            assert_eq!(network.machine(host).connection_state(), ConnectionState::Connected, "seed {seed}");
        }
    }
}

/// A host was stopped for two seconds in the middle of a transfer and its clock set right by minutes meanwhile: the acknowledgements in its
/// socket seemed to have taken minutes, and what was left to send was paced over as many.
#[test]
fn a_round_trip_across_a_sleep_is_not_believed() {
    let (mut network, hosts) = pair(6);
    let mut received = 0;
    let mut app = |now: antiphon::Instant, host: HostId, pc: &mut PeerConnection, event: Event| {
        if let Event::DataChannelOpen(id) = event
            && host == hosts[0]
        {
            let message = antiphon::Message::binary(vec![0; 200_000]);
            (0..4).for_each(|_| pc.data_channel(id).unwrap().send(now, &message).unwrap());
        }
        if let Event::DataChannelReadable(id) = event {
            while let Some(message) = pc.data_channel(id).unwrap().recv() {
                received += message.data.len();
            }
        }
    };
    let mut peers = Peers::new(&mut app).pair(hosts[0], hosts[1]).without_restarts();
    let limit = network.now() + Duration::from_secs(5);
    network.run_while(limit, &mut peers, |network| network.counters(hosts[0]).sent_bytes < 100_000);
    network.inject(Fault::freeze(hosts[0], Duration::from_secs(2)));
    network.inject(Fault::clock_forward(hosts[0], Duration::from_secs(20)));
    network.run_for(Duration::from_secs(10), &mut peers);
    let stats = network.machine(hosts[0]).stats(network.now()).sctp;
    assert!(stats.smoothed_rtt < Duration::from_millis(200), "{:?}", stats.smoothed_rtt);
    assert_eq!(received, 800_000, "{} bytes wait", stats.queued_bytes);
}

/// Two public peers without a channel, and the tracks that the second has been told of.
fn call(seed: u64) -> (Network<PeerConnection>, [HostId; 2]) {
    let mut network = Network::new(seed, Link::new().delay(Duration::from_millis(25)));
    let hosts = ["203.0.113.1:5000", "203.0.113.2:5000"]
        .map(|address| network.add_peer(&Config::new(), &[address.parse().unwrap()]).unwrap());
    (network, hosts)
}

fn sending(layers: &[&str]) -> TransceiverInit {
    let send_encodings = layers.iter().map(|rid| Encoding::named(rid).unwrap()).collect();
    TransceiverInit { direction: Direction::SendOnly, send_encodings, ..TransceiverInit::default() }
}

/// Who received layers and offered something of its own took them away: its offer did not ask for them any more.
#[test]
fn an_offer_of_who_receives_layers_leaves_them() {
    let (mut network, hosts) = call(3);
    let camera =
        network.machine_mut(hosts[0]).add_transceiver(MediaKind::Video, sending(&["q", "f"])).unwrap();
    let mut peers = Peers::new(ignore_events::<PeerConnection>).pair(hosts[0], hosts[1]);
    network.run_for(Duration::from_secs(1), &mut peers);
    network.machine_mut(hosts[1]).add_transceiver(MediaKind::Video, sending(&[])).unwrap();
    network.run_for(Duration::from_secs(1), &mut peers);
    let now = network.host_now(hosts[0]);
    let mut sender = network.machine_mut(hosts[0]).sender(camera).unwrap();
    assert_eq!(sender.encodings().len(), 2);
    for rid in ["q", "f"] {
        sender.write_layer(now, Some(rid), &Frame::new(&[0x11; 40][..], 0)).unwrap();
    }
}

/// Layers that were muted when the side that receives them made an offer of its own: its offer asked for one stream, for good.
#[test]
fn layers_come_back_after_an_offer_in_which_they_were_muted() {
    let (mut network, hosts) = call(8);
    let camera =
        network.machine_mut(hosts[0]).add_transceiver(MediaKind::Video, sending(&["q", "f"])).unwrap();
    let mut heard = std::collections::BTreeSet::new();
    let mut app = |_: antiphon::Instant, _: HostId, pc: &mut PeerConnection, event: Event| {
        if let Event::MediaReadable(id) = event {
            let mut receiver = pc.receiver(id).unwrap();
            receiver.set_delivery(antiphon::rtp::Delivery::Packets);
            while let Some(packet) = receiver.recv_rtp() {
                heard.extend(packet.source.and_then(|source| receiver.rid(source)).map(str::to_owned));
            }
        }
    };
    let mut peers = Peers::new(&mut app).pair(hosts[0], hosts[1]);
    network.run_for(Duration::from_secs(1), &mut peers);
    let turn = |network: &mut Network<PeerConnection>, direction| {
        network.machine_mut(hosts[0]).transceiver(camera).unwrap().set_direction(direction).unwrap();
    };
    turn(&mut network, Direction::Inactive);
    network.run_for(Duration::from_secs(1), &mut peers);
    network.machine_mut(hosts[1]).add_transceiver(MediaKind::Video, sending(&[])).unwrap();
    network.run_for(Duration::from_secs(1), &mut peers);
    turn(&mut network, Direction::SendOnly);
    network.run_for(Duration::from_secs(1), &mut peers);
    assert_eq!(network.machine_mut(hosts[0]).sender(camera).unwrap().encodings().len(), 2);
    for number in 0..20 {
        let now = network.host_now(hosts[0]);
        let mut sender = network.machine_mut(hosts[0]).sender(camera).unwrap();
        for rid in ["q", "f"] {
            let frame = Frame::new(&[0x10, 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0][..], number * 3000);
            sender.write_layer(now, Some(rid), &frame).unwrap();
        }
        network.run_for(Duration::from_millis(30), &mut peers);
    }
    assert_eq!(heard, ["f".to_owned(), "q".to_owned()].into());
}

/// A section that was inactive for a time: packets on their way were given to another with the same payload type, as their sender, whose name
/// was known, did not say it any more; nor did it when it went on, and nobody knew whose they were.
#[test]
fn packets_of_a_muted_track_are_its_own_or_nobodys() {
    let (mut network, hosts) = call(4);
    let ids = [(); 2]
        .map(|()| network.machine_mut(hosts[0]).add_transceiver(MediaKind::Audio, sending(&[])).unwrap());
    let (mut tracks, mut heard) = (Vec::new(), vec![Vec::new(), Vec::new()]);
    let mut app = |_: antiphon::Instant, _: HostId, pc: &mut PeerConnection, event: Event| match event {
        Event::Track(id) if !tracks.contains(&id) => tracks.push(id),
        Event::MediaReadable(id) => {
            let at = tracks.iter().position(|track| *track == id).unwrap();
            let mut receiver = pc.receiver(id).unwrap();
            heard[at].extend(
                core::iter::from_fn(|| receiver.recv())
                    .map(|frame| <[u8; 3]>::try_from(&frame.data[..]).unwrap())
                    .map(|[_, which, step]| (which, step)),
            );
        }
        _ => {}
    };
    let mut peers = Peers::new(&mut app).pair(hosts[0], hosts[1]);
    for step in 0_u8..200 {
        if let Some(direction) =
            [(80, Direction::Inactive), (140, Direction::SendOnly)].iter().find(|(at, _)| *at == step)
        {
            let mut muted = network.machine_mut(hosts[0]).transceiver(ids[0]).unwrap();
            muted.set_direction(direction.1).unwrap();
        }
        let now = network.host_now(hosts[0]);
        for (which, id) in (0..).zip(ids) {
            let frame = Frame::new(vec![0xfc, which, step], u32::from(step) * 960);
            if let Some(mut sender) =
                network.machine_mut(hosts[0]).sender(id).filter(antiphon::Sender::can_write)
            {
                sender.write(now, &frame).unwrap();
            }
        }
        network.run_for(Duration::from_millis(20), &mut peers);
    }
    for (which, heard) in (0_u8..).zip(&heard) {
        assert!(heard.iter().all(|(whose, _)| *whose == which), "track {which} heard the other");
        let late = heard.iter().filter(|(_, step)| *step >= 150).count();
        assert!(late >= 40, "track {which} goes on: {late} frames of 50");
    }
}

/// A packet that was repaired long after what followed it could not be forwarded: 128 packets back its number was "too old to know".
#[test]
fn a_packet_repaired_late_is_sealed_by_who_forwards_it() {
    let profile = SrtpProfile::AeadAes128Gcm;
    let keys = KeyingMaterial::split(profile, &vec![7; profile.keying_material_len()]).unwrap();
    let mut forwarder = srtp::Session::new(&keys, Side::Client).unwrap();
    let mut seal = |number: u16| {
        let mut packet = [0; 64];
        packet[0] = 0x80;
        packet[2..4].copy_from_slice(&number.to_be_bytes());
        forwarder.protect_rtp(&mut packet, 32).is_ok()
    };
    assert!((1000..2000).filter(|number| *number != 1100).all(&mut seal));
    assert!(seal(1100), "899 packets back");
    assert!(!seal(1100), "and once only");
}

/// A source that was silent for more than a minute was forgotten; what it sent next was said to follow on what it had sent before.
#[test]
fn what_was_sent_while_nobody_heard_is_missing() {
    let (mut network, hosts) = call(5);
    let id = network.machine_mut(hosts[0]).add_transceiver(MediaKind::Audio, sending(&[])).unwrap();
    let mut heard = Vec::new();
    let mut app = |_: antiphon::Instant, _: HostId, pc: &mut PeerConnection, event: Event| {
        if let Event::MediaReadable(id) = event {
            let mut receiver = pc.receiver(id).unwrap();
            heard.extend(core::iter::from_fn(|| receiver.recv()).map(|frame| frame.contiguous));
        }
    };
    let mut peers = Peers::new(&mut app).pair(hosts[0], hosts[1]);
    network.run_for(Duration::from_secs(1), &mut peers);
    let write = |network: &mut Network<PeerConnection>, number: u32| {
        let now = network.host_now(hosts[0]);
        let mut sender = network.machine_mut(hosts[0]).sender(id).unwrap();
        sender.write(now, &Frame::new(&[0xfc, 1, 2][..], number * 960)).unwrap();
    };
    write(&mut network, 0);
    network.run_for(Duration::from_secs(1), &mut peers);
    // These are lost, and then there is silence.
    network.set_link(hosts[0], hosts[1], Link::blocked());
    write(&mut network, 1);
    network.run_for(Duration::from_secs(1), &mut peers);
    network.set_link(hosts[0], hosts[1], Link::new().delay(Duration::from_millis(25)));
    network.run_for(Duration::from_secs(90), &mut peers);
    write(&mut network, 2);
    network.run_for(Duration::from_secs(1), &mut peers);
    assert_eq!(heard, [true, false]);
}

/// An offer that came twice was answered twice, and the second answer was taken for one to the next offer: a track that was muted and
/// unmuted in between stayed muted for ever.
#[test]
fn an_answer_that_comes_again_is_none_to_the_next_offer() {
    for seed in 0..30 {
        let (mut network, hosts) = call(seed);
        network.set_signalling(
            &Link::new()
                .delay(Duration::from_millis(80))
                .duplicate(Chance::percent(100))
                .duplicate_within(Duration::from_millis(400)),
        );
        let id = network.machine_mut(hosts[0]).add_transceiver(MediaKind::Audio, sending(&[])).unwrap();
        let mut peers = Peers::new(ignore_events::<PeerConnection>).pair(hosts[0], hosts[1]);
        network.run_for(Duration::from_secs(3), &mut peers);
        for direction in [Direction::Inactive, Direction::SendOnly] {
            let mut transceiver = network.machine_mut(hosts[0]).transceiver(id).unwrap();
            transceiver.set_direction(direction).unwrap();
            network.run_for(Duration::from_millis(200), &mut peers);
        }
        network.run_for(Duration::from_secs(3), &mut peers);
        let sender = network.machine_mut(hosts[0]).sender(id).unwrap();
        assert!(sender.can_write(), "seed {seed}");
    }
}

/// Two under one roof whose NAT maps each destination anew and turns round what its own hosts send to its outside: every check that answered
/// one came from a port that was new, which was checked in turn, thirty times a second for good.
#[test]
fn l6_a_nat_that_turns_checks_round_does_not_keep_them_going() {
    for seed in 0..20 {
        turns_round(seed);
    }
}

fn turns_round(seed: u64) {
    // The first way to each other is not there at once, so that the second is tried.
    let link = Link::new().delay(Duration::from_millis(90)).loss(Chance::percent(13));
    let mut network = Network::new(seed, link);
    let stun = ([203, 0, 113, 9], 3478).into();
    network.add_stun_server(stun, StunServer::new());
    let nat = Nat::new(Mapping::AddressAndPortDependent, Filtering::EndpointIndependent).hairpin();
    let roof = network.add_nat(nat, &[[198, 51, 100, 1].into()]);
    let hosts = [2_u8, 3]
        .map(|n| network.add_peer_behind(roof, &Config::new(), &[([192, 168, 1, n], 5000).into()]).unwrap());
    network.machine_mut(hosts[0]).create_data_channel("chat", DataChannelInit::default()).unwrap();
    let mut peers = Peers::new(ignore_events::<PeerConnection>).pair(hosts[0], hosts[1]).stun(stun);
    network.run_for(Duration::from_secs(15), &mut peers);
    network.set_link_both(hosts[0], hosts[1], &Link::new().delay(Duration::from_millis(20)));
    network.run_for(Duration::from_secs(15), &mut peers);
    let before = hosts.map(|host| network.counters(host).sent);
    network.run_for(Duration::from_secs(120), &mut peers);
    for (host, before) in hosts.into_iter().zip(before) {
        assert_eq!(network.machine(host).connection_state(), ConnectionState::Connected, "{host}");
        let sent = network.counters(host).sent - before;
        assert!(sent <= 80, "L6: {host} sent {sent} datagrams in two minutes of rest");
    }
}
