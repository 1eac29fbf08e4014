//! From assignments to a checked configuration: what each key means.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use super::address::is_host_port;
use super::error::{ConfigError, Origin};
use super::raw::{Assignment, Entry, Raw, unknown};
use super::schema::{Bootpeer, Config, LogFormat, MAX_ADVERTISED, MAX_BOOTPEERS, MAX_SERVERS};
use super::{keys, units};

/// Below this a store cannot even hold its own tables.
const MIN_QUOTA_BYTES: u64 = 64 << 10;
/// More often, collecting would be all that the node does.
const MIN_GC_INTERVAL: Duration = Duration::from_millis(100);
/// More rarely, expired posts would stay for days.
const MAX_GC_INTERVAL: Duration = Duration::from_secs(24 * 3600);
/// More often is rude to servers that others run.
const MIN_CLOCK_INTERVAL: Duration = Duration::from_secs(15);
/// More rarely, the clock would come in doubt between two rounds.
const MAX_CLOCK_INTERVAL: Duration = Duration::from_secs(24 * 3600);
/// No post lives longer.
const MAX_MIN_AGE: Duration = Duration::from_secs(30 * 24 * 3600);
/// More rarely, posts would wait for hours although everybody has seen them.
const MAX_SEEN_INTERVAL: Duration = Duration::from_secs(3600);

/// Puts one assignment into the configuration; relative paths are taken from `folder`.
pub(super) fn apply(config: &mut Config, assignment: &Assignment, folder: &Path) -> Result<(), ConfigError> {
    let Assignment { key, value, origin } = assignment;
    let info = keys::find(key).ok_or_else(|| unknown(key, origin))?;
    if key == "bootpeer" {
        config.bootpeers = bootpeers(value, origin, info)?;
        return Ok(());
    }
    set(config, key, value, folder).ok_or_else(|| refused(info, value, origin))?;
    if !config.api.listen.ip().to_canonical().is_loopback() {
        let (origin, found) = (origin.clone(), value.shown());
        return Err(ConfigError::ApiNotLoopback { origin, found, allowed: info.allowed });
    }
    Ok(())
}

/// Checks what spans several keys.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    let network = &config.network;
    if !config.bootpeers.is_empty() && network.id.is_none() && network.file.is_none() {
        return Err(ConfigError::NoNetwork);
    }
    Ok(())
}

/// `None` says that the key cannot have this value.
fn set(config: &mut Config, key: &str, value: &Raw, folder: &Path) -> Option<()> {
    match key {
        "net.listen" => {
            config.net.listen = value.text()?.parse().ok()?;
            config.net.listen_is_default = false;
        }
        "net.advertise" => config.net.advertise = advertised(value)?,
        "network.id" => config.network.id = Some(value.text()?.parse().ok()?),
        "network.file" => {
            let path = Some(value.text()?).filter(|text| !text.is_empty())?;
            config.network.file = Some(std::path::absolute(folder.join(path)).ok()?);
        }
        "api.listen" => config.api.listen = value.text()?.parse().ok()?,
        "store.quota" => {
            let quota = units::parse_size(value.text()?).ok()?;
            config.store.quota = (quota >= MIN_QUOTA_BYTES).then_some(quota)?;
        }
        "store.min_free" => config.store.min_free = units::parse_size(value.text()?).ok()?,
        "gc.interval" => {
            let interval = units::parse_duration(value.text()?).ok()?;
            config.gc.interval = (MIN_GC_INTERVAL..=MAX_GC_INTERVAL).contains(&interval).then_some(interval)?;
        }
        "gc.min_age" => config.gc.min_age = up_to(value, MAX_MIN_AGE)?,
        "gc.collect_seen" => config.gc.collect_seen = value.truth()?,
        "seen.min_interval" => config.seen.min_interval = up_to(value, MAX_SEEN_INTERVAL)?,
        "seen.publish" => config.seen.publish = value.truth()?,
        "clock.servers" => config.clock.servers = Some(time_servers(value)?),
        "clock.interval" => {
            let interval = units::parse_duration(value.text()?).ok()?;
            config.clock.interval =
                (MIN_CLOCK_INTERVAL..=MAX_CLOCK_INTERVAL).contains(&interval).then_some(interval)?;
        }
        "clock.set_system" => config.clock.set_system = value.truth()?,
        "log.format" => {
            config.log.format = match value.text()? {
                "text" => LogFormat::Text,
                "json" => LogFormat::Json,
                _ => return None,
            }
        }
        _ => return None,
    }
    Some(())
}

