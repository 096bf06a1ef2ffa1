//! An object of the directory, as Graph sees it.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Serialize;
use serde_json::{Map, Value};
use strongroom_directory::{Application, Directory, Group, User};
use strongroom_model::{PrincipalId, TenantId, Timestamp};
use strongroom_wire::graph;
use uuid::Uuid;

/// What a kind of object is called, and what it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    User,
    Group,
    ServicePrincipal,
    Application,
}

impl Kind {
    /// Those that may hold a role. An application is none of them: its service principal is.
    pub(crate) const PRINCIPALS: [Self; 3] = [Self::User, Self::Group, Self::ServicePrincipal];

    pub(crate) const ALL: [Self; 4] =
        [Self::User, Self::Group, Self::ServicePrincipal, Self::Application];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
            Self::ServicePrincipal => "servicePrincipal",
            Self::Application => "application",
        }
    }

    /// The collection that holds them.
    pub(crate) fn collection(self) -> &'static str {
        match self {
            Self::User => "users",
            Self::Group => "groups",
            Self::ServicePrincipal => "servicePrincipals",
            Self::Application => "applications",
        }
    }
}

/// An object of the directory.
#[derive(Clone, Copy)]
pub(crate) enum Object<'a> {
    User(&'a User),
    Group(&'a Group),
    ServicePrincipal(&'a Application),
    Application(&'a Application),
}

/// A property as a filter compares it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Property<'a> {
    Text(Cow<'a, str>),
    Texts(Vec<Cow<'a, str>>),
    Flag(bool),
    Null,
}

impl<'a> Object<'a> {
    /// The object of an id among those of some kinds and of a tenant.
    pub(crate) fn find(
        directory: &'a Directory,
        tenant: TenantId,
        kinds: &[Kind],
        id: Uuid,
    ) -> Option<Self> {
        let principal = PrincipalId(id);
        let found = |kind: &Kind| match kind {
            Kind::User => directory.user(principal).map(|user| Object::User(user)),
            Kind::Group => directory.group(principal).map(|group| Object::Group(group)),
            Kind::ServicePrincipal => directory
                .application_by_object(principal)
                .map(|application| Object::ServicePrincipal(application)),
            Kind::Application => directory
                .applications()
                .find(|application| application_id(application) == id)
                .map(|application| Object::Application(application)),
        };
        kinds.iter().find_map(found).filter(|object| object.tenant() == tenant)
    }

    /// The objects of some ids, in their order. The ids of applications are kept nowhere: all
    /// applications are looked through, once, however many are asked for.
    pub(crate) fn find_each(
        directory: &'a Directory,
        tenant: TenantId,
        kinds: &[Kind],
        ids: &[Uuid],
    ) -> Vec<Self> {
        let (applications, principals): (Vec<Kind>, Vec<Kind>) =
            kinds.iter().partition(|kind| **kind == Kind::Application);
        let applications = applications.iter().flat_map(|_| directory.applications());
        let applications: HashMap<Uuid, Self> = applications
            .filter(|application| application.tenant == tenant)
            .map(|application| (application_id(application), Self::Application(application)))
            .collect();
        let find = |id: &Uuid| {
            let principal = Self::find(directory, tenant, &principals, *id);
            principal.or_else(|| applications.get(id).copied())
        };
        ids.iter().filter_map(find).collect()
    }

    /// Every object of a kind and a tenant, in no order.
    pub(crate) fn all(directory: &'a Directory, tenant: TenantId, kind: Kind) -> Vec<Self> {
        let objects: Vec<Self> = match kind {
            Kind::User => directory.users().map(|user| Object::User(user)).collect(),
            Kind::Group => directory.groups().map(|group| Object::Group(group)).collect(),
            Kind::ServicePrincipal => {
                directory.applications().map(|found| Object::ServicePrincipal(found)).collect()
            }
            Kind::Application => {
                directory.applications().map(|found| Object::Application(found)).collect()
            }
        };
        objects.into_iter().filter(|object| object.tenant() == tenant).collect()
    }

    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::User(_) => Kind::User,
            Self::Group(_) => Kind::Group,
            Self::ServicePrincipal(_) => Kind::ServicePrincipal,
            Self::Application(_) => Kind::Application,
        }
    }

    pub(crate) fn id(self) -> Uuid {
        match self {
            Self::User(user) => user.object_id.0,
            Self::Group(group) => group.object_id.0,
            Self::ServicePrincipal(application) => application.object_id.0,
            Self::Application(application) => application_id(application),
        }
    }

    fn tenant(self) -> TenantId {
        match self {
            Self::User(user) => user.tenant,
            Self::Group(group) => group.tenant,
            Self::ServicePrincipal(application) | Self::Application(application) => {
                application.tenant
            }
        }
    }

    fn display_name(self) -> &'a str {
        match self {
            Self::User(user) => &user.display_name,
            Self::Group(group) => &group.display_name,
            Self::ServicePrincipal(application) | Self::Application(application) => {
                &application.display_name
            }
        }
    }

    /// A property that filters may name; `None`: the kind has no such one.
    pub(crate) fn property(self, name: &str) -> Option<Property<'a>> {
        match (self, name) {
            (_, "id") => return Some(Property::Text(self.id().to_string().into())),
            (_, "displayName") => return Some(Property::Text(self.display_name().into())),
            _ => {}
        }
        match self {
            Self::User(user) => match name {
                "userPrincipalName" => Some(Property::Text((&user.user_principal_name).into())),
                "mailNickname" => Some(Property::Text(nickname(user).into())),
                "mail" => Some(
                    user.mail.as_ref().map_or(Property::Null, |mail| Property::Text(mail.into())),
                ),
                "userType" => Some(Property::Text("Member".into())),
                "accountEnabled" => Some(Property::Flag(true)),
                _ => None,
            },
            Self::Group(group) => match name {
                "mailNickname" => Some(Property::Text(mail_nickname(group).into())),
                "mail" => Some(Property::Null),
                "mailEnabled" => Some(Property::Flag(false)),
                "securityEnabled" => Some(Property::Flag(true)),
                "groupTypes" => Some(Property::Texts(Vec::new())),
                _ => None,
            },
            Self::ServicePrincipal(application) => match name {
                "appId" => Some(Property::Text(application.client_id.to_string().into())),
                "servicePrincipalNames" => {
                    Some(Property::Texts(vec![application.client_id.to_string().into()]))
                }
                "servicePrincipalType" => Some(Property::Text("Application".into())),
                "appOwnerOrganizationId" => {
                    Some(Property::Text(application.tenant.to_string().into()))
                }
                "accountEnabled" => Some(Property::Flag(true)),
                "tags" | "alternativeNames" => Some(Property::Texts(Vec::new())),
                _ => None,
            },
            Self::Application(application) => match name {
                "appId" => Some(Property::Text(application.client_id.to_string().into())),
                "identifierUris" | "tags" => Some(Property::Texts(Vec::new())),
                "signInAudience" => Some(Property::Text("AzureADMyOrg".into())),
                _ => None,
            },
        }
    }

    /// The object's document, its `@odata.type` first if it stands among others.
    pub(crate) fn document(
        self,
        select: Option<&[String]>,
        typed: bool,
    ) -> Result<Map<String, Value>, serde_json::Error> {
        let mut document = Map::new();
        if typed {
            let name = format!("#microsoft.graph.{}", self.kind().name());
            document.insert("@odata.type".into(), name.into());
        }
        let mut members = self.members()?;
        match (select, self) {
            (None, _) => {}
            (Some(names), Self::User(user)) => {
                members.extend(object(&further(user))?);
                members.retain(|member, _| is_selected(names, member));
            }
            (Some(names), _) => members.retain(|member, _| is_selected(names, member)),
        }
        document.extend(members);
        Ok(document)
    }

    fn members(self) -> Result<Map<String, Value>, serde_json::Error> {
        match self {
            Self::User(user) => object(&user_document(user)),
            Self::Group(group) => object(&group_document(group)),
            Self::ServicePrincipal(application) => object(&service_principal(application)),
            Self::Application(application) => object(&application_document(application)),
        }
    }
}

