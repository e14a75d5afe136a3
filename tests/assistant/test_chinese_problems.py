# ruff: noqa: E501 (pairs of sentences, one a line)
"""What goes wrong in a Chinese turn is said in Chinese; no name, number or expected value of the error is lost."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from model_server import scripted, words

from specviz.assistant.conversation import Conversation
from specviz.assistant.desk import Desk
from specviz.assistant.llm.errors import LanguageModelError
from specviz.assistant.llm.talk import LanguageModelTalk
from specviz.assistant.talking import Talking
from specviz.assistant.wording.patterns import Table
from specviz.assistant.wording.problems import KINDS, kind_of, problem_in, remark_in, text_in
from specviz.errors import (
    AmbiguousError,
    CoverageError,
    FileTooLargeError,
    LoginRequiredError,
    ModelError,
    NotASpectrumError,
    NotFoundError,
    OfflineError,
    OptionError,
    RateLimitedError,
    ReadError,
    ServiceDownError,
    ServiceTimeoutError,
    SpecvizError,
    UnknownLayoutError,
    UnknownModelError,
)  # fmt: skip

#: Words of an English sentence: three of them in a row are one.
_ENGLISH = re.compile(r"\b[a-z]{2,} [a-z]{2,} [a-z]{2,}\b")
LATER = "Try again later; what was fetched before stays available"
ERRORS: dict[str, tuple[SpecvizError, str]] = {
    "not found": (
        NotFoundError("Neither SIMBAD nor the catalogues know “HD 99999999”",
                      expected="a name (HD 140283), a Gaia source id, a LAMOST obsid, a TIC or KIC number, or a position",
                      remedy="Check the spelling, or open a file"),
        "SIMBAD 和各星表中都没有“HD 99999999”。需要：名称（如 HD 140283）、Gaia source_id、LAMOST obsid、TIC 或 KIC 编号，或坐标。"
        "请检查拼写，或打开文件。"),
    "ambiguous": (
        AmbiguousError("3 Gaia sources lie within 5″ of RA 10.1 Dec 41.2", [], remedy="Choose one by its source id"),
        "在 RA 10.1 Dec 41.2 周围 5″ 内有 3 个 Gaia 源。请按 source_id 选择一颗。"),
    "offline": (
        OfflineError("Offline: the Gaia archive was not asked: Vega has not been fetched before",
                     expected="a demo star (demo 42), a file", remedy="Try again when there is a network"),
        "未联网，没有询问 Gaia 档案：Vega 以前没有取过。需要：演示恒星（如 demo 42）或文件。联网后再试。"),
    "down": (ServiceDownError("the Gaia archive answers with a fault of its own (503)", remedy=LATER),
             "Gaia 档案自身出错（503）。请稍后再试；以前取过的仍可使用。"),
    "slow": (ServiceTimeoutError("LAMOST did not answer within 30 s", remedy=LATER),
             "LAMOST 在 30 秒内没有回答。请稍后再试；以前取过的仍可使用。"),
    "rate": (RateLimitedError("VizieR asks for fewer questions (429)", remedy=LATER),
             "VizieR 要求减少请求（429）。请稍后再试；以前取过的仍可使用。"),
    "login": (
        LoginRequiredError("LAMOST wants a login for this (401)", expected="public data, or a valid token",
                           remedy="Choose a public release, or set the token (docs/archives.md)"),
        "LAMOST 要求登录（401）。需要：公开数据，或有效的令牌（token）。请选择公开版本，或设置令牌（见 docs/archives.md）。"),
    "unreadable": (ReadError("a.fits: the gzip stream ends early", expected="a whole file", remedy="Fetch it again"),
                   "a.fits：gzip 不完整。需要：完整的文件。请重新下载。"),
    "no spectrum": (NotASpectrumError("t.csv: a table with the columns ra, dec, g_mag",
                                      expected="a wavelength and a flux column"),
                    "t.csv：表中的列是 ra, dec, g_mag。需要：波长列和流量列。"),
    "too large": (FileTooLargeError("b.fits: 812 MB", expected="at most 256 MB"),
                  "b.fits：大小为 812 MB。需要：不超过 256 MB。"),
    "layout": (UnknownLayoutError("c.bin: binary content of no known kind",
                                  expected="FITS, VOTable, CSV, ECSV, avro or npy, plain or gzip"),
               "c.bin：无法识别的二进制内容。需要：FITS、VOTable、CSV、ECSV、avro 或 npy，可用 gzip 压缩。"),
    "coverage": (CoverageError("The spectrum covers 6000-9000 A", expected="3700-9100 A for a LAMOST spectrum",
                               remedy="Check the wavelength unit, or use another spectrum of this star"),
                 "光谱覆盖 6000-9000 A。需要：LAMOST 光谱要有 3700-9100 A。请检查波长单位，或用这颗星的另一条光谱。"),
    "coverage, told by a model": (
        SpecvizError("The spectrum covers 6000-9000 A. Expected: 3700-9100 A for a LAMOST spectrum. Check the "
                     "wavelength unit, or use another spectrum of this star."),
        "光谱覆盖 6000-9000 A。需要：LAMOST 光谱要有 3700-9100 A。请检查波长单位，或用这颗星的另一条光谱。"),
    "model": (UnknownModelError("There is no model 'specklip' here", expected="one of specclip-small, lux-small",
                                remedy="Did you mean 'specclip-small'?"),
              "这里没有模型“specklip”。需要：以下之一：specclip-small, lux-small。是否指“specclip-small”？"),
    "curve": (NotFoundError("There is no light curve of demo 1 here",
                            remedy="Say “fetch its light curve” to ask MAST, or hand over a file of one"),
              "这里没有 demo 1 的光变曲线。可以说“下载它的光变曲线”向 MAST 查询，或上传光变曲线文件。"),
    "survey": (NotFoundError("HD 1 has no Gaia XP spectrum that lux-small reads", expected="LAMOST"),
               "HD 1 没有 lux-small 能用的 Gaia XP 光谱。需要：LAMOST。"),
    "label": (OptionError("specclip-small gives no 'ne_fe'", expected="some of teff, logg, fe_h"),
              "specclip-small 不给出“ne_fe”。需要：以下之中：teff, logg, fe_h。"),
    "desa": (ModelError("DESA says nothing of demo 3", expected="The light curve is 3.2 days long. Expected: at least "
                        "20 days"),
             "DESA 对 demo 3 没有结果。"),
    "option": (OptionError("similar: k='many'", expected="a whole number"), "similar 的 k 不能是“many”。需要：整数。"),
    "file": (SpecvizError("There is a file sun.csv already", remedy="Say another name"),
             "已有文件 sun.csv。请换一个文件名。"),
    "endpoint": (
        LanguageModelError("The language model at http://localhost:1/v1 cannot be reached (ConnectError)",
                           remedy="Is it running? Without it, the assistant understands plain questions"),
        "无法连接 http://localhost:1/v1 的语言模型（ConnectError）。它在运行吗？没有它，助手也能听懂简单的问题。"),
    "key": (LanguageModelError("The language model refused (401: it wants another key)", remedy="Look at http://h/v1"),
            "语言模型拒绝了请求（401：需要另一个密钥）。请检查 http://h/v1。"),
}  # fmt: skip


@pytest.mark.parametrize("kind", ERRORS)
def test_each_kind_of_error_is_said_in_chinese(kind: str) -> None:
    error, said = ERRORS[kind]
    told = problem_in("zh", error)
    assert told.startswith(said) and not _ENGLISH.search(told), told
    assert problem_in("en", error) == str(error)
    for fact in re.findall(r"[\w.]*\d[\w.]*", f"{error.what} {error.expected}"):
        assert fact.rstrip(".") in told, (fact, told)


@pytest.mark.parametrize("kind", [k for k, _ in KINDS])
def test_what_has_no_translation_is_told_by_its_kind_with_the_original(kind: Any) -> None:
    error = kind("Zorgs 17 of HD 4 are unheard of here", **({"candidates": []} if kind is AmbiguousError else {}))
    told = problem_in("zh", error)
    assert told == f"{dict(KINDS)[kind]}（原文：“Zorgs 17 of HD 4 are unheard of here”）。" and kind_of(error) in told
    error = SpecvizError("No star is in hand", expected="a strange thing of 3 m", remedy="Go and see the doctor")
    assert problem_in("zh", error) == "还没有选定恒星。需要：“a strange thing of 3 m”。原文：“Go and see the doctor”。"


def test_a_name_in_an_error_is_never_read_as_a_sentence() -> None:
    evil = "x has no such spectrum. Expected: No star is in hand. Try again"
    told = problem_in("zh", NotFoundError(f"{evil[:20]} is not at hand", expected="none"))
    assert evil[:20] in told
    assert problem_in("zh", SpecvizError("There is a file <a>已有{x}.csv already")) == "已有文件 <a>已有{x}.csv。"
    table = Table([("<a> of <b>", "<b> 的 <a>"), ("all of <name>", "<name> 的全部")])
    assert table.chinese("all of me") == "me 的全部" and table.chinese("half of me") == "me 的 half"
    assert table.chinese("nothing that is known") is None and table.chinese("3700-9100") == "3700-9100"


def test_turns_in_chinese_without_a_model(tmp_path: Path) -> None:
    talk = Conversation(Desk(online=False, device="cpu", folder=tmp_path))
    expected = {
        "它的温度是多少？": "还没有选定恒星", "获取 HD 140283": "未联网", "打开 demo 30000": "demo 1 到 demo 20000",
        "RA 400 Dec 20": "赤经在 0 到 360 度之间", "打开 demo 1": "", "找 900 颗相似的恒星": "1 到 50 颗",
        "用 StarNet 的温度": "本机没有模型 StarNet", "只用 500-501 nm": "可用像素", "在线查找关于年龄的论文": "arXiv",
        "有没有关于它的论文": "模拟的恒星", "导出参数到 a/b.csv": "不带文件夹的文件名",
    }  # fmt: skip
    for text, problem in expected.items():
        turn = talk.say(text)
        assert turn.language == "zh" and problem in turn.problem and bool(problem) == bool(turn.problem), (text, turn)
        assert not _ENGLISH.search(turn.problem.replace("demo red clump", "")), turn.problem
    turn = talk.say("看看", {"a.txt": b"remember the milk", "b.fits": b"", "c.bin": b"\x00\xff" * 300})
    assert "b.fits：空文件" in turn.problem and "c.bin：" in turn.problem and not _ENGLISH.search(turn.problem)
    assert talk.say("open demo 30000").problem.startswith("No demo star called")


def test_turns_in_chinese_with_a_model(tmp_path: Path) -> None:
    desk = Desk(online=False, device="cpu", folder=tmp_path)
    for reply, problem in (
        (401, "需要另一个密钥"), (429, "请求过多"), (500, "服务器自身出错"), (b"data: {oops\n\n", "无法读取"),
        (b'data: {"error": {"message": "out of memory"}}\n\n', "语言模型报告：out of memory"), (words(""), "没有说话"),
        (words("它有 4321 K"), "没有工具给出 4321"),
    ):  # fmt: skip
        with scripted([reply]) as (endpoint, _):
            turn = LanguageModelTalk(endpoint, desk).say("它的温度是多少？")
        assert problem in turn.problem and "Expected" not in turn.problem, turn.problem
    with scripted([words("好")]) as (endpoint, _):
        turn = LanguageModelTalk(endpoint, desk).say("看看", {"a.fits": b""})
    assert turn.problem.startswith("a.fits：空文件")


def test_settings_are_answered_in_the_language_of_the_conversation(tmp_path: Path) -> None:
    talking = Talking(Desk(online=False, device="cpu", folder=tmp_path))
    talking.use_endpoint("ftp://x", "m")
    assert "is no address of a language model" in talking.state.problem
    talking.say("你好")
    talking.wait()
    talking.use_endpoint("ftp://x", "m")
    assert talking.state.problem.startswith("“ftp://x”不是语言模型的地址。")
    talking.close()


def test_notes_reasons_and_classes_are_said_in_chinese() -> None:
    for english, chinese in {
        "S/N 9: use with care": "信噪比 9：请谨慎使用", "Red arm missing": "缺少红臂", "Join of the arms": "两臂衔接处",
        "TiO band 7054 Å": "TiO 带 7054 Å", "[Fe/H], [α/Fe] outside training range": "[Fe/H], [α/Fe] 超出训练范围",
        "prior": "由先验决定", "M dwarf": "M 型矮星", "carbon star": "碳星", "LASP": "LASP",
        "LAMOST is off its reconstruction by 1.25 σ rms, most at Sky line 5577 Å; 0.3 % of 3,000 simulated stars are as "
        "odd in this.": "LAMOST 与其重建相差 1.25 σ（均方根），最大处为天光线 5577 Å；3,000 颗模拟恒星中有 0.3 % 在这方面这样异常",
    }.items():  # fmt: skip
        assert remark_in("zh", english) == chinese and remark_in("en", english) == english
    assert text_in("zh", "DESA reads no gaia_xp spectra. Expected: a LAMOST-like one.") == (
        "DESA 不读 gaia_xp 光谱。需要：类似 LAMOST 的光谱。"
    )
    absent = "specclip-official is not on this machine. specviz models pull specclip-official brings it."
    assert remark_in("zh", absent) == "本机没有 specclip-official。用 specviz models pull specclip-official 取得。"
    assert remark_in("zh", "Dr. No was here. He left.") == "Dr. No was here. He left."
    assert text_in("en", "As it is.") == "As it is." and text_in("zh", "") == ""


def test_answers_in_chinese_hold_no_english_sentence(tmp_path: Path) -> None:
    talk = Conversation(Desk(online=False, device="cpu", folder=tmp_path))
    for text in ("打开 demo 900", "它有什么异常吗", "demo 1、demo 22、demo 24 中哪颗最异常？", "打开 demo 22", "光变曲线",
                 "只用红端", "它的年龄多大", "有哪些模型？", "导出后验到 a.fits", "为什么是这个温度？"):  # fmt: skip
        turn = talk.say(text)
        assert turn.text and not turn.problem and not _ENGLISH.search(turn.text), (text, turn.text)
