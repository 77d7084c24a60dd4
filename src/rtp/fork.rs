//! A second session that does what the first would (feature `sim`).

use super::session::Session;

impl Session {
    /// The session again, as it is.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            latest: self.latest.clone(),
            config: self.config.clone(),
            rng: self.rng.duplicate(),
            wall: self.wall.clone(),
            senders: self.senders.clone(),
            receivers: self.receivers.clone(),
            sources: self.sources.clone(),
            table: self.table.clone(),
            own_ssrc: self.own_ssrc,
            queues: self.queues.clone(),
            is_held: self.is_held,
            pending: self.pending.clone(),
            arrivals: self.arrivals.clone(),
            departures: self.departures.clone(),
            departed: self.departed,
            feedback: self.feedback.clone(),
            schedule: self.schedule.duplicate(),
            asked: self.asked.clone(),
            estimate: self.estimate,
            is_estimate_due: self.is_estimate_due,
            goodbyes: self.goodbyes.clone(),
            round_trip: self.round_trip,
            events: self.events.clone(),
            closing: self.closing,
            due_at: self.due_at,
            is_drained: self.is_drained,
            last_traffic_at: self.last_traffic_at,
            rested_at: self.rested_at,
            frames: self.frames.clone(),
            lost: self.lost.clone(),
            charged: self.charged,
            hand: self.hand,
            stats: self.stats.clone(),
        }
    }
}
