//! The people actor: short handlers; the sequences are in the files beside.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use actix::{Actor, Context as Ctx, Handler, MessageResult, ResponseFuture};
use tokio::time::Instant;

use super::ledger::ledger;
use super::lists::people;
use super::messages::{
    AskLedger, AskName, AskPeople, AskRelations, AskThread, AskUser, LedgerView, List, Listed, PeoplePage, Recall,
    Standing, Thread, UserView, WholeList,
};
use super::standing::{name, relations};
use super::thread::thread;
use super::user::user;
use crate::actors::context::Context;
use crate::actors::door::MAILBOX;
use crate::types::{AccountId, Problem, Username};

/// How long a list that was read serves for its further pages: while somebody pages through it.
const REMEMBERED: Duration = Duration::from_secs(30);
/// Most lists remembered; a person looks at few at once.
const LISTS: usize = 16;

/// The actor.
pub struct PeopleActor {
    node: Rc<Context>,
    lists: BTreeMap<(List, AccountId), (Instant, WholeList)>,
}

impl PeopleActor {
    /// Builds the actor.
    pub fn new(node: Rc<Context>) -> Self {
        Self { node, lists: BTreeMap::new() }
    }
}

impl Actor for PeopleActor {
    type Context = Ctx<Self>;

    fn started(&mut self, ctx: &mut Ctx<Self>) {
        ctx.set_mailbox_capacity(MAILBOX);
    }
}

impl Handler<AskUser> for PeopleActor {
    type Result = ResponseFuture<Result<UserView, Problem>>;

    fn handle(&mut self, message: AskUser, _: &mut Ctx<Self>) -> Self::Result {
        Box::pin(user(self.node.clone(), message))
    }
}

impl Handler<AskPeople> for PeopleActor {
    type Result = ResponseFuture<Result<PeoplePage, Problem>>;

    fn handle(&mut self, message: AskPeople, _: &mut Ctx<Self>) -> Self::Result {
        Box::pin(people(self.node.clone(), message))
    }
}

impl Handler<AskThread> for PeopleActor {
    type Result = ResponseFuture<Result<Thread, Problem>>;

    fn handle(&mut self, AskThread(post): AskThread, _: &mut Ctx<Self>) -> Self::Result {
        Box::pin(thread(self.node.clone(), post))
    }
}

impl Handler<AskLedger> for PeopleActor {
    type Result = ResponseFuture<Result<LedgerView, Problem>>;

    fn handle(&mut self, message: AskLedger, _: &mut Ctx<Self>) -> Self::Result {
        Box::pin(ledger(self.node.clone(), message))
    }
}

impl Handler<AskName> for PeopleActor {
    type Result = ResponseFuture<Result<Username, Problem>>;

    fn handle(&mut self, AskName(account): AskName, _: &mut Ctx<Self>) -> Self::Result {
        Box::pin(name(self.node.clone(), account))
    }
}

impl Handler<AskRelations> for PeopleActor {
    type Result = ResponseFuture<Result<Vec<Standing>, Problem>>;

    fn handle(&mut self, AskRelations(accounts): AskRelations, _: &mut Ctx<Self>) -> Self::Result {
        Box::pin(relations(self.node.clone(), accounts))
    }
}

impl Handler<Listed> for PeopleActor {
    type Result = ();

    fn handle(&mut self, Listed { list, of, whole }: Listed, _: &mut Ctx<Self>) {
        self.lists.retain(|_, (at, _)| at.elapsed() < REMEMBERED);
        if self.lists.len() >= LISTS {
            self.lists.pop_first();
        }
        self.lists.insert((list, of), (Instant::now(), whole));
    }
}

impl Handler<Recall> for PeopleActor {
    type Result = MessageResult<Recall>;

    fn handle(&mut self, Recall { list, of }: Recall, _: &mut Ctx<Self>) -> Self::Result {
        let held = self.lists.get(&(list, of)).filter(|(at, _)| at.elapsed() < REMEMBERED);
        MessageResult(held.map(|(_, whole)| whole.clone()))
    }
}
