//! Which source a packet is of, and which receiver a source (RFC 9143 §9.2, RFC 8852 §3).

use std::collections::VecDeque;

use super::assembler::Assembler;
use super::config::ReceiverConfig;
use super::event::{Event, ReceiverId, SourceId};
use super::receiver::Receiver;
use super::reception::Reception;
use super::session::Session;
use super::source::{Role, Source};
use crate::base::limits;
use crate::base::serial::Seq16;
use crate::base::slots::Key;
use crate::time::Instant;
use crate::wire::rtp::{Extensions, Packet};

/// Sources by their number, and the one that was found last.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    /// Sorted.
    by_ssrc: Vec<(u32, Key)>,
    last: Option<(u32, Key)>,
    /// Sources that were forgotten, the latest last.
    past: VecDeque<Past>,
}

/// What is remembered of a source that was forgotten: its peer has been told that its section and encoding are known, and does not say them
/// any more.
#[derive(Clone, Debug)]
struct Past {
    ssrc: u32,
    mid: String,
    rid: Option<String>,
    /// The highest number of its packets.
    last: Option<Seq16>,
}

impl Table {
    pub(super) fn get(&mut self, ssrc: u32) -> Option<Key> {
        if let Some((last, key)) = self.last
            && last == ssrc
        {
            return Some(key);
        }
        let index = self.by_ssrc.binary_search_by_key(&ssrc, |(ssrc, _)| *ssrc).ok()?;
        self.last = self.by_ssrc.get(index).copied();
        self.last.map(|(_, key)| key)
    }

    pub(super) fn contains(&self, ssrc: u32) -> bool {
        self.by_ssrc.binary_search_by_key(&ssrc, |(ssrc, _)| *ssrc).is_ok()
    }

    pub(super) fn insert(&mut self, ssrc: u32, key: Key) {
        if let Err(index) = self.by_ssrc.binary_search_by_key(&ssrc, |(ssrc, _)| *ssrc) {
            self.by_ssrc.insert(index, (ssrc, key));
        }
    }

    /// Gives memory back.
    pub(super) fn trim(&mut self) {
        self.by_ssrc.shrink_to_fit();
    }

    pub(super) fn remove(&mut self, ssrc: u32) {
        self.last = None;
        if let Ok(index) = self.by_ssrc.binary_search_by_key(&ssrc, |(ssrc, _)| *ssrc) {
            self.by_ssrc.remove(index);
        }
    }

    /// A source that had been forgotten is not any more.
    fn recall(&mut self, ssrc: u32) -> Option<Past> {
        let at = self.past.iter().position(|its| its.ssrc == ssrc)?;
        self.past.remove(at)
    }

    /// A source that moves to another section has none of its packets behind it there.
    fn count_anew(&mut self, ssrc: u32) {
        if let Some(past) = self.past.iter_mut().find(|its| its.ssrc == ssrc) {
            past.last = None;
        }
    }

    fn remember(&mut self, past: Past) {
        self.recall(past.ssrc);
        if self.past.len() >= limits::RTP_PAST_SOURCES {
            self.past.pop_front();
        }
        self.past.push_back(past);
    }
}

/// What a packet tells of its source.
#[derive(Clone, Copy, Debug)]
struct Hints<'a> {
    mid: Option<&'a str>,
    rid: Option<&'a str>,
    repaired_rid: Option<&'a str>,
    payload_type: u8,
}

impl Session {
    /// The source of a packet; one that is new is entered. `None`, and counted, if it is of no section or there is no room.
    pub(super) fn route(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        values: &Extensions<'_>,
    ) -> Option<Key> {
        let hints = Hints {
            mid: values.mid,
            rid: values.rid,
            repaired_rid: values.repaired_rid,
            payload_type: packet.payload_type,
        };
        let known = self.table.get(packet.ssrc);
        if let Some(key) = known
            && hints.mid.is_none()
            && hints.rid.is_none()
            && hints.repaired_rid.is_none()
        {
            return Some(key);
        }
        if let Some(key) = known {
            return self.latch(now, key, &hints);
        }
        if self.is_own(packet.ssrc) {
            self.on_collision(now, packet.ssrc);
            return None;
        }
        if hints.mid.is_none()
            && let Some(at) = self.table.past.iter().position(|past| past.ssrc == packet.ssrc)
        {
            return self.enter_again(now, at, &hints);
        }
        let Some(receiver) = self.receiver_of(&hints) else {
            self.stats.rtp_unroutable += 1;
            return None;
        };
        self.enter(now, packet.ssrc, receiver, &hints)
    }

