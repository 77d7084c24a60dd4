//! The contract every state machine of this crate keeps: two verbs and twelve laws.
//!
//! 1. **Time enters through `now` and nowhere else.** An earlier `now` counts as the latest seen; a step forward of
//!    more than 30 days is cut to that and counted.
//! 2. **Input cannot fail.** Malformed, unauthenticated, replayed or unexpected bytes are counted and dropped.
//! 3. **Output has one order**: timers that are due, then events, then datagrams, then [`Output::Wait`].
//! 4. **`Wait(Some(t))` means `t > now`.** Polling again before `t`, with no other call between, returns the same.
//! 5. **A returned datagram is the caller's.** One that is never sent is packet loss, and repaired as such.
//! 6. **Calls compose.** Any number of calls, in any order, may happen between two polls.
//! 7. **Deterministic.** The same seed and the same calls give the same outputs (signatures apart, unless the
//!    certificate is a deterministic one).
//! 8. **Bounded.** Every queue and table has a limit, charged with what it pins in memory; events coalesce.
//! 9. **Time may jump.** After a suspend each timer fires once and is re-armed from `now`.
//! 10. **Closed is final.** The closing event is the last output; afterwards every poll returns `Wait(None)`.
//! 11. **State is data.** Every machine can be forked (feature `sim`), and a fork given the same calls does the same.
//! 12. **Batches are equal to singles.** Feeding n datagrams at one `now` and then draining delivers the same data
//!     as draining after each.

use crate::net::Transmit;
use crate::time::Instant;

/// What a machine wants from its caller, who polls until `Wait`.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output<P, E> {
    /// Something changed. Carries ids and small values, never bulk data.
    Event(E),
    /// Datagrams to send: the first `len` bytes of the buffer given to `poll_output`.
    Transmit(Transmit<P>),
    /// Nothing left to do before this instant, or before the next call. `None`: before the next call.
    Wait(Option<Instant>),
}

/// The shape of every state machine in this crate. The types have the two verbs as inherent methods too.
///
/// ```
/// use antiphon::{Instant, Machine, Output};
///
/// /// Draws every datagram a machine has at `now`; what it waits for is returned.
/// fn drain<M: Machine>(machine: &mut M, now: Instant, mut send: impl FnMut(M::Path, &[u8])) -> Option<Instant> {
///     let mut buf = [0; 1500];
///     loop {
///         match machine.poll_output(now, &mut buf) {
///             Output::Event(_) => {}
///             Output::Transmit(t) => send(t.path, &buf[..t.len]),
///             Output::Wait(deadline) => return deadline,
///         }
///     }
/// }
/// ```
pub trait Machine {
    /// What `handle_input` takes.
    type Input<'i>;
    /// `Path` where the machine chooses it, `()` where its parent does.
    type Path: Copy;
    /// What the machine reports.
    type Event;

    /// Takes bytes that arrived at `now`. Cannot fail: what the network sends is never the caller's error.
    fn handle_input(&mut self, now: Instant, input: Self::Input<'_>);

    /// Lets time reach `now` and returns the next thing to do. The length of `buf` says what may come out.
    /// Empty: timers run, events and the deadline come, no datagram is drawn. At least one MTU: one datagram.
    ///
    /// # Panics
    /// If `buf` is neither empty nor as long as the MTU.
    fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Output<Self::Path, Self::Event>;
}
