//! Channels are created, agreed upon, used, refused and closed at random from both ends of a poor path; whatever happens, each message
//! arrives once, in order and on its channel, both ends agree in the end, and every id becomes free again.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod data_support;

use std::collections::{BTreeMap, BTreeSet};

use antiphon::data::{
    ChannelId, ChannelState, Channels, Config, DataChannelError, DataChannelFailure, DataChannelInit, Event,
    Message,
};
use data_support::{Wire, connect, ms, pair};
use proptest::prelude::*;

/// Ids that both ends use by agreement alone.
const AGREED: core::ops::Range<u16> = 1000..1003;
/// Channels that an end may have: few enough that many are refused.
const LIMIT: usize = 8;

fn agreed(id: u16) -> DataChannelInit {
    DataChannelInit { negotiated: Some(id), ..DataChannelInit::default() }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Create {
        side: usize,
    },
    /// Both ends create the channel that they have agreed upon, this one first. Where the other cannot, this one closes it again.
    Agree {
        side: usize,
        id: u16,
    },
    Send {
        side: usize,
        which: usize,
        count: usize,
    },
    Close {
        side: usize,
        which: usize,
    },
    Read {
        side: usize,
    },
    Run {
        millis: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..2_usize).prop_map(|side| Step::Create { side }),
        2 => (0..2_usize, AGREED).prop_map(|(side, id)| Step::Agree { side, id }),
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
    /// The other end was full.
    refused: bool,
    /// Agreed upon, and the other end could not create it.
    alone: bool,
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
    /// Agreed ids that one end alone used last.
    lonely: BTreeSet<u16>,
}

impl Model {
    fn new(loss: u64) -> Self {
        let mut wire = pair(&Config { max_channels: LIMIT, ..Config::default() });
        connect(&mut wire);
        wire.run(ms(300));
        wire.loss = loss;
        let mut model = Self { wire, sides: Default::default(), next: 0, lonely: BTreeSet::new() };
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
                    assert_eq!(failure, DataChannelFailure::Refused, "{id:?}");
                    let label = &self.sides[side].labels[&id];
                    self.sides[side].views.get_mut(label).unwrap().refused = true;
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

    fn knows(&mut self, side: usize, id: ChannelId, label: String) {
        self.sides[side].labels.insert(id, label.clone());
        self.sides[side].views.insert(label, View::default());
    }

    fn agree(&mut self, side: usize, id: u16) {
        let can = [side, 1 - side].map(|side| self.end(side).fork().create("", agreed(id)).is_ok());
        // Once may an end use the id before the other has finished with it: to more than that there is no answer that cannot be mistaken.
        let again = self.lonely.contains(&id);
        if !can[0] || (!can[1] && again) {
            return;
        }
        let label = format!("agreed {id}, {}", self.next);
        self.next += 1;
        let here = self.end(side).create(&label, agreed(id)).unwrap();
        self.knows(side, here, label.clone());
        if can[1] {
            self.lonely.remove(&id);
            let there = self.end(1 - side).create(&label, agreed(id)).unwrap();
            self.knows(1 - side, there, label);
        } else {
            self.lonely.insert(id);
            self.end(side).close_channel(here);
            let view = self.sides[side].views.get_mut(&label).unwrap();
            (view.closed_here, view.alone) = (true, true);
        }
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Create { side } => {
                let label = format!("{side}-{}", self.next);
                self.next += 1;
                match self.end(side).create(&label, DataChannelInit::default()) {
                    Ok(id) => self.knows(side, id, label),
                    Err(error) => assert_eq!(error, DataChannelError::TooMany { limit: LIMIT }),
                }
            }
            Step::Agree { side, id } => self.agree(side, id),
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
        self.assert_agreement();
        // What is still open closes, and then every id is free again: at both ends, whoever chose it.
        for side in 0..2 {
            for id in self.end(side).ids().collect::<Vec<_>>() {
                self.end(side).close_channel(id);
            }
        }
        self.apply(Step::Run { millis: 20_000 });
        self.read(0);
        self.read(1);
        self.apply(Step::Run { millis: 1 });
        for side in 0..2 {
            assert!(self.end(side).is_empty(), "{:?}", self.end(side));
            for id in (0..40).chain(AGREED) {
                let created = self.end(side).fork().create("", agreed(id)).map(drop);
                assert_eq!(created, Ok(()), "end {side}");
            }
            let end = self.end(side);
            let id = end.create("last", DataChannelInit::default()).unwrap();
            assert_eq!(end.stream_id(id).map(usize::from), Some(side));
        }
    }

    /// Both ends know the same of each channel, but for those that one was too full to take.
    fn assert_agreement(&self) {
        let [a, b] = &self.sides;
        let mut refused = [0; 2];
        let labels: BTreeSet<_> = a.views.keys().chain(b.views.keys()).collect();
        for label in labels {
            let (a, b) = match (a.views.get(label), b.views.get(label)) {
                (Some(a), Some(b)) => (a, b),
                (None, None) => continue,
                (Some(only), None) | (None, Some(only)) => {
                    let known_to_a = a.views.contains_key(label);
                    assert!(only.refused || only.closed_here, "only one end knows {label}: {only:?}");
                    assert_eq!((only.closes, only.received.len()), (1, 0), "{label}");
                    refused[usize::from(known_to_a)] += u64::from(!only.alone);
                    continue;
                }
            };
            let closed = a.closed_here || b.closed_here;
            for (from, to) in [(a, b), (b, a)] {
                assert!(!from.refused, "{label}");
                assert!(from.sent.starts_with(&to.received), "{label}: {from:?} {to:?}");
                // The closing end discards what arrives, and what the other end had queued is still sent.
                assert!(to.closed_here || from.sent == to.received, "{label}: {from:?} {to:?}");
                assert_eq!(from.closes, usize::from(closed), "{label}");
            }
        }
        let counted = [&self.wire.a, &self.wire.b].map(|end| end.stats().drops.too_many_channels);
        assert_eq!(refused, counted);
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
