//! Groups of both versions, in folders that look like the system's.

use std::process::id;

use super::super::owned::own_name;
use super::*;

const OWN: &str = "4:memory:/box/a\n5:cpu,cpuacct:/\n0::/user.slice/me.scope\n";

/// A folder that looks like hierarchies of both versions.
fn places(root: &Path) -> Places {
    let point = |name: &str| root.join(name).display().to_string();
    let mounts = format!(
        "tmpfs / tmpfs rw 0 0\ncgroup {} cgroup rw,memory 0 0\ncgroup {} cgroup rw,cpu,cpuacct 0 0\n\
         cgroup2 {} cgroup2 rw 0 0\n",
        point("memory"),
        point("cpu"),
        point("unified")
    );
    for folder in ["memory/box/a", "cpu", "unified/user.slice/me.scope"] {
        fs::create_dir_all(root.join(folder)).expect("room");
    }
    Places::new(mounts, OWN.into(), None)
}

/// A group for one controller.
fn make(places: &mut Places, controller: Controller, name: &str) -> Result<Group, String> {
    let made = places.make(&[controller], name).pop();
    made.expect("an answer for each").1
}

#[test]
fn version_1_groups_lie_below_the_own_group() {
    let root = tempfile::tempdir().expect("a folder");
    let mut places = places(root.path());
    let memory = make(&mut places, Controller::Memory, "retrobench-1-2").expect("made");
    assert_eq!(memory.path(), root.path().join("memory/box/a/retrobench-1-2"));
    assert_eq!(memory.version(), Version::V1);
    let cpu = make(&mut places, Controller::Cpu, "retrobench-1-2").expect("made");
    assert_eq!(cpu.path(), root.path().join("cpu/retrobench-1-2"));
    let path = memory.path().to_path_buf();
    drop(memory);
    assert!(!path.exists());
    let none = make(&mut places, Controller::Io, "retrobench-1-2").expect_err("not there");
    assert!(none.contains("io controller") || none.contains("blkio"), "{none}");
}

#[test]
fn version_2_groups_lie_beside_the_own_group_and_get_its_controllers() {
    let root = tempfile::tempdir().expect("a folder");
    let mut places = places(root.path());
    let slice = root.path().join("unified/user.slice");
    fs::write(slice.join("cgroup.controllers"), "cpu memory pids\n").expect("room");
    fs::write(slice.join("cgroup.subtree_control"), "pids\n").expect("room");
    let group = make(&mut places, Controller::Memory, "retrobench-1-2").expect("made");
    assert_eq!((group.version(), group.path()), (Version::V2, slice.join("retrobench-1-2").as_path()));
    assert_eq!(fs::read_to_string(slice.join("cgroup.subtree_control")).expect("there"), "+memory");
}

#[test]
fn version_2_has_one_group_for_all_controllers_where_all_are_given() {
    let root = tempfile::tempdir().expect("a folder");
    let mut places = places(root.path());
    places.mounts = places.mounts.lines().filter(|line| line.contains("cgroup2")).collect();
    let (unified, slice) = (root.path().join("unified"), root.path().join("unified/user.slice"));
    // As systemd has it: slices have memory alone, the root has all.
    fs::write(unified.join("cgroup.controllers"), "cpu io memory pids\n").expect("room");
    fs::write(slice.join("cgroup.controllers"), "memory pids\n").expect("room");
    let alone = make(&mut places, Controller::Memory, "retrobench-1-1").expect("made");
    assert_eq!(alone.path(), slice.join("retrobench-1-1"));
    let all = [Controller::Memory, Controller::Cpu, Controller::Io];
    let path = unified.join("retrobench-1-2");
    let made = places.make(&all, "retrobench-1-2");
    for (controller, group) in &made {
        assert_eq!(group.as_ref().map(Group::path), Ok(path.as_path()), "{controller:?}");
    }
    assert!(!slice.join("retrobench-1-2").exists(), "the group that gave less is gone");
    // One user less does not remove what the others use.
    let [memory, cpu, io] = [0, 1, 2].map(|i| made[i].1.clone().expect("made"));
    drop((made, cpu));
    assert!(memory.path().exists());
    drop((memory, io));
    assert!(!path.exists());
}

