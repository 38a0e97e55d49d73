"""Words spelled out by the names of their letters: "kay eye ell ell", "kilo india lima lima" (pure, linear)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

_NAMES = """
a=a,ay,eh,alpha,alfa b=b,bee,be,bravo c=c,see,sea,cee,charlie d=d,dee,delta e=e,ee,echo f=f,eff,ef,foxtrot
g=g,gee,jee,golf h=h,aitch,haitch,hotel i=i,eye,aye,india j=j,jay,juliet,juliett k=k,kay,cay,kilo l=l,ell,el,lima
m=m,em,mike n=n,en,november o=o,oh,owe,oscar p=p,pee,pea,papa q=q,cue,queue,quebec r=r,are,ar,romeo
s=s,ess,es,sierra t=t,tee,tea,tango u=u,you,yew,ewe,uniform v=v,vee,victor w=w,whiskey,whisky x=x,ex,xray
y=y,why,wye,yankee z=z,zee,zed,zulu
"""
_LETTERS = {name: rule[0] for rule in _NAMES.split() for name in rule.partition("=")[2].split(",")}
# "k as in kilo" and "k for kilo" are one letter each.
_TOKEN = re.compile(r"(?<![^\W_])(?P<letter>[a-z]) (?:as in|like in|for|like) [a-z]+|[^\W\d_]+", re.IGNORECASE)
_SHORTEST, _LONGEST = 4, 14  # letters; three-letter runs are too often ordinary words ("you see a")
_GAP = re.compile(r"[\s,.;:!?–—-]{1,4}")


def spelled_words(text: str, vocabulary: Collection[str]) -> Iterator[tuple[int, int, str]]:
    """Yield (start, end, word) for each word of `vocabulary` that is spelled out in `text`."""
    run: list[tuple[str, int, int]] = []  # (letter, start, end)
    double = False
    for match in _TOKEN.finditer(text):
        near = bool(run) and _GAP.fullmatch(text, run[-1][2] if not double else match.start() - 1, match.start())
        word = match.group().lower()
        if word == "double":
            double = True
            continue
        letter = match["letter"].lower() if match["letter"] else _LETTERS.get(word)
        if run and (letter is None or not near):
            yield from _in_run(run, vocabulary)
            run = []
        if letter is not None:
            if double and letter == "u":
                letter, double = "w", False
            run += [(letter, match.start(), match.end())] * (2 if double else 1)
        double = False
    yield from _in_run(run, vocabulary)


def _in_run(run: list[tuple[str, int, int]], vocabulary: Collection[str]) -> Iterator[tuple[int, int, str]]:
    if len(run) < _SHORTEST:
        return
    letters = "".join(letter for letter, _, _ in run)
    at = 0
    while at + _SHORTEST <= len(letters):
        for length in range(min(_LONGEST, len(letters) - at), _SHORTEST - 1, -1):
            if letters[at : at + length] in vocabulary:
                yield run[at][1], run[at + length - 1][2], letters[at : at + length]
                at += length
                break
        else:
            at += 1
