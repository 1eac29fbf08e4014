//! What can be read at the API beside the feed.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Others, done, refused, serve};

fn fields(value: &Value) -> BTreeSet<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().expect("a list").iter().filter_map(|post| post["text"].as_str()).collect()
}

#[test]
fn people_posts_conversations_and_searches_are_read() {
    let server = serve(Others::None);
    for path in ["/following", "/followers", "/mentions", "/ledger?id=00000000"] {
        refused(server.get(path), 401, "not_logged_in");
    }
    refused(server.get("/user?name=alice"), 404, "no_such_user");
    let me = server.register("alice");
    let posts: Vec<Value> = ["first #Sea", "second", "third #sea @bob_9"]
        .iter()
        .map(|text| done(server.post("/posts", &json!({ "text": text }))))
        .collect();

    let user = done(server.get("/user?name=@alice&n=2"));
    let shape = ["username", "account_id", "display_name", "bio", "online", "followers", "following"];
    assert_eq!(fields(&user), shape.into_iter().chain(["posts", "complete", "next"]).collect());
    assert_eq!((&user["account_id"], &user["followers"]), (&me["account_id"], &json!(0)));
    assert_eq!(texts(&user["posts"]), ["third #sea @bob_9", "second"]);
    let next = user["next"].as_str().expect("more");
    let rest = done(server.get(&format!("/user?name=alice&n=2&cursor={next}")));
    assert_eq!((texts(&rest["posts"]), &rest["next"]), (vec!["first #Sea"], &json!(null)));
    assert_eq!(texts(&done(server.get("/user?name=alice&local=true"))["posts"]).len(), 3);
    refused(server.get("/user?name=Alice"), 422, "name_malformed");
    refused(server.get("/user?name=nobody"), 404, "no_such_user");
    refused(server.get("/user?name=nobody&local=true"), 404, "no_such_user");
    refused(server.get("/user?name=alice&n=501"), 400, "usage");
    refused(server.get("/user?name=alice&cursor=%21"), 400, "usage");

    for path in ["/following", "/followers", "/following?name=alice", "/followers?name=alice&n=5"] {
        let list = done(server.get(path));
        assert_eq!(list, json!({ "username": "alice", "count": 0, "users": [], "next": null }), "{path}");
    }
    refused(server.get("/followers?name=nobody"), 404, "no_such_user");
    refused(server.get("/followers?cursor=x"), 400, "usage");

    let id = posts[2]["id"].as_str().expect("an id");
    let shown = done(server.get(&format!("/show?id={}", &id[..10])));
    assert_eq!((&shown["post"]["id"], &shown["post"]["text"]), (&posts[2]["id"], &json!("third #sea @bob_9")));
    assert_eq!((&shown["post"]["mentions"], &shown["post"]["tags"]), (&json!(["bob_9"]), &json!(["sea"])));
    assert_eq!(shown["post"]["reply_to"], json!(null));
    refused(server.get("/show?id=00000000"), 404, "no_such_post");
    refused(server.get("/show?id=0"), 400, "usage");
    refused(server.get("/show"), 400, "usage");

    let thread = done(server.get(&format!("/thread?id={id}")));
    assert_eq!(fields(&thread), ["ancestors", "ancestors_end", "post", "replies", "complete"].into());
    assert_eq!((&thread["post"], &thread["ancestors"], &thread["replies"]), (&shown["post"], &json!([]), &json!([])));
    refused(server.get(&format!("/thread?id={}", "0".repeat(64))), 404, "no_such_post");

    refused(server.get(&format!("/ledger?id={}", "0".repeat(64))), 404, "no_such_post");
    for bad in ["/ledger", "/ledger?id=0", "/ledger?id=00000000&n=0", "/ledger?id=00000000&cursor=x"] {
        refused(server.get(bad), 400, "usage");
    }
    refused(server.post("/ledger", &json!({})), 405, "usage");
    let ledger = done(server.get(&format!("/ledger?id={}", &id[..10])));
    let shape = ["id", "state", "replicas", "followers", "received", "seen", "owed", "count", "complete", "next"];
    assert_eq!(fields(&ledger), shape.into());
    assert_eq!((&ledger["id"], &ledger["state"], &ledger["followers"]), (&json!(id), &json!("published"), &json!(0)));
    assert_eq!((&ledger["owed"], &ledger["count"], &ledger["complete"]), (&json!([]), &json!(0), &json!(true)));
    assert_eq!(fields(&ledger["replicas"]), ["acked", "wanted"].into());

    assert_eq!(done(server.get("/mentions")), json!({ "posts": [], "next": null }));
    assert_eq!(texts(&done(server.get("/tag?name=SEA"))["posts"]), ["third #sea @bob_9", "first #Sea"]);
    let page = done(server.get("/tag?name=sea&n=1"));
    let next = page["next"].as_str().expect("more");
    assert_eq!(texts(&done(server.get(&format!("/tag?name=sea&cursor={next}")))["posts"]), ["first #Sea"]);
    refused(server.get("/tag?name=%23"), 400, "usage");
    assert_eq!(texts(&done(server.get("/search?q=SECOND"))["posts"]), ["second"]);
    assert_eq!(done(server.get("/search?q=absent")), json!({ "posts": [], "next": null }));
    refused(server.get("/search?q="), 400, "usage");
    refused(server.get("/search"), 400, "usage");
    refused(server.post("/search", &json!({})), 405, "usage");
}
