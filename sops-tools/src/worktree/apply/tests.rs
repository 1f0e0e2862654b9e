use std::collections::BTreeMap;
use std::io;
use std::sync::Mutex;

use proptest::prelude::*;

use super::*;

/// Folders of files, with what would be left after a power cut.
///
/// Contents are synchronised when they are written; a name lasts once its folder is synchronised, and of the names changed since then
/// any first part may last.
#[derive(Default)]
struct Memory(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    folders: BTreeMap<PathBuf, Folder>,
    /// Steps until the process is gone; `None` for no end.
    left: Option<usize>,
    /// No more than this may be written.
    room: Option<usize>,
}

#[derive(Default)]
struct Folder {
    lasting: BTreeMap<PathBuf, Vec<u8>>,
    since: Vec<Change>,
}

#[derive(Clone)]
enum Change {
    Create(PathBuf, Vec<u8>),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

impl Folder {
    fn now(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        self.after(self.since.len())
    }

    fn after(&self, changes: usize) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = self.lasting.clone();
        for change in &self.since[..changes] {
            match change.clone() {
                Change::Create(path, bytes) => drop(files.insert(path, bytes)),
                Change::Rename(from, to) => {
                    if let Some(bytes) = files.remove(&from) {
                        files.insert(to, bytes);
                    }
                }
                Change::Remove(path) => drop(files.remove(&path)),
            }
        }
        files
    }
}

fn gone(path: &Path) -> FileError {
    FileError::of("reach", path, &io::Error::other("the process is gone"))
}

impl Memory {
    fn new(files: &[(PathBuf, Vec<u8>)]) -> Self {
        let memory = Self::default();
        {
            let mut inner = memory.0.lock().unwrap();
            for (path, bytes) in files {
                let folder = inner.folders.entry(path.parent().unwrap().to_owned()).or_default();
                folder.lasting.insert(path.clone(), bytes.clone());
            }
        }
        memory
    }

    fn step<T>(
        &self,
        path: &Path,
        work: impl FnOnce(&mut Folder, bool) -> Result<T, FileError>,
    ) -> Result<T, FileError> {
        let mut inner = self.0.lock().unwrap();
        let is_last = match &mut inner.left {
            Some(0) => return Err(gone(path)),
            Some(left) => {
                *left -= 1;
                *left == 0
            }
            None => false,
        };
        let folder = inner.folders.entry(path.parent().unwrap().to_owned()).or_default();
        work(folder, is_last)
    }

    fn live_for(&self, steps: Option<usize>) {
        self.0.lock().unwrap().left = steps;
    }

    /// A power cut: of what was not synchronised, a first part lasts.
    fn crash(&self, lasting: &[usize]) {
        let mut inner = self.0.lock().unwrap();
        let mut lasting = lasting.iter().cycle();
        for folder in inner.folders.values_mut() {
            let some = lasting.next().unwrap() % (folder.since.len() + 1);
            folder.lasting = folder.after(some);
            folder.since.clear();
        }
    }

    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        self.0.lock().unwrap().folders.values().flat_map(Folder::now).collect()
    }
}

impl Disk for Memory {
    fn alone_in(&self, _: &Path) -> Result<Option<std::fs::File>, FileError> {
        Ok(None)
    }

    fn read(&self, path: &Path, limit: usize) -> Result<Option<Vec<u8>>, FileError> {
        let inner = self.0.lock().unwrap();
        if inner.left == Some(0) {
            return Err(gone(path));
        }
        let content = inner.folders.get(path.parent().unwrap()).and_then(|folder| folder.now().remove(path));
        match content {
            Some(bytes) if bytes.len() > limit => Err(FileError::too_large(path, limit)),
            other => Ok(other),
        }
    }

