//! Key frames are asked for and asked of us only so often (RFC 4585 §3.5, RFC 5104 §3.5.1).

use crate::base::limits;
use crate::rtp::event::KeyframeRequest;
use crate::time::Instant;

/// Lets one request through and holds those that follow too soon; one of them is let through when its time has come.
#[derive(Clone, Debug, Default)]
pub(super) struct Throttle {
    passed_at: Option<Instant>,
    held: Option<KeyframeRequest>,
}

impl Throttle {
    /// Takes a request; whether it may pass now. One that may not is held.
    pub(super) fn request(&mut self, now: Instant, request: KeyframeRequest) -> bool {
        let open_at = self.opens_at();
        if open_at.is_some_and(|at| now < at) {
            // A FIR says more than a PLI: what is held becomes one.
            if self.held != Some(KeyframeRequest::Fir) {
                self.held = Some(request);
            }
            return false;
        }
        self.passed_at = Some(now);
        self.held = None;
        true
    }

    /// When what is held may pass.
    pub(super) fn due_at(&self) -> Option<Instant> {
        self.held.and_then(|_| self.opens_at())
    }

    /// What was held, if it may pass now.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<KeyframeRequest> {
        self.due_at().filter(|at| *at <= now)?;
        self.passed_at = Some(now);
        self.held.take()
    }

    /// There is a key frame: what is held is served.
    pub(super) const fn served(&mut self) {
        self.held = None;
    }

    fn opens_at(&self) -> Option<Instant> {
        self.passed_at.map(|at| at + limits::RTP_KEYFRAME_INTERVAL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    #[test]
    fn a_storm_becomes_one_request_an_interval() {
        let mut throttle = Throttle::default();
        let mut passed = 0;
        for millis in 0..3000 {
            let now = Instant::from_nanos(millis * 1_000_000);
            passed += u32::from(throttle.take_due(now).is_some());
            passed += u32::from(throttle.request(now, KeyframeRequest::Pli));
        }
        assert_eq!(passed, 10);
    }

    #[test]
    fn what_was_held_passes_once_and_the_stronger_kind_wins() {
        let mut throttle = Throttle::default();
        let at = |millis| Instant::ZERO + Duration::from_millis(millis);
        assert!(throttle.request(at(0), KeyframeRequest::Pli));
        assert!(!throttle.request(at(10), KeyframeRequest::Fir));
        assert!(!throttle.request(at(20), KeyframeRequest::Pli));
        assert_eq!(throttle.due_at(), Some(at(300)));
        assert_eq!(throttle.take_due(at(299)), None);
        assert_eq!(throttle.take_due(at(300)), Some(KeyframeRequest::Fir));
        assert_eq!(throttle.due_at(), None);
        throttle.request(at(310), KeyframeRequest::Pli);
        throttle.served();
        assert_eq!(throttle.due_at(), None);
    }
}
