//! The commands that talk to an installation: over HTTPS as any client does, or through the
//! administrator's socket in its data directory.

mod access;
mod admin;
mod audit;
mod certificate;
mod clock;
mod deny;
mod doctor;
mod env;
mod failure;
mod hosts;
mod https;
mod identity;
mod installation;
mod key;
mod object;
mod output;
mod place;
mod principal;
mod ready;
mod role;
mod secret;
mod secret_json;
mod sign_in;
mod terminal;
mod token;
mod vault;

use clap::Subcommand;

use crate::error::CliError;

/// A command of a client.
#[derive(Subcommand)]
pub(crate) enum ClientCommand {
    /// Print the variables that clients need, for `eval "$(strongroom env)"`.
    Env(env::EnvArgs),
    /// Print an access token, nothing else.
    Token(token::TokenArgs),
    /// Print the lines of /etc/hosts for this installation, or install them.
    Hosts(hosts::HostsArgs),
    /// Work with secrets: the verbs of `az keyvault secret`.
    Secret(secret::SecretArgs),
    /// Work with keys: the verbs of `az keyvault key`, and wrap, unwrap and release.
    Key(Box<key::KeyArgs>),
    /// Work with certificates: the verbs of `az keyvault certificate`, and revoke and sync.
    Certificate(Box<certificate::CertificateArgs>),
    /// Make and list vaults, on the server's own machine.
    Vault(vault::VaultArgs),
    /// Make applications that can sign in, on the server's own machine.
    Identity(identity::IdentityArgs),
    /// Make groups and their members, on the server's own machine.
    Group(principal::GroupArgs),
    /// Make people known by name, on the server's own machine.
    User(principal::UserArgs),
    /// Give and take roles, on the server's own machine.
    Role(role::RoleArgs),
    /// Explain who may do what, and why, on the server's own machine.
    Access(Box<access::AccessArgs>),
    /// Tell what is wrong between this machine and a vault, step by step.
    Doctor(Box<doctor::DoctorArgs>),
    /// Read or move the installation's time, on the server's own machine.
    Clock(clock::ClockArgs),
    /// Read or verify the audit journal, on the server's own machine.
    Audit(audit::AuditArgs),
}

