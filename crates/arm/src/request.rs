//! A request whose caller is known.

use std::sync::Arc;

use http::{HeaderMap, Method};
use serde::de::DeserializeOwned;
use serde_json::Value;
use strongroom_authz::{DeniedAction, GrantedAction};
use strongroom_directory::{Directory, ResourceGroup, Subscription};
use strongroom_model::{Author, Caller, IdentityType, Scope};
use strongroom_ops::Call;
use strongroom_store::Store;
use strongroom_wire::any_case;

use crate::body::Sent;
use crate::{ArmService, Problem, Query, Target};

/// A request whose caller is known; what the caller may do is still to be asked.
pub struct ArmRequest<'a, S: Store> {
    /// The control plane.
    pub service: &'a ArmService<S>,
    /// The directory as the request found it.
    pub directory: Arc<Directory>,
    /// The method.
    pub method: Method,
    /// Where it goes.
    pub target: Target,
    /// The query.
    pub query: Query,
    /// The headers.
    pub headers: HeaderMap,
    /// The `api-version`, checked for the resource's type.
    pub api_version: String,
    /// Who calls.
    pub caller: Arc<Caller>,
    /// The call and its audit record.
    pub call: Call,
    pub(crate) body: Sent,
}

impl<S: Store> ArmRequest<'_, S> {
    /// Names the action in the record, where nothing is demanded.
    pub fn name(&mut self, action: &'static str) {
        self.call.record_mut().operation = action.into();
    }

    /// Demands that the caller may do an action at a scope, and names it in the record.
    ///
    /// # Errors
    /// `AuthorizationFailed`.
    pub fn permit(&mut self, action: &str, scope: &Scope) -> Result<GrantedAction, Problem> {
        let decision =
            strongroom_authz::permitted(&self.caller, action, scope, self.directory.as_ref());
        self.decided(action, scope, decision)
    }

    /// Notes a decision in the record; the proof, or the refusal as the client hears it.
    ///
    /// # Errors
    /// `AuthorizationFailed`.
    pub fn decided(
        &mut self,
        action: &str,
        scope: &Scope,
        decision: Result<GrantedAction, DeniedAction>,
    ) -> Result<GrantedAction, Problem> {
        let record = self.call.record_mut();
        record.operation = action.to_owned().into();
        scope.as_str().clone_into(&mut record.resource_id);
        record.rbac_authorized = Some(decision.is_ok());
        record.applied_assignment_id = decision
            .as_ref()
            .ok()
            .and_then(GrantedAction::assignment)
            .map(|assignment| assignment.to_string());
        Ok(decision?)
    }

    /// Whether the caller may do an action at a scope: for lists, which leave out what the caller
    /// may not see.
    pub fn may(&self, action: &str, scope: &Scope) -> bool {
        strongroom_authz::permitted(&self.caller, action, scope, self.directory.as_ref()).is_ok()
    }

    /// The subscription of the path.
    ///
    /// # Errors
    /// `InvalidSubscriptionId` or `SubscriptionNotFound`: also for one of another tenant than the
    /// caller's.
    pub fn subscription(&self) -> Result<Arc<Subscription>, Problem> {
        let id = self.target.subscription()?;
        let known = self.directory.subscription(id);
        known
            .filter(|subscription| subscription.tenant == self.caller.tenant)
            .cloned()
            .ok_or_else(|| Problem::no_subscription(&id.to_string()))
    }

    /// The resource group of the path.
    ///
    /// # Errors
    /// As [`Self::subscription`], and `ResourceGroupNotFound`.
    pub fn group(&self) -> Result<Arc<ResourceGroup>, Problem> {
        let subscription = self.subscription()?;
        let name = self.target.group()?;
        self.directory
            .resource_group(subscription.id, &name)
            .cloned()
            .ok_or_else(|| Problem::no_group(name.as_str()))
    }

    /// The body as JSON of a known shape, its members in any case.
    ///
    /// # Errors
    /// `InvalidRequestContent`.
    pub fn body<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        any_case::from_json(self.json_text()).map_err(|error| Problem::content(&error))
    }

    /// The body as any JSON object.
    ///
    /// # Errors
    /// `InvalidRequestContent`.
    pub fn json(&self) -> Result<serde_json::Map<String, Value>, Problem> {
        self.body()
    }

    /// Without the byte order mark that some clients on Windows send.
    fn json_text(&self) -> &[u8] {
        self.body.bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&self.body.bytes)
    }

    /// Who the caller is, for `systemData`.
    pub fn author(&self) -> Author {
        let Caller { upn, app_id, object_id, identity_type, .. } = self.caller.as_ref();
        let name = upn.clone().or_else(|| app_id.clone());
        Author {
            name: name.unwrap_or_else(|| object_id.to_string()),
            is_application: *identity_type == IdentityType::App,
        }
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The URL of a path of the control plane, with the request's `api-version`.
    pub fn url(&self, path: &str) -> String {
        let base = self.service.endpoints.url("management");
        format!("{base}{path}?api-version={}", self.api_version)
    }
}
