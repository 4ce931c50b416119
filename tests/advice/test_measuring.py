"""Advice on evaluation, experiments and bench."""

from __future__ import annotations

from ..command import works
from .case import Case, follow
from .steps import (
    EXPERIMENT,
    ONE,
    OUT,
    another_experiment,
    both,
    experiment,
    it_fits,
    no_work,
    out_of_memory,
    patched,
    requiring,
    varied,
    without_held_out,
)

CASES = [
    # evaluation
    Case("--samples must be at least {}, not {}", "evaluate RUN --samples 1", f"evaluate RUN --resamplings 2 {ONE}"),
    Case(
        "--resamplings must be at least 2, not {}: a standard deviation needs at least two resamplings",
        f"evaluate RUN {ONE} --resamplings 1",
        f"evaluate RUN {ONE} --resamplings 2",
    ),
    Case(
        "train with --data.held_out {}",
        "evaluate RUN",
        ("train TINY --data PACKED --run NEW-RUN --data.held_out 0.5", f"evaluate NEW-RUN {ONE} --resamplings 2"),
        without_held_out,
    ),
    Case(
        ("choose another --extractor", "; or measure without features, with --extractor none"),
        "evaluate RUN --data PHOTOS --extractor attributes",
        f"evaluate RUN --data PHOTOS --resamplings 2 {ONE}",
    ),
    Case(
        "images to learn features from, and at least {} are needed: choose another --extractor",
        "evaluate RUN --extractor attributes",
        f"evaluate RUN --resamplings 2 {ONE}",
    ),
    # experiments
    Case("--samples must be at least {}, not {}", "experiment samples --runs RUN --samples 1", f"experiment samples --runs RUN {ONE}"),
    Case(
        "--runs measures existing runs: leave out --data, --seeds and all",
        "experiment samples --runs RUN --data PACKED --seeds 2",
        "experiment samples --runs RUN",
        no_work,
    ),
    Case("--seeds must be at least 1, not {}", "experiment samples --seeds 0", "experiment samples --seeds 1", no_work),
    Case(f"{{}} exists already: it is a file; {OUT}", "experiment samples --out PHOTO", "experiment samples --out OUT", no_work),
    Case(f"{{}} exists already: it is a run folder; {OUT}", "experiment samples --out RUN", "experiment samples --out OUT", no_work),
    Case(f"{{}} exists already: it holds {{}}; {OUT}", "experiment samples --out PHOTOS", "experiment samples --out OUT", no_work),
    Case(
        f'{{}} exists already: it holds another experiment, "{{}}"; {OUT}',
        experiment("samples"),
        "experiment samples --out NEW-RUN",
        both(no_work, another_experiment),
    ),
    Case(
        "{}; or choose another --out",
        experiment("samples"),
        (lambda w: (w["OUT"] / "experiment.json").write_text('{"experiment": "samples"}'), experiment("samples")),
        both(lambda w: w["OUT"].mkdir(), lambda w: (w["OUT"] / "experiment.json").write_text("x")),
    ),
    Case(
        f"use the same settings, or {OUT}",
        experiment("other"),
        (experiment("other", networks__width=0.125), "experiment samples --out NEW-RUN"),
        both(no_work, another_experiment),
    ),
    Case("raise --data.held_out", requiring(0.1), requiring(0.5)),
    Case(
        "use a set with a larger one, or prepare the images again with --splits",
        requiring(0.5, "OUT"),
        ("prepare PHOTOS SET --size 16 --workers 1 --splits 0.5 0.5 0", requiring(0.5, "SET")),
        lambda w: works(*w.line("prepare PHOTOS OUT --size 16 --workers 1 --splits 0.8 0.1 0.1")),
    ),
    Case(
        "add some with: vaegan prepare IMAGES SET --attributes TABLE.csv {}",
        "experiment attribute-vectors --size 16 --data PHOTOS --out OUT",
        (
            "SAID --workers 1",
            f"experiment attribute-vectors --data SET --data.held_out 0.5 {EXPERIMENT} --out NEW-RUN",
        ),
    ),
    Case(
        "use the new set with --data SET",
        "experiment features --size 16 --data PHOTOS --data.held_out 0.5 --out OUT",
        (no_work, "experiment features --data PACKED --out NEW-RUN"),
    ),
    Case(
        "choose other attributes with --attributes",
        "experiment attribute-vectors --runs RUN --attributes Rare",
        "experiment attribute-vectors --runs RUN --attributes Round",
    ),
    Case(
        "--draws must be at least 2, not {}: a standard deviation needs at least two draws",
        "experiment features --runs RUN --draws 1",
        (no_work, "experiment features --runs RUN --draws 2"),
    ),
    Case(
        "ablation needs a setting and its values: give them with --vary objective.gamma=0.01,0.1,1",
        "experiment ablation",
        varied("objective.gamma=0.01,0.1,1"),
    ),
    Case(
        '--vary must be a setting and its values, such as objective.gamma=0.01,0.1,1, not "{}"',
        "experiment ablation --vary objective.gamma",
        varied("objective.gamma=0.01,0.1,1"),
    ),
    Case(
        "--vary {} was given twice: give all its values in one --vary, as in --vary {}=A,B",
        "experiment ablation --vary objective.gamma=1 objective.gamma=0.1",
        varied("objective.gamma=0.1,1"),
    ),
    Case(
        '--vary: "{}" and "{}" would both give runs named "{}": change one value',
        varied("objective.discriminator=a b,a-b"),
        varied("objective.discriminator=a b,a-c"),
    ),
    Case(
        'cannot read the values of "--vary {}": write values such as 0.01,0.1,1',
        "experiment ablation --vary objective.gamma=[",
        varied("objective.gamma=0.01,0.1,1"),
    ),
    Case("--vary {} has a value twice: leave out one", "experiment ablation --vary objective.gamma=1,1", varied("objective.gamma=0.1,1")),
    Case(
        "training.seed cannot be varied with --vary: use --seeds",
        "experiment ablation --vary training.seed=1,2",
        "experiment samples --seeds 2 --out OUT",
        no_work,
    ),
    # bench
    Case(
        "--seconds must be a finite number above 0, not {}",
        "bench --seconds 0",
        "bench --seconds 1",
        patched("vaegan.bench.Benchmark.results", lambda *_: []),
    ),
    Case("does not fit into memory: give smaller --batches or --sizes", "bench --batches 8 --sizes 32", it_fits, out_of_memory),
]

test_the_advice_works = follow(CASES)
