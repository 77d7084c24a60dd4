//! The client's side of the DTLS 1.2 handshake.

use bytes::Bytes;

use super::keys::{Randoms, Secrets};
use crate::base::limits;
use crate::crypto::digest::constant_time_eq;
use crate::crypto::ecdh::{Group, KeyPair};
use crate::crypto::sign::{KeyAlgorithm, PublicKey, SignatureScheme};
use crate::dtls::config::{Config, Role};
use crate::dtls::event::HandshakeError;
use crate::dtls::flight::Expect;
use crate::dtls::handshake::{Tools, Verdict};
use crate::dtls::negotiate::{self, CipherSuite};
use crate::dtls::reassembly::Message;
use crate::dtls::srtp;
use crate::wire::dtls::extension::{
    ExtensionError, ExtensionType, Extensions, has_uncompressed_format, push, push_numbers, push_vec8,
    push_vec16,
};
use crate::wire::dtls::handshake::HandshakeType;
use crate::wire::dtls::hello::{ClientHello, Random, ServerHello, parse_verify_request};
use crate::wire::dtls::message::{
    CertificateRequest, ServerKeyExchange, Signed, parse_certificate, write_certificate,
    write_client_key_exchange,
};
use crate::wire::dtls::record::{ContentType, Version};

/// What the `ServerHello` settled.
#[derive(Clone, Debug)]
struct Chosen {
    suite: CipherSuite,
    randoms: Randoms,
    extended_master_secret: bool,
}

/// What the server asked of our certificate.
#[derive(Clone, Copy, Debug)]
enum Request {
    /// Nothing.
    Nothing,
    /// To be proved by this scheme.
    Proof(SignatureScheme),
    /// Another kind of key, or a scheme that ours does not sign by: the answer is an empty list (RFC 5246 §7.4.6).
    Another,
}

/// RFC 5246 §7.3, RFC 6347 §4.2.1:
///
/// ```text
/// Idle ── start ──▶ Hello ◀─┐ HelloVerifyRequest
///                     │ ────┘
///                     ▼ ServerHello
///                Certificate ─▶ KeyExchange ─▶ Request ─▶ Done ── our flight ──▶ Finished ─▶ Complete
///                                                 └──────────────▲ (no request)
/// ```
#[derive(Clone, Debug, Default)]
enum State {
    #[default]
    Idle,
    Hello {
        random: Random,
    },
    Certificate(Chosen),
    KeyExchange(Chosen, PublicKey),
    Request(Chosen, Server),
    Done(Chosen, Server, Request),
    Finished(Secrets),
    Complete,
}

/// The server's part of the key exchange.
#[derive(Clone, Debug)]
struct Server {
    group: Group,
    public: Vec<u8>,
}

/// A client's handshake.
#[derive(Clone, Debug, Default)]
pub(in crate::dtls) struct Client {
    state: State,
    verify_requests: u8,
}

impl Client {
    /// Sends the first hello.
    pub(in crate::dtls) fn start(&mut self, tools: &mut Tools) {
        if matches!(self.state, State::Idle) {
            let random = tools.rng.array();
            send_hello(tools, random, &[]);
            self.state = State::Hello { random };
        }
    }

