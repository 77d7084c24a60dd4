//! What the peer told of packets sent and of the path, for whoever estimates it.

use core::time::Duration;
use std::collections::VecDeque;

use crate::base::bitrate::Bitrate;
use crate::base::limits;
use crate::cc::{self, Estimator, PacketResult, Report};
use crate::time::Instant;

/// One thing that the peer told.
///
/// ```
/// use antiphon::rtp::Feedback;
///
/// fn lost(feedback: &Feedback) -> bool {
///     matches!(feedback, Feedback::Packet(result) if result.arrived_after.is_none())
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Feedback {
    /// One packet arrived, or is missing. A missing one may be told again when it has arrived, an arrived one is not.
    Packet(PacketResult),
    /// The results before this one came together.
    Complete {
        /// When.
        at: Instant,
        /// Bytes that have left and of which the peer has told nothing yet.
        in_flight: usize,
        /// The round trip, and how long the peer kept the feedback back.
        round_trip: Option<Duration>,
    },
    /// The peer's own estimate of what it can take.
    Estimate {
        /// When it came.
        at: Instant,
        /// All streams together.
        bitrate: Bitrate,
    },
    /// What a report said of our streams.
    Report {
        /// When it came.
        at: Instant,
        /// Packets lost since the report before, in 256ths, the worst stream's.
        fraction_lost: u8,
        /// The round trip, if the report tells it.
        round_trip: Option<Duration>,
    },
}

/// What waits to be taken.
#[derive(Clone, Debug, Default)]
pub(super) struct FeedbackQueue {
    queue: VecDeque<Feedback>,
    /// Results that belong together, while they are handed over.
    batch: Vec<PacketResult>,
    /// Whether the application knows that there is something.
    is_told: bool,
}

impl FeedbackQueue {
    /// Appends; the oldest goes if nobody takes any.
    pub(super) fn push(&mut self, feedback: Feedback) {
        if self.queue.len() >= limits::RTP_FEEDBACK_QUEUE {
            self.queue.pop_front();
        }
        self.queue.push_back(feedback);
    }

    /// Appends what one feedback packet told.
    pub(super) fn push_results(&mut self, feedback: &cc::Feedback<'_>) {
        for result in feedback.results {
            self.push(Feedback::Packet(*result));
        }
        let cc::Feedback { now, in_flight, round_trip, .. } = *feedback;
        self.push(Feedback::Complete { at: now, in_flight, round_trip });
    }

    pub(super) fn pop(&mut self) -> Option<Feedback> {
        let feedback = self.queue.pop_front();
        self.is_told &= feedback.is_some();
        feedback
    }

    /// Whether the application is to be told now.
    pub(super) fn tell(&mut self) -> bool {
        !self.queue.is_empty() && !core::mem::replace(&mut self.is_told, true)
    }

    /// Hands everything to an estimator.
    pub(super) fn feed(&mut self, estimator: &mut dyn Estimator) {
        while let Some(feedback) = self.pop() {
            match feedback {
                Feedback::Packet(result) => self.batch.push(result),
                Feedback::Complete { at, in_flight, round_trip } => {
                    let results = &self.batch[..];
                    if !results.is_empty() {
                        estimator.on_feedback(&cc::Feedback { now: at, results, in_flight, round_trip });
                    }
                    self.batch.clear();
                }
                Feedback::Estimate { at, bitrate } => estimator.on_remote_limit(at, bitrate),
                Feedback::Report { at, fraction_lost, round_trip } => {
                    estimator.on_report(&Report { now: at, fraction_lost, round_trip });
                }
            }
        }
    }

    /// Gives memory back.
    pub(super) fn trim(&mut self) {
        self.queue.shrink_to_fit();
        self.batch = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cc::Target;

    /// Writes down what it is told.
    #[derive(Clone, Debug, Default)]
    struct Scribe(Vec<String>);

    impl Estimator for Scribe {
        fn on_feedback(&mut self, feedback: &cc::Feedback<'_>) {
            self.0.push(format!("{} results, {} in flight", feedback.results.len(), feedback.in_flight));
        }

        fn on_report(&mut self, report: &Report) {
            self.0.push(format!("{} lost", report.fraction_lost));
        }

        fn on_remote_limit(&mut self, _now: Instant, limit: Bitrate) {
            self.0.push(format!("{limit:?}"));
        }

        fn target(&self) -> Target {
            Target::new(Bitrate::from_bps(1))
        }

        fn duplicate(&self) -> Box<dyn Estimator> {
            Box::new(self.clone())
        }
    }

    #[test]
    fn an_estimator_is_fed_in_the_order_of_what_came() {
        let at = Instant::ZERO;
        let results = [PacketResult::new(1, at, 10), PacketResult::new(2, at, 10)];
        let mut queue = FeedbackQueue::default();
        assert!(!queue.tell());
        queue.push_results(&cc::Feedback { now: at, results: &results, in_flight: 5, round_trip: None });
        queue.push(Feedback::Report { at, fraction_lost: 3, round_trip: None });
        assert!(queue.tell() && !queue.tell());
        queue.push(Feedback::Estimate { at, bitrate: Bitrate::from_bps(9) });
        queue.push_results(&cc::Feedback { now: at, results: &results[..1], in_flight: 4, round_trip: None });
        let mut scribe = Scribe::default();
        queue.feed(&mut scribe);
        assert_eq!(scribe.0, ["2 results, 5 in flight", "3 lost", "9 bit/s", "1 results, 4 in flight"]);
        assert!(!queue.tell());
    }

    #[test]
    fn what_nobody_takes_is_bounded() {
        let mut queue = FeedbackQueue::default();
        for number in 0..20_000 {
            queue.push(Feedback::Packet(PacketResult::new(number, Instant::ZERO, 1)));
        }
        assert_eq!(queue.queue.len(), limits::RTP_FEEDBACK_QUEUE);
        assert!(matches!(queue.pop(), Some(Feedback::Packet(result)) if result.number == 20_000 - 8192));
    }
}
