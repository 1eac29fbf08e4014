//! The text of a new network document.

use std::collections::BTreeSet;
use std::fmt::Write;

use toml::{Table, Value};

use super::error::FoundingError;
use crate::types::{NetworkDocument, PublicKey, Username};

/// The most bootpeers a network is founded with: as many as its document can hold as registrars.
pub const MAX_FOUNDED_BOOTPEERS: usize = 32;

/// Names that could be taken for the network's own voice, reserved unless the founder says otherwise.
pub const RESERVED_NAMES: &[&str] = &[
    "abuse",
    "account",
    "admin",
    "administrator",
    "anonymous",
    "api",
    "bootpeer",
    "contact",
    "deleted",
    "everyone",
    "feed",
    "follow",
    "followers",
    "following",
    "help",
    "hostmaster",
    "info",
    "login",
    "logout",
    "mod",
    "moderation",
    "moderator",
    "network",
    "nobody",
    "none",
    "null",
    "official",
    "operator",
    "owner",
    "postmaster",
    "privacy",
    "register",
    "registrar",
    "root",
    "security",
    "server",
    "settings",
    "staff",
    "status",
    "superuser",
    "support",
    "sysadmin",
    "system",
    "timeline",
    "undefined",
    "unknown",
    "webmaster",
    "www",
];

/// What each limit means, in the order of the document; a limit that is not named here would be lost.
const LIMITS: &[(&str, &str)] = &[
    ("post_bytes", "Bytes of the largest post record"),
    ("account_bytes", "Bytes of the largest account record or device certificate"),
    ("bundle_bytes", "Bytes of the largest password bundle"),
    ("private_bytes", "Bytes of the largest private entry"),
    ("other_bytes", "Bytes of the largest record of any other kind"),
    ("posts_per_minute", "Posts an account may make within a minute"),
    ("posts_per_hour", "Posts an account may make within an hour"),
    ("followees", "Accounts that an account may follow"),
    ("page_entries", "Entries in the first page of a list"),
    ("devices", "Devices of an account at the same time"),
    ("puts_per_minute", "Records a peer may put within a minute"),
    ("account_quota", "Bytes that an account may keep at its home"),
    ("mentions_per_hour", "Mentions that an account may bring to another one within an hour"),
    ("source_quota", "Bytes that all accounts from one /24 (IPv6 /48) may keep at one node"),
    ("home_prefixes", "Prefixes, such as \"192.0.2.0/24\", that have only the limits of each account"),
];

/// Makes the text of a document; `registrars` are the bootpeers' names and public keys.
pub(super) fn text(
    name: &str,
    test: bool,
    settings: &[String],
    registrars: &[(&str, PublicKey)],
) -> Result<String, FoundingError> {
    let document = document(name, test, settings)?;
    let NetworkDocument { epoch, k, posts_kept, reserved_names, limits, .. } = &document;
    let mut out = String::new();
    let _ = write!(
        out,
        "# A network document. Its exact bytes are hashed, and the hash is the network's id:\n\
         # who changes a letter makes another network.\n\n\
         name = {name}\n\
         epoch = {epoch}\n\
         # A test network accepts cheaper passwords; nothing else differs.\n\
         test = {test}\n\
         # Nodes that keep each record.\n\
         k = {k}\n\
         # Posts of an account that are kept even when most followers have seen them.\n\
         posts_kept = {posts_kept}\n\
         # Names that nobody can register.\n\
         reserved_names = {names}\n\n\
         # What every node enforces.\n\
         [limits]\n",
        name = Value::from(name),
        names = list(reserved_names),
    );
    let limits = Table::try_from(limits).expect("limits are numbers and texts");
    for (key, about) in LIMITS {
        if let Some(value) = limits.get(*key) {
            let _ = write!(out, "# {about}\n{key} = {value}\n");
        }
    }
    for (name, key) in registrars {
        let _ = write!(
            out,
            "\n# A bootpeer that decides about names.\n[[registrar]]\nname = \"{name}\"\nkey = \"{key}\"\n"
        );
    }
    Ok(out)
}

fn document(name: &str, test: bool, settings: &[String]) -> Result<NetworkDocument, FoundingError> {
    let mut table = Table::new();
    table.insert("name".into(), name.into());
    table.insert("epoch".into(), 1.into());
    table.insert("test".into(), test.into());
    table.insert("reserved_names".into(), RESERVED_NAMES.to_vec().into());
    for setting in settings {
        let refused = |reason: String| FoundingError::Setting { setting: setting.clone(), reason };
        let (key, value) = setting.split_once('=').ok_or_else(|| refused("expected KEY=VALUE".into()))?;
        let value = parse_value(value.trim()).map_err(refused)?;
        insert(&mut table, key.trim(), value).map_err(refused)?;
        // Read after each setting, so that the error names the one that is at fault.
        let document: NetworkDocument =
            table.clone().try_into().map_err(|error: toml::de::Error| refused(error.message().to_owned()))?;
        check(&document, key.trim()).map_err(refused)?;
    }
    table.try_into().map_err(|error: toml::de::Error| FoundingError::Document(error.into()))
}

