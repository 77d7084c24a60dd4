//! Packets that have left and wait for the peer's feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01).

use core::time::Duration;

use super::estimator::{Departure, Feedback, PacketResult};
use crate::base::limits;
use crate::base::serial::{Seq16, UNWRAPPED_BASE};
use crate::net::Ecn;
use crate::time::Instant;
use crate::wire::rtcp::TransportFeedback;

/// Where the peer's clock is counted from, so that nothing lies before it: 34 years in microseconds.
const CLOCK_BASE: i64 = 1 << 50;
/// Microseconds in a tick of a feedback.
const TICK_MICROS: i64 = 250;
/// Places of the ring that are made first.
const FIRST_PLACES: usize = 64;

/// What is known of a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Fate {
    #[default]
    Never,
    Sent,
    Missing,
    Arrived,
}

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    sent_at: Instant,
    len: u32,
    fate: Fate,
}

/// What feedback told that nothing came of.
///
/// ```
/// assert_eq!(antiphon::cc::HistoryStats::default().unknown, 0);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct HistoryStats {
    /// Arrivals of packets that were never sent, or so long ago that they are forgotten.
    pub unknown: u64,
    /// Arrivals that had been told before.
    pub repeated: u64,
    /// Arrivals at a time that cannot be.
    pub implausible: u64,
}

/// The packets sent last: a bounded ring, which allocates nothing once it has grown to what the rate asks for.
///
/// A peer can tell only of what was sent, and of each packet only once that it arrived: anything else moves a counter and nothing
/// beside it.
///
/// ```
/// use antiphon::cc::History;
/// use antiphon::Instant;
///
/// let mut history = History::new();
/// assert_eq!(history.next_sequence().0, 0);
/// history.on_sent(Instant::ZERO, 1200);
/// assert_eq!((history.next_sequence().0, history.in_flight()), (1, 1200));
/// ```
#[derive(Clone, Debug)]
pub struct History {
    /// By number; a power of two long, or empty.
    ring: Vec<Place>,
    next: u64,
    /// How many of the last numbers are in the ring.
    kept: usize,
    in_flight: usize,
    last_sent_at: Instant,
    peer: Option<PeerClock>,
    /// Feedback packets in a row of which nothing was plausible.
    doubted: u8,
    results: Vec<PacketResult>,
    stats: HistoryStats,
}

/// How the peer's clock is read.
#[derive(Clone, Copy, Debug)]
struct PeerClock {
    /// The reference time of the last feedback, and the microseconds that it stands for.
    reference: (i32, i64),
    /// The last arrival on the peer's clock less its departure on ours.
    transit: i64,
}

impl Default for History {
    fn default() -> Self {
        Self::new()
    }
}

impl History {
    /// Nothing has left yet. The first packet's sequence number is 0.
    pub const fn new() -> Self {
        Self {
            ring: Vec::new(),
            next: UNWRAPPED_BASE,
            kept: 0,
            in_flight: 0,
            last_sent_at: Instant::ZERO,
            peer: None,
            doubted: 0,
            results: Vec::new(),
            stats: HistoryStats { unknown: 0, repeated: 0, implausible: 0 },
        }
    }

    /// The transport-wide sequence number of the next packet.
    pub const fn next_sequence(&self) -> Seq16 {
        #[expect(clippy::cast_possible_truncation, reason = "the low quarter is the sequence number")]
        let next = Seq16(self.next as u16);
        next
    }

    /// Bytes that have left and of which the peer has told nothing, as far as they are remembered.
    pub const fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// What feedback told that nothing came of.
    pub const fn stats(&self) -> HistoryStats {
        self.stats
    }

    /// A packet of `len` bytes leaves under [`next_sequence`](Self::next_sequence).
    pub fn on_sent(&mut self, now: Instant, len: usize) -> Departure {
        if self.kept >= self.ring.len() {
            self.make_room(now);
        }
        let (number, index) = (self.next, self.index(self.next));
        let len = len.min(limits::MAX_DATAGRAM);
        if let Some(place) = self.ring.get_mut(index) {
            if place.fate == Fate::Sent {
                self.in_flight -= place.len as usize;
            }
            #[expect(clippy::cast_possible_truncation, reason = "a datagram has less than 2^16 bytes")]
            let sent = Place { sent_at: now, len: len as u32, fate: Fate::Sent };
            *place = sent;
            self.in_flight += len;
        }
        self.next += 1;
        self.kept = (self.kept + 1).min(self.ring.len());
        self.last_sent_at = now;
        Departure { number, sent_at: now, len, in_flight: self.in_flight }
    }

    /// The packet that left last, with the bytes that are under way by now; `None` if it is not remembered.
    pub(crate) fn last_departure(&self) -> Option<Departure> {
        let number = self.next.checked_sub(1)?;
        let place = self.place(number)?;
        let (sent_at, len) = (place.sent_at, place.len as usize);
        Some(Departure { number, sent_at, len, in_flight: self.in_flight })
    }

