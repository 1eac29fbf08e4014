//! The account's profile: display name and bio, one record at its home.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::messages::{ProfileChange, ProfileView};
use super::state::{Session, Shared};
use crate::actors::outbox::Item;
use crate::actors::storage::read;
use crate::records::{ProfileBody, ProfileError, Record, Signed, checked_profile, home};
use crate::types::{Code, Problem, Section, SectionSet};

/// Shows the profile, or changes it; what is not given stays as it is. Waits for the network no longer than `within`.
pub async fn profile(
    shared: Rc<Shared>,
    change: Option<ProfileChange>,
    within: Option<Duration>,
) -> Result<ProfileView, Problem> {
    let deadline = within.map(|within| Instant::now() + within);
    let session = shared.session()?;
    let held = current(&shared, &session, deadline).await;
    let Some(change) = change else {
        let said = |record: &Record| matches!(record, Record::Profile(r) if Some(&r.body) == held.as_ref());
        return Ok(view(&session, held.as_ref(), shared.is_queued(said).await));
    };
    let (item, body) = make(&shared, &session, held, change).await?;
    let progress = shared.dispatch_until(item, deadline).await;
    Ok(view(&session, Some(&body), !progress.published))
}

fn view(session: &Session, profile: Option<&ProfileBody>, queued: bool) -> ProfileView {
    let (display_name, bio) = profile.map(|p| (p.name.clone(), p.bio.clone())).unwrap_or_default();
    ProfileView { username: session.username.clone(), display_name, bio, queued }
}

/// Returns the profile as the network has it, another device's change included; where nobody answers, the one kept here.
async fn current(shared: &Rc<Shared>, session: &Session, deadline: Option<Instant>) -> Option<ProfileBody> {
    let node = &shared.node;
    let sections = SectionSet::of(&[Section::Account, Section::Device, Section::Profile]);
    let reading = read(node, home(&session.account), sections);
    // Half of the time: the other half is for sending the change.
    let half = deadline.map(|at| Instant::now() + at.saturating_duration_since(Instant::now()) / 2);
    let reading = match half {
        None => reading.await,
        Some(half) => timeout_at(half, reading).await.unwrap_or_default(),
    };
    node.doors().storage.absorb(&reading.records).await;
    let newest = reading.records.into_iter().chain(kept(shared, session)).filter_map(|record| match record {
        Record::Profile(profile) => Some(profile),
        _ => None,
    });
    newest.max_by_key(|profile| (profile.body.hlc, profile.hash())).map(|profile| profile.body)
}

fn kept(shared: &Shared, session: &Session) -> Option<Record> {
    let sections = SectionSet::of(&[Section::Profile]);
    let stored = shared.node.store.read(&home(&session.account), sections, None, 1, shared.node.horizon()).ok()?;
    Record::decode(stored.into_iter().next()?.bytes).ok()
}

/// Signs the change and puts it on disk.
async fn make(
    shared: &Rc<Shared>,
    asked: &Session,
    held: Option<ProfileBody>,
    change: ProfileChange,
) -> Result<(Item, ProfileBody), Problem> {
    let _turn = shared.turn.lock().await;
    let (node, mut session) = (&shared.node, shared.session()?);
    if session.device_id() != asked.device_id() {
        return Err(Problem::new(Code::NotLoggedIn, "another account logged in meanwhile"));
    }
    let (name, bio) = held.as_ref().map(|p| (p.name.as_str(), p.bio.as_str())).unwrap_or_default();
    let (name, bio) = (change.name.as_deref().unwrap_or(name), change.bio.as_deref().unwrap_or(bio));
    let (name, bio) = checked_profile(name, bio).map_err(refused)?;
    // A device whose clock is ahead may have changed it last: what is said now has to win.
    session.hlc = held.map_or(session.hlc, |p| session.hlc.max(p.hlc));
    let hlc = session.stamp(node);
    let body = ProfileBody { account: session.account, device: session.device_id(), hlc, name, bio };
    let record = Record::Profile(Signed::sign(body.clone(), &session.device(), &node.network.id));
    let item = Item::pack("profile", record.hash(), std::slice::from_ref(&record), node.now());
    shared.commit(std::slice::from_ref(&record), &item, vec![session.keep()]).await?;
    *shared.session.borrow_mut() = Some(session);
    Ok((item, body))
}

fn refused(error: ProfileError) -> Problem {
    let code = match error {
        ProfileError::NameTooLong | ProfileError::BioTooLong => Code::TextTooLong,
        ProfileError::Control => Code::TextControl,
    };
    Problem::new(code, error.to_string())
}
