//! Whose a name is. That never changes, so the first chain that is verified says it all; that nobody has it is said only
//! when enough holders were heard.

use std::rc::Rc;

use super::anchors::Ahead;
use super::{Page, conclude};
use crate::actors::context::Context;
use crate::actors::routing::{Goal, search};
use crate::records::{Record, admit, name_key};
use crate::types::{AccountId, Section, SectionSet, Username};

/// Finds out whose a name is. `Ok(None)` when nobody has it, as far as enough holders know.
///
/// # Errors
/// `Err(())` when too few holders answered to say so.
pub async fn owner_of(node: &Rc<Context>, name: &Username) -> Result<Option<AccountId>, ()> {
    if let Some(account) = known(node, name) {
        return Ok(Some(account));
    }
    let (key, sections, ahead) = (name_key(name), SectionSet::of(&[Section::Account]), Ahead::default());
    let proves = |page: &Rc<Page>| proves(node, page, name);
    let goal = Goal { guarded: true, first: true, ..Goal::of(proves, 1) };
    let found = search(node, key, goal, |contact| ahead.ask(node, contact, key, sections)).await;
    if let Some(account) = known(node, name) {
        return Ok(Some(account));
    }
    let reading = conclude(node, key, sections, found, &ahead).await;
    match reading.chain() {
        Some(chain) if chain.username() == name => Ok(Some(chain.account)),
        _ if reading.complete => Ok(None),
        _ => Err(()),
    }
}

fn known(node: &Rc<Context>, name: &Username) -> Option<AccountId> {
    node.with_proofs(|proofs| proofs.named(name).map(|proof| proof.chain.account))
}

/// Tells whether a page has a chain by which somebody has the name; it is known here from then on.
fn proves(node: &Rc<Context>, page: &Page, name: &Username) -> bool {
    let records = page.records.iter().filter_map(|bytes| Record::decode(bytes.clone()).ok());
    let named = records.filter(|record| matches!(record, Record::Account(chain) if chain.username() == name));
    named
        .into_iter()
        .any(|record| admit(&record, node.now(), node.network.limits()).is_ok() && node.verify(&record).is_ok())
}
