//! One end of a run: a connection with its manners and its cameras, and where a test of the checkers wants it, a deliberate defect.

use antiphon::peer::TransceiverId;
use antiphon::sim::{Foreign, Fork, Manners};
use antiphon::srtp::{Session, Side};
use antiphon::stun::{Class, Message};
use antiphon::time::earliest;
use antiphon::wire::rtp::is_rtcp;
use antiphon::{ConnectionState, Datagram, Event, Instant, Machine, Output, Path, PeerConnection, Transmit};
use core::borrow::{Borrow, BorrowMut};
use core::time::Duration;

use super::film::Camera;
use super::tape::opener;

/// What a broken peer does. Each is caught by a checker: see the table in `checkers.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sabotage {
    /// Sends its latest record again with other bytes under the same number.
    ReusesNonce,
    /// Sends a datagram after the closing event.
    SpeaksAfterTheEnd,
    /// Sends records where it has no consent.
    SpeaksWithoutConsent,
    /// Waits for ever instead of until its deadline.
    ForgetsToWake,
    /// Wants to be woken each millisecond.
    WakesAllTheTime,
    /// Both ends are DTLS clients.
    GreetsAsWell,
    /// Loses every fiftieth datagram before the connection counts it.
    LosesInput,
    /// Sends nothing at all.
    Mute,
    /// Sends four STUN indications with each check.
    Babbles,
    /// Sends its latest packet of media again with other bytes under the same number.
    ReusesIndex,
    /// Its timestamps go back.
    TurnsBackTime,
    /// Sends a packet of media after the closing event.
    FilmsAfterTheEnd,
    /// Sends media where it has no consent.
    FilmsWithoutConsent,
    /// Tells of packets that were never sent.
    LiesInFeedback,
    /// Makes no key frame where one is asked for.
    MakesNoKeyFrame,
    /// Names a user fragment of another generation in a check.
    MixesGenerations,
    /// Ends its connection, and nobody has asked it to.
    Leaves,
    /// Takes nothing before its clock is again where it was.
    WaitsForItsClock,
}

#[derive(Debug)]
pub(crate) struct End {
    inner: Foreign,
    pub(crate) cameras: Vec<Camera>,
    sabotage: Option<Sabotage>,
    /// What opens what was sealed, and seals it again.
    seals: Option<Box<[Session; 2]>>,
    /// The latest record that was sent, and where.
    last: Option<(Path, Vec<u8>)>,
    /// What is to be sent out of turn.
    extra: Vec<(Path, Vec<u8>)>,
    inputs: u64,
    closed: bool,
    done: bool,
    /// When it first had no path.
    pathless_at: Option<Instant>,
    /// The latest instant it has been given.
    latest: Instant,
}

impl End {
    pub(crate) const fn new(pc: PeerConnection, manners: Manners, sabotage: Option<Sabotage>) -> Self {
        let inner = Foreign::new(pc, manners);
        Self {
            inner,
            cameras: Vec::new(),
            sabotage,
            seals: None,
            last: None,
            extra: Vec::new(),
            inputs: 0,
            closed: false,
            done: false,
            pathless_at: None,
            latest: Instant::ZERO,
        }
    }

    pub(crate) const fn pc(&mut self) -> &mut PeerConnection {
        self.inner.pc()
    }

    pub(crate) fn view(&self) -> &PeerConnection {
        self.inner.borrow()
    }

    /// What `now` is to the connection: an earlier one counts as the latest it has seen (law 1).
    pub(crate) fn time(&self, now: Instant) -> Instant {
        now.max(self.latest)
    }

    /// A call has told the connection the time: even on a host that sleeps, and that is then the latest it knows.
    pub(crate) fn was_told(&mut self, now: Instant) {
        self.latest = self.time(now);
    }

    /// Adds a camera.
    pub(crate) fn place(&mut self, mut camera: Camera) {
        camera.heedless = self.sabotage == Some(Sabotage::MakesNoKeyFrame);
        self.cameras.push(camera);
    }

    /// The peer wants a key frame; whether it is of a camera.
    pub(crate) fn request_keyframe(&mut self, id: TransceiverId, rid: Option<&str>) -> bool {
        let camera = self.cameras.iter_mut().find(|camera| camera.id == id);
        camera.map(|camera| camera.request(rid)).is_some()
    }

    fn shoot(&mut self, now: Instant) {
        for camera in &mut self.cameras {
            camera.shoot(now, self.inner.pc());
        }
    }

