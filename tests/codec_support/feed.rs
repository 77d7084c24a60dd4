//! One payload to everything that reads payloads.

use antiphon::codec::{CodecKind, Depacketizer, PayloadError, inspect};
use bytes::BytesMut;

/// Feeds one payload to everything that reads payloads. It may refuse it; a payload that can be a frame of its own is
/// described as well.
pub(crate) fn feed(kind: CodecKind, payload: &[u8]) -> Result<Vec<u8>, PayloadError> {
    let described = inspect(kind, payload);
    let (mut depacketizer, mut out) = (Depacketizer::new(kind), BytesMut::new());
    let appended = depacketizer.append(payload, &mut out);
    let frame = appended.and_then(|()| depacketizer.finish()).map(|()| out.to_vec());
    if frame.is_ok() {
        assert!(described.is_ok(), "{kind:?} {payload:02x?} is a frame but not described: {described:?}");
    }
    frame
}
