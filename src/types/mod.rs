//! The nouns of the network: identifiers, times, names, contacts, the network document.
//!
//! Plain data without behaviour of its own; nothing here signs, stores or sends.

mod code;
mod contact;
mod ids;
mod name;
mod network;
mod prefix;
mod rng;
mod section;
mod stretch;
mod time;

pub use code::{Code, Problem};
pub use contact::{Contact, ContactProof, MAX_ADDRESSES, Reach};
pub use ids::{AccountId, DeviceId, Distance, Hash, IdError, Key, NetworkId, NodeId, PublicKey};
pub use name::{NameError, Username};
pub use network::{
    DEFAULT_TTL, Limits, MAX_DOCUMENT_BYTES, MAX_TTL, MIN_TTL, Network, NetworkDocument, NetworkError, RegistrarEntry,
    alpn, quorum,
};
pub use prefix::{IpPrefix, IpPrefixError};
pub use rng::Rng;
pub use section::{RecordKind, Section, SectionSet};
pub use stretch::{Stretch, place_of};
pub use time::{Hlc, WallTime, format_rfc3339};
