//! Makes vectors from fixed seeds. What is in the file already is not made again, so changes here only add.

use serde_json::{Value, json};

use crate::check::{fields, hex};
use crate::fixtures::{NOW, PASSWORD, TestAccount, TestDevice, TestNet, at, contact_bytes, every_kind, secret};
use crate::keys::place;
use crate::records::{Record, ReplyTo, Revoked, Signed, bundle_key, countersign, home, name_key};
use crate::types::{AccountId, Hash, alpn};

/// Returns all vectors that this version knows how to make.
pub fn all() -> Vec<Value> {
    let net = TestNet::new("vectors", 4);
    let mut out = vec![network(&net)];
    out.extend(places(&net));
    out.extend(nodes(&net));
    out.extend(finals(&net));
    out.extend(valid_records(&net));
    out.extend(refused_records(&net));
    out
}

fn network(net: &TestNet) -> Value {
    json!({
        "name": "network", "type": "network",
        "document": String::from_utf8_lossy(&net.network.bytes()),
        "id": net.id().to_string(),
        "alpn": String::from_utf8_lossy(&alpn(&net.id())),
        "registrars": net.network.registrars.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "quorum": net.network.quorum(),
    })
}

fn places(net: &TestNet) -> Vec<Value> {
    let alice = net.account("alice");
    let vector = |name: &str, label: &str, parts: &[&[u8]], key: String| {
        let parts: Vec<String> = parts.iter().map(|p| hex(p)).collect();
        json!({"name": format!("place {name}"), "type": "place", "label": label, "parts": parts, "key": key})
    };
    vec![
        vector("without parts", "a", &[], place("a", &[]).to_string()),
        vector("with two parts", "a", &[b"bc", b""], place("a", &[b"bc", b""]).to_string()),
        vector("home", "home", &[alice.id().as_bytes()], home(&alice.id()).to_string()),
        vector("name", "name", &[b"alice"], name_key(alice.chain.username()).to_string()),
        vector("bundle", "bundle", &[b"alice"], bundle_key(alice.chain.username()).to_string()),
    ]
}

fn nodes(net: &TestNet) -> Vec<Value> {
    let node = secret("node");
    let contact = contact_bytes(&node, &net.id());
    let mut altered = contact.clone();
    altered[60] ^= 1;
    let vector = |name: &str, bytes: &[u8]| {
        let mut vector = json!({"name": name, "type": "contact", "context": "timeline 1 contact", "bytes": hex(bytes)});
        let (verdict, fields) = crate::check::open_contact(bytes, &net.id());
        vector["verdict"] = json!(verdict);
        vector["fields"] = fields;
        vector
    };
    vec![
        json!({
            "name": "node", "type": "node", "secret": hex(&*node.to_bytes()),
            "public": node.public().to_string(), "id": node.public().node_id().to_string(),
        }),
        vector("contact", &contact),
        vector("contact altered", &altered),
    ]
}

fn finals(net: &TestNet) -> Vec<Value> {
    let alice = net.account("alice");
    let link = &alice.chain.links[0];
    let signed = &link.finals[0];
    vec![json!({
        "name": "final", "type": "final", "context": "timeline 1 final",
        "text": hex(&final_text(link, alice.id(), signed.at.0)),
        "record": hex(link.record.bytes()), "account": alice.id().to_string(),
        "registrar": signed.registrar.to_string(), "time": signed.at.0, "signature": hex(&signed.signature),
    })]
}

/// What a FINAL signs, put together by hand.
fn final_text(link: &crate::records::Link, account: AccountId, time: u64) -> Vec<u8> {
    let name = link.record.body.username.as_str();
    let mut text = vec![0x86, 0xa1, b'E', 1, 0xa1, b'U', 0xa0 | name.len() as u8];
    text.extend(name.as_bytes());
    text.extend([&[0xa1, b'A', 0xc4, 32][..], account.as_bytes(), &[0xa1, b'Q', 0]].concat());
    text.extend([&[0xa1, b'H', 0xc4, 32][..], link.record.hash().as_bytes()].concat());
    text.extend([&[0xa1, b'T', 0xcf][..], &time.to_be_bytes()].concat());
    text
}

