//! Whole networks in virtual time: the real actors, an in-memory network, memory disks. Every run is repeated by its seed.

mod anchors;
mod chaos;
mod clocks;
mod crashes;
mod delivery;
mod devices;
mod directory;
mod holders;
mod moments;
mod names;
mod overlay;
mod partitions;
mod people;
mod rebuilding;
mod town;
mod trace;
mod waiting;
mod withdrawal;
