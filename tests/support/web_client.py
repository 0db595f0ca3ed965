"""A small web client as LibreChat's build leaves it: one page, hashed scripts, variants, icons, a service worker."""

import gzip
from pathlib import Path

INLINE = "\n      document.documentElement.dataset.theme = 'dark';\n    "
INDEX = f"""<!doctype html>
<html lang="en-US">
  <head>
    <meta charset="utf-8" />
    <base href="/" />
    <title>LibreChat</title>
    <script>{INLINE}</script>
    <script type="application/json">{{"data": "is not run"}}</script>
    <script type="module" crossorigin src="./assets/index.Dq3_x-9Z.js"></script>
    <link rel="manifest" href="./manifest.webmanifest" crossorigin="use-credentials">
    <script id="vite-plugin-pwa:register-sw" src="./registerSW.js"></script>
  </head>
  <body><div id="root"></div></body>
</html>
"""
SCRIPT = b"export const answer = 42;\n" * 400
FILES: dict[str, bytes] = {
    "index.html": INDEX.encode(),
    "sw.js": b"importScripts('sw-heal.js');\n",
    "registerSW.js": b"navigator.serviceWorker.register('./sw.js');\n",
    "manifest.webmanifest": b'{"name": "LibreChat"}',
    "robots.txt": b"User-agent: *\nDisallow: /api/\n",
    "assets/index.Dq3_x-9Z.js": SCRIPT,
    "assets/index.Dq3_x-9Z.js.gz": gzip.compress(SCRIPT, mtime=0),
    "assets/index.Dq3_x-9Z.js.br": b"brotli's bytes",
    "assets/index.Bm2_aQ1c.css": b"body { margin: 0 }\n",
    "assets/favicon-32x32.png": b"\x89PNG\r\n\x1a\n",
    "assets/fonts/Inter-Regular.woff2": b"wOF2",
    "assets/with space \u00e4.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
}


def build_client(directory: Path, files: dict[str, bytes] | None = None) -> Path:
    """Write such a client, or one of these files, and answer with where it is."""
    for name, content in (FILES if files is None else files).items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return directory
