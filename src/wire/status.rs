//! What became of one record of a put.

use crate::types::Code;

macro_rules! statuses {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $text:literal);+ $(;)?) => {
        /// What the receiver did with a record.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Status {
            $($(#[$doc])* $variant),+,
            /// A refusal of a later version.
            Other(u8),
        }

        impl Status {
            /// Returns the number on the wire.
            pub const fn number(self) -> u8 {
                match self { $(Self::$variant => $number,)+ Self::Other(n) => n }
            }

            /// Returns the status with this number.
            pub const fn from_number(number: u8) -> Self {
                match number { $($number => Self::$variant,)+ n => Self::Other(n) }
            }

            /// Returns its name, for logs and the outbox.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ Self::Other(_) => "refused" }
            }
        }
    };
}

statuses!(
    /// On disk now; presence and interest: in memory now.
    Stored = 0, "stored";
    /// Was there before.
    Known = 1, "known";
    /// Something that wins over it is on disk.
    Superseded = 2, "superseded";
    /// Send it again with account and device certificate.
    NeedProof = 3, "need_proof";
    /// The account is not certified.
    NotCertified = 4, "not_certified";
    /// It cannot be read, or a signature does not fit.
    Invalid = 5, "invalid";
    /// It does not belong at this key.
    Misplaced = 6, "misplaced";
    /// Its end has passed.
    Expired = 7, "expired";
    /// It is stamped more than five minutes ahead.
    Future = 8, "future";
    /// Over the size limit of its kind.
    TooLarge = 9, "too_large";
    /// The page is full: put it at the child page.
    Split = 10, "split";
    /// A quota is used up.
    Quota = 11, "quota";
    /// The anchor is full.
    AnchorFull = 12, "anchor_full";
    /// Too many puts in a short time.
    RateLimited = 13, "rate_limited";
    /// The disk failed.
    StoreFailed = 14, "store_failed";
    /// The kind is not known to this version.
    UnsupportedKind = 15, "unsupported_kind";
    /// The device may not sign this any more.
    Revoked = 16, "revoked";
    /// The account has as many devices as it may have.
    TooManyDevices = 17, "too_many_devices";
    /// A pushed post of somebody nobody here follows.
    NotFollowed = 18, "not_followed";
    /// Everybody has seen the post, or it had to make room: it was collected and is not taken back.
    Collected = 19, "collected";
    /// The quota of the addresses that the record comes from is used up.
    SourceQuota = 20, "source_quota";
);

impl Status {
    /// Tells whether the receiver holds the record, or something that wins over it, or had it until nobody needed it any more.
    pub const fn is_acknowledged(self) -> bool {
        matches!(self, Status::Stored | Status::Known | Status::Superseded | Status::Collected)
    }

    /// Returns the code to show a person whose record was refused for good reason.
    pub const fn code(self) -> Option<Code> {
        match self {
            Status::Quota => Some(Code::Quota),
            Status::RateLimited => Some(Code::RateLimited),
            Status::SourceQuota => Some(Code::SourceQuota),
            Status::TooManyDevices => Some(Code::TooManyDevices),
            _ => None,
        }
    }
}