    /// Changes a datagram that is about to leave; its length then.
    fn falsify(&mut self, buf: &mut [u8], len: usize) -> usize {
        assert!(buf.len() > 4, "a datagram has been drawn");
        let is_media = (128..=191).contains(&buf[0]);
        match self.sabotage {
            Some(Sabotage::TurnsBackTime) if is_media && !is_rtcp(buf) => {
                self.inputs += 1;
                buf[4] = !u8::try_from(self.inputs % 256).unwrap_or(0);
                len
            }
            Some(Sabotage::LiesInFeedback) if is_media && is_rtcp(buf) => self.lie(buf, len).unwrap_or(len),
            Some(Sabotage::MixesGenerations) if self.inputs > 10 => {
                mix(buf, len);
                len
            }
            _ => len,
        }
    }

    /// Seals feedback anew, with another number for its first packet.
    fn lie(&mut self, buf: &mut [u8], len: usize) -> Option<usize> {
        if self.seals.is_none() {
            let dtls = self.view().inside().dtls?;
            let client = dtls.role() == antiphon::dtls::Role::Client;
            let side = if client { Side::Client } else { Side::Server };
            let sealer = Session::new(&dtls.srtp_keying_material()?, side).ok()?;
            self.seals = Some(Box::new([opener(self.view())?, sealer]));
        }
        let [opener, sealer] = self.seals.as_deref_mut()?;
        let mut plain = vec![0; len];
        let plain_len = opener.unprotect_rtcp_into(buf.get(..len)?, &mut plain).ok()?;
        let mut at = 0;
        while at + 16 <= plain_len {
            if (plain[at] & 0x1f, plain[at + 1]) == (15, 205) {
                plain[at + 12] ^= 0x40;
            }
            at += 4 + 4 * usize::from(u16::from_be_bytes([plain[at + 2], plain[at + 3]]));
        }
        buf.get_mut(..plain_len)?.copy_from_slice(plain.get(..plain_len)?);
        sealer.protect_rtcp(buf, plain_len).ok()
    }

    /// Notes what a defect needs of a datagram, and prepares what it does with it.
    fn sabotage(&mut self, path: Path, data: &[u8]) {
        match self.sabotage {
            Some(Sabotage::ReusesNonce) if data.first() == Some(&23) && !self.done => {
                let mut again = data.to_vec();
                if let Some(byte) = again.last_mut() {
                    *byte ^= 1;
                }
                self.extra.push((path, again));
                self.done = true;
            }
            Some(Sabotage::ReusesIndex) if (128..=191).contains(&data[0]) && !is_rtcp(data) && !self.done => {
                let mut again = data.to_vec();
                if let Some(byte) = again.last_mut() {
                    *byte ^= 1;
                }
                self.extra.push((path, again));
                self.done = true;
            }
            Some(Sabotage::FilmsAfterTheEnd | Sabotage::FilmsWithoutConsent)
                if (128..=191).contains(&data[0]) =>
            {
                // Of a source of its own, so that nothing else is wrong with it.
                let mut other = data.to_vec();
                other[8..12].copy_from_slice(b"film");
                self.last = Some((path, other));
            }
            Some(Sabotage::GreetsAsWell) if data.first() == Some(&22) && !self.done => {
                let mut hello = vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 1];
                hello.resize(25, 0);
                self.extra.push((path, hello));
                self.done = true;
            }
            Some(Sabotage::Babbles) if data.first() == Some(&0) => {
                let mut indication = vec![0, 0x11, 0, 0, 0x21, 0x12, 0xa4, 0x42];
                indication.resize(20, 7);
                self.extra = vec![(path, indication); 4];
            }
            Some(Sabotage::SpeaksAfterTheEnd | Sabotage::SpeaksWithoutConsent)
                if data.first() == Some(&23) =>
            {
                self.last = Some((path, data.to_vec()));
            }
            _ => {}
        }
    }

    fn spoil_wait(&mut self, now: Instant, wait: Option<Instant>, buf: &mut [u8]) -> Output<Path, Event> {
        let connected = self.view().connection_state() == ConnectionState::Connected;
        match self.sabotage {
            Some(Sabotage::ForgetsToWake) if !connected => Output::Wait(None),
            Some(Sabotage::WakesAllTheTime) => Output::Wait(Some(now + Duration::from_millis(1))),
            Some(Sabotage::SpeaksAfterTheEnd | Sabotage::FilmsAfterTheEnd)
                if self.closed && !self.done && !buf.is_empty() =>
            {
                self.speak(buf).unwrap_or(Output::Wait(wait))
            }
            Some(Sabotage::SpeaksWithoutConsent | Sabotage::FilmsWithoutConsent)
                if self.last.is_some() && !self.done =>
            {
                if self.view().active_path().is_some() {
                    self.pathless_at = None;
                    return Output::Wait(wait);
                }
                let speaks_at = *self.pathless_at.get_or_insert(now) + Duration::from_secs(1);
                if now < speaks_at || buf.is_empty() {
                    return Output::Wait(earliest(wait, Some(speaks_at)));
                }
                // A number of its own, so that nothing else is wrong with it.
                if let Some((_, data)) = &mut self.last
                    && self.sabotage == Some(Sabotage::SpeaksWithoutConsent)
                {
                    data[6] = 1;
                }
                self.speak(buf).unwrap_or(Output::Wait(wait))
            }
            _ => Output::Wait(wait),
        }
    }

    /// Says the last again.
    fn speak(&mut self, buf: &mut [u8]) -> Option<Output<Path, Event>> {
        let (path, data) = self.last.take()?;
        self.done = true;
        buf[..data.len()].copy_from_slice(&data);
        Some(Output::Transmit(Transmit::new(path, data.len())))
    }
}

