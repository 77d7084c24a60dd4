//! Our association against usrsctp's own programs, over UDP encapsulation on loopback, in both roles.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(
    clippy::print_stdout,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a live peer behind real sockets, in real time"
)]

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant as Wall};

use antiphon::sctp::{Association, CloseReason, Config, Event, Message, Reliability, SendOptions};
use antiphon::wire::sctp::{Chunk, Packet};
use antiphon::{Output, Rng, Seed, StdClock};
use bytes::Bytes;

const DIRECTORY: &str = "/usr/lib/usrsctp";
const PATIENCE: Duration = Duration::from_secs(30);

/// One of usrsctp's programs, ended with the test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Where a program is, unless this system does not have it.
fn program(name: &str) -> Option<PathBuf> {
    let path = Path::new(DIRECTORY).join(name);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {name} of libusrsctp-examples is not installed");
    None
}

fn start(path: &Path, arguments: &[String]) -> Program {
    let mut command = Command::new(path);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Program(command.spawn().unwrap())
}

/// Our socket, and a port that is free for the peer.
fn sockets() -> (UdpSocket, u16) {
    let ours = UdpSocket::bind("127.0.0.1:0").unwrap();
    let other = UdpSocket::bind("127.0.0.1:0").unwrap();
    let free = other.local_addr().unwrap().port();
    (ours, free)
}

/// The association behind its socket.
struct Live {
    association: Association,
    socket: UdpSocket,
    peer: SocketAddr,
    clock: StdClock,
    events: Vec<Event>,
    received: Vec<Message>,
    /// Every so many-th packet is lost, each way.
    lose_every: usize,
    packets: usize,
    /// What went over the wire last, for a test that fails.
    recent: VecDeque<String>,
    end: Wall,
}

impl Live {
    fn new(socket: UdpSocket, peer_port: u16, config: &Config) -> Self {
        let clock = StdClock::start();
        let rng = Rng::new(&Seed::from_bytes([9; 32]));
        Self {
            association: Association::new(clock.now(), rng, config).unwrap(),
            socket,
            peer: SocketAddr::from(([127, 0, 0, 1], peer_port)),
            clock,
            events: Vec::new(),
            received: Vec::new(),
            lose_every: usize::MAX,
            packets: 0,
            recent: VecDeque::new(),
            end: Wall::now() + PATIENCE,
        }
    }

    fn begin_again(&mut self, config: &Config) {
        let rng = Rng::new(&Seed::from_bytes([10; 32]));
        self.association = Association::new(self.clock.now(), rng, config).unwrap();
        self.association.connect();
        self.events.clear();
        self.until(|live| !live.events.is_empty());
    }

    fn is_lost(&mut self, direction: char, packet: &[u8]) -> bool {
        self.packets += 1;
        let chunks: Vec<_> = Packet::parse(packet).unwrap().chunks().map(Result::unwrap).collect();
        // The program that sent SHUTDOWN COMPLETE is gone when it would have to say it again.
        let farewell = matches!(chunks.as_slice(), [Chunk::ShutdownComplete { .. }]);
        let lost = self.packets.is_multiple_of(self.lose_every) && !farewell;
        let chunks: Vec<_> = chunks.into_iter().map(brief).collect();
        let end = if lost { " lost" } else { "" };
        self.recent.push_back(format!("{direction} {}{end}", chunks.join(" | ")));
        if self.recent.len() > 40 {
            self.recent.pop_front();
        }
        lost
    }

    /// Draws everything there is, then waits for a packet or a timer.
    fn turn(&mut self) {
        let mut buf = [0; 2048];
        let due = loop {
            match self.association.poll_output(self.clock.now(), &mut buf) {
                Output::Event(event) => self.on_event(event),
                Output::Transmit(transmit) => {
                    if !self.is_lost('>', &buf[..transmit.len]) {
                        // Until the peer's program is up, its port is closed.
                        drop(self.socket.send_to(&buf[..transmit.len], self.peer));
                    }
                }
                Output::Wait(due) => break due,
            }
        };
        let wait = self.clock.until(due).unwrap_or(PATIENCE).min(Duration::from_millis(100));
        self.socket.set_read_timeout(Some(wait)).unwrap();
        match self.socket.recv_from(&mut buf) {
            Ok((len, _)) => self.input(&buf[..len]),
            Err(error) if is_nothing(error.kind()) => {}
            Err(error) => panic!("{error}"),
        }
        assert!(
            Wall::now() < self.end,
            "after {PATIENCE:?}: {:?} {:?}\n{}",
            self.events,
            self.association.stats(),
            self.recent.make_contiguous().join("\n")
        );
    }

