//! The laws, each as a function over any machine.

use antiphon::sim::{FromDatagram, Route};
use antiphon::{Instant, Machine, Output};
use core::fmt::Debug;
use core::time::Duration;

use crate::world::{Op, START, Seen, Subject, World};

/// What a world needs of a machine.
pub(crate) trait Lawful: Subject<M: Machine<Path: Route + Debug + PartialEq, Event: Debug>> {}
impl<S: Subject<M: Machine<Path: Route + Debug + PartialEq, Event: Debug>>> Lawful for S {}

macro_rules! laws {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $ty:ty),*) $body:block)*) => {$(
        $(#[$doc])*
        pub(crate) fn $name<S: Lawful>($($arg: $ty),*)
        where
            for<'i> <S::M as Machine>::Input<'i>: FromDatagram<'i>,
        $body
    )*};
}

/// Two records are equal; the first difference is shown, not all of both.
fn assert_same(one: &[Seen], other: &[Seen], law: &str) {
    if let Some(at) = (0..one.len().max(other.len())).find(|at| one.get(*at) != other.get(*at)) {
        let (one, other) = (one.get(at), other.get(at));
        panic!("{law}: output {at} differs\n  {one:?}\n  {other:?}");
    }
}

laws! {
    /// Laws 2, 3, 4, 6, 10 after every call; a last drain shows that nothing is stuck in a loop.
    fn any_order(seed: u8, ops: &[Op]) {
        let mut world = World::<S>::new(seed);
        world.backward = true;
        world.run(ops);
        world.run(&[Op::Drain(false), Op::Drain(true)]);
    }

    /// Law 1.
    fn earlier_now(seed: u8, ops: &[Op]) {
        let [straight, crooked] = [false, true].map(|backward| {
            let mut world = World::<S>::connected(seed);
            world.backward = backward;
            world.run(ops);
            world.seen
        });
        assert_same(&straight, &crooked, "law 1");
    }

    /// Law 7.
    fn deterministic(seed: u8, ops: &[Op]) {
        let [one, other] = [(); 2].map(|()| {
            let mut world = World::<S>::new(seed);
            world.run(ops);
            world.seen
        });
        assert_same(&one, &other, "law 7");
    }

    /// Law 11: at any instant, before and after the connection stands.
    fn fork(seed: u8, ops: &[Op], at: usize) {
        let mut world = if seed.is_multiple_of(2) { World::<S>::new(seed) } else { World::<S>::connected(seed) };
        let (before, after) = ops.split_at(at.min(ops.len()));
        world.run(before);
        let mut fork = world.fork();
        world.seen.clear();
        // The fork runs first: what it does must not show in the original.
        fork.run(after);
        world.run(after);
        assert_same(&world.seen, &fork.seen, "law 11");
    }

    /// Law 2: bytes nobody authenticated change no output.
    fn junk(seed: u8, junk: &[Vec<u8>]) {
        let [clean, littered] = [false, true].map(|litter| {
            let mut world = World::<S>::connected(seed);
            world.seen.clear();
            for (index, bytes) in junk.iter().enumerate() {
                let side = index % 2;
                if litter {
                    world.input(side, World::<S>::path(side), bytes);
                }
                world.act(side, 2);
                world.quiet();
                world.take(0);
                world.take(1);
                world.now += Duration::from_millis(10);
            }
            world.seen
        });
        assert_same(&clean, &littered, "law 2");
    }

    /// Law 5: whatever was lost, doubled or held back, a network that works again connects the two.
    fn heals(seed: u8, ops: &[Op]) {
        let mut world = World::<S>::new(seed);
        for op in ops {
            // Long silence is another thing than loss: it ends in failure, as it should.
            let patient = world.now < START + Duration::from_secs(4);
            if patient || !matches!(op, Op::ToDeadline | Op::Advance(_)) {
                world.run(core::slice::from_ref(op));
            }
        }
        world.connect();
    }

    /// Law 12.
    fn batch(seed: u8, sends: &[u8]) {
        let [singles, batches] = [false, true].map(|batch| {
            let mut world = World::<S>::connected(seed);
            for what in sends {
                world.act(usize::from(what % 2), what & 6);
            }
            for _ in 0..400 {
                for side in 0..2 {
                    world.drain(side, true, 1000);
                    let to = 1 - side;
                    for (path, data) in core::mem::take(&mut world.wire[to]) {
                        world.input(to, path, &data);
                        if !batch {
                            world.drain(to, true, 1000);
                        }
                    }
                    world.drain(to, true, 1000);
                }
                if world.wire.iter().all(Vec::is_empty) {
                    world.now += Duration::from_millis(50);
                }
            }
            world.take(0);
            world.take(1);
            world
        });
        assert_eq!(singles.messages(), batches.messages(), "law 12");
        assert!(singles.ends.iter().all(S::is_connected) && batches.ends.iter().all(S::is_connected), "law 12");
    }

    /// Law 10: `World::drain` refuses any output after the closing event, which must come.
    fn closed(seed: u8, before: &[Op], after: &[Op]) {
        let mut world = if seed.is_multiple_of(2) { World::<S>::new(seed) } else { World::<S>::connected(seed) };
        world.run(before);
        S::close(&mut world.ends[0]);
        world.run(&[Op::Drain(false)]);
        assert!(world.closed[0], "law 10: no closing event in the drain after close");
        world.backward = true;
        world.run(after);
        S::close(&mut world.ends[0]);
        world.run(&[Op::Drain(false), Op::Leap, Op::Drain(false)]);
        assert_eq!(world.seen.last(), Some(&Seen::Wait(0, None)));
    }

    /// Law 9, after a month; and after a step law 1 cuts, which is a caller's mistake and nobody's panic.
    fn leap() {
        let mut world = World::<S>::connected(3);
        world.seen.clear();
        world.now += Duration::from_secs(30 * 24 * 3600);
        world.run(&[Op::Drain(false), Op::Drain(true)]);
        assert!(world.seen.len() < 60, "law 9: {} outputs after a leap", world.seen.len());
        let mut buf = [0; 2048];
        for end in &mut world.ends {
            for _ in 0..100 {
                drop(end.poll_output(Instant::MAX, &mut buf));
            }
        }
    }

    /// Law 8: nobody polls while ten thousand datagrams come, real ones again and again and junk.
    fn flood() {
        let mut world = World::<S>::new(3);
        for _ in 0..40 {
            world.exchange();
        }
        world.run(&[Op::Act(false, 0), Op::Drain(false)]);
        let real: Vec<_> = world.wire[1].clone();
        world.seen.clear();
        for index in 0..10_000_usize {
            match real.get(index % (real.len() + 1)) {
                Some((path, data)) => world.input(1, *path, data),
                None => world.input(1, World::<S>::path(1), &index.to_be_bytes()),
            }
        }
        world.drain(1, true, 5000);
        assert!(world.seen.len() < 1000, "law 8: {} outputs after a flood", world.seen.len());
    }

    /// A caller whose socket is full polls with an empty buffer and loses nothing by it.
    fn empty_buffer() {
        let mut world = World::<S>::new(4);
        while !world.ends.iter().all(S::is_connected) && world.now < START + Duration::from_secs(60) {
            world.run(&[Op::PollEmpty(false), Op::PollEmpty(true)]);
            world.exchange();
        }
        assert!(world.now < START + Duration::from_secs(30), "connected late: {:?}", world.now);
    }

    /// The one panic.
    fn short_buffer() {
        let mut world = World::<S>::new(5);
        let now = world.now;
        while let Output::Event(_) = world.ends[0].poll_output(now, &mut [0; 3]) {}
    }
}
