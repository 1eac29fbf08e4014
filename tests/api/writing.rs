//! Answering, deleting, muting and blocking through the API.

use serde_json::{Value, json};

use crate::support::{Others, Served, done, refused, serve, until};

fn post(server: &Served, body: Value) -> Value {
    done(server.post("/posts", &body))
}

fn users(server: &Served, path: &str) -> Vec<String> {
    let list = done(server.get(path));
    let users = list["users"].as_array().expect("a list").iter();
    users.map(|user| user["username"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn answer_and_delete() {
    let server = serve(Others::None);
    let nobody = "00".repeat(32);
    refused(server.post("/delete", &json!({ "id": nobody })), 401, "not_logged_in");
    server.register("alice");
    let first = post(&server, json!({ "text": "first" }));
    let id = first["id"].as_str().expect("an id");
    let answer = post(&server, json!({ "text": "an answer", "reply_to": &id[..12] }));
    assert_eq!(answer["state"], "published");
    refused(server.post("/posts", &json!({ "text": "to whom", "reply_to": nobody })), 404, "no_such_post");
    refused(server.post("/posts", &json!({ "text": "to what", "reply_to": "zz" })), 400, "usage");
    refused(server.post("/delete", &json!({ "id": nobody })), 404, "no_such_post");
    refused(server.post("/delete", &json!({ "id": "1234567" })), 400, "usage");
    let gone = json!({ "id": id, "state": "deleted" });
    assert_eq!(done(server.post("/delete", &json!({ "id": &id[..8] }))), gone);
    assert_eq!(done(server.post("/delete", &json!({ "id": id, "timeout_ms": 5000 }))), gone, "twice does no harm");
    let feed = done(server.get("/feed"));
    assert_eq!(feed["posts"].as_array().map(Vec::len), Some(1), "{feed}");
    assert_eq!(feed["posts"][0]["id"], answer["id"]);
    refused(server.post("/posts", &json!({ "text": "late", "reply_to": id })), 404, "no_such_post");
    until("the outbox is empty", || done(server.get("/outbox")) == json!({ "items": [] }));
}

#[test]
fn mute_block_and_take_it_back() {
    let server = serve(Others::None);
    refused(server.get("/muted"), 401, "not_logged_in");
    refused(server.post("/block", &json!({ "username": "bob" })), 401, "not_logged_in");
    let bob = server.register("bob");
    done(server.post("/logout", &json!({ "timeout_ms": 20_000 })));
    server.register("alice");
    let wish = json!({ "username": "@bob" });
    let state = |state: &str| json!({ "username": "bob", "state": state, "queued": false });
    assert_eq!(done(server.post("/mute", &wish)), state("muted"));
    assert_eq!(done(server.post("/block", &wish)), state("blocked"));
    let list = done(server.get("/blocked"));
    assert_eq!((&list["users"][0]["account_id"], &list["users"][0]["online"]), (&bob["account_id"], &json!(null)));
    assert_eq!(done(server.post("/unmute", &wish)), state("not_muted"));
    assert_eq!(done(server.post("/unmute", &wish)), state("not_muted"), "twice does no harm");
    assert_eq!((users(&server, "/muted"), users(&server, "/blocked")), (vec![], vec!["bob".to_owned()]));
    assert_eq!(done(server.post("/unblock", &wish)), state("not_blocked"));
    assert!(users(&server, "/blocked").is_empty());
    refused(server.post("/mute", &json!({ "username": "alice" })), 422, "follow_self");
    refused(server.post("/mute", &json!({ "username": "nobody_here" })), 404, "no_such_user");
}

#[test]
fn what_is_on_its_way_is_listed() {
    let server = serve(Others::Bootpeer);
    server.register("alice");
    until("the outbox is empty", || done(server.get("/outbox")) == json!({ "items": [] }));
    server.end_bootpeer();
    let posted = post(&server, json!({ "text": "nobody is there", "timeout_ms": 500 }));
    assert_eq!(posted["state"], "queued", "{posted}");
    let items = done(server.get("/outbox"))["items"].clone();
    assert_eq!((items.as_array().map(Vec::len), &items[0]["id"]), (Some(1), &posted["id"]), "{items}");
    let mut fields: Vec<&str> = items[0].as_object().expect("an object").keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["acked", "id", "kind", "last_error", "since", "wanted"]);
    assert_eq!(items[0]["kind"], "post");
    // What was queued is deleted before it ever went out.
    let gone = done(server.post("/delete", &json!({ "id": posted["id"], "timeout_ms": 500 })));
    assert_eq!(gone, json!({ "id": posted["id"], "state": "queued" }));
}
