use super::*;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn put(path: &Path, bytes: &[u8]) {
    replace(path, bytes, OWNER_ONLY).unwrap();
}

fn names(path: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_secret_file_is_read_up_to_its_limit_and_not_beyond() {
    let dir = folder();
    let path = dir.path().join("key");
    put(&path, &[9; 100]);
    assert_eq!(*read_secret(&path, 100).unwrap(), [9; 100]);
    let error = read_secret(&path, 99).unwrap_err();
    assert_eq!(error.kind(), FileErrorKind::TooLarge);
    assert_eq!(error.to_string(), format!("cannot read {}: it is larger than 99 bytes", path.display()));
    put(&path, b"");
    assert!(read_secret(&path, 1).unwrap().is_empty());
}

#[test]
fn a_file_without_a_size_is_read_and_limited_too() {
    assert!(!read_limited(Path::new("/proc/self/status"), 1 << 16).unwrap().is_empty());
    let error = read_limited(Path::new("/proc/self/status"), 10).unwrap_err();
    assert_eq!(error.kind(), FileErrorKind::TooLarge);
    assert_eq!(read_limited(Path::new("/dev/zero"), 1000).unwrap_err().kind(), FileErrorKind::TooLarge);
}

#[test]
fn a_missing_file_is_absent_and_named() {
    let error = read_secret(Path::new("/nowhere/key"), 10).unwrap_err();
    assert_eq!((error.kind(), error.path()), (FileErrorKind::Absent, Path::new("/nowhere/key")));
}

#[test]
fn create_new_makes_the_file_with_its_mode_and_leaves_nothing_else() {
    let dir = folder();
    let path = dir.path().join("store.key");
    create_new(&path, b"one", 0o640).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o640);
    assert_eq!(names(dir.path()), ["store.key"]);
}

#[test]
fn create_new_never_touches_what_exists() {
    let dir = folder();
    let path = dir.path().join("store.key");
    create_new(&path, b"one", OWNER_ONLY).unwrap();
    assert_eq!(create_new(&path, b"two", OWNER_ONLY).unwrap_err().kind(), FileErrorKind::Exists);
    let dangling = dir.path().join("link");
    std::os::unix::fs::symlink("/nowhere", &dangling).unwrap();
    assert_eq!(create_new(&dangling, b"two", OWNER_ONLY).unwrap_err().kind(), FileErrorKind::Exists);
    assert_eq!(*read_secret(&path, 10).unwrap(), *b"one");
    assert_eq!(names(dir.path()), ["link", "store.key"]);
}

#[test]
fn replace_swaps_the_content_and_sets_the_mode() {
    let dir = folder();
    let path = dir.path().join("settings");
    put(&path, b"one");
    replace(&path, b"two", 0o644).unwrap();
    assert_eq!(read_limited(&path, 10).unwrap(), b"two");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o644);
    assert_eq!(names(dir.path()), ["settings"]);
}

#[test]
fn a_failed_write_leaves_no_file_behind() {
    let dir = folder();
    let error = create_new(&dir.path().join("none/key"), b"x", OWNER_ONLY).unwrap_err();
    assert_eq!(error.kind(), FileErrorKind::Absent);
    std::fs::create_dir(dir.path().join("taken")).unwrap();
    assert!(replace(&dir.path().join("taken"), b"x", OWNER_ONLY).is_err());
    assert_eq!(names(dir.path()), ["taken"]);
}

#[test]
fn a_full_disk_is_told_apart() {
    let error = FileError::of("write", Path::new("/x"), &io::Error::from_raw_os_error(28));
    assert_eq!(error.kind(), FileErrorKind::NoSpace);
}

#[test]
fn a_stamp_sees_content_and_not_touches() {
    let dir = folder();
    let path = dir.path().join("key");
    let mut stamp = FileStamp::take(&path);
    assert!(!stamp.changed());
    put(&path, b"one");
    assert!(stamp.changed(), "it appeared");
    put(&path, b"one");
    assert!(!stamp.changed(), "another inode with the same content");
    put(&path, b"two");
    assert!(stamp.changed());
    assert!(!stamp.changed());
    remove(&path).unwrap();
    assert!(stamp.changed(), "it vanished");
}

#[test]
fn a_stamp_follows_the_swapped_link_of_a_mounted_secret() {
    let dir = folder();
    for (version, content) in [("..v1", b"one"), ("..v2", b"two")] {
        create_directory(&dir.path().join(version), 0o700).unwrap();
        put(&dir.path().join(version).join("unseal.agekey"), content);
    }
    std::os::unix::fs::symlink("..v1", dir.path().join("..data")).unwrap();
    std::os::unix::fs::symlink("..data/unseal.agekey", dir.path().join("unseal.agekey")).unwrap();
    let mut file = FileStamp::take(&dir.path().join("unseal.agekey"));
    let mut whole = FileStamp::take(dir.path());
    std::os::unix::fs::symlink("..v2", dir.path().join("..new")).unwrap();
    std::fs::rename(dir.path().join("..new"), dir.path().join("..data")).unwrap();
    assert!(file.changed());
    assert!(whole.changed());
    assert!(!whole.changed());
}

#[test]
fn a_file_is_replaced_with_its_mode_where_it_is_what_was_read() {
    let dir = folder();
    let path = dir.path().join("file");
    replace(&path, b"old", 0o640).unwrap();
    let link = dir.path().join("link");
    std::os::unix::fs::symlink("file", &link).unwrap();
    replace_unchanged(&link, b"old", b"new and longer").unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"new and longer");
    assert_eq!(path.metadata().unwrap().mode() & 0o7777, 0o640);
    assert!(link.symlink_metadata().unwrap().is_symlink(), "the link stays a link");
    assert_eq!(names(dir.path()), ["file", "link"]);
}

#[test]
fn what_somebody_else_wrote_meanwhile_is_kept() {
    let dir = folder();
    let path = dir.path().join("file");
    for theirs in [&b"theirs"[..], b"ol", b"", b"OLD"] {
        put(&path, theirs);
        let error = replace_unchanged(&path, b"old", b"new").unwrap_err();
        assert_eq!(error.kind(), FileErrorKind::Changed);
        assert_eq!(std::fs::read(&path).unwrap(), theirs);
    }
    assert_eq!(names(dir.path()), ["file"], "nothing is left behind");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(replace_unchanged(&path, b"old", b"new").unwrap_err().kind(), FileErrorKind::Absent);
}

#[test]
fn a_file_that_is_marked_read_only_stays_even_for_root() {
    let dir = folder();
    let path = dir.path().join("file");
    replace(&path, b"old", 0o444).unwrap();
    assert_eq!(replace_unchanged(&path, b"old", b"new").unwrap_err().kind(), FileErrorKind::Denied);
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
}

#[test]
fn of_two_that_replace_one_file_at_once_one_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f");
    for round in 0..50_u32 {
        let before = round.to_le_bytes();
        replace(&path, &before, 0o600).unwrap();
        let writers: Vec<_> = (0..4_u8)
            .map(|writer| {
                let path = path.clone();
                std::thread::spawn(move || replace_unchanged(&path, &before, &[writer; 64]).map(|()| writer))
            })
            .collect();
        let done: Vec<u8> = writers.into_iter().filter_map(|writer| writer.join().unwrap().ok()).collect();
        assert_eq!(done.len(), 1, "round {round}: {done:?} were told that they wrote it");
        assert_eq!(std::fs::read(&path).unwrap(), [done[0]; 64]);
    }
}
