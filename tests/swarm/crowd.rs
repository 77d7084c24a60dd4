//! The applications of a run: they open, send, read and close as the plan says, and hold what comes against the model.

use antiphon::data::{ChannelId, DataChannelFailure};
use antiphon::sim::{App, HostId, Sent};
use antiphon::{
    ConnectionState, DataChannelState, Datagram, Event, Instant, Message, PeerConnection, SendError,
    SignalingState,
};
use core::time::Duration;
use std::collections::BTreeMap;

use super::coverage::Coverage;
use super::end::End;
use super::model::Lane;
use super::plan::{Act, Promise};
use super::studio::Studio;
use super::watch::{Watch, class_of};

/// What is done to messages between the connection and the model, to see that the model minds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tamper {
    Duplicate,
    Swap,
    Drop,
    Change,
    Delay,
    /// By more than the way takes.
    Linger,
    /// Everything from now on.
    Swallow,
    /// Not the messages, but the word that there is room for more.
    ForgetLow,
}

/// One channel, as both applications know it.
#[derive(Clone, Debug)]
pub(crate) struct Channel {
    pub(crate) promise: Promise,
    ids: [Option<ChannelId>; 2],
    /// What each side sends.
    pub(crate) lanes: [Lane; 2],
    /// Bytes that each side still wants to send in bulk.
    bulk: [u64; 2],
    /// Each side has called `close`.
    pub(crate) asked_to_close: [bool; 2],
    pub(crate) closed: [bool; 2],
    /// It failed, or never was.
    pub(crate) dead: bool,
    pub(crate) opened: [bool; 2],
}

impl Channel {
    /// Both can send on it.
    pub(crate) fn is_open(&self) -> bool {
        let closing = self.asked_to_close.contains(&true) || self.closed.contains(&true);
        self.opened == [true; 2] && !closing && !self.dead
    }

    /// What a side calls it.
    pub(crate) const fn id(&self, side: usize) -> Option<ChannelId> {
        self.ids[side]
    }

    /// A side has more to send than there was room for.
    pub(crate) fn is_pushing(&self) -> bool {
        self.is_open() && self.bulk != [0; 2]
    }

    /// The side that was never told of it.
    pub(crate) fn unknown_to(&self) -> Option<usize> {
        self.ids.iter().position(Option::is_none)
    }
}

#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a matter of its own")]
pub(crate) struct Crowd {
    pub(crate) channels: BTreeMap<usize, Channel>,
    names: BTreeMap<(usize, ChannelId), usize>,
    pub(crate) watch: Watch,
    pub(crate) studio: Studio,
    pub(crate) coverage: Coverage,
    /// Since the epoch of the network's clock.
    pub(crate) now: Duration,
    /// Since when the network is healthy and nothing is left over.
    pub(crate) healthy: Option<Duration>,
    /// How much later than its life time a message may come since then.
    pub(crate) lateness: Duration,
    /// Bytes may be changed before they are sealed: then anybody can end a connection.
    pub(crate) reckless: bool,
    /// Channels whose other side had no room for them, by who was told.
    pub(crate) refused: [u64; 2],
    deaf: [bool; 2],
    /// A call that tells the time was made.
    pub(crate) told_time: bool,
    pub(crate) tamper: Option<Tamper>,
    /// Frames instead of messages.
    pub(crate) tamper_frames: Option<Tamper>,
    held: Option<(usize, usize, Message)>,
    /// Longest message both take.
    pub(crate) longest: u64,
    pub(crate) pc_closed: [bool; 2],
    pub(crate) peer_closed: [bool; 2],
    pub(crate) failed_at: [Option<Duration>; 2],
    pub(crate) messages: u64,
    /// Tells what happens as it does.
    pub(crate) loud: bool,
    /// Of datagrams too.
    pub(crate) datagrams: bool,
}

impl Crowd {
    /// Says what happens, where somebody listens.
    fn tell(&self, side: usize, what: &impl core::fmt::Debug) {
        if self.loud {
            println!("{:>12.6} end {side}: {what:?}", self.now.as_secs_f64());
        }
    }

    fn name(&self, side: usize, id: ChannelId) -> Option<usize> {
        self.names.get(&(side, id)).copied()
    }

