//! Kills a program from outside, at the moment somebody else names.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::process::Process;

/// A hand that kills one process. It is made before the process is started, so that a trap can hold it.
#[derive(Debug, Clone, Default)]
pub struct Assassin(Arc<Mutex<Option<OwnedFd>>>);

impl Assassin {
    /// Aims at a process, by a descriptor: its number may be another's once it is gone.
    pub fn aim(&self, process: &Process) {
        let pid = i32::try_from(process.pid()).ok().and_then(Pid::from_raw).expect("a child's pid");
        // One that has ended already cannot be killed any more: the trial sees that by its exit status.
        *self.0.lock().expect("no panic while it is held") = pidfd_open(pid, PidfdFlags::empty()).ok();
    }

    /// Kills it with SIGKILL. One that has ended already is left in peace.
    pub fn strike(&self) {
        if let Some(target) = self.0.lock().expect("no panic while it is held").as_ref() {
            let _ = pidfd_send_signal(target, Signal::KILL);
        }
    }
}
