//! Every queue and table limit that is not a `Config` value, with the reason for its value.

use core::time::Duration;

/// Shortest buffer a caller may poll with when the MTU has not been configured otherwise, and the default size of a
/// datagram we send: 1280 (IPv6's least MTU) less 40 of IPv6 and 8 of UDP leaves 1232; 32 more are left for a TURN header.
pub const DEFAULT_MTU: usize = 1200;
/// Smallest MTU a configuration may ask for. DTLS handshakes work down to it.
pub const MIN_MTU: usize = 256;
/// Largest datagram that is looked at: what UDP can carry.
pub const MAX_DATAGRAM: usize = 65_535;

/// Events that may wait in one machine. A caller that drains after each input never sees ten.
pub const MAX_EVENTS: usize = 4096;

/// Bytes of one arena block: six full datagrams.
pub const ARENA_BLOCK: usize = 8 * 1024;
/// Blocks of one arena: a reader a few messages behind still finds a free one.
pub const ARENA_BLOCKS: usize = 8;

// ---- stun, ice ------------------------------------------------------------------------------------------------

/// Pairs that are checked, unless configured otherwise (RFC 8445 §6.1.2.5).
pub const ICE_PAIRS: usize = 100;
/// Most pairs a configuration may ask an agent to check: at the least pacing of 5 ms they take five seconds.
pub const MAX_ICE_PAIRS: usize = 1000;
/// Local candidates of one agent: more interfaces than a host has, times two families.
pub const MAX_LOCAL_CANDIDATES: usize = 64;
/// Answers that may wait for a caller who does not draw them.
pub const MAX_ICE_REPLIES: usize = 64;
/// Checks that were cancelled and whose answers still count: at the default pacing of 50 ms those of the last six seconds, which is longer
/// than an answer is under way.
pub const MAX_CANCELLED_CHECKS: usize = 128;
/// Checks that a lite agent knows again when they are played a second time: at the four to six seconds between two that keep consent, those
/// of the last five minutes.
pub const MAX_KNOWN_CHECKS: usize = 64;
/// Consent checks whose answers are awaited: as many as leave within the expiry.
pub const MAX_CONSENT_CHECKS: usize = 8;
/// Local candidates that checks have shown behind a NAT, kept for statistics: one for each interface that a host behind NATs has.
pub const MAX_LOCAL_REFLEXIVE: usize = 16;
/// Conflicts in one generation after which a peer that still disputes the role is no better than one that is silent: an honest one gives
/// way at the first, and a few of its checks are under way by then.
pub const MAX_ROLE_CONFLICTS: u8 = 32;
/// Types that an answer lists as not understood: more than any peer has, and the answer is no longer than its request.
pub const MAX_UNKNOWN_ATTRIBUTES: usize = 16;
/// Checks remembered until the peer's description comes (RFC 8445 §7.3).
pub const MAX_EARLY_CHECKS: usize = 16;
/// Paths besides the valid ones over which the peer still checks, and so may send (RFC 8445 §12.2).
pub const MAX_HEARD_PATHS: usize = 8;
/// Addresses of the peer's, new after the end of the checks, that are checked at once in [`ICE_FOLLOW_TIME`]: a NAT that has forgotten its mapping
/// makes one. One that maps each destination anew and lets its own hosts in from outside makes one of each check that answers another, without end.
pub const MAX_ICE_FOLLOWS: u8 = 4;
/// The time in which so many are.
pub const ICE_FOLLOW_TIME: Duration = Duration::from_secs(5);

// ---- dtls -----------------------------------------------------------------------------------------------------

