//! Looks at a WAL before SQLite plays it: whether it ends as one that a crash interrupted, or is damaged in its middle.
//!
//! SQLite takes what lies before the first frame that is not sound, and says nothing of what lies behind it (SQLite file format,
//! section 4.4). A transaction is on disk before the next one begins, so after a power loss only frames of the last one may
//! lack or be torn. Sound frames of a later transaction behind a bad one mean that something on the disk has changed since.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use super::fault::io_fault;
use super::files::{PAGE_BYTES, beside};
use crate::seam::StoreError;

const HEADER_BYTES: usize = 32;
const FRAME_BYTES: usize = 24;
/// The two words with which a WAL begins, but for the last bit: that says in which order checksums read the bytes of a word.
const MAGIC: u32 = 0x377f_0682;

/// Both halves of a checksum over everything before.
type Sum = [u32; 2];

/// A frame, as far as it tells where a log ends.
#[derive(Clone, Copy)]
struct Frame {
    /// What it says that the sum up to its end is.
    sum: Sum,
    salts: [u32; 2],
    /// Whether it ends a transaction.
    commits: bool,
    /// Whether it is what was written, given that the frame before it is.
    linked: bool,
}

/// Returns how many frames SQLite passes over behind the damage in the WAL beside a store; 0 where it has none.
///
/// # Errors
/// [`StoreError::Access`] when the WAL cannot be read.
pub(super) fn frames_behind_damage(path: &Path) -> Result<u64, StoreError> {
    let file = match File::open(beside(path, "-wal")) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(io_fault(&error)),
    };
    let found = damage_in(BufReader::with_capacity(1 << 16, file)).map_err(|e| io_fault(&e))?;
    if found > 0 {
        // SQLite writes over the log; whoever wants to look what was in it still can.
        if let Err(error) = std::fs::copy(beside(path, "-wal"), beside(path, DAMAGED)) {
            tracing::warn!(%error, "no copy of the damaged log was made");
        }
        tracing::error!(frames = found, "the store's log is damaged: what lies behind that is lost here");
    }
    Ok(found)
}

/// What is appended to the name of a store for the copy of its damaged WAL.
const DAMAGED: &str = "-wal.damaged";

fn damage_in(mut wal: impl Read) -> io::Result<u64> {
    let mut header = [0; HEADER_BYTES];
    if !fills(&mut wal, &mut header)? {
        return Ok(0);
    }
    let word = |at: usize| word(&header, at);
    let big_endian = word(0) & 1 == 1;
    let start = summed([0, 0], &header[..24], big_endian);
    let sound = word(0) & !1 == MAGIC && start == [word(24), word(28)];
    let salts = [word(16), word(20)];
    let (mut before, mut frames) =
        ([word(24), word(28)], Frames { salts: sound.then_some(salts), ..Frames::default() });
    let mut frame = vec![0; FRAME_BYTES + PAGE_BYTES as usize];
    while fills(&mut wal, &mut frame)? {
        let next = frame_of(&frame, before, big_endian);
        before = next.sum;
        frames.note(next);
    }
    Ok(frames.behind_damage())
}

/// What was seen of a log so far.
#[derive(Default)]
struct Frames {
    /// The salts of this log, those of older ones lie behind it; `None` where the header is damaged, until a frame tells.
    salts: Option<[u32; 2]>,
    /// Whether a bad frame was seen.
    broken: bool,
    /// Frames from the bad one up to the last one that is sound; those since then.
    behind: u64,
    since: u64,
    /// Whether a transaction ended at or behind the bad frame, and one began after it.
    ended: bool,
    later: bool,
}

impl Frames {
    fn note(&mut self, frame: Frame) {
        let headless = self.salts.is_none();
        let ours = *self.salts.get_or_insert(frame.salts) == frame.salts;
        if headless {
            // Nobody knows what the first frame is linked to.
            self.broken = true;
        }
        let good = ours && frame.linked;
        if !self.broken && good {
            return;
        }
        self.broken = true;
        self.since += 1;
        if good {
            self.later |= self.ended;
            self.behind += std::mem::take(&mut self.since);
        }
        self.ended |= ours && frame.commits;
    }

    fn behind_damage(&self) -> u64 {
        if self.later { self.behind } else { 0 }
    }
}

fn frame_of(bytes: &[u8], before: Sum, big_endian: bool) -> Frame {
    let word = |at: usize| word(bytes, at);
    let sum = [word(16), word(20)];
    let reached = summed(summed(before, &bytes[..8], big_endian), &bytes[FRAME_BYTES..], big_endian);
    Frame { sum, salts: [word(8), word(12)], commits: word(4) != 0, linked: reached == sum && word(0) != 0 }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Adds bytes, whose number can be divided by 8, to a sum.
fn summed([mut first, mut second]: Sum, bytes: &[u8], big_endian: bool) -> Sum {
    let read = |bytes: [u8; 4]| if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) };
    for pair in bytes.chunks_exact(8) {
        first = first.wrapping_add(read([pair[0], pair[1], pair[2], pair[3]])).wrapping_add(second);
        second = second.wrapping_add(read([pair[4], pair[5], pair[6], pair[7]])).wrapping_add(first);
    }
    [first, second]
}

/// Fills a buffer; false where the file ends before.
fn fills(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match from.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
