//! Files that bring a certificate with its key.

use strongroom_crypto::SecretBytes;
use strongroom_pki::{Container, PkiError, pem, pfx};

/// The password of encrypted seeds.
pub const PASSWORD: &str = "secret";

/// A password.
pub fn password(text: &str) -> SecretBytes {
    SecretBytes::from(text.to_owned())
}

/// Whatever a file says, it is read or refused for what is wrong with a file; and what was read is
/// written so that it is read again.
pub fn assert_kept(read: Result<Container, PkiError>) {
    use PkiError::{
        Pem, PemPassword, Pkcs12, Pkcs12Password, PrivateKey, Scheme, SeveralKeys, TooCostly,
    };
    let found = match read {
        Ok(found) => found,
        Err(
            Pem | PemPassword | Pkcs12 | Pkcs12Password | PrivateKey | Scheme | SeveralKeys
            | TooCostly,
        ) => return,
        Err(other) => panic!("{other:?}"),
    };
    let file = pfx::write(found.key.as_ref(), &found.certificates).unwrap();
    assert_same(&pfx::read(file.expose(), &password("")).unwrap(), &found);
    let text = pem::write(found.key.as_ref(), &found.certificates).unwrap();
    if !text.is_empty() {
        assert_same(&pem::read(text.expose(), &password("")).unwrap(), &found);
    }
}

fn assert_same(one: &Container, other: &Container) {
    let key = |of: &Container| of.key.as_ref().map(|key| key.expose().to_vec());
    assert_eq!(key(one), key(other));
    assert_eq!(one.certificates, other.certificates);
}