#[test]
fn what_a_users_systemd_was_not_given_is_said_with_who_can_give_it() {
    let root = tempfile::tempdir().expect("a folder");
    let manager = root.path().join("unified/user.slice/user-7.slice/user@7.service");
    let scope = manager.join("app.slice/me.scope");
    let runtime = root.path().join("run/7");
    for folder in [&scope, &runtime.join("systemd")] {
        fs::create_dir_all(folder).expect("room");
    }
    let unified = root.path().join("unified");
    for (folder, list) in [(&unified, "cpu io memory pids\n"), (&manager, "memory pids\n"), (&scope, "memory pids\n")] {
        fs::write(folder.join("cgroup.controllers"), list).expect("room");
    }
    // Only the scope may be written: elsewhere the file is a folder.
    fs::create_dir(unified.join("cgroup.subtree_control")).expect("room");
    let mounts = format!("cgroup2 {} cgroup2 rw 0 0\n", unified.display());
    let own = "0::/user.slice/user-7.slice/user@7.service/app.slice/me.scope\n";
    let mut places = Places::new(mounts, own.into(), Some(runtime));
    let made = places.make(&[Controller::Io, Controller::Memory], "retrobench-1-2");
    assert_eq!(made[1].1.as_ref().map(Group::path), Ok(scope.join("retrobench-1-2").as_path()));
    let reason = made[0].1.as_ref().expect_err("nobody gives it");
    assert!(reason.contains("Delegate=cpu io memory pids") && reason.contains("user@.service"), "{reason}");
    assert!(!reason.contains("systemd-run"), "{reason}");
}

/// A group of this process alone, as a user's scope is: it has a type, and controllers to give.
fn delegated(root: &Path) -> PathBuf {
    let scope = root.join("unified/user.slice/me.scope");
    fs::create_dir_all(&scope).expect("room");
    for (file, text) in [
        ("cgroup.controllers", "cpu io memory pids\n"),
        ("cgroup.subtree_control", "\n"),
        ("cgroup.type", "domain\n"),
        ("cgroup.procs", &format!("{}\n", id())),
    ] {
        fs::write(scope.join(file), text).expect("room");
    }
    scope
}

/// What the system would have cleared with the folder.
fn clear(folder: &Path) {
    fs::read_dir(folder).expect("there").flatten().for_each(|file| fs::remove_file(file.path()).expect("a file"));
}

#[test]
fn a_delegated_group_of_version_2_is_left_for_a_leaf_and_limits_below_itself() {
    let root = tempfile::tempdir().expect("a folder");
    let mut places = places(root.path());
    let scope = delegated(root.path());
    let name = own_name();
    let made = places.make(&[Controller::Memory, Controller::Cpu], &name);
    let [memory, cpu] = [0, 1].map(|i| made[i].1.clone().expect("made"));
    drop(made);
    assert_eq!(memory.path(), scope.join(&name));
    assert_eq!(cpu.path(), memory.path(), "one group for all controllers");
    let read = |path: PathBuf| fs::read_to_string(path).expect("there");
    let leaf = scope.join(format!("{name}{ASIDE}"));
    assert_eq!(read(leaf.join("cgroup.procs")), id().to_string(), "this process waits in the leaf");
    memory.set("memory.max", "1000").expect("written");
    memory.join(4711).expect("written");
    assert_eq!((memory.number("memory.max"), memory.number("cgroup.procs")), (Some(1000), Some(4711)));
    clear(memory.path());
    clear(&leaf);
    fs::write(scope.join("cgroup.procs"), "").expect("room");
    drop((memory, cpu));
    drop(places);
    assert!(!scope.join(&name).exists() && !leaf.exists());
    assert_eq!(read(scope.join("cgroup.procs")), id().to_string(), "it is back");
    assert_eq!(read(scope.join("cgroup.subtree_control")), "-cpu", "what it gave last it gives no more");
}

