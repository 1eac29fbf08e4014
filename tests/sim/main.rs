//! Whole networks in virtual time: the real actors, an in-memory network, memory disks. Every run is repeated by its seed.

mod delivery;
mod people;
mod trace;
