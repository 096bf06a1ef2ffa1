//! A change of the control plane, from its audit record to the events of the activity log.

use http::StatusCode;
use serde_json::{Map, Value, json};
use strongroom_audit::Record;
use strongroom_directory::{Directory, Subscription};
use strongroom_model::{Assignments, RoleAssignmentId, Scope};
use uuid::Uuid;

use super::written;

const OBJECT_ID: &str = "http://schemas.microsoft.com/identity/claims/objectidentifier";
const TENANT_ID: &str = "http://schemas.microsoft.com/identity/claims/tenantid";
const UPN: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn";

/// Changes that are made on the host and not through the control plane, as Azure names them.
const ON_THE_HOST: [(&str, &str); 11] = [
    ("VaultPut", "Microsoft.KeyVault/vaults/write"),
    ("VaultPatch", "Microsoft.KeyVault/vaults/write"),
    ("VaultRecover", "Microsoft.KeyVault/vaults/write"),
    ("VaultUnlock", "Microsoft.KeyVault/vaults/write"),
    ("VaultAccessPolicyWrite", "Microsoft.KeyVault/vaults/accessPolicies/write"),
    ("VaultDelete", "Microsoft.KeyVault/vaults/delete"),
    ("VaultPurge", "Microsoft.KeyVault/locations/deletedVaults/purge/action"),
    // With a role; without one, it is of no subscription.
    ("ApplicationCreate", "Microsoft.Authorization/roleAssignments/write"),
    ("RoleAssignmentWrite", "Microsoft.Authorization/roleAssignments/write"),
    ("RoleAssignmentDelete", "Microsoft.Authorization/roleAssignments/delete"),
    ("ResourceGroupDelete", "Microsoft.Resources/subscriptions/resourceGroups/delete"),
];

/// Between 0001-01-01, where .NET counts from, and 1970-01-01: in ticks of 100 ns.
const TICKS_TO_1970: i64 = 621_355_968_000_000_000;

/// A change, or the attempt at one.
pub(super) struct Change<'a> {
    pub(super) record: &'a Record,
    /// What was done, such as `Microsoft.KeyVault/vaults/write`.
    pub(super) action: &'a str,
    /// The id of what was changed, as the client spelt it.
    id: String,
}

impl<'a> Change<'a> {
    /// The change that a record tells of, if it tells of one; `base` is the control plane's URL.
    pub(super) fn of(record: &'a Record, base: &str) -> Option<Self> {
        let operation: &str = &record.operation;
        let action = match operation.starts_with("Microsoft.") {
            true => operation,
            false => ON_THE_HOST.iter().find(|(name, _)| *name == operation)?.1,
        };
        let verb = action.rsplit('/').next().unwrap_or_default();
        let is_change = ["write", "delete", "action"].iter().any(|v| v.eq_ignore_ascii_case(verb));
        is_change.then(|| Self { record, action, id: id(record, base) })
    }

    /// Whether it is of a subscription.
    pub(super) fn is_below(&self, subscription: &Scope) -> bool {
        is_below(&self.id, subscription.as_str())
    }

    /// Whether it is of a resource, or of what lies below that.
    pub(super) fn is_at(&self, resource: &str) -> bool {
        is_below(&self.id, resource.trim_end_matches('/'))
    }

    /// The resource group's name.
    pub(super) fn group(&self) -> Option<&str> {
        let mut segments = self.id.split('/').skip(3);
        segments.next().filter(|key| key.eq_ignore_ascii_case("resourceGroups"))?;
        segments.next()
    }

    /// The namespace, such as `Microsoft.KeyVault`.
    pub(super) fn provider(&self) -> &str {
        self.action.split('/').next().unwrap_or_default()
    }

    /// The type, such as `Microsoft.KeyVault/vaults`.
    pub(super) fn resource_type(&self) -> &str {
        let (rest, verb) = self.action.rsplit_once('/').unwrap_or((self.action, ""));
        match verb.eq_ignore_ascii_case("action") {
            true => rest.rsplit_once('/').map_or(rest, |(kind, _)| kind),
            false => rest,
        }
    }

