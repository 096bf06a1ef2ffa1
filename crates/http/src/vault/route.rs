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
    /// `PUT /{name}`
    put: Operation,
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
    put: Operation::SetSecret,
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
    put: Operation::ImportKey,
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
        "deletedsecrets" => DELETED_SECRETS.route(method, rest),
        "deletedkeys" => DELETED_KEYS.route(method, rest),
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
                Method::PUT => object(self.put, name, ""),
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

fn is(segment: &str, word: &str) -> bool {
    segment.eq_ignore_ascii_case(word)
}

fn whole_vault(operation: Operation) -> Route {
    Route { operation, name: None, version: None }
}

fn object(operation: Operation, name: &str, version: &str) -> Result<Route, Problem> {
    let name = Some(ObjectName::parse(name)?);
    let version = if version.is_empty() { None } else { Some(Version::parse(version)?) };
    Ok(Route { operation, name, version })
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
            let route = parse(&method, path).ok().map(|route| route.operation);
            assert_eq!(route, Some(operation), "{method} {path}");
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
            assert_eq!(route, Some(Route { operation, name, version }), "{path}");
        }
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
            // Only a Managed HSM hands out random bytes.
            (Method::POST, "/rng", 404),
        ] {
            let refused = parse(&method, path).err().map(|problem| problem.answer().status);
            assert_eq!(refused.map(|s| s.as_u16()), Some(status), "{method} {path}");
        }
    }
}
