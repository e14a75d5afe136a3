"""Chinese terms of the field and the English words that papers have for them, and words that mean the same."""

from __future__ import annotations

from collections.abc import Mapping

#: The longest term counts where several begin at one place.
CHINESE: Mapping[str, str] = {
    "基础模型": "foundation model", "大模型": "foundation model", "大语言模型": "language model",
    "语言模型": "language model", "对比学习": "contrastive learning", "自监督": "self-supervised",
    "预训练": "self-supervised masked", "微调": "fine-tuning", "少样本": "few-shot", "小样本": "few-shot",
    "深度学习": "deep learning", "机器学习": "deep learning", "神经网络": "neural network", "卷积": "deep learning",
    "注意力": "attention transformer", "变换器": "transformer", "自编码器": "autoencoder", "变分": "variational",
    "生成模型": "generative model", "提升树": "boosting", "随机森林": "random forest",
    "恒星参数": "stellar parameters", "大气参数": "stellar parameters", "参数": "stellar parameters",
    "标签": "stellar parameters", "有效温度": "temperature", "温度": "temperature", "表面重力": "surface gravity",
    "重力": "surface gravity", "金属丰度": "metallicity", "金属度": "metallicity", "贫金属": "metal-poor stars",
    "元素丰度": "abundances", "化学丰度": "abundances", "丰度": "abundances", "化学标记": "chemical tagging",
    "碳": "carbon", "氮": "nitrogen", "氧": "oxygen", "镁": "magnesium", "阿尔法": "alpha elements",
    "α元素": "alpha elements", "α": "alpha", "中子俘获": "neutron capture", "核合成": "nucleosynthesis",
    "视向速度": "radial velocity", "径向速度": "radial velocity", "双星": "binaries", "食双星": "eclipses binaries",
    "双线": "double-lined", "掩食": "eclipses", "凌星": "transits", "行星": "transits", "自转": "rotation",
    "转动": "rotation", "陀螺年代学": "gyrochronology", "磁制动": "magnetic braking", "年龄": "age", "质量": "mass",
    "距离": "distance", "视差": "parallax", "消光": "extinction", "红化": "extinction", "尘埃": "dust",
    "星际介质": "dust", "光变曲线": "light curves", "光变": "light curves", "自转周期": "rotation",
    "周期": "period periodogram", "周期图": "periodogram", "星震": "asteroseismology", "振荡": "oscillations",
    "米粒": "granulation", "活动": "activity", "异常": "anomaly detection", "离群": "outliers",
    "奇异": "anomaly detection", "主动学习": "active learning", "后验": "posterior", "不确定": "uncertainty",
    "误差": "uncertainty", "校准": "calibration", "定标": "calibration", "覆盖": "coverage",
    "共形": "conformal prediction", "保形": "conformal prediction", "分位数": "quantile",
    "归一化流": "normalizing flow", "标准化流": "normalizing flow", "流模型": "normalizing flow",
    "贝叶斯": "posterior", "模拟推断": "simulation-based inference", "无似然": "simulation-based inference",
    "基于模拟": "simulation-based inference", "抽样": "MCMC", "似然": "likelihood", "归因": "attribution",
    "可解释": "explanation attribution", "解释": "explanation", "积分梯度": "integrated gradients",
    "降维": "dimension reduction", "嵌入": "embedding", "地图": "map", "分类": "classification", "模拟器": "emulator",
    "仿真器": "emulator", "合成光谱": "synthetic spectra", "模型大气": "model atmospheres",
    "大气模型": "model atmospheres", "大气": "model atmospheres", "谱线表": "line list", "谱线": "line list",
    "非局部": "NLTE", "光谱拟合": "spectral fitting", "拟合": "spectral fitting", "标签传递": "label transfer",
    "标签迁移": "label transfer", "数据驱动": "data-driven", "低分辨率": "low resolution",
    "中分辨率": "medium resolution", "郭守敬": "LAMOST", "盖亚": "Gaia", "开普勒": "Kepler", "斯隆": "SDSS",
    "阿波罗": "APOGEE", "巡天": "survey", "望远镜": "telescope", "数据发布": "data release", "流水线": "pipeline",
    "星表": "catalogue", "交叉": "cross-match", "数据库": "database archives", "软件": "software", "教材": "textbook",
    "综述": "review", "太阳": "Sun", "矮星": "dwarfs", "白矮星": "white dwarfs", "红矮星": "M dwarfs",
    "巨星": "giants", "亚巨星": "subgiants", "红团簇": "red clump", "基准星": "benchmark stars", "大角星": "Arcturus",
    "热星": "hot stars", "银河系": "Milky Way", "银河": "Milky Way", "厚盘": "thick disc", "银晕": "halo",
    "球状星团": "globular cluster", "星团": "clusters", "等龄线": "isochrones", "等时线": "isochrones",
    "演化": "stellar evolution", "星系": "galaxies", "近红外": "infrared", "红外": "infrared", "流量": "flux",
    "系数": "coefficients", "翻译": "translation", "多模态": "multimodal",
}  # fmt: skip
#: Words that say nothing of a topic.
NOTHING = (
    "恒星", "光谱", "论文", "文献", "文章", "相关", "关于", "有关", "方法", "研究", "数据", "最新", "哪些", "什么",
    "怎么", "如何", "可以", "请问", "推荐", "介绍", "一下", "给我", "查找", "有没有", "的",
)  # fmt: skip
#: A word -> the words that it also asks for, at less weight.
ALSO: Mapping[str, tuple[str, ...]] = {
    "gyrochronology": ("rotation", "age"), "age": ("gyrochronology",), "rotate": ("rotation",), "spin": ("rotation",),
    "anomaly": ("outlier",), "outlier": ("anomaly",), "odd": ("anomaly", "outlier"), "weird": ("anomaly", "outlier"),
    "strange": ("anomaly", "outlier"), "metal": ("metallicity",), "iron": ("metallicity",),
    "chemistry": ("abundance",), "chemical": ("abundance",), "element": ("abundance",), "teff": ("temperature",),
    "logg": ("gravity",), "rv": ("radial", "velocity"), "uncertainty": ("posterior", "calibration"),
    "error": ("uncertainty",), "bayesian": ("posterior",), "sbi": ("simulation", "inference"),
    "flow": ("normalizing",), "llm": ("language",), "bp": ("xp",), "rp": ("xp",), "reddening": ("extinction",),
    "dust": ("extinction",), "eclipsing": ("eclipse",), "companion": ("binary",), "similarity": ("embedding",),
    "pulsation": ("oscillation",), "seismology": ("asteroseismology",), "variability": ("light", "curve"),
    "variable": ("light", "curve"), "interpret": ("attribution", "explanation"),
    "explain": ("attribution", "explanation"), "saliency": ("attribution",), "ml": ("learning",),
    "cnn": ("deep", "learning"),
}  # fmt: skip
