"""Vectors in a quarter of their room, and the nearest of them."""

import math

import pytest

from echo.indexing.vectors import nearest, quantised


def test_a_vector_keeps_its_direction() -> None:
    assert list(quantised([0.5, -0.25, 0.0])) == [127, 256 - 64, 0]
    assert list(quantised([0.0, 0.0])) == [0, 0]
    angle = [math.cos(0.3), math.sin(0.3)]
    [(name, cosine)] = nearest([1.0, 0.0], [[("a", quantised(angle))]], 5)
    assert (name, cosine) == ("a", pytest.approx(math.cos(0.3), abs=0.005))


def test_the_nearest_come_first_over_all_batches() -> None:
    batches = [
        [("far", quantised([-1.0, 0.1])), ("near", quantised([2.0, 0.1]))],
        [
            ("other", quantised([1.0, 0.0, 0.0])),
            ("between", quantised([1.0, 1.0])),
            ("none", quantised([0, 0])),
        ],
        [],
    ]
    found = nearest([7.0, 0.0], batches, 3)
    assert [name for name, _ in found] == ["near", "between", "none"]
    assert found[2][1] == 0.0
