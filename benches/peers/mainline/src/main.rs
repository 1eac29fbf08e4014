use mainline::{Dht, Id, ServerSettings, async_dht::AsyncDht};
use peers_common::*;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

struct M {
    d: Mutex<Vec<Option<AsyncDht>>>,
}
impl M {
    fn at(&self, i: usize) -> Result<AsyncDht, String> {
        self.d.lock().unwrap()[i].clone().ok_or("node gone".into())
    }
}
impl Net for M {
    fn n(&self) -> usize {
        self.d.lock().unwrap().len()
    }
    async fn put(&self, i: usize, _k: Vec<u8>, v: Vec<u8>) -> Result<Vec<u8>, String> {
        let d = self.at(i)?;
        d.put_immutable(&v).await.map(|id| id.as_bytes().to_vec()).map_err(|e| format!("{e:?}"))
    }
    async fn get(&self, i: usize, k: Vec<u8>) -> Result<Got, String> {
        let d = self.at(i)?;
        let id = Id::from_bytes(&k).map_err(|e| format!("{e:?}"))?;
        match d.get_immutable(id).await {
            Some(v) => Ok(Got { value: v.to_vec(), local: false }),
            None => Err("None".into()),
        }
    }
    async fn kill(&self, v: Vec<usize>) {
        // dropping the last handle ends the actor thread and closes the socket; the protocol has no goodbye
        for i in v {
            self.d.lock().unwrap()[i] = None;
        }
        tokio::time::sleep(Duration::from_millis(120)).await;
    }
}
fn main() {
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    rt.block_on(run());
    std::process::exit(0);
}
async fn run() {
    let n: usize = argn("n", 16);
    let seeded: u8 = argn("seeded", 0);
    let timeout: u64 = argn("timeout-ms", 2000);
    let variant = format!(
        "immutable{}{}",
        if seeded == 1 { " Testnet(seeded)" } else { " 3 bootstraps" },
        if timeout != 2000 { format!(" timeout={timeout}ms") } else { "".into() }
    );
    let mut cfg = Cfg::new("mainline", &variant, n, argn("seed", 1));
    cfg.fail_gets = argn("fail-gets", 400);
    cfg.phase_cap = Duration::from_secs(argn("phase-cap", 75));
    let (rss0, cpu0, t0) = (rss_bytes(), cpu_seconds(), Instant::now());
    let mut ds: Vec<AsyncDht> = vec![];
    if seeded == 1 {
        let t = mainline::Testnet::builder(n).build().unwrap();
        ds = t.nodes.iter().map(|d| d.clone().as_async()).collect();
        std::mem::drop(t);
    } else {
        let mut boots: Vec<String> = vec![];
        for i in 0..n {
            let mut st = ServerSettings::default();
            st.max_immutable_values = argn("max-values", 65536);
            let mut b = Dht::builder();
            b.server_mode()
                .server_settings(st)
                .bind_address(Ipv4Addr::LOCALHOST)
                .request_timeout(Duration::from_millis(timeout));
            if boots.is_empty() {
                b.no_bootstrap();
            } else {
                b.bootstrap(&boots);
            }
            let d = b.build().unwrap().as_async();
            if i < 3 {
                boots.push(d.info().await.local_addr().to_string());
            }
            ds.push(d);
        }
        let mut ws = vec![];
        for d in &ds {
            let d = d.clone();
            ws.push(tokio::spawn(async move { tokio::time::timeout(Duration::from_secs(60), d.bootstrapped()).await }));
        }
        let mut ok = 0;
        for w in ws {
            if let Ok(Ok(true)) = w.await {
                ok += 1
            }
        }
        eprintln!("bootstrapped true on {ok}/{n}");
    }
    let t_boot = t0.elapsed().as_secs_f64();
    run_workload(Arc::new(M { d: Mutex::new(ds.into_iter().map(Some).collect()) }), cfg, t0, rss0, cpu0, t_boot).await;
}
