import re
from collections import Counter, defaultdict

import numpy as np

from alma.memory import Memory

NAME = re.compile(r"\b([a-z]+ \d+)\b")
STOP = set(
    "put a an some the in on and it them find two clean cleaned wash heat heated hot warm cool cooled cold "
    "chilled look at under with examine of to into onto inside place move then take light using".split()
)
VERBS = {
    "clean": ("clean", "cleaned", "wash"),
    "heat": ("heat", "heated", "hot", "warm"),
    "cool": ("cool", "cooled", "cold", "chilled"),
}
TOOLS = {"clean": "sinkbasin", "heat": "microwave", "cool": "fridge"}


def kind(name):
    return name.rsplit(" ", 1)[0]


def number(name):
    tail = name.rsplit(" ", 1)[-1]
    return int(tail) if tail.isdigit() else 0


def same(name, word):
    k = kind(name)
    return k == word or k + "s" == word or k + "es" == word


def places_of(situation):
    text = (situation.observation or "").lower().split("your task")[0]
    at = text.find("you see")
    found = NAME.findall(text[at:] if at >= 0 else text)
    if not found:
        for line in situation.admissible or ():
            if line.startswith("go to "):
                found.append(line[6:])
    return list(dict.fromkeys(found))


class World:
    """What is known of one room while an episode runs."""

    def __init__(self, situation):
        self.places = places_of(situation)
        self.contents = {}
        self.first = {}
        self.shut = set()
        self.arrived_shut = {}
        self.visits = Counter()
        self.here = None
        self.hold = None
        self.treated = defaultdict(set)
        self.used = set()
        self.moved = {}

    def see(self, action, obs, error=None):
        low = (obs or "").lower()
        act = (action or "").lower().strip()
        if "nothing happens" in low:
            return
        m = re.search(r"you arrive at (?:the )?([a-z]+ \d+)", low)
        if m:
            self.here = m.group(1)
        elif act.startswith("go to ") and not error:
            self.here = act[6:]
        if act.startswith("go to ") and self.here:
            self.visits[self.here] += 1
        for p in re.findall(r"the ([a-z]+ \d+) is closed", low):
            self.shut.add(p)
            if act.startswith("go to "):
                self.arrived_shut.setdefault(p, True)
        for p in re.findall(r"you close the ([a-z]+ \d+)", low):
            self.shut.add(p)
        for p in re.findall(r"the ([a-z]+ \d+) is open", low):
            self.shut.discard(p)
        for p, seen in re.findall(r"\b(?:on|in) (the [a-z]+ \d+|it), you see ([^.]*)", low):
            p = p[4:] if p.startswith("the ") else self.here
            for q in re.findall(r"you open the ([a-z]+ \d+)", low):
                p = q
            if not p:
                continue
            self.contents[p] = list(dict.fromkeys(NAME.findall(seen)))
            self.first.setdefault(p, list(self.contents[p]))
            self.arrived_shut.setdefault(p, False)
        m = re.search(r"you pick up the ([a-z]+ \d+)(?: from the ([a-z]+ \d+))?", low)
        if m:
            self.hold = m.group(1)
            for things in self.contents.values():
                if self.hold in things:
                    things.remove(self.hold)
        m = re.search(r"you (?:move|put|place) the ([a-z]+ \d+) (?:to|in/on|in|on) the ([a-z]+ \d+)", low)
        if m:
            self.hold = None
            self.contents.setdefault(m.group(2), []).append(m.group(1))
            self.moved[m.group(1)] = m.group(2)
        m = re.search(r"you (clean|heat|cool) the ([a-z]+ \d+)", low)
        if m:
            self.treated[m.group(2)].add(m.group(1))
        m = re.search(r"you turn on the ([a-z]+ \d+)", low)
        if m:
            self.used.add(m.group(1))
        m = re.search(r"you are carrying: an? ([a-z]+ \d+)", low)
        if m:
            self.hold = m.group(1)
        elif "not carrying anything" in low:
            self.hold = None

    def inspected(self, p):
        if p in self.contents:
            return True
        return self.visits[p] > 0 and p not in self.shut

    def where(self, word):
        """(thing, place) pairs of the things of that kind that were seen."""
        out = []
        for p, things in self.contents.items():
            for t in things:
                if same(t, word):
                    out.append((t, p))
        return out


