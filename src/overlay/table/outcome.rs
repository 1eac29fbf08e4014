//! What became of asking a peer, as far as the table is concerned.

/// What became of a peer that answered our request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reached {
    /// It is new in the table.
    Added,
    /// It was in the table already.
    Known,
    /// Its bucket is full of live contacts; it waits for one of them to fail.
    Waiting,
    /// It is this node itself, which is never in its own table.
    Ourselves,
}

/// What became of a peer that did not answer our request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failed {
    /// It was not in the table; it will not be probed for a while.
    Stranger,
    /// It stays until it fails once more.
    Questionable,
    /// It was removed, and will not be probed for a while.
    Removed,
}
