//! Scenarios on real servers.

mod age;
mod attack;
mod custody;
mod deploy;
mod init;
mod kills;
mod layers;
mod leaks;
mod local_hold;
mod object_access;
mod objects;
mod prompt;
mod proxy;
mod run;
mod scale;
mod servers;
mod states;
mod store;
mod story;
mod testbed;
mod vault_client;
