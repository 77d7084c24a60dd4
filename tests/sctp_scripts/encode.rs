//! The tester's packets, written by hand: the crate's own writer is not what should vouch for its reader.

use super::fields::{Item, Value, bytes, get, named, number};
use super::script::Chunk;

/// What the script's numbers are in this run.
pub(crate) trait Names {
    /// A TSN of the machine under test.
    fn tsn(&self, script: u64) -> u32;
    /// The cookie it made last.
    fn cookie(&self) -> Vec<u8>;
}

/// A packet with its checksum, or with a wrong one.
pub(crate) fn packet(ports: [u16; 2], tag: u32, chunks: &[Chunk], names: &dyn Names, wrong: bool) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend_from_slice(&ports[0].to_be_bytes());
    out.extend_from_slice(&ports[1].to_be_bytes());
    out.extend_from_slice(&tag.to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    for each in chunks {
        chunk(&mut out, each, names);
        pad(&mut out);
    }
    let sum = crc32c::crc32c(&out) ^ u32::from(wrong);
    out[8..12].copy_from_slice(&sum.to_le_bytes());
    out
}

fn pad(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(4), 0);
}

/// The type number of a chunk's name.
pub(crate) fn chunk_type(name: &str) -> u8 {
    let names = [
        "DATA",
        "INIT",
        "INIT_ACK",
        "SACK",
        "HEARTBEAT",
        "HEARTBEAT_ACK",
        "ABORT",
        "SHUTDOWN",
        "SHUTDOWN_ACK",
        "ERROR",
        "COOKIE_ECHO",
        "COOKIE_ACK",
    ];
    if let Some(at) = names.iter().position(|each| *each == name) {
        return u8::try_from(at).unwrap();
    }
    match name {
        "SHUTDOWN_COMPLETE" => 14,
        "FORWARD_TSN" => 0xc0,
        other => panic!("chunk {other}"),
    }
}

/// The flags of a chunk as the script writes them.
pub(crate) fn flags(value: &Value) -> Option<u8> {
    if let Value::Number(bits) = value {
        return u8::try_from(*bits).ok();
    }
    let Value::Word(letters) = value else { return None };
    Some(letters.chars().fold(0, |bits, letter| {
        bits | match letter {
            'I' => 8,
            'U' => 4,
            'B' => 2,
            'E' | 'T' => 1,
            other => panic!("flag {other}"),
        }
    }))
}

fn chunk(out: &mut Vec<u8>, chunk: &Chunk, names: &dyn Names) {
    let fields = &chunk.fields;
    if chunk.kind == "?" {
        let Some(Item { value, .. }) = fields.first() else { panic!("raw bytes without bytes") };
        out.extend(bytes(value).unwrap());
        return;
    }
    let bits = flags(get(fields, "flgs")).unwrap_or(0);
    if chunk.kind == "CHUNK" {
        let kind = u8::try_from(number(fields, "type").unwrap()).unwrap();
        tlv(out, [kind, bits], |out| out.extend(bytes(get(fields, "val")).unwrap_or_default()));
        return;
    }
    tlv(out, [chunk_type(&chunk.kind), bits], |out| body(out, chunk, names));
}

/// Type, length, value.
fn tlv(out: &mut Vec<u8>, head: [u8; 2], value: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[head[0], head[1], 0, 0]);
    value(out);
    let len = u16::try_from(out.len() - start).unwrap();
    out[start + 2..start + 4].copy_from_slice(&len.to_be_bytes());
}

fn u32_of(fields: &[Item], key: &str) -> u32 {
    u32::try_from(number(fields, key).unwrap_or_else(|| panic!("no {key}"))).unwrap()
}

fn u16_of(fields: &[Item], key: &str) -> u16 {
    u16::try_from(number(fields, key).unwrap_or_else(|| panic!("no {key}"))).unwrap()
}

