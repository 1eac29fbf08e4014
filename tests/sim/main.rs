//! Whole networks in virtual time: the real actors, an in-memory network, memory disks. Every run is repeated by its seed.

mod anchors;
mod chaos;
mod clocks;
mod crashes;
mod crowd;
mod delivery;
mod devices;
mod directory;
mod hidden;
mod hiding;
mod holders;
mod mentions;
mod moments;
mod names;
mod partitions;
mod people;
mod presence;
mod reading;
mod rebuilding;
mod restored;
mod threads;
mod town;
mod trace;
mod waiting;
mod withdrawal;
mod writing;