    /// Takes the server's next message.
    #[expect(clippy::wildcard_enum_match_arm, reason = "every other message has no place, in whatever state")]
    pub(in crate::dtls) fn on_message(
        &mut self,
        tools: &mut Tools,
        message: &Message,
    ) -> Result<Verdict, HandshakeError> {
        // A request for a handshake while one runs says nothing (RFC 5246 §7.4.1.1). A Finished in the clear is none: anybody
        // could have sent it. Under keys nothing else comes, and what is authentic and wrong ends the handshake.
        let protected = message.epoch > 0;
        let finished = message.kind == HandshakeType::FINISHED;
        if message.kind == HandshakeType::HELLO_REQUEST || (finished && !protected) {
            return Ok(Verdict::Ignored);
        }
        if protected && !finished {
            return Err(HandshakeError::Unexpected(message.kind.0));
        }
        if message.kind != HandshakeType::FINISHED && message.kind != HandshakeType::HELLO_VERIFY_REQUEST {
            tools.hash(message);
        }
        let kind = message.kind;
        self.state = match core::mem::take(&mut self.state) {
            State::Hello { random } if kind == HandshakeType::HELLO_VERIFY_REQUEST => {
                self.on_verify_request(tools, random, message)?
            }
            State::Hello { random } if kind == HandshakeType::SERVER_HELLO => {
                on_hello(tools, random, message)?
            }
            State::Certificate(chosen) if kind == HandshakeType::CERTIFICATE => {
                on_certificate(tools, chosen, message)?
            }
            State::KeyExchange(chosen, key) if kind == HandshakeType::SERVER_KEY_EXCHANGE => {
                on_key_exchange(tools, chosen, &key, message)?
            }
            State::Request(chosen, server) if kind == HandshakeType::CERTIFICATE_REQUEST => {
                let request = on_request(&tools.config, message)?;
                State::Done(chosen, server, request)
            }
            State::Request(chosen, server) if kind == HandshakeType::SERVER_HELLO_DONE => {
                on_done(tools, &chosen, &server, Request::Nothing, message)?
            }
            State::Done(chosen, server, request) if kind == HandshakeType::SERVER_HELLO_DONE => {
                on_done(tools, &chosen, &server, request, message)?
            }
            State::Finished(secrets) if kind == HandshakeType::FINISHED => {
                on_finished(tools, secrets, message)?
            }
            _ => return Err(HandshakeError::Unexpected(kind.0)),
        };
        Ok(Verdict::Taken)
    }

    /// The same hello again, with the server's cookie; the transcript begins anew (RFC 6347 §4.2.1).
    fn on_verify_request(
        &mut self,
        tools: &mut Tools,
        random: Random,
        message: &Message,
    ) -> Result<State, HandshakeError> {
        self.verify_requests += 1;
        if self.verify_requests > limits::DTLS_VERIFY_REQUESTS {
            return Err(HandshakeError::Unexpected(message.kind.0));
        }
        let cookie = parse_verify_request(&message.body).ok_or(malformed(message))?;
        tools.transcript.restart();
        send_hello(tools, random, cookie);
        Ok(State::Hello { random })
    }
}

const fn malformed(message: &Message) -> HandshakeError {
    HandshakeError::Malformed(message.kind.0)
}

fn send_hello(tools: &mut Tools, random: Random, cookie: &[u8]) {
    let suites: Vec<u8> = tools.config.suites.iter().flat_map(|suite| suite.code().to_be_bytes()).collect();
    let hello = ClientHello {
        version: Version::DTLS_1_2,
        random,
        session_id: &[],
        cookie,
        suites: &suites,
        compression: &[0],
        extensions: Extensions::default(),
    };
    let mut body = Vec::with_capacity(256);
    hello.write(&mut body, |out| write_extensions(out, &tools.config));
    tools.send(0, HandshakeType::CLIENT_HELLO, body);
    tools.finish_flight(Expect::Answer);
}

fn write_extensions(out: &mut Vec<u8>, config: &Config) {
    push(out, ExtensionType::EXTENDED_MASTER_SECRET, |_| {});
    // An empty list of one byte: no renegotiation yet, and none ever (RFC 5746 §3.4).
    push(out, ExtensionType::RENEGOTIATION_INFO, |out| out.push(0));
    push_numbers(out, ExtensionType::SUPPORTED_GROUPS, config.groups.iter().map(|group| group.code()));
    push(out, ExtensionType::EC_POINT_FORMATS, |out| push_vec8(out, |out| out.push(0)));
    let schemes = config.signature_schemes.iter().map(|scheme| scheme.code());
    push_numbers(out, ExtensionType::SIGNATURE_ALGORITHMS, schemes);
    if !config.srtp_profiles.is_empty() {
        push(out, ExtensionType::USE_SRTP, |out| {
            push_vec16(out, |out| {
                config
                    .srtp_profiles
                    .iter()
                    .for_each(|profile| out.extend_from_slice(&profile.code().to_be_bytes()));
            });
            out.push(0);
        });
    }
}

