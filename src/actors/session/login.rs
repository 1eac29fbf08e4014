//! Login on any node, with name and password alone; and logout.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, timeout, timeout_at};
use zeroize::Zeroizing;

use super::claim::Claim;
use super::compare::{Standing, compare, known_end};
use super::messages::LoggedIn;
use super::position;
use super::private::{Kept, Privates};
use super::register::{beyond_doubt, forget_login};
use super::state::{Session, Shared};
use crate::actors::feed::{Followee, keep_positions};
use crate::actors::outbox::Item;
use crate::actors::registrar::name_is_pending;
use crate::actors::storage::{account_of, put_op, read, read_account_patiently};
use crate::keys::{OpenError, SealKey, SecretKey, Secrets};
use crate::records::{
    AccountChain, BundleBody, DeviceBody, HeadsBody, Record, RetirementBody, Signed, bundle_key, home,
};
use crate::seam::{Batch, Lane, Op, offload};
use crate::types::{Code, DeviceId, Hlc, Problem, Section, SectionSet, Username, WallTime};

/// Logs in.
pub async fn login(
    shared: Rc<Shared>,
    username: Username,
    password: Zeroizing<String>,
    retire_oldest: bool,
) -> Result<LoggedIn, Problem> {
    let _turn = shared.turn.lock().await;
    if let Ok(session) = shared.session() {
        if session.username == username {
            return Ok(session.logged_in());
        }
        let message = format!("{} is logged in on this node", session.username);
        return Err(Problem::new(Code::AlreadyLoggedIn, message).hint("timeline logout"));
    }
    beyond_doubt(&shared.node)?;
    let chain = find(&shared, &username).await?;
    let bundle = find_bundle(&shared, &chain).await?;
    let secrets = open(&shared, bundle, password).await?;
    let home = Home::read(&shared, &chain).await;
    let retired = home.make_room(&shared, &chain, &secrets, retire_oldest)?;
    begin(&shared, &chain, &secrets, home, retired).await
}

async fn find(shared: &Rc<Shared>, username: &Username) -> Result<Rc<AccountChain>, Problem> {
    let node = &shared.node;
    let pending = || {
        Problem::new(Code::NamePending, format!("{username} is claimed, but not certified yet"))
            .hint("whoever registered it runs `timeline register` again, or waits")
    };
    match read_account_patiently(node, username).await {
        Ok(Some(chain)) => Ok(chain),
        _ if Claim::load(node, username).is_some() => Err(pending()),
        Ok(None) if name_is_pending(node, username).await => Err(pending()),
        Ok(None) => Err(Problem::new(Code::NoSuchUser, format!("nobody is called {username}"))),
        Err(()) => Err(Problem::new(Code::Unreachable, "nobody who could know this account was reached")),
    }
}

async fn find_bundle(shared: &Rc<Shared>, chain: &AccountChain) -> Result<Signed<BundleBody>, Problem> {
    let reading = read(&shared.node, bundle_key(chain.username()), SectionSet::of(&[Section::Bundle])).await;
    let wanted = chain.last().bundle;
    let found = reading.records.into_iter().find_map(|record| match record {
        Record::Bundle(bundle) if bundle.hash() == wanted => Some(bundle),
        _ => None,
    });
    found.ok_or_else(|| Problem::new(Code::Unreachable, "nobody who holds this account's keys was reached"))
}

async fn open(
    shared: &Rc<Shared>,
    bundle: Signed<BundleBody>,
    password: Zeroizing<String>,
) -> Result<Secrets, Problem> {
    let node = &shared.node;
    let network = node.network.as_ref().clone();
    let opened = offload(&*node.offload, Lane::Password, move || bundle.body.open(&password, &network)).await;
    match opened {
        Some(Ok(secrets)) => Ok(secrets),
        Some(Err(OpenError::Password)) => Err(Problem::new(Code::WrongPassword, "this is not the password")),
        Some(Err(OpenError::Cost)) => {
            Err(Problem::new(Code::NotSupported, "this account's password settings are outside what is safe to try"))
        }
        None => Err(Problem::new(Code::Internal, "there is not enough memory to try the password")),
    }
}

