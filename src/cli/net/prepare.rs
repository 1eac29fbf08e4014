//! From what was asked for to files on disk: a network is founded, or the folder's one is resumed.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;

use super::folder::Folder;
use super::plan::{Plan, Planned, PlannedRole, io_problem};
use super::ports::Ports;
use crate::cli::ending;
use crate::cli::problem::usage;
use crate::node::config::{self, Bootpeer, Flags, NodeTemplate, Sources};
use crate::node::founding::{self, FoundingOptions};
use crate::types::{Code, Network, NodeId, Problem, Rng};

/// How many bootpeers a new network has when nobody says: the fewest of which one may fail.
const DEFAULT_BOOTPEERS: usize = 3;
/// How many peers a new network has when nobody says.
const DEFAULT_PEERS: usize = 5;
/// How long a node of an earlier run gets to end.
const END_WITHIN: Duration = Duration::from_secs(10);
/// Settings that no two nodes can share, or that all of them must.
const DECIDED_HERE: &[&str] = &["net.listen", "net.advertise", "network.id", "network.file", "bootpeer", "api.listen"];

/// What was asked for.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// How many bootpeers.
    pub bootpeers: Option<usize>,
    /// How many peers.
    pub peers: Option<usize>,
    /// The port of the first node.
    pub base_port: Option<u16>,
    /// Empty the folder first.
    pub fresh: bool,
    /// Settings of every node.
    pub set: Vec<String>,
    /// Settings of the network document.
    pub network_set: Vec<String>,
}

/// A network whose files are all there.
#[derive(Debug)]
pub struct Prepared {
    /// Its document.
    pub network: Network,
    /// The nodes to run, bootpeers first.
    pub nodes: Vec<Planned>,
}

/// Checks the settings of the nodes before anything is touched.
///
/// # Errors
///
/// `bad_config`; `usage` for what differs from node to node and is decided here.
pub fn check_settings(dir: &Path, set: &[String]) -> Result<(), Problem> {
    let key = |text: &String| text.split('=').next().unwrap_or_default().trim().to_owned();
    if let Some(key) = set.iter().map(key).find(|key| DECIDED_HERE.contains(&key.as_str())) {
        return Err(usage(format!("--set {key}: `net` decides this for each node"), "--base-port chooses the ports"));
    }
    // There is no configuration at the top of a network's folder.
    config::load(Sources { data_dir: dir, file: None, environment: [], set, flags: Flags::default() })?;
    Ok(())
}

/// Founds or resumes the network of a folder, and writes every node's configuration.
///
/// # Errors
///
/// A wish that does not fit the network that is there, settings that are refused, ports in use, or the disk.
pub fn prepare(folder: &Folder, wish: &Wish, rng: &mut Rng) -> Result<Prepared, Problem> {
    let present = folder.plan()?;
    end_strays(folder, present.as_ref())?;
    let mut plan = match present {
        Some(plan) if !wish.fresh => {
            check_fits(&plan, wish)?;
            plan
        }
        _ => {
            folder.empty()?;
            Plan { network_set: wish.network_set.clone(), ..Plan::default() }
        }
    };
    let (bootpeers, peers) = counts(&plan, wish);
    assign_ports(&mut plan, bootpeers, peers, wish.base_port, rng)?;
    if !plan.complete {
        found(folder.path(), &mut plan, rng)?;
    }
    let network = read_document(folder.path())?;
    let nodes = make_peers(folder.path(), &mut plan, peers, rng)?;
    write_configurations(folder.path(), &plan, &nodes, &network, &wish.set)?;
    plan.complete = true;
    plan.write(folder.path())?;
    Ok(Prepared { network, nodes })
}

/// Ends nodes that were restarted by hand and outlived an earlier `net`: their folders and ports are needed.
fn end_strays(folder: &Folder, plan: Option<&Plan>) -> Result<(), Problem> {
    for node in plan.map_or(&[][..], |plan| &plan.nodes) {
        end_if_running(&node.data_dir(folder.path()))?;
    }
    Ok(())
}

/// Ends the node of a data dir, if one runs there.
///
/// # Errors
///
/// A node that does not end.
pub fn end_if_running(data_dir: &Path) -> Result<(), Problem> {
    match ending::end_node(data_dir, END_WITHIN) {
        Err(problem) if problem.code != Code::NoNode => Err(problem),
        _ => Ok(()),
    }
}

fn check_fits(plan: &Plan, wish: &Wish) -> Result<(), Problem> {
    let present = plan.of_role(PlannedRole::Bootpeer).count();
    let fixed =
        |what: String| usage(what, "--fresh empties the folder and founds a new network; --dir names another folder");
    match wish.bootpeers {
        Some(wanted) if wanted != present => {
            return Err(fixed(format!("the network of this folder has {present} bootpeers, not {wanted}")));
        }
        _ => {}
    }
    if !wish.network_set.is_empty() && wish.network_set != plan.network_set {
        return Err(fixed("the network of this folder was founded with other settings".into()));
    }
    Ok(())
}

