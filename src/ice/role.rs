//! Controlling and controlled, and who gives way when both sides claim the same (RFC 8445 §7.3.1.1).

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
