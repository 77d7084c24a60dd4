//! Packets that left under transport-wide numbers, and what the peer tells of them.

use core::time::Duration;
use std::collections::VecDeque;

use crate::base::bitrate::Bitrate;
use crate::base::limits;
use crate::base::serial::{Seq16, UNWRAPPED_BASE};
use crate::time::Instant;
use crate::wire::rtcp::TransportFeedback;

/// What became of one packet that was sent.
///
/// ```
/// # use antiphon::rtp::PacketResult;
/// fn is_lost(result: &PacketResult) -> bool {
///     result.arrived_after.is_none()
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketResult {
    /// Counts the packets of the transport from an arbitrary number on; never wraps.
    pub number: u64,
    /// When it left.
    pub sent_at: Instant,
    /// Its length in bytes before protection.
    pub len: usize,
    /// When it arrived, on the peer's clock, since an instant of the peer's choosing; `None`: it had not when the peer told.
    pub arrived_after: Option<Duration>,
}

/// What there is for whoever estimates the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Feedback {
    /// One packet arrived, or is missing. A missing one may be told again when it has arrived, an arrived one is not.
    Packet(PacketResult),
    /// The results before this one came together, at that instant.
    Complete {
        /// When the feedback arrived.
        at: Instant,
    },
    /// The peer's own estimate of what it can take.
    Estimate {
        /// All streams together.
        bitrate: Bitrate,
    },
    /// What a report said of all our streams together.
    Report {
        /// Packets lost since the report before, in 256ths, the worst stream's.
        fraction_lost: u8,
        /// The round trip, if the report tells it.
        round_trip: Option<Duration>,
    },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Fate {
    /// Nothing is known of the number.
    #[default]
    Unknown,
    Sent,
    Missing,
    Arrived,
}

#[derive(Clone, Copy, Debug, Default)]
struct Departure {
    sent_at: Instant,
    len: u16,
    fate: Fate,
}

/// The packets sent last.
#[derive(Clone, Debug)]
pub(super) struct Departures {
    /// By number, a power of two long or empty.
    ring: Vec<Departure>,
    next: u64,
    /// How many of the last numbers are in the ring.
    kept: usize,
    last_at: Instant,
    /// The reference time of the last feedback, and the time on the peer's clock that stands for.
    reference: Option<(i32, i64)>,
}

impl Departures {
    pub(super) const fn new(now: Instant) -> Self {
        Self { ring: Vec::new(), next: UNWRAPPED_BASE, kept: 0, last_at: now, reference: None }
    }

    fn index(&self, number: u64) -> usize {
        #[expect(clippy::cast_possible_truncation, reason = "the mask keeps the low bits only")]
        let index = number as usize & self.ring.len().wrapping_sub(1);
        index
    }

    /// The number the next packet gets.
    pub(super) const fn next(&self) -> Seq16 {
        #[expect(clippy::cast_possible_truncation, reason = "the low quarter is the number")]
        let next = Seq16(self.next as u16);
        next
    }

    /// A packet left under [`next`](Self::next).
    pub(super) fn on_sent(&mut self, now: Instant, len: usize) {
        if self.kept >= self.ring.len() {
            self.make_room(now);
        }
        let index = self.index(self.next);
        if let Some(place) = self.ring.get_mut(index) {
            *place =
                Departure { sent_at: now, len: u16::try_from(len).unwrap_or(u16::MAX), fate: Fate::Sent };
        }
        self.next += 1;
        self.last_at = now;
        self.kept = (self.kept + 1).min(self.ring.len());
    }

    /// Grows, unless the ring holds a second already or as much as it may.
    fn make_room(&mut self, now: Instant) {
        let oldest = self.ring.get(self.index(self.next.wrapping_sub(self.kept as u64)));
        let long = oldest.is_some_and(|o| now.saturating_duration_since(o.sent_at) > Duration::from_secs(1));
        if long || self.ring.len() >= limits::RTP_TRANSPORT_WINDOW {
            return;
        }
        let len = (self.ring.len() * 2).max(64);
        let mut grown = vec![Departure::default(); len];
        for number in self.next - self.kept as u64..self.next {
            let departure = self.ring.get(self.index(number)).copied().unwrap_or_default();
            #[expect(clippy::cast_possible_truncation, reason = "the mask keeps the low bits only")]
            if let Some(place) = grown.get_mut(number as usize & (len - 1)) {
                *place = departure;
            }
        }
        self.ring = grown;
    }

    /// Takes feedback; returns how many of its packets are not known any more, or never were.
    pub(super) fn on_feedback(
        &mut self,
        now: Instant,
        feedback: &TransportFeedback<'_>,
        results: &mut VecDeque<Feedback>,
    ) -> u64 {
        let header = feedback.header;
        let reference = match self.reference {
            Some((earlier, micros)) => micros + header.reference_micros_since(earlier),
            None => 1 << 40,
        };
        let (mut unknown, mut told) = (0, false);
        let mut expected = header.base.unwrap_near(self.next);
        let end = expected + u64::from(feedback.status_count);
        for (sequence, ticks) in feedback.arrivals() {
            let number = sequence.unwrap_near(self.next);
            told |= self.on_missing(expected, number, results);
            expected = number + 1;
            let arrived = u64::try_from(reference + ticks * 250).map(Duration::from_micros);
            match self.fate(number) {
                Some((departure, Fate::Sent | Fate::Missing)) => {
                    let result = departure.result(number, arrived.ok());
                    push(results, Feedback::Packet(result));
                    told = true;
                    self.set_fate(number, Fate::Arrived);
                }
                Some((_, Fate::Arrived)) => {}
                Some((_, Fate::Unknown)) | None => unknown += 1,
            }
        }
        told |= self.on_missing(expected, end.min(self.next), results);
        if told {
            // What speaks of nothing we sent must not move the peer's clock either.
            self.reference = Some((header.reference_time, reference));
            push(results, Feedback::Complete { at: now });
        }
        unknown
    }

