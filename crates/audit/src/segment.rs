//! Segments: the files a journal is made of. `0000000001.log` is a raw one,
//! `0000000001.log.zst` a closed one, compressed whole.
//!
//! A segment begins with a header of 96 bytes, numbers little-endian:
//! `"SRAUDJ01" | node 16 B | number u64 | epoch u64 | first seq u64 | previous MAC 32 B |
//! key generation u32 | opened, Unix ms i64 | crc32c u32`. The first frame's MAC covers
//! everything in it that the chain rests upon.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read};
use std::sync::Arc;

use strongroom_store::disk::{Disk, DiskFile, join};

use crate::error::at;
use crate::frame::{Frame, FrameReader, Head, Kind, Opened, Step};
use crate::keys::Mac;
use crate::{AuditError, NodeId, Record};

/// The header's length in bytes.
pub(crate) const HEADER_LEN: usize = 96;

const MAGIC: &[u8; 6] = b"SRAUDJ";
const FORMAT: &[u8; 2] = b"01";

/// How much is read at once, in bytes.
const CHUNK: usize = 64 * 1024;

const RAW: &str = ".log";
const ZST: &str = ".log.zst";

/// How a segment begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) node: NodeId,
    pub(crate) number: u64,
    pub(crate) epoch: u64,
    /// The number of its first frame.
    pub(crate) first_seq: u64,
    /// The MAC of the frame before that.
    pub(crate) previous: Mac,
    /// The generation of the audit key.
    pub(crate) generation: u32,
    /// The time of its first record, in Unix milliseconds.
    pub(crate) opened_ms: i64,
}

impl Header {
    /// The chain's end before this segment, in this segment's epoch.
    pub(crate) fn before(&self) -> Head {
        let seq = self.first_seq.saturating_sub(1);
        Head { epoch: self.epoch, seq, mac: self.previous }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = [
            MAGIC.as_slice(),
            FORMAT,
            self.node.as_bytes(),
            &self.number.to_le_bytes(),
            &self.epoch.to_le_bytes(),
            &self.first_seq.to_le_bytes(),
            &self.previous,
            &self.generation.to_le_bytes(),
            &self.opened_ms.to_le_bytes(),
        ]
        .concat();
        bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
        bytes
    }

    /// The header in `bytes`, or `None` if there is none, or a torn one.
    fn decode(file: &str, bytes: &[u8; HEADER_LEN]) -> Result<Option<Self>, AuditError> {
        let mut rest = bytes.as_slice();
        let sound = bytes
            .split_last_chunk::<4>()
            .is_some_and(|(covered, crc)| crc32c::crc32c(covered) == u32::from_le_bytes(*crc));
        if !sound || take::<6>(&mut rest) != *MAGIC {
            return Ok(None);
        }
        if take::<2>(&mut rest) != *FORMAT {
            return Err(AuditError::NewerFormat { file: file.to_owned() });
        }
        Ok(Some(Self {
            node: NodeId::from_bytes(take(&mut rest)),
            number: u64::from_le_bytes(take(&mut rest)),
            epoch: u64::from_le_bytes(take(&mut rest)),
            first_seq: u64::from_le_bytes(take(&mut rest)),
            previous: take(&mut rest),
            generation: u32::from_le_bytes(take(&mut rest)),
            opened_ms: i64::from_le_bytes(take(&mut rest)),
        }))
    }
}

/// The next `N` bytes of `rest`; zeros should it be too short, which a header never is.
fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    rest.split_first_chunk().map_or([0; N], |(head, tail)| {
        *rest = tail;
        *head
    })
}

/// In which forms a segment lies there; both while a compressed one replaces a raw one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Forms {
    pub(crate) raw: bool,
    pub(crate) zst: bool,
}

pub(crate) fn raw_name(number: u64) -> String {
    format!("{number:010}{RAW}")
}

pub(crate) fn zst_name(number: u64) -> String {
    format!("{number:010}{ZST}")
}

/// The segments in `dir`, by number.
pub(crate) fn list(disk: &dyn Disk, dir: &str) -> Result<BTreeMap<u64, Forms>, AuditError> {
    let mut found = BTreeMap::<u64, Forms>::new();
    for name in disk.list(dir).map_err(at(dir))? {
        let number = |suffix| name.strip_suffix(suffix).and_then(|n| n.parse::<u64>().ok());
        if let Some(number) = number(ZST) {
            found.entry(number).or_default().zst = true;
        } else if let Some(number) = number(RAW) {
            found.entry(number).or_default().raw = true;
        }
    }
    Ok(found)
}

/// A segment opened for reading.
pub(crate) struct Segment {
    /// The file's name.
    pub(crate) name: String,
    /// `None` if there is no whole header: the segment had not been synced.
    pub(crate) header: Option<Header>,
    frames: FrameReader,
    /// The file, unless it is the compressed form, which nobody writes to.
    raw: Option<Arc<dyn DiskFile>>,
    /// Where something that is no frame was read a second time.
    read_again: Option<u64>,
}

