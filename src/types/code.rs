//! Error codes of the command line and the local API: what scripts rely on.

use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal, $exit:literal, $http:literal;)+) => {
        /// A code that a person's program can act on. Names and exit codes never change.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
        pub enum Code { $($(#[$doc])* $variant),+ }

        impl Code {
            /// All codes.
            pub const ALL: &'static [Code] = &[$(Code::$variant),+];

            /// Returns the code as it is written in JSON.
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $text),+ }
            }

            /// Returns the exit code of a command that ends with it.
            pub const fn exit(self) -> u8 {
                match self { $(Code::$variant => $exit),+ }
            }

            /// Returns the HTTP status of an answer that carries it.
            pub const fn http_status(self) -> u16 {
                match self { $(Code::$variant => $http),+ }
            }
        }
    };
}

codes!(
    /// A bug of ours.
    Internal = "internal", 1, 500;
    /// The store cannot be read.
    StoreDamaged = "store_damaged", 1, 500;
    /// A newer version wrote the store.
    StoreNewer = "store_newer", 1, 500;
    /// No room left.
    DiskFull = "disk_full", 1, 507;
    /// The command line is wrong.
    Usage = "usage", 2, 400;
    /// The configuration is wrong.
    BadConfig = "bad_config", 2, 400;
    /// A password is needed and there was no way to ask.
    PasswordRequired = "password_required", 2, 400;
    /// Nobody is logged in on this node.
    NotLoggedIn = "not_logged_in", 3, 401;
    /// No node runs in this data dir.
    NoNode = "no_node", 4, 503;
    /// Nobody has this name.
    NoSuchUser = "no_such_user", 5, 404;
    /// There is no such post here.
    NoSuchPost = "no_such_post", 5, 404;
    /// Somebody else owns the name.
    NameTaken = "name_taken", 6, 409;
    /// Not a name.
    NameMalformed = "name_malformed", 6, 422;
    /// The network reserves the name.
    NameReserved = "name_reserved", 6, 422;
    /// Two claims split the registrars.
    NameContested = "name_contested", 6, 409;
    /// The password does not open the account.
    WrongPassword = "wrong_password", 6, 403;
    /// The password is too easy to guess.
    WeakPassword = "weak_password", 6, 422;
    /// A post needs text.
    TextEmpty = "text_empty", 6, 422;
    /// Over 500 characters or 2,000 bytes.
    TextTooLong = "text_too_long", 6, 422;
    /// Control characters but newline.
    TextControl = "text_control", 6, 422;
    /// Outside 10 s to 30 days.
    TtlOutOfRange = "ttl_out_of_range", 6, 422;
    /// Nobody follows themselves.
    FollowSelf = "follow_self", 6, 422;
    /// Only its author deletes a post.
    NotAuthor = "not_author", 6, 403;
    /// Too many posts in a short time.
    RateLimited = "rate_limited", 6, 429;
    /// A quota is used up.
    Quota = "quota", 6, 507;
    /// The quota of everybody who comes from the same addresses is used up.
    SourceQuota = "source_quota", 6, 507;
    /// Another account is logged in.
    AlreadyLoggedIn = "already_logged_in", 6, 409;
    /// The account has as many devices as it may have.
    TooManyDevices = "too_many_devices", 6, 409;
    /// Another node runs in this data dir.
    DataDirInUse = "data_dir_in_use", 6, 409;
    /// Another program listens there.
    PortInUse = "port_in_use", 6, 409;
    /// This version cannot do that.
    NotSupported = "not_supported", 6, 422;
    /// Too few registrars answered.
    NoRegistrars = "no_registrars", 7, 503;
    /// Nobody who could answer was reached.
    Unreachable = "unreachable", 7, 503;
    /// The name is claimed and not certified yet.
    NamePending = "name_pending", 7, 503;
    /// The clock is too doubtful.
    ClockInDoubt = "clock_in_doubt", 7, 503;
);

impl Code {
    /// Returns what to do where nothing better is known; `None` where the message says it.
    const fn cure(self) -> Option<&'static str> {
        Some(match self {
            Code::NoSuchUser => "`timeline users` lists who there is",
            Code::NoSuchPost => "`timeline feed` and `timeline user NAME` show posts with their ids",
            Code::NameMalformed => "names have 3 to 20 of a-z, 0-9 and _",
            Code::NameReserved => "choose another name",
            Code::NameTaken => "choose another name, or `timeline login NAME` when it is yours",
            Code::TextEmpty => "write 1 to 500 characters; `-` reads them from standard input",
            Code::TextTooLong => {
                "a post has at most 500 characters and 2,000 bytes: shorten it, or post it in parts with --reply-to"
            }
            Code::TextControl => "take out control characters such as tabs and escapes; line breaks may stay",
            Code::TtlOutOfRange => "give a number and a unit, as in --ttl 2h or --ttl 7d",
            Code::FollowSelf => "name somebody else",
            Code::NotAuthor => "`timeline mute NAME` hides what others write",
            Code::RateLimited => "wait a moment, then try again",
            Code::WrongPassword => "type it again: small and capital letters and spaces count",
            _ => return None,
        })
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Code {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text).ok_or(())
    }
}

/// An error as a person or a script sees it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, serde::Serialize, serde::Deserialize)]
#[error("{message}")]
pub struct Problem {
    /// What a script acts on.
    pub code: Code,
    /// What happened, in one sentence.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Problem {
    /// Builds a problem, with the hint that its code has, if any.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: code.cure().map(str::to_owned) }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl serde::Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for Code {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(|()| serde::de::Error::custom("unknown error code"))
    }
}
