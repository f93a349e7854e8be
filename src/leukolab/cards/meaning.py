"""What the name of a class says of it: the disease, health, or nothing that is beyond doubt.

A name counts only where every reader of its language would take it so. `A`, `0` or `group1` say nothing.
"""

from __future__ import annotations

import itertools
import re
import unicodedata

DISEASE, HEALTHY = "disease", "healthy"


def _plain(text: str) -> str:
    """In small letters, without accents."""
    marks = unicodedata.normalize("NFKD", text.casefold())
    return unicodedata.normalize("NFKC", "".join(letter for letter in marks if not unicodedata.combining(letter)))


def _words(text: str) -> frozenset[str]:
    return frozenset(_plain(text).split())


# A line or two each: English; Indonesian and Malay; Spanish, Portuguese, Italian; French; German, Dutch; Turkish;
# Russian; Chinese, Japanese; Arabic, Persian
_DISEASE = _words("""
    leukemia leukaemia leukemic leukaemic leukemias leukaemias blast blasts lymphoblast lymphoblasts lymphoblastic
    myeloblast myeloblasts malignant malignancy cancer cancers cancerous carcinoma tumor tumors tumour tumours
    neoplastic disease diseased sick ill positive abnormal pathological
    leukemik leukimia ganas kanker positif sakit penderita penyakit blas limfoblas barah
    leucemia leucemias leucemico leucemica maligno maligna malignos malignas enfermo enferma enfermedad positivo
    positiva canceroso cancerosa doente doenca malato malata malattia cancro tumore anormal blasto blastos
    leucemie leucemique malin maligne malade maladie cancereux positif blaste blastes tumeur
    leukamie leukaemie leukamisch bosartig boesartig krank krankheit krebs blasten kwaadaardig ziek
    losemi losemili kotu_huylu hasta kanserli kanser pozitif
    лейкоз лейкемия рак больной больные злокачественный злокачественные опухоль бласты
    白血病 白血病细胞 白血病細胞 癌 恶性 惡性 悪性 阳性 陽性 原始细胞 芽球
    سرطان خبيث مريض لوسمی بدخیم بیمار
""")
_HEALTHY = _words("""
    hem normal normals healthy benign control controls negative
    sehat jinak negatif kontrol
    sano sana sanos sanas normales benigno benigna benignos benignas negativo negativa saudavel normais sani
    normale normali sain saine sains normaux temoin temoins benin benigne
    gesund gutartig negativ kontrolle gezond goedaardig normaal
    saglıklı saglikli iyi_huylu
    здоровый здоровые нормальный нормальные норма доброкачественный доброкачественные контроль
    正常 正常细胞 正常細胞 健康 良性 阴性 陰性 对照
    طبيعي سليم حميد سالم
""")
_WHOLE = {"all": DISEASE, "b all": DISEASE, "t all": DISEASE, "aml": DISEASE, "cll": DISEASE, "cml": DISEASE,
          "apl": DISEASE, "pos": DISEASE, "neg": HEALTHY}  # fmt: skip
"""Short words that say it only where the name is nothing else, `cells` and the like aside."""
_NOT = _words("""
    non not no without free bukan tidak tanpa bebas tak sin sem senza sans nao nicht kein keine ohne niet geen zonder
    не без нет 非 不 无 無 غير بدون
""")
_CELLS = _words("cell cells sel image images img citra gambar class kelas")


def meaning(name: str) -> str:
    """`disease` or `healthy` where the name of a class is unmistakable; empty where it is not.

    One word that denies turns it round: `non-cancer`, `bukan kanker`. A name that says both says nothing.
    """
    words = [word for word in re.split(r"[\W_]+", _plain(name)) if word]
    bare = " ".join(word for word in words if word not in _CELLS)
    if bare in _WHOLE:
        return _WHOLE[bare]
    pairs = ["_".join(pair) for pair in itertools.pairwise(words)]
    told = [(place, found) for place, word in enumerate(words) if (found := _said(word))]
    told += [(place, found) for place, pair in enumerate(pairs) if (found := _said(pair))]
    if len({found for _, found in told}) != 1:
        return ""
    first, found = min(told)
    denied = sum(word in _NOT for word in words[:first]) + ("free" in words[first:])
    return "" if denied > 1 else _other(found) if denied else found


def _said(word: str) -> str:
    if word in _DISEASE:
        return DISEASE
    if word in _HEALTHY:
        return HEALTHY
    bare = word.removeprefix("non")
    return _other(_said(bare)) if bare != word and bare in _DISEASE | _HEALTHY else ""


def _other(said: str) -> str:
    return HEALTHY if said == DISEASE else DISEASE