    /// The names that the caller may be looked for by; the one that is shown first.
    pub(super) fn callers(&self) -> Vec<&str> {
        let identity = &self.record.identity;
        let known = [&identity.upn, &identity.app_id, &identity.object_id];
        known.into_iter().flatten().map(String::as_str).collect()
    }

    /// How it ended.
    pub(super) fn status(&self) -> &'static str {
        match (self.record.success, self.record.http_status) {
            (true, 202) => "Accepted",
            (true, _) => "Succeeded",
            (false, _) => "Failed",
        }
    }

    /// How grave its end is.
    pub(super) fn level(&self) -> &'static str {
        if self.record.success { "Informational" } else { "Error" }
    }

    /// Its end and its beginning: the newest first.
    pub(super) fn events(&self, subscription: &Subscription, directory: &Directory) -> [Value; 2] {
        let begun = self.record.time_ms;
        let ended = begun.saturating_add(i64::from(self.record.duration_ms));
        let common = self.common(subscription, directory);
        let begin = Uuid::new_v5(&self.record.id.0, b"BeginRequest");
        [
            self.event(common.clone(), "End", self.record.id.0, ended),
            self.event(common, "Begin", begin, begun),
        ]
    }

    fn event(&self, mut event: Map<String, Value>, name: &str, id: Uuid, at_ms: i64) -> Value {
        let is_end = name == "End";
        let status = if is_end { self.status() } else { "Started" };
        let ticks = at_ms.saturating_mul(10_000).saturating_add(TICKS_TO_1970);
        let mut put = |name: &str, value: Value| drop(event.insert(name.to_owned(), value));
        put("eventDataId", id.to_string().into());
        put(
            "eventName",
            json!({
                "value": format!("{name}Request"),
                "localizedValue": format!("{name} request"),
            }),
        );
        put("id", format!("{}/events/{id}/ticks/{ticks}", self.id).into());
        put("level", if is_end { self.level() } else { "Informational" }.into());
        put("status", localized(status));
        put("subStatus", if is_end { self.sub_status() } else { localized("") });
        put("eventTimestamp", written(at_ms).into());
        put("submissionTimestamp", written(at_ms).into());
        put("properties", if is_end { self.outcome() } else { self.about() });
        Value::Object(event)
    }

    /// What both events say.
    fn common(&self, subscription: &Subscription, directory: &Directory) -> Map<String, Value> {
        let record = self.record;
        let mut event = Map::new();
        let mut put = |name: &str, value: Value| drop(event.insert(name.to_owned(), value));
        let mut authorization = json!({ "action": self.action, "scope": self.id });
        if let Some(role) = self.role(directory) {
            authorization["role"] = role.into();
        }
        put("authorization", authorization);
        let on_the_host = "strongroom (on the host)";
        put("caller", self.callers().first().copied().unwrap_or(on_the_host).into());
        put("channels", "Operation".into());
        put("claims", self.claims(subscription));
        put("correlationId", record.correlation_id.as_str().into());
        put("description", "".into());
        put("category", localized("Administrative"));
        put("httpRequest", self.http_request());
        put("resourceGroupName", self.group().unwrap_or_default().into());
        put("resourceProviderName", localized(self.provider()));
        put("resourceType", localized(self.resource_type()));
        put("resourceId", self.id.as_str().into());
        put("operationId", record.id.to_string().into());
        put("operationName", localized(self.action));
        put("subscriptionId", subscription.id.to_string().into());
        put("tenantId", subscription.tenant.to_string().into());
        event
    }

    /// The role that allowed it, if its assignment is still there.
    fn role(&self, directory: &Directory) -> Option<String> {
        let id: RoleAssignmentId = self.record.applied_assignment_id.as_ref()?.parse().ok()?;
        let role = directory.assignment(id)?.role;
        let assignments: &Assignments = directory.as_ref();
        assignments.role(role).map(|role| role.name.clone())
    }

    fn claims(&self, subscription: &Subscription) -> Value {
        let identity = &self.record.identity;
        let mut claims = Map::new();
        for (name, value) in
            [("appid", &identity.app_id), (OBJECT_ID, &identity.object_id), (UPN, &identity.upn)]
        {
            if let Some(value) = value {
                claims.insert(name.to_owned(), value.as_str().into());
            }
        }
        if !claims.is_empty() {
            claims.insert(TENANT_ID.to_owned(), subscription.tenant.to_string().into());
        }
        claims.into()
    }

    fn http_request(&self) -> Value {
        let record = self.record;
        let mut request = Map::new();
        request.insert("clientRequestId".into(), record.correlation_id.as_str().into());
        if let Some(address) = record.caller_ip {
            request.insert("clientIpAddress".into(), address.to_string().into());
        }
        if let Some(method) = self.property("httpMethod") {
            request.insert("method".into(), method.into());
        }
        request.into()
    }

    fn sub_status(&self) -> Value {
        let code = self.record.http_status;
        let word = word(code);
        json!({ "value": word, "localizedValue": format!("{word} (HTTP Status Code: {code})") })
    }

    fn about(&self) -> Value {
        let mut about =
            json!({ "eventCategory": "Administrative", "entity": self.id, "message": self.action });
        if let Some(body) = self.assignment() {
            // `az role assignment list-changelogs` reads a grant here, in this spelling...
            about["requestbody"] = body.clone().into();
            // ... and a revocation here.
            about["responseBody"] = body.into();
        }
        about
    }

    /// Who gets or loses which role where, as the bodies of the request and of its answer say it.
    fn assignment(&self) -> Option<String> {
        let (principal, role) = (self.property("principalId")?, self.property("roleDefinitionId")?);
        let definitions = "/providers/Microsoft.Authorization/roleDefinitions";
        let properties = json!({
            "principalId": principal,
            "roleDefinitionId": format!("{definitions}/{role}"),
            "scope": self.record.resource_id,
        });
        Some(json!({ "properties": properties }).to_string())
    }

    fn property(&self, name: &str) -> Option<&str> {
        let found = self.record.properties.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    fn outcome(&self) -> Value {
        let mut about = self.about();
        about["statusCode"] = word(self.record.http_status).into();
        about["serviceRequestId"] = self.record.id.to_string().into();
        let why: &str = &self.record.description;
        if let Some((code, message)) = why.split_once(": ") {
            let error = json!({ "error": { "code": code, "message": message } });
            about["statusMessage"] = error.to_string().into();
        }
        about
    }
}

