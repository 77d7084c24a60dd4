#![expect(clippy::items_after_statements, reason = "a test picks what it wants, and fails where it stands")]
use std::net::SocketAddr;

use super::*;
use crate::net::Transmit;
use crate::sim::{
    Chance, Clock, DropReason, Fault, Filtering, Fork, Link, Mapping, Nat, Polls, StunServer, ignore_events,
};
use crate::stun::{self, Attribute};

/// Sends what it is told to, keeps what it gets and when, and can be made to wait.
#[derive(Clone, Debug, Default)]
struct Post {
    out: Vec<(Path, Vec<u8>)>,
    got: Vec<(Instant, Path, Vec<u8>)>,
    wakes: Vec<Instant>,
    alarm: Option<Instant>,
}

impl Machine for Post {
    type Input<'i> = Datagram<'i>;
    type Path = Path;
    type Event = ();

    fn handle_input(&mut self, now: Instant, input: Datagram<'_>) {
        self.got.push((now, input.path, input.data.to_vec()));
    }

    fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Output<Path, ()> {
        if let Some(at) = self.alarm.filter(|at| *at <= now) {
            self.wakes.push(now);
            self.alarm = Some(at + ms(100));
        }
        if self.out.is_empty() {
            return Output::Wait(self.alarm.filter(|at| *at > now));
        }
        let (path, data) = self.out.remove(0);
        buf[..data.len()].copy_from_slice(&data);
        Output::Transmit(Transmit::new(path, data.len()))
    }
}

