//! Whether two descriptions of a codec mean the same, and what an answer says of it.

use crate::peer::jsep::codec::{Codec, CodecParameters};
use crate::peer::jsep::h264;

/// Whether the two can be used with each other. Symmetric.
pub(super) fn fits(ours: &Codec, theirs: &Codec) -> bool {
    if !ours.same_encoding(theirs) {
        return false;
    }
    let (a, b) = (&ours.parameters, &theirs.parameters);
    let same = |name: &str, default: &str| {
        let value = |of: &CodecParameters| of.get(name).unwrap_or(default).to_ascii_lowercase();
        value(a) == value(b)
    };
    if ours.is("H264") {
        // RFC 6184 §8.2.2: profile and mode are not negotiated, they are or are not the same.
        return same("packetization-mode", "0") && h264::same_profile(a, b);
    }
    if ours.is("VP9") {
        return same("profile-id", "0");
    }
    if ours.is("AV1") {
        return same("profile", "0");
    }
    if ours.is("H265") {
        // RFC 7798 §7.1: Main profile, main tier and one stream where nothing is said.
        return same("profile-id", "1") && same("tier-flag", "0") && same("tx-mode", "SRST");
    }
    true
}

/// The parameters an answer gives a format of ours that was offered as `theirs`.
pub(super) fn answer(ours: &Codec, theirs: &Codec) -> CodecParameters {
    if ours.is("H264") {
        return h264::answer(&ours.parameters, &theirs.parameters);
    }
    if ours.is("H265") {
        return least_level(&ours.parameters, &theirs.parameters);
    }
    // What else there is, is what each side says of itself (RFC 7587 §7.1, RFC 7741 §6.2.1).
    ours.parameters.clone()
}

/// The lesser of two `level-id` (RFC 7798 §7.2.2): it is used in both directions.
fn least_level(ours: &CodecParameters, theirs: &CodecParameters) -> CodecParameters {
    // RFC 7798 §7.1: level 3.1.
    let level = |of: &CodecParameters| of.number::<u16>("level-id").unwrap_or(93);
    ours.with("level-id", &level(ours).min(level(theirs)).to_string())
}
