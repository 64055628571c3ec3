"""Contents as packets: every way of holding them gives the same datagrams."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from provisiond.tftp import packets
from provisiond.tftp.image import FileImage, Image, PreparedImage, Run, datagrams, opened, prepared
from provisiond.tftp.images import SMALL, Images
from provisiond.tftp.netascii import to_netascii
from provisiond.tftp.source import Refusal


def expected(content: bytes, block_size: int, first: int, last: int) -> list[bytes]:
    return [
        packets.data_head(block) + content[(block - 1) * block_size : block * block_size]
        for block in range(first, last + 1)
    ]


@given(st.binary(max_size=5_000), st.integers(8, 700), st.data())
@settings(max_examples=120, deadline=None)
def test_prepared_and_opened_give_the_same_packets(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, block_size: int, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "content"
    path.write_bytes(content)
    from_file = opened(path, block_size)
    try:
        images: list[Image] = [prepared(content, block_size), from_file]
        blocks = len(content) // block_size + 1
        first = data.draw(st.integers(1, blocks))
        last = data.draw(st.integers(first, blocks))
        for image in images:
            assert (image.size, image.blocks, image.block_size) == (len(content), blocks, block_size)
            assert datagrams([image.packets(first, last)]) == expected(content, block_size, first, last)
    finally:
        from_file.close()


def test_a_window_is_one_run_and_a_block_is_none() -> None:
    image = prepared(b"x" * 100, 10)
    run = image.packets(2, 4)
    assert isinstance(run, Run)
    assert (len(run.view), run.stride) == (3 * 14, 14)
    assert not isinstance(image.packets(2, 2), Run)


def test_block_numbers_roll_over_in_the_prepared_packets() -> None:
    image = prepared(bytes(8 * 65_600), 8)
    assert [packet[:4] for packet in datagrams([image.packets(65_535, 65_537)])] == [
        b"\0\3\xff\xff",
        b"\0\3\0\0",
        b"\0\3\0\1",
    ]


def test_a_file_that_became_shorter_is_an_error_not_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "firmware"
    path.write_bytes(bytes(10_000))
    image = opened(path, 512)
    os.truncate(path, 600)
    with pytest.raises(OSError, match="shorter"):
        image.packets(5, 8)
    image.close()


@pytest.mark.parametrize("later", [bytes(10_000), bytes(10_001), bytes(9_999) + b"x"], ids=["same", "longer", "other"])
def test_a_file_that_is_written_over_gives_no_mixture(tmp_path: Path, later: bytes) -> None:
    path = tmp_path / "firmware"
    path.write_bytes(bytes(10_000))
    os.utime(path, ns=(1, 1))
    image = opened(path, 512)
    image.packets(1, 4)
    path.write_bytes(later)
    with pytest.raises(OSError, match="changed"):
        image.packets(5, 8)
    image.close()


def test_a_file_in_the_place_of_another_leaves_the_old_bytes_to_who_began_with_them(tmp_path: Path) -> None:
    path = tmp_path / "firmware"
    path.write_bytes(b"a" * 10_000)
    image = opened(path, 512)
    (tmp_path / "new").write_bytes(b"b" * 10_000)
    os.replace(tmp_path / "new", path)
    assert datagrams([image.packets(19, 20)])[1][4:] == b"a" * (10_000 - 19 * 512)
    image.close()


def test_a_missing_file_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        opened(tmp_path / "nothing", 512)


class Held:
    """Threads whose work is done when the test says so."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Deferred[Any], Callable[[], Any]]] = []

    def run(self, function: Callable[..., Any], /, *args: Any) -> Deferred[Any]:
        done: Deferred[Any] = Deferred()
        self.waiting.append((done, lambda: function(*args)))
        return done

    def work(self) -> None:
        waiting, self.waiting = self.waiting, []
        for done, function in waiting:
            try:
                result = function()
            except Exception as error:
                done.errback(error)
            else:
                done.callback(result)


def begun(images: Images, *args: Any) -> tuple[list[Image], list[BaseException]]:
    results: list[Image] = []
    errors: list[BaseException] = []
    Deferred.fromCoroutine(images.made(*args)).addCallbacks(
        results.append, lambda failure: errors.append(failure.value)
    )
    return results, errors


