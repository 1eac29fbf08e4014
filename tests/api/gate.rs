//! Who gets in, and what a request may look like.

use serde_json::json;

use crate::support::{Others, Served, TOKEN, done, read, refused, serve};

fn status_of(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no status in {answer}"))
}

fn with_headers(server: &Served, headers: &str) -> u16 {
    let answer = server.raw(&format!("GET /api/v1/node/status HTTP/1.1\r\nconnection: close\r\n{headers}\r\n"));
    let status = status_of(&answer);
    if status != 400 {
        assert!(answer.contains("cache-control: no-store"), "{answer}");
        assert!(status == 200 || answer.contains("\"error\""), "{answer}");
    }
    status
}

#[test]
fn only_the_token_a_loopback_name_and_our_own_origin_get_in() {
    let server = serve(Others::None);
    let port = server.addr.port();
    let token = format!("authorization: Bearer {TOKEN}\r\n");
    let check = |headers: String, expected: u16| assert_eq!(with_headers(&server, &headers), expected, "{headers}");

    for host in ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"] {
        check(format!("host: {host}:{port}\r\n{token}"), 200);
    }
    for host in ["127.0.0.1", "evil.example", "localhost.evil.example", "0.0.0.0", "192.0.2.1"] {
        check(format!("host: {host}:{port}\r\n{token}").replace("127.0.0.1:", "127.0.0.1:1"), 403);
    }
    check(format!("host: localhost\r\n{token}"), 403);
    check(format!("host: 127.0.0.1:{port}\r\nhost: evil.example:{port}\r\n{token}"), 400);

    let host = format!("host: 127.0.0.1:{port}\r\n");
    for origin in [format!("http://127.0.0.1:{port}"), format!("http://localhost:{port}")] {
        check(format!("{host}origin: {origin}\r\n{token}"), 200);
    }
    let other = port.wrapping_add(1).max(1);
    let evil = ["null", "http://evil.example", "https://127.0.0.1", "file://", ""].map(str::to_owned);
    let near = [
        format!("https://localhost:{port}"),
        format!("http://evil.example:{port}"),
        format!("http://localhost:{other}"),
        format!("http://localhost:{port}/"),
        format!("http://localhost:{port} http://evil.example"),
    ];
    for origin in evil.into_iter().chain(near) {
        check(format!("{host}origin: {origin}\r\n{token}"), 403);
    }

    check(host.clone(), 401);
    for wrong in
        ["Bearer", "Bearer ", "Bearer x", "Basic 5c1a-not-a-secret", "5c1a-not-a-secret", "Bearer 5c1a-not-a-secre"]
    {
        check(format!("{host}authorization: {wrong}\r\n"), 401);
    }
    check(format!("{host}{token}{token}"), 401);
}

#[test]
fn a_host_in_the_request_line_counts_too() {
    let server = serve(Others::None);
    let port = server.addr.port();
    let ask = |target: &str| {
        let head = format!("host: 127.0.0.1:{port}\r\nauthorization: Bearer {TOKEN}\r\nconnection: close\r\n");
        status_of(&server.raw(&format!("GET {target} HTTP/1.1\r\n{head}\r\n")))
    };
    assert_eq!(ask(&format!("http://127.0.0.1:{port}/api/v1/node/status")), 200);
    assert_eq!(ask(&format!("http://evil.example:{port}/api/v1/node/status")), 403);
}

#[test]
fn a_wrong_token_says_that_the_node_is_another() {
    let server = serve(Others::None);
    let ask = |path: &str, token: Option<&str>| {
        let request = server.agent.get(server.url(path));
        let request = match token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        };
        let response = request.call().expect("an answer");
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
        read(response)
    };
    refused(ask("/status", Some("another")), 401, "no_node");
    refused(ask("/status", None), 401, "usage");
    // Who is not let in does not even learn what there is.
    refused(ask("/nothing", None), 401, "usage");
}

#[test]
fn methods_and_paths_are_refused_as_json() {
    let server = serve(Others::None);
    for path in ["/status", "/peers", "/network", "/whoami", "/feed", "/feed/events"] {
        refused(server.post(path, &json!({})), 405, "usage");
    }
    for path in ["/stop", "/register", "/login", "/logout", "/posts", "/follow", "/unfollow", "/feed/shown"] {
        refused(server.get(path), 405, "usage");
    }
    for path in ["", "/", "/nothing", "/status/", "/feed/shown/x", "/../../../etc/passwd"] {
        refused(server.get(path), 404, "not_supported");
    }
    let head = format!("host: {}\r\nauthorization: Bearer {TOKEN}\r\nconnection: close\r\n", server.addr);
    let answer = server.raw(&format!("DELETE /api/v1/node/posts HTTP/1.1\r\n{head}\r\n"));
    assert_eq!(status_of(&answer), 405);
    assert!(answer.contains("allow: POST"), "{answer}");
    done(server.get("/status"));
}

