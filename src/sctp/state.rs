//! The states of an association and what each owns.

use core::time::Duration;

use bytes::Bytes;

use super::event::CloseReason;
use crate::base::serial::Tsn;
use crate::time::{Instant, Timer};

/// The state of an association (RFC 9260 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not begun, or over.
    Closed,
    /// INIT sent.
    CookieWait,
    /// COOKIE ECHO sent.
    CookieEchoed,
    /// Up.
    Established,
    /// We shut down and wait for what is in flight.
    ShutdownPending,
    /// SHUTDOWN sent.
    ShutdownSent,
    /// The peer shuts down; we wait for what is in flight.
    ShutdownReceived,
    /// SHUTDOWN ACK sent.
    ShutdownAckSent,
}

/// A chunk that is repeated until it is answered: T1 or T2 (RFC 9260 §5.1, §9.2).
#[derive(Clone, Debug)]
pub(super) struct Repeat {
    pub(super) timer: Timer,
    /// It leaves with the next packet.
    pub(super) due: bool,
    /// How often it has been sent.
    pub(super) sent: u32,
    /// When it was first sent.
    pub(super) first_at: Instant,
}

impl Repeat {
    pub(super) const fn new() -> Self {
        Self { timer: Timer::stopped(), due: true, sent: 0, first_at: Instant::ZERO }
    }

    /// It leaves now, and again after `timeout`.
    pub(super) fn left(&mut self, now: Instant, timeout: Duration) {
        if self.sent == 0 {
            self.first_at = now;
        }
        self.sent += 1;
        self.due = false;
        self.timer.set(now + timeout);
    }
}

/// ```text
///                  connect              INIT ACK                COOKIE ACK, or the peer's COOKIE ECHO
///  Idle ------------------> CookieWait ---------> CookieEchoed ------------------> Established
///    |   COOKIE ECHO               |  COOKIE ECHO (the collision case)               ^  |      |
///    +-----------------------------+-------------------------------------------------+  |      | SHUTDOWN
///                                                                              shutdown |      v
///        SHUTDOWN COMPLETE                        all acknowledged                      v   ShutdownReceived
///  Over <------------------- ShutdownSent <------------------------- ShutdownPending           | all acknowledged
///    ^                            | SHUTDOWN                                                   v
///    |                            +-----------------------------------------------> ShutdownAckSent
///    +---------------------------------------------------------------------------------------+ SHUTDOWN COMPLETE
///  Any state goes to Closing by ABORT, sent or received, and from there to Over with the last datagram and event.
/// ```
#[derive(Clone, Debug)]
pub(super) enum Phase {
    Idle,
    CookieWait { init: Repeat },
    CookieEchoed { echo: Repeat, cookie: Bytes },
    Established,
    ShutdownPending,
    ShutdownSent { shutdown: Repeat },
    ShutdownReceived,
    ShutdownAckSent { ack: Repeat },
    Closing(Goodbye),
    Over,
}

/// The last thing said, and why.
#[derive(Clone, Debug)]
pub(super) struct Goodbye {
    pub(super) reason: CloseReason,
    pub(super) farewell: Option<Farewell>,
}

/// The last datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Farewell {
    /// ABORT with this cause.
    Abort(AbortCause),
    /// SHUTDOWN COMPLETE.
    ShutdownComplete,
}

/// Why we abort.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AbortCause {
    User,
    ProtocolViolation,
    MissingCookie,
    NoUserData(Tsn),
    InvalidMandatoryParameter,
    /// The address parameter, header and all.
    UnresolvableAddress(Bytes),
    /// The peer has told no tag to answer to: ours is reflected (RFC 9260 §3.3.3).
    NoTag,
}

impl Phase {
    pub(super) const fn state(&self) -> State {
        match self {
            Self::Idle | Self::Closing(_) | Self::Over => State::Closed,
            Self::CookieWait { .. } => State::CookieWait,
            Self::CookieEchoed { .. } => State::CookieEchoed,
            Self::Established => State::Established,
            Self::ShutdownPending => State::ShutdownPending,
            Self::ShutdownSent { .. } => State::ShutdownSent,
            Self::ShutdownReceived => State::ShutdownReceived,
            Self::ShutdownAckSent { .. } => State::ShutdownAckSent,
        }
    }

