//! Connectivity checks under way: transaction ids, retransmission, expiry (RFC 8445 §14, RFC 8489 §6.2.1).

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::base::limits;
use crate::base::slots::Key;
use crate::ice::role::Role;
use crate::time::Instant;

/// A transaction id of 96 bits as a number.
pub(crate) type Tid = u128;

/// No check is repeated sooner (RFC 8445 §14.3).
pub(crate) const MIN_RTO: Duration = Duration::from_millis(500);
/// How often a check is sent at the most: Rc.
pub(crate) const MAX_SENDS: u8 = 7;
/// How many timeouts the answer to the last one may take: Rm.
const LAST_WAIT: u32 = 16;
/// From the first to the end of all: 1 + 2 + .. + 32 timeouts, and the last wait.
const LIFETIME: u32 = 63 + LAST_WAIT;
/// How long failure is put off: what one check takes with the least timeout, 39.5 s (RFC 8863 §4).
pub(crate) const PATIENCE: Duration = Duration::from_millis(500 * LIFETIME as u64);

/// One check: what is needed to repeat it and to judge its answer.
#[derive(Clone, Debug)]
pub(crate) struct Transaction {
    pub(crate) pair: Key,
    pub(crate) sent_at: Instant,
    /// When it was sent last.
    pub(crate) repeated_at: Instant,
    pub(crate) sends: u8,
    pub(crate) role: Role,
    pub(crate) tie_breaker: u64,
    pub(crate) nominates: bool,
    /// Not repeated, and its end is no failure; an answer still counts (RFC 8445 §7.3.1.4).
    pub(crate) cancelled: bool,
    rto: Duration,
    due_at: Instant,
}

impl Transaction {
    /// A check of `pair` that leaves now.
    pub(crate) const fn new(pair: Key, now: Instant, rto: Duration, role: Role) -> Self {
        Self {
            pair,
            sent_at: now,
            repeated_at: now,
            sends: 0,
            role,
            tie_breaker: 0,
            nominates: false,
            cancelled: false,
            rto,
            due_at: now,
        }
    }

    /// Counts one more sending, and returns when the next, or the end, is due.
    fn sent(&mut self, now: Instant) -> Instant {
        self.sends += 1;
        self.repeated_at = now;
        let wait = if self.sends >= MAX_SENDS { LAST_WAIT } else { 1 << (self.sends - 1) };
        self.due_at = now + self.rto * wait;
        self.due_at
    }
}

/// What has become of a transaction whose time came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expired {
    /// It was cancelled, and is forgotten.
    Forgotten,
    /// No answer came to the last sending: its pair failed.
    Failed(Key),
}

/// All of them, by id and by the instant something is due.
#[derive(Clone, Debug, Default)]
pub(crate) struct Transactions {
    by_id: BTreeMap<Tid, Transaction>,
    due: BTreeSet<(Instant, Tid)>,
    resend: VecDeque<Tid>,
    /// The latest that were cancelled, oldest first; some may have ended since.
    cancelled: VecDeque<Tid>,
}

impl Transactions {
    pub(crate) fn insert(&mut self, id: Tid, mut transaction: Transaction, now: Instant) {
        let due_at = transaction.sent(now);
        self.due.insert((due_at, id));
        self.by_id.insert(id, transaction);
    }

    pub(crate) fn get(&self, id: Tid) -> Option<&Transaction> {
        self.by_id.get(&id)
    }

    pub(crate) fn remove(&mut self, id: Tid) -> Option<Transaction> {
        let transaction = self.by_id.remove(&id)?;
        if !self.due.remove(&(transaction.due_at, id)) {
            self.resend.retain(|other| *other != id);
        }
        Some(transaction)
    }

    /// How many there are, cancelled ones too.
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Stops its retransmission; an answer is awaited for as long as it would have lived, unless many are cancelled after it: who repeats a
    /// check, or the peer's from elsewhere, has one of ours cancelled each time.
    pub(crate) fn cancel(&mut self, id: Tid) {
        let Some(mut transaction) = self.remove(id) else { return };
        transaction.cancelled = true;
        transaction.due_at = transaction.sent_at + transaction.rto * LIFETIME;
        self.due.insert((transaction.due_at, id));
        self.by_id.insert(id, transaction);
        if self.cancelled.len() >= limits::MAX_CANCELLED_CHECKS
            && let Some(oldest) = self.cancelled.pop_front()
        {
            self.remove(oldest);
        }
        self.cancelled.push_back(id);
    }

    /// Takes one transaction that is due to end; those due to be sent again are set aside for [`Self::pop_resend`].
    pub(crate) fn expire(&mut self, now: Instant) -> Option<Expired> {
        while let Some(&(at, id)) = self.due.first().filter(|(at, _)| *at <= now) {
            self.due.remove(&(at, id));
            let Some(transaction) = self.by_id.get(&id) else { continue };
            if !transaction.cancelled && transaction.sends < MAX_SENDS {
                self.resend.push_back(id);
                continue;
            }
            let transaction = self.by_id.remove(&id)?;
            return Some(if transaction.cancelled {
                Expired::Forgotten
            } else {
                Expired::Failed(transaction.pair)
            });
        }
        None
    }

