//! What a token is for: from `resource` or `scope` to its `aud`.

use strongroom_model::Endpoints;

use crate::form::Form;
use crate::refusal::Refusal;

/// Scopes of OpenID Connect, which some clients add; they name no resource.
const OPENID: &[&str] = &["openid", "profile", "offline_access", "email"];

/// The resource of a v1 request, as it was asked for.
pub(crate) fn of_v1(form: &Form) -> Result<String, Refusal> {
    form.required("resource").map(str::to_owned)
}

/// The resource of a v2.0 request: one scope, `<resource>/.default`.
pub(crate) fn of_v2(form: &Form) -> Result<String, Refusal> {
    let scope = form.required("scope")?;
    let mut scopes = scope
        .split(' ')
        .filter(|s| !s.is_empty() && !OPENID.iter().any(|open| open.eq_ignore_ascii_case(s)));
    let (Some(first), None) = (scopes.next(), scopes.next()) else {
        return Err(Refusal::scopes(scope));
    };
    match first.strip_suffix("/.default") {
        Some(resource) if !resource.is_empty() => Ok(resource.to_owned()),
        _ => Err(Refusal::scope(first)),
    }
}

/// AD FS takes either; MSAL sends `scope`, older clients `resource`.
pub(crate) fn of_adfs(form: &Form) -> Result<String, Refusal> {
    if form.text("resource").is_some() { of_v1(form) } else { of_v2(form) }
}

/// The `aud` of a token for a resource: in our spelling, without a trailing slash. Only the
/// oldest ARM name keeps its slash, as clients compare it.
pub(crate) fn audience(endpoints: &Endpoints, resource: &str) -> Option<String> {
    let bare = resource.strip_suffix('/').unwrap_or(resource);
    let known = [
        endpoints.vault_resource(),
        endpoints.url("managedhsm"),
        endpoints.url("management"),
        endpoints.url("graph"),
        "https://vault.azure.net".into(),
        "https://managedhsm.azure.net".into(),
        "https://management.azure.com".into(),
        "https://graph.microsoft.com".into(),
    ];
    if bare.eq_ignore_ascii_case("https://management.core.windows.net") {
        return Some("https://management.core.windows.net/".into());
    }
    known.into_iter().find(|known| known.eq_ignore_ascii_case(bare))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(scope: &str) -> Result<String, Refusal> {
        of_v2(&Form::parse(format!("scope={scope}").as_bytes()).unwrap())
    }

    #[test]
    fn a_scope_is_a_resource_and_default() {
        // As azure-cli asks for ARM: the doubled slash belongs to the resource.
        let arm = scope("https://management.core.windows.net//.default").unwrap();
        assert_eq!(arm, "https://management.core.windows.net/");
        assert_eq!(scope("openid+https://a/.default+offline_access").unwrap(), "https://a");
        for bad in
            ["https://a/secrets.read", "/.default", "openid", "https://a/.default+b/.default"]
        {
            assert!(scope(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn audiences_are_those_of_decisions() {
        let at = Endpoints::new("localhost", 8443);
        for (resource, expected) in [
            ("https://vault.localhost:8443", Some("https://vault.localhost:8443")),
            ("https://VAULT.localhost:8443/", Some("https://vault.localhost:8443")),
            ("https://vault.azure.net", Some("https://vault.azure.net")),
            ("https://vault.azure.net/", Some("https://vault.azure.net")),
            ("https://managedhsm.localhost:8443", Some("https://managedhsm.localhost:8443")),
            ("https://management.core.windows.net/", Some("https://management.core.windows.net/")),
            ("https://management.core.windows.net", Some("https://management.core.windows.net/")),
            ("https://management.azure.com/", Some("https://management.azure.com")),
            ("https://management.localhost:8443", Some("https://management.localhost:8443")),
            ("https://graph.microsoft.com", Some("https://graph.microsoft.com")),
            ("https://vault.localhost", None),
            ("https://vault.azure.net//", None),
            ("https://storage.azure.com", None),
            ("", None),
        ] {
            assert_eq!(audience(&at, resource).as_deref(), expected, "{resource}");
        }
    }
}
