//! DER around what a target makes up.

/// A value, by its tag and its parts.
pub fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let value = parts.concat();
    let length = u32::try_from(value.len()).unwrap().to_be_bytes();
    let zeros = length.iter().take_while(|byte| **byte == 0).count().min(3);
    let length = &length[zeros..];
    // A length below 128 stands alone; else its own length stands before it.
    let lengths = [0x80 | u8::try_from(length.len()).unwrap()];
    let lengths: &[u8] = if value.len() < 128 { &[] } else { &lengths };
    [&[tag], lengths, length, &value].concat()
}