/// Longest handshake message that is put together: a chain of RSA certificates, twice over.
pub const DTLS_MESSAGE: usize = 32 * 1024;
/// Bytes held of handshake messages that follow the next one, whose room is always there: what claims to follow must not keep it out. The
/// longest message and a flight around it.
pub const DTLS_AHEAD: usize = 48 * 1024;
/// Handshake messages from the next on that are held: a flight has at most six.
pub const DTLS_MESSAGES_AHEAD: usize = 10;
/// Fragments of one message that contradict what is held of it before they are believed instead: in the clear, a forged
/// one that came first must not hold up the handshake for good.
pub const DTLS_CONTRADICTIONS: u32 = 3;
/// Records of the next epoch that wait for its keys: enough for a flight that arrives in another order.
pub const DTLS_EARLY_RECORDS: usize = 8;
/// Bytes of such records.
pub const DTLS_EARLY_BYTES: usize = 16 * 1024;
/// Application records that wait until the peer is verified.
pub const DTLS_GATED_RECORDS: usize = 32;
/// Application records that wait for their reader: a batch of datagrams before the next read.
pub const DTLS_RECORDS: usize = 1024;
/// Bytes of application records that wait, verified or not.
pub const DTLS_RECORD_BYTES: usize = 1 << 20;
/// How often the peer may make us repeat a flight between two expiries of our timer: plaintext can be forged, and a
/// flight is longer than what asks for it.
pub const DTLS_REPEATS: u32 = 8;
/// Expiries of the handshake's timer, without a word of the peer between, after which what anybody could have said is believed: a forged
/// alert must not end a handshake of which a flight was lost, nor the flight after it.
pub const DTLS_RUMOUR_EXPIRIES: u32 = 3;
/// Expiries of a flight's timer after which its datagrams are no longer than [`DTLS_SAFE_MTU`]: silence may be the path's answer to
/// long ones (RFC 6347 §4.1.1.1).
pub const DTLS_LONG_EXPIRIES: u32 = 2;
/// What every path carries: the 576 bytes that each host puts together (RFC 791 §3.1), less 20 of IPv4 and 8 of UDP.
pub const DTLS_SAFE_MTU: usize = 548;
/// Requests for another handshake that one connection declines: a peer that goes on asking knows the answer.
pub const DTLS_REFUSALS: u32 = 8;
/// `HelloVerifyRequest`s a client answers in one handshake; honest servers send one, rarely two.
pub const DTLS_VERIFY_REQUESTS: u8 = 4;

// ---- sctp, data -----------------------------------------------------------------------------------------------

/// Data channels at a time: what Chromium allows.
pub const DATA_CHANNELS: usize = 1024;
/// Most data channels a configuration may ask for: as many as there are streams (RFC 8832 §6: 65535 is none).
pub const MAX_DATA_CHANNELS: usize = 65_535;
/// Bytes kept outside the association's window, over all channels: messages that overtook their OPEN or wait in a channel that the
/// peer has closed.
pub const DATA_HELD: usize = 512 * 1024;
/// What is charged for each such message beside its bytes.
pub const DATA_HELD_OVERHEAD: usize = 64;
/// Bytes of labels and protocols of the channels that the peer opened: a kilobyte for each of [`DATA_CHANNELS`].
pub const DATA_LABELS: usize = 1024 * 1024;
/// Streams that may be in the course of being refused; beyond, the peer is left without an answer.
pub const DATA_REFUSED_STREAMS: usize = 1024;

