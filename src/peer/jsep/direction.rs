//! Arithmetic of directions (RFC 3264 §6.1).

use crate::peer::jsep::survey::Inherited;
use crate::sdp::{Direction, Media};

/// The direction of a section: its own, the session's, or both ways where neither says (RFC 8866 §6.7).
pub(super) fn of(inherited: Inherited, media: &Media) -> Direction {
    media.attributes.direction().copied().or(inherited.direction).unwrap_or(Direction::SendRecv)
}

/// A direction as the other side sees it.
pub(super) const fn reversed(direction: Direction) -> Direction {
    match direction {
        Direction::SendOnly => Direction::RecvOnly,
        Direction::RecvOnly => Direction::SendOnly,
        Direction::SendRecv | Direction::Inactive => direction,
    }
}

/// What two directions have in common.
pub(super) const fn intersection(a: Direction, b: Direction) -> Direction {
    from_parts(sends(a) && sends(b), receives(a) && receives(b))
}

/// Whether media goes away.
pub(super) const fn sends(direction: Direction) -> bool {
    matches!(direction, Direction::SendRecv | Direction::SendOnly)
}

/// Whether media comes in.
pub(super) const fn receives(direction: Direction) -> bool {
    matches!(direction, Direction::SendRecv | Direction::RecvOnly)
}

/// The direction of which these are the parts.
pub(super) const fn from_parts(sends: bool, receives: bool) -> Direction {
    match (sends, receives) {
        (true, true) => Direction::SendRecv,
        (true, false) => Direction::SendOnly,
        (false, true) => Direction::RecvOnly,
        (false, false) => Direction::Inactive,
    }
}
