//! The real sops programs and our own, called alike, to be compared.
//!
//! - [`Bed`]: keys and a folder; [`Call`]: one call of one program in a clean environment
//! - [`Trees`]: what sops' own library reads from a plain file
//! - [`cases`]: many cases at once, all differences in one report
//! - [`Deliberate`]: the table of differences that are meant

use std::ffi::OsStr;
use std::path::PathBuf;

mod bed;
mod call;
pub mod cases;
mod deliberate;
mod trees;

pub use bed::Bed;
pub use call::{Call, Output};
pub use deliberate::Deliberate;
pub use trees::{Trees, as_sops_writes, without_comments};

/// One of the programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sops {
    /// sops 3.11.0.
    Old,
    /// sops 3.13.3.
    New,
    /// `sops-tools`.
    Ours,
}

impl Sops {
    /// The real ones.
    pub const REAL: [Self; 2] = [Self::Old, Self::New];

    /// How reports name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Old => "sops 3.11.0",
            Self::New => "sops 3.13.3",
            Self::Ours => "sops-tools",
        }
    }

    fn program(self) -> PathBuf {
        match self {
            Self::Old => crate::tools::program("sops-3.11.0"),
            Self::New => crate::tools::program("sops-3.13.3"),
            Self::Ours => crate::bin::sops_tools(),
        }
    }

    /// Arguments before all others.
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::New => &["--disable-version-check"],
            Self::Old | Self::Ours => &[],
        }
    }
}

/// The surface formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// YAML.
    Yaml,
    /// JSON.
    Json,
    /// `KEY=VALUE` lines.
    Dotenv,
    /// Sections of keys.
    Ini,
    /// Anything.
    Binary,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Yaml, Self::Json, Self::Dotenv, Self::Ini, Self::Binary];

    /// The ending of file names by which every program knows it.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Yaml => "yaml",
            Self::Json => "json",
            Self::Dotenv => "env",
            Self::Ini => "ini",
            Self::Binary => "bin",
        }
    }

    /// Its name for `--input-type` and `--output-type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Yaml => "yaml",
            Self::Json => "json",
            Self::Dotenv => "dotenv",
            Self::Ini => "ini",
            Self::Binary => "binary",
        }
    }

    /// A file name of this format.
    pub fn file(self) -> PathBuf {
        PathBuf::from(format!("file.{}", self.ending()))
    }

    /// By the ending of a name.
    pub fn of(name: impl AsRef<OsStr>) -> Self {
        let ending = std::path::Path::new(name.as_ref()).extension().and_then(OsStr::to_str).unwrap_or_default();
        Self::ALL.into_iter().find(|format| format.ending() == ending).unwrap_or(Self::Binary)
    }
}
