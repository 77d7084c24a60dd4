//! A phone sends a file and walks out of the door: Wi-Fi fades, is gone, and half a second later there is LTE.
//!
//! `cargo run --release --example simulate [SEED]` draws what happens as a timeline. Nothing of it takes time or leaves the process, and a
//! seed always gives the same run. The application (`simulate/share.rs`) is the code that a program would run.
#![expect(clippy::wildcard_enum_match_arm, reason = "it picks the events it wants")]

#[path = "simulate/share.rs"]
mod share;
#[path = "simulate/timeline.rs"]
mod timeline;

use antiphon::base::bitrate::Bitrate;
use antiphon::sim::{Chance, Fault, HostId, Link, Nat, Network, Peers, StunServer, replay_seed};
use antiphon::{Config, Event, Instant, PeerConnection};
use bytes::Bytes;
use core::time::Duration;
use std::error::Error;
use std::io::{ErrorKind, Write, stdout};
use std::net::SocketAddr;

use share::Share;
use timeline::Timeline;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn main() -> Result<(), Box<dyn Error>> {
    let seed =
        std::env::args().nth(1).map_or(Some(7), |text| replay_seed(&text)).ok_or("what seed is that?")?;

    // A phone with Wi-Fi at home and LTE outside, each behind its own NAT, and a laptop with a public address.
    let (wifi, lte): (SocketAddr, SocketAddr) = ("192.168.1.2:5000".parse()?, "10.64.0.2:5000".parse()?);
    let (office, stun): (SocketAddr, SocketAddr) = ("203.0.113.2:5000".parse()?, "203.0.113.9:3478".parse()?);
    let mut network =
        Network::new(seed, Link::new().delay(ms(15)).rate(Bitrate::from_bps(20_000_000), 60_000));
    network.add_stun_server(stun, StunServer::new());
    let home = network.add_nat(Nat::port_restricted(), &["198.51.100.1".parse()?]);
    let carrier = network.add_nat(Nat::symmetric(), &["198.51.100.2".parse()?]);
    let phone = network.add_peer_behind(home, &Config::new(), &[wifi])?;
    let laptop = network.add_peer(&Config::new(), &[office])?;
    network.add_interface(phone, Some(carrier), lte);
    network.inject(Fault::interface_down(phone, lte));
    network.set_signalling(&Link::new().delay(ms(60)));

    // At two seconds the phone is at the door, a second later outside of it.
    let fading = Link::new().delay(ms(25)).jitter(ms(30)).loss(Chance::percent(20));
    let outside = Link::new().delay(ms(45)).jitter(ms(10)).rate(Bitrate::from_bps(8_000_000), 100_000);
    network.after(ms(2000), Fault::link(phone, laptop, fading));
    network.after(ms(3000), Fault::interface_down(phone, wifi));
    network.after(ms(3000), Fault::link(phone, laptop, outside));
    network.after(ms(3500), Fault::interface_up(phone, lte));

    // The application of both, and what it has to say.
    let file = Bytes::from((0..6_000_000_u32).map(|n| n.to_le_bytes()[0]).collect::<Vec<u8>>());
    let mut ends = [Share::sends(file.clone(), network.machine_mut(phone)), Share::receives()];
    let mut notes: Vec<(Instant, String)> = Vec::new();
    let start = network.now();
    network.start_log();
    let mut app = |now: Instant, host: HostId, pc: &mut PeerConnection, event: Event| {
        let end = &mut ends[host.index()];
        let was_complete = end.complete;
        end.on_event(now, pc, &event);
        let who = if host == phone { "phone" } else { "laptop" };
        match event {
            Event::ConnectionStateChange(state) => notes.push((now, format!("{who}: {state:?}"))),
            Event::DataChannelOpen(_) => notes.push((now, format!("{who}: the channel is open"))),
            _ if end.complete && !was_complete => notes.push((now, format!("{who}: the file is whole"))),
            _ => {}
        }
    };
    let mut peers = Peers::new(&mut app).pair(phone, laptop).stun(stun);
    network.run_for(Duration::from_secs(30), &mut peers);

    let lanes =
        [vec![wifi.ip(), lte.ip(), "198.51.100.1".parse()?, "198.51.100.2".parse()?], vec![office.ip()]];
    let done = notes.last().map_or(start, |(at, _)| *at);
    let log = network.log().take_while(|line| line.at <= done);
    let timeline = Timeline::new(start, ["phone", "laptop"], lanes).draw(log, &notes);
    if !ends[0].complete || ends[1].received != file {
        return Err(format!("seed {seed}: {} of {} bytes came", ends[1].received.len(), file.len()).into());
    }
    let took = done.saturating_duration_since(start);
    match writeln!(stdout(), "{timeline}seed {seed}: {} bytes, whole after {took:?}", file.len()) {
        // Who reads has seen enough: `simulate | head`.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}
