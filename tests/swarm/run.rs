//! One run of a plan: faults and work, then a healed network, then rest, then the end. What is wrong panics with the name of the
//! invariant in front.

use antiphon::sim::{Chance, Clock, Dice, Fault, HostId, Link, NatId, Network, Peers};
use antiphon::{Config, ConnectionState, Failure, Instant, Path, PeerConnection, SignalingState};
use core::fmt::Write as _;
use core::time::Duration;
use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::crowd::{Crowd, Tamper, is_empty, were_refused};
use super::end::{End, Sabotage};
use super::film::Show;
use super::model::LATENESS;
use super::plan::{Act, Knobs, Plan, Promise, Take, Wrong, ms};
use super::site::{STUN, Site};
use super::watch::{View, Watch, accepted_once, accounts, one_session, same_keys};

/// From the healing of the network until everything that was promised is there: consent that ends (30 s) and a restart, or the longest
/// timers that a silence of the fault phase has left (60 s), and the work itself.
const PROGRESS: Duration = Duration::from_secs(150);
/// What is sent on a healthy network of 40 ms round trips arrives within this, acknowledgements kept back and a tick included.
/// Up to 72 kB in packets of 300 bytes, from a window of one packet and with a round trip to forget that was one of the faults.
const SOON: Duration = Duration::from_secs(3);
/// Rest in which only consent and heartbeats may happen.
const REST: Duration = Duration::from_secs(120);
/// Wakes of a host at rest: consent each 4 to 6 s and its answers' timers, a heartbeat each 30 s (T6: one in 2.5 s).
const WAKES: u64 = 48;
/// Datagrams of a host at rest: consent, answers, heartbeats and their answers.
const DATAGRAMS: u64 = 80;

/// Reports of a host at rest about media it has heard, one in 2.5 s at most (RFC 3550 §6.2).
const REPORTS: u64 = 48;

/// What a run came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) hash: u64,
    pub(crate) crowd: Crowd,
    /// How long the healed network took.
    pub(crate) progress: Duration,
    pub(crate) wakes: u64,
    pub(crate) datagrams: u64,
    pub(crate) faults: u64,
    pub(crate) acts: u64,
    pub(crate) virtual_time: Duration,
    pub(crate) ended: &'static str,
}

/// What is deliberately broken in a run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Defects {
    pub(crate) sabotage: [Option<Sabotage>; 2],
    pub(crate) tamper: Option<Tamper>,
    /// The same, of frames.
    pub(crate) tamper_frames: Option<Tamper>,
    /// The network has no NATs, whatever the plan says.
    pub(crate) leaky_nats: bool,
    /// Not a defect: messages must be in time from the beginning, as where nothing but loss is wrong.
    pub(crate) punctual: Option<Duration>,
    /// Not a defect: tells what happens.
    pub(crate) loud: bool,
}

pub(crate) struct Run<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) network: Network<End>,
    pub(crate) peers: Peers<Crowd>,
    pub(crate) hosts: [HostId; 2],
    /// What each camera had shot of each layer when pictures last had to flow.
    pub(crate) marks: BTreeMap<usize, [u32; 2]>,
    nats: [Option<NatId>; 2],
    addresses: [SocketAddr; 2],
    moves: u8,
    /// How far each clock was set back.
    behind: [Duration; 2],
    dice: Dice,
    outcome: Outcome,
    /// A question to a STUN server is among the datagrams.
    asks: bool,
}

