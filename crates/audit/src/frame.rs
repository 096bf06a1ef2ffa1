//! A journal's frames: `len u32 | crc32c u32 | kind u8 | seq u64 | mac 32 B | payload`, numbers
//! little-endian, the length and the checksum covering what follows the checksum.

use std::io::{self, Read};

use minicbor::{Decode, Encode};
use strongroom_crypto::MacKey;

use crate::NodeId;
use crate::keys::{MAC_LEN, Mac};

/// Bytes before the payload.
const PREFIX: usize = 8 + FIXED;

/// Bytes of kind, seq and MAC.
const FIXED: usize = 1 + 8 + MAC_LEN;

/// The longest frame, without length and checksum, in bytes. A record's texts are clipped far
/// below it.
const MAX_BODY: usize = 256 * 1024;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A [`crate::Record`].
    Record,
    /// The journal was opened: an [`Opened`].
    Opened,
    /// The journal was closed, everything synced: no payload.
    Closed,
}

impl Kind {
    fn code(self) -> u8 {
        match self {
            Self::Record => 1,
            Self::Opened => 2,
            Self::Closed => 3,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        [Self::Record, Self::Opened, Self::Closed].into_iter().find(|kind| kind.code() == code)
    }
}

/// The end of a chain: its newest frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Head {
    /// The life of the journal between two unclean stops; the first is 1.
    #[n(0)]
    pub(crate) epoch: u64,
    /// The frame's number; the first is 1.
    #[n(1)]
    pub(crate) seq: u64,
    #[cbor(n(2), with = "minicbor::bytes")]
    pub(crate) mac: Mac,
}

impl Head {
    /// Where it stands in time.
    pub(crate) fn position(&self) -> (u64, u64) {
        (self.epoch, self.seq)
    }
}

/// What was found when the journal was opened.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Opened {
    /// Whether the last stop was a clean one; if not, a new epoch begins here.
    #[n(0)]
    pub(crate) clean: bool,
    /// The end of the chain as found; `None` in a new journal.
    #[n(1)]
    pub(crate) found: Option<Found>,
    /// The epoch and seq that the store's anchor named then: what must have been found.
    #[n(2)]
    pub(crate) anchored: Option<(u64, u64)>,
}

/// An end of a chain and its place. What lies between it and the segment of the [`Opened`] frame
/// was not synced when the power went, and is no part of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Found {
    #[n(0)]
    pub(crate) head: Head,
    /// The segment's number.
    #[n(1)]
    pub(crate) segment: u64,
    /// The offset behind the last frame.
    #[n(2)]
    pub(crate) offset: u64,
}

/// The key of a chain and the node it belongs to.
#[derive(Clone, Copy)]
pub(crate) struct Chain<'a> {
    pub(crate) key: &'a MacKey,
    pub(crate) node: NodeId,
}

impl Chain<'_> {
    /// The MAC of the frame `seq` of `epoch` that follows the frame with the MAC `previous`.
    pub(crate) fn tag(
        &self,
        epoch: u64,
        seq: u64,
        previous: &Mac,
        kind: Kind,
        payload: &[u8],
    ) -> Mac {
        let mut place = [0; 16 + 8 + 8 + MAC_LEN + 1];
        let mut rest = place.as_mut_slice();
        for part in [
            self.node.as_bytes().as_slice(),
            &epoch.to_be_bytes(),
            &seq.to_be_bytes(),
            previous,
            &[kind.code()],
        ] {
            let (head, tail) = rest.split_at_mut(part.len());
            head.copy_from_slice(part);
            rest = tail;
        }
        self.key.tag(&[&place, payload])
    }

    /// Whether the frame continues the chain that ends with `head`.
    pub(crate) fn fits(&self, head: Head, frame: Frame, payload: &[u8]) -> bool {
        self.tag(head.epoch, head.seq + 1, &head.mac, frame.kind, payload) == frame.mac
    }
}

/// A frame being made; used again and again, so that its buffer is allocated once.
#[derive(Default)]
pub(crate) struct Draft(Vec<u8>);

impl Draft {
    /// Empties the draft and gives its payload to be appended to.
    pub(crate) fn start(&mut self) -> &mut Vec<u8> {
        self.0.clear();
        self.0.resize(PREFIX, 0);
        &mut self.0
    }

