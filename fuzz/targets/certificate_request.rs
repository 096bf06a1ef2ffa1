//! Certificate signing requests, in DER. By the first byte: `I` what the request says, which the
//! target signs with its key, since no mutation would; anything else is a whole request.

#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_fuzz::requests;
use strongroom_pki::parse_request;

fuzz_target!(|data: &[u8]| {
    let request = match data {
        [b'I', content @ ..] => requests::signed(content),
        whole => whole.to_vec(),
    };
    let Ok(parsed) = parse_request(&request) else { return };
    assert_eq!(parsed.x509.validity_months, 0, "a request asks for no life");
    requests::assert_asked_again(&parsed.x509);
});