fn on_hello(tools: &mut Tools, random: Random, message: &Message) -> Result<State, HandshakeError> {
    let hello = ServerHello::parse(&message.body).map_err(|error| match error {
        ExtensionError::Duplicate(number) => HandshakeError::DuplicateExtension(number),
        ExtensionError::Malformed => malformed(message),
    })?;
    if hello.version != Version::DTLS_1_2 {
        return Err(HandshakeError::Version(hello.version.0));
    }
    let suite = CipherSuite::from_code(hello.suite).filter(|suite| tools.config.suites.contains(suite));
    let suite = suite.ok_or(HandshakeError::CipherSuite)?;
    check_extensions(&tools.config, &hello, message)?;
    let extended_master_secret = hello.extensions.has(ExtensionType::EXTENDED_MASTER_SECRET);
    if tools.config.extended_master_secret_required && !extended_master_secret {
        return Err(HandshakeError::NoExtendedMasterSecret);
    }
    tools.srtp_profile = negotiate::srtp_answer(&tools.config, &hello.extensions)?;
    tools.transcript.choose(suite.hash());
    tools.version = Some(Version::DTLS_1_2);
    let randoms = Randoms { client: random, server: hello.random };
    Ok(State::Certificate(Chosen { suite, randoms, extended_master_secret }))
}

/// The server answers only what was offered, and as the RFCs say.
fn check_extensions(
    config: &Config,
    hello: &ServerHello<'_>,
    message: &Message,
) -> Result<(), HandshakeError> {
    let illegal = HandshakeError::IllegalParameter(message.kind.0);
    if hello.compression != 0 {
        return Err(illegal);
    }
    for (number, content) in hello.extensions.iter() {
        match number {
            // RFC 5746 §3.4: anything but the empty list is somebody else's handshake.
            ExtensionType::RENEGOTIATION_INFO if content != [0] => return Err(illegal),
            ExtensionType::EXTENDED_MASTER_SECRET if !content.is_empty() => return Err(malformed(message)),
            ExtensionType::EC_POINT_FORMATS => match has_uncompressed_format(content) {
                Some(true) => {}
                Some(false) => return Err(illegal),
                None => return Err(malformed(message)),
            },
            ExtensionType::RENEGOTIATION_INFO | ExtensionType::EXTENDED_MASTER_SECRET => {}
            ExtensionType::USE_SRTP if !config.srtp_profiles.is_empty() => {}
            other => return Err(HandshakeError::UnsolicitedExtension(other.0)),
        }
    }
    Ok(())
}

fn on_certificate(tools: &mut Tools, chosen: Chosen, message: &Message) -> Result<State, HandshakeError> {
    let der = parse_certificate(&message.body).filter(|der| !der.is_empty()).ok_or(malformed(message))?;
    let key = PublicKey::from_certificate_der(der).map_err(|_| HandshakeError::BadCertificate)?;
    if !chosen.suite.fits(key.algorithm()) {
        return Err(HandshakeError::BadCertificate);
    }
    tools.peer_certificate = Some(Bytes::copy_from_slice(der));
    Ok(State::KeyExchange(chosen, key))
}

