//! What the application asks of transceivers (W3C §5): made, stopped, pointed another way. Offers and answers follow.

use crate::base::limits;
use crate::codec::MediaKind;
use crate::peer::jsep::codec::Codec;
use crate::peer::jsep::direction::{from_parts, receives, sends};
use crate::peer::jsep::format::{self, Format};
use crate::peer::jsep::matching;
use crate::peer::jsep::negotiator::Negotiator;
use crate::peer::jsep::section;
use crate::peer::jsep::simulcast;
use crate::peer::jsep::state::SignalingState;
use crate::peer::jsep::transceiver::{
    Encoding, Life, Origin, SendLayer, Settled, Transceiver, TransceiverError, TransceiverId, TransceiverInit,
};
use crate::sdp::{Direction, Text, Token};
use crate::wire::rtp::ExtensionKind;

impl Negotiator {
    /// The transceivers, in the order they were made.
    pub(crate) fn transceivers(&self) -> impl Iterator<Item = &Transceiver> {
        self.transceivers.iter()
    }

    /// The transceiver of that name, until it is gone.
    pub(crate) fn transceiver(&self, id: TransceiverId) -> Option<&Transceiver> {
        let index = self.transceivers.binary_search_by_key(&id, Transceiver::id).ok()?;
        self.transceivers.get(index)
    }

    /// Makes a transceiver; the next offer has a section for it.
    pub(crate) fn add_transceiver(
        &mut self,
        kind: MediaKind,
        init: TransceiverInit,
    ) -> Result<TransceiverId, TransceiverError> {
        let encodings = self.check_encodings(kind, init.send_encodings)?;
        let streams = check_streams(init.streams)?;
        for (index, rid) in init.receive_layers.iter().enumerate() {
            let named = |encoding: &Encoding| encoding.rid.as_ref() == Some(rid);
            if !is_rid(rid) {
                return Err(TransceiverError::Rid(index));
            }
            if init.receive_layers.iter().take(index).any(|its| its == rid) || encodings.iter().any(named) {
                return Err(TransceiverError::DuplicateRid(index));
            }
        }
        if init.receive_layers.len() > limits::MAX_ENCODINGS {
            return Err(TransceiverError::TooManyEncodings { limit: limits::MAX_ENCODINGS });
        }
        let id = self.insert(kind, Origin::Transceiver, init.direction, encodings)?;
        if let Some(new) = self.transceivers.last_mut() {
            new.streams = streams;
            new.receive_layers = init.receive_layers;
            new.max_receive_bitrate = init.max_receive_bitrate;
            new.has_track = sends(init.direction);
        }
        Ok(id)
    }

    /// The header extensions that the next description has for a transceiver.
    pub(crate) fn header_extensions(&self, id: TransceiverId) -> Vec<(ExtensionKind, Direction)> {
        let Some(its) = self.transceiver(id) else { return Vec::new() };
        let ours = &self.settings.media.of(its.kind).extensions;
        ours.iter().filter_map(|kind| Some((*kind, its.extension(*kind)?))).collect()
    }

    /// Chooses header extensions (webrtc-extensions, `setHeaderExtensionsToNegotiate`).
    pub(crate) fn set_header_extensions(
        &mut self,
        id: TransceiverId,
        extensions: &[(ExtensionKind, Direction)],
    ) -> Result<(), TransceiverError> {
        self.check_open()?;
        let its = self.transceiver(id).ok_or(TransceiverError::Unknown)?;
        if its.is_stopped() {
            return Err(TransceiverError::Stopped);
        }
        let ours = &self.settings.media.of(its.kind).extensions;
        for (index, (kind, _)) in extensions.iter().enumerate() {
            let before = extensions.iter().take(index).any(|(its, _)| its == kind);
            if before || !ours.contains(kind) {
                return Err(TransceiverError::UnknownExtension(index));
            }
        }
        let mid = (ExtensionKind::Mid, Direction::SendRecv);
        if ours.contains(&mid.0) && !extensions.contains(&mid) {
            return Err(TransceiverError::MandatoryExtension);
        }
        let found = self.transceivers.iter_mut().find(|its| its.id == id);
        found.ok_or(TransceiverError::Unknown)?.extensions = Some(extensions.to_vec());
        Ok(())
    }

