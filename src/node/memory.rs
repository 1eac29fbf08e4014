//! How much memory this process may use: that of the machine, or less where its container or a limit says so.
//!
//! It decides how many passwords are tried at once. Linux tells; elsewhere nothing is known.

use std::fs;
use std::path::Path;

/// Returns what this process may use, in KiB, where the system tells.
pub(super) fn usable_kib() -> Option<u64> {
    let read = |path: &Path| fs::read_to_string(path).ok();
    let of_machine = read(Path::new("/proc/meminfo")).and_then(|text| total(&text));
    let of_process = read(Path::new("/proc/self/limits")).and_then(|text| limit(&text));
    let groups = read(Path::new("/proc/self/cgroup")).unwrap_or_default();
    let of_group = group(&groups, Path::new("/sys/fs/cgroup"));
    [of_machine, of_process, of_group].into_iter().flatten().min()
}

/// Reads `MemTotal` of `/proc/meminfo`.
fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find(|line| line.starts_with("MemTotal:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Reads the smaller of the soft limits of data and address space of `/proc/self/limits`: `ulimit -d` and `-v`.
fn limit(limits: &str) -> Option<u64> {
    let soft = |line: &str| {
        let rest = line.strip_prefix("Max data size").or_else(|| line.strip_prefix("Max address space"))?;
        rest.split_whitespace().next()?.parse::<u64>().ok()
    };
    limits.lines().filter_map(soft).min().map(|bytes| bytes / 1024)
}

/// Reads the smallest limit of a control group and those above it, which hold for it too: containers and services have one.
fn group(groups: &str, mounted: &Path) -> Option<u64> {
    let bytes = groups.lines().filter_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        // The second version has one tree, the first one for each controller.
        let (root, file) = match controllers {
            "" => (mounted.to_owned(), "memory.max"),
            some if some.split(',').any(|name| name == "memory") => (mounted.join("memory"), "memory.limit_in_bytes"),
            _ => return None,
        };
        let path = Path::new(path.trim_start_matches('/'));
        // In a container the path may be the one outside of it; what is mounted there is its own group then.
        let limits = path.ancestors().filter_map(|above| fs::read_to_string(root.join(above).join(file)).ok());
        limits.filter_map(|text| text.trim().parse::<u64>().ok()).min()
    });
    bytes.min().map(|bytes| bytes / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_the_machine_is_read() {
        assert_eq!(total("MemTotal:       24683520 kB\nMemFree:        14654464 kB\n"), Some(24_683_520));
        assert_eq!(total("MemFree: 1 kB"), None);
    }

    #[test]
    fn the_smaller_limit_of_the_process_counts() {
        let limits = |data: &str, space: &str| {
            format!(
                "Limit                     Soft Limit           Hard Limit           Units\n\
                 Max data size             {data:<20} unlimited            bytes\n\
                 Max resident set          1024                 unlimited            bytes\n\
                 Max address space         {space:<20} unlimited            bytes\n"
            )
        };
        assert_eq!(limit(&limits("unlimited", "unlimited")), None);
        assert_eq!(limit(&limits("536870912", "unlimited")), Some(512 * 1024));
        assert_eq!(limit(&limits("536870912", "268435456")), Some(256 * 1024));
        assert_eq!(limit(""), None);
    }

    #[test]
    fn the_limit_of_a_control_group_is_that_of_any_above_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |path: &str, file: &str, text: &str| {
            let dir = folder.path().join(path);
            fs::create_dir_all(&dir).expect("made");
            fs::write(dir.join(file), text).expect("written");
        };
        let check =
            |groups: &str, expected: Option<u64>| assert_eq!(group(groups, folder.path()), expected, "{groups}");
        check("0::/a/b\n", None);
        write("a/b", "memory.max", "max\n");
        check("0::/a/b\n", None);
        write("a", "memory.max", "536870912\n");
        check("0::/a/b\n", Some(512 * 1024));
        write("", "memory.max", "268435456\n");
        check("0::/a/b\n0::/", Some(256 * 1024));
        check("0::/outside/of/the/container\n", Some(256 * 1024));
        write("memory/docker/1", "memory.limit_in_bytes", "536870912\n");
        write("memory", "memory.limit_in_bytes", "9223372036854771712\n");
        check("5:cpu,cpuacct:/docker/1\n", None);
        check("5:cpu,cpuacct:/docker/1\n4:hugetlb,memory:/docker/1\n", Some(512 * 1024));
        check("nonsense\n4:memory\n", None);
    }

    #[test]
    fn this_process_has_some_memory() {
        if Path::new("/proc/meminfo").exists() {
            assert!(usable_kib().is_some_and(|kib| kib > 16 * 1024));
        }
    }
}
