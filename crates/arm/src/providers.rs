//! Resource providers: what types there are, in which versions; and the calls that list them.

use http::Method;
use serde_json::{Value, json};
use strongroom_model::Scope;
use strongroom_store::Store;

use crate::{ArmRequest, Problem, Reply, locations};

/// A resource type and the `api-version`s that it answers to, newest first.
pub(crate) struct ResourceType {
    pub(crate) name: &'static str,
    pub(crate) versions: &'static [&'static str],
    /// Whether its resources have a location.
    pub(crate) located: bool,
    capabilities: &'static str,
}

/// A namespace and its types.
pub(crate) struct Provider {
    pub(crate) namespace: &'static str,
    /// The application that acts for it in Azure, where it is known.
    application: Option<&'static str>,
    pub(crate) types: &'static [ResourceType],
}

/// `Microsoft.Resources`: subscriptions, groups, tags.
pub(crate) const CORE: &[&str] = &[
    "2025-05-01",
    "2025-04-01",
    "2025-03-01",
    "2024-11-01",
    "2024-08-01",
    "2024-07-01",
    "2024-06-01-preview",
    "2024-05-01",
    "2024-03-01",
    "2024-02-01-preview",
    "2023-11-01",
    "2023-08-01",
    "2023-07-01",
    "2023-07-01-preview",
    "2023-03-01-preview",
    "2022-12-01",
    "2022-11-01-preview",
    "2022-09-01",
    "2022-06-01",
    "2022-05-01",
    "2022-03-01-preview",
    "2022-01-01",
    "2021-04-01",
    "2021-01-01",
    "2020-10-01",
    "2020-09-01",
    "2020-08-01",
    "2020-07-01",
    "2020-06-01",
    "2020-05-01",
    "2020-01-01",
    "2019-11-01",
    "2019-10-01",
    "2019-09-01",
    "2019-08-01",
    "2019-07-01",
    "2019-06-01",
    "2019-05-10",
    "2019-05-01",
    "2019-04-01",
    "2019-03-01",
    "2018-11-01",
    "2018-09-01",
    "2018-08-01",
    "2018-07-01",
    "2018-06-01",
    "2018-05-01",
    "2018-02-01",
    "2018-01-01",
    "2017-12-01",
    "2017-08-01",
    "2017-06-01",
    "2017-05-10",
    "2017-05-01",
    "2017-03-01",
    "2016-09-01",
    "2016-07-01",
    "2016-06-01",
    "2016-02-01",
    "2015-11-01",
    "2015-01-01",
    "2014-04-01-preview",
    "2014-04-01",
    "2014-01-01",
];

/// `Microsoft.KeyVault`, as its specifications have them.
const KEY_VAULT: &[&str] = &[
    "2026-04-01",
    "2026-04-01-preview",
    "2026-03-01-preview",
    "2026-02-01",
    "2025-05-01",
    "2024-12-01-preview",
    "2024-11-01",
    "2024-04-01-preview",
    "2023-08-01-PREVIEW",
    "2023-07-01",
    "2023-02-01",
    "2022-11-01",
    "2022-07-01",
    "2022-02-01-preview",
    "2021-11-01-preview",
    "2021-10-01",
    "2021-06-01-preview",
    "2021-04-01-preview",
    "2020-04-01-preview",
    "2019-09-01",
    "2018-02-14-preview",
    "2018-02-14",
    "2016-10-01",
    "2015-06-01",
];

const ROLES: &[&str] = &[
    "2023-07-01-preview",
    "2022-05-01-preview",
    "2022-04-01",
    "2022-01-01-preview",
    "2021-04-01-preview",
    "2020-10-01-preview",
    "2020-08-01-preview",
    "2020-04-01-preview",
    "2020-03-01-preview",
    "2019-04-01-preview",
    "2018-12-01-preview",
    "2018-09-01-preview",
    "2018-07-01",
    "2018-01-01-preview",
    "2017-10-01-preview",
    "2017-09-01",
    "2017-05-01",
    "2016-07-01",
    "2015-07-01",
    "2015-06-01",
    "2015-05-01-preview",
    "2014-10-01-preview",
    "2014-07-01-preview",
    "2014-04-01-preview",
];

