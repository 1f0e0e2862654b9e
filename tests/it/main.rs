//! Scenarios on real servers.

mod objects;
mod proxy;
mod servers;