/// The SCTP port of WebRTC (RFC 8841 §5.1: the description says it, all say 5000).
pub const SCTP_PORT: u16 = 5000;
/// Receive window: what browsers offer; at 50 ms it carries 838 Mbit/s.
pub const SCTP_RECEIVE_WINDOW: usize = 5 * 1024 * 1024;
/// Least receive window a configuration may ask for: one message of a peer that has not been told how long they may be (RFC 8841 §6.1).
pub const MIN_RECEIVE_WINDOW: usize = 64 * 1024;
/// Most: half of what the window's field can say (RFC 9260 §3.3.2).
pub const MAX_RECEIVE_WINDOW: usize = 1 << 31;
/// Most datagrams drawn at once: what Linux cuts in one call (`UDP_MAX_SEGMENTS`).
pub const MAX_SEGMENTS: usize = 64;
/// Unsent bytes of one stream above which `send` refuses.
pub const SCTP_SEND_LIMIT: usize = 1024 * 1024;
/// Longest message either way unless descriptions say otherwise: what Chromium takes.
pub const SCTP_MAX_MESSAGE: usize = 256 * 1024;
/// Longest message towards a peer whose description does not say what it takes (RFC 8841 §6.1).
pub const DEFAULT_MAX_MESSAGE: usize = 64 * 1024;
/// Least SCTP packet length: what is left of [`MIN_MTU`] inside DTLS.
pub const SCTP_MIN_MTU: usize = 160;
/// How long a peer may keep an acknowledgement back, until we know better (RFC 9260 §6.2: usually 200 ms).
pub const SCTP_ACK_DELAY: Duration = Duration::from_millis(200);
/// The longest it may ever (RFC 9260 §6.2).
pub const SCTP_MAX_ACK_DELAY: Duration = Duration::from_millis(500);
/// An acknowledgement this much later than the least round trip was kept back.
pub const SCTP_LATE_ACK: Duration = Duration::from_millis(80);
/// Prompt answers to the I bit after which the peer is trusted to honour it.
pub const SCTP_PROMPT_ACKS: u32 = 3;
/// Least distance of the retransmission timeout from the round trip, for clocks and schedulers.
pub const SCTP_RTO_MARGIN: Duration = Duration::from_millis(50);
/// Turns a stream can owe for one long message.
pub const SCTP_MAX_TURNS: i64 = 256;
/// Growth of the round trip within one round that ends slow start, at least and at most (RFC 9406 §4.2, which has 4 and 16 ms).
pub const SCTP_DELAY_GROWTH_MIN: Duration = Duration::from_millis(4);
/// See [`SCTP_DELAY_GROWTH_MIN`].
pub const SCTP_DELAY_GROWTH_MAX: Duration = Duration::from_millis(16);
/// Round trips to see in a round before its growth is believed (RFC 9406 §4.2).
pub const SCTP_DELAY_SAMPLES: u32 = 8;
/// Packets that one acknowledgement adds to the window in slow start at most (RFC 9260 §7.2.1's L).
pub const SCTP_SLOW_START_PACKETS: usize = 64;
/// Time that a caller who comes late is given back by the pacer: two ticks of a game.
pub const SCTP_PACING_CREDIT: Duration = Duration::from_millis(34);
/// TSNs in flight, and taken beyond the cumulative one: gap blocks reach no further (RFC 9260 §3.3.4).
pub const SCTP_MAX_TSN_DISTANCE: u64 = 65_535;
/// What a message that waits to be read costs beside its bytes.
pub const SCTP_MESSAGE_OVERHEAD: usize = 64;
/// What a stream costs while it has messages: its book and the first room of its queue.
pub const SCTP_STREAM_OVERHEAD: usize = 256;
/// What it costs more while some of them wait for their turn: the first leaf of their tree.
pub const SCTP_ORDER_OVERHEAD: usize = 512;
/// Empty books of streams that are kept for the next that have messages: a burst on so many streams costs no allocator.
pub const SCTP_SPARE_BOOKS: usize = 32;
/// Messages that the queue of such a book, and one that has run nearly empty, may have room for: 40 KiB.
pub const SCTP_SPARE_MESSAGES: usize = 1024;
/// What a fragment that waits for others costs beside its bytes.
pub const SCTP_FRAGMENT_OVERHEAD: usize = 64;
/// What the first fragment of a message costs more: the book of those that follow.
pub const SCTP_RUN_OVERHEAD: usize = 448;
/// Repeated TSNs that one SACK reports.
pub const SCTP_MAX_DUPLICATES: usize = 16;
/// What DTLS, UDP and IP add to a packet, for pacing.
pub const SCTP_PACKET_OVERHEAD: usize = 80;
/// Room that a closed window must gain before the peer is told.
pub const SCTP_WINDOW_STEP: usize = 64 * 1024;
/// Parameters looked at in one RE-CONFIG (RFC 6525 §3.1 allows two), and responses that may wait.
pub const SCTP_RECONFIG_PARAMETERS: usize = 2;
/// Everything of a packet with a reset request but its list of streams, with a SACK and a response beside it.
pub const SCTP_RECONFIG_HEAD: usize = 96;
/// Least receive window a peer may offer (RFC 9260 §3.3.2).
pub const SCTP_MIN_WINDOW: u32 = 1500;
/// Bytes of unrecognised parameters that are reported.
pub const SCTP_MAX_REPORT: usize = 512;
/// What stands around an unrecognised chunk in its report.
pub const SCTP_REPORT_HEAD: usize = 64;
/// Events that may wait: of each stream one that it can be read and one that the peer reset it, both once more after a restart that has not
/// been told, one that its buffer is low, and one that our own reset of it has ended; the reports of the peer's errors; and a handful about the whole. More there never are, so none is refused.
pub const SCTP_MAX_EVENTS: usize = 6 * 65_536 + SCTP_MAX_PEER_ERRORS + 16;
/// Reports of the peer's that may wait among our events.
pub const SCTP_MAX_PEER_ERRORS: usize = 64;
/// Answers that may wait to be drawn.
pub const SCTP_MAX_ANSWERS: usize = 16;
/// Shortest piece of a message worth beginning in what is left of a packet.
pub const SCTP_LEAST_FRAGMENT: usize = 200;
/// Blocks of an association's own arena, and their length: for messages much shorter than their packets.
pub const SCTP_ARENA: (usize, usize) = (4096, 8);

