"""Frozen models of a study's settings. Every field is a setting of the YAML file with the same name."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from leukolab.base.errors import nearest
from leukolab.spec.values import (
    MOST_EPOCHS,
    Batch,
    ClassName,
    FolderName,
    Fraction,
    Parts,
    Patterns,
    Rates,
    Seed,
    switch,
)

EVERY = "both"
"""What stands for all protocols of a study."""
LONGEST = 10_000
"""Letters of a text."""


class Settings(BaseModel):
    """Frozen, and strict about keys it does not know. Every number has its bounds."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_max_length=LONGEST)


class DataSpec(Settings):
    """Which images, seen how."""

    card: str
    """Name of a data card, see `leukolab data list`."""
    parts: tuple[str, ...] | None = None
    """Parts of the data set that take part; all that are labelled where null."""
    view: str | None = None
    """A view of the labels the card offers, such as `two_class`; its own classes where null."""
    subject_from: str | None = None
    """A regular expression whose first group is the subject, searched in the relative path; some cards take none."""
    audit: Annotated[Literal["auto", "off"], BeforeValidator(switch)] = "auto"
    """Whether near-twins are looked for before the split (once for the same images); where off, no split is called
    free of leaks.
    """
    accept: str | None = None
    """A CSV with image_id, other_id and verdict (same, different): what a person said of pairs that an audit found."""
    part_from: str | None = None
    """A regular expression whose first group is the part, such as a train or test folder, searched as above."""
    include: Patterns = ()
    """Only images whose path, or a folder or file in it, fits one of these patterns (`*`, `?`); all where empty."""
    exclude: Patterns = ()
    """No image whose path, or a folder or file in it, fits one of these patterns."""
    columns: dict[Literal["path", "label", "subject", "part"], str] = {}
    """Names of a table's columns, where they are not `path`, `label`, `subject` and `part` themselves."""
    positive: ClassName | tuple[ClassName, ...] | None = None
    """The class of the disease, or of more than two classes those of it; where null the card says it, or the names."""

    @property
    def positive_names(self) -> tuple[str, ...]:
        """The classes named as the disease; none where nobody named any."""
        return (self.positive,) if isinstance(self.positive, str) else self.positive or ()


class ImageSpec(Settings):
    """Geometry between the file and the network."""

    size_px: int = Field(224, ge=16, le=2048)
    """Edge of the square the network sees."""
    crop_px: int | None = Field(None, ge=16, le=8192)
    """Edge of a centred square cut out before resizing; the whole image where null."""


class BalanceSpec(Settings):
    """Over- and undersampling to a number of images a class."""

    when: Literal["never", "before_split", "in_training"] = "never"
    per_class: int | None = Field(None, ge=1, le=100_000)
    """Images a class: `before_split` of all images, `in_training` of each training part."""

    @model_validator(mode="after")
    def _number_goes_with_when(self) -> BalanceSpec:
        if (self.when == "never") != (self.per_class is None):
            raise ValueError("'per_class' goes with 'when: before_split' or 'when: in_training', and only with these")
        return self


