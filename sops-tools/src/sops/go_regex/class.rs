//! Go's classes of characters: in brackets, `\d` and its like, `\p`.

use super::Invalid;
use super::translate::Reader;

/// The classes that Go knows by one letter: what Rust would take for Unicode is ASCII there.
const PERL: [(&str, &str); 6] = [
    ("d", "[0-9]"),
    ("D", "[^0-9]"),
    ("s", "[\\t\\n\\x0C\\r\\x20]"),
    ("S", "[^\\t\\n\\x0C\\r\\x20]"),
    ("w", "[0-9A-Za-z_]"),
    ("W", "[^0-9A-Za-z_]"),
];

const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word",
    "xdigit",
];

/// Unicode's general categories by the names that Go has for them.
const CATEGORIES: [&str; 36] = [
    "Cc", "Cf", "Co", "L", "Ll", "Lm", "Lo", "Lt", "Lu", "M", "Mc", "Me", "Mn", "N", "Nd", "Nl", "No", "P", "Pc", "Pd",
    "Pe", "Pf", "Pi", "Po", "Ps", "S", "Sc", "Sk", "Sm", "So", "Z", "Zl", "Zp", "Zs", "Any", "C",
];

/// After a backslash: a class with a name, if one stands there.
pub(super) fn named(reader: &mut Reader<'_>) -> Result<bool, Invalid> {
    for (letter, same) in PERL {
        if reader.eat(letter) {
            reader.out.push_str(same);
            return Ok(true);
        }
    }
    let negated = match reader.peek() {
        Some('p') => false,
        Some('P') => true,
        _ => return Ok(false),
    };
    reader.next();
    unicode(reader, negated)?;
    Ok(true)
}

/// `\pL`, `\p{Greek}`, `\p{^Greek}`.
fn unicode(reader: &mut Reader<'_>, mut negated: bool) -> Result<(), Invalid> {
    let unknown = reader.invalid("a Unicode class that Go does not know");
    let mut letter = [0_u8; 4];
    let mut name = if reader.eat("{") {
        reader.until("}").ok_or(unknown.clone())?
    } else {
        reader.next().ok_or(unknown.clone())?.encode_utf8(&mut letter)
    };
    if let Some(rest) = name.strip_prefix('^') {
        negated = !negated;
        name = rest;
    }
    let not = if negated { "^" } else { "" };
    let class = match name {
        // Rust counts characters that are not assigned among these, Go does not.
        "C" => format!("[{not}\\p{{Cc}}\\p{{Cf}}\\p{{Co}}]"),
        "Any" => format!("[{not}\\x{{0}}-\\x{{10FFFF}}]"),
        category if CATEGORIES.contains(&category) => format!("[{not}\\p{{{category}}}]"),
        script if is_script(script) => format!("[{not}\\p{{Script={script}}}]"),
        _ => return Err(unknown),
    };
    reader.out.push_str(&class);
    Ok(())
}

/// Whether it is written as Go writes the names of scripts: `Greek`, `Old_Italic`. Whether there is one, the compiler knows.
fn is_script(name: &str) -> bool {
    let part = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_uppercase())
            && part.chars().all(|letter| letter.is_ascii_alphabetic())
    };
    name.len() > 2 && name.split('_').all(part)
}

/// A class in brackets; the opening one is passed already.
pub(super) fn brackets(reader: &mut Reader<'_>) -> Result<(), Invalid> {
    let missing = reader.invalid("a closing bracket is missing");
    reader.out.push('[');
    if reader.eat("^") {
        reader.out.push('^');
    }
    let mut first = true;
    while first || reader.peek() != Some(']') {
        first = false;
        item(reader, &missing)?;
    }
    reader.next();
    reader.out.push(']');
    Ok(())
}

fn item(reader: &mut Reader<'_>, missing: &Invalid) -> Result<(), Invalid> {
    if reader.rest().starts_with("[:") && posix(reader)? {
        return Ok(());
    }
    if reader.rest().starts_with('\\') {
        let mut ahead = reader.rest().chars().skip(1);
        if ahead.next().is_some_and(|letter| "dDsSwWpP".contains(letter)) {
            reader.next();
            named(reader)?;
            return Ok(());
        }
    }
    let low = character(reader, missing)?;
    let mut high = low;
    let rest = reader.rest();
    if rest.starts_with('-') && rest.len() > 1 && !rest.starts_with("-]") {
        reader.next();
        high = character(reader, missing)?;
        if high < low {
            return Err(reader.invalid("a range that ends before it begins"));
        }
    }
    reader.literal(low);
    if high > low {
        reader.out.push('-');
        reader.literal(high);
    }
    Ok(())
}

fn character(reader: &mut Reader<'_>, missing: &Invalid) -> Result<char, Invalid> {
    match reader.next() {
        Some('\\') => reader.escape(),
        Some(other) => Ok(other),
        None => Err(missing.clone()),
    }
}

/// `[:alpha:]`; without its end it is a bracket and a colon.
fn posix(reader: &mut Reader<'_>) -> Result<bool, Invalid> {
    let Some((name, _)) = reader.rest().get(2..).and_then(|rest| rest.split_once(":]")) else { return Ok(false) };
    if !POSIX.contains(&name.strip_prefix('^').unwrap_or(name)) {
        return Err(reader.invalid("a class of characters that Go does not know"));
    }
    let class = format!("[:{name}:]");
    reader.until(":]");
    reader.out.push_str(&class);
    Ok(true)
}
