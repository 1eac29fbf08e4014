//! A client of the local API: one request, one answer or one problem; and the stream of events.

use std::io::{self, BufReader, Read};
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use ureq::http::Response;
use ureq::{Agent, Body, config::ConfigBuilder, typestate::AgentScope};
use zeroize::Zeroizing;

use super::events::Events;
use crate::node::data_dir;
use crate::types::{Code, Problem};

/// Where the API begins.
const PREFIX: &str = "/api/v1/node";
/// What a request may take longer than the node was told to wait: its answer must still get here.
const GRACE: Duration = Duration::from_secs(8);
/// The largest answer that is read: 500 posts of 2,000 bytes each, six times escaped, take less.
const MAX_ANSWER_BYTES: u64 = 16 << 20;
/// How long an event stream may be silent; the node writes a comment every few seconds.
const MAX_SILENCE: Duration = Duration::from_secs(30);
/// The longest part of an answer that is no JSON which is repeated in a message.
const MAX_QUOTE: usize = 80;

/// The door to a running node.
#[derive(Debug)]
pub struct Client {
    agent: Agent,
    stream_agent: Agent,
    url: String,
    authorization: Zeroizing<String>,
    timeout: Duration,
}

/// What the API says when it refuses.
#[derive(Deserialize)]
struct Refusal {
    error: Problem,
}

impl Client {
    /// Reads the address and the token that a running node left in its data dir.
    ///
    /// # Errors
    ///
    /// `no_node` when there are none.
    pub fn of_data_dir(dir: &Path, timeout: Duration) -> Result<Self, Problem> {
        let file = data_dir::read_api_file(dir)?;
        Ok(Self::new(&file.url, &file.token, timeout))
    }

    /// Builds a client; nothing is sent yet.
    pub fn new(url: &str, token: &str, timeout: Duration) -> Self {
        let wait = timeout + GRACE;
        let stream = base().timeout_connect(Some(wait)).timeout_recv_response(Some(wait));
        Self {
            agent: base().timeout_global(Some(wait)).build().new_agent(),
            stream_agent: stream.timeout_per_read(Some(MAX_SILENCE)).build().new_agent(),
            url: url.trim_end_matches('/').to_owned(),
            authorization: Zeroizing::new(format!("Bearer {token}")),
            timeout,
        }
    }

    /// Asks for something.
    ///
    /// # Errors
    ///
    /// What the node refuses with; `no_node` when none listens; `unreachable` when it does not answer in time.
    pub fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, Problem> {
        let request = self.agent.get(self.address(path)).header("authorization", self.authorization.as_str());
        let request = query.iter().fold(request, |request, (name, value)| request.query(name, value));
        let response = request.call().map_err(|error| self.failed(&error))?;
        self.read(response)
    }

    /// Asks for something that may take the time the user grants.
    ///
    /// # Errors
    ///
    /// As [`Client::get`].
    pub fn get_in_time(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, Problem> {
        let timeout_ms = self.timeout.as_millis().to_string();
        self.get(path, &[query, &[("timeout_ms", &timeout_ms)]].concat())
    }

    /// Has something done, within the time the user grants.
    ///
    /// # Errors
    ///
    /// As [`Client::get`].
    pub fn post(&self, path: &str, mut body: Value) -> Result<Value, Problem> {
        if let Some(fields) = body.as_object_mut() {
            let timeout_ms = u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX);
            fields.insert("timeout_ms".into(), json!(timeout_ms));
        }
        self.send(path, &body)
    }

    /// Has something done that does not wait for the network.
    ///
    /// # Errors
    ///
    /// As [`Client::get`].
    pub fn send(&self, path: &str, body: &Value) -> Result<Value, Problem> {
        let request = self.agent.post(self.address(path)).header("authorization", self.authorization.as_str());
        let request = request.header("content-type", "application/json");
        // It may hold a password.
        let body = Zeroizing::new(body.to_string());
        let response = request.send(body.as_bytes()).map_err(|error| self.failed(&error))?;
        self.read(response)
    }

    /// Opens the stream of posts: those not shown yet, then each new one.
    ///
    /// # Errors
    ///
    /// As [`Client::get`].
    pub fn events(&self) -> Result<Events<BufReader<impl Read + Send + 'static + use<>>>, Problem> {
        let request = self.stream_agent.get(self.address("/feed/events"));
        let request = request.header("authorization", self.authorization.as_str());
        let response = request.header("accept", "text/event-stream").call().map_err(|error| self.failed(&error))?;
        if !response.status().is_success() {
            return Err(self.read(response).err().unwrap_or_else(|| self.strange("an answer to another question")));
        }
        Ok(Events::new(BufReader::new(response.into_body().into_reader())))
    }

    /// Tells what the end or the failure of an event stream means.
    pub fn stream_ended(&self, error: Option<&io::Error>) -> Problem {
        match error {
            Some(error) if error.kind() == io::ErrorKind::TimedOut => self.silent(),
            Some(error) if error.kind() == io::ErrorKind::InvalidData => self.strange(&error.to_string()),
            _ => Problem::new(Code::NoNode, "the node has stopped").hint("start it again: timeline peer"),
        }
    }

    fn address(&self, path: &str) -> String {
        format!("{}{PREFIX}{path}", self.url)
    }

    fn read(&self, mut response: Response<Body>) -> Result<Value, Problem> {
        let accepted = response.status().is_success();
        let body = response.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_vec();
        let body = body.map_err(|error| self.failed(&error))?;
        if accepted {
            let fields: Result<Map<String, Value>, _> = serde_json::from_slice(&body);
            return fields.map(Value::Object).map_err(|_| self.strange(&quote(&body)));
        }
        match serde_json::from_slice::<Refusal>(&body) {
            Ok(refusal) => Err(refusal.error),
            Err(_) => Err(self.strange(&format!("{} {}", response.status(), quote(&body)))),
        }
    }

    fn failed(&self, error: &ureq::Error) -> Problem {
        match error {
            ureq::Error::Timeout(_) => self.silent(),
            ureq::Error::Io(error) if error.kind() == io::ErrorKind::TimedOut => self.silent(),
            ureq::Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => self.gone(),
            ureq::Error::ConnectionFailed | ureq::Error::HostNotFound => self.gone(),
            ureq::Error::Io(_) | ureq::Error::Protocol(_) => {
                Problem::new(Code::NoNode, "the node went away before it answered")
                    .hint("what was asked may have been done: look with `timeline status` when it runs again")
            }
            other => self.strange(&other.to_string()),
        }
    }

    fn gone(&self) -> Problem {
        Problem::new(Code::NoNode, format!("no node answers at {}", self.url))
            .hint("the last one did not end cleanly; start one: timeline peer")
    }

    fn silent(&self) -> Problem {
        Problem::new(Code::Unreachable, format!("the node at {} does not answer in time", self.url))
            .hint("wait longer with --timeout, or look at its log")
    }

    fn strange(&self, what: &str) -> Problem {
        Problem::new(Code::Internal, format!("{} answers what is no answer of this version: {what}", self.url))
            .hint("does another program listen there, or a node of another version?")
    }
}

/// What all requests have in common. A proxy of the environment must not get to see the token.
fn base() -> ConfigBuilder<AgentScope> {
    Agent::config_builder().http_status_as_error(false).proxy(None).max_redirects(0).max_redirects_will_error(false)
}

fn quote(body: &[u8]) -> String {
    String::from_utf8_lossy(body).chars().take(MAX_QUOTE).collect()
}

#[cfg(test)]
mod tests;
