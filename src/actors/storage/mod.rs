//! Owner of the records this node holds for others and for itself: taking them in, handing them out, reading the network.

mod actor;
mod answer;
mod coming;
mod handle;
mod intake;
mod list;
mod messages;
mod quota;
mod read;

pub use actor::StorageActor;
pub use answer::{answer_get, signed};
pub use handle::StorageHandle;
pub use intake::{disbelief, put_op, refusal};
pub use list::read_list;
pub use messages::{Held, Listed};
pub use read::{Reading, account_of, read, read_account};
