//! Whole connections over a bad virtual network, seed by seed.
//!
//! Each seed chooses the faults, the settings and the work. While the faults last nothing wrong may arrive: every
//! channel that is reliable and ordered delivers its messages exactly once and in order, every other a legal subset.
//! Once the network heals, all that was promised must arrive. `ANTIPHON_SEEDS` says how many seeds are run,
//! `ANTIPHON_SEED` names one.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "seeds come from outside, failures name theirs, and a test may panic, its helpers too"
)]

use antiphon::base::bitrate::Bitrate;
use antiphon::data::{ChannelId, DataChannelInit, Message};
use antiphon::sim::{Chance, Dice, HostId, Link, Network, deterministic, replay_seed, seed};
use antiphon::{Config, Event, Instant, LocalCandidate, OfferOptions, PeerConnection, SessionDescription};
use bytes::{BufMut, BytesMut};
use core::time::Duration;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};

#[path = "swarm/losses.rs"]
mod losses;

const UNIX_TIME: Duration = Duration::from_secs(1_790_000_000);

/// What a channel promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Promise {
    OrderedReliable,
    UnorderedReliable,
    OrderedPartial,
    UnorderedPartial,
}

impl Promise {
    const ALL: [Self; 4] =
        [Self::OrderedReliable, Self::UnorderedReliable, Self::OrderedPartial, Self::UnorderedPartial];

    fn init(self) -> DataChannelInit {
        let mut init = DataChannelInit::default();
        init.ordered = matches!(self, Self::OrderedReliable | Self::OrderedPartial);
        if matches!(self, Self::OrderedPartial | Self::UnorderedPartial) {
            init.max_retransmits = Some(1);
        }
        init
    }

    const fn reliable(self) -> bool {
        matches!(self, Self::OrderedReliable | Self::UnorderedReliable)
    }

    const fn ordered(self) -> bool {
        matches!(self, Self::OrderedReliable | Self::OrderedPartial)
    }
}

/// What one direction of a channel was given and what came out: the numbers of the messages.
#[derive(Debug, Default)]
struct Ledger {
    sent: u64,
    received: Vec<u64>,
}

impl Ledger {
    /// Holds at any time.
    fn check(&self, promise: Promise) {
        if promise.ordered() {
            assert!(self.received.is_sorted_by(|a, b| a < b), "order: {:?}", self.received);
        }
        let mut sorted = self.received.clone();
        sorted.sort_unstable();
        let all = sorted.len();
        sorted.dedup();
        assert_eq!(sorted.len(), all, "a message arrived twice");
        assert!(sorted.last().is_none_or(|last| *last < self.sent), "a message was never sent");
        if promise == Promise::OrderedReliable {
            assert!(self.received.iter().copied().eq(0..all as u64), "a gap in a reliable ordered channel");
        }
    }

    /// Holds once the network has healed.
    fn check_complete(&self, promise: Promise) {
        self.check(promise);
        if promise.reliable() {
            assert_eq!(self.received.len() as u64, self.sent, "reliable messages are missing");
        }
    }
}

/// The bytes of message `number`: their length and content follow from the number.
fn message(number: u64, largest: u64) -> Message {
    let len = Dice::new(number ^ 0x5eed).below(largest.max(1));
    let mut data = BytesMut::new();
    data.put_u64(number);
    for index in 0..len {
        data.put_u8(u8::try_from((number + index) % 251).unwrap());
    }
    Message { binary: true, data: data.freeze() }
}

/// The applications of both ends.
struct Apps {
    promises: BTreeMap<(usize, ChannelId), usize>,
    channels: Vec<(Promise, [Option<ChannelId>; 2])>,
    ledgers: Vec<[Ledger; 2]>,
    labels: usize,
    largest: u64,
}

