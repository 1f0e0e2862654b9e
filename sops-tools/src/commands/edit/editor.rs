//! Which editor, and running it.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use crate::report::{Failure, SopsExit};
use crate::sops::sources::{AGE_KEY, Lookup};

/// Looked for in `PATH`, in this order, where no variable names an editor.
const USUAL: [&str; 3] = ["vim", "nano", "vi"];

/// Editors that write what was copied into a file of their own, and the flags that stop it.
const QUIET: [(&str, [&str; 2]); 3] = [("vim", ["-i", "NONE"]), ("nvim", ["-i", "NONE"]), ("gvim", ["-i", "NONE"])];

/// An editor and its arguments before the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Editor {
    words: Vec<String>,
}

impl Editor {
    /// `SOPS_EDITOR`, `EDITOR`, split into words as a shell would, then vim, nano, vi.
    ///
    /// # Errors
    /// Class `no-editor`: none is there, or the variable has an open quote.
    pub(super) fn choose(lookup: Lookup<'_>) -> Result<Self, Failure> {
        let none = |problem: &str| {
            Failure::sops(SopsExit::NoEditor, "no-editor", problem)
                .hint("name one: EDITOR='nano' or SOPS_EDITOR='code --wait'")
        };
        for name in ["SOPS_EDITOR", "EDITOR"] {
            if let Some(line) = lookup(name).filter(|line| !line.is_empty()) {
                let words = line.to_str().and_then(shlex::split).filter(|words| !words.is_empty());
                let words = words.ok_or_else(|| {
                    none(&format!("{name} is no command: it is empty, not UTF-8 or has an open quote"))
                })?;
                return Ok(Self { words }.quieted());
            }
        }
        let path = lookup("PATH").unwrap_or_default();
        let found = USUAL.into_iter().find(|name| is_in(&path, name));
        let name = found
            .ok_or_else(|| none("no editor: SOPS_EDITOR and EDITOR are not set, and vim, nano and vi are not there"))?;
        Ok(Self { words: vec![name.to_owned()] }.quieted())
    }

    fn quieted(mut self) -> Self {
        let name = self
            .words
            .first()
            .and_then(|word| Path::new(word).file_name())
            .map(|name| name.to_string_lossy().into_owned());
        if let Some((_, flags)) = QUIET.iter().find(|(editor, _)| name.as_deref() == Some(editor)) {
            self.words.extend(flags.iter().map(ToString::to_string));
        }
        self
    }

    /// Runs it on a file and waits for its end; what it keeps for itself goes into the file's folder.
    ///
    /// # Errors
    /// Class `editor-failed`: it cannot be started, or says that it failed.
    pub(super) fn run(&self, file: &Path) -> Result<(), Failure> {
        let failed = |cause: String| {
            Failure::sops(SopsExit::NoEditor, "editor-failed", "the editor failed; nothing was changed")
                .cause(cause)
                .hint("try another: EDITOR='nano'")
        };
        let (program, arguments) = self.words.split_first().ok_or_else(|| failed("it has no name".to_owned()))?;
        let mut command = Command::new(program);
        command.args(arguments).arg(file).env_remove(AGE_KEY);
        if let Some(folder) = file.parent() {
            command.env("TMPDIR", folder);
        }
        let status = command.status().map_err(|error| failed(format!("{program}: {error}")))?;
        if status.success() { Ok(()) } else { Err(failed(format!("{program}: {status}"))) }
    }
}

fn is_in(path: &OsString, name: &str) -> bool {
    let executable = |file: &Path| file.is_file() && rustix::fs::access(file, rustix::fs::Access::EXEC_OK).is_ok();
    std::env::split_paths(path).any(|folder| executable(&folder.join(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(variables: &[(&str, &str)]) -> Result<Vec<String>, &'static str> {
        let lookup = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        Editor::choose(&lookup).map(|editor| editor.words).map_err(|failure| failure.class)
    }

    #[test]
    fn variables_come_before_the_usual_editors() {
        assert_eq!(
            chosen(&[("SOPS_EDITOR", "code --wait 'a b'"), ("EDITOR", "nano")]).unwrap(),
            ["code", "--wait", "a b"]
        );
        assert_eq!(
            chosen(&[("SOPS_EDITOR", ""), ("EDITOR", "/usr/bin/vim -u NONE")]).unwrap(),
            ["/usr/bin/vim", "-u", "NONE", "-i", "NONE"]
        );
        assert_eq!(chosen(&[("EDITOR", "'open")]).unwrap_err(), "no-editor");
        assert_eq!(chosen(&[("PATH", "/no/such")]).unwrap_err(), "no-editor");
    }

    #[test]
    fn the_first_usual_editor_of_the_path_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        crate::files::create_new(&dir.path().join("vi"), b"#!/bin/sh\n", 0o755).unwrap();
        crate::files::create_new(&dir.path().join("nano"), b"#!/bin/sh\n", 0o644).unwrap();
        assert_eq!(chosen(&[("PATH", &dir.path().display().to_string())]).unwrap(), ["vi"]);
    }

    #[test]
    fn an_editor_that_fails_is_told() {
        let editor = |line: &str| Editor { words: shlex::split(line).unwrap() };
        assert_eq!(editor("false").run(Path::new("/tmp/x")).unwrap_err().class, "editor-failed");
        assert_eq!(editor("/no/such/editor").run(Path::new("/tmp/x")).unwrap_err().class, "editor-failed");
        assert!(editor("true").run(Path::new("/tmp/x")).is_ok());
    }
}