    /// Reads feedback that came at `now`; `None` if it tells nothing new of what was sent, and nothing has changed then.
    pub fn on_feedback(&mut self, now: Instant, told: &TransportFeedback<'_>) -> Option<Feedback<'_>> {
        self.results.clear();
        let header = told.header;
        let reference = self.peer.map_or(CLOCK_BASE, |peer| {
            peer.reference.1.saturating_add(header.reference_micros_since(peer.reference.0))
        });
        let base = header.base.unwrap_near(self.next);
        // All arrivals are held against the feedback before, so that they cannot lead each other astray.
        let (mut usual, mut newest) = (self.peer.map(|peer| peer.transit), None);
        let (mut expected, mut doubts) = (base, false);
        for (sequence, ticks) in told.arrivals() {
            let number = base + u64::from(sequence.minus(header.base.0).0);
            self.on_missing(expected, number);
            expected = number + 1;
            let arrived = reference.saturating_add(ticks.saturating_mul(TICK_MICROS));
            match self.arrival(number, arrived, usual) {
                Arrival::New(sent_at, transit) => {
                    usual = usual.or(Some(transit));
                    newest = Some((sent_at, transit));
                }
                Arrival::Implausible => doubts = true,
                Arrival::Unknown => {}
            }
        }
        self.on_missing(expected, base + u64::from(told.status_count));
        self.judge((header.reference_time, reference), newest.map(|(_, transit)| transit), doubts);
        if self.results.is_empty() {
            return None;
        }
        let round_trip = newest.map(|(sent_at, _)| now.saturating_duration_since(sent_at));
        Some(Feedback { now, results: &self.results, in_flight: self.in_flight, round_trip })
    }

    /// One packet arrived, the peer says, at that microsecond of its clock.
    fn arrival(&mut self, number: u64, arrived: i64, usual: Option<i64>) -> Arrival {
        let Some(place) = self.place(number) else {
            self.stats.unknown += 1;
            return Arrival::Unknown;
        };
        if place.fate == Fate::Arrived {
            self.stats.repeated += 1;
            return Arrival::Unknown;
        }
        let left = i64::try_from(place.sent_at.as_nanos() / 1000).unwrap_or(i64::MAX);
        let transit = arrived.saturating_sub(left);
        let change = usual.map_or(0, |usual| transit.abs_diff(usual));
        let since_base = u64::try_from(arrived).ok().filter(|_| u128::from(change) <= MAX_CHANGE_MICROS);
        let Some(since_base) = since_base else {
            self.stats.implausible += 1;
            return Arrival::Implausible;
        };
        self.settle(number, place, Fate::Arrived);
        let result = PacketResult::new(number, place.sent_at, place.len as usize);
        self.results.push(result.arrived(Duration::from_micros(since_base), Ecn::NotEct));
        Arrival::New(place.sent_at, transit)
    }

    /// The packets from `from` up to `to` are missing; each is told once.
    fn on_missing(&mut self, from: u64, to: u64) {
        let oldest = self.next - self.kept as u64;
        for number in from.max(oldest)..to.min(self.next) {
            if let Some(place) = self.place(number).filter(|place| place.fate == Fate::Sent) {
                self.settle(number, place, Fate::Missing);
                self.results.push(PacketResult::new(number, place.sent_at, place.len as usize));
            }
        }
    }

    /// Keeps the peer's clock if something arrived by it; forgets it if it has been beyond belief for long.
    fn judge(&mut self, reference: (i32, i64), transit: Option<i64>, doubts: bool) {
        if let Some(transit) = transit {
            self.peer = Some(PeerClock { reference, transit });
            self.doubted = 0;
        } else if doubts {
            self.doubted += 1;
            if self.doubted >= limits::CC_DOUBTED_FEEDBACK {
                self.peer = None;
                self.doubted = 0;
            }
        }
    }

    fn settle(&mut self, number: u64, place: Place, fate: Fate) {
        if place.fate == Fate::Sent {
            self.in_flight -= place.len as usize;
        }
        let index = self.index(number);
        if let Some(place) = self.ring.get_mut(index) {
            place.fate = fate;
        }
    }

    /// The packet of this number, if it was sent and is remembered.
    fn place(&self, number: u64) -> Option<Place> {
        if number >= self.next || self.next - number > self.kept as u64 {
            return None;
        }
        self.ring.get(self.index(number)).copied().filter(|place| place.fate != Fate::Never)
    }

    const fn index(&self, number: u64) -> usize {
        #[expect(clippy::cast_possible_truncation, reason = "the mask keeps the low bits only")]
        let index = number as usize & self.ring.len().wrapping_sub(1);
        index
    }

    /// Grows, unless the ring reaches far enough back or is as long as it may be.
    fn make_room(&mut self, now: Instant) {
        let oldest = self.next.checked_sub(self.kept as u64).and_then(|number| self.place(number));
        let long = oldest
            .is_some_and(|place| now.saturating_duration_since(place.sent_at) > limits::CC_HISTORY_TIME);
        if long || self.ring.len() >= limits::CC_HISTORY {
            return;
        }
        let len = (self.ring.len() * 2).max(FIRST_PLACES);
        let mut grown = Self { ring: vec![Place::default(); len], ..Self::new() };
        for number in self.next - self.kept as u64..self.next {
            let index = grown.index(number);
            if let (Some(place), Some(kept)) = (grown.ring.get_mut(index), self.place(number)) {
                *place = kept;
            }
        }
        self.ring = grown.ring;
    }

    /// Gives memory back if nothing has left for a while: what is told of these packets later is unknown.
    pub fn trim(&mut self, now: Instant) {
        if now.saturating_duration_since(self.last_sent_at) >= limits::TRIM_AFTER {
            self.ring = Vec::new();
            self.results = Vec::new();
            (self.kept, self.in_flight) = (0, 0);
        }
    }
}

/// [`limits::CC_TRANSIT_CHANGE`] in microseconds.
const MAX_CHANGE_MICROS: u128 = limits::CC_TRANSIT_CHANGE.as_micros();

/// What a told arrival is.
enum Arrival {
    /// News: when the packet left, and how long it was under way by the two clocks.
    New(Instant, i64),
    /// At a time that cannot be.
    Implausible,
    /// Of a packet that was not sent or had arrived.
    Unknown,
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
