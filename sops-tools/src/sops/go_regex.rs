//! Regular expressions of Go, which rules are written in, as the same expressions for Rust.
//!
//! The two are of one family and differ in corners: what `\d` and `\b` mean, brackets inside classes, escapes that only one knows. An
//! expression is taken apart by Go's grammar and written anew in a form that means the same here; what Go itself would refuse is
//! refused. That matters because sops takes an invalid expression for one that matches nothing and writes everything in clear.

use regex::bytes::{Regex, RegexBuilder};

mod class;
mod translate;

/// Longest expression that is looked at.
const LENGTH_LIMIT: usize = 4096;

/// Largest compiled expression, in bytes.
const SIZE_LIMIT: usize = 4 << 20;

/// Why an expression is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}, at character {at} of the regular expression")]
pub struct Invalid {
    /// From 1.
    pub at: usize,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// Compiles an expression of Go.
///
/// # Errors
/// Whatever Go would not compile, and what is too large.
pub fn compile(expression: &str) -> Result<Regex, Invalid> {
    if expression.len() > LENGTH_LIMIT {
        return Err(Invalid { at: LENGTH_LIMIT, problem: "it is too long" });
    }
    let translated = translate::translate(expression)?;
    RegexBuilder::new(&translated)
        .size_limit(SIZE_LIMIT)
        .build()
        .map_err(|error| Invalid { at: 1, problem: reason(&error) })
}

fn reason(error: &regex::Error) -> &'static str {
    match error {
        regex::Error::CompiledTooBig(_) => "it is too large",
        _ => "it is not valid",
    }
}

#[cfg(test)]
mod tests;
