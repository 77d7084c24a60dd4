//! The server's side of the DTLS 1.2 handshake.

use bytes::Bytes;

use super::keys::{Randoms, Secrets};
use crate::base::secret::Secret;
use crate::crypto::digest::{HmacSha256, constant_time_eq};
use crate::crypto::ecdh::{Group, KeyPair};
use crate::crypto::sign::{PublicKey, SignatureScheme};
use crate::crypto::srtp_keys::SrtpProfile;
use crate::dtls::config::Role;
use crate::dtls::event::HandshakeError;
use crate::dtls::flight::Expect;
use crate::dtls::handshake::{Tools, Verdict};
use crate::dtls::negotiate::{self, CipherSuite};
use crate::dtls::protect::Protection;
use crate::dtls::reassembly::Message;
use crate::dtls::srtp;
use crate::wire::dtls::extension::{
    ExtensionError, ExtensionType, Extensions, has_uncompressed_format, number_list, numbers, push,
    push_vec8, push_vec16,
};
use crate::wire::dtls::handshake::HandshakeType;
use crate::wire::dtls::hello::{ClientHello, ServerHello, write_verify_request};
use crate::wire::dtls::message::{
    CertificateRequest, ServerKeyExchange, Signed, parse_certificate, parse_client_key_exchange,
    write_certificate,
};
use crate::wire::dtls::record::{ContentType, Version};

/// `TLS_EMPTY_RENEGOTIATION_INFO_SCSV`: stands for the extension (RFC 5746 §3.3).
const RENEGOTIATION_SCSV: u16 = 0x00ff;

/// What the hellos settled.
#[derive(Clone, Debug)]
struct Chosen {
    suite: CipherSuite,
    randoms: Randoms,
    extended_master_secret: bool,
    pair: KeyPair,
}

/// After the key exchange: what is left to do.
#[derive(Clone, Debug)]
struct Keyed {
    secrets: Secrets,
    /// What we send with after the client's Finished.
    write: Protection,
}

/// RFC 5246 §7.3, RFC 6347 §4.2.1:
///
/// ```text
/// Hello ◀─┐ no cookie
///   │ ────┘
///   ▼ ClientHello, our flight
/// Certificate ─▶ KeyExchange ─▶ Verify ─▶ Finished ── our Finished ──▶ Complete
///                      └─────────────────────▲ (no certificate)
/// ```
#[derive(Clone, Debug, Default)]
enum State {
    #[default]
    Hello,
    Certificate(Chosen),
    KeyExchange(Chosen, Option<PublicKey>),
    Verify(Keyed, PublicKey),
    Finished(Keyed),
    Complete,
}

/// A server's handshake.
#[derive(Clone, Default)]
pub(in crate::dtls) struct Server {
    state: State,
    /// The key of the cookies; drawn at the first hello without one.
    cookie_key: Option<Secret<32>>,
}

impl core::fmt::Debug for Server {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Server").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Server {
    /// Takes the client's next message.
    #[expect(clippy::wildcard_enum_match_arm, reason = "every other message has no place, in whatever state")]
    pub(in crate::dtls) fn on_message(
        &mut self,
        tools: &mut Tools,
        message: &Message,
    ) -> Result<Verdict, HandshakeError> {
        let kind = message.kind;
        // Under keys nothing but a Finished comes, and what is authentic and wrong ends the handshake. In the clear a Finished is none,
        // and a second hello begins nothing while a handshake runs, or whoever can send one could end it.
        let protected = message.epoch > 0;
        if protected && kind != HandshakeType::FINISHED {
            return Err(HandshakeError::Unexpected(kind.0));
        }
        let second_hello = kind == HandshakeType::CLIENT_HELLO && !matches!(self.state, State::Hello);
        if second_hello || (kind == HandshakeType::FINISHED && !protected) {
            return Ok(Verdict::Ignored);
        }
        if matches!(self.state, State::Hello) {
            return self.on_first(tools, message);
        }
        self.state = match core::mem::take(&mut self.state) {
            State::Certificate(chosen) if kind == HandshakeType::CERTIFICATE => {
                on_certificate(tools, chosen, message)?
            }
            State::KeyExchange(chosen, key) if kind == HandshakeType::CLIENT_KEY_EXCHANGE => {
                on_key_exchange(tools, &chosen, key, message)?
            }
            State::Verify(keyed, key) if kind == HandshakeType::CERTIFICATE_VERIFY => {
                on_verify(tools, keyed, &key, message)?
            }
            State::Finished(keyed) if kind == HandshakeType::FINISHED => on_finished(tools, keyed, message)?,
            _ => return Err(HandshakeError::Unexpected(kind.0)),
        };
        Ok(Verdict::Taken)
    }

