//! A peer with the manners of other implementations: our connection, with what it sends rewritten.

use core::borrow::{Borrow, BorrowMut};
use std::collections::VecDeque;

use super::fork::Fork;
use crate::base::writer::{Full, Writer};
use crate::machine::{Machine, Output};
use crate::net::{Datagram, Path, Transmit};
use crate::peer::{ConnectionState, Event, PeerConnection};
use crate::stun::{Attribute, AttributeType, Builder, Class, IntegrityKey, Message};
use crate::time::Instant;
use crate::wire::dtls::handshake::{self, Fragment, Fragments, HandshakeType};
use crate::wire::dtls::record::{self, ContentType, Record, Records};

/// What a foreign peer does otherwise, as a value. An ICE-lite peer needs none of these: see [`Config::ice_lite`](crate::Config::ice_lite).
///
/// ```
/// use antiphon::sim::Manners;
/// let old = Manners::new().nominates_aggressively().splits_hello();
/// assert_ne!(old, Manners::new());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manners {
    nominates: bool,
    splits: bool,
    silent: bool,
}

impl Manners {
    /// Our own.
    pub const fn new() -> Self {
        Self { nominates: false, splits: false, silent: false }
    }

    /// Nominates with every check (RFC 5245's aggressive nomination), while it is controlling.
    #[must_use]
    pub const fn nominates_aggressively(mut self) -> Self {
        self.nominates = true;
        self
    }

    /// Sends its `ClientHello` in two fragments and two datagrams, as browsers do whose key shares are large.
    #[must_use]
    pub const fn splits_hello(mut self) -> Self {
        self.splits = true;
        self
    }

    /// Says nothing any more once DTLS is up, but for consent.
    #[must_use]
    pub const fn silent_after_dtls(mut self) -> Self {
        self.silent = true;
        self
    }
}

/// A [`PeerConnection`] with [`Manners`]. Call it as one through [`Foreign::pc`]; [`Peers`](super::Peers) do.
///
/// ```
/// use antiphon::sim::{Foreign, Link, Manners, Network, Peers, ignore_events};
/// use antiphon::{Config, ConnectionState, DataChannelInit};
/// use core::time::Duration;
///
/// let mut network = Network::new(7, Link::new().delay(Duration::from_millis(25)));
/// let hosts = ["203.0.113.1:5000", "203.0.113.2:5000"].map(|address| {
///     let address = [address.parse().unwrap()];
///     let pc = network.peer(&Config::new(), &address).unwrap();
///     network.add_host(Foreign::new(pc, Manners::new().nominates_aggressively()), &address)
/// });
/// network.machine_mut(hosts[0]).pc().create_data_channel("chat", DataChannelInit::default())?;
/// let mut peers = Peers::new(ignore_events::<Foreign>).pair(hosts[0], hosts[1]);
/// network.run_for(Duration::from_secs(1), &mut peers);
/// assert_eq!(network.machine_mut(hosts[1]).pc().connection_state(), ConnectionState::Connected);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Foreign {
    pc: PeerConnection,
    manners: Manners,
    /// The rest of what was cut in two.
    rest: VecDeque<(Path, Vec<u8>)>,
}

impl Foreign {
    /// A connection that behaves so.
    pub const fn new(pc: PeerConnection, manners: Manners) -> Self {
        Self { pc, manners, rest: VecDeque::new() }
    }

    /// The connection.
    pub const fn pc(&mut self) -> &mut PeerConnection {
        &mut self.pc
    }

    /// What becomes of a datagram: its length, or nothing is sent.
    fn rewrite(&mut self, path: Path, buf: &mut [u8], len: usize) -> Option<usize> {
        let data = buf.get(..len)?.to_vec();
        if self.manners.nominates
            && let Some(written) = self.nominate(&data, buf)
        {
            return Some(written);
        }
        let Some(first) = Records::new(&data).next() else { return Some(len) };
        if self.manners.silent && self.is_application_data(&first) {
            return None;
        }
        if !self.manners.splits || first.epoch != 0 {
            return Some(len);
        }
        if let Some(hello) = hello_of(&first) {
            let whole = hello.data.len();
            let mut part = |range| {
                let written = write_part(buf, &first, hello, range).ok()?;
                buf.get(..written).map(<[u8]>::to_vec)
            };
            let (one, two) = (part((0, whole / 2))?, part((whole / 2, whole))?);
            self.rest.push_back((path, two));
            return place(buf, &one);
        }
        // Every number in the clear is doubled, since a hello takes two.
        let mut writer = Writer::new(buf);
        for record in Records::new(&data) {
            renumber(&mut writer, &record).ok()?;
        }
        Some(writer.position())
    }

