//! Tables of the documentation that the code knows better: equal, or the test prints what belongs there.

#![expect(clippy::expect_used, clippy::panic, reason = "a page or a source that cannot be read fails the test")]

use std::fmt::Write as _;
use std::path::Path;

use restore::objects::location::DEFAULT_REGION;
use sops_tools::report::SopsExit;
use unsealer::error::STATUSES;
use unsealer::settings::DEFAULT_LISTEN;
use unsealer::settings::variables::{Form, OVERRIDES};

#[path = "docs/classes.rs"]
mod classes;

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
    std::fs::read_to_string(path).expect("a page of the documentation")
}

/// What stands in `page` between the mark of `table` and the next end.
fn generated<'a>(page: &'a str, table: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("<!-- generated: {table} -->\n")).expect("the table's mark");
    rest.split_once("<!-- end -->").expect("the table's end").0
}

#[test]
fn every_exit_status_is_documented_as_the_help_says_it() {
    let mut table = "| status | meaning |\n|---|---|\n".to_owned();
    for (status, meaning) in STATUSES {
        writeln!(table, "| {} | {meaning} |", status.code()).unwrap();
    }
    assert_eq!(generated(&page("messages.md"), "statuses"), table);
}

#[test]
fn every_exit_status_of_sops_is_documented_as_the_help_says_it() {
    let mut table = "| status | meaning |\n|---|---|\n".to_owned();
    for (status, meaning) in SopsExit::ALL {
        writeln!(table, "| {} | {meaning} |", status.code()).unwrap();
    }
    assert_eq!(generated(&page("messages.md"), "statuses of sops"), table);
}

#[test]
fn every_variable_and_flag_is_documented() {
    let mut table = "| key | variable | flag | form |\n|---|---|---|---|\n".to_owned();
    for over in OVERRIDES {
        let form = match over.form {
            Form::Text => "text",
            Form::Path => "path",
            Form::Paths => "paths with `:` between them",
        };
        writeln!(table, "| `{}` | `{}` | `{}` | {form} |", over.key, over.variable, over.flag).unwrap();
    }
    assert_eq!(generated(&page("settings.md"), "overrides"), table);
}

#[test]
fn the_documented_defaults_are_the_ones_in_force() {
    let page = page("settings.md");
    assert!(page.contains(&format!("| `listen` | `{DEFAULT_LISTEN}` |")));
    assert!(page.contains(&format!("| `store.region` | `{DEFAULT_REGION}` |")));
}
