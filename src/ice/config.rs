//! What a caller may choose, and what the peer said.

use core::time::Duration;

use crate::base::limits;
use crate::ice::{ConfigError, Credentials, Role};

/// An agent's settings. Each setter takes and returns `self`; nothing is checked before `Agent::new`.
///
/// ```
/// use antiphon::ice::{Config, Role};
/// use core::time::Duration;
/// let config = Config::new().role(Role::Controlled).pacing(Duration::from_millis(20)).pair_limit(200);
/// # let _ = config;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Config {
    pub(crate) role: Role,
    pub(crate) lite: bool,
    pub(crate) pacing: Option<Duration>,
    pub(crate) pair_limit: usize,
    pub(crate) remote_candidate_limit: usize,
    pub(crate) peer_reflexive_limit: usize,
    pub(crate) mtu: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            role: Role::Controlling,
            lite: false,
            pacing: None,
            pair_limit: limits::ICE_PAIRS,
            remote_candidate_limit: 100,
            peer_reflexive_limit: 32,
            mtu: limits::DEFAULT_MTU,
        }
    }
}

impl Config {
    /// The interval between checks where nobody says another (RFC 8445 §14.2).
    pub const DEFAULT_PACING: Duration = Duration::from_millis(50);
    /// No pacing is faster (RFC 8445 §14.2).
    pub const MIN_PACING: Duration = Duration::from_millis(5);
    /// Nor is any slower: a peer that asks for more would hold us still.
    pub const MAX_PACING: Duration = Duration::from_secs(1);

    /// A full, controlling agent with the RFC's values.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The role to begin with; `Agent::set_role` changes it.
    #[must_use]
    pub const fn role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    /// Whether this is a lite agent: one on a public address that only answers (RFC 8445 §2.5).
    #[must_use]
    pub const fn lite(mut self, lite: bool) -> Self {
        self.lite = lite;
        self
    }

    /// The interval between checks to ask for with `a=ice-pacing` (RFC 8839 §5.5). The slower side decides.
    #[must_use]
    pub const fn pacing(mut self, pacing: Duration) -> Self {
        self.pacing = Some(pacing);
        self
    }

    /// The most pairs that are checked (RFC 8445 §6.1.2.5): 100, unless set.
    #[must_use]
    pub const fn pair_limit(mut self, pairs: usize) -> Self {
        self.pair_limit = pairs;
        self
    }

    /// The most candidates taken from the peer's descriptions: 100, unless set.
    #[must_use]
    pub const fn remote_candidate_limit(mut self, candidates: usize) -> Self {
        self.remote_candidate_limit = candidates;
        self
    }

    /// The most candidates learned from the peer's checks: 32, unless set.
    #[must_use]
    pub const fn peer_reflexive_limit(mut self, candidates: usize) -> Self {
        self.peer_reflexive_limit = candidates;
        self
    }

    /// Bytes of the shortest buffer that `poll_output` is given: 1200, unless set.
    #[must_use]
    pub const fn mtu(mut self, bytes: usize) -> Self {
        self.mtu = bytes;
        self
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if !(1..=limits::MAX_ICE_PAIRS).contains(&self.pair_limit) {
            return Err(ConfigError::PairLimit { value: self.pair_limit, max: limits::MAX_ICE_PAIRS });
        }
        let slowest = Self::MAX_PACING;
        if let Some(pacing) = self.pacing.filter(|p| !(Self::MIN_PACING..=slowest).contains(p)) {
            return Err(ConfigError::Pacing { millis: pacing.as_millis() });
        }
        if self.mtu < limits::MIN_MTU {
            return Err(ConfigError::Mtu { value: self.mtu, min: limits::MIN_MTU });
        }
        Ok(())
    }
}

/// What the peer's description says of its agent.
///
/// ```
/// use antiphon::ice::{Credentials, RemoteParameters};
/// let remote = RemoteParameters::new(Credentials::new("8hhY", "asd88fgpdd777uzjYhagZg")?);
/// assert!(remote.trickle && !remote.lite);
/// # Ok::<(), antiphon::ice::CredentialsError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteParameters {
    /// `a=ice-ufrag` and `a=ice-pwd`.
    pub credentials: Credentials,
    /// `a=ice-lite` was there.
    pub lite: bool,
    /// `a=ice-options` had `ice2`: the peer nominates once only.
    pub ice2: bool,
    /// `a=ice-pacing`.
    pub pacing: Option<Duration>,
    /// `a=ice-options` had `trickle`: candidates may follow the description.
    pub trickle: bool,
}

impl RemoteParameters {
    /// A full peer that trickles, with the default pacing.
    pub const fn new(credentials: Credentials) -> Self {
        Self { credentials, lite: false, ice2: true, pacing: None, trickle: true }
    }
}