fn up_to(value: &Raw, most: Duration) -> Option<Duration> {
    units::parse_duration(value.text()?).ok().filter(|duration| *duration <= most)
}

fn advertised(value: &Raw) -> Option<Vec<SocketAddr>> {
    let Raw::List(items) = value else { return None };
    if items.len() > MAX_ADVERTISED {
        return None;
    }
    let dialable = |address: &SocketAddr| address.port() != 0 && !address.ip().is_unspecified();
    items.iter().map(|(_, item)| item.text()?.parse().ok().filter(dialable)).collect()
}

fn time_servers(value: &Raw) -> Option<Vec<String>> {
    let Raw::List(items) = value else { return None };
    if items.len() > MAX_SERVERS {
        return None;
    }
    let mut out: Vec<String> = Vec::with_capacity(items.len());
    for (_, item) in items {
        let server = item.text().filter(|text| is_host_port(text) || is_host_port(&format!("{text}:123")))?;
        // One that is named twice has one vote.
        if !out.iter().any(|known| known == server) {
            out.push(server.to_owned());
        }
    }
    Some(out)
}

fn bootpeers(value: &Raw, origin: &Origin, info: &'static keys::KeyInfo) -> Result<Vec<Bootpeer>, ConfigError> {
    let Raw::List(items) = value else { return Err(refused(info, value, origin)) };
    if items.len() > MAX_BOOTPEERS {
        return Err(refused(info, value, origin));
    }
    let mut out = Vec::with_capacity(items.len());
    for (line, item) in items {
        let origin = origin.at(*line);
        let Raw::Table(fields) = item else { return Err(refused(info, item, &origin)) };
        let bootpeer = bootpeer(fields, &origin)?;
        if !out.contains(&bootpeer) {
            out.push(bootpeer);
        }
    }
    Ok(out)
}

const ADDRESS: &str = "a host and a port, such as \"192.0.2.1:4747\" or \"boot.example.org:4747\"";
const NODE_ID: &str = "the bootpeer's id, 64 digits of 0-9 and a-f";

fn bootpeer(fields: &[Entry], origin: &Origin) -> Result<Bootpeer, ConfigError> {
    let (mut address, mut node_id) = (None, None);
    for Entry { key, line, value } in fields {
        let origin = origin.at(*line);
        let wrong = |key: &str, allowed| ConfigError::Value {
            origin: origin.clone(),
            key: format!("bootpeer.{key}"),
            found: value.shown(),
            allowed,
        };
        match key.as_str() {
            "address" => {
                let text = value.text().filter(|text| is_host_port(text)).ok_or_else(|| wrong(key, ADDRESS))?;
                address = Some(text.to_owned());
            }
            "node_id" => {
                let id = value.text().and_then(|text| text.parse().ok()).ok_or_else(|| wrong(key, NODE_ID))?;
                node_id = Some(id);
            }
            _ => {
                let (key, allowed) = (format!("bootpeer.{key}"), "bootpeer.address, bootpeer.node_id".into());
                return Err(ConfigError::UnknownKey { origin, key, allowed });
            }
        }
    }
    let missing = |key, allowed| ConfigError::Missing { origin: origin.clone(), key, allowed };
    Ok(Bootpeer {
        address: address.ok_or_else(|| missing("bootpeer.address", ADDRESS))?,
        node_id: node_id.ok_or_else(|| missing("bootpeer.node_id", NODE_ID))?,
    })
}

fn refused(info: &'static keys::KeyInfo, value: &Raw, origin: &Origin) -> ConfigError {
    ConfigError::Value {
        origin: origin.clone(),
        key: info.name.to_owned(),
        found: value.shown(),
        allowed: info.allowed,
    }
}
