//! How much may be in flight and how fast it leaves: the trait every algorithm fits, and RFC 9260 §7.2.
//!
//! The trait says what loss-based, delay-based and model-based algorithms ask of a transport: when each chunk left, what had been
//! delivered by then, whether the application or the network set the pace, and a say in when the next packet leaves.

use core::fmt;
use core::time::Duration;

use crate::base::limits;
use crate::time::Instant;

/// Where delivery stood when a chunk left: what rate samples are made of
/// (draft-cheng-iccrg-delivery-rate-estimation §3). All bytes are payload.
///
/// ```
/// use antiphon::Instant;
/// use antiphon::sctp::congestion::Delivery;
///
/// let left = Delivery { delivered: 10_000, ..Delivery::default() };
/// let sample = |delivered: u64| delivered - left.delivered;
/// assert_eq!(sample(22_000), 12_000);
/// assert_eq!(left.sent_at, Instant::ZERO);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// When the chunk left, for the last time if it was sent again.
    pub sent_at: Instant,
    /// Bytes acknowledged by then since the association began.
    pub delivered: u64,
    /// When the last of these had been acknowledged.
    pub delivered_at: Instant,
    /// When the chunk left that was acknowledged last: the beginning of the flight that the sample is about.
    pub first_sent_at: Instant,
    /// Whether the application rather than the network limited what was in flight.
    pub app_limited: bool,
    /// Whether it had been sent before.
    pub repeated: bool,
}

/// A SACK that acknowledged something new.
#[derive(Clone, Copy, Debug)]
pub struct Ack {
    /// When it arrived.
    pub now: Instant,
    /// Payload bytes it newly acknowledged.
    pub bytes: usize,
    /// Payload bytes in flight before it.
    pub in_flight: usize,
    /// Its cumulative TSN, unwrapped.
    pub cumulative: u64,
    /// Whether the cumulative TSN advanced.
    pub advanced: bool,
    /// The newest chunk it acknowledged, as it was when it left.
    pub newest: Delivery,
    /// The round trip of a chunk that was sent once, if it acknowledged one.
    pub rtt: Option<Duration>,
    /// Payload bytes acknowledged since the association began, these included.
    pub delivered: u64,
    /// Highest TSN sent so far, unwrapped.
    pub highest_sent: u64,
}

/// Chunks that reports about later ones have shown to be lost.
#[derive(Clone, Copy, Debug)]
pub struct Loss {
    /// When that was seen.
    pub now: Instant,
    /// Payload bytes lost.
    pub bytes: usize,
    /// Payload bytes still in flight, these not counted.
    pub in_flight: usize,
    /// Highest TSN sent so far, unwrapped.
    pub highest_sent: u64,
}

/// A packet with data that leaves.
#[derive(Clone, Copy, Debug)]
pub struct Departure {
    /// When.
    pub now: Instant,
    /// Its payload bytes.
    pub bytes: usize,
    /// Payload bytes in flight, these included.
    pub in_flight: usize,
    /// Whether all there is to send fits the window.
    pub app_limited: bool,
}

/// What an algorithm begins with.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// Longest packet in bytes.
    pub mtu: usize,
    /// `Config::initial_window_packets`.
    pub initial_packets: usize,
    /// `Config::burst_packets`: a window of no more is not spread.
    pub burst_packets: usize,
}

/// Decides how much may be in flight and how fast it leaves. State is values: an algorithm reads no clock and draws no numbers.
pub trait CongestionControl: fmt::Debug + Send + Sync {
    /// The handshake has told the peer's window in bytes; what was learned before is about another peer.
    fn begin(&mut self, peer_window: usize);
    /// The longest packet has changed.
    fn set_mtu(&mut self, mtu: usize);
    /// Data leaves.
    fn on_sent(&mut self, departure: &Departure);
    /// Data was acknowledged.
    fn on_ack(&mut self, ack: &Ack);
    /// Data was lost.
    fn on_loss(&mut self, loss: &Loss);
    /// T3 ran out, for the `expiries`th time in a row.
    fn on_timeout(&mut self, now: Instant, expiries: u32);
    /// Nothing was in flight for `idle`, while the timeout was `rto`.
    fn on_idle(&mut self, idle: Duration, rto: Duration);
    /// Bytes that may be in flight.
    fn window(&self) -> usize;
    /// Bytes below which the window grows exponentially; `usize::MAX` where there is no such thing.
    fn threshold(&self) -> usize;
    /// Whether lost data is being repaired.
    fn is_recovering(&self) -> bool;
    /// Bytes per second at which to send, if the algorithm wants to spread them.
    fn pacing_rate(&self, srtt: Duration) -> Option<u64>;
    /// Nothing with data leaves before this instant, whatever the rate and the window say; it becomes a deadline of the
    /// association. What fast retransmit sends at once (RFC 9260 §7.2.4) does not wait.
    fn send_at(&self) -> Option<Instant> {
        None
    }
    /// The same again, for a copy of the association in a simulation.
    fn duplicate(&self) -> Box<dyn CongestionControl>;
}

