//! Evaluates the conditions of assignments.

use strongroom_model::action::matches;
use strongroom_model::condition::{Comparison, Expression, Operand, Quantifier, Test};
use strongroom_model::{
    Attribute, Condition, DataAction, Kind, PrincipalId, PrincipalType, RoleAssignment,
    RoleDefinitionId, Scope, Source,
};
use uuid::Uuid;

/// What a condition may ask about one request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts<'a> {
    /// The action, on either plane.
    pub action: &'a str,
    /// What is asked for.
    pub request: Attributes<'a>,
    /// What is there.
    pub resource: Attributes<'a>,
}

/// The attributes of one source.
#[derive(Clone, Copy, Debug, Default)]
pub struct Attributes<'a> {
    /// `Microsoft.KeyVault/vaults:name`
    pub vault: Option<&'a str>,
    /// `Microsoft.KeyVault/vaults/secrets:name`
    pub secret: Option<&'a str>,
    /// The attributes of `Microsoft.Authorization/roleAssignments`.
    pub assignment: Option<AssignmentFacts>,
}

/// What a condition may ask about a role assignment that is written or deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AssignmentFacts {
    /// The role.
    pub role: RoleDefinitionId,
    /// Who holds it.
    pub principal: PrincipalId,
    /// What kind of principal that is, where it is known.
    pub principal_type: Option<PrincipalType>,
}

impl From<&RoleAssignment> for AssignmentFacts {
    fn from(assignment: &RoleAssignment) -> Self {
        Self {
            role: assignment.role,
            principal: assignment.principal,
            principal_type: assignment.principal_type,
        }
    }
}

impl<'a> Facts<'a> {
    /// A control-plane action that no attributes are documented for.
    pub fn of_action(action: &'a str) -> Self {
        Self { action, ..Self::default() }
    }

    /// A data action. The name of a secret comes with the request that sets it, and is the
    /// resource's for everything else; what concerns no single secret has none.
    pub fn of_data(action: DataAction, vault: &'a Scope, object: Option<(Kind, &'a str)>) -> Self {
        let of_vault =
            Attributes { vault: vault.as_str().rsplit('/').next(), secret: None, assignment: None };
        let secret = object.and_then(|(kind, name)| (kind == Kind::Secret).then_some(name));
        let named = Attributes { secret, ..of_vault };
        let (request, resource) = match action {
            DataAction::SecretsSet => (named, of_vault),
            _ => (of_vault, named),
        };
        Self { action: action.name(), request, resource }
    }

    fn value(&self, (source, attribute): (Source, Attribute)) -> Option<Value<'a>> {
        let of = match source {
            Source::Request => &self.request,
            Source::Resource => &self.resource,
            Source::Principal => return None,
        };
        Some(match attribute {
            Attribute::VaultName => Value::Text(of.vault?),
            Attribute::SecretName => Value::Text(of.secret?),
            Attribute::RoleDefinitionId => Value::Guid(of.assignment?.role.0),
            Attribute::PrincipalId => Value::Guid(of.assignment?.principal.0),
            Attribute::PrincipalType => Value::Text(of.assignment?.principal_type?.name()),
            Attribute::Custom => return None,
        })
    }
}

#[derive(Clone, Copy)]
enum Value<'a> {
    Text(&'a str),
    Guid(Uuid),
}

/// Whether a condition holds. `None`: it depends on an attribute that has no value, which is
/// neither this nor that, and negating it makes it no truer.
pub fn holds(condition: &Condition, facts: &Facts<'_>) -> Option<bool> {
    truth(condition.expression(), facts)
}

