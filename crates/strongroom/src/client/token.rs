//! `strongroom token`: an access token, and nothing else.

use clap::Args;
use strongroom_wire::SecretValue;
use zeroize::Zeroizing;

use super::https::HttpsClient;
use super::installation::{Credential, Installation, secret_of_environment, secret_of_line};
use super::place::Place;
use super::{sign_in, terminal};
use crate::error::CliError;

/// `strongroom token`
#[derive(Args)]
pub(crate) struct TokenArgs {
    #[command(flatten)]
    place: Place,
    /// What the token is for, such as `https://vault.localhost:8443`.
    #[arg(long, value_name = "URL")]
    resource: String,
    /// The application that signs in [default: the ready file's owner, or AZURE_CLIENT_ID].
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// Read the client secret from standard input.
    #[arg(long, conflicts_with = "client_secret")]
    client_secret_stdin: bool,
    /// The client secret. Other users of the machine can see it here: better set
    /// AZURE_CLIENT_SECRET, or use --client-secret-stdin.
    #[arg(long, value_name = "SECRET", requires = "client_id")]
    client_secret: Option<String>,
}

/// Prints a token.
pub(crate) async fn run(mut args: TokenArgs) -> Result<(), CliError> {
    let mut installation = Installation::find(&args.place)?;
    let given = given_secret(&mut args)?;
    let credential = choose(args.client_id, given, installation.credential.take())?;
    let endpoint = sign_in::token_endpoint(&installation)?;
    let https = HttpsClient::new(&installation, &[&endpoint])?;
    let token = sign_in::access_token(&https, &endpoint, &credential, &args.resource).await?;
    terminal::print(Zeroizing::new(format!("{}\n", token.expose())).as_bytes())
}

/// The client secret, if the user gave one with this command.
fn given_secret(args: &mut TokenArgs) -> Result<Option<SecretValue>, CliError> {
    if let Some(secret) = args.client_secret.take() {
        terminal::warn(
            "a secret among the arguments is visible to other users: use --client-secret-stdin",
        );
        return Ok(Some(SecretValue::new(secret)));
    }
    if args.client_secret_stdin {
        return terminal::read_secret("Client secret").map(secret_of_line).map(Some);
    }
    Ok(None)
}

/// Who signs in: what is given with the command goes before what is known of the installation.
fn choose(
    client_id: Option<String>,
    given: Option<SecretValue>,
    known: Option<Credential>,
) -> Result<Credential, CliError> {
    let known_id = known.as_ref().map(|known| known.client_id.as_str());
    let client_id = client_id
        .or_else(|| known_id.map(str::to_owned))
        .ok_or_else(|| CliError::Usage("who signs in? Say --client-id".into()))?;
    let is_known = known_id == Some(client_id.as_str());
    given
        .or_else(|| known.filter(|_| is_known).map(|known| known.client_secret))
        .or_else(secret_of_environment)
        .map(|client_secret| Credential { client_id, client_secret })
        .ok_or_else(|| {
            CliError::Usage(
                "the client secret is missing: say --client-secret-stdin, or set \
                 AZURE_CLIENT_SECRET"
                    .into(),
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretValue {
        SecretValue::new(text.into())
    }

    fn owner() -> Option<Credential> {
        Some(Credential { client_id: "owner".into(), client_secret: secret("owners") })
    }

    fn chosen(id: Option<&str>, given: Option<&str>) -> (String, String) {
        let found = choose(id.map(str::to_owned), given.map(secret), owner()).unwrap();
        (found.client_id, found.client_secret.into_string())
    }

    #[test]
    fn the_owner_signs_in_unless_another_is_named() {
        assert_eq!(chosen(None, None), ("owner".into(), "owners".into()));
        assert_eq!(chosen(Some("owner"), None), ("owner".into(), "owners".into()));
        assert_eq!(chosen(Some("other"), Some("s")), ("other".into(), "s".into()));
        assert_eq!(chosen(None, Some("new")), ("owner".into(), "new".into()));
        assert!(choose(None, Some(secret("s")), None).is_err());
    }
}
