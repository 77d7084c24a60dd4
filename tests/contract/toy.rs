//! A machine that keeps the laws, and ways for it to break them: a law that cannot fail proves nothing.

use antiphon::{Instant, Machine, Output, Rng, Transmit};
use core::time::Duration;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::laws;
use crate::world::{Op, Subject};

/// Which law is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    BelievesAnEarlierNow,
    PanicsAtJunk,
    EventAfterDatagram,
    WaitsForThePast,
    AnotherWait,
    NeverRepeats,
    DrawsFromElsewhere,
    SpeaksAfterTheEnd,
    ForksWithout,
    RepliesToJunk,
    DrawsWithoutBuffer,
    LosesTheSecondOfABatch,
    FiresForEachMissedPeriod,
}

/// Says hello each second that brings no message, and once more when it hears the other.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is one fact of a toy")]
struct Toy {
    fault: Fault,
    rng: [u8; 32],
    draws: u64,
    now: Instant,
    next: Instant,
    hello: bool,
    heard: bool,
    owed: u32,
    announced: bool,
    inbox: Vec<Vec<u8>>,
    polled_since_input: bool,
    closing: bool,
    closed: bool,
    polls: u64,
}

impl Toy {
    fn draw(&mut self) -> u8 {
        self.draws += 1;
        let mut rng = Rng::new(&antiphon::Seed::from_bytes(self.rng));
        (0..self.draws % 50).fold(rng.u64(), |_, _| rng.u64()).to_le_bytes()[0]
    }
}

impl Machine for Toy {
    type Input<'i> = &'i [u8];
    type Path = ();
    type Event = &'static str;

    fn handle_input(&mut self, now: Instant, input: &[u8]) {
        self.now = if self.fault == Fault::BelievesAnEarlierNow { now } else { self.now.max(now) };
        match input {
            _ if self.closing => {}
            [b'T', kind @ (b'h' | b'm'), rest @ ..]
                if rest.len() == 3 && rest[2] == rest[0] ^ rest[1] ^ 0x5a =>
            {
                if *kind == b'h' {
                    self.owed += u32::from(!core::mem::replace(&mut self.heard, true));
                }
                if *kind == b'm' && (self.polled_since_input || self.fault != Fault::LosesTheSecondOfABatch) {
                    self.inbox.push(rest.to_vec());
                    self.next = self.now + Duration::from_secs(1);
                }
                self.polled_since_input = false;
            }
            _ => {
                assert!(self.fault != Fault::PanicsAtJunk, "junk");
                self.owed += u32::from(self.fault == Fault::RepliesToJunk);
            }
        }
    }

    fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Output<(), &'static str> {
        assert!(buf.is_empty() || buf.len() >= 100, "the buf is too short");
        self.polls += 1;
        self.polled_since_input = true;
        self.now = if self.fault == Fault::BelievesAnEarlierNow { now } else { self.now.max(now) };
        if self.closed {
            return if self.fault == Fault::SpeaksAfterTheEnd {
                Output::Event("still here")
            } else {
                Output::Wait(None)
            };
        }
        if self.closing {
            self.closed = true;
            return Output::Event("closed");
        }
        if self.now >= self.next {
            self.hello = self.fault != Fault::NeverRepeats || self.next == Instant::ZERO;
            self.next = match self.fault {
                Fault::FiresForEachMissedPeriod if self.next > Instant::ZERO => {
                    self.next + Duration::from_secs(3600)
                }
                _ => self.now + Duration::from_secs(1),
            };
        }
        let announce = self.heard && !self.announced;
        if announce && self.fault != Fault::EventAfterDatagram {
            self.announced = true;
            return Output::Event("heard");
        }
        if (!buf.is_empty() || self.fault == Fault::DrawsWithoutBuffer) && (self.hello || self.owed > 0) {
            if !core::mem::take(&mut self.hello) {
                self.owed -= 1;
            }
            let (one, other) =
                (self.draw(), if self.fault == Fault::DrawsFromElsewhere { noise() } else { 3 });
            if !buf.is_empty() {
                buf[..5].copy_from_slice(&[b'T', b'h', one, other, one ^ other ^ 0x5a]);
            }
            return Output::Transmit(Transmit::new((), 5));
        }
        if announce {
            self.announced = true;
            return Output::Event("heard");
        }
        match self.fault {
            Fault::WaitsForThePast => Output::Wait(Some(self.now)),
            Fault::AnotherWait => Output::Wait(Some(self.now + Duration::from_nanos(self.polls))),
            _ => Output::Wait(Some(self.next)),
        }
    }
}

/// What no seed decides.
fn noise() -> u8 {
    use std::sync::atomic::{AtomicU8, Ordering};
    static COUNT: AtomicU8 = AtomicU8::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed)
}

/// The toy with the fault of this number.
struct Toys<const FAULT: usize>;

