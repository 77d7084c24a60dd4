//! Numbers and timestamps of packets of several sources, one after the other, made those of one stream.

use super::clock::ticks;
use super::gaps::{Gaps, TooLate};
use crate::base::serial::{Seq16, UNWRAPPED_BASE};
use crate::time::Instant;

/// Where packets come from that are to be sent as one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Frames written whole.
    Frames,
    /// Packets of that source.
    Packets(u32),
}

/// Maps what is written to what is sent.
#[derive(Clone, Debug)]
pub(super) struct Splice {
    origin: Option<Origin>,
    /// The next number to be sent; all below are of the past.
    next: u64,
    /// Unwrapped number of the latest packet that came from the origin.
    latest: u64,
    /// What is added to numbers from the origin, less what was left out before them.
    number_offset: u64,
    gaps: Gaps,
    /// The lowest number sent from this origin.
    first: u64,
    timestamp_offset: u32,
    last_timestamp: u32,
    last_at: Instant,
}

/// A packet from before the switch to this source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BeforeSwitch;

impl Splice {
    /// Begins with that number and timestamp.
    pub(super) fn new(now: Instant, sequence: Seq16, timestamp: u32) -> Self {
        Self {
            origin: None,
            next: UNWRAPPED_BASE + u64::from(sequence.0),
            latest: 0,
            number_offset: 0,
            gaps: Gaps::new(0),
            first: 0,
            timestamp_offset: timestamp,
            last_timestamp: timestamp,
            last_at: now,
        }
    }

    /// The number after the highest sent.
    pub(super) const fn next(&self) -> u64 {
        self.next
    }

    /// Takes the next number for a packet of our own making.
    pub(super) const fn take_number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    /// The timestamp that a frame of that timestamp is sent with.
    pub(super) fn frame(&mut self, now: Instant, timestamp: u32, clock_rate: u32) -> u32 {
        if self.origin != Some(Origin::Frames) {
            self.switch(now, Origin::Frames, timestamp, clock_rate);
        }
        self.sent(now, timestamp.wrapping_add(self.timestamp_offset))
    }

    /// Number and timestamp that a packet is sent with, and whether its source is another than that of the packet before.
    pub(super) fn packet(
        &mut self,
        now: Instant,
        (ssrc, sequence): (u32, Seq16),
        timestamp: u32,
        clock_rate: u32,
    ) -> Result<(u64, u32, bool), BeforeSwitch> {
        let origin = Origin::Packets(ssrc);
        let mut number = sequence.unwrap_near(self.latest);
        let switched = self.origin != Some(origin);
        if switched {
            number = UNWRAPPED_BASE + u64::from(sequence.0);
            self.switch(now, origin, timestamp, clock_rate);
            self.latest = number;
            self.first = self.next;
            self.number_offset = self.next.wrapping_sub(number);
            self.gaps = Gaps::new(number);
        }
        // A number that was left out is gone: those behind it have taken its place.
        if self.gaps.is_left_out(number) {
            return Err(BeforeSwitch);
        }
        let sent = number.wrapping_add(self.number_offset).wrapping_sub(self.gaps.before(number));
        if sent < self.first || sent > self.next + (1 << 15) {
            return Err(BeforeSwitch);
        }
        self.gaps.keep(number);
        self.latest = self.latest.max(number);
        self.next = self.next.max(sent + 1);
        let timestamp = timestamp.wrapping_add(self.timestamp_offset);
        Ok((sent, self.sent(now, timestamp), switched))
    }

    /// Leaves a packet out, so that those behind it close up. One whose followers have been sent can only be filled in for.
    pub(super) fn skip(&mut self, ssrc: u32, sequence: Seq16) -> Result<(), TooLate> {
        if self.origin != Some(Origin::Packets(ssrc)) {
            return Ok(());
        }
        let number = sequence.unwrap_near(self.latest);
        self.gaps.leave_out(number)?;
        self.latest = self.latest.max(number);
        Ok(())
    }

    /// Lets timestamps of another origin go on where those before ended, by the time that has passed.
    fn switch(&mut self, now: Instant, origin: Origin, timestamp: u32, clock_rate: u32) {
        if self.origin.is_some() {
            let passed = ticks(now.saturating_duration_since(self.last_at), clock_rate).max(1);
            self.timestamp_offset = self.last_timestamp.wrapping_add(passed).wrapping_sub(timestamp);
        } else if let Origin::Packets(_) = origin {
            // The first timestamp is our own random one, whatever the source's is.
            self.timestamp_offset = self.last_timestamp.wrapping_sub(timestamp);
        }
        self.origin = Some(origin);
    }

