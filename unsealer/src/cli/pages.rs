//! `completions` and `man`: made from the command line's own definition.

use std::path::Path;

use clap::CommandFactory as _;
use sops_tools::files;
use sops_tools::report::{ExitStatus, Failure};
use sops_tools::terminal;

use unsealer::error;

use super::Cli;

/// Mode of a manual page: everybody may read it.
const PAGE_MODE: u32 = 0o644;

/// Prints the completion script of a shell.
pub(crate) fn completions(shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "unsealer", &mut script);
    print(&script)
}

/// Prints the main manual page, or writes one for each command into `folder`, which must exist.
pub(crate) fn man(folder: Option<&Path>) -> Result<(), Failure> {
    let mut command = Cli::command().disable_help_subcommand(true);
    // Fills in what subcommands inherit and their full names.
    command.build();
    let Some(folder) = folder else {
        return print(&page(&command).map_err(|error| error::unprintable(&error))?);
    };
    let mut pages = vec![command];
    while let Some(command) = pages.pop() {
        let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
        let page = page(&command).map_err(|error| error::unprintable(&error))?;
        let path = folder.join(format!("{name}.1"));
        files::replace(&path, &page, PAGE_MODE).map_err(|error| {
            Failure::new(ExitStatus::Unavailable, "output-unusable", "cannot write the manual").cause(error)
        })?;
        pages.extend(command.get_subcommands().filter(|command| command.get_name() != "help").cloned());
    }
    Ok(())
}

fn page(command: &clap::Command) -> std::io::Result<Vec<u8>> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    Ok(page)
}

fn print(text: &[u8]) -> Result<(), Failure> {
    terminal::print(String::from_utf8_lossy(text).trim_end()).map_err(|error| error::unprintable(&error))
}
