//! Records as Azure Key Vault's `AuditEvent` JSON (Azure Monitor, category `AuditEvent`).

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::{Identity, Record};

const OBJECT_ID_CLAIM: &str = "http://schemas.microsoft.com/identity/claims/objectidentifier";
const UPN_CLAIM: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn";

/// The record as one `AuditEvent`. `properties` may hold more than Azure's: `requestId`, `count`
/// of a sum, and what an operation of ours adds.
pub fn render(record: &Record) -> Value {
    json!({
        "time": time(record.time_ms),
        "resourceId": record.resource_id.to_ascii_uppercase(),
        "operationName": record.operation,
        "operationVersion": record.api_version,
        "category": "AuditEvent",
        "resultType": if record.success { "Success" } else { "Failure" },
        "resultSignature": record.signature,
        "resultDescription": record.description,
        "durationMs": record.duration_ms.to_string(),
        "callerIpAddress": record.caller_ip.map(|ip| ip.to_string()).unwrap_or_default(),
        "correlationId": record.correlation_id,
        "identity": identity(&record.identity),
        "properties": properties(record),
    })
}

/// ISO 8601 in UTC with milliseconds.
fn time(unix_ms: i64) -> String {
    let time = Timestamp::from_millisecond(unix_ms).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

fn identity(identity: &Identity) -> Value {
    let claims = [
        (OBJECT_ID_CLAIM, &identity.object_id),
        (UPN_CLAIM, &identity.upn),
        ("appid", &identity.app_id),
    ];
    let known = claims.into_iter().filter_map(|(claim, value)| {
        value.as_ref().map(|value| (claim.to_owned(), Value::from(value.as_str())))
    });
    let claim: Map<String, Value> = known.collect();
    if claim.is_empty() { json!({}) } else { json!({ "claim": claim }) }
}

fn properties(record: &Record) -> Map<String, Value> {
    let mut found = Map::new();
    let mut put = |name: &str, value: Value| drop(found.insert(name.to_owned(), value));
    for (name, value) in &record.properties {
        put(name, value.as_str().into());
    }
    put("requestId", record.id.to_string().into());
    put("clientInfo", record.client_info.as_str().into());
    put("requestUri", record.request_uri.as_str().into());
    put("httpStatusCode", record.http_status.into());
    for (name, text) in [
        ("id", record.object_url()),
        ("tlsVersion", &record.tls_version),
        ("addrAuthType", &record.addr_auth_type),
        ("appliedAssignmentId", record.applied_assignment_id.as_deref().unwrap_or_default()),
    ] {
        if !text.is_empty() {
            put(name, text.into());
        }
    }
    if let Some(authorized) = record.rbac_authorized {
        put("isRbacAuthorized", authorized.into());
    }
    if record.count > 1 {
        put("count", record.count.into());
    }
    found
}

#[cfg(test)]
mod tests {
    use uuid::uuid;

    use super::*;
    use strongroom_model::RequestId;

    /// The sample entry of Azure's "Key Vault logging" page, in our millisecond precision.
    #[test]
    fn azures_own_sample() {
        let id = RequestId(uuid!("11111111-2222-3333-4444-555555555555"));
        let mut record = Record::new(id, 1_451_957_521_269, "VaultGet");
        record.resource_id = "/subscriptions/361da5d4-a47a-4c79-afdd-xxxxxxxxxxxx/resourceGroups/\
            ContosoGroup/providers/Microsoft.KeyVault/vaults/contosokeyvault"
            .into();
        record.api_version = "2015-06-01".into();
        record.success = true;
        record.signature = "OK".into();
        record.duration_ms = 78;
        record.caller_ip = Some([104, 40, 82, 76].into());
        record.identity = Identity {
            object_id: Some("d9da5048-2737-4770-bd64-xxxxxxxxxxxx".into()),
            upn: Some("live.com#username@outlook.com".into()),
            app_id: Some("1950a258-227b-4e31-a9cf-xxxxxxxxxxxx".into()),
        };
        record.client_info = "azure-resource-manager/2.0".into();
        record.request_uri =
            "https://control-prod-wus.vaultcore.azure.net/vaults/c?api-version=1".into();
        record.object_id = "https://contosokeyvault.vault.azure.net/".into();
        record.http_status = 200;
        record.addr_auth_type = "".into();
        let expected = json!({
            "time": "2016-01-05T01:32:01.269Z",
            "resourceId": "/SUBSCRIPTIONS/361DA5D4-A47A-4C79-AFDD-XXXXXXXXXXXX/RESOURCEGROUPS/\
                CONTOSOGROUP/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/CONTOSOKEYVAULT",
            "operationName": "VaultGet",
            "operationVersion": "2015-06-01",
            "category": "AuditEvent",
            "resultType": "Success",
            "resultSignature": "OK",
            "resultDescription": "",
            "durationMs": "78",
            "callerIpAddress": "104.40.82.76",
            "correlationId": "",
            "identity": {"claim": {
                "http://schemas.microsoft.com/identity/claims/objectidentifier":
                    "d9da5048-2737-4770-bd64-xxxxxxxxxxxx",
                "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn":
                    "live.com#username@outlook.com",
                "appid": "1950a258-227b-4e31-a9cf-xxxxxxxxxxxx",
            }},
            "properties": {
                "clientInfo": "azure-resource-manager/2.0",
                "requestUri": "https://control-prod-wus.vaultcore.azure.net/vaults/c?api-version=1",
                "id": "https://contosokeyvault.vault.azure.net/",
                "httpStatusCode": 200,
                "requestId": "11111111-2222-3333-4444-555555555555",
            },
        });
        assert_eq!(render(&record), expected);
    }

    #[test]
    fn a_summed_refusal_without_a_token() {
        let id = RequestId(uuid!("11111111-2222-3333-4444-555555555555"));
        let mut record = Record::new(id, 5, "Authentication");
        record.signature = "Unauthorized".into();
        record.http_status = 401;
        record.rbac_authorized = Some(false);
        record.applied_assignment_id = Some("3f0c".into());
        record.tls_version = "TLS1_3".into();
        record.count = 512;
        record.properties = vec![
            ("sourceVersion".into(), "0a".into()),
            ("httpStatusCode".into(), "an operation's property never hides one of Azure's".into()),
        ];
        let found = render(&record);
        assert_eq!(found["time"], "1970-01-01T00:00:00.005Z");
        assert_eq!(found["resultType"], "Failure");
        assert_eq!(found["identity"], json!({}));
        let properties = json!({
            "requestId": "11111111-2222-3333-4444-555555555555",
            "clientInfo": "", "requestUri": "", "httpStatusCode": 401, "tlsVersion": "TLS1_3",
            "addrAuthType": "PublicIP", "appliedAssignmentId": "3f0c", "isRbacAuthorized": false,
            "count": 512, "sourceVersion": "0a",
        });
        assert_eq!(found["properties"], properties);
    }
}
