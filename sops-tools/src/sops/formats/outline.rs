//! Where every map, list and value of a document stands, for changes that add or remove some.

use crate::sops::tree::Span;

/// A node and its place.
pub(super) struct Spot {
    /// From the first byte of its content to the last; empty where nothing is spelled.
    pub(super) at: Span,
    /// The column of its keys or dashes, for maps and lists made by indentation.
    pub(super) column: usize,
    pub(super) kind: Kind,
}

pub(super) enum Kind {
    Scalar,
    /// A null, however it is spelled.
    Null,
    /// An alias, with the name of its anchor.
    Alias(String),
    Map {
        flow: bool,
        entries: Vec<KeySpot>,
    },
    List {
        flow: bool,
        elements: Vec<ElementSpot>,
    },
}

/// A key and its value.
pub(super) struct KeySpot {
    pub(super) key: String,
    pub(super) key_at: Span,
    pub(super) value: Spot,
}

/// An element; by indentation it begins with a dash.
pub(super) struct ElementSpot {
    pub(super) dash: usize,
    pub(super) value: Spot,
}

/// One step into a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Into a map.
    Key(String),
    /// Into a list, from 0.
    Index(usize),
}

/// Why a place cannot be changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misplaced {
    /// There is nothing at this path.
    #[error("there is nothing at this path")]
    Absent,
    /// The path goes through a value, or by a key into a list, or by an index into a map.
    #[error("the path does not fit the file: step {step} finds no map or list to go into")]
    Unfit {
        /// Which step of the path, from 1.
        step: usize,
    },
    /// An index behind the end of a list.
    #[error(
        "the path does not fit the file: step {step} is behind the end of the list; the index after its last adds to it"
    )]
    Beyond {
        /// Which step of the path, from 1.
        step: usize,
    },
    /// There is no such document.
    #[error("the file has no document of this number")]
    NoDocument,
    /// It cannot be written there.
    #[error(transparent)]
    Unwritable(#[from] super::Unwritable),
}

/// How far a path leads.
pub(super) enum Found<'o> {
    /// To this node, through these.
    There(Vec<&'o Spot>),
    /// Into the last of these nodes, where the step of this number finds nothing and may be added.
    Until(Vec<&'o Spot>, usize),
}

/// Follows a path as far as it leads.
pub(super) fn follow<'o>(root: &'o Spot, path: &[Step]) -> Result<Found<'o>, Misplaced> {
    let mut way = vec![root];
    let mut spot = root;
    for (index, step) in path.iter().enumerate() {
        let next = match (&spot.kind, step) {
            (Kind::Map { entries, .. }, Step::Key(key)) => {
                entries.iter().find(|entry| entry.key == *key).map(|entry| &entry.value)
            }
            (Kind::List { elements, .. }, Step::Index(at)) if *at <= elements.len() => {
                elements.get(*at).map(|element| &element.value)
            }
            (Kind::List { .. }, Step::Index(_)) => return Err(Misplaced::Beyond { step: index + 1 }),
            (Kind::Null, _) => None,
            (Kind::Alias(name), _) => {
                let problem = "the path goes through an alias; write out in its place what its anchor names";
                return Err(super::Unwritable::named(problem, name).into());
            }
            _ => return Err(Misplaced::Unfit { step: index + 1 }),
        };
        let Some(next) = next else { return Ok(Found::Until(way, index)) };
        way.push(next);
        spot = next;
    }
    Ok(Found::There(way))
}
