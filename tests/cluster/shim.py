"""shim.py -- nodes on bad disks: shim_disk.c is preloaded into them, and told here what to do."""
import mmap
import os
import struct

from avow import Skipped, is_sanitized

SHIM = os.path.abspath(os.environ.get("AVOW_SHIM", "tests/cluster/shim_disk.so"))
SYNC, WRITE, READ = 1, 2, 4
NONE, FAIL, HANG, DELAY, FLIP, LIE, FULL = range(7)
CONTROL = struct.Struct("<IIII64s")
UNDO = struct.Struct("<QQQ")


class BadDisk:
    """The disk of a node that is not running: from its next start on. power_loss: unsynced writes can be undone."""

    def __init__(self, node, power_loss=False):
        if not os.path.exists(SHIM):
            raise Skipped("%s is not built" % SHIM)
        if is_sanitized():
            raise Skipped("a sanitizer's library has to be loaded first")
        self.home, beside = node.home, node.home + "-disk"
        self.undo = os.path.join(beside, "undo")
        os.makedirs(self.undo)
        control = os.path.join(beside, "control")
        with open(control, "w+b") as f:
            f.write(bytes(CONTROL.size))
            f.flush()
            self.control = mmap.mmap(f.fileno(), CONTROL.size)
        node.wrapper = ["env", "LD_PRELOAD=" + SHIM, "SHIM_DISK_DIR=" + node.home, "SHIM_DISK_CONTROL=" + control]
        if power_loss:
            node.wrapper.append("SHIM_DISK_UNDO=" + self.undo)

    def set(self, deed, operations=0, part="", delay_ms=0):
        """From now on, for files of the node's directory whose path begins with part."""
        struct.pack_into("<I", self.control, 4, NONE)  # the rest changes while nothing is done
        struct.pack_into("<I", self.control, 8, delay_ms)
        struct.pack_into("64s", self.control, 16, part.encode())
        struct.pack_into("<II", self.control, 0, operations, deed)

    def heal(self):
        self.set(NONE)

    @property
    def hits(self):
        return struct.unpack_from("<I", self.control, 12)[0]

    def lose_power(self, chance=None):
        """The node was killed: its unsynced writes go. With chance (a random.Random) only some of each file's newest
        ones, the oldest of these torn in the middle. How many files lost something."""
        files = {}
        for directory, _, names in os.walk(self.home):
            for name in names:
                path = os.path.join(directory, name)
                files[str(os.lstat(path).st_ino)] = path
        undone = 0
        for number in os.listdir(self.undo):
            journal = os.path.join(self.undo, number)
            if number in files:
                undone += undo_file(files[number], open(journal, "rb").read(), chance)
            os.unlink(journal)
        return undone


def undo_file(path, journal, chance):
    records = []
    while len(journal) >= UNDO.size:
        offset, old_size, count = UNDO.unpack_from(journal)
        if len(journal) < UNDO.size + count:
            break  # killed while it was noted: the write itself did not happen
        records.append((offset, old_size, journal[UNDO.size:UNDO.size + count]))
        journal = journal[UNDO.size + count:]
    keep = chance.randrange(len(records) + 1) if chance else 0
    with open(path, "r+b") as f:
        for i in range(len(records) - 1, keep - 1, -1):
            offset, old_size, old = records[i]
            size = os.fstat(f.fileno()).st_size
            torn = chance is not None and i == keep and size > offset
            middle = offset + (size - offset) // 2 if torn else offset
            if old[middle - offset:]:
                f.seek(middle)
                f.write(old[middle - offset:])
                f.flush()
            f.truncate(max(old_size, middle) if torn else old_size)
    return keep < len(records)


def flip(path, position, bit=3):
    with open(path, "r+b") as f:
        f.seek(position)
        byte = f.read(1)[0]
        f.seek(position)
        f.write(bytes([byte ^ (1 << bit)]))


def files_of(node, part, suffix):
    directory = os.path.join(node.home, part)
    return sorted(os.path.join(directory, name) for name in os.listdir(directory) if name.endswith(suffix))
