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
    match segments.get(..count).unwrap_or_default() {
        [collection, rest @ ..] if collection.eq_ignore_ascii_case("secrets") => {
            secrets(method, rest)
        }
        [collection, rest @ ..] if collection.eq_ignore_ascii_case("deletedsecrets") => {
            deleted_secrets(method, rest)
        }
        _ => Err(Problem::NoRoute),
    }
}

fn secrets(method: &Method, segments: &[&str]) -> Result<Route, Problem> {
    use Operation::{
        BackupSecret, DeleteSecret, GetSecret, GetSecretVersions, GetSecrets, RestoreSecret,
        RollbackSecret, SetSecret, UpdateSecret,
    };
    match segments {
        [] | [""] => match *method {
            Method::GET => Ok(whole_vault(GetSecrets)),
            _ => Err(Problem::MethodNotAllowed),
        },
        [restore] | [restore, ""] if is(restore, "restore") && *method == Method::POST => {
            Ok(whole_vault(RestoreSecret))
        }
        [name] | [name, ""] => match *method {
            Method::GET => object(GetSecret, name, ""),
            Method::PUT => object(SetSecret, name, ""),
            Method::PATCH => object(UpdateSecret, name, ""),
            Method::DELETE => object(DeleteSecret, name, ""),
            _ => Err(Problem::MethodNotAllowed),
        },
        [name, versions] | [name, versions, ""] if is(versions, "versions") => match *method {
            Method::GET => object(GetSecretVersions, name, ""),
            _ => Err(Problem::MethodNotAllowed),
        },
        [name, backup] | [name, backup, ""] if is(backup, "backup") => match *method {
            Method::POST => object(BackupSecret, name, ""),
            _ => Err(Problem::MethodNotAllowed),
        },
        [name, version] | [name, version, ""] => match *method {
            Method::GET => object(GetSecret, name, version),
            Method::PATCH => object(UpdateSecret, name, version),
            _ => Err(Problem::MethodNotAllowed),
        },
        [name, version, verb] | [name, version, verb, ""] if is(verb, "rollback") => {
            match *method {
                Method::POST => object(RollbackSecret, name, version),
                _ => Err(Problem::MethodNotAllowed),
            }
        }
        _ => Err(Problem::NoRoute),
    }
}

fn deleted_secrets(method: &Method, segments: &[&str]) -> Result<Route, Problem> {
    use Operation::{
        GetDeletedSecret, GetDeletedSecrets, PurgeDeletedSecret, RecoverDeletedSecret,
    };
    match segments {
        [] | [""] => match *method {
            Method::GET => Ok(whole_vault(GetDeletedSecrets)),
            _ => Err(Problem::MethodNotAllowed),
        },
        [name] | [name, ""] => match *method {
            Method::GET => object(GetDeletedSecret, name, ""),
            Method::DELETE => object(PurgeDeletedSecret, name, ""),
            _ => Err(Problem::MethodNotAllowed),
        },
        [name, recover] | [name, recover, ""] if is(recover, "recover") => match *method {
            Method::POST => object(RecoverDeletedSecret, name, ""),
            _ => Err(Problem::MethodNotAllowed),
        },
        _ => Err(Problem::NoRoute),
    }
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
        ] {
            let route = parse(&method, path).ok().map(|route| route.operation);
            assert_eq!(route, Some(operation), "{method} {path}");
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
        ] {
            let refused = parse(&method, path).err().map(|problem| problem.answer().status);
            assert_eq!(refused.map(|s| s.as_u16()), Some(status), "{method} {path}");
        }
    }
}
