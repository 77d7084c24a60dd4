//! Peers with foreign manners, and what ours makes of them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::wildcard_enum_match_arm, reason = "most events are of no matter to a test")]

#[path = "sim_foreign/stack.rs"]
mod stack;

use antiphon::data::{DataChannelInit, Message};
use antiphon::ice::IceConnectionState;
use antiphon::sim::{App, Chance, Fault, Foreign, HostId, Link, Manners, Network, Peers, ignore_events};
use antiphon::{Config, ConnectionState, DataChannelState, Event, Instant};
use core::time::Duration;
use std::net::SocketAddr;

fn link() -> Link {
    Link::new().delay(Duration::from_millis(25))
}

/// Our connection and a foreign one, in this order or the other; the first offers.
fn pair(manners: [Manners; 2], configs: [&Config; 2], link: &Link) -> (Network<Foreign>, [HostId; 2]) {
    let mut network = Network::new(3, link.clone());
    network.set_checks(true);
    let hosts = [0, 1].map(|side| {
        let address: SocketAddr = ([203, 0, 113, 1 + u8::try_from(side).unwrap()], 5000).into();
        let pc = network.peer(configs[side], &[address]).unwrap();
        network.add_host(Foreign::new(pc, manners[side]), &[address])
    });
    network.machine_mut(hosts[0]).pc().create_data_channel("chat", DataChannelInit::default()).unwrap();
    (network, hosts)
}

fn connects(manners: [Manners; 2], configs: [&Config; 2], link: &Link) -> (Network<Foreign>, [HostId; 2]) {
    let (mut network, hosts) = pair(manners, configs, link);
    let mut peers = Peers::new(ignore_events::<Foreign>).pair(hosts[0], hosts[1]);
    network.run_for(Duration::from_secs(20), &mut peers);
    for host in hosts {
        let pc = network.machine_mut(host).pc();
        assert_eq!(pc.connection_state(), ConnectionState::Connected, "{host}, {manners:?}");
        assert_eq!(pc.ice_connection_state(), IceConnectionState::Completed, "{host}, {manners:?}");
        let id = pc.data_channels()[0];
        assert_eq!(pc.data_channel(id).unwrap().ready_state(), DataChannelState::Open, "{host}");
    }
    (network, hosts)
}

/// Both orders, over a good and a bad network.
fn connects_either_way(foreign: Manners) {
    let (ours, config) = (Manners::new(), Config::new());
    let lossy = link().loss(Chance::percent(10)).jitter(Duration::from_millis(30));
    for link in [link(), lossy] {
        connects([ours, foreign], [&config; 2], &link);
        connects([foreign, ours], [&config; 2], &link);
    }
}

#[test]
fn an_aggressive_nominator_is_followed_to_one_pair() {
    connects_either_way(Manners::new().nominates_aggressively());
}

#[test]
fn both_ends_stay_on_one_pair_when_every_check_nominates() {
    let manners = [Manners::new().nominates_aggressively(), Manners::new()];
    let (mut network, hosts) = connects(manners, [&Config::new(); 2], &link());
    let paths = hosts.map(|host| network.machine_mut(host).pc().active_path().unwrap());
    assert_eq!((paths[0].local, paths[0].remote), (paths[1].remote, paths[1].local));
}

#[test]
fn a_client_hello_in_two_datagrams_is_put_together() {
    connects_either_way(Manners::new().splits_hello());
    connects_either_way(Manners::new().splits_hello().nominates_aggressively());
}

#[test]
fn a_lite_peer_is_connected_to_from_either_side() {
    let (lite, full) = (Config::new().ice_lite(true), Config::new());
    let ours = [Manners::new(); 2];
    for configs in [[&lite, &full], [&full, &lite]] {
        let (mut network, hosts) = pair(ours, configs, &link());
        let mut peers = Peers::new(ignore_events::<Foreign>).pair(hosts[0], hosts[1]);
        network.run_for(Duration::from_secs(90), &mut peers);
        for host in hosts {
            assert_eq!(network.machine_mut(host).pc().connection_state(), ConnectionState::Connected);
        }
    }
}