    fn sent(&mut self, now: Instant, timestamp: u32) -> u32 {
        if timestamp.wrapping_sub(self.last_timestamp).cast_signed() >= 0 {
            self.last_timestamp = timestamp;
            self.last_at = now;
        }
        timestamp
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;
    use proptest::prelude::*;

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    fn packet(
        splice: &mut Splice,
        now: Instant,
        ssrc: u32,
        sequence: u16,
        timestamp: u32,
    ) -> Option<(u16, u32)> {
        let sent = splice.packet(now, (ssrc, Seq16(sequence)), timestamp, 90_000).ok();
        sent.map(|(number, timestamp, _)| (u16::try_from(number & 0xffff).unwrap(), timestamp))
    }

    #[test]
    fn a_switch_goes_on_where_the_other_source_ended() {
        let mut splice = Splice::new(at(0), Seq16(65_534), 1000);
        assert_eq!(packet(&mut splice, at(0), 1, 500, 7777), Some((65_534, 1000)));
        assert_eq!(packet(&mut splice, at(0), 1, 502, 7777), Some((0, 1000)));
        assert_eq!(packet(&mut splice, at(5), 1, 501, 7777), Some((65_535, 1000)));
        assert_eq!(packet(&mut splice, at(33), 1, 503, 7777 + 3000), Some((1, 4000)));
        assert_eq!(packet(&mut splice, at(66), 2, 9, 50), Some((2, 4000 + 2970)));
        assert_eq!(packet(&mut splice, at(66), 2, 8, 50), None);
        assert_eq!(packet(&mut splice, at(66), 2, 10, 50), Some((3, 6970)));
    }

    #[test]
    fn frames_keep_a_constant_offset() {
        let mut splice = Splice::new(at(0), Seq16(0), 1000);
        assert_eq!(splice.frame(at(0), 5, 48_000), 1005);
        assert_eq!(splice.frame(at(50), 965, 48_000), 1965);
        assert_eq!((splice.take_number(), splice.take_number()), (UNWRAPPED_BASE, UNWRAPPED_BASE + 1));
    }

    #[test]
    fn what_is_left_out_leaves_no_gap() {
        let mut splice = Splice::new(at(0), Seq16(10), 0);
        assert_eq!(packet(&mut splice, at(0), 1, 500, 0).map(|sent| sent.0), Some(10));
        assert_eq!(splice.skip(1, Seq16(501)), Ok(()));
        // 502 is lost on its way to us, 503 left out, 504 sent; 502 then comes late and finds its place.
        assert_eq!(splice.skip(1, Seq16(503)), Ok(()));
        assert_eq!(packet(&mut splice, at(0), 1, 504, 0).map(|sent| sent.0), Some(12));
        assert_eq!(packet(&mut splice, at(0), 1, 502, 0).map(|sent| sent.0), Some(11));
        assert_eq!(packet(&mut splice, at(0), 1, 503, 0), None);
        // 505 is lost, 506 sent; it turns out to be one to leave out when it is too late.
        assert_eq!(packet(&mut splice, at(0), 1, 506, 0).map(|sent| sent.0), Some(14));
        assert_eq!(splice.skip(1, Seq16(505)), Err(TooLate));
        assert_eq!(splice.skip(2, Seq16(505)), Ok(()));
    }

    proptest! {
        // However sources alternate, no number is sent twice and timestamps do not go back at a switch.
        #[test]
        fn numbers_are_never_sent_twice(
            start: u16, runs in prop::collection::vec((0_u32..3, any::<u16>(), any::<u32>(), 1_u16..20), 1..20),
        ) {
            let mut splice = Splice::new(at(0), Seq16(start), 0);
            let (mut seen, mut last, mut now) = (std::collections::BTreeSet::new(), 0, at(0));
            for (ssrc, sequence, timestamp, len) in runs {
                for n in 0..len {
                    now += Duration::from_millis(10);
                    let sequence = Seq16(sequence).plus(n);
                    let sent = splice.packet(now, (ssrc, sequence), timestamp.wrapping_add(u32::from(n) * 900), 90_000);
                    if let Ok((number, timestamp, switched)) = sent {
                        prop_assert!(seen.insert(number) || !switched);
                        prop_assert!(!switched || timestamp.wrapping_sub(last) < 1 << 31);
                        last = timestamp;
                    }
                }
            }
        }
    }
}