/// Changes the user fragment that a check is for.
fn mix(buf: &mut [u8], len: usize) {
    let Some(Ok(message)) = buf.get(..len).map(Message::parse) else { return };
    let Some(name) = message.username().filter(|_| message.class() == Class::Request) else { return };
    let name = name.to_owned();
    let at = buf.windows(name.len()).position(|window| window == name.as_bytes());
    if let Some(at) = at {
        buf[at] = if buf[at] == b'x' { b'y' } else { b'x' };
    }
}

impl Machine for End {
    type Input<'i> = Datagram<'i>;
    type Path = Path;
    type Event = Event;

    fn handle_input(&mut self, now: Instant, input: Datagram<'_>) {
        self.inputs += 1;
        if self.sabotage == Some(Sabotage::WaitsForItsClock) && now < self.latest {
            return;
        }
        self.latest = self.time(now);
        if self.sabotage == Some(Sabotage::Leaves) && self.inputs == 60 {
            self.inner.pc().close();
        }
        if self.sabotage != Some(Sabotage::LosesInput) || !self.inputs.is_multiple_of(50) {
            self.inner.handle_input(now, input);
        }
    }

    fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Output<Path, Event> {
        self.latest = self.time(now);
        self.shoot(now);
        if !buf.is_empty()
            && let Some((path, data)) = self.extra.pop()
        {
            buf[..data.len()].copy_from_slice(&data);
            return Output::Transmit(Transmit::new(path, data.len()));
        }
        loop {
            match self.inner.poll_output(now, buf) {
                Output::Transmit(mut transmit) => {
                    if self.sabotage == Some(Sabotage::Mute) {
                        continue;
                    }
                    transmit.len = self.falsify(buf, transmit.len);
                    self.sabotage(transmit.path, &buf[..transmit.len]);
                    return Output::Transmit(transmit);
                }
                Output::Event(event) => {
                    self.closed |= event == Event::ConnectionStateChange(ConnectionState::Closed);
                    return Output::Event(event);
                }
                Output::Wait(wait) => {
                    let next = self.cameras.iter().filter_map(Camera::next).min();
                    return self.spoil_wait(now, earliest(wait, next.filter(|_| !self.closed)), buf);
                }
            }
        }
    }
}

impl Fork for End {
    fn fork(&self) -> Self {
        Self {
            inner: self.inner.fork(),
            cameras: self.cameras.clone(),
            sabotage: self.sabotage,
            seals: self.seals.as_ref().map(|seals| Box::new(seals.each_ref().map(Session::fork))),
            last: self.last.clone(),
            extra: self.extra.clone(),
            inputs: self.inputs,
            closed: self.closed,
            done: self.done,
            pathless_at: self.pathless_at,
            latest: self.latest,
        }
    }
}

impl Borrow<PeerConnection> for End {
    fn borrow(&self) -> &PeerConnection {
        self.inner.borrow()
    }
}

impl BorrowMut<PeerConnection> for End {
    fn borrow_mut(&mut self) -> &mut PeerConnection {
        self.inner.borrow_mut()
    }
}
