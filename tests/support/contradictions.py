"""Contradictions between the texts of a verdict: what each says, and which pairs cannot both hold.

The rules (`RULES`) know nothing of the figures behind the texts; a reader does not, either.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Key = tuple[Any, ...]
AHEAD = r"(?:one day|\d+ days) ahead"
OUTCOME = {"less often than chance explains": "missed", "more often than chance explains": "missed",
           "on too few days to judge": "unknown", None: "kept"}  # fmt: skip
HOW = r"(?:, (less often than chance explains|more often than chance explains|on too few days to judge))?"
LATER = r"(?:nothing|there are|[^.%]+? beats? )"
USE = r"use (its|(.+?)'s) intervals \(the 90 % one held ([\d.]+)(?: to ([\d.]+))? % at (.+?)\)"
CLAIM = r"(not tested|not reliably better|no better|[\d.]+ % (?:better|worse))"
NAIVES = ("naive", "ewma")
JARGON = re.compile(
    r"[%±=<>~²]|\b(p|CRPS|RMSE|Winkler|Holm|HAC|quantile|coverage|skill|significan\w*|distribution|interval|median|"
    r"standard|bootstrap|calibrat\w*|horizon)\b",
    re.IGNORECASE,
)


@dataclass
class Said:
    """Facts that the texts claim.

    Attributes:
        verdict: its texts.
        marked: models with a mark in the leaderboard.
        headline: horizon of the verdict.
        facts: by what is spoken of, the values that are claimed of it, each with the text that claims it.
    """

    verdict: Mapping[str, Any]
    marked: list[str]
    headline: int
    facts: dict[Key, list[tuple[Any, str]]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self):
        self.models = list(self.verdict["models"])
        self.answers = {each["question"]: each["answer"] for each in self.verdict["answers"]}
        for read in (_sentence, _advice, _why, _models, _point, _sharper, _honest, _over, _sure, _trust):
            read(self)

    def add(self, source: str, value: Any, *key: Any) -> None:
        """Note that a text claims a value."""
        self.facts[key].append((value, source))

    def values(self, *key: Any) -> set[Any]:
        """All that is claimed of something."""
        return {value for value, _ in self.facts.get(key, ())}

    def keys(self, kind: str) -> list[Key]:
        """All that is spoken of, of one kind."""
        return [key for key in self.facts if key[0] == kind]


def contradictions(verdict: Mapping[str, Any], marked: list[str]) -> list[str]:
    """All pairs of texts that contradict each other."""
    said = Said(verdict, marked, verdict["horizon"])
    return [f"{rule.__name__}: {found}" for rule in RULES for found in rule(said)]


# --- what the texts say ------------------------------------------------------------------------------------


def _split(text: str) -> list[str]:
    return [name for name in text.split(", ") if name]


def _numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text)]


def _distance(text: str) -> int:
    return 1 if text.startswith("one") else int(text.split()[0])


def _beats(said: Said, source: str, names: list[str], horizons: list[int]) -> None:
    for horizon in horizons:
        for model in said.models:
            said.add(source, model in names, "beats", model, horizon)


def _sentence(said: Said) -> None:
    text, h = said.verdict["sentence"], said.headline
    if found := re.match(rf"(.+?) beats (\S+) ({AHEAD}) on ([\d,]+) days?: ", text):
        rest = re.search(r" So do, in one or the other: (.+?)\.", text)
        _beats(said, "sentence", [found[1], *(_split(rest[1]) if rest else [])], [_distance(found[3])])
    elif found := re.match(rf"Nothing (?:beats|is shown to beat) (\S+).*? ({AHEAD}) on ([\d,]+) days?: ", text):
        _beats(said, "sentence", [], [_distance(found[2])])
    days = re.search(r" on ([\d,]+) days?: |\((\d+)\) to tell", text)
    said.add("sentence", int((days[1] or days[2]).replace(",", "")), "days")
    for numbers, what in re.findall(
        r" At horizons? ([\d, ]+?) (?!\d)((?:nothing|there are|[^.%]+? beats? ).*?)\.(?= |$)", text
    ):
        if what.startswith("nothing"):
            _beats(said, "sentence", [], _numbers(numbers))
        elif found := re.match(r"(.+?) beats? \S+$", what):
            _beats(said, "sentence", _split(found[1]), _numbers(numbers))
    said.add("sentence", h, "headline")


def _advice(said: Said) -> None:
    text = said.verdict["sentence"]
    if found := re.search(
        r"use (its|(.+?)'s) intervals \(the 90 % one held ([\d.]+)(?: to ([\d.]+))? % at (.+?)\)", text
    ):
        reference = re.search(r"(?:beats|shown to beat|Only|model from) (\S+)", text)
        model = found[2] or reference[1].rstrip(",")
        said.add("advice", model, "recommended")
        said.add("advice", "trusted", "intervals", model)
    for model in re.findall(r"(?:: take|But take) (.+?)'s", text):
        said.add("advice", model, "recommended")
    for model in re.findall(r"take (.+?)'s forecast, but not all of its intervals", text):
        said.add("advice", "distrusted", "intervals", model)
    _missing(said, "sentence", text)
    if "not anybody's point forecast" in text:
        said.add("advice", False, "any point")


def _missing(said: Said, source: str, text: str) -> None:
    for model in said.models:
        pattern = rf"(?<![\w ]){re.escape(model)}'s (\d+) % interval at horizon (\d+) held ([\d.]+) %{HOW}"
        for percent, horizon, held, how in re.findall(pattern, text.replace("; ", ";").replace("(", "(")):
            said.add(source, OUTCOME[how or None], "cover", model, int(percent), int(horizon))
            said.add(source, float(held), "held", model, int(percent), int(horizon))


def _why(said: Said) -> None:
    text = said.verdict["why"]
    said.add("recommended", said.verdict["recommended"], "recommended")
    said.add("why", re.match(r"(.+?)'s", text)[1], "recommended")
    if found := re.match(rf"(.+?)'s, which beats \S+ ({AHEAD})", text):
        said.add("why", True, "beats", found[1], _distance(found[2]))
    if found := re.search(rf"since nothing is shown to beat \S+ ({AHEAD})", text):
        _beats(said, "why", [], [_distance(found[1])])
    _missing(said, "why", text)


def _models(said: Said) -> None:
    for model, about in said.verdict["models"].items():
        text = about["sentence"].removeprefix(f"{model}: ")
        first, _, later = text.partition("; its 90 % interval held ")
        h = _distance(re.search(AHEAD, first)[0])
        for loss in ("distribution", "point forecast"):
            if found := re.search(
                rf"{loss} (not tested|not reliably better|no better|[\d.]+ % (?:better|worse))", first
            ):
                said.add(f"sentence of {model}", _sign(found[1]), "claim", model, loss, h)
        held, how = re.match(rf"([\d.]+) % of the time{HOW}\.", later).groups()
        said.add(f"sentence of {model}", float(held), "held", model, 90, h)
        said.add(f"sentence of {model}", OUTCOME[how], "cover", model, 90, h)
        for numbers, loss, outcome in re.findall(
            r"At horizons? ([\d, ]+): (distribution|point forecast) (better|no better|worse|not tested) ", later
        ):
            for number in _numbers(numbers):
                said.add(f"sentence of {model}", _sign(outcome), "claim", model, loss, number)
        for horizon, percent, held, how in re.findall(
            rf"At horizon (\d+) its (\d+) % interval held ([\d.]+) %{HOW}", later
        ):
            said.add(f"sentence of {model}", OUTCOME[how or None], "cover", model, int(percent), int(horizon))
            said.add(f"sentence of {model}", float(held), "held", model, int(percent), int(horizon))


def _sign(words: str) -> Any:
    if words == "not tested":
        return words
    return 0 if words.startswith("no") else 1 if words.endswith("better") else -1


def _point(said: Said) -> None:
    text = said.answers.get("Is the point forecast better than naive?", "")
    source = "answer on the point forecast"
    if text.startswith(("Yes", "Not at")):
        for model, horizon in re.findall(r"(?:: |, )([^:,(]+?) at horizon (\d+) \(", text):
            said.add(source, 1, "claim", model, "point forecast", int(horizon))
        said.add(source, True, "any point")
    if text.startswith("No: "):
        said.add(source, False, "any point")
        for model, horizon in re.findall(r"(?:worse: |, )([^:,]+?) at horizon (\d+)", text):
            said.add(source, -1, "claim", model, "point forecast", int(horizon))


def _sharper(said: Said) -> None:
    text = said.answers.get("Is the distribution sharper?", "")
    if found := re.match(rf"(Yes|No|Not shown|Not known): (.+?)'s CRPS ({AHEAD}) is", text):
        value = {"Yes": 1, "No": -1, "Not shown": 0, "Not known": "not tested"}[found[1]]
        said.add("answer on the distribution", value, "claim", found[2], "distribution", _distance(found[3]))


def _honest(said: Said) -> None:
    text, source = said.answers["Are the intervals honest?"], "answer on the intervals"
    for model in said.models:
        name = re.escape(model)
        for word, missed, distance, held in re.findall(
            rf"(Yes|Not at ([\d, ]+) %): {name}'s 50, 80, 90 % intervals ({AHEAD}) held (.+?) \(±", text
        ):
            for percent, share in zip((50, 80, 90), re.findall(r"([\d.]+) ±", held), strict=True):
                value = "missed" if word != "Yes" and percent in _numbers(missed) else "kept"
                said.add(source, value, "cover", model, percent, _distance(distance))
                said.add(source, float(share), "held", model, percent, _distance(distance))
        if found := re.search(rf"Not known: {name}'s intervals ({AHEAD}) were tried on ([\d,]+) day", text):
            said.add(source, "unknown", "cover", model, 90, _distance(found[1]))
            said.add(source, int(found[2].replace(",", "")), "days")
        for horizon, percent, held, how in re.findall(
            rf"At horizon (\d+) {name}'s (\d+) % interval held ([\d.]+) ± [\d.]+ %{HOW}", text
        ):
            said.add(source, OUTCOME[how or None], "cover", model, int(percent), int(horizon))
            said.add(source, float(held), "held", model, int(percent), int(horizon))


def _over(said: Said) -> None:
    text = said.answers.get("Over which horizons?", "")
    for part in text.removeprefix("Better than the reference: ").partition(". Over all")[0].split("; "):
        if found := re.match(r"(.+) at horizons? ([\d, ]+)$", part):
            if found[1] != "too few days to tell":
                names = [] if found[1] == "nothing" else _split(found[1])
                _beats(said, "answer on the horizons", names, _numbers(found[2]))
            else:
                for horizon in _numbers(found[2]):
                    said.add("answer on the horizons", True, "untested", horizon)


def _sure(said: Said) -> None:
    text = said.answers["How sure are we?"]
    days, count = re.match(r"The verdict rests on ([\d,]+) days? and (\d+) models", text).groups()
    said.add("answer on the sureness", int(days.replace(",", "")), "days")
    said.add("answer on the sureness", int(count), "models")
    said.add("models", len(said.models), "models")
    if "keeps them all" in text:
        said.add("answer on the sureness", tuple(sorted(said.models)), "kept")
    elif found := re.search(rf"by CRPS ({AHEAD}), rules out \d+ of them as the best and keeps (.+?)\.", text):
        said.add("answer on the sureness", _distance(found[1]), "headline")
        said.add("answer on the sureness", tuple(sorted(_split(found[2]))), "kept")
    if found := re.search(
        r"rules \S+ out as the best distribution .*? and keeps (.+?)\. No lead", said.verdict["sentence"]
    ):
        said.add("sentence", tuple(sorted(_split(found[1]))), "kept")
    if "rests" in text and "keeps" in text:
        said.add("marks", tuple(sorted(said.marked)), "kept")


def _trust(said: Said) -> None:
    model, h = said.verdict["recommended"], said.headline
    for text in said.verdict["trust"]:
        if found := re.match(
            r"On ([\d,]+) trading days .*? price (.+?) ended .*? (\d+) times in 100([,:].*)", text
        ):
            said.add("trust", int(found[1].replace(",", "")), "days")
            said.add("trust", _distance(found[2].replace(" trading", "")), "headline")
            said.add("trust", int(found[3]), "hundred", model)
            said.add("trust", "missed" if found[4][0] == ":" else "kept", "cover", model, 90, h)
        if found := re.match(r"The forecast was tried on only ([\d,]+|one) trading day", text):
            said.add("trust", 1 if found[1] == "one" else int(found[1].replace(",", "")), "days")
            said.add("trust", "unknown", "cover", model, 90, h)
        if re.match(r"\w+ trading days? ahead, its ranges scored [\d.]+ percent better", text):
            said.add("trust", 1, "claim", model, "distribution", h)
        if text.startswith("Its ranges are not shown"):
            said.add("trust", 0, "claim", model, "distribution", h)
        if text.startswith("Its middle value came"):
            said.add("trust", 1, "claim", model, "point forecast", h)
        if text.startswith("Do not use it to guess"):
            said.add("trust", 0, "claim", model, "point forecast", h)
        if text.startswith(("No other model was shown", "Some other model is probably")):
            _beats(said, "trust", [], [h])
        if found := re.match(
            r"No such advantage is shown ([^.;]+)(?:; (.+?) the 9-in-10 .* (\d+) times in 100)?\.", text
        ):
            for horizon in _numbers(found[1].replace("one", "1")):
                said.add("trust", False, "beats", model, horizon)
            if found[2]:
                last = found[1] if found[2] == "there" else found[2]
                said.add("trust", "kept", "cover", model, 90, _distance(last.replace(" trading", "")))
        if re.match(r"Some of its ranges .+? held (less|more) often than promised", text):
            said.add("trust", "distrusted", "intervals", model)


# --- which pairs cannot both hold --------------------------------------------------------------------------


def one_thing_has_one_value(said: Said) -> Iterator[str]:
    """Days, headline horizon, confidence set, marks, recommendation, claims, coverages: the same in all texts."""
    for key, values in said.facts.items():
        if len({value for value, _ in values}) > 1:
            yield f"{key}: {values}"


def who_beats_is_better_and_not_worse(said: Said) -> Iterator[str]:
    """A winner is better in a loss and worse in none; who is better in one and worse in none beats."""
    for _, model, horizon in said.keys("beats"):
        signs = [said.values("claim", model, loss, horizon) for loss in ("distribution", "point forecast")]
        if not all(signs):
            continue
        known = [sign for values in signs for sign in values if sign != "not tested"]
        better = bool(known) and max(known) > 0 and min(known) >= 0
        if said.values("beats", model, horizon) != {better}:
            yield f"{model} at {horizon}: {said.facts['beats', model, horizon]} with {signs}"


def the_untested_is_not_judged(said: Said) -> Iterator[str]:
    """No text tells, where too few days could be tested, of a winner or a loser."""
    for _, horizon in said.keys("untested"):
        for model in said.models:
            if True in said.values("beats", model, horizon):
                yield f"{model} beats at {horizon}, which could not be tested"


def point_claims_are_in_every_text(said: Said) -> Iterator[str]:
    """Nobody's point forecast is to be used, or some model's is better."""
    claimed = [key for key in said.keys("claim") if key[2] == "point forecast" and said.values(*key) == {1}]
    if said.values("any point") == {False} and claimed:
        yield f"no point forecast is better, but {claimed}"


def who_is_recommended_is_better_and_keeps_its_promise(said: Said) -> Iterator[str]:
    """None but a winner stands before naive and ewma, and none whose interval is called broken in any text."""
    model = said.verdict["recommended"]
    missed = [key for key in said.keys("cover") if key[1] == model and "missed" in said.values(*key)]
    if model not in NAIVES and said.values("beats", model, said.headline) != {True}:
        yield f"{model} is recommended, but does not beat anybody"
    if missed and "distrusted" not in said.values("intervals", model):
        yield f"{model} is recommended, but {missed}"
    if not missed and "distrusted" in said.values("intervals", model):
        yield f"{model} is distrusted without a miss"


def a_winner_that_is_passed_over_is_explained(said: Said) -> Iterator[str]:
    """A text names the miss, or the trainings, where a winner is not recommended."""
    model, why = said.verdict["recommended"], said.verdict["why"]
    winners = [name for name in said.models if said.values("beats", name, said.headline) == {True}]
    if model in NAIVES and winners:
        for name in winners:
            named = f"{name}'s " in why or "most trainings of the same kind" in why
            if not named:
                yield f"{name} beats, but {model} is recommended: {why}"


def the_confidence_set_does_not_deny_the_tests(said: Said) -> Iterator[str]:
    """Whoever the tests and the set rate differently is named, with what each of the two says."""
    kept = next(iter(said.values("kept")), None)
    if kept is None:
        return
    h, text = said.headline, said.answers["How sure are we?"]
    signs = {name: said.values("claim", name, "distribution", h) for name in said.models}
    better = [name for name, sign in signs.items() if sign == {1}]
    worse = [name for name, sign in signs.items() if sign == {-1}]
    reference = said.verdict["reference"]
    beaten = {*worse, *([reference] if better else [])} & {*kept}
    for name in beaten:
        if not re.search(rf"keeps [^.]*{re.escape(name)}[^.]* is no praise", text):
            yield f"{name} is shown not to be the best, but kept: {text}"
    for name in {*better} - {*kept}:
        if not re.search(rf"{re.escape(name)}.*, though better than", text):
            yield f"{name} is better, but ruled out: {text}"
    unclaimed = "which one cannot be claimed" in text and "cannot be claimed" in said.verdict["sentence"]
    if (reference not in kept and not better) != unclaimed:
        yield f"{reference} in {kept}, better: {better}, but: {text}"
    if unclaimed and re.match(r"Nothing beats (?!\S+ in both losses)", said.verdict["sentence"]):
        yield "nothing beats the reference, which is ruled out"


def trust_is_what_the_intervals_held(said: Said) -> Iterator[str]:
    """The share of a hundred in plain words is the coverage in the others."""
    model = said.verdict["recommended"]
    for value in said.values("hundred", model):
        for held in said.values("held", model, 90, said.headline):
            if abs(value - held) > 0.56:
                yield f"{value} of 100, but {held} %"


def trust_has_no_statistics(said: Said) -> Iterator[str]:
    """Two to four sentences that need no statistics."""
    if not 2 <= len(said.verdict["trust"]) <= 4:
        yield f"{len(said.verdict['trust'])} sentences"
    for text in said.verdict["trust"]:
        plain = text
        for name in said.models:
            plain = plain.replace(name, "")
        if found := JARGON.search(plain):
            yield f"{found[0]} in: {text}"
        if not text.endswith(".") or "nan" in text:
            yield text


def no_text_holds_what_is_no_number(said: Said) -> Iterator[str]:
    """No text says nan or None."""
    texts = [said.verdict["sentence"], said.verdict["why"], *said.answers.values()]
    yield from (text for text in texts if re.search(r"\bnan\b|\bNone\b|\binf\b", text))


RULES = (
    one_thing_has_one_value, who_beats_is_better_and_not_worse, the_untested_is_not_judged,
    point_claims_are_in_every_text, who_is_recommended_is_better_and_keeps_its_promise,
    a_winner_that_is_passed_over_is_explained, the_confidence_set_does_not_deny_the_tests,
    trust_is_what_the_intervals_held, trust_has_no_statistics, no_text_holds_what_is_no_number,
)  # fmt: skip
