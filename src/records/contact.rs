//! Signed contacts: a node's own word about where it can be reached.
//!
//! `bytes = map | signature`; the map holds the node's key, its addresses (4 or 16 bytes and a port in
//! network order) and a number that grows with every change.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::codec::{Known, from_bytes, to_bytes};
use super::envelope::RecordError;
use super::opened;
use crate::keys::{SIGNATURE_BYTES, SecretKey, verify};
use crate::types::{Contact, ContactProof, MAX_ADDRESSES, NetworkId, PublicKey, Reach};

const CONTEXT: &str = "timeline 1 contact";

/// The largest signed contact that is read: the 64 of the longest answer fill an eighth of a message.
pub const MAX_CONTACT_BYTES: usize = 512;

#[derive(Serialize, Deserialize)]
struct RawContact {
    #[serde(rename = "K")]
    key: PublicKey,
    #[serde(rename = "Q")]
    seq: u64,
    #[serde(rename = "L")]
    addresses: Vec<serde_bytes::ByteBuf>,
}

impl Known for RawContact {
    const FIELDS: &'static [&'static str] = &["K", "Q", "L"];
}

/// Signs this node's contact. Addresses beyond [`MAX_ADDRESSES`] are left out.
pub fn sign_contact(key: &SecretKey, network: &NetworkId, addresses: &[SocketAddr], seq: u64) -> Contact {
    let addresses: Vec<SocketAddr> = addresses.iter().copied().map(canonical).take(MAX_ADDRESSES).collect();
    let raw = RawContact { key: key.public(), seq, addresses: addresses.iter().map(write_address).collect() };
    let mut bytes = to_bytes(&raw);
    bytes.extend(key.sign(CONTEXT, network, &bytes));
    Reach { node: key.public().node_id(), addresses, seq, proof: Some(ContactProof(bytes.into())) }.into()
}

/// Reads and checks a contact; returns the node's key with it.
///
/// # Errors
/// `TooLarge`, `Short`, `Fields`, `Value` (no address, too many, or one that is malformed), `Signature`.
pub fn open_contact(bytes: Bytes, network: &NetworkId) -> Result<(PublicKey, Contact), RecordError> {
    if bytes.len() > MAX_CONTACT_BYTES {
        return Err(RecordError::TooLarge);
    }
    if let Some(before) = opened::find(&bytes, network) {
        return Ok(before);
    }
    let end = bytes.len().checked_sub(SIGNATURE_BYTES).ok_or(RecordError::Short)?;
    let raw: RawContact = from_bytes(&bytes[..end])?;
    if raw.addresses.is_empty() || raw.addresses.len() > MAX_ADDRESSES {
        return Err(RecordError::Value);
    }
    let addresses =
        raw.addresses.iter().map(|a| read_address(a)).collect::<Option<Vec<_>>>().ok_or(RecordError::Value)?;
    if !verify(&raw.key, CONTEXT, network, &bytes[..end], &bytes[end..]) {
        return Err(RecordError::Signature);
    }
    let proof = Some(ContactProof(bytes.clone()));
    let contact = Reach { node: raw.key.node_id(), addresses, seq: raw.seq, proof }.into();
    opened::note(bytes, network, raw.key, &contact);
    Ok((raw.key, contact))
}

/// Turns an IPv4 address in IPv6 dress into the IPv4 address that it is, so that no prefix has two forms.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn write_address(address: &SocketAddr) -> serde_bytes::ByteBuf {
    let mut bytes = match address.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    bytes.extend(address.port().to_be_bytes());
    serde_bytes::ByteBuf::from(bytes)
}

fn read_address(bytes: &[u8]) -> Option<SocketAddr> {
    let (ip, port) = bytes.split_at_checked(bytes.len().checked_sub(2)?)?;
    let port = u16::from_be_bytes(port.try_into().ok()?);
    let ip: IpAddr = match ip.len() {
        4 => Ipv4Addr::from(<[u8; 4]>::try_from(ip).ok()?).into(),
        16 => Ipv6Addr::from(<[u8; 16]>::try_from(ip).ok()?).into(),
        _ => return None,
    };
    let address = canonical(SocketAddr::new(ip, port));
    (port != 0 && !address.ip().is_unspecified() && !address.ip().is_multicast()).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Rng;

    #[test]
    fn contacts_are_read_back_and_bound_to_key_and_network() {
        let key = SecretKey::generate(&mut Rng::from_seed([1; 32]));
        let network = NetworkId([9; 32]);
        let addresses = ["192.0.2.1:4747".parse().expect("address"), "[2001:db8::1]:1".parse().expect("address")];
        let contact = sign_contact(&key, &network, &addresses, 7);
        let bytes = contact.proof.clone().expect("signed").0;
        assert_eq!(open_contact(bytes.clone(), &network), Ok((key.public(), contact)));
        assert_eq!(open_contact(bytes.clone(), &NetworkId([8; 32])), Err(RecordError::Signature));
        for i in 0..bytes.len() {
            let mut bad = bytes.to_vec();
            bad[i] ^= 1;
            assert!(open_contact(bad.into(), &network).is_err(), "byte {i}");
        }
    }
}
