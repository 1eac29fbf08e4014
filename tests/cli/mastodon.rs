//! Two people through the Mastodon client API of their nodes: follow, post, answer, mute, delete.

use serde_json::{Value, json};

use crate::support::{Net, eventually, folder};

/// The API of one node.
pub struct Door {
    url: String,
    token: String,
    agent: ureq::Agent,
}

impl Door {
    /// Returns the API of a running node.
    pub fn of(net: &Net, name: &str) -> Self {
        let file = std::fs::read_to_string(net.dir(name).join("api.json")).expect("a running node writes it");
        let api: Value = serde_json::from_str(&file).expect("JSON");
        let text = |key: &str| api[key].as_str().expect("text").to_owned();
        let agent = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().new_agent();
        Self { url: text("url"), token: text("token"), agent }
    }

    fn read(mut response: ureq::http::Response<ureq::Body>) -> Value {
        let status = response.status();
        let value: Value = response.body_mut().read_json().expect("JSON");
        assert_eq!(status, 200, "{value}");
        value
    }

    /// Reads something.
    pub fn get(&self, path: &str) -> Value {
        let request = self.agent.get(format!("{}/api/{path}", self.url));
        Self::read(request.header("authorization", format!("Bearer {}", self.token)).call().expect("an answer"))
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let request = self.agent.post(format!("{}/api/{path}", self.url));
        let request = request.header("authorization", format!("Bearer {}", self.token));
        Self::read(request.header("content-type", "application/json").send(body.to_string()).expect("an answer"))
    }

    fn delete(&self, path: &str) -> Value {
        let request = self.agent.delete(format!("{}/api/{path}", self.url));
        Self::read(request.header("authorization", format!("Bearer {}", self.token)).call().expect("an answer"))
    }

    fn home(&self) -> Vec<String> {
        texts(&self.get("v1/timelines/home"))
    }
}

fn texts(statuses: &Value) -> Vec<String> {
    let all = statuses.as_array().expect("a list").iter();
    all.map(|status| status["text"].as_str().expect("text").to_owned()).collect()
}

fn id(value: &Value) -> String {
    value["id"].as_str().expect("an id").to_owned()
}

#[test]
fn two_people_meet_through_the_client_api() {
    let dir = folder();
    let net = Net::start(dir.path(), &["--bootpeers", "1", "--peers", "2"]);
    let alice_id = net.register("peer-1", "alice")["account_id"].as_str().expect("an id").to_owned();
    net.register("peer-2", "bob");
    let (alice, bob) = (Door::of(&net, "peer-1"), Door::of(&net, "peer-2"));

    let found = bob.get("v1/accounts/lookup?acct=alice");
    assert_eq!(id(&found), alice_id);
    let standing = bob.post(&format!("v1/accounts/{alice_id}/follow"), &json!({}));
    assert_eq!(standing["following"], true, "{standing}");
    assert_eq!(bob.get(&format!("v1/accounts/relationships?id[]={alice_id}"))[0]["following"], true);
    assert_eq!(bob.get("v1/accounts/bob/following")[0]["acct"], "alice");
    eventually("alice sees her follower", || alice.get("v1/accounts/alice/followers")[0]["acct"] == "bob");

    let first = alice.post("v1/statuses", &json!({ "status": "hello from a client" }));
    eventually("bob has the status", || bob.home() == ["hello from a client"]);
    assert_eq!(id(&bob.get("v1/timelines/home")[0]), id(&first), "its number is the same on every node");

    let answer = json!({ "status": "@alice hello back", "in_reply_to_id": first["id"] });
    let answer = bob.post("v1/statuses", &answer);
    eventually("alice is told", || {
        let told = alice.get("v1/notifications");
        told[0]["type"] == "mention" && told[0]["status"]["id"] == answer["id"]
    });
    let context = alice.get(&format!("v1/statuses/{}/context", id(&first)));
    assert_eq!(texts(&context["descendants"]), ["@alice hello back"]);

    bob.post("v1/accounts/alice/mute", &json!({}));
    assert_eq!(bob.home(), ["@alice hello back"], "a muted account is not shown");
    assert_eq!(bob.get("v1/mutes")[0]["acct"], "alice");
    bob.post("v1/accounts/alice/unmute", &json!({}));
    assert_eq!(bob.home(), ["@alice hello back", "hello from a client"]);

    alice.delete(&format!("v1/statuses/{}", id(&first)));
    eventually("the status is gone at bob's", || bob.home() == ["@alice hello back"]);
    let standing = bob.post(&format!("v1/accounts/{alice_id}/unfollow"), &json!({}));
    assert_eq!(standing["following"], false, "{standing}");
    net.stop();
}
