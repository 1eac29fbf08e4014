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
        let code = match error {
            StoreError::Damaged(_) => Code::StoreDamaged,
            StoreError::Newer { .. } => Code::StoreNewer,
            StoreError::DiskFull => Code::DiskFull,
            StoreError::Access(_) | StoreError::Closed => Code::Internal,
        };
        Problem::new(code, error.to_string())
    }
}
