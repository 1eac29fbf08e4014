//! A person's day at the API of one node: from registration to logout.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Others, PASSWORD, Served, done, refused, serve, until};

fn fields(value: &Value) -> BTreeSet<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

fn say(server: &Served, text: &str) -> Value {
    done(server.post("/posts", &json!({ "text": text })))
}

#[test]
fn register_post_read_watch_and_log_out() {
    let server = serve(Others::None);
    before_login(&server);
    let me = server.register("alice");
    assert_eq!(fields(&me), BTreeSet::from(["username", "account_id", "device_id", "state"]));
    assert_eq!((&me["username"], &me["state"]), (&json!("alice"), &json!("registered")));
    let who = done(server.get("/whoami"));
    assert_eq!(fields(&who), BTreeSet::from(["username", "account_id", "device_id", "since"]));
    assert_eq!((&who["account_id"], &who["device_id"]), (&me["account_id"], &me["device_id"]));
    assert_eq!(done(server.get("/status"))["account"]["username"], "alice");
    // The same account once more is no error; another one is.
    let again = done(server.post("/login", &json!({ "username": "@alice", "password": "anything at all" })));
    assert_eq!((&again["state"], &again["device_id"]), (&json!("logged_in"), &me["device_id"]));
    let other = json!({ "username": "bob", "password": PASSWORD });
    refused(server.post("/login", &other), 409, "already_logged_in");
    refused(server.post("/register", &other), 409, "already_logged_in");

    posts(&server, &me);
    limits(&server);
    refused(server.post("/follow", &json!({ "username": "alice" })), 422, "follow_self");
    refused(server.post("/follow", &json!({ "username": "Alice" })), 422, "name_malformed");
    refused(server.post("/follow", &json!({ "username": "nobody_here" })), 404, "no_such_user");
    out_and_in(&server, &me);
}

fn before_login(server: &Served) {
    refused(server.get("/whoami"), 401, "not_logged_in");
    refused(server.get("/feed"), 401, "not_logged_in");
    refused(server.get("/feed/events"), 401, "not_logged_in");
    refused(server.post("/logout", &json!({})), 401, "not_logged_in");
    refused(server.post("/posts", &json!({ "text": "a" })), 401, "not_logged_in");
    refused(server.post("/follow", &json!({ "username": "alice" })), 401, "not_logged_in");
    refused(server.post("/feed/shown", &json!({ "ids": [] })), 401, "not_logged_in");
    let weak = json!({ "username": "alice", "password": "alice" });
    refused(server.post("/register", &weak), 422, "weak_password");
    let malformed = json!({ "username": "Alice", "password": PASSWORD });
    assert!(refused(server.post("/register", &malformed), 422, "name_malformed").contains("alice"));
    refused(server.post("/login", &json!({ "username": "alice", "password": PASSWORD })), 404, "no_such_user");
}

