//! Whole connections over a simulated network whose links, NATs, faults and applications the bytes decide, under the invariants of the
//! simulator's own runs (`tests/swarm`, `docs/simulation.md`).
//!
//! The input is the settings of both ends and the network, then faults and calls: `kind at a b c` each.
#![no_main]
// Shared with `tests/swarm`, where all of it is used.
#![allow(dead_code)]

#[path = "../../tests/swarm/coverage.rs"]
mod coverage;
#[path = "../../tests/swarm/crowd.rs"]
mod crowd;
#[path = "../../tests/swarm/end.rs"]
mod end;
#[path = "../../tests/swarm/film.rs"]
mod film;
#[path = "../../tests/swarm/model.rs"]
mod model;
#[path = "../../tests/swarm/plan.rs"]
mod plan;
#[path = "../../tests/swarm/run.rs"]
mod run;
#[path = "../../tests/swarm/screening.rs"]
mod screening;
#[path = "../../tests/swarm/site.rs"]
mod site;
#[path = "../../tests/swarm/studio.rs"]
mod studio;
#[path = "../../tests/swarm/tape.rs"]
mod tape;
#[path = "../../tests/swarm/watch.rs"]
mod watch;

use core::time::Duration;

use antiphon::base::bitrate::Bitrate;
use antiphon::sim::{Chance, Filtering, Link, Manners, Mapping, Nat, Polls};
use film::Show;
use libfuzzer_sys::fuzz_target;
use plan::{Act, Knobs, Plan, Promise, Take, Wrong, ms};
use run::{Defects, play};
use site::{Server, Site};

/// Who shoots what.
struct Films {
    streams: [(usize, Show); 3],
    count: usize,
}

