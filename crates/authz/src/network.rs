//! The firewall: decided for every request, before what its caller may do.

use std::net::IpAddr;

use strongroom_model::{Caller, Firewall, Passage, PrincipalId};

/// Why a request's network is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkRefusal {
    /// No rule of the vault lets the address in.
    #[error("no rule of the vault's firewall lets {0} in")]
    Firewall(IpAddr),
    /// Nothing comes in over the public network.
    #[error("the vault's public network access is disabled")]
    Disabled,
}

impl NetworkRefusal {
    /// `innererror.code` of the answer, 403.
    pub fn code(self) -> &'static str {
        match self {
            Self::Firewall(_) => "ForbiddenByFirewall",
            Self::Disabled => "ForbiddenByConnection",
        }
    }
}

/// Whether a request from `address` comes in. `caller` is who made it, if that is known;
/// `trusted` are the principals of trusted services, which a vault may let past.
///
/// # Errors
/// [`NetworkRefusal`] when it does not.
pub fn admit(
    firewall: &Firewall,
    address: IpAddr,
    caller: Option<&Caller>,
    trusted: &[PrincipalId],
) -> Result<(), NetworkRefusal> {
    let refusal = match firewall.passage(address) {
        Passage::Open => return Ok(()),
        Passage::NotAllowed => NetworkRefusal::Firewall(address.to_canonical()),
        Passage::Disabled => NetworkRefusal::Disabled,
    };
    let is_trusted = |caller: &Caller| trusted.contains(&caller.object_id);
    if firewall.bypasses_trusted_services() && caller.is_some_and(is_trusted) {
        return Ok(());
    }
    Err(refusal)
}