fn config(plan: &Plan, side: usize) -> Config {
    let knobs: &Knobs = &plan.knobs[side];
    // Who forwards has room for what it is sent.
    let layers =
        |(_, act): &(Duration, Act)| matches!(act, Act::Film(_, Take::Shoot { show: Show::Layers, .. }));
    let widest = plan.knobs.iter().map(|knobs| knobs.mtu).max();
    let mtu = widest.filter(|_| plan.acts.iter().any(layers)).unwrap_or(knobs.mtu);
    let mut config = Config::new()
        .mtu(mtu)
        .receive_window(knobs.window)
        .max_message_size(knobs.message)
        .max_buffered_amount(knobs.buffered)
        .max_data_channels(knobs.channels)
        .ice_lite(knobs.lite);
    if let Some(pacing) = knobs.pacing {
        config = config.ice_pacing(pacing);
    }
    config
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan, defects: Defects) -> Self {
        let mut network: Network<End> = Network::new(plan.seed, Link::new().delay(ms(20)));
        network.set_checks(true);
        network.start_trace();
        network.set_burst(plan.burst);
        network.set_signalling(&plan.signalling);
        let open = Site::open();
        let site = if defects.leaky_nats { &open } else { &plan.site };
        let sites = site.settle(&mut network);
        let nats = sites.each_ref().map(|site| site.nat);
        let addresses = sites.each_ref().map(|site| site.addresses[0]);
        let hosts = [0, 1].map(|side| {
            let (knobs, site) = (&plan.knobs[side], &sites[side]);
            let config = config(plan, side);
            let make = |pc| End::new(pc, knobs.manners, defects.sabotage[side]);
            let host = if let Some(nat) = site.nat {
                let end = make(network.peer_behind(nat, &config, &site.addresses).unwrap());
                network.add_host_behind(nat, end, &site.addresses)
            } else {
                let end = make(network.peer(&config, &site.addresses).unwrap());
                network.add_host(end, &site.addresses)
            };
            network.set_clock(host, Clock::new().ahead(knobs.ahead).skew_ppm(knobs.skew_ppm));
            network.set_polls(host, knobs.polls);
            host
        });
        let mut crowd = Crowd::default();
        crowd.lateness = defects.punctual.unwrap_or(LATENESS);
        crowd.healthy = defects.punctual.map(|_| Duration::ZERO);
        crowd.reckless = plan.reckless;
        crowd.tamper = defects.tamper;
        crowd.tamper_frames = defects.tamper_frames;
        crowd.loud = defects.loud;
        crowd.datagrams = std::env::var("ANTIPHON_LOUD").is_ok_and(|how| how == "datagrams");
        crowd.longest = plan.knobs.iter().map(|knobs| knobs.message).min().unwrap_or(0) as u64 - 32;
        crowd.watch.lite = [plan.knobs[0].lite, plan.knobs[1].lite];
        let asks = plan.site.asks();
        let mut peers = Peers::new(crowd).pair(hosts[0], hosts[1]);
        if asks {
            peers = peers.stun(STUN);
        }
        for side in 0..2 {
            network.set_link(hosts[side], hosts[1 - side], plan.links[side].clone());
        }
        let dice = Dice::new(plan.seed ^ 0x0dd5);
        Self {
            plan,
            network,
            peers,
            hosts,
            marks: BTreeMap::new(),
            nats,
            addresses,
            moves: 0,
            behind: [Duration::ZERO; 2],
            dice,
            outcome: Outcome::default(),
            asks,
        }
    }

    pub(crate) fn since_epoch(&self) -> Duration {
        Duration::from_nanos(self.network.now().as_nanos())
    }

    /// Runs until `limit` or `done`; whether it was done.
    pub(crate) fn run(&mut self, limit: Instant, mut done: impl FnMut(&mut Self) -> bool) -> bool {
        // Who was called is polled now, and what it sends is due before what was.
        self.peers.app.now = self.since_epoch();
        self.network.run_until(self.network.now(), &mut self.peers);
        loop {
            if done(self) {
                return true;
            }
            let next = self.network.next_due().unwrap_or(limit).min(limit).max(self.network.now());
            self.peers.app.now = Duration::from_nanos(next.as_nanos());
            if !self.network.step(limit, &mut self.peers) {
                self.network.run_until(limit, &mut self.peers);
                return done(self);
            }
        }
    }

    pub(crate) fn run_for(&mut self, time: Duration) {
        let limit = self.network.now() + time;
        self.run(limit, |_| false);
        self.look();
    }

    /// The checkers that need no datagram.
    fn look(&mut self) {
        for side in 0..2 {
            let now = self.network.host_now(self.hosts[side]);
            let pc = self.network.machine(self.hosts[side]).view();
            pc.inside().data.association().check();
            let stats = pc.stats(now);
            self.peers.app.watch.stats(side, stats);
        }
        for side in 0..2 {
            let other = self.network.machine(self.hosts[1 - side]).view().inside().data.stats();
            were_refused(side, self.peers.app.refused[side], other.drops.too_many_channels);
        }
        same_keys(self.hosts.map(|host| self.network.machine(host).view()));
        self.look_at_screens();
    }

    fn state(&self, side: usize) -> ConnectionState {
        self.network.machine(self.hosts[side]).view().connection_state()
    }

    fn both(&self, state: ConnectionState) -> bool {
        [0, 1].iter().all(|side| self.state(*side) == state)
    }

    /// DTLS is over by an error, as bytes changed in the clear may bring about.
    fn dtls_failed(&self) -> bool {
        self.hosts
            .iter()
            .any(|host| matches!(self.network.machine(*host).view().failure(), Some(Failure::Dtls(_))))
    }

    /// Bytes of a handshake were changed, and it ended as it must: at once, or when a flight that was harmed was answered at last.
    fn is_harmed(&self) -> bool {
        self.plan.reckless && self.dtls_failed()
    }

    pub(crate) fn act(&mut self, act: &Act) {
        self.outcome.acts += 1;
        let nows = self.hosts.map(|host| self.network.host_now(host));
        let side = match *act {
            Act::Open { side, .. }
            | Act::Send { side, .. }
            | Act::Bulk { side, .. }
            | Act::Close { side, .. }
            | Act::Restart(side)
            | Act::Read(side, _)
            | Act::ClosePc(side) => side,
            Act::Film(side, take) => return self.film(side, take),
        };
        // The other is not called, only lent.
        let crowd = &mut self.peers.app;
        crowd.now = Duration::from_nanos(self.network.now().as_nanos());
        let end = self.network.machine_mut(self.hosts[side]);
        crowd.told_time = false;
        crowd.act(nows[side], side, end.pc(), act);
        if crowd.told_time {
            end.was_told(nows[side]);
        }
    }

    fn go_wrong(&mut self, wrong: &Wrong) {
        self.outcome.faults += 1;
        if self.peers.app.loud {
            println!("{:>12.6} {wrong:?}", self.since_epoch().as_secs_f64());
        }
        let hosts = self.hosts;
        let fault = match wrong {
            Wrong::Partition(time) => Fault::partition(hosts[0], hosts[1]).lasting(*time),
            Wrong::Clog(side, time) => Fault::clog(hosts[*side], hosts[1 - *side]).lasting(*time),
            Wrong::Suspend { side, time, clock_stops: true } => {
                Fault::suspend_with_clock(hosts[*side], *time)
            }
            Wrong::Suspend { side, time, clock_stops: false } => Fault::suspend(hosts[*side], *time),
            Wrong::Freeze(side, time) => Fault::freeze(hosts[*side], *time),
            Wrong::Clock { side, forward: true, by } => Fault::clock_forward(hosts[*side], *by),
            Wrong::Clock { side, forward: false, by } => {
                self.behind[*side] += *by;
                Fault::clock_back(hosts[*side], *by)
            }
            Wrong::Rebind(side) => match self.nats[*side] {
                Some(nat) => Fault::rebind(nat),
                None => return,
            },
            Wrong::Link(side, link) => Fault::link(hosts[*side], hosts[1 - *side], (**link).clone()),
            Wrong::Harm(side, time) => {
                if !self.plan.reckless && !self.both(ConnectionState::Connected) {
                    return;
                }
                let harmful = self.plan.links[*side].clone().corrupt(Chance::percent(10));
                let harmful = harmful.truncate(Chance::percent(5)).extend(Chance::percent(5));
                Fault::link(hosts[*side], hosts[1 - *side], harmful).lasting(*time)
            }
            Wrong::Roam(side) => return self.roam(*side),
            Wrong::Airplane(side, time) => {
                Fault::interface_down(hosts[*side], self.addresses[*side]).lasting(*time)
            }
            Wrong::Junk(side, count) => return self.litter(*side, *count),
        };
        self.network.inject(fault);
    }

    fn roam(&mut self, side: usize) {
        if self.plan.knobs[side].lite {
            return;
        }
        self.moves += 1;
        let old = self.addresses[side];
        let mut new = old;
        new.set_port(old.port() + u16::from(self.moves));
        self.addresses[side] = new;
        self.network.inject(Fault::address_change(self.hosts[side], old, new));
    }

    /// Bytes nobody authenticated, as from the peer.
    fn litter(&mut self, side: usize, count: u64) {
        if self.asks {
            return;
        }
        let path = Path::udp(self.addresses[1 - side], self.addresses[side]);
        for _ in 0..count {
            let len = 1 + usize::try_from(self.dice.below(200)).unwrap();
            let mut data: Vec<u8> = (0..len).map(|_| self.dice.draw().to_le_bytes()[0]).collect();
            data[0] =
                [0, 1, 20, 21, 22, 23, 63, 64, 128, 200, 255][usize::try_from(self.dice.below(11)).unwrap()];
            self.network.send(self.hosts[1 - side], path, &data);
        }
    }

    /// The phase of faults.
    fn suffer(&mut self) {
        let start = self.network.now();
        let mut wrongs = self.plan.wrongs.iter().peekable();
        let mut acts = self.plan.acts.iter().peekable();
        loop {
            let wrong_at = wrongs.peek().map(|(at, _)| *at);
            let act_at = acts.peek().map(|(at, _)| *at);
            let Some(at) = wrong_at.into_iter().chain(act_at).min() else { break };
            let limit = start + at;
            self.run(limit, |_| false);
            if wrong_at == Some(at)
                && let Some((_, wrong)) = wrongs.next()
            {
                self.go_wrong(wrong);
            } else if let Some((_, act)) = acts.next() {
                self.act(act);
            }
            self.look();
        }
        // Whoever sleeps wakes before the network is said to have healed.
        let ends = self.plan.wrongs.iter().map(|(at, wrong)| *at + wrong.lasts()).max();
        let end = start + self.plan.faulty.max(ends.unwrap_or_default());
        self.run(end, |_| false);
        let patience = self.network.now() + Duration::from_secs(600);
        self.run(patience, |run| run.hosts.iter().all(|host| run.network.is_awake(*host)));
    }

    fn heal(&mut self) {
        if self.peers.app.loud {
            println!("{:>12.6} the network heals", self.since_epoch().as_secs_f64());
        }
        for side in 0..2 {
            let other = 1 - side;
            let good = Link::new().delay(ms(20));
            self.network.inject(Fault::link(self.hosts[side], self.hosts[other], good));
            self.network.inject(Fault::unclog(self.hosts[side], self.hosts[other]));
            self.network.inject(Fault::clock_forward(self.hosts[side], self.behind[side]));
            self.network.inject(Fault::interface_up(self.hosts[side], self.addresses[side]));
            self.act(&Act::Read(side, true));
        }
        self.unmute();
        self.mark();
        self.network.inject(Fault::heal(self.hosts[0], self.hosts[1]));
        self.network.set_signalling(&Link::new().delay(ms(50)));
    }

    /// On a healthy network with nothing left over: what is sent arrives soon.
    fn converse(&mut self) {
        self.peers.app.healthy.get_or_insert(self.since_epoch());
        let open = self.peers.app.channels.iter().filter(|(_, channel)| channel.is_open());
        let open: Vec<usize> = open.map(|(number, _)| *number).take(12).collect();
        for channel in &open {
            for side in 0..2 {
                let sent = |run: &Self| run.peers.app.channels[channel].lanes[side].sent_count();
                self.peers.app.channels.get_mut(channel).unwrap().lanes[side].begin_healthy();
                let before = sent(self);
                self.act(&Act::Send { side, channel: *channel, count: 3, largest: 2000 });
                assert!(sent(self) > before, "L5: channel {channel} of end {side} is open and takes nothing");
            }
        }
        let done = self.run(self.network.now() + SOON, Self::is_done);
        assert!(done, "L5: {SOON:?} after messages on a healthy network: {}", self.missing());
        if self.peers.app.studio.is_on() {
            self.watch_films();
        }
    }

    fn finds_way(&self) -> bool {
        self.plan.site.finds_way()
    }

    /// Everything that was promised is there.
    fn is_done(&mut self) -> bool {
        if !self.both(ConnectionState::Connected) || !self.is_drained() || !self.pictures_flow() {
            return false;
        }
        if self.peers.app.channels.values().any(super::crowd::Channel::is_pushing) {
            return false;
        }
        // One that a side has no room for may be closed by its opener before it learns of that.
        let mut refused = self.hosts.map(|host| {
            let pc = self.network.machine(host).view();
            pc.inside().data.stats().drops.too_many_channels
        });
        self.peers.app.channels.values().all(|channel| {
            let closing = channel.asked_to_close.contains(&true);
            let settled = if closing { channel.closed == [true; 2] } else { channel.opened == [true; 2] };
            let fine = channel.dead || (settled && channel.lanes.iter().all(super::model::Lane::is_complete));
            let unknown = channel.unknown_to().filter(|side| refused[*side] > 0);
            if let Some(side) = unknown.filter(|_| !fine) {
                refused[side] -= 1;
            }
            fine || unknown.is_some()
        })
    }

    /// Nothing waits to be sent or to be acknowledged.
    fn is_drained(&self) -> bool {
        self.hosts.iter().all(|host| {
            let stats = self.network.machine(*host).view().inside().data.association().stats();
            stats.queued_bytes == 0 && stats.in_flight_bytes == 0
        })
    }

    /// Says what is missing, for the panic.
    fn missing(&self) -> String {
        let states = [0, 1].map(|side| self.state(side));
        let sctp = self.hosts.map(|host| {
            let sctp = self.network.machine(host).view().inside().data.association().stats();
            let (queued, in_flight) = (sctp.queued_bytes, sctp.in_flight_bytes);
            format!(
                "queued {queued}, in flight {in_flight}, cwnd {}, peer's window {}, srtt {:?}, rto {:?}",
                sctp.cwnd_bytes, sctp.peer_window_bytes, sctp.smoothed_rtt, sctp.rto
            )
        });
        let dropped = self.hosts.map(|host| {
            let whole = self.network.machine(host).view().stats(self.network.host_now(host));
            format!("{:?}, {:?}, {:?}", whole.datagrams, whole.dtls, whole.sctp.drops)
        });
        let mut text = format!("{states:?}, {sctp:?}, {dropped:?}");
        self.missing_pictures(&mut text);
        for (number, channel) in &self.peers.app.channels {
            let counts = channel.lanes.each_ref().map(|lane| (lane.received_count(), lane.sent_count()));
            let fine = channel.lanes.iter().all(super::model::Lane::is_complete);
            let settled = channel.dead || channel.closed == [true; 2] || channel.opened == [true; 2];
            if !fine || !settled {
                write!(
                    text,
                    "; channel {number}: {counts:?} {:?}, opened {:?}, asked to close {:?}, closed {:?}",
                    channel.promise, channel.opened, channel.asked_to_close, channel.closed
                )
                .unwrap();
            }
        }
        text
    }

    /// L1, L5: progress within its bound.
    fn recover(&mut self) {
        let start = self.network.now();
        let done = self.run(start + PROGRESS, Self::is_done);
        self.look();
        self.outcome.progress = self.network.now().saturating_duration_since(start);
        if !done && !self.is_harmed() {
            let id = match self.both(ConnectionState::Connected) {
                false => "L1",
                true if !self.pictures_flow() => "L4",
                true => "L5",
            };
            panic!("{id}: {PROGRESS:?} after the network healed: {}", self.missing());
        }
    }

    /// What the ends can know of their path.
    fn view(&self) -> View {
        // A nominator of RFC 5245 goes on with better pairs than its first; ours, made to look like one, does not.
        let contested =
            self.plan.knobs.iter().any(|knobs| knobs.manners == knobs.manners.nominates_aggressively());
        match self.asks {
            true => View::Translated,
            false if contested => View::Contested,
            false => View::Same,
        }
    }

    /// A2: nothing is left in the buffers of what is open.
    fn empties(&mut self) {
        let channels = &self.peers.app.channels;
        let open = channels.iter().filter(|(_, channel)| channel.is_open());
        for (number, channel) in open {
            for side in 0..2 {
                let pc = self.network.machine_mut(self.hosts[side]).pc();
                let handle = channel.id(side).and_then(|id| pc.data_channel(id));
                is_empty(*number, handle.map_or(0, |handle| handle.buffered_amount()));
            }
        }
    }

    /// T6, L6, S10, S11: at rest only consent and heartbeats happen.
    fn rest(&mut self) {
        // Packets of media that will never come are asked for again for half a minute.
        self.run_for(Duration::from_secs(if self.peers.app.studio.is_on() { 45 } else { 15 }));
        self.empties();
        let ends = self.hosts.map(|host| self.network.machine(host).view());
        Watch::agreement(ends, self.view());
        one_session(ends);
        let before = self.hosts.map(|host| self.network.counters(host));
        self.run_for(REST);
        // Who has heard media reports on it for as long as its source is known.
        let media = self.peers.app.studio.is_on();
        let (most_wakes, most_datagrams) =
            if media { (WAKES + REPORTS, DATAGRAMS + REPORTS) } else { (WAKES, DATAGRAMS) };
        for (side, before) in before.iter().enumerate() {
            let after = self.network.counters(self.hosts[side]);
            let wakes = after.alarms - before.alarms;
            let datagrams = after.sent - before.sent;
            self.outcome.wakes = self.outcome.wakes.max(wakes);
            self.outcome.datagrams = self.outcome.datagrams.max(datagrams);
            assert!(wakes <= most_wakes, "T6: end {side} woke {wakes} times in {REST:?} of rest");
            assert!(
                datagrams <= most_datagrams,
                "L6: end {side} sent {datagrams} datagrams in {REST:?} of rest"
            );
        }
    }

    /// S6: a close is said once and is final at both ends.
    fn part(&mut self) {
        let closer = usize::from(self.dice.below(2) == 0);
        self.act(&Act::ClosePc(closer));
        self.run_for(Duration::from_secs(40));
        assert!(
            self.state(closer) == ConnectionState::Closed,
            "S6: end {closer} is {:?}",
            self.state(closer)
        );
        let other = self.state(1 - closer);
        let knows = [ConnectionState::Closed, ConnectionState::Failed, ConnectionState::Disconnected];
        assert!(knows.contains(&other), "L5: end {} has not learned of the end: {other:?}", 1 - closer);
    }

    /// S8, A1, A3.
    fn reckon(&mut self) {
        let stats = self.hosts.map(|host| {
            let now = self.network.host_now(host);
            self.network.machine(host).view().stats(now)
        });
        for side in 0..2 {
            accepted_once(&stats[side], &stats[1 - side], self.peers.app.watch.heard(side));
        }
        self.reckon_media(&stats);
        if self.asks || self.plan.wrongs.iter().any(|(_, wrong)| matches!(wrong, Wrong::Junk(..))) {
            return;
        }
        let counters = self.hosts.map(|host| self.network.counters(host));
        let sum = |of: fn(&antiphon::sim::Counters) -> u64| counters.iter().map(of).sum::<u64>();
        let lost = sum(|c| c.lost + c.overflowed + c.unroutable + c.filtered);
        let on_way = self.network.in_flight() as u64;
        accounts(sum(|c| c.sent), sum(|c| c.duplicated), sum(|c| c.delivered), lost, on_way);
        let drawn: u64 = stats.iter().map(|stats| stats.datagrams.sent).sum();
        let heard: u64 = stats.iter().map(|stats| stats.datagrams.received).sum();
        let splits = self.plan.knobs.iter().any(|knobs| knobs.manners != antiphon::sim::Manners::new());
        assert!(splits || drawn == sum(|c| c.sent), "A3: {drawn} drawn of {} sent", sum(|c| c.sent));
        let late = self.peers.app.pc_closed.contains(&true);
        let delivered = sum(|c| c.delivered);
        assert!(
            heard == delivered || (late && heard < delivered),
            "A3: {heard} heard of {delivered} delivered"
        );
    }

    fn play(&mut self) {
        let start = self.network.now();
        self.suffer();
        self.heal();
        self.outcome.ended = self.conclude();
        self.reckon();
        self.outcome.virtual_time = self.network.now().saturating_duration_since(start);
    }

    /// Whether a side has learned that the other is gone; or it waits for a description that will not come, which
    /// only signalling could tell it.
    fn is_over(&self, side: usize) -> bool {
        let pc = self.network.machine(self.hosts[side]).view();
        let waits = pc.signaling_state() == SignalingState::HaveLocalOffer || pc.inside().dtls.is_none();
        waits || [ConnectionState::Closed, ConnectionState::Failed].contains(&pc.connection_state())
    }

    /// What must follow on a healed network; which kind of end it was.
    fn conclude(&mut self) -> &'static str {
        if self.is_harmed() {
            self.run_for(Duration::from_secs(60));
            return "handshake harmed";
        }
        if !self.finds_way() {
            self.run_for(Duration::from_secs(100));
            assert!(
                !self.peers.app.watch.was_connected(),
                "L3: connected where no path is: {:?}",
                self.plan.site
            );
            return "no path";
        }
        if self.peers.app.pc_closed.contains(&true) {
            let limit = self.network.now() + Duration::from_secs(60);
            let done = self.run(limit, |run| [0, 1].iter().all(|side| run.is_over(*side)));
            assert!(done, "L5: the end of one is not the end of the other: {}", self.missing());
            self.run_for(Duration::from_secs(60));
            return "closed early";
        }
        self.recover();
        if self.is_harmed() {
            return "handshake harmed";
        }
        // A path that was lost before the healing may be found out only now, and by one end alone: the one that restarts learns it from
        // its own consent checks, four of which have no answer.
        self.run_for(Duration::from_secs(27));
        self.converse();
        self.cut();
        self.rest();
        self.reckon();
        self.part();
        "whole"
    }
}

