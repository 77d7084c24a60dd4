//! What the simulator found, each as the run that shows it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use antiphon::sim::{HostId, Link, Network, Peers, ignore_events};
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