    /// Does what the plan says.
    pub(crate) fn act(&mut self, now: Instant, side: usize, pc: &mut PeerConnection, act: &Act) {
        self.tell(side, act);
        match *act {
            Act::Open { channel, promise, .. } => self.open(side, pc, channel, promise),
            Act::Send { channel, count, largest, .. } => {
                for _ in 0..count {
                    if !self.send(now, side, pc, channel, largest) {
                        break;
                    }
                }
            }
            Act::Bulk { channel, bytes, .. } => {
                if let Some(known) = self.channels.get_mut(&channel) {
                    known.bulk[side] += bytes;
                    self.push(now, side, pc, channel);
                }
            }
            Act::Close { channel, .. } => self.close(side, pc, channel),
            Act::Restart(_) => pc.restart_ice(),
            // Of the cameras, which are not the crowd's.
            Act::Film(..) => {}
            Act::Read(_, reads) => {
                self.deaf[side] = !reads;
                if reads {
                    self.read_all(side, pc);
                }
            }
            Act::ClosePc(_) => {
                pc.close();
                self.pc_closed[side] = true;
                self.forsake_all();
            }
        }
    }

    fn open(&mut self, side: usize, pc: &mut PeerConnection, channel: usize, promise: Promise) {
        let id = pc.create_data_channel(&channel.to_string(), promise.init("swarm")).ok();
        let mut ids = [None, None];
        ids[side] = id;
        if let Some(id) = id {
            self.names.insert((side, id), channel);
        }
        let lane = |way: u64| Lane::new(channel as u64 * 2 + way, promise);
        self.channels.insert(
            channel,
            Channel {
                promise,
                ids,
                lanes: [lane(0), lane(1)],
                bulk: [0; 2],
                asked_to_close: [false; 2],
                closed: [false; 2],
                dead: id.is_none(),
                opened: [false; 2],
            },
        );
    }

    /// Sends one message; whether there is room for another. A2.
    fn send(
        &mut self,
        now: Instant,
        side: usize,
        pc: &mut PeerConnection,
        channel: usize,
        largest: u64,
    ) -> bool {
        let largest = largest.min(self.longest);
        let Some(known) = self.channels.get_mut(&channel) else { return false };
        let Some(mut handle) = known.ids[side].and_then(|id| pc.data_channel(id)) else { return false };
        let message = known.lanes[side].compose(largest);
        let before = handle.buffered_amount();
        self.told_time = true;
        match handle.send(now, &message) {
            Ok(()) => {
                let (after, len) = (handle.buffered_amount(), message.data.len());
                grew(before, len, after);
                known.lanes[side].sent(self.now, largest);
                known.bulk[side] = known.bulk[side].saturating_sub(len as u64 + 1);
                true
            }
            Err(
                SendError::BufferFull { .. }
                | SendError::NotOpen
                | SendError::NoSuchChannel
                | SendError::Association(_),
            ) => false,
            Err(error) => panic!("A2: channel {channel} of end {side}: {error}"),
        }
    }

    /// Fills the buffer while there is bulk to send.
    fn push(&mut self, now: Instant, side: usize, pc: &mut PeerConnection, channel: usize) {
        while self.channels.get(&channel).is_some_and(|known| known.bulk[side] > 0) {
            if !self.send(now, side, pc, channel, 12_000) {
                return;
            }
        }
    }

    fn close(&mut self, side: usize, pc: &mut PeerConnection, channel: usize) {
        let Some(known) = self.channels.get_mut(&channel) else { return };
        let Some(mut handle) = known.ids[side].and_then(|id| pc.data_channel(id)) else { return };
        let state = handle.ready_state();
        // What is closed before it is open, or while it closes, keeps no promise of delivery to its closer.
        known.lanes[1 - side].forsaken = true;
        known.asked_to_close[side] = true;
        known.bulk = [0; 2];
        if state == DataChannelState::Connecting {
            known.dead = true;
        }
        handle.close();
    }

    pub(crate) fn forsake_all(&mut self) {
        for channel in self.channels.values_mut() {
            channel.dead = true;
            channel.lanes.iter_mut().for_each(|lane| lane.forsaken = true);
        }
    }

    fn read_all(&mut self, side: usize, pc: &mut PeerConnection) {
        let channels: Vec<usize> = self.channels.keys().copied().collect();
        for channel in channels {
            self.read(side, pc, channel);
        }
    }

