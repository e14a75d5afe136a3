"""Role colours of two themes, checked: the browser exchanges one set for the other and back."""

from __future__ import annotations

from collections.abc import Mapping

from specviz.errors import SpecvizError

Palettes = Mapping[str, Mapping[str, str]]


def checked_palettes(palettes: Palettes | None) -> dict[str, dict[str, str]]:
    """Palettes fit for an exchange in both directions.

    Parameters
    ----------
    palettes : mapping, optional
        ``{"light": {role: colour}, "dark": {role: colour}}``; the document is always written in the light ones.

    Returns
    -------
    dict
        A plain copy; empty when there are none.

    Raises
    ------
    SpecvizError
        A theme is missing, the roles differ, or two roles share a colour within a theme: no way back.
    """
    if not palettes:
        return {}
    if set(palettes) != {"light", "dark"}:
        raise SpecvizError(f"Palettes for {sorted(palettes)}", expected='exactly "light" and "dark"')
    result = {mode: dict(palettes[mode]) for mode in ("light", "dark")}
    odd = set(result["light"]) ^ set(result["dark"])
    if odd:
        raise SpecvizError(f"Roles in only one theme: {sorted(odd)}", expected="the same roles in both")
    for mode, roles in result.items():
        owner: dict[str, str] = {}
        for role, colour in roles.items():
            other = owner.setdefault(colour.lower(), role)
            if other != role:
                raise SpecvizError(
                    f"The {mode} roles {other!r} and {role!r} share the colour {colour}",
                    expected="one colour for one role within a theme",
                    remedy="Change one by a single step, for example #ffffff to #fefefe",
                )
    return result
