use super::*;

fn s3() -> LocationSettings {
    LocationSettings {
        url: "s3://vault-shares/prod".to_owned(),
        endpoint: Some("https://s3.example.net".to_owned()),
        access_key_file: Some("/keys/access".into()),
        secret_key_file: Some("/keys/secret".into()),
        ..LocationSettings::default()
    }
}

fn keys(settings: &LocationSettings) -> Vec<&'static str> {
    settings.check().unwrap_err().into_iter().map(|fault| fault.key).collect()
}

#[test]
fn bucket_prefix_and_server_are_read_from_the_settings() {
    let StoreLocation::S3(location) = s3().check().unwrap() else { panic!("an S3 location") };
    assert_eq!((location.bucket.as_str(), location.prefix.as_str()), ("vault-shares", "prod"));
    assert_eq!(location.region, DEFAULT_REGION);
    assert_eq!(location.describe(), "s3://vault-shares/prod at https://s3.example.net");
    assert!(!location.is_plain_http());
}

#[test]
fn a_prefix_may_be_empty_and_end_in_a_slash() {
    for (url, prefix) in [("s3://abc", ""), ("s3://abc/", ""), ("s3://abc/d/e/", "d/e")] {
        let StoreLocation::S3(location) = LocationSettings { url: url.to_owned(), ..s3() }.check().unwrap() else {
            panic!("an S3 location")
        };
        assert_eq!(location.prefix, prefix, "{url}");
    }
}

#[test]
fn plain_http_is_taken_and_shown() {
    let settings = LocationSettings { endpoint: Some("http://127.0.0.1:9000".to_owned()), ..s3() };
    let StoreLocation::S3(location) = settings.check().unwrap() else { panic!("an S3 location") };
    assert!(location.is_plain_http());
    assert!(location.describe().ends_with("(unencrypted)"), "{}", location.describe());
}

#[test]
fn all_faults_come_in_one_report() {
    let settings = LocationSettings {
        url: "s3://A/../b".to_owned(),
        endpoint: Some("ftp://x".to_owned()),
        region: Some("eu 1".to_owned()),
        ..LocationSettings::default()
    };
    assert_eq!(keys(&settings), ["url", "url", "endpoint", "region", "accessKeyFile", "secretKeyFile"]);
}

#[test]
fn an_endpoint_holds_no_password_and_no_path_and_messages_do_not_repeat_them() {
    for endpoint in ["https://me:hunter2@s3.example.net", "https://s3.example.net/bucket", "https://s3.example.net/?a"]
    {
        let settings = LocationSettings { endpoint: Some(endpoint.to_owned()), ..s3() };
        let faults = settings.check().unwrap_err();
        assert_eq!(faults[0].key, "endpoint");
        assert!(!faults[0].to_string().contains("hunter2"));
    }
}

#[test]
fn without_an_endpoint_the_region_is_needed() {
    let amazon = LocationSettings { endpoint: None, ..s3() };
    assert_eq!(keys(&amazon), ["region"]);
    assert!(LocationSettings { region: Some("eu-central-1".to_owned()), ..amazon }.check().is_ok());
}

#[test]
fn a_ca_file_for_plain_http_is_a_fault() {
    let settings =
        LocationSettings { endpoint: Some("http://s3:1".to_owned()), ca_file: Some("/ca.pem".into()), ..s3() };
    assert_eq!(keys(&settings), ["caFile"]);
}

#[test]
fn a_directory_takes_nothing_but_an_absolute_path() {
    let directory = |url: &str| LocationSettings { url: url.to_owned(), ..LocationSettings::default() };
    let location = directory("file:///var/lib/store").check().unwrap();
    assert_eq!(location, StoreLocation::Directory("/var/lib/store".into()));
    for url in ["file://store", "file:///", "file:///a/../b", "/var/lib/store", "https://x", ""] {
        assert_eq!(keys(&directory(url)), ["url"], "{url}");
    }
    let mixed = LocationSettings { url: "file:///store".to_owned(), ..s3() };
    assert_eq!(keys(&mixed), ["endpoint", "accessKeyFile", "secretKeyFile"]);
}

#[test]
fn files_that_cannot_be_used_are_all_named_when_opening() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    sops_tools::files::replace(&ca, b"no certificate", 0o600).unwrap();
    let settings = LocationSettings { ca_file: Some(ca), ..s3() };
    let faults = settings.check().unwrap().open().map(drop).unwrap_err();
    let keys: Vec<_> = faults.iter().map(|fault| fault.key).collect();
    assert_eq!(keys, ["accessKeyFile", "secretKeyFile", "caFile"]);
}

#[test]
fn only_a_command_that_writes_makes_the_directory() {
    let folder = tempfile::tempdir().unwrap();
    let location = LocationSettings::directory(&folder.path().join("store")).check().unwrap();
    assert_eq!(location.open_read_only().map(drop).unwrap_err()[0].key, "url");
    assert!(location.open().is_ok());
    assert!(location.open_read_only().is_ok());
}
