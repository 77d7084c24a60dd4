use super::*;
use crate::sdp::{Setup, Token};
use proptest::prelude::*;

const HEAD: &str = "v=0\r\no=- 9158036112177611341 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";

fn with(body: &str) -> Result<Session, ParseError> {
    format!("{HEAD}{body}").parse()
}

fn error_of(body: &str) -> ParseError {
    with(body).unwrap_err()
}

fn round_trip(line: &str) -> Attribute {
    let attribute: Attribute = line.parse().unwrap();
    assert_eq!(attribute.to_string(), line);
    attribute
}

#[test]
fn every_typed_attribute_comes_back_as_it_was_written() {
    let lines = [
        "group:BUNDLE 0 1",
        "group:BUNDLE",
        "mid:0",
        "msid:a b",
        "msid:-",
        "msid-semantic:WMS *",
        "rtpmap:96 opus/48000/2",
        "rtpmap:0 PCMU/8000",
        "fmtp:96 minptime=10;useinbandfec=1",
        "rtcp-fb:96 nack pli",
        "rtcp-fb:* ack ccfb",
        "rtcp:9",
        "rtcp:9 IN IP4 0.0.0.0",
        "rtcp-mux",
        "rtcp-mux-only",
        "rtcp-rsize",
        "extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid",
        "extmap:2/sendonly uri 25@600/24",
        "extmap-allow-mixed",
        "ssrc:1 cname:x y",
        "ssrc:4294967295 foo",
        "ssrc-group:FID 1 2",
        "rid:1 send pt=97;max-width=1280",
        "rid:c recv",
        "simulcast:send 1,~4;2;3 recv c",
        "simulcast:recv a",
        "bundle-only",
        "ice-ufrag:8hhY",
        "ice-pwd:asd88fgpdd777uzjYhagZg",
        "ice-options:trickle ice2",
        "ice-lite",
        "ice-mismatch",
        "ice-pacing:50",
        "candidate:1 1 udp 2130706431 192.0.2.1 3478 typ host generation 0",
        "end-of-candidates",
        "remote-candidates:1 192.0.2.1 45664",
        "setup:actpass",
        "setup:holdconn",
        "tls-id:91bbf309c0990a6bec11e38ba2933cee",
        "identity:eyJ= x=y",
        "sctp-port:5000",
        "max-message-size:0",
        "sctpmap:5000 webrtc-datachannel 1024",
        "sctpmap:5000 webrtc-datachannel",
        "sctp-init:AQAAHg==",
        "sendrecv",
        "inactive",
        "ptime:20",
        "maxptime:120",
        "imageattr:* recv *",
        "cryptex",
        "crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc|2^20",
        "fingerprint:sha-256 40:4A:1F:54:07:D2:15:1F:62:C9:19:BE:B2:51:5C:11:E0:E9:B7:E1:94:62:AE:B2:72:29:82:56:0E:8F:20:F6",
    ];
    for line in lines {
        let attribute = round_trip(line);
        assert!(!matches!(attribute, Attribute::Other(_)), "{line}");
    }
}

#[test]
fn unknown_things_stay_word_for_word_and_in_place() {
    let body = "a=ice-lite\r\na=x-foo: bar  \r\na=candidate:1 1 dccp 1 h 9 typ host\r\nq=what\r\na=fingerprint:md5 00\r\na=inactive\r\n";
    let session = with(body).unwrap();
    assert_eq!(session.to_string(), format!("{HEAD}{body}"));
    assert!(
        matches!(&session.attributes[1], Attribute::Other(raw) if raw.name() == "x-foo" && raw.value() == Some(" bar  "))
    );
}

#[test]
fn lists_have_an_end() {
    // The entries of all lines count together; of what line, does not matter.
    let full = format!("a=group:LS{}\r\n", " m".repeat(8000)).repeat(4);
    assert!(with(&format!("{full}a=ssrc-group:SIM{}\r\n", " 1".repeat(768))).is_ok());
    let listed = ParseErrorKind::TooManyListed { limit: 32_768 };
    for more in [
        format!("a=ssrc-group:SIM{}\r\n", " 1".repeat(769)),
        format!("a=msid-semantic:WMS{}\r\n", " 1".repeat(769)),
        format!("m=audio 9 RTP/AVP{}\r\n", " 0".repeat(769)),
        format!("a=ice-options:x{}\r\n", " x".repeat(768)),
        "a=simulcast:recv a,b;~c\r\n".repeat(257),
    ] {
        assert_eq!(error_of(&format!("{full}{more}")).kind, listed);
    }
    let groups = "a=group:LS\r\n".repeat(1024);
    assert!(with(&groups).is_ok());
    let error = error_of(&format!("{groups}a=group:BUNDLE 0\r\n"));
    assert_eq!((error.line, error.kind), (1029, ParseErrorKind::TooManyGroups { limit: 1024 }));
}

