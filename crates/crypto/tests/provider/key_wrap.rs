//! AES key wrap without and with padding: Wycheproof, NIST's CAVP, RFC 3394 and RFC 5649.

use strongroom_crypto::provider::{Ciphertext, CryptoProvider, PrivateKey};
use strongroom_crypto::{CryptoError, SecretBytes};
use strongroom_model::EncryptionAlgorithm::{
    self, A128Kw, A192Kw, A256Kw, CkmAesKeyWrap, CkmAesKeyWrapPad,
};
use wycheproof::TestResult;
use wycheproof::keywrap::{Test, TestFlag, TestName, TestSet};

use crate::keys;
use crate::response_file;
use crate::tally::{Expected, Tally, decrypted};

/// RFC 3394, 4.1 to 4.6, and RFC 5649, 6: key, what is wrapped, what comes out.
const RFC_3394: [[&str; 3]; 6] = [
    [
        "000102030405060708090A0B0C0D0E0F",
        "00112233445566778899AABBCCDDEEFF",
        "1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5",
    ],
    [
        "000102030405060708090A0B0C0D0E0F1011121314151617",
        "00112233445566778899AABBCCDDEEFF",
        "96778B25AE6CA435F92B5B97C050AED2468AB8A17AD84E5D",
    ],
    [
        "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
        "00112233445566778899AABBCCDDEEFF",
        "64E8C3F9CE0F5BA263E9777905818A2A93C8191E7D6E8AE7",
    ],
    [
        "000102030405060708090A0B0C0D0E0F1011121314151617",
        "00112233445566778899AABBCCDDEEFF0001020304050607",
        "031D33264E15D33268F24EC260743EDCE1C6C7DDEE725A936BA814915C6762D2",
    ],
    [
        "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
        "00112233445566778899AABBCCDDEEFF0001020304050607",
        "A8F9BC1612C68B3FF6E6F4FBE30E71E4769C8B80A32CB8958CD5D17D6B254DA1",
    ],
    [
        "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
        "00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F",
        "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21",
    ],
];
const RFC_5649: [[&str; 3]; 2] = [
    [
        "5840DF6E29B02AF1AB493B705BF16EA1AE8338F4DCC176A8",
        "C37B7E6492584340BED12207808941155068F738",
        "138BDEAA9B8FA7FC61F97742E72248EE5AE6AE5360D1AE6A5F54F373FA543B6A",
    ],
    [
        "5840DF6E29B02AF1AB493B705BF16EA1AE8338F4DCC176A8",
        "466F7250617369",
        "AFBEB0F07DFBF5419200F2CCB50BB24F",
    ],
];

pub(crate) fn tallies(provider: &CryptoProvider) -> Vec<Tally> {
    let mut tallies: Vec<_> =
        TestName::all().into_iter().map(|name| wycheproof(provider, name)).collect();
    for bits in [128, 192, 256] {
        for kind in ["KW_AE", "KW_AD", "KWP_AE", "KWP_AD"] {
            tallies.push(cavp(provider, kind, bits));
        }
    }
    tallies.push(rfc(provider, "RFC 3394, 4", false, &RFC_3394));
    tallies.push(rfc(provider, "RFC 5649, 6", true, &RFC_5649));
    tallies
}

/// The names under which the provider wraps with a key of this length: RFC 3394 has two.
fn algorithms(
    provider: &CryptoProvider,
    padded: bool,
    key_bytes: usize,
) -> Result<Vec<EncryptionAlgorithm>, String> {
    let names = match (padded, key_bytes) {
        (true, _) => vec![CkmAesKeyWrapPad],
        (false, 16) => vec![A128Kw, CkmAesKeyWrap],
        (false, 24) => vec![A192Kw, CkmAesKeyWrap],
        (false, _) => vec![A256Kw, CkmAesKeyWrap],
    };
    let listed: Vec<_> =
        names.into_iter().filter(|name| provider.encrypts(*name).is_some()).collect();
    match listed.is_empty() {
        false => Ok(listed),
        true => Err(format!("{} does not wrap so", provider.name)),
    }
}