class SplitSpec(Settings):
    """How images are cut into train, validation, tuning and test.

    kind:
        holdout: train / validation / test by fractions, `outer` times with other seeds.
        kfold: every image tested once in `outer` parts; of the rest `validation` is set aside.
        holdout_kfold: a test part by fraction, then `folds` folds inside the rest (validation = one fold).
        nested: `outer` test parts, a tuning part, `folds` inner folds.
        blocks: contiguous blocks of file numbers a class; test, validation and tuning are neighbours.
        official: the data set's own folds; each is the test part once, the next one validation.
        file: a split file of the user's own.
        parts: the data's own parts, such as folders `train` and `test`; what has no part of its own is set aside.
    by:
        image, group (identity groups), or block (contiguous file numbers, for `nested`);
        auto is group where subjects are known, else block.
    """

    kind: Literal["holdout", "kfold", "holdout_kfold", "nested", "blocks", "official", "file", "parts"]
    by: Literal["image", "group", "block", "auto"] = "auto"
    outer: int = Field(1, ge=1, le=100)
    """Number of outer parts (for `holdout`, of repeats)."""
    folds: int = Field(1, ge=1, le=20)
    """Inner folds of each outer part."""
    test: Fraction = 0.2
    validation: Fraction = 0.1
    tuning: Fraction | None = None
    """Share of the groups outside the test part that is set aside for choosing between models."""
    tuning_blocks: Fraction = 0.125
    """That share where images are cut into contiguous blocks, as subjects are unknown."""
    stratify: bool = True
    """Whether parts by image keep the shares of the classes, or are shuffled only."""
    file: str | None = None
    part_roles: dict[str, Literal["train", "validation", "tuning", "test"]] = {}
    """With `kind: parts`: a part's name to its role; where empty, names such as `train`, `val` and `uji` tell it."""

    @model_validator(mode="after")
    def _kind_and_fields_agree(self) -> SplitSpec:
        if self.kind in ("holdout_kfold", "nested") and self.folds < 2:
            raise ValueError(
                f"folds: expected a whole number from 2 to 20, got {self.folds}. For one split use 'kind: holdout'"
            )
        if self.kind in ("kfold", "nested", "blocks") and self.outer < 3:
            raise ValueError(f"outer: '{self.kind}' needs at least 3 parts, got {self.outer}")
        if self.kind == "holdout" and self.test + self.validation >= 1:
            raise ValueError(
                f"test and validation: expected to leave some for training, got {self.test + self.validation:g}"
            )
        if (self.kind == "file") != (self.file is not None):
            raise ValueError("'file' goes with 'kind: file', and only with it")
        if self.part_roles and self.kind != "parts":
            raise ValueError("'part_roles' goes with 'kind: parts', and only with it")
        if not self.stratify and self.by != "image":
            raise ValueError(f"'stratify: false' goes with 'by: image', got 'by: {self.by}'")
        return self


class ProtocolSpec(Settings):
    """How the data are cut and balanced, and on which part choices between models are made."""

    stance: Literal["published", "corrected"]
    """Whether it reproduces what was published, to be compared, or is corrected, to be believed."""
    split: SplitSpec
    balance: BalanceSpec = BalanceSpec()
    champion_on: Literal["test", "tuning", "validation"] = "tuning"
    weights_on: Literal["validation", "test", "tuning"] = "tuning"
    allow_leakage: bool = False
    """A split with one identity group on two sides is refused unless the protocol says so."""


class StageSpec(Settings):
    """One stage of training."""

    name: str
    release: Literal["head", "last_stage", "all"] | Annotated[int, Field(ge=0, le=1000)] = "head"
    """What is trained: the head; the last stage of blocks and the head convolution too; all; or the last n stages."""
    epochs: int = Field(ge=1, le=MOST_EPOCHS)
    patience: int | None = Field(None, ge=1, le=MOST_EPOCHS)
    """Epochs without a better validation accuracy before stopping; never where null."""
    stop: bool = True
    """Whether training stops there; else it goes on to the last epoch, and only where it would have stopped is said."""

    @property
    def stops_after(self) -> int | None:
        """Epochs without a better validation accuracy after which training stops; None where it never does."""
        return self.patience if self.stop else None


class ReadingSpec(Settings):
    """One way to read a published training: its stages, and on which outer parts it is run."""

    stages: tuple[StageSpec, ...] = Field(min_length=1, max_length=100)
    outer_parts: dict[str, Parts] = {}
    """Protocol name to the outer parts to run; all (of `outer_parts` of the study) where a protocol is missing."""
    learning_rates: Rates | None = None
    """Instead of the training's."""
    published_epochs: int | None = Field(None, ge=1, le=100 * MOST_EPOCHS)
    """Epochs of all stages as published; a reading with fewer is called shortened."""

    @property
    def epochs(self) -> int:
        """Epochs of all stages, at most."""
        return sum(stage.epochs for stage in self.stages)

    @property
    def shortened(self) -> bool:
        """Whether it trains for fewer epochs than were published."""
        return self.published_epochs is not None and self.epochs < self.published_epochs


