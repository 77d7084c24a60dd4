//! The same seed and the same calls give the same bytes: whole sessions, compared by the hash of every delivery.
//!
//! `tests/pinned_traces.txt` holds the hash of each session below. A change that means to alter what is on the wire writes the file anew with
//! `ANTIPHON_PIN=1 cargo test --test determinism pinned`; one that does not mean to has just been caught. The same list is checked in
//! debug and in release builds, which is how the two are held against each other.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::wildcard_enum_match_arm, reason = "most events are of no matter to an application")]
#![expect(clippy::disallowed_methods, reason = "the pinned list is written anew when asked from outside")]

#[path = "swarm/film.rs"]
#[expect(dead_code, reason = "the swarm has screens, which nobody watches here")]
mod film;
#[path = "determinism/media.rs"]
mod media;
#[path = "determinism/replay.rs"]
mod replay;

use antiphon::base::bitrate::Bitrate;
use antiphon::sim::{
    App, Chance, Clock, Dice, Fault, HostId, Link, Nat, Network, Notice, Peers, Polls, Signal, StunServer,
};
use antiphon::{
    Config, ConnectionState, DataChannelId, DataChannelInit, DataChannelState, Datagram, Event, Instant,
    Message, Path, PeerConnection,
};
use core::time::Duration;
use std::collections::BTreeMap;
use std::net::SocketAddr;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Sends so many messages on every channel that opens, both ways, and keeps what comes.
#[derive(Clone, Debug, Default)]
struct Chat {
    messages: u64,
    largest: u64,
    unsent: BTreeMap<(HostId, DataChannelId), u64>,
    got: BTreeMap<(HostId, DataChannelId), Vec<Message>>,
    /// A defect: what is said depends on everything that any host was told.
    gossips: bool,
    events: u64,
}

impl Chat {
    fn new(messages: u64, largest: u64) -> Self {
        Self { messages, largest, ..Self::default() }
    }

    fn speak(&mut self, now: Instant, host: HostId, pc: &mut PeerConnection, id: DataChannelId) {
        let Some(next) = self.unsent.get_mut(&(host, id)) else { return };
        let Some(mut channel) = pc.data_channel(id) else { return };
        while *next < self.messages {
            let gossip = if self.gossips { self.events } else { 0 };
            let len = Dice::new(*next ^ gossip).below(self.largest);
            let message =
                Message::binary(vec![u8::try_from(*next % 251).unwrap(); usize::try_from(len).unwrap()]);
            if channel.send(now, &message).is_err() {
                return;
            }
            *next += 1;
        }
    }
}

impl App<PeerConnection> for Chat {
    fn on_event(&mut self, now: Instant, host: HostId, pc: &mut PeerConnection, event: Event) {
        self.events += 1;
        match event {
            Event::DataChannel(id) | Event::DataChannelOpen(id) => {
                self.unsent.entry((host, id)).or_insert(0);
                self.speak(now, host, pc, id);
            }
            Event::DataChannelBufferedAmountLow(id) => self.speak(now, host, pc, id),
            Event::DataChannelReadable(id) => {
                let Some(mut channel) = pc.data_channel(id) else { return };
                let got = self.got.entry((host, id)).or_default();
                while let Some(message) = channel.recv() {
                    got.push(message);
                }
            }
            _ => {}
        }
    }
}

fn addresses() -> [SocketAddr; 2] {
    [1, 2].map(|n| ([203, 0, 113, n], 5000).into())
}

type World = (Network<PeerConnection>, Peers<Chat>, [HostId; 2]);

/// Two public peers; the first opens `channels`.
fn world(seed: u64, link: Link, config: &Config, channels: usize, chat: Chat) -> World {
    let mut network = Network::new(seed, link);
    let hosts = addresses().map(|address| network.add_peer(config, &[address]).unwrap());
    open_channels(&mut network, hosts[0], channels);
    network.start_trace();
    (network, Peers::new(chat).pair(hosts[0], hosts[1]), hosts)
}

