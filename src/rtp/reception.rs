//! What the numbers of the packets of one source tell: loss, order and jitter (RFC 3550 §6.4.1, appendix A).

use core::time::Duration;

use super::sender::low;
use crate::base::limits;
use crate::base::serial::{Seq16, UNWRAPPED_BASE};
use crate::time::Instant;

/// Where a packet stands among those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// The first, or the first after the numbering began anew.
    Restart(u64),
    /// Later than all before, of which `last` was the latest; numbers are unwrapped.
    Next { number: u64, last: u64 },
    /// Earlier than the latest.
    Late(u64),
    /// So far from all before that the next one has to confirm it.
    Unsure,
    /// Of before the source was forgotten: what follows on it has been read.
    Past,
}

/// Counts the packets of one source.
#[derive(Clone, Debug, Default)]
pub(super) struct Reception {
    /// Unwrapped number of the first packet counted; 0 before that.
    first: u64,
    highest: u64,
    received: u64,
    expected_prior: u64,
    received_prior: u64,
    /// In sixteenths of a tick.
    jitter: u32,
    /// Arrival less timestamp of the packet before, in ticks, and that timestamp.
    transit: Option<(u32, u32)>,
    /// The number a packet must have to confirm a jump.
    confirms: Option<Seq16>,
    /// The highest number of the source when it was forgotten, until it is heard again: it numbers on (RFC 3711 §3.3.1 has no index go back).
    after: Option<Seq16>,
    started_at: Instant,
}

impl Reception {
    /// That of a source that had been forgotten.
    pub(super) fn after(after: Option<Seq16>) -> Self {
        Self { after, ..Self::default() }
    }

    /// The highest number that has been received, in this life of the source or the one before.
    pub(super) fn last(&self) -> Option<Seq16> {
        self.is_begun().then(|| Seq16(low(self.highest))).or(self.after)
    }

    /// Counts a packet.
    pub(super) fn on_packet(&mut self, now: Instant, sequence: Seq16) -> Arrival {
        if self.received == 0 {
            let behind = self.after.map(|after| after.minus(sequence.0).0);
            if behind.is_some_and(|behind| u64::from(behind) <= limits::RTP_MAX_MISORDER) {
                return Arrival::Past;
            }
            self.begin(now, sequence);
            return Arrival::Restart(self.highest);
        }
        let number = sequence.unwrap_near(self.highest);
        let ahead = number.saturating_sub(self.highest);
        let behind = self.highest.saturating_sub(number);
        if ahead > limits::RTP_MAX_DROPOUT || behind > limits::RTP_MAX_MISORDER {
            // Two in sequence show that the sender began anew (RFC 3550 appendix A.1).
            if self.confirms == Some(sequence) {
                self.begin(now, sequence);
                return Arrival::Restart(self.highest);
            }
            self.confirms = Some(sequence.next());
            return Arrival::Unsure;
        }
        self.received += 1;
        self.confirms = None;
        if ahead > 0 {
            let last = core::mem::replace(&mut self.highest, number);
            Arrival::Next { number, last }
        } else {
            Arrival::Late(number)
        }
    }

    fn begin(&mut self, now: Instant, sequence: Seq16) {
        let number = UNWRAPPED_BASE + u64::from(sequence.0);
        *self = Self { first: number, highest: number, received: 1, started_at: now, ..Self::default() };
    }

    /// Updates the jitter by a packet in order.
    pub(super) fn on_timestamp(&mut self, now: Instant, timestamp: u32, clock_rate: u32) {
        let micros = now.saturating_duration_since(self.started_at).as_nanos() / 1000;
        let arrival = u64::try_from(micros).unwrap_or(0).wrapping_mul(u64::from(clock_rate)) / 1_000_000;
        #[expect(clippy::cast_possible_truncation, reason = "timestamps wrap")]
        let transit = (arrival as u32).wrapping_sub(timestamp);
        let before = self.transit.replace((transit, timestamp));
        // Packets of one frame leave together: only between frames does the distance mean something.
        if let Some((before, last)) = before
            && last != timestamp
        {
            let distance = transit.wrapping_sub(before).cast_signed().unsigned_abs().min(u32::MAX >> 8);
            self.jitter = self.jitter.saturating_add(distance).saturating_sub((self.jitter + 8) >> 4);
        }
    }

    /// The number nearest to those received that has this sequence number.
    pub(super) const fn unwrap(&self, sequence: Seq16) -> u64 {
        sequence.unwrap_near(self.highest)
    }

    /// Whether anything has been received.
    pub(super) const fn is_begun(&self) -> bool {
        self.received > 0
    }

    pub(super) const fn highest(&self) -> u64 {
        self.highest
    }

    /// The highest sequence number with the count of its wraps above it.
    pub(super) const fn extended_highest(&self) -> u32 {
        #[expect(clippy::cast_possible_truncation, reason = "16 bits of wraps are what is reported")]
        let extended = (self.highest - UNWRAPPED_BASE) as u32;
        extended
    }

