//! Shares typed on a terminal.

use std::process::Command;

use harness::bin;
use harness::server::{Plan, Product, Storage};
use harness::site::Site;
use rexpect::session::spawn_command;

/// Longest wait for one prompt, milliseconds: the first comes after the program's start.
const PROMPT_MS: u64 = 60_000;

#[tokio::test]
async fn shares_typed_on_a_terminal_are_not_shown_and_open_the_server() {
    let server = Plan::new(Product::Vault, Storage::File).start().await;
    let keys = server.api().init(5, 3).await;
    let site = Site::new().await.vault("main", [server.address()]);
    let settings = site.write_settings();
    let typed: Vec<String> = keys.enough().to_vec();
    let shown = tokio::task::spawn_blocking(move || {
        let mut command = Command::new(bin::unsealer());
        command.arg("--config").arg(settings).arg("import");
        let mut terminal = spawn_command(command, Some(PROMPT_MS)).expect("a terminal");
        let mut shown = String::new();
        for (index, share) in typed.iter().enumerate() {
            shown += &terminal.exp_string(&format!("Share {} ", index + 1)).expect("a prompt");
            terminal.send_line(share).expect("a line typed");
        }
        shown += &terminal.exp_string("Share 4 ").expect("a prompt");
        terminal.send_line("").expect("an empty line typed");
        shown += &terminal.exp_eof().expect("the end");
        for share in &typed {
            assert!(!shown.contains(share.as_str()), "a typed share was shown");
        }
        shown
    });
    let shown = shown.await.expect("the terminal session");
    assert!(shown.contains("3 of 5 shares (threshold 3) are proven (unsealed)"), "{shown}");
    assert!(server.api().open().await);
}
