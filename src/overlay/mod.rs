//! Who is near what: the Kademlia routing table, the iterative lookup, and the choice of replicas.
//!
//! Plain state and functions (Maymounkov and Mazières 2002, with candidates that enter only once we reached them
//! ourselves). Nothing here sends, waits or reads a clock: time and randomness are arguments.

mod bucket;
mod dead;
mod disjoint;
mod division;
mod lookup;
mod nearby;
mod patience;
pub mod places;
pub mod replicas;
mod round_trips;
mod shares;
mod table;

pub use bucket::Entry;
pub use disjoint::{DisjointLookup, MAX_PATHS, paths};
pub use lookup::{ALPHA, Lookup, MAX_ASKS, MAX_CANDIDATES, MAX_PARALLEL, Report, Step};
pub use nearby::Nearby;
pub use patience::LONGEST_SILENCE;
pub use round_trips::{LONGEST, RoundTrips};
pub use shares::{Share, Shares};
pub use table::{ContactInfo, Failed, Reached, RoutingTable};
