//! Data actions: what a role may allow on the data plane.
//!
//! Source: the provider operations of Microsoft.KeyVault, and the map from access-policy
//! permissions to data actions. Matching is on a bit mask, so a decision costs no string compare.

use std::fmt;

macro_rules! data_actions {
    ($($variant:ident $name:literal)*) => {
        /// One data action of a vault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[allow(missing_docs)]
        pub enum DataAction { $($variant),* }

        impl DataAction {
            /// Every data action.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The action's full name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!("Microsoft.KeyVault/vaults/", $name)),*
                }
            }
        }
    };
}

data_actions! {
    KeysRead "keys/read"
    KeysUpdate "keys/update/action"
    KeysCreate "keys/create/action"
    KeysImport "keys/import/action"
    KeysDelete "keys/delete"
    KeysRecover "keys/recover/action"
    KeysBackup "keys/backup/action"
    KeysRestore "keys/restore/action"
    KeysDecrypt "keys/decrypt/action"
    KeysEncrypt "keys/encrypt/action"
    KeysUnwrap "keys/unwrap/action"
    KeysWrap "keys/wrap/action"
    KeysVerify "keys/verify/action"
    KeysSign "keys/sign/action"
    KeysPurge "keys/purge/action"
    KeysRelease "keys/release/action"
    KeysRotate "keys/rotate/action"
    KeyRotationPoliciesRead "keyrotationpolicies/read"
    KeyRotationPoliciesWrite "keyrotationpolicies/write"
    CertificatesRead "certificates/read"
    CertificatesUpdate "certificates/update/action"
    CertificatesCreate "certificates/create/action"
    CertificatesImport "certificates/import/action"
    CertificatesDelete "certificates/delete"
    CertificatesRecover "certificates/recover/action"
    CertificatesBackup "certificates/backup/action"
    CertificatesRestore "certificates/restore/action"
    CertificatesPurge "certificates/purge/action"
    CertificateContactsWrite "certificatecontacts/write"
    CertificateCasRead "certificatecas/read"
    CertificateCasWrite "certificatecas/write"
    CertificateCasDelete "certificatecas/delete"
    SecretsGet "secrets/getSecret/action"
    SecretsReadMetadata "secrets/readMetadata/action"
    SecretsSet "secrets/setSecret/action"
    SecretsUpdate "secrets/update/action"
    SecretsDelete "secrets/delete"
    SecretsRecover "secrets/recover/action"
    SecretsBackup "secrets/backup/action"
    SecretsRestore "secrets/restore/action"
    SecretsPurge "secrets/purge/action"
    StorageAccountsRead "storageaccounts/read"
    StorageAccountsDelete "storageaccounts/delete"
    StorageAccountsSet "storageaccounts/set/action"
    StorageAccountsRegenerateKey "storageaccounts/regeneratekey/action"
    StorageAccountsSasRead "storageaccounts/sas/read"
    StorageAccountsSasDelete "storageaccounts/sas/delete"
    StorageAccountsSasSet "storageaccounts/sas/set/action"
    StorageAccountsRecover "storageaccounts/recover/action"
    StorageAccountsBackup "storageaccounts/backup/action"
    StorageAccountsRestore "storageaccounts/restore/action"
    StorageAccountsPurge "storageaccounts/purge/action"
}

impl DataAction {
    fn bit(self) -> u128 {
        1 << (self as u8)
    }
}

impl fmt::Display for DataAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of data actions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DataActions(u128);

impl DataActions {
    /// The empty set.
    pub const NONE: Self = Self(0);

    /// The actions that `pattern` names; `*` stands for any run of characters, slashes included.
    pub fn matching(pattern: &str) -> Self {
        let matched = DataAction::ALL.iter().filter(|a| matches(pattern, a.name()));
        Self(matched.fold(0, |bits, action| bits | action.bit()))
    }

    /// Whether `action` is in the set.
    pub fn contains(self, action: DataAction) -> bool {
        self.0 & action.bit() != 0
    }

    /// Both sets together.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// This set without `other`.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The actions, in their order.
    pub fn iter(self) -> impl Iterator<Item = DataAction> {
        DataAction::ALL.iter().copied().filter(move |a| self.contains(*a))
    }
}

/// Whether `name` fits `pattern`, without regard to ASCII case; `*` is any run of characters, and
/// between two slashes it may be nothing, of which one slash is left: whoever may
/// `virtualMachines/*/read` may `virtualMachines/read`.
///
/// Source: Azure Virtual Desktop's "Start VM on Connect" gives the former as another way to write
/// `virtualMachines/read` and `virtualMachines/instanceView/read`; with Virtual Machine
/// Administrator Login, which has no other action on machines, `az ssh vm` reads the machine
/// (azure-docs#91577: refused is only what comes after it).
pub fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    // Most patterns of most roles differ in their last letter already: a read is no write.
    let last = |text: &[u8]| text.last().map(u8::to_ascii_lowercase);
    if last(pattern) != Some(b'*') && last(pattern) != last(name) {
        return false;
    }
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                n -= usize::from(is_between_slashes(pattern, p));
                star = Some((p, n));
                p += 1;
            }
            Some(c) if c.eq_ignore_ascii_case(&name[n]) => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    n = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

/// Whether the byte at `at` stands between two slashes.
fn is_between_slashes(pattern: &[u8], at: usize) -> bool {
    at > 0 && pattern[at - 1] == b'/' && pattern.get(at + 1) == Some(&b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_any_run() {
        for (pattern, name, expected) in [
            ("*", "anything/at/all", true),
            ("Microsoft.KeyVault/vaults/*/read", "Microsoft.KeyVault/vaults/keys/read", true),
            ("microsoft.keyvault/vaults/*", "Microsoft.KeyVault/vaults/keys/read", true),
            // See the sources of `matches`.
            ("Microsoft.KeyVault/vaults/*/read", "Microsoft.KeyVault/vaults/read", true),
            ("Microsoft.KeyVault/vaults/*/read", "Microsoft.KeyVault/vaultsread", false),
            ("Microsoft.KeyVault/vaults/*/read", "Microsoft.KeyVault/vaults/write", false),
            ("Microsoft.KeyVault/vaults/*/read", "Microsoft.KeyVault/read", false),
            ("*/read", "read", false),
            ("a/*/*/b", "a/b", true),
            ("a/*/b/*/c", "a/b/c", true),
            ("a/*/b/*/c", "a/x/b/y/b/c", true),
            ("a/*/b/*/c", "a/b/x", false),
            ("a/*", "a", false),
            ("Microsoft.KeyVault/vaults/keys/read", "Microsoft.KeyVault/vaults/keys/rea", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b", "aXc", false),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} ~ {name}");
        }
    }

    #[test]
    fn a_mask_holds_every_action() {
        assert!(DataAction::ALL.len() <= 128);
        let all = DataActions::matching("*");
        assert!(DataAction::ALL.iter().all(|a| all.contains(*a)));
        let secrets = DataActions::matching("Microsoft.KeyVault/vaults/secrets/*");
        assert_eq!(secrets.iter().count(), 9);
        assert!(!secrets.contains(DataAction::KeysRead));
    }
}
