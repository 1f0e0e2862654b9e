//! Where comments belong: to the map or list that sops finds them in, before what they describe.

use zeroize::Zeroizing;

use super::super::events::Style;
use super::{Builder, Content, Frame, Pending};
use crate::sops::tree::{Comment, Element, Item, Node, Span};

impl Builder<'_> {
    pub(super) fn comment(&mut self, text: &str, at: Span, column: usize) {
        let comment = Comment { text: Zeroizing::new(text.as_bytes().to_vec()), at };
        let start = comment.at.start;
        if self.document.block.as_ref().is_some_and(|block| self.frames.len() == 1 && start < block.at.end) {
            return;
        }
        let before = self.source.get(self.cursor.min(start)..start).unwrap_or_default();
        let own_line = self.cursor <= start && (self.cursor == 0 || before.contains(['\n', '\r']));
        if own_line {
            self.pending.push(Pending { comment, column });
            return;
        }
        // At the end of a line: before what that line holds, as sops has it.
        let written_after_node = start < self.ink || !self.between(self.ink, start).contains(['\n', '\r']);
        match self.frames.last_mut().map(|frame| &mut frame.content) {
            Some(Content::Map { items, key, .. }) => {
                let behind =
                    usize::from(key.is_none() && written_after_node && matches!(items.last(), Some(Item::Entry(_))));
                items.insert(items.len() - behind, Item::Comment(comment));
            }
            Some(Content::List(elements)) => {
                let behind = usize::from(written_after_node && matches!(elements.last(), Some(Element::Node(_))));
                elements.insert(elements.len() - behind, Element::Comment(comment));
            }
            None => self.pending.push(Pending { comment, column }),
        }
    }

    /// Puts the comments that stand above the dash of the element that begins here in front of it; those below the dash belong
    /// into the element.
    pub(super) fn flush_before_dash(&mut self, element: usize) {
        if !matches!(self.frames.last(), Some(Frame { content: Content::List(_), .. })) {
            return;
        }
        let starts = self.pending.iter().skip(1).map(|pending| pending.comment.at.start).chain([element]);
        let above = |(pending, next): (&Pending, usize)| self.between(pending.comment.at.end, next).contains('-');
        let gaps: Vec<bool> = self.pending.iter().zip(starts).map(above).collect();
        let count = gaps.iter().rposition(|dash| *dash).map_or(0, |last| last + 1);
        if let Some(frame) = self.frames.last_mut() {
            frame.content.push_comments(self.pending.drain(..count));
        }
    }

    /// Puts the comments in front of what comes next in the innermost map or list.
    pub(super) fn flush_before_node(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        match self.frames.last_mut() {
            Some(frame) => frame.content.push_comments(self.pending.drain(..)),
            None => self.document.root.extend(self.pending.drain(..).map(|pending| Item::Comment(pending.comment))),
        }
    }

    /// How many of the comments below the last item of a map or list belong inside, when `next`, in column `column`, follows.
    ///
    /// As measured with sops: comments right above something less indented belong to the innermost map or list that ends
    /// there; those with a blank line below them go by their column, but never into a list whose last element is a map or
    /// list. The end of a document counts as something less indented: the block of SOPS comes there, and no comment may move
    /// because of it.
    pub(super) fn count_inside(&self, frame: &Frame<'_>, next: usize, column: usize) -> usize {
        let outer = self.frames.last().filter(|outer| outer.style == Style::Block).map(|outer| outer.column);
        if frame.style == Style::Flow || self.frames.is_empty() {
            return self.pending.len();
        }
        let column = column.max(self.frames.first().map_or(0, |root| root.column));
        let like_its_key = outer == Some(frame.column);
        let ends_nested = match &frame.content {
            Content::List(elements) => {
                matches!(elements.last(), Some(Element::Node(Node::Map(_) | Node::List(_))))
            }
            Content::Map { .. } => false,
        };
        let apart = self.apart(next);
        let belongs = |(pending, apart): (&Pending, &bool)| match (*apart, like_its_key) {
            (false, true) => false,
            (false, false) => pending.column > column,
            (true, true) => !ends_nested,
            (true, false) => !ends_nested && pending.column >= frame.column,
        };
        self.pending.iter().zip(&apart).take_while(|one| belongs(*one)).count()
    }

    /// For each comment, whether a blank line comes below it and those that follow it at once.
    fn apart(&self, next: usize) -> Vec<bool> {
        let mut apart = false;
        let mut below = next;
        let mut found: Vec<bool> = Vec::with_capacity(self.pending.len());
        for pending in self.pending.iter().rev() {
            apart |= self.between(pending.comment.at.end, below).matches('\n').count() > 1;
            below = pending.comment.at.start;
            found.push(apart);
        }
        found.reverse();
        found
    }
}
