//! One node a folder, and a key that is never lost.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use tempfile::tempdir;
use timeline::node::data_dir::{DataDir, DataDirError, open_to_others, read_api_file};
use timeline::types::{Code, Problem, Rng};

/// A process that is being started has copies of all open files, locks included, until it runs its own program.
static STARTING: Mutex<()> = Mutex::new(());

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("ours");
}

fn rng(n: u8) -> Rng {
    Rng::from_seed([n; 32])
}

#[test]
fn a_folder_is_private_and_held_by_one() {
    let _alone = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    let parent = tempdir().expect("a folder");
    let path = parent.path().join("a/b");
    let dir = DataDir::open(&path).expect("opens");
    assert_eq!(mode(&path), 0o700);
    assert_eq!(open_to_others(&path).expect("there"), 0);
    match DataDir::open(&path) {
        Err(error @ DataDirError::InUse { pid, .. }) => {
            assert_eq!(pid, Some(std::process::id()));
            assert_eq!(Problem::from(error).code, Code::DataDirInUse);
        }
        other => panic!("{other:?}"),
    }
    drop(dir);
    assert_eq!(fs::read_to_string(path.join("lock")).expect("there"), "", "no number of a process that is gone");
    DataDir::open(&path).expect("free again");
}

/// Holds a folder until it is killed; does something only as the child of the test below.
#[test]
fn holder() {
    if let Some(path) = std::env::var_os("TEST_HOLDS") {
        let _dir = DataDir::open(Path::new(&path)).expect("opens");
        eprintln!("held");
        let _ = std::io::stdin().read(&mut [0]);
    }
}

#[test]
fn a_killed_process_lets_go_of_its_folder() {
    let parent = tempdir().expect("a folder");
    let starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "data_dir::holder", "--nocapture"])
        .env("TEST_HOLDS", parent.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    drop(starting);
    let stderr = BufReader::new(child.stderr.take().expect("piped"));
    assert!(stderr.lines().map_while(Result::ok).any(|line| line == "held"));
    match DataDir::open(parent.path()) {
        Err(DataDirError::InUse { pid, .. }) => assert_eq!(pid, Some(child.id())),
        other => panic!("{other:?}"),
    }
    child.kill().expect("ours");
    child.wait().expect("ours");
    DataDir::open(parent.path()).expect("free again");
}

#[test]
fn the_node_key_is_made_once_and_private() {
    let parent = tempdir().expect("a folder");
    let dir = DataDir::open(parent.path()).expect("opens");
    let first = dir.node_key(&mut rng(1)).expect("made").public();
    assert_eq!(mode(&dir.node_key_path()), 0o600);
    assert_eq!(dir.node_key(&mut rng(2)).expect("read").public(), first);
    drop(dir);
    let dir = DataDir::open(parent.path()).expect("opens");
    assert_eq!(dir.node_key(&mut rng(3)).expect("read").public(), first);
    let left: Vec<_> = fs::read_dir(parent.path()).expect("there").map(|e| e.expect("entry").file_name()).collect();
    assert_eq!(left.len(), 2, "only key and lock: {left:?}");
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    let parent = tempdir().expect("a folder");
    let dir = DataDir::open(parent.path()).expect("opens");
    dir.node_key(&mut rng(1)).expect("made");
    for open in [0o640, 0o604, 0o620] {
        set_mode(&dir.node_key_path(), open);
        match dir.node_key(&mut rng(1)) {
            Err(error @ DataDirError::KeyOpenToOthers { mode, .. }) => {
                assert_eq!(mode, open);
                assert!(Problem::from(error).hint.expect("a hint").starts_with("chmod 600 "));
            }
            other => panic!("{other:?}"),
        }
    }
    set_mode(&dir.node_key_path(), 0o600);
    dir.node_key(&mut rng(1)).expect("usable again");
}

#[test]
fn a_damaged_key_is_an_error_and_stays_as_it_is() {
    let parent = tempdir().expect("a folder");
    let dir = DataDir::open(parent.path()).expect("opens");
    let good = {
        dir.node_key(&mut rng(1)).expect("made");
        fs::read(dir.node_key_path()).expect("there")
    };
    for bad in
        [b"".to_vec(), b"garbage".to_vec(), good[..good.len() / 2].to_vec(), vec![0xff; 100], vec![b'a'; 100_000]]
    {
        fs::write(dir.node_key_path(), &bad).expect("writes");
        let error = dir.node_key(&mut rng(2)).expect_err("damaged");
        assert!(matches!(error, DataDirError::Damaged { .. }), "{error}");
        assert_eq!(fs::read(dir.node_key_path()).expect("there"), bad);
    }
    fs::remove_file(dir.node_key_path()).expect("ours");
    std::os::unix::fs::symlink("not mounted", dir.node_key_path()).expect("links");
    assert!(matches!(dir.node_key(&mut rng(2)), Err(DataDirError::Io { .. })));
    assert!(dir.node_key_path().is_symlink(), "a link to a disk that is away is no invitation for a new key");
}

#[test]
fn a_running_node_says_where_it_is() {
    let parent = tempdir().expect("a folder");
    assert!(matches!(read_api_file(&parent.path().join("none")), Err(DataDirError::NoNode { .. })));
    let dir = DataDir::open(parent.path()).expect("opens");
    let error = read_api_file(parent.path()).expect_err("none yet");
    assert_eq!(Problem::from(error).code, Code::NoNode);
    dir.write_api_file("http://127.0.0.1:1", "old").expect("writes");
    dir.write_api_file("http://127.0.0.1:2", "secret").expect("replaces");
    assert_eq!(mode(&dir.api_file_path()), 0o600);
    let file = read_api_file(parent.path()).expect("there");
    assert_eq!((file.url.as_str(), file.token.as_str()), ("http://127.0.0.1:2", "secret"));
    assert!(!format!("{file:?}").contains("secret"));
    dir.remove_api_file().expect("removes");
    dir.remove_api_file().expect("is content");
    assert!(matches!(read_api_file(parent.path()), Err(DataDirError::NoNode { .. })));
    fs::write(dir.api_file_path(), "{").expect("writes");
    assert!(matches!(read_api_file(parent.path()), Err(DataDirError::Damaged { .. })));
}

#[test]
fn the_api_port_is_remembered() {
    let parent = tempdir().expect("a folder");
    let dir = DataDir::open(parent.path()).expect("opens");
    assert_eq!(dir.remembered_api_port(), None);
    dir.remember_api_port(40_123).expect("writes");
    drop(dir);
    let dir = DataDir::open(parent.path()).expect("opens");
    assert_eq!(dir.remembered_api_port(), Some(40_123));
    for bad in ["", "0", "65536", "x"] {
        fs::write(parent.path().join("api.port"), bad).expect("writes");
        assert_eq!(dir.remembered_api_port(), None, "{bad:?}");
    }
}
