//! Writes RTCP packets one after the other into a caller's buffer.

use super::compound::{format, kind};
use super::feedback::{FirEntry, NackPair, remb_mantissa_exponent};
use super::report::{ReportBlock, SenderInfo, sdes};
use super::twcc::{FeedbackHeader, PacketStatus, TransportFeedbackWriter};
use super::xr::{self, Dlrr};
use crate::base::writer::{Full, Writer};

/// Version 2 without padding.
const VERSION: u8 = 0x80;
const PADDING: u8 = 0x20;
/// The count of a packet has five bits.
const MAX_COUNT: usize = 31;

/// Writes packets into `buf`; one that does not fit leaves what is there as it was.
///
/// ```
/// use antiphon::wire::rtcp::{Compound, CompoundWriter};
///
/// let mut buf = [0; 100];
/// let mut writer = CompoundWriter::new(&mut buf);
/// writer.receiver_report(1, [])?;
/// writer.cname(1, "name")?;
/// let len = writer.finish();
/// assert_eq!(Compound::new(&buf[..len]).filter(Result::is_ok).count(), 2);
/// # Ok::<(), antiphon::base::writer::Full>(())
/// ```
#[derive(Debug)]
pub struct CompoundWriter<'a> {
    out: Writer<'a>,
}

impl<'a> CompoundWriter<'a> {
    /// No packets yet.
    pub const fn new(buf: &'a mut [u8]) -> Self {
        Self { out: Writer::new(buf) }
    }

    /// How many bytes have been written.
    pub const fn len(&self) -> usize {
        self.out.position()
    }

    /// Whether nothing has been written.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes are free.
    pub const fn remaining(&self) -> usize {
        self.out.remaining()
    }

    /// Ends the datagram and returns its length.
    pub const fn finish(self) -> usize {
        self.len()
    }

