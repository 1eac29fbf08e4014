//! What can be typed for commands about people and posts.

use clap::Args as ClapArgs;

use super::MAX_LIST;

/// A command about one account.
#[derive(Debug, ClapArgs)]
pub struct NameArgs {
    /// The name, with or without @
    pub name: String,
}

/// A command about one post.
#[derive(Debug, ClapArgs)]
pub struct IdArgs {
    /// The post's id; its first 8 digits or more are enough
    pub id: String,
}

/// `timeline ledger`
#[derive(Debug, ClapArgs)]
pub struct LedgerArgs {
    /// The post's id; its first 8 digits or more are enough
    pub id: String,
    /// Which of those who have not received it.
    #[command(flatten)]
    pub list: ListArgs,
}

/// Which part of a list is wanted.
#[derive(Debug, ClapArgs)]
pub struct ListArgs {
    /// How many entries at most
    #[arg(short = 'n', value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=i64::from(MAX_LIST)))]
    pub limit: u16,
    /// Goes on where an earlier answer ended
    #[arg(long, value_name = "C")]
    pub cursor: Option<String>,
}

/// `timeline post`
#[derive(Debug, ClapArgs)]
pub struct PostArgs {
    /// The text; - reads it from standard input
    pub text: String,
    /// How long the post lives, from 10s to 30d [default: 7d]
    #[arg(long, value_name = "DURATION")]
    pub ttl: Option<String>,
    /// The post that this one answers
    #[arg(long, value_name = "ID")]
    pub reply_to: Option<String>,
}

/// `timeline profile`
#[derive(Debug, ClapArgs)]
pub struct ProfileArgs {
    /// The name that is shown beside yours; empty for none
    #[arg(long, value_name = "TEXT")]
    pub name: Option<String>,
    /// What is said about you; empty for nothing, - reads it from standard input
    #[arg(long, value_name = "TEXT")]
    pub bio: Option<String>,
}

/// `timeline user`
#[derive(Debug, ClapArgs)]
pub struct UserArgs {
    /// The name, with or without @
    pub name: String,
    /// Only what this node holds; asks nobody
    #[arg(long)]
    pub local: bool,
    /// Which of the posts.
    #[command(flatten)]
    pub list: ListArgs,
}

/// `timeline following` and `timeline followers`
#[derive(Debug, ClapArgs)]
pub struct RelationsArgs {
    /// Whose; without it your own
    pub name: Option<String>,
    /// Which part of the list.
    #[command(flatten)]
    pub list: ListArgs,
}

/// `timeline users`
#[derive(Debug, ClapArgs)]
pub struct UsersArgs {
    /// What the names begin with
    pub prefix: Option<String>,
    /// Which part of the list.
    #[command(flatten)]
    pub list: ListArgs,
}

/// `timeline tag`
#[derive(Debug, ClapArgs)]
pub struct TagArgs {
    /// The tag, with or without #
    pub name: String,
    /// Which part of the list.
    #[command(flatten)]
    pub list: ListArgs,
}

/// `timeline search`
#[derive(Debug, ClapArgs)]
pub struct SearchArgs {
    /// What to look for; - reads it from standard input
    pub text: String,
    /// Which part of the list.
    #[command(flatten)]
    pub list: ListArgs,
}

/// `timeline feed`
#[derive(Debug, ClapArgs)]
pub struct FeedArgs {
    /// Which part of the feed.
    #[command(flatten)]
    pub list: ListArgs,
    /// Only posts newer than this one
    #[arg(long, value_name = "ID")]
    pub since: Option<String>,
    /// Only posts older than this one
    #[arg(long, value_name = "ID")]
    pub before: Option<String>,
    /// Does not count the posts as seen
    #[arg(long)]
    pub peek: bool,
    /// Stays, and prints each new post when it comes
    #[arg(long, conflicts_with_all = ["limit", "cursor", "since", "before"])]
    pub watch: bool,
}
