//! What a seed stands for: settings, a network, what goes wrong and what is done, all as values that can be taken away
//! one by one.

use antiphon::base::bitrate::Bitrate;
use antiphon::data::DataChannelInit;
use antiphon::sim::{Chance, Dice, Link, Manners, Polls};
use core::time::Duration;

use super::film::Show;
use super::site::Site;

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// One side's settings.
#[derive(Clone, Debug)]
pub(crate) struct Knobs {
    pub(crate) mtu: usize,
    pub(crate) window: usize,
    pub(crate) message: usize,
    pub(crate) buffered: usize,
    pub(crate) channels: usize,
    pub(crate) pacing: Option<Duration>,
    pub(crate) lite: bool,
    pub(crate) manners: Manners,
    pub(crate) skew_ppm: i32,
    pub(crate) ahead: Duration,
    pub(crate) polls: Polls,
}

/// Something that goes wrong. Sides are 0, the offerer, and 1.
#[derive(Clone, Debug)]
pub(crate) enum Wrong {
    Partition(Duration),
    Clog(usize, Duration),
    Suspend {
        side: usize,
        time: Duration,
        clock_stops: bool,
    },
    Freeze(usize, Duration),
    Clock {
        side: usize,
        forward: bool,
        by: Duration,
    },
    Rebind(usize),
    /// Another link from this side.
    Link(usize, Box<Link>),
    /// Bytes of this side's datagrams are changed for a time: not before DTLS is up, unless the plan is reckless.
    Harm(usize, Duration),
    /// The side's address changes.
    Roam(usize),
    /// The side has no interface for a time.
    Airplane(usize, Duration),
    /// An unauthenticated flood reaches this side.
    Junk(usize, u64),
}

/// What a channel promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Promise {
    pub(crate) ordered: bool,
    pub(crate) retransmits: Option<u16>,
    pub(crate) life_time: Option<Duration>,
}

impl Promise {
    pub(crate) const fn reliable(self) -> bool {
        self.retransmits.is_none() && self.life_time.is_none()
    }

    pub(crate) fn init(self, protocol: &str) -> DataChannelInit {
        DataChannelInit {
            ordered: self.ordered,
            max_retransmits: self.retransmits,
            max_packet_life_time: self.life_time,
            protocol: protocol.to_owned(),
            ..DataChannelInit::default()
        }
    }

    fn draw(dice: &mut Dice) -> Self {
        let ordered = dice.below(2) == 0;
        let (retransmits, life_time) = match dice.below(5) {
            0 => (Some(u16::try_from(dice.below(3)).unwrap()), None),
            1 => (None, Some(ms(dice.below(800)))),
            _ => (None, None),
        };
        Self { ordered, retransmits, life_time }
    }
}

/// Something the applications do.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Opens a channel of that number.
    Open {
        side: usize,
        channel: usize,
        promise: Promise,
    },
    /// Sends so many messages of up to so many bytes.
    Send {
        side: usize,
        channel: usize,
        count: u64,
        largest: u64,
    },
    /// Keeps the channel's buffer full until so many bytes have gone.
    Bulk {
        side: usize,
        channel: usize,
        bytes: u64,
    },
    Close {
        side: usize,
        channel: usize,
    },
    Restart(usize),
    /// Stops reading, or goes on.
    Read(usize, bool),
    /// Something with sound or pictures.
    Film(usize, Take),
    /// Ends the connection.
    ClosePc(usize),
}

/// Something the applications do with sound and pictures.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Take {
    /// Adds a stream of that number, and shoots.
    Shoot { stream: usize, show: Show },
    /// Forwards another layer of what the other shoots.
    Layer { stream: usize, layer: usize },
    /// Stops sending, or goes on, by way of an offer.
    Mute { stream: usize, mute: bool },
    /// Numbers of packets leap by so much, if the other end has all up to now: who misses more than half of them cannot know how often they
    /// have rolled over (RFC 3711 §3.3.1).
    Leap { stream: usize, by: u16 },
}

