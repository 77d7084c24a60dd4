//! nom grammar of lines, and the order they may come in.

use core::str::FromStr;

use nom::Parser;
use nom::character::complete::{anychar, char, space1};
use nom::combinator::{all_consuming, map, opt, rest, verify};
use nom::multi::many1;
use nom::sequence::{preceded, terminated};

use crate::base::limits;
use crate::sdp::attribute::{Attribute, Attributes, RawLine};
use crate::sdp::error::{ParseError, ParseErrorKind};
use crate::sdp::media::{Media, MediaKind};
use crate::sdp::parse_attribute::{
    Parsed, column, connection, end, number, parse_attribute, tail, text, token, word,
};
use crate::sdp::session::{Bandwidth, Connection, Origin, Session, Timing};
use crate::sdp::text::Text;

/// What is wrong with a line, and the tail of the line where it is.
type LineError<'a> = (&'a str, ParseErrorKind);

impl FromStr for Session {
    type Err = ParseError;

    fn from_str(input: &str) -> Result<Self, ParseError> {
        if input.len() > limits::MAX_SDP_BYTES {
            let kind = ParseErrorKind::TooLong { bytes: input.len(), limit: limits::MAX_SDP_BYTES };
            return Err(ParseError { line: 0, column: 0, kind });
        }
        let mut draft = Draft::default();
        let mut last = 0;
        for (index, line) in input.split('\n').enumerate() {
            let line = line.strip_suffix('\r').unwrap_or(line);
            let fail = |at: &str, kind| Err(ParseError { line: index + 1, column: column(line, at), kind });
            if index >= limits::MAX_SDP_LINES {
                return fail(line, ParseErrorKind::TooManyLines { limit: limits::MAX_SDP_LINES });
            }
            if let Err((at, kind)) = draft.line(line) {
                return fail(at, kind);
            }
            last = index + 1;
        }
        let mut session = draft.finish().map_err(|kind| ParseError { line: last, column: 1, kind })?;
        session.shrink();
        Ok(session)
    }
}

/// A description of which some lines have been read.
#[derive(Default)]
struct Draft {
    versioned: bool,
    origin: Option<Origin>,
    name: Option<Text>,
    session: Option<Session>,
    counts: Counts,
}

/// How many there are so far of what there may not be more of than a limit says.
#[derive(Default)]
struct Counts {
    candidates: usize,
    groups: usize,
    /// Entries of the lists of all lines.
    listed: usize,
}

impl Counts {
    fn attribute(&mut self, attribute: &Attribute) -> Result<(), ParseErrorKind> {
        self.candidates += usize::from(matches!(attribute, Attribute::Candidate(_)));
        if self.candidates > limits::MAX_SDP_CANDIDATES {
            return Err(ParseErrorKind::TooManyCandidates { limit: limits::MAX_SDP_CANDIDATES });
        }
        self.groups += usize::from(matches!(attribute, Attribute::Group(_)));
        if self.groups > limits::MAX_SDP_GROUPS {
            return Err(ParseErrorKind::TooManyGroups { limit: limits::MAX_SDP_GROUPS });
        }
        self.list(attribute.listed())
    }

    fn list(&mut self, entries: usize) -> Result<(), ParseErrorKind> {
        self.listed += entries;
        if self.listed > limits::MAX_SDP_LISTED {
            return Err(ParseErrorKind::TooManyListed { limit: limits::MAX_SDP_LISTED });
        }
        Ok(())
    }
}

impl Draft {
    fn line<'a>(&mut self, line: &'a str) -> Result<(), LineError<'a>> {
        if line.is_empty() {
            return Ok(());
        }
        if line.len() > limits::MAX_SDP_LINE_BYTES {
            let kind = ParseErrorKind::LineTooLong { bytes: line.len(), limit: limits::MAX_SDP_LINE_BYTES };
            return Err((line, kind));
        }
        if let Some(at) = line.bytes().position(|byte| matches!(byte, 0 | b'\r')) {
            let byte = line.as_bytes().get(at).copied().unwrap_or(0);
            return Err((line.get(at..).unwrap_or(line), ParseErrorKind::ControlCharacter(byte)));
        }
        let letter = verify(anychar, |c: &char| c.is_ascii_graphic());
        let (_, (letter, value)) = (terminated(letter, char('=')), rest).parse(line).map_err(
            |error: nom::Err<nom::error::Error<&str>>| (tail(error, line), ParseErrorKind::NotALine),
        )?;
        if !self.versioned {
            if letter != 'v' {
                return Err((line, ParseErrorKind::MissingLine('v')));
            }
            // RFC 8866 §5.1: there is no other version.
            if value.trim_end() != "0" {
                return Err((value, ParseErrorKind::MalformedLine('v')));
            }
            self.versioned = true;
            return Ok(());
        }
        let session = self.session.get_or_insert_with(|| Session::new(0, 0));
        match letter {
            'v' => Err((line, ParseErrorKind::RepeatedLine('v'))),
            'o' if session.media.is_empty() => once(&mut self.origin, 'o', line, whole('o', origin, value)?),
            's' if session.media.is_empty() => once(&mut self.name, 's', line, whole('s', text, value)?),
            'm' => {
                if session.media.len() >= limits::MAX_SDP_MEDIA {
                    return Err((line, ParseErrorKind::TooManyMedia { limit: limits::MAX_SDP_MEDIA }));
                }
                let media = whole('m', media, value)?;
                self.counts.list(media.formats.len()).map_err(|kind| (line, kind))?;
                session.media.push(media);
                Ok(())
            }
            'a' => {
                let attribute = parse_attribute(value)?;
                self.counts.attribute(&attribute).map_err(|kind| (line, kind))?;
                attributes(session).push(attribute);
                Ok(())
            }
            _ => match session.media.last_mut() {
                Some(media) => media_line(media, letter, line, value),
                None => session_line(session, letter, line, value),
            },
        }
    }

    fn finish(self) -> Result<Session, ParseErrorKind> {
        if !self.versioned {
            return Err(ParseErrorKind::MissingLine('v'));
        }
        let mut session = self.session.ok_or(ParseErrorKind::MissingLine('o'))?;
        session.origin = self.origin.ok_or(ParseErrorKind::MissingLine('o'))?;
        session.name = self.name.ok_or(ParseErrorKind::MissingLine('s'))?;
        // No `t=` line, and the one that says nothing, are the same value.
        if session.times.as_slice() == [Timing::default()] {
            session.times.clear();
        }
        Ok(session)
    }
}

