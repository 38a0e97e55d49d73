"""From a publisher's rating, in words or on any numeric scale, to 1 (false) .. 5 (true), or to nothing (pure).

The words decide, because publishers fill the numbers carelessly: constant values, inverted scales, values outside of
their own scale. A number decides only where there are no words that we know. What neither decides stays unknown, and an
unknown rating can only ask for a review. The table is in docs/knowledge-base.md.
"""

from __future__ import annotations

import math
import re
import unicodedata

_LEADING = 80  # characters; later words of a long rating explain it, often by telling the opposite
_DISPUTED = 3

# Words by rating. A phrase that holds another one ("mostly false", "not true") is found first.
_WORDS: dict[int, str] = {
    1: """
    false; fake; hoax; untrue; incorrect; wrong; inaccurate; not true; not correct; not accurate; not real;
    bogus; pants on fire; pants on fire!; four pinocchios; fabricated; fiction; debunked; baseless; scam;
    fraud; fraudulent; miscaptioned; misattributed; incorrect attribution; altered; doctored; photoshopped;
    manipulated; edited; deepfake; digitally altered; ai generated; fake news; fake quote; false claim; false
    quote; false attribution; conspiracy; conspiracy theory; pseudoscience; impostor content; fabricated
    content; manipulated content; falso; falsa; falsos; falsas; es falso; mentira; bulo; fals; inventado;
    montaje; desmentido; fraude; estafa; boato; faux; c'est faux; infox; intox; falsch; gefälscht; stimmt
    nicht; erfunden; frei erfunden; fälschung; bufala; onwaar; niet waar; nep; falsk; feil; fel; fałsz;
    nieprawda; fejk; nepravda; nepravdivé; lživé; lažno; neistina; laž; yanlış; asılsız; ложь; неправда; фейк;
    неверно; брехня; salah; hoaks; disinformasi; sai; sai sự thật; गलत; झूठ; झूठा; असत्य; फर्जी; ফেক; মিথ্যা;
    ভুয়া; பொய்; తప్పు; خطأ; خاطئ; زائف; كاذب; غير صحيح; نادرست; دروغ; 错误; 假; 虚假; 谣言; 錯誤; 虛假; 不實;
    事實釐清; 誤り; 虚偽; 偽; 거짓; 사실 아님; ψευδές; שקר; לא נכון""",
    2: """
    mostly false; mainly false; largely false; misleading; distorts the facts; exaggerated; exaggeration;
    spins the facts; three pinocchios; cherry picking; cherry-picks; flawed reasoning; false context; false
    headline; false connection; out of context; inaccurate and misleading; mostly untrue; mostly inaccurate;
    mostly wrong; overstated; misrepresented; misleading content; unfounded; engañoso; engañosa; enganoso;
    enganosa; fuera de contexto; fora de contexto; fora do contexto; descontextualizado; exagerado; trompeur;
    trompeuse; infondé; hors contexte; plutôt faux; détourné; irreführend; größtenteils falsch; eher falsch;
    aus dem kontext gerissen; unbelegt falsch; fuorviante; misleidend; villedende; missvisande; wprowadza w
    błąd; manipulacja; манипуляция; вводит в заблуждение; yanıltıcı; menyesatkan; sesat; भ्रामक; বিভ্রান্তিকর;
    مضلل; 误导; 誤導; ミスリード; παραπλανητικό""",
    3: """
    disputed; mixture; mixed; half true; half-true; partly true; partly false; partially true; partially
    false; partially correct; partly correct; partially accurate; two pinocchios; unproven; unverified;
    unsupported; not proven; no evidence; lacks evidence; insufficient evidence; inconclusive; unresolved;
    undetermined; unclear; lacks context; missing context; needs context; lacking context; more context
    needed; out of date; outdated; satire; labeled satire; originated as satire; parody; legend; research in
    progress; contested; it's complicated; complicated; not enough evidence; unsubstantiated; questionable;
    verdict pending; blend of fact and fiction; mixture of true and false; no proof; not proved; conflicting
    evidence; mezcla; verdad a medias; parcialmente falso; parcialmente cierto; medias verdades; sin pruebas;
    sin contexto; sátira; satira; impreciso; imprecisa; sem contexto; não é bem assim; meia verdade; exige
    contexto; insustentável; partiellement faux; partiellement vrai; mélange; manque de contexte; contexte
    manquant; non prouvé; à nuancer; imprécis; teilweise falsch; teilweise richtig; teils richtig; halbwahr;
    fehlender kontext; unbelegt; unbewiesen; ohne beleg; parzialmente falso; mancanza di contesto; halve
    waarheid; deels waar; deels onwaar; ongefundeerd; częściowa prawda; częściowy fałsz; brak kontekstu;
    kısmen doğru; karma; полуправда; частично правда; আংশিক সত্য; अर्धसत्य; आधा सच; 部分错误; 部分錯誤; 证据不足; 根拠不明;
    절반의 사실""",
    4: """
    mostly true; mainly true; largely true; mostly accurate; mostly correct; largely accurate; largely
    correct; one pinocchio; mayormente cierto; casi cierto; mayormente verdadero; plutôt vrai; presque vrai;
    größtenteils richtig; eher richtig; überwiegend richtig; grotendeels waar; bastante cierto; quase
    verdadeiro; büyük ölçüde doğru""",
    5: """
    true; correct; accurate; legit; real; geppetto checkmark; correct attribution; confirmed; verified; not
    false; verdadero; verdadera; verdad; cierto; cierta; es cierto; verdadeiro; verdadeira; é verdade; fato;
    vrai; c'est vrai; exact; wahr; richtig; stimmt; korrekt; echt; vero; vera; waar; sant; rätt; prawda;
    pravda; doğru; правда; верно; benar; fakta; सही; सच; সত্য; صحيح; درست; 正确; 正確; 真实; 属实; 屬實; 正しい; 사실;
    αληθές; נכון""",
}
_VALUES: dict[str, int] = {}
for _value, _listed in _WORDS.items():
    for _phrase in _listed.split(";"):
        _VALUES.setdefault(" ".join(_phrase.split()), _value)
