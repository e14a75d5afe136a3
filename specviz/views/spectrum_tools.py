"""The row of tools below the legend of the optical panel: velocity, frame, unit; and the panel's controls in its header."""

from __future__ import annotations

from specviz.session.state import ViewOptions
from specviz.views import measure_text
from specviz.views import option_controls as controls
from specviz.views.formats import text
from specviz.views.line_marks import lines_menu
from specviz.views.stylesheet import NARROW, QUIET

#: Standard deviations of the smoothing that the menu offers, in pixels.
SMOOTHINGS = (0.0, 1.0, 2.0, 3.0, 5.0, 10.0)
#: Reach and steps (km/s) of the sliders: stars of the disc and halo with the coarse one, a fraction of a pixel (69 km/s
#: in LAMOST's low resolution) with the fine one. A faster star widens the coarse one.
COARSE, COARSE_STEP, FINE, FINE_STEP = 600, 10, 20, 0.2

CSS = f"""
{controls.CSS}
:host {{ overflow: visible !important; }}
.sv-tight {{ display: none; }}
@container (max-width: 1359px) {{ .sv-roomy {{ display: none; }} .sv-tight {{ display: inline-flex; }} }}
@container (min-width: 900px) and (max-width: 1199px) {{ .sv-roomy {{ display: inline-flex; }} .sv-tight {{ display: none; }} }}
.sv-controls {{ gap: 6px; }} @container {NARROW} {{ :host {{ max-width: 100%; order: 2; }} .sv-controls {{ flex-wrap: wrap; gap: 4px; }}
  .sv-seg button, .sv-menu > summary {{ padding-left: 6px !important; }} .sv-seg button {{ padding-right: 6px; }} }}
@container (max-width: 359px) {{ .sv-controls {{ gap: 3px; }} .sv-seg button, .sv-menu > summary {{ padding-left: 4px !important; }}
  .sv-seg button {{ padding-right: 4px; }} }}
.sv-tools {{ display: flex; flex-wrap: wrap; align-items: center; gap: 4px 16px; padding: 2px 0 4px; font-size: 12px; line-height: 24px; }}
.sv-tools > span {{ display: inline-flex; align-items: center; gap: 6px; white-space: nowrap; }}
.sv-tools .q {{ color: {QUIET}; }}
.sv-tools input[data-sv-part="coarse"] {{ width: 150px; }} .sv-tools input[data-sv-part="fine"] {{ width: 90px; }}
"""


def header_controls(view: ViewOptions) -> str:
    """Right end of the optical panel's header."""
    smooth = "".join(
        controls.choice("smooth", f"{s:g}", f"{s:g} px" if s else "Off", view) for s in SMOOTHINGS
    )  # a standard deviation in pixels
    return (
        '<div class="sv-controls">'
        + controls.segmented("flux", [("flux", "Flux"), ("normalised", "Normalised")], view, name="Flux or normalised")
        + '<span class="sv-roomy">'
        + _medium(view)
        + "</span>"
        + lines_menu(view)
        + controls.menu(
            f'Smooth: <span data-sv-text="smooth">{smooth_text(view)}</span>', smooth, name="Gaussian smoothing, sigma"
        )
        + controls.toggle("tools", "Velocity, frame, unit, measure", view, icon="tools")
        + "</div>"
    )


def _medium(view: ViewOptions) -> str:
    return controls.segmented("medium", [("vacuum", "Vac"), ("air", "Air")], view, name="Vacuum or air wavelengths")


def smooth_text(view: ViewOptions) -> str:
    """As ``widgets/settings.js`` writes it."""
    return f"{view.smooth:g} px" if view.smooth > 0 else "off"


def tools_row(view: ViewOptions, own: float | None) -> str:
    """Velocity with a coarse and a fine slider, frame, unit; ``own`` is the velocity that came with the spectrum."""
    rv = view.rv if view.rv is not None else own or 0.0
    coarse = round(rv / COARSE_STEP) * COARSE_STEP
    reach = max(COARSE, abs(coarse))
    from_spectrum = "none came with the spectrum" if own is None else f"{own:.1f} km/s came with the spectrum"
    velocity = (
        "<span>RV"
        f'<button class="sv-icon-button" data-sv-step="rv -1" aria-label="RV 1 km/s less" title="1 km/s less">−</button>'
        f'<input type="range" data-sv-bind="rv" data-sv-part="coarse" min="{-reach}" max="{reach}" step="{COARSE_STEP}" value="{coarse}" aria-label="Radial velocity, coarse">'
        f'<input type="range" data-sv-bind="rv" data-sv-part="fine" min="{-FINE}" max="{FINE}" step="{FINE_STEP}" value="{rv - coarse:.1f}" aria-label="Radial velocity, fine">'
        f'<button class="sv-icon-button" data-sv-step="rv 1" aria-label="RV 1 km/s more" title="1 km/s more">+</button>'
        f'<input class="sv-number" type="text" inputmode="decimal" data-sv-bind="rv" value="{rv:.2f}" aria-label="Radial velocity in km/s">'
        f'<span class="q">km s⁻¹</span>'
        f'<button class="sv-button" data-sv-set="rv null" aria-pressed="{str(view.rv is None).lower()}" title="{text(from_spectrum)}">As measured</button></span>'
    )
    frame = "<span>" + controls.segmented(
        "frame", [("observed", "Observed"), ("rest", "Rest")], view, name="Frame of the wavelength axis"
    )
    unit = controls.segmented(
        "unit", [("angstrom", "Å"), ("nm", "nm"), ("micron", "µm")], view, name="Unit of the wavelength axis"
    )
    unit += f'<span class="sv-tight">{_medium(view)}</span>'
    more = controls.toggle("link_zoom", "XP shows the same stretch", view, icon="link") + controls.toggle(
        "magnifier", "Magnifier", view, icon="magnifier"
    )
    return f'<div class="sv-tools">{velocity}{frame}{unit}{more}</span>{measure_text.buttons(view)}</div>'
