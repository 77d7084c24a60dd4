//! Plays a script against an association in virtual time. Where a script has alternatives, each is tried with a copy.

use core::time::Duration;
use std::collections::VecDeque;

use antiphon::sctp::{Association, CloseReason, Config, Event, Message, Reliability, SendOptions, State};
use antiphon::{Instant, Output, Rng, Seed};
use bytes::Bytes;

use super::check::{self, Learnt};
use super::encode::{self, Names};
use super::script::{Chunk, Script, Step, When};

/// Ports: the tester's and ours.
const TESTER: u16 = 5000;
/// How long the tester waits for what may come at any time.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a script sets by calls of the operating system, before or after the association is made.
pub(crate) fn config(script: &Script) -> Config {
    let mut config = Config {
        // What remains of Ethernet's 1500 bytes without IPv4's header: the scripts' fragments have this length.
        mtu: 1480,
        rto_min: Duration::from_secs(1),
        rto_initial: Duration::from_secs(3),
        peer_sack_delay: Duration::ZERO,
        heartbeat_interval: None,
        max_init_retransmits: Some(8),
        max_retransmits: Some(10),
        initial_window_packets: 3,
        receive_window: 1 << 20,
        ..Config::default()
    };
    // What a script sets for the whole system it sets back at its end.
    let mut seen = Vec::new();
    each_call(&script.steps, &mut |call| {
        let name = call.split('=').next().unwrap_or_default().to_owned();
        if !call.contains("sysctl") || !seen.contains(&name) {
            seen.push(name);
            set(&mut config, call);
        }
    });
    config
}

fn each_call(steps: &[Step], take: &mut impl FnMut(&str)) {
    for step in steps {
        match step {
            Step::Call(_, call) => take(call),
            Step::Either(either) => either.iter().for_each(|steps| each_call(steps, take)),
            Step::Inject(..) | Step::Expect(..) => {}
        }
    }
}

/// The number behind `key`.
fn behind(text: &str, key: &str) -> Option<u64> {
    let (_, rest) = text.split_once(key)?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest.get(..end)?.parse().ok()
}

fn set(config: &mut Config, call: &str) {
    let millis = |key: &str| behind(call, key).map(Duration::from_millis);
    let rto_info = call.contains("SCTP_RTOINFO");
    let sysctl = call.contains("sysctl");
    if let Some(initial) =
        millis(if rto_info { "srto_initial=" } else { "rto_initial=" }).filter(|_| rto_info || sysctl)
    {
        config.rto_initial = initial;
    }
    if let Some(min) = millis(if rto_info { "srto_min=" } else { "rto_min=" }).filter(|_| rto_info || sysctl)
    {
        config.rto_min = min;
    }
    if let Some(max) = millis("srto_max=").filter(|_| rto_info) {
        config.rto_max = max;
    }
    if let Some(packets) = behind(call, "initial_cwnd=") {
        config.initial_window_packets = usize::try_from(packets).unwrap();
    }
    if call.contains("pr_enable=0") || call.contains("prsctp_enable=0") {
        config.partial_reliability = false;
    }
    if call.contains("SCTP_INITMSG") {
        if let Some(streams @ 1..) = behind(call, "sinit_num_ostreams=") {
            config.streams = u16::try_from(streams).unwrap();
        }
        if let Some(streams @ 1..) = behind(call, "sinit_max_instreams=") {
            config.inbound_streams = u16::try_from(streams).unwrap();
        }
        if let Some(attempts @ 1..) = behind(call, "sinit_max_attempts=") {
            config.max_init_retransmits = Some(u32::try_from(attempts).unwrap());
        }
    }
}

/// A run up to some step.
pub(crate) struct Run {
    config: Config,
    sut: Association,
    now: Instant,
    /// When the last step was to happen.
    at: Instant,
    tolerance: Duration,
    deadline: Option<Instant>,
    /// What it has sent that no step has expected yet.
    sent: VecDeque<(Instant, Vec<u8>)>,
    learnt: Learnt,
    /// The tag the tester chose for the association, and for one that may come to be.
    tester_tag: u32,
    offered_tag: u32,
    injected_tag: u32,
    ended: Option<CloseReason>,
    unread: VecDeque<Message>,
    runs: u8,
}

impl Names for Run {
    fn tsn(&self, script: u64) -> u32 {
        let script = u32::try_from(script).unwrap();
        let Some((base, now)) = self.learnt.tsn else { return script };
        now.wrapping_add(script).wrapping_sub(u32::try_from(base).unwrap())
    }

