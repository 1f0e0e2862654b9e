//! The harness: real servers and programs, started, broken and stopped by tests.
//!
//! - [`server`]: Vault and OpenBao; [`api`]: direct calls to them
//! - [`weed`]: SeaweedFS as S3; [`s3`]: a bucket without our own code
//! - [`proxy`]: breaks what passes between a client and a server
//! - [`site`]: keys, store and settings of one installation, and its commands; [`daemon`]: `unsealer run`
//! - [`stub`]: says what a test wants and keeps what it was sent; [`memscan`], [`leak`]: secrets where none may be
//! - [`sops`]: the real sops programs and ours, to be compared
//! - [`assassin`]: kills a program at a moment that a proxy sees
//! - [`process`], [`command`], [`bin`], [`tools`], [`ports`], [`workdir`], [`disk`],
//!   [`full_pipe`], [`wait`], [`cert`]: what the others are built from

#![expect(clippy::expect_used, clippy::panic, reason = "harness: a fault in it fails the test")]
#![expect(clippy::missing_panics_doc, reason = "every function here fails the test by a panic")]

pub mod api;
pub mod assassin;
pub mod bin;
pub mod cert;
pub mod command;
pub mod daemon;
pub mod disk;
pub mod full_pipe;
pub mod leak;
pub mod memscan;
pub mod ports;
pub mod process;
pub mod proxy;
pub mod s3;
pub mod server;
pub mod site;
pub mod sops;
pub mod stub;
pub mod tools;
pub mod wait;
pub mod weed;
pub mod workdir;
