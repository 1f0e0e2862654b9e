//! What a removed recipient still knows.

use std::convert::Infallible;

use crate::sops::file::OpenFile;
use crate::sops::walk::{Found, walk};

/// The keys of every encrypted value, joined with dots: what whoever was removed has been able to read.
pub(crate) fn values_to_change(file: &OpenFile) -> Vec<String> {
    let mut paths = Vec::new();
    let done: Result<(), Infallible> = walk(file.tree(), file.rule(), |place| {
        let path = place.path.display();
        if place.is_encrypted && matches!(place.found, Found::Leaf(_)) && paths.last() != Some(&path) {
            paths.push(path);
        }
        Ok(())
    });
    let Ok(()) = done;
    paths
}

/// The same for a person.
pub(crate) fn told(values: &[String]) -> String {
    let lines = values.iter().map(|path| format!("\n  {path}"));
    let head = "who was removed knows these values as they were, and every old version in Git; change them where they are used, then here:";
    [head.to_owned()].into_iter().chain(lines).collect()
}
