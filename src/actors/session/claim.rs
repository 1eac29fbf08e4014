//! A registration on its way: kept on disk before the first registrar is asked.

use std::rc::Rc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::actors::context::Context;
use crate::keys::{SecretKey, Secrets};
use crate::records::{AccountBody, BundleBody, DeviceBody, Known, Signed, from_bytes, to_bytes};
use crate::seam::{Lane, Op, Space, offload};
use crate::types::{AccountId, DeviceId, Hlc, Network, Rng, Username, WallTime};
use crate::wire::Blob;

/// A claim. The root secret is in it only as the bundle holds it, sealed under the password.
#[derive(Clone, Serialize, Deserialize)]
pub struct Claim {
    #[serde(rename = "R")]
    record: Blob,
    #[serde(rename = "B")]
    bundle: Blob,
    #[serde(rename = "C")]
    certificate: Blob,
    #[serde(rename = "K", with = "serde_bytes")]
    secret: Vec<u8>,
    /// The key of private entries, as the session keeps it.
    #[serde(rename = "g", default, with = "serde_bytes")]
    settings: Vec<u8>,
}

impl Drop for Claim {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.secret);
        zeroize::Zeroize::zeroize(&mut self.settings);
    }
}

impl Known for Claim {
    const FIELDS: &'static [&'static str] = &["R", "B", "C", "K", "g"];
}

/// A claim with its records read.
pub struct OpenClaim {
    /// The genesis.
    pub record: Signed<AccountBody>,
    /// The bundle that it names.
    pub bundle: Signed<BundleBody>,
    /// The certificate of the first device.
    pub certificate: Signed<DeviceBody>,
    /// The device's key.
    pub device: SecretKey,
    /// The key of private entries; empty in a claim of a version that did not keep it.
    pub settings: Zeroizing<Vec<u8>>,
}

impl Claim {
    /// Makes keys, bundle, genesis and device certificate; takes as long as a try of the password. `None` when memory lacks.
    pub async fn make(node: &Rc<Context>, username: Username, password: Zeroizing<String>) -> Option<Self> {
        let label = format!("claim {} {}", username, node.now().0);
        let (rng, network, now) = (node.rng(&label), node.network.as_ref().clone(), node.now());
        offload(&*node.offload, Lane::Password, move || build(username, &password, rng, &network, now)).await.flatten()
    }

    /// Returns the change that keeps it.
    pub fn keep(&self, username: &Username) -> Op {
        Op::SetLocal(Space::Claims, key(username), to_bytes(self).into())
    }

    /// Returns the change that gives it up.
    pub fn forget(username: &Username) -> Op {
        Op::DropLocal(Space::Claims, key(username))
    }

    /// Reads the claim of a name.
    pub fn load(node: &Context, username: &Username) -> Option<Self> {
        let key = key(username);
        let rows = node.store.local(Space::Claims, &key, None, 1).ok()?;
        rows.into_iter().find(|(k, _)| *k == key).and_then(|(_, value)| from_bytes(&value).ok())
    }

    /// Reads all claims; one node has few.
    pub fn all(node: &Context) -> Vec<Self> {
        const MOST: usize = 64;
        let rows = node.store.local(Space::Claims, &[], None, MOST).unwrap_or_default();
        rows.into_iter().filter_map(|(_, value)| from_bytes(&value).ok()).collect()
    }

    /// Reads its records; `None` when the disk changed them.
    pub fn open(self) -> Option<OpenClaim> {
        Some(OpenClaim {
            record: Signed::decode(self.record.clone().into_bytes()).ok()?,
            bundle: Signed::decode(self.bundle.clone().into_bytes()).ok()?,
            certificate: Signed::decode(self.certificate.clone().into_bytes()).ok()?,
            device: SecretKey::from_bytes(&Zeroizing::new(self.secret.as_slice().try_into().ok()?)),
            settings: Zeroizing::new(self.settings.clone()),
        })
    }
}

fn key(username: &Username) -> Bytes {
    Bytes::copy_from_slice(username.as_str().as_bytes())
}

fn build(username: Username, password: &str, mut rng: Rng, network: &Network, now: WallTime) -> Option<Claim> {
    let secrets = Secrets { root: rng.bytes(), settings: rng.bytes() };
    let root = SecretKey::from_bytes(&secrets.root);
    let device = SecretKey::generate(&mut rng);
    let bundle = BundleBody::seal(&username, 0, &secrets, password, network, &mut rng)?;
    let body = AccountBody {
        username,
        seq: 0,
        account: None,
        prev: None,
        root: root.public(),
        recovery: None,
        revoked: vec![],
        kept: vec![],
        bundle: bundle.hash(),
    };
    let record = Signed::sign(body, &root, &network.id);
    let account = AccountId(record.hash().0);
    let body = DeviceBody { account, device: DeviceId(device.public().0), seq: 0, hlc: Hlc::new(now, 0) };
    let certificate = Signed::sign(body, &root, &network.id);
    Some(Claim {
        record: record.bytes().into(),
        bundle: bundle.bytes().into(),
        certificate: certificate.bytes().into(),
        secret: device.to_bytes().to_vec(),
        settings: secrets.settings.to_vec(),
    })
}
