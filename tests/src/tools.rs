//! The real programs the tests run, as `tests/setup` installed them.

use std::path::{Path, PathBuf};

/// Root of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests member lies in the workspace")
}

/// Path of an installed program, such as `bao`, `vault-core`, `weed`, `age` or `age-keygen`.
///
/// Looked up in the variable `TOOL_<NAME>` (upper case, `-` as `_`), then in `$TOOLS_DIR/bin`, then in `.tools/bin`.
///
/// # Panics
/// Where the program is missing: a test that cannot run has failed.
pub fn program(name: &str) -> PathBuf {
    let variable = format!("TOOL_{}", name.to_uppercase().replace('-', "_"));
    if let Some(path) = std::env::var_os(&variable) {
        return PathBuf::from(path);
    }
    let folder = std::env::var_os("TOOLS_DIR").map_or_else(|| workspace().join(".tools"), PathBuf::from);
    let path = folder.join("bin").join(name);
    assert!(path.exists(), "{} is missing: run tests/setup", path.display());
    path
}
