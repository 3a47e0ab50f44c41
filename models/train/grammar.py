"""The language that the embedded model learns: short stories about old machines, told by a grammar.

A story picks a machine, two people, a wish and the trick that makes it fit; every later sentence depends on those, so a model
that tells one has learned more than word order. `sentences()` gives each sentence with its choices open, as a pattern, so that
generated text can be checked: `is_grammatical(text)` says whether every whole sentence of it is one that the grammar can tell.
"""
import random
import re

# name, year, memory, what it lacks
MACHINES = [
    ("ZX Spectrum", "1982", "48 KB", "no sprites"),
    ("Commodore 64", "1982", "64 KB", "no multiplier"),
    ("BBC Micro", "1981", "32 KB", "no multiplier"),
    ("Apple II", "1977", "48 KB", "no blitter"),
    ("Game Boy", "1989", "8 KB", "no colours"),
    ("Amiga 500", "1987", "512 KB", "no cache"),
    ("PlayStation", "1994", "2 MB", "no floats"),
    ("Pentium", "1993", "16 MB", "no 3D card"),
]
# name, pronoun, possessive
PEOPLE = [
    ("Ada", "she", "her"), ("Grace", "she", "her"), ("Rosa", "she", "her"), ("Mina", "she", "her"),
    ("Tom", "he", "his"), ("Alan", "he", "his"), ("Niko", "he", "his"), ("Otto", "he", "his"),
]
PLACES = ["attic", "garage", "kitchen", "school", "workshop"]
# the wish, what stands against it, the trick, what it brings
WISHES = [
    ("draw a castle", "the castle was too big", "drew one half and mirrored it", "the castle fit"),
    ("multiply two numbers", "adding took too long", "kept a table of squares", "one subtraction was enough"),
    ("play a song", "the song did not fit", "stored each bar once and played it twice", "the whole song fit"),
    ("turn a cube", "there was no time for sines", "looked the sines up in a table", "the cube turned smoothly"),
    ("scroll a map", "moving every byte was slow", "moved only the edge of the map", "the map flew by"),
    ("sort the stars", "the list was too long", "put the stars into buckets", "every star was in its place"),
    ("read a letter", "the letter was longer than the memory", "read it one line at a time", "no line was lost"),
    ("teach it to talk", "the weights were too wide", "rounded the weights to eight bits", "it told a story"),
]
MORALS = [
    "A small machine wants a clever program.",
    "What does not fit must be told another way.",
    "The less there is, the more one thinks.",
    "Every byte has a reason.",
]
FEELINGS = ["proud", "happy", "surprised", "quiet"]

# {a} {b}: people; {he} {his}: of the first; {m} machine; {y} {mem} {lack} its facts; {w} {but} {did} {now}: the wish's row
OPENINGS = [
    "In {y}, {a} got {m_an} {m}.",
    "{a} had {m_an} {m} in the {place}.",
    "Once there was {m_an} {m} that belonged to {a}.",
]
FACTS = ["It had {mem} of memory and {lack}."]
PROBLEMS = ["{a} wanted to {w}, but {but}.", "One day {a} wanted to {w} with it, but {but}."]
DOUBTS = ['"You need a bigger machine," said {b}.', '"It can not be done," said {b}.', '"Why not buy a new one?" asked {b}.']
THOUGHTS = ["{a} thought about it all night.", "{a} smiled and took {his} pencil.", "{a} counted the cycles."]
TRICKS = ["Then {he} {did}.", "In the morning {he} {did}."]
RESULTS = ["Now {now}, and the {m} was fast.", "Now {now}, with {mem} to do it in."]
PRAISE = ["{b} was {feeling}.", '"How did you do that?" asked {b}.']
ANSWERS = ['"{moral}" said {a}.']
END = ["The end."]
STORY = [OPENINGS, FACTS, PROBLEMS, DOUBTS, THOUGHTS, TRICKS, RESULTS, PRAISE, ANSWERS, END]


def article(machine):
    return "an" if machine[0] in "AEIOU" else "a"


def story(rng: random.Random) -> str:
    """One story, in one line."""
    m, y, mem, lack = rng.choice(MACHINES)
    (a, he, his), (b, _, _) = rng.sample(PEOPLE, 2)
    w, but, did, now = rng.choice(WISHES)
    words = dict(m=m, m_an=article(m), y=y, mem=mem, lack=lack, a=a, b=b, he=he, his=his, w=w, but=but, did=did, now=now,
                 place=rng.choice(PLACES), feeling=rng.choice(FEELINGS), moral=rng.choice(MORALS)[:-1] + ",")
    return " ".join(rng.choice(part).format(**words) for part in STORY)


def stories(seed: int):
    """Stories without end, the same for the same seed."""
    rng = random.Random(seed)
    while True:
        yield story(rng)


def sentences():
    """A pattern for each sentence of the grammar. Facts of one machine or wish stay together: a sentence that gives a machine
    another's memory is not one of the grammar."""
    people = "|".join(p[0] for p in PEOPLE)
    free = dict(a=f"(?:{people})", b=f"(?:{people})", he="(?:she|he)", his="(?:her|his)", place=f"(?:{'|'.join(PLACES)})",
                feeling=f"(?:{'|'.join(FEELINGS)})", moral=f"(?:{'|'.join(re.escape(x[:-1] + ',') for x in MORALS)})")
    patterns = set()
    for m, y, mem, lack in MACHINES:
        for w, but, did, now in WISHES:
            fixed = dict(m=m, m_an=article(m), y=y, mem=mem, lack=lack, w=w, but=but, did=did, now=now)
            for part in STORY:
                for template in part:
                    template_pattern = re.escape(template).replace(r"\{", "{").replace(r"\}", "}")
                    patterns.add(template_pattern.format(**{k: re.escape(v) for k, v in fixed.items()}, **free))
    return sorted(patterns)


def is_grammatical(text: str) -> bool:
    """Whether the text is whole sentences of the grammar, of which the last may be cut."""
    one = re.compile("(?:" + "|".join(sentences()) + r")(?: |$)")
    at, whole = 0, 0
    while at < len(text):
        found = one.match(text, at)
        if not found:
            break
        at, whole = found.end(), whole + 1
    rest = text[at:]
    longest = 120
    return whole > 0 and len(rest) < longest and not re.search(r"[.?] ", rest)


if __name__ == "__main__":
    source = stories(1)
    for _ in range(5):
        text = next(source)
        assert is_grammatical(text), text
        print(text)
