use super::*;
use crate::clock::{Clock as _, System, Timestamp};
use crate::custody::Identities;
use crate::sops::cipher::Fault;
use crate::sops::mac::Scope;
use crate::sops::metadata::KeyKind;
use crate::sops::rules::RuleField;
use crate::sops::shamir::ShamirError;
use crate::sops::tree::{Node, Value};

const PLAIN: &str = "\
# a Secret of the cluster
apiVersion: v1
kind: Secret
stringData:
    # who may ask
    PASSWORD: hunter2
    port: 5432   # inline
    ratio: 0.5
    on: true
    when: 2024-05-06T01:02:03Z
    nothing: null
    empty: \"\"
    zeros: '0644'
    list:
        - one
        # between
        - two
        - k: v
    text: |
        two
        lines
    open_unencrypted: seen
";

struct Bench {
    ours: Identities,
    sealed: Vec<u8>,
}

fn keys(identities: &[&Identities]) -> Vec<KeyId> {
    identities.iter().flat_map(|one| one.to_recipients()).map(KeyId::age).collect()
}

fn wanted(identities: &[&Identities]) -> Keys {
    Keys { groups: vec![keys(identities)], threshold: None }
}

fn guard(keyring: &Identities) -> Guard<'_> {
    Guard { keyring, recovery: &[] }
}

fn sealed_with(format: Format, plain: &str, recipe: impl FnOnce(Recipe) -> Recipe) -> Bench {
    let ours = Identities::generate();
    let recipe = recipe(Recipe::to(vec![keys(&[&ours])]));
    let sealed =
        encrypt(format, plain.as_bytes(), &recipe, System.now(), &System).unwrap_or_else(|error| panic!("{error}"));
    Bench { ours, sealed }
}

