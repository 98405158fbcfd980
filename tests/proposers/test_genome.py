"""Genomes: whatever chance does to one, it stays a design that compiles and passes the static look."""

import ast
import json
import subprocess
import sys

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from alma.learning.verify import check_source
from alma.proposers.grammar.genome import KINDS, PARTS, Gene, Genome, cross, draw, mutate
from alma.proposers.grammar.writer import title, write
from alma.records import Design

seeds = st.integers(0, 2**64 - 1)
everything = Genome(
    tuple(Gene(kind.name, tuple((n, v[0]) for n, v in kind.settings.items()), False) for kind in PARTS),
    "headed",
    True,
)


def rng(seed):
    return np.random.default_rng(seed)


@st.composite
def genomes(choose):
    """Drawn, then mutated and crossed a few times."""
    chance = rng(choose(seeds))
    genome = draw(chance)
    for _ in range(choose(st.integers(0, 6))):
        genome, told = mutate(genome, chance, weak=[PARTS[int(chance.integers(len(PARTS)))].name])
        assert told
    return cross(genome, draw(chance), chance) if choose(st.booleans()) else genome


@settings(max_examples=40, deadline=None)
@given(genomes())
def test_every_genome_gives_python_that_the_static_look_lets_pass(genome):
    source = write(genome)
    compile(source, "memory.py", "exec")
    assert check_source(source) == []
    assert imported(source) <= {"alma.memory"} | sys.stdlib_module_names
    assert "import alma" not in source
    assert max(map(len, source.splitlines())) <= 110


@settings(max_examples=40, deadline=None)
@given(genomes())
def test_a_genome_survives_json_and_the_same_genome_gives_the_same_text(genome):
    again = Genome.from_json(json.loads(json.dumps(genome.as_json())))
    assert again == genome
    assert write(again) == write(genome)


@settings(max_examples=40, deadline=None)
@given(genomes())
def test_a_genome_holds_each_part_once_with_settings_from_the_table(genome):
    assert len({gene.part for gene in genome.genes}) == len(genome.genes) > 0
    for gene in genome.genes:
        assert dict(gene.settings).keys() == KINDS[gene.part].settings.keys()
        assert all(value in KINDS[gene.part].settings[name] for name, value in gene.settings)
        assert KINDS[gene.part].wins or not gene.wins_only, "a part that compares wins with losses needs both"


@settings(max_examples=40, deadline=None)
@given(genomes(), genomes())
def test_different_genomes_are_different_designs(one, other):
    assert (one == other) == (Design.from_source(write(one)).id == Design.from_source(write(other)).id)


@settings(max_examples=40, deadline=None)
@given(genomes(), seeds)
def test_a_mutation_changes_the_design(genome, seed):
    changed, told = mutate(genome, rng(seed))
    if told != "show the parts in another order":
        assert changed != genome


@given(genomes(), genomes(), seeds)
@settings(max_examples=40, deadline=None)
def test_a_crossing_has_nothing_that_neither_parent_had(one, other, seed):
    child = cross(one, other, rng(seed))
    assert set(child.genes) <= {*one.genes, *other.genes}
    assert (child.rendering, child.per_step) == (one.rendering, one.per_step)


def test_chance_comes_from_the_seed_alone():
    assert draw(rng(3)) == draw(rng(3))
    assert len({write(draw(rng(seed))) for seed in range(40)}) > 35


def test_written_files_pass_linters_and_the_formatter(tmp_path):
    for seed in range(30):
        (tmp_path / f"design_{seed}.py").write_text(write(draw(rng(seed))))
    (tmp_path / "design_all.py").write_text(write(everything))
    ruff = [sys.executable, "-m", "ruff"]
    rules = ["--isolated", "--line-length=110", "--target-version=py311", "--no-cache"]
    check = subprocess.run(
        [*ruff, "check", "--select=E,F,I,B,UP", *rules, tmp_path], capture_output=True, text=True
    )
    assert check.returncode == 0, check.stdout
    form = subprocess.run([*ruff, "format", "--diff", *rules, tmp_path], capture_output=True, text=True)
    assert form.returncode == 0, form.stdout


def test_a_written_file_tells_its_parts_in_its_name_and_docstring():
    source = write(everything)
    assert f"class {title(everything)}(Memory):" in source
    assert all(kind.heading in ast.get_docstring(ast.parse(source)).replace("\n", " ") for kind in PARTS)


def imported(source):
    modules = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            modules.add(node.module if node.module == "alma.memory" else node.module.split(".")[0])
        elif isinstance(node, ast.Import):
            modules |= {alias.name.split(".")[0] for alias in node.names}
    return modules
