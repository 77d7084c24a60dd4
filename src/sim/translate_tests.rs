use core::time::Duration;

use super::*;

fn at(seconds: u64) -> Instant {
    Instant::from_nanos(seconds * 1_000_000_000)
}

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn inside() -> SocketAddr {
    addr("192.168.1.2:5000")
}

fn translator(nat: Nat) -> Translator {
    Translator::new(nat, &["198.51.100.1".parse().unwrap()], Dice::new(1))
}

/// Three peers: one, the same on another port, and another.
fn peers() -> [SocketAddr; 3] {
    [addr("203.0.113.1:1000"), addr("203.0.113.1:2000"), addr("203.0.113.2:1000")]
}

#[test]
fn mappings_depend_on_what_they_are_said_to() {
    use Filtering::EndpointIndependent as Any;
    let outside = |mapping: Mapping| {
        let mut nat = translator(Nat::new(mapping, Any));
        peers().map(|peer| nat.outbound(at(1), inside(), peer).unwrap())
    };
    let [one, port, other] = outside(Mapping::EndpointIndependent);
    assert!(one == port && one == other);
    let [one, port, other] = outside(Mapping::AddressDependent);
    assert!(one == port && one != other);
    let [one, port, other] = outside(Mapping::AddressAndPortDependent);
    assert!(one != port && one != other && port != other);
}

#[test]
fn filters_let_in_whom_they_are_said_to() {
    let let_in = |filtering: Filtering| {
        let mut nat = translator(Nat::new(Mapping::EndpointIndependent, filtering));
        let outside = nat.outbound(at(1), inside(), peers()[0]).unwrap();
        peers().map(|peer| nat.inbound(at(1), peer, outside) == Some(inside()))
    };
    assert_eq!(let_in(Filtering::EndpointIndependent), [true, true, true]);
    assert_eq!(let_in(Filtering::AddressDependent), [true, true, false]);
    assert_eq!(let_in(Filtering::AddressAndPortDependent), [true, false, false]);
}

#[test]
fn a_mapping_dies_after_its_lifetime_and_only_sending_renews_it() {
    let peer = peers()[0];
    let lifetime = Duration::from_secs(30);
    let mut nat = translator(Nat::full_cone().lifetime(lifetime));
    let outside = nat.outbound(at(0), inside(), peer).unwrap();
    assert_eq!(nat.inbound(at(20), peer, outside), Some(inside()));
    assert_eq!(nat.inbound(at(31), peer, outside), None, "what came in renews nothing");
    assert_ne!(nat.outbound(at(40), inside(), peer), Some(outside), "a new port after expiry");
    let mut nat = translator(Nat::full_cone().lifetime(lifetime).refreshed_by_inbound());
    let outside = nat.outbound(at(0), inside(), peer).unwrap();
    assert_eq!(nat.inbound(at(20), peer, outside), Some(inside()));
    assert_eq!(nat.inbound(at(45), peer, outside), Some(inside()));
}

#[test]
fn ports_are_preserved_overloaded_in_order_or_of_a_parity() {
    let second = addr("192.168.1.3:5000");
    let peer = peers()[0];
    let ports = |nat: Nat| {
        let mut nat = translator(nat);
        [inside(), second].map(|host| nat.outbound(at(1), host, peer).unwrap().port())
    };
    let [one, two] = ports(Nat::full_cone().preserve_ports());
    assert!(one == 5000 && two != 5000);
    assert_eq!(ports(Nat::full_cone().overload_ports()), [5000, 5000]);
    let [one, two] = ports(Nat::full_cone().contiguous_ports());
    assert_eq!(two, one + 1);
    for _ in 0..20 {
        let mut nat = translator(Nat::symmetric().keep_parity());
        let even = (1..50).map(|port| nat.outbound(at(1), inside(), addr(&format!("203.0.113.1:{port}"))));
        assert!(even.into_iter().all(|external| external.unwrap().port().is_multiple_of(2)));
    }
}

#[test]
fn with_one_port_for_two_hosts_an_answer_goes_to_the_one_that_asked() {
    let second = addr("192.168.1.3:5000");
    let mut nat = translator(Nat::port_restricted().overload_ports());
    let outside = nat.outbound(at(1), inside(), peers()[0]).unwrap();
    assert_eq!(nat.outbound(at(1), second, peers()[2]), Some(outside));
    assert_eq!(nat.inbound(at(1), peers()[0], outside), Some(inside()));
    assert_eq!(nat.inbound(at(1), peers()[2], outside), Some(second));
    assert_eq!(nat.inbound(at(1), peers()[1], outside), None);
}

#[test]
fn a_nat_that_forgets_gives_another_port() {
    let mut nat = translator(Nat::full_cone().preserve_ports());
    let before = nat.outbound(at(1), inside(), peers()[0]).unwrap();
    nat.forget();
    assert_eq!(nat.inbound(at(1), peers()[0], before), None);
    assert_ne!(nat.outbound(at(1), inside(), peers()[0]), Some(before));
}

#[test]
fn pooling_keeps_a_host_on_one_address_unless_it_is_arbitrary() {
    let pool: Vec<IpAddr> = (1..=8).map(|n| IpAddr::from([198, 51, 100, n])).collect();
    let outside = |nat: Nat| {
        let mut nat = Translator::new(nat, &pool, Dice::new(3));
        let external = |port: u16| nat.outbound(at(1), inside(), SocketAddr::from(([203, 0, 113, 1], port)));
        let mut ips: Vec<IpAddr> = (1..40).map(external).map(|external| external.unwrap().ip()).collect();
        ips.dedup();
        ips.len()
    };
    assert_eq!(outside(Nat::symmetric()), 1);
    assert!(outside(Nat::symmetric().arbitrary_pooling()) > 5);
}

#[test]
fn a_firewall_translates_nothing_and_lets_in_answers() {
    let mut wall = translator(Nat::firewall(Filtering::AddressAndPortDependent));
    let public = addr("203.0.113.77:5000");
    assert_eq!(wall.inbound(at(1), peers()[0], public), None);
    assert_eq!(wall.outbound(at(1), public, peers()[0]), Some(public));
    assert_eq!(wall.inbound(at(1), peers()[0], public), Some(public));
    let mut closed = translator(Nat::full_cone().block_udp());
    assert_eq!(closed.outbound(at(1), inside(), peers()[0]), None);
}

#[test]
fn a_full_table_gives_nothing_and_heals_as_mappings_die() {
    let mut nat = translator(Nat::symmetric().lifetime(Duration::from_secs(10)).contiguous_ports());
    let peer = |n: u32| SocketAddr::new(IpAddr::from(n.to_be_bytes()), 1);
    let count = u32::try_from(limits::SIM_NAT_MAPPINGS).unwrap();
    assert!((0..count).all(|n| nat.outbound(at(1), inside(), peer(n)).is_some()));
    assert_eq!(nat.outbound(at(1), inside(), peer(count)), None);
    assert!(nat.outbound(at(20), inside(), peer(count)).is_some());
}
