//! Registration: a claim on disk, FINALs from the registrars, then the account's records into the network.

use std::rc::Rc;

use zeroize::Zeroizing;

use super::claim::{Claim, OpenClaim};
use super::messages::LoggedIn;
use super::private::Privates;
use super::state::{Once, Session, Shared};
use crate::actors::context::Context;
use crate::actors::directory::enter;
use crate::actors::outbox::Item;
use crate::actors::registrar::ask_registrars;
use crate::actors::storage::read_account;
use crate::keys::{MAX_PASSWORD_BYTES, phrase, strength};
use crate::records::{AccountChain, Link, Record, bundle_key};
use crate::registry::Verdict;
use crate::seam::{Batch, Lane, Op, Space, offload};
use crate::types::{Code, Hash, Problem, Section, SectionSet, Username};
use crate::wire::ErrorCode;

/// Registers a name, or resumes.
pub async fn register(
    shared: Rc<Shared>,
    username: Username,
    password: Zeroizing<String>,
) -> Result<LoggedIn, Problem> {
    let _turn = shared.turn.lock().await;
    let node = &shared.node;
    if let Ok(session) = shared.session() {
        let who = &session.username;
        // The node may have finished the registration by itself a moment ago; only who knows the password is told so.
        if *who == username && opens(&shared, &username, password).await {
            return Ok(session.logged_in());
        }
        return Err(
            Problem::new(Code::AlreadyLoggedIn, format!("{who} is logged in on this node")).hint("timeline logout")
        );
    }
    if node.network.document.reserved_names.contains(username.as_str()) {
        return Err(reserved(&username));
    }
    beyond_doubt(node)?;
    let claim = match Claim::load(node, &username) {
        Some(claim) => resume(&shared, claim, password).await?,
        None => {
            let claim = start(&shared, &username, password).await?;
            node.store.commit(Batch(vec![claim.keep(&username)])).await?;
            claim
        }
    };
    let open = claim.open().ok_or_else(|| Problem::new(Code::StoreDamaged, "the kept claim cannot be read"))?;
    pursue(&shared, open).await
}

/// Refuses what cannot wait in the outbox: it is signed once, with a stamp that others must take.
pub fn beyond_doubt(node: &Context) -> Result<(), Problem> {
    if !node.clock.in_doubt() {
        return Ok(());
    }
    let problem = Problem::new(Code::ClockInDoubt, "the clock of this machine is in doubt");
    Err(problem.hint("`timeline status` says why; set the clock, or wait until a time server confirms it"))
}

/// Tells whether a password opens the bundle that lies on this disk.
async fn opens(shared: &Rc<Shared>, username: &Username, password: Zeroizing<String>) -> bool {
    let node = &shared.node;
    let sections = SectionSet::of(&[Section::Bundle]);
    let kept = node.store.read(&bundle_key(username), sections, None, 1, node.horizon()).unwrap_or_default();
    let Some(Ok(Record::Bundle(bundle))) = kept.into_iter().next().map(|row| Record::decode(row.bytes)) else {
        return false;
    };
    let network = node.network.as_ref().clone();
    let opened = offload(&*node.offload, Lane::Password, move || bundle.body.open(&password, &network).is_ok());
    opened.await == Some(true)
}

/// Checks name and password, and makes a claim.
async fn start(shared: &Rc<Shared>, username: &Username, password: Zeroizing<String>) -> Result<Claim, Problem> {
    let node = &shared.node;
    check_password(node, username, &password)?;
    // Not needed for safety, the registrars decide; it spares a taken name the cost of the password.
    if let Ok(Some(_)) = read_account(node, username).await {
        return Err(taken(username));
    }
    let made = Claim::make(node, username.clone(), password).await;
    made.ok_or_else(|| Problem::new(Code::Internal, "there is not enough memory to protect the password"))
}

fn check_password(node: &Context, username: &Username, password: &str) -> Result<(), Problem> {
    let bits = node.network.password_bits();
    if password.len() > MAX_PASSWORD_BYTES {
        return Err(Problem::new(Code::WeakPassword, format!("a password has at most {MAX_PASSWORD_BYTES} bytes")));
    }
    let strength = strength(password, username.as_str());
    if strength.bits >= f64::from(bits) {
        return Ok(());
    }
    let why = strength.weakness.unwrap_or_else(|| "it takes too few guesses".to_owned());
    let message = format!("this password is too easy to guess: {}", why.trim_end_matches('.').to_lowercase());
    let phrase = phrase(&mut node.rng(&format!("phrase {username} {}", node.now().0)));
    Err(Problem::new(Code::WeakPassword, message)
        .hint(format!("six random words make a strong one, such as: {phrase}")))
}

/// Opens the kept claim with the password: only who made it may go on with it.
async fn resume(shared: &Rc<Shared>, claim: Claim, password: Zeroizing<String>) -> Result<Claim, Problem> {
    let node = &shared.node;
    let copy = claim.clone();
    let network = node.network.as_ref().clone();
    let opened = offload(&*node.offload, Lane::Password, move || {
        copy.open().is_some_and(|open| open.bundle.body.open(&password, &network).is_ok())
    });
    if opened.await == Some(true) {
        return Ok(claim);
    }
    let message = "a registration of this name is under way here with another password";
    Err(Problem::new(Code::WrongPassword, message))
}

