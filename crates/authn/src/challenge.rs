//! The `WWW-Authenticate` value of a 401.

use strongroom_model::{Endpoints, TenantId};

use crate::TokenFault;

/// Tells a client where to get a token, and for what.
///
/// Clients parse it with simple splits: double quotes, comma and space between the parameters, no
/// `=` or `,` inside a value, and the tenant as the authority's only path segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    authority: String,
    resource: String,
}

impl Challenge {
    /// The challenge for the vaults of a tenant.
    pub fn new(endpoints: &Endpoints, tenant: TenantId) -> Self {
        Self {
            authority: format!("{}/{tenant}", endpoints.authority()),
            resource: endpoints.vault_resource(),
        }
    }

    /// The header's value for a request without a token.
    pub fn value(&self) -> String {
        format!(r#"Bearer authorization="{}", resource="{}""#, self.authority, self.resource)
    }

    /// The header's value for a fault: a token that was sent and refused is named invalid.
    pub fn value_for(&self, fault: &TokenFault) -> String {
        let mut value = self.value();
        if let Some(description) = fault.description() {
            value.push_str(r#", error="invalid_token", error_description=""#);
            value.push_str(description);
            value.push('"');
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";

    fn challenge(base: &str, port: u16) -> Challenge {
        Challenge::new(&Endpoints::new(base, port), TENANT.parse().unwrap())
    }

    #[test]
    fn it_names_authority_and_resource_with_the_port_unless_it_is_443() {
        assert_eq!(
            challenge("localhost", 8443).value(),
            "Bearer authorization=\"https://login.localhost:8443/72f988bf-86f1-41af-91ab-\
             2d7cd011db47\", resource=\"https://vault.localhost:8443\""
        );
        assert_eq!(
            challenge("kv.example", 443).value(),
            "Bearer authorization=\"https://login.kv.example/72f988bf-86f1-41af-91ab-\
             2d7cd011db47\", resource=\"https://vault.kv.example\""
        );
    }

    // The parser of azure-keyvault-secrets for Python: split at commas, then once at `=`.
    #[test]
    fn a_naive_parser_reads_every_fault() {
        let faults = [
            TokenFault::Malformed,
            TokenFault::Signature,
            TokenFault::Expired,
            TokenFault::NotYetValid,
            TokenFault::UnknownPrincipal,
            TokenFault::Claim,
            TokenFault::UnknownKey { encoded_header: "e30".into() },
            TokenFault::Audience { expected: "a".into(), found: "\",x=y".into() },
            TokenFault::Issuer { expected: "a".into(), found: "\",x=y".into() },
        ];
        for fault in faults {
            let value = challenge("localhost", 8443).value_for(&fault);
            let parameters: Vec<(&str, &str)> = value
                .strip_prefix("Bearer ")
                .unwrap()
                .split(", ")
                .map(|parameter| parameter.split_once('=').unwrap())
                .collect();
            let names: Vec<&str> = parameters.iter().map(|(name, _)| *name).collect();
            assert_eq!(names, ["authorization", "resource", "error", "error_description"]);
            for (_, quoted) in parameters {
                let inner = quoted.strip_prefix('"').and_then(|q| q.strip_suffix('"')).unwrap();
                assert!(!inner.contains(['"', '=', ',', '\\']), "{inner}");
            }
        }
    }

    #[test]
    fn a_missing_token_is_no_invalid_token() {
        let challenge = challenge("localhost", 8443);
        assert_eq!(challenge.value_for(&TokenFault::Missing), challenge.value());
    }
}
