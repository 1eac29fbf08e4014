//! Registering, logging in and out, and who is logged in.

use actix_web::web::{Data, Json};
use zeroize::Zeroizing;

use crate::api::answers::{self, Answer};
use crate::api::questions::{LoginBody, LogoutBody, RegisterBody, in_time, username, within};
use crate::api::server::Shared;
use crate::types::{Code, Problem};

/// Makes an account and logs it in.
pub async fn register(shared: Data<Shared>, body: Json<RegisterBody>) -> Answer {
    let RegisterBody { username: name, password, timeout_ms } = body.into_inner();
    let (password, name) = (Zeroizing::new(password), username(&name)?);
    let session = shared.node.doors.session.clone();
    let done = in_time(within(timeout_ms), async move { session.register(name, password).await }).await?;
    answers::ok(answers::logged_in(&done, "registered"))
}

/// Logs an account in on this node.
pub async fn login(shared: Data<Shared>, body: Json<LoginBody>) -> Answer {
    let LoginBody { username: name, password, retire_oldest, timeout_ms } = body.into_inner();
    let (password, name) = (Zeroizing::new(password), username(&name)?);
    let session = shared.node.doors.session.clone();
    let login = async move { session.login(name, password, retire_oldest).await };
    let done = in_time(within(timeout_ms), login).await?;
    answers::ok(answers::logged_in(&done, "logged_in"))
}

/// Logs the account out.
pub async fn logout(shared: Data<Shared>, body: Json<LogoutBody>) -> Answer {
    let session = shared.node.doors.session.clone();
    let username = in_time(within(body.timeout_ms), async move { session.logout().await }).await?;
    answers::ok(serde_json::json!({ "username": username }))
}

/// Says who is logged in.
pub async fn whoami(shared: Data<Shared>) -> Answer {
    let nobody = || Problem::new(Code::NotLoggedIn, "nobody is logged in on this node").hint("timeline login NAME");
    let who = shared.node.doors.session.who().await?.ok_or_else(nobody)?;
    answers::ok(answers::who(&who))
}
