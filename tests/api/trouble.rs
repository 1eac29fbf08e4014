//! When the network does not answer: what is queued, and what is refused.

use serde_json::{Value, json};

use crate::support::{Others, PASSWORD, done, refused, serve, until};

fn has_warning(status: &Value, code: &str) -> bool {
    status["warnings"].as_array().expect("a list").iter().any(|warning| warning["code"] == code)
}

#[test]
fn without_registrars_a_registration_waits() {
    let server = serve(Others::Absent);
    let me = json!({ "username": "alice", "password": PASSWORD, "timeout_ms": 60_000 });
    refused(server.post("/register", &me), 503, "no_registrars");
    let other = json!({ "username": "alice", "password": "another one entirely", "timeout_ms": 60_000 });
    refused(server.post("/register", &other), 403, "wrong_password");
    refused(server.post("/login", &me), 503, "name_pending");
    let status = done(server.get("/status"));
    assert!(has_warning(&status, "alone") && has_warning(&status, "few_registrars"), "{status}");
    assert_eq!(status["anchor"], json!(null));
}

#[test]
fn what_takes_longer_than_the_caller_waits_goes_on() {
    let server = serve(Others::None);
    let me = json!({ "username": "alice", "password": PASSWORD, "timeout_ms": 0 });
    refused(server.post("/register", &me), 503, "unreachable");
    until("the registration is done", || server.get("/whoami").0 == 200);
}

#[test]
fn posts_and_follows_are_queued_when_the_network_is_down() {
    let server = serve(Others::Bootpeer);
    until("the bootpeer is up", || done(server.get("/status"))["bootpeers"][0]["online"] == json!(true));
    let status = done(server.get("/status"));
    assert_eq!(status["bootpeers"][0]["version"], "timeline/test");
    assert!(status["bootpeers"][0]["rtt_ms"].as_f64().is_some_and(|ms| ms > 0.0), "{status}");
    assert_eq!((&status["role"], &status["peers"]["connected"]), (&json!("peer"), &json!(1)));
    until("the bootpeer is a contact", || done(server.get("/peers"))["peers"] != json!([]));
    let peer = done(server.get("/peers"))["peers"][0].clone();
    assert_eq!((&peer["node_id"], &peer["role"]), (&status["bootpeers"][0]["node_id"], &json!("bootpeer")));

    server.register("bob");
    done(server.post("/logout", &json!({ "timeout_ms": 20_000 })));
    server.register("alice");
    let published = done(server.post("/posts", &json!({ "text": "hello" })));
    assert_eq!(published["state"], "published", "{published}");
    let followed = done(server.post("/follow", &json!({ "username": "bob" })));
    assert_eq!(followed, json!({ "username": "bob", "state": "following", "queued": false }));
    until("the outbox is empty", || done(server.get("/status"))["outbox"] == 0);

    server.end_bootpeer();
    let queued = done(server.post("/posts", &json!({ "text": "is anybody there?", "timeout_ms": 300 })));
    assert_eq!(queued["state"], "queued", "{queued}");
    let unfollowed = done(server.post("/unfollow", &json!({ "username": "@bob", "timeout_ms": 300 })));
    assert_eq!(unfollowed["state"], "not_following", "{unfollowed}");
    assert_eq!(unfollowed["queued"], true, "{unfollowed}");
    let feed = done(server.get("/feed"));
    assert_eq!(feed["posts"][0]["id"], queued["id"]);
    let status = done(server.get("/status"));
    assert_eq!(status["outbox"], 2, "{status}");
    assert!(status["outbox_oldest"].is_string(), "{status}");
    until("the bootpeer is known to be down", || has_warning(&done(server.get("/status")), "no_bootpeer"));
}
