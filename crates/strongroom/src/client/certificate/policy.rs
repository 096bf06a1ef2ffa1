//! A certificate's policy: as az writes it, and as the service does.

use std::borrow::Cow;

use clap::Args;
use serde_json::{Map, Value, json};

use super::super::object::view::iso;
use super::super::output::{self, OutputArgs};
use crate::error::CliError;

/// Each member: as az calls it, and as it stands on the wire.
const NAMES: [(&str, &str); 40] = [
    ("issuerParameters", "issuer"),
    ("name", "name"),
    ("certificateType", "cty"),
    ("certificateTransparency", "cert_transparency"),
    ("keyProperties", "key_props"),
    ("exportable", "exportable"),
    ("keyType", "kty"),
    ("keySize", "key_size"),
    ("curve", "crv"),
    ("reuseKey", "reuse_key"),
    ("secretProperties", "secret_props"),
    ("contentType", "contentType"),
    ("x509CertificateProperties", "x509_props"),
    ("subject", "subject"),
    ("subjectAlternativeNames", "sans"),
    ("dnsNames", "dns_names"),
    ("emails", "emails"),
    ("upns", "upns"),
    ("uris", "uris"),
    ("ipAddresses", "ipAddresses"),
    ("ekus", "ekus"),
    ("keyUsage", "key_usage"),
    ("validityInMonths", "validity_months"),
    ("basicConstraints", "basic_constraints"),
    ("ca", "ca"),
    ("pathLen", "path_len"),
    ("nameConstraints", "name_constraints"),
    ("permittedDns", "permitted_dns"),
    ("excludedDns", "excluded_dns"),
    ("permittedIp", "permitted_ip"),
    ("excludedIp", "excluded_ip"),
    ("lifetimeActions", "lifetime_actions"),
    ("trigger", "trigger"),
    ("lifetimePercentage", "lifetime_percentage"),
    ("daysBeforeExpiry", "days_before_expiry"),
    ("action", "action"),
    ("actionType", "action_type"),
    ("attributes", "attributes"),
    ("enabled", "enabled"),
    ("id", "id"),
];

/// What a policy that was shown says of itself: nothing that can be set.
const OF_ITSELF: [&str; 7] =
    ["id", "created", "updated", "createdOn", "updatedOn", "created_on", "updated_on"];

/// `strongroom certificate get-default-policy`
#[derive(Args)]
pub(super) struct DefaultPolicyArgs {
    /// Every member that there is, to fill in.
    #[arg(long)]
    scaffold: bool,
    #[command(flatten)]
    output: OutputArgs,
}

/// Prints a policy to begin with, as az does.
pub(super) fn print_default(args: &DefaultPolicyArgs) -> Result<(), CliError> {
    let policy = if args.scaffold { scaffold() } else { of_az() };
    output::show(&policy, &[], &args.output)
}

/// A policy that a user gives, as it is sent. What the service does not know is refused.
pub(super) fn given(policy: &Value) -> Result<Value, CliError> {
    translated(policy).map_err(|unknown| {
        CliError::Usage(format!(
            "a certificate policy has no '{unknown}': `strongroom certificate get-default-policy \
             --scaffold` shows all that it may have"
        ))
    })
}

fn translated(value: &Value) -> Result<Value, String> {
    match value {
        Value::Object(members) => {
            let set = members
                .iter()
                .filter(|(name, value)| !OF_ITSELF.contains(&name.as_str()) && !value.is_null());
            let wired = set.map(|(name, value)| {
                let wire = wire_name(name).ok_or_else(|| name.clone())?;
                Ok((wire.to_owned(), translated(value)?))
            });
            wired.collect::<Result<Map<_, _>, String>>().map(Value::Object)
        }
        Value::Array(elements) => elements.iter().map(translated).collect(),
        other => Ok(other.clone()),
    }
}

