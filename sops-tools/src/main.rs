//! `sops-tools`: parse, run, exit status.

use std::process::ExitCode;

use sops_tools::cli::Cli;
use sops_tools::hardening::harden;
use sops_tools::report::ExitStatus;
use sops_tools::terminal::{init_tracing, print_failure};

/// Wipes what libraries free: zeroizing only our own buffers leaves copies of theirs behind.
#[global_allocator]
static ALLOC: zeroizing_alloc::ZeroAlloc<std::alloc::System> = zeroizing_alloc::ZeroAlloc(std::alloc::System);

fn main() -> ExitCode {
    let hardening = harden();
    let cli = match Cli::parse_from_words(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let output = cli.common.output.form();
    init_tracing(cli.common.log_format, cli.common.verbose, &[]);
    hardening.log();
    match cli.run() {
        Ok(()) => ExitCode::from(ExitStatus::Done.code()),
        Err(failure) => {
            print_failure(&failure, output);
            ExitCode::from(failure.exit_code())
        }
    }
}

/// Prints help and version, which end well, or what is wrong with the command line.
fn usage(error: &clap::Error) -> ExitCode {
    // A reader that went away cannot be told anything.
    let _ = error.print();
    let status = if error.use_stderr() { ExitStatus::Usage } else { ExitStatus::Done };
    ExitCode::from(status.code())
}
