//! What failures inside become for people.

use super::door::Gone;
use crate::seam::StoreError;
use crate::types::{Code, Problem};

impl From<Gone> for Problem {
    fn from(gone: Gone) -> Self {
        Problem::new(Code::Internal, gone.to_string()).hint("try again in a moment")
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let (code, cure) = match error {
            StoreError::Damaged(_) => (
                Code::StoreDamaged,
                "it was left as it is; put a copy in its place, or log in with a new data dir: what was published is in the network",
            ),
            StoreError::Newer { .. } => {
                (Code::StoreNewer, "use the version of this program that wrote it, or a later one")
            }
            StoreError::DiskFull => (Code::DiskFull, "make room on the disk"),
            StoreError::Access(_) => {
                (Code::Internal, "see that the data dir and what is in it can be read and written")
            }
            StoreError::Closed => (Code::Internal, "start the node again"),
        };
        Problem::new(code, error.to_string()).hint(cure)
    }
}
