"""ship.py -- what the tests of packages and containers share: a Debian to install into, and what is left of it.

The base is made once by debootstrap and kept (AVOW_SHIP_BASE, or ship/base in the build directory); tests work
on copies. Whatever runs, mounts or listens does so in namespaces that end with the test.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "cluster"))
from avow import Client, ReplyError  # noqa: E402, F401 -- for the tests

SUITE, MIRROR = "bookworm", os.environ.get("AVOW_MIRROR", "http://deb.debian.org/debian")
QUIET_APT = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}


def need(*programs):
    """Exit 77 (skipped, said so) unless this is root with these programs."""
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        print("skipped: needs %s (deps/install.sh --ship)" % " ".join(missing))
        sys.exit(77)
    if os.geteuid() != 0:
        print("skipped: needs root, for chroot and namespaces")
        sys.exit(77)


def run(*words, want=0, cwd=None, says=(), timeout=600):
    """stdout and stderr together; fails unless it ends with want (None: any)."""
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
                          errors="replace", cwd=cwd, timeout=timeout, env={**os.environ, **QUIET_APT})
    assert want is None or done.returncode == want, "%s: %d\n%s" % (" ".join(words), done.returncode, done.stdout[-4000:])
    for text in says:
        assert text in done.stdout, "%s does not say %r:\n%s" % (" ".join(words), text, done.stdout)
    return done.stdout


def base():
    """The directory of a minimal Debian 12; nobody writes into it."""
    path = os.environ.get("AVOW_SHIP_BASE") or os.path.abspath("ship/base")
    if not os.path.exists(os.path.join(path, "etc/debian_version")):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        print("debootstrap: %s, once, into %s" % (SUITE, path), flush=True)
        part = path + ".part"
        shutil.rmtree(part, ignore_errors=True)
        run("debootstrap", "--variant=minbase", SUITE, part, MIRROR, timeout=900)
        os.rename(part, path)
    return path


def in_namespaces(*kinds):
    """This script again, as the first process of namespaces of its own: when it ends all in them does."""
    if os.environ.get("AVOW_SHIP_INSIDE") == "1":
        run("ip", "link", "set", "lo", "up")
        return
    os.environ["AVOW_SHIP_INSIDE"] = "1"
    sys.exit(subprocess.run(["unshare", *kinds, "--fork", "--kill-child", "--", sys.executable, *sys.argv]).returncode)


class Workplace:
    """with Workplace() as directory: taken away again."""

    def __enter__(self):
        os.makedirs("ship", exist_ok=True)
        self.path = tempfile.mkdtemp(prefix="work-", dir=os.path.abspath("ship"))
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


def wait(what, seconds=30, pause=0.1):
    """Until what() is true; its value. Errors of clients count as not yet."""
    end, last = time.monotonic() + seconds, None
    while True:
        try:
            last = what()
            if last:
                return last
        except (OSError, ReplyError) as e:
            last = e
        assert time.monotonic() < end, "not within %d s: %r" % (seconds, last)
        time.sleep(pause)


def call(port, *words, host="127.0.0.1", timeout=10):
    client = Client((host, port), timeout)
    try:
        return client.call(*words)
    finally:
        client.close()


def field(text, name):
    found = re.search(r"^%s[:=](.*)$" % re.escape(name), text, re.MULTILINE)
    return found.group(1).strip() if found else None


def main(tests):
    """Runs them in order; exit status for make."""
    failed = 0
    for test in tests:
        if len(sys.argv) > 1 and not any(word in test.__name__ for word in sys.argv[1:]):
            continue
        began = time.monotonic()
        try:
            test()
            print("ok   %s (%.1f s)" % (test.__name__, time.monotonic() - began), flush=True)
        except Exception:  # noqa: BLE001 -- told, and counted
            import traceback
            traceback.print_exc()
            print("FAIL %s" % test.__name__, flush=True)
            failed += 1
    sys.exit(1 if failed else 0)
