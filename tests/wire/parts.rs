//! Vectors of what is neither record nor frame: certificates, documents, invitations, pages, names in texts, sealed things.

use std::str::FromStr;

use serde_json::{Value, json};

use crate::check::{hex, unhex};
use crate::fixtures::{PASSWORD, TestNet, secret};
use crate::keys::{NodeCertificate, PasswordCost, SealKey, SecretKey, key_in_certificate};
use crate::plain::plain;
use crate::records::{Entry, Page, PrivateBody, PrivateKind, Record, entry_tag, to_bytes, users_key};
use crate::types::{AccountId, Hash, Hlc, Network, Rng, Section, alpn};
use timeline::net::server_name;
use timeline::node::invite::Invite;
use timeline::timeline::{mentions, tags};

/// Returns all vectors of these kinds.
pub fn all(net: &TestNet) -> Vec<Value> {
    let mut out = certificates(net);
    out.extend(documents());
    out.extend(invites(net));
    out.extend(pages(net));
    out.extend(texts());
    out.extend(entries(net));
    out.push(bundle(net));
    out
}

/// Checks one vector; false when it is of another type.
pub fn check(vector: &Value, network: &Network) -> bool {
    let name = &vector["name"];
    let text = |key: &str| vector[key].as_str().expect("a text").to_owned();
    match vector["type"].as_str().expect("every vector has a type") {
        "certificate" => {
            let key = key_in_certificate(&unhex(&vector["der"]));
            assert_eq!(json!(key.map(|k| k.to_string())), vector["key"], "{name}");
            assert_eq!(json!(key.map(|k| k.node_id().to_string())), vector["node"], "{name}");
        }
        "alpn" => {
            let id = text("network").parse().expect("an id");
            assert_eq!(String::from_utf8_lossy(&alpn(&id)), text("alpn"));
        }
        "server_name" => assert_eq!(server_name(&text("node").parse().expect("an id")), text("server_name")),
        "network" => {
            let read = Network::parse(text("document").into_bytes().into()).ok();
            assert_eq!(json!(read.map(|n| n.id.to_string())), vector["id"], "{name}");
        }
        "invite" => assert_eq!(read_invite(&text("line")), vector["fields"], "{name}"),
        "page" => assert_eq!(page_key(vector), text("key"), "{name}"),
        "users" => assert_eq!(users_key(&text("prefix")).to_string(), text("key")),
        "name_in_text" => {
            let names: Vec<String> = mentions(&text("text")).iter().map(|n| n.as_str().to_owned()).collect();
            assert_eq!((json!(names), json!(tags(&text("text")))), (vector["names"].clone(), vector["tags"].clone()));
        }
        "entry" => check_entry(vector),
        "bundle" => check_bundle(vector, network),
        _ => return false,
    }
    true
}

fn certificates(net: &TestNet) -> Vec<Value> {
    let node = secret("node");
    let der = NodeCertificate::generate(&node.to_bytes()).expect("made").der().to_vec();
    let vector = |name: &str, der: &[u8]| {
        let key = key_in_certificate(der);
        json!({
            "name": name, "type": "certificate", "der": hex(der), "key": key.map(|k| k.to_string()),
            "node": key.map(|k| k.node_id().to_string()),
        })
    };
    let at = der.windows(32).position(|w| w == node.public().as_bytes()).expect("the key is there");
    let mut weak = der.clone();
    weak[at..at + 32].fill(0);
    let id = node.public().node_id();
    vec![
        vector("certificate of a node", &der),
        vector("certificate with a key of small order", &weak),
        vector("certificate cut short", &der[..at + 20]),
        json!({
            "name": "ALPN", "type": "alpn", "network": net.id().to_string(),
            "alpn": String::from_utf8_lossy(&alpn(&net.id())),
        }),
        json!({"name": "server name", "type": "server_name", "node": id.to_string(), "server_name": server_name(&id)}),
    ]
}

