import re
from collections import Counter

from alma.memory import Episode, Memory, Recall, Situation

CHANGES = {"clean": "clean", "heat": "heat", "hot": "heat", "warm": "heat",
           "cool": "cool", "cold": "cool", "chilled": "cool"}
TOOLS = {"clean": "sinkbasin", "heat": "microwave", "cool": "fridge"}
STOP = set("put place move take find look examine a an some the two both in on into onto it "
           "them and with under at of to using by light".split()) | set(CHANGES)


def kind(name):
    return name.rsplit(" ", 1)[0] if name else ""


def number(name):
    tail = name.rsplit(" ", 1)[-1]
    return int(tail) if tail.isdigit() else 0


def names_in(text):
    return re.findall(r"\ban? ([a-z]+ \d+)", text or "")


def view_in(text):
    """The place whose contents a text shows, and its contents; None when it shows none."""
    m = re.search(r"(?:[OI]n the|The) ([a-z]+ \d+)(?: is open\. In it)?, you see (.*)", text or "", re.S)
    return (m.group(1), names_in(m.group(2))) if m else None


def closed_in(text):
    m = re.search(r"The ([a-z]+ \d+) is closed", text or "")
    return m.group(1) if m else None


class Task:
    """What a goal sentence asks: object kind, change, lamp, destination kind, one or two."""

    def __init__(self, goal):
        words = re.findall(r"[a-z]+", (goal or "").lower())
        self.change = next((CHANGES[w] for w in words if w in CHANGES), None)
        self.two = "two" in words or "both" in words
        self.lamp = next((w for w in words if w.endswith("lamp")), None)
        rest = [w for w in words if w not in STOP and w != self.lamp]
        self.obj = rest[0] if rest else ""
        self.dest = rest[-1] if len(rest) > 1 and not self.lamp else None


class State:
    """Where the agent stands, what it holds and what it has seen, read off the steps."""

    def __init__(self, history):
        self.loc = self.held = None
        self.inside, self.closed, self.treated, self.given = {}, set(), set(), {}
        for step in history:
            text = step.observation or ""
            m = re.search(r"You arrive at ([a-z]+ \d+)", text)
            if m:
                self.loc = m.group(1)
            shut = closed_in(text)
            if shut:
                self.closed.add(shut)
            m = re.match(r"You close the ([a-z]+ \d+)", text)
            if m:
                self.closed.add(m.group(1))
            seen = view_in(text)
            if seen:
                self.inside[seen[0]] = list(seen[1])
                self.closed.discard(seen[0])
            m = re.match(r"You pick up the ([a-z]+ \d+) from the ([a-z]+ \d+)", text)
            if m:
                self.held = m.group(1)
                self.given.pop(self.held, None)
                for items in self.inside.values():
                    if self.held in items:
                        items.remove(self.held)
            m = re.match(r"You (?:move|put) the ([a-z]+ \d+) (?:to|in|on|in/on) the ([a-z]+ \d+)", text)
            if m:
                self.held = None
                self.given[m.group(1)] = m.group(2)
                self.inside.setdefault(m.group(2), []).append(m.group(1))
            m = re.match(r"(\w+) ([a-z]+ \d+) with ([a-z]+ \d+)$", step.action or "")
            if m and not step.error and text.lower().startswith("you " + m.group(1)):
                self.treated.add(m.group(2))


