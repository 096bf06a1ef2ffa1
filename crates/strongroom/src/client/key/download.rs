//! `strongroom key download`: the public half, for other programs.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use pem::{EncodeConfig, LineEnding, Pem};
use strongroom_pki::subject_public_key_info;

use super::super::object::address::VersionArgs;
use super::super::object::file;
use super::show::get;
use crate::error::CliError;

/// `strongroom key download`
#[derive(Args)]
pub(super) struct DownloadArgs {
    #[command(flatten)]
    key: VersionArgs,
    /// The file to write.
    #[arg(long, short = 'f', value_name = "FILE")]
    file: PathBuf,
    /// The file's encoding.
    #[arg(long, short = 'e', value_enum, ignore_case = true, default_value = "PEM")]
    encoding: Encoding,
    /// Replace a file that is there.
    #[arg(long)]
    overwrite: bool,
}

/// How the file is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Encoding {
    /// Text.
    #[value(name = "PEM")]
    Pem,
    /// Bytes.
    #[value(name = "DER")]
    Der,
}

/// Writes the public half of a version.
pub(super) async fn run(args: DownloadArgs) -> Result<(), CliError> {
    let bundle = get(&args.key, "").await?;
    let key = bundle.jwk()?.public_key()?;
    let der = subject_public_key_info(&key).map_err(CliError::failed)?;
    let bytes = match args.encoding {
        Encoding::Der => der,
        Encoding::Pem => {
            let as_openssl = EncodeConfig::new().set_line_ending(LineEnding::LF);
            ::pem::encode_config(&Pem::new("PUBLIC KEY", der), as_openssl).into_bytes()
        }
    };
    file::write(&args.file, &bytes, args.overwrite)
}
