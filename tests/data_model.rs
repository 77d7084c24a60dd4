//! Channels are created, used and closed at random from both ends of a poor path; whatever happens, each message arrives once, in order
//! and on its channel, both ends agree in the end, and every id becomes free again.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod data_support;

use std::collections::BTreeMap;

use antiphon::data::{ChannelId, ChannelState, Channels, Config, DataChannelInit, Event, Message};
use data_support::{Wire, connect, ms, pair};
use proptest::prelude::*;

#[derive(Clone, Copy, Debug)]
enum Step {
    Create { side: usize },
    Send { side: usize, which: usize, count: usize },
    Close { side: usize, which: usize },
    Read { side: usize },
    Run { millis: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..2_usize).prop_map(|side| Step::Create { side }),
        6 => (0..2_usize, any::<usize>(), 1..5_usize).prop_map(|(side, which, count)| Step::Send { side, which, count }),
        3 => (0..2_usize, any::<usize>()).prop_map(|(side, which)| Step::Close { side, which }),
        3 => (0..2_usize).prop_map(|side| Step::Read { side }),
        6 => (0..200_u64).prop_map(|millis| Step::Run { millis }),
    ]
}

/// What one end knows of one channel.
#[derive(Debug, Default)]
struct View {
    sent: Vec<u32>,
    received: Vec<u32>,
    closed_here: bool,
    closes: usize,
}

/// What one end has seen.
#[derive(Debug, Default)]
struct Side {
    labels: BTreeMap<ChannelId, String>,
    views: BTreeMap<String, View>,
}

struct Model {
    wire: Wire<Channels, Channels>,
    sides: [Side; 2],
    next: u32,
}

impl Model {
    fn new(loss: u64) -> Self {
        let mut wire = pair(&Config::default());
        connect(&mut wire);
        wire.run(ms(300));
        wire.loss = loss;
        let mut model = Self { wire, sides: Default::default(), next: 0 };
        model.observe();
        model
    }

    fn end(&mut self, side: usize) -> &mut Channels {
        if side == 0 { &mut self.wire.a } else { &mut self.wire.b }
    }

    fn observe(&mut self) {
        for side in 0..2 {
            let events = if side == 0 { self.wire.a_took() } else { self.wire.b_took() };
            for event in events {
                if let Event::Channel(id) = event {
                    // One that was opened and closed while nobody looked is gone when its event is read.
                    let label = self.end(side).label(id).map(str::to_owned);
                    let label = label.unwrap_or_else(|| format!("gone {id:?}"));
                    self.sides[side].labels.insert(id, label.clone());
                    self.sides[side].views.entry(label).or_default();
                } else if let Event::Close(id) = event {
                    let label = &self.sides[side].labels[&id];
                    self.sides[side].views.get_mut(label).unwrap().closes += 1;
                } else if let Event::Error(id, failure) = event {
                    panic!("{id:?} {failure:?}");
                }
            }
            let end = if side == 0 { &self.wire.a } else { &self.wire.b };
            let live: Vec<_> = end
                .ids()
                .filter(|id| end.state(*id) != Some(ChannelState::Closed))
                .filter_map(|id| end.stream_id(id))
                .collect();
            let mut unique = live.clone();
            unique.sort_unstable();
            unique.dedup();
            assert_eq!(live.len(), unique.len(), "a stream has one channel");
        }
    }

    fn read(&mut self, side: usize) {
        let ids: Vec<_> = self.sides[side].labels.keys().copied().collect();
        for id in ids {
            while let Some(message) = self.end(side).recv(id) {
                let number = u32::from_be_bytes(message.data[..4].try_into().unwrap());
                let label = self.sides[side].labels[&id].clone();
                self.sides[side].views.get_mut(&label).unwrap().received.push(number);
            }
        }
    }

    /// Some channel of one end that is open.
    fn pick(&mut self, side: usize, which: usize) -> Option<ChannelId> {
        let ids: Vec<_> = self.sides[side].labels.keys().copied().collect();
        let open: Vec<_> =
            ids.into_iter().filter(|id| self.end(side).state(*id) == Some(ChannelState::Open)).collect();
        open.get(which % open.len().max(1)).copied()
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Create { side } => {
                let label = format!("{side}-{}", self.next);
                self.next += 1;
                let id = self.end(side).create(&label, DataChannelInit::default()).unwrap();
                self.sides[side].labels.insert(id, label.clone());
                self.sides[side].views.insert(label, View::default());
            }
            Step::Send { side, which, count } => {
                let Some(id) = self.pick(side, which) else { return };
                let now = self.wire.now;
                for _ in 0..count {
                    let number = self.next;
                    self.next += 1;
                    let mut data = vec![0; 4 + which % 3000];
                    data[..4].copy_from_slice(&number.to_be_bytes());
                    self.end(side).send(now, id, &Message::binary(data)).unwrap();
                    let label = self.sides[side].labels[&id].clone();
                    self.sides[side].views.get_mut(&label).unwrap().sent.push(number);
                }
            }
            Step::Close { side, which } => {
                let Some(id) = self.pick(side, which) else { return };
                self.end(side).close_channel(id);
                let label = self.sides[side].labels[&id].clone();
                self.sides[side].views.get_mut(&label).unwrap().closed_here = true;
            }
            Step::Read { side } => self.read(side),
            Step::Run { millis } => {
                let end = self.wire.now + ms(millis);
                while self.wire.step(end) {
                    self.observe();
                }
            }
        }
        self.observe();
    }

    fn finish(&mut self) {
        self.wire.loss = 0;
        for _ in 0..20 {
            self.apply(Step::Run { millis: 5000 });
            self.read(0);
            self.read(1);
        }
        let [a, b] = &self.sides;
        let labels: Vec<_> = a.views.keys().chain(b.views.keys()).collect();
        for label in labels {
            let (Some(a), Some(b)) = (a.views.get(label), b.views.get(label)) else {
                panic!("only one end knows {label}")
            };
            let closed = a.closed_here || b.closed_here;
            for (from, to) in [(a, b), (b, a)] {
                assert!(from.sent.starts_with(&to.received), "{label}: {from:?} {to:?}");
                // The closing end discards what arrives, and what the other end had queued is still sent.
                assert!(to.closed_here || from.sent == to.received, "{label}: {from:?} {to:?}");
                assert_eq!(from.closes, usize::from(closed), "{label}");
            }
        }
        // Every id in use belongs to an open channel: the next one created gets the least of the others.
        for side in 0..2 {
            let end = self.end(side);
            let used: Vec<_> = end.ids().filter_map(|id| end.stream_id(id)).collect();
            let least =
                (0..u16::MAX / 2).map(|n| n * 2 + u16::try_from(side).unwrap()).find(|id| !used.contains(id));
            let id = end.create("last", DataChannelInit::default()).unwrap();
            assert_eq!(end.stream_id(id), least);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn channels_come_and_go_in_any_order(steps in prop::collection::vec(step(), 1..80), loss in prop_oneof![Just(0), Just(30), Just(150)]) {
        let mut model = Model::new(loss);
        for step in steps {
            model.apply(step);
        }
        model.finish();
    }
}
