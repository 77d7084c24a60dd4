//! Whether an offer is due (W3C §4.7.3, "check if negotiation is needed").

use crate::peer::jsep::description::SdpType;
use crate::peer::jsep::direction::{self, intersection, reversed, sends};
use crate::peer::jsep::negotiator::Negotiator;
use crate::peer::jsep::remote::is_live;
use crate::peer::jsep::state::SignalingState;
use crate::peer::jsep::survey::Inherited;
use crate::peer::jsep::transceiver::Transceiver;
use crate::sdp::{Attribute, Direction, Media, Session, Token};

impl Negotiator {
    /// Whether an offer is due: only ever in `stable`.
    pub(crate) fn negotiation_needed(&self) -> bool {
        if self.state != SignalingState::Stable {
            return false;
        }
        // A section that the peer rejected has been negotiated all the same: asking again would not end.
        let data = |media: &Media| media.is_data() && is_live(media);
        let negotiated =
            self.current_local.as_ref().is_some_and(|local| local.session().media.iter().any(data));
        let both = self.current_local.as_ref().zip(self.current_remote.as_ref());
        let both = both.map(|(local, remote)| {
            (local.kind(), [local, remote].map(|its| (Inherited::of(its.session()), its.session())))
        });
        self.wants_restart
            || self.wants_data && !negotiated
            || self.transceivers.iter().any(|transceiver| differs(transceiver, both))
    }
}

/// A description, with what its sections inherit.
type Described<'a> = (Inherited, &'a Session);

/// Whether a transceiver is not as it was negotiated: by what ours was for, and by ours and theirs.
fn differs(transceiver: &Transceiver, both: Option<(SdpType, [Described<'_>; 2])>) -> bool {
    let Some(section) = transceiver.settled.section else { return !transceiver.is_stopped() };
    if transceiver.is_stopped() {
        return true;
    }
    let Some((kind, [local, remote])) = both else { return true };
    let both = section_of(local, section).zip(section_of(remote, section));
    let Some(((ours, told), (theirs, _))) = both else { return true };
    let theirs = reversed(theirs);
    let wanted = transceiver.direction();
    if sends(wanted) && !same_streams(told, transceiver) {
        return true;
    }
    match kind {
        SdpType::Offer => wanted != ours && wanted != theirs,
        SdpType::Answer | SdpType::Pranswer | SdpType::Rollback => ours != intersection(wanted, theirs),
    }
}

fn section_of((inherited, session): Described<'_>, section: usize) -> Option<(Direction, &Media)> {
    let media = session.media.get(section)?;
    Some((direction::of(inherited, media), media))
}

/// Whether the streams of a transceiver are those its section tells, in whatever order.
fn same_streams(media: &Media, transceiver: &Transceiver) -> bool {
    let told = media.attributes.iter();
    let told =
        told.filter_map(|a| if let Attribute::Msid(stream, _) = a { Some(stream.as_str()) } else { None });
    let told: Vec<&str> = told.collect();
    let wanted: Vec<&str> = match transceiver.streams.as_slice() {
        [] => vec!["-"],
        streams => streams.iter().map(Token::as_str).collect(),
    };
    told.len() == wanted.len() && told.iter().all(|stream| wanted.contains(stream))
}
