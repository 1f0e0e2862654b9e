//! The real age opens what it sealed itself: the programs that the custody scenarios compare with.

use std::time::Duration;

use harness::command::run;
use harness::process::Program;
use harness::tools::program;
use harness::workdir::Workdir;

#[tokio::test]
async fn age_opens_with_its_own_key_and_with_no_other() {
    let folder = Workdir::new("age");
    let limit = Duration::from_secs(20);
    for key in ["ours", "other"] {
        let keygen = Program::new("age-keygen", program("age-keygen")).arg("-o").arg(folder.join(key));
        run(keygen, limit).await.assert_status(0);
    }
    let recipient =
        run(Program::new("age-keygen", program("age-keygen")).arg("-y").arg(folder.join("ours")), limit).await;
    let (plain, sealed) = (folder.write("plain", "thirty-two bytes of a secret, ok"), folder.join("sealed"));
    let age = || Program::new("age", program("age"));
    let seal = age().args(["-r", recipient.stdout.trim(), "-o"]).arg(&sealed).arg(&plain);
    run(seal, limit).await.assert_status(0);

    let open = age().args(["-d", "-i"]).arg(folder.join("ours")).arg(&sealed);
    assert_eq!(run(open, limit).await.assert_status(0).stdout, "thirty-two bytes of a secret, ok");
    let refused = age().args(["-d", "-i"]).arg(folder.join("other")).arg(&sealed);
    run(refused, limit).await.assert_status(1);
}