class CompiledSweep(Memory):
    def __init__(self, kit):
        super().__init__(kit)
        self.kit = kit
        self.views = Counter()        # place kind -> first views of such a place
        self.hits = {}                # object kind -> Counter of place kinds it was seen at
        self.items = Counter()        # place kind -> objects seen there
        self.room_views = {}          # room -> Counter of places viewed
        self.room_hits = {}           # room -> object kind -> Counter of places
        self.arrivals = Counter()     # place kind -> arrivals before it was opened
        self.shut = Counter()         # place kind -> arrivals that found it closed
        self.tools = {}               # change -> Counter of tool kinds that offered it
        self.together = {}            # object kind -> Counter of kinds seen side by side with it

    # ---------------------------------------------------------------- learning

    async def update(self, episode: Episode) -> None:
        room = self.room(episode.situation)
        room_views = self.room_views.setdefault(room, Counter())
        room_hits = self.room_hits.setdefault(room, {})
        viewed, arrived, moved = set(), set(), set()
        for step in episode.steps:
            text = step.observation or ""
            m = re.search(r"You arrive at ([a-z]+ \d+)", text)
            if m and m.group(1) not in arrived and m.group(1) not in viewed:
                arrived.add(m.group(1))
                self.arrivals[kind(m.group(1))] += 1
                if closed_in(text):
                    self.shut[kind(m.group(1))] += 1
            m = re.match(r"You pick up the ([a-z]+ \d+)", text)
            if m:
                moved.add(m.group(1))
            seen = view_in(text)
            if seen and seen[0] not in viewed:
                place, things = seen
                viewed.add(place)
                self.views[kind(place)] += 1
                room_views[place] += 1
                kinds = sorted({kind(n) for n in things if n not in moved})
                self.items[kind(place)] += len(kinds)
                for k in kinds:
                    self.hits.setdefault(k, Counter())[kind(place)] += 1
                    room_hits.setdefault(k, Counter())[place] += 1
                for k in kinds:
                    self.together.setdefault(k, Counter()).update(o for o in kinds if o != k)
            offers = {step.action or ""} | set(step.admissible or ())
            for offer in offers:
                m = re.match(r"(clean|heat|cool) [a-z]+ \d+ with ([a-z]+) \d+$", offer)
                if m:
                    self.tools.setdefault(m.group(1), Counter())[m.group(2)] += 1

    # ---------------------------------------------------------------- knowledge

    def places(self, situation):
        found = [a[6:] for a in situation.admissible or () if a.startswith("go to ")]
        found = found or names_in(situation.observation)
        return sorted(set(found), key=lambda p: (kind(p), number(p)))

    def room(self, situation):
        return ",".join(sorted(names_in(situation.observation)))

    def often_shut(self, place):
        n = self.arrivals[kind(place)]
        return n > 0 and self.shut[kind(place)] / n > 0.5

    def chance(self, obj, place, room):
        """How likely a first look at this place shows such an object."""
        k = kind(place)
        hits = self.hits.get(obj, Counter())
        everything = max(1, sum(self.views.values()))
        # what is known of objects that were seen side by side with this one stands in for it
        own = sum(hits.values())
        mates = self.together.get(obj, Counter())
        total = weight = 0.0
        for other, places in self.hits.items():
            if other == obj:
                continue
            both = mates[other]
            w = 0.02 + both / (own + sum(places.values()) - both + 1.0)
            total += w * (places[k] + 0.2) / (self.views[k] + 1.0)
            weight += w
        near = total / weight if weight else 0.1
        base = min(0.9, 0.5 * near + 0.5 * (own + 0.5) / everything)
        kind_rate = (hits[k] + 3.0 * base) / (self.views[k] + 3.0)
        n = self.room_views.get(room, Counter())[place]
        here = self.room_hits.get(room, {}).get(obj, Counter())[place]
        return (here + 2.0 * kind_rate) / (n + 2.0)

    def ranked(self, obj, task, places, room, state=None):
        """Places by chance per step; those that are known to be closed cost one step more."""
        scored = []
        for p in places:
            value = self.chance(obj, p, room)
            if task.dest and kind(p) == task.dest and obj == task.obj and not task.change:
                value *= 0.1
            shut = self.often_shut(p) if state is None else (p in state.closed or self.often_shut(p))
            cost = 1.9 if shut else 1.0
            if state is not None and state.loc == p and p in state.closed:
                cost = 0.5            # already there: only the opening is left
            scored.append((-value / cost, kind(p), number(p), p))
        return [p for _, _, _, p in sorted(scored)]

    def tool(self, change, places):
        known = [k for k, _ in self.tools.get(change, Counter()).most_common()] + [TOOLS[change]]
        for k in known:
            for p in places:
                if kind(p) == k:
                    return p
        return known[0]

    # ---------------------------------------------------------------- planning

    def look_in(self, place, state):
        lines = [] if state.loc == place else ["go to " + place]
        if place in state.closed or (place not in state.inside and state.loc != place and self.often_shut(place)):
            lines.append("open " + place)
        return lines

    def search(self, obj, task, places, room, state, count):
        order = self.ranked(obj, task, places, room, state)
        todo = [p for p in order if p not in state.inside and not (p == state.loc and p not in state.closed)]
        todo = todo or [p for p in order if p != state.loc]
        lines = []
        for p in todo[:count]:
            lines += self.look_in(p, state)
        return lines

    def target(self, task, places, state):
        spots = [p for p in places if kind(p) == task.dest]
        if not spots:
            return task.dest
        for name, place in state.given.items():
            if kind(name) == task.obj and kind(place) == task.dest:
                return place
        if task.two:
            for p in spots:
                if any(kind(n) == task.obj for n in state.inside.get(p, ())):
                    return p
        if state.loc in spots:
            return state.loc
        opened = [p for p in spots if p in state.inside and p not in state.closed]
        return (opened or spots)[0]

    def finish(self, name, task, places, room, state, sweep):
        """What is left to do with the object once it is in hand."""
        exact = name[-1:].isdigit()
        lines, loc = [], state.loc if state.held == name else None
        if task.change and name not in state.treated:
            tool = self.tool(task.change, places)
            if loc != tool:
                lines.append("go to " + tool)
            lines.append(task.change + " " + name + (" with " + tool if exact else ""))
            loc = tool
        if task.lamp:
            for p, things in state.inside.items():
                for n in things:
                    if kind(n) == task.lamp:
                        return lines + ([] if loc == p else ["go to " + p]) + ["use " + n]
            if state.held == name:
                lines += self.search(task.lamp, task, places, room, state, sweep)
            return lines + ["use " + task.lamp]
        if task.dest:
            spot = self.target(task, places, state)
            if loc != spot:
                lines.append("go to " + spot)
            if spot in state.closed or (spot not in state.inside and self.often_shut(spot)):
                lines.append("open " + spot)
            lines.append("move " + name + (" to " + spot if exact else ""))
        return lines

    def known(self, task, state, possible):
        """Wanted objects whose place is known, nearest first."""
        found = []
        for p, things in state.inside.items():
            if task.dest and kind(p) == task.dest and not task.change:
                continue
            for n in things:
                if kind(n) != task.obj or n in state.given and kind(state.given[n]) == task.dest:
                    continue
                if p == state.loc and p not in state.closed and possible and \
                        "take " + n + " from " + p not in possible:
                    continue
                found.append((p != state.loc, p, n))
        return [(p, n) for _, p, n in sorted(found)]

    def lines(self, situation, history, sweep):
        task, state = Task(situation.goal), State(history)
        places, room = self.places(situation), self.room(situation)
        possible = set((history[-1].admissible if history else situation.admissible) or ())
        if not task.obj:
            return []
        if state.held and kind(state.held) == task.obj:
            plan = self.finish(state.held, task, places, room, state, sweep)
        else:
            plan = []
            if state.held and state.loc and state.loc not in state.closed:
                plan.append("move " + state.held + " to " + state.loc)
            found = self.known(task, state, possible)
            if found:
                place, name = found[0]
                if state.loc != place:
                    plan.append("go to " + place)
                if place in state.closed:
                    plan.append("open " + place)
                plan.append("take " + name + " from " + place)
                plan += self.finish(name, task, places, room, state, sweep)
            else:
                plan += self.search(task.obj, task, places, room, state, sweep)
                plan.append("take " + task.obj)
                plan += self.finish(task.obj, task, places, room, state, sweep)
        # opening what is open already would hold the plan up
        while plan and possible and re.match(r"(open|go to|move) .*\d$", plan[0]) and plan[0] not in possible:
            plan = plan[1:]
        return plan

    def event(self, task, history):
        """Whether the last step changed what should come next."""
        old, new = State(history[:-1]), State(history)
        if old.held != new.held or old.treated != new.treated or old.given != new.given:
            return True
        if new.held is None and len(self.known(task, new, ())) != len(self.known(task, old, ())):
            return True
        if new.closed - old.closed:
            return True
        if task.lamp and new.held:
            lamps = [sum(kind(n) == task.lamp for v in s.inside.values() for n in v) for s in (old, new)]
            return lamps[0] != lamps[1]
        return False

    async def retrieve(self, situation: Situation):
        lines = self.lines(situation, (), 16)
        return Recall(show={"Plan": lines} if lines else None, keep=None)

    async def on_step(self, situation: Situation, history):
        history = tuple(history)
        if not history:
            return None
        # the sweep runs by itself; it is compiled anew after an event, and now and then in case it was lost
        if self.event(Task(situation.goal), history) or len(history) % 8 == 0:
            lines = self.lines(situation, history, 16)
            return Recall(show={"Plan": lines}, keep=None) if lines else None
        return None