//! Which protocol a datagram belongs to, by its first byte (RFC 7983 §7, RFC 9443).

/// What a datagram carries.
///
/// ```text
///             +----------------+
///             |        [0..3] -+--> forward to STUN
///             |      [16..19] -+--> ZRTP
/// packet  --> |      [20..63] -+--> forward to DTLS
///             |      [64..79] -+--> TURN channel
///             |    [128..191] -+--> forward to RTP/RTCP
///             |    [the rest] -+--> QUIC or nothing known
///             +----------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Stun,
    Dtls,
    Rtp,
    Rtcp,
    /// ZRTP, TURN channel data outside a client, QUIC, or nothing known.
    Other,
}

/// The protocol of a datagram.
pub(crate) fn classify(data: &[u8]) -> Protocol {
    match data {
        [0..=3, ..] => Protocol::Stun,
        [20..=63, ..] => Protocol::Dtls,
        // RFC 5761 §4: RTCP packet types 192 to 223 share the byte with the marker bit and RTP payload types 64 to 95.
        [128..=191, 192..=223, ..] => Protocol::Rtcp,
        [128..=191, ..] => Protocol::Rtp,
        _ => Protocol::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_first_and_second_byte_goes_where_rfc_7983_says() {
        for first in 0..=255_u8 {
            for second in 0..=255_u8 {
                let expected = match (first, second) {
                    (0..=3, _) => Protocol::Stun,
                    (20..=63, _) => Protocol::Dtls,
                    (128..=191, 192..=223) => Protocol::Rtcp,
                    (128..=191, _) => Protocol::Rtp,
                    _ => Protocol::Other,
                };
                assert_eq!(classify(&[first, second, 0]), expected);
            }
        }
        assert_eq!(classify(&[]), Protocol::Other);
    }
}