/// Takes bytes from the front.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn number(&mut self) -> u64 {
        u64::from(self.byte())
    }

    fn bit(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[usize::from(self.byte()) % from.len()].clone()
    }

    fn chance(&mut self, most: u64) -> Chance {
        Chance::percent((self.number() * most / 256) as u32)
    }

    fn knobs(&mut self) -> Knobs {
        let bits = self.byte();
        let mut knobs = Knobs::plain();
        knobs.mtu = self.pick(&[1200, 576, 1400, 300]);
        if bits & 1 != 0 {
            (knobs.window, knobs.message) = (64 << 10, 16 << 10);
        }
        knobs.buffered = self.pick(&[1 << 20, 16 << 10, 1]);
        knobs.channels = if bits & 2 == 0 { 1024 } else { 40 };
        knobs.pacing = (bits & 4 != 0).then(|| ms(20));
        if bits & 8 != 0 {
            knobs.polls = knobs.polls.late(ms(self.number() * 30 / 256));
        }
        if bits & 16 != 0 {
            knobs.polls = knobs.polls.early();
        }
        if bits & 32 != 0 {
            knobs.polls = Polls::prompt().tick(ms(16));
        }
        if bits & 64 != 0 {
            knobs.manners = knobs.manners.nominates_aggressively();
        }
        if bits & 128 != 0 {
            knobs.manners = knobs.manners.splits_hello();
        }
        knobs.skew_ppm = i32::from(self.byte() as i8) * 3;
        knobs
    }

    fn link(&mut self) -> Link {
        let bits = self.byte();
        let mut link = Link::new().delay(ms(self.number() * 150 / 256));
        if bits & 1 != 0 {
            link = link.jitter(ms(self.number() / 4));
        }
        if bits & 2 != 0 {
            link = link.loss(self.chance(30));
        }
        if bits & 4 != 0 {
            link = link.bursty_loss(Chance::percent(2), Chance::percent(20), self.chance(101));
        }
        if bits & 8 != 0 {
            link = link.reorder(self.chance(30), ms(self.number() * 100 / 256));
        }
        if bits & 16 != 0 {
            link = link.duplicate(self.chance(20)).duplicate_within(ms(self.pick(&[10, 1000, 30_000])));
        }
        if bits & 32 != 0 {
            link = link.rate(Bitrate::from_bps(200_000 + self.number() * 80_000), 4000 + self.number() * 800);
        }
        if bits & 64 != 0 {
            link = link.mark(self.chance(100));
        }
        if bits & 128 != 0 {
            link = link.overtake(self.chance(20), 1 + u32::from(self.byte() & 7));
        }
        link
    }

    fn nat(&mut self) -> Nat {
        let mappings =
            [Mapping::EndpointIndependent, Mapping::AddressDependent, Mapping::AddressAndPortDependent];
        let filters =
            [Filtering::EndpointIndependent, Filtering::AddressDependent, Filtering::AddressAndPortDependent];
        let nat =
            Nat::new(self.pick(&mappings), self.pick(&filters)).lifetime(ms(30_000 + self.number() * 1000));
        match self.byte() & 3 {
            0 => nat.preserve_ports(),
            1 => nat.contiguous_ports(),
            2 => nat.keep_parity(),
            _ => nat,
        }
    }

    /// What is rarer about where the ends are.
    fn place(&mut self, site: &mut Site) {
        let bits = self.byte();
        if !site.asks() {
            site.v6 = bits & 1 != 0;
            site.wide = [bits & 2 != 0, bits & 4 != 0];
            return;
        }
        let filters =
            [Filtering::EndpointIndependent, Filtering::AddressDependent, Filtering::AddressAndPortDependent];
        match bits & 7 {
            0 => site.outer = [Some(self.nat()), Some(self.nat())],
            1 => site.outer[1] = Some(self.nat()),
            2 => (site.doors[0], site.one_roof) = (Some(self.nat().hairpin()), true),
            3 => site.doors[1] = Some(Nat::firewall(self.pick(&filters))),
            4 => site.server = Server::Slow(ms(self.number() * 12)),
            5 => site.server = Server::Dead,
            6 => site.server = Server::Lying,
            _ => site.doors[1] = Some(self.nat().block_udp()),
        }
    }

    /// Something with sound or pictures.
    fn film(&mut self, side: usize, films: &mut Films) -> Act {
        let Films { streams, count } = films;
        let (what, more) = (self.byte(), self.byte());
        if *count < streams.len() && (*count == 0 || what & 3 == 0) {
            let shows = [Show::Sound, Show::Pictures, Show::Layers, Show::Leaps];
            let (stream, show) = (*count, shows[usize::from(more & 3)]);
            streams[stream] = (side, show);
            *count += 1;
            return Act::Film(side, Take::Shoot { stream, show });
        }
        let stream = usize::from(more) % *count;
        let (owner, show) = streams[stream];
        match (what & 3, show) {
            (0 | 1, Show::Layers) => {
                Act::Film(1 - owner, Take::Layer { stream, layer: usize::from(what >> 7) })
            }
            (0 | 1, Show::Leaps) => Act::Film(owner, Take::Leap { stream, by: u16::from(what) * 118 }),
            _ => Act::Film(owner, Take::Mute { stream, mute: what & 4 != 0 }),
        }
    }

    fn promise(&mut self) -> Promise {
        let bits = self.byte();
        Promise {
            ordered: bits & 1 == 0,
            retransmits: (bits & 6 == 2).then_some(u16::from(bits >> 6)),
            life_time: (bits & 6 == 4).then(|| ms(u64::from(bits >> 3) * 25)),
        }
    }

    fn wrong(&mut self) -> Wrong {
        let (kind, long) = (self.byte(), self.number());
        let side = usize::from(kind >> 7);
        let second = kind & 0x40 != 0;
        match kind & 15 {
            0 => Wrong::Partition(ms(long * 24)),
            1 => Wrong::Clog(side, ms(long * 16)),
            2 => Wrong::Suspend { side, time: ms(long * 240), clock_stops: second },
            3 => Wrong::Suspend { side, time: ms(long * 20), clock_stops: second },
            4 => Wrong::Freeze(side, ms(long * 32)),
            5 => Wrong::Clock { side, forward: second, by: ms(long * 2400) },
            6 => Wrong::Clock { side, forward: second, by: ms(long * 8) },
            7 => Wrong::Rebind(side),
            8 | 9 => Wrong::Link(side, Box::new(self.link())),
            10 | 11 => Wrong::Harm(side, ms(long * 20)),
            12 => Wrong::Roam(side),
            13 => Wrong::Airplane(side, ms(long * 80)),
            _ => Wrong::Junk(side, 1 + long / 5),
        }
    }

    fn act(&mut self, kind: u8, opened: &mut usize, films: &mut Films) -> Act {
        let side = usize::from(kind >> 7);
        let channel = usize::from(self.byte()).checked_rem(*opened).unwrap_or(0);
        match kind & 15 {
            _ if *opened == 0 => {
                *opened = 1;
                Act::Open { side, channel: 0, promise: self.promise() }
            }
            0 | 1 if *opened < 60 => {
                *opened += 1;
                Act::Open { side, channel: *opened - 1, promise: self.promise() }
            }
            2..=6 => {
                let largest = self.pick(&[16, 200, 3000, 40_000]);
                Act::Send { side, channel, count: 1 + self.number() / 32, largest }
            }
            7 => Act::Bulk { side, channel, bytes: self.number() * 1000 },
            8 | 9 => Act::Close { side, channel },
            10 => Act::Restart(side),
            11 | 12 => Act::Read(side, self.bit()),
            13 if self.byte() == 7 => Act::ClosePc(side),
            14 => self.film(side, films),
            _ => Act::Send { side, channel, count: 1, largest: 16 },
        }
    }

    fn plan(&mut self) -> Plan {
        let shape = self.byte();
        let mut knobs = [self.knobs(), self.knobs()];
        let mut site = Site::open();
        if shape & 3 == 3 {
            site.doors = [self.bit().then(|| self.nat()), Some(self.nat())];
            // An agent that does not know that its checks nominate would choose another pair than the one they did.
            for knobs in &mut knobs {
                knobs.manners = Manners::new();
            }
        } else if shape & 3 == 2 {
            knobs[1].lite = true;
        }
        if shape & 0xf0 == 0xe0 {
            self.place(&mut site);
        }
        let links = [self.link(), self.link()];
        let mut signalling = Link::new();
        if shape & 4 != 0 {
            signalling = signalling.delay(ms(self.number() * 2)).reorder(self.chance(50), ms(300));
            signalling = signalling.duplicate(self.chance(30)).duplicate_within(ms(2000));
        }
        let faulty = 2000 + self.number() * 40;
        let (mut wrongs, mut acts, mut opened) = (Vec::new(), Vec::new(), 0);
        let mut films = Films { streams: [(0, Show::Sound); 3], count: 0 };
        while !self.0.is_empty() && wrongs.len() < 10 && acts.len() < 80 {
            let kind = self.byte();
            let at = ms(self.number() * faulty / 256);
            if kind & 0x60 == 0x60 {
                wrongs.push((at, self.wrong()));
            } else {
                acts.push((at, self.act(kind, &mut opened, &mut films)));
            }
        }
        // A channel is used after it has been opened, as the bytes have it; sorting keeps the order of what is at one time.
        if acts.is_empty() {
            acts.push((Duration::ZERO, self.act(0, &mut opened, &mut films)));
        }
        wrongs.sort_by_key(|(at, _)| *at);
        acts.sort_by_key(|(at, _)| *at);
        Plan {
            seed: u64::from(shape >> 3),
            knobs,
            site,
            links,
            signalling,
            burst: if shape & 8 == 0 { 1 } else { 16 },
            wrongs,
            acts,
            faulty: ms(faulty),
            reckless: shape & 0xf0 == 0xf0,
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let plan = Bytes(input).plan();
    let loud = std::env::var("ANTIPHON_LOUD").is_ok();
    if loud {
        println!("{plan:#?}");
    }
    play(&plan, Defects { loud, ..Defects::default() });
});