fn wycheproof(provider: &CryptoProvider, name: TestName) -> Tally {
    let mut tally = Tally::new(format!("wycheproof {name:?}"));
    let padded = name == TestName::AesKeyWrapWithPadding;
    for group in TestSet::load(name).unwrap().test_groups {
        let names = match name {
            TestName::AesKeyWrap | TestName::AesKeyWrapWithPadding => {
                algorithms(provider, padded, group.key_size / 8)
            }
            _ => Err("another cipher".to_owned()),
        };
        match names {
            Err(reason) => tally.not_applicable(group.tests.len(), reason),
            Ok(names) => {
                group.tests.iter().for_each(|test| count(&mut tally, provider, &names, test));
            }
        }
    }
    tally
}

fn count(tally: &mut Tally, provider: &CryptoProvider, names: &[EncryptionAlgorithm], test: &Test) {
    let key = keys::oct(provider, &test.key).unwrap().private;
    for name in names {
        let (expected, outcome) = match test.result {
            TestResult::Valid => (Expected::Valid, both(&*key, *name, &test.pt, &test.ct)),
            TestResult::Acceptable if test.flags == [TestFlag::ShortKey] => {
                let reason = "8 bytes without padding (RFC 3394 wraps 16 or more)";
                let outcome = neither(&*key, *name, &test.pt, &test.ct);
                (Expected::RefusedByChoice(reason), outcome)
            }
            _ => (Expected::Invalid, decrypted(unwrap(&*key, *name, &test.ct), &test.pt)),
        };
        tally.count(format!("{} {}", test.tc_id, name.name()), expected, outcome);
    }
}

fn cavp(provider: &CryptoProvider, kind: &str, bits: usize) -> Tally {
    let mut tally = Tally::new(format!("NIST CAVP {kind}_{bits}"));
    let names = algorithms(provider, kind.starts_with("KWP"), bits / 8);
    for vector in response_file::read(&format!("cavp/{kind}_{bits}.rsp")) {
        let names = match &names {
            Ok(names) => names,
            Err(reason) => {
                tally.not_applicable(1, reason);
                continue;
            }
        };
        let key = keys::oct(provider, &vector.bytes("K")).unwrap().private;
        for name in names {
            let value = vector.bytes("C");
            let (expected, outcome) = if vector.fails() {
                (Expected::Invalid, decrypted(unwrap(&*key, *name, &value), &[]))
            } else {
                (Expected::Valid, both(&*key, *name, &vector.bytes("P"), &value))
            };
            tally.count(format!("{} {}", vector.number, name.name()), expected, outcome);
        }
    }
    tally
}

fn rfc(provider: &CryptoProvider, title: &str, padded: bool, vectors: &[[&str; 3]]) -> Tally {
    let mut tally = Tally::new(title);
    for (index, vector) in vectors.iter().enumerate() {
        let [key, plaintext, value] = vector.map(|text| hex::decode(text).unwrap());
        match algorithms(provider, padded, key.len()) {
            Err(reason) => tally.not_applicable(1, reason),
            Ok(names) => {
                let key = keys::oct(provider, &key).unwrap().private;
                for name in names {
                    let outcome = both(&*key, name, &plaintext, &value);
                    tally.count(format!("{index} {}", name.name()), Expected::Valid, outcome);
                }
            }
        }
    }
    tally
}

/// Wraps and unwraps.
fn both(
    key: &dyn PrivateKey,
    name: EncryptionAlgorithm,
    plaintext: &[u8],
    value: &[u8],
) -> Result<bool, String> {
    let made =
        key.encrypt(name, plaintext, None, None).map_err(|error| format!("wrapping: {error:?}"))?;
    if made.value != value {
        return Err("wrapped to something else".to_owned());
    }
    decrypted(unwrap(key, name, value), plaintext)
}

/// Neither wraps nor unwraps.
fn neither(
    key: &dyn PrivateKey,
    name: EncryptionAlgorithm,
    plaintext: &[u8],
    value: &[u8],
) -> Result<bool, String> {
    match key.encrypt(name, plaintext, None, None) {
        Err(CryptoError::Length) => decrypted(unwrap(key, name, value), plaintext),
        Err(error) => Err(format!("wrapping: {error:?}")),
        Ok(_) => Ok(true),
    }
}

fn unwrap(
    key: &dyn PrivateKey,
    name: EncryptionAlgorithm,
    value: &[u8],
) -> Result<SecretBytes, CryptoError> {
    key.decrypt(name, Ciphertext { value, ..Ciphertext::default() })
}
