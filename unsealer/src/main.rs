//! `unsealer`: parse, log, run, exit status.

use std::process::ExitCode;

use clap::Parser as _;
use sops_tools::hardening::harden;
use sops_tools::report::{ExitStatus, Failure};
use sops_tools::terminal::{init_tracing, print_failure};
use unsealer::commands;
use unsealer::error;

mod cli;

use cli::Order;

/// Wipes what libraries free: zeroizing only our own buffers leaves copies of theirs behind.
#[global_allocator]
static ALLOC: zeroizing_alloc::ZeroAlloc<std::alloc::System> = zeroizing_alloc::ZeroAlloc(std::alloc::System);

fn main() -> ExitCode {
    // Before any thread exists, and before any secret is read.
    let hardening = harden();
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let output = cli.common.output;
    init_tracing(cli.common.log_format, cli.common.verbose, &[]);
    hardening.log();
    match start(cli) {
        Ok(status) => ExitCode::from(status.code()),
        Err(failure) => {
            print_failure(&failure, output);
            ExitCode::from(failure.status.code())
        }
    }
}

fn start(cli: cli::Cli) -> Result<ExitStatus, Failure> {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| error::unexpected("another TLS provider was installed first"))?;
    let (setup, order) = cli.into_order()?;
    let done = match order {
        Order::Status(order) => return wait_for(commands::status::run(&setup, &order)),
        Order::Store(order) => return wait_for(commands::store::run(&setup, &order)),
        Order::Doctor(order) => return wait_for(commands::doctor::run(&setup, &order)),
        Order::Run => commands::run::run(&setup.load()?.settings),
        Order::Init(order) => wait_for(commands::init::run(&setup, &order)),
        Order::Import(order) => wait_for(commands::import::run(&setup, &order)),
        Order::Export(order) => wait_for(commands::export::run(&setup, &order)),
        Order::Unseal(order) => wait_for(commands::unseal::run(&setup, &order)),
        Order::Gate(order) => wait_for(commands::gate::run(&setup, &order)),
        Order::Hold(order) => wait_for(commands::hold::run(&setup, &order)),
        Order::Release(order) => wait_for(commands::release::run(&setup, &order)),
        Order::ConfigShow => commands::config::show(&setup),
        Order::Completions(shell) => cli::pages::completions(shell),
        Order::Man(folder) => cli::pages::man(folder.as_deref()),
    };
    done.map(|()| ExitStatus::Done)
}

/// One thread runs a command: the work is waiting, and a second stack would be a second place for secrets.
fn wait_for<T>(command: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error::unexpected("the runtime does not start").cause(error))?;
    let result = runtime.block_on(command);
    // A look at a folder that hangs must not hold up the end.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    result
}

/// Prints help and version, which end well, or what is wrong with the command line.
fn usage(error: &clap::Error) -> ExitCode {
    // A reader that went away cannot be told anything.
    let _ = error.print();
    let status = if error.use_stderr() { ExitStatus::Usage } else { ExitStatus::Done };
    ExitCode::from(status.code())
}
