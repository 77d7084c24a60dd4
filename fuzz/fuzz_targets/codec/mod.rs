//! Payloads of one frame to everything that reads payloads, and the frame back through packets.

use antiphon::base::limits;
use antiphon::codec::{
    CodecKind, Depacketizer, NalFraming, Packetizer, PacketizerOptions, inspect, is_keyframe,
};
use bytes::BytesMut;

/// The payloads of a frame, each behind its length in one byte; a length of 255 means all that is left.
fn payloads(mut data: &[u8]) -> Vec<&[u8]> {
    let mut all = Vec::new();
    while let Some((&len, rest)) = data.split_first() {
        let len = if len == 255 { rest.len() } else { usize::from(len).min(rest.len()) };
        let (payload, rest) = rest.split_at(len);
        all.push(payload);
        data = rest;
    }
    all
}

/// What must hold for any payloads.
pub fn fuzz(kind: CodecKind, data: &[u8]) {
    for framing in [NalFraming::AnnexB, NalFraming::LengthPrefixed] {
        let mut depacketizer = Depacketizer::with_framing(kind, framing);
        let mut out = BytesMut::new();
        for payload in payloads(data) {
            let described = inspect(kind, payload);
            match depacketizer.append(payload, &mut out) {
                Ok(()) => assert!(described.is_ok(), "taken but not described: {described:?}"),
                Err(error) => {
                    drop(error.to_string());
                    depacketizer.reset();
                    out.clear();
                }
            }
            assert!(out.len() <= limits::CODEC_FRAME);
        }
        if depacketizer.finish().is_ok() {
            is_keyframe(kind, &out);
            again(kind, framing, &out);
        }
    }
}

/// A frame that was put together can be sent, and comes out of its own packets as it went in, once more.
fn again(kind: CodecKind, framing: NalFraming, frame: &[u8]) {
    let options = PacketizerOptions { framing, repeat_parameter_sets: false, ..PacketizerOptions::default() };
    let once = through(kind, &options, frame);
    // Units within may hold start codes, which no encoder writes: from then on the frame stays what it is.
    if let Some(once) = once {
        let twice = through(kind, &options, &once);
        assert_eq!(twice.as_deref(), Some(&once[..]), "{kind:?}");
    }
}

fn through(kind: CodecKind, options: &PacketizerOptions, frame: &[u8]) -> Option<Vec<u8>> {
    let mut packetizer = Packetizer::new(kind, options);
    let mut depacketizer = Depacketizer::with_framing(kind, options.framing);
    let (mut out, mut lasts, mut taken) = (BytesMut::new(), 0, true);
    let sent = packetizer.packetize(frame, 64, &mut |slices, last| {
        let payload = slices.concat();
        assert!(payload.len() <= 64);
        taken &= depacketizer.append(&payload, &mut out).is_ok();
        lasts += usize::from(last);
    });
    if sent.is_err() || !taken {
        return None;
    }
    assert_eq!(lasts, 1);
    depacketizer.finish().ok()?;
    Some(out.to_vec())
}
