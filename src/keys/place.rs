//! H(…): from a label and parts to a place in the key space.

use crate::types::Key;

/// Returns BLAKE3 in derive-key mode (context `timeline 1 key`) over the label and the parts, each preceded by its length as
/// 32-bit little-endian number, so that no two lists of parts run together.
pub fn place(label: &str, parts: &[&[u8]]) -> Key {
    let mut hasher = blake3::Hasher::new_derive_key("timeline 1 key");
    for part in std::iter::once(label.as_bytes()).chain(parts.iter().copied()) {
        hasher.update(&(part.len() as u32).to_le_bytes()).update(part);
    }
    Key(*hasher.finalize().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(place("a", &[b"bc", b"d"]), place("a", &[b"b", b"cd"]));
        assert_ne!(place("ab", &[]), place("a", &[b"b"]));
    }
}
