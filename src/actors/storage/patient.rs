//! Reading a name for a person who waits: peers that are busy for a moment answer the next time.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::sleep;

use super::read::{owner_of, read_account};
use crate::actors::context::Context;
use crate::records::AccountChain;
use crate::types::{AccountId, Username};

/// Readings before it is given up.
const READINGS: usize = 5;
/// The pause between them.
const PAUSE: Duration = Duration::from_millis(400);

/// Reads who owns a name like [`read_account`], some times while too few answer; the caller sets the limit of time.
///
/// # Errors
/// `Err(())` when too few holders answered to say so, every time.
pub async fn read_account_patiently(node: &Rc<Context>, name: &Username) -> Result<Option<Rc<AccountChain>>, ()> {
    patiently(async || read_account(node, name).await).await
}

/// Finds out whose a name is like [`owner_of`], some times while too few answer; the caller sets the limit of time.
///
/// # Errors
/// `Err(())` when too few holders answered to say so, every time.
pub async fn owner_patiently(node: &Rc<Context>, name: &Username) -> Result<Option<AccountId>, ()> {
    patiently(async || owner_of(node, name).await).await
}

async fn patiently<T>(read: impl AsyncFn() -> Result<T, ()>) -> Result<T, ()> {
    for _ in 1..READINGS {
        match read().await {
            Err(()) => sleep(PAUSE).await,
            found => return found,
        }
    }
    read().await
}