impl Fork for Post {
    fn fork(&self) -> Self {
        self.clone()
    }
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn path(from: SocketAddr, to: SocketAddr) -> Path {
    Path::udp(from, to)
}

type Net = Network<Post>;

/// Two hosts 10 ms apart.
fn pair() -> (Net, [HostId; 2], [SocketAddr; 2]) {
    let mut net = Net::new(1, Link::new().delay(ms(10)));
    let at = [addr("203.0.113.1:1000"), addr("203.0.113.2:2000")];
    let hosts = at.map(|at| net.add_host(Post::default(), &[at]));
    (net, hosts, at)
}

/// Lets a host send, and returns whether it arrived within a second, and from where.
fn try_send(net: &mut Net, from: HostId, to: HostId, way: Path) -> Option<SocketAddr> {
    let before = net.machine(to).got.len();
    net.machine_mut(from).out.push((way, b"?".to_vec()));
    net.run_for(ms(1000), &mut ignore_events);
    net.machine(to).got.get(before).map(|(_, path, _)| path.remote)
}

#[test]
fn what_goes_out_through_a_nat_is_answered_through_it() {
    let (mut net, [_, server], [_, server_at]) = pair();
    let nat = net.add_nat(Nat::port_restricted(), &["198.51.100.7".parse().unwrap()]);
    let inside = addr("192.168.0.2:5000");
    let phone = net.add_host_behind(nat, Post::default(), &[inside]);
    let seen = try_send(&mut net, phone, server, path(inside, server_at)).unwrap();
    assert_eq!(seen.ip(), "198.51.100.7".parse::<std::net::IpAddr>().unwrap());
    assert_eq!(try_send(&mut net, server, phone, path(server_at, seen)), Some(server_at));
    assert_eq!(net.machine(phone).got[0].1.local, inside);
    // The other public host has not been sent to.
    let stranger = HostId(0);
    assert_eq!(try_send(&mut net, stranger, phone, path(addr("203.0.113.1:1000"), seen)), None);
    assert_eq!(net.counters(stranger).filtered, 1);
    net.inject(Fault::rebind(nat));
    assert_eq!(try_send(&mut net, server, phone, path(server_at, seen)), None);
    assert_ne!(try_send(&mut net, phone, server, path(inside, server_at)), Some(seen));
}

#[test]
fn a_nat_behind_a_nat_translates_twice() {
    let (mut net, [_, server], [_, server_at]) = pair();
    let outer = net.add_nat(Nat::full_cone().preserve_ports(), &["198.51.100.7".parse().unwrap()]);
    let inner = net.add_nat_behind(outer, Nat::full_cone(), &["100.64.0.9".parse().unwrap()]);
    let inside = addr("192.168.0.2:5000");
    let phone = net.add_host_behind(inner, Post::default(), &[inside]);
    let seen = try_send(&mut net, phone, server, path(inside, server_at)).unwrap();
    assert_eq!(seen.ip(), "198.51.100.7".parse::<std::net::IpAddr>().unwrap());
    assert_eq!(try_send(&mut net, server, phone, path(server_at, seen)), Some(server_at));
}

#[test]
fn hosts_behind_one_nat_meet_inside_and_outside_only_by_hairpin() {
    for (manners, expected) in [
        (Nat::full_cone(), None),
        (Nat::full_cone().hairpin(), Some(true)),
        (Nat::full_cone().hairpin_internal_source(), Some(false)),
    ] {
        let (mut net, [_, server], [_, server_at]) = pair();
        let nat = net.add_nat(manners, &["198.51.100.7".parse().unwrap()]);
        let inside = [addr("192.168.0.2:5000"), addr("192.168.0.3:5000")];
        let [a, b] = inside.map(|at| net.add_host_behind(nat, Post::default(), &[at]));
        assert_eq!(try_send(&mut net, a, b, path(inside[0], inside[1])), Some(inside[0]));
        let seen_b = try_send(&mut net, b, server, path(inside[1], server_at)).unwrap();
        let hairpinned = try_send(&mut net, a, b, path(inside[0], seen_b));
        assert_eq!(hairpinned.map(|from| from.ip() == seen_b.ip()), expected);
    }
}

#[test]
fn a_firewall_lets_answers_in() {
    let (mut net, [server, _], [server_at, _]) = pair();
    let wall = net.add_nat(Nat::firewall(Filtering::AddressAndPortDependent), &[]);
    let guarded = addr("203.0.113.50:5000");
    let host = net.add_host_behind(wall, Post::default(), &[guarded]);
    assert_eq!(try_send(&mut net, server, host, path(server_at, guarded)), None);
    assert_eq!(try_send(&mut net, host, server, path(guarded, server_at)), Some(guarded));
    assert_eq!(try_send(&mut net, server, host, path(server_at, guarded)), Some(server_at));
    net.inject(Fault::nat(wall, Nat::firewall(Filtering::EndpointIndependent).block_udp()));
    assert_eq!(try_send(&mut net, host, server, path(guarded, server_at)), None);
}

#[test]
fn stun_servers_tell_the_truth_late_a_lie_or_nothing() {
    let (mut net, [host, _], [at, _]) = pair();
    let server_at = addr("203.0.113.9:3478");
    let server = net.add_stun_server(server_at, StunServer::new().slow(ms(700)));
    let mut request = [0; 64];
    let id = stun::TransactionId([7; 12]);
    let mut builder =
        stun::Builder::new(&mut request, stun::Class::Request, stun::Method::BINDING, id).unwrap();
    builder.add(&Attribute::Software("x")).unwrap().fingerprint().unwrap();
    let len = builder.finish();
    let ask = |net: &mut Net| {
        let before = net.machine(host).got.len();
        let sent_at = net.now();
        net.send(host, path(at, server_at), &request[..len]);
        net.run_for(ms(2000), &mut ignore_events);
        net.machine(host).got.get(before).map(|(when, _, data)| {
            let mapped = stun::Message::parse(data).unwrap().xor_mapped_address().unwrap();
            (when.saturating_duration_since(sent_at), mapped)
        })
    };
    assert_eq!(ask(&mut net), Some((ms(720), at)));
    let lie = addr("8.8.8.8:53");
    net.inject(Fault::server(server, StunServer::new().lie(lie)));
    assert_eq!(ask(&mut net), Some((ms(20), lie)));
    net.inject(Fault::server(server, StunServer::dead()));
    assert_eq!(ask(&mut net), None);
}

#[test]
fn a_partition_heals_and_a_clog_lets_go_all_at_once() {
    let (mut net, [a, b], at) = pair();
    net.inject(Fault::partition(a, b).lasting(ms(500)));
    assert_eq!(try_send(&mut net, a, b, path(at[0], at[1])), None);
    assert_eq!(try_send(&mut net, a, b, path(at[0], at[1])), Some(at[0]));
    assert_eq!(net.drops()[&DropReason::Partition], 1);
    let start = net.now();
    net.inject(Fault::clog(a, b).lasting(ms(300)));
    for _ in 0..3 {
        net.machine_mut(a).out.push((path(at[0], at[1]), b"!".to_vec()));
        net.run_for(ms(50), &mut ignore_events);
    }
    net.run_for(ms(1000), &mut ignore_events);
    let arrivals: Vec<_> = net.machine(b).got.iter().filter(|(_, _, data)| data == b"!").collect();
    assert!(arrivals.iter().all(|(when, ..)| *when == start + ms(310)) && arrivals.len() == 3);
}

#[test]
fn interfaces_come_and_go_and_the_application_is_told() {
    #[derive(Default)]
    struct Told(Vec<Notice>);
    impl App<Post> for Told {
        fn on_event(&mut self, _: Instant, _: HostId, _: &mut Post, (): ()) {}
        fn on_notice(&mut self, _: Instant, _: HostId, _: &mut Post, notice: Notice) {
            self.0.push(notice);
        }
    }
    let (mut net, [a, b], at) = pair();
    let new = addr("203.0.113.77:1000");
    net.after(ms(10), Fault::interface_down(a, at[0]).lasting(ms(100)));
    net.after(ms(200), Fault::address_change(a, at[0], new));
    let mut told = Told::default();
    net.run_for(ms(50), &mut told);
    net.machine_mut(a).out.push((path(at[0], at[1]), b"lost".to_vec()));
    net.run_for(ms(500), &mut told);
    assert_eq!(
        told.0,
        [
            Notice::InterfaceDown(at[0]),
            Notice::InterfaceUp(at[0]),
            Notice::InterfaceDown(at[0]),
            Notice::InterfaceUp(new)
        ]
    );
    assert_eq!(net.counters(a).unroutable, 1);
    assert_eq!(try_send(&mut net, a, b, path(new, at[1])), Some(new));
    assert_eq!(net.addresses(a).collect::<Vec<_>>(), [new]);
}

#[test]
fn who_sleeps_hears_nothing_and_who_is_stopped_reads_it_later() {
    for (fault, heard) in [(Fault::suspend as fn(_, _) -> _, false), (Fault::freeze, true)] {
        let (mut net, [a, b], at) = pair();
        let start = net.now();
        net.machine_mut(b).alarm = Some(start + ms(50));
        net.inject(fault(b, ms(300)));
        net.machine_mut(a).out.push((path(at[0], at[1]), b"hello".to_vec()));
        net.run_for(ms(299), &mut ignore_events);
        assert!(!net.is_awake(b) && net.machine(b).got.is_empty() && net.machine(b).wakes.is_empty());
        net.run_for(ms(2), &mut ignore_events);
        let got: Vec<_> = net.machine(b).got.iter().map(|(when, ..)| *when).collect();
        assert_eq!(got, if heard { vec![start + ms(300)] } else { vec![] });
        assert_eq!(net.machine(b).wakes, [start + ms(300)], "an alarm that was missed comes once");
    }
}

#[test]
fn a_clock_that_stops_in_its_sleep_shows_less() {
    let (mut net, [a, b], _) = pair();
    net.inject(Fault::suspend_with_clock(a, ms(5000)));
    net.run_for(ms(6000), &mut ignore_events);
    assert_eq!(net.host_now(b).saturating_duration_since(net.host_now(a)), ms(5000));
}

#[test]
fn alarms_follow_the_host_s_own_clock() {
    let (mut net, [a, _], _) = pair();
    let start = net.now();
    net.set_clock(a, Clock::new().ahead(Duration::from_secs(100)).skew_ppm(500));
    let first = net.host_now(a) + Duration::from_secs(1000);
    net.machine_mut(a).alarm = Some(first);
    net.run_until(start + Duration::from_millis(999_501), &mut ignore_events);
    assert_eq!(net.machine(a).wakes.len(), 1, "half a second early in a thousand");
    let at = net.host_now(a) + Duration::from_secs(50);
    net.machine_mut(a).alarm = Some(at);
    net.run_for(ms(1), &mut ignore_events);
    net.inject(Fault::clock_forward(a, Duration::from_secs(60)));
    net.run_for(ms(1), &mut ignore_events);
    assert_eq!(net.machine(a).wakes.len(), 2, "what a jump passed is due at once");
}

#[test]
fn polls_are_late_early_or_at_ticks() {
    let wakes = |polls: Polls| {
        let (mut net, [a, b], at) = pair();
        net.set_polls(a, polls);
        let start = net.now();
        net.machine_mut(a).alarm = Some(start + ms(15));
        net.send(b, path(at[1], at[0]), b"x");
        net.run_for(ms(400), &mut ignore_events);
        let since = |when: &Instant| when.saturating_duration_since(start);
        let wakes: Vec<Duration> = net.machine(a).wakes.iter().map(since).collect();
        (wakes, since(&net.machine(a).got[0].0))
    };
    assert_eq!(wakes(Polls::prompt()).0[..2], [ms(15), ms(115)]);
    assert_eq!(wakes(Polls::prompt().early()).0[..2], [ms(15), ms(115)]);
    let (late, _) = wakes(Polls::prompt().late(ms(8)));
    assert!(late[0] > ms(15) && late[0] < ms(23), "{late:?}");
    let (ticks, arrival) = wakes(Polls::prompt().tick(ms(20)));
    assert!(ticks.iter().all(|at| at.as_millis().is_multiple_of(20)), "{ticks:?}");
    assert_eq!(arrival, ms(20));
}

#[test]
fn two_ways_over_one_pipe_share_its_queue() {
    let (mut net, [a, b], at) = pair();
    let third_at = addr("203.0.113.3:3000");
    let third = net.add_host(Post::default(), &[third_at]);
    let shared = net.add_pipe(Link::new().rate(crate::base::bitrate::Bitrate::from_bps(8_000_000), 10_000));
    let last = net.add_pipe(Link::new().delay(ms(5)));
    net.set_route(a, b, &[shared, last]);
    net.set_route(third, b, &[shared, last]);
    let start = net.now();
    net.machine_mut(a).out.push((path(at[0], at[1]), vec![0; 972]));
    net.machine_mut(third).out.push((path(third_at, at[1]), vec![0; 972]));
    net.run_for(ms(100), &mut ignore_events);
    let arrivals: Vec<Instant> = net.machine(b).got.iter().map(|(when, ..)| *when).collect();
    assert_eq!(arrivals, [start + ms(6), start + ms(7)]);
}

#[test]
fn what_is_too_long_is_reported_to_who_asks_for_it() {
    let mut told = Vec::new();
    struct Told<'a>(&'a mut Vec<Notice>);
    impl App<Post> for Told<'_> {
        fn on_event(&mut self, _: Instant, _: HostId, _: &mut Post, (): ()) {}
        fn on_notice(&mut self, _: Instant, _: HostId, _: &mut Post, notice: Notice) {
            self.0.push(notice);
        }
    }
    let (mut net, [a, b], at) = pair();
    net.set_link(a, b, Link::new().delay(ms(10)).mtu_reported(500));
    net.machine_mut(a).out.push((path(at[0], at[1]), vec![0; 501]));
    net.run_for(ms(100), &mut Told(&mut told));
    assert_eq!(told, [Notice::TooBig(path(at[0], at[1]), 500)]);
}

