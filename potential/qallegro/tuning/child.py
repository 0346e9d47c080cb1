"""The process of a trial as its worker sees it: answers as they come, what it takes of memory and time, and its end."""

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

#: s between looks
_POLL = 0.1
#: s between looks at the memory
_MEMORY_POLL = 1.0
#: lines of a dead process's last words
_LAST_LINES = 3


def run_child(
    request: dict[str, Any],
    on_stage: Callable[[dict[str, Any]], None],
    watch: Callable[[], str | None],
    memory: int | None = None,
    limit: float | None = None,
) -> dict[str, Any]:
    """Put a request to a process of its own and wait for its outcome.

    Args:
        request: see `qallegro.tuning.trial_process`.
        on_stage: called with every answer that is not the last.
        watch: called ten times a second; a text ends the process with that outcome.
        memory: MB that the process and what it has started may take.
        limit: s it may take.

    Returns:
        the last answer, or an outcome with a reason where there is none.
    """
    with tempfile.TemporaryFile("w+") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "qallegro.tuning.trial_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
        try:
            return _follow(child, request, on_stage, watch, memory, limit) or _death(child, log)
        finally:
            _end(child)


def _follow(
    child: subprocess.Popen,
    request: dict[str, Any],
    on_stage: Callable[[dict[str, Any]], None],
    watch: Callable[[], str | None],
    memory: int | None,
    limit: float | None,
) -> dict[str, Any] | None:
    answers: queue.Queue[dict[str, Any] | None] = queue.Queue()
    threading.Thread(target=_read, args=(child.stdout, answers), daemon=True).start()
    try:
        child.stdin.write(json.dumps(request) + "\n")
        child.stdin.flush()
    except BrokenPipeError:
        return None
    started = looked = time.monotonic()
    while True:
        try:
            answer = answers.get(timeout=_POLL)
        except queue.Empty:
            pass
        else:
            if answer is None:
                return None
            if "outcome" in answer:
                return answer
            on_stage(answer)
        verdict = watch()
        if verdict is not None:
            return {"outcome": verdict}
        now = time.monotonic()
        if limit is not None and now - started > limit:
            return {"outcome": "failed", "reason": f"`budget.limit` is {limit:g} s, the trial has taken longer"}
        if memory is not None and now - looked > _MEMORY_POLL:
            looked = now
            used = group_memory(child.pid)
            if used > memory:
                return {"outcome": "failed", "reason": f"out of memory: `budget.memory` is {memory} MB, the trial took {used:.0f} MB"}


def _read(stream: Any, answers: "queue.Queue[dict[str, Any] | None]") -> None:
    for line in stream:
        try:
            answers.put(json.loads(line))
        except ValueError:
            break
    answers.put(None)


def _death(child: subprocess.Popen, log: Any) -> dict[str, Any]:
    code = child.wait()
    log.seek(0)
    words = " ".join(line.strip() for line in log.read().splitlines()[-_LAST_LINES:])
    if code < 0:
        name = signal.Signals(-code).name
        hint = " (the system ends processes so when memory runs out)" if -code == signal.SIGKILL else ""
        return {"outcome": "failed", "reason": f"the trial's process was ended by {name}{hint}{': ' + words if words else ''}"}
    return {"outcome": "failed", "reason": f"the trial's process ended with exit code {code}: {words}"}


def _end(child: subprocess.Popen) -> None:
    """End the process and all that it has started."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    child.wait()
    for stream in (child.stdin, child.stdout):
        try:
            stream.close()
        except OSError:
            pass


def group_memory(group: int) -> float:
    """MB of resident memory that a process group takes; 0 where the system does not tell (other than Linux)."""
    pages = 0
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(entry.name)) == group:
                pages += int((entry / "statm").read_text().split()[1])
        except (OSError, ValueError, IndexError):
            continue
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
