//! YAML, read as sops reads it and written back into the same bytes.

mod alias;
mod build;
mod edit;
mod emit;
mod events;
mod outline;
mod resolve;
mod rewrite;
mod spell;
mod timestamp;

use super::{Changes, Fault, Malformed, Unwritable};
use crate::sops::tree::{Node, Text, Tree};

pub(super) fn parse(source: &[u8]) -> Result<Tree, Malformed> {
    let text = super::text(source)?;
    // For the parser here it is nothing, for sops the first letter of a key: the two would seal under different paths.
    if let Some(at) = text.find("\n\u{feff}") {
        let line = text[..=at].lines().count() + 1;
        return Err(Malformed { line, fault: Fault::Syntax, problem: "a byte order mark inside the file; remove it" });
    }
    build::tree(text)
}

pub(super) fn rewrite(source: &[u8], tree: &Tree, changes: &Changes<'_>) -> Result<Text, Unwritable> {
    rewrite::rewrite(source, tree, changes)
}

pub(super) fn emit_node(node: &Node) -> Result<Text, Unwritable> {
    emit::node(node)
}

pub(super) fn emit(tree: &Tree, block: Option<&Node>) -> Result<Text, Unwritable> {
    emit::emit(tree, block)
}

pub(super) use edit::{set, unset};

#[cfg(test)]
mod tests;
