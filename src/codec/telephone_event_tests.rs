//! Reports of telephone events: layout, repetition, long events, losses.

use super::*;

fn durations(packets: &[Packet]) -> Vec<u16> {
    packets.iter().map(|packet| packet.report.duration).collect()
}

#[test]
fn the_fields_stand_where_figure_1_has_them() {
    // RFC 4733 §2.3: event, E, R, volume, duration.
    let report = Report { event: 9, end: true, volume: 7, duration: 1600 };
    assert_eq!(report.to_bytes(), [0x09, 0x87, 0x06, 0x40]);
    assert_eq!(Report::parse(&[0x09, 0xc7, 0x06, 0x40]), Ok(report), "the reserved bit is ignored");
    assert_eq!(Report::parse(&[9, 7, 6]), Err(PayloadError::Truncated { len: 3 }));
    assert_eq!(Report::parse(&[]), Err(PayloadError::Empty));
}

#[test]
fn an_event_is_reported_with_a_frozen_timestamp_and_ends_three_times() {
    for rate in [8000, 48_000] {
        let packets: Vec<_> = Packets::new(1, 10, rate / 10, rate / 50).collect();
        assert_eq!(packets.iter().map(|packet| packet.marker).collect::<Vec<_>>(), {
            let mut markers = vec![false; 7];
            markers[0] = true;
            markers
        });
        let ends: Vec<_> = packets.iter().map(|packet| packet.report.end).collect();
        assert_eq!(ends, [false, false, false, false, true, true, true]);
        assert!(packets.iter().all(|packet| packet.offset == 0));
        let dues: Vec<_> = packets.iter().map(|packet| packet.due / (rate / 50)).collect();
        assert_eq!(dues, [1, 2, 3, 4, 5, 6, 7], "at a constant interval");
        let last = u16::try_from(rate / 10).unwrap();
        assert_eq!(durations(&packets)[4..], [last, last, last]);
    }
}

#[test]
fn an_event_shorter_than_the_interval_has_one_report_three_times() {
    let packets: Vec<_> = Packets::new(1, 10, 100, 400).collect();
    assert_eq!(durations(&packets), [100, 100, 100]);
    assert_eq!(packets.iter().map(|packet| packet.due).collect::<Vec<_>>(), [100, 500, 900]);
    assert!(packets[0].marker && !packets[1].marker);
}

#[test]
fn a_long_event_goes_on_in_a_second_segment() {
    // Three seconds at 48 kHz: two whole segments and 12930 ticks.
    let packets: Vec<_> = Packets::new(2, 10, 144_000, 2400).collect();
    assert!(packets.is_sorted_by_key(|packet| packet.due), "in order of time");
    assert_eq!(packets.iter().filter(|packet| packet.marker).count(), 1);
    for (segment, last) in [(0, 65_535), (65_535, 65_535), (131_070, 12_930)] {
        let of: Vec<_> = packets.iter().filter(|packet| packet.offset == segment).collect();
        assert_eq!(of.iter().filter(|packet| packet.report.duration == last).count(), 3);
        assert!(of.iter().all(|packet| packet.report.duration <= last));
        assert_eq!(of.iter().filter(|packet| packet.report.end).count(), if last == 12_930 { 3 } else { 0 });
    }
    let mut tracker = Tracker::new();
    let mut seen = packets.iter().filter_map(|packet| tracker.report(packet.offset, packet.report));
    assert!(matches!(seen.next(), Some(Progress::Began { event: 2, .. })));
    assert_eq!(seen.last(), Some(Progress::Ended { event: 2, duration: 144_000 }));
}

#[test]
fn an_event_is_heard_once_whatever_is_lost() {
    let packets: Vec<_> = Packets::new(3, 10, 1600, 400).collect();
    assert_eq!(packets.len(), 6);
    for lost in 0..1 << packets.len() {
        let mut tracker = Tracker::new();
        let seen: Vec<_> = (packets.iter().enumerate())
            .filter(|(index, _)| lost >> index & 1 == 0)
            .filter_map(|(_, packet)| tracker.report(77, packet.report))
            .collect();
        let ended = seen.iter().filter(|progress| matches!(progress, Progress::Ended { .. })).count();
        let any_end = lost & 0b11_1000 != 0b11_1000;
        assert_eq!(ended, usize::from(any_end), "lost {lost:b}");
        let began = seen.iter().filter(|progress| matches!(progress, Progress::Began { .. })).count();
        assert!(began <= 1);
        // The last report says the whole length even where all others are lost.
        assert!(!any_end || seen.last() == Some(&Progress::Ended { event: 3, duration: 1600 }));
    }
}

#[test]
fn an_old_repetition_does_not_begin_anew() {
    let mut tracker = Tracker::new();
    let end = |duration| Report { event: 1, end: true, volume: 0, duration };
    assert!(tracker.report(1000, end(400)).is_some());
    assert!(tracker.report(2000, end(300)).is_some());
    assert_eq!(tracker.report(1000, end(400)), None);
    assert_eq!(tracker.report(2000, end(300)), None);
    assert!(tracker.report(2000_u32.wrapping_add(1 << 30), end(300)).is_some());
}
