//! JSON Web Keys with a few wrong parts: a mutation of a whole key's text hardly ever leaves
//! numbers that are nearly right, so the bytes say which key is taken and what is done to it.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use strongroom_crypto::provider::ImportedKey;

use crate::keys;

const NAMES: [&str; 11] = ["n", "e", "d", "p", "q", "dp", "dq", "qi", "x", "y", "crv"];
const CURVES: [&str; 5] = ["P-256", "P-384", "P-521", "P-256K", "P-224"];

/// The body of an import: `bytes` is the number of a key, then for each change three bytes: the
/// member, the kind of change, and what it takes.
pub fn changed(bytes: &[u8]) -> Vec<u8> {
    let keys: Vec<Parts> = keys::parts().map(Parts::of).collect();
    let (first, changes) = bytes.split_first().unwrap_or((&0, &[]));
    let number = usize::from(*first) % keys.len();
    let mut key = keys[number].clone();
    // The next one is of the same type, but for the last.
    let other = &keys[(number + 1) % keys.len()];
    for change in changes.chunks_exact(3) {
        key.change(NAMES[usize::from(change[0]) % NAMES.len()], change[1], change[2], other);
    }
    json!({ "key": key.to_json() }).to_string().into_bytes()
}

#[derive(Clone)]
struct Parts {
    kty: &'static str,
    crv: Option<&'static str>,
    numbers: BTreeMap<&'static str, Vec<u8>>,
}

impl Parts {
    fn of(key: ImportedKey) -> Self {
        match key {
            ImportedKey::Rsa { n, e, d, p, q, dp, dq, qi } => {
                let private = [("d", d), ("p", p), ("q", q), ("dp", dp), ("dq", dq), ("qi", qi)];
                let private = private.map(|(name, number)| (name, number.expose().to_vec()));
                let numbers = [("n", n), ("e", e)].into_iter().chain(private).collect();
                Self { kty: "RSA", crv: None, numbers }
            }
            ImportedKey::Ec { curve, x, y, d } => {
                let numbers = [("x", x), ("y", y), ("d", d.expose().to_vec())].into();
                Self { kty: "EC", crv: Some(curve.name()), numbers }
            }
            _ => unreachable!("the fixed keys have parts"),
        }
    }

    fn change(&mut self, name: &'static str, kind: u8, argument: u8, other: &Self) {
        let at = usize::from(argument);
        if name == "crv" {
            self.crv = CURVES.get(at % (CURVES.len() + 1)).copied();
            return;
        }
        let Some(mut number) = self.numbers.remove(name) else { return };
        match kind % 9 {
            0 => return,
            1 => number.splice(0..0, vec![0; at % 300]).for_each(drop),
            2 => {
                let length = number.len().max(1);
                if let Some(byte) = number.get_mut(at * length / 256) {
                    *byte ^= 1 << (argument % 8);
                }
            }
            3 => number.truncate(number.len().saturating_sub(1 + at % 8)),
            4 => drop(number.drain(..number.len().min(1 + at % 8))),
            5 => number = other.numbers.get(name).cloned().unwrap_or_default(),
            6 => number = vec![argument],
            7 => number.push(argument),
            _ => {
                let with = NAMES[at % NAMES.len()];
                if let Some(replaced) = self.numbers.get_mut(with) {
                    std::mem::swap(replaced, &mut number);
                }
            }
        }
        self.numbers.insert(name, number);
    }

    fn to_json(&self) -> Value {
        let mut jwk: serde_json::Map<String, Value> = self
            .numbers
            .iter()
            .map(|(name, number)| ((*name).to_owned(), URL_SAFE_NO_PAD.encode(number).into()))
            .collect();
        jwk.insert("kty".into(), self.kty.into());
        if let Some(curve) = self.crv {
            jwk.insert("crv".into(), curve.into());
        }
        jwk.into()
    }
}
