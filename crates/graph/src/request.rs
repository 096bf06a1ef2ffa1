//! A request whose caller is known, and its answer.

use http::Method;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use strongroom_directory::{Directory, User};
use strongroom_model::{Caller, ClientId, Endpoints, IdentityType, PrincipalId, Timestamp};
use strongroom_wire::graph::GetByIds;
use uuid::Uuid;

use crate::member::{self, Relation};
use crate::object::{Kind, Object};
use crate::path::{self, Path};
use crate::problem::Problem;
use crate::query::Query;

/// The most ids that one request may name.
const MOST_IDS: usize = 1_000;

/// A request whose caller is known. Everybody of a tenant may read its directory, as everybody
/// may in Entra ID; nobody sees another tenant's.
pub(crate) struct Request<'a> {
    pub(crate) directory: &'a Directory,
    pub(crate) endpoints: &'a Endpoints,
    pub(crate) caller: &'a Caller,
    pub(crate) method: &'a Method,
    pub(crate) path: &'a Path,
    pub(crate) query: &'a Query,
    pub(crate) body: &'a [u8],
}

/// A document.
pub(crate) type Answer = Result<Map<String, Value>, Problem>;

impl Request<'_> {
    /// The answer.
    ///
    /// # Errors
    /// A [`Problem`]; [`Problem::read_only`] for every change.
    pub(crate) fn answer(&self) -> Answer {
        let route = self.path.route();
        let route: Vec<&str> = route.iter().map(String::as_str).collect();
        match (self.method, route.as_slice()) {
            (&Method::GET, ["me"]) => self.show(Object::User(&self.me()?), "users"),
            (&Method::GET, ["me", relation]) => {
                let me = self.me()?;
                self.related(Object::User(&me), relation)
            }
            (&Method::POST, ["me", action]) if member::is_action(action) => {
                let me = self.me()?;
                member::act(self, Object::User(&me), action)
            }
            (&Method::POST, ["directoryobjects", "getbyids"]) => self.by_ids(),
            (&Method::GET, ["oauth2permissiongrants"]) => {
                self.collection(Vec::new(), "oauth2PermissionGrants", false)
            }
            (&Method::GET, [collection]) => match path::kinds(collection) {
                Some([kind]) => self.list(*kind),
                _ => Err(Problem::no_segment(self.path.segment(0))),
            },
            (&Method::GET, [collection, _]) => {
                let (object, name) = self.object(collection)?;
                self.show(object, name)
            }
            (&Method::GET, [collection, _, relation]) => {
                let (object, _) = self.object(collection)?;
                self.related(object, relation)
            }
            (&Method::POST, [collection, _, action]) if member::is_action(action) => {
                let (object, _) = self.object(collection)?;
                member::act(self, object, action)
            }
            (&Method::GET, _) => {
                Err(Problem::no_segment(self.path.segments.last().map_or("", String::as_str)))
            }
            (_, [collection, ..])
                if path::kinds(collection).is_some()
                    || ["me", "oauth2permissiongrants"].contains(collection) =>
            {
                Err(Problem::read_only())
            }
            _ => Err(Problem::no_segment(self.path.segment(0))),
        }
    }

    /// The person who calls; the directory need not know a person of an external issuer.
    fn me(&self) -> Result<User, Problem> {
        if self.caller.identity_type != IdentityType::User {
            return Err(Problem::not_delegated());
        }
        let known = self.directory.user(self.caller.object_id);
        if let Some(user) = known.filter(|user| user.tenant == self.caller.tenant) {
            return Ok(User::clone(user));
        }
        let name = self.caller.upn.clone().unwrap_or_else(|| self.caller.object_id.to_string());
        Ok(User {
            object_id: self.caller.object_id,
            tenant: self.caller.tenant,
            display_name: name.clone(),
            user_principal_name: name,
            mail: None,
            created: Timestamp::default(),
        })
    }

    /// The object that the path names, and the collection's name.
    fn object(&self, collection: &str) -> Result<(Object<'_>, &'static str), Problem> {
        let kinds =
            path::kinds(collection).ok_or_else(|| Problem::no_segment(self.path.segment(0)))?;
        let (id, name) = (
            self.path.segment(1),
            match kinds {
                [kind] => kind.collection(),
                _ => "directoryObjects",
            },
        );
        let found = match (Uuid::parse_str(id), id.split_once('='), kinds) {
            (Ok(id), _, _) => Object::find(self.directory, self.caller.tenant, kinds, id),
            (_, Some((key, id)), [kind]) if key.eq_ignore_ascii_case("appId") => {
                self.candidates(*kind, &[id]).into_iter().next()
            }
            (_, _, [Kind::User]) => self.user(id),
            _ => return Err(Problem::bad_id(id)),
        };
        found.map(|object| (object, name)).ok_or_else(|| Problem::no_object(id))
    }

    fn user(&self, name: &str) -> Option<Object<'_>> {
        let name = name.to_lowercase();
        Object::all(self.directory, self.caller.tenant, Kind::User).into_iter().find(|object| {
            matches!(object, Object::User(user) if user.user_principal_name.to_lowercase() == name)
        })
    }

    /// The applications, or their service principals, of client ids.
    fn candidates(&self, kind: Kind, client_ids: &[&str]) -> Vec<Object<'_>> {
        let known = client_ids
            .iter()
            .filter_map(|id| id.parse().ok())
            .filter_map(|id: ClientId| self.directory.application(id))
            .filter(|application| application.tenant == self.caller.tenant);
        let known = known.map(|application| match kind {
            Kind::Application => Object::Application(application),
            _ => Object::ServicePrincipal(application),
        });
        known.collect()
    }

    fn list(&self, kind: Kind) -> Answer {
        let filter = self.query.filter.as_ref();
        let by_client =
            filter.filter(|_| matches!(kind, Kind::Application | Kind::ServicePrincipal));
        let demanded = by_client.and_then(|f| f.demands(&["appId", "servicePrincipalNames"]));
        let objects = match demanded {
            Some(client_ids) => self.candidates(kind, &client_ids),
            None => Object::all(self.directory, self.caller.tenant, kind),
        };
        self.collection(objects, kind.collection(), false)
    }

    fn related(&self, object: Object<'_>, relation: &str) -> Answer {
        let relation = Relation::parse(object.kind(), relation)
            .ok_or_else(|| Problem::no_segment(self.path.segments.last().map_or("", |s| s)))?;
        let ids = relation.of(self.directory, object);
        self.collection(self.known(&ids), "directoryObjects", true)
    }

    /// The objects of ids; those that the directory does not know are left out.
    pub(crate) fn known(&self, ids: &[PrincipalId]) -> Vec<Object<'_>> {
        let find = |id: &PrincipalId| {
            Object::find(self.directory, self.caller.tenant, &Kind::PRINCIPALS, id.0)
        };
        ids.iter().filter_map(find).collect()
    }

    /// A page of the objects that fit the query, in the order of their ids.
    fn collection(&self, objects: Vec<Object<'_>>, name: &str, typed: bool) -> Answer {
        let mut fitting = Vec::new();
        for object in objects {
            let fits = self.query.filter.as_ref().map_or(Ok(true), |filter| filter.fits(object));
            if fits? {
                fitting.push(object);
            }
        }
        let count = fitting.len();
        fitting.sort_by_key(|object| object.id());
        fitting.dedup_by_key(|object| object.id());
        if let Some(after) = self.query.after {
            fitting.retain(|object| object.id() > after);
        }
        let mut document = self.context(name, "");
        if self.query.count {
            document.insert("@odata.count".into(), count.into());
        }
        let more = fitting.len() > self.query.page();
        fitting.truncate(self.query.page());
        if let Some(last) = fitting.last().filter(|_| more) {
            document.insert("@odata.nextLink".into(), self.next_link(last.id()).into());
        }
        let shown = fitting.into_iter().map(|object| self.document(object, typed));
        document.insert("value".into(), shown.collect::<Result<Vec<Value>, Problem>>()?.into());
        Ok(document)
    }

    fn next_link(&self, last: Uuid) -> String {
        let (version, path) = (&self.path.version, self.path.segments.join("/"));
        let base = self.endpoints.url("graph");
        format!("{base}/{version}/{path}?{}", self.query.next(last))
    }

    fn show(&self, object: Object<'_>, name: &str) -> Answer {
        let typed = name == "directoryObjects";
        let mut document = self.context(name, "/$entity");
        let Value::Object(members) = self.document(object, typed)? else {
            return Ok(document);
        };
        document.extend(members);
        Ok(document)
    }

    fn document(&self, object: Object<'_>, typed: bool) -> Result<Value, Problem> {
        let document = object.document(self.query.select.as_deref(), typed);
        document.map(Value::Object).map_err(|error| Problem::internal(&error))
    }

    /// A document that says what it is.
    pub(crate) fn context(&self, name: &str, suffix: &str) -> Map<String, Value> {
        let (base, version) = (self.endpoints.url("graph"), &self.path.version);
        let select = self.query.select.as_ref().filter(|_| !name.starts_with("Collection"));
        let selected = select.map_or_else(String::new, |names| format!("({})", names.join(",")));
        let context = format!("{base}/{version}/$metadata#{name}{selected}{suffix}");
        Map::from_iter([("@odata.context".to_owned(), Value::String(context))])
    }

    fn by_ids(&self) -> Answer {
        let asked: GetByIds = self.json()?;
        if asked.ids.len() > MOST_IDS {
            let text = format!("Too many ids: at most {MOST_IDS} may be sent in one request.");
            return Err(Problem::request(text));
        }
        let is_asked = |kind: &Kind| {
            let names = [kind.name(), "directoryObject"];
            asked.types.is_empty()
                || asked.types.iter().any(|t| names.iter().any(|name| name.eq_ignore_ascii_case(t)))
        };
        let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(is_asked).collect();
        let parse = |id: &String| Uuid::parse_str(id).map_err(|_| Problem::bad_id(id));
        let ids = asked.ids.iter().map(parse).collect::<Result<Vec<Uuid>, Problem>>()?;
        let found = Object::find_each(self.directory, self.caller.tenant, &kinds, &ids);
        let shown = found.into_iter().map(|object| self.document(object, true));
        let mut document = self.context("directoryObjects", "");
        document.insert("value".into(), json!(shown.collect::<Result<Vec<Value>, Problem>>()?));
        Ok(document)
    }

    /// The body.
    ///
    /// # Errors
    /// `BadRequest` when it is not the JSON that was asked for.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_json::from_slice(self.body).map_err(|_| Problem::bad_body())
    }
}
