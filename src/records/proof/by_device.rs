//! One record for each of an account's devices.

use std::rc::Rc;

use crate::records::Signed;
use crate::types::DeviceId;

/// Records by their devices, in order: nearly every account has one device, and a map would make room for eleven.
#[derive(Debug)]
pub(super) struct ByDevice<B>(pub(super) Vec<(DeviceId, Rc<Signed<B>>)>);

/// Most device certificates remembered of one account: the 64 that may live, and retired ones.
pub(super) const DEVICES_PER_ACCOUNT: usize = 256;

impl<B> Default for ByDevice<B> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<B> Clone for ByDevice<B> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<B> ByDevice<B> {
    pub(super) fn get(&self, device: &DeviceId) -> Option<&Signed<B>> {
        let place = self.0.binary_search_by_key(device, |(device, _)| *device).ok()?;
        Some(&self.0[place].1)
    }

    /// Puts a record in the place of the device's last one; where there are too many, the first makes room.
    pub(super) fn insert(&mut self, device: DeviceId, record: Rc<Signed<B>>) {
        let place = match self.0.binary_search_by_key(&device, |(device, _)| *device) {
            Ok(place) => return self.0[place].1 = record,
            Err(place) => place,
        };
        self.0.reserve_exact(1);
        self.0.insert(place, (device, record));
        if self.0.len() > DEVICES_PER_ACCOUNT {
            self.0.remove(usize::from(place == 0));
        }
    }
}
