"""What every runner has in common: JSON lines in, JSON lines out. Standard library alone.

A runner is a script in a baseline's own environment, where radvlm is not installed. It is started
with the weights and answers requests on standard input, one line each:

    {"id": 1, "turns": [{"role": "user", "text": "…"}], "images": ["a.png"], "fields": {…},
     "max_tokens": 512}

with a line ``{"id": 1, "text": "…", "tokens": 12, "finish": "stop"}`` or ``{"id": 1, "error":
"TypeName"}``. Lines of the protocol begin with ``MARK``; whatever libraries print goes to standard
error, for standard output is taken away from them first.
"""

import argparse
import json
import os
import sys

MARK = "radvlm-baseline:"


def serve(load):
    """Load with ``load(given)``, the arguments, which gives ``answer(request) -> dict``."""
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights", required=True)
    parser.add_argument("--revision")
    parser.add_argument("--base")
    parser.add_argument("--max-pixels", type=int)
    parser.add_argument("--device", default="cuda")
    answer = load(parser.parse_args())
    _say(lines, {"ready": True})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            said = answer(request)
        except Exception as error:  # reported to the parent, which counts it
            said = {"error": type(error).__name__}
        _say(lines, {"id": request["id"], **said})


def reply(text, tokens, limit):
    """A reply of so many tokens; cut off where it has as many as were allowed."""
    return {"text": text, "tokens": tokens, "finish": "length" if tokens >= limit else "stop"}


def _say(lines, message):
    lines.write(MARK + json.dumps(message) + "\n")
    lines.flush()