fn sealed(plain: &str) -> Bench {
    sealed_with(Format::Yaml, plain, |recipe| recipe)
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

impl Bench {
    fn open_bytes(&self, bytes: &[u8]) -> Result<OpenFile, FileError> {
        SopsFile::parse(Format::Yaml, bytes)?.unlock(&self.ours)?.verified()
    }

    fn open(&self) -> OpenFile {
        self.open_bytes(&self.sealed).unwrap_or_else(|error| panic!("{error}"))
    }

    /// What is said about the file with `from` replaced once.
    fn changed(&self, from: &str, to: &str) -> FileError {
        let text = text(&self.sealed);
        assert!(text.contains(from), "{from}");
        self.open_bytes(text.replacen(from, to, 1).as_bytes())
            .err()
            .unwrap_or_else(|| panic!("{from} → {to} was accepted"))
    }

    /// The line of the sealed file that starts with `key`.
    fn line(&self, key: &str) -> String {
        text(&self.sealed).lines().find(|line| line.trim_start().starts_with(key)).unwrap().to_owned()
    }
}

fn plain_of(file: &OpenFile) -> String {
    text(&file.to_plain().unwrap()).to_owned()
}

#[test]
fn a_file_comes_back_as_it_was() {
    let bench = sealed(PLAIN);
    let sealed = text(&bench.sealed);
    assert!(
        !sealed.contains("hunter2") && !sealed.contains("who may ask") && !sealed.contains("    two\n"),
        "{sealed}"
    );
    assert!(sealed.contains("    open_unencrypted: seen\n") && sealed.contains("    empty: \"\"\n"), "{sealed}");
    assert!(
        sealed.contains("\n    mac: ENC[AES256_GCM,data:") && sealed.contains("\n    version: 3.11.0\n"),
        "{sealed}"
    );
    let back = plain_of(&bench.open());
    // How a sealed text was quoted is not known any more; all else keeps its spelling.
    let expected = PLAIN.replace("    text: |\n        two\n        lines\n", "").replace("'0644'", "\"0644\"");
    let without_text: String = back
        .split_inclusive('\n')
        .filter(|line| !["text:", "two", "lines"].iter().any(|word| line.trim_start().starts_with(word)))
        .collect();
    assert_eq!(without_text, expected);
}

#[test]
fn json_too() {
    let plain = "{\n\t\"a\": \"b\",\n\t\"n\": [1, 2.5, true, null, {}]\n}\n";
    let bench = sealed_with(Format::Json, plain, |recipe| recipe);
    assert!(text(&bench.sealed).contains("\"mac\": \"ENC["), "{}", text(&bench.sealed));
    let file = SopsFile::parse(Format::Json, &bench.sealed)
        .unwrap()
        .unlock(&bench.ours)
        .ok()
        .unwrap()
        .verified()
        .ok()
        .unwrap();
    assert_eq!(plain_of(&file), plain);
}

#[test]
fn every_document_has_the_block_and_the_mac_covers_all() {
    let bench = sealed("a: 1\n---\nb: two\n");
    assert_eq!(text(&bench.sealed).matches("\nsops:").count(), 2);
    assert_eq!(plain_of(&bench.open()), "a: 1\n---\nb: two\n");
    let file = SopsFile::parse(Format::Yaml, &bench.sealed).unwrap();
    assert!(file.documents_with_other_blocks().is_empty());
    let (first, second) = text(&bench.sealed).split_once("\n---\n").unwrap();
    assert!(matches!(bench.open_bytes(first.as_bytes()), Err(FileError::Mac(MacFault::Mismatch))));
    let without = format!("{first}\n---\n{}", second.split_once("sops:").unwrap().0);
    let file = SopsFile::parse(Format::Yaml, without.as_bytes()).unwrap();
    assert_eq!(file.documents_with_other_blocks(), [2]);
}

#[test]
fn verdicts_come_in_the_order_of_sops() {
    let bench = sealed(PLAIN);
    let port = bench.line("port:");
    let exit = |error: &FileError| error.exit().code();
    let code = |from: &str, to: &str| exit(&bench.changed(&port, &port.replace(from, to)));
    assert_eq!(exit(&bench.changed(&port, "    port: 5432")), 25);
    assert_eq!(code("type:int]", "type:int]x"), 25);
    assert_eq!(code("type:int]", "type:bool]"), 25);
    assert_eq!(code("type:int]", "type:comment]"), 51);
    assert_eq!(exit(&bench.changed("seen", "SEEN")), 51);
    assert_eq!(exit(&bench.changed("sops:\n", "sop:\n")), 1);
    let stranger = SopsFile::parse(Format::Yaml, &bench.sealed).unwrap().unlock(&Identities::generate()).err().unwrap();
    assert_eq!(exit(&stranger), 128);
}

#[test]
fn nothing_hides_a_change() {
    let bench = sealed(PLAIN);
    let mismatch =
        |from: &str, to: &str| assert!(matches!(bench.changed(from, to), FileError::Mac(MacFault::Mismatch)), "{from}");
    mismatch("open_unencrypted: seen", "open_unencrypted: sEen");
    mismatch("    open_unencrypted: seen\n", "");
    mismatch("    open_unencrypted: seen\n", "    open_unencrypted: seen\n    more_unencrypted: x\n");
    let (one, two) = (bench.line("- ENC"), bench.line("PASSWORD:"));
    assert!(matches!(
        bench.changed(&two, &two.replace("PASSWORD:", "PASSWORE:")),
        FileError::Value { fault: Fault::NotAuthentic, line: 6, .. }
    ));
    mismatch(&format!("{one}\n"), "");
    assert!(matches!(bench.changed("    mac: ENC", "    mad: ENC"), FileError::Mac(MacFault::Missing)));
    let last = bench.line("lastmodified:");
    assert!(matches!(
        bench.changed(&last, "    lastmodified: \"2020-01-01T00:00:00Z\""),
        FileError::Mac(MacFault::NotOpened(_))
    ));
    assert!(matches!(bench.changed(&last, "    lastmodified: never"), FileError::NoTime));
    assert!(matches!(
        bench.changed("unencrypted_suffix: _unencrypted", "encrypted_suffix: PASSWORD"),
        FileError::Mac(_)
    ));
    assert!(matches!(bench.changed("    version: 3.11.0\n", "    encrypted_regex: x\n"), FileError::Rule(_)));
}

#[test]
fn a_missing_version_and_an_odd_spelling_of_the_time_are_read() {
    let bench = sealed(PLAIN);
    let without = text(&bench.sealed).replace("    version: 3.11.0\n", "");
    let last = bench.line("lastmodified:");
    let odd = last.replace("Z\"", ".5+00:00\"");
    assert!(bench.open_bytes(without.replace(&last, &odd).as_bytes()).is_ok());
}

#[test]
fn a_person_may_go_on_in_spite_of_the_mac() {
    let bench = sealed(PLAIN);
    let changed = text(&bench.sealed).replace("seen", "SEEN");
    let unlocked = SopsFile::parse(Format::Yaml, changed.as_bytes()).unwrap().unlock(&bench.ours).ok().unwrap();
    assert_eq!(unlocked.mac(), Err(MacFault::Mismatch));
    assert!(plain_of(&unlocked.despite_mac().ok().unwrap()).contains("SEEN"));
}

#[test]
fn an_edit_changes_what_was_edited_and_no_more() {
    let bench = sealed(PLAIN);
    let file = bench.open();
    let edited = plain_of(&file).replace("hunter2", "hunter3");
    let later = Timestamp::from_second(System.now().as_second() + 60).unwrap();
    let again = file.reseal(edited.as_bytes(), later, &System).unwrap();
    let (old, new): (Vec<&str>, Vec<&str>) = (text(&bench.sealed).lines().collect(), text(&again).lines().collect());
    let keys: Vec<&str> = new
        .iter()
        .filter(|line| !old.contains(line))
        .map(|line| line.trim_start().split(':').next().unwrap())
        .collect();
    assert_eq!((old.len(), keys), (new.len(), vec!["PASSWORD", "lastmodified", "mac"]));
    assert_eq!(plain_of(&bench.open_bytes(&again).ok().unwrap()), edited);
}

#[test]
fn rotation_leaves_only_keys_and_lines_as_they_were() {
    let bench = sealed(PLAIN);
    let file = bench.open();
    let again = file.rotate(&wanted(&[&bench.ours]), &guard(&bench.ours), System.now(), &System).unwrap();
    let rotated = bench.open_bytes(&again).ok().unwrap();
    assert_eq!(plain_of(&rotated), plain_of(&file));
    let ciphers = |bytes: &[u8]| -> Vec<String> {
        text(bytes).lines().filter(|line| line.contains("ENC[")).map(str::to_owned).collect()
    };
    let (old, new) = (ciphers(&bench.sealed), ciphers(&again));
    assert_eq!(old.len(), new.len());
    assert!(old.iter().all(|line| !new.contains(line)), "every value is sealed anew");
}

#[test]
fn recipients_are_brought_to_what_is_wanted() {
    let bench = sealed(PLAIN);
    let other = Identities::generate();
    let update = |file: &OpenFile, wanted: &Keys| {
        file.updatekeys(wanted, &guard(&bench.ours), System.now(), &System).unwrap_or_else(|error| panic!("{error}"))
    };
    let file = bench.open();
    assert!(matches!(update(&file, &wanted(&[&bench.ours])), Update::Unchanged));
    let both = wanted(&[&other, &bench.ours]);
    let Update::Added(added) = update(&file, &both) else { panic!("nobody was removed") };
    let lines: Vec<&str> = text(&added).lines().collect();
    assert!(text(&bench.sealed).lines().all(|line| lines.contains(&line)), "only lines are added");
    let file = bench.open_bytes(&added).ok().unwrap();
    assert!(matches!(update(&file, &both), Update::Unchanged));
    let by_other = SopsFile::parse(Format::Yaml, &added).unwrap().unlock(&other).ok().unwrap().verified().ok().unwrap();
    assert_eq!(plain_of(&by_other), plain_of(&file));
    let Update::NewDataKey(removed) = update(&file, &wanted(&[&bench.ours])) else { panic!("somebody was removed") };
    let refused = SopsFile::parse(Format::Yaml, &removed).unwrap().unlock(&other).err().unwrap();
    assert_eq!(refused.exit(), SopsExit::NoDataKey);
    assert_eq!(plain_of(&bench.open_bytes(&removed).ok().unwrap()), plain_of(&file));
    let password = |bytes: &[u8]| text(bytes).lines().find(|line| line.contains("PASSWORD")).unwrap().to_owned();
    assert_ne!(password(&removed), password(&added));
}

#[test]
fn nobody_locks_themselves_out() {
    let bench = sealed(PLAIN);
    let other = Identities::generate();
    let refused = bench.open().rotate(&wanted(&[&other]), &guard(&bench.ours), System.now(), &System);
    assert!(matches!(refused, Err(FileError::LockedOut)));
    let recovery = keys(&[&other]);
    let guard = Guard { keyring: &bench.ours, recovery: &recovery };
    assert!(bench.open().rotate(&wanted(&[&other]), &guard, System.now(), &System).is_ok());
}

#[test]
fn a_key_that_cannot_be_sealed_to_is_never_left_out() {
    let bench = sealed(PLAIN);
    let mut with_pgp = wanted(&[&bench.ours]);
    with_pgp.groups[0].push(KeyId { kind: KeyKind::Pgp, name: "F".into() });
    let refused = bench.open().updatekeys(&with_pgp, &guard(&bench.ours), System.now(), &System).err().unwrap();
    assert!(refused.to_string().contains("pgp F"), "{refused}");
}

#[test]
fn groups_open_together_only() {
    let (a, b) = (Identities::generate(), Identities::generate());
    let recipe = Recipe::to(vec![keys(&[&a]), keys(&[&b])]);
    let sealed = encrypt(Format::Yaml, PLAIN.as_bytes(), &recipe, System.now(), &System).unwrap();
    assert!(text(&sealed).contains("shamir_threshold: 2"));
    let alone = SopsFile::parse(Format::Yaml, &sealed).unwrap().unlock(&a).err().unwrap();
    let FileError::NoDataKey(error) = alone else { panic!("{alone}") };
    assert_eq!(error.parts, Some(ShamirError::TooFew));
    let both = [a, b].map(|one| one.to_file_text(Timestamp::UNIX_EPOCH).to_vec()).concat();
    let both = Identities::parse(&both, std::path::Path::new("keys")).ok().unwrap();
    assert!(SopsFile::parse(Format::Yaml, &sealed).unwrap().unlock(&both).ok().unwrap().verified().is_ok());
}

#[test]
fn what_cannot_be_encrypted_is_refused_with_the_status_of_sops() {
    let ours = Identities::generate();
    let refused = |plain: &str, recipe: &Recipe| {
        encrypt(Format::Yaml, plain.as_bytes(), recipe, System.now(), &System)
            .err()
            .unwrap_or_else(|| panic!("{plain}"))
    };
    let recipe = || Recipe::to(vec![keys(&[&ours])]);
    assert_eq!(refused("a: 1\nsops: {mac: x}\n", &recipe()).exit(), SopsExit::AlreadyEncrypted);
    assert_eq!(refused("a: 1\n---\nsops: {mac: x}\n", &recipe()).exit(), SopsExit::AlreadyEncrypted);
    assert_eq!(refused("a: 1\nsops: x\n", &recipe()).exit(), SopsExit::AlreadyEncrypted);
    assert_eq!(refused("", &recipe()).exit(), SopsExit::EmptyInput);
    assert_eq!(refused("---\n\n", &recipe()).exit(), SopsExit::EmptyInput);
    assert_eq!(refused("- a\n", &recipe()).exit(), SopsExit::UnreadableInput);
    assert_eq!(refused("a: 1\na: 2\n", &recipe()).exit(), SopsExit::UnreadableInput);
    assert_eq!(refused("1: a\n", &recipe()).exit(), SopsExit::ValuesNotSealed);
    assert_eq!(refused("a: 18446744073709551615\n", &recipe()).exit(), SopsExit::ValuesNotSealed);
    assert_eq!(refused("a: 1\n", &Recipe::to(vec![])).exit(), SopsExit::Generic);
    let rule = Rule::of(RuleField::UnencryptedCommentRegex, "ENC").unwrap();
    assert!(matches!(
        refused("a: 1\n# note\nb: 2\n", &Recipe { rule, ..recipe() }),
        FileError::ConfusingComment { line: 2 }
    ));
}

#[test]
fn only_encrypted_values_count_where_the_file_says_so() {
    let bench = sealed_with(Format::Yaml, PLAIN, |recipe| Recipe { mac_scope: Scope::OnlyEncrypted, ..recipe });
    let changed = text(&bench.sealed).replace("seen", "SEEN");
    assert!(bench.open_bytes(changed.as_bytes()).is_ok());
    assert!(text(&bench.sealed).contains("    mac_only_encrypted: true\n"));
}

#[test]
fn comment_rules_are_kept() {
    let rule = Rule::of(RuleField::EncryptedCommentRegex, "secret").unwrap();
    let plain = "a: open\n# secret\nb: closed\nlist:\n    # secret\n    - x\n    - y\n";
    let bench = sealed_with(Format::Yaml, plain, |recipe| Recipe { rule, ..recipe });
    let sealed = text(&bench.sealed);
    assert!(sealed.starts_with("a: open\n# secret\nb: ENC[") && sealed.contains("\n    - y\n"), "{sealed}");
    assert_eq!(plain_of(&bench.open()), plain);
}

#[test]
fn no_error_holds_a_value() {
    let bench = sealed(PLAIN);
    let errors = [
        bench.changed("seen", "hunter4"),
        bench.changed(&bench.line("PASSWORD:"), "    PASSWORD: hunter4"),
        bench.changed("mac: ENC", "mac: hunter4"),
        bench.changed("sops:", "sops: hunter4"),
    ];
    for error in errors {
        assert!(!error.to_string().contains("hunter"), "{error}");
    }
}

fn at(steps: &[Step]) -> At {
    At { document: None, steps: steps.to_vec() }
}

fn key(key: &str) -> Step {
    Step::Key(key.to_owned())
}

/// Which lines of the first are not in the second, by what stands before the first colon.
fn other_lines<'a>(one: &'a [u8], other: &[u8]) -> Vec<&'a str> {
    let known: Vec<&str> = text(other).lines().collect();
    let new = text(one).lines().filter(|line| !known.contains(line));
    new.map(|line| line.trim_start().split(':').next().unwrap_or_default()).collect()
}