    #[cfg(test)]
    pub(super) const fn packets(&self) -> u64 {
        self.received
    }

    /// Packets expected less those received; negative if some came twice.
    pub(super) fn lost(&self) -> i64 {
        if self.received == 0 {
            return 0;
        }
        let expected = self.highest - self.first + 1;
        expected.wrapping_sub(self.received).cast_signed()
    }

    /// Packets lost since the last call, in 256ths of those expected.
    pub(super) fn take_fraction_lost(&mut self) -> u8 {
        let expected = if self.received == 0 { 0 } else { self.highest - self.first + 1 };
        let expected_interval = expected.saturating_sub(self.expected_prior);
        let received_interval = self.received - self.received_prior;
        self.expected_prior = expected;
        self.received_prior = self.received;
        let lost = expected_interval.saturating_sub(received_interval);
        let fraction = (lost << 8).checked_div(expected_interval).unwrap_or(0);
        u8::try_from(fraction).unwrap_or(u8::MAX)
    }

    /// In timestamp units.
    pub(super) const fn jitter(&self) -> u32 {
        self.jitter >> 4
    }

    pub(super) fn jitter_duration(&self, clock_rate: u32) -> Duration {
        let nanos = u64::from(self.jitter()) * 1_000_000_000 / u64::from(clock_rate.max(1));
        Duration::from_nanos(nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn loss_counts_what_was_expected_and_did_not_come() {
        let mut reception = Reception::default();
        for sequence in [65_534, 65_535, 1, 2, 5] {
            reception.on_packet(at(0), Seq16(sequence));
        }
        assert_eq!(reception.lost(), 3);
        assert_eq!(reception.take_fraction_lost(), u8::try_from(3 * 256 / 8).unwrap());
        assert_eq!(reception.extended_highest(), 1 << 16 | 5);
        assert_eq!(reception.on_packet(at(1), Seq16(0)), Arrival::Late(UNWRAPPED_BASE + 65_536));
        assert_eq!((reception.lost(), reception.take_fraction_lost()), (2, 0));
        for _ in 0..5 {
            reception.on_packet(at(2), Seq16(5));
        }
        assert_eq!(reception.lost(), -3);
    }

    #[test]
    fn a_jump_is_believed_when_it_is_confirmed() {
        let mut reception = Reception::default();
        reception.on_packet(at(0), Seq16(100));
        assert_eq!(reception.on_packet(at(0), Seq16(30_000)), Arrival::Unsure);
        assert_eq!(
            reception.on_packet(at(0), Seq16(101)),
            Arrival::Next { number: UNWRAPPED_BASE + 101, last: UNWRAPPED_BASE + 100 }
        );
        assert_eq!(reception.on_packet(at(0), Seq16(30_000)), Arrival::Unsure);
        assert_eq!(reception.on_packet(at(0), Seq16(30_001)), Arrival::Restart(UNWRAPPED_BASE + 30_001));
        assert_eq!((reception.lost(), reception.packets()), (0, 1));
    }

    // RFC 3550 §6.4.1: J += (|D| - J) / 16, here with packets 20 ms apart of which each other comes 8 ms late.
    #[test]
    fn jitter_follows_the_formula() {
        let mut reception = Reception::default();
        let mut expected = 0_i64;
        for n in 0..60_u32 {
            let late = u64::from(n % 2) * 8;
            let now = at(1000 + u64::from(n) * 20 + late);
            reception.on_packet(now, Seq16(u16::try_from(n).unwrap()));
            reception.on_timestamp(now, n * 160, 8000);
            if n > 0 {
                expected += 64 - ((expected + 8) >> 4);
            }
        }
        assert_eq!(i64::from(reception.jitter), expected);
        assert!((58..=64).contains(&reception.jitter()), "{}", reception.jitter());
        assert_eq!(
            reception.jitter_duration(8000),
            Duration::from_micros(u64::from(reception.jitter()) * 125)
        );
    }

    #[test]
    fn packets_of_one_frame_do_not_count_as_jitter() {
        let mut reception = Reception::default();
        for n in 0..10 {
            reception.on_packet(at(n * 5), Seq16(u16::try_from(n).unwrap()));
            reception.on_timestamp(at(n * 5), 7, 90_000);
        }
        assert_eq!(reception.jitter(), 0);
    }

    proptest! {
        #[test]
        fn in_any_order_all_are_counted_once(start: u16, order in Just((0..60_u16).collect::<Vec<_>>()).prop_shuffle()) {
            let mut reception = Reception::default();
            // The first to arrive is where counting begins, so the first is the first.
            reception.on_packet(at(0), Seq16(start));
            for offset in order {
                reception.on_packet(at(0), Seq16(start).plus(offset + 1));
            }
            prop_assert_eq!(reception.lost(), 0);
            prop_assert_eq!(reception.packets(), 61);
        }
    }
}
