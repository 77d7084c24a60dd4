//! Somebody who sees every packet between two associations and writes packets of their own: with the right ports, tag and checksum, and
//! with numbers close to those that are due, so that what they say is taken seriously.

use core::time::Duration;

use antiphon::base::serial::{Ssn, Tsn};
use antiphon::wire::sctp::{
    Cause, Chunk, Data, DataFlags, GapBlock, Init, Packet, PacketWriter, Parameter, ReConfigParameter,
    ReConfigResult, Skipped, U16List, UnknownChunk,
};

const PORT: u16 = 5000;

/// What has been seen of one end.
#[derive(Clone, Debug, Default)]
struct Seen {
    /// What packets to it carry.
    tag: u32,
    /// The TSN it would give next.
    next: Tsn,
    /// The number its next request would have.
    request: u32,
    /// The cookie it gave last.
    cookie: Vec<u8>,
    /// What it asks to be sent back.
    heartbeat: Vec<u8>,
}

/// What somebody on the path knows.
#[derive(Clone, Debug, Default)]
pub struct Forger([Seen; 2]);

/// The bytes that say what is forged, taken from the front.
pub struct Wishes<'a>(pub &'a [u8]);

impl<'a> Wishes<'a> {
    pub fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    pub fn word(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// A few bytes behind their length.
    pub fn bytes(&mut self) -> &'a [u8] {
        let len = usize::from(self.byte()).min(self.0.len());
        let (bytes, rest) = self.0.split_at(len);
        self.0 = rest;
        bytes
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Close to a number: a little before, a little after, seldom far away.
fn near(number: Tsn, wish: u8) -> Tsn {
    match wish {
        0..128 => number.plus(u32::from(wish & 31)),
        128..240 => number.minus(u32::from(wish & 31)),
        _ => number.plus(0x0fff << (wish & 15)),
    }
}

/// A window: closed, small, or all there is.
fn window(wish: u8) -> u32 {
    if wish == 255 { u32::MAX } else { u32::from(wish) * u32::from(wish) * 64 }
}

impl Forger {
    /// A packet that one end has sent to the other.
    pub fn saw(&mut self, to: usize, packet: &[u8]) {
        let packet = Packet::parse(packet).expect("what is sent is SCTP");
        for chunk in packet.chunks() {
            let from = &mut self.0[1 - to];
            match chunk.expect("what is sent is well-formed") {
                Chunk::Init(init) | Chunk::InitAck(init) => {
                    (from.tag, from.next, from.request) =
                        (init.initiate_tag, init.initial_tsn, init.initial_tsn.0);
                    for parameter in init.parameters.iter() {
                        if let Ok(Parameter::StateCookie(cookie)) = parameter {
                            from.cookie = cookie.to_vec();
                        }
                    }
                }
                Chunk::Data(data) if !data.tsn.is_before(from.next) => from.next = data.tsn.next(),
                Chunk::Heartbeat(info) => from.heartbeat = info.to_vec(),
                Chunk::ReConfig(asked) => {
                    for parameter in asked.parameters().flatten() {
                        if let ReConfigParameter::OutgoingReset { request, .. } = parameter {
                            from.request = request.wrapping_add(1);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// A packet for one end, of the chunks that the bytes ask for.
    pub fn write(&mut self, to: usize, bytes: &[u8]) -> Vec<u8> {
        let mut wishes = Wishes(bytes);
        let tag = match wishes.byte() {
            255 => 0,
            254 => self.0[1 - to].tag,
            _ => self.0[to].tag,
        };
        let mut buf = [0; 1400];
        let mut packet = PacketWriter::new(&mut buf, PORT, PORT, tag);
        for _ in 0..16 {
            if wishes.is_empty() || self.chunk(&mut packet, to, &mut wishes).is_none() {
                break;
            }
        }
        let len = packet.finish();
        buf[..len].to_vec()
    }

    fn chunk(&mut self, packet: &mut PacketWriter<'_>, to: usize, wishes: &mut Wishes<'_>) -> Option<()> {
        let theirs = self.0[to].clone();
        let ours = &mut self.0[1 - to];
        match wishes.byte() & 31 {
            0..=7 => {
                let flags = wishes.byte();
                let tsn = if flags & 0x80 == 0 { ours.next } else { near(ours.next, wishes.byte()) };
                let flags = DataFlags {
                    immediate: flags & 8 != 0,
                    unordered: flags & 4 != 0,
                    beginning: flags & 2 == 0,
                    ending: flags & 1 == 0,
                };
                let (stream, ssn) =
                    (u16::from(wishes.byte() & 63), Ssn(u16::from(wishes.byte() as i8 as u8)));
                // The protocols of data channels, most of all their own (RFC 8831 §8).
                let ppid = [50, 51, 53, 54, 56, 57, 0, 52][usize::from(wishes.byte() & 7)];
                let payload = wishes.bytes();
                packet.data(&Data { flags, tsn, stream, ssn, ppid, payload, offset: 0 }).ok()?;
                if tsn == ours.next {
                    ours.next = tsn.next();
                }
            }
            8..=11 => {
                let cumulative = near(theirs.next.minus(1), wishes.byte());
                let (a_rwnd, count) = (window(wishes.byte()), wishes.byte());
                let gaps: Vec<GapBlock> = (0..count & 15)
                    .map(|_| {
                        let start = u16::from(wishes.byte());
                        GapBlock { start, end: start.wrapping_add(u16::from(wishes.byte() & 15)) }
                    })
                    .collect();
                let twice = (count & 16 != 0).then_some(cumulative);
                packet.sack(cumulative, a_rwnd, gaps, twice).ok()?;
            }
            12 | 13 => {
                let tsn = near(ours.next, wishes.byte());
                let count = wishes.byte() & 7;
                let skipped = (0..count).map(|_| Skipped {
                    stream: u16::from(wishes.byte() & 63),
                    ssn: Ssn(u16::from(wishes.byte())),
                });
                let skipped: Vec<Skipped> = skipped.collect();
                packet.forward_tsn(tsn, skipped).ok()?;
                if !tsn.is_before(ours.next) {
                    ours.next = tsn.next();
                }
            }
            14..=16 => Self::re_config(packet, &theirs, ours, wishes)?,
            17 => packet.heartbeat(wishes.bytes()).ok()?,
            18 => {
                let info = wishes.bytes();
                packet.heartbeat_ack(if info.is_empty() { &theirs.heartbeat } else { info }).ok()?;
            }
            19 => packet.shutdown(near(theirs.next.minus(1), wishes.byte())).ok()?,
            20 => packet.shutdown_ack().ok()?,
            21 => packet.shutdown_complete(wishes.byte() & 1 == 1).ok()?,
            22 => {
                let mut cookie = theirs.cookie;
                let (at, patch) = (usize::from(wishes.byte()), wishes.bytes());
                cookie.iter_mut().skip(at).zip(patch).for_each(|(byte, patch)| *byte ^= patch);
                packet.cookie_echo(&cookie).ok()?;
            }
            23 => packet.cookie_ack().ok()?,
            24 | 25 => {
                let answers = wishes.byte();
                let init = Init {
                    initiate_tag: if answers & 2 == 0 { ours.tag.max(1) } else { u32::from(wishes.byte()) },
                    a_rwnd: window(wishes.byte()),
                    outbound_streams: wishes.word(),
                    inbound_streams: wishes.word(),
                    initial_tsn: near(ours.next, wishes.byte()),
                    ..Init::default()
                };
                let cookie = Parameter::StateCookie(wishes.bytes());
                let extensions = Parameter::SupportedExtensions(&[0x82, 0xc0, 0x40]);
                let others = [
                    Parameter::ForwardTsn,
                    extensions,
                    Parameter::HostName(b"x"),
                    Parameter::ZeroChecksum(1),
                ];
                let raw = wishes.bytes();
                let unknown = (raw.len() >= 4).then_some(Parameter::Unknown { kind: 0, raw });
                let others = others.into_iter().enumerate().filter(|(bit, _)| answers & (4 << bit) != 0);
                let parameters = others.map(|(_, parameter)| parameter).chain(unknown);
                if answers & 1 == 0 {
                    packet.init(&init, parameters).ok()?;
                } else {
                    packet.init_ack(&init, core::iter::once(cookie).chain(parameters)).ok()?;
                }
                (ours.tag, ours.next, ours.request) =
                    (init.initiate_tag, init.initial_tsn, init.initial_tsn.0);
            }
            26 => {
                let value = wishes.bytes();
                let causes =
                    [Cause::StaleCookie(1), Cause::Unknown { code: u16::from(wishes.byte()), value }];
                packet.error(causes.into_iter().skip(usize::from(wishes.byte() & 1))).ok()?;
            }
            27 if wishes.byte() == 0 => {
                packet.abort(wishes.byte() & 1 == 1, [Cause::UserInitiatedAbort(b"")]).ok()?
            }
            27 | 28 => packet.pad(wishes.bytes().len()).ok()?,
            _ => {
                let (kind, flags, value) = (wishes.byte(), wishes.byte(), wishes.bytes());
                let raw = [&[0; 4], value].concat();
                packet.unknown(&UnknownChunk { kind, flags, raw: &raw }).ok()?;
            }
        }
        Some(())
    }

    fn re_config(
        packet: &mut PacketWriter<'_>,
        theirs: &Seen,
        ours: &mut Seen,
        wishes: &mut Wishes<'_>,
    ) -> Option<()> {
        let shape = wishes.byte();
        let streams: Vec<u16> = wishes.bytes().iter().map(|byte| u16::from(*byte)).collect();
        let streams = U16List::new(&streams);
        let request = if shape & 0x80 == 0 { ours.request } else { near(Tsn(ours.request), wishes.byte()).0 };
        let results = [
            ReConfigResult::NothingToDo,
            ReConfigResult::Performed,
            ReConfigResult::Denied,
            ReConfigResult::WrongSsn,
            ReConfigResult::RequestInProgress,
            ReConfigResult::BadSequenceNumber,
            ReConfigResult::InProgress,
            ReConfigResult::Other(9),
        ];
        let parameter = match shape & 7 {
            0..=2 => {
                let last_tsn = near(ours.next.minus(1), if shape & 0x40 == 0 { 0 } else { wishes.byte() });
                ReConfigParameter::OutgoingReset {
                    request,
                    response: theirs.request.wrapping_sub(1),
                    last_tsn,
                    streams,
                }
            }
            3 => ReConfigParameter::IncomingReset { request, streams },
            4 => ReConfigParameter::SsnTsnReset { request },
            5 => ReConfigParameter::AddOutgoing { request, count: u16::from(wishes.byte()) },
            _ => {
                let request = near(
                    Tsn(theirs.request.wrapping_sub(1)),
                    if shape & 0x40 == 0 { 0 } else { wishes.byte() },
                )
                .0;
                let result = results[usize::from(wishes.byte() & 7)];
                let tsns = (shape & 0x20 != 0).then_some((ours.next, theirs.next));
                ReConfigParameter::Response { request, result, tsns }
            }
        };
        if shape & 7 < 6 && request == ours.request {
            ours.request = request.wrapping_add(1);
        }
        // Twice the same, sometimes: a packet may have two.
        packet.re_config(core::iter::repeat_n(parameter, 1 + usize::from(shape >> 3 & 1))).ok()
    }
}

/// How much time a step takes.
pub fn pause(wish: u8) -> Duration {
    Duration::from_millis(match wish {
        0..128 => u64::from(wish) * 4,
        128..250 => u64::from(wish - 127) * 250,
        _ => 600_000,
    })
}
