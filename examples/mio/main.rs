//! A chat room: one thread, one UDP port, any number of browsers.
//!
//! `cargo run --release --example mio`, then open the printed address in several tabs. A second thread serves the page and hands
//! offers over; everything of the connections happens on the first.
#![expect(
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "a program for a terminal; it picks the events it wants"
)]

#[path = "../common/address.rs"]
mod address;

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use antiphon::crypto::Certificate;
use antiphon::peer::{ConnectionId, Router};
use antiphon::{
    Config, ConnectionState, DataChannelId, Datagram, Event, Instant, LocalCandidate, Message, Output, Path,
    PeerConnection, Seed, SessionDescription, StdClock, Transmit,
};
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token, Waker};
use serde_json::{Value, json};
use tiny_http::{Header, Method, Request, Response, Server};

use address::own_address;

const SOCKET: Token = Token(0);
const WAKER: Token = Token(1);

/// How many datagrams are taken before the connections may answer.
const BURST: usize = 64;

/// An offer from the HTTP thread, and where it waits for the answer.
struct Join {
    offer: String,
    answer: Sender<Result<String, String>>,
}

/// Everybody who talks, on one socket.
struct Room {
    clock: StdClock,
    config: Config,
    router: Router,
    /// The channel of each who has come in.
    seats: BTreeMap<ConnectionId, DataChannelId>,
    socket: UdpSocket,
    local: SocketAddr,
    readable: bool,
    /// The datagram in `tx` that the socket would not take yet; nothing is drawn meanwhile.
    blocked: Option<Transmit<Path>>,
    rx: Vec<u8>,
    tx: Vec<u8>,
}

impl Room {
    fn open(poll: &Poll) -> Result<Self, Box<dyn Error>> {
        let mut socket = UdpSocket::bind(SocketAddr::new(own_address(), 0))?;
        poll.registry().register(&mut socket, SOCKET, Interest::READABLE | Interest::WRITABLE)?;
        let local = socket.local_addr()?;
        // One certificate for all: making one is most of the work of a new connection.
        let certificate = Certificate::generate(&Seed::from_os()?, StdClock::unix_time())?;
        let config = Config::new().certificate(certificate);
        let (clock, router, seats) = (StdClock::start(), Router::new(), BTreeMap::new());
        let (rx, tx) = (vec![0; 2048], vec![0; 2048]);
        Ok(Self { clock, config, router, seats, socket, local, readable: true, blocked: None, rx, tx })
    }

    fn run(&mut self, poll: &mut Poll, joins: &Receiver<Join>) -> io::Result<()> {
        let mut events = Events::with_capacity(16);
        loop {
            for join in joins.try_iter() {
                // A page that did not wait for its answer is no loss.
                drop(join.answer.send(self.join(&join.offer).map_err(|error| error.to_string())));
            }
            self.receive()?;
            self.serve();
            let now = self.clock.now();
            // More to read: only look. A full socket: until it is writable. Else until the next deadline.
            let sleep = match (self.readable, &self.blocked) {
                (true, _) => Some(core::time::Duration::ZERO),
                (false, Some(_)) => None,
                (false, None) => self.router.deadline().map(|at| at.saturating_duration_since(now)),
            };
            match poll.poll(&mut events, sleep) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            self.readable |= events.iter().any(|event| event.token() == SOCKET && event.is_readable());
        }
    }

    /// A page's offer becomes a connection.
    fn join(&mut self, offer: &str) -> Result<String, Box<dyn Error>> {
        let now = self.clock.now();
        let mut pc = PeerConnection::new(now, StdClock::unix_time(), Seed::from_os()?, &self.config)?;
        pc.add_local_candidate(LocalCandidate::udp(self.local))?;
        pc.set_remote_description(SessionDescription::offer(offer)?)?;
        pc.set_local_description(None)?;
        let answer = pc.local_description().ok_or("no answer")?.to_sdp();
        self.router.insert(pc);
        Ok(answer)
    }

