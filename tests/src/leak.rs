//! Looking for secrets in text: logs, errors, metrics, arguments, environments.

/// Secrets of one test, by name.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    known: Vec<(String, String)>,
}

impl Secrets {
    /// Adds a secret as it would stand in a text.
    pub fn add(&mut self, name: &str, secret: &str) {
        assert!(secret.len() >= 8, "{name} is too short to be searched for");
        self.known.push((name.to_owned(), secret.to_owned()));
    }

    /// Adds shares and root token of a server, in base64 and in hex.
    pub fn add_keys(&mut self, keys: &crate::api::Keys) {
        use base64::Engine as _;
        for (number, share) in keys.shares.iter().enumerate() {
            let name = format!("share {number}");
            let bytes = base64::engine::general_purpose::STANDARD.decode(share).expect("a share is base64");
            self.add(&name, share);
            self.add(&name, &bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat());
        }
        self.add("root token", &keys.root_token);
    }

    /// Names of the secrets that stand in `text`, whole or by their second half, and of any age identity.
    pub fn found_in(&self, text: &str) -> Vec<&str> {
        let stands = |secret: &str| text.contains(&secret[secret.len() / 2..]);
        let mut found: Vec<&str> =
            self.known.iter().filter(|(_, secret)| stands(secret)).map(|(name, _)| name.as_str()).collect();
        if text.contains("AGE-SECRET-KEY-1") {
            found.push("an age identity");
        }
        found
    }

    /// Fails the test where `text` (named `place`) holds a secret.
    pub fn assert_absent(&self, place: &str, text: &str) {
        assert_eq!(self.found_in(text), Vec::<&str>::new(), "secrets in {place}");
    }

    /// Arguments and environment of a process, as text.
    pub fn command_line(pid: u32) -> String {
        ["cmdline", "environ"]
            .map(|file| {
                let bytes =
                    std::fs::read(format!("/proc/{pid}/{file}")).expect("file of the process; root may read it");
                String::from_utf8_lossy(&bytes).replace('\0', "\n")
            })
            .concat()
    }
}