class Task:
    def __init__(self, goal, places):
        words = re.findall(r"[a-z]+", (goal or "").lower())
        kinds = {kind(p) for p in places}
        content = [w for w in words if w not in STOP]
        self.two = "two" in words
        self.verb = None
        for v, forms in VERBS.items():
            if any(f in words for f in forms):
                self.verb = v
        self.lamp = None
        self.target = None
        if content and len(content) > 1:
            last = content[-1]
            if last.endswith("lamp") or (words[0] in ("examine", "look") and last not in kinds):
                self.lamp = last
                self.verb = None
            else:
                known = [w for w in content[1:] if w in kinds]
                self.target = known[-1] if known else last
        rest = [w for w in content if w not in (self.lamp, self.target)]
        self.obj = rest[0] if rest else (content[0] if content else "")


class MilestonePilot(Memory):
    """Learns where things are in rooms of each sort; shows the commands up to the next milestone."""

    def __init__(self, kit):
        super().__init__(kit)
        self.kit = kit
        # room -> {"kinds": [...], "looks": {place: n}, "hits": {place: {thing: n}}}
        self.rooms = {}
        self.seen = {}         # kind of thing -> places where it was seen
        self.arrivals = {}     # kind of place -> [arrivals, arrivals at a closed one]
        self.tools = {}        # verb -> {kind of place: count}

    # ---- learning -------------------------------------------------------------------------

    async def update(self, episode):
        w = World(episode.situation)
        for s in episode.steps:
            w.see(s.action, s.observation, s.error)
            for line in list(s.admissible or ()) + [s.action or ""]:
                m = re.match(r"(clean|heat|cool) [a-z]+ \d+ with ([a-z]+) \d+", line)
                if m:
                    row = self.tools.setdefault(m.group(1), {})
                    row[m.group(2)] = row.get(m.group(2), 0) + 1
        for p, shut in w.arrived_shut.items():
            row = self.arrivals.setdefault(kind(p), [0, 0])
            row[0] += 1
            row[1] += 1 if shut else 0
        key = "|".join(sorted(w.places))
        room = self.rooms.setdefault(
            key, {"kinds": sorted({kind(p) for p in w.places}), "looks": {}, "hits": {}}
        )
        for p, things in w.first.items():
            room["looks"][p] = room["looks"].get(p, 0) + 1
            cell = room["hits"].setdefault(p, {})
            for t in sorted({kind(t) for t in things}):
                cell[t] = cell.get(t, 0) + 1
                self.seen[t] = self.seen.get(t, 0) + 1

    # ---- where a thing is likely ----------------------------------------------------------

    async def alike(self, word):
        """Weights over known kinds of things whose places stand for those of `word`."""
        if not word:
            return {}
        for name in (word, word[:-1] if word.endswith("s") else word):
            if self.seen.get(name, 0) >= 3:
                return {name: 1.0}
        known = sorted(t for t, n in self.seen.items() if n >= 3)
        if not known:
            return {word: 1.0}
        vec = np.asarray(await self.kit.embed([word] + known))
        cos = vec[1:] @ vec[0]
        best = np.argsort(-cos)[:5]
        weight = np.exp(8.0 * (cos[best] - cos[best[0]]))
        weight = 0.7 * weight / weight.sum()
        out = {known[int(i)]: float(v) for i, v in zip(best, weight)}
        out[word] = out.get(word, 0.0) + 0.3
        return out

    def chances(self, places, weights):
        """Chance of the thing for each place: rooms of the same sort count most, this room itself again."""
        mine = {kind(p) for p in places}
        looks, hits = defaultdict(float), defaultdict(float)
        for room in self.rooms.values():
            other = set(room["kinds"])
            near = (len(mine & other) / max(1, len(mine | other))) ** 3
            if near < 0.01:
                continue
            for p, n in room["looks"].items():
                k = kind(p)
                looks[k] += near * n
                cell = room["hits"].get(p, {})
                for t, v in weights.items():
                    if t in cell:
                        hits[k] += near * v * cell[t]
        base = (sum(hits.values()) + 0.02) / (sum(looks.values()) + 1.0)
        here = self.rooms.get("|".join(sorted(places)), {"looks": {}, "hits": {}})
        out = {}
        for p in places:
            k = kind(p)
            general = (hits[k] + 2.0 * base) / (looks[k] + 2.0)
            cell = here["hits"].get(p, {})
            local = sum(v * cell.get(t, 0) for t, v in weights.items())
            out[p] = (local + 3.0 * general) / (here["looks"].get(p, 0) + 3.0)
        return out

    def shut_chance(self, place):
        n, c = self.arrivals.get(kind(place), [0, 0])
        return (c + 0.3) / (n + 1.0)

    # ---- the next commands ----------------------------------------------------------------

    def reach(self, w, place):
        out = [] if place == w.here else ["go to " + place]
        if place in w.shut or (not w.inspected(place) and self.shut_chance(place) > 0.5):
            out.append("open " + place)
        return out

    def search(self, w, chance, adm):
        # Places of a kind that were searched in vain make the others of that kind less likely.
        vain = Counter(kind(p) for p in w.places if w.inspected(p))
        best, best_value = None, -1.0
        for i, p in enumerate(w.places):
            if w.inspected(p):
                continue
            if p == w.here:
                if adm and ("open " + p) not in adm:
                    continue
                cost = 1.0
            elif p in w.shut:
                cost = 2.0
            else:
                cost = 1.0 + self.shut_chance(p)
            value = chance.get(p, 0.0) / (1.0 + vain[kind(p)] / 8.0) / cost - 1e-9 * i
            if value > best_value:
                best, best_value = p, value
        if best is None:
            rest = [p for p in w.places if p != w.here]
            if not rest:
                return []
            best = min(rest, key=lambda p: (w.visits[p], -chance.get(p, 0.0)))
        return self.reach(w, best)

    def tool_place(self, w, verb):
        row = self.tools.get(verb, {})
        for k in sorted(row, key=lambda k: -row[k]) + [TOOLS[verb]]:
            options = [p for p in w.places if kind(p) == k]
            if options:
                return min(options, key=lambda p: (p != w.here, number(p)))
        return None

    def target_place(self, w, task):
        options = [p for p in w.places if kind(p) == task.target]
        if not options:
            return None
        if not task.two:
            return min(options, key=lambda p: (p != w.here, p in w.shut, not w.inspected(p), number(p)))

        def rank(p):
            # Both things belong in one and the same place: stay with the one that has some.
            there = sum(1 for t in w.contents.get(p, ()) if same(t, task.obj))
            mine = sum(1 for t, q in w.moved.items() if q == p and same(t, task.obj))
            return (-there, -mine, number(p))

        return min(options, key=rank)

    def in_hand(self, w, task, adm, lamp_chance):
        """Commands up to the next milestone for the thing in hand."""
        thing = w.hold
        if task.lamp:
            lamps = w.where(task.lamp)
            if not lamps:
                return self.search(w, lamp_chance, adm) + ["use " + task.lamp]
            lamp, place = min(lamps, key=lambda x: (x[1] != w.here, x[1]))
            return self.reach(w, place) + ["use " + lamp]
        if task.verb and task.verb not in w.treated.get(thing, ()):
            tool = self.tool_place(w, task.verb)
            if tool:
                line = "%s %s with %s" % (task.verb, thing, tool)
                if tool != w.here:
                    return ["go to " + tool, line]
                if adm and line not in adm and tool in w.shut:
                    return ["open " + tool, line]
                return [line]
        dest = self.target_place(w, task)
        if not dest:
            return []
        line = "move %s to %s" % (thing, dest)
        if dest == w.here and adm and line not in adm:
            line = next((a for a in adm if a.startswith(("move %s " % thing, "put %s " % thing))), line)
        return self.reach(w, dest) + [line]

    def to_hand(self, w, task, adm, chance):
        """Commands that get the thing of the goal into the hand."""
        out = []
        if w.hold:
            out += [a for a in adm if a.startswith(("move %s " % w.hold, "put %s " % w.hold))][:1]
        dest = self.target_place(w, task) if task.two else None
        options = []
        for t, p in w.where(task.obj):
            done = task.verb and task.verb in w.treated.get(t, ())
            if task.two:
                if p == dest:
                    continue
            elif task.target and kind(p) == task.target and (done or not task.verb):
                continue
            options.append((not done, p != w.here, p in w.shut, number(t), t, p))
        if options:
            t, p = min(options)[-2:]
            return out + self.reach(w, p) + ["take %s from %s" % (t, p)]
        return out + self.search(w, chance, adm) + ["take " + task.obj]

    # ---- showing --------------------------------------------------------------------------

    async def advise(self, situation, history):
        w = World(situation)
        for s in history:
            w.see(s.action, s.observation, s.error)
        adm = (history[-1].admissible if history else situation.admissible) or ()
        task = Task(situation.goal, w.places)
        holding = bool(w.hold) and same(w.hold, task.obj)
        if holding:
            lamp = self.chances(w.places, await self.alike(task.lamp)) if task.lamp else {}
            lines = self.in_hand(w, task, adm, lamp)
            word = task.lamp or task.target
        else:
            lines = self.to_hand(w, task, adm, self.chances(w.places, await self.alike(task.obj)))
            word = task.obj
        if adm and len(lines) > 1 and lines[0].startswith("go to ") and lines[0] not in adm:
            lines = lines[1:]
        if not lines:
            return None
        show = {"Plan": lines}
        if word:
            show[word] = lines[:1]
        return show

    async def retrieve(self, situation):
        return await self.advise(situation, [])

    async def on_step(self, situation, history):
        return await self.advise(situation, list(history))