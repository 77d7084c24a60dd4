//! The trait that every estimator fits, what it is told and what it says.

use core::fmt;
use core::time::Duration;

use crate::base::bitrate::Bitrate;
use crate::net::Ecn;
use crate::time::Instant;

/// A packet that left.
///
/// ```
/// use antiphon::cc::History;
/// use antiphon::Instant;
///
/// let mut history = History::new();
/// let departure = history.on_sent(Instant::ZERO, 1200);
/// assert_eq!((departure.len, departure.in_flight), (1200, 1200));
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Departure {
    /// Counts the packets of the transport; never wraps.
    pub number: u64,
    /// When it left.
    pub sent_at: Instant,
    /// Its length in bytes.
    pub len: usize,
    /// Bytes that have left and of which the peer has told nothing, these included.
    pub in_flight: usize,
}

/// What became of a packet that was sent.
///
/// ```
/// use antiphon::Instant;
/// use antiphon::cc::PacketResult;
///
/// let lost = PacketResult::new(7, Instant::ZERO, 1200);
/// assert_eq!(lost.arrived_after, None);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketResult {
    /// Counts the packets of the transport; never wraps.
    pub number: u64,
    /// When it left.
    pub sent_at: Instant,
    /// Its length in bytes.
    pub len: usize,
    /// When it arrived, on the peer's clock, since an instant of that clock that stays the same; `None`: it had not when the peer told. Only
    /// differences mean something, and none between this and our own instants.
    pub arrived_after: Option<Duration>,
    /// The ECN field that it arrived with, where the feedback tells (RFC 8888).
    pub ecn: Ecn,
}

impl PacketResult {
    /// A packet that has not arrived.
    pub const fn new(number: u64, sent_at: Instant, len: usize) -> Self {
        Self { number, sent_at, len, arrived_after: None, ecn: Ecn::NotEct }
    }

    /// The same packet, arrived.
    #[must_use]
    pub const fn arrived(self, after: Duration, ecn: Ecn) -> Self {
        Self { arrived_after: Some(after), ecn, ..self }
    }
}

/// What one feedback packet of the peer's told that was not known before.
///
/// ```
/// use antiphon::Instant;
/// use antiphon::cc::{Feedback, PacketResult};
///
/// let results = [PacketResult::new(7, Instant::ZERO, 1200)];
/// let feedback = Feedback { now: Instant::ZERO, results: &results, in_flight: 0, round_trip: None };
/// assert!(feedback.results.iter().all(|result| result.arrived_after.is_none()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feedback<'a> {
    /// When it came.
    pub now: Instant,
    /// The packets it tells of, at least one, in order of their numbers. A missing one may be told again when it has arrived after all.
    pub results: &'a [PacketResult],
    /// Bytes that have left and of which the peer has told nothing yet.
    pub in_flight: usize,
    /// From the departure of the last packet that has newly arrived until now: the round trip, and how long the peer kept the
    /// feedback back.
    pub round_trip: Option<Duration>,
}

/// What a receiver report said of our streams (RFC 3550 §6.4.1).
///
/// ```
/// use antiphon::Instant;
/// use antiphon::cc::Report;
///
/// let report = Report { now: Instant::ZERO, fraction_lost: 26, round_trip: None };
/// assert_eq!(u32::from(report.fraction_lost) * 100 / 256, 10);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// When it came.
    pub now: Instant,
    /// Packets lost since the report before, in 256ths of those sent.
    pub fraction_lost: u8,
    /// The round trip, if the report tells it.
    pub round_trip: Option<Duration>,
}

/// What may leave.
///
/// ```
/// use antiphon::base::bitrate::Bitrate;
/// use antiphon::cc::Target;
///
/// let target = Target::new(Bitrate::from_bps(1_000_000));
/// assert_eq!((target.pacing, target.window_bytes), (target.bitrate, None));
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// What encoders and data channels may produce together, on average, headers and protection included.
    pub bitrate: Bitrate,
    /// How fast packets that wait may leave: at least `bitrate`, so that a large frame does not stay behind.
    pub pacing: Bitrate,
    /// Bytes that may be in flight; `None` where the rate alone decides.
    pub window_bytes: Option<usize>,
    /// The ECN field that media is to leave with.
    pub ecn: Ecn,
}

impl Target {
    /// A rate, and nothing beside it.
    pub const fn new(bitrate: Bitrate) -> Self {
        Self { bitrate, pacing: bitrate, window_bytes: None, ecn: Ecn::NotEct }
    }

    /// Packets may leave this fast.
    #[must_use]
    pub const fn pacing(self, pacing: Bitrate) -> Self {
        Self { pacing, ..self }
    }

    /// So many bytes may be in flight.
    #[must_use]
    pub const fn window_bytes(self, window: usize) -> Self {
        Self { window_bytes: Some(window), ..self }
    }

    /// Media leaves with this ECN field.
    #[must_use]
    pub const fn ecn(self, ecn: Ecn) -> Self {
        Self { ecn, ..self }
    }
}

/// Estimates what a path carries. State is values: an estimator reads no clock and draws no numbers.
///
/// One estimator serves one path and everything on it, media and data alike. It is told of each packet that leaves and of what became
/// of it, in the order in which that is learned, and asked for its target after each of these calls and after its timer.
///
/// ```
/// use antiphon::base::bitrate::Bitrate;
/// use antiphon::cc::{Estimator, Feedback, Target};
///
/// /// Halves its rate at each loss and adds a little at each feedback without one.
/// #[derive(Clone, Debug)]
/// struct Simple(u64);
///
/// impl Estimator for Simple {
///     fn on_feedback(&mut self, feedback: &Feedback<'_>) {
///         let lost = feedback.results.iter().any(|result| result.arrived_after.is_none());
///         self.0 = if lost { self.0 / 2 } else { self.0 + 10_000 };
///     }
///
///     fn target(&self) -> Target {
///         Target::new(Bitrate::from_bps(self.0))
///     }
///
///     fn duplicate(&self) -> Box<dyn Estimator> {
///         Box::new(self.clone())
///     }
/// }
/// ```
pub trait Estimator: fmt::Debug + Send + Sync {
    /// Another path begins to be used: what was learned is of the one before.
    fn begin(&mut self, now: Instant) {
        let _ = now;
    }

    /// A packet left.
    fn on_sent(&mut self, departure: &Departure) {
        let _ = departure;
    }

    /// Whether there is less to send than the target allows has changed: while there is, what arrives says little of what could.
    fn set_app_limited(&mut self, now: Instant, app_limited: bool) {
        let _ = (now, app_limited);
    }

    /// The peer told something new of packets that were sent.
    fn on_feedback(&mut self, feedback: &Feedback<'_>);

    /// A receiver report came. Where there is no feedback on single packets, it is all there is.
    fn on_report(&mut self, report: &Report) {
        let _ = report;
    }

    /// The peer asks for no more than this, of all streams together (REMB).
    fn on_remote_limit(&mut self, now: Instant, limit: Bitrate) {
        let _ = (now, limit);
    }

    /// When [`on_time`](Self::on_time) is to be called, if nothing else comes before: it must lie after the last `now`.
    fn due_at(&self) -> Option<Instant> {
        None
    }

    /// Time has come to `now`, perhaps far beyond what was asked for.
    fn on_time(&mut self, now: Instant) {
        let _ = now;
    }

    /// What may leave now.
    fn target(&self) -> Target;

    /// The same again, for a copy in a simulation.
    fn duplicate(&self) -> Box<dyn Estimator>;
}

impl Clone for Box<dyn Estimator> {
    fn clone(&self) -> Self {
        self.duplicate()
    }
}
