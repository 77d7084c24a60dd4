//! Errors of the calls a caller makes.

use std::net::IpAddr;

/// Why a configuration was refused.
///
/// ```
/// use antiphon::ice::{Agent, Config, ConfigError};
/// use antiphon::{Instant, Rng, Seed};
///
/// let config = Config::new().pacing(core::time::Duration::from_millis(1));
/// let agent = Agent::new(Instant::ZERO, Rng::new(&Seed::from_bytes([1; 32])), &config);
/// assert_eq!(agent.err(), Some(ConfigError::Pacing { millis: 1 }));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The pair limit is zero or above what a checklist can hold.
    #[error("pair limit {value} is outside 1..={max}")]
    PairLimit {
        /// What was asked for.
        value: usize,
        /// The most there can be.
        max: usize,
    },
    /// The pacing is below 5 ms (RFC 8445 §14.2) or above one second.
    #[error("pacing of {millis} ms is outside 5..=1000")]
    Pacing {
        /// What was asked for, in milliseconds.
        millis: u128,
    },
    /// The MTU is too small.
    #[error("mtu {value} is below {min}")]
    Mtu {
        /// What was asked for.
        value: usize,
        /// The least there can be.
        min: usize,
    },
}

/// Why credentials were refused (RFC 8839 §5.4).
///
/// ```
/// use antiphon::ice::{Credentials, CredentialsError};
/// let refused = Credentials::new("abc", "asd88fgpdd777uzjYhagZg");
/// assert_eq!(refused, Err(CredentialsError::UfragLength { len: 3 }));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// The user fragment is not 4 to 256 characters long.
    #[error("user fragment of {len} characters, not 4 to 256")]
    UfragLength {
        /// How long it is.
        len: usize,
    },
    /// The password is not 22 to 256 characters long.
    #[error("password of {len} characters, not 22 to 256")]
    PasswordLength {
        /// How long it is.
        len: usize,
    },
    /// A character is no ice-char.
    #[error("character {character:?} is not allowed")]
    Character {
        /// The offender.
        character: char,
    },
}

/// Why a candidate was refused.
///
/// ```
/// use antiphon::ice::{Agent, CandidateError, Config, LocalCandidate};
/// use antiphon::{Instant, Rng, Seed};
///
/// let mut agent = Agent::new(Instant::ZERO, Rng::new(&Seed::from_bytes([1; 32])), &Config::new())?;
/// let refused = agent.add_local_candidate(LocalCandidate::udp("0.0.0.0:5000".parse()?));
/// assert!(matches!(refused, Err(CandidateError::Unspecified(_))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CandidateError {
    /// A wildcard address: bind the socket to an address, or say which one it is.
    #[error("address {0} is a wildcard")]
    Unspecified(IpAddr),
    /// Loopback, and the caller has added no loopback host.
    #[error("address {0} is loopback")]
    Loopback(IpAddr),
    /// A group address.
    #[error("address {0} is multicast")]
    Multicast(IpAddr),
    /// The broadcast address.
    #[error("address {0} is broadcast")]
    Broadcast(IpAddr),
    /// An IPv4 address in IPv6 clothes, which no candidate may wear (RFC 8445 §5.1.1.1).
    #[error("address {0} is an IPv4-mapped, IPv4-compatible or site-local IPv6 address")]
    Deprecated(IpAddr),
    /// Port 0, or no port.
    #[error("port {0} cannot be used")]
    Port(u16),
    /// The base and the advertised address are of different families.
    #[error("advertised address {advertised} is not of the family of {base}")]
    Family {
        /// The socket's address.
        base: IpAddr,
        /// The address to tell the peer.
        advertised: IpAddr,
    },
    /// A local candidate with this address exists.
    #[error("address {0} port {1} has been added before")]
    Duplicate(IpAddr, u16),
    /// No more candidates are taken.
    #[error("{limit} candidates are the limit")]
    TooMany {
        /// How many there may be.
        limit: usize,
    },
    /// Only component 1 exists.
    #[error("component {0} does not exist")]
    Component(u16),
    /// The candidate names another generation's user fragment.
    #[error("the candidate belongs to another generation")]
    Generation,
    /// A name that cannot be an mDNS one.
    #[error("the name is not an mdns name")]
    Name,
    /// The agent is closed.
    #[error("the agent is closed")]
    Closed,
}
