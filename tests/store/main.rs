//! One contract for every store, and what only a store in a file can promise: files, crashes, group commit.

mod contract;
mod crash;
mod damage;
mod fixture;
mod group;
mod migration;
mod persistence;
mod property;
mod records;
