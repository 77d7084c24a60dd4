//! Which packets of the transport arrived when, and the feedback that tells it.

use crate::base::limits;
use crate::base::serial::{Seq16, UNWRAPPED_BASE};
use crate::base::writer::Full;
use crate::time::Instant;
use crate::wire::rtcp::{CompoundWriter, FeedbackHeader, PacketStatus};

/// Ticks of 250 µs in a unit of the reference time.
const TICKS_PER_REFERENCE: u64 = 256;
/// Nanoseconds in a tick.
const TICK_NANOS: u64 = 250_000;
/// One chunk, one delta and padding: with less room nothing can be told.
const LEAST_ROOM: usize = 8;
/// What a feedback packet has before its statuses.
const HEAD_LEN: usize = 20;

/// The arrivals of the last packets.
#[derive(Clone, Debug)]
pub(super) struct Arrivals {
    epoch: Instant,
    /// By number, a power of two long or empty: one more than the arrival in ticks, 0 for none.
    ring: Vec<u64>,
    /// The lowest number that the next feedback is about.
    start: u64,
    highest: u64,
    /// Packets since the last feedback.
    fresh: usize,
    due_at: Option<Instant>,
    media_ssrc: u32,
    feedback_count: u8,
    statuses: Vec<PacketStatus>,
}

impl Arrivals {
    pub(super) const fn new(epoch: Instant) -> Self {
        Self {
            epoch,
            ring: Vec::new(),
            start: 0,
            highest: 0,
            fresh: 0,
            due_at: None,
            media_ssrc: 0,
            feedback_count: 0,
            statuses: Vec::new(),
        }
    }

    /// Takes the number of a packet that arrived.
    pub(super) fn on_packet(&mut self, now: Instant, sequence: Seq16, ssrc: u32) {
        let ticks = now.saturating_duration_since(self.epoch).as_nanos() / u128::from(TICK_NANOS);
        let ticks = u64::try_from(ticks).unwrap_or(0);
        let window = limits::RTP_TRANSPORT_WINDOW as u64;
        let mut number = sequence.unwrap_near(self.highest);
        if self.highest == 0 {
            number = UNWRAPPED_BASE + u64::from(sequence.0);
        }
        if self.highest == 0 || number > self.highest + window {
            self.ring.fill(0);
            (self.start, self.highest) = (number, number);
        }
        if number + window <= self.highest {
            return;
        }
        self.make_room(number.min(self.start), number);
        while self.highest < number {
            self.highest += 1;
            self.set(self.highest, 0);
        }
        if self.get(number) != 0 {
            return;
        }
        self.set(number, ticks + 1);
        self.start = self.start.min(number);
        self.media_ssrc = ssrc;
        self.fresh += 1;
        let soon = self.fresh >= limits::RTP_FEEDBACK_PACKETS;
        let at = if soon { now } else { now + limits::RTP_FEEDBACK_INTERVAL };
        self.due_at = Some(self.due_at.map_or(at, |due| due.min(at)));
    }

    /// When feedback is due, if there is something to tell.
    pub(super) const fn due_at(&self) -> Option<Instant> {
        self.due_at
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due_at.is_some_and(|at| at <= now)
    }

    /// Writes feedback on as many packets as fit; what is left stays due.
    pub(super) fn write(&mut self, out: &mut CompoundWriter<'_>, sender_ssrc: u32) -> Result<(), Full> {
        let room = out.remaining().saturating_sub(HEAD_LEN);
        let mut statuses = core::mem::take(&mut self.statuses);
        let (header, next) = self.collect(&mut statuses, room, sender_ssrc);
        if statuses.is_empty() && room >= LEAST_ROOM {
            // Nothing of the span is remembered any more: there is nothing to tell, and nothing stays due.
            self.statuses = statuses;
            (self.start, self.fresh, self.due_at) = (self.highest + 1, 0, None);
            return Ok(());
        }
        let written = if statuses.is_empty() {
            Err(Full { wanted: HEAD_LEN + LEAST_ROOM, left: out.remaining() })
        } else {
            out.transport_feedback(&header, &statuses)
        };
        self.statuses = statuses;
        written?;
        self.feedback_count = self.feedback_count.wrapping_add(1);
        self.start = next;
        if self.start > self.highest {
            self.fresh = 0;
            self.due_at = None;
        }
        Ok(())
    }

