use super::*;
use crate::sim::Chance;

fn at(ms: u64) -> Instant {
    Instant::from_nanos(ms * 1_000_000)
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn wire(link: Link, seed: u64) -> Wire {
    Wire::new(link, Dice::new(seed))
}

/// The instants at which datagrams of 100 bytes arrive that are sent one each millisecond.
fn arrivals(link: Link, datagrams: u64) -> Vec<Option<Instant>> {
    let mut wire = wire(link, 2);
    let mut arrival = |sent: u64| match wire.carry(at(sent), 100, Ecn::NotEct) {
        Fate::Arrives(delivery) => Some(delivery.at),
        Fate::Dropped(_) => None,
    };
    (0..datagrams).map(&mut arrival).collect()
}

fn lost(link: Link, datagrams: u64) -> Vec<u64> {
    let fates = arrivals(link, datagrams);
    (0..datagrams).zip(fates).filter(|(_, fate)| fate.is_none()).map(|(at, _)| at).collect()
}

#[test]
fn a_bottleneck_spaces_datagrams_and_drops_at_the_tail() {
    // 8 Mbit/s is a byte in a microsecond; three datagrams of 972 + 28 bytes fit into 3000 bytes.
    let mut wire = wire(Link::new().delay(ms(10)).rate(Bitrate::from_bps(8_000_000), 3000), 1);
    let mut arrival = |now| match wire.carry(now, 972, Ecn::NotEct) {
        Fate::Arrives(delivery) => Ok(delivery.at),
        Fate::Dropped(drop) => Err(drop),
    };
    let four: Vec<_> = (0..4).map(|_| arrival(at(0))).collect();
    assert_eq!(four, [Ok(at(11)), Ok(at(12)), Ok(at(13)), Err(DropReason::Overflow)]);
    assert_eq!(arrival(at(1)), Ok(at(14)));
}

#[test]
fn jitter_keeps_the_order_and_reordering_does_not() {
    assert!(arrivals(Link::new().jitter(ms(20)), 200).is_sorted());
    let reordered = arrivals(Link::new().reorder(Chance::percent(20), ms(20)), 200);
    assert!(reordered.iter().all(Option::is_some));
    assert!(!reordered.is_sorted());
}

#[test]
fn loss_is_as_likely_as_it_says() {
    let count = lost(Link::new().loss(Chance::percent(10)), 10_000).len();
    assert!((900..1100).contains(&count), "{count} of 10000 lost");
}

#[test]
fn bursty_loss_comes_in_bursts() {
    let link = Link::new().bursty_loss(Chance::percent(1), Chance::percent(20), Chance::ALWAYS).delay(ms(1));
    let lost = lost(link, 20_000);
    // One spell in a hundred datagrams, five datagrams long: about one of twenty-one is lost.
    assert!((700..1200).contains(&lost.len()), "{} lost", lost.len());
    let followed = lost.windows(2).filter(|pair| pair[1] == pair[0] + 1).count();
    assert!(followed * 10 > lost.len() * 7, "{followed} of {} losses follow another", lost.len());
}

#[test]
fn outages_come_at_the_beginning_of_every_period() {
    let lost = lost(Link::new().outages(ms(100), ms(10)), 250);
    assert!(lost.iter().all(|sent| sent % 100 < 10));
    assert_eq!(lost.len(), 30);
}

#[test]
fn chosen_datagrams_are_dropped_and_no_others() {
    assert_eq!(lost(Link::new().drop_first(3), 50), [0, 1, 2]);
    assert_eq!(lost(Link::new().drop_exactly(&[7, 2, 30]), 50), [2, 7, 30]);
}

#[test]
fn a_link_that_is_set_counts_anew() {
    let mut wire = wire(Link::new().drop_first(1), 1);
    assert_eq!(wire.carry(at(0), 1, Ecn::NotEct), Fate::Dropped(DropReason::Chosen));
    assert_ne!(wire.carry(at(0), 1, Ecn::NotEct), Fate::Dropped(DropReason::Chosen));
    wire.set(Link::new().drop_first(1));
    assert_eq!(wire.carry(at(0), 1, Ecn::NotEct), Fate::Dropped(DropReason::Chosen));
}

#[test]
fn what_is_longer_than_the_mtu_is_dropped() {
    let mut wire = wire(Link::new().mtu(576), 1);
    assert_eq!(wire.carry(at(0), 577, Ecn::NotEct), Fate::Dropped(DropReason::TooLong));
    assert!(matches!(wire.carry(at(0), 576, Ecn::NotEct), Fate::Arrives(_)));
    assert_eq!(wire.reports_mtu(), None);
    wire.set(Link::new().mtu_reported(600));
    assert_eq!(wire.reports_mtu(), Some(600));
}

#[test]
fn only_what_is_ecn_capable_is_marked() {
    let ecn = |link: Link, sent: Ecn| match wire(link, 1).carry(at(0), 1, sent) {
        Fate::Arrives(delivery) => delivery.ecn,
        Fate::Dropped(drop) => panic!("{drop:?}"),
    };
    let marks = Link::new().mark(Chance::ALWAYS);
    assert_eq!(ecn(marks.clone(), Ecn::Ect0), Ecn::Ce);
    assert_eq!(ecn(marks.clone(), Ecn::Ect1), Ecn::Ce);
    assert_eq!(ecn(marks, Ecn::NotEct), Ecn::NotEct);
    assert_eq!(ecn(Link::new().bleach(), Ecn::Ect1), Ecn::NotEct);
    assert_eq!(ecn(Link::new(), Ecn::Ect1), Ecn::Ect1);
}

#[test]
fn codel_keeps_a_standing_queue_short_and_marks_where_it_can() {
    // 8 Mbit/s, offered 5 % too much by one who does not yield: 1050 bytes each millisecond. A queue of 100 ms would fill.
    let run = |link: Link, ecn: Ecn| {
        let mut wire = wire(link.rate(Bitrate::from_bps(8_000_000), 100_000), 1);
        let (mut worst, mut marks, mut drops) = (Duration::ZERO, 0, 0);
        for sent in 0..5000 {
            match wire.carry(at(sent), 1022, ecn) {
                Fate::Arrives(delivery) => {
                    marks += u32::from(delivery.ecn == Ecn::Ce);
                    if sent > 4000 {
                        worst = worst.max(delivery.at.saturating_duration_since(at(sent)));
                    }
                }
                Fate::Dropped(_) => drops += 1,
            }
        }
        (worst, marks, drops)
    };
    let (tail_drop, _, _) = run(Link::new(), Ecn::NotEct);
    let (managed, marks, drops) = run(Link::new().codel(ms(5), ms(100)), Ecn::NotEct);
    assert!(tail_drop > ms(95) && managed < ms(70), "{tail_drop:?} and {managed:?}");
    assert!(marks == 0 && drops > 0);
    let (_, marks, drops) = run(Link::new().codel(ms(5), ms(100)), Ecn::Ect0);
    assert!(marks > 0, "{marks} marks, {drops} drops");
}

#[test]
fn harm_changes_bytes_and_lengths_within_bounds() {
    let mut wire = wire(Link::new(), 4);
    let clean = vec![0; 100];
    for _ in 0..200 {
        let mut bytes = clean.clone();
        let len = wire.harm(Harm { corrupt: true, ..Harm::default() }, &mut bytes, 100);
        let flipped: u32 = bytes.iter().map(|byte| byte.count_ones()).sum();
        assert!(len == 100 && flipped <= 3);
        let shorter = wire.harm(Harm { truncate: true, ..Harm::default() }, &mut bytes, 100);
        assert!(shorter < 100);
        let longer = wire.harm(Harm { extend: true, ..Harm::default() }, &mut bytes, 100);
        assert!((101..=164).contains(&longer) && bytes.len() >= longer);
    }
}

#[test]
fn what_is_held_is_released_by_those_that_overtake_it() {
    let mut wire = wire(Link::new().overtake(Chance::ALWAYS, 2), 1);
    let Fate::Arrives(delivery) = wire.carry(at(0), 1, Ecn::NotEct) else { panic!("dropped") };
    assert_eq!((delivery.held_for, delivery.at), (2, at(1000)));
    wire.hold(5, 77, 2);
    let mut released = Vec::new();
    wire.overtake(|slot, serial| released.push((slot, serial)));
    assert!(released.is_empty());
    wire.overtake(|slot, serial| released.push((slot, serial)));
    wire.overtake(|slot, serial| released.push((slot, serial)));
    assert_eq!(released, [(5, 77)]);
}