impl Apps {
    fn on_event(&mut self, _now: Instant, host: HostId, pc: &mut PeerConnection, event: &Event) {
        let side = host.index();
        match event {
            Event::DataChannel(id) => {
                let index: usize = pc.data_channel(*id).unwrap().label().parse().unwrap();
                self.channels[index].1[side] = Some(*id);
                self.promises.insert((side, *id), index);
                self.labels += 1;
            }
            Event::DataChannelReadable(id) => {
                let index = self.promises[&(side, *id)];
                let ledger = &mut self.ledgers[index][1 - side];
                let mut channel = pc.data_channel(*id).unwrap();
                while let Some(got) = channel.recv() {
                    let number = u64::from_be_bytes(*got.data.first_chunk().unwrap());
                    assert_eq!(got, message(number, self.largest), "the bytes of message {number}");
                    ledger.received.push(number);
                }
            }
            _ => {}
        }
    }
}

/// The faults of a seed.
fn bad_link(dice: &mut Dice) -> Link {
    let ms = |dice: &mut Dice, most: u64| Duration::from_millis(dice.below(most));
    let mut link = Link::new().delay(ms(dice, 150));
    if dice.below(2) == 0 {
        link = link.jitter(ms(dice, 60));
    }
    if dice.below(3) > 0 {
        link = link.loss(Chance::percent(u32::try_from(dice.below(25)).unwrap()));
    }
    if dice.below(2) == 0 {
        link = link.reorder(Chance::percent(u32::try_from(dice.below(30)).unwrap()), ms(dice, 100));
    }
    if dice.below(3) == 0 {
        link = link.duplicate(Chance::percent(u32::try_from(dice.below(20)).unwrap()));
    }
    if dice.below(3) == 0 {
        link = link.rate(Bitrate::from_bps(200_000 + dice.below(20_000_000)), 4000 + dice.below(100_000));
    }
    link
}

fn addresses() -> [SocketAddr; 2] {
    ["10.0.0.1:5000".parse().unwrap(), "10.0.0.2:5000".parse().unwrap()]
}

fn connection(run: u64, side: usize, mtu: usize, now: Instant) -> PeerConnection {
    let certificate =
        antiphon::crypto::Certificate::generate(&seed(run, 10 + side as u64), UNIX_TIME).unwrap();
    let config = Config::new().certificate(deterministic(certificate)).mtu(mtu);
    let mut pc = PeerConnection::new(now, UNIX_TIME, seed(run, side as u64), &config).unwrap();
    pc.add_local_candidate(LocalCandidate::udp(addresses()[side])).unwrap();
    pc
}

fn travel(description: &SessionDescription) -> SessionDescription {
    SessionDescription::parse(description.kind(), &description.to_sdp()).unwrap()
}

fn signal(offerer: &mut PeerConnection, answerer: &mut PeerConnection) {
    let offer = offerer.create_offer(&OfferOptions::default()).unwrap();
    offerer.set_local_description(Some(offer)).unwrap();
    answerer.set_remote_description(travel(offerer.local_description().unwrap())).unwrap();
    let answer = answerer.create_answer().unwrap();
    answerer.set_local_description(Some(answer)).unwrap();
    offerer.set_remote_description(travel(answerer.local_description().unwrap())).unwrap();
}

