"""Devices, memory and streams of the stand-in: one or two GPUs that are not there, whose memory is the host's.

Everything runs at once. What would be a mistake on a real GPU is noticed all the same: memory of one device used while
another is current, and memory that one stream wrote and another uses before it was told to wait.
"""

from __future__ import annotations

import itertools
import threading
from typing import Any

MOST_DEVICES = 2
devices = [1]  # how many there are
BLOCK = 512  # CuPy's pool hands out multiples of this many bytes


class CUDARuntimeError(RuntimeError):
    """What the CUDA runtime reports."""


class HiddenTransfer(RuntimeError):
    """The host would have to wait for the device here, and nobody has asked for it."""


class StreamRace(RuntimeError):
    """A stream uses memory that another one may still be writing."""


class _Current(threading.local):
    def __init__(self) -> None:
        self.device = 0
        self.streams = [Stream.null] * MOST_DEVICES


class Device:
    """A fake GPU; as a context manager it is the current one inside."""

    def __init__(self, device: Any = None) -> None:
        self.id = current.device if device is None else int(device)
        if not 0 <= self.id < devices[0]:
            raise CUDARuntimeError("cudaErrorInvalidDevice: invalid device ordinal")
        self._outer: list[int] = []

    def __int__(self) -> int:
        return self.id

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"<CUDA Device {self.id}>"

    def __enter__(self) -> Device:
        self._outer.append(current.device)
        current.device = self.id
        return self

    def __exit__(self, *args: Any) -> None:
        current.device = self._outer.pop()

    def use(self) -> None:
        current.device = self.id

    def synchronize(self) -> None:
        for stream in Stream.alive:
            _merge(finished, stream.so_far(self.id))

    @property
    def compute_capability(self) -> str:
        return "90"

    @property
    def mem_info(self) -> tuple[int, int]:
        return (1 << 30) - pools[self.id].total, 1 << 30


# --- memory -----------------------------------------------------------------------------------------------------------


class _Pool:
    """The bytes of one device that arrays hold, and those that were taken from the device."""

    def __init__(self) -> None:
        self.used = self.total = 0


pools = [_Pool() for _ in range(MOST_DEVICES)]


