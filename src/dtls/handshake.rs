//! What exists only while the handshake runs, and what its engine works with.

use bytes::Bytes;

use super::config::{Config, Role};
use super::engine::Engine;
use super::event::HandshakeError;
use super::flight::{Content, Expect, Item};
use super::protect::Protection;
use super::reassembly::{Message, Reassembly};
use super::srtp::Secrets;
use super::transcript::Transcript;
use crate::base::limits;
use crate::crypto::srtp_keys::SrtpProfile;
use crate::rng::Rng;
use crate::wire::dtls::handshake::{HandshakeType, whole_header};
use crate::wire::dtls::record::{ContentType, Version};

/// What an engine made of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It belongs to the handshake.
    Taken,
    /// It is not the peer's, or says nothing: as if it had not come.
    Ignored,
    /// It begins no handshake, and anybody could have sent it: as if it had not come, unless nothing better does.
    Refused(HandshakeError),
}

/// The handshake's state: freed when it is over.
#[derive(Debug)]
pub(super) struct Handshake {
    pub(super) engine: Engine,
    pub(super) tools: Tools,
    pub(super) reassembly: Reassembly,
    pub(super) early: EarlyRecords,
    /// Number of the latest record in the clear that carried a handshake message.
    pub(super) latest_record: u64,
}

impl Handshake {
    pub(super) fn new(role: Role, rng: Rng, config: Config) -> Self {
        let tools = Tools::new(rng, config);
        Self {
            engine: Engine::new(role),
            tools,
            reassembly: Reassembly::default(),
            early: EarlyRecords::default(),
            latest_record: 0,
        }
    }

    /// The client's first flight.
    pub(super) fn start(&mut self) {
        self.engine.start(&mut self.tools);
    }

    /// Takes the peer's next message, if it is complete: its number and what it did.
    pub(super) fn step(&mut self) -> Option<(u16, Result<Verdict, HandshakeError>)> {
        let message = self.reassembly.next()?;
        let verdict = self.engine.on_message(&mut self.tools, &message);
        if matches!(verdict, Ok(Verdict::Ignored | Verdict::Refused(_))) {
            self.reassembly.put_back();
        }
        Some((message.sequence, verdict))
    }

    #[cfg(feature = "sim")]
    pub(super) fn fork(&self) -> Self {
        Self {
            engine: self.engine.clone(),
            tools: self.tools.fork(),
            reassembly: self.reassembly.clone(),
            early: self.early.clone(),
            latest_record: self.latest_record,
        }
    }
}

/// What an engine reads, and where it leaves what it wants done. The connection collects that after every message.
#[derive(Debug)]
pub(super) struct Tools {
    pub(super) config: Config,
    pub(super) rng: Rng,
    pub(super) transcript: Transcript,
    /// Version to write into records in the clear.
    pub(super) version: Option<Version>,
    /// Keys to receive with, from now on.
    pub(super) read: Option<(u16, Protection)>,
    /// Keys to send with, from now on.
    pub(super) write: Option<(u16, Protection)>,
    /// The flight answers a hello before there is state: its first record has the hello's number.
    pub(super) follows: bool,
    /// A flight to send instead of the one before.
    pub(super) flight: Option<(Vec<Item>, Expect)>,
    pub(super) peer_certificate: Option<Bytes>,
    pub(super) srtp_profile: Option<SrtpProfile>,
    /// The handshake is over; what the exporter needs.
    pub(super) complete: Option<Secrets>,
    /// Number of our next message.
    next_sequence: u16,
    /// Messages of the flight being made.
    items: Vec<Item>,
}

impl Tools {
    fn new(rng: Rng, config: Config) -> Self {
        Self {
            config,
            rng,
            transcript: Transcript::default(),
            version: None,
            read: None,
            write: None,
            follows: false,
            flight: None,
            peer_certificate: None,
            srtp_profile: None,
            complete: None,
            next_sequence: 0,
            items: Vec::new(),
        }
    }

    /// Adds a message in `epoch` to the flight being made, and to the transcript.
    pub(super) fn send(&mut self, epoch: u16, kind: HandshakeType, body: Vec<u8>) {
        self.transcript.add(&whole_header(kind, self.next_sequence, body.len()), &body);
        self.send_unhashed(epoch, kind, body);
    }

    /// Adds a message that the transcript leaves out.
    pub(super) fn send_unhashed(&mut self, epoch: u16, kind: HandshakeType, body: Vec<u8>) {
        let content = Content::Handshake { kind, sequence: self.next_sequence, body };
        self.next_sequence = self.next_sequence.wrapping_add(1);
        self.items.push(Item { epoch, content });
    }

    /// Adds a record that is no handshake message.
    pub(super) fn send_record(&mut self, epoch: u16, content_type: ContentType, content: &'static [u8]) {
        self.items.push(Item { epoch, content: Content::Record(content_type, content) });
    }

    /// The flight being made is whole.
    pub(super) fn finish_flight(&mut self, expect: Expect) {
        self.flight = Some((core::mem::take(&mut self.items), expect));
    }

    /// Adds a message of the peer to the transcript.
    pub(super) fn hash(&mut self, message: &Message) {
        let header = whole_header(message.kind, message.sequence, message.body.len());
        self.transcript.add(&header, &message.body);
    }

    #[cfg(feature = "sim")]
    fn fork(&self) -> Self {
        Self {
            config: self.config.clone(),
            rng: self.rng.duplicate(),
            transcript: self.transcript.clone(),
            version: self.version,
            read: self.read.clone(),
            write: self.write.clone(),
            follows: self.follows,
            flight: self.flight.clone(),
            peer_certificate: self.peer_certificate.clone(),
            srtp_profile: self.srtp_profile,
            complete: self.complete.clone(),
            next_sequence: self.next_sequence,
            items: self.items.clone(),
        }
    }
}

/// Records of the next epoch that came before its keys: reordering then costs no timeout.
#[derive(Clone, Debug, Default)]
pub(super) struct EarlyRecords {
    records: Vec<Bytes>,
    held: usize,
}

impl EarlyRecords {
    /// Keeps a record; false if there are too many.
    pub(super) fn push(&mut self, record: &[u8]) -> bool {
        if self.records.len() >= limits::DTLS_EARLY_RECORDS
            || self.held + record.len() > limits::DTLS_EARLY_BYTES
        {
            return false;
        }
        self.held += record.len();
        self.records.push(Bytes::copy_from_slice(record));
        true
    }

    /// The records, now that there are keys.
    pub(super) fn take(&mut self) -> Vec<Bytes> {
        self.held = 0;
        core::mem::take(&mut self.records)
    }
}
