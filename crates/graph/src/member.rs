//! Who belongs to which group.

use std::collections::BTreeSet;

use serde_json::Value;
use strongroom_directory::Directory;
use strongroom_model::PrincipalId;
use strongroom_wire::graph::{CheckMembers, GetMembers};

use crate::object::{Kind, Object};
use crate::problem::Problem;
use crate::request::{Answer, Request};

/// The most groups that one request may ask about.
const MOST_CHECKED: usize = 20;

/// How an object relates to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    /// The groups it is itself a member of.
    MemberOf,
    /// Those, and the groups that they are members of.
    TransitiveMemberOf,
    /// A group's members.
    Members,
    /// Those, and the members of the groups among them.
    TransitiveMembers,
    /// Kept nowhere here, so that there are none.
    Nothing,
}

impl Relation {
    /// A relation by its name in lower case; `None`: objects of the kind have no such one.
    pub(crate) fn parse(kind: Kind, name: &str) -> Option<Self> {
        let has_groups = kind != Kind::Application;
        Some(match name {
            "memberof" if has_groups => Self::MemberOf,
            "transitivememberof" if has_groups => Self::TransitiveMemberOf,
            "members" if kind == Kind::Group => Self::Members,
            "transitivemembers" if kind == Kind::Group => Self::TransitiveMembers,
            "owners" if kind != Kind::User => Self::Nothing,
            "ownedobjects" if matches!(kind, Kind::User | Kind::ServicePrincipal) => Self::Nothing,
            "approleassignments" if has_groups => Self::Nothing,
            "approleassignedto" | "oauth2permissiongrants" if kind == Kind::ServicePrincipal => {
                Self::Nothing
            }
            "federatedidentitycredentials" if kind == Kind::Application => Self::Nothing,
            _ => return None,
        })
    }

    /// Whom it relates an object to.
    pub(crate) fn of(self, directory: &Directory, object: Object<'_>) -> Vec<PrincipalId> {
        let id = PrincipalId(object.id());
        match (self, object) {
            (Self::MemberOf, _) => directory.direct_groups_of(id).to_vec(),
            (Self::TransitiveMemberOf, _) => directory.groups_of(id),
            (Self::Members, Object::Group(group)) => group.members.clone(),
            (Self::TransitiveMembers, _) => transitive_members(directory, id),
            _ => Vec::new(),
        }
    }
}

/// Groups may lie in one another in a circle; each is looked into once.
fn transitive_members(directory: &Directory, group: PrincipalId) -> Vec<PrincipalId> {
    let mut found = BTreeSet::new();
    let mut open = vec![group];
    while let Some(next) = open.pop() {
        let members = directory.group(next).map(|group| group.members.as_slice());
        for member in members.unwrap_or_default() {
            if found.insert(*member) {
                open.push(*member);
            }
        }
    }
    found.into_iter().collect()
}

/// Whether a segment in lower case is a question about groups.
pub(crate) fn is_action(segment: &str) -> bool {
    ["getmembergroups", "getmemberobjects", "checkmembergroups", "checkmemberobjects"]
        .contains(&segment)
}

/// Answers one.
pub(crate) fn act(request: &Request<'_>, object: Object<'_>, action: &str) -> Answer {
    if object.kind() == Kind::Application {
        return Err(Problem::no_segment(action));
    }
    let mut groups = request.directory.groups_of(PrincipalId(object.id()));
    if action.starts_with("check") {
        let asked: CheckMembers = request.json()?;
        if asked.ids.len() > MOST_CHECKED {
            let text = format!("At most {MOST_CHECKED} ids may be checked in one request.");
            return Err(Problem::request(text));
        }
        let asked: Vec<PrincipalId> = asked.ids.iter().filter_map(|id| id.parse().ok()).collect();
        groups.retain(|group| asked.contains(group));
    } else {
        // Every group here is one that access can be given to.
        let _asked: GetMembers = request.json()?;
    }
    let known = request.known(&groups);
    let ids: Vec<Value> = known.iter().map(|object| object.id().to_string().into()).collect();
    let mut document = request.context("Collection(Edm.String)", "");
    document.insert("value".into(), ids.into());
    Ok(document)
}
