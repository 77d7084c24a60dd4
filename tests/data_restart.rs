//! The peer starts anew (RFC 9260 §5.2.4.1) while something it had sent is unread: that is the old channels' to read, and no channel of the
//! new association is deaf or hears what was not meant for it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod data_support;

use antiphon::Output;
use antiphon::data::{
    ChannelId, ChannelState, Channels, Config, DataChannelFailure, DataChannelInit, Event, Message, Role,
};
use data_support::{End, Wire, channels, connected, ms, opened, read};

type Both = Wire<Channels, Channels>;

fn init() -> DataChannelInit {
    DataChannelInit::default()
}

/// B starts anew: with other tags, and without a goodbye.
fn start_anew(wire: &mut Both, config: &Config) {
    wire.b = channels(4, config);
    wire.b_took();
}

/// A channel opened by B, on which A has not read `texts`; what A calls it.
fn unread(wire: &mut Both, texts: &[&str]) -> ChannelId {
    let there = wire.b.create("old", init()).unwrap();
    for text in texts {
        wire.b.send(wire.now, there, &Message::text(*text)).unwrap();
    }
    wire.run(ms(200));
    opened(&wire.a_took())
}

fn has(events: &[Event], wanted: &[Event]) -> bool {
    events.windows(wanted.len()).any(|window| window == wanted)
}

#[test]
fn a_channel_that_the_peer_opens_anew_on_a_stream_with_unread_messages_is_heard() {
    let mut wire = connected();
    let old = unread(&mut wire, &["1", "2"]);
    start_anew(&mut wire, &Config::default());
    let there = wire.b.create("new", init()).unwrap();
    wire.b.connect(Role::Server, None, None);
    wire.run(ms(500));
    let events = wire.a_took();
    assert!(
        has(&events, &[Event::Error(old, DataChannelFailure::Restarted), Event::Close(old)]),
        "{events:?}"
    );
    let new = opened(&events);
    assert_eq!((wire.a.label(new), wire.a.stream_id(new)), (Some("new"), Some(1)));
    wire.b.send(wire.now, there, &Message::text("hello")).unwrap();
    wire.run(ms(200));
    assert!(wire.a_took().contains(&Event::Readable(new)));
    assert_eq!(read(&mut wire.a, new), [Message::text("hello")]);
    assert_eq!(read(&mut wire.a, old), ["1", "2"].map(Message::text), "what arrived can still be read");
    assert_eq!(wire.a.state(old), None);
}

#[test]
fn a_channel_that_we_open_anew_on_such_a_stream_hears_its_own_messages_alone() {
    let mut wire = connected();
    let old = wire.a.create("old", init()).unwrap();
    wire.run(ms(200));
    let there = opened(&wire.b_took());
    wire.b.send(wire.now, there, &Message::text("old")).unwrap();
    wire.run(ms(200));
    start_anew(&mut wire, &Config::default());
    wire.b.connect(Role::Server, None, None);
    wire.run(ms(500));
    wire.a_took();
    let new = wire.a.create("new", init()).unwrap();
    assert_eq!(wire.a.stream_id(new), Some(0));
    wire.run(ms(200));
    let there = opened(&wire.b_took());
    wire.a_took();
    wire.b.send(wire.now, there, &Message::text("new")).unwrap();
    wire.run(ms(200));
    assert_eq!(wire.a_took(), [Event::Readable(new)]);
    assert_eq!(read(&mut wire.a, new), [Message::text("new")]);
    assert_eq!(read(&mut wire.a, old), [Message::text("old")]);
    assert_eq!(wire.a.stats().drops.unexpected_ack, 0);
}

/// DATA may travel with COOKIE ECHO, and the application may read at any time: also between that packet and the next poll.
#[test]
fn a_reader_that_is_faster_than_the_news_of_the_restart_reads_the_old_channel_alone() {
    let mut wire = connected();
    let old = unread(&mut wire, &["1", "2"]);
    start_anew(&mut wire, &Config::default());
    let there = wire.b.create("new", init()).unwrap();
    wire.b.connect(Role::Server, None, None);
    let (now, mut buf) = (wire.now, [0; 1500]);
    let (mut heard, mut events, mut sent) = (Vec::new(), Vec::new(), false);
    for _ in 0..20 {
        loop {
            match wire.b.poll(now, &mut buf) {
                Output::Event(Event::Open(id)) if id == there && !sent => {
                    wire.b.send(now, there, &Message::text("new")).unwrap();
                    sent = true;
                }
                Output::Event(_) => {}
                Output::Transmit(transmit) => {
                    wire.a.input(now, buf[..transmit.len].to_vec().into());
                    heard.extend(wire.a.recv(old));
                    heard.extend(wire.a.recv(old));
                    heard.extend(wire.a.recv(old));
                }
                Output::Wait(_) => break,
            }
        }
        loop {
            match wire.a.poll(now, &mut buf) {
                Output::Event(event) => events.push(event),
                Output::Transmit(transmit) => wire.b.input(now, buf[..transmit.len].to_vec().into()),
                Output::Wait(_) => break,
            }
        }
    }
    assert!(sent);
    assert_eq!(heard, ["1", "2"].map(Message::text));
    let new = opened(&events);
    assert_eq!(read(&mut wire.a, new), [Message::text("new")]);
    assert_eq!(wire.a.stats().drops.opened_twice, 0);
}

#[test]
fn what_a_channel_closed_by_us_had_unread_is_not_read_by_the_next() {
    let mut wire = connected();
    let old = unread(&mut wire, &["1"]);
    wire.a.close_channel(old);
    let there = wire.b.ids().next().unwrap();
    wire.b.send(wire.now, there, &Message::text("2")).unwrap();
    start_anew(&mut wire, &Config::default());
    let there = wire.b.create("new", init()).unwrap();
    wire.b.connect(Role::Server, None, None);
    wire.run(ms(500));
    let new = opened(&wire.a_took());
    wire.b.send(wire.now, there, &Message::text("3")).unwrap();
    wire.run(ms(200));
    assert_eq!(read(&mut wire.a, new), [Message::text("3")]);
    assert_eq!(read(&mut wire.a, old), []);
}

#[test]
fn what_is_unread_at_a_restart_is_kept_within_bounds() {
    let mut wire = connected();
    let there = wire.b.create("old", init()).unwrap();
    wire.run(ms(200));
    let old = opened(&wire.a_took());
    for _ in 0..10 {
        wire.b.send(wire.now, there, &Message::binary(vec![1; 100_000])).unwrap();
    }
    wire.run(ms(2000));
    start_anew(&mut wire, &Config::default());
    wire.b.connect(Role::Server, None, None);
    wire.run(ms(500));
    assert_eq!(wire.a.association().stats().held_bytes, 0, "the new association has the whole window");
    // 512 KiB are kept outside the window, over all channels.
    assert_eq!((read(&mut wire.a, old).len(), wire.a.stats().drops.late), (5, 5));
    let there = wire.b.create("new", init()).unwrap();
    wire.run(ms(200));
    let new = opened(&wire.a_took());
    assert_eq!(wire.a.state(new), Some(ChannelState::Open));
    wire.b.send(wire.now, there, &Message::text("new")).unwrap();
    wire.run(ms(200));
    assert_eq!(read(&mut wire.a, new), [Message::text("new")]);
}
