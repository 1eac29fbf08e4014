//! Bringing a post to followers: from its author, and on from one follower to others. The rules are in `timeline/fan`.

mod answer;
mod ask;
mod care;
mod pages;
mod push;
mod state;

pub use answer::answer_forward;
pub use care::Care;
pub use pages::{Root, read_root, root_of};
pub use push::{ELSEWHERE, Pushed, push};
pub use state::{Fan, Work};
