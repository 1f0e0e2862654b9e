//! Kinds of values that several arguments share.

use std::time::Duration;

use clap::ValueEnum;

/// Shells with a completion script.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Shell {
    /// GNU Bash
    Bash,
    /// Z shell
    Zsh,
    /// fish
    Fish,
}

impl From<Shell> for clap_complete::Shell {
    fn from(shell: Shell) -> Self {
        match shell {
            Shell::Bash => Self::Bash,
            Shell::Zsh => Self::Zsh,
            Shell::Fish => Self::Fish,
        }
    }
}

/// Longest wait that may be asked for: a day.
const LONGEST_SECONDS: u64 = 24 * 60 * 60;

/// Reads `90s`, `10m` or `2h`, at most a day.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let expected = "expected a number and s, m or h, at most a day: 90s, 10m, 2h";
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 60 * 60,
        _ => return Err(expected.to_owned()),
    };
    let number: Option<u64> = text[..text.len() - 1].parse().ok();
    let seconds = number.and_then(|number| number.checked_mul(unit)).filter(|seconds| *seconds <= LONGEST_SECONDS);
    seconds.map(Duration::from_secs).ok_or_else(|| expected.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_has_a_unit_and_ends_within_a_day() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("10m"), Ok(Duration::from_mins(10)));
        assert_eq!(duration("24h"), Ok(Duration::from_hours(24)));
        for text in ["", "s", "10", "25h", "-1s", "1.5m", "99999999999999999999h", "18446744073709551615h", "1µ"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