impl Clone for Box<dyn CongestionControl> {
    fn clone(&self) -> Self {
        self.duplicate()
    }
}

/// Which algorithm an association uses: a name, and how one is made.
///
/// ```
/// use antiphon::sctp::Config;
/// use antiphon::sctp::congestion::{Algorithm, NewReno};
///
/// let roomy = Algorithm::new("roomy", |start| {
///     Box::new(NewReno::new(start.mtu, 4 * start.initial_packets, start.burst_packets))
/// });
/// let config = Config { congestion: roomy, ..Config::default() };
/// assert_eq!(config.congestion.name(), "roomy");
/// assert_ne!(config.congestion, Algorithm::NEW_RENO);
/// ```
#[derive(Clone, Copy)]
pub struct Algorithm {
    name: &'static str,
    make: fn(&Start) -> Box<dyn CongestionControl>,
}

impl Algorithm {
    /// RFC 9260 §7.2 as [`NewReno`] has it.
    pub const NEW_RENO: Self = Self::new("new-reno", |start| {
        Box::new(NewReno::new(start.mtu, start.initial_packets, start.burst_packets))
    });

    /// An algorithm of the caller's own. Two of one name count as equal.
    pub const fn new(name: &'static str, make: fn(&Start) -> Box<dyn CongestionControl>) -> Self {
        Self { name, make }
    }

    /// Its name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn start(&self, start: &Start) -> Box<dyn CongestionControl> {
        (self.make)(start)
    }
}

impl Default for Algorithm {
    fn default() -> Self {
        Self::NEW_RENO
    }
}

impl PartialEq for Algorithm {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}
impl Eq for Algorithm {}

impl fmt::Debug for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Algorithm").field(&self.name).finish()
    }
}

/// RFC 9260 §7.2, with the larger first window and the pacing that make its bursts bearable.
///
/// ```
/// use antiphon::sctp::congestion::{CongestionControl, NewReno};
///
/// let reno = NewReno::new(1200, 10, 16);
/// assert_eq!((reno.window(), reno.is_recovering()), (12_000, false));
/// ```
#[derive(Clone, Debug)]
pub struct NewReno {
    mtu: usize,
    initial: usize,
    /// Below this window nothing is spread.
    burst: usize,
    cwnd: usize,
    ssthresh: usize,
    partial_bytes_acked: usize,
    /// Since the window last grew or emptied it has been used up.
    used: bool,
    /// Fast recovery ends when this TSN is acknowledged.
    recovery_until: Option<u64>,
    delay: DelayGuard,
}

/// Leaves slow start when the round trip grows, before the queue at the bottleneck overflows: `HyStart++` (RFC 9406 §4.2),
/// with the rounds delimited by TSN.
#[derive(Clone, Debug, Default)]
struct DelayGuard {
    round_ends: u64,
    samples: u32,
    least: Option<Duration>,
    least_before: Option<Duration>,
}

impl DelayGuard {
    /// Whether the round trip of this round has clearly grown over that of the round before.
    fn grew(&mut self, ack: &Ack) -> bool {
        if ack.cumulative >= self.round_ends {
            self.round_ends = ack.highest_sent;
            self.least_before = self.least.take();
            self.samples = 0;
        }
        let Some(rtt) = ack.rtt else { return false };
        self.least = Some(self.least.map_or(rtt, |least| least.min(rtt)));
        self.samples += 1;
        let (Some(least), Some(before)) = (self.least, self.least_before) else { return false };
        let allowed = (before / 8).clamp(limits::SCTP_DELAY_GROWTH_MIN, limits::SCTP_DELAY_GROWTH_MAX);
        self.samples >= limits::SCTP_DELAY_SAMPLES && least >= before + allowed
    }
}

impl NewReno {
    /// Begins with a window of `initial_packets` of `mtu` bytes; windows up to `burst_packets` are not spread.
    pub const fn new(mtu: usize, initial_packets: usize, burst_packets: usize) -> Self {
        Self {
            mtu,
            initial: mtu.saturating_mul(initial_packets),
            burst: mtu.saturating_mul(burst_packets),
            cwnd: mtu.saturating_mul(initial_packets),
            ssthresh: usize::MAX,
            partial_bytes_acked: 0,
            used: false,
            recovery_until: None,
            delay: DelayGuard { round_ends: 0, samples: 0, least: None, least_before: None },
        }
    }

    /// Nothing counts yet for the growth of the window.
    const fn begin_anew(&mut self) {
        (self.partial_bytes_acked, self.used) = (0, false);
    }

    const fn is_slow_start(&self) -> bool {
        self.cwnd <= self.ssthresh
    }

    /// §7.2.3: four packets at least, so that fast retransmit keeps working.
    fn halved(&self) -> usize {
        (self.cwnd / 2).max(4 * self.mtu)
    }

