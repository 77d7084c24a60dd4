//! Whether a packet is the one that the script expects. It is taken apart by hand, like the tester's are put together.

use super::encode::{self, Names, chunk_type, flags, numbers, pairs, tuples};
use super::fields::{Item, Value, get, named, number};
use super::script::Chunk;

/// What the machine under test says of itself in INIT and INIT ACK.
#[derive(Clone, Debug, Default)]
pub(crate) struct Learnt {
    /// Its tag: in the script, and now.
    pub(crate) tag: Option<(u64, u32)>,
    /// Its first TSN, likewise.
    pub(crate) tsn: Option<(u64, u32)>,
    pub(crate) cookie: Option<Vec<u8>>,
}

struct Raw<'p> {
    kind: u8,
    flags: u8,
    value: &'p [u8],
    whole: &'p [u8],
}

/// The chunks, parameters or causes in `bytes`; `wide`: with types of two bytes.
fn split(bytes: &[u8], wide: bool) -> Result<Vec<(u16, Raw<'_>)>, String> {
    let mut rest = bytes;
    let mut out = Vec::new();
    while let [a, b, high, low, ..] = *rest {
        let len = usize::from(u16::from_be_bytes([high, low]));
        let whole = rest.get(..len).filter(|_| len >= 4).ok_or("a length that cannot be")?;
        let kind = if wide { u16::from_be_bytes([a, b]) } else { u16::from(a) };
        out.push((kind, Raw { kind: a, flags: b, value: &whole[4..], whole }));
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(out)
}

fn word(bytes: &[u8], at: usize) -> Result<u32, String> {
    let field = bytes.get(at..at + 4).ok_or("too short")?;
    Ok(u32::from_be_bytes(field.try_into().unwrap()))
}

fn half(bytes: &[u8], at: usize) -> Result<u16, String> {
    let field = bytes.get(at..at + 2).ok_or("too short")?;
    Ok(u16::from_be_bytes(field.try_into().unwrap()))
}

fn same<T: PartialEq + core::fmt::Debug>(what: &str, expected: &T, found: &T) -> Result<(), String> {
    if expected == found { Ok(()) } else { Err(format!("{what}: {expected:?} expected, {found:?} found")) }
}

/// The tag in the header of a packet.
pub(crate) fn tag(packet: &[u8]) -> u32 {
    word(packet, 4).unwrap()
}

/// Names of the chunks of a packet, for messages.
pub(crate) fn describe(packet: &[u8]) -> String {
    let Ok(chunks) = split(&packet[12..], false) else { return format!("{packet:x?}") };
    let each =
        |(_, raw): &(u16, Raw<'_>)| format!("type {} flags {} {:x?}", raw.kind, raw.flags, head(raw.value));
    chunks.iter().map(each).collect::<Vec<_>>().join(" | ")
}

fn head(bytes: &[u8]) -> &[u8] {
    bytes.get(..20).unwrap_or(bytes)
}

/// Compares a packet with what is expected, and learns from INIT and INIT ACK.
pub(crate) fn packet(
    expected: &[Chunk],
    packet: &[u8],
    names: &dyn Names,
    learnt: &mut Learnt,
) -> Result<(), String> {
    let mut chunks = split(&packet[12..], false)?;
    same("number of chunks", &expected.len(), &chunks.len())?;
    // In which order control chunks stand in a packet is open, but for those that must come first.
    let mut expected: Vec<&Chunk> = expected.iter().collect();
    let rank = |kind: u8| if matches!(kind, 10 | 11) { 0 } else { kind.wrapping_sub(1) };
    expected.sort_by_key(|chunk| rank(chunk_type(&chunk.kind)));
    chunks.sort_by_key(|(_, raw)| rank(raw.kind));
    for (expected, (_, raw)) in expected.iter().zip(&chunks) {
        same("chunk type", &chunk_type(&expected.kind), &raw.kind)?;
        if let Some(bits) = flags(get(&expected.fields, "flgs")) {
            // We ask for an answer with the I bit (RFC 7053), which the scripts do not know.
            let found = if raw.kind == 0 { raw.flags & !8 } else { raw.flags };
            same("flags", &bits, &found)?;
        }
        chunk(expected, raw, names, learnt).map_err(|error| format!("{}: {error}", expected.kind))?;
    }
    Ok(())
}

/// A number of the script against a field.
fn field(fields: &[Item], key: &str, found: u64) -> Result<(), String> {
    number(fields, key).map_or(Ok(()), |expected| same(key, &expected, &found))
}

/// A TSN of the machine under test against a field.
fn tsn(fields: &[Item], key: &str, found: u32, names: &dyn Names) -> Result<(), String> {
    number(fields, key).map_or(Ok(()), |expected| same(key, &names.tsn(expected), &found))
}

fn chunk(expected: &Chunk, raw: &Raw<'_>, names: &dyn Names, learnt: &mut Learnt) -> Result<(), String> {
    let (fields, value) = (&expected.fields, raw.value);
    match expected.kind.as_str() {
        "DATA" => {
            field(fields, "len", raw.whole.len() as u64)?;
            tsn(fields, "tsn", word(value, 0)?, names)?;
            field(fields, "sid", half(value, 4)?.into())?;
            field(fields, "ssn", half(value, 6)?.into())?;
            field(fields, "ppid", word(value, 8)?.into())
        }
        "INIT" | "INIT_ACK" => init(fields, value, learnt),
        "SACK" => {
            field(fields, "cum_tsn", word(value, 0)?.into())?;
            let (gaps, dups) = (usize::from(half(value, 8)?), usize::from(half(value, 10)?));
            let found: Result<Vec<_>, String> = (0..gaps)
                .map(|n| Ok((half(value, 12 + n * 4)?.into(), half(value, 14 + n * 4)?.into())))
                .collect();
            same("gaps", &pairs(get(fields, "gaps")), &found?)?;
            let behind = 12 + gaps * 4;
            let found: Result<Vec<u64>, String> =
                (0..dups).map(|n| Ok(word(value, behind + n * 4)?.into())).collect();
            same("dups", &numbers(get(fields, "dups")), &found?)
        }
        "SHUTDOWN" => field(fields, "cum_tsn", word(value, 0)?.into()),
        "FORWARD_TSN" => {
            tsn(fields, "cum_tsn", word(value, 0)?, names)?;
            let found: Result<Vec<_>, String> = (0..value.len() / 4 - 1)
                .map(|n| Ok((half(value, 4 + n * 4)?.into(), half(value, 6 + n * 4)?.into())))
                .collect();
            same("ids", &tuples(get(fields, "ids")), &found?)
        }
        "COOKIE_ECHO" => field(fields, "len", raw.whole.len() as u64),
        "HEARTBEAT_ACK" | "ABORT" | "ERROR" => contents(fields, value, names),
        _ => Ok(()),
    }
}

/// Parameters or causes one after the other; `...` ends the comparison.
fn contents(fields: &[Item], value: &[u8], names: &dyn Names) -> Result<(), String> {
    let found = split(value, true)?;
    let mut found = found.iter();
    for item in fields.iter().filter(|item| item.key.is_none()) {
        let Value::Named(name, fields) = &item.value else { return Ok(()) };
        let Some((kind, raw)) = found.next() else { return Err(format!("no {name}")) };
        let expected = match name.as_str() {
            "HEARTBEAT_INFORMATION" | "INVALID_STREAM_IDENTIFIER" => 1,
            "MISSING_MANDATORY_PARAMETER" => 2,
            "UNRESOLVABLE_ADDRESS" => 5,
            "UNRECOGNIZED_CHUNK_TYPE" => 6,
            "INVALID_MANDATORY_PARAMETER" => 7,
            "PROTOCOL_VIOLATION" => 13,
            other => panic!("cause {other}"),
        };
        same(name, &expected, kind)?;
        cause(name, fields, raw, names)?;
    }
    // A list that ends without dots is the whole list, though a cause where none is named does no harm.
    Ok(())
}

fn cause(name: &str, fields: &[Item], raw: &Raw<'_>, names: &dyn Names) -> Result<(), String> {
    match name {
        "INVALID_STREAM_IDENTIFIER" => field(fields, "sid", half(raw.value, 0)?.into()),
        "MISSING_MANDATORY_PARAMETER" => {
            let types = numbers(get(fields, "types"));
            let found: Result<Vec<u64>, String> =
                (0..types.len()).map(|n| Ok(half(raw.value, 4 + n * 2)?.into())).collect();
            same("types", &types, &found?)
        }
        "HEARTBEAT_INFORMATION" => field(fields, "len", raw.whole.len() as u64),
        "UNRECOGNIZED_CHUNK_TYPE" => {
            let Value::Named(kind, fields) = get(fields, "chk") else { return Ok(()) };
            let chunk = Chunk { kind: kind.clone(), fields: fields.clone() };
            let bytes = encode::packet([0, 0], 0, &[chunk], names, false);
            same("chunk", &&bytes[12..12 + raw.value.len()], &raw.value)
        }
        _ => Ok(()),
    }
}

fn init(fields: &[Item], value: &[u8], learnt: &mut Learnt) -> Result<(), String> {
    if let Some(script) = number(fields, "tag") {
        learnt.tag = Some((script, word(value, 0)?));
    }
    if let Some(script) = number(fields, "tsn") {
        learnt.tsn = Some((script, word(value, 12)?));
    }
    field(fields, "os", half(value, 8)?.into())?;
    field(fields, "is", half(value, 10)?.into())?;
    let found = split(value.get(16..).unwrap_or_default(), true)?;
    if let Some((_, raw)) = found.iter().find(|(kind, _)| *kind == 7) {
        learnt.cookie = Some(raw.value.to_vec());
    }
    let has = |wanted: u16| found.iter().any(|(kind, _)| *kind == wanted);
    let open = fields.iter().any(|item| item.key.is_none() && item.value == Value::Any);
    let mut unrecognized = Vec::new();
    for (name, inner) in named(fields) {
        match name {
            "STATE_COOKIE" if !has(7) => return Err("no cookie".into()),
            "FORWARD_TSN_SUPPORTED" if !has(0xc000) => return Err("no FORWARD TSN".into()),
            "SUPPORTED_EXTENSIONS" => {
                let (_, raw) = found.iter().find(|(kind, _)| *kind == 0x8008).ok_or("no extensions")?;
                same("FORWARD TSN among the extensions", &true, &raw.value.contains(&0xc0))?;
            }
            "UNRECOGNIZED_PARAMETER" => unrecognized.push(inner),
            // Of no use in WebRTC: one address, no ECN.
            _ => {}
        }
    }
    if !open {
        let names_it = named(fields).any(|(name, _)| name == "FORWARD_TSN_SUPPORTED");
        same("FORWARD TSN", &names_it, &has(0xc000))?;
    }
    let reported: Vec<_> = found.iter().filter(|(kind, _)| *kind == 8).map(|(_, raw)| raw.value).collect();
    if !open || !unrecognized.is_empty() {
        same("unrecognised parameters", &unrecognized.len(), &reported.len())?;
    }
    for (inner, reported) in unrecognized.iter().zip(&reported) {
        let Value::List(params) = get(inner, "params") else { continue };
        let Some((name, fields)) = named(params).next() else { continue };
        let kind = if name == "PARAMETER" { number(fields, "type").unwrap_or_default() } else { 0xc000 };
        same("reported", &kind, &half(reported, 0)?.into())?;
    }
    Ok(())
}