    /// Says that there is something to send (W3C, `addTrack`): in a transceiver that has never sent and has nothing to, or in a new one.
    pub(crate) fn add_track(
        &mut self,
        kind: MediaKind,
        streams: Vec<Token>,
    ) -> Result<TransceiverId, TransceiverError> {
        self.check_open()?;
        let streams = check_streams(streams)?;
        let free =
            |its: &Transceiver| its.kind == kind && !its.has_track && !its.has_sent && !its.is_stopped();
        if let Some(found) = self.transceivers.iter_mut().find(|its| free(its)) {
            found.has_track = true;
            found.streams = streams;
            found.direction = from_parts(true, receives(found.direction));
            // It is the application's now: no rollback removes it.
            found.origin = Origin::Track;
            return Ok(found.id);
        }
        let id = self.insert(kind, Origin::Track, Direction::SendRecv, vec![Encoding::default()])?;
        if let Some(new) = self.transceivers.last_mut() {
            new.streams = streams;
            new.has_track = true;
        }
        Ok(id)
    }

    /// Says that there is nothing to send any more (W3C, `removeTrack`). Twice is once.
    pub(crate) fn remove_track(&mut self, id: TransceiverId) -> Result<(), TransceiverError> {
        let its = self.editable(id)?;
        if core::mem::take(&mut its.has_track) {
            its.direction = from_parts(false, receives(its.direction));
        }
        Ok(())
    }

    /// Points it another way (W3C, `direction`).
    pub(crate) fn set_direction(
        &mut self,
        id: TransceiverId,
        direction: Direction,
    ) -> Result<(), TransceiverError> {
        let its = self.editable(id)?;
        its.direction = direction;
        Ok(())
    }

    /// Puts what it sends into other streams (W3C, `setStreams`).
    pub(crate) fn set_streams(
        &mut self,
        id: TransceiverId,
        streams: Vec<Token>,
    ) -> Result<(), TransceiverError> {
        let streams = check_streams(streams)?;
        self.editable(id)?.streams = streams;
        Ok(())
    }

    /// Chooses codecs of ours and their order; none: all, in our order (W3C, `setCodecPreferences`).
    pub(crate) fn set_codec_preferences(
        &mut self,
        id: TransceiverId,
        codecs: &[Codec],
    ) -> Result<(), TransceiverError> {
        self.check_open()?;
        let kind = self.transceiver(id).ok_or(TransceiverError::Unknown)?.kind;
        let ours = &self.settings.media.of(kind).codecs;
        let mut chosen: Vec<Codec> = Vec::new();
        for (index, codec) in codecs.iter().enumerate() {
            let known = |its: &&Codec| its.same_encoding(codec) && its.parameters.same(&codec.parameters);
            let known = ours.iter().find(known).ok_or(TransceiverError::UnknownCodec(index))?;
            if !chosen.contains(known) {
                chosen.push(known.clone());
            }
        }
        if !chosen.is_empty() && !chosen.iter().any(Codec::is_primary) {
            return Err(TransceiverError::NoMediaCodec);
        }
        self.editable(id)?.preferences = chosen;
        Ok(())
    }

    /// Changes how its layers are sent: the same layers, in the same order (W3C, `setParameters`).
    pub(crate) fn set_encodings(
        &mut self,
        id: TransceiverId,
        encodings: &[Encoding],
    ) -> Result<(), TransceiverError> {
        self.check_open()?;
        let its = self.transceiver(id).ok_or(TransceiverError::Unknown)?;
        let kind = its.kind;
        let expected = its.settled.layers.len();
        let same_names =
            its.encodings().map(|encoding| &encoding.rid).eq(encodings.iter().map(|encoding| &encoding.rid));
        if !same_names {
            return Err(TransceiverError::EncodingsChanged { expected, got: encodings.len() });
        }
        let mut encodings = encodings.to_vec();
        let formats = its.settled.section.and_then(|section| self.negotiated_formats(section));
        let allowed = format::allowed(self.settings.media.of(kind), &its.preferences);
        for (index, encoding) in encodings.iter_mut().enumerate() {
            self.check_encoding(kind, index, encoding)?;
            let Some(codec) = &encoding.codec else { continue };
            let negotiated = formats
                .as_ref()
                .is_none_or(|formats| formats.iter().any(|format| matching::fits(&format.codec, codec)));
            if !negotiated || !allowed.iter().any(|its| matching::fits(its, codec)) {
                return Err(TransceiverError::UnknownCodec(index));
            }
        }
        let layers = &mut self.editable(id)?.settled.layers;
        for (layer, encoding) in layers.iter_mut().zip(encodings) {
            layer.encoding = encoding;
        }
        Ok(())
    }

