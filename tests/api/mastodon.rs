//! The paths and shapes that Mastodon clients know, at the API of one node.

use std::io::BufReader;

use serde_json::{Value, json};

use crate::support::{Events, Got, Others, Served, TOKEN, done, read, serve};

impl Served {
    fn at(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    fn m_get(&self, path: &str) -> Got {
        let request = self.agent.get(self.at(path)).header("authorization", format!("Bearer {TOKEN}"));
        read(request.call().expect("an answer"))
    }

    fn m_post(&self, path: &str, body: &Value) -> Got {
        let request = self.agent.post(self.at(path)).header("authorization", format!("Bearer {TOKEN}"));
        read(request.header("content-type", "application/json").send(body.to_string()).expect("an answer"))
    }

    fn m_form(&self, path: &str, body: &str) -> Got {
        let request = self.agent.post(self.at(path)).header("authorization", format!("Bearer {TOKEN}"));
        read(request.header("content-type", "application/x-www-form-urlencoded").send(body).expect("an answer"))
    }

    fn m_delete(&self, path: &str) -> Got {
        let request = self.agent.delete(self.at(path)).header("authorization", format!("Bearer {TOKEN}"));
        read(request.call().expect("an answer"))
    }

    fn stream(&self) -> Events {
        let request = self.agent.get(self.at("/api/v1/streaming/user"));
        let response = request.header("authorization", format!("Bearer {TOKEN}")).call().expect("an answer");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Events(BufReader::new(Box::new(response.into_body().into_reader())))
    }
}

/// Expects a refusal as Mastodon writes it.
fn denied((status, body): Got, expected: u16, code: &str) {
    assert_eq!((status, &body["code"]), (expected, &json!(code)), "{body}");
    assert!(body["error"].as_str().is_some_and(|text| !text.is_empty()), "{body}");
}

fn texts(page: &Value) -> Vec<&str> {
    page.as_array().expect("a list").iter().map(|status| status["text"].as_str().expect("text")).collect()
}

#[test]
fn statuses_are_made_shown_paged_marked_and_deleted() {
    let server = serve(Others::None);
    denied(server.m_get("/api/v1/timelines/home"), 401, "not_logged_in");
    let me = server.register("alice");
    let first =
        done(server.m_post("/api/v1/statuses", &json!({ "status": "first <b> #Tag\n@alice", "visibility": "public" })));
    shape(&first, &me);
    let second = done(server.m_form("/api/v1/statuses", "status=second+one&expires_in=3600"));
    let answer = json!({ "status": "third", "in_reply_to_id": first["id"] });
    let third = done(server.m_post("/api/v1/statuses", &answer));
    assert_eq!(third["in_reply_to_id"], first["id"]);
    assert_eq!(third["in_reply_to_account_id"], me["account_id"]);
    let id = |status: &Value| status["id"].as_str().and_then(|id| id.parse::<u128>().ok()).expect("a decimal number");
    assert!(id(&first) < id(&second) && id(&second) < id(&third), "ids grow with the feed");

    // A path takes the decimal id, the network's, or the beginning of that.
    let hex = first["timeline"]["id"].as_str().expect("an id");
    for path in [first["id"].as_str().expect("text"), hex, &hex[..12]] {
        assert_eq!(done(server.m_get(&format!("/api/v1/statuses/{path}")))["id"], first["id"], "{path}");
    }
    denied(server.m_get("/api/v1/statuses/123"), 404, "no_such_post");
    denied(server.m_get(&format!("/api/v1/statuses/{}", "ab".repeat(32))), 404, "no_such_post");

    paging(&server, [&first, &second, &third]);
    let context = done(server.m_get(&format!("/api/v1/statuses/{}/context", third["id"].as_str().expect("text"))));
    assert_eq!(texts(&context["ancestors"]), ["first <b> #Tag\n@alice"]);
    let context = done(server.m_get(&format!("/api/v1/statuses/{hex}/context")));
    assert_eq!(texts(&context["descendants"]), ["third"]);

    let mut stream = server.stream();
    let fourth = done(server.m_post("/api/v1/statuses", &json!({ "status": "fourth" })));
    let (name, update) = stream.next().expect("an event");
    assert_eq!((name.as_str(), &update["id"]), ("update", &fourth["id"]));
    let path = format!("/api/v1/statuses/{}", fourth["id"].as_str().expect("text"));
    assert_eq!(done(server.m_delete(&path))["text"], "fourth");
    let (name, deleted) = stream.next().expect("an event");
    assert_eq!((name.as_str(), &deleted), ("delete", &fourth["id"]));
    denied(server.m_get(&path), 404, "no_such_post");
    assert_eq!(done(server.m_get("/api/v1/timelines/home")).as_array().map(Vec::len), Some(3));

    assert_eq!(texts(&done(server.m_get("/api/v1/timelines/tag/tag"))), ["first <b> #Tag\n@alice"]);
    let found = done(server.m_get("/api/v2/search?q=second"));
    assert_eq!(texts(&found["statuses"]), ["second one"]);
    let marker = done(server.m_post("/api/v1/markers", &json!({ "home": { "last_read_id": third["id"] } })));
    assert_eq!(marker["home"]["last_read_id"], third["id"]);
    assert_eq!(done(server.m_get("/api/v1/markers?timeline[]=home"))["home"]["last_read_id"], third["id"]);
}

fn shape(status: &Value, me: &Value) {
    assert!(status["id"].as_str().is_some_and(|id| id.bytes().all(|b| b.is_ascii_digit())), "{status}");
    let hex = status["timeline"]["id"].as_str().expect("an id");
    assert!(hex.len() == 64 && status["uri"].as_str().is_some_and(|uri| uri.contains(hex)), "{status}");
    assert_eq!(status["account"]["id"], me["account_id"]);
    assert_eq!((&status["visibility"], &status["account"]["acct"]), (&json!("public"), &json!("alice")));
    let html = status["content"].as_str().expect("HTML");
    assert!(html.starts_with("<p>first &lt;b&gt; <a href=") && html.contains("<br>"), "{html}");
    assert_eq!((&status["tags"][0]["name"], &status["mentions"][0]["acct"]), (&json!("tag"), &json!("alice")));
    for field in ["media_attachments", "emojis", "filtered"] {
        assert_eq!(status[field], json!([]), "{field}");
    }
}

fn paging(server: &Served, [first, second, third]: [&Value; 3]) {
    let id = |status: &Value| status["id"].as_str().expect("text").to_owned();
    let page = |query: &str| done(server.m_get(&format!("/api/v1/timelines/home?{query}")));
    assert_eq!(texts(&page("")), ["third", "second one", "first <b> #Tag\n@alice"]);
    assert_eq!(texts(&page("limit=1")), ["third"]);
    assert_eq!(texts(&page(&format!("max_id={}&limit=1", id(third)))), ["second one"]);
    assert_eq!(texts(&page(&format!("since_id={}", id(first)))), ["third", "second one"]);
    assert_eq!(texts(&page(&format!("min_id={}&limit=1", id(first)))), ["second one"]);
    assert_eq!(texts(&page(&format!("max_id={}", id(first)))), Vec::<&str>::new());
    denied(server.m_get("/api/v1/timelines/home?max_id=alice"), 422, "usage");
    denied(server.m_get("/api/v1/timelines/home?limit=0"), 422, "usage");
    let request = server.agent.get(server.at("/api/v1/timelines/home?limit=2"));
    let response = request.header("authorization", format!("Bearer {TOKEN}")).call().expect("an answer");
    let link = response.headers()["link"].to_str().expect("text").to_owned();
    let next = format!("max_id={}>; rel=\"next\"", id(second));
    assert!(link.contains(&next) && link.contains(&format!("min_id={}>; rel=\"prev\"", id(third))), "{link}");
}

#[test]
fn what_is_no_public_text_is_refused_and_not_posted() {
    let server = serve(Others::None);
    server.register("alice");
    let with = |field: &str, value: Value| {
        let mut body = json!({ "status": "never posted" });
        body[field] = value;
        server.m_post("/api/v1/statuses", &body)
    };
    denied(with("media_ids", json!(["1"])), 422, "not_supported");
    denied(with("poll", json!({ "options": ["a", "b"], "expires_in": 60 })), 422, "not_supported");
    for visibility in ["private", "unlisted", "direct", "local"] {
        denied(with("visibility", json!(visibility)), 422, "not_supported");
    }
    denied(with("scheduled_at", json!("2030-01-01T00:00:00Z")), 422, "not_supported");
    denied(with("spoiler_text", json!("careful")), 422, "not_supported");
    denied(with("poll", json!({})), 422, "not_supported");
    denied(with("media_attributes", json!([{ "id": 1 }])), 422, "not_supported");
    denied(with("quoted_status_id", json!("1")), 422, "not_supported");
    for form in [
        "status=x&visibility=private&visibility=",
        "status=x&visibility=private&visibility=public",
        &format!("status=x&{}visibility=private", "a=1&".repeat(300)),
    ] {
        let answer = server.m_form("/api/v1/statuses", form);
        assert_eq!(answer.0, 422, "{form}: {answer:?}");
    }
    denied(server.m_form("/api/v1/statuses?visibility=private", "status=x&visibility=public"), 422, "not_supported");
    denied(server.m_get("/api/v1/no/such/path"), 404, "not_supported");
    denied(with("in_reply_to_id", json!("ab".repeat(32))), 404, "no_such_post");
    denied(with("expires_in", json!(1)), 422, "ttl_out_of_range");
    denied(server.m_form("/api/v1/statuses", "status=x&media_ids[]=5"), 422, "not_supported");
    denied(server.m_form("/api/v1/statuses", "visibility=public"), 422, "text_empty");
    denied(server.m_post("/api/v1/statuses", &json!({ "status": "x".repeat(501) })), 422, "text_too_long");
    let request = server.agent.post(server.at("/api/v1/statuses")).header("authorization", format!("Bearer {TOKEN}"));
    let other = read(request.header("content-type", "text/plain").send("status=x").expect("an answer"));
    denied(other, 415, "usage");
    assert_eq!(done(server.m_get("/api/v1/timelines/home")), json!([]));
    // An empty list of media is what clients send with every text.
    let body = json!({ "status": "text", "media_ids": [], "poll": null, "sensitive": false, "spoiler_text": "" });
    assert_eq!(done(server.m_post("/api/v1/statuses", &body))["text"], "text");
}

#[test]
fn accounts_are_found_shown_and_changed() {
    let server = serve(Others::None);
    let me = server.register("alice");
    let id = me["account_id"].as_str().expect("an id");
    let own = done(server.m_get("/api/v1/accounts/verify_credentials"));
    assert_eq!((&own["id"], &own["acct"], &own["source"]["note"]), (&me["account_id"], &json!("alice"), &json!("")));
    let body = json!({ "display_name": "Alice <3", "note": "at sea" }).to_string();
    let request = server.agent.patch(server.at("/api/v1/accounts/update_credentials"));
    let request = request.header("authorization", format!("Bearer {TOKEN}")).header("content-type", "application/json");
    assert_eq!(done(read(request.send(body).expect("an answer")))["display_name"], "Alice <3");
    done(server.m_post("/api/v1/statuses", &json!({ "status": "hello" })));
    for path in [
        format!("/api/v1/accounts/{id}"),
        "/api/v1/accounts/alice".to_owned(),
        "/api/v1/accounts/lookup?acct=@alice".to_owned(),
    ] {
        let account = done(server.m_get(&path));
        assert_eq!((&account["id"], &account["display_name"]), (&me["account_id"], &json!("Alice <3")), "{path}");
        assert_eq!(account["note"], "<p>at sea</p>");
    }
    assert_eq!(texts(&done(server.m_get(&format!("/api/v1/accounts/{id}/statuses")))), ["hello"]);
    assert_eq!(done(server.m_get(&format!("/api/v1/accounts/{id}/followers"))), json!([]));
    assert_eq!(done(server.m_get("/api/v1/accounts/alice/following")), json!([]));
    assert_eq!(done(server.m_get("/api/v1/mutes")), json!([]));
    let standing = done(server.m_get(&format!("/api/v1/accounts/relationships?id[]={id}")));
    assert_eq!((&standing[0]["id"], &standing[0]["following"]), (&me["account_id"], &json!(false)));
    denied(server.m_get("/api/v1/accounts/nobody_here"), 404, "no_such_user");
    denied(server.m_get("/api/v1/accounts/Not%20a%20name"), 404, "no_such_user");
    denied(server.m_post("/api/v1/accounts/alice/follow", &json!({})), 422, "follow_self");
    crate::support::until("the directory has the account", || {
        done(server.m_get("/api/v1/accounts/search?q=ali")).as_array().is_some_and(|found| found.len() == 1)
    });
}
