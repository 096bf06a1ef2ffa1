//! Role-based access control as Azure documents it, by full scans over plain data.
//!
//! Sources: "Understand Azure role definitions" (NotActions are taken out of Actions, they refuse
//! nothing), "Understand scope", "Understand Azure deny assignments" (they go before roles;
//! excluded principals; "does not apply to child scopes"), "What is Azure ABAC?". Ours where these
//! are silent: a condition that cannot be told allows nothing, and refuses all the same; a role
//! gives nothing where it may not, or no longer, be assigned; and a deny assignment does not keep
//! those from the deny assignments themselves who govern them by a role from above its scope.

use crate::clause::{Clause, Facts, Truth, fits};

/// The tenants; the first is that of nearly everybody.
pub(crate) const TENANTS: [&str; 2] =
    ["00000000-0000-0000-0000-0000000000a1", "00000000-0000-0000-0000-0000000000A2"];
/// The subscriptions, each with the number of its tenant.
pub(crate) const SUBSCRIPTIONS: [(&str, usize); 3] = [
    ("7e3b9b4a-0c7e-4f0e-9f2b-2b1f3d1b8c11", 0),
    ("7e3b9b4a-0c7e-4f0e-9f2b-2b1f3d1b8c12", 0),
    ("7e3b9b4a-0c7e-4f0e-9f2b-2b1f3d1b8c13", 1),
];
/// Stands for every principal, in a deny assignment.
pub(crate) const EVERYONE: u8 = 0xff;

/// Patterns, and patterns taken out again.
#[derive(Clone, Debug)]
pub(crate) struct Patterns {
    pub(crate) named: Vec<&'static str>,
    pub(crate) without: Vec<&'static str>,
}

/// A role, or what a deny assignment refuses.
#[derive(Clone, Debug)]
pub(crate) struct Rights {
    pub(crate) control: Patterns,
    pub(crate) data: Patterns,
    pub(crate) condition: Option<Clause>,
    /// Where a role may be assigned; a deny assignment does not ask.
    pub(crate) places: Vec<Place>,
}

/// A role assignment.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) principal: u8,
    pub(crate) role: u8,
    pub(crate) scope: Place,
    pub(crate) condition: Option<Clause>,
}

/// A deny assignment.
#[derive(Clone, Debug)]
pub(crate) struct Barred {
    pub(crate) principals: Vec<u8>,
    pub(crate) excluded: Vec<u8>,
    pub(crate) rights: Rights,
    pub(crate) scope: Place,
    pub(crate) only_here: bool,
}

/// A resource id, and its segments in lower case.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) text: String,
    segments: Vec<String>,
}

impl Place {
    pub(crate) fn new(text: String) -> Self {
        let segments = text.to_lowercase();
        let segments = segments.split('/').filter(|s| !s.is_empty()).map(str::to_owned).collect();
        Self { text, segments }
    }

    /// The number of the tenant whose subscription it is in.
    pub(crate) fn tenant(&self) -> Option<usize> {
        let [first, id, ..] = self.segments.as_slice() else { return None };
        let known = SUBSCRIPTIONS.iter().find(|(known, _)| first == "subscriptions" && known == id);
        known.map(|(_, tenant)| *tenant)
    }

    /// Whether what is said here is said of `inner` too: a tenant's root management group, whose
    /// name is the tenant's id, holds the tenant's subscriptions.
    pub(crate) fn holds(&self, inner: &Self) -> bool {
        let group = ["providers", "microsoft.management", "managementgroups"];
        if let ([before @ .., name], Some(tenant)) = (self.segments.as_slice(), inner.tenant())
            && before == group
        {
            return name.eq_ignore_ascii_case(TENANTS[tenant]);
        }
        self.segments.len() <= inner.segments.len()
            && self.segments.iter().zip(&inner.segments).all(|(a, b)| a == b)
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        self.segments == other.segments
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// Roles, who holds them, and what is refused.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) roles: Vec<Rights>,
    pub(crate) given: Vec<Given>,
    pub(crate) barred: Vec<Barred>,
}

/// What is asked: by whom, at which place, with which facts.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// The caller, and the caller's groups.
    pub(crate) who: Vec<u8>,
    pub(crate) is_data: bool,
    pub(crate) scope: Place,
    pub(crate) facts: Facts,
}

