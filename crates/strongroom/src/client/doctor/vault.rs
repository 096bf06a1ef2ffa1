//! Whether the vault is there, and whether its firewall lets this machine in.

use serde_json::Value;

use super::registered::Registered;
use super::report::Finding;
use super::wire::Answer;
use crate::error::CliError;

/// The vault does not answer as one that is there.
pub(super) fn absent(vault: &str, known: &Registered) -> Option<Finding> {
    match known {
        Registered::There(_) => None,
        Registered::Deleted(until) => {
            let found = format!("the vault '{vault}' is deleted, and will be purged at {until}");
            let next = format!(
                "recover it with all that is in it: `strongroom vault recover {vault}` on the \
                 server's machine, or `az keyvault recover --name {vault}`"
            );
            Some(Finding::wrong(CliError::NotFound, "deleted", found, next))
        }
        Registered::Nowhere => {
            let found = format!("there is no vault '{vault}', and none of that name is deleted");
            let next = format!(
                "check the name (`strongroom vault list` on the server's machine, or `az keyvault \
                 list`), or make it: `strongroom vault create {vault}`"
            );
            Some(Finding::wrong(CliError::NotFound, "vaultNotFound", found, next))
        }
    }
}

/// The vault is not there, and nobody could be asked what became of it.
pub(super) fn unknown(vault: &str) -> Finding {
    let found = format!(
        "there is no vault '{vault}'; whether it is deleted and can be recovered is not known: \
         only who may read deleted vaults is told"
    );
    let next = format!(
        "check the name; on the server's machine `strongroom vault list-deleted` tells whether it \
         is deleted, and so does this command with --data DIR; `strongroom vault create {vault}` \
         makes it"
    );
    Finding::wrong(CliError::NotFound, "vaultNotFound", found, next)
}

/// As far as it can be told without a token that the host takes.
pub(super) fn without_token(known: Option<&Registered>) -> (Finding, Finding) {
    match known {
        Some(Registered::There(properties)) => {
            (Finding::ok("the server on this machine has it"), rules(properties))
        }
        _ => {
            let untold =
                || Finding::unknown("not told to anybody without a token that the host accepts");
            (untold(), untold())
        }
    }
}

/// What the rules say by themselves; who is let in by them depends on the address.
fn rules(properties: &Value) -> Finding {
    let text = |path: &str| properties.pointer(path).and_then(Value::as_str).unwrap_or_default();
    if text("/publicNetworkAccess").eq_ignore_ascii_case("Disabled") {
        return Finding::unknown("it lets in trusted services only: public access is disabled");
    }
    if text("/networkAcls/defaultAction").eq_ignore_ascii_case("Deny") {
        let rules = properties.pointer("/networkAcls/ipRules").and_then(Value::as_array);
        let count = rules.map_or(0, Vec::len);
        return Finding::unknown(format!(
            "it lets in the addresses of {count} rules only; whether this machine's is among them \
             is told with a token that the host accepts"
        ));
    }
    Finding::ok("it lets in every address")
}

/// What a firewall's refusal says; `None` for any other answer.
pub(super) fn kept_out(vault: &str, answer: &Answer) -> Option<Finding> {
    let message = answer.message();
    let address = line(&message, "Client address: ").unwrap_or("an address it does not tell");
    match (answer.status, answer.code().as_str()) {
        (403, "ForbiddenByFirewall") => {
            let found = format!("the firewall of '{vault}' does not let in {address}");
            let next = format!(
                "if that is this machine's (or its proxy's) address, let it in: `az keyvault \
                 network-rule add --name {vault} --ip-address {address}`. Is everybody shut out, \
                 `strongroom vault unlock {vault}` on the server's machine opens it. If the \
                 address is a proxy's, the server's `network.trusted_proxies` has to name it"
            );
            Some(Finding::wrong(CliError::Denied, "firewall", found, next))
        }
        (403, "ForbiddenByConnection") => {
            let found = format!("the vault '{vault}' is closed: public network access is disabled");
            let next = format!(
                "open it: `az keyvault update --name {vault} --public-network-access Enabled`, or \
                 `strongroom vault update {vault} --public-network-access Enabled` on the server's \
                 machine; `strongroom vault unlock {vault}` there opens its firewall as well"
            );
            Some(Finding::wrong(CliError::Denied, "publicAccessDisabled", found, next))
        }
        _ => None,
    }
}

/// What stands behind a word at the beginning of a line.
pub(super) fn line<'a>(message: &'a str, word: &str) -> Option<&'a str> {
    message.lines().find_map(|line| line.strip_prefix(word)).map(str::trim)
}
