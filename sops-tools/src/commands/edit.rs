//! `edit`: the plain text in an editor, and what came of it sealed again.

use std::io::BufRead as _;
use std::path::Path;

use zeroize::Zeroizing;

use super::creation::{Wishes, creation};
use super::destination::{Told, not_written, written};
use super::encrypt::{recipe, seal};
use super::failure::file_failure;
use super::input::{self, INPUT_LIMIT, Place};
use super::open::Opening;
use super::site::Site;
use crate::files::{self, OWNER_ONLY, read_limited};
use crate::report::{Failure, SopsExit};
use crate::sops::file::FileError;
use crate::sops::formats::Format;
use crate::terminal;

mod editor;
mod example;
pub(crate) mod scratch;

use editor::Editor;
use scratch::Scratch;

/// The mode of a new sealed file, as a user's own files have it.
const NEW_MODE: u32 = 0o644;

/// Lets a person edit a file: an existing one keeps its recipients, a new one gets those of its rule.
///
/// # Errors
/// It was not opened, nothing was changed, or the result was not written; then the file is as it was.
pub(crate) fn run(opening: Opening, wishes: &Wishes, allow_disk: bool, site: &Site<'_>) -> Result<Told, Failure> {
    let Place::File(path) = opening.place.clone() else {
        return Err(Failure::sops(SopsExit::NoFile, "no-file", "standard input cannot be edited; name a file"));
    };
    let editor = Editor::choose(site.lookup)?;
    if path.symlink_metadata().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
        return edit_new(&path, opening.input, &editor, wishes, allow_disk, site);
    }
    // Before anybody writes a word that could not be kept.
    files::check_replaceable(&path).map_err(|error| not_written(&error))?;
    let opened = opening.read(SopsExit::NoFile)?.open(site)?;
    let shown = opened.input.place.shown();
    let plain = opened.file.to_plain().map_err(|error| file_failure(&shown, error))?;
    let session = Session { path: &path, editor: &editor, allow_disk, site };
    let sealed = session.edit(&plain, &|edited| opened.file.reseal(edited, site.clock.now(), site.entropy))?;
    let result = files::replace_unchanged(&path, &opened.input.bytes, &sealed);
    result.map(|()| Some(written(&path))).map_err(|error| kept_elsewhere(not_written(&error), &path, &sealed, site))
}

fn edit_new(
    path: &Path,
    format: Option<Format>,
    editor: &Editor,
    wishes: &Wishes,
    allow_disk: bool,
    site: &Site<'_>,
) -> Result<Told, Failure> {
    let format = input::format(format, Some(path));
    // Who may open it is settled before anybody writes a word.
    let recipe = recipe(creation(site, wishes, path)?);
    let session = Session { path, editor, allow_disk, site };
    let sealed = session.edit(example::of(format), &|edited| seal(format, edited, &recipe, site))?;
    files::create_new(path, &sealed, NEW_MODE)
        .map(|()| Some(written(path)))
        .map_err(|error| kept_elsewhere(not_written(&error), path, &sealed, site))
}

/// Keeps what a person wrote, encrypted, beside the file that cannot be written, or else in the folder for temporary files.
fn kept_elsewhere(failure: Failure, path: &Path, sealed: &[u8], site: &Site<'_>) -> Failure {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let ending = path.extension().map(|ending| format!(".{}", ending.to_string_lossy())).unwrap_or_default();
    let name = format!("{stem}.edited-{}{ending}", site.entropy.id().get(..8).unwrap_or_default());
    let temporary = site.variable("TMPDIR").map_or_else(|| "/tmp".into(), std::path::PathBuf::from);
    let kept = [path.with_file_name(&name), temporary.join(&name)]
        .into_iter()
        .find(|place| files::create_new(place, sealed, OWNER_ONLY).is_ok());
    match kept {
        Some(place) => failure.cause(format!("what you wrote is kept, encrypted, in {}", place.display())),
        None => failure.cause("what you wrote could not be kept anywhere and is lost"),
    }
}

/// One edit of one file.
struct Session<'a> {
    path: &'a Path,
    editor: &'a Editor,
    allow_disk: bool,
    site: &'a Site<'a>,
}

/// Seals what came out of the editor.
type Sealing<'a> = &'a dyn Fn(&[u8]) -> Result<Vec<u8>, FileError>;

impl Session<'_> {
    /// What is to be written: the edited text, sealed. The plain text is gone when this returns.
    fn edit(&self, plain: &[u8], sealing: Sealing<'_>) -> Result<Vec<u8>, Failure> {
        let scratch = Scratch::make(self.allow_disk, self.site.entropy, self.site.lookup)?;
        let result = self.edit_in(scratch.path(), plain, sealing);
        let removed = scratch.remove();
        // Plain text that is left somewhere is worse than whatever else went wrong.
        removed.and(result)
    }

    fn edit_in(&self, folder: &Path, plain: &[u8], sealing: Sealing<'_>) -> Result<Vec<u8>, Failure> {
        // Editors tell the kind of a file by its name.
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        let file = folder.join(name);
        let unusable = |error: files::FileError| {
            Failure::sops(SopsExit::Generic, "no-scratch", "the plain text cannot be kept for the editor").cause(error)
        };
        files::create_new(&file, plain, OWNER_ONLY).map_err(unusable)?;
        loop {
            self.editor.run(&file)?;
            let edited = Zeroizing::new(read_limited(&file, INPUT_LIMIT).map_err(unusable)?);
            if *edited == plain {
                return Err(Failure::sops(
                    SopsExit::Unchanged,
                    "unchanged",
                    "nothing was changed, so nothing was written",
                ));
            }
            match sealing(&edited) {
                Ok(sealed) => return Ok(sealed),
                Err(error) if can_be_mended(&error) => {
                    let failure = file_failure(&self.path.display().to_string(), error);
                    if !asks_again(&failure) {
                        return Err(failure);
                    }
                }
                Err(error) => return Err(file_failure(&self.path.display().to_string(), error)),
            }
        }
    }
}

/// Whether another look at the text can help.
fn can_be_mended(error: &FileError) -> bool {
    matches!(
        error,
        FileError::MalformedPlain(_)
            | FileError::Empty
            | FileError::AlreadyEncrypted
            | FileError::Unwritable(_)
            | FileError::ConfusingComment { .. }
    )
}

/// Tells what is wrong and waits for a line; without one, at the end of standard input, the edit is given up.
fn asks_again(failure: &Failure) -> bool {
    terminal::print_failure(failure, terminal::Output::Text);
    terminal::say("press Enter to go back to the editor, or Ctrl-C to give up what you wrote");
    std::io::stdin().lock().read_line(&mut String::new()).is_ok_and(|count| count > 0)
}
