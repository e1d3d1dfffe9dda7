"""A job that tries to reach what isn't its own; prints what it got, by the name of the attack. Standard library only.

Run with the variable FACTS, JSON of where things are. A true answer means that the attack has succeeded.
"""

# What a script would write: no pathlib. Each attack is tried in a try of its own.
# ruff: noqa: PTH105, PTH110, PTH112, PTH115, PTH116, PTH120, PTH208, PERF203
from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

LIBRARY = ctypes.CDLL(None, use_errno=True)
FACTS: dict[str, Any] = json.loads(os.environ.get("FACTS", "{}"))
NUMBERS = {"x86_64": 0, "aarch64": 1}
NEW_USER, NEW_MOUNTS, NEW_NETWORK, NEW_PIDS = 0x10000000, 0x20000, 0x40000000, 0x20000000
ATTACKS: dict[str, Callable[[], object]] = {}


def attack(function: Callable[[], object]) -> Callable[[], object]:
    ATTACKS[function.__name__] = function
    return function


def call(*numbers: int, arguments: tuple[object, ...] = ()) -> bool:
    """Make a system call, by its numbers on x86_64 and aarch64; tell whether it worked."""
    number = numbers[NUMBERS[os.uname().machine]]
    given = [ctypes.c_long(a) if isinstance(a, int) else a for a in (*arguments, 0, 0, 0, 0, 0)]
    return bool(LIBRARY.syscall(ctypes.c_long(number), *given[:6]) != -1)


def readable(path: str) -> bool:
    return bool(os.listdir(path)) if os.path.isdir(path) else bool(Path(path).read_bytes())


def writable(path: str) -> bool:
    """Tell whether a file that is there could be written to; nothing is."""
    os.close(os.open(path, os.O_WRONLY))
    return True


def made(folder: str) -> bool:
    file = Path(folder, f"attack-{os.getpid()}")
    file.write_text("x")
    file.unlink()
    return True


# --- the tool's own files and other people's


for _name in ("state", "object", "credentials", "ssh_key", "manifest", "env_file", "checkout", "other_job", "other_env",
              "host_tmp", "host_shm", "mounted"):  # fmt: skip
    ATTACKS[f"read_{_name}"] = lambda name=_name: readable(FACTS[name])  # type: ignore[misc]
    ATTACKS[f"write_{_name}"] = lambda name=_name: writable(FACTS[name])  # type: ignore[misc]


@attack
def forge_approval() -> object:
    with contextlib.closing(sqlite3.connect(f"file:{FACTS['state']}?mode=rw", uri=True)) as db:
        db.execute("CREATE TABLE forged (by TEXT)")
        db.commit()
        return bool(db.execute("SELECT name FROM sqlite_master WHERE name = 'forged'").fetchall())


@attack
def replace_object() -> object:
    os.replace(_own_file(), FACTS["object"])
    return True


@attack
def link_to_object() -> object:
    link = Path("/opt/ml/model/link")
    link.unlink(missing_ok=True)
    link.symlink_to(FACTS["object"])
    return readable(str(link))


@attack
def hard_link_to_object() -> object:
    os.link(FACTS["object"], "/opt/ml/model/hard")
    return True


@attack
def climb_out_of_opt_ml() -> object:
    return any(readable(f"/opt/ml/{'../' * depth}{FACTS['object'].lstrip('/')}") for depth in (2, 5))


@attack
def home_of_the_user() -> object:
    return any(os.path.exists(f"{FACTS['home']}/{name}") for name in (".aws", ".ssh"))


@attack
def other_homes() -> object:
    return [name for name in os.listdir("/home") if name != "job"]


@attack
def empty_places() -> object:
    return [f"{folder}/{name}" for folder in ("/run", "/var", "/mnt", "/srv", "/root", "/boot", "/media")
            if os.path.isdir(folder) for name in os.listdir(folder)
            if f"{folder}/{name}" not in {"/run/job", "/root/.pyenv", "/var/lib", "/run/systemd"}]  # fmt: skip


def _own_file() -> str:
    file = Path("/opt/ml/model/own")
    file.write_text("forged")
    return str(file)


# --- the engine and other processes


@attack
def see_the_engine() -> object:
    return any(_command_line(name) for name in os.listdir("/proc") if name.isdigit())