fn posts(server: &Served, me: &Value) {
    let mut events = server.events();
    let first = say(server, "first \u{1f30d}\nline");
    let shape = ["id", "state", "created_at", "expires_at", "replicas", "delivered"];
    assert_eq!(fields(&first), BTreeSet::from(shape));
    assert_eq!(first["state"], "published", "{first}");
    assert_eq!(
        (fields(&first["replicas"]), fields(&first["delivered"])),
        (["acked", "wanted"].into(), ["acked", "online"].into())
    );
    let (name, event) = events.next().expect("an event");
    assert_eq!((name.as_str(), &event["post"]["id"]), ("post", &first["id"]));

    let second = done(server.post("/posts", &json!({ "text": "second", "ttl_ms": 60_000, "timeout_ms": 5000 })));
    assert_eq!(events.next().expect("an event").1["post"]["text"], "second");
    drop(events);

    let feed = done(server.get("/feed"));
    assert_eq!(fields(&feed), BTreeSet::from(["posts", "complete", "missing", "read_elsewhere_gone", "next"]));
    assert_eq!((&feed["complete"], &feed["missing"], &feed["next"]), (&json!(true), &json!([]), &json!(null)));
    let newest = &feed["posts"][0];
    assert_eq!(newest["id"], second["id"]);
    let shape = ["id", "author", "text", "created_at", "expires_at", "device_id", "seq"];
    let more = ["reply_to", "mentions", "tags", "seen", "via"];
    assert_eq!(fields(newest), shape.into_iter().chain(more).collect());
    assert_eq!(newest["author"], json!({ "username": "alice", "account_id": me["account_id"] }));
    assert_eq!((&newest["device_id"], &newest["seq"], &newest["via"]), (&me["device_id"], &json!(2), &json!("local")));
    assert_eq!((&newest["created_at"], &newest["expires_at"]), (&second["created_at"], &second["expires_at"]));
    assert_eq!(feed["posts"][1]["text"], "first \u{1f30d}\nline");

    // Pages, by cursor, and around a post.
    let page = done(server.get("/feed?limit=1"));
    assert_eq!((page["posts"].as_array().map(Vec::len), &page["posts"][0]["id"]), (Some(1), &second["id"]));
    let next = page["next"].as_str().expect("another page");
    let page = done(server.get(&format!("/feed?limit=1&cursor={next}")));
    assert_eq!((&page["posts"][0]["id"], &page["next"]), (&first["id"], &json!(null)));
    let prefix = &first["id"].as_str().expect("an id")[..10];
    assert_eq!(done(server.get(&format!("/feed?since={prefix}")))["posts"][0]["id"], second["id"]);
    let older = done(server.get(&format!("/feed?before={}", second["id"].as_str().expect("an id"))));
    assert_eq!(older["posts"][0]["id"], first["id"]);
    refused(server.get("/feed?since=00000000"), 404, "no_such_post");
    refused(server.get("/feed?since=zz"), 400, "usage");
    refused(server.get("/feed?cursor=%21"), 400, "usage");

    let ids = json!({ "ids": [first["id"], second["id"], "00".repeat(32)] });
    assert_eq!(done(server.post("/feed/shown", &ids)), json!({ "shown": 2 }));
    assert_eq!(done(server.get("/feed"))["posts"][1]["seen"], true);
}

fn limits(server: &Served) {
    let post = |body: Value| server.post("/posts", &body);
    refused(post(json!({ "text": "" })), 422, "text_empty");
    refused(post(json!({ "text": "a".repeat(501) })), 422, "text_too_long");
    refused(post(json!({ "text": "a\u{1b}[2J" })), 422, "text_control");
    refused(post(json!({ "text": "a", "ttl_ms": 9_999 })), 422, "ttl_out_of_range");
    refused(post(json!({ "text": "a", "ttl_ms": u64::MAX })), 422, "ttl_out_of_range");
    // The network of this test allows six posts a minute; two are made.
    for i in 0..4 {
        say(server, &format!("more {i}"));
    }
    refused(post(json!({ "text": "too many" })), 429, "rate_limited");
}

fn out_and_in(server: &Served, me: &Value) {
    let mut events = server.events();
    until("the outbox is empty", || done(server.get("/status"))["outbox"] == 0);
    assert_eq!(done(server.post("/logout", &json!({ "timeout_ms": 20_000 }))), json!({ "username": "alice" }));
    assert_eq!(events.next(), None, "a login's stream ends with it");
    refused(server.get("/whoami"), 401, "not_logged_in");
    refused(server.get("/feed"), 401, "not_logged_in");
    let wrong = json!({ "username": "alice", "password": "not the password", "timeout_ms": 60_000 });
    refused(server.post("/login", &wrong), 403, "wrong_password");
    let right = json!({ "username": "alice", "password": PASSWORD, "retire_oldest": true, "timeout_ms": 60_000 });
    let back = done(server.post("/login", &right));
    assert_eq!(back["account_id"], me["account_id"]);
    assert_ne!(back["device_id"], me["device_id"]);
}