    /// Ends it: the next offer or answer says so, and then it is gone (W3C, `stop`). Twice is once.
    pub(crate) fn stop(&mut self, id: TransceiverId) -> Result<(), TransceiverError> {
        self.check_open()?;
        let index = self.transceivers.binary_search_by_key(&id, Transceiver::id).ok();
        let its =
            index.and_then(|index| self.transceivers.get_mut(index)).ok_or(TransceiverError::Unknown)?;
        its.life = Life::Stopping;
        its.has_track = false;
        // One that no description has yet is nobody's business but ours.
        let is_new = its.settled.section.is_none();
        let is_offered =
            self.created_offer.as_ref().is_some_and(|created| created.places.contains(&Some(id)));
        if is_new && !is_offered {
            self.transceivers.retain(|its| its.id != id);
        }
        Ok(())
    }

    /// What the peer takes in a section that offer and answer agree on.
    fn negotiated_formats(&self, section: usize) -> Option<Vec<Format>> {
        let media = self.current_remote.as_ref()?.session().media.get(section)?;
        Some(format::read(media))
    }

    /// The transceiver that a section belongs to.
    pub(super) fn transceiver_at(&self, section: usize) -> Option<&Transceiver> {
        self.transceivers.iter().find(|its| its.settled.section == Some(section))
    }

    fn check_open(&self) -> Result<(), TransceiverError> {
        if self.state == SignalingState::Closed { Err(TransceiverError::Closed) } else { Ok(()) }
    }

    /// One that is there and not stopped.
    fn editable(&mut self, id: TransceiverId) -> Result<&mut Transceiver, TransceiverError> {
        self.check_open()?;
        let index = self.transceivers.binary_search_by_key(&id, Transceiver::id);
        let its =
            index.ok().and_then(|index| self.transceivers.get_mut(index)).ok_or(TransceiverError::Unknown)?;
        if its.is_stopped() { Err(TransceiverError::Stopped) } else { Ok(its) }
    }

    /// Puts a new transceiver at the end.
    pub(super) fn insert(
        &mut self,
        kind: MediaKind,
        origin: Origin,
        direction: Direction,
        encodings: Vec<Encoding>,
    ) -> Result<TransceiverId, TransceiverError> {
        self.check_open()?;
        if !self.settings.media.of(kind).codecs.iter().any(Codec::is_primary) && origin != Origin::Remote {
            return Err(TransceiverError::NoMediaCodec);
        }
        let limit = limits::MAX_TRANSCEIVERS;
        let id = TransceiverId(self.next_transceiver);
        let next = self.next_transceiver.checked_add(1).filter(|_| self.transceivers.len() < limit);
        self.next_transceiver = next.ok_or(TransceiverError::TooMany { limit })?;
        // Drawn with the first one, so that a connection without media draws what it always did.
        if self.cname.is_none() {
            self.cname = Text::new(format!("{:016x}", self.rng.u64())).ok();
        }
        let track = section::token(&format!("{:016x}{:016x}", self.rng.u64(), self.rng.u64()));
        let layers =
            encodings.into_iter().map(|encoding| simulcast::layer(encoding, &mut self.rng)).collect();
        self.transceivers.push(Transceiver {
            id,
            kind,
            origin,
            life: Life::Running,
            direction,
            streams: Vec::new(),
            track,
            has_track: false,
            has_sent: false,
            preferences: Vec::new(),
            extensions: None,
            receive_layers: Vec::new(),
            max_receive_bitrate: None,
            settled: Settled::new(layers),
            before: None,
            made_by_offer: false,
        });
        Ok(id)
    }

