//! Bodies that ask a key for work, with every length within reach: a mutation of a body's text
//! hardly ever makes a member some bytes longer or empty.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use strongroom_model::{EncryptionAlgorithm, SignatureAlgorithm};

/// The members that hold bytes, in the order in which the lengths are given.
const MEMBERS: [&str; 5] = ["value", "digest", "iv", "aad", "tag"];

/// A member of this length is left out.
const ABSENT: u8 = u8::MAX;

/// A body: `bytes` is the number of an algorithm, half the length of each member, a byte whose
/// bits say which of the lengths are odd, and what the members are filled with.
pub fn asked(bytes: &[u8]) -> Vec<u8> {
    let (number, rest) = bytes.split_first().unwrap_or((&0, &[]));
    let (lengths, rest) = rest.split_at(rest.len().min(MEMBERS.len()));
    let (odd, filling) = rest.split_first().unwrap_or((&0, &[]));
    let mut filling = filling.iter().copied().chain(std::iter::repeat(7));
    let mut body = Map::from_iter([("alg".to_owned(), algorithm(*number).into())]);
    for (place, (name, half)) in MEMBERS.into_iter().zip(lengths).enumerate() {
        if *half != ABSENT {
            let length = 2 * usize::from(*half) + usize::from(odd >> place & 1);
            let content: Vec<u8> = filling.by_ref().take(length).collect();
            body.insert(name.to_owned(), URL_SAFE_NO_PAD.encode(content).into());
        }
    }
    Value::from(body).to_string().into_bytes()
}

fn algorithm(number: u8) -> &'static str {
    let signatures = SignatureAlgorithm::ALL.iter().map(|algorithm| algorithm.name());
    let encryptions = EncryptionAlgorithm::ALL.iter().map(|algorithm| algorithm.name());
    let names: Vec<&str> = signatures.chain(encryptions).collect();
    names[usize::from(number) % names.len()]
}
