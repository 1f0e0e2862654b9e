//! `edit`: the plain text in an editor, and what came of it sealed again.

mod editor;
pub(crate) mod scratch;
