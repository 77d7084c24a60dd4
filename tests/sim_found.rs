//! What the simulator found, each as the run that shows it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use antiphon::sim::{Fault, HostId, Link, Nat, Network, Peers, StunServer, ignore_events};
use antiphon::{Config, ConnectionState, DataChannelInit, PeerConnection};
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
    let mut app = |now: antiphon::Instant, host: HostId, pc: &mut PeerConnection, event: antiphon::Event| {
        if let antiphon::Event::DataChannelOpen(id) = event
            && host == hosts[0]
        {
            let message = antiphon::Message::binary(vec![0; 200_000]);
            (0..4).for_each(|_| pc.data_channel(id).unwrap().send(now, &message).unwrap());
        }
        if let antiphon::Event::DataChannelReadable(id) = event {
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
