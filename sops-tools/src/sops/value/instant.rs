//! Points in time as SOPS writes them into hashes: RFC 3339.

/// The spelling that goes into the MAC: as Go's `RFC3339Nano`, with no zeros at the end of the fraction and `Z` for no offset.
/// `None` where the text is no such time.
pub fn instant(text: &str) -> Option<String> {
    Parts::of(text).map(|parts| parts.spell(parts.fraction.trim_end_matches('0')))
}

/// The same without the fraction: what stands beside the MAC is authenticated in this spelling.
pub fn to_the_second(text: &str) -> Option<String> {
    Parts::of(text).map(|parts| parts.spell(""))
}

struct Parts<'a> {
    /// `2006-01-02T15:04:05`.
    clock: &'a str,
    /// Digits after the point, at most nine.
    fraction: &'a str,
    /// `+02:00`; empty for none.
    offset: &'a str,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let (clock, rest) = text.split_at_checked(19)?;
        let day: jiff::civil::Date = {
            let digits = |range: std::ops::Range<usize>| number(clock.get(range)?);
            let (year, month, day) = (digits(0..4)?, digits(5..7)?, digits(8..10)?);
            let (hour, minute, second) = (digits(11..13)?, digits(14..16)?, digits(17..19)?);
            let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
            let marked = marks.iter().all(|&(at, mark)| clock.as_bytes().get(at) == Some(&mark));
            if !marked || hour > 23 || minute > 59 || second > 59 {
                return None;
            }
            jiff::civil::Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?
        };
        let _ = day;
        let (fraction, offset) = match rest.strip_prefix('.') {
            Some(rest) => {
                let end = rest.bytes().position(|byte| !byte.is_ascii_digit())?;
                rest.split_at_checked(end).filter(|(digits, _)| !digits.is_empty())?
            }
            None => ("", rest),
        };
        // Go keeps nanoseconds and drops what is finer.
        let fraction = fraction.get(..9).unwrap_or(fraction);
        Some(Self { clock, fraction, offset: offset_of(offset)? })
    }

    fn spell(&self, fraction: &str) -> String {
        let point = if fraction.is_empty() { "" } else { "." };
        let offset = if self.offset.is_empty() { "Z" } else { self.offset };
        format!("{}{point}{fraction}{offset}", self.clock)
    }
}

/// The offset, empty where it is none.
fn offset_of(text: &str) -> Option<&str> {
    if text == "Z" {
        return Some("");
    }
    let digits = text.strip_prefix(['+', '-'])?;
    let (hours, minutes) = digits.split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 || number(hours)? > 23 || number(minutes)? > 59 {
        return None;
    }
    Some(if digits == "00:00" { "" } else { text })
}

fn number(digits: &str) -> Option<i16> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}