fn on_key_exchange(
    tools: &Tools,
    chosen: Chosen,
    key: &PublicKey,
    message: &Message,
) -> Result<State, HandshakeError> {
    let exchange = ServerKeyExchange::parse(&message.body).ok_or(malformed(message))?;
    let group = Group::from_code(exchange.group).filter(|group| tools.config.groups.contains(group));
    let group = group.ok_or(HandshakeError::IllegalParameter(message.kind.0))?;
    let scheme = negotiate::peer_scheme(&tools.config, exchange.signed.scheme)
        .map_err(|_| HandshakeError::IllegalParameter(message.kind.0))?;
    let signed = [&chosen.randoms.client[..], &chosen.randoms.server[..], exchange.params].concat();
    negotiate::check_signature(key, scheme, &signed, exchange.signed.signature, message.kind)?;
    Ok(State::Request(chosen, Server { group, public: exchange.public.to_vec() }))
}

fn on_request(config: &Config, message: &Message) -> Result<Request, HandshakeError> {
    let request = CertificateRequest::parse(&message.body).ok_or(malformed(message))?;
    let scheme = negotiate::signing_scheme(config, request.schemes).ok();
    let fits = request.accepts(config.certificate.algorithm() == KeyAlgorithm::Rsa);
    Ok(scheme.filter(|_| fits).map_or(Request::Another, Request::Proof))
}

/// Our flight: certificate, key exchange, proof of the certificate's key, and Finished under the new keys.
fn on_done(
    tools: &mut Tools,
    chosen: &Chosen,
    server: &Server,
    request: Request,
    message: &Message,
) -> Result<State, HandshakeError> {
    if !message.body.is_empty() {
        return Err(malformed(message));
    }
    if !matches!(request, Request::Nothing) {
        let own = matches!(request, Request::Proof(_)).then(|| tools.config.certificate.der());
        let mut body = Vec::with_capacity(512);
        write_certificate(&mut body, own.map(AsRef::as_ref));
        tools.send(0, HandshakeType::CERTIFICATE, body);
    }
    let pair = KeyPair::generate(server.group, &mut tools.rng).map_err(|_| HandshakeError::Internal)?;
    let shared = pair.agree(&server.public).map_err(|_| HandshakeError::BadPublicKey)?;
    let mut body = Vec::with_capacity(128);
    write_client_key_exchange(&mut body, pair.public_key());
    tools.send(0, HandshakeType::CLIENT_KEY_EXCHANGE, body);

    let session_hash = tools.transcript.digest();
    let session_hash = chosen.extended_master_secret.then_some(session_hash.as_ref());
    let secrets = Secrets::new(chosen.suite, &shared, chosen.randoms, session_hash);
    if let Request::Proof(scheme) = request {
        let signature = tools.config.certificate.sign(scheme, tools.transcript.raw());
        let signature = signature.map_err(|_| HandshakeError::Internal)?;
        let mut body = Vec::with_capacity(signature.len() + 4);
        Signed { scheme: scheme.code(), signature: &signature }.write(&mut body);
        tools.send(0, HandshakeType::CERTIFICATE_VERIFY, body);
    }
    tools.transcript.forget_raw();
    let keys = secrets.protections(Role::Client).map_err(|_| HandshakeError::Internal)?;
    tools.send_record(0, ContentType::ChangeCipherSpec, &[1]);
    let verify_data = secrets.verify_data(Role::Client, &tools.transcript.digest());
    tools.send(1, HandshakeType::FINISHED, verify_data.to_vec());
    tools.finish_flight(Expect::Answer);
    tools.write = Some((1, keys.write));
    tools.read = Some((1, keys.read));
    Ok(State::Finished(secrets))
}

fn on_finished(tools: &mut Tools, secrets: Secrets, message: &Message) -> Result<State, HandshakeError> {
    let expected = secrets.verify_data(Role::Server, &tools.transcript.digest());
    if message.body.len() != expected.len() {
        return Err(malformed(message));
    }
    if !constant_time_eq(&expected, &message.body) {
        return Err(HandshakeError::BadFinished);
    }
    tools.complete = Some(srtp::Secrets::V12(secrets));
    Ok(State::Complete)
}