    /// The frame, its place in the chain still blank.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Fills in what stands before the payload of `frame`, which follows `head`, and gives the
/// chain's new end.
pub(crate) fn finish(frame: &mut [u8], chain: Chain<'_>, head: Head, kind: Kind) -> Head {
    let seq = head.seq + 1;
    let payload = frame.get(PREFIX..).unwrap_or_default();
    let mac = chain.tag(head.epoch, seq, &head.mac, kind, payload);
    seal(frame, kind, seq, &mac);
    Head { seq, mac, ..head }
}

fn seal(frame: &mut [u8], kind: Kind, seq: u64, mac: &Mac) {
    let body = u32::try_from(frame.len().saturating_sub(8)).unwrap_or(u32::MAX);
    if let Some((head, rest)) = frame.split_first_chunk_mut::<8>()
        && let Some((fixed, payload)) = rest.split_first_chunk_mut::<FIXED>()
    {
        let (place, tag) = fixed.split_at_mut(9);
        if let Some((code, number)) = place.split_first_mut() {
            *code = kind.code();
            number.copy_from_slice(&seq.to_le_bytes());
        }
        tag.copy_from_slice(mac);
        let crc = crc32c::crc32c_append(crc32c::crc32c(fixed), payload);
        let (len, sum) = head.split_at_mut(4);
        len.copy_from_slice(&body.to_le_bytes());
        sum.copy_from_slice(&crc.to_le_bytes());
    }
}

/// A frame as read, its checksum right; its payload is [`FrameReader::payload`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: Kind,
    pub(crate) seq: u64,
    pub(crate) mac: Mac,
}

/// What a reader finds next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A frame.
    Frame(Frame),
    /// Something else than a frame: torn, in the making, or spoilt. If only what the checksum
    /// covers is wrong, its MAC as written, and the reader stands behind it.
    Damaged(Option<Mac>),
    /// Nothing more: the file's end or zeros.
    End,
}

/// Reads frames one after the other.
pub(crate) struct FrameReader {
    source: Box<dyn Read + Send>,
    offset: u64,
    body: Vec<u8>,
}

impl FrameReader {
    /// Reads from `source`, whose first byte has the offset `offset` in its segment.
    pub(crate) fn new(source: Box<dyn Read + Send>, offset: u64) -> Self {
        Self { source, offset, body: Vec::new() }
    }

    /// The offset behind the newest frame.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The payload of the frame that was read last.
    pub(crate) fn payload(&self) -> &[u8] {
        self.body.get(FIXED..).unwrap_or_default()
    }

    /// The next frame.
    ///
    /// # Errors
    /// Those of the disk. What a decompressor cannot read is [`Step::Damaged`].
    pub(crate) fn step(&mut self) -> io::Result<Step> {
        let mut head = [0; 8];
        let Some(read) = self.fill(&mut head)? else { return Ok(Step::Damaged(None)) };
        if read == 0 || head == [0; 8] {
            return Ok(Step::End);
        }
        let [a, b, c, d, crc @ ..] = head;
        let len = u32::from_le_bytes([a, b, c, d]) as usize;
        if read < head.len() || !(FIXED..=MAX_BODY).contains(&len) {
            return Ok(Step::Damaged(None));
        }
        let mut body = std::mem::take(&mut self.body);
        body.resize(len, 0);
        let read = self.fill(&mut body)?;
        self.body = body;
        if read != Some(len) {
            return Ok(Step::Damaged(None));
        }
        self.offset += 8 + len as u64;
        Ok(parse(&self.body, u32::from_le_bytes(crc)))
    }

    /// Passes over everything before `offset`.
    pub(crate) fn skip_to(&mut self, offset: u64) -> io::Result<()> {
        let ahead = offset.saturating_sub(self.offset);
        self.offset += io::copy(&mut (&mut self.source).take(ahead), &mut io::sink())?;
        Ok(())
    }

    /// Whether nothing but zeros follows.
    pub(crate) fn rest_is_zero(&mut self) -> io::Result<bool> {
        let mut chunk = vec![0; 64 * 1024];
        loop {
            match self.fill(&mut chunk)? {
                None => return Ok(false),
                Some(0) => return Ok(true),
                Some(read) if chunk.iter().take(read).any(|byte| *byte != 0) => return Ok(false),
                Some(_) => {}
            }
        }
    }