fn wire_name(name: &str) -> Option<&'static str> {
    let camel = camel(name);
    let found = NAMES.iter().find(|(az, wire)| *wire == name || *az == camel);
    found.map(|(_, wire)| *wire)
}

/// `key_properties`, as files of az have it, is `keyProperties`.
fn camel(name: &str) -> Cow<'_, str> {
    if !name.contains('_') {
        return Cow::Borrowed(name);
    }
    let mut camel = String::with_capacity(name.len());
    for (index, part) in name.split('_').enumerate() {
        let mut letters = part.chars();
        match letters.next() {
            Some(first) if index > 0 => camel.push(first.to_ascii_uppercase()),
            Some(first) => camel.push(first),
            None => {}
        }
        camel.push_str(letters.as_str());
    }
    Cow::Owned(camel)
}

/// Something of a policy or an operation that a vault answered, as az prints it.
pub(super) fn view(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let shown = members.iter().map(|(name, value)| {
                let az = NAMES.iter().find(|(_, wire)| wire == name).map_or(name.as_str(), |n| n.0);
                let time = value.as_i64().filter(|_| matches!(az, "created" | "updated"));
                (az.to_owned(), time.map_or_else(|| view(value), |time| json!(iso(time))))
            });
            Value::Object(shown.collect())
        }
        Value::Array(elements) => elements.iter().map(view).collect(),
        other => other.clone(),
    }
}

/// What `az keyvault certificate get-default-policy` prints.
fn of_az() -> Value {
    json!({
        "issuerParameters": {"certificateTransparency": null, "name": "Self"},
        "keyProperties": {
            "curve": null, "exportable": true, "keySize": 2048, "keyType": "RSA", "reuseKey": true,
        },
        "lifetimeActions": [
            {"action": {"actionType": "AutoRenew"}, "trigger": {"daysBeforeExpiry": 90}},
        ],
        "secretProperties": {"contentType": "application/x-pkcs12"},
        "x509CertificateProperties": {
            "keyUsage": [
                "cRLSign", "dataEncipherment", "digitalSignature", "keyEncipherment",
                "keyAgreement", "keyCertSign",
            ],
            "subject": "CN=CLIGetDefaultPolicy",
            "validityInMonths": 12,
        },
    })
}

