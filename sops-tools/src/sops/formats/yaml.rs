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

use super::{Changes, Malformed, Unwritable};
use crate::sops::tree::{Node, Text, Tree};

pub(super) fn parse(source: &[u8]) -> Result<Tree, Malformed> {
    build::tree(super::text(source)?)
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