/// Does what a command asks for.
pub(crate) async fn run(command: ClientCommand) -> Result<(), CliError> {
    match command {
        ClientCommand::Env(args) => env::run(&args),
        ClientCommand::Token(args) => token::run(args).await,
        ClientCommand::Hosts(args) => hosts::run(args).await,
        ClientCommand::Secret(args) => secret::run(args).await,
        ClientCommand::Key(args) => key::run(*args).await,
        ClientCommand::Certificate(args) => certificate::run(*args).await,
        ClientCommand::Vault(args) => vault::run(args).await,
        ClientCommand::Identity(args) => identity::run(args).await,
        ClientCommand::Group(args) => principal::run_group(args).await,
        ClientCommand::User(args) => principal::run_user(args).await,
        ClientCommand::Role(args) => role::run(args).await,
        ClientCommand::Access(args) => access::run(*args).await,
        ClientCommand::Doctor(args) => doctor::run(*args).await,
        ClientCommand::Clock(args) => clock::run(args).await,
        ClientCommand::Audit(args) => audit::run(args).await,
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[derive(Parser)]
    #[command(version, propagate_version = true)]
    struct Line {
        #[command(subcommand)]
        command: ClientCommand,
    }

    #[test]
    fn no_option_contradicts_another() {
        Line::command().debug_assert();
    }

    const UNDERSTOOD: &[&str] = &[
        "env --format sh --tenant guid --ready-file r",
        "token --resource https://vault.localhost --client-id a --client-secret-stdin",
        "hosts --install --vault week --data d",
        "secret set --vault-name dev --name a --file f --encoding base64 --tags a=b c=d",
        "secret set -n a --disabled --expires 2030-01-01T00:00:00Z --description x",
        "secret show --id https://dev.vault.localhost/secrets/a --query value -o tsv",
        "secret show -n a --version 4387e9f3d6e14c459867679a90fd0f79",
        "secret list --vault-name dev --maxresults 5 --output table",
        "secret rollback a --to 4387e9f3d6e14c459867679a90fd0f79",
        "secret restore --vault-name dev --file f",
        "key create --vault-name dev --name a --kty RSA --size 3072 --ops sign verify",
        "key create -n a --curve P-256K --disabled --exportable --policy p.json --immutable",
        "key import -n a --pem-file k.pem --not-before 2030-01-01 --tags a=b",
        "key import -n a --byok-file b.byok --kty EC --curve P-256",
        "key show --id https://dev.vault.localhost/keys/a --query key.kid -o tsv",
        "key set-attributes -n a --version 4387e9f3d6e14c459867679a90fd0f79 --enabled false",
        "key list-versions -n a --maxresults 5",
        "key encrypt -n a -a RSA-OAEP --value aGk= --data-type base64",
        "key decrypt -n a --algorithm a256gcm --value aGk= --iv 00 --tag 00 --aad 00",
        "key sign -n a -a es256 --digest aGk=",
        "key verify -n a -a ES256 --digest aGk= --signature aGk=",
        "key rotation-policy update -n a --value p.json",
        "key download -n a --file k --encoding der --overwrite",
        "key release a --file token --nonce n --algorithm rsa_aes_key_wrap_256",
        "certificate create --vault-name dev -n a -p @p.json --validity 6 --tags a=b",
        "certificate create a --disabled --no-wait",
        "certificate create a --dns a.example b.example --curve P-256 --issuer inner",
        "certificate create root --ca --path-len 1 --key-type EC --months 120",
        "certificate get-default-policy --scaffold",
        "certificate import -n a -f a.pfx --password secret -p p.json",
        "certificate import -n a -f a.pem --password-file p --preserve-order",
        "certificate show -n a -v 4387e9f3d6e14c459867679a90fd0f79 --query x509ThumbprintHex",
        "certificate download -n a -f a.der -e der",
        "certificate download a --file a.pfx --encoding PFX --overwrite",
        "certificate set-attributes -n a --enabled false --policy p.json --tags",
        "certificate list --include-pending --maxresults 5",
        "certificate list-deleted --include-pending true",
        "certificate pending merge -n a -f chain.pem --tags a=b",
        "certificate pending cancel a",
        "certificate contact add --email a@b.example --name A --phone 1",
        "certificate contact delete --email a@b.example",
        "certificate issuer create -n i --provider-name Test --account-id a --password p",
        "certificate issuer create i --provider Strongroom --authority root --max-days 90",
        "certificate issuer update --issuer-name i --allow-dns a.example --acme",
        "certificate issuer admin add --issuer-name i --email a@b.example --first-name A",
        "certificate issuer eab i",
        "certificate issuer revoke i --serial 0a:ff --reason keyCompromise",
        "certificate revoke a --version 4387e9f3d6e14c459867679a90fd0f79 --reason superseded",
        "certificate sync a --out-cert c --out-key k --exec reload --once",
        "vault create week --retention-days 7 --enable-purge-protection --data d",
        "identity create-for-rbac --name n --role Reader --scopes /subscriptions/s",
        "group create --display-name readers --data d",
        "group add-member --group readers --member-id a",
        "group remove-member -g readers --member-id a",
        "group list -o table",
        "user create --display-name A --user-principal-name a@b.example --object-id i",
        "user show --id a@b.example",
        "role assignment create --assignee a --role Reader --scope /s --data d",
        "role assignment delete --assignee a --role Reader --scope /s --data d",
        "role assignment delete --ids a b",
        "role assignment list --assignee a",
        "access what-if --remove-assignment a --assign Reader --to p --at /s --data d",
        "access what-if --vault v --default-action Deny --allow-ip 10.0.0.0/8 --days 7 -o json",
        "access what-if --deny-at /s --deny-actions a --deny-everyone --deny-except p",
        "doctor https://dev.vault.localhost:8443/secrets/a --token-file t -o json --data d",
        "doctor dev.vault.localhost --ready-file r",
        "access explain --principal a --operation SecretGet --vault v --object s --client-ip ::1",
        "access explain --request-id 4387e9f3-d6e1-4c45-9867-679a90fd0f79 --days 7 --query verdict",
        "access who-can --operation KeySign --vault v -o json",
        "access least-privilege --principal a --vault v --operations SecretGet=s KeySign",
        "access least-privilege --principal a --vault v --days 90",
        "clock advance 30d --data d",
        "audit tail --format json --follow -n 5",
        "audit verify --root-key k --data d",
    ];

    #[test]
    fn the_words_of_the_contract_and_of_az_are_understood() {
        for line in UNDERSTOOD {
            let words = ["strongroom"].into_iter().chain(line.split(' '));
            assert!(Line::try_parse_from(words).is_ok(), "{line}");
        }
    }

    #[test]
    fn wrong_use_is_refused() {
        for line in [
            "secret show",
            "secret show a --name b",
            "secret set a --value v --file f",
            "secret set a --encoding hex",
            "token",
            "key create a --kty DSA",
            "key create a --immutable",
            "key import a",
            "key sign a --algorithm none --digest aGk=",
            "key decrypt a --algorithm RSA-OAEP --iv xyz",
            "key rotation-policy",
            "certificate create a --path-len 1",
            "certificate create a --key-type DSA",
            "certificate import a",
            "certificate pending merge a",
            "certificate contact add --name A",
            "certificate issuer create i",
            "certificate issuer create --provider Strongroom",
            "certificate issuer create i --provider Strongroom --authority a --organization-id b",
            "certificate revoke a --reason removeFromCRL",
            "certificate sync a",
            "certificate sync a --out-cert c --exec 'unclosed",
            "token --resource r --client-secret s",
            "role assignment delete",
            "access what-if --default-action Deny",
            "access what-if --deny-at /s --deny-to p",
            "role assignment create --assignee a --role r",
            "identity create-for-rbac --name n --role r",
            "group add-member --group readers",
            "user create --display-name A",
            "access explain --principal a --operation SecretGet",
            "access explain --request-id r --principal a",
            "access explain --principal a --operation SecretGet --vault v --days 7",
            "access least-privilege --principal a --vault v --operations KeySign --days 7",
            "hosts --install --uninstall",
            "doctor",
            "clock advance 0s",
        ] {
            let words = ["strongroom"].into_iter().chain(line.split(' '));
            assert!(Line::try_parse_from(words).is_err(), "{line}");
        }
    }
}
