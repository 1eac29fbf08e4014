//! Owner of the records this node holds for others and for itself: taking them in, handing them out, reading the network.

mod actor;
mod answer;
mod coming;
mod gone;
mod handle;
mod intake;
mod keep;
mod kept_proofs;
mod list;
mod local;
mod messages;
mod patient;
mod quota;
mod read;
mod room;
mod sources;
mod splits;
pub(in crate::actors) mod void;

pub use actor::StorageActor;
pub use answer::{MOST_PROOF_BYTES, answer_get, answer_glance, proofs, signed};
pub use handle::StorageHandle;
pub use intake::{disbelief, is_held, put_op, refusal};
pub use kept_proofs::kept_proofs;
pub use list::{read_list, read_list_of_home};
pub use messages::{Held, WholeList};
pub use patient::{owner_patiently, read_account_patiently};
pub use quota::Quotas;
pub use read::{One, PartOf, PartRead, Reading, account_of, read, read_account, read_at, read_part};
pub use sources::Origins;
pub use splits::{keep_held, split};