    /// Statuses from `start` on that take no more than `room` bytes and end with a packet that arrived; and the number after them.
    fn collect(
        &self,
        statuses: &mut Vec<PacketStatus>,
        room: usize,
        sender_ssrc: u32,
    ) -> (FeedbackHeader, u64) {
        statuses.clear();
        let base = (self.start..=self.highest).find(|number| self.get(*number) != 0).unwrap_or(self.highest);
        let reference = self.get(base).saturating_sub(1) / TICKS_PER_REFERENCE;
        let (mut last, mut used, mut end) = (reference * TICKS_PER_REFERENCE, 0, base);
        let mut kept = 0;
        for number in base..=self.highest {
            // A status takes at most two bits in chunks that cover seven; the last may be covered by one of its own.
            used += 1_usize;
            let Some(ticks) = self.get(number).checked_sub(1) else {
                statuses.push(PacketStatus::Missing);
                continue;
            };
            let Ok(delta) = i16::try_from(ticks.cast_signed() - last.cast_signed()) else { break };
            let deltas = if u8::try_from(delta).is_ok() { 1 } else { 2 };
            if used.div_ceil(7) * 2 + kept + deltas + 3 > room {
                break;
            }
            kept += deltas;
            last = ticks;
            statuses.push(PacketStatus::Received { delta });
            end = number + 1;
        }
        statuses.truncate(usize::try_from(end - base).unwrap_or(0));
        #[expect(clippy::cast_possible_truncation, reason = "24 bits of the reference time are told")]
        let reference_time = ((reference << 8) as u32).cast_signed() >> 8;
        #[expect(clippy::cast_possible_truncation, reason = "the low quarter is the number")]
        let base = Seq16(base as u16);
        let header = FeedbackHeader {
            sender_ssrc,
            media_ssrc: self.media_ssrc,
            base,
            reference_time,
            feedback_count: self.feedback_count,
        };
        (header, end)
    }

    fn index(&self, number: u64) -> usize {
        #[expect(clippy::cast_possible_truncation, reason = "the mask keeps the low bits only")]
        let index = number as usize & self.ring.len().wrapping_sub(1);
        index
    }

    /// 0 for what is not remembered.
    fn get(&self, number: u64) -> u64 {
        if number > self.highest || number + (self.ring.len() as u64) <= self.highest {
            return 0;
        }
        self.ring.get(self.index(number)).copied().unwrap_or(0)
    }

    fn set(&mut self, number: u64, value: u64) {
        let index = self.index(number);
        if let Some(place) = self.ring.get_mut(index) {
            *place = value;
        }
    }

    /// Lets the ring span from `low` to `high`, as far as it may.
    fn make_room(&mut self, low: u64, high: u64) {
        let span = usize::try_from(high.max(self.highest) - low + 1).unwrap_or(usize::MAX);
        let len = span.next_power_of_two().clamp(64, limits::RTP_TRANSPORT_WINDOW);
        if len <= self.ring.len() {
            // Numbers that fall out of the ring are not told any more.
            let reach = self.ring.len() as u64;
            self.start = self.start.max((high + 1).saturating_sub(reach));
            return;
        }
        let mut grown = Self { ring: vec![0; len], ..Self::new(self.epoch) };
        let kept = (self.ring.len() as u64).min(self.highest + 1);
        for number in self.highest + 1 - kept..=self.highest {
            grown.set(number, self.get(number));
        }
        self.ring = grown.ring;
        self.start = self.start.max((high + 1).saturating_sub(len as u64));
    }