/// Opens the segment `number`, or says `None` if there is none.
pub(crate) fn open(disk: &dyn Disk, dir: &str, number: u64) -> Result<Option<Segment>, AuditError> {
    // The raw form may be replaced between the two attempts: then the compressed one is there.
    for (name, compressed) in
        [(zst_name(number), true), (raw_name(number), false), (zst_name(number), true)]
    {
        match disk.open(&join(dir, &name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(AuditError::io(&name, error)),
            Ok(file) => return Segment::new(file.into(), name, compressed).map(Some),
        }
    }
    Ok(None)
}

impl Segment {
    fn new(file: Arc<dyn DiskFile>, name: String, compressed: bool) -> Result<Self, AuditError> {
        let plain = FileReader::new(file.clone(), 0).map_err(at(&name))?;
        let mut source: Box<dyn Read + Send> = if compressed {
            Box::new(zstd::Decoder::with_buffer(plain).map_err(at(&name))?)
        } else {
            Box::new(plain)
        };
        let mut bytes = [0; HEADER_LEN];
        let header = match source.read_exact(&mut bytes) {
            Err(error) if error.raw_os_error().is_some() => {
                return Err(AuditError::io(&name, error));
            }
            Err(_) => None,
            Ok(()) => Header::decode(&name, &bytes)?,
        };
        if header.is_none() {
            source = Box::new(io::empty());
        }
        let frames = FrameReader::new(source, HEADER_LEN as u64);
        let raw = (!compressed).then_some(file);
        Ok(Self { name, header, frames, raw, read_again: None })
    }

    /// Whether this is the compressed form.
    pub(crate) fn is_compressed(&self) -> bool {
        self.raw.is_none()
    }

    /// The next frame.
    ///
    /// # Errors
    /// Those of the disk.
    pub(crate) fn step(&mut self) -> Result<Step, AuditError> {
        let offset = self.offset();
        let step = self.frames.step().map_err(at(&self.name))?;
        match (&step, &self.raw) {
            // It may have been in the making when it was read.
            (Step::Damaged(_), Some(_)) if self.read_again != Some(offset) => {
                self.read_again(offset)?;
                self.frames.step().map_err(at(&self.name))
            }
            _ => Ok(step),
        }
    }

    /// Reads a raw segment anew from `offset`.
    fn read_again(&mut self, offset: u64) -> Result<(), AuditError> {
        if let Some(file) = &self.raw {
            let source = FileReader::new(file.clone(), offset).map_err(at(&self.name))?;
            self.frames = FrameReader::new(Box::new(source), offset);
            self.read_again = Some(offset);
        }
        Ok(())
    }

    /// Whether, after [`Step::End`], nothing but zeros follows; if not, the next step reads what
    /// follows anew, should it have been written since.
    pub(crate) fn is_blank_behind(&mut self) -> Result<bool, AuditError> {
        let offset = self.offset();
        let blank = self.rest_is_zero()?;
        if !blank {
            self.read_again(offset)?;
        }
        Ok(blank)
    }

    /// The payload of the newest frame.
    pub(crate) fn payload(&self) -> &[u8] {
        self.frames.payload()
    }

    /// The record in the newest frame, if it holds one that this release can read.
    pub(crate) fn record(&self, frame: Frame) -> Option<Record> {
        let found = (frame.kind == Kind::Record).then(|| Record::read_from(self.payload()));
        found.and_then(Result::ok)
    }

    /// What the newest frame says of the journal's opening, if that is what it holds.
    pub(crate) fn opened(&self, frame: Frame) -> Option<Opened> {
        let found = (frame.kind == Kind::Opened).then(|| minicbor::decode(self.payload()));
        found.and_then(Result::ok)
    }

    /// The offset behind the newest frame.
    pub(crate) fn offset(&self) -> u64 {
        self.frames.offset()
    }

    /// Passes over everything before `offset`.
    pub(crate) fn skip_to(&mut self, offset: u64) -> Result<(), AuditError> {
        self.frames.skip_to(offset).map_err(at(&self.name))
    }

    /// Whether nothing but zeros follows.
    pub(crate) fn rest_is_zero(&mut self) -> Result<bool, AuditError> {
        self.frames.rest_is_zero().map_err(at(&self.name))
    }
}

/// The header of the newest segment that has one.
pub(crate) fn newest_header(disk: &dyn Disk, dir: &str) -> Result<Option<Header>, AuditError> {
    for number in list(disk, dir)?.into_keys().rev() {
        if let Some(header) = open(disk, dir, number)?.and_then(|segment| segment.header) {
            return Ok(Some(header));
        }
    }
    Ok(None)
}

/// Reads a file to the end it has when the reader is made.
struct FileReader {
    file: Arc<dyn DiskFile>,
    at: u64,
    end: u64,
}

impl FileReader {
    fn new(file: Arc<dyn DiskFile>, at: u64) -> io::Result<BufReader<Self>> {
        let end = file.len()?;
        Ok(BufReader::with_capacity(CHUNK, Self { file, at, end }))
    }
}

impl Read for FileReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let wanted = left.min(buffer.len());
        if let Some(target) = buffer.get_mut(..wanted) {
            self.file.read_at(target, self.at)?;
        }
        self.at += wanted as u64;
        Ok(wanted)
    }
}
