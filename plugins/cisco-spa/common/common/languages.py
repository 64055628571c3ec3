"""Languages of SPA phones, and their dictionaries."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from attrs import frozen

from provisiond.sdk import RawConfig
from provisiond.sdk.locales import best_match, locale_of

from .models import Model
from .values import Settings


@frozen
class Language:
    """A language of the phones.

    :param name: in the phones' menu.
    :param code: in the names of dictionaries.
    :param labels: texts of the keys that this plugin makes, by parameter.
    """

    name: str
    code: str
    labels: Mapping[str, str]


def _language(name: str, code: str, *labels: str) -> Language:
    keys = ("exten_dnd", "exten_fwd_unconditional", "exten_fwd_no_answer", "exten_fwd_busy", "exten_fwd_disable_all")
    return Language(name, code, MappingProxyType(dict(zip((*keys, "park", "directory"), labels, strict=True))))


ENGLISH = _language("English", "en", "DND", "Forward", "Fwd no answer", "Fwd busy", "No forwards", "Park", "Directory")
_LANGUAGES: Mapping[str, Language] = MappingProxyType(
    {
        "en": ENGLISH,
        "fr": _language("French", "fr", "NPD", "Renvoi", "Rnv absent", "Rnv occupé", "Sans renvoi", "Parc", "Annuaire"),
        "de": _language(
            "German", "de", "Ruhe", "Umleiten", "Uml. abwes.", "Uml. besetzt", "Uml. aus", "Parken", "Telefonbuch"
        ),
        "es": _language(
            "Spanish", "es", "NM", "Desvío", "Desv. ausente", "Desv. ocupado", "Sin desvío", "Aparcar", "Directorio"
        ),
    }
)


def language_of(raw_config: RawConfig) -> Language:
    """Return the language that is nearest; English when there is none."""
    return best_match(locale_of(raw_config), _LANGUAGES, ENGLISH)


def language_settings(raw_config: RawConfig, model: Model, base_url: str) -> Settings:
    """Return the language of the display and where its dictionary is."""
    if not raw_config.get("locale") or not model.dictionary:
        return {}
    entries = [
        f"d{number}={language.name};x{number}={model.dictionary.format(language.code)}"
        for number, language in enumerate(_LANGUAGES.values())
    ]
    return {
        "Dictionary_Server_Script": f"serv={base_url}/i18n/;{';'.join(entries)}",
        "Language_Selection": language_of(raw_config).name,
    }