fn body(out: &mut Vec<u8>, chunk: &Chunk, names: &dyn Names) {
    let fields = &chunk.fields;
    match chunk.kind.as_str() {
        "DATA" => {
            out.extend(u32_of(fields, "tsn").to_be_bytes());
            out.extend(u16_of(fields, "sid").to_be_bytes());
            out.extend(u16_of(fields, "ssn").to_be_bytes());
            out.extend(u32_of(fields, "ppid").to_be_bytes());
            out.resize(out.len() + usize::from(u16_of(fields, "len")) - 16, 7);
        }
        "INIT" | "INIT_ACK" => {
            out.extend(u32_of(fields, "tag").to_be_bytes());
            out.extend(u32_of(fields, "a_rwnd").to_be_bytes());
            out.extend(u16_of(fields, "os").to_be_bytes());
            out.extend(u16_of(fields, "is").to_be_bytes());
            out.extend(u32_of(fields, "tsn").to_be_bytes());
            for (name, fields) in named(fields) {
                pad(out);
                parameter(out, name, fields);
            }
        }
        "SACK" => {
            let gaps = pairs(get(fields, "gaps"));
            let dups = numbers(get(fields, "dups"));
            out.extend(names.tsn(number(fields, "cum_tsn").unwrap()).to_be_bytes());
            out.extend(u32_of(fields, "a_rwnd").to_be_bytes());
            out.extend(u16::try_from(gaps.len()).unwrap().to_be_bytes());
            out.extend(u16::try_from(dups.len()).unwrap().to_be_bytes());
            for (start, end) in gaps {
                out.extend(u16::try_from(start).unwrap().to_be_bytes());
                out.extend(u16::try_from(end).unwrap().to_be_bytes());
            }
            for tsn in dups {
                out.extend(names.tsn(tsn).to_be_bytes());
            }
        }
        "SHUTDOWN" => out.extend(names.tsn(number(fields, "cum_tsn").unwrap()).to_be_bytes()),
        "FORWARD_TSN" => {
            out.extend(u32_of(fields, "cum_tsn").to_be_bytes());
            for (stream, ssn) in tuples(get(fields, "ids")) {
                out.extend(u16::try_from(stream).unwrap().to_be_bytes());
                out.extend(u16::try_from(ssn).unwrap().to_be_bytes());
            }
        }
        "COOKIE_ECHO" => out.extend(bytes(get(fields, "val")).unwrap_or_else(|| names.cookie())),
        _ => {
            for (name, fields) in named(fields) {
                pad(out);
                parameter(out, name, fields);
            }
        }
    }
}

/// A parameter or an error cause.
fn parameter(out: &mut Vec<u8>, name: &str, fields: &[Item]) {
    let kind: u16 = match name {
        "HEARTBEAT_INFORMATION" => 1,
        "IPV4_ADDRESS" => 5,
        "IPV6_ADDRESS" => 6,
        "STATE_COOKIE" => 7,
        "UNRECOGNIZED_PARAMETER" => 8,
        "COOKIE_PRESERVATIVE" => 9,
        "HOSTNAME_ADDRESS" => 11,
        "SUPPORTED_ADDRESS_TYPES" => 12,
        "FORWARD_TSN_SUPPORTED" => 0xc000,
        "STALE_COOKIE_ERROR" => 3,
        "PARAMETER" => u16_of(fields, "type"),
        other => panic!("parameter {other}"),
    };
    tlv(out, kind.to_be_bytes(), |out| match name {
        "IPV4_ADDRESS" => out.extend([10, 0, 0, 1]),
        "IPV6_ADDRESS" => out.extend([0xfd; 16]),
        "COOKIE_PRESERVATIVE" => out.extend(u32_of(fields, "incr").to_be_bytes()),
        "STALE_COOKIE_ERROR" => out.extend(u32_of(fields, "staleness").to_be_bytes()),
        "HOSTNAME_ADDRESS" => {
            let Value::Text(host) = get(fields, "addr") else { panic!("{fields:?}") };
            out.extend(host.bytes().chain([0]));
        }
        "SUPPORTED_ADDRESS_TYPES" => {
            let Value::List(types) = get(fields, "types") else { panic!("{fields:?}") };
            for each in types {
                out.extend(if each.value == Value::Word("IPv4".into()) { [0, 5] } else { [0, 6] });
            }
        }
        "UNRECOGNIZED_PARAMETER" => {
            let Value::List(inner) = get(fields, "params") else { panic!("{fields:?}") };
            for (name, fields) in named(inner) {
                parameter(out, name, fields);
            }
        }
        _ => {
            if let Some(value) = bytes(get(fields, "val")) {
                out.extend(value);
            } else {
                let len = number(fields, "len").unwrap_or(4);
                out.resize(out.len() + usize::try_from(len).unwrap() - 4, 0x5a);
            }
        }
    });
}

/// `[a:b, ..]`
pub(crate) fn pairs(value: &Value) -> Vec<(u64, u64)> {
    let Value::List(items) = value else { return Vec::new() };
    let pair = |item: &Item| if let Value::Pair(a, b) = item.value { Some((a, b)) } else { None };
    items.iter().filter_map(pair).collect()
}

/// `[a, ..]`
pub(crate) fn numbers(value: &Value) -> Vec<u64> {
    let Value::List(items) = value else { return Vec::new() };
    let number = |item: &Item| if let Value::Number(number) = item.value { Some(number) } else { None };
    items.iter().filter_map(number).collect()
}

/// `[{a,b}, ..]`
pub(crate) fn tuples(value: &Value) -> Vec<(u64, u64)> {
    let Value::List(items) = value else { return Vec::new() };
    let tuple = |item: &Item| {
        let Value::Tuple(parts) = &item.value else { return None };
        let [Item { value: Value::Number(a), .. }, Item { value: Value::Number(b), .. }] = parts.as_slice()
        else {
            return None;
        };
        Some((*a, *b))
    };
    items.iter().filter_map(tuple).collect()
}