    /// Whether DATA is taken (RFC 9260 §6).
    pub(super) const fn takes_data(&self) -> bool {
        matches!(self, Self::Established | Self::ShutdownPending | Self::ShutdownSent { .. })
    }

    /// Whether SACK and everything about data on its way out is taken.
    pub(super) const fn has_data_out(&self) -> bool {
        matches!(self, Self::Established | Self::ShutdownPending | Self::ShutdownReceived)
    }

    /// Whether both sides know each other.
    pub(super) const fn is_up(&self) -> bool {
        matches!(
            self,
            Self::Established
                | Self::ShutdownPending
                | Self::ShutdownSent { .. }
                | Self::ShutdownReceived
                | Self::ShutdownAckSent { .. }
        )
    }

    pub(super) const fn is_over(&self) -> bool {
        matches!(self, Self::Closing(_) | Self::Over)
    }

    /// What is being repeated.
    pub(super) const fn repeat(&self) -> Option<&Repeat> {
        match self {
            Self::CookieWait { init: repeat }
            | Self::CookieEchoed { echo: repeat, .. }
            | Self::ShutdownSent { shutdown: repeat }
            | Self::ShutdownAckSent { ack: repeat } => Some(repeat),
            Self::Idle
            | Self::Established
            | Self::ShutdownPending
            | Self::ShutdownReceived
            | Self::Closing(_)
            | Self::Over => None,
        }
    }

    pub(super) const fn repeat_mut(&mut self) -> Option<&mut Repeat> {
        match self {
            Self::CookieWait { init: repeat }
            | Self::CookieEchoed { echo: repeat, .. }
            | Self::ShutdownSent { shutdown: repeat }
            | Self::ShutdownAckSent { ack: repeat } => Some(repeat),
            Self::Idle
            | Self::Established
            | Self::ShutdownPending
            | Self::ShutdownReceived
            | Self::Closing(_)
            | Self::Over => None,
        }
    }
}

/// What we chose for the association.
#[derive(Clone, Copy, Debug)]
pub(super) struct Local {
    /// The verification tag the peer puts into its packets.
    pub(super) tag: u32,
    pub(super) initial_tsn: Tsn,
}

/// What the peer chose.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    /// The verification tag we put into our packets.
    pub(super) tag: u32,
    pub(super) initial_tsn: Tsn,
    pub(super) window: u32,
    /// Streams we may send on.
    pub(super) outbound: u16,
    /// Streams it may send on.
    pub(super) inbound: u16,
    /// It knows FORWARD TSN.
    pub(super) partial: bool,
    /// It knows RE-CONFIG.
    pub(super) reconfig: bool,
}

/// An answer that leaves with one of the next packets.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// INIT ACK to `to`, alone in its packet.
    InitAck { to: u32, local: Local, cookie: Bytes, unrecognized: Bytes },
    /// ABORT to what cannot be accepted or belongs to no association, alone in its packet.
    Refuse {
        to: u32,
        /// The T bit: the tag is the sender's own idea of ours.
        reflected: bool,
        cause: Option<AbortCause>,
    },
    /// SHUTDOWN COMPLETE with the T bit to a SHUTDOWN ACK of an association we do not have.
    ShutdownComplete { to: u32 },
    /// HEARTBEAT ACK to this HEARTBEAT, header and all.
    HeartbeatAck(Bytes),
    /// ERROR with these unrecognised parameters.
    UnrecognizedParameters(Bytes),
    /// ERROR with this unrecognised chunk.
    UnrecognizedChunk(Bytes),
    /// ERROR: the stream does not exist.
    InvalidStream(u16),
    /// ERROR: the cookie is too old by this many microseconds; to a peer that has no association with us.
    StaleCookie { to: u32, micros: u32 },
    /// ERROR: cookie while shutting down.
    ShuttingDown,
}

impl Answer {
    /// Whether it has a packet and a verification tag of its own.
    pub(super) const fn stands_alone(&self) -> bool {
        matches!(
            self,
            Self::InitAck { .. }
                | Self::Refuse { .. }
                | Self::ShutdownComplete { .. }
                | Self::StaleCookie { .. }
        )
    }
}
