use super::*;
use crate::data::DataChannelInit;
use crate::sim::{
    Chance, Fault, Filtering, Link, Mapping, Nat, StunServer, finds_direct_path, ignore_events,
};

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn connected(network: &Network<PeerConnection>) -> bool {
    network.hosts().all(|host| network.machine(host).connection_state() == ConnectionState::Connected)
}

/// Two public peers, of which the first has a channel.
fn pair(seed: u64) -> (Network<PeerConnection>, HostId, HostId) {
    let mut network = Network::new(seed, Link::new().delay(Duration::from_millis(25)));
    let a = network.add_peer(&Config::new(), &[addr("203.0.113.1:5000")]).unwrap();
    let b = network.add_peer(&Config::new(), &[addr("203.0.113.2:5000")]).unwrap();
    network.machine_mut(a).create_data_channel("chat", DataChannelInit::default()).unwrap();
    (network, a, b)
}

#[test]
fn a_candidate_travels_whole() {
    let candidate = IceCandidate {
        candidate: "candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host".into(),
        sdp_mid: Some("0".into()),
        sdp_m_line_index: Some(0),
        username_fragment: Some("a/b+c".into()),
    };
    let text = written(&candidate);
    let (head, line) = text.strip_prefix("candidate ").unwrap().split_once('\n').unwrap();
    assert_eq!(read(head, line), Some(candidate));
}

#[test]
fn signalling_may_be_slow_out_of_order_and_repeated() {
    for seed in 0..20 {
        let (mut network, a, b) = pair(seed);
        network.set_signalling(
            &Link::new()
                .delay(Duration::from_millis(100))
                .reorder(Chance::percent(50), Duration::from_millis(400))
                .duplicate(Chance::percent(50))
                .duplicate_within(secs(1)),
        );
        let mut peers = Peers::new(ignore_events::<PeerConnection>).pair(a, b);
        network.run_for(secs(10), &mut peers);
        assert!(connected(&network), "seed {seed}");
    }
}

#[test]
fn offers_that_cross_end_in_one_connection() {
    let (mut network, a, b) = pair(1);
    network.machine_mut(b).create_data_channel("also", DataChannelInit::default()).unwrap();
    network.set_signalling(&Link::new().delay(Duration::from_millis(100)));
    let mut peers = Peers::new(ignore_events::<PeerConnection>).pair(a, b);
    network.run_for(secs(5), &mut peers);
    assert!(connected(&network));
    for host in [a, b] {
        assert_eq!(network.machine(host).signaling_state(), SignalingState::Stable);
        assert_eq!(network.machine(host).data_channels().len(), 2);
    }
}

#[test]
fn every_pair_of_nats_connects_exactly_if_it_can() {
    let mappings =
        [Mapping::EndpointIndependent, Mapping::AddressDependent, Mapping::AddressAndPortDependent];
    let filters =
        [Filtering::EndpointIndependent, Filtering::AddressDependent, Filtering::AddressAndPortDependent];
    let every = mappings.iter().flat_map(|mapping| filters.map(|filter| Some(Nat::new(*mapping, filter))));
    let manners: Vec<Option<Nat>> =
        [None, Some(Nat::full_cone().block_udp())].into_iter().chain(every).collect();
    for left in &manners {
        for right in &manners {
            let mut network = Network::new(1, Link::new().delay(Duration::from_millis(20)));
            let stun = addr("203.0.113.9:3478");
            network.add_stun_server(stun, StunServer::new());
            let hosts = [(left, 1_u8), (right, 2)].map(|(nat, n)| {
                let public = SocketAddr::from(([198, 51, 100, n], 5000));
                let inside = SocketAddr::from(([192, 168, n, 2], 5000));
                match nat {
                    None => network.add_peer(&Config::new(), &[public]),
                    Some(nat) => {
                        let nat = network.add_nat(nat.clone(), &[public.ip()]);
                        network.add_peer_behind(nat, &Config::new(), &[inside])
                    }
                }
                .unwrap()
            });
            network.machine_mut(hosts[0]).create_data_channel("chat", DataChannelInit::default()).unwrap();
            let mut peers = Peers::new(ignore_events::<PeerConnection>).pair(hosts[0], hosts[1]).stun(stun);
            network.run_for(secs(20), &mut peers);
            assert_eq!(
                connected(&network),
                finds_direct_path(left.as_ref(), right.as_ref()),
                "{left:?} and {right:?}"
            );
        }
    }
}

#[test]
fn a_phone_that_changes_its_interface_is_found_again() {
    let (mut network, a, b) = pair(3);
    let (wifi, mobile) = (addr("203.0.113.1:5000"), addr("198.51.100.77:5000"));
    let mut peers = Peers::new(ignore_events::<PeerConnection>).pair(a, b);
    network.run_for(secs(2), &mut peers);
    assert!(connected(&network));
    network.inject(Fault::address_change(a, wifi, mobile));
    network.run_for(secs(5), &mut peers);
    assert!(connected(&network));
    assert_eq!(network.machine(a).active_path().unwrap().local, mobile);
    assert_eq!(network.machine(b).active_path().unwrap().remote, mobile);
}
