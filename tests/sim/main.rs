//! Whole networks in virtual time: the real actors, an in-memory network, memory disks. Every run is repeated by its seed.

mod anchors;
mod chaos;
mod clocks;
mod crashes;
mod crowd;
mod delivery;
mod devices;
mod directory;
mod hiding;
mod holders;
mod moments;
mod names;
mod partitions;
mod people;
mod rebuilding;
mod restored;
mod town;
mod trace;
mod waiting;
mod withdrawal;
mod writing;
