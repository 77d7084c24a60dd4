use super::*;

fn parse(text: &str) -> Candidate {
    text.parse().unwrap()
}

#[test]
fn every_field_is_read_and_written_back() {
    let text = "candidate:4 1 tcp 1688207359 192.0.2.3 9 typ srflx raddr 10.0.1.1 rport 9 tcptype active ufrag lat6 generation 0";
    let candidate = parse(text);
    assert_eq!(candidate.transport, Transport::Tcp(TcpType::Active));
    assert_eq!(candidate.kind, CandidateKind::ServerReflexive);
    assert_eq!(candidate.related, Some(("10.0.1.1".parse().unwrap(), 9)));
    assert_eq!(candidate.username_fragment.as_deref(), Some("lat6"));
    assert_eq!(candidate.extensions, [("generation".into(), "0".into())]);
    assert_eq!(candidate.to_string(), text);
    assert_eq!(parse(&format!("a={text}")), candidate);
}

#[test]
fn names_and_ipv6_are_addresses() {
    let mdns = parse("candidate:1 1 UDP 2113937151 e5e1d4c8-2f5d-4e3a-8a4b-3d1e1a0a.local 50000 typ host");
    assert_eq!(mdns.address, CandidateAddress::Name("e5e1d4c8-2f5d-4e3a-8a4b-3d1e1a0a.local".into()));
    let six = parse("candidate:1 1 udp 1 2001:db8::1 5000 typ host");
    assert_eq!(six.address.ip(), Some("2001:db8::1".parse().unwrap()));
}

#[test]
fn what_we_do_not_know_is_an_error_of_its_kind() {
    let cases = [
        ("candidate:1 1 dccp 1 192.0.2.1 5 typ host", CandidateParseError::Transport),
        ("candidate:1 1 tcp 1 192.0.2.1 5 typ host", CandidateParseError::Transport),
        ("candidate:1 1 udp 1 192.0.2.1 5 typ teleport", CandidateParseError::Kind),
        ("candidate:1 0 udp 1 192.0.2.1 5 typ host", CandidateParseError::Component),
        ("candidate:1 1 udp 4294967296 192.0.2.1 5 typ host", CandidateParseError::Priority),
        ("candidate:1 1 udp 1 192.0.2.1 65536 typ host", CandidateParseError::Port),
        ("candidate:1 1 udp 1 fe80::1%eth0 5 typ host", CandidateParseError::Address),
        ("candidate:1 1 udp 1 192.0.2.1 5", CandidateParseError::Incomplete),
        ("1 1 udp 1 192.0.2.1 5 typ host", CandidateParseError::Incomplete),
        ("candidate:1 1 udp 1 192.0.2.1 5 typ host x\ny", CandidateParseError::Incomplete),
    ];
    for (text, error) in cases {
        assert_eq!(text.parse::<Candidate>(), Err(error), "{text}");
    }
}

#[test]
fn a_related_name_stays_word_for_word() {
    let text = "candidate:1 1 udp 1 192.0.2.1 5 typ srflx raddr hidden.local rport 9";
    let candidate = parse(text);
    assert_eq!(candidate.related, None);
    assert_eq!(candidate.to_string(), text);
}

#[test]
fn nothing_supplied_ends_the_line() {
    let mut candidate = parse("candidate:1 1 udp 1 192.0.2.1 5 typ host");
    candidate.foundation = "1\r\na=ice-lite".into();
    candidate.username_fragment = Some("x\ny z".into());
    candidate.extensions.push(("a\0b".into(), "\r\nm=audio 9".into()));
    let text = candidate.to_string();
    assert!(!text.contains(['\r', '\n', '\0']), "{text:?}");
    assert!(text.parse::<Candidate>().is_ok());
}

#[test]
fn what_is_read_is_written_as_it_was_read() {
    let odd = "candidate:\u{1b} 1 udp 2 s 3 typ host";
    assert_eq!(odd.parse::<Candidate>(), Err(CandidateParseError::Incomplete));
    let twice: Candidate = "candidate:7 1 udp 3 e 2 typ host tcptype  tcptype a".parse().unwrap();
    assert_eq!(twice.to_string().parse(), Ok(twice));
}

#[test]
fn what_is_too_long_is_refused_with_its_limit() {
    let host = "candidate:1 1 udp 1 192.0.2.1 5000 typ host";
    let long = |len: usize| format!("{host} name {}", "x".repeat(len));
    let fits: Candidate = long(2044).parse().unwrap();
    assert_eq!(fits.to_string().parse(), Ok(fits));
    assert_eq!(
        long(2045).parse::<Candidate>(),
        Err(CandidateParseError::TooLong { bytes: 2049, limit: 2048 })
    );
    let spaces = format!("{host}{}", " ".repeat(16 * 1024));
    assert!(matches!(spaces.parse::<Candidate>(), Err(CandidateParseError::TooLong { limit: 16_384, .. })));
    // What has a meaning is no extension.
    let known = format!("{host} raddr 192.0.2.2 rport 1 ufrag abcd{}", " a b".repeat(16));
    assert_eq!(known.parse::<Candidate>().unwrap().extensions.len(), 16);
    assert_eq!(
        format!("{known} a b").parse::<Candidate>(),
        Err(CandidateParseError::TooManyExtensions { limit: 16 })
    );
}