// ---- sdp, peer ------------------------------------------------------------------------------------------------

/// Longest description that is read. A thousand sections of two hundred bytes of codecs fit four times over.
pub const MAX_SDP_BYTES: usize = 1024 * 1024;
/// Longest line: an `a=identity` assertion is a few kilobytes.
pub const MAX_SDP_LINE_BYTES: usize = 16 * 1024;
/// Lines of one description; each is a value of some fifty bytes once it is read.
pub const MAX_SDP_LINES: usize = 40_000;
/// Media sections of one description: far above the largest conference.
pub const MAX_SDP_MEDIA: usize = 1024;
/// Candidates of one description: sixteen components of sixty-four, most of which an agent would not pair anyway.
pub const MAX_SDP_CANDIDATES: usize = 1024;
/// Entries of the lists of one description, all together: formats, mids of groups, streams, sources, layers, options. Each takes some forty
/// bytes once it is read, a layer seventy. A thousand sections of twenty formats, with their groups and sources, have fewer.
pub const MAX_SDP_LISTED: usize = 32 * 1024;
/// Groups of one description: as many as it may have sections.
pub const MAX_SDP_GROUPS: usize = MAX_SDP_MEDIA;
/// Layers that one `a=simulcast` names: of as many streams as are looked at, as many alternatives.
pub const MAX_SIMULCAST_LAYERS: usize = MAX_STREAMS * MAX_STREAMS;
/// Bytes of the extensions of one candidate, and longest text of one that waits for its description: a name of 255 bytes and a user fragment
/// of 256 fit, twice over.
pub const MAX_CANDIDATE_BYTES: usize = 2048;
/// Extensions of one candidate; deployed endpoints write four, and each is a value of a hundred bytes.
pub const MAX_CANDIDATE_EXTENSIONS: usize = 16;
/// Fingerprints of one section: one for each hash function that is known, of three certificates.
pub const MAX_FINGERPRINTS: usize = 16;
/// DTLS datagrams kept from a path that the peer has validated and we have not yet: a fragmented ClientHello and its repetition.
pub const MAX_EARLY_DATAGRAMS: usize = 4;
/// Remote candidates kept until the remote description they belong to arrives (RFC 8838 §14).
pub const MAX_EARLY_CANDIDATES: usize = 100;
/// The least first DTLS timeout: below it, a busy peer's answer would be asked for twice.
pub const DTLS_MIN_TIMEOUT: Duration = Duration::from_millis(100);
/// The least first timeout of a DTLS flight where the round trip is guessed by the answer to a repeated check.
pub const DTLS_GUESSED_TIMEOUT: Duration = Duration::from_millis(250);
/// At how many expiries the timer of a DTLS flight does not double yet, where the round trip has been measured: almost four seconds at one of
/// 50 ms, in which ninety-nine handshakes in a hundred come through where three datagrams in ten are lost.
pub const DTLS_HELD_EXPIRIES: u32 = 24;
/// After this much quiet a connection gives back its buffers.
pub const TRIM_AFTER: Duration = Duration::from_secs(2);
/// Paths a router remembers of one connection; an ICE restart or two fit.
pub const MAX_ROUTED_PATHS: usize = 32;
/// Outstanding STUN transactions a router remembers of one connection: more than checks can be in progress.
pub const MAX_ROUTED_TRANSACTIONS: usize = 256;
/// Transceivers of one connection: as many as a description may have sections.
pub const MAX_TRANSCEIVERS: usize = MAX_SDP_MEDIA;
/// Longest name of a stream (RFC 8830 §2).
pub const MAX_STREAM_NAME: usize = 64;
/// Longest name of a layer: what a one-byte header extension carries (RFC 8285 §4.2).
pub const MAX_RID: usize = 16;
/// Layers one transceiver sends: three are usual, and a mid is seldom cut finer than this.
pub const MAX_ENCODINGS: usize = 8;
/// Streams one track belongs to, and header extensions, sources or rids of one section that are looked at.
pub const MAX_STREAMS: usize = 16;
/// Sources of one section that are looked at (`a=ssrc`): three layers with repetitions and correction, several times over.
pub const MAX_SECTION_SOURCES: usize = 64;
/// Candidates kept in one media section once it stands: as many as an agent pairs, and a hundred to spare.
pub const MAX_SECTION_CANDIDATES: usize = 256;

