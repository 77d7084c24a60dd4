//! `GnuTLS`'s DTLS as the other end, over sockets on loopback: both roles.
#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

#[expect(dead_code, reason = "each test uses a part of it")]
#[path = "dtls_support/foreign.rs"]
mod foreign;

use std::path::PathBuf;

use antiphon::crypto::FingerprintHash;
use antiphon::dtls::{Config, Role};
use foreign::{
    Directory, End, Key, Peer, config, free_address, is_missing, load, make_certificate, own_certificate,
};

fn files((cert, key): &(PathBuf, PathBuf)) -> [&str; 4] {
    ["--x509certfile", cert.to_str().unwrap(), "--x509keyfile", key.to_str().unwrap()]
}

/// We are the client of `gnutls-serv`, which asks for a cookie first and echoes what it gets.
fn with_server(name: &str, key: Key, args: &[&str], change: impl FnOnce(&mut Config)) {
    if is_missing("gnutls-serv") || is_missing("openssl") {
        return;
    }
    let directory = Directory::new(name);
    let own = make_certificate(&directory.0, "peer", key);
    let address = free_address();
    let port = address.port().to_string();
    let args =
        [&["--udp", "--echo", "--port", &port, "--require-client-cert"], &files(&own)[..], args].concat();
    let peer = Peer::start(&directory.0, "gnutls-serv", &args);
    let mut config = config(own_certificate());
    change(&mut config);
    let mut end = End::new(&config, Role::Client, Some(address));
    end.connection.set_remote_fingerprints(vec![load(&own).fingerprint(FingerprintHash::Sha256)]);
    end.connect(&peer);
    end.send(b"echo this\n");
    end.receive(&peer, b"echo this\n");
}

#[test]
fn client_of_a_server_that_asks_for_a_cookie() {
    with_server("gnutls-s", Key::Ecdsa, &[], |_| {});
}

#[test]
fn client_of_a_server_with_an_rsa_certificate_and_a_small_mtu() {
    with_server("gnutls-s-rsa", Key::Rsa, &["--mtu", "300", "--nocookie"], |config| config.mtu = 256);
}

#[test]
fn a_server_without_extended_master_secret_is_taken_where_allowed() {
    let allowed = |config: &mut Config| config.extended_master_secret_required = false;
    with_server("gnutls-s-legacy", Key::Ecdsa, &["--priority", "NORMAL:%NO_SESSION_HASH"], allowed);
}

#[test]
fn server_of_a_client() {
    if is_missing("gnutls-cli") || is_missing("openssl") {
        return;
    }
    for (key, priority) in
        [(Key::Ecdsa, "NORMAL"), (Key::Rsa, "NORMAL"), (Key::Ecdsa, "NORMAL:%NO_SESSION_HASH")]
    {
        let directory = Directory::new("gnutls-c");
        let own = make_certificate(&directory.0, "peer", key);
        let mut config = config(own_certificate());
        config.extended_master_secret_required = !priority.contains("NO_SESSION_HASH");
        let mut end = End::new(&config, Role::Server, None);
        end.connection.set_remote_fingerprints(vec![load(&own).fingerprint(FingerprintHash::Sha256)]);
        let port = end.port().to_string();
        let profiles = ["--srtp-profiles", "SRTP_AES128_CM_HMAC_SHA1_80", "--priority", priority];
        let args =
            [&["--udp", "--insecure", "--port", &port, "127.0.0.1"], &files(&own)[..], &profiles].concat();
        let mut peer = Peer::start(&directory.0, "gnutls-cli", &args);
        end.connect(&peer);
        assert!(end.connection.srtp_profile().is_some());
        peer.type_line("from the peer\n");
        end.receive(&peer, b"from the peer\n");
        end.send(b"from us\n");
        end.until(&peer, "echo", |_| peer.output().contains("from us"));
    }
}
