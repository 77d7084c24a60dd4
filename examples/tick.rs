//! A game's loop at 60 frames a second: two players tell each other where they are.
//!
//! Positions travel on an unordered channel without retransmission: a lost one is replaced by the next, and an old one is
//! never waited for. `cargo run --release --example tick [SECONDS]`.
#![expect(clippy::wildcard_enum_match_arm, reason = "it picks the events it wants")]
#![expect(clippy::print_stdout, reason = "a program for a terminal")]
#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "a program has sockets and sleeps")]

use core::time::Duration;
use std::error::Error;
use std::io;
use std::net::{SocketAddr, UdpSocket};

use antiphon::{
    Config, ConnectionState, DataChannelId, DataChannelInit, Datagram, Event, Instant, LocalCandidate,
    Message, Output, PeerConnection, Seed, StdClock,
};

const FRAME: Duration = Duration::from_nanos(16_666_667);

/// One player's game: a connection, and where both stand.
struct Player {
    name: &'static str,
    pc: Box<PeerConnection>,
    socket: UdpSocket,
    local: SocketAddr,
    buf: Box<[u8]>,
    /// The game's clock: it moves by whole frames, whatever the wall's does.
    now: Instant,
    positions: Option<DataChannelId>,
    frame: u32,
    place: [f32; 2],
    other: [f32; 2],
    newest: u32,
    received: u32,
    stale: u32,
}

impl Player {
    fn new(name: &'static str) -> Result<Self, Box<dyn Error>> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_nonblocking(true)?;
        let local = socket.local_addr()?;
        let now = Instant::from_nanos(1_000_000_000);
        let mut pc = PeerConnection::new(now, StdClock::unix_time(), Seed::from_os()?, &Config::new())?;
        pc.add_local_candidate(LocalCandidate::udp(local))?;
        let (place, other) = ([0.0; 2], [f32::NAN; 2]);
        let (buf, positions) = (vec![0; 2048].into(), None);
        Ok(Self {
            name,
            pc: Box::new(pc),
            socket,
            local,
            buf,
            now,
            positions,
            frame: 0,
            place,
            other,
            newest: 0,
            received: 0,
            stale: 0,
        })
    }

    /// One frame: time moves on, the network is heard, the game moves, the network is told.
    fn tick(&mut self, dt: Duration) -> io::Result<()> {
        self.now += dt;
        self.frame += 1;
        loop {
            match self.socket.recv_from(&mut self.buf) {
                Ok((len, remote)) => {
                    let data = self.buf.get(..len).unwrap_or_default();
                    self.pc.handle_input(self.now, Datagram::udp(self.local, remote, data));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        self.play(dt);
        loop {
            match self.pc.poll_output(self.now, &mut self.buf) {
                Output::Event(event) => self.on_event(&event),
                // A full socket is a lost packet: the next position is a frame away.
                Output::Transmit(t) => {
                    let datagram = self.buf.get(..t.len).unwrap_or_default();
                    drop(self.socket.send_to(datagram, t.path.remote));
                }
                // The next frame is soon enough.
                Output::Wait(_) => return Ok(()),
            }
        }
    }

    /// Walks in a circle and says so.
    fn play(&mut self, dt: Duration) {
        let (speed, [x, y]) = (dt.as_secs_f32(), self.place);
        self.place = [x + (1.0 - y) * speed, y + (x - 1.0) * speed];
        let Some(mut channel) = self.positions.and_then(|id| self.pc.data_channel(id)) else { return };
        let mut message = [0; 12];
        let parts = [self.frame.to_be_bytes(), self.place[0].to_be_bytes(), self.place[1].to_be_bytes()];
        message.as_chunks_mut::<4>().0.iter_mut().zip(parts).for_each(|(slot, part)| *slot = part);
        if channel.can_send() {
            // Refused would mean that the game outruns the network: this frame's position is then skipped.
            drop(channel.send(self.now, &Message::binary(message.to_vec())));
        }
    }

    fn on_event(&mut self, event: &Event) {
        match *event {
            Event::DataChannelOpen(id) => self.positions = Some(id),
            Event::DataChannelReadable(id) => {
                while let Some(message) = self.pc.data_channel(id).and_then(|mut channel| channel.recv()) {
                    self.hear(&message.data);
                }
            }
            Event::ConnectionStateChange(state) => {
                println!("{}: {state:?} in frame {}", self.name, self.frame);
            }
            Event::PeerClosed | Event::SctpFailed(_) => self.pc.close(),
            _ => {}
        }
    }

    /// Takes a position, unless a newer one is known: the channel does not order them.
    fn hear(&mut self, message: &[u8]) {
        let ([frame, x, y], []) = message.as_chunks::<4>() else { return };
        let frame = u32::from_be_bytes(*frame);
        self.received += 1;
        if frame > self.newest {
            self.newest = frame;
            self.other = [f32::from_be_bytes(*x), f32::from_be_bytes(*y)];
        } else {
            self.stale += 1;
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let seconds: u32 = std::env::args()
        .nth(1)
        .map_or(Ok(3), |arg| arg.parse())
        .map_err(|_| "usage: tick [SECONDS], 3 where none are named")?;
    let mut players = [Player::new("red")?, Player::new("blue")?];
    let [red, blue] = &mut players;
    let init = DataChannelInit { ordered: false, max_retransmits: Some(0), ..DataChannelInit::default() };
    red.pc.create_data_channel("positions", init)?;
    red.pc.set_local_description(None)?;
    blue.pc.set_remote_description(red.pc.local_description().ok_or("no offer")?.clone())?;
    blue.pc.set_local_description(None)?;
    red.pc.set_remote_description(blue.pc.local_description().ok_or("no answer")?.clone())?;

    for frame in 1..=seconds * 60 {
        for player in &mut players {
            player.tick(FRAME)?;
        }
        if frame % 60 == 0 {
            for Player { name, place, other, received, stale, .. } in &players {
                println!(
                    "{name}: at {place:.2?}, sees the other at {other:.2?} ({received} positions, {stale} stale)"
                );
            }
        }
        std::thread::sleep(FRAME);
    }
    let [red, blue] = &mut players;
    red.pc.close();
    red.tick(FRAME)?;
    blue.tick(FRAME)?;
    blue.tick(FRAME)?;
    let closed = [red, blue].iter().all(|player| player.pc.connection_state() == ConnectionState::Closed);
    if !closed || players.iter().any(|player| player.received == 0) {
        return Err("the players did not hear each other".into());
    }
    Ok(())
}