    fn grow(&mut self, ack: &Ack) {
        // Only a window that is used grows (§7.2.1, §7.2.2). Pacing and the peer's acknowledgements of every second packet leave
        // a little of it unused at any one time.
        if self.is_slow_start() {
            if self.delay.grew(ack) {
                self.ssthresh = self.cwnd;
            }
            if ack.in_flight >= self.cwnd / 2 {
                // §7.2.1 allows L > 1 to a sender that paces. One acknowledgement of much leaps no further than the threshold.
                let grown = self.cwnd + ack.bytes.min(limits::SCTP_SLOW_START_PACKETS * self.mtu);
                self.cwnd = grown.min(self.ssthresh.saturating_add(self.mtu));
            }
            return;
        }
        self.partial_bytes_acked += ack.bytes;
        // It need not be this acknowledgement that finds the window full: of those that came together the last finds little.
        self.used |= ack.in_flight + (self.cwnd / 8).max(4 * self.mtu) >= self.cwnd;
        if self.partial_bytes_acked >= self.cwnd {
            self.partial_bytes_acked -= self.cwnd;
            self.partial_bytes_acked = self.partial_bytes_acked.min(self.cwnd);
            if core::mem::take(&mut self.used) {
                self.cwnd += self.mtu;
            }
        }
    }
}

impl CongestionControl for NewReno {
    /// Starts again with what the peer can take as the threshold (§7.2.1), in whichever role we are.
    fn begin(&mut self, peer_window: usize) {
        *self = Self { cwnd: self.initial, ssthresh: peer_window.max(self.initial), ..self.clone() };
        self.recovery_until = None;
        self.begin_anew();
        self.delay = DelayGuard::default();
    }

    fn set_mtu(&mut self, mtu: usize) {
        let scale = |bytes: usize, old: usize| bytes / old.max(1) * mtu;
        self.initial = scale(self.initial, self.mtu);
        self.burst = scale(self.burst, self.mtu);
        self.mtu = mtu;
        self.cwnd = self.cwnd.max(mtu);
    }

    fn on_sent(&mut self, departure: &Departure) {
        debug_assert!(departure.in_flight >= departure.bytes, "what leaves is in flight");
    }

    fn on_ack(&mut self, ack: &Ack) {
        if let Some(until) = self.recovery_until {
            if ack.cumulative < until {
                return;
            }
            self.recovery_until = None;
            return;
        }
        if ack.advanced {
            self.grow(ack);
        }
        if ack.bytes >= ack.in_flight && !self.is_slow_start() {
            // §7.2.2: all that was in flight is acknowledged.
            self.begin_anew();
        }
    }

    /// §7.2.4: once per recovery, however much is lost in it.
    fn on_loss(&mut self, loss: &Loss) {
        if self.recovery_until.is_some() {
            return;
        }
        self.recovery_until = Some(loss.highest_sent);
        self.ssthresh = self.halved();
        self.cwnd = self.ssthresh;
        self.begin_anew();
    }

    /// §7.2.3. Fast recovery is over: staying in it would freeze the window until all that was ever sent is acknowledged. A
    /// timer that runs out again tells nothing new about the path's capacity.
    fn on_timeout(&mut self, _now: Instant, expiries: u32) {
        if expiries <= 1 {
            self.ssthresh = self.halved();
        }
        self.cwnd = self.mtu;
        self.begin_anew();
        self.recovery_until = None;
    }

    /// §7.2.1: what an idle sender knew of the path grows old, by half per timeout, though not below where it began.
    fn on_idle(&mut self, idle: Duration, rto: Duration) {
        let periods = idle.as_nanos() / rto.as_nanos().max(1);
        let floor = self.initial.min(self.cwnd);
        let shift = u32::try_from(periods).unwrap_or(u32::MAX);
        if shift > 0 {
            // "Before the first cwnd adjustment, the ssthresh [...] SHOULD be set to the cwnd", that growth back to it be quick. One
            // above it stays: a sender that has never filled the path knows nothing against it.
            self.ssthresh = self.ssthresh.max(self.cwnd);
        }
        self.cwnd = self.cwnd.checked_shr(shift).unwrap_or(0).max(floor);
    }

    fn window(&self) -> usize {
        self.cwnd
    }

    fn threshold(&self) -> usize {
        self.ssthresh
    }

    fn is_recovering(&self) -> bool {
        self.recovery_until.is_some()
    }

    fn pacing_rate(&self, srtt: Duration) -> Option<u64> {
        if self.cwnd <= self.burst || srtt.is_zero() {
            return None;
        }
        let cwnd = self.cwnd as u128;
        let ahead = if self.cwnd < self.ssthresh { cwnd * 2 } else { cwnd * 5 / 4 };
        u64::try_from(ahead * 1_000_000_000 / srtt.as_nanos()).ok()
    }

    fn duplicate(&self) -> Box<dyn CongestionControl> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
#[path = "congestion_tests.rs"]
mod tests;