#[test]
fn setting_a_value_changes_its_line_and_the_mac() {
    let bench = sealed(PLAIN);
    let file = bench.open();
    let set = |steps: &[Step], value: Node| file.set(&at(steps), &value, System.now(), &System);
    let Ok(Change::Written(new)) = set(&[key("stringData"), key("PASSWORD")], Node::text("hunter3")) else { panic!() };
    assert!(other_lines(&new, &bench.sealed).iter().all(|line| ["PASSWORD", "mac", "lastmodified"].contains(line)));
    assert!(plain_of(&bench.open_bytes(&new).ok().unwrap()).contains("PASSWORD: hunter3\n"));
    let same = set(&[key("stringData"), key("PASSWORD")], Node::text("hunter2"));
    assert!(matches!(same, Ok(Change::Unchanged)));
    let Ok(Change::Written(new)) = set(&[key("stringData"), key("list"), Step::Index(1)], Node::leaf(Value::Int(7)))
    else {
        panic!()
    };
    assert!(plain_of(&bench.open_bytes(&new).ok().unwrap()).contains("        # between\n        - 7\n"));
    let Ok(Change::Written(new)) = set(&[key("stringData"), key("open_unencrypted")], Node::text("7")) else {
        panic!()
    };
    assert!(text(&new).contains("    open_unencrypted: \"7\"\n"), "{}", text(&new));
}