    fn cookie(&self) -> Vec<u8> {
        self.learnt.cookie.clone().unwrap_or_default()
    }
}

/// How far a run got, and what was wrong there.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) depth: usize,
    pub(crate) what: String,
}

/// Plays a script.
pub(crate) fn play(script: &Script) -> Result<(), Failure> {
    let config = config(script);
    let start = Instant::ZERO + Duration::from_secs(1);
    let sut = association(&config, start, 0);
    let run = Run {
        config,
        sut,
        now: start,
        at: start,
        tolerance: script.tolerance,
        deadline: None,
        sent: VecDeque::new(),
        learnt: Learnt::default(),
        tester_tag: 0,
        offered_tag: 0,
        injected_tag: 0,
        ended: None,
        unread: VecDeque::new(),
        runs: 0,
    };
    run.go(script.steps.iter().collect(), 0)
}

fn association(config: &Config, now: Instant, run: u8) -> Association {
    Association::new(now, Rng::new(&Seed::from_bytes([run + 1; 32])), config).unwrap()
}

impl Run {
    fn fork(&self) -> Self {
        Self {
            config: self.config.clone(),
            sut: self.sut.fork(),
            now: self.now,
            at: self.at,
            tolerance: self.tolerance,
            deadline: self.deadline,
            sent: self.sent.clone(),
            learnt: self.learnt.clone(),
            tester_tag: self.tester_tag,
            offered_tag: self.offered_tag,
            injected_tag: self.injected_tag,
            ended: self.ended,
            unread: self.unread.clone(),
            runs: self.runs,
        }
    }