/// Describes a record and, by running today's code, what becomes of it at [`NOW`].
fn record(net: &TestNet, name: &str, bytes: &[u8], context: &str, proofs: &[&str]) -> Value {
    let mut vector = json!({
        "name": name, "type": "record", "kind": bytes[1], "bytes": hex(bytes), "context": context,
        "now": NOW.0, "proofs": proofs,
    });
    if let Ok(read) = Record::decode(bytes.to_vec().into()) {
        vector["hash"] = json!(read.hash().to_string());
        vector["fields"] = fields(&read, &net.id());
        if read.kind() != crate::types::RecordKind::Account {
            vector["signed_bytes"] = json!(crate::check::signed_len(&read));
        }
    }
    let known: Vec<Value> = proofs.iter().map(|p| proof(net, p)).collect();
    vector["verdict"] = json!(crate::check::verdict(&vector, &known, &net.network));
    vector
}

/// Returns a vector that proves others, by its name.
fn proof(net: &TestNet, name: &str) -> Value {
    let alice = net.account("alice");
    let bytes = match name {
        "account" => alice.chain.bytes().clone(),
        "device" => alice.device(net, "1").cert.bytes().clone(),
        "account after a change" => changed(net).chain.bytes().clone(),
        other => panic!("{other} proves nothing"),
    };
    json!({"bytes": hex(&bytes)})
}

/// Alice with a new root key, device 1 kept and revoked after its first post.
fn changed(net: &TestNet) -> TestAccount {
    let alice = net.account("alice");
    let device = alice.device(net, "1");
    let last_hash = device.posts(1)[0].hash();
    alice.then_new_root(net, |body| {
        body.kept = vec![device.id()];
        body.revoked = vec![Revoked { device: device.id(), last_seq: 1, last_hash }];
    })
}

const CONTEXTS: [(&str, &str); 15] = [
    ("account", "timeline 1 account"),
    ("bundle", "timeline 1 bundle"),
    ("device", "timeline 1 device"),
    ("retirement", "timeline 1 retirement"),
    ("heads", "timeline 1 heads"),
    ("post", "timeline 1 post"),
    ("edge", "timeline 1 edge"),
    ("presence", "timeline 1 presence"),
    ("interest", "timeline 1 interest"),
    ("profile", "timeline 1 profile"),
    ("tombstone", "timeline 1 tombstone"),
    ("watermark", "timeline 1 watermark"),
    ("private", "timeline 1 private"),
    ("mention", "timeline 1 mention"),
    ("directory", "none"),
];

fn valid_records(net: &TestNet) -> Vec<Value> {
    let mut out = Vec::new();
    for (read, (name, context)) in every_kind(net).iter().zip(CONTEXTS) {
        let proofs: &[&str] = match name {
            "account" | "directory" => &[],
            "bundle" | "device" => &["account"],
            _ => &["account", "device"],
        };
        let mut vector = record(net, name, read.bytes(), context, proofs);
        if name == "bundle" {
            vector["password"] = json!(PASSWORD);
        }
        if matches!(name, "presence" | "interest") {
            vector["node_context"] = json!(format!("{context} node"));
        }
        out.push(vector);
    }
    let alice = net.account("alice");
    let device = alice.device(net, "1");
    let both = &["account", "device"][..];
    let mut push = |name: &str, bytes: &[u8], context: &str, proofs: &[&str]| {
        out.push(record(net, name, bytes, context, proofs));
    };
    push("account after a change", changed(net).chain.bytes(), "timeline 1 account", &[]);
    push("bundle after a change", changed(net).bundle.bytes(), "timeline 1 bundle", &["account after a change"]);
    let by_root = device.retirement(5, Some((0, &alice.root)));
    push("retirement by the root key", by_root.bytes(), "timeline 1 retirement", &["account"]);
    let mut heads = device.heads_body(4, 40, 7);
    heads.collected = vec![(9, 9), (12, 30)];
    push("heads with collected ranges", device.sign(heads).bytes(), "timeline 1 heads", both);
    let mut reasons = device.heads_body(5, 40, 7);
    (reasons.collected, reasons.why_from, reasons.early) = (vec![(9, 9), (12, 30)], Some(3), vec![(4, 5), (9, 9)]);
    push("heads that say why numbers are gone", device.sign(reasons).bytes(), "timeline 1 heads", both);
    let mut beyond = device.heads_body(5, 40, 7);
    (beyond.why_from, beyond.early) = (Some(3), vec![(2, 5)]);
    push("heads whose reasons begin before they begin", device.sign(beyond).bytes(), "timeline 1 heads", both);
    let first = device.posts(1).remove(0);
    let mut reply = device.post_body(2, Some(first.hash()), "Grüße, 世界\n🦀");
    reply.reply_to = Some(ReplyTo { account: net.account("bob").id(), post: Hash([9; 32]) });
    push("post that answers", device.sign(reply).bytes(), "timeline 1 post", both);
    let edge = device.edge(net.account("bob").id(), false, 9);
    push("edge that ends", edge.bytes(), "timeline 1 edge", both);
    push("post with an unknown optional field", &with_field(&device, "z"), "timeline 1 post", both);
    out
}

