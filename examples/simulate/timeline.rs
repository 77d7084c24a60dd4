//! Draws the log of a simulated network: two lanes with what goes between them, faults and notes across.

use antiphon::Instant;
use antiphon::sim::{Line, What};
use core::fmt::Write as _;
use core::time::Duration;
use std::net::IpAddr;

/// What goes over the network within this becomes one row for each kind.
const WINDOW: Duration = Duration::from_millis(250);
/// Columns between the lanes.
const WIDTH: usize = 58;

/// Datagrams of one kind, one way, within a window.
#[derive(Debug)]
struct Flow {
    at: Instant,
    from: usize,
    name: &'static str,
    count: u64,
    bytes: usize,
}

/// The drawing, as far as it has got.
#[derive(Debug)]
pub(crate) struct Timeline {
    names: [&'static str; 2],
    /// Which addresses, the translated ones too, belong to which lane.
    addresses: [Vec<IpAddr>; 2],
    start: Instant,
    flows: Vec<Flow>,
    lost: u64,
    text: String,
}

impl Timeline {
    /// Two lanes with their names and addresses.
    pub(crate) fn new(start: Instant, names: [&'static str; 2], addresses: [Vec<IpAddr>; 2]) -> Self {
        let [left, right] = names;
        let text = format!("{:>8}   {left:<half$}{right:>half$}\n", "seconds", half = WIDTH / 2 + 1);
        Self { names, addresses, start, flows: Vec::new(), lost: 0, text }
    }

    /// Draws a log, with notes of the application between its lines.
    pub(crate) fn draw<'a>(
        mut self,
        log: impl Iterator<Item = &'a Line>,
        notes: &[(Instant, String)],
    ) -> String {
        let mut notes = notes.iter().peekable();
        for line in log {
            while let Some((at, note)) = notes.next_if(|(at, _)| *at <= line.at) {
                self.banner(*at, '·', note);
            }
            self.line(line);
        }
        for (at, note) in notes {
            self.banner(*at, '·', note);
        }
        self.flush();
        self.text
    }

    fn lane_of(&self, address: IpAddr) -> Option<usize> {
        self.addresses.iter().position(|addresses| addresses.contains(&address))
    }

    fn line(&mut self, line: &Line) {
        if self.flows.first().is_some_and(|flow| line.at > flow.at + WINDOW) {
            self.flush();
        }
        match &line.what {
            What::Sent { path, data } => {
                // What goes to and comes from servers is not drawn.
                let lanes = (self.lane_of(path.local.ip()), self.lane_of(path.remote.ip()));
                if let (Some(from), Some(_)) = lanes {
                    self.flow(line.at, from, line.what.datagram().unwrap_or_default(), data.len());
                }
            }
            What::Signalled { from, bytes, .. } => self.flow(line.at, from.index(), "signalling", *bytes),
            What::Dropped { .. } => self.lost += 1,
            What::Fault(text) => {
                let [left, right] = self.names;
                let text = text.replace("host 0", left).replace("host 1", right);
                self.banner(line.at, '!', &text);
            }
            What::Note(text) => self.banner(line.at, '·', text),
            // Of a datagram one end is drawn; there may be news one day.
            _ => {}
        }
    }

    fn flow(&mut self, at: Instant, from: usize, name: &'static str, bytes: usize) {
        let known = self.flows.iter_mut().find(|flow| flow.from == from && flow.name == name);
        if let Some(flow) = known {
            flow.count += 1;
            flow.bytes += bytes;
        } else {
            self.flows.push(Flow { at, from, name, count: 1, bytes });
        }
    }

    fn time(&mut self, at: Instant) {
        let after = at.saturating_duration_since(self.start).as_secs_f64();
        self.write(format_args!("{after:>8.3} "));
    }

    fn write(&mut self, what: core::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        self.text.write_fmt(what).unwrap_or_default();
    }

    /// What is of the whole network.
    fn banner(&mut self, at: Instant, mark: char, text: &str) {
        self.flush();
        self.time(at);
        self.write(format_args!("{mark} {text}\n"));
    }

    fn flush(&mut self) {
        for flow in core::mem::take(&mut self.flows) {
            let times = if flow.count == 1 { String::new() } else { format!(" × {}", flow.count) };
            let size = if flow.bytes < 10_000 {
                format!("{} B", flow.bytes)
            } else {
                format!("{} kB", flow.bytes / 1000)
            };
            let label = format!(" {}{times}, {size} ", flow.name);
            let dashes = "─".repeat(WIDTH.saturating_sub(label.chars().count() + 4));
            self.time(flow.at);
            if flow.from == 0 {
                self.write(format_args!("  │ ─{label}{dashes}▶ │\n"));
            } else {
                self.write(format_args!("  │ ◀{dashes}{label}─ │\n"));
            }
        }
        match core::mem::take(&mut self.lost) {
            0 => {}
            1 => self.write(format_args!("{:>9}  │ × one is lost\n", "")),
            lost => self.write(format_args!("{:>9}  │ × {lost} are lost\n", "")),
        }
    }
}
