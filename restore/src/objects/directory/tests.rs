use super::*;
use crate::objects::MAX_SEGMENTS;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt as _, symlink};

fn fresh() -> (tempfile::TempDir, DirectoryStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = DirectoryStore::open_or_make(folder.path().join("store")).unwrap();
    (folder, store)
}

fn path(text: &str) -> ObjectPath {
    ObjectPath::new(text).unwrap()
}

#[tokio::test]
async fn what_is_created_is_read_back_and_listed() {
    let (_folder, store) = fresh();
    assert_eq!(store.create(&path("a/b/c"), b"one").await.unwrap(), Created::Stored);
    assert_eq!(store.create(&path("a/b/c"), b"one").await.unwrap(), Created::AlreadyOurs);
    assert_eq!(store.create(&path("a/b/c"), b"two").await.unwrap_err().kind, ErrorKind::Conflict);
    assert_eq!(store.get(&path("a/b/c"), 3).await.unwrap(), b"one");
    let entries = store.list("a/", 10).await.unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!((entries[0].path.as_str(), entries[0].size), ("a/b/c", 3));
    assert!(entries[0].modified.is_some());
}

#[tokio::test]
async fn files_are_private() {
    let (_folder, store) = fresh();
    store.create(&path("a/b"), b"x").await.unwrap();
    let mode = |name: &str| std::fs::metadata(store.root.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(""), mode("a"), mode("a/b")), (0o700, 0o700, 0o600));
}

#[tokio::test]
async fn a_missing_root_is_a_settings_fault_and_never_an_empty_store() {
    let (_folder, store) = fresh();
    std::fs::remove_dir(&*store.root).unwrap();
    assert_eq!(store.get(&path("a"), 9).await.unwrap_err().kind, ErrorKind::Settings);
    assert_eq!(store.list("", 9).await.unwrap_err().kind, ErrorKind::Settings);
    assert_eq!(store.create(&path("a"), b"").await.unwrap_err().kind, ErrorKind::Settings);
    assert_eq!(DirectoryStore::open(&*store.root).unwrap_err().kind, ErrorKind::Settings);
}

#[tokio::test]
async fn absent_objects_and_folders_are_absent() {
    let (_folder, store) = fresh();
    for name in ["x", "x/y/z"] {
        assert_eq!(store.get(&path(name), 9).await.unwrap_err().kind, ErrorKind::Absent);
    }
    assert_eq!(store.list("x/y/", 9).await.unwrap(), []);
}

#[tokio::test]
async fn limits_are_kept_exactly() {
    let (_folder, store) = fresh();
    store.create(&path("a"), b"1234").await.unwrap();
    store.create(&path("b"), b"1234").await.unwrap();
    assert_eq!(store.get(&path("a"), 3).await.unwrap_err().kind, ErrorKind::TooLarge);
    assert_eq!(store.get(&path("a"), 4).await.unwrap().len(), 4);
    assert_eq!(store.list("", 1).await.unwrap_err().kind, ErrorKind::TooLarge);
    assert_eq!(store.list("", 2).await.unwrap().len(), 2);
}

#[tokio::test]
async fn leftovers_of_a_crash_are_neither_listed_nor_in_the_way() {
    let (_folder, store) = fresh();
    store.create(&path("a/kept"), b"x").await.unwrap();
    let half = store.root.join("a").join(format!("{}0123", files::TEMPORARY));
    std::fs::File::create(&half).unwrap();
    let names: Vec<_> = store.list("", 9).await.unwrap().into_iter().map(|entry| entry.path).collect();
    assert_eq!(names, ["a/kept"]);
    assert_eq!(store.create(&path("a/new"), b"y").await.unwrap(), Created::Stored);
}

