//! The fields of each kind of record, and what they allow.

mod bundle;
mod device;
mod directory;
mod edge;
mod log;
mod mention;
mod presence;
mod private;
mod profile;
mod tombstone;
mod watermark;

pub use bundle::BundleBody;
pub use device::{DeviceBody, RetirementBody};
pub use directory::{DirectoryBody, users_key};
pub use edge::EdgeBody;
pub use log::{HeadsBody, MAX_EARLY, PostBody, ReplyTo, TextError, checked_text};
pub use mention::MentionBody;
pub use presence::{InterestBody, PresenceBody, countersign, countersigned};
pub use private::{Entry, PrivateBody, PrivateKind, entry_tag};
pub use profile::{ProfileBody, ProfileError, checked_profile};
pub use tombstone::TombstoneBody;
pub use watermark::WatermarkBody;
