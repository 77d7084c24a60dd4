//! What all media of a session holds in memory, and who gives up when that is too much.

use super::session::Session;
use crate::base::limits;
use crate::base::slots::Key;
use crate::time::Instant;

impl Session {
    /// Where all media together holds more than it may, those with the most give up: a receiver what it has waited with for longest, a source
    /// all that it holds, and then it goes on at the next key frame. Whoever holds less than others goes on as before.
    pub(super) fn keep_within(&mut self, now: Instant) {
        while self.charged > limits::RTP_SESSION_BYTES {
            self.stats.memory_exceeded += 1;
            // There is one that holds its share or more.
            let share = self.charged / (self.sources.len() + self.receivers.len()).max(1);
            let most = self.receivers.iter().max_by_key(|(_, receiver)| receiver.charged);
            if let Some((receiver, _)) = most.filter(|(_, receiver)| receiver.charged >= share) {
                if let Some(receiver) = self.receivers.get_mut(receiver) {
                    receiver.drop_oldest(&mut self.lost);
                    receiver.charge(&mut self.charged);
                }
            } else if let Some(source) = self.next_that_holds(share) {
                self.let_go(now, source);
            } else {
                return;
            }
        }
    }

    /// Counts anew, after memory was given back.
    pub(super) fn charge_all(&mut self) {
        self.charged = 0;
        for (_, source) in self.sources.iter_mut() {
            source.charged = source.pinned();
            self.charged += source.charged;
        }
        for (_, receiver) in self.receivers.iter_mut() {
            receiver.charged = receiver.pinned();
            self.charged += receiver.charged;
        }
    }

    /// The next source that holds so much, from where the search before ended: it is short where many do, and leaves much where few do.
    fn next_that_holds(&mut self, share: usize) -> Option<Key> {
        let mut is_second_round = false;
        loop {
            let Some(slot) = self.sources.key_at(self.hand) else {
                self.hand = 0;
                if core::mem::replace(&mut is_second_round, true) {
                    return None;
                }
                continue;
            };
            self.hand += 1;
            let holds = |key: &Key| self.sources.get(*key).is_some_and(|source| source.charged >= share);
            if let Some(key) = slot.filter(holds) {
                return Some(key);
            }
        }
    }

    /// A source gives up what it holds. What is lost of pictures with that, a key frame makes good.
    fn let_go(&mut self, now: Instant, key: Key) {
        let Some(source) = self.sources.get_mut(key) else { return };
        source.let_go();
        source.charge(&mut self.charged);
        let needs_keyframe = source.assembler.as_ref().is_some_and(|assembler| assembler.needs_keyframe());
        if needs_keyframe {
            self.want_keyframe(now, key);
        }
    }
}