def _command_line(pid: str) -> bool:
    try:
        return FACTS["marker"].encode() in Path(f"/proc/{pid}/cmdline").read_bytes() and pid not in _family()
    except OSError:
        return False


def _family() -> set[str]:
    return {str(os.getpid())}


@attack
def environment_of_others() -> object:
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if b"canary-of-the-engine" in Path(f"/proc/{name}/environ").read_bytes():
                found.append(name)
    return found


@attack
def environment_of_the_engine() -> object:
    return readable(f"/proc/{FACTS['engine']}/environ")


@attack
def root_of_the_engine() -> object:
    return readable(f"/proc/{FACTS['engine']}/root/etc")


@attack
def folder_of_the_engine() -> object:
    return readable(f"/proc/{FACTS['engine']}/cwd")


@attack
def files_of_the_engine() -> object:
    return readable(f"/proc/{FACTS['engine']}/fd")


@attack
def memory_of_the_engine() -> object:
    return writable(f"/proc/{FACTS['engine']}/mem")


@attack
def signal_the_engine() -> object:
    os.kill(FACTS["engine"], 0)
    return True


@attack
def trace_the_engine() -> object:
    return call(101, 117, arguments=(0x4206, FACTS["engine"]))  # PTRACE_SEIZE


@attack
def limit_the_engine() -> object:
    return bool(resource.prlimit(FACTS["engine"], resource.RLIMIT_NOFILE))


@attack
def descriptor_of_the_engine() -> object:
    return call(434, 434, arguments=(FACTS["engine"], 0))  # pidfd_open


@attack
def priority_of_the_engine() -> object:
    os.setpriority(os.PRIO_PROCESS, FACTS["engine"], 10)
    return True


@attack
def memory_of_the_supervisor() -> object:
    return os.path.realpath(f"/proc/{os.getppid()}/exe") != "" and writable("/proc/1/mem")


@attack
def files_of_the_supervisor() -> object:
    return bool(os.readlink("/proc/1/fd/1")) and os.getppid() == 1


@attack
def trace_the_supervisor() -> object:
    return call(101, 117, arguments=(0x4206, os.getppid()))


@attack
def kill_the_supervisor() -> object:
    if os.getppid() != 1:
        return "it is outside"
    os.kill(1, signal.SIGKILL)
    os.kill(1, signal.SIGINT)
    os.kill(1, signal.SIGTERM)
    return False


@attack
def inherited_descriptors() -> object:
    return [name for name in os.listdir("/proc/self/fd") if int(name) > 3]


@attack
def variables_of_the_engine() -> object:
    return [name for name in os.environ if "TOKEN" in name or "SECRET" in name]


@attack
def shared_memory_of_system_v() -> object:
    return LIBRARY.shmget(FACTS["shm_key"], 0, 0) != -1


# --- the network and sockets


@attack
def socket_in_the_home() -> object:
    return _connects(socket.AF_UNIX, FACTS["socket"])


@attack
def socket_of_docker() -> object:
    return any(
        _connects(socket.AF_UNIX, path)
        for path in ("/var/run/docker.sock", "/run/docker.sock", "/run/dbus/system_bus_socket")
    )


@attack
def socket_to_the_hypervisor() -> object:
    socket.socket(40, socket.SOCK_STREAM).close()
    return True


def _connects(family: int, address: Any) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(2)
        connection.connect(address)
        return True


# --- the system


for _name, _path in {
    "usr": "/usr", "etc": "/etc", "root": "/", "opt": "/opt", "bin": "/bin/", "dev": "/dev", "run": "/run", "home": "/home",
    "python": os.path.dirname(os.path.realpath(sys.executable)),
    "sys": "/sys/devices",
}.items():  # fmt: skip
    ATTACKS[f"write_in_{_name}"] = lambda path=_path: made(path)  # type: ignore[misc]