#[test]
fn a_peer_that_is_silent_after_dtls_costs_little_and_is_left_when_it_goes() {
    let manners = [Manners::new(), Manners::new().silent_after_dtls()];
    let (mut network, hosts) = pair(manners, [&Config::new(); 2], &link());
    let mut peers = Peers::new(ignore_events::<Foreign>).pair(hosts[0], hosts[1]).without_restarts();
    network.run_for(Duration::from_secs(60), &mut peers);
    let before = network.counters(hosts[0]);
    network.run_for(Duration::from_secs(600), &mut peers);
    let after = network.counters(hosts[0]);
    let pc = network.machine_mut(hosts[0]).pc();
    assert_eq!(pc.connection_state(), ConnectionState::Connected, "consent is given");
    let id = pc.data_channels()[0];
    assert_eq!(pc.data_channel(id).unwrap().ready_state(), DataChannelState::Connecting);
    // Consent, its answers, and an INIT each RTO.max (60 s at most).
    let sent = after.sent - before.sent;
    assert!(sent < 600 / 2, "{sent} datagrams in ten minutes");
    network.inject(Fault::partition(hosts[0], hosts[1]));
    network.run_for(Duration::from_secs(60), &mut peers);
    assert_eq!(network.machine_mut(hosts[0]).pc().connection_state(), ConnectionState::Failed);
}

/// Sends messages that may be given up, and says when the channel went.
#[derive(Default)]
struct Sender {
    closed: Option<Instant>,
    refused: bool,
}

impl App<stack::Node> for Sender {
    fn on_event(&mut self, now: Instant, _: HostId, node: &mut stack::Node, event: Event) {
        let stack::Node::Ours(pc) = node else { return };
        match event {
            Event::DataChannelOpen(id) | Event::DataChannelBufferedAmountLow(id) => {
                let Some(mut channel) = pc.data_channel(id) else { return };
                while channel.can_send() && channel.buffered_amount() < 100_000 {
                    if channel.send(now, &Message::binary(vec![1; 3000])).is_err() {
                        self.refused = true;
                        break;
                    }
                }
            }
            Event::DataChannelClose(_) => self.closed = Some(now),
            _ => {}
        }
    }
}

/// Some stacks abort the association when a FORWARD-TSN comes that they do not expect.
#[test]
fn a_peer_that_aborts_on_forward_tsn_ends_the_channels_and_nothing_hangs() {
    let (mut network, hosts) = stack::world(&link().loss(Chance::percent(20)), true);
    let init = DataChannelInit { max_retransmits: Some(0), ..DataChannelInit::default() };
    let id = network.machine_mut(hosts[0]).pc().create_data_channel("lossy", init).unwrap();
    stack::negotiate(&mut network, hosts);
    let mut sender = Sender::default();
    network.run_for(Duration::from_secs(60), &mut sender);
    assert!(network.machine(hosts[1]).aborted(), "a FORWARD-TSN came");
    assert!(sender.closed.is_some(), "the channel's end was reported");
    let pc = network.machine_mut(hosts[0]).pc();
    let state = pc.data_channel(id).map(|channel| channel.ready_state());
    assert!(state.is_none_or(|state| state == DataChannelState::Closed), "{state:?}");
    assert!(pc.stats(Instant::MAX).sctp.queued_bytes == 0);
    let before = network.counters(hosts[0]).sent;
    network.run_for(Duration::from_secs(60), &mut sender);
    assert!(network.counters(hosts[0]).sent - before < 60, "only consent goes on");
}

#[test]
fn a_stack_of_machines_without_our_descriptions_connects_and_takes_partial_messages() {
    let (mut network, hosts) = stack::world(&link().loss(Chance::percent(20)), false);
    let init = DataChannelInit { max_retransmits: Some(0), ..DataChannelInit::default() };
    network.machine_mut(hosts[0]).pc().create_data_channel("lossy", init).unwrap();
    stack::negotiate(&mut network, hosts);
    let mut sender = Sender::default();
    network.run_for(Duration::from_secs(30), &mut sender);
    let stats = network.machine_mut(hosts[0]).pc().stats(Instant::MAX);
    assert!(stats.sctp.messages_abandoned > 0 && sender.closed.is_none());
    assert!(network.machine(hosts[1]).messages() > 10, "{} messages", network.machine(hosts[1]).messages());
}
