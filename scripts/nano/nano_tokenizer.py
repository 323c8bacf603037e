"""Train nano's byte-level BPE in CLIP's format: on its captions and on a list of common words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from nano_captions import PLAIN_PHRASES, STYLE_PHRASES, SYNONYMS, make_caption, with_article
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from tokenizers.trainers import BpeTrainer

from ldpf.demo.drawing import TRAINABLE_STYLES
from ldpf.demo.drawing.palette import NAMED

BOS, EOS = "<|startoftext|>", "<|endoftext|>"
PATTERN = (
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
)

# Words that users' class names and prompts are likely to be made of. The model has seen pictures of
# few of them; they only keep a name from falling into single bytes.
COMMON_TEXT = """
a an the this that these those one two three four five six seven eight nine ten some many few more
most other another same different new old young big small large little long short tall wide narrow
thin thick high low deep flat round square sharp soft hard heavy light dark bright pale clean
dirty wet dry hot cold warm cool fast slow open closed full empty good bad nice beautiful ugly
strange real fake wild common rare single double many whole half left right top bottom front back
side inside outside near far above below under over between behind before after on in at of to
from with without and or not no yes is are was be been being has have had do does did can could
will would may might must should it its he she they we you his her their our your my me him them
us who what which where when why how all any each every both none very too also only just still
even here there now then always never often sometimes again up down out off into onto through
across along around about against during until while because if than as like so such but by for
red orange yellow green blue purple pink brown white gray grey black golden silver beige cyan
magenta violet turquoise colored colorful transparent shiny striped spotted plain checked photo
photograph picture image drawing sketch painting cartoon clipart art illustration icon logo symbol
sign poster print render rendering silhouette outline shape shadow sculpture statue toy model
collage mosaic tattoo graffiti origami embroidery plush video game pixel watercolor oil pencil
crayon charcoal ink brush canvas paper black-and-white background foreground style close-up blurry
noisy grainy infrared thermal night day evening morning sunset sunrise sketchy doodle line quick
real product camera lens flash studio scan scanner microscope slide xray aerial satellite drone
wood wooden metal metallic iron steel copper brass gold glass plastic rubber leather cloth cotton
wool silk stone brick concrete clay ceramic porcelain marble sand ice snow water fire smoke foam
fur feather skin bone shell bark leaf grass hay straw rope wire chain net dog puppy cat kitten
horse pony cow bull calf sheep lamb goat pig rabbit hare mouse rat hamster squirrel fox wolf bear
panda koala lion tiger leopard cheetah elephant rhino hippo giraffe zebra deer elk moose camel
llama monkey ape gorilla chimpanzee kangaroo bat hedgehog raccoon skunk beaver otter seal whale
dolphin shark fish goldfish salmon tuna eel ray octopus squid crab lobster shrimp snail slug worm
spider scorpion ant bee wasp fly mosquito beetle ladybug butterfly moth dragonfly grasshopper
cricket caterpillar bird eagle hawk falcon owl crow raven pigeon dove sparrow robin swallow parrot
penguin ostrich swan goose duck chicken hen rooster turkey peacock flamingo stork pelican seagull
snake lizard crocodile alligator turtle tortoise frog toad dinosaur dragon unicorn bobcat coyote
opossum rodent person man woman child boy girl baby people face head hair eye ear nose mouth tooth
lip tongue neck shoulder arm hand finger leg foot knee heart brain tree bush flower rose tulip
daisy sunflower lily orchid cactus fern moss mushroom pine oak palm maple apple pear peach plum
cherry grape lemon lime banana pineapple strawberry raspberry blueberry melon watermelon mango
coconut fig date nut almond potato tomato carrot onion garlic pepper cucumber pumpkin squash corn
bean pea cabbage lettuce spinach broccoli cauliflower rice wheat bread cake cookie pie pizza
burger sandwich hotdog pasta noodle soup salad cheese butter egg milk meat steak sausage bacon
chocolate candy icecream donut sugar salt honey jam tea coffee juice beer wine bottle car truck
bus van taxi ambulance tractor motorcycle scooter bicycle bike tricycle train tram subway
locomotive airplane plane jet helicopter rocket spaceship balloon ship boat sailboat canoe kayak
ferry submarine anchor wheel tire engine motor road street bridge tunnel rail station airport
harbor traffic stop lamp post fence gate wall door window roof floor ceiling stair ladder chimney
house home cottage hut cabin tent castle tower palace church temple mosque barn garage shop store
school hospital hotel office factory city town village park garden field farm forest jungle desert
beach island mountain hill valley cliff cave river lake sea ocean pond waterfall sky cloud rain
storm lightning rainbow sun moon star planet earth table chair sofa couch bed desk shelf cupboard
drawer cabinet bench stool lamp candle lantern bulb mirror clock watch picture frame curtain
carpet rug pillow blanket towel sheet basket box bag backpack suitcase bucket barrel bowl plate
dish cup mug glass jar can pot pan kettle teapot spoon fork knife chopsticks oven stove toaster
fridge freezer sink faucet tap toilet bathtub shower soap brush comb toothbrush razor scissors
needle thread button zipper iron fan heater radio television tv phone telephone computer laptop
keyboard screen monitor tablet calculator printer speaker headphones microphone projector battery
cable plug switch remote flashlight telescope binoculars compass map globe book notebook newspaper
letter envelope stamp pen pencil eraser ruler marker crayon stapler clip folder calendar card
board chalk hammer screwdriver wrench saw drill nail screw bolt axe shovel rake pliers key lock
chain hook rope tape glue tool guitar piano violin cello drum flute trumpet saxophone harp
accordion bell whistle ball football basketball baseball tennis golf racket bat glove helmet skate
ski snowboard surfboard skateboard kite doll puzzle dice chess shirt t-shirt sweater jacket coat
dress skirt pants jeans shorts sock shoe boot sandal sneaker hat cap scarf belt tie glasses
sunglasses ring necklace earring bracelet crown umbrella parasol cane sword shield bow arrow gun
cannon tank flag trophy medal coin money wallet purse gift ribbon mailbox sink webcam snowman
robot healthy sick disease tumor tissue cell normal abnormal benign malignant lesion polyp
fracture defect crack scratch dent hole rust stain broken damaged missing part piece object thing
item animal plant vehicle furniture building food fruit vegetable drink clothing instrument
machine device equipment insect mammal reptile kitchen bathroom bedroom living room indoor outdoor
scene landscape portrait texture pattern surface edge corner center middle circle triangle
rectangle oval cross dot spot stripe curve angle number letter word text name label sitting
standing walking running jumping flying swimming sleeping eating drinking playing riding driving
holding looking smiling wearing hanging lying growing floating pointed leafy curly furry hairy
smooth rough fresh ripe rotten cooked raw frozen burning
"""


def corpus(seed: int, captions: int = 30_000) -> list[str]:
    """Generated captions, and every common word often enough to become one token."""
    rng = np.random.default_rng([seed, 3])
    names, styles = list(SYNONYMS), list(TRAINABLE_STYLES)
    lines = [
        make_caption(
            rng, str(rng.choice(names)), str(rng.choice(styles)),
            str(rng.choice(NAMED)), str(rng.choice(NAMED)),
        ).text
        for _ in range(captions)
    ]  # fmt: skip
    words = sorted(set(COMMON_TEXT.split()))
    lines += words * 60
    lines += [f"a photo of {with_article(word)}." for word in words] * 5
    lines += [p.format("a", bare="") for p in PLAIN_PHRASES] * 200
    lines += [p.format("a") for group in STYLE_PHRASES.values() for p in group] * 100
    return lines


def _skeleton(model: models.BPE) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def train_tokenizer(folder: Path, vocab_size: int, seed: int, captions: int = 30_000) -> None:
    """Write `tokenizer.json` and `tokenizer_config.json` in the format of CLIPTokenizer.

    The vocabulary holds all 256 bytes, in the middle and at the end of a word, so that every text
    can be written; BOS and EOS have the two highest ids.
    """
    bytes_ = sorted(pre_tokenizers.ByteLevel.alphabet())
    room = vocab_size - 2 * len(bytes_) - 2
    trainer = BpeTrainer(
        vocab_size=vocab_size, initial_alphabet=bytes_, end_of_word_suffix="</w>",
        show_progress=False,
    )  # fmt: skip
    raw = _skeleton(models.BPE(end_of_word_suffix="</w>"))
    raw.train_from_iterator(corpus(seed, captions), trainer)
    merges = [tuple(m) for m in json.loads(raw.to_str())["model"]["merges"]][:room]

    tokens = bytes_ + [b + "</w>" for b in bytes_] + ["".join(m) for m in merges] + [BOS, EOS]
    vocab = {token: i for i, token in enumerate(dict.fromkeys(tokens))}
    model = models.BPE(
        vocab=vocab, merges=merges, unk_token=EOS, continuing_subword_prefix="",
        end_of_word_suffix="</w>",
    )  # fmt: skip
    tokenizer = _skeleton(model)
    tokenizer.add_special_tokens([BOS, EOS])
    tokenizer.post_processor = processors.RobertaProcessing(
        (EOS, vocab[EOS]), (BOS, vocab[BOS]), trim_offsets=False, add_prefix_space=False
    )
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    config = {
        "tokenizer_class": "CLIPTokenizer",
        "bos_token": BOS,
        "eos_token": EOS,
        "unk_token": EOS,
        "pad_token": EOS,
        "model_max_length": 77,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
