//! `--output`: the form of what is printed, or the file that gets it.

use std::path::PathBuf;

use clap::Args;

use crate::report::{ExitStatus, Failure};
use crate::terminal::{LogFormat, Output};

/// Arguments that every command takes.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// text or json: the form of results and failures. decrypt, encrypt and rotate take every other word for a file that
    /// gets the result, as sops does; write ./json for a file of that name
    #[arg(long, value_name = "text|json|FILE", default_value = "text", global = true, value_parser = To::parse)]
    pub output: To,
    // In this form, and not as a comment of documentation, because that would want marks around the name.
    #[arg(
        long,
        value_name = "FILE",
        global = true,
        help = "The .sops.yaml that says who may open what is made; by default the nearest one in this folder or above. Also SOPS_CONFIG"
    )]
    /// The configuration to use in place of the one that is found.
    pub config: Option<PathBuf>,
    /// How log lines on stderr are printed
    #[arg(long, value_enum, default_value_t, global = true)]
    pub log_format: LogFormat,
    /// Log more; twice for everything that is safe to log
    #[arg(short = 'v', long = "verbose", action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
    /// Accepted for scripts written for sops; this program never asks the network for its version
    #[arg(long, global = true, hide = true)]
    pub disable_version_check: bool,
    /// Accepted for scripts written for sops; files keep the indentation they have
    #[arg(long, global = true, hide = true, value_name = "NUMBER")]
    pub indent: Option<usize>,
    /// Accepted for scripts written for sops; who can open a file stands in it in clear
    #[arg(long, short = 's', global = true, hide = true)]
    pub show_master_keys: bool,
}

impl Common {
    /// Says which of the accepted flags do nothing.
    pub(super) fn warn_of_idle_flags(&self) {
        if self.indent.is_some() {
            tracing::warn!("--indent has no effect: files keep the indentation they have");
        }
        if self.show_master_keys {
            tracing::warn!("--show-master-keys has no effect: who can open a file stands in its sops block in clear");
        }
    }
}

/// What `--output` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum To {
    /// Results and failures in this form.
    Form(Output),
    /// The result into this file, failures as text.
    File(PathBuf),
}

impl To {
    /// Never fails: what is no form is a file.
    #[expect(clippy::unnecessary_wraps, reason = "clap's form of a parser")]
    fn parse(word: &str) -> Result<Self, std::convert::Infallible> {
        Ok(match word {
            "text" => Self::Form(Output::Text),
            "json" => Self::Form(Output::Json),
            file => Self::File(file.into()),
        })
    }

    /// The form of a failure, and of a result that goes to no file.
    pub fn form(&self) -> Output {
        match self {
            Self::Form(form) => *form,
            Self::File(_) => Output::Text,
        }
    }

    /// The form, for a command that writes no file.
    ///
    /// # Errors
    /// Class `output-form` where a file was named.
    pub fn form_only(&self) -> Result<Output, Failure> {
        match self {
            Self::Form(form) => Ok(*form),
            Self::File(_) => Err(Failure::new(
                ExitStatus::Usage,
                "output-form",
                "--output takes text or json here: this command prints its result",
            )
            .hint("a file that gets the result is taken by decrypt, encrypt and rotate alone")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_words_are_forms_and_all_others_files() {
        assert_eq!(To::parse("json").unwrap(), To::Form(Output::Json));
        assert_eq!(To::parse("text").unwrap(), To::Form(Output::Text));
        assert_eq!(To::parse("./json").unwrap(), To::File("./json".into()));
        assert_eq!(To::parse("x.yaml").unwrap().form(), Output::Text);
        assert_eq!(To::File("x".into()).form_only().unwrap_err().class, "output-form");
    }
}
