//! The deeds of people: each goes through the real actors, and what it is answered goes into the model.

use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use tokio::time::Instant;

use super::habits::Habit;
use super::measures::millis;
use super::stage::Stage;
use crate::actors::{ListRequest, PageRequest, PostRequest, ProfileChange};
use crate::sim::chance::happens;
use crate::sim::model::{Deed, PostNote, Sure};
use crate::types::{Key, Problem};

/// How long people wait for the network; what takes longer is queued.
const PATIENCE: Duration = Duration::from_secs(10);
/// Posts of one page of a feed.
const PAGE: usize = 500;

/// Begins what a person does out of habit.
pub(super) fn begin<'s>(stage: &'s Stage<'_>, person: usize, habit: Habit) -> LocalBoxFuture<'s, ()> {
    let busy = &stage.people[person].busy;
    busy.set(busy.get() + 1);
    Box::pin(async move {
        match habit {
            Habit::Post => post(stage, person).await,
            Habit::Look => look(stage, person).await,
            Habit::Delete => delete(stage, person).await,
            Habit::Refollow => refollow(stage, person).await,
            Habit::Rename => rename(stage, person).await,
            Habit::Read => read(stage, person).await,
            Habit::LookUp => look_up(stage, person).await,
        }
        busy.set(busy.get() - 1);
    })
}

async fn post(stage: &Stage<'_>, person: usize) {
    let someone = &stage.people[person];
    let mut text = format!("{} has a number to say: {}", someone.name, stage.choose(1_000_000_000));
    let mentions = named(stage, person);
    if let Some(other) = mentions {
        text.push_str(&format!(", @{}", stage.people[other].name));
    }
    let doors = stage.sim.doors(someone.node);
    let began = Instant::now();
    let request = PostRequest { text, ttl: stage.scenario.people.ttl, reply_to: None };
    let Ok(posted) = doors.session.post_within(request, PATIENCE).await else {
        stage.measures.borrow_mut().refused += 1;
        return;
    };
    let now = stage.sim.now();
    // Where it lies in its author's log is read from the author's own feed, where it is already.
    let Ok(row) = doors.feed.find(posted.id.to_string()).await else { return };
    stage.model.borrow_mut().posted(PostNote {
        id: posted.id,
        author: person,
        device: row.device,
        seq: row.seq,
        made_at: posted.created_at,
        told_at: now,
        ends: posted.expires_at,
        published: posted.published.then_some(now),
        deleted: Sure::No,
        mentions,
    });
    let mut measures = stage.measures.borrow_mut();
    if posted.published {
        measures.publish.note(millis(began.elapsed()));
    } else {
        measures.queued += 1;
        someone.queued.borrow_mut().push(posted.id);
    }
}

/// Chooses which follower a post names, if any.
fn named(stage: &Stage<'_>, person: usize) -> Option<usize> {
    if !happens(&mut stage.choices.borrow_mut(), stage.scenario.people.mention_percent) {
        return None;
    }
    let followers = stage.model.borrow().followers_of(person);
    (!followers.is_empty()).then(|| followers[stage.choose(followers.len())])
}

/// A person is shown the whole feed.
async fn look(stage: &Stage<'_>, person: usize) {
    let feed = stage.sim.doors(stage.people[person].node).feed;
    let mut cursor = None;
    loop {
        let page = feed.page(PageRequest { limit: PAGE, cursor, ..PageRequest::default() }).await;
        let Ok(page) = page else { return };
        let ids: Vec<_> = page.posts.iter().map(|post| post.id).collect();
        // Noted first: what is signed about it may be told before this hears that it was.
        stage.model.borrow_mut().shown(person, &ids);
        if feed.shown(ids.clone()).await.is_err() {
            return;
        }
        stage.model.borrow_mut().has_had(person, &ids);
        if page.next.is_none() {
            return;
        }
        cursor = page.next;
    }
}

