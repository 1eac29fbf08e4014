//! The claimant's side: asking the registrars, one after another, in the order of their NodeIds.

use std::rc::Rc;

use crate::actors::call::{CallError, Patience};
use crate::actors::context::Context;
use crate::records::{AccountBody, Signed};
use crate::registry::{Tally, Verdict};
use crate::types::{AccountId, PublicKey, Username};
use crate::wire::{Claim, Claimed, ErrorCode, NameStatus, Standing};

/// Asks the registrars to sign for a claim until the verdict is clear.
///
/// One after another, in one order for everybody: of two claims at the same time, one is ahead everywhere.
///
/// # Errors
/// `NameReserved` and `BadClaim` when all registrars answered, none signed for the claim, and one says so: whoever may have
/// signed already must not see the claim given up because of another.
pub async fn ask_registrars(node: &Rc<Context>, claim: &Signed<AccountBody>) -> Result<Verdict, ErrorCode> {
    let mut tally = Tally::new(node.network.registrars.len(), node.network.quorum());
    let (mut refused, mut refusals) = (None, 0);
    // In the order of their NodeIds: the network keeps them so.
    for registrar in &node.network.registrars {
        match ask(node, registrar, claim).await {
            Some(Ok(claimed)) => count(node, &mut tally, registrar, claim, claimed),
            Some(Err(code @ (ErrorCode::NameReserved | ErrorCode::BadClaim))) => {
                (refused, refusals) = (Some(code), refusals + 1);
            }
            Some(Err(code)) => tracing::warn!(?code, "a registrar did not decide"),
            None => tracing::debug!("a registrar was not reached"),
        }
        match tally.verdict() {
            Verdict::Pending { .. } => {}
            verdict => return Ok(verdict),
        }
    }
    match (tally.verdict(), refused) {
        (Verdict::Pending { signed: 0, reached, .. }, Some(code))
            if reached + refusals == node.network.registrars.len() =>
        {
            Err(code)
        }
        (verdict, _) => Ok(verdict),
    }
}

async fn ask(
    node: &Rc<Context>,
    registrar: &PublicKey,
    claim: &Signed<AccountBody>,
) -> Option<Result<Claimed, ErrorCode>> {
    let id = registrar.node_id();
    if let (true, Some(own)) = (id == node.me, &node.doors().registrar) {
        return Some(own.claim(node.me, claim.bytes().clone()).await);
    }
    let contact = node.doors().routing.known(id).await?;
    match node.call(&contact, &Claim { record: claim.bytes().into() }, Patience::Disk).await {
        Ok(claimed) => Some(Ok(claimed)),
        Err(CallError::Refused(refused)) => Some(Err(refused.code)),
        Err(CallError::Net(_) | CallError::Malformed) => None,
    }
}

/// Counts an answer that proves itself; any other counts for nothing.
fn count(node: &Rc<Context>, tally: &mut Tally, registrar: &PublicKey, claim: &Signed<AccountBody>, claimed: Claimed) {
    let Claimed { signed, other } = claimed;
    if signed.registrar != *registrar {
        return;
    }
    match other {
        None if signed.holds(&node.network, AccountId(claim.hash().0), claim) => tally.signed(signed),
        Some(blob) => {
            let Ok(record) = Signed::<AccountBody>::decode(blob.into_bytes()) else { return };
            let same_name = record.body.username == claim.body.username && record.body.seq == claim.body.seq;
            if same_name && signed.holds(&node.network, AccountId(record.hash().0), &record) {
                tally.bound_to(*registrar, record.hash());
            }
        }
        None => {}
    }
}

/// Tells whether any registrar that answers has signed for this name.
pub async fn name_is_pending(node: &Rc<Context>, name: &Username) -> bool {
    for registrar in &node.network.registrars {
        let id = registrar.node_id();
        let standing: Option<Standing> = match (id == node.me, &node.doors().registrar) {
            (true, Some(own)) => own.standing(name.clone()).await.ok(),
            _ => match node.doors().routing.known(id).await {
                Some(contact) => node.call(&contact, &NameStatus { name: name.clone() }, Patience::Read).await.ok(),
                None => None,
            },
        };
        if standing.is_some_and(|s| s.signed.is_some()) {
            return true;
        }
    }
    false
}
