"""Real files of every kind, made by the programs that make them: encoders, archivers, Pillow."""

import io
import struct
import tarfile
import wave
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import av
from PIL import Image

from echo.files import StoredFile, Upload

ADA, BOB = "a" * 24, "b" * 24
TEXT = b"some words\n"
MAIN_TYPES = {
    "word": "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
    "xl": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml",
    "ppt": "application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml",
}
OPEN_DOCUMENT = "application/vnd.oasis.opendocument."
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
HTML = b"<!DOCTYPE html><html><script>alert(1)</script></html>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def upload(content: bytes, name: str = "sent.bin", content_type: str = "application/octet-stream") -> Upload:
    return Upload(stream=io.BytesIO(content), filename=name, content_type=content_type, size=len(content))


def record_of(stored: StoredFile, owner: str = ADA) -> dict[str, Any]:
    """The record of a file as the database gives it back."""
    return {"user": owner, **stored.record}


def files_below(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir())


def picture(kind: str, size: tuple[int, int] = (8, 6), *, mode: str = "RGB", **options: Any) -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert(mode).save(out, kind, **options)
    return out.getvalue()


def turned_jpeg(size: tuple[int, int], orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return picture("JPEG", size, exif=exif)


def huge_png(width: int, height: int) -> bytes:
    """A PNG that claims a size; its data would unpack to far more than it weighs."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">L", len(data)) + name + data + struct.pack(">L", zlib.crc32(name + data))

    header = struct.pack(">LLBBBBB", width, height, 1, 0, 0, 0, 0)
    data = zlib.compress(bytes(1_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def archive(members: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return out.getvalue()


def content_types(*entries: str, prefix: str = "", encoding: str = "UTF-8") -> bytes:
    """`[Content_Types].xml` with these entries, each `/part type` or `extension type`."""
    name = f"{prefix}:" if prefix else ""
    lines = []
    for part, kind in (entry.split() for entry in entries):
        is_part = part.startswith("/")
        element, attribute = ("Override", "PartName") if is_part else ("Default", "Extension")
        lines.append(f'<{name}{element} {attribute}="{part}" ContentType="{kind}"/>')
    declared = f'xmlns{prefix and ":"}{prefix}="http://schemas.openxmlformats.org/package/2006/content-types"'
    text = (
        f'<?xml version="1.0" encoding="{encoding}"?><{name}Types {declared}>{"".join(lines)}</{name}Types>'
    )
    return text.encode(encoding)


def open_xml(part: str, **more: bytes) -> bytes:
    """A document of Office whose main part has this name."""
    types = content_types("rels application/xml", f"/{part} {MAIN_TYPES[part.partition('/')[0]]}")
    return archive({"[Content_Types].xml": types, part: b"<x/>", **more})


def open_document(kind: str) -> bytes:
    return archive(
        {"mimetype": kind.encode(), "content.xml": b"<x/>", "META-INF/manifest.xml": b"<x/>"},
        zipfile.ZIP_STORED,
    )


def compound(stream: str) -> bytes:
    """As much of a compound file (MS-CFB) as tells its kind: header, and a directory that names a stream."""
    header = bytes.fromhex("d0cf11e0a1b11ae1").ljust(512, b"\x00")
    return (
        header + "Root Entry".encode("utf-16-le").ljust(128, b"\x00") + stream.encode("utf-16-le") + bytes(64)
    )


def tarball() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as opened:
        member = tarfile.TarInfo("a.txt")
        member.size = 5
        opened.addfile(member, io.BytesIO(b"hello"))
    return out.getvalue()


def wav() -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as opened:
        opened.setnchannels(1)
        opened.setsampwidth(2)
        opened.setframerate(8000)
        opened.writeframes(bytes(1600))
    return out.getvalue()


def sound(container: str, codec: str, **options: Any) -> bytes:
    """A tenth of a second of silence, as FFmpeg encodes it."""
    out = io.BytesIO()
    with av.open(out, "w", format=container, **options) as opened:
        stream = opened.add_stream(codec, rate=48000)
        stream.layout = "mono"
        resampler = av.AudioResampler(stream.format, "mono", 48000, stream.frame_size or 1152)
        frame = av.AudioFrame(format="s16", layout="mono", samples=4800)
        frame.sample_rate = 48000
        frame.planes[0].update(bytes(9600))
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            opened.mux(stream.encode(piece))
        opened.mux(stream.encode(None))
    return out.getvalue()


def film(container: str, codec: str) -> bytes:
    """Two black frames, as FFmpeg encodes them."""
    out = io.BytesIO()
    with av.open(out, "w", format=container) as opened:
        stream = opened.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for _ in range(2):
            frame = av.VideoFrame(32, 32, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            opened.mux(stream.encode(frame))
        opened.mux(stream.encode(None))
    return out.getvalue()
