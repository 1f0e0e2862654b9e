//! Create-only writes whose answer may be lost, and the probe for stores that ignore the condition.

use async_trait::async_trait;
use sops_tools::clock::{Entropy as _, System};

use super::{Created, ErrorKind, ObjectError, ObjectPath, ProbeVerdict, ReadObjects, retry};

/// One try of a create-only write.
#[async_trait]
pub(super) trait CreateOnce: ReadObjects {
    /// Sends the write once. [`ErrorKind::Conflict`] = the name is taken (not yet known by what);
    /// [`ErrorKind::Unavailable`] or [`ErrorKind::Corrupt`] = the outcome is not known.
    async fn create_once(&self, path: &ObjectPath, bytes: &[u8]) -> Result<(), ObjectError>;
}

/// Writes until the outcome is certain: after a refusal or a lost answer the object is read back and compared.
pub(super) async fn settle<S: CreateOnce + ?Sized>(
    store: &S,
    path: &ObjectPath,
    bytes: &[u8],
) -> Result<Created, ObjectError> {
    let mut tried = 0;
    loop {
        tried += 1;
        let error = match store.create_once(path, bytes).await {
            Ok(()) => return Ok(Created::Stored),
            Err(error) => error,
        };
        if !matches!(error.kind, ErrorKind::Conflict | ErrorKind::Unavailable | ErrorKind::Corrupt) {
            return Err(error);
        }
        match stands_there(store, path, bytes).await {
            Ok(Standing::Equal) => return Ok(Created::AlreadyOurs),
            Ok(Standing::Different) => {
                return Err(ObjectError::new(ErrorKind::Conflict, "create", error.path, "other bytes stand there"));
            }
            Ok(Standing::Nothing) if tried < retry::TRIES => retry::wait(tried).await,
            Ok(Standing::Nothing) => return Err(exhausted(error)),
            Err(read) => return Err(unknown_outcome(&error, read)),
        }
    }
}

enum Standing {
    Equal,
    Different,
    Nothing,
}

async fn stands_there<S: ReadObjects + ?Sized>(
    store: &S,
    path: &ObjectPath,
    bytes: &[u8],
) -> Result<Standing, ObjectError> {
    let limit = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    match store.get(path, limit).await {
        Ok(found) if found == bytes => Ok(Standing::Equal),
        Ok(_) => Ok(Standing::Different),
        Err(error) => match error.kind {
            ErrorKind::TooLarge => Ok(Standing::Different),
            ErrorKind::Absent => Ok(Standing::Nothing),
            _ => Err(error),
        },
    }
}

/// Nothing stands there after the last try. A name that is called taken and absent in turn is the store's
/// contradiction, not a conflict: a conflict would claim that somebody else's bytes were seen.
fn exhausted(mut error: ObjectError) -> ObjectError {
    if error.kind == ErrorKind::Conflict {
        let detail = format!("{}; yet nothing stands there", error.detail);
        return ObjectError::new(ErrorKind::Unavailable, "create", error.path, detail);
    }
    error.detail.push_str("; read back: not stored so far");
    error
}

fn unknown_outcome(write: &ObjectError, read: ObjectError) -> ObjectError {
    let detail = format!("{}; reading back: {}; whether it is stored is not known", write.detail, read.detail);
    ObjectError { operation: "create", detail, ..read }
}

/// Writes one name twice with different bytes and looks what stands there in the end.
pub(super) async fn probe<S: CreateOnce + ?Sized>(store: &S) -> Result<ProbeVerdict, ObjectError> {
    let id = System.id();
    let path = ObjectPath::new(format!("probe/{id}"))
        .map_err(|fault| ObjectError::new(ErrorKind::Settings, "probe", store.describe(), fault.to_string()))?;
    let (first, second) = (format!("{id} first\n"), format!("{id} second\n"));
    settle(store, &path, first.as_bytes()).await?;
    let overwritten = second_write_accepted(store, &path, second.as_bytes()).await?;
    let limit = 2 * u64::try_from(second.len()).unwrap_or(u64::MAX);
    let found = store.get(&path, limit).await?;
    if overwritten || found == second.as_bytes() {
        Ok(ProbeVerdict::ConditionsIgnored)
    } else if found == first.as_bytes() {
        Ok(ProbeVerdict::ConditionsWork)
    } else {
        let place = format!("{} {path}", store.describe());
        Err(ObjectError::new(ErrorKind::Corrupt, "probe", place, "read back bytes that were never written"))
    }
}

