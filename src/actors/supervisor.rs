//! Starts the actors of a node, and rebuilds one that panicked: from the store, counted, logged as the bug it is.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Context as Ctx};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::clock::{ClockActor, ClockHandle};
use super::context::Context;
use super::directory::{DirectoryActor, DirectoryHandle};
use super::door::Door;
use super::doors::Doors;
use super::feed::{FeedActor, FeedHandle};
use super::gc::{GcActor, GcHandle};
use super::inbound::Desk;
use super::outbox::{OutboxActor, OutboxHandle};
use super::people::{PeopleActor, PeopleHandle};
use super::presence::{PresenceActor, PresenceHandle};
use super::registrar::{RegistrarActor, RegistrarHandle};
use super::repair::{RepairActor, RepairHandle};
use super::routing::{RoutingActor, RoutingHandle};
use super::seen::{SeenActor, SeenHandle};
use super::session::{SessionActor, SessionHandle};
use super::storage::{StorageActor, StorageHandle};
use crate::seam::Inbound;

mod ready;

pub use self::ready::{HeldPage, Ready};

/// How long a node that ends waits for what it has to say last.
const LAST_WORD: Duration = Duration::from_secs(2);

/// How long after one ended the actors are looked at: one that ends at once again is not started without a pause.
const LOOK: Duration = Duration::from_millis(500);

/// The running actors of one node.
pub struct Team {
    node: Rc<Context>,
    desk: Rc<dyn Inbound>,
    rebuilt: Rc<Cell<u64>>,
}

impl Team {
    /// Starts all actors on this arbiter and begins to answer peers.
    pub fn start(node: Rc<Context>) -> Self {
        let registrar = node.network.is_registrar(&node.me);
        let fallen = Arc::new(Notify::new());
        node.set_doors(Doors {
            clock: ClockHandle(Door::open(ClockActor::new(node.clone()), &fallen)),
            routing: RoutingHandle(Door::open(RoutingActor::new(node.clone()), &fallen)),
            storage: StorageHandle(Door::open(StorageActor::new(node.clone()), &fallen)),
            outbox: OutboxHandle(Door::open(OutboxActor::new(node.clone()), &fallen)),
            session: SessionHandle(Door::open(SessionActor::new(node.clone()), &fallen)),
            feed: FeedHandle(Door::open(FeedActor::new(node.clone()), &fallen)),
            presence: PresenceHandle(Door::open(PresenceActor::new(node.clone()), &fallen)),
            gc: GcHandle(Door::open(GcActor::new(node.clone()), &fallen)),
            seen: SeenHandle(Door::open(SeenActor::new(node.clone()), &fallen)),
            directory: DirectoryHandle(Door::open(DirectoryActor::new(node.clone()), &fallen)),
            people: PeopleHandle(Door::open(PeopleActor::new(node.clone()), &fallen)),
            repair: RepairHandle(Door::open(RepairActor::new(node.clone()), &fallen)),
            registrar: registrar.then(|| RegistrarHandle(Door::open(RegistrarActor::new(node.clone()), &fallen))),
        });
        let desk: Rc<dyn Inbound> = Desk::new(node.clone());
        node.net.serve(Rc::downgrade(&desk));
        let rebuilt = Rc::new(Cell::new(0));
        let (watched, count) = (Rc::downgrade(&node), rebuilt.clone());
        node.spawn(async move {
            loop {
                fallen.notified().await;
                tokio::time::sleep(LOOK).await;
                let Some(node) = watched.upgrade().filter(|n| !n.is_closing()) else { return };
                count.set(count.get() + look(&node));
            }
        });
        Self { node, desk, rebuilt }
    }

    /// Returns the node that the actors are of.
    pub fn context(&self) -> &Rc<Context> {
        &self.node
    }

    /// Returns how many actors were rebuilt; each one is a bug.
    pub fn rebuilt(&self) -> u64 {
        self.rebuilt.get()
    }

    /// Says goodbye, writes the table, closes network and store.
    pub async fn shut_down(self) {
        self.node.close();
        let doors = self.node.doors();
        // What was read in the last minute; without the network it is told after the next start.
        let _ = timeout(LAST_WORD, doors.session.write_position()).await;
        doors.presence.end().await;
        doors.routing.persist().await;
        self.node.net.close().await;
        self.node.store.close().await;
        drop(self.desk);
    }
}

/// Rebuilds actors that are gone; returns how many.
fn look(node: &Rc<Context>) -> u64 {
    let doors = node.doors();
    let mut gone = mend(node, "clock", &doors.clock.0, ClockActor::new)
        + mend(node, "routing", &doors.routing.0, RoutingActor::new)
        + mend(node, "storage", &doors.storage.0, StorageActor::new)
        + mend(node, "outbox", &doors.outbox.0, OutboxActor::new)
        + mend(node, "session", &doors.session.0, SessionActor::new)
        + mend(node, "gc", &doors.gc.0, GcActor::new)
        + mend(node, "directory", &doors.directory.0, DirectoryActor::new)
        + mend(node, "people", &doors.people.0, PeopleActor::new)
        + mend(node, "repair", &doors.repair.0, RepairActor::new);
    if let Some(registrar) = &doors.registrar {
        gone += mend(node, "registrar", &registrar.0, RegistrarActor::new);
    }
    // These know who is logged in only from the session.
    let told = mend(node, "feed", &doors.feed.0, FeedActor::new)
        + mend(node, "seen", &doors.seen.0, SeenActor::new)
        + mend(node, "presence", &doors.presence.0, PresenceActor::new);
    if told > 0 {
        doors.session.resume();
    }
    gone + told
}

fn mend<A: Actor<Context = Ctx<A>>>(
    node: &Rc<Context>,
    name: &'static str,
    door: &Door<A>,
    build: fn(Rc<Context>) -> A,
) -> u64 {
    if door.is_open() {
        return 0;
    }
    tracing::error!(actor = name, "an actor panicked, which is a bug; it is rebuilt from the store");
    door.rebuild(build(node.clone()));
    1
}
