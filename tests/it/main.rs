//! Scenarios on real servers.

mod objects;
mod servers;
