//! Checks one vector with today's code.

use serde_json::{Value, json};

use crate::keys::{SecretKey, hash, place};
use crate::records::{
    AccountBody, ChainError, CodecError, Final, ProofError, Proofs, Record, RecordError, Signed, admit, countersigned,
};
use crate::types::{Network, NetworkId, WallTime};

/// Writes bytes in hex digits.
pub fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

/// Reads bytes from hex digits.
pub fn unhex(value: &Value) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(value.as_str().expect("hex digits").as_bytes()).expect("hex digits")
}

fn network(vectors: &[Value]) -> Network {
    let vector = vectors.iter().find(|v| v["type"] == "network").expect("there is a network");
    let document = vector["document"].as_str().expect("a text").as_bytes().to_vec();
    Network::parse(document.into()).expect("a valid document")
}

/// Checks that the vector is what it says.
pub fn check(vector: &Value, all: &[Value]) {
    let network = network(all);
    let name = &vector["name"];
    match vector["type"].as_str().expect("every vector has a type") {
        "network" => {
            assert_eq!(json!(network.id.to_string()), vector["id"]);
            assert_eq!(json!(String::from_utf8_lossy(&network.alpn())), vector["alpn"]);
            let keys: Vec<String> = network.registrars.iter().map(ToString::to_string).collect();
            assert_eq!(json!(keys), vector["registrars"]);
            assert_eq!(json!(network.quorum()), vector["quorum"]);
        }
        "place" => {
            let parts: Vec<Vec<u8>> = vector["parts"].as_array().expect("a list").iter().map(unhex).collect();
            let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
            let key = place(vector["label"].as_str().expect("a text"), &parts);
            assert_eq!(json!(key.to_string()), vector["key"], "{name}");
        }
        "node" => {
            let secret: [u8; 32] = unhex(&vector["secret"]).try_into().expect("32 bytes");
            let public = SecretKey::from_bytes(&secret).public();
            assert_eq!(json!(public.to_string()), vector["public"]);
            assert_eq!(json!(public.node_id().to_string()), vector["id"]);
        }
        "contact" => {
            let (verdict, fields) = open_contact(&unhex(&vector["bytes"]), &network.id);
            assert_eq!((json!(verdict), &fields), (vector["verdict"].clone(), &vector["fields"]), "{name}");
        }
        "final" => check_final(vector, &network),
        "record" => check_record(vector, all, &network),
        other => panic!("a vector of type {other}"),
    }
}

fn check_final(vector: &Value, network: &Network) {
    let record = Signed::<AccountBody>::decode(unhex(&vector["record"]).into()).expect("an account record");
    let signed = Final {
        registrar: vector["registrar"].as_str().expect("a key").parse().expect("a key"),
        at: WallTime(vector["time"].as_u64().expect("a time")),
        signature: unhex(&vector["signature"]),
    };
    let account = vector["account"].as_str().expect("an account").parse().expect("an account");
    assert!(signed.holds(network, account, &record));
    let context = vector["context"].as_str().expect("a context");
    let text = unhex(&vector["text"]);
    assert!(crate::keys::verify(&signed.registrar, context, &network.id, &text, &signed.signature));
    let later = Final { at: WallTime(signed.at.0 + 1), ..signed };
    assert!(!later.holds(network, account, &record));
}

fn check_record(vector: &Value, all: &[Value], network: &Network) {
    let name = &vector["name"];
    let proofs: Vec<Value> = vector["proofs"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|p| all.iter().find(|v| v["name"] == *p).expect("the proof is a vector too").clone())
        .collect();
    assert_eq!(json!(verdict(vector, &proofs, network)), vector["verdict"], "{name}");
    let bytes = unhex(&vector["bytes"]);
    assert_eq!(json!(bytes[1]), vector["kind"], "{name}");
    let Ok(record) = Record::decode(bytes.clone().into()) else {
        assert!(vector["fields"].is_null(), "{name} was read once");
        return;
    };
    assert_eq!(record.bytes().as_ref(), bytes, "{name}");
    assert_eq!(fields(&record, &network.id), vector["fields"], "{name}");
    assert_eq!(json!(record.hash().to_string()), vector["hash"], "{name}");
    if let Some(signed) = vector["signed_bytes"].as_u64() {
        let signed = &bytes[..signed as usize];
        assert_eq!(hash(signed), record.hash(), "{name}");
        check_signature(vector, &record, &bytes, signed.len(), network);
    }
    if let (Record::Bundle(bundle), Some(password)) = (&record, vector["password"].as_str()) {
        assert!(bundle.body.open(password, network).is_ok(), "{name}");
        assert!(bundle.body.open("another password", network).is_err(), "{name}");
    }
}