#[test]
fn overtaken_datagrams_come_after_those_that_overtook_them() {
    let (mut net, [a, b], at) = pair();
    net.set_link(a, b, Link::new().delay(ms(10)).overtake(Chance::percent(30), 2));
    for number in 0..100_u8 {
        net.machine_mut(a).out.push((path(at[0], at[1]), vec![number]));
        net.run_for(ms(1), &mut ignore_events);
    }
    net.run_for(ms(2000), &mut ignore_events);
    let order: Vec<u8> = net.machine(b).got.iter().map(|(_, _, data)| data[0]).collect();
    assert_eq!(order.len(), 100);
    assert!(!order.is_sorted());
    let mut sorted = order;
    sorted.sort_unstable();
    assert!(sorted.into_iter().eq(0..100));
}

#[test]
fn what_waits_in_a_socket_is_not_brought_a_second_time_by_those_that_overtake_it() {
    let (mut net, [a, b], at) = pair();
    net.set_link(a, b, Link::new().delay(ms(10)).overtake(Chance::ALWAYS, 3));
    net.machine_mut(a).out.push((path(at[0], at[1]), vec![0]));
    net.run_for(ms(900), &mut ignore_events);
    net.inject(Fault::freeze(b, ms(3000)));
    net.run_for(ms(500), &mut ignore_events);
    for number in 1..20_u8 {
        net.machine_mut(a).out.push((path(at[0], at[1]), vec![number]));
        net.run_for(ms(10), &mut ignore_events);
    }
    net.run_for(ms(5000), &mut ignore_events);
    assert_eq!(net.machine(b).got.len(), 20);
    assert_eq!(net.in_flight(), 0);
}

