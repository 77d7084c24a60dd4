//! A constant rate, for tests and for networks that are known to carry it.

use super::estimator::{Estimator, Feedback, Target};
use crate::base::bitrate::Bitrate;
use crate::time::Instant;

/// Always the same target, but for what the peer asks: its limit is kept.
///
/// ```
/// use antiphon::Instant;
/// use antiphon::base::bitrate::Bitrate;
/// use antiphon::cc::{Estimator, Fixed};
///
/// let mut fixed = Fixed::new(Bitrate::from_bps(5_000_000));
/// assert_eq!(fixed.target().bitrate.as_bps(), 5_000_000);
/// fixed.on_remote_limit(Instant::ZERO, Bitrate::from_bps(1_000_000));
/// assert_eq!(fixed.target().bitrate.as_bps(), 1_000_000);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixed {
    target: Target,
    limit: Option<Bitrate>,
}

impl Fixed {
    /// A rate, at which packets leave evenly.
    pub const fn new(bitrate: Bitrate) -> Self {
        Self::with_target(Target::new(bitrate))
    }

    /// A target with a pacing rate or a window of its own.
    pub const fn with_target(target: Target) -> Self {
        Self { target, limit: None }
    }
}

impl Estimator for Fixed {
    /// The limit was of the path before.
    fn begin(&mut self, _now: Instant) {
        self.limit = None;
    }

    fn on_feedback(&mut self, _feedback: &Feedback<'_>) {}

    fn on_remote_limit(&mut self, _now: Instant, limit: Bitrate) {
        self.limit = Some(limit);
    }

    fn target(&self) -> Target {
        let limit = self.limit.unwrap_or(self.target.bitrate);
        Target { bitrate: self.target.bitrate.min(limit), ..self.target }
    }

    fn duplicate(&self) -> Box<dyn Estimator> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::super::PacketResult;
    use super::*;

    #[test]
    fn nothing_moves_it_but_the_peers_limit() {
        let wanted = Target::new(Bitrate::from_bps(3_000_000))
            .pacing(Bitrate::from_bps(9_000_000))
            .window_bytes(50_000);
        let mut fixed = Fixed::with_target(wanted);
        let lost = [PacketResult::new(1, Instant::ZERO, 1200)];
        fixed.on_feedback(&Feedback { now: Instant::ZERO, results: &lost, in_flight: 0, round_trip: None });
        assert_eq!((fixed.target(), fixed.due_at()), (wanted, None));
        fixed.on_remote_limit(Instant::ZERO, Bitrate::from_bps(4_000_000));
        assert_eq!(fixed.target(), wanted);
        fixed.on_remote_limit(Instant::ZERO, Bitrate::from_bps(100));
        assert_eq!(fixed.target().bitrate, Bitrate::from_bps(100));
        let copy: Box<dyn Estimator> = Box::new(fixed.clone());
        assert_eq!(copy.clone().target(), fixed.target());
        fixed.begin(Instant::ZERO);
        assert_eq!(fixed.target(), wanted);
    }
}
