//! A lookup over the network: drives `overlay::Lookup` with real requests.

use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until, timeout};

use crate::actors::call::{CallError, Patience};
use crate::actors::context::Context;
use crate::overlay::{Lookup, Step};
use crate::seam::Later;
use crate::types::{Contact, Key};
use crate::wire::FindNode;

/// A lookup ends after this, with what it has.
const LONGEST: Duration = Duration::from_secs(8);
/// A peer that takes longer gets company.
const SLOW: Duration = Duration::from_millis(250);

/// What asking one peer brought: something of value, and contacts closer to the key.
pub type Asked<T> = Result<(T, Vec<Contact>), CallError>;

/// What a lookup brought.
#[derive(Debug)]
pub struct Found<T> {
    /// What each peer that answered said, the closest first, at most k.
    pub closest: Vec<(Contact, T)>,
    /// Whether the k closest known have all answered or failed.
    pub complete: bool,
}

/// What happens while a peer is asked.
enum Event<T> {
    /// It is late; the rest of the wait.
    Slow(Contact, Later<Asked<T>>),
    /// It answered, or failed.
    Ended(Contact, Asked<T>),
}

/// Looks for the nodes closest to `target`, asking each with `ask`, until `enough` says so or the lookup is complete.
pub async fn search<T, A, E>(node: &Rc<Context>, target: Key, ask: A, mut enough: E) -> Found<T>
where
    T: 'static,
    A: Fn(Contact) -> Later<Asked<T>>,
    E: FnMut(&T) -> bool,
{
    let k = node.network.k();
    let mut seeds = node.doors().routing.closest(target, k).await;
    // Where nobody was reached of late, it may have been our own fault: then all are asked again.
    if !seeds.iter().all(|seed| node.is_absent(&seed.node)) {
        seeds.retain(|seed| !node.is_absent(&seed.node));
    }
    let mut lookup = Lookup::new(target, node.me, k, seeds);
    let mut asking: FuturesUnordered<Later<Event<T>>> = FuturesUnordered::new();
    let mut said: Vec<(Contact, T)> = Vec::new();
    let deadline = Instant::now() + LONGEST;
    loop {
        match lookup.next() {
            Step::Ask(contact) => {
                let answer = ask(contact.clone());
                asking.push(Box::pin(watch(contact, answer)));
            }
            Step::Done => break,
            Step::Wait => {
                let next = tokio::select! {
                    biased;
                    next = asking.next() => next,
                    () = sleep_until(deadline) => None,
                };
                match next {
                    None => break,
                    Some(Event::Slow(contact, rest)) => {
                        lookup.on_slow(&contact.node);
                        asking.push(Box::pin(async move { Event::Ended(contact, rest.await) }));
                    }
                    Some(Event::Ended(contact, Err(_))) => lookup.on_failure(&contact.node),
                    Some(Event::Ended(contact, Ok((value, mut contacts)))) => {
                        // No more are looked at, whether they are there or not: nobody can name one dead peer after another.
                        contacts.truncate(k);
                        contacts.retain(|contact| !node.is_absent(&contact.node));
                        lookup.on_answer(&contact.node, contacts);
                        if enough(&value) {
                            lookup.finish();
                        }
                        said.push((contact, value));
                    }
                }
            }
        }
    }
    said.sort_by_key(|(c, _)| c.node.distance(&target));
    said.truncate(k);
    let report = lookup.into_report();
    tracing::trace!(key = %target.short(), asked = report.asked, hops = report.hops, "lookup");
    node.doors().routing.looked_up(target);
    Found { closest: said, complete: report.complete }
}

async fn watch<T>(contact: Contact, mut answer: Later<Asked<T>>) -> Event<T> {
    match timeout(SLOW, &mut answer).await {
        Ok(asked) => Event::Ended(contact, asked),
        Err(_) => Event::Slow(contact, answer),
    }
}

/// Looks for the nodes closest to `target`, all of them asked.
pub async fn find_closest(node: &Rc<Context>, target: Key) -> Found<()> {
    let asker = node.clone();
    let ask = move |contact: Contact| -> Later<Asked<()>> {
        let node = asker.clone();
        Box::pin(async move {
            let closer = node.call(&contact, &FindNode { key: target }, Patience::Read).await?;
            Ok(((), node.open_contacts(closer.contacts)))
        })
    };
    search(node, target, ask, |()| false).await
}