/// Checks the signature by hand, with the context that the vector lists.
fn check_signature(vector: &Value, record: &Record, bytes: &[u8], signed: usize, network: &Network) {
    if vector["verdict"] != "valid" {
        return;
    }
    let key = match record {
        Record::Bundle(r) => r.body.root,
        // These are signed by a root key that only the chain names; the verdict covers them.
        Record::Device(_) => return,
        // Its FINALs are its signatures.
        Record::Directory(_) => return,
        Record::Retirement(r) if r.body.root_seq.is_some() => return,
        other => other.device().expect("signed by a device").public_key(),
    };
    let context = vector["context"].as_str().expect("a context");
    let signature = &bytes[signed..signed + 64];
    assert!(crate::keys::verify(&key, context, &network.id, &bytes[..signed], signature), "{}", vector["name"]);
}

/// Returns how many bytes are hashed and signed.
pub fn signed_len(record: &Record) -> usize {
    let signatures = match record {
        Record::Presence(_) | Record::Interest(_) => 2,
        Record::Directory(_) => 0,
        _ => 1,
    };
    record.bytes().len() - signatures * 64
}

/// Says what becomes of a record when its proofs are known.
pub fn verdict(vector: &Value, proofs: &[Value], network: &Network) -> &'static str {
    let mut known = Proofs::new(10);
    for proof in proofs {
        let proof = Record::decode(unhex(&proof["bytes"]).into()).expect("proofs can be read");
        // A certificate that no longer counts is remembered all the same.
        let _ = known.verify(&proof, network);
    }
    let record = match Record::decode(unhex(&vector["bytes"]).into()) {
        Ok(record) => record,
        Err(error) => return refusal(error),
    };
    let now = WallTime(vector["now"].as_u64().expect("a time"));
    if let Err(error) = admit(&record, now, network.limits()) {
        return refusal(error);
    }
    match known.verify(&record, network) {
        Ok(()) => "valid",
        Err(ProofError::Needed) => "need_proof",
        Err(ProofError::Chain(ChainError::NotCertified(_))) => "not_certified",
        Err(ProofError::Chain(ChainError::Broken(_))) => "chain_broken",
        Err(ProofError::Chain(ChainError::Record(error))) => refusal(error),
        Err(ProofError::Signature) => "signature",
        Err(ProofError::Revoked) => "revoked",
        Err(ProofError::OtherBundle) => "other_bundle",
    }
}

fn refusal(error: RecordError) -> &'static str {
    match error {
        RecordError::Short => "short",
        RecordError::Suite => "unknown_suite",
        RecordError::Kind(_) => "unknown_kind",
        RecordError::Fields(CodecError::Malformed) => "malformed",
        RecordError::Fields(CodecError::Trailing) => "trailing",
        RecordError::Fields(CodecError::Critical) => "unknown_critical_field",
        RecordError::Value => "value",
        RecordError::Signature => "signature",
        RecordError::TooLarge => "too_large",
        RecordError::Future => "future",
        RecordError::Expired => "expired",
    }
}

/// Opens a contact: what becomes of it, and what it says.
pub fn open_contact(bytes: &[u8], network: &NetworkId) -> (&'static str, Value) {
    match crate::records::open_contact(bytes.to_vec().into(), network) {
        Ok((key, contact)) => {
            let addresses: Vec<String> = contact.addresses.iter().map(ToString::to_string).collect();
            let fields = json!({"key": key.to_string(), "node": contact.node.to_string(), "seq": contact.seq, "addresses": addresses});
            ("valid", fields)
        }
        Err(error) => (refusal(error), Value::Null),
    }
}

fn state(link: &crate::records::Link) -> Value {
    let b = &link.record.body;
    let revoked: Vec<Value> = b
        .revoked
        .iter()
        .map(|r| json!({"device": r.device.to_string(), "last_seq": r.last_seq, "last_hash": r.last_hash.to_string()}))
        .collect();
    let finals: Vec<Value> = link
        .finals
        .iter()
        .map(|f| json!({"registrar": f.registrar.to_string(), "time": f.at.0, "signature": hex(&f.signature)}))
        .collect();
    json!({
        "username": b.username.as_str(), "seq": b.seq, "account": b.account.map(|a| a.to_string()),
        "prev": b.prev.map(|h| h.to_string()), "root": b.root.to_string(),
        "recovery": b.recovery.map(|k| k.to_string()), "revoked": revoked,
        "kept": b.kept.iter().map(ToString::to_string).collect::<Vec<_>>(), "bundle": b.bundle.to_string(),
        "bytes": hex(link.record.bytes()), "hash": link.record.hash().to_string(), "finals": finals,
    })
}

