//! Where the two ends of a run are: in the open, behind NATs and firewalls, under one roof; and whether a direct path is there for them.

use antiphon::sim::{Dice, Filtering, Mapping, Nat, NatId, Network, StunServer, finds_direct_path};
use core::time::Duration;
use std::net::{IpAddr, SocketAddr};

use super::end::End;
use super::plan::{ms, one_in, pick, side};

/// The STUN server that those behind a NAT ask.
pub(crate) const STUN: SocketAddr =
    SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 9)), 3478);
/// Where a lying one says that everybody is: nobody is there.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 77)), 7777);

/// What the STUN server is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    Slow(Duration),
    Dead,
    Lying,
}

/// Where the ends are.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    /// The NAT or firewall that each is behind.
    pub(crate) doors: [Option<Nat>; 2],
    /// The provider's, which that one is behind.
    pub(crate) outer: [Option<Nat>; 2],
    /// Both are behind the first door.
    pub(crate) one_roof: bool,
    /// An end in the open has a second interface.
    pub(crate) wide: [bool; 2],
    /// Ends in the open have addresses of IPv6.
    pub(crate) v6: bool,
    pub(crate) server: Server,
}

/// Where an end has settled.
pub(crate) struct Settled {
    pub(crate) nat: Option<NatId>,
    pub(crate) addresses: Vec<SocketAddr>,
}

impl Site {
    /// Both in the open.
    pub(crate) const fn open() -> Self {
        Self {
            doors: [None, None],
            outer: [None, None],
            one_roof: false,
            wide: [false; 2],
            v6: false,
            server: Server::Slow(Duration::ZERO),
        }
    }

    pub(crate) fn draw(dice: &mut Dice) -> Self {
        let mut site = Self::open();
        if !one_in(dice, 3) {
            site.v6 = one_in(dice, 4);
            site.wide = [one_in(dice, 6), one_in(dice, 6)];
            return site;
        }
        site.doors = [one_in(dice, 2).then(|| door(dice)), Some(door(dice))];
        match dice.below(9) {
            0 => site.outer = [Some(door(dice)), Some(door(dice))],
            1 => site.outer[1] = Some(door(dice)),
            2 => {
                let roof = door(dice);
                site.doors[0] = Some(if one_in(dice, 2) { roof.hairpin() } else { roof });
                site.one_roof = true;
            }
            3 => site.doors[side(dice)] = Some(Nat::firewall(pick(dice, &FILTERS))),
            4 => site.doors = [0, 1].map(|_| Some(Nat::firewall(pick(dice, &FILTERS)))),
            5 => site.server = pick(dice, &[Server::Dead, Server::Lying]),
            6 => site.server = Server::Slow(ms(dice.below(3000))),
            7 if one_in(dice, 2) => site.doors[1] = Some(door(dice).block_udp()),
            _ => {}
        }
        site
    }

    /// The server is asked for addresses.
    pub(crate) fn asks(&self) -> bool {
        self.doors.iter().any(Option::is_some)
    }

    /// What an end is behind, as the other sees it: two NATs in a row are as strict as the stricter in each manner.
    fn seen(&self, side: usize) -> Option<Nat> {
        let door = self.doors[side].clone()?;
        let Some(outer) = &self.outer[side] else { return Some(door) };
        Some(Nat::new(door.mapping().max(outer.mapping()), door.filtering().max(outer.filtering())))
    }

    /// The oracle: whether a direct path exists.
    pub(crate) fn finds_way(&self) -> bool {
        if self.one_roof {
            return true;
        }
        let [a, b] = [self.seen(0), self.seen(1)];
        // Who does not learn its own address is found by one that needs not.
        let deaf = matches!(self.server, Server::Dead | Server::Lying);
        finds_direct_path(a.as_ref(), b.as_ref()) && (!deaf || a.is_none() || b.is_none())
    }

    /// Makes the NATs and says where both ends are.
    pub(crate) fn settle(&self, network: &mut Network<End>) -> [Settled; 2] {
        let server = StunServer::new();
        network.add_stun_server(
            STUN,
            match self.server {
                Server::Slow(delay) => server.slow(delay),
                Server::Dead => StunServer::dead(),
                Server::Lying => server.lie(NOWHERE),
            },
        );
        let mut roof = None;
        [0, 1].map(|side| {
            let n = u8::try_from(side).unwrap() + 1;
            let open = |n: u8| {
                let six = [0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(n)];
                let four = [203, 0, 113, 10 * n];
                SocketAddr::new(if self.v6 { six.into() } else { four.into() }, 5000)
            };
            let Some(door) = self.doors[side].as_ref() else {
                let second = self.wide[side].then(|| open(n + 2));
                return Settled { nat: None, addresses: [open(n)].into_iter().chain(second).collect() };
            };
            if let Some(nat) = roof.filter(|_| self.one_roof) {
                return Settled { nat: Some(nat), addresses: vec![([192, 168, 1, 9], 5000).into()] };
            }
            let public = [IpAddr::from([198, 51, 100, n])];
            let is_wall = *door == Nat::firewall(door.filtering());
            let nat = match &self.outer[side] {
                Some(outer) => {
                    let outer = network.add_nat(outer.clone(), &public);
                    network.add_nat_behind(outer, door.clone(), &[[100, 64, n, 7].into()])
                }
                None => network.add_nat(door.clone(), if is_wall { &[] } else { &public }),
            };
            roof = Some(nat);
            let address = if is_wall { open(n) } else { ([192, 168, n, 2], 5000).into() };
            Settled { nat: Some(nat), addresses: vec![address] }
        })
    }
}

const FILTERS: [Filtering; 3] =
    [Filtering::EndpointIndependent, Filtering::AddressDependent, Filtering::AddressAndPortDependent];

/// A NAT of any kind.
fn door(dice: &mut Dice) -> Nat {
    let mappings =
        [Mapping::EndpointIndependent, Mapping::AddressDependent, Mapping::AddressAndPortDependent];
    let mut nat =
        Nat::new(pick(dice, &mappings), pick(dice, &FILTERS)).lifetime(ms(30_000 + dice.below(300_000)));
    match dice.below(5) {
        0 => nat = nat.preserve_ports(),
        1 => nat = nat.contiguous_ports(),
        2 => nat = nat.keep_parity(),
        // Where each destination has a mapping of its own, ports that are all the same make one of them.
        3 if nat.mapping() == Mapping::EndpointIndependent => nat = nat.overload_ports(),
        _ => {}
    }
    if one_in(dice, 3) {
        nat = nat.refreshed_by_inbound();
    }
    nat
}

#[test]
fn the_oracle_sees_two_nats_as_the_stricter_one() {
    let (cone, symmetric) = (Nat::full_cone, Nat::symmetric);
    let mut site = Site { doors: [Some(cone()), Some(cone())], ..Site::open() };
    assert!(site.finds_way());
    site.outer = [Some(symmetric()), Some(symmetric())];
    assert!(!site.finds_way());
    site.one_roof = true;
    assert!(site.finds_way());
    let site = Site { doors: [None, Some(symmetric())], server: Server::Dead, ..Site::open() };
    assert!(site.finds_way());
    let site = Site { doors: [Some(cone()), Some(cone())], server: Server::Lying, ..Site::open() };
    assert!(!site.finds_way());
}
