"""What an English spelling sounds like, coarsely: the common ground of respellings and mishearings (pure, linear).

Letters become about thirty sounds by the usual rules of English spelling; the rules know no words, so "knight" and
"nite" come out alike, while a word that breaks them ("one") does not. Consonants are p b t d k g f v T(h) s S(h) C(h)
J m n N(g) l r w y h; vowels are i(t) E(at) e(gg) a(t) A(le) o(dd) O(ak) u(p) U (too) I(ce) W (cow) Y (boy) and "." for
one that is too weak to tell.
"""

from __future__ import annotations

import re
import unicodedata

VOWELS = frozenset("iEeaAoOuUIWY.")
MAX_LETTERS = 40  # longer runs of letters are no words; they are read by their beginning

# Longest first within a letter; "^" is the beginning and "$" the end of the word. A part after ">" must follow and is
# not consumed. The first rule that fits is taken.
_RULES = """
^kn=n ^gn=n ^pn=n ^wr=r ^ps=s ^pt=t ^x=s ^who=hU ^wh=w ^rh=r ^y=y ^one$=wun ^eye=I ^i$=I ^u$=yU ^ur$=yor ^r$=or
^a$=. ^the$=T. ^to$=tU ^do$=dU ^aye=I ^ewe=yU ^yew=yU ^you=yU ^eu=yU ^uni=yUni ^of$=uv ^come=kum ^some=sum
tional=S.n.l tion=S.n ssion=S.n sion=S.n cian=S.n cious=S.s tious=S.s cial=S.l tial=S.l ture$=C.r sure$=S.r ous$=.s
stle=s.l eigh=A aigh=A ough>t=o augh>t=o ough$=uf augh=af igh=I tch=C dge=J dg=J sch=S chr=kr chl=kl ch=C ck=k cq=k
cc>e=ks cc>i=ks cc=k sce=se sci=sI scy=sI ce$=s c>e=s c>i=s c>y=s c=k sh=S ss=s s=s zz=s z=s ph=f pp=p th=T tt=t
ght=t ^gh=g gh$= gh=g gg=g gue$=g ge$=J g>y$=J gi>c=Ji g>en=J ngue$=N ng$=N ng>s$=N nk=Nk gn$=n mb$=m mn$=m bt$=t
qu=kw q=k x=ks bb=b dd=d ff=f kk=k kh=k ll=l mm=m nn=n rr=r vv=v ww=w j=J que$=k ould$=Ud alk=ok all=ol alm=om old=Old
ind$=Ind ild$=Ild eer=Er ear$=Er air=er are$=er ore=or oar=or oor=or our$=or our>s=or er$=.r or$=or ar$=ar ir=ur
yr=ur ur=ur er=ur wor=wur war=wor wa=wo eau=O ee=E ea=E ^ei=I ei=E ey$=E ey=A ew=U eu=U ie$=I ied$=Id ies$=Es ie=E
ye$=I ae=A ai=A ay=A au=o aw=o oa=O oe$=O oi=Y oy=Y oo=U ou=W ow$=O ow=W ue=U ui=U uy=I aa=a ii=E uu=U le$=.l
les$=.ls ed$=d e$= es$=s y$=E y=i o$=O a$=. i$=E u$=U
"""
# A single vowel, one consonant, and a final "e" (with or without s, d, r): the vowel says its name, "hate" and "hates".
_NAMED = re.compile(r"([aeiouy])(?=(?:[bcdfgjklmnpqrstvwz]|th|sh|ch|ph)e(?:s|d|r|rs)?$)")
_SILENT_H = re.compile(r"(?<=[aeiou])h(?![aeiou])")  # "fuhk", "mohron"; "gh" and "sh" follow other letters
_NAMES = {"a": "A", "e": "E", "i": "I", "o": "O", "u": "U", "y": "I"}
_VOWEL_SOUNDS = {"a": "a", "e": "e", "i": "i", "o": "o", "u": "u"}
_DOUBLED = re.compile(r"(.)\1+")
_BY_LETTER: dict[str, list[tuple[str, bool, bool, str, str]]] = {}
for _rule in _RULES.split():
    _spelling, _, _sound = _rule.partition("=")
    _first, _rest = _spelling.startswith("^"), _spelling.lstrip("^")
    _letters, _, _after = _rest.partition(">")
    _last = _rest.endswith("$")
    _entry = (_letters.rstrip("$"), _first, _last, _after.rstrip("$"), _sound)
    _BY_LETTER.setdefault(_entry[0][0], []).append(_entry)


def letters_of(word: str) -> str:
    """Return `word` as lower-case a to z only, accents taken off."""
    if word.isascii():
        return "".join(character for character in word.lower() if character.isalpha())
    plain = unicodedata.normalize("NFKD", word.lower())
    return "".join(character for character in plain if "a" <= character <= "z")


def sound_of(word: str) -> str:
    """Return the sounds of one word as an English reader would guess them; empty if it has no letters."""
    letters = _SILENT_H.sub("", letters_of(word)[:MAX_LETTERS])
    sounds: list[str] = []
    at = 0
    while at < len(letters):
        letter = letters[at]
        if letter in _NAMES and at > 0 and _NAMED.match(letters, at) and (at + 1 < len(letters)):
            sounds.append(_NAMES[letter])
            at += 1
            continue
        for spelling, first, last, after, sound in _BY_LETTER.get(letter, ()):
            end = at + len(spelling)
            if not letters.startswith(spelling, at) or (first and at > 0):
                continue
            if after and not letters.startswith(after, end):
                continue
            if last and end + len(after) != len(letters):
                continue
            if spelling == "e" and not any(made[-1:] in VOWELS for made in sounds):
                continue  # "be" and "he" keep their only vowel
            if spelling in ("le", "les") and sounds and sounds[-1][-1:] in VOWELS:
                continue  # "hole" has one syllable, "idle" two
            sounds.append(sound)
            at = end
            break
        else:
            sounds.append("E" if letter == "e" and at + 1 == len(letters) else _VOWEL_SOUNDS.get(letter, letter))
            at += 1
    return _DOUBLED.sub(r"\1", "".join(sounds))


def skeleton(sound: str) -> str:
    """Return the consonants of a sound: what survives the freest respelling."""
    return "".join(character for character in sound if character not in VOWELS)
