//! The outline of one YAML document.

use super::events::{Events, Kind as EventKind, Mark, Style, What};
use crate::sops::formats::outline::{ElementSpot, KeySpot, Kind, Spot};
use crate::sops::formats::{Malformed, Misplaced};

/// The root of a document, from 0.
pub(super) fn outline(source: &str, document: usize) -> Result<Spot, Misplaced> {
    let unread = |_: Malformed| Misplaced::Unwritable(crate::sops::formats::Unwritable::new("the file is not YAML"));
    let mut events = Events::new(source);
    let mut number = 0;
    let mut builder = Builder { source, frames: Vec::new(), ink: 0, root: None };
    loop {
        let mark = events.next().map_err(unread)?;
        match mark.what {
            // A file without any content is read as one empty document.
            What::StreamEnd if document == 0 && number == 0 => {
                return Ok(Spot { at: source.len()..source.len(), column: 0, kind: Kind::Null });
            }
            What::StreamEnd => return Err(Misplaced::NoDocument),
            What::DocumentEnd if number == document => return builder.root.ok_or(Misplaced::NoDocument),
            What::DocumentEnd => number += 1,
            What::DocumentStart { .. } => builder.ink = mark.at.end,
            _ if number == document => builder.take(mark),
            _ => {}
        }
    }
}

struct Builder<'a> {
    source: &'a str,
    frames: Vec<Frame>,
    /// The end of what belongs to a node, or of the last dash.
    ink: usize,
    root: Option<Spot>,
}

struct Frame {
    spot: Spot,
    /// A key whose value comes next.
    key: Option<(String, std::ops::Range<usize>)>,
    /// The dash of the element that comes next.
    dash: usize,
}

impl Builder<'_> {
    fn take(&mut self, mark: Mark<'_>) {
        let Mark { what, at, column, .. } = mark;
        match what {
            What::Scalar(scalar) => {
                if let Some(frame) = self.frames.last_mut()
                    && matches!(frame.spot.kind, Kind::Map { .. })
                    && frame.key.is_none()
                {
                    self.ink = at.end;
                    frame.key = Some((scalar.text.into_owned(), at));
                    return;
                }
                self.before_node(at.start);
                let null = scalar.plain && scalar.tag.is_none() && is_null(&scalar.text);
                let at = if at.is_empty() { self.place_of_nothing(at) } else { at };
                self.ink = self.ink.max(at.end);
                self.node(Spot { at, column, kind: if null { Kind::Null } else { Kind::Scalar } });
            }
            What::Alias(_) => {
                let name = self.source.get(at.start + 1..at.end).unwrap_or_default().to_owned();
                self.before_node(at.start);
                self.ink = at.end;
                if let Some(frame) = self.frames.last_mut()
                    && matches!(frame.spot.kind, Kind::Map { .. })
                    && frame.key.is_none()
                {
                    frame.key = Some((format!("*{name}"), at));
                    return;
                }
                self.node(Spot { at, column, kind: Kind::Alias(name) });
            }
            What::Start { kind, style, .. } => {
                self.before_node(at.start);
                let flow = style == Style::Flow;
                let outer = self.frames.last().map(|frame| frame.spot.column);
                let above = kind == EventKind::List && !flow && self.dash_at(at.start).is_some();
                let column = outer.filter(|_| above).unwrap_or(column);
                let kind = match kind {
                    EventKind::Map => Kind::Map { flow, entries: Vec::new() },
                    EventKind::List => Kind::List { flow, elements: Vec::new() },
                };
                if flow {
                    self.ink = at.end;
                }
                self.frames.push(Frame { spot: Spot { at, column, kind }, key: None, dash: 0 });
            }
            What::End => {
                let Some(Frame { mut spot, .. }) = self.frames.pop() else { return };
                if matches!(spot.kind, Kind::Map { flow: true, .. } | Kind::List { flow: true, .. }) {
                    self.ink = at.end;
                }
                spot.at.end = self.ink.max(spot.at.start);
                self.node(spot);
            }
            _ => {}
        }
    }

    /// Notes the dash of the element that begins here.
    fn before_node(&mut self, start: usize) {
        let is_block_list =
            matches!(self.frames.last(), Some(Frame { spot: Spot { kind: Kind::List { flow: false, .. }, .. }, .. }));
        if !is_block_list {
            return;
        }
        let dash = self.dash_at(start).unwrap_or(start);
        self.ink = self.ink.max(dash + 1);
        if let Some(frame) = self.frames.last_mut() {
            frame.dash = dash;
        }
    }

    /// The first dash between what was read last and this place that is no part of a comment.
    fn dash_at(&self, place: usize) -> Option<usize> {
        let bytes = self.source.as_bytes();
        let mut at = self.ink;
        while at < place {
            match bytes.get(at)? {
                b'#' => {
                    at += bytes.get(at..)?.iter().position(|byte| *byte == b'\n')?;
                }
                b'-' if bytes.get(at + 1).is_none_or(u8::is_ascii_whitespace) => return Some(at),
                b'&' | b'!' => at += bytes.get(at..)?.iter().take_while(|byte| !byte.is_ascii_whitespace()).count(),
                _ => at += 1,
            }
        }
        None
    }

    fn place_of_nothing(&self, at: std::ops::Range<usize>) -> std::ops::Range<usize> {
        let Some(Frame { key: Some((_, key)), .. }) = self.frames.last() else { return at };
        let rest = self.source.get(key.end..).unwrap_or_default();
        let colon = key.end + rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let behind = at.start <= key.end && self.source.as_bytes().get(colon) == Some(&b':');
        if behind { colon + 1..colon + 1 } else { at }
    }

    fn node(&mut self, spot: Spot) {
        let Some(frame) = self.frames.last_mut() else {
            self.root = Some(spot);
            return;
        };
        match &mut frame.spot.kind {
            Kind::Map { entries, .. } => match frame.key.take() {
                Some((key, key_at)) => entries.push(KeySpot { key, key_at, value: spot }),
                // A key that is no scalar: reading has refused it.
                None => frame.key = Some((String::new(), spot.at)),
            },
            Kind::List { elements, .. } => elements.push(ElementSpot { dash: frame.dash, value: spot }),
            _ => {}
        }
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}
