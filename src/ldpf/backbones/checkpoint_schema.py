"""What the JSON files of a backbone folder may hold; a refusal names the file and the field.

Libraries that read these files take any value for what they hope it is, and fail deep inside, or
give features that are quietly wrong. So the fields that decide what is computed, or how much of
it, are checked first; the others are for those libraries.
"""

from __future__ import annotations

from pathlib import Path

from ldpf.errors import BackboneError
from ldpf.utils.constraints import Constraint, Either, Flag, Number, OrNone, Text, Whole
from ldpf.utils.json_files import read_json
from ldpf.utils.schema import ListOf, Record

_WIDTH = Whole(at_least=1, at_most=2**16)
_COUNT = Whole(at_least=1, at_most=2**12)
_POSITIONS = Whole(at_least=1, at_most=2**20)
_TOKEN = Whole(at_least=0, at_most=2**24)
_NAME = Text(at_most=1_000)
_TOKEN_TEXT = Either(Text(at_most=1_000, empty=True), Record())
_PIXELS = Whole(at_least=1, at_most=4_096)
"""A side of an image; at 4,096 its pixels take 200 MB in float32."""
_DEVIATION = Number(at_least=1e-6, at_most=1e6)
_SHARE = Number(at_least=0, at_most=1)
_FINITE = Number(float32=True)


def _fields(**allowed: Constraint) -> Record:
    """An object in which these fields may be, each of them empty (null) as well."""
    return Record(optional={name: OrNone(item) for name, item in allowed.items()})


def _tower(**more: Constraint) -> Record:
    """The sizes of a transformer; towers of other kinds have some of the fields."""
    return _fields(
        model_type=_NAME,
        hidden_size=_WIDTH,
        intermediate_size=Whole(at_least=1, at_most=2**20),
        num_hidden_layers=_COUNT,
        num_attention_heads=_COUNT,
        projection_dim=_WIDTH,
        hidden_act=_NAME,
        layer_norm_eps=Number(at_least=0, at_most=1),
        attention_dropout=_SHARE,
        hidden_dropout_prob=_SHARE,
        initializer_range=Number(at_least=0, float32=True),
        initializer_factor=Number(at_least=0, float32=True),
        **more,
    )


_TEXT_TOWER = _tower(
    max_position_embeddings=_POSITIONS,
    vocab_size=Whole(at_least=1, at_most=2**24),
    bos_token_id=_TOKEN,
    eos_token_id=_TOKEN,
    pad_token_id=_TOKEN,
    projection_size=_WIDTH,
)
_IMAGE_TOWER = _tower(
    image_size=Either(_PIXELS, ListOf(_PIXELS)),
    patch_size=Either(_PIXELS, ListOf(_PIXELS)),
    num_channels=Whole(at_least=1, at_most=64),
    hidden_sizes=ListOf(_WIDTH),
    depths=ListOf(_COUNT),
)
_MODEL = _fields(
    model_type=_NAME,
    architectures=ListOf(_NAME),
    projection_dim=_WIDTH,
    logit_scale_init_value=_FINITE,
    initializer_factor=Number(at_least=0, float32=True),
    text_config=_TEXT_TOWER,
    vision_config=_IMAGE_TOWER,
)

COPY = "text_tower"
"""Folder inside a checkpoint's that may hold the language model's config.json and tokenizer."""
_LANGUAGE_MODEL = _TEXT_TOWER

