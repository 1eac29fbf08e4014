//! Who may ask: a program that knows the token, through a loopback name, from no page but ours.
//!
//! The token keeps other users of the machine out. The checks of `Host` and `Origin` keep web pages out, even those that
//! make their own name point at this machine (DNS rebinding), should a browser ever come to hold the token.

use std::net::SocketAddr;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    AUTHORIZATION, CACHE_CONTROL, HOST, HeaderName, HeaderValue, ORIGIN, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage};

use super::answers::Refusal;
use crate::types::{Code, Problem};

/// What requests are checked against.
pub struct Guard {
    /// The hash of the token: comparing hashes takes the same time whatever was sent.
    token: blake3::Hash,
    port: u16,
}

impl Guard {
    /// Lets in who knows `token` and names our `port`.
    pub fn new(token: &str, port: u16) -> Self {
        Self { token: blake3::hash(token.as_bytes()), port }
    }

    /// Returns the port that requests name.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Checks a request, and marks every answer as not to be kept nor guessed at.
    pub async fn pass(
        &self,
        request: ServiceRequest,
        next: Next<impl MessageBody + 'static>,
    ) -> Result<ServiceResponse<BoxBody>, Error> {
        let mut response = match self.check(&request) {
            Ok(()) => next.call(request).await?.map_into_boxed_body(),
            Err(refusal) => request.error_response(refusal),
        };
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if response.status() == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        Ok(response)
    }

    fn check(&self, request: &ServiceRequest) -> Result<(), Refusal> {
        let host = only(request, &HOST).is_some_and(|host| self.is_ours(host));
        // A request line may name a host too, and then counts more than the header (RFC 9112, section 3.2.2).
        if !host || request.uri().authority().is_some_and(|authority| !self.is_ours(authority.as_str())) {
            return Err(forbidden("this is no name of this API: use the URL in api.json"));
        }
        let ours = |origin: &str| origin.strip_prefix("http://").is_some_and(|host| self.is_ours(host));
        if request.headers().contains_key(ORIGIN) && !only(request, &ORIGIN).is_some_and(ours) {
            return Err(forbidden("pages of other origins may not use this API"));
        }
        let Some(token) = only(request, &AUTHORIZATION).and_then(bearer) else {
            let problem = Problem::new(Code::Usage, "a request carries `Authorization: Bearer TOKEN`");
            return Err(Refusal::with(StatusCode::UNAUTHORIZED, problem.hint("the token is in api.json")));
        };
        if blake3::hash(token.as_bytes()) != self.token {
            let problem = Problem::new(Code::NoNode, "this token is of another node, or of an earlier run of this one");
            return Err(Refusal::with(StatusCode::UNAUTHORIZED, problem.hint("read api.json again")));
        }
        // Pages cannot send the token along. Our own routes take one kind of body all the same: what else a form of a page
        // may send without asking first is no business of theirs.
        let ours = request.path().starts_with("/api/v1/node/");
        let json = request.content_type().eq_ignore_ascii_case("application/json");
        if ours && *request.method() == Method::POST && !json {
            let problem = Problem::new(Code::Usage, "a body is `Content-Type: application/json`");
            return Err(Refusal::with(StatusCode::UNSUPPORTED_MEDIA_TYPE, problem));
        }
        Ok(())
    }

    /// Tells whether a host with a port is this API by a loopback name.
    fn is_ours(&self, host: &str) -> bool {
        match host.parse::<SocketAddr>() {
            Ok(address) => address.ip().is_loopback() && address.port() == self.port,
            Err(_) => host.eq_ignore_ascii_case(&format!("localhost:{}", self.port)),
        }
    }
}

fn forbidden(message: &str) -> Refusal {
    Refusal::with(StatusCode::FORBIDDEN, Problem::new(Code::Usage, message))
}

/// Returns the value of a header that is there once.
fn only<'a>(request: &'a ServiceRequest, name: &HeaderName) -> Option<&'a str> {
    let mut values = request.headers().get_all(name);
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_with_our_port_are_ours() {
        let guard = Guard::new("t", 4000);
        let check = |host, expected| assert_eq!(guard.is_ours(host), expected, "{host}");
        for host in ["127.0.0.1:4000", "localhost:4000", "LocalHost:4000", "[::1]:4000", "127.0.0.2:4000"] {
            check(host, true);
        }
        for host in [
            "127.0.0.1",
            "127.0.0.1:4001",
            "localhost",
            "localhost:4001",
            "localhost:4000.evil.example:4000",
            "localhost.:4000",
            "evil.example:4000",
            "192.0.2.1:4000",
            "[::]:4000",
            "0.0.0.0:4000",
            "127.0.0.1:4000@evil.example",
            "user@127.0.0.1:4000",
            "",
            ":4000",
        ] {
            check(host, false);
        }
    }

    #[test]
    fn tokens_follow_the_word_bearer() {
        assert_eq!(bearer("Bearer abc"), Some("abc"));
        assert_eq!(bearer("bearer  abc"), Some("abc"));
        assert_eq!(bearer("Basic abc"), None);
        assert_eq!(bearer("abc"), None);
    }
}