// ---- srtp -----------------------------------------------------------------------------------------------------------

/// Sources that one session sends from. Their indices must be remembered as long as the keys live (RFC 7714 §8.4), so none is ever
/// forgotten: a forwarding server that shows each viewer a hundred sources at a time may replace all of them forty times.
pub const SRTP_SENDING_SOURCES: usize = 4096;
/// Sources whose authenticated packets are taken: as many as we would send from. Each is some 150 bytes.
pub const SRTP_RECEIVING_SOURCES: usize = 4096;

/// What protection adds to a packet at most: AES-GCM's tag with the index of RTCP, or with the header of Cryptex (RFC 7714, RFC 9335).
pub const SRTP_OVERHEAD: usize = 24;

// ---- wire::rtp, wire::rtcp ------------------------------------------------------------------------------------------

/// References of one frame that a dependency descriptor may list; encoders use up to eight.
pub const DEPENDENCY_REFERENCES: usize = 32;

// ---- codec ----------------------------------------------------------------------------------------------------------

/// Longest frame that is put together: a key frame of 8K at the highest rates stays below it.
pub const CODEC_FRAME: usize = 8 * 1024 * 1024;
/// Units of one frame that are sent: twice the slices that the largest level of H.265 allows, and more than the 512 tiles of AV1.
pub const CODEC_UNITS: usize = 1200;
/// Bytes of parameter sets kept to be sent again; a set takes some hundred.
pub const CODEC_PARAMETER_SETS: usize = 8 * 1024;
/// Blocks of one RED payload: browsers send up to nine older ones (RFC 2198).
pub const CODEC_RED_BLOCKS: usize = 32;

// ---- cc -------------------------------------------------------------------------------------------------------------

