//! What a run does with sound and pictures, and what must hold of them: they flow again after whatever befell them (L4), nobody sees what
//! nobody shot (S3), and the figures that are told of them are true (A3).

use antiphon::Stats;
use antiphon::sdp::Direction;
use antiphon::sim::Fault;
use core::fmt::Write as _;
use core::time::Duration;

use super::film::{Camera, Show};
use super::plan::{Act, Take, ms};
use super::run::Run;

/// After a network that was cut for a second is whole again, every stream goes on within this: what is missing is given up, a key frame is
/// asked for, which may be held back for 300 ms, and comes; polls late by 30 ms and ticks of 16 ms on the way.
const RESUMPTION: Duration = Duration::from_millis(1500);
/// Frames that may be on their way when they are counted.
const ON_THEIR_WAY: u64 = 15;

impl Run<'_> {
    fn camera(&mut self, side: usize, stream: usize) -> Option<&mut Camera> {
        let cameras = &mut self.network.machine_mut(self.hosts[side]).cameras;
        cameras.iter_mut().find(|camera| camera.stream == stream)
    }

    /// Does what the plan says.
    pub(crate) fn film(&mut self, side: usize, take: Take) {
        if self.peers.app.loud {
            println!("{:>12.6} end {side}: {take:?}", self.since_epoch().as_secs_f64());
        }
        match take {
            Take::Shoot { stream, show } => {
                let end = self.network.machine_mut(self.hosts[side]);
                // One that is closed takes none.
                if let Ok(camera) = Camera::new(end.pc(), stream, show) {
                    end.place(camera);
                    self.peers.app.studio.shows.insert(stream, (side, show));
                }
            }
            Take::Layer { stream, layer } => self.peers.app.studio.choose(stream, layer),
            Take::Mute { stream, mute } => {
                let Some(id) = self.camera(side, stream).map(|camera| camera.id) else { return };
                // Layers of which the other end has not heard yet cannot be asked for by an offer of its own: they would be one stream.
                let layers =
                    self.peers.app.studio.shows.get(&stream).is_some_and(|(_, show)| *show == Show::Layers);
                if mute && layers && self.peers.app.studio.chosen(stream).is_none() {
                    return;
                }
                let direction = if mute { Direction::Inactive } else { Direction::SendOnly };
                let end = self.network.machine_mut(self.hosts[side]);
                if let Some(mut transceiver) = end.pc().transceiver(id) {
                    transceiver.set_direction(direction).unwrap_or_default();
                }
            }
            Take::Leap { stream, by } => {
                let seen = self.peers.app.studio.screens.get(&(stream, false)).and_then(|screen| screen.last);
                if let Some(camera) = self.camera(side, stream)
                    && seen.is_some_and(|shot| camera.may_leap(&shot))
                {
                    camera.leap(by);
                    self.peers.app.studio.leapt += u64::from(by);
                }
            }
        }
    }

    /// Everything is sent again.
    pub(crate) fn unmute(&mut self) {
        let shows: Vec<(usize, usize)> =
            self.peers.app.studio.shows.iter().map(|(stream, (side, _))| (*stream, *side)).collect();
        for (stream, side) in shows {
            self.act(&Act::Film(side, Take::Mute { stream, mute: false }));
        }
    }

    /// From now on pictures must flow.
    pub(crate) fn mark(&mut self) {
        for host in self.hosts {
            for camera in &self.network.machine(host).cameras {
                self.marks.insert(camera.stream, camera.serials);
            }
        }
    }

    /// Whether every stream that is shot shows something shot since the mark.
    pub(crate) fn pictures_flow(&self) -> bool {
        self.peers.app.studio.shows.keys().all(|stream| self.flows(*stream))
    }

    fn flows(&self, stream: usize) -> bool {
        let studio = &self.peers.app.studio;
        let mirrored = studio.shows[&stream].1 == Show::Layers;
        let layer = if mirrored { studio.chosen(stream) } else { Some(0) };
        let last = studio.screens.get(&(stream, mirrored)).and_then(|screen| screen.last);
        let (Some(layer), Some(last)) = (layer, last) else { return false };
        last.layer as usize == layer && last.serial >= self.marks.get(&stream).map_or(0, |marks| marks[layer])
    }

    /// Says what does not flow, for the panic.
    pub(crate) fn missing_pictures(&self, text: &mut String) {
        for (stream, (side, show)) in &self.peers.app.studio.shows {
            if self.flows(*stream) {
                continue;
            }
            let cameras = &self.network.machine(self.hosts[*side]).cameras;
            let shot = cameras.iter().find(|camera| camera.stream == *stream).map(|camera| camera.serials);
            let screens = &self.peers.app.studio.screens;
            let last =
                [false, true].map(|mirrored| screens.get(&(*stream, mirrored)).map(|screen| screen.last));
            write!(text, "; stream {stream} of end {side}, {show:?}: shot {shot:?}, shown {last:?}").unwrap();
        }
    }

    /// S3: nothing is shown that was not shot.
    pub(crate) fn look_at_screens(&self) {
        for (stream, (side, _)) in &self.peers.app.studio.shows {
            let cameras = &self.network.machine(self.hosts[*side]).cameras;
            let Some(camera) = cameras.iter().find(|camera| camera.stream == *stream) else { continue };
            for mirrored in [false, true] {
                let screen = self.peers.app.studio.screens.get(&(*stream, mirrored));
                let Some(last) = screen.and_then(|screen| screen.last) else { continue };
                let shot = camera.serials[last.layer as usize];
                assert!(last.serial < shot, "S3: frame {} of stream {stream} of {shot}", last.serial);
            }
        }
    }

    /// L4, on a healthy network: every frame comes, and nothing is missing between them. A3: round trips are what they are.
    pub(crate) fn watch_films(&mut self) {
        let before = self.peers.app.studio.screens.clone();
        self.mark();
        self.run_for(Duration::from_secs(2));
        for ((stream, mirrored), screen) in &self.peers.app.studio.screens {
            if *mirrored {
                continue;
            }
            let (side, _) = self.peers.app.studio.shows[stream];
            let cameras = &self.network.machine(self.hosts[side]).cameras;
            let Some(camera) = cameras.iter().find(|camera| camera.stream == *stream) else { continue };
            let shot = u64::from(camera.serials[0] - self.marks[stream][0]);
            let was = &before[&(*stream, *mirrored)];
            let (shown, breaks) = (screen.frames - was.frames, screen.breaks - was.breaks);
            assert!(
                shown + ON_THEIR_WAY > shot && shot > 40 && breaks == 0,
                "L4: {shown} of {shot} frames of stream {stream} on a healthy network, {breaks} breaks"
            );
        }
        assert!(self.pictures_flow(), "L4: on a healthy network{}", self.said_of_pictures());
        for side in 0..2 {
            let stats =
                self.network.machine(self.hosts[side]).view().stats(self.network.host_now(self.hosts[side]));
            for sent in stats.outbound_rtp.iter().filter(|its| its.stats.frames_sent > 0) {
                let told = sent.stats.remote.as_ref().and_then(|remote| remote.round_trip_time);
                round_trip(side, told);
            }
        }
    }

    fn said_of_pictures(&self) -> String {
        let mut text = String::new();
        self.missing_pictures(&mut text);
        text
    }

    /// L4: the network is cut for a second, and pictures are back soon after. Then the cameras rest.
    pub(crate) fn cut(&mut self) {
        if !self.peers.app.studio.is_on() {
            return;
        }
        self.network.inject(Fault::partition(self.hosts[0], self.hosts[1]).lasting(ms(1000)));
        self.run_for(ms(1000));
        self.mark();
        let flow = self.run(self.network.now() + RESUMPTION, |run| run.pictures_flow());
        assert!(flow, "L4: {RESUMPTION:?} after a second of silence{}", self.said_of_pictures());
        for host in self.hosts {
            self.network.machine_mut(host).cameras.iter_mut().for_each(|camera| camera.rolls = false);
        }
        self.run_for(Duration::from_secs(5));
    }

    /// A3: what is counted of media is what was on the wire.
    pub(crate) fn reckon_media(&self, stats: &[Stats; 2]) {
        let tape = &self.peers.app.watch.tape;
        for (side, stats) in stats.iter().enumerate() {
            let outbound = stats.outbound_rtp.iter();
            let sources =
                outbound.clone().flat_map(|its| [Some(its.stats.ssrc), its.stats.rtx_ssrc]).flatten();
            let sent: u64 = sources.map(|ssrc| tape.counts(side, ssrc).0).sum();
            let drawn: u64 = outbound.map(|its| its.stats.packets_sent).sum();
            // What could not be sealed was drawn and has not left.
            counted("sent", side, drawn, sent + stats.media.unprotected);
            let received: u64 = stats.inbound_rtp.iter().map(|its| its.stats.packets_received).sum();
            let arrived = tape.arrived(1 - side);
            assert!(received <= arrived, "A3: end {side} has received {received} packets of {arrived}");
            for its in &stats.inbound_rtp {
                let missing = tape.span(1 - side, its.stats.ssrc) - tape.counts(1 - side, its.stats.ssrc).1;
                let lost = u64::try_from(its.stats.packets_lost).unwrap_or(0);
                // Who is closed counts nothing any more.
                let over = self.peers.app.pc_closed.contains(&true);
                assert!(
                    over || lost <= missing,
                    "A3: end {side} has lost {lost} packets, and {missing} are missing"
                );
            }
        }
    }
}

/// A3: a figure about packets.
pub(crate) fn counted(what: &str, side: usize, told: u64, true_figure: u64) {
    assert!(told == true_figure, "A3: end {side} has {what} {told} packets, {true_figure} on the wire");
}

/// A3: a round trip over links of 20 ms each way, with polls late by up to 30 ms and two ticks of 16 ms.
pub(crate) fn round_trip(side: usize, told: Option<Duration>) {
    let plausible = ms(38)..=ms(40 + 30 + 16 + 16 + 8);
    assert!(
        told.is_some_and(|told| plausible.contains(&told)),
        "A3: end {side} tells a round trip of {told:?}"
    );
}