class Memory:
    """What an array and its views share. It is given back when the last of them is gone."""

    __slots__ = ("clock", "device", "size", "writer")

    clock: int
    writer: Stream

    def __init__(self, nbytes: int) -> None:
        self.device = current.device
        self.size = -(-nbytes // BLOCK) * BLOCK
        pool = pools[self.device]
        pool.used += self.size
        pool.total = max(pool.total, pool.used)
        self.writer = current.streams[self.device]
        self.clock = 0

    def __del__(self) -> None:
        pools[self.device].used -= self.size

    def check(self) -> None:
        """Raise unless kernels that are launched now may use this memory."""
        if self.device != current.device:
            raise ValueError(
                f"The device where the array resides ({self.device}) is different from the current device "
                f"({current.device}). Peer access is unavailable between these devices."
            )
        self.check_order()

    def check_order(self) -> None:
        """Raise unless all that writes here is done before what is launched now."""
        stream = current.streams[current.device]
        if stream is self.writer and self.device == current.device:
            return
        if not stream.sees(self.writer, self.device, self.clock):
            raise StreamRace(f"{stream!r} uses what {self.writer!r} may still be writing")

    def written(self) -> None:
        """Note that the current stream writes here."""
        self.writer = current.streams[self.device]
        self.clock = self.writer.clock[self.device] = next(ticks)


class MemoryPointer:
    """Where an array begins."""

    __slots__ = ("mem", "ptr")

    def __init__(self, mem: Memory, ptr: int) -> None:
        self.mem = mem
        self.ptr = ptr

    @property
    def device_id(self) -> int:
        return self.mem.device

    @property
    def device(self) -> Device:
        return Device(self.mem.device)


class MemoryPool:
    """The default pool; its numbers are those of the current device."""

    def used_bytes(self) -> int:
        return pools[current.device].used

    def total_bytes(self) -> int:
        return pools[current.device].total

    def free_bytes(self) -> int:
        return self.total_bytes() - self.used_bytes()

    def free_all_blocks(self, stream: Any = None) -> None:
        pools[current.device].total = pools[current.device].used


_pool = MemoryPool()


def get_default_memory_pool() -> MemoryPool:
    return _pool


# --- streams ----------------------------------------------------------------------------------------------------------

ticks = itertools.count(1)


Seen = dict[tuple[int, int], int]  # how far each stream has come on each device

finished: Seen = {}  # as far as the host knows


def _merge(into: Seen, other: Seen) -> None:
    for queue, clock in other.items():
        into[queue] = max(into.get(queue, 0), clock)


class Event:
    """A point in the work of a stream on the current device."""

    def __init__(self, block: bool = False, disable_timing: bool = False, interprocess: bool = False) -> None:
        self.seen: Seen = {}

    def record(self, stream: Any = None) -> None:
        stream = get_current_stream() if stream is None else stream
        self.seen = stream.so_far(current.device)

    def synchronize(self) -> None:
        _merge(finished, self.seen)


class Stream:
    """A queue of work on each device.

    Attributes:
        clock: for each device, when it was last given work.
        seen: for each device, how far the work of others is done before what it is given next.
    """

    null: Any
    alive: list[Any] = []  # kept for good: streams are told apart by their id()

    def __init__(
        self, null: bool = False, non_blocking: bool = False, ptds: bool = False, priority: Any = None
    ) -> None:
        self.is_non_blocking = non_blocking
        self.device_id = -1 if null else current.device
        self.clock = [0] * MOST_DEVICES
        self.seen: list[Seen] = [{} for _ in range(MOST_DEVICES)]
        self._outer: list[Stream] = []
        Stream.alive.append(self)

    def sees(self, other: Stream, device: int, clock: int) -> bool:
        """Whether the work that `other` was given on a device up to `clock` is done before what starts here now."""
        queue = id(other), device
        if max(self.seen[current.device].get(queue, 0), finished.get(queue, 0)) >= clock:
            return True
        blocking = not (self.is_non_blocking or other.is_non_blocking) and Stream.null in (self, other)
        return blocking and self is not other and device == current.device

    def so_far(self, device: int) -> Seen:
        """What is done when all is done that the stream was given on a device."""
        return {**self.seen[device], (id(self), device): self.clock[device]}

    def __enter__(self) -> Stream:
        self._outer.append(get_current_stream())
        self.use()
        return self

    def __exit__(self, *args: Any) -> None:
        self._outer.pop().use()

    def use(self) -> Stream:
        if self.device_id not in (-1, current.device):
            raise RuntimeError(f"the stream is of device {self.device_id}, the current device is {current.device}")
        current.streams[current.device] = self
        return self

    def synchronize(self) -> None:
        _merge(finished, self.so_far(current.device))

    def record(self, event: Any = None) -> Event:
        event = Event() if event is None else event
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        _merge(self.seen[current.device], event.seen)

    def __repr__(self) -> str:
        return "<the null stream>" if self is Stream.null else f"<Stream {Stream.alive.index(self)}>"


Stream.null = Stream(null=True)
current = _Current()


def get_current_stream(device_id: int = -1) -> Stream:
    return current.streams[current.device if device_id == -1 else device_id]


# --- the runtime ------------------------------------------------------------------------------------------------------


class runtime:
    """cupy.cuda.runtime, as far as it is used."""

    CUDARuntimeError = CUDARuntimeError

    @staticmethod
    def getDeviceCount() -> int:
        return devices[0]

    @staticmethod
    def getDevice() -> int:
        return current.device

    @staticmethod
    def getDeviceProperties(device: int) -> dict[str, Any]:
        return {
            "name": f"Stand-in {device}".encode(),
            "totalGlobalMem": 1 << 30,
            "major": 9,
            "minor": 0,
            "multiProcessorCount": 2,
        }

    @staticmethod
    def runtimeGetVersion() -> int:
        return 13000

    @staticmethod
    def driverGetVersion() -> int:
        return 13000
