//! What the binaries share on a terminal: common arguments, log set-up, printing of results and failures.
//!
//! Results go to stdout, logs and failures to stderr; with `--output json` a failure is a JSON object on
//! stdout, so that a program reads one stream.

use std::io::{self, IsTerminal as _};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use tracing_subscriber::EnvFilter;

use crate::report::{ExitStatus, Failure};

/// How results and failures are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON value on stdout.
    Json,
}

/// How log lines are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Arguments that every command of every binary takes.
#[derive(Debug, Clone, Args)]
pub struct CommonArgs {
    /// How results and failures are printed
    #[arg(long, value_enum, default_value_t, global = true)]
    pub output: Output,
    /// How log lines on stderr are printed
    #[arg(long, value_enum, default_value_t, global = true)]
    pub log_format: LogFormat,
    /// Log more; twice for everything that is safe to log
    #[arg(short = 'v', long = "verbose", action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
}

/// Libraries that could log requests, headers or bodies, and the most they may say. The first two write
/// Vault's requests and answers, shares and tokens included: they say nothing at all.
const CAPPED: [(&str, &str); 15] = [
    ("rustify", "off"),
    ("vaultrs", "off"),
    ("hyper", "warn"),
    ("hyper_util", "warn"),
    ("reqwest", "warn"),
    ("h2", "warn"),
    ("rustls", "warn"),
    ("aws_config", "warn"),
    ("aws_credential_types", "warn"),
    ("aws_runtime", "warn"),
    ("aws_sdk_s3", "warn"),
    ("aws_sigv4", "off"),
    ("aws_smithy_http_client", "warn"),
    ("aws_smithy_runtime", "warn"),
    ("aws_smithy_runtime_api", "warn"),
];

/// The filter in `tracing`'s directive form: the level of `verbose` (0 info, 1 debug, 2 trace), the caller's
/// `additions`, then the caps, which win over both.
pub fn log_directives(verbose: u8, additions: &[&str]) -> String {
    let level = match verbose {
        0 => "info",
        1 => "debug",
        _ => "trace",
    };
    let additions = additions.iter().filter(|addition| !is_capped(addition)).map(|addition| (*addition).to_owned());
    let caps = CAPPED.iter().map(|(target, most)| format!("{target}={most}"));
    std::iter::once(level.to_owned()).chain(additions).chain(caps).collect::<Vec<_>>().join(",")
}

/// Whether a directive names a capped library or a part of one, and so could lift the cap.
fn is_capped(directive: &str) -> bool {
    let target = directive.split(['=', '[']).next().unwrap_or_default().trim();
    let crate_name = target.split("::").next().unwrap_or_default();
    CAPPED.iter().any(|(capped, _)| *capped == crate_name)
}

/// Sends log lines to stderr, in colour only on a terminal. A second call in one process changes nothing.
///
/// `additions` are directives such as `sops_tools=debug`; a wrong one is left out.
pub fn init_tracing(format: LogFormat, verbose: u8, additions: &[&str]) {
    let filter = EnvFilter::builder().parse_lossy(log_directives(verbose, additions));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal() && format == LogFormat::Text);
    // An error only says that a subscriber is there already.
    let _ = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}

/// Prints one line or more on stdout. A reader that has gone away is no error.
///
/// # Errors
/// What the system said, such as a full disk behind a redirection.
pub fn print(text: &str) -> io::Result<()> {
    write_line(&mut io::stdout().lock(), text)
}

/// Says one line or more on stderr, beside a result that is on stdout. Where it cannot be said, nothing is lost but the words.
pub fn say(text: &str) {
    let _ = write_line(&mut io::stderr().lock(), text);
}

/// Prints a JSON value on stdout, indented.
///
/// # Errors
/// As [`print()`].
pub fn print_json(value: &Value) -> io::Result<()> {
    print(&format!("{value:#}"))
}

fn write_line(out: &mut dyn io::Write, text: &str) -> io::Result<()> {
    let result = out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Prints a failure: text on stderr, or `{"error": …}` on stdout. Where it cannot be printed, the exit
/// status still tells.
pub fn print_failure(failure: &Failure, output: Output) {
    let _ = match output {
        Output::Text => write_line(&mut io::stderr().lock(), &failure.to_string()),
        Output::Json if failure.told => Ok(()),
        Output::Json => print_json(&failure_json(failure)),
    };
}

/// Prints the report of a command that judges, and ends it with the judgement. Programs read one value, the judgement under `error`.
///
/// # Errors
/// The judgement; or the report cannot be printed.
pub fn conclude(output: Output, text: &str, mut report: Value, judgement: Option<Failure>) -> Result<(), Failure> {
    if let (Some(failure), Some(map)) = (&judgement, report.as_object_mut()) {
        map.extend(failure_json(failure).as_object().cloned().unwrap_or_default());
    }
    let printed = match output {
        Output::Text if text.is_empty() => Ok(()),
        Output::Text => print(text.trim_end()),
        Output::Json => print_json(&report),
    };
    printed.map_err(|error| {
        Failure::new(ExitStatus::Unavailable, "output-unusable", "cannot print the result").cause(error)
    })?;
    match judgement {
        Some(failure) => Err(Failure { told: output == Output::Json, ..failure }),
        None => Ok(()),
    }
}

/// The JSON form of a failure: `class`, `problem`, `causes`, `hint` (or null) and the number `status`.
pub fn failure_json(failure: &Failure) -> Value {
    json!({"error": {
        "class": failure.class,
        "problem": failure.problem,
        "causes": failure.causes,
        "hint": failure.hint,
        "status": failure.exit_code(),
    }})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_addition_lifts_the_cap_on_a_library_that_logs_bodies() {
        let directives =
            log_directives(2, &["unsealer=trace", "rustify=trace", "vaultrs::api=debug", "hyper[span]=trace"]);
        assert!(directives.starts_with("trace,unsealer=trace,rustify=off,vaultrs=off,hyper=warn,"), "{directives}");
        assert!(!directives.contains("vaultrs::api") && !directives.contains("hyper[span]"), "{directives}");
    }

    #[test]
    fn every_directive_of_ours_is_understood() {
        assert!(EnvFilter::builder().parse(log_directives(0, &[])).is_ok());
    }

    #[test]
    fn a_failure_for_programs_has_every_field() {
        let failure = Failure::new(ExitStatus::Refused, "key-exists", "p").cause("c").hint("h");
        assert_eq!(
            failure_json(&failure),
            json!({"error": {"class": "key-exists", "problem": "p", "causes": ["c"], "hint": "h", "status": 3}})
        );
    }

    #[test]
    fn a_reader_that_went_away_is_no_error_and_a_full_disk_is_one() {
        struct Fails(io::ErrorKind);
        impl io::Write for Fails {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(self.0.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        assert!(write_line(&mut Fails(io::ErrorKind::BrokenPipe), "x").is_ok());
        assert!(write_line(&mut Fails(io::ErrorKind::StorageFull), "x").is_err());
    }
}
