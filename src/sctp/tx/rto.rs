//! Round trips and the retransmission timeout (RFC 9260 §6.3).

use core::time::Duration;

use crate::base::limits;
use crate::sctp::config::Config;
use crate::time::Instant;

/// Smoothed round trip, its variation, and the timeouts that follow from them.
#[derive(Clone, Debug)]
pub(crate) struct Rto {
    min: Duration,
    max: Duration,
    initial: Duration,
    /// How long the peer may keep an acknowledgement back, until we know.
    ack_delay: Duration,
    srtt: Option<Duration>,
    /// The last round trip measured.
    latest: Option<Duration>,
    var: Duration,
    /// Least round trip seen.
    least: Option<Duration>,
    /// Doublings since the last measurement: only that says that the timeout is long enough again (§6.3.3).
    backoff: u32,
    /// Expiries since the last acknowledgement.
    expiries: u32,
    /// When a round trip was last measured: once per round trip (§6.3.1 C4).
    measured_at: Option<Instant>,
    acks: AckManner,
}

/// Whether the peer answers the I bit (RFC 7053). Until it has done so a few times, and again once it has not, its delayed
/// acknowledgement is taken into account: below it every tail packet would be sent twice.
#[derive(Clone, Debug, Default)]
struct AckManner {
    prompt: u32,
    delay: Option<Duration>,
}

impl Rto {
    pub(crate) const fn new(config: &Config) -> Self {
        Self {
            min: config.rto_min,
            max: config.rto_max,
            initial: config.rto_initial,
            ack_delay: config.peer_sack_delay,
            srtt: None,
            latest: None,
            var: Duration::ZERO,
            least: None,
            backoff: 0,
            expiries: 0,
            measured_at: None,
            acks: AckManner { prompt: 0, delay: None },
        }
    }

    /// Takes a round trip measured by somebody else, for the first timeout.
    pub(crate) fn set_initial_rtt(&mut self, rtt: Duration) {
        self.initial = (rtt * 3).clamp(self.min, self.max);
    }

    /// What was measured was another path's; of this one `rtt` is known, if anything is.
    pub(crate) fn forget(&mut self, rtt: Option<Duration>) {
        (self.srtt, self.latest, self.var, self.least) = (None, None, Duration::ZERO, None);
        self.measured_at = None;
        self.collapse();
        if let Some(rtt) = rtt {
            self.set_initial_rtt(rtt);
        }
    }

    /// A round trip that is certain to be one: the packet was sent once.
    pub(crate) fn measured(&mut self, now: Instant, rtt: Duration) {
        self.least = Some(self.least.map_or(rtt, |least| least.min(rtt)));
        self.latest = Some(rtt);
        self.backoff = 0;
        // Of the smoothed round trip and the one that is: the former may be of a stall, and would keep itself alive.
        let apart = self.srtt.unwrap_or(rtt).min(rtt);
        if self.measured_at.is_some_and(|at| now < at + apart) {
            return;
        }
        match self.srtt {
            // §6.3.1 C2
            None => {
                self.srtt = Some(rtt);
                self.var = rtt / 2;
            }
            // §6.3.1 C3 with alpha 1/8, beta 1/4
            Some(srtt) => {
                self.var = self.var * 3 / 4 + srtt.abs_diff(rtt) / 4;
                self.srtt = Some(srtt * 7 / 8 + rtt / 8);
            }
        }
        self.measured_at = Some(now);
    }

    /// A packet alone in flight, with the I bit, was acknowledged after `rtt`.
    pub(crate) fn answered_immediate(&mut self, rtt: Duration) {
        let Some(least) = self.least else { return };
        let late = rtt.saturating_sub(least);
        if late >= limits::SCTP_LATE_ACK {
            self.acks = AckManner { prompt: 0, delay: Some(late.min(limits::SCTP_MAX_ACK_DELAY)) };
        } else {
            self.acks.prompt = self.acks.prompt.saturating_add(1);
        }
    }

    /// Something new was acknowledged.
    pub(crate) const fn acknowledged(&mut self) {
        self.expiries = 0;
    }

    /// The peer is there: what was doubled for its silence counts no more.
    pub(crate) const fn collapse(&mut self) {
        self.backoff = 0;
        self.expiries = 0;
    }

    /// §6.3.3 E2
    pub(crate) const fn expired(&mut self) {
        self.backoff = self.backoff.saturating_add(1);
        self.expiries = self.expiries.saturating_add(1);
    }

    /// How often the timer ran out since the last acknowledgement.
    pub(crate) const fn expiries(&self) -> u32 {
        self.expiries
    }

    pub(crate) const fn smoothed(&self) -> Option<Duration> {
        self.srtt
    }

    /// The round trip to spread a window over: after a stall the smoothed one stays long for a dozen samples, while the
    /// last one says what the path is again.
    pub(crate) fn pace(&self) -> Option<Duration> {
        Some(self.srtt?.min(self.latest?))
    }

    /// The least round trip measured.
    pub(crate) fn least(&self) -> Duration {
        self.least.unwrap_or_default()
    }

    /// The I bit was not answered before the timer ran out.
    pub(crate) fn distrust(&mut self) {
        self.acks.prompt = 0;
    }

