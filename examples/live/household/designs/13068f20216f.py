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


class SearchPilot(Memory):
    """Learns where kinds of things are found and pilots the agent with the next few commands."""

    def __init__(self, kit):
        super().__init__(kit)
        self.kit = kit
        self.looks = {}        # kind of place -> inspections
        self.hits = {}         # kind of thing -> {kind of place: inspections that showed it}
        self.arrivals = {}     # kind of place -> [arrivals, arrivals at a closed one]
        self.room_looks = {}   # room -> {place: inspections}
        self.room_hits = {}    # room -> {place: {kind of thing: count}}
        self.tools = {}        # verb -> {kind of place: count}

    # ---- learning -------------------------------------------------------------------------

    @staticmethod
    def room(places):
        return "|".join(sorted(places))

    async def update(self, episode):
        w = World(episode.situation)
        key = self.room(w.places)
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
        rl = self.room_looks.setdefault(key, {})
        rh = self.room_hits.setdefault(key, {})
        for p, things in w.first.items():
            k = kind(p)
            self.looks[k] = self.looks.get(k, 0) + 1
            rl[p] = rl.get(p, 0) + 1
            for t in {kind(t) for t in things}:
                row = self.hits.setdefault(t, {})
                row[k] = row.get(k, 0) + 1
                cell = rh.setdefault(p, {})
                cell[t] = cell.get(t, 0) + 1

    # ---- where a thing is likely ----------------------------------------------------------

    async def alike(self, word):
        """Weights over known kinds of things whose places stand for those of `word`."""
        if not word:
            return {}
        for name in (word, word[:-1] if word.endswith("s") else word):
            if sum(self.hits.get(name, {}).values()) >= 3:
                return {name: 1.0}
        known = sorted(t for t, row in self.hits.items() if sum(row.values()) >= 3)
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

    def chance(self, place, key, weights):
        k = kind(place)
        total = max(1, sum(self.looks.values()))
        p = 0.0
        local = 0.0
        for t, v in weights.items():
            row = self.hits.get(t, {})
            base = (sum(row.values()) + 0.5) / (total + 10.0)
            p += v * (row.get(k, 0) + 3.0 * base) / (self.looks.get(k, 0) + 3.0)
            local += v * self.room_hits.get(key, {}).get(place, {}).get(t, 0)
        n = self.room_looks.get(key, {}).get(place, 0)
        return (local + 3.0 * p) / (n + 3.0)

    def shut_chance(self, place):
        n, c = self.arrivals.get(kind(place), [0, 0])
        return (c + 0.3) / (n + 1.0)

    # ---- the next commands ----------------------------------------------------------------

    def search(self, w, key, weights, adm):
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
            value = self.chance(p, key, weights) / cost - 1e-6 * i
            if value > best_value:
                best, best_value = p, value
        if best is None:
            rest = [p for p in w.places if p != w.here]
            if not rest:
                return []
            best = min(rest, key=lambda p: (w.visits[p], -self.chance(p, key, weights)))
        out = []
        if best != w.here:
            out.append("go to " + best)
        if best in w.shut or (not w.inspected(best) and self.shut_chance(best) > 0.5):
            out.append("open " + best)
        return out

    def reach(self, w, place):
        out = []
        if place != w.here:
            out.append("go to " + place)
        if place in w.shut:
            out.append("open " + place)
        return out

    def tool_place(self, w, verb):
        row = self.tools.get(verb, {})
        for k in sorted(row, key=lambda k: -row[k]) + [TOOLS[verb]]:
            options = sorted((p for p in w.places if kind(p) == k), key=lambda p: (p != w.here, number(p)))
            if options:
                return options[0]
        return None

    def target_place(self, w, task):
        options = [p for p in w.places if kind(p) == task.target]
        if not options:
            return None

        def rank(p):
            there = sum(1 for t in w.contents.get(p, ()) if same(t, task.obj)) if task.two else 0
            mine = sum(1 for t, q in w.moved.items() if q == p and same(t, task.obj)) if task.two else 0
            if task.two:
                return (-there, -mine, number(p))
            return (p != w.here, p in w.shut, not w.inspected(p), number(p))

        return min(options, key=rank)

    @staticmethod
    def exact(adm, prefix, whole):
        if adm and whole not in adm:
            for line in adm:
                if line.startswith(prefix + " "):
                    return line
        return whole

    def finish(self, w, task, thing, adm, key, lampish, holding):
        """Commands from the moment that `thing` is in hand."""
        out = []
        if task.lamp:
            lamps = w.where(task.lamp)
            if lamps:
                lamp, place = min(lamps, key=lambda x: (x[1] != w.here, x[1]))
                out += self.reach(w, place) if holding else ["go to " + place]
                out.append("use " + lamp)
            else:
                if holding:
                    out += self.search(w, key, lampish, adm)
                out.append("use " + task.lamp)
            return out
        here = w.here if holding else None
        if task.verb and task.verb not in w.treated.get(thing, ()):
            tool = self.tool_place(w, task.verb)
            if tool:
                whole = "%s %s with %s" % (task.verb, thing, tool) if holding else task.verb + " " + thing
                if tool != here:
                    out.append("go to " + tool)
                elif adm and not any(a.startswith("%s %s" % (task.verb, thing)) for a in adm):
                    if tool in w.shut:
                        out.append("open " + tool)
                out.append(self.exact(adm, "%s %s" % (task.verb, thing), whole) if tool == here else whole)
                here = tool
        dest = self.target_place(w, task)
        if dest:
            if dest != here:
                out.append("go to " + dest)
            if dest in w.shut:
                out.append("open " + dest)
            if holding:
                whole = "move %s to %s" % (thing, dest)
                if dest == w.here and adm and whole not in adm:
                    for a in adm:
                        if a.startswith(("move " + thing + " ", "put " + thing + " ")):
                            whole = a
                out.append(whole)
            else:
                out.append("move " + thing)
        return out

    def commands(self, situation, history, task, objish, lampish):
        w = World(situation)
        for s in history:
            w.see(s.action, s.observation, s.error)
        key = self.room(w.places)
        adm = (history[-1].admissible if history else situation.admissible) or ()
        out = []
        if w.hold and same(w.hold, task.obj):
            out = self.finish(w, task, w.hold, adm, key, lampish, True)
        else:
            if w.hold:
                drop = [a for a in adm if a.startswith(("move " + w.hold + " ", "put " + w.hold + " "))]
                if drop:
                    out.append(drop[0])
            dest = self.target_place(w, task) if task.target else None
            seen = []
            for t, p in w.where(task.obj):
                if task.target and not task.verb and not task.two and kind(p) == task.target:
                    continue
                if task.two and p == dest:
                    continue
                if task.verb and kind(p) == task.target and task.verb in w.treated.get(t, ()):
                    continue
                seen.append((t, p))
            if seen:
                t, p = min(
                    seen,
                    key=lambda x: (
                        not (task.verb and task.verb in w.treated.get(x[0], ())),
                        x[1] != w.here,
                        x[1] in w.shut,
                        number(x[0]),
                    ),
                )
                out += self.reach(w, p)
                out.append("take %s from %s" % (t, p))
                out += self.finish(w, task, t, (), key, lampish, False)
            else:
                out += self.search(w, key, objish, adm)
                out.append("take " + task.obj)
                out += self.finish(w, task, task.obj, (), key, lampish, False)
        if adm and len(out) > 1 and out[0].startswith("go to ") and out[0] not in adm:
            out = out[1:]
        return out

    # ---- showing --------------------------------------------------------------------------

    async def prepare(self, situation):
        task = Task(situation.goal, places_of(situation))
        objish = await self.alike(task.obj)
        lampish = await self.alike(task.lamp) if task.lamp else {}
        return task, objish, lampish

    async def retrieve(self, situation):
        task, objish, lampish = await self.prepare(situation)
        lines = self.commands(situation, (), task, objish, lampish)
        return lines[:9]

    async def on_step(self, situation, history):
        history = list(history)
        task, objish, lampish = await self.prepare(situation)
        lines = self.commands(situation, history, task, objish, lampish)[:9]
        if not lines:
            return None
        missed = 0
        for i in range(len(history) - 1, max(-1, len(history) - 7), -1):
            before = self.commands(situation, history[:i], task, objish, lampish)
            if before and (history[i].action == before[0] or history[i].action.startswith(before[0] + " ")):
                break
            missed += 1
        if len(history) in (10, 25, 48):
            followed = 0
            for i in range(len(history)):
                before = self.commands(situation, history[:i], task, objish, lampish)
                if before and history[i].action.startswith(before[0]):
                    followed += 1
            self.kit.log("%s step %d followed %d now %s" % (situation.goal, len(history), followed, lines[:3]))
        if missed < 2:
            return lines
        # The plan was not taken up twice running: say the same thing in another layout.
        turn = missed % 3
        if turn == 2:
            return {situation.goal.rstrip("."): lines}
        if turn == 0:
            head = {w: lines[:1] for w in (task.obj, task.target or task.lamp) if w}
            return head
        short = lines[:1] + [a for a in lines[1:] if task.obj in a][:2]
        return short