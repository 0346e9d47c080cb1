"""One training run in a process of its own: REQUEST.json (a configuration), the folder of the run, and `processor` if its time is to
be that which the processor spends on it."""

import json
import sys
import time

from qallegro.errors import QAllegroError
from qallegro.training.clock import Clock
from qallegro.training.load_config import check_config
from qallegro.training.run import train


def main(request: str, folder: str, clock: str = "wall") -> None:
    if clock == "processor":
        Clock.now = staticmethod(time.process_time)
    with open(request) as file:
        content = json.load(file)
    try:
        train(check_config(content, request), folder, resume=True)
    except QAllegroError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main(*sys.argv[1:])