    fn read(&mut self, side: usize, pc: &mut PeerConnection, channel: usize) {
        let Some(id) = self.channels.get(&channel).and_then(|known| known.ids[side]) else { return };
        while let Some(message) = pc.data_channel(id).and_then(|mut handle| handle.recv()) {
            self.watch.delivers(side, pc);
            self.messages += 1;
            self.take(side, channel, message);
        }
    }

    /// A message comes out of the connection, maybe through the hands of a tamperer.
    fn take(&mut self, side: usize, channel: usize, message: Message) {
        match self.tamper.filter(|_| self.messages > 3) {
            None | Some(Tamper::ForgetLow) => self.accept(side, channel, &message),
            Some(Tamper::Duplicate) => {
                self.accept(side, channel, &message);
                self.accept(side, channel, &message);
            }
            Some(Tamper::Drop) => self.tamper = None,
            Some(Tamper::Swallow) => {}
            Some(Tamper::Change) => {
                let mut data = message.data.to_vec();
                match data.last_mut() {
                    Some(byte) => *byte ^= 1,
                    None => data.push(0),
                }
                self.accept(side, channel, &Message { data: data.into(), ..message });
            }
            Some(Tamper::Swap) => match self.held.take() {
                Some((other, held_channel, held)) if (other, held_channel) == (side, channel) => {
                    self.accept(side, channel, &message);
                    self.accept(side, channel, &held);
                    self.tamper = None;
                }
                Some((other, held_channel, held)) => {
                    self.accept(other, held_channel, &held);
                    self.held = Some((side, channel, message));
                }
                None => self.held = Some((side, channel, message)),
            },
            Some(Tamper::Delay) => {
                self.now += Duration::from_secs(10);
                self.healthy = Some(Duration::ZERO);
                self.accept(side, channel, &message);
            }
            Some(Tamper::Linger) => {
                self.now += Duration::from_millis(120);
                self.accept(side, channel, &message);
            }
        }
    }

    fn accept(&mut self, side: usize, channel: usize, message: &Message) {
        let (now, healthy) = (self.now, self.healthy.map(|since| (since, self.lateness)));
        if let Some(known) = self.channels.get_mut(&channel) {
            known.lanes[1 - side].receive(now, message, healthy);
        }
    }

    /// The peer opened a channel: it is what the opener said.
    fn announced(&mut self, side: usize, pc: &mut PeerConnection, id: ChannelId) {
        let Some(handle) = pc.data_channel(id) else { return };
        let (label, protocol, ordered) =
            (handle.label().to_owned(), handle.protocol().to_owned(), handle.ordered());
        let channel = label.parse().unwrap_or_else(|_| panic!("L5: a channel nobody opened: {label:?}"));
        let Some(known) = self.channels.get_mut(&channel) else {
            panic!("L5: a channel nobody opened: {label:?}")
        };
        assert!(known.ids[side].is_none(), "L5: channel {channel} is announced twice to end {side}");
        assert!(
            protocol == "swarm" && ordered == known.promise.ordered,
            "L5: channel {channel} is announced as {protocol:?}, ordered: {ordered}"
        );
        known.ids[side] = Some(id);
        known.opened[side] = true;
        self.names.insert((side, id), channel);
    }

    /// L5: a channel fails for a reason that is so.
    fn on_failure(&mut self, side: usize, id: ChannelId, why: DataChannelFailure) {
        match why {
            DataChannelFailure::Refused => self.refused[side] += 1,
            // One that came with the end cannot be answered.
            DataChannelFailure::Association(_) | DataChannelFailure::NotSent => {
                has_left(side, self.pc_closed.contains(&true) || self.reckless);
            }
            other => panic!("L5: channel {:?} of end {side} failed: {other:?}", self.name(side, id)),
        }
    }

