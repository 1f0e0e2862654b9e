//! One way through a tree: every value and comment in document order, with its path and whether it falls under encryption.

use super::aad::{Path, below, candidates};
use super::rules::{Comments, Rule};
use super::tree::{Comment, Element, Item, Leaf, Node, Tree};

mod fill;

pub use fill::fill;

/// What stands at a place.
pub enum Found<'a> {
    /// A value.
    Leaf(&'a Leaf),
    /// A comment.
    Comment(&'a Comment),
}

/// A place in a tree.
pub struct Place<'a, 'w> {
    /// What stands there.
    pub found: Found<'a>,
    /// Counts places from 0, over all documents.
    pub index: usize,
    /// Which document, from 0.
    pub document: usize,
    /// The path: of a value its own, of a comment that of the map or list it stands in.
    pub path: &'w Path,
    /// The path of the map or list that holds the value before it; empty before the first.
    pub previous: &'w [u8],
    /// What a comment stands before.
    pub next: Next<'a>,
    /// Whether it stands directly in a list.
    pub in_list: bool,
    /// Whether the rule wants it encrypted.
    pub is_encrypted: bool,
}

/// What stands behind a comment in its map or list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next<'a> {
    /// Nothing more.
    Nothing,
    /// An element, or something far away.
    Something,
    /// A key.
    Key(&'a str),
    /// The key of a map or list in braces or brackets, whose line the comment ends.
    Inside(&'a str),
}

impl Place<'_, '_> {
    /// What a value or comment is sealed with at this place.
    ///
    /// A comment that ends a line of braces or brackets is a part of them for sops, and one that ends a map or list hangs at the
    /// value before it, however deep that is. At the top the block comes behind it, so it stays there.
    pub fn aad(&self) -> Vec<u8> {
        let own = self.path.aad();
        match (&self.found, self.next) {
            (Found::Comment(_), Next::Inside(key)) => below(own, key),
            (Found::Comment(_), Next::Nothing) if own != b":" && self.previous.starts_with(own) => {
                self.previous.to_vec()
            }
            _ => own.to_vec(),
        }
    }

    /// What a comment at this place may have been sealed with, likeliest first.
    pub fn candidates(&self) -> Vec<Vec<u8>> {
        let key = match self.next {
            Next::Key(key) | Next::Inside(key) => Some(key),
            Next::Nothing | Next::Something => None,
        };
        candidates(self.path.aad(), self.previous, key)
    }
}

/// What is still to be visited of a map or list.
enum Level<'a> {
    Map(std::slice::Iter<'a, Item>),
    List(std::slice::Iter<'a, Element>),
}

/// A map or list that is open.
struct Frame<'a> {
    level: Level<'a>,
    /// Whether its key, or one above it, matches the rule.
    path_matches: bool,
    /// How many keys the path had before it was opened.
    keys_before: usize,
    /// Whether a comment matches that stands since the last value of this level.
    comment_matches: bool,
    /// Whether such a comment stands on a level above.
    comment_matches_above: bool,
}

impl Frame<'_> {
    fn comments(&self) -> bool {
        self.comment_matches || self.comment_matches_above
    }
}

/// What comes next in a map or list.
enum Step<'a> {
    Comment(&'a Comment, Next<'a>),
    Node(Option<&'a str>, &'a Node),
}

/// Visits every place of a tree in document order, until `visit` gives an error.
///
/// The comments that a rule looks at are those that stand in the tree: the encrypted text, in a file that is read.
///
/// # Errors
/// Those of `visit`.
pub fn walk<'a, E>(
    tree: &'a Tree,
    rule: &Rule,
    mut visit: impl FnMut(&Place<'a, '_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut walker = Walker { rule, path: Path::default(), previous: Vec::new(), index: 0, document: 0 };
    for (number, document) in tree.documents.iter().enumerate() {
        walker.document = number;
        walker.previous.clear();
        walker.document(&document.root, &mut visit)?;
    }
    Ok(())
}

struct Walker<'r> {
    rule: &'r Rule,
    path: Path,
    previous: Vec<u8>,
    index: usize,
    document: usize,
}

