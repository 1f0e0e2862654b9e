use super::*;

fn both(line: &str) -> (Option<String>, Option<String>) {
    let words: Vec<OsString> = std::iter::once("sops-tools").chain(line.split(' ')).map(OsString::from).collect();
    let shown = |cli: Cli| format!("{cli:?}");
    (decrypt(&words).map(shown), Cli::parse_with_all(words).ok().map(shown))
}

#[test]
fn it_is_understood_as_by_the_whole_definition() {
    for line in [
        "decrypt x.yaml",
        "-d x.yaml",
        "--decrypt x.yaml",
        "-d -i x.yaml",
        "-d",
        "decrypt --output json --extract [\"a\"] x.yaml",
        "-d --output out --config c.yaml -vv --log-format json x.yaml",
        "-d --input-type yaml --output-type json --indent 2 -s --disable-version-check -",
        "decrypt --ignore-mac --identity k --filename-override y x",
        "decrypt -- -e",
        "-d edit",
        "decrypt set",
    ] {
        let (quick, whole) = both(line);
        assert!(quick.is_some(), "{line}");
        assert_eq!(quick, whole, "{line}");
    }
}

#[test]
fn everything_else_is_left_to_the_whole_definition() {
    for line in [
        "x.yaml",
        "edit -d x",
        "-d -e x",
        "-d -r x",
        "-d --set x",
        "decrypt --help",
        "-d --version",
        "decrypt --no-flag x",
        "decrypt x y",
        "-e x",
    ] {
        assert_eq!(both(line).0, None, "{line}");
    }
}
