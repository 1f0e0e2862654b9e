//! The files of `deploy/`, read as a person's tools would read them.

use std::path::{Path, PathBuf};

use harness::tools::workspace;
use serde_json::Value;

/// Path of something in `deploy/`.
pub(super) fn path(name: &str) -> PathBuf {
    workspace().join("deploy").join(name)
}

/// Text of a file in `deploy/`.
pub(super) fn text(name: &str) -> String {
    read(&path(name))
}

/// Every file below `deploy/` with its text, except the image's own sources.
pub(super) fn texts() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    walk(&path(""), &mut files);
    files.sort();
    files.into_iter().map(|file| (file.clone(), read(&file))).collect()
}

/// Every YAML file with its documents.
pub(super) fn yaml_files() -> Vec<(PathBuf, Vec<Value>)> {
    let texts = texts().into_iter().filter(|(file, _)| file.extension().is_some_and(|end| end == "yaml"));
    texts.map(|(file, text)| (file.clone(), parse(&file, &text))).collect()
}

/// Documents of one YAML file in `deploy/`.
pub(super) fn yaml(name: &str) -> Vec<Value> {
    parse(&path(name), &text(name))
}

/// The only document of one YAML file in `deploy/`.
pub(super) fn one(name: &str) -> Value {
    let mut documents = yaml(name);
    assert_eq!(documents.len(), 1, "documents in {name}");
    documents.remove(0)
}

fn parse(file: &Path, text: &str) -> Vec<Value> {
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    assert!(documents.iter().all(Value::is_object), "{}: every document is a map", file.display());
    documents
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap_or_else(|error| panic!("{}: {error}", folder.display())).path();
        if path.is_dir() { walk(&path, files) } else { files.push(path) }
    }
}
