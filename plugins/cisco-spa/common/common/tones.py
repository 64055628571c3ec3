"""Call progress tones by country, and how adaptors show callers.

Frequencies and cadences: ITU-T E.180 supplement 2. Notation: Cisco SPA300 and SPA500 series administration guide, tone
scripts: ``frequency@level,...;duration(on/off/frequencies,...)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from provisiond.sdk import RawConfig
from provisiond.sdk.locales import locale_of

from .models import Model
from .values import Settings

_NAMES = ("Dial_Tone", "Busy_Tone", "Reorder_Tone", "Ring_Back_Tone")


def _one(frequency: int, busy: str, reorder: str, ring_back: str, dial: str = "*/0/1") -> tuple[str, str, str, str]:
    tone = f"{frequency}@-16"
    return f"{tone};10({dial})", f"{tone};10({busy})", f"{tone};10({reorder})", f"{tone};*({ring_back})"


_AMERICA = (
    "350@-19,440@-19;10(*/0/1+2)",
    "480@-19,620@-19;10(.5/.5/1+2)",
    "480@-19,620@-19;10(.25/.25/1+2)",
    "440@-19,480@-19;*(2/4/1+2)",
)
_TONES: Mapping[str, tuple[str, str, str, str]] = MappingProxyType(
    {
        "AU": (
            "413@-19,438@-19;10(*/0/1+2)",
            "425@-16;10(.375/.375/1)",
            "425@-16;10(.375/.375/1)",
            "413@-19,438@-19;*(.4/.2/1+2,.4/2/1+2)",
        ),
        "BE": _one(425, ".5/.5/1", ".167/.167/1", "1/3/1"),
        "BR": _one(425, ".25/.25/1", ".25/.25/1,.75/.25/1", "1/4/1"),
        "CH": _one(425, ".5/.5/1", ".2/.2/1", "1/4/1"),
        "DE": _one(425, ".48/.48/1", ".24/.24/1", "1/4/1"),
        "ES": _one(425, ".2/.2/1", ".2/.2/1,.2/.2/1,.2/.6/1", "1.5/3/1"),
        "FR": _one(440, ".5/.5/1", ".25/.25/1", "1.5/3.5/1"),
        "GB": (
            "350@-19,440@-19;10(*/0/1+2)",
            "400@-16;10(.375/.375/1)",
            "400@-16;10(.4/.35/1,.225/.525/1)",
            "400@-19,450@-19;*(.4/.2/1+2,.4/2/1+2)",
        ),
        "IT": _one(425, ".5/.5/1", ".2/.2/1", "1/4/1", dial=".2/.2/1,.6/1/1"),
        "JP": _one(400, ".5/.5/1", ".5/.5/1", "1/2/1"),
        "NL": _one(425, ".5/.5/1", ".25/.25/1", "1/4/1"),
        "PL": _one(425, ".5/.5/1", ".5/.5/1", "1/4/1"),
        "PT": _one(425, ".5/.5/1", ".2/.2/1", "1/5/1"),
    }
)
_BELLCORE = "Bellcore(N.Amer,China)"
_CALLER_ID: Mapping[str, str] = MappingProxyType(
    {"GB": "ETSI FSK With PR(UK)", **dict.fromkeys(("BE", "CH", "DE", "ES", "FR", "IT", "PL", "PT"), "ETSI FSK")}
)


def tone_settings(raw_config: RawConfig, model: Model) -> Settings:
    """Return the tones of the locale's country, those of North America for others; none without a locale."""
    if not raw_config.get("locale"):
        return {}
    country = locale_of(raw_config).country
    settings: Settings = dict(zip(_NAMES, _TONES.get(country, _AMERICA), strict=True))
    if model.is_adaptor:
        settings["Caller_ID_Method"] = _CALLER_ID.get(country, _BELLCORE)
    return settings