class TestImages:
    def test_small_contents_are_ready_at_once_and_made_once(self) -> None:
        images = Images(Held())
        content = bytes(3_000)
        first = images.ready(content, 512, False)
        assert first is not None
        assert images.ready(content, 512, False) is first
        assert images.ready(content, 1428, False) is not first
        other = images.ready(bytes(3_000), 512, False)
        assert other is not first

    def test_netascii_is_an_image_of_its_own(self) -> None:
        images = Images(Held())
        content = b"a\nb"
        image = images.ready(content, 512, True)
        assert image is not None
        assert image.size == len(to_netascii(content))

    def test_large_contents_are_prepared_elsewhere_once_for_all_who_wait(self, tmp_path: Path) -> None:
        threads = Held()
        images = Images(threads)
        path = tmp_path / "fw"
        path.write_bytes(bytes(SMALL + 1))
        assert images.ready(path, 1428, False) is None
        first, second = begun(images, path, 1428, False), begun(images, path, 1428, False)
        assert len(threads.waiting) == 1
        threads.work()
        assert first[0] == second[0]
        assert images.ready(path, 1428, False) is first[0][0]
        path.write_bytes(bytes(SMALL + 2))
        assert images.ready(path, 1428, False) is None

    def test_a_failure_reaches_all_who_wait_and_is_not_kept(self, tmp_path: Path) -> None:
        threads = Held()
        images = Images(threads)
        path = tmp_path / "fw"
        path.write_bytes(b"x")
        waiting = [begun(images, path, 512, False) for _ in range(3)]
        path.unlink()
        threads.work()
        assert [type(errors[0]) for _, errors in waiting] == [FileNotFoundError] * 3
        path.write_bytes(b"y")
        results, _ = begun(images, path, 512, False)
        threads.work()
        assert results[0].size == 1

    def test_memory_is_bounded_and_the_least_recently_used_goes(self) -> None:
        images = Images(Held(), memory=10_000)
        contents = [bytes([number]) * 2_000 for number in range(5)]
        made = [images.ready(content, 512, False) for content in contents]
        assert images.used <= 10_000
        assert images.ready(contents[4], 512, False) is made[4]
        assert images.ready(contents[0], 512, False) is not made[0]

    def test_what_is_being_sent_keeps_its_place_and_the_next_file_is_read_as_it_is_sent(self, tmp_path: Path) -> None:
        threads, memory = Held(), 300_000
        images = Images(threads, memory=memory)
        paths = [tmp_path / str(number) for number in range(6)]
        for path in paths:
            path.write_bytes(path.name.encode() * 70_000)
        being_sent = [begun(images, path, 512, False)[0] for path in paths]
        assert [type(image) for results in being_sent[4:] for image in results] == [FileImage] * 2
        threads.work()
        assert [type(results[0]) for results in being_sent[:4]] == [PreparedImage] * 4
        assert images.used <= memory
        # A configuration finds room all the same, and takes nobody else's.
        config = images.ready(bytes(3_000), 512, False)
        assert config is not None
        assert images.ready(paths[0], 512, False) is being_sent[0][0]
        # When a transfer is over, the place of its image is free.
        for results in being_sent[4:]:
            results.pop().close()
        being_sent[1].clear()
        results, _ = begun(images, paths[5], 512, False)
        threads.work()
        assert isinstance(results[0], PreparedImage)
        assert images.ready(paths[1], 512, False) is None
        assert images.ready(paths[0], 512, False) is being_sent[0][0]
        _, errors = begun(images, paths[4], 512, True)
        assert isinstance(errors[0], Refusal)

    @pytest.mark.parametrize("later", [b"y" * 70_001, b"z" * 70_000], ids=["longer", "other"])
    def test_a_file_that_changes_while_it_is_read_is_an_error_and_not_kept(self, tmp_path: Path, later: bytes) -> None:
        threads = Held()
        images = Images(threads)
        path = tmp_path / "fw"
        path.write_bytes(b"x" * 70_000)
        os.utime(path, ns=(1, 1))
        _, errors = begun(images, path, 512, False)
        path.write_bytes(later)
        threads.work()
        assert isinstance(errors[0], OSError)
        results, _ = begun(images, path, 512, False)
        threads.work()
        assert bytes(results[0].packet(1)[4:]) == later[:512]

    def test_a_file_beyond_a_quarter_of_the_memory_is_read_as_it_is_sent(self, tmp_path: Path) -> None:
        images = Images(Held(), memory=10_000)
        path = tmp_path / "fw"
        path.write_bytes(bytes(2_501))
        results, _ = begun(images, path, 512, False)
        assert isinstance(results[0], FileImage)
        results[0].close()

    def test_a_huge_file_is_refused_in_netascii(self, tmp_path: Path) -> None:
        path = tmp_path / "fw"
        with path.open("wb") as file:
            file.truncate(17 * 1024 * 1024)
        _, errors = begun(Images(Held()), path, 512, True)
        assert isinstance(errors[0], Refusal)