#[test]
fn signals_travel_and_applications_answer_them() {
    struct PingPong(Vec<(HostId, String)>, Vec<String>);
    impl App<Post> for PingPong {
        fn on_event(&mut self, _: Instant, _: HostId, _: &mut Post, (): ()) {}
        fn on_signal(&mut self, _: Instant, host: HostId, _: &mut Post, signal: Signal<'_>) {
            self.1.push(format!("{host}: {}", signal.body));
            if signal.body == "ping" {
                self.0.push((signal.from, "pong".into()));
            }
        }
        fn poll_signal(&mut self, _: HostId) -> Option<(HostId, String)> {
            self.0.pop()
        }
    }
    let (mut net, [a, b], _) = pair();
    net.set_signalling(&Link::new().delay(ms(100)).duplicate(Chance::ALWAYS));
    net.signal(a, b, "ping");
    let mut app = PingPong(Vec::new(), Vec::new());
    net.run_for(ms(1000), &mut app);
    assert_eq!(app.1.iter().filter(|line| *line == "host 1: ping").count(), 2);
    assert_eq!(app.1.iter().filter(|line| *line == "host 0: pong").count(), 4);
}

#[test]
fn a_fork_of_the_world_does_what_its_original_does() {
    let link =
        Link::new().delay(ms(30)).jitter(ms(20)).loss(Chance::percent(20)).duplicate(Chance::percent(20));
    let mut net = Net::new(5, link);
    let nat = net.add_nat(
        Nat::new(Mapping::AddressDependent, Filtering::EndpointIndependent),
        &["198.51.100.7".parse().unwrap()],
    );
    let (inside, outside) = (addr("192.168.0.2:1"), addr("203.0.113.2:2"));
    let a = net.add_host_behind(nat, Post::default(), &[inside]);
    let b = net.add_host(Post::default(), &[outside]);
    net.start_trace();
    net.machine_mut(a).out = (0..100).map(|n| (path(inside, outside), vec![n])).collect();
    net.run_for(ms(35), &mut ignore_events);
    let mut fork = net.fork();
    assert!(fork.in_flight() > 0);
    for net in [&mut net, &mut fork] {
        net.machine_mut(a).out = (0..100).map(|n| (path(inside, outside), vec![n])).collect();
        net.run_for(ms(500), &mut ignore_events);
    }
    assert_eq!(net.trace_hash(), fork.trace_hash());
    assert_eq!(net.machine(b).got, fork.machine(b).got);
}