impl Walker<'_> {
    fn document<'a, E>(
        &mut self,
        root: &'a [Item],
        visit: &mut impl FnMut(&Place<'a, '_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut open = vec![Frame {
            level: Level::Map(root.iter()),
            path_matches: false,
            keys_before: 0,
            comment_matches: false,
            comment_matches_above: false,
        }];
        while let Some(frame) = open.last_mut() {
            let in_list = matches!(frame.level, Level::List(_));
            match step(&mut frame.level) {
                None => {
                    self.path.cut(frame.keys_before);
                    open.pop();
                    if let Some(parent) = open.last_mut() {
                        parent.comment_matches = false;
                    }
                }
                Some(Step::Comment(comment, next)) => {
                    self.comment(frame, comment, next, in_list, visit)?;
                }
                Some(Step::Node(key, node)) => {
                    if let Some(inner) = self.node(frame, key, node, in_list, visit)? {
                        open.push(inner);
                    }
                }
            }
        }
        Ok(())
    }

    fn comment<'a, E>(
        &mut self,
        frame: &mut Frame<'a>,
        comment: &'a Comment,
        next: Next<'a>,
        in_list: bool,
        visit: &mut impl FnMut(&Place<'a, '_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let own_matches = self.rule.matches_comment(&comment.text);
        let comments = Comments { any_matches: frame.comments(), own_matches };
        let is_encrypted = self.rule.encrypts(frame.path_matches, comments);
        frame.comment_matches |= own_matches;
        self.visit(Found::Comment(comment), next, in_list, is_encrypted, visit)
    }

    /// Visits a value; a map or list is opened instead.
    fn node<'a, E>(
        &mut self,
        frame: &mut Frame<'a>,
        key: Option<&'a str>,
        node: &'a Node,
        in_list: bool,
        visit: &mut impl FnMut(&Place<'a, '_>) -> Result<(), E>,
    ) -> Result<Option<Frame<'a>>, E> {
        let path_matches = frame.path_matches || key.is_some_and(|key| self.rule.matches_key(key));
        let keys_before = self.path.keys();
        if let Some(key) = key {
            self.path.push(key);
        }
        let level = match node {
            Node::Map(items) => Level::Map(items.iter()),
            Node::List(elements) => Level::List(elements.iter()),
            Node::Leaf(leaf) => {
                let comments = Comments { any_matches: frame.comments(), own_matches: false };
                let is_encrypted = self.rule.encrypts(path_matches, comments);
                self.visit(Found::Leaf(leaf), Next::Something, in_list, is_encrypted, visit)?;
                self.path.cut(keys_before);
                self.previous.clear();
                self.previous.extend_from_slice(self.path.aad());
                frame.comment_matches = false;
                return Ok(None);
            }
        };
        Ok(Some(Frame {
            level,
            path_matches,
            keys_before,
            comment_matches: false,
            comment_matches_above: frame.comments(),
        }))
    }

    fn visit<'a, E>(
        &mut self,
        found: Found<'a>,
        next: Next<'a>,
        in_list: bool,
        is_encrypted: bool,
        visit: &mut impl FnMut(&Place<'a, '_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let index = self.index;
        self.index += 1;
        let (path, previous) = (&self.path, self.previous.as_slice());
        visit(&Place { found, index, document: self.document, path, previous, next, in_list, is_encrypted })
    }
}

fn step<'a>(level: &mut Level<'a>) -> Option<Step<'a>> {
    Some(match level {
        Level::Map(items) => match items.next()? {
            Item::Comment(comment) => Step::Comment(comment, next_key(comment, items.as_slice())),
            Item::Entry(entry) => Step::Node(Some(&entry.key), &entry.node),
        },
        Level::List(elements) => match elements.next()? {
            Element::Comment(comment) => Step::Comment(comment, next_element(elements.as_slice())),
            Element::Node(node) => Step::Node(None, node),
        },
    })
}

/// How far to look: a file of comments alone must not cost quadratic time.
const REACH: usize = 64;

fn next_key<'a>(comment: &Comment, items: &'a [Item]) -> Next<'a> {
    let next = items.iter().take(REACH).find_map(|item| match item {
        Item::Entry(entry) => Some(entry),
        Item::Comment(_) => None,
    });
    match next {
        Some(entry) => {
            let ends_it = entry.at.start < comment.at.start && entry.at.end <= comment.at.start;
            match entry.node {
                Node::Map(_) | Node::List(_) if ends_it => Next::Inside(&entry.key),
                _ => Next::Key(&entry.key),
            }
        }
        None if items.len() > REACH => Next::Something,
        None => Next::Nothing,
    }
}

fn next_element<'a>(elements: &[Element]) -> Next<'a> {
    let mut near = elements.iter().take(REACH);
    let is_followed = near.any(|element| matches!(element, Element::Node(_))) || elements.len() > REACH;
    if is_followed { Next::Something } else { Next::Nothing }
}

#[cfg(test)]
mod tests;
