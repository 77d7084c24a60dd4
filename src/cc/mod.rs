//! The seams of congestion control: what an estimator is told, and what it says.
//!
//! A packet that leaves is put down in a [`History`], which numbers it for the whole transport. The peer's feedback is read against it
//! and becomes [`PacketResult`]s: each tells of a packet that was really sent, as arrived at most once. An [`Estimator`] makes a
//! [`Target`] of them, which encoders, pacer and data channels share. Everything here is values and arithmetic: `now` is an
//! argument, and an estimator that has something to do on its own says when.
//!
//! ```
//! use antiphon::Instant;
//! use antiphon::base::bitrate::Bitrate;
//! use antiphon::cc::{Departure, Estimator, Fixed, History};
//! use antiphon::wire::rtcp::{Compound, Packet};
//! use core::time::Duration;
//!
//! let (mut history, mut estimator) = (History::new(), Fixed::new(Bitrate::from_bps(2_000_000)));
//! let sent_at = Instant::ZERO;
//! for _ in 0..2 {
//!     // This number goes into the packet's header extension.
//!     let _sequence = history.next_sequence();
//!     estimator.on_sent(&history.on_sent(sent_at, 1200));
//! }
//!
//! // The peer says: the packet of number 0 has not arrived, that of number 1 has.
//! let rtcp = [0x8f, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 1, 0, 0x90, 0, 4, 0];
//! let Some(Ok(Packet::TransportFeedback(told))) = Compound::new(&rtcp).next() else { panic!("no feedback") };
//! let now = sent_at + Duration::from_millis(70);
//! let feedback = history.on_feedback(now, &told).expect("it tells something new");
//! assert_eq!(feedback.results.iter().filter(|result| result.arrived_after.is_none()).count(), 1);
//! assert_eq!((feedback.in_flight, feedback.round_trip), (0, Some(Duration::from_millis(70))));
//! estimator.on_feedback(&feedback);
//! assert_eq!(estimator.target().bitrate, Bitrate::from_bps(2_000_000));
//! ```

pub mod estimator;
pub mod fixed;
pub mod history;

pub use estimator::{Departure, Estimator, Feedback, PacketResult, Report, Target};
pub use fixed::Fixed;
pub use history::{History, HistoryStats};