#[test]
fn bodies_are_small_json_with_known_fields() {
    let server = serve(Others::None);
    let post = |body: &str| server.post_text("/posts", "application/json", body);
    for bad in [
        "",
        "{",
        "null",
        "[]",
        "7",
        "{}",
        "{\"text\": 7}",
        "{\"text\": \"a\", \"text\": \"b\"}",
        "{\"text\": \"a\"} x",
        "{\"text\": \"a\", \"ttl_ms\": -1}",
        "{\"text\": \"a\", \"ttl_ms\": 1.5}",
        "{\"text\": \"a\", \"timeout_ms\": \"1\"}",
        "{\"text\": \"\\ud800\"}",
    ] {
        refused(post(bad), 400, "usage");
    }
    let message = refused(post("{\"text\": \"a\", \"colour\": 1}"), 400, "usage");
    assert!(message.contains("colour"), "{message}");
    refused(server.post("/login", &json!({ "username": "alice" })), 400, "usage");
    refused(server.post("/logout", &json!({ "username": "alice" })), 400, "usage");
    refused(server.post("/stop", &json!({ "now": true })), 400, "usage");

    for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/problem+json", "json"] {
        refused(server.post_text("/posts", content_type, "{\"text\": \"a\"}"), 415, "usage");
    }
    let accepted = server.post_text("/posts", "application/json; charset=utf-8", "{\"text\": \"a\"}");
    refused(accepted, 401, "not_logged_in");

    let text = |length: usize| json!({ "text": "a".repeat(length) });
    refused(server.post("/posts", &text(64 * 1024)), 413, "usage");
    refused(server.post("/posts", &text(64 * 1024 - 11)), 422, "text_too_long");
    // A body that does not say how long it is ends at the limit as well.
    let part = "a".repeat(0x8000);
    let chunks = format!("8000\r\n{part}\r\n").repeat(3);
    let answer = server.raw(&format!(
        "POST /api/v1/node/posts HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {TOKEN}\r\n\
         content-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n{chunks}0\r\n\r\n",
        server.addr
    ));
    assert_eq!(status_of(&answer), 413, "{answer}");
}

#[test]
fn queries_are_read_strictly() {
    let server = serve(Others::None);
    for bad in ["limit=0", "limit=501", "limit=-1", "limit=x", "colour=1", "limit=1&limit=2"] {
        refused(server.get(&format!("/feed?{bad}")), 400, "usage");
    }
    refused(server.get("/feed?limit=500"), 401, "not_logged_in");
    refused(server.post("/feed/shown", &json!({ "ids": ["abcdef01"] })), 400, "usage");
    refused(server.post("/feed/shown", &json!({ "ids": vec!["ab".repeat(32); 501] })), 400, "usage");
}

#[test]
fn what_a_node_says_of_itself_and_its_network() {
    let server = serve(Others::None);
    let network = done(server.get("/network"));
    assert_eq!(
        (&network["name"], &network["epoch"], &network["k"], &network["q"]),
        (&json!("api"), &json!(1), &json!(3), &json!(1))
    );
    assert_eq!(network["limits"]["posts_per_minute"], 6);
    assert_eq!(network["registrars"][0]["name"], "boot");
    assert_eq!(network["invite"], "timeline:line");

    let status = done(server.get("/status"));
    assert_eq!(status["node_id"], network["registrars"][0]["node_id"]);
    assert_eq!(status["network"], json!({ "id": network["network_id"], "name": "api" }));
    assert_eq!((&status["role"], &status["account"]), (&json!("bootpeer"), &json!(null)));
    assert_eq!(status["registrars"], json!({ "n": 1, "q": 1, "reachable": 1, "epoch": 1 }));
    assert_eq!(status["anchor"], json!({ "full": false }));
    assert_eq!(status["store"]["quota_bytes"], 1 << 20);
    assert!(status["synced"].is_boolean(), "{status}");
    let traffic = status["traffic"].as_object().expect("traffic").keys().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(traffic, ["bytes_received", "bytes_sent", "requests_received", "requests_sent"]);
    assert_eq!((&status["outbox"], &status["outbox_oldest"]), (&json!(0), &json!(null)));
    let listen = status["listen"][0].as_str().expect("an address");
    assert!(listen.starts_with("127.0.0.1:") && !listen.ends_with(":0"), "{listen}");
    // A store in memory has no disk.
    assert_eq!(status.get("disk_free_bytes"), None);
    assert_eq!(status["warnings"], json!([]));
    assert_eq!(done(server.get("/peers")), json!({ "peers": [] }));
}
