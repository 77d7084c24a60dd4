//! One end of a run: a connection with its manners, and where a test of the checkers wants it, a deliberate defect.

use antiphon::sim::{Foreign, Fork, Manners};
use antiphon::{ConnectionState, Datagram, Event, Instant, Machine, Output, Path, PeerConnection, Transmit};
use core::borrow::{Borrow, BorrowMut};
use core::time::Duration;

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
}

#[derive(Debug)]
pub(crate) struct End {
    inner: Foreign,
    sabotage: Option<Sabotage>,
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
            sabotage,
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
            Some(Sabotage::SpeaksAfterTheEnd) if self.closed && !self.done && !buf.is_empty() => {
                self.speak(buf).unwrap_or(Output::Wait(wait))
            }
            Some(Sabotage::SpeaksWithoutConsent) if self.last.is_some() && !self.done => {
                if self.view().active_path().is_some() {
                    self.pathless_at = None;
                    return Output::Wait(wait);
                }
                let speaks_at = *self.pathless_at.get_or_insert(now) + Duration::from_secs(1);
                if now < speaks_at || buf.is_empty() {
                    return Output::Wait(antiphon::time::earliest(wait, Some(speaks_at)));
                }
                // A number of its own, so that nothing else is wrong with it.
                if let Some((_, data)) = &mut self.last {
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

impl Machine for End {
    type Input<'i> = Datagram<'i>;
    type Path = Path;
    type Event = Event;

    fn handle_input(&mut self, now: Instant, input: Datagram<'_>) {
        self.inputs += 1;
        self.latest = self.time(now);
        if self.sabotage != Some(Sabotage::LosesInput) || !self.inputs.is_multiple_of(50) {
            self.inner.handle_input(now, input);
        }
    }

    fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Output<Path, Event> {
        self.latest = self.time(now);
        if !buf.is_empty()
            && let Some((path, data)) = self.extra.pop()
        {
            buf[..data.len()].copy_from_slice(&data);
            return Output::Transmit(Transmit::new(path, data.len()));
        }
        loop {
            match self.inner.poll_output(now, buf) {
                Output::Transmit(transmit) => {
                    if self.sabotage == Some(Sabotage::Mute) {
                        continue;
                    }
                    self.sabotage(transmit.path, &buf[..transmit.len]);
                    return Output::Transmit(transmit);
                }
                Output::Event(event) => {
                    self.closed |= event == Event::ConnectionStateChange(ConnectionState::Closed);
                    return Output::Event(event);
                }
                Output::Wait(wait) => return self.spoil_wait(now, wait, buf),
            }
        }
    }
}

impl Fork for End {
    fn fork(&self) -> Self {
        Self {
            inner: self.inner.fork(),
            sabotage: self.sabotage,
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