    /// Packets from `from` up to `to` are missing, which is told once.
    fn on_missing(&mut self, from: u64, to: u64, results: &mut VecDeque<Feedback>) -> bool {
        let oldest = self.next - self.kept as u64;
        let mut told = false;
        for number in from.max(oldest)..to.min(self.next) {
            if let Some((departure, Fate::Sent)) = self.fate(number) {
                push(results, Feedback::Packet(departure.result(number, None)));
                self.set_fate(number, Fate::Missing);
                told = true;
            }
        }
        told
    }

    fn fate(&self, number: u64) -> Option<(Departure, Fate)> {
        let known = number < self.next && self.next - number <= self.kept as u64;
        let departure = self.ring.get(self.index(number)).filter(|_| known)?;
        Some((*departure, departure.fate))
    }

    fn set_fate(&mut self, number: u64, fate: Fate) {
        let index = self.index(number);
        if let Some(place) = self.ring.get_mut(index) {
            place.fate = fate;
        }
    }

    /// Gives memory back if nothing has left for a while.
    pub(super) fn trim(&mut self, now: Instant) {
        if now.saturating_duration_since(self.last_at) >= limits::TRIM_AFTER {
            self.ring = Vec::new();
            self.kept = 0;
        }
    }
}

impl Departure {
    fn result(&self, number: u64, arrived_after: Option<Duration>) -> PacketResult {
        PacketResult { number, sent_at: self.sent_at, len: usize::from(self.len), arrived_after }
    }
}

/// Appends; the oldest goes if nobody takes any.
pub(super) fn push(results: &mut VecDeque<Feedback>, feedback: Feedback) {
    if results.len() >= limits::RTP_FEEDBACK_QUEUE {
        results.pop_front();
    }
    results.push_back(feedback);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::rtcp::{Compound, CompoundWriter, FeedbackHeader, Packet, PacketStatus};

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    fn tell(
        departures: &mut Departures,
        base: u16,
        reference_time: i32,
        statuses: &[PacketStatus],
    ) -> (Vec<Feedback>, u64) {
        let mut buf = [0; 200];
        let mut writer = CompoundWriter::new(&mut buf);
        let header = FeedbackHeader { base: Seq16(base), reference_time, ..FeedbackHeader::default() };
        writer.transport_feedback(&header, statuses).unwrap();
        let len = writer.finish();
        let Some(Ok(Packet::TransportFeedback(feedback))) = Compound::new(&buf[..len]).next() else {
            panic!()
        };
        let mut results = VecDeque::new();
        let unknown = departures.on_feedback(at(900), &feedback, &mut results);
        (results.into(), unknown)
    }

    const HERE: PacketStatus = PacketStatus::Received { delta: 4 };

    #[test]
    fn each_packet_is_told_once_and_a_missing_one_again_when_it_arrived() {
        let mut departures = Departures::new(at(0));
        (0..4).for_each(|n| departures.on_sent(at(n), 1000));
        let (told, unknown) = tell(&mut departures, 0, 1, &[HERE, PacketStatus::Missing, HERE]);
        let arrived: Vec<_> = told
            .iter()
            .filter_map(|feedback| match feedback {
                Feedback::Packet(result) => {
                    Some((result.number - UNWRAPPED_BASE, result.arrived_after.is_some()))
                }
                _ => None,
            })
            .collect();
        assert_eq!((arrived, unknown), (vec![(0, true), (1, false), (2, true)], 0));
        assert_eq!(told.last(), Some(&Feedback::Complete { at: at(900) }));
        let (again, _) = tell(&mut departures, 0, 2, &[HERE, HERE, HERE]);
        assert!(matches!(
            again[..],
            [Feedback::Packet(PacketResult { arrived_after: Some(_), .. }), Feedback::Complete { .. }]
        ));
        assert_eq!(tell(&mut departures, 0, 2, &[HERE, HERE, HERE]).0, []);
    }

    #[test]
    fn the_peers_clock_goes_on_over_the_wrap_of_its_reference() {
        let mut departures = Departures::new(at(0));
        (0..2).for_each(|n| departures.on_sent(at(n), 1000));
        let first = tell(&mut departures, 0, 0x7f_ffff, &[HERE]).0;
        let second = tell(&mut departures, 1, -0x80_0000, &[HERE]).0;
        let (Feedback::Packet(first), Feedback::Packet(second)) = (first[0], second[0]) else { panic!() };
        let apart = second.arrived_after.unwrap() - first.arrived_after.unwrap();
        assert_eq!(apart, Duration::from_millis(64));
    }

    #[test]
    fn n46_feedback_on_what_was_never_sent_changes_nothing() {
        let mut departures = Departures::new(at(0));
        departures.on_sent(at(0), 1000);
        assert_eq!(tell(&mut departures, 1, 5, &[HERE, HERE]), (vec![], 2));
        assert_eq!(tell(&mut departures, 40_000, 5, &[HERE; 10]), (vec![], 10));
        assert_eq!(departures.reference, None);
    }

    #[test]
    fn old_packets_make_room() {
        let mut departures = Departures::new(at(0));
        for n in 0..20_000 {
            departures.on_sent(at(n), 1000);
        }
        assert!(departures.ring.len() <= 2048);
        departures.trim(at(30_000));
        assert_eq!(tell(&mut departures, 19_999, 5, &[HERE]).1, 1);
    }
}