fn attributes(session: &mut Session) -> &mut Attributes {
    match session.media.last_mut() {
        Some(media) => &mut media.attributes,
        None => &mut session.attributes,
    }
}

fn session_line<'a>(
    session: &mut Session,
    letter: char,
    line: &'a str,
    value: &'a str,
) -> Result<(), LineError<'a>> {
    match letter {
        'i' => once(&mut session.information, letter, line, whole(letter, text, value)?)?,
        'u' => once(&mut session.uri, letter, line, whole(letter, text, value)?)?,
        'e' => session.emails.push(whole(letter, text, value)?),
        'p' => session.phones.push(whole(letter, text, value)?),
        'c' => once(&mut session.connection, letter, line, whole(letter, connection_line, value)?)?,
        'b' => session.bandwidths.push(whole(letter, bandwidth, value)?),
        't' => session.times.push(whole(letter, timing, value)?),
        'r' => {
            let repeat = whole(letter, text, value)?;
            let time = session.times.last_mut().ok_or((line, ParseErrorKind::MissingLine('t')))?;
            time.repeats.push(repeat);
        }
        'z' => once(&mut session.zones, letter, line, whole(letter, text, value)?)?,
        'k' => once(&mut session.key, letter, line, whole(letter, text, value)?)?,
        _ => session.attributes.push(Attribute::Line(RawLine(letter, whole(letter, text, value)?))),
    }
    Ok(())
}

fn media_line<'a>(
    media: &mut Media,
    letter: char,
    line: &'a str,
    value: &'a str,
) -> Result<(), LineError<'a>> {
    match letter {
        'i' => once(&mut media.information, letter, line, whole(letter, text, value)?)?,
        'c' => media.connections.push(whole(letter, connection_line, value)?),
        'b' => media.bandwidths.push(whole(letter, bandwidth, value)?),
        'k' => once(&mut media.key, letter, line, whole(letter, text, value)?)?,
        // These have their place before the first section only.
        'o' | 's' | 'u' | 'e' | 'p' | 't' | 'r' | 'z' => {
            return Err((line, ParseErrorKind::MalformedLine(letter)));
        }
        _ => media.attributes.push(Attribute::Line(RawLine(letter, whole(letter, text, value)?))),
    }
    Ok(())
}

fn once<'a, T>(slot: &mut Option<T>, letter: char, line: &'a str, value: T) -> Result<(), LineError<'a>> {
    if slot.is_some() {
        return Err((line, ParseErrorKind::RepeatedLine(letter)));
    }
    *slot = Some(value);
    Ok(())
}

/// The whole value of a line, by a grammar.
fn whole<'a, T>(
    letter: char,
    grammar: fn(&'a str) -> Parsed<'a, T>,
    value: &'a str,
) -> Result<T, LineError<'a>> {
    match all_consuming(grammar).parse(value) {
        Ok((_, parsed)) => Ok(parsed),
        Err(error) => Err((tail(error, value), ParseErrorKind::MalformedLine(letter))),
    }
}

fn origin(input: &str) -> Parsed<'_, Origin> {
    let grammar = (word, space1, number, space1, number, space1, connection, end);
    map(grammar, |(username, _, session_id, _, version, _, connection, ())| Origin {
        username,
        session_id,
        version,
        connection,
    })
    .parse(input)
}

fn connection_line(input: &str) -> Parsed<'_, Connection> {
    terminated(connection, end).parse(input)
}

fn bandwidth(input: &str) -> Parsed<'_, Bandwidth> {
    map((token, char(':'), number, end), |(kind, _, value, ())| Bandwidth { kind, value }).parse(input)
}

fn timing(input: &str) -> Parsed<'_, Timing> {
    map((number, space1, number, end), |(start, _, stop, ())| Timing { start, stop, repeats: Vec::new() })
        .parse(input)
}

fn media(input: &str) -> Parsed<'_, Media> {
    let ports = (number, opt(preceded(char('/'), number)));
    let formats = many1(preceded(space1, word));
    map(
        (token, space1, ports, space1, word, formats, end),
        |(kind, _, (port, port_count), _, protocol, formats, ())| {
            let mut media = Media::new(MediaKind::from(kind), port, protocol, formats);
            media.port_count = port_count;
            media
        },
    )
    .parse(input)
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
