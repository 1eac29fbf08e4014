//! How much those who come from the same addresses keep here, whatever names they go by: on disk, over restarts.
//!
//! An account is charged to the block of the peer that first brought a record of it here, whoever brings the others. See
//! `docs/decisions` for who that is and why.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;

use crate::actors::context::Context;
use crate::records::Record;
use crate::seam::{Batch, Lane, Op, Reader, Space, offload};
use crate::types::{AccountId, IpPrefix, NodeId, WallTime};
use crate::wire::Status;

/// Peers and accounts remembered; those that are forgotten are looked up again.
const REMEMBERED: usize = 4096;
/// A record that is older than this when it comes was hardly brought by its author's node, but by one that mends.
const FRESH: Duration = Duration::from_secs(15 * 60);
/// How many times as much may be brought for others as of one's own.
const FOR_OTHERS: u64 = 4;
/// Local values read at once.
const READ: usize = 2000;

/// Where peers dialled from, as their connections proved.
#[derive(Default)]
pub struct Origins(RefCell<BTreeMap<NodeId, IpAddr>>);

impl Origins {
    /// Notes where a peer's newest connection came from.
    pub fn note(&self, peer: NodeId, from: Option<IpAddr>) {
        let mut all = self.0.borrow_mut();
        if all.len() >= REMEMBERED && !all.contains_key(&peer) {
            all.pop_first();
        }
        from.map(|from| all.insert(peer, from));
    }

    /// Returns where a peer came from; asks the transport when that was forgotten.
    fn of(&self, node: &Context, peer: &NodeId) -> Option<IpAddr> {
        self.0.borrow().get(peer).copied().or_else(|| node.net.origin(peer))
    }
}

/// Who is charged: a block of addresses, for what it brought of its own or for others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Payer {
    block: IpPrefix,
    for_others: bool,
}

impl Payer {
    fn to_bytes(self) -> Bytes {
        format!("{}{}", if self.for_others { '+' } else { '=' }, self.block).into()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (kind, block) = std::str::from_utf8(bytes).ok()?.split_at_checked(1)?;
        Some(Self { block: block.parse().ok()?, for_others: kind == "+" })
    }

    fn quota(&self, node: &Context) -> u64 {
        let own = node.network.limits().source_quota;
        if self.for_others { own.saturating_mul(FOR_OTHERS) } else { own }
    }
}

/// On disk: who pays for an account.
fn account_row(account: &AccountId) -> Bytes {
    [b"a", &account.0[..]].concat().into()
}

/// On disk: how much is charged to somebody, as 64-bit big-endian number.
fn sum_row(payer: Payer) -> Bytes {
    [b"s", &payer.to_bytes()[..]].concat().into()
}

#[derive(Default)]
struct State {
    payers: BTreeMap<AccountId, Payer>,
    sums: BTreeMap<Payer, u64>,
}

/// What is charged to whom, what is on its way to the disk included.
#[derive(Clone, Default)]
pub struct Sources(Rc<RefCell<State>>);

/// A record's share of what its payer may keep, given back unless it is kept.
pub struct Charge {
    of: Sources,
    account: AccountId,
    payer: Payer,
    bytes: u64,
    kept: bool,
}

impl Sources {
    /// Charges a record that a peer brings; `None` where nobody is charged for it.
    ///
    /// # Errors
    /// `SourceQuota` when whoever pays for the account has used up what it may keep here.
    pub fn take(&self, node: &Rc<Context>, from: &NodeId, record: &Record) -> Result<Option<Charge>, Status> {
        let Some(account) = account_of(node, record) else { return Ok(None) };
        let mut state = self.0.borrow_mut();
        let known = state.payers.get(&account).copied().or_else(|| payer_on_disk(node, &account));
        let Some(payer) = known.or_else(|| newcomer(node, from, record)) else { return Ok(None) };
        let bytes = record.bytes().len() as u64;
        if state.payers.len() >= REMEMBERED {
            state.payers.pop_first();
        }
        state.payers.insert(account, payer);
        let sum = state.sums.entry(payer).or_insert_with(|| sum_on_disk(node, payer));
        if sum.saturating_add(bytes) > payer.quota(node) {
            return Err(Status::SourceQuota);
        }
        *sum += bytes;
        Ok(Some(Charge { of: self.clone(), account, payer, bytes, kept: false }))
    }

    /// Counts anew what lies here, as records end and are replaced; forgets accounts of which nothing is left.
    pub async fn recount(&self, node: &Rc<Context>) {
        let Ok(reader) = node.store.reader() else { return };
        let Some(Some(held)) = offload(&*node.offload, Lane::Bulk, move || scan(reader)).await else { return };
        let rows = all_rows(node);
        let (mut ops, mut sums) = (Vec::new(), BTreeMap::new());
        for (row, value) in &rows {
            let account = row.strip_prefix(b"a").and_then(AccountId::from_slice);
            match account.and_then(|account| Some((held.get(&account)?, Payer::from_bytes(value)?))) {
                Some((bytes, payer)) => *sums.entry(payer).or_insert(0) += *bytes,
                None => ops.push(Op::DropLocal(Space::Sources, row.clone())),
            }
        }
        ops.extend(sums.iter().map(|(payer, sum)| set_sum(*payer, *sum)));
        if node.store.commit(Batch(ops)).await.is_ok() {
            // What is on its way just now is missing until the next count; it is little.
            *self.0.borrow_mut() = State { payers: BTreeMap::new(), sums };
        }
    }
}

