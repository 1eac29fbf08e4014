//! A configuration file with comments, for `network new`, `net` and `join`.

use std::fmt::Write;

use toml::Value;

use super::keys::{self, KEYS};
use super::raw;
use super::schema::Bootpeer;
use crate::types::NetworkId;

/// What a written configuration file says.
#[derive(Clone, Debug)]
pub struct NodeTemplate<'a> {
    /// `net.listen`; nothing leaves the default.
    pub listen: String,
    /// `network.file`.
    pub network_file: Option<String>,
    /// `network.id`.
    pub network_id: NetworkId,
    /// One `[[bootpeer]]` each.
    pub bootpeers: &'a [Bootpeer],
    /// `api.listen`; nothing leaves the default.
    pub api_listen: String,
    /// `section.key=value` as given to `--set`; they win over the fields above, the last one over all others.
    pub extra: &'a [String],
}

/// Writes a configuration file that [`load`](super::load) reads back.
///
/// What is malformed in `extra` is written as a key that does not exist, so that loading the file refuses it by name.
pub fn render(template: &NodeTemplate<'_>) -> String {
    let id = template.network_id.to_string();
    let file = template.network_file.as_deref().unwrap_or_default();
    let given = [
        ("net.listen", template.listen.as_str()),
        ("network.id", &id),
        ("network.file", file),
        ("api.listen", &template.api_listen),
    ];
    let mut values: Vec<(String, String)> = given
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, value)| ((*key).into(), quoted(value)))
        .collect();
    let mut malformed = String::new();
    for text in template.extra {
        match extra(text) {
            Some((key, value)) => {
                values.retain(|(known, _)| *known != key);
                values.push((key, value));
            }
            None => malformed.push_str(&format!("{} = \"\"\n", quoted(&text.replace(['\n', '\r'], " ")))),
        }
    }
    let mut out = malformed;
    let bootpeers = values.iter().find(|(key, _)| key == "bootpeer").map(|(_, value)| value.clone());
    if let Some(list) = &bootpeers {
        let _ = writeln!(out, "bootpeer = {list}");
    }
    sections(&mut out, &values);
    if bootpeers.is_none() {
        out.push_str(&render_bootpeers(template.bootpeers));
    }
    out
}

/// Writes `[[bootpeer]]` sections.
pub(in crate::node) fn render_bootpeers(bootpeers: &[Bootpeer]) -> String {
    let mut out = String::new();
    for Bootpeer { address, node_id } in bootpeers {
        let _ = write!(out, "\n[[bootpeer]]\naddress = {}\nnode_id = \"{node_id}\"\n", quoted(address));
    }
    out
}

/// Writes the values by section, in the order of [`KEYS`], each key under its meaning.
fn sections(out: &mut String, values: &[(String, String)]) {
    let mut last = "";
    for info in KEYS {
        let Some((section, name)) = info.name.split_once('.') else { continue };
        let Some((_, value)) = values.iter().find(|(key, _)| key == info.name) else { continue };
        if section != last {
            let _ = write!(out, "\n[{section}]\n");
            last = section;
        }
        let _ = write!(out, "# {}\n{name} = {value}\n", info.about);
    }
}

/// Takes a `--set` text apart; `None` when it is no setting.
fn extra(text: &str) -> Option<(String, String)> {
    raw::from_set(text).ok()?;
    let (key, value) = text.split_once('=')?;
    let (key, value) = (key.trim(), value.trim());
    let is_toml = keys::find(key)?.list || value.starts_with(['"', '\'']);
    Some((key.to_owned(), if is_toml { value.to_owned() } else { quoted(value) }))
}

fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}
