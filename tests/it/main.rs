//! Scenarios on real servers.

mod custody;
mod objects;
mod proxy;
mod servers;
