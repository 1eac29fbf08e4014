//! Mentions: what others put into the account's inbox is read, and each post that is spoken of is fetched from its author's
//! home. A mention proves nothing: only a post that names the account, or answers one of its posts, is kept.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::iter;
use tokio::time::Instant;

use super::held::name_of;
use super::messages::Named;
use super::rows::walk;
use crate::actors::context::Context;
use crate::actors::glance::{Familiar, is_news};
use crate::actors::storage::{read, read_list};
use crate::records::{MentionBody, PostBody, Record, Signed, home};
use crate::seam::{Op, Space};
use crate::timeline::{FeedRow, Via, names};
use crate::types::{AccountId, Hash, Section, SectionSet, Username};

/// Most mentions kept; the oldest go first.
const ROWS: usize = 1000;
/// Most senders whose homes are read for one reading of the inbox, and how many of them at once.
const SENDERS: usize = 64;
const AT_ONCE: usize = 8;
/// Most senders of mentions that are kept whose homes are looked at again, for posts that were deleted since.
const AGAIN: usize = 8;
/// So long after they were looked at last.
const AGAIN_AFTER: Duration = Duration::from_secs(600);
/// A post that is not at its author's home is looked for so often; it may have been put there a moment later.
const TRIES: u8 = 3;
/// Most posts remembered that were looked for in vain.
const TRIED: usize = 4096;

/// Where the reading of the inbox stands.
#[derive(Default)]
pub struct Inbox {
    /// When it was last read.
    pub read_at: Option<Instant>,
    /// Whether it is being read.
    pub reading: Rc<Cell<bool>>,
    /// What was in it then.
    familiar: Rc<RefCell<Familiar>>,
    /// Posts that were spoken of and not found, or that do not name the account; how often they were looked for.
    tried: BTreeMap<Hash, u8>,
    /// When homes of senders were last looked at, as many as there are mentions.
    checked: BTreeMap<AccountId, Instant>,
}

/// What a reading of the inbox starts from.
pub struct Quest {
    /// Whose inbox.
    pub me: AccountId,
    /// Its name.
    pub name: Username,
    /// Authors whose homes are read anyway.
    pub followed: BTreeSet<AccountId>,
    /// What was in the inbox before.
    familiar: Rc<RefCell<Familiar>>,
    done: BTreeSet<Hash>,
    checked: BTreeSet<AccountId>,
}

impl Inbox {
    /// Begins a reading.
    pub fn quest(&self, me: AccountId, name: Username, followed: BTreeSet<AccountId>) -> Quest {
        let done = self.tried.iter().filter(|(_, tries)| **tries >= TRIES).map(|(hash, _)| *hash).collect();
        let fresh = self.checked.iter().filter(|(_, at)| at.elapsed() < AGAIN_AFTER);
        let (familiar, checked) = (self.familiar.clone(), fresh.map(|(account, _)| *account).collect());
        Quest { me, name, followed, familiar, done, checked }
    }

    /// Has the whole inbox read the next time: other mentions count by now.
    pub fn reconsider(&self) {
        self.familiar.borrow_mut().forget();
    }

    /// Has the inbox read again, and the homes of these senders: what came of them could not be written.
    pub fn look_again(&mut self, senders: &BTreeSet<AccountId>) {
        if !senders.is_empty() {
            self.reconsider();
            self.checked.retain(|account, _| !senders.contains(account));
        }
    }

    /// Takes what a reading brought; returns the changes that keep it. A post that was deleted meanwhile is left out.
    pub fn take(
        &mut self,
        node: &Rc<Context>,
        named: &Named,
        is_deleted: impl Fn(&Signed<PostBody>) -> bool,
    ) -> Vec<Op> {
        self.read_at = Some(Instant::now());
        if self.tried.len() + named.vain.len() > TRIED {
            self.tried.clear();
        }
        for (hash, tries) in named.vain.iter().take(TRIED) {
            let held = self.tried.entry(*hash).or_default();
            *held = held.saturating_add(*tries);
        }
        if self.checked.len() + named.checked.len() > ROWS + SENDERS {
            self.checked.clear();
        }
        self.checked.extend(named.checked.iter().map(|account| (*account, Instant::now())));
        let (mut held, mut ops) = (BTreeSet::new(), Vec::new());
        let walked = walk(node, Space::Inbox, None, |key, _| {
            held.insert(key);
            true
        });
        if walked.is_err() {
            return ops;
        }
        let hidden = node.hidden();
        for row in named.rows.iter().filter_map(|bytes| FeedRow::read(bytes)) {
            let key = row.key();
            let unwanted = hidden.blocks(&row.post.body.account) || is_deleted(&row.post);
            if !unwanted && held.insert(key.clone()) {
                ops.push(Op::SetLocal(Space::Inbox, key, row.to_bytes()));
            }
        }
        ops.extend(held.into_iter().skip(ROWS).map(|key| Op::DropLocal(Space::Inbox, key)));
        ops
    }
}

/// A mention, and the post it speaks of where that was found.
type Found = (Signed<MentionBody>, Option<Signed<PostBody>>);

/// Reads the inbox where a glance at it shows anything new.
pub async fn glance_at_inbox(node: Rc<Context>, quest: Quest) {
    let inbox = SectionSet::of(&[Section::Inbox]);
    if is_news(&node, quest.me, inbox, &quest.familiar).await {
        read_inbox(node, quest).await;
    } else {
        node.doors().feed.named(Named::default()).await;
    }
}

