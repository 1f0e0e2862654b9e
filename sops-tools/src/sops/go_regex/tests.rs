use proptest::prelude::*;

use super::*;

fn matches(expression: &str, text: &str) -> bool {
    compile(expression).unwrap_or_else(|error| panic!("{expression}: {error}")).is_match(text.as_bytes())
}

#[test]
fn plain_rules_mean_what_they_mean_in_go() {
    assert!(matches("^(data|stringData)$", "data"));
    assert!(!matches("^(data|stringData)$", "metadata"));
    assert!(matches("pass", "my_password"));
    assert!(matches("(?i)PASS", "password"));
    assert!(matches("a.c", "abc"));
    assert!(!matches("a.c", "a\nc"));
    assert!(matches("", "anything"));
}

#[test]
fn classes_are_ascii_as_in_go() {
    assert!(!matches(r"^\d$", "٣"));
    assert!(!matches(r"^\w$", "é"));
    assert!(!matches(r"^[\w]$", "é"));
    assert!(matches(r"^\W+$", "é"));
    assert!(!matches(r"^\s$", "\u{b}"));
    assert!(matches(r"^\s$", " "));
    assert!(matches(r"é\b", "éa"), "Go has a word boundary between é and a");
    assert!(matches(r"^[[:alpha:]]+$", "abc"));
    assert!(matches(r"^[[:^alpha:]]+$", "123"));
    assert!(matches(r"^\p{Greek}\pL\p{^Greek}$", "αβc"));
}

#[test]
fn what_rust_takes_for_set_arithmetic_are_characters_in_go() {
    assert!(matches("^[a&&b]+$", "a&b"));
    assert!(matches("^[+--]$", ","), "a range from + to -");
    assert!(matches("^[a~~b]+$", "~"));
    assert!(matches("^[[a]+$", "["));
    assert!(matches("^[]a]+$", "]a"));
    assert!(matches(r"^[\d-z]+$", "3-z"));
    assert!(matches("^[a-]+$", "a-"));
    assert!(matches("^[^]a]$", "b"));
}

#[test]
fn quotes_braces_and_escapes() {
    assert!(matches(r"^\Qa.b\E+$", "a.bb"));
    assert!(!matches(r"^\Qa.b\E$", "axb"));
    assert!(matches(r"\Q(", "("));
    assert!(matches("^a{,2}$", "a{,2}"));
    assert!(matches("^a{2}$", "aa"));
    assert!(matches("^{$", "{"));
    assert!(matches(r"^\x41\x{42}\103\.\_\<$", "ABC._<"));
    assert!(matches("^a b#c$", "a b#c"));
    assert!(matches("^(?P<n>a)(?<m>b)$", "ab"));
    assert!(matches("^(?i:a)b$", "Ab"));
    assert!(matches("a$", "a"));
    assert!(!matches("a$", "a\n"));
}

#[test]
fn what_go_refuses_is_refused() {
    let refused = [
        "(",
        ")",
        "a)",
        "[",
        "[a",
        "[z-a]",
        "*a",
        "a**",
        "a*+",
        "a{2}{3}",
        "a{1001}",
        "a{2,1}",
        "(?x)a",
        "(?u)a",
        r"\1",
        r"\C",
        r"\Z",
        r"\e",
        r"\pX",
        r"\p{greek}",
        r"\p{Alphabetic}",
        r"[[:foo:]]",
        r"\",
        "(?P<>a)",
        "(?<n>a)(?<n>b)",
        "(?=a)",
        "(?!a)",
        r"\8",
        r"\xZZ",
        "|*",
        "(?i)*",
        "(?-)a",
        r"\x{110000}",
        r"\é",
        r"[\Qa]",
    ];
    for expression in refused {
        assert!(compile(expression).is_err(), "{expression}");
    }
}

#[test]
fn an_error_says_where() {
    assert_eq!(compile("ab(c").unwrap_err(), Invalid { at: 4, problem: "a closing parenthesis is missing" });
    assert!(compile(&"a".repeat(5000)).is_err());
    assert_eq!(compile("((a{1000}){1000}){1000}").unwrap_err().problem, "it is too large");
}

proptest! {
    #[test]
    fn no_expression_is_too_odd(odd in r"[\[\]()\\{}*+?|^$.:a-cQEpPdwx0-9,&~<>-]{0,24}") {
        let _ = compile(&odd);
    }

    #[test]
    fn any_text_quoted_matches_itself(text in "[^\\\\]{0,20}") {
        let quoted = format!("^\\Q{text}\\E$");
        prop_assert!(compile(&quoted).unwrap().is_match(text.as_bytes()));
    }
}
