//! What is read off the machine, lines of results, arguments, and cutting sockets off.
use std::collections::HashSet;

pub fn rss_bytes() -> f64 {
    let s = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    for l in s.lines() {
        if let Some(r) = l.strip_prefix("VmRSS:") {
            return r.trim().trim_end_matches("kB").trim().parse::<f64>().unwrap_or(0.0) * 1024.0;
        }
    }
    0.0
}
pub fn cpu_seconds() -> f64 {
    unsafe {
        let mut u: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut u);
        let t = |t: libc::timeval| t.tv_sec as f64 + t.tv_usec as f64 / 1e6;
        t(u.ru_utime) + t(u.ru_stime)
    }
}
/// Busy CPU seconds of the whole machine (all cores), to tell how much others used during a phase.
pub fn machine_cpu_seconds() -> f64 {
    let s = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let v: Vec<f64> =
        s.lines().next().unwrap_or("").split_whitespace().skip(1).filter_map(|x| x.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal
    [0usize, 1, 2, 5, 6, 7].iter().filter_map(|i| v.get(*i)).sum::<f64>() / 100.0
}
pub fn pct(v: &[f64], q: f64) -> f64 {
    if v.is_empty() {
        return f64::NAN;
    }
    let mut s = v.to_vec();
    s.sort_by(|a, b| a.partial_cmp(b).unwrap());
    let i = ((s.len() as f64) * q).ceil() as usize;
    s[i.clamp(1, s.len()) - 1]
}
pub fn emit(fields: &[(&str, String)]) {
    let b: Vec<String> = fields.iter().map(|(k, v)| format!("\"{k}\":{v}")).collect();
    println!("{{{}}}", b.join(","));
}
pub fn js(s: &str) -> String {
    format!("\"{}\"", s.replace('\\', "/").replace('"', "'").replace('\n', " "))
}
pub fn num(x: f64) -> String {
    if x.is_finite() { format!("{x:.4}") } else { "null".into() }
}

/// Cut the listed local UDP ports off without any farewell packet, like SIGKILL would:
/// each UDP socket fd bound to one of them is replaced by /dev/null, so the kernel socket
/// closes and whatever the library still tries to send fails with ENOTSOCK.
pub fn blackhole_udp(ports: &HashSet<u16>) -> usize {
    let mut hit = 0;
    let null = unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC) };
    if null < 0 {
        return 0;
    }
    let fds: Vec<i32> = std::fs::read_dir("/proc/self/fd")
        .map(|d| d.flatten().filter_map(|e| e.file_name().to_str().and_then(|s| s.parse().ok())).collect())
        .unwrap_or_default();
    for fd in fds {
        unsafe {
            let mut sa: libc::sockaddr_in = std::mem::zeroed();
            let mut l = std::mem::size_of::<libc::sockaddr_in>() as libc::socklen_t;
            if libc::getsockname(fd, &mut sa as *mut _ as *mut libc::sockaddr, &mut l) != 0 {
                continue;
            }
            if sa.sin_family as i32 != libc::AF_INET {
                continue;
            }
            let mut ty: i32 = 0;
            let mut tl = 4 as libc::socklen_t;
            libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_TYPE, &mut ty as *mut _ as *mut libc::c_void, &mut tl);
            if ty != libc::SOCK_DGRAM {
                continue;
            }
            if ports.contains(&u16::from_be(sa.sin_port)) {
                libc::dup2(null, fd);
                hit += 1;
            }
        }
    }
    unsafe { libc::close(null) };
    hit
}

/// `--name value` from argv
pub fn arg(name: &str) -> Option<String> {
    let a: Vec<String> = std::env::args().collect();
    a.iter().position(|x| x == &format!("--{name}")).and_then(|i| a.get(i + 1).cloned())
}
pub fn argn<T: std::str::FromStr>(name: &str, d: T) -> T {
    arg(name).and_then(|s| s.parse().ok()).unwrap_or(d)
}
