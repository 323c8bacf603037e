"""Rules of choice between trained candidates: which will be best at a site nobody has seen?

Every rule is a file that registers itself in `CHOICE_RULES`. How often each is right is measured by
`benchmarks/rules_of_choice.py`.
"""

from ldpf.methods.choosing.base import CHOICE_RULES, Choice, ChoiceRule

__all__ = ["CHOICE_RULES", "Choice", "ChoiceRule"]
