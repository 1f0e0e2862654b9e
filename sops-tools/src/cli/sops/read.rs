//! `decrypt` and `get`.

use std::path::PathBuf;

use clap::Args;

use super::flags::{Formats, Keys};
use super::{conflict, destination};
use crate::cli::To;
use crate::commands::destination::{PLAIN_MODE, Told};
use crate::commands::input::Place;
use crate::commands::open::Opening;
use crate::commands::site::Site;
use crate::commands::{decrypt, path};
use crate::report::{Failure, SopsExit};
use crate::sops::file::Step;

pub(crate) const DECRYPT_EXAMPLES: &str = "\
Examples:
  sops-tools decrypt secret.yaml                          the whole file on standard output
  sops-tools decrypt --extract '[\"stringData\"][\"KEY\"]' secret.yaml
  sops-tools decrypt --output plain.json --output-type json secret.yaml
  sops-tools decrypt --input-type yaml < secret.yaml

--output FILE writes the result into a file, as with sops. The two words text and json are no
files: they say how a failure is told. For files of these names write ./text and ./json.";

pub(crate) const GET_EXAMPLES: &str = "\
Examples:
  sops-tools get secret.yaml '[\"stringData\"][\"KEY\"]'";

/// What `decrypt` is told.
#[derive(Debug, Args)]
pub(crate) struct Decrypt {
    /// The encrypted file; standard input where there is none or it is -
    file: Option<PathBuf>,
    /// Write the result into the file itself
    #[arg(short, long)]
    in_place: bool,
    #[arg(long, value_name = "PATH", help = "Only what belongs to this path, as [\"key\"][0]")]
    extract: Option<String>,
    #[command(flatten)]
    formats: Formats,
    /// Take the format from this name, and not from the file's own
    #[arg(long, value_name = "FILE")]
    filename_override: Option<PathBuf>,
    /// Give out a file whose MAC does not fit: somebody may have changed it
    #[arg(long)]
    ignore_mac: bool,
    #[command(flatten)]
    keys: Keys,
}

/// What `get` is told.
#[derive(Debug, Args)]
pub(crate) struct Get {
    /// The encrypted file; - for standard input
    file: PathBuf,
    #[arg(help = "Which value, as [\"key\"][0]")]
    path: String,
    #[command(flatten)]
    formats: Formats,
    /// Take the format from this name, and not from the file's own
    #[arg(long, value_name = "FILE")]
    filename_override: Option<PathBuf>,
    /// Give out a value of a file whose MAC does not fit
    #[arg(long)]
    ignore_mac: bool,
    #[command(flatten)]
    keys: Keys,
}

impl Decrypt {
    pub(crate) fn run(self, output: &To, site: &Site<'_>) -> Result<Told, Failure> {
        let place = Place::or_stdin(self.file);
        if self.in_place && self.extract.is_some() {
            // sops puts the one value in the place of the whole file.
            return Err(conflict("--in-place with --extract would leave one value in the place of the whole file")
                .hint("write the value elsewhere: --extract PATH --output FILE"));
        }
        let destination = destination(&place, self.in_place, output, PLAIN_MODE)?;
        let extract = self.extract.as_deref().map(parse_path).transpose()?;
        self.keys.check()?;
        let opening = Opening {
            place,
            name: self.filename_override,
            input: self.formats.input_type.map(Into::into),
            output: self.formats.output_type.map(Into::into),
            ignore_mac: self.ignore_mac,
            identities: self.keys.identity,
        };
        decrypt::run(opening, extract.as_deref(), &destination, site)
    }
}

impl Get {
    pub(crate) fn run(self, output: &To, site: &Site<'_>) -> Result<Told, Failure> {
        let decrypt = Decrypt {
            file: Some(self.file),
            in_place: false,
            extract: Some(self.path),
            formats: self.formats,
            filename_override: self.filename_override,
            ignore_mac: self.ignore_mac,
            keys: self.keys,
        };
        decrypt.run(output, site)
    }
}

fn parse_path(text: &str) -> Result<Vec<Step>, Failure> {
    path::parse(text).ok_or_else(|| {
        Failure::sops(SopsExit::InvalidExtractPath, "path", "the path to extract is not valid")
            .hint("write each key in quotes and brackets and each index in brackets, as '[\"key\"][0]'")
    })
}