/// The id of what a record is about. A request's path is one, but for the name of an action at its
/// end: then the path has a name without a value.
fn id(record: &Record, base: &str) -> String {
    let url = record.request_uri.split('?').next().unwrap_or_default();
    if let Some(path) = url.strip_prefix(base) {
        let mut segments: Vec<&str> = path.split('/').filter(|s| !s.is_empty()).collect();
        let provider = segments.iter().rposition(|s| s.eq_ignore_ascii_case("providers"));
        let below = provider.map_or(segments.len(), |at| segments.len().saturating_sub(at + 2));
        if below % 2 == 1 {
            segments.pop();
        }
        return segments.iter().flat_map(|segment| ["/", segment]).collect();
    }
    let scope = record.resource_id.trim_end_matches('/');
    let assignment = record.properties.iter().find(|(name, _)| name == "roleAssignmentId");
    match assignment {
        Some((_, id)) => {
            format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{id}")
        }
        None => scope.to_owned(),
    }
}

/// Whether an id is another one, or lies below it, in any ASCII case.
fn is_below(id: &str, above: &str) -> bool {
    let start = id.get(..above.len());
    let rest = id.get(above.len()..).unwrap_or_default();
    start.is_some_and(|start| start.eq_ignore_ascii_case(above))
        && (rest.is_empty() || rest.starts_with('/'))
}

fn localized(text: &str) -> Value {
    json!({ "value": text, "localizedValue": text })
}

/// A status in one word, as .NET calls it: `NotFound`.
fn word(code: u16) -> String {
    let status = StatusCode::from_u16(code).ok();
    let reason = status.and_then(|status| status.canonical_reason()).unwrap_or_default();
    reason.replace(' ', "")
}