/// Reads the inbox, fetches what is spoken of there, and tells the feed.
pub async fn read_inbox(node: Rc<Context>, quest: Quest) {
    let reading = read_list(&node, Section::Inbox, quest.me).await;
    let (whole, brought) = (reading.complete, reading.records.clone());
    let (held, mut senders) = (kept(&node), BTreeMap::<AccountId, Vec<Signed<MentionBody>>>::new());
    let hidden = node.hidden();
    let mut mentions: Vec<Signed<MentionBody>> = reading.records.into_iter().filter_map(mention).collect();
    mentions.retain(|m| {
        let body = &m.body;
        body.mentioned == quest.me
            && !hidden.hides(&body.account)
            && !held.contains_key(&body.post)
            && !quest.done.contains(&body.post)
    });
    mentions.sort_by_key(|m| std::cmp::Reverse((m.body.hlc, m.hash())));
    let mut named = Named::default();
    let mut all = mentions.len() <= ROWS;
    for mention in mentions.into_iter().take(ROWS) {
        if let Some(post) = stored(&node, &mention.body) {
            sort_out(&node, &quest, &mut named, (mention, Some(post)), true);
        } else if senders.len() < SENDERS || senders.contains_key(&mention.body.account) {
            senders.entry(mention.body.account).or_default().push(mention);
        } else {
            all = false;
        }
    }
    let again = held.values().filter(|a| !quest.followed.contains(a) && !quest.checked.contains(a));
    for account in again.copied().collect::<BTreeSet<_>>().into_iter().take(AGAIN) {
        senders.entry(account).or_default();
    }
    named.checked = senders.keys().copied().collect();
    let mut reading = iter(senders).map(|(account, mentions)| fetch(node.clone(), account, mentions)).buffered(AT_ONCE);
    while let Some((found, tombstones, complete)) = reading.next().await {
        found.into_iter().for_each(|found| sort_out(&node, &quest, &mut named, found, complete));
        named.tombstones.extend(tombstones);
    }
    {
        let mut familiar = quest.familiar.borrow_mut();
        // What was left, or looked for in vain, has another turn the next time.
        if whole && all && named.vain.is_empty() { familiar.read(quest.me, &brought) } else { familiar.forget() }
    }
    node.doors().feed.named(named).await;
}

/// Returns the posts that are in the inbox, with their authors.
fn kept(node: &Rc<Context>) -> BTreeMap<Hash, AccountId> {
    let mut held = BTreeMap::new();
    let walked = walk(node, Space::Inbox, None, |_, row| {
        held.insert(row.post.hash(), row.post.body.account);
        true
    });
    if let Err(error) = walked {
        tracing::warn!(%error, "the inbox could not be read");
    }
    held
}

fn mention(record: Record) -> Option<Signed<MentionBody>> {
    match record {
        Record::Mention(mention) => Some(mention),
        _ => None,
    }
}

/// Keeps a post that is what its mention says; notes one that is not, or is not there.
fn sort_out(node: &Rc<Context>, quest: &Quest, named: &mut Named, (mention, post): Found, complete: bool) {
    let hash = mention.body.post;
    let Some(post) = post else {
        // Too few holders answered: that says nothing.
        named.vain.extend(complete.then_some((hash, 1)));
        return;
    };
    let author = name_of(node, &post.body.account).filter(|_| names(&post.body, &quest.me, &quest.name));
    match author {
        Some(author) => {
            let row = FeedRow { post, author, via: Via::Replica, shown: false };
            named.rows.push(row.to_bytes());
        }
        None => named.vain.push((hash, TRIES)),
    }
}

/// Returns a post that lies in this node's own store.
fn stored(node: &Rc<Context>, mention: &MentionBody) -> Option<Signed<PostBody>> {
    let slot: Bytes = [&mention.device.0[..], &mention.seq.to_be_bytes()].concat().into();
    let (before, posts) = ((Section::Post, slot.clone(), Hash([0; 32])), SectionSet::of(&[Section::Post]));
    let held = node.store.read(&home(&mention.account), posts, Some(&before), 2, node.horizon()).ok()?;
    let one = held.into_iter().find(|s| s.slot == slot && s.hash == mention.post)?;
    Signed::decode(one.bytes).ok()
}

/// Reads a sender's home, for the posts that its mentions speak of.
async fn fetch(
    node: Rc<Context>,
    account: AccountId,
    mentions: Vec<Signed<MentionBody>>,
) -> (Vec<Found>, Vec<Bytes>, bool) {
    let sections = SectionSet::of(&[Section::Account, Section::Device, Section::Retirement, Section::Post]);
    let reading = read(&node, home(&account), sections).await;
    let (mut posts, mut tombstones) = (BTreeMap::new(), Vec::new());
    for record in reading.records {
        match record {
            Record::Post(post) if post.body.account == account => drop(posts.insert(post.hash(), post)),
            Record::Tombstone(tombstone) => tombstones.push(tombstone.bytes().clone()),
            _ => {}
        }
    }
    let found = mentions.into_iter().map(|mention| {
        let post = posts.remove(&mention.body.post);
        (mention, post)
    });
    (found.collect(), tombstones, reading.complete)
}