const DENIALS: &[&str] = &["2024-07-01-preview", "2022-04-01", "2018-07-01-preview"];

const LOCKS: &[&str] =
    &["2020-05-01", "2017-04-01", "2016-09-01", "2015-06-01", "2015-05-01-preview", "2015-01-01"];

const EVENTS: &[&str] =
    &["2017-03-01-preview", "2016-09-01-preview", "2015-04-01", "2014-11-01", "2014-04-01"];

const TAGS_AND_LOCATION: &str =
    "CrossResourceGroupResourceMove, CrossSubscriptionResourceMove, SupportsTags, SupportsLocation";

const fn of(name: &'static str, versions: &'static [&'static str]) -> ResourceType {
    ResourceType { name, versions, located: false, capabilities: "None" }
}

pub(crate) const PROVIDERS: &[Provider] = &[
    Provider {
        namespace: "Microsoft.KeyVault",
        application: Some("cfa8b339-82a2-471a-a3c9-0fc0be7a4093"),
        types: &[
            ResourceType {
                name: "vaults",
                versions: KEY_VAULT,
                located: true,
                capabilities: TAGS_AND_LOCATION,
            },
            ResourceType {
                name: "managedHSMs",
                versions: KEY_VAULT,
                located: true,
                capabilities: TAGS_AND_LOCATION,
            },
            of("vaults/secrets", KEY_VAULT),
            of("vaults/accessPolicies", KEY_VAULT),
            of("vaults/keys", KEY_VAULT),
            of("vaults/keys/versions", KEY_VAULT),
            of("vaults/privateEndpointConnections", KEY_VAULT),
            of("vaults/privateLinkResources", KEY_VAULT),
            of("vaults/networkSecurityPerimeterConfigurations", KEY_VAULT),
            of("vaults/explainAccess", KEY_VAULT),
            of("operations", KEY_VAULT),
            of("checkNameAvailability", KEY_VAULT),
            of("checkMhsmNameAvailability", KEY_VAULT),
            of("deletedVaults", KEY_VAULT),
            of("deletedManagedHSMs", KEY_VAULT),
            of("locations", KEY_VAULT),
            of("locations/deletedVaults", KEY_VAULT),
            of("locations/deletedManagedHSMs", KEY_VAULT),
            of("locations/operationResults", KEY_VAULT),
        ],
    },
    Provider {
        namespace: "Microsoft.Authorization",
        application: None,
        types: &[
            of("roleAssignments", ROLES),
            of("roleDefinitions", ROLES),
            of("permissions", ROLES),
            of("providerOperations", ROLES),
            of("denyAssignments", DENIALS),
            of("elevateAccess", ROLES),
            of("locks", LOCKS),
        ],
    },
    Provider {
        namespace: "Microsoft.Resources",
        application: None,
        types: &[
            of("tenants", CORE),
            of("locations", CORE),
            of("providers", CORE),
            of("resources", CORE),
            of("subscriptions", CORE),
            of("subscriptions/resources", CORE),
            of("subscriptions/providers", CORE),
            of("subscriptions/operationresults", CORE),
            ResourceType {
                name: "resourceGroups",
                versions: CORE,
                located: true,
                capabilities: "SupportsTags, SupportsLocation",
            },
            of("subscriptions/resourceGroups", CORE),
            of("subscriptions/locations", CORE),
            of("subscriptions/tagNames", CORE),
            of("subscriptions/tagNames/tagValues", CORE),
            of("tags", CORE),
            of("checkResourceName", CORE),
        ],
    },
    Provider {
        namespace: "Microsoft.Insights",
        application: None,
        types: &[of("eventtypes", EVENTS), of("eventCategories", EVENTS)],
    },
];

/// A provider by its namespace, in any case.
pub(crate) fn by_namespace(namespace: &str) -> Option<&'static Provider> {
    PROVIDERS.iter().find(|provider| provider.namespace.eq_ignore_ascii_case(namespace))
}

