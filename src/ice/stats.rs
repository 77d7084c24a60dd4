//! What an agent counts and can tell about its pairs.

use core::time::Duration;

use crate::net::Path;
use crate::sdp::candidate::Candidate;

/// Why datagrams were dropped, and what was sent. Each number only grows.
///
/// ```
/// use antiphon::ice::{Agent, Config};
/// use antiphon::{Datagram, Instant, Rng, Seed};
///
/// let mut agent = Agent::new(Instant::ZERO, Rng::new(&Seed::from_bytes([1; 32])), &Config::new())?;
/// let (local, remote) = ("192.0.2.1:5000".parse()?, "192.0.2.2:5000".parse()?);
/// agent.handle_input(Instant::ZERO, Datagram::udp(local, remote, b"junk"));
/// assert_eq!(agent.counters().malformed, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Counters {
    /// No STUN message, or a broken one.
    pub malformed: u64,
    /// No or a wrong FINGERPRINT.
    pub bad_fingerprint: u64,
    /// Neither Binding request, nor its answer, nor an indication.
    pub unexpected_method: u64,
    /// A request without MESSAGE-INTEGRITY, or with a wrong one.
    pub request_bad_integrity: u64,
    /// A request whose USERNAME is not `ours:theirs` of a living generation.
    pub request_bad_username: u64,
    /// A request that lacks what a check must carry.
    pub request_incomplete: u64,
    /// A check that had come to a lite agent before: a repetition, or a copy from elsewhere. It is answered, and changes nothing.
    pub request_repeated: u64,
    /// A response that answers no request of ours.
    pub response_unknown: u64,
    /// A response without MESSAGE-INTEGRITY, or with a wrong one.
    pub response_bad_integrity: u64,
    /// An authenticated response from another address than the request went to.
    pub response_asymmetric: u64,
    /// A success response without a mapped address.
    pub response_incomplete: u64,
    /// An authenticated response with attributes that we had to understand and did not.
    pub response_unknown_attributes: u64,
    /// A datagram for an address that is no local candidate.
    pub unknown_local: u64,
    /// A datagram from an address that is refused.
    pub refused_remote: u64,
    /// Indications: they ask for nothing.
    pub indications: u64,
    /// Requests with attributes that we had to understand and did not (answered with 420).
    pub unknown_attributes: u64,
    /// Role conflicts that we answered with 487.
    pub role_conflicts_refused: u64,
    /// Role conflicts in which we gave way.
    pub role_conflicts_yielded: u64,
    /// Peer-reflexive candidates refused at the limit.
    pub peer_reflexive_refused: u64,
    /// Checks that came before the peer's description and were too many to remember.
    pub early_checks_refused: u64,
    /// Answers not given because too many waited.
    pub replies_refused: u64,
    /// Remote candidates that are kept but cannot be paired (TCP, names).
    pub candidates_unpaired: u64,
    /// Pairs dropped at the pair limit.
    pub pairs_dropped: u64,
    /// Anything that came when nothing could be done with it: after a failure.
    pub late: u64,
    /// Steps forward of the clock that were cut.
    pub time_jumps: u64,
    /// Checks sent, without retransmissions.
    pub checks_sent: u64,
    /// Checks sent again.
    pub checks_retransmitted: u64,
    /// Consent checks sent.
    pub consent_sent: u64,
    /// Consent checks answered.
    pub consent_received: u64,
    /// Requests answered.
    pub replies_sent: u64,
    /// Messages that did not fit the buffer.
    pub too_long: u64,
}

/// The W3C's `RTCStatsIceCandidatePairState`.
///
/// ```
/// use antiphon::ice::CandidatePairState;
/// assert!(CandidatePairState::Frozen < CandidatePairState::Succeeded);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum CandidatePairState {
    /// Not to be checked yet.
    Frozen,
    /// To be checked.
    Waiting,
    /// Being checked.
    InProgress,
    /// Works.
    Succeeded,
    /// Does not.
    Failed,
}

/// One pair as the W3C's statistics tell it.
///
/// ```
/// use antiphon::ice::{Agent, CandidatePairState, Config, Credentials, LocalCandidate, RemoteParameters};
/// use antiphon::{Instant, Rng, Seed};
///
/// let mut agent = Agent::new(Instant::ZERO, Rng::new(&Seed::from_bytes([1; 32])), &Config::new())?;
/// let mut candidate = agent.add_local_candidate(LocalCandidate::udp("192.0.2.1:5000".parse()?))?;
/// agent.set_remote(RemoteParameters::new(Credentials::new("8hhY", "asd88fgpdd777uzjYhagZg")?));
/// candidate.port = 6000; // The peer's is like ours, and on another port.
/// candidate.username_fragment = None;
/// agent.add_remote_candidate(&candidate)?;
/// let pair = &agent.stats().pairs[0];
/// assert_eq!((pair.path.remote.port(), pair.state), (6000, CandidatePairState::Frozen));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CandidatePairStats {
    /// Where it runs.
    pub path: Path,
    /// The position of its local candidate in [`Stats::local_candidates`].
    pub local: usize,
    /// The position of its remote candidate in [`Stats::remote_candidates`].
    pub remote: usize,
    /// RFC 8445 §6.1.2.3.
    pub priority: u64,
    /// How far its checks are.
    pub state: CandidatePairState,
    /// Whether it has been nominated.
    pub nominated: bool,
    /// Checks and consent checks sent, retransmissions included.
    pub requests_sent: u64,
    /// Checks that came.
    pub requests_received: u64,
    /// Answers sent.
    pub responses_sent: u64,
    /// Answers that came.
    pub responses_received: u64,
    /// Consent checks sent.
    pub consent_requests_sent: u64,
    /// The latest round trip.
    pub current_round_trip: Option<Duration>,
    /// The sum of all round trips.
    pub total_round_trip: Duration,
}

/// An agent's statistics.
///
/// ```
/// let stats = antiphon::ice::Stats::default();
/// assert!(stats.pairs.is_empty() && stats.selected.is_none());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Stats {
    /// What was dropped and sent.
    pub counters: Counters,
    /// Every pair that lives.
    pub pairs: Vec<CandidatePairStats>,
    /// Our candidates.
    pub local_candidates: Vec<Candidate>,
    /// The peer's.
    pub remote_candidates: Vec<Candidate>,
    /// The position of the selected pair in `pairs`.
    pub selected: Option<usize>,
    /// How often the selected pair changed.
    pub selected_changes: u64,
}