/// One run. Returns its trace hash.
fn run(run: u64) -> u64 {
    let mut dice = Dice::new(run);
    let (there, back) = (bad_link(&mut dice), bad_link(&mut dice));
    let mtu = [1200, 576, 1400][usize::try_from(dice.below(3)).unwrap()];
    let mut network = Network::new(dice.draw(), Link::new());
    network.start_trace();
    let now = network.now();
    let [mut a, mut b] = [0, 1].map(|side| connection(run, side, mtu, now));
    let count = 1 + usize::try_from(dice.below(5)).unwrap();
    let mut apps = Apps {
        promises: BTreeMap::new(),
        channels: Vec::new(),
        ledgers: Vec::new(),
        labels: 0,
        largest: [100, 2000, 40_000][usize::try_from(dice.below(3)).unwrap()],
    };
    for index in 0..count {
        let promise = Promise::ALL[(usize::try_from(dice.below(4)).unwrap() * usize::from(index > 0)) % 4];
        let id = a.create_data_channel(&index.to_string(), promise.init()).unwrap();
        apps.channels.push((promise, [Some(id), None]));
        apps.promises.insert((0, id), index);
        apps.ledgers.push(Default::default());
    }
    signal(&mut a, &mut b);
    let hosts = [network.add_host(a, &addresses()[..1]), network.add_host(b, &addresses()[1..])];
    network.set_link(hosts[0], hosts[1], there);
    network.set_link(hosts[1], hosts[0], back);

    // The phase of faults: messages at random instants, one partition.
    let partition = dice.below(200);
    for tick in 0..200 {
        if tick == partition {
            let held = [bad_link(&mut dice), bad_link(&mut dice)];
            network.set_link_both(hosts[0], hosts[1], &Link::blocked());
            let pause = Duration::from_millis(dice.below(4000));
            network.run_for(pause, &mut |now: Instant,
                                         host: HostId,
                                         pc: &mut PeerConnection,
                                         event: Event| {
                apps.on_event(now, host, pc, &event);
            });
            let [there, back] = held;
            network.set_link(hosts[0], hosts[1], there);
            network.set_link(hosts[1], hosts[0], back);
        }
        send_some(&mut network, hosts, &mut apps, &mut dice);
        network.run_for(
            Duration::from_millis(dice.below(100)),
            &mut |now: Instant, host: HostId, pc: &mut PeerConnection, event: Event| {
                apps.on_event(now, host, pc, &event)
            },
        );
        for (index, ledgers) in apps.ledgers.iter().enumerate() {
            ledgers.iter().for_each(|ledger| ledger.check(apps.channels[index].0));
        }
    }

    // The healed network: all that was promised arrives.
    network.set_link_both(hosts[0], hosts[1], &Link::new().delay(Duration::from_millis(20)));
    network.run_for(
        Duration::from_secs(90),
        &mut |now: Instant, host: HostId, pc: &mut PeerConnection, event: Event| {
            apps.on_event(now, host, pc, &event)
        },
    );
    assert_eq!(apps.labels, count, "channels announced");
    for (index, ledgers) in apps.ledgers.iter().enumerate() {
        ledgers.iter().for_each(|ledger| ledger.check_complete(apps.channels[index].0));
    }
    network.trace_hash().unwrap()
}

fn send_some(network: &mut Network<PeerConnection>, hosts: [HostId; 2], apps: &mut Apps, dice: &mut Dice) {
    for (index, (_, ids)) in apps.channels.iter().enumerate() {
        for side in 0..2 {
            if dice.below(3) > 0 {
                continue;
            }
            let now = network.host_now(hosts[side]);
            let Some(id) = ids[side] else { continue };
            let Some(mut channel) = network.machine_mut(hosts[side]).data_channel(id) else { continue };
            let ledger = &mut apps.ledgers[index][side];
            for _ in 0..dice.below(4) {
                if channel.can_send() && channel.send(now, &message(ledger.sent, apps.largest)).is_ok() {
                    ledger.sent += 1;
                }
            }
        }
    }
}

/// The seeds to run: one that is named, or so many.
fn seeds() -> Vec<u64> {
    if let Some(one) = std::env::var("ANTIPHON_SEED").ok().and_then(|text| replay_seed(&text)) {
        return vec![one];
    }
    let count = std::env::var("ANTIPHON_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(20);
    let mut dice = Dice::new(0xa27_1f0);
    (0..count).map(|_| dice.draw()).collect()
}

fn each_seed(test: &str, check: impl Fn(u64)) {
    for run in seeds() {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(run))) {
            eprintln!("replay: ANTIPHON_SEED={run:#x} cargo test --test swarm -- --exact {test}");
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn channels_keep_their_promises() {
    each_seed("channels_keep_their_promises", |seed| {
        run(seed);
    });
}

#[test]
fn a_seed_is_one_run() {
    let seed = seeds()[0];
    assert_eq!(run(seed), run(seed));
}
