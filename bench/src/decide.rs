//! What one RBAC decision costs.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use strongroom_authz::{Decision, evaluate, roles};
use strongroom_model::{
    Assignments, Caller, DataAction, IdentityType, Kind, PrincipalId, ResourceGroupName,
    RoleAssignment, RoleAssignmentId, RoleDefinitionId, Scope, SubscriptionId, TenantId, VaultName,
};
use uuid::Uuid;

const ASSIGNMENTS: usize = 2_000;
const GROUPS: usize = 10;

/// What was measured, in nanoseconds for one decision.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    /// 2,000 assignments spread over 200 principals, of whom the caller is 11.
    pub(crate) spread_allowed_ns: f64,
    pub(crate) spread_denied_ns: f64,
    /// All 2,000 assignments on the caller and the caller's groups, none of which fits.
    pub(crate) all_mine_denied_ns: f64,
}

fn principal(n: usize) -> PrincipalId {
    PrincipalId(Uuid::from_u128(n as u128))
}

/// Assignments on single secrets of one vault, spread over `principals`, in the index that the
/// server looks them up in.
fn table(vault: &Scope, principals: usize) -> Assignments {
    let mut table = Assignments::default();
    for role in roles::builtin() {
        table.put_role(Arc::new(role.clone()));
    }
    let role = roles::by_name("Key Vault Secrets User").map(|r| r.id);
    for n in 0..ASSIGNMENTS {
        table.put_assignment(Arc::new(RoleAssignment::new(
            RoleAssignmentId(Uuid::from_u128(n as u128)),
            principal(n % principals),
            role.unwrap_or(RoleDefinitionId(Uuid::nil())),
            vault.object(Kind::Secret, &format!("secret-{n:04}")),
        )));
    }
    table
}

pub(crate) fn measure() -> Result<Figures, crate::Error> {
    let subscription = SubscriptionId(Uuid::from_u128(7));
    let group = ResourceGroupName::parse("production")?;
    let vault = Scope::vault(subscription, &group, &VaultName::parse("payments")?);
    let caller = Caller {
        tenant: TenantId(Uuid::nil()),
        object_id: principal(0),
        app_id: None,
        upn: None,
        groups: (1..=GROUPS).map(principal).collect(),
        identity_type: IdentityType::App,
        issuer: String::new(),
    };
    let (spread, mine) = (table(&vault, 200), table(&vault, GROUPS + 1));
    let (allowed, denied) = ("secret-1810", "secret-9999");
    Ok(Figures {
        spread_allowed_ns: time(&caller, &vault, allowed, &spread, true)?,
        spread_denied_ns: time(&caller, &vault, denied, &spread, false)?,
        all_mine_denied_ns: time(&caller, &vault, denied, &mine, false)?,
    })
}

/// The best of five rounds: the box is shared.
fn time(
    caller: &Caller,
    vault: &Scope,
    secret: &str,
    table: &Assignments,
    expected: bool,
) -> crate::Result<f64> {
    const TURNS: u32 = 20_000;
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let begun = Instant::now();
        for _ in 0..TURNS {
            let object = Some((Kind::Secret, black_box(secret)));
            let action = DataAction::SecretsGet;
            let decision = evaluate(black_box(caller), action, black_box(vault), object, table);
            if matches!(decision, Decision::Allowed(_)) != expected {
                return Err("the decision is not as expected".into());
            }
        }
        best = best.min(begun.elapsed().as_secs_f64() * 1e9 / f64::from(TURNS));
    }
    Ok(best)
}
