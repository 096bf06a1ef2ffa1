//! Makes worlds and questions in which much nearly fits.

use crate::clause::{Clause, Comparison, Right, Test};
use crate::roles::{
    Barred, EVERYONE, Given, Patterns, Place, Rights, SUBSCRIPTIONS, TENANTS, World,
};
use crate::run::Dice;

const DATA: [&str; 15] = [
    "*",
    "Microsoft.KeyVault/vaults/*",
    "microsoft.keyvault/vaults/secrets/*",
    "Microsoft.KeyVault/vaults/keys/*",
    "Microsoft.KeyVault/vaults/certificate*",
    "Microsoft.KeyVault/vaults/*/read",
    "Microsoft.KeyVault/vaults/*/action",
    "Microsoft.KeyVault/*/keys/read",
    "Microsoft.KeyVault/vaults/secrets/getSecret/action",
    "Microsoft.KeyVault/vaults/SECRETS/readMetadata/action",
    "Microsoft.KeyVault/vaults/secrets",
    "Microsoft.KeyVault/*/delete",
    "Microsoft.Storage/*",
    "*/purge/action",
    "",
];
const CONTROL: [&str; 12] = [
    "*",
    "*/read",
    "Microsoft.KeyVault/*",
    "Microsoft.KeyVault/*/read",
    "Microsoft.Authorization/*/Write",
    "Microsoft.Authorization/roleAssignments/*",
    "Microsoft.Authorization/roleAssignments/write",
    "microsoft.keyvault/VAULTS/write",
    "Microsoft.KeyVault/vaults/*/read",
    "Microsoft.KeyVault/locations/deletedVaults/purge/action",
    "Microsoft.*/delete",
    "Microsoft.Key",
];
/// The control-plane actions that are asked for.
pub(crate) const ACTIONS: [&str; 10] = [
    "Microsoft.KeyVault/vaults/read",
    "Microsoft.KeyVault/vaults/write",
    "Microsoft.KeyVault/vaults/secrets/read",
    "microsoft.keyvault/vaults/DELETE",
    "Microsoft.Authorization/roleAssignments/write",
    "Microsoft.Authorization/roleDefinitions/Write",
    "Microsoft.KeyVault/locations/deletedVaults/purge/action",
    "Microsoft.Resources/subscriptions/resourceGroups/read",
    "Microsoft.Authorization/denyAssignments/delete",
    "microsoft.authorization/DenyAssignments/write",
];
/// The attributes of either source, and one that nobody has.
pub(crate) const ATTRIBUTES: [&str; 11] = [
    "Request[Microsoft.KeyVault/vaults:name]",
    "Resource[Microsoft.KeyVault/vaults:name]",
    "Request[Microsoft.KeyVault/vaults/secrets:name]",
    "Resource[Microsoft.KeyVault/vaults/secrets:name]",
    "Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId]",
    "Resource[Microsoft.Authorization/roleAssignments:RoleDefinitionId]",
    "Request[Microsoft.Authorization/roleAssignments:PrincipalId]",
    "Resource[Microsoft.Authorization/roleAssignments:PrincipalId]",
    "Request[Microsoft.Authorization/roleAssignments:PrincipalType]",
    "Resource[Microsoft.Authorization/roleAssignments:PrincipalType]",
    "Principal[Microsoft.Directory/CustomSecurityAttributes/Id:Engineering_Project]",
];
const NAMES: [&str; 10] = ["a", "A", "ab", "dev", "d", "a*", "?", "*v?", r"a\*", "dev2"];
const TYPES: [&str; 6] = ["User", "user", "Group", "G*", "ServicePrincipal", "?ser"];
/// Roles and principals have the numbers from 1 on for their ids.
const GUIDS: [&str; 4] = [
    "00000000-0000-0000-0000-000000000001",
    "00000000-0000-0000-0000-000000000002",
    "00000000-0000-0000-0000-000000000003",
    "00000000-0000-0000-0000-00000000000A",
];