_SIDES = Either(_PIXELS, Record(others=OrNone(_PIXELS)))
_PREPROCESSING = _fields(
    image_processor_type=_NAME,
    size=_SIDES,
    crop_size=_SIDES,
    resample=Whole(at_least=0, at_most=5),
    rescale_factor=Number(at_least=1e-6, at_most=1e6),
    image_mean=ListOf(Number(at_least=-1e6, at_most=1e6)),
    image_std=ListOf(_DEVIATION),
    **dict.fromkeys(
        ("do_resize", "do_center_crop", "do_rescale", "do_normalize", "do_convert_rgb"), Flag()
    ),
)
_PROCESSOR = Record(optional={**_PREPROCESSING.optional, "image_processor": OrNone(_PREPROCESSING)})
_TOKENIZER_SETTINGS = _fields(
    tokenizer_class=_NAME,
    model_max_length=Number(at_least=1),  # 1e30 stands for no limit
    added_tokens_decoder=Record(others=Record({"content": Text(at_most=1_000)})),
    **dict.fromkeys(
        ("bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token"), _TOKEN_TEXT
    ),
)
_SPECIAL_TOKENS = Record(others=OrNone(Either(_TOKEN_TEXT, ListOf(_TOKEN_TEXT))))
_SCORED = Either(Text(empty=True), Number())  # a word, then its score
_TOKENIZER = Record(  # its words, of which there may be 250,000, are checked by their library
    {
        "model": Record(
            optional={"vocab": Either(Record(), ListOf(ListOf(Either(Text(empty=True), Number()))))}
        )
    },
    {"added_tokens": OrNone(ListOf(Record({"id": _TOKEN, "content": Text(at_most=1_000)})))},
)

_OPEN_CLIP_TOWER = {
    "width": _WIDTH,
    "layers": Either(_COUNT, ListOf(_COUNT)),
    "heads": _COUNT,
    "head_width": _WIDTH,
    "mlp_ratio": Number(at_least=0.01, at_most=100),
    "context_length": _POSITIONS,
    "vocab_size": Whole(at_least=1, at_most=2**24),
    "image_size": Either(_PIXELS, ListOf(_PIXELS)),
    "patch_size": Either(_PIXELS, ListOf(_PIXELS)),
    "timm_model_name": Text(at_most=1_000, empty=True),
    "hf_model_name": Text(at_most=1_000, empty=True),
    "hf_tokenizer_name": Text(at_most=1_000, empty=True),
    "act_kwargs": Record(),
    "norm_kwargs": Record(optional={"eps": Number(at_least=0, at_most=1)}),
    "tokenizer_kwargs": Record(),
}
_OPEN_CLIP = Record(
    optional={
        "model_cfg": Record(
            optional={
                "embed_dim": _WIDTH,
                "vision_cfg": _fields(**_OPEN_CLIP_TOWER),
                "text_cfg": _fields(**_OPEN_CLIP_TOWER),
            }
        ),
        "preprocess_cfg": OrNone(
            _fields(
                mean=Either(_FINITE, ListOf(_FINITE)),
                std=Either(
                    Number(at_least=1e-6, at_most=1e6), ListOf(Number(above=0, float32=True))
                ),
                mode=_NAME,
                interpolation=_NAME,
                resize_mode=_NAME,
            )
        ),
    }
)

SCHEMAS: dict[str, Constraint] = {
    "config.json": _MODEL,
    "open_clip_config.json": _OPEN_CLIP,
    "preprocessor_config.json": _PROCESSOR,
    "processor_config.json": _PROCESSOR,
    "tokenizer.json": _TOKENIZER,
    "tokenizer_config.json": _TOKENIZER_SETTINGS,
    "special_tokens_map.json": _SPECIAL_TOKENS,
    "added_tokens.json": Record(others=_TOKEN),
    "vocab.json": Record(others=_TOKEN),
}
"""By the name of the file."""


def check_folder(folder: Path) -> None:
    """Check every JSON file of a checkpoint that is there.

    Raises:
        BackboneError: one cannot be read or holds what it should not, with the file and the field.
    """
    parts = [*SCHEMAS.items(), (f"{COPY}/config.json", _LANGUAGE_MODEL)]
    for name, schema in parts:
        if (path := folder / name).exists():
            read_json(
                path,
                "a file of the backbone",
                "download the checkpoint again",
                error=BackboneError,
                schema=schema,
                at_most_mb=256,
            )
