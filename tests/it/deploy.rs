//! What lies in `deploy/` fits the programs: settings, flags, ports, Secrets, the unit, and the image, which is run.

mod files;
mod image;
mod kubernetes;
mod namespace;
mod settings;
mod unit;