#[test]
fn the_log_reads_and_its_dump_has_every_datagram() {
    let (mut net, [a, b], at) = pair();
    net.start_log();
    net.machine_mut(a).out.push((path(at[0], at[1]), vec![23, 1, 2]));
    net.note("the phone leaves");
    net.inject(Fault::partition(a, b).lasting(ms(1)));
    net.run_for(ms(100), &mut ignore_events);
    let lines: Vec<String> = net.log().map(ToString::to_string).collect();
    assert!(lines[0].ends_with("- the phone leaves"), "{lines:#?}");
    assert!(lines[1].ends_with("! partition between host 0 and host 1 for 1ms"), "{lines:#?}");
    assert!(
        lines[2].ends_with("203.0.113.1:1000 > 203.0.113.2:2000  DTLS application data (3)"),
        "{lines:#?}"
    );
    assert!(lines[3].ends_with("203.0.113.1:1000 x 203.0.113.2:2000  Partition"), "{lines:#?}");
    assert_eq!(net.pcap_text().lines().count(), 1 + 2);
}

/// Breaks one law each.
#[derive(Debug)]
enum Outlaw {
    WaitsForThePast,
    NeverStops,
    SpeaksAgain(bool),
    SpeaksEarly(Option<Instant>),
}

impl Machine for Outlaw {
    type Input<'i> = Datagram<'i>;
    type Path = Path;
    type Event = ();

