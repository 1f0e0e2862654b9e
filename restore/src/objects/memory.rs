//! A store in memory for tests of what stands on top of a store, with faults on demand.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::create::{self, CreateOnce};
use super::{
    Bounds, Created, Entry, ErrorKind, ObjectError, ObjectPath, ProbeVerdict, ReadObjects, Survey, Wanted, WriteObjects,
};

/// Calls that can be made to fail. A [`create`](WriteObjects::create) may use several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Reading one object, also when a write reads back.
    Get,
    /// Listing.
    List,
    /// One try of a write.
    Create,
}

/// What happens to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: the call goes through.
    None,
    /// The store is not reached and nothing changes.
    Unavailable,
    /// The key has no right.
    Denied,
    /// The write takes place but its answer does not arrive. The same as [`Fault::Unavailable`] for a read.
    LostAnswer,
}

/// Objects in memory, create-only like the real stores.
#[derive(Default)]
pub struct MemoryStore(Mutex<State>);

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Vec<u8>>,
    faults: BTreeMap<Operation, VecDeque<Fault>>,
    ignores_conditions: bool,
}

impl MemoryStore {
    /// An empty store without faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the next calls of `operation` end in `faults`, one each, after those injected before.
    pub fn inject(&self, operation: Operation, faults: impl IntoIterator<Item = Fault>) {
        self.state().faults.entry(operation).or_default().extend(faults);
    }

    /// Injected faults that no call has met yet.
    pub fn pending_faults(&self, operation: Operation) -> usize {
        self.state().faults.get(&operation).map_or(0, VecDeque::len)
    }

    /// Overwrites on every write from now on, as a store does that ignores conditions.
    pub fn ignore_conditions(&self) {
        self.state().ignores_conditions = true;
    }

    /// Puts bytes under any name and over anything, as somebody with a write key can.
    pub fn put(&self, path: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.state().objects.insert(path.into(), bytes.into());
    }

    /// Removes an object, as somebody with a delete key can. Gives its bytes.
    pub fn remove(&self, path: &str) -> Option<Vec<u8>> {
        self.state().objects.remove(path)
    }

    /// Everything that stands here.
    pub fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        self.state().objects.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_fault(&self, operation: Operation) -> Fault {
        self.state().faults.get_mut(&operation).and_then(VecDeque::pop_front).unwrap_or(Fault::None)
    }

    fn read_fault(&self, operation: Operation, name: &'static str, path: &str) -> Result<(), ObjectError> {
        match self.next_fault(operation) {
            Fault::None => Ok(()),
            Fault::Denied => Err(error(ErrorKind::Denied, name, path)),
            Fault::Unavailable | Fault::LostAnswer => Err(error(ErrorKind::Unavailable, name, path)),
        }
    }
}

fn error(kind: ErrorKind, operation: &'static str, path: &str) -> ObjectError {
    ObjectError::new(kind, operation, format!("memory {path}"), kind.class())
}

#[async_trait]
impl ReadObjects for MemoryStore {
    async fn get(&self, path: &ObjectPath, limit_bytes: u64) -> Result<Vec<u8>, ObjectError> {
        self.read_fault(Operation::Get, "get", path.as_str())?;
        let state = self.state();
        let bytes = state.objects.get(path.as_str()).ok_or_else(|| error(ErrorKind::Absent, "get", path.as_str()))?;
        if bytes.len() as u64 > limit_bytes {
            return Err(error(ErrorKind::TooLarge, "get", path.as_str()));
        }
        Ok(bytes.clone())
    }

    async fn survey(&self, prefix: &str, wanted: Wanted, bounds: Bounds) -> Result<Survey, ObjectError> {
        self.read_fault(Operation::List, "list", prefix)?;
        let state = self.state();
        let mut survey = Survey::default();
        for (path, bytes) in state.objects.iter().filter(|(path, _)| path.starts_with(prefix)) {
            let entry = Entry { path: path.clone(), size: bytes.len() as u64, modified: None, tag: None };
            if !survey.take(entry, wanted, &bounds) {
                break;
            }
        }
        Ok(survey.sorted())
    }

    fn describe(&self) -> String {
        "memory".to_owned()
    }
}

#[async_trait]
impl CreateOnce for MemoryStore {
    async fn create_once(&self, path: &ObjectPath, bytes: &[u8]) -> Result<(), ObjectError> {
        let fault = self.next_fault(Operation::Create);
        match fault {
            Fault::Unavailable => return Err(error(ErrorKind::Unavailable, "create", path.as_str())),
            Fault::Denied => return Err(error(ErrorKind::Denied, "create", path.as_str())),
            Fault::None | Fault::LostAnswer => {}
        }
        let mut state = self.state();
        let taken = !state.ignores_conditions && state.objects.contains_key(path.as_str());
        if !taken {
            state.objects.insert(path.as_str().to_owned(), bytes.to_vec());
        }
        match (fault, taken) {
            (Fault::LostAnswer, _) => Err(error(ErrorKind::Unavailable, "create", path.as_str())),
            (_, true) => Err(error(ErrorKind::Conflict, "create", path.as_str())),
            (_, false) => Ok(()),
        }
    }
}

#[async_trait]
impl WriteObjects for MemoryStore {
    async fn create(&self, path: &ObjectPath, bytes: &[u8]) -> Result<Created, ObjectError> {
        create::settle(self, path, bytes).await
    }

    async fn probe(&self) -> Result<ProbeVerdict, ObjectError> {
        create::probe(self).await
    }
}
