//! Many connections behind one UDP socket, on one thread: datagrams in and out, events to whoever asks.

use core::time::Duration;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use antiphon::crypto::Certificate;
use antiphon::peer::{ConnectionId, Router};
use antiphon::{
    Config, Datagram, Event, LocalCandidate, Output, Path, PeerConnection, Seed, SessionDescription,
    StdClock, Transmit,
};
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token, Waker};

use crate::web::Fallible;

const SOCKET: Token = Token(0);
const WAKER: Token = Token(1);

/// How many datagrams are taken before the connections may answer.
const BURST: usize = 64;

/// The socket, and the connections that share it.
pub(crate) struct Port {
    pub(crate) clock: StdClock,
    pub(crate) router: Router,
    pub(crate) local: SocketAddr,
    /// Ends the wait of [`next`](Self::next) from another thread.
    pub(crate) waker: Arc<Waker>,
    config: Config,
    poll: Poll,
    events: Events,
    socket: UdpSocket,
    readable: bool,
    /// The datagram in `tx` that the socket would not take yet; nothing is drawn meanwhile.
    blocked: Option<Transmit<Path>>,
    rx: Vec<u8>,
    tx: Vec<u8>,
}

impl Port {
    /// Binds a port of `ip`. Connections are made with `config` and present one certificate: making one is most of the work
    /// of a new connection.
    pub(crate) fn open(ip: IpAddr, config: Config) -> Fallible<Self> {
        let poll = Poll::new()?;
        let mut socket = UdpSocket::bind(SocketAddr::new(ip, 0))?;
        poll.registry().register(&mut socket, SOCKET, Interest::READABLE | Interest::WRITABLE)?;
        let (local, waker) = (socket.local_addr()?, Arc::new(Waker::new(poll.registry(), WAKER)?));
        let config = config.certificate(Certificate::generate(&Seed::from_os()?, StdClock::unix_time())?);
        let (clock, router, events) = (StdClock::start(), Router::new(), Events::with_capacity(16));
        let (rx, tx) = (vec![0; 2048], vec![0; 2048]);
        Ok(Self {
            clock,
            router,
            local,
            waker,
            config,
            poll,
            events,
            socket,
            readable: true,
            blocked: None,
            rx,
            tx,
        })
    }

    /// A page's offer becomes a connection; `prepare` says what is sent on it.
    pub(crate) fn answer(
        &mut self,
        offer: &str,
        prepare: impl FnOnce(&mut PeerConnection) -> Fallible<()>,
    ) -> Fallible<(ConnectionId, String)> {
        let now = self.clock.now();
        let mut pc = PeerConnection::new(now, StdClock::unix_time(), Seed::from_os()?, &self.config)?;
        pc.add_local_candidate(LocalCandidate::udp(self.local))?;
        pc.set_remote_description(SessionDescription::offer(offer)?)?;
        prepare(&mut pc)?;
        pc.set_local_description(None)?;
        let answer = pc.local_description().ok_or("no answer")?.to_sdp();
        Ok((self.router.insert(pc), answer))
    }

    /// The next event of any connection; `None` if the waker woke.
    pub(crate) fn next(&mut self) -> io::Result<Option<(ConnectionId, Event)>> {
        loop {
            let now = self.clock.now();
            self.resend();
            while self.blocked.is_none()
                && let Some(id) = self.router.next_due(now)
            {
                match self.router.poll_output(id, now, &mut self.tx) {
                    Some(Output::Event(event)) => return Ok(Some((id, event))),
                    Some(Output::Transmit(transmit)) => {
                        self.blocked = Some(transmit);
                        self.resend();
                    }
                    Some(Output::Wait(_)) | None => {}
                }
            }
            if !(self.readable && self.receive()?) && self.wait()? {
                return Ok(None);
            }
        }
    }

    /// Sends the datagram that waits in `tx`. Any error but a full socket is a lost packet.
    fn resend(&mut self) {
        let Some(transmit) = self.blocked.take() else { return };
        let datagram = self.tx.get(..transmit.len).unwrap_or_default();
        match self.socket.send_to(datagram, transmit.path.remote) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.blocked = Some(transmit),
            _ => {}
        }
    }

    /// Takes a burst of datagrams; whether there was one.
    fn receive(&mut self) -> io::Result<bool> {
        let now = self.clock.now();
        for count in 0..BURST {
            match self.socket.recv_from(&mut self.rx) {
                Ok((len, remote)) => {
                    let data = self.rx.get(..len).unwrap_or_default();
                    self.router.handle_input(now, Datagram::udp(self.local, remote, data));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.readable = false;
                    return Ok(count > 0);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Sleeps until there is something to do; whether the waker woke.
    fn wait(&mut self) -> io::Result<bool> {
        // A full socket: until it is writable. Else until the next deadline.
        let sleep: Option<Duration> = if self.blocked.is_some() {
            None
        } else {
            let now = self.clock.now();
            self.router.deadline().map(|at| at.saturating_duration_since(now))
        };
        match self.poll.poll(&mut self.events, sleep) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        self.readable |= self.events.iter().any(|event| event.token() == SOCKET && event.is_readable());
        Ok(self.events.iter().any(|event| event.token() == WAKER))
    }
}