/// Packets that a history of departures remembers; a power of two, and less than half of the numbers that feedback has. A second of
/// 80 Mbit/s.
pub const CC_HISTORY: usize = 8192;
/// How long a history remembers, as far as that number allows: feedback on a packet comes a round trip after it, and what the
/// peer keeps it back.
pub const CC_HISTORY_TIME: Duration = Duration::from_secs(2);
/// How far the time under way of a packet may differ from that of those in the feedback before, by the two clocks, and be believed: no
/// network keeps a packet longer.
pub const CC_TRANSIT_CHANGE: Duration = Duration::from_secs(10);
/// Feedback packets in a row that may be beyond that; then one of the clocks has leapt, and it is measured anew.
pub const CC_DOUBTED_FEEDBACK: u8 = 3;

// ---- rtp ------------------------------------------------------------------------------------------------------------

/// Outgoing encodings of one session: what fits a conference's description three times over.
pub const RTP_SENDERS: usize = 1024;
/// Receivers of one session, one for each media section.
pub const RTP_RECEIVERS: usize = 1024;
/// Sources heard at a time, repetitions' among them: each costs about a kilobyte beside what waits of it, which [`RTP_SESSION_BYTES`] bounds.
pub const RTP_SOURCES: usize = 4096;
/// A source this long silent gives its place to another if there is none, and is forgotten after [`RTP_SOURCE_FORGOTTEN`].
pub const RTP_SOURCE_SILENT: Duration = Duration::from_secs(5);
/// Five reports missed, of the longest interval there is (RFC 3550 §6.3.5).
pub const RTP_SOURCE_FORGOTTEN: Duration = Duration::from_secs(60);
/// A step forward in sequence numbers that is loss and no new beginning (RFC 3550 appendix A.1).
pub const RTP_MAX_DROPOUT: u64 = 3000;
/// A step back that is disorder and no new beginning. RFC 3550 appendix A.1 has 100; what is asked for again comes later than that.
pub const RTP_MAX_MISORDER: u64 = 3000;
/// Missing packets of one source that are asked for: a second of 5 Mbit/s.
pub const RTP_NACK_MISSING: usize = 512;
/// How often each is asked for.
pub const RTP_NACK_ATTEMPTS: u8 = 10;
/// How long a packet may be late before it is asked for: disorder of a network is rarely longer.
pub const RTP_NACK_DELAY: Duration = Duration::from_millis(10);
/// The least time between asking twice for one packet.
pub const RTP_NACK_MIN_INTERVAL: Duration = Duration::from_millis(20);
/// The round trip assumed before one has been measured.
pub const RTP_ROUND_TRIP: Duration = Duration::from_millis(100);
/// Packets of one source that wait for one before them: a second of 20 Mbit/s.
pub const RTP_REORDER: usize = 2048;
/// How far ahead of the latest packet a repetition is believed: senders may repeat what we did not know of.
pub const RTP_RTX_AHEAD: u64 = 64;
/// Sources that were forgotten whose section is remembered: those of a camera in three layers with their repetitions, ten times over.
pub const RTP_PAST_SOURCES: usize = 64;
/// What frames of pictures are put together in, in bytes: a frame every now and then is longer, and gets a block of its own size.
pub const RTP_VIDEO_BLOCK: usize = 32 * 1024;
/// What frames of sound are.
pub const RTP_AUDIO_BLOCK: usize = 2 * 1024;
/// Such blocks of one source beside the one that is written.
pub const RTP_FRAME_BLOCKS: usize = 7;
/// Frames of one receiver that wait to be read.
pub const RTP_FRAMES: usize = 256;
/// Bytes of such frames.
pub const RTP_FRAME_BYTES: usize = 16 * 1024 * 1024;
/// Packets of one receiver that wait to be read.
pub const RTP_PACKETS: usize = 2048;
/// Bytes that all media of one session may hold at a time: packets that wait for others, frames of which the beginning is there and the blocks
/// they are in, what waits to be read. Four readers that stand still, or two key frames of 8K beside a conference of fifty pictures.
pub const RTP_SESSION_BYTES: usize = 64 * 1024 * 1024;
/// Packets of a session that wait to be drawn: a key frame of every encoding of a simulcast, several times over.
pub const RTP_QUEUE: usize = 8192;
/// Packets of one encoding that are kept to be sent again; a power of two.
pub const RTP_HISTORY_PACKETS: usize = 2048;
/// Blocks of the arena of a connection's media. What a server forwards stays in them as long as it may be asked for again: four
/// megabytes, which only who keeps so much ever has.
pub const RTP_ARENA_BLOCKS: usize = 512;
/// Bytes of payload that are kept for one encoding.
pub const RTP_HISTORY_BYTES: usize = 4 * 1024 * 1024;
/// How long a packet may wait to be drawn: older, it is of no use to a call.
pub const RTP_QUEUE_AGE: Duration = Duration::from_secs(2);
/// Repetitions of a session that wait to be drawn.
pub const RTP_RTX_QUEUE: usize = 1024;
/// How often one packet is repeated.
pub const RTP_RTX_REPEATS: u8 = 16;
/// The least time between two repetitions of one packet, should the round trip be shorter.
pub const RTP_RTX_MIN_INTERVAL: Duration = Duration::from_millis(5);
/// Between two requests for a key frame, in either direction: an encoder that makes more than three a second makes nothing else.
pub const RTP_KEYFRAME_INTERVAL: Duration = Duration::from_millis(300);
/// Requesters of key frames by FIR that are told apart for one encoding.
pub const RTP_FIR_REQUESTERS: usize = 8;
/// Arrivals by transport-wide numbers that are remembered; a power of two. A second of 80 Mbit/s.
pub const RTP_TRANSPORT_WINDOW: usize = 8192;
/// Between two feedback packets on the transport.
pub const RTP_FEEDBACK_INTERVAL: Duration = Duration::from_millis(100);
/// Sooner if so many packets have arrived.
pub const RTP_FEEDBACK_PACKETS: usize = 128;
/// Feedback that waits to be taken.
pub const RTP_FEEDBACK_QUEUE: usize = 8192;
/// The least a peer's estimate is taken for: below, not even a voice passes.
pub const RTP_MIN_BITRATE_BPS: u64 = 5_000;
/// Questions for round trips that wait for an answer.
pub const RTP_DLRR: usize = 31;
/// The longest interval between reports (RFC 3550 §6.2).
pub const RTCP_MAX_INTERVAL: Duration = Duration::from_secs(5);
/// Room that an RTCP datagram needs beside the canonical name: headers, a sender report, and one packet of feedback.
pub const RTCP_LEAST_ROOM: usize = 128;
/// What UDP and IP add to an RTCP packet, for its share of the bandwidth (RFC 3550 §6.2).
pub const RTCP_OVERHEAD: usize = 28;
/// Parts of the frame before the payload that are kept beside it: the longest payload descriptor that is written over.
pub const RTP_HEAD: usize = 12;
/// Bytes of extensions that are kept beside a packet; longer ones are kept apart.
pub const RTP_EXTRA: usize = 22;

// ---- sim ------------------------------------------------------------------------------------------------------------

/// Mappings of one simulated NAT: the ports above the well-known ones.
pub const SIM_NAT_MAPPINGS: usize = 64_512;
/// Peers one mapping of a simulated NAT remembers for its filter; the oldest is forgotten.
pub const SIM_NAT_PEERS: usize = 1024;
/// Bytes a simulated host's socket holds while its process does not run: Linux's default receive buffer.
pub const SIM_SOCKET_BYTES: usize = 212_992;
/// Lines a simulated network's log holds; the oldest are forgotten.
pub const SIM_LOG_LINES: usize = 1_000_000;
/// Outputs without a `Wait` after which a simulated machine counts as one that never stops.
pub const SIM_OUTPUTS: u64 = 10_000_000;
