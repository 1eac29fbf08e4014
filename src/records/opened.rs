//! Contacts that were opened before, for many nodes in one thread that are told the same ones.
//!
//! Only simulations do this: their nodes keep one copy of each contact together. A real node remembers its own.

use std::cell::RefCell;
use std::collections::BTreeMap;

use bytes::Bytes;

use crate::types::{Contact, NetworkId, PublicKey};

/// Contacts remembered before those that nobody keeps any more are swept out for the first time.
const FEW: usize = 4096;

/// By their bytes; as many as all nodes together keep, twice.
struct Opened {
    contacts: BTreeMap<Bytes, (NetworkId, PublicKey, Contact)>,
    limit: usize,
}

thread_local! {
    static OPENED: RefCell<Option<Opened>> = const { RefCell::new(None) };
}

/// While it lives, contacts that were opened on this thread are the same ones when they come again.
#[derive(Debug)]
pub struct OpenedOnce(());

impl OpenedOnce {
    /// Begins to remember.
    pub fn begin() -> Self {
        OPENED.with(|opened| *opened.borrow_mut() = Some(Opened { contacts: BTreeMap::new(), limit: FEW }));
        Self(())
    }
}

impl Drop for OpenedOnce {
    fn drop(&mut self) {
        OPENED.with(|opened| *opened.borrow_mut() = None);
    }
}

/// Returns what was opened before.
pub(super) fn find(bytes: &Bytes, network: &NetworkId) -> Option<(PublicKey, Contact)> {
    OPENED.with(|opened| {
        let opened = opened.borrow();
        let (of, key, contact) = opened.as_ref()?.contacts.get(bytes)?;
        (of == network).then(|| (*key, contact.clone()))
    })
}

/// Notes what was opened now.
pub(super) fn note(bytes: Bytes, network: &NetworkId, key: PublicKey, contact: &Contact) {
    OPENED.with(|opened| {
        if let Some(opened) = &mut *opened.borrow_mut() {
            if opened.contacts.len() >= opened.limit {
                opened.contacts.retain(|_, (_, _, contact)| !contact.is_unique());
                opened.limit = FEW.max(2 * opened.contacts.len());
            }
            opened.contacts.insert(bytes, (*network, key, contact.clone()));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::SecretKey;
    use crate::records::{open_contact, sign_contact};
    use crate::types::Rng;

    #[test]
    fn the_same_bytes_are_one_contact_while_somebody_wants_it() {
        let (key, network) = (SecretKey::generate(&mut Rng::from_seed([1; 32])), NetworkId([9; 32]));
        let proof = sign_contact(&key, &network, &["192.0.2.1:4747".parse().expect("address")], 7).proof.clone();
        let bytes = proof.expect("signed").0;
        let open = || open_contact(Bytes::copy_from_slice(&bytes), &network).expect("good").1;
        assert!(open().is_unique());
        let once = OpenedOnce::begin();
        let first = open();
        assert!(!first.is_unique() && first == open());
        assert!(open_contact(bytes.clone(), &NetworkId([8; 32])).is_err(), "another network's is not this one's");
        drop(once);
        assert!(first.is_unique() && open().is_unique());
    }

    #[test]
    fn what_nobody_keeps_is_swept_out() {
        let (key, network) = (SecretKey::generate(&mut Rng::from_seed([1; 32])), NetworkId([9; 32]));
        let contact = sign_contact(&key, &network, &["192.0.2.1:4747".parse().expect("address")], 7);
        let _once = OpenedOnce::begin();
        for i in 0..3 * FEW as u64 {
            let bytes = Bytes::copy_from_slice(&i.to_be_bytes());
            note(bytes, &network, key.public(), &contact.clone().but(|reach| reach.seq = i));
        }
        let count = OPENED.with(|opened| opened.borrow().as_ref().map_or(0, |opened| opened.contacts.len()));
        assert!((1..=FEW).contains(&count), "{count}");
    }
}
