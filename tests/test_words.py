"""Settings, commands and names of metrics as people read them."""

from __future__ import annotations

import pytest

from vaegan.words import command, counted, fixed, metric, plain, spelt_as


@pytest.mark.parametrize(
    ("value", "words", "expected"),
    [
        (0.01, {}, "0.01"),
        (1, {"yes": "yes"}, "1"),
        ((64, 48), {"between": "x"}, "64x48"),
        ([[1, 2], [3]], {}, "1 2 3"),
        ([True, "a"], {"between": ", ", "yes": "yes", "no": "no"}, "yes, a"),
        (False, {"no": "false"}, "false"),
        (None, {}, "None"),
    ],
)
def test_plain(value: object, words: dict[str, str], expected: str) -> None:
    assert plain(value, **words) == expected


def test_commands_are_quoted_for_the_shell_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert command("sample", "a run", 8) == "vaegan sample 'a run' 8"
    monkeypatch.setattr("vaegan.words.sys.platform", "win32")
    assert command("sample", r"C:\a run", 8) == r'vaegan sample "C:\a run" 8', "cmd.exe knows no single quotes"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("samples_kernel_distance_efficientnet_lite0", "samples: 1000 x KID efficientnet lite0"),
        ("samples_fid", "samples: FID"),
        ("standard_prior_samples_recall_x", "standard prior, samples: recall x"),
        ("standard_prior_copying_p", "standard prior: copying p"),
        ("ms_ssim", "MS-SSIM"),
        ("kl_of_dimensions", "KL of dimensions"),
        ("active_units", "active units"),
    ],
)
def test_metrics_are_called_as_in_papers(name: str, words: str) -> None:
    assert metric(name) == words


def test_a_count_has_its_verb() -> None:
    assert counted(1, "image") == "1 image has"
    assert counted(3000, "held-out image", "is", "are") == "3,000 held-out images are"
    assert counted(0, "attribute") == "0 attributes have"


def test_fixed() -> None:
    """Small numbers are not printed as 0."""
    assert [fixed(value, 3, 6) for value in (1.23456, 0.0, 1e-5, 1.26e-9, -1.26e-9)] == ["1.235", "0.000", "0.000", "1.3e-09", "-1.3e-09"]
    assert [fixed(1234.5, decimals, 2, "+,") for decimals in (-3, 1, 7)] == ["+1,234", "+1,234.5", "+1,234.50"]


def test_names_are_the_same_in_either_spelling_of_unicode() -> None:
    one, two = "L\u00e4cheln", "La\u0308cheln"
    assert (spelt_as([two], one), spelt_as([one], two)) == (two, one)
    assert (spelt_as([two, one], one), spelt_as(["Hut"], one)) == (one, one)
