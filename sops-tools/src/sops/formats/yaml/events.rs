//! The border to the YAML parser: its events in our words, with spans of bytes.

use std::borrow::Cow;

use granit_parser::{Event, Parser, ScalarStyle, StrInput, StructureStyle, Tag};

use crate::sops::formats::{Fault, MAX_DEPTH, Malformed};
use crate::sops::tree::Span;

/// What the parser met, with its bytes.
pub(super) struct Mark<'a> {
    pub(super) what: What<'a>,
    /// A scalar's bytes begin at its tag or block header and end before its last line's end.
    pub(super) at: Span,
    /// From 1.
    pub(super) line: usize,
    /// From 0.
    pub(super) column: usize,
}

pub(super) enum What<'a> {
    /// Whether `---` stands there.
    DocumentStart {
        explicit: bool,
    },
    DocumentEnd,
    Comment(Cow<'a, str>),
    Scalar(Scalar<'a>),
    Alias(usize),
    Start {
        kind: Kind,
        style: Style,
        anchor: Option<usize>,
    },
    End,
    StreamEnd,
}

pub(super) struct Scalar<'a> {
    pub(super) text: Cow<'a, str>,
    /// Neither quoted nor a block scalar.
    pub(super) plain: bool,
    /// The name of a tag of the YAML namespace, as `str`. A value with any other tag is text.
    pub(super) tag: Option<String>,
    pub(super) anchor: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Map,
    List,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Made by indentation.
    Block,
    /// In braces or brackets.
    Flow,
}

/// The events of a text, in order; ends after [`What::StreamEnd`] or the first error.
pub(super) struct Events<'a> {
    source: &'a str,
    parser: Parser<'a, StrInput<'a>>,
    /// The end of what was read last.
    cursor: usize,
}

impl<'a> Events<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        let limit = MAX_DEPTH * 2;
        let options = granit_parser::options! {
            // As libyaml, and with it sops, reads it.
            block_scalar_eof_without_line_feed: true,
            max_buffered_comment_events: usize::MAX,
            flow_nesting_limit: limit,
            block_nesting_limit: limit,
        };
        Self { source, parser: Parser::new_from_str_with_options(source, options), cursor: 0 }
    }

    /// The next event; after the last, [`What::StreamEnd`] for ever.
    pub(super) fn next(&mut self) -> Result<Mark<'a>, Malformed> {
        loop {
            let Some(next) = self.parser.next_event() else {
                return Ok(Mark { what: What::StreamEnd, at: self.end_of_source(), line: 1, column: 0 });
            };
            let (event, span) = next.map_err(|error| malformed(&error))?;
            if let Some(mark) = self.mark(event, &span) {
                self.cursor = self.cursor.max(mark.at.end);
                return Ok(mark);
            }
        }
    }

    fn end_of_source(&self) -> Span {
        self.source.len()..self.source.len()
    }

    fn mark(&self, event: Event<'a>, span: &granit_parser::Span) -> Option<Mark<'a>> {
        let at = span.byte_range().unwrap_or_else(|| self.end_of_source());
        let mut mark = Mark { what: What::End, line: span.start.line(), column: span.start.col(), at };
        mark.what = match event {
            Event::DocumentStart(explicit, _) => What::DocumentStart { explicit },
            Event::DocumentEnd => What::DocumentEnd,
            Event::StreamEnd => What::StreamEnd,
            Event::Alias(anchor) => What::Alias(anchor),
            Event::Comment(text, _) => What::Comment(text),
            Event::SequenceStart(style, anchor, _) => start(Kind::List, style, anchor),
            Event::MappingStart(style, anchor, _) => start(Kind::Map, style, anchor),
            Event::SequenceEnd | Event::MappingEnd => What::End,
            Event::Scalar(text, style, anchor, tag) => {
                let implied = style == ScalarStyle::Plain && mark.at.is_empty();
                mark.at = self.scalar_span(mark.at, style, span);
                What::Scalar(Scalar {
                    text: if implied { Cow::Borrowed("") } else { text },
                    plain: style == ScalarStyle::Plain,
                    tag: tag.and_then(|tag| name(&tag)),
                    anchor: some(anchor),
                })
            }
            _ => return None,
        };
        Some(mark)
    }

    fn scalar_span(&self, content: Span, style: ScalarStyle, span: &granit_parser::Span) -> Span {
        let tag = span.tag_start().and_then(|tag| tag.byte_offset());
        if !matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
            return tag.unwrap_or(content.start).min(content.start)..content.end;
        }
        let header = self.block_header(content.start);
        tag.unwrap_or(header).min(header)..self.end_of_block_scalar(header, content.end)
    }

    /// Where the `|` or `>` stands: after what was read last come only indicators, a tag and an anchor.
    fn block_header(&self, content: usize) -> usize {
        let bytes = self.source.as_bytes();
        let mut at = self.cursor;
        while at < content {
            match bytes.get(at) {
                Some(b'|' | b'>') => return at,
                Some(b'&' | b'!') => at += token(bytes, at),
                _ => at += 1,
            }
        }
        content
    }

    /// The end of the last line that is not blank.
    fn end_of_block_scalar(&self, header: usize, end: usize) -> usize {
        let text = self.source.get(header..end).unwrap_or_default();
        let inked = text.trim_end_matches([' ', '\t', '\n', '\r']).len();
        let line = text.get(inked..).unwrap_or_default();
        header + inked + line.find(['\n', '\r']).unwrap_or(line.len())
    }
}

/// The length of what stands at `at` up to the next blank.
fn token(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    rest.iter().position(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).unwrap_or(rest.len()).max(1)
}

fn start<'a>(kind: Kind, style: StructureStyle, anchor: usize) -> What<'a> {
    let style = match style {
        StructureStyle::Block => Style::Block,
        StructureStyle::Flow => Style::Flow,
    };
    What::Start { kind, style, anchor: some(anchor) }
}

fn some(anchor: usize) -> Option<usize> {
    (anchor != 0).then_some(anchor)
}

fn name(tag: &Tag) -> Option<String> {
    match tag.suffix_in_namespace("tag:yaml.org,2002:") {
        Some(name) => Some(name.into_owned()),
        // A lone `!`, which says nothing.
        None if tag.handle().is_empty() && tag.suffix() == "!" => None,
        None => Some("str".to_owned()),
    }
}

fn malformed(error: &granit_parser::ScanError) -> Malformed {
    use granit_parser::ErrorKind;
    let problem = match error.kind() {
        ErrorKind::UnknownAnchor => "an alias of an anchor that is not set before it",
        _ => "this is not YAML",
    };
    Malformed { line: error.marker().line().max(1), fault: Fault::Syntax, problem }
}
