"""What travels as JSON: requests and answers, in the nouns of Python and the command line."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

MOST_HITS = 1000
MOST_QUERIES = 32
MOST_ITEMS = 1000  # of one page
MOST_TEXT = 100_000  # characters of a query

Side = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Key = Annotated[str, Field(min_length=1, max_length=8192)]
Globs = str | list[str]


class Asked(BaseModel):
    """What a client sends: a name that is not known is an error, and no typing mistake is lost."""

    model_config = ConfigDict(extra="forbid", strict=False)


class Told(BaseModel):
    """What a client gets; later versions may have more."""

    model_config = ConfigDict(extra="ignore", ser_json_inf_nan="null")


# -- searching -----------------------------------------------------------------------------------


class Part(Asked):
    """One thing to search with: exactly one of text, key, vector and image (or document)."""

    text: str | None = Field(
        default=None, max_length=MOST_TEXT, description="Typed words, or a document."
    )
    key: Key | None = Field(default=None, description="An item of the index.")
    vector: list[Number] | None = Field(default=None, min_length=1, max_length=65536)
    image: str | None = Field(
        default=None, description="A picture file, base64; a data: URL may be, too."
    )
    document: str | None = Field(
        default=None, description="The file of a document, base64, likewise."
    )
    crop: tuple[Side, Side, Side, Side] | None = Field(
        default=None,
        description="Of the image: x, y, width, height, in pixels, or shares of its sides.",
    )
    weight: float = Field(default=1.0, gt=0, le=1000, allow_inf_nan=False)
    literal: bool = Field(
        default=False, description="Search the text as it stands: no operators in it."
    )

    @model_validator(mode="after")
    def _one_thing(self) -> Part:
        given = [n for n in ("text", "key", "vector", "image", "document") if self.given(n)]
        if len(given) != 1:
            raise ValueError(
                "exactly one of text, key, vector, image and document is wanted; got "
                f"{' and '.join(given) or 'none'}"
            )
        if self.crop is not None and self.image is None:
            raise ValueError("crop is of an image")
        return self

    def given(self, name: str) -> bool:
        """Whether a field was given."""
        return getattr(self, name) is not None


class Wanted(Asked):
    """How many hits are wanted, and which; of an uploaded file, too."""

    k: int = Field(default=10, ge=1, le=MOST_HITS, description="Hits wanted.")
    offset: int = Field(
        default=0, ge=0, le=MOST_HITS * 10, description="Hits passed over before them."
    )
    among: Globs | None = Field(default=None, description="Globs on keys: only what one matches.")
    not_among: Globs | None = Field(
        default=None, description="Globs on keys: not what one matches."
    )
    where: str | None = Field(default=None, max_length=10_000, description="As in `query --where`.")
    threshold: Number | None = Field(default=None, description="Lowest score of a hit.")
    hybrid: bool | None = Field(default=None, description="Codes and words (BM25) together.")
    copies: bool | None = Field(
        default=None, description="The picture that it was made from comes first."
    )
    explain: bool = Field(default=False, description="Say of each document why it was found.")


class Search(Wanted):
    """A search: what hits are to be like, and what they are to be unlike."""

    like: list[Part] = Field(default_factory=list, max_length=MOST_QUERIES)
    unlike: list[Part] = Field(default_factory=list, max_length=MOST_QUERIES)

    @model_validator(mode="after")
    def _something(self) -> Search:
        if not self.like:
            raise ValueError("like is empty: name at least one thing that hits are to be like")
        return self


class Snippet(Told):
    """A piece of a document, and where in it words of the query stand."""

    text: str
    marks: list[tuple[int, int]]


class Term(Told):
    """A word, and its part in the similarity."""

    word: str
    weight: float


class Explanation(Told):
    """Why a document was found."""

    shared: list[Term]
    code: list[Term]
    borrowed: list[str] = []


class Hit(Told):
    """One found item; `aesearch.Hit` with its id."""

    id: int
    score: float
    key: str
    path: str | None = None
    title: str | None = None
    snippet: Snippet | None = None
    passage: tuple[int, int] | None = Field(default=None, description="Start and end in the text.")
    fields: dict[str, Any] | None = None
    same: str | None = None
    why: Explanation | None = None


class Answer(Told):
    """The hits of one search, all of one revision."""

    index: str
    revision: int
    hits: list[Hit]
    notes: list[str] = Field(
        default=[], description="How the query was read, where that is to be said."
    )
    unknown_words: list[str] = Field(default=[], description="Words that the search passed over.")


# -- indexes and items ---------------------------------------------------------------------------


class IndexSummary(Told):
    """One line of the list of indexes; of one that cannot be opened, its fault."""

    name: str
    kind: str | None = None
    items: int | None = None
    revision: int | None = None
    encoder: str | None = None
    hybrid: bool | None = Field(default=None, description="Whether words count beside the codes.")
    fault: str | None = None


class Indexes(Told):
    """All indexes that are served."""

    indexes: list[IndexSummary]
    writable: bool


class Skipped(Told):
    """A file that is not in an index, and why."""

    key: str
    reason: str
    ignored: bool
    kept: bool = False


class IndexInfo(Told):
    """What there is to know about an index; `aesearch.storage.info.IndexInfo`."""

    name: str
    kind: str
    source: str
    path: str
    tabular: bool
    settings: dict[str, Any]
    items: int
    revision: int
    changed_at: float
    encoder: str
    parameters: dict[str, Any]
    chosen: dict[str, Any]
    fingerprint: str
    features: dict[str, Any]
    code_size: int
    trained: dict[str, Any]
    training: bool
    engine: dict[str, Any]
    bytes_on_disk: int
    check: dict[str, Any] | None
    drift: str | None
    skipped: list[Skipped]
    weights: dict[str, float] = {}
    weights_from: str = ""
    fields: dict[str, list[str]] = {}
    hybrid: bool = Field(description="Whether words count beside the codes.")


class Item(Told):
    """One item of an index, without its code; `aesearch.storage.schema.Item`."""

    id: int
    key: str
    size: int
    mtime_ns: int
    digest: str = Field(description="Of its content, in hexadecimal.")
    added: bool = Field(description="Whether it was added by hand, and not found in the source.")


class ItemPage(Told):
    """Some items, in the order of their ids."""

    index: str
    revision: int
    total: int = Field(description="Items there are, of those that were asked for.")
    offset: int
    items: list[Item]


class ItemDetails(Item):
    """One item and what is kept of it."""

    index: str
    revision: int
    path: str | None = None
    title: str | None = None
    text: str | None = None
    label: str | None = None
    quoted: str | None = Field(default=None, description="What a mail quotes, and its signature.")
    fields: dict[str, Any] | None = None


class Reason(Told):
    """Why one item is similar to a query, or to another item."""

    index: str
    revision: int
    key: str
    other: str | None = Field(
        default=None, description="The key of the item that it is compared with."
    )
    why: Explanation | None = None
    occlusion: list[list[float]] | None = Field(
        default=None,
        description="Of pictures: how much each part of this one, from the top left, adds to it.",
    )


class Check(Told):
    """What the check of an index found, and what `compare` did, where it was run."""

    index: str
    revision: int
    check: dict[str, Any] | None
    comparison: dict[str, Any] | None = None


# -- generating and maps -------------------------------------------------------------------------


class Picture(Told):
    """A picture that a decoder made, PNG in base64."""

    image: str
    error: float | None = Field(default=None, description="Mean squared error, pixels in 0..1.")


class Pictures(Told):
    """Pictures that a decoder made."""

    index: str
    revision: int
    pictures: list[Picture]


class Reconstruct(Asked):
    """Pictures to be encoded and decoded again."""

    like: list[Part] = Field(min_length=1, max_length=MOST_QUERIES)


class Between(Asked):
    """The way from one picture to another."""

    first: Part
    second: Part
    steps: int = Field(default=8, ge=2, le=64)


class Sample(Asked):
    """New pictures, drawn at random."""

    count: int = Field(default=16, ge=1, le=256)
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    group: str | None = None


Layout = Literal["auto", "code", "pca", "tsne", "umap"]


class MapPanel(Told):
    """One layout: coordinates of all items, in the order of the ids."""

    method: str
    title: str
    coordinates: list[tuple[float, float]]
    accuracy: float | None = None


class Map(Told):
    """All items of an index in two dimensions."""

    index: str
    kind: str
    ids: list[int]
    keys: list[str]
    groups: list[str]
    panels: list[MapPanel]


# -- jobs ----------------------------------------------------------------------------------------


class Adding(Asked):
    """Items to be added, by their keys: text, a file in base64, or a vector each."""

    items: dict[Key, Part] = Field(min_length=1, max_length=1000)


class Syncing(Asked):
    """How thoroughly an index is compared with its source."""

    retry: bool = False
    reread: bool = False
    remove: bool = False


class Indexing(Asked):
    """A folder or a table below --sources, to be made an index of."""

    source: str = Field(min_length=1, max_length=4096, description="Relative to --sources.")
    name: str | None = Field(default=None, min_length=1, max_length=200)
    budget: str | None = Field(
        default=None, max_length=20, description="Time for training: 90s, 5m; 0."
    )
    settings: dict[str, Any] = {}


class Duplicating(Asked):
    """How duplicates are looked for."""

    alarm: float | None = Field(default=None, gt=0, le=1)
    threshold: float | None = Field(default=None, gt=0, le=1)


class Problem(BaseModel):
    """An error, as RFC 9457 has it; `error` is the class in `aesearch.errors`, where it is one."""

    model_config = ConfigDict(extra="allow")

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str | None = None
    error: str | None = None
    request: str | None = Field(
        default=None, description="The id of the request, as it is in the log."
    )


class Job(Told):
    """Something that takes long: adding, removing, synchronizing, indexing, duplicates."""

    id: str
    does: Literal["add", "remove", "sync", "index", "duplicates", "map"]
    index: str
    state: Literal["waiting", "running", "done", "failed", "cancelled"]
    stage: str = ""
    done: float = 0.0
    total: float = 0.0
    result: dict[str, Any] | None = None
    problem: Problem | None = None
    created_at: float
    ended_at: float | None = None


class Jobs(Told):
    """The jobs that are remembered, the latest first."""

    jobs: list[Job]


# -- the form that every client of embeddings knows ----------------------------------------------


class EmbeddingRequest(BaseModel):
    """As OpenAI's API has it; `model` is the name of an index, and what is not known is ignored."""

    model_config = ConfigDict(extra="ignore")

    model: str
    input: str | list[str]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = Field(default=None, ge=1)
    user: str | None = None


class Embedding(Told):
    """The code of one input."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class Usage(Told):
    """Tokens that were read."""

    prompt_tokens: int
    total_tokens: int


class Embeddings(Told):
    """The codes of several inputs."""

    object: Literal["list"] = "list"
    data: list[Embedding]
    model: str
    usage: Usage


class Model(Told):
    """An index, as what makes embeddings."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "aesearch"


class Models(Told):
    """All indexes."""

    object: Literal["list"] = "list"
    data: list[Model]
