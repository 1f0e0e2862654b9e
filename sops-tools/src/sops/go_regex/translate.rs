//! Go's grammar outside of classes.

use std::collections::HashSet;

use super::Invalid;
use super::class;

/// Go's own limit for a count in braces.
const REPEAT_LIMIT: u32 = 1000;

/// What came last: decides whether a repetition may follow.
#[derive(PartialEq, Clone, Copy)]
enum Last {
    Nothing,
    Item,
    Repetition,
}

/// An expression being read, and what it becomes.
pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
    pub(super) out: String,
}

impl<'a> Reader<'a> {
    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    pub(super) fn eat(&mut self, word: &str) -> bool {
        let there = self.rest().starts_with(word);
        if there {
            self.at += word.len();
        }
        there
    }

    /// What stands before `end`; both are passed.
    pub(super) fn until(&mut self, end: &str) -> Option<&'a str> {
        let (before, _) = self.rest().split_once(end)?;
        self.at += before.len() + end.len();
        Some(before)
    }

    pub(super) fn invalid(&self, problem: &'static str) -> Invalid {
        let at = self.text.get(..self.at).map_or(0, |read| read.chars().count());
        Invalid { at: at.max(1), problem }
    }

    pub(super) fn literal(&mut self, character: char) {
        use std::fmt::Write as _;
        if character.is_ascii_alphanumeric() {
            self.out.push(character);
        } else {
            let _ = write!(self.out, "\\x{{{:X}}}", u32::from(character));
        }
    }

    /// The character that an escape stands for; the backslash is passed already.
    pub(super) fn escape(&mut self) -> Result<char, Invalid> {
        let unknown = self.invalid("an escape that Go does not know");
        let Some(first) = self.next() else { return Err(self.invalid("a backslash at the end")) };
        Ok(match first {
            'a' => '\x07',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            '0' => return self.octal(0),
            // One digit alone would refer back to a group, which Go cannot do.
            '1'..='7' if self.peek().is_some_and(|next| next.is_digit(8)) => {
                return self.octal(first.to_digit(8).unwrap_or(0));
            }
            'x' => return self.hexadecimal().ok_or(unknown),
            other if other.is_ascii() && !other.is_ascii_alphanumeric() => other,
            _ => return Err(unknown),
        })
    }

    /// Up to two more octal digits.
    fn octal(&mut self, first: u32) -> Result<char, Invalid> {
        let mut code = first;
        for _ in 0..2 {
            let Some(digit) = self.peek().and_then(|next| next.to_digit(8)) else { break };
            code = code * 8 + digit;
            self.next();
        }
        char::from_u32(code).ok_or_else(|| self.invalid("an escape that is no character"))
    }

    fn hexadecimal(&mut self) -> Option<char> {
        let digits = if self.eat("{") {
            self.until("}").filter(|digits| digits.len() <= 8)?
        } else {
            let digits = self.rest().get(..2)?;
            self.at += 2;
            digits
        };
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        char::from_u32(u32::from_str_radix(digits, 16).ok()?)
    }
}

/// The same expression in Rust's grammar.
pub(super) fn translate(expression: &str) -> Result<String, Invalid> {
    let mut reader = Reader { text: expression, at: 0, out: String::with_capacity(expression.len() * 2) };
    let mut last = Last::Nothing;
    let mut names = HashSet::new();
    let mut open = 0_usize;
    while let Some(next) = reader.next() {
        last = match next {
            '(' => {
                if group(&mut reader, &mut names)? {
                    open += 1;
                }
                Last::Nothing
            }
            ')' => {
                open = open.checked_sub(1).ok_or_else(|| reader.invalid("a closing parenthesis too many"))?;
                reader.out.push(')');
                Last::Item
            }
            '|' => {
                reader.out.push('|');
                Last::Nothing
            }
            '^' | '$' | '.' => {
                reader.out.push(next);
                Last::Item
            }
            '[' => {
                class::brackets(&mut reader)?;
                Last::Item
            }
            '*' | '+' | '?' => {
                reader.out.push(next);
                repetition(&mut reader, last)?
            }
            '{' => {
                if let Some(braces) = count(&mut reader)? {
                    reader.out.push_str(&braces);
                    repetition(&mut reader, last)?
                } else {
                    reader.literal('{');
                    Last::Item
                }
            }
            '\\' => escaped(&mut reader, last)?,
            other => {
                reader.literal(other);
                Last::Item
            }
        };
    }
    if open > 0 {
        return Err(reader.invalid("a closing parenthesis is missing"));
    }
    Ok(reader.out)
}

