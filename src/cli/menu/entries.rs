//! What can be chosen, and how it is laid out.

use unicode_width::UnicodeWidthStr;

/// Something that can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    Login,
    Register,
    Quit,
    Feed,
    Follow,
    Unfollow,
    Post,
    Relations,
    Logout,
    Mentions,
    Profile,
    Users,
    Page,
    Reply,
    Thread,
    Delete,
    Search,
    Hide,
    Outbox,
    Status,
    Ledger,
}

/// What is typed for an entry, and what it is called.
type Choice = (&'static str, &'static str, Entry);

/// What somebody can choose whom the node does not know.
pub const BEFORE_LOGIN: &[&[Choice]] =
    &[&[("0", "Login", Entry::Login), ("1", "Register", Entry::Register), ("2", "Quit", Entry::Quit)]];

/// What somebody can choose who is logged in.
pub const AFTER_LOGIN: &[&[Choice]] = &[
    &[
        ("0", "Feed", Entry::Feed),
        ("1", "Follow user", Entry::Follow),
        ("2", "Unfollow user", Entry::Unfollow),
        ("3", "Create new post", Entry::Post),
        ("4", "See Following and Followers", Entry::Relations),
        ("5", "Logout", Entry::Logout),
    ],
    &[
        ("6", "Mentions", Entry::Mentions),
        ("7", "Profile", Entry::Profile),
        ("8", "Users", Entry::Users),
        ("9", "Page of a user", Entry::Page),
        ("r", "Reply", Entry::Reply),
        ("t", "Thread", Entry::Thread),
        ("d", "Delete a post", Entry::Delete),
        ("s", "Search", Entry::Search),
        ("m", "Mute or block", Entry::Hide),
        ("o", "Outbox", Entry::Outbox),
        ("n", "Node status", Entry::Status),
        ("l", "Ledger of a post", Entry::Ledger),
        ("q", "Quit", Entry::Quit),
    ],
];

/// Returns the entry that was typed: its key, with or without brackets, or its name.
pub fn chosen(groups: &[&[Choice]], typed: &str) -> Option<Entry> {
    let typed = typed.trim().trim_start_matches('[').trim_end_matches(']').to_lowercase();
    let all = || groups.iter().copied().flatten();
    let found =
        all().find(|(key, _, _)| *key == typed).or_else(|| all().find(|(_, name, _)| name.to_lowercase() == typed));
    found.map(|(_, _, entry)| *entry)
}

/// Lays entries out in lines of `width` columns at most; each group begins a new line.
pub fn laid_out(groups: &[&[Choice]], width: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for group in groups {
        let mut line = String::new();
        for (key, name, _) in *group {
            let entry = format!("[{key}] {name}");
            if !line.is_empty() && line.width() + 1 + entry.width() > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&entry);
        }
        lines.push(line);
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn entries_are_as_the_owner_sketched_them() {
        assert_eq!(laid_out(BEFORE_LOGIN, 80), "[0] Login [1] Register [2] Quit");
        let wide = laid_out(AFTER_LOGIN, 200);
        let sketch =
            "[0] Feed [1] Follow user [2] Unfollow user [3] Create new post [4] See Following and Followers [5] Logout";
        assert_eq!(wide.lines().next(), Some(sketch));
        for width in [20, 40, 80, 132] {
            let laid_out = laid_out(AFTER_LOGIN, width);
            assert!(laid_out.lines().all(|line| line.width() <= width.max(33)), "{laid_out}");
            assert_eq!(laid_out.replace('\n', " "), wide.replace('\n', " "));
        }
    }

    #[test]
    fn entries_are_chosen_by_key_or_name() {
        let check = |typed: &str, expected: Option<Entry>| assert_eq!(chosen(AFTER_LOGIN, typed), expected, "{typed}");
        check("0", Some(Entry::Feed));
        check(" [3] ", Some(Entry::Post));
        check("feed", Some(Entry::Feed));
        check("Q", Some(Entry::Quit));
        check("", None);
        check("00", None);
        check("17", None);
        let keys: Vec<&str> = AFTER_LOGIN.iter().copied().flatten().map(|(key, _, _)| *key).collect();
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len(), "a key stands for one entry");
    }
}
