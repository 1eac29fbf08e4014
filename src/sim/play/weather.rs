//! What happens to nodes: those that come and go on their own, and the faults of the scenario.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::sleep;

use super::agenda::{Act, Agenda};
use super::opening::log_in;
use super::stage::{Deeds, Stage};
use crate::sim::chance::{happens, pick, unit, weibull};
use crate::sim::scenario::{Fault, Kind, Way};

/// How often somebody looks whether a node has ended.
const PAUSE: Duration = Duration::from_millis(200);

/// What a fault has done, and what ends with it.
#[derive(Debug, Default)]
pub(super) struct Weather {
    /// The nodes that each fault struck.
    struck: Vec<Vec<usize>>,
    /// Faults that have begun and not ended.
    on: BTreeSet<usize>,
    /// Nodes that left on their own.
    away: BTreeSet<usize>,
    /// Nodes that a fault holds down for a while.
    held: BTreeSet<usize>,
    /// Nodes whose disks are lost when they come back.
    blank: BTreeSet<usize>,
}

impl Weather {
    /// Puts the faults of a scenario in, and the first leave of each node that comes and goes.
    pub(super) fn new(stage: &Stage<'_>, agenda: &mut Agenda) -> Self {
        for (number, fault) in stage.scenario.fault.iter().enumerate() {
            agenda.at(fault.at, Act::Fault(number));
        }
        let mut weather = Self { struck: vec![Vec::new(); stage.scenario.fault.len()], ..Self::default() };
        if let Some(churn) = &stage.scenario.churn {
            let peers = stage.nodes - stage.scenario.bootpeers;
            let count = (peers as f64 * churn.percent / 100.0).round() as usize;
            let restless = pick(&mut stage.fates.borrow_mut(), count, peers);
            for node in restless.into_iter().map(|i| stage.scenario.bootpeers + i) {
                weather.plan_leave(stage, agenda, node);
            }
        }
        weather
    }

    fn plan_leave(&mut self, stage: &Stage<'_>, agenda: &mut Agenda, node: usize) {
        let Some(churn) = &stage.scenario.churn else { return };
        let session = weibull(unit(&mut stage.fates.borrow_mut()), churn.shape, churn.median_session);
        agenda.at(stage.acted() + session, Act::Leave(node));
    }

