//! Interactive connectivity establishment (RFC 8445): which pair of addresses carries data, and the peer's consent to it.
//!
//! [`Agent`] is one ICE agent with one data stream of one component. It trickles (RFC 8838), restarts, keeps consent
//! (RFC 7675) and waits patiently before it fails (RFC 8863). Its datagrams are STUN and nothing else.
//!
//! ```
//! use antiphon::ice::{Agent, Config, LocalCandidate};
//! use antiphon::{Instant, Rng, Seed};
//!
//! let rng = Rng::new(&Seed::from_bytes([1; 32]));
//! let mut agent = Agent::new(Instant::ZERO, rng, &Config::new())?;
//! let candidate = agent.add_local_candidate(LocalCandidate::udp("192.0.2.1:5000".parse()?))?;
//! assert_eq!(candidate.port, 5000);
//! assert!(agent.active_path().is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod agent;
mod candidate;
mod check;
mod checklist;
mod config;
mod consent;
mod credentials;
mod error;
mod event;
mod gather;
mod input;
mod nominate;
mod output;
mod pair;
mod reply;
mod role;
mod session;
mod stats;

pub use agent::Agent;
pub use candidate::LocalCandidate;
pub use config::{Config, RemoteParameters};
pub use credentials::Credentials;
pub use error::{CandidateError, ConfigError, CredentialsError};
pub use event::{Attached, Event, IceConnectionState, IceGatheringState};
pub use role::Role;
pub use stats::{CandidatePairState, CandidatePairStats, Counters, Stats};
