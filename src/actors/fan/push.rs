//! One post to one follower.

use std::rc::Rc;

use crate::actors::call::Patience;
use crate::actors::context::Context;
use crate::actors::presence::Follower;
use crate::actors::put::evidence;
use crate::records::Record;
use crate::wire::{Blob, Deliver, Status};

/// In the place of a page's depth: the author found the follower by itself.
pub const ELSEWHERE: u8 = u8::MAX;

/// What a follower did with a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// What became of it.
    pub status: Status,
    /// Whether somebody else counts it who found the follower on another page.
    pub again: bool,
}

/// Pushes to one follower, who was found on a page of that depth; `None` when it does not answer.
pub async fn push(node: &Rc<Context>, follower: &Follower, post: &Record, page: u8) -> Option<Pushed> {
    let mut request = Deliver { post: post.bytes().into(), proofs: vec![], page: Some(page) };
    let mut answer = node.call(&follower.contact, &request, Patience::Disk).await;
    if answer.as_ref().is_ok_and(|done| Status::from_number(done.status) == Status::NeedProof) {
        request.proofs = evidence(node, &[Blob::from(post.bytes())]);
        answer = node.call(&follower.contact, &request, Patience::Disk).await;
    }
    match answer {
        Ok(done) => Some(Pushed { status: Status::from_number(done.status), again: done.again }),
        Err(_) => None,
    }
}