/// A whole run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) knobs: [Knobs; 2],
    pub(crate) site: Site,
    pub(crate) links: [Link; 2],
    pub(crate) signalling: Link,
    pub(crate) burst: usize,
    pub(crate) wrongs: Vec<(Duration, Wrong)>,
    pub(crate) acts: Vec<(Duration, Act)>,
    /// How long the phase of faults lasts.
    pub(crate) faulty: Duration,
    /// Bytes may be changed while the handshake is in the clear: it may fail then.
    pub(crate) reckless: bool,
}

/// One in so many.
pub(crate) fn one_in(dice: &mut Dice, n: u64) -> bool {
    dice.below(n) == 0
}

pub(crate) fn pick<T: Clone>(dice: &mut Dice, from: &[T]) -> T {
    from[usize::try_from(dice.below(from.len() as u64)).unwrap()].clone()
}

pub(crate) fn side(dice: &mut Dice) -> usize {
    usize::from(one_in(dice, 2))
}

fn percent(dice: &mut Dice, most: u64) -> Chance {
    Chance::percent(u32::try_from(dice.below(most)).unwrap())
}

impl Knobs {
    /// Everything by default.
    pub(crate) fn plain() -> Self {
        Self {
            mtu: 1200,
            window: 5 << 20,
            message: 256 << 10,
            buffered: 1 << 20,
            channels: 1024,
            pacing: None,
            lite: false,
            manners: Manners::new(),
            skew_ppm: 0,
            ahead: ms(10_000_000),
            polls: Polls::prompt(),
        }
    }

    fn draw(dice: &mut Dice) -> Self {
        let (window, message) =
            pick(dice, &[(5 << 20, 256 << 10), (5 << 20, 256 << 10), (64 << 10, 16 << 10)]);
        let mut polls = Polls::prompt();
        if one_in(dice, 4) {
            polls = polls.late(ms(dice.below(30)));
        }
        if one_in(dice, 4) {
            polls = polls.early();
        }
        if one_in(dice, 8) {
            polls = polls.tick(ms(16));
        }
        let mut manners = Manners::new();
        if one_in(dice, 8) {
            manners = manners.nominates_aggressively();
        }
        if one_in(dice, 8) {
            manners = manners.splits_hello();
        }
        Self {
            mtu: pick(dice, &[1200, 1200, 1200, 576, 1400, 300]),
            window,
            message,
            buffered: pick(dice, &[1 << 20, 1 << 20, 16 << 10, 1]),
            channels: pick(dice, &[1024, 1024, 40]),
            pacing: one_in(dice, 4).then(|| ms(20)),
            lite: false,
            manners,
            skew_ppm: if one_in(dice, 2) { i32::try_from(dice.below(1001)).unwrap() - 500 } else { 0 },
            // Far enough from its epoch to be set back.
            ahead: ms(10_000_000 + dice.below(10_000_000)),
            polls,
        }
    }
}

/// The faults of a link.
fn bad_link(dice: &mut Dice) -> Link {
    let mut link = Link::new().delay(ms(dice.below(150)));
    if one_in(dice, 2) {
        link = link.jitter(ms(dice.below(60)));
    }
    if one_in(dice, 2) {
        link = link.loss(percent(dice, 30));
    }
    if one_in(dice, 4) {
        link = link.bursty_loss(Chance::percent(2), Chance::percent(20), percent(dice, 101));
    }
    if one_in(dice, 6) {
        link = link.outages(ms(10_000), ms(50 + dice.below(200)));
    }
    if one_in(dice, 2) {
        link = link.reorder(percent(dice, 30), ms(dice.below(100)));
    }
    if one_in(dice, 4) {
        link = link.overtake(percent(dice, 20), 1 + u32::try_from(dice.below(8)).unwrap());
    }
    if one_in(dice, 3) {
        link = link.duplicate(percent(dice, 20)).duplicate_within(ms(pick(dice, &[10, 1000, 30_000])));
    }
    if one_in(dice, 3) {
        link = link.rate(Bitrate::from_bps(200_000 + dice.below(20_000_000)), 4000 + dice.below(200_000));
        if one_in(dice, 2) {
            link = link.codel(ms(5), ms(100));
        }
    }
    if one_in(dice, 10) {
        link = pick(dice, &[link.clone().mtu(1100), link.mtu(576)]);
    }
    if one_in(dice, 8) {
        link = link.mark(percent(dice, 100));
    }
    link
}

