//! Every decision of this crate against a small reference that shares no code with it, over
//! generated cases; and evaluators with one flaw each, which the same cases must catch.
//!
//! The reference is `roles.rs`, `clause.rs`, and the functions `decide` of `policies.rs` and
//! `firewall.rs`. What an operation needs (its data action, its permission) is taken as given:
//! `crates/model/tests` holds it against the specification.
//!
//! `STRONGROOM_AUTHZ_CASES` is the number of cases of each door, `STRONGROOM_DEEP=1` makes it
//! millions. `STRONGROOM_AUTHZ_SEED` repeats what a failure names; with `STRONGROOM_DEEP=1` the
//! seeds are new ones each time.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

mod clause;
mod doors;
mod firewall;
mod policies;
mod roles;
mod run;
mod table;
mod world;

use std::time::{Instant, SystemTime};

use strongroom_model::{DenyAssignmentId, RoleAssignmentId};

use doors::{Assign, Control, Data};
use firewall::{FIREWALL_FLAWS, Outer};
use policies::{POLICY_FLAWS, Policies};
use run::{Dice, Difference, Door, Tally, compare};
use table::{FLAWS, Flaw, id, principal};
use world::PRINCIPALS;

const ORDINARY: u64 = 100_000;
const DEEP: u64 = 3_000_000;

fn is_deep() -> bool {
    std::env::var("STRONGROOM_DEEP").is_ok_and(|deep| deep == "1")
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

fn cases() -> u64 {
    let usual = if is_deep() { DEEP } else { ORDINARY };
    variable("STRONGROOM_AUTHZ_CASES").unwrap_or(usual)
}

fn seed() -> u64 {
    let now = || SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() << 24;
    variable("STRONGROOM_AUTHZ_SEED").unwrap_or_else(|| if is_deep() { now() } else { 1 })
}

/// Fails where the two differ, and where a kind of case is rarer than its least share in per cent:
/// then the cases say less than they seem to.
fn hold_equal(name: &str, door: &impl Door, shares: &[(&str, f64)]) {
    let (seed, begun) = (seed(), Instant::now());
    let tally: Tally = compare(door, seed, cases()).unwrap_or_else(|differ| panic!("{differ}"));
    println!("{name}: {tally}\n  {:.1?}, seed {seed}", begun.elapsed());
    for (kind, least) in shares {
        let is_enough = tally.cases < ORDINARY || tally.share(kind) >= *least;
        assert!(is_enough, "only {:.2} % are {kind}", tally.share(kind));
    }
}

/// How soon a flaw shows.
fn catch(flaw: impl std::fmt::Debug, difference: Result<Tally, Difference>) {
    let Err(difference) = difference else { panic!("{flaw:?} was not caught") };
    println!("{flaw:?}: caught after {} cases", difference.after);
}

/// The kinds of case that each of the roles' doors must meet, and their least shares.
const KINDS: &[(&str, f64)] = &[
    ("allowed", 7.0),
    ("allowed from above", 5.0),
    ("allowed through a group", 2.5),
    ("allowed under a condition", 0.5),
    ("denied", 30.0),
    ("denied, for a condition cannot be told", 2.0),
    ("denied, for a condition does not hold", 1.5),
    ("denied, for NotActions take it out", 2.0),
    ("denied, for the role is not for there", 1.0),
    ("refused by a deny assignment", 5.0),
    ("refused, and otherwise allowed", 1.0),
    ("refused, for its condition cannot be told", 0.5),
    ("not refused, for it lies below", 2.0),
    ("not refused, for the caller is excluded", 1.0),
    ("of another tenant", 5.0),
];

#[test]
fn the_data_plane_decides_as_documented() {
    let public_half = [("allowed with the public half of a key", 0.3)];
    hold_equal("data plane", &Data(None), &[KINDS, &public_half].concat());
}

#[test]
fn the_control_plane_decides_as_documented() {
    let outranked = [("not refused, for the caller is from above", 0.05)];
    hold_equal("control plane", &Control(None), &[KINDS, &outranked].concat());
}

#[test]
fn giving_and_taking_roles_is_decided_as_documented() {
    hold_equal("roles given and taken", &Assign(None), KINDS);
}

#[test]
fn access_policies_decide_as_documented() {
    let kinds = [
        ("allowed", 8.0),
        ("allowed through a group", 4.0),
        ("allowed through the application", 0.8),
        ("no permission", 15.0),
        ("no policy", 15.0),
        ("not through the application", 4.0),
        ("of another tenant", 2.0),
    ];
    hold_equal("access policies", &Policies(None), &kinds);
}

#[test]
fn the_firewall_decides_as_documented() {
    let kinds = [
        ("let in by a rule", 10.0),
        ("let in by a rule, over IPv6", 2.5),
        ("let in as a trusted service", 1.5),
        ("let in, for nothing is refused", 10.0),
        ("refused by the firewall", 15.0),
        ("refused, for the public network is off", 10.0),
    ];
    hold_equal("firewall", &Outer(None), &kinds);
}

/// What is taken away leaves nothing in the indexes either.
#[test]
fn what_is_taken_away_is_gone() {
    for seed in 0..500 {
        let world = Control(None).world(&mut Dice::new(seed));
        let mut table = table::table(&world, None);
        for n in 0..world.given.len() {
            table.remove_assignment(RoleAssignmentId(id(n)));
        }
        for n in 0..world.barred.len() {
            table.remove_denial(DenyAssignmentId(id(n)));
        }
        let places = world.given.iter().map(|given| &given.scope);
        for place in places.chain(world.barred.iter().map(|barred| &barred.scope)) {
            assert!(table.at(&place.text.to_lowercase()).is_none(), "{place:?}");
        }
        assert!((0..PRINCIPALS).all(|n| table.of(principal(n)).next().is_none()));
        assert!(!table.has_denials());
    }
}

#[test]
fn an_evaluator_with_a_flaw_is_caught() {
    for flaw in FLAWS {
        // The data plane knows a vault's tenant from the vault; only `vaults/read` is both a
        // parent and asked for; and deny assignments are governed on the control plane.
        let only_on_control =
            matches!(flaw, Flaw::WantsSomethingBetweenSlashes | Flaw::BindsThoseAbove);
        catch(flaw, compare(&Control(Some(flaw)), 1, ORDINARY));
        if !only_on_control {
            catch(flaw, compare(&Assign(Some(flaw)), 1, ORDINARY));
        }
        if !only_on_control && flaw != Flaw::ForgetsTenants {
            catch(flaw, compare(&Data(Some(flaw)), 1, ORDINARY));
        }
    }
    for flaw in POLICY_FLAWS {
        catch(flaw, compare(&Policies(Some(flaw)), 1, ORDINARY));
    }
    for flaw in FIREWALL_FLAWS {
        catch(flaw, compare(&Outer(Some(flaw)), 1, ORDINARY));
    }
}
