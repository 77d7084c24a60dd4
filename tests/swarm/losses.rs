//! L8, exhaustively: every set of up to three losses among the first forty datagrams of a direction; and by chance, three in ten. L1: how
//! long it takes where nothing is lost.
//!
//! A loss at a position that is not reached before the goal is changes nothing about when that is. So a set is run only
//! if each of its positions is reached in the run of those before it; every other is equal to one that was run.

use antiphon::sim::{Chance, HostId, Link, Network, Peers, ignore_events};
use antiphon::{Config, ConnectionState, DataChannelInit, DataChannelState, PeerConnection};
use core::time::Duration;

/// Positions among which the losses are.
const FIRST: u64 = 40;
/// Losses of one set at most.
const LOSSES: usize = 3;
/// What L8 allows a handshake at a round trip of 50 ms.
const HANDSHAKE: Duration = Duration::from_millis(1500);
/// Until the channel is open too: SCTP's own timers double from 400 ms (RFC 9260 §6.3).
const CHANNEL: Duration = Duration::from_millis(2400);

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goal {
    /// ICE and DTLS have done on both sides.
    Connected,
    /// A channel is open on both sides.
    Open,
}

impl Goal {
    fn is_reached(self, pc: &mut PeerConnection) -> bool {
        let connected = pc.connection_state() == ConnectionState::Connected;
        let channel = pc.data_channels().first().copied();
        let mut open = || {
            let channel = channel.and_then(|id| pc.data_channel(id));
            channel.is_some_and(|channel| channel.ready_state() == DataChannelState::Open)
        };
        connected && (self == Self::Connected || open())
    }
}

/// What the runs of one direction came to.
#[derive(Debug, Default)]
struct Tally {
    /// Sets that were run.
    runs: u64,
    /// Sets that these stand for.
    sets: u64,
    slowest: Duration,
    /// The set that was.
    slowest_set: Vec<u64>,
}

/// How long until the goal is reached where `lost` of what `direction` sends is lost, and how much it had sent by then.
fn connect(goal: Goal, direction: usize, lost: &[u64]) -> (Duration, u64) {
    let link = Link::new().delay(Duration::from_millis(25));
    let lossy = link.clone().drop_exactly(lost);
    let (took, sent) = connect_over(goal, 8, &link, &[(direction, lossy)]);
    (took, sent[direction])
}

/// The same with another seed, over links that are bad in these directions.
fn connect_over(goal: Goal, seed: u64, link: &Link, bad: &[(usize, Link)]) -> (Duration, [u64; 2]) {
    let mut network = Network::new(seed, link.clone());
    let hosts: [HostId; 2] = ["203.0.113.1:5000", "203.0.113.2:5000"]
        .map(|address| network.add_peer(&Config::new(), &[address.parse().unwrap()]).unwrap());
    network.machine_mut(hosts[0]).create_data_channel("chat", DataChannelInit::default()).unwrap();
    for (direction, bad) in bad {
        network.set_link(hosts[*direction], hosts[1 - direction], bad.clone());
    }
    let mut peers = Peers::new(ignore_events::<PeerConnection>).pair(hosts[0], hosts[1]);
    let start = network.now();
    let limit = start + Duration::from_secs(60);
    let done = network.run_while(limit, &mut peers, |network| {
        !hosts.iter().all(|host| goal.is_reached(network.machine_mut(*host)))
    });
    let took = network.now().saturating_duration_since(start);
    (if done { took } else { Duration::MAX }, hosts.map(|host| network.counters(host).sent))
}

/// How many sets of up to `most` positions there are among `positions`.
fn subsets(positions: u64, most: usize) -> u64 {
    let mut choose = 1;
    let mut sum = 1;
    for size in 1..=most as u64 {
        choose = if size > positions { 0 } else { choose * (positions - size + 1) / size };
        sum += choose;
    }
    sum
}

/// Runs the set `lost` and every one that adds later positions to it.
fn explore(goal: Goal, direction: usize, lost: &mut Vec<u64>, tally: &mut Tally) {
    let (took, sent) = connect(goal, direction, lost);
    tally.runs += 1;
    if took > tally.slowest {
        tally.slowest = took;
        tally.slowest_set.clone_from(lost);
    }
    let from = lost.last().map_or(0, |last| last + 1);
    let reached = sent.clamp(from, FIRST);
    let left = LOSSES - lost.len();
    // This set, and those with further positions that are not reached: all like this run.
    tally.sets += subsets(FIRST - reached, left);
    if left == 0 {
        return;
    }
    for position in from..reached {
        lost.push(position);
        explore(goal, direction, lost, tally);
        lost.pop();
    }
}

fn hold(goal: Goal, bound: Duration) {
    for direction in 0..2 {
        let mut tally = Tally::default();
        explore(goal, direction, &mut Vec::new(), &mut tally);
        println!(
            "L8 {goal:?}, direction {direction}: {} sets by {} runs, slowest {:?} with {:?} lost",
            tally.sets, tally.runs, tally.slowest, tally.slowest_set
        );
        assert_eq!(tally.sets, subsets(FIRST, LOSSES), "every set is accounted for");
        within("L8", tally.slowest, bound, &tally.slowest_set);
    }
}

/// L8.
pub(crate) fn within(id: &str, took: Duration, bound: Duration, lost: &[u64]) {
    assert!(took <= bound, "{id}: {took:?} with {lost:?} lost, {bound:?} allowed");
}

/// Runs that stand for chance.
const CHANCES: u64 = 500;

#[test]
fn l8_where_three_in_ten_are_lost_ninety_nine_in_a_hundred_connect_within_five_seconds() {
    let link = Link::new().delay(Duration::from_millis(25)).loss(Chance::percent(30));
    let mut times: Vec<Duration> =
        (0..CHANCES).map(|seed| connect_over(Goal::Connected, seed, &link, &[]).0).collect();
    times.sort_unstable();
    let at = |hundredths: usize| times[times.len() * hundredths / 100 - 1];
    println!(
        "L8 at 30 % loss: median {:?}, 95 % {:?}, 99 % {:?}, slowest {:?}",
        at(50),
        at(95),
        at(99),
        at(100)
    );
    within("L8", at(99), Duration::from_secs(5), &[]);
}

#[test]
fn l1_without_a_loss_four_round_trips_connect() {
    let (took, _) = connect(Goal::Connected, 0, &[]);
    within("L1", took, Duration::from_millis(4 * 50 + 10), &[]);
}

#[test]
fn sets_are_counted() {
    assert_eq!(subsets(40, 3), 1 + 40 + 780 + 9880);
    assert_eq!(subsets(2, 3), 4);
    assert_eq!(subsets(0, 3), 1);
}

#[test]
fn l8_any_three_losses_leave_the_handshake_within_a_second_and_a_half() {
    hold(Goal::Connected, HANDSHAKE);
}

#[test]
fn l8_any_three_losses_leave_an_open_channel_within_its_bound() {
    hold(Goal::Open, CHANNEL);
}
