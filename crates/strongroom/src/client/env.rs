//! `strongroom env`: the variables that clients need.

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};
use strongroom_wire::{SecretValue, to_secret_json};
use zeroize::Zeroizing;

use super::failure::one_line;
use super::place::Place;
use super::ready::ReadyFile;
use super::terminal;
use crate::error::CliError;

const TENANT: &str = "AZURE_TENANT_ID";
const SECRET: &str = "AZURE_CLIENT_SECRET";

/// The variables of a ready file. Others are never exported: whoever makes a shell take them
/// (`LD_PRELOAD`, `PATH`) has it run their programs.
const KNOWN: &[&str] = &[
    TENANT,
    "AZURE_CLIENT_ID",
    SECRET,
    "AZURE_AUTHORITY_HOST",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "SSL_CERT_FILE",
];

/// `strongroom env`
#[derive(Args)]
pub(crate) struct EnvArgs {
    #[command(flatten)]
    place: Place,
    /// For whom they are printed.
    #[arg(long, value_enum, default_value_t = Shape::Sh)]
    format: Shape,
    /// How the tenant is named: `adfs` lets `DefaultAzureCredential()` work without options;
    /// `guid` is for az, Go and Terraform [default: as in the ready file].
    #[arg(long, value_enum)]
    tenant: Option<Tenant>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shape {
    /// `export K='v'`, for eval in a shell.
    Sh,
    /// One JSON object.
    Json,
    /// Lines for `>> "$GITHUB_ENV"`; the command that masks the secret goes to standard error.
    Github,
    /// Logging commands of Azure Pipelines.
    AzureDevops,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Tenant {
    Guid,
    Adfs,
}

type Variables = BTreeMap<String, SecretValue>;

/// Prints the variables.
pub(crate) fn run(args: &EnvArgs) -> Result<(), CliError> {
    let variables = variables(args.place.ready()?, args.tenant)?;
    if args.format == Shape::Github
        && let Some(secret) = variables.get(SECRET)
    {
        // A runner reads commands from both streams; this one must not get into the file.
        eprintln!("::add-mask::{}", secret.expose());
    }
    terminal::print(render(&variables, args.format)?.as_bytes())
}

fn variables(ready: ReadyFile, tenant: Option<Tenant>) -> Result<Variables, CliError> {
    let mut variables = ready.env;
    let named = match tenant {
        None => None,
        Some(Tenant::Adfs) => Some("adfs".to_owned()),
        Some(Tenant::Guid) => Some(ready.tenant_id),
    };
    if let Some(named) = named {
        variables.insert(TENANT.to_owned(), SecretValue::new(named));
    }
    for (name, value) in &variables {
        if !KNOWN.contains(&name.as_str()) {
            return Err(CliError::Failed(format!(
                "the ready file holds the variable '{}', which `strongroom dev` does not write: \
                 nothing of it is believed",
                one_line(name)
            )));
        }
        if value.expose().contains(char::is_control) {
            return Err(CliError::failed(
                "the ready file holds a variable that no shell can take: let `strongroom dev` \
                 write it again",
            ));
        }
    }
    Ok(variables)
}

fn render(variables: &Variables, shape: Shape) -> Result<Zeroizing<String>, CliError> {
    if shape == Shape::Json {
        let mut json = to_secret_json(variables).map_err(CliError::failed)?;
        json.push(b'\n');
        return String::from_utf8(std::mem::take(&mut *json))
            .map(Zeroizing::new)
            .map_err(|_| CliError::failed("the variables are no text"));
    }
    let room: usize = variables.iter().map(|(k, v)| 4 * v.expose().len() + k.len() + 64).sum();
    let mut text = Zeroizing::new(String::with_capacity(room));
    for (name, value) in variables {
        let value = value.expose();
        match shape {
            Shape::Sh => export(&mut text, name, value),
            Shape::Github => push(&mut text, &[name, "=", value]),
            _ if name == SECRET => {
                push(
                    &mut text,
                    &["##vso[task.setvariable variable=", name, ";issecret=true]", value],
                );
            }
            _ => push(&mut text, &["##vso[task.setvariable variable=", name, "]", value]),
        }
    }
    Ok(text)
}

fn push(text: &mut String, parts: &[&str]) {
    parts.iter().chain(&["\n"]).for_each(|part| text.push_str(part));
}

/// Within single quotes a POSIX shell reads every byte as it is, except the quote itself.
fn export(text: &mut String, name: &str, value: &str) {
    let mut before = ["export ", name, "='"].concat();
    for part in value.split('\'') {
        text.push_str(&before);
        text.push_str(part);
        before = "'\\''".into();
    }
    text.push_str("'\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    use super::super::ready::ReadyOwner;

    fn ready(secret: &str) -> ReadyFile {
        let env = [(TENANT, "adfs"), (SECRET, secret), ("SSL_CERT_FILE", "/a b/ca.pem")];
        let owned = |text: &str| SecretValue::new(text.to_owned());
        ReadyFile {
            base: "localhost".into(),
            port: 8443,
            tenant_id: "3d6f".into(),
            data: None,
            ca_file: PathBuf::new(),
            vaults: Vec::new(),
            owner: ReadyOwner { client_id: "c".into(), client_secret: owned(secret) },
            env: env.into_iter().map(|(k, v)| (k.to_owned(), owned(v))).collect(),
        }
    }

    fn rendered(secret: &str, shape: Shape, tenant: Option<Tenant>) -> String {
        render(&variables(ready(secret), tenant).unwrap(), shape).unwrap().to_string()
    }

    /// `sh` itself is the judge of the quoting.
    #[test]
    fn a_shell_reads_back_every_value() {
        let secret = "a'b\"c$HOME`id`\\ ;#!*ü";
        let script = rendered(secret, Shape::Sh, None) + "printf %s \"$AZURE_CLIENT_SECRET\"";
        let ran = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8(ran.stdout).unwrap(), secret);
    }

    #[test]
    fn json_is_an_object() {
        let json: serde_json::Value =
            serde_json::from_str(&rendered("a\"b", Shape::Json, Some(Tenant::Guid))).unwrap();
        assert_eq!(json[SECRET], "a\"b");
        assert_eq!(json[TENANT], "3d6f");
    }

    #[test]
    fn runners_get_their_own_lines() {
        assert_eq!(
            rendered("s", Shape::Github, Some(Tenant::Adfs)),
            "AZURE_CLIENT_SECRET=s\nAZURE_TENANT_ID=adfs\nSSL_CERT_FILE=/a b/ca.pem\n"
        );
        assert_eq!(
            rendered("s", Shape::AzureDevops, None),
            "##vso[task.setvariable variable=AZURE_CLIENT_SECRET;issecret=true]s\n\
             ##vso[task.setvariable variable=AZURE_TENANT_ID]adfs\n\
             ##vso[task.setvariable variable=SSL_CERT_FILE]/a b/ca.pem\n"
        );
    }

    #[test]
    fn a_line_cannot_be_smuggled_in() {
        for secret in ["a\nPATH=/evil", "a\r", "a\u{0}b"] {
            assert!(variables(ready(secret), None).is_err());
        }
    }

    /// The ready file of a cloned repository, in a shell that says `eval "$(strongroom env)"`.
    #[test]
    fn no_other_variable_is_exported() {
        for name in ["LD_PRELOAD", "PATH", "BASH_ENV", "ssl_cert_file", "A;id", "", "A\nB"] {
            let mut planted = ready("s");
            planted.env.insert(name.to_owned(), SecretValue::new("/evil".to_owned()));
            let refused = variables(planted, None).err().unwrap().to_string();
            assert!(!refused.contains("/evil") && !refused.contains('\n'), "{refused}");
        }
    }

    #[test]
    fn the_variables_of_the_contract_are_exported() {
        let mut whole = ready("s");
        for name in ["AZURE_CLIENT_ID", "AZURE_AUTHORITY_HOST", "REQUESTS_CA_BUNDLE"] {
            whole.env.insert(name.to_owned(), SecretValue::new("v".to_owned()));
        }
        whole.env.insert("NODE_EXTRA_CA_CERTS".to_owned(), SecretValue::new("v".to_owned()));
        assert_eq!(variables(whole, None).unwrap().len(), 7);
    }
}
