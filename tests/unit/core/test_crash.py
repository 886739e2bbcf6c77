"""Tracebacks of internal errors show where they happened, but no values of attributes."""

from __future__ import annotations

import pydicom
import pytest

from medpaint.core.crash import described, trace_of


def fault_of_pydicom() -> Exception:
    try:
        pydicom.Dataset().Rows.foo  # noqa: B018 - the attribute is not there
    except AttributeError as error:
        return error
    raise AssertionError


def test_a_message_without_attributes_is_logged() -> None:
    with pytest.raises(ValueError, match="invalid literal") as caught:
        int("words")
    assert described(caught.value) == "ValueError: invalid literal for int() with base 10: 'words'"
    assert trace_of(caught.value).endswith(f"{described(caught.value)}\n")


def test_messages_of_dicom_readers_are_withheld() -> None:
    error = fault_of_pydicom()
    assert described(error) == "AttributeError, message withheld: it could name a patient"
    assert "Rows'" not in trace_of(error)
    assert "in fault_of_pydicom" in trace_of(error)


def test_messages_of_errors_caused_by_dicom_readers_are_withheld() -> None:
    error = RuntimeError("it went wrong: 7")
    error.__cause__ = fault_of_pydicom()
    assert "it went wrong" not in described(error) + trace_of(error)
    assert trace_of(error).count("Traceback") == 2
    assert trace_of(error).rstrip().endswith("RuntimeError")