    fn is_application_data(&self, record: &Record<'_>) -> bool {
        record.content_type == ContentType::ApplicationData
            && self.pc.connection_state() == ConnectionState::Connected
    }

    /// A check of the controlling side with USE-CANDIDATE in it, sealed again.
    fn nominate(&self, data: &[u8], buf: &mut [u8]) -> Option<usize> {
        let message = Message::parse(data).ok()?;
        if message.class() != Class::Request || message.use_candidate() {
            return None;
        }
        message.ice_controlling()?;
        let remote = self.pc.remote_description()?.session();
        let levels = core::iter::once(&remote.attributes).chain(remote.media.iter().map(|m| &m.attributes));
        let pwd = levels.filter_map(|attributes| attributes.ice_pwd()).next_back()?;
        let mut builder =
            Builder::new(buf, message.class(), message.method(), message.transaction_id()).ok()?;
        let sealed = [AttributeType::MESSAGE_INTEGRITY, AttributeType::FINGERPRINT];
        for (kind, value) in message.raw_attributes().filter(|(kind, _)| !sealed.contains(kind)) {
            builder.raw(kind, &[value]).ok()?;
        }
        builder.add(&Attribute::UseCandidate).ok()?;
        builder.integrity(&IntegrityKey::short_term(pwd)).ok()?.fingerprint().ok()?;
        Some(builder.finish())
    }
}

/// The `ClientHello` that is all of a record.
fn hello_of<'a>(record: &Record<'a>) -> Option<Fragment<'a>> {
    let mut fragments = Fragments::new(record.fragment);
    let hello = fragments.next().filter(|_| record.content_type == ContentType::Handshake)?;
    (hello.kind == HandshakeType::CLIENT_HELLO && hello.data.len() == hello.total).then_some(hello)
}

/// Writes one part of a hello as a record of its own.
fn write_part(
    buf: &mut [u8],
    record: &Record<'_>,
    hello: Fragment<'_>,
    (start, end): (usize, usize),
) -> Result<usize, Full> {
    let part = hello.data.get(start..end).unwrap_or_default();
    let mut writer = Writer::new(buf);
    let number = record.sequence * 2 + u64::from(start > 0);
    record::write_header(
        &mut writer,
        record.content_type,
        record.version,
        (0, number),
        handshake::HEADER_LEN + part.len(),
    )?;
    handshake::write_header(&mut writer, (hello.kind, hello.message_seq), hello.total, start..end)?;
    writer.bytes(part)?;
    Ok(writer.position())
}

fn renumber(writer: &mut Writer<'_>, record: &Record<'_>) -> Result<(), Full> {
    if record.epoch != 0 {
        return writer.bytes(record.whole);
    }
    let numbers = (0, record.sequence * 2);
    record::write_header(writer, record.content_type, record.version, numbers, record.fragment.len())?;
    writer.bytes(record.fragment)
}

/// Puts a datagram into the buffer.
fn place(buf: &mut [u8], data: &[u8]) -> Option<usize> {
    buf.get_mut(..data.len())?.copy_from_slice(data);
    Some(data.len())
}

impl Machine for Foreign {
    type Input<'i> = Datagram<'i>;
    type Path = Path;
    type Event = Event;

    fn handle_input(&mut self, now: Instant, input: Datagram<'_>) {
        self.pc.handle_input(now, input);
    }

    fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Output<Path, Event> {
        if !buf.is_empty()
            && let Some((path, data)) = self.rest.pop_front()
            && let Some(len) = place(buf, &data)
        {
            return Output::Transmit(Transmit::new(path, len));
        }
        loop {
            match self.pc.poll_output(now, buf) {
                Output::Transmit(transmit) => {
                    if let Some(len) = self.rewrite(transmit.path, buf, transmit.len) {
                        return Output::Transmit(Transmit { len, segment_len: len, ..transmit });
                    }
                }
                other @ (Output::Event(_) | Output::Wait(_)) => return other,
            }
        }
    }
}

impl Fork for Foreign {
    fn fork(&self) -> Self {
        Self { pc: self.pc.fork(), manners: self.manners, rest: self.rest.clone() }
    }
}

impl Borrow<PeerConnection> for Foreign {
    fn borrow(&self) -> &PeerConnection {
        &self.pc
    }
}

impl BorrowMut<PeerConnection> for Foreign {
    fn borrow_mut(&mut self) -> &mut PeerConnection {
        &mut self.pc
    }
}