/// An account's devices and whom it follows, as its home tells.
#[derive(Default)]
struct Home {
    records: Vec<Record>,
    devices: BTreeMap<DeviceId, Hlc>,
    retired: Vec<DeviceId>,
    logs: BTreeMap<DeviceId, HeadsBody>,
}

impl Home {
    async fn read(shared: &Rc<Shared>, chain: &AccountChain) -> Self {
        let sections = SectionSet::of(&[
            Section::Account,
            Section::Device,
            Section::Retirement,
            Section::Heads,
            Section::Following,
            Section::Private,
        ]);
        let reading = read(&shared.node, home(&chain.account), sections).await;
        let mut out = Home::default();
        for record in &reading.records {
            match record {
                Record::Device(cert) => {
                    out.devices.insert(cert.body.device, cert.body.hlc);
                }
                Record::Retirement(r) => out.retired.push(r.body.device),
                Record::Heads(heads) => {
                    let held = out.logs.entry(heads.body.device).or_insert_with(|| heads.body.clone());
                    if heads.body.version > held.version {
                        *held = heads.body.clone();
                    }
                }
                _ => {}
            }
        }
        out.devices.retain(|device, _| !out.retired.contains(device));
        out.records = reading.records;
        out
    }

    /// Returns the retirement of the device longest unused, where there are too many.
    fn make_room(
        &self,
        shared: &Rc<Shared>,
        chain: &AccountChain,
        secrets: &Secrets,
        retire_oldest: bool,
    ) -> Result<Option<Record>, Problem> {
        let node = &shared.node;
        let most = node.network.limits().devices as usize;
        if self.devices.len() < most {
            return Ok(None);
        }
        if !retire_oldest {
            let message = format!("this account is logged in on {most} devices, as many as it may be");
            let hint = "`timeline login NAME --retire-oldest` logs out the one longest unused";
            return Err(Problem::new(Code::TooManyDevices, message).hint(hint));
        }
        let used = |(device, made): (&DeviceId, &Hlc)| self.logs.get(device).map_or(*made, |log| log.hlc.max(*made));
        let Some((oldest, _)) = self.devices.iter().min_by_key(|d| used(*d)) else { return Ok(None) };
        let log = self.logs.get(oldest);
        let body = RetirementBody {
            account: chain.account,
            device: *oldest,
            last_seq: log.map_or(0, |l| l.last_seq),
            last_hash: log.and_then(|l| l.last_hash),
            hlc: Hlc::new(node.now(), 0),
            root_seq: Some(chain.last().seq),
        };
        Ok(Some(Record::Retirement(Signed::sign(body, &SecretKey::from_bytes(&secrets.root), &node.network.id))))
    }

    /// Returns whom the account follows; names that cannot be found now, or not soon, are left for later.
    async fn followees(&self, shared: &Rc<Shared>) -> Vec<Followee> {
        /// Names looked up at once.
        const AT_ONCE: usize = 16;
        /// A login waits no longer for them.
        const LONGEST: Duration = Duration::from_secs(4);
        let deadline = Instant::now() + LONGEST;
        let edges: Vec<_> = self
            .records
            .iter()
            .filter_map(|record| match record {
                Record::Edge(edge) if edge.body.follows => Some(&edge.body),
                _ => None,
            })
            .collect();
        let mut out = Vec::new();
        for some in edges.chunks(AT_ONCE) {
            let chains = join_all(some.iter().map(|edge| account_of(&shared.node, edge.followed)));
            let Ok(chains) = timeout_at(deadline, chains).await else { break };
            for (edge, chain) in some.iter().zip(chains) {
                match chain {
                    Some(chain) => {
                        out.push(Followee::new(edge.followed, chain.username().clone(), edge.since, edge.hlc));
                    }
                    None => tracing::info!(account = %edge.followed.short(), "a followed account was not found yet"),
                }
            }
        }
        out
    }
}

