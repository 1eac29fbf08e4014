//! What was opened before, for many nodes in one thread that are told the same: contacts, accounts, devices.
//!
//! Only simulations do this: their nodes keep one copy of each together. A real node remembers its own.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use bytes::Bytes;

use super::account::AccountChain;
use super::envelope::Signed;
use super::kinds::DeviceBody;
use crate::types::{Contact, NetworkId, PublicKey};

/// Things remembered before those that nobody keeps any more are swept out for the first time.
const FEW: usize = 4096;

/// Something that several nodes may keep.
trait Kept: Clone {
    fn is_unique(&self) -> bool;
}

impl Kept for (NetworkId, PublicKey, Contact) {
    fn is_unique(&self) -> bool {
        self.2.is_unique()
    }
}

impl<T> Kept for Rc<T> {
    fn is_unique(&self) -> bool {
        Rc::strong_count(self) == 1
    }
}

/// Things by their bytes; as many as all nodes together keep, twice.
struct Pool<T> {
    held: BTreeMap<Bytes, T>,
    limit: usize,
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self { held: BTreeMap::new(), limit: FEW }
    }
}

impl<T: Kept> Pool<T> {
    fn note(&mut self, bytes: Bytes, thing: T) {
        if self.held.len() >= self.limit {
            self.held.retain(|_, thing| !thing.is_unique());
            self.limit = FEW.max(2 * self.held.len());
        }
        self.held.insert(bytes, thing);
    }

    fn share(&mut self, bytes: &Bytes, make: impl FnOnce() -> T) -> T {
        if let Some(known) = self.held.get(bytes) {
            return known.clone();
        }
        let made = make();
        self.note(bytes.clone(), made.clone());
        made
    }
}

#[derive(Default)]
struct Opened {
    contacts: Pool<(NetworkId, PublicKey, Contact)>,
    chains: Pool<Rc<AccountChain>>,
    devices: Pool<Rc<Signed<DeviceBody>>>,
}

thread_local! {
    static OPENED: RefCell<Option<Opened>> = const { RefCell::new(None) };
}

/// While it lives, what was opened on this thread is the same thing when it comes again.
#[derive(Debug)]
pub struct OpenedOnce(());

impl OpenedOnce {
    /// Begins to remember.
    pub fn begin() -> Self {
        OPENED.with(|opened| *opened.borrow_mut() = Some(Opened::default()));
        Self(())
    }
}

impl Drop for OpenedOnce {
    fn drop(&mut self) {
        OPENED.with(|opened| *opened.borrow_mut() = None);
    }
}

/// Tells whether what is opened on this thread is remembered for everybody, so that nobody has to.
pub fn opens_once() -> bool {
    OPENED.with(|opened| opened.borrow().is_some())
}

/// Returns the contact that was opened before.
pub(super) fn find(bytes: &Bytes, network: &NetworkId) -> Option<(PublicKey, Contact)> {
    OPENED.with(|opened| {
        let opened = opened.borrow();
        let (of, key, contact) = opened.as_ref()?.contacts.held.get(bytes)?;
        (of == network).then(|| (*key, contact.clone()))
    })
}

/// Notes a contact that was opened now.
pub(super) fn note(bytes: Bytes, network: &NetworkId, key: PublicKey, contact: &Contact) {
    OPENED.with(|opened| {
        if let Some(opened) = &mut *opened.borrow_mut() {
            opened.contacts.note(bytes, (*network, key, contact.clone()));
        }
    });
}

/// Returns a chain to keep.
pub(super) fn chain(chain: &AccountChain) -> Rc<AccountChain> {
    OPENED.with(|opened| match &mut *opened.borrow_mut() {
        Some(opened) => opened.chains.share(chain.bytes(), || Rc::new(chain.clone())),
        None => Rc::new(chain.clone()),
    })
}

/// Returns a certificate to keep.
pub(super) fn device(device: &Signed<DeviceBody>) -> Rc<Signed<DeviceBody>> {
    OPENED.with(|opened| match &mut *opened.borrow_mut() {
        Some(opened) => opened.devices.share(device.bytes(), || Rc::new(device.clone())),
        None => Rc::new(device.clone()),
    })
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
        let mut pool = Pool::<Rc<u64>>::default();
        let kept = pool.share(&Bytes::from_static(b"kept"), || Rc::new(0));
        for i in 0..3 * FEW as u64 {
            drop(pool.share(&Bytes::copy_from_slice(&i.to_be_bytes()), || Rc::new(i)));
        }
        assert!((1..=FEW).contains(&pool.held.len()), "{}", pool.held.len());
        assert!(Rc::ptr_eq(&kept, &pool.share(&Bytes::from_static(b"kept"), || Rc::new(1))));
    }
}
