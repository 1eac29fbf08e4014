//! QUIC ports on loopback that stay the same from run to run.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, UdpSocket};
use std::ops::Range;

use crate::types::{Code, Problem, Rng};

/// Where ports are chosen: below those that systems hand out by themselves, so that a port that rests between two runs is not
/// taken by just any program.
const CHOICE: Range<u16> = 20_000..32_000;
/// How many ports are tried before giving up: enough even when nine of ten are taken.
const TRIES: usize = 500;

/// Ports chosen in this run.
#[derive(Debug)]
pub struct Ports<'a> {
    taken: BTreeSet<u16>,
    rng: &'a mut Rng,
}

impl<'a> Ports<'a> {
    /// Starts with nothing chosen.
    pub fn new(rng: &'a mut Rng) -> Self {
        Self { taken: BTreeSet::new(), rng }
    }

    /// Takes the port of an earlier run when it still is free, else chooses one.
    ///
    /// # Errors
    ///
    /// `port_in_use` when none is found.
    pub fn keep_or_choose(&mut self, earlier: Option<u16>) -> Result<u16, Problem> {
        let choices = CHOICE.end - CHOICE.start;
        let rng = &mut *self.rng;
        let random = std::iter::repeat_with(|| CHOICE.start + rng.below(u64::from(choices)) as u16).take(TRIES);
        let taken = &self.taken;
        let port = earlier.into_iter().chain(random).find(|port| !taken.contains(port) && is_free(*port));
        let port = port.ok_or_else(|| Problem::new(Code::PortInUse, "no free UDP port was found on 127.0.0.1"))?;
        self.taken.insert(port);
        Ok(port)
    }

    /// Takes exactly this port.
    ///
    /// # Errors
    ///
    /// `port_in_use` when another program has it.
    pub fn exactly(&mut self, port: u16) -> Result<u16, Problem> {
        if is_free(port) && self.taken.insert(port) {
            return Ok(port);
        }
        Err(Problem::new(Code::PortInUse, format!("another program listens on UDP port {port} of 127.0.0.1"))
            .hint("choose another --base-port, or leave it out"))
    }
}

fn is_free(port: u16) -> bool {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_kept_while_they_are_free_and_never_given_twice() {
        let mut rng = Rng::from_seed([1; 32]);
        let mut ports = Ports::new(&mut rng);
        let first = ports.keep_or_choose(None).expect("some port is free");
        assert!(CHOICE.contains(&first));
        assert_ne!(ports.keep_or_choose(Some(first)).expect("another one"), first);

        let holder = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let held = holder.local_addr().expect("bound").port();
        let mut rng = Rng::from_seed([2; 32]);
        let mut ports = Ports::new(&mut rng);
        assert_eq!(ports.keep_or_choose(Some(first)), Ok(first), "a port is free again once the socket is closed");
        assert_ne!(ports.keep_or_choose(Some(held)), Ok(held));
        assert_eq!(ports.exactly(held).map_err(|problem| problem.code), Err(Code::PortInUse));
    }
}
