//! The version of sops that a block names.

/// The version whose format is written here.
pub const WRITTEN: &str = "3.11.0";

/// What to write: what the file has where it is newer, else our own. Real sops refuses a file without one.
pub(super) fn to_write(found: Option<&str>) -> &str {
    match found.and_then(|text| Some((text, parse(text)?))) {
        Some((text, version)) if Some(version) > parse(WRITTEN) => text,
        _ => WRITTEN,
    }
}

fn parse(text: &str) -> Option<[u32; 3]> {
    let core = text.split(['-', '+']).next()?;
    let mut numbers = core.split('.').map(|part| part.parse().ok());
    let version = [numbers.next()??, numbers.next()??, numbers.next()??];
    numbers.next().is_none().then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_version_stays_and_all_else_becomes_ours() {
        assert_eq!(to_write(Some("3.13.3")), "3.13.3");
        assert_eq!(to_write(Some("3.20.0-rc.1")), "3.20.0-rc.1");
        for other in [None, Some(""), Some("garbage"), Some("3.9.1"), Some("3.11"), Some("3.11.0"), Some("9.9.9.9")] {
            assert_eq!(to_write(other), WRITTEN);
        }
    }
}
