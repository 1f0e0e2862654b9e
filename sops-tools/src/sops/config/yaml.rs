//! The YAML of a configuration, read under limits.

use serde_json::Value;

/// Reads YAML under limits; anchors and aliases are customary here, for the names of keys. The error is where, never what.
pub(super) fn yaml(text: &[u8]) -> Result<Value, String> {
    let text = std::str::from_utf8(text).map_err(|_| "it is not UTF-8 text".to_owned())?;
    let options = serde_saphyr::options! {
        with_snippet: false,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        budget: serde_saphyr::budget! {
            max_events: 200_000,
            max_nodes: 100_000,
            max_depth: 48,
            max_aliases: 5_000,
            max_anchors: 1_000,
        },
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| match error.location() {
        Some(location) => format!("it is not readable YAML at line {}, column {}", location.line(), location.column()),
        None => "it is not readable YAML".to_owned(),
    })
}
