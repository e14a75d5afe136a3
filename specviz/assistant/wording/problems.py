"""``problem_in``: an error of the library in the language of the person.

The errors themselves stay as they are. In Chinese the sentence is looked up in the tables beside this module; one that
is not there is told by its kind, with the original after it, so that no name, number or expected value is lost.
"""

from __future__ import annotations

from collections.abc import Mapping

from specviz import errors
from specviz.assistant.intents.vocabulary import Language
from specviz.assistant.llm.errors import LanguageModelError
from specviz.assistant.wording.file_rows import FILES, SPECTRA
from specviz.assistant.wording.patterns import ORIGINAL, Table, ended, needed, quoted
from specviz.assistant.wording.problem_rows import LANGUAGE_MODEL, SERVICES, STARS, TOOLS
from specviz.assistant.wording.remark_rows import CHECKS, CLASSES, MODELS, NOTES, ODDITIES, PLACES, TABLES

_PROBLEMS = (LANGUAGE_MODEL, STARS, TOOLS, FILES, SPECTRA, SERVICES)
#: Of errors, and of all that stands in a tool's answer.
TABLE, REMARKS = Table(*_PROBLEMS), Table(CHECKS, PLACES, ODDITIES, NOTES, CLASSES, MODELS, TABLES, *_PROBLEMS)
STOPPED: Mapping[Language, str] = {"en": "Stopped", "zh": "已停止"}
#: Numbers of a language model that no tool gave.
UNSEEN: Mapping[Language, str] = {
    "en": "No tool gave {numbers}: marked in the text",
    "zh": "没有工具给出 {numbers}，已在文中标出。",
}
#: What each kind of error means; the first that an error is one of.
KINDS: tuple[tuple[type[BaseException], str], ...] = (
    (errors.CancelledError, "已停止"),
    (errors.OfflineError, "没有网络，未能查询"),
    (errors.ServiceTimeoutError, "网络服务没有及时回答"),
    (errors.ServiceDownError, "网络服务暂时不可用"),
    (errors.RateLimitedError, "网络服务要求减少请求"),
    (errors.LoginRequiredError, "网络服务要求登录"),
    (errors.BadReplyError, "网络服务的回答无法使用"),
    (errors.QueryError, "网络服务拒绝了请求"),
    (errors.ArchiveError, "网络服务没有给出结果"),
    (errors.AmbiguousError, "所指不止一个"),
    (errors.NotFoundError, "没有找到"),
    (errors.UnknownModelError, "没有这个模型"),
    (errors.ModelError, "模型做不到"),
    (errors.CheckpointError, "模型的权重不能使用"),
    (errors.CatalogError, "星表不能使用"),
    (errors.JournalError, "记录文件不能使用"),
    (errors.UnknownLayoutError, "文件的格式无法识别"),
    (errors.NotASpectrumError, "文件中没有光谱"),
    (errors.FileTooLargeError, "文件太大"),
    (errors.ReadError, "文件无法读取"),
    (errors.CoverageError, "光谱没有覆盖所需的波长"),
    (errors.SpectrumError, "光谱数据不能使用"),
    (LanguageModelError, "语言模型出了问题"),
    (errors.OptionError, "参数不对"),
    (errors.SpecvizError, "没有做成"),
)


def problem_in(language: Language, error: errors.SpecvizError) -> str:
    """What went wrong, what was expected and what to do, as one text.

    Parameters
    ----------
    language : {"en", "zh"}
    error : SpecvizError
    """
    if language != "zh":
        return str(error)
    what = TABLE.chinese(error.what)
    if what is None:
        known = TABLE.passage(error.what)
        what = known if ORIGINAL not in known else f"{kind_of(error)}（{quoted(error.what.strip().rstrip('.'))}）"
    said = ended(what) + needed(TABLE.list(error.expected.rstrip(".")))
    return said + (TABLE.passage(error.remedy) if error.remedy else "")


def text_in(language: Language, text: str) -> str:
    """A text of the library that is no error by itself, such as why a model gave no answer."""
    return text if language != "zh" or not text else REMARKS.passage(text)


def remark_in(language: Language, text: str) -> str:
    """A word or a sentence of a tool's answer: a check, a reason, a note, a class; as it is where it is not known."""
    if language != "zh" or not text:
        return text
    if " Expected: " in text or ". " in text:  # why something is not there: an error, told whole
        said = REMARKS.passage(text)
        return text if ORIGINAL in said else said
    known = REMARKS.chinese(text)
    return known if known is not None else text.removesuffix(".")


def kind_of(error: BaseException) -> str:
    """The kind of an error in Chinese."""
    return next((said for kind, said in KINDS if isinstance(error, kind)), "没有做成")


def joined(language: Language, problems: list[str]) -> str:
    """Problems one after another, each once."""
    return ("" if language == "zh" else " ").join(dict.fromkeys(filter(None, problems)))