impl Wrong {
    /// How long it goes on by itself.
    pub(crate) const fn lasts(&self) -> Duration {
        match self {
            Self::Partition(time)
            | Self::Clog(_, time)
            | Self::Freeze(_, time)
            | Self::Suspend { time, .. }
            | Self::Harm(_, time)
            | Self::Airplane(_, time) => *time,
            Self::Clock { .. } | Self::Rebind(_) | Self::Link(..) | Self::Roam(_) | Self::Junk(..) => {
                Duration::ZERO
            }
        }
    }

    fn draw(dice: &mut Dice) -> Self {
        let whose = side(dice);
        match dice.below(14) {
            0 | 1 => Self::Partition(ms(dice.below(6000))),
            2 | 3 => Self::Clog(whose, ms(dice.below(4000))),
            4 => {
                let most = pick(dice, &[5000, 60_000]);
                let time = ms(dice.below(most));
                Self::Suspend { side: whose, time, clock_stops: one_in(dice, 2) }
            }
            5 => {
                let most = pick(dice, &[200, 8000, 200, 8000, 300_000]);
                Self::Freeze(whose, ms(dice.below(most)))
            }
            6 => {
                let most = pick(dice, &[2000, 600_000]);
                let by = ms(dice.below(most));
                Self::Clock { side: whose, forward: one_in(dice, 2), by }
            }
            7 => Self::Rebind(whose),
            8 | 9 => Self::Link(whose, Box::new(bad_link(dice))),
            10 | 11 => Self::Harm(whose, ms(dice.below(5000))),
            12 if one_in(dice, 2) => Self::Roam(whose),
            12 => Self::Airplane(whose, ms(dice.below(20_000))),
            _ => Self::Junk(whose, 1 + dice.below(50)),
        }
    }
}

/// What the applications do in one run.
struct Script<'a> {
    dice: &'a mut Dice,
    until: u64,
    acts: Vec<(Duration, Act)>,
    channels: usize,
}