impl Charge {
    /// Returns the changes that note it on disk, together with the record.
    pub fn ops(&self) -> [Op; 2] {
        let sum = self.of.0.borrow().sums.get(&self.payer).copied().unwrap_or(self.bytes);
        let payer = Op::SetLocalOnce(Space::Sources, account_row(&self.account), self.payer.to_bytes());
        [payer, set_sum(self.payer, sum)]
    }

    /// Notes that the record is on disk.
    pub fn keep(&mut self) {
        self.kept = true;
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if !self.kept
            && let Some(sum) = self.of.0.borrow_mut().sums.get_mut(&self.payer)
        {
            *sum = sum.saturating_sub(self.bytes);
        }
    }
}

fn set_sum(payer: Payer, sum: u64) -> Op {
    Op::SetLocal(Space::Sources, sum_row(payer), Bytes::copy_from_slice(&sum.to_be_bytes()))
}

/// Returns the account that a record belongs to.
fn account_of(node: &Context, record: &Record) -> Option<AccountId> {
    match record {
        Record::Bundle(bundle) => node.with_proofs(|p| p.named(&bundle.body.username).map(|proof| proof.chain.account)),
        record => record.account(),
    }
}

fn payer_on_disk(node: &Context, account: &AccountId) -> Option<Payer> {
    let rows = node.store.local(Space::Sources, &account_row(account), None, 1).ok()?;
    rows.first().and_then(|(_, value)| Payer::from_bytes(value))
}

fn sum_on_disk(node: &Context, payer: Payer) -> u64 {
    let row = sum_row(payer);
    let rows = node.store.local(Space::Sources, &row, None, 1).unwrap_or_default();
    let sum = rows.first().filter(|(found, _)| *found == row).and_then(|(_, value)| value.first_chunk());
    sum.map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// Returns who pays for an account of which nothing was here; nobody where the peer is one that holds everything.
fn newcomer(node: &Context, from: &NodeId, record: &Record) -> Option<Payer> {
    if node.network.is_registrar(from) {
        return None;
    }
    let ip = node.origins.of(node, from)?;
    if node.network.home_prefixes.iter().any(|home| home.contains(ip)) {
        return None;
    }
    let made = made_at(record);
    let for_others = made.is_some_and(|made| node.now().since(made) > FRESH);
    IpPrefix::source(ip).map(|block| Payer { block, for_others })
}

/// Returns when a record was made, by its own word or by that of the registrars.
fn made_at(record: &Record) -> Option<WallTime> {
    match record {
        Record::Account(chain) => chain.links.last()?.finals.iter().map(|f| f.at).min(),
        Record::Directory(entry) => entry.body.finals.iter().map(|f| f.at).min(),
        record => record.hlc().map(|hlc| hlc.wall()),
    }
}

fn all_rows(node: &Context) -> Vec<(Bytes, Bytes)> {
    let (mut all, mut after): (Vec<(Bytes, Bytes)>, Option<Bytes>) = (Vec::new(), None);
    loop {
        let rows = node.store.local(Space::Sources, &[], after.as_deref(), READ).unwrap_or_default();
        let Some((last, _)) = rows.last() else { return all };
        after = Some(last.clone());
        all.extend(rows);
    }
}

/// Adds up the bytes of each account, of which there are no more than the disk holds; `None` when the disk fails.
fn scan(mut reader: Box<dyn Reader + Send>) -> Option<BTreeMap<AccountId, u64>> {
    let mut held = BTreeMap::new();
    let walked = reader.walk(None, &mut |row| {
        if let Some(account) = Record::decode(row.bytes.to_bytes()).ok().and_then(|record| record.account()) {
            *held.entry(account).or_insert(0) += row.bytes.len() as u64;
        }
        ControlFlow::Continue(())
    });
    walked.ok().map(|()| held)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payers_are_read_back() {
        for block in ["192.0.2.0/24", "2001:db8:1::/48"] {
            for for_others in [false, true] {
                let payer = Payer { block: block.parse().expect("a prefix"), for_others };
                assert_eq!(Payer::from_bytes(&payer.to_bytes()), Some(payer));
            }
        }
        assert_eq!(Payer::from_bytes(b""), None);
        assert_eq!(Payer::from_bytes(b"=nothing"), None);
        assert_eq!(Payer::from_bytes("é192.0.2.0/24".as_bytes()), None);
    }
}