    /// The timeout without back-off.
    pub(crate) fn base(&self) -> Duration {
        let honours = self.acks.prompt >= limits::SCTP_PROMPT_ACKS;
        let delay = self.acks.delay.unwrap_or(self.ack_delay);
        let margin = limits::SCTP_RTO_MARGIN;
        let timeout = match (self.srtt, self.least) {
            (Some(srtt), Some(least)) => {
                let timeout = srtt + (self.var * 4).max(margin);
                if honours { timeout } else { timeout.max(least + delay + margin) }
            }
            _ => self.initial,
        };
        timeout.clamp(self.min, self.max)
    }

    /// The timeout for what cannot ask to be answered at once, and so may be answered late.
    pub(crate) fn patient(&self) -> Duration {
        let delay = self.acks.delay.unwrap_or(self.ack_delay);
        let late = self.least.map_or(Duration::ZERO, |least| least + delay + limits::SCTP_RTO_MARGIN);
        self.current().max(late.min(self.max))
    }

    /// The timeout, doubled as often as it has run out.
    pub(crate) fn current(&self) -> Duration {
        self.doubled(self.backoff)
    }

    /// The timeout, doubled so many times.
    pub(crate) fn doubled(&self, times: u32) -> Duration {
        let factor = 1_u32.checked_shl(times).unwrap_or(u32::MAX);
        self.base().checked_mul(factor).map_or(self.max, |timeout| timeout.min(self.max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn rto() -> Rto {
        Rto::new(&Config::default())
    }

    #[test]
    fn begins_with_what_is_known() {
        let mut rto = rto();
        assert_eq!(rto.current(), ms(1000));
        rto.set_initial_rtt(ms(100));
        assert_eq!(rto.current(), ms(300));
        rto.set_initial_rtt(ms(1));
        assert_eq!(rto.current(), ms(200));
    }

    #[test]
    fn stays_above_a_delayed_acknowledgement_until_the_i_bit_is_seen_to_work() {
        let mut rto = rto();
        rto.measured(Instant::from_nanos(1), ms(50));
        for step in 1..200_u64 {
            rto.measured(Instant::from_nanos(1) + ms(60 * step), ms(50));
        }
        assert_eq!(rto.current(), ms(300));
        for _ in 0..limits::SCTP_PROMPT_ACKS {
            rto.answered_immediate(ms(51));
        }
        assert_eq!(rto.current(), ms(200));
        rto.answered_immediate(ms(300));
        assert_eq!(rto.current(), ms(50 + 250 + 50));
    }

    #[test]
    fn stays_above_a_steady_round_trip() {
        let mut rto = rto();
        for step in 1..1000_u64 {
            rto.measured(Instant::from_nanos(1) + ms(210 * step), ms(200));
            rto.answered_immediate(ms(200));
        }
        assert_eq!(rto.current(), ms(250));
    }

    #[test]
    fn doubles_to_the_ceiling_and_no_further() {
        let mut rto = rto();
        rto.expired();
        assert_eq!(rto.current(), ms(2000));
        for _ in 0..100 {
            rto.expired();
        }
        assert_eq!(rto.current(), ms(60_000));
        // An acknowledgement may be of what was sent first; only a round trip says something (Karn's algorithm).
        rto.acknowledged();
        assert_eq!((rto.current(), rto.expiries()), (ms(60_000), 0));
        rto.measured(Instant::from_nanos(1), ms(100));
        assert_eq!(rto.current(), ms(350));
    }

    #[test]
    fn measures_once_a_round_trip() {
        let mut rto = rto();
        let start = Instant::from_nanos(1);
        rto.measured(start, ms(100));
        rto.measured(start + ms(50), ms(900));
        assert_eq!(rto.smoothed(), Some(ms(100)));
        rto.measured(start + ms(100), ms(180));
        assert_eq!(rto.smoothed(), Some(ms(110)));
    }

    /// A stall is forgotten in as many round trips as are measured, however long it was.
    #[test]
    fn a_stall_is_forgotten_at_the_pace_of_the_path() {
        let mut rto = rto();
        let mut now = Instant::from_nanos(1);
        rto.measured(now, ms(5000));
        for _ in 0..40 {
            now += ms(50);
            rto.measured(now, ms(50));
        }
        assert!(rto.smoothed() < Some(ms(100)), "{:?}", rto.smoothed());
    }

    /// One quick round trip ends the slow pace of a stall; one slow one among quick ones does not begin it.
    #[test]
    fn the_pace_after_a_stall_is_that_of_the_last_round_trip() {
        let mut rto = rto();
        assert_eq!(rto.pace(), None);
        let mut now = Instant::from_nanos(1);
        rto.measured(now, ms(20_000));
        now += ms(50);
        rto.measured(now, ms(50));
        assert!(rto.smoothed() > Some(ms(10_000)), "{:?}", rto.smoothed());
        assert_eq!(rto.pace(), Some(ms(50)));
        for _ in 0..100 {
            now += ms(50);
            rto.measured(now, ms(50));
        }
        rto.measured(now + ms(50), ms(450));
        assert_eq!(rto.pace(), rto.smoothed());
        rto.forget(None);
        assert_eq!(rto.pace(), None);
    }
}