/// A post with one field of a later version: the text "x" under `key`.
fn with_field(device: &TestDevice, key: &str) -> Vec<u8> {
    let plain = device.sign(device.post_body(1, None, "later"));
    let mut bytes = plain.bytes()[..plain.bytes().len() - 64].to_vec();
    bytes[2] += 1;
    bytes.extend([0xa1, key.as_bytes()[0], 0xa1, b'x']);
    let signature = device.key.sign("timeline 1 post", &TestNet::new("vectors", 4).id(), &bytes);
    [&bytes[..], &signature].concat()
}

fn refused_records(net: &TestNet) -> Vec<Value> {
    let alice = net.account("alice");
    let device = alice.device(net, "1");
    let node = secret("node");
    let both = &["account", "device"][..];
    let post = |change: &dyn Fn(&mut crate::records::PostBody)| {
        let mut body = device.post_body(1, None, "hello");
        change(&mut body);
        device.sign(body).bytes().to_vec()
    };
    let good = post(&|_| {});
    let of_kind = |kind: u8| [&[good[0], kind], &good[2..]].concat();
    let other_suite = [&[2], &good[1..]].concat();
    let by = |key: &str| {
        let body = device.post_body(1, None, "hello");
        Signed::sign(body, &secret(key), &net.id()).bytes().to_vec()
    };
    let mut bare = alice.chain.links.clone();
    bare[0].finals.truncate(1);
    let bare = crate::records::AccountChain::new(bare).expect("one link");
    let by_other_node = countersign(device.presence(1, &node), &secret("other node"), &net.id());
    let cases: Vec<(&str, Vec<u8>, &str, &[&str])> = vec![
        ("post of an unknown device", good.clone(), "post", &["account"]),
        ("post of an unknown account", good.clone(), "post", &[]),
        ("post signed by a stranger", by("stranger"), "post", both),
        ("post with an unknown critical field", with_field(&device, "Z"), "post", both),
        ("post with trailing bytes", [&good[..], &[0]].concat(), "post", both),
        ("post of a later suite", other_suite, "post", both),
        ("record of a reserved kind", of_kind(32), "post", both),
        ("post cut short", good[..40].to_vec(), "post", both),
        ("post not in normal form", post(&|b| b.text = "e\u{301}".into()), "post", both),
        ("post with a control character", post(&|b| b.text = "a\tb".into()), "post", both),
        ("post of 501 characters", post(&|b| b.text = "a".repeat(501)), "post", both),
        ("post that lives too long", post(&|b| b.lifetime_ms = 2_592_000_001), "post", both),
        ("post from the future", post(&|b| b.hlc = at(300_001)), "post", both),
        ("post that ended", post(&|b| (b.hlc, b.lifetime_ms) = (at(-10_000), 10_000)), "post", both),
        ("post after a revocation", device.posts(2)[1].bytes().to_vec(), "post", &["account after a change", "device"]),
        ("account with too few finals", bare.bytes().to_vec(), "account", &[]),
        ("bundle that is void", alice.bundle.bytes().to_vec(), "bundle", &["account after a change"]),
        ("presence at a node that did not agree", by_other_node.bytes().to_vec(), "presence", both),
        ("edge to oneself", device.edge(alice.id(), true, 0).bytes().to_vec(), "edge", both),
    ];
    let mut out: Vec<Value> = cases
        .into_iter()
        .map(|(name, bytes, kind, proofs)| record(net, name, &bytes, &format!("timeline 1 {kind}"), proofs))
        .collect();
    let before = record(
        net,
        "post before a revocation",
        device.posts(1)[0].bytes(),
        "timeline 1 post",
        &["account after a change", "device"],
    );
    out.push(before);
    out
}
