import io
import threading
import time
import warnings

import pytest
from PIL import Image

from echo.errors import PayloadTooLarge, UnsupportedMediaType
from echo.files.images import Dimensions, measure
from tests.files import samples
from tests.support.threads import started_pool

LIMIT = 10_000


def measured(content: bytes, max_pixels: int = LIMIT) -> Dimensions:
    return measure(io.BytesIO(content), max_pixels=max_pixels)


class TestDimensions:
    @pytest.mark.parametrize("kind", ["GIF", "JPEG", "PNG", "WEBP"])
    def test_are_those_of_the_picture(self, kind: str) -> None:
        assert measured(samples.picture(kind, (31, 17))) == Dimensions(31, 17)

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_are_as_a_viewer_turns_it(self, orientation: int) -> None:
        turned = orientation >= 5
        expected = Dimensions(17, 31) if turned else Dimensions(31, 17)
        assert measured(samples.turned_jpeg((31, 17), orientation)) == expected

    @pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "I;16"])
    def test_are_found_in_every_colour_mode(self, mode: str) -> None:
        assert measured(samples.picture("PNG", (5, 4), mode=mode)) == Dimensions(5, 4)

    def test_of_an_animation_are_those_of_its_first_frame(self) -> None:
        frames = [Image.new("L", (9, 7), shade) for shade in (0, 100, 200)]
        out = io.BytesIO()
        frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
        assert measured(out.getvalue()) == Dimensions(9, 7)


class TestTheLimitOfPixels:
    def test_is_what_a_picture_may_just_have(self) -> None:
        assert measured(samples.picture("PNG", (100, 100))) == Dimensions(100, 100)

    @pytest.mark.parametrize("kind", ["GIF", "JPEG", "PNG", "WEBP"])
    def test_refuses_one_line_more(self, kind: str) -> None:
        with pytest.raises(PayloadTooLarge) as caught:
            measured(samples.picture(kind, (100, 101)))
        assert caught.value.code == "image_too_large"

    @pytest.mark.parametrize("size", [(10_000, 10_001), (20_000, 20_000), (2**31 - 1, 2**31 - 1)])
    def test_refuses_bombs_below_and_above_pillows_own_limits(self, size: tuple[int, int]) -> None:
        bomb = samples.huge_png(*size)
        assert len(bomb) < 2000
        with pytest.raises(PayloadTooLarge) as caught:
            measured(bomb, max_pixels=40_000_000)
        assert caught.value.code == "image_too_large"

    def test_does_not_need_pillows_warning_to_be_an_error(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(PayloadTooLarge):
                measured(samples.huge_png(10_000, 10_001), max_pixels=40_000_000)

    def test_refuses_before_it_decodes(self) -> None:
        """What cannot be decoded at all is still refused for its size."""
        with pytest.raises(PayloadTooLarge):
            measured(samples.picture("PNG", (200, 200))[:60])

    def test_leaves_pillows_limit_as_it_was(self) -> None:
        before = Image.MAX_IMAGE_PIXELS
        with pytest.raises(PayloadTooLarge):
            measured(samples.huge_png(20_000, 20_000))
        assert before == Image.MAX_IMAGE_PIXELS

    def test_data_that_unpacks_to_more_than_the_picture_needs_is_not_unpacked(self) -> None:
        assert measured(samples.huge_png(8, 8)) == Dimensions(8, 8)


class TestBrokenPictures:
    @pytest.mark.parametrize("kind", ["GIF", "JPEG", "PNG", "WEBP"])
    @pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
    def test_that_are_cut_off_are_refused(self, kind: str, kept: float) -> None:
        whole = samples.picture(kind, (90, 90))
        with pytest.raises(UnsupportedMediaType) as caught:
            measured(whole[: int(len(whole) * kept)])
        assert caught.value.code == "unsupported_file"

    @pytest.mark.parametrize("kind", ["GIF", "JPEG", "PNG", "WEBP"])
    def test_with_damaged_data_are_refused_or_decoded_but_never_crash(self, kind: str) -> None:
        whole = samples.picture(kind, (90, 90))
        for position in range(0, len(whole), max(1, len(whole) // 200)):
            damaged = bytearray(whole)
            damaged[position] ^= 0xFF
            try:
                measured(bytes(damaged))
            except (UnsupportedMediaType, PayloadTooLarge):
                continue

    @pytest.mark.parametrize("kind", ["BMP", "TIFF", "ICO", "PPM"])
    def test_of_other_formats_are_refused(self, kind: str) -> None:
        with pytest.raises(UnsupportedMediaType):
            measured(samples.picture(kind))


def test_pictures_are_decoded_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    decoding, most, guard = 0, 0, threading.Lock()
    load = Image.Image.load

    def counting(self: Image.Image) -> object:
        nonlocal decoding, most
        with guard:
            decoding += 1
            most = max(most, decoding)
        time.sleep(0.005)
        result = load(self)
        with guard:
            decoding -= 1
        return result

    monkeypatch.setattr(Image.Image, "load", counting)
    content = samples.picture("GIF", (90, 90))
    with started_pool(8) as pool:
        list(pool.map(measured, [content] * 8))
    assert most == 1