/// The object id of an application beside its service principal's: it follows from the client id.
fn application_id(application: &Application) -> Uuid {
    Uuid::new_v5(&application.client_id.0, b"application")
}

fn is_selected(names: &[String], member: &str) -> bool {
    names.iter().any(|name| name.eq_ignore_ascii_case(member))
}

fn object(document: &impl Serialize) -> Result<Map<String, Value>, serde_json::Error> {
    match serde_json::to_value(document)? {
        Value::Object(members) => Ok(members),
        _ => Ok(Map::new()),
    }
}

/// `2026-01-31T12:00:00Z`
fn utc(time: Timestamp) -> String {
    let time = jiff::Timestamp::from_second(time.0).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn nickname(user: &User) -> &str {
    user.user_principal_name.split('@').next().unwrap_or_default()
}

/// What a mail address could be made of.
fn mail_nickname(group: &Group) -> String {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || "-_.".contains(*c);
    group.display_name.chars().filter(is_plain).collect()
}

fn user_document(user: &User) -> graph::User<'_> {
    graph::User {
        business_phones: [],
        display_name: &user.display_name,
        given_name: (),
        job_title: (),
        mail: user.mail.as_deref(),
        mobile_phone: (),
        office_location: (),
        preferred_language: (),
        surname: (),
        user_principal_name: &user.user_principal_name,
        id: user.object_id.to_string(),
    }
}

