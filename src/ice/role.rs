//! Controlling and controlled, and who gives way when both sides claim the same (RFC 8445 §7.3.1.1).

use crate::base::limits;
use crate::base::slots::Key;
use crate::ice::CandidatePairState as State;
use crate::ice::agent::Agent;
use crate::ice::check::Transaction;
use crate::ice::event::Event;
use crate::ice::session::Phase;
use crate::stun::Message;

/// Which side nominates.
///
/// ```
/// use antiphon::ice::Role;
/// assert_eq!(Role::Controlling.other(), Role::Controlled);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Role {
    /// This side nominates the pair that is used.
    Controlling,
    /// The other side nominates.
    Controlled,
}

impl Role {
    /// The role the peer should have.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Controlling => Self::Controlled,
            Self::Controlled => Self::Controlling,
        }
    }
}

/// What a request that claims a role asks of us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// The roles agree.
    Agreed,
    /// Both claim the same, and we give way: switch, then go on with the request.
    Yield,
    /// Both claim the same, and the peer is to give way: answer 487.
    Refuse,
}

/// Compares our role with the peer's claim; a tie is the receiver's to keep `Controlling` with (RFC 8445 §7.3.1.1).
pub(crate) const fn judge(ours: Role, our_tie: u64, claimed: Role, their_tie: u64) -> Claim {
    match (ours, claimed) {
        (Role::Controlling, Role::Controlling) if our_tie >= their_tie => Claim::Refuse,
        (Role::Controlled, Role::Controlled) if our_tie < their_tie => Claim::Refuse,
        (Role::Controlling, Role::Controlling) | (Role::Controlled, Role::Controlled) => Claim::Yield,
        (Role::Controlling, Role::Controlled) | (Role::Controlled, Role::Controlling) => Claim::Agreed,
    }
}

impl Agent {
    /// RFC 8445 §7.3.1.1. False if the request is to be answered with 487.
    pub(crate) fn settle_roles(&mut self, message: &Message<'_>) -> bool {
        let controlling = message.ice_controlling().map(|tie| (Role::Controlling, tie));
        let claim = controlling.or_else(|| message.ice_controlled().map(|tie| (Role::Controlled, tie)));
        let Some((claimed, theirs)) = claim else { return true };
        // A lite agent cannot nominate, and one that faces it must (RFC 8445 §6.1.1): that role is not disputed.
        let fixed = self.current.peer.is_some() && self.is_role_fixed();
        match judge(self.role, self.tie_breaker, claimed, theirs) {
            Claim::Agreed => true,
            Claim::Yield if !fixed => {
                self.counters.role_conflicts_yielded += 1;
                self.switch_role(self.role.other());
                true
            }
            Claim::Yield | Claim::Refuse => {
                self.counters.role_conflicts_refused += 1;
                false
            }
        }
    }

    /// Exactly one side is lite: the full one controls.
    fn is_role_fixed(&self) -> bool {
        let peer_is_lite = self.current.peer.as_ref().is_some_and(|peer| peer.parameters.lite);
        self.config.lite != peer_is_lite
    }

    fn switch_role(&mut self, role: Role) {
        self.role = role;
        // What the flag means depends on the role: a nomination of ours is void, one of the peer's as well.
        for (_, pair) in self.current.list.iter_mut() {
            pair.nominating = false;
        }
        if let Phase::Nominating(_) = self.current.phase {
            self.current.phase = Phase::Running;
        }
        self.recompute_priorities();
        self.events.push(Event::RoleChange(role));
    }

    /// RFC 8445 §7.2.5.1: the role that a request of ours claimed is the peer's, unless we have left it since.
    pub(crate) fn give_way(&mut self, claimed: Role) {
        if claimed == self.role && !self.is_role_fixed() {
            self.switch_role(self.role.other());
        }
        self.tie_breaker = self.rng.u64();
    }

    pub(crate) fn on_role_conflict(&mut self, key: Key, transaction: &Transaction) {
        self.give_way(transaction.role);
        self.current.conflicts = self.current.conflicts.saturating_add(1);
        if self.current.conflicts > limits::MAX_ROLE_CONFLICTS {
            self.check_failed(key, transaction);
        } else if let Some(pair) = self.current.list.get(key) {
            if pair.state != State::Succeeded {
                self.current.list.set_state(key, State::Waiting);
            }
            self.current.list.trigger(key, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_larger_tie_breaker_becomes_controlling() {
        use Role::{Controlled, Controlling};
        assert_eq!(judge(Controlling, 2, Controlling, 1), Claim::Refuse);
        assert_eq!(judge(Controlling, 1, Controlling, 2), Claim::Yield);
        assert_eq!(judge(Controlled, 2, Controlled, 1), Claim::Yield);
        assert_eq!(judge(Controlled, 1, Controlled, 2), Claim::Refuse);
        assert_eq!(judge(Controlled, 1, Controlling, 2), Claim::Agreed);
    }

    // RFC 8445 §7.3.1.1: "larger than or equal to" in both bullets.
    #[test]
    fn of_equal_tie_breakers_the_receiver_is_controlling() {
        use Role::{Controlled, Controlling};
        for tie in [0, 7, u64::MAX] {
            assert_eq!(judge(Controlling, tie, Controlling, tie), Claim::Refuse);
            assert_eq!(judge(Controlled, tie, Controlled, tie), Claim::Yield);
        }
    }
}
