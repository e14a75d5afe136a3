"""Thirty dialogues in English: what a person says, the calls that are made, and what is said back.

One line is ``(text, calls, said)`` or, with files, ``(text, calls, said, files)``:

* calls: as :mod:`notation` reads them; "~" where nothing is called;
* said: a pattern of the answer; "!" in front: of the problem, and then the last call is one that fails;
* files: what is handed over, name by name: "demo 3 as fits" or "as csv", "half of demo 3", "junk", "empty", "text",
  "three demo stars", or "real lamost" and "real sdss" (then the dialogue needs the shared data).

A dialogue whose name ends in "(offline)" asks archives that cannot be reached; in the others they know a few stars.
Add one wherever the assistant has misunderstood somebody.
"""

from __future__ import annotations

from typing import Any

Line = tuple[Any, ...]
ENGLISH: dict[str, list[Line]] = {
    "a student's first star": [
        ("hi", "~", r"^Hello!"),
        ("show me a sun-like star", "load(name='demo sun-like'), labels()", r"^demo 1, RA .*Teff 58\d\d"),
        ("is it a giant or a dwarf?", "labels(only=['logg'])", r"log g 4\.4"),
        ("what is log g?", "~", r"surface gravity|Surface gravity"),
        ("and how hot is it", "labels(only=['teff'])", r"Teff 58\d\d"),
        ("thanks!", "~", r"welcome"),
    ],
    "the same with XP": [
        ("open demo 2", "load(name='demo 2'), labels()", r"Teff 43\d\d"),
        ("the same with XP", "labels(survey='xp')", r"from Gaia XP: Teff"),
        ("now from LAMOST, not XP", "labels(survey='lamost')", r"from LAMOST: Teff"),
        ("just the metalicity please", "labels(only=['fe_h'])", r"\[Fe/H\]"),
        ("how sure are you?", "posterior(label='fe_h')", r"68 % between"),
        ("and by XP?", "posterior(label='fe_h', survey='xp')", r"^\[Fe/H\] of demo 2"),
    ],
    "and its neighbours": [
        ("demo 5", "load(name='demo 5'), labels()", r"\[Fe/H\] −2"),
        ("and its neighbours?", "similar()", r"^The 5 most similar"),
        ("10 instead", "similar(k=10)", r"^The 10 most similar"),
        ("by XP", "similar(k=10, by='xp')", r"^The 10 most similar of 20000"),
        ("open the second one", "load(name='demo 4023'), labels()", r"^demo 4023, RA"),
        ("go back", "load(name='demo 5'), labels()", r"^demo 5, RA"),
    ],
    "a Gaia id from a paper": [
        (
            "Gaia DR3 4345775217221821312",
            "fetch(name='Gaia DR3 4345775217221821312'), labels()",
            r"^Gaia DR3 4345775217221821312",
        ),
        ("is it metal-poor?", "labels(only=['fe_h'])", r"\[Fe/H\] −2"),
        ("which lines tell you that?", "why(label='fe_h')", r"comes from"),
        ("do the other models agree?", "compare()", r"^Teff: .*lux-small"),
    ],
    "an obsid, typed hastily": [
        ("obsid=353301001 whats the temprature", "fetch(name='obsid 353301001'), labels(only=['teff'])", r"Teff \d{4}"),
        ("error bars?", "posterior(label='teff')", r"95 % between"),
        ("simliar stars pls", "similar()", r"most similar of"),
        ("more", "similar(k=10)", r"^The 10 most"),
    ],
    "coordinates with units": [
        ("what is at RA 235.7629 Dec -10.9336?", "fetch(name='RA 235.7629 Dec -10.9336'), labels()", r"Teff"),
        ("where is it exactly, and what's the S/N?", "star()", r"S/N \d"),
        ("15h43m03.1s −10°56′01″", "fetch(name='15h43m03.1s -10°56\\'01\"'), labels()", r"Teff"),
    ],
    "a famous star": [
        ("how hot is vega?", "fetch(name='Vega'), labels(only=['teff'])", r"Teff \d{4}"),
        ("and Arcturus?", "fetch(name='Arcturus'), labels(only=['teff'])", r"^Arcturus"),
        ("back to the previous star", "fetch(name='Vega'), labels()", r"^Vega"),
    ],
    "archives out of reach (offline)": [
        ("fetch HD 140283 and show its spectrum", "fetch(name='HD 140283')", r"!Offline"),
        ("what are its parameters?", "labels()", r"!No star is in hand"),
        ("ok then open demo 6", "load(name='demo 6'), labels()", r"^demo 6"),
    ],
    "no star yet": [
        ("what are its parameters?", "labels()", r"!No star is in hand"),
        ("the second one", "~", r"which one you mean"),
        ("why?", "~", r"^Which label\?"),
        ("help", "help()", r"open demo 12"),
        ("open demo 12", "load(name='demo 12'), labels()", r"^demo 12"),
        ("why this temperature?", "why(label='teff')", r"comes from"),
    ],
    "my own FITS": [
        ("", "star(), labels()", r"LAMOST spectrum.*Teff", {"mine.fits": "demo 3 as fits"}),
        ("any twins?", "similar()", r"most similar"),
        ("and the surface gravity", "labels(only=['logg'])", r"log g"),
        ("is the spectrum any good?", "oddness()", r"odder than"),
        ("load mine.fits again", "load(name='mine.fits'), oddness()", r"odder"),
    ],
    "here is my spectrum": [
        (
            "here is my spectrum, what can you tell me?",
            "star(), labels()",
            r"Teff 7\d\d\d",
            {"night1.fits": "demo 3 as fits"},
        ),
        ("how old is it?", "desa()", r"DESA"),
        ("what is it made of?", "abundances()", r"\[Mg/Fe\]"),
    ],
    "a CSV of wavelength and flux": [
        ("what temperature is this?", "star(), labels(only=['teff'])", r"Teff", {"demo4.csv": "demo 4 as csv"}),
        ("from 5000 to 5300 A only", "stretch(start=5000.0, stop=5300.0)", r"alone gives"),
        ("and metallicity?", "stretch(start=5000.0, stop=5300.0, label='fe_h')", r"\[Fe/H\]"),
    ],
    "a broken file": [
        ("have a look", "~", r"!", {"broken.fits": "half of demo 3"}),
        ("", "~", r"!", {"notes.txt": "text"}),
        ("", "star(), labels()", r"Teff", {"good.fits": "demo 3 as fits"}),
        ("what about this one?", "~", r"!", {"empty.fits": "empty"}),
        ("its gravity?", "labels(only=['logg'])", r"log g"),
    ],
    "several files at once": [
        (
            "",
            "star(), labels(), star(), labels()",
            r"a\.fits|Teff",
            {"a.fits": "demo 1 as fits", "b.fits": "demo 5 as fits"},
        ),
        ("and the first one?", "load(name='a.fits'), labels()", r"Teff"),
        ("which of them is the oddest?", "outliers(names=['a.fits', 'b.fits'])", r"^The oddest of 2"),
        (
            "metallicity of both files",
            "load(name='a.fits'), labels(only=['fe_h']), load(name='b.fits'), labels(only=['fe_h'])",
            r"\[Fe/H\].*\n.*\[Fe/H\]",
        ),
    ],
    "a good file and a broken one": [
        (
            "temperatures please",
            "star(), labels(only=['teff'])",
            r"Not read: “bad.fits”",
            {"bad.fits": "junk", "ok.fits": "demo 2 as fits"},
        ),
        ("is it a giant?", "labels(only=['logg'])", r"log g 1"),
    ],
    "corrections": [
        ("temperature of demo 12", "load(name='demo 12'), labels(only=['teff'])", r"^demo 12"),
        ("sorry, I meant demo 13", "load(name='demo 13'), labels(only=['teff'])", r"^demo 13"),
        ("not demo 13, demo 14", "load(name='demo 14'), labels(only=['teff'])", r"^demo 14"),
        ("from XP, not LAMOST", "labels(only=['teff'], survey='xp')", r"from Gaia XP"),
        ("no, log g", "labels(only=['logg'], survey='xp')", r"log g"),
    ],
    "translation between surveys": [
        ("load demo 7", "load(name='demo 7'), labels()", r"^demo 7"),
        ("what would Gaia see?", "translate(to='xp')", r"predicted from LAMOST: off by"),
        ("and the other way round, predict LAMOST from XP", "translate(to='lamost')", r"predicted"),
        ("show the XP spectrum", "show(what='xp')", r"Here is demo 7"),
    ],
    "can I trust it": [
        ("demo 900", "load(name='demo 900'), labels()", r"Teff 40\d\d"),
        ("is this reliable?", "oddness()", r"S/N 9"),
        ("what does the catalogue say?", "star()", r"Simulation gives"),
        ("and all models?", "compare()", r"^Teff: specclip-small"),
    ],
    "another model": [
        ("which models are there?", "models()", r"lux-small"),
        ("open demo 4", "load(name='demo 4'), labels()", r"^demo 4"),
        ("its temperature with lux", "labels(only=['teff'], model='lux-small')", r"Teff"),
        ("use spectrafm", "use_model(name='spectrafm-small')", r"spectrafm-small"),
        ("its temperature", "labels(only=['teff'])", r"Teff"),
    ],
    "a model that is not here": [
        ("open demo 1", "load(name='demo 1'), labels()", r"^demo 1"),
        ("its temperature according to StarNet", "labels(only=['teff'], model='StarNet')", r"!StarNet is not among"),
        ("papers about StarNet?", "papers(query='starnet')", r"StarNet|spectr"),
        ("with specklip then", "labels(only=['teff'], model='specklip')", r"!no model 'specklip'"),
    ],
    "two stars side by side": [
        (
            "which is hotter, demo 1 or demo 2?",
            "load(name='demo 1'), labels(only=['teff']), load(name='demo 2'), labels(only=['teff'])",
            r"demo 1.*Teff 58(?:.|\n)*Teff 43",
        ),
        (
            "and the gravity?",
            "load(name='demo 1'), labels(only=['logg']), load(name='demo 2'), labels(only=['logg'])",
            r"log g 4(?:."
            r"|\n)*log g 1",
        ),
        ("compare demo 1 and demo 5", "load(name='demo 1'), labels(), load(name='demo 5'), labels()", r"demo 5"),
    ],
    "which is odd": [
        (
            "which of demo 1, demo 22 and demo 24 is the strangest?",
            "outliers(names=['demo 1', 'demo 22', 'demo 24'])",
            r"^The oddest of 3: 1\.",
        ),
        ("open the first one", "load(name='demo 22'), labels()", r"^demo 22"),
        ("what's wrong with it? is the quality ok?", "oddness()", r"Quality checks"),
    ],
    "saving things": [
        ("open demo 1", "load(name='demo 1'), labels()", r"^demo 1"),
        ("save the parameters", "~", r"^Into which file"),
        (
            "save the parameters to sun.csv",
            "export(what='labels', file='sun.csv')",
            r"^Wrote the labels of demo 1 to sun.csv",
        ),
        ("save them to sun.csv", "export(what='labels', file='sun.csv')", r"!already"),
        ("export the posterior to post.fits", "export(what='posterior', file='post.fits')", r"post.fits"),
        ("export to ../../etc/passwd.csv", "export(what='labels', file='../../etc/passwd.csv')", r"!plain name"),
    ],
    "pictures": [
        ("demo 8", "load(name='demo 8'), labels()", r"^demo 8"),
        ("plot the spectrum", "show(what='spectrum')", r"Here is"),
        ("draw the posterior", "show(what='posterior')", r"Here is"),
        ("show its light curve", "light_curve()", r"light curve"),
    ],
    "outside the field": [
        ("who are you?", "~", r"assistant of specviz"),
        ("what will the weather be tomorrow?", "~", r"outside"),
        ("how far away is Sirius?", "fetch(name='Sirius'), labels()", r"No tool here measures that"),
        ("does it have planets?", "~", r"No tool"),
        ("just guess its mass", "~", r"only numbers that a tool gave"),
        ("what does [Fe/H] mean?", "~", r"iron-to-hydrogen"),
        ("flurb the wug", "~", r"did not understand"),
    ],
    "a teacher prepares a lesson": [
        ("give me a carbon star", "load(name='demo carbon star'), labels()", r"^demo 15"),
        ("which lines tell the temperature?", "why(label='teff')", r"comes from"),
        ("how much carbon?", "labels(only=['c_fe'])", r"\[C/Fe\]"),
        ("now a white dwarf", "load(name='demo white dwarf'), labels(only=['c_fe'])", r"^demo \d+"),
        ("is it unusual?", "oddness()", r"odder than|no percentile"),
    ],
    "too much at once": [
        (
            "open demo 3, find 3 twins and tell me the metallicity",
            "load(name='demo 3'), similar(k=3)",
            r"The 3 most similar",
        ),
        ("find 900 similar stars", "similar(k=900)", r"!1 to 50"),
        ("ok, 6 then", "similar(k=6)", r"^The 6 most"),
    ],
    "an element that the model does not give": [
        ("demo 1 europium?", "load(name='demo 1'), labels(only=['eu_fe'])", r"!no 'eu_fe'"),
        (
            "then fit the abundances of magnesium and calcium",
            "abundances(only=['mg_fe', 'ca_fe'])",
            r"\[Mg/Fe\].*\[Ca/Fe\]",
        ),
    ],
    "real LAMOST": [
        ("", "star(), labels()", r"LAMOST spectrum.*Teff \d{4}", {"spec.fits": "real lamost"}),
        ("and its neighbours?", "similar()", r"most similar of 19997|20000"),
        ("why this temperature?", "why(label='teff')", r"comes from"),
    ],
    "real SDSS": [
        ("what is this?", "star(), labels()", r"Teff \d{4}", {"template.fits": "real sdss"}),
        ("how certain is log g?", "posterior(label='logg')", r"^log g of"),
    ],
}