    fn create(&self, path: &Path, bytes: &[u8], _: Option<&Path>) -> Result<(), FileError> {
        {
            let mut inner = self.0.lock().unwrap();
            if inner.room.is_some_and(|room| room < bytes.len()) {
                return Err(FileError::of("write", path, &io::ErrorKind::StorageFull.into()));
            }
            inner.room = inner.room.map(|room| room - bytes.len());
        }
        self.step(path, |folder, is_last| {
            assert!(!folder.now().contains_key(path), "{} is there", path.display());
            // The last step of a life is cut off within.
            let written = if is_last { &bytes[..bytes.len() / 2] } else { bytes };
            folder.since.push(Change::Create(path.to_owned(), written.to_vec()));
            if is_last { Err(gone(path)) } else { Ok(()) }
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), FileError> {
        assert_eq!(from.parent(), to.parent(), "within a folder");
        self.step(from, |folder, _| {
            assert!(folder.now().contains_key(from), "{} is not there", from.display());
            folder.since.push(Change::Rename(from.to_owned(), to.to_owned()));
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> Result<(), FileError> {
        self.step(path, |folder, _| {
            folder.since.push(Change::Remove(path.to_owned()));
            Ok(())
        })
    }

    fn sync_folder(&self, path: &Path) -> Result<(), FileError> {
        self.step(&path.join("x"), |folder, _| {
            folder.lasting = folder.now();
            folder.since.clear();
            Ok(())
        })
    }
}

const ROOT: &str = "/tree";
const STATE: &str = "/tree/.git/sops-tools";

struct Case {
    memory: Memory,
    old: BTreeMap<PathBuf, Vec<u8>>,
    new: BTreeMap<PathBuf, Vec<u8>>,
    journal: Journal,
    contents: Vec<u8>,
}

fn case(count: usize) -> Case {
    let paths: Vec<PathBuf> = (0..count).map(|index| format!("{}/f{index}", index % 2).into()).collect();
    let (old, new) =
        (|path: &Path| format!("old {path:?}").into_bytes(), |path: &Path| format!("new {path:?}!").into_bytes());
    let at = |content: &dyn Fn(&Path) -> Vec<u8>| -> BTreeMap<PathBuf, Vec<u8>> {
        paths.iter().map(|path| (Path::new(ROOT).join(path), content(path))).collect()
    };
    let (olds, news) = (at(&old), at(&new));
    let contents: Vec<(Vec<u8>, Vec<u8>)> = paths.iter().map(|path| (old(path), new(path))).collect();
    let changes =
        paths.iter().zip(&contents).map(|(path, (old, new))| (path.as_path(), old.as_slice(), new.as_slice()));
    let (journal, contents) = Journal::new("id".into(), "rotate".into(), "now".into(), changes);
    let memory = Memory::new(&olds.clone().into_iter().collect::<Vec<_>>());
    Case { memory, old: olds, new: news, journal, contents }
}

impl Case {
    fn ground(&self) -> Ground<'_> {
        Ground { disk: &self.memory, root: Path::new(ROOT), state: Path::new(STATE) }
    }

    /// Each file is whole, old or new.
    fn assert_whole(&self) {
        let files = self.memory.files();
        for (path, old) in &self.old {
            let content = files.get(path).unwrap_or_else(|| panic!("{} is gone", path.display()));
            assert!(content == old || content == &self.new[path], "{} is neither", path.display());
        }
    }

    /// Lets the next run settle what is left; how many steps it took is not known beforehand.
    fn recover(&self, undo: bool) -> Result<(), ApplyError> {
        let Some(left) = unfinished(self.ground())? else { return Ok(()) };
        settle(self.ground(), left, undo, &[]).map(drop)
    }
}

#[test]
fn a_change_without_a_crash_leaves_the_new_files_and_nothing_else() {
    let case = case(5);
    apply(case.ground(), &case.journal, &case.contents).unwrap();
    assert_eq!(case.memory.files(), case.new);
}

#[test]
fn a_full_disk_changes_nothing_and_leaves_nothing() {
    let whole = case(4);
    let needed = whole.journal.to_text().len() + whole.contents.len() * 2;
    for room in (0..needed).step_by(7) {
        let case = case(4);
        case.memory.0.lock().unwrap().room = Some(room);
        match apply(case.ground(), &case.journal, &case.contents) {
            Ok(()) => assert_eq!(case.memory.files(), case.new),
            Err(ApplyError::Nothing(error)) => {
                assert_eq!(error.kind(), FileErrorKind::NoSpace);
                assert_eq!(case.memory.files(), case.old, "room for {room}");
            }
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn a_file_that_changed_meanwhile_stops_everything() {
    let case = case(3);
    let path = Path::new(ROOT).join("0/f0");
    case.memory.remove(&path).unwrap();
    case.memory.create(&path, b"theirs", None).unwrap();
    let error = apply(case.ground(), &case.journal, &case.contents).unwrap_err();
    assert!(matches!(&error, ApplyError::ChangedMeanwhile(paths) if paths == &[PathBuf::from("0/f0")]), "{error}");
    let mut expected = case.old.clone();
    expected.insert(path, b"theirs".to_vec());
    assert_eq!(case.memory.files(), expected);
}

/// Runs until it is cut off after `steps`; whether it had ended before.
fn cut_off(case: &Case, steps: usize) -> bool {
    case.memory.live_for(Some(steps));
    let ended = apply(case.ground(), &case.journal, &case.contents).is_ok();
    case.memory.live_for(None);
    ended
}

/// Steps of a whole change of so many files.
fn all_steps(count: usize) -> usize {
    (1..10_000).find(|&steps| cut_off(&case(count), steps)).unwrap()
}

#[test]
fn what_somebody_else_changed_after_a_crash_is_kept_and_stops_the_next_run() {
    for steps in 1..all_steps(4) {
        let case = case(4);
        cut_off(&case, steps);
        let Ok(Some(Unfinished::Begun(..))) = unfinished(case.ground()) else { continue };
        let path = Path::new(ROOT).join("1/f1");
        case.memory.remove(&path).unwrap();
        case.memory.create(&path, b"theirs", None).unwrap();
        let before = case.memory.files();
        for undo in [false, true] {
            let error = case.recover(undo).unwrap_err();
            assert!(matches!(&error, ApplyError::Conflicts(paths) if paths == &[PathBuf::from("1/f1")]), "{error}");
            assert_eq!(case.memory.files(), before, "nothing more was done");
        }
        let left = unfinished(case.ground()).unwrap().unwrap();
        let settled = settle(case.ground(), left, false, &["1/f1".into()]).unwrap();
        assert_eq!(settled.kept, [PathBuf::from("1/f1")]);
        let mut expected = case.new.clone();
        expected.insert(path, b"theirs".to_vec());
        assert_eq!(case.memory.files(), expected);
    }
}

/// Somebody who writes a file at the moment from which the change is made.
struct Meddled<'a>(&'a Memory, PathBuf);

impl Disk for Meddled<'_> {
    fn alone_in(&self, folder: &Path) -> Result<Option<std::fs::File>, FileError> {
        self.0.alone_in(folder)
    }

    fn read(&self, path: &Path, limit: usize) -> Result<Option<Vec<u8>>, FileError> {
        self.0.read(path, limit)
    }

    fn create(&self, path: &Path, bytes: &[u8], like: Option<&Path>) -> Result<(), FileError> {
        self.0.create(path, bytes, like)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), FileError> {
        self.0.rename(from, to)?;
        if to.ends_with(FORWARD) {
            self.0.remove(&self.1)?;
            self.0.create(&self.1, b"theirs", None)?;
        }
        Ok(())
    }

    fn remove(&self, path: &Path) -> Result<(), FileError> {
        self.0.remove(path)
    }

    fn sync_folder(&self, folder: &Path) -> Result<(), FileError> {
        self.0.sync_folder(folder)
    }
}

#[test]
fn what_somebody_writes_at_the_last_moment_is_not_replaced() {
    let case = case(3);
    let path = Path::new(ROOT).join("1/f1");
    let disk = Meddled(&case.memory, path.clone());
    let error = apply(Ground { disk: &disk, ..case.ground() }, &case.journal, &case.contents).unwrap_err();
    assert!(matches!(&error, ApplyError::Conflicts(paths) if paths == &[PathBuf::from("1/f1")]), "{error}");
    assert_eq!(case.memory.files()[&path], b"theirs");
    assert!(matches!(case.recover(true), Err(ApplyError::Conflicts(_))));
    assert_eq!(case.memory.files()[&path], b"theirs");
}

#[test]
fn new_files_that_were_cleared_away_are_laid_out_again() {
    for steps in 1..all_steps(4) {
        for undo in [false, true] {
            let case = case(4);
            cut_off(&case, steps);
            let Ok(Some(Unfinished::Begun(..))) = unfinished(case.ground()) else { continue };
            for entry in &case.journal.files {
                case.memory.remove(&Path::new(ROOT).join(&entry.temporary)).unwrap();
            }
            case.recover(undo).unwrap();
            assert_eq!(case.memory.files(), if undo { case.old.clone() } else { case.new.clone() });
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn a_crash_at_any_step_leaves_every_file_old_or_new_and_the_next_runs_end_it(
        count in 1_usize..5,
        steps in 1_usize..80,
        lasting in prop::collection::vec(0_usize..1000, 8),
        power_cut in any::<bool>(),
        later in prop::collection::vec((1_usize..30, any::<bool>(), any::<bool>()), 0..4),
        undo_at_last in any::<bool>(),
    ) {
        let case = case(count);
        cut_off(&case, steps);
        if power_cut {
            case.memory.crash(&lasting);
        }
        case.assert_whole();
        let mut undone = false;
        for (steps, undo, power_cut) in later {
            let had_begun = matches!(unfinished(case.ground()), Ok(Some(Unfinished::Begun(..))));
            case.memory.live_for(Some(steps));
            let _ = case.recover(undo);
            case.memory.live_for(None);
            if power_cut {
                case.memory.crash(&lasting);
            }
            case.assert_whole();
            undone |= undo && had_begun;
        }
        let last = unfinished(case.ground()).unwrap();
        let is_back = matches!(last, Some(Unfinished::Begun(Direction::Back, _)));
        let had_begun = matches!(last, Some(Unfinished::Begun(..)));
        case.recover(undo_at_last).unwrap();
        let files = case.memory.files();
        prop_assert!(files == case.old || files == case.new, "all or nothing, and nothing lies around: {:?}", files.keys());
        if is_back || (undo_at_last && had_begun) {
            prop_assert_eq!(&files, &case.old);
        }
        if files == case.old && files != case.new {
            // Never back without being asked, once it had begun.
            prop_assert!(undone || undo_at_last || !had_begun);
        }
        prop_assert!(unfinished(case.ground()).unwrap().is_none());
    }
}
