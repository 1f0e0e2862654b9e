//! `decrypt` by itself. Scripts call it file by file, and making the definition of all the other commands takes longer than to open a
//! small file.

use std::ffi::OsString;

use clap::{Parser, Subcommand};

use super::sops::read::Decrypt;
use super::{Cli, Command, Common, sops};

/// As [`Cli`], with one command.
#[derive(Parser)]
#[command(name = "sops-tools", disable_help_subcommand = true)]
struct Quick {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Only,
}

#[derive(Subcommand)]
enum Only {
    Decrypt(Decrypt),
}

/// A call of `decrypt`, also in the old spelling. Whatever else it is, or is wrong with it, is left to the whole definition.
pub(super) fn decrypt(words: &[OsString]) -> Option<Cli> {
    let (program, rest) = words.split_first()?;
    let (verb, rest) = rest.split_first()?;
    if !["decrypt", "-d", "--decrypt"].into_iter().any(|known| verb == known) {
        return None;
    }
    let words = [program.clone(), "decrypt".into()].into_iter().chain(rest.iter().cloned());
    let Quick { common, command: Only::Decrypt(decrypt) } = Quick::try_parse_from(words).ok()?;
    Some(Cli { common, command: Command::Sops(Box::new(sops::Command::Decrypt(decrypt))) })
}

#[cfg(test)]
mod tests;