async fn begin(
    shared: &Rc<Shared>,
    chain: &AccountChain,
    secrets: &Secrets,
    home: Home,
    retired: Option<Record>,
) -> Result<LoggedIn, Problem> {
    let node = &shared.node;
    let now = node.now();
    let device = SecretKey::generate(&mut node.rng(&format!("device {} {}", chain.account, now.0)));
    let root = SecretKey::from_bytes(&secrets.root);
    let body = DeviceBody {
        account: chain.account,
        device: DeviceId(device.public().0),
        seq: chain.last().seq,
        hlc: Hlc::new(now, 0),
    };
    let certificate = Signed::sign(body, &root, &node.network.id);
    let settings = SealKey::new(secrets.settings);
    let privates = Privates::open(&chain.account, &home.records, &settings);
    let session = Session::new(chain.username().clone(), chain.account, &device, now, Some(&*settings.to_bytes()));
    let followees = home.followees(shared).await;
    let mut records: Vec<Record> = retired.into_iter().collect();
    records.push(Record::Device(certificate.clone()));
    let item = Item::pack("device", certificate.hash(), &records, now);
    // The chain goes along to this disk: what this device signs can be proved from here on.
    let mut local = records.clone();
    local.insert(0, Record::Account(chain.clone()));
    let kept = privates.iter().map(Kept::keep);
    let read = position::open(&chain.account, &home.records, &settings);
    let own = [session.keep(), keep_positions(&read)].into_iter();
    let ops: Vec<Op> = own.chain(followees.iter().map(Followee::keep)).chain(kept).collect();
    shared.commit(&local, &item, ops).await?;
    let logged_in = session.logged_in();
    *shared.followees.borrow_mut() = followees;
    shared.start_level(privates);
    *shared.session.borrow_mut() = Some(session);
    shared.begin().await;
    shared.dispatch(item).await;
    Ok(logged_in)
}

/// Logs out: the device retires, and this node forgets its key, its feed and whom it follows.
pub async fn logout(shared: Rc<Shared>) -> Result<Username, Problem> {
    shared.session()?;
    // The retirement says where the log ends: not before the network's end.
    if timeout(COMPARED, compare(&shared)).await.is_err() {
        tracing::info!("logging out without knowing what the network has of this device's log");
    }
    let _turn = shared.turn.lock().await;
    let mut session = shared.session()?;
    let node = &shared.node;
    node.doors().presence.end().await;
    let mut ops = forget_login(&shared);
    // Posts that were held back go out: nothing but an outage kept them.
    let held: Vec<Item> = Item::all(&*node.store).into_iter().filter(|item| item.held).collect();
    let mut items: Vec<Item> = held.into_iter().map(|item| Item { held: false, ..item }).collect();
    let read = position::sign(&shared, &mut session).await.map(|(_, item)| item);
    let record = retirement(&shared, &mut session).map(Record::Retirement);
    let now: WallTime = node.now();
    items.extend(record.iter().map(|r| Item::pack("retirement", r.hash(), std::slice::from_ref(r), now)));
    ops.extend(record.iter().flat_map(|r| r.destinations().into_iter().map(|d| put_op(r, d.key, d.section, now))));
    ops.extend(items.iter().chain(&read).map(Item::keep));
    // The feed ends first, with all that it had on its way to the disk: what came now would bring its author back.
    node.doors().feed.end().await;
    node.doors().seen.end().await;
    if let Err(error) = node.store.commit(Batch(ops)).await {
        shared.begin().await;
        return Err(error.into());
    }
    node.learn(record.as_slice());
    *shared.session.borrow_mut() = None;
    node.attended.set(false);
    node.account.set(None);
    shared.followees.borrow_mut().clear();
    shared.start_level(Privates::default());
    let last = items.pop();
    for item in items {
        let sender = shared.clone();
        node.spawn(async move {
            sender.dispatch(item).await;
        });
    }
    // Whoever logs in elsewhere now goes on where this device ended.
    join_all(last.into_iter().chain(read).map(|item| shared.dispatch(item))).await;
    Ok(session.username.clone())
}

/// How long a logout waits for the comparison of the log, where it was not made since the start.
const COMPARED: Duration = Duration::from_secs(2);

/// Returns this device's own retirement; `None` where another device has retired it already.
fn retirement(shared: &Shared, session: &mut Session) -> Option<Signed<RetirementBody>> {
    if shared.standing.get() == Standing::Retired {
        return None;
    }
    let (last_seq, last_hash) = known_end(shared, session);
    let (account, device) = (session.account, session.device_id());
    let hlc = session.stamp(&shared.node);
    let body = RetirementBody { account, device, last_seq, last_hash, hlc, root_seq: None };
    Some(Signed::sign(body, &session.device(), &shared.node.network.id))
}