    pub(crate) fn has_resend(&self) -> bool {
        !self.resend.is_empty()
    }

    /// The next check to repeat; it counts as sent.
    pub(crate) fn pop_resend(&mut self, now: Instant) -> Option<(Tid, Transaction)> {
        let id = self.resend.pop_front()?;
        let transaction = self.by_id.get_mut(&id)?;
        let due_at = transaction.sent(now);
        self.due.insert((due_at, id));
        Some((id, transaction.clone()))
    }

    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Gives back the memory of maps that are empty.
    pub(crate) fn trim(&mut self) {
        if self.by_id.is_empty() {
            *self = Self::default();
        }
    }

    /// Forgets those whose pair is gone, and tells the others where theirs has moved. One pass, which the caller counts.
    pub(crate) fn retain(&mut self, pair_of: impl Fn(Key) -> Option<Key>) {
        let due = &mut self.due;
        self.by_id.retain(|id, transaction| {
            let Some(pair) = pair_of(transaction.pair) else {
                due.remove(&(transaction.due_at, *id));
                return false;
            };
            transaction.pair = pair;
            true
        });
        let known = &self.by_id;
        self.resend.retain(|id| known.contains_key(id));
        self.cancelled.retain(|id| known.contains_key(id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::slots::Slots;

    fn ms(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    // RFC 8489 §6.2.1: 0, 500, 1500, 3500, 7500, 15500, 31500, and failure at 39500 ms.
    #[test]
    fn an_unanswered_check_is_sent_seven_times_in_39_and_a_half_seconds() {
        let key = Slots::new().insert(());
        let mut all = Transactions::default();
        all.insert(7, Transaction::new(key, ms(0), MIN_RTO, Role::Controlling), ms(0));
        for at in [500, 1500, 3500, 7500, 15_500, 31_500] {
            assert_eq!(all.next_due(), Some(ms(at)));
            assert_eq!(all.expire(ms(at)), None);
            assert_eq!(all.next_due(), None);
            assert!(all.pop_resend(ms(at)).is_some());
        }
        assert_eq!(all.next_due(), Some(ms(39_500)));
        assert_eq!(ms(0) + PATIENCE, ms(39_500));
        assert_eq!(all.expire(ms(39_500)), Some(Expired::Failed(key)));
        assert!(all.get(7).is_none());
    }

    #[test]
    fn a_cancelled_check_is_remembered_but_not_repeated() {
        let key = Slots::new().insert(());
        let mut all = Transactions::default();
        all.insert(7, Transaction::new(key, ms(0), MIN_RTO, Role::Controlling), ms(0));
        all.cancel(7);
        assert_eq!(all.expire(ms(39_499)), None);
        assert!(!all.has_resend() && all.get(7).is_some());
        assert_eq!(all.expire(ms(39_500)), Some(Expired::Forgotten));
    }

    #[test]
    fn of_many_cancelled_checks_the_latest_are_remembered() {
        let key = Slots::new().insert(());
        let mut all = Transactions::default();
        let many = 10 * limits::MAX_CANCELLED_CHECKS as Tid;
        let (first, last) = (many - limits::MAX_CANCELLED_CHECKS as Tid, many - 1);
        for id in 0..many {
            all.insert(id, Transaction::new(key, ms(0), MIN_RTO, Role::Controlling), ms(0));
            all.cancel(id);
        }
        assert_eq!(all.len(), limits::MAX_CANCELLED_CHECKS);
        assert!(all.get(first - 1).is_none() && all.get(first).is_some() && all.get(last).is_some());
        // One that was answered is forgotten once.
        assert!(all.remove(last).is_some());
        assert_eq!(all.due.len(), all.len());
        while all.expire(ms(39_500)).is_some() {}
        assert_eq!((all.len(), all.due.len()), (0, 0));
    }

    #[test]
    fn checks_of_pairs_that_are_gone_are_forgotten_and_the_others_move() {
        let mut pairs = Slots::new();
        let (gone, old, new) = (pairs.insert(()), pairs.insert(()), pairs.insert(()));
        let mut all = Transactions::default();
        for (id, pair) in [(1, gone), (2, old), (3, old), (4, gone)] {
            all.insert(id, Transaction::new(pair, ms(0), MIN_RTO, Role::Controlling), ms(0));
        }
        all.cancel(3);
        // Two of them wait to be sent again.
        all.cancel(4);
        assert_eq!(all.expire(ms(500)), None);
        all.retain(|pair| (pair == old).then_some(new));
        assert_eq!((all.len(), all.due.len(), all.cancelled.len()), (2, 1, 1));
        let (id, again) = all.pop_resend(ms(500)).unwrap();
        assert_eq!((id, again.pair, all.has_resend()), (2, new, false));
        assert_eq!(all.get(3).map(|check| check.pair), Some(new));
    }
}
