//! The installation's external URLs: derived from its base domain and port, never from a Host
//! header.

use crate::TenantId;

/// Where clients find the installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    base: String,
    port: u16,
    /// `.<base>[:port]`; the port is left out when it is 443.
    suffix: String,
}

/// What a host name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// `<vault>.vault.<base>`; the vault's name in lower case.
    Vault(String),
    /// `<hsm>.managedhsm.<base>`; the HSM's name in lower case.
    ManagedHsm(String),
    /// `login.<base>`
    Login,
    /// `management.<base>`
    Management,
    /// `graph.<base>`
    Graph,
    /// `portal.<base>`
    Portal,
}

impl Endpoints {
    /// A base domain (folded to lower case) and the port in every URL.
    pub fn new(base: &str, port: u16) -> Self {
        let base = base.to_ascii_lowercase();
        let suffix = match port {
            443 => format!(".{base}"),
            port => format!(".{base}:{port}"),
        };
        Self { base, port, suffix }
    }

    /// The base domain.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `https://<label>.<base>[:port]`; the port is left out when it is 443.
    pub fn url(&self, label: &str) -> String {
        ["https://", label, &self.suffix].concat()
    }

    /// A vault's URL, without a trailing slash.
    pub fn vault(&self, name: &str) -> String {
        ["https://", name, ".vault", &self.suffix].concat()
    }

    /// The token service's URL.
    pub fn authority(&self) -> String {
        self.url("login")
    }

    /// The `iss` of every token of a tenant.
    pub fn issuer(&self, tenant: TenantId) -> String {
        format!("{}/{tenant}/v2.0", self.authority())
    }

    /// Whether an issuer is this installation's own token service.
    pub fn is_own_issuer(&self, issuer: &str) -> bool {
        let rest = issuer.strip_prefix("https://login");
        rest.and_then(|rest| rest.strip_prefix(&self.suffix)).is_some_and(|r| r.starts_with('/'))
    }

    /// The resource that tokens for vaults are asked for, and their `aud`.
    pub fn vault_resource(&self) -> String {
        self.url("vault")
    }

    /// What a host name (with or without a port, in any case) stands for.
    pub fn host(&self, authority: &str) -> Option<Host> {
        let name = authority.rsplit_once(':').map_or(authority, |(name, port)| {
            if port.bytes().all(|b| b.is_ascii_digit()) { name } else { authority }
        });
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let label = name.strip_suffix(&self.base)?.strip_suffix('.')?;
        match label.split_once('.') {
            None => match label {
                "login" => Some(Host::Login),
                "management" => Some(Host::Management),
                "graph" => Some(Host::Graph),
                "portal" => Some(Host::Portal),
                _ => None,
            },
            Some((vault, "vault")) if !vault.is_empty() => Some(Host::Vault(vault.to_owned())),
            Some((hsm, "managedhsm")) if !hsm.is_empty() => Some(Host::ManagedHsm(hsm.to_owned())),
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_told_apart() {
        let at = Endpoints::new("Localhost", 8443);
        assert_eq!(at.host("dev.vault.localhost:8443"), Some(Host::Vault("dev".into())));
        assert_eq!(at.host("DEV.Vault.LOCALHOST"), Some(Host::Vault("dev".into())));
        assert_eq!(at.host("x.managedhsm.localhost"), Some(Host::ManagedHsm("x".into())));
        assert_eq!(at.host("login.localhost:8443"), Some(Host::Login));
        assert_eq!(at.host("management.localhost."), Some(Host::Management));
        for none in [
            "localhost",
            "a.b.vault.localhost",
            "vault.localhost",
            ".vault.localhost",
            "dev.vault.localhost.evil.com",
            "loginlocalhost",
            "other.localhost",
            "",
        ] {
            assert_eq!(at.host(none), None, "{none}");
        }
    }

    #[test]
    fn only_our_own_issuer_is_ours() {
        let at = Endpoints::new("kv.example", 443);
        let tenant = TenantId::from_bytes([1; 16]);
        assert!(at.is_own_issuer(&at.issuer(tenant)));
        for other in [
            "https://login.kv.example",
            "https://login.kv.example.evil/x",
            "https://login.kv.example:8443/x",
            "https://idp.kv.example/x",
        ] {
            assert!(!at.is_own_issuer(other), "{other}");
        }
    }

    #[test]
    fn the_port_is_left_out_only_when_it_is_443() {
        assert_eq!(Endpoints::new("kv.example", 443).vault("a"), "https://a.vault.kv.example");
        assert_eq!(Endpoints::new("localhost", 8443).authority(), "https://login.localhost:8443");
    }
}
