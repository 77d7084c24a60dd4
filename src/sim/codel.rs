//! Controlled delay (RFC 8289): which datagrams a queue drops so that what stands in it does not stay.

use core::time::Duration;

use super::link::CodelTarget;
use crate::time::Instant;

/// The state of RFC 8289 §4.4. Times are those at which datagrams leave the queue.
#[derive(Clone, Debug, Default)]
pub(super) struct Codel {
    /// When the delay will have been above the target for an interval.
    first_above: Option<Instant>,
    dropping: bool,
    drop_next: Instant,
    count: u64,
    last_count: u64,
}

impl Codel {
    /// Whether the datagram that leaves the queue at `now`, having waited for `sojourn`, is to be dropped or marked.
    pub(super) fn drops(&mut self, conf: CodelTarget, now: Instant, sojourn: Duration) -> bool {
        let above = self.is_above(conf, now, sojourn);
        if self.dropping {
            if !above {
                self.dropping = false;
            } else if now >= self.drop_next {
                self.count += 1;
                self.drop_next = control_law(conf, self.drop_next, self.count);
                return true;
            }
            return false;
        }
        if !above {
            return false;
        }
        self.dropping = true;
        // One that has been dropping lately goes on near the rate it had.
        let delta = self.count - self.last_count;
        let lately = now.saturating_duration_since(self.drop_next) < conf.interval * 16;
        self.count = if lately && delta > 1 { delta } else { 1 };
        self.last_count = self.count;
        self.drop_next = control_law(conf, now, self.count);
        true
    }

    fn is_above(&mut self, conf: CodelTarget, now: Instant, sojourn: Duration) -> bool {
        if sojourn < conf.target {
            self.first_above = None;
            return false;
        }
        let since = *self.first_above.get_or_insert(now + conf.interval);
        now >= since
    }
}

/// `at + interval / sqrt(count)`, in integers so that it is the same everywhere.
fn control_law(conf: CodelTarget, at: Instant, count: u64) -> Instant {
    let root = count.saturating_mul(1 << 20).isqrt().max(1);
    let nanos = conf.interval.as_nanos().saturating_mul(1 << 10) / u128::from(root);
    at + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONF: CodelTarget =
        CodelTarget { target: Duration::from_millis(5), interval: Duration::from_millis(100) };

    fn at(ms: u64) -> Instant {
        Instant::from_nanos(1_000_000_000 + ms * 1_000_000)
    }

    #[test]
    fn a_standing_queue_is_dropped_from_after_an_interval_and_faster_and_faster() {
        let mut codel = Codel::default();
        let waits = Duration::from_millis(20);
        let drops: Vec<u64> = (0..400).filter(|ms| codel.drops(CONF, at(*ms), waits)).collect();
        assert_eq!(&drops[..4], [100, 200, 271, 329], "interval / sqrt(count) apart");
    }

    #[test]
    fn a_burst_that_drains_is_left_alone() {
        let mut codel = Codel::default();
        let sojourn = |ms: u64| Duration::from_millis(if ms % 90 < 60 { 30 } else { 1 });
        assert!((0..2000).all(|ms| !codel.drops(CONF, at(ms), sojourn(ms))));
    }
}
