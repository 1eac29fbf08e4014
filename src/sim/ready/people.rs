//! People with certified accounts, as registrars would have certified them.

use bytes::Bytes;

use crate::keys::SecretKey;
use crate::records::{
    AccountBody, AccountChain, Body, DeviceBody, Final, InterestBody, Link, Record, Signed, countersign,
};
use crate::sim::Simulation;
use crate::types::{AccountId, Contact, DeviceId, Hash, Hlc, Rng, Username};

/// Somebody with one device.
pub(super) struct Certified {
    pub name: Username,
    pub account: AccountId,
    device: SecretKey,
    /// Chain and certificate.
    pub proofs: [Bytes; 2],
}

impl Certified {
    /// Certifies an account under a name that nobody has; the bundle is not among what is made, as nobody logs in anew.
    pub(super) fn new(sim: &Simulation, name: Username, rng: &mut Rng) -> Self {
        let network = sim.network();
        let (root, device) = (SecretKey::generate(rng), SecretKey::generate(rng));
        let body = AccountBody {
            username: name.clone(),
            seq: 0,
            account: None,
            prev: None,
            root: root.public(),
            recovery: None,
            revoked: Vec::new(),
            kept: Vec::new(),
            bundle: Hash(rng.bytes()),
        };
        let record = Signed::sign(body, &root, &network.id);
        let account = AccountId(record.hash().0);
        let registrars = (0..network.quorum()).map(|number| sim.key(number));
        let finals = registrars.map(|key| Final::sign(&key, network, account, &record, sim.now())).collect();
        let chain = AccountChain::new(vec![Link { record, finals }]).expect("a chain has a link");
        let hlc = Hlc::new(sim.now(), 0);
        let body = DeviceBody { account, device: DeviceId(device.public().0), seq: 0, hlc };
        let certificate = Signed::sign(body, &root, &network.id);
        let proofs = [Record::Account(chain).bytes().clone(), Record::Device(certificate).bytes().clone()];
        Self { name, account, device, proofs }
    }

    /// Returns the one device.
    pub(super) fn device_id(&self) -> DeviceId {
        DeviceId(self.device.public().0)
    }

    /// Signs something of its one device.
    pub(super) fn sign<B: Body>(&self, sim: &Simulation, body: B) -> Signed<B> {
        Signed::sign(body, &self.device, &sim.network().id)
    }

    /// Signs the interest of this one in an author, at a node.
    pub(super) fn interest(&self, sim: &Simulation, author: AccountId, number: usize, contact: &Contact) -> Record {
        let network = sim.network().id;
        let now = sim.now();
        let body = InterestBody {
            follower: self.account,
            device: self.device_id(),
            author,
            seq: now.0,
            hlc: Hlc::new(now, 0),
            online: true,
            contact: contact.proof.as_ref().map(|proof| proof.0.to_vec()).unwrap_or_default(),
        };
        Record::Interest(countersign(Signed::sign(body, &self.device, &network), &sim.key(number), &network))
    }
}
