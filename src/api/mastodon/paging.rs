//! Pages by the numbers of statuses: `max_id`, `since_id`, `min_id`, `limit`, and the `Link` header that goes with them.

use actix_web::HttpResponse;
use actix_web::http::header;
use serde_json::Value;

use super::params::Params;
use super::refused::{Refused, Reply};
use crate::actors::{PageRequest, ShownPost};
use crate::api::server::Shared;
use crate::timeline::read_status_id;

/// Statuses in a page that does not say how many.
const PAGE: usize = 20;
/// The most statuses in a page.
const MOST: usize = 40;
/// Most posts looked at for a page from the old end.
const LOOKED_AT: usize = 500;

/// Which part of a list is wanted.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// Only older ones.
    pub max: Option<u128>,
    /// Only newer ones.
    pub since: Option<u128>,
    /// The oldest of the newer ones.
    pub min: Option<u128>,
    /// Most entries.
    pub limit: usize,
}

impl Range {
    /// Reads it from the parameters.
    pub fn read(params: &Params) -> Result<Self, Refused> {
        let id = |name: &str| params.get(name).map(|text| number(name, text)).transpose();
        let limit = match params.get("limit").map(str::parse::<usize>) {
            None => PAGE,
            Some(Ok(limit)) if limit > 0 => limit.min(MOST),
            Some(_) => return Err(Refused::usage("limit is a number from 1 to 40")),
        };
        Ok(Self { max: id("max_id")?, since: id("since_id")?, min: id("min_id")?, limit })
    }

    /// Cuts a list, newest first, down to the range.
    pub fn cut(&self, mut posts: Vec<ShownPost>) -> Vec<ShownPost> {
        let lowest = self.since.max(self.min);
        posts.retain(|post| {
            let id = post.status_id();
            self.max.is_none_or(|max| id < max) && lowest.is_none_or(|lowest| id > lowest)
        });
        if self.min.is_some() && posts.len() > self.limit {
            posts.drain(..posts.len() - self.limit);
        }
        posts.truncate(self.limit);
        posts
    }

    /// Returns how many posts have to be looked at.
    pub fn reach(&self) -> usize {
        if self.min.is_some() { LOOKED_AT } else { self.limit }
    }

    /// Returns the question to the feed.
    pub fn request(&self) -> PageRequest {
        PageRequest { limit: self.reach(), cursor: self.cursor(), ..PageRequest::default() }
    }

    /// Returns where the feed goes on behind `max`.
    pub fn cursor(&self) -> Option<String> {
        let max = self.max?.to_be_bytes();
        // Keys of rows are the bytes of time and device turned around; behind all of these lies what is older.
        let mut key: Vec<u8> = max.iter().map(|b| !b).collect();
        // A row of this very number is not older.
        key.resize(80, 0xff);
        Some(data_encoding::BASE64URL_NOPAD.encode(&key))
    }
}

fn number(name: &str, text: &str) -> Result<u128, Refused> {
    let fine = read_status_id(text).is_some() || text.parse::<u64>().is_ok();
    match text.parse() {
        Ok(id) if fine => Ok(id),
        _ => Err(Refused::usage(format!("{name} is the decimal id of a status"))),
    }
}

/// Answers with a page of statuses and the links to those before and after it.
pub fn page(shared: &Shared, path: &str, posts: &[ShownPost], statuses: Vec<Value>) -> Reply {
    let mut response = HttpResponse::Ok();
    if let (Some(newest), Some(oldest)) = (posts.first(), posts.last()) {
        let base = shared.base();
        let link = format!(
            "<{base}{path}max_id={}>; rel=\"next\", <{base}{path}min_id={}>; rel=\"prev\"",
            oldest.status_id(),
            newest.status_id()
        );
        response.insert_header((header::LINK, link));
    }
    Ok(response.json(statuses))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_strictly() {
        let read = |pairs: &str| {
            let params = pairs.to_owned();
            Range::read(&Params::of(&params))
        };
        assert_eq!(read("").expect("nothing asked").limit, PAGE);
        assert_eq!(read("limit=9999").expect("the most").limit, MOST);
        assert!(read("limit=0").is_err() && read("limit=x").is_err() && read("max_id=alice").is_err());
        let max = "2170000000000000000000000000000000000";
        assert_eq!(read(&format!("max_id={max}")).expect("a number").max, max.parse().ok());
    }
}
