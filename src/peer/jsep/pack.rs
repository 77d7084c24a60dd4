//! Descriptions in little room, while nobody looks at them: what stands in them twice, or in most of them, stands there once.
//!
//! A block of LZ4 with its length before it, whose copies may come from [`COMMON`] too.

use lz4_flex::block::{compress_prepend_size_with_dict, decompress_size_prepended_with_dict};

/// What most descriptions have.
const COMMON: &str = concat!(
    "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=extmap:2 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-",
    "extensions-01\r\na=extmap:3 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\na=extmap:4 urn:ietf:params:",
    "rtp-hdrext:ssrc-audio-level\r\na=extmap:5 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\na=extmap:6 urn:ietf:params:",
    "rtp-hdrext:sdes:repaired-rtp-stream-id\r\na=extmap:7 https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-",
    "rtp-header-extension\r\na=extmap:8 urn:3gpp:video-orientation\r\na=extmap:9 http://www.webrtc.org/experiments/rtp-hdrext/",
    "playout-delay\r\na=extmap:10 urn:ietf:params:rtp-hdrext:toffset\r\na=extmap:11 http://www.webrtc.org/experiments/rtp-",
    "hdrext/video-content-type\r\na=extmap:12 http://www.webrtc.org/experiments/rtp-hdrext/video-timing\r\na=extmap:13 http://",
    "www.webrtc.org/experiments/rtp-hdrext/color-space\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:9 G722/",
    "8000\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:110 ",
    "telephone-event/48000\r\na=fmtp:110 0-15\r\na=rtpmap:97 VP9/90000\r\na=fmtp:97 profile-id=0\r\na=rtpmap:98 AV1/90000\r\n",
    "a=fmtp:98 level-idx=5;profile=0;tier=0\r\na=rtpmap:99 H265/90000\r\na=fmtp:99 level-id=180;profile-id=1;tier-flag=0;tx-",
    "mode=SRST\r\na=rtpmap:100 H264/90000\r\na=fmtp:100 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
    "\r\na=fmtp:101 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42001f\r\na=fmtp:102 level-asymmetry-",
    "allowed=1;packetization-mode=1;profile-level-id=4d001f\r\na=fmtp:103 level-asymmetry-allowed=1;packetization-mode=1;",
    "profile-level-id=64001f\r\na=rtpmap:104 rtx/90000\r\na=fmtp:104 apt=96\r\na=ssrc-group:FID 1 2\r\na=ssrc:1 cname:\r\n",
    "a=ssrc:1 msid:- \r\na=rid:0 send\r\na=simulcast:send \r\na=sctp-port:5000\r\na=max-message-size:262144\r\na=candidate:1 1 udp ",
    "2130706431 192.168.0.1 50000 typ host\r\na=end-of-candidates\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n",
    "m=audio 9 UDP/TLS/RTP/SAVPF 111 110 0 8\r\nv=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n",
    "a=extmap-allow-mixed\r\na=msid-semantic: WMS\r\na=ice-options:trickle ice2\r\nm=video 9 UDP/TLS/RTP/SAVPF 96 97 98 99 100 ",
    "101\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:\r\na=ice-pwd:\r\na=fingerprint:sha-256 \r\na=tls-id:\r\n",
    "a=setup:actpass\r\na=setup:active\r\na=mid:0\r\na=mid:1\r\na=sendonly\r\na=recvonly\r\na=inactive\r\na=sendrecv\r\n",
    "a=msid:- \r\na=rtcp-mux\r\na=rtcp-mux-only\r\na=rtcp-rsize\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 goog-remb\r\n",
    "a=rtcp-fb:96 transport-cc\r\na=rtcp-fb:96 ccm fir\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\n",
);

/// The text in less room.
pub(super) fn pack(text: &str) -> Box<[u8]> {
    compress_prepend_size_with_dict(text.as_bytes(), COMMON.as_bytes()).into_boxed_slice()
}

/// The text again; `None` if this is none that was packed.
pub(super) fn unpack(packed: &[u8]) -> Option<String> {
    let len = u32::from_le_bytes(*packed.first_chunk()?) as usize;
    let text = decompress_size_prepended_with_dict(packed, COMMON.as_bytes()).ok()?;
    String::from_utf8(text).ok().filter(|text| text.len() == len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_that_are_alike_take_little() {
        let line = |n: u32| format!("a=rtcp-fb:{n} nack pli\r\na=rtcp-fb:{n} transport-cc\r\n");
        let text: String = (96..127).map(line).collect();
        let packed = pack(&text);
        assert!(packed.len() < text.len() / 4, "{} of {}", packed.len(), text.len());
        assert_eq!(unpack(&packed).as_deref(), Some(&*text));
    }

    #[test]
    fn what_was_not_packed_is_refused() {
        let packed = pack("v=0\r\na=mid:0\r\n");
        for len in 0..packed.len() {
            assert_eq!(unpack(&packed[..len]), None, "{len} of {}", packed.len());
        }
        let not_text = compress_prepend_size_with_dict(&[0xff; 3], COMMON.as_bytes());
        assert_eq!(unpack(&not_text), None);
    }

    proptest! {
        #[test]
        fn every_text_comes_back(lines in prop::collection::vec("[abé]{0,6}\\PC{0,5}|a{250,700}|a=rtpmap:[0-9]{1,3} VP8/90000", 0..40)) {
            let text = lines.join("\r\n");
            prop_assert_eq!(unpack(&pack(&text)), Some(text));
        }
    }
}
