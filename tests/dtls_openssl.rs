//! OpenSSL's own DTLS as the other end, over sockets on loopback: both roles, both kinds of certificate.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a foreign peer needs sockets and patience"
)]

use core::time::Duration;
use std::fs::{self, File};
use std::io::Write as _;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use antiphon::crypto::ecdh::Group;
use antiphon::crypto::srtp_keys::SrtpProfile;
use antiphon::crypto::{Certificate, FingerprintHash};
use antiphon::dtls::{CipherSuite, CloseReason, Config, Connection, Event, Role};
use antiphon::{Output, Rng, Seed, StdClock};

/// Where certificates and the peers' output go; removed in the end.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
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

fn openssl_is_missing() -> bool {
    let missing = Command::new("openssl").arg("version").stdout(Stdio::null()).status().is_err();
    if missing {
        eprintln!("skipped: there is no openssl program");
    }
    missing
}

#[derive(Clone, Copy)]
enum Key {
    Ecdsa,
    Rsa,
}

/// A certificate and key that OpenSSL made: paths to both.
fn make_certificate(directory: &Path, name: &str, key: Key) -> (PathBuf, PathBuf) {
    let (cert, private) = (directory.join(format!("{name}.pem")), directory.join(format!("{name}.key")));
    let kind: &[&str] = match key {
        Key::Ecdsa => &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
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

fn load((cert, key): &(PathBuf, PathBuf)) -> Certificate {
    Certificate::from_pem(&fs::read(cert).unwrap(), &fs::read(key).unwrap()).unwrap()
}

/// The other end: its process, where its output goes, and its standard input.
struct Peer {
    process: Child,
    output: PathBuf,
    input: Option<ChildStdin>,
}

impl Peer {
    fn start(directory: &Path, tool: &str, args: &[&str], files: &(PathBuf, PathBuf)) -> Self {
        let output = directory.join("output");
        let log = File::create(&output).unwrap();
        let mut process = Command::new("openssl")
            .args([tool, "-dtls1_2"])
            .args(args)
            .arg("-cert")
            .arg(&files.0)
            .arg("-key")
            .arg(&files.1)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let input = process.stdin.take();
        Self { process, output, input }
    }

    fn output(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.output).unwrap()).into_owned()
    }

    fn type_line(&mut self, line: &str) {
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
struct End {
    connection: Connection,
    socket: UdpSocket,
    remote: Option<SocketAddr>,
    clock: StdClock,
    events: Vec<Event>,
    longest: usize,
}

impl End {
    fn new(config: &Config, role: Role, remote: Option<SocketAddr>) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let clock = StdClock::start();
        let rng = Rng::new(&Seed::from_os().unwrap());
        let mut connection = Connection::new(clock.now(), rng, config, role).unwrap();
        connection.start();
        Self { connection, socket, remote, clock, events: Vec::new(), longest: 0 }
    }

    fn port(&self) -> u16 {
        self.socket.local_addr().unwrap().port()
    }

    /// One turn of the loop: what is to be sent, then what arrives within 20 ms.
    fn turn(&mut self) {
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
    fn until(&mut self, peer: &Peer, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        for _ in 0..500 {
            self.turn();
            if done(self) {
                return;
            }
        }
        panic!("no {what}: {:?} {:?}\n{}", self.events, self.connection, peer.output());
    }

    fn connect(&mut self, peer: &Peer) {
        self.until(peer, "connection", |end| !end.events.is_empty());
        assert_eq!(self.events, [Event::Connected]);
    }

    /// What the connection exports for SRTP, as OpenSSL prints it.
    fn exported(&self) -> String {
        let mut out = [0; 60];
        self.connection.export_keying_material(b"EXTRACTOR-dtls_srtp", None, &mut out).unwrap();
        out.iter().map(|byte| format!("{byte:02X}")).collect()
    }

    /// Data both ways, the same exported bytes, the same profile, and a clean end.
    fn converse(&mut self, peer: &mut Peer) {
        let exported = self.exported();
        self.until(peer, "exported bytes", |_| peer.output().contains(&exported));
        peer.type_line("from the peer\n");
        let mut got = Vec::new();
        self.until(peer, "data", |end| {
            while let Some(record) = end.connection.recv() {
                got.extend_from_slice(&record);
            }
            got == b"from the peer\n"
        });
        let mut buf = [0; 100];
        let len = self.connection.seal(b"from us\n", &mut buf).unwrap();
        self.socket.send_to(&buf[..len], self.remote.unwrap()).unwrap();
        self.until(peer, "echo", |_| peer.output().contains("from us"));
        self.connection.close();
        self.until(peer, "end", |end| end.events.last() == Some(&Event::Closed));
    }
}

const EXPORT: &[&str] = &["-keymatexport", "EXTRACTOR-dtls_srtp", "-keymatexportlen", "60"];

/// A configuration with the peer's fingerprint beside it, and short timers.
fn config(certificate: Certificate) -> Config {
    let mut config = Config::new(certificate);
    config.initial_timeout = Duration::from_millis(100);
    config.srtp_profiles = vec![SrtpProfile::AeadAes128Gcm, SrtpProfile::Aes128CmSha1_80];
    config
}

fn own_certificate() -> Certificate {
    Certificate::generate(&Seed::from_os().unwrap(), StdClock::unix_time()).unwrap()
}

/// We are the client of `openssl s_server`; `name` is the test's.
fn with_server(
    name: &str,
    key: Key,
    args: &[&str],
    change: impl FnOnce(&mut Config),
    check: impl FnOnce(&End),
) {
    if openssl_is_missing() {
        return;
    }
    let directory = Directory::new(name);
    let files = make_certificate(&directory.0, "peer", key);
    let free = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let accept = address.to_string();
    let profiles = ["-use_srtp", "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80"];
    let args = [&["-accept", &accept, "-Verify", "1"], &profiles[..], EXPORT, args].concat();
    let mut peer = Peer::start(&directory.0, "s_server", &args, &files);
    let mut config = config(own_certificate());
    change(&mut config);
    let mut end = End::new(&config, Role::Client, Some(address));
    end.connection.set_remote_fingerprints(vec![load(&files).fingerprint(FingerprintHash::Sha256)]);
    end.connect(&peer);
    check(&end);
    end.converse(&mut peer);
}

/// We are the server of `openssl s_client`.
fn with_client(
    name: &str,
    (own, key): (Option<Key>, Key),
    args: &[&str],
    change: impl FnOnce(&mut Config),
    check: impl FnOnce(&End),
) {
    if openssl_is_missing() {
        return;
    }
    let directory = Directory::new(name);
    let files = make_certificate(&directory.0, "peer", key);
    let certificate =
        own.map(|key| load(&make_certificate(&directory.0, "own", key))).unwrap_or_else(own_certificate);
    let mut config = config(certificate);
    change(&mut config);
    let mut end = End::new(&config, Role::Server, None);
    end.connection.set_remote_fingerprints(vec![load(&files).fingerprint(FingerprintHash::Sha256)]);
    let connect = format!("127.0.0.1:{}", end.port());
    let profiles = ["-use_srtp", "SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_128_GCM"];
    let args = [&["-connect", &connect], &profiles[..], EXPORT, args].concat();
    let mut peer = Peer::start(&directory.0, "s_client", &args, &files);
    end.connect(&peer);
    check(&end);
    end.converse(&mut peer);
}

#[test]
fn client_of_a_server_with_an_ecdsa_certificate() {
    with_server(
        "s-ecdsa",
        Key::Ecdsa,
        &["-mtu", "1200"],
        |_| {},
        |end| {
            assert_eq!(end.connection.srtp_profile(), Some(SrtpProfile::AeadAes128Gcm));
            let keys = end.connection.srtp_keying_material().unwrap();
            assert_eq!((keys.client_key().len(), keys.server_salt().len()), (16, 12));
        },
    );
}

#[test]
fn client_of_a_server_with_an_rsa_certificate() {
    with_server("s-rsa", Key::Rsa, &["-mtu", "1200"], |_| {}, |_| {});
}

#[test]
fn client_of_a_server_with_an_rsa_certificate_that_signs_by_pkcs1() {
    with_server("s-pkcs1", Key::Rsa, &["-sigalgs", "RSA+SHA256:ECDSA+SHA256"], |_| {}, |_| {});
}

#[test]
fn client_of_a_server_that_verifies_addresses() {
    with_server("s-listen", Key::Ecdsa, &["-listen"], |_| {}, |_| {});
}

#[test]
fn client_of_a_server_with_a_small_mtu_both_ways() {
    let small = |config: &mut Config| config.mtu = 256;
    with_server("s-mtu", Key::Rsa, &["-mtu", "256"], small, |end| {
        assert!(end.longest <= 256, "{}", end.longest)
    });
}

#[test]
fn client_with_every_suite() {
    for (suite, name, key) in [
        (CipherSuite::EcdheEcdsaAes256GcmSha384, "ECDHE-ECDSA-AES256-GCM-SHA384", Key::Ecdsa),
        (CipherSuite::EcdheEcdsaChaCha20Poly1305Sha256, "ECDHE-ECDSA-CHACHA20-POLY1305", Key::Ecdsa),
        (CipherSuite::EcdheRsaAes256GcmSha384, "ECDHE-RSA-AES256-GCM-SHA384", Key::Rsa),
        (CipherSuite::EcdheRsaChaCha20Poly1305Sha256, "ECDHE-RSA-CHACHA20-POLY1305", Key::Rsa),
    ] {
        let only = |config: &mut Config| config.suites = vec![suite];
        with_server(name, key, &["-cipher", name], only, |_| {});
    }
}

#[test]
fn client_with_every_group() {
    for (group, names) in
        [(Group::X25519, "X25519:P-256"), (Group::P256, "P-256"), (Group::P384, "P-384:P-256")]
    {
        // P-256 too: the groups limit the curves of certificates as well (RFC 8422 §5.1.1), and OpenSSL insists.
        let only = |config: &mut Config| config.groups = vec![group, Group::P256];
        with_server("groups", Key::Ecdsa, &["-groups", names], only, |_| {});
    }
}

#[test]
fn server_of_a_client_with_an_ecdsa_certificate() {
    with_client(
        "c-ecdsa",
        (None, Key::Ecdsa),
        &["-mtu", "1200"],
        |_| {},
        |end| {
            assert_eq!(end.connection.srtp_profile(), Some(SrtpProfile::AeadAes128Gcm), "ours comes first");
        },
    );
}

#[test]
fn server_of_a_client_with_an_rsa_certificate() {
    with_client("c-rsa", (None, Key::Rsa), &[], |_| {}, |_| {});
}

#[test]
fn server_with_an_rsa_certificate() {
    with_client("c-own-rsa", (Some(Key::Rsa), Key::Ecdsa), &[], |_| {}, |_| {});
}

#[test]
fn server_that_asks_for_a_cookie() {
    with_client("c-cookie", (None, Key::Ecdsa), &[], |config| config.cookie = true, |_| {});
}

#[test]
fn server_with_a_small_mtu_both_ways() {
    let small = |config: &mut Config| config.mtu = 256;
    let check = |end: &End| assert!(end.longest <= 256, "{}", end.longest);
    with_client("c-mtu", (None, Key::Rsa), &["-mtu", "256"], small, check);
}

#[test]
fn server_with_every_suite_and_group() {
    for (suite, name, own, group) in [
        (CipherSuite::EcdheEcdsaAes256GcmSha384, "ECDHE-ECDSA-AES256-GCM-SHA384", Key::Ecdsa, Group::P384),
        (CipherSuite::EcdheRsaAes128GcmSha256, "ECDHE-RSA-AES128-GCM-SHA256", Key::Rsa, Group::X25519),
        (
            CipherSuite::EcdheEcdsaChaCha20Poly1305Sha256,
            "ECDHE-ECDSA-CHACHA20-POLY1305",
            Key::Ecdsa,
            Group::P256,
        ),
    ] {
        let args = ["-cipher", name];
        let only = |config: &mut Config| (config.suites, config.groups) = (vec![suite], vec![group]);
        with_client(&format!("c-{name}"), (Some(own), Key::Ecdsa), &args, only, |_| {});
    }
}

#[test]
fn n23_a_wrong_fingerprint_fails_and_the_peer_is_told() {
    if openssl_is_missing() {
        return;
    }
    let directory = Directory::new("wrong");
    let files = make_certificate(&directory.0, "peer", Key::Ecdsa);
    let mut end = End::new(&config(own_certificate()), Role::Server, None);
    end.connection.set_remote_fingerprints(vec![own_certificate().fingerprint(FingerprintHash::Sha256)]);
    let connect = format!("127.0.0.1:{}", end.port());
    let peer = Peer::start(&directory.0, "s_client", &["-connect", &connect], &files);
    let failed = Event::Failed(CloseReason::FingerprintMismatch);
    end.until(&peer, "failure", |end| end.events.last() == Some(&failed));
    end.until(&peer, "alert", |_| peer.output().contains("bad certificate"));
}