    /// A source that was forgotten is still of the section it was of, and of no other that has its payload type too.
    fn enter_again(&mut self, now: Instant, at: usize, hints: &Hints<'_>) -> Option<Key> {
        let past = self.table.past.get(at)?.clone();
        let hints = Hints {
            mid: Some(&past.mid),
            rid: hints.rid.or(past.rid.as_deref()),
            repaired_rid: hints.repaired_rid.or(past.rid.as_deref()),
            payload_type: hints.payload_type,
        };
        let Some(receiver) = self.receiver_of(&hints) else {
            self.stats.rtp_unroutable += 1;
            return None;
        };
        self.enter(now, past.ssrc, receiver, &hints)
    }

    /// The receiver by section, else by payload type where only one has it.
    fn receiver_of(&self, hints: &Hints<'_>) -> Option<Key> {
        if let Some(mid) = hints.mid {
            // "If the packet has a MID and that MID is not in the table, drop the packet" (RFC 9143 §9.2).
            let found =
                self.receivers.iter().find(|(_, receiver)| receiver.config.mid.as_deref() == Some(mid));
            let (key, receiver) = found?;
            return receiver.config.payload(hints.payload_type).map(|_| key);
        }
        let takes = |receiver: &Receiver| receiver.config.payload(hints.payload_type).is_some();
        let mut candidates = self.receivers.iter().filter(|(_, receiver)| takes(receiver));
        let (key, _) = candidates.next()?;
        candidates.next().is_none().then_some(key)
    }

    /// A known source tells its section or encoding: the last word counts.
    fn latch(&mut self, now: Instant, key: Key, hints: &Hints<'_>) -> Option<Key> {
        let source = self.sources.get_mut(key)?;
        if let Some(mid) = hints.mid {
            let receiver = self.receivers.get(source.receiver);
            if receiver.is_none_or(|receiver| receiver.config.mid.as_deref() != Some(mid)) {
                let Some(receiver) = self.receiver_of(hints) else {
                    self.stats.rtp_unroutable += 1;
                    return None;
                };
                let ssrc = self.sources.get(key)?.ssrc;
                self.forget_source(key);
                self.table.count_anew(ssrc);
                return self.enter(now, ssrc, receiver, hints);
            }
        }
        let label = match source.role {
            Role::Media => hints.rid,
            Role::Repair(_) => hints.repaired_rid.or(hints.rid),
        };
        if let Some(label) = label
            && source.rid.as_deref() != Some(label)
        {
            source.rid = Some(label.to_owned());
            if let Role::Repair(_) = source.role {
                source.role = Role::Repair(None);
            }
        }
        Some(key)
    }

    /// Enters a source, for which one that has been silent may have to go.
    fn enter(&mut self, now: Instant, ssrc: u32, receiver: Key, hints: &Hints<'_>) -> Option<Key> {
        let config = &self.receivers.get(receiver)?.config;
        let is_repair = config.payload(hints.payload_type)?.apt().is_some();
        let role = if is_repair { Role::Repair(None) } else { Role::Media };
        let key = self.add_source(now, ssrc, receiver, role)?;
        let label = if is_repair { hints.repaired_rid.or(hints.rid) } else { hints.rid };
        if let Some(source) = self.sources.get_mut(key) {
            source.rid = label.map(str::to_owned);
        }
        Some(key)
    }

    pub(super) fn add_source(&mut self, now: Instant, ssrc: u32, receiver: Key, role: Role) -> Option<Key> {
        if self.sources.len() >= limits::RTP_SOURCES && !self.evict(now) {
            self.stats.rtp_no_room += 1;
            return None;
        }
        let mut source = Source::new(now, ssrc, receiver, role);
        let kind = self.receivers.get(receiver).map(|receiver| receiver.config.kind);
        if let Some(past) = self.table.recall(ssrc)
            && role == Role::Media
        {
            // What it sent meanwhile is missing before its next frame.
            source.reception = Reception::after(past.last);
            source.assembler = kind.map(|kind| Box::new(Assembler::after_gap(kind)));
        }
        let key = self.sources.insert(source);
        self.table.insert(ssrc, key);
        Some(key)
    }

