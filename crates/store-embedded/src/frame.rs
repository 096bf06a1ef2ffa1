//! The frame: what one synced append adds to the log.
//!
//! `magic u32 | payload length u32 | CRC32C u32 | transactions u32 | first revision u64 | payload`,
//! little-endian, padded with zeros to whole sectors, so that no frame shares a sector with
//! another. The checksum starts from the store's id, and covers everything but itself and the
//! padding. The payload is, for each transaction, `writes u32`, and for each write
//! `key length u32 | value length u32 | key | value`; a value length of `u32::MAX` is a delete.

use bytes::Bytes;
use strongroom_store::Write;
use strongroom_store::disk::SECTOR;

const MAGIC: u32 = 0x524f_4f4d;
const HEADER: usize = 24;
const DELETE: u32 = u32::MAX;

/// Builds one frame.
#[derive(Debug)]
pub(crate) struct FrameBuilder {
    id: u64,
    first: u64,
    transactions: u32,
    bytes: Vec<u8>,
}

impl FrameBuilder {
    /// An empty frame of the store `id` whose first transaction has the revision `first`. Reuses
    /// `buffer`.
    pub(crate) fn new(id: u64, first: u64, mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        buffer.resize(HEADER, 0);
        Self { id, first, transactions: 0, bytes: buffer }
    }

    pub(crate) fn push(&mut self, writes: &[Write]) {
        self.transactions += 1;
        self.put_len(writes.len());
        for write in writes {
            self.put_len(write.key.len());
            match &write.value {
                Some(value) => self.put_len(value.len()),
                None => self.bytes.extend(DELETE.to_le_bytes()),
            }
            self.bytes.extend_from_slice(&write.key);
            self.bytes.extend_from_slice(write.value.as_deref().unwrap_or_default());
        }
    }

    /// The whole frame, ready to be appended.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        let payload = self.bytes.len() - HEADER;
        let mut header = Vec::with_capacity(HEADER);
        header.extend(MAGIC.to_le_bytes());
        header.extend(len32(payload).to_le_bytes());
        header.extend([0; 4]);
        header.extend(self.transactions.to_le_bytes());
        header.extend(self.first.to_le_bytes());
        self.bytes.splice(..HEADER, header);
        let sum = checksum(self.id, &self.bytes).unwrap_or_default();
        self.bytes.splice(8..12, sum.to_le_bytes());
        self.bytes.resize(self.bytes.len().next_multiple_of(SECTOR), 0);
        self.bytes
    }

    fn put_len(&mut self, len: usize) {
        self.bytes.extend(len32(len).to_le_bytes());
    }
}

/// A frame read back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The revision of the first transaction.
    pub(crate) first: u64,
    /// The writes of each transaction.
    pub(crate) transactions: Vec<Vec<Write>>,
    /// Its length with the padding, in bytes.
    pub(crate) len: usize,
}

impl Frame {
    /// The frame of the store `id` at the start of `bytes`, or `None` if there is no whole and
    /// sound one.
    pub(crate) fn parse(id: u64, bytes: &[u8]) -> Option<Self> {
        let mut header = Reader(bytes.get(..HEADER)?);
        if header.u32()? != MAGIC {
            return None;
        }
        let end = HEADER.checked_add(usize::try_from(header.u32()?).ok()?)?;
        let sum = header.u32()?;
        let transactions = header.u32()?;
        let first = header.u64()?;
        let content = bytes.get(..end)?;
        if checksum(id, content)? != sum {
            return None;
        }
        let mut payload = Reader(content.get(HEADER..)?);
        let transactions = (0..transactions).map(|_| payload.transaction());
        let transactions = transactions.collect::<Option<Vec<_>>>()?;
        Some(Self { first, transactions, len: end.next_multiple_of(SECTOR) })
    }
}

/// Of a frame without padding, its own field left out.
fn checksum(id: u64, frame: &[u8]) -> Option<u32> {
    let sum = crc32c::crc32c(&id.to_le_bytes());
    let sum = crc32c::crc32c_append(sum, frame.get(..8)?);
    Some(crc32c::crc32c_append(sum, frame.get(12..)?))
}

/// Frames are bounded by the batch limit, far below 4 GiB.
fn len32(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(DELETE - 1)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn transaction(&mut self) -> Option<Vec<Write>> {
        (0..self.u32()?).map(|_| self.write()).collect()
    }

    fn write(&mut self) -> Option<Write> {
        let key_len = usize::try_from(self.u32()?).ok()?;
        let value_len = self.u32()?;
        let key = Bytes::copy_from_slice(self.take(key_len)?);
        if value_len == DELETE {
            return Some(Write { key, value: None });
        }
        let value = self.take(usize::try_from(value_len).ok()?)?;
        Some(Write { key, value: Some(Bytes::copy_from_slice(value)) })
    }
}

#[cfg(test)]
mod tests {
    use strongroom_store::Txn;

    use super::*;

    fn frame() -> (Vec<Vec<Write>>, Vec<u8>) {
        let transactions = vec![
            Txn::new().put("a", "1").delete("b").put("", "").writes,
            Txn::new().writes,
            Txn::new().put("c", vec![7; 600]).writes,
        ];
        let mut builder = FrameBuilder::new(5, 41, Vec::new());
        transactions.iter().for_each(|writes| builder.push(writes));
        (transactions, builder.finish())
    }

    #[test]
    fn a_frame_is_read_back_as_it_was_built() {
        let (transactions, bytes) = frame();
        assert_eq!(bytes.len(), 2 * SECTOR);
        let found = Frame::parse(5, &bytes).unwrap();
        assert_eq!(found, Frame { first: 41, transactions, len: 2 * SECTOR });
        assert_eq!(Frame::parse(6, &bytes), None, "a frame of another store is none");
    }

    #[test]
    fn no_flipped_bit_and_no_missing_byte_goes_unseen() {
        let (_, bytes) = frame();
        let end =
            HEADER + usize::try_from(u32::from_le_bytes(bytes[4..8].try_into().unwrap())).unwrap();
        for at in 0..end * 8 {
            let mut flipped = bytes.clone();
            flipped[at / 8] ^= 1 << (at % 8);
            assert_eq!(Frame::parse(5, &flipped), None, "bit {at}");
        }
        for len in 0..end {
            assert_eq!(Frame::parse(5, &bytes[..len]), None);
        }
    }
}
