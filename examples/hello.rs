//! Two ends over two real UDP sockets of this process: they connect, say hello and move a file of 64 MiB.
//!
//! `cargo run --release --example hello [MEBIBYTES]` prints what happened when, and how fast the file went.
#![expect(
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "a program for a terminal; it picks the events it wants"
)]

#[path = "common/endpoint.rs"]
mod endpoint;

use core::time::Duration;
use std::net::{IpAddr, Ipv4Addr};
use std::thread;

use antiphon::crypto::digest::sha256;
use antiphon::{
    Config, ConnectionState, DataChannelId, DataChannelInit, Event, Instant, Message, Seed, StdClock,
};
use bytes::Bytes;

use endpoint::{Endpoint, Fallible};

/// What a message of the file carries.
const CHUNK: usize = 16 * 1024;

/// Longer than this is a failure.
const PATIENCE: Duration = Duration::from_secs(120);

/// Prints one side's line of the timeline, in milliseconds since both sides had both descriptions.
#[derive(Clone, Copy)]
struct Timeline {
    name: &'static str,
    clock: StdClock,
    start: Instant,
}

impl Timeline {
    fn say(&self, what: impl core::fmt::Display) {
        let after = self.clock.now().saturating_duration_since(self.start).as_secs_f64() * 1e3;
        println!("{after:9.1} ms  {:<5}  {what}", self.name);
    }

    fn event(&self, event: &Event) {
        match event {
            Event::IceConnectionStateChange(state) => {
                self.say(format_args!("ICE {state:?}").to_string().to_lowercase());
            }
            Event::ConnectionStateChange(state) => self.say(format!("connection {state:?}").to_lowercase()),
            _ => {}
        }
    }
}

fn main() -> Fallible<()> {
    let mebibytes: usize = std::env::args().nth(1).map_or(Ok(64), |arg| arg.parse())?;
    let mut file = vec![0; mebibytes << 20];
    antiphon::Rng::new(&Seed::from_os()?).fill(&mut file);
    let file = Bytes::from(file);

    let clock = StdClock::start();
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let config = Config::new();
    let mut anna = Endpoint::bind(loopback, clock, &config)?;
    let mut boris = Endpoint::bind(loopback, clock, &config)?;
    let text = anna.pc.create_data_channel("text", DataChannelInit::default())?;
    let data = anna.pc.create_data_channel("file", DataChannelInit::default())?;

    // Signalling: how two descriptions travel is the application's business. Here it is two calls.
    let offer = anna.offer()?;
    let answer = boris.answer(offer, |_| Ok(()))?;
    anna.accept(answer)?;

    let start = clock.now();
    let [left, right] = ["anna", "boris"].map(|name| Timeline { name, clock, start });
    thread::scope(|scope| {
        let other = scope.spawn(move || receive(boris, right));
        send(anna, left, text, data, &file)?;
        other.join().map_err(|_| "the receiving thread panicked")?
    })
}

/// The offering side: says hello, sends the file, waits for its digest.
fn send(
    mut end: Endpoint,
    line: Timeline,
    text: DataChannelId,
    data: DataChannelId,
    file: &Bytes,
) -> Fallible<()> {
    let until = line.start + PATIENCE;
    let digest = sha256(&[file]);
    let (mut sent, mut began) = (0, line.start);
    while let Some(event) = end.next_event(Some(until))? {
        line.event(&event);
        let now = end.clock.now();
        match event {
            Event::DataChannelOpen(id) if id == text => {
                let mut channel = end.pc.data_channel(id).ok_or("the channel is gone")?;
                channel.send(now, &Message::text("hello, boris"))?;
            }
            Event::DataChannelOpen(id) | Event::DataChannelBufferedAmountLow(id) if id == data => {
                if sent == 0 {
                    began = now;
                    line.say(format_args!("sends a file of {} bytes", file.len()));
                }
                let mut channel = end.pc.data_channel(id).ok_or("the channel is gone")?;
                channel.set_buffered_amount_low_threshold(512 * 1024);
                while sent < file.len() && channel.can_send() {
                    let chunk = file.slice(sent..file.len().min(sent + CHUNK));
                    sent += chunk.len();
                    channel.send(now, &Message::binary(chunk))?;
                }
                if sent == file.len() && channel.can_send() {
                    sent += 1;
                    channel.send(now, &Message::text("the end"))?;
                }
            }
            Event::DataChannelReadable(id) => {
                while let Some(message) = end.pc.data_channel(id).and_then(|mut channel| channel.recv()) {
                    if id == text {
                        line.say(format_args!("hears {:?}", String::from_utf8_lossy(&message.data)));
                    } else if *message.data == digest {
                        let seconds = now.saturating_duration_since(began).as_secs_f64();
                        let megabytes = f64::from(u32::try_from(file.len())?) / 1e6;
                        line.say(format_args!(
                            "knows the file arrived whole: {:.1} MB/s",
                            megabytes / seconds
                        ));
                        end.pc.close();
                    } else {
                        return Err("the file arrived damaged".into());
                    }
                }
            }
            Event::ConnectionStateChange(ConnectionState::Failed) => return Err(failure(&end)),
            Event::ConnectionStateChange(ConnectionState::Closed) => return Ok(()),
            _ => {}
        }
    }
    Err("anna lost patience".into())
}

/// The answering side: answers the hello, takes the file and returns its digest.
fn receive(mut end: Endpoint, line: Timeline) -> Fallible<()> {
    let until = line.start + PATIENCE;
    let mut file = Vec::new();
    while let Some(event) = end.next_event(Some(until))? {
        line.event(&event);
        let now = end.clock.now();
        match event {
            Event::DataChannelReadable(id) => {
                let Some(mut channel) = end.pc.data_channel(id) else { continue };
                while let Some(message) = channel.recv() {
                    if channel.label() == "text" {
                        line.say(format_args!("hears {:?}", String::from_utf8_lossy(&message.data)));
                        channel.send(now, &Message::text("hello, anna"))?;
                    } else if message.binary {
                        file.extend_from_slice(&message.data);
                    } else {
                        line.say(format_args!("has {} bytes", file.len()));
                        channel.send(now, &Message::binary(sha256(&[&file]).to_vec()))?;
                    }
                }
            }
            Event::PeerClosed | Event::SctpFailed(_) => end.pc.close(),
            Event::ConnectionStateChange(ConnectionState::Failed) => return Err(failure(&end)),
            Event::ConnectionStateChange(ConnectionState::Closed) => return Ok(()),
            _ => {}
        }
    }
    Err("boris lost patience".into())
}

fn failure(end: &Endpoint) -> Box<dyn core::error::Error + Send + Sync> {
    format!("the connection failed: {:?}", end.pc.failure()).into()
}