    fn handle_input(&mut self, _: Instant, _: Datagram<'_>) {}

    fn poll_output(&mut self, now: Instant, _: &mut [u8]) -> Output<Path, ()> {
        match self {
            Self::WaitsForThePast => Output::Wait(Some(now)),
            Self::NeverStops => Output::Event(()),
            Self::SpeaksAgain(spoken) => {
                *spoken = !*spoken;
                if *spoken { Output::Wait(None) } else { Output::Event(()) }
            }
            Self::SpeaksEarly(wait) => match wait {
                Some(at) if now < *at => Output::Event(()),
                _ => {
                    *wait = Some(now + ms(500));
                    Output::Wait(*wait)
                }
            },
        }
    }
}

fn outlaw(outlaw: Outlaw) {
    let mut net = Network::new(1, Link::new());
    let host = net.add_host(outlaw, &[addr("10.0.0.1:1")]);
    net.set_checks(!matches!(net.machine(host), Outlaw::SpeaksEarly(_)));
    net.set_polls(host, Polls::prompt().early());
    net.run_for(ms(1000), &mut ignore_events);
}

#[test]
#[should_panic(expected = "T1")]
fn t1_catches_a_wait_that_is_not_later_than_now() {
    outlaw(Outlaw::WaitsForThePast);
}

#[test]
#[should_panic(expected = "T2")]
fn t2_catches_a_machine_that_never_stops() {
    outlaw(Outlaw::NeverStops);
}

#[test]
#[should_panic(expected = "T3")]
fn t3_catches_a_machine_that_has_more_to_say_when_asked_again() {
    outlaw(Outlaw::SpeaksAgain(false));
}

#[test]
#[should_panic(expected = "T5")]
fn t5_catches_a_machine_that_speaks_before_its_deadline() {
    outlaw(Outlaw::SpeaksEarly(None));
}
