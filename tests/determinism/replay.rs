//! What a log is good for (D3), and a machine that law 12 is not true of (T4).

use antiphon::sim::{App, Fault, HostId, Link, Network, Peers, What};
use antiphon::{
    Config, DataChannelInit, Datagram, Ecn, Event, Instant, Machine, Message, Output, Path, PeerConnection,
};
use core::borrow::{Borrow, BorrowMut};
use core::time::Duration;
use std::collections::BTreeMap;

use super::{Chat, addresses, bad_link, ms, world};

/// What a host has sent, by instant.
type Said = BTreeMap<Instant, Vec<u8>>;

/// A connection and its application without a network: only what a log says has arrived.
struct Alone<'a> {
    pc: PeerConnection,
    app: &'a mut Peers<Chat>,
    host: HostId,
    said: Said,
    wait: Option<Instant>,
}

impl Alone<'_> {
    fn drain(&mut self, now: Instant) {
        let mut buf = [0; 2048];
        loop {
            match self.pc.poll_output(now, &mut buf) {
                Output::Event(event) => self.app.on_event(now, self.host, &mut self.pc, event),
                Output::Transmit(transmit) => {
                    let bytes = buf.get(..transmit.len).unwrap();
                    self.said.entry(now).or_default().extend_from_slice(bytes);
                }
                Output::Wait(wait) => return self.wait = wait,
            }
        }
    }

    fn wait_until(&mut self, limit: Instant) {
        while let Some(due) = self.wait.filter(|due| *due < limit) {
            self.drain(due);
        }
    }
}

/// D3: what a log says has arrived, given to a fork of the machine with nobody around it, makes it say what the log says it said.
#[test]
fn d3_a_log_replayed_says_what_was_said() {
    for seed in 0..8 {
        let (mut network, mut peers, hosts) =
            world(seed, bad_link(), &Config::new(), 3, Chat::new(200, 3000));
        network.run_for(ms(1200), &mut peers);
        let (pc, mut app, from) = (network.machine(hosts[1]).fork(), peers.clone(), network.now());
        network.start_log();
        network.run_for(Duration::from_secs(4), &mut peers);
        let limit = network.now();

        let mut alone = Alone { pc, app: &mut app, host: hosts[1], said: Said::new(), wait: Some(from) };
        let (mut said, mut arrived) = (Said::new(), 0);
        for line in network.log() {
            match &line.what {
                What::Arrived { path, data } if path.local == addresses()[1] => {
                    alone.wait_until(line.at);
                    alone.pc.handle_input(line.at, Datagram { path: *path, ecn: Ecn::default(), data });
                    alone.drain(line.at);
                    arrived += 1;
                }
                What::Sent { path, data } if path.local == addresses()[1] => {
                    said.entry(line.at).or_default().extend_from_slice(data);
                }
                _ => {}
            }
        }
        alone.wait_until(limit);
        let (last, replayed) = (said.last_key_value().map(|(at, _)| *at), alone.said);
        assert!(arrived > 100 && said.len() > 50, "seed {seed}: {arrived} arrived");
        assert!(said == replayed, "D3: seed {seed}: other bytes, of {last:?} at the latest");
        assert_eq!(app.app.got.keys().count(), peers.app.got.keys().count());
    }
}

/// A connection that gives what came together to itself in the wrong order.
#[derive(Debug)]
struct Hasty {
    pc: PeerConnection,
    held: Vec<(Instant, Path, Vec<u8>)>,
}

impl Borrow<PeerConnection> for Hasty {
    fn borrow(&self) -> &PeerConnection {
        &self.pc
    }
}

impl BorrowMut<PeerConnection> for Hasty {
    fn borrow_mut(&mut self) -> &mut PeerConnection {
        &mut self.pc
    }
}

impl Machine for Hasty {
    type Input<'i> = Datagram<'i>;
    type Path = Path;
    type Event = Event;

    fn handle_input(&mut self, now: Instant, input: Datagram<'_>) {
        self.held.push((now, input.path, input.data.to_vec()));
    }

    fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Output<Path, Event> {
        while let Some((at, path, data)) = self.held.pop() {
            self.pc.handle_input(at, Datagram { path, ecn: Ecn::default(), data: &data });
        }
        self.pc.poll_output(now, buf)
    }
}

/// T4: the comparison that law 12 is held by sees a machine that breaks it.
#[test]
fn t4_catches_a_machine_that_minds_whether_inputs_come_together() {
    let run = |burst: usize| {
        let mut network: Network<Hasty> = Network::new(5, Link::new().delay(ms(20)));
        let hosts = addresses().map(|address| {
            let pc = network.peer(&Config::new(), &[address]).unwrap();
            network.add_host(Hasty { pc, held: Vec::new() }, &[address])
        });
        network.set_burst(burst);
        let init = DataChannelInit { ordered: false, ..DataChannelInit::default() };
        network.machine_mut(hosts[0]).pc.create_data_channel("chat", init).unwrap();
        let mut got: Vec<u8> = Vec::new();
        let mut app = |_: Instant, _: HostId, machine: &mut Hasty, event: Event| {
            if let Event::DataChannelReadable(id) = event {
                let mut channel = machine.pc.data_channel(id).unwrap();
                got.extend(core::iter::from_fn(|| channel.recv()).map(|message| message.data[0]));
            }
        };
        let mut peers = Peers::new(&mut app).pair(hosts[0], hosts[1]);
        for step in 0..40 {
            // Not before the opening is acknowledged: until then messages keep their order (RFC 8832 §6).
            if step == 20 {
                let now = network.host_now(hosts[0]);
                let pc = &mut network.machine_mut(hosts[0]).pc;
                let id = pc.data_channels()[0];
                let mut channel = pc.data_channel(id).unwrap();
                (0..20).for_each(|n| channel.send(now, &Message::binary(vec![n; 900])).unwrap());
            }
            network.inject(Fault::clog(hosts[0], hosts[1]).lasting(ms(79)));
            network.run_for(ms(80), &mut peers);
        }
        got
    };
    let (singles, batches) = (run(1), run(64));
    assert_eq!((singles.len(), batches.len()), (20, 20));
    assert_ne!(singles, batches);
}