    /// Writes a packet whose body `body` writes; returns what it returned.
    fn packet<T>(
        &mut self,
        packet_type: u8,
        count: u8,
        body: impl FnOnce(&mut Writer<'a>) -> Result<T, Full>,
    ) -> Result<T, Full> {
        let start = self.out.position();
        let result = self.try_packet(start, packet_type, count, body);
        if result.is_err() {
            self.out.truncate(start);
        }
        result
    }

    fn try_packet<T>(
        &mut self,
        start: usize,
        packet_type: u8,
        count: u8,
        body: impl FnOnce(&mut Writer<'a>) -> Result<T, Full>,
    ) -> Result<T, Full> {
        self.out.bytes(&[VERSION | count & 0x1f, packet_type, 0, 0])?;
        let result = body(&mut self.out)?;
        let len = self.out.position() - start;
        let padding = len.next_multiple_of(4) - len;
        self.out.zeros(padding)?;
        let words = u16::try_from(len.div_ceil(4) - 1);
        self.out.patch_u16(start + 2, words.map_err(|_| Full { wanted: len, left: 4 * 0x1_0000 })?);
        Ok(result)
    }

    /// Sets the count of the packet that begins at `start`.
    fn set_count(&mut self, start: usize, count: u8) {
        if let Some(first) = self.out.written_mut().get_mut(start) {
            *first = *first & !0x1f | count & 0x1f;
        }
    }

    /// SR with up to 31 blocks; returns how many were taken.
    ///
    /// # Errors
    /// [`Full`] if it does not fit.
    pub fn sender_report(
        &mut self,
        info: &SenderInfo,
        blocks: impl IntoIterator<Item = ReportBlock>,
    ) -> Result<usize, Full> {
        let start = self.out.position();
        let taken = self.packet(kind::SENDER_REPORT, 0, |out| {
            out.u32(info.ssrc)?;
            out.u64(info.ntp)?;
            out.u32(info.rtp_timestamp)?;
            out.u32(info.packet_count)?;
            out.u32(info.octet_count)?;
            Ok(write_blocks(out, blocks))
        })?;
        self.set_count(start, taken);
        Ok(usize::from(taken))
    }

    /// RR with up to 31 blocks; returns how many were taken.
    ///
    /// # Errors
    /// [`Full`] if it does not fit.
    pub fn receiver_report(
        &mut self,
        ssrc: u32,
        blocks: impl IntoIterator<Item = ReportBlock>,
    ) -> Result<usize, Full> {
        let start = self.out.position();
        let taken = self.packet(kind::RECEIVER_REPORT, 0, |out| {
            out.u32(ssrc)?;
            Ok(write_blocks(out, blocks))
        })?;
        self.set_count(start, taken);
        Ok(usize::from(taken))
    }

    /// SDES with the canonical name of one source.
    ///
    /// # Errors
    /// [`Full`] if it does not fit.
    pub fn cname(&mut self, ssrc: u32, cname: &str) -> Result<(), Full> {
        self.source_description([(ssrc, [(sdes::CNAME, cname)])])
    }

    /// SDES with the items of up to 31 sources.
    ///
    /// # Errors
    /// [`Full`] if it does not fit, an item is longer than 255 bytes, or there are more sources.
    pub fn source_description<'i, I>(
        &mut self,
        chunks: impl IntoIterator<Item = (u32, I)>,
    ) -> Result<(), Full>
    where
        I: IntoIterator<Item = (u8, &'i str)>,
    {
        let start = self.out.position();
        let count = self.packet(kind::SOURCE_DESCRIPTION, 0, |out| {
            let mut count = 0;
            for (ssrc, items) in chunks {
                if count >= MAX_COUNT {
                    return Err(Full { wanted: count + 1, left: MAX_COUNT });
                }
                count += 1;
                out.u32(ssrc)?;
                for (item, value) in items {
                    let len = u8::try_from(value.len());
                    out.bytes(&[item, len.map_err(|_| Full { wanted: value.len(), left: 255 })?])?;
                    out.bytes(value.as_bytes())?;
                }
                // At least one zero ends the items, and more reach the next multiple of four.
                let len = out.position() - start;
                out.zeros(4 - len % 4)?;
            }
            Ok(count)
        })?;
        self.set_count(start, u8::try_from(count).unwrap_or(0));
        Ok(())
    }

    /// BYE of up to 31 sources.
    ///
    /// # Errors
    /// [`Full`] if it does not fit, the reason is longer than 255 bytes, or there are more sources.
    pub fn goodbye(&mut self, ssrcs: &[u32], reason: Option<&str>) -> Result<(), Full> {
        let count = u8::try_from(ssrcs.len()).ok().filter(|count| usize::from(*count) <= MAX_COUNT);
        let count = count.ok_or(Full { wanted: ssrcs.len(), left: MAX_COUNT })?;
        self.packet(kind::GOODBYE, count, |out| {
            ssrcs.iter().try_for_each(|ssrc| out.u32(*ssrc))?;
            let Some(reason) = reason else { return Ok(()) };
            let len = u8::try_from(reason.len()).map_err(|_| Full { wanted: reason.len(), left: 255 })?;
            out.u8(len)?;
            out.bytes(reason.as_bytes())
        })
    }

    /// APP.
    ///
    /// # Errors
    /// [`Full`] if it does not fit.
    pub fn app(&mut self, ssrc: u32, subtype: u8, name: [u8; 4], data: &[u8]) -> Result<(), Full> {
        self.packet(kind::APP, subtype, |out| {
            out.u32(ssrc)?;
            out.bytes(&name)?;
            out.bytes(data)
        })
    }

    /// NACK of as many pairs as fit; returns how many were taken.
    ///
    /// # Errors
    /// [`Full`] if not one fits; so too if there is none.
    pub fn nack(
        &mut self,
        sender_ssrc: u32,
        media_ssrc: u32,
        pairs: impl IntoIterator<Item = NackPair>,
    ) -> Result<usize, Full> {
        self.packet(kind::TRANSPORT_FEEDBACK, format::NACK, |out| {
            out.u32(sender_ssrc)?;
            out.u32(media_ssrc)?;
            let mut taken = 0;
            for pair in pairs {
                let [a, b] = pair.first.0.to_be_bytes();
                let [c, d] = pair.following.to_be_bytes();
                if out.bytes(&[a, b, c, d]).is_err() {
                    break;
                }
                taken += 1;
            }
            if taken > 0 { Ok(taken) } else { Err(Full { wanted: 4, left: out.remaining() }) }
        })
    }

    /// PLI.
    ///
    /// # Errors
    /// [`Full`] if it does not fit.
    pub fn pli(&mut self, sender_ssrc: u32, media_ssrc: u32) -> Result<(), Full> {
        self.packet(kind::PAYLOAD_FEEDBACK, format::PLI, |out| {
            out.u32(sender_ssrc)?;
            out.u32(media_ssrc)
        })
    }

    /// FIR with those requests.
    ///
    /// # Errors
    /// [`Full`] if it does not fit.
    pub fn fir(&mut self, sender_ssrc: u32, entries: impl IntoIterator<Item = FirEntry>) -> Result<(), Full> {
        self.packet(kind::PAYLOAD_FEEDBACK, format::FIR, |out| {
            out.u32(sender_ssrc)?;
            out.u32(0)?;
            for entry in entries {
                out.u32(entry.ssrc)?;
                out.bytes(&[entry.sequence, 0, 0, 0])?;
            }
            Ok(())
        })
    }

    /// REMB of up to 255 streams.
    ///
    /// # Errors
    /// [`Full`] if it does not fit, or there are more streams.
    pub fn remb(&mut self, sender_ssrc: u32, bitrate_bps: u64, ssrcs: &[u32]) -> Result<(), Full> {
        let count = u8::try_from(ssrcs.len()).map_err(|_| Full { wanted: ssrcs.len(), left: 255 })?;
        let (mantissa, exponent) = remb_mantissa_exponent(bitrate_bps);
        self.packet(kind::PAYLOAD_FEEDBACK, format::APPLICATION, |out| {
            out.u32(sender_ssrc)?;
            out.u32(0)?;
            out.bytes(b"REMB")?;
            out.u8(count)?;
            out.u24(exponent << 18 | mantissa)?;
            ssrcs.iter().try_for_each(|ssrc| out.u32(*ssrc))
        })
    }

    /// Transport-wide feedback on `statuses.len()` packets from `header.base` on.
    ///
    /// # Errors
    /// [`Full`] if it does not fit, or there are more than 65535 packets.
    pub fn transport_feedback(
        &mut self,
        header: &FeedbackHeader,
        statuses: &[PacketStatus],
    ) -> Result<(), Full> {
        self.packet(kind::TRANSPORT_FEEDBACK, format::TRANSPORT_WIDE, |out| {
            TransportFeedbackWriter::write(out, header, statuses)
        })
    }

    /// XR with a receiver's reference time.
    ///
    /// # Errors
    /// [`Full`] if it does not fit.
    pub fn receiver_reference_time(&mut self, ssrc: u32, ntp: u64) -> Result<(), Full> {
        self.packet(kind::EXTENDED_REPORT, 0, |out| {
            out.u32(ssrc)?;
            out.bytes(&[xr::RRTR, 0, 0, 2])?;
            out.u64(ntp)
        })
    }

    /// XR with answers to receivers' reference times.
    ///
    /// # Errors
    /// [`Full`] if it does not fit.
    pub fn dlrr(&mut self, ssrc: u32, entries: &[Dlrr]) -> Result<(), Full> {
        let words = entries.len() * 3;
        let words = u16::try_from(words).map_err(|_| Full { wanted: words, left: usize::from(u16::MAX) })?;
        self.packet(kind::EXTENDED_REPORT, 0, |out| {
            out.u32(ssrc)?;
            out.bytes(&[xr::DLRR, 0])?;
            out.u16(words)?;
            for entry in entries {
                out.u32(entry.ssrc)?;
                out.u32(entry.last_rr)?;
                out.u32(entry.delay_since_last_rr)?;
            }
            Ok(())
        })
    }

    /// Pads the last packet, which begins at `start`, by `len` bytes, a multiple of four between 4 and 252.
    ///
    /// # Errors
    /// [`Full`] if they do not fit or are not such a multiple.
    pub fn pad(&mut self, start: usize, len: u8) -> Result<(), Full> {
        let before = self.out.position();
        if len == 0 || !len.is_multiple_of(4) || start + 4 > before {
            return Err(Full { wanted: usize::from(len), left: self.out.remaining() });
        }
        self.out.zeros(usize::from(len))?;
        let end = self.out.position();
        if let Some(last) = self.out.written_mut().last_mut() {
            *last = len;
        }
        if let Some(first) = self.out.written_mut().get_mut(start) {
            *first |= PADDING;
        }
        self.out.patch_u16(start + 2, u16::try_from((end - start) / 4 - 1).unwrap_or(u16::MAX));
        Ok(())
    }
}

/// As many blocks as one packet can count and the buffer holds.
fn write_blocks(out: &mut Writer<'_>, blocks: impl IntoIterator<Item = ReportBlock>) -> u8 {
    let mut taken = 0;
    for block in blocks.into_iter().take(MAX_COUNT) {
        if out.bytes(&block.to_bytes()).is_err() {
            break;
        }
        taken += 1;
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::super::{Compound, Packet, XrBlock};
    use super::*;
    use crate::base::serial::Seq16;
    use proptest::prelude::*;

    #[test]
    fn a_packet_that_does_not_fit_leaves_the_others() {
        let mut buf = [0; 30];
        let mut writer = CompoundWriter::new(&mut buf);
        writer.pli(1, 2).unwrap();
        assert!(writer.sender_report(&SenderInfo::default(), []).is_err());
        assert!(writer.goodbye(&[0; 32], None).is_err());
        assert_eq!(writer.finish(), 12);
    }

    #[test]
    fn blocks_beyond_the_count_or_the_buffer_wait_for_the_next_report() {
        let mut buf = [0; 2000];
        let mut writer = CompoundWriter::new(&mut buf);
        assert_eq!(writer.receiver_report(1, vec![ReportBlock::default(); 40]), Ok(31));
        let mut small = [0; 60];
        let mut writer = CompoundWriter::new(&mut small);
        assert_eq!(writer.receiver_report(1, vec![ReportBlock::default(); 40]), Ok(2));
        let len = writer.finish();
        let Some(Ok(Packet::ReceiverReport(report))) = Compound::new(&small[..len]).next() else { panic!() };
        assert_eq!(report.blocks().count(), 2);
    }

    #[test]
    fn padding_is_told_and_passed_over() {
        let mut buf = [0; 40];
        let mut writer = CompoundWriter::new(&mut buf);
        writer.pli(1, 2).unwrap();
        assert!(writer.pad(0, 3).is_err());
        writer.pad(0, 8).unwrap();
        let len = writer.finish();
        assert_eq!(len, 20);
        assert!(matches!(Compound::new(&buf[..len]).next(), Some(Ok(Packet::Pli(_)))));
    }

    prop_compose! {
        fn block()(ssrc: u32, fraction_lost: u8, lost in -0x80_0000..0x80_0000, highest_sequence: u32, jitter: u32,
            last_sr: u32, delay_since_last_sr: u32) -> ReportBlock {
            ReportBlock { ssrc, fraction_lost, cumulative_lost: lost, highest_sequence, jitter, last_sr, delay_since_last_sr }
        }
    }

    proptest! {
        #[test]
        fn reports_are_read_as_written(
            blocks in prop::collection::vec(block(), 0..=31), ntp: u64, rtp_timestamp: u32, packet_count: u32, octet_count: u32,
        ) {
            let info = SenderInfo { ssrc: 9, ntp, rtp_timestamp, packet_count, octet_count };
            let mut buf = [0; 2000];
            let mut writer = CompoundWriter::new(&mut buf);
            writer.sender_report(&info, blocks.iter().copied()).unwrap();
            writer.receiver_report(8, blocks.iter().copied()).unwrap();
            let len = writer.finish();
            let packets: Vec<_> = Compound::new(&buf[..len]).collect();
            let [Ok(Packet::SenderReport(sr)), Ok(Packet::ReceiverReport(rr))] = packets[..] else {
                return Err(TestCaseError::fail("not read"));
            };
            prop_assert_eq!((sr.info, sr.blocks().collect::<Vec<_>>()), (info, blocks.clone()));
            prop_assert_eq!((rr.ssrc, rr.blocks().collect::<Vec<_>>()), (8, blocks));
        }

        #[test]
        fn descriptions_and_goodbyes_are_read_as_written(
            chunks in prop::collection::vec((any::<u32>(), prop::collection::vec((1_u8..=255, "[a-z]{0,9}"), 0..4)), 0..5),
            reason in prop::option::of("[a-z ]{0,30}"),
        ) {
            let mut buf = [0; 2000];
            let mut writer = CompoundWriter::new(&mut buf);
            let given = chunks.iter().map(|(ssrc, items)| (*ssrc, items.iter().map(|(kind, value)| (*kind, value.as_str()))));
            writer.source_description(given).unwrap();
            let ssrcs: Vec<_> = chunks.iter().map(|(ssrc, _)| *ssrc).collect();
            writer.goodbye(&ssrcs, reason.as_deref()).unwrap();
            let len = writer.finish();
            let packets: Vec<_> = Compound::new(&buf[..len]).collect();
            let [Ok(Packet::SourceDescription(description)), Ok(Packet::Goodbye(bye))] = packets[..] else {
                return Err(TestCaseError::fail("not read"));
            };
            let read: Vec<_> = description.chunks().map(|chunk| {
                let items = chunk.items().map(|item| (item.kind, String::from_utf8(item.value.to_vec()).unwrap())).collect();
                (chunk.ssrc, items)
            }).collect();
            prop_assert_eq!(read, chunks);
            prop_assert_eq!(bye.ssrcs().collect::<Vec<_>>(), ssrcs);
            prop_assert_eq!(bye.reason, reason.as_deref().map(str::as_bytes));
        }

        #[test]
        fn feedback_is_read_as_written(
            pairs in prop::collection::vec((any::<u16>(), any::<u16>()), 1..20), sequence: u8, rate: u64,
            ssrcs in prop::collection::vec(any::<u32>(), 0..9), entries in prop::collection::vec(any::<(u32, u32, u32)>(), 0..9),
        ) {
            let pairs: Vec<_> = pairs.into_iter().map(|(first, following)| NackPair { first: Seq16(first), following }).collect();
            let entries: Vec<_> = entries.into_iter()
                .map(|(ssrc, last_rr, delay_since_last_rr)| Dlrr { ssrc, last_rr, delay_since_last_rr }).collect();
            let mut buf = [0; 2000];
            let mut writer = CompoundWriter::new(&mut buf);
            writer.nack(1, 2, pairs.iter().copied()).unwrap();
            writer.fir(3, ssrcs.iter().map(|ssrc| FirEntry { ssrc: *ssrc, sequence }).chain([FirEntry { ssrc: 4, sequence }])).unwrap();
            writer.remb(5, rate, &ssrcs).unwrap();
            writer.receiver_reference_time(6, rate).unwrap();
            writer.dlrr(7, &entries).unwrap();
            writer.app(8, 3, *b"TEST", &[1, 2, 3, 4]).unwrap();
            let len = writer.finish();
            let packets: Vec<_> = Compound::new(&buf[..len]).map(Result::unwrap).collect();
            let [Packet::Nack(nack), Packet::Fir(fir), Packet::Remb(remb), Packet::ExtendedReport(rrtr),
                Packet::ExtendedReport(dlrr), Packet::App(app)] = packets[..] else {
                return Err(TestCaseError::fail("not read"));
            };
            prop_assert_eq!(nack.pairs().collect::<Vec<_>>(), pairs);
            prop_assert_eq!(fir.entries().map(|entry| entry.ssrc).collect::<Vec<_>>(), [&ssrcs[..], &[4]].concat());
            prop_assert!(fir.entries().all(|entry| entry.sequence == sequence));
            prop_assert_eq!(remb.ssrcs().collect::<Vec<_>>(), ssrcs);
            prop_assert!(remb.bitrate_bps <= rate && rate - remb.bitrate_bps <= rate >> 17);
            prop_assert_eq!(rrtr.blocks().collect::<Vec<_>>(), [XrBlock::ReceiverReferenceTime { ntp: rate }]);
            let Some(XrBlock::Dlrr(block)) = dlrr.blocks().next() else { return Err(TestCaseError::fail("no DLRR")) };
            prop_assert_eq!(block.entries().collect::<Vec<_>>(), entries);
            prop_assert_eq!((app.subtype, app.name, app.data), (3, *b"TEST", &[1, 2, 3, 4][..]));
        }
    }
}
