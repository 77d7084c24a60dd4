use super::*;
use crate::base::bitrate::Bitrate;
use crate::cc::{Estimator, Target};
use crate::wire::rtcp::{Compound, CompoundWriter, FeedbackHeader, Packet, PacketStatus};
use proptest::prelude::*;
use std::collections::BTreeMap;

const HERE: PacketStatus = PacketStatus::Received { delta: 4 };
const GONE: PacketStatus = PacketStatus::Missing;

fn at(millis: u64) -> Instant {
    Instant::from_nanos(millis * 1_000_000)
}

/// Remembers all it was told.
#[derive(Clone, Debug, Default, PartialEq)]
struct Witness(Vec<PacketResult>);

impl Estimator for Witness {
    fn on_feedback(&mut self, feedback: &Feedback<'_>) {
        assert!(!feedback.results.is_empty());
        assert!(feedback.results.is_sorted_by_key(|result| result.number));
        self.0.extend(feedback.results);
    }

    fn target(&self) -> Target {
        Target::new(Bitrate::from_bps(self.0.len() as u64))
    }

    fn duplicate(&self) -> Box<dyn Estimator> {
        Box::new(self.clone())
    }
}

/// Feedback on so many packets from `base` on, as the peer writes it.
fn tell(
    history: &mut History,
    witness: &mut Witness,
    now: Instant,
    (base, reference_time): (u16, i32),
    statuses: &[PacketStatus],
) -> bool {
    let mut buf = [0; 4000];
    let mut writer = CompoundWriter::new(&mut buf);
    let header = FeedbackHeader { base: Seq16(base), reference_time, ..FeedbackHeader::default() };
    writer.transport_feedback(&header, statuses).unwrap();
    let len = writer.finish();
    let Some(Ok(Packet::TransportFeedback(told))) = Compound::new(&buf[..len]).next() else { panic!() };
    let feedback = history.on_feedback(now, &told);
    feedback.inspect(|feedback| witness.on_feedback(feedback)).is_some()
}

/// A history of packets sent a millisecond apart.
fn sent(count: u64) -> History {
    let mut history = History::new();
    for number in 0..count {
        history.on_sent(at(number), 1000);
    }
    history
}

/// The sequence numbers told, and whether each arrived.
fn fates(witness: &Witness) -> Vec<(u64, bool)> {
    let fate = |result: &PacketResult| (result.number - UNWRAPPED_BASE, result.arrived_after.is_some());
    witness.0.iter().map(fate).collect()
}

#[test]
fn each_packet_is_told_once_and_a_missing_one_again_when_it_has_arrived() {
    let (mut history, mut witness) = (sent(4), Witness::default());
    assert_eq!(history.in_flight(), 4000);
    assert!(tell(&mut history, &mut witness, at(50), (0, 1), &[HERE, GONE, HERE]));
    assert_eq!(fates(&witness), [(0, true), (1, false), (2, true)]);
    assert_eq!(history.in_flight(), 1000);
    witness.0.clear();
    assert!(tell(&mut history, &mut witness, at(60), (0, 1), &[GONE, HERE, GONE, HERE]));
    assert_eq!(fates(&witness), [(1, true), (3, true)]);
    assert_eq!((history.in_flight(), history.stats()), (0, HistoryStats::default()));
}

#[test]
fn arrivals_are_apart_as_the_peer_says_and_over_the_wrap_of_its_clock() {
    let (mut history, mut witness) = (sent(3), Witness::default());
    assert!(tell(&mut history, &mut witness, at(50), (0, 0x7f_ffff), &[HERE, HERE]));
    assert!(tell(&mut history, &mut witness, at(90), (2, -0x80_0000), &[HERE]));
    let arrived: Vec<_> = witness.0.iter().map(|result| result.arrived_after.unwrap()).collect();
    assert_eq!(arrived[1].checked_sub(arrived[0]).unwrap(), Duration::from_millis(1));
    assert_eq!(arrived[2].checked_sub(arrived[0]).unwrap(), Duration::from_millis(64));
    assert_eq!(witness.0[2].sent_at, at(2));
}

#[test]
fn the_round_trip_is_that_of_the_last_packet_that_arrived() {
    let mut history = sent(4);
    let bytes = [0x8f, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 1, 0, 0xa8, 0, 4, 4];
    let Some(Ok(Packet::TransportFeedback(told))) = Compound::new(&bytes).next() else { panic!() };
    let feedback = history.on_feedback(at(102), &told).unwrap();
    assert_eq!(feedback.round_trip, Some(Duration::from_millis(100)));
    assert_eq!((feedback.results.len(), feedback.in_flight), (4, 0));
}

#[test]
fn n46_feedback_on_packets_never_sent_leaves_the_estimator_as_it_was() {
    let (mut history, mut witness) = (sent(5), Witness::default());
    for base in [5, 100, 30_000, 40_000, 65_000] {
        assert!(!tell(&mut history, &mut witness, at(50), (base, 1), &[HERE; 300]));
    }
    assert_eq!((&witness, history.in_flight()), (&Witness::default(), 5000));
    assert_eq!(history.stats().unknown, 1500);
    // The clock that such feedback goes by is not taken for the peer's either.
    assert!(tell(&mut history, &mut witness, at(60), (0, 70_000), &[HERE; 5]));
    assert_eq!(history.stats().implausible, 0);
}

