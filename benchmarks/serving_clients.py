"""Clients of ``benchmarks.serving`` in a process of their own: closed loops over loopback.

    python -m benchmarks.serving_clients PORT CLIENTS SECONDS

Each client asks again as soon as it is answered; one that is turned away waits a tenth of what
``Retry-After`` asks for. Three of four requests are chats with an image of 1 MB as a data URI, the
fourth uploads the image and reads it. Prints JSON: of each request status and seconds.
"""

from __future__ import annotations

import base64
import http.client
import io
import json
import sys
import threading
import time
from typing import Any

import numpy as np
from PIL import Image

SIDE = 1000
"""Noise of 8 bits does not compress: 1000 × 1000 pixels are a PNG of 1 MB."""


def main() -> None:
    port, clients, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    images = [noise(seed) for seed in range(4)]
    seen: list[tuple[int, float]] = []
    until = time.perf_counter() + seconds
    threads = [
        threading.Thread(target=ask_on, args=(port, images[k % 4], until, k, seen))
        for k in range(clients)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join(seconds + 60)
    print(json.dumps(seen))


def noise(seed: int) -> bytes:
    """A PNG of 1 MB."""
    written = io.BytesIO()
    values = np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
    Image.fromarray(values).save(written, "PNG", compress_level=1)
    return written.getvalue()


def ask_on(
    port: int, image: bytes, until: float, number: int, seen: list[tuple[int, float]]
) -> None:
    chat, form = chat_body(image), form_body(image)
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    while time.perf_counter() < until:
        number += 1
        began = time.perf_counter()
        status = read(line, form) if number % 4 == 0 else post(line, *chat)[0]
        seen.append((status, time.perf_counter() - began))
        if status != 200:
            time.sleep(0.1)


def read(line: http.client.HTTPConnection, form: tuple[str, bytes, str]) -> int:
    """Upload the image, then have it read; the status of what failed first."""
    status, answer = post(line, *form)
    if status != 200:
        return status
    asked = json.dumps({"image": f"radvlm://image/{answer['id']}"}).encode()
    return post(line, "/v1/read", asked, "application/json")[0]


def post(line: http.client.HTTPConnection, path: str, body: bytes, kind: str) -> tuple[int, Any]:
    """Status and JSON of the answer; 599 where there was none."""
    try:
        line.request("POST", path, body, {"Content-Type": kind})
        answer = line.getresponse()
        return answer.status, json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError):
        line.close()
        return 599, None


def chat_body(image: bytes) -> tuple[str, bytes, str]:
    uri = f"data:image/png;base64,{base64.b64encode(image).decode()}"
    content = [
        {"type": "text", "text": "Where is the left lung?"},
        {"type": "image_url", "image_url": {"url": uri}},
    ]
    asked = {"model": "stub", "messages": [{"role": "user", "content": content}]}
    return "/v1/chat/completions", json.dumps(asked).encode(), "application/json"


def form_body(image: bytes) -> tuple[str, bytes, str]:
    edge = "--------radvlm"
    head = (
        f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n'
        "Content-Type: image/png\r\n\r\n"
    )
    body = head.encode() + image + f"\r\n--{edge}--\r\n".encode()
    return "/v1/images", body, f"multipart/form-data; boundary={edge}"


if __name__ == "__main__":
    main()
