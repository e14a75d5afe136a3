"""CDS XMatch: a recorded answer (2MASS at six positions), a Gaia answer and an error built by hand."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

from replay_server import Answer, Asked, Route

_GAIA = [
    # source_id, ra and dec of epoch 2000, ra and dec of 2016, G
    (6268770373590148224, 235.7629042, -10.9334986, 235.757843, -10.934852, 7.0356),
    (6268770373590148225, 235.7634000, -10.9334986, 235.763400, -10.933499, 18.2),
]
_ERROR = (
    b'<?xml version="1.0" encoding="UTF-8"?><VOTABLE version="1.3" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">'
    b'<RESOURCE type="results"><INFO ID="QUERY_STATUS" name="QUERY_STATUS" value="ERROR">'
    b"Unknown table: vizier:X/999/none</INFO></RESOURCE></VOTABLE>"
)


def routes(data: Path | None) -> list[Route]:
    recorded = (data / "astroquery_xmatch" / "query_res.csv").read_text() if data else ""
    # The client names its columns so that none of a catalogue can have the same name.
    renamed = recorded.replace("angDist,ra,dec,my_id,", "angDist,specviz_ra,specviz_dec,specviz_row,", 1)

    def sync(asked: Asked) -> Answer:
        form = asked.form
        assert form["request"] == "xmatch" and form["RESPONSEFORMAT"] == "csv", form
        assert (form["colRA1"], form["colDec1"]) == ("specviz_ra", "specviz_dec"), form
        if form["cat2"] == "vizier:II/246/out" and recorded:
            return Answer(renamed.encode(), 200, "text/csv")
        if form["cat2"] != "vizier:I/355/gaiadr3":
            return Answer(_ERROR, 400, "text/xml")
        out = io.StringIO()
        lines = csv.writer(out, lineterminator="\n")
        lines.writerow(["angDist", "specviz_row", "specviz_ra", "specviz_dec", "ra_epoch2000", "dec_epoch2000",
                        "source_id", "ra", "dec", "phot_g_mean_mag"])  # fmt: skip
        for row in csv.DictReader(io.StringIO(form["cat1"])):
            ra, dec = float(row["specviz_ra"]), float(row["specviz_dec"])
            for source_id, ra2000, dec2000, ra2016, dec2016, g in _GAIA:
                apart = 3600 * math.hypot((ra - ra2000) * math.cos(math.radians(dec)), dec - dec2000)
                if apart <= float(form["distMaxArcsec"]):
                    lines.writerow([f"{apart:.6f}", row["specviz_row"], ra, dec, ra2000, dec2000, source_id, ra2016,
                                    dec2016, g])  # fmt: skip
        return Answer(out.getvalue().encode(), 200, "text/csv")

    return [
        Route(
            "POST", "/xmatch/api/v1/sync", sync, True,
            "2MASS at six positions: recorded by astroquery (astroquery_xmatch/query_res.csv), three columns renamed; "
            "Gaia and the error built by hand",
        )
    ]  # fmt: skip
