"""One training run in a process of its own, from REQUEST.json and the folder of the run. The request holds the configuration, and what
its time is: `wall`, or `processor` for that which the processor spends on it."""

import json
import sys
import time

from qallegro.errors import QAllegroError
from qallegro.training.clock import Clock
from qallegro.training.load_config import check_config
from qallegro.training.run import train


def main(request: str, folder: str) -> None:
    with open(request) as file:
        content = json.load(file)
    if content["clock"] == "processor":
        Clock.now = staticmethod(time.process_time)
    try:
        train(check_config(content["configuration"], request), folder, resume=True)
    except QAllegroError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main(*sys.argv[1:])
