from __future__ import annotations

from ldpf.report.blocks import Code, Section, Table, Terms, Text
from ldpf.report.terms import TERMS, method_in_words, with_terms


def terms_of(section: Section) -> list[str]:
    return [name for block in section.blocks if isinstance(block, Terms) for name, _ in block.rows]


def test_a_term_is_explained_in_the_section_where_it_first_appears() -> None:
    first = Section("a", "Accuracy", [Text("A paired bootstrap over test images.")])
    second = Section("b", "Fusion weights", [Table("Entropy", ("bootstrap",), [("x",)])])
    third = Section("c", "Oracle gap", [Text("U_sel, the entropy and bootstrap.")])
    found = with_terms([first, second, third])
    assert [terms_of(one) for one in found] == [
        ["bootstrap"],
        ["fusion weight", "entropy"],
        ["U_sel", "oracle gap"],
    ]
    assert isinstance(found[0].blocks[0], Terms) and found[0].blocks[1:] == tuple(first.blocks)


def test_cells_of_tables_count_and_commands_do_not() -> None:
    cells = Section("a", "A", [Table("", ("x",), [("checkpoint 3",)])])
    typed = Section("b", "B", [Code(["ldpf train --backbone nano"])])
    assert [terms_of(one) for one in with_terms([typed, cells])] == [[], ["checkpoint"]]


def test_every_asked_for_term_is_known() -> None:
    known = {name for name, _, _ in TERMS}
    asked = {"fusion weight", "oracle gap", "U_sel", "entropy", "checkpoint", "bootstrap"}
    assert asked | {"prompt", "latent domain", "backbone"} <= known


def test_methods_are_named_in_words() -> None:
    assert method_in_words("ldpf-uniform").startswith(
        "The prompts of ldpf, fused by another rule. "
    )
    assert "visual head beside them" in method_in_words("coop+gda")
    assert "U_sel" in method_in_words("ldpf-oracle")
    assert method_in_words("coop").startswith("CoOp") and not method_in_words("somebodys")