impl Script<'_> {
    fn at(&mut self, from: u64) -> u64 {
        from + self.dice.below(self.until.saturating_sub(from).max(1))
    }

    fn act(&mut self, at: u64, act: Act) {
        self.acts.push((ms(at), act));
    }

    /// A new channel, opened by somebody.
    fn open(&mut self, at: u64, whose: usize, promise: Promise) -> usize {
        let channel = self.channels;
        self.channels += 1;
        self.act(at, Act::Open { side: whose, channel, promise });
        channel
    }

    fn chat(&mut self) {
        for _ in 0..=self.dice.below(4) {
            let (at, whose, promise) = (self.dice.below(500), side(self.dice), Promise::draw(self.dice));
            let channel = self.open(at, whose, promise);
            let largest = pick(self.dice, &[16, 200, 3000, 40_000]);
            for _ in 0..self.dice.below(60) {
                let (at, whose, count) = (self.at(at), side(self.dice), 1 + self.dice.below(4));
                self.act(at, Act::Send { side: whose, channel, count, largest });
            }
            if one_in(self.dice, 3) {
                let (at, whose) = (self.at(at), side(self.dice));
                self.act(at, Act::Close { side: whose, channel });
            }
        }
    }

    fn bulk(&mut self) {
        let promise = Promise { ordered: one_in(self.dice, 2), retransmits: None, life_time: None };
        let channel = self.open(0, 0, promise);
        for whose in 0..2 {
            let (at, bytes) = (self.at(0), self.dice.below(1_500_000));
            self.act(at, Act::Bulk { side: whose, channel, bytes });
        }
    }

    /// Hundreds of channels that come and go.
    fn churn(&mut self) {
        for _ in 0..self.dice.below(300) {
            let (at, whose, promise) = (self.at(0), side(self.dice), Promise::draw(self.dice));
            let channel = self.open(at, whose, promise);
            if one_in(self.dice, 2) {
                let (at, whose) = (self.at(at), side(self.dice));
                self.act(at, Act::Send { side: whose, channel, count: 2, largest: 300 });
            }
            if !one_in(self.dice, 4) {
                let (at, whose) = (self.at(at), side(self.dice));
                self.act(at, Act::Close { side: whose, channel });
            }
        }
    }

    /// Partial reliability under load.
    fn partial(&mut self) {
        for retransmits in [true, false] {
            let (few, short) = (self.dice.below(2), ms(self.dice.below(400)));
            let promise = Promise {
                ordered: one_in(self.dice, 2),
                retransmits: retransmits.then(|| u16::try_from(few).unwrap()),
                life_time: (!retransmits).then_some(short),
            };
            let whose = side(self.dice);
            let channel = self.open(0, whose, promise);
            for step in 0..60 {
                for whose in 0..2 {
                    let at = step * self.until / 60;
                    self.act(at, Act::Send { side: whose, channel, count: 6, largest: 2500 });
                }
            }
        }
    }

    fn restarts(&mut self) {
        for _ in 0..=self.dice.below(3) {
            let (at, whose) = (self.at(0), side(self.dice));
            self.act(at, Act::Restart(whose));
        }
    }

    /// Sound and pictures, with layers that are switched, numbers that roll over, and directions that change.
    fn films(&mut self) {
        for stream in 0..=usize::try_from(self.dice.below(3)).unwrap() {
            let (at, whose) = (self.dice.below(800), side(self.dice));
            let show =
                pick(self.dice, &[Show::Sound, Show::Pictures, Show::Pictures, Show::Layers, Show::Leaps]);
            self.act(at, Act::Film(whose, Take::Shoot { stream, show }));
            if show == Show::Layers {
                for _ in 0..self.dice.below(8) {
                    let (at, layer) = (self.at(at), usize::from(one_in(self.dice, 2)));
                    self.act(at, Act::Film(1 - whose, Take::Layer { stream, layer }));
                }
            }
            if show == Show::Leaps {
                for _ in 0..20 {
                    let (at, by) = (self.at(at), pick(self.dice, &[100, 2500, 16_000, 30_000]));
                    self.act(at, Act::Film(whose, Take::Leap { stream, by }));
                }
            }
            if one_in(self.dice, 3) {
                let from = self.at(at);
                let to = self.at(from);
                self.act(from, Act::Film(whose, Take::Mute { stream, mute: true }));
                self.act(to, Act::Film(whose, Take::Mute { stream, mute: false }));
            }
        }
    }

    fn slow_reader(&mut self) {
        let whose = side(self.dice);
        let from = self.at(0);
        let to = self.at(from);
        self.act(from, Act::Read(whose, false));
        self.act(to, Act::Read(whose, true));
    }
}

