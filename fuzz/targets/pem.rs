//! PEM.

#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_fuzz::container::{self, PASSWORD};
use strongroom_pki::pem;

fuzz_target!(|data: &[u8]| {
    container::assert_kept(pem::read(data, &container::password(PASSWORD)));
});
