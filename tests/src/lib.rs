//! The harness: real servers and programs, started, broken and stopped by tests.
//!
//! - [`server`]: Vault and OpenBao; [`api`]: direct calls to them
//! - [`weed`]: SeaweedFS as S3; [`s3`]: a bucket without our own code
//! - [`process`], [`ports`], [`workdir`], [`wait`], [`tools`], [`cert`]: what every server here is built from

#![expect(clippy::expect_used, clippy::panic, reason = "harness: a fault in it fails the test")]
#![expect(clippy::missing_panics_doc, reason = "every function here fails the test by a panic")]

pub mod api;
pub mod cert;
pub mod ports;
pub mod process;
pub mod s3;
pub mod server;
pub mod tools;
pub mod wait;
pub mod weed;
pub mod workdir;