class AugmentSpec(Settings):
    """Random changes of training images; an empty one changes nothing."""

    flip_horizontal: bool = False
    flip_vertical: bool = False
    brightness: float = Field(0.0, ge=0, le=1)
    contrast: float = Field(0.0, ge=0, le=1)
    rotate_deg: float = Field(0.0, ge=0, le=180)
    views: Annotated[int, Field(ge=1, le=1000)] | Literal["online"] = 8
    """Number of seeded views per image, made once; or fresh draws in each epoch."""
    bank: Literal["study", "model"] = "study"
    """One bank of views for all models of a study, or one each (costs a pass of the frozen part each)."""

    @property
    def active(self) -> bool:
        """Whether anything is changed at all."""
        return any((self.flip_horizontal, self.flip_vertical, self.brightness, self.contrast, self.rotate_deg))


class ModelSpec(Settings):
    """The network: a timm backbone, pooling, dropout, a dense head."""

    backbone: str
    """A timm name with its tag, such as `tf_efficientnet_b3.aa_in1k`."""
    weights: str = "auto"
    """`auto` (packaged where a package carries this backbone, else hub), `hub`, `packaged`, `file:PATH`, `none`."""
    pooling: Literal["avg", "max", "avgmax"] = "avg"
    dropout: float = Field(0.3, ge=0, lt=1)
    head: Literal["softmax", "sigmoid"] = "softmax"


class TrainingSpec(Settings):
    """Optimiser and what it sees."""

    optimizer: Literal["adam", "adamw", "sgd", "rmsprop", "nadam", "adagrad"] = "adam"
    """With torch's default parameters beside the learning rate; sgd has momentum 0.9."""
    learning_rates: Rates = (1e-4,)
    batch_size: Batch = 32
    class_weights: bool = False
    """Weigh each class by N / (k N_j) of the training part."""
    augment: AugmentSpec = AugmentSpec()


class EnsembleSpec(Settings):
    """Weighted Ensembles of Networks, in the study's two scenarios."""

    schemes: tuple[Literal["accuracy", "f1", "kappa"], ...] = ("accuracy", "f1", "kappa")
    scenarios: tuple[Literal["inter_lr", "intra_lr"], ...] = ("inter_lr", "intra_lr")