fn scaffold() -> Value {
    json!({
        "issuerParameters": {
            "certificateTransparency": false,
            "certificateType": "(optional) DigiCert, GlobalSign or WoSign",
            "name": "Unknown, Self, or {IssuerName}",
        },
        "keyProperties": {
            "curve": "(optional) P-256, P-384, P-521 or P-256K, with EC",
            "exportable": true,
            "keySize": 2048,
            "keyType": "RSA, RSA-HSM, EC or EC-HSM",
            "reuseKey": true,
        },
        "lifetimeActions": [{
            "action": {"actionType": "AutoRenew or EmailContacts"},
            "trigger": {"daysBeforeExpiry": 90, "lifetimePercentage": null},
        }],
        "secretProperties": {"contentType": "application/x-pkcs12 or application/x-pem-file"},
        "x509CertificateProperties": {
            "basicConstraints": {"ca": false, "pathLen": null},
            "ekus": ["1.3.6.1.5.5.7.3.1"],
            "keyUsage": ["digitalSignature", "keyEncipherment"],
            "nameConstraints": null,
            "subject": "C=US, ST=WA, L=Redmond, O=Contoso, OU=Contoso HR, CN=www.contoso.com",
            "subjectAlternativeNames": {
                "dnsNames": ["hr.contoso.com"],
                "emails": ["hello@contoso.com"],
                "ipAddresses": [],
                "upns": [],
                "uris": [],
            },
            "validityInMonths": 24,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_read_however_az_has_it() {
        let wire = json!({
            "issuer": {"name": "Self"},
            "key_props": {"exportable": true, "kty": "RSA", "key_size": 2048, "reuse_key": true},
            "lifetime_actions": [
                {"trigger": {"days_before_expiry": 90}, "action": {"action_type": "AutoRenew"}},
            ],
            "secret_props": {"contentType": "application/x-pkcs12"},
            "x509_props": {
                "subject": "CN=a", "validity_months": 12, "key_usage": ["digitalSignature"],
                "sans": {"dns_names": ["a.example"], "ipAddresses": ["::1"]},
            },
        });
        let camel = json!({
            "id": "https://v/certificates/a/policy",
            "attributes": {"created": "2030-01-01T00:00:00+00:00"},
            "issuerParameters": {"certificateTransparency": null, "name": "Self"},
            "keyProperties": {
                "curve": null, "exportable": true, "keySize": 2048, "keyType": "RSA",
                "reuseKey": true,
            },
            "lifetimeActions": [
                {"action": {"actionType": "AutoRenew"},
                 "trigger": {"daysBeforeExpiry": 90, "lifetimePercentage": null}},
            ],
            "secretProperties": {"contentType": "application/x-pkcs12"},
            "x509CertificateProperties": {
                "keyUsage": ["digitalSignature"], "subject": "CN=a", "validityInMonths": 12,
                "subjectAlternativeNames": {"dnsNames": ["a.example"], "ipAddresses": ["::1"]},
            },
        });
        let snake = json!({
            "issuer_parameters": {"name": "Self"},
            "key_properties": {
                "exportable": true, "key_type": "RSA", "key_size": 2048, "reuse_key": true,
            },
            "lifetime_actions": [
                {"action": {"action_type": "AutoRenew"}, "trigger": {"days_before_expiry": 90}},
            ],
            "secret_properties": {"content_type": "application/x-pkcs12"},
            "x509_certificate_properties": {
                "key_usage": ["digitalSignature"], "subject": "CN=a", "validity_in_months": 12,
                "subject_alternative_names": {"dns_names": ["a.example"], "ip_addresses": ["::1"]},
            },
        });
        assert_eq!(given(&wire).unwrap(), wire);
        let mut of_camel = given(&camel).unwrap();
        assert_eq!(of_camel.as_object_mut().unwrap().remove("attributes"), Some(json!({})));
        assert_eq!(of_camel, wire);
        assert_eq!(given(&snake).unwrap(), wire);
    }

    #[test]
    fn a_slip_of_the_pen_is_refused() {
        for policy in [
            json!({"keyProps": {}}),
            json!({"keyProperties": {"keySice": 2048}}),
            json!({"lifetimeActions": [{"triggers": {}}]}),
        ] {
            let refused = given(&policy).unwrap_err();
            assert!(matches!(&refused, CliError::Usage(text) if text.contains("--scaffold")));
        }
    }

    #[test]
    fn what_az_prints_is_what_the_service_knows() {
        for policy in [of_az(), scaffold()] {
            assert!(given(&policy).is_ok());
        }
    }

    #[test]
    fn a_view_is_as_az_prints_it() {
        // GetCertificate-example.json of Azure's specification (7.6-preview.1), in part.
        let policy = json!({
            "key_props": {"exportable": true, "kty": "RSA", "key_size": 2048, "reuse_key": false},
            "x509_props": {"subject": "CN=KeyVaultTest", "ekus": [], "validity_months": 297},
            "issuer": {"name": "Unknown"},
            "attributes": {"enabled": true, "created": 1493938289, "updated": 1493938291},
        });
        let expected = json!({
            "keyProperties": {
                "exportable": true, "keyType": "RSA", "keySize": 2048, "reuseKey": false,
            },
            "x509CertificateProperties": {
                "subject": "CN=KeyVaultTest", "ekus": [], "validityInMonths": 297,
            },
            "issuerParameters": {"name": "Unknown"},
            "attributes": {
                "enabled": true,
                "created": "2017-05-04T22:51:29+00:00",
                "updated": "2017-05-04T22:51:31+00:00",
            },
        });
        assert_eq!(view(&policy), expected);
    }
}