/// Asks the registrars; with a certificate, the account begins.
async fn pursue(shared: &Rc<Shared>, claim: OpenClaim) -> Result<LoggedIn, Problem> {
    let verdict = ask_registrars(&shared.node, &claim.record).await;
    settle(shared, claim, verdict).await
}

/// Does what the registrars' verdict asks for.
async fn settle(
    shared: &Rc<Shared>,
    claim: OpenClaim,
    verdict: Result<Verdict, ErrorCode>,
) -> Result<LoggedIn, Problem> {
    let username = claim.record.body.username.clone();
    match verdict {
        Ok(Verdict::Certified(finals)) => establish(shared, claim, finals).await,
        Ok(Verdict::Taken) => give_up(shared, &username, taken(&username)).await,
        Ok(Verdict::Contested) => {
            let message = format!("several people claimed {username} at once, and none got enough registrars");
            give_up(shared, &username, Problem::new(Code::NameContested, message).hint("choose another name")).await
        }
        Err(ErrorCode::NameReserved) => give_up(shared, &username, reserved(&username)).await,
        Err(_) => {
            let problem = Problem::new(Code::Internal, "a registrar refused the claim as not valid");
            give_up(shared, &username, problem).await
        }
        Ok(Verdict::Pending { signed, quorum, reached }) => {
            let n = shared.node.network.registrars.len();
            let message = if n == 0 {
                "this network has no registrars, so nobody can register".to_owned()
            } else {
                format!(
                    "{reached} of {n} registrars answered and {signed} of {quorum} needed have signed for {username}"
                )
            };
            let hint =
                "the claim is kept: this node finishes it when registrars answer, as does the same command again";
            Err(Problem::new(Code::NoRegistrars, message).hint(hint))
        }
    }
}

async fn give_up(shared: &Rc<Shared>, username: &Username, problem: Problem) -> Result<LoggedIn, Problem> {
    shared.node.store.commit(Batch(vec![Claim::forget(username)])).await?;
    Err(problem)
}

async fn establish(
    shared: &Rc<Shared>,
    claim: OpenClaim,
    finals: Vec<crate::records::Final>,
) -> Result<LoggedIn, Problem> {
    let node = &shared.node;
    let damaged = |_| Problem::new(Code::StoreDamaged, "the kept claim cannot be read");
    let username = claim.record.body.username.clone();
    let chain = AccountChain::new(vec![Link { record: claim.record, finals }]).map_err(damaged)?;
    let account = chain.account;
    let entered = chain.clone();
    let mut records = vec![Record::Account(chain), Record::Bundle(claim.bundle)];
    let mut ops = vec![Claim::forget(&username)];
    // A claim that ends well while somebody else is logged in makes the account, not a device of it.
    let free = shared.session.borrow().is_none();
    let session = Session::new(username, account, &claim.device, node.now(), Some(&claim.settings));
    if free {
        records.push(Record::Device(claim.certificate));
        ops.push(session.keep());
    }
    let item = Item::pack("account", Hash(account.0), &records, node.now());
    shared.commit(&records, &item, ops).await?;
    let logged_in = session.logged_in();
    if free {
        shared.followees.borrow_mut().clear();
        shared.start_level(Privates::default());
        *shared.session.borrow_mut() = Some(session);
        shared.begin().await;
    }
    shared.dispatch(item).await;
    // The account is there without it; an anchor enters it within the hour.
    if let Err(error) = enter(node, &entered).await {
        tracing::warn!(%error, "the account was not entered in the directory");
    }
    Ok(logged_in)
}

/// Tries to finish what is pending, beside everything else.
pub async fn pursue_all(shared: Rc<Shared>) {
    if shared.node.store.local(Space::Claims, &[], None, 1).map_or(true, |rows| rows.is_empty()) {
        return;
    }
    if shared.node.clock.in_doubt() {
        return;
    }
    let Some(_once) = Once::begin(&shared.pursuing) else { return };
    for claim in Claim::all(&shared.node) {
        let Some(open) = claim.open() else { continue };
        // Nobody waits for registrars that may be down: the turn is taken only for what comes of asking them.
        let verdict = ask_registrars(&shared.node, &open.record).await;
        let _turn = shared.turn.lock().await;
        let kept = Claim::load(&shared.node, &open.record.body.username).and_then(Claim::open);
        if kept.is_none_or(|kept| kept.record.hash() != open.record.hash()) {
            // A command was faster.
            continue;
        }
        match settle(&shared, open, verdict).await {
            Ok(done) => tracing::info!(username = %done.username, "a pending registration is finished"),
            Err(problem) => tracing::debug!(code = %problem.code, "a registration is still pending"),
        }
    }
}

fn taken(username: &Username) -> Problem {
    Problem::new(Code::NameTaken, format!("{username} belongs to somebody else")).hint("choose another name")
}

fn reserved(username: &Username) -> Problem {
    Problem::new(Code::NameReserved, format!("this network reserves the name {username}"))
}

/// Changes that forget everything of a login.
pub fn forget_login(shared: &Shared) -> Vec<Op> {
    let node = &shared.node;
    let mut ops = Vec::new();
    for space in [Space::Session, Space::Followees, Space::Feed, Space::Inbox, Space::Private] {
        let mut after: Option<bytes::Bytes> = None;
        loop {
            let rows = node.store.local(space, &[], after.as_deref(), 1000).unwrap_or_default();
            let Some((last, _)) = rows.last() else { break };
            after = Some(last.clone());
            ops.extend(rows.into_iter().map(|(key, _)| Op::DropLocal(space, key)));
        }
    }
    ops
}
