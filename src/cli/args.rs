//! What can be typed. What it means is for the commands.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, Parser, Subcommand};

mod people;

pub use people::{
    FeedArgs, IdArgs, LedgerArgs, ListArgs, NameArgs, PostArgs, ProfileArgs, RelationsArgs, SearchArgs, TagArgs,
    UserArgs, UsersArgs,
};

/// The longest time a command may be told to wait: nobody waits longer for an answer.
const MAX_TIMEOUT: Duration = Duration::from_secs(3600);
/// The most entries of a list that one answer holds.
pub const MAX_LIST: u16 = 500;

/// Short public posts from the people you follow, on a network that no server owns.
#[derive(Debug, Parser)]
#[command(name = "timeline", version, subcommand_required = true, arg_required_else_help = true)]
pub struct Args {
    /// Options that every command takes.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options that may stand anywhere on the line.
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct GlobalArgs {
    /// Folder with the node's key, records and API token [env: TIMELINE_DATA_DIR]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global options")]
    pub data_dir: Option<PathBuf>,
    /// Configuration file; without it DIR/config.toml, where there is one
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub config: Option<PathBuf>,
    /// Sets one key of the configuration; may be repeated
    #[arg(long, global = true, value_name = "SECTION.KEY=VALUE", help_heading = "Global options")]
    pub set: Vec<String>,
    /// Prints one JSON object instead of a sentence
    #[arg(long, global = true, help_heading = "Global options")]
    pub json: bool,
    /// How many seconds to wait for an answer
    #[arg(long, global = true, value_name = "S", value_parser = seconds, help_heading = "Global options")]
    pub timeout: Option<Duration>,
    /// Logs more; twice for everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    pub verbose: u8,
    /// Logs errors only, and gives no advice
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Global options")]
    pub quiet: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Founds a network, or shows the one this node is in
    #[command(subcommand)]
    Network(NetworkCommand),
    /// Joins a network: writes the configuration that its invite stands for
    Join(JoinArgs),
    /// Makes a node key and its certificate
    Cert(CertArgs),
    /// Runs a bootpeer in the foreground
    Bootpeer(BootpeerArgs),
    /// Runs a node
    Peer(PeerArgs),
    /// Runs a whole network on this machine, each node its own process
    Net(NetArgs),
    /// Opens the menu of the running node
    Menu,
    /// Ends the running node
    Stop,
    /// Makes an account and logs it in
    Register(RegisterArgs),
    /// Logs an account in on this node
    Login(LoginArgs),
    /// Logs the account out
    Logout,
    /// Says who is logged in
    Whoami,
    /// Shows your profile, or changes it
    Profile(ProfileArgs),
    /// Publishes a post
    Post(PostArgs),
    /// Deletes one of your posts; copies already made are beyond reach
    Delete(IdArgs),
    /// Follows somebody
    Follow(NameArgs),
    /// Ends following somebody
    Unfollow(NameArgs),
    /// Shows the posts of the people you follow, and your own
    Feed(FeedArgs),
    /// Shows somebody's profile and posts
    User(UserArgs),
    /// Shows a post
    Show(IdArgs),
    /// Shows a post with what it answers and what answers it
    Thread(IdArgs),
    /// Shows who has received and seen one of your posts, and who has not yet
    Ledger(LedgerArgs),
    /// Lists whom somebody follows
    Following(RelationsArgs),
    /// Lists who follows somebody
    Followers(RelationsArgs),
    /// Lists the people of the network
    Users(UsersArgs),
    /// Shows the posts that name you
    Mentions(ListArgs),
    /// Shows the posts with a tag, of those this node holds
    Tag(TagArgs),
    /// Shows the posts with a text in them, of those this node holds
    Search(SearchArgs),
    /// Keeps somebody's posts out of your feed
    Mute(NameArgs),
    /// Ends muting somebody
    Unmute(NameArgs),
    /// Keeps somebody's posts off this node, and yours from them
    Block(NameArgs),
    /// Ends blocking somebody
    Unblock(NameArgs),
    /// Lists whom you mute
    Muted,
    /// Lists whom you block
    Blocked,
    /// Lists what the network does not have yet
    Outbox,
    /// Shows how the node and its network are doing
    Status,
    /// Lists the peers this node knows
    Peers,
    /// Looks for the nodes nearest to a key, and which of them hold anything there
    Lookup(LookupArgs),
    /// Measures the round trip to a peer
    Ping(PingArgs),
    /// Plays a scenario in a simulated network, and reports
    Sim(SimArgs),
}

/// `timeline network …`
#[derive(Debug, Subcommand)]
pub enum NetworkCommand {
    /// Makes node keys, certificates, the network document and one configuration a bootpeer
    New(NetworkNewArgs),
    /// Shows the network this node is in, and its invite
    Show,
}

/// `timeline network new`
#[derive(Debug, ClapArgs)]
pub struct NetworkNewArgs {
    /// Name of the network, for people
    pub name: String,
    /// Folder to write into
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// A bootpeer and where it will listen; once for each
    #[arg(long, required = true, value_name = "NAME=ADDR:PORT")]
    pub bootpeer: Vec<String>,
    /// Makes a network for tests, with cheap passwords
    #[arg(long)]
    pub test: bool,
    /// Sets one key of the network document; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub network_set: Vec<String>,
}

/// `timeline join`
#[derive(Debug, ClapArgs)]
pub struct JoinArgs {
    /// The line that `timeline network show` prints
    pub invite: String,
}

/// `timeline cert`
#[derive(Debug, ClapArgs)]
pub struct CertArgs {
    /// Folder to write into; it can then be the node's data dir
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Writes into a folder of this name in DIR
    #[arg(long)]
    pub name: Option<String>,
}

/// `timeline bootpeer`
#[derive(Debug, ClapArgs)]
pub struct BootpeerArgs {
    /// Ends the node when standard input is closed
    #[arg(long, hide = true)]
    pub exit_with_stdin: bool,
}

/// `timeline peer`
#[derive(Debug, ClapArgs)]
pub struct PeerArgs {
    /// QUIC port, on all addresses; 0 is any free port
    #[arg(conflicts_with = "listen")]
    pub port: Option<u16>,
    /// QUIC address and port
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<SocketAddr>,
    /// Runs without asking anything
    #[arg(long)]
    pub headless: bool,
    /// Ends the node when standard input is closed
    #[arg(long, hide = true)]
    pub exit_with_stdin: bool,
}

/// `timeline net`
#[derive(Debug, ClapArgs)]
pub struct NetArgs {
    /// What to do with a network that runs
    #[command(subcommand)]
    pub action: Option<NetAction>,
    /// How many bootpeers [default: 3, or as many as the folder has]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=32))]
    pub bootpeers: Option<u16>,
    /// How many peers [default: 5, or as many as the folder has]
    #[arg(long, value_name = "N", overrides_with = "peers", value_parser = clap::value_parser!(u16).range(0..=200))]
    pub peers: Option<u16>,
    /// Folder of the network [default: target/net]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// QUIC port of the first node, the others follow; without it free ports are chosen and kept
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub base_port: Option<u16>,
    /// Runs without asking anything
    #[arg(long)]
    pub headless: bool,
    /// Empties the folder first
    #[arg(long)]
    pub fresh: bool,
    /// Sets one key of the network document; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub network_set: Vec<String>,
}

/// `timeline net …`
#[derive(Debug, Subcommand)]
pub enum NetAction {
    /// Restarts one node, running or not
    Restart(RestartArgs),
}

/// `timeline net restart`
#[derive(Debug, ClapArgs)]
pub struct RestartArgs {
    /// The node, such as peer-1
    pub name: String,
    /// Folder of the network [default: target/net]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// `timeline register`
#[derive(Debug, ClapArgs)]
pub struct RegisterArgs {
    /// The name, with or without @
    pub name: String,
    /// Reads the password from the first line of standard input
    #[arg(long)]
    pub password_stdin: bool,
}

/// `timeline login`
#[derive(Debug, ClapArgs)]
pub struct LoginArgs {
    /// The name, with or without @
    pub name: String,
    /// Reads the password from the first line of standard input
    #[arg(long)]
    pub password_stdin: bool,
    /// Retires the device longest unused when the account has as many as it may have
    #[arg(long)]
    pub retire_oldest: bool,
}

/// `timeline lookup`
#[derive(Debug, ClapArgs)]
pub struct LookupArgs {
    /// A name, with or without @, or a key of 64 hex digits
    #[arg(value_name = "NAME|KEY")]
    pub what: String,
}

/// `timeline ping`
#[derive(Debug, ClapArgs)]
pub struct PingArgs {
    /// A node id or its first digits, at least 8, or an address
    #[arg(value_name = "NODE_ID|ADDR")]
    pub target: String,
}

/// `timeline sim`
#[derive(Debug, ClapArgs)]
pub struct SimArgs {
    /// What to simulate [default: fifty nodes for an hour]; config/sim has examples and describes the keys
    #[arg(value_name = "SCENARIO.toml")]
    pub scenario: Option<PathBuf>,
    /// How many nodes, bootpeers included
    #[arg(long, value_name = "N")]
    pub nodes: Option<usize>,
    /// What every random choice follows from
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
    /// How long people act, such as 30m, 24h or 7d; faults and counts keep their times
    #[arg(long, value_name = "TIME")]
    pub duration: Option<String>,
    /// Writes report.json and plots (SVG) into a folder
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Moves every `--set` to the front of the line: the parser forgets those before the command when others follow it.
pub fn settings_first(typed: Vec<OsString>) -> Vec<OsString> {
    let mut words = typed.into_iter();
    let mut settings: Vec<OsString> = words.next().into_iter().collect();
    let mut rest = Vec::new();
    while let Some(word) = words.next() {
        let is_setting = word == "--set";
        if is_setting || word.to_string_lossy().starts_with("--set=") {
            settings.push(word);
            settings.extend(words.next().filter(|_| is_setting));
        } else if word == "--" {
            rest.push(word);
            rest.extend(words.by_ref());
        } else {
            rest.push(word);
        }
    }
    settings.extend(rest);
    settings
}

/// Reads `--timeout`: seconds, with or without a fraction.
fn seconds(text: &str) -> Result<Duration, String> {
    let allowed = || format!("expected seconds, more than 0 and at most {}", MAX_TIMEOUT.as_secs());
    let number: f64 = text.strip_suffix('s').unwrap_or(text).parse().map_err(|_| allowed())?;
    let wait = Duration::try_from_secs_f64(number).map_err(|_| allowed())?;
    if wait.is_zero() || wait > MAX_TIMEOUT { Err(allowed()) } else { Ok(wait) }
}

#[cfg(test)]
mod tests;