#[cfg(test)]
mod tests {
    use strongroom_model::RequestId;

    use super::*;

    const BASE: &str = "https://management.localhost:8443";
    const SUB: &str = "/subscriptions/7e3b9b4a-0c7e-4f0e-9f2b-2b1f3d1b8c11";

    fn record(operation: &'static str, path: &str) -> Record {
        let id = RequestId(Uuid::from_u128(1));
        let mut record = Record::new(id, 1_767_225_600_123, operation);
        record.request_uri = format!("{BASE}{path}?api-version=2026-02-01");
        record
    }

    #[test]
    fn a_paths_action_is_no_part_of_the_id() {
        let vault = format!("{SUB}/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/v");
        let assignment = format!("{vault}/providers/Microsoft.Authorization/roleAssignments/a");
        for (path, expected) in [
            (vault.clone(), vault.clone()),
            (format!("/{vault}//"), vault.clone()),
            (format!("{vault}/accessPolicies/add"), format!("{vault}/accessPolicies/add")),
            (assignment.clone(), assignment),
            (format!("{SUB}/resourceGroups/rg"), format!("{SUB}/resourceGroups/rg")),
            (
                format!("{SUB}/providers/Microsoft.KeyVault/locations/l/deletedVaults/v/purge"),
                format!("{SUB}/providers/Microsoft.KeyVault/locations/l/deletedVaults/v"),
            ),
        ] {
            let record = record("Microsoft.KeyVault/vaults/write", &path);
            let change = Change::of(&record, BASE).unwrap();
            assert_eq!(change.id, expected, "{path}");
            assert!(
                change.is_below(
                    &Scope::parse(&SUB.to_uppercase().replace("SUBSCRIPTIONS", "subscriptions",))
                        .unwrap()
                )
            );
            assert!(!change.is_at(&format!("{SUB}/resourceGroups/r")), "a whole segment");
        }
    }

    #[test]
    fn only_changes_of_the_control_plane_are_changes() {
        for (operation, resource_type) in [
            ("Microsoft.KeyVault/vaults/write", "Microsoft.KeyVault/vaults"),
            (
                "Microsoft.KeyVault/locations/deletedVaults/purge/action",
                "Microsoft.KeyVault/locations/deletedVaults",
            ),
            ("VaultDelete", "Microsoft.KeyVault/vaults"),
            ("RoleAssignmentWrite", "Microsoft.Authorization/roleAssignments"),
        ] {
            let record = record(operation, SUB);
            let change = Change::of(&record, BASE).unwrap();
            assert_eq!(change.resource_type(), resource_type, "{operation}");
        }
        for other in ["Microsoft.KeyVault/vaults/read", "SecretSet", "SignIn", "DirectoryWrite", ""]
        {
            assert!(Change::of(&record(other, SUB), BASE).is_none(), "{other}");
        }
    }

    #[test]
    fn a_change_on_the_host_names_its_assignment() {
        let mut record = record("RoleAssignmentWrite", "");
        record.request_uri.clear();
        record.resource_id = SUB.into();
        record.properties.push(("roleAssignmentId".into(), "a".into()));
        let change = Change::of(&record, BASE).unwrap();
        let expected = format!("{SUB}/providers/Microsoft.Authorization/roleAssignments/a");
        assert_eq!(change.id, expected);
    }

    /// Ticks as .NET counts them: `new DateTime(2026, 1, 1).Ticks` is 639028224000000000.
    #[test]
    fn an_events_id_counts_ticks() {
        let record = record("Microsoft.KeyVault/vaults/write", SUB);
        let change = Change::of(&record, BASE).unwrap();
        let event = change.event(Map::new(), "Begin", record.id.0, 1_767_225_600_123);
        let id = event["id"].as_str().unwrap();
        assert!(id.ends_with("/ticks/639028224001230000"), "{id}");
        assert_eq!(event["eventTimestamp"], "2026-01-01T00:00:00.1230000Z");
        assert_eq!(event["status"]["value"], "Started");
    }
}
