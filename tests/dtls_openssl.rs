//! OpenSSL's own DTLS as the other end, over sockets on loopback: both roles, both kinds of certificate.
#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

#[path = "dtls_support/foreign.rs"]
mod foreign;

use std::path::PathBuf;

use antiphon::crypto::FingerprintHash;
use antiphon::crypto::ecdh::Group;
use antiphon::crypto::srtp_keys::SrtpProfile;
use antiphon::dtls::{CipherSuite, CloseReason, Config, Event, Role};
use foreign::{
    Directory, End, Key, Peer, config, free_address, is_missing, load, make_certificate, own_certificate,
};

const EXPORT: &[&str] = &["-keymatexport", "EXTRACTOR-dtls_srtp", "-keymatexportlen", "60"];

/// `openssl s_server` or `s_client` with its certificate.
fn openssl(directory: &Directory, tool: &str, args: &[&str], (cert, key): &(PathBuf, PathBuf)) -> Peer {
    let files = ["-cert", cert.to_str().unwrap(), "-key", key.to_str().unwrap()];
    Peer::start(&directory.0, "openssl", &[&[tool, "-dtls1_2"], args, &files].concat())
}

/// Data both ways, the same exported bytes, and a clean end.
fn converse(end: &mut End, peer: &mut Peer) {
    let exported = end.exported();
    end.until(peer, "exported bytes", |_| peer.output().contains(&exported));
    peer.type_line("from the peer\n");
    end.receive(peer, b"from the peer\n");
    end.send(b"from us\n");
    end.until(peer, "echo", |_| peer.output().contains("from us"));
    end.connection.close();
    end.until(peer, "end", |end| end.events.last() == Some(&Event::Closed));
}

/// We are the client of `openssl s_server`; `name` is the test's.
fn with_server(
    name: &str,
    key: Key,
    args: &[&str],
    change: impl FnOnce(&mut Config),
    check: impl FnOnce(&End),
) {
    if is_missing("openssl") {
        return;
    }
    let directory = Directory::new(name);
    let files = make_certificate(&directory.0, "peer", key);
    let address = free_address();
    let accept = address.to_string();
    let profiles = ["-use_srtp", "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80"];
    let args = [&["-accept", &accept, "-Verify", "1"], &profiles[..], EXPORT, args].concat();
    let mut peer = openssl(&directory, "s_server", &args, &files);
    let mut config = config(own_certificate());
    change(&mut config);
    let mut end = End::new(&config, Role::Client, Some(address));
    end.connection.set_remote_fingerprints(vec![load(&files).fingerprint(FingerprintHash::Sha256)]);
    end.connect(&peer);
    check(&end);
    converse(&mut end, &mut peer);
}

