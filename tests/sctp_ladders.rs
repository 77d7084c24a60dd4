//! SCTP step by step: what each side sends, in which order and when, and what each packet changes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::unchecked_time_subtraction,
    reason = "the numbers of a test are small"
)]

mod sctp_common;

#[path = "sctp_ladders/acknowledgement.rs"]
mod acknowledgement;
#[path = "sctp_ladders/api.rs"]
mod api;
#[path = "sctp_ladders/behaviours.rs"]
mod behaviours;
#[path = "sctp_ladders/congestion.rs"]
mod congestion;
#[path = "sctp_ladders/delivery.rs"]
mod delivery;
#[path = "sctp_ladders/heartbeat.rs"]
mod heartbeat;
#[path = "sctp_ladders/partial.rs"]
mod partial;
#[path = "sctp_ladders/reset.rs"]
mod reset;
#[path = "sctp_ladders/retransmission.rs"]
mod retransmission;
#[path = "sctp_ladders/setup.rs"]
mod setup;
#[path = "sctp_ladders/shutdown.rs"]
mod shutdown;
#[path = "sctp_ladders/tags.rs"]
mod tags;
#[path = "sctp_ladders/timeout.rs"]
mod timeout;
#[path = "sctp_ladders/unknown.rs"]
mod unknown;
#[path = "sctp_ladders/window.rs"]
mod window;