fn documents() -> Vec<Value> {
    let key = secret("registrar").public().to_string();
    let registrar = format!("[[registrar]]\nname = \"r\"\nkey = \"{key}\"\n");
    let whole = format!(
        "name = \"whole\"\nepoch = 1\ntest = false\nk = 8\nposts_kept = 5\nreserved_names = [\"admin\", \"root\"]\n\n\
         [limits]\npost_bytes = 4096\naccount_bytes = 2048\nbundle_bytes = 8192\nprivate_bytes = 16384\n\
         other_bytes = 512\nposts_per_minute = 30\nposts_per_hour = 300\nfollowees = 5000\npage_entries = 500\n\
         devices = 64\nputs_per_minute = 600\naccount_quota = 4194304\nmentions_per_hour = 20\n\
         source_quota = 67108864\nhome_prefixes = [\"192.0.2.0/24\", \"2001:db8::/32\"]\n\n{registrar}"
    );
    let cases = [
        ("the shortest", "name = \"a\"\nepoch = 1\n".to_owned()),
        ("with other line ends", "name = \"a\"\r\nepoch = 1\r\n".to_owned()),
        ("with everything", whole),
        ("without a name", "epoch = 1\n".to_owned()),
        ("of another epoch", "name = \"a\"\nepoch = 2\n".to_owned()),
        ("with an unknown key", "name = \"a\"\nepoch = 1\ncolour = 1\n".to_owned()),
        ("with an unknown limit", "name = \"a\"\nepoch = 1\n[limits]\nposts = 1\n".to_owned()),
        ("with k = 0", "name = \"a\"\nepoch = 1\nk = 0\n".to_owned()),
        ("with one registrar twice", format!("name = \"a\"\nepoch = 1\n{registrar}{registrar}")),
        (
            "with bits behind a prefix",
            "name = \"a\"\nepoch = 1\n[limits]\nhome_prefixes = [\"192.0.2.1/24\"]\n".to_owned(),
        ),
    ];
    let vector = |(name, document): (&str, String)| {
        let id = Network::parse(document.clone().into_bytes().into()).ok().map(|n| n.id.to_string());
        json!({"name": format!("document {name}"), "type": "network", "document": document, "id": id})
    };
    cases.into_iter().map(vector).collect()
}

fn read_invite(line: &str) -> Value {
    let Ok(invite) = Invite::from_str(line) else { return Value::Null };
    let bootpeers = invite.bootpeers.iter().map(|b| json!({"node": b.node_id.to_string(), "address": b.address}));
    json!({"network": invite.network_id.to_string(), "bootpeers": bootpeers.collect::<Vec<_>>()})
}

fn invites(net: &TestNet) -> Vec<Value> {
    let (id, node) = (net.id().to_string(), secret("node").public().node_id().to_string());
    let cases = [
        ("with one bootpeer", format!("timeline:{id}/{node}@192.0.2.1:4747")),
        ("with a name and IPv6", format!("timeline:{id}/{node}@boot.example.org:4747,{node}@[2001:db8::1]:1")),
        ("with white space around", format!(" timeline:{id}/{node}@192.0.2.1:4747\n")),
        ("without bootpeers", format!("timeline:{id}/")),
        ("without a port", format!("timeline:{id}/{node}@192.0.2.1")),
        ("with port 0", format!("timeline:{id}/{node}@192.0.2.1:0")),
        ("with bare IPv6", format!("timeline:{id}/{node}@2001:db8::1:4747")),
        ("with a cut network", format!("timeline:{}/{node}@192.0.2.1:4747", &id[1..])),
        ("in upper case", format!("timeline:{}/{node}@192.0.2.1:4747", id.to_uppercase())),
        ("of something else", "https://example.org/".to_owned()),
    ];
    let vector = |(name, line): (&str, String)| json!({"name": format!("invite {name}"), "type": "invite", "line": line, "fields": read_invite(&line)});
    cases.into_iter().map(vector).collect()
}

fn page_key(vector: &Value) -> String {
    let account = |key: &str| -> AccountId { vector[key].as_str().expect("an id").parse().expect("an id") };
    let number = |key: &str| vector[key].as_u64().expect("a number") as u8;
    let section = Section::from_number(number("section")).expect("a section");
    Page::of(section, account("owner"), &account("other"), number("depth")).key().to_string()
}

fn pages(net: &TestNet) -> Vec<Value> {
    let (owner, other) = (net.account("alice").id(), net.account("bob").id());
    let digest = crate::keys::hash(other.as_bytes()).0;
    let digits: String = digest[..2].iter().map(|byte| format!("{byte:08b}")).collect();
    let mut out = Vec::new();
    for section in [Section::Following, Section::Followers, Section::Seen, Section::Inbox, Section::Interest] {
        for depth in [0u8, 1, 2, 3, 16] {
            let (list, number) = (format!("{section:?}").to_lowercase(), section.number());
            let mut vector = json!({
                "name": format!("page of {list} at depth {depth}"), "type": "page", "list": list, "section": number,
                "owner": owner.to_string(), "other": other.to_string(), "depth": depth,
                "digits": digits[..usize::from(depth)],
            });
            vector["key"] = json!(page_key(&vector));
            out.push(vector);
        }
    }
    for prefix in ["", "a", "al", "alice"] {
        out.push(json!({
            "name": format!("users of {prefix:?}"), "type": "users", "prefix": prefix,
            "key": users_key(prefix).to_string(),
        }));
    }
    out
}

fn texts() -> Vec<Value> {
    let cases = [
        "hello @alice, and @bob_1!",
        "mail me@example.org, see example.org/@alice and @@bob",
        "@Alice @al @alice @alice (@carol)",
        "@alicé is no name; @alice.",
        "#Grüße #123 #2026a #a_b #GRÜSSE a#b ##c",
        "Ünï #Ünï (#world) #東京",
    ];
    let vector = |text: &str| {
        let names: Vec<String> = mentions(text).iter().map(|n| n.as_str().to_owned()).collect();
        json!({
            "name": format!("names in {text:?}"), "type": "name_in_text", "text": text, "names": names,
            "tags": tags(text),
        })
    };
    cases.into_iter().map(vector).collect()
}

