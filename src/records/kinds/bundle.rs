//! Password bundles: an account's secrets as anyone may hold them.

use serde::{Deserialize, Serialize};

use crate::keys::{OpenError, PasswordCost, SealedSecrets, SecretKey, Secrets};
use crate::records::codec::Known;
use crate::records::envelope::{Body, RecordError, Signed};
use crate::types::{Network, NetworkId, PublicKey, RecordKind, Rng, Username};

/// An account's root key and settings key, sealed under its password.
///
/// The account record names the bundle by its hash, so the bundle cannot name the account: it names the root key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleBody {
    /// The name.
    #[serde(rename = "U")]
    pub username: Username,
    /// The state of the account that it belongs to.
    #[serde(rename = "S")]
    pub seq: u64,
    /// The root key inside, and the signer.
    #[serde(rename = "K")]
    pub root: PublicKey,
    /// The secrets.
    #[serde(rename = "X")]
    pub sealed: SealedSecrets,
}

impl Known for BundleBody {
    const FIELDS: &'static [&'static str] = &["U", "S", "K", "X"];
}

impl Body for BundleBody {
    const KIND: RecordKind = RecordKind::Bundle;
    const CONTEXT: &'static str = "timeline 1 bundle";

    fn check(&self) -> Result<(), RecordError> {
        if self.sealed.text.len() == 80 { Ok(()) } else { Err(RecordError::Value) }
    }
}

impl BundleBody {
    /// Seals an account's secrets; takes as long as a try of the password does. `None` when memory lacks.
    pub fn seal(
        username: &Username,
        seq: u64,
        secrets: &Secrets,
        password: &str,
        network: &Network,
        rng: &mut Rng,
    ) -> Option<Signed<Self>> {
        let root = SecretKey::from_bytes(&secrets.root);
        let bound_to = bound_to(username, seq, &root.public(), &network.id);
        let cost = PasswordCost::standard(network.document.test);
        let sealed = SealedSecrets::seal(secrets, password, cost, &bound_to, rng)?;
        let body = Self { username: username.clone(), seq, root: root.public(), sealed };
        Some(Signed::sign(body, &root, &network.id))
    }

    /// Opens the bundle and checks that the root key inside is the one it names.
    pub fn open(&self, password: &str, network: &Network) -> Result<Secrets, OpenError> {
        let bound_to = bound_to(&self.username, self.seq, &self.root, &network.id);
        let secrets = self.sealed.open(password, network.document.test, &bound_to)?;
        let fits = SecretKey::from_bytes(&secrets.root).public() == self.root;
        if fits { Ok(secrets) } else { Err(OpenError::Password) }
    }
}

/// The cipher's associated data: NetworkId, root key, state number (64-bit little-endian), name.
fn bound_to(username: &Username, seq: u64, root: &PublicKey, network: &NetworkId) -> Vec<u8> {
    [&network.0[..], &root.0[..], &seq.to_le_bytes()[..], username.as_str().as_bytes()].concat()
}