fn further(user: &User) -> graph::UserFurther<'_> {
    graph::UserFurther {
        account_enabled: true,
        created_date_time: utc(user.created),
        mail_nickname: nickname(user),
        user_type: "Member",
    }
}

fn group_document(group: &Group) -> graph::Group<'_> {
    graph::Group {
        id: group.object_id.to_string(),
        deleted_date_time: (),
        classification: (),
        created_date_time: (),
        description: (),
        display_name: &group.display_name,
        group_types: [],
        is_assignable_to_role: (),
        mail: (),
        mail_enabled: false,
        mail_nickname: mail_nickname(group),
        proxy_addresses: [],
        security_enabled: true,
        visibility: (),
    }
}

fn service_principal(application: &Application) -> graph::ServicePrincipal<'_> {
    let client_id = application.client_id.to_string();
    graph::ServicePrincipal {
        id: application.object_id.to_string(),
        deleted_date_time: (),
        account_enabled: true,
        alternative_names: [],
        app_description: (),
        app_display_name: &application.display_name,
        app_id: client_id.clone(),
        app_owner_organization_id: application.tenant.to_string(),
        app_role_assignment_required: false,
        created_date_time: utc(application.created),
        description: (),
        disabled_by_microsoft_status: (),
        display_name: &application.display_name,
        homepage: (),
        login_url: (),
        logout_url: (),
        notes: (),
        notification_email_addresses: [],
        reply_urls: [],
        service_principal_names: [client_id],
        service_principal_type: "Application",
        sign_in_audience: "AzureADMyOrg",
        tags: [],
        token_encryption_key_id: (),
        add_ins: [],
        app_roles: [],
        key_credentials: [],
        oauth2_permission_scopes: [],
        password_credentials: [],
    }
}

fn application_document(application: &Application) -> graph::Application<'_> {
    let credentials = application.credentials.iter();
    let password_credentials = credentials.map(|credential| graph::PasswordCredential {
        custom_key_identifier: (),
        display_name: (),
        end_date_time: credential.expires.map(utc),
        hint: (),
        key_id: credential.id.to_string(),
        secret_text: (),
        start_date_time: utc(credential.created),
    });
    graph::Application {
        id: application_id(application).to_string(),
        deleted_date_time: (),
        app_id: application.client_id.to_string(),
        created_date_time: utc(application.created),
        description: (),
        display_name: &application.display_name,
        group_membership_claims: (),
        identifier_uris: [],
        is_fallback_public_client: (),
        notes: (),
        publisher_domain: (),
        sign_in_audience: "AzureADMyOrg",
        tags: [],
        token_encryption_key_id: (),
        add_ins: [],
        app_roles: [],
        key_credentials: [],
        password_credentials: password_credentials.collect(),
        required_resource_access: [],
    }
}
