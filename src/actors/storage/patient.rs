//! Reading a name for a person who waits: peers that are busy for a moment answer the next time.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::sleep;

use super::read::read_account;
use crate::actors::context::Context;
use crate::records::AccountChain;
use crate::types::Username;

/// Readings before it is given up.
const READINGS: usize = 5;
/// The pause between them.
const PAUSE: Duration = Duration::from_millis(400);

/// Reads who owns a name like [`read_account`], some times while too few answer; the caller sets the limit of time.
///
/// # Errors
/// `Err(())` when too few holders answered to say so, every time.
pub async fn read_account_patiently(node: &Rc<Context>, name: &Username) -> Result<Option<Rc<AccountChain>>, ()> {
    for _ in 1..READINGS {
        match read_account(node, name).await {
            Err(()) => sleep(PAUSE).await,
            found => return found,
        }
    }
    read_account(node, name).await
}