class RuntimeSpec(Settings):
    """What may differ between machines; measured when the run is made, written down, obeyed on resume."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    threads: int | None = Field(None, ge=1, le=512)
    evaluation_batch_size: Batch = 64
    trunk: Literal["auto", "torch", "onnxruntime", "openvino"] = "auto"
    """What computes the frozen part; the fastest in a short measurement where `auto`."""
    trunk_batch_size: Batch | None = None
    """Images a pass of the frozen part; measured too where null."""


class PublishedPart(Settings):
    """Published figures of one part of the data."""

    role: Literal["train", "validation", "tuning", "test"]
    loss: float = Field(ge=0, le=1e6)
    accuracy: float = Field(ge=0, le=1)


class PublishedSpec(Settings):
    """What the study's paper reports; shown beside a run on the paper's own data, never mixed in."""

    card: str
    """The paper's data set, in its own classes."""
    parts: tuple[PublishedPart, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _test_part_is_there(self) -> PublishedSpec:
        roles = [part.role for part in self.parts]
        if "test" not in roles:
            found = ", ".join(roles)
            raise ValueError(f"parts: expected the paper's figures of 'test', got {found} only. Add 'role: test'")
        return self

    @property
    def test_accuracy(self) -> float:
        """Accuracy on the test part."""
        return next(part.accuracy for part in self.parts if part.role == "test")


class ReportSpec(Settings):
    """What the report of a study shows; the names are those of the tables of functions in `results` and `report`."""

    primary: str = "balanced_accuracy"
    """The metric of the headline and of every figure that shows one."""
    answers: tuple[str, ...] = ("offered",)
    """What its first lines answer, see `results.answers.ANSWERS`."""
    primary_question: Literal["H1", "H2", "H3", "H4"] | None = None
    """The hypothesis named before the run and tested alone, the others then being exploratory; none if null."""
    sections: tuple[str, ...] = (
        "pooled", "members", "data", "model", "learning", "results", "subjects", "wrong", "scores", "used",
    )  # fmt: skip
    """Its sections in order, see `report.sections.SECTIONS`."""
    labels: str = ""
    """Whose numbers figures and tables bear beside the report's own, such as those of a thesis; none where empty."""
    limits: tuple[str, ...] = ()
    """Limits of this study beside those of every study: texts `limits.<name>`."""


class StudyWords(Settings):
    """What a study says of itself in one language."""

    title: str
    question: str
    source: str


class StudySpec(Settings):
    """A whole study."""

    name: FolderName
    title: str
    question: str
    source: str
    translations: dict[str, StudyWords] = {}
    """Title, question and source in other languages, by the language's code."""
    report: ReportSpec = ReportSpec()
    published: PublishedSpec | None = None
    data: DataSpec
    image: ImageSpec
    model: ModelSpec
    training: TrainingSpec
    protocol: str
    """The protocol to run, or `both` for all of them."""
    protocols: dict[FolderName, ProtocolSpec] = Field(min_length=1, max_length=100)
    """By a name of the study's own."""
    readings: dict[FolderName, ReadingSpec] = Field({}, max_length=100)
    methods: tuple[str, ...] = Field((), max_length=100)
    """Methods run beside the readings, or instead of them: names of shipped ones, or YAML files of your own."""
    outer_parts: Parts | None = None
    """Outer parts to run, from 1; all where null."""
    ensembles: EnsembleSpec | None = None
    seed: Seed = 2019
    bootstrap: int = Field(2000, ge=100, le=20_000)
    """Resamples of each interval."""
    runtime: RuntimeSpec = RuntimeSpec()

    def words(self, language: str) -> StudyWords:
        """Title, question and source in `language`; as they stand where the study has no translation."""
        return self.translations.get(language) or StudyWords(
            title=self.title, question=self.question, source=self.source
        )

    @property
    def active_protocols(self) -> dict[str, ProtocolSpec]:
        """The protocols this run goes through."""
        if self.protocol == EVERY:
            return dict(self.protocols)
        return {self.protocol: self.protocols[self.protocol]}

    @property
    def published_here(self) -> PublishedSpec | None:
        """What the study's paper reports, where this run sees the paper's data in its own classes."""
        paper = self.published
        return paper if paper and (paper.card, None) == (self.data.card, self.data.view) else None

    @property
    def believed_protocol(self) -> str:
        """The first corrected protocol of this run, else its first one: what it offers for use comes from there."""
        active = self.active_protocols
        return next((name for name, protocol in active.items() if protocol.stance == "corrected"), next(iter(active)))

    @model_validator(mode="after")
    def _protocol_is_there(self) -> StudySpec:
        if EVERY in self.protocols:
            raise ValueError(f"protocols: '{EVERY}' stands for all of them; choose another name")
        if not self.readings and not self.methods:
            raise ValueError("readings: expected one reading or one method at least, got none")
        both = sorted({*self.readings} & {*self.methods})
        if both or len({*self.methods}) < len(self.methods):
            raise ValueError(f"methods: expected each name once, also among the readings, got {both or self.methods}")
        if self.protocol != EVERY and self.protocol not in self.protocols:
            hint = nearest(self.protocol, [*self.protocols, EVERY])
            raise ValueError(f"protocol: '{self.protocol}' is not among the protocols of this study. {hint}")
        for name, reading in self.readings.items():
            for protocol in reading.outer_parts:
                if protocol not in self.protocols:
                    raise ValueError(
                        f"readings.{name}.outer_parts: '{protocol}' is not among the protocols of this study"
                    )
        if self.report.primary_question is not None and self.ensembles is None:
            raise ValueError("report.primary_question: expected a study that mixes models, got one without ensembles")
        if self.ensembles is not None and self.methods:
            raise ValueError("methods: expected none beside ensembles of networks. Run them in a study of their own")
        if self.ensembles is not None and len(self.readings) != 1:
            raise ValueError(f"ensembles: expected one reading to mix the models of, got {len(self.readings)}")
        return self