    /// Before there is a handshake, what does not suit must not end it: the real hello may be under way (RFC 6347 §4.1.2.7).
    fn on_first(&mut self, tools: &mut Tools, message: &Message) -> Result<Verdict, HandshakeError> {
        let begun = match message.kind {
            HandshakeType::CLIENT_HELLO => self.on_hello(tools, message),
            other => Err(HandshakeError::Unexpected(other.0)),
        };
        match begun {
            Ok(state) => {
                self.state = state;
                Ok(Verdict::Taken)
            }
            Err(HandshakeError::Internal) => Err(HandshakeError::Internal),
            Err(error) => Ok(Verdict::Refused(error)),
        }
    }

    /// Leaves nothing in `tools` unless the hello is taken.
    fn on_hello(&mut self, tools: &mut Tools, message: &Message) -> Result<State, HandshakeError> {
        let hello = ClientHello::parse(&message.body).map_err(|error| match error {
            ExtensionError::Duplicate(number) => HandshakeError::DuplicateExtension(number),
            ExtensionError::Malformed => malformed(message),
        })?;
        negotiate::client_speaks_1_2(hello.version, &hello.extensions)?;
        if tools.config.cookie && !self.cookie_fits(tools, &hello) {
            tools.follows = true;
            return Ok(State::Hello);
        }
        check_hello(&hello, message)?;
        let extended_master_secret = hello.extensions.has(ExtensionType::EXTENDED_MASTER_SECRET);
        if tools.config.extended_master_secret_required && !extended_master_secret {
            return Err(HandshakeError::NoExtendedMasterSecret);
        }
        let offer = Offer::choose(tools, &hello)?;
        tools.follows = tools.config.cookie;
        tools.version = Some(Version::DTLS_1_2);
        tools.srtp_profile = offer.srtp;
        tools.transcript.restart();
        tools.transcript.choose(offer.suite.hash());
        tools.hash(message);
        let pair = KeyPair::generate(offer.group, &mut tools.rng).map_err(|_| HandshakeError::Internal)?;
        let randoms = Randoms { client: hello.random, server: tools.rng.array() };
        let chosen = Chosen { suite: offer.suite, randoms, extended_master_secret, pair };
        send_flight(tools, &hello, &chosen, &offer)?;
        Ok(State::Certificate(chosen))
    }

    /// Whether the hello echoes our cookie; if not, it is asked to (RFC 6347 §4.2.1). The cookie depends on the hello
    /// alone, so nothing is kept but the key.
    fn cookie_fits(&mut self, tools: &mut Tools, hello: &ClientHello<'_>) -> bool {
        let key = self.cookie_key.get_or_insert_with(|| Secret::new(tools.rng.array()));
        let parts = [&hello.random[..], hello.session_id, hello.suites, hello.compression];
        let cookie = HmacSha256::new(key).sign(&parts);
        if constant_time_eq(&cookie, hello.cookie) {
            return true;
        }
        let mut body = Vec::with_capacity(64);
        write_verify_request(&mut body, &cookie);
        tools.send_unhashed(0, HandshakeType::HELLO_VERIFY_REQUEST, body);
        tools.finish_flight(Expect::Nothing);
        false
    }
}

const fn malformed(message: &Message) -> HandshakeError {
    HandshakeError::Malformed(message.kind.0)
}

