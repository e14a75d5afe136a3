"""The words of both languages: labels, surveys, actions. Regular expressions on text that was folded by ``fold``."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Literal

Language = Literal["en", "zh"]
_HAN = re.compile(r"[\u3400-\u9fff]")
_BORDER = re.compile(r"(?<=[\u3400-\u9fff])(?=[A-Za-z0-9\[+-])|(?<=[A-Za-z0-9\]])(?=[\u3400-\u9fff])")


def language_of(text: str) -> Language:
    """Chinese where there is a Chinese character, else English."""
    return "zh" if _HAN.search(text) else "en"


#: Marks of minutes and seconds, long dashes, curly apostrophes; what compatibility forms would make two marks of.
_PLAIN = str.maketrans(
    {
        **dict.fromkeys("\u2032\u2019\u02bc", "'"),
        "\u2033": '"',
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
    }
)
#: Traditional characters of words that are known here, as simplified ones.
_SIMPLER = str.maketrans(
    "溫開啟為麼這顆預測類鄰數參譜豐屬異導畫顯個誤確來論獻恆換較擬組樣還後對幫說見視錯請給項質檢線釋離臨總會哪換與",
    "温开启为么这颗预测类邻数参谱丰属异导画显个误确来论献恒换较拟组样还后对帮说见视错请给项质检线释离临总会哪换与",
)


def fold(text: str) -> str:
    """Compatibility forms made plain (full-width letters, long dashes), invisible characters gone, white space single.

    Case is kept.
    """
    plain = unicodedata.normalize("NFKC", text.translate(_PLAIN)).translate(_PLAIN)
    seen = (c for c in plain if unicodedata.category(c) != "Cf")
    return " ".join("".join(c if c.isprintable() else " " for c in seen).split())


def spaced(text: str) -> str:
    """A folded text with blanks between Chinese and other letters, and its traditional characters made simplified."""
    return _BORDER.sub(" ", text).translate(_SIMPLER)


#: Symbol -> names in English and Chinese, of elements that a model may know.
ELEMENTS: Mapping[str, tuple[str, str]] = {
    "c": ("carbon", "碳"), "n": ("nitrogen", "氮"), "o": ("oxygen", "氧"), "na": ("sodium", "钠"),
    "mg": ("magnesium", "镁"), "al": ("alumini?um", "铝"), "si": ("silicon", "硅"), "s": ("sulph?f?ur", "硫"),
    "k": ("potassium", "钾"), "ca": ("calcium", "钙"), "ti": ("titanium", "钛"), "v": ("vanadium", "钒"),
    "cr": ("chromium", "铬"), "mn": ("manganese", "锰"), "ni": ("nickel", "镍"), "cu": ("copper", "铜"),
    "zn": ("zinc", "锌"), "sr": ("strontium", "锶"), "y": ("yttrium", "钇"), "zr": ("zirconium", "锆"),
    "ba": ("barium", "钡"), "la": ("lanthanum", "镧"), "nd": ("neodymium", "钕"), "eu": ("europium", "铕"),
}  # fmt: skip
#: Label -> how it is called, in either language.
LABELS: Mapping[str, str] = {
    "teff": r"\bt_? ?eff\b|effective temperature|\btemperatures?\b|\btemp\b|\bhow (?:hot|cool|cold|warm)\b"
    r"|\b(?:is|are|it|stars?) (?:\w+ )?(?:hot|cool|cold)\b"
    r"|\b(?:hotter|hottest|cooler|coolest)\b|有效温度|温度|多热|更热|最热|更冷|(?:多少|几) ?度|热不热|(?:热|冷)吗"
    r"|有多冷",
    "logg": r"\blog ?\(?g\)?(?![a-z])|surface gravit(?:y|ies)|\bgravit(?:y|ies)\b"
    r"|\b(?:is|are) .*\b(?:giants?|dwarfs?|evolved|main.sequence)\b"
    r"|表面重力|重力|巨星|矮星|主序",
    "fe_h": r"\bhalo\b|\bthick.dis[ck]\b|晕族|厚盘|\[?fe ?/ ?h\]?|\[m ?/ ?h\]|\bfe_h\b|\bfeh\b|metallicit(?:y|ies)"
    r"|\bmetals?\b|\bmetal.?(?:poor|rich)"
    r"|\biron\b"
    r"|金属丰度|金属度|金属性|金属含量|铁丰度|铁含量|(?:贫|富)金属|含铁",
    "alpha_fe": r"\[?(?:alpha|α)(?: ?/ ?fe\]?|_fe| elements?| enhance\w*| abundance|.?rich|.?poor)"
    r"|(?<!\bh )\balphas?\b(?! cen)"
    r"|[αα] ?元素|阿尔法|α ?(?:丰度|增丰|增强|富)",
    "rv": r"\brv\b|radial velocit(?:y|ies)|\bvelocit(?:y|ies)\b|how fast|moving (?:to|away)|\bapproaching\b|reced"
    r"|视向速度|径向速度|速度|远离|靠近|退行",
    "ebv": r"\be ?\(?b ?- ?v\)?|\bebv\b|redden(?:ing|ed)|extinction|\bdust(?:y)?\b|红化|消光|尘埃",
    "vsini": r"\bv ?sin ?\(?i\)?|自转速度",
    **{
        f"{symbol}_fe": rf"\[{symbol} ?/ ?(?:fe|h)\]|\b{symbol} ?/ ?(?:fe|h)\b|\b{symbol}_fe\b|\b{english}\b"
        rf"|\b{symbol} (?:abundance|content)|{chinese}(?:的)? ?(?:丰度|元素|含量|呢|多不多)|含{chinese}"
        rf"|{chinese}(?=[和与、及][^丰度，,。]{{1,6}}(?:的)? ?(?:丰度|含量))"
        for symbol, (english, chinese) in ELEMENTS.items()
    },
}
#: Which spectrum.
SURVEYS: Mapping[str, str] = {
    "xp": r"\bxp\b|\bbp ?/? ?rp\b|gaia(?:'s)? (?:xp )?(?:low.res\w* )?spectr(?:um|a)|(?:from|with|by|in|only) gaia"
    r"|\bgaia (?:only|alone|instead)|盖亚",
    "lamost": r"\blamost\b(?! ?j?\d)|\boptical\b|\blrs\b|郭守敬|光学",
}
#: Tool -> what asks for it. A text may ask for several; they are called in the order in which they stand there.
ACTIONS: Mapping[str, str] = {
    "help": r"\bhelp\b|what (?:can|could|do) (?:you|i) (?:do|ask|say)|what are you able|how do(?:es)? (?:this|it"
    r"|you) work"
    r"|how (?:do|can) i (?:use|start|begin)|帮助|你能做什么|怎么用|能干什么|会什么|能问什么|可以做什么|如何使用"
    r"|怎么开始",
    "models": r"\b(?:which|what|list|how many)(?: \w+)? models\b|models (?:do you have|are (?:there|available))"
    r"|what model|which model|(?:哪些|什么|哪个|几个|多少个?) ?模型|列出.{0,6}模型|模型列表|模型有哪些",
    "why": r"\bwhy\b|(?:which|what) (?:spectral |absorption )?(?:lines?|features?|pixels|part of the spectrum)"
    r"|\bhow (?:do|does|did|can) (?:you|it|the model) (?:know|tell|get|see)|where does .* come from|explain"
    r"|为什么|为何|凭什么|(?:哪些|什么|哪条) ?(?:谱线|线|特征|吸收线)|解释|怎么(?:知道|得出|得到|看出|来)|依据",
    "posterior": r"are you (?:sure|certain)|\breally\?|确定吗|真的吗|posterior|distribution|uncertaint(?:y|ies)"
    r"|how (?:sure|certain|uncertain|precise|accurate|well)"
    r"|error ?bars?|\berrors?\b|\bintervals?\b|credible|confidence|confident|correlat|degenera"
    r"|后验|分布|不确定|误差|置信|有多准|多准确|准不准|有把握|可信区间|相关性?|精度",
    "oddness": r"\bemission\b|\bresiduals?\b|发射线|残差|\bodd\b|\bodd(?:ity|ness)\b|anomal|outlier\b|strange"
    r"|unusual|\bweird|\bnormal\b|abnormal"
    r"|peculiar|quality|\bflags?\b|anything wrong|\btrust|reliab|\bbelieve\b|suspicious|\bis (?:it|that|this) ok\b"
    r"|good (?:enough|spectrum)|\bany good\b|bad (?:pixels|spectrum)|异常|奇怪|奇特|反常|(?:光谱|数据)的?质量"
    r"|坏像素|坏点|质量(?:好|怎|如何|检查|标)|正常|可靠|可信(?!区间)|靠谱|特殊|怪",
    "translate": r"predict|translat|what would (?:gaia|lamost|it|xp)|as (?:gaia|lamost) (?:would|sees)"
    r"|would (?:gaia|lamost) (?:see|look|observe)|look like (?:in|to|for) (?:gaia|xp|lamost)|reconstruct"
    r"|(?:盖亚|gaia|lamost|xp).{0,6}(?:看到|看起来|拍到|观测到).{0,8}什么样|重建"
    r"|预测|翻译|转换|推断.*光谱|推出.*光谱|生成.*光谱",
    "compare": r"\bcompare\b.*\b(?:models?|catalogues?|catalogs?|pipelines?)\b|all (?:the |your |of the )?models"
    r"|(?:every|each|other|different) models?|agree\w* with (?:the )?(?:catalog|literature|gaia|lamost|pipeline|other)"
    r"|models? (?:all )?(?:disagree|agree|say)|do .*\bmodels?\b.* agree|face.?off|second opinion"
    r"|(?:所有|各个|全部|每个|其他|别的|不同|多个)(?:的)? ?模型|比较模型|模型.*(?:比较|一致|对比)|(?:与|和"
    r"|跟).{0,12}星表.{0,4}比|对比模型|与星表(?:一致"
    r"|比较|相符)",
    "similar": r"similar|neighbou?rs?|\blike (?:it|this|that|this one|this star)\b|look-?alikes?|\bnearest\b"
    r"|\bclosest\b"
    r"|resembl|twins?\b|siblings?|相似|类似|邻居|近邻|相像|双胞胎|孪生|差不多的|像它|最像|跟它.{0,4}像|长得像",
    "outliers": r"(?:oddest|strangest|weirdest|rank|outliers) (?:of|among|in)|most (?:unusual|anomalous"
    r"|peculiar) (?:of|among)"
    r"|(?:which|what|who) (?:of (?:them|these|those|\w+)|one|star|file)?.*\b(?:oddest|strangest|weirdest|is odd"
    r"|most unusual)"
    r"|rank (?:them|these|the|all)|最奇怪|最异常|最特殊|最怪|最反常|排序|排名|排个序|排一下",
    "abundances": r"\babundances\b|\bchemistry\b|chemical|28 labels|made of\b|composition"
    r"|fit (?:the |its )?(?:labels|elements|spectrum)|all (?:the )?elements|which elements"
    r"|elements\b|元素丰度|化学丰度|化学组成|化学成分|(?:什么|哪些)元素|全部丰度|所有元素|各元素|拟合|成分",
    "light_curve": r"light ?curves?|\bperiods?\b|rotat|variab(?:le|ility)|puls(?:ate|ating|ation)|oscillat|eclips"
    r"|transits?\b"
    r"|光变|光度曲线|周期|自转(?!速度)|变星|脉动|振荡|食双星|凌星",
    "desa": r"\bdesa\b|how old|\bages?\b|\byoung\b|\bold\b|\bbinar(?:y|ies)\b|companion|double star"
    r"|年龄|多大(?:年纪|岁数|了)|多老|年轻|双星|伴星",
    "stretch": r"\bstretch|(?:blue|red) (?:arm|part|half|end|side)|only (?:the )?(?:part|region|range)|\d ?(?:-"
    r"|to) ?\d{4}"
    r"|(?:around|near|from) (?:the )?(?:h ?alpha|hα|mg ?b|magnesium triplet|ca(?:lcium)? ?(?:ii )?triplet)"
    r"|(?:h ?alpha|hα|mg ?b|triplet) (?:alone|only)|(?:仅|只)(?:用|看|靠).*(?:三重|h ?α|mg ?b)"
    r"|(?:蓝|红)(?:端|臂|区)|波段|只用.*(?:埃|部分|段)|这一?段",
    "papers": r"\bwho (?:wrote|developed|proposed|trained|made|built|created)\b|谁(?:写|提出|训练|做|开发)"
    r"|\bpapers?\b|literature|publications?"
    r"|\bcite\b|citation|\breferences?\b(?! stars?)|articles?\b"
    r"|bibliograph|\bread (?:about|on|more)\b|\bads\b|\barxiv\b|论文|文献|引用|参考|文章|综述",
    "export": r"\bexport\b|\bsave\b|\bwrite\b.*\b(?:to|into|as|file)\b|\bdownload\b|\bstore\b|\bdump\b"
    r"|导出|保存|下载|存为|存成|存到|另存|写入|写到|输出到",
    "show": r"\b(?:show|plot|draw|display|see|view)\b"
    r"(?=.*\b(?:spectrum|spectra|xp|posteriors?|star|it|neighbou?rs|everything|picture|corner|lamost)\b)"
    r"|\b(?:plot|draw|picture|graph)\b|画|绘制|显示|看一?看|作图|绘图|展示|图",
    "labels": r"everything you|all you know|(?:which|what) class\b"
    r"|param(?:eter)?s?\b|\blabels?\b|propert(?:y|ies)|what (?:kind|sort|type)s? of (?:a )?star|stellar type"
    r"|spectral (?:type|class)|tell me (?:more\b|about)|\bdescribe\b|\banaly[sz]e\b|characteri[sz]e|\bmeasure\b"
    r"|\bresults?\b"
    r"|what (?:is|do we know about) (?:it|this star)\b|\bwhat do you (?:think|make) of\b|参数|性质"
    r"|什么(?:样的?)?恒星|什么星"
    r"|类型|信息|光谱型|分析|介绍|结果|测量",
    "star": r"where is|where (?:in|on) the sky|在(?:天上|天空|天球上)?(?:的)?(?:哪里|哪儿|什么位置|何处)"
    r"|position|coordinates|catalogue? values?|catalogs? say|catalogues? say|\bsnr\b|\bs/n\b"
    r"|signal.to.noise"
    r"|how noisy|which (?:spectra|surveys|star)|what (?:spectra|data|star)\b|位置|坐标|信噪比|星表|噪声|哪些光谱"
    r"|什么数据"
    r"|有什么光谱|哪颗星|什么光谱",
}
#: What takes up what was asked before.
AGAIN = (
    r"\b(?:the )?same\b|\bagain\b|\bonce more\b|\brepeat\b|\bredo\b|\bwhat about\b|\bhow about\b|\bwhat if\b|^and\b"
    r"|\balso\b|\btoo\b|\binstead\b|^no\b|\bi mean|\bi meant|\bmore\b|\bthen\b|\bother(?:wise)?\b|^(?:not|now|then"
    r"|try|with|by|in"
    r"|from|using)\b"
    r"|同样|一样|再来|再(?:做|算|试|找|给|多)|更多|重(?:新|做|来|复)|那么|^那|呢|换|改|不对|不是|我是说|应该是|错了|也"
    r"|怎么样|如何"
)
#: What opens a star.
OPENING = (
    r"\b(?:open|load|fetch|get|find|look at|look up|show me|take|go to|switch to|analyse|analyze|examine|try|give me"
    r"|search for|pull up|bring up|retrieve)\b"
    r"|打开|加载|载入|获取|查找|查询|查一?下?|找一?下|找到|看一?下|看一?看|换成|换到|切换到|分析|下载|调出|取"
)
#: What takes back the thing that stands right after it.
DENIED = r"(?:\bnot|n't|\binstead of|\brather than|\bexcept|\bwithout|\bnever|不是|而非|不要|不用|别用|别|除了|而不是)"
NUMBER_WORDS: Mapping[str, int] = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "dozen": 12, "fifteen": 15, "twenty": 20, "fifty": 50, "couple": 2, "一": 1, "两": 2, "二": 2, "三": 3, "四": 4,
    "五": 5, "六": 6, "七": 7, "八": 8, "九": 9, "十": 10, "十二": 12, "十五": 15, "二十": 20, "三十": 30, "五十": 50,
}  # fmt: skip
EXPORTS: Mapping[str, str] = {
    "posterior": r"posterior|samples|后验|样本",
    "report": r"report|everything|all (?:the |its )?results|报告|全部|所有结果",
    "similar": r"similar|neighbou?r|twins|相似|近邻|邻居",
    "predictions": r"predict|预测",
    "labels": r"labels?|parameters?|参数|结果",
    "spectra": r"spectr(?:um|a)|光谱",
}
VIEWS: Mapping[str, str] = {
    "posterior": r"posterior|corner|distribution|后验|分布",
    "similar": r"similar|neighbou?r|相似|邻居",
    "xp": SURVEYS["xp"],
    "spectrum": r"spectr(?:um|a)|\blamost\b|光谱",
}
#: Stretches of the spectrum that have a name, as the tool of SpectraFM calls them.
PARTS: Mapping[str, str] = {
    "blue arm": r"\bblue\b|蓝",
    "red arm": r"\bred (?:arm|part|half|end|side)|红(?:端|臂|区)",
    "h alpha": r"\bh ?alpha\b|h ?α",
    "mg b": r"\bmg ?b\b|magnesium triplet|镁三重",
    "ca ii triplet": r"\bca(?:lcium)? ?(?:ii )?triplet|钙三重",
}
#: What can be said, for help and for what was not understood.
EXAMPLES: Mapping[Language, tuple[str, ...]] = {
    "en": (
        "open demo 12", "what are its parameters?", "the same with XP", "how sure are you of the metallicity?",
        "find 10 similar stars", "why this temperature?", "predict its XP spectrum", "compare all models",
        "is anything odd about it?", "fit the abundances",  "export the labels to labels.ecsv",
    ),
    "zh": (
        "打开 demo 12", "它的参数是什么?", "用 XP 再来一次", "金属丰度的不确定度是多少?", "找 10 颗相似的恒星",
        "为什么是这个温度?", "预测它的 XP 光谱", "比较所有模型", "它有什么异常吗?", "拟合元素丰度",
         "导出参数到 labels.ecsv",
    ),
}  # fmt: skip
#: What could be said where something is missing, by what it is.
MISSING_EXAMPLES: Mapping[Language, Mapping[str, tuple[str, ...]]] = {
    "en": {
        "label": ("why this temperature?", "why this metallicity?"),
        "file": ("export the labels to labels.ecsv", "export the posterior to posterior.fits"),
        "stars": ("which is the oddest of demo 1, demo 2 and demo 3?",),
        "which": ("find 10 similar stars", "open demo 12"),
    },
    "zh": {
        "label": ("为什么是这个温度?", "为什么是这个金属丰度?"),
        "file": ("导出参数到 labels.ecsv", "导出后验到 posterior.fits"),
        "stars": ("demo 1、demo 2、demo 3 中哪颗最异常?",),
        "which": ("找 10 颗相似的恒星", "打开 demo 12"),
    },
}