/// After a repetition sign: whether one may stand there, and the sign of the lazy form.
fn repetition(reader: &mut Reader<'_>, last: Last) -> Result<Last, Invalid> {
    match last {
        Last::Nothing => return Err(reader.invalid("nothing to repeat")),
        Last::Repetition => return Err(reader.invalid("a repetition of a repetition")),
        Last::Item => {}
    }
    if reader.eat("?") {
        reader.out.push('?');
    }
    Ok(Last::Repetition)
}

/// `{n}`, `{n,}`, `{n,m}` after the brace; anything else is a brace and no more.
fn count(reader: &mut Reader<'_>) -> Result<Option<String>, Invalid> {
    let Some((inside, _)) = reader.rest().split_once('}') else { return Ok(None) };
    let (least, most) = match inside.split_once(',') {
        Some((least, most)) => (least, Some(most)),
        None => (inside, None),
    };
    let is_number = |digits: &str| {
        !digits.is_empty()
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && (digits == "0" || !digits.starts_with('0'))
    };
    if !is_number(least) || most.is_some_and(|most| !most.is_empty() && !is_number(most)) {
        return Ok(None);
    }
    let too_many = || reader.invalid("a repetition of more than 1000");
    let number = |digits: &str| digits.parse().ok().filter(|&count: &u32| count <= REPEAT_LIMIT);
    let low = number(least).ok_or_else(too_many)?;
    if let Some(most) = most.filter(|most| !most.is_empty())
        && number(most).ok_or_else(too_many)? < low
    {
        return Err(reader.invalid("a repetition that ends before it begins"));
    }
    let braces = format!("{{{inside}}}");
    reader.until("}");
    Ok(Some(braces))
}

/// What an opening parenthesis begins. `false` for flags that stand alone, which close their own.
fn group<'a>(reader: &mut Reader<'a>, names: &mut HashSet<&'a str>) -> Result<bool, Invalid> {
    if !reader.eat("?") {
        reader.out.push_str("(?:");
        return Ok(true);
    }
    if reader.eat("P<") || reader.eat("<") {
        let name = reader.until(">").ok_or_else(|| reader.invalid("a group name without an end"))?;
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.is_empty() || !name.bytes().all(word) || !names.insert(name) {
            return Err(reader.invalid("a group name that is not a word, or stands twice"));
        }
        reader.out.push_str("(?:");
        return Ok(true);
    }
    flags(reader)
}

fn flags(reader: &mut Reader<'_>) -> Result<bool, Invalid> {
    let unknown = "a flag that Go does not know";
    reader.out.push_str("(?");
    let mut negated = false;
    let mut since_sign = false;
    loop {
        match reader.next() {
            Some(flag @ ('i' | 'm' | 's' | 'U')) => {
                reader.out.push(flag);
                since_sign = true;
            }
            Some('-') if !negated => {
                reader.out.push('-');
                negated = true;
                since_sign = false;
            }
            Some(end @ (':' | ')')) if !negated || since_sign => {
                // Go takes "(?)" for a group without flags; here it would be an error.
                if end == ')' && !since_sign {
                    reader.out.truncate(reader.out.len() - 2);
                } else {
                    reader.out.push(end);
                }
                return Ok(end == ':');
            }
            _ => return Err(reader.invalid(unknown)),
        }
    }
}

/// A backslash and what follows.
fn escaped(reader: &mut Reader<'_>, last: Last) -> Result<Last, Invalid> {
    for (escape, same) in [("A", "\\A"), ("z", "\\z"), ("b", "(?-u:\\b)"), ("B", "(?-u:\\B)")] {
        if reader.eat(escape) {
            reader.out.push_str(same);
            return Ok(Last::Item);
        }
    }
    if reader.eat("Q") {
        let rest = reader.rest();
        let quoted = reader.until("\\E").unwrap_or(rest);
        if quoted.len() == rest.len() {
            while reader.next().is_some() {}
        }
        quoted.chars().for_each(|character| reader.literal(character));
        return Ok(if quoted.is_empty() { last } else { Last::Item });
    }
    if !class::named(reader)? {
        let character = reader.escape()?;
        reader.literal(character);
    }
    Ok(Last::Item)
}
