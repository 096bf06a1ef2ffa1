//! The documents of Microsoft Graph: what its v1.0 answers of a directory.
//!
//! Members that this installation has nothing for are there as Graph shows them when they are not
//! set. Source: the resource types `user`, `group`, `servicePrincipal` and `application` of
//! Microsoft Graph v1.0.

use serde::{Deserialize, Serialize};

/// A member that is never set.
type Unset = ();

/// A list that is always empty.
type Empty = [(); 0];

/// A person.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct User<'a> {
    /// Phone numbers.
    pub business_phones: Empty,
    /// The name, for people.
    pub display_name: &'a str,
    /// The first name.
    pub given_name: Unset,
    /// What the person does.
    pub job_title: Unset,
    /// The mail address.
    pub mail: Option<&'a str>,
    /// A phone number.
    pub mobile_phone: Unset,
    /// Where the person works.
    pub office_location: Unset,
    /// The language.
    pub preferred_language: Unset,
    /// The family name.
    pub surname: Unset,
    /// The user principal name.
    pub user_principal_name: &'a str,
    /// The object id.
    pub id: String,
}

/// What of a person is shown only when `$select` names it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UserFurther<'a> {
    /// Whether the person may sign in.
    pub account_enabled: bool,
    /// When the row was made.
    pub created_date_time: String,
    /// The name before the `@`.
    pub mail_nickname: &'a str,
    /// `Member`
    pub user_type: &'a str,
}

/// A group.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Group<'a> {
    /// The object id.
    pub id: String,
    /// When it was deleted.
    pub deleted_date_time: Unset,
    /// How sensitive it is.
    pub classification: Unset,
    /// When it was made.
    pub created_date_time: Unset,
    /// What it is for.
    pub description: Unset,
    /// Its name, for people.
    pub display_name: &'a str,
    /// `Unified` or `DynamicMembership`; a plain group has none.
    pub group_types: Empty,
    /// Whether directory roles may be given to it.
    pub is_assignable_to_role: Unset,
    /// Its mail address.
    pub mail: Unset,
    /// Whether it has a mail address.
    pub mail_enabled: bool,
    /// The name before the `@`.
    pub mail_nickname: String,
    /// The addresses of its mail box.
    pub proxy_addresses: Empty,
    /// Whether access can be given to it.
    pub security_enabled: bool,
    /// Who may see it.
    pub visibility: Unset,
}

/// An application's identity in a tenant.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServicePrincipal<'a> {
    /// The object id (`oid`).
    pub id: String,
    /// When it was deleted.
    pub deleted_date_time: Unset,
    /// Whether it may sign in.
    pub account_enabled: bool,
    /// Further names.
    pub alternative_names: Empty,
    /// The application's description.
    pub app_description: Unset,
    /// The application's name.
    pub app_display_name: &'a str,
    /// The client id.
    pub app_id: String,
    /// The tenant that the application belongs to.
    pub app_owner_organization_id: String,
    /// Whether only those who were assigned may sign in to it.
    pub app_role_assignment_required: bool,
    /// When it was made.
    pub created_date_time: String,
    /// What it is for.
    pub description: Unset,
    /// Why it was disabled.
    pub disabled_by_microsoft_status: Unset,
    /// Its name, for people.
    pub display_name: &'a str,
    /// Its page.
    pub homepage: Unset,
    /// Where people sign in to it.
    pub login_url: Unset,
    /// Where people sign out of it.
    pub logout_url: Unset,
    /// Notes of its owner.
    pub notes: Unset,
    /// Whom to write to.
    pub notification_email_addresses: Empty,
    /// Where tokens are sent.
    pub reply_urls: Empty,
    /// The names it is known under: its client id.
    pub service_principal_names: [String; 1],
    /// `Application`
    pub service_principal_type: &'a str,
    /// `AzureADMyOrg`: it is for this tenant alone.
    pub sign_in_audience: &'a str,
    /// Labels.
    pub tags: Empty,
    /// Which key encrypts its tokens.
    pub token_encryption_key_id: Unset,
    /// What it adds to other services.
    pub add_ins: Empty,
    /// The roles it defines.
    pub app_roles: Empty,
    /// Its certificates.
    pub key_credentials: Empty,
    /// The scopes it defines.
    pub oauth2_permission_scopes: Empty,
    /// Its client secrets; the application has them.
    pub password_credentials: Empty,
}

/// An application.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Application<'a> {
    /// The application's object id; its service principal has another.
    pub id: String,
    /// When it was deleted.
    pub deleted_date_time: Unset,
    /// The client id.
    pub app_id: String,
    /// When it was made.
    pub created_date_time: String,
    /// What it is for.
    pub description: Unset,
    /// Its name, for people.
    pub display_name: &'a str,
    /// Which claims are added to its tokens.
    pub group_membership_claims: Unset,
    /// URIs that name it.
    pub identifier_uris: Empty,
    /// Whether it is a public client.
    pub is_fallback_public_client: Unset,
    /// Notes of its owner.
    pub notes: Unset,
    /// The domain it was made in.
    pub publisher_domain: Unset,
    /// `AzureADMyOrg`: it is for this tenant alone.
    pub sign_in_audience: &'a str,
    /// Labels.
    pub tags: Empty,
    /// Which key encrypts its tokens.
    pub token_encryption_key_id: Unset,
    /// What it adds to other services.
    pub add_ins: Empty,
    /// The roles it defines.
    pub app_roles: Empty,
    /// Its certificates.
    pub key_credentials: Empty,
    /// Its client secrets, without their values.
    pub password_credentials: Vec<PasswordCredential>,
    /// What it asks for.
    pub required_resource_access: Empty,
}

/// A client secret, without its value.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PasswordCredential {
    /// Not used.
    pub custom_key_identifier: Unset,
    /// Its name, for people.
    pub display_name: Unset,
    /// From when on it is refused.
    pub end_date_time: Option<String>,
    /// Its first characters; not kept.
    pub hint: Unset,
    /// Its id.
    pub key_id: String,
    /// Its value: shown once, when it was made.
    pub secret_text: Unset,
    /// When it was made.
    pub start_date_time: String,
}

/// `POST /directoryObjects/getByIds`
#[derive(Deserialize)]
pub struct GetByIds {
    /// Object ids.
    pub ids: Vec<String>,
    /// The types looked for; none: every one.
    #[serde(default)]
    pub types: Vec<String>,
}

/// `POST …/getMemberGroups` and `…/getMemberObjects`
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetMembers {
    /// Whether only groups count that access can be given to.
    #[serde(default)]
    pub security_enabled_only: Option<bool>,
}

/// `POST …/checkMemberGroups` and `…/checkMemberObjects`
#[derive(Deserialize)]
pub struct CheckMembers {
    /// Group ids.
    #[serde(alias = "groupIds")]
    pub ids: Vec<String>,
}

/// `{"error":{"code","message","innerError":{…}}}`
#[derive(Serialize)]
pub struct GraphError<'a> {
    /// What went wrong.
    pub error: GraphErrorBody<'a>,
}

/// What went wrong.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GraphErrorBody<'a> {
    /// A word for programs, such as `Request_ResourceNotFound`.
    pub code: &'a str,
    /// A sentence for people.
    pub message: &'a str,
    /// When, and under which ids.
    pub inner_error: GraphInnerError<'a>,
}

/// When a request was refused, and under which ids.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct GraphInnerError<'a> {
    /// `2026-01-31T12:00:00`, in UTC.
    pub date: String,
    /// The request's id.
    pub request_id: &'a str,
    /// The client's id for the request, or the request's own.
    pub client_request_id: &'a str,
}
