//! A foreign program as the other end, over sockets on loopback.
#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]
#![expect(clippy::disallowed_types, reason = "a foreign peer needs sockets")]
#![expect(clippy::print_stderr, reason = "a test that skips says so")]

use core::time::Duration;
use std::fs::{self, File};
use std::io::Write as _;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use antiphon::crypto::Certificate;
use antiphon::crypto::srtp_keys::SrtpProfile;
use antiphon::dtls::{Config, Connection, Event, Role};
use antiphon::{Output, Rng, Seed, StdClock};

/// Where certificates and the peers' output go; removed in the end.
pub(crate) struct Directory(pub(crate) PathBuf);

impl Directory {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("antiphon-dtls-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _removed = fs::remove_dir_all(&self.0);
    }
}

/// Whether `program` is not there to test against; says so.
pub(crate) fn is_missing(program: &str) -> bool {
    let missing =
        Command::new(program).arg("--help").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err();
    if missing {
        eprintln!("skipped: there is no program {program}");
    }
    missing
}

#[derive(Clone, Copy)]
pub(crate) enum Key {
    /// On P-256.
    Ecdsa,
    EcdsaP384,
    Ed25519,
    Rsa,
}

/// A certificate and key that OpenSSL made: paths to both.
pub(crate) fn make_certificate(directory: &Path, name: &str, key: Key) -> (PathBuf, PathBuf) {
    let (cert, private) = (directory.join(format!("{name}.pem")), directory.join(format!("{name}.key")));
    let kind: &[&str] = match key {
        Key::Ecdsa => &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
        Key::EcdsaP384 => &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
        Key::Ed25519 => &["-newkey", "ed25519"],
        Key::Rsa => &["-newkey", "rsa:2048"],
    };
    let made = Command::new("openssl")
        .args(["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=peer"])
        .args(kind)
        .arg("-keyout")
        .arg(&private)
        .arg("-out")
        .arg(&cert)
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(made.success());
    (cert, private)
}

pub(crate) fn load((cert, key): &(PathBuf, PathBuf)) -> Certificate {
    Certificate::from_pem(&fs::read(cert).unwrap(), &fs::read(key).unwrap()).unwrap()
}

/// The other end: its process, where its output goes, and its standard input.
pub(crate) struct Peer {
    process: Child,
    output: PathBuf,
    input: Option<ChildStdin>,
}

impl Peer {
    pub(crate) fn start(directory: &Path, program: &str, args: &[&str]) -> Self {
        let output = directory.join("output");
        let log = File::create(&output).unwrap();
        let mut process = Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let input = process.stdin.take();
        Self { process, output, input }
    }

    pub(crate) fn output(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.output).unwrap()).into_owned()
    }

    pub(crate) fn type_line(&mut self, line: &str) {
        let input = self.input.as_mut().unwrap();
        input.write_all(line.as_bytes()).unwrap();
        input.flush().unwrap();
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _killed = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// Our end: a connection and its socket.
pub(crate) struct End {
    pub(crate) connection: Connection,
    pub(crate) socket: UdpSocket,
    pub(crate) remote: Option<SocketAddr>,
    pub(crate) clock: StdClock,
    pub(crate) events: Vec<Event>,
    /// Bytes of the longest datagram sent.
    pub(crate) longest: usize,
}

impl End {
    pub(crate) fn new(config: &Config, role: Role, remote: Option<SocketAddr>) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let clock = StdClock::start();
        let rng = Rng::new(&Seed::from_os().unwrap());
        let mut connection = Connection::new(clock.now(), rng, config, role).unwrap();
        connection.start();
        Self { connection, socket, remote, clock, events: Vec::new(), longest: 0 }
    }

    pub(crate) fn port(&self) -> u16 {
        self.socket.local_addr().unwrap().port()
    }

    /// One turn of the loop: what is to be sent, then what arrives within 20 ms.
    pub(crate) fn turn(&mut self) {
        let mut buf = [0; 2048];
        loop {
            match self.connection.poll_output(self.clock.now(), &mut buf) {
                Output::Transmit(t) => {
                    self.longest = self.longest.max(t.len);
                    // Nobody may be there yet: then it is sent again.
                    let _sent = self.remote.map(|remote| self.socket.send_to(&buf[..t.len], remote));
                }
                Output::Event(event) => self.events.push(event),
                Output::Wait(_) => break,
            }
        }
        if let Ok((len, from)) = self.socket.recv_from(&mut buf) {
            self.remote = Some(from);
            self.connection.handle_input(self.clock.now(), &buf[..len]);
        }
    }

    /// Turns until `done`; panics after ten seconds.
    pub(crate) fn until(&mut self, peer: &Peer, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        for _ in 0..500 {
            self.turn();
            if done(self) {
                return;
            }
        }
        panic!("no {what}: {:?} {:?}\n{}", self.events, self.connection, peer.output());
    }

    pub(crate) fn connect(&mut self, peer: &Peer) {
        self.until(peer, "connection", |end| !end.events.is_empty());
        assert_eq!(self.events, [Event::Connected], "{}", peer.output());
    }

    /// What the connection exports for SRTP, as OpenSSL prints it.
    pub(crate) fn exported(&self) -> String {
        let mut out = [0; 60];
        self.connection.export_keying_material(b"EXTRACTOR-dtls_srtp", None, &mut out).unwrap();
        out.iter().fold(String::new(), |text, byte| text + &format!("{byte:02X}"))
    }
}

/// A configuration with the peer's fingerprint beside it, and short timers.
pub(crate) fn config(certificate: Certificate) -> Config {
    let mut config = Config::new(certificate);
    config.initial_timeout = Duration::from_millis(100);
    config.srtp_profiles = vec![SrtpProfile::AeadAes128Gcm, SrtpProfile::Aes128CmSha1_80];
    config
}

pub(crate) fn own_certificate() -> Certificate {
    Certificate::generate(&Seed::from_os().unwrap(), StdClock::unix_time()).unwrap()
}

impl End {
    /// Application data that the end sends in one record.
    pub(crate) fn send(&mut self, data: &[u8]) {
        let mut buf = [0; 2000];
        let len = self.connection.seal(data, &mut buf).unwrap();
        self.socket.send_to(&buf[..len], self.remote.unwrap()).unwrap();
    }

    /// Turns until exactly `wanted` has arrived.
    pub(crate) fn receive(&mut self, peer: &Peer, wanted: &[u8]) {
        let mut got = Vec::new();
        self.until(peer, "data", |end| {
            while let Some(record) = end.connection.recv() {
                got.extend_from_slice(&record);
            }
            got == wanted
        });
    }
}

/// An address nobody listens on, for a peer to listen on.
pub(crate) fn free_address() -> SocketAddr {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