for _name, _path in {
    "core_pattern": "/proc/sys/kernel/core_pattern", "modprobe": "/proc/sys/kernel/modprobe", "sysrq": "/proc/sysrq-trigger",
    "ip_forward": "/proc/sys/net/ipv4/ip_forward", "overcommit": "/proc/sys/vm/overcommit_memory",
    "passwd": "/etc/passwd", "shell": "/bin/sh", "pid_max": "/proc/sys/kernel/pid_max", "uevent": "/sys/devices/virtual/mem/null/uevent",
    "huge_pages": "/sys/kernel/mm/transparent_hugepage/enabled", "disk": "/dev/vda", "terminal": "/dev/tty0", "console": "/dev/console",
    "kernel_log": "/dev/kmsg", "memory": "/dev/mem", "fuse": "/dev/fuse", "loop": "/dev/loop-control", "kvm": "/dev/kvm",
}.items():  # fmt: skip
    ATTACKS[f"open_{_name}"] = lambda path=_path: writable(path)  # type: ignore[misc]


@attack
def writable_kernel_files() -> object:
    found = []
    for top in ("/proc", "/sys"):
        for folder, folders, files in os.walk(top):
            folders[:] = [
                name for name in folders if not (top == "/proc" and (name.isdigit() or name in {"self", "thread-self"}))
            ]
            for name in files:
                with contextlib.suppress(OSError):
                    os.close(os.open(f"{folder}/{name}", os.O_WRONLY | os.O_NONBLOCK))
                    found.append(f"{folder}/{name}")
    return found


@attack
def password_hashes() -> object:
    return readable("/etc/shadow")


@attack
def keys_of_the_host() -> object:
    return [name for name in os.listdir("/etc/ssh") if name.endswith("_key") and Path("/etc/ssh", name).read_bytes()]


@attack
def capabilities() -> object:
    lines = Path("/proc/self/status").read_text().splitlines()
    return [
        line
        for line in lines
        if line.startswith(("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb")) and int(line.split()[1], 16)
    ]


@attack
def new_privileges() -> object:
    return "NoNewPrivs:\t0" in Path("/proc/self/status").read_text()


@attack
def unfiltered_calls() -> object:
    return "Seccomp:\t0" in Path("/proc/self/status").read_text()


@attack
def programs_with_other_rights() -> object:
    for program in ("/usr/bin/su", "/usr/bin/sudo", "/usr/bin/passwd", "/usr/bin/mount"):
        with contextlib.suppress(OSError):
            if os.stat(program).st_mode & 0o4000 and not os.statvfs(program).f_flag & os.ST_NOSUID:
                return program
    return ""


@attack
def mount_a_folder() -> object:
    return LIBRARY.mount(b"none", b"/opt/ml/model", b"tmpfs", 0, None) == 0


@attack
def unmount_proc() -> object:
    return LIBRARY.umount2(b"/proc/sys", 2) == 0 and os.access("/proc/sys/kernel/core_pattern", os.W_OK)


@attack
def remount_root_writable() -> object:
    return LIBRARY.mount(b"none", b"/usr", None, 0x20 | 0x1000, None) == 0


@attack
def new_mount_calls() -> object:
    return call(430, 430, arguments=(ctypes.c_char_p(b"tmpfs"), 0)) or call(
        428, 428, arguments=(-100, ctypes.c_char_p(b"/"), 1)
    )


@attack
def change_root() -> object:
    def work() -> bool:
        os.chroot("/opt/ml")
        return True

    return _in_child(work)


