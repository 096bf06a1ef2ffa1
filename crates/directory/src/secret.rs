//! How secret bytes lie in a row's plaintext (which is itself zeroized, and only ever sealed).

use minicbor::decode::Decoder;
use minicbor::encode::{Encoder, Write};
use strongroom_crypto::SecretBytes;

pub(crate) fn encode<C, W: Write>(
    secret: &SecretBytes,
    e: &mut Encoder<W>,
    _: &mut C,
) -> Result<(), minicbor::encode::Error<W::Error>> {
    e.bytes(secret.expose())?.ok()
}

pub(crate) fn decode<C>(
    d: &mut Decoder<'_>,
    _: &mut C,
) -> Result<SecretBytes, minicbor::decode::Error> {
    Ok(SecretBytes::new(d.bytes()?.to_vec()))
}
