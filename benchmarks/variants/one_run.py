"""One training run in a process of its own: REQUEST.json (a configuration) and the folder of the run."""

import json
import sys

from qallegro.errors import QAllegroError
from qallegro.training.load_config import check_config
from qallegro.training.run import train


def main(request: str, folder: str) -> None:
    with open(request) as file:
        content = json.load(file)
    try:
        train(check_config(content, request), folder, resume=True)
    except QAllegroError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main(*sys.argv[1:])
