//! The command line's definition, and that it agrees with the table of settings.

use clap::CommandFactory as _;
use unsealer::settings::variables::OVERRIDES;

use super::*;
use unsealer::commands::init::{RootTokenWish, Way};

mod told;

fn order(line: &str) -> Order {
    Cli::try_parse_from(line.split(' ')).unwrap().into_order().unwrap().1
}

fn refused(line: &str) -> String {
    Cli::try_parse_from(line.split(' ')).expect_err(line).to_string()
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_flag_of_the_settings_table_exists_and_reaches_its_key() {
    for over in OVERRIDES {
        let cli = Cli::try_parse_from(["unsealer", "run", over.flag, "x"]).unwrap();
        let (_, flags) = cli.settings.into_sources();
        assert_eq!(flags.get(over.key).map(String::as_str), Some("x"), "{}", over.flag);
        assert_eq!(flags.len(), 1);
    }
}

#[test]
fn every_command_has_examples_and_the_exit_statuses_in_its_help() {
    fn check(command: &clap::Command, path: &str) {
        let children: Vec<&clap::Command> = command.get_subcommands().collect();
        for child in &children {
            check(child, &format!("{path} {}", child.get_name()));
        }
        if children.is_empty() {
            let help = command.clone().render_help().to_string();
            assert!(help.contains("Examples:\n  "), "{path} has no examples");
            let bare = ["completions", "man"].contains(&command.get_name());
            let long = command.clone().render_long_help().to_string();
            assert!(bare || long.contains("Exit status:\n  0  done"), "{path} does not explain its exit status");
        }
    }
    check(&Cli::command(), "unsealer");
}

#[test]
fn init_takes_one_wish_for_the_root_token_and_one_way() {
    let Order::Init(init) = order("unsealer init --root-token-to store") else { panic!() };
    assert!(matches!(init.root_token, Some(RootTokenWish::Store)));
    assert_eq!((init.shares, init.threshold), (5, 3));
    assert!(matches!(init.way, Way::Ordinary));
    let Order::Init(init) = order("unsealer init --discard-root-token --continue 7") else { panic!() };
    assert!(matches!((init.root_token, init.way), (Some(RootTokenWish::Discard), Way::Continue(7))));
    assert!(refused("unsealer init --discard-root-token --root-token-to f").contains("cannot be used with"));
    assert!(refused("unsealer init --continue 1 --publish f").contains("cannot be used with"));
}

#[test]
fn a_release_says_what_it_releases() {
    assert!(refused("unsealer release").contains("--hold <ID>"));
    assert!(refused("unsealer release --all --local").contains("cannot be used with"));
}

#[test]
fn a_reason_is_one_line() {
    let parse = |reason: &str| {
        let cli = Cli::try_parse_from(["unsealer", "hold", "--reason", reason]).unwrap();
        cli.into_order().map(|_| ()).map_err(|failure| failure.class)
    };
    assert_eq!(parse("incident 42"), Ok(()));
    for reason in ["", "  ", "two\nlines", &"x".repeat(201)] {
        assert_eq!(parse(reason), Err("reason"));
    }
}