def _in_child(work: Callable[[], bool]) -> bool:
    pid = os.fork()
    if pid == 0:
        worked = False
        with contextlib.suppress(BaseException):
            worked = work()
        os._exit(0 if worked else 1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


for _name, _flag in {"users": NEW_USER, "mounts": NEW_MOUNTS, "network": NEW_NETWORK, "processes": NEW_PIDS}.items():
    ATTACKS[f"new_namespace_of_{_name}"] = lambda flag=_flag: _in_child(lambda: LIBRARY.unshare(flag) == 0)  # type: ignore[misc]


@attack
def clone_into_a_namespace() -> object:
    def work() -> bool:
        number = (56, 220)[NUMBERS[os.uname().machine]]
        pid = LIBRARY.syscall(ctypes.c_long(number), ctypes.c_long(NEW_USER | signal.SIGCHLD), 0, 0, 0, 0)
        if pid == 0:
            os._exit(0)
        return bool(pid > 0)

    return _in_child(work)


@attack
def clone3_into_a_namespace() -> object:
    def work() -> bool:
        arguments = (ctypes.c_uint64 * 11)(NEW_USER, 0, 0, 0, signal.SIGCHLD)
        pid = LIBRARY.syscall(ctypes.c_long(435), ctypes.byref(arguments), ctypes.c_long(88))
        if pid == 0:
            os._exit(0)
        return bool(pid > 0)

    return _in_child(work)


@attack
def enter_the_mounts_of_the_engine() -> object:
    descriptor = os.open(f"/proc/{FACTS['engine']}/ns/mnt", os.O_RDONLY)
    return LIBRARY.setns(descriptor, 0) == 0


@attack
def tool_for_namespaces() -> object:
    return subprocess.run(["unshare", "-Urm", "true"], capture_output=True, check=False).returncode == 0


@attack
def keys_of_the_kernel() -> object:
    return call(250, 219, arguments=(0, -3, 1))  # keyctl: get the id of the session's keyring


@attack
def add_a_key() -> object:
    return call(
        248, 217, arguments=(ctypes.c_char_p(b"user"), ctypes.c_char_p(b"attack"), ctypes.c_char_p(b"x"), 1, -3)
    )


@attack
def device_node() -> object:
    os.mknod("/opt/ml/model/disk", 0o60600, os.makedev(254, 0))
    return True


@attack
def program_in_the_kernel() -> object:
    return call(321, 280, arguments=(5, 0, 0))


@attack
def watch_the_processor() -> object:
    attributes = ctypes.create_string_buffer((1).to_bytes(4, "little") + (128).to_bytes(4, "little"), 128)
    return call(298, 241, arguments=(attributes, 0, -1, -1, 0))


@attack
def handle_page_faults() -> object:
    return call(323, 282, arguments=(1,))


@attack
def calls_by_the_ring() -> object:
    return call(425, 425, arguments=(4, ctypes.create_string_buffer(120)))


@attack
def log_of_the_kernel() -> object:
    return call(103, 116, arguments=(10,))


@attack
def open_by_handle() -> object:
    handle = ctypes.create_string_buffer(16)
    ctypes.memmove(handle, (8).to_bytes(4, "little") + (1).to_bytes(4, "little") + (2).to_bytes(8, "little"), 16)
    root = os.open("/opt/ml", os.O_RDONLY)
    return call(304, 265, arguments=(root, handle, 0))


@attack
def type_into_the_terminal() -> object:
    master, slave = os.openpty()
    if os.fork() == 0:
        try:
            os.setsid()
            fcntl.ioctl(slave, 0x540E, 0)
            fcntl.ioctl(slave, 0x5412, b"x")
            os._exit(0)
        except OSError:
            os._exit(1)
    del master
    return os.waitstatus_to_exitcode(os.wait()[1]) == 0


@attack
def terminal_of_the_user() -> object:
    os.close(os.open("/dev/tty", os.O_RDWR))
    return True


@attack
def name_of_the_host() -> object:
    socket.sethostname(socket.gethostname())
    return True


@attack
def raised_limits() -> object:
    for kind in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        soft, hard = resource.getrlimit(kind)
        if hard == resource.RLIM_INFINITY:
            return "there was none"
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (soft, hard + 1))
            return "raised"
    return ""


@attack
def core_dump() -> object:
    return resource.getrlimit(resource.RLIMIT_CORE)[1] > 1


@attack
def real_time() -> object:
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    return True


@attack
def better_priority() -> object:
    os.setpriority(os.PRIO_PROCESS, 0, -5)
    return True


@attack
def other_user() -> object:
    def work() -> bool:
        os.setuid(12345)
        return True

    return _in_child(work)


@attack
def safe_from_the_killer() -> object:
    file = Path("/proc/self/oom_score_adj")
    file.write_text("-500")
    return True


@attack
def settings_of_the_clock() -> object:
    def work() -> bool:
        import time

        time.clock_settime(time.CLOCK_REALTIME, time.time())
        return True

    return _in_child(work)


def main() -> None:
    answers = {}
    for name, function in ATTACKS.items():
        try:
            answers[name] = str(function() or "")
        except Exception as error:  # noqa: BLE001 - whatever refuses it
            answers[name] = ""
            print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201
    Path("/opt/ml/output").mkdir(exist_ok=True)
    Path(os.environ.get("ANSWERS", "/opt/ml/output/answers.json")).write_text(json.dumps(answers))


if __name__ == "__main__":
    main()
