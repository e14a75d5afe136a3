"""``mended``: words that are nearly ones of the vocabulary, as those; a table of slips of Chinese input methods."""

from __future__ import annotations

import difflib
import re
from functools import lru_cache

from specviz.assistant.intents import vocabulary

#: Words that people misspell, as the vocabulary knows them.
WORDS = (
    "temperature", "metallicity", "gravity", "abundance", "abundances", "velocity", "parameters", "parameter", "labels",
    "posterior", "uncertainty", "distribution", "spectrum", "spectra", "similar", "neighbours", "neighbors", "export",
    "compare", "models", "predict", "translate", "anomaly", "unusual", "strange", "quality", "catalogue", "coordinates",
    "position", "literature", "papers", "explain", "carbon", "magnesium", "calcium", "extinction", "reddening",
    "properties", "elements", "chemistry", "lamost", "light", "curve", "binary", "rotation", "stretch", "thanks",
    "hello", "previous", "second", "third", "oddest", "strangest",
)  # fmt: skip
#: Neighbours of those words that are words of their own.
_RIGHT = {"special", "spectral", "compared", "carbonate", "gravely", "rotate", "lights", "paper", "label", "model",
          "elementary", "nights", "curves", "seconds", "think", "position's", "hallo"}  # fmt: skip
#: What an input method gives for words that sound alike.
_SOUND = {
    "光普": "光谱", "温渡": "温度", "金属风度": "金属丰度", "风度": "丰度", "相视": "相似", "相识": "相似",
    "恒新": "恒星",
    "参树": "参数", "餐数": "参数", "导处": "导出", "论闻": "论文", "后验分部": "后验分布", "误插": "误差",
    "异长": "异常",
    "打卡": "打开", "预侧": "预测", "摸型": "模型", "魔型": "模型", "邻具": "邻居", "种力": "重力", "中力": "重力",
}  # fmt: skip
_WORD = re.compile(r"[A-Za-z]{5,}")


def mended(text: str) -> str:
    """A text without names of stars and files, its slips of spelling mended where the word can be no other."""
    for wrong, right in _SOUND.items():
        text = text.replace(wrong, right)
    return _WORD.sub(lambda m: _word(m[0].lower()) or m[0], text)


@lru_cache(2048)
def _word(word: str) -> str:
    """The known word that is meant, "" if the word is one itself or none is near."""
    if word in WORDS or word in _RIGHT or _known(word):
        return ""
    near = difflib.get_close_matches(word, (w for w in WORDS if w[0] == word[0]), n=1, cutoff=0.8)
    return near[0] if near else ""


def _known(word: str) -> bool:
    patterns = (*vocabulary.LABELS.values(), *vocabulary.SURVEYS.values(), *vocabulary.ACTIONS.values())
    return any(re.search(p, word) for p in patterns)
