//! What the harness promises of itself.
#![expect(clippy::expect_used, reason = "a test may end where its ground breaks away")]

use std::path::Path;
use std::time::Duration;

use harness::leak::Secrets;
use harness::memscan::{Needle, found_in_memory};
use harness::process::{Process, Program};
use harness::wait;
use harness::workdir::Workdir;

const LIMIT: Duration = Duration::from_secs(20);

/// Set in the process that plays a test which is killed.
const DOOMED: &str = "UNSEALER_TEST_DOOMED";

#[tokio::test]
async fn children_die_with_a_test_that_is_killed() {
    if let Some(folder) = std::env::var_os(DOOMED) {
        let folder = Path::new(&folder);
        let child = Program::new("sleep", "sleep").arg("600").start(&folder.join("child.log"));
        let ready = std::fs::rename(folder.join("pid.empty"), folder.join(format!("pid.{}", child.pid())));
        ready.expect("the sign that the child runs");
        tokio::time::sleep(Duration::from_mins(5)).await;
        return;
    }
    let folder = Workdir::new("doomed");
    folder.write("pid.empty", "");
    let mut doomed = Program::new("doomed test", std::env::current_exe().expect("path of this program"))
        .args(["--exact", "testbed::children_die_with_a_test_that_is_killed"])
        .env(DOOMED, folder.path())
        .start(&folder.join("doomed.log"));
    let pid: u32 = wait::for_some(LIMIT, "the child of the doomed test", async || {
        let names = std::fs::read_dir(folder.path()).map_err(|error| error.to_string())?;
        let mut names = names.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        names.find_map(|name| name.strip_prefix("pid.")?.parse().ok()).ok_or_else(|| "none yet".to_owned())
    })
    .await;
    assert!(runs(pid), "the child runs while its parent does");
    doomed.kill();
    wait::until(LIMIT, "the child to end", async || !runs(pid)).await;
}

/// Whether a process with this pid is there and no zombie.
fn runs(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The state follows the name, which is in parentheses.
    status.rsplit(')').next().and_then(|rest| rest.trim().chars().next()).is_some_and(|state| state != 'Z')
}

/// A shell that has read `secret` into a variable, or nothing.
async fn shell(folder: &Workdir, secret: &str) -> Process {
    let script = "kept=$(cat); kept=\"$kept.\"; echo ready; sleep 600; echo \"$kept\"";
    let input = std::fs::File::open(folder.write("secret", secret)).expect("the input");
    let shell = Program::new("shell", "sh").args(["-c", script]).stdin(input).start(&folder.join("shell.log"));
    wait::until(LIMIT, "the shell to have read", async || shell.log().contains("ready")).await;
    shell
}

#[tokio::test]
async fn a_secret_in_the_memory_of_another_process_is_found_and_an_absent_one_is_not() {
    let secret = "mU2wqP0sYx7tRb4KcVn9LzJ6hDf3GaEoQi8ZyTuW1XvBkMpNrSdFgHjCl5";
    let needle = Needle::tail_of("the planted secret", secret.as_bytes());
    let absent = Needle::tail_of("an absent secret", secret.to_lowercase().as_bytes());

    let folder = Workdir::new("memory");
    let holder = shell(&folder, secret).await;
    assert_eq!(found_in_memory(holder.pid(), &[needle.clone(), absent]), ["the planted secret"]);
    drop(holder);

    let folder = Workdir::new("memory");
    let other = shell(&folder, "nothing").await;
    assert_eq!(found_in_memory(other.pid(), &[needle]), Vec::<String>::new());
}

#[test]
fn a_secret_in_a_text_is_found_whole_or_by_its_end() {
    let mut secrets = Secrets::default();
    secrets.add("a token", "s.0123456789abcdef");
    assert_eq!(secrets.found_in("token=s.0123456789abcdef"), ["a token"]);
    assert_eq!(secrets.found_in("…789abcdef"), ["a token"]);
    assert_eq!(secrets.found_in("AGE-SECRET-KEY-1…"), ["an age identity"]);
    assert_eq!(secrets.found_in("nothing"), Vec::<&str>::new());
}

#[tokio::test]
async fn arguments_and_environment_of_a_process_are_seen() {
    let folder = Workdir::new("seen");
    let program = Program::new("sleep", "sleep").arg("600").env("PLANTED", "environment-value");
    let sleeper = program.start(&folder.join("log"));
    wait::until(LIMIT, "the program itself", async || {
        let seen = Secrets::command_line(sleeper.pid());
        seen.starts_with("sleep") && seen.contains("600") && seen.contains("environment-value")
    })
    .await;
}
