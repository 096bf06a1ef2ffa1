//! The trusted issuers of the configuration, brought into the directory at start.

use strongroom_directory::TrustedIssuer;
use strongroom_directory::row::row_key;
use strongroom_model::TenantId;
use strongroom_store::Txn;

use super::node::Node;
use crate::config::TrustedIssuerSection;
use crate::error::CliError;

const ALGORITHMS: [&str; 4] = ["RS256", "PS256", "ES256", "ES384"];

/// Makes the directory's trusted issuers those of the configuration, no more and no fewer.
///
/// # Errors
/// [`CliError::Failed`], naming the issuer that breaks a rule.
pub(crate) async fn apply(node: &Node, wanted: &[TrustedIssuerSection]) -> Result<(), CliError> {
    let directory = node.directory.current();
    let default = directory
        .installation()
        .map(|installation| installation.default_tenant)
        .ok_or_else(|| CliError::failed("the installation has no tenant"))?;
    let rows: Vec<TrustedIssuer> =
        wanted.iter().map(|section| row(section, default)).collect::<Result<_, _>>()?;
    let mut txn = Txn::new();
    for known in directory.trusted_issuers() {
        if !rows.iter().any(|row| row.issuer == known.issuer) {
            txn = txn.delete(row_key::<TrustedIssuer>(known.issuer.as_bytes()));
        }
    }
    for row in &rows {
        if !directory.trusted_issuers().iter().any(|known| known.as_ref() == row) {
            let (key, value) = node.directory.row(row).map_err(CliError::failed)?;
            txn = txn.put(key, value);
        }
    }
    if txn.writes.is_empty() {
        return Ok(());
    }
    let call = node.ops.own_call("TrustedIssuersWrite", "configuration");
    let mut call = call.map_err(CliError::failed)?;
    let names: Vec<&str> = rows.iter().map(|row| row.issuer.as_str()).collect();
    call.set_property("issuers", names.join(" "));
    node.ops.commit_rows(&mut call, txn).await.map_err(CliError::failed)
}

fn row(section: &TrustedIssuerSection, default: TenantId) -> Result<TrustedIssuer, CliError> {
    let refused = |why: &str| CliError::Failed(format!("trusted issuer {}: {why}", section.issuer));
    if !section.issuer.starts_with("https://") {
        return Err(refused("the issuer must be an https URL"));
    }
    check_audiences(section).map_err(refused)?;
    if section.algorithms.is_empty()
        || !section.algorithms.iter().all(|name| ALGORITHMS.contains(&name.as_str()))
    {
        return Err(refused("algorithms must be among RS256, PS256, ES256, ES384"));
    }
    let tenant = match &section.tenant {
        None => default,
        Some(text) => text.parse().map_err(|_| refused("the tenant is not a GUID"))?,
    };
    let ca_pem = match &section.ca_file {
        None => None,
        Some(path) => Some(std::fs::read_to_string(path).map_err(|e| refused(&e.to_string()))?),
    };
    Ok(TrustedIssuer {
        issuer: section.issuer.clone(),
        tenant,
        audience: section.audience.clone(),
        algorithms: section.algorithms.clone(),
        jwks_uri: section.jwks_uri.clone(),
        ca_pem,
        required_claims: section.required_claims.clone().into_iter().collect(),
        management_audience: section.management_audience.clone(),
        graph_audience: section.graph_audience.clone(),
    })
}

/// Each service has an audience of its own, so that a token for one opens no other.
fn check_audiences(section: &TrustedIssuerSection) -> Result<(), &'static str> {
    let vault = std::iter::once(&section.audience);
    let others = [&section.management_audience, &section.graph_audience].into_iter().flatten();
    let mut all: Vec<&String> = vault.chain(others).collect();
    if !all.iter().all(|audience| audience.starts_with("api://strongroom-")) {
        return Err("every audience must be of its own: api://strongroom-<name>. A token for a \
                    real Azure resource must never be good here");
    }
    let many = all.len();
    all.sort_unstable();
    all.dedup();
    if all.len() < many {
        return Err("audience, management_audience and graph_audience must differ: a token for \
                    one service must open no other");
    }
    Ok(())
}