const FAULTS: [Fault; 14] = [
    Fault::None,
    Fault::BelievesAnEarlierNow,
    Fault::PanicsAtJunk,
    Fault::EventAfterDatagram,
    Fault::WaitsForThePast,
    Fault::AnotherWait,
    Fault::NeverRepeats,
    Fault::DrawsFromElsewhere,
    Fault::SpeaksAfterTheEnd,
    Fault::ForksWithout,
    Fault::RepliesToJunk,
    Fault::DrawsWithoutBuffer,
    Fault::LosesTheSecondOfABatch,
    Fault::FiresForEachMissedPeriod,
];

impl<const FAULT: usize> Subject for Toys<FAULT> {
    type M = Toy;

    fn pair(seed: u8, now: Instant) -> [Toy; 2] {
        [0, 1].map(|side| Toy {
            fault: FAULTS[FAULT],
            rng: [seed.wrapping_add(side); 32],
            draws: 0,
            now,
            next: Instant::ZERO,
            hello: false,
            heard: false,
            owed: 0,
            announced: false,
            inbox: Vec::new(),
            polled_since_input: true,
            closing: false,
            closed: false,
            polls: 0,
        })
    }

    fn fork(toy: &Toy) -> Toy {
        let draws = if toy.fault == Fault::ForksWithout { toy.draws + 1 } else { toy.draws };
        Toy { inbox: toy.inbox.clone(), draws, ..*toy }
    }

    fn act(toy: &mut Toy, _now: Instant, what: u8) -> Option<Vec<u8>> {
        (!toy.closing).then(|| vec![b'T', b'm', what, 1, what ^ 1 ^ 0x5a])
    }

    fn take(toy: &mut Toy) -> Vec<Vec<u8>> {
        core::mem::take(&mut toy.inbox)
    }

    fn close(toy: &mut Toy) {
        toy.closing = true;
    }

    fn is_connected(toy: &Toy) -> bool {
        toy.heard
    }

    fn is_closing_event(event: &&'static str) -> bool {
        *event == "closed"
    }
}

/// One law, held against the toy.
type Law<'a> = Box<dyn Fn() + 'a>;

/// The names of the laws a toy is found to break by scripts written for it.
fn broken<const FAULT: usize>() -> Vec<&'static str> {
    use Op::{Act, Advance, Backward, Deliver, DeliverAll, Drain, Drop, Junk, PollEmpty};
    let script = [
        Drain(false),
        PollEmpty(true),
        Drain(true),
        DeliverAll(false),
        DeliverAll(true),
        Drain(false),
        Drain(true),
        Junk(false, vec![1, 2]),
        Advance(700),
        Backward(600),
        Drain(false),
        Backward(600),
        Drain(true),
        Act(true, 2),
        Act(true, 4),
        Deliver(false, 0),
        Backward(600),
        Deliver(false, 0),
        Advance(700),
        Drain(false),
        Drain(true),
        Op::Take(false),
    ];
    let lossy = [Drain(false), Drain(true), Drop(false, 0), Drop(true, 0)];
    let junk = vec![vec![1, 2, 3]; 3];
    let laws: [(&str, Law<'_>); 10] = [
        ("any order", Box::new(|| laws::any_order::<Toys<FAULT>>(1, &script))),
        ("earlier now", Box::new(|| laws::earlier_now::<Toys<FAULT>>(1, &script))),
        ("deterministic", Box::new(|| laws::deterministic::<Toys<FAULT>>(1, &script))),
        ("fork", Box::new(|| laws::fork::<Toys<FAULT>>(1, &script, 4))),
        ("junk", Box::new(|| laws::junk::<Toys<FAULT>>(1, &junk))),
        ("heals", Box::new(|| laws::heals::<Toys<FAULT>>(1, &lossy))),
        ("batch", Box::new(|| laws::batch::<Toys<FAULT>>(1, &[0, 2, 4, 6]))),
        ("closed", Box::new(|| laws::closed::<Toys<FAULT>>(1, &script, &script))),
        ("leap", Box::new(laws::leap::<Toys<FAULT>>)),
        ("empty buffer", Box::new(laws::empty_buffer::<Toys<FAULT>>)),
    ];
    let broken = laws.into_iter().filter(|(_, law)| catch_unwind(AssertUnwindSafe(law)).is_err());
    broken.map(|(name, _)| name).collect()
}

#[test]
fn each_law_catches_the_machine_that_breaks_it() {
    assert!(broken::<0>().is_empty(), "the lawful toy breaks {:?}", broken::<0>());
    let caught: [(Vec<&str>, &str); 13] = [
        (broken::<1>(), "earlier now"),
        (broken::<2>(), "junk"),
        (broken::<3>(), "any order"),
        (broken::<4>(), "any order"),
        (broken::<5>(), "any order"),
        (broken::<6>(), "heals"),
        (broken::<7>(), "deterministic"),
        (broken::<8>(), "closed"),
        (broken::<9>(), "fork"),
        (broken::<10>(), "junk"),
        (broken::<11>(), "empty buffer"),
        (broken::<12>(), "batch"),
        (broken::<13>(), "leap"),
    ];
    for (index, (broken, law)) in caught.iter().enumerate() {
        assert!(broken.contains(law), "{:?} was not caught by {law}, only by {broken:?}", FAULTS[index + 1]);
    }
}
