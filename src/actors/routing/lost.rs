//! What a node does that reaches nobody: it goes on to call, so that it notices soon that the network is back.

use super::actor::RoutingActor;
use crate::overlay::ALPHA;
use crate::types::Contact;

impl RoutingActor {
    /// Tells whether somebody waits on this node, and it reaches nobody.
    pub(super) fn is_lost(&self) -> bool {
        self.node.attended.get() && self.node.is_cut_off()
    }

    /// Probes a few bootpeers where nobody is reached, and nearest contacts where there are no bootpeers; others at the next call.
    pub(super) fn call_where_nobody_answers(&mut self) {
        if !self.is_lost() {
            return;
        }
        let mut all: Vec<Contact> = self.bootpeers.iter().map(|bootpeer| self.known(bootpeer)).collect();
        if all.is_empty() {
            all = self.table.closest(&self.node.me.key(), self.node.network.k());
        }
        let begin = self.turn % all.len().max(1);
        self.turn = self.turn.wrapping_add(ALPHA);
        all.rotate_left(begin);
        all.into_iter().take(ALPHA).for_each(|contact| self.probe_first(contact));
    }
}
