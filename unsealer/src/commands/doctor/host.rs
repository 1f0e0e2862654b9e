//! What lies on this host: the folder of init's sealed copy, the copies of the store, and the last try of the offline key.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use restore::objects::location::StoreLocation;
use rustix::fs::Access;

use super::{Check, CheckResult};
use crate::export::trial;
use crate::session::Session;
use crate::settings::Settings;
use crate::store::view::Generation;

/// `f_type` of file systems that lie in memory: `TMPFS_MAGIC` and `RAMFS_MAGIC` of the kernel.
const IN_MEMORY: [i64; 2] = [0x0102_1994, 0x8584_58f6];
/// A try of the offline key that is older says little.
const TRIED_LATELY: SignedDuration = SignedDuration::from_hours(366 * 24);

/// Where `init` keeps the only copy of the shares until they are stored. A host that only opens needs none.
pub(super) fn state_dir(settings: &Settings) -> Check {
    let name = "state-dir";
    let initialises = !settings.recipients.is_empty();
    let wrong = if initialises { CheckResult::Bad } else { CheckResult::Weak };
    let Some(folder) = &settings.state_dir else {
        if !initialises {
            return Check::good(name, "stateDir is not set: this host only opens");
        }
        let hint = "set stateDir to a folder that outlives the process's container: `init` refuses without it";
        return Check::other(name, CheckResult::Weak, "stateDir is not set", hint);
    };
    let shown = folder.display();
    match std::fs::metadata(folder) {
        Ok(about) if !about.is_dir() => {
            Check::other(name, wrong, format!("{shown} is not a folder"), "name a folder as stateDir")
        }
        Ok(_) if rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK).is_err() => Check::other(
            name,
            wrong,
            format!("{shown} cannot be written"),
            "give it to the user who runs `init`, on a file system that is not read-only",
        ),
        Ok(_) if lies_in_memory(folder) => Check::other(
            name,
            wrong,
            format!("{shown} lies in memory (tmpfs)"),
            "put stateDir on a disk: until they are stored the only copy of new shares lies there",
        ),
        Ok(_) => Check::good(name, format!("{shown} can be written and is on a disk")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Check::other(
            name,
            CheckResult::Weak,
            format!("{shown} is not there"),
            "make it, on a disk that outlives the process's container; `init` makes it where it can",
        ),
        Err(error) => Check::other(
            name,
            CheckResult::Unknown,
            format!("{shown}: {}", error.kind()),
            "run it as the user of `init`",
        ),
    }
}

fn lies_in_memory(folder: &Path) -> bool {
    rustix::fs::statfs(folder).is_ok_and(|about| IN_MEMORY.contains(&about.f_type))
}

/// Whether the stored objects lie anywhere else than in the store, as far as this host knows.
pub(super) fn copies(session: &Session) -> Check {
    let name = "copies";
    let vault = session.name.as_str();
    let only_one = |why: &str| {
        Check::other(
            name,
            CheckResult::Weak,
            format!("{vault}: only one copy of the store is known: {why}"),
            "set cacheDir on another disk and let `unsealer run` fill it, or copy with `unsealer store copy --to file:///FOLDER`",
        )
    };
    let Some(cache) = &session.settings.cache_dir else { return only_one("cacheDir is not set") };
    let held = session.cached().map(|cached| cached.objects.len()).unwrap_or_default();
    if held == 0 {
        return only_one("the cache holds nothing of it");
    }
    let beside =
        |location: &StoreLocation| matches!(location, StoreLocation::Directory(store) if one_disk(store, cache));
    if session.settings.stores().any(|(_, location)| beside(location)) {
        return only_one("the cache lies on the store's own file system");
    }
    Check::good(name, format!("{vault}: the cache holds a second copy, {held} objects"))
}

fn one_disk(one: &Path, other: &Path) -> bool {
    let device = |path: &Path| std::fs::metadata(path).map(|about| about.dev()).ok();
    device(one).is_some_and(|one| device(other) == Some(one))
}

/// When an offline identity was last seen, on this host, to open what is stored.
pub(super) fn offline_key(session: &Session, current: Option<Generation>, now: Timestamp) -> Option<Check> {
    let ours = session.identities.to_recipients();
    // Without one there is nothing to try; that itself is said elsewhere.
    session.settings.recipients.values().find(|recipient| !ours.contains(recipient))?;
    let vault = session.name.as_str();
    let weak = |seen: String| {
        let hint = "try it with `unsealer export --check --identity FILE`: it prints no share, and the time stays on this host";
        Check::other("offline-key", CheckResult::Weak, format!("{vault}: {seen}"), hint)
    };
    let Some(file) = trial::file(&session.settings, vault) else {
        return Some(weak(
            "whether the offline key was ever tried is not kept: neither stateDir nor cacheDir is set".to_owned(),
        ));
    };
    Some(match trial::last(&file) {
        Err(fault) => weak(format!("whether the offline key was ever tried cannot be read: {fault}")),
        Ok(None) => weak("the offline key was never tried on this host".to_owned()),
        Ok(Some(tried)) if current.is_some_and(|current| current.0 != tried.generation) => {
            weak(format!("the offline key was last tried on generation {}, at {}", tried.generation, tried.at))
        }
        Ok(Some(tried)) if now.duration_since(tried.at) > TRIED_LATELY => {
            weak(format!("the offline key was last tried at {}", tried.at))
        }
        Ok(Some(tried)) => {
            Check::good("offline-key", format!("{vault}: it opened generation {} at {}", tried.generation, tried.at))
        }
    })
}