#[test]
fn keys_and_elements_come_and_go() {
    let bench = sealed(PLAIN);
    let file = bench.open();
    let set = |steps: &[Step], value: Node| match file.set(&at(steps), &value, System.now(), &System) {
        Ok(Change::Written(new)) => {
            let lost = other_lines(&bench.sealed, &new);
            assert!(lost.iter().all(|line| ["lastmodified", "mac", "nothing"].contains(line)), "{lost:?}");
            plain_of(&bench.open_bytes(&new).ok().unwrap())
        }
        Ok(Change::Unchanged) => panic!("unchanged"),
        Err(error) => panic!("{error}"),
    };
    assert!(
        set(&[key("stringData"), key("NEW")], Node::text("x")).contains("    open_unencrypted: seen\n    NEW: x\n")
    );
    assert!(
        set(&[key("stringData"), key("nothing"), key("x")], Node::text("v")).contains("    nothing:\n        x: v\n")
    );
    assert!(set(&[key("a"), key("b")], Node::text("x")).ends_with("a:\n    b: x\n"));
    let added = set(&[key("stringData"), key("list"), Step::Index(3)], Node::text("x"));
    assert!(added.contains("        - k: v\n        - x\n"), "{added}");
    let removed = file.unset(&at(&[key("stringData"), key("list"), Step::Index(0)]), System.now(), &System).unwrap();
    let removed = plain_of(&bench.open_bytes(&removed).ok().unwrap());
    assert!(!removed.contains("- one") && removed.contains("- two"), "{removed}");
    let removed = file.unset(&at(&[key("stringData"), key("PASSWORD")]), System.now(), &System).unwrap();
    assert!(!plain_of(&bench.open_bytes(&removed).ok().unwrap()).contains("PASSWORD"));
}