#[tokio::test]
async fn a_crash_after_linking_leaves_the_whole_object() {
    let (_folder, store) = fresh();
    store.create(&path("a"), b"whole").await.unwrap();
    // What a kill between link and unlink leaves: both names on one file.
    std::fs::hard_link(store.root.join("a"), store.root.join(format!("{}77", files::TEMPORARY))).unwrap();
    assert_eq!(store.create(&path("a"), b"whole").await.unwrap(), Created::AlreadyOurs);
    assert_eq!(store.list("", 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_write_leaves_no_temporary_file_behind() {
    let (_folder, store) = fresh();
    store.create(&path("a"), b"1").await.unwrap();
    store.create(&path("a"), b"2").await.unwrap_err();
    assert_eq!(std::fs::read_dir(&*store.root).unwrap().count(), 1);
}

#[tokio::test]
async fn symbolic_links_are_listed_but_never_followed() {
    let (folder, store) = fresh();
    let outside = folder.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::File::create(outside.join("secret")).unwrap();
    symlink(outside.join("secret"), store.root.join("file")).unwrap();
    symlink(&outside, store.root.join("folder")).unwrap();
    assert_eq!(store.get(&path("file"), 99).await.unwrap_err().kind, ErrorKind::Corrupt);
    assert_eq!(store.get(&path("folder/secret"), 99).await.unwrap_err().kind, ErrorKind::Corrupt);
    assert_eq!(store.create(&path("folder/new"), b"x").await.unwrap_err().kind, ErrorKind::Corrupt);
    assert!(!outside.join("new").exists());
    let names: Vec<_> = store.list("", 9).await.unwrap().into_iter().map(|entry| entry.path).collect();
    assert_eq!(names, ["file", "folder"]);
}

#[tokio::test]
async fn a_pipe_under_an_objects_name_is_no_object() {
    let (_folder, store) = fresh();
    rustix::fs::mknodat(rustix::fs::CWD, store.root.join("pipe"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    assert_eq!(store.get(&path("pipe"), 99).await.unwrap_err().kind, ErrorKind::Corrupt);
}

#[tokio::test]
async fn a_prefix_that_climbs_is_refused() {
    let (_folder, store) = fresh();
    assert_eq!(store.list("../", 9).await.unwrap_err().kind, ErrorKind::Settings);
}

#[tokio::test]
async fn foreign_names_are_shown_as_they_are() {
    let (_folder, store) = fresh();
    std::fs::File::create(store.root.join("two words\n")).unwrap();
    assert_eq!(store.list("", 9).await.unwrap()[0].path, "two words\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_sixteen_racing_creators_exactly_one_wins() {
    let (_folder, store) = fresh();
    for round in 0..20 {
        let name = path(&format!("race/{round}/object"));
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..16_u8 {
            let (store, name) = (store.clone(), name.clone());
            writers.spawn(async move { (writer, store.create(&name, &[writer; 100]).await) });
        }
        let results = writers.join_all().await;
        let winners: Vec<u8> = results.iter().filter(|(_, result)| result.is_ok()).map(|(writer, _)| *writer).collect();
        assert_eq!(winners.len(), 1, "round {round}: {winners:?}");
        let lost = results.iter().filter_map(|(_, result)| result.as_ref().err());
        assert!(lost.clone().all(|error| error.kind == ErrorKind::Conflict), "{:?}", lost.collect::<Vec<_>>());
        assert_eq!(store.get(&name, 100).await.unwrap(), [winners[0]; 100]);
    }
}

#[tokio::test]
async fn the_probe_finds_that_conditions_work() {
    let (_folder, store) = fresh();
    assert_eq!(store.probe().await.unwrap(), ProbeVerdict::ConditionsWork);
}

#[test]
fn a_full_disk_says_so_and_can_be_tried_again() {
    let (_folder, store) = fresh();
    let error = store.error("create", "a", &Fault::Io { step: "write", errno: Errno::NOSPC });
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.hint.contains("free space"), "{error:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Against a map: the first bytes under a name stay, a listing is every name with the prefix, sorted.
    #[test]
    fn the_directory_behaves_like_a_create_only_map(
        writes in prop::collection::vec(("[ab](/[ab]){0,2}/f[12]", 0_u8..4), 1..24),
        prefix in "([ab]/){0,2}f?",
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (_folder, store) = fresh();
            let mut model: BTreeMap<String, u8> = BTreeMap::new();
            for (name, byte) in writes {
                let result = store.create(&path(&name), &[byte]).await.map_err(|error| error.kind);
                let expected = match model.get(&name) {
                    None => Ok(Created::Stored),
                    Some(stored) if *stored == byte => Ok(Created::AlreadyOurs),
                    Some(_) => Err(ErrorKind::Conflict),
                };
                prop_assert_eq!(result, expected);
                model.entry(name).or_insert(byte);
            }
            for (name, byte) in &model {
                prop_assert_eq!(store.get(&path(name), 9).await.unwrap(), vec![*byte]);
            }
            let listed: Vec<_> = store.list(&prefix, 99).await.unwrap().into_iter().map(|entry| entry.path).collect();
            let expected: Vec<_> = model.keys().filter(|name| name.starts_with(&prefix)).cloned().collect();
            prop_assert_eq!(listed, expected);
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn a_folder_deeper_than_any_name_is_one_strange_name_and_hides_nothing() {
    let (_folder, store) = fresh();
    store.create(&path("a/b"), b"x").await.unwrap();
    let deepest = vec!["d"; MAX_SEGMENTS].join("/");
    store.create(&path(&deepest), b"y").await.unwrap();
    // As deep as the system's own limit on paths allows, in one go.
    std::fs::create_dir_all(store.root.join(vec!["e"; 1500].join("/"))).unwrap();
    let names: Vec<String> = store.list("", 100).await.unwrap().into_iter().map(|entry| entry.path).collect();
    assert_eq!(names, ["a/b".to_owned(), deepest, vec!["e"; MAX_SEGMENTS].join("/")]);
    assert_eq!(store.list("e/e/e/", 100).await.unwrap().len(), 1, "from further below, too");
}
