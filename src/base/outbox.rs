//! A bounded queue of events.

use std::collections::VecDeque;

/// Events on their way to the caller. A repeated event is reported once, and a full queue counts what it refuses.
///
/// ```
/// use antiphon::base::outbox::Outbox;
///
/// let mut outbox = Outbox::new(8);
/// outbox.push_once("readable");
/// outbox.push_once("readable");
/// assert_eq!(outbox.pop(), Some("readable"));
/// assert_eq!(outbox.pop(), None);
/// ```
#[derive(Clone, Debug)]
pub struct Outbox<E> {
    queue: VecDeque<E>,
    limit: usize,
    refused: u64,
}

impl<E: PartialEq> Outbox<E> {
    /// A queue of at most `limit` events.
    pub const fn new(limit: usize) -> Self {
        Self { queue: VecDeque::new(), limit, refused: 0 }
    }

    /// Appends `event`; false, and counted, if the queue is full.
    pub fn push(&mut self, event: E) -> bool {
        if self.queue.len() >= self.limit {
            self.refused += 1;
            return false;
        }
        self.queue.push_back(event);
        true
    }

    /// Appends `event` unless the same one waits already. The search looks at the whole queue: where that may be long, keep a flag with
    /// the thing that the event is about.
    pub fn push_once(&mut self, event: E) -> bool {
        self.queue.contains(&event) || self.push(event)
    }

    /// The oldest event.
    pub fn pop(&mut self) -> Option<E> {
        self.queue.pop_front()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// How many events wait.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// How many events were refused because the queue was full.
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// Forgets what waits.
    pub fn clear(&mut self) {
        self.queue.clear();
    }

    /// Gives memory back that an idle queue does not need.
    pub fn trim(&mut self) {
        self.queue.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_refuses_and_counts() {
        let mut outbox = Outbox::new(2);
        assert!(outbox.push(1) && outbox.push_once(2) && outbox.push_once(1));
        assert!(!outbox.push(3));
        assert_eq!((outbox.refused(), outbox.pop(), outbox.pop(), outbox.pop()), (1, Some(1), Some(2), None));
    }
}