_KNOWN = re.compile(
    r"(?<!\w)(?:" + "|".join(re.escape(phrase) for phrase in sorted(_VALUES, key=len, reverse=True)) + r")(?!\w)"
)
_DENIAL = re.compile(r"\b(?:not|never|no|isn't|aren't|wasn't|cannot|nicht|kein|keine|non|pas|nem|niet)\b")
_MUCH = re.compile(r"(?:mostly|largely|mainly|almost|nearly|partly|partially|half|somewhat)$")


def value_of(words: str, *, value: float | None, best: float | None, worst: float | None) -> int | None:
    """Return 1 (false), 2 (mostly false), 3 (disputed), 4 (mostly true), 5 (true), or None where it is unknown.

    `words` is the textual rating, `value` the number on a scale from `worst` to `best` (schema.org's default: 1 to 5,
    1 being false); a scale that runs downwards is read as such.
    """
    read = _of_words(words)
    return _of_number(value, best, worst) if read is None else read


def _of_words(words: str) -> int | None:
    text = " ".join(unicodedata.normalize("NFKC", words).replace("’", "'").casefold().split())
    text = text.strip(" .!\"'“”«»()[]*:-–—_#")
    if text in _VALUES:
        return _VALUES[text]
    # 1. A known phrase, then a mark, then the reason: "False: no such law exists".
    start = _KNOWN.match(text)
    if start and re.match(r"\s*[.:;,!(\[|–—-]", text[start.end() :]) and len(text) > _LEADING:
        return _VALUES[start.group()]
    if len(text) > _LEADING:
        return None
    # 2. A short rating with known phrases in it: "This claim is false". A denied one is not turned round by us.
    found = []
    for match in _KNOWN.finditer(text):
        before = text[: match.start()].rstrip()
        if _DENIAL.search(before[-20:]):
            return None
        found.append(_DISPUTED if _MUCH.search(before) else _VALUES[match.group()])
    if not found:
        return None
    if len(set(found)) == 1:
        return found[0]
    # 3. Several: both on one side give the milder, sides that contradict each other are a mixture.
    if max(found) < _DISPUTED:
        return max(found)
    if min(found) > _DISPUTED:
        return min(found)
    return _DISPUTED


def _of_number(value: float | None, best: float | None, worst: float | None) -> int | None:
    if value is None:
        return None
    top, bottom = 5.0 if best is None else best, 1.0 if worst is None else worst
    if not all(math.isfinite(number) for number in (value, top, bottom)) or top == bottom:
        return None
    share = (value - bottom) / (top - bottom)
    if not 0.0 <= share <= 1.0:
        return None
    off_centre = share * 4 - 2  # halves are rounded towards the middle: the milder rating
    return _DISPUTED + int(math.copysign(math.ceil(abs(off_centre) - 0.5), off_centre))
