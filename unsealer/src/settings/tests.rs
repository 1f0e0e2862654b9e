//! The settings' format, its faults, and what a fault never says.

use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;
use sops_tools::custody::Identities;

use super::*;

/// Two public keys, made anew in each run.
static KEYS: LazyLock<[String; 2]> =
    LazyLock::new(|| [(); 2].map(|()| Identities::generate_with_recipient().1.as_str().to_owned()));

const FULL: &str = "
store: {url: s3://vault-shares/prod, endpoint: https://s3.example.net, region: eu-1, accessKeyFile: s3/id, secretKeyFile: s3/key, caFile: ca.pem}
storeKeyFile: store.key
identities: [/run/secrets/unseal, own.agekey]
recipients: {unseal: RECIPIENT_A, offline: RECIPIENT_B}
vaults:
  - {name: vault, nodes: [http://127.0.0.1:8200], peers: [https://vault-1.vault-internal:8200], caFile: vault.pem, serverUid: 100, tokenFile: token}
listen: 127.0.0.1:9000
cacheDir: cache
stateDir: /var/lib/unsealer/state
";

const SMALL: &str = "
store: {url: file:///srv/store}
storeKeyFile: /k
identities: [/i]
vaults: [{name: vault, nodes: [http://127.0.0.1:8200]}]
";

fn read_with(text: &str, variables: &[(&str, &str)], flags: &[(&'static str, &str)]) -> Result<Loaded, Faults> {
    let folder = tempfile::tempdir().unwrap();
    let text = text.replace("RECIPIENT_A", &KEYS[0]).replace("RECIPIENT_B", &KEYS[1]);
    std::io::Write::write_all(
        &mut std::fs::File::create(folder.path().join("unsealer.yaml")).unwrap(),
        text.as_bytes(),
    )
    .unwrap();
    let flags = flags.iter().map(|(key, text)| (*key, (*text).to_owned())).collect();
    let variables = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned());
    let sources = Sources { config: None, folder: folder.path(), variables: &variables, flags: &flags };
    load(&sources).map(|mut loaded| {
        loaded.settings = relative(loaded.settings, folder.path());
        loaded
    })
}

/// Puts `/here` in place of the temporary folder.
fn relative(mut settings: Settings, folder: &Path) -> Settings {
    let moved =
        |path: &PathBuf| path.strip_prefix(folder).map_or_else(|_| path.clone(), |rest| Path::new("/here").join(rest));
    let identities = settings.sops_identity_file.clone();
    let moved_secret =
        |file: &SecretFile| SecretFile::of_setting(&moved(&file.name().to_owned()), identities.as_slice()).unwrap();
    settings.store_key_file = moved_secret(&settings.store_key_file);
    settings.identities = settings.identities.iter().map(moved_secret).collect();
    settings.cache_dir = settings.cache_dir.as_ref().map(moved);
    if let StoreLocation::S3(s3) = &mut settings.store {
        s3.access_key_file = moved_secret(&s3.access_key_file);
    }
    settings
}

fn read(text: &str) -> Result<Settings, Faults> {
    read_with(text, &[], &[]).map(|loaded| loaded.settings)
}

fn faults(text: &str) -> Vec<(String, String)> {
    let found = read(text).expect_err("settings with faults");
    found.0.into_iter().map(|fault| (fault.key, fault.wrong)).collect()
}

#[test]
fn the_documented_form_is_read_whole_and_relative_paths_start_at_the_file() {
    let settings = read(FULL).unwrap();
    let StoreLocation::S3(s3) = &settings.store else { panic!("{:?}", settings.store) };
    assert_eq!((s3.bucket.as_str(), s3.prefix.as_str(), s3.region.as_str()), ("vault-shares", "prod", "eu-1"));
    assert_eq!(s3.endpoint.as_ref().unwrap().as_str(), "https://s3.example.net/");
    assert_eq!(s3.access_key_file.name(), Path::new("/here/s3/id"));
    assert_eq!(settings.store_key_file.name(), Path::new("/here/store.key"));
    let identities: Vec<&Path> = settings.identities.iter().map(SecretFile::name).collect();
    assert_eq!(identities, [Path::new("/run/secrets/unseal"), Path::new("/here/own.agekey")]);
    assert_eq!(settings.recipients["offline"].as_str(), KEYS[1]);
    let vault = settings.vault("vault").unwrap();
    assert_eq!(vault.nodes[0].as_str(), "http://127.0.0.1:8200/");
    assert_eq!((vault.peers.len(), vault.server_uid), (1, Some(100)));
    assert_eq!(settings.listen, "127.0.0.1:9000".parse().unwrap());
    assert_eq!(settings.cache_dir.as_deref(), Some(Path::new("/here/cache")));
    assert_eq!(settings.state_dir.as_deref(), Some(Path::new("/var/lib/unsealer/state")));
}

#[test]
fn what_the_daemon_needs_is_enough_and_it_listens_on_loopback() {
    let settings = read(SMALL).unwrap();
    assert_eq!(settings.store, StoreLocation::Directory("/srv/store".into()));
    assert_eq!(settings.listen, DEFAULT_LISTEN.parse().unwrap());
    assert_eq!((settings.cache_dir, settings.state_dir, settings.recipients.len()), (None, None, 0));
}

#[test]
fn every_fault_is_reported_in_one_run() {
    let found = faults(
        "
store: {url: s3://B_ucket, endpoint: 'ftp://x', region: 1, bucketName: b}
identities: nothing
recipients: {unseal: age1short, offline: RECIPIENT_A, Offline: RECIPIENT_A}
vaults:
  - {name: Vault, nodes: [http://vault:8200, 'https://u:p@h']}
  - {name: a, nodes: []}
  - {name: a, nodes: [http://127.0.0.1:1], serverUid: -1}
listen: 9797
stateDirectory: /x
",
    );
    let keys: Vec<&str> = found.iter().map(|(key, _)| key.as_str()).collect();
    for key in [
        "store.url",
        "store.endpoint",
        "store.region",
        "store.accessKeyFile",
        "store.secretKeyFile",
        "store.bucketName",
        "storeKeyFile",
        "identities",
        "recipients.unseal",
        "recipients.Offline",
        "recipients",
        "vaults[0].name",
        "vaults[0].nodes[0]",
        "vaults[0].nodes[1]",
        "vaults[1].nodes",
        "vaults[2].name",
        "vaults[2].serverUid",
        "listen",
        "stateDirectory",
    ] {
        assert!(keys.contains(&key), "{key} is missing in {found:?}");
    }
    assert_eq!(keys.len(), 19, "{found:?}");
}

#[test]
fn nothing_at_all_names_the_four_keys_that_must_be_there() {
    let keys: Vec<String> = faults("").into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["store.url", "storeKeyFile", "identities", "vaults"]);
}

#[test]
fn variables_win_over_the_file_and_flags_over_both() {
    let variables = [("UNSEALER_LISTEN", "[::]:1"), ("UNSEALER_CACHE_DIR", "/env"), ("UNSEALER_IDENTITIES", "/a:/b")];
    let loaded = read_with(FULL, &variables, &[("listen", "[::]:2")]).unwrap();
    assert_eq!(loaded.settings.listen, "[::]:2".parse().unwrap());
    assert_eq!(loaded.settings.cache_dir.as_deref(), Some(Path::new("/env")));
    let identities: Vec<&Path> = loaded.settings.identities.iter().map(SecretFile::name).collect();
    assert_eq!(identities, [Path::new("/a"), Path::new("/b")]);
    assert_eq!(loaded.overridden["listen"], Origin::Flag("--listen"));
    assert_eq!(loaded.overridden["cacheDir"], Origin::Variable("UNSEALER_CACHE_DIR"));
    assert!(!loaded.overridden.contains_key("stateDir"));
}

#[test]
fn a_fault_says_where_the_value_came_from() {
    let found = read_with(SMALL, &[("UNSEALER_STORE_URL", "nonsense")], &[("listen", "nowhere")]).unwrap_err();
    let origins: Vec<(&str, &Origin)> = found.0.iter().map(|fault| (fault.key.as_str(), &fault.origin)).collect();
    assert_eq!(
        origins,
        [("store.url", &Origin::Variable("UNSEALER_STORE_URL")), ("listen", &Origin::Flag("--listen"))]
    );
}

#[test]
fn variables_alone_can_name_the_store_but_not_the_vaults() {
    let folder = tempfile::tempdir().unwrap();
    let variables = |name: &str| match name {
        "UNSEALER_STORE_URL" => Some("file:///srv".to_owned()),
        "UNSEALER_STORE_KEY_FILE" | "UNSEALER_IDENTITIES" => Some("/k".to_owned()),
        _ => None,
    };
    let flags = Overrides::new();
    let sources = Sources { config: None, folder: folder.path(), variables: &variables, flags: &flags };
    let found = load(&sources).unwrap_err();
    assert_eq!(found.0.len(), 1);
    assert_eq!(
        found.0[0].to_string(),
        "vaults (no settings file): is missing; expected a list with at least one {name, nodes}"
    );
}

#[test]
fn a_file_asked_for_by_name_must_be_there() {
    let flags = Overrides::new();
    let sources = Sources {
        config: Some(Path::new("/nonexistent/unsealer.yaml")),
        folder: Path::new("/"),
        variables: &|_| None,
        flags: &flags,
    };
    let found = load(&sources).unwrap_err();
    assert_eq!(found.0[0].to_string(), "/nonexistent/unsealer.yaml: is not there; expected a readable settings file");
}

#[test]
fn https_needs_a_ca_and_a_servers_user_a_loopback_address() {
    let text = SMALL.replace("http://127.0.0.1:8200]", "https://vault:8200], serverUid: 100");
    let keys: Vec<String> = faults(&text).into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["vaults[0].caFile", "vaults[0].serverUid"]);
}

#[test]
fn every_setting_in_force_is_shown_with_its_origin() {
    let loaded = read_with(FULL, &[("UNSEALER_STATE_DIR", "/env")], &[]).unwrap();
    let shown = show::shown(&loaded);
    let find = |key: &str| {
        shown.iter().find(|shown| shown.key == key).map(|shown| (shown.value.as_str(), shown.origin.as_str()))
    };
    assert_eq!(find("store.url"), Some(("s3://vault-shares/prod", "unsealer.yaml")));
    assert_eq!(find("stateDir"), Some(("/env", "UNSEALER_STATE_DIR")));
    assert_eq!(find("vaults[0].serverUid"), Some(("100", "unsealer.yaml")));
    assert_eq!(find("store.secretKeyFile").map(|(_, origin)| origin), Some("unsealer.yaml"));
    let loaded = read_with(SMALL, &[], &[]).unwrap();
    assert!(show::shown(&loaded).iter().any(|shown| shown.key == "listen" && shown.origin == "default"));
}

#[test]
fn a_folder_store_takes_no_s3_keys() {
    let text = SMALL.replace("file:///srv/store", "file:///srv/store, region: eu");
    assert_eq!(faults(&text), [("store.region".to_owned(), "has no meaning for a folder".to_owned())]);
}

#[test]
fn split_custody_is_read() {
    let text = format!(
        "{SMALL}custodians:\n  a: {{recipients: {{x: RECIPIENT_A}}, shares: 2, store: {{url: file:///a}}}}\n  b: {{recipients: {{y: RECIPIENT_B}}, shares: [3, 4]}}\n"
    );
    let settings = read(&text).unwrap();
    assert_eq!(settings.custodians["a"].shares, ShareSelection::Count(2));
    assert_eq!(settings.custodians["a"].store, Some(StoreLocation::Directory("/a".into())));
    assert_eq!(settings.custodians["b"].shares, ShareSelection::Numbers(vec![3, 4]));
    let bad = text.replace("[3, 4]", "[3, 3]").replace("shares: 2", "shares: 0");
    assert_eq!(faults(&bad).len(), 2);
}

#[test]
fn duplicate_keys_aliases_and_deep_nesting_are_refused() {
    for text in [
        format!("{SMALL}listen: 127.0.0.1:1\nlisten: 127.0.0.1:2\n"),
        format!("{SMALL}cacheDir: &a /x\nstateDir: *a\n"),
        "[".repeat(100_000),
        "a: [".to_owned(),
    ] {
        let found = read(&text).expect_err("refused");
        assert_eq!(found.0.len(), 1);
        assert!(found.0[0].wrong.starts_with("is not readable"), "{found:?}");
    }
}

#[test]
fn a_fault_repeats_neither_the_value_nor_its_neighbours() {
    const SECRET: &str = "hunter2secret";
    for text in [
        format!(
            "store: {{url: {SECRET}, endpoint: {SECRET}, accessKeyFile: [{SECRET}], secretKeyFile: {{a: {SECRET}}}}}"
        ),
        format!("storeKeyFile: {{x: {SECRET}}}\nlisten: {SECRET}\nidentities: {SECRET}\nrecipients: {{a: {SECRET}}}"),
        format!(
            "vaults: [{{name: {SECRET}!, nodes: [{SECRET}, 'https://a:{SECRET}@h'], serverUid: {SECRET}, tokenFile: [{SECRET}]}}]"
        ),
        format!(
            "vaults: {SECRET}\nstore: {SECRET}\ncustodians: {{a: {SECRET}, b: {{shares: {SECRET}, recipients: {SECRET}}}}}"
        ),
        format!("password: {SECRET}\n  bad indentation: [\n"),
        SECRET.to_owned(),
        format!("storeKeyFile: \"{SECRET}\nlisten: x"),
        format!("a: !!int {SECRET}\n"),
        format!("a: 1\na: {SECRET}\n"),
        format!("a: *{SECRET}\n"),
    ] {
        let found = read(&text).expect_err("settings with faults");
        let failure = sops_tools::report::Failure::from(found);
        let shown = format!("{failure} {failure:?}");
        assert!(!shown.contains(SECRET), "{text}\n{shown}");
    }
}

proptest! {
    #[test]
    fn any_text_gives_settings_or_faults_and_never_a_panic(text in "[a-z:{}\\[\\]&*!|> \n\"'#-]{0,200}") {
        match read(&text) {
            Ok(settings) => prop_assert!(!settings.vaults.is_empty()),
            Err(found) => prop_assert!(!found.0.is_empty()),
        }
    }

    #[test]
    fn a_name_is_accepted_exactly_when_the_store_can_hold_it(text in "\\PC{0,70}") {
        let fits = !text.is_empty() && text.len() <= 63
            && text.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-');
        prop_assert_eq!(VaultName::new(&text).is_ok(), fits);
    }
}

const SOPS: &str = "
store: {url: s3://shares, endpoint: https://s3.example.net, accessKeyFile: s3.sops.yaml#/stringData/id, secretKeyFile: s3.sops.yaml#/data/key}
sopsIdentityFile: me.agekey
storeKeyFile: git/unseal.sops.yaml#/stringData/store.key
identities: [git/unseal.sops.yaml#/stringData/unseal.agekey, plain.agekey]
vaults: [{name: vault, nodes: [http://127.0.0.1:8200], tokenFile: token.sops.yaml#/stringData/token}]
";

#[test]
fn a_secret_may_lie_in_a_sops_file() {
    let settings = read(SOPS).unwrap();
    assert!(settings.sops_identity_file.as_ref().unwrap().ends_with("me.agekey"));
    assert_eq!(settings.store_key_file.name(), Path::new("/here/git/unseal.sops.yaml#/stringData/store.key"));
    assert!(settings.store_key_file.plain().is_none() && settings.identities[0].plain().is_none());
    assert!(settings.identities[1].plain().is_some());
    let StoreLocation::S3(s3) = &settings.store else { panic!("{:?}", settings.store) };
    let sources = s3.secret_key_file.sources();
    assert!(sources[0].ends_with("s3.sops.yaml") && sources[1].ends_with("me.agekey"), "{sources:?}");
    assert!(settings.vaults[0].token_file.as_ref().unwrap().plain().is_none());
}

#[test]
fn a_place_that_cannot_be_opened_is_a_fault_of_its_own_and_all_come_at_once() {
    let found = faults(&SOPS.replace("sopsIdentityFile: me.agekey", ""));
    let keys: Vec<&str> = found.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(
        keys,
        ["store.accessKeyFile", "store.secretKeyFile", "storeKeyFile", "identities[0]", "vaults[0].tokenFile"]
    );
    assert!(found.iter().all(|(_, wrong)| wrong == "points into a SOPS file, and nothing is set that opens it"));
    let typo = faults(&SOPS.replace("#/stringData/store.key", "#/stringdata/store.key"));
    assert_eq!(typo, [("storeKeyFile".to_owned(), "names no place in a SOPS file".to_owned())]);
    let nested = faults(&SOPS.replace("me.agekey", "me.sops.yaml#/data/key"));
    assert_eq!(nested[0].0, "sopsIdentityFile");
}