/// We are the server of `openssl s_client`.
fn with_client(
    name: &str,
    (own, key): (Option<Key>, Key),
    args: &[&str],
    change: impl FnOnce(&mut Config),
    check: impl FnOnce(&End),
) {
    if is_missing("openssl") {
        return;
    }
    let directory = Directory::new(name);
    let files = make_certificate(&directory.0, "peer", key);
    let certificate =
        own.map_or_else(own_certificate, |key| load(&make_certificate(&directory.0, "own", key)));
    let mut config = config(certificate);
    change(&mut config);
    let mut end = End::new(&config, Role::Server, None);
    end.connection.set_remote_fingerprints(vec![load(&files).fingerprint(FingerprintHash::Sha256)]);
    let connect = format!("127.0.0.1:{}", end.port());
    let profiles = ["-use_srtp", "SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_128_GCM"];
    let args = [&["-connect", &connect], &profiles[..], EXPORT, args].concat();
    let mut peer = openssl(&directory, "s_client", &args, &files);
    end.connect(&peer);
    check(&end);
    converse(&mut end, &mut peer);
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
fn both_ends_with_certificates_on_p384() {
    let directory = Directory::new("own-p384");
    if is_missing("openssl") {
        return;
    }
    let own = load(&make_certificate(&directory.0, "own", Key::EcdsaP384));
    with_server("s-p384", Key::EcdsaP384, &[], |config| config.certificate = own, |_| {});
    with_client("c-p384", (Some(Key::EcdsaP384), Key::EcdsaP384), &[], |_| {}, |_| {});
}

// OpenSSL's own servers do not sign by Ed25519 in DTLS.
#[test]
fn both_ends_with_certificates_on_ed25519() {
    with_client("c-ed25519", (Some(Key::Ed25519), Key::Ed25519), &[], |_| {}, |_| {});
}

#[test]
fn client_of_a_server_that_verifies_addresses() {
    with_server("s-listen", Key::Ecdsa, &["-listen"], |_| {}, |_| {});
}

// RFC 5246 §7.4.6: "If no suitable certificate is available, the client MUST send a certificate message containing no
// certificates." Here OpenSSL takes RSA signatures only, and is content with none.
#[test]
fn client_of_a_server_that_asks_for_another_kind_of_certificate() {
    if is_missing("openssl") {
        return;
    }
    let directory = Directory::new("s-another");
    let files = make_certificate(&directory.0, "peer", Key::Rsa);
    let address = free_address();
    let accept = address.to_string();
    let args = [&["-accept", &accept, "-verify", "1", "-client_sigalgs", "RSA+SHA256"], EXPORT].concat();
    let mut peer = openssl(&directory, "s_server", &args, &files);
    let mut end = End::new(&config(own_certificate()), Role::Client, Some(address));
    end.connection.set_remote_fingerprints(vec![load(&files).fingerprint(FingerprintHash::Sha256)]);
    end.connect(&peer);
    converse(&mut end, &mut peer);
}

// The first certificate of a chain is the peer's own: its fingerprint counts, the others are passed over.
#[test]
fn chains_of_several_certificates_are_taken_both_ways() {
    if is_missing("openssl") {
        return;
    }
    let directory = Directory::new("chain-others");
    let (other, _) = make_certificate(&directory.0, "other", Key::Rsa);
    let (another, _) = make_certificate(&directory.0, "another", Key::Ecdsa);
    let chain = directory.0.join("chain.pem");
    std::fs::write(&chain, [std::fs::read(other).unwrap(), std::fs::read(another).unwrap()].concat())
        .unwrap();
    let chain = ["-cert_chain", chain.to_str().unwrap(), "-mtu", "512"];
    with_server("s-chain", Key::Ecdsa, &chain, |_| {}, |_| {});
    with_client("c-chain", (None, Key::Rsa), &chain, |_| {}, |_| {});
}

#[test]
fn client_of_a_server_with_a_small_mtu_both_ways() {
    let small = |config: &mut Config| config.mtu = 256;
    with_server("s-mtu", Key::Rsa, &["-mtu", "256"], small, |end| {
        assert!(end.longest <= 256, "{}", end.longest);
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
fn client_with_an_rsa_certificate_of_its_own() {
    if is_missing("openssl") {
        return;
    }
    let directory = Directory::new("s-own-rsa-key");
    let own = load(&make_certificate(&directory.0, "own", Key::Rsa));
    with_server("s-own-rsa", Key::Ecdsa, &[], |config| config.certificate = own, |_| {});
}

#[test]
fn a_client_without_a_certificate_is_taken_where_allowed() {
    if is_missing("openssl") {
        return;
    }
    let directory = Directory::new("anonymous");
    let mut config = config(own_certificate());
    config.client_certificate_required = false;
    let mut end = End::new(&config, Role::Server, None);
    let connect = format!("127.0.0.1:{}", end.port());
    let args = [&["s_client", "-dtls1_2", "-connect", &connect], EXPORT].concat();
    let mut peer = Peer::start(&directory.0, "openssl", &args);
    end.connect(&peer);
    assert!(end.connection.peer_certificate().is_none());
    converse(&mut end, &mut peer);
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
    if is_missing("openssl") {
        return;
    }
    let directory = Directory::new("wrong");
    let files = make_certificate(&directory.0, "peer", Key::Ecdsa);
    let mut end = End::new(&config(own_certificate()), Role::Server, None);
    end.connection.set_remote_fingerprints(vec![own_certificate().fingerprint(FingerprintHash::Sha256)]);
    let connect = format!("127.0.0.1:{}", end.port());
    let peer = openssl(&directory, "s_client", &["-connect", &connect], &files);
    let failed = Event::Failed(CloseReason::FingerprintMismatch);
    end.until(&peer, "failure", |end| end.events.last() == Some(&failed));
    end.until(&peer, "alert", |_| peer.output().contains("bad certificate"));
}
