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
        self.played = {step.action for step in history}
        self.visit = {}               # place -> number of the step that last came there
        self.possible = frozenset()   # what can be played now, where that is known
        for i, step in enumerate(history):
            text = step.observation or ""
            m = re.search(r"You arrive at ([a-z]+ \d+)", text)
            if m:
                self.loc = m.group(1)
                self.visit[self.loc] = i
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


class VotesWithSecondVoice(Memory):
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
        self.rooms_with = Counter()   # place kind -> rooms that have such places
        self.places_of = Counter()    # place kind -> such places in all those rooms
        self.worlds = []              # per episode: its places by kind, what each first view showed

    # ---------------------------------------------------------------- learning

    async def update(self, episode: Episode) -> None:
        room = self.room(episode.situation)
        room_views = self.room_views.setdefault(room, Counter())
        room_hits = self.room_hits.setdefault(room, {})
        for k, n in Counter(kind(p) for p in names_in(episode.situation.observation)).items():
            self.rooms_with[k] += 1
            self.places_of[k] += n
        viewed, arrived, moved = set(), set(), set()
        content = []
        self.worlds.append((Counter(kind(p) for p in names_in(episode.situation.observation)), content))
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
                content.append((kind(place), kinds))
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

    def mates(self, obj, k):
        """The rate at a kind of place of the objects that are seen side by side with this one."""
        own = sum(self.hits.get(obj, Counter()).values())
        beside = self.together.get(obj, Counter())
        total = weight = 0.0
        for other, spots in self.hits.items():
            if other != obj:
                both = beside[other]
                w = 0.02 + both / (own + sum(spots.values()) - both + 1.0)
                total += w * (spots[k] + 0.2) / (self.views[k] + 1.0)
                weight += w
        near = total / weight if weight else 0.1
        return min(0.9, 0.5 * near + 0.5 * (own + 0.5) / max(1, sum(self.views.values())))

    def rates(self, obj, places, room, state):
        """Each earlier room votes, the more the liker it is to this one and to what was seen in it so far."""
        counts = Counter(kind(p) for p in places)
        seen = {(kind(p), kind(n)) for p, things in state.inside.items() for n in things}
        hits, views = Counter(), Counter()
        for other, content in self.worlds:
            both = sum((counts & other).values()) / max(1, sum((counts | other).values()))
            shared = sum((k, n) in seen for k, things in content for n in things)
            weight = (0.05 + both * both) * (1.0 + 0.1 * min(10, shared))
            for k, things in content:
                views[k] += weight
                if obj in things:
                    hits[k] += weight
        plain = self.hits.get(obj, Counter())
        rates = {}
        for k in counts:
            mates = self.mates(obj, k)
            vote = (hits[k] + 2.0 * mates) / (views[k] + 2.0)
            rates[k] = 0.5 * vote + 0.5 * (plain[k] + 5.0 * mates) / (self.views[k] + 5.0)
        return rates

    def here(self, obj, place, room, rate):
        """The rate, corrected by what this very place showed when the room was met before."""
        n = self.room_views.get(room, Counter())[place]
        had = self.room_hits.get(room, {}).get(obj, Counter())[place]
        return (had + 2.0 * rate) / (n + 2.0)

    def ranked(self, obj, task, places, room, state):
        """Places by chance per step, spread over kinds of place."""
        counts = Counter(kind(p) for p in places)
        failed = Counter(kind(p) for p in state.inside)
        rates = self.rates(obj, places, room, state)
        scored = []
        for p in places:
            k = kind(p)
            usual = self.places_of[k] / self.rooms_with[k] if self.rooms_with[k] else counts[k]
            # twice as many cabinets don't hold twice as many things, and what many of a kind lack, the rest lack
            value = self.here(obj, p, room, rates[k] * (0.5 + 0.5 * usual / counts[k]) * 0.93 ** failed[k])
            if task.dest and k == task.dest and obj == task.obj and not task.change:
                value *= 0.5 if task.two else 0.1
            cost = 1.9 if p in state.closed or self.often_shut(p) else 1.0
            if "open " + p in state.possible or (state.loc == p and p in state.closed):
                cost = 0.6            # within reach: only the opening is left
            scored.append((-value / cost, k, number(p), p))
        return [p for _, _, _, p in sorted(scored)]

    def tool(self, change, places):
        known = [k for k, _ in self.tools.get(change, Counter()).most_common()] + [TOOLS[change]]
        for k in known:
            for p in places:
                if kind(p) == k:
                    return p
        return known[0]

    # ---------------------------------------------------------------- planning

    def reach(self, place, command, state):
        """A command at a place, with the way there unless it can be played from here."""
        if command in state.possible:
            return [command]
        lines = [] if state.loc == place else ["go to " + place]
        if place in state.closed:
            lines.append("open " + place)
        return lines + [command]

    def search(self, obj, task, places, room, state, count):
        """The next places to look into, as commands."""
        order = self.ranked(obj, task, places, room, state)
        todo = [p for p in order if p not in state.inside and not (p == state.loc and p not in state.closed)]
        # all seen: round again, the longest unvisited first
        todo = todo or sorted((p for p in order if p != state.loc), key=lambda p: state.visit.get(p, -1))
        lines = []
        for p in todo[:count]:
            if "open " + p in state.possible:
                lines.append("open " + p)
                continue
            if state.loc != p:
                lines.append("go to " + p)
            if p in state.closed or (p not in state.inside and self.often_shut(p)):
                lines.append("open " + p)
        return lines

    def target(self, name, task, places, state):
        spots = [p for p in places if kind(p) == task.dest]
        if not spots:
            return task.dest
        anchor = self.anchor(task, state, name)
        if anchor:
            return anchor
        # the agent is loath to repeat a command: take a spot where this was not yet put down
        fresh = [p for p in spots if "move " + name + " to " + p not in state.played] or spots
        for p in fresh:
            if "move " + name + " to " + p in state.possible:
                return p
        if state.loc in fresh:
            return state.loc
        opened = [p for p in fresh if p in state.inside and p not in state.closed]
        return (opened or fresh)[0]

    def finish(self, name, task, places, room, state, count):
        """What is left to do with the object that is in hand, in exact commands."""
        lines, loc = [], state.loc
        if task.change and name not in state.treated:
            tool = self.tool(task.change, places)
            command = task.change + " " + name + " with " + tool
            lines += [command] if command in state.possible or loc == tool else ["go to " + tool, command]
            loc = tool
        if task.lamp:
            for p, things in state.inside.items():
                for n in things:
                    if kind(n) == task.lamp:
                        return lines + self.reach(p, "use " + n, state)
            return lines + self.search(task.lamp, task, places, room, state, count) + ["use " + task.lamp]
        if task.dest:
            spot = self.target(name, task, places, state)
            command = "move " + name + " to " + spot
            if not lines and command in state.possible:
                return [command]
            if loc != spot:
                lines.append("go to " + spot)
            if spot in state.closed or (spot not in state.inside and self.often_shut(spot)):
                lines.append("open " + spot)
            lines.append(command)
        return lines

    def anchor(self, task, state, held=None):
        """Of two: the one spot where both must come together, once one of them lies at such a spot."""
        if not task.two:
            return None
        lying = [(p, n) for p, things in state.inside.items() if kind(p) == task.dest
                 for n in things if kind(n) == task.obj and n != held]
        best, most = None, None
        for spot in sorted({p for p, _ in lying}):
            rest = [(p, n) for p, n in lying if p != spot]
            if held:
                rest.append((None, held))
            # most of them there already, then the fewest commands that were played before
            again = sum(("move %s to %s" % (n, spot)) in state.played for _, n in rest)
            again += sum(("take %s from %s" % (n, p)) in state.played for p, n in rest)
            value = (sum(p == spot for p, _ in lying), -again)
            if most is None or value > most:
                best, most = spot, value
        return best

    def known(self, task, state):
        """Wanted objects whose place is known, those within reach first."""
        anchor, found = self.anchor(task, state), []
        for p, things in state.inside.items():
            if task.dest and kind(p) == task.dest:
                # of two, what lies at another spot of the kind must still come to the first;
                # of one, what lies there counts already, unless it must be changed
                if p == anchor or not (task.two or task.change):
                    continue
            for n in things:
                if kind(n) != task.obj:
                    continue
                if not task.two and n in state.given and kind(state.given[n]) == task.dest and \
                        (not task.change or n in state.treated):
                    continue
                command = "take " + n + " from " + p
                if p == state.loc and p not in state.closed and state.possible and command not in state.possible:
                    continue
                found.append((command not in state.possible, p != state.loc, p, n))
        return [(p, n) for _, _, p, n in sorted(found)]

    def wanted(self, task, state):
        """The take command while nothing is in sight; its number keeps off what has been delivered."""
        given = [n for p, things in state.inside.items() if kind(p) == task.dest for n in things if kind(n) == task.obj]
        if not given:
            return "take " + task.obj
        free = next(i for i in range(1, 9) if task.obj + " " + str(i) not in given)
        return "take " + task.obj + " " + str(free)

    def think(self, situation, history, count):
        """(commands of this phase, the place to look into next or None, task)"""
        task, state = Task(situation.goal), State(history)
        places, room = self.places(situation), self.room(situation)
        state.possible = frozenset((history[-1].admissible if history else situation.admissible) or ())
        if not task.obj:
            return [], None, task
        sought = None
        if state.held and kind(state.held) == task.obj:
            plan = self.finish(state.held, task, places, room, state, count)
            if task.lamp and plan[-1] == "use " + task.lamp and len(plan) > 1:
                sought = re.sub(r"^(go to|open) ", "", plan[0])
        else:
            plan = []
            if state.held:
                drops = sorted(a for a in state.possible if a.startswith("move " + state.held + " to "))
                plan += drops[:1]
            found = self.known(task, state)
            if found:
                place, name = found[0]
                plan += self.reach(place, "take " + name + " from " + place, state)
                if task.two and state.given and task.dest and not task.change:
                    # a lone command may count for little once such an object was handled: say what follows
                    spot = self.target(name, task, places, state)
                    plan += ["go to " + spot, "move " + name + " to " + spot]
            else:
                looks = self.search(task.obj, task, places, room, state, count)
                if looks and not plan:
                    sought = re.sub(r"^(go to|open) ", "", looks[0])
                plan += looks + [self.wanted(task, state)]
        while plan and state.possible and re.match(r"(open|go to|move) .*\d$", plan[0]) and plan[0] not in state.possible:
            plan = plan[1:]
        return plan, sought, task

    def voice(self, task, command):
        """The next command once more, as a hint under the goal's word that it serves."""
        if command.startswith("take "):
            return {task.obj: [command]}
        if task.dest and re.search(r"\b" + task.dest + r" \d+$", command):
            return {task.dest: [re.sub(r"^(go to|open) ", "", command)]}
        return {}

    def recall(self, situation, history):
        plan, sought, task = self.think(situation, history, 3)
        if not plan:
            return None
        show = {"Plan": plan}
        if sought:
            # a second voice for the next place, under the word that is sought
            word = task.lamp if plan[-1].startswith("use ") else task.obj
            show[word] = [sought]
        elif plan[0] in State(history).played:
            # the agent is loath to repeat itself: only then a second voice helps
            show.update(self.voice(task, plan[0]))
        return Recall(show=show, keep=None)

    async def retrieve(self, situation: Situation):
        return self.recall(situation, ())

    async def on_step(self, situation: Situation, history):
        history = tuple(history)
        return self.recall(situation, history) if history else None