/// How an assignment stands to what is asked. The further down, the nearer it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fit {
    /// It is about somebody, something or somewhere else.
    Not,
    /// Its role is for other places than where it is assigned.
    NotForThere,
    /// Its patterns name the action, and take it out again.
    TakenOut,
    /// It is for its own scope alone.
    NotBelow,
    /// Its principals are excluded.
    Excluded,
    /// It is about deny assignments, which the caller governs by a role from above.
    Outranked,
    /// Its condition does not hold.
    Unmet,
    /// Its condition cannot be told.
    Unknown,
    /// It applies.
    Applies,
}

/// How every assignment of a world stands to what is asked.
pub(crate) struct Verdict {
    pub(crate) given: Vec<Fit>,
    pub(crate) barred: Vec<Fit>,
}

impl Verdict {
    /// Whether a deny assignment refuses it.
    pub(crate) fn refuses(&self, number: usize) -> bool {
        self.barred.get(number).is_some_and(|fit| *fit >= Fit::Unknown)
    }

    pub(crate) fn is_refused(&self) -> bool {
        (0..self.barred.len()).any(|number| self.refuses(number))
    }

    /// Whether a role assignment allows it.
    pub(crate) fn allows(&self, number: usize) -> bool {
        self.given.get(number) == Some(&Fit::Applies)
    }

    pub(crate) fn allowing(&self) -> impl Iterator<Item = usize> {
        (0..self.given.len()).filter(|number| self.allows(*number))
    }
}

pub(crate) fn decide(world: &World, asked: &Asked) -> Verdict {
    let given: Vec<Fit> = world.given.iter().map(|given| given.fit(&world.roles, asked)).collect();
    let is_above = |barred: &Barred, n: usize| {
        let at = &world.given[n].scope;
        given[n] == Fit::Applies && at.holds(&barred.scope) && !at.is(&barred.scope)
    };
    let action = asked.facts.action.to_lowercase();
    let is_of_denials = action.starts_with("microsoft.authorization/denyassignments/");
    let barred = world.barred.iter().map(|barred| match barred.fit(asked) {
        Fit::Unknown | Fit::Applies
            if is_of_denials && (0..given.len()).any(|n| is_above(barred, n)) =>
        {
            Fit::Outranked
        }
        fit => fit,
    });
    Verdict { barred: barred.collect(), given }
}

impl Given {
    fn fit(&self, roles: &[Rights], asked: &Asked) -> Fit {
        let Some(role) = roles.get(usize::from(self.role)) else { return Fit::Not };
        if !asked.who.contains(&self.principal) || !self.scope.holds(&asked.scope) {
            return Fit::Not;
        }
        match role.fit(asked) {
            Fit::Applies if !role.places.iter().any(|place| place.holds(&self.scope)) => {
                Fit::NotForThere
            }
            Fit::Applies => met(&role.condition, asked).min(met(&self.condition, asked)),
            other => other,
        }
    }
}

impl Barred {
    fn fit(&self, asked: &Asked) -> Fit {
        let named = |list: &[u8]| list.iter().any(|p| *p == EVERYONE || asked.who.contains(p));
        if !named(&self.principals) || !self.scope.holds(&asked.scope) {
            return Fit::Not;
        }
        match self.rights.fit(asked) {
            Fit::Applies if self.only_here && !self.scope.is(&asked.scope) => Fit::NotBelow,
            Fit::Applies if self.excluded.iter().any(|p| asked.who.contains(p)) => Fit::Excluded,
            Fit::Applies => met(&self.rights.condition, asked),
            other => other,
        }
    }
}

impl Rights {
    fn fit(&self, asked: &Asked) -> Fit {
        let patterns = if asked.is_data { &self.data } else { &self.control };
        let any = |patterns: &[&str]| patterns.iter().any(|p| fits(p, asked.facts.action));
        match (any(&patterns.named), any(&patterns.without)) {
            (false, _) => Fit::Not,
            (true, true) => Fit::TakenOut,
            (true, false) => Fit::Applies,
        }
    }
}

fn met(condition: &Option<Clause>, asked: &Asked) -> Fit {
    match condition.as_ref().map_or(Truth::Yes, |clause| clause.truth(&asked.facts)) {
        Truth::No => Fit::Unmet,
        Truth::Unknown => Fit::Unknown,
        Truth::Yes => Fit::Applies,
    }
}