fn counts(plan: &Plan, wish: &Wish) -> (usize, usize) {
    let present = |role| Some(plan.of_role(role).count()).filter(|_| plan.complete);
    let bootpeers = present(PlannedRole::Bootpeer).or(wish.bootpeers).unwrap_or(DEFAULT_BOOTPEERS);
    let peers = wish.peers.or(present(PlannedRole::Peer)).unwrap_or(DEFAULT_PEERS);
    (bootpeers, peers)
}

/// Adds the nodes that the plan lacks, and gives every node that will run its port.
fn assign_ports(
    plan: &mut Plan,
    bootpeers: usize,
    peers: usize,
    base: Option<u16>,
    rng: &mut Rng,
) -> Result<(), Problem> {
    let boot = (1..=bootpeers).map(|n| (PlannedRole::Bootpeer, PlannedRole::Bootpeer.name(n)));
    let peer = (1..=peers).map(|n| (PlannedRole::Peer, PlannedRole::Peer.name(n)));
    let mut ports = Ports::new(rng);
    for (i, (role, name)) in boot.chain(peer).enumerate() {
        let present = plan.nodes.iter_mut().find(|node| node.name == name);
        let port = match base {
            Some(base) => {
                let port = u16::try_from(i).ok().and_then(|i| base.checked_add(i));
                ports.exactly(port.ok_or_else(|| usage("the ports end at 65535", "choose a lower --base-port"))?)?
            }
            None => ports.keep_or_choose(present.as_ref().map(|node| node.port))?,
        };
        match present {
            Some(node) => node.port = port,
            None => plan.nodes.push(Planned { name, node_id: String::new(), role, port }),
        }
    }
    Ok(())
}

fn found(folder: &Path, plan: &mut Plan, rng: &mut Rng) -> Result<(), Problem> {
    let bootpeers = plan.of_role(PlannedRole::Bootpeer).map(|node| (node.name.clone(), address(node).to_string()));
    let options = FoundingOptions {
        name: "net".into(),
        out: folder,
        bootpeers: bootpeers.collect(),
        test: true,
        settings: plan.network_set.clone(),
    };
    let founded = founding::found(options, rng).map_err(Problem::from)?;
    for made in &founded.bootpeers {
        // Each node's configuration lies in its own folder here.
        fs::remove_file(&made.config).map_err(|error| io_problem(&made.config, &error))?;
        if let Some(node) = plan.nodes.iter_mut().find(|node| node.name == made.name) {
            node.node_id = made.node_id.to_string();
        }
    }
    Ok(())
}

fn read_document(folder: &Path) -> Result<Network, Problem> {
    let path = folder.join("network.toml");
    let bytes = fs::read(&path).map_err(|error| io_problem(&path, &error))?;
    Network::parse(Bytes::from(bytes)).map_err(|error| {
        Problem::new(Code::BadConfig, format!("{}: {error}", path.display())).hint("--fresh founds a new network")
    })
}

/// Gives every peer that will run its identity, and returns all nodes that will run.
fn make_peers(folder: &Path, plan: &mut Plan, peers: usize, rng: &mut Rng) -> Result<Vec<Planned>, Problem> {
    let mut left = peers;
    let mut running = Vec::new();
    for node in &mut plan.nodes {
        if node.role == PlannedRole::Peer {
            let Some(less) = left.checked_sub(1) else { continue };
            left = less;
            if node.node_id.is_empty() {
                let key = founding::make_identity(&node.data_dir(folder), rng).map_err(Problem::from)?;
                node.node_id = key.node_id().to_string();
            }
        }
        running.push(node.clone());
    }
    Ok(running)
}

fn write_configurations(
    folder: &Path,
    plan: &Plan,
    nodes: &[Planned],
    network: &Network,
    set: &[String],
) -> Result<(), Problem> {
    let bootpeers: Vec<(&str, Bootpeer)> = plan
        .of_role(PlannedRole::Bootpeer)
        .filter_map(|node| {
            let node_id: NodeId = node.node_id.parse().ok()?;
            Some((node.name.as_str(), Bootpeer { address: address(node).to_string(), node_id }))
        })
        .collect();
    for node in nodes {
        let others: Vec<Bootpeer> =
            bootpeers.iter().filter(|(name, _)| *name != node.name).map(|(_, bootpeer)| bootpeer.clone()).collect();
        let body = config::render(&NodeTemplate {
            listen: address(node).to_string(),
            network_file: Some("../network.toml".into()),
            network_id: network.id,
            bootpeers: &others,
            api_listen: String::new(),
            extra: set,
        });
        let head = format!("# {} of a network on this machine; `timeline net` writes this file anew.\n", node.name);
        let path = node.data_dir(folder).join("config.toml");
        fs::write(&path, head + &body).map_err(|error| io_problem(&path, &error))?;
    }
    Ok(())
}

fn address(node: &Planned) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, node.port).into()
}

#[cfg(test)]
mod tests;