async fn second_write_accepted<S: CreateOnce + ?Sized>(
    store: &S,
    path: &ObjectPath,
    bytes: &[u8],
) -> Result<bool, ObjectError> {
    let mut tried = 0;
    loop {
        tried += 1;
        match store.create_once(path, bytes).await {
            Ok(()) => return Ok(true),
            Err(error) if error.kind == ErrorKind::Conflict => return Ok(false),
            Err(error) if error.kind == ErrorKind::Unavailable && tried < retry::TRIES => retry::wait(tried).await,
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::WriteObjects as _;
    use super::super::memory::{Fault, MemoryStore, Operation};
    use super::*;

    fn path() -> ObjectPath {
        ObjectPath::new("a/b").unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_answer_ends_as_our_own_object() {
        let store = MemoryStore::new();
        store.inject(Operation::Create, [Fault::LostAnswer]);
        assert_eq!(store.create(&path(), b"mine").await.unwrap(), Created::AlreadyOurs);
        assert_eq!(store.get(&path(), 10).await.unwrap(), b"mine");
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_never_arrived_is_sent_again() {
        let store = MemoryStore::new();
        store.inject(Operation::Create, [Fault::Unavailable, Fault::Unavailable]);
        assert_eq!(store.create(&path(), b"mine").await.unwrap(), Created::Stored);
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_stays_away_is_asked_three_times() {
        let store = MemoryStore::new();
        store.inject(Operation::Create, [Fault::Unavailable; 4]);
        assert_eq!(store.create(&path(), b"mine").await.unwrap_err().kind, ErrorKind::Unavailable);
        assert_eq!(store.pending_faults(Operation::Create), 1);
    }

    #[tokio::test]
    async fn other_bytes_are_a_conflict_and_stay() {
        let store = MemoryStore::new();
        store.create(&path(), b"theirs").await.unwrap();
        assert_eq!(store.create(&path(), b"mine").await.unwrap_err().kind, ErrorKind::Conflict);
        assert_eq!(store.create(&path(), b"m").await.unwrap_err().kind, ErrorKind::Conflict);
        assert_eq!(store.get(&path(), 10).await.unwrap(), b"theirs");
    }

    #[tokio::test(start_paused = true)]
    async fn an_unreadable_outcome_is_said_to_be_unknown() {
        let store = MemoryStore::new();
        store.inject(Operation::Create, [Fault::LostAnswer]);
        store.inject(Operation::Get, [Fault::Unavailable]);
        let error = store.create(&path(), b"mine").await.unwrap_err();
        assert_eq!((error.kind, error.operation), (ErrorKind::Unavailable, "create"));
        assert!(error.detail.contains("not known"), "{error}");
    }

    #[tokio::test]
    async fn a_denied_write_is_not_repeated() {
        let store = MemoryStore::new();
        store.inject(Operation::Create, [Fault::Denied, Fault::Denied]);
        assert_eq!(store.create(&path(), b"mine").await.unwrap_err().kind, ErrorKind::Denied);
        assert_eq!(store.pending_faults(Operation::Create), 1);
    }

    #[tokio::test]
    async fn the_probe_leaves_one_object_and_sees_conditions_work() {
        let store = MemoryStore::new();
        assert_eq!(store.probe().await.unwrap(), ProbeVerdict::ConditionsWork);
        assert_eq!(store.list("probe/", 10).await.unwrap().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_probe_sees_a_store_that_overwrites() {
        let store = MemoryStore::new();
        store.ignore_conditions();
        assert_eq!(store.probe().await.unwrap(), ProbeVerdict::ConditionsIgnored);
        store.inject(Operation::Create, [Fault::None, Fault::LostAnswer]);
        assert_eq!(store.probe().await.unwrap(), ProbeVerdict::ConditionsIgnored);
    }
}
