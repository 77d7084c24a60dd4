//! One connection on one UDP socket, driven by readiness: the loop that the examples share.
#![allow(dead_code, clippy::allow_attributes, reason = "each example uses its part")]

use core::time::Duration;
use std::io;
use std::net::{IpAddr, SocketAddr};

use antiphon::time::earliest;
use antiphon::{Config, Datagram, Event, Instant, Output, Path, PeerConnection, Seed, StdClock, Transmit};
use antiphon::{LocalCandidate, SessionDescription};
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};

/// What example code returns when something goes wrong.
pub(crate) type Fallible<T> = Result<T, Box<dyn core::error::Error + Send + Sync>>;

/// The readiness token of the socket; any other wakes the loop.
pub(crate) const SOCKET: Token = Token(0);

/// How many datagrams are taken from the socket before the connection may answer.
const BURST: usize = 32;

/// A connection and the socket it uses.
pub(crate) struct Endpoint {
    pub(crate) pc: PeerConnection,
    pub(crate) clock: StdClock,
    /// Where others may register, to wake the loop from another thread.
    pub(crate) poll: Poll,
    socket: UdpSocket,
    local: SocketAddr,
    events: Events,
    readable: bool,
    /// The datagram in `tx` that the socket would not take yet.
    blocked: Option<Transmit<Path>>,
    rx: Vec<u8>,
    tx: Vec<u8>,
}

impl Endpoint {
    /// A connection on a new socket bound to `ip`: an address of this host, not the wildcard.
    pub(crate) fn bind(ip: IpAddr, clock: StdClock, config: &Config) -> Fallible<Self> {
        let poll = Poll::new()?;
        let mut socket = UdpSocket::bind(SocketAddr::new(ip, 0))?;
        poll.registry().register(&mut socket, SOCKET, Interest::READABLE | Interest::WRITABLE)?;
        let local = socket.local_addr()?;
        let mut pc = PeerConnection::new(clock.now(), StdClock::unix_time(), Seed::from_os()?, config)?;
        pc.add_local_candidate(LocalCandidate::udp(local))?;
        let (rx, tx) = (vec![0; 2048], vec![0; 2048]);
        let events = Events::with_capacity(8);
        Ok(Self { pc, clock, poll, socket, local, events, readable: true, blocked: None, rx, tx })
    }

    /// Makes an offer and applies it here.
    pub(crate) fn offer(&mut self) -> Fallible<SessionDescription> {
        self.pc.set_local_description(None)?;
        self.described()
    }

    /// Takes the peer's offer, lets `prepare` add what is sent, and answers.
    pub(crate) fn answer(
        &mut self,
        offer: SessionDescription,
        prepare: impl FnOnce(&mut PeerConnection) -> Fallible<()>,
    ) -> Fallible<SessionDescription> {
        self.pc.set_remote_description(offer)?;
        prepare(&mut self.pc)?;
        self.pc.set_local_description(None)?;
        self.described()
    }

    /// Takes the peer's answer.
    pub(crate) fn accept(&mut self, answer: SessionDescription) -> Fallible<()> {
        Ok(self.pc.set_remote_description(answer)?)
    }

    /// The local description. It holds every candidate: there is one, and it was there from the start.
    fn described(&self) -> Fallible<SessionDescription> {
        Ok(self.pc.local_description().ok_or("no local description")?.clone())
    }

    /// The next event; `None` at `until`, or when something other than the socket woke the loop.
    pub(crate) fn next_event(&mut self, until: Option<Instant>) -> io::Result<Option<Event>> {
        loop {
            // While the socket is full nothing new is drawn: an empty buffer lets timers and events through.
            let full = self.blocked.is_some() && !self.resend();
            let now = self.clock.now();
            let output = self.pc.poll_output(now, if full { &mut [] } else { &mut self.tx });
            match output {
                Output::Event(event) => return Ok(Some(event)),
                Output::Transmit(transmit) => {
                    self.blocked = Some(transmit);
                    self.resend();
                }
                Output::Wait(deadline) => {
                    if until.is_some_and(|at| at <= now) || self.wait(earliest(deadline, until))? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Sends the datagram in `tx`; false if the socket is still full. Any other error is a lost packet.
    fn resend(&mut self) -> bool {
        let Some(transmit) = self.blocked.take() else { return true };
        let datagram = self.tx.get(..transmit.len).unwrap_or_default();
        match self.socket.send_to(datagram, transmit.path.remote) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.blocked = Some(transmit);
                false
            }
            _ => true,
        }
    }

    /// Takes a burst of datagrams, or sleeps until `deadline`. True if another thread woke the loop.
    fn wait(&mut self, deadline: Option<Instant>) -> io::Result<bool> {
        if self.readable && self.receive()? > 0 {
            return Ok(false);
        }
        let sleep: Option<Duration> = self.clock.until(deadline);
        match self.poll.poll(&mut self.events, sleep) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        self.readable |= self.events.iter().any(|event| event.token() == SOCKET && event.is_readable());
        Ok(self.events.iter().any(|event| event.token() != SOCKET))
    }

    fn receive(&mut self) -> io::Result<usize> {
        let now = self.clock.now();
        for count in 0..BURST {
            match self.socket.recv_from(&mut self.rx) {
                Ok((len, remote)) => {
                    let data = self.rx.get(..len).unwrap_or_default();
                    self.pc.handle_input(now, Datagram::udp(self.local, remote, data));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.readable = false;
                    return Ok(count);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(BURST)
    }
}
