//! Whom the operator trusts about the network.

use strongroom_http::NetworkTrust;
use strongroom_model::network::parse_network;

use crate::config::NetworkSection;
use crate::error::CliError;

/// What the configuration says.
///
/// # Errors
/// [`CliError::Failed`], naming the key and the value that is none.
pub(crate) fn trust(section: &NetworkSection) -> Result<NetworkTrust, CliError> {
    let principal = |id: &String| {
        id.parse().map_err(|_| {
            CliError::Failed(format!("network.trusted_principals: '{id}' is no object id"))
        })
    };
    let proxies = |network: &String| {
        parse_network(network).ok_or_else(|| {
            CliError::Failed(format!(
                "network.trusted_proxies: '{network}' is neither an address nor a network"
            ))
        })
    };
    Ok(NetworkTrust {
        principals: section.trusted_principals.iter().map(principal).collect::<Result<_, _>>()?,
        proxies: section.trusted_proxies.iter().map(proxies).collect::<Result<_, _>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(text: &str) -> NetworkSection {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn what_is_no_network_and_no_principal_is_named() {
        let good = section(
            "trusted_proxies = ['10.0.0.1', 'fd00::/8']\n\
             trusted_principals = ['8e3af657-a8ff-443c-a75c-2fe8c4bcb635']",
        );
        let good = trust(&good).unwrap();
        assert_eq!((good.proxies.len(), good.principals.len()), (2, 1));
        for bad in ["trusted_proxies = ['proxy.local']", "trusted_principals = ['me']"] {
            let text = trust(&section(bad)).unwrap_err().to_string();
            assert!(text.contains(bad.split(' ').next().unwrap()), "{text}");
        }
    }
}