#[test]
fn n46_feedback_on_arrived_packets_leaves_the_estimator_as_it_was() {
    let (mut history, mut witness) = (sent(5), Witness::default());
    assert!(tell(&mut history, &mut witness, at(50), (0, 1), &[HERE; 5]));
    let before = witness.clone();
    for reference in [1, 2, 3, 1000] {
        assert!(!tell(&mut history, &mut witness, at(60), (0, reference), &[HERE; 5]));
    }
    assert!(!tell(&mut history, &mut witness, at(60), (0, 1), &[GONE; 5]));
    assert_eq!((witness, history.stats().repeated), (before, 20));
}

#[test]
fn n46_arrivals_far_in_the_past_or_the_future_leave_the_estimator_as_it_was() {
    let (mut history, mut witness) = (sent(10), Witness::default());
    assert!(tell(&mut history, &mut witness, at(50), (0, 100_000), &[HERE; 2]));
    let before = witness.clone();
    // A unit is 64 ms: a minute and a day either way.
    for reference in [100_000 - 1000, 100_000 + 1000] {
        assert!(!tell(&mut history, &mut witness, at(60), (2, reference), &[HERE; 3]));
    }
    let far = PacketStatus::Received { delta: i16::MIN };
    assert!(tell(&mut history, &mut witness, at(60), (2, 100_000), &[HERE, far, far, far]));
    assert_eq!(fates(&witness)[2..], [(2, true), (3, true)]);
    assert_eq!((before.0.len(), history.stats().implausible), (2, 8));
    // What was not believed may still be told as it was.
    assert!(tell(&mut history, &mut witness, at(70), (4, 100_001), &[HERE; 6]));
    assert_eq!(history.in_flight(), 0);
}

#[test]
fn a_clock_that_has_leapt_is_measured_anew() {
    let (mut history, mut witness) = (sent(10), Witness::default());
    assert!(tell(&mut history, &mut witness, at(50), (0, 100), &[HERE]));
    for base in 1..=u16::from(limits::CC_DOUBTED_FEEDBACK) {
        assert!(!tell(&mut history, &mut witness, at(60), (base, 50_000), &[HERE]));
    }
    assert!(tell(&mut history, &mut witness, at(70), (4, 50_001), &[HERE; 2]));
    assert_eq!(fates(&witness), [(0, true), (4, true), (5, true)]);
}

#[test]
fn the_ring_grows_to_what_the_rate_asks_for_and_no_further() {
    // A packet each millisecond: two seconds are 2000 of them.
    let mut history = sent(10_000);
    assert_eq!(history.ring.len(), 2048);
    assert_eq!(history.in_flight(), 2048 * 1000);
    let mut fast = History::new();
    for number in 0..200_000 {
        fast.on_sent(Instant::from_nanos(number * 1000), 1000);
    }
    assert_eq!(fast.ring.len(), limits::CC_HISTORY);
    // The ring before: what is older is unknown.
    let mut witness = Witness::default();
    assert!(!tell(&mut history, &mut witness, at(10_100), (7000, 1), &[HERE; 100]));
    assert!(tell(&mut history, &mut witness, at(10_100), (9900, 1), &[HERE; 100]));
    assert_eq!((witness.0.len(), history.stats().unknown), (100, 100));
    history.trim(at(20_000));
    assert_eq!((history.ring.capacity(), history.in_flight()), (0, 0));
    assert!(!tell(&mut history, &mut witness, at(20_000), (9990, 1), &[HERE; 10]));
    // The numbers go on.
    assert_eq!(history.on_sent(at(20_000), 1000).number, UNWRAPPED_BASE + 10_000);
}

proptest! {
    /// Whatever the peer says: what is told was sent, and arrives once; what is in flight is what nothing was told of.
    #[test]
    fn only_what_was_sent_is_told(
        steps in proptest::collection::vec(
            (0_u64..40, any::<u16>(), -200_i32..200, proptest::collection::vec(
                prop_oneof![Just(GONE), Just(HERE), any::<i16>().prop_map(|delta| PacketStatus::Received { delta })],
                1..60,
            ), any::<bool>()),
            1..30,
        ),
    ) {
        let (mut history, mut model, mut now) = (History::new(), BTreeMap::new(), 0);
        for (packets, far, reference, statuses, near) in steps {
            for _ in 0..packets {
                now += 1;
                let departure = history.on_sent(at(now), 100 + usize::try_from(now % 1000).unwrap());
                model.insert(departure.number, (departure.len, false, false));
            }
            let base = if near { history.next_sequence().minus(far % 64).0 } else { far };
            let mut witness = Witness::default();
            tell(&mut history, &mut witness, at(now), (base, 1000 + reference), &statuses);
            for result in witness.0 {
                let told = model.get_mut(&result.number);
                prop_assert!(told.is_some(), "never sent");
                let (len, known, arrived) = told.expect("it is there");
                prop_assert_eq!(result.len, *len);
                prop_assert!(!*arrived && (!*known || result.arrived_after.is_some()));
                (*known, *arrived) = (true, result.arrived_after.is_some());
            }
            let unknown: usize = model.values().filter(|(_, known, _)| !known).map(|(len, ..)| len).sum();
            prop_assert_eq!(history.in_flight(), unknown);
        }
    }
}