/// L3: where no path is, ICE fails no sooner than a check takes (RFC 8863 §4: 39.5 s), and not much later.
pub(crate) fn hold_silence(took: Duration) {
    let allowed = Duration::from_millis(39_500)..=Duration::from_secs(60);
    assert!(allowed.contains(&took), "L3: without a path ICE failed after {took:?}");
}

/// Two connected ends, to be looked at.
pub(crate) fn with_connected(look: impl FnOnce([&PeerConnection; 2])) {
    let plan = Plan::calm(Promise { ordered: true, retransmits: None, life_time: None });
    let mut run = Run::new(&plan, Defects::default());
    run.suffer();
    look(run.hosts.map(|host| run.network.machine(host).view()));
}

/// The same with other keys.
pub(crate) fn with_another(look: impl FnOnce([&PeerConnection; 2])) {
    let mut plan = Plan::calm(Promise { ordered: true, retransmits: None, life_time: None });
    plan.seed += 1;
    let mut run = Run::new(&plan, Defects::default());
    run.suffer();
    look(run.hosts.map(|host| run.network.machine(host).view()));
}

/// Plays a plan.
///
/// # Panics
/// With the name of the invariant that does not hold.
pub(crate) fn play(plan: &Plan, defects: Defects) -> Outcome {
    let mut run = Run::new(plan, defects);
    run.play();
    let hash = run.network.trace_hash().unwrap_or(0);
    let crowd = run.peers.app;
    Outcome { hash, crowd, ..run.outcome }
}