    /// A node leaves on its own, properly or not.
    pub(super) fn leave<'s>(&mut self, stage: &'s Stage<'_>, agenda: &mut Agenda, deeds: &Deeds<'s>, node: usize) {
        let Some(churn) = &stage.scenario.churn else { return };
        if stage.dead.borrow()[node] {
            return;
        }
        let (clean, blank, absence) = {
            let mut fates = stage.fates.borrow_mut();
            let (clean, blank) =
                (happens(&mut fates, churn.clean_percent), happens(&mut fates, churn.disk_loss_percent));
            (clean, blank, weibull(unit(&mut fates), churn.shape, churn.median_absence))
        };
        if stage.is_up(node) && !self.held.contains(&node) {
            stage.measures.borrow_mut().left += 1;
            self.away.insert(node);
            if blank {
                self.blank.insert(node);
            }
            match clean {
                true => deeds.push(Box::pin(end_properly(stage, node))),
                false => stage.sim.crash(node),
            }
        }
        agenda.at(stage.acted() + absence, Act::Return(node));
    }

    /// A node comes back that left on its own, and will leave again.
    pub(super) fn come_back<'s>(&mut self, stage: &'s Stage<'_>, agenda: &mut Agenda, deeds: &Deeds<'s>, node: usize) {
        if self.away.remove(&node) {
            self.start(stage, deeds, node);
        }
        self.plan_leave(stage, agenda, node);
    }

    fn start<'s>(&mut self, stage: &'s Stage<'_>, deeds: &Deeds<'s>, node: usize) {
        if !stage.dead.borrow()[node] {
            deeds.push(Box::pin(start(stage, node, self.blank.remove(&node))));
        }
    }

    /// A fault begins.
    pub(super) fn strike<'s>(&mut self, stage: &'s Stage<'_>, agenda: &mut Agenda, deeds: &Deeds<'s>, number: usize) {
        let fault = &stage.scenario.fault[number];
        let nodes = self.choose(stage, fault);
        self.on.insert(number);
        match fault.kind {
            Kind::Crash | Kind::DiskLoss | Kind::End => self.end(stage, deeds, fault, &nodes),
            Kind::Sleep => nodes.iter().for_each(|node| set_asleep(stage, *node, true)),
            Kind::Partition => cut(stage, &nodes, fault.way),
            Kind::Clock => shift(stage, &nodes, fault.shift_ms.unwrap_or_default()),
            Kind::DiskFull => nodes.iter().for_each(|node| stage.sim.set_full(*node, true)),
        }
        self.struck[number] = nodes;
        if let Some(lasts) = fault.lasts {
            agenda.at(stage.acted() + lasts, Act::Mend(number));
        }
    }

    fn end<'s>(&mut self, stage: &'s Stage<'_>, deeds: &Deeds<'s>, fault: &Fault, nodes: &[usize]) {
        for node in nodes {
            // A process that has ended does not sleep.
            let was_up = stage.is_up(*node);
            set_asleep(stage, *node, false);
            match fault.kind {
                Kind::End if was_up => deeds.push(Box::pin(end_properly(stage, *node))),
                _ => stage.sim.crash(*node),
            }
            self.away.remove(node);
            match fault.lasts {
                Some(_) => drop(self.held.insert(*node)),
                None => stage.dead.borrow_mut()[*node] = true,
            }
            if fault.kind == Kind::DiskLoss {
                self.blank.insert(*node);
                if fault.lasts.is_none() {
                    stage.sim.blank(*node);
                }
            }
        }
    }

    /// Chooses whom a fault strikes: a share of the peers, and the last of the bootpeers.
    fn choose(&self, stage: &Stage<'_>, fault: &Fault) -> Vec<usize> {
        let (bootpeers, dead) = (stage.scenario.bootpeers, stage.dead.borrow());
        let count = ((stage.nodes - bootpeers) as f64 * fault.percent / 100.0).round() as usize;
        let picked = pick(&mut stage.fates.borrow_mut(), count, stage.nodes - bootpeers);
        let peers = picked.into_iter().map(|i| bootpeers + i);
        let all = peers.chain(bootpeers - fault.bootpeers..bootpeers);
        all.filter(|node| !dead[*node] && !self.held.contains(node)).collect()
    }

    /// A fault ends, if it has not ended yet.
    pub(super) fn mend<'s>(&mut self, stage: &'s Stage<'_>, deeds: &Deeds<'s>, number: usize) {
        if !self.on.remove(&number) {
            return;
        }
        let fault = &stage.scenario.fault[number];
        let nodes = std::mem::take(&mut self.struck[number]);
        match fault.kind {
            Kind::Crash | Kind::DiskLoss | Kind::End => nodes.iter().for_each(|node| {
                self.held.remove(node);
                self.start(stage, deeds, *node);
            }),
            Kind::Sleep => nodes.iter().for_each(|node| set_asleep(stage, *node, false)),
            Kind::Partition => {
                let others = others(stage, &nodes);
                stage.sim.mend(&nodes, &others);
            }
            Kind::Clock => shift(stage, &nodes, -fault.shift_ms.unwrap_or_default()),
            Kind::DiskFull => nodes.iter().for_each(|node| stage.sim.set_full(*node, false)),
        }
    }

    /// Ends everything but what is for good: clocks stay wrong, and dead nodes stay dead.
    pub(super) fn calm<'s>(&mut self, stage: &'s Stage<'_>, deeds: &Deeds<'s>) {
        let ends = |number: &usize| stage.scenario.fault[*number].kind != Kind::Clock;
        let ending: Vec<usize> = self.on.iter().copied().filter(ends).collect();
        ending.into_iter().for_each(|number| self.mend(stage, deeds, number));
        std::mem::take(&mut self.away).into_iter().for_each(|node| self.start(stage, deeds, node));
    }
}

async fn end_properly(stage: &Stage<'_>, node: usize) {
    stage.ending.borrow_mut()[node] = true;
    stage.sim.shut_down(node).await;
    stage.ending.borrow_mut()[node] = false;
}

/// Starts a node that has ended, on its disk or an empty one; whoever lost a login with the disk logs in again.
async fn start(stage: &Stage<'_>, node: usize, blank: bool) {
    while stage.ending.borrow()[node] {
        sleep(PAUSE).await;
    }
    if stage.sim.is_running(node) {
        return;
    }
    if blank {
        stage.sim.blank(node);
    }
    stage.sim.start(node);
    let Some(person) = stage.people.iter().position(|someone| someone.node == node) else { return };
    let someone = &stage.people[person];
    if blank {
        let mut model = stage.model.borrow_mut();
        model.disk_lost(person);
        someone.promised.borrow_mut().drain(..).for_each(|deed| model.begun(deed));
        someone.queued.borrow_mut().clear();
        someone.logged_out.set(true);
    }
    // Also where the node left again before the login was there.
    if someone.logged_out.get() {
        log_in(stage, person).await;
    }
}

fn set_asleep(stage: &Stage<'_>, node: usize, asleep: bool) {
    stage.sim.set_asleep(node, asleep);
    stage.asleep.borrow_mut()[node] = asleep;
}

fn others(stage: &Stage<'_>, nodes: &[usize]) -> Vec<usize> {
    let struck: BTreeSet<usize> = nodes.iter().copied().collect();
    (0..stage.nodes).filter(|node| !struck.contains(node)).collect()
}

fn cut(stage: &Stage<'_>, nodes: &[usize], way: Way) {
    let others = others(stage, nodes);
    match way {
        Way::Both => stage.sim.cut(nodes, &others),
        Way::Out => stage.sim.cut_way(nodes, &others),
        Way::In => stage.sim.cut_way(&others, nodes),
    }
}

fn shift(stage: &Stage<'_>, nodes: &[usize], by_ms: i64) {
    nodes.iter().for_each(|node| stage.sim.shift_clock(*node, by_ms));
}
