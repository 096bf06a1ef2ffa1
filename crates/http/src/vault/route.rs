//! From method and path to an operation and what it is about.
//!
//! Clients leave segments empty where there is no version (`/secrets/x/`, `/keys/x//sign`), so a
//! path is taken as it stands: never redirected, never collapsed.

use std::borrow::Cow;

use http::Method;
use percent_encoding::percent_decode_str;
use strongroom_model::{ObjectName, Operation, Version};

use super::problem::Problem;

/// An operation, and the object it names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) operation: Operation,
    pub(crate) name: Option<ObjectName>,
    pub(crate) version: Option<Version>,
    /// The issuer that the operation is about; such an operation names no object.
    pub(crate) issuer: Option<ObjectName>,
}

/// The longest path that is looked at, in bytes.
const MAX_PATH: usize = 2_048;

/// More segments than any operation's path has.
const MAX_SEGMENTS: usize = 6;

/// An operation by the last word of its path.
type Word = (Method, &'static str, Operation);

/// The paths of a kind of object: `/{collection}/…`.
struct Collection {
    /// `GET /`
    list: Operation,
    /// `POST /restore`
    restore: Operation,
    /// `GET /{name}/{version}`
    get: Operation,
    /// `PUT /{name}`; certificates have none.
    put: Option<Operation>,
    /// `PATCH /{name}/{version}`
    update: Operation,
    /// `DELETE /{name}`
    delete: Operation,
    /// `/{name}/{word}`
    words: &'static [Word],
    /// `/{name}/{version}/{word}`
    version_words: &'static [Word],
}

/// The paths of a kind of deleted object: `/deleted{collection}/…`.
struct DeletedCollection {
    /// `GET /`
    list: Operation,
    /// `GET /{name}`
    get: Operation,
    /// `DELETE /{name}`
    purge: Operation,
    /// `POST /{name}/recover`
    recover: Operation,
}

const SECRETS: Collection = Collection {
    list: Operation::GetSecrets,
    restore: Operation::RestoreSecret,
    get: Operation::GetSecret,
    put: Some(Operation::SetSecret),
    update: Operation::UpdateSecret,
    delete: Operation::DeleteSecret,
    words: &[
        (Method::GET, "versions", Operation::GetSecretVersions),
        (Method::POST, "backup", Operation::BackupSecret),
    ],
    version_words: &[(Method::POST, "rollback", Operation::RollbackSecret)],
};

const KEYS: Collection = Collection {
    list: Operation::GetKeys,
    restore: Operation::RestoreKey,
    get: Operation::GetKey,
    put: Some(Operation::ImportKey),
    update: Operation::UpdateKey,
    delete: Operation::DeleteKey,
    words: &[
        (Method::POST, "create", Operation::CreateKey),
        (Method::GET, "versions", Operation::GetKeyVersions),
        (Method::POST, "backup", Operation::BackupKey),
        (Method::POST, "rotate", Operation::RotateKey),
        (Method::GET, "rotationpolicy", Operation::GetKeyRotationPolicy),
        (Method::PUT, "rotationpolicy", Operation::UpdateKeyRotationPolicy),
    ],
    version_words: &[
        (Method::POST, "encrypt", Operation::Encrypt),
        (Method::POST, "decrypt", Operation::Decrypt),
        (Method::POST, "wrapkey", Operation::WrapKey),
        (Method::POST, "unwrapkey", Operation::UnwrapKey),
        (Method::POST, "sign", Operation::Sign),
        (Method::POST, "verify", Operation::Verify),
        (Method::POST, "release", Operation::ReleaseKey),
        (Method::GET, "attestation", Operation::GetKeyAttestation),
        (Method::POST, "securewrapkey", Operation::SecureWrapKey),
        (Method::POST, "secureunwrapkey", Operation::SecureUnwrapKey),
    ],
};

const CERTIFICATES: Collection = Collection {
    list: Operation::GetCertificates,
    restore: Operation::RestoreCertificate,
    get: Operation::GetCertificate,
    put: None,
    update: Operation::UpdateCertificate,
    delete: Operation::DeleteCertificate,
    words: &[
        (Method::POST, "create", Operation::CreateCertificate),
        (Method::POST, "import", Operation::ImportCertificate),
        (Method::GET, "versions", Operation::GetCertificateVersions),
        (Method::POST, "backup", Operation::BackupCertificate),
        (Method::GET, "policy", Operation::GetCertificatePolicy),
        (Method::PATCH, "policy", Operation::UpdateCertificatePolicy),
        (Method::GET, "pending", Operation::GetCertificateOperation),
        (Method::PATCH, "pending", Operation::UpdateCertificateOperation),
        (Method::DELETE, "pending", Operation::DeleteCertificateOperation),
    ],
    version_words: &[(Method::POST, "revoke", Operation::RevokeCertificate)],
};

/// `/certificates/issuers/{name}`
const ISSUER: &[(Method, Operation)] = &[
    (Method::GET, Operation::GetCertificateIssuer),
    (Method::PUT, Operation::SetCertificateIssuer),
    (Method::PATCH, Operation::UpdateCertificateIssuer),
    (Method::DELETE, Operation::DeleteCertificateIssuer),
];

/// `/certificates/issuers/{name}/{word}`
const ISSUER_WORDS: &[Word] = &[
    (Method::POST, "revoke", Operation::RevokeIssuedCertificate),
    (Method::POST, "eab", Operation::CreateAcmeBinding),
];

/// `/certificates/contacts`
const CONTACTS: &[(Method, Operation)] = &[
    (Method::GET, Operation::GetCertificateContacts),
    (Method::PUT, Operation::SetCertificateContacts),
    (Method::DELETE, Operation::DeleteCertificateContacts),
];

const DELETED_SECRETS: DeletedCollection = DeletedCollection {
    list: Operation::GetDeletedSecrets,
    get: Operation::GetDeletedSecret,
    purge: Operation::PurgeDeletedSecret,
    recover: Operation::RecoverDeletedSecret,
};

const DELETED_KEYS: DeletedCollection = DeletedCollection {
    list: Operation::GetDeletedKeys,
    get: Operation::GetDeletedKey,
    purge: Operation::PurgeDeletedKey,
    recover: Operation::RecoverDeletedKey,
};

const DELETED_CERTIFICATES: DeletedCollection = DeletedCollection {
    list: Operation::GetDeletedCertificates,
    get: Operation::GetDeletedCertificate,
    purge: Operation::PurgeDeletedCertificate,
    recover: Operation::RecoverDeletedCertificate,
};

/// The route of a request.
pub(crate) fn parse(method: &Method, path: &str) -> Result<Route, Problem> {
    if path.len() > MAX_PATH {
        return Err(Problem::bad("The request URI is too long."));
    }
    let mut decoded: [Cow<'_, str>; MAX_SEGMENTS] = Default::default();
    let mut count = 0;
    for segment in path.split('/').skip(1) {
        let place = decoded.get_mut(count).ok_or(Problem::NoRoute)?;
        *place = percent_decode_str(segment).decode_utf8_lossy();
        count += 1;
    }
    let segments = decoded.each_ref().map(AsRef::as_ref);
    let [collection, rest @ ..] = segments.get(..count).unwrap_or_default() else {
        return Err(Problem::NoRoute);
    };
    // A slash at the end says nothing.
    let rest = rest.strip_suffix(&[""]).unwrap_or(rest);
    match collection.to_ascii_lowercase().as_str() {
        "secrets" => SECRETS.route(method, rest),
        "keys" => KEYS.route(method, rest),
        "certificates" => certificates(method, rest),
        "deletedsecrets" => DELETED_SECRETS.route(method, rest),
        "deletedkeys" => DELETED_KEYS.route(method, rest),
        "deletedcertificates" => DELETED_CERTIFICATES.route(method, rest),
        _ => Err(Problem::NoRoute),
    }
}

impl Collection {
    fn route(&self, method: &Method, segments: &[&str]) -> Result<Route, Problem> {
        match segments {
            [] => match *method {
                Method::GET => Ok(whole_vault(self.list)),
                _ => Err(Problem::MethodNotAllowed),
            },
            [restore] if is(restore, "restore") && *method == Method::POST => {
                Ok(whole_vault(self.restore))
            }
            [name] => match *method {
                Method::GET => object(self.get, name, ""),
                Method::PUT => object(self.put.ok_or(Problem::MethodNotAllowed)?, name, ""),
                Method::PATCH => object(self.update, name, ""),
                Method::DELETE => object(self.delete, name, ""),
                _ => Err(Problem::MethodNotAllowed),
            },
            [name, last] => {
                // Some clients leave out an empty version with its slash: `/keys/x/sign`.
                let found = by_word(self.words, method, last)
                    .or_else(|| by_word(self.version_words, method, last));
                match (found, method) {
                    (Some(operation), _) => object(operation?, name, ""),
                    (None, &Method::GET) => object(self.get, name, last),
                    (None, &Method::PATCH) => object(self.update, name, last),
                    (None, _) => Err(Problem::MethodNotAllowed),
                }
            }
            [name, version, word] => {
                let operation = by_word(self.version_words, method, word);
                object(operation.ok_or(Problem::NoRoute)??, name, version)
            }
            _ => Err(Problem::NoRoute),
        }
    }
}

/// No certificate is called `issuers` or `contacts`.
fn certificates(method: &Method, segments: &[&str]) -> Result<Route, Problem> {
    match segments {
        [issuers] if is(issuers, "issuers") => match *method {
            Method::GET => Ok(whole_vault(Operation::GetCertificateIssuers)),
            _ => Err(Problem::MethodNotAllowed),
        },
        [issuers, name] if is(issuers, "issuers") => issuer(by_method(ISSUER, method)?, name),
        [issuers, name, word] if is(issuers, "issuers") => {
            issuer(by_word(ISSUER_WORDS, method, word).ok_or(Problem::NoRoute)??, name)
        }
        [contacts] if is(contacts, "contacts") => Ok(whole_vault(by_method(CONTACTS, method)?)),
        [reserved, ..] if is(reserved, "issuers") || is(reserved, "contacts") => {
            Err(Problem::NoRoute)
        }
        [name, pending, merge] if is(pending, "pending") && is(merge, "merge") => match *method {
            Method::POST => object(Operation::MergeCertificate, name, ""),
            _ => Err(Problem::MethodNotAllowed),
        },
        _ => CERTIFICATES.route(method, segments),
    }
}

impl DeletedCollection {
    fn route(&self, method: &Method, segments: &[&str]) -> Result<Route, Problem> {
        match (segments, method) {
            ([], &Method::GET) => Ok(whole_vault(self.list)),
            ([name], &Method::GET) => object(self.get, name, ""),
            ([name], &Method::DELETE) => object(self.purge, name, ""),
            ([name, word], &Method::POST) if is(word, "recover") => object(self.recover, name, ""),
            ([] | [_], _) => Err(Problem::MethodNotAllowed),
            ([_, word], _) if is(word, "recover") => Err(Problem::MethodNotAllowed),
            _ => Err(Problem::NoRoute),
        }
    }
}

/// The operation of a word; a refusal if the word is there for another method only.
fn by_word(words: &[Word], method: &Method, sent: &str) -> Option<Result<Operation, Problem>> {
    let mut known = words.iter().filter(|(_, word, _)| is(sent, word)).peekable();
    known.peek()?;
    let of_method = known.find(|(wanted, ..)| wanted == method);
    Some(of_method.map(|(.., operation)| *operation).ok_or(Problem::MethodNotAllowed))
}

fn by_method(known: &[(Method, Operation)], method: &Method) -> Result<Operation, Problem> {
    let found = known.iter().find(|(wanted, _)| wanted == method);
    found.map(|(_, operation)| *operation).ok_or(Problem::MethodNotAllowed)
}

fn is(segment: &str, word: &str) -> bool {
    segment.eq_ignore_ascii_case(word)
}

fn whole_vault(operation: Operation) -> Route {
    Route { operation, name: None, version: None, issuer: None }
}

fn issuer(operation: Operation, name: &str) -> Result<Route, Problem> {
    let issuer = Some(ObjectName::parse(name)?);
    Ok(Route { operation, name: None, version: None, issuer })
}

fn object(operation: Operation, name: &str, version: &str) -> Result<Route, Problem> {
    let name = Some(ObjectName::parse(name)?);
    let version = if version.is_empty() { None } else { Some(Version::parse(version)?) };
    Ok(Route { operation, name, version, issuer: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION: &str = "4387e9f3d6e14c459867679a90fd0f79";

    #[test]
    fn every_operation_has_its_path() {
        use Operation::*;
        let v = format!("/secrets/a/{VERSION}");
        let rollback = format!("{v}/rollback");
        let k = format!("/keys/a/{VERSION}");
        let sign = format!("{k}/sign");
        let attestation = format!("{k}/attestation");
        for (method, path, operation) in [
            (Method::GET, "/secrets", GetSecrets),
            (Method::GET, "/Secrets/", GetSecrets),
            (Method::PUT, "/secrets/a", SetSecret),
            (Method::PUT, "/secrets/restore", SetSecret),
            (Method::GET, "/secrets/a", GetSecret),
            (Method::GET, "/secrets/a/", GetSecret),
            (Method::GET, v.as_str(), GetSecret),
            (Method::PATCH, "/secrets/a", UpdateSecret),
            (Method::PATCH, "/secrets/a/", UpdateSecret),
            (Method::PATCH, v.as_str(), UpdateSecret),
            (Method::DELETE, "/secrets/a", DeleteSecret),
            (Method::GET, "/secrets/a/versions", GetSecretVersions),
            (Method::POST, "/secrets/a/backup", BackupSecret),
            (Method::POST, "/secrets/restore", RestoreSecret),
            (Method::POST, rollback.as_str(), RollbackSecret),
            (Method::GET, "/deletedsecrets", GetDeletedSecrets),
            (Method::GET, "/deletedsecrets/a", GetDeletedSecret),
            (Method::DELETE, "/deletedsecrets/a", PurgeDeletedSecret),
            (Method::POST, "/deletedsecrets/a/recover", RecoverDeletedSecret),
            (Method::GET, "/keys", GetKeys),
            (Method::POST, "/keys/restore", RestoreKey),
            (Method::PUT, "/keys/a", ImportKey),
            (Method::GET, "/keys/a/", GetKey),
            (Method::GET, k.as_str(), GetKey),
            (Method::PATCH, "/keys/a/", UpdateKey),
            (Method::PATCH, k.as_str(), UpdateKey),
            (Method::DELETE, "/keys/a", DeleteKey),
            (Method::POST, "/keys/a/create", CreateKey),
            (Method::GET, "/keys/a/versions", GetKeyVersions),
            (Method::POST, "/keys/a/backup", BackupKey),
            (Method::POST, "/keys/a/rotate", RotateKey),
            (Method::GET, "/keys/a/rotationpolicy", GetKeyRotationPolicy),
            (Method::PUT, "/keys/a/rotationPolicy", UpdateKeyRotationPolicy),
            (Method::POST, "/keys/a//encrypt", Encrypt),
            (Method::POST, "/keys/a//decrypt", Decrypt),
            (Method::POST, "/keys/a//wrapkey", WrapKey),
            (Method::POST, "/keys/a//unwrapKey", UnwrapKey),
            (Method::POST, "/keys/a/sign", Sign),
            (Method::POST, "/keys/a//sign/", Sign),
            (Method::POST, sign.as_str(), Sign),
            (Method::POST, "/keys/a//verify", Verify),
            (Method::POST, "/keys/a//release", ReleaseKey),
            (Method::GET, attestation.as_str(), GetKeyAttestation),
            (Method::POST, "/keys/a//securewrapkey", SecureWrapKey),
            (Method::POST, "/keys/a//secureunwrapkey", SecureUnwrapKey),
            (Method::GET, "/deletedkeys", GetDeletedKeys),
            (Method::GET, "/deletedkeys/a", GetDeletedKey),
            (Method::DELETE, "/deletedkeys/a", PurgeDeletedKey),
            (Method::POST, "/deletedkeys/a/recover", RecoverDeletedKey),
        ] {
            let route = parse(&method, path).ok().map(|route| (route.operation, route.name));
            assert_eq!(route.as_ref().map(|(found, _)| *found), Some(operation), "{method} {path}");
            let has_name = route.is_some_and(|(_, name)| name.is_some());
            assert_eq!(has_name, operation.names_object(), "{method} {path}");
        }
    }

    #[test]
    fn every_operation_on_certificates_has_its_path() {
        use Operation::*;
        let c = format!("/certificates/a/{VERSION}");
        let revoke = format!("{c}/revoke");
        for (method, path, operation) in [
            (Method::GET, "/certificates", GetCertificates),
            (Method::POST, "/certificates/restore", RestoreCertificate),
            (Method::POST, "/certificates/a/create", CreateCertificate),
            (Method::POST, "/certificates/a/import", ImportCertificate),
            (Method::GET, "/certificates/a/", GetCertificate),
            (Method::GET, "/certificates/restore", GetCertificate),
            (Method::GET, c.as_str(), GetCertificate),
            (Method::PATCH, "/certificates/a/", UpdateCertificate),
            (Method::PATCH, c.as_str(), UpdateCertificate),
            (Method::DELETE, "/certificates/a", DeleteCertificate),
            (Method::GET, "/certificates/a/versions", GetCertificateVersions),
            (Method::GET, "/certificates/a/policy", GetCertificatePolicy),
            (Method::PATCH, "/certificates/a/policy", UpdateCertificatePolicy),
            (Method::GET, "/certificates/a/pending", GetCertificateOperation),
            (Method::PATCH, "/certificates/a/Pending", UpdateCertificateOperation),
            (Method::DELETE, "/certificates/a/pending", DeleteCertificateOperation),
            (Method::POST, "/certificates/a/pending/merge", MergeCertificate),
            (Method::POST, "/certificates/a/backup", BackupCertificate),
            (Method::POST, "/certificates/a/revoke", RevokeCertificate),
            (Method::POST, revoke.as_str(), RevokeCertificate),
            (Method::GET, "/deletedcertificates", GetDeletedCertificates),
            (Method::GET, "/deletedcertificates/a", GetDeletedCertificate),
            (Method::DELETE, "/deletedcertificates/a", PurgeDeletedCertificate),
            (Method::POST, "/deletedcertificates/a/recover", RecoverDeletedCertificate),
            (Method::GET, "/certificates/issuers", GetCertificateIssuers),
            (Method::GET, "/certificates/Issuers/", GetCertificateIssuers),
            (Method::GET, "/certificates/issuers/a", GetCertificateIssuer),
            (Method::PUT, "/certificates/issuers/a", SetCertificateIssuer),
            (Method::PATCH, "/certificates/issuers/a", UpdateCertificateIssuer),
            (Method::DELETE, "/certificates/issuers/a", DeleteCertificateIssuer),
            (Method::POST, "/certificates/issuers/a/revoke", RevokeIssuedCertificate),
            (Method::POST, "/certificates/issuers/a/eab", CreateAcmeBinding),
            (Method::GET, "/certificates/contacts", GetCertificateContacts),
            (Method::PUT, "/certificates/contacts/", SetCertificateContacts),
            (Method::DELETE, "/certificates/contacts", DeleteCertificateContacts),
        ] {
            let route = parse(&method, path).ok().map(|route| (route.operation, route.name));
            assert_eq!(route.as_ref().map(|(found, _)| *found), Some(operation), "{method} {path}");
            let has_name = route.is_some_and(|(_, name)| name.is_some());
            assert_eq!(has_name, operation.names_object(), "{method} {path}");
        }
    }

    #[test]
    fn an_empty_version_is_the_current_one() {
        for (path, version) in [
            ("/keys/a//sign".to_owned(), None),
            ("/keys/a/sign".to_owned(), None),
            (format!("/keys/a/{VERSION}/sign"), Version::parse(VERSION).ok()),
        ] {
            let route = parse(&Method::POST, &path).ok();
            let (name, operation) = (ObjectName::parse("a").ok(), Operation::Sign);
            assert_eq!(route, Some(Route { operation, name, version, issuer: None }), "{path}");
        }
    }

    #[test]
    fn an_issuer_is_no_object() {
        let route = parse(&Method::GET, "/certificates/issuers/a").ok();
        let (issuer, operation) = (ObjectName::parse("a").ok(), Operation::GetCertificateIssuer);
        assert_eq!(route, Some(Route { operation, name: None, version: None, issuer }));
    }

    #[test]
    fn what_is_no_operation_is_refused() {
        for (method, path, status) in [
            (Method::PUT, "/secrets/", 405),
            (Method::POST, "/secrets/a", 405),
            (Method::GET, "/secrets/a/backup", 405),
            (Method::GET, "/", 404),
            (Method::GET, "", 404),
            (Method::GET, "/other", 404),
            (Method::GET, "/secrets/a/b/c/d", 404),
            (Method::GET, "/secrets/a%2Fb", 400),
            (Method::GET, "/secrets/a_b", 400),
            (Method::GET, "/secrets/a/notaversion", 400),
            (Method::POST, "/secrets/a/b", 405),
            (Method::GET, "/keys/a//sign", 405),
            (Method::POST, "/keys/a/rotationpolicy", 405),
            (Method::POST, "/keys/a/notaverb", 405),
            (Method::POST, "/keys/a//notaverb", 404),
            (Method::POST, "/keys/a/notaversion/sign", 400),
            (Method::POST, "/keys//create", 400),
            (Method::PUT, "/deletedkeys/a", 405),
            (Method::GET, "/deletedkeys/a/recover", 405),
            (Method::GET, "/deletedkeys/a/b", 404),
            (Method::PUT, "/certificates/a", 405),
            (Method::PUT, "/certificates", 405),
            (Method::GET, "/certificates/a/create", 405),
            (Method::POST, "/certificates/a/pending", 405),
            (Method::GET, "/certificates/a/pending/merge", 405),
            (Method::POST, "/certificates/a/pending/other", 404),
            (Method::POST, "/certificates/a/policy", 405),
            (Method::GET, "/certificates/a/notaversion", 400),
            (Method::POST, "/certificates/a/notaversion/revoke", 400),
            // No certificate is called so.
            (Method::POST, "/certificates/issuers/create", 405),
            (Method::POST, "/certificates/issuers/a/create", 404),
            (Method::POST, "/certificates/issuers/a/b/create", 404),
            (Method::POST, "/certificates/issuers", 405),
            (Method::PUT, "/certificates/issuers/a_b", 400),
            (Method::GET, "/certificates/issuers/a/eab", 405),
            (Method::POST, "/certificates/contacts/create", 404),
            (Method::PATCH, "/certificates/contacts", 405),
            (Method::DELETE, "/certificates/issuers", 405),
            (Method::PUT, "/deletedcertificates/a", 405),
            // Only a Managed HSM hands out random bytes.
            (Method::POST, "/rng", 404),
        ] {
            let refused = parse(&method, path).err().map(|problem| problem.answer().status);
            assert_eq!(refused.map(|s| s.as_u16()), Some(status), "{method} {path}");
        }
    }
}
