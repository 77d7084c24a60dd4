//! Frames of every codec, made up by proptest, and the way through packets and back.

use antiphon::codec::{
    CodecKind, Depacketizer, FrameInfo, NalFraming, Packetizer, PacketizerOptions, PayloadError,
};
use bytes::BytesMut;
use proptest::prelude::*;

/// A payload and whether it is the last of its frame.
pub(crate) type Payload = (Vec<u8>, bool);

/// Frames as an encoder could give them, of any content.
pub(crate) fn frame(kind: CodecKind, framing: NalFraming) -> BoxedStrategy<Vec<u8>> {
    match kind {
        CodecKind::Opus | CodecKind::Pcmu | CodecKind::Pcma => bytes(1..32),
        CodecKind::TelephoneEvent => proptest::array::uniform4(any::<u8>()).prop_map(Vec::from).boxed(),
        CodecKind::Vp8 => bytes(1..4000),
        CodecKind::Vp9 => prop_oneof![
            bytes(1..4000),
            bytes(9..4000).prop_map(|mut frame| {
                frame[..9].copy_from_slice(&[0x82, 0x49, 0x83, 0x42, 0x00, 0x77, 0xf0, 0x32, 0x34]);
                frame
            }),
        ]
        .boxed(),
        CodecKind::H264 => units(framing, (1_u8..24, 0_u8..4).prop_map(|(kind, nri)| vec![nri << 5 | kind])),
        CodecKind::H265 => {
            let header = (0_u8..48, 0_u8..64, 1_u8..8);
            units(
                framing,
                header.prop_map(|(kind, layer, tid)| vec![kind << 1 | layer >> 5, layer << 3 | tid]),
            )
        }
        CodecKind::Av1 => obus(),
    }
}

fn bytes(len: core::ops::Range<usize>) -> BoxedStrategy<Vec<u8>> {
    proptest::collection::vec(any::<u8>(), len).boxed()
}

fn units(framing: NalFraming, header: impl Strategy<Value = Vec<u8>> + 'static) -> BoxedStrategy<Vec<u8>> {
    let body = prop_oneof![4 => bytes(0..60), 1 => bytes(1000..3000), 1 => proptest::collection::vec(0_u8..4, 0..200)];
    proptest::collection::vec((header, body), 1..20)
        .prop_map(move |units| {
            let mut frame = Vec::new();
            for (header, body) in units {
                match framing {
                    NalFraming::AnnexB => {
                        frame.extend([0, 0, 0, 1]);
                        frame.extend(escaped([header, body].concat()));
                    }
                    NalFraming::LengthPrefixed => {
                        frame.extend(u32::try_from(header.len() + body.len()).unwrap().to_be_bytes());
                        frame.extend([header, body].concat());
                    }
                }
            }
            frame
        })
        .boxed()
}

/// With emulation prevention, and a last byte that is no zero, as every unit has it.
fn escaped(unit: Vec<u8>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut zeros = 0;
    for byte in unit {
        if zeros == 2 && byte <= 3 {
            out.push(3);
            zeros = 0;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        out.push(byte);
    }
    if out.last() == Some(&0) {
        out.push(0x80);
    }
    out
}

fn obus() -> BoxedStrategy<Vec<u8>> {
    let kind = (0_u8..16).prop_filter("not sent", |kind| ![2, 8].contains(kind));
    let body = prop_oneof![4 => bytes(0..60), 1 => bytes(1000..3000)];
    proptest::collection::vec((kind, any::<Option<u8>>(), body), 1..24)
        .prop_map(|obus| {
            let mut frame = Vec::new();
            for (kind, extension, body) in obus {
                frame.push(kind << 3 | if extension.is_some() { 4 } else { 0 } | 2);
                frame.extend(extension);
                frame.extend(leb128(body.len()));
                frame.extend(body);
            }
            frame
        })
        .boxed()
}

fn leb128(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(value & 0x7f).unwrap();
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// Options under which what comes out is what went in.
pub(crate) fn options(framing: NalFraming) -> PacketizerOptions {
    PacketizerOptions { framing, repeat_parameter_sets: false, ..PacketizerOptions::default() }
}

/// The payloads of a frame.
pub(crate) fn payloads(
    packetizer: &mut Packetizer,
    frame: &[u8],
    info: &FrameInfo<'_>,
    max: usize,
) -> Vec<Payload> {
    let mut all = Vec::new();
    packetizer
        .packetize_with(frame, info, max, &mut |slices, last| all.push((slices.concat(), last)))
        .unwrap();
    all
}

/// The frame of these payloads; whatever happens, a frame that is found well inside is found well outside.
pub(crate) fn put_together<P: AsRef<[u8]>>(
    depacketizer: &mut Depacketizer,
    payloads: &[P],
) -> Result<Vec<u8>, PayloadError> {
    let mut out = BytesMut::new();
    let mut append = || {
        for payload in payloads {
            let payload = payload.as_ref();
            depacketizer.append(payload, &mut out)?;
        }
        depacketizer.finish()
    };
    let result = append();
    depacketizer.reset();
    result.map(|()| out.to_vec())
}