#[test]
fn paths_that_do_not_fit_are_refused() {
    let bench = sealed(PLAIN);
    let file = bench.open();
    let refused = |steps: &[Step]| file.set(&at(steps), &Node::text("x"), System.now(), &System).err().unwrap();
    assert_eq!(refused(&[]).exit(), SopsExit::InvalidPath);
    assert_eq!(refused(&[Step::Index(0)]).to_string(), "a path begins with a key, as in [\"key\"][0]");
    assert!(matches!(refused(&[key("sops"), key("mac")]), FileError::Path(PathFault::Block)));
    assert!(matches!(refused(&[key("kind"), key("x")]), FileError::Path(PathFault::WrongKind(_))));
    assert!(matches!(refused(&[key("stringData"), key("list"), key("x")]), FileError::Path(PathFault::WrongKind(_))));
    let beyond = refused(&[key("stringData"), key("list"), Step::Index(9)]);
    assert!(matches!(beyond, FileError::Path(PathFault::Beyond(_))), "{beyond}");
    let absent = file.unset(&at(&[key("stringData"), key("NOPE")]), System.now(), &System).err().unwrap();
    assert_eq!((absent.exit(), absent.to_string().contains("[\"stringData\"][\"NOPE\"]")), (SopsExit::Generic, true));
}