    fn input(&mut self, packet: &[u8]) {
        if !self.is_lost('<', packet) {
            self.association.handle_input(self.clock.now(), Bytes::copy_from_slice(packet));
        }
    }

    fn on_event(&mut self, event: Event) {
        if matches!(event, Event::Readable(_)) {
            self.received.extend(core::iter::from_fn(|| self.association.recv()));
        } else {
            self.events.push(event);
        }
    }

    fn until(&mut self, done: impl Fn(&Self) -> bool) {
        while !done(self) {
            self.turn();
        }
    }

    /// Sends as the buffer has room.
    fn send(&mut self, message: &Message, options: SendOptions) {
        while !self.association.can_send(message.stream) {
            self.turn();
        }
        self.association.send(self.clock.now(), message, options).unwrap();
    }

    fn closed(&self) -> Option<CloseReason> {
        self.events
            .iter()
            .find_map(|event| if let Event::Closed(reason) = event { Some(*reason) } else { None })
    }
}

/// A chunk in a few words.
fn brief(chunk: Chunk<'_>) -> String {
    if let Chunk::Data(data) = &chunk {
        return format!("DATA {} {:?}", data.tsn.0, data.flags);
    }
    let text = format!("{chunk:?}");
    text.chars().take(100).collect()
}

fn is_nothing(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::ConnectionRefused)
}

fn config(local_port: u16, remote_port: u16) -> Config {
    Config { local_port, remote_port, streams: 16, ..Config::default() }
}

/// Connects to a server program; INIT is repeated until it is up.
fn connect(path: &Path, arguments: impl Fn(u16, u16) -> Vec<String>, port: u16) -> (Live, Program) {
    let (socket, peer) = sockets();
    let ours = socket.local_addr().unwrap().port();
    let program = start(path, &arguments(peer, ours));
    let config = Config { rto_initial: Duration::from_millis(100), ..config(5000, port) };
    let mut live = Live::new(socket, peer, &config);
    live.association.connect();
    live.until(|live| !live.events.is_empty());
    while live.closed().is_some() {
        // The program has its socket, but does not listen yet.
        std::thread::sleep(Duration::from_millis(20));
        live.begin_again(&config);
    }
    assert_eq!(live.events, [Event::Connected]);
    (live, program)
}

fn words(words: &[&str], ports: [u16; 2]) -> Vec<String> {
    let mut ports = ports.iter();
    let mut word = |word: &&str| match *word {
        "?" => ports.next().unwrap().to_string(),
        word => word.to_owned(),
    };
    words.iter().map(&mut word).collect()
}

/// Waits for a client program's INIT, whose ports are its own choice.
fn accept(path: &Path, options: &[&str]) -> (Live, Program) {
    let (socket, peer) = sockets();
    let ours = socket.local_addr().unwrap().port();
    let mut arguments = words(&["-p", "5001", "-E", "?", "-U", "?"], [peer, ours]);
    arguments.extend(options.iter().map(|word| (*word).to_owned()));
    arguments.push("127.0.0.1".into());
    let program = start(path, &arguments);
    let mut buf = [0; 2048];
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let (len, _) = socket.recv_from(&mut buf).unwrap();
    let init = Packet::parse(&buf[..len]).unwrap();
    assert_eq!(init.destination_port, 5001);
    let mut live = Live::new(socket, peer, &config(5001, init.source_port));
    live.input(&buf[..len]);
    (live, program)
}

fn message(stream: u16, len: usize, n: usize) -> Message {
    let byte = u8::try_from(n % 251).unwrap();
    Message { stream, ppid: 53, data: vec![byte; len].into() }
}