fn parse_value(text: &str) -> Result<Value, String> {
    toml::from_str::<Table>(&format!("value = {text}"))
        .ok()
        .filter(|table| table.len() == 1)
        .and_then(|mut table| table.remove("value"))
        .ok_or_else(|| format!("{text:?} is not a value: numbers as they are, lists as [\"a\", \"b\"]"))
}

fn insert(table: &mut Table, key: &str, value: Value) -> Result<(), String> {
    match key.split_once('.') {
        Some(("limits", limit)) => {
            let limits = table.entry("limits").or_insert_with(|| Value::Table(Table::new()));
            limits.as_table_mut().ok_or("limits is a section: set limits.KEY")?.insert(limit.to_owned(), value);
        }
        None if ["k", "posts_kept", "reserved_names"].contains(&key) => {
            table.insert(key.to_owned(), value);
        }
        _ => return Err(format!("there is no setting {key}; allowed: k, posts_kept, reserved_names, limits.KEY")),
    }
    Ok(())
}

/// What the document's own check cannot tell a founder by the name of the setting.
fn check(document: &NetworkDocument, key: &str) -> Result<(), String> {
    if key == "k" && !(1..=64).contains(&document.k) {
        return Err("k must be 1 to 64".into());
    }
    document.limits.home_prefixes().map_err(|error| error.to_string())?;
    for name in &document.reserved_names {
        Username::try_from(name.clone()).map_err(|error| format!("{name:?} needs no reserving: {error}"))?;
    }
    Ok(())
}

fn list(names: &BTreeSet<String>) -> String {
    let mut out = String::from("[\n");
    for name in names {
        let _ = writeln!(out, "    {},", Value::from(name.as_str()));
    }
    out.push(']');
    out
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::types::{Limits, Network};

    fn made(settings: &[&str]) -> Result<NetworkDocument, FoundingError> {
        let settings: Vec<String> = settings.iter().map(|s| (*s).to_owned()).collect();
        let text = text("A \"name\" # of mine", true, &settings, &[("boot-1", PublicKey([7; 32]))])?;
        Ok(Network::parse(Bytes::from(text))?.document)
    }

    #[test]
    fn the_text_says_what_was_asked_for() {
        let home = "limits.home_prefixes=[\"192.0.2.0/24\"]";
        let document =
            made(&["k=3", home, "limits.posts_per_minute=1000", "reserved_names=[\"admin\"]", "posts_kept = 4"])
                .expect("a valid document");
        assert_eq!(
            (document.name.as_str(), document.test, document.k, document.posts_kept),
            ("A \"name\" # of mine", true, 3, 4)
        );
        let home_prefixes = vec!["192.0.2.0/24".to_owned()];
        assert_eq!(document.limits, Limits { posts_per_minute: 1000, home_prefixes, ..Limits::default() });
        assert_eq!(document.reserved_names.iter().collect::<Vec<_>>(), ["admin"]);
        assert_eq!(document.registrars[0].key, "07".repeat(32));
    }

    #[test]
    fn the_names_reserved_by_default_are_usernames_in_order() {
        assert!(RESERVED_NAMES.is_sorted());
        assert!(RESERVED_NAMES.iter().all(|name| name.parse::<Username>().is_ok()));
        assert_eq!(made(&[]).expect("valid").reserved_names.len(), RESERVED_NAMES.len());
    }

    #[test]
    fn every_limit_is_written_and_explained() {
        let limits = Table::try_from(Limits::default()).expect("numbers");
        let explained: BTreeSet<_> = LIMITS.iter().map(|(key, _)| *key).collect();
        assert_eq!(limits.keys().map(String::as_str).collect::<BTreeSet<_>>(), explained);
    }

    #[test]
    fn bad_settings_are_refused_by_name() {
        for bad in [
            "k",
            "k=0",
            "k=65",
            "k=-1",
            "k=x",
            "k=3\nepoch=2",
            "epoch=2",
            "name=\"x\"",
            "test=true",
            "registrar=[]",
            "nosuch=1",
            "limits=3",
            "limits.nosuch=1",
            "limits.devices=-1",
            "limits.home_prefixes=3",
            "limits.home_prefixes=[\"192.0.2.1/24\"]",
            "limits.devices=\"1\"",
            "reserved_names=admin",
            "reserved_names=[\"Admin\"]",
            "reserved_names=[\"x\"]",
            "",
            "=",
            "limits.=1",
        ] {
            match made(&["posts_kept=5", bad]) {
                Err(FoundingError::Setting { setting, .. }) => assert_eq!(setting, bad),
                other => panic!("{bad:?} gave {other:?}"),
            }
        }
    }
}