    fn on_channel(&mut self, now: Instant, side: usize, pc: &mut PeerConnection, event: &Event) {
        match *event {
            Event::DataChannel(id) => {
                self.announced(side, pc, id);
                if let Some(channel) = self.name(side, id) {
                    self.push(now, side, pc, channel);
                }
            }
            Event::DataChannelBufferedAmountLow(_) if self.tamper == Some(Tamper::ForgetLow) => {}
            Event::DataChannelOpen(id) | Event::DataChannelBufferedAmountLow(id) => {
                let Some(channel) = self.name(side, id) else { return };
                if let Some(known) = self.channels.get_mut(&channel) {
                    known.opened[side] = true;
                }
                self.push(now, side, pc, channel);
            }
            Event::DataChannelReadable(id) if !self.deaf[side] => {
                if let Some(channel) = self.name(side, id) {
                    self.read(side, pc, channel);
                }
            }
            Event::DataChannelClosing(id) => {
                // What this side had queued and not sent may be discarded by the closer: its lane is forsaken already.
                if let Some(known) = self.name(side, id).and_then(|channel| self.channels.get_mut(&channel)) {
                    known.bulk = [0; 2];
                }
            }
            Event::DataChannelClose(id) => {
                let Some(channel) = self.name(side, id) else { return };
                self.read(side, pc, channel);
                let over = self.pc_closed.contains(&true);
                if let Some(known) = self.channels.get_mut(&channel) {
                    known.closed[side] = true;
                    let why = over || known.dead || known.asked_to_close.contains(&true);
                    assert!(why, "L5: channel {channel} of end {side} closed and nobody asked it to");
                }
            }
            Event::DataChannelError(id, why) => {
                self.on_failure(side, id, why);
                if let Some(known) = self.name(side, id).and_then(|channel| self.channels.get_mut(&channel)) {
                    known.dead = true;
                    known.lanes.iter_mut().for_each(|lane| lane.forsaken = true);
                }
            }
            _ => {}
        }
    }
}

/// L5: an end that is told of the other's end is told what is so.
pub(crate) fn has_left(side: usize, left: bool) {
    assert!(left, "L5: end {side} is told that its peer has left, and it has not");
}

/// L5: who is told that the other had no room for a channel is told what is so.
pub(crate) fn were_refused(side: usize, told: u64, refused: u64) {
    assert!(
        told <= refused,
        "L5: {told} channels of end {side} were refused, the other has refused {refused}"
    );
}

/// A2: with nothing left to send nothing is buffered.
pub(crate) fn is_empty(channel: usize, buffered: usize) {
    assert!(buffered == 0, "A2: {buffered} bytes of channel {channel} are buffered, and all has arrived");
}

/// A2: the buffered amount grows by what was sent.
pub(crate) fn grew(before: usize, sent: usize, after: usize) {
    assert!(after == before + sent, "A2: {before} buffered bytes and {sent} more are {after}");
}

impl App<End> for Crowd {
    fn on_event(&mut self, now: Instant, host: HostId, end: &mut End, event: Event) {
        let side = host.index();
        self.coverage.event(end.pc(), &event);
        self.tell(side, &event);
        if self.studio.on_event((self.now, now), side, end, &event, self.tamper_frames) {
            self.watch.delivers(side, end.view());
        }
        let pc = end.pc();
        match event {
            Event::ConnectionStateChange(state) => {
                self.watch.state(side, state);
                if state == ConnectionState::Failed {
                    self.failed_at[side].get_or_insert(self.now);
                }
            }
            Event::SignalingStateChange(SignalingState::Stable) => {
                pc.local_description().into_iter().for_each(Watch::description);
            }
            Event::PeerClosed => {
                has_left(side, self.pc_closed[1 - side] || self.reckless);
                self.peer_closed[side] = true;
                self.forsake_all();
                pc.close();
                self.pc_closed[side] = true;
            }
            Event::SctpFailed(why) => {
                assert!(self.reckless, "L5: the association of end {side} failed: {why:?}");
            }
            other => self.on_channel(now, side, pc, &other),
        }
    }

    fn on_datagram(&mut self, now: Instant, host: HostId, end: &mut End, datagram: &Datagram<'_>) -> bool {
        self.coverage.datagram(end.view(), class_of(datagram.data));
        self.watch.arrives(host.index(), end.time(now), datagram.path.remote, datagram.data);
        false
    }

    fn on_sent(&mut self, now: Instant, host: HostId, end: &End, sent: &Sent<'_>) {
        let sctp = end.view().inside().data.association().stats();
        self.watch.window(host.index(), &sctp);
        if self.datagrams {
            self.tell(host.index(), &(class_of(sent.data), sent.data.len(), sent.path.remote));
        }
        self.watch.sends(host.index(), end.time(now), end.view(), sent.path.remote, sent.data);
    }
}
