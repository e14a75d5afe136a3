"""三十段中文对话：人说的话、应有的调用、回答。格式见 :mod:`dialogues_en`。"""

from __future__ import annotations

from typing import Any

Line = tuple[Any, ...]
CHINESE: dict[str, list[Line]] = {
    "学生的第一颗星": [
        ("你好", "~", r"^你好"),
        ("打开一颗类太阳恒星", "load(name='demo sun-like'), labels()", r"^demo 1（RA .*Teff 58\d\d"),
        ("它是巨星还是矮星？", "labels(only=['logg'])", r"log g 4\.4"),
        ("什么是表面重力？", "~", r"^表面重力"),
        ("温度呢", "labels(only=['teff'])", r"Teff 58\d\d"),
        ("谢谢老师", "~", r"不客气"),
    ],
    "用 XP 再来一次": [
        ("打开demo2", "load(name='demo 2'), labels()", r"Teff 43\d\d"),
        ("用XP再来一次", "labels(survey='xp')", r"由 Gaia XP 光谱：Teff"),
        ("不要用XP，用LAMOST", "labels(survey='lamost')", r"由 LAMOST 光谱"),
        ("金属丰度是多少？", "labels(only=['fe_h'])", r"\[Fe/H\]"),
        ("有多准？", "posterior(label='fe_h')", r"68 % 区间"),
        ("XP 呢", "posterior(label='fe_h', survey='xp')", r"^demo 2 的 \[Fe/H\]"),
    ],
    "它的邻居": [
        ("demo 5 的参数", "load(name='demo 5'), labels()", r"\[Fe/H\] −2"),
        ("它的邻居呢？", "similar()", r"最相似的 5 颗"),
        ("要10颗", "similar(k=10)", r"最相似的 10 颗"),
        ("按XP找", "similar(k=10, by='xp')", r"^20000 颗恒星中最相似的 10 颗"),
        ("那第二颗呢", "load(name='demo 4023'), labels()", r"^demo 4023（RA"),
        ("回到上一颗", "load(name='demo 5'), labels()", r"^demo 5（RA"),
    ],
    "论文里的 Gaia 编号": [
        (
            "查询Gaia DR3 4345775217221821312",
            "fetch(name='Gaia DR3 4345775217221821312'), labels()",
            r"^Gaia DR3 4345775217221821312",
        ),
        ("它是贫金属星吗？", "labels(only=['fe_h'])", r"\[Fe/H\] −2"),
        ("凭什么这么说？", "why(label='fe_h')", r"主要来自"),
        ("其他模型怎么看？", "compare()", r"Teff：.*lux-small"),
    ],
    "匆忙输入的 obsid": [
        ("ｏｂｓｉｄ：３５３３０１００１的温渡", "fetch(name='obsid 353301001'), labels(only=['teff'])", r"Teff \d{4}"),
        ("误差多大", "posterior(label='teff')", r"95 % 区间"),
        ("找几颗相视的恒星", "similar()", r"最相似"),
        ("再多找一些", "similar(k=10)", r"最相似的 10 颗"),
    ],
    "带单位的坐标": [
        ("分析 RA 235.7629 Dec -10.9336 的恒星", "fetch(name='RA 235.7629 Dec -10.9336'), labels()", r"Teff"),
        ("它的坐标和信噪比？", "star()", r"信噪比 \d"),
        ("15h43m03.1s −10°56′01″", "fetch(name='15h43m03.1s -10°56\\'01\"'), labels()", r"光谱：Teff"),
    ],
    "有名的恒星": [
        ("织女星有多热？", "fetch(name='Vega'), labels(only=['teff'])", r"Teff \d{4}"),
        ("那大角星呢？", "fetch(name='Arcturus'), labels(only=['teff'])", r"^Arcturus"),
        ("回到上一颗", "fetch(name='Vega'), labels()", r"^Vega"),
    ],
    "连不上档案 (offline)": [
        ("获取HD 140283", "fetch(name='HD 140283')", r"!未联网"),
        ("它的参数是什么？", "labels()", r"!还没有选定恒星"),
        ("那就打开demo 6吧", "load(name='demo 6'), labels()", r"^demo 6"),
    ],
    "还没有恒星": [
        ("它的参数是什么？", "labels()", r"!还没有选定恒星"),
        ("第二颗", "~", r"哪一颗"),
        ("为什么？", "~", r"^哪个参数"),
        ("怎么用？", "help()", r"打开 demo 12"),
        ("打开 demo 12", "load(name='demo 12'), labels()", r"^demo 12"),
        ("温度是怎么得出来的？", "why(label='teff')", r"主要来自"),
    ],
    "我自己的 FITS": [
        ("", "star(), labels()", r"Teff", {"我的光谱1.fits": "demo 3 as fits"}),
        ("有没有和它差不多的星？", "similar()", r"最相似"),
        ("表面重力是多少", "labels(only=['logg'])", r"log g"),
        ("光谱质量怎么样", "oddness()", r"更异常"),
        ("打开我的光谱1.fits", "load(name='我的光谱1.fits'), labels()", r"Teff"),
    ],
    "这是我的光谱": [
        ("这是我昨晚拍的，帮我看看", "star(), labels()", r"Teff 7\d\d\d", {"night1.fits": "demo 3 as fits"}),
        ("它的年龄多大了？", "desa()", r"DESA"),
        ("化学成分呢", "abundances()", r"\[Mg/Fe\]"),
    ],
    "波长和流量的 CSV": [
        ("这颗星多少度？", "star(), labels(only=['teff'])", r"Teff", {"demo4.csv": "demo 4 as csv"}),
        ("只用 500-530 nm", "stretch(start=5000.0, stop=5300.0)", r"仅由"),
        ("金属丰度呢", "stretch(start=5000.0, stop=5300.0, label='fe_h')", r"\[Fe/H\]"),
    ],
    "坏文件": [
        ("看看这个", "~", r"!", {"broken.fits": "half of demo 3"}),
        ("", "~", r"!", {"笔记.txt": "text"}),
        ("", "star(), labels()", r"Teff", {"good.fits": "demo 3 as fits"}),
        ("这个呢？", "~", r"!", {"empty.fits": "empty"}),
        ("重力是多少？", "labels(only=['logg'])", r"log g"),
    ],
    "同时上传几个文件": [
        ("", "star(), labels(), star(), labels()", r"Teff", {"a.fits": "demo 1 as fits", "b.fits": "demo 5 as fits"}),
        ("那第一颗呢", "load(name='a.fits'), labels()", r"Teff"),
        ("它们之中哪颗最异常？", "outliers(names=['a.fits', 'b.fits'])", r"^2 颗中最异常"),
        (
            "这两颗的金属丰度",
            "load(name='b.fits'), labels(only=['fe_h']), load(name='a.fits'), labels(only=['fe_h'])",
            r"\[Fe/H\].*\n.*\[Fe/H\]",
        ),
    ],
    "一个好文件，一个坏文件": [
        (
            "给出温度",
            "star(), labels(only=['teff'])",
            r"未能读取：“bad.fits”",
            {"bad.fits": "junk", "ok.fits": "demo 2 as fits"},
        ),
        ("是巨星吗", "labels(only=['logg'])", r"log g 1"),
    ],
    "更正": [
        ("demo 12的温度", "load(name='demo 12'), labels(only=['teff'])", r"^demo 12"),
        ("不对，是demo 13", "load(name='demo 13'), labels(only=['teff'])", r"^demo 13"),
        ("不是demo 13，是demo 14", "load(name='demo 14'), labels(only=['teff'])", r"^demo 14"),
        ("我是说用XP，不是LAMOST", "labels(only=['teff'], survey='xp')", r"由 Gaia XP 光谱"),
        ("错了，要重力", "labels(only=['logg'], survey='xp')", r"log g"),
    ],
    "两个巡天互相翻译": [
        ("加载demo 7", "load(name='demo 7'), labels()", r"^demo 7"),
        ("预测它的XP光谱", "translate(to='xp')", r"由 LAMOST 预测 demo 7"),
        ("反过来由XP预测LAMOST光谱", "translate(to='lamost')", r"预测"),
        ("画出XP光谱", "show(what='xp')", r"这是 demo 7"),
    ],
    "结果可靠吗": [
        ("demo 900", "load(name='demo 900'), labels()", r"Teff 40\d\d"),
        ("这个结果可靠吗？", "oddness()", r"信噪比 9"),
        ("星表怎么说？", "star()", r"模拟真值给出"),
        ("所有模型比较一下", "compare()", r"Teff：specclip-small"),
    ],
    "换一个模型": [
        ("有哪些模型？", "models()", r"lux-small"),
        ("打开 demo 4", "load(name='demo 4'), labels()", r"^demo 4"),
        ("用lux算它的温度", "labels(only=['teff'], model='lux-small')", r"Teff"),
        ("改用spectrafm", "use_model(name='spectrafm-small')", r"spectrafm-small"),
        ("温度是多少", "labels(only=['teff'])", r"Teff"),
    ],
    "这里没有的模型": [
        ("打开 demo 1", "load(name='demo 1'), labels()", r"^demo 1"),
        ("根据StarNet温度是多少？", "labels(only=['teff'], model='StarNet')", r"!本机没有模型 StarNet"),
        ("有没有关于StarNet的论文？", "papers(query='starnet')", r"StarNet|spectr"),
        ("用 specklip 呢", "labels(only=['teff'], model='specklip')", r"!没有模型“specklip”"),
    ],
    "两颗星放在一起": [
        (
            "demo 1和demo 2哪颗更热？",
            "load(name='demo 1'), labels(only=['teff']), load(name='demo 2'), labels(only=['teff'])",
            r"Teff 58(?:."
            r"|\n)*Teff 43",
        ),
        (
            "重力呢？",
            "load(name='demo 1'), labels(only=['logg']), load(name='demo 2'), labels(only=['logg'])",
            r"log g 4(?:."
            r"|\n)*log g 1",
        ),
        ("比较demo 1与demo 5", "load(name='demo 1'), labels(), load(name='demo 5'), labels()", r"demo 5"),
    ],
    "哪颗奇怪": [
        (
            "demo 1、demo 22、demo 24里哪颗最奇怪？",
            "outliers(names=['demo 1', 'demo 22', 'demo 24'])",
            r"^3 颗中最异常的：1\.",
        ),
        ("打开第一颗", "load(name='demo 22'), labels()", r"^demo 22"),
        ("光谱质量正常吗？", "oddness()", r"质量检查"),
    ],
    "保存": [
        ("打开 demo 1", "load(name='demo 1'), labels()", r"^demo 1"),
        ("保存参数", "~", r"^写入哪个文件"),
        ("把参数保存到sun.csv", "export(what='labels', file='sun.csv')", r"^已将 demo 1 的参数写入 sun.csv"),
        ("再存到sun.csv", "export(what='labels', file='sun.csv')", r"!已有文件 sun.csv"),
        ("导出后验到 post.fits", "export(what='posterior', file='post.fits')", r"post.fits"),
        ("导出到 ../../etc/passwd.csv", "export(what='labels', file='../../etc/passwd.csv')", r"!不带文件夹的文件名"),
    ],
    "画图": [
        ("demo 8", "load(name='demo 8'), labels()", r"^demo 8"),
        ("画一下光谱", "show(what='spectrum')", r"这是"),
        ("画出后验分布", "show(what='posterior')", r"这是"),
        ("看看光变曲线", "light_curve()", r"光变曲线"),
    ],
    "领域之外": [
        ("你是谁？", "~", r"specviz 的助手"),
        ("明天天气怎么样？", "~", r"超出了我的范围"),
        ("天狼星离我们多远？", "fetch(name='Sirius'), labels()", r"没有工具测量它"),
        ("它有行星吗", "~", r"没有工具"),
        ("猜一下它的质量", "~", r"只说工具给出的数"),
        ("[Fe/H]是什么意思？", "~", r"贫金属"),
        ("咕噜咕噜", "~", r"没有听懂"),
    ],
    "老师备课": [
        ("给我一颗碳星", "load(name='demo carbon star'), labels()", r"^demo 15"),
        ("哪些谱线决定了温度？", "why(label='teff')", r"主要来自"),
        ("碳丰度多少？", "labels(only=['c_fe'])", r"\[C/Fe\]"),
        ("换一颗白矮星", "load(name='demo white dwarf'), labels(only=['c_fe'])", r"^demo \d+"),
        ("它特殊吗？", "oddness()", r"更异常|没有异常"),
    ],
    "一次太多": [
        ("打开demo 3，找3颗相似的，再给出金属丰度", "load(name='demo 3'), similar(k=3)", r"最相似的 3 颗"),
        ("找 900 颗相似的恒星", "similar(k=900)", r"!1 到 50 颗"),
        ("那就6颗", "similar(k=6)", r"最相似的 6 颗"),
    ],
    "模型不给的元素": [
        ("demo 1 的铕丰度？", "load(name='demo 1'), labels(only=['eu_fe'])", r"!不给出“eu_fe”"),
        ("那就拟合镁元素和钙元素", "abundances(only=['mg_fe', 'ca_fe'])", r"\[Mg/Fe\].*\[Ca/Fe\]"),
    ],
    "真实的 LAMOST": [
        ("", "star(), labels()", r"Teff \d{4}", {"spec.fits": "real lamost"}),
        ("它的邻居呢", "similar()", r"最相似"),
        ("為什麼是這個溫度？", "why(label='teff')", r"主要来自"),
    ],
    "真实的 SDSS": [
        ("这是什么星？", "star(), labels()", r"Teff \d{4}", {"template.fits": "real sdss"}),
        ("log g有多准？", "posterior(label='logg')", r"的 log g"),
    ],
}
