//! What keys are made and used with, as the configuration says.

use strongroom_arm::Throttling;
use strongroom_crypto::software;
use strongroom_directory::Directory;
use strongroom_ops::{KeyRules, KeyWork};
use strongroom_work::{CustomLimits, GeneratorsConfig, LimitsConfig, StockSizes};

use crate::config::{Config, ThrottlingMode, ThrottlingSection};
use crate::error::CliError;

/// Starts what does the work of keys.
///
/// # Errors
/// [`CliError::Failed`] when a vault of the configuration does not exist, or the system gives no
/// threads.
pub(crate) fn key_work(config: &Config, directory: &Directory) -> Result<KeyWork, CliError> {
    let keys = &config.keys;
    let rules = KeyRules {
        software_hsm: keys.allow_software_hsm.unwrap_or(false),
        symmetric: keys.symmetric_in_vaults,
    };
    let stock = StockSizes {
        rsa_2048: keys.stock_rsa_2048,
        rsa_3072: keys.stock_rsa_3072,
        rsa_4096: keys.stock_rsa_4096,
    };
    let generators = GeneratorsConfig { stock, ..GeneratorsConfig::default() };
    let limits = limits(&config.throttling, directory)?;
    KeyWork::new(software::provider(), rules, generators, limits).map_err(CliError::failed)
}

/// The limits of the control plane: numbers of one's own are for vaults.
pub(crate) fn throttling(section: &ThrottlingSection) -> Throttling {
    match section.mode {
        ThrottlingMode::Azure => Throttling::Azure,
        ThrottlingMode::Off | ThrottlingMode::Custom => Throttling::Off,
    }
}

fn limits(section: &ThrottlingSection, directory: &Directory) -> Result<LimitsConfig, CliError> {
    let has_numbers =
        section.vault.is_some() || section.subscription.is_some() || !section.vaults.is_empty();
    if has_numbers && section.mode != ThrottlingMode::Custom {
        return Err(CliError::failed(
            "throttling has numbers of its own: they need mode = \"custom\"",
        ));
    }
    match section.mode {
        ThrottlingMode::Off => Ok(LimitsConfig::Off),
        ThrottlingMode::Azure => Ok(LimitsConfig::Azure),
        ThrottlingMode::Custom => {
            let vaults = section.vaults.iter().map(|(name, limit)| {
                let vault = directory.vault(&name.to_ascii_lowercase());
                let vault = vault.ok_or_else(|| {
                    CliError::Failed(format!("throttling.vaults names {name}, which is no vault"))
                })?;
                Ok((vault.resource.id, Some(*limit)))
            });
            Ok(LimitsConfig::Custom(CustomLimits {
                vault: section.vault,
                vaults: vaults.collect::<Result<_, CliError>>()?,
                subscription: section.subscription,
            }))
        }
    }
}
