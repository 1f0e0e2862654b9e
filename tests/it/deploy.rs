//! What lies in `deploy/` fits the programs: settings, flags, ports, Secrets, the unit, and the image, which is run.

#![expect(clippy::expect_used, clippy::panic, reason = "a test may end where its ground breaks away")]

mod files;
mod image;
mod kubernetes;
mod namespace;
mod settings;
mod unit;
