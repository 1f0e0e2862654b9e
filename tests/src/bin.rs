//! The workspace's own programs.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The daemon and its commands: `$UNSEALER_BIN` where that is set, else built once.
pub fn unsealer() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| find("UNSEALER_BIN", "unsealer")).clone()
}

/// The custody tool: `$SOPS_TOOLS_BIN` where that is set, else built once.
pub fn sops_tools() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| find("SOPS_TOOLS_BIN", "sops-tools")).clone()
}

fn find(variable: &str, name: &str) -> PathBuf {
    if let Some(path) = std::env::var_os(variable) {
        let path = PathBuf::from(path);
        assert!(path.is_file(), "{variable} names {}, which is not there", path.display());
        return path;
    }
    // Cargo sets CARGO_BIN_EXE_… for the package's own programs alone, and builds no others for a test.
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--locked", "--workspace", "--bin", name])
        .current_dir(crate::tools::workspace())
        .stdin(Stdio::null())
        .status()
        .expect("cargo runs");
    assert!(built.success(), "building {name}: {built}");
    let own = std::env::current_exe().expect("path of the test program");
    let profile = own.ancestors().nth(2).expect("tests lie in target/PROFILE/deps");
    profile.join(name)
}
