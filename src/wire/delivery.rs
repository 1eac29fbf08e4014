//! Bringing posts to followers: to one, and by one of them to a part of the others.

use serde::{Deserialize, Serialize};

use super::frame::{Answer, Request};
use super::requests::{Blob, message};
use crate::records::{Known, Part};
use crate::seam::Class;

message!(
    /// Brings a post to a follower.
    Deliver {
        /// The post.
        post: Blob = "R",
        /// Account chain and device certificate of the author.
        #[serde(default)]
        proofs: Vec<Blob> = "p",
        /// How deep the page of the interest list lies on which the receiver was found.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        page: Option<u8> = "d",
    }
);
message!(
    /// What the follower did with the post.
    Delivered {
        /// Number of a [`super::Status`].
        status: u8 = "S",
        /// Whether it was brought by somebody before who found the receiver on another page: it counts there.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        again: bool = "b",
    }
);
impl Request for Deliver {
    const NUMBER: u8 = 6;
    const CLASS: Class = Class::Write;
    type Answer = Delivered;
}
impl Answer for Delivered {}

message!(
    /// Brings a post to a follower, who is asked to bring it to a part of the others.
    Forward {
        /// The post.
        post: Blob = "R",
        /// Account chain and device certificate of the author.
        #[serde(default)]
        proofs: Vec<Blob> = "p",
        /// Which part of the author's interest list.
        part: Part = "H",
        /// Whoever is found on a page less deep than this is cared for already.
        floor: u8 = "F",
        /// Milliseconds within which an answer is of use.
        within: u32 = "W",
        /// About how many there are in the part; absent where that is not known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expected: Option<u32> = "n",
        /// How deep the page lies on which the receiver was found.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        page: Option<u8> = "d",
    }
);
message!(
    /// What became of a post that was to be forwarded.
    Forwarded {
        /// Number of a [`super::Status`]: what the receiver itself did with the post.
        status: u8 = "S",
        /// Whether the receiver cared for the part.
        cared: bool = "f",
        /// Devices in the part that are there, the receiver's included.
        #[serde(default)]
        online: u32 = "o",
        /// Those of them that have the post.
        #[serde(default)]
        acked: u32 = "a",
    }
);
impl Request for Forward {
    const NUMBER: u8 = 16;
    const CLASS: Class = Class::Write;
    type Answer = Forwarded;
}
impl Answer for Forwarded {}