#[test]
fn a_line_alone_is_no_longer_than_one_of_a_description() {
    let text = format!("x:{}", "y".repeat(16 * 1024));
    let error = text.parse::<Attribute>().unwrap_err();
    assert_eq!(error.kind, ParseErrorKind::LineTooLong { bytes: 16_386, limit: 16_384 });
}

#[test]
fn more_layers_and_extensions_than_are_looked_at_are_kept_as_words() {
    for (line, entry, most) in
        [("simulcast:send a", ";a", 255), ("candidate:1 1 udp 1 192.0.2.1 5000 typ host", " a b", 16)]
    {
        let fits = format!("{line}{}", entry.repeat(most));
        assert!(!matches!(round_trip(&fits), Attribute::Other(_)), "{fits}");
        let beyond = format!("{line}{}", entry.repeat(most + 1));
        assert!(matches!(round_trip(&beyond), Attribute::Other(_)), "{beyond}");
    }
}

#[test]
fn errors_say_line_and_column() {
    let cases = [
        ("a=sctp-port:65536\r\n", 5, 13, ParseErrorKind::MalformedAttribute("sctp-port")),
        ("a=extmap:0 uri\r\n", 5, 10, ParseErrorKind::MalformedAttribute("extmap")),
        ("a=setup:sideways\r\n", 5, 9, ParseErrorKind::MalformedAttribute("setup")),
        ("a=ice-ufrag:abc\r\n", 5, 13, ParseErrorKind::MalformedAttribute("ice-ufrag")),
        ("a=fingerprint:sha-256 AB:CD\r\n", 5, 15, ParseErrorKind::MalformedAttribute("fingerprint")),
        (
            "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=ssrc:-1 cname:x\r\n",
            6,
            8,
            ParseErrorKind::MalformedAttribute("ssrc"),
        ),
        ("m=audio x RTP/AVP 0\r\n", 5, 9, ParseErrorKind::MalformedLine('m')),
        ("c=IN IP7 ::\r\n", 5, 6, ParseErrorKind::MalformedLine('c')),
        ("nonsense\r\n", 5, 2, ParseErrorKind::NotALine),
        ("a=x\0y\r\n", 5, 4, ParseErrorKind::ControlCharacter(0)),
        ("a=x\ry\r\n", 5, 4, ParseErrorKind::ControlCharacter(b'\r')),
        ("v=0\r\n", 5, 1, ParseErrorKind::RepeatedLine('v')),
        ("s=again\r\n", 5, 1, ParseErrorKind::RepeatedLine('s')),
    ];
    for (body, line, column, kind) in cases {
        assert_eq!(error_of(body), ParseError { line, column, kind }, "{body}");
    }
    assert_eq!(error_of("a=setup:x\r\n").to_string(), "line 5, column 9: malformed setup attribute");
}

#[test]
fn user_fragments_have_their_lengths() {
    for (length, fits) in [(3, false), (4, true), (256, true), (257, false)] {
        assert_eq!(with(&format!("a=ice-ufrag:{}\r\n", "u".repeat(length))).is_ok(), fits, "{length}");
    }
    for (length, fits) in [(21, false), (22, true), (256, true), (257, false)] {
        assert_eq!(with(&format!("a=ice-pwd:{}\r\n", "p".repeat(length))).is_ok(), fits, "{length}");
    }
}

#[test]
fn bare_line_feeds_are_read_and_carriage_returns_alone_are_not() {
    let text = format!("{HEAD}a=ice-lite\r\n");
    let session: Session = text.replace("\r\n", "\n").parse().unwrap();
    assert_eq!(session.to_string(), text);
    let error = text.replace("\r\n", "\r").parse::<Session>().unwrap_err();
    assert_eq!((error.line, error.column, error.kind), (1, 4, ParseErrorKind::ControlCharacter(b'\r')));
}

#[test]
fn lines_out_of_order_are_put_in_order() {
    let session: Session =
        "v=0\nc=IN IP4 233.252.0.1/64\na=ice-lite\no=- 1 1 IN IP4 192.0.2.1\nb=AS:3\ns= \n".parse().unwrap();
    let text = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns= \r\nc=IN IP4 233.252.0.1/64\r\nb=AS:3\r\nt=0 0\r\na=ice-lite\r\n";
    assert_eq!(session.to_string(), text);
    assert_eq!(text.parse::<Session>().unwrap().to_string(), text);
}

