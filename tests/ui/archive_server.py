"""The replay server of tests/replay with a few stars more, so that one star has a LAMOST and a Gaia XP spectrum.

``python tests/ui/archive_server.py --port 8765``; faults are set through ``/control`` as there.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "replay"))
import server

#: The LAMOST star whose file is recorded (obsid 353301001) has this Gaia source.
PARTNER = 2829000000000000001
#: Two stars that SIMBAD knows by names that begin alike; a name as hostile as SIMBAD would give it.
PAIR = 1000000000000000001
EVIL = 'PAIR <img src=x onerror="window.evil = 1">'


def extended(port: int) -> server.ReplayServer:
    """The server with these stars."""
    made = server.ReplayServer(server.shared_replies(), port)
    gaia, simbad = sys.modules["replay_routes_gaia"], sys.modules["replay_routes_simbad"]
    gaia.SKY[PARTNER] = {**gaia.SKY[PAIR], "source_id": PARTNER, "ra": 341.0645667, "dec": 19.5665889}
    product = gaia.product

    def of_partner(kind: str, source: int) -> dict[str, Any] | None:
        row = product(kind, PAIR if source == PARTNER else source)
        return row if row is None else {**row, "source_id": source}

    gaia.product = of_partner
    names = (("PAIR one", "G2V"), ("PAIR two", "K1III"), (EVIL, "<b>M</b>"))
    for name, sp_type in names:
        ids = f"{name}|Gaia DR3 {PAIR}"
        simbad.OBJECTS.append(dict(main_id=name, ra=10.0, dec=20.0, sp_type=sp_type, otype_txt="*", ids=ids))
    return made


def main() -> None:
    """Serve until the program is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    with extended(parser.parse_args().port):
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    main()