fn open_channels(network: &mut Network<PeerConnection>, host: HostId, channels: usize) {
    for index in 0..channels {
        let init = DataChannelInit {
            ordered: index % 2 == 0,
            max_retransmits: (index % 3 == 2).then_some(1),
            ..DataChannelInit::default()
        };
        network.machine_mut(host).create_data_channel(&index.to_string(), init).unwrap();
    }
}

fn bad_link() -> Link {
    Link::new()
        .delay(ms(30))
        .jitter(ms(20))
        .loss(Chance::percent(5))
        .duplicate(Chance::percent(2))
        .reorder(Chance::percent(5), ms(40))
}

// -- whole sessions

fn quiet_session(seed: u64) -> u64 {
    let (mut network, mut peers, _) =
        world(seed, Link::new().delay(ms(25)), &Config::new(), 1, Chat::new(3, 100));
    network.run_for(Duration::from_secs(60), &mut peers);
    network.trace_hash().unwrap()
}

fn lossy_session(seed: u64) -> u64 {
    let (mut network, mut peers, hosts) = world(seed, bad_link(), &Config::new(), 4, Chat::new(60, 3000));
    // Not before the handshake is over: a flipped bit in the clear ends it, as it must.
    let harmful =
        bad_link().corrupt(Chance::percent(3)).truncate(Chance::percent(1)).extend(Chance::percent(1));
    network.after(ms(1500), Fault::link(hosts[0], hosts[1], harmful));
    network.run_for(Duration::from_secs(20), &mut peers);
    network.trace_hash().unwrap()
}

fn bulk_session(seed: u64) -> u64 {
    let link = Link::new().delay(ms(20)).rate(Bitrate::from_bps(20_000_000), 60_000).codel(ms(5), ms(100));
    let (mut network, mut peers, _) = world(seed, link, &Config::new(), 2, Chat::new(200, 16_000));
    network.run_for(Duration::from_secs(10), &mut peers);
    network.trace_hash().unwrap()
}

fn small_mtu_session(seed: u64) -> u64 {
    let config = Config::new().mtu(576).receive_window(64 * 1024).max_message_size(16_000);
    let (mut network, mut peers, _) = world(seed, bad_link().mtu(576), &config, 2, Chat::new(40, 9000));
    network.run_for(Duration::from_secs(20), &mut peers);
    network.trace_hash().unwrap()
}

fn restarted_session(seed: u64) -> u64 {
    let (mut network, mut peers, hosts) = world(seed, bad_link(), &Config::new(), 1, Chat::new(50, 2000));
    network.after(ms(1500), Fault::partition(hosts[0], hosts[1]).lasting(ms(800)));
    network.run_for(ms(2000), &mut peers);
    network.machine_mut(hosts[1]).restart_ice();
    network.run_for(Duration::from_secs(10), &mut peers);
    network.machine_mut(hosts[0]).close();
    network.run_for(Duration::from_secs(5), &mut peers);
    network.trace_hash().unwrap()
}

fn nat_session(seed: u64) -> u64 {
    let mut network = Network::new(seed, Link::new().delay(ms(20)));
    let stun = "203.0.113.9:3478".parse().unwrap();
    network.add_stun_server(stun, StunServer::new().slow(ms(30)));
    let nats = [Nat::restricted(), Nat::symmetric()];
    let mut n = 0_u8;
    let hosts = nats.map(|nat| {
        n += 1;
        let nat = network.add_nat(nat, &[[198, 51, 100, n].into()]);
        network.add_peer_behind(nat, &Config::new(), &[([192, 168, n, 2], 5000).into()]).unwrap()
    });
    network.set_clock(hosts[1], Clock::new().ahead(Duration::from_secs(77)).skew_ppm(300));
    network.set_polls(hosts[0], Polls::prompt().tick(ms(16)));
    open_channels(&mut network, hosts[0], 1);
    network.start_trace();
    let mut peers = Peers::new(Chat::new(20, 500)).pair(hosts[0], hosts[1]).stun(stun);
    network.run_for(Duration::from_secs(30), &mut peers);
    network.trace_hash().unwrap()
}