#[test]
fn in_a_file_of_several_documents_the_meant_one_is_changed() {
    let bench = sealed("a: 1\n---\nb: two\n");
    let file = bench.open();
    let set = |document, name: &str| {
        file.set(&At { document, steps: vec![key(name)] }, &Node::text("x"), System.now(), &System)
    };
    assert!(matches!(set(None, "b"), Err(FileError::Path(PathFault::WhichDocument { count: 2, .. }))));
    assert!(matches!(set(Some(2), "b"), Err(FileError::Path(PathFault::NoDocument { asked: 3, count: 2 }))));
    let Ok(Change::Written(new)) = set(Some(1), "b") else { panic!() };
    assert_eq!(plain_of(&bench.open_bytes(&new).ok().unwrap()), "a: 1\n---\nb: x\n");
    let Ok(Change::Written(new)) = set(None, "a") else { panic!() };
    assert_eq!(plain_of(&bench.open_bytes(&new).ok().unwrap()), "a: x\n---\nb: two\n");
}

#[test]
fn comments_that_sops_wrote_as_elements_are_no_elements() {
    let bench = sealed("list:\n    # note\n    - one\n    # other\n    - two\nlast: x\n");
    let as_sops = text(&bench.sealed).replace("    #ENC[", "    - ENC[");
    let file = bench.open_bytes(as_sops.as_bytes()).ok().unwrap();
    assert_eq!(plain_of(&file), "list:\n    # note\n    - one\n    # other\n    - two\nlast: x\n");
    let set = |index: usize, value: &str| match file.set(
        &at(&[key("list"), Step::Index(index)]),
        &Node::text(value),
        System.now(),
        &System,
    ) {
        Ok(Change::Written(new)) => plain_of(&bench.open_bytes(&new).ok().unwrap()),
        _ => panic!(),
    };
    assert_eq!(set(1, "2"), "list:\n    # note\n    - one\n    # other\n    - \"2\"\nlast: x\n");
    assert_eq!(set(2, "three"), "list:\n    # note\n    - one\n    # other\n    - two\n    - three\nlast: x\n");
    let removed = file.unset(&at(&[key("list"), Step::Index(1)]), System.now(), &System).unwrap();
    assert!(!plain_of(&bench.open_bytes(&removed).ok().unwrap()).contains("two"));
    let rotated = file.rotate(&wanted(&[&bench.ours]), &guard(&bench.ours), System.now(), &System).unwrap();
    assert_eq!(plain_of(&bench.open_bytes(&rotated).ok().unwrap()), plain_of(&file));
    let resealed = file.reseal(plain_of(&file).as_bytes(), System.now(), &System).unwrap();
    assert_eq!(plain_of(&bench.open_bytes(&resealed).ok().unwrap()), plain_of(&file));
}
