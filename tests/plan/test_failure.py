from __future__ import annotations

import pickle
import traceback

import pytest
from toys import LocalError

from leukolab.base.errors import ImageError, LeukolabError
from leukolab.plan.failure import describe_error, rebuild_error


def travelled(error: BaseException) -> BaseException:
    return rebuild_error(pickle.loads(pickle.dumps(describe_error(error))))


def test_a_sentence_arrives_as_it_was() -> None:
    back = travelled(ImageError("cell.png: truncated"))
    assert type(back) is ImageError
    assert str(back) == "cell.png: truncated"
    assert not hasattr(back, "__notes__")


def test_an_error_that_cannot_be_pickled_keeps_its_sentence_and_its_place_in_the_tree() -> None:
    back = travelled(LocalError("here", "odd"))
    assert type(back) is LeukolabError
    assert str(back) == "here: odd"


def test_the_settings_that_mend_it_arrive_with_it() -> None:
    odd = LocalError("here", "odd")
    odd.settings = ("data.card",)
    for error in (odd, ImageError("a sentence", settings=("data.card",))):
        back = travelled(error)
        assert isinstance(back, LeukolabError)
        assert back.settings == ("data.card",)


def test_a_missing_module_keeps_its_name() -> None:
    back = travelled(ModuleNotFoundError("No module named 'x'", name="x"))
    assert isinstance(back, ModuleNotFoundError)
    assert back.name == "x"


def test_a_bug_keeps_its_type_and_its_traceback() -> None:
    def deep() -> None:
        raise KeyError("a bug")

    with pytest.raises(KeyError) as caught:
        deep()
    text = "".join(traceback.format_exception(travelled(caught.value)))
    assert "in deep" in text
    assert "KeyError: 'a bug'" in text


def test_a_bug_that_cannot_be_pickled_is_a_bug_still() -> None:
    class InnerError(Exception):
        pass

    back = travelled(InnerError("what"))
    assert type(back) is RuntimeError
    assert str(back) == "InnerError: what"
