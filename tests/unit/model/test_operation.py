"""Progress of operations: text form and life (REST contract, section 7; firmware contract, section 7)."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisiond.errors import InvalidInput
from provisiond.model.operation import STATES, OperationProgress, Progress, format_progress, parse_progress

CONTRACT_TEXTS = [
    "progress",
    "success",
    "fail",
    "download|progress",
    "download|progress;10",
    "download|progress;10/100",
    "download|progress(file_1|progress;20/100)(file_2|waiting;0/50)",
    "download|progress;20/150(file_1|progress)(file_2|waiting)",
    "op|progress(op1|progress(op11|progress)(op12|waiting))(op2|progress)",
    "update|success;187260",
    "update|fail;0",
    "install|success(download|success;1147/1147)",
    "install|fail(download|fail;832/832)",
    "install_pkg|progress(download|progress(progress;4096/7340032))(install|waiting)",
    "install_pkg|success(download|success(success;7340032/7340032))(install|success)",
    "install_pkg|success(download|success)(install|success)",
    "install_pkg|fail(download|fail(fail;0/155741006))(install|fail)",
]


@pytest.mark.parametrize("text", CONTRACT_TEXTS)
def test_texts_of_the_contract_are_read_and_written_alike(text: str) -> None:
    assert format_progress(parse_progress(text)) == text


def test_members_of_a_parsed_text() -> None:
    assert parse_progress("download|progress;20/150(file_1|success;5)(waiting)") == Progress(
        label="download",
        state="progress",
        current=20,
        end=150,
        parts=(Progress(label="file_1", state="success", current=5), Progress(state="waiting")),
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "running",
        "progressing",
        "Progress",
        "progress ",
        " progress",
        "progress\n",
        "|progress",
        "a b|progress",
        "é|progress",
        "a|b|progress",
        "progress;",
        "progress;-1",
        "progress;1/",
        "progress;1/0",
        "progress;1/00",
        "progress;/5",
        "progress;٣",
        "progress;" + "1" * 5000,
        "progress(",
        "progress()",
        "progress)",
        "progress(success",
        "progress(success))",
        "progress(success)x",
        "progress;5x",
        "(" * 3000,
        "progress(" * 3000,
        "progress(" * 60 + "progress" + ")" * 60,
    ],
)
def test_texts_outside_the_grammar_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_progress(text)


_LABELS = st.none() | st.from_regex(r"\A[A-Za-z0-9_]{1,8}\Z")
_COUNTS = st.none() | st.tuples(st.integers(0, 10**12), st.none() | st.integers(1, 10**12))


def _progress(parts: st.SearchStrategy[tuple[Progress, ...]]) -> st.SearchStrategy[Progress]:
    return st.builds(
        lambda label, state, counts, parts: Progress(
            label=label, state=state, current=counts and counts[0], end=counts and counts[1], parts=parts
        ),
        _LABELS,
        st.sampled_from(STATES),
        _COUNTS,
        parts,
    )


PROGRESSES = st.recursive(
    _progress(st.just(())), lambda inner: _progress(st.lists(inner, max_size=3).map(tuple)), max_leaves=8
)


@given(PROGRESSES)
@settings(max_examples=150, deadline=None)
def test_every_progress_survives_its_text(progress: Progress) -> None:
    assert parse_progress(format_progress(progress)) == progress


def _text(progress: OperationProgress) -> str:
    return format_progress(progress.snapshot())


def test_the_texts_of_a_package_install() -> None:
    seen: list[str] = []
    whole = OperationProgress("install_pkg", lambda: seen.append(_text(whole)))
    download = whole.part("download")
    install = whole.part("install", started=False)
    file = download.part(None, 100)
    file.advance(40)
    file.advance(60)
    file.succeed()
    download.succeed()
    install.start()
    install.succeed()
    whole.succeed()
    assert seen == [
        "install_pkg|progress(download|progress)",
        "install_pkg|progress(download|progress)(install|waiting)",
        "install_pkg|progress(download|progress(progress))(install|waiting)",
        "install_pkg|progress(download|progress(progress;40/100))(install|waiting)",
        "install_pkg|progress(download|progress(progress;100/100))(install|waiting)",
        "install_pkg|progress(download|progress(success;100/100))(install|waiting)",
        "install_pkg|progress(download|success(success;100/100))(install|waiting)",
        "install_pkg|progress(download|success(success;100/100))(install|progress)",
        "install_pkg|progress(download|success(success;100/100))(install|success)",
        "install_pkg|success(download|success(success;100/100))(install|success)",
    ]


@pytest.mark.parametrize(("end", "state"), [("succeed", "success"), ("fail", "fail")])
def test_open_parts_end_before_the_whole(end: str, state: str) -> None:
    seen: list[str] = []
    whole = OperationProgress("install", lambda: seen.append(_text(whole)))
    whole.part("a").part("b", started=False)
    seen.clear()
    getattr(whole, end)()
    assert seen == [
        f"install|progress(a|progress(b|{state}))",
        f"install|progress(a|{state}(b|{state}))",
        f"install|{state}(a|{state}(b|{state}))",
    ]


def test_a_part_that_failed_stays_failed_when_the_whole_succeeds() -> None:
    whole = OperationProgress()
    whole.part("a").fail()
    whole.succeed()
    assert _text(whole) == "success(a|fail)"


def test_what_has_ended_no_longer_changes() -> None:
    changes: list[str] = []
    whole = OperationProgress("update")
    part = whole.part("download", 10)
    part.reach(4)
    whole.fail()
    quiet = OperationProgress("x", lambda: changes.append("changed"))
    quiet.succeed()
    changes.clear()
    for each in (whole, part, quiet):
        each.start()
        each.succeed()
        each.reach(9)
        each.advance(1)
        each.set_end(99)
    assert (_text(whole), _text(quiet), changes) == ("update|fail(download|fail;4/10)", "x|success", [])


def test_a_part_added_after_the_end_has_ended_too() -> None:
    whole = OperationProgress()
    whole.fail()
    whole.part("late", started=False)
    assert _text(whole) == "fail(late|fail)"


def test_numbers_and_ends() -> None:
    progress = OperationProgress("download", end=0)
    progress.advance(0)
    assert _text(progress) == "download|progress;0"
    progress.set_end(7)
    progress.reach(-3)
    assert _text(progress) == "download|progress;0/7"
    assert OperationProgress(end=5).part("a", 3, current=0).snapshot() == Progress(label="a", current=0, end=3)


def test_waiting_starts_once() -> None:
    progress = OperationProgress(started=False)
    assert progress.state == "waiting"
    progress.start()
    assert progress.state == "progress"


@pytest.mark.parametrize("label", ["", "a b", "a|b", "é", "a(", "a\n"])
def test_labels_that_clients_could_not_read_are_refused(label: str) -> None:
    with pytest.raises(InvalidInput):
        OperationProgress(label)


RANK = {"waiting": 0, "progress": 1, "success": 2, "fail": 2}
STEPS = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(["part", "late", "start", "advance", "succeed", "fail"])), max_size=25
)


@given(STEPS)
@settings(max_examples=150, deadline=None)
def test_whatever_happens_states_go_forward_and_parts_end_first(steps: list[tuple[int, str]]) -> None:
    seen: list[Progress] = []
    whole = OperationProgress("op", lambda: seen.append(whole.snapshot()))
    every = [whole]
    for index, step in steps:
        target = every[index % len(every)]
        if step in ("part", "late"):
            every.append(target.part(started=step == "part"))
        elif step == "advance":
            target.advance(3)
        else:
            getattr(target, step)()
    for before, after in itertools.pairwise(seen):
        _check_forward(before, after)
    for progress in seen:
        _check_ended_parts(progress)
        assert parse_progress(format_progress(progress)) == progress


def _check_forward(before: Progress, after: Progress) -> None:
    assert RANK[after.state] >= RANK[before.state]
    assert RANK[before.state] < 2 or after.state == before.state
    assert len(after.parts) >= len(before.parts)
    for one, other in zip(before.parts, after.parts, strict=False):
        _check_forward(one, other)


def _check_ended_parts(progress: Progress) -> None:
    for part in progress.parts:
        assert RANK[progress.state] < 2 or RANK[part.state] == 2
        _check_ended_parts(part)
