//! What keys and values mean, and the faults they can have.

use std::borrow::Cow;

use super::super::events::{Scalar, Style};
use super::super::resolve::{self, Unresolved};
use crate::sops::formats::{Fault, Malformed};
use crate::sops::tree::{Block, Node, Span, Value};

pub(super) fn block(node: Node, at: Span, style: Style, source: &str, line: usize) -> Result<Block, Malformed> {
    if !matches!(node, Node::Map(_)) {
        return Err(fault(line, Fault::Block, "the top-level key sops holds no map, so it is no metadata of SOPS"));
    }
    let rest = source.get(at.end..).unwrap_or_default();
    let end = match style {
        Style::Flow => at.end,
        Style::Block => at.end + rest.find('\n').map_or(rest.len(), |newline| newline + 1),
    };
    Ok(Block { node, at: at.start..end })
}

pub(super) fn key_text<'a>(scalar: &Scalar<'a>, line: usize) -> Result<Cow<'a, str>, Malformed> {
    // The merge key is kept as a key of this name, as sops does.
    let merge = scalar.plain && scalar.text == "<<";
    let is_text = match scalar.tag.as_deref() {
        None | Some("merge") => merge || !scalar.plain || resolve::is_text(&scalar.text),
        Some(tag) => tag == "str",
    };
    if is_text { Ok(scalar.text.clone()) } else { Err(key_fault(line)) }
}

pub(super) fn value(scalar: &Scalar<'_>, line: usize) -> Result<Value, Malformed> {
    let resolved = match scalar.tag.as_deref() {
        Some(tag) => resolve::tagged(tag, &scalar.text),
        None if scalar.plain => resolve::plain(&scalar.text),
        None => resolve::tagged("str", &scalar.text),
    };
    resolved.map_err(|problem| match problem {
        Unresolved::TooBig => fault(line, Fault::Number, "a whole number that does not fit into 64 bits with a sign"),
        Unresolved::NotOfItsTag => fault(line, Fault::Syntax, "a value that is not of the type its tag names"),
    })
}

pub(super) fn fault(line: usize, fault: Fault, problem: &'static str) -> Malformed {
    Malformed { line, fault, problem }
}

pub(super) fn key_fault(line: usize) -> Malformed {
    fault(line, Fault::Key, "a key that is no string; quote it")
}

pub(super) fn too_far(line: usize) -> Malformed {
    fault(line, Fault::Limit, "aliases that would expand the file too far")
}