    /// Checks and completes the layers of a new transceiver (W3C, `addTransceiver`).
    fn check_encodings(
        &self,
        kind: MediaKind,
        mut encodings: Vec<Encoding>,
    ) -> Result<Vec<Encoding>, TransceiverError> {
        let limit = limits::MAX_ENCODINGS;
        if encodings.len() > limit {
            return Err(TransceiverError::TooManyEncodings { limit });
        }
        let named = encodings.len() > 1 || encodings.iter().any(|encoding| encoding.rid.is_some());
        for (index, encoding) in encodings.iter().enumerate() {
            if named && !encoding.rid.as_ref().is_some_and(is_rid) {
                return Err(TransceiverError::Rid(index));
            }
            let before = encodings.iter().take(index);
            if named && before.into_iter().any(|its| its.rid == encoding.rid) {
                return Err(TransceiverError::DuplicateRid(index));
            }
        }
        for (index, encoding) in encodings.iter_mut().enumerate() {
            self.check_encoding(kind, index, encoding)?;
        }
        let count = encodings.len();
        let unscaled = encodings.iter().all(|encoding| encoding.scale_resolution_down_by.is_none());
        for (index, encoding) in encodings.iter_mut().enumerate() {
            if kind == MediaKind::Video && encoding.scale_resolution_down_by.is_none() {
                encoding.scale_resolution_down_by =
                    Some(if unscaled { simulcast::scale(index, count) } else { 1.0 });
            }
        }
        if encodings.is_empty() {
            encodings.push(Encoding::default());
        }
        // A single layer is no simulcast, and needs no name.
        if let [only] = encodings.as_mut_slice() {
            only.rid = None;
        }
        Ok(encodings)
    }

    fn check_encoding(
        &self,
        kind: MediaKind,
        index: usize,
        encoding: &mut Encoding,
    ) -> Result<(), TransceiverError> {
        if kind == MediaKind::Audio {
            encoding.scale_resolution_down_by = None;
            encoding.max_framerate = None;
        }
        if encoding.scale_resolution_down_by.is_some_and(|scale| !scale.is_finite() || scale < 1.0) {
            return Err(TransceiverError::Scale(index));
        }
        if encoding.max_framerate.is_some_and(|rate| !rate.is_finite() || rate < 0.0) {
            return Err(TransceiverError::Framerate(index));
        }
        let ours = &self.settings.media.of(kind).codecs;
        let known = |codec: &Codec| codec.is_primary() && ours.iter().any(|its| matching::fits(its, codec));
        if encoding.codec.as_ref().is_some_and(|codec| !known(codec)) {
            return Err(TransceiverError::UnknownCodec(index));
        }
        Ok(())
    }
}

impl Settled {
    fn new(layers: Vec<SendLayer>) -> Self {
        Self {
            mid: None,
            section: None,
            current: None,
            fired: Direction::Inactive,
            remote_streams: Vec::new(),
            asked: Vec::new(),
            layers,
            stopped_by_peer: false,
        }
    }
}

/// W3C: letters and digits only, though RFC 8851 §10 has `-` and `_` too, which some do not take.
fn is_rid(rid: &Token) -> bool {
    rid.len() <= limits::MAX_RID && rid.chars().all(|c| c.is_ascii_alphanumeric())
}

/// Each name once, and none too long.
fn check_streams(streams: Vec<Token>) -> Result<Vec<Token>, TransceiverError> {
    let limit = limits::MAX_STREAMS;
    let mut list: Vec<Token> = Vec::new();
    for (index, name) in streams.into_iter().enumerate() {
        if name.len() > limits::MAX_STREAM_NAME {
            return Err(TransceiverError::StreamName(index));
        }
        if !list.contains(&name) {
            list.push(name);
        }
    }
    if list.len() > limit { Err(TransceiverError::TooManyStreams { limit }) } else { Ok(list) }
}
