"""Terms of the field in a sentence or two, in both languages; no number stands in them: numbers come from tools."""

from __future__ import annotations

from collections.abc import Mapping

from specviz.assistant.intents.vocabulary import Language

GLOSSARY: Mapping[str, Mapping[Language, str]] = {
    "teff": {
        "en": "Effective temperature (Teff): the temperature of a black body that radiates as much per unit area as "
        "the star.",
        "zh": "有效温度（Teff）：单位面积辐射总量与恒星相同的黑体所具有的温度。",
    },
    "logg": {
        "en": "Surface gravity (log g): the logarithm of the gravitational acceleration at the star's surface in "
        "cgs units; "
        "high in dwarfs, low in giants.",
        "zh": "表面重力（log g）：恒星表面重力加速度（cgs 单位）的对数；矮星高，巨星低。",
    },
    "fe_h": {
        "en": "[Fe/H]: the logarithm of the star's iron-to-hydrogen ratio relative to the Sun's; negative is "
        "metal-poor.",
        "zh": "[Fe/H]（金属丰度）：恒星铁与氢的数目之比相对太阳的对数；负值即贫金属。",
    },
    "alpha_fe": {
        "en": "[α/Fe]: how rich in alpha elements (O, Mg, Si, Ca, Ti) the star is relative to iron and the Sun; "
        "high in stars "
        "that formed before most type Ia supernovae had gone off.",
        "zh": "[α/Fe]：α 元素（O、Mg、Si、Ca、Ti）相对铁、以太阳为基准的对数丰度；在多数 Ia "
        "型超新星爆发之前形成的恒星偏高。",
    },
    "rv": {
        "en": "Radial velocity: the speed along the line of sight, from the Doppler shift of the lines; positive is "
        "receding.",
        "zh": "视向速度：沿视线方向的速度，由谱线的多普勒位移得到；正值表示远离。",
    },
    "ebv": {
        "en": "E(B−V): how much redder dust in front makes the star, in magnitudes.",
        "zh": "E(B−V)（红化）：前方尘埃使恒星变红的程度，以星等计。",
    },
    "dex": {
        "en": "dex: a difference of decimal logarithms; abundances and log g are given in it.",
        "zh": "dex：以十为底的对数之差；丰度和 log g 用它表示。",
    },
    "snr": {
        "en": "S/N: signal divided by noise in a pixel; the higher, the smaller the errors of what is read from the "
        "spectrum.",
        "zh": "信噪比（S/N）：每个像素中信号与噪声之比；越高，由光谱得到的结果误差越小。",
    },
    "posterior": {
        "en": "Posterior: how probable each value of a parameter is, given the spectrum and what the model learned; "
        "its width "
        "is the uncertainty.",
        "zh": "后验分布：在给定光谱和模型所学知识的条件下，参数取各个值的概率；其宽度就是不确定度。",
    },
    "xp": {
        "en": "Gaia XP: low-resolution spectra from the blue (BP) and red (RP) prisms of Gaia, published as "
        "coefficients.",
        "zh": "Gaia XP：Gaia 的蓝（BP）、红（RP）棱镜拍摄的低分辨率光谱，以系数形式发布。",
    },
    "lamost": {
        "en": "LAMOST: the Guo Shoujing telescope in Xinglong, which takes thousands of optical spectra at a time.",
        "zh": "LAMOST：位于兴隆的郭守敬望远镜，一次可以拍摄数千条光学光谱。",
    },
    "gaia": {
        "en": "Gaia: the space mission that measures positions, motions, brightness and low-resolution spectra of "
        "stars.",
        "zh": "Gaia（盖亚）：测量恒星位置、运动、亮度和低分辨率光谱的空间望远镜。",
    },
    "specclip": {
        "en": "SpecCLIP: encoders of LAMOST and Gaia XP spectra, trained so that both spectra of a star lie close "
        "to each other.",
        "zh": "SpecCLIP：LAMOST 与 Gaia XP 光谱的编码器，训练时使同一颗恒星的两种光谱彼此靠近。",
    },
    "spectrafm": {
        "en": "SpectraFM: a transformer whose pixels know their wavelength; it reads labels from any part of a "
        "spectrum.",
        "zh": "SpectraFM：像素带有波长信息的 Transformer，可由光谱的任意一段得到参数。",
    },
    "desa": {
        "en": "DESA: a model of spectrum and light curve together; it reads ages and tells close binaries.",
        "zh": "DESA：同时使用光谱与光变曲线的模型，给出年龄并判断密近双星。",
    },
    "lux": {
        "en": "Lux: a linear model in which labels and spectra come from one latent vector; the baseline here.",
        "zh": "Lux：参数与光谱都由同一个潜在向量线性给出的模型；在这里作为基准。",
    },
    "phdlspec": {
        "en": "PhDLspec: an emulator that makes a spectrum from stellar labels; abundances are fitted with it.",
        "zh": "PhDLspec：由恒星参数生成光谱的模拟器；元素丰度用它拟合得到。",
    },
    "embedding": {
        "en": "Embedding: the list of numbers that a model makes of a spectrum; similar stars have similar ones.",
        "zh": "嵌入向量：模型由光谱得到的一串数；相似恒星的向量也相近。",
    },
    "anomaly": {
        "en": "Oddness: the share of reference stars that fit the model better than this one.",
        "zh": "异常百分位：参考恒星中比它更符合模型的比例。",
    },
    "chi2": {
        "en": "χ² per point: the squared difference between observed and predicted in units of the error, on average.",
        "zh": "每点 χ²：观测与预测之差以误差为单位的平方的平均值。",
    },
    "spectrum": {
        "en": "Spectrum: the light of a star spread out by wavelength; its lines tell temperature, gravity and "
        "composition.",
        "zh": "光谱：恒星的光按波长展开；谱线反映温度、重力和化学成分。",
    },
    "giant": {
        "en": "Giant: a star that has left the main sequence and swollen; its surface gravity is low.",
        "zh": "巨星：离开主序、膨胀了的恒星；表面重力低。",
    },
    "dwarf": {
        "en": "Dwarf: a star on the main sequence, such as the Sun; its surface gravity is high.",
        "zh": "矮星：位于主序的恒星，例如太阳；表面重力高。",
    },
    "obsid": {
        "en": "obsid: the number of one LAMOST observation; a star observed twice has two.",
        "zh": "obsid：LAMOST 一次观测的编号；观测两次的恒星有两个。",
    },
    "source_id": {
        "en": "source_id: the number of a source in a Gaia release.",
        "zh": "source_id：Gaia 某一版数据中源的编号。",
    },
    "extrapolation": {
        "en": "Extrapolation: a value outside the range that the model was trained on; it may be wrong beyond its "
        "error.",
        "zh": "外推：超出模型训练范围的值；实际偏差可能超过给出的误差。",
    },
}
