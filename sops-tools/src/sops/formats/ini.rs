//! INI, read as the library of sops reads it.
//!
//! Keys above the first section are in the section `DEFAULT`. A comment belongs to what stands below it, as one text however
//! many lines it has. What sops would silently cut off (`;` or `#` in a value) is refused.

mod read;
mod write;

pub(super) use read::parse;
pub(super) use write::{emit, entry_line, leaf_text, rewrite, section_line};

/// The section of the keys above all sections.
const DEFAULT: &str = "DEFAULT";

/// The section of the block.
const BLOCK: &str = "sops";

#[cfg(test)]
mod tests;