/// `attributes`: those that conditions ask about, the last of which nobody has.
pub(crate) fn world(dice: &mut Dice, attributes: &[&'static str]) -> World {
    let denials = if dice.once_in(3) { 0..=0 } else { 2..=8 };
    World {
        roles: dice.list(1..=5, |dice| rights(dice, attributes, 5)),
        given: dice.list(0..=32, |dice| Given {
            principal: dice.small(PRINCIPALS),
            role: dice.small(5),
            scope: place(dice),
            condition: condition(dice, attributes, 2),
        }),
        barred: dice.list(denials, |dice| Barred {
            principals: dice.list(0..=2, |dice| match dice.below(5) {
                0 => EVERYONE,
                _ => dice.small(PRINCIPALS),
            }),
            excluded: dice.list(0..=1, |dice| dice.small(PRINCIPALS)),
            rights: rights(dice, attributes, 3),
            scope: place(dice),
            only_here: dice.once_in(3),
        }),
    }
}

fn rights(dice: &mut Dice, attributes: &[&'static str], one_in: usize) -> Rights {
    let patterns = |dice: &mut Dice, all: &[&'static str]| Patterns {
        named: dice.list(1..=4, |dice| dice.one(all)),
        without: dice.list(0..=1, |dice| dice.one(all)),
    };
    Rights {
        control: patterns(dice, &CONTROL),
        data: patterns(dice, &DATA),
        condition: condition(dice, attributes, one_in),
        places: match dice.once_in(4) {
            true => dice.list(1..=2, place),
            false => vec![Place::new("/".to_owned())],
        },
    }
}

/// A scope that something is asked at: a vault, as often as not.
pub(crate) fn asked_place(dice: &mut Dice) -> Place {
    if dice.once_in(2) { Place::new(vault(dice)) } else { place(dice) }
}

/// A scope of any kind, in any case.
fn place(dice: &mut Dice) -> Place {
    Place::new(match dice.below(12) {
        0 => "/".to_owned(),
        1 => {
            let name = dice.one(&[TENANTS[0], TENANTS[1], "sandbox"]);
            let spelt = dice.one(&["managementGroups", "managementgroups"]);
            format!("/providers/Microsoft.Management/{spelt}/{name}")
        }
        2..=4 => subscription(dice),
        5..=6 => format!("{}/resourceGroups/{}", subscription(dice), dice.one(&GROUPS)),
        7..=9 => vault(dice),
        10 => vault(dice).replace("Microsoft.KeyVault/vaults", "Microsoft.Storage/storageAccounts"),
        _ => {
            let kind = dice.one(&["secrets", "keys", "Secrets", "certificates"]);
            format!("{}/{kind}/{}", vault(dice), dice.one(&OBJECTS))
        }
    })
}

/// How many principals there are: people, applications and groups.
pub(crate) const PRINCIPALS: u8 = 5;
/// The numbers of the subscriptions, the usual one most often.
pub(crate) const NUMBERS: [usize; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2];
/// Names that begin alike, and names that are the same in another case.
pub(crate) const GROUPS: [&str; 5] = ["rg", "rg", "rg", "rg2", "RG"];
pub(crate) const VAULTS: [&str; 5] = ["dev", "dev", "dev", "dev2", "DEV"];
pub(crate) const OBJECTS: [&str; 4] = ["a", "ab", "A", "b"];

fn subscription(dice: &mut Dice) -> String {
    let (id, _) = SUBSCRIPTIONS[dice.one(&NUMBERS)];
    format!("/{}/{id}", dice.one(&["subscriptions", "subscriptions", "Subscriptions"]))
}

fn vault(dice: &mut Dice) -> String {
    let (group, name) = (dice.one(&GROUPS), dice.one(&VAULTS));
    let provider = dice.one(&["Microsoft.KeyVault", "microsoft.keyvault"]);
    format!("{}/resourceGroups/{group}/providers/{provider}/vaults/{name}", subscription(dice))
        .replace("keyvault/vaults", "keyvault/Vaults")
}

/// A condition, in one case of so many.
fn condition(dice: &mut Dice, attributes: &[&'static str], one_in: usize) -> Option<Clause> {
    dice.once_in(one_in).then(|| clause(dice, attributes, 3))
}

fn clause(dice: &mut Dice, attributes: &[&'static str], depth: u8) -> Clause {
    let sign = dice.once_in(2);
    let joined = if depth == 0 { 3 } else { 6 };
    match dice.below(joined) {
        0 => leaf(dice, attributes),
        1 | 2 => Clause::Compare(comparison(dice, attributes)),
        3 => Clause::Not(sign, Box::new(clause(dice, attributes, depth - 1))),
        more => {
            let a = Box::new(clause(dice, attributes, depth - 1));
            let b = Box::new(clause(dice, attributes, depth - 1));
            if more == 4 { Clause::And(sign, a, b) } else { Clause::Or(sign, a, b) }
        }
    }
}

fn leaf(dice: &mut Dice, attributes: &[&'static str]) -> Clause {
    match dice.below(8) {
        0 => Clause::SubOperation,
        1 | 2 => Clause::Exists(dice.one(attributes)),
        3 => Clause::NotExists(dice.one(attributes)),
        4 | 5 => Clause::Action(dice.list(1..=2, |dice| dice.one(&DATA[..14]))),
        _ => Clause::Action(dice.list(1..=2, |dice| dice.one(&CONTROL))),
    }
}

fn comparison(dice: &mut Dice, attributes: &[&'static str]) -> Comparison {
    let attribute = dice.one(attributes);
    let same = |other: &&'static str| other.rsplit(':').next() == attribute.rsplit(':').next();
    let (values, is_guid) = match attribute.rsplit(':').next() {
        Some("name]") => (&NAMES[..], false),
        Some("RoleDefinitionId]" | "PrincipalId]") => (&GUIDS[..], true),
        _ => (&TYPES[..], false),
    };
    let others: Vec<&'static str> = attributes.iter().copied().filter(same).collect();
    let quantifier = dice.one(&[
        None,
        None,
        Some("ForAnyOfAnyValues"),
        Some("ForAllOfAnyValues"),
        Some("ForAnyOfAllValues"),
        Some("ForAllOfAllValues"),
    ]);
    let most = if quantifier.is_some() { 3 } else { 1 };
    let test =
        if is_guid { Test::Guid } else { dice.one(&[Test::Equals, Test::StartsWith, Test::Like]) };
    Comparison {
        attribute,
        quantifier,
        test,
        negated: dice.once_in(2),
        ignores_case: dice.once_in(2),
        right: match dice.below(6) {
            0 => Right::Attribute(dice.one(&others)),
            _ => Right::Values(dice.list(1..=most, |dice| dice.one(values))),
        },
    }
}
