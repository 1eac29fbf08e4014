//! Numbers for posts that programs can sort by, without any state: the time first, then the device.

use crate::types::{DeviceId, Hlc};

/// Returns the number of a post: its stamp, then the first 8 bytes of its device. Grows with the order of a feed.
pub fn status_id(hlc: Hlc, device: &DeviceId) -> u128 {
    let mut head = [0; 8];
    head.copy_from_slice(&device.0[..8]);
    u128::from(hlc.0) << 64 | u128::from(u64::from_be_bytes(head))
}

/// Returns stamp and first bytes of the device that a decimal number stands for; `None` where it is no such number.
pub fn read_status_id(text: &str) -> Option<(Hlc, [u8; 8])> {
    /// Of a time in this century; fewer digits are the first ones of a hash.
    const FEWEST_DIGITS: usize = 36;
    if text.len() < FEWEST_DIGITS || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let id: u128 = text.parse().ok()?;
    Some((Hlc((id >> 64) as u64), (id as u64).to_be_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::WallTime;

    #[test]
    fn numbers_of_posts_are_read_back_and_grow_with_the_order() {
        let (early, late) = (Hlc::new(WallTime(1_800_000_000_000), 7), Hlc::new(WallTime(1_800_000_000_000), 8));
        let (low, high) = (DeviceId([1; 32]), DeviceId([2; 32]));
        let all = [status_id(early, &low), status_id(early, &high), status_id(late, &low)];
        assert!(all.is_sorted());
        assert_eq!(read_status_id(&all[1].to_string()), Some((early, [2; 8])));
        for wrong in ["", "12345678", "abcdefab", &"9".repeat(36).replace('9', "x"), &"9".repeat(60)] {
            assert_eq!(read_status_id(wrong), None, "{wrong}");
        }
    }
}