#[test]
fn too_much_of_anything_is_refused() {
    let kind = |body: String| with(&body).unwrap_err().kind;
    let limit = limits::MAX_SDP_BYTES;
    assert!(matches!(kind("a".repeat(10_000_000)), ParseErrorKind::TooLong { limit: l, .. } if l == limit));
    assert!(matches!(
        kind(format!("a=x:{}", "y".repeat(65_536))),
        ParseErrorKind::LineTooLong { bytes: 65_540, .. }
    ));
    assert!(matches!(kind("m=audio 9 RTP/AVP 0\n".repeat(10_000)), ParseErrorKind::TooManyMedia { .. }));
    assert!(matches!(
        kind("a=candidate:1 1 udp 1 1.1.1.1 9 typ host\n".repeat(20_000)),
        ParseErrorKind::TooManyCandidates { .. }
    ));
    assert!(matches!(kind("a=x\n".repeat(100_000)), ParseErrorKind::TooManyLines { .. }));
    assert!("\0".repeat(10_000_000).parse::<Session>().is_err());
    assert!("".parse::<Session>().is_err());
}

#[test]
fn a_value_cannot_carry_a_line_end() {
    for text in ["x\r\na=ice-lite", "x\ny", "x\ry", "x\0y"] {
        assert!(Text::new(text).is_err());
        assert!(Token::new(text).is_err());
        assert!(crate::sdp::Word::new(text).is_err());
        assert!(format!("mid:{text}").parse::<Attribute>().is_err());
        assert!(format!("unknown:{text}").parse::<Attribute>().is_err());
    }
    assert_eq!("setup:active".parse(), Ok(Attribute::Setup(Setup::Active)));
}

#[test]
fn an_attribute_stays_small() {
    // A connection keeps four descriptions of some fifteen attributes.
    assert!(size_of::<Attribute>() <= 48, "{}", size_of::<Attribute>());
}

#[test]
fn spaces_after_an_attribute_say_nothing() {
    assert_eq!("bundle-only ".parse(), Ok(Attribute::BundleOnly));
    assert_eq!("sctp-port:5000 ".parse(), Ok(Attribute::SctpPort(5000)));
    assert!(matches!("bundle-only x".parse(), Ok(Attribute::Other(_))));
}

/// A line that is a little or very wrong, or right.
#[expect(clippy::too_many_lines, reason = "names and values, one a line")]
fn any_line() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "group",
        "mid",
        "msid",
        "msid-semantic",
        "rtpmap",
        "fmtp",
        "rtcp-fb",
        "rtcp",
        "rtcp-mux",
        "extmap",
        "ssrc",
        "ssrc-group",
        "rid",
        "simulcast",
        "bundle-only",
        "ice-ufrag",
        "ice-pwd",
        "ice-options",
        "ice-pacing",
        "candidate",
        "end-of-candidates",
        "remote-candidates",
        "fingerprint",
        "setup",
        "tls-id",
        "identity",
        "sctp-port",
        "max-message-size",
        "sctpmap",
        "sctp-init",
        "sendrecv",
        "ptime",
        "imageattr",
        "crypto",
        "x-new",
    ]);
    let words = prop::collection::vec(
        prop_oneof![
            "[!-~]{1,6}",
            "[0-9]{1,12}",
            prop::sample::select(vec![
                "",
                " ",
                "*",
                "IN",
                "IP4",
                "IP6",
                "0.0.0.0",
                "::1",
                "send",
                "recv",
                "1",
                "96",
                "BUNDLE",
                "udp",
                "tcp",
                "typ",
                "host",
                "raddr",
                "rport",
                "tcptype",
                "active",
                "opus/48000/2",
                "sha-256",
                "a;b,~c",
                "\u{fc}",
                "\t",
                "\u{2028}",
            ])
            .prop_map(String::from),
        ],
        0..10,
    );
    let value = words.prop_map(|words| words.join(" "));
    prop_oneof![
        4 => (name, value.clone()).prop_map(|(name, value)| format!("a={name}:{value}")),
        1 => name_alone(),
        2 => ("[a-zA-Z]", value).prop_map(|(letter, value)| format!("{letter}={value}")),
        1 => Just("m=audio 9 UDP/TLS/RTP/SAVPF 0 96".to_owned()),
        1 => Just("t=0 0".to_owned()),
    ]
}

fn name_alone() -> impl Strategy<Value = String> {
    "[a-z-]{1,12} {0,2}".prop_map(|name| format!("a={name}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_read_is_written_so_that_it_reads_the_same(lines in prop::collection::vec(any_line(), 0..8)) {
        let body = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect::<String>();
        match with(&body) {
            Ok(first) => {
                let written = first.to_string();
                prop_assert!(written.split_inclusive("\r\n").all(|line| line.ends_with("\r\n")), "{written:?}");
                prop_assert_eq!(written.matches(['\r', '\n']).count(), 2 * written.matches("\r\n").count());
                let second: Session = written.parse().map_err(|error| TestCaseError::fail(format!("{error}: {written}")))?;
                prop_assert_eq!(&first, &second);
                prop_assert_eq!(written, second.to_string());
            }
            Err(error) => {
                let place = body.lines().nth(error.line.wrapping_sub(5)).map_or(0, str::len);
                prop_assert!(error.line >= 5 && error.column >= 1 && error.column <= place + 1, "{error}: {body}");
            }
        }
    }
}
