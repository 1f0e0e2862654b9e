//! Points in time as plain YAML scalars: which texts are one, and the one spelling that goes into the MAC.

/// The RFC 3339 spelling, with as many digits of the second as needed, of a text that YAML reads as a point in time:
/// `2024-5-6`, `2024-05-06 1:2:3.5` (in UTC) or `2024-05-06T01:02:03.50+02:00`.
pub(super) fn normalized(text: &str) -> Option<String> {
    let mut rest = Rest(text.as_bytes());
    let year = rest.digits(4, 4)?;
    rest.byte(b'-')?;
    let month = rest.digits(1, 2)?;
    rest.byte(b'-')?;
    let day = rest.digits(1, 2)?;
    if day == 0 || day > days(year, month)? {
        return None;
    }
    let date = format!("{year:04}-{month:02}-{day:02}");
    if rest.0.is_empty() {
        return Some(format!("{date}T00:00:00Z"));
    }
    let zoned = match rest.next()? {
        b'T' | b't' => true,
        b' ' => {
            // Go takes any number of blanks for one.
            rest.0 = rest.0.trim_ascii_start();
            false
        }
        _ => return None,
    };
    let clock = clock(&mut rest)?;
    let zone = if zoned { zone(&mut rest)? } else { "Z".to_owned() };
    rest.0.is_empty().then(|| format!("{date}T{clock}{zone}"))
}

/// The hours of the offset of a normalized time.
pub(super) fn offset_hours(time: &str) -> u32 {
    let offset = time.rsplit_once(['+', '-']).filter(|_| !time.ends_with('Z')).map(|(_, offset)| offset);
    offset.and_then(|offset| offset.split(':').next()).and_then(|hours| hours.parse().ok()).unwrap_or_default()
}

fn clock(rest: &mut Rest<'_>) -> Option<String> {
    let hour = rest.digits(1, 2).filter(|hour| *hour < 24)?;
    rest.byte(b':')?;
    let minute = rest.digits(1, 2).filter(|minute| *minute < 60)?;
    rest.byte(b':')?;
    let second = rest.digits(1, 2).filter(|second| *second < 60)?;
    Some(format!("{hour:02}:{minute:02}:{second:02}{}", fraction(rest)))
}

/// At most nine digits, without trailing zeros; further ones are dropped.
fn fraction(rest: &mut Rest<'_>) -> String {
    let [b'.' | b',', digits @ ..] = rest.0 else { return String::new() };
    let count = digits.iter().take_while(|digit| digit.is_ascii_digit()).count();
    if count == 0 {
        return String::new();
    }
    let (fraction, after) = digits.split_at(count);
    rest.0 = after;
    let kept: String = fraction.iter().take(9).map(|digit| char::from(*digit)).collect();
    let kept = kept.trim_end_matches('0');
    if kept.is_empty() { String::new() } else { format!(".{kept}") }
}

fn zone(rest: &mut Rest<'_>) -> Option<String> {
    let sign = match rest.next()? {
        b'Z' => return Some("Z".to_owned()),
        b'+' => '+',
        b'-' => '-',
        _ => return None,
    };
    let hours = rest.digits(2, 2).filter(|hours| *hours <= 24)?;
    rest.byte(b':')?;
    let minutes = rest.digits(2, 2).filter(|minutes| *minutes <= 60)?;
    let minutes = hours * 60 + minutes;
    Some(if minutes == 0 { "Z".to_owned() } else { format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60) })
}

/// How many days a month has; none for a month that does not exist.
fn days(year: u32, month: u32) -> Option<u32> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 => Some(if leap { 29 } else { 28 }),
        _ => None,
    }
}

struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, after) = self.0.split_first()?;
        self.0 = after;
        Some(*first)
    }

    fn byte(&mut self, wanted: u8) -> Option<()> {
        (self.next()? == wanted).then_some(())
    }

    fn digits(&mut self, least: usize, most: usize) -> Option<u32> {
        let count = self.0.iter().take(most).take_while(|digit| digit.is_ascii_digit()).count();
        let (digits, after) = self.0.split_at_checked(count).filter(|_| count >= least)?;
        self.0 = after;
        Some(digits.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0')))
    }
}