/// A name, and what runs the session of a seed and returns its hash.
type Session = (&'static str, fn(u64) -> u64);

const SESSIONS: [Session; 7] = [
    ("quiet", quiet_session),
    ("lossy", lossy_session),
    ("bulk", bulk_session),
    ("small_mtu", small_mtu_session),
    ("restarted", restarted_session),
    ("nat", nat_session),
    ("media", media::session),
];

#[test]
fn d1_two_runs_of_a_seed_are_one() {
    for (name, session) in SESSIONS {
        assert_eq!(session(3), session(3), "{name}");
        assert_ne!(session(3), session(4), "{name}: the seed decides");
    }
}

#[test]
fn d1_every_session_has_its_pinned_hash() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pinned_traces.txt");
    let line = |(name, session): &Session| -> Vec<String> {
        (1..=3).map(|seed| format!("{name} {seed} {:#018x}", session(seed))).collect()
    };
    let now: Vec<String> = SESSIONS.iter().flat_map(line).collect();
    if std::env::var("ANTIPHON_PIN").is_ok() {
        std::fs::write(file, now.join("\n") + "\n").unwrap();
        return;
    }
    let pinned = std::fs::read_to_string(file).unwrap();
    let pinned: Vec<&str> = pinned.lines().collect();
    assert_eq!(
        now, pinned,
        "what is on the wire changed; if that is meant: ANTIPHON_PIN=1 cargo test --test determinism pinned"
    );
}

/// D4: nothing global. One connection has the same bytes alone and beside a hundred others.
#[test]
fn d4_a_connection_is_the_same_beside_a_hundred_others() {
    let run = |others: u8, gossips: bool| {
        let mut network = Network::new(11, bad_link());
        let mut peers = Peers::new(Chat { gossips, ..Chat::new(20, 2000) });
        let mut pair = |n: u8| {
            let hosts = [1, 2].map(|side| {
                let address = ([10, n, 0, side], 5000).into();
                network.add_peer(&Config::new(), &[address]).unwrap()
            });
            open_channels(&mut network, hosts[0], 2);
            peers.add_pair(hosts[0], hosts[1]);
            hosts
        };
        for n in 1..=others / 2 {
            pair(n);
        }
        let watched = pair(200);
        for n in others / 2 + 1..=others {
            pair(n);
        }
        network.start_trace();
        network.run_for(Duration::from_secs(4), &mut peers);
        let connected = |host| network.machine(host).connection_state() == ConnectionState::Connected;
        assert!(network.hosts().all(connected));
        watched.map(|host| network.host_trace_hash(host).unwrap())
    };
    assert_eq!(run(0, false), run(100, false));
    // The comparison sees what it should: something that all have in common.
    assert_ne!(run(0, true), run(100, true));
}

/// D2, law 11: a fork of the whole world, taken anywhere, has the same future.
#[test]
fn d2_a_fork_at_any_instant_does_what_its_original_does() {
    let mut dice = Dice::new(0xf02c);
    for seed in 0..24 {
        let (mut network, mut peers, hosts) = world(seed, bad_link(), &Config::new(), 3, Chat::new(40, 3000));
        network.set_signalling(&Link::new().delay(ms(80)).jitter(ms(50)));
        network.run_for(Duration::from_micros(dice.below(3_000_000)), &mut peers);
        let (mut fork, mut lame) = ((network.fork(), peers.clone()), (network.fork(), peers.clone()));
        let mut ends = [(&mut network, &mut peers), (&mut fork.0, &mut fork.1)].map(|(network, peers)| {
            network.run_for(ms(400), peers);
            network.machine_mut(hosts[1]).restart_ice();
            network.run_for(Duration::from_secs(3), peers);
            (network.trace_hash(), network.now(), peers.app.got.clone())
        });
        let [original, fork] = &mut ends;
        assert!(original == fork, "law 11: seed {seed}");
        // The comparison sees what it should: one datagram that nobody sent in the other.
        lame.0.send(hosts[0], Path::udp(addresses()[0], addresses()[1]), b"\xff");
        lame.0.run_for(ms(3400), &mut lame.1);
        assert_ne!(lame.0.trace_hash(), original.0, "seed {seed}");
        assert!(!original.2.is_empty(), "seed {seed} got nowhere");
    }
}

