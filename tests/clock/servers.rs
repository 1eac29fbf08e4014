//! Time servers for tests: 48 bytes over UDP, honest or not.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What a server does with a question.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Manner {
    /// Answers with its time, which is so many milliseconds ahead.
    Ahead(i64),
    /// Says nothing.
    Silent,
    /// Asks to be left alone.
    Kiss,
    /// Answers another question than the one that was asked, as who only guesses it does.
    Forged,
    /// Sends less than an answer has.
    Short,
    /// Says that it has no time itself.
    Unsynchronized,
    /// Ends.
    Ended,
}

/// A server in a thread of its own.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    manner: Arc<Mutex<Manner>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub fn start(manner: Manner) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let address = socket.local_addr().expect("bound");
        socket.set_read_timeout(Some(Duration::from_millis(20))).expect("a timeout");
        let manner = Arc::new(Mutex::new(manner));
        let told = manner.clone();
        let thread = std::thread::spawn(move || serve(&socket, &told));
        Self { address, manner, thread: Some(thread) }
    }

    /// Behaves otherwise from now on.
    pub fn turn(&self, manner: Manner) {
        *self.manner.lock().expect("not poisoned") = manner;
    }

    /// Returns its address as a setting names it.
    pub fn name(&self) -> String {
        self.address.to_string()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.turn(Manner::Ended);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(ended.is_none_or(|end| end.is_ok()) || std::thread::panicking(), "a time server panicked");
    }
}

fn serve(socket: &UdpSocket, manner: &Mutex<Manner>) {
    let mut buffer = [0; 128];
    loop {
        let asked = socket.recv_from(&mut buffer);
        let manner = *manner.lock().expect("not poisoned");
        match asked {
            _ if manner == Manner::Ended => return,
            Ok((length, from)) if length >= 48 => {
                if let Some(answer) = answer(manner, &buffer[..48]) {
                    // Who asked may be gone.
                    let _ = socket.send_to(&answer, from);
                }
            }
            Ok(_) => {}
            // Interrupted: the whole process was stopped for a while, and goes on.
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

fn answer(manner: Manner, question: &[u8]) -> Option<Vec<u8>> {
    let mut out = vec![0; 48];
    // Version 4, mode 4 (server), stratum 2, precision of a microsecond.
    (out[0], out[1], out[3]) = (0x24, 2, 0xEC);
    let mut origin = question[40..48].to_vec();
    let mut ahead = 0;
    match manner {
        Manner::Silent | Manner::Ended => return None,
        Manner::Ahead(ms) => ahead = ms,
        Manner::Kiss => {
            out[1] = 0;
            out[12..16].copy_from_slice(b"DENY");
        }
        Manner::Forged => origin[7] ^= 1,
        Manner::Short => out.truncate(40),
        Manner::Unsynchronized => out[0] |= 0xC0,
    }
    let now = ntp_time(ahead).to_be_bytes();
    if out.len() == 48 {
        out[24..32].copy_from_slice(&origin);
        out[16..24].copy_from_slice(&now);
        out[32..40].copy_from_slice(&now);
        out[40..48].copy_from_slice(&now);
    }
    Some(out)
}

/// Seconds since 1900 with 32 bits of fraction.
fn ntp_time(ahead_ms: i64) -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let micros = since.as_micros() as i128 + i128::from(ahead_ms) * 1000 + 2_208_988_800 * 1_000_000;
    let (seconds, rest) = ((micros / 1_000_000) as u64, (micros % 1_000_000) as u64);
    (seconds << 32) | ((rest << 32) / 1_000_000)
}
