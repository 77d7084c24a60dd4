//! When a request is sent again and when it is given up, as arithmetic (RFC 8489 §6.2.1).

use core::time::Duration;

/// The retransmission schedule of one request over UDP. Transmissions are counted from 1.
///
/// ```
/// use antiphon::stun::Schedule;
/// use core::time::Duration;
///
/// let schedule = Schedule::default();
/// assert_eq!(schedule.wait_after(1), Duration::from_millis(500)); // then it is sent a second time
/// assert!(schedule.is_last(7));
/// assert_eq!(schedule.give_up_after(), Duration::from_millis(39_500));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Schedule {
    rto: Duration,
    transmissions: u32,
    last_wait: u32,
}

impl Schedule {
    /// First wait where nothing is known of the path.
    pub const INITIAL_RTO: Duration = Duration::from_millis(500);
    /// Rc: how often a request is sent at most.
    pub const TRANSMISSIONS: u32 = 7;
    /// Rm: how many first waits the last transmission is given.
    pub const LAST_WAIT: u32 = 16;
    /// Ti: how long a request over TCP or TLS is waited for.
    pub const RELIABLE_TIMEOUT: Duration = Duration::from_millis(39_500);

    /// A schedule whose first wait is `rto`.
    pub const fn new(rto: Duration) -> Self {
        Self { rto, transmissions: Self::TRANSMISSIONS, last_wait: Self::LAST_WAIT }
    }

    /// The same with another Rc, which is at least 1.
    #[must_use]
    pub const fn with_transmissions(self, transmissions: u32) -> Self {
        Self { transmissions: if transmissions == 0 { 1 } else { transmissions }, ..self }
    }

    /// The same with another Rm.
    #[must_use]
    pub const fn with_last_wait(self, last_wait: u32) -> Self {
        Self { last_wait, ..self }
    }

    /// The first wait.
    pub const fn rto(&self) -> Duration {
        self.rto
    }

    /// How often the request is sent at most.
    pub const fn transmissions(&self) -> u32 {
        self.transmissions
    }

    /// Whether the request is not sent again after this transmission.
    pub const fn is_last(&self, transmission: u32) -> bool {
        transmission >= self.transmissions
    }

    /// How long to wait after this transmission: for the next one, or to give up after the last. Doubles each time.
    pub const fn wait_after(&self, transmission: u32) -> Duration {
        if self.is_last(transmission) {
            return self.rto.saturating_mul(self.last_wait);
        }
        let doublings = transmission.saturating_sub(1);
        let factor = if doublings < 31 { 1 << doublings } else { u32::MAX };
        self.rto.saturating_mul(factor)
    }

    /// How long after the first transmission this one leaves.
    pub const fn sent_after(&self, transmission: u32) -> Duration {
        let doublings = transmission.saturating_sub(1);
        let factor = if doublings < 31 { (1 << doublings) - 1 } else { u32::MAX };
        self.rto.saturating_mul(factor)
    }

    /// How long after the first transmission the request has failed.
    pub const fn give_up_after(&self) -> Duration {
        self.sent_after(self.transmissions).saturating_add(self.wait_after(self.transmissions))
    }
}

impl Default for Schedule {
    fn default() -> Self {
        Self::new(Self::INITIAL_RTO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_the_example_of_rfc_8489() {
        let schedule = Schedule::default();
        let sent: Vec<_> = (1..=7).map(|n| schedule.sent_after(n).as_millis()).collect();
        assert_eq!(sent, [0, 500, 1500, 3500, 7500, 15_500, 31_500]);
        assert_eq!(schedule.give_up_after().as_millis(), 39_500);
        for n in 1..7 {
            assert_eq!(schedule.sent_after(n) + schedule.wait_after(n), schedule.sent_after(n + 1));
        }
    }

    #[test]
    fn one_transmission_only_has_the_last_wait() {
        let schedule = Schedule::new(Duration::from_millis(100)).with_transmissions(1).with_last_wait(4);
        assert!(schedule.is_last(1));
        assert_eq!(schedule.give_up_after(), Duration::from_millis(400));
    }

    #[test]
    fn absurd_counts_do_not_overflow() {
        let schedule = Schedule::new(Duration::MAX).with_transmissions(u32::MAX);
        assert_eq!(schedule.wait_after(u32::MAX - 1), Duration::MAX);
        assert_eq!(schedule.give_up_after(), Duration::MAX);
    }
}
