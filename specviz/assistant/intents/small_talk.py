"""What is said that asks for no tool: greetings, terms to explain, and questions that lie outside."""

from __future__ import annotations

import re
from collections.abc import Mapping

#: Reply -> what asks for it; only heard where no tool, star or label is.
TALK: Mapping[str, str] = {
    "thanks": r"\bthank|\bthx\b|\bcheers\b|\bgreat\b|\bcool\W*$|\bnice\b|\bperfect\b|\bwow\b|谢|多谢|太好了|很好"
    r"|不错|厉害",
    "bye": r"\bbye\b|good ?night|see you|再见|拜拜|晚安",
    "who": r"who (?:are|made) you|what are you|are you (?:a |an )?(?:human|robot|ai|chatgpt|bot|gpt|llm|language model)"
    r"|你是谁|你是(?:什么|人|机器人|ai)|谁(?:做|开发)的",
    "hello": r"^\W*(?:hi|hello|hey|hallo|good (?:morning|evening|afternoon)|greetings)\b|^\W*(?:你好|您好|嗨|哈喽"
    r"|大家好|早上好|晚上好|在吗)",
    "fine": r"^\W*(?:ok(?:ay)?|yes|yep|sure|alright|good|i see|got it|no|nope|stop|never ?mind|cancel|forget it"
    r"|hm+)\W*$|^\W*(?:好的?|嗯+|明白|知道了"
    r"|是的?|行|可以|懂了|算了|停|取消)[了啊吧呀]*\W*$",
}
#: Asked of a star, and no tool here measures it.
UNMEASURED = (
    r"\bdistances?\b|\bhow far\b|\bparallax|\bluminosit|\bplanets?\b|exoplanet|habitable|\baliens?\b|\blife on\b"
    r"|\bproper motion|\bhow (?:bright|heavy|massive|big|large)\b|\bmagnitudes?\b|\bmass\b|\bradius\b|\bconstellation"
    r"|\bblack hole|\bsupernova|\bgalax(?:y|ies)\b|\bredshift\b|\bcolou?r\b|\bsize\b"
    r"|距离|多远|视差|光度|行星|宜居|外星|自行|多亮|多重|多大|星等|质量是|半径|星座|黑洞|超新星|星系|红移|颜色"
)
#: Replies that nothing which was said before can turn into a question.
OUTSIDE = ("no_guess", "elsewhere", "unmeasured", "who", "hello", "bye")
#: Of those, what is said beside an answer to the rest of a question.
MEASURED_NOT = (
    r"\bdistance\b|\bhow far\b|\bparallax|\bluminosity|\bplanets?\b|\bproper motion|\bmass\b|\bradius\b"
    r"|距离|多远|视差|光度(?!曲线)|行星|半径|质量(?:是多少|有多大|多大)"
)
#: A number that nobody measured.
GUESS = (
    r"\bguess|make (?:it |one |something |a number )?up|\binvent|\bpretend|from memory|roughly know|编(?:一|个"
    r"|造)|猜|凭记忆|随便(?:说|给)|假装"
)
#: About something else altogether.
ELSEWHERE = (
    r"weather|\bjokes?\b|poem|\bsong\b|recipe|\bnews\b|football|stocks?\b|bitcoin|president|horoscope|astrolog|zodiac"
    r"|my (?:thesis|homework|essay)|write (?:me )?(?:a|an|some) (?:essay|story|code|program|poem)|\bpython\b|what time"
    r"|\blove\b|movie|restaurant|password|天气|笑话|诗|唱|歌|菜|新闻|足球|股票|比特币|总统|运势|占星|算命|作业|作文"
    r"|写(?:一|个|篇)"
    r"|编程|几点|电影|餐厅|密码|爱我"
)
#: Term of the glossary -> what names it, on text with blanks between Chinese and other letters.
TERMS: Mapping[str, str] = {
    "teff": r"t_?eff|effective temperature|有效温度", "logg": r"log ?g|surface gravity|表面重力",
    "fe_h": r"\[?fe ?/ ?h\]?|metallicity|\[?m ?/ ?h\]?|金属丰度",
    "alpha_fe": r"\[?(?:alpha|α) ?/ ?fe\]?|alpha elements?|[αα] ?元素",
    "rv": r"radial velocity|rv|视向速度", "ebv": r"e\(b-v\)|reddening|extinction|消光|红化", "dex": r"dex",
    "snr": r"s/n|snr|signal.to.noise(?: ratio)?|信噪比", "posterior": r"posteriors?(?: distribution)?|后验(?:分布)?",
    "xp": r"(?:gaia )?xp(?: spectr(?:um|a))?|bp/?rp|xp ?光谱", "lamost": r"lamost", "gaia": r"gaia|盖亚",
    "specclip": r"spec ?clip(?:-small)?", "spectrafm": r"spectra ?fm(?:-small)?", "desa": r"desa(?:-small)?",
    "lux": r"lux(?:-small)?", "phdlspec": r"phdlspec(?:-fit|-small)?", "embedding": r"embeddings?|嵌入(?:向量)?",
    "anomaly": r"anomaly(?: score)?|oddness|异常(?:值|度|百分位)?", "chi2": r"chi2|χ2|chi.?squared?|卡方",
    "spectrum": r"(?:stellar )?spectrum|spectra|光谱", "giant": r"red giants?|giants?|红?巨星",
    "dwarf": r"dwarfs?|dwarf stars?|矮星",
    "obsid": r"obsid", "source_id": r"source_?id", "extrapolation": r"extrapolation|外推(?:值)?",
}  # fmt: skip
_ARTICLE = r"(?:an? |the term |the word |meant by |“|\")?"
_OPEN = re.compile(
    rf"^(?:so |and |but |sorry,? |please |hi,? |wait,? |ok,? )*(?:what(?: is|'s| are|s)|define"
    rf"|explain(?: to me)?(?: what)?|what do you mean by|tell me what)"
    rf" {_ARTICLE}(?P<a>.+?)(?: is| are| means?)?[\"”]?(?: exactly| again| please)?[ ?.!]*$"
    rf"|^(?:so |and |but |sorry,? )*what does {_ARTICLE}(?P<b>.+?)[\"”]? (?:mean|stand for|do)\b"
    r"|^(?:请问|那|那么|请|老师)?[,，]? ?(?:什么(?:是|叫做?)|解释一?下|何为|何谓) ?(?P<c>.+?) ?[ ?？。!]*$"
    r"|^(?:请问|那|那么|老师)?[,，]? ?(?P<d>.+?) ?(?:是什么(?:意思|东西|呀|啊|呢)?|是啥(?:意思)?|的(?:含义|意思"
    r"|定义)(?:是什么)?|指(?:的是)?什么|什么意思) ?[ ?？。!]*$"
)


def term_of(lower: str) -> str:
    """The term that a text asks the meaning of, "" if it asks for none."""
    match = _OPEN.search(lower)
    if match is None:
        return ""
    asked = next(g for g in match.groups() if g).strip()
    return next((term for term, pattern in TERMS.items() if re.fullmatch(pattern, asked)), "")


def talk_of(lower: str) -> str:
    """What is said back without a tool, by the name of its phrase; "" if nothing is known to be."""
    if re.search(GUESS, lower):
        return "no_guess"
    if re.search(ELSEWHERE, lower):
        return "elsewhere"
    if re.search(UNMEASURED, lower):
        return "unmeasured"
    return next((name for name, pattern in TALK.items() if re.search(pattern, lower)), "")