    /// Gives memory back; arrivals before are not told any more.
    pub(super) fn trim(&mut self) {
        if self.due_at.is_none() {
            self.ring = Vec::new();
            self.statuses = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::rtcp::{Compound, Packet};
    use core::time::Duration;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const EPOCH: Instant = Instant::from_nanos(5_000_000_000);

    /// Everything that is told now: number to ticks since the epoch.
    fn told(arrivals: &mut Arrivals, mtu: usize) -> BTreeMap<u16, i64> {
        let mut all = BTreeMap::new();
        for _ in 0..2000 {
            if arrivals.due_at().is_none() {
                return all;
            }
            let mut buf = vec![0; mtu];
            let mut writer = CompoundWriter::new(&mut buf);
            arrivals.write(&mut writer, 1).unwrap();
            let len = writer.finish();
            let Some(Ok(Packet::TransportFeedback(feedback))) = Compound::new(&buf[..len]).next() else {
                panic!("no feedback")
            };
            let reference = i64::from(feedback.header.reference_time) * 256;
            all.extend(feedback.arrivals().map(|(sequence, ticks)| (sequence.0, reference + ticks)));
        }
        panic!("feedback never ends");
    }

    fn micros(micros: u64) -> Instant {
        EPOCH + Duration::from_micros(micros)
    }

    #[test]
    fn feedback_waits_for_its_interval_or_enough_packets() {
        let mut arrivals = Arrivals::new(EPOCH);
        assert_eq!(arrivals.due_at(), None);
        arrivals.on_packet(EPOCH, Seq16(1), 7);
        assert_eq!(arrivals.due_at(), Some(EPOCH + limits::RTP_FEEDBACK_INTERVAL));
        for n in 2..=u16::try_from(limits::RTP_FEEDBACK_PACKETS).unwrap() {
            arrivals.on_packet(EPOCH, Seq16(n), 7);
        }
        assert!(arrivals.is_due(EPOCH));
        assert_eq!(told(&mut arrivals, 1200).len(), limits::RTP_FEEDBACK_PACKETS);
        assert_eq!(arrivals.due_at(), None);
    }

    #[test]
    fn a_late_packet_is_told_with_those_around_it() {
        let mut arrivals = Arrivals::new(EPOCH);
        for n in [65_533, 65_534, 0] {
            arrivals.on_packet(micros(1000), Seq16(n), 7);
        }
        assert_eq!(told(&mut arrivals, 1200).keys().copied().collect::<Vec<_>>(), [0, 65_533, 65_534]);
        arrivals.on_packet(micros(9000), Seq16(65_535), 7);
        assert_eq!(told(&mut arrivals, 1200), BTreeMap::from([(65_535, 36), (0, 4)]));
    }

    #[test]
    fn a_leap_of_the_numbers_begins_anew() {
        let mut arrivals = Arrivals::new(EPOCH);
        arrivals.on_packet(micros(1000), Seq16(5), 7);
        arrivals.on_packet(micros(1000), Seq16(20_000), 7);
        assert_eq!(told(&mut arrivals, 1200).keys().copied().collect::<Vec<_>>(), [20_000]);
    }

    proptest! {
        #[test]
        fn what_arrived_is_told_when_it_arrived(
            start: u16, mtu in 60_usize..1200,
            packets in prop::collection::vec((0_u16..300, 0_u64..3_000_000), 1..200),
        ) {
            let mut arrivals = Arrivals::new(EPOCH);
            let mut model = BTreeMap::new();
            let mut sorted = packets;
            sorted.sort_by_key(|(_, at)| *at);
            for (offset, at) in sorted {
                let sequence = Seq16(start).plus(offset);
                arrivals.on_packet(micros(at), sequence, 7);
                model.entry(sequence.0).or_insert(i64::try_from(at / 250).unwrap());
            }
            prop_assert_eq!(told(&mut arrivals, mtu), model);
        }
    }
}