/// What must hold of a hello whatever is chosen.
fn check_hello(hello: &ClientHello<'_>, message: &Message) -> Result<(), HandshakeError> {
    let illegal = HandshakeError::IllegalParameter(message.kind.0);
    if !hello.compression.contains(&0) {
        return Err(illegal);
    }
    let extension = |number| hello.extensions.get(number);
    if let Some(content) = extension(ExtensionType::EC_POINT_FORMATS) {
        match has_uncompressed_format(content) {
            Some(true) => {}
            Some(false) => return Err(illegal),
            None => return Err(malformed(message)),
        }
    }
    // RFC 5746 §3.6: a first handshake renegotiates nothing.
    if extension(ExtensionType::RENEGOTIATION_INFO).is_some_and(|content| content != [0]) {
        return Err(HandshakeError::CipherSuite);
    }
    if extension(ExtensionType::EXTENDED_MASTER_SECRET).is_some_and(|content| !content.is_empty()) {
        return Err(malformed(message));
    }
    Ok(())
}

/// What is chosen of the client's offer.
struct Offer {
    suite: CipherSuite,
    group: Group,
    scheme: SignatureScheme,
    srtp: Option<SrtpProfile>,
}

impl Offer {
    fn choose(tools: &Tools, hello: &ClientHello<'_>) -> Result<Self, HandshakeError> {
        let suite = negotiate::suite(&tools.config, hello.suites)?;
        // Without the extension a client means SHA-1 (RFC 5246 §7.4.1.4.1), which we do not sign by.
        let content = hello.extensions.get(ExtensionType::SIGNATURE_ALGORITHMS);
        let content = content.ok_or(HandshakeError::SignatureScheme)?;
        let schemes = number_list(content).ok_or(HandshakeError::Malformed(HandshakeType::CLIENT_HELLO.0))?;
        let scheme = negotiate::signing_scheme(&tools.config, schemes)?;
        let srtp = negotiate::srtp_choice(&tools.config, &hello.extensions)?;
        let group = negotiate::group(&tools.config, &hello.extensions)?;
        Ok(Self { suite, group, scheme, srtp })
    }
}

/// `ServerHello`, Certificate, `ServerKeyExchange`, `CertificateRequest`, `ServerHelloDone`.
fn send_flight(
    tools: &mut Tools,
    hello: &ClientHello<'_>,
    chosen: &Chosen,
    offer: &Offer,
) -> Result<(), HandshakeError> {
    let mut body = Vec::with_capacity(128);
    let answer = ServerHello {
        version: Version::DTLS_1_2,
        random: chosen.randoms.server,
        // No session to resume: none is kept.
        session_id: &[],
        suite: chosen.suite.code(),
        compression: 0,
        extensions: Extensions::default(),
    };
    answer.write(&mut body, |out| write_extensions(out, hello, chosen, offer));
    tools.send(0, HandshakeType::SERVER_HELLO, body);

    let mut body = Vec::with_capacity(512);
    write_certificate(&mut body, Some(tools.config.certificate.der()));
    tools.send(0, HandshakeType::CERTIFICATE, body);

    let mut body = Vec::with_capacity(256);
    ServerKeyExchange::write_params(&mut body, chosen.pair.group().code(), chosen.pair.public_key());
    let signed = [&chosen.randoms.client[..], &chosen.randoms.server[..], &body].concat();
    let signature =
        tools.config.certificate.sign(offer.scheme, &signed).map_err(|_| HandshakeError::Internal)?;
    Signed { scheme: offer.scheme.code(), signature: &signature }.write(&mut body);
    tools.send(0, HandshakeType::SERVER_KEY_EXCHANGE, body);

    let mut body = Vec::with_capacity(64);
    CertificateRequest::write(&mut body, tools.config.signature_schemes.iter().map(|scheme| scheme.code()));
    tools.send(0, HandshakeType::CERTIFICATE_REQUEST, body);
    tools.send(0, HandshakeType::SERVER_HELLO_DONE, Vec::new());
    tools.finish_flight(Expect::Answer);
    Ok(())
}