#[test]
fn usrsctp_echoes_messages_of_every_size_in_order() {
    let Some(path) = program("echo_server") else { return };
    let (mut live, _program) = connect(&path, |peer, ours| words(&["?", "?"], [peer, ours]), 7);
    let sizes = [1, 2, 3, 4, 1000, 1171, 1172, 1173, 5000, 9000];
    let sent: Vec<_> = (0..200).map(|n| message(1, sizes[n % sizes.len()], n)).collect();
    for message in &sent {
        live.send(message, SendOptions::default());
    }
    let total: usize = sent.iter().map(|message| message.data.len()).sum();
    live.until(|live| live.received.iter().map(|message| message.data.len()).sum::<usize>() >= total);
    // The server reads into a buffer of its own and may return a long message in parts.
    let joined =
        |messages: &[Message]| messages.iter().flat_map(|message| message.data.to_vec()).collect::<Vec<_>>();
    assert!(joined(&live.received) == joined(&sent));
    assert_eq!(live.association.stats().drops, antiphon::sctp::Drops::default());
}

#[test]
fn usrsctp_takes_bulk_from_us_and_ends_in_order() {
    let Some(path) = program("tsctp") else { return };
    let arguments = |peer, ours| words(&["-p", "5001", "-E", "?", "-U", "?"], [peer, ours]);
    let (mut live, _program) = connect(&path, arguments, 5001);
    for n in 0..1000 {
        live.send(&message(0, 10_000, n), SendOptions::default());
    }
    live.association.shutdown();
    live.until(|live| live.closed().is_some());
    assert_eq!(live.closed(), Some(CloseReason::Shutdown));
    assert_eq!(live.association.stats().messages_sent, 1000);
}

#[test]
fn usrsctp_sends_bulk_to_us_and_ends_in_order() {
    let Some(path) = program("tsctp") else { return };
    let (mut live, _program) = accept(&path, &["-n", "2000", "-l", "5000"]);
    live.until(|live| live.closed().is_some());
    assert_eq!(live.closed(), Some(CloseReason::Shutdown));
    assert_eq!(live.received.len(), 2000);
    assert!(live.received.iter().all(|message| message.data.len() == 5000));
}

#[test]
fn usrsctp_and_we_repair_losses() {
    let Some(path) = program("tsctp") else { return };
    let (mut live, _program) = accept(&path, &["-n", "1000", "-l", "3000"]);
    live.lose_every = 29;
    live.until(|live| live.closed().is_some());
    assert_eq!(live.closed(), Some(CloseReason::Shutdown));
    assert_eq!(live.received.len(), 1000);
}

#[test]
fn usrsctp_gives_up_messages_and_we_go_on_behind_them() {
    let Some(path) = program("tsctp") else { return };
    let (mut live, _program) = accept(&path, &["-n", "1000", "-l", "1000", "-P", "2", "-t", "0"]);
    live.lose_every = 29;
    live.until(|live| live.closed().is_some());
    assert_eq!(live.closed(), Some(CloseReason::Shutdown));
    let received = live.received.len();
    assert!(received > 500 && received <= 1000, "{received} of 1000");
}

#[test]
fn we_give_up_messages_and_usrsctp_goes_on_behind_them() {
    let Some(path) = program("tsctp") else { return };
    let arguments = |peer, ours| words(&["-p", "5001", "-E", "?", "-U", "?"], [peer, ours]);
    for ordered in [true, false] {
        let (mut live, _program) = connect(&path, arguments, 5001);
        live.lose_every = 29;
        let options = SendOptions { ordered, reliability: Reliability::MaxRetransmits(0) };
        for n in 0..1000 {
            live.send(&message(0, 1000, n), options);
        }
        live.association.shutdown();
        live.until(|live| live.closed().is_some());
        assert_eq!(live.closed(), Some(CloseReason::Shutdown), "ordered: {ordered}");
        assert!(live.association.stats().messages_abandoned > 0);
    }
}

#[test]
fn usrsctp_takes_bulk_from_us_whatever_is_lost() {
    let Some(path) = program("tsctp") else { return };
    let arguments = |peer, ours| words(&["-p", "5001", "-E", "?", "-U", "?"], [peer, ours]);
    let (mut live, _program) = connect(&path, arguments, 5001);
    live.lose_every = 29;
    for n in 0..1000 {
        live.send(&message(0, 3000, n), SendOptions::default());
    }
    live.association.shutdown();
    live.until(|live| live.closed().is_some());
    // The association ends in order only when every message has been acknowledged.
    assert_eq!(live.closed(), Some(CloseReason::Shutdown));
    let stats = live.association.stats();
    assert_eq!((stats.messages_sent, stats.messages_abandoned), (1000, 0));
}