    /// Fills `buffer` as far as the source goes; `None` if the source cannot be decompressed.
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..)
            && !rest.is_empty()
        {
            match self.source.read(rest) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.raw_os_error().is_some() => return Err(error),
                Err(_) => return Ok(None),
            }
        }
        Ok(Some(filled))
    }
}

fn parse(body: &[u8], crc: u32) -> Step {
    let Some(fixed) = body.first_chunk::<FIXED>() else {
        return Step::Damaged(None);
    };
    let [code, rest @ ..] = fixed;
    let (number, tag) = rest.split_at(8);
    let mut mac = [0; MAC_LEN];
    mac.copy_from_slice(tag);
    let mut seq = [0; 8];
    seq.copy_from_slice(number);
    match Kind::from_code(*code) {
        Some(kind) if crc32c::crc32c(body) == crc => {
            Step::Frame(Frame { kind, seq: u64::from_le_bytes(seq), mac })
        }
        _ => Step::Damaged(Some(mac)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::keys;

    fn frame(seq: u64, payload: &[u8]) -> Vec<u8> {
        let mut draft = Draft::default();
        draft.start().extend(payload);
        seal(&mut draft.0, Kind::Record, seq, &[7; 32]);
        draft.0
    }

    fn reader(bytes: Vec<u8>) -> FrameReader {
        FrameReader::new(Box::new(io::Cursor::new(bytes)), 0)
    }

    /// The layout of the module's first lines, written out by hand; the checksum computed bit by
    /// bit as RFC 3720 (appendix B.4) describes CRC-32C.
    #[test]
    fn a_frame_is_laid_out_as_documented() {
        let mut expected = vec![44, 0, 0, 0];
        expected.extend(0x1328_c4d6_u32.to_le_bytes());
        expected.extend([1, 5, 0, 0, 0, 0, 0, 0, 0]);
        expected.extend([7; 32]);
        expected.extend(b"abc");
        assert_eq!(frame(5, b"abc"), expected);
    }

    #[test]
    fn frames_are_read_back_until_the_zeros() {
        let mut bytes = [frame(1, b"one"), frame(2, b"")].concat();
        let end = bytes.len() as u64;
        bytes.extend([0; 100]);
        let mut reader = reader(bytes);
        let Step::Frame(one) = reader.step().unwrap() else { panic!() };
        assert_eq!((one.kind, one.seq, reader.payload()), (Kind::Record, 1, b"one".as_slice()));
        assert!(matches!(reader.step().unwrap(), Step::Frame(Frame { seq: 2, .. })));
        assert!(matches!(reader.step().unwrap(), Step::End));
        assert_eq!(reader.offset(), end);
        assert!(reader.rest_is_zero().unwrap());
    }

    #[test]
    fn a_frame_with_any_bit_flipped_is_damaged() {
        let whole = frame(1, b"payload");
        for at in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[at / 8] ^= 1 << (at % 8);
            let mut reader = reader(bytes);
            assert!(matches!(reader.step().unwrap(), Step::Damaged(_)), "bit {at}");
        }
        for len in 1..whole.len() {
            let mut reader = reader(whole[..len].to_vec());
            assert!(matches!(reader.step().unwrap(), Step::Damaged(None)), "{len} bytes");
        }
    }

    #[test]
    fn the_mac_depends_on_every_part_of_the_frames_place() {
        let keys = keys();
        let chain = |node| Chain { key: keys.chain(1).unwrap(), node: NodeId::from_bytes(node) };
        let tag = |node, epoch, seq, previous, kind, payload: &[u8]| {
            chain([node; 16]).tag(epoch, seq, &[previous; 32], kind, payload)
        };
        let all = [
            tag(1, 1, 1, 1, Kind::Record, b"x"),
            tag(2, 1, 1, 1, Kind::Record, b"x"),
            tag(1, 2, 1, 1, Kind::Record, b"x"),
            tag(1, 1, 2, 1, Kind::Record, b"x"),
            tag(1, 1, 1, 2, Kind::Record, b"x"),
            tag(1, 1, 1, 1, Kind::Closed, b"x"),
            tag(1, 1, 1, 1, Kind::Record, b"y"),
        ];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
    }
}