impl Provider {
    /// A type by its name, in any case.
    pub(crate) fn resource_type(&self, name: &str) -> Option<&'static ResourceType> {
        self.types.iter().find(|known| known.name.eq_ignore_ascii_case(name))
    }
}

/// Whether what follows a namespace is a call to the provider itself.
pub(crate) fn is_own_route(first: &str) -> bool {
    matches!(first, "" | "register" | "unregister" | "providerpermissions" | "resourcetypes")
}

/// Lists providers, shows one, or registers one: every provider is always registered.
pub(crate) fn answer<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    let at_tenant = request.target.subscription_text().is_none();
    let scope = if at_tenant {
        request.target.scope()?
    } else {
        Scope::subscription(request.subscription()?.id)
    };
    let namespace = request.target.spelt_namespace().map(str::to_owned);
    let provider = namespace.as_deref().map(by_namespace);
    let unknown = || Problem::no_namespace(namespace.as_deref().unwrap_or_default());
    let first = request.target.segment(0).to_ascii_lowercase();
    match (&request.method, provider, first.as_str()) {
        (&Method::GET, None, _) => {
            permit_read(request, &scope, at_tenant)?;
            let all = PROVIDERS.iter().map(|provider| show(request, provider, &scope)).collect();
            Reply::list(all)
        }
        (&Method::GET, Some(found), "") => {
            permit_read(request, &scope, at_tenant)?;
            let provider = found.ok_or_else(unknown)?;
            Reply::ok(&show(request, provider, &scope))
        }
        (&Method::POST, Some(found), "register" | "unregister") => {
            let provider = found.ok_or_else(unknown)?;
            request.permit(&format!("{}/{first}/action", provider.namespace), &scope)?;
            if first == "unregister" {
                return Err(Problem::conflict(
                    "CannotUnregisterRegistrationFreeProvider",
                    format!("Cannot unregister the provider '{}'.", provider.namespace),
                ));
            }
            Reply::ok(&show(request, provider, &scope))
        }
        (method, Some(Some(_)), "" | "register" | "unregister") | (method, None, _) => {
            Err(Problem::method(method))
        }
        (_, Some(None), _) => Err(unknown()),
        (_, Some(Some(provider)), kind) => {
            Err(Problem::no_type(kind, provider.namespace, &request.api_version))
        }
    }
}

/// Providers of a tenant are shown to whoever has signed in.
fn permit_read<S: Store>(
    request: &mut ArmRequest<'_, S>,
    scope: &Scope,
    at_tenant: bool,
) -> Result<(), Problem> {
    if !at_tenant && !crate::subscriptions::is_visible(request, scope) {
        request.permit("Microsoft.Resources/subscriptions/providers/read", scope)?;
    }
    Ok(())
}

fn show<S: Store>(request: &ArmRequest<'_, S>, provider: &Provider, scope: &Scope) -> Value {
    let places = locations::names(&request.directory);
    let types: Vec<Value> = provider.types.iter().map(|known| show_type(known, &places)).collect();
    let application = provider.application.into_iter();
    let authorizations: Vec<Value> =
        application.map(|application| json!({ "applicationId": application })).collect();
    let at = if scope.as_str() == "/" { "" } else { scope.as_str() };
    json!({
        "id": format!("{at}/providers/{}", provider.namespace),
        "namespace": provider.namespace,
        "authorizations": authorizations,
        "resourceTypes": types,
        "registrationState": "Registered",
        "registrationPolicy": "RegistrationFree",
    })
}

fn show_type(known: &ResourceType, places: &[String]) -> Value {
    json!({
        "resourceType": known.name,
        "locations": if known.located { places } else { &[] },
        "apiVersions": known.versions,
        "capabilities": known.capabilities,
    })
}