    fn receive(&mut self) -> io::Result<()> {
        let now = self.clock.now();
        for _ in 0..BURST {
            match self.socket.recv_from(&mut self.rx) {
                Ok((len, remote)) => {
                    let data = self.rx.get(..len).unwrap_or_default();
                    self.router.handle_input(now, Datagram::udp(self.local, remote, data));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.readable = false;
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Polls whoever is due, until nobody is or the socket is full.
    fn serve(&mut self) {
        let now = self.clock.now();
        self.resend();
        while self.blocked.is_none()
            && let Some(id) = self.router.next_due(now)
        {
            match self.router.poll_output(id, now, &mut self.tx) {
                Some(Output::Event(event)) => self.on_event(id, now, &event),
                Some(Output::Transmit(transmit)) => {
                    self.blocked = Some(transmit);
                    self.resend();
                }
                Some(Output::Wait(_)) | None => {}
            }
        }
    }

    fn resend(&mut self) {
        let Some(transmit) = self.blocked.take() else { return };
        let datagram = self.tx.get(..transmit.len).unwrap_or_default();
        match self.socket.send_to(datagram, transmit.path.remote) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.blocked = Some(transmit),
            _ => {} // Any other error is a lost packet.
        }
    }

    fn on_event(&mut self, id: ConnectionId, now: Instant, event: &Event) {
        match *event {
            Event::DataChannelOpen(channel) => {
                self.seats.insert(id, channel);
                self.tell_all(now, &json!({ "note": format!("guest {} came in", id.index()) }));
            }
            Event::DataChannelReadable(channel) => {
                let from = format!("guest {}", id.index());
                while let Some(message) = self.recv(id, channel) {
                    let text = String::from_utf8_lossy(&message.data);
                    self.tell_all(now, &json!({ "from": from, "say": text }));
                }
            }
            Event::DataChannelClose(channel) if self.seats.get(&id) == Some(&channel) => self.leave(id, now),
            Event::PeerClosed
            | Event::SctpFailed(_)
            | Event::ConnectionStateChange(ConnectionState::Failed) => {
                if let Some(pc) = self.router.get_mut(id) {
                    pc.close();
                }
            }
            Event::ConnectionStateChange(ConnectionState::Closed) => {
                self.router.remove(id);
                self.leave(id, now);
            }
            _ => {}
        }
    }

    fn recv(&mut self, id: ConnectionId, channel: DataChannelId) -> Option<Message> {
        self.router.get_mut(id)?.data_channel(channel)?.recv()
    }

    fn leave(&mut self, id: ConnectionId, now: Instant) {
        if self.seats.remove(&id).is_some() {
            self.tell_all(now, &json!({ "note": format!("guest {} left", id.index()) }));
        }
    }

    /// Says something to everybody. Who cannot keep up misses lines; nobody else waits for them.
    fn tell_all(&mut self, now: Instant, what: &Value) {
        println!("{what}");
        let message = Message::text(what.to_string());
        for (id, channel) in &self.seats {
            if let Some(mut channel) = self.router.get_mut(*id).and_then(|pc| pc.data_channel(*channel)) {
                drop(channel.send(now, &message));
            }
        }
    }
}

/// Serves the page and hands its offers to the room.
fn serve_page(http: &Server, joins: &Sender<Join>, waker: &Waker) {
    for mut request in http.incoming_requests() {
        let (kind, reply) = match (request.method(), request.url()) {
            (Method::Get, "/") => ("text/html; charset=utf-8", Ok(include_str!("room.html").to_owned())),
            (Method::Post, "/join") => ("application/json", take_offer(&mut request, joins, waker)),
            _ => ("text/plain", Err("not found".into())),
        };
        let (text, status) = reply.map_or_else(|error| (error.to_string(), 400), |text| (text, 200));
        let header = Header::from_bytes("Content-Type", kind).expect("a header of plain ASCII");
        drop(request.respond(Response::from_string(text).with_status_code(status).with_header(header)));
    }
}

fn take_offer(request: &mut Request, joins: &Sender<Join>, waker: &Waker) -> Result<String, Box<dyn Error>> {
    let mut offer = String::new();
    request.as_reader().take(256 * 1024).read_to_string(&mut offer)?;
    let (answer, answered) = mpsc::channel();
    joins.send(Join { offer, answer })?;
    waker.wake()?;
    Ok(json!({ "type": "answer", "sdp": answered.recv()?? }).to_string())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut poll = Poll::new()?;
    let mut room = Room::open(&poll)?;
    let http = Server::http("127.0.0.1:8081")
        .or_else(|_| Server::http("127.0.0.1:0"))
        .map_err(|error| error.to_string())?;
    println!("open http://{}/ in several tabs; everybody talks through {}", http.server_addr(), room.local);
    let (joins, requests) = mpsc::channel();
    let waker = Waker::new(poll.registry(), WAKER)?;
    thread::Builder::new().spawn(move || serve_page(&http, &joins, &waker))?;
    Ok(room.run(&mut poll, &requests)?)
}