fn script(dice: &mut Dice, until: Duration) -> Vec<(Duration, Act)> {
    let until = u64::try_from(until.as_millis()).unwrap();
    let mut script = Script { dice, until, acts: Vec::new(), channels: 0 };
    match script.dice.below(8) {
        0..=2 => script.chat(),
        3 => script.bulk(),
        4 => script.churn(),
        5 => script.partial(),
        6 => {
            script.chat();
            script.bulk();
        }
        _ => {
            script.partial();
            script.churn();
        }
    }
    if script.channels == 0 {
        let promise = Promise::draw(script.dice);
        script.open(0, 0, promise);
    }
    if one_in(script.dice, 3) {
        script.restarts();
    }
    if one_in(script.dice, 4) {
        script.slow_reader();
    }
    if one_in(script.dice, 3) {
        script.films();
    }
    if one_in(script.dice, 6) {
        let (at, whose) = (script.at(0), side(script.dice));
        script.act(at, Act::ClosePc(whose));
    }
    let mut acts = script.acts;
    acts.sort_by_key(|(at, _)| *at);
    acts
}

impl Plan {
    /// No faults: two channels of one kind, messages both ways for five seconds.
    pub(crate) fn calm(promise: Promise) -> Self {
        let good = || Link::new().delay(ms(20));
        let mut acts: Vec<(Duration, Act)> =
            (0..2).map(|channel| (ms(0), Act::Open { side: channel, channel, promise })).collect();
        for step in 0..20 {
            let act = |side| Act::Send { side, channel: 0, count: 3, largest: 2000 };
            acts.extend((0..2).map(|side| (ms(500 + step * 200), act(side))));
        }
        Self {
            seed: 77,
            knobs: [Knobs::plain(), Knobs::plain()],
            site: Site::open(),
            links: [good(), good()],
            signalling: Link::new(),
            burst: 1,
            wrongs: Vec::new(),
            acts,
            faulty: ms(5000),
            reckless: false,
        }
    }

    /// A calm run with sound and pictures of every kind.
    pub(crate) fn premiere() -> Self {
        let mut plan = Self::calm(Promise { ordered: true, retransmits: None, life_time: None });
        let shows = [Show::Sound, Show::Pictures, Show::Layers, Show::Leaps];
        let takes = shows.into_iter().enumerate().map(|(stream, show)| Take::Shoot { stream, show });
        plan.acts.splice(0..0, takes.enumerate().map(|(index, take)| (ms(0), Act::Film(index % 2, take))));
        plan
    }

    /// What the seed says.
    pub(crate) fn draw(seed: u64) -> Self {
        let dice = &mut Dice::new(seed);
        let faulty = ms(4000 + dice.below(16_000));
        let mut knobs = [Knobs::draw(dice), Knobs::draw(dice)];
        let site = Site::draw(dice);
        if site.asks() {
            // The rewritten checks nominate, but the agent behind them does not know: with several pairs it would choose
            // another than the one it has nominated.
            for knobs in &mut knobs {
                knobs.manners = Manners::new();
            }
        } else if one_in(dice, 8) {
            knobs[1].lite = true;
        }
        let calm = one_in(dice, 10);
        let links = [0, 1].map(|_| if calm { Link::new().delay(ms(20)) } else { bad_link(dice) });
        let mut signalling = Link::new();
        if one_in(dice, 2) {
            signalling = signalling.delay(ms(dice.below(400))).reorder(percent(dice, 50), ms(300));
            signalling = signalling.duplicate(percent(dice, 30)).duplicate_within(ms(2000));
        }
        let count = if calm { 0 } else { dice.below(8) };
        let span = u64::try_from(faulty.as_millis()).unwrap();
        let mut wrongs: Vec<(Duration, Wrong)> =
            (0..count).map(|_| (ms(dice.below(span)), Wrong::draw(dice))).collect();
        wrongs.sort_by_key(|(at, _)| *at);
        let burst = pick(dice, &[1, 1, 16]);
        let acts = script(dice, faulty);
        let reckless = one_in(dice, 20);
        if reckless && one_in(dice, 2) {
            let harm = Wrong::Harm(side(dice), ms(dice.below(3000)));
            wrongs.push((ms(dice.below(300)), harm));
            wrongs.sort_by_key(|(at, _)| *at);
        }
        Self { seed, knobs, site, links, signalling, burst, wrongs, acts, faulty, reckless }
    }
}