/// Answers to what the client offered, and to nothing else.
fn write_extensions(out: &mut Vec<u8>, hello: &ClientHello<'_>, chosen: &Chosen, offer: &Offer) {
    if chosen.extended_master_secret {
        push(out, ExtensionType::EXTENDED_MASTER_SECRET, |_| {});
    }
    let scsv = numbers(hello.suites).any(|code| code == RENEGOTIATION_SCSV);
    if scsv || hello.extensions.has(ExtensionType::RENEGOTIATION_INFO) {
        push(out, ExtensionType::RENEGOTIATION_INFO, |out| out.push(0));
    }
    if hello.extensions.has(ExtensionType::EC_POINT_FORMATS) {
        push(out, ExtensionType::EC_POINT_FORMATS, |out| push_vec8(out, |out| out.push(0)));
    }
    if let Some(profile) = offer.srtp {
        push(out, ExtensionType::USE_SRTP, |out| {
            push_vec16(out, |out| out.extend_from_slice(&profile.code().to_be_bytes()));
            out.push(0);
        });
    }
}

fn on_certificate(tools: &mut Tools, chosen: Chosen, message: &Message) -> Result<State, HandshakeError> {
    let der = parse_certificate(&message.body).ok_or(malformed(message))?;
    tools.hash(message);
    if der.is_empty() {
        if tools.config.client_certificate_required {
            return Err(HandshakeError::NoCertificate);
        }
        return Ok(State::KeyExchange(chosen, None));
    }
    let key = PublicKey::from_certificate_der(der).map_err(|_| HandshakeError::BadCertificate)?;
    tools.peer_certificate = Some(Bytes::copy_from_slice(der));
    Ok(State::KeyExchange(chosen, Some(key)))
}

fn on_key_exchange(
    tools: &mut Tools,
    chosen: &Chosen,
    key: Option<PublicKey>,
    message: &Message,
) -> Result<State, HandshakeError> {
    let public = parse_client_key_exchange(&message.body).ok_or(malformed(message))?;
    tools.hash(message);
    let shared = chosen.pair.agree(public).map_err(|_| HandshakeError::BadPublicKey)?;
    let session_hash = tools.transcript.digest();
    let session_hash = chosen.extended_master_secret.then_some(session_hash.as_ref());
    let secrets = Secrets::new(chosen.suite, &shared, chosen.randoms, session_hash);
    let keys = secrets.protections(Role::Server).map_err(|_| HandshakeError::Internal)?;
    tools.read = Some((1, keys.read));
    let keyed = Keyed { secrets, write: keys.write };
    Ok(match key {
        Some(key) => State::Verify(keyed, key),
        None => State::Finished(keyed),
    })
}

/// The signature covers every message before it, so it is not hashed until it is verified.
fn on_verify(
    tools: &mut Tools,
    keyed: Keyed,
    key: &PublicKey,
    message: &Message,
) -> Result<State, HandshakeError> {
    let signed = Signed::parse(&message.body).ok_or(malformed(message))?;
    let scheme = negotiate::peer_scheme(&tools.config, signed.scheme)
        .map_err(|_| HandshakeError::IllegalParameter(message.kind.0))?;
    negotiate::check_signature(key, scheme, tools.transcript.raw(), signed.signature, message.kind)?;
    tools.hash(message);
    tools.transcript.forget_raw();
    Ok(State::Finished(keyed))
}

fn on_finished(tools: &mut Tools, keyed: Keyed, message: &Message) -> Result<State, HandshakeError> {
    let expected = keyed.secrets.verify_data(Role::Client, &tools.transcript.digest());
    if message.body.len() != expected.len() {
        return Err(malformed(message));
    }
    if !constant_time_eq(&expected, &message.body) {
        return Err(HandshakeError::BadFinished);
    }
    tools.hash(message);
    tools.send_record(0, ContentType::ChangeCipherSpec, &[1]);
    let verify_data = keyed.secrets.verify_data(Role::Server, &tools.transcript.digest());
    tools.send(1, HandshakeType::FINISHED, verify_data.to_vec());
    tools.finish_flight(Expect::Nothing);
    tools.write = Some((1, keyed.write));
    tools.complete = Some(srtp::Secrets::V12(keyed.secrets));
    Ok(State::Complete)
}
