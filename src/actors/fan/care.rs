//! Caring for a part of an author's list: reading who is in it, bringing the post to some, asking others to bring it on.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{LocalBoxFuture, join, join_all};
use tokio::time::{Instant, sleep};

use super::ask::{Reply, ask, soon};
use super::pages::{Interested, Root, read_levels};
use super::push::push;
use super::state::Work;
use crate::actors::context::Context;
use crate::actors::presence::Follower;
use crate::records::{MAX_PAGE_DEPTH, Part, Record};
use crate::timeline::fan::{DIRECT, Job, LEVELS, Plan, Receipts, Room, Task, expected_in, levels, plan, width_of};
use crate::types::{AccountId, Hash};

/// Most pages that are read for one part.
const PAGES: usize = 32;
/// Whoever did not answer is tried once more after this: a link that failed for a moment would tell nobody of it.
const AGAIN: Duration = Duration::from_secs(5);

/// What somebody cares for.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    /// Which part.
    pub part: Part,
    /// Pages less deep are cared for by somebody else.
    pub floor: u8,
    /// About how many there are, where that is known.
    pub expected: Option<u64>,
}

/// The care for one part of one post.
pub struct Care {
    node: Rc<Context>,
    post: Record,
    hash: Hash,
    author: AccountId,
    until: Instant,
    work: Rc<Work>,
    /// Pages that may still be read.
    pages: Cell<usize>,
    /// Accounts that are passed over: only an author knows of any.
    passed_over: Vec<AccountId>,
    /// Those who did not answer; as many as were tried.
    silent: RefCell<Vec<(Follower, u8)>>,
}

impl Care {
    /// Begins; what is counted goes to `work`, and forwarders are to answer by `until`.
    pub fn new(
        node: Rc<Context>,
        (post, author): (Record, AccountId),
        (until, work): (Instant, Rc<Work>),
        passed_over: Vec<AccountId>,
    ) -> Rc<Self> {
        let (hash, pages) = (post.hash(), Cell::new(PAGES));
        Rc::new(Self { node, post, hash, author, until, work, pages, passed_over, silent: RefCell::default() })
    }

    /// Brings the post to the whole list of which its author has read the first page: by forwarders alone.
    pub async fn bring_all(self: Rc<Self>, root: &Root) {
        let (part, floor, expected) = (Part::WHOLE, 0, Some(root.about).filter(|_| root.counted));
        let found = &root.interested.found;
        // A sample leaves some out.
        let more = root.interested.more || root.about > found.len() as u64;
        let job = Job { part, floor, read: 1, more, expected };
        let followers = expected.unwrap_or(if more { u64::MAX } else { found.len() as u64 });
        let room = Room { direct: 0, width: width_of(followers), passed_over: &self.passed_over };
        let plan = plan(&self.hash, job, found, room);
        self.carry_out(Scope { part, floor, expected }, &root.interested, plan).await;
    }

    /// Reads who is in a part and brings the post to all of them.
    pub fn bring(self: Rc<Self>, scope: Scope) -> LocalBoxFuture<'static, ()> {
        Box::pin(async move {
            let deep = levels(scope.part, scope.floor, scope.expected).min(MAX_PAGE_DEPTH + 1 - scope.floor);
            let at = (scope.floor, deep);
            let interested = read_levels(&self.node, self.author, scope.part, at, &self.pages).await;
            let (interested, job) = self.go_on(&scope, deep, interested).await;
            let room = Room { passed_over: &self.passed_over, ..Room::FORWARDER };
            let plan = plan(&self.hash, job, &interested.found, room);
            self.clone().carry_out(scope, &interested, plan).await;
        })
    }

    /// Reads the levels below as well while few were found and the part is not through.
    async fn go_on(&self, scope: &Scope, deep: u8, mut interested: Interested) -> (Interested, Job) {
        let mut read = scope.floor + deep;
        while interested.more
            && read - scope.floor < LEVELS
            && read <= MAX_PAGE_DEPTH
            && interested.found.len() <= DIRECT
            && self.pages.get() > 0
        {
            let below = read_levels(&self.node, self.author, scope.part, (read, 1), &self.pages).await;
            interested = interested.and(below);
            read += 1;
        }
        let more = interested.more && read <= MAX_PAGE_DEPTH;
        let job = Job { part: scope.part, floor: scope.floor, read, more, expected: scope.expected };
        (interested, job)
    }

    /// Does what was planned, all of it side by side.
    pub async fn carry_out(self: Rc<Self>, scope: Scope, interested: &Interested, plan: Plan) {
        let direct = plan.direct.iter().map(|i| self.push(&interested.followers[*i], interested.found[*i].page));
        let tasks = plan.tasks.iter().map(|task| self.clone().hand_on(scope, task, interested));
        join(join_all(direct), join_all(tasks)).await;
    }

    async fn push(&self, follower: &Follower, page: u8) {
        let pushed = soon(&self.node, &follower.contact, push(&self.node, follower, &self.post, page)).await.flatten();
        match pushed {
            Some(pushed) if pushed.again => {}
            Some(pushed) => {
                self.work.add(Receipts { online: 1, acked: u32::from(pushed.status.is_acknowledged()) });
            }
            None => self.silent.borrow_mut().push((follower.clone(), page)),
        }
    }

    /// Asks somebody to care for a part, and when that brings nothing somebody else; where nobody does, this node reads on.
    async fn hand_on(self: Rc<Self>, scope: Scope, task: &Task, interested: &Interested) {
        let expected = expected_in(scope.part, scope.expected, task.part);
        let inner = Scope { part: task.part, floor: task.floor, expected };
        for i in &task.by {
            let (follower, page) = (&interested.followers[*i], interested.found[*i].page);
            match ask(&self.node, (follower, page), &self.post, (task, expected), self.until).await {
                Reply::Cared(receipts) => return self.work.add(receipts),
                Reply::Declined(receipts) => self.work.add(receipts),
                Reply::Unable => self.push(follower, page).await,
                Reply::Silent => self.silent.borrow_mut().push((follower.clone(), page)),
            }
        }
        self.read_on(inner).await;
    }

    /// Cares for a part that nobody takes, as far as this node may read more.
    async fn read_on(self: Rc<Self>, scope: Scope) {
        if self.pages.get() > 0 && scope.floor <= MAX_PAGE_DEPTH {
            self.bring(scope).await;
        }
    }

    /// Tries once more those who did not answer.
    pub async fn bring_again(&self) {
        let silent = self.silent.take();
        if silent.is_empty() {
            return;
        }
        sleep(AGAIN).await;
        join_all(silent.iter().map(|(follower, page)| push(&self.node, follower, &self.post, *page))).await;
    }
}