    /// Forgets the source that has been silent for longest, if for long enough.
    fn evict(&mut self, now: Instant) -> bool {
        let silent = self.sources.iter().min_by_key(|(_, source)| source.last_at);
        let Some((key, source)) = silent else { return false };
        if now.saturating_duration_since(source.last_at) < limits::RTP_SOURCE_SILENT {
            return false;
        }
        self.end_source(key);
        true
    }

    /// Forgets a source and says so.
    pub(super) fn end_source(&mut self, key: Key) {
        if let Some(source) = self.sources.get(key)
            && source.is_announced
        {
            let event = Event::SourceEnded(ReceiverId(source.receiver), SourceId(key));
            self.events.push(event);
        }
        self.forget_source(key);
    }

    /// Forgets a source.
    pub(super) fn forget_source(&mut self, key: Key) {
        let Some(source) = self.sources.remove(key) else { return };
        self.charged -= source.charged;
        self.table.remove(source.ssrc);
        let receiver = self.receivers.get(source.receiver);
        if let Some(mid) = receiver.and_then(|receiver| receiver.config.mid.clone()) {
            let last = source.reception.last();
            self.table.remember(Past { ssrc: source.ssrc, mid, rid: source.rid, last });
        }
        for (_, other) in self.sources.iter_mut() {
            if other.role == Role::Repair(Some(key)) {
                other.role = Role::Repair(None);
            }
            if other.repair == Some(key) {
                other.repair = None;
            }
        }
    }

    /// Sources that a description names are known before they are heard.
    pub(super) fn declare(&mut self, now: Instant, receiver: Key) {
        let Some(entry) = self.receivers.get(receiver) else { return };
        let config = ReceiverConfig {
            ssrcs: entry.config.ssrcs.clone(),
            rtx_pairs: entry.config.rtx_pairs.clone(),
            ..ReceiverConfig::new(entry.config.kind)
        };
        let pairs = config.rtx_pairs.iter().copied();
        for ssrc in config.ssrcs.iter().copied().chain(pairs.clone().map(|(media, _)| media)) {
            if !self.table.contains(ssrc) && !pairs.clone().any(|(_, repair)| repair == ssrc) {
                self.add_source(now, ssrc, receiver, Role::Media);
            }
        }
        for (media, repair) in pairs {
            let media = self.table.get(media);
            if !self.table.contains(repair) {
                self.add_source(now, repair, receiver, Role::Repair(media));
            }
            let repair = self.table.get(repair);
            if let Some(source) = repair.and_then(|key| self.sources.get_mut(key)) {
                source.role = Role::Repair(media);
            }
            if let Some(source) = media.and_then(|key| self.sources.get_mut(key)) {
                source.repair = repair;
            }
        }
    }

    /// The media that a source of repetitions repeats: as it says itself, or the only one there is, or the one that misses the packet.
    pub(super) fn repaired_by(&mut self, key: Key, original: u16) -> Option<Key> {
        let repair = self.sources.get(key)?;
        if let Role::Repair(Some(media)) = repair.role {
            return Some(media);
        }
        let rtx_ssrc = repair.ssrc;
        let found = self.find_media(repair.receiver, repair.rid.as_deref(), Seq16(original))?;
        self.sources.get_mut(key)?.role = Role::Repair(Some(found));
        let media = self.sources.get_mut(found)?;
        media.repair = Some(key);
        media.stats.rtx_ssrc = Some(rtx_ssrc);
        Some(found)
    }

    /// The media source of that encoding, or the only one, or the only one that misses that packet.
    fn find_media(&self, receiver: Key, rid: Option<&str>, original: Seq16) -> Option<Key> {
        let of = move |source: &Source| source.receiver == receiver && source.role == Role::Media;
        let media = || self.sources.iter().filter(move |(_, source)| of(source));
        if rid.is_some() {
            return media().find(|(_, source)| source.rid.as_deref() == rid).map(|(key, _)| key);
        }
        let mut all = media();
        let (first, second) = (all.next(), all.next());
        if second.is_none() {
            return first.map(|(key, _)| key);
        }
        let misses = |source: &Source| source.nack.is_missing(source.reception.unwrap(original));
        let mut missing = media().filter(|(_, source)| misses(source));
        let (first, second) = (missing.next(), missing.next());
        first.filter(|_| second.is_none()).map(|(key, _)| key)
    }
}
