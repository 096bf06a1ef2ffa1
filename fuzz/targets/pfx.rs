//! PKCS#12. By the first byte: `A` an authenticated safe and `S` one sequence of bags, in a file
//! without a MAC, which would keep every mutation out; anything else is a whole file.

#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_fuzz::container::{self, PASSWORD};
use strongroom_fuzz::der::tlv;
use strongroom_pki::pfx;

const DATA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";

fuzz_target!(|data: &[u8]| {
    let file = match data {
        [b'A', safe @ ..] => file(safe),
        [b'S', bags @ ..] => file(&tlv(0x30, &[&content(bags)])),
        whole => whole.to_vec(),
    };
    for password in [PASSWORD, ""] {
        container::assert_kept(pfx::read(&file, &container::password(password)));
    }
});

fn file(safe: &[u8]) -> Vec<u8> {
    tlv(0x30, &[b"\x02\x01\x03", &content(safe)])
}

fn content(octets: &[u8]) -> Vec<u8> {
    tlv(0x30, &[DATA, &tlv(0xa0, &[&tlv(0x04, &[octets])])])
}
