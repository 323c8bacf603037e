"""Folder names that mean a split (`train_images`, `TEST`, `validation-data`), not a domain."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

from ldpf.errors import DataError

_TRAIN, _VALIDATION, _TEST = "train", "val", "test"

_WORDS = {
    _TRAIN: (
        *("train", "training", "trainval", "trn", "tr"),
        *("entrenamiento", "entreno", "trainingsdaten", "trainingsset", "trainingsbilder"),
        *("lerndaten", "entrainement", "apprentissage", "treino", "treinamento", "addestramento"),
        *("trening", "treningowy", "treningowe", "traning", "egitim", "latihan"),
        *("обучение", "обучающая", "тренировка", "тренировочная", "训练", "訓練", "学習", "학습"),
        *("훈련", "تدريب"),
    ),
    _VALIDATION: (
        *("val", "valid", "validation", "validate", "dev", "crossval"),
        *("validacion", "validierung", "validierungsdaten", "validacao", "validazione"),
        *("validatie", "walidacja", "walidacyjny", "dogrulama", "validering", "валидация"),
        *("验证", "驗證", "検証", "검증"),
    ),
    _TEST: (
        *("test", "testing", "eval", "evaluation", "holdout", "heldout", "tst", "ts", "te"),
        *("prueba", "pruebas", "testdaten", "testbilder", "essai", "teste", "testes", "prova"),
        *("testowy", "testowe", "evaluacion", "avaliacao", "тест", "тестовая", "тестирование"),
        *("测试", "測試", "テスト", "評価", "테스트", "평가", "시험", "اختبار"),
    ),
}
"""As people write them, without accents, in the languages they name their folders in."""


def _plain(text: str) -> str:
    """In small letters without accents, so that `Validação` is `validacao` in any form."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(part for part in parts if not unicodedata.combining(part))


_SPLITS = {_plain(word): kind for kind, words in _WORDS.items() for word in words}
# Words that say what a split holds or which variant of it this is. Words that could make it the
# name of a thing (`test tube`, `train station`) are none of them.
_AFFIXES = frozenset(
    {"set", "sets", "data", "dataset", "datasets", "image", "images", "img", "imgs", "pic", "pics"}
    | {"picture", "pictures", "photo", "photos", "sample", "samples", "file", "files", "jpg", "png"}
    | {"folder", "dir", "split", "splits", "part", "subset", "batch", "full", "small", "large"}
    | {"simple", "easy", "medium", "hard", "tiny", "mini", "final", "raw", "public", "private"}
    | {"labeled", "labelled", "unlabeled", "unlabelled", "all", "a", "b", "v", "x", "y"}
    | {
        _plain(word)
        for word in ("集", "数据", "數據", "图片", "图像", "データ", "用", "세트", "데이터")
    }
)
_LONG = "|".join(word for word in _SPLITS if len(word) > 2 or not word.isascii())
_JOINED = re.compile(rf"({_LONG})(?:{'|'.join(_AFFIXES)}){{1,2}}")  # trainset, testdata
_WORD = re.compile(r"[^\W\d_]+|\d+")
_OUT = re.compile(r"(?<![^\W_])(held|hold)[-_ ]out(?![^\W_])", re.IGNORECASE)
_FOLD = re.compile(r"(?:(?:cv|k|cross[-_ ]?val(?:idation)?)?[-_ ]?folds?|splits?|parts?)[-_ ]?\d+")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")  # TrainingSet


def split_kind(name: str) -> str | None:
    """`train`, `val` or `test` for a name that means a split and nothing else, or None.

    Case, numbers and words such as set, data or images around it do not matter: `TRAIN`,
    `training_set`, `images-val2017` and `TestSet` are splits; `trainer`, `test_tube`, `train
    station` and `dev kit` are not.
    """
    kind, rest = _taken_apart(name)
    return None if rest else kind


def split_folders(names: Collection[str]) -> list[str]:
    """Those of folders side by side that are splits, sorted.

    Names with any other word in them are splits where every name has a word that means a split, and
    all share the other word (`seg_train`, `seg_test`) or one has none (`train`, `train_aug`).
    Numbered folds and parts (`fold1`, `fold2`) are splits where there is nothing else.
    """
    plain = [name for name in names if split_kind(name) is not None]
    if len(plain) < len(names):
        parts = [_taken_apart(name) for name in names]
        kinds = {kind for kind, _ in parts}
        alike = len(kinds) > 1 and len({rest for _, rest in parts}) == 1
        if None not in kinds and (plain or alike):
            return sorted(names)
    return sorted(names) if are_folds(names) else sorted(plain)


def are_folds(names: Collection[str]) -> bool:
    """Whether folders side by side are numbered folds or parts, and nothing else."""
    return len(names) > 1 and all(_FOLD.fullmatch(name.strip().casefold()) for name in names)


def are_splits(names: Collection[str]) -> bool:
    """Whether folders side by side are splits: at least a training one and a held-out one."""
    kinds = {_taken_apart(name)[0] for name in split_folders(names)}
    return _TRAIN in kinds and len(kinds) > 1


def shared_split_kinds(names: Collection[str]) -> dict[str, str] | None:
    """The kind of split of each name, where all are splits, one of them for training; or None."""
    if not are_splits(names) or len(split_folders(names)) < len(names):
        return None
    return {name: kind for name in names if (kind := _taken_apart(name)[0]) is not None}


def refuse_split_domains(names: Collection[str], where: str) -> None:
    """Refuse domains of a table or a list that are splits.

    Args:
        names: Of the domains.
        where: What they were given as, such as "the column domain of list.csv".

    Raises:
        DataError: All of them are names of splits, a training one among them, or of folds.
    """
    if are_folds(names) or (are_splits(names) and len(split_folders(names)) == len(names)):
        raise DataError(
            f"{where} holds splits, not domains: {', '.join(sorted(names))}; a split is a column "
            "of its own, called split, with train, val or test; leave domain out where it is "
            "unknown"
        )


def _taken_apart(name: str) -> tuple[str | None, tuple[str, ...]]:
    """The kind of split of the first word that means one, and the words that mean other things."""
    kinds: list[str] = []
    rest: list[str] = []
    text = _OUT.sub(r"\1out", _HUMP.sub(" ", unicodedata.normalize("NFC", name)))
    for word in _WORD.findall(text):
        folded = _plain(word)
        joined = _JOINED.fullmatch(folded)
        if kind := _SPLITS.get(joined[1] if joined else folded):
            kinds.append(kind)
        elif not (folded in _AFFIXES or folded.isdigit()):
            rest.append(folded)
    return (kinds[0] if kinds else None), tuple(rest)