    fn go(mut self, mut steps: VecDeque<&Step>, mut depth: usize) -> Result<(), Failure> {
        while let Some(step) = steps.pop_front() {
            depth += 1;
            if let Step::Either(either) = step {
                let mut farthest = Failure { depth, what: "no alternative".into() };
                for one in either {
                    let ahead: VecDeque<&Step> = one.iter().chain(steps.iter().copied()).collect();
                    match self.fork().go(ahead, depth) {
                        Ok(()) => return Ok(()),
                        Err(failure) if failure.depth >= farthest.depth => farthest = failure,
                        Err(_) => {}
                    }
                }
                return Err(farthest);
            }
            let done = self.step(step);
            done.map_err(|what| Failure { depth, what: format!("{what}\n    at {}", shown(step)) })?;
        }
        self.quiet().map_err(|what| Failure { depth, what: format!("{what} at the end") })
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Call(when, call) => {
                self.pass(*when);
                let ignored = ["sysctl", "socket", "bind", "fcntl", "listen", "setsockopt"];
                if ignored.iter().any(|each| call.trim_start_matches('`').starts_with(each)) {
                    return Ok(());
                }
                self.call(call)?;
                self.poll();
                Ok(())
            }
            Step::Inject(when, options, chunks) => {
                self.pass(*when);
                self.inject(options, chunks);
                Ok(())
            }
            Step::Expect(when, chunks) => self.expect(*when, chunks),
            Step::Either(_) => Ok(()),
        }
    }

    /// Nothing has been sent that was not expected.
    fn quiet(&self) -> Result<(), String> {
        match self.sent.front() {
            None => Ok(()),
            Some((_, packet)) => Err(format!("not expected: {}", check::describe(packet))),
        }
    }

    /// Lets time pass until the next step.
    fn pass(&mut self, when: When) {
        if let When::After(after) = when {
            self.at += after;
            self.run_to(self.at.max(self.now));
        }
    }

    fn run_to(&mut self, end: Instant) {
        self.poll();
        while let Some(due) = self.deadline.filter(|due| *due <= end) {
            self.now = due;
            self.poll();
        }
        self.now = self.now.max(end);
        self.poll();
    }

    fn poll(&mut self) {
        let mut buf = [0; 2000];
        loop {
            match self.sut.poll_output(self.now, &mut buf) {
                Output::Event(event) => self.on_event(&event),
                Output::Transmit(transmit) => self.sent.push_back((self.now, buf[..transmit.len].to_vec())),
                Output::Wait(due) => {
                    self.deadline = due;
                    break;
                }
            }
        }
        self.sut.check();
    }

    fn on_event(&mut self, event: &Event) {
        if let Event::Closed(reason) = event {
            self.ended = Some(*reason);
            self.unread.extend(core::iter::from_fn(|| self.sut.recv()));
            // The endpoint outlives its associations.
            self.runs += 1;
            self.sut = association(&self.config, self.now, self.runs);
        }
    }

    fn inject(&mut self, options: &str, chunks: &[Chunk]) {
        let first = chunks.first().unwrap();
        if matches!(first.kind.as_str(), "INIT" | "INIT_ACK") {
            let tag = super::fields::number(&first.fields, "tag").unwrap();
            self.offered_tag = u32::try_from(tag).unwrap();
        }
        if first.kind == "?"
            && let Some(raw) = first.fields.first().and_then(|item| super::fields::bytes(&item.value))
            && let [1, _, _, _, tag @ ..] = raw.as_slice()
            && let Some(tag) = tag.first_chunk()
        {
            self.offered_tag = u32::from_be_bytes(*tag);
        }
        if matches!(first.kind.as_str(), "INIT_ACK" | "COOKIE_ECHO") {
            self.tester_tag = self.offered_tag;
        }
        let reflected = encode::flags(super::fields::get(&first.fields, "flgs")) == Some(1)
            && matches!(first.kind.as_str(), "ABORT" | "SHUTDOWN_COMPLETE");
        let own = self.learnt.tag.map_or(0, |(_, now)| now);
        let tag = match behind(options, "tag=") {
            Some(tag) if self.learnt.tag.is_some_and(|(script, _)| script == tag) => own,
            Some(tag) => u32::try_from(tag).unwrap(),
            None if first.kind == "INIT" => 0,
            None if reflected => self.tester_tag,
            None => own,
        };
        self.injected_tag = tag;
        let wrong = options.contains("bad_crc32c");
        let packet = encode::packet([TESTER, TESTER], tag, chunks, self, wrong);
        self.sut.handle_input(self.now, Bytes::from(packet));
        self.poll();
    }

    fn expect(&mut self, when: When, chunks: &[Chunk]) -> Result<(), String> {
        self.poll();
        let window = match when {
            When::After(after) => {
                self.at += after;
                Some((self.at - self.tolerance, self.at + self.tolerance))
            }
            When::Any => None,
        };
        let end = window.map_or(self.now + PATIENCE, |(_, end)| end);
        while self.sent.is_empty() {
            let Some(due) = self.deadline.filter(|due| *due <= end) else {
                return Err(format!("nothing came; next {:?} of {:?}", self.deadline, self.sut.stats()));
            };
            self.now = self.now.max(due);
            self.poll();
        }
        let Some((at, packet)) = self.sent.pop_front() else { return Err("nothing came".into()) };
        let mut learnt = self.learnt.clone();
        check::packet(chunks, &packet, self, &mut learnt)
            .map_err(|error| format!("{error}; came: {}", check::describe(&packet)))?;
        self.learnt = learnt;
        match window {
            Some((start, _)) if at < start => {
                return Err(format!("too early by {:?}", start.saturating_duration_since(at)));
            }
            Some((_, end)) if at > end => {
                return Err(format!("too late by {:?}", at.saturating_duration_since(end)));
            }
            Some(_) => {}
            None => self.at = self.at.max(at),
        }
        let first = chunks.first().unwrap().kind.as_str();
        let tag = check::tag(&packet);
        let right = match first {
            "INIT" => tag == 0,
            "INIT_ACK" => tag == self.offered_tag,
            "ABORT" | "SHUTDOWN_COMPLETE" => {
                [self.tester_tag, self.offered_tag, self.injected_tag].contains(&tag)
            }
            _ => tag == self.tester_tag,
        };
        if right { Ok(()) } else { Err(format!("tag {tag:#x} on {first}")) }
    }

    fn call(&mut self, call: &str) -> Result<(), String> {
        let (name, rest) = call.split_once('(').unwrap();
        let result = call.rsplit_once("= ").map_or("", |(_, result)| result);
        let fails = result.starts_with('-');
        match name {
            "connect" | "sctp_connectx" => self.sut.connect(),
            "accept" => return self.accept(fails),
            "write" | "sctp_sendmsg" | "sctp_sendv" => return self.send(name, rest, fails),
            "read" | "sctp_recvmsg" => return self.read(result, rest),
            "shutdown" => self.sut.shutdown(),
            // The socket that listens has no association, and what has ended needs no end.
            "close"
                if self.sut.state() != State::Closed && (rest.starts_with('4') || !self.has_accepted()) =>
            {
                self.sut.shutdown();
            }
            "close" => {}
            "getsockopt" => return self.status(call),
            other => return Err(format!("call {other} is not known")),
        }
        Ok(())
    }

    /// Whether the association came in by a listening socket: then that is number 3.
    fn has_accepted(&self) -> bool {
        self.learnt.cookie.is_some()
    }

    fn accept(&mut self, fails: bool) -> Result<(), String> {
        // An association that is shutting down was up.
        let up = !matches!(self.sut.state(), State::Closed | State::CookieWait | State::CookieEchoed);
        if up == fails { Err(format!("state {:?}", self.sut.state())) } else { Ok(()) }
    }

    fn status(&mut self, call: &str) -> Result<(), String> {
        if call.contains("ETIMEDOUT") {
            let timed_out = matches!(self.ended, Some(CloseReason::SetupTimeout | CloseReason::Unreachable));
            return if timed_out { Ok(()) } else { Err(format!("ended: {:?}", self.ended)) };
        }
        if let Some(streams) = behind(call, "sstat_outstrms=") {
            let (outbound, _) = self.sut.streams();
            return if u64::from(outbound) == streams { Ok(()) } else { Err(format!("{outbound} streams")) };
        }
        if self.ended.is_none() { Ok(()) } else { Err(format!("ended: {:?}", self.ended)) }
    }

    fn send(&mut self, name: &str, rest: &str, fails: bool) -> Result<(), String> {
        let parts: Vec<&str> = rest.split(", ").collect();
        let number = |text: &str| text.trim_end_matches(['}', ']', ')']).parse::<u64>().ok();
        let ordered = !rest.contains("SCTP_UNORDERED");
        let (len, stream, reliability) = match name {
            "write" => (
                rest.split(',').nth(2).and_then(|len| number(len.split(')').next()?.trim())),
                0,
                Reliability::Reliable,
            ),
            "sctp_sendmsg" => {
                let lifetime = parts.get(8).and_then(|text| number(text)).filter(|millis| *millis > 0);
                let lifetime = lifetime.map(|millis| Reliability::MaxLifetime(Duration::from_millis(millis)));
                (
                    number(parts[2]),
                    parts.get(7).and_then(|text| number(text)).unwrap(),
                    lifetime.unwrap_or_default(),
                )
            }
            _ => {
                let times = u16::try_from(behind(rest, "pr_value=").unwrap()).unwrap();
                (
                    behind(rest, "[{..., "),
                    behind(rest, "snd_sid=").unwrap(),
                    Reliability::MaxRetransmits(times),
                )
            }
        };
        let ppid = behind(rest, "htonl(").map_or(0, |ppid| u32::try_from(ppid).unwrap());
        let data = vec![9; usize::try_from(len.unwrap()).unwrap()].into();
        let message = Message { stream: u16::try_from(stream).unwrap(), ppid, data };
        let sent = self.sut.send(self.now, &message, SendOptions { ordered, reliability });
        if sent.is_err() == fails { Ok(()) } else { Err(format!("{sent:?}")) }
    }

    fn read(&mut self, result: &str, rest: &str) -> Result<(), String> {
        let message = self.sut.recv().or_else(|| self.unread.pop_front());
        let wanted: i64 = result.split(' ').next().and_then(|number| number.parse().ok()).unwrap();
        let found = message.as_ref().map_or(-1, |message| i64::try_from(message.data.len()).unwrap());
        if wanted == 0 && found == -1 {
            return Ok(()); // The end of the stream.
        }
        if wanted != found {
            return Err(format!("{wanted} bytes to read, {found} read"));
        }
        let Some(message) = message else { return Ok(()) };
        let named = [("sinfo_stream=", u64::from(message.stream)), ("htonl(", u64::from(message.ppid))];
        for (key, found) in named {
            if behind(rest, key).is_some_and(|wanted| wanted != found) {
                return Err(format!("{key} {found}"));
            }
        }
        Ok(())
    }
}

fn shown(step: &Step) -> String {
    match step {
        Step::Call(when, call) => format!("{when:?} {call}"),
        Step::Inject(when, options, chunks) => format!("{when:?} inject {options} {chunks:?}"),
        Step::Expect(when, chunks) => format!("{when:?} expect {chunks:?}"),
        Step::Either(_) => "alternatives".into(),
    }
}