/// What is observable of a connection from outside, apart from counters.
fn state(network: &mut Network<PeerConnection>, host: HostId) -> impl PartialEq + core::fmt::Debug + use<> {
    let pc = network.machine_mut(host);
    let channels: Vec<(Option<u16>, DataChannelState, usize)> = pc
        .data_channels()
        .into_iter()
        .map(|id| {
            let channel = pc.data_channel(id).unwrap();
            (channel.stream_id(), channel.ready_state(), channel.buffered_amount())
        })
        .collect();
    (pc.connection_state(), pc.ice_connection_state(), pc.signaling_state(), pc.active_path(), channels)
}

/// T4, law 12: what arrives together may be fed together.
#[test]
fn t4_datagrams_fed_together_deliver_what_they_deliver_one_by_one() {
    for seed in 0..12 {
        let run = |burst: usize| {
            let chat = Chat::new(60, 4000);
            let (mut network, mut peers, hosts) =
                world(seed, Link::new().delay(ms(20)), &Config::new(), 3, chat);
            network.set_burst(burst);
            // What is sent within 30 ms comes at once, again and again.
            let mut dice = Dice::new(seed);
            for _ in 0..40 {
                let (from, to) = if dice.below(2) == 0 { (0, 1) } else { (1, 0) };
                network.inject(Fault::clog(hosts[from], hosts[to]).lasting(ms(1 + dice.below(60))));
                network.run_for(ms(80), &mut peers);
            }
            network.run_for(Duration::from_secs(20), &mut peers);
            let states = hosts.map(|host| state(&mut network, host));
            (states, peers.app.got)
        };
        let (singles, batches) = (run(1), run(64));
        assert_eq!(singles.0, batches.0, "law 12: seed {seed}");
        // Channels with one retransmission may lose other messages; here nothing is lost.
        assert!(singles.1 == batches.1, "law 12: seed {seed}: other messages");
        assert!(singles.1.values().all(|got| got.len() == 60), "seed {seed}: all messages came");
    }
}

/// An application that does nothing but pass everything on, to see that the wrapper changes nothing.
struct Through<'a>(&'a mut Peers<Chat>);

impl App<PeerConnection> for Through<'_> {
    fn on_event(&mut self, now: Instant, host: HostId, pc: &mut PeerConnection, event: Event) {
        self.0.on_event(now, host, pc, event);
    }
    fn on_signal(&mut self, now: Instant, host: HostId, pc: &mut PeerConnection, signal: Signal<'_>) {
        self.0.on_signal(now, host, pc, signal);
    }
    fn on_notice(&mut self, now: Instant, host: HostId, pc: &mut PeerConnection, notice: Notice) {
        self.0.on_notice(now, host, pc, notice);
    }
    fn on_datagram(
        &mut self,
        now: Instant,
        host: HostId,
        pc: &mut PeerConnection,
        datagram: &Datagram<'_>,
    ) -> bool {
        self.0.on_datagram(now, host, pc, datagram)
    }
    fn poll_signal(&mut self, host: HostId) -> Option<(HostId, String)> {
        self.0.poll_signal(host)
    }
    fn poll_datagram(&mut self, host: HostId) -> Option<(Path, Vec<u8>)> {
        self.0.poll_datagram(host)
    }
}

/// T3, T5 and the log leave no trace: a run that is watched is the same run.
#[test]
fn watching_changes_nothing() {
    let run = |watched: bool| {
        let (mut network, mut peers, hosts) = world(5, bad_link(), &Config::new(), 2, Chat::new(30, 2000));
        network.set_checks(watched);
        if watched {
            network.start_log();
            for host in hosts {
                network.set_polls(host, Polls::prompt().early());
            }
        }
        network.run_for(Duration::from_secs(8), &mut Through(&mut peers));
        network.trace_hash()
    };
    assert_eq!(run(false), run(true));
}
