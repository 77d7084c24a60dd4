//! `ice`: twenty candidates on each side, all reachable or only the last two.

use antiphon::ice::{Agent, Config, Event, LocalCandidate, RemoteParameters, Role};
use antiphon::sim::{HostId, Link, Network};
use antiphon::{Instant, Rng};
use core::time::Duration;
use std::net::{Ipv4Addr, SocketAddr};

use super::measure::{Line, cpu_of, interleaved, print};

const CANDIDATES: u8 = 20;
const ONE_WAY: Duration = Duration::from_millis(25);

/// The addresses of a side.
fn addresses(side: u8) -> Vec<SocketAddr> {
    (1..=CANDIDATES).map(|index| SocketAddr::from((Ipv4Addr::new(10, side, index, 1), 5000))).collect()
}

struct Outcome {
    /// Until both sides have selected a pair.
    selected: Duration,
    datagrams: u64,
}

/// Two agents that know of each other all there is.
fn agents(now: Instant, pacing: Option<Duration>) -> [Agent; 2] {
    let mut agents = [(0, Role::Controlling), (1, Role::Controlled)].map(|(side, role)| {
        let mut config = Config::new().role(role).pair_limit(400);
        if let Some(pacing) = pacing {
            config = config.pacing(pacing);
        }
        let mut agent = Agent::new(now, Rng::new(&antiphon::sim::seed(5, u64::from(side))), &config).unwrap();
        for address in addresses(side) {
            agent.add_local_candidate(LocalCandidate::udp(address)).unwrap();
        }
        agent.end_of_local_candidates();
        agent
    });
    for (from, to) in [(0, 1), (1, 0)] {
        let mut remote = RemoteParameters::new(agents[from].local_credentials().clone());
        remote.pacing = pacing;
        let candidates: Vec<_> = agents[from].local_candidates().cloned().collect();
        agents[to].set_remote(remote);
        for candidate in &candidates {
            agents[to].add_remote_candidate(candidate).unwrap();
        }
        agents[to].end_of_remote_candidates();
    }
    agents
}

/// Runs the checks over links where all pairs work, or only that of the last candidates.
fn checks(pacing: Option<Duration>, last_only: bool) -> Outcome {
    let link = Link::new().delay(ONE_WAY);
    let mut network = Network::new(1, if last_only { Link::blocked() } else { link.clone() });
    let start = network.now();
    let [a, b] = agents(start, pacing);
    let a = network.add_host(a, &addresses(0));
    let b = network.add_host(b, &addresses(1));
    if last_only {
        let last = |side| *addresses(side).last().unwrap();
        network.set_link_between(last(0), last(1), &link);
    }
    let mut selected = [None; 2];
    let limit = start + Duration::from_secs(30);
    loop {
        let mut app = |now: Instant, host: HostId, _: &mut Agent, event: Event| {
            if let Event::Selected(_) = event {
                selected[host.index()].get_or_insert(now);
            }
        };
        let more = network.step(limit, &mut app);
        if let [Some(first), Some(second)] = selected {
            let datagrams = network.counters(a).sent + network.counters(b).sent;
            return Outcome { selected: first.max(second).saturating_duration_since(start), datagrams };
        }
        assert!(more, "no pair was selected");
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

pub(crate) fn run() {
    let fast = Some(Duration::from_millis(5));
    let all = checks(fast, false);
    print("ice.all_ms", ms(all.selected), "ms");
    print("ice.last_only_ms", ms(checks(fast, true).selected), "ms");
    print("ice.all_datagrams", all.datagrams as f64, "datagrams");
    interleaved(vec![Line::new("ice.all_cpu_us", "us", || {
        let runs = 20;
        let cpu = cpu_of(|| {
            for _ in 0..runs {
                core::hint::black_box(checks(fast, false));
            }
        });
        cpu.as_secs_f64() * 1e6 / f64::from(runs)
    })]);
    print("ice.default_pacing_all_ms", ms(checks(None, false).selected), "ms");
}