/// Lists the fields of a record by the names that `docs/PROTOCOL.md` gives them.
pub fn fields(record: &Record, network: &NetworkId) -> Value {
    match record {
        Record::Account(chain) => json!({
            "account": chain.account.to_string(), "states": chain.links.iter().map(state).collect::<Vec<_>>(),
        }),
        Record::Bundle(r) => json!({
            "username": r.body.username.as_str(), "seq": r.body.seq, "root": r.body.root.to_string(),
            "memory_kib": r.body.sealed.cost.memory_kib, "passes": r.body.sealed.cost.passes,
            "lanes": r.body.sealed.cost.lanes, "salt": hex(&r.body.sealed.salt),
            "nonce": hex(&r.body.sealed.nonce), "text": hex(&r.body.sealed.text),
        }),
        Record::Device(r) => json!({
            "account": r.body.account.to_string(), "device": r.body.device.to_string(), "seq": r.body.seq,
            "hlc": r.body.hlc.0,
        }),
        Record::Retirement(r) => json!({
            "account": r.body.account.to_string(), "device": r.body.device.to_string(), "last_seq": r.body.last_seq,
            "last_hash": r.body.last_hash.map(|h| h.to_string()), "hlc": r.body.hlc.0, "root_seq": r.body.root_seq,
        }),
        Record::Heads(r) => {
            let mut fields = json!({
                "account": r.body.account.to_string(), "device": r.body.device.to_string(), "version": r.body.version,
                "hlc": r.body.hlc.0, "last_seq": r.body.last_seq, "last_hash": r.body.last_hash.map(|h| h.to_string()),
                "floor": r.body.floor, "collected": r.body.collected,
            });
            // Vectors that were written before there were reasons do not name them.
            if let Some(from) = r.body.why_from {
                (fields["why_from"], fields["early"]) = (json!(from), json!(r.body.early));
            }
            fields
        }
        Record::Post(r) => json!({
            "account": r.body.account.to_string(), "device": r.body.device.to_string(), "seq": r.body.seq,
            "hlc": r.body.hlc.0, "prev": r.body.prev.map(|h| h.to_string()), "text": r.body.text,
            "lifetime_ms": r.body.lifetime_ms,
            "reply_to": r.body.reply_to.as_ref().map(|p| json!({
                "account": p.account.to_string(), "post": p.post.to_string(),
            })),
        }),
        Record::Edge(r) => json!({
            "follower": r.body.follower.to_string(), "device": r.body.device.to_string(),
            "followed": r.body.followed.to_string(), "hlc": r.body.hlc.0, "follows": r.body.follows,
            "since": r.body.since.0,
        }),
        Record::Presence(r) => json!({
            "account": r.body.account.to_string(), "device": r.body.device.to_string(), "seq": r.body.seq,
            "hlc": r.body.hlc.0, "online": r.body.online, "contact": hex(&r.body.contact),
            "node": countersigned(r, network).map(|c| c.node.to_string()),
        }),
        Record::Interest(r) => json!({
            "follower": r.body.follower.to_string(), "device": r.body.device.to_string(),
            "author": r.body.author.to_string(), "seq": r.body.seq, "hlc": r.body.hlc.0, "online": r.body.online,
            "contact": hex(&r.body.contact),
            "node": countersigned(r, network).map(|c| c.node.to_string()),
        }),
        Record::Profile(r) => json!({
            "account": r.body.account.to_string(), "device": r.body.device.to_string(), "hlc": r.body.hlc.0,
            "name": r.body.name, "bio": r.body.bio,
        }),
        Record::Tombstone(r) => json!({
            "account": r.body.account.to_string(), "device": r.body.device.to_string(), "hlc": r.body.hlc.0,
            "of": r.body.of.to_string(), "seq": r.body.seq, "post": r.body.post.to_string(),
            "post_ends": r.body.post_ends.0,
        }),
        Record::Watermark(r) => json!({
            "follower": r.body.follower.to_string(), "device": r.body.device.to_string(), "hlc": r.body.hlc.0,
            "author": r.body.author.to_string(), "log": r.body.log.to_string(), "received": r.body.received,
            "seen": r.body.seen, "seen_hash": r.body.seen_hash.map(|h| h.to_string()),
        }),
        Record::Private(r) => json!({
            "account": r.body.account.to_string(), "device": r.body.device.to_string(), "hlc": r.body.hlc.0,
            "tag": r.body.tag.to_string(), "sealed": hex(&r.body.sealed),
        }),
        Record::Mention(r) => json!({
            "account": r.body.account.to_string(), "device": r.body.device.to_string(), "hlc": r.body.hlc.0,
            "mentioned": r.body.mentioned.to_string(), "post": r.body.post.to_string(), "seq": r.body.seq,
            "ends": r.body.ends.0,
        }),
        Record::Directory(r) => json!({
            "username": r.body.username.as_str(), "account": r.body.account.to_string(),
            "finals": r.body.finals.iter().map(|f| json!({
                "registrar": f.registrar.to_string(), "time": f.at.0, "signature": hex(&f.signature),
            })).collect::<Vec<_>>(),
        }),
    }
}
