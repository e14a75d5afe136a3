"""The Explorer on a catalogue of 120,000 stars in JupyterLab: map, UMAP and clusters, a lasso, neighbours far away."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from page_checks import unless_laid_out

from specviz.benchmarks.explorer_catalogue import IMAGE, PAN

N = 120_000
_STATE = "explorer.session.state"
_DRAWN = "explorer.view.map._asked is explorer.view.map._shown.ask"


def _keep_a_map(catalog: Any) -> None:
    """Put a map and clusters beside the catalogue as :mod:`specviz.catalog.maps.making` does, in no time: two axes of
    the embeddings stand for UMAP, bands of temperature for clusters.
    """
    from specviz.catalog.embedding_map import EmbeddingMap
    from specviz.catalog.maps import clusters
    from specviz.catalog.maps.placing import Axes
    from specviz.catalog.maps.stored import MapRecord, map_folder, write_placing
    from specviz.catalog.maps.summaries import summarise

    vectors = np.concatenate([np.asarray(block, np.float32) for _, block in catalog.vectors("lamost_lrs").blocks()])
    flat = EmbeddingMap.fit(vectors)
    edges = np.nanpercentile(catalog.column("teff"), [0, 5, 15, 25, 40, 50, 60, 75, 85, 95, 100])
    labels = (np.searchsorted(edges, catalog.column("teff")) - 1).clip(0, 9).astype(np.int32)
    labels[np.random.default_rng(0).random(len(catalog)) < 0.2] = -1
    folder = map_folder(catalog, "lamost_lrs")
    folder.mkdir(parents=True)
    np.save(folder / "umap.xy.npy", flat.coordinates)
    np.save(folder / "clusters.npy", labels)
    write_placing(folder / "umap.placing.npz", Axes(flat.mean, flat.axes))
    header = catalog.header
    record = MapRecord(
        "umap", "lamost_lrs", header.weights_sha256, N, header.embeddings_sha256,
        ("UMAP axis 1", "UMAP axis 2"),
    )  # fmt: skip
    columns = {n: catalog.column(n) for n in ("teff", "logg", "fe_h", "class")}
    found = summarise(labels, columns, {k: np.flatnonzero(labels == k)[:3] for k in range(10)})
    clusters.keep(folder, found, rows=N, content_sha256=record.content_sha256, of="umap", noise=0.2)
    record.write(folder / "umap.json")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("pyarrow")
    pytest.importorskip("datashader")
    from specviz.benchmarks.many_stars import write

    path = tmp_path_factory.mktemp("stars") / "made-up"
    _keep_a_map(write(path, N))
    return path


def test_a_catalogue_on_the_map(folder: Path, open_notebook: Callable[..., Any], shot: Callable[..., Path]) -> None:
    nb = open_notebook(
        [f"import specviz\nexplorer = specviz.explore('demo 21', online=False, catalogue={str(folder)!r})\nexplorer"],
        viewport={"width": 1720, "height": 1750},
    )
    nb.run_all()
    page = nb.page
    page.locator(".tile", has_text="K").first.wait_for()
    page.wait_for_function(IMAGE)
    page.get_by_text("120\u202f000, exact · made-up").wait_for()
    page.locator(".sv-map").first.scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    shot(page, "catalogue_light")
    before = nb.kernel_eval("explorer.view.map._picture.window[0]")
    page.evaluate(PAN, 0.05)  # comes back when the picture of the new window is painted
    nb.until(f"explorer.view.map._picture.window[0] != {before!r}")

    # no pictures of these stars: no column for them; one of an archive says why it is not drawn
    assert page.locator("tr[data-sv-row] td svg").count() == 0
    rows = page.locator("tr[data-sv-row]")
    rows.nth(1).click()
    nb.until(f"{_STATE}.neighbour == 1 and ({_STATE}.neighbour_star or 'Offline' in {_STATE}.neighbour_said) and True")

    # another plane, from the menu; its clusters
    page.get_by_label("Plane of the map: Kiel").click()
    page.locator('[data-sv-set="plane umap"]').click()
    nb.until(f"explorer.view.map._plane.name == 'umap' and {_DRAWN}", True)
    assert nb.kernel_eval("len(explorer.view.map.star.data['x'])") == 1
    page.get_by_label("Colour of the reference stars: None").click()
    page.locator('[data-sv-set="map_colour cluster"]').click()
    page.locator(".sv-cluster").nth(6).wait_for()
    nb.until(_DRAWN, True)
    page.wait_for_timeout(500)
    shot(page, "catalogue_clusters_light")
    page.locator(".sv-cluster").nth(2).click()
    page.get_by_text("Show all stars").wait_for()
    nb.until(f"'cluster' in {_STATE}.neighbours.meta", True)
    assert nb.kernel_eval(f"{_STATE}.call") == "explorer.set(cluster=2)"
    page.get_by_text("Within cluster 2").wait_for()
    nb.set_theme("dark")
    page.locator('.sv-host[data-sv-theme="dark"]').first.wait_for()
    page.wait_for_timeout(500)
    shot(page, "catalogue_cluster_dark")
    page.get_by_text("Show all stars").click()
    page.get_by_text("Within cluster 2").wait_for(state="hidden")

    # a region, drawn by hand
    page.get_by_role("button", name="Draw a region of the map").click()
    x, y, w, h = (
        page.evaluate("""() => { for (const doc of window.Bokeh.documents) for (const m of doc._all_models.values())
        if (m.name === 'map' && m.inner_width) { const el = doc.views_manager.find_one(m).el.getBoundingClientRect()
          return [el.x, el.y, el.width, el.height] } }""")
    )
    page.mouse.move(x + 0.3 * w, y + 0.3 * h)
    page.mouse.down()
    for cx, cy in ((0.8, 0.3), (0.8, 0.75), (0.3, 0.75), (0.3, 0.31)):
        page.mouse.move(x + cx * w, y + cy * h, steps=6)
    page.mouse.up()
    nb.until(f"{_STATE}.view.region is not None and {_STATE}.view.region[0] == 'umap'", True)
    nb.until(f"0 < {_STATE}.neighbours.meta.get('region', 0) < {N}", True)
    page.get_by_text("Within the region of the map").wait_for()
    shot(page, "catalogue_region_dark")

    # narrow: the menus stay within the panel
    page.set_viewport_size({"width": 760, "height": 1400})
    page.locator(".sv-map").first.scroll_into_view_if_needed()
    page.wait_for_timeout(800)
    page.get_by_label("All 10 clusters").click()

    def sticks_out() -> list[Any]:
        panel, menu = (page.locator(s).first.bounding_box() for s in (".sv-map", ".sv-wide .sv-menu > div"))
        within = panel["x"] <= menu["x"] and menu["x"] + menu["width"] <= panel["x"] + panel["width"] + 1
        return [] if within else [panel, menu]

    assert unless_laid_out(page, sticks_out) == []
    shot(page, "catalogue_narrow_dark")