fn entries(net: &TestNet) -> Vec<Value> {
    let (alice, bob) = (net.account("alice"), net.account("bob").id());
    let (device, settings) = (alice.device(net, "1").id(), [7; 32]);
    let key = SealKey::new(settings);
    let entry =
        |kind: PrivateKind, subject, on, position| Entry { kind: kind as u8, subject, on, position, logs: vec![] };
    let logs = vec![(device.0[..16].to_vec().into(), 41), (vec![9; 16].into(), 1)];
    let cases = [
        ("mute", entry(PrivateKind::Mute, bob, true, None)),
        ("block taken back", entry(PrivateKind::Block, bob, false, None)),
        ("read position", entry(PrivateKind::ReadPosition, alice.id(), true, Some(Hlc(1 << 60)))),
        ("read position by log", Entry { logs, ..entry(PrivateKind::ReadPosition, alice.id(), true, None) }),
    ];
    let vector = |(name, entry): (&str, Entry)| {
        let mut rng = Rng::from_seed(crate::keys::hash(name.as_bytes()).0);
        let body = PrivateBody::seal(alice.id(), device, Hlc(0), &entry, &key, &mut rng);
        let map = to_bytes(&entry);
        json!({
            "name": format!("entry {name}"), "type": "entry", "settings_key": hex(&settings),
            "account": alice.id().to_string(), "kind": entry.kind, "subject": entry.subject.to_string(),
            "tag": body.tag.to_string(), "nonce": hex(&body.sealed[..24]), "map": hex(&map), "fields": plain(&map),
            "associated": hex(&[&alice.id().0[..], &body.tag.0].concat()), "sealed": hex(&body.sealed),
        })
    };
    cases.into_iter().map(vector).collect()
}

fn check_entry(vector: &Value) {
    let text = |key: &str| vector[key].as_str().expect("a text");
    let account: AccountId = text("account").parse().expect("an id");
    let tag: Hash = text("tag").parse().expect("a tag");
    let key = SealKey::new(unhex(&vector["settings_key"]).try_into().expect("32 bytes"));
    let kind = PrivateKind::from_number(vector["kind"].as_u64().expect("a kind") as u8).expect("a kind");
    assert_eq!(entry_tag(&key, kind, &text("subject").parse().expect("an id")), tag);
    let sealed = unhex(&vector["sealed"]);
    assert_eq!(hex(&sealed[..24]), text("nonce"));
    let device = crate::types::DeviceId([0; 32]);
    let body = PrivateBody { account, device, hlc: Hlc(0), tag, sealed };
    let entry = body.open(&key).expect("opens");
    assert_eq!(plain(&to_bytes(&entry)), vector["fields"]);
    assert_eq!(plain(&unhex(&vector["map"])), vector["fields"]);
    assert_eq!(hex(&[&account.0[..], &tag.0].concat()), text("associated"));
}

fn bundle(net: &TestNet) -> Value {
    let alice = net.account("alice");
    let body = &alice.bundle.body;
    let sealed = &body.sealed;
    let key = sealed.cost.derive(PASSWORD, &sealed.salt).expect("8 MiB are there");
    let secrets = body.open(PASSWORD, &net.network).expect("opens");
    let associated =
        [&net.id().0[..], &body.root.0, &body.seq.to_le_bytes(), body.username.as_str().as_bytes()].concat();
    json!({
        "name": "bundle opened", "type": "bundle", "record": hex(alice.bundle.bytes()), "password": PASSWORD,
        "salt": hex(&sealed.salt), "memory_kib": sealed.cost.memory_kib, "passes": sealed.cost.passes,
        "lanes": sealed.cost.lanes, "key": hex(&*key), "nonce": hex(&sealed.nonce), "sealed": hex(&sealed.text),
        "associated": hex(&associated), "root_seed": hex(&secrets.root), "settings_key": hex(&secrets.settings),
    })
}

fn check_bundle(vector: &Value, network: &Network) {
    let number = |key: &str| vector[key].as_u64().expect("a number") as u32;
    let password = vector["password"].as_str().expect("a text");
    let Ok(Record::Bundle(bundle)) = Record::decode(unhex(&vector["record"]).into()) else { panic!("a bundle") };
    let cost = PasswordCost { memory_kib: number("memory_kib"), passes: number("passes"), lanes: number("lanes") };
    let salt = unhex(&vector["salt"]).try_into().expect("16 bytes");
    assert_eq!(json!(hex(&*cost.derive(password, &salt).expect("memory"))), vector["key"]);
    let secrets = bundle.body.open(password, network).expect("opens");
    assert_eq!(json!(hex(&secrets.root)), vector["root_seed"]);
    assert_eq!(json!(hex(&secrets.settings)), vector["settings_key"]);
    assert_eq!(SecretKey::from_bytes(&secrets.root).public(), bundle.body.root);
}
