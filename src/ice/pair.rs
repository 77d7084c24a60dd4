//! One candidate pair: its state, its consent and what it measured (RFC 8445 §6.1.2).

use core::time::Duration;

use crate::ice::CandidatePairState;
use crate::ice::role::Role;
use crate::net::Path;
use crate::time::Instant;

/// A local and a remote candidate, and everything known of what runs between them.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "the RFCs' flags, independent of one another")]
pub(crate) struct Pair {
    /// Position of the local candidate.
    pub(crate) local: u16,
    /// Position of the remote candidate.
    pub(crate) remote: u16,
    /// The foundations of both: pairs with equal ones are thawed together.
    pub(crate) foundation: (u16, u16),
    /// The local candidate's priority; a reflexive one's once a check has shown a NAT between.
    pub(crate) local_priority: u32,
    pub(crate) priority: u64,
    /// The priority that the peer's latest check of it carried.
    pub(crate) carried: Option<u32>,
    pub(crate) state: CandidatePairState,
    pub(crate) path: Path,
    /// It waits in the triggered-check queue.
    pub(crate) queued: bool,
    /// Controlling: its next check nominates. Controlled: the peer has nominated it, our check has not succeeded yet.
    pub(crate) nominating: bool,
    pub(crate) nominated: bool,
    /// Its consent checks had no answers; the next success clears it.
    pub(crate) stale: bool,
    /// Consent has expired or was revoked: never again in this generation (RFC 7675 §5.1).
    pub(crate) revoked: bool,
    /// The transaction that is under way and not cancelled.
    pub(crate) transaction: Option<u128>,
    /// When its first check of the present attempt left.
    pub(crate) checked_at: Option<Instant>,
    /// When the latest authenticated success response came: consent counts from here.
    pub(crate) confirmed_at: Option<Instant>,
    pub(crate) smoothed_rtt: Option<Duration>,
    /// The least it can be by the answer to a check that was sent more than once.
    pub(crate) guessed_rtt: Option<Duration>,
    pub(crate) tally: Tally,
}

/// What the W3C's statistics want of a pair.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) requests_sent: u32,
    pub(crate) requests_received: u32,
    pub(crate) responses_sent: u32,
    pub(crate) responses_received: u32,
    pub(crate) consent_sent: u32,
    pub(crate) latest_rtt: Option<Duration>,
    pub(crate) total_rtt: Duration,
}

impl Pair {
    /// Whether data may go here: validated, and consent younger than [`crate::ice::consent::EXPIRY`].
    pub(crate) fn is_usable(&self, now: Instant) -> bool {
        let fresh = |at: Instant| now.saturating_duration_since(at) < crate::ice::consent::EXPIRY;
        self.is_valid() && self.confirmed_at.is_some_and(fresh)
    }

    /// Whether a check has succeeded and consent was not lost.
    pub(crate) fn is_valid(&self) -> bool {
        self.state == CandidatePairState::Succeeded && !self.revoked
    }

    /// Takes a round trip that is certain: of a request that was sent once (RFC 6298 §3).
    pub(crate) fn measure(&mut self, rtt: Duration) {
        self.tally.latest_rtt = Some(rtt);
        self.tally.total_rtt += rtt;
        self.smoothed_rtt = Some(self.smoothed_rtt.map_or(rtt, |old| (old * 7 + rtt) / 8));
    }
}

/// RFC 8445 §6.1.2.3. Priorities are 31 bits (§5.1.2), whatever the peer says.
pub(crate) fn pair_priority(role: Role, local: u32, remote: u32) -> u64 {
    let (local, remote) = (local.min(i32::MAX.unsigned_abs()), remote.min(i32::MAX.unsigned_abs()));
    let (controlling, controlled) = match role {
        Role::Controlling => (local, remote),
        Role::Controlled => (remote, local),
    };
    let (low, high) = (controlling.min(controlled), controlling.max(controlled));
    (u64::from(low) << 32) + 2 * u64::from(high) + u64::from(controlling > controlled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_compute_the_same_priority() {
        assert_eq!(pair_priority(Role::Controlling, 7, 3), (3 << 32) + 14 + 1);
        assert_eq!(pair_priority(Role::Controlled, 3, 7), (3 << 32) + 14 + 1);
        assert_eq!(pair_priority(Role::Controlled, 7, 3), (3 << 32) + 14);
        let most = (1 << 31) - 1;
        assert_eq!(
            pair_priority(Role::Controlled, u32::MAX, u32::MAX),
            pair_priority(Role::Controlled, most, most)
        );
    }
}