#[test]
fn an_interrupted_process_leaves_its_leaf_and_removes_it() {
    let root = tempfile::tempdir().expect("a folder");
    let scope = delegated(root.path());
    let name = own_name();
    let (group, leaf) = (scope.join(&name), scope.join(format!("{name}{ASIDE}")));
    fs::create_dir(&group).expect("room");
    fs::create_dir(&leaf).expect("room");
    let unified = format!("cgroup2 {} cgroup2 rw 0 0\n", root.path().join("unified").display());
    let own = format!("0::/user.slice/me.scope/{name}{ASIDE}\n");
    let places = Places::new(unified, own, None);
    if cfg!(target_os = "linux") {
        assert_eq!(places.remove_own(), 1);
        assert!(!group.exists() && !leaf.exists());
    }
    assert_eq!(fs::read_to_string(scope.join("cgroup.procs")).expect("there"), id().to_string());
}

#[test]
fn a_group_with_others_in_it_gives_nothing_and_the_way_in_is_named() {
    let root = tempfile::tempdir().expect("a folder");
    let scope = delegated(root.path());
    fs::write(scope.join("cgroup.procs"), format!("1\n{}\n", id())).expect("room");
    fs::write(root.path().join("unified/cgroup.controllers"), "cpu memory\n").expect("room");
    // Neither its slice nor the root may be written: here they are files.
    let blocked = [root.path().join("unified/cgroup.subtree_control"), scope.join("../cgroup.subtree_control")];
    blocked.iter().for_each(|file| fs::create_dir(file).expect("room"));
    let mut places = places(root.path());
    places.mounts = places.mounts.lines().filter(|line| line.contains("cgroup2")).collect();
    let without = make(&mut places, Controller::Memory, &own_name()).expect_err("nowhere");
    assert!(without.contains("other processes are in this group") && !without.contains("systemd-run"), "{without}");
    fs::create_dir(root.path().join("systemd")).expect("room");
    places.runtime = Some(root.path().to_path_buf());
    let reason = make(&mut places, Controller::Memory, &own_name()).expect_err("nowhere");
    assert!(reason.contains("systemd-run --user --scope -p Delegate=yes retrobench"), "{reason}");
    assert_eq!(
        fs::read_dir(&scope).expect("there").flatten().filter(|e| e.path().is_dir()).count(),
        0,
        "no leaf stays"
    );
}

#[test]
fn groups_of_the_dead_are_swept_and_those_of_the_living_stay() {
    let root = tempfile::tempdir().expect("a folder");
    let places = places(root.path());
    let memory = root.path().join("memory/box");
    let dead = memory.join("a/retrobench-4194303-1");
    let reused = memory.join(format!("retrobench-{}-1", id()));
    let own = memory.join(own_name());
    let other = memory.join("retrobench-notes");
    for folder in [&dead, &reused, &own, &other] {
        fs::create_dir(folder).expect("room");
    }
    let swept = places.sweep();
    if cfg!(target_os = "linux") {
        assert_eq!(swept, 2);
        assert!(!dead.exists() && !reused.exists() && own.exists() && other.exists());
    }
}

#[test]
fn counters_are_found_by_their_word() {
    let root = tempfile::tempdir().expect("a folder");
    let path = root.path().join("g");
    fs::create_dir(&path).expect("room");
    fs::write(path.join("memory.events"), "low 0\noom_kill 3\n").expect("room");
    let group = Group { folder: Arc::new(Folder(path.clone())), version: Version::V2 };
    assert_eq!(group.counter("memory.events", "oom_kill"), Some(3));
    assert_eq!(group.number("memory.peak"), None);
    fs::remove_file(path.join("memory.events")).expect("there");
}