async fn delete(stage: &Stage<'_>, person: usize) {
    let now = stage.sim.now();
    let due: Vec<_> = {
        let model = stage.model.borrow();
        model.posts_of(person).filter(|(_, post)| model.is_due(post, now)).map(|(n, post)| (n, post.id)).collect()
    };
    if due.is_empty() {
        return;
    }
    let (number, id) = due[stage.choose(due.len())];
    stage.model.borrow_mut().begun(Deed::Delete(number));
    let session = stage.sim.doors(stage.people[person].node).session;
    match session.delete_within(id, PATIENCE).await {
        Ok(deleted) if deleted.queued => stage.people[person].promised.borrow_mut().push(Deed::Delete(number)),
        Ok(_) => {}
        Err(_) => return stage.measures.borrow_mut().refused += 1,
    }
    stage.model.borrow_mut().deleted(number, stage.sim.now());
}

async fn refollow(stage: &Stage<'_>, person: usize) {
    let followed: Vec<usize> = {
        let model = stage.model.borrow();
        model.ties_of(person).filter(|(_, tie)| tie.follows == Some(true)).map(|(other, _)| other).collect()
    };
    if !followed.is_empty() {
        let other = followed[stage.choose(followed.len())];
        // A refusal is in the measures, and the tie stays uncertain.
        let _ = relate(stage, person, other, false).await;
    }
    let other = stage.choose(stage.people.len());
    let certain = stage.model.borrow().tie(person, other).is_none_or(|tie| tie.follows == Some(false));
    if other != person && certain {
        let _ = relate(stage, person, other, true).await;
    }
}

/// Follows somebody, or ends it; why not, where that cannot be done now.
pub(super) async fn relate(stage: &Stage<'_>, person: usize, other: usize, follows: bool) -> Result<(), String> {
    let deed = Deed::Relate(person, other);
    stage.model.borrow_mut().begun(deed);
    let session = stage.sim.doors(stage.people[person].node).session;
    match session.follow_within(stage.people[other].name.clone(), follows, PATIENCE).await {
        Ok(relation) => {
            if relation.queued {
                stage.people[person].promised.borrow_mut().push(deed);
            }
            stage.model.borrow_mut().related(person, other, follows, stage.sim.now());
            Ok(())
        }
        Err(problem) => {
            stage.measures.borrow_mut().refused += 1;
            Err(problem.message)
        }
    }
}

async fn rename(stage: &Stage<'_>, person: usize) {
    let someone = &stage.people[person];
    let name = format!("{} the {}th", someone.name, stage.choose(1_000_000));
    stage.model.borrow_mut().begun(Deed::Rename(person));
    let change = ProfileChange { name: Some(name.clone()), bio: None };
    match stage.sim.doors(someone.node).session.profile(Some(change), Some(PATIENCE)).await {
        Ok(view) => {
            if view.queued {
                someone.promised.borrow_mut().push(Deed::Rename(person));
            }
            stage.model.borrow_mut().renamed(person, name);
        }
        Err(_) => stage.measures.borrow_mut().refused += 1,
    }
}

async fn read(stage: &Stage<'_>, person: usize) {
    let other = stage.people[stage.choose(stage.people.len())].name.clone();
    let people = stage.sim.doors(stage.people[person].node).people;
    let began = Instant::now();
    let page = people.user(other, false, ListRequest { limit: 20, cursor: None }).await;
    let node = stage.people[person].node;
    let mut measures = stage.measures.borrow_mut();
    match page {
        Ok(page) if page.complete => measures.read.note(millis(began.elapsed())),
        // Whoever's node went away meanwhile has not read anything, and nobody failed.
        Err(Problem { .. }) if !stage.is_up(node) => {}
        _ => measures.unread += 1,
    }
}

async fn look_up(stage: &Stage<'_>, person: usize) {
    let key = Key(stage.choices.borrow_mut().bytes());
    let found = stage.sim.doors(stage.people[person].node).routing.look_up(key).await;
    let mut measures = stage.measures.borrow_mut();
    match found {
        Ok(found) if !found.closest.is_empty() => {
            measures.hops.note(found.hops as f64);
            measures.lookup.note(millis(found.took));
        }
        Ok(_) => measures.lost_ways += 1,
        // The node ended meanwhile.
        Err(_) => {}
    }
}