fn truth(expression: &Expression, facts: &Facts<'_>) -> Option<bool> {
    match expression {
        Expression::All(parts) => all(parts.iter().map(|part| truth(part, facts))),
        Expression::Any(parts) => any(parts.iter().map(|part| truth(part, facts))),
        Expression::Not(inner) => truth(inner, facts).map(|holds| !holds),
        Expression::ActionMatches(patterns) => {
            Some(patterns.iter().any(|pattern| matches(pattern, facts.action)))
        }
        // No operation of a vault has parts.
        Expression::SubOperationMatches(_) => Some(false),
        Expression::Exists(source, attribute) => Some(facts.value((*source, *attribute)).is_some()),
        Expression::Compare(comparison) => compare(comparison, facts),
        Expression::Never => None,
    }
}

fn all(mut truths: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    truths
        .try_fold(Some(true), |so_far, truth| match truth {
            Some(false) => Err(()),
            Some(true) => Ok(so_far),
            None => Ok(None),
        })
        .unwrap_or(Some(false))
}

fn any(mut truths: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    truths
        .try_fold(Some(false), |so_far, truth| match truth {
            Some(true) => Err(()),
            Some(false) => Ok(so_far),
            None => Ok(None),
        })
        .unwrap_or(Some(true))
}

fn compare(comparison: &Comparison, facts: &Facts<'_>) -> Option<bool> {
    let left = facts.value(comparison.left)?;
    // `PROD` and `prod` name the same vault and the same secret: a condition that told them apart
    // would be evaded by another spelling.
    let is_name = matches!(comparison.left.1, Attribute::VaultName | Attribute::SecretName);
    let one = |right: Value<'_>| test(comparison.test, is_name, left, right) != comparison.negated;
    let every = comparison.quantifier == Quantifier::AllOnTheRight;
    Some(match &comparison.right {
        Operand::Attribute(source, attribute) => one(facts.value((*source, *attribute))?),
        Operand::Texts(texts) if every => texts.iter().all(|text| one(Value::Text(text))),
        Operand::Texts(texts) => texts.iter().any(|text| one(Value::Text(text))),
        Operand::Guids(guids) if every => guids.iter().all(|guid| one(Value::Guid(*guid))),
        Operand::Guids(guids) => guids.iter().any(|guid| one(Value::Guid(*guid))),
    })
}

/// Whether two values compare as a test asks, before it is negated.
fn test(test: Test, is_name: bool, left: Value<'_>, right: Value<'_>) -> bool {
    let (left, right) = match (left, right) {
        (Value::Guid(left), Value::Guid(right)) => return left == right,
        (Value::Text(left), Value::Text(right)) => (left.as_bytes(), right.as_bytes()),
        _ => return false,
    };
    let same = |folds: bool, left: &[u8], right: &[u8]| {
        left == right || (folds || is_name) && left.eq_ignore_ascii_case(right)
    };
    match test {
        Test::Equals { ignore_case } => same(ignore_case, left, right),
        Test::StartsWith { ignore_case } => {
            left.get(..right.len()).is_some_and(|start| same(ignore_case, start, right))
        }
        Test::Like { ignore_case } => is_like(left, right, ignore_case || is_name),
        Test::GuidEquals => false,
    }
}

/// Whether a text fits a pattern, where `*` is any run of characters, `?` any one, and `\` takes
/// the next one as it is.
fn is_like(text: &[u8], pattern: &[u8], ignore_case: bool) -> bool {
    let same = |a: u8, b: u8| a == b || ignore_case && a.eq_ignore_ascii_case(&b);
    let (mut t, mut p, mut star) = (0, 0, None);
    while let Some(byte) = text.get(t) {
        let (next, width) = match (pattern.get(p), pattern.get(p + 1)) {
            (Some(b'*'), _) => {
                star = Some((p, t));
                p += 1;
                continue;
            }
            (Some(b'?'), _) => (true, 1),
            (Some(b'\\'), Some(escaped)) => (same(*escaped, *byte), 2),
            (Some(expected), _) => (same(*expected, *byte), 1),
            (None, _) => (false, 0),
        };
        match (next, star) {
            (true, _) => (t, p) = (t + 1, p + width),
            (false, Some((at, from))) => {
                star = Some((at, from + 1));
                (t, p) = (from + 1, at + 1);
            }
            (false, None) => return false,
        }
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}
