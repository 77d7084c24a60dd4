//! What the scenarios of media share: a call of one video section, the packets of its frames, and the bare cipher beside it.

use antiphon::Config;
use antiphon::base::serial::Seq16;
use antiphon::codec::MediaKind;
use antiphon::crypto::aead::{AeadKey, Algorithm, TAG_LEN};
use antiphon::peer::{Feedback, MediaCapabilities, TransceiverId};
use antiphon::rtp::{Delivery, RtpPacket};
use antiphon::srtp::SrtpProfile;
use antiphon::wire::rtp::ExtensionKind;
use bytes::Bytes;
use core::time::Duration;
use std::hint::black_box;

use super::pair::{BURST, Pair, certificates};

/// Bytes of an RTP packet on its way, the tag of SRTP not counted.
pub(crate) const PACKET: usize = 1200;
/// Packets of one frame, written at once.
pub(crate) const FRAME: usize = BURST;
/// Time from one frame to the next: together 9.6 Mbit/s.
pub(crate) const INTERVAL: Duration = Duration::from_millis(16);

/// Configurations of the two sides: what arrives is read as packets. `feedback` is about transport-wide numbers and send times.
pub(crate) fn configs(feedback: bool) -> [Config; 2] {
    let mut media = MediaCapabilities::new();
    if !feedback {
        for kind in [&mut media.audio, &mut media.video] {
            let numbered = [ExtensionKind::TransportSequence, ExtensionKind::AbsSendTime];
            kind.extensions.retain(|its| !numbered.contains(its));
            kind.feedback.retain(|its| *its != Feedback::TransportCc);
        }
    }
    certificates().map(|certificate| {
        let config = Config::new().certificate(certificate).media(media.clone());
        config.media_delivery(Delivery::Packets).mtu(1400)
    })
}

/// A call with one video section, of which side 0 sends packets of [`PACKET`] bytes.
#[derive(Debug)]
pub(crate) struct Call {
    pub pair: Pair,
    pub ids: [TransceiverId; 2],
    pub packet: RtpPacket,
    /// The packet read last: an application holds one while it looks at it.
    pub held: Option<RtpPacket>,
}

impl Call {
    pub(crate) fn new(run: u64, feedback: bool) -> Self {
        let (mut pair, all) = Pair::calling(run, &configs(feedback), &[MediaKind::Video]);
        let ids = all[0];
        let now = pair.now;
        assert_eq!(pair.sides[0].pc.stats(now).srtp_profile, Some(SrtpProfile::AeadAes128Gcm));
        let payload_type = pair.sides[0].pc.sender(ids[0]).unwrap().codecs()[0].payload_type;
        let mut call = Self { pair, ids, packet: RtpPacket::new(payload_type, payload(1000)), held: None };
        // Until the peer has heard the section's name it is in each packet.
        (0..500).for_each(|_| call.frame());
        call.packet.payload = payload(1000 + PACKET + TAG_LEN - call.packet_len());
        call.frame();
        assert_eq!(call.packet_len(), PACKET + TAG_LEN);
        call
    }

    /// The length of the next packet, protected.
    fn packet_len(&mut self) -> usize {
        self.write(1);
        self.pair.draw(0, BURST);
        let len = self.pair.drawn().map(<[u8]>::len).max().unwrap();
        self.pair.deliver(0);
        assert_eq!(self.read(), 1);
        len
    }

    /// Writes `count` packets of a frame.
    pub(crate) fn write(&mut self, count: usize) {
        let now = self.pair.now;
        self.packet.timestamp = self.packet.timestamp.wrapping_add(1440);
        for n in 1..=count {
            self.packet.sequence = Seq16(self.packet.sequence.0.wrapping_add(1));
            self.packet.marker = n == count;
            self.pair.sides[0].pc.sender(self.ids[0]).unwrap().write_rtp(now, &self.packet).unwrap();
        }
    }

    /// Reads all packets that have arrived.
    pub(crate) fn read(&mut self) -> usize {
        let mut receiver = self.pair.sides[1].pc.receiver(self.ids[1]).unwrap();
        let mut read = 0;
        while let Some(packet) = receiver.recv_rtp() {
            self.held = Some(packet);
            read += 1;
        }
        read
    }

    /// A frame goes from one side to the other, packet by packet, and what is said about it comes back.
    pub(crate) fn frame(&mut self) {
        self.write(FRAME);
        while self.pair.burst(0, BURST) + self.pair.burst(1, BURST) > 0 {}
        let read = self.read();
        assert_eq!(black_box(read), FRAME);
        self.pair.sides.iter_mut().for_each(|side| side.events.clear());
        self.pair.now += INTERVAL;
    }
}

/// The payload of a VP8 packet in the middle of a picture, with a picture id of fifteen bits.
pub(crate) fn payload(len: usize) -> Bytes {
    let mut payload = vec![0x5a; len];
    payload[..5].copy_from_slice(&[0x90, 0x80, 0x80, 1, 0x11]);
    payload.into()
}

/// The seal and the open of packets, in place, and nothing else.
pub(crate) struct Bare {
    seal: AeadKey,
    open: AeadKey,
    frame: Vec<[u8; PACKET + TAG_LEN]>,
    count: u64,
}

impl Bare {
    /// Bytes of a packet's header.
    const HEADER: usize = 12;

    pub(crate) fn new() -> Self {
        let key = || AeadKey::new(Algorithm::Aes128Gcm, &[7; 16]).unwrap();
        Self { seal: key(), open: key(), frame: vec![[0x5a; PACKET + TAG_LEN]; FRAME], count: 0 }
    }

    /// Seals and opens one frame.
    pub(crate) fn frame(&mut self) {
        for (packet, count) in self.frame.iter_mut().zip(self.count..) {
            let (head, rest) = black_box(packet).split_at_mut(Self::HEADER);
            let (body, tag) = rest.split_at_mut(PACKET - Self::HEADER);
            tag.copy_from_slice(&self.seal.seal(&nonce(count), head, body).unwrap());
        }
        for (packet, count) in self.frame.iter_mut().zip(self.count..) {
            let (head, rest) = black_box(packet).split_at_mut(Self::HEADER);
            let (body, tag) = rest.split_at_mut(PACKET - Self::HEADER);
            self.open.open(&nonce(count), head, body, tag).unwrap();
        }
        self.count += FRAME as u64;
    }
}

fn nonce(count: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&count.to_be_bytes());
    nonce
}